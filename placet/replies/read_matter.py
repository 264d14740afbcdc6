"""Whether what a decision names is the request: "invoice 5509 is approved" decides nothing of invoice 5590.

- A number, an identifier, a date or a month in a sentence that approves has to be the request's, in whatever way it is
  written: 4,905.20 is 4 905,20, and "12 June" is 12/06. In the other sentences and of a rejection this goes for what
  numbers an object ("INV-3306", "order 17"): reasons and comments count many things, but not in a few words that
  are not understood in front of an approval ("come as two").
- What stands where the thing stands that is decided on ("the trip to Mérida", "I approve the printer") has to be a word
  of the request, or a form of one: "w Warszawie" is said of "Warszawa".

This only ever adds a doubt.
"""

import re
from collections.abc import Iterator, Sequence

from placet.lib.sentences import NOTHING, Sentence, gettext_noop
from placet.replies.read_clauses import Piece, Spoken, Taken, Text
from placet.replies.read_contacts import CONTACT
from placet.replies.read_facts import About
from placet.replies.read_phrases import Role
from placet.replies.read_shown import (
    BEHIND_MONTH,
    LETTERS_BEFORE,
    LETTERS_BEHIND,
    LONGEST_DAY,
    LONGEST_MARK,
    NUMBERS,
    PLACE,
    Shown,
    bare,
    compact,
    kinds_in,
    numeric_days,
    plain,
)
from placet.replies.read_view import View
from placet.replies.read_vocabulary import APPROVE, ends_with

OTHER = gettext_noop("“{text}” stands nowhere in the request; it may be about another one.")
_BRIEF = 4  # words of a clause
_SHORTEST_NAME = 4  # letters of a month without a day
_IDENTIFYING = (
    3  # digits of what is written without a blank behind letters, and need not be the request's way
)

_CLOCK = re.compile(r"(?<![0-9.,])[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?![0-9])")
_LIST_MARK = re.compile(r"(?:(?<=\n)|\A)[ \t]*\(?[0-9]{1,2}[.)](?=[ \t])")
_ALL_OF_IT = re.compile(r"(?<![0-9.,])100[ \u00a0]?%")
_COLONS = (":", "：")
_TIES = ("-", "–", "/", "_")


def other_matter(found: Text, view: View, about: About) -> Sentence:
    """What an answer names that the request does not; NOTHING if nothing, or if nothing is known of the request."""
    shown = Shown(about, found.known, view.code)
    if not shown.texts:
        return NOTHING
    text = plain(found.text)
    # By a sentence before, for certain: "Approved. Please order from Dell" wishes something besides.
    is_decided = False
    for sentence in filter(None, view.sentences):
        decides = any(clause.taken is Taken.DECIDES for clause in sentence)
        if not (decides or view.outcome == APPROVE):
            continue
        other = _other_number(sentence, text, found, shown, every=decides and view.outcome == APPROVE)
        if view.outcome == APPROVE and not is_decided:
            other = other or _other_in_brief(sentence, text, found, shown)
        if not other and decides:
            other = _other_thing(sentence, found, view, shown, names=not is_decided)
        if other:
            in_one_line = " ".join(other.split())
            return Sentence(OTHER, text=in_one_line[:80])
        is_decided |= decides and not any(clause.weak for clause in sentence)
    return NOTHING


# --- numbers ----------------------------------------------------------------------------------------------------


def _other_in_brief(sentence: Sequence[Spoken], text: str, found: Text, shown: Shown) -> str:
    """The number of a few words that are not understood, before an approval: "come as two" limits, and is too short
    for a reason. Behind one it is comment."""
    if any(clause.pause in _COLONS for clause in sentence):
        return ""  # a label and its value
    brief = (
        [clause]
        for clause in sentence
        if clause.taken is Taken.UNKNOWN and clause.pieces[-1].end - clause.pieces[0].start <= _BRIEF
    )
    others = (_other_number(clause, text, found, shown, every=True) for clause in brief)
    return next(filter(None, others), "")


def _other_number(sentence: Sequence[Spoken], text: str, found: Text, shown: Shown, *, every: bool) -> str:
    """The first number or date of a sentence that the request does not have and ought to; not `every` one, if it is the
    number of an object."""
    first, last = sentence[0].pieces[0].start, sentence[-1].pieces[-1].end
    begin, end = found.tokens[first].start, found.tokens[last - 1].end
    numbers = [*NUMBERS.finditer(text, begin, end)]
    known = [*_known_places(text, begin, end, sentence, found, shown)] if numbers else []
    if every and (
        other := other_date(text, begin, end, shown, known) or _other_count(sentence, found, shown)
    ):
        return other
    for one in numbers:
        if any(start <= one.start() < until for start, until in known):
            continue
        labelled = _is_labelled(one, found, first, last)
        looked_at = every or labelled or _has_letters(one, text)
        if looked_at and (_is_other(one, text, found, shown) or (labelled and not shown.has_name(one[0]))):
            return _with_letters(text, one)
    return ""


def _known_places(
    text: str, begin: int, end: int, sentence: Sequence[Spoken], found: Text, shown: Shown
) -> Iterator[tuple[int, int]]:
    """Where numbers stand that name nothing of a request: in phrases, telephone numbers, times, marks of a list, and
    dates where the request has none."""
    line = text.rfind("\n", max(begin - LONGEST_MARK, 0), begin) + 1 or max(begin - LONGEST_MARK, 0)
    for pattern in (CONTACT, _LIST_MARK, _ALL_OF_IT):
        yield from (one.span() for one in pattern.finditer(text, line, end))
    if not any(map(_CLOCK.search, shown.texts)):
        yield from (one.span() for one in _CLOCK.finditer(text, begin, end))
    if not shown.days:
        yield from ((start, until) for start, until, _ in numeric_days(text, begin, end))
    for piece in (piece for clause in sentence for piece in clause.pieces):
        if _is_phrase(piece, found) or ends_with(found.words, piece.start, _codes_unknown(found, shown)):
            yield found.tokens[piece.start].start, found.tokens[piece.end - 1].end


def _is_phrase(piece: Piece, found: Text) -> bool:
    """Whether a piece is a phrase of the tables: "24/7" and "Q1" there are no numbers of anything."""
    same = (
        match.length == piece.end - piece.start and match.meaning == piece.meaning
        for match in found.matches[piece.start]
    )
    return piece.meaning is not None and any(same)


def _codes_unknown(found: Text, shown: Shown) -> frozenset[tuple[str, ...]]:
    """What people write before a code that limits nothing, "cost centre", if the request speaks of none."""
    coded = found.known.lines.coded
    has = any(shown.words.issuperset(map(bare, label)) for label in coded)
    return frozenset() if has else coded


def other_date(text: str, begin: int, end: int, shown: Shown, known: list[tuple[int, int]]) -> str:
    """A date or a month that is none of the request's, where it has some. Those that are become known places."""
    if not shown.months:
        return ""
    for start, until, days in numeric_days(text, begin, end):
        if shown.days and shown.days.isdisjoint(days):
            return text[start:until]
        known.append((start, until))
    for start, until, months in shown.months_in(text, begin, end):
        day = _day_beside(text, start, until)
        own_name = text[start:until].casefold() in shown.words_of.months and until - start >= _SHORTEST_NAME
        if (day or own_name) and shown.months.isdisjoint(months):
            return text[start:until]
        if day and shown.days and shown.days.isdisjoint({(month, day) for month in months}):
            return text[max(start - BEHIND_MONTH, begin) : until + BEHIND_MONTH]
    return ""


def _day_beside(text: str, start: int, end: int) -> int:
    """The number of a day right before or behind a month; 0 if none stands there."""
    before = re.search(
        r"(?<![0-9.,])([0-9]{1,2})(?:st|nd|rd|th|er|º|\.)?[ \u00a0]+(?:of |de |d')?\Z",
        text[max(start - LONGEST_MARK, 0) : start],
    )
    behind = re.match(r"\.?[ \u00a0]+([0-9]{1,2})(?![0-9])", text[end : end + 6])
    day = int((before or behind or ["", "0"])[1])
    return day if day <= LONGEST_DAY else 0


def _other_count(sentence: Sequence[Spoken], found: Text, shown: Shown) -> str:
    """A number in words that is none of the request's, where it has some that may count pieces: "the three laptops"."""
    if not shown.counts:
        return ""
    for clause in sentence:
        for at in range(clause.pieces[0].start, clause.pieces[-1].end):
            count = shown.words_of.counts.get(found.words[at])
            if count is not None and count not in shown.counts:
                return found.written(at, min(at + 2, clause.pieces[-1].end))
    return ""


def _is_labelled(one: re.Match[str], found: Text, first: int, last: int) -> bool:
    """Whether it is the number of an object: "order 17"."""
    at = next((at for at in range(first, last) if found.tokens[at].end > one.start()), first)
    return at > first and (found.words[at - 1],) in found.known.lines.numbered


def _has_letters(one: re.Match[str], text: str) -> bool:
    """Whether it is one by the letters before it: "INV-3306"."""
    return bool(_letters_before(text, one)[1]) and len(compact(one[0])) > 1


def _letters_before(text: str, one: re.Match[str]) -> tuple[re.Match[str] | None, str]:
    """What stands right before a number, and its letters where they belong to it: capitals, or without a blank."""
    before = LETTERS_BEFORE.search(text, max(one.start() - LONGEST_MARK, 0), one.start())
    return before, before[1] if before and (before[1].isupper() or not before[2]) else ""


def _is_other(one: re.Match[str], text: str, found: Text, shown: Shown) -> bool:
    """Whether a number, with the letters before it, is none of the request's."""
    before, letters = _letters_before(text, one)
    folded, digits = letters.casefold(), compact(one[0])
    attached = bool(before and letters and not before[2])  # "Q3"
    same = attached and f"{folded}{digits}" in shown.joined
    if not shown.has_number(one[0], _factor(text, one, shown)):
        return not (same or all(shown.has_number(part, 1) for part in one[0].split()))
    own = shown.prefixes.get(digits, set())
    if attached:
        return not same and (bool(own) or len(digits) < _IDENTIFYING)
    joined = bool(before and letters and before[2] in _TIES)
    label = (folded,) in found.known.lines.numbered and not joined  # "PO 17", but not "PO-17"
    return bool(letters and own) and not (label or folded in {*own, *shown.words})


def _factor(text: str, one: re.Match[str], shown: Shown) -> int:
    """What the word behind a number multiplies it by in the language of the text."""
    behind = LETTERS_BEHIND.match(text, one.end())
    word = behind[1].casefold() if behind else ""
    stems = sorted((stem for stem in shown.words_of.scales if word.startswith(stem)), key=len)
    short = bool(stems) and len(stems[-1]) <= 2 and word != stems[-1]  # "k" begins many words
    return shown.words_of.scales[stems[-1]] if stems and not short else 1


def _with_letters(text: str, one: re.Match[str]) -> str:
    before, _letters = _letters_before(text, one)
    return text[before.start() if before else one.start() : one.end()]


# --- things -----------------------------------------------------------------------------------------------------


def _other_thing(sentence: Sequence[Spoken], found: Text, view: View, shown: Shown, *, names: bool) -> str:
    """A word that stands where the thing stands that is decided on, and is none of the request's. Without `names`, only
    if it is known to be of another kind, or another place, or has an article, as the name in "from Dell" has not."""
    looked_at = (one for one in sentence if view.outcome == APPROVE or one.taken is Taken.DECIDES)
    for clause in looked_at:
        if other := _other_kind(clause, found, shown):
            return other
        for piece in clause.pieces:
            is_looked_at = names or ends_with(found.words, piece.start, found.known.parts[view.code].articles)
            if (
                is_looked_at
                and _is_thing(piece, found, view)
                and not all(
                    shown.has_word(word) or word in shown.words_of.counts or word.isdecimal()
                    for word in _written_words(found, piece.start, piece.end)
                )
            ):
                return found.written(piece.start, piece.end)
    return ""


def _other_kind(clause: Spoken, found: Text, shown: Shown) -> str:
    """A noun of a clause that decides which is of another kind than the request, or a place that is not in it. In
    another clause, "I am in Berlin on holiday", only the place that stands with such a noun counts."""
    start, end = clause.pieces[0].start, clause.pieces[-1].end
    words = _written_words(found, start, end)
    nouns = [*kinds_in(words, shown.words_of)]
    decides = clause.taken is Taken.DECIDES
    # In a phrase that decides every word counts, "your trip is approved"; of others only the one that they begin with.
    own = {
        at
        for piece in clause.pieces
        for at in range(
            piece.start, piece.end if piece.meaning and piece.meaning.outcome else piece.start + 1
        )
    }
    for at, until, kind in nouns:
        looked_at = (decides or len(nouns) > 1) if kind == PLACE else decides and start + at in own
        if looked_at and _is_other_kind(words[at:until], kind, shown):
            return found.written(start + at, start + until)
    return ""


def other_place(clause: Spoken, found: Text, shown: Shown) -> str:
    """A place that a clause names and that is none of the request's."""
    start, end = clause.pieces[0].start, clause.pieces[-1].end
    words = _written_words(found, start, end)
    places = ((at, until) for at, until, kind in kinds_in(words, shown.words_of) if kind == PLACE)
    others = ((at, until) for at, until in places if _is_other_kind(words[at:until], PLACE, shown))
    return next((found.written(start + at, start + until) for at, until in others), "")


def _written_words(found: Text, start: int, end: int) -> list[str]:
    """Words as they are compared, without what a slip of the finger may have made of them: these are names."""
    return [token.text for token in found.tokens[start:end]]


def _is_other_kind(words: Sequence[str], kind: str, shown: Shown) -> bool:
    """Whether a noun is of another kind than all that the request speaks of, or a place that is not in it."""
    if kind == PLACE:
        return not ("".join(words) in shown.joined or all(map(shown.has_word, words)))
    return bool(shown.kinds) and kind not in shown.kinds and not all(map(shown.has_word, words))


def _is_thing(piece: Piece, found: Text, view: View) -> bool:
    """Whether it was taken for the name of a thing, or stands behind words that one stands behind: "trip to"."""
    if piece.meaning is not None:
        return not piece.meaning.language and piece.role is Role.FILLER
    parts = found.known.parts[view.code]
    article = ends_with(found.words, piece.start, parts.articles)
    lengths = {0, article, int((found.words[piece.start - 1],) in parts.articles if piece.start else 0)}
    return any(ends_with(found.words, piece.start - length, parts.things) for length in lengths)
