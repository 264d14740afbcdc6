"""What a text that is not clear is weighed by (`read_weights`): signs of each sentence, and of the text as a whole.

A sentence has its words, what stands beside each, and the pieces of a few letters that they are made of: a form of a
word that no list has is like one that a list has. What only names the request is one and the same word, and so is
every number: whoever made the request chose them. A word that any language decides, denies or limits by is never taken
for the request's.

A text has what its sentences weigh, by where they stand, and what the rules of `read` made of its clauses.
"""

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import islice
from zlib import crc32

from placet.replies.read_clauses import Sentence, Taken, Text
from placet.replies.read_facts import About, numbers_in
from placet.replies.read_phrases import Match, Role
from placet.replies.read_tokens import Kind, is_ideograph, phrase
from placet.replies.read_view import View
from placet.replies.read_vocabulary import APPROVE, REJECT

#: What a sentence may be beside others: mere talk, a limit (a condition, a question, what others say, another matter),
#: or the answer.
KINDS = ("talk", "limit", REJECT, APPROVE)
PLACES = 1 << 18  # that signs of sentences fall into: two in one place weigh the same
MOST_SENTENCES = 40  # of a text that is weighed
_MOST_LETTERS = 1_000  # of a sentence
_WORDS_TOGETHER = (1, 2, 3)
_LETTERS_TOGETHER = (2, 3, 4, 5)
_MOST_OF_REQUEST = 2_000  # words
_LONGEST_SHOWN = 2_000  # characters of one text that an ask shows
_SHORTEST_OF_REQUEST = 4  # letters
_STEM = 5  # letters by which forms of a word of the request are alike
_NUMBER, _OF_REQUEST, _ASKS = "0", "§", "?"
_LEAST_SHARE = 0.001
_NOT_SAID = (Taken.FRAME,)

Shares = Sequence[float]  # of the KINDS, as many


# --- of a sentence ----------------------------------------------------------------------------------------------


def request_stems(about: About) -> frozenset[str]:
    """How the words begin that an ask shows."""
    shown = (text for one in about.fields for text in (one.label, *one.shown))
    texts = (*about.texts, *about.names, *shown)
    words = (
        word for text in texts for word in phrase(text[:_LONGEST_SHOWN]) if len(word) >= _SHORTEST_OF_REQUEST
    )
    return frozenset(word[:_STEM] for word in islice(words, _MOST_OF_REQUEST))


def words_of(found: Text, sentence: Sentence, stems: Set[str]) -> list[str]:
    """The words of a sentence as they are weighed. `stems`: see `request_stems`."""
    words: list[str] = []
    start, end = sentence.spans[0].start, sentence.spans[-1].end
    length = 0
    for at, token in enumerate(found.tokens[start:end], start):
        length += len(token.text)
        if length > _MOST_LETTERS:
            break
        if any(map(str.isnumeric, token.text)):
            words.append(_NUMBER)
        elif token.kind is Kind.WORD and token.text[:_STEM] in stems and not _says(found.matches[at]):
            words.append(_OF_REQUEST)
        else:
            words.append(token.text)
    return [*words, _ASKS] if sentence.asks else words


def _says(matches: Sequence[Match]) -> bool:
    return any(match.meaning.role >= Role.AGAINST for match in matches)


def places_of(words: Sequence[str]) -> frozenset[int]:
    """Where the signs of a sentence stand in the weights, from 0 to PLACES."""
    return frozenset(crc32(sign.encode()) % PLACES for sign in _signs_of(words))


def _signs_of(words: Sequence[str]) -> Iterator[str]:
    bounded = ["", *words, ""]
    for count in _WORDS_TOGETHER:
        yield from (f"{count} {' '.join(bounded[at : at + count])}" for at in range(len(bounded) - count + 1))
    text = "".join(word if is_ideograph(word) else f" {word}" for word in words) + " "
    for count in _LETTERS_TOGETHER:
        yield from (text[at : at + count] for at in range(len(text) - count + 1))


# --- of a text --------------------------------------------------------------------------------------------------


def signs_of(
    found: Text, shares: Sequence[Shares], views: Sequence[View], about: About
) -> Mapping[str, float]:
    """The signs of a text by their names. `shares`: of each sentence that says something, at least one."""
    view = most_understood(views)
    return {
        "languages": len(views),
        "sentences": math.log(len(shares)),
        "more than one sentence": len(shares) > 1,
        **dict(_weighed(shares)),
        **(dict(_understood(view)) if view else {}),
        "other numbers": not about.numbers.issuperset(numbers_in(found.text[: found.frame.end])),
    }


def most_understood(views: Sequence[View]) -> View | None:
    """The text in the language that understands most of it; None if no language knows a word."""
    return max(views, key=lambda one: (one.known_by_itself, one.explained)) if views else None


def _weighed(shares: Sequence[Shares]) -> Iterator[tuple[str, float]]:
    logs = [[math.log(share + _LEAST_SHARE) for share in of] for of in shares]
    for at, kind in enumerate(KINDS):
        ordered = sorted((of[at] for of in logs), reverse=True)
        yield f"most {kind}", ordered[0]
        yield f"second {kind}", ordered[min(1, len(ordered) - 1)]
        yield f"first {kind}", logs[0][at]
        yield f"last {kind}", logs[-1][at]
        yield f"mean {kind}", sum(of[at] for of in shares) / len(shares)
    for outcome in (APPROVE, REJECT):
        at = KINDS.index(outcome)
        most = max(range(len(logs)), key=lambda one: logs[one][at])
        yield f"limit in most {outcome}", logs[most][KINDS.index("limit")]
        for kind in ("limit", APPROVE if outcome == REJECT else REJECT):
            others = [of[KINDS.index(kind)] for one, of in enumerate(logs) if one != most]
            yield f"{kind} beside most {outcome}", max(others, default=math.log(_LEAST_SHARE))


def _understood(view: View) -> Iterator[tuple[str, float]]:
    """What the rules made of it in the language that understands most."""
    clauses = [clause for clause in view.clauses() if clause.taken not in _NOT_SAID]
    pieces = [piece for clause in clauses for piece in clause.pieces]
    words = sum(piece.end - piece.start for piece in pieces)
    yield "understood", sum(piece.end - piece.start for piece in pieces if piece.meaning) / max(words, 1)
    for taken in Taken:
        if taken not in (*_NOT_SAID, Taken.DECIDES):
            yield f"taken {taken.name.lower()}", any(clause.taken is taken for clause in clauses)
    for outcome in (APPROVE, REJECT):
        decides = [clause for clause in clauses if clause.outcome == outcome]
        yield f"decides {outcome}", bool(decides)
        yield f"decides {outcome} strongly", any(not clause.weak for clause in decides)
