"""Answers to the questions of a step, in a reply:

    Q1: 4711          Q1: [4711]          Q1 Cost centre: 4711
    Cost centre: 4711          Cost centre: "4711"

Each stands in a line of its own, anywhere in the new text; between brackets, whose signs the process chooses, it may
go on in the next lines. Such lines are taken out before the text is read for the outcome and the comment, so what is
answered decides nothing and doubts nothing. A line that only looks like an answer makes the reply unclear: nobody's
answer is lost in a comment. By its label alone a question is answered above the closing only, for below it stand lines
such as "Phone: 0123", and not where a field of the request is called so, too.

Where the process says so, Q1 is the outcome itself (`Q1: [Yes]`, as WorkflowGen's mails ask).
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from placet.lib.sentences import NOTHING, Sentence
from placet.replies.read_boxes import Box, Mark, boxes_in, choices_of, outcomes_of
from placet.replies.read_frame import Ends, frame
from placet.replies.read_vocabulary import Vocabulary

if TYPE_CHECKING:  # what a process is needs the database, and replies are read without one, too
    from placet.approvals.definitions import Definition

QUOTED = Sentence("An answer is quoted, and may be your own; please answer above the quoted mail.")
BELOW_DASHES = Sentence("Below the two dashes stands an answer; please write it above them.")
_LONGEST = 2_000  # characters of an answer
_SHOWN = 80
_WRAPPED_FROM = 60  # characters of a line that a mail program may have wrapped
_OUTCOME = 1  # the number of the outcome, where it is a question
_LEAD = r"[ \t\u00a0]*(?:[*•·–—-][ \t\u00a0]*)?[*_]{0,2}"
_COLON = r"[ \t\u00a0*_]*+[:：][ \t\u00a0*_]*"  # possessive, as all blanks before it: else it is tried at each of them
_NUMBERED = re.compile(rf"{_LEAD}[Qq][ \u00a0]?([0-9]{{1,2}})(?![0-9A-Za-z%])")
#: The number of a question, and a colon, behind other words of a line.
_MARKED = re.compile(r"(?<![0-9A-Za-z])[Qq][ \u00a0]?([0-9]{1,2})[ \t\u00a0.)\]*_-]*[:：]")
_ONLY_COLON = re.compile(rf"[ \t\u00a0.)\]*_-]*+{_COLON}(.*)")
_QUOTES = {'"': '"', "“": "”", "„": "“”", "«": "»", "»": "«", "‘": "’", "'": "'"}
_EMPTY = re.compile(r"[\s_.…–—-]*")
#: Types of which no answer can be a word that decides: such an answer may stand behind the outcome.
_CURRENCY = r"(?:%|€|\$|£|¥|[A-Z]{3}\b)"
_SIGN = "[+\u2212-]"
_NUMBER = rf"{_SIGN}?(?:{_CURRENCY}[ \u00a0]?)?{_SIGN}?[0-9](?:[0-9.,'’]|[ \u00a0](?=[0-9]))*(?:[ \u00a0]?{_CURRENCY})?"
_SHOWN = 40  # characters of a value
_NUMERIC = frozenset(("number", "money", "percent"))
#: What parts an outcome from an answer behind it. A dash directly in front of a number is its sign.
_PARTED = re.compile(r"(?:[ \t\u00a0,;:]|[–—-](?=[ \t\u00a0]|[^\W0-9]))+")
_BARE = {
    "number": _NUMBER,
    "money": _NUMBER,
    "percent": _NUMBER,
    "date": r"[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}",
    "time": r"[0-9]{1,2}[:.][0-9]{2}",
    "email": r"[^\s@]{1,64}@[^\s@]{1,200}",
}


@dataclass(frozen=True)
class Question:
    """One question, as a reply can name it."""

    number: int
    name: str
    label: str
    by_label: bool = True  # whether its label alone names it
    type: str = "text"
    options: tuple[frozenset[str], ...] = ()  # of a choice: what each may be called, folded

    @property
    def mark(self) -> str:
        return f"Q{self.number}"

    @property
    def title(self) -> str:
        return f"{self.mark} {self.label}".rstrip()


@dataclass(frozen=True)
class Questions:
    """What a step asks beside its outcome."""

    asked: tuple[Question, ...] = ()
    brackets: str = "[]"
    outcome_is_first: bool = False  # Q1 is the outcome itself

    @cached_property
    def by_number(self) -> dict[int, Question]:
        return {question.number: question for question in self.asked}


@dataclass(frozen=True)
class Given:
    """An answer, as it was written."""

    question: Question
    value: str


@dataclass
class Extract:
    """A text without the answers that stood in it."""

    text: str
    given: tuple[Given, ...] = ()
    outcome: str = ""  # the answer to Q1, where that is the outcome itself
    problem: Sentence = NOTHING


def questions_of(
    definition: "Definition", step_key: str, data: Mapping[str, Any] | None = None
) -> Questions | None:
    """None where a step asks nothing, and its outcome is none of its questions. `data`: of the request, where fields of
    its form may be asked for by a condition."""
    from placet.approvals.question_checks import folded_label
    from placet.approvals.questions import asked_in

    shown = {folded_label(field.label) for field in definition.fields}
    asked = tuple(
        Question(
            one.number,
            one.field.name,
            one.label,
            folded_label(one.label) not in shown,
            one.field.type,
            tuple(
                frozenset(map(_folded, (option.key, *option.labels))) for option in one.field.options or ()
            ),
        )
        for one in asked_in(definition, step_key, data)
    )
    outcome_is_first = bool(definition.approval(step_key).outcome_question)
    return Questions(asked, definition.brackets, outcome_is_first) if asked or outcome_is_first else None


# --- lines that answer ------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _labelled(label: str) -> re.Pattern[str]:
    """What a line begins with that names a question by its label, and what stands behind."""
    words = r"[ \t\u00a0]+".join(re.escape(word) for word in label.split())
    return re.compile(rf"[ \t\u00a0*_.)\]-]*{words}[ \t\u00a0]*+[?？.]?{_COLON}(.*)", re.IGNORECASE)


@lru_cache(maxsize=256)
def _labelled_behind(label: str) -> re.Pattern[str]:
    """The label of a question behind other words, and its colon."""
    words = r"[ \t\u00a0]+".join(re.escape(word) for word in label.split())
    return re.compile(rf"(?<!\w){words}[ \t\u00a0]*+[?？.]?{_COLON}", re.IGNORECASE)


@dataclass(frozen=True)
class _Heading:
    """The beginning of an answer. `question`: None for the outcome itself."""

    question: Question | None
    value: str
    numbered: bool

    @property
    def mark(self) -> str:
        return self.question.mark if self.question else f"Q{_OUTCOME}"


@dataclass
class _Taking:
    """The lines of a text, one by one; those that answer become blank."""

    lines: list[str]
    questions: Questions
    named_below: int  # from this line on a label names no question
    known: Vocabulary
    at: int = 0
    given: dict[int, Given] = field(default_factory=dict)
    outcome: str = ""

    def take(self) -> Sentence:
        """What makes the answers unclear; NOTHING if nothing does."""
        while self.at < len(self.lines):
            heading = self._heading(self.at)
            if isinstance(heading, Sentence):
                return heading
            if heading is not None and (problem := self._answer(heading)):
                return problem
            self.at += 1
        return next(filter(None, map(self._behind_other_words, self.lines)), NOTHING)

    def _behind_other_words(self, line: str) -> Sentence:
        """What is left of a line holds no answer: it would be lost in a comment."""
        for match in _MARKED.finditer(line):
            if self._is_asked(int(match[1])):
                return Sentence(
                    "“{text}” does not begin with {mark}; please write each answer on a line of its own.",
                    text=line.strip()[:_SHOWN],
                    mark=f"Q{int(match[1])}",
                )
        return NOTHING

    def _is_asked(self, number: int) -> bool:
        return number in self.questions.by_number or (number == _OUTCOME and self.questions.outcome_is_first)

    def _holds_another(self, value: str) -> bool:
        """Whether another answer may begin behind one on the same line: "Q1: 4711, Q2: blue"."""
        if any(self._is_asked(int(match[1])) for match in _MARKED.finditer(value)):
            return True
        return any(
            _labelled_behind(question.label).search(value)
            for question in self.questions.asked
            if question.by_label
        )

    def _heading(self, at: int) -> _Heading | Sentence | None:
        line = self.lines[at]
        numbered = _NUMBERED.match(line)
        if numbered is None:
            return next(self._by_label(line), None) if at < self.named_below else None
        number, rest = int(numbered[1]), line[numbered.end() :]
        behind = _ONLY_COLON.fullmatch(rest)
        if number == _OUTCOME and self.questions.outcome_is_first:
            return _Heading(None, behind[1], True) if behind else _not_understood(number)
        question = self.questions.by_number.get(number)
        if question is None:
            none = Sentence("There is no question {mark} here.", mark=f"Q{number}")
            return none if behind else None
        behind = behind or _labelled(question.label).fullmatch(rest)
        return _Heading(question, behind[1], True) if behind else _not_understood(number)

    def _by_label(self, line: str) -> Iterator[_Heading]:
        if ":" not in line and "：" not in line:
            return
        bare = re.sub(rf"^{_LEAD}", "", line)
        for question in self.questions.asked:
            if question.by_label and (found := _labelled(question.label).fullmatch(bare)):
                yield _Heading(question, found[1], False)

    def _answer(self, heading: _Heading) -> Sentence:
        begin, rest = self.at, ""
        opening, closing = self.questions.brackets[0], self.questions.brackets[1]
        ticked = self._ticked(heading)
        if isinstance(ticked, Sentence):
            return ticked
        if ticked:
            value = ticked
        elif heading.value.startswith(opening):
            inner = self._between(heading.value, opening, closing)
            if inner is None:
                return Sentence(
                    "The sign “{sign}” that ends the answer to {mark} is missing.",
                    sign=closing,
                    mark=heading.mark,
                )
            value, rest = inner
            if len(value) <= 1 and opening in rest:  # "[n] Yes [y] No"
                return self._unclear(heading)
        else:
            written = heading.value.strip(" \t\u00a0*_")
            value = _unquoted(written)
            if value == written and self._holds_another(value):
                return self._unclear(heading)
            if problem := self._goes_on(heading, value):
                return problem
        for at in range(begin, self.at + 1):
            self.lines[at] = ""
        self.lines[self.at] = rest if any(map(str.isalnum, rest)) else ""
        return self._keep(heading, "" if _EMPTY.fullmatch(value) else value)

    def _ticked(self, heading: _Heading) -> str | Sentence:
        """What stands beside the one box that is ticked, "" where there are no boxes, or why it is not clear. Boxes of
        the outcome are read with the text."""
        value = _whole_between(heading.value, self.questions.brackets)
        boxes = boxes_in(value)
        question = heading.question
        if not boxes or not _beside(value, boxes):
            return ""
        if (
            question
            and question.type not in (*_BARE, "yes_no", "choice")
            and len(boxes) == 1
            and boxes[0].start
        ):
            return ""
        below = self.lines[self.at + 1] if self.at + 1 < len(self.lines) else ""
        if any(not below[: box.start].strip(" \t\u00a0-•") for box in boxes_in(below)[:1]):
            return self._unclear(heading)
        if question is None:
            return value
        choices = choices_of(value, boxes, self.known) or ()
        options = [
            _options(choice.label, question, self.known, strictly=choice.in_front) for choice in choices
        ]
        ticked = [at for at, choice in enumerate(choices) if choice.mark is Mark.TICKED and not choice.more]
        others = [at for at, choice in enumerate(choices) if choice.mark is Mark.EMPTY]
        if len(ticked) != 1 or len(others) + 1 != len(choices) or not all(options):
            return self._unclear(heading)
        [said] = ticked
        if any(options[at] == options[said] for at in others):
            return self._unclear(heading)
        return choices[said].label.strip(" .!")

    def _between(self, value: str, opening: str, closing: str) -> tuple[str, str] | None:
        """What stands between the signs, perhaps over several lines, and what stands behind. None: nothing ends it."""
        text, deep = value, 0
        at = 0
        while at <= _LONGEST:
            if at >= len(text):
                if self.at + 1 >= len(self.lines) or isinstance(self._heading(self.at + 1), _Heading):
                    return None
                self.at += 1
                text += "\n" + self.lines[self.at]
            sign = text[at : at + 1]
            if sign == closing and (deep == 1 or (opening == closing and at)):
                return " ".join(text[1:at].split()), text[at + 1 :]
            deep += (sign == opening) - (sign == closing)
            at += 1
        return None

    def _goes_on(self, heading: _Heading, value: str) -> Sentence:
        """Whether the answer may go on in the next line, or begins there."""
        below = self.lines[self.at + 1] if self.at + 1 < len(self.lines) else ""
        if not below.strip() or self._heading(self.at + 1) is not None:
            return NOTHING
        if value and len(self.lines[self.at]) < _WRAPPED_FROM:
            return NOTHING
        return self._unclear(heading)

    def _unclear(self, heading: _Heading) -> Sentence:
        example = Sentence(
            "{mark}: {opening}…{closing}",
            mark=heading.mark,
            opening=self.questions.brackets[0],
            closing=self.questions.brackets[1],
        )
        return Sentence(
            "It is not clear where the answer to {mark} ends; please write it as “{example}”.",
            mark=heading.mark,
            example=example,
        )

    def _keep(self, heading: _Heading, value: str) -> Sentence:
        if not value:
            return NOTHING
        if len(value) > _LONGEST:
            return Sentence("The answer to {mark} is too long.", mark=heading.mark)
        number = heading.question.number if heading.question else _OUTCOME
        before = self.outcome if heading.question is None else ""
        if heading.question and number in self.given:
            before = self.given[number].value
        if before and _folded(before) != _folded(value):
            return Sentence("{mark} is answered in two ways.", mark=heading.mark)
        if heading.question is None:
            self.outcome = value
        else:
            self.given[number] = Given(heading.question, value)
        return NOTHING


def _whole_between(value: str, brackets: str) -> str:
    """What stands between the signs of an answer, where boxes stand there, too: "[Yes [x] No [ ]]"."""
    inner = value.strip()
    begins = any(not box.start for box in boxes_in(inner)[:1])
    if inner[:1] != brackets[0] or inner[-1:] != brackets[1] or begins:
        return value
    return inner[1:-1]


def _beside(value: str, boxes: Sequence[Box]) -> bool:
    """Whether anything is written beside the boxes."""
    ends = [0, *(box.end for box in boxes)]
    starts = [*(box.start for box in boxes), len(value)]
    return any(value[start:end].strip(" \t\u00a0*_.,;:/|") for start, end in zip(ends, starts, strict=True))


def _options(label: str, question: Question, known: Vocabulary, *, strictly: bool) -> frozenset[str]:
    """What stands for the options of a question that are called so; nothing where none is."""
    if question.type == "choice":
        called = [option for option in question.options if _folded(label.strip(" .!")) in option]
        return called[0] if len(called) == 1 else frozenset()
    if question.type == "yes_no":
        return frozenset(outcomes_of(label, known, strictly=strictly))
    return frozenset()


def _not_understood(number: int) -> Sentence:
    return Sentence(
        "A line begins with {mark}, and is no answer to it; please write it as “{mark}: …”.",
        mark=f"Q{number}",
    )


def _sign_unclear(question: Question, value: str) -> Sentence:
    return Sentence(
        "“{text}” may be less than nothing or not; please write it as “{mark}: …”.",
        text=value.strip()[:_SHOWN],
        mark=f"Q{question.number}",
    )


def _unquoted(value: str) -> str:
    closing = _QUOTES.get(value[:1], "")
    return value[1:-1].strip() if len(value) > 1 and value[-1] in closing else value


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


# --- the whole text ---------------------------------------------------------------------------------------


def take_out(text: str, questions: Questions, known: Vocabulary) -> Extract:
    """A text without the lines that answer questions. What somebody answered by the label alone below their closing
    is no answer for certain."""
    lines = text.split("\n")
    end = _closing(lines, questions, known)
    taking = _Taking(lines, questions, end, known)
    problem = taking.take() or _named_below(taking, end)
    given = tuple(taking.given[number] for number in sorted(taking.given))
    rest = "\n".join(taking.lines)
    if taking.outcome:
        rest = f"{taking.outcome.rstrip('.')}.\n{rest.strip()}"
    return Extract(rest, given, taking.outcome, problem)


def _closing(lines: list[str], questions: Questions, known: Vocabulary) -> int:
    """The line from which on somebody signs: answers by a label do not look like it."""
    looked_at = _Taking(list(lines), questions, len(lines), known)
    shown = ["" if looked_at._heading(at) is not None else line for at, line in enumerate(lines)]
    found = frame("\n".join(shown), known)
    if found.by is Ends.NOTHING:
        return len(lines)
    at = 0
    for number, line in enumerate(shown):
        if at >= found.end:
            return number
        at += len(line) + 1
    return len(lines)


def _named_below(taking: _Taking, end: int) -> Sentence:
    for line in taking.lines[end:]:
        for heading in taking._by_label(line):
            if (
                heading.question
                and heading.question.number not in taking.given
                and not _EMPTY.fullmatch(heading.value)
            ):
                return Sentence(
                    "“{text}” stands below the closing; please write it above, as “{mark}: …”.",
                    text=line.strip()[:_SHOWN],
                    mark=heading.mark,
                )
    return NOTHING


def below_dashes(text: str, taken: Extract, questions: Questions, known: Vocabulary) -> bool:
    """Whether a signature holds what answers a question, or looks like it."""
    given = {one.question.number: one for one in taken.given}
    taking = _Taking(text.split("\n"), questions, 0, known, given=given)
    before = dict(given)
    return bool(taking.take() or taking.given != before or taking.outcome or _named_below(taking, 0))


class _Read(Protocol):
    """What a text alone was read as."""

    @property
    def outcome(self) -> str | None: ...

    @property
    def comment(self) -> str: ...


def extract(
    text: str, below: str, questions: Questions, known: Vocabulary, read: Callable[[str], _Read]
) -> Extract:
    """The answers of a text, and the rest of it. `below`: what stands below two dashes. `read`: for the outcome, what
    stands before an answer in one line with it."""
    taken = take_out(text, questions, known)
    for outcome, rest in behind_the_outcome(taken, questions):
        alone = read(outcome)
        if alone.outcome is not None and not alone.comment:
            taken = rest
    if not taken.problem and below_dashes(below, taken, questions, known):
        taken.problem = BELOW_DASHES
    if not taken.problem and not taken.text.strip():
        taken.problem = Sentence("It answers questions, but gives no answer to the request itself.")
    return taken


def answers_in(text: str, questions: Questions, known: Vocabulary) -> bool:
    """Whether anything in a text answers a question, or looks like it."""
    taken = take_out(text, questions, known)
    return bool(taken.given or taken.outcome or taken.problem)


def behind_the_outcome(taken: Extract, questions: Questions) -> Iterator[tuple[str, Extract]]:
    """For a step with one question that is not answered yet: what may be the outcome ("yes 4711"), and the text as it
    is if that is one."""
    if len(questions.asked) != 1 or taken.given or questions.asked[0].type not in _BARE:
        return
    [question] = questions.asked
    lines = taken.text.split("\n")
    first = next((at for at, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return
    line = lines[first].strip().rstrip(".!")
    for found in _PARTED.finditer(line[:_LONGEST]):
        value = line[found.end() :].lstrip("–—")
        if re.fullmatch(_BARE[question.type], value):
            between = line[found.start() : len(line) - len(value)]
            dash = any(dash in between for dash in "–—-")
            if question.type in _NUMERIC and dash and value[:1].isdecimal():
                # Of "Approved - 5" nobody knows whether it is less than nothing.
                yield (
                    line[: found.start()],
                    Extract(taken.text, (), taken.outcome, _sign_unclear(question, value)),
                )
                return
            text = "\n".join([*lines[:first], line[: found.start()], *lines[first + 1 :]])
            yield (
                line[: found.start()],
                Extract(text, (Given(question, value.strip().replace("\u2212", "-")),), taken.outcome),
            )
            return
