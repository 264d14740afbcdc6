"""What a sentence is beside the answer: a reason for it, whose words need not be understood.

Before "I reject it." people write why: that a course looks good, that somebody would have liked it, that money may be
there next year. Their doubts are none about the answer. This holds of a rejection only, which no reason makes less, and
only

- where the rejection is the last word: its sentence says who rejects or what ("I reject it"), ends with it, and hangs
  on nothing that was said before ("then it is rejected")
- of a sentence before it that says more than its doubt: "perhaps." is one about what follows
- that names no condition, no part, no number and nobody's answer: "Only the monitor for
  Bob. It is rejected." rejects one thing of several
- in a language whose file lists what conditions and parts are told by (`limits`)
"""

from collections.abc import Sequence

from placet.replies.read_clauses import Spoken, Taken, Text
from placet.replies.read_phrases import Role
from placet.replies.read_tokens import is_ideograph
from placet.replies.read_view import View
from placet.replies.read_vocabulary import REJECT, begins_with

_SHORTEST_REASON = 4  # words
_SHORTEST_SENTENCE = 2  # the same of one that rejects
_SAYS = (Role.DECIDES, Role.DECIDES_WEAKLY, Role.FILLER, Role.NEGATION, Role.NEGATION_HELPER)
_SIGNS = 2  # of a script without blanks, that are a word


def is_last_word(view: View, found: Text) -> bool:
    """Whether a text ends with a rejection that stands for itself."""
    deciding = [one for one in view.sentences if any(clause.taken is Taken.DECIDES for clause in one)]
    if len(deciding) != 1 or not found.known.parts[view.code].limits:
        return False
    (sentence,) = deciding
    taken = {clause.taken for clause in sentence}
    strong = any(clause.outcome == REJECT and not clause.weak for clause in sentence)
    ends = sentence[-1].taken in (Taken.DECIDES, Taken.HARMLESS, Taken.FRAME)
    stands = ends and taken <= {Taken.DECIDES, Taken.HARMLESS, Taken.FRAME, Taken.UNKNOWN}
    return strong and stands and _is_whole(sentence, found) and not limits(sentence, found, view.code)


def _is_whole(sentence: Sequence[Spoken], found: Text) -> bool:
    """Whether a sentence says who rejects or what: one word may end the sentence before it, or be somebody's that was
    spoken of there."""
    pieces = [piece for clause in sentence for piece in clause.pieces]
    if any(piece.meaning and not piece.meaning.language for piece in pieces):
        return False  # "I reject the leather": a thing that may be one of several
    said = [piece for piece in pieces if piece.role in _SAYS]
    words = [word for piece in said for word in found.words[piece.start : piece.end]]
    return len(words) >= _SHORTEST_SENTENCE * (_SIGNS if all(map(is_ideograph, words)) else 1)


def is_reason(sentence: Sequence[Spoken], found: Text, code: str) -> bool:
    """Whether a sentence with a doubt before the last word is a reason for it."""
    pieces = [piece for clause in sentence for piece in clause.pieces]
    words = [word for word in found.words[pieces[0].start : pieces[-1].end] if word]
    length = len(words) / (_SIGNS if all(map(is_ideograph, words)) else 1)
    says_more = length >= _SHORTEST_REASON and any(piece.meaning is None for piece in pieces)
    return says_more and pieces[-1].role is not Role.BUT and not limits(sentence, found, code)


def limits(sentence: Sequence[Spoken], found: Text, code: str) -> bool:
    """Whether a sentence has a word that an answer may hang on, that parts what is asked for, that counts, or
    that somebody else's answer follows."""
    start, end = sentence[0].pieces[0].start, sentence[-1].pieces[-1].end
    counts, limiting = found.known.values[code].counts, found.known.parts[code].limits
    words = [
        token.text for token in found.tokens[start:end]
    ]  # as written: a slip of the finger makes no reason
    return any(
        word in counts
        or any(map(str.isnumeric, word))
        or begins_with(words[at : at + _LONGEST_LIMIT], limiting)
        for at, word in enumerate(words)
    )


_LONGEST_LIMIT = 4  # words
