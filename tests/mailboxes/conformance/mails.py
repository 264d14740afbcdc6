"""Mails for the conformance suite, and what it reads of a connection."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from placet.mailboxes.base import Action, Connection, MailError, Received, Seen

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
LARGEST = 36_000_000
#: Eight bits, a line that begins with a dot, one that an mbox would change, and empty lines at the end.
BODY = "Überweisung: ja.\r\n.\r\n.. twice\r\nFrom here on\r\n\tтак\r\n\r\n\r\n".encode()


def mail_to(
    to: str, subject: str, *, sender: str = "ann@contoso.example", body: bytes = BODY, **headers: str
) -> bytes:
    head = {
        "From": sender,
        "To": to,
        "Subject": subject,
        "Date": "Tue, 24 Nov 2026 10:00:00 +0000",
        "Message-ID": f"<{subject.replace(' ', '.')}@{sender.partition('@')[2]}>",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return "".join(f"{name}: {value}\r\n" for name, value in head.items()).encode() + b"\r\n" + body


def everything(
    connection: Connection,
    cursor: Mapping[str, Any] | None = None,
    limit: int = 100,
    since: datetime = LONG_AGO,
) -> tuple[list[Seen], Mapping[str, Any]]:
    """All that is new, and the cursor after it, as it comes back from where it is kept."""
    seen: list[Seen] = []
    kept: Mapping[str, Any] = cursor or {}
    for _ in range(1000):
        page = connection.changes(kept, since, limit)
        seen += page.seen
        kept = json.loads(json.dumps(page.cursor))
        if not page.more:
            assert page.complete, "the list has come to its end"
            return seen, kept
        assert not page.complete
    raise AssertionError("The list has no end.")


def subjects_of(connection: Connection, seen: Sequence[Seen]) -> list[str]:
    """In their order."""
    return [subject_of(entry) for entry in whole(connection, seen)]


def subject_of(entry: Received) -> str:
    line = next(line for line in entry.raw.split(b"\n") if line.lower().startswith(b"subject:"))
    return line[len("subject:") :].decode().strip()


def whole(connection: Connection, seen: Sequence[Seen]) -> list[Received]:
    """Each of the mails, all of which are there."""
    entries = [entry for entry in connection.fetch(seen, LARGEST) if isinstance(entry, Received)]
    assert [entry.server_id for entry in entries] == [mail.server_id for mail in seen]
    return entries


def marked(
    connection: Connection, ids: Sequence[str], action: Action, folder: str = "Placet/Processed"
) -> dict[str, str]:
    """What each mail is called from now on; with none of them anything is wrong."""
    outcomes: dict[str, str] = {}
    for id_, outcome in connection.mark(ids, action, folder):
        assert id_ not in outcomes
        assert not isinstance(outcome, MailError), outcome
        outcomes[id_] = outcome
    assert set(outcomes) == set(ids)
    return outcomes
