"""A mailbox of which one kind receives and another sends: IMAP and SMTP, for example."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NoReturn

import structlog
from django.utils.translation import gettext as _

from placet.mailboxes.base import (
    Action,
    Check,
    FixNeeded,
    Half,
    MailboxError,
    MailError,
    Page,
    Received,
    Receiving,
    Resting,
    Seen,
    Sending,
    SentCopy,
    SentFolder,
    SentMail,
)
from placet.mailboxes.preflight import Preflight, Probed

log = structlog.get_logger(__name__)


class Joined:
    """See `base.Connection`. A MailboxError names the half that it came from (`MailboxError.half`).

    The half that whoever calls has not seen to be awake is asked only where it is: a mail that goes out must not knock
    at a mailbox that refused the password, to put a copy there or to look for one.
    """

    def __init__(self, receiving: Receiving, sending: Sending) -> None:
        self.receiving = receiving
        self.sending = sending
        #: Which did since `begin` what they are there for: received or sent. Nothing else ends their trouble.
        self.worked: set[Half] = set()
        self._paused: frozenset[Half] = frozenset()

    def begin(self, paused: Iterable[Half]) -> None:
        """It is used from now on, with these halves at rest."""
        self.worked, self._paused = set(), frozenset(paused)

    @contextmanager
    def _asked(self, half: Half) -> Iterator[None]:
        try:
            yield
        except MailboxError as error:
            error.half = half
            raise

    def _must_be_awake(self, half: Half) -> None:
        if half in self._paused:
            error = Resting(
                _("That part of the mailbox rests just now, so its server was not asked."),
                _("What is wrong with it is said in the settings of the mailbox."),
            )
            error.half = half
            raise error

    # --- receiving ----------------------------------------------------------------------------------------

    def changes(self, cursor: Mapping[str, Any], since: datetime, limit: int) -> Page:
        with self._asked(Half.RECEIVING):
            page = self.receiving.changes(cursor, since, limit)
        self.worked.add(Half.RECEIVING)
        return page

    def fetch(self, seen: Sequence[Seen], max_size: int) -> Iterator[Received | tuple[Seen, MailError]]:
        with self._asked(Half.RECEIVING):
            yield from self.receiving.fetch(seen, max_size)
        self.worked.add(Half.RECEIVING)

    def mark(
        self, server_ids: Sequence[str], action: Action, folder: str
    ) -> Iterator[tuple[str, str | MailError]]:
        with self._asked(Half.RECEIVING):
            yield from self.receiving.mark(server_ids, action, folder)
        self.worked.add(Half.RECEIVING)

    def known_as(self, server_ids: Sequence[str], protocol: str) -> Mapping[str, str]:
        with self._asked(Half.RECEIVING):
            return self.receiving.known_as(server_ids, protocol)

    # --- sending ------------------------------------------------------------------------------------------

    def send(self, raw: bytes, reference: str) -> None:
        with self._asked(Half.SENDING):
            self.sending.send(raw, reference)
        self.worked.add(Half.SENDING)
        if isinstance(self.receiving, SentFolder):
            try:
                self._must_be_awake(Half.RECEIVING)
                self.receiving.keep_sent(raw)
            except (MailboxError, MailError) as error:
                # It is out: that there is no copy must not send it once more.
                log.warning("sent_copy_not_kept", reference=reference, cause=str(error))

    def was_sent(self, message_id: str, reference: str, since: datetime, subject: str = "") -> bool | None:
        with self._asked(Half.SENDING):
            known = self.sending.was_sent(message_id, reference, since, subject)
        if known is not None:
            self.worked.add(Half.SENDING)
            return known
        if not isinstance(self.receiving, SentFolder):
            return None
        self._must_be_awake(Half.RECEIVING)
        with self._asked(Half.RECEIVING):
            # The copy is put there after the mail went out. Cut in between, there is none of a mail that did.
            return self.receiving.was_sent(message_id, reference, since, subject) or None

    def copies_of_sent(self, sent: Sequence[SentMail], since: datetime) -> Mapping[str, SentCopy]:
        half, folder = self._with_copies
        self._must_be_awake(half)
        with self._asked(half):
            return folder.copies_of_sent(sent, since)

    @property
    def _with_copies(self) -> tuple[Half, SentFolder | Sending]:
        if isinstance(self.receiving, SentFolder):
            return Half.RECEIVING, self.receiving
        return Half.SENDING, self.sending

    # --- both ---------------------------------------------------------------------------------------------

    def steps(self) -> Mapping[str, str]:
        preflight = self._preflight()
        return {**self.receiving.steps(), **self.sending.steps()} if preflight is None else preflight.steps()

    def check(self, others: Sequence[str] = ()) -> Generator[Check, None, None]:
        preflight = self._preflight()
        return self._one_after_the_other(others) if preflight is None else preflight(others)

    def _preflight(self) -> Preflight | None:
        """None where one of them has a check of its own kind: what goes from one to the other cannot be tried then."""
        if isinstance(self.receiving, Probed) and isinstance(self.sending, Probed):
            return Preflight(self.receiving.probe(), self.sending.probe())
        return None

    def _one_after_the_other(self, others: Sequence[str]) -> Generator[Check, None, None]:
        failed = False
        for check in self.receiving.check(others):
            failed = failed or not check.ok
            yield check
        if not failed:
            yield from self.sending.check(others)

    def close(self) -> None:
        self.receiving.close()
        self.sending.close()


class Unusable:
    """In place of a half that cannot be made of what is stored for it: whatever is asked of it says why, and the other
    half works. It stands for a Sent folder, too, because nobody can tell of a mail that was cut off before it is
    mended."""

    def __init__(self, why: Callable[[], FixNeeded]) -> None:
        self._why = why

    def _refuse(self, *_asked: Any, **_named: Any) -> NoReturn:
        raise self._why()

    changes = fetch = mark = known_as = _refuse
    send = was_sent = copies_of_sent = keep_sent = _refuse
    steps = check = _refuse

    def close(self) -> None:
        """Nothing was opened."""
