"""Where Microsoft Graph calls, by the bytes that it sends and by those of strangers: nobody learns anything, and only a
subscription's own secret leads to a look into the mailbox."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from placet.mailboxes.microsoft.push.subscriptions import hash_of
from placet.mailboxes.microsoft.push.webhook import LARGEST
from placet.mailboxes.models import Mailbox, Subscription

AT = "/notifications/graph"
ID = "7f105c7d-2dc5-4530-97cd-4e7ae6534c07"
STATE = "k8-only-the-server-and-we-know-it"
#: As Microsoft's pages show one.
NOTICE = (
    b'{"value":[{"subscriptionId":"7f105c7d-2dc5-4530-97cd-4e7ae6534c07",'
    b'"subscriptionExpirationDateTime":"2026-11-30T10:00:00.0000000Z","changeType":"created",'
    b'"resource":"Users/9b5b4a4e-1111-4222-8333-444455556666/Messages/AAMkAD1","resourceData":'
    b'{"@odata.type":"#Microsoft.Graph.Message","@odata.id":"Users/9b5b4a4e-1111-4222-8333-444455556666/Messages/AAMkAD1",'
    b'"@odata.etag":"W/\\"CQAAABYAAAA1\\"","id":"AAMkAD1"},"clientState":"k8-only-the-server-and-we-know-it",'
    b'"tenantId":"3f2504e0-4f89-11d3-9a0c-0305e82c3301"}]}'
)
LATER = timedelta(hours=1)


@pytest.fixture
def row(mailbox: Mailbox) -> Subscription:
    """The mailbox was looked into a moment ago, and is told of."""
    now = timezone.now()
    Mailbox.objects.update(next_poll=now + LATER)
    return Subscription.objects.create(
        mailbox=mailbox, protocol="graph", folder="inbox", server_id=ID, state_hash=hash_of(STATE), made_with="x",
        expires_at=now + timedelta(days=3), since=now, due=now + timedelta(days=1),
    )  # fmt: skip


def post(body: bytes = NOTICE, query: str = "", content_type: str = "application/json; charset=utf-8") -> Any:
    browser = Client(enforce_csrf_checks=True)  # as a stranger
    return browser.generic("POST", AT + query, body, content_type=content_type)


def told(**more: Any) -> bytes:
    entry = {"subscriptionId": ID, "clientState": STATE, "changeType": "created", **more}
    return json.dumps({"value": [entry]}).encode()


def polled_at() -> datetime:
    at = Mailbox.objects.get().next_poll
    assert at is not None
    return at


def is_due() -> bool:
    return polled_at() <= timezone.now()


def nothing_said(answer: Any) -> None:
    assert answer.content == b""
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert not answer.cookies


# --- notices ----------------------------------------------------------------------------------------------


def test_a_notice_has_the_mailbox_looked_into_at_once(row: Subscription) -> None:
    answer = post()
    assert answer.status_code == 202
    nothing_said(answer)
    assert is_due()
    row.refresh_from_db()
    assert row.last_notice_at is not None


def test_a_notice_during_a_poll_leaves_that_poll_alone_and_asks_for_one_more(row: Subscription) -> None:
    Mailbox.objects.update(claim="somebody")
    before = polled_at()
    post()
    mailbox = Mailbox.objects.get()
    assert (mailbox.next_poll, mailbox.claim, mailbox.noticed) == (before, "somebody", True)


def test_a_replayed_notice_is_a_look_and_nothing_else(row: Subscription) -> None:
    for _ in range(3):
        Mailbox.objects.update(next_poll=timezone.now() + LATER, noticed=False)
        assert post().status_code == 202
        assert is_due()


def test_a_hundred_notices_cost_no_more_writes_than_a_few(row: Subscription) -> None:
    value = json.loads(NOTICE)["value"] * 100
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert post(json.dumps({"value": value}).encode()).status_code == 202
    assert len(queries) <= 8
    with CaptureQueriesContext(connection) as queries:
        post()
    writes = [
        query for query in queries if query["sql"].startswith("UPDATE") and '"next_poll"' in query["sql"]
    ]
    assert len(writes) <= 1


@pytest.mark.parametrize(
    "body",
    [
        told(clientState="k8-only-the-server-and-we-know-iT"),
        told(clientState=""),
        told(clientState=None),
        told(clientState=["k8"]),
        told(clientState="x" * 5000),
        told(subscriptionId="7f105c7d-2dc5-4530-97cd-4e7ae6534c08"),
        told(subscriptionId=""),
        told(subscriptionId=ID.upper()),
        told(subscriptionId=f"{ID}\x00"),
        told(subscriptionId={"a": 1}),
        told(subscriptionId=f"{ID}' OR 1=1 --"),
        b" ",
        b"{",
        b"null",
        b"[]",
        b'{"value": null}',
        b'{"value": {"subscriptionId": 1}}',
        b'{"value": [null, 1, "x", [], {}]}',
        b"[" * 100_000,
        b'{"value":' * 20_000,
        b"1" * 100_000,
        b"\xff\xfe\x00",
        NOTICE.decode().encode("utf-16")[:-1],
    ],
)
def test_what_is_not_proved_is_taken_and_does_nothing(row: Subscription, body: bytes) -> None:
    before = polled_at()
    answer = post(body)
    assert answer.status_code == 202  # the same as if it had been right: strangers learn nothing
    nothing_said(answer)
    row.refresh_from_db()
    assert (polled_at(), row.last_notice_at, row.server_id) == (before, None, ID)


def test_what_is_kept_of_the_secret_is_not_the_secret(row: Subscription) -> None:
    post(told(clientState=row.state_hash))
    assert not is_due()


def test_one_that_is_proved_counts_among_many_that_are_not(row: Subscription) -> None:
    value = [{"subscriptionId": ID, "clientState": f"guess {n}"} for n in range(500)]
    value.append(json.loads(told())["value"][0])
    assert post(json.dumps({"value": value}).encode()).status_code == 202
    assert is_due()


def test_a_mailbox_that_is_not_active_is_not_looked_into(row: Subscription) -> None:
    Mailbox.objects.update(active=False, next_poll=None)
    assert post().status_code == 202
    assert Mailbox.objects.get().next_poll is None


def test_a_pause_that_the_server_asked_for_outlasts_a_notice(row: Subscription) -> None:
    from placet import work

    Mailbox.objects.update(paused_until=timezone.now() + LATER)
    post()
    assert work.mailboxes_due(10) == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_do_nothing(row: Subscription, method: str) -> None:
    answer = Client().generic(method, f"{AT}?validationToken=abc", NOTICE, content_type="application/json")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    nothing_said(answer)
    assert not is_due()


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_another_content_type_is_refused(row: Subscription, kind: str) -> None:
    answer = post(content_type=kind)
    assert answer.status_code == 415
    assert not is_due()


def test_a_body_is_read_up_to_its_limit(row: Subscription) -> None:
    padding = b" " * (LARGEST - len(NOTICE))
    assert post(NOTICE + padding + b" ").status_code == 413
    assert not is_due()
    assert post(NOTICE + padding).status_code == 202
    assert is_due()


# --- what becomes of the subscription ---------------------------------------------------------------------


def test_a_removed_subscription_is_made_anew_and_the_mailbox_looked_into(row: Subscription) -> None:
    post(told(lifecycleEvent="subscriptionRemoved"))
    row.refresh_from_db()
    assert (row.server_id, row.expires_at, row.since) == ("", None, None)
    assert row.due <= timezone.now()
    assert is_due()


def test_one_that_must_be_authorized_again_is_renewed(row: Subscription) -> None:
    post(told(lifecycleEvent="reauthorizationRequired"))
    row.refresh_from_db()
    assert (row.server_id, row.due <= timezone.now()) == (ID, True)
    assert not is_due()


def test_while_it_is_being_renewed_that_is_enough(row: Subscription) -> None:
    Subscription.objects.update(claim="somebody")
    post(told(lifecycleEvent="reauthorizationRequired"))
    row.refresh_from_db()
    assert row.due > timezone.now()


@pytest.mark.parametrize("event", ["missed", "one that Microsoft thinks of later"])
def test_what_was_missed_is_looked_for(row: Subscription, event: str) -> None:
    post(told(lifecycleEvent=event))
    row.refresh_from_db()
    assert is_due()
    assert row.server_id == ID


# --- whether somebody is here -----------------------------------------------------------------------------

TOKEN = "Validation: Testing client application reachability for subscription Request-Id: 877cb92e-a60b"
ASKED = (
    "?validationToken=Validation%3a+Testing+client+application+reachability+for+subscription"
    "+Request-Id%3a+877cb92e-a60b"
)


def test_the_token_comes_back_as_plain_text_while_a_subscription_is_being_made(row: Subscription) -> None:
    Subscription.objects.update(claim="worker", due=timezone.now() + LATER)
    answer = post(b"", ASKED, "text/plain; charset=utf-8")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert answer.content == TOKEN.encode()
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert not is_due()


@pytest.mark.parametrize("token", ["<script>alert(1)</script>", "é", "Validation: 1+1", "%00"[:1]])
def test_whatever_it_is_it_is_text(row: Subscription, token: str) -> None:
    from urllib.parse import quote

    Subscription.objects.update(claim="worker", due=timezone.now() + LATER)
    answer = post(b"", f"?validationToken={quote(token)}", "text/plain")
    assert answer.content == token.encode()
    assert answer["Content-Type"].startswith("text/plain")


def test_at_other_times_this_address_echoes_nothing(row: Subscription) -> None:
    assert (post(b"", ASKED).status_code, post(b"", ASKED).content) == (404, b"")
    Subscription.objects.update(claim="crashed", due=timezone.now() - LATER)  # whose lease is over
    assert post(b"", ASKED).status_code == 404


@pytest.mark.parametrize("token", ["", "x" * 1001, "a%0d%0ab", "a%00", "%E2%80%AE"])
def test_a_token_that_is_none_is_not_echoed(row: Subscription, token: str) -> None:
    Subscription.objects.update(claim="worker", due=timezone.now() + LATER)
    answer = post(b"", f"?validationToken={token}")
    assert answer.status_code == 404
    nothing_said(answer)
