"""What mail programs write around a quote, in all languages together, folded.

An approver may answer in one language with a mail program that speaks another, so every language counts always,
whatever is enabled for answers. A word that is missing is a quote that may leak: add it to `[mail]` in the
language's file.
"""

import re
from collections.abc import Iterable

from placet.replies.languages import AnswerWords, MailWords, languages
from placet.replies.parse.folding import fold

LANGUAGES: dict[str, MailWords] = {code: language.mail for code, language in languages().items()}


def _folded(word: str) -> str:
    """A blank at the end says that the word ends there."""
    return fold(word) + " " * word.endswith(" ")


def _all(field: str) -> frozenset[str]:
    return frozenset(_folded(word) for words in LANGUAGES.values() for word in getattr(words, field))


def _longest_first(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(words, key=lambda word: (-len(word), word)))


def _said(fields: Iterable[str]) -> frozenset[str]:
    """Phrases of answers."""
    answers: list[AnswerWords] = [language.answer for language in languages().values()]
    return frozenset(
        fold(phrase) for answer in answers for field in fields for phrase in getattr(answer, field)
    )


def _single(phrases: Iterable[str]) -> frozenset[str]:
    return frozenset(phrase for phrase in phrases if " " not in phrase)


STARTS = _longest_first(_all("starts"))
WROTE = _longest_first(_all("wrote"))
SENDER_LABELS = _all("sender")
LABELS = SENDER_LABELS | _all("sent") | _all("to") | _all("subject")
ORIGINAL = _all("original")
ORIGINAL_STARTS = _longest_first(ORIGINAL)
DEVICES = _longest_first(_all("device"))
AUTOMATIC_SUBJECTS = _longest_first(_all("automatic"))
BANNERS = _longest_first(word for word in _all("banner") if not word.startswith(("[", "【")))
REPLY_MARKS = _longest_first(_all("reply"))
TAGS = _longest_first(word for word in _all("banner") if word.startswith(("[", "【")))

# How the line above a quote begins where it follows a text on the same line: "Approve On Tue, 24 Nov ..."
START_INSIDE = re.compile(
    r"(?<=[\s-])(?:"
    + "|".join(re.escape(start.strip().capitalize()) for start in STARTS if len(start) > 2)
    + r") (?=[^\n]{0,40}[0-9])"
)

LEGAL = _longest_first({fold(word) for language in languages().values() for word in language.answer.legal})
# Words that may decide, or change what was decided: no line that holds one is taken for a signature.
ANSWERS = _single(_said(("approve", "approve_weak", "reject", "reject_weak", "negations", "but", "doubts")))
# What stands before the colon where somebody fills in a form.
FORM_LABELS = _said(("form_labels", "comment_labels"))

# The line in our own mails below which nothing is read, and those of others.
MARKERS = ("reply above this line", "##- ", "=-=-=-=")
