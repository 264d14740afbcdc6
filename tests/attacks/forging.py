"""Mails as Exchange Online's mailboxes hold them, header by header, to be bent: what is right stands here, and each
class of attacks changes one thing.

At another kind of mailbox the same mails are laid in with what its server writes in place of Exchange Online's lines:
the session of whoever signed in, the stamps of a server of one's own, or nothing that counts, where a signature of the
sender's domain must hold that Placet checks itself.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from placet.accounts.addresses import add_address
from placet.mailboxes import pool, store
from placet.sandbox import mime
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena
from tests.journeys import at_google
from tests.journeys.at_exchange_server import AtExchangeServer
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.elsewhere import Elsewhere
from tests.journeys.letters import ATTRIBUTION, INTERNAL, quote_of, reply_to
from tests.servers.dns import Records
from tests.signing import Signer, sealed

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
    is_from_outside: bool = False  # and has the stamps that say so, as `from_outside` puts them on

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
DATE = "Sat, 28 Nov 2026 10:00:01 +0000"
#: Of a signature that holds nowhere, whatever a server says of it.
UNSOUND = "WXYHRzffUnsound"
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
    delivered = written.on_top([*stamps, *(signature.header() for signature in signed)])
    return replace(delivered, is_from_outside=True)


# --- at other kinds of mailbox --------------------------------------------------------------------------------

KEY = rsa.generate_private_key(65537, 2048)  # of the partner's domain, by whatever selector
SIGNER = Signer(PARTNER, KEY, "selector1")
SELECTORS = ("selector1", "old", "ed")
MX = f"mx.{DOMAIN}"
#: What an Exchange Server's own filter and hops write, for each of Exchange Online's lines.
_ON_OWN_SERVER = {
    TOP: None,
    INNER: ("Received", f"from {MX} ({MX} [10.0.0.5]) by store.{DOMAIN} with ESMTP id 4Y; {DATE}"),
    ENTRANCE: (
        "Received",
        f"from mail.{PARTNER} (mail.{PARTNER} [203.0.113.7]) by {MX} (Postfix) with ESMTPS id 4X; {DATE}",
    ),
}
OWN_SERVER = {
    "authserv_id": MX,
    "trusted_hosts": [DOMAIN],
    "own_networks": ["10.0.0.0/8", "192.168.0.0/16", "fd00::/8", "192.0.2.25"],
}


def publish_keys(records: Records) -> None:
    """Of the partner, and of the organisation itself where its people's mails are signed."""
    for one in (at_google.signer(), *(replace(SIGNER, selector=name) for name in SELECTORS)):
        records.texts[one.name] = (one.record(),)


def _lines(names: Sequence[Header]) -> set[Header]:
    """To compare: a control character, which `strip` takes for a blank, makes it another line."""
    return {(name.lower(), value.strip(" ")) for name, value in names}


def _without_stamps(letter: Letter) -> Letter:
    """What its sender wrote and signed, with signatures that hold: what stands in the mail now is what was signed."""
    letter = replace(letter, body=mime.with_crlf(letter.body))  # as it travels
    stamps = _lines([TOP, INNER, ENTRANCE, ANONYMOUS])
    left = [one for one in letter.headers if not _lines([one]) & stamps]
    results = next((one for one in left if one[0].lower() == "authentication-results"), None)
    if results is not None:
        left.remove(results)
    if not any(name.lower() == "dkim-signature" for name, _ in left):
        # Exchange Online may keep none. Where bytes come as they travelled, there is one.
        name, value = Signed(headers="From:Subject:Date", made_at=None).header()
        left.insert(0, (name, f" {value}"))
    raw = replace(letter, headers=tuple(left)).raw()
    headers = [
        (name, f" {sealed(value.strip(), raw, KEY)}")
        if name.lower() == "dkim-signature" and UNSOUND not in value
        else (name, value)
        for name, value in left
    ]
    return replace(letter, headers=tuple(headers))


def _on_own_server(letter: Letter) -> Letter:
    """As an Exchange Server behind a filter holds it."""
    replaced = {key: line for one, line in _ON_OWN_SERVER.items() for key in _lines([one])}
    headers: list[Header] = []
    is_first = True
    for name, value in letter.headers:
        key = (name.lower(), value.strip(" "))
        if key in replaced:
            line = replaced[key]
            headers += [(name, f" {line[1]}")] if line else []
        elif name.lower() == "authentication-results" and is_first:
            is_first = False
            headers.append((name, f" {MX}; {value.strip()}"))
        else:
            headers.append((name, value))
    return replace(letter, headers=tuple(headers))


def lay_raw(world: World, raw: bytes, **more: Any) -> Mail:
    """A mail as it lies in a mailbox of Exchange Online. Where it has the mark of a signed-in colleague, another server
    writes its own lines about that in place of it."""
    raw = mime.with_crlf(raw)
    mark = "".join(f"{line}\r\n" for line in INTERNAL).encode()
    if isinstance(world.sandbox, Elsewhere) and mark in raw:
        raw = world.proved(raw.replace(mark, b"", 1))
    return world.sandbox.place("approvals", raw, **more)


def from_partner(world: World, raw: bytes, mail_from: str) -> None:
    """From outside, with everything passed: the partner's domain signed it."""
    if isinstance(world.sandbox, AtExchangeServer):
        stamps = _on_own_server(from_outside(Letter((), b""))).block().encode()
        world.sandbox.place("approvals", stamps + raw)
    elif isinstance(world.sandbox, Elsewhere):
        world.sandbox.deliver(SIGNER.signed(raw), mail_from=mail_from)
    else:
        world.sandbox.deliver(raw, mail_from=mail_from)


def lay(world: World, letter: Letter, transport: Letter | None = None) -> None:
    """Into the mailbox, with the headers as they arrived where they are others. Another server than Exchange writes its
    own lines about a colleague, on top of all, in place of Exchange's; and about who came from outside."""
    sandbox = world.sandbox
    if isinstance(sandbox, Elsewhere):
        sandbox.place("approvals", _elsewhere(world, sandbox, letter))
        return
    arrived = transport or letter
    if isinstance(sandbox, AtExchangeServer):
        letter, arrived = (_on_own_server(one) if one.is_from_outside else one for one in (letter, arrived))
    sandbox.place("approvals", letter.raw(), transport_headers=arrived.block())


def _elsewhere(world: World, sandbox: Elsewhere, letter: Letter) -> bytes:
    if letter.is_from_outside:
        return sandbox.let_in(PARTNER, _without_stamps(letter).raw())
    marks = _lines(_MARKS)
    bare = [one for one in letter.headers if not _lines([one]) & marks]
    if len(letter.headers) - len(bare) != len(_MARKS):
        return letter.raw()
    return world.proved(replace(letter, headers=tuple(bare)).raw())


def outside_world(arena: Arena) -> None:
    """Requests ask for `outside`, and Bob has an address there."""
    arena.level("outside")
    add_address(arena.world.people["bob"], OUTSIDE)
    if arena.world.way == "exchange-server":  # which stamps nothing itself: a filter in front of it does
        store.change(OWN_SERVER, by="ada", mailbox=arena.world.mailbox)
        pool.drop(arena.world.mailbox)


def long_ago(**before: float) -> datetime:
    return datetime.now(UTC) - timedelta(**before)
