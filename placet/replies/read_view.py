"""A whole text as one language understands it: its clauses, and what they are beside each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from placet.lib.sentences import NOTHING
from placet.lib.sentences import Sentence as Said  # a sentence of the text is another thing
from placet.replies.languages import SHARED
from placet.replies.read_clauses import Piece, Spoken, Taken, Text, clauses_of, take, tiled
from placet.replies.read_phrases import Meaning, Role
from placet.replies.read_tokens import Kind
from placet.replies.read_vocabulary import REJECT, begins_with, ends_with

_MOST_OF_A_NAME = 5  # words where scripts have no capitals; with ideographs these are characters
_MOST_NAMES = 4  # words of a greeting that may be names


@dataclass
class View:
    """The whole text as one language understands it."""

    code: str
    sentences: list[list[Spoken]]
    explained: int  # words
    whole: bool  # every word is explained
    outcome: str = ""
    problem: Said = NOTHING

    @property
    def known_by_itself(self) -> int:
        """Words that it explains without what all languages share."""
        pieces = (piece for clause in self.clauses() for piece in clause.pieces)
        return sum(p.end - p.start for p in pieces if p.meaning and p.meaning.language == self.code)

    def clauses(self) -> Iterator[Spoken]:
        for sentence in self.sentences:
            yield from sentence


def take_names(sentences: Sequence[list[Spoken]], found: Text) -> None:
    """Greetings: names are not known, and need not be."""
    first = next((sentence for sentence in sentences if sentence), None)
    for sentence in sentences:
        clause = sentence[0] if sentence else None
        if clause is None or clause.taken is not Taken.UNKNOWN:
            continue
        polite = clause.pieces[0].role in (Role.GREETING, Role.COURTESY)
        alone = (
            sentence is first
            and (len(sentence) > 1 or len(sentences) > 1)
            and all(piece.meaning is None for piece in clause.pieces)
        )
        most = _MOST_NAMES if clause.pieces[0].role is Role.GREETING else 2
        if (polite or alone) and _are_names(clause, found, most):
            clause.taken = Taken.FRAME
    _take_signature([sentence for sentence in sentences if sentence], found)
    strong = _is_strong(sentences)
    for sentence in sentences:
        for clause in sentence[1:]:
            one = clause.taken is Taken.UNKNOWN and len(clause.pieces) == 1 and _are_names(clause, found, 1)
            if one and (strong or _has_capitals(clause, found)):
                clause.taken = Taken.FRAME  # "Approved, Tom"


def take_contents(sentence: Sequence[Spoken], found: Text, code: str) -> None:
    """What begins with "that" is what whoever is spoken of before it says, thinks or knows: "Maria decided, that the
    request is approved" and "a pity, that it is refused" are nobody's answer. Behind words that announce one's own it
    may be one: "I inform you, that it is refused"."""
    that = found.known.parts[code].that
    for at, clause in enumerate(sentence):
        begin, end = clause.pieces[0].start, clause.pieces[-1].end
        # "Karar verdi ki, onaylandı": some have it before the comma.
        if not at or not (
            begins_with(found.words[begin:end], that) or ends_with(found.words, begin - 1, that)
        ):
            continue
        before = _right_before(sentence[:at], found, code)
        if before and before.outcome == REJECT:
            if any(found.speaks_of(word, code) == REJECT for word in range(begin, end)):
                clause.taken, clause.outcome = Taken.DOUBT, ""  # "I object that it is rejected"
        elif clause.outcome and not (
            before and (before.taken is Taken.DECIDES or _announces(before, found, code))
        ):
            clause.taken, clause.outcome = Taken.DOUBT, ""


def take_reported(sentence: Sequence[Spoken], found: Text, code: str) -> None:
    """What somebody else's decision is, and what something shows, is nobody's answer: "Maria has decided, approved".
    Who answers may report, too, or go by it: "we have decided, approved", "as the comparison shows, approved"."""
    parts = found.known.parts[code]
    reported = False
    for clause in sentence:
        begin, end = clause.pieces[0].start, clause.pieces[-1].end
        if clause.outcome and reported:
            clause.taken, clause.outcome = Taken.DOUBT, ""
        verb = ends_with(found.words[begin:end], end - begin, parts.reports)
        ours = any((word,) in parts.myself for word in found.words[begin:end])
        followed = begins_with(found.words[begin:end], parts.as_reported)
        reported |= not clause.outcome and 0 < verb < end - begin and not (ours or followed)


def _right_before(before: Sequence[Spoken], found: Text, code: str) -> Spoken | None:
    """The last clause that does not only say to whom, and how: "unfortunately"."""
    return next((clause for clause in reversed(before) if _announcing_words(clause, found, code)), None)


def _announces(clause: Spoken, found: Text, code: str) -> bool:
    return _announcing_words(clause, found, code) in found.known.parts[code].announces


def _announcing_words(clause: Spoken, found: Text, code: str) -> tuple[str, ...]:
    """Those of a clause without what only says to whom, and how: "I inform" of "I hereby inform you"."""
    announced_to = found.known.parts[code].announced_to
    words = found.words[clause.pieces[0].start : clause.pieces[-1].end]
    return tuple(word for word in words if (word,) not in announced_to)


def take_unfinished(sentences: Sequence[list[Spoken]], found: Text, code: str) -> None:
    """A "but" or a colon that nothing follows in the whole text leaves the answer open: "Approved, but...". The rest is
    in a picture, or was never written. Thanks are a rest, "please" is none. A "but" that goes on in the next words is
    no clause, and neither is one that may end a sentence: "approved nevertheless"."""
    followed = False  # in a sentence below
    for sentence in reversed(sentences):
        goes_on = followed
        for at in range(len(sentence) - 1, -1, -1):
            clause = sentence[at]
            turns = clause.pieces[-1].role is Role.BUT
            polite = {piece.role for piece in clause.pieces} <= _POLITE
            thanks = any(is_thanks(piece, found, code) for piece in clause.pieces)
            open_end = clause.outcome and clause is sentence[-1] and _ends_with_colon(clause, found)
            if goes_on or (turns and _may_end(clause.pieces[-1], found, code)):
                if turns and clause.taken is not Taken.QUESTION:
                    del sentence[at]
            elif open_end or (clause.after_but and (turns or (polite and not thanks))):
                clause.taken, clause.outcome = Taken.DOUBT, ""
            says = not (turns or polite or clause.taken is Taken.FRAME)
            followed = followed or says
            goes_on = goes_on or says or thanks


_POLITE = {Role.FILLER, Role.COURTESY, Role.GREETING}


def is_thanks(piece: Piece, found: Text, code: str) -> bool:
    """Whether something polite does not ask for more, as "please" does."""
    words = tuple(found.words[piece.start : piece.end])
    return piece.role is Role.COURTESY and words not in found.known.parts[code].myself


def _may_end(turn: Piece, found: Text, code: str) -> bool:
    """Whether a "but" also stands at the end of a sentence, by the language: there it is a filler, too."""
    goes_on = [token.text for token in found.tokens[turn.end : turn.end + 2]]
    dots = goes_on == [".", "."] or goes_on[:1] in (["…"], [":"], ["："])
    return not dots and any(
        match.meaning == Meaning(code, Role.FILLER) and match.length == turn.end - turn.start
        for match in found.matches[turn.start]
    )


def _ends_with_colon(clause: Spoken, found: Text) -> bool:
    end = clause.pieces[-1].end
    behind = [token.text for token in found.tokens[end : end + 2]]
    return behind[:1] in ([":"], ["："]) and behind[1:] in ([], ["\n"])


def _is_strong(sentences: Sequence[list[Spoken]]) -> bool:
    return any(clause.taken is Taken.DECIDES and not clause.weak for s in sentences for clause in s)


def _has_capitals(clause: Spoken, found: Text) -> bool:
    """Whether its words are written with capitals. There are scripts without."""
    places = range(clause.pieces[0].start, clause.pieces[-1].end)
    return all(found.tokens[at].text != found.written(at, at + 1) for at in places)


def _take_signature(spoken: Sequence[list[Spoken]], found: Text) -> None:
    """A name in a line of its own at the end. In scripts without capitals it stands below a strong answer and a blank
    line, or below a word of thanks."""
    if not spoken or len(spoken[-1]) != 1:
        return
    clause = spoken[-1][0]
    if clause.taken not in (Taken.UNKNOWN, Taken.HARMLESS):
        return
    start, end = clause.pieces[0].start, clause.pieces[-1].end
    above = found.tokens[max(start - 2, 0) : start]
    own_line = (
        above and above[-1].kind is Kind.NEWLINE and all(t.kind is not Kind.END for t in found.tokens[end:])
    )
    if not own_line or any(word[:1].isdigit() for word in found.words[start:end]):
        return
    if _has_capitals(clause, found):
        named = all(piece.meaning is None for piece in clause.pieces) and _are_names(clause, found, 3)
    else:
        roles = {piece.role for one in (spoken[-2] if len(spoken) > 1 else []) for piece in one.pieces}
        apart = _is_strong(spoken) and all(token.kind is Kind.NEWLINE for token in above)
        polite = {piece.role for piece in clause.pieces} <= {None, Role.FILLER, Role.COURTESY, Role.GREETING}
        named = (apart or roles == {Role.COURTESY}) and polite and end - start <= _MOST_OF_A_NAME
    if named:
        clause.taken = Taken.FRAME


def _are_names(clause: Spoken, found: Text, most: int) -> bool:
    """Whether what is not understood may be names: few words with capitals, nothing that speaks of an answer."""
    unknown = clause.unknown
    others = [piece.role for piece in clause.pieces if piece.meaning]
    return (
        len(unknown) <= most
        and all(found.tokens[piece.start].capital for piece in unknown)
        and not any(found.words[piece.start][:1].isdigit() for piece in unknown)
        and all(role in (Role.GREETING, Role.COURTESY, Role.FILLER) for role in others)
    )


def languages_of(found: Text) -> list[str]:
    """Those that know a word which decides, and those that know half of the words or more, for they may understand
    the text in another way. Of words that all share, the language that knows most besides."""
    knows: dict[str, int] = {}
    decides: set[str] = set()
    for matches in found.matches:
        for code in {match.meaning.language for match in matches}:
            knows[code] = knows.get(code, 0) + 1
        decides.update(match.meaning.language for match in matches if match.meaning.outcome)
    most = max((count for code, count in knows.items() if code != SHARED), default=0)
    half = len(found.words) / 2
    return [
        code
        for code in found.known.codes
        if code in decides
        or (knows.get(code, 0) and (knows[code] >= half or (knows[code] == most)))
        or (not most and SHARED in knows and code == found.known.codes[0])
    ]


def view_of(found: Text, code: str) -> View:
    """The text as one language understands it, not yet judged as a whole."""
    sentences = []
    for sentence in found.sentences:
        clauses: list[Spoken] = []
        for span in sentence.spans:
            opens = all(clause.pieces[-1].role is Role.BUT for clause in clauses)
            clauses += clauses_of(tiled(found, span, code), span.pause, opens=opens)
        for clause in clauses:
            take(clause, found, code, asks=sentence.asks and clause is clauses[-1])
        take_contents(clauses, found, code)
        take_reported(clauses, found, code)
        sentences.append(clauses)
    take_names(sentences, found)
    take_unfinished(sentences, found, code)
    spoken = [clause for clauses in sentences for clause in clauses]
    pieces = [piece for clause in spoken for piece in clause.pieces]
    return View(
        code,
        sentences,
        explained=sum(piece.end - piece.start for piece in pieces if piece.meaning),
        whole=all(p.meaning for clause in spoken if clause.taken is not Taken.FRAME for p in clause.pieces),
    )
