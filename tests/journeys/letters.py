"""Mail as somebody else writes it, byte by byte: what no well-behaved mail program would send."""

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from placet.sandbox.server import Mail

# What Exchange stamps on the mail of a colleague who signed in. Placed, these lines are believed;
# from outside, the header firewall takes them off.
INTERNAL = ("X-MS-Exchange-Organization-AuthAs: Internal", "X-MS-Exchange-Organization-AuthMechanism: 04")

ATTRIBUTION = "On Sat, Nov 28, 2026 at 10:00 AM Placet <approvals@contoso.example> wrote:"


def code_of(asked: Mail) -> str:
    """The reply code that an ask carries."""
    found = re.search(r"\[#([a-z2-7]{16})\]", asked.subject)
    assert found, asked.subject
    return found[1]


def reference_of(mail: Mail) -> str:
    """By what Placet finds a mail of its own again. Microsoft Graph takes off the header that says it too."""
    found = re.search(r"^Mail reference: ([0-9a-f]{16})\r?$", mail.text, re.MULTILINE)
    assert found, mail.text
    return found[1]


def reply_to(asked: Mail) -> str:
    address = asked.header("Reply-To")
    assert address
    return address


def quote_of(asked: Mail) -> str:
    """Our mail below an answer, as most programs write it: then no header has to say what it answers."""
    lines = (f"> {line}".rstrip() for line in asked.text.splitlines())
    return "\n".join(("\n", ATTRIBUTION, "", *lines))


def letter(
    *senders: str,
    to: str,
    subject: str = "Hello",
    text: str = "approve",
    headers: Sequence[str] = (),
) -> bytes:
    """A mail with one From line for each of `senders`, and `headers` as they are."""
    lines = [
        *headers,
        *(f"From: {sender}" for sender in senders),
        f"To: {to}",
        f"Subject: {subject}",
        f"Date: {format_datetime(datetime.now(UTC))}",
        f"Message-ID: <{uuid.uuid4().hex}@mail.example>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        *text.split("\n"),
        "",
    ]
    return "\r\n".join(lines).encode()


def answer(asked: Mail, *senders: str, text: str = "approve", headers: Sequence[str] = ()) -> bytes:
    """An answer to an ask, its reply code in every place where one counts, in the ask's thread."""
    thread = [f"In-Reply-To: {asked.header('Message-ID')}"]
    return letter(
        *senders, to=reply_to(asked), subject=f"RE: {asked.subject}", text=text, headers=[*headers, *thread]
    )
