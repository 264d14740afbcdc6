"""Mails as Exchange Online's mailboxes hold them, header by header, to be bent: what is right stands here, and each
class of attacks changes one thing."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape

from placet.accounts.addresses import add_address
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import ATTRIBUTION, INTERNAL, quote_of, reply_to

BOB = f"bob@{DOMAIN}"
PARTNER = "partner.example"
OUTSIDE = f"bob@{PARTNER}"

SIGNED = "From:Date:Subject:Message-ID:Content-Type:MIME-Version"  # by Exchange Online
SIGNED_BY_GMAIL = "to:subject:message-id:date:from:in-reply-to:references:mime-version:from"

Header = tuple[str, str]


@dataclass(frozen=True)
class Letter:
    """A mail: header lines from the top, as (name, what stands behind the colon), and what stands below them."""

    headers: tuple[Header, ...]
    body: bytes

    def raw(self) -> bytes:
        return self.block().encode("utf-8", "surrogateescape") + b"\r\n" + self.body

    def block(self) -> str:
        return "".join(f"{name}:{value}\r\n" for name, value in self.headers)

    def with_header(self, name: str, value: str, at: int) -> "Letter":
        return replace(self, headers=(*self.headers[:at], (name, f" {value}"), *self.headers[at:]))

    def without(self, *names: str) -> "Letter":
        left = [header for header in self.headers if header[0].lower() not in names]
        return replace(self, headers=tuple(left))

    def changed(self, name: str, value: str) -> "Letter":
        """With another value of a header that is there once."""
        now = [(key, f" {value}" if key.lower() == name else old) for key, old in self.headers]
        return replace(self, headers=tuple(now))

    def value(self, name: str) -> str:
        return next(value for key, value in self.headers if key.lower() == name).strip()

    def position(self, name: str) -> int:
        return next(at for at, (key, _) in enumerate(self.headers) if key.lower() == name)

    def on_top(self, lines: Sequence[Header]) -> "Letter":
        return replace(self, headers=(*((name, f" {value}") for name, value in lines), *self.headers))


def letter(asked: Mail, sender: str, **more: str) -> Letter:
    """A reply to an ask as its writer's program wrote it, our mail quoted; `more` gives other values, by header
    names in Python's spelling."""
    values = {
        "From": f"Bob Bobson <{sender}>",
        "Sender": f"Bob Bobson <{sender}>",
        "Reply-To": f"Bob Bobson <{sender}>",
        "To": f"Approvals <{reply_to(asked)}>",
        "Cc": "Alice <alice@contoso.example>",
        "Subject": f"RE: {asked.subject}",
        "Date": format_datetime(datetime.now(UTC)),
        "Message-ID": f"<{uuid.uuid4().hex}@mail.example>",
        "In-Reply-To": asked.header("Message-ID") or "<none@mail.example>",
        "References": asked.header("Message-ID") or "<none@mail.example>",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
    }
    values |= {name.replace("_", "-"): value for name, value in more.items()}
    headers = tuple((name, f" {value}") for name, value in values.items())
    return Letter(headers, f"approve{quote_of(asked)}\n".replace("\n", "\r\n").encode())


def quote_in_html(asked: Mail) -> str:
    lines = "<br>".join(map(escape, asked.text.splitlines()))
    return (
        f"<div class=gmail_quote><div class=gmail_attr>{escape(ATTRIBUTION)}</div>"
        f"<blockquote class=gmail_quote>{lines}</blockquote></div>"
    )


_MARKS: tuple[Header, ...] = tuple(
    (name, value) for name, _, value in (line.partition(":") for line in INTERNAL)
)


def internal(letter: Letter) -> Letter:
    """With Exchange's mark of a signed-in colleague."""
    return replace(letter, headers=(*_MARKS, *letter.headers))


# --- from outside -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Signed:
    """One DKIM-Signature header; its parts can be left out (None)."""

    domain: str = PARTNER
    headers: str = SIGNED
    made_at: datetime | None = field(default_factory=lambda: datetime.now(UTC))
    good_until: datetime | None = None
    selector: str = "selector1"
    value: str = "WXYHRzffqy5frife0kpHVfaioykHNwOHg8VJBjAr3bhV"
    more: str = ""

    def header(self) -> Header:
        tags = [
            "v=1; a=rsa-sha256; c=relaxed/relaxed",
            f"d={self.domain}; s={self.selector}",
            f"h={self.headers}",
            *([f"t={self.made_at.timestamp():.0f}"] if self.made_at else []),
            *([f"x={self.good_until.timestamp():.0f}"] if self.good_until else []),
            *([self.more] if self.more else []),
            "bh=yfKQqTOooDdyliev9ug3fBSp+NC30VUAr9xUChswGoA=",
            f"b={self.value}",
        ]
        return "DKIM-Signature", ";\r\n ".join(tags)


def found_good(domain: str = PARTNER, dkim: str = "", dmarc: str = "pass action=none") -> Header:
    """What Exchange Online stamps on what passed."""
    signature = dkim or f"dkim=pass (signature was verified)\r\n header.d={domain}"
    return (
        "Authentication-Results",
        f"spf=pass (sender IP is 203.0.113.7)\r\n smtp.mailfrom={domain}; {signature};dmarc={dmarc}"
        f"\r\n header.from={domain};compauth=pass reason=100",
    )


EDGE = "AM0EUR00FT001.mail.protection.outlook.com"
INNER = (
    "Received",
    "from AM0EUR00FT001.eop-eur00.prod.protection.outlook.com\r\n (2603:10a6:20b:cafe::9) by"
    " AM0PR00MB0001.outlook.office365.com\r\n (2603:10a6:20b::2) with Microsoft SMTP Server (version=TLS1_3,\r\n"
    " cipher=TLS_AES_256_GCM_SHA384) id 15.20.9115.12 via Frontend Transport; Sat, 28 Nov 2026 10:00:02 +0000",
)
TOP = (
    "Received",
    "from AM0PR00MB0001.eurprd00.prod.outlook.com (2603:10a6:20b::2) by\r\n AM0PR00MB0002.eurprd00.prod.outlook.com"
    " with HTTPS; Sat, 28 Nov 2026 10:00:03 +0000",
)
ENTRANCE = (
    "Received",
    f"from mail.{PARTNER} (203.0.113.7) by {EDGE}\r\n (10.13.0.1) with Microsoft SMTP Server (version=TLS1_3,"
    "\r\n cipher=TLS_AES_256_GCM_SHA384) id 15.20.9115.12 via Frontend Transport;\r\n Sat, 28 Nov 2026 10:00:01 +0000",
)
ANONYMOUS = ("X-MS-Exchange-Organization-AuthAs", "Anonymous")


def from_outside(
    written: Letter,
    *,
    results: Header | None = None,
    signatures: Sequence[Signed] | None = None,
) -> Letter:
    """As it lies in a mailbox of Exchange Online: three hops, the results, the signatures, what its writer wrote."""
    signed = [Signed()] if signatures is None else signatures
    stamps = [TOP, INNER, results or found_good(), ENTRANCE, ANONYMOUS]
    return written.on_top([*stamps, *(signature.header() for signature in signed)])


def lay(world: World, letter: Letter, transport: Letter | None = None) -> None:
    """Into the mailbox, with the headers as they arrived where they are others. Another server than Exchange writes its
    own lines about a colleague, on top of all, in place of Exchange's."""
    if not world.has_transport_headers:
        marks = {(name.lower(), value) for name, value in _MARKS}
        bare = [(name, value) for name, value in letter.headers if (name.lower(), value) not in marks]
        marked = len(letter.headers) - len(bare) == len(_MARKS)
        raw = replace(letter, headers=tuple(bare)).raw() if marked else letter.raw()
        world.sandbox.place("approvals", world.proved(raw) if marked else raw)
        return
    block = (transport or letter).block()
    world.sandbox.place("approvals", letter.raw(), transport_headers=block)


def outside_world(arena: Arena) -> None:
    """Requests ask for `outside`, and Bob has an address there."""
    arena.level("outside")
    add_address(arena.world.people["bob"], OUTSIDE)


def long_ago(**before: float) -> datetime:
    return datetime.now(UTC) - timedelta(**before)
