"""exchangelib, a client that nobody here wrote, works with the sandbox as it does with Exchange Online."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import exchangelib
import pytest
from exchangelib import errors
from exchangelib.protocol import CachingProtocol

from placet.sandbox import Sandbox
from tests.sandbox import wire


class Credentials(exchangelib.OAuth2Credentials):  # type: ignore[misc]  # exchangelib has no types
    """Client credentials for a token address and scope that are not Microsoft's own."""

    def __init__(self, token_url: str, scope: str, **rest: Any) -> None:
        self._token_url, self._scope = token_url, (scope,)
        super().__init__(**rest)

    @property
    def token_url(self) -> str:
        return self._token_url

    @property
    def scope(self) -> list[str]:
        return list(self._scope)

    def session_params(self) -> dict[str, Any]:
        return {"token": self.access_token}


Open = Callable[..., Any]


@pytest.fixture
def open_account(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    accounts = []

    def opened(address: str = wire.APPROVALS, *, version: bool = False, **given: str) -> Any:
        credentials = Credentials(
            sandbox.token_url,
            given.get("scope", sandbox.scope),
            client_id=sandbox.client_id,
            client_secret=given.get("client_secret", sandbox.client_secret),
            tenant_id=sandbox.tenant_id,
            identity=exchangelib.Identity(primary_smtp_address=address),
        )
        known = exchangelib.Version(build=exchangelib.Build(15, 20, 9115, 12)) if version else None
        configuration = exchangelib.Configuration(
            service_endpoint=sandbox.ews_url,
            credentials=credentials,
            auth_type=exchangelib.OAUTH2,
            version=known,
        )
        account = exchangelib.Account(
            address, config=configuration, autodiscover=False, access_type=exchangelib.IMPERSONATION
        )
        accounts.append(account)
        return account

    yield opened
    for account in accounts:
        account.protocol.close()
    CachingProtocol.clear_cache()


def message(account: Any, text: str) -> Any:
    return exchangelib.Message(account=account, folder=account.sent, mime_content=text.encode())


@pytest.mark.parametrize("version", [True, False])
def test_it_reads_the_mime_of_a_mail(version: bool, sandbox: Sandbox, open_account: Open) -> None:
    sandbox.send_as("ann", wire.mail())
    account = open_account(version=version)
    [item] = account.inbox.all().only("mime_content")[:1]
    assert item.mime_content == sandbox.mails("approvals")[0].mime


def test_it_reads_all_fields_of_unread_mail_in_order(sandbox: Sandbox, open_account: Open) -> None:
    for number in range(3):
        sandbox.send_as(
            "ann", wire.mail(subject=f"Number {number}", in_reply_to="<req@x>", references="<req@x>")
        )
    sandbox.mark_read("approvals", sandbox.mails("approvals")[0].id)
    items = list(open_account().inbox.filter(is_read=False).order_by("datetime_received"))
    assert [item.subject for item in items] == ["Number 1", "Number 2"]
    item = items[0]
    assert (item.sender.name, item.sender.email_address) == ("Ann Approver", "ann@contoso.example")
    assert item.author.email_address == "ann@contoso.example"
    assert [to.email_address for to in item.to_recipients] == [wire.APPROVALS]
    assert (item.in_reply_to, item.references, item.is_read) == ("<req@x>", "<req@x>", False)
    assert item.item_class == "IPM.Note"
    assert item.text_body == "Approve\r\n"
    assert [h.value for h in item.headers if h.name == "X-MS-Exchange-Organization-AuthAs"] == ["Internal"]
    assert item.message_id == sandbox.mails("approvals")[1].message_id


def test_it_sends_mime_and_keeps_a_copy(sandbox: Sandbox, open_account: Open) -> None:
    account = open_account()
    message(
        account, "To: ann@contoso.example\r\nSubject: Request 42\r\n\r\nPlease answer\r\n"
    ).send_and_save()
    [mail] = sandbox.mails("ann")
    assert (mail.sender, mail.subject) == (wire.APPROVALS, "Request 42")
    [copy] = account.sent.filter(message_id=mail.message_id)
    assert copy.subject == "Request 42"


def test_it_marks_moves_and_deletes(sandbox: Sandbox, open_account: Open) -> None:
    for _ in range(3):
        sandbox.send_as("ann", wire.mail())
    account = open_account()
    folder = exchangelib.Folder(parent=account.inbox, name="Processed")
    folder.save()
    first, second, third = account.inbox.all().order_by("datetime_received")
    first.is_read = True
    first.save(update_fields=["is_read"])
    before = second.id
    second.move(account.inbox // "Processed")
    third.delete()
    assert [mail.is_read for mail in sandbox.mails("approvals")] == [True]
    [moved] = sandbox.mails("approvals", "Inbox/Processed")
    assert moved.id == second.id != before
    assert sandbox.mails("approvals", "deleteditems") == []


def test_it_trashes_into_deleted_items(sandbox: Sandbox, open_account: Open) -> None:
    sandbox.send_as("ann", wire.mail())
    account = open_account()
    account.inbox.all()[0].move_to_trash()
    assert len(sandbox.mails("approvals", "deleteditems")) == 1


def test_it_synchronises_a_folder(sandbox: Sandbox, open_account: Open) -> None:
    for _ in range(120):
        sandbox.send_as("ann", wire.mail())
    inbox = open_account().inbox
    created = list(inbox.sync_items(only_fields=["message_id"]))
    assert {kind for kind, _ in created} == {"create"}
    assert [item.message_id for _, item in created] == [
        mail.message_id for mail in sandbox.mails("approvals")
    ]
    one, two = (mail.id for mail in sandbox.mails("approvals")[:2])
    sandbox.mark_read("approvals", one)
    sandbox.move("approvals", two, "junkemail")
    later = dict(inbox.sync_items(only_fields=["message_id"]))
    assert set(later) == {"read_flag_change", "delete"}
    assert (later["read_flag_change"][0].id, later["read_flag_change"][1]) == (one, True)
    assert later["delete"].id == two


def test_it_loses_its_sync_state(sandbox: Sandbox, open_account: Open) -> None:
    inbox = open_account().inbox
    list(inbox.sync_items())
    sandbox.lose_sync_states()
    with pytest.raises(errors.ErrorInvalidSyncStateData):
        list(inbox.sync_items())


def test_it_walks_the_folders(sandbox: Sandbox, open_account: Open) -> None:
    account = open_account()
    names = {folder.name for folder in account.root.walk()}
    assert {"Inbox", "Junk Email", "Sent Items", "Deleted Items", "Drafts"} <= names
    with pytest.raises(errors.ErrorFolderNotFound):
        _ = account.inbox // "Nothing"


def test_a_missing_item_is_an_element_of_the_result(sandbox: Sandbox, open_account: Open) -> None:
    sandbox.send_as("ann", wire.mail())
    account = open_account()
    [item] = account.inbox.all()
    sandbox.move("approvals", item.id, "junkemail")
    [result] = account.fetch([item])
    assert isinstance(result, errors.ErrorItemNotFound)


def test_it_gets_events_as_they_happen(sandbox: Sandbox, open_account: Open) -> None:
    account = open_account()
    subscription = account.inbox.subscribe_to_streaming()
    sandbox.send_as("ann", wire.mail())
    notification = next(account.inbox.get_streaming_events(subscription, connection_timeout=1))
    assert {type(event).__name__ for event in notification.events} <= {"NewMailEvent", "CreatedEvent"}
    assert notification.events[0].item_id.id == sandbox.mails("approvals")[0].id
    account.inbox.unsubscribe(subscription)
    with pytest.raises(errors.ErrorSubscriptionNotFound):
        account.inbox.unsubscribe(subscription)


def test_an_unknown_mailbox_is_an_error_in_its_words(sandbox: Sandbox, open_account: Open) -> None:
    with pytest.raises(errors.ErrorNonExistentMailbox):
        list(open_account("nobody@contoso.example", version=True).inbox.all())


def test_a_wrong_secret_is_an_error_of_entra(open_account: Open) -> None:
    with pytest.raises(Exception, match="AADSTS7000215"):
        list(open_account(client_secret="wrong", version=True).inbox.all())


def test_the_glued_scope_is_an_error_of_entra(sandbox: Sandbox, open_account: Open) -> None:
    with pytest.raises(Exception, match="AADSTS1002012"):
        list(open_account(scope=f"{sandbox.scope}&grant_type=client_credentials", version=True).inbox.all())


def test_a_busy_server_and_a_mail_that_may_not_be_sent_are_errors_in_their_words(
    sandbox: Sandbox, open_account: Open
) -> None:
    account = open_account()
    assert account.sent
    with pytest.raises(errors.ErrorSendAsDenied):
        message(account, "From: ann@contoso.example\r\nTo: bob@contoso.example\r\n\r\nx").send_and_save()
    sandbox.faults.set("busy", back_off_ms=1500)
    with pytest.raises(errors.ErrorServerBusy) as busy:
        list(account.inbox.all())
    assert busy.value.back_off == 1.5


def test_it_takes_a_new_token_when_the_old_one_has_died(sandbox: Sandbox, open_account: Open) -> None:
    account = open_account()
    assert list(account.inbox.all()) == []
    sandbox.expire_tokens()
    with pytest.raises(errors.UnauthorizedError):
        list(account.inbox.all())
    assert list(account.inbox.all()) == []
    assert sandbox.counters["tokens"] == 2
