"""Who may confirm what a text was understood as, and with what: nobody but whoever wrote it, with a yes to the mail
that asks, while nothing else was said since. Each attempt is made on a guess of its own, because whatever is in doubt
makes one lapse."""

import random
from collections.abc import Callable, Iterator, Set
from datetime import timedelta
from itertools import islice

import pytest
from django.utils import timezone

from placet.approvals.models import Decision, PendingAnswer, Request
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.replies.read import read_text
from placet.replies.read_tokens import without_marks
from placet.replies.read_vocabulary import vocabulary
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Count
from tests.attacks.forging import lay_raw
from tests.attacks.instructions import INSTRUCTIONS
from tests.attacks.tally import Counts
from tests.attacks.test_completed_answers import (
    ALICE,
    BOB,
    CAROL,
    MALLORY,
    OUTSIDE,
    Forge,
    changed,
    decided_on_the_page,
    doubted,
    left,
    mail_of,
    withdrawn,
)
from tests.journeys.conftest import World
from tests.journeys.letters import INTERNAL, code_of, quote_of
from tests.making import one_step
from tests.replies.test_read_confirmation import APPROVE, REJECT, confirmed
from tests.words import LANGUAGES

EVERY_KIND = True
pytestmark = pytest.mark.django_db

REFUSED = "Mia, nobody outside HR gets into payroll. The request has been rejected."
YES = ("Yes", "Yes.", "That's right", "Confirmed!", "Hi,\n\nyes, thanks\n\nBest regards\nBob")
DOUBTS = (
    "No", "No, that is wrong.", "ok", "👍", "Sure", "Yes, if Carol agrees", "Yes?", "Yes or no?", "Maybe", "Wait.",
    "Yes. Wait.", "Not yes", "I said yes to Alice", "Carol says yes", "yes / no", "", "What do you mean?",
)  # fmt: skip
FAMILY = 9  # kinds of attempts, each made in every batch
PER_BATCH = 50  # of what `--forgeries` asks for: each attempt takes three mails


def forged(
    sender: str, text: str, *headers: str, first: bool = False, quotes: bool = False, both: bool = False
) -> Forge:
    """Who answers, with what; `first`: the mail that asked first, and not the one that asks whether that was meant."""

    def place(world: World, asked: Mail, told: Mail) -> object:
        answered = asked if first else told
        below = quote_of(answered) if quotes else ""
        other = f"\n\n#{code_of(asked)}" if both else ""
        return lay_raw(world, mail_of(sender, answered, text + below + other, *headers))

    return place


def forgeries(rng: random.Random) -> Iterator[tuple[str, Forge]]:
    while True:
        yes, doubt = rng.choice(YES), rng.choice(DOUBTS)
        made = [
            ("a stranger's yes", forged(MALLORY, yes, OUTSIDE)),
            ("in Bob's name, from outside", forged(BOB, yes, OUTSIDE)),
            ("a colleague's or the requester's yes", forged(rng.choice((CAROL, ALICE)), yes, *INTERNAL)),
            ("to the mail that asked first", forged(BOB, yes, *INTERNAL, first=True)),
            ("an automatic reply", forged(BOB, yes, *INTERNAL, "Auto-Submitted: auto-replied")),
            ("a doubt", forged(BOB, doubt, *INTERNAL, quotes=True)),
            ("with the other code, too", forged(BOB, yes, *INTERNAL, both=True)),
            ("a yes that is quoted", forged(BOB, "Thanks\n\n> Yes.\n> Approved.\n", *INTERNAL)),
            ("nothing but our mail", forged(BOB, "", *INTERNAL, quotes=True)),
        ]
        rng.shuffle(made)
        yield from made


def guessed(world: World, *items: str) -> list[tuple[Request, Mail, Mail]]:
    """Requests that Bob answered in words that are not clear."""
    asked = [world.asked(item=item) for item in items or ("Desk",)]
    for _request, letter in asked:
        world.sandbox.reply_as("bob", letter.id, REFUSED)
    world.run_until_quiet()
    return [
        (request, letter, world.newest("bob", f"Is this what you meant?: {request.title} ["))
        for request, letter in asked
    ]


@pytest.fixture
def patient(arena: Arena) -> Arena:
    arena.processes_are(one_step([{"manager": True}], key="purchase"))
    mailbox = Mailbox.objects.get()
    mailbox.settings["refusals_per_hour"] = 100
    mailbox.save()
    return arena


def test_nothing_but_the_persons_own_yes_confirms(patient: Arena) -> None:
    world, attempts = patient.world, forgeries(patient.rng)
    for number in range(max(patient.most // PER_BATCH, 1)):
        batch = [next(attempts) for _ in range(FAMILY)]
        waiting = guessed(world, *(f"Desk {number}.{at}" for at in range(FAMILY)))
        for (_name, forge), (_request, asked, told) in zip(batch, waiting, strict=True):
            forge(world, asked, told)
        world.run_until_quiet()
        decided = IncomingMail.objects.filter(result="decided").first()
        assert decided is None, bytes(decided.raw).decode(errors="replace")[:3000]
        assert not Decision.objects.exists()
        patient.count(Counts(forged=FAMILY))
        OutgoingMail.objects.update(created_at=timezone.now() - timedelta(hours=2))  # who is told how much
    world.sandbox.reply_as("bob", asked.id, "Rejected.\n\nNo budget.")
    world.run_until_quiet()
    assert Decision.objects.get().comment == "No budget.", "his own whole answer counts"


@pytest.mark.parametrize("happens", [decided_on_the_page, withdrawn, changed, doubted, left])
def test_a_yes_comes_too_late(patient: Arena, happens: Callable[[World, Request, Mail], None]) -> None:
    world = patient.world
    [(request, asked, told)] = guessed(world)
    happens(world, request, asked)
    before = list(Decision.objects.values_list("outcome", flat=True))
    world.sandbox.reply_as("bob", told.id, patient.rng.choice(YES))
    world.run_until_quiet()
    assert list(Decision.objects.values_list("outcome", flat=True)) == before
    patient.count(Counts(forged=1))


def test_nothing_waits_for_what_cannot_be_decided_any_more(patient: Arena) -> None:
    world = patient.world
    requests = [world.asked(item=item) for item in ("Desk", "Lamp", "Shelf")]
    for happens, (request, asked) in zip((decided_on_the_page, withdrawn, changed), requests, strict=True):
        happens(world, request, asked)
        world.sandbox.reply_as("bob", asked.id, REFUSED)
    world.run_until_quiet()
    assert not PendingAnswer.objects.exists()
    assert Decision.objects.count() == 1


def test_the_same_yes_twice_decides_once(patient: Arena) -> None:
    world = patient.world
    [(_request, _asked, told)] = guessed(world)
    first, again = (mail_of(BOB, told, "Yes" + quote_of(told), *INTERNAL) for _ in range(2))
    for content in (first, first, again):
        lay_raw(world, content)
    world.run_until_quiet()
    assert Decision.objects.get().comment == REFUSED
    assert OutgoingMail.objects.filter(kind="confirmation").count() == 1
    assert IncomingMail.objects.filter(result="already_decided").count() == 1


def test_a_yes_from_any_program_confirms(patient: Arena) -> None:
    """Plain and as HTML, above a quote and without one."""
    world = patient.world
    waiting = guessed(world, *(f"Desk {number}" for number in range(2 * len(YES))))
    for number, (_request, _asked, told) in enumerate(waiting):
        yes = YES[number % len(YES)]
        match number % 3:
            case 0:
                world.sandbox.reply_as("bob", told.id, yes)
            case 1:
                lay_raw(world, mail_of(BOB, told, yes, *INTERNAL))
            case _:
                lay_raw(world, mail_of(BOB, told, yes + quote_of(told), *INTERNAL))
    world.run_until_quiet()
    for request, _asked, _told in waiting:
        decision = Decision.objects.get(assignment__visit__request=request)
        assert (decision.outcome, decision.comment) == ("reject", REFUSED)
    patient.count(Counts(neighbours=len(waiting), passed=len(waiting)))


# --- in every language ----------------------------------------------------------------------------------------


def hedged(rng: random.Random) -> Iterator[tuple[str, str, str]]:
    """A text, the outcome that was understood, and the language in which that was asked: words that are a weak answer
    and no yes to the question, and a yes to an approval with what limits it or takes it back."""
    while True:
        code = rng.choice(sorted(INSTRUCTIONS))
        own, every = (
            LANGUAGES[code].answer,
            {*LANGUAGES[code].answer.confirms, *LANGUAGES["en"].answer.confirms},
        )
        weak = rng.choice(
            [word for word in (*own.approve_weak, *own.reject_weak) if not _says(word, every, code)]
        )
        yes = rng.choice(own.confirms)
        doubt = rng.choice([one for one in (*own.doubts, *own.retractions) if one not in _GOOD[code]])
        yield weak, REJECT, code
        yield f"{weak.capitalize()}.\n\n{rng.choice(own.closings)}\nBob", REJECT, code
        yield f"{yes.capitalize()}, {doubt}", APPROVE, code
        yield f"{yes.capitalize()}. {doubt.capitalize()}.", APPROVE, code


def _says(word: str, confirms: Set[str], code: str) -> bool:
    """Whether it is a yes with thanks, or an answer by itself: "yes please", "we decline"."""
    spoken = any(vocabulary().speaks_of(one, code) for one in word.split())
    plain = without_marks(word)
    return spoken or any(f"{plain} ".startswith(f"{without_marks(yes)} ") for yes in confirms)


#: Doubts that agree: beside a "yes" they are more of it.
_GOOD = {
    code: {*one.answer.approve_weak, *one.answer.seen, *one.answer.confirms}
    for code, one in LANGUAGES.items()
}


def test_what_is_no_yes_or_only_half_of_one_confirms_nothing(
    rng: random.Random, most: int, tally: Count
) -> None:
    number = 4 * most  # nothing is delivered
    # What says the answer by itself, as a reply to the request would, is no matter of the yes.
    wrong = [
        one for one in islice(hedged(rng), number) if confirmed(*one) and read_text(one[0]).outcome != one[1]
    ]
    tally(Counts(forged=number, accepted=len(wrong)))
    assert not wrong, f"{len(wrong)} of {number}: {wrong[:8]}"
