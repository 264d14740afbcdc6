"""A reply that answers nothing and asks Placet for something else: help, where the request stands, a question back,
that somebody else is asked, that an answer is taken back.

It is one only where that is the whole text below a greeting and above a signature: "Help", "Question: is this in the
budget?", "Give to Bob Smith: he knows the supplier". The words stand in `languages/`, in the table `[command]`; those
of a step's own outcomes come first. A command decides nothing. Where a text is one and an answer besides, it is neither
(`entry`): whoever writes "Question: who pays? Approved." means one of the two.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import islice

from placet.lib.sentences import Sentence
from placet.replies import read_frame
from placet.replies.languages import CommandWords
from placet.replies.parse import Mail
from placet.replies.read import read_text, with_signature
from placet.replies.read_frame import lines_of, without_codes
from placet.replies.read_own import Own
from placet.replies.read_phrases import Role
from placet.replies.read_tokens import composed, fold, misleading, phrase, spellings
from placet.replies.read_vocabulary import Vocabulary, begins_with

LONGEST = 20_000  # characters of a text that is looked at
_LONGEST_NAME = 120  # characters of whom something is given to
_LONGEST_GREETED = 6  # words, or signs within them, of the name in a greeting
_LABEL = re.compile(r"(?P<label>[^\n:：]{1,40}?)\s*[:：]\s*(?P<rest>.*)", re.DOTALL)
_ENDS = " \t.!?…。！？,;"
_ASKING = ("?", "？", "؟", ";")
_SENTENCE_ENDS = re.compile(r"(?<=[.!?…。！？؟])\s|\n")
_MOST_SENTENCES = 60  # that are read one by one; whoever writes more is asked for the answer alone
_MOST_COLONS = 3  # of a line, behind each of which a comment may begin
#: Why a text is unclear that asks for something and answers, too.
ASKS_AND_ANSWERS = Sentence("It asks for something and may be an answer, too; please write only one of them.")


class Kind(StrEnum):
    """What is asked for. The values are the names of lists in language files."""

    HELP = "help"
    STATUS = "status"
    QUESTION = "question"
    GIVE = "give"
    UNDO = "undo"


@dataclass(frozen=True)
class Command:
    """`argument`: the question, or whom something is given to, as it was written. `comment`: what is said with it."""

    kind: Kind
    argument: str = ""
    comment: str = ""


def read_command(mail: Mail, known: Vocabulary, own: Own | None = None) -> Command | None:
    """The command that the new text of a mail is; None if it is none, or may be more than one. Words between quoted
    lines may be the sender's own: then only help is asked for, which changes nothing."""
    written = composed(without_codes(with_signature(mail.new_text, mail)))
    if len(written) > LONGEST or misleading(written):
        return None
    text = _body(written, known, own)
    if text is None or (own is not None and own.is_label(text.rstrip(_ENDS))):
        return None
    command = _whole(text, known) or _question(text, known) or _given(text, known)
    if command is None or (mail.quoted_else.strip() and command.kind is not Kind.HELP):
        return None
    return command


def answers_beside(
    command: Command, outcomes: Collection[str], known: Vocabulary, own: Own | None = None
) -> bool:
    """Whether something of what a command says is an answer when it stands alone: "Question: who pays? Approved." A
    sentence that asks is none: "Question: was it approved before?" """
    text = command.argument if command.kind is Kind.QUESTION else command.comment
    sentences = [sentence for sentence in _SENTENCE_ENDS.split(text) if sentence.strip()]
    if len(sentences) > _MOST_SENTENCES:
        return True
    statements = (one for one in sentences if not one.rstrip().endswith(_ASKING))
    return any(read_text(one, outcomes, known, own=own).outcome is not None for one in statements)


def _body(text: str, known: Vocabulary, own: Own | None) -> str | None:
    """What stands below a greeting and above a signature. None where something stands below that may say more."""
    ends = read_frame.frame(text, known)
    if ends.said_below:
        return None
    lines = list(lines_of(text[: ends.end].rstrip()))
    while (
        lines
        and (not lines[0].words or _is_greeting(lines[0].words, lines[0].text, known, own))
        and lines[1:]
    ):
        del lines[0]
    return "\n".join(line.text for line in lines).strip()


def _is_greeting(words: Sequence[str], line: str, known: Vocabulary, own: Own | None) -> bool:
    """With at most a name behind it: "Hi, no." answers as well, and what is left out here is read by nobody."""
    length = begins_with(words, known.lines.greetings)
    name = words[length:]
    if not length or len(name) > _LONGEST_GREETED or re.search("[:：]", line):
        return False
    if own is not None and own.outcomes_in(" ".join(name)):
        return False
    matches = (match for at in range(len(name)) for match in known.phrases.matches(name, at))
    return not any(Role.AGAINST <= match.meaning.role <= Role.BUT for match in matches)


# --- each kind --------------------------------------------------------------------------------------------


def _whole(text: str, known: Vocabulary) -> Command | None:
    """Help, status and undo: the words, and nothing but politeness beside them."""
    plain = _plain(text)
    if not plain:
        return Command(Kind.HELP) if "?" in text and _plain_sign(text) in known.commands.help else None
    words = _without_courtesies(plain, known)
    for kind in (Kind.HELP, Kind.STATUS, Kind.UNDO):
        if {plain, words} & _compared(getattr(known.commands, kind)):
            return Command(kind)
    return None


def _question(text: str, known: Vocabulary) -> Command | None:
    match = _LABEL.fullmatch(text)
    if match is None or _plain(match["label"]) not in _compared(known.commands.question):
        return None
    question = match["rest"].strip()
    return Command(Kind.QUESTION, question) if any(map(str.isalnum, question)) else None


def _given(text: str, known: Vocabulary) -> Command | None:
    """ "Give to Bob Smith", with a comment behind a colon or on the lines below."""
    first, _, below = text.partition("\n")
    for written, comment in _parted(first.strip()):
        line = written.rstrip(_ENDS)
        for pattern in _patterns(known.commands):
            match = pattern.fullmatch(line)
            if match is not None and any(map(str.isalnum, match["name"])):
                comments = (comment.strip(), below.strip())
                return Command(Kind.GIVE, match["name"].strip(), "\n".join(filter(None, comments)))
    return None


def _parted(line: str) -> Iterator[tuple[str, str]]:
    """A line whole, and before a colon with what stands behind it."""
    yield line, ""
    for match in islice(re.finditer("[:：]", line), _MOST_COLONS):
        yield line[: match.start()], line[match.end() :]


@lru_cache(maxsize=16)
def _patterns(commands: CommandWords) -> Sequence[re.Pattern[str]]:
    """The longest first: "give this to Bob" gives nothing to "this to Bob"."""
    return [
        re.compile(
            r"\s+".join(re.escape(word) for word in composed(text).split()).replace(
                re.escape("{name}"), rf"(?P<name>[^\n:：]{{1,{_LONGEST_NAME}}}?)"
            ),
            re.IGNORECASE,
        )
        for text in sorted(commands.give, key=len, reverse=True)
    ]


# --- comparing --------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _compared(words: Sequence[str]) -> frozenset[str]:
    """As they may be typed."""
    every = (spelling for text in words for spelling in spellings(phrase(_plain(text))))
    return frozenset(filter(None, map(" ".join, every)))


def _plain(text: str) -> str:
    """Folded words with a blank between."""
    return " ".join(fold(word) for line in lines_of(text) for word in line.words)


def _plain_sign(text: str) -> str:
    """ "??" is "?"."""
    signs = "".join(text.split())
    return signs[:1] if set(signs) == {signs[:1]} else ""


def _without_courtesies(plain: str, known: Vocabulary) -> str:
    """Without "please" and "thanks" at the ends."""
    words = plain.split(" ")
    at = 0
    while at < len(words) and (length := _courtesy(words, at, known)):
        at += length
    words = words[at:]
    for length in range(1, min(4, len(words))):
        if _courtesy(words[-length:], 0, known) == length:
            words = words[:-length]
            break
    return " ".join(words)


def _courtesy(words: Sequence[str], at: int, known: Vocabulary) -> int:
    """How many words a polite phrase takes that begins here."""
    matches = known.phrases.matches(words, at)
    return max((one.length for one in matches if one.meaning.role is Role.COURTESY), default=0)
