"""Whether what a decision names is the request: "invoice 5509 is approved" decides nothing of invoice 5590.

- A number, an identifier, a date or a month in a sentence that approves has to be the request's, in whatever way it is
  written: 4,905.20 is 4 905,20, and "12 June" is 12/06. In the other sentences and of a rejection this goes for what
  numbers an object ("INV-3306", "order 17"): reasons and comments count many things.
- What stands where the thing stands that is decided on ("the trip to Mérida", "I approve the printer") has to be a word
  of the request, or a form of one: "w Warszawie" is said of "Warszawa".

This only ever adds a doubt. What the requester wrote makes no answer clearer than it is without it.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from placet.lib.sentences import NOTHING, Sentence, gettext_noop
from placet.replies.read_clauses import Piece, Spoken, Taken, Text, View
from placet.replies.read_contacts import CONTACT
from placet.replies.read_facts import NUMBER, About, amount_in, number
from placet.replies.read_phrases import Role
from placet.replies.read_tokens import Kind, composed, is_ideograph, tokens, without_marks
from placet.replies.read_vocabulary import APPROVE, ValueWords, Vocabulary, ends_with

OTHER = gettext_noop("“{text}” stands nowhere in the request; it may be about another one.")
_SHORTEST_STEM = 3  # letters that two forms of a name share
_SHORTEST_PART = 5  # letters of a word that ends a longer one: "Stapler" of "Gabelstapler"
_LONGEST_ENDING = 5
PLACE = "place"
_LONGEST_KIND = 4  # words
_LONGEST_MARK = 12  # characters before a number that belong to it
_SHORTEST_NAME = 4  # letters of a month without a day
_FEW = 100  # from here on a number counts no pieces
_LONGEST_DAY = 31
_MONTHS = 12
_IDENTIFYING = (
    3  # digits of what is written without a blank behind letters, and need not be the request's way
)
_SMALL_BESIDE_MONTH = 14  # characters before a month in which the days of a range stand: "9–12 June"
_BEHIND_MONTH = 6

_NUMBER = re.compile(NUMBER)
_LETTERS_BEFORE = re.compile(r"(?<![^\W_])([^\W\d_]{1,10})([-–/_]?|[ \u00a0])\Z")
_LETTERS_BEHIND = re.compile(r"[ \u00a0\u202f]?-?([^\W\d_]{1,20})")
_DATE = re.compile(
    r"(?<![0-9.,])([0-9]{1,4})([./-])[ \u00a0]?([0-9]{1,2})\2(?:[ \u00a0]?([0-9]{4}|[0-9]{2}))?(?![0-9])"
    r"|(?<![0-9./-])([0-9]{1,2})/([0-9]{1,2})(?![0-9./-])"
)
_DATE_WITH_SIGNS = re.compile(
    r"(?<![0-9])([0-9]{1,2})[ \u00a0]?[月월][ \u00a0]?([0-9]{1,2})[ \u00a0]?[日号號일]"
)
_CLOCK = re.compile(r"(?<![0-9.,])[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?![0-9])")
_LIST_MARK = re.compile(r"(?:(?<=\n)|\A)[ \t]*\(?[0-9]{1,2}[.)](?=[ \t])")
_ALL_OF_IT = re.compile(r"(?<![0-9.,])100[ \u00a0]?%")
_WORD = re.compile(r"[^\W\d_]+")
_DOUBLED = re.compile(r"(.)\1")
_TIES = ("-", "–", "/", "_")
_JOINTS = re.compile(r"[-–/_. \u00a0]")


def other_matter(found: Text, view: View, about: About) -> Sentence:
    """What an answer names that the request does not; NOTHING if nothing, or if nothing is known of the request."""
    shown = Shown(about, found.known, view.code)
    if not shown.texts:
        return NOTHING
    text = _plain(found.text)
    # By a sentence before, for certain: "Approved. Please order from Dell" wishes something besides.
    is_decided = False
    for sentence in filter(None, view.sentences):
        decides = any(clause.taken is Taken.DECIDES for clause in sentence)
        if not (decides or view.outcome == APPROVE):
            continue
        other = _other_number(sentence, text, found, shown, every=decides and view.outcome == APPROVE)
        if not other and decides:
            other = _other_thing(sentence, found, view, shown, names=not is_decided)
        if other:
            in_one_line = " ".join(other.split())
            return Sentence(OTHER, text=in_one_line[:80])
        is_decided |= decides and not any(clause.weak for clause in sentence)
    return NOTHING


def names_in(text: str, about: About, known: Vocabulary) -> Iterator[tuple[int, int]]:
    """Where a text names the request by an identifier ("INV-3306"), or by the largest amount of a field for amounts. A
    number of pieces, a date or a smaller amount may limit an answer, and what a text of the requester's holds may stand
    there to be misread."""
    shown = Shown(about, known, "")
    if not shown.texts or not _NUMBER.search(text := _plain(text)):
        return
    for one in _IDENTIFIER.finditer(text):
        letters = tuple(token.text for token in tokens(one[1] or ""))
        matches = known.phrases.matches(letters, 0) if letters else ()
        limits = any(match.meaning.role >= Role.NEGATION for match in matches)
        if not limits and _JOINTS.sub("", one[0].casefold()) in shown.identifiers:
            yield one.span()
    amounts = [one for one in (*about.fields, *about.amounts) if one.currency and one.number is not None]
    if largest := max(amounts, key=lambda one: one.number or 0, default=None):
        for one in amount_in(largest.currency).finditer(text):
            written = _NUMBER.search(one[0])
            if written and written[0] != one[0] and largest.number in _readings(written[0]):
                yield one.span()


_IDENTIFIER = re.compile(
    r"(?<![^\W_])(?<![0-9][.,/-])(?:([A-ZÄÖÜ]{1,8})[-–/]?|[0-9]{2,4}[-/])[0-9]{3,12}(?![^\W_]|[.,/-][0-9])"
)


# --- what the request shows -------------------------------------------------------------------------------------


def _plain(text: str) -> str:
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

    def __post_init__(self) -> None:
        every = (*self.about.fields, *self.about.amounts)
        fields = (text for one in every for text in (one.label, *one.shown))
        texts = (*self.about.texts, *self.about.of_process, *fields)
        self.texts = [_plain(composed(text)) for text in texts if text]

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
            for written in _NUMBER.finditer(text):
                values |= {
                    value * factor
                    for value in _readings(written[0])
                    for factor in self._factors(text, written.end())
                }
        return frozenset(values)

    def _factors(self, text: str, end: int) -> set[int]:
        """1, and what a word behind a number multiplies it by in any language."""
        behind = _LETTERS_BEHIND.match(text, end)
        word = behind[1].casefold() if behind else ""
        scales = (one.scales for one in self.known.values.values()) if word else ()
        return {1} | {factor for one in scales for stem, factor in one.items() if word.startswith(stem)}

    @cached_property
    def written(self) -> frozenset[str]:
        """Its numbers as they stand there, without the blanks in them."""
        return frozenset(_compact(one[0]) for text in self.texts for one in _NUMBER.finditer(text))

    @cached_property
    def prefixes(self) -> dict[str, set[str]]:
        """What stands in capitals before its numbers: "INV" of 3306."""
        letters: dict[str, set[str]] = {}
        for text in self.texts:
            for one in _NUMBER.finditer(text):
                before = _LETTERS_BEFORE.search(text, max(one.start() - _LONGEST_MARK, 0), one.start())
                if before and before[1].isupper():
                    letters.setdefault(_compact(one[0]), set()).add(before[1].casefold())
        return letters

    @cached_property
    def joined(self) -> str:
        """All of it without what parts the letters and digits of an identifier."""
        return "\n".join(_JOINTS.sub("", text.casefold()) for text in self.texts)

    @cached_property
    def identifiers(self) -> frozenset[str]:
        """Its identifiers that have letters, without what parts these from the digits."""
        return frozenset(
            _JOINTS.sub("", one[0].casefold()) for text in self.texts for one in _IDENTIFIER.finditer(text)
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
            beside = text[max(start - _SMALL_BESIDE_MONTH, 0) : start] + " " + text[end : end + _BEHIND_MONTH]
            for small in re.findall(r"(?<![0-9])[0-9]{1,2}(?![0-9])", beside):
                yield from ((month, int(small)) for month in months if 1 <= int(small) <= _LONGEST_DAY)

    @cached_property
    def months(self) -> frozenset[int]:
        named = {month for text in self.texts for _, _, months in self.months_in(text) for month in months}
        return frozenset(named | {month for month, _ in self.days})

    def months_in(
        self, text: str, begin: int = 0, end: int | None = None
    ) -> Iterator[tuple[int, int, set[int]]]:
        """Where a month is named, in whatever language, and which it may be."""
        for word in _WORD.finditer(text, begin, len(text) if end is None else end):
            if months := self._month(word[0]):
                yield word.start(), word.end(), months

    def _month(self, word: str) -> set[int]:
        folded = word.casefold()
        return {
            month
            for values in self.known.values.values()
            for name, month in values.months.items()
            if folded == name
            or (len(name) > _SHORTEST_PART and folded.startswith(name[:-2]) and len(folded) <= len(name) + 3)
        }

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

    def has_number(self, written: str, factor: int) -> bool:
        compact = _compact(written)
        if compact in self.written and factor == 1:
            return True
        if compact.startswith("0") and compact.isdecimal() and len(compact) > 2:
            return False  # "0471" is a name, and no amount of 471
        value = number(written, self.code)
        return value is not None and value * factor in self.numbers

    def has_name(self, written: str) -> bool:
        """Whether digits that name an object are a number there, and not only an amount: "quote 1764" is not the one
        for 1 764,00 EUR."""
        digits = _compact(written)
        typed = (one.number for one in self.about.fields if one.number is not None and not one.currency)
        return not digits.isdecimal() or digits in self.written or Decimal(digits) in typed

    def has_word(self, word: str) -> bool:
        """Whether a word, or a form of it, is one of the request's."""
        if is_ideograph(word):
            return word in self.joined
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


def _compact(written: str) -> str:
    return re.sub(r"[\s'’]", "", written).rstrip(".,")


def _readings(written: str) -> set[Decimal]:
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
        days = [(m, d) for m, d in orders if 1 <= m <= _MONTHS and 1 <= d <= _LONGEST_DAY]
        if days:
            yield one.start(), one.end(), days
    for one in _DATE_WITH_SIGNS.finditer(text, begin, len(text) if end is None else end):
        month, day = int(one[1]), int(one[2])
        if 1 <= month <= _MONTHS and 1 <= day <= _LONGEST_DAY:
            yield one.start(), one.end(), [(month, day)]


# --- numbers ----------------------------------------------------------------------------------------------------


def _other_number(sentence: Sequence[Spoken], text: str, found: Text, shown: Shown, *, every: bool) -> str:
    """The first number or date of a sentence that the request does not have and ought to; not `every` one, if it is the
    number of an object."""
    first, last = sentence[0].pieces[0].start, sentence[-1].pieces[-1].end
    begin, end = found.tokens[first].start, found.tokens[last - 1].end
    numbers = [*_NUMBER.finditer(text, begin, end)]
    known = [*_known_places(text, begin, end, sentence, found, shown)] if numbers else []
    if every and (
        other := other_date(text, begin, end, shown, known) or _other_count(sentence, found, shown)
    ):
        return other
    for one in numbers:
        if any(start <= one.start() < until for start, until in known):
            continue
        labelled = _is_labelled(one, found, first, last)
        looked_at = every or labelled or _has_letters(one, text)
        if looked_at and (_is_other(one, text, found, shown) or (labelled and not shown.has_name(one[0]))):
            return _with_letters(text, one)
    return ""


def _known_places(
    text: str, begin: int, end: int, sentence: Sequence[Spoken], found: Text, shown: Shown
) -> Iterator[tuple[int, int]]:
    """Where numbers stand that name nothing of a request: in phrases, telephone numbers, times, marks of a list, and
    dates where the request has none."""
    line = text.rfind("\n", max(begin - _LONGEST_MARK, 0), begin) + 1 or max(begin - _LONGEST_MARK, 0)
    for pattern in (CONTACT, _LIST_MARK, _ALL_OF_IT):
        yield from (one.span() for one in pattern.finditer(text, line, end))
    if not any(map(_CLOCK.search, shown.texts)):
        yield from (one.span() for one in _CLOCK.finditer(text, begin, end))
    if not shown.days:
        yield from ((start, until) for start, until, _ in numeric_days(text, begin, end))
    for piece in (piece for clause in sentence for piece in clause.pieces):
        if _is_phrase(piece, found) or ends_with(found.words, piece.start, _codes_unknown(found, shown)):
            yield found.tokens[piece.start].start, found.tokens[piece.end - 1].end


def _is_phrase(piece: Piece, found: Text) -> bool:
    """Whether a piece is a phrase of the tables: "24/7" and "Q1" there are no numbers of anything."""
    same = (
        match.length == piece.end - piece.start and match.meaning == piece.meaning
        for match in found.matches[piece.start]
    )
    return piece.meaning is not None and any(same)


def _codes_unknown(found: Text, shown: Shown) -> frozenset[tuple[str, ...]]:
    """What people write before a code that limits nothing, "cost centre", if the request speaks of none."""
    coded = found.known.lines.coded
    has = any(shown.words.issuperset(map(bare, label)) for label in coded)
    return frozenset() if has else coded


def other_date(text: str, begin: int, end: int, shown: Shown, known: list[tuple[int, int]]) -> str:
    """A date or a month that is none of the request's, where it has some. Those that are become known places."""
    if not shown.months:
        return ""
    for start, until, days in numeric_days(text, begin, end):
        if shown.days and shown.days.isdisjoint(days):
            return text[start:until]
        known.append((start, until))
    for start, until, months in shown.months_in(text, begin, end):
        day = _day_beside(text, start, until)
        own_name = text[start:until].casefold() in shown.words_of.months and until - start >= _SHORTEST_NAME
        if (day or own_name) and shown.months.isdisjoint(months):
            return text[start:until]
        if day and shown.days and shown.days.isdisjoint({(month, day) for month in months}):
            return text[max(start - _BEHIND_MONTH, begin) : until + _BEHIND_MONTH]
    return ""


def _day_beside(text: str, start: int, end: int) -> int:
    """The number of a day right before or behind a month; 0 if none stands there."""
    before = re.search(
        r"(?<![0-9.,])([0-9]{1,2})(?:st|nd|rd|th|er|º|\.)?[ \u00a0]+(?:of |de |d')?\Z",
        text[max(start - _LONGEST_MARK, 0) : start],
    )
    behind = re.match(r"\.?[ \u00a0]+([0-9]{1,2})(?![0-9])", text[end : end + 6])
    day = int((before or behind or ["", "0"])[1])
    return day if day <= _LONGEST_DAY else 0


def _other_count(sentence: Sequence[Spoken], found: Text, shown: Shown) -> str:
    """A number in words that is none of the request's, where it has some that may count pieces: "the three laptops"."""
    if not shown.counts:
        return ""
    for clause in sentence:
        for at in range(clause.pieces[0].start, clause.pieces[-1].end):
            count = shown.words_of.counts.get(found.words[at])
            if count is not None and count not in shown.counts:
                return found.written(at, min(at + 2, clause.pieces[-1].end))
    return ""


def _is_labelled(one: re.Match[str], found: Text, first: int, last: int) -> bool:
    """Whether it is the number of an object: "order 17"."""
    at = next((at for at in range(first, last) if found.tokens[at].end > one.start()), first)
    return at > first and (found.words[at - 1],) in found.known.lines.numbered


def _has_letters(one: re.Match[str], text: str) -> bool:
    """Whether it is one by the letters before it: "INV-3306"."""
    return bool(_letters_before(text, one)[1]) and len(_compact(one[0])) > 1


def _letters_before(text: str, one: re.Match[str]) -> tuple[re.Match[str] | None, str]:
    """What stands right before a number, and its letters where they belong to it: capitals, or without a blank."""
    before = _LETTERS_BEFORE.search(text, max(one.start() - _LONGEST_MARK, 0), one.start())
    return before, before[1] if before and (before[1].isupper() or not before[2]) else ""


def _is_other(one: re.Match[str], text: str, found: Text, shown: Shown) -> bool:
    """Whether a number, with the letters before it, is none of the request's."""
    before, letters = _letters_before(text, one)
    folded, digits = letters.casefold(), _compact(one[0])
    attached = bool(before and letters and not before[2])  # "Q3"
    same = attached and f"{folded}{digits}" in shown.joined
    if not shown.has_number(one[0], _factor(text, one, shown)):
        return not (same or all(shown.has_number(part, 1) for part in one[0].split()))
    own = shown.prefixes.get(digits, set())
    if attached:
        return not same and (bool(own) or len(digits) < _IDENTIFYING)
    joined = bool(before and letters and before[2] in _TIES)
    label = (folded,) in found.known.lines.numbered and not joined  # "PO 17", but not "PO-17"
    return bool(letters and own) and not (label or folded in {*own, *shown.words})


def _factor(text: str, one: re.Match[str], shown: Shown) -> int:
    """What the word behind a number multiplies it by in the language of the text."""
    behind = _LETTERS_BEHIND.match(text, one.end())
    word = behind[1].casefold() if behind else ""
    stems = sorted((stem for stem in shown.words_of.scales if word.startswith(stem)), key=len)
    short = bool(stems) and len(stems[-1]) <= 2 and word != stems[-1]  # "k" begins many words
    return shown.words_of.scales[stems[-1]] if stems and not short else 1


def _with_letters(text: str, one: re.Match[str]) -> str:
    before, _letters = _letters_before(text, one)
    return text[before.start() if before else one.start() : one.end()]


# --- things -----------------------------------------------------------------------------------------------------


def _other_thing(sentence: Sequence[Spoken], found: Text, view: View, shown: Shown, *, names: bool) -> str:
    """A word that stands where the thing stands that is decided on, and is none of the request's. Without `names`, only
    if it is known to be of another kind, or another place, or has an article, as the name in "from Dell" has not."""
    looked_at = (one for one in sentence if view.outcome == APPROVE or one.taken is Taken.DECIDES)
    for clause in looked_at:
        if other := _other_kind(clause, found, shown):
            return other
        for piece in clause.pieces:
            is_looked_at = names or ends_with(found.words, piece.start, found.known.parts[view.code].articles)
            if (
                is_looked_at
                and _is_thing(piece, found, view)
                and not all(
                    shown.has_word(word) or word in shown.words_of.counts or word.isdecimal()
                    for word in _written_words(found, piece.start, piece.end)
                )
            ):
                return found.written(piece.start, piece.end)
    return ""


def _other_kind(clause: Spoken, found: Text, shown: Shown) -> str:
    """A noun of a clause that decides which is of another kind than the request, or a place that is not in it. In
    another clause, "I am in Berlin on holiday", only the place that stands with such a noun counts."""
    start, end = clause.pieces[0].start, clause.pieces[-1].end
    words = _written_words(found, start, end)
    nouns = [*kinds_in(words, shown.words_of)]
    begins = {piece.start for piece in clause.pieces}
    decides = clause.taken is Taken.DECIDES
    for at, until, kind in nouns:
        looked_at = (decides or len(nouns) > 1) if kind == PLACE else decides and start + at in begins
        if looked_at and _is_other_kind(words[at:until], kind, shown):
            return found.written(start + at, start + until)
    return ""


def other_place(clause: Spoken, found: Text, shown: Shown) -> str:
    """A place that a clause names and that is none of the request's."""
    start, end = clause.pieces[0].start, clause.pieces[-1].end
    words = _written_words(found, start, end)
    places = ((at, until) for at, until, kind in kinds_in(words, shown.words_of) if kind == PLACE)
    others = ((at, until) for at, until in places if _is_other_kind(words[at:until], PLACE, shown))
    return next((found.written(start + at, start + until) for at, until in others), "")


def _written_words(found: Text, start: int, end: int) -> list[str]:
    """Words as they are compared, without what a slip of the finger may have made of them: these are names."""
    return [token.text for token in found.tokens[start:end]]


def _is_other_kind(words: Sequence[str], kind: str, shown: Shown) -> bool:
    """Whether a noun is of another kind than all that the request speaks of, or a place that is not in it."""
    if kind == PLACE:
        return not ("".join(words) in shown.joined or all(map(shown.has_word, words)))
    return bool(shown.kinds) and kind not in shown.kinds and not all(map(shown.has_word, words))


def _is_thing(piece: Piece, found: Text, view: View) -> bool:
    """Whether it was taken for the name of a thing, or stands behind words that one stands behind: "trip to"."""
    if piece.meaning is not None:
        return not piece.meaning.language and piece.role is Role.FILLER
    parts = found.known.parts[view.code]
    article = ends_with(found.words, piece.start, parts.articles)
    lengths = {0, article, int((found.words[piece.start - 1],) in parts.articles if piece.start else 0)}
    return any(ends_with(found.words, piece.start - length, parts.things) for length in lengths)
