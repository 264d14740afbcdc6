"""What an Exchange server of the organisation's own is asked, and what its refusals mean."""

from pathlib import Path

import pytest
from lxml import etree
from pydantic import SecretStr

from placet.mailboxes.base import FixNeeded, MailboxError, SignInRefused, Wait
from placet.mailboxes.microsoft.ews import operations
from placet.mailboxes.microsoft.ews.dialect import Opening
from placet.mailboxes.microsoft.ews.soap import Soap
from placet.mailboxes.microsoft.ews.xml import NAMESPACES
from placet.mailboxes.microsoft.server.attempts import Attempts
from placet.mailboxes.microsoft.server.basic import BasicCaller
from placet.mailboxes.microsoft.server.errors import on_premises
from placet.mailboxes.microsoft.server.windows import Account, WindowsCaller
from placet.sandbox.server import Sandbox
from tests.mailboxes.stub import MAILBOX, Reply, ews_reply, fault_reply

from .exchange import exchange_behind
from .front import PASSWORD, USER, Answer, Front

INBOX = (
    "<m:Folders><t:Folder><t:DisplayName>Posteingang</t:DisplayName><t:TotalCount>3</t:TotalCount></t:Folder>"
    "</m:Folders>"
)
VERSION = (
    b'<soap:Header><h:ServerVersionInfo xmlns:h="http://schemas.microsoft.com/exchange/services/2006/types" '
    b'MajorVersion="15" MinorVersion="2" MajorBuildNumber="1544" MinorBuildNumber="4" Version="V2017_07_11"/>'
    b"</soap:Header><soap:Body>"
)


def soap(front: Front, opening: Opening = Opening.OWN) -> Soap:
    caller = WindowsCaller(front.url, Account(USER, SecretStr(PASSWORD)), attempts=Attempts())
    return Soap(MAILBOX, caller, on_premises(opening, USER, MAILBOX))


def answers(front: Front, *replies: Reply) -> None:
    waiting = list(replies)

    def behind(body: bytes, headers: dict[str, str]) -> Answer:
        reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return Answer(reply.status, reply.body, reply.headers)

    front.behind = behind


def asked(front: Front) -> list[etree._Element]:
    return [etree.fromstring(seen.body) for seen in front.seen if seen.body]


def error_of(front: Front, *replies: Reply, opening: Opening = Opening.OWN) -> MailboxError:
    answers(front, *replies)
    one = soap(front, opening)
    with pytest.raises(MailboxError) as raised:
        operations.get_folder(one, operations.INBOX)
    one.close()
    return raised.value


def test_ones_own_mailbox_is_opened_in_nobodys_name(front: Front) -> None:
    answers(front, ews_reply("GetFolder", INBOX))
    one = soap(front)
    assert operations.get_folder(one, operations.INBOX) == ("Posteingang", 3)
    one.close()
    [envelope] = asked(front)
    assert envelope.find(".//t:ExchangeImpersonation", NAMESPACES) is None
    assert envelope.find(".//t:Mailbox", NAMESPACES) is None


def test_a_shared_mailbox_is_named_with_each_of_its_folders(front: Front) -> None:
    answers(front, ews_reply("GetFolder", INBOX))
    one = soap(front, Opening.SHARED)
    operations.get_folder(one, operations.INBOX)
    one.close()
    [envelope] = asked(front)
    owner = envelope.findtext(".//t:DistinguishedFolderId/t:Mailbox/t:EmailAddress", None, NAMESPACES)
    assert owner == MAILBOX


def test_an_older_server_is_spoken_to_in_its_own_version(front: Front) -> None:
    answers(front, fault_reply("ErrorInvalidServerVersion"), ews_reply("GetFolder", INBOX))
    one = soap(front)
    for _ in range(2):
        operations.get_folder(one, operations.INBOX)
    one.close()
    versions = [
        envelope.find(".//t:RequestServerVersion", NAMESPACES).get("Version")  # type: ignore[union-attr]
        for envelope in asked(front)
    ]
    assert versions == ["Exchange2016", "Exchange2013_SP1", "Exchange2013_SP1"]


def test_a_server_that_knows_no_version_is_too_old(front: Front) -> None:
    error = error_of(front, fault_reply("ErrorInvalidServerVersion"))
    assert isinstance(error, FixNeeded)
    assert "2016" in error.cause
    assert len(asked(front)) == 2


def test_an_answer_says_which_server_it_is(front: Front) -> None:
    reply = ews_reply("GetFolder", INBOX)
    answers(front, Reply(200, reply.body.replace(b"<soap:Body>", VERSION), reply.headers))
    one = soap(front)
    operations.get_folder(one, operations.INBOX)
    one.close()
    assert one.server is not None
    assert (one.server.build, one.server.schema) == ("15.2.1544.4", "V2017_07_11")


@pytest.mark.parametrize(
    ("code", "opening", "command"),
    [
        ("ErrorImpersonateUserDenied", Opening.IMPERSONATED, "ApplicationImpersonation"),
        ("ErrorAccessDenied", Opening.SHARED, "Add-MailboxPermission"),
        ("ErrorSendAsDenied", Opening.OWN, "Add-ADPermission"),
        ("ErrorNonExistentMailbox", Opening.IMPERSONATED, "Get-Recipient"),
    ],
)
def test_missing_rights_come_with_commands_for_the_management_shell(
    front: Front, code: str, opening: Opening, command: str
) -> None:
    error = error_of(front, fault_reply(code), opening=opening)
    assert isinstance(error, FixNeeded)
    assert command in error.details["command"]
    assert "Connect-ExchangeOnline" not in error.details["command"]
    assert f"'{MAILBOX}'" in error.details["command"]


def test_ews_switched_off_is_told_as_of_this_server(front: Front) -> None:
    error = error_of(front, Reply(403))
    assert isinstance(error, FixNeeded)
    assert "Set-CASMailbox" in error.details["command"]
    assert "2027" not in f"{error}"


def test_throttling_waits_as_long_as_the_server_says(front: Front) -> None:
    error = error_of(front, fault_reply("ErrorServerBusy", {"BackOffMilliseconds": "28500"}))
    assert isinstance(error, Wait)
    assert error.seconds == 28.5


def test_the_whole_of_a_mailbox_goes_over_one_connection_that_is_signed_in(
    front: Front, sandbox: Sandbox
) -> None:
    front.behind = exchange_behind(sandbox, MAILBOX)
    sandbox.send_as("ann", to=MAILBOX, subject="RE: Ask", text="Yes\n")
    for opening in Opening:
        one = soap(front, opening)
        assert operations.get_folder(one, operations.INBOX)[1] == 1
        changes = operations.sync_folder_items(one, operations.INBOX, "", 10)
        [item] = operations.get_items(one, [changes.created[0].id], 1_000_000)
        assert isinstance(item, operations.Item)
        assert item.mime is not None
        assert b"Yes" in (item.mime.data or b"")
        one.close()
    assert front.connections == len(Opening)
    assert front.tried_passwords == len(Opening)


# --- Basic ------------------------------------------------------------------------------------------------


def basic(front: Front, password: str = PASSWORD, authorities: str = "") -> BasicCaller:
    return BasicCaller(
        front.url, Account(USER, SecretStr(password)), authorities=authorities, attempts=Attempts()
    )


def test_no_password_goes_in_clear(front: Front) -> None:
    front.offers = ("Basic realm=x",)
    with pytest.raises(FixNeeded) as raised:
        basic(front).post(b"", {})
    assert "clear" in raised.value.cause
    assert not front.seen


def test_basic_over_tls(tls_front: Front, authority: tuple[str, Path]) -> None:
    tls_front.offers = ("Negotiate", "Basic realm=x")
    caller = basic(tls_front, authorities=authority[0])
    for _ in range(2):
        with caller.post(b"x", {}) as answer:
            assert answer.status_code == 200
    caller.close()
    assert [seen.scheme for seen in tls_front.seen] == ["Basic", "Basic"]


def test_a_password_that_basic_refused_is_not_offered_again(
    tls_front: Front, authority: tuple[str, Path]
) -> None:
    tls_front.offers = ("Basic realm=x",)
    caller = basic(tls_front, "wrong", authority[0])
    for _ in range(3):
        with pytest.raises(SignInRefused):
            caller.post(b"x", {})
    caller.close()
    assert tls_front.tried_passwords == 1


def test_a_server_without_basic_says_what_it_has(tls_front: Front, authority: tuple[str, Path]) -> None:
    caller = basic(tls_front, "wrong", authority[0])
    with pytest.raises(FixNeeded) as raised:
        caller.post(b"x", {})
    caller.close()
    assert not isinstance(raised.value, SignInRefused)
    assert "negotiate, ntlm" in raised.value.cause
