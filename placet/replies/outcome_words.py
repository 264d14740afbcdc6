"""Whether replies can be read by the words that a process gives its outcomes: asked before it is published."""

from collections.abc import Sequence
from unicodedata import category

from django.conf import settings

from placet.approvals.outcomes import Outcome
from placet.approvals.steps import ApprovalStep
from placet.replies.read import read_text
from placet.replies.read_own import own_of, spelled
from placet.replies.read_phrases import Meaning, Role
from placet.replies.read_vocabulary import Vocabulary, vocabulary

_SIGNS = " -'’&/"
#: What a phrase may mean in a language and another thing in a step, where that grants nothing.
_GIVEN_WAY = frozenset({Role.REMARK, Role.AGAINST, Role.ELSEWHERE, Role.DOUBT})
#: Why a phrase of this role is none for an outcome of a step.
SAYS = {
    Role.FILLER: "beside an answer it says nothing",
    Role.COURTESY: "it is polite",
    Role.GREETING: "it greets or takes leave",
    Role.REMARK: "it is a remark",
    Role.AGAINST: "it speaks against something",
    Role.NEGATION_HELPER: "it denies",
    Role.NEGATION: "it denies",
    Role.BUT: "it makes a condition",
    Role.ELSEWHERE: "it sends to somebody else",
    Role.BECAUSE: "it gives a reason",
    Role.ASKS: "it asks",
    Role.DOUBT: "it is a doubt",
    Role.RETRACTION: "it takes an answer back",
}
_SHORTEST = 2  # letters


def problems(step: ApprovalStep) -> list[str]:
    """Which words of its outcomes a reply could not be read by, each with why."""
    known = vocabulary(settings.PLACET.words_dir, settings.PLACET.reply_languages)
    own = [(outcome, word) for outcome in step.outcomes for word in outcome.reply_words]
    found = [
        f"{outcome.key}: “{word}” {why}" for outcome, word in own if (why := _why_not(word, outcome, known))
    ]
    if not found:
        found = [
            f"{outcome.key}: “{word}” cannot be read for certain; choose other words"
            for outcome, word in own
            if read_text(word, step.outcome_keys, known, own=own_of(step)).outcome != outcome.key
        ]
    return [*_said_twice(own), *found]


def _why_not(word: str, outcome: Outcome, known: Vocabulary) -> str:
    if sum(map(str.isalpha, word)) < _SHORTEST:
        return "has too few letters"
    if not all(one.isalnum() or one in _SIGNS or category(one)[0] == "M" for one in word):
        return "holds a sign; write letters, digits, blanks and hyphens"
    for words in spelled(word):
        meanings = [one.meaning for one in known.phrases.matches(words, 0) if one.length == len(words)]
        for meaning in meanings:
            if meaning.outcome == outcome.key or _gives_way(meaning, outcome, meanings):
                continue
            if meaning.outcome:
                return f"is a word for {meaning.outcome} already"
            return (
                f"means something else in replies ({SAYS[meaning.role]}); choose other words, or more of them"
            )
    return ""


def _gives_way(meaning: Meaning, outcome: Outcome, others: Sequence[Meaning]) -> bool:
    if outcome.is_granted:
        return False
    if meaning.role is Role.NEGATION:  # “nicht möglich” denies, and says no by itself
        return any(one.language == meaning.language and one.outcome == outcome.key for one in others)
    return meaning.role in _GIVEN_WAY


def _said_twice(own: Sequence[tuple[Outcome, str]]) -> list[str]:
    """Words that two outcomes share, in whatever languages and spellings: those of a reply are not known."""
    of: dict[tuple[str, ...], dict[str, str]] = {}
    for outcome, word in own:
        for words in spelled(word):
            of.setdefault(words, {}).setdefault(outcome.key, word)
    shared = {tuple(sorted(keys)): next(iter(keys.values())) for keys in of.values() if len(keys) > 1}
    return [f"“{word}” stands for {' and '.join(keys)}" for keys, word in shared.items()]
