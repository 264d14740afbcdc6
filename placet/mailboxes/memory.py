"""A mailbox in memory, with the contract of base.Connection: for tests of everything that uses a mailbox."""

import email.parser
import email.policy
import email.utils
import itertools
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from placet.mailboxes.base import (
    Action,
    Check,
    FixNeeded,
    Folder,
    Gone,
    MailError,
    Page,
    Received,
    Seen,
    SentCopy,
    SentMail,
    Wait,
)


@dataclass(frozen=True)
class Sent:
    raw: bytes
    reference: str
    message_id: str
    from_: str
    at: datetime


@dataclass
class MemoryMailbox:
    """What the server would hold. Connections to it come from `connect`; several may be open at once.

    Failures are injected by operation name (`changes`, `fetch`, `send`, `was_sent`, `copies_of_sent`, `mark`,
    `check`): each call takes one from `failures[operation]` and raises it; `mark` takes one for each mail. `broken`
    holds errors of single mails by server id.
    """

    address: str = "approvals@example.com"
    sent: list[Sent] = field(default_factory=list)
    folders: dict[str, list[str]] = field(default_factory=dict)  # server ids by folder path
    read: set[str] = field(default_factory=set)
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    broken: dict[str, MailError] = field(default_factory=dict)
    cut_after_send: bool = False  # the mail goes out, but the answer is lost
    keeps_copies: bool = True  # False: as with SMTP alone, nobody can say afterwards what went out
    replaces_ids: bool = False  # mail goes out with a Message-ID of the server's own
    sends_as: str = ""  # the From address that mail goes out with, in place of the one that it has
    _log: list[Received] = field(default_factory=list)  # arrivals, in order; the cursor counts them
    _present: dict[str, Received] = field(default_factory=dict)
    _generation: int = 1
    _ids: "itertools.count[int]" = field(default_factory=itertools.count)

    def connect(self) -> "MemoryConnection":
        return MemoryConnection(self)

    def deliver(
        self,
        raw: bytes,
        *,
        folder: Folder = Folder.INBOX,
        transport_headers: str | None = None,
        item_class: str = "IPM.Note",
        received_at: datetime | None = None,
        sender: str | None = None,
        from_: str | None = None,
        voting: str = "",
    ) -> str:
        """Put a mail into the mailbox; its server id. Headers and addresses are those of `raw` unless "
        "given."""
        head = email.parser.BytesHeaderParser(policy=email.policy.compat32).parsebytes(raw)
        block = raw.partition(b"\r\n\r\n")[0] if b"\r\n\r\n" in raw else raw.partition(b"\n\n")[0]
        own = email.utils.parseaddr(str(head.get("From", "")))[1].lower()
        mail = Received(
            server_id=f"memory-{next(self._ids)}",
            folder=folder,
            raw=raw,
            transport_headers=block.decode("utf-8", "replace")
            if transport_headers is None
            else transport_headers,
            item_class=item_class,
            received_at=received_at or datetime.now(UTC),
            size=len(raw),
            sender=own if sender is None else sender,
            from_=own if from_ is None else from_,
            message_id=str(head.get("Message-ID", "")).strip(),
            voting=voting,
        )
        self._arrive(mail)
        return mail.server_id

    def show_again(self, server_id: str) -> str:
        """The same mail under another id, as when somebody drags it back to the inbox; the new id."""
        mail = next(mail for mail in self._log if mail.server_id == server_id)
        again = replace(mail, server_id=f"memory-{next(self._ids)}", folder=Folder.INBOX)
        self._present.pop(server_id, None)
        self._arrive(again)
        return again.server_id

    def lose_cursor(self) -> None:
        """From now on no cursor given out before is known."""
        self._generation += 1

    def present(self, server_id: str) -> bool:
        """Whether the mail is still in Inbox or Junk."""
        return server_id in self._present

    def _arrive(self, mail: Received) -> None:
        self._log.append(mail)
        self._present[mail.server_id] = mail

    def fail_if_told(self, operation: str) -> None:
        waiting = self.failures.get(operation)
        if waiting:
            raise waiting.pop(0)


class MemoryConnection:
    """One connection to a MemoryMailbox."""

    def __init__(self, mailbox: MemoryMailbox) -> None:
        self._mailbox = mailbox
        self.closed = False

    def changes(self, cursor: Mapping[str, Any], since: datetime, limit: int) -> Page:
        box = self._mailbox
        box.fail_if_told("changes")
        restarted = bool(cursor) and cursor.get("generation") != box._generation
        start = 0 if restarted else int(cursor.get("seen", 0))
        arrivals = box._log[start : start + max(1, limit)]
        seen = [
            Seen(mail.server_id, mail.folder, mail.received_at, mail.size)
            for mail in arrivals
            if box.present(mail.server_id) and (mail.received_at is None or mail.received_at >= since)
        ]
        end = start + len(arrivals)
        more = end < len(box._log)
        cursor = {"generation": box._generation, "seen": end}
        return Page(seen, cursor, more, restarted, complete=not more)

    def fetch(self, seen: Sequence[Seen], max_size: int) -> Iterator[Received | tuple[Seen, MailError]]:
        box = self._mailbox
        box.fail_if_told("fetch")
        for entry in seen:
            mail = box._present.get(entry.server_id)
            if entry.server_id in box.broken:
                yield entry, box.broken[entry.server_id]
            elif mail is None:
                yield entry, Gone("The mail is no longer on the server.", "Gone")
            elif mail.size > max_size:
                yield replace(mail, raw=mail.transport_headers.encode() + b"\r\n\r\n", too_large=True)
            else:
                yield mail

    def send(self, raw: bytes, reference: str) -> None:
        box = self._mailbox
        box.fail_if_told("send")
        head = email.parser.BytesHeaderParser(policy=email.policy.compat32).parsebytes(raw)
        message_id = str(head.get("Message-ID", "")).strip()
        if box.replaces_ids:
            message_id = f"<{next(box._ids)}@server.example>"
        from_ = box.sends_as or email.utils.parseaddr(str(head.get("From", "")))[1].lower()
        box.sent.append(Sent(raw, reference, message_id, from_, datetime.now(UTC)))
        if box.cut_after_send:
            raise Wait("The connection was cut.", "Placet tries again by itself.")

    def was_sent(self, message_id: str, reference: str, since: datetime, subject: str = "") -> bool | None:
        box = self._mailbox
        box.fail_if_told("was_sent")
        if not box.keeps_copies:
            return None
        return any(
            (message_id and sent.message_id == message_id) or (reference and sent.reference == reference)
            for sent in box.sent
            if sent.at >= since
        )

    def copies_of_sent(self, sent: Sequence[SentMail], since: datetime) -> Mapping[str, SentCopy]:
        box = self._mailbox
        box.fail_if_told("copies_of_sent")
        if not box.keeps_copies:
            return {}
        copies = {
            copy.reference: SentCopy(copy.message_id, copy.from_) for copy in box.sent if copy.at >= since
        }
        return {mail.reference: copies[mail.reference] for mail in sent if mail.reference in copies}

    def mark(
        self, server_ids: Sequence[str], action: Action, folder: str
    ) -> Iterator[tuple[str, str | MailError]]:
        box = self._mailbox
        if action is Action.MOVE and folder.lower() in set(Folder):
            raise FixNeeded(f"Placet takes mail from the folder “{folder}”.", "Enter another folder.")
        for server_id in server_ids:
            try:
                box.fail_if_told("mark")
            except MailError as error:
                yield server_id, error
                continue
            if action is Action.MARK_READ:
                box.read.add(server_id)
            elif box.present(server_id):
                del box._present[server_id]
                target = folder if action is Action.MOVE else "Deleted Items"
                box.folders.setdefault(target, []).append(server_id)
            yield server_id, server_id

    def known_as(self, server_ids: Sequence[str], protocol: str) -> Mapping[str, str]:
        return {server_id: server_id for server_id in server_ids if self._mailbox.present(server_id)}

    def steps(self) -> Mapping[str, str]:
        return {"open": "Mailbox opens"}

    def check(self, others: Sequence[str] = ()) -> Generator[Check, None, None]:
        self._mailbox.fail_if_told("check")
        yield Check("open", "Mailbox opens", ok=True, found=self._mailbox.address)

    def close(self) -> None:
        self.closed = True
