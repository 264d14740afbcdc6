"""Listening by IDLE, at a Dovecot."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

import pytest

from placet.mailboxes.base import FixNeeded, MailboxError, Wait
from placet.mailboxes.imap.idle import ImapListening
from placet.mailboxes.imap.wire import Wire, Word
from placet.mailboxes.push.listening import Heard
from tests.servers.dovecot import Dovecot

from .conftest import account, mail

PATIENCE = 60.0

Event = tuple[Heard | MailboxError | None, float]


@contextmanager
def listening(listener: ImapListening) -> "Iterator[Queue[Event]]":
    """What it hears, and when by the monotonic clock; None when it has ended."""
    heard: Queue[Event] = Queue()

    def run() -> None:
        try:
            for event in listener:
                heard.put((event, time.monotonic()))
        except MailboxError as error:
            heard.put((error, time.monotonic()))
        heard.put((None, time.monotonic()))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield heard
    finally:
        listener.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def news(heard: "Queue[Event]") -> float:
    while True:
        event, at = heard.get(timeout=PATIENCE)
        assert isinstance(event, Heard), event
        if event is Heard.NEWS:
            return at


def test_a_mail_is_heard_of_as_it_comes_also_after_the_listening_was_renewed(
    server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Word] = []
    begin = Wire.begin

    def and_remembered(self: Wire, *words: Word, **limits: Any) -> bytes:
        begun.append(words[0])
        return begin(self, *words, **limits)

    monkeypatch.setattr(Wire, "begin", and_remembered)
    with listening(ImapListening(account(server, user), renewed=0.3)) as heard:
        assert heard.get(timeout=PATIENCE)[0] is Heard.OPENED
        for number in range(3):
            began = time.monotonic()
            server.deliver(user, mail(f"number {number}"))
            assert news(heard) - began < 5  # on a busy machine; else it is a tenth of a second
            time.sleep(0.7)
    assert begun.count(b"IDLE") > 3


def test_it_ends_within_moments_of_being_closed(server: Dovecot, user: str) -> None:
    listener = ImapListening(account(server, user))
    with listening(listener) as heard:
        assert heard.get(timeout=PATIENCE)[0] is Heard.OPENED
        listener.close()
        assert heard.get(timeout=PATIENCE)[0] is None


def test_a_connection_that_the_server_ends_is_said_to_be_cut(server: Dovecot, user: str) -> None:
    with listening(ImapListening(account(server, user))) as heard:
        assert heard.get(timeout=PATIENCE)[0] is Heard.OPENED
        server.doveadm("kick", user)
        error, _ = heard.get(timeout=PATIENCE)
        assert isinstance(error, Wait)
        assert error.cure


def test_a_server_that_cannot_tell_is_said_to_be_polled(
    without_extensions: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(without_extensions.authority.certificate))
    with listening(ImapListening(account(without_extensions, user))) as heard:
        error, _ = heard.get(timeout=PATIENCE)
        assert isinstance(error, FixNeeded)
        assert "poll interval" in error.cure
