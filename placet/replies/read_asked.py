"""Whether an answer that names what is asked for leaves open what it says of the request.

- The title turns the sense: of "Do not renew the Adobe licence" nobody knows what "the Adobe licence is approved" says.
  "Approved" and "I approve this request" are of the request.
- It names a field: "I approve the supplier" says nothing of the order.
- It names one of several: "I approve the laptop" of "Two laptops".

This only ever adds a doubt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from placet.lib.sentences import NOTHING, Sentence, gettext_noop
from placet.replies.languages import FALLBACK
from placet.replies.read_clauses import Spoken, Taken, Text, shortened
from placet.replies.read_facts import About
from placet.replies.read_parts import PART
from placet.replies.read_phrases import Role
from placet.replies.read_shown import Shown, bare, shared_beginning
from placet.replies.read_tokens import Kind, Token, composed, is_ideograph, tokens
from placet.replies.read_view import View
from placet.replies.read_vocabulary import REJECT, Vocabulary

TURNED = gettext_noop("The request refuses or ends something; “{text}” may be about that thing.")
_SHORTEST = 3  # letters of a word that names something
_SHORTEST_SILENT = 5  # the same of one that most answers have, as "offer"
_LONGEST_TEXT = 500  # characters of a text of the request that are looked at
_BEGINNING = 3  # words of a field that say whether it denies; reasons deny many things
_FEW = 3  # words of a field that says what shall be done: "Action: cancel"
_MOST_DIGITS = 2  # of a number of pieces
_MOST_BETWEEN = 2  # words from a number to what it counts: "two new laptops"
_SHOWN = 80  # characters
_MOST_NAMES = 40  # of a clause: each is compared with each word of a text
_LONGEST_ENDING = 3  # letters in which forms of a word differ
_TIE = "'"  # of "l'importo"


def leaves_open(found: Text, view: View, about: About) -> Sentence:
    """What an answer names and leaves open; NOTHING if nothing, or if the title of the request is not known."""
    title = composed(about.title)[:_LONGEST_TEXT]
    if not title:
        return NOTHING
    deciding = [clause for clause in view.clauses() if clause.taken is Taken.DECIDES]
    return (
        _turned(deciding, found, view.code, about, title)
        or _field_alone(deciding, found, view.code, about, title)
        or _one_of_several(deciding, found, view.code, about, title)
    )


def _words(text: str) -> list[Token]:
    return [token for token in tokens(composed(text)[:_LONGEST_TEXT]) if token.kind is Kind.WORD]


def _shown(text: str, known: Vocabulary, code: str) -> Shown:
    return Shown(About(texts=(text,)), known, code)


def _named(clause: Spoken, found: Text, code: str, *, within: bool) -> Iterator[int]:
    """The tokens of a clause that may name a thing: none that answers, and no article or other small word. Also those
    `within` phrases that answer: "keur het contract goed"."""
    articles, silent = found.known.parts[code].articles, found.known.silent[code]
    for piece in clause.pieces:
        if piece.role not in ((None, Role.FILLER, Role.DECIDES) if within else (None, Role.FILLER)):
            continue
        for at in range(piece.start, piece.end):
            word = found.tokens[at].text
            least = _SHORTEST_SILENT if (word,) in silent else _SHORTEST
            if (
                any(map(str.isalpha, word))
                and (len(word) >= least or is_ideograph(word))
                and (word,) not in articles
                and not found.speaks_of(at, code)
            ):
                yield at


# --- a title that turns the sense -------------------------------------------------------------------------------


def _turned(deciding: Sequence[Spoken], found: Text, code: str, about: About, title: str) -> Sentence:
    """A deciding clause that names a word of a text which refuses, ends or denies, and not that refusal or end."""
    known = found.known
    fields = [text for one in about.fields if one.label for text in one.shown]
    to_do = (text for text in fields if _undoes_at_once(text, known))
    turning = _turns(title, known, code) or any(
        _undoes_at_once(text, known) for text in (*about.of_process, *to_do)
    )
    asked = _shown(title, known, code)
    others = [
        _shown(text[:_LONGEST_TEXT], known, code) for text in fields if _turns(text, known, code, _BEGINNING)
    ]
    for clause in deciding if turning or others else ():
        names = [*islice(_named(clause, found, code, within=True), _MOST_NAMES)]
        if any(known.undoes(found.tokens[at].text) for at in names):
            continue
        for at in names:
            in_title = asked.has_word(found.tokens[at].text)
            if (turning and in_title) or (
                not in_title and any(one.has_word(found.tokens[at].text) for one in others)
            ):
                return Sentence(TURNED, text=shortened(found, clause))
    return NOTHING


def _turns(text: str, known: Vocabulary, code: str, within: int | None = None) -> bool:
    """Whether a text, or so many words of it, has one that refuses, ends or undoes, in any language, or denies in the
    language of the answer, in English or in the one that knows most of its words. "No. 7" does not."""
    words = _words(text)[:within]
    if any(map(known.undoes, _whole_words(words))):
        return True
    texts = [word.text for word in words]
    matches = [known.phrases.matches(texts, at) for at in range(len(texts))]
    knows: dict[str, int] = {}
    for one in matches:
        for language in {match.meaning.language for match in one}:
            knows[language] = knows.get(language, 0) + 1
    codes = {code, FALLBACK, max(knows, key=lambda language: knows[language], default=code)}
    return any(
        (match.meaning.role is Role.NEGATION or match.meaning.outcome == REJECT)
        and match.meaning.language in codes
        for at, one in enumerate(matches)
        for match in one
        if at + match.length < len(texts) and texts[at + match.length].isalpha()
    )


def _undoes_at_once(text: str, known: Vocabulary) -> bool:
    """Whether a few words say that something is refused or ended: "Cancel", "Contract termination"."""
    words = _whole_words(_words(text))
    return len(words) <= _FEW and any(map(known.undoes, words))


def _whole_words(words: Sequence[Token]) -> list[str]:
    """Words, and the signs of scripts without blanks together."""
    signs = "".join(word.text for word in words if is_ideograph(word.text))
    return [*(word.text for word in words if not is_ideograph(word.text)), *([signs] if signs else [])]


# --- a field ----------------------------------------------------------------------------------------------------


def _field_alone(deciding: Sequence[Spoken], found: Text, code: str, about: About, title: str) -> Sentence:
    """What is decided on, if it is what a field is called. A clause that decides and names nothing, or the request,
    decides on the whole."""
    known = found.known
    labels = _shown("\n".join(one.label for one in about.fields), known, code)
    asked = Shown(replace(about, texts=(title,), fields=(), amounts=()), known, code)
    only: list[int] = []
    for clause in deciding:
        names = [*islice(_named(clause, found, code, within=False), _MOST_NAMES)]
        if not names or any(_is_whole(found.tokens[at].text, known, code, asked) for at in names):
            return NOTHING
        only += [at for at in names if _is_decided_on(at, clause, found, code)]
    field = next((at for at in only if labels.has_word(found.tokens[at].text)), None)
    return NOTHING if field is None else Sentence(PART, text=found.written(field, field + 1)[:_SHOWN])


def _is_whole(word: str, known: Vocabulary, code: str, asked: Shown) -> bool:
    """Whether a word is of the title, the process or the step, or calls a request what it is: "order", "trip"."""
    is_paper = (word,) in known.lines.numbered or (word,) in known.silent[code]
    return is_paper or (word,) in known.values[code].kinds or asked.has_word(word)


def _is_decided_on(at: int, clause: Spoken, found: Text, code: str) -> bool:
    """Whether nothing but articles stands between a word and the answer before it, or the beginning of the clause."""
    articles = found.known.parts[code].articles
    start = before = clause.pieces[0].start
    for before in range(at, start, -1):
        article = (found.tokens[before - 1].text,) in articles
        if not article and _TIE not in (found.tokens[before - 1].text, found.tokens[before].text):
            break
    else:
        before = start
    answers = (piece for piece in clause.pieces if piece.meaning and piece.meaning.outcome)
    return before == clause.pieces[0].start or any(piece.end == before for piece in answers)


# --- one of several ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Counted:
    """A word behind a number of pieces."""

    form: str  # without marks

    def is_it(self, word: str) -> bool:
        """Whether a word is it in whatever form: "Stuhl" of "Stühle", "tiskárnu" of "tiskáren"."""
        form, own = self.form, bare(word)
        shared = shared_beginning(form, own)
        rest = (len(form) - shared, len(own) - shared)
        return shared >= _SHORTEST and max(rest) <= _LONGEST_ENDING


def _one_of_several(deciding: Sequence[Spoken], found: Text, code: str, about: About, title: str) -> Sentence:
    known = found.known
    texts = dict.fromkeys((title, *about.texts, *(text for one in about.fields for text in one.shown)))
    counted = [one for text in texts for one in _counted(text, known, code)]
    for clause in deciding if counted else ():
        start = clause.pieces[0].start
        if any(word in known.values[code].counts for word in found.words[start : clause.pieces[-1].end]):
            continue
        for at in islice(_named(clause, found, code, within=True), _MOST_NAMES):
            forms = {one.form for one in counted if one.is_it(found.tokens[at].text)}
            if forms and _is_single(at, start, forms, found, code):
                return Sentence(PART, text=found.written(max(at - 1, start), at + 1)[:_SHOWN])
    return NOTHING


def _counted(text: str, known: Vocabulary, code: str) -> Iterator[_Counted]:
    """What a number from two on counts, in the language of the answer or in English."""
    words = _words(text)
    for at, word in enumerate(words):
        digits = word.text.isdecimal() and len(word.text) <= _MOST_DIGITS
        count = (
            int(word.text)
            if digits
            else max(known.values[one].counts.get(word.text, 0) for one in (code, FALLBACK))
        )
        behind = [one.text for one in words[at + 1 : at + 1 + _MOST_BETWEEN] if one.text.isalpha()]
        if digits:  # "Windows 11 licence" counts nothing
            behind = [
                one for one in behind if _is_plural(one, known, code) or _is_plural(one, known, FALLBACK)
            ]
        if count > 1:
            yield from (_Counted(bare(one)) for one in behind)


def _is_plural(word: str, known: Vocabulary, code: str) -> bool:
    return word.endswith(known.plurals[code])


def _is_single(at: int, start: int, forms: set[str], found: Text, code: str) -> bool:
    """Whether a word names one of what is counted in these forms: by what stands before it, or by its own form."""
    known, word = found.known, found.tokens[at].text
    before = [found.tokens[one].text for one in range(max(at - 2, start), at)]
    singles = known.parts[code].singles
    if tuple(before[-1:]) in singles:
        return True
    own = bare(word)
    if own in forms or not known.plurals[code]:
        return False
    shorter = any(own + bare(ending) in forms for ending in known.plurals[code])
    return shorter or not _is_plural(word, known, code) or (tuple(before[:1]) in singles and len(before) > 1)
