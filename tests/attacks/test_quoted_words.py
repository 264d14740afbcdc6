"""What is quoted need not be ours: people, and their programs, put marks before their own words, write into a quote, or
go on below it. Beside an approval such words count for nothing only where they change nothing: a decision, a condition,
a contrast or a restriction makes the answer unclear, or is read. What programs and servers do to a quote, and what
others wrote in it, does not.

Judged without a world: the mail is parsed, compared with the ask, and read, as `placet/replies/entry.py` does it. And a
sample down the whole path, with the ask that lies in Bob's mailbox.
"""

import random
import textwrap
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape

from benchmarks.reading.ask import ADDRESS, CODE, Ask, ask
from benchmarks.reading.door import reading
from benchmarks.reading.programs import with_other_links
from placet.mailboxes import store
from placet.replies.parse.original import Original
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Attempt, Count
from tests.attacks.delivering import as_ask
from tests.attacks.forging import BOB, lay_raw
from tests.attacks.tally import Counts
from tests.journeys.conftest import World
from tests.journeys.letters import INTERNAL, reply_to

EVERY_KIND = True

FORGED = 4  # mails for each that `--forgeries` asks for

ASK = ask()
KNOWN = Original.of(ASK.raw)
HEADERS = (
    f"From: Ann <ann@contoso.example>\nTo: approvals+{CODE}@contoso.example\nSubject: RE: {ASK.subject}\n"
    "MIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n"
)
GMAIL = f"On Tue, Nov 24, 2026 at 10:00 AM Placet <{ADDRESS}> wrote:"
BOSS = "On Tue, Nov 24, 2026 at 9:00 AM Bob Boss <bob@contoso.example> wrote:"


def outlook(asked: Ask) -> str:
    return (
        f"From: Placet <{ADDRESS}>\nSent: Tuesday, November 24, 2026 10:00 AM\nTo: Ann Approver <ann@contoso.example>\n"
        f"Subject: {asked.subject}\n"
    )


# --- what approvers write beside "Approved" -----------------------------------------------------------------------

APPROVALS = {
    "en": ("Approved", "Approved.", "I approve this.", "Yes, approved."),
    "de": ("Genehmigt.", "Ja, genehmigt."),
    "fr": ("Approuvé.",),
    "ja": ("承認します。",),
}
NUMBERS = ("2 pieces", "500", "1,200.00 EUR.", "2 Stück")
OWN = {
    "en": (
        "Only if legal agrees.",
        "But not before March.",
        "Sorry, no: rejected.",
        "I reject this.",
        "provided that it costs less than 500",
        "unless the doctor says otherwise",
        "Only two of them.",
        "Not approved.",
        "I take that back.",
        *NUMBERS[:3],
    ),
    "de": (
        "Nur wenn der Betriebsrat zustimmt.",
        "Aber erst im März.",
        "Abgelehnt.",
        "Genehmigt nur bis 500 Euro.",
        NUMBERS[3],
    ),
    "fr": ("Seulement si le service juridique est d'accord.", "Refusé.", "Mais pas avant mars."),
    "ja": ("ただし、法務部が同意した場合のみ", "却下します。"),
}


#: What looks like a part of a head, or like what a server put in front, goes on with the answerer's own words.
IN_FRONT = ("", "", "", "", "{subject}: ", "Subject: {subject}: ", "[EXTERNAL] ", "Re: ")


def answered(rng: random.Random, asked: Ask = ASK) -> tuple[str, str]:
    """An approval, and what stands beside it in a quote."""
    language = rng.choice(("en", "en", "en", "de", "fr", "ja"))
    own = rng.choice(OWN[language])
    if own not in NUMBERS:
        own = rng.choice(IN_FRONT).format(subject=asked.subject) + own
    return rng.choice(APPROVALS[language]), own


def text(body: str) -> bytes:
    return f"{HEADERS}Content-Type: text/plain; charset=utf-8\n\n{body}".encode()


def html(body: str) -> bytes:
    return f"{HEADERS}Content-Type: text/html; charset=utf-8\n\n<html><body>{body}</body></html>".encode()


def marked(said: str, mark: str = "> ") -> str:
    return "\n".join(f"{mark}{line}".rstrip() for line in said.strip("\n").split("\n"))


def lines_of(asked: Ask) -> list[str]:
    return asked.text.strip("\n").split("\n")


def put_in(rng: random.Random, asked: Ask, line: str) -> str:
    """Our mail with a line more."""
    lines = lines_of(asked)
    lines.insert(rng.randrange(1, len(lines)), line)
    return "\n".join(lines)


def behind_amount(asked: Ask, words: str) -> str:
    """Our mail with more on the line that says what it costs."""
    return "\n".join(f"{line} {words}" if "900.00" in line else line for line in lines_of(asked))


def inner(asked: Ask) -> str:
    return asked.html[asked.html.index(">", asked.html.index("<body")) + 1 : asked.html.rindex("</body>")]


def block(content: str) -> str:
    return f'<blockquote type="cite">{content}</blockquote>'


#: Of what is at random, our mail, an approval, and what stands beside it.
Form = Callable[[random.Random, Ask, str, str], bytes]
GMAIL_LINE = f'<div class="gmail_attr">{escape(GMAIL)}</div>'


def outlook_line(asked: Ask) -> str:
    return f'<div id="divRplyFwdMsg">{escape(outlook(asked)).replace(chr(10), "<br>")}</div>'


QUOTED: dict[str, Form] = {
    "marked, above the quote": lambda rng, ours, yes, own: text(
        f"{yes}\n> {own}\n\n{GMAIL}\n{marked(ours.text)}"
    ),
    "marked, and no other quote": lambda rng, ours, yes, own: text(f"{yes}\n> {own}\n"),
    "marked by a bar": lambda rng, ours, yes, own: text(f"{yes}\n| {own}\n\n{GMAIL}\n{marked(ours.text)}"),
    "marked, on top of our mail": lambda rng, ours, yes, own: text(
        f"{yes}\n\n{GMAIL}\n> {own}\n{marked(ours.text)}"
    ),
    "marked, in our mail": lambda rng, ours, yes, own: text(
        f"{yes}\n\n{GMAIL}\n{marked(put_in(rng, ours, own))}"
    ),
    "not marked, in our mail": lambda rng, ours, yes, own: text(
        f"{yes}\n\n{GMAIL}\n" + marked(put_in(rng, ours, own)).replace(f"> {own}", own)
    ),
    "deeper, in our mail": lambda rng, ours, yes, own: text(
        f"{yes}\n\n{GMAIL}\n{marked(put_in(rng, ours, f'> {own}'))}"
    ),
    "marked, below our mail": lambda rng, ours, yes, own: text(
        f"{yes}\n\n{GMAIL}\n{marked(ours.text)}\n> {own}"
    ),
    "behind a line of our mail": lambda rng, ours, yes, own: text(
        f"{yes}\n\n{GMAIL}\n{marked(behind_amount(ours, own))}"
    ),
    "marked, in what is left of our mail": lambda rng, ours, yes, own: text(
        f"{yes}\n\n{GMAIL}\n{marked(chr(10).join(lines_of(ours)[: rng.randrange(4, 9)]))}\n> {own}"
    ),
    "below a header block, on top": lambda rng, ours, yes, own: text(
        f"{yes}\n\n{outlook(ours)}\n{own}\n\n{ours.text}"
    ),
    "below a header block, inside": lambda rng, ours, yes, own: text(
        f"{yes}\n\n{outlook(ours)}\n{put_in(rng, ours, own)}\n"
    ),
    "below a header block, at the end": lambda rng, ours, yes, own: text(
        f"{yes}\n\n{outlook(ours)}\n{ours.text}\n{own}\n"
    ),
    "below a header block, in what is left": lambda rng, ours, yes, own: text(
        f"{yes}\n\n{outlook(ours)}\n{chr(10).join(lines_of(ours)[: rng.randrange(6, 9)])}\n{own}\n"
    ),
    "a block, above the quote": lambda rng, ours, yes, own: html(
        f"<p>{yes}</p>{block(own)}{GMAIL_LINE}{block(inner(ours))}"
    ),
    "a block, and no other quote": lambda rng, ours, yes, own: html(f"<p>{yes}</p>{block(own)}"),
    "a block, on top of our mail": lambda rng, ours, yes, own: html(
        f"<p>{yes}</p>{GMAIL_LINE}{block(f'<p>{own}</p>{inner(ours)}')}"
    ),
    "a block, below our mail": lambda rng, ours, yes, own: html(
        f"<p>{yes}</p>{GMAIL_LINE}{block(f'{inner(ours)}<p>{own}</p>')}"
    ),
    "a block in the block": lambda rng, ours, yes, own: html(
        f"<p>{yes}</p>{GMAIL_LINE}{block(f'{inner(ours)}{block(own)}')}"
    ),
    "below Outlook's line, at the end": lambda rng, ours, yes, own: html(
        f"<p>{yes}</p>{outlook_line(ours)}{inner(ours)}<p>{own}</p>"
    ),
    "below Outlook's line, on top": lambda rng, ours, yes, own: html(
        f"<p>{yes}</p>{outlook_line(ours)}<p>{own}</p>{inner(ours)}"
    ),
}
ON_A_LINE = sorted(QUOTED.keys() - {"behind a line of our mail"})
# The answerer goes on below what a separator and marks call quoted; our mail need not be known.
SEPARATORS = (
    "-----Original Message-----",
    "---------- Forwarded message ---------",
    "-------- Ursprüngliche Nachricht --------",
    "________________________________\n{outlook}",
    "{outlook}",
    GMAIL,
    f"Am 24.11.2026 um 10:00 schrieb Placet <{ADDRESS}>:",
)
FOLLOWING = ("> Please decide.", "> one\n> two", "> one\n>\n>> two", "")


def below(rng: random.Random, asked: Ask, yes: str, own: str, quotes: Sequence[str] = FOLLOWING) -> bytes:
    quote = rng.choice(quotes) or marked(asked.text)
    gap = rng.choice(("\n", "\n\n"))
    separator = rng.choice(SEPARATORS).replace("{outlook}", outlook(asked))
    return text(f"{yes}\n\n{separator}{gap}{quote}{gap}{own}\n")


def quoted(rng: random.Random, asked: Ask) -> tuple[str, bytes]:
    """Own words in a quote of our mail, and in which way."""
    name, (yes, own) = rng.choice(list(QUOTED)), answered(rng, asked)
    if own in NUMBERS:
        name = rng.choice(ON_A_LINE)  # behind "EUR 900.00" it may be anything
    return name, QUOTED[name](rng, asked, yes, own)


def test_own_words_in_a_quote_are_never_passed_over(rng: random.Random, most: int, tally: Count) -> None:
    bent = []
    for _ in range(most * FORGED // 2):
        name, raw = quoted(rng, ASK)
        if (found := reading(raw, KNOWN)).outcome == "approve":
            bent.append(f"{name}: {found}\n{raw.decode()}")
    tally(Counts(forged=most * FORGED // 2, accepted=len(bent)))
    assert not bent, f"{len(bent)}: {bent[0]}"


def test_own_words_below_a_quote_are_never_passed_over(rng: random.Random, most: int, tally: Count) -> None:
    bent = []
    for number in range(most * FORGED // 2):
        raw = below(rng, ASK, *answered(rng))
        if (found := reading(raw, KNOWN if number % 2 else None)).outcome == "approve":
            bent.append(f"{found}\n{raw.decode()}")
    tally(Counts(forged=most * FORGED // 2, accepted=len(bent)))
    assert not bent, f"{len(bent)}: {bent[0]}"


def broken_links(rng: random.Random) -> bytes:
    """A server breaks our links, which end in the word that they write as an answer."""
    asked = with_other_links(ASK) if rng.random() < 0.3 else ASK
    mark, rest, head = rng.choice((("> ", "> ", GMAIL), ("> ", "", GMAIL), ("", "", outlook(ASK))))
    width = rng.randrange(15, 120)
    lines = []
    for line in lines_of(asked):
        first, *others = [line[at : at + width] for at in range(0, len(line), width)] or [""]
        lines += [f"{mark}{first}".rstrip(), *(f"{rest}{piece}" for piece in others)]
    return text(f"{rng.choice(('', 'Thanks', 'Hi', 'Bob'))}\n\n{head}\n" + "\n".join(lines))


def test_a_piece_of_our_link_is_no_answer(rng: random.Random, most: int, tally: Count) -> None:
    bent = [raw for raw in (broken_links(rng) for _ in range(most)) if reading(raw, KNOWN).outcome]
    tally(Counts(forged=most, accepted=len(bent)))
    assert not bent, f"{len(bent)}: {bent[0].decode()}"


# --- what programs, servers and others do to a quote --------------------------------------------------------------

BANNERS = (
    "[EXTERNAL] Do not click links or open attachments unless you trust the sender.",
    "CAUTION: This email originated from outside of the company. Do not click links unless you know the sender.",
    f"You don't often get email from {ADDRESS}. Learn why this is important<https://aka.ms/LearnAboutSender>",
    "ACHTUNG: Diese E-Mail stammt von einem externen Absender. Klicken Sie nicht auf Links.",
)
FOOTERS = (
    "This e-mail is confidential and may be privileged. If you are not the intended recipient, please notify the "
    "sender and delete it; no contract is approved by it.",
    "Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind, löschen Sie sie.",
    "Ce message est confidentiel. Si vous n'en êtes pas le destinataire, il ne peut être ni copié ni utilisé.",
)


def rewrapped(rng: random.Random, asked: Ask, mark: str) -> str:
    width = rng.choice((40, 60, 72, 76, 998))
    lines = [
        piece
        for line in lines_of(asked)
        for piece in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
    ]
    return marked("\n".join(lines), mark)


def rest_unmarked(rng: random.Random, asked: Ask) -> str:
    """A server wrapped quoted lines, and the rest of each has no mark."""
    pieces = [
        textwrap.wrap(line, rng.choice((70, 76)), break_on_hyphens=False) or [""] for line in lines_of(asked)
    ]
    return "\n".join("\n".join([f"> {first}".rstrip(), *rest]) for first, *rest in pieces)


def others(said: str) -> str:
    return f"{BOSS}\n{marked(said)}"


FORMS: dict[str, Callable[[random.Random, Ask, str], bytes]] = {
    "marked": lambda rng, ours, yes: text(f"{yes}\n\n{GMAIL}\n\n{marked(ours.text)}\n"),
    "wrapped anew": lambda rng, ours, yes: text(
        f"{yes}\n\n{GMAIL}\n\n{rewrapped(rng, ours, rng.choice(('> ', '>', '| ')))}\n"
    ),
    "wrapped anew, no marks": lambda rng, ours, yes: text(
        f"{yes}\n\n{outlook(ours)}\n\n{rewrapped(rng, ours, '')}\n"
    ),
    "wrapped, the rest without marks": lambda rng, ours, yes: text(
        f"{yes}\n\n{GMAIL}\n{rest_unmarked(rng, ours)}\n"
    ),
    "other links": lambda rng, ours, yes: text(
        f"{yes}\n\n{GMAIL}\n\n{marked(with_other_links(ours).text)}\n"
    ),
    "other links, no marks": lambda rng, ours, yes: text(
        f"{yes}\n\n{outlook(ours)}\n\n{with_other_links(ours).text}\n"
    ),
    "a banner in it": lambda rng, ours, yes: text(
        f"{yes}\n\n{GMAIL}\n\n> {rng.choice(BANNERS)}\n>\n{marked(ours.text)}\n"
    ),
    "a banner in it, no marks": lambda rng, ours, yes: text(
        f"{yes}\n\n{outlook(ours)}\n{rng.choice(BANNERS)}\n\n{ours.text}\n"
    ),
    "a banner inside it": lambda rng, ours, yes: text(
        f"{yes}\n\n{GMAIL}\n\n"
        + marked(ours.text).replace("> Item:", f"> {rng.choice(BANNERS[1:])}\n> Item:")
    ),
    "a footer below it": lambda rng, ours, yes: text(
        f"{yes}\n\n{GMAIL}\n\n{marked(ours.text)}\n\n{rng.choice(FOOTERS)}\n"
    ),
    "a footer below it, no marks": lambda rng, ours, yes: text(
        f"{yes}\n\n{outlook(ours)}\n\n{ours.text}\n\n{rng.choice(FOOTERS)}\n"
    ),
    "a footer below what is left of it": lambda rng, ours, yes: text(
        f"{yes}\n\n{outlook(ours)}\n\n{chr(10).join(lines_of(ours)[:9])}\n\n{rng.choice(FOOTERS)}\n"
    ),
    "our logo in it": lambda rng, ours, yes: text(
        f"{yes}\n\n{GMAIL}\n\n> [image: Contoso]\n>\n{marked(ours.text)}\n"
    ),
    "cut off": lambda rng, ours, yes: text(
        f"{yes}\n\n{GMAIL}\n{marked(chr(10).join(lines_of(ours)[: rng.randrange(5, 12)]))}\n"
    ),
    "cut off, no marks": lambda rng, ours, yes: text(
        f"{yes}\n\n{outlook(ours)}\n{chr(10).join(lines_of(ours)[: rng.randrange(5, 12)])}\n"
    ),
    "somebody else's mail below it": lambda rng, ours, yes: text(
        f"{yes}\n\n{GMAIL}\n{marked(ours.text)}\n>\n{marked(others(answered(rng)[1]))}\n"
    ),
    "somebody else's mail below it, no marks": lambda rng, ours, yes: text(
        f"{yes}\n\n{outlook(ours)}\n{ours.text}\n\n{others(answered(rng)[1])}\n"
    ),
    "a block": lambda rng, ours, yes: html(f"<p>{yes}</p>{GMAIL_LINE}{block(inner(ours))}"),
    "a block with other links": lambda rng, ours, yes: html(
        f"<p>{yes}</p>{GMAIL_LINE}{block(inner(with_other_links(ours)))}"
    ),
    "a block with a banner": lambda rng, ours, yes: html(
        f"<p>{yes}</p>{GMAIL_LINE}{block(f'<p>{escape(rng.choice(BANNERS))}</p>{inner(ours)}')}"
    ),
    "below Outlook's line": lambda rng, ours, yes: html(f"<p>{yes}</p>{outlook_line(ours)}{inner(ours)}"),
    "below Outlook's line, with a footer": lambda rng, ours, yes: html(
        f"<p>{yes}</p>{outlook_line(ours)}{inner(ours)}<p>{escape(rng.choice(FOOTERS))}</p>"
    ),
}


#: Of what is genuine, Bob is asked again where a link takes more lines than one of the sample's ask, because pieces
#: without a mark are not told from what he wrote into the quote; and where a footer has more words than what is left of
#: our mail, because that may be a quote of somebody else's.
DELIVERED = sorted(FORMS.keys() - {"wrapped, the rest without marks", "a footer below what is left of it"})


def handled(rng: random.Random, asked: Ask, names: Sequence[str] = tuple(FORMS)) -> tuple[str, bytes]:
    """An approval above a quote to which something happened, and what."""
    name = rng.choice(names)
    return name, FORMS[name](rng, asked, answered(rng)[0])


def test_what_happens_to_a_quote_leaves_an_answer_clear(rng: random.Random, most: int, tally: Count) -> None:
    refused = []
    for _ in range(most):
        name, raw = handled(rng, ASK)
        if (found := reading(raw, KNOWN)).outcome != "approve":
            refused.append(f"{name}: {found.why}\n{raw.decode()}")
    tally(Counts(neighbours=most, passed=most - len(refused)))
    assert not refused, f"{len(refused)}: " + "\n----\n".join(refused[:4])


def delivered(
    make: Callable[[random.Random, Ask], tuple[str, bytes]], rng: random.Random
) -> Iterator[Attempt]:
    """Mails of a family to the ask that Bob got, from him and with the stamp of who signed in."""
    while True:
        seed = rng.random()

        def attempt(world: World, asked: Mail, seed: float = seed) -> None:
            _name, raw = make(random.Random(seed), as_ask(asked))
            head = "\n".join(
                [
                    *INTERNAL,
                    f"From: Bob Bobson <{BOB}>",
                    f"To: {reply_to(asked)}",
                    f"Subject: RE: {asked.subject}",
                    f"Date: {format_datetime(datetime.now(UTC))}",
                    f"Message-ID: <{uuid.uuid4().hex}@mail.example>",
                    f"In-Reply-To: {asked.header('Message-ID')}",
                    "MIME-Version: 1.0",
                    "Content-Transfer-Encoding: 8bit",
                    "",
                ]
            )
            lay_raw(world, raw.replace(HEADERS.encode(), head.encode(), 1).replace(b"\n", b"\r\n"))

        yield f"{seed}", attempt


def gone_on_below(rng: random.Random, asked: Ask) -> tuple[str, bytes]:
    """A mail that quotes something else answers nothing of ours, whatever it says."""
    return "below", below(rng, asked, *answered(rng, asked), quotes=("",))


def test_own_words_in_and_below_a_quote_that_was_delivered_are_never_passed_over(arena: Arena) -> None:
    """Nothing waits for a yes meanwhile, which would refuse an approval that says something else."""
    store.change({"refusals_per_hour": 0}, by="a test", mailbox=arena.world.mailbox)
    half = arena.most // 2
    in_it = arena.refuses(delivered(quoted, arena.rng), most=half)
    below_it = arena.refuses(delivered(gone_on_below, arena.rng), most=half)
    assert set(in_it) | set(below_it) <= {"unclear", "not_named"}, (in_it, below_it)
    assert in_it["unclear"] > in_it.total() // 2, in_it
    arena.accepts(delivered(lambda rng, asked: handled(rng, asked, DELIVERED), arena.rng))


def test_an_answer_written_into_a_quote_counts_where_our_mail_stands_around_it(rng: random.Random) -> None:
    """With marks that its program put before it, without any, and beside a banner that is no answer."""
    for head, mark in ((GMAIL, "> "), (outlook(ASK) + "\n", "")):
        for own in ("Rejected.", "I reject this.\n\nToo dear."):
            lines = lines_of(ASK)
            at = rng.randrange(4, len(lines) - 1)
            quote = "\n".join([*lines[:at], *own.split("\n"), BANNERS[1] if mark else "", *lines[at:]])
            found = reading(text(f"{head}\n{marked(quote, mark)}"), KNOWN)
            assert (found.outcome, found.comment) == ("reject", "Too dear." if "dear" in own else "")
