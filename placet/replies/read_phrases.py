"""What phrases mean: a tree of their words, and the slips of the finger that make one word of another.

There are two hundred thousand phrases, and a text needs a few hundred of them. So only those are taken from the table
that begin with a word, or stand under a letter, that was met; they are kept for the next text.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import IntEnum

from placet.replies.languages.table import letter_of
from placet.replies.read_tokens import phrase, spellings


class Role(IntEnum):
    """What a phrase does. Where one phrase has two roles, the one that is further down here is taken: it
    decides less."""

    FILLER = 1
    COURTESY = 2
    GREETING = 3
    REMARK = 4
    AGAINST = 5
    DECIDES = 6
    DECIDES_WEAKLY = 7
    NEGATION_HELPER = 8
    NEGATION = 9
    BUT = 10
    ELSEWHERE = 11
    BECAUSE = 12
    ASKS = 13
    DOUBT = 14
    RETRACTION = 15


@dataclass(frozen=True, slots=True)
class Meaning:
    """One meaning of a phrase in one language."""

    language: str
    role: Role
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase at some place: `length` tokens."""

    length: int
    meaning: Meaning


@dataclass(slots=True)
class _Node:
    next: dict[str, "_Node"] = field(default_factory=dict)
    meanings: list[Meaning] = field(default_factory=list)


class PhraseTree:
    """All phrases, by their words."""

    def __init__(self, texts: Callable[[str], Sequence[tuple[str, Meaning]]]) -> None:
        """`texts`: the phrases that begin with a word in some spelling."""
        self._texts = texts
        self._grown: dict[str, _Node] = {}

    def matches(self, words: Sequence[str], at: int) -> list[Match]:
        """Every phrase that begins at this word."""
        node: _Node | None = self._below(words[at])
        found: list[Match] = []
        length = 1
        while node is not None:
            found.extend(Match(length, meaning) for meaning in node.meanings)
            if at + length >= len(words):
                break
            node = node.next.get(words[at + length])
            length += 1
        return found

    def _below(self, first: str) -> _Node | None:
        grown = self._grown.get(first)
        if grown is None and (texts := self._texts(first)):
            grown = self._grown[first] = _grow(first, texts)  # whole at once: other threads look too
        return grown


def _grow(first: str, texts: Sequence[tuple[str, Meaning]]) -> _Node:
    root = _Node()
    for text, meaning in texts:
        for words in spellings(phrase(text)):
            if words[0] != first:
                continue
            node = root
            for word in words[1:]:
                node = node.next.setdefault(word, _Node())
            if meaning not in node.meanings:
                node.meanings.append(meaning)
    return root


# --- slips of the finger --------------------------------------------------------------------------------------

_SHORTEST = 5  # letters of a word that may be mistyped
_SHORTEST_NAME = 7  # the same with a capital: shorter ones are names too often
_SHORTEST_REPLACED = 7
_LONGEST = (
    64  # longer than any word of ours: trying each letter of it costs the square of its length, in memory too
)
_DOUBLED = re.compile(r"(.)\1")
_LAST_TYPED = "\u052f"  # of the alphabets whose words differ by more than one letter: Latin, Greek, Cyrillic


def _may_be_mistyped(word: str) -> bool:
    return _SHORTEST <= len(word) <= _LONGEST and word[0] <= _LAST_TYPED and word.isalpha()


class Words:
    """All single words of all phrases."""

    def __init__(self, words: Callable[[str], Set[str]], contracted: Mapping[str, tuple[str, ...]]) -> None:
        """`words`: those that begin with a letter, as they stand in the phrases."""
        self._words = words
        self._contracted = contracted
        self._parts: dict[str, tuple[str, ...]] = {}  # of contracted ones that were met
        self._known: dict[str, frozenset[str]] = {}  # by the letter, in every spelling
        self._one_lost: dict[str, dict[str, list[str]]] = {}  # by the letter: what is left without one letter

    def apart(self, word: str) -> tuple[str, ...]:
        """The words that one written without its apostrophe is; most are themselves."""
        parts = self._contracted.get(word)
        if parts is None:
            return (word,)
        if word not in self._parts:
            self._parts[word] = (word,) if word in self._words(letter_of(word)) else parts
        return self._parts[word]

    def __contains__(self, word: str) -> bool:
        return word in self._beginning_with(letter_of(word))

    def meant(self, word: str, capital: bool = False) -> str:
        """The one known word that this is a slip of the finger away from, or the word itself: two letters changed
        over, one lost, one too many, one for another inside a long word. Not in the first letter, and not at the end:
        that makes another form of the word in many languages."""
        if not _may_be_mistyped(word) or (capital and len(word) < _SHORTEST_NAME):
            return word
        letter = letter_of(word)
        known = self._beginning_with(letter)
        if word in known:
            return word
        one_lost = self._without_one_letter(letter, known)
        found = set(one_lost.get(word, ()))
        for at in range(1, len(word) - 1):
            left = word[:at] + word[at + 1 :]
            found.add(left)
            found.add(word[:at] + word[at + 1] + word[at] + word[at + 2 :])
            if len(word) >= _SHORTEST_REPLACED and 1 < at < len(word) - 2:
                others = one_lost.get(left, ())
                found.update(
                    one for one in others if one[:at] == word[:at] and one[at + 1 :] == word[at + 1 :]
                )
        found &= known
        if len(found) > 1:  # a letter that was doubled, or should have been, is the likeliest slip
            found = {one for one in found if _DOUBLED.sub(r"\1", one) == _DOUBLED.sub(r"\1", word)}
        return found.pop() if len(found) == 1 else word

    def _beginning_with(self, letter: str) -> frozenset[str]:
        known = self._known.get(letter)
        if known is None:
            known = frozenset(spelled for word in self._words(letter) for (spelled,) in spellings((word,)))
            self._known[letter] = known
        return known

    def _without_one_letter(self, letter: str, known: frozenset[str]) -> dict[str, list[str]]:
        found = self._one_lost.get(letter)
        if found is None:
            found = self._one_lost[letter] = _one_lost(known)
        return found


def _one_lost(words: frozenset[str]) -> dict[str, list[str]]:
    """The first and the last letter are never lost."""
    found: dict[str, list[str]] = {}
    for word in sorted(words):
        if _may_be_mistyped(word):
            for left in _without_one(word):
                found.setdefault(left, []).append(word)
    return found


def _without_one(word: str) -> Iterator[str]:
    yield from {word[:at] + word[at + 1 :] for at in range(1, len(word) - 1)}
