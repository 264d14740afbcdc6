"""What holds of every reading, whatever is written: it never raises, a quote below changes nothing, what stands in
our own mail is no answer, and the same mail is always read the same way."""

import textwrap

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.reading.ask import ADDRESS, CODE, ask
from placet.mailboxes.base import Folder, Received
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.parse.original import Original, without_original
from placet.replies.read import read_mail, read_text
from placet.replies.read_result import Reading

OWN = OwnMail(ADDRESS, "placet.contoso.example")
ASK = ask()
KNOWN = Original.of(ASK.raw)
HEAD = f"From: Ann <ann@contoso.example>\nTo: approvals+{CODE}@contoso.example\nSubject: RE: Desk\nMIME-Version: 1.0\n"

# --- what is written ----------------------------------------------------------------------------------------------

WORDS = (
    "approve", "approved", "Approved.", "yes", "ok", "LGTM", "+1", "reject", "rejected", "no", "not", "never", "if",
    "but", "only", "genehmigt", "abgelehnt", "ja", "nein", "nicht", "approuvé", "refusé", "oui", "non", "aprobado",
    "rechazado", "sí", "approvato", "aprovado", "goedgekeurd", "godkänd", "godkjent", "hyväksytty", "zatwierdzam",
    "schváleno", "jóváhagyva", "aprobat", "onaylıyorum", "одобряю", "отклонено", "да", "нет", "не", "погоджено",
    "εγκρίνεται", "承認します", "却下", "同意", "不同意", "승인합니다", "반려", "موافق", "مرفوض", "מאושר", "נדחה",
    "स्वीकृत", "đồng ý", "từ chối", "setuju", "tolak", "the desk", "Hi Tom,", "thanks", "Best regards", "Ann",
    "Head of Approvals", "please", "tomorrow", "under 5k", "legal", "I", "this", "request",
)  # fmt: skip
MARKS = (
    ".",
    ",",
    "!",
    "?",
    "…",
    ":",
    ";",
    "-",
    "–",
    "(",
    ")",
    "[",
    "]",
    "[x]",
    "[ ]",
    "“",
    "”",
    "'",
    "*",
    "/",
    "&",
)
SIGNS = ("👍", "👎", "✅", "❌", "👍🏽", "🙂", "☑", "✔️", "1️⃣", "🏳️‍🌈")
UNSEEN = (
    "\u200b", "\u200c", "\u200d", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2060",
    "\u2066", "\u2067", "\u2068", "\u2069", "\u00ad", "\ufeff", "\u0336", "\u0301", "\u3164", "\U000e0061", "\ufe0f",
)  # fmt: skip
CONTROLS = (
    "\0",
    "\x07",
    "\x0b",
    "\x0c",
    "\x1b[2K",
    "\x7f",
    "\x85",
    "\u2028",
    "\u2029",
    "\r",
    "\t",
    "\xa0",
    "\ud800",
)
STRUCTURE = (
    "\n> ", "\n>> ", "\n| ", "\n-- \n", "\n--\n", "\n-----Original Message-----\n", "\n________________\n", "\n---\n",
    "\nOn Tue, Nov 24, 2026 at 10:00 AM Placet <approvals@contoso.example> wrote:\n", "\nFrom: Carol\nSent: Tuesday\n",
    "\nVon: Carola\nGesendet: Dienstag\nAn: Anne\nBetreff: Tisch\n", "\nSubject: x\n", "\nSent from my iPhone\n",
    "\n=== Reply above this line ===\n", "\nQ1: [yes]\n", "\nDecision: ", "\n#" + CODE + "\n",
)  # fmt: skip
MARKUP = (
    "<p>", "</p>", "<div>", "</div>", "<br>", "<blockquote>", "</blockquote>", "<!--", "-->", "<style>", "</style>",
    "<span style='display:none'>", "<span style='color:white'>", "</span>", "<table><tr><td>", "</td></tr></table>",
    '<div class="gmail_quote">', '<div id="divRplyFwdMsg">', "<hr>", "&nbsp;", "&lt;", "&#x202e;", "&#0;", "<",
    "<![CDATA[", "<p hidden>", "<title>", "</title>", "<font color=white>", "</font>",
)  # fmt: skip

SPACES = st.sampled_from((" ", "\n", "\n\n", "  ", ""))
SIMPLE = st.lists(st.tuples(st.sampled_from((*WORDS, *MARKS, *SIGNS)), SPACES), min_size=1, max_size=12).map(
    lambda pieces: "".join(piece + space for piece, space in pieces)
)
ANYTHING = st.lists(
    st.tuples(
        st.sampled_from((*WORDS, *MARKS, *SIGNS, *UNSEEN, *CONTROLS, *STRUCTURE)) | st.text(max_size=4),
        SPACES,
    ),
    max_size=20,
).map(lambda pieces: "".join(piece + space for piece, space in pieces))
MARKED_UP = st.lists(st.sampled_from((*WORDS, *MARKUP, *UNSEEN, " ", "\n")), max_size=30).map("".join)


def bytes_of(text: str, subtype: str = "plain") -> bytes:
    head = f"{HEAD}Content-Type: text/{subtype}; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
    return head.encode() + text.encode("utf-8", "surrogatepass")


def parsed(raw: bytes, original: Original | None = None) -> Mail:
    mail = parse(Received("1", Folder.INBOX, raw, "", "IPM.Note", None, len(raw)), OWN)
    return without_original(mail, original) if original else mail


def reading(text: str, original: Original | None = None, subtype: str = "plain") -> Reading:
    return read_mail(parsed(bytes_of(text, subtype), original))


# --- it never raises, and repeats itself --------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(ANYTHING | st.text(max_size=200))
def test_every_text_is_read_and_always_in_the_same_way(text: str) -> None:
    found = read_text(text)
    assert found.outcome in (None, "approve", "reject")
    assert str(found.why).endswith((".", "”", "?"))
    assert bool(found.rests_on) == (found.outcome is not None)
    assert read_text(text) == found


@settings(max_examples=200, deadline=None)
@given(ANYTHING, st.sampled_from((None, KNOWN)))
def test_every_mail_of_plain_text_is_read_and_always_in_the_same_way(
    text: str, original: Original | None
) -> None:
    mail = parsed(bytes_of(text), original)
    assert parsed(bytes_of(text), original) == mail
    assert read_mail(mail) == read_mail(mail)
    for shown in (
        mail.new_text,
        mail.with_signature,
        mail.quoted_cut,
        read_mail(mail).comment,
        str(read_mail(mail).why),
    ):
        shown.encode()  # no lone surrogates
        assert "\0" not in shown


@settings(max_examples=200, deadline=None)
@given(MARKED_UP, st.sampled_from((None, KNOWN)))
def test_every_mail_of_html_is_read_and_always_in_the_same_way(
    markup: str, original: Original | None
) -> None:
    assert reading(markup, original, "html") == reading(markup, original, "html")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300) | ANYTHING.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_the_mail_that_we_sent_is_the_reply_is_read(raw: bytes) -> None:
    found = read_mail(parsed(bytes_of("Approved"), Original.of(raw)))
    assert found.outcome in (None, "approve")


# --- a quote below changes nothing --------------------------------------------------------------------------------

MARKED = "\n".join(f"> {line}".rstrip() for line in ASK.text.strip().split("\n"))
QUOTES = {
    "marked": f"On Tue, Nov 24, 2026 at 10:00 AM Placet <{ADDRESS}> wrote:\n\n{MARKED}\n",
    "marked, in German": f"Am 24.11.2026 um 10:00 schrieb Placet <{ADDRESS}>:\n\n{MARKED}\n",
    "marked, without a line above": MARKED,
    "below headers": (
        f"________________________________\nFrom: Placet <{ADDRESS}>\nSent: Tuesday, November 24, 2026 10:00 AM\n"
        f"To: Ann <ann@contoso.example>\nSubject: {ASK.subject}\n\n{ASK.text}"
    ),
    "below headers in French": (
        f"De : Placet <{ADDRESS}>\nEnvoyé : mardi 24 novembre 2026 10:00\nÀ : Ann <ann@contoso.example>\n"
        f"Objet : {ASK.subject}\n\n{ASK.text}"
    ),
    "below a title": f"-----Original Message-----\nFrom: Placet <{ADDRESS}>\n\n{ASK.text}",
    "unmarked": ASK.text,
}


FORMS = (
    "Decision: approve\nComment: urgent",
    "Decisión: aprobar\nComentario: urgente",
    "Since it is under 5k: approved.",
    "Date: Tuesday\nApproved",
    "Q1: [yes]",
)


@settings(max_examples=300, deadline=None)
@given(SIMPLE | st.sampled_from(FORMS), st.sampled_from(list(QUOTES)), st.sampled_from((None, KNOWN)))
def test_a_quote_below_never_changes_the_answer(text: str, quote: str, original: Original | None) -> None:
    assume(not text.rstrip().endswith(":"))  # such a line may belong to what stands below it
    alone = reading(text, original)
    below = reading(f"{text}\n\n{QUOTES[quote]}", original)
    assert below.outcome == alone.outcome
    if alone.outcome:
        assert below.rests_on == alone.rests_on


@settings(max_examples=300, deadline=None)
@given(ANYTHING, st.sampled_from(list(QUOTES)), st.sampled_from((None, KNOWN)))
def test_a_quote_below_never_makes_another_answer_of_anything(
    text: str, quote: str, original: Original | None
) -> None:
    """What holds marks of a quote itself may be less clear with one below it, and never the opposite."""
    both = {reading(text, original).outcome, reading(f"{text}\n\n{QUOTES[quote]}", original).outcome}
    assert both != {"approve", "reject"}


@settings(max_examples=100, deadline=None)
@given(SIMPLE, st.sampled_from((None, KNOWN)))
def test_a_quote_below_in_html_never_changes_the_answer(text: str, original: Original | None) -> None:
    new = "".join(f"<div>{line or '<br>'}</div>" for line in text.split("\n"))
    quote = f'<blockquote type="cite">{ASK.html[ASK.html.index("<body") :]}</blockquote>'
    assert reading(new + quote, original, "html").outcome == reading(new, original, "html").outcome


# --- what stands in our mail is no answer -------------------------------------------------------------------------

LINES = ASK.text.strip().split("\n")
ENOUGH = 12  # words; fewer may be the sender's own: "yes" and "approve" stand in our mail too


@st.composite
def pieces_of_our_mail(draw: st.DrawFn) -> str:
    """Lines of the ask that follow each other, rewrapped and marked in some way."""
    start = draw(st.integers(0, len(LINES) - 1))
    end = draw(st.integers(start + 1, len(LINES)))
    while end < len(LINES) and len(" ".join(LINES[start:end]).split()) < ENOUGH:
        end += 1
    while start and len(" ".join(LINES[start:end]).split()) < ENOUGH:
        start -= 1
    width = draw(st.sampled_from((30, 60, 72, 76, 1000)))
    mark = draw(st.sampled_from(("", "> ", ">> ", "| ", "    ", "\t", "*", "  > ")))
    wrapped = [piece for line in LINES[start:end] for piece in textwrap.wrap(line, width) or [""]]
    return "\n".join(mark + line for line in wrapped)


@settings(max_examples=300, deadline=None)
@given(pieces_of_our_mail(), st.sampled_from(("", "Thanks\n\n", "\n\nAnn", "See below:\n", "\u200b")))
def test_an_answer_never_comes_from_text_that_stands_in_our_mail(piece: str, beside: str) -> None:
    text = piece + beside if beside.startswith("\n") else beside + piece
    assert reading(text, KNOWN).outcome is None


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(("", "<p>Thanks</p>", "<div>FYI</div><br>")),
    st.sampled_from(("div", "p", "span", "center", "pre")),
)
def test_an_answer_never_comes_from_our_mail_as_html(above: str, around: str) -> None:
    inner = ASK.html[ASK.html.index("<body") : ASK.html.rindex("</body>")]
    assert reading(f"{above}<{around}>{inner}</{around}>", KNOWN, "html").outcome is None
