"""Answers to somebody else: whoever has the ask (its code, its subject, its thread, its text) asks Bob something else,
has the answers sent to Placet, and Bob's honest "Yes" to that must not decide.

Forged is what Bob answered; the mail itself is Bob's own, proved, and written by any program, in any language. Left out
is what `docs/security.md` says cannot be told apart: our whole ask copied as the asker's own words, answered from a
program that names people without their addresses.
"""

import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.utils import format_datetime, parseaddr
from html import escape

import pytest
from django.utils import timezone

from benchmarks.reading.ask import Ask
from benchmarks.reading.locales import LOCALES
from benchmarks.reading.programs import PROGRAMS, Answered, Place, write
from placet.mail.models import OutgoingMail
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox as MailboxRow
from placet.sandbox.programs import PROGRAMS as WEB_MAIL
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Attempt
from tests.attacks.delivering import as_ask
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import code_of, letter, reply_to

EVERY_KIND = True

pytestmark = pytest.mark.django_db

BOB = f"Bob Bobson <bob@{DOMAIN}>"
ADDRESSES = (
    f"dave@{DOMAIN}",
    f"approval@{DOMAIN}",
    f"approvals.desk@{DOMAIN}",
    f"approvals@{DOMAIN}.evil.example",
    "mallory@evil.example",
    "approvals@evil.example",
    f"requests@{DOMAIN}.evil.example",
    "requests@evil.example",
)
NAMES = ("Dave Daveson", "Placet", f"approvals@{DOMAIN}", f"Placet approvals@{DOMAIN}", "Approvals")
QUESTIONS = (
    "Would you like the desk by the window?",
    "Hi Bob,\n\nlunch at noon, at the place around the corner?\n\nDave",
    "Can I have Friday off?\nThe team knows.",
    "Desk",
    "Is this yours?\n\n#{code}",
    "Please decide: Desk\n\nthe one by the window, or the one at the door?",
)
YES = ("Yes", "yes please", "Approved", "Approve", "OK, go ahead", "Ja, gerne", "Oui", "👍")
FRONTS = (
    "Should I tell Carol? (was: {subject})",
    "Should I tell Carol? Re: {subject}",
    "Carol too? {subject}",
    "[fire Dave] {subject}",
    "Lunch, and {subject}",
    "Approved Re: {subject}",
)
TAGS = ("", "", "[EXTERNAL] ", "[Extern] ", "【外部】", "[desk-list] ", "***SPAM*** ")
#: Programs that name whoever wrote without an address.
NAMELESS = frozenset(("Outlook, a colleague", "Thunderbird", "Thunderbird, text", "mutt"))


@dataclass(frozen=True)
class Asked:
    """What somebody else wrote to Bob, with what they know of our ask."""

    text: str
    html: str
    own_words: bool  # most of what stands on its own level is theirs


def _page(body: str) -> str:
    return f"<html><head><style></style></head><body>{body}</body></html>"


def _brs(text: str) -> str:
    return "<br>\n".join(map(escape, text.split("\n")))


def _marked(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _head(ask: Ask) -> str:
    return (
        f"From: Placet <approvals@{DOMAIN}>\nSent: Tuesday, November 24, 2026 10:00 AM\nTo: {BOB}\n"
        f"Subject: {ask.subject}"
    )


def _attribution() -> str:
    return f"On Tue, Nov 24, 2026 at 10:00 AM Placet <approvals@{DOMAIN}> wrote:"


def alone(question: str, ask: Ask) -> Asked:
    return Asked(question, _page(_brs(question)), True)


def above_a_quote(question: str, ask: Ask) -> Asked:
    text = f"{question}\n\n{_attribution()}\n{_marked(ask.text)}"
    html = f"{_brs(question)}<br>{escape(_attribution())}<blockquote>{_brs(ask.text)}</blockquote>"
    return Asked(text, _page(html), True)


def above_headers(question: str, ask: Ask) -> Asked:
    text = f"{question}\n\n{_head(ask)}\n\n{ask.text}"
    return Asked(text, _page(f"{_brs(question)}<hr>{_brs(_head(ask))}<br><br>{_brs(ask.text)}"), True)


def below_a_quote(question: str, ask: Ask) -> Asked:
    html = f"<blockquote>{_brs(ask.text)}</blockquote>{_brs(question)}"
    return Asked(f"{_marked(ask.text)}\n\n{question}", _page(html), True)


def below_a_planted_head(question: str, ask: Ask) -> Asked:
    """So that Bob's program quotes, below its own head, one that names us."""
    return Asked(f"{_attribution()}\n\n{question}", _page(_brs(f"{_attribution()}\n\n{question}")), True)


def below_planted_headers(question: str, ask: Ask) -> Asked:
    text = f"{_head(ask)}\n\n{question}"
    return Asked(text, _page(_brs(text)), True)


def inside_the_ask(question: str, ask: Ask) -> Asked:
    """All that we wrote, as if it were theirs: only the address in the head tells."""
    text = f"{ask.text.strip()}\n\n{question}"
    return Asked(text, _page(_brs(text)), False)


def our_text_and_another_page(question: str, ask: Ask) -> Asked:
    return Asked(ask.text, _page(_brs(question)), False)


SHAPES: Sequence[Callable[[str, Ask], Asked]] = (
    alone,
    above_a_quote,
    above_headers,
    below_a_quote,
    below_a_planted_head,
    below_planted_headers,
    inside_the_ask,
    our_text_and_another_page,
)


def _subjects(asked: Mail, rng: random.Random) -> str:
    code = f"[#{code_of(asked)}]"
    others = (f"Desk {code}", f"Lunch? {code}", f"Fwd: Desk by the window {code}", "Desk")
    return rng.choice((asked.subject, f"RE: {asked.subject}", *others))


def _headers(asked: Mail, subject: str, parent: str, thread: Sequence[str]) -> list[str]:
    encoded = subject if subject.isascii() else Header(subject, "utf-8", maxlinelen=200).encode()
    return [
        f"From: {BOB}",
        f"To: {reply_to(asked)}",
        f"Subject: {encoded}",
        f"Date: {format_datetime(datetime.now(UTC))}",
        f"Message-ID: <{uuid.uuid4().hex}@mail.example>",
        f"In-Reply-To: {parent}",
        f"References: {' '.join((*thread, parent))}",
    ]


def _our_id(asked: Mail) -> str:
    message_id = asked.header("Message-ID")
    assert message_id
    return message_id


def _forged(rng: random.Random) -> Attempt:
    """Bob's answer to what somebody else wrote, by any program."""
    program = rng.choice(list(PROGRAMS))
    shape = rng.choice(SHAPES)
    if program in NAMELESS and shape in (inside_the_ask, our_text_and_another_page):
        shape = above_a_quote
    language, place = rng.choice(list(LOCALES)), rng.choice((Place.ABOVE, Place.BELOW))
    name, address, answer = rng.choice(NAMES), rng.choice(ADDRESSES), rng.choice(YES)
    question, copied_id = rng.choice(QUESTIONS), rng.random() < 0.5
    seed = rng.random()

    def forge(world: World, asked: Mail) -> None:
        ours = as_ask(asked)
        other = shape(question.replace("{code}", code_of(asked)), ours)
        subject = f"RE: {_subjects(asked, random.Random(seed))}"
        reply = Answered(
            answer, place, LOCALES[language], Ask(subject, other.text, other.html, b""), name, address
        )
        parent = _our_id(asked) if copied_id else f"<{uuid.uuid4().hex}@mail.example>"
        head = _headers(asked, subject, parent, [_our_id(asked)])
        world.sandbox.send_as("bob", write(program, reply, head))

    return f"{program}, {language}, {place}, {shape.__name__}, {name} <{address}>", forge


def _through_web_mail(rng: random.Random) -> Attempt:
    """The same, all of it in the sandbox: Dave writes to Bob, and Bob answers what lies in his mailbox."""
    program = rng.choice([key for key in WEB_MAIL if key != "thunderbird"])
    shape, question, answer = rng.choice(SHAPES), rng.choice(QUESTIONS), rng.choice(YES)
    copied_id = rng.random() < 0.5
    seed = rng.random()

    def forge(world: World, asked: Mail) -> None:
        other = shape(question.replace("{code}", code_of(asked)), as_ask(asked))
        message_id = _our_id(asked) if copied_id else f"<{uuid.uuid4().hex}@mail.example>"
        raw = letter(
            f"Placet <dave@{DOMAIN}>",
            to=f"bob@{DOMAIN}",
            subject=_subjects(asked, random.Random(seed)),
            text=other.text,
            headers=[f"Reply-To: {reply_to(asked)}", f"In-Reply-To: {_our_id(asked)}"],
        ).replace(b"\r\nMessage-ID: ", f"\r\nMessage-ID: {message_id}\r\nX-Other: ".encode())
        world.sandbox.send_as("dave", raw)
        world.sandbox.reply_as("bob", world.sandbox.mails("bob")[-1].id, answer, program=program)

    return f"web mail, {program}, {shape.__name__}", forge


def _without_a_quote(rng: random.Random) -> Attempt:
    """Bob's program quotes nothing, and names what he answered in its headers."""
    answer, number, front = rng.choice(YES), rng.randrange(4), rng.choice(FRONTS)

    def forge(world: World, asked: Mail) -> None:
        code = f"[#{code_of(asked)}]"
        theirs = f"<{uuid.uuid4().hex}@mail.example>"
        subject, parent, thread = (
            (f"RE: {asked.subject}", theirs, [_our_id(asked)]),  # an answer to an answer in our thread
            (f"RE: Lunch? {code}", _our_id(asked), []),  # a mail that was given the id of ours
            (f"RE: Desk by the window {code}", theirs, [_our_id(asked)]),
            (
                f"RE: {front.format(subject=asked.subject)}",
                _our_id(asked),
                [],
            ),  # a question in front of our subject
        )[number]
        head = _headers(asked, subject, parent, thread)
        text = answer if number == 1 else f"{answer}, thank you"
        body = ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "", text, ""]
        world.sandbox.send_as("bob", "\r\n".join([*head, *body]).encode())

    return f"without a quote {number}", forge


def _like_a_link(rng: random.Random) -> Attempt:
    """Bob answers somebody's own mail, which asked about a thing like the request's and to answer like our links do."""
    subject = rng.choice(
        ("RE: the desk by the window", "RE: Please decide: Desk or chair?", "AW: Desk", "Re: Desk")
    )
    text = rng.choice(
        ("Approve", "Genehmigen", "Approve\r\n\r\nRegards\r\nBob", "Yes\r\n\r\n#{code}", "Reject")
    )

    def answer(world: World, asked: Mail) -> None:
        code = code_of(asked)
        head = _headers(asked, f"{subject} [#{code}]", f"<{uuid.uuid4().hex}@mail.example>", [])
        body = [
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "",
            text.format(code=code),
            "",
        ]
        world.sandbox.send_as("bob", "\r\n".join([*head, *body]).encode())

    return f"like a link, {subject}, {text!r}", answer


def forgeries(rng: random.Random) -> Iterator[Attempt]:
    kinds = (_forged, _forged, _forged, _through_web_mail, _without_a_quote, _like_a_link)
    while True:
        yield rng.choice(kinds)(rng)


# --- genuine ----------------------------------------------------------------------------------------------


def _answered(rng: random.Random, again: bool) -> Attempt:
    """The ask, or the mail that asks to answer again, answered by any program."""
    program, language = rng.choice(list(PROGRAMS)), rng.choice(list(LOCALES))
    place = Place.ABOVE if again else rng.choice(list(Place))
    threaded = rng.random() < 0.5

    def answer(world: World, asked: Mail) -> None:
        about = asked
        if again:
            world.sandbox.reply_as("bob", asked.id, "hm, let me think about it")
            world.run_until_quiet()
            code = code_of(asked)
            about = next(
                mail for mail in world.sandbox.mails("bob") if code in mail.subject and mail.id != asked.id
            )
        reply = Answered(
            "Approved.", place, LOCALES[language], as_ask(about), *parseaddr(str(about.header("From")))
        )
        parent = _our_id(about) if threaded else f"<{uuid.uuid4().hex}@mail.example>"
        head = _headers(about, f"{LOCALES[language].again} {about.subject}", parent, [])
        world.sandbox.send_as("bob", write(program, reply, head))

    return f"{program}, {language}, {place}, {'again' if again else 'ask'}, {threaded=}", answer


def _no_quote(rng: random.Random) -> Attempt:
    language, tag = rng.choice(list(LOCALES)), rng.choice(TAGS)

    def answer(world: World, asked: Mail) -> None:
        subject = f"{tag}{LOCALES[language].again} {tag}{asked.subject}"
        head = _headers(asked, subject, _our_id(asked), [])
        body = ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "", "Approved.", ""]
        world.sandbox.send_as("bob", "\r\n".join([*head, *body]).encode())

    return f"no quote, {language}, {tag}", answer


def _prepared(rng: random.Random) -> Attempt:
    word, signature = rng.choice(("Approve", "Reject")), rng.choice(("", "\r\n\r\n-- \r\nBob Bobson"))
    signature = rng.choice((signature, "\r\n\r\nSent from my iPhone"))
    with_line = rng.random() < 0.5

    def answer(world: World, asked: Mail) -> None:
        code, to = code_of(asked), reply_to(asked)
        # Without that line it is known by the code in its address: a mailbox without plus addressing has none there.
        line = f"\r\n\r\n#{code}" if with_line or code not in to else ""
        world.sandbox.send_as(
            "bob",
            to=to,
            subject=f"Re: {asked.subject}",
            text=f"{word}{line}{signature}",
        )

    return f"prepared, {word}, {with_line=}, {signature=}", answer


def neighbours(rng: random.Random) -> Iterator[Attempt]:
    while True:
        yield _answered(rng, again=False)
        yield _no_quote(rng)
        yield _answered(rng, again=False)
        yield _prepared(rng)
        yield _answered(rng, again=rng.random() < 0.3)


def _tell_each_of_them(world: World) -> None:
    """There is a limit to what one person is told in an hour; some of the genuine ones answer what they were told."""
    row = MailboxRow.objects.get(pk=world.mailbox.pk)
    store.change({"refusals_per_hour": 100}, by="a test", mailbox=row)


def test_an_answer_to_somebody_else_never_decides(arena: Arena) -> None:
    _tell_each_of_them(arena.world)
    arena.refuses(forgeries(arena.rng))
    OutgoingMail.objects.update(created_at=timezone.now() - timedelta(hours=2))
    arena.accepts(neighbours(arena.rng))


def _once_sent_items_was_read(attempts: Iterator[Attempt]) -> Iterator[Attempt]:
    def later(answer: Callable[[World, Mail], object]) -> Callable[[World, Mail], object]:
        def answer_later(world: World, asked: Mail) -> None:
            world.look_up()
            answer(world, asked)

        return answer_later

    for name, answer in attempts:
        yield name, later(answer)


@pytest.mark.not_over(
    "imap", "pop3", "jmap", "gmail", because="they send as the address that Placet writes, and no other"
)
def test_nor_where_the_server_shows_another_address_of_ours(arena: Arena) -> None:
    """The configured address is an alias: quotes of our mails name the primary one, and ours alone."""
    _tell_each_of_them(arena.world)
    arena.world.sandbox.make_alias("approvals", f"requests@{DOMAIN}")
    arena.refuses(_once_sent_items_was_read(forgeries(arena.rng)))
    OutgoingMail.objects.update(created_at=timezone.now() - timedelta(hours=2))
    arena.accepts(_once_sent_items_was_read(neighbours(arena.rng)))
