"""The comment of an answer: every sentence that has a word outside the answer itself and what is polite, as it was
written and in its order. So nothing that somebody wrote is lost: each word is in exactly one of the parts here.

What is left out is known by name, never by what it looks like: the words that decide, those that add nothing
(`silent` of the languages), greetings, names of the people of this request. Below a closing stands who somebody is,
where it looks like that; all else there is comment too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import groupby, pairwise

from placet.replies.parse.folding import fold
from placet.replies.parse.signatures import is_device
from placet.replies.read_alone import outcomes_alone, takes_back
from placet.replies.read_clauses import Spoken, Taken, Text
from placet.replies.read_contacts import CONTACT, without_contacts
from placet.replies.read_frame import (
    Ends,
    Line,
    is_legal,
    is_small_print,
    lines_of,
    sayings,
    sentences_of,
    title_places,
)
from placet.replies.read_phrases import Role
from placet.replies.read_tokens import Kind, Token, tokens, without_marks
from placet.replies.read_view import View
from placet.replies.read_vocabulary import Phrases, begins_with

_MOST_NAMES = 3  # words behind a greeting
_LONG_NUMBER = 3  # digits from which on a number is not one of a telephone's name
_LONGEST_TITLE = 6  # words of a line that says who somebody is
_WORD = re.compile(r"[^\W_]+")
# What parts and adorns; faces and hearts that are glad.
_DRAWN = re.compile(
    r"(?:[-_=*~#+.·•|/\\<>\u2010-\u2015\u2500-\u257f,\s\[\]{}\"'“”„«»‘’❤♥🙏🙂😀😃😄😊😁☺\ufe0f]|[:;=]-?[)DP])*"
)
_ROMAN = re.compile(r"(?=.)X{0,3}(?:IX|IV|V?I{0,3})")  # up to thirty-nine
_FIRST_LETTERS = "AB\u0391\u0392\u0410\u0411"  # of the alphabets, which number things
_MOST_PLAIN = 2  # words of a name in small letters
_TOWN = re.compile(
    r"(?:^|, )(?:[A-Z]{1,2}-)?[0-9]{4,6} [^\W\d_](?![A-Z]{2}\b)"
)  # "10115 Berlin"; no "5000 EUR"
_SHORTENED = {  # words that a full stop stands behind in names of firms and people
    "ltd", "inc", "co", "corp", "dept", "llc", "jr", "sr", "bros", "gmbh", "kg", "abt", "cie", "o", "a", "s", "v", "l",
}  # fmt: skip
_REMARKS = {
    Role.REMARK, Role.AGAINST, Role.NEGATION, Role.NEGATION_HELPER, Role.BUT, Role.BECAUSE, Role.ASKS, Role.DOUBT,
    Role.RETRACTION,
}  # fmt: skip
_LIMITS = {Role.NEGATION, Role.DOUBT, Role.RETRACTION}
_CLOSED = " \t\n”»)]’"  # belongs to the sentence before


class Part(Enum):
    """What a piece of an answer's text is."""

    ANSWER = auto()  # the words that it rests on
    POLITE = auto()  # thanks, greetings, words that add nothing, names
    SIGNATURE = auto()  # closings, names, titles and ways to reach somebody below them
    SMALL_PRINT = auto()  # what companies add to every mail; sayings that people put below their names
    COMMENT = auto()


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of the text, from `start` to `end`."""

    start: int
    end: int
    part: Part


def parts_of(found: Text, view: View, names: frozenset[str]) -> tuple[Place, ...]:
    """The text in parts, in its order. `names`: words of the names of people, folded. A sentence is whole in the
    comment, or its words are the answer and polite ones."""
    silent = found.known.silent[view.code]
    return (*_above(found, view, silent, names), *_below(found, view.code, silent, names))


def comment_of(text: str, places: Sequence[Place]) -> str:
    """What is comment in a text, as it was written."""
    pieces: list[str] = []
    end = 0
    for place in places:
        if place.part is not Part.COMMENT:
            continue
        if (
            pieces and place.start > end and not pieces[-1][-1:].isspace()
        ):  # something is left out between them
            pieces.append("\n" if "\n" in text[end : place.start] else " ")
        pieces.append(text[place.start : place.end])
        end = place.end
    return "".join(pieces).strip()


# --- sentences ------------------------------------------------------------------------------------------------


def _above(found: Text, view: View, silent: Phrases, names: frozenset[str]) -> Iterator[Place]:
    spoken = [
        (sentence.spans[0].start, sentence.spans[-1].end, clauses)
        for sentence, clauses in zip(found.sentences, view.sentences, strict=True)
        if sentence.spans
    ]
    begins = [_begin(found, start) for start, _end, _clauses in spoken] + [found.frame.end]
    kinds: list[tuple[set[int], bool]] = []  # what decides, and whether the sentence adds something
    for number, (start, end, clauses) in enumerate(spoken):
        answer = _answer(clauses)
        polite = _greeting(found, start, end, names) if number == 0 else set()
        polite |= _polite(found, start, end, answer | polite, silent, names)
        adds = any(
            at not in answer and at not in polite and _is_word(found.tokens[at]) for at in range(start, end)
        )
        kinds.append((answer, adds))
    inside = _inside_words(found, [(start, end) for start, end, _clauses in spoken], kinds)
    for number, (start, end, _clauses) in enumerate(spoken):
        answer, adds = kinds[number]
        if not adds and number not in inside:
            for at in range(start, end):
                again = at > start and found.tokens[at].start == found.tokens[at - 1].start  # "dont" is three
                if not again and (_is_word(found.tokens[at]) or at in answer):
                    part = Part.ANSWER if at in answer else Part.POLITE
                    yield Place(found.tokens[at].start, found.tokens[at].end, part)
        else:
            yield Place(begins[number], max(begins[number + 1], found.tokens[end - 1].end), Part.COMMENT)


def _inside_words(
    found: Text, spans: Sequence[tuple[int, int]], kinds: Sequence[tuple[set[int], bool]]
) -> set[int]:
    """The sentences that add nothing and are a part of something written without a blank: the "thanks" of
    "www.thanks.example" or the "ok" of "ok.pdf", where the rest is comment. What decides is a part of one only between
    two of them."""
    between = [
        found.text[found.tokens[end - 1].end : found.tokens[start].start]
        for (_start, end), (start, _end) in pairwise(spans)
    ]
    glued = [
        gap.isascii() and not any(map(str.isspace, gap)) for gap in between
    ]  # "。" needs no blank behind it
    inside: set[int] = set()
    first = 0
    while first < len(spans):
        last = first
        while last < len(glued) and glued[last]:
            last += 1
        if any(adds for _answer, adds in kinds[first : last + 1]):
            inside.update(
                at
                for at in range(first, last + 1)
                if not kinds[at][1] and (not kinds[at][0] or first < at < last)
            )
        first = last + 1
    return inside


def _begin(found: Text, start: int) -> int:
    """Where a sentence begins: with the signs before its first word, which no token holds ("€ 500")."""
    begin = found.tokens[start - 1].end if start else 0
    first = found.tokens[start].start
    return first - len(found.text[begin:first].lstrip(_CLOSED))


def _is_word(token: Token) -> bool:
    return token.kind is Kind.WORD and any(map(str.isalnum, token.text))


def _answer(clauses: Sequence[Spoken]) -> set[int]:
    """The tokens that decide."""
    return {
        at
        for clause in clauses
        if clause.taken is Taken.DECIDES
        for piece in clause.pieces
        if piece.meaning and (piece.meaning.outcome or piece.role in (Role.NEGATION, Role.NEGATION_HELPER))
        for at in range(piece.start, piece.end)
    }


def _polite(
    found: Text, start: int, end: int, others: set[int], silent: Phrases, names: frozenset[str]
) -> set[int]:
    """The tokens that add nothing. They are compared as they were written: a slip of the finger may be another word."""
    polite: set[int] = set()
    at = start
    while at < end:
        until = next((other for other in range(at, end) if other in others or not _joins(found, other)), end)
        length = begins_with([token.text for token in found.tokens[at:until]], silent)
        if length and _is_option(found, at, start, end, others):
            length = 0
        if not length and found.tokens[at].text in names and not found.written(at, at + 1).islower():
            length = 1
        polite.update(range(at, at + length))
        at += length or 1
    return polite


def _is_option(found: Text, at: int, start: int, end: int, answer: set[int]) -> bool:
    """Whether a letter or a Roman number names one of several things: "Approved A", "Approved II", "A: approved". As
    an article or a pronoun it has a word behind it ("a request", "I approve")."""
    token = found.tokens[at]
    behind = at + 1
    while behind < end and found.tokens[behind].start == token.start:  # "II" is taken for three tokens
        behind += 1
    written = found.text[token.start : found.tokens[behind - 1].end]
    last = behind >= end or not _joins(found, behind)
    if len(written) == 1:
        if not written.isupper():
            return last and written.isascii() and written.isalpha()
        beside = at - 1 in answer or (written in _FIRST_LETTERS and behind in answer)
        return (last or beside) and without_marks(written) == written
    return last and written.isupper() and _ROMAN.fullmatch(written) is not None


def _joins(found: Text, at: int) -> bool:
    return found.tokens[at].kind is Kind.WORD


def _greeting(found: Text, start: int, end: int, names: frozenset[str]) -> set[int]:
    """ "Dear Mr Miller," with a name that need not be known: few words with capitals behind words that greet, with
    nothing else before the next sign or line."""
    until = next((at for at in range(start, end) if not _joins(found, at)), end)
    texts = [token.text for token in found.tokens[start:until]]
    at = 0
    while length := begins_with(texts[at:], found.known.lines.greetings):
        at += length
    behind = range(start + at, until)
    named = all(
        found.tokens[one].text in names or _has_capital(found.written(one, one + 1)) for one in behind
    )
    greets = at > 0 and len(behind) <= _MOST_NAMES and named and not _is_said(found, behind)
    return set(range(start, until)) if greets else set()


def _is_said(found: Text, places: range) -> bool:
    """Whether a phrase that is known begins at one of the words: names are not."""
    return any(
        match.meaning.role not in (Role.GREETING, Role.FILLER) for at in places for match in found.matches[at]
    )


# --- what stands below ----------------------------------------------------------------------------------------


def _below(found: Text, code: str, silent: Phrases, names: frozenset[str]) -> Iterator[Place]:
    end, by = found.frame.end, found.frame.by
    lines = list(lines_of(found.text[end:]))
    # The first paragraph below a closing says who somebody is; below two dashes, all of them do.
    signs = by is Ends.CLOSING or (by is Ends.NAME and _is_silent(lines[0].words, silent, names))
    said_by_others = sayings(lines, found.known)
    announced = small = False
    for (written, delimits), group in groupby(
        lines, key=lambda line: (bool(line.text.strip()), line.delimits)
    ):
        paragraph = list(group)
        if written and (
            delimits or (paragraph[0] is lines[0] and by in (Ends.CLOSING, Ends.DEVICE, Ends.FORM))
        ):
            first = Part.SIGNATURE if delimits else _first_below(lines[0], found, silent, names)
            yield _place(paragraph.pop(0), end, first)
            announced = announced or delimits
        if not written or not paragraph:
            continue
        small = is_small_print(paragraph, found.known, goes_on=small)
        if small:
            yield from _small_print(paragraph, end, found, silent, names)
            signs = False
            continue
        card = signs or announced or any(CONTACT.search(line.text) for line in paragraph)
        wished = False  # a sentence began in this paragraph, which goes on: "Order via / Dell GmbH"
        for at, line in enumerate(paragraph):
            after = paragraph[at + 1] if at + 1 < len(paragraph) else None
            titles = card and not _speaks(line, found, code, names)
            answers = outcomes_alone(without_contacts(line.text), code, found.known, names)
            says = bool(answers) or takes_back(line, code, found.known, names)
            signature = not says and _signs(line, after, found, silent, names, card=titles)
            plain = announced and line.start == lines[0].start + len(lines[0].text) + 1
            signature = signature or (plain and _is_plain_name(line, found))
            silently = _is_silent(line.words, silent, names)
            aside = line.start in said_by_others
            card_like = any(map(str.isdigit, line.text)) or _is_titled(line, found, names)
            wished = wished or not (signature or aside or card_like)
            signature = signature and (silently or not wished)
            part = Part.SMALL_PRINT if aside else Part.SIGNATURE if signature else Part.COMMENT
            yield _place(line, end, part)
        signs = False


def _small_print(
    paragraph: Sequence[Line], begin: int, found: Text, silent: Phrases, names: frozenset[str]
) -> Iterator[Place]:
    """Small print by its sentences, for people write between them: what nothing tells to be of it is comment."""
    first, last = begin + paragraph[0].start, begin + paragraph[-1].start + len(paragraph[-1].text)
    text = found.text[first:last]
    for start, end in sentences_of(text):
        sentence = text[start:end]
        card = all(
            _signs(line, None, found, silent, names, card=True) for line in lines_of(sentence) if line.words
        )
        part = Part.SMALL_PRINT if card or is_legal(sentence, found.known) else Part.COMMENT
        yield Place(first + start, first + end, part)


def _place(line: Line, begin: int, part: Part) -> Place:
    return Place(begin + line.start, begin + line.start + len(line.text), part)


def _first_below(line: Line, found: Text, silent: Phrases, names: frozenset[str]) -> Part:
    """A closing or a line of a telephone, which may go on: "Best regards from Berlin". Where it says more, all of it is
    comment."""
    ends = {
        Ends.CLOSING: found.known.lines.closings,
        Ends.DEVICE: found.known.lines.device,
        Ends.FORM: found.known.lines.form_ends,
    }
    words = [token for token in tokens(line.text) if token.kind is Kind.WORD]
    rest = words[begins_with([token.text for token in words], ends[found.frame.by]) :]
    # Who signs is known on the path of a reply; elsewhere any name may be theirs.
    named = not names and all(
        _may_name(line.text[token.start : token.end], token, found, names) for token in rest
    )
    if found.frame.by is Ends.DEVICE:
        silently = is_device(fold(line.text)) or not rest
    else:
        silently = named or _is_silent([token.text for token in rest], silent, names)
    return Part.SIGNATURE if silently else Part.COMMENT


def _may_name(written: str, token: Token, found: Text, names: frozenset[str]) -> bool:
    """Whether a word may be part of a name or a title, or names a telephone: "iPhone", "15"."""
    title = (token.text,) in found.known.lines.title_words
    few = token.text.isdecimal() and len(token.text) < _LONG_NUMBER
    return _has_capital(written) or few or title or token.text in names or not _is_word(token)


def _has_capital(written: str) -> bool:
    return any(letter.isupper() for letter in written)


def _is_silent(words: Sequence[str], silent: Phrases, names: frozenset[str]) -> bool:
    """Whether all words add nothing or are names of people of this request."""
    at = 0
    while at < len(words):
        length = begins_with(words[at:], silent) or (words[at] in names)
        if not length and any(map(str.isalnum, words[at])):
            return False
        at += length or 1
    return True


def _signs(
    line: Line, below: Line | None, found: Text, silent: Phrases, names: frozenset[str], *, card: bool
) -> bool:
    """Whether a line says who somebody is, or how to reach them."""
    if not any(map(str.isalnum, line.text)):
        return is_drawn(line.text)
    bare = next(lines_of(without_contacts(line.text)))
    if _is_closing(line, found) or _is_silent(bare.words, silent, names) or is_device(fold(line.text)):
        return True
    rest, contacts = CONTACT.subn(" ", line.text)
    if contacts:
        return _names_contact(rest, found, names)
    label, colon, behind = line.text.partition(":")
    labelled = next(lines_of(label)).words in found.known.lines.contact_labels
    if colon and labelled:  # "Managing director: Max Muster"
        return card and not any(map(str.isdigit, behind)) and _is_titled(next(lines_of(behind)), found, names)
    if not card or len(line.words) > _LONGEST_TITLE or colon or _wishes(line, found, silent):
        return False
    if line.text.rstrip().endswith(".") and line.words and line.words[-1] not in _SHORTENED:
        return False
    if any(map(str.isdigit, rest)):
        town = below is not None and _TOWN.match(below.text.strip())
        return bool(_TOWN.search(rest) or town) and _is_titled(line, found, names)
    return _is_titled(line, found, names)


def _names_contact(rest: str, found: Text, names: frozenset[str]) -> bool:
    """Whether what stands beside a telephone number, an address or a link only says what it is and whose:
    "Tel.", "Contoso GmbH | Mobile"."""
    words = [token for token in tokens(rest) if token.kind is Kind.WORD]
    texts = [token.text for token in words]
    labels = found.known.lines.contact_labels
    at, labelled = 0, not words
    while at < len(words):
        length = begins_with(texts[at:], labels)
        labelled = labelled or length > 0
        titled = _may_name(rest[words[at].start : words[at].end], words[at], found, names)
        if not length and (not titled or _says(found, texts, at)):
            return False
        at += length or 1
    return labelled or all(text in names for text in texts)


def is_drawn(line: str) -> bool:
    """Whether a line of signs only parts others, or adorns them."""
    return _DRAWN.fullmatch(line) is not None


def _is_closing(line: Line, found: Text) -> bool:
    """ "Best regards", "Viele Grüße / Best regards"."""
    at = 0
    while length := begins_with(line.words[at:], found.known.lines.closings):
        at += length
    return at == len(line.words) > 0


def _is_titled(line: Line, found: Text, names: frozenset[str]) -> bool:
    """Whether it is written like names and titles. Scripts without capitals have no such lines."""
    words = [token for token in tokens(line.text) if token.kind is Kind.WORD and not token.text.isdecimal()]
    return (
        bool(words)
        and _has_capital(line.text[words[0].start : words[0].end])
        and all(_may_name(line.text[token.start : token.end], token, found, names) for token in words)
    )


def _speaks(line: Line, found: Text, code: str, names: frozenset[str]) -> bool:
    """Whether a line limits, denies, asks or remarks something: no title does. In another language than the answer's
    half of its words are known then: "Head of Sales" is not Dutch. A name may be a word of any language."""
    if line.text.rstrip().endswith(("!", "?")):
        return True
    known: dict[str, set[int]] = {}  # by language, the words of phrases
    says: set[str] = set()
    titles = title_places(line.words, found.known)
    begins = False  # with a limit, in whatever language: "Nur Dell GmbH"
    for at, word in enumerate(line.words):
        silent = word in names or at in titles or (len(word) == 1 and word.isascii())
        for match in () if silent else found.known.phrases.matches(line.words, at):
            places = range(at, at + match.length)
            known.setdefault(match.meaning.language, set()).update(places)
            title = match.length == 1 and (word,) in found.known.lines.title_words
            title = title and (match.meaning.language != code or _is_first_name(line, at, found))
            if match.meaning.role in _REMARKS and not title:
                says.add(match.meaning.language)
                begins = begins or (at == 0 and match.meaning.role in _LIMITS)
    return begins or any(language == code or 2 * len(known[language]) >= len(line.words) for language in says)


def _is_first_name(line: Line, at: int, found: Text) -> bool:
    """ "Max Muster": a word with a capital behind it that no phrase begins with."""
    behind = line.words[at + 1 : at + 2]
    return line.small == 0 and bool(behind) and not found.known.phrases.matches(behind, 0)


def _says(found: Text, words: Sequence[str], at: int) -> bool:
    """Whether a phrase begins here that limits, denies, asks or remarks something, in any language."""
    return any(match.meaning.role in _REMARKS for match in found.known.phrases.matches(words, at))


def _is_plain_name(line: Line, found: Text) -> bool:
    """A name in small letters, as some sign: of at most two words, none of which any phrase begins with."""
    return len(line.words) <= _MOST_PLAIN and all(
        any(map(str.isalpha, word)) and not found.known.phrases.matches(line.words, at)
        for at, word in enumerate(line.words)
    )


def _wishes(line: Line, found: Text, silent: Phrases) -> bool:
    """ "Please", or another word of a sentence."""
    small = found.known.lines.title_words
    return any((word,) in silent and (word,) not in small for word in line.words)
