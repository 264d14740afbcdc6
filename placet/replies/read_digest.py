"""A reply to a digest: which lines it answers, and how.

    reply   = line { newline line }
    line    = entry | answers
    answers = list [sep] outcome { ("," | ";") list [sep] outcome } [sep comment]       1 yes, 2-4 no: too dear
    entry   = who [sep] outcome [sep comment]            1 yes          2-4 no: too dear
            | outcome who [sep comment]                  yes 1,3        approve all
            | "all" outcome "except" list [outcome] [sep comment]       all yes except 3 no: see mail
    who     = "all" [ "except" list ] | list
    list    = item { ("," | "and" | blank) item } ;  item = number | number ("-" | "to") number
    sep     = ":" | "|" | "-" ;  a comment goes on in the next line where a mail program has wrapped a long one

Numbers are those of the mail that is answered. All of it has to be understood, or nothing counts: an unknown number,
one that is answered in two ways, a word too many before a comment, an answer without a number. Of an outcome every
word has to be known (`read`); beside a comment it is read once more as below a strong answer, so a comment that limits
it, doubts it or says something else makes it unclear, as of a single ask. A comment on several lines at once is read
more strictly: it may take one of them out again ("all no: keep 3", "all no: only the laptop"). Of several answers on
one line none is "all", and a number that could belong to the answer before it or behind it ("1 yes, 2, 3 no"), or to a
comment ("2 no: too dear, 3 yes"), makes it unclear. "All" are the lines that are open still; not those that need a
comment with it, or a stronger proof than others: these have to be named.

Words stand in `languages/`, in the tables `[digest]` and `[answer]`. A word that joins in one language and is "to" in
another is neither where that makes a difference.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from placet.lib.sentences import NOTHING, Sentence, gettext_noop
from placet.replies import read_frame
from placet.replies.parse import Mail
from placet.replies.read import READ_TEXT, read_text, said_in_quote, with_signature
from placet.replies.read_clauses import Taken
from placet.replies.read_contacts import without_contacts
from placet.replies.read_digest_words import compared, number_at, skip, word_at, words_of
from placet.replies.read_facts import UNKNOWN, About, other_value
from placet.replies.read_frame import lines_of, without_codes
from placet.replies.read_own import SIGNS, Own
from placet.replies.read_phrases import Meaning, Role
from placet.replies.read_tokens import Kind, composed, is_ideograph, misleading, tokens
from placet.replies.read_unreadable import unreadable
from placet.replies.read_vocabulary import APPROVE, REJECT, Vocabulary, begins_with
from placet.replies.refusals import DigestUnclear

LONGEST = 20_000  # characters of a text that is looked at
MOST_ENTRIES = 60
_WRAPPED_FROM = 60  # characters of a line that a mail program may have wrapped
_LONGEST_NAME = 4  # words behind a greeting
_LONGEST_ANSWER = (
    200  # characters beside the numbers, within which an answer ends; one of a process's own has 60
)
_MOST_SIGNS = 10  # in an entry, behind which its comment may begin
_LONGEST_AFTERWORD = 8  # words of a line below the closing that may say something of a line of the mail
_SHOWN = 80
_AROUND = 80  # characters beside a number in a comment that two words are taken from

_DASH = re.compile(r"[ ]*-[ ]*(?=[#№]?[0-9])")
_COMMA = re.compile(r"[ ]*[,;&+][ ]*")
_BEHIND_WHO = re.compile(r"[ ]*[:.)\]|=-]?[ ]*")
_BEFORE_COMMENT = re.compile(r"[ ]*[:|][ ]*|[ ]+-+[ ]+|-[ ]+")
_ASKS = re.compile(r"[?？؟](?=\s|$)")
_LEAD = re.compile(r"[ \t]*(?:[*•·][ ]+)?")
_DIGITS = re.compile(r"\d")
_ALONE = re.compile(r"(?<![\d.,'’])\d{1,3}(?![\d%]|[.,'’]\d|[ ]%)")  # no part of an amount
_ENDS = " \t.!…。！,;，、،；؛"
_SMILEY = re.compile(r":[-'’]?[()dp/\\|]+(?=\s|$|[.!])", re.IGNORECASE)  # its colon parts nothing
_CLAUSE_ENDS = re.compile(r"(?<![0-9])[.,;:|!。]|[,;:|!](?![0-9])|[.](?=[ ]|$)|[ ]-+[ ]")
_MOST_SIGNS_OF_OTHERS = 4  # the same in a script without blanks
_MOST_WORDS_OF_OTHERS = 2  # behind a number in a comment: "too dear, 4 as well"
_UNIT = re.compile(r"[ ]?[%€$£¥]")
_PARTS_ANSWERS = re.compile(r"[ ]*[,;][ ]*")


# --- what an answer is read against, and what it is -------------------------------------------------------


@dataclass(frozen=True)
class LineAsked:
    """One line of the mail, as far as it matters for reading. `left_out_of_all`: outcomes that "all" does not give
    it."""

    number: int
    outcomes: Collection[str] = (APPROVE, REJECT)
    own: Own | None = None
    about: About = UNKNOWN
    is_open: bool = True
    needs_comment: Collection[str] = ()
    left_out_of_all: Collection[str] = ()


@dataclass(frozen=True)
class LineAnswer:
    """What a reply says of a line. `words`: the entry, as it was written."""

    number: int
    outcome: str
    comment: str
    words: str


@dataclass(frozen=True)
class Entry:
    """One line of a reply: what it was understood as, or why it was not."""

    written: str
    answers: tuple[LineAnswer, ...] = ()
    problem: Sentence = NOTHING
    is_all: bool = False


@dataclass(frozen=True)
class DigestReading:
    """What a reply was read as: all of its entries, and why they do not count, if they do not."""

    entries: tuple[Entry, ...] = ()
    problem: Sentence = NOTHING  # of the whole; NOTHING where every entry is understood

    @property
    def answers(self) -> tuple[LineAnswer, ...]:
        """By their numbers."""
        by_number = {one.number: one for entry in self.entries for one in entry.answers}
        return tuple(by_number[number] for number in sorted(by_number))


class _NotUnderstood(Exception):
    """Why an entry is not."""

    def __init__(self, why: Sentence) -> None:
        super().__init__(why)
        self.why = why


_TOO_MANY_WORDS = gettext_noop("“{text}” is not a number and an answer alone.")
_NO_NUMBER = Sentence("It has no number, and the mail asked more than one question.")
_UNKNOWN_NUMBER = gettext_noop("There is no line {number} in the mail that can be answered by a reply.")
_TWO_ANSWERS = gettext_noop("Line {number} is answered in two ways.")
_NO_ANSWER = gettext_noop("“{text}” is no answer of line {number}.")
_IN_DOUBT = gettext_noop("“{text}” leaves the answer open, or says something else.")
_TAKES_OUT = gettext_noop("“{text}” may take a line out again; please answer each of these lines by itself.")
_NEEDS_COMMENT = gettext_noop("Line {number} needs a comment that says why, behind a colon.")
_NOTHING_OPEN = Sentence("“All” says nothing here: no line is left that it could answer.")
_SEEN = gettext_noop("“{text}” may only say that the mail was seen.")
_TWO_WAYS = gettext_noop("“{text}” can be read in two ways; please write each answer on a line of its own.")
_BELOW = gettext_noop("Below the closing stands more: “{text}”.")


def read_digest(mail: Mail, asked: Sequence[LineAsked], known: Vocabulary) -> tuple[LineAnswer, ...]:
    """The answers of a proved reply to a digest, by number. Raises DigestUnclear with what was understood."""
    reading = reading_of(mail, asked, known)
    if reading.problem:
        raise DigestUnclear(mail.new_text[:READ_TEXT], reading.problem, reading.entries)
    return reading.answers


def reading_of(mail: Mail, asked: Sequence[LineAsked], known: Vocabulary) -> DigestReading:
    """What the new text of a mail was read as. What is quoted and may be the sender's own must say nothing."""
    problem = unreadable(mail) or said_in_quote(mail.quoted_else, known)
    if not problem and _may_answer(mail.quoted_else, asked, known):
        problem = Sentence("An answer is quoted, and may be your own; please answer above the quoted mail.")
    if problem:
        return DigestReading(problem=problem)
    return read_entries(with_signature(mail.new_text, mail), asked, known)


def _may_answer(quoted: str, asked: Sequence[LineAsked], known: Vocabulary) -> bool:
    """Whether a quoted line may be an entry, or one of the answers of the mail's own."""
    if not quoted.strip():
        return False
    if any(line.own is not None and line.own.outcomes_in(quoted) for line in asked):
        return True
    if any(other_value(quoted, line.about, "") for line in asked):
        return True
    reader = _Reader(asked, known)
    return any(reader.names_lines(line) for line in quoted.split("\n"))


def read_entries(text: str, asked: Sequence[LineAsked], known: Vocabulary) -> DigestReading:
    """What a text was read as that was written as an answer, without quotes. Never raises; linear in the text, and in
    the lines of the mail."""
    text = composed(text)
    if not text.strip():
        return DigestReading(problem=Sentence("There is no text above the quoted mail."))
    if len(text) > LONGEST:
        return DigestReading(problem=Sentence("The text is too long."))
    text = without_codes(text)
    if problem := misleading(text):
        return DigestReading(problem=Sentence("The text holds {what}.", what=problem))
    reader = _Reader(asked, known)
    frame = read_frame.frame(text, known)
    below = frame.said_below or reader.first_entry_in(text[frame.end :])
    if below:
        return DigestReading(problem=Sentence(_BELOW, text=below[:_SHOWN]))
    lines = reader.without_greeting(text[: frame.end])
    if not lines:
        return DigestReading(problem=Sentence("There is no answer in it."))
    if len(lines) > MOST_ENTRIES:
        return DigestReading(problem=Sentence("The text is too long."))
    return _judged(reader.entries(lines), asked)


def _judged(entries: Sequence[Entry], asked: Sequence[LineAsked]) -> DigestReading:
    """Whether what they say goes together."""
    by_number: dict[int, LineAnswer] = {}
    judged: list[Entry] = []
    for entry in entries:
        problem = entry.problem
        for answer in entry.answers:
            earlier = by_number.setdefault(answer.number, answer)
            if (earlier.outcome, earlier.comment) != (answer.outcome, answer.comment):
                problem = problem or Sentence(_TWO_ANSWERS, number=answer.number)
        judged.append(replace(entry, problem=problem))
    needs = {line.number: line.needs_comment for line in asked}
    for at, entry in enumerate(judged):
        for answer in entry.answers:
            if not any(map(str.isalnum, answer.comment)) and answer.outcome in needs[answer.number]:
                judged[at] = replace(
                    entry, problem=entry.problem or Sentence(_NEEDS_COMMENT, number=answer.number)
                )
    problem = next((entry.problem for entry in judged if entry.problem), NOTHING)
    return DigestReading(tuple(judged), problem)


# --- words that name lines --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Who:
    """Which lines are named, and where that ends."""

    numbers: tuple[int, ...]
    end: int
    is_all: bool = False
    excepts: bool = False  # "all except"


@dataclass(frozen=True)
class _Plain:
    """A line as it was written, and as it is compared: place by place the same."""

    written: str
    text: str


class _Reader:
    """Reads the entries of a reply to one mail."""

    def __init__(self, asked: Sequence[LineAsked], known: Vocabulary) -> None:
        self.asked = {line.number: line for line in asked}
        self.known = known
        self.words = words_of(known.digests)
        self._outcomes: dict[tuple[str, int], str] = {}
        self._usual: dict[str, str] = {}

    @staticmethod
    def plain(written: str) -> _Plain:
        return _Plain(written, compared(written))

    # -- entries --

    def without_greeting(self, text: str) -> list[str]:
        """The lines that may be entries. "All" greets as well: a line that may answer is no greeting."""
        lines = [line for line in lines_of(text) if line.text.strip()]
        while lines and self._greets(lines[0].words, lines[0].text):
            del lines[0]
        return [line.text.strip() for line in lines]

    def _greets(self, words: Sequence[str], text: str) -> bool:
        length = begins_with(words, self.known.lines.greetings)
        short = bool(length) and len(words) - length <= _LONGEST_NAME
        answers = self.names_lines(text) or self._decides_in(text)
        return short and not answers and not _DIGITS.search(text) and not re.search("[:：]", text)

    def entries(self, lines: Sequence[str]) -> list[Entry]:
        made: list[Entry] = []
        before = ""
        for line in lines:
            entry = self._entry(line)
            if entry.problem and made and self._goes_on(made[-1], before, line):
                entry = self._entry(f"{made.pop().written} {line}")
            made.append(entry)
            before = line
        return made

    def _goes_on(self, entry: Entry, before: str, line: str) -> bool:
        """Whether a line is the rest of a comment that a mail program has wrapped."""
        return (
            len(before) >= _WRAPPED_FROM
            and not entry.problem
            and bool(entry.answers[-1].comment)
            and not _DIGITS.search(line)
            and self._names_nothing(self.plain(line).text)
            and not self._decides_in(line)
        )

    def _names_nothing(self, text: str) -> bool:
        return not any(word_at(text, at, (*self.words.every, *self.words.but_for)) for at in range(len(text)))

    def _decides_in(self, text: str) -> bool:
        """Whether any word of it may decide, in any language or as one of the mail's own answers."""
        if any(line.own is not None and line.own.outcomes_in(text) for line in self.asked.values()):
            return True
        return any(True for _meaning in self._meanings_in(text))

    def _meanings_in(self, text: str) -> Iterator[Meaning]:
        """Of words that may decide, in any language."""
        words = [token.text if token.kind is Kind.WORD else "" for token in tokens(text)]
        for at, word in enumerate(words):
            if word:
                matches = self.known.phrases.matches(words, at)
                deciding = (Role.DECIDES, Role.DECIDES_WEAKLY)
                yield from (one.meaning for one in matches if one.meaning.role in deciding)

    def first_entry_in(self, text: str) -> str:
        """The first line that may be an answer, or takes one back; "" if none may."""
        for line in text.split("\n"):
            if (self.names_lines(line) and self._decides_in(line)) or self._takes_back(line):
                return line.strip()
        return ""

    def _takes_back(self, line: str) -> bool:
        """Whether a line below the closing holds the number of a line and a doubt: "3 later", "except 3", "3?". A line
        of an address holds numbers as well, and no doubt."""
        said = without_contacts(line) if len(line.split()) <= _LONGEST_AFTERWORD else ""
        if not self._numbers_in(said):
            return False
        words = [token.text for token in tokens(said) if token.kind is Kind.WORD]
        return (
            _ASKS.search(said) is not None
            or read_frame.doubts(words, self.known)
            or not self._names_nothing(self.plain(said).text)
        )

    def _numbers_in(self, text: str) -> set[int]:
        """The numbers of lines that stand in a text, in whatever digits."""
        numbers = {int(found[0]) for found in _ALONE.finditer(unicodedata.normalize("NFKC", text))}
        return numbers & self.asked.keys()

    def _entry(self, written: str) -> Entry:
        line = self.plain(written.strip())
        try:
            return self._parsed(line)
        except _NotUnderstood as error:
            why = error.why
        try:
            return self._several(line) or Entry(written, problem=why)
        except _NotUnderstood as error:
            return Entry(written, problem=error.why)

    def _parsed(self, line: _Plain) -> Entry:
        begin = _end_of(_LEAD, line.text)
        who = self.who(line, begin)
        if who is None:
            return self._outcome_first(line, begin)
        start = _end_of(_BEHIND_WHO, line.text, who.end)
        if who.is_all and not who.excepts:
            with_exception = self._with_exception(line, who, start)
            if with_exception is not None:
                return with_exception
        for outcome, comment in self._parted(line, start):
            if self._fits(outcome, who):
                self._must_not_be_of_the_exception(who, outcome, comment)
                return self._answered(line, [(who, outcome, comment)])
        raise self._too_many(line, start, who)

    def _must_not_be_of_the_exception(self, who: _Who, outcome: str, comment: str) -> None:
        """ "All except 3 approved: too dear" says why not 3."""
        if (
            comment
            and who.excepts
            and any(_grants(self._outcome(outcome, n), self.asked[n]) for n in who.numbers)
        ):
            raise _NotUnderstood(Sentence(_IN_DOUBT, text=comment[:_SHOWN]))

    def _outcome_first(self, line: _Plain, begin: int) -> Entry:
        """ "yes 1,3", "approve all except 2"."""
        for at in range(begin + 1, min(len(line.text), begin + _LONGEST_ANSWER)):
            if line.text[at] in ":|":
                break
            who = self.who(line, at) if not line.text[at - 1].isdigit() else None
            if who is None:
                continue
            outcome = self._without_of(line, begin, at)
            comment = _comment_behind(line, who.end)
            if comment is None or not self._fits(outcome, who):
                raise _NotUnderstood(Sentence(_TOO_MANY_WORDS, text=line.written[:_SHOWN]))
            # "Approve all except 3: too dear" says why not 3.
            if comment and (who.excepts or self._is_a_number(line.text[begin:at])):
                raise _NotUnderstood(Sentence(_IN_DOUBT, text=line.written[:_SHOWN]))
            return self._answered(line, [(who, outcome, comment)])
        raise _NotUnderstood(
            _NO_NUMBER
            if self._decides_in(line.written)
            else Sentence(_TOO_MANY_WORDS, text=line.written[:_SHOWN])
        )

    def _is_a_number(self, label: str) -> bool:
        """ "No. 3: fine" says which line is meant, and not no."""
        return (label.strip(" .:"),) in self.known.lines.numbered

    def _without_of(self, line: _Plain, begin: int, end: int) -> str:
        """An answer without "to" or "for" behind it. With a dot there it is an abbreviation: "no. 1"."""
        text = line.text[begin:end].rstrip(" ")
        if text.endswith("."):
            return ""
        for word in self.words.of:
            if text.endswith(f" {word}"):
                return line.written[begin : begin + len(text) - len(word)].strip()
        return line.written[begin : begin + len(text)].strip()

    def _with_exception(self, line: _Plain, who: _Who, start: int) -> Entry | None:
        """ "all yes except 3", "all yes except 3 no: see mail"; None if there is no exception."""
        for at in range(start + 1, min(len(line.text), start + _LONGEST_ANSWER)):
            if line.text[at] in ":|":
                return None
            end = word_at(line.text, at, self.words.but_for) if line.text[at - 1] in " ," else 0
            other = self._list(line.text, skip(line.text, end)) if end else None
            if other is None:
                continue
            self._must_be_known(other)
            outcome = line.written[start:at].strip(_ENDS)
            rest = replace(who, numbers=tuple(one for one in who.numbers if one not in other.numbers))
            if not self._fits(outcome, rest):
                return None
            return self._excepted(line, rest, outcome, other)
        return None

    def _excepted(self, line: _Plain, rest: _Who, outcome: str, other: _Who) -> Entry:
        if not line.text[other.end :].strip(_ENDS):
            return self._answered(line, [(rest, outcome, "")])
        start = _end_of(_BEHIND_WHO, line.text, other.end)
        for outcome_of_other, comment in self._parted(line, start):
            if self._fits(outcome_of_other, other):
                return self._answered(line, [(rest, outcome, ""), (other, outcome_of_other, comment)])
        raise self._too_many(line, start, other)

    # -- several answers on one line --

    def _several(self, line: _Plain) -> Entry | None:
        """ "1 yes, 2-4 no: too dear"; None if it is not several answers, each behind its numbers. A comment goes to the
        end of the line."""
        answers: list[LineAnswer] = []
        begin, parting, comment = _end_of(_LEAD, line.text), "", ""
        for count in range(1, MOST_ENTRIES + 1):
            who = self._list(line.text, begin)
            if who is None:
                return None
            if parting:
                _must_be_one_way(line.text[begin : who.end], parting)
            start = _end_of(_BEHIND_WHO, line.text, who.end)
            end, next_begin = self._next_answer(line, start)
            outcome = line.written[start:end].strip(_ENDS)
            is_last = not next_begin or not self._fits(outcome, who)
            if is_last:
                last = next((one for one in self._parted(line, start) if self._fits(one[0], who)), None)
                if last is None or count == 1:
                    return None
                end, (outcome, comment) = len(line.text), last
            part = _Plain(line.written[begin:end], line.text[begin:end])
            if is_last:
                self._must_be_all_comment(comment)
            answers += self._answered(part, [(who, outcome, comment)]).answers
            if is_last:
                return Entry(line.written, tuple(answers))
            parting, begin = line.text[end:next_begin], next_begin
        return None

    def _next_answer(self, line: _Plain, start: int) -> tuple[int, int]:
        """Where a sign stands that may part an answer from the next one, and where that begins; 0 if none does."""
        for sign in _PARTS_ANSWERS.finditer(line.text, start, start + _LONGEST_ANSWER):
            end = word_at(line.text, sign.end(), self.words.also)
            begin = skip(line.text, end) if end else sign.end()
            if number_at(line.text, begin):
                return sign.start(), begin
        return start, 0

    def _must_be_all_comment(self, comment: str) -> None:
        """Beside other answers on its line, a number behind a comma in a comment may be one more."""
        if self._next_answer(self.plain(comment), 0)[1]:
            raise _NotUnderstood(Sentence(_TWO_WAYS, text=comment[:_SHOWN]))

    # -- who --

    def names_lines(self, line: str) -> bool:
        """Whether it begins like an entry."""
        try:
            return self.who(self.plain(line), 0) is not None
        except _NotUnderstood:
            return True

    def who(self, line: _Plain, at: int) -> _Who | None:
        """Which lines are named here, whatever stands behind; None if none are."""
        text = line.text
        at = skip(text, at)
        end = word_at(text, at, self.words.every)
        if not end:
            return self._list(text, at)
        numbers = tuple(number for number, asked in self.asked.items() if asked.is_open)
        behind = skip(text, end)
        but = word_at(text, behind, self.words.but_for)
        other = self._list(text, skip(text, but)) if but else None
        if other is None:
            return _Who(numbers, end, is_all=True)
        self._must_be_known(other)
        left = tuple(number for number in numbers if number not in other.numbers)
        return _Who(left, other.end, is_all=True, excepts=True)

    def _must_be_known(self, who: _Who) -> None:
        unknown = [number for number in who.numbers if number not in self.asked]
        if unknown:
            raise _NotUnderstood(Sentence(_UNKNOWN_NUMBER, number=unknown[0]))

    def _list(self, text: str, at: int) -> _Who | None:
        numbers: list[int] = []
        end = 0
        while item := self._item(text, at):
            some, end = item
            numbers += some
            at = self._joined(text, end)
            if at == end:
                break
        return _Who(tuple(numbers), end) if numbers else None

    def _item(self, text: str, at: int) -> tuple[list[int], int] | None:
        first = number_at(text, at)
        if first is None:
            return None
        begin, end = int(first[1]), first.end()
        last, joins = self._range_end(text, end)
        if last is None:
            return [begin], end
        until = int(last[1])
        if until < begin or until > max(self.asked, default=0) or (joins and until - begin > 1):
            raise _NotUnderstood(Sentence(_TOO_MANY_WORDS, text=text[at : last.end()]))
        return list(range(begin, until + 1)), last.end()

    def _range_end(self, text: str, at: int) -> tuple[re.Match[str] | None, bool]:
        """The second number of a range, and whether its word joins numbers in another language."""
        if dash := _DASH.match(text, at):
            return number_at(text, dash.end()), False
        behind = skip(text, at)
        end = word_at(text, behind, self.words.until)
        last = number_at(text, skip(text, end)) if end else None
        return last, bool(last) and text[behind:end] in self.words.also

    def _joined(self, text: str, at: int) -> int:
        """Where the next item of a list begins; `at` itself if none does."""
        comma = _COMMA.match(text, at)
        next_at = comma.end() if comma else skip(text, at)
        end = word_at(text, next_at, self.words.also)
        next_at = skip(text, end) if end else next_at
        return next_at if next_at > at and number_at(text, next_at) else at

    # -- outcome and comment --

    def _parted(self, line: _Plain, start: int) -> Iterator[tuple[str, str]]:
        """An answer and a comment, parted at each sign that may part them, the last one first: an answer of a process's
        own may hold one. The whole is an answer without comment."""
        yield line.written[start:].strip(_ENDS), ""
        parting = _BEFORE_COMMENT.finditer(line.text, start, start + _LONGEST_ANSWER)
        signs = islice((sign for sign in parting if not _is_smiley(line.text, sign)), _MOST_SIGNS)
        for sign in reversed(list(signs)):
            yield line.written[start : sign.start()].strip(_ENDS), line.written[sign.end() :].strip()

    def _fits(self, outcome: str, who: _Who) -> bool:
        """Whether a text is an answer of every line that is named. A line that is not there is told of later."""
        named = [number for number in who.numbers if number in self.asked]
        return (
            bool(outcome)
            and not _DIGITS.search(outcome)
            and all(self._outcome(outcome, n) for n in named)
            and (bool(named) or bool(self._as_usual(outcome)))
        )

    def _as_usual(self, text: str) -> str:
        """`_usual`, once for each text."""
        if text not in self._usual:
            self._usual[text] = _usual(text, self.known)
        return self._usual[text]

    def _outcome(self, text: str, number: int) -> str:
        """The outcome of a line that a text is, and nothing else; "" if it is none."""
        if (text, number) not in self._outcomes:
            self._outcomes[text, number] = self._read_outcome(text, self.asked[number])
        return self._outcomes[text, number]

    def _read_outcome(self, text: str, line: LineAsked) -> str:
        if line.own is not None:
            words = [token.text if token.kind is Kind.WORD else "" for token in tokens(composed(text))]
            length, outcome = line.own.longest(words, 0) if words else (0, "")
            if length and length == len(words):
                return outcome
            if line.own.outcomes_in(text):
                return ""
        outcome = self._as_usual(text)
        return outcome if outcome in line.outcomes else ""

    def _answered(self, line: _Plain, parts: Sequence[tuple[_Who, str, str]]) -> Entry:
        answers: list[LineAnswer] = []
        for who, outcome, comment in parts:
            if who.is_all and _says_seen(outcome, self.known):
                raise _NotUnderstood(Sentence(_SEEN, text=line.written[:_SHOWN]))
            of_who = list(self._of_who(line, who, outcome, comment))
            self._must_be_of_all(of_who, comment)
            answers += of_who
        is_all = any(who.is_all for who, _outcome, _comment in parts)
        return Entry(line.written, tuple(answers), is_all=is_all)

    def _of_who(self, line: _Plain, who: _Who, text: str, comment: str) -> Iterator[LineAnswer]:
        given = 0
        for number in who.numbers:
            asked = self.asked.get(number)
            if asked is None:
                raise _NotUnderstood(Sentence(_UNKNOWN_NUMBER, number=number))
            outcome = self._outcome(text, number)
            if not outcome:
                raise _NotUnderstood(Sentence(_NO_ANSWER, text=text[:_SHOWN], number=number))
            if who.is_all and outcome in asked.left_out_of_all:
                continue
            given += 1
            self._must_go_with(comment, outcome, text, asked)
            yield LineAnswer(number, outcome, comment, line.written)
        if not given:
            raise _NotUnderstood(_NOTHING_OPEN)

    def _must_go_with(self, comment: str, outcome: str, said: str, asked: LineAsked) -> None:
        """A comment is read as below a strong answer, on a line of its own."""
        if not comment:
            return
        grants = _grants(outcome, asked)
        expected = APPROVE if grants else REJECT
        reading = read_text(f"{SIGNS[expected]}.\n{comment}", (APPROVE, REJECT), self.known, asked.about)
        against = grants and _speaks_against(comment, said, self.known)
        own = asked.own is not None and bool(asked.own.outcomes_in(comment))
        if reading.outcome != expected or against or own or self._answers_another(comment, asked, expected):
            raise _NotUnderstood(Sentence(_IN_DOUBT, text=comment[:_SHOWN]))

    def _must_be_of_all(self, answers: Sequence[LineAnswer], comment: str) -> None:
        """What is said of several lines takes none of them out again."""
        numbers = {answer.number for answer in answers}
        if not comment or len(numbers) < 2:
            return
        takes_out = bool(numbers & self._numbers_in(comment))
        if not takes_out and not any(_grants(one.outcome, self.asked[one.number]) for one in answers):
            strictly = read_text(f"{SIGNS[REJECT]}: {comment}", (APPROVE, REJECT), self.known)
            takes_out = strictly.outcome != REJECT
        if takes_out:
            raise _NotUnderstood(Sentence(_TAKES_OUT, text=comment[:_SHOWN]))

    def _answers_another(self, comment: str, asked: LineAsked, outcome: str) -> bool:
        """Whether a comment may answer other lines of the mail: a number of one stands beside a word that may be its
        answer, behind "except", or alone in its clause ("too dear, 4 as well"); or the others are given another
        answer."""
        text = self.plain(comment).text
        if self._goes_for_others(text, asked.number) or self._gives_others(comment, text, outcome):
            return True
        named = [found for found in re.finditer(r"[0-9]{1,3}", text) if int(found[0]) in self.asked]
        if not named:
            return False
        if not self._names_nothing(text):
            return True
        return any(
            self._decides_in(" ".join(around.split()[:2] if behind else around.split()[-2:]))
            for found in named
            for behind, around in (
                (True, comment[found.end() : found.end() + _AROUND]),
                (False, comment[max(0, found.start() - _AROUND) : found.start()]),
            )
        )

    def _goes_for_others(self, text: str, number: int) -> bool:
        """Whether a clause is little more than numbers of other lines, or "the rest"."""
        return any(self._is_of_others(clause, number) for clause in _CLAUSE_ENDS.split(text))

    def _is_of_others(self, clause: str, number: int) -> bool:
        at = 0
        for _joined in range(MOST_ENTRIES):
            if at >= len(clause):
                return False
            end = self._others_end(clause, at, number)
            behind = clause[end : end + _AROUND]
            few = (
                len(behind.split()) <= _MOST_WORDS_OF_OTHERS
                and sum(map(is_ideograph, behind)) <= _MOST_SIGNS_OF_OTHERS
            )
            if end and few and not _UNIT.match(clause, end):
                return True
            at = next(
                (at for at in range(max(end, at + 1), len(clause)) if self._is_behind_also(clause, at)),
                len(clause),
            )
        return True  # no comment joins so much

    def _is_behind_also(self, text: str, at: int) -> bool:
        return text[at - 1] == " " and any(text.endswith(f" {word}", 0, at - 1) for word in self.words.also)

    def _others_end(self, text: str, at: int, number: int) -> int:
        """Where other lines of the mail end that are named here; 0 if none are."""
        at = skip(text, at)
        at = skip(text, word_at(text, at, self.words.also) or at)
        try:
            who = self._list(text, at)
        except _NotUnderstood:  # no lines: "3-10 days"
            return 0
        if who is not None:
            return who.end if {*who.numbers} & self.asked.keys() - {number} else 0
        return word_at(text, at, self.words.rest)

    def _gives_others(self, comment: str, text: str, outcome: str) -> bool:
        """Whether a comment speaks of all or of the rest, and of another answer than its own."""
        phrases = (*self.words.every, *self.words.rest)
        return any(word_at(text, at, phrases) for at in range(len(text))) and any(
            meaning.outcome != outcome for meaning in self._meanings_in(comment)
        )

    def _too_many(self, line: _Plain, start: int, who: _Who) -> _NotUnderstood:
        """Why what stands behind the numbers is no answer."""
        self._must_be_known(who)
        return _NotUnderstood(Sentence(_TOO_MANY_WORDS, text=line.written[:_SHOWN]))


def _end_of(pattern: re.Pattern[str], text: str, at: int = 0) -> int:
    """Where what a pattern takes from there on ends."""
    match = pattern.match(text, at)
    return match.end() if match else at


def _must_be_one_way(numbers: str, parting: str) -> None:
    """Behind an answer, numbers parted as answers are may belong to it, or to the one behind them: "1 yes, 2, 3 no". In
    "1 yes; 2, 3 no" and "1 yes, 2,3 no" they do not."""
    for sign in _PARTS_ANSWERS.findall(numbers):
        closer = sign == "," and parting.startswith((", ", ";"))
        if not closer and (";" in sign or ";" not in parting):
            raise _NotUnderstood(Sentence(_TWO_WAYS, text=numbers[:_SHOWN]))


def _grants(outcome: str, asked: LineAsked) -> bool:
    return outcome == APPROVE or (asked.own is not None and outcome in asked.own.grants)


def _comment_behind(line: _Plain, at: int) -> str | None:
    """What stands behind who is named, as a comment; "" for nothing, None for words that no sign parts from it."""
    if not line.text[at:].strip(_ENDS):
        return ""
    sign = _BEFORE_COMMENT.match(line.text, at)
    return line.written[sign.end() :].strip() if sign and not _is_smiley(line.text, sign) else None


def _is_smiley(text: str, sign: re.Match[str]) -> bool:
    return _SMILEY.match(text, sign.start() + len(sign[0]) - len(sign[0].lstrip(" "))) is not None


def _usual(text: str, known: Vocabulary) -> str:
    """The outcome that a text is in the words of languages: every one of them is understood, and none is comment."""
    reading = read_text(text, (APPROVE, REJECT), known)
    if reading.outcome is None or reading.comment or any(sign in _SMILEY.sub("", text) for sign in ":|\n"):
        return ""
    understood = all(clause.taken is not Taken.UNKNOWN for clause in reading.clauses)
    return reading.outcome if understood else ""


def _says_seen(text: str, known: Vocabulary) -> bool:
    """ "All good" may only say that the mail was seen."""
    words = tuple(token.text for token in tokens(composed(text)) if token.kind is Kind.WORD)
    return words in known.seen


def _speaks_against(comment: str, said: str, known: Vocabulary) -> bool:
    """Whether a weak yes is contradicted by its comment: "yes: too expensive"."""
    words = [token.text if token.kind is Kind.WORD else "" for token in tokens(composed(comment))]
    roles = {
        match.meaning.role
        for at, word in enumerate(words)
        if word
        for match in known.phrases.matches(words, at)
    }
    return Role.AGAINST in roles and not _is_strong(said, known)


def _is_strong(text: str, known: Vocabulary) -> bool:
    words = [token.text if token.kind is Kind.WORD else "" for token in tokens(composed(text))]
    return any(
        match.meaning.role is Role.DECIDES
        for at, word in enumerate(words)
        if word
        for match in known.phrases.matches(words, at)
    )


#: For whoever explains a reply without the mail that it answers.
ANY_LINES: Mapping[int, LineAsked] = {number: LineAsked(number) for number in range(1, 21)}
