"""A mailbox of which one kind receives and another sends: what is known of a send that was cut off."""

from datetime import UTC, datetime

import pytest

from placet.mailboxes.base import MailError, Wait
from placet.mailboxes.joined import Joined
from placet.mailboxes.memory import MemoryConnection, MemoryMailbox

RAW = b"From: approvals@example.com\r\nTo: bob@example.com\r\nMessage-ID: <1@example.com>\r\n\r\nPlease decide.\r\n"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class WithSentFolder(MemoryConnection):
    """As IMAP has one: what another kind sends is put there."""

    def keep_sent(self, raw: bytes) -> None:
        super().send(raw, "k7f2")


@pytest.fixture
def receiving() -> WithSentFolder:
    return WithSentFolder(MemoryMailbox())


@pytest.fixture
def outgoing() -> MemoryMailbox:
    return MemoryMailbox(keeps_copies=False)


def was_sent(joined: Joined) -> bool | None:
    return joined.was_sent("<1@example.com>", "k7f2", NOW)


def test_the_copy_says_that_a_mail_went_out(receiving: WithSentFolder, outgoing: MemoryMailbox) -> None:
    joined = Joined(receiving, outgoing.connect())
    joined.send(RAW, "k7f2")
    assert was_sent(joined) is True
    assert len(outgoing.sent) == 1


@pytest.mark.parametrize("cut", ["while it was sent", "before the copy"])
def test_no_copy_does_not_say_that_it_did_not(
    receiving: WithSentFolder, outgoing: MemoryMailbox, cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = Joined(receiving, outgoing.connect())
    if cut == "before the copy":

        def killed(raw: bytes) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(receiving, "keep_sent", killed)
        with pytest.raises(KeyboardInterrupt):
            joined.send(RAW, "k7f2")
    else:
        outgoing.cut_after_send = True
        with pytest.raises(Wait):
            joined.send(RAW, "k7f2")
    assert len(outgoing.sent) == 1
    assert was_sent(joined) is None


def test_what_sends_may_know_by_itself(receiving: WithSentFolder) -> None:
    outgoing = MemoryMailbox()
    joined = Joined(receiving, outgoing.connect())
    assert was_sent(joined) is False
    outgoing.connect().send(RAW, "k7f2")
    assert was_sent(joined) is True


def test_without_a_folder_of_sent_mail_nobody_knows(outgoing: MemoryMailbox) -> None:
    joined = Joined(MemoryMailbox().connect(), outgoing.connect())
    joined.send(RAW, "k7f2")
    assert was_sent(joined) is None


@pytest.mark.parametrize("error", [Wait("The server is busy.", "Wait."), MailError("No.")])
def test_that_no_copy_can_be_kept_sends_no_mail_twice(
    receiving: WithSentFolder, outgoing: MemoryMailbox, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(raw: bytes) -> None:
        raise error

    monkeypatch.setattr(receiving, "keep_sent", refusing)
    Joined(receiving, outgoing.connect()).send(RAW, "k7f2")
    assert len(outgoing.sent) == 1
