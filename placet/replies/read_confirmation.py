"""A reply to the mail that asks whether an answer was understood: a yes to that, or an answer of its own.

A yes ("Yes.", "That's right") is the whole first sentence below a greeting, in the language that was asked in or in
English. Then the text is read as if the answer itself stood there: what would make that unclear does so here too, and
what stands below it is comment, behind the text that it was understood from. Besides, less is believed than of a reply
to an ask, for "yes" and "no" have two things that they may speak of:

- "no" alone may say that it was understood wrongly, and decides nothing
- another outcome counts only in words that speak of approving and rejecting, or in the process's own; whoever "agrees"
  or "accepts" may agree with what was understood
- "ok" and a thumb confirm an approval, which they would have been, and nothing else
- beside a yes to an approval no word may leave it open, in the language that was asked in or in English; beside a yes
  to anything else nothing may stand: "yes, enjoy it" rejects nothing
- what was asked about an earlier text of theirs is over with the next one: then a yes decides nothing any more
- the subject says nothing, for it is ours
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from django.conf import settings

from placet.lib.sentences import NOTHING, Sentence, gettext_noop
from placet.replies.languages import FALLBACK, SHARED
from placet.replies.languages.table import refusal_texts
from placet.replies.parse import Mail
from placet.replies.read import READ_TEXT, answer_of, read_mail
from placet.replies.read_below import LIMIT
from placet.replies.read_clauses import Text
from placet.replies.read_completion import is_strong
from placet.replies.read_facts import UNKNOWN, About
from placet.replies.read_frame import without_codes
from placet.replies.read_own import Own
from placet.replies.read_phrases import Role
from placet.replies.read_questions import Questions
from placet.replies.read_result import Answer, Reading
from placet.replies.read_tokens import composed, tokens
from placet.replies.read_vocabulary import APPROVE, Vocabulary
from placet.replies.refusals import Unclear

_SHOWN = 80  # characters


@dataclass(frozen=True)
class Guess:
    """What an earlier text was understood as, which was not clear."""

    outcome: str
    comment: str  # that text
    confirming: Own  # the words of the step's own outcomes, and those that say yes to this one
    language: str = ""  # in which it was asked about
    lapsed: bool = False  # a later mail says something else


def confirming_words(known: Vocabulary, language: str) -> Sequence[str]:
    """What says yes, to a mail in this language. The word that our mail names counts, whatever languages else do."""
    texts = refusal_texts(settings.PLACET.words_dir)
    codes = [code for code in dict.fromkeys((language, FALLBACK)) if code in texts]
    named = [texts[code].yes for code in codes if texts[code].yes]
    return [*named, *(word for code in codes for word in known.confirms.get(code, ()))]


def read_confirmation(
    mail: Mail,
    guess: Guess,
    outcomes: Collection[str],
    known: Vocabulary,
    about: About = UNKNOWN,
    own: Own | None = None,
    questions: Questions | None = None,
) -> Answer:
    """The guess, with the text that it was made from as comment; or the answer that this mail is by itself. Raises
    Unclear."""
    reading, completes = _reading(mail, guess, outcomes, known, about, own, questions)
    return answer_of(mail, reading, completes=completes)


def reading_of(
    mail: Mail,
    guess: Guess,
    outcomes: Collection[str],
    known: Vocabulary,
    own: Own | None = None,
    questions: Questions | None = None,
) -> Reading:
    """How it is read, for people to look at."""
    return _reading(mail, guess, outcomes, known, UNKNOWN, own, questions)[0]


def _reading(
    mail: Mail,
    guess: Guess,
    outcomes: Collection[str],
    known: Vocabulary,
    about: About,
    own: Own | None,
    questions: Questions | None,
) -> tuple[Reading, bool]:
    """And whether it confirms the guess."""
    mail = replace(mail, own_subject="")
    reading = read_mail(mail, outcomes, known, about, guess.confirming, questions)
    if reading.outcome is None:
        return _without_weak_guess(reading, known, own), False
    strong = is_strong(reading, known, own) and not _agrees(reading, known)
    yes = all(map(guess.confirming.is_label, reading.rests_on))
    confirms = reading.outcome == guess.outcome and (strong or yes or guess.outcome == APPROVE)
    if yes and guess.outcome == APPROVE and (limit := _limit_beside(mail, reading, guess.language, known)):
        return replace(reading, outcome=None, comment="", why=limit, rests_on=(), parts=()), False
    if yes and guess.outcome != APPROVE and reading.comment:
        more = Sentence(LIMIT, text=reading.comment[:_SHOWN])
        return replace(reading, outcome=None, comment="", why=more, rests_on=(), parts=()), False
    if confirms and not guess.lapsed:
        comment = "\n".join(filter(None, (guess.comment, reading.comment)))
        return replace(reading, comment=comment, parts=()), True
    if strong:
        return reading, False
    why = Sentence(_OVER if guess.lapsed else _TWO_MEANINGS, text=_shown(reading.rests_on))
    return replace(reading, outcome=None, comment="", why=why, rests_on=(), language="", parts=()), False


def _without_weak_guess(reading: Reading, known: Vocabulary, own: Own | None) -> Reading:
    """ "No, that is wrong" most likely rejects nothing."""
    likely = reading.likely
    if likely is None:
        return reading
    said = replace(reading, outcome=likely.outcome, rests_on=(likely.words,))
    return reading if is_strong(said, known, own) else replace(reading, likely=None)


def _agrees(reading: Reading, known: Vocabulary) -> bool:
    """Whether all words that decide say no more than that somebody agrees. Not those that our mails offer."""
    labels = {
        text
        for texts in refusal_texts(settings.PLACET.words_dir).values()
        for text in (texts.approve, texts.reject)
    }
    if any(words in labels for words in reading.rests_on):
        return False
    words = [token.text for words in reading.rests_on for token in tokens(composed(words))]
    speaking = [word for word in words if known.speaks_of(word, reading.language)]
    return all(word.startswith(known.agree_stems) for word in speaking)


def _limit_beside(mail: Mail, reading: Reading, language: str, known: Vocabulary) -> Sentence:
    """What leaves an approval open beside a yes, which says nothing of the language that the rest is written in."""
    found = Text.of(composed(without_codes(mail.new_text)), known)
    said = {token.text for words in reading.rests_on for token in tokens(composed(words))}
    for at, token in enumerate(found.tokens):
        for match in () if token.text in said else found.matches[at]:
            if match.meaning.role >= Role.DOUBT and match.meaning.language in (language, FALLBACK, SHARED):
                return Sentence(LIMIT, text=found.written(at, at + match.length)[:_SHOWN])
    return NOTHING


_OVER = gettext_noop("“{text}” answers a question that a later mail of yours has ended.")
_TWO_MEANINGS = gettext_noop("“{text}” may be an answer, or say how you were understood.")


def _shown(words: Sequence[str]) -> str:
    return ", ".join(words)[:_SHOWN]


def may_confirm(answer: Answer, known: Vocabulary, own: Own | None) -> bool:
    """Whether an answer to the ask itself may be meant for the mail that asks how an earlier text was understood."""
    return not is_strong(Reading(answer.outcome, "", NOTHING, answer.rests_on, answer.language), known, own)


def two_meanings(mail: Mail, answer: Answer) -> Unclear:
    """The refusal of such an answer, where what was understood is something else."""
    why = Sentence(_TWO_MEANINGS, text=_shown(answer.rests_on))
    return Unclear(mail.new_text[:READ_TEXT], why, answer.language)
