"""What the mails that ask are made of: what is asked for, what changed, which questions there are, how to answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.accounts.general import General
from placet.approvals.changes import Change
from placet.approvals.form import Fact
from placet.approvals.form_tables import ShownTable
from placet.approvals.outcomes import Outcome
from placet.approvals.questions import Question as Asked
from placet.mail.marker import marker
from placet.mail.writing import Link, Written, labelled, no_links, written

TEMPLATES = Path(__file__).parent / "templates" / "mails"
MOST_ROWS = 10  # of a table; of more only what they come to
MOST_COLUMNS = 4  # beside each other; the cells of wider tables stand below each other
LONGEST_BESIDE = 14  # characters of a button's label that has another beside it, on the narrowest telephone
LONGEST_QUOTE = 1000  # characters of somebody's reply that are shown back


def quoted(outcomes: Sequence[Outcome]) -> str:
    return either_of([one.shown.lower() if one.is_built_in else one.shown for one in outcomes])


def either_of(words: Sequence[str]) -> str:
    """Words that somebody may write, each in quotation marks."""
    return one_of([_("“{word}”").format(word=word) for word in words])


def one_of(words: Sequence[str]) -> str:
    """ "this", "this or that", "this, that or other"."""
    *before, last = words
    return _("{several} or {last}").format(several=", ".join(before), last=last) if before else last


def named(label: str) -> str:
    """A label as it stands before its value."""
    return label if label.endswith(("?", ":", "!")) else labelled(label, "").rstrip()


@dataclass(frozen=True)
class ShownFact:
    """A line of the form as mails show it. What the requester wrote cannot look like a line of ours, nor
    become a link that nobody here made."""

    label: str
    text: str
    lines: Sequence[str]  # for the text part: each set off, if there are several
    table: ShownTable | None = None
    left_out: str = ""  # of a table: that its rows stand on the page only
    exact: bool = False  # meant sign by sign: set off in fixed type

    @property
    def narrow(self) -> bool:
        """Whether its columns fit beside each other on a telephone."""
        return self.table is not None and bool(self.table.rows) and len(self.table.columns) <= MOST_COLUMNS

    @classmethod
    def of(cls, fact: Fact) -> "ShownFact":
        label = named(fact.label)
        if fact.table is not None:
            return cls._of_table(label, fact.table)
        text = no_links(fact.text)
        lines = text.split("\n") if fact.exact else text.splitlines()
        return cls(label, text, lines if fact.exact or len(lines) > 1 else [], exact=fact.exact)

    @classmethod
    def _of_table(cls, label: str, table: ShownTable) -> "ShownFact":
        number, left_out = len(table.rows), ""
        shown = table.written(no_links, named)
        if number > MOST_ROWS:
            left_out = ngettext(
                "{n} row; see the request in Placet.", "{n} rows; see the request in Placet.", number
            ).format(n=number)
            shown = replace(shown, rows=[])
        head = [" · ".join(shown.columns)] if shown.rows else []
        return cls(
            label,
            shown.text,
            [*([left_out] if left_out else []), *head, *shown.text.splitlines()],
            shown,
            left_out,
        )


@dataclass(frozen=True)
class ShownChange:
    """What was entered before and now, as mails show it: no line of ours, and no link."""

    label: str
    was: str
    now: str

    @classmethod
    def of(cls, change: Change) -> "ShownChange":
        return cls(named(change.label), *(_on_one_line(no_links(text)) for text in (change.was, change.now)))


def _on_one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_QUOTE else f"{line[: LONGEST_QUOTE - 1]}…"


@dataclass(frozen=True)
class ShownQuestion:
    """A question of the step as mails show it. There is no colon behind it: no line of ours is an answer."""

    title: str
    about: str  # what an answer is, and which outcome needs it

    @classmethod
    def of(cls, asked: Asked, outcomes: Sequence[Outcome]) -> "ShownQuestion":
        takes = asked.takes[:1].upper() + asked.takes[1:]
        if any(one.is_revised for one in outcomes):
            needed = _("Only if it changes.")
        elif asked.always or len(asked.needed_with) == len(outcomes):
            needed = _("Needed.")
        elif asked.needed_with:
            needed = _("Needed with {answers}.").format(answers=quoted(asked.needed_with))
        else:
            needed = _("Optional.")
        helps = [no_links(" ".join(asked.field.help.split()))] if asked.field.help else []
        return cls(no_links(asked.title), " ".join([*helps, f"{no_links(takes)}.", needed]))


@dataclass(frozen=True)
class Question:
    """The mail that asks: what it is about, the links that answer, how to answer, and where the page is."""

    heading: str
    preview: str
    lead: str
    facts: Sequence[ShownFact]
    answers: Sequence[Link]  # one for each outcome of the step
    page: Link
    by_mail: bool
    how: str
    code: str  # "": it asks for nothing
    asks: Sequence[ShownQuestion] = ()  # what is asked beside the outcome
    until: str = ""  # until when an answer counts, and what becomes of it without one; below the lead
    text: Sequence[str] = ()  # lines of the process's own, "" between paragraphs; below that
    paragraphs: Sequence[str] = ()  # below that
    changes: Sequence[ShownChange] = ()  # what is not as the person was shown before
    clarified: Sequence[ShownFact] = ()  # what somebody asked, and the requester answered

    def written(self, subject: str, reference: str, said: General) -> Written:
        """What people wrote into it becomes no link of ours."""
        context = {
            "marker": marker() if self.code else "",
            "heading": no_links(self.heading),
            "preview": no_links(self.preview),
            "lead": no_links(self.lead),
            "until": no_links(self.until),
            "text": [no_links(line) for line in self.text],
            "changes": self.changes,
            "clarified": self.clarified,
            "paragraphs": [no_links(paragraph) for paragraph in self.paragraphs],
            "facts": self.facts,
            "answers": self.answers,
            "pair": self._stand_beside_each_other,  # others stand below each other
            "page": self.page,
            "by_mail": self.by_mail,
            "opens_reply": self._what_opens_a_reply,
            "how": self.how,
            "asks": self.asks,
            "code": self.code,
        }
        return written(TEMPLATES / "ask", context, subject, reference, said)

    @property
    def _stand_beside_each_other(self) -> bool:
        """Two buttons whose labels take one line on a telephone: else one is higher than the other."""
        return len(self.answers) == 2 and all(len(one.label) <= LONGEST_BESIDE for one in self.answers)

    @property
    def _what_opens_a_reply(self) -> str:
        """What becomes of a button that is pressed; "" where each leads to the page."""
        replies = [answer.label for answer in self.answers if answer.href.startswith("mailto:")]
        if not replies:
            return ""
        if len(replies) == len(self.answers):
            return _(
                "A button opens a reply that is written already. Your answer counts once you have sent it."
            )
        sentence = _(
            "The button {answers} opens a reply that is written already. Your answer counts once you have sent it."
        )
        return sentence.format(answers=one_of([_("“{word}”").format(word=label) for label in replies]))
