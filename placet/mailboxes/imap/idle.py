"""Listening to Inbox by IDLE (RFC 2177): the server says that a mail came in the moment in which it does.

It is renewed before servers and firewalls give up connections on which nothing happens. Junk is not listened to: what
comes there is noticed at the poll interval.
"""

import time
from collections.abc import Iterator, Mapping
from threading import Event

from django.utils.translation import gettext as _

from placet.mailboxes.base import FixNeeded
from placet.mailboxes.push.listening import Heard
from placet.mailboxes.sockets import ProtocolBroken

from . import errors
from .client import Account, Client, opened
from .connection import account_of
from .places import INBOX
from .settings import ImapSettings
from .wire import NotDone, Untagged

RENEWED = 9 * 60.0  # seconds; Gmail closes after about ten minutes, RFC 2177 advises less than 29
LOOK = 1.0  # seconds between two looks whether it is to stop
LIFE = 60.0  # seconds between two signs of life
APART = 1.0  # seconds between two words of new mail: each has the mailbox looked into
MOST_SAID = 100_000  # answers between two renewals: more is no mailbox to which mail comes


class ImapListening:
    """See `push.listening.Listening`. There is nothing that a server would know it by after a break."""

    subscription_id = ""

    def __init__(self, account: Account, renewed: float = RENEWED) -> None:
        self._account = account
        self._renewed = renewed
        self._stopped = Event()

    def close(self) -> None:
        self._stopped.set()

    def __iter__(self) -> Iterator[Heard]:
        client = opened(self._account)
        try:
            if not client.offers("IDLE"):
                raise FixNeeded(
                    _("{host} does not say when mail comes (it has no IDLE).").format(host=client.host),
                    _("Nothing needs to be done: the mailbox is looked into at the poll interval."),
                )
            yield from self._listen(client)
        except NotDone as error:
            raise errors.of_mailbox(error, client.host) from None
        except errors.BROKEN as error:
            raise errors.broken(error, self._account.host, self._account.port) from None
        finally:
            client.close()

    def _listen(self, client: Client) -> Iterator[Heard]:
        exists = client.examine(INBOX).exists
        is_first, news = True, _News()
        while not self._stopped.is_set():
            tag = client.wire.begin(b"IDLE")
            said = client.wire.continued()
            if is_first:
                yield Heard.OPENED
                is_first = False
            until = time.monotonic() + self._renewed
            beat = time.monotonic() + LIFE
            left = MOST_SAID
            while True:
                for response in said:
                    exists = news.after(response, exists)
                if news.is_due():
                    yield Heard.NEWS
                left -= len(said)
                if left < 0:
                    raise ProtocolBroken(f"more than {MOST_SAID} answers to one IDLE")
                now = time.monotonic()
                if self._stopped.is_set() or now > until:
                    break
                if now > beat:
                    beat = now + LIFE
                    yield Heard.BEAT
                latest = client.wire.listen(min(LOOK, self._renewed))
                said = [latest] if latest is not None else []
            for response in client.wire.done(tag).untagged:
                exists = news.after(response, exists)
            if news.is_due():
                yield Heard.NEWS


class _News:
    """Of new mail one tells at once, and of all that comes within a second after that together."""

    def __init__(self) -> None:
        self._waits = False
        self._next = 0.0

    def after(self, response: Untagged, exists: int) -> int:
        """How many mails there are after an answer, of `exists` before it."""
        if response.kind == b"EXISTS" and response.number is not None:
            self._waits = self._waits or response.number > exists
            return response.number
        return max(0, exists - 1) if response.kind == b"EXPUNGE" else exists

    def is_due(self) -> bool:
        now = time.monotonic()
        if not self._waits or now < self._next:
            return False
        self._waits, self._next = False, now + APART
        return True


def listen(
    settings: ImapSettings, secrets: Mapping[str, str], *, key: str, subscription_id: str
) -> ImapListening:
    """For `kinds`."""
    return ImapListening(account_of(settings, secrets, key=key))
