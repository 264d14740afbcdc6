"""The mail that we sent, and what of a reply stands in it.

Mail programs and servers rewrap a quoted mail, join its lines, derive its text from the HTML, mark it with `> ` or
not at all, and put banners into it. The order of its words survives all of that, so words are compared: a stretch
of the reply whose words follow each other in our mail is quoted, whatever stands around it. Links and addresses do
not count, because servers rewrite them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile

from placet.lib.sentences import gettext_noop
from placet.replies.parse import banners, heads, html, limits, quotes
from placet.replies.parse.folding import LINE, fold
from placet.replies.parse.headers import from_bytes
from placet.replies.parse.links import readable
from placet.replies.parse.mail import Mail
from placet.replies.parse.parts import Part, parts
from placet.replies.parse.quotes import Is, Lines
from placet.replies.parse.subjects import own_subject
from placet.replies.refusals import Unparseable

LONG = 6  # words that follow each other as in our mail and are no accident
SEED = 3  # words by which a place in our mail is found
PLACES = 8  # of the same words in our mail that are tried
NEAR = 12  # words that may be left out between two quoted stretches that belong together
WORDS = 20_000  # of our mail that are compared
COMPARED = 50_000  # of a reply
_HEAD_LINES = 8

_IN_OUR_MAIL = gettext_noop("what stands in the mail that was answered")
_LINK = re.compile(
    r"<?(?:mailto:|[a-z]{2,10}://|www\.)[^\s<>]*>?|[^\s<>@]{1,64}@[^\s<>@]{1,253}", re.IGNORECASE
)
# Of our links those that nobody writes by hand. The organisation's home page stands below our mails, and in what
# people write: "only as https://contoso.example/terms says".
_ONLY_OURS = re.compile(r"^mailto:|/requests/[0-9a-f-]{36}/")
_SIGNS = "\\u2600-\\u27bf\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff\\U0001f000-\\U0001faff"
# A word is a run of letters and digits; where blanks part no words, and of emoji, each character.
_WORD = re.compile(f"[{_SIGNS}]|[^\\W_{_SIGNS}]+")


@dataclass(frozen=True)
class Original:
    """The words of a mail that we sent, in order: those of its text, then those of its HTML."""

    words: Sequence[str]
    places: Mapping[tuple[str, ...], Sequence[int]]  # where SEED words begin
    sentences: frozenset[tuple[str, ...]]  # lines of two words and more that are no label of a link
    links: frozenset[str]  # only ours, without what stands behind a question mark
    subjects: Sequence[str]

    @classmethod
    def of(cls, *raws: bytes) -> "Original":
        """Read from the bytes as they were sent, the most likely one first. Never raises: of a mail that cannot be
        read no words are known."""
        words: list[str] = []
        sentences: set[tuple[str, ...]] = set()
        links: set[str] = set()
        subjects = []
        for raw in raws:
            subjects.append(from_bytes(limits.header_block(raw)).first("subject"))
            for at, text in enumerate(_texts(raw)):
                for line in text.split("\n", limits.LINES)[: limits.LINES]:
                    found, linked = words_of(line), _links(line)
                    words += found
                    links.update(link for link in linked if _ONLY_OURS.search(link))
                    if len(found) > 1 and not linked and at == 0:  # in HTML the links of labels are not seen
                        sentences.add(tuple(found))
                words += [""] * NEAR  # what ends one part and begins the next does not follow each other
        del words[WORDS:]
        return cls(words, _places(words), frozenset(sentences), frozenset(links), subjects)


def _texts(raw: bytes) -> list[str]:
    try:
        return [text for part in parts(raw) if (text := _text(part))]
    except Unparseable:
        return []


def _places(words: Sequence[str]) -> Mapping[tuple[str, ...], Sequence[int]]:
    places: dict[tuple[str, ...], list[int]] = {}
    for at in range(len(words) - SEED + 1):
        known = places.setdefault(tuple(words[at : at + SEED]), [])
        if len(known) < PLACES:
            known.append(at)
    return places


def words_of(line: str) -> list[str]:
    """The words of a line that are compared: without links, case and what nobody sees."""
    return _WORD.findall(_LINK.sub(" ", fold(line)))


def _links(line: str) -> list[str]:
    """Where the links of a line lead, without what servers add."""
    if ":" not in line:
        return []
    found = _LINK.findall(readable(line[:LINE]))
    return [link.strip("<>.,;)").partition("?")[0].lower() for link in found if ":" in link]


def without_original(mail: Mail, original: Original) -> Mail:
    """The same mail with its new text cut again: a line that stands in `original` is quoted, a line below a quote
    that does not is new. Linear in the text."""
    if mail.sealed or mail.automatic is not None:
        return mail
    mail = replace(mail, own_subject=own_subject(mail.subject, original.subjects))
    found = quotes.scan(mail.marked)
    if not _Comparison(found, original).apply():
        return mail
    new = quotes.cut(found)
    return replace(
        mail,
        new_text=new.text,
        with_signature=new.with_signature,
        quoted_cut=new.quoted_cut,
        quote_doubtful=new.doubtful,
    )


def _text(part: Part) -> str:
    if part.container or part.attached or part.in_message:
        return ""
    if part.content_type == "text/html":
        return html.visible(part.text()[: limits.HTML]).text
    return part.text() if part.content_type == "text/plain" else ""


class _Comparison:
    """One reply held against the original."""

    def __init__(self, found: Lines, original: Original) -> None:
        self.found = found
        self._words: list[str] = []
        self._spans: list[tuple[int, int]] = []  # of each line, in the words
        for line in found.folded:
            start = len(self._words)
            if start < COMPARED:
                self._words += words_of(line.lstrip("> |"))
            self._spans.append((start, len(self._words)))
        self._places = _aligned(self._words, frozenset(start for start, _ in self._spans), original)
        self._covered = [self._share(at, original) for at in range(len(found.lines))]

    def _share(self, at: int, original: Original) -> float | None:
        """How much of a line stands in our mail; None for a line without words."""
        start, end = self._spans[at]
        if not original.links.isdisjoint(_links(self.found.lines[at])):
            return 1.0  # whatever the label says, this link is ours
        if start == end:
            return None
        if tuple(self._words[start:end]) in original.sentences:
            return 1.0
        return sum(place >= 0 for place in self._places[start:end]) / (end - start)

    def _words_in(self, at: int) -> int:
        start, end = self._spans[at]
        return end - start

    def apply(self) -> bool:
        """Correct what the lines are. False if nothing of our mail was found."""
        hits = [at for at, share in enumerate(self._covered) if share == 1]
        if not hits:
            return False
        self._unmarked_quotes(self._with_marks(hits))
        self._heads(hits[0])
        self._answers_below(hits)
        self._answers_inside(hits)
        self.found.doubts.difference_update(hits)
        return True

    def _with_marks(self, hits: Sequence[int]) -> bool:
        return any(self.found.kinds[at] is Is.MARKED for at in hits)

    def _unmarked_quotes(self, with_marks: bool) -> None:
        """Lines that were taken for new and stand in our mail."""
        for at, share in enumerate(self._covered):
            if self.found.kinds[at] is not Is.NEW or not share:
                continue
            if share < 1:
                if share >= 0.5 and self._words_in(at) >= LONG:
                    self._quoted(at)
                    self.found.doubts.add(at)
            elif not with_marks or self._words_in(at) >= LONG or self._goes_on(at):
                self._quoted(at)

    def _goes_on(self, at: int) -> bool:
        """Whether a line is the rest of the quoted line above it, which was wrapped on its way."""
        if not at or self.found.kinds[at - 1] is not Is.MARKED:
            return False
        start = self._spans[at][0]
        return start > 0 and self._places[start] == self._places[start - 1] + 1

    def _quoted(self, at: int) -> None:
        self.found.kinds[at] = Is.MARKED
        self.found.rules.setdefault(_IN_OUR_MAIL)

    def _heads(self, first: int) -> None:
        """What stands directly above the quote and says so, in a language or way that no rule knew: lines with an
        address or a date, and labels beside them. A label alone may be a form's, with an answer behind it."""
        folded, kinds = self.found.folded, self.found.kinds
        last = first - 1
        while last >= 0 and not folded[last]:
            last -= 1
        block = [at for at in range(last, max(last - _HEAD_LINES, -1), -1) if kinds[at] is Is.NEW]
        block = list(takewhile(lambda at: folded[at] and heads.like_a_head(folded[at]), block))
        if any(heads.address_or_date(folded[at]) for at in block):
            for at in block:
                kinds[at] = Is.HEAD

    def _answers_below(self, hits: Sequence[int]) -> None:
        """People answer below or inside an unmarked quote. What others wrote stands below further heads."""
        kinds = self.found.kinds
        first = next((at for at in hits if kinds[at] is Is.BELOW), None)
        if first is None:
            return
        start = kinds.index(Is.BELOW)
        above = next((at for at in range(start - 1, -1, -1) if self.found.folded[at]), start)
        bare = [line.lstrip("> ") for line in self.found.folded]
        if heads.second_head(bare, start, first, kinds[above] is Is.HEAD):
            return  # our mail was quoted by somebody else first
        further = _heads_below(bare, start, frozenset(hits))
        if any(at < first for at in further):
            return
        end = next((at for at in further if at > first), len(kinds))
        for at in range(first + 1, end):
            share = self._covered[at]
            if share is None:
                # A line without words, such as "--", belongs to the one above it.
                if kinds[at - 1] is Is.NEW:
                    kinds[at] = Is.NEW
            elif share == 0:
                self._give_back(at)
            elif share < 1:
                self.found.doubts.add(at)

    def _answers_inside(self, hits: Sequence[int]) -> None:
        """People write between quoted lines without parting the quote, and behind the words of one. Only where our
        mail is all that is quoted: what stands beside it deeper in a quote is somebody else's."""
        marked = [at for at in hits if self.found.kinds[at] is Is.MARKED]
        if not marked or not self._quoted_alone(marked[0]):
            return
        depth = self._depth(marked[0])
        for above, below in pairwise(marked):
            for at in range(above + 1, below):
                share = self._covered[at]
                if (
                    share is None
                    or self.found.kinds[at] is not Is.MARKED
                    or banners.warns(self.found.folded, at)
                ):
                    continue
                if share == 0 and (at in self.found.unmarked or self._depth(at) == depth):
                    self._give_back(at)
                else:
                    self.found.doubts.add(at)

    def _quoted_alone(self, first: int) -> bool:
        """Whether nothing but one head, and a warning, stands between the text above the quote and our mail."""
        above = first
        while above and not (self.found.folded[above - 1] and self.found.kinds[above - 1] is Is.NEW):
            above -= 1
        if first - above > heads.HEAD:
            return False
        lines = [line.lstrip("> ") for line in self.found.folded[above:first]]
        return heads.only_a_head([line for at, line in enumerate(lines) if not banners.warns(lines, at)])

    def _depth(self, at: int) -> int:
        """How deep a line is quoted."""
        line = self.found.folded[at]
        return line[: len(line) - len(line.lstrip("> "))].count(">")

    def _give_back(self, at: int) -> None:
        """A quoted line that is the sender's after all."""
        self.found.kinds[at] = Is.NEW
        self.found.doubts.discard(at)
        self.found.lines[at] = self.found.lines[at].lstrip("> ")


def _heads_below(folded: Sequence[str], start: int, hits: frozenset[int]) -> list[int]:
    """Where, below the first one, further heads begin."""
    marks = [False] * len(folded)
    below = range(heads.below_head(folded, marks, start), len(folded))
    return [at for at in below if at not in hits and heads.is_head(folded, marks, at)]


# ---------------------------------------------------------------------- words in order


def _aligned(words: Sequence[str], line_starts: frozenset[int], original: Original) -> list[int]:
    """For each word its place in the original, -1 where it has none.

    One walk: a word goes on where the one before it stood, or begins a stretch at a place that its next words
    know. Of a word that stands twice where our mail has it once, the first one is not ours.
    """
    places = [-1] * len(words)
    last = -1
    for at in range(len(words)):
        place = _place(words, places, at, last, original)
        if place < 0 and at in line_starts and last >= 0:
            place = _near(words[at], last, original)
        if place >= 0:
            if 0 <= last - place < NEAR:
                _claim_back(places, at, place)
            places[at] = last = place
    _drop_short(places)
    return places


def _place(words: Sequence[str], places: Sequence[int], at: int, last: int, original: Original) -> int:
    goes_on = at > 0 and places[at - 1] >= 0 and last + 1 < len(original.words)
    if goes_on and original.words[last + 1] == words[at]:
        return last + 1
    known = original.places.get(tuple(words[at : at + SEED]), ())
    return next((place for place in known if place > last), known[0] if known else -1)


def _near(word: str, last: int, original: Original) -> int:
    """A short line of ours, with something between it and the line before it."""
    for place in range(last + 1, min(last + NEAR, len(original.words))):
        if original.words[place] == word:
            return place
    return -1


def _claim_back(places: list[int], at: int, place: int) -> None:
    """A stretch begins again at `place`: the words just above that claimed it and what follows are not ours."""
    above = at - 1
    while above >= 0 and places[above] >= place:
        places[above] = -1
        above -= 1


def _drop_short(places: list[int]) -> None:
    """What is too short to be ours by more than an accident, with all the stretches that belong together."""
    stretch: list[int] = []
    for at, place in enumerate(places):
        if place < 0:
            continue
        if stretch and not 0 < place - places[stretch[-1]] < NEAR:
            _drop_if_short(places, stretch)
            stretch = []
        stretch.append(at)
    _drop_if_short(places, stretch)


def _drop_if_short(places: list[int], stretch: Sequence[int]) -> None:
    if len(stretch) < LONG:
        for at in stretch:
            places[at] = -1
