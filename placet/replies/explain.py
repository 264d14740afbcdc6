"""Why a mail is read as it is: what the path makes of its bytes alone, step by step, for people to look at.

Nothing is looked up here and nothing happens: no tables, no settings, no network. The steps are those of
`entry`, in the same order: parse, without the mail we sent, read. Whether an answer would count, and whose
it is, only the mailbox's own copy of the mail can show (`pick`, `prove`).
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from traceback import extract_tb
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.approvals.start_address import START
from placet.lib.sentences import Sentence
from placet.mailboxes.base import Folder, Received
from placet.replies import read_completion, read_confirmation, refusals
from placet.replies.parse import CODE, Mail, OwnMail, html, limits, parse
from placet.replies.parse.original import Original, without_original
from placet.replies.read import read_mail
from placet.replies.read_completion import Earlier
from placet.replies.read_confirmation import Guess
from placet.replies.read_digest import ANY_LINES, DigestReading, LineAsked, reading_of
from placet.replies.read_facts import UNKNOWN
from placet.replies.read_own import Own
from placet.replies.read_questions import Questions
from placet.replies.read_result import Reading
from placet.replies.read_vocabulary import APPROVE, REJECT, Vocabulary, vocabulary

LOOKED_AT = limits.READ + 1  # bytes of a mail; of more than limits.READ it is only known that there are more
PROVES_NOBODY = gettext_lazy(
    "A file proves nobody: anyone can write such headers. Only what the mailbox's server gives counts."
)

_NOBODY = OwnMail("", "")  # whose mailbox it is is not known
_OUTLOOK_FILE = bytes.fromhex("d0cf11e0a1b11ae1")  # MS-CFB 2.2, the beginning of a .msg file
_REPLY_CODE = re.compile(rf"\[#{CODE}\]", re.ASCII | re.IGNORECASE)
_HEADER = re.compile(r"([!-9;-~]{1,76}):")
_HEADERS_OF_A_SOURCE = frozenset((
    "from", "to", "cc", "date", "subject", "received", "message-id", "in-reply-to", "references", "return-path",
    "mime-version", "content-type", "content-transfer-encoding", "delivered-to", "dkim-signature",
))  # fmt: skip
_STAMPS_SHOWN = 8  # results of one header
_STAMP = 80  # characters of one


@dataclass(frozen=True)
class Explanation:
    """What one mail was read as. Text in it is from strangers: escape it wherever it is shown."""

    mail: Mail | None = None  # None: it would be set aside
    reading: Reading | None = None  # None: a program wrote it, or it would be set aside
    error: str = ""  # why it would be set aside, in words
    #: Of a reply to a mail that asks several things, or what it would be as one: the lines that it answers.
    digest: DigestReading | None = None

    @property
    def outcome(self) -> str | None:
        return self.reading.outcome if self.reading and not self.starts else None

    @property
    def starts(self) -> str:
        """The key of the process that its address starts a request of; "" if none, or if it carries a reply code."""
        if self.mail is None or self.mail.automatic is not None or _REPLY_CODE.search(self.mail.subject):
            return ""
        tags = [address.partition("@")[0].partition("+")[2] for address in self.mail.to]
        if any(re.fullmatch(CODE, tag) for tag in tags):
            return ""
        return next((tag.removeprefix(START) for tag in tags if tag.startswith(START)), "")

    @property
    def why(self) -> str:
        """One sentence: why nothing was read, what makes the answer unclear, or what it rests on."""
        if self.starts:
            said = _(
                "Its address starts a request of the process “{process}”: its lines fill the form, and it answers "
                "nothing."
            )
            return said.format(process=self.starts)
        if self.reading is not None:
            return str(self.reading.why)
        if self.mail is not None and self.mail.automatic is not None:
            return _("A program wrote this mail ({kind}): {why}.").format(
                kind=self.mail.automatic.label, why=self.mail.automatic_why
            )
        return ""

    @property
    def likely(self) -> str:
        """One sentence: what the sender of an unclear answer is asked to confirm; "" if nothing."""
        likely = self.reading.likely if self.reading and not self.starts else None
        if likely is None:
            return ""
        said = _("Most likely it says {outcome}, from “{words}”: its sender is asked whether that is right.")
        return said.format(outcome=_(likely.outcome), words=likely.words)

    @property
    def as_digest(self) -> str:
        """One sentence: what it says of the lines of a mail that asked several things; "" if nothing."""
        if self.digest is None or self.digest.problem or self.starts:
            return ""
        said = ", ".join(f"[{one.number}] {_(one.outcome)}" for one in self.digest.answers)
        return _("As a reply to a mail with several questions: {answers}.").format(answers=said)

    @property
    def quoted(self) -> tuple[str, ...]:
        """The lines that were left out as quoted."""
        return _left_out(self.mail.text, self.mail.with_signature) if self.mail else ()

    @property
    def signature(self) -> tuple[str, ...]:
        """The lines that were left out as a signature."""
        return _left_out(self.mail.with_signature, self.mail.new_text) if self.mail else ()

    @property
    def left_out(self) -> tuple[tuple[tuple[str, ...], str, str], ...]:
        """What is not in the new text: the lines, what they were taken for, and the rule."""
        rule = rules_in_words(self.mail.quoted_cut) if self.mail else ""
        found = ((self.quoted, _("quoted"), rule), (self.signature, _("signature"), ""))
        return tuple(one for one in found if one[0])

    @property
    def vouched(self) -> tuple[str, ...]:
        """What servers stamped on it about its sender, in sentences."""
        return _vouched(self.mail) if self.mail else ()

    def as_json(self, id_: str | int | None) -> dict[str, Any]:
        """The object that `placet explain` prints; docs/commands.md names its fields."""
        mail, reading = self.mail, self.reading
        return {
            "id": id_,
            "automatic": mail.automatic if mail else None,
            "from": mail.from_address if mail else None,
            "new_text": mail.new_text if mail else "",
            "with_signature": mail.with_signature if mail else "",
            "outcome": self.outcome,
            "starts": self.starts or None,
            "comment": reading.comment if reading else "",
            "why": self.why,
            "likely": reading.likely.outcome if reading and reading.likely else None,
            "lines": {one.number: one.outcome for one in self.digest.answers}
            if self.digest and not self.digest.problem
            else {},
            "error": self.error or None,
            "rests_on": list(reading.rests_on) if reading else [],
            "language": reading.language if reading else "",
            "cut": mail.quoted_cut if mail else "",
            "sealed": mail.sealed if mail else "",
        }


def explain(raw: bytes, original: bytes | None = None, known: Vocabulary | None = None) -> Explanation:
    """A mail of which nothing is there but its bytes; `original` is the mail that it answers. Never raises.

    Looks at the first LOOKED_AT bytes of each.
    """
    if raw.startswith(_OUTLOOK_FILE):
        return Explanation(error=_("This is Outlook's own .msg format. Save the mail as .eml and try that."))
    if not raw.strip():
        return Explanation(error=_("There is nothing in it."))
    raw = raw[:LOOKED_AT]
    received = Received(
        server_id="", folder=Folder.INBOX, raw=raw, transport_headers="", item_class="", received_at=None, size=len(raw)
    )  # fmt: skip
    originals = [original[:LOOKED_AT]] if original else []
    return explain_received(received, _NOBODY, lambda mail: originals, known=known)


def explain_received(
    received: Received,
    own: OwnMail,
    answered: Callable[[Mail], Sequence[bytes]],
    outcomes: Collection[str] = (APPROVE, REJECT),
    known: Vocabulary | None = None,
    own_words: Own | None = None,
    questions: Questions | None = None,
    earlier: Earlier | Guess | None = None,
    asked: Sequence[LineAsked] = (),
) -> Explanation:
    """The same of a mail with all that the server said of it; `answered` finds our mails that it may quote. `earlier`:
    the answer that it may be the rest of, or confirm. `asked`: the lines of the mail that it answers, where that asks
    several things. Never raises."""
    try:
        mail = parse(received, own)
        if mail.automatic is not None:
            return Explanation(mail)
        if originals := answered(mail):
            mail = without_original(mail, Original.of(*originals))
        if earlier is not None:
            words = known or vocabulary()
            if isinstance(earlier, Guess):
                confirming = read_confirmation.reading_of(
                    mail, earlier, outcomes, words, own_words, questions
                )
                return Explanation(mail, confirming)
            completing = read_completion.reading_of(mail, earlier, outcomes, words, own_words, questions)
            return Explanation(mail, completing)
        if asked:
            digest = reading_of(mail, asked, known or vocabulary())
            return Explanation(mail, _as_one(digest), digest=digest)
        reading = read_mail(mail, outcomes, known, UNKNOWN, own_words, questions)
        return Explanation(mail, reading, digest=_perhaps_of_several(mail, reading, known or vocabulary()))
    except refusals.Unparseable as error:
        return Explanation(error=f"{error} {error.reason}")
    except Exception as error:  # noqa: BLE001 - said in the explanation: one mail must not stop those behind it
        return Explanation(error=_defect(error))


def _as_one(digest: DigestReading) -> Reading:
    """What it was read as, for whoever shows one answer: none, for each line has its own."""
    return Reading(None, "", digest.problem or Sentence("Each line that it answers is listed by itself."))


def _perhaps_of_several(mail: Mail, reading: Reading, known: Vocabulary) -> DigestReading | None:
    """Where no answer was read: what it says if the mail that it answers asked several things."""
    if reading.outcome is not None:
        return None
    digest = reading_of(mail, [*ANY_LINES.values()], known)
    named = digest.answers and not any(entry.is_all for entry in digest.entries)
    return digest if named and not digest.problem else None


def _defect(error: Exception) -> str:
    """Without the error's own words: they may hold what a stranger wrote."""
    last = extract_tb(error.__traceback__)[-1]
    where = _("{file}, line {number}").format(file=PurePath(last.filename).name, number=last.lineno)
    said = _("Placet itself failed on this mail: {error} in {place}. Please report it.")
    return said.format(error=type(error).__name__, place=where)


# --- what was pasted ------------------------------------------------------------------------------------------


def is_source(pasted: str) -> bool:
    """Whether a text is the source of a mail: it begins with a block of headers, at least two of them known."""
    known = set()
    for number, line in enumerate(pasted.lstrip().split("\n")):
        header = _HEADER.match(line)
        if header:
            known.add(header[1].lower())
        elif not line.strip():
            break
        elif not (number and line[0] in " \t") and not (number == 0 and line.startswith("From ")):
            return False
    return len(known & _HEADERS_OF_A_SOURCE) >= 2


def as_mail(pasted: str) -> bytes:
    """The source of a mail as it is; any other text as the text of a mail without a sender."""
    text = pasted.encode("utf-8", "replace")
    if is_source(pasted):
        return text.lstrip()
    return b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + text


# --- for people -----------------------------------------------------------------------------------------------


def _left_out(whole: str, kept: str) -> tuple[str, ...]:
    """The lines of `whole` that are not in `kept`, blank ones aside. Linear."""
    waiting = Counter(line.strip() for line in kept.split("\n"))
    out: list[str] = []
    for line in whole.split("\n"):
        bare = line.strip()
        if waiting[bare]:
            waiting[bare] -= 1
        elif bare:
            out.append(line.rstrip())
    return tuple(out)


def rules_in_words(cut: str) -> str:
    """`Mail.quoted_cut` as the reader reads it."""
    return ", ".join(_rule(rule) for rule in cut.split(", then ")) if cut else ""


def _rule(rule: str) -> str:
    for template in (html.QUOTE_OF, html.LINE_OF):
        before, _place, after = template.partition("{program}")
        if rule.startswith(before) and rule.endswith(after):
            return _(template).format(program=_(rule.removeprefix(before).removesuffix(after)))
    return _(rule)


def _vouched(mail: Mail) -> tuple[str, ...]:
    sentences = [sentence for sentence in (_mark(mail), _checked(mail)) if sentence]
    return tuple(sentences) or (
        _("No server vouches for the sender: neither Exchange's mark nor Authentication-Results is there."),
    )


def _mark(mail: Mail) -> str:
    """What Exchange's mark of signed-in senders says (`prove`)."""
    values = ", ".join(value[:_STAMP] for value in mail.auth_as[:_STAMPS_SHOWN])
    if not mail.auth_as:
        return ""
    if len(mail.auth_as) > 1:
        said = _("Exchange's mark is there {number} times, so it says nothing (AuthAs {values}).")
        return said.format(number=len(mail.auth_as), values=values)
    if values != "Internal":
        said = _("Exchange's mark says that the sender was not signed in (AuthAs {values}).")
        return said.format(values=values)
    mechanisms = ", ".join(value[:_STAMP] for value in mail.auth_mechanism[:_STAMPS_SHOWN]) or _("none")
    said = _(
        "Exchange's mark says that a colleague sent it, signed in (AuthAs Internal, AuthMechanism {mechanisms})."
    )
    return said.format(mechanisms=mechanisms)


def _checked(mail: Mail) -> str:
    """The topmost Authentication-Results header."""
    stamp = mail.authentication_results
    if stamp is None:
        return ""
    results = [
        " ".join((one.method, one.result, *(f"{name}={value}" for name, value in one.properties[:3])))[
            :_STAMP
        ]
        for one in stamp.results[:_STAMPS_SHOWN]
    ]
    by = stamp.authserv_id[:_STAMP] or _("a server that gives no name")
    return _("Authentication-Results by {server}: {results}.").format(
        server=by, results="; ".join(results) or _("no results")
    )
