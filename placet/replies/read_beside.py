"""Whether a sentence beside an approval is harmless: thanks, a wish, an opinion.

Words that may stand in an answer without changing it ("the printer", "stays", "here") make a sentence of their own that
says something: "Approved. The printer stays here." What it says is not known, so that it is a limit, as what is not
understood is. So do words against a thing of the request ("the chairs we do not need"), and thanks for a thing of
another kind ("thanks for the chairs", where a laptop is asked for). Other thanks, wishes and opinions do not. As
everywhere, what stands below an answer that has a line for itself is comment.

This only ever adds a doubt.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from babel.numbers import is_currency

from placet.lib.sentences import NOTHING, Sentence
from placet.replies.read_below import LIMIT
from placet.replies.read_clauses import Piece, Spoken, Taken, Text
from placet.replies.read_facts import About
from placet.replies.read_phrases import Role
from placet.replies.read_shown import PLACE, Shown
from placet.replies.read_tokens import is_ideograph
from placet.replies.read_view import View
from placet.replies.read_vocabulary import APPROVE, begins_with

_SHORTEST = 3  # letters of a word that says something
_SHOWN = 80  # characters
_LONGEST_LATER = 6  # words
_MOST_WORDS = 40  # of a sentence that are compared with each word of the request
_MANNERS = (Role.COURTESY, Role.GREETING, Role.REMARK, Role.AGAINST)
_COLONS = (":", "：")


def sentence_beside(found: Text, view: View, about: About) -> Sentence:
    """A sentence behind an approval that says something of its own; NOTHING if none does."""
    if view.outcome != APPROVE:
        return NOTHING
    shown = Shown(about, found.known, view.code)
    is_decided = False
    for sentence in filter(None, view.sentences):
        if any(clause.taken is Taken.DECIDES for clause in sentence):
            is_decided = True
        elif (
            is_decided
            and not is_about_later(sentence, found)
            and _says_something(sentence, found, view.code, shown)
        ):
            written = found.written(sentence[0].pieces[0].start, sentence[-1].pieces[-1].end)
            in_one_line = " ".join(written.split())
            return Sentence(LIMIT, text=in_one_line[:_SHOWN])
    return NOTHING


def _says_something(sentence: Sequence[Spoken], found: Text, code: str, shown: Shown) -> bool:
    if any(clause.taken not in (Taken.HARMLESS, Taken.FRAME) for clause in sentence):
        return False  # what it is has been judged
    if any(clause.pause in _COLONS for clause in sentence):
        return False  # a label and its value
    pieces = [piece for clause in sentence for piece in clause.pieces]
    roles = {piece.role for piece in pieces}
    things = [*islice(_things(pieces, found, code), _MOST_WORDS)]
    if roles.isdisjoint(_MANNERS):
        return bool(things) and None not in roles  # "Tom", as somebody signs
    if Role.AGAINST in roles:
        return any(map(shown.has_word, things))  # "the chairs we do not need"
    if Role.COURTESY not in roles or not shown.kinds:
        return False
    kinds = found.known.values[code].kinds
    of_things = (word for word in things if kinds.get((word,), PLACE) not in (PLACE, *shown.kinds))
    return not all(map(shown.has_word, of_things))  # "thanks for the chairs"


def _things(pieces: Sequence[Piece], found: Text, code: str) -> Iterator[str]:
    """The words that say something: none that adds nothing to an answer, says of which kind a paper is, or is a
    currency."""
    silent, articles = found.known.silent[code], found.known.parts[code].articles
    general, kinds = found.known.general[code], found.known.values[code].kinds
    for piece in pieces:
        words = [found.tokens[at].text for at in range(piece.start, piece.end)]
        if piece.role is not Role.FILLER or tuple(words) in silent:
            continue
        for word in words:
            small = (
                len(word) < _SHORTEST or is_ideograph(word) or not word.isalpha() or is_currency(word.upper())
            )
            if not small and (word,) not in articles and (word not in general or (word,) in kinds):
                yield word


def is_about_later(sentence: Sequence[Spoken], found: Text) -> bool:
    """Whether a sentence begins like one about later requests: "next time please ask earlier"."""
    start = sentence[0].pieces[0].start
    return begins_with(found.words[start : start + _LONGEST_LATER], found.known.lines.next_time) > 0
