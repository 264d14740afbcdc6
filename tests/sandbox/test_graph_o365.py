"""The sandbox's Graph driven by python-o365, a client that we did not write, with MSAL for its tokens."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from O365 import Account, MSGraphProtocol
from O365.utils.token import MemoryTokenBackend
from requests import HTTPError

from placet.sandbox import Sandbox
from tests.sandbox import wire
from tests.sandbox.msal_client import msal_client
from tests.sandbox.wire import APPROVALS


@pytest.fixture
def account(sandbox: Sandbox) -> Iterator[Any]:
    """Signed in as the application, by client credentials, in the mailbox of approvals."""
    protocol = type("Loopback", (MSGraphProtocol,), {"_protocol_url": f"{sandbox.url}/"})
    made = Account(
        (sandbox.client_id, sandbox.client_secret),
        protocol=protocol,
        auth_flow_type="credentials",
        tenant_id=sandbox.tenant_id,
        main_resource=APPROVALS,
        token_backend=MemoryTokenBackend(),
        request_retries=0,
        requests_delay=0,
    )
    backend = made.con.token_backend
    made.con._msal_client = msal_client(sandbox, sandbox.client_secret, token_cache=backend)
    assert made.con.request_token(None, requested_scopes=[sandbox.graph_scope])
    made.con.session = made.con.get_session(load_token=True)
    yield made
    made.con.session.close()


def arrive(sandbox: Sandbox, *subjects: str) -> None:
    for subject in subjects:
        sandbox.send_as("ann", wire.mail(subject=subject))


def test_it_lists_the_inbox(sandbox: Sandbox, account: Any) -> None:
    arrive(sandbox, *(f"Request {number}" for number in range(12)))
    messages = list(account.mailbox().inbox_folder().get_messages(limit=None, batch=5))
    assert [message.subject for message in messages] == [f"Request {n}" for n in range(11, -1, -1)]
    first = messages[-1]
    assert (first.sender.address, first.sender.name) == ("ann@contoso.example", "Ann Approver")
    assert first.internet_message_id == sandbox.mails("approvals")[0].message_id
    assert not first.is_read
    assert first.received == sandbox.mails("approvals")[0].received


def test_it_filters_and_reads_the_mime_content(sandbox: Sandbox, account: Any) -> None:
    arrive(sandbox, "Holiday", "Trip")
    inbox = account.mailbox().inbox_folder()
    query = inbox.new_query().equals("subject", "Holiday")
    [found] = inbox.get_messages(query=query)
    assert found.get_mime_content() == sandbox.mails("approvals")[0].mime
    wanted = inbox.get_message(found.object_id)
    assert wanted.subject == "Holiday"


def test_it_marks_moves_and_deletes(sandbox: Sandbox, account: Any) -> None:
    arrive(sandbox, "one", "two")
    mailbox = account.mailbox()
    two, one = mailbox.inbox_folder().get_messages()
    assert one.mark_as_read()
    assert sandbox.mails("approvals")[0].is_read
    processed = mailbox.inbox_folder().create_child_folder("Processed")
    assert one.move(processed)
    assert [mail.subject for mail in sandbox.mails("approvals", "Inbox/Processed")] == ["one"]
    assert [message.subject for message in processed.get_messages()] == ["one"]
    assert mailbox.inbox_folder().get_folder(folder_name="Processed").folder_id == processed.folder_id
    assert two.delete()
    assert [mail.subject for mail in sandbox.mails("approvals", "deleteditems")] == ["two"]
    with pytest.raises(HTTPError, match="A folder with the specified name already exists"):
        mailbox.inbox_folder().create_child_folder("Processed")


def test_it_sends_a_mail_with_a_file(sandbox: Sandbox, account: Any) -> None:
    message = account.new_message()
    message.to.add("ann@contoso.example")
    message.subject = "Request 42"
    message.body = "<p>Please <b>answer</b>.</p>"
    message.reply_to.add("approvals+abc@contoso.example")
    assert message.send()
    [mail] = sandbox.mails("ann")
    assert (mail.subject, mail.header("reply-to")) == ("Request 42", "approvals+abc@contoso.example")
    assert "<b>answer</b>" in mail.html
    assert [mail.subject for mail in sandbox.mails("approvals", "sentitems")] == ["Request 42"]


def test_it_drafts_and_answers(sandbox: Sandbox, account: Any) -> None:
    draft = account.new_message()
    draft.to.add("ann@contoso.example")
    draft.subject = "Draft"
    draft.body = "x"
    assert draft.save_draft()
    assert [mail.subject for mail in sandbox.mails("approvals", "drafts")] == ["Draft"]
    assert draft.send()
    assert [mail.subject for mail in sandbox.mails("ann")] == ["Draft"]
    arrive(sandbox, "Question")
    [question] = account.mailbox().inbox_folder().get_messages()
    reply = question.reply(to_all=False)
    assert reply.send()
    answer = sandbox.mails("ann")[-1]
    assert answer.subject == "RE: Question"
    assert answer.header("in-reply-to") == question.internet_message_id


def test_its_connection_sends_mime_and_follows_delta(sandbox: Sandbox, account: Any) -> None:
    """The library has neither; its connection does what it is told."""
    home = f"{sandbox.graph_url}/users/{APPROVALS}"
    raw = b"To: ann@contoso.example\r\nSubject: MIME\r\n\r\nx"
    sent = account.con.post(
        f"{home}/sendMail", data=base64.b64encode(raw), headers={"Content-type": "text/plain"}
    )
    assert sent.status_code == 202
    assert sandbox.mails("ann")[0].subject == "MIME"
    arrive(sandbox, "one", "two", "three")
    prefer = {"Prefer": "odata.maxpagesize=2"}
    page = account.con.get(f"{home}/mailFolders/inbox/messages/delta", headers=dict(prefer)).json()
    told = page["value"]
    while "@odata.nextLink" in page:
        page = account.con.get(page["@odata.nextLink"], headers=dict(prefer)).json()
        told += page["value"]
    assert [one["subject"] for one in told] == ["one", "two", "three"]
    sandbox.delete("approvals", sandbox.mails("approvals")[0].id)
    page = account.con.get(page["@odata.deltaLink"]).json()
    assert [one["@removed"]["reason"] for one in page["value"]] == ["deleted"]


def test_it_hears_why_it_may_not(sandbox: Sandbox, account: Any) -> None:
    sandbox.switches.access_policy = set()
    with pytest.raises(HTTPError, match="Access to OData is disabled"):
        list(account.mailbox().inbox_folder().get_messages())
    assert not account.con.request_token(None, requested_scopes=["https://graph.microsoft.com/Mail.Read"])
