"""A reply to the mail that asks for what an earlier, clear answer lacks: it is that, or an answer of its own.

The earlier answer and the text are read together, as if the text stood below the answer in one mail: what makes such a
mail unclear does so here, too, and the comment is cut from greetings, names and signatures by the same rules (`read`,
`read_comment`). But time has passed between the two, so that less is believed than of one mail:

- the text has to begin with a statement: "Wait", "If Carol agrees" and "What do you mean?" complete nothing
- below an answer that grants, no word may deny or speak against it
- another outcome counts only in words that speak of approving and rejecting, or in the process's own: "yes", "ok" and a
  thumb may say that our mail was seen
- the subject says nothing, for it is ours

Lines that answer questions of the step are taken out first, as of any reply, and are no comment.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from placet.lib.sentences import NOTHING, Sentence
from placet.replies import read_frame, read_questions
from placet.replies.languages import SHARED
from placet.replies.parse import Mail
from placet.replies.read import answer_of, read_mail, with_signature
from placet.replies.read_clauses import Taken, Text
from placet.replies.read_facts import UNKNOWN, About
from placet.replies.read_own import SIGNS, Own, first_said
from placet.replies.read_phrases import Role
from placet.replies.read_questions import Given, Questions
from placet.replies.read_result import Answer, Reading
from placet.replies.read_tokens import Kind, composed, is_ideograph, tokens
from placet.replies.read_vocabulary import APPROVE, REJECT, Vocabulary, begins_with

_NO_STATEMENT = frozenset({Taken.DOUBT, Taken.QUESTION, Taken.RETRACTION, Taken.NEGATED})
_AGAINST = frozenset({Role.AGAINST, Role.NEGATION, Role.NEGATION_HELPER, Role.RETRACTION, Role.DOUBT})
_STATES = frozenset({Role.NEGATION, Role.AGAINST, Role.REMARK, Role.BECAUSE})  # how a short reason may begin
_SHOWN = 80  # characters
_LONGEST_TURN = 12  # words; where scripts have no blanks, characters
_BESIDE_A_TURN = 1  # words that may stand beside some that turn an answer: "let it through please"
_LONGEST_ORDER = 4  # words


@dataclass(frozen=True)
class Earlier:
    """What was answered before, as far as it goes."""

    outcome: str
    comment: str = ""
    is_granted: bool = False
    label: str = ""  # of an outcome of the step's own: a word that a reply says for it

    @property
    def written(self) -> str:
        """It, as a sentence that is understood in every language."""
        return f"{self.label or SIGNS[APPROVE if self.is_granted else REJECT]}."


def read_completion(
    mail: Mail,
    earlier: Earlier,
    outcomes: Collection[str],
    known: Vocabulary,
    about: About = UNKNOWN,
    own: Own | None = None,
    questions: Questions | None = None,
) -> Answer:
    """The earlier answer with the comment that this mail gives, or the answer that it is by itself. Raises Unclear."""
    reading, completes = _without_answers(mail, earlier, outcomes, known, about, own, questions)
    # It lacks a comment already; what it may say is not asked besides.
    return answer_of(mail, replace(reading, likely=None), completes=completes)


def reading_of(
    mail: Mail,
    earlier: Earlier,
    outcomes: Collection[str],
    known: Vocabulary,
    own: Own | None = None,
    questions: Questions | None = None,
) -> Reading:
    """How it is read, for people to look at. The earlier answer stands in it as a sign, or in its own words."""
    return _without_answers(mail, earlier, outcomes, known, UNKNOWN, own, questions)[0]


def _without_answers(
    mail: Mail,
    earlier: Earlier,
    outcomes: Collection[str],
    known: Vocabulary,
    about: About,
    own: Own | None,
    questions: Questions | None,
) -> tuple[Reading, bool]:
    """How it is read without the lines that answer questions, which go along with it."""
    mail = replace(mail, own_subject="")
    given: tuple[Given, ...] = ()
    if questions is not None:
        mail, given, problem = _taken_out(mail, questions, known)
        if problem:
            return Reading(None, "", problem, given=given), False
    reading, completes = _reading(mail, earlier, outcomes, known, about, own)
    return replace(reading, given=given), completes


def _taken_out(
    mail: Mail, questions: Questions, known: Vocabulary
) -> tuple[Mail, tuple[Given, ...], Sentence]:
    if read_questions.answers_in(mail.quoted_else, questions, known):
        return mail, (), read_questions.QUOTED
    text = read_frame.without_codes(composed(with_signature(mail.new_text, mail)))
    text, below = read_frame.at_dashes(text)
    taken = read_questions.take_out(text, questions, known)
    problem = taken.problem
    if not problem and read_questions.below_dashes(below, taken, questions, known):
        problem = read_questions.BELOW_DASHES
    return replace(mail, new_text=taken.text + below, set_apart=""), taken.given, problem


def _reading(
    mail: Mail,
    earlier: Earlier,
    outcomes: Collection[str],
    known: Vocabulary,
    about: About,
    own: Own | None,
) -> tuple[Reading, bool]:
    """And whether it completes the earlier answer."""
    alone = read_mail(mail, outcomes, known, about, own)
    if alone.outcome is not None and is_strong(alone, known, own):  # it is whole, or lacks the same once more
        completes = alone.outcome == earlier.outcome
        return (_with_comment(alone, earlier) if completes else alone), completes
    if alone.outcome not in (None, earlier.outcome):
        return _unclear(alone, Sentence("“{text}” may be another answer.", text=_shown(alone))), False
    greeting, said = _parted(mail, known)
    below = f"{greeting}\n\n{earlier.written}\n\n{said}".lstrip()
    together = read_mail(replace(mail, new_text=below) if said else mail, outcomes, known, about, own)
    without_greeting = read_mail(replace(mail, new_text=said), outcomes, known, about, own)
    problem = together.why if together.outcome != earlier.outcome else NOTHING
    problem = problem or _no_statement(without_greeting, together)
    if earlier.is_granted:
        problem = problem or _speaks_against(together.comment, alone, known)
    problem = problem or _no_reason(together.comment, earlier, known)
    if problem:
        return _unclear(alone, problem), False
    reading = _with_comment(together, earlier)
    return replace(reading, rests_on=alone.rests_on, language=alone.language or together.language), True


def _with_comment(reading: Reading, earlier: Earlier) -> Reading:
    return replace(reading, comment="\n".join(filter(None, (earlier.comment, reading.comment))))


def _unclear(alone: Reading, why: Sentence) -> Reading:
    return replace(alone, outcome=None, comment="", why=why, rests_on=(), parts=())


def _shown(reading: Reading) -> str:
    return ", ".join(reading.rests_on)[:_SHOWN]


def _parted(mail: Mail, known: Vocabulary) -> tuple[str, str]:
    """What greets, and the text from the first sentence on that does not."""
    text = composed(mail.new_text)
    found = Text.of(text, known)
    at = None if found.too_long else first_said(found, known)
    begin = found.tokens[at - 1].end if at else 0
    return text[:begin], text[begin:].strip()


def is_strong(reading: Reading, known: Vocabulary, own: Own | None) -> bool:
    """Whether its words speak of approving or rejecting in any form, or are those of the step's own."""
    if own is not None and any(own.is_label(written) for written in reading.rests_on):
        return True
    written = " ".join(reading.rests_on)
    words = [token.text for token in tokens(composed(written)) if token.kind is Kind.WORD]
    matches = (match for at in range(len(words)) for match in known.phrases.matches(words, at))
    decides = any(match.meaning.role is Role.DECIDES for match in matches)
    return decides and any(known.speaks_of(word, reading.language) for word in words)


def _no_statement(alone: Reading, together: Reading) -> Sentence:
    """The first clause that is neither the answer nor polite, if it leaves something open."""
    for reading in (alone, together):
        clauses = (clause for clause in reading.clauses if clause.taken not in (Taken.FRAME, Taken.DECIDES))
        first = next(clauses, None)
        if first is not None and first.taken in _NO_STATEMENT:
            return Sentence("“{text}” leaves the answer open.", text=first.text[:_SHOWN])
    return NOTHING


def _speaks_against(comment: str, alone: Reading, known: Vocabulary) -> Sentence:
    words = [token.text if token.kind is Kind.WORD else "" for token in tokens(composed(comment))]
    matches = (match for at, word in enumerate(words) if word for match in known.phrases.matches(words, at))
    meanings = (match.meaning for match in matches)
    if any(one.role in _AGAINST and one.language in (alone.language, SHARED) for one in meanings):
        return Sentence("“{text}” may take the answer back.", text=comment[:_SHOWN])
    return NOTHING


def _no_reason(comment: str, earlier: Earlier, known: Vocabulary) -> Sentence:
    """A comment that may turn the earlier answer: below one that grants, by any such word; below a rejection, where
    reasons speak of errors too, by a line that begins with one and says little else. Or a short order: "Carol decides
    this". A greeting may stand above, in another line."""
    for line in comment.split("\n"):
        words = [token.text for token in tokens(composed(line)) if token.kind is Kind.WORD]
        turns = [begins_with(words[at : at + _LONGEST_TURN], known.lines.turns) for at in range(len(words))]
        first = next(iter(turns), 0)
        short = len(words) <= first + (0 if first == 1 else _BESIDE_A_TURN)
        if (any(turns) if earlier.is_granted else first and short) or _is_doubt(words, known):
            return Sentence("“{text}” may take the answer back.", text=comment[:_SHOWN])
        if _is_order(words, known):
            return Sentence("“{text}” leaves the answer open.", text=comment[:_SHOWN])
    return NOTHING


def _is_doubt(words: Sequence[str], known: Vocabulary) -> bool:
    """Whether they are one phrase that takes back or leaves open in some language: "oops"."""
    matches = known.phrases.matches(words, 0) if words else []
    return any(match.length == len(words) and match.meaning.role >= Role.DOUBT for match in matches)


def _is_order(words: Sequence[str], known: Vocabulary) -> bool:
    """Few words that do not begin like a statement ("we need it") and end with one that stands for something else:
    "trash it", "Carol handles this, please"."""
    if not 1 < len(words) <= _LONGEST_ORDER or any(map(is_ideograph, words)):
        return False
    silent = frozenset().union(*known.silent.values())
    roles = {match.meaning.role for match in known.phrases.matches(words, 0)}
    return (words[-1],) in silent and not begins_with(words, silent) and not roles & _STATES
