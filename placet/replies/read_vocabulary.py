"""What the words of all languages may mean in an answer: phrases in one tree, looked up in one pass."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, fields
from functools import cache, cached_property, partial
from pathlib import Path
from sys import intern
from typing import Any, TypeVar

from placet.lib.sentences import gettext_noop
from placet.replies.languages import FALLBACK, SHARED, CommandWords, DigestWords, LanguageInvalid
from placet.replies.languages.table import Table, codes_of, tables
from placet.replies.read_phrases import Meaning, PhraseTree, Role, Words
from placet.replies.read_tokens import is_ideograph

APPROVE, REJECT = gettext_noop("approve"), gettext_noop("reject")
_LONGEST_LABEL = 12  # words; in scripts without blanks these are characters
_LONGEST_STEM_TEST = 24  # letters of a word that are compared with stems
_LONGEST_UNDOING = 64  # the same where a stem may stand inside
_SHORTEST_INSIDE = 6  # letters of a stem that may
_SHORTEST_INFLECTED = 6  # letters of a month's name that may have another ending
_LONGEST_ENDING = 2  # letters of it that another one takes the place of
_LONGER = 3  # letters more that the word has then


# What the phrases of a list do.
_MEANINGS = {
    "fillers": (Role.FILLER, ""),
    "courtesies": (Role.COURTESY, ""),
    "greetings": (Role.GREETING, ""),
    "remarks": (Role.REMARK, ""),
    "against": (Role.AGAINST, ""),
    "negation_helpers": (Role.NEGATION_HELPER, ""),
    "negations": (Role.NEGATION, ""),
    "but": (Role.BUT, ""),
    "elsewhere": (Role.ELSEWHERE, ""),
    "because": (Role.BECAUSE, ""),
    "asks": (Role.ASKS, ""),
    "doubts": (Role.DOUBT, ""),
    "retractions": (Role.RETRACTION, ""),
    "approve": (Role.DECIDES, APPROVE),
    "approve_weak": (Role.DECIDES_WEAKLY, APPROVE),
    "reject": (Role.DECIDES, REJECT),
    "reject_weak": (Role.DECIDES_WEAKLY, REJECT),
}
_PLACES = {name: at for at, name in enumerate(_MEANINGS)}


Phrases = frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class Lines:
    """Phrases that say what a whole line is; of all languages together, because mail programs and companies
    write them in another language than people do."""

    greetings: Phrases
    closings: Phrases
    legal: Phrases
    afterwords: Phrases
    form_labels: Phrases
    comment_labels: Phrases
    form_ends: Phrases
    next_time: Phrases
    device: Phrases
    numbered: Phrases
    coded: Phrases
    title_words: Phrases
    contact_labels: Phrases
    authors: Phrases
    turns: Phrases


@dataclass(frozen=True)
class Parts:
    """Words of one language that tell what part of a sentence stands beside them."""

    things: Phrases
    articles: Phrases
    myself: Phrases
    others: Phrases
    mine: Phrases
    reports: Phrases
    as_reported: Phrases
    for_now: Phrases
    limits: Phrases
    title_limits: Phrases
    announces: Phrases
    announced_to: Phrases
    that: Phrases
    abilities: Phrases
    obligations: Phrases
    singles: Phrases


@dataclass(frozen=True)
class ValueWords:
    """How one language writes what a request has: numbers, months, kinds of things, and the forms of names."""

    counts: Mapping[str, int]  # "three"
    scales: Mapping[str, int]  # how a word begins that multiplies the number before it: "million"
    months: Mapping[str, int]
    kinds: Mapping[tuple[str, ...], str]  # "journey" by ("business", "trip")
    endings: frozenset[str]
    beginnings: frozenset[str]


class MonthNames:
    """Months by their names in all languages, looked up by the word: a reply is held against each of some hundred."""

    def __init__(self, named: Iterable[Mapping[str, int]]) -> None:
        self._by_name: dict[str, set[int]] = {}
        self._by_stem: dict[str, set[int]] = {}
        for name, month in (one for months in named for one in months.items()):
            self._by_name.setdefault(name, set()).add(month)
            if len(name) >= _SHORTEST_INFLECTED:
                self._by_stem.setdefault(name[:-_LONGEST_ENDING], set()).add(month)

    def of(self, word: str) -> set[int]:
        """Which months a word may name: by its name, or by one with another ending, at most three letters longer."""
        folded = word.casefold()
        shortest = max(_SHORTEST_INFLECTED - _LONGEST_ENDING, len(folded) - _LONGEST_ENDING - _LONGER)
        stems = (folded[:length] for length in range(shortest, len(folded) + 1))
        return self._by_name.get(folded, set()).union(*(self._by_stem.get(stem, ()) for stem in stems))


@dataclass(frozen=True)
class Vocabulary:
    """All phrases that are known. Made once and shared."""

    phrases: PhraseTree
    words: Words
    codes: tuple[str, ...]  # of the languages, the one of people whose own is not known first
    stems: Mapping[str, Mapping[str, tuple[str, ...]]]  # outcome: language: beginnings of words
    lines: Lines
    parts: Mapping[str, Parts]  # by language
    values: Mapping[str, ValueWords]  # by language
    confirms: Mapping[str, tuple[str, ...]]  # by language: what says yes to what was understood
    wishes: frozenset[str]  # of all languages: doubts that beside "needs changes" say what is wanted
    agree_stems: tuple[str, ...]  # of all languages: beginnings of words that agree or disagree
    seen: Phrases  # what may also say only that a mail was seen: "ok"
    commands: CommandWords  # of all languages
    digests: DigestWords  # the same
    also: Mapping[str, frozenset[str]]  # by language: "and"
    silent: Mapping[str, Phrases]  # by language, with what all share: what adds nothing to an answer
    capitals: Mapping[str, frozenset[str]]  # by language: what has a capital besides names
    general: Mapping[str, frozenset[str]]  # the same: words that name no thing of their own
    undoing: tuple[str, ...]  # of all languages: beginnings of words that refuse, end or undo
    plurals: Mapping[str, tuple[str, ...]]  # by language: how words end that name several

    def speaks_of(self, word: str, code: str) -> str:
        """The outcome that a word speaks of by how it begins, in this language; "" if of none."""
        for outcome, stems in self.stems.items():
            if word[:_LONGEST_STEM_TEST].startswith(stems.get(code, ())):
                return outcome
        return ""

    @cached_property
    def months(self) -> MonthNames:
        return MonthNames(values.months for values in self.values.values())

    def undoes(self, word: str) -> bool:
        """Whether a word of a title refuses, ends or undoes something, in any language; a long stem may stand inside
        it: "Vertragskündigung"."""
        word = word[:_LONGEST_UNDOING]
        return word.startswith(self.undoing) or any(
            word[at : at + length] in stems
            for length, stems in self._undoing_inside.items()
            for at in range(len(word) - length + 1)
        )

    @cached_property
    def _undoing_inside(self) -> Mapping[int, Set[str]]:
        """The stems that may stand inside a word, by their lengths: there are some hundred, and words are short."""
        stems: dict[int, set[str]] = {}
        for stem in self.undoing:
            if len(stem) >= _SHORTEST_INSIDE or is_ideograph(stem[0]):
                stems.setdefault(len(stem), set()).add(stem)
        return stems


@cache
def vocabulary(own: Path | None = None, only: str = "") -> Vocabulary:
    """The words of all languages. `own` is an organisation's folder: a file there adds its words to the language of
    the same name, or adds the language. `only` names those whose answers count ("en, fr"; "" for all): of the others
    the words of mail programs stay, for people's mail programs speak what they like. Raises LanguageInvalid."""
    return over(tables(own), only)


def over(known: Sequence[Table], only: str = "") -> Vocabulary:
    """The vocabulary of these tables."""
    codes = codes_of(known)
    answering = _answering(codes, only)
    every = [table.get("small") for table in known]
    small = {code: [one[code] for one in every if code in one] for code in codes}

    def said(code: str, name: str) -> Iterator[str]:
        counts = code in answering or name == "device"
        return (text for lists in small[code] if counts for text in lists.get(name, ()))

    def phrases(name: str, of: Iterable[str] = codes) -> Phrases:
        return frozenset(tuple(map(intern, text.split(" "))) for code in of for text in said(code, name))

    return Vocabulary(
        PhraseTree(lambda word: _beginning_with(word, known, answering)),
        Words(lambda letter: _of_letter(letter, known, answering), _contracted(small, answering)),
        tuple(sorted({*codes} - {SHARED}, key=lambda code: (code != FALLBACK, code))),
        {
            outcome: {code: tuple(stem.replace(" ", "") for stem in said(code, name)) for code in codes}
            for outcome, name in ((APPROVE, "approve_stems"), (REJECT, "reject_stems"))
        },
        Lines(**{one.name: phrases(one.name) for one in fields(Lines)}),
        {code: Parts(**{one.name: phrases(one.name, [code]) for one in fields(Parts)}) for code in codes},
        {code: _value_words(partial(said, code)) for code in codes},
        {code: tuple(said(code, "confirms")) for code in codes},
        frozenset(word for code in codes for word in said(code, "wishes")),
        tuple(stem.replace(" ", "") for code in codes for stem in said(code, "agree_stems")),
        phrases("seen"),
        _together("command", CommandWords, known, answering),
        _together("digest", DigestWords, known, answering),
        {code: frozenset(_together("digest", DigestWords, known, [code]).also) for code in codes},
        {code: phrases("silent", {code, SHARED}) for code in codes},
        {code: frozenset(said(code, "capitals")) for code in codes},
        {code: _general(phrases, code) for code in codes},
        tuple(dict.fromkeys(stem.replace(" ", "") for code in codes for stem in said(code, "undoing_stems"))),
        {code: tuple(said(code, "plurals")) for code in codes},
    )


def _general(phrases: Callable[[str, Iterable[str]], Phrases], code: str) -> frozenset[str]:
    """What stands in every sentence, and what says of which kind a paper is: "order for"."""
    lists = (phrases(name, {code, SHARED}) for name in ("silent", "articles", "things", "numbered"))
    return frozenset(word for every in lists for phrase in every for word in phrase)


def _value_words(said: Callable[[str], Iterator[str]]) -> ValueWords:
    """`said`: the texts of a list of one language."""
    numbers = {word: int(value) for value, _, word in (text.partition(" ") for text in said("number_words"))}
    return ValueWords(
        {word: value for word, value in numbers.items() if value < _SMALLEST_SCALE},
        {word: value for word, value in numbers.items() if value >= _SMALLEST_SCALE},
        {word: int(month) for month, _, word in (text.partition(" ") for text in said("months"))},
        {tuple(words): kind for kind, *words in (text.split(" ") for text in said("kinds"))},
        frozenset(said("name_endings")),
        frozenset(said("name_beginnings")),
    )


_SMALLEST_SCALE = 1_000
_Lists = TypeVar("_Lists", CommandWords, DigestWords)


def _together(
    table_name: str, kind: type[_Lists], known: Sequence[Table], answering: Iterable[str]
) -> _Lists:
    by_language = [table.get(table_name) for table in known]
    return kind(
        **{
            one.name: tuple(
                dict.fromkeys(
                    text
                    for code in answering
                    for words in by_language
                    for text in words.get(code, {}).get(one.name, ())
                )
            )
            for one in fields(kind)
        }
    )


def _answering(codes: Sequence[str], only: str) -> dict[str, int]:
    """The languages whose answers count, with their places."""
    wanted = only.replace(",", " ").split()
    unknown = sorted({*wanted} - {*codes})
    if unknown:
        raise LanguageInvalid(f"There is no language “{unknown[0]}”; known are {', '.join(sorted(codes))}.")
    return {code: at for at, code in enumerate(codes) if not wanted or code in (*wanted, SHARED)}


def _beginning_with(
    word: str, known: Sequence[Table], answering: Mapping[str, int]
) -> list[tuple[str, Meaning]]:
    """By language, and in each by what the phrases do, whichever table they are of."""
    found: list[tuple[tuple[int, int], str, Meaning]] = []
    for table in known:
        for said, texts in (table.get(f"phrases {word}") or {}).items():
            code, _, name = said.partition(" ")
            if code in answering:
                meaning = Meaning(code, *_MEANINGS.get(name, (Role.DECIDES, name[1:])))
                found += (
                    ((answering[code], _PLACES.get(name, len(_PLACES))), text, meaning) for text in texts
                )
    return [(text, meaning) for _, text, meaning in sorted(found, key=lambda one: one[0])]


def _of_letter(letter: str, known: Sequence[Table], answering: Container[str]) -> Set[str]:
    return {
        word
        for table in known
        for code, words in (table.get(f"words {letter}") or {}).items()
        if code in answering
        for word in words
    }


def _contracted(
    small: Mapping[str, Sequence[Mapping[str, Any]]], answering: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for code in answering:
        for lists in small[code]:
            for word, parts in lists["contracted"].items():
                found.setdefault(word, tuple(parts))
    return found


def ends_with(words: Sequence[str], end: int, phrases: Phrases) -> int:
    """How many words the longest of the phrases takes, of four at most, that ends where the word at `end` begins; 0 if
    none does."""
    lengths = range(min(4, end), 0, -1)
    return next((length for length in lengths if tuple(words[end - length : end]) in phrases), 0)


def label_before(words: Sequence[str], end: int, phrases: Phrases) -> int:
    """How many words the longest of the phrases takes that ends where the word at `end` begins, with the beginning of a
    line or sentence in front; 0 if none does."""
    start = end
    while start and words[start - 1] and end - start < _LONGEST_LABEL:
        start -= 1
    return end - start if tuple(words[start:end]) in phrases else 0


def begins_with(words: Sequence[str], phrases: Phrases) -> int:
    """How many words the longest of the phrases takes that these words begin with; 0 if none does."""
    for length in range(min(len(words), 12), 0, -1):
        if tuple(words[:length]) in phrases:
            return length
    return 0
