"""A text in sentences and clauses, and what one language makes of each clause by itself."""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise, takewhile

from django.utils.translation import gettext

from placet.lib.sentences import gettext_noop
from placet.replies import read_frame
from placet.replies.languages import FALLBACK, SHARED
from placet.replies.read_named import RequestWords, is_kind
from placet.replies.read_phrases import Match, Meaning, Role
from placet.replies.read_tokens import Kind, Token, has_more_tokens, is_ideograph, tokens
from placet.replies.read_vocabulary import APPROVE, REJECT, Vocabulary, begins_with, ends_with

LONGEST_READ = 4_000  # tokens; a longer answer is not understood as a whole
_LONGEST = 2 * LONGEST_READ  # the same with what stands below it

_UNKNOWN, _PIECE = 10_000, 100  # what a tiling of a clause costs
_MOST_ENDS = 5  # signs before a question mark that belong to the same question
_SIGNS_OF_A_WORD = 4  # at most, where each is a token
_MOST_OF_A_THING = 2  # words: "coffee machine"
_MOST_OF_REQUEST = 12  # words of a request in a clause that decides
_BEFORE_A_THING = 8  # words in which an article and what stands before it are looked for
_THING = Meaning("", Role.FILLER)
OF_REQUEST = "request"  # no language: what only names the request


class Taken(StrEnum):
    """What a clause was taken for."""

    DECIDES = gettext_noop("decides")
    HARMLESS = gettext_noop("changes nothing")
    UNKNOWN = gettext_noop("not understood")
    NEGATED = gettext_noop("a negation that decides nothing")
    ELSEWHERE = gettext_noop("speaks of something else")
    REASON = gettext_noop("a reason")
    DOUBT = gettext_noop("a doubt")
    RETRACTION = gettext_noop("takes back")
    QUESTION = gettext_noop("a question")
    FRAME = gettext_noop("greeting, closing or small print")

    @property
    def label(self) -> str:
        """As the reader reads it."""
        return gettext(self.value)


@dataclass(frozen=True)
class Clause:
    """A piece of the text as it was written, and what it was taken for."""

    text: str
    taken: Taken
    outcome: str = ""
    words: tuple[str, ...] = ()  # those that this rests on, as they were written

    def label(self, *, beside_an_answer: bool) -> str:
        """What it was taken for, as the reader reads it: beside an answer that counts the rest is comment, whatever it
        would have been alone."""
        return gettext(_COMMENT) if beside_an_answer and self.taken in _REMARKS else self.taken.label


_COMMENT = gettext_noop("comment")
_REMARKS = frozenset(Taken) - {Taken.DECIDES, Taken.HARMLESS, Taken.FRAME}


def is_too_long(text: str) -> bool:
    """Whether a text is too long to be understood as a whole wherever its answer ends: found before anything is looked
    up, for a megabyte would take a minute."""
    return len(text) > _LONGEST and has_more_tokens(text, _LONGEST)


# --- sentences and clauses ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """Tokens from `start` to `end` without a pause between them."""

    start: int
    end: int
    pause: str  # the sign before it, "" at the beginning of a sentence


@dataclass(frozen=True)
class Sentence:
    spans: tuple[Span, ...]
    asks: bool  # ends with a question mark, or begins with one


@dataclass(frozen=True)
class Text:
    """The text to read, in tokens and sentences, with every phrase that begins at each token."""

    text: str
    tokens: list[Token]
    words: list[str]
    sentences: list[Sentence]
    matches: list[list[Match]]
    known: Vocabulary
    frame: read_frame.Frame
    too_long: bool
    named: frozenset[int] = frozenset()  # tokens that only name the request
    request: RequestWords | None = None

    @classmethod
    def of(
        cls,
        text: str,
        known: Vocabulary,
        form_end: int | None = None,
        *,
        framed: bool = True,
        names: Iterable[tuple[int, int]] = (),
        request: RequestWords | None = None,
    ) -> "Text":
        """Below `form_end` stands what a form says of itself. Not `framed`: all of it is read. `names`: where a text
        only names the request; `request`: its words, which name it in a clause that decides."""
        frame = read_frame.frame(text[:form_end], known) if framed else read_frame.Frame(len(text), "")
        if form_end is not None and frame.end == form_end:
            frame = read_frame.Frame(form_end, "", read_frame.Ends.FORM)
        kept = _joined(text, _apart(tokens(text[: frame.end]), known))
        too_long = len(kept) > LONGEST_READ
        words = [
            "" if token.kind is not Kind.WORD or too_long else known.words.meant(token.text, token.capital)
            for token in kept
        ]
        matches = [known.phrases.matches(words, at) if word else [] for at, word in enumerate(words)]
        places = [*names]
        named = frozenset(
            at
            for at, token in enumerate(kept if places else ())
            if any(start <= token.start < end for start, end in places)
        )
        return cls(text, kept, words, list(_sentences(kept)), matches, known, frame, too_long, named, request)

    def speaks_of(self, at: int, code: str) -> str:
        """The outcome that a word speaks of by how it begins; without blanks between words, so do the next signs."""
        word = self.words[at]
        whole = "".join(self.words[at : at + _SIGNS_OF_A_WORD]) if is_ideograph(word) else word
        return self.known.speaks_of(whole, code)

    def written(self, start: int, end: int) -> str:
        """Tokens as they were written."""
        return self.text[self.tokens[start].start : self.tokens[end - 1].end]


def _apart(found: Sequence[Token], known: Vocabulary) -> list[Token]:
    """Tokens with "dont" taken for the three of "don't"."""
    made: list[Token] = []
    for token in found:
        parts = known.words.apart(token.text) if token.kind is Kind.WORD else (token.text,)
        made += [token] if len(parts) == 1 else [replace(token, text=part) for part in parts]
    return made


def _joined(text: str, kept: Sequence[Token]) -> list[Token]:
    """Without the line breaks inside sentences."""
    made: list[Token] = []
    for at, token in enumerate(kept):
        after = kept[at + 1] if at + 1 < len(kept) else None
        if token.kind is not Kind.NEWLINE or not read_frame.is_soft(text, made, token, after):
            made.append(token)
    return made


def _sentences(kept: Sequence[Token]) -> Iterator[Sentence]:
    spans: list[Span] = []
    start, pause, opened = 0, "", False
    for at, token in enumerate(kept):
        if token.kind is Kind.WORD:
            continue
        if start < at:
            spans.append(Span(start, at, pause))
        start = at + 1
        if token.kind is Kind.PAUSE:
            pause = token.text
            continue
        asks = opened or token.kind is Kind.QUESTION or _goes_on_asking(kept, at)
        if spans or asks:
            yield Sentence(tuple(spans), asks)
        spans, pause, opened = [], "", token.text == _OPENS_QUESTION
    if start < len(kept):
        spans.append(Span(start, len(kept), pause))
    if spans:
        yield Sentence(tuple(spans), opened)


_OPENS_QUESTION = "¿"


def _goes_on_asking(kept: Sequence[Token], at: int) -> bool:
    """ "Approved!?" and "Approved!!?" """
    below = kept[at + 1 : at + 1 + _MOST_ENDS]
    ended = kept[at].kind is Kind.END
    return ended and next((t.kind for t in below if t.kind is not Kind.END), None) is Kind.QUESTION


# --- what one language makes of it ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """A phrase, or one word that is not known (then `meaning` is None)."""

    start: int
    end: int
    meaning: Meaning | None

    @property
    def role(self) -> Role | None:
        return self.meaning.role if self.meaning else None


@dataclass(slots=True)
class Spoken:
    """A clause as one language understands it."""

    pieces: list[Piece]
    pause: str  # the sign before it
    after_but: bool
    opens: bool  # the first of its sentence
    taken: Taken = Taken.UNKNOWN
    outcome: str = ""
    weak: bool = False

    @property
    def unknown(self) -> list[Piece]:
        return [piece for piece in self.pieces if piece.meaning is None]


def tiled(found: Text, span: Span, code: str) -> list[Piece]:
    """The phrases that explain most words of a span; of those the fewest, which are the longest."""
    costs = [0] * (span.end - span.start + 1)
    chosen: list[Piece | None] = [None] * (span.end - span.start)
    for at in range(span.end - 1, span.start - 1, -1):
        here = at - span.start
        costs[here], best = costs[here + 1] + _UNKNOWN, Piece(at, at + 1, None)
        if at in found.named or (at > span.start and _is_numbered(found, at, code)):
            language = OF_REQUEST if at in found.named else SHARED
            costs[here], best = costs[here + 1] + _PIECE, Piece(at, at + 1, Meaning(language, Role.FILLER))
        for match in found.matches[at]:
            if match.meaning.language not in (code, SHARED) or at + match.length > span.end:
                continue
            if at > span.start and _is_answer_too(match, found.matches[at]):
                continue
            cost = costs[here + match.length] + _PIECE - match.meaning.role
            if cost < costs[here]:
                costs[here], best = cost, Piece(at, at + match.length, match.meaning)
        chosen[here] = best
    pieces: list[Piece] = []
    at = span.start
    while at < span.end:
        piece = chosen[at - span.start]
        assert piece is not None
        pieces.append(piece)
        at = piece.end
    return pieces


def _is_answer_too(asks: Match, others: Sequence[Match]) -> bool:
    """Whether words that ask at the beginning are an answer elsewhere: "to approve" and "happy to approve"."""
    return asks.meaning.role is Role.ASKS and any(
        other.meaning.outcome
        and (other.length, other.meaning.language) == (asks.length, asks.meaning.language)
        for other in others
    )


def _is_numbered(found: Text, at: int, code: str) -> bool:
    """Whether a number is only a name: "order 4711"; but "no 4711" may say no."""
    label = found.words[at - 1]
    if found.words[at].isdecimal() and ends_with(found.words, at, found.known.lines.coded):
        return True  # "cost centre 4711"
    decides = any(
        match.meaning.outcome and match.meaning.language in (code, SHARED) for match in found.matches[at - 1]
    )
    return found.words[at].isdecimal() and (label,) in found.known.lines.numbered and not decides


def clauses_of(pieces: Sequence[Piece], pause: str, *, opens: bool) -> list[Spoken]:
    """The pieces, parted where a thought turns or a reason follows. A "but" with nothing behind it is kept as a clause:
    see `take_unfinished`."""
    made = [Spoken([], pause, after_but=False, opens=opens)]
    turn: Piece | None = None
    for piece in pieces:
        if piece.role is Role.BECAUSE and any(p.meaning and p.meaning.outcome for p in made[-1].pieces):
            made.append(Spoken([piece], "", after_but=False, opens=False))
        elif piece.role is Role.BUT:
            turn = piece
            if made[-1].pieces:
                made.append(Spoken([], "", after_but=True, opens=False))
            else:
                made[-1].after_but = True
        else:
            made[-1].pieces.append(piece)
    if turn and not made[-1].pieces:
        made[-1].pieces.append(turn)
    return made


def take(clause: Spoken, found: Text, code: str, *, asks: bool) -> None:
    """What a clause is, by itself."""
    clause.pieces = _with_names(clause.pieces, found)
    said = [piece for piece in clause.pieces if not _is_thanks_or_sign(piece, found)]
    if len(said) == 1:
        clause.pieces = [_alone(piece, found) if piece is said[0] else piece for piece in clause.pieces]
    pieces = clause.pieces = _with_request(_with_things(clause.pieces, found, code), found, code)
    roles = {piece.role for piece in pieces}
    if Role.RETRACTION in roles:
        clause.taken = Taken.RETRACTION
    elif pieces[0].role is Role.BECAUSE and len(pieces) > 1 and (clause.opens or Role.DOUBT not in roles):
        clause.taken = Taken.REASON
    elif Role.DOUBT in roles:
        clause.taken = Taken.DOUBT
    elif asks or pieces[0].role is Role.ASKS:
        clause.taken = Taken.QUESTION
    elif roles & {None, Role.ASKS, Role.BECAUSE}:
        clause.taken = Taken.UNKNOWN
        if Role.ELSEWHERE in roles and any(piece.meaning and piece.meaning.outcome for piece in pieces):
            clause.taken = Taken.ELSEWHERE
    else:
        _take_explained(clause, roles, found, code)
        if clause.outcome and _is_struck_out(clause, found):
            clause.taken, clause.outcome = Taken.DOUBT, ""
        elif clause.outcome and _is_of_others(clause, found, code):
            clause.taken, clause.outcome = Taken.ELSEWHERE, ""
        elif clause.outcome and (_only_able(clause, found, code) or _only_for_now(clause, found, code)):
            clause.taken, clause.outcome = Taken.DOUBT, ""


def _with_things(pieces: list[Piece], found: Text, code: str) -> list[Piece]:
    """What is bought has more names than any list: a word or two that are not known count as one behind words such as
    "purchase of", and behind an article that follows a strong answer or who gives it ("I approve the forklifts"). An
    article at the beginning may belong to somebody else who decides: "the committee approved it"."""
    if all(piece.meaning for piece in pieces) or not any(piece.role is Role.DECIDES for piece in pieces):
        return pieces
    parts = found.known.parts[code]
    ours = (found.words[pieces[0].start],) in parts.myself
    made: list[Piece] = []
    answer: Piece | None = None  # the last strong one before this piece
    for piece in pieces:
        if piece.role is Role.DECIDES:
            answer = piece
        if piece.meaning is None and _may_be_thing(piece, found, code):
            begin = piece.start
            if made and made[-1].end == begin and made[-1].meaning == _THING:
                begin = made[-1].start
            before = found.words[max(begin - _BEFORE_A_THING, pieces[0].start) : begin]
            article = ends_with(before, len(before), parts.articles)
            follows = _ends_before(answer, begin - article, found, code) if answer else ours
            # "of the" is an article too, and may as well be the end of "purchase of" and "the".
            lengths = {article, int(tuple(before[-1:]) in parts.articles)}
            named = (follows and article) or any(
                ends_with(before, len(before) - length, parts.things) for length in lengths
            )
            if named and piece.end - begin <= _MOST_OF_A_THING:
                piece = Piece(piece.start, piece.end, _THING)
        made.append(piece)
    return made


def _with_names(pieces: list[Piece], found: Text) -> list[Piece]:
    """Thanks to whoever asks, by name, at the end of a clause: "OK thanks Alice"."""
    people = found.request.about.name_words if found.request else frozenset()
    names = [
        *takewhile(lambda piece: piece.meaning is None and found.words[piece.start] in people, pieces[::-1])
    ]
    before = pieces[: len(pieces) - len(names)]
    if not names or not before or before[-1].role is not Role.COURTESY:
        return pieces
    return [*before, *(Piece(one.start, one.end, Meaning(OF_REQUEST, Role.FILLER)) for one in names[::-1])]


def _with_request(pieces: list[Piece], found: Text, code: str) -> list[Piece]:
    """A strong answer beside which only words of the request are not known is understood: "The permit for 41 Mill
    Street is granted"."""
    answer = next((piece for piece in pieces if piece.role is Role.DECIDES), None)
    if found.request is None or answer is None:
        return pieces
    clause, spoken = range(pieces[0].start, pieces[-1].end), range(answer.start, answer.end)
    pieces = [
        Piece(piece.start, piece.end, _THING)
        if piece.role is Role.DOUBT
        and is_kind(found.words[piece.start], code, found.known)
        and found.request.is_called(piece.start, clause, spoken, found.tokens, code)
        else piece
        for piece in pieces
    ]
    pieces = [part for piece in pieces for part in _of_theirs(piece, clause, found, code)]
    things = [piece.start for piece in pieces if piece.meaning == _THING]
    limiting = found.request.limiting(things, clause, found.tokens, code)
    pieces = [Piece(piece.start, piece.end, None) if piece.start in limiting else piece for piece in pieces]
    places = [piece.start for piece in pieces if piece.meaning is None]
    if not 0 < len(places) <= _MOST_OF_REQUEST or any(
        found.speaks_of(at, code) == REJECT
        or (found.speaks_of(at, code) and not found.request.is_called(at, clause, spoken, found.tokens, code))
        for at in places
    ):
        return pieces
    named = found.request.named(places, clause, spoken, found.text, found.tokens, found.matches, code)
    if not named.issuperset(places):
        return pieces
    return [Piece(piece.start, piece.end, piece.meaning or _THING) for piece in pieces]


def _of_theirs(piece: Piece, clause: range, found: Text, code: str) -> list[Piece]:
    """ "Your holiday", which elsewhere tells of another matter, in its words where a holiday is what is asked for."""
    last = piece.end - 1
    if (
        piece.role is not Role.ELSEWHERE
        or tuple(found.words[piece.start : last]) not in found.known.parts[code].articles
        or not is_kind(found.words[last], code, found.known)
        or found.request is None
        or not found.request.is_called_whole(last, clause, found.tokens, code)
    ):
        return [piece]
    return [Piece(piece.start, last, Meaning(code, Role.FILLER)), Piece(last, piece.end, _THING)]


def _ends_before(answer: Piece, article: int, found: Text, code: str) -> bool:
    """Whether an answer ends where an article begins: "approve this" is also "approve" and "this", "let's do this" is
    not."""
    shorter = (match for match in found.matches[answer.start] if answer.start + match.length == article)
    meant = (m.meaning for m in shorter if m.meaning.language in (code, SHARED))
    return answer.end <= article or any(meaning.role is Role.DECIDES for meaning in meant)


def _may_be_thing(piece: Piece, found: Text, code: str) -> bool:
    word = found.words[piece.start]
    return any(map(str.isalpha, word)) and not word[:1].isdigit() and not found.speaks_of(piece.start, code)


def _alone(piece: Piece, found: Text) -> Piece:
    """A word that negates or joins others is an answer where nothing but thanks and signs stand beside it: Spanish
    "no" (also "not") and "si" (also "if")."""
    if piece.role not in (Role.NEGATION, Role.DOUBT):
        return piece
    for match in found.matches[piece.start]:
        meant, same = match.meaning, piece.meaning and match.meaning.language == piece.meaning.language
        if same and meant.outcome and piece.start + match.length == piece.end:
            return Piece(piece.start, piece.end, meant)
    return piece


def _is_thanks_or_sign(piece: Piece, found: Text) -> bool:
    return piece.role is Role.COURTESY or not any(
        any(map(str.isalpha, word)) for word in found.words[piece.start : piece.end]
    )


def _take_explained(clause: Spoken, roles: Set[Role | None], found: Text, code: str) -> None:
    deciding = _spoken([piece for piece in clause.pieces if piece.meaning and piece.meaning.outcome], found)
    negations = [piece for piece in clause.pieces if piece.role is Role.NEGATION]
    if not deciding:
        clause.taken = Taken.NEGATED if negations or Role.NEGATION_HELPER in roles else Taken.HARMLESS
        if Role.ELSEWHERE in roles and _speaks(clause, found, code):
            clause.taken = Taken.ELSEWHERE  # "no, it was refused last year"
    elif Role.ELSEWHERE in roles:
        clause.taken = Taken.ELSEWHERE
    else:
        clause.outcome = _said(deciding, negations, Role.NEGATION_HELPER in roles)
        if all(piece.role is Role.DECIDES_WEAKLY for piece in deciding) and _says_no(
            negations, deciding, found
        ):
            clause.outcome = ""  # "yes / no"
        clause.taken = Taken.DECIDES if clause.outcome else Taken.NEGATED
        clause.weak = all(piece.role is Role.DECIDES_WEAKLY for piece in deciding)
        contradicts = {Role.REMARK, Role.AGAINST} if clause.weak else {Role.AGAINST}
        if clause.outcome == APPROVE and roles & contradicts:
            clause.taken, clause.outcome = Taken.NEGATED, ""  # "it is certainly too expensive"


def _says_no(negations: Sequence[Piece], deciding: Sequence[Piece], found: Text) -> bool:
    """Whether a negation behind the answer is an answer of its own, as French "non" is."""
    behind = (piece for piece in negations if piece.start >= deciding[-1].end)
    return any(
        match.meaning.outcome and match.length == piece.end - piece.start
        for piece in behind
        for match in found.matches[piece.start]
        if piece.meaning and match.meaning.language == piece.meaning.language
    )


_MOST_OF_OTHERS = 4  # words, or signs of a script without blanks, that reach into the answer


def _is_of_others(clause: Spoken, found: Text, code: str) -> bool:
    """ "they approved it", "I confirm that you rejected it", "my leave is approved"; but "you may proceed" is a
    phrase of its own."""
    parts = found.known.parts[code]
    either = parts.others | parts.mine
    deciding = [at for at, piece in enumerate(clause.pieces) if piece.meaning and piece.meaning.outcome]
    return any(
        begins_with(found.words[at : piece.end + _MOST_OF_OTHERS], either)
        for piece in clause.pieces[: deciding[-1]]
        if not (piece.meaning and piece.meaning.outcome)
        for at in range(piece.start, piece.end)
    )


def _is_struck_out(clause: Spoken, found: Text) -> bool:
    """ "-approved-", as some systems show it and others strike it out."""
    said = [piece for piece in clause.pieces if piece.meaning and piece.meaning.outcome]
    start, end = found.tokens[said[0].start].start, found.tokens[said[-1].end - 1].end
    around = (found.text[max(start - 1, 0) : start], found.text[end : end + 1])
    return around == ("-", "-") and not found.text[max(start - 2, 0) : start - 1].strip()


def _only_for_now(clause: Spoken, found: Text, code: str) -> bool:
    """ "I cannot approve this today" says when, not what. So does a time beside whatever does not speak of rejecting:
    "we cannot buy it today", but not "I reject it today"."""
    if clause.outcome != REJECT:
        return False
    for_now = found.known.parts[code].for_now
    times = [piece for piece in clause.pieces if ends_with(found.words, piece.end, for_now)]
    speaks = _speaks(clause, found, code)
    beside = any(not (piece.meaning and piece.meaning.outcome) for piece in times)
    return bool(times) and (APPROVE in speaks or (beside and REJECT not in speaks))


def _only_able(clause: Spoken, found: Text, code: str) -> bool:
    """ "I can approve this", "will reject": what somebody can or will do is not done. "You can order" is a phrase, "I
    cannot approve" a rejection, and so is "I cannot answer for it and reject it"."""
    parts = found.known.parts[code]
    able = parts.abilities | parts.obligations if clause.outcome == APPROVE else parts.abilities
    deciding = [piece for piece in clause.pieces if piece.meaning and piece.meaning.outcome]
    speaking = [
        any(
            clause.outcome in (found.speaks_of(at, code), found.speaks_of(at, FALLBACK))
            for at in range(piece.start, piece.end)
        )
        for piece in deciding
    ]
    return (
        any(
            p.role is Role.FILLER and ends_with(found.words[p.start : p.end], p.end - p.start, able)
            for p in clause.pieces
        )
        and not any(piece.role is Role.NEGATION for piece in clause.pieces)
        and (any(speaking) if clause.outcome == APPROVE else all(speaking))
    )


def _speaks(clause: Spoken, found: Text, code: str) -> set[str]:
    """The outcomes that words of a clause speak of, in any form."""
    places = (at for piece in clause.pieces for at in range(piece.start, piece.end))
    return {found.speaks_of(at, code) for at in places} - {""}


def _spoken(deciding: list[Piece], found: Text) -> list[Piece]:
    """Without signs that say the same as the words beside them: "❌ rejected"."""
    words = [
        piece for piece in deciding if any(map(str.isalpha, "".join(found.words[piece.start : piece.end])))
    ]
    said = {piece.meaning.outcome for piece in deciding if piece.meaning}
    return words if words and len(said) == 1 else deciding


def _said(deciding: Sequence[Piece], negations: Sequence[Piece], helped: bool) -> str:
    """The outcome of a clause that is understood whole; "" if it says none for certain."""
    outcomes = [piece.meaning.outcome for piece in deciding if piece.meaning]
    if not negations:
        # Two words for no beside each other may be one for yes: "no rejection".
        beside = any(one.end == other.start for one, other in pairwise(deciding))
        same = len(set(outcomes)) == 1 and not (outcomes[0] == REJECT and beside)
        return outcomes[0] if same and not helped else ""
    if len(negations) > 1 or APPROVE not in outcomes or not {APPROVE, REJECT}.issuperset(outcomes):
        return ""
    # "I do not approve", "no, not approved"; but "approved, not rejected" is something else.
    behind = [piece for piece in deciding if piece.start > negations[0].start]
    negated_rejection = any(piece.meaning and piece.meaning.outcome == REJECT for piece in behind)
    return "" if negated_rejection else REJECT


def shortened(found: Text, clause: Spoken) -> str:
    """A clause as it was written, for people."""
    return " ".join(found.written(clause.pieces[0].start, clause.pieces[-1].end).split())[:80]
