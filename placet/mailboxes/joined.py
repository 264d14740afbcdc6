"""A mailbox of which one kind receives and another sends: IMAP and SMTP, for example."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from placet.mailboxes.base import (
    Action,
    Check,
    MailboxError,
    MailError,
    Page,
    Received,
    Receiving,
    Seen,
    Sending,
    SentCopy,
    SentFolder,
    SentMail,
)
from placet.mailboxes.preflight import Preflight, Probed

log = structlog.get_logger(__name__)


class Joined:
    """See `base.Connection`."""

    def __init__(self, receiving: Receiving, sending: Sending) -> None:
        self.receiving = receiving
        self.sending = sending

    # --- receiving ----------------------------------------------------------------------------------------

    def changes(self, cursor: Mapping[str, Any], since: datetime, limit: int) -> Page:
        return self.receiving.changes(cursor, since, limit)

    def fetch(self, seen: Sequence[Seen], max_size: int) -> Iterator[Received | tuple[Seen, MailError]]:
        return self.receiving.fetch(seen, max_size)

    def mark(
        self, server_ids: Sequence[str], action: Action, folder: str
    ) -> Iterator[tuple[str, str | MailError]]:
        return self.receiving.mark(server_ids, action, folder)

    def known_as(self, server_ids: Sequence[str], protocol: str) -> Mapping[str, str]:
        return self.receiving.known_as(server_ids, protocol)

    # --- sending ------------------------------------------------------------------------------------------

    def send(self, raw: bytes, reference: str) -> None:
        self.sending.send(raw, reference)
        if isinstance(self.receiving, SentFolder):
            try:
                self.receiving.keep_sent(raw)
            except (MailboxError, MailError) as error:
                # It is out: that there is no copy must not send it once more.
                log.warning("sent_copy_not_kept", reference=reference, cause=str(error))

    def was_sent(self, message_id: str, reference: str, since: datetime, subject: str = "") -> bool | None:
        known = self.sending.was_sent(message_id, reference, since, subject)
        if known is not None or not isinstance(self.receiving, SentFolder):
            return known
        # The copy is put there after the mail went out. Cut in between, there is none of a mail that did.
        return self.receiving.was_sent(message_id, reference, since, subject) or None

    def copies_of_sent(self, sent: Sequence[SentMail], since: datetime) -> Mapping[str, SentCopy]:
        return self._sent.copies_of_sent(sent, since)

    @property
    def _sent(self) -> SentFolder | Sending:
        return self.receiving if isinstance(self.receiving, SentFolder) else self.sending

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
