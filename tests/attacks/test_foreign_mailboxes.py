"""A reply code counts in the mailbox that asked, and Exchange's mark Internal proves its own people alone.

Two tenants, each with a mailbox of Placet. Whoever runs the other tenant's Exchange can stamp what they like there; in
our own mailbox genuine stamps of `Internal` stand on mail that names other domains than ours (guests, relays, rules).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from placet.accounts.addresses import add_address
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes import pool, store
from placet.mailboxes.models import Mailbox
from placet.sandbox.delivery import AuthResults
from placet.sandbox.server import Mail, Sandbox
from tests.attacks.arena import Arena, Attempt
from tests.attacks.forging import lay_raw
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import INTERNAL, answer
from tests.journeys.ways import ONLINE

EVERY_KIND = True

pytestmark = pytest.mark.django_db

FOREIGN = "fabrikam.example"
SECOND = "contoso-group.example"  # an organisation's other domain, which an administrator put on the list

#: Domains that look like contoso.example to somebody or to some rule, and are none of its own.
LOOK_ALIKES = (
    "evil-contoso.example",
    "contoso.example.evil.example",
    "mail.contoso.example",
    "a.b.contoso.example",
    "xcontoso.example",
    "contosoexample",
    "example",
    "contoso.example2",
    "c0ntoso.example",
    "contoso-example.example",
    "xn--contso-3ve.example",  # cyrillic о
    "xn--contoso.example",
    "contoso.exampl",
    "ontoso.example",
    "sub.contoso-group.example",
    "contoso-group.example.contoso.invalid",
    FOREIGN,
    f"{FOREIGN}.contoso.invalid",
)


@dataclass(frozen=True)
class Stamps:
    """What a mail carries on top."""

    name: str
    headers: tuple[str, ...]


def stamps(rng: random.Random, domain: str) -> Stamps:
    """What the other organisation's server may write."""
    passed = AuthResults().header(f"bob@{domain}", domain)
    entrance = (
        f"Received: from mail.{domain} (203.0.113.7) by AM0EUR00FT001.mail.protection.outlook.com"
        " (2a01:111:1::1) with Microsoft SMTP Server id 15.20.1.1; Tue, 24 Nov 2026 10:00:00 +0000"
    )
    cross = "X-MS-Exchange-CrossTenant-AuthAs: Internal"
    return rng.choice(
        (
            Stamps("internal", INTERNAL),
            Stamps("internal 06", (INTERNAL[0], "X-MS-Exchange-Organization-AuthMechanism: 06")),
            Stamps("internal and cross tenant", (*INTERNAL, cross)),
            Stamps("cross tenant alone", (cross,)),
            Stamps("passed", (f"Authentication-Results: {passed}", entrance)),
            Stamps("internal and passed", (*INTERNAL, f"Authentication-Results: {passed}", entrance)),
        )
    )


@pytest.fixture
def foreign(way: str) -> Iterator[Sandbox]:
    """Another organisation's Exchange."""
    with Sandbox(FOREIGN) as sandbox:
        sandbox.add_mailbox("approvals", "Their approvals")
        yield sandbox


@pytest.fixture
def theirs(world: World, foreign: Sandbox) -> Iterator[Mailbox]:
    """The mailbox of Placet at the other organisation; whatever domains its administrator named."""
    mailbox = store.save(
        {
            "protocol": world.way if world.way in ONLINE else "graph",
            "server_address": foreign.url,
            "username": f"approvals@{FOREIGN}",
            "client_id": foreign.client_id,
            "token_uri": foreign.token_url,
            "active": True,
            "since": "2020-01-01T00:00:00+00:00",
            "own_domains": f"{FOREIGN}, {DOMAIN}, {SECOND}",
            "confirmed_mechanisms": "04, 06",
            "sends_per_minute": 1000,  # it confirms every genuine answer
        },
        secrets={"client_secret": foreign.client_secret},
        by="a test",
    ).mailbox
    yield mailbox
    pool.drop(mailbox)


def senders_of_bob(world: World) -> list[str]:
    """His confirmed addresses: one in each domain."""
    senders = [f"bob@{domain}" for domain in (SECOND, *LOOK_ALIKES) if "." in domain]
    for sender in senders:
        add_address(world.people["bob"], sender)
    return [f"bob@{DOMAIN}", *senders]


# --- a code in another organisation's mailbox -----------------------------------------------------------------


def in_their_mailbox(rng: random.Random, foreign: Sandbox, senders: list[str]) -> Iterator[Attempt]:
    """Laid into the other organisation's mailbox, with any stamps that its server may write."""
    while True:
        sender = rng.choice(senders)
        stamped = stamps(rng, sender.rpartition("@")[2])
        folder = rng.choice(("inbox", "inbox", "junkemail"))
        shown = rng.choice((sender, f"Bob Bobson <{sender}>", sender.upper()))

        def forge(
            _world: World, asked: Mail, sender: str = shown, stamped: Stamps = stamped, folder: str = folder
        ) -> None:
            text = rng.choice(("approve", "Yes.", "reject", "Approved\n\nGo ahead."))
            foreign.place(
                "approvals", answer(asked, sender, text=text, headers=stamped.headers), folder=folder
            )

        yield f"{shown}, {stamped.name}, {folder}", forge


@pytest.mark.parametrize("level", ["colleague", "outside"])
def test_no_code_counts_in_another_organisation_s_mailbox(
    arena: Arena, theirs: Mailbox, foreign: Sandbox, level: str
) -> None:
    arena.level(level)
    senders = senders_of_bob(arena.world)
    results = arena.refuses(in_their_mailbox(arena.rng, foreign, senders))
    assert set(results) == {"wrong_mailbox"}
    assert IncomingMail.objects.filter(mailbox=theirs, result="wrong_mailbox").count() == results.total()
    notices = OutgoingMail.objects.filter(kind="code-misused")
    assert {(notice.to, notice.mailbox.address) for notice in notices} == {
        (f"bob@{DOMAIN}", f"approvals@{DOMAIN}")
    }, "told once, by the mailbox that asked"
    shown = IncomingMail.objects.filter(result="wrong_mailbox").first()
    assert shown is not None
    assert shown.verdict["shown"] is True
    assert shown.verdict["refusal"] == {"asked_from": f"approvals@{DOMAIN}"}


def test_it_counts_there_once_an_administrator_declared_them_one_organisation(
    arena: Arena, theirs: Mailbox, foreign: Sandbox
) -> None:
    """In the settings of either; the sender is proved as anywhere else."""
    arena.level("colleague")
    declared = arena.rng.choice(
        ((theirs, f"approvals@{DOMAIN}"), (arena.world.mailbox, f"approvals@{FOREIGN}"))
    )
    store.change({"same_organisation": [declared[1]]}, by="ada", mailbox=declared[0])

    def genuine(_world: World, asked: Mail) -> None:
        foreign.place("approvals", answer(asked, f"bob@{DOMAIN}", headers=INTERNAL))

    arena.accepts(("declared", genuine) for _ in iter(int, 1))


def test_it_counts_in_the_mailbox_that_reply_to_named_when_it_was_asked(
    arena: Arena, theirs: Mailbox, foreign: Sandbox
) -> None:
    arena.level("colleague")
    store.change({"reply_to": f"approvals@{FOREIGN}"}, by="ada", mailbox=arena.world.mailbox)

    def genuine(_world: World, asked: Mail) -> None:
        foreign.place("approvals", answer(asked, f"bob@{DOMAIN}", headers=INTERNAL))

    arena.accepts(("named", genuine) for _ in iter(int, 1))


def test_reply_to_is_that_of_the_ask_and_not_of_today(
    arena: Arena, theirs: Mailbox, foreign: Sandbox
) -> None:
    """Another Reply-To from now on opens no other mailbox to asks that were sent before."""
    arena.level("colleague")
    senders = [f"bob@{DOMAIN}"]
    attempts = in_their_mailbox(arena.rng, foreign, senders)

    def changed() -> Iterator[Attempt]:
        store.change({"reply_to": f"approvals@{FOREIGN}"}, by="ada", mailbox=arena.world.mailbox)
        yield from attempts

    assert set(arena.refuses(changed(), most=20)) == {"wrong_mailbox"}


# --- a colleague is somebody of the organisation's own domains ------------------------------------------------


def of_other_domains(rng: random.Random, senders: list[str]) -> Iterator[Attempt]:
    """Marked Internal in our own mailbox, from addresses of his that are in domains of others."""
    while True:
        sender = rng.choice(senders)
        shown = rng.choice((sender, f"Bob Bobson <{sender}>", sender.upper(), sender.title()))
        folder = rng.choice(("inbox", "junkemail"))

        def forge(world: World, asked: Mail, sender: str = shown, folder: str = folder) -> None:
            raw = answer(asked, sender, text=rng.choice(("approve", "reject", "Yes")), headers=INTERNAL)
            lay_raw(world, raw, folder=folder if world.way != "pop3" else "inbox")

        yield f"{shown}, {folder}", forge


@pytest.mark.parametrize("level", ["colleague", "outside"])
def test_the_mark_internal_proves_nobody_of_another_domain(arena: Arena, level: str) -> None:
    arena.level(level)
    store.change({"own_domains": f"{DOMAIN}, {SECOND}"}, by="ada", mailbox=arena.world.mailbox)
    senders = [
        sender for sender in senders_of_bob(arena.world) if sender.rpartition("@")[2] not in (DOMAIN, SECOND)
    ]
    results = arena.refuses(of_other_domains(arena.rng, senders))
    assert set(results) == {"not_proved"}
    reasons = [mail.verdict["refusal"]["reason"] for mail in IncomingMail.objects.filter(result="not_proved")]
    if level == "colleague" and arena.world.has_transport_headers:
        assert all("own domains" in reason for reason in reasons)


@pytest.mark.not_over(
    "imap",
    "pop3",
    "jmap",
    "gmail",
    because="whose people are colleagues by a list of domains, Exchange alone stamps",
)
@pytest.mark.parametrize("level", ["colleague", "outside"])
def test_it_proves_people_of_every_domain_on_the_list(arena: Arena, level: str) -> None:
    arena.level(level)
    below = "mail.contoso.example"  # named by itself, it is one like any other
    store.change(
        {"own_domains": f"{DOMAIN}, @{SECOND.upper()} {below}"}, by="ada", mailbox=arena.world.mailbox
    )
    senders_of_bob(arena.world)

    def neighbours(rng: random.Random) -> Iterator[Attempt]:
        while True:
            sender = f"bob@{rng.choice((DOMAIN, SECOND, below))}"
            shown = rng.choice((sender, f"Bob Bobson <{sender}>", sender.upper()))

            def genuine(world: World, asked: Mail, sender: str = shown) -> None:
                world.sandbox.place("approvals", answer(asked, sender, headers=INTERNAL))

            yield shown, genuine

    arena.accepts(neighbours(arena.rng))
