"""Answers that have a line for themselves, in any language: beside an answer in one language people write another one
in a second language, or below their name, and neither may be lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from placet.replies.languages import SHARED
from placet.replies.read_contacts import without_contacts
from placet.replies.read_frame import Line, lines_of
from placet.replies.read_phrases import Match, Meaning, Role
from placet.replies.read_tokens import Kind, Token, tokens
from placet.replies.read_vocabulary import APPROVE, REJECT, Vocabulary, begins_with

_LONGEST = 24  # words; in scripts without blanks these are characters
_ANSWERS = frozenset(
    (Role.DECIDES, Role.DECIDES_WEAKLY, Role.NEGATION, Role.NEGATION_HELPER, Role.FILLER, Role.COURTESY)
)


@dataclass(frozen=True)
class Other:
    """What says another outcome than the one that was read, beside it or below. `names`: as in `outcomes_alone`."""

    outcome: str
    language: str
    known: Vocabulary
    names: frozenset[str]

    def line_of(self, comment: str) -> str:
        """The first line of a comment above a closing that does; "" if none does. Behind a rejection people write what
        they would have approved; but "Best regards, yes" is no closing."""
        for line in lines_of(comment):
            looked_at = self.outcome == APPROVE or begins_with(line.words, self.known.lines.closings) > 0
            if looked_at and self._outcomes(line) - {self.outcome}:
                return line.text.strip()
        return ""

    def is_in(self, text: str) -> bool:
        """Whether a text below an answer does, by a line of it or by strong words anywhere."""
        words: list[str] = []  # but for lines that are the same answer again
        for line in lines_of(text):
            outcomes = self._outcomes(line)
            if outcomes - {self.outcome}:
                return True
            words += () if outcomes else line.words
        matches = (match for at in range(len(words)) for match in self.known.phrases.matches(words, at))
        strong = (match.meaning for match in matches if match.meaning.role is Role.DECIDES)
        return any(meaning.outcome != self.outcome for meaning in strong)

    def turn_in(self, text: str) -> str:
        """The first line that takes an answer back, and nothing else: "Withdrawn"; "" if none does."""
        lines = (line for line in lines_of(text) if takes_back(line, self.language, self.known, self.names))
        return next((line.text.strip() for line in lines), "")

    def _outcomes(self, line: Line) -> set[str]:
        return outcomes_alone(without_contacts(line.text), self.language, self.known, self.names)


def takes_back(line: Line, language: str, known: Vocabulary, names: frozenset[str]) -> bool:
    """Whether a line is an order that takes an answer back, and nothing else but what is polite: "Withdrawn, sorry".
    `language`: of the answer. `names`: as in `outcomes_alone`."""
    words, at, turned = line.words, 0, False
    while at < len(words):
        rest = words[at : at + _LONGEST]
        length = begins_with(rest, known.lines.turns)
        turned = turned or (length > 0 and not names.issuperset(rest[:length]))
        length = length or begins_with(rest, known.silent[language]) or (words[at] in names)
        if not length:
            return False
        at += length
    return turned


def outcomes_alone(line: str, language: str, known: Vocabulary, names: frozenset[str]) -> set[str]:
    """The outcomes that a line below an answer says in some language, where nothing stands beside them but signs, a
    closing and names: "Best regards, no", "Bob – rejected", a thumb. What the `language` of the text understands means
    nothing else in others. `names`: words of the names of people, folded: who is called "No" has said nothing."""
    outcomes: set[str] = set()
    runs = [list(run) for _, run in groupby(tokens(line), key=lambda token: token.kind is Kind.WORD)]
    for at, run in enumerate(runs):
        behind = runs[at + 2][0].text if at + 2 < len(runs) else ""
        numbered = behind[:1].isdecimal() and (run[-1].text,) in known.lines.numbered  # "No: 1"
        if run[0].kind is Kind.WORD and not numbered:
            outcomes |= _outcomes_behind_names(run, language, known, names)
    return outcomes


def _outcomes_behind_names(
    run: Sequence[Token], language: str, known: Vocabulary, names: frozenset[str]
) -> set[str]:
    """The outcomes of an answer that words end with, if all before it are names and closings. Behind what may be
    anybody's name a weak one is a name, too: "Jana Nein"."""
    words = [token.text for token in run]
    at = 0
    anybody = False
    while at < len(words):
        name = words[at] in names
        rest = words[at:] if not name and len(words) - at <= _LONGEST else []
        if outcomes := _outcomes_of(rest, language, known, strong=anybody):
            return outcomes
        closing = begins_with(words[at : at + _LONGEST], known.lines.closings)
        if not (name or closing):
            anybody = _may_be_name(run[at], known)
            if not anybody:
                return set()
        at += closing or 1
    return set()


def _may_be_name(token: Token, known: Vocabulary) -> bool:
    roles = {match.meaning.role for match in known.phrases.matches([token.text], 0)}
    return token.capital and roles <= {Role.FILLER}


def _outcomes_of(words: Sequence[str], language: str, known: Vocabulary, *, strong: bool) -> set[str]:
    """The outcomes of an answer in some language of which these are all words, both where it is negated; none where
    something else stands among them, or only weak words (`strong`). One letter is an initial."""
    if len(words) == 1 and len(words[0]) == 1 and words[0].isascii():
        return set()
    matches = [known.phrases.matches(words, at) for at in range(len(words))]
    outcomes: set[str] = set()
    for code in {match.meaning.language for here in matches for match in here if match.meaning.outcome}:
        meanings = _fewest(matches, code)
        weak = strong and all(meaning.role is not Role.DECIDES for meaning in meanings)
        said = set() if weak else {meaning.outcome for meaning in meanings} - {""}
        if said and any(meaning.role is Role.NEGATION for meaning in meanings):
            said = {REJECT} if said == {APPROVE} else {APPROVE, REJECT}
        if said and code == language:
            return said
        outcomes |= said
    return outcomes


def _fewest(matches: Sequence[Sequence[Match]], code: str) -> Sequence[Meaning]:
    """The fewest phrases of one language that say or surround an answer and together are all words; () if none are."""
    until: list[tuple[Meaning, ...] | None] = [()] + [None] * len(matches)  # by the words before
    for at, here in enumerate(matches):
        before = until[at]
        if before is None:
            continue
        for match in here:
            reached = until[at + match.length]
            counts = match.meaning.language in (code, SHARED) and match.meaning.role in _ANSWERS
            fewer = reached is None or len(before) + 1 < len(reached)
            # "Absolutely not" also negates what follows; nothing does.
            says = (
                reached
                and len(before) + 1 == len(reached)
                and match.meaning.outcome
                and not reached[-1].outcome
            )
            if counts and (fewer or says):
                until[at + match.length] = (*before, match.meaning)
    return until[-1] or ()
