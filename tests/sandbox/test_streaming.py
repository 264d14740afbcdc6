"""Streaming subscriptions, by literal bytes; that exchangelib hears them is in test_exchangelib."""

from __future__ import annotations

import re

import pytest

from placet.sandbox import Sandbox
from tests.sandbox import wire
from tests.sandbox.wire import M

FOLDERS = '<t:FolderIds><t:DistinguishedFolderId Id="inbox"/></t:FolderIds>'


def subscribe(*kinds: str, folders: str = FOLDERS, everything: bool = False) -> str:
    wanted = "".join(f"<t:EventType>{kind}</t:EventType>" for kind in kinds)
    attribute = ' SubscribeToAllFolders="true"' if everything else ""
    return (
        f"<m:Subscribe><m:StreamingSubscriptionRequest{attribute}>{folders}<t:EventTypes>{wanted}</t:EventTypes>"
        "</m:StreamingSubscriptionRequest></m:Subscribe>"
    )


def listen(*ids: str) -> str:
    wanted = "".join(f"<t:SubscriptionId>{i}</t:SubscriptionId>" for i in ids)
    return (
        f"<m:GetStreamingEvents><m:SubscriptionIds>{wanted}</m:SubscriptionIds>"
        "<m:ConnectionTimeout>1</m:ConnectionTimeout></m:GetStreamingEvents>"
    )


@pytest.fixture
def subscription(sandbox: Sandbox) -> str:
    sandbox.ews.subscriptions.minute_seconds = 0.2
    answer = wire.ews(sandbox, subscribe("NewMailEvent", "MovedEvent", "DeletedEvent", "ModifiedEvent"))
    return answer.xml.findtext(f".//{M}SubscriptionId") or ""


def heard(sandbox: Sandbox, *ids: str) -> list[str]:
    """The connection states, events and errors of one connection, in order."""
    answer = wire.ews(sandbox, listen(*ids))
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.text.count("</s:Envelope>") == answer.text.count("<m:GetStreamingEventsResponse>")
    found = re.findall(
        r"<m:ConnectionStatus>(\w+)<|<t:(?=\w+Event)(\w+)|(ErrorInvalidSubscription)", answer.text
    )
    return ["".join(words) for words in found]


def test_events_come_between_ok_and_closed(sandbox: Sandbox, subscription: str) -> None:
    sandbox.send_as("ann", wire.mail())
    mail = sandbox.mails("approvals")[0].id
    sandbox.mark_read("approvals", mail)
    sandbox.move("approvals", sandbox.move("approvals", mail, "junkemail").id, "inbox")
    answer = heard(sandbox, subscription)
    assert answer == ["OK", "NewMailEvent", "ModifiedEvent", "MovedEvent", "Closed"]


def test_a_quiet_connection_has_heartbeats(sandbox: Sandbox, subscription: str) -> None:
    sandbox.ews.subscriptions.heartbeat_seconds = 0.05
    answer = heard(sandbox, subscription)
    assert (answer[0], answer[-1], set(answer[1:-1])) == ("OK", "Closed", {"StatusEvent"})


def test_a_lost_subscription_ends_the_connection(sandbox: Sandbox, subscription: str) -> None:
    unsubscribe = f"<m:Unsubscribe><m:SubscriptionId>{subscription}</m:SubscriptionId></m:Unsubscribe>"
    assert wire.ews(sandbox, unsubscribe).codes == ["NoError"]
    assert wire.ews(sandbox, unsubscribe).codes == ["ErrorSubscriptionNotFound"]
    answer = heard(sandbox, subscription)
    assert answer == ["ErrorInvalidSubscription", "Closed"]


def test_subscriptions_are_of_one_mailbox_and_at_most_twenty(sandbox: Sandbox, subscription: str) -> None:
    bob = wire.impersonate("bob@contoso.example")
    assert wire.ews(sandbox, listen(subscription), header=bob).codes == ["ErrorInvalidSubscription"]
    for _ in range(19):
        assert wire.ews(sandbox, subscribe("NewMailEvent")).codes == ["NoError"]
    assert wire.ews(sandbox, subscribe("NewMailEvent")).codes == ["ErrorExceededSubscriptionCount"]
    assert wire.ews(sandbox, subscribe("NewMailEvent"), header=bob).codes == ["NoError"]


def test_folders_or_everything_but_not_both_and_not_neither(sandbox: Sandbox) -> None:
    assert wire.ews(sandbox, subscribe("NewMailEvent", folders="", everything=True)).codes == ["NoError"]
    for wrong in (subscribe("NewMailEvent", everything=True), subscribe("NewMailEvent", folders="")):
        assert wire.ews(sandbox, wrong).codes == ["ErrorInvalidSubscriptionRequest"]
    pull = "<m:Subscribe><m:PullSubscriptionRequest/></m:Subscribe>"
    assert wire.ews(sandbox, pull).codes == ["ErrorInvalidSubscriptionRequest"]
