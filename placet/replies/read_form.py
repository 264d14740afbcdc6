"""Answers given in a form: boxes to tick, `Decision: approve`, WorkflowGen's `Q1: [answer]`, our own mailto body.

What the form says is put into plain sentences, which are then read like any other text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from placet.lib.sentences import NOTHING, Sentence
from placet.replies.read_own import Own
from placet.replies.read_tokens import Kind, tokens
from placet.replies.read_vocabulary import Vocabulary, begins_with

_BOX = re.compile(r"[\[(]([ \u00a0xXхХ✓✔*]?)[\])]|([☐☑☒✓✔◯⬜✅])(?=[ \u00a0]?[^\W_])")
_TICKED = frozenset("xXхХ✓✔*☑☒✅")
_QUESTION = re.compile(r"^[ \t>*]*q([0-9]{1,2})[ \t]*[:：][ \t]*(\S)", re.IGNORECASE | re.MULTILINE)
_CLOSING_SIGN = {
    "[": "]",
    "(": ")",
    "{": "}",
    "<": ">",
    "#": "#",
    '"': '"',
    "“": "”",
    "'": "'",
    "|": "|",
    "*": "*",
}
_LONGEST_ANSWER = 200  # characters between the signs of WorkflowGen's grammar
_LABEL_WORDS = 4


@dataclass(frozen=True)
class Form:
    """What the form says, as a text; or why it says nothing."""

    text: str
    problem: Sentence = NOTHING
    end: int | None = None  # where the form ends in `text`, and nothing below is read


def take_apart(text: str, known: Vocabulary, own: Own | None = None) -> Form | None:
    """The answer of a form, as the first sentence of a text with all else that was written below. None: it is none."""
    lines = text.split("\n")
    end = _end(lines, known)
    form = (
        _questions("\n".join(lines[:end])) or _boxes(lines[:end], known, own) or _labels(lines[:end], known)
    )
    if form is None or form.problem or end == len(lines):
        return form
    above = form.text.rstrip("\n") + "\n"
    return Form(above + "\n".join(lines[end:]), end=len(above))


def _end(lines: list[str], known: Vocabulary) -> int:
    for at, line in enumerate(lines):
        words = [token.text for token in tokens(line) if token.kind is Kind.WORD]
        if words and begins_with(words, known.lines.form_ends) == len(words):
            return at
    return len(lines)


# --- Q1: [answer] ---------------------------------------------------------------------------------------------


def _questions(text: str) -> Form | None:
    """WorkflowGen's grammar: one answer for each question, between signs, perhaps folded over several lines."""
    answers: list[tuple[str, str]] = []
    begin = end = 0
    for found in _QUESTION.finditer(text):
        closing = _CLOSING_SIGN.get(found[2])
        stop = text.find(closing, found.end(), found.end() + _LONGEST_ANSWER) if closing else -1
        if stop < 0:
            continue
        answers.append((found[1], " ".join(text[found.end() : stop].split())))
        begin, end = found.start(), stop + 1
    if not answers:
        return None
    if len(answers) > 1:
        return Form("", Sentence("The mail gives more than one answer; this approval asks one question."))
    answer = answers[0][1]
    if not answer:
        return Form("", Sentence("There is no answer between the signs."))
    above = f"{text[:begin].strip()}\n" if text[:begin].strip() else ""
    return Form(f"{answer}.\n{above}{text[end:]}")


# --- boxes ----------------------------------------------------------------------------------------------------


def _boxes(lines: list[str], known: Vocabulary, own: Own | None) -> Form | None:
    """Boxes with a label behind each, or before each where a line does not begin with one. What stands beside the
    labels is somebody's own."""
    ticked: list[str] = []
    seen, rest = 0, []
    for line in lines:
        found = list(_BOX.finditer(line))
        if not found:
            rest.append(line)
            continue
        before_first = line[: found[0].start()].strip(" \t-*•")
        for label, mark in _labelled(line, found, behind=not before_first):
            if not label:
                continue
            seen += 1
            if mark in _TICKED:
                ticked.append(label)
            elif not (own and own.is_label(label)) and (beside := _beside_answer(label, known)):
                rest.append(beside)
        if before_first and line[found[-1].end() :].strip():
            rest.append(line[found[-1].end() :])
    if not seen:
        return None
    if seen == 1 and not ticked:
        return None  # a pair of brackets, not a form
    if len(ticked) != 1:
        none, several = Sentence("None of the boxes is ticked."), Sentence("More than one box is ticked.")
        return Form("", several if ticked else none)
    return Form(f"{ticked[0]}.\n" + "\n".join(rest))


def _beside_answer(label: str, known: Vocabulary) -> str:
    """What stands behind the answer of a box that is not ticked: "[ ] Reject, and please use Dell". A label that is
    none is another choice of the form."""
    found = [token for token in tokens(label) if token.kind is Kind.WORD]
    matches = known.phrases.matches([token.text for token in found], 0) if found else []
    length = max((match.length for match in matches if match.meaning.outcome), default=0)
    return label[found[length].start :] if 0 < length < len(found) else ""


def _labelled(line: str, found: list[re.Match[str]], *, behind: bool) -> Iterator[tuple[str, str]]:
    for at, box in enumerate(found):
        mark = box[1] if box[1] is not None else box[2]
        if behind:
            end = found[at + 1].start() if at + 1 < len(found) else len(line)
            label = line[box.end() : end]
        else:
            start = found[at - 1].end() if at else 0
            label = line[start : box.start()]
        yield label.strip(" \t,;/|-\u00a0"), mark


# --- Decision: approve ----------------------------------------------------------------------------------------


def _labels(lines: list[str], known: Vocabulary) -> Form | None:
    """Lines with a label: that of the answer is taken as a sentence, that of a comment is left out."""
    made: list[str] = []
    answers: list[str] = []
    changed = False
    comments = 0
    for line in lines:
        label, sign, value = _label_of(line)
        if sign and begins_with(label, known.lines.form_labels) == len(label):
            answers.append(f"{value.strip()}." if value.strip() else "")
            changed = True
        elif sign and begins_with(label, known.lines.comment_labels) == len(label):
            made.append(value.strip())
            changed = True
            comments += 1
        else:
            made.append(line)
    if not changed:
        return None
    if comments and comments == sum(map(bool, map(str.strip, lines))):
        return Form("", Sentence("It is a comment without an answer."))
    return Form("\n".join([*answers, *made]))


def _label_of(line: str) -> tuple[list[str], str, str]:
    for sign in (":", "：", "="):
        label, found, value = line.partition(sign)
        if found and len(label) <= 40:
            words = [token.text for token in tokens(label) if token.kind is Kind.WORD]
            if 0 < len(words) <= _LABEL_WORDS:
                return words, sign, value
    return [], "", ""
