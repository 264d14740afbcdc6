"""The words of a step's own outcomes, read beside those that all languages know.

They may stand in a text of any language, and decide as "approved" does. Where the languages know the same phrase as a
remark or as a doubt ("needs changes"), the step's meaning counts: that is why it was given. What is polite, joins,
denies or approves means what it means everywhere, so it is refused when a process is published.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from django.conf import settings

from placet.approvals.outcomes import APPROVE, Outcome
from placet.approvals.processes import ApprovalStep
from placet.replies.languages.table import Table, made, tables
from placet.replies.read import read_text
from placet.replies.read_phrases import Match, PhraseTree, Role
from placet.replies.read_tokens import Kind, composed, tokens
from placet.replies.read_vocabulary import Vocabulary, over, vocabulary

OwnWords = tuple[
    tuple[str, tuple[str, ...], bool], ...
]  # outcome, its words, whether it grants what is asked for

KEPT = 64  # vocabularies of steps that mails came to lately
#: What a phrase may mean in a language and another thing in a step.
_GIVEN_WAY = frozenset({Role.REMARK, Role.AGAINST, Role.ELSEWHERE, Role.DOUBT})


class _OwnFirst(PhraseTree):
    """Phrases of all languages, and those of a step before the same ones of any language."""

    def __init__(self, known: PhraseTree, own: PhraseTree) -> None:
        self._all, self._own = known, own

    def matches(self, words: Sequence[str], at: int) -> list[Match]:
        own = self._own.matches(words, at)
        lengths = {match.length for match in own}
        return [*own, *(match for match in self._all.matches(words, at) if match.length not in lengths)]


def vocabulary_of(step: ApprovalStep) -> Vocabulary:
    """The words that count in a step, in this installation."""
    return _with(own_words(step), settings.PLACET.words_dir, settings.PLACET.reply_languages)


def own_words(step: ApprovalStep) -> OwnWords:
    return tuple(
        (outcome.key, outcome.reply_words, outcome.colour == "good")
        for outcome in step.outcomes
        if outcome.reply_words
    )


@lru_cache(maxsize=KEPT)
def _with(own: OwnWords, folder: object, only: str) -> Vocabulary:
    known = vocabulary(settings.PLACET.words_dir, only)
    if not own:
        return known
    table = Table.in_memory(made({}, {key: [_folded(word) for word in words] for key, words, _grants in own}))
    every = over([*tables(settings.PLACET.words_dir), table], only)
    return replace(
        known,
        phrases=_OwnFirst(known.phrases, over([table]).phrases),
        words=every.words,
        refusing=known.refusing | {key for key, _words, grants in own if not grants},
    )


def _folded(word: str) -> str:
    """As the phrases of language files are written."""
    return " ".join(token.text for token in tokens(composed(word)) if token.kind is Kind.WORD)


# --- before a process is published ------------------------------------------------------------------------


def problems(step: ApprovalStep) -> list[str]:
    """Which words of its outcomes a reply could not be read by, each with why."""
    known = vocabulary(settings.PLACET.words_dir, settings.PLACET.reply_languages)
    own = [(outcome, word) for outcome in step.outcomes for word in outcome.reply_words]
    found = [
        f"{outcome.key}: “{word}” {why}" for outcome, word in own if (why := _why_not(word, outcome, known))
    ]
    if not found:
        with_own = vocabulary_of(step)
        found = [
            f"{outcome.key}: “{word}” cannot be read for certain; choose other words"
            for outcome, word in own
            if read_text(word, step.outcome_keys, with_own).outcome != outcome.key
        ]
    return [*_said_twice(own), *found]


def _why_not(word: str, outcome: Outcome, known: Vocabulary) -> str:
    words = [token.text for token in tokens(composed(word)) if token.kind is Kind.WORD]
    if not any(one.isalpha() for one in words):
        return "has no letter"
    for match in known.phrases.matches(words, 0):
        meaning = match.meaning
        if match.length != len(words) or meaning.outcome == outcome.key or meaning.role in _GIVEN_WAY:
            continue
        if meaning.outcome:
            return f"is a word for {meaning.outcome} already"
        return "means something else in replies; choose other words"
    if outcome.colour != "good" and _approves(words, known):
        return "holds a word that approves; if it grants what is asked for, say tone: good"
    return ""


def _approves(words: Sequence[str], known: Vocabulary) -> bool:
    matches = (match for at in range(len(words)) for match in known.phrases.matches(words, at))
    return any(match.meaning.outcome == APPROVE and match.meaning.role is Role.DECIDES for match in matches)


def _said_twice(own: Sequence[tuple[Outcome, str]]) -> list[str]:
    """Words that two outcomes share, in whatever languages: that of a reply is not known."""
    of: dict[str, set[str]] = {}
    for outcome, word in own:
        of.setdefault(_folded(word), set()).add(outcome.key)
    return [f"“{word}” stands for {' and '.join(sorted(keys))}" for word, keys in of.items() if len(keys) > 1]
