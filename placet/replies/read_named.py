"""What a text names of the request: words that are understood because the request has them.

"The permit for 41 Mill Street is hereby granted" says more than the tables know; where the request is that permit, all
of it is understood. Whoever made the request wrote these words and may have foreseen what somebody answers with. So

- anywhere only an identifier ("INV-3306") and the largest amount of a field for amounts are understood. A number of
  pieces, a date or a smaller amount may limit an answer
- words of the title, in any form, are so in a clause that has a strong answer, for nothing else in it may be unknown.
  One of them has to be what the title begins with: of "Laptops for Lyon" nobody knows what "I approve Lyon" says. The
  others are names, with a capital, or stand beside the same word as in the title: of "Contract for Lyon, monthly"
  nobody knows what "the contract monthly" says
- no words of fields, nor of notes: "smaller", "monthly" or "from Carol" may limit an answer or tell whose it is
- none before the answer, where what is decided on stands behind it: "Lyon rejected the laptops" tells what Lyon did
- none of a title that denies or doubts, or leaves something open or out ("no", "if", "or", "without")
- none is that any language has a "not", a "but" or a doubt in, nor one that limits, counts or names a month; nor a
  short word, which may be the "not" of a dialect
- a number is, beside a word of the request that has this one number beside it wherever it stands there

What names another thing than the request, or a part of it, is looked for all the same (`read_matter`, `read_parts`,
`read_asked`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field

from placet.replies.languages import FALLBACK, SHARED
from placet.replies.read_facts import About, amount_in
from placet.replies.read_phrases import Match, Role
from placet.replies.read_shown import IDENTIFIER, JOINTS, NUMBERS, PLACE, Shown, compact, plain, readings
from placet.replies.read_tokens import Kind, Token, composed, is_ideograph, tokens
from placet.replies.read_vocabulary import REJECT, Vocabulary, begins_with, ends_with

_SHORTEST = 4  # letters of a word
_SHORTEST_WITHOUT_CAPITALS = 3  # the same in scripts that have none: their words are shorter
_MOST_WORDS = 2_000  # of a request: each is compared with each that is not known
_LONGEST_LIMIT = 4  # words
_LONGEST_SMALL = 4  # letters of a word that stands between two: "with", "nach"
_LONGEST_TITLE = 500  # characters
_SEGMENTS = re.compile(r"[:;,，、：()|/\n]|\s[-–—]\s")
_APOSTROPHES = ("'", "’")  # in French "l'" each sign is a token
_INSIDE = re.compile(r"[^\W_][.@/_] | [.@/_][^\W_]")
_TURNS = (Role.NEGATION, Role.BUT, Role.DOUBT, Role.RETRACTION)


def names_in(text: str, about: About, known: Vocabulary) -> Iterator[tuple[int, int]]:
    """Where a text names the request by an identifier ("INV-3306"), or by the largest amount of a field for amounts. A
    number of pieces, a date or a smaller amount may limit an answer, and what a text of the requester's holds may stand
    there to be misread."""
    shown = Shown(about, known, "")
    if not shown.texts or not NUMBERS.search(text := plain(text)):
        return
    for one in IDENTIFIER.finditer(text):
        letters = tuple(token.text for token in tokens(one[1] or ""))
        matches = known.phrases.matches(letters, 0) if letters else ()
        limits = any(match.meaning.role >= Role.NEGATION for match in matches)
        if not limits and JOINTS.sub("", one[0].casefold()) in shown.identifiers:
            yield one.span()
    amounts = [one for one in (*about.fields, *about.amounts) if one.currency and one.number is not None]
    if largest := max(amounts, key=lambda one: one.number or 0, default=None):
        for one in amount_in(largest.currency).finditer(text):
            written = NUMBERS.search(one[0])
            if written and written[0] != one[0] and largest.number in readings(written[0]):
                yield one.span()


@dataclass(frozen=True)
class RequestWords:
    """The words of a request, as each language has forms of them."""

    about: About
    known: Vocabulary
    _shown: dict[tuple[str, str], Shown] = field(default_factory=dict, compare=False, repr=False)
    _single: dict[tuple[str, str], Shown] = field(default_factory=dict, compare=False, repr=False)
    _parts_of_title: list[list[str]] = field(default_factory=list, compare=False, repr=False)

    def named(
        self,
        places: Sequence[int],
        clause: range,
        answer: range,
        text: str,
        written: Sequence[Token],
        matches: Sequence[Sequence[Match]],
        code: str,
    ) -> frozenset[int]:
        """Which of the words at these places name the request in a clause with a strong answer; none, if no word of
        the clause is what it is called, or one of them may be who answered."""
        title, every, heads = (self._words(code, which) for which in ("title", "every", "heads"))
        if not heads.texts or len(every.words) > _MOST_WORDS:
            return frozenset()
        words = [
            at
            for at in places
            if not self._limits(at, written, matches[at], code) and not _is_in_name(written[at], text)
        ]
        called = [at for at in clause if _has(heads, at, written)]
        before = [at for at in words if at < answer.start and _has(title, at, written)]
        if not called or (before and self._may_be_who_answers(called, answer, clause, text, written)):
            return frozenset()
        if called[0] < answer.start and answer.stop in words:
            return frozenset()  # "den Vertrag genehmigt Köln"
        named = {
            at
            for at in words
            if not written[at].text[:1].isdecimal()
            and _has(title, at, written)
            and self._is_as_in_title(at, clause, text, written, code)
        }
        numbers = {at for at in words if _is_its_number(at, written, named, every)}
        return frozenset(named | numbers)

    def is_called(self, at: int, clause: range, answer: range, written: Sequence[Token], code: str) -> bool:
        """Whether a word that speaks of approving, or of a discount, is what is asked for: "the permit" of "Demolition
        permit". Elsewhere it is a verb ("permit the demolition") or a condition ("approved with the discount").

        It stands behind a mere article that begins the clause or follows the answer, with no word between that the
        title does not begin with; and each thing that the title joins is named, and nobody else who may decide
        ("Customer approval: design")."""
        if not self.is_called_whole(at, clause, written, code):
            return False
        heads, first = self._words(code, "heads"), at
        while first > clause.start and _has(heads, first - 1, written):
            first -= 1
        before = [token.text for token in written[clause.start : first]]
        article = ends_with(before, len(before), self.known.parts[code].articles)
        is_bare = article == 1 or (article == 2 and before[-1] in _APOSTROPHES)
        return is_bare and first - article in (clause.start, answer.stop)

    def is_called_whole(self, at: int, clause: range, written: Sequence[Token], code: str) -> bool:
        """Whether a word is what is asked for, of which the clause names all that the title joins."""
        return _has(self._words(code, "heads"), at, written) and self._names_each_head(clause, written, code)

    def _names_each_head(self, clause: range, written: Sequence[Token], code: str) -> bool:
        others = {word for phrase in self.known.parts[code].others for word in phrase}
        for head in heads_of(self.about.title, self.known, code):
            shown = Shown(About(texts=(head,)), self.known, code)
            if not others.isdisjoint(shown.words) or not any(_has(shown, at, written) for at in clause):
                return False
        return True

    def _may_be_who_answers(
        self, called: Sequence[int], answer: range, clause: range, text: str, written: Sequence[Token]
    ) -> bool:
        """Whether words before the answer may tell who gave it: "Lyon rejected the laptops"; "Carol approved it" of
        "Carol Smith: laptops", where a name stands at the beginning and none of what is decided on behind it."""
        first = written[clause.start]
        return called[-1] > answer.start or (
            called[0] == clause.start
            and text[first.start].isupper()
            and self._is_called_as_people(first.text)
        )

    def _is_called_as_people(self, word: str) -> bool:
        """Whether the title has a word with a capital, and another with one beside it: "Carol Smith"."""
        title = composed(self.about.title)[:_LONGEST_TITLE]
        words = [one for one in tokens(title) if one.kind is Kind.WORD]
        capitals = [title[one.start].isupper() for one in words]
        return any(
            one.text == word
            and capitals[at]
            and any(capitals[max(at - 1, 0) : at] + capitals[at + 1 : at + 2])
            for at, one in enumerate(words)
        )

    def limiting(
        self,
        things: Sequence[int],
        clause: range,
        written: Sequence[Token],
        code: str,
    ) -> frozenset[int]:
        """Which of the words that were taken for the name of a thing may limit it, beside what the request is called:
        "the smaller contract" of "Maintenance contract", whatever its fields tell of a smaller one."""
        if not things or not any(_has(self._words(code, "heads"), at, written) for at in clause):
            return frozenset()
        title, limits = self._words(code, "title"), self.known.parts[code].limits
        return frozenset(
            at
            for at in things
            if written[at].text not in self.known.values[code].counts  # which `read_matter` compares
            and (
                begins_with([token.text for token in written[at : at + _LONGEST_LIMIT]], limits)
                or not title.has_word(written[at].text)
            )
        )

    def _words(self, code: str, which: str) -> Shown:
        if (code, which) not in self._shown:
            names = (self.about.title, *self.about.of_process)
            most = 1 if which == "first" else None
            heads = tuple(head for name in names for head in heads_of(name, self.known, code)[:most])
            about = {"title": About(texts=names), "every": self.about}.get(which, About(texts=heads))
            self._shown[code, which] = Shown(about, self.known, code)
        return self._shown[code, which]

    def _is_as_in_title(self, at: int, clause: range, text: str, written: Sequence[Token], code: str) -> bool:
        """Whether a word of the title is what it begins with, is a name, or stands beside the same word as there: of
        "Contract for Lyon, if need be temporarily" nobody knows what "the contract temporarily" says."""
        word = written[at].text
        if (
            word.upper() == word
            or _is_name(at, clause, text, written)
            or _has(self._words(code, "first"), at, written)
        ):
            return True
        beside = [_beside([written[one].text for one in clause], at - clause.start, step) for step in (-1, 1)]
        return any(
            self._is_form(word, own, code)
            and any(
                near and (other := _beside(segment, place, step)) and self._is_form(near, other, code)
                for near, step in zip(beside, (-1, 1), strict=True)
            )
            for segment in self._segments()
            for place, own in enumerate(segment)
        )

    def _segments(self) -> Sequence[Sequence[str]]:
        if not self._parts_of_title:
            for segment in _SEGMENTS.split(composed(self.about.title)[:_LONGEST_TITLE]):
                self._parts_of_title.append([t.text for t in tokens(segment) if t.kind is Kind.WORD])
        return self._parts_of_title

    def _is_form(self, word: str, own: str, code: str) -> bool:
        if (code, own) not in self._single:
            self._single[code, own] = Shown(About(texts=(own,)), self.known, code)
        return self._single[code, own].has_word(word)

    def _limits(self, at: int, written: Sequence[Token], matches: Sequence[Match], code: str) -> bool:
        if any(match.meaning.role >= Role.NEGATION_HELPER for match in matches):
            return True
        words = [token.text for token in written[at : at + _LONGEST_LIMIT]]
        return any(
            begins_with(words, self.known.parts[one].limits)
            or words[0] in self.known.values[one].counts
            or words[0] in self.known.values[one].months
            or words[0] in self.known.also[one]
            for one in (code, FALLBACK)
        )


def heads_of(title: str, known: Vocabulary, code: str) -> Sequence[str]:
    """What each part of a title begins with: "laptops" of "Two laptops for the Lyon office". None, if any part denies
    or doubts, or leaves something open or out: of "Laptops, or monitors" nobody knows what "the laptops" says. Of a
    discount, which limits an answer elsewhere, only that, if nothing is asked for beside it: "Discount on laptops"."""
    heads: list[str] = []
    segments = _SEGMENTS.split(composed(title)[:_LONGEST_TITLE])
    for segment in segments:
        words = [token for token in tokens(segment) if token.kind is Kind.WORD]
        texts = [token.text for token in words]
        matches = [known.phrases.matches(texts, at) for at in range(len(texts))]
        own = _language(matches, code)
        languages = {code, FALLBACK, SHARED, own}
        limits = known.parts[own].title_limits if own in known.parts else frozenset()
        ended = False
        head: list[Token] = []
        for at, token in enumerate(words):
            meant = [match for match in matches[at] if match.meaning.language in languages]
            turning = [match for match in meant if _turns(match)]
            if (
                turning
                and len(segments) == 1
                and not head
                and all(_is_kind(match, token.text, known) for match in turning)
            ):
                return (segment[token.start : token.end],)
            if turning or begins_with(texts[at : at + _LONGEST_LIMIT], limits):
                return ()
            if ended:
                continue
            if not head and _begins_only(token, languages, known):
                continue
            small = any(match.length == 1 and match.meaning.role is Role.FILLER for match in meant)
            ended = bool(head) and small and not _is_thing(token, languages, known)
            if not ended:
                head.append(token)
        if head:
            heads.append(segment[head[0].start : head[-1].end])
    return heads


def _turns(match: Match) -> bool:
    """Whether a phrase of a title denies or doubts."""
    return match.meaning.role in _TURNS or match.meaning.outcome == REJECT


def _is_kind(match: Match, word: str, known: Vocabulary) -> bool:
    """Whether a doubt is a word that tells of which kind the thing is."""
    single = match.length == 1 and match.meaning.role is Role.DOUBT
    return single and is_kind(word, match.meaning.language, known)


def is_kind(word: str, code: str, known: Vocabulary) -> bool:
    """Whether a word of a language tells of which kind a thing is, and is no place."""
    values = known.values.get(code)
    return values is not None and values.kinds.get((word,), PLACE) != PLACE


def _begins_only(token: Token, languages: set[str], known: Vocabulary) -> bool:
    """Whether it is an article or a number of pieces."""
    return token.text[:1].isdecimal() or any(
        (token.text,) in known.parts[one].articles or token.text in known.values[one].counts
        for one in languages
        if one in known.parts
    )


def _is_thing(token: Token, languages: set[str], known: Vocabulary) -> bool:
    return any((token.text,) in known.values[one].kinds for one in languages if one in known.values)


def _language(matches: Sequence[Sequence[Match]], code: str) -> str:
    """The language that knows most of the words; the answer's, where no other knows more."""
    knows = Counter(match.meaning.language for one in matches for match in one)
    return max(knows, key=lambda one: (knows[one], one == code), default=FALLBACK)


def _has(shown: Shown, at: int, written: Sequence[Token]) -> bool:
    word = written[at].text
    if is_ideograph(word[0]):
        return any(pair in shown.joined for start in (at - 1, at) if (pair := _pair(written, start)))
    # Scripts without capitals have shorter words.
    has_capitals = word.upper() != word
    return len(word) >= (_SHORTEST if has_capitals else _SHORTEST_WITHOUT_CAPITALS) and shown.has_word(word)


def _beside(words: Sequence[str], at: int, step: int) -> str:
    """The word beside one, past small ones; "" if there is none."""
    at += step
    while 0 <= at < len(words):
        if len(words[at]) > _LONGEST_SMALL:
            return words[at]
        at += step
    return ""


def _is_name(at: int, clause: range, text: str, written: Sequence[Token]) -> bool:
    """Whether a word is written as a name, with a capital, in a clause that has words without."""
    firsts = [text[written[one].start] for one in clause]
    return text[written[at].start].isupper() and any(map(str.islower, firsts))


def _is_in_name(token: Token, text: str) -> bool:
    """Whether a word is only a part of "contoso.example" or "finance@contoso.example"."""
    before, behind = text[max(token.start - 2, 0) : token.start], text[token.end : token.end + 2]
    return bool(_INSIDE.search(before + " ") or _INSIDE.search(" " + behind))


def _is_its_number(at: int, written: Sequence[Token], named: Set[int], shown: Shown) -> bool:
    """Whether it is the one number that stands in the request beside a word beside it."""
    beside = (written[one].text for one in (at - 1, at + 1) if one in named)
    digits = written[at].text
    return digits[:1].isdecimal() and any(shown.numbers_beside(word) == {compact(digits)} for word in beside)


def _pair(written: Sequence[Token], start: int) -> str:
    """Two signs of a script without blanks, beside each other; "" if there are none."""
    pair = [token.text for token in written[max(start, 0) : start + 2]]
    return "".join(pair) if len(pair) == 2 and all(sign and is_ideograph(sign[0]) for sign in pair) else ""
