"""Subscriptions of Microsoft Graph: literal bytes there and back, and what becomes of them over time."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from placet.accounts import general
from placet.accounts.models import Installation
from placet.mailboxes import store
from placet.mailboxes.base import FixNeeded, MailboxError, Wait
from placet.mailboxes.microsoft.graph import subscription_calls
from placet.mailboxes.microsoft.graph.client import Unreadable
from placet.mailboxes.microsoft.push import subscriptions
from placet.mailboxes.microsoft.push.hindrance import hindrance
from placet.mailboxes.models import Mailbox, Subscription
from placet.mailboxes.push.notices import noticings
from placet.workers import leases
from tests.dying import the_worker_dies
from tests.mailboxes.stub import CLIENT_ID, MAILBOX, Reply, Request, Stub

ID = "7f105c7d-2dc5-4530-97cd-4e7ae6534c07"
URL = "https://approvals.contoso.example/notifications/graph"
NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
JSON = {"Content-Type": "application/json;odata.metadata=minimal"}


def made(status: int = 201, id_: str = ID, until: str = "2026-11-29T06:00:00Z") -> Reply:
    body = {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#subscriptions/$entity",
        "id": id_,
        "resource": "users/approvals@contoso.example/mailFolders('inbox')/messages",
        "changeType": "created",
        "expirationDateTime": until,
    }
    return Reply(status, json.dumps(body).encode(), JSON)


def error(status: int, code: str, text: str = "words", **headers: str) -> Reply:
    return Reply(status, json.dumps({"error": {"code": code, "message": text}}).encode(), JSON | headers)


NOT_VALIDATED = error(
    400,
    "ValidationError",
    "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request.",
)
GONE = error(404, "ResourceNotFound", "The object was not found.")


# --- the calls --------------------------------------------------------------------------------------------


def create(stub: Stub, reply: Reply) -> subscription_calls.Made:
    stub.graph_replies = [reply]
    return subscription_calls.create(stub.graph_connection().graph, "inbox", URL, "k8")


def test_one_is_asked_for_as_documented(stub: Stub) -> None:
    with time_machine.travel(NOW, tick=False):
        answer = create(stub, made(until="2026-11-29T06:00:00.1234567Z"))
    assert answer == subscription_calls.Made(ID, datetime(2026, 11, 29, 6, 0, 0, 123456, tzinfo=UTC))
    (request,) = stub.graph_requests
    assert (request.method, request.path) == ("POST", "/v1.0/subscriptions")
    assert request.headers["prefer"] == 'IdType="ImmutableId"'
    assert json.loads(request.body) == {
        "changeType": "created",
        "notificationUrl": URL,
        "lifecycleNotificationUrl": URL,
        "resource": "users/approvals@contoso.example/mailFolders('inbox')/messages",
        "expirationDateTime": "2026-11-29T06:00:00Z",  # in 70 hours: the older pages allow 70.5
        "clientState": "k8",
    }


def test_one_is_renewed_and_ended_by_its_id(stub: Stub) -> None:
    stub.graph_replies = [made(200), Reply(204)]
    graph = stub.graph_connection().graph
    with time_machine.travel(NOW, tick=False):
        assert subscription_calls.renew(graph, ID).id == ID
    subscription_calls.delete(graph, ID)
    renewed, ended = stub.graph_requests
    assert (renewed.method, renewed.path) == ("PATCH", f"/v1.0/subscriptions/{ID}")
    assert json.loads(renewed.body) == {"expirationDateTime": "2026-11-29T06:00:00Z"}
    assert (ended.method, ended.path) == ("DELETE", f"/v1.0/subscriptions/{ID}")


@pytest.mark.parametrize(
    "text",
    [
        "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request.",
        "Subscription validation request timed out.",
        "Subscription validation request failed. HTTP status code is 'Forbidden'. Notification endpoint must respond "
        "with 200 OK to validation request.",
    ],
)
@pytest.mark.parametrize("code", ["ValidationError", "InvalidRequest"])
def test_an_address_that_cannot_be_reached_is_named_with_what_to_do(stub: Stub, code: str, text: str) -> None:
    with pytest.raises(FixNeeded) as caught:
        create(stub, error(400, code, text))
    assert f"Microsoft could not reach {URL}" in caught.value.cause
    assert "reachable from the internet" in caught.value.cure


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(400, "ValidationError", "Subscription expiration must be in the future."), Wait),
        (error(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."), FixNeeded),
        (error(403, "ExceededSubscriptionCount"), MailboxError),
        (error(429, "TooManyRequests", **{"Retry-After": "7"}), Wait),
        (error(503, "ServiceUnavailable"), Wait),
        (Reply(201, b"<html>", {"Content-Type": "text/html"}), Unreadable),
        (Reply(201, b"{}", JSON), Unreadable),
        (made(id_=""), Unreadable),
        (made(id_="x" * 129), Unreadable),
        (made(until="soon"), Unreadable),
    ],
)
def test_what_else_goes_wrong_is_an_error_of_the_mailbox(
    stub: Stub, reply: Reply, kind: type[MailboxError]
) -> None:
    with pytest.raises(kind):
        create(stub, reply)


def test_one_that_is_gone_is_lost_to_a_renewal_and_no_error_to_an_end(stub: Stub) -> None:
    stub.graph_replies = [GONE]
    with pytest.raises(subscription_calls.Lost):
        subscription_calls.renew(stub.graph_connection().graph, ID)
    subscription_calls.delete(stub.graph_connection().graph, ID)


# --- over time --------------------------------------------------------------------------------------------


@pytest.fixture
def mailbox(stub: Stub, db: None) -> Mailbox:
    """Active, through the stub; the site has a public https address."""
    public_url("https://approvals.contoso.example")
    saved = store.save(
        {
            "server_address": f"http://127.0.0.1:{stub.port}",
            "username": MAILBOX,
            "client_id": CLIENT_ID,
            "token_uri": stub.token_uri,
            "active": True,
        },
        secrets={"client_secret": "s3cret"},
        by="a test",
    )
    return saved.mailbox


def public_url(url: str) -> None:
    Installation.objects.get_or_create(id=1)
    general.save({"public_url": url}, by=1)


def numbered(stub: Stub) -> None:
    """Graph makes and renews whatever it is asked for, for as long as it is asked."""
    count = iter(range(1, 1000))

    def answer(request: Request) -> Reply | None:
        if "/v1.0/subscriptions" not in request.path:
            return None
        if request.method == "DELETE":
            return Reply(204)
        until = json.loads(request.body)["expirationDateTime"]
        if request.method == "PATCH":
            return made(200, request.path.rpartition("/")[2], until)
        return made(201, f"sub-{next(count)}", until)

    stub.answer = answer


def work() -> int:
    """What is due, worked once; how many mailboxes."""
    return sum(subscriptions.work(pk) for pk in subscriptions.due(100))


def calls(stub: Stub) -> list[str]:
    """Since the last call, in short."""
    found = [
        f"{request.method} {request.path.removeprefix('/v1.0/subscriptions')}"
        for request in stub.graph_requests
    ]
    stub.requests.clear()
    return [call.strip() for call in found]


def rows() -> dict[str, str]:
    return dict(Subscription.objects.values_list("folder", "server_id"))


def test_each_folder_gets_one_and_the_mailbox_is_looked_into(stub: Stub, mailbox: Mailbox) -> None:
    numbered(stub)
    Mailbox.objects.update(next_poll=timezone.now() + timedelta(hours=1))
    assert work() == 1
    assert calls(stub) == ["POST", "POST"]
    assert rows() == {"inbox": "sub-1", "junk": "sub-2"}
    state = Mailbox.objects.get()
    assert state.next_poll is not None
    assert state.next_poll <= timezone.now()
    assert work() == 0
    assert calls(stub) == []
    assert noticings([state])[state.pk].tone == "good"


def test_the_secrets_differ_and_only_their_keyed_hashes_are_kept(stub: Stub, mailbox: Mailbox) -> None:
    numbered(stub)
    work()
    states = [json.loads(request.body)["clientState"] for request in stub.graph_requests]
    assert len(set(states)) == 2
    assert all(len(state) >= 40 for state in states)
    kept = set(Subscription.objects.values_list("state_hash", flat=True))
    assert kept == {subscriptions.hash_of(state) for state in states}


def test_it_is_renewed_each_day_for_weeks(stub: Stub, mailbox: Mailbox) -> None:
    numbered(stub)
    with time_machine.travel(NOW, tick=False) as clock:
        work()
        calls(stub)
        renewals = 0
        for _hour in range(24 * 21):
            clock.shift(timedelta(hours=1))
            work()
            renewals += len([call for call in calls(stub) if call.startswith("PATCH")])
            assert Subscription.objects.filter(expires_at__gt=timezone.now()).count() == 2
        assert rows() == {"inbox": "sub-1", "junk": "sub-2"}
        assert renewals == 2 * 21


def test_a_life_that_the_server_cuts_short_is_renewed_halfway(stub: Stub, mailbox: Mailbox) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        stub.graph_replies = [made(until="2026-11-26T08:45:00Z"), made(id_="b", until="2026-11-26T08:45:00Z")]
        work()
        clock.shift(timedelta(minutes=22))
        assert work() == 0
        clock.shift(timedelta(minutes=1))
        stub.graph_replies = [made(200, until="2026-11-26T08:20:00Z")]  # even before now: no endless loop
        assert work() == 1
        assert work() == 0


def test_one_that_ran_out_while_nobody_was_there_is_made_anew(stub: Stub, mailbox: Mailbox) -> None:
    numbered(stub)
    with time_machine.travel(NOW, tick=False) as clock:
        work()
        clock.shift(timedelta(days=5))
        calls(stub)
        work()
        assert calls(stub) == ["POST", "POST"]
        assert rows() == {"inbox": "sub-3", "junk": "sub-4"}


def test_one_that_the_server_lost_is_made_anew(stub: Stub, mailbox: Mailbox) -> None:
    numbered(stub)
    work()
    calls(stub)
    numbering = stub.answer
    assert numbering is not None
    stub.answer = lambda request: GONE if request.method == "PATCH" else numbering(request)
    Subscription.objects.filter(folder="junk").update(due=timezone.now())
    Mailbox.objects.update(noticed=False, next_poll=timezone.now() + timedelta(hours=1))
    work()
    assert calls(stub) == ["PATCH /sub-2", "POST"]
    assert rows() == {"inbox": "sub-1", "junk": "sub-3"}
    assert Mailbox.objects.get().noticed  # what came in between is looked for


@pytest.mark.parametrize(
    "change",
    [{"active": False}, {"notify": False}, {"protocol": "ews", "scope": ""}],
    ids=["switched off", "not wanted", "another way"],
)
def test_what_is_not_wanted_any_more_is_ended(stub: Stub, mailbox: Mailbox, change: dict[str, Any]) -> None:
    numbered(stub)
    work()
    calls(stub)
    store.change(change, by="a test", mailbox=mailbox)
    assert work() == 1
    assert calls(stub) == ["DELETE /sub-1", "DELETE /sub-2"]
    assert rows() == {}
    assert work() == 0


def test_another_public_address_makes_them_anew(stub: Stub, mailbox: Mailbox) -> None:
    numbered(stub)
    work()
    calls(stub)
    public_url("https://it.contoso.example/placet")
    work()
    sent = json.loads(stub.graph_requests[1].body)
    assert calls(stub) == ["DELETE /sub-1", "POST", "DELETE /sub-2", "POST"]
    assert sent["notificationUrl"] == "https://it.contoso.example/placet/notifications/graph"
    assert rows() == {"inbox": "sub-3", "junk": "sub-4"}


def test_one_that_cannot_be_ended_is_forgotten_after_some_tries(stub: Stub, mailbox: Mailbox) -> None:
    numbered(stub)
    with time_machine.travel(NOW, tick=False) as clock:
        work()
        calls(stub)
        stub.answer = lambda request: Reply(503) if "/v1.0/" in request.path else None
        store.change({"active": False}, by="a test", mailbox=mailbox)
        for _minute in range(30):
            work()
            clock.shift(timedelta(minutes=1))
        assert calls(stub) == ["DELETE /sub-1", "DELETE /sub-2"] * subscriptions.MOST_ENDINGS
        assert rows() == {}


# --- what fails disturbs nothing --------------------------------------------------------------------------


def test_an_address_that_microsoft_cannot_reach_is_shown_and_polling_goes_on(
    stub: Stub, mailbox: Mailbox
) -> None:
    stub.graph_replies = [NOT_VALIDATED]
    with time_machine.travel(NOW, tick=False) as clock:
        store.change({"active": True}, by="a test", mailbox=mailbox)
        before = Mailbox.objects.get()
        assert work() == 1
        after = Mailbox.objects.get()
        assert (after.paused_until, after.trouble, after.failures) == (None, {}, 0)
        assert after.next_poll == before.next_poll
        said = noticings([after])[after.pk]
        assert said.tone == "warn"
        assert "Microsoft could not reach https://approvals.contoso.example/notifications/graph" in said.cause
        tries = 0
        for _minute in range(120):
            clock.shift(timedelta(minutes=1))
            tries += work()
        assert 8 <= tries <= 13  # after 1, 2, 4, 8 and then 15 minutes each
        numbered(stub)
        clock.shift(timedelta(minutes=15))
        work()
        assert noticings([after])[after.pk].tone == "good"
        assert all(row.trouble == {} and row.failures == 0 for row in Subscription.objects.all())


def test_the_server_says_how_long_to_wait(stub: Stub, mailbox: Mailbox) -> None:
    stub.graph_replies = [error(429, "TooManyRequests", **{"Retry-After": "3600"})]
    with time_machine.travel(NOW, tick=False) as clock:
        work()
        clock.shift(timedelta(minutes=59))
        assert work() == 0
        clock.shift(timedelta(minutes=2))
        assert work() == 1


def test_a_renewal_that_fails_leaves_what_still_lives(stub: Stub, mailbox: Mailbox) -> None:
    numbered(stub)
    work()
    stub.answer = lambda request: Reply(503) if "/v1.0/" in request.path else None
    Subscription.objects.update(due=timezone.now())
    assert work() == 1
    assert rows() == {"inbox": "sub-1", "junk": "sub-2"}
    assert noticings([mailbox])[mailbox.pk].tone == "good"


def test_a_mailbox_that_rests_is_left_alone(stub: Stub, mailbox: Mailbox) -> None:
    Mailbox.objects.update(paused_until=timezone.now() + timedelta(minutes=5))
    assert work() == 0
    assert stub.requests == []


def test_stored_settings_that_are_no_longer_valid_are_shown(stub: Stub, mailbox: Mailbox) -> None:
    Mailbox.objects.update(settings={**mailbox.settings, "client_id": "broken"})
    assert work() == 1
    assert "not valid" in noticings([Mailbox.objects.get()])[mailbox.pk].cause


@pytest.mark.parametrize(
    ("url", "sandbox", "free"),
    [
        ("https://approvals.contoso.com", False, True),
        ("https://approvals.contoso.com/placet", False, True),
        ("http://approvals.contoso.com", False, False),
        ("https://placet.local", False, False),
        ("https://10.0.0.7", False, False),
        ("https://placet", False, False),
        ("http://127.0.0.1:8000", False, False),
        ("http://127.0.0.1:8000", True, True),
        ("http://localhost:8000", True, True),
        ("http://approvals.contoso.com", True, False),
    ],
)
def test_only_where_microsoft_can_call_it_is_tried(url: str, sandbox: bool, free: bool) -> None:
    why = hindrance(Mailbox(sandbox=sandbox), url)
    assert (why is None) == free
    assert free or (why is not None and url in why[0] and "General" in why[1])


def test_without_such_an_address_nothing_is_asked_of_graph(stub: Stub, mailbox: Mailbox) -> None:
    public_url("http://approvals.contoso.example")
    assert work() == 0
    assert stub.requests == []
    said = noticings([mailbox])[mailbox.pk]
    assert (said.tone, "does not begin with https://" in said.cause) == ("off", True)


def test_another_address_while_the_settings_cannot_be_used_is_not_forgotten(
    stub: Stub, mailbox: Mailbox
) -> None:
    numbered(stub)
    with time_machine.travel(NOW, tick=False) as clock:
        work()
        calls(stub)
        good = mailbox.settings
        Mailbox.objects.update(settings={**good, "mails_per_poll": "many"})
        public_url("https://it.contoso.example")
        work()
        assert rows() == {"inbox": "", "junk": ""}
        Mailbox.objects.update(settings=good)
        clock.shift(timedelta(minutes=2))
        work()
        assert calls(stub) == ["POST", "POST"]  # never the old ones renewed, which call another address


def test_a_start_tries_again_what_failed(stub: Stub, mailbox: Mailbox) -> None:
    stub.graph_replies = [NOT_VALIDATED]
    work()
    assert work() == 0
    subscriptions.try_again()
    numbered(stub)
    assert work() == 1
    due = list(Subscription.objects.values_list("due", flat=True))
    subscriptions.try_again()
    assert list(Subscription.objects.values_list("due", flat=True)) == due


# --- twice and at once ------------------------------------------------------------------------------------


@pytest.fixture
def at_once(transactional_db: None) -> Iterator[Callable[[], None]]:
    def run() -> None:
        ready = threading.Barrier(4)

        def one() -> None:
            ready.wait()
            try:
                work()
            finally:
                connections.close_all()

        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    yield run


def test_four_workers_at_once_make_one_for_each_folder(
    at_once: Callable[[], None], stub: Stub, mailbox: Mailbox
) -> None:
    numbered(stub)
    at_once()
    assert calls(stub) == ["POST", "POST"]
    assert set(rows().values()) == {"sub-1", "sub-2"}
    Subscription.objects.update(due=timezone.now())
    at_once()
    assert sorted(calls(stub)) == ["PATCH /sub-1", "PATCH /sub-2"]
    store.change({"notify": False}, by="a test", mailbox=mailbox)
    at_once()
    assert sorted(calls(stub)) == ["DELETE /sub-1", "DELETE /sub-2"]


def test_a_worker_that_was_too_slow_takes_back_what_it_made(stub: Stub, mailbox: Mailbox) -> None:
    numbered(stub)
    numbering = stub.answer
    assert numbering is not None
    slow: list[str] = []

    def answer(request: Request) -> Reply | None:
        """While the first one waits for Graph, its lease runs out and another one does the same work."""
        if request.method == "POST" and "/subscriptions" in request.path and not slow:
            slow.append("now")
            Subscription.objects.filter(folder="inbox").update(
                claim="another", server_id="theirs", due=timezone.now() + timedelta(days=1)
            )
        return numbering(request)

    work_with(stub, answer)
    assert calls(stub) == ["POST", "DELETE /sub-1", "POST"]
    row = Subscription.objects.get(folder="inbox")
    assert (row.server_id, row.claim) == ("theirs", "another")


def work_with(stub: Stub, answer: Callable[[Request], Reply | None]) -> None:
    """The stub's thread must not touch the test's transaction: it is asked beforehand, in this one."""
    create_ = subscription_calls.create

    def asked(*words: Any) -> subscription_calls.Made:
        stub.answer = None
        reply = answer(
            Request("POST", "/v1.0/subscriptions", {}, b'{"expirationDateTime": "2030-01-01T00:00:00Z"}')
        )
        assert reply is not None
        stub.graph_replies = [reply, Reply(204)]
        return create_(*words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subscription_calls, "create", asked)
        work()


def test_a_removal_that_comes_during_a_renewal_is_not_overwritten(
    stub: Stub, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbered(stub)
    work()
    renew = subscription_calls.renew

    def renewed(*words: Any) -> subscription_calls.Made:
        made = renew(*words)
        Subscription.objects.filter(folder="inbox").update(
            server_id="", due=timezone.now()
        )  # as `notified` does
        return made

    monkeypatch.setattr(subscription_calls, "renew", renewed)
    Subscription.objects.filter(folder="inbox").update(due=timezone.now())
    work()
    monkeypatch.undo()
    assert rows()["inbox"] == ""
    work()
    assert rows()["inbox"] == "sub-3"


def test_what_a_dead_worker_held_is_free(stub: Stub, mailbox: Mailbox) -> None:
    numbered(stub)
    held = {"claim": leases.new_claim(), "due": timezone.now() + timedelta(minutes=5)}
    for folder in ("inbox", "junk"):
        Subscription.objects.create(mailbox=mailbox, protocol="graph", folder=folder, **held)
    assert work() == 0
    the_worker_dies()
    assert work() == 1
