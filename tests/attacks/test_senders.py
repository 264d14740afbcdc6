"""Senders who are not the person asked: whose domain says nothing of itself, who hold the code because they were in
Cc, who write on somebody's behalf. And the one that nothing tells apart: Send As."""

import random
from collections.abc import Callable, Iterator, Sequence

import pytest

from placet.approvals.models import Decision
from placet.sandbox.delivery import AuthResults
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Attempt
from tests.attacks.forging import BOB, OUTSIDE, PARTNER, from_partner, internal, lay, letter, outside_world
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import answer, quote_of, reply_to

EVERY_KIND = True

pytestmark = pytest.mark.django_db

Maker = Callable[[World, Mail, random.Random], object]

COLLEAGUES = ("alice", "carol", "dave", "ada")
STRANGERS = (
    "mallory@evil.example",
    "eve@mail.partner.example",
    "bob@partner.example.evil.example",
    "bob@partner.exampl",
)


# --- domains that do not say what is theirs -------------------------------------------------------------------


def unchecked(world: World, asked: Mail, rng: random.Random) -> None:
    """No DMARC policy, one that could not be asked for, or one that did not pass: whatever else did."""
    results = AuthResults(
        spf=rng.choice(("pass", "none", "fail", "softfail", "temperror")),
        dkim=rng.choice(("pass", "none", "fail", "temperror", "permerror", "neutral", "policy")),
        dmarc=rng.choice(
            ("none", "bestguesspass", "temperror", "permerror", "fail", "quarantine", "oreject", "Pass;", "")
        ),
        dkim_domain=rng.choice((None, PARTNER)),
    )
    world.sandbox.deliver(answer(asked, f"Bob Bobson <{OUTSIDE}>"), mail_from=OUTSIDE, results=results)


def unsigned(world: World, asked: Mail, rng: random.Random) -> None:
    """DMARC passed by SPF, or by the signature of somebody else."""
    domains = (
        "mail.partner.example",
        "example",
        "evil.example",
        "partner.example.evil.example",
        "xpartner.example",
    )
    results = AuthResults(
        dkim=rng.choice(("none", "fail", "neutral", "temperror")) if rng.random() < 0.5 else "pass",
        dkim_domain=rng.choice(domains),
    )
    world.sandbox.deliver(answer(asked, f"Bob Bobson <{OUTSIDE}>"), mail_from=OUTSIDE, results=results)


# --- who holds the code ----------------------------------------------------------------------------------------


def in_cc(world: World, asked: Mail, rng: random.Random) -> None:
    """Bob asked for advice with everybody in Cc: each of them has his mail, code and all, and answers it."""
    if rng.random() < 0.6:
        who = rng.choice(COLLEAGUES)
        sender = rng.choice(
            (f"{who}@{DOMAIN}", f'"Bob Bobson" <{who}@{DOMAIN}>', f'"{BOB}" <{who}@{DOMAIN}>')
        )
        world.sandbox.send_as(who, answer(asked, sender))
    else:
        stranger = rng.choice(STRANGERS)
        sender = rng.choice((stranger, f'"Bob Bobson" <{stranger}>', f"{stranger} ({BOB})"))
        world.sandbox.deliver(answer(asked, sender, headers=[f"Cc: {BOB}"]), mail_from=stranger)


def replied_to_all(world: World, asked: Mail, rng: random.Random) -> None:
    """With a mail program, to all, from a copy of the ask."""
    who = rng.choice(COLLEAGUES)
    world.sandbox.send_as(
        "bob",
        to=[f"{who}@{DOMAIN}"],
        subject=f"FW: {asked.subject}",
        text=f"What do you think?\n\n{asked.text}",
    )
    copy = world.newest(who, "FW:")
    world.sandbox.reply_as(who, copy.id, rng.choice(("approve", "reject", "Yes")), to=[reply_to(asked)])


# --- on behalf -------------------------------------------------------------------------------------------------


def on_behalf(world: World, asked: Mail, rng: random.Random) -> None:
    """Exchange, Gmail and others name who really sent it in Sender; Exchange in a property, too."""
    delegate = rng.choice((*COLLEAGUES, "approvals"))
    if rng.random() < 0.5:
        world.sandbox.allow_on_behalf("bob", delegate)
        world.sandbox.send_as(delegate, answer(asked, BOB))
        return
    sender = rng.choice(
        (
            f"{delegate}@{DOMAIN}",
            f"Delegate <{delegate}@{DOMAIN}>",
            "mallory@evil.example",
            "",
            "nobody",
            f"{BOB}, {delegate}@{DOMAIN}",
            f"<{BOB}",
        )
    )
    lay(world, internal(letter(asked, BOB, Sender=sender)))


def resent(world: World, asked: Mail, rng: random.Random) -> None:
    """A mail of somebody else that Bob redirected, or that was redirected as his."""
    who = rng.choice(COLLEAGUES)
    headers = [
        f"Resent-From: {BOB}",
        f"Resent-Sender: {BOB}",
        f"X-Sender: {BOB}",
        f"Reply-To: {BOB}",
        f"Return-Path: <{BOB}>",
    ]
    world.sandbox.send_as(
        who, answer(asked, f"{who}@{DOMAIN}", headers=rng.sample(headers, rng.randint(1, 5)))
    )


MAKERS: tuple[Maker, ...] = (unchecked, unchecked, unsigned, in_cc, on_behalf, resent)


# --- genuine ---------------------------------------------------------------------------------------------------


def bobs_own(world: World, asked: Mail, rng: random.Random) -> None:
    """With others in Cc, with a Sender that is his, from outside with everything passed."""
    match rng.choice(("program", "cc", "sender", "outside", "name")):
        case "program":
            world.sandbox.reply_as("bob", asked.id, "approve")
        case "cc":
            world.sandbox.send_as(
                "bob", answer(asked, BOB, headers=[f"Cc: dave@{DOMAIN}, mallory@evil.example"])
            )
        case "sender":
            lay(world, internal(letter(asked, BOB, Sender=BOB.upper())))
        case "outside":
            from_partner(
                world,
                answer(asked, f"Bob <{OUTSIDE}>", text=f"approve{quote_of(asked)}"),
                rng.choice((OUTSIDE, f"bounce@mail.{PARTNER}")),
            )
        case _:
            world.sandbox.send_as("bob", answer(asked, f'"Dave Daveson" <{BOB}>'))


def attempts(makers: Sequence[Maker], rng: random.Random) -> Iterator[Attempt]:
    while True:
        make, seed = rng.choice(makers), rng.random()

        def attempt(world: World, asked: Mail, make: Maker = make, seed: float = seed) -> None:
            make(world, asked, random.Random(seed))

        yield f"{make.__name__} ({seed})", attempt


@pytest.mark.parametrize("level", ["colleague", "outside"])
def test_nobody_but_the_person_asked_decides(arena: Arena, level: str) -> None:
    outside_world(arena)
    arena.level(level)
    results = arena.refuses(attempts(MAKERS, arena.rng))
    arena.refuses(attempts([replied_to_all], arena.rng), most=max(4, arena.most // 30))
    # A mailbox of ours that wrote "on behalf" is no person.
    assert set(results) <= {"not_proved", "not_the_one_asked", "sender_unclear", "our_own"}, results
    if level == "outside":
        arena.accepts(attempts([bobs_own], arena.rng))


@pytest.mark.not_over(
    "imap", "pop3", "jmap", because="a login sends as itself: another address in From is not proved"
)
@pytest.mark.not_over("gmail", because="Gmail puts the address of whoever signed in into From")
def test_send_as_decides_because_nothing_tells_it_apart(world: World) -> None:
    """Who may send as Bob decides as Bob: Exchange writes the same From, no Sender, and the same mark. Documented in
    docs/security.md; it is given and taken away in Exchange."""
    _, asked = world.asked()
    lay(world, internal(letter(asked, BOB)).without("sender", "reply-to"))
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]
    assert Decision.objects.get().by_person == world.people["bob"]
