"""What the Gmail API answers, as literal bytes from its documentation: errors, limits, odd answers."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from placet.mailboxes.base import (
    Action,
    FixNeeded,
    Folder,
    MailboxError,
    MailError,
    Received,
    Refused,
    Seen,
    Wait,
)
from placet.mailboxes.gmail import calls, changes, errors
from placet.mailboxes.gmail.calls import LARGEST_SENT
from tests.mailboxes.conformance.mails import LONG_AGO, everything, mail_to
from tests.mailboxes.google_tokens import JSON, answer
from tests.mailboxes.stub import Reply

from .google import Google, refusal, running_google

MAILBOX = "approvals@contoso.example"
HTML = {"Content-Type": "text/html; charset=UTF-8"}


@pytest.fixture
def google() -> Iterator[Google]:
    with running_google() as google:
        google.user(MAILBOX)
        yield google


def fails(google: Google, *replies: Reply) -> MailboxError:
    google.faults = list(replies)
    with pytest.raises(MailboxError) as caught:
        google.connect(MAILBOX).changes({}, LONG_AGO, 10)
    google.faults = []
    assert "{" not in str(caught.value)
    return caught.value


DISABLED = b"""{
  "error": {
    "code": 403,
    "message": "Gmail API has not been used in project 479857586348 before or it is disabled. Enable it ...",
    "errors": [{"message": "Gmail API has not been used ...", "domain": "usageLimits",
                "reason": "accessNotConfigured", "extendedHelp": "https://console.developers.google.com"}],
    "status": "PERMISSION_DENIED",
    "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED",
                 "domain": "googleapis.com", "metadata": {"service": "gmail.googleapis.com"}}]
  }
}"""
SCOPES = b"""{"error": {"code": 403, "message": "Request had insufficient authentication scopes.",
  "errors": [{"message": "Insufficient Permission", "domain": "global", "reason": "insufficientPermissions"}],
  "status": "PERMISSION_DENIED"}}"""
POLICY = b"""{"error": {"errors": [{"domain": "global", "reason": "domainPolicy",
  "message": "The domain administrators have disabled Gmail apps."}], "code": 403,
  "message": "The domain administrators have disabled Gmail apps."}}"""
NO_GMAIL = b"""{"error": {"code": 400, "message": "Mail service not enabled",
  "errors": [{"message": "Mail service not enabled", "domain": "global", "reason": "failedPrecondition"}],
  "status": "FAILED_PRECONDITION"}}"""


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, DISABLED, "APIs & Services › Library › Gmail API › Enable"),
        (403, SCOPES, "Manage domain-wide delegation"),
        (403, POLICY, "App access control"),
        (400, NO_GMAIL, "licence with Gmail"),
        (403, b"{}", "refuses what Placet asks"),
        (404, b"not json", "refuses what Placet asks"),
    ],
    ids=["disabled", "scopes", "policy", "no-gmail", "no-reason", "no-json"],
)
def test_what_somebody_must_change_is_said_with_its_place(
    google: Google, status: int, body: bytes, words: str
) -> None:
    error = fails(google, Reply(status, body, JSON))
    assert isinstance(error, FixNeeded)
    assert words in str(error)
    assert error.not_done


def test_limits_and_outages_are_waited_for(google: Google) -> None:
    for reason in ("rateLimitExceeded", "userRateLimitExceeded"):
        limit = fails(google, refusal(403, reason, "Rate Limit Exceeded", "usageLimits"))
        assert isinstance(limit, Wait)
        assert limit.seconds is None
        assert limit.details["reason"] == reason
    daily = fails(google, refusal(403, "dailyLimitExceeded", "Daily Limit Exceeded", "usageLimits"))
    assert isinstance(daily, Wait)
    assert daily.seconds == errors.DAILY_PAUSE
    headers = {**JSON, "Retry-After": "17"}
    many = fails(google, Reply(429, refusal(429, "rateLimitExceeded", "Too many").body, headers))
    assert isinstance(many, Wait)
    assert many.seconds == 17
    for status in (500, 502, 503, 504):
        outage = fails(google, Reply(status, b"<html>", HTML))
        assert isinstance(outage, Wait)
        assert not outage.not_done


def test_the_time_that_stands_in_the_words_is_the_pause() -> None:
    now = datetime(2026, 11, 24, 10, 0, 0, tzinfo=UTC)
    words = "User-rate limit exceeded.  Retry after 2026-11-24T10:02:05.123Z"
    for text, seconds in ((words, 125.0), (words.replace("10:02", "25:02"), None), ("Soon", None)):
        error = errors.read_error({"error": {"code": 429, "message": text}}, 429, {}, now)
        assert error.seconds == seconds
    past = errors.read_error({"error": {"message": words}}, 429, {}, now + timedelta(days=1))
    assert past.seconds == 0


def test_a_token_that_ran_out_is_renewed_once(google: Google) -> None:
    expired = refusal(401, "authError", "Invalid Credentials")
    google.faults = [expired]
    assert google.connect(MAILBOX).changes({}, LONG_AGO, 10).complete
    assert len(google.endpoint.assertions) == 2
    error = fails(google, expired, expired)
    assert isinstance(error, FixNeeded)
    assert MAILBOX in str(error)


@pytest.mark.parametrize(
    "odd",
    [
        Reply(200, b"<html>Sign in to the network</html>", HTML),
        Reply(200, b"{", JSON),
        Reply(200, b"[]", JSON),
        Reply(200, b"[" * 100_000, JSON),
        Reply(302, b"", {"Location": "https://example.com/"}),
        Reply(204, b"", JSON),
        answer({"emailAddress": MAILBOX}),
        answer({"emailAddress": MAILBOX, "historyId": 5}),
    ],
    ids=range(8),
)
def test_what_is_no_answer_of_gmail_is_waited_over(google: Google, odd: Reply) -> None:
    assert isinstance(fails(google, odd), Wait)


def test_a_list_that_never_ends_is_left(google: Google) -> None:
    connection = google.connect(MAILBOX)
    page = answer({"messages": [], "nextPageToken": "1"})
    cursor = {**connection.changes({}, LONG_AGO, 10).cursor, "listed": "INBOX", "page": "1"}
    google.faults = [page]
    with pytest.raises(Wait, match="nextPageToken"):
        connection.changes(cursor, LONG_AGO, 10)


# --- changes ------------------------------------------------------------------------------------------------

HISTORY = b"""{"history": [
  {"id": "2001", "messages": [{"id": "a1", "threadId": "a1"}],
   "messagesAdded": [{"message": {"id": "a1", "threadId": "a1", "labelIds": ["UNREAD", "INBOX"]}}]},
  {"id": "2004", "messages": [{"id": "a2", "threadId": "a2"}],
   "messagesAdded": [{"message": {"id": "a2", "threadId": "a2", "labelIds": ["SENT"]}}]},
  {"id": "2007", "messages": [{"id": "a3", "threadId": "a3"}],
   "labelsAdded": [{"message": {"id": "a3", "threadId": "a3", "labelIds": ["STARRED", "INBOX"]},
                    "labelIds": ["STARRED"]}]},
  {"id": "2009", "messages": [{"id": "a4", "threadId": "a4"}],
   "messagesAdded": [{"message": {"id": "a4", "threadId": "a4"}}]}],
 "historyId": "2012"}"""


def minimal(id_: str, *labels: str) -> Reply:
    value = {
        "id": id_,
        "threadId": id_,
        "labelIds": labels,
        "sizeEstimate": 9,
        "internalDate": "1795514402123",
    }
    return answer(value)


def test_only_what_came_into_inbox_or_spam_is_looked_at(google: Google) -> None:
    connection = google.connect(MAILBOX)
    cursor = connection.changes({}, LONG_AGO, 10).cursor
    google.faults = [Reply(200, HISTORY, JSON), minimal("a1", "INBOX"), minimal("a4", "SPAM")]
    page = connection.changes(cursor, LONG_AGO, 10)
    at = datetime(2026, 11, 24, 10, 0, 2, 123000, tzinfo=UTC)
    assert page.seen == [Seen("a1", Folder.INBOX, at, 9), Seen("a4", Folder.JUNK, at, 9)]
    assert (page.complete, page.cursor["history"]) == (True, "2012")
    asked = next(request.path for request in google.stub.requests if "/history" in request.path)
    assert "historyTypes=messageAdded&historyTypes=labelAdded" in asked


def test_an_idle_look_is_one_request(google: Google) -> None:
    connection = google.connect(MAILBOX)
    cursor = connection.changes({}, LONG_AGO, 10).cursor
    before = len(google.stub.requests)
    assert connection.changes(cursor, LONG_AGO, 10).complete
    assert len(google.stub.requests) == before + 1


# --- single mails --------------------------------------------------------------------------------------------


def test_a_mail_is_larger_than_google_estimated(google: Google) -> None:
    box = google.user(MAILBOX)
    mail = box.add(mail_to(MAILBOX, "Large", body=b"y" * 3_000_000, X_Two="a\r\n\tb"), "INBOX")
    connection = google.connect(MAILBOX)
    [entry] = connection.fetch([Seen(mail.id, Folder.INBOX, size=10)], 1000)
    assert isinstance(entry, Received)
    assert entry.too_large
    assert b"\r\nX-Two: a b\r\n" in entry.raw
    assert b"yyy" not in entry.raw
    google.faults = [Reply(200, json.dumps({"raw": "A" * 17_000_000}).encode(), JSON)]
    [entry] = connection.fetch([Seen(mail.id, Folder.INBOX, size=10)], 1000)
    assert isinstance(entry, Received)
    assert entry.too_large


@pytest.mark.parametrize("raw", ["****", "A", "é"])
def test_a_mail_whose_answer_cannot_be_read_stops_none_beside_it(google: Google, raw: str) -> None:
    mail = google.user(MAILBOX).add(mail_to(MAILBOX, "One"), "INBOX")
    seen = Seen(mail.id, Folder.INBOX, size=10)
    google.faults = [answer({"id": mail.id, "internalDate": "1", "raw": raw})]
    odd, good = google.connect(MAILBOX).fetch([seen, seen], 100_000)
    assert isinstance(odd, tuple)
    assert "cannot be read" in str(odd[1])
    assert isinstance(good, Received)


def test_what_gmail_refuses_to_send_is_refused_for_this_mail_alone(google: Google) -> None:
    connection = google.connect(MAILBOX)
    google.faults = [refusal(400, "invalidArgument", "Recipient address required")]
    with pytest.raises(Refused, match="Recipient address required"):
        connection.send(mail_to("", "Ask"), "k7f2")
    with pytest.raises(Refused, match="larger") as caught:
        connection.send(b"x" * (LARGEST_SENT + 1), "k7f2")
    assert caught.value.not_done
    limit = refusal(429, "rateLimitExceeded", "User-rate limit exceeded. (Mail sending)", "usageLimits")
    google.faults = [limit]
    with pytest.raises(Wait) as waiting:
        connection.send(mail_to(MAILBOX, "Ask"), "k7f2")
    assert waiting.value.not_done


def test_a_mail_whose_message_id_gmail_replaced_is_known_by_its_reference(google: Google) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    theirs = mail_to("ann@contoso.example", "Ask", sender=MAILBOX, body=b"Mail reference: k7f2\r\n")
    google.user(MAILBOX).add(theirs.replace(b"<Ask@", b"<CAF4nSx@"), "SENT")
    connection = google.connect(MAILBOX)
    assert connection.was_sent("<Ask@contoso.example>", "k7f2", since, "Ask")
    assert not connection.was_sent("<Ask@contoso.example>", "k7f2", since, "Another")


def test_one_mail_that_cannot_be_marked_stops_none_beside_it(google: Google) -> None:
    box = google.user(MAILBOX)
    ids = [box.add(mail_to(MAILBOX, subject), "INBOX").id for subject in ("One", "Two")]
    connection = google.connect(MAILBOX)
    google.faults = [refusal(400, "invalidArgument", "Invalid id value")]
    outcomes = dict(connection.mark(ids, Action.DELETE, ""))
    assert isinstance(outcomes[ids[0]], MailError)
    assert outcomes[ids[1]] == ids[1]
    assert [mail.subject for mail in box.mails.values() if "TRASH" in mail.labels] == ["Two"]
    assert [seen.server_id for seen in everything(connection)[0]] == [ids[0]]


def test_what_was_set_aside_and_is_handled_again_is_no_longer_among_what_is_set_aside(google: Google) -> None:
    box = google.user(MAILBOX)
    mail = box.add(mail_to(MAILBOX, "One"), "INBOX")
    connection = google.connect(MAILBOX)
    for folder in ("Placet/Set aside", "Placet/Processed"):
        assert list(connection.mark([mail.id], Action.MOVE, folder)) == [(mail.id, mail.id)]
    assert {box.labels[label] for label in mail.labels} == {"Placet/Processed"}


def test_what_is_there_is_listed_with_the_oldest_first(google: Google) -> None:
    """Google lists the newest first; of two answers the first one counts."""
    box = google.user(MAILBOX)
    ids = [box.add(mail_to(MAILBOX, subject), "INBOX").id for subject in ("One", "Two", "Three")]
    page = google.connect(MAILBOX).changes({}, LONG_AGO, 10)
    assert [seen.server_id for seen in page.seen] == ids


def test_the_oldest_comes_first_over_all_pages(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MOST_LISTED", 2)
    box = google.user(MAILBOX)
    ids = [box.add(mail_to(MAILBOX, f"Mail {number}"), "INBOX").id for number in range(7)]
    connection = google.connect(MAILBOX)
    first = connection.changes({}, LONG_AGO, 3)
    assert [seen.server_id for seen in first.seen] == ids[:3]
    ids.append(box.add(mail_to(MAILBOX, "Comes meanwhile"), "INBOX").id)
    del box.mails[ids.pop(4)]  # and one goes
    seen, cursor = everything(connection, first.cursor, limit=3)
    assert [mail.server_id for mail in [*first.seen, *seen]] == ids
    assert everything(connection, cursor)[0] == []


def test_of_more_than_are_kept_the_newest_come_first_and_none_is_left_out(
    google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "MOST_LISTED", 2)
    monkeypatch.setattr(changes, "MOST_WAITING", 4)
    box = google.user(MAILBOX)
    ids = [box.add(mail_to(MAILBOX, f"Mail {number}"), "INBOX").id for number in range(9)]
    connection = google.connect(MAILBOX)
    cursor: Mapping[str, Any] = {}
    seen: list[str] = []
    while len(seen) < 9:
        page = connection.changes(cursor, LONG_AGO, 1)
        assert len(page.cursor["waiting"].split()) <= 4
        seen, cursor = [*seen, *(mail.server_id for mail in page.seen)], page.cursor
    assert seen == [*ids[5:], *ids[1:5], *ids[:1]]


@pytest.mark.parametrize(
    "listed", [["one id and another"], ["x" * 65], [""], ["19ac\n"], [f"{number:x}" for number in range(501)]]
)
def test_a_list_of_what_are_no_ids_is_not_kept(google: Google, listed: list[str]) -> None:
    connection = google.connect(MAILBOX)
    cursor = {**connection.changes({}, LONG_AGO, 10).cursor, "listed": "INBOX"}
    google.faults = [answer({"messages": [{"id": id_} for id_ in listed]})]
    with pytest.raises(Wait, match=r"\((messages|id)\)"):
        connection.changes(cursor, LONG_AGO, 10)


def test_a_cursor_of_before_goes_on(google: Google) -> None:
    box = google.user(MAILBOX)
    box.add(mail_to(MAILBOX, "One"), "INBOX")
    connection = google.connect(MAILBOX)
    cursor = {**connection.changes({}, LONG_AGO, 10).cursor}
    del cursor["waiting"]
    box.add(mail_to(MAILBOX, "Two"), "INBOX")
    assert len(connection.changes(cursor, LONG_AGO, 10).seen) == 1


def test_the_check_names_another_mailbox_than_was_asked_for(google: Google) -> None:
    connection = google.connect(MAILBOX)
    connection.changes({}, LONG_AGO, 10)
    google.user(MAILBOX).address = "office@contoso.example"
    last = list(connection.check())[-1]
    assert (last.key, last.ok) == ("open", False)
    assert "office@contoso.example" in last.cause
    assert "alias" in last.cure
