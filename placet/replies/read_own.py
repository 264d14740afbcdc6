"""The answers of a step's own: outcomes of a process, in the words that the process gives them.

Such a word is known to no language, so nothing says what a sentence around it means. It counts only where it is the
whole first sentence below a greeting ("Needs changes." or "Hold, please"), or, where it grants nothing, all of it
before a colon: what stands behind that is the comment ("Needs changes: cheaper", as in "Rejected: too dear"). Then a
sign that all languages know stands in its place, and the text is read like any other: as below "approved", or, where
the answer grants nothing, as below "rejected". What makes it unclear besides: a word of another outcome anywhere;
below one that grants, a doubt or a denial in any language, for nothing says which one is spoken; and a short denial
that is all the rest.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from placet.lib.sentences import Sentence
from placet.replies.languages import SHARED
from placet.replies.read_clauses import Text
from placet.replies.read_phrases import Meaning, PhraseTree, Role
from placet.replies.read_result import MORE_THAN_ONE, Reading
from placet.replies.read_tokens import Kind, composed, phrase, spellings, tokens
from placet.replies.read_vocabulary import APPROVE, REJECT, Vocabulary, begins_with

if TYPE_CHECKING:  # what a process is needs the database, and replies are read without one, too
    from placet.approvals.steps import ApprovalStep

KEPT = 256  # steps whose words are kept
_SHOWN = 80  # characters
#: What stands for an answer of one's own while the rest is read: signs of one character, so that places stay the same.
SIGNS = {APPROVE: "✅", REJECT: "❌"}
_MOST_GREETINGS = 3  # sentences
_LONGEST_NAME = 4  # words behind a greeting
_SHORT = 5  # words
_COLON = re.compile(r"[ \t\u00a0\u202f]?[:：](?=[ \t\u00a0\r\n]|(?<=：))")  # no time, no address on the web
_EMPTY_BOX = re.compile(r"[\[(][ \u00a0-]?[\])]|[☐◯⬜]")
_LIST = re.compile(r"[ \t]*(?:[-–—*•·]|\d{1,2}[.)])[ \t]")
_LIMITS = frozenset({Role.DOUBT, Role.NEGATION, Role.RETRACTION, Role.ASKS, Role.BUT})
_NEGATIVE = frozenset(
    {Role.NEGATION, Role.NEGATION_HELPER, Role.DOUBT, Role.RETRACTION, Role.ELSEWHERE, Role.ASKS}
)


@dataclass(frozen=True)
class Own:
    """The words of a step's own outcomes."""

    phrases: PhraseTree
    grants: frozenset[str]  # the outcomes that grant what is asked for

    def longest(self, words: Sequence[str], at: int) -> tuple[int, str]:
        """How many words the longest phrase takes that begins here, and its outcome; 0 if none does."""
        matches = self.phrases.matches(words, at) if words[at] else []
        return max(((match.length, match.meaning.outcome) for match in matches), default=(0, ""))

    def is_label(self, text: str) -> bool:
        """Whether a text is one of the words and nothing else."""
        words = [token.text if token.kind is Kind.WORD else "" for token in tokens(composed(text))]
        return bool(words) and self.longest(words, 0)[0] == len(words)

    def outcomes_in(self, text: str) -> set[str]:
        """The outcomes whose words stand in a text, wherever that is."""
        words = [token.text if token.kind is Kind.WORD else "" for token in tokens(composed(text))]
        found: set[str] = set()
        at = 0
        while at < len(words):
            length, outcome = self.longest(words, at)
            found |= {outcome} - {""}
            at += length or 1
        return found


def own_of(step: "ApprovalStep") -> Own | None:
    """None where a step has no words of its own."""
    if not any(outcome.reply_words for outcome in step.outcomes):
        return None
    return _own(tuple((one.key, one.reply_words, one.is_granted) for one in step.outcomes))


def confirming(step: "ApprovalStep", outcome: str, words: Sequence[str]) -> Own:
    """The words of a step's own outcomes, and `words` that say one of its outcomes besides: but for those that the
    process has given to another."""
    own = tuple((one.key, one.reply_words, one.is_granted) for one in step.outcomes)
    known = _own(own)
    free = tuple(word for word in words if not known.outcomes_in(word) - {outcome})
    return _own((*own, (outcome, free, step.outcome(outcome).is_granted)))


@lru_cache(maxsize=KEPT)
def _own(outcomes: tuple[tuple[str, tuple[str, ...], bool], ...]) -> Own:
    """`outcomes`: key, words, whether it grants what is asked for."""
    texts: dict[str, list[tuple[str, Meaning]]] = {}
    for key, own_words, _is_granted in outcomes:
        for words in {words for word in own_words for words in spelled(word)}:
            texts.setdefault(words[0], []).append((" ".join(words), Meaning(SHARED, Role.DECIDES, key)))
    grants = frozenset(key for key, _words, is_granted in outcomes if is_granted)
    return Own(PhraseTree(lambda first: texts.get(first, [])), grants)


def spelled(word: str) -> Iterator[tuple[str, ...]]:
    """The words of a phrase, as they may be typed."""
    written = " ".join(token.text for token in tokens(composed(word)) if token.kind is Kind.WORD)
    return (words for words in spellings(phrase(written)) if words and words[0])


# --- where it stands --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """A text in which a sign stands for an answer of the step's own."""

    text: str
    outcome: str  # of the step
    read_as: str  # what the text has to be read as: APPROVE or REJECT
    written: str  # the answer, as it was written
    start: int  # where it begins in the text
    end: int  # where its sentence ends, with what is polite in it

    @property
    def sign(self) -> str:
        return SIGNS[self.read_as]


def standing(text: str, end: int | None, own: Own, known: Vocabulary) -> Standing | None:
    """None if no answer of the step's own is the first sentence. `end`: of a form, as `Text.of` takes it."""
    found = Text.of(text, known, end)
    words = [token.text if token.kind is Kind.WORD else "" for token in found.tokens]
    start = first_said(found, known, lambda at, end: own.longest(words, at)[0] == end - at)
    if found.too_long or start is None:
        return None
    length, outcome = own.longest(words, start)
    sentence = next(one for one in found.sentences if one.spans and one.spans[0].start == start)
    begin = found.tokens[start].start
    if not length or sentence.asks or _EMPTY_BOX.search(_line(text, begin)):
        return None
    behind = start + length
    last = _end(found, behind, sentence.spans[-1].end, text)
    read_as = APPROVE if outcome in own.grants else REJECT
    written = text[begin : found.tokens[behind - 1].end]
    stop = found.tokens[last - 1].end
    if not _is_polite(found, behind, last):
        colon = _COLON.match(text, begin + len(written))
        if colon is None or read_as == APPROVE:
            return None
        stop = colon.end()
    # With what is polite behind it, and ended, for a list may follow in the next line.
    sign = f"{SIGNS[read_as]}.".ljust(stop - begin)
    return Standing(text[:begin] + sign + text[stop:], outcome, read_as, written, begin, stop)


def _line(text: str, at: int) -> str:
    return text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0]


def _end(found: Text, behind: int, end: int, text: str) -> int:
    """Where the sentence ends: at a list in the next line at the latest."""
    for at in range(behind, end):
        line = text.rfind("\n", 0, found.tokens[at].start) + 1
        if line > found.tokens[at - 1].start and _LIST.match(text, line):
            return at
    return end


def first_said(
    found: Text, known: Vocabulary, says: Callable[[int, int], bool] = lambda _start, _end: False
) -> int | None:
    """At which token the first sentence begins that is no greeting, and not merely polite. `says`: whether one from and
    to these tokens is not polite, whatever its words mean elsewhere."""
    for sentence in found.sentences[: _MOST_GREETINGS + 1]:
        if not sentence.spans:
            return None
        start, end = sentence.spans[0].start, sentence.spans[-1].end
        words = [token.text for token in found.tokens[start:end] if token.kind is Kind.WORD]
        length = begins_with(words, known.lines.greetings)
        greets = length and len(words) - length <= _LONGEST_NAME
        if not greets and (says(start, end) or not _is_polite(found, start, end)):
            return start
    return None


def _is_polite(found: Text, at: int, end: int) -> bool:
    """Whether nothing but thanks and the like stands there."""
    while at < end:
        if found.tokens[at].kind is Kind.WORD:
            polite = [match.length for match in found.matches[at] if match.meaning.role is Role.COURTESY]
            if not polite:
                return False
            at += max(polite)
        else:
            at += 1
    return at == end


def takes_back(comment: str, known: Vocabulary, wishes: frozenset[str] = frozenset()) -> bool:
    """Whether what stands beside an answer may be the opposite of it: a few words that are all known, with a denial or
    a doubt, or one that says nothing ("none", "0", "it does not", "not sure"). `wishes`: words that are none of
    these."""
    words = [token.text for token in tokens(composed(comment)) if token.kind is Kind.WORD]
    if not words or sum(map(str.isalnum, words)) > _SHORT:
        return False
    matches = [known.phrases.matches(words, at) for at in range(len(words))]
    covered = {at + step for at, here in enumerate(matches) for match in here for step in range(match.length)}
    if any(word.isalpha() and at not in covered for at, word in enumerate(words)):
        return False  # it names something
    roles = {
        match.meaning.role
        for at, here in enumerate(matches)
        for match in here
        if not {word.casefold() for word in words[at : at + match.length]} <= wishes
    }
    numbers = not any(map(str.isalpha, words))
    return numbers or (len(words) == 1 and Role.FILLER in roles) or not _NEGATIVE.isdisjoint(roles)


def _speaks_against(comment: str, stands: Standing, known: Vocabulary) -> bool:
    """Whether what stands below an answer decides in strong words of a language that knows half of its words; or,
    below one that grants, may limit it in any language."""
    words = [token.text if token.kind is Kind.WORD else "" for token in tokens(composed(comment))]
    matches = [known.phrases.matches(words, at) if word else [] for at, word in enumerate(words)]
    meanings = [match.meaning for here in matches for match in here]
    grants = stands.read_as == APPROVE
    if grants and any(meaning.role in _LIMITS for meaning in meanings):
        return True
    knows = Counter(code for here in matches for code in {match.meaning.language for match in here})
    half = sum(map(bool, words)) / 2
    return any(
        meaning.role is Role.DECIDES
        and not (grants and meaning.outcome == APPROVE)
        and (meaning.language == SHARED or knows[meaning.language] >= half)
        for meaning in meanings
    )


# --- what comes of it --------------------------------------------------------------------------------------


def in_own_words(
    reading: Reading, text: str, stands: Standing | None, own: Own, known: Vocabulary
) -> Reading:
    """A reading as one of the step's own answers, if it is one, and if no other one is spoken of."""
    written = stands.written if stands else ""
    clauses = tuple(
        replace(clause, text=clause.text.replace(stands.sign, written)) if stands else clause
        for clause in reading.clauses
    )
    said = stands.outcome if stands else reading.outcome
    if reading.outcome is None:
        why = MORE_THAN_ONE if stands and stands.sign in str(reading.why) else reading.why
        return replace(reading, why=why, clauses=clauses)
    if own.outcomes_in(text) - {said}:
        return replace(reading, outcome=None, comment="", why=MORE_THAN_ONE, clauses=clauses)
    if stands is None:
        return reading
    alone = reading.outcome == stands.read_as and reading.rests_on == (stands.sign,)
    if not alone:
        return replace(reading, outcome=None, comment="", why=MORE_THAN_ONE, clauses=clauses)
    wishes = known.wishes if stands.read_as == REJECT else frozenset[str]()
    if takes_back(reading.comment, known, wishes) or _speaks_against(reading.comment, stands, known):
        back = Sentence("“{text}” may take the answer back.", text=reading.comment[:_SHOWN])
        return replace(reading, outcome=None, comment="", why=back, clauses=clauses)
    why = Sentence("“{words}” is an answer of this step.", words=written)
    parts = tuple(
        replace(place, end=stands.end) if place.start == stands.start else place for place in reading.parts
    )
    return replace(
        reading, outcome=said, why=why, rests_on=(written,), clauses=clauses, text=text, parts=parts
    )
