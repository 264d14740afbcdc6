"""Whether what a process writes into the mails of a step could be an answer to them, if a reply brought it back where
nobody can tell that it is quoted: asked before the process is published. A reply is held against our mail all the same
(`parse/original.py`); this is the second lock."""

import re
from collections.abc import Iterator

from django.conf import settings

from placet.approvals.definitions import Definition
from placet.approvals.form import PLACE
from placet.approvals.questions import asked_in
from placet.replies.parse.folding import fold
from placet.replies.parse.heads import ANSWERS
from placet.replies.parse.quotes import Is, scan
from placet.replies.parse.subjects import is_reply
from placet.replies.parse.words import AUTOMATIC_SUBJECTS
from placet.replies.read import read_text
from placet.replies.read_own import own_of
from placet.replies.read_vocabulary import vocabulary

_FILLED = "…"  # in place of what people enter
_NUMBERED = re.compile(
    r"[\[(]?[0-9][0-9 ,.–-]*[\])]?[ :|–-]*"
)  # as replies to a digest name what they answer


def problems(definition: Definition, step_key: str, part: str, text: str) -> list[str]:
    """`part`: "subject" or "text"."""
    read = _Reader(definition, step_key)
    found = read.of_subject(text) if part == "subject" else read.of_lines(text)
    return list(dict.fromkeys(found))


class _Reader:
    def __init__(self, definition: Definition, step_key: str) -> None:
        self.step = definition.approval(step_key)
        self.own = own_of(self.step)
        self.known = vocabulary(settings.PLACET.words_dir, settings.PLACET.reply_languages)
        self.labels = [fold(one.label) for one in asked_in(definition, step_key)]

    def of_lines(self, text: str) -> Iterator[str]:
        seen = scan(PLACE.sub(_FILLED, text))
        quoting = (line for line, kind in zip(seen.lines, seen.kinds, strict=True) if kind is not Is.NEW)
        yield from (
            f"“{line.strip()}” looks like where a mail program begins to quote; write it otherwise"
            for line in list(quoting)[:1]
        )
        for line in filter(None, map(str.strip, text.splitlines())):
            if self._answers_a_question(line):
                yield f"“{line}” looks like the answer to a question; write it otherwise"
            elif self._decides(_without_number(PLACE.sub(_FILLED, line))):
                yield f"“{line}” could be an answer; make it a sentence about what is asked for"

    def of_subject(self, text: str) -> Iterator[str]:
        """Of whatever a mail program leaves of it: so many words of its beginning."""
        if is_reply(text):
            yield "it begins as the subject of a reply does; begin with what it is about"
        if fold(text).startswith(AUTOMATIC_SUBJECTS):
            yield "it begins as that of an automatic reply does; begin with what it is about"
        words = PLACE.sub(_FILLED, text).split()
        for length in range(1, len(words) + 1):
            beginning = " ".join(words[:length]).rstrip(" :：,;.–-")
            if self._decides(beginning):
                yield f"“{beginning}” could be an answer; begin with what it is about"
                return

    def _decides(self, text: str) -> bool:
        return read_text(text, self.step.outcome_keys, self.known, own=self.own).outcome is not None

    def _answers_a_question(self, line: str) -> bool:
        folded = fold(line)
        return ANSWERS.match(folded) is not None or any(
            folded.startswith(label) and folded[len(label) :].lstrip(" ?.").startswith((":", "{"))
            for label in self.labels
        )


def _without_number(line: str) -> str:
    number = _NUMBERED.match(line)
    return line[number.end() :] if number else line
