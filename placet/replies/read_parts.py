"""Whether an answer names only a part of what is asked for: "I approve the laptop" of "Laptop and monitor".

A text of the request that joins things ("and", "+", a list) has parts. An answer may decide on all of them: "approved",
"the order is approved", "the laptop and the monitor are approved". If it names words of some and none of the others,
only these may be meant, and it decides nothing. Neither does one that names what else the request speaks of and nothing
that it is called: "I approve the team" of "Bonus for the logistics team".

This only ever adds a doubt.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from babel.numbers import is_currency

from placet.lib.sentences import NOTHING, Sentence, gettext_noop
from placet.replies.languages import FALLBACK
from placet.replies.read_clauses import Spoken, Taken, Text
from placet.replies.read_facts import About
from placet.replies.read_named import heads_of
from placet.replies.read_phrases import Role
from placet.replies.read_shown import PLACE, Shown
from placet.replies.read_tokens import Kind, is_ideograph, tokens
from placet.replies.read_view import View
from placet.replies.read_vocabulary import Vocabulary

PART = gettext_noop("“{text}” may be only a part of what is asked for.")
_SHORTEST = 3  # letters of a word that names something
_SHORTEST_PREFIXED = 4  # the same with an "and" before it that is written in the same word
_FEWEST_SIGNS = 2  # of a script without blanks, that name something
_FEWEST_COMMAS = 2  # of a list without "and": behind one comma may stand whose it is
_SIGNS = re.compile(r"[+&;；＋＆\n•·・|]|(?<=[^\W\d_])/(?=[^\W\d_])|(?<=\s)/(?=\s)")
_COMMAS = re.compile(r"[,،、，](?![0-9])")
_SHOWN = 80  # characters of what is named
_MOST_NAMES = 40  # of an answer: each is compared with each word of the request
_LONGEST = 5_000  # characters of the texts of a request
_LONGEST_THING = 4  # words


def part_alone(found: Text, view: View, about: About) -> Sentence:
    """What an answer names that is a part of the request beside others; NOTHING if it names all of them, or none.
    What the whole request is called may be told of in a reason, too."""
    known, code = found.known, view.code
    deciding = [one for one in view.sentences if any(clause.taken is Taken.DECIDES for clause in one)]
    if beside := _beside_its_name(deciding, found, code, about):
        return Sentence(PART, text=beside[:_SHOWN])
    people = about.name_words
    names = dict.fromkeys(name for sentence in deciding for name in _names(sentence, found, code))
    of_kinds = [name for name in names if name not in people][:_MOST_NAMES]
    named = [name for name in of_kinds if _tells(name, known, code)]
    values = [
        replace(one, label="") for one in about.fields
    ]  # labels, and what a process is called, ask for nothing
    texts = dict.fromkeys(
        Shown(replace(about, fields=values, of_process=()), known, code).texts if of_kinds else ()
    )
    title = next(iter(texts), "")
    called = _parts(title[:_LONGEST], known, code)
    left = _LONGEST
    for text in texts:
        parts, names_here = _parts(text[:left], known, code), named
        things = _things_of_kinds(text[:left], known, code)
        if len(things) > 1:
            parts, names_here = things, of_kinds
        # "For the Lyon office" may be said of the laptop and of the monitor.
        heads = [_head(part, known, code) for part in parts]
        left -= len(text)
        if len(called) == 1 and _is_prose(parts):
            names_here = [name for name in names_here if not _has(called[0], name)]
        touching = [name for name in names_here if not all(_has(part, name) for part in parts)]
        touched = _touched(heads, touching) or _touched(parts, touching)
        if 0 < len(touched) < len(parts):
            only = next(name for name in touching if any(_has(part, name) for part in parts))
            return Sentence(PART, text=only[:_SHOWN])
        if left <= 0:
            break
    return NOTHING


def _beside_its_name(deciding: Sequence[Sequence[Spoken]], found: Text, code: str, about: About) -> str:
    """What an answer decides on, if the request speaks of it, but is not called so: for whom it is, where, from whom.
    "" if there is none, or if nothing is known of what the request is called."""
    own = tuple(heads_of(about.title[:_LONGEST], found.known, code))
    general = found.known.general[code] | found.known.general[FALLBACK]
    if general.issuperset(word for head in own for word in _words(head)):
        return ""
    of_process = (head for name in about.of_process for head in heads_of(name, found.known, code))
    called, every = (Shown(one, found.known, code) for one in (About(texts=(*own, *of_process)), about))
    for sentence in deciding:
        if not any(_has(called, word) for clause in sentence for word in _words_of(clause, found)):
            objects = (found.tokens[at].text for clause in sentence for at in _objects(clause, found, code))
            names = (name for name in objects if _tells(name, found.known, code) and _has(every, name))
            if name := next(names, ""):
                return name
    return ""


def _words_of(clause: Spoken, found: Text) -> list[str]:
    start, end = clause.pieces[0].start, clause.pieces[-1].end
    return [token.text for token in found.tokens[start:end] if token.kind is Kind.WORD]


def _objects(clause: Spoken, found: Text, code: str) -> list[int]:
    """Where what is decided on stands: words that answer nothing, behind an answer and at most an article. None that
    says of which kind it is, for what has another name may be of this kind."""
    kinds, articles = found.known.values[code].kinds, found.known.parts[code].articles
    objects: list[int] = []
    behind = False
    for piece in clause.pieces:
        words = found.words[piece.start : piece.end]
        if piece.role is Role.DECIDES:
            behind = True
        elif tuple(words) not in articles:
            if behind and piece.role is Role.FILLER:
                objects += range(piece.start, piece.end)
            behind = behind and piece.role is Role.FILLER and not (piece.meaning and piece.meaning.language)
            if any(kinds.get((word,), PLACE) != PLACE for word in words):
                return []
    return objects


def _touched(parts: Sequence[Shown], names: Sequence[str]) -> set[int]:
    return {at for at, part in enumerate(parts) for name in names if _has(part, name)}


def _head(part: Shown, known: Vocabulary, code: str) -> Shown:
    heads = tuple(heads_of(part.texts[0], known, code))
    return Shown(About(texts=heads), known, code) if heads else part


def _parts(text: str, known: Vocabulary, code: str) -> list[Shown]:
    """Those that name something."""
    parts = [Shown(About(texts=(part,)), known, code) for part in parts_of(text, known, code)]
    return [part for part in parts if any(_tells(word, known, code) for word in _words(part.texts[0]))]


def _things_of_kinds(text: str, known: Vocabulary, code: str) -> list[Shown]:
    """The parts, if each is of a kind that is known: "leave and a laptop". There words tell that elsewhere stand in
    every answer ("the leave is approved"); of "Trip to Rome and Milan" the trip is no part."""
    parts = [Shown(About(texts=(part,)), known, code) for part in parts_of(text, known, code)]
    return parts if all(part.kinds for part in parts) else []


def _words(text: str) -> list[str]:
    return [token.text for token in tokens(text) if token.kind is Kind.WORD]


def _is_prose(parts: Sequence[Shown]) -> bool:
    """Whether a text tells something, and lists nothing: "the old one is slow, and the monitor flickers"."""
    return any(len(_words(part.texts[0])) > _LONGEST_THING for part in parts)


def parts_of(text: str, known: Vocabulary, code: str) -> list[str]:
    """The things that a text of a request joins by a sign, by "and", "or" or "without" in the language of the answer or
    in English, or by the commas of a list; one if it joins none."""
    pieces = _SIGNS.split(text)
    joins = known.also.get(code, frozenset()) | known.also[FALLBACK] | _limits(known, code)
    parts = [part for piece in pieces for part in _at_joins(piece, joins, known.values[code].beginnings)]
    listed = [part for one in parts for part in _COMMAS.split(one)]
    is_list = len(parts) > 1 or len(listed) > _FEWEST_COMMAS or _are_things(listed, known, code)
    return [part for part in (listed if is_list else parts) if part.strip()]


def _limits(known: Vocabulary, code: str) -> frozenset[str]:
    """What leaves one of two things open or out: "or", "without"."""
    limits = known.parts[code].title_limits | known.parts[FALLBACK].title_limits
    return frozenset(phrase[0] for phrase in limits if len(phrase) == 1)


def _are_things(listed: Sequence[str], known: Vocabulary, code: str) -> bool:
    """Whether each of two is a thing of a kind that is known: "laptop, monitor"."""
    return len(listed) > 1 and all(Shown(About(texts=(part,)), known, code).kinds for part in listed)


def _at_joins(text: str, joins: frozenset[str], beginnings: frozenset[str]) -> Iterator[str]:
    prefixed = tuple(joins & beginnings)  # "and" that is written in the same word
    start = 0
    for token in tokens(text):
        if token.kind is not Kind.WORD or token.start == 0:
            continue
        if token.text in joins:
            yield text[start : token.start]
            start = token.end
        elif prefixed and token.text.startswith(prefixed) and len(token.text) >= _SHORTEST_PREFIXED:
            yield text[start : token.start]
            start = token.start + next(len(one) for one in prefixed if token.text.startswith(one))
    yield text[start:]


def _names(sentence: Sequence[Spoken], found: Text, code: str) -> Iterator[str]:
    """The words of a sentence that may name a thing, none of those that answer; in a script without blanks, the signs
    of a phrase together."""
    kinds = found.known.values[code].kinds
    for piece in (piece for clause in sentence for piece in clause.pieces):
        words = [token.text for token in found.tokens[piece.start : piece.end]]
        if piece.role not in (None, Role.FILLER):
            words = [word for word in words if (word,) in kinds]  # "trip is approved"
        if words and all(map(is_ideograph, words)):
            words = ["".join(words)] if len(words) >= _FEWEST_SIGNS else []
        yield from (word for word in words if (word,) in kinds or _tells(word, found.known, code))


def _tells(word: str, known: Vocabulary, code: str) -> bool:
    """Whether a word can tell one part from another: none that stands in every sentence, that answers, that is a
    currency, or that only says what kind of paper it is ("order for", "invoice")."""
    if len(word) < _SHORTEST and not is_ideograph(word[:1]):
        return False
    if not any(map(str.isalpha, word)) or known.speaks_of(word, code) or is_currency(word.upper()):
        return False
    return word not in known.general[code] and word not in known.general[FALLBACK]


def _has(part: Shown, name: str) -> bool:
    if is_ideograph(name[0]):
        return name in part.joined
    return part.has_word(name)
