"""What a server adds when it delivers or hands out a mail, written by its sender: lines of sessions, deliveries and
mailbox files, and names in EHLO; bytes that one protocol ends a mail at; a receipt time that whoever puts a mail into a
mailbox chooses; and one mail in two mailboxes of ours."""

import random
import smtplib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from placet.accounts import trust_changes
from placet.approvals.models import Decision
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from placet.sandbox.delivery import AuthResults
from placet.sandbox.server import Mail, Sandbox
from tests.attacks.arena import Arena, Attempt
from tests.attacks.forging import BOB, internal, lay, lay_raw, letter, outside_world
from tests.attacks.test_foreign_mailboxes import FOREIGN, foreign, theirs
from tests.attacks.test_senders import Maker, attempts
from tests.journeys.at_mail_servers import DELIVERED
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.elsewhere import Elsewhere
from tests.journeys.letters import INTERNAL, answer
from tests.signed_mails import Envelope, Signing, approved, issue, key, revoked_by

__all__ = ["foreign", "theirs"]

EVERY_KIND = True

pytestmark = pytest.mark.django_db

MALLORY = "mallory@evil.example"
FAILED = AuthResults(spf="fail", dkim="none", dmarc="fail")
DATE = "Sat, 28 Nov 2026 10:00:00 +0000"

#: As the servers write them that some kind of mailbox is on, about Bob.
SESSION = DELIVERED.format(sender=BOB).strip().replace("\n", "\r\n")
LINES = (
    f"Return-Path: <{BOB}>",
    f"Delivered-To: approvals@{DOMAIN}",
    f"X-Original-To: approvals@{DOMAIN}",
    f"X-Envelope-From: <{BOB}>",
    f"X-Authenticated-Sender: {BOB}",
    f"X-Authenticated-User: {BOB}",
    f"Authenticated-By: {BOB}",
    f"X-Sender: {BOB}",
    f"X-Google-Original-From: {BOB}",
    "X-Gm-Message-State: AOJu0Yx",
    "X-Received: by 2002:a05:6402:1111:b0:4f1:2222:3333 with SMTP id x1csp111111edx; " + DATE,
    f"Received-SPF: pass (mail.example.test: domain of {BOB} designates 203.0.113.7) client-ip=203.0.113.7",
    f"Received: by mail.example.test (Postfix, from userid 1000)\r\n\tid 4dJ1Xk2vTkz1; {DATE}",
    f"Received: from localhost (localhost [127.0.0.1])\r\n\tby mail.example.test (Postfix) with ESMTP id 4d; {DATE}",
    f"Received: from imap.example.test ([127.0.0.1])\r\n\tby imap.example.test with LMTP\r\n\tid gK; {DATE}",
    f"Received: from imap.example.test ([unix socket])\r\n\tby imap.example.test (Cyrus 3.10) with LMTPA; {DATE}",
    f"Received: from pc (unknown [10.0.0.9]) (AUTH: PLAIN {BOB})\r\n\tby mail.example.test with ESMTPSA; {DATE}",
    f"Authentication-Results: mail.example.test; auth=pass smtp.auth={BOB} smtp.mailfrom={BOB}",
    f"Authentication-Results: mail.example.test; dkim=pass header.d={DOMAIN}; dmarc=pass header.from={DOMAIN}",
    f"Authentication-Results: mx.google.com; dkim=pass header.d={DOMAIN}; dmarc=pass header.from={DOMAIN}",
    f"ARC-Authentication-Results: i=1; mx.google.com; dkim=pass header.d={DOMAIN}; dmarc=pass header.from={DOMAIN}",
    f"X-Cyrus-Session-Id: cyrus-imapd-1-1-1\r\nX-Sieve: CMU Sieve 3.0\r\nX-Auth: {BOB}",
)
#: Of files in which servers keep mailboxes (mbox, MMDF), or of what POP3 and IMAP say of a mail.
OF_FILES = (
    "Status: RO",
    "X-Status: A",
    "X-Keywords: $Placet NonJunk",
    "X-UID: 1",
    "X-UIDL: 0000000165a0b1c2",
    "X-IMAP: 1480000000 0000000001",
    "X-IMAPbase: 1480000000 0000000001",
    "Content-Length: 3",
    "Lines: 1",
    "X-Mozilla-Status: 0001",
    ">From bob@contoso.example Sat Nov 28 10:00:00 2026",
)
#: What a host may call itself; Postfix writes it into its own line of the session.
NAMES = (
    "mail.example.test",
    "imap.example.test",
    "localhost",
    "[127.0.0.1]",
    "pc.contoso.example(localhost[127.0.0.1])",
    f"pc(Authenticated-sender:{BOB})",
    f"pc)(Authenticated\tsender:{BOB}",
    "x\tby\tmail.example.test\twith\tESMTPSA",
    "mx.google.com",
    "10.0.0.1",
)


def planted(asked: Mail, rng: random.Random) -> bytes:
    lines = rng.sample(LINES, rng.randint(1, 4)) + rng.sample(OF_FILES[:-1], rng.randint(0, 2))
    rng.shuffle(lines)
    if rng.random() < 0.6:
        lines.insert(rng.choice((0, len(lines))), SESSION)
    return answer(asked, f"Bob Bobson <{BOB}>", headers=lines)


def through_the_entrance(world: World, asked: Mail, rng: random.Random) -> None:
    """A real mail server writes its own lines above those, where there is one."""
    name = rng.choice(NAMES)
    sender = rng.choice((MALLORY, BOB, ""))
    raw = planted(asked, rng)
    if not isinstance(world.sandbox, Elsewhere):
        world.sandbox.deliver(raw, mail_from=sender, results=FAILED)
        return
    try:
        world.sandbox.deliver(raw, mail_from=sender, helo=name)
    except smtplib.SMTPException:  # a server may refuse such a name, and is asked again under a plain one
        world.sandbox.deliver(raw, mail_from=sender)


def as_it_lies(world: World, asked: Mail, rng: random.Random) -> None:
    """Below what a server writes about a stranger's session."""
    above = (
        f"Received: from {rng.choice(('mail.evil.example', 'localhost', 'mail.example.test'))} (unknown [198.51.100.9])"
        f"\r\n\tby mail.example.test (Postfix) with {rng.choice(('ESMTP', 'ESMTPS', 'SMTP'))} id 4dJ; {DATE}\r\n"
    )
    world.sandbox.place("approvals", above.encode() + planted(asked, rng))


def ends_in_the_middle(world: World, asked: Mail, rng: random.Random) -> None:
    """Bob's own words, of which a protocol or a mailbox file would keep the first alone."""
    end = rng.choice(
        (
            "\r\n.\r\n",
            "\r\n.\r\n.\r\n",
            "\r\n..\r\n",
            "\r\n\r\nFrom bob@contoso.example Sat Nov 28 10:00:00 2026\r\n",
            "\r\n\x01\x01\x01\x01\r\n",
            "\r\n)\r\nA1 OK FETCH completed\r\n",
            "\r\n+OK\r\n",
            "\r\n\x1a\r\n",
            "\r\n\0\r\n",
        )
    )
    more = rng.choice(
        ("No, wait: I reject this.", "Only if Carol agrees.", "I did not approve this.", "Rejected.")
    )
    written = internal(letter(asked, BOB))
    lines = [line for line in OF_FILES if rng.random() < 0.2 and not line.startswith(">")]
    for name, _, value in (line.partition(":") for line in lines):
        written = written.with_header(name, value.strip(), len(written.headers))
    lay(world, replace(written, body=f"approve{end}{more}\r\n".encode()))


MAKERS: Sequence[Maker] = (through_the_entrance, through_the_entrance, as_it_lies, ends_in_the_middle)


def with_lines_of_its_own(world: World, asked: Mail, rng: random.Random) -> None:
    """Genuine: who signed in may write such lines, too, and dots and "From" at the beginning of a line."""
    written = internal(letter(asked, BOB))
    for line in rng.sample((*LINES[:9], *OF_FILES[:-1]), rng.randint(1, 4)):
        name, _, value = line.partition(":")
        if name not in ("Content-Length", "Lines"):
            written = written.with_header(name, value.strip(), len(written.headers))
    text = rng.choice(("approve\r\n\r\n.\r\n", "approve\r\n\r\n..\r\n", "approve\r\n"))
    lay(world, replace(written, body=text.encode() + written.body.partition(b"approve")[2]))


@pytest.mark.parametrize("level", ["colleague", "outside"])
def test_what_only_a_server_adds_proves_nothing_where_a_sender_wrote_it(arena: Arena, level: str) -> None:
    outside_world(arena)
    arena.level(level)
    store.change({"refusals_per_hour": 0}, by="a test", mailbox=arena.world.mailbox)  # no yes is waited for
    results = arena.refuses(attempts(MAKERS, arena.rng))
    # "bounce": what comes with an empty sender is a server's report, and is not read.
    refused = {"bounce", "not_proved", "stamps_planted", "mechanism_not_confirmed", "unclear", "two_readings"}
    assert set(results) <= refused, results
    arena.accepts(attempts([with_lines_of_its_own], arena.rng))


# --- a receipt time that somebody chose ----------------------------------------------------------------------


@pytest.mark.not_over(
    "graph", "ews", "exchange-server", because="the sandbox itself says when it received a mail"
)
@pytest.mark.not_over(
    "pop3", because="it says no time: what its topmost line says is bounded by when it was listed"
)
def test_a_chosen_receipt_time_makes_no_certificate_good(arena: Arena) -> None:
    """Whoever may write into the mailbox and found an old key of Bob's: it is judged by when it can have come."""
    root = issue("Root", authority=True, days=(-900, 900))
    old = issue("Bob", root, own=key("old"), addresses=[BOB], days=(-400, -30))
    early = issue("Bob", root, own=key("early"), addresses=[BOB], days=(30, 400))
    current = issue("Bob", root, own=key("current"), addresses=[BOB])
    trust_changes.add_authority(root.pem, needs_list=True, by=None)
    trust_changes.add_list(revoked_by(root, days=(-40, 900)).public_bytes(Encoding.DER), by=None)
    arena.level("signed")

    def signed_by(by: Signing, received: timedelta | None) -> Callable[[World, Mail], object]:
        def attempt(world: World, asked: Mail) -> None:
            assert isinstance(world.sandbox, Elsewhere)
            content = approved(asked)
            at = datetime.now(UTC) + received if received is not None else None
            world.sandbox.place("approvals", Envelope(asked).beside(content, by.sign(content)), received=at)

        return attempt

    def forgeries() -> Iterator[Attempt]:
        while True:
            holder, sign = arena.rng.choice(((old, -1), (early, 1)))
            chosen = timedelta(days=sign * arena.rng.randint(40, 300))
            yield f"{sign} {chosen}", signed_by(Signing(holder, timed=False), chosen)

    def genuine() -> Iterator[Attempt]:
        while True:
            slow = timedelta(minutes=arena.rng.choice((-30, -5, 0)))  # the server's clock
            yield f"{slow}", signed_by(Signing(current, timed=arena.rng.random() < 0.5), slow)

    own = signed_by(Signing(current), None)
    assert set(arena.refuses(forgeries(), own=own)) == {"not_proved"}
    arena.accepts(genuine())


# --- one mail, two mailboxes of ours --------------------------------------------------------------------------


def test_one_mail_that_two_mailboxes_receive_counts_once(
    arena: Arena, theirs: Mailbox, foreign: Sandbox
) -> None:
    """Of one organisation, so that it counts in either; with what each server adds, and shown again by each."""
    world = arena.world
    store.change({"same_organisation": [f"approvals@{FOREIGN}"]}, by="ada", mailbox=world.mailbox)
    request, asked = world.asked()
    raw = letter(asked, BOB).raw()
    mark = "".join(f"{line}\r\n" for line in INTERNAL).encode()
    for _ in range(2):
        lay_raw(world, mark + raw)
        foreign.place("approvals", mark + raw)
        world.run_until_quiet()
    assert Decision.objects.filter(assignment__visit__request=request).count() == 1
    assert OutgoingMail.objects.filter(kind="confirmation").count() == 1
    shown_once = IncomingMail.objects.exclude(state=IncomingMail.State.DUPLICATE)
    assert shown_once.filter(result="decided").count() == 1
