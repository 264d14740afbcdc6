"""Error and edge answers of Exchange as literal bytes; the whole conversation is in "
"test_ews_with_sandbox.py."""

import base64
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lxml import etree
from structlog.testing import capture_logs

import placet
from placet.mailboxes.base import (
    Action,
    FixNeeded,
    Folder,
    Gone,
    MailboxError,
    MailError,
    Received,
    Refused,
    Seen,
    SentCopy,
    SentMail,
    Wait,
)
from placet.mailboxes.http import safe_text
from placet.mailboxes.microsoft.ews import errors, xml
from placet.mailboxes.microsoft.exchange_errors import REFUSALS, WAITS

from .stub import (
    CLIENT_ID,
    MAILBOX,
    SECRET,
    Reply,
    Request,
    Stub,
    envelope,
    ews_reply,
    failed,
    fault_reply,
    mark_one,
    running_stub,
    token_reply,
)

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
EMPTY_SYNC = "<m:SyncState>{state}</m:SyncState><m:IncludesLastItemInRange>{last}</m:IncludesLastItemInRange>"


def created(*entries: str, state: str = "s1", last: bool = True) -> str:
    head = EMPTY_SYNC.format(state=state, last=str(last).lower())
    return f"{head}<m:Changes>{''.join(entries)}</m:Changes>"


def create(id_: str, received: str = "2026-11-24T10:00:02Z", size: int = 1000, kind: str = "Message") -> str:
    return (
        f'<t:Create><t:{kind}><t:ItemId Id="{id_}" ChangeKey="CQ"/><t:DateTimeReceived>{received}'
        f"</t:DateTimeReceived><t:Size>{size}</t:Size></t:{kind}></t:Create>"
    )


def item(
    id_: str = "A1=", mime: bytes | None = b"From: ann@contoso.example\r\n\r\nYes", more: str = ""
) -> str:
    content = "" if mime is None else f"<t:MimeContent>{base64.b64encode(mime).decode()}</t:MimeContent>"
    return f'<m:Items><t:Message>{content}<t:ItemId Id="{id_}"/>{more}</t:Message></m:Items>'


def headers_as(tag: str, value: str) -> str:
    return (
        f'<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="{tag}" PropertyType="String"/>'
        f"<t:Value>{value}</t:Value></t:ExtendedProperty>"
    )


def body_of(request: Request) -> Any:
    return etree.fromstring(request.body).find("s:Body/*", xml.NAMESPACES)


def seen(id_: str = "A1=", size: int | None = 1000, folder: Folder = Folder.INBOX) -> Seen:
    return Seen(id_, folder, None, size)


def fetch_one(stub: Stub, size: int | None = 1000, max_size: int = 10**6) -> Any:
    [found] = stub.connection().fetch([seen(size=size)], max_size)
    return found


# -- the request ---------------------------------------------------------------------------------------------


def test_a_request_impersonates_the_mailbox_and_says_who_asks(stub: Stub) -> None:
    stub.ews_replies = [ews_reply("DeleteItem", "")]
    mark_one(stub.connection(), "A1=", Action.DELETE, "")
    [request] = stub.ews_requests
    assert request.headers["authorization"] == "Bearer the-first-token"
    assert request.headers["x-anchormailbox"] == MAILBOX
    assert request.headers["user-agent"] == f"Placet/{placet.__version__}"
    assert request.headers["content-type"] == "text/xml; charset=utf-8"
    assert re.fullmatch(r"[0-9a-f-]{36}", request.headers["client-request-id"])
    root = etree.fromstring(request.body)
    sid = root.findtext(
        "s:Header/t:ExchangeImpersonation/t:ConnectingSID/t:SmtpAddress", None, xml.NAMESPACES
    )
    assert sid == MAILBOX


def test_a_netrc_entry_does_not_replace_the_token(
    stub: Stub, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    stub.ews_replies = [ews_reply("DeleteItem", "")]
    mark_one(stub.connection(), "A1=", Action.DELETE, "")
    assert stub.ews_requests[0].headers["authorization"] == "Bearer the-first-token"
    assert "authorization" not in stub.token_requests[0].headers


# -- what is new ---------------------------------------------------------------------------------------------


def test_created_mail_of_both_folders_is_new_and_nothing_else(stub: Stub) -> None:
    stub.ews_replies = [
        ews_reply(
            "SyncFolderItems",
            created(
                create("A1="),
                create("A2=", kind="MeetingResponse"),
                '<t:Update><t:Message><t:ItemId Id="A3="/></t:Message></t:Update>',
                '<t:Delete><t:ItemId Id="A4="/></t:Delete>',
                '<t:ReadFlagChange><t:ItemId Id="A5="/><t:IsRead>true</t:IsRead></t:ReadFlagChange>',
                state="inbox-1",
            ),
        ),
        ews_reply("SyncFolderItems", created(create("J1=", size=77), state="junk-1")),
    ]
    page = stub.connection().changes({}, LONG_AGO, 100)
    at = datetime(2026, 11, 24, 10, 0, 2, tzinfo=UTC)
    assert list(page.seen) == [
        Seen("A1=", Folder.INBOX, at, 1000),
        Seen("A2=", Folder.INBOX, at, 1000),
        Seen("J1=", Folder.JUNK, at, 77),
    ]
    assert page.cursor == {"inbox": "inbox-1", "junk": "junk-1"}
    assert not page.more
    assert not page.restarted
    first, second = (body_of(request) for request in stub.ews_requests)
    assert first.find("m:SyncState", xml.NAMESPACES) is None
    assert first.findtext("m:MaxChangesReturned", None, xml.NAMESPACES) == "100"
    assert second.findtext("m:MaxChangesReturned", None, xml.NAMESPACES) == "98"


def test_mail_from_before_activation_is_left_out(stub: Stub) -> None:
    stub.ews_replies = [
        ews_reply("SyncFolderItems", created(create("OLD=", "2026-11-24T09:59:59Z"), create("NEW="))),
        ews_reply("SyncFolderItems", created()),
    ]
    since = datetime(2026, 11, 24, 10, 0, 0, tzinfo=UTC)
    assert [mail.server_id for mail in stub.connection().changes({}, since, 100).seen] == ["NEW="]


def test_junk_follows_when_the_inbox_is_through(stub: Stub) -> None:
    stub.ews_replies = [ews_reply("SyncFolderItems", created(create("A1="), state="inbox-1", last=False))]
    page = stub.connection().changes({"inbox": "inbox-0", "junk": "junk-0"}, LONG_AGO, 1000)
    assert page.more
    assert page.cursor == {"inbox": "inbox-1", "junk": "junk-0"}
    [request] = stub.ews_requests
    assert body_of(request).findtext("m:SyncState", None, xml.NAMESPACES) == "inbox-0"
    assert body_of(request).findtext("m:MaxChangesReturned", None, xml.NAMESPACES) == "512"


def test_a_server_that_does_not_move_on_is_not_asked_forever(stub: Stub) -> None:
    stub.ews_replies = [ews_reply("SyncFolderItems", created(state="same", last=False))]
    assert not stub.connection().changes({"inbox": "same", "junk": "same"}, LONG_AGO, 10).more


def test_a_lost_state_starts_that_folder_again(stub: Stub) -> None:
    lost = failed("ErrorInvalidSyncStateData", "Synchronization state data is corrupt or otherwise invalid.")
    stub.ews_replies = [
        ews_reply("SyncFolderItems", lost),
        ews_reply("SyncFolderItems", created(create("A1="), state="inbox-9")),
        ews_reply("SyncFolderItems", created(state="junk-1")),
    ]
    page = stub.connection().changes({"inbox": "old", "junk": "junk-0"}, LONG_AGO, 100)
    assert page.restarted
    assert page.cursor == {"inbox": "inbox-9", "junk": "junk-1"}
    states = [body_of(request).findtext("m:SyncState", None, xml.NAMESPACES) for request in stub.ews_requests]
    assert states == ["old", None, "junk-0"]


# -- fetching ------------------------------------------------------------------------------------------------


def test_a_mail_comes_whole(stub: Stub) -> None:
    block = "Received: x&#xD;\nX-MS-Exchange-Organization-AuthAs: Internal"
    person = "<t:{0}><t:Mailbox><t:Name>Ann</t:Name><t:EmailAddress>Ann@Contoso.example</t:EmailAddress>"
    person += "<t:RoutingType>{1}</t:RoutingType></t:Mailbox></t:{0}>"
    stub.ews_replies = [
        ews_reply(
            "GetItem",
            item(
                more="<t:ItemClass>IPM.Note</t:ItemClass><t:DateTimeReceived>2026-11-24T10:00:02Z</t:DateTimeReceived>"
                "<t:Size>8123</t:Size>"
                + headers_as("0x7d", block)
                + person.format("Sender", "SMTP")
                + person.format("From", "EX")
                + "<t:InternetMessageId>&lt;m1@contoso.example&gt;</t:InternetMessageId>"
                "<t:VotingInformation><t:VotingResponse>Approve</t:VotingResponse></t:VotingInformation>"
            ),
        )
    ]
    assert fetch_one(stub) == Received(
        server_id="A1=",
        folder=Folder.INBOX,
        raw=b"From: ann@contoso.example\r\n\r\nYes",
        transport_headers="Received: x\r\nX-MS-Exchange-Organization-AuthAs: Internal",
        item_class="IPM.Note",
        received_at=datetime(2026, 11, 24, 10, 0, 2, tzinfo=UTC),
        size=8123,
        sender="ann@contoso.example",
        from_="",
        message_id="<m1@contoso.example>",
        voting="Approve",
    )


@pytest.mark.parametrize("tag", ["0x007D", "0x7d", "0X7D", "125"])
def test_the_transport_headers_are_found_by_number(stub: Stub, tag: str) -> None:
    stub.ews_replies = [
        ews_reply("GetItem", item(more=headers_as("0x7c", "no") + headers_as(tag, "Subject: yes")))
    ]
    assert fetch_one(stub).transport_headers == "Subject: yes"


def test_the_header_of_the_mime_stands_in_only_where_the_property_is_absent(stub: Stub) -> None:
    stub.ews_replies = [ews_reply("GetItem", item(more=headers_as("0x7d", ""))), ews_reply("GetItem", item())]
    assert fetch_one(stub).transport_headers == ""
    assert fetch_one(stub).transport_headers == "From: ann@contoso.example"


def test_control_characters_of_a_header_do_not_break_the_answer(stub: Stub) -> None:
    stub.ews_replies = [ews_reply("GetItem", item(more=headers_as("0x7d", "Subject: a&#x1F;b\x02c")))]
    assert fetch_one(stub).transport_headers == "Subject: a\ufffdb c"


def test_an_error_of_one_mail_leaves_the_others_alone(stub: Stub) -> None:
    stub.ews_replies = [
        ews_reply(
            "GetItem",
            item("A1="),
            failed("ErrorItemNotFound", "The specified object was not found in the store."),
            failed("ErrorCorruptData", "Corrupt."),
            failed("ErrorAccessDenied", "Access is denied."),
            item("A5="),
        )
    ]
    mails = [seen(f"A{number}=") for number in range(1, 6)]
    found = list(stub.connection().fetch(mails, 10**6))
    assert [type(entry) for entry in found] == [Received, tuple, tuple, tuple, Received]
    assert isinstance(found[1], tuple)
    assert found[1][0] == mails[1]
    assert [type(entry[1]) for entry in found if isinstance(entry, tuple)] == [Gone, MailError, MailError]
    assert [entry[1].code for entry in found if isinstance(entry, tuple)][1:] == [
        "ErrorCorruptData",
        "ErrorAccessDenied",
    ]


@pytest.mark.parametrize(
    ("code", "values", "seconds"),
    [
        ("ErrorServerBusy", {"BackOffMilliseconds": "2500"}, 2.5),
        (
            "ErrorInternalServerError",
            {"InnerErrorResponseCode": "ErrorServerBusy", "BackOffMilliseconds": "1000"},
            1.0,
        ),
        ("ErrorMailboxStoreUnavailable", {}, None),
        ("ErrorBatchProcessingStopped", {}, None),
    ],
)
def test_a_busy_server_inside_an_answer_stops_the_mailbox_and_no_mail(
    stub: Stub, code: str, values: dict[str, str], seconds: float | None
) -> None:
    stub.ews_replies = [ews_reply("GetItem", item("A1="), failed(code, "Busy.", values))]
    fetched = stub.connection().fetch([seen("A1="), seen("A2=")], 10**6)
    assert isinstance(next(fetched), Received)
    with pytest.raises(Wait) as caught:
        next(fetched)
    assert caught.value.seconds == seconds


def test_an_answer_that_leaves_mails_out_is_waited_for(stub: Stub) -> None:
    stub.ews_replies = [ews_reply("GetItem", item("A1="))]
    with pytest.raises(Wait):
        list(stub.connection().fetch([seen("A1="), seen("A2=")], 10**6))


def test_mails_come_ten_at_a_time_and_large_ones_alone(stub: Stub) -> None:
    asked: list[list[str]] = []

    def answer(request: Request) -> Reply | None:
        if "/EWS/" not in request.path:
            return None
        ids = [element.get("Id", "") for element in body_of(request).iter(f"{{{xml.TYPES}}}ItemId")]
        asked.append(ids)
        return ews_reply("GetItem", *(item(id_) for id_ in ids))

    stub.answer = answer
    mails = [seen(f"small-{number}") for number in range(11)]
    mails += [
        seen("large", 5_000_000),
        seen("three-a", 3_000_000),
        seen("three-b", 3_000_000),
        seen("unknown", None),
    ]
    found = list(stub.connection().fetch(mails, 36_000_000))
    assert {entry.server_id for entry in found if isinstance(entry, Received)} == {
        mail.server_id for mail in mails
    }
    assert asked == [
        [f"small-{number}" for number in range(10)],
        ["large"],
        ["small-10", "three-a"],
        ["three-b", "unknown"],
    ]


def test_a_mail_above_the_limit_comes_as_headers(stub: Stub) -> None:
    stub.ews_replies = [ews_reply("GetItem", item(mime=None, more=headers_as("0x7d", "Subject: big")))]
    mail = fetch_one(stub, size=2_000_000)
    assert mail.too_large
    assert mail.raw == b"Subject: big\r\n\r\n"
    assert body_of(stub.ews_requests[0]).findtext(".//t:IncludeMimeContent", None, xml.NAMESPACES) == "false"


def test_a_mail_that_turns_out_larger_than_it_said_comes_as_headers(stub: Stub) -> None:
    stub.ews_replies = [ews_reply("GetItem", item(mime=b"x" * 2000, more=headers_as("0x7d", "Subject: big")))]
    mail = fetch_one(stub, size=100, max_size=1500)
    assert mail.too_large
    assert mail.raw == b"Subject: big\r\n\r\n"


def test_base64_that_is_none_is_the_mails_own_fault(stub: Stub) -> None:
    broken = (
        '<m:Items><t:Message><t:MimeContent>QUJ!</t:MimeContent><t:ItemId Id="A1="/></t:Message></m:Items>'
    )
    stub.ews_replies = [ews_reply("GetItem", broken)]
    assert fetch_one(stub)[1].code == "BadMime"


def test_one_mail_that_spoils_the_answer_is_found_and_the_others_come(stub: Stub) -> None:
    def answer(request: Request) -> Reply | None:
        if "/EWS/" not in request.path:
            return None
        if xml.local(body_of(request)) == "GetFolder":
            return inbox_reply()
        ids = [element.get("Id", "") for element in body_of(request).iter(f"{{{xml.TYPES}}}ItemId")]
        if "BAD=" in ids:
            return Reply(200, envelope("<m:GetItemResponse><oops></m:GetItemResponse>"))
        return ews_reply("GetItem", *(item(id_) for id_ in ids))

    stub.answer = answer
    found = list(stub.connection().fetch([seen("A1="), seen("BAD="), seen("A3=")], 10**6))
    assert [type(entry) for entry in found] == [Received, tuple, Received]
    assert isinstance(found[1], tuple)
    assert found[1][1].code == "Unreadable"


def inbox_reply() -> Reply:
    folder = "<m:Folders><t:Folder><t:DisplayName>Inbox</t:DisplayName></t:Folder></m:Folders>"
    return ews_reply("GetFolder", folder)


def test_a_proxys_page_during_a_fetch_is_no_mails_fault(stub: Stub) -> None:
    stub.ews_replies = [Reply(200, b"<html><body>Sign in to the network<br></body></html>")]
    with pytest.raises(MailboxError):
        list(stub.connection().fetch([seen("A1=")], 10**6))


def test_the_mails_behind_one_that_fails_in_an_answer_come_before_its_error(stub: Stub) -> None:
    stub.ews_replies = [ews_reply("GetItem", item("A1="), failed("ErrorTimeoutExpired"), item("A3="))]
    fetched = stub.connection().fetch([seen("A1="), seen("A2="), seen("A3=")], 10**6)
    assert [entry.server_id for entry in (next(fetched), next(fetched)) if isinstance(entry, Received)] == [
        "A1=",
        "A3=",
    ]
    with pytest.raises(Wait):
        next(fetched)


# -- failures of the whole mailbox ---------------------------------------------------------------------------


def failing(stub: Stub, *replies: Reply) -> MailboxError:
    stub.ews_replies = list(replies)
    with pytest.raises(MailboxError) as caught:
        stub.connection().changes({}, LONG_AGO, 10)
    assert caught.value.cause.endswith((".", ")."))
    assert caught.value.cure
    return caught.value


@pytest.mark.parametrize("code", sorted(WAITS))
def test_each_passing_fault_is_waited_for(stub: Stub, code: str) -> None:
    error = failing(stub, fault_reply(code, {"BackOffMilliseconds": "297749"}))
    assert isinstance(error, Wait)
    assert error.cause == WAITS[code]
    assert error.seconds == 297.749


@pytest.mark.parametrize("code", sorted({**errors.FIXES, **errors.FOLDER_FIXES}))
def test_each_lasting_fault_has_cause_cure_and_command(stub: Stub, code: str) -> None:
    for reply in (fault_reply(code), ews_reply("SyncFolderItems", failed(code))):
        error = failing(stub, reply)
        assert isinstance(error, FixNeeded)
        expected = {**errors.FIXES, **errors.FOLDER_FIXES}[code]
        assert error.cause == expected.cause
        command = error.details.get("command", "")
        assert bool(command) == bool(expected.command)
        assert "{" not in command
        assert not command or MAILBOX in command


def test_an_unknown_fault_is_waited_for_and_named(stub: Stub) -> None:
    error = failing(stub, fault_reply("ErrorBrandNew"))
    assert isinstance(error, Wait)
    assert "ErrorBrandNew" in error.cause


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("header", "seconds"), [("2.128", 2.128), ("10", 10.0), (None, None)])
def test_a_busy_front_door_says_how_long(
    stub: Stub, status: int, header: str | None, seconds: float | None
) -> None:
    error = failing(stub, Reply(status, b"", {"Retry-After": header} if header else {}))
    assert isinstance(error, Wait)
    assert error.seconds == seconds


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(302, b"", {"Location": "/ews/genericerrorpage.htm"}), Wait, "error page"),
        (Reply(404), FixNeeded, "no Exchange Web Services"),
        (Reply(407), FixNeeded, "proxy"),
        (Reply(500, b"<html>broken</html>"), Wait, "HTTP 500"),
        (Reply(500, b"x" * 2_000_000), Wait, "HTTP 500"),
        (Reply(502, b""), Wait, "HTTP 502"),
        (Reply(400, b""), Wait, "HTTP 400"),
        (Reply(200, b"<html><p>Sign in</html>"), Wait, "not the XML"),
        (
            Reply(200, b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'),
            Wait,
            "not the XML",
        ),
        (Reply(200, b""), Wait, "ended in the middle"),
        (Reply(200, envelope("")[:-30]), Wait, "ended in the middle"),
        (Reply(200, envelope("")), Wait, "ErrorResponseSchemaValidation"),
        (Reply(200, envelope(""), cut_after=60), Wait, "cut"),
        (Reply(200, envelope(""), {"Transfer-Encoding": "chunked"}, cut_after=0), Wait, "cut"),
        (Reply(200, b"not gzip", {"Content-Encoding": "gzip"}), Wait, "cut"),
    ],
)
def test_each_odd_answer_is_said_in_words(
    stub: Stub, reply: Reply, kind: type[MailboxError], words: str
) -> None:
    error = failing(stub, reply)
    assert type(error) is kind or isinstance(error, kind)
    assert words in error.cause


def test_a_403_tells_of_the_end_of_ews(stub: Stub) -> None:
    error = failing(stub, Reply(403, b"", {"request-id": "7f9b3c1a"}))
    assert isinstance(error, FixNeeded)
    assert "Since 1 October 2026" in error.cause
    assert "1 April 2027" in error.cause
    command = error.details["command"]
    assert f"$list = (@($allowed -split '[,;\\s]+') + '{CLIENT_ID}' | " in command
    assert "Set-OrganizationConfig -EwsEnabled $true -EwsAllowedAppIDs $list" in command
    assert error.details["request-id"] == "7f9b3c1a"


def test_a_refused_token_is_renewed_once_and_the_call_repeated(stub: Stub) -> None:
    stub.token_replies = [token_reply("old"), token_reply("new")]
    stub.ews_replies = [Reply(401), ews_reply("DeleteItem", "")]
    mark_one(stub.connection(), "A1=", Action.DELETE, "")
    assert [request.headers["authorization"] for request in stub.ews_requests] == ["Bearer old", "Bearer new"]
    assert len(stub.token_requests) == 2


@pytest.mark.parametrize("number", [*sorted(errors.DIAGNOSTICS), ""])
def test_a_refusal_of_a_new_token_is_explained_by_its_number(stub: Stub, number: str) -> None:
    header = {"x-ms-diagnostics": f'{number};reason="words";error_category="x"'} if number else {}
    error = failing(stub, Reply(401, b"", header))
    assert isinstance(error, FixNeeded)
    assert error.cause == errors.DIAGNOSTICS.get(number, errors.UNEXPLAINED_401).cause
    assert len(stub.ews_requests) == 2


def test_a_fault_of_exchanges_own_token_check_is_waited_for(stub: Stub) -> None:
    assert isinstance(failing(stub, Reply(401, b"", {"x-ms-diagnostics": "2000007;reason=x"})), Wait)


def test_no_redirect_takes_the_token_elsewhere(stub: Stub) -> None:
    with running_stub() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            error = failing(stub, Reply(status, b"", {"Location": elsewhere.ews_url}))
            assert isinstance(error, FixNeeded)
        assert elsewhere.requests == []


def test_neither_secret_nor_token_is_in_any_repr_error_or_log(
    stub: Stub, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("", "urllib3", "requests", "authlib"):
        caplog.set_level(logging.DEBUG, name)
    token = "SENTINEL-TOKEN-" + "x" * 60
    stub.token_replies = [token_reply(token)]
    told = []
    echo = {"request-id": "id", "x-ms-diagnostics": f"2000001;{token}", "X-FEServer": "fe"}
    with capture_logs() as logged:
        for reply in (
            Reply(401, token.encode(), echo),
            Reply(403, token.encode(), echo),
            Reply(500, fault_reply("ErrorNew").body.replace(b"words", f"{token}".encode())),
            ews_reply("SyncFolderItems", failed("ErrorNew", f"Bearer {token} is bad")),
            Reply(200, token.encode()),
            Reply(200, envelope(token), cut_after=80),
        ):
            error = failing(stub, reply)
            told += [
                repr(error),
                str(error),
                str(error.details),
                repr(error.__context__),
                repr(error.__cause__),
            ]
    connection = stub.connection()
    told += [repr(connection), repr(connection.soap), str(vars(connection.soap)), repr(connection.__dict__)]
    told += [caplog.text, str(logged)]
    told += [str(record.__dict__) for record in caplog.records]
    everything = "\n".join(told)
    assert {entry["event"] for entry in logged} == {"token_fetched", "ews_call"}
    assert "SENTINEL" not in everything
    assert SECRET not in everything
    assert "SENTINEL" not in safe_text(f"Bearer {token}")


# -- sending and marking -------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_mail_that_never_goes_is_refused(stub: Stub, code: str) -> None:
    stub.ews_replies = [ews_reply("CreateItem", failed(code))]
    with pytest.raises(Refused) as caught:
        stub.connection().send(b"From: x\r\n\r\n", "")
    assert caught.value.code == code


@pytest.mark.parametrize("code", ["ErrorSendAsDenied", "ErrorQuotaExceeded", "ErrorAccessDenied"])
def test_what_concerns_every_mail_stops_the_mailbox(stub: Stub, code: str) -> None:
    stub.ews_replies = [ews_reply("CreateItem", failed(code))]
    with pytest.raises(FixNeeded):
        stub.connection().send(b"From: x\r\n\r\n", "")


@pytest.mark.parametrize(
    ("message", "not_done"),
    [
        (failed("ErrorBrandNew"), True),
        (failed("ErrorInvalidRecipients"), True),
        (failed("ErrorSendAsDenied"), True),
        (failed("ErrorInternalServerTransientError"), False),
        (failed("ErrorTimeoutExpired"), False),
        (failed("ErrorBrandNew").replace('ResponseClass="Error"', 'ResponseClass="Warning"'), False),
        ("", False),  # nothing is said of this mail
    ],
)
def test_it_is_known_whether_the_server_said_that_it_did_not_send(
    stub: Stub, message: str, not_done: bool
) -> None:
    stub.ews_replies = [ews_reply("CreateItem", *filter(None, [message]))]
    with pytest.raises((MailError, MailboxError)) as caught:
        stub.connection().send(b"From: x\r\n\r\n", "")
    assert isinstance(caught.value, MailError | MailboxError)
    assert caught.value.not_done == not_done


def test_a_mail_that_the_front_door_finds_too_large_is_refused(stub: Stub) -> None:
    stub.ews_replies = [Reply(413)]
    with pytest.raises(Refused, match="larger"):
        stub.connection().send(b"From: x\r\n\r\n", "")


def test_a_sent_mail_carries_its_bytes(stub: Stub) -> None:
    stub.ews_replies = [ews_reply("CreateItem", "<m:Items/>")]
    raw = b"From: x@y.example\r\nSubject: \xff\r\n\r\nb\x00dy"
    stub.connection().send(raw, "")
    [request] = stub.ews_requests
    assert base64.b64decode(body_of(request).findtext(".//t:MimeContent", None, xml.NAMESPACES)) == raw
    assert body_of(request).get("MessageDisposition") == "SendAndSaveCopy"


@pytest.mark.parametrize("action", list(Action))
def test_marking_a_mail_that_is_gone_is_no_error(stub: Stub, action: Action) -> None:
    operation = {Action.MOVE: "MoveItem", Action.MARK_READ: "UpdateItem", Action.DELETE: "DeleteItem"}[action]

    def answer(request: Request) -> Reply | None:
        if b"FindFolder" in request.body:
            return folder_reply("F1=")
        if b"GetFolder" in request.body:
            return looked_into()
        return ews_reply(operation, failed("ErrorItemNotFound")) if "/EWS/" in request.path else None

    stub.answer = answer
    mark_one(stub.connection(), "GONE=", action, "Placet")
    assert stub.ews_requests


def folder_reply(id_: str) -> Reply:
    found = f'<t:Folder><t:FolderId Id="{id_}"/></t:Folder>' if id_ else ""
    return ews_reply("FindFolder", f"<m:RootFolder><t:Folders>{found}</t:Folders></m:RootFolder>")


def looked_into(inbox: str = "INBOX=", junk: str = "JUNK=") -> Reply:
    found = '<m:Folders><t:Folder><t:FolderId Id="{}"/></t:Folder></m:Folders>'
    return ews_reply("GetFolder", found.format(inbox), found.format(junk))


@pytest.mark.parametrize("replies", [("F1=", "JUNK="), ("INBOX=", "F1=")])
def test_no_mail_is_moved_to_where_mail_is_taken_from_whatever_it_is_called(
    stub: Stub, replies: tuple[str, str]
) -> None:
    stub.ews_replies = [folder_reply("F1="), looked_into(*replies)]
    connection = stub.connection()
    for _ in range(2):
        with pytest.raises(FixNeeded, match="takes mail from the folder “Posteingang”"):
            mark_one(connection, "A1=", Action.MOVE, "Posteingang")
    assert not any(b"MoveItem" in request.body for request in stub.ews_requests)


def test_where_mail_is_taken_from_must_be_known_before_any_is_moved(stub: Stub) -> None:
    stub.ews_replies = [folder_reply("F1="), ews_reply("GetFolder", failed("ErrorAccessDenied"))]
    with pytest.raises(FixNeeded):
        mark_one(stub.connection(), "A1=", Action.MOVE, "Placet")


def test_a_folder_that_another_worker_makes_at_the_same_time_is_used(stub: Stub) -> None:
    stub.ews_replies = [
        folder_reply(""),
        ews_reply("CreateFolder", failed("ErrorFolderExists")),
        folder_reply("F1="),
        looked_into(),
        ews_reply("MoveItem", ""),
        ews_reply("MoveItem", ""),
    ]
    connection = stub.connection()
    mark_one(connection, "A1=", Action.MOVE, "Placet")
    mark_one(connection, "A2=", Action.MOVE, "Placet")
    assert len(stub.ews_requests) == 6  # the folders were remembered


def test_a_folder_that_hides_itself_is_said_in_words(stub: Stub) -> None:
    stub.ews_replies = [
        folder_reply(""),
        ews_reply("CreateFolder", failed("ErrorFolderExists")),
        folder_reply(""),
    ]
    with pytest.raises(FixNeeded, match="another name"):
        mark_one(stub.connection(), "A1=", Action.MOVE, "Placet")


def test_a_remembered_folder_that_was_deleted_is_made_again(stub: Stub) -> None:
    stub.ews_replies = [
        folder_reply("OLD="),
        looked_into(),
        ews_reply("MoveItem", failed("ErrorToFolderNotFound")),
        folder_reply("NEW="),
        ews_reply("MoveItem", ""),
    ]
    mark_one(stub.connection(), "A1=", Action.MOVE, "Placet")
    target = body_of(stub.ews_requests[-1]).find("m:ToFolderId/t:FolderId", xml.NAMESPACES)
    assert target.get("Id") == "NEW="


def sent_page(*ids: str, last: bool, offset: int, at: datetime) -> Reply:
    items = "".join(
        f'<t:Message><t:ItemId Id="{id_}"/><t:Size>500</t:Size>'
        f"<t:DateTimeCreated>{at:%Y-%m-%dT%H:%M:%SZ}</t:DateTimeCreated></t:Message>"
        for id_ in ids
    )
    return ews_reply(
        "FindItem",
        f'<m:RootFolder IndexedPagingOffset="{offset}" IncludesLastItemInRange="{str(last).lower()}">'
        f"<t:Items>{items}</t:Items></m:RootFolder>",
    )


def test_a_replaced_message_id_is_seen_through_by_the_reference(stub: Stub) -> None:
    now = datetime(2026, 11, 24, 10, 0, 0, tzinfo=UTC)
    hidden = base64.b64encode(b"Your code: k7f2-ABCD\n")
    mime = b"Subject: =?utf-8?b?eA==?=\r\nContent-Transfer-Encoding: base64\r\n\r\n" + hidden
    stub.ews_replies = [
        sent_page(last=True, offset=0, at=now),
        sent_page("S1=", last=False, offset=1, at=now),
        ews_reply("GetItem", item("S1=")),
        sent_page("S2=", last=True, offset=2, at=now),
        ews_reply("GetItem", item("S2=", mime)),
    ]
    assert stub.connection().was_sent("<x@y.example>", "K7F2-abcd", now)
    assert len(stub.ews_requests) == 5


def person(tag: str, address: str, routing: str = "SMTP") -> str:
    return (
        f"<t:{tag}><t:Mailbox><t:Name>Ann</t:Name><t:EmailAddress>{address}</t:EmailAddress>"
        f"<t:RoutingType>{routing}</t:RoutingType></t:Mailbox></t:{tag}>"
    )


def listed(*ids: str) -> Reply:
    """Sent Items; FindItem lists names without addresses."""
    items = "".join(
        f'<t:Message><t:ItemId Id="{id_}"/><t:Subject>Ask {id_}</t:Subject>'
        "<t:From><t:Mailbox><t:Name>Ann</t:Name></t:Mailbox></t:From>"
        f"<t:InternetMessageId>&lt;{id_}@server.example&gt;</t:InternetMessageId></t:Message>"
        for id_ in ids
    )
    return ews_reply(
        "FindItem", f'<m:RootFolder IncludesLastItemInRange="true"><t:Items>{items}</t:Items></m:RootFolder>'
    )


def test_a_copy_has_the_address_of_its_from_or_else_of_its_sender(stub: Stub) -> None:
    stub.ews_replies = [
        listed("S1", "S2", "S3", "S4"),
        ews_reply(
            "GetItem",
            item("S1", None, person("Sender", "bob@y.example") + person("From", "Requests@y.example")),
            item(
                "S2", None, person("Sender", "Requests@y.example") + person("From", "/O=EXCHANGELABS", "EX")
            ),
            failed("ErrorItemNotFound", "The specified object was not found in the store."),
            item("S4", None),
        ),
    ]
    wanted = [SentMail(id_, f"<{id_}@ours.example>", f"Ask {id_}") for id_ in ("S1", "S2", "S3", "S4", "S5")]
    copies = stub.connection().copies_of_sent(wanted, datetime(2026, 11, 24, tzinfo=UTC))
    addresses = {"S1": "requests@y.example", "S2": "requests@y.example", "S3": "", "S4": ""}
    assert copies == {id_: SentCopy(f"<{id_}@server.example>", address) for id_, address in addresses.items()}
    asked = body_of(stub.ews_requests[1]).findtext(".//t:IncludeMimeContent", None, xml.NAMESPACES)
    assert asked == "false"


def test_a_busy_server_inside_the_addresses_stops_the_look(stub: Stub) -> None:
    stub.ews_replies = [
        listed("S1", "S2"),
        ews_reply("GetItem", item("S1", None), failed("ErrorServerBusy", "Busy.")),
    ]
    wanted = [SentMail(id_, f"<{id_}@ours.example>", f"Ask {id_}") for id_ in ("S1", "S2")]
    with pytest.raises(Wait):
        stub.connection().copies_of_sent(wanted, datetime(2026, 11, 24, tzinfo=UTC))


def test_addresses_that_cannot_be_read_do_not_stop_the_mailbox(stub: Stub) -> None:
    stub.ews_replies = [listed("S1"), Reply(200, envelope("<m:GetItemResponse><oops></m:GetItemResponse>"))]
    wanted = [SentMail("S1", "<S1@ours.example>", "Ask S1")]
    copies = stub.connection().copies_of_sent(wanted, datetime(2026, 11, 24, tzinfo=UTC))
    assert copies == {"S1": SentCopy("<S1@server.example>", "")}


def test_no_address_is_asked_for_where_nothing_was_found(stub: Stub) -> None:
    stub.ews_replies = [listed("S1")]
    assert not stub.connection().copies_of_sent(
        [SentMail("S2", "<S2@ours.example>", "Ask S2")], datetime(2026, 11, 24, tzinfo=UTC)
    )
    assert len(stub.ews_requests) == 1


def test_sent_items_are_searched_back_to_five_minutes_before(stub: Stub) -> None:
    now = datetime(2026, 11, 24, 10, 0, 0, tzinfo=UTC)
    stub.ews_replies = [sent_page("S1=", last=False, offset=1, at=now - timedelta(minutes=6))]
    assert not stub.connection().was_sent("", "k7f2", now)
    assert len(stub.ews_requests) == 1
