"""What an ask shows of a request, as a language reads it: its words in any form, numbers, dates and kinds of things."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from itertools import pairwise

from placet.replies.read_facts import NUMBER, About, number
from placet.replies.read_tokens import Kind, composed, is_ideograph, tokens, without_marks
from placet.replies.read_vocabulary import ValueWords, Vocabulary

PLACE = "place"
LONGEST_MARK = 12  # characters before a number that belong to it
LONGEST_DAY = 31
BEHIND_MONTH = 6  # characters in which the day stands
_SHORTEST_STEM = 3  # letters that two forms of a name share
_SHORTEST_PART = 5  # letters of a word that ends a longer one: "Stapler" of "Gabelstapler"
_LONGEST_ENDING = 5
_LONGEST_KIND = 4  # words
_FEW = 100  # from here on a number counts no pieces
_MONTHS = 12
_SMALL_BESIDE_MONTH = 14  # characters before a month in which the days of a range stand: "9–12 June"

NUMBERS = re.compile(NUMBER)
LETTERS_BEFORE = re.compile(r"(?<![^\W_])([^\W\d_]{1,10})([-–/_]?|[ \u00a0])\Z")
LETTERS_BEHIND = re.compile(r"[ \u00a0\u202f]?-?([^\W\d_]{1,20})")
JOINTS = re.compile(r"[-–/_. \u00a0]")
IDENTIFIER = re.compile(
    r"(?<![^\W_])(?<![0-9][.,/-])(?:([A-ZÄÖÜ]{1,8})[-–/]?|[0-9]{2,4}[-/])[0-9]{3,12}(?![^\W_]|[.,/-][0-9])"
)
_DATE = re.compile(
    r"(?<![0-9.,])([0-9]{1,4})([./-])[ \u00a0]?([0-9]{1,2})\2(?:[ \u00a0]?([0-9]{4}|[0-9]{2}))?(?![0-9])"
    r"|(?<![0-9./-])([0-9]{1,2})/([0-9]{1,2})(?![0-9./-])"
)
_DATE_WITH_SIGNS = re.compile(
    r"(?<![0-9])([0-9]{1,2})[ \u00a0]?[月월][ \u00a0]?([0-9]{1,2})[ \u00a0]?[日号號일]"
)
_WORD = re.compile(r"[^\W\d_]+")
_DOUBLED = re.compile(r"(.)\1")


def plain(text: str) -> str:
    """With the digits of all scripts as 0 to 9, each in its place."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(one, one)) if one.isdecimal() else one for one in text)


@dataclass
class Shown:
    """What an ask shows of a request, as a language reads it."""

    about: About
    known: Vocabulary
    code: str
    texts: list[str] = field(init=False)
    _looked_up: dict[str, bool] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        every = (*self.about.fields, *self.about.amounts)
        fields = (text for one in every for text in (one.label, *one.shown))
        texts = (*self.about.texts, *self.about.of_process, *fields)
        self.texts = [plain(composed(text)) for text in texts if text]

    @property
    def words_of(self) -> ValueWords:
        return self.known.values[self.code]

    @cached_property
    def numbers(self) -> frozenset[Decimal]:
        """The values of all its numbers. Of those in texts, whose writer's language is not known, each that they may
        have: "1.250" is a thousand or one."""
        every = (*self.about.fields, *self.about.amounts)
        values = {one.number for one in every if one.number is not None}
        for day in (one.day for one in every if one.day is not None):
            values |= {Decimal(part) for part in (day.day, day.month, day.year, day.year % 100)}
        typed = {text for one in every if one.number is not None for text in one.shown}
        for text in (text for text in self.texts if text not in typed):
            for written in NUMBERS.finditer(text):
                values |= {
                    value * factor
                    for value in readings(written[0])
                    for factor in self._factors(text, written.end())
                }
        return frozenset(values)

    def _factors(self, text: str, end: int) -> set[int]:
        """1, and what a word behind a number multiplies it by in any language."""
        behind = LETTERS_BEHIND.match(text, end)
        word = behind[1].casefold() if behind else ""
        scales = (one.scales for one in self.known.values.values()) if word else ()
        return {1} | {factor for one in scales for stem, factor in one.items() if word.startswith(stem)}

    @cached_property
    def written(self) -> frozenset[str]:
        """Its numbers as they stand there, without the blanks in them."""
        return frozenset(compact(one[0]) for text in self.texts for one in NUMBERS.finditer(text))

    @cached_property
    def prefixes(self) -> dict[str, set[str]]:
        """What stands in capitals before its numbers: "INV" of 3306."""
        letters: dict[str, set[str]] = {}
        for text in self.texts:
            for one in NUMBERS.finditer(text):
                before = LETTERS_BEFORE.search(text, max(one.start() - LONGEST_MARK, 0), one.start())
                if before and before[1].isupper():
                    letters.setdefault(compact(one[0]), set()).add(before[1].casefold())
        return letters

    @cached_property
    def joined(self) -> str:
        """All of it without what parts the letters and digits of an identifier."""
        return "\n".join(JOINTS.sub("", text.casefold()) for text in self.texts)

    @cached_property
    def identifiers(self) -> frozenset[str]:
        """Its identifiers that have letters, without what parts these from the digits."""
        return frozenset(
            JOINTS.sub("", one[0].casefold()) for text in self.texts for one in IDENTIFIER.finditer(text)
        )

    @cached_property
    def days(self) -> frozenset[tuple[int, int]]:
        """Its dates: month and day, in each way that they may be meant."""
        typed = {(one.day.month, one.day.day) for one in self.about.fields if one.day is not None}
        texts = {day for text in self.texts for day in self._days_in(text)}
        return frozenset(typed | texts)

    def _days_in(self, text: str) -> Iterator[tuple[int, int]]:
        for _start, _end, days in numeric_days(text):
            yield from days
        for start, end, months in self.months_in(text):
            beside = text[max(start - _SMALL_BESIDE_MONTH, 0) : start] + " " + text[end : end + BEHIND_MONTH]
            for small in re.findall(r"(?<![0-9])[0-9]{1,2}(?![0-9])", beside):
                yield from ((month, int(small)) for month in months if 1 <= int(small) <= LONGEST_DAY)

    @cached_property
    def months(self) -> frozenset[int]:
        named = {month for text in self.texts for _, _, months in self.months_in(text) for month in months}
        return frozenset(named | {month for month, _ in self.days})

    def months_in(
        self, text: str, begin: int = 0, end: int | None = None
    ) -> Iterator[tuple[int, int, set[int]]]:
        """Where a month is named, in whatever language, and which it may be."""
        for word in _WORD.finditer(text, begin, len(text) if end is None else end):
            if months := self.known.months.of(word[0]):
                yield word.start(), word.end(), months

    @cached_property
    def words(self) -> frozenset[str]:
        names = " ".join(self.about.names)
        return frozenset(
            bare(token.text)
            for text in (*self.texts, names)
            for token in tokens(text)
            if token.kind is Kind.WORD
        )

    @cached_property
    def beginnings(self) -> frozenset[str]:
        """How its words begin."""
        return frozenset(one[:length] for one in self.words for length in range(_SHORTEST_STEM, len(one) + 1))

    @cached_property
    def kinds(self) -> frozenset[str]:
        """What kinds of things it speaks of, in whatever language, also inside longer words: "Dienstreise"."""
        named: set[str] = set()
        for text in self.texts:
            words = [token.text for token in tokens(text) if token.kind is Kind.WORD]
            for values in self.known.values.values():
                named.update(kind for _, _, kind in kinds_in(words, values))
                long = (
                    (phrase[0], kind)
                    for phrase, kind in values.kinds.items()
                    if len(phrase[0]) >= _SHORTEST_PART
                )
                named.update(kind for part, kind in long if any(part in word for word in words))
        return frozenset(named - {PLACE})

    @cached_property
    def counts(self) -> frozenset[int]:
        """Numbers of pieces that it names, in digits or in words."""
        words = (self.words_of.counts[word] for word in self.words if word in self.words_of.counts)
        few = (int(value) for value in self.numbers if value < _FEW and value == int(value))
        return frozenset((*words, *few))

    def numbers_beside(self, word: str) -> set[str]:
        """The numbers that stand beside a word, or a form of it, wherever it stands: "129" of "Decontul 129"."""
        forms = [*self._without_beginning(bare(word))]
        return {number for own, number in self._beside if any(self._is_form(form, own) for form in forms)}

    @cached_property
    def _beside(self) -> frozenset[tuple[str, str]]:
        """Each word that a number stands beside, and that number."""
        pairs: set[tuple[str, str]] = set()
        for text in self.texts:
            words = [token for token in tokens(text) if token.kind is Kind.WORD]
            for one, other in pairwise(words):
                for word, digits in ((one, other), (other, one)):
                    if digits.text[:1].isdecimal() and not word.text[:1].isdecimal():
                        pairs.add((bare(word.text), compact(digits.text)))
        return frozenset(pairs)

    def has_number(self, written: str, factor: int) -> bool:
        digits = compact(written)
        if digits in self.written and factor == 1:
            return True
        if digits.startswith("0") and digits.isdecimal() and len(digits) > 2:
            return False  # "0471" is a name, and no amount of 471
        value = number(written, self.code)
        return value is not None and value * factor in self.numbers

    def has_name(self, written: str) -> bool:
        """Whether digits that name an object are a number there, and not only an amount: "quote 1764" is not the one
        for 1 764,00 EUR."""
        digits = compact(written)
        typed = (one.number for one in self.about.fields if one.number is not None and not one.currency)
        return not digits.isdecimal() or digits in self.written or Decimal(digits) in typed

    def has_word(self, word: str) -> bool:
        """Whether a word, or a form of it, is one of the request's."""
        if word not in self._looked_up:
            self._looked_up[word] = word in self.joined if is_ideograph(word) else self._has_form(word)
        return self._looked_up[word]

    def _has_form(self, word: str) -> bool:
        return any(
            self._is_form(form, one) for form in self._without_beginning(bare(word)) for one in self.words
        )

    def _without_beginning(self, word: str) -> Iterator[str]:
        yield word
        for beginning in self.words_of.beginnings:
            if word.startswith(beginning) and len(word) - len(beginning) >= _SHORTEST_STEM - 1:
                yield word[len(beginning) :]

    @cached_property
    def _endings(self) -> frozenset[str]:
        return frozenset(("", *map(bare, self.words_of.endings)))

    def _is_form(self, word: str, own: str) -> bool:
        if word in self._without_beginning(own):
            return True
        if len(word) >= _SHORTEST_PART and own.endswith(word):
            return True
        shared = shared_beginning(word, own)
        return any(
            word[at:] in self._endings and own[at:] in self._endings
            for at in range(shared, max(shared - _LONGEST_ENDING, _SHORTEST_STEM - 1), -1)
        )


def bare(word: str) -> str:
    """For comparing names: no capitals and accents, and each letter once where it is doubled."""
    return _DOUBLED.sub(r"\1", without_marks(word.casefold()))


def kinds_in(words: Sequence[str], values: ValueWords) -> Iterator[tuple[int, int, str]]:
    """Where words name a kind of thing: from which on to which, and what kind."""
    for at in range(len(words)):
        for length in range(min(_LONGEST_KIND, len(words) - at), 0, -1):
            if kind := values.kinds.get(tuple(words[at : at + length])):
                yield at, at + length, kind
                break


def shared_beginning(one: str, other: str) -> int:
    """How many letters two words begin with alike."""
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))


def compact(written: str) -> str:
    return re.sub(r"[\s'’]", "", written).rstrip(".,")


def readings(written: str) -> set[Decimal]:
    """What a number may be whose writer's language is not known."""
    values = {number(written, code) for code in ("en", "de")}
    return {value for value in values if value is not None}


def numeric_days(
    text: str, begin: int = 0, end: int | None = None
) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """Where a date stands in numbers, and the months and days that it may be; none, if it is no date."""
    for one in _DATE.finditer(text, begin, len(text) if end is None else end):
        parts = [int(part) for part in one.groups() if part and part.isdecimal()]
        if len(one[1] or "") > 2:
            parts = parts[1:]
        elif len(parts) == 2 and one[1]:
            parts = parts if one[2] == "." else []  # "25-0931-": no year, and no day
        first, second = (*parts, 0, 0)[:2]
        orders = [(second, first), (first, second)] if one[2] != "." else [(second, first)]
        days = [(m, d) for m, d in orders if 1 <= m <= _MONTHS and 1 <= d <= LONGEST_DAY]
        if days:
            yield one.start(), one.end(), days
    for one in _DATE_WITH_SIGNS.finditer(text, begin, len(text) if end is None else end):
        month, day = int(one[1]), int(one[2])
        if 1 <= month <= _MONTHS and 1 <= day <= LONGEST_DAY:
            yield one.start(), one.end(), [(month, day)]
