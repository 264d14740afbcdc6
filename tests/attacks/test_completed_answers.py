"""Who may complete an answer that waits for its comment, and with what: nobody but whoever gave it, by the code of the
mail that asks for it, in words of their own, while the question is open. Each attempt is made on an answer of its own,
because whatever is in doubt makes one lapse."""

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice

import pytest
from django.utils import timezone

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import Assignment, Decision, Request
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Count
from tests.attacks.forging import lay_raw
from tests.attacks.instructions import INSTRUCTIONS
from tests.attacks.tally import Counts
from tests.journeys.conftest import World
from tests.journeys.letters import INTERNAL, code_of, letter, quote_of, reply_to
from tests.making import one_step
from tests.replies.test_completion import APPROVE, REJECT, completed
from tests.words import LANGUAGES

EVERY_KIND = True
pytestmark = pytest.mark.django_db

BOB, CAROL, ALICE, MALLORY = (
    "bob@contoso.example",
    "carol@contoso.example",
    "alice@contoso.example",
    "mallory@evil.example",
)
OUTSIDE = "X-MS-Exchange-Organization-AuthAs: Anonymous"
REASONS = (
    "No budget left this year.",
    "Budget",
    "Too expensive",
    "Nein, zu teuer",
    "Kein Budget mehr in diesem Jahr.",
    "Trop cher",
    "Non, c'est trop cher",
    "没有预算",
    "予算がありません",
    "Нет бюджета",
    "Hi Alice,\n\nwe already have one.\n\nBest regards\nBob",
)
#: Those of them that are an answer by themselves, to whatever mail that asks.
WHOLE = ("Nein, zu teuer", "Non, c'est trop cher")
FAMILY = 9  # kinds of attempts, each made in every batch
PER_BATCH = 50  # of what `--forgeries` asks for: each attempt takes three mails
DOUBTS = ("Wait.", "What do you mean?", "no, approve it", "If Carol agrees", "ok", "Yes", "👍", "Moment", "")

#: The world, what asked Bob, and what asks him for his comment.
Forge = Callable[[World, Mail, Mail], object]


def mail_of(sender: str, asked: Mail, text: str, *headers: str) -> bytes:
    """An answer to one of our mails as somebody writes it who has seen it."""
    thread = f"In-Reply-To: {asked.header('Message-ID')}"
    return letter(
        sender, to=reply_to(asked), subject=f"RE: {asked.subject}", text=text, headers=[*headers, thread]
    )


def forgeries(rng: random.Random) -> Iterator[tuple[str, Forge]]:
    while True:
        reason, doubt = rng.choice(REASONS), rng.choice(DOUBTS)
        sender, part = rng.choice((CAROL, ALICE)), rng.choice([one for one in REASONS if one not in WHOLE])

        def place(content: Callable[[Mail, Mail], bytes]) -> Forge:
            return lambda world, asked, rest: lay_raw(world, content(asked, rest))

        made: list[tuple[str, Forge]] = [
            ("a stranger's comment", place(lambda _a, rest, r=reason: mail_of(MALLORY, rest, r, OUTSIDE))),  # type: ignore[misc]
            ("in Bob's name, from outside", place(lambda _a, rest, r=reason: mail_of(BOB, rest, r, OUTSIDE))),  # type: ignore[misc]
            (
                "a colleague's or the requester's comment",
                place(lambda _a, rest, r=reason, s=sender: mail_of(s, rest, r, *INTERNAL)),  # type: ignore[misc]
            ),
            ("to the mail that asked", place(lambda asked, _r, r=part: mail_of(BOB, asked, r, *INTERNAL))),  # type: ignore[misc]
            (
                "an automatic reply",
                place(
                    lambda _a, rest, r=reason: mail_of(
                        BOB, rest, r, *INTERNAL, "Auto-Submitted: auto-replied"
                    )  # type: ignore[misc]
                ),
            ),
            ("a doubt", place(lambda _a, rest, d=doubt: mail_of(BOB, rest, d + quote_of(rest), *INTERNAL))),  # type: ignore[misc]
            (
                "with the other code, too",
                place(
                    lambda asked, rest, r=reason: mail_of(BOB, rest, f"{r}\n\n#{code_of(asked)}", *INTERNAL)  # type: ignore[misc]
                ),
            ),
            (
                "a decision that is quoted",
                place(
                    lambda _a, rest, r=reason: mail_of(BOB, rest, f"{r}\n\n> Approved.\n> Yes\n", *INTERNAL)  # type: ignore[misc]
                ),
            ),
            ("nothing but our mail", place(lambda _a, rest: mail_of(BOB, rest, quote_of(rest), *INTERNAL))),
        ]
        rng.shuffle(made)
        yield from made


def pending(world: World, *items: str) -> list[tuple[Request, Mail, Mail]]:
    """Requests that Bob rejected without the comment that this needs."""
    asked = [world.asked(item=item) for item in items or ("Desk",)]
    for _request, mail in asked:
        world.sandbox.reply_as("bob", mail.id, "Rejected.")
    world.run_until_quiet()
    return [
        (request, mail, world.newest("bob", f"Please say why: {request.title} [")) for request, mail in asked
    ]


@pytest.fixture
def strict(arena: Arena) -> Arena:
    source = one_step([{"manager": True}], key="purchase")
    source["steps"]["step"]["outcomes"] = ["approve", {"key": "reject", "comment": "required"}]
    arena.processes_are(source)
    mailbox = Mailbox.objects.get()
    mailbox.settings["refusals_per_hour"] = 100
    mailbox.save()
    return arena


def test_nothing_but_the_persons_own_words_completes_an_answer(strict: Arena) -> None:
    world, attempts = strict.world, forgeries(strict.rng)
    for number in range(max(strict.most // PER_BATCH, 1)):
        batch = [next(attempts) for _ in range(FAMILY)]
        waiting = pending(world, *(f"Desk {number}.{at}" for at in range(FAMILY)))
        for (_name, forge), (_request, asked, rest) in zip(batch, waiting, strict=True):
            forge(world, asked, rest)
        world.run_until_quiet()
        decided = IncomingMail.objects.filter(result="decided").first()
        assert decided is None, bytes(decided.raw).decode(errors="replace")[:3000]
        assert not Decision.objects.exists()
        strict.count(Counts(forged=FAMILY))
        OutgoingMail.objects.update(created_at=timezone.now() - timedelta(hours=2))  # who is told how much
    world.sandbox.reply_as("bob", asked.id, "Rejected.\n\nNo budget.")
    world.run_until_quiet()
    assert Decision.objects.get().comment == "No budget.", "his own whole answer counts"


def decided_on_the_page(world: World, request: Request, _asked: Mail) -> None:
    seat = Assignment.objects.get(visit__request=request)
    engine.decide(seat.pk, by=world.people["bob"], outcome="approve", channel=Decision.Channel.PAGE)


def withdrawn(world: World, request: Request, _asked: Mail) -> None:
    engine.withdraw(request.pk, world.people["alice"])


def changed(_world: World, request: Request, _asked: Mail) -> None:
    request.data = {**request.data, "item": "Yacht"}
    request.save(update_fields=["data"])


def doubted(world: World, _request: Request, asked: Mail) -> None:
    world.sandbox.reply_as("bob", asked.id, "Wait, let me ask Carol first.")
    world.run_until_quiet()


def left(world: World, _request: Request, _asked: Mail) -> None:
    Person.objects.filter(pk=world.people["bob"].pk).update(is_active=False)


@pytest.mark.parametrize("happens", [decided_on_the_page, withdrawn, changed, doubted, left])
def test_a_comment_comes_too_late(strict: Arena, happens: Callable[[World, Request, Mail], None]) -> None:
    world = strict.world
    [(request, asked, rest)] = pending(world)
    happens(world, request, asked)
    before = list(Decision.objects.values_list("outcome", flat=True))
    world.sandbox.reply_as("bob", rest.id, strict.rng.choice(REASONS))
    world.run_until_quiet()
    assert list(Decision.objects.values_list("outcome", flat=True)) == before
    strict.count(Counts(forged=1))


def test_the_same_comment_twice_decides_once(strict: Arena) -> None:
    world = strict.world
    [(_request, _asked, rest)] = pending(world)
    first, again = (mail_of(BOB, rest, "No budget left." + quote_of(rest), *INTERNAL) for _ in range(2))
    for content in (first, first, again):
        lay_raw(world, content)
    world.run_until_quiet()
    assert Decision.objects.get().comment == "No budget left."
    assert OutgoingMail.objects.filter(kind="confirmation").count() == 1
    assert IncomingMail.objects.filter(result="already_decided").count() == 1


def test_reasons_from_any_program_complete_it(strict: Arena) -> None:
    """Plain and as HTML, above a quote and without one."""
    world = strict.world
    waiting = pending(world, *(f"Desk {number}" for number in range(len(REASONS))))
    for number, (reason, (_request, _asked, rest)) in enumerate(zip(REASONS, waiting, strict=True)):
        match number % 3:
            case 0:
                world.sandbox.reply_as("bob", rest.id, reason)
            case 1:
                lay_raw(world, mail_of(BOB, rest, reason, *INTERNAL))
            case _:
                lay_raw(world, mail_of(BOB, rest, reason + quote_of(rest), *INTERNAL))
    world.run_until_quiet()
    for reason, (request, _asked, _rest) in zip(REASONS, waiting, strict=True):
        decision = Decision.objects.get(assignment__visit__request=request)
        assert decision.outcome == "reject", reason
        assert decision.comment
        assert decision.comment in reason
    strict.count(Counts(neighbours=len(REASONS), passed=len(REASONS)))


def turning(rng: random.Random) -> Iterator[str]:
    """Answers in every language that turn, doubt or take back what was answered before, and are no reason for it."""
    while True:
        own = LANGUAGES[rng.choice(sorted(INSTRUCTIONS))].answer
        said = rng.choice((*own.turns, *own.retractions, *own.doubts))
        greeting, closing = rng.choice(own.greetings), rng.choice(own.closings)
        yield from (
            said,
            f"{said.capitalize()}{rng.choice('.!')}",
            f"{greeting},\n\n{said}",
            f"{said.capitalize()}\n\n{closing}\nBob",
        )


def test_an_order_a_doubt_or_what_takes_back_completes_nothing(
    rng: random.Random, most: int, tally: Count
) -> None:
    number = 4 * most  # nothing is delivered
    completing = []
    for text in islice(turning(rng), number):
        for earlier in (REJECT, APPROVE):
            answer = completed(text, earlier)
            if answer is not None and answer.completes and answer.comment:
                completing.append((text, answer.outcome, answer.comment))
    tally(Counts(forged=number, accepted=len(completing)))
    assert not completing, f"{len(completing)} of {number}: {completing[:8]}"
