"""What the words of all languages may mean in an answer: phrases in one tree, looked up in one pass."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType

from placet.lib.sentences import gettext_noop
from placet.replies.languages import FALLBACK, SHARED, AnswerWords, Language, languages
from placet.replies.read_phrases import Meaning, PhraseTree, Role, Words
from placet.replies.read_tokens import phrase, spellings

APPROVE, REJECT = gettext_noop("approve"), gettext_noop("reject")
_LONGEST_LABEL = 12  # words; in scripts without blanks these are characters
_LONGEST_STEM_TEST = 24  # letters of a word that are compared with stems


_ROLES = {
    "fillers": Role.FILLER,
    "courtesies": Role.COURTESY,
    "greetings": Role.GREETING,
    "remarks": Role.REMARK,
    "against": Role.AGAINST,
    "negation_helpers": Role.NEGATION_HELPER,
    "negations": Role.NEGATION,
    "but": Role.BUT,
    "elsewhere": Role.ELSEWHERE,
    "because": Role.BECAUSE,
    "asks": Role.ASKS,
    "doubts": Role.DOUBT,
    "retractions": Role.RETRACTION,
}
_DECIDING = {
    "approve": (Role.DECIDES, APPROVE),
    "approve_weak": (Role.DECIDES_WEAKLY, APPROVE),
    "reject": (Role.DECIDES, REJECT),
    "reject_weak": (Role.DECIDES_WEAKLY, REJECT),
}


NO_WORDS: Mapping[str, Sequence[str]] = MappingProxyType({})

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


@dataclass(frozen=True)
class Parts:
    """Words of one language that tell what part of a sentence stands beside them."""

    things: Phrases
    articles: Phrases
    myself: Phrases
    others: Phrases
    for_now: Phrases


@dataclass(frozen=True)
class Vocabulary:
    """All phrases that are known. Made once and shared."""

    phrases: PhraseTree
    words: Words
    codes: tuple[str, ...]  # of the languages, the one of people whose own is not known first
    stems: Mapping[str, Mapping[str, tuple[str, ...]]]  # outcome: language: beginnings of words
    lines: Lines
    parts: Mapping[str, Parts]  # by language
    seen: Phrases  # what may also say only that a mail was seen: "ok"
    silent: Mapping[str, Phrases]  # by language, with what all share: what adds nothing to an answer

    def speaks_of(self, word: str, code: str) -> str:
        """The outcome that a word speaks of by how it begins, in this language; "" if of none."""
        for outcome, stems in self.stems.items():
            if word[:_LONGEST_STEM_TEST].startswith(stems.get(code, ())):
                return outcome
        return ""


@cache
def vocabulary(own: Path | None = None, only: str = "") -> Vocabulary:
    """The vocabulary of `languages(own, only)`; made once, it takes a while."""
    return made(languages(own, only))


def made(known: Mapping[str, Language], own_words: Mapping[str, Sequence[str]] = NO_WORDS) -> Vocabulary:
    """The vocabulary of these languages. `own_words` are those of a process's own outcomes."""
    tree = PhraseTree()
    texts: list[str] = []
    for language in known.values():
        for (role, outcome), said in _said(language.answer):
            meaning = Meaning(language.code, role, outcome)
            texts += said
            for text in said:
                tree.add(text, meaning)
        for one in fields(Parts):
            texts += getattr(language.answer, one.name)
    for outcome, said in own_words.items():
        texts += said
        for text in said:
            tree.add(text, Meaning(SHARED, Role.DECIDES, outcome))
    return Vocabulary(
        tree,
        Words(texts),
        tuple(sorted(known.keys() - {SHARED}, key=lambda code: (code != FALLBACK, code))),
        _stems(known),
        _lines(known),
        {code: _parts(language.answer) for code, language in known.items()},
        frozenset(_spelled(text for language in known.values() for text in language.answer.seen)),
        _silent(known),
    )


def _said(words: AnswerWords) -> Iterator[tuple[tuple[Role, str], Sequence[str]]]:
    for name, role in _ROLES.items():
        yield (role, ""), getattr(words, name)
    for name, deciding in _DECIDING.items():
        yield deciding, getattr(words, name)


def _stems(known: Mapping[str, Language]) -> dict[str, dict[str, tuple[str, ...]]]:
    return {
        outcome: {
            code: tuple(word for stem in getattr(language.answer, name) for word in _one_word(stem))
            for code, language in known.items()
        }
        for outcome, name in ((APPROVE, "approve_stems"), (REJECT, "reject_stems"))
    }


def _one_word(stem: str) -> Iterator[str]:
    for words in spellings(phrase(stem)):
        yield "".join(words)


def _lines(known: Mapping[str, Language]) -> Lines:
    return Lines(
        **{
            one.name: frozenset(
                words
                for language in known.values()
                for words in _spelled(
                    getattr(language.mail if one.name == "device" else language.answer, one.name)
                )
            )
            for one in fields(Lines)
        }
    )


def _parts(words: AnswerWords) -> Parts:
    return Parts(**{one.name: frozenset(_spelled(getattr(words, one.name))) for one in fields(Parts)})


def _silent(known: Mapping[str, Language]) -> dict[str, Phrases]:
    silent = {code: frozenset(_spelled(language.answer.silent)) for code, language in known.items()}
    return {code: phrases | silent.get(SHARED, frozenset()) for code, phrases in silent.items()}


def _spelled(texts: Iterable[str]) -> Iterator[tuple[str, ...]]:
    return (words for text in texts for words in spellings(phrase(text)) if words)


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
