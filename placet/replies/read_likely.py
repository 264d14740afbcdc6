"""What a text most likely says that is not clear: never applied, but shown to whoever wrote it, to be confirmed.

A guess names one outcome, and the words that it is taken from. There is none where the text asks something, takes
something back or speaks of two outcomes; and none of an approval where a doubt, a number that is not the request's or a
word against it stands in the sentence that would decide, or below: of "yes, if Carol agrees" nothing is offered to be
confirmed, because a "yes" to that would leave the condition out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from placet.replies.read_clauses import Spoken, Taken, Text, View, shortened
from placet.replies.read_facts import About, numbers_in
from placet.replies.read_phrases import Role
from placet.replies.read_vocabulary import APPROVE, REJECT

_BARS = frozenset({Taken.QUESTION, Taken.RETRACTION})
_SPEAKING = frozenset(
    {Taken.UNKNOWN, Taken.NEGATED, Taken.REASON}
)  # may speak of an outcome without a phrase that is known for it
_OPEN = frozenset({Taken.DOUBT, Taken.NEGATED, Taken.ELSEWHERE})
_NEGATIONS = frozenset({Role.NEGATION, Role.NEGATION_HELPER})


@dataclass(frozen=True)
class Likely:
    """The one likely answer of a text that is not clear."""

    outcome: str
    words: str  # those that it is taken from, as they were written, shortened
    answers: Mapping[str, str] = field(default_factory=dict)  # to questions, by their names, as written


def likely(found: Text, views: Sequence[View], about: About) -> Likely | None:
    """What a text most likely says, in the language that understands most of it."""
    if not views or found.too_long or found.frame.said_below:
        return None
    view = max(views, key=lambda view: (view.known_by_itself, view.explained))
    if any(clause.taken in _BARS for clause in view.clauses()):
        return None
    refused = any(clause.outcome == REJECT and not clause.weak for clause in view.clauses())
    said = [
        (clause, outcome)
        for clause in view.clauses()
        if (outcome := _spoken(clause, found, view.code, strongly=refused))
    ]
    outcomes = {outcome for _clause, outcome in said}
    if len(outcomes) != 1 or (outcomes == {APPROVE} and _may_be_less(found, view, about)):
        return None
    clause, outcome = next((one for one in said if one[0].taken is Taken.DECIDES), said[-1])
    return Likely(outcome, shortened(found, clause))


def _spoken(clause: Spoken, found: Text, code: str, *, strongly: bool = False) -> str:
    """The outcome that a clause decides; or the one that its words speak of, which a "not" turns into a rejection; none
    where a "not" stands beside a rejection. `strongly`: a mere "yes" speaks of none ("I said yes last year, now I
    reject it")."""
    if clause.taken is Taken.DECIDES:
        return clause.outcome
    if clause.taken not in _SPEAKING:
        return ""
    negations = sum(piece.role in _NEGATIONS for piece in clause.pieces)
    if negations > 1:
        return ""  # "I see no reason not to sign"
    words = {found.speaks_of(piece.start, code) for piece in clause.unknown}
    meanings = [piece.meaning for piece in clause.pieces if piece.meaning]
    words |= {one.outcome for one in meanings if one.role is Role.DECIDES or not strongly}
    match [*(words - {""})]:
        case [only] if not negations or only == APPROVE:
            return REJECT if negations else only
    return ""


def _may_be_less(found: Text, view: View, about: About) -> bool:
    """Whether an approval may be one of less, or of something else."""
    speaks = [any(_spoken(clause, found, view.code) for clause in sentence) for sentence in view.sentences]
    numbers = about.numbers
    for clause in (clause for sentence in view.sentences[speaks.index(True) :] for clause in sentence):
        if clause.taken in _OPEN or any(piece.role is Role.AGAINST for piece in clause.pieces):
            return True
        written = found.written(clause.pieces[0].start, clause.pieces[-1].end)
        if not numbers.issuperset(numbers_in(written)):
            return True
    return False
