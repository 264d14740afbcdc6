"""The mail that we sent, and what of a reply's quote is not ours.

What is quoted is said by the reply's own structure (`quotes.py`): marks, heads, blocks, our line above which to answer.
Our mail holds what its requester wrote, who may have written down whatever the answer could be. So it never makes a
line quoted. It tells two things:

-   Where our mail stands in the quote whole, word for word, in order, and in one way only, all that stands between and
    below its lines is the sender's: people answer there, and many programs mark nothing.
-   Everything else that is quoted and not known to be ours may be the sender's, too. It only makes an answer doubtful.

Mail programs and servers rewrap a quoted mail, join its lines, derive its text from the HTML, and put banners into it.
The order of its words survives all of that, so words are compared. Links and addresses do not count, because servers
rewrite them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from placet.replies.parse import banners, heads, html, limits, quotes, words
from placet.replies.parse.folding import LINE, fold
from placet.replies.parse.headers import from_bytes
from placet.replies.parse.headers import text as header_text
from placet.replies.parse.mail import Mail
from placet.replies.parse.parts import Part, parts
from placet.replies.parse.quotes import Is, Lines
from placet.replies.parse.subjects import own_subject
from placet.replies.refusals import Unparseable

LONG = 6  # words that follow each other as in our mail and are no accident
SEED = 3  # words by which a place in our mail is found
PLACES = 8  # of the same words in our mail that are tried
NEAR = 12  # words that may be left out between two quoted stretches that belong together
WORDS = 20_000  # of one part of our mail that are compared
COMPARED = 50_000  # of a reply
TRIES = 100_000  # places at which a line of the reply may stand, all together
_CODE = re.compile(r"\[# ?[^\]]{0,40}\]")  # behind the subject of ours
_HEAD_LINES = 8

_LINK = re.compile(
    r"<?(?:mailto:|[a-z]{2,10}://|www\.)[^\s<>]*>?|[^\s<>@]{1,64}@[^\s<>@]{1,253}", re.IGNORECASE
)
_ADDRESS = re.compile(r"([a-z0-9._%+-]{1,64})@([a-z0-9.-]{1,253})")
_SIGNS = "\\u2600-\\u27bf\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff\\U0001f000-\\U0001faff"
# A word is a run of letters and digits; where blanks part no words, and of emoji, each character.
_WORD = re.compile(f"[{_SIGNS}]|[^\\W_{_SIGNS}]+")
# What people wrote like one has a sign in it that `no_links` put there.
_OUR_LINK = re.compile("(?:mailto:|https?://)[^\\s<>\u200b]+(?![^\\s<>])")
_NO_LINK = re.compile("\\S*\u200b\\S*")


# --- the mail that we sent ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """The words of one part of a mail that we sent, in order."""

    words: Sequence[str]
    whole: bool  # none was left out
    starts: Mapping[str, Sequence[int]]  # where a word stands
    places: Mapping[tuple[str, ...], Sequence[int]]  # where SEED words begin
    linked: frozenset[str]  # words inside what people wrote like an address or a link, which count as none

    @classmethod
    def of(cls, text: str) -> "Sent":
        found = words_of(text)
        kept = found[:WORDS]
        return cls.of_words(kept, len(found) == len(kept), frozenset(_broken_up(text)))

    @classmethod
    def of_words(cls, words: Sequence[str], whole: bool, linked: frozenset[str]) -> "Sent":
        starts: dict[str, list[int]] = {}
        for at, word in enumerate(words):
            starts.setdefault(word, []).append(at)
        return cls(words, whole, starts, _places(words), linked)


@dataclass(frozen=True)
class Original:
    """What we sent: the parts of one mail or of several, the most likely one first."""

    sent: Sequence[Sent]
    subjects: Sequence[str]
    links: frozenset[str]  # our own, as `fold` gives them

    @classmethod
    def of(cls, *raws: bytes) -> "Original":
        """Read from the bytes as they were sent. Never raises: of a mail that cannot be read no words are known."""
        texts = [text for raw in raws for text in _texts(raw)]
        return cls(
            [Sent.of(text) for text in texts],
            [header_text(from_bytes(limits.header_block(raw)).first("subject")) for raw in raws],
            frozenset(fold(link) for text in texts for link in _OUR_LINK.findall(text)),
        )

    @classmethod
    def together(cls, mails: Iterable["Original"]) -> "Original":
        mails = list(mails)
        return cls(
            [sent for mail in mails for sent in mail.sent],
            [subject for mail in mails for subject in mail.subjects],
            frozenset(link for mail in mails for link in mail.links),
        )


def _texts(raw: bytes) -> list[str]:
    try:
        return [text for part in parts(raw) if (text := _text(part))]
    except Unparseable:
        return []


def _text(part: Part) -> str:
    if part.container or part.attached or part.in_message:
        return ""
    if part.content_type == "text/html":
        return html.visible(part.text()[: limits.HTML]).text
    return part.text() if part.content_type == "text/plain" else ""


def _places(words: Sequence[str]) -> Mapping[tuple[str, ...], Sequence[int]]:
    places: dict[tuple[str, ...], list[int]] = {}
    for at in range(len(words) - SEED + 1):
        known = places.setdefault(tuple(words[at : at + SEED]), [])
        if len(known) < PLACES:
            known.append(at)
    return places


def words_of(text: str) -> list[str]:
    """The words of a text that are compared: without links, case and what nobody sees."""
    return _WORD.findall(_LINK.sub(" ", _folded(text)))


def _broken_up(text: str) -> Iterator[str]:
    """The words of what looks like a link in what people wrote into our mail: `no_links` has put a sign into it."""
    for said in _NO_LINK.findall(text):
        if _LINK.search(fold(said)):
            yield from _WORD.findall(fold(said))


def _folded(text: str) -> str:
    """All of it, however long its lines are."""
    return "\n".join(fold(piece) for line in text.split("\n") for piece in _pieces(line))


def _pieces(line: str) -> Iterator[str]:
    """A line in pieces that `fold` takes whole, parted at blanks where there are any."""
    while len(line) > LINE:
        end = line.rfind(" ", 1, LINE) if " " in line[1:LINE] else LINE
        yield line[:end]
        line = line[end:]
    yield line


# --- a reply held against it --------------------------------------------------------------------------------------


def without_original(mail: Mail, original: Original) -> Mail:
    """The same mail with its new text cut again: what stands between and below the lines of our mail is new where that
    is certain, and in doubt or `quoted_else` where it is not. Linear in the text."""
    if mail.sealed or mail.automatic is not None:
        return mail
    mail = replace(mail, own_subject=own_subject(mail.subject, original.subjects))
    found = quotes.scan(mail.marked)
    quoted = _Quoted(found, original, mail.mailbox_address)
    quoted.settle()
    new = quotes.cut(found)
    unfinished = mail.text_unfinished or found.rest
    return replace(
        mail,
        new_text=new.text,
        with_signature=new.with_signature,
        set_apart=new.set_apart,
        quoted_cut=new.quoted_cut if quoted.known else mail.quoted_cut,
        text_truncated=mail.text_truncated
        or not new.whole
        or (unfinished and (quoted.open or not new.to_the_end)),
        quote_doubtful=new.doubtful,
        quoted_else="\n".join(quoted.others)[: limits.NEW_TEXT],
    )


_LETTERS = re.compile(r"\w+")
_SUBJECT, _SUBJECT_LEAST = 40, 3  # words of a subject that are compared, and that tell it


def _place_of(subject: Sequence[str], line: str, least: int = _SUBJECT_LEAST) -> tuple[int, int] | None:
    """Where a subject, or so many words of its beginning, stands in a line: programs write other signs between its
    words, and shorten it."""
    spans = list(_LETTERS.finditer(line)) if subject[0] in line else []
    for at in range(len(spans)):
        pairs = zip(subject, spans[at:], strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1][0], pairs))
        if same >= min(least, len(subject)):
            return spans[at].start(), spans[at + same - 1].end()
    return None


class _Quoted:
    """What structure calls quoted in one reply, held against the original."""

    def __init__(self, found: Lines, original: Original, mailbox_address: str) -> None:
        self.found = found
        self.mailbox_address = mailbox_address
        self.bare = [line.lstrip("> ") for line in found.folded]
        worded = (_LETTERS.findall(fold(own_subject(subject)))[:_SUBJECT] for subject in original.subjects)
        self.subjects = [words for words in worded if words]
        self.others: list[str] = []  # quoted lines that are neither ours nor below the head of another mail
        self.said, self.all_compared, rests = _words_by_line(found, self.bare, original.links)
        found.doubts -= {at for at in rests if found.kinds[at] is not Is.NEW}
        self.lines = [at for at, kind in enumerate(found.kinds) if kind in (Is.MARKED, Is.BELOW)]
        self.ours, self.sent, self.ambiguous = self._all_of(original)
        self.aligned = _best_aligned(self.said, original) if self.sent is None else None
        known = sorted(self.ours) if self.aligned is None else list(filter(self.aligned.stands, self.lines))
        self.known = bool(known)
        self.open = False  # the sender's own words may stand below all the rest
        self.first = known[0] if known else len(self.bare)  # line of our mail

    def _all_of(self, original: Original) -> tuple[frozenset[int], Sent | None, bool]:
        """The lines that are our mail where it stands there whole, the part that they are, and whether it was found in
        several ways."""
        candidates = [at for at in self.lines if self.said[at]]
        ambiguous = False
        for sent in original.sent:
            places, ways = _embedded([self.said[at] for at in candidates], sent)
            if ways == 1:
                return frozenset(candidates[place] for place in places), sent, False
            ambiguous = ambiguous or ways > 1
        return frozenset(), None, ambiguous

    def settle(self) -> None:
        """Correct what the lines are."""
        above = heads.heads_in(self.bare, self._start() if self.known else 0, self.first)
        answered = (
            self.known and len(above) < 2
        )  # or somebody else quoted our mail first, if it stands there at all
        self._unknown_head()
        ours_from = self._below_heads(above) if answered else above[0].start if above else self.first
        for at in self.lines:
            if at < ours_from and not (any(at in head for head in above) and self._is_of_a_head(at)):
                self._perhaps(at)
        if not self.known:
            self._head_in_doubt()
        if self.aligned is not None:
            self._new_in_doubt(self.aligned)
        if answered and self.aligned is not None:
            self._in_pieces(self.aligned)
        elif answered and self.sent is not None:
            self._whole(self.sent)

    def _below_heads(self, above: Sequence[range]) -> int:
        """Where our mail begins; its place does not count for what a server put above it."""
        if above and banners.length(self.bare[above[-1].stop : self.first]):
            return above[-1].start
        return self.first

    def _is_of_a_head(self, at: int) -> bool:
        """A label that nobody knows may be the sender's: "Sorry, no: rejected". So may what stands behind one of a
        subject: "Re: only two"."""
        line = self.bare[at]
        dated = heads.address_or_date(line) or heads.short_date_and_time(line)
        return heads.label(line) in {"", *(words.LABELS - words.SUBJECT_LABELS)} or dated

    def _start(self) -> int:
        """Where what is quoted begins that our mail stands in."""
        at = self.first
        while at and not (self.found.folded[at - 1] and self.found.kinds[at - 1] is Is.NEW):
            at -= 1
        return at

    def _unknown_head(self) -> None:
        """What stands directly above our mail and says so, in a language or way that no rule knew: our address, a date,
        and labels beside them. Without our address it may as well be the sender's own: "Delivery: 24 December"."""
        folded, kinds = self.found.folded, self.found.kinds
        last = self.first - 1
        while last >= 0 and not folded[last]:
            last -= 1
        if not self.known or last < 0:
            return
        block = [at for at in range(last, max(last - _HEAD_LINES, -1), -1) if kinds[at] is Is.NEW]
        block = list(takewhile(lambda at: heads.like_a_head(folded[at]), block))
        if any(self._names_us(folded[at]) for at in block):
            for at in reversed(block):
                kinds[at] = Is.HEAD
                self._perhaps(at)

    def _names_us(self, line: str) -> bool:
        """Whether our mailbox's address stands in a line, with or without a reply code."""
        local, _, domain = self.mailbox_address.partition("@")
        return any(
            name.partition("+")[0] == local and at == domain for name, at in _ADDRESS.findall(line[:LINE])
        )

    def _perhaps(self, at: int) -> None:
        """A line that may be the sender's own although it is quoted."""
        line = self.bare[at]
        if not self.said[at] or banners.warns(self.bare, at):
            return
        least = 1 if heads.label(line) in words.SUBJECT_LABELS else _SUBJECT_LEAST
        for subject in self.subjects:  # in a head, or above a quote; people may write behind it
            if place := _place_of(subject, line, least):
                before, behind = line[: place[0]], line[place[1] :]
                line = _CODE.sub(" ", behind if heads.label(before) else f"{before} {behind}")
        if words_of(line):
            self.others.append(line)

    # -- our mail stands in the quote whole --

    def _whole(self, sent: Sent) -> None:
        self.found.doubts -= self.ours
        last = max(self.ours)
        further = self._heads_below()
        end = next((at for at in further if at > last), len(self.bare))
        for at in self.lines:
            if self.first < at < end and at not in self.ours:
                self._between(at, sent, inside=at < last, head=at in further)
        self.open = end == len(self.bare)
        if self.open and not self.all_compared:
            self.found.doubts.add(end - 1)

    def _heads_below(self) -> dict[int, None]:
        """Where heads of other mails stand, in order."""
        marks = [False] * len(self.bare)
        below = (at for at in range(self.first + 1, len(self.bare)) if self.found.kinds[at] is not Is.NEW)
        return {at: None for at in below if at not in self.ours and heads.is_head(self.bare, marks, at)}

    def _between(self, at: int, sent: Sent, *, inside: bool, head: bool) -> None:
        """A line between or below those of our mail."""
        kinds, said = self.found.kinds, self.said[at]
        if not said:
            if kinds[at] is Is.BELOW and kinds[at - 1] is Is.NEW:
                kinds[at] = Is.NEW  # a line without words, such as "--", belongs to the one above it
        elif kinds[at] is Is.BELOW or (inside and self._as_deep(at) and not banners.warns(self.bare, at)):
            self._give_back(at)
            if head or not sent.linked.isdisjoint(said) or self._below_link(at):
                self.found.doubts.add(at)
        else:
            self._perhaps(at)

    def _below_link(self, at: int) -> bool:
        """Whether a line may be the rest of a link that is not known, because a server rewrote it."""
        return self.found.kinds[at - 1] is not Is.NEW and quotes.ends_in_link(self.found, at - 1)

    def _as_deep(self, at: int) -> bool:
        return at in self.found.unmarked or self._depth(at) == self._depth(self.first)

    def _depth(self, at: int) -> int:
        """How deep a line is quoted."""
        line = self.found.folded[at]
        return line[: len(line) - len(line.lstrip("> "))].count(">")

    def _give_back(self, at: int) -> None:
        """A quoted line that is the sender's after all."""
        self.found.kinds[at] = Is.NEW
        self.found.doubts.discard(at)
        self.found.lines[at] = self.found.lines[at].lstrip("> ")

    # -- only pieces of it do --

    def _in_pieces(self, aligned: "_Aligned") -> None:
        """Of lines without marks none but those that go on where the last one ended are ours for certain. Those with
        marks are quoted; what they say is looked at where it is not ours."""
        if self.ambiguous:
            self.found.doubts.add(self.first)
        further = (at for at in self._heads_below() if not aligned.touches(at))
        end = next(further, len(self.bare))
        between = [at for at in self.lines if self.first <= at < end and self.said[at]]
        small_print = False
        for above, at, below in zip(between, between[1:], [*between[2:], end], strict=False):
            small_print = small_print or self.bare[at].startswith(words.LEGAL)
            if self.found.kinds[at] is Is.BELOW:
                if not aligned.goes_on(above, at) and not small_print:
                    self.found.doubts.add(at)
            elif at in self.found.unmarked:
                # For certain the rest of the line above it where our mail goes on in it, and from it to the one below.
                if below < end and aligned.goes_on(above, at) and aligned.goes_on(at, below):
                    self.found.doubts.discard(at)
            elif not aligned.stands(at):
                self._perhaps(at)

    def _head_in_doubt(self) -> None:
        """Where nothing of our mail stands below a head, lines of the answerer's may look like one: "From: 1 March",
        "To: 5 March". A head of our mail has our subject."""
        below = [at for at in self.lines if self.said[at] and self.found.kinds[at] is Is.BELOW]
        if below and not any(_place_of(subject, self.bare[at]) for subject in self.subjects for at in below):
            self.found.doubts.add(below[0])

    def _new_in_doubt(self, aligned: "_Aligned") -> None:
        """Lines that were taken for new: the rest of a quoted one that was wrapped; and where nothing is quoted that is
        ours, those too much like ours, because some program may quote without saying so. A bar says nothing: our mail
        has bars in front of what its requester wrote."""
        quoted = any(aligned.stands(at) and not self.found.folded[at].startswith("|") for at in self.lines)
        for at, kind in enumerate(self.found.kinds):
            if kind is not Is.NEW:
                continue
            wrapped = at and self.found.kinds[at - 1] is not Is.NEW
            if (wrapped and aligned.goes_on(at - 1, at)) if quoted else aligned.likely(at):
                self.found.doubts.add(at)


def _words_by_line(
    found: Lines, bare: Sequence[str], links: frozenset[str]
) -> tuple[list[list[str]], bool, set[int]]:
    """The words of each line, whether all were taken, and the lines that are nothing but the rest of one of our links,
    which was broken on its way: "body=" and "Approve". Such a rest is no words."""
    said: list[list[str]] = []
    rests: set[int] = set()
    left, all_taken = COMPARED, True
    link = ""  # what of a link stands at the end of the line above
    for at, line in enumerate(bare):
        first, _, others = line.partition(" ")
        whole = f"{link}{first.rstrip('>')}"
        is_rest = bool(link and first) and any(whole in one for one in links)
        # A whole link may be how another one begins: "https://c.example/", and in the next line "Terms of service".
        is_rest = is_rest and not (others and link in links)
        text = others if is_rest else found.lines[at].lstrip("> |")
        if found.kinds[at] is Is.NEW and heads.ANSWERS.match(found.folded[at]):
            text = ""  # our questions have no colon behind their number: it is an answer with the question's label
        of_line = words_of(text)
        all_taken = all_taken and len(of_line) <= left
        said.append(of_line[:left])
        left -= len(said[-1])
        if is_rest and not others:
            rests.add(at)
            link = whole
        else:
            ends = quotes.LINK_AT_END.search(line) if found.kinds[at] is not Is.NEW else None
            link = ends[0] if ends else ""
    return said, all_taken, rests


# --- words in order -----------------------------------------------------------------------------------------------


def _embedded(lines: Sequence[Sequence[str]], sent: Sent) -> tuple[list[int], int]:
    """Which of the lines, one after the other, are all of what was sent, and in how many ways (two stands for more).
    The lines are given where there is one way."""
    if not sent.whole or len(sent.words) < LONG:
        return [], 0
    ways = {0: 1}  # to have so many words behind one
    steps: list[tuple[int, int, int]] = []
    tries = 0
    for number, said in enumerate(lines):
        for start in reversed(sent.starts.get(said[0], ())):
            tries += 1
            end = start + len(said)
            if start in ways and sent.words[start:end] == said:
                steps.append((number, start, end))
                ways[end] = min(ways.get(end, 0) + ways[start], 2)
        if tries > TRIES:
            return [], 0
    end = len(sent.words)
    used: list[int] = []
    if ways.get(end) == 1:
        for number, start, stop in reversed(steps):
            if stop == end and (not used or number < used[-1]):
                used.append(number)
                end = start
    return used[::-1], ways.get(len(sent.words), 0)


@dataclass(frozen=True)
class _Aligned:
    """For each word of each line its place in what was sent, -1 where it has none."""

    places: Sequence[Sequence[int]]

    @property
    def covered(self) -> int:
        return sum(place >= 0 for line in self.places for place in line)

    def stands(self, at: int) -> bool:
        """Whether all of a line stands there."""
        line = self.places[at]
        return bool(line) and min(line) >= 0

    def touches(self, at: int) -> bool:
        return any(place >= 0 for place in self.places[at])

    def likely(self, at: int) -> bool:
        """Whether a line is too much like ours to be so by accident."""
        line = self.places[at]
        return self.stands(at) or (len(line) >= LONG and 2 * sum(place >= 0 for place in line) >= len(line))

    def goes_on(self, above: int, at: int) -> bool:
        """Whether a line goes on where the one above it ends, without a gap."""
        if not self.stands(above) or not self.stands(at):
            return False
        together = [*self.places[above], *self.places[at]]
        return together == list(range(together[0], together[0] + len(together)))


def _best_aligned(said: Sequence[Sequence[str]], original: Original) -> _Aligned:
    """With the part of which most stands in the reply."""
    flat = [word for line in said for word in line]
    starts: list[int] = []
    at = 0
    for line in said:
        starts.append(at)
        at += len(line)
    best = _Aligned([[-1] * len(line) for line in said])
    for sent in original.sent:
        places = _aligned(flat, frozenset(starts), sent)
        one = _Aligned([places[start : start + len(line)] for start, line in zip(starts, said, strict=True)])
        best = max(best, one, key=lambda aligned: aligned.covered)
    return best


def _aligned(words: Sequence[str], line_starts: frozenset[int], sent: Sent) -> list[int]:
    """For each word its place, -1 where it has none.

    One walk: a word goes on where the one before it stood, or begins a stretch at a place that its next words
    know. Of a word that stands twice where our mail has it once, the first one is not ours.
    """
    places = [-1] * len(words)
    last = -1
    for at in range(len(words)):
        place = _place(words, places, at, last, sent)
        if place < 0 and at in line_starts and last >= 0:
            place = _near(words[at], last, sent)
        if place >= 0:
            if 0 <= last - place < NEAR:
                _claim_back(places, at, place)
            places[at] = last = place
    _drop_short(places)
    return places


def _place(words: Sequence[str], places: Sequence[int], at: int, last: int, sent: Sent) -> int:
    goes_on = at > 0 and places[at - 1] >= 0 and last + 1 < len(sent.words)
    if goes_on and sent.words[last + 1] == words[at]:
        return last + 1
    known = sent.places.get(tuple(words[at : at + SEED]), ())
    return next((place for place in known if place > last), known[0] if known else -1)


def _near(word: str, last: int, sent: Sent) -> int:
    """A short line of ours, with something between it and the line before it."""
    for place in range(last + 1, min(last + NEAR, len(sent.words))):
        if sent.words[place] == word:
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
