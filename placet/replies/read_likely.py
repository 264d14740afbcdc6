"""What a text most likely says that is not clear: never applied, but shown to whoever wrote it, to be confirmed.

Whoever is asked may say "yes" in haste. So a guess is made only of a text that says one answer in words, beside others
that are not understood, and does not look like a limit to what was learned of letters (`read_weights`):

- an approval: a clause that decides it strongly; no doubt, denial, question or word against it in any other, in
  whatever language (`against`), and no number but the request's own amounts
- a rejection: the same; or words that reject in a clause of which the rest is not understood, near the end, or a "not"
  right beside a word of approving; doubts and reasons around it change nothing
- either, where the text looks like hardly anything else by what was learned of letters. What makes a clear approval
  unclear leaves none of an approval to be confirmed there either, but for words that the rules take for a doubt by
  themselves: of "it is approved, for 900 at most" a "yes" would leave the limit out
- neither, where another language finds the other answer, or where it names another thing than the request's
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from placet.lib.sentences import Sentence as Said  # a sentence of the text is another thing
from placet.replies.read_clauses import Piece, Sentence, Spoken, Taken, Text, shortened
from placet.replies.read_facts import About, numbers_in
from placet.replies.read_matter import other_matter
from placet.replies.read_parts import part_alone
from placet.replies.read_phrases import Role
from placet.replies.read_signs import (
    KINDS,
    MOST_SENTENCES,
    Shares,
    most_understood,
    places_of,
    request_stems,
    signs_of,
    words_of,
)
from placet.replies.read_topic import other_topic
from placet.replies.read_view import View
from placet.replies.read_vocabulary import APPROVE, REJECT
from placet.replies.read_weights import SentenceWeights, sentence_weights, text_shares

#: The least share of a text with which an answer is offered, by what was learned of letters alone, and where the rules
#: find words of it besides.
LEAST = {APPROVE: 0.6, REJECT: 0.65}
LEAST_BY_RULES = {APPROVE: 0.1, REJECT: 0.1}

Against = Callable[[View], Said]

_BARS = frozenset({Taken.QUESTION, Taken.RETRACTION})
_OPEN = frozenset({Taken.DOUBT, Taken.NEGATED, Taken.ELSEWHERE, *_BARS})
_NEGATIONS = frozenset({Role.NEGATION, Role.NEGATION_HELPER})
_BETWEEN = frozenset({Role.FILLER, Role.COURTESY})
_MOST_BEHIND = 1  # sentences behind one that rejects
_LONGEST_WORDS = 79  # characters of a clause that are shown whole


@dataclass(frozen=True)
class Likely:
    """The one likely answer of a text that is not clear."""

    outcome: str
    words: str  # those that it is taken from, as they were written, shortened
    answers: Mapping[str, str] = field(default_factory=dict)  # to questions, by their names, as written


def likely(found: Text, views: Sequence[View], about: About, against: Against) -> Likely | None:
    """What a text most likely says, if that is one answer. `views`: of all languages that know a word of it; `against`:
    what makes a text unclear that one of them finds an approval in."""
    sentences = saying(found, views)
    if found.too_long or found.frame.said_below or not 0 < len(sentences) <= MOST_SENTENCES:
        return None
    shares = sentence_shares(found, sentences, about, sentence_weights())
    said = text_shares(signs_of(found, shares, views, about))
    view = most_understood(views)
    by_rules = _by_rules(found, view, views, about, against) if view else None
    if by_rules and said[by_rules.outcome] >= LEAST_BY_RULES[by_rules.outcome]:
        return by_rules
    outcome = max(LEAST, key=said.__getitem__)
    if said[outcome] < LEAST[outcome] or (
        view and _is_of_another_or_less(found, outcome, view, about, against)
    ):
        return None
    at = KINDS.index(outcome)
    _share, best = max(zip(shares, sentences, strict=True), key=lambda one: one[0][at])
    words = " ".join(found.written(best.spans[0].start, best.spans[-1].end).split())
    return Likely(outcome, words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]}…")


def _by_rules(
    found: Text, view: View, views: Sequence[View], about: About, against: Against
) -> Likely | None:
    """The answer that a text says in words, in the language that understands most of it."""
    clauses = [*view.clauses()]
    last = _near_end(view)
    said = [
        (clause, outcome)
        for clause in clauses
        if (outcome := _outcome(clause, found, view.code, is_last=clause in last))
    ]
    outcomes = {outcome for _clause, outcome in said}
    elsewhere = {clause.outcome for one in views for clause in one.clauses() if not clause.weak} - {""}
    if len(outcomes) != 1 or elsewhere - outcomes or any(clause.taken in _BARS for clause in clauses):
        return None
    clause, outcome = next((one for one in said if one[0].taken is Taken.DECIDES), said[0])
    if outcome == APPROVE and (
        _may_be_less(found, clauses, about) or against(replace(view, outcome=APPROVE))
    ):
        return None
    judged = _as_decided(view, clause, outcome) if _rejects(clause) else replace(view, outcome=outcome)
    if other_matter(found, judged, about) or (_rejects(clause) and _is_another(found, judged, about)):
        return None
    words = shortened(found, clause)
    return Likely(outcome, words if len(words) <= _LONGEST_WORDS else f"{words}…")


def _as_decided(view: View, guessed: Spoken, outcome: str) -> View:
    """A view in which a clause decides that is guessed to."""
    decided = replace(guessed, taken=Taken.DECIDES, outcome=outcome)
    sentences = [[decided if one is guessed else one for one in sentence] for sentence in view.sentences]
    return replace(view, sentences=sentences, outcome=outcome)


def _is_another(found: Text, view: View, about: About) -> bool:
    """Whether it speaks of another thing than the request, or of a part of it."""
    return bool(other_topic(found, view, about) or part_alone(found, view, about))


def _near_end(view: View) -> list[Spoken]:
    """The last clauses of sentences behind which at most one more says something: what stands before may tell what
    was, and "sorry for having rejected it, enjoy" goes on."""
    near: list[Spoken] = []
    behind = 0
    for sentence in reversed(view.sentences):
        said = [clause for clause in sentence if clause.taken is not Taken.FRAME]
        near += said[-1:] if behind <= _MOST_BEHIND else []
        behind += any(clause.taken is not Taken.HARMLESS for clause in said)
    return near


def _outcome(clause: Spoken, found: Text, code: str, *, is_last: bool) -> str:
    """The outcome that a clause decides, or a rejection: by words that reject, or a "not" right beside a word of
    approving."""
    if clause.taken is Taken.DECIDES:
        return clause.outcome
    if is_last and _rejects(clause):
        return REJECT
    denied = [at for at, piece in enumerate(clause.pieces) if piece.role is Role.NEGATION]
    if clause.taken not in (Taken.UNKNOWN, Taken.NEGATED) or len(denied) != 1:
        return ""
    spoken = [_speaks_of(piece, found, code) for piece in clause.pieces]
    beside = (_next(clause.pieces, denied[0], step) for step in (1, -1))
    is_denied = any(0 <= at < len(spoken) and spoken[at] == APPROVE for at in beside)
    return REJECT if is_denied and {*spoken} <= {"", APPROVE} else ""


def _rejects(clause: Spoken) -> bool:
    """Whether words of a clause that is not understood reject strongly, and none of it denies them or approves."""
    if clause.taken is not Taken.UNKNOWN:
        return False
    meant = {(piece.role, piece.meaning.outcome) for piece in clause.pieces if piece.meaning}
    others = {role for role, outcome in meant if outcome and (role, outcome) != (Role.DECIDES, REJECT)}
    return (Role.DECIDES, REJECT) in meant and not others and not _NEGATIONS & {role for role, _ in meant}


def _speaks_of(piece: Piece, found: Text, code: str) -> str:
    return piece.meaning.outcome if piece.meaning else found.speaks_of(piece.start, code)


def _next(pieces: Sequence[Piece], at: int, step: int) -> int:
    """The piece beside one, past words that say nothing."""
    at += step
    while 0 <= at < len(pieces) and (pieces[at].role in _BETWEEN or pieces[at].role is Role.NEGATION_HELPER):
        at += step
    return at


def _may_be_less(found: Text, clauses: Sequence[Spoken], about: About) -> bool:
    """Whether an approval may be a weak one, or one of less."""
    strong = any(clause.taken is Taken.DECIDES and not clause.weak for clause in clauses)
    open_ = any(
        clause.taken in _OPEN or any(piece.role is Role.AGAINST for piece in clause.pieces)
        for clause in clauses
    )
    return not strong or open_ or _has_other_numbers(found, about)


def _has_other_numbers(found: Text, about: About) -> bool:
    """Whether numbers stand there that are not the amounts asked for."""
    text = found.text[: found.frame.end]
    others = any(letter.isnumeric() and not ("0" <= letter <= "9") for letter in text)
    return others or not about.numbers.issuperset(numbers_in(text))


def _is_of_another_or_less(found: Text, outcome: str, view: View, about: About, against: Against) -> bool:
    """Whether a text that says this would speak of another thing than the request, of a part of it, or of less."""
    answered = replace(view, outcome=outcome)
    if outcome == APPROVE and (_has_other_numbers(found, about) or against(answered)):
        return True
    return bool(other_matter(found, answered, about)) or _is_another(found, answered, about)


# --- what was learned of letters --------------------------------------------------------------------------------


def saying(found: Text, views: Sequence[View]) -> Sequence[Sentence]:
    """The sentences that are more than a greeting."""
    framed = {
        at
        for view in views
        for at, clauses in enumerate(view.sentences)
        if clauses and all(clause.taken is Taken.FRAME for clause in clauses)
    }
    return [one for at, one in enumerate(found.sentences) if one.spans and at not in framed]


def sentence_shares(
    found: Text, sentences: Sequence[Sentence], about: About, weights: SentenceWeights
) -> Sequence[Shares]:
    stems = request_stems(about)
    return [weights.shares(places_of(words_of(found, one, stems))) for one in sentences]
