"""Each fault by switch, seen from the wire."""

from __future__ import annotations

import http.client
import time
from typing import Any

import pytest

from placet.sandbox import Sandbox
from tests.sandbox import wire
from tests.sandbox.wire import M, T

SEND = wire.create_item(b"To: ann@contoso.example\r\n\r\nx")
GONE = (http.client.RemoteDisconnected, ConnectionError)


@pytest.mark.parametrize(
    ("retry_after", "said"), [(None, None), (7, "7"), (2.128, "2.128"), ("soon", "soon")]
)
@pytest.mark.parametrize(("kind", "status"), [("throttled", 429), ("unavailable", 503)])
def test_the_front_door_is_overloaded(
    kind: str, status: int, retry_after: Any, said: str | None, sandbox: Sandbox
) -> None:
    sandbox.faults.set(kind, retry_after=retry_after)
    answer = wire.ews(sandbox, SEND)
    assert (answer.status, answer.headers.get("Retry-After")) == (status, said)
    assert sandbox.mails("ann") == []
    sandbox.faults.clear(kind)
    assert wire.ews(sandbox, SEND).status == 200


def test_a_busy_server_says_for_how_long(sandbox: Sandbox) -> None:
    sandbox.faults.set("busy", back_off_ms=297749)
    answer = wire.ews(sandbox, SEND)
    assert (answer.status, answer.codes) == (500, ["ErrorServerBusy"])
    [value] = answer.xml.iter(f"{T}Value")
    assert (value.get("Name"), value.text) == ("BackOffMilliseconds", "297749")
    assert sandbox.mails("ann") == []


@pytest.mark.parametrize(
    ("kind", "code"),
    [("busy_inside", "ErrorInternalServerError"), ("transient", "ErrorInternalServerTransientError")],
)
def test_every_item_fails_under_http_200(kind: str, code: str, sandbox: Sandbox) -> None:
    sandbox.send_as("ann", wire.mail())
    mail = sandbox.mails("approvals")[0].id
    sandbox.faults.set(kind)
    answer = wire.ews(sandbox, wire.get_item(wire.ID_ONLY, mail, mail))
    assert (answer.status, answer.codes) == (200, [code, code])
    assert ("InnerErrorResponseCode" in answer.text) == (kind == "busy_inside")
    for operation in (SEND, wire.sync(), wire.move_item(mail, "junkemail"), wire.delete_item(mail)):
        assert wire.ews(sandbox, operation).codes == [code]
    assert len(sandbox.mails("approvals")) == 1
    assert sandbox.mails("ann") == []


def named(mail: str) -> str:
    return f'<t:ItemId Id="{mail}"/>'


def test_exchange_stops_in_the_middle_of_a_request(sandbox: Sandbox) -> None:
    for _ in range(4):
        sandbox.send_as("ann", wire.mail())
    mails = [mail.id for mail in sandbox.mails("approvals")]
    sandbox.faults.set("stopped", count=1)
    answer = wire.ews(
        sandbox, wire.delete_item(mails[0]).replace(named(mails[0]), "".join(map(named, mails)))
    )
    failed, stopped = "ErrorInternalServerTransientError", "ErrorBatchProcessingStopped"
    assert (answer.status, answer.codes) == (200, ["NoError", "NoError", failed, stopped])
    assert answer.text.count('ResponseClass="Warning"') == 1
    assert [mail.id for mail in sandbox.mails("approvals")] == mails[2:]
    sandbox.faults.set("stopped", count=1)
    assert wire.ews(sandbox, SEND).codes == [failed]
    assert sandbox.mails("ann") == []


def test_exchange_redirects_to_its_error_page(sandbox: Sandbox) -> None:
    sandbox.faults.set("redirected", count=1)
    answer = wire.ews(sandbox, SEND)
    assert (answer.status, answer.headers["Location"]) == (302, "/ews/genericerrorpage.htm")
    assert sandbox.mails("ann") == []


def test_a_cut_before_the_work_leaves_nothing_done(sandbox: Sandbox) -> None:
    sandbox.faults.set("cut_before", count=1)
    with pytest.raises(GONE):
        wire.ews(sandbox, SEND)
    assert sandbox.mails("ann") == []
    assert wire.ews(sandbox, SEND).status == 200


def test_a_cut_after_the_work_leaves_it_done(sandbox: Sandbox) -> None:
    sandbox.faults.set("cut_after", count=1)
    with pytest.raises(GONE):
        wire.ews(sandbox, SEND)
    assert len(sandbox.mails("ann")) == len(sandbox.mails("approvals", "sentitems")) == 1


def test_half_an_answer_comes_under_the_length_of_all_of_it(sandbox: Sandbox) -> None:
    whole = wire.ews(sandbox, wire.sync())
    sandbox.faults.set("half_answer", count=1)
    with pytest.raises(http.client.IncompleteRead) as broken:
        wire.ews(sandbox, wire.sync())
    assert len(broken.value.partial) == len(whole.body) // 2
    assert len(broken.value.partial) + (broken.value.expected or 0) == len(whole.body)


def test_a_slow_answer_is_late_and_right(sandbox: Sandbox) -> None:
    sandbox.faults.set("slow", seconds=0.2)
    access_token = wire.token(sandbox)
    start = time.monotonic()
    assert wire.ews(sandbox, wire.sync(), access_token=access_token).status == 200
    assert time.monotonic() - start >= 0.2


def test_tokens_expire_in_the_middle_of_work(sandbox: Sandbox) -> None:
    access_token = wire.token(sandbox)
    sandbox.faults.set("tokens_expire", every=2)
    assert wire.ews(sandbox, wire.sync(), access_token=access_token).status == 200
    expired = wire.ews(sandbox, wire.sync(), access_token=access_token)
    assert expired.status == 401
    assert expired.headers["x-ms-diagnostics"].startswith("2000002;")
    assert wire.ews(sandbox, wire.sync()).status == 200


def test_the_server_forgets_its_sync_states(sandbox: Sandbox) -> None:
    state = wire.ews(sandbox, wire.sync()).xml.findtext(f".//{M}SyncState") or ""
    sandbox.faults.set("sync_lost", count=1, operations=["SyncFolderItems"])
    assert wire.ews(sandbox, SEND).codes == ["NoError"]
    assert wire.ews(sandbox, wire.sync(state)).codes == ["ErrorInvalidSyncStateData"]
    assert wire.ews(sandbox, wire.sync()).codes == ["NoError"]


def test_a_fault_strikes_every_nth_request_until_its_count_is_used_up(sandbox: Sandbox) -> None:
    sandbox.faults.set("throttled", every=3, count=2)
    statuses = [wire.ews(sandbox, wire.sync()).status for _ in range(9)]
    assert statuses == [200, 200, 429, 200, 200, 429, 200, 200, 200]
    assert sandbox.faults.struck["throttled"] == 2


def test_a_fault_by_probability_is_the_same_each_time() -> None:
    def statuses() -> list[int]:
        with Sandbox() as sandbox:
            sandbox.add_mailbox("approvals")
            sandbox.faults.set("unavailable", probability=0.5)
            return [wire.ews(sandbox, wire.sync()).status for _ in range(20)]

    first = statuses()
    assert set(first) == {200, 503}
    assert first == statuses()


def test_a_fault_of_one_operation_spares_the_others_and_the_token_endpoint(sandbox: Sandbox) -> None:
    sandbox.faults.set("cut_before", operations=["CreateItem"])
    assert wire.ews(sandbox, wire.sync()).status == 200
    with pytest.raises(GONE):
        wire.ews(sandbox, SEND)
    sandbox.faults.set("cut_before", operations=["token"])
    with pytest.raises(GONE):
        wire.token(sandbox)


def test_impossible_faults_are_refused_in_words(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="earthquake"):
        sandbox.faults.set("earthquake")
    for wrong in ({"every": 0}, {"probability": 2.0}, {"seconds": -1}):
        with pytest.raises(ValueError, match="`every` is 1 or more"):
            sandbox.faults.set("slow", **wrong)
    sandbox.faults.set("slow")
    sandbox.faults.set("busy")
    sandbox.faults.clear()
    assert sandbox.faults.on() == []
