"""`Placet.wait`: calls that Placet answers late, one after the other, over what fails between them."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from placet_client import NotFound, Placet, StillOpen, Unreachable

from tests.clients.scripted import Answer, Clock, Reply, problem, reply, request_json, scripted

OPEN, ENDED = reply(200, request_json()), request_json(sequence=9, state="ended", result="approved")


def late(clock_of: Callable[[], Clock], answer: Reply) -> Callable[[requests.PreparedRequest], Reply]:
    """An answer that comes after as many seconds as were asked for."""

    def respond(request: requests.PreparedRequest) -> Reply:
        clock_of().now += int(parse_qs(urlsplit(request.url or "").query)["wait"][0])
        return answer

    return respond


def test_it_asks_again_about_the_state_that_it_knows_until_the_request_has_ended() -> None:
    unchanged = late(lambda: clock, reply(304, content=b""))
    changed = late(lambda: clock, reply(200, request_json(sequence=2)))
    placet, network, clock = scripted(OPEN, unchanged, changed, unchanged, reply(200, ENDED))
    changes: list[int | None] = []
    request = placet.wait("r1", timeout=3600, on_change=lambda state: changes.append(state.sequence))
    assert (request.result, changes, clock.pauses) == ("approved", [2, 9], [])
    assert [sent.headers.get("If-None-Match") for sent in network.sent] == [None, '"1"', '"1"', '"2"', '"2"']
    assert all("wait=50" in str(sent.url) for sent in network.sent[1:])
    assert all(timeout[1] > 50 for timeout in network.timeouts[1:])  # the wait is no failure


def test_what_has_ended_is_not_waited_for() -> None:
    placet, network, _ = scripted(reply(200, ENDED))
    assert not placet.wait("r1", timeout=0).is_open
    assert len(network.sent) == 1


@pytest.mark.parametrize("status", [200, 304])
def test_it_ends_in_time_and_hands_the_request_over(status: int) -> None:
    body = request_json() if status == 200 else None
    placet, network, clock = scripted(
        OPEN, lambda sent: late(lambda: clock, reply(status, body, content=None if body else b""))(sent)
    )
    with pytest.raises(StillOpen) as caught:
        placet.wait("r1", timeout=120)
    assert caught.value.request.number == 7
    assert clock.now == 1000 + 120
    assert [parse_qs(urlsplit(str(sent.url)).query).get("wait") for sent in network.sent] == [
        None, ["50"], ["50"], ["20"],
    ]  # fmt: skip


def test_above_the_cap_of_waiters_it_comes_when_it_is_told_to() -> None:
    full = reply(304, content=b"", headers={"Retry-After": "15"})
    placet, _, clock = scripted(OPEN, full, full, reply(200, ENDED))
    placet.wait("r1")
    assert clock.pauses == [15, 15]


def test_what_answers_at_once_and_says_nothing_is_asked_less_and_less_often() -> None:
    placet, network, clock = scripted(OPEN, lambda _: reply(304, content=b""))
    with pytest.raises(StillOpen):
        placet.wait("r1", timeout=600)
    assert clock.pauses[:5] == [2, 4, 8, 16, 30]
    assert len(network.sent) < 30


def away(placet_answers: Reply | None) -> tuple[Placet, Clock]:
    """A Placet that is away after the first answer, for ever or until this one."""
    fault = requests.ConnectionError("cut")
    script: list[Answer] = [OPEN, fault, problem(503, "unavailable", {"Retry-After": "20"}), fault]
    placet, _, clock = scripted(*script, *([placet_answers] if placet_answers is not None else []))
    return placet, clock


def test_placet_may_be_away_for_some_minutes() -> None:
    placet, clock = away(reply(200, ENDED))
    assert placet.wait("r1").result == "approved"
    assert 20 in clock.pauses


def test_who_is_away_for_too_long_is_given_up() -> None:
    placet, clock = away(None)
    with pytest.raises(Unreachable):
        placet.wait("r1")
    assert 600 < clock.now - 1000 < 700


def test_a_request_that_may_not_be_seen_any_more_is_not_waited_for() -> None:
    placet, _, _ = scripted(OPEN, problem(404, "not-found"))
    with pytest.raises(NotFound):
        placet.wait("r1")
