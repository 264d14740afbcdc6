"""Answers given in a form: boxes to tick, `Decision: approve`, WorkflowGen's `Q1: [answer]`, our own mailto body.

What the form says is put into plain sentences, which are then read like any other text.
"""

import re
from dataclasses import dataclass

from placet.lib.sentences import NOTHING, Sentence
from placet.replies.read_boxes import Choice, Mark, begins_with_outcome, boxes_in, choices_of, outcomes_of
from placet.replies.read_own import Own
from placet.replies.read_tokens import Kind, tokens
from placet.replies.read_vocabulary import Vocabulary, begins_with

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
    if any(box.alone for line in (text[:begin] + text[end:]).split("\n") for box in boxes_in(line)):
        return Form("", UNCLEAR_BOXES)
    above = f"{text[:begin].strip()}\n" if text[:begin].strip() else ""
    return Form(f"{answer}.\n{above}{text[end:]}")


# --- boxes ----------------------------------------------------------------------------------------------------

UNCLEAR_BOXES = Sentence("It is not clear what belongs to which box; please write your answer without boxes.")


def _boxes(lines: list[str], known: Vocabulary, own: Own | None) -> Form | None:
    """Boxes whose labels are outcomes. What stands behind the label of the ticked one, or in other lines, is somebody's
    own."""
    found = [boxes_in(line) for line in lines]
    if not any(box.alone for boxes in found for box in boxes):
        return None
    choices: list[Choice] = []
    rest = []
    is_clear = True
    for line, boxes in zip(lines, found, strict=True):
        if not boxes:
            label, _sign, value = _label_of(line)
            rest.append(value.strip() if _is_comment(label, known) else line)
            continue
        here = choices_of(line, boxes, known)
        is_clear = is_clear and here is not None
        choices += here or (Choice("", box.mark) for box in boxes)
    ticked = [choice for choice in choices if choice.mark is Mark.TICKED]
    if not ticked and any(choice.mark is Mark.CROSSED for choice in choices):
        return Form("", UNCLEAR_BOXES)
    if len(ticked) != 1:
        none, several = Sentence("None of the boxes is ticked."), Sentence("More than one box is ticked.")
        return Form("", several if ticked else none)
    if not (is_clear and _are_outcomes(ticked[0], choices, known, own)):
        return Form("", UNCLEAR_BOXES)
    answer = ", ".join(filter(None, (ticked[0].label, ticked[0].more)))
    return Form(f"{answer}.\n" + "\n".join(rest))


def _are_outcomes(ticked: Choice, choices: list[Choice], known: Vocabulary, own: Own | None) -> bool:
    """Whether each box is an outcome's, and none of the others the same one's as the ticked."""
    if ticked.in_front or ticked.more:
        said = outcomes_of(ticked.label, known, own, strictly=ticked.in_front)
    else:
        said = begins_with_outcome(ticked.label, known, own)
    others = [
        outcomes_of(choice.label, known, own, strictly=choice.in_front)
        for choice in choices
        if choice is not ticked and choice.mark is Mark.EMPTY
    ]
    all_known = bool(said) and all(others) and len(others) + 1 == len(choices)
    return all_known and not any(len(said) == 1 and other == said for other in others)


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
        elif _is_comment(label, known):
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


def _is_comment(label: list[str], known: Vocabulary) -> bool:
    return bool(label) and begins_with(label, known.lines.comment_labels) == len(label)


def _label_of(line: str) -> tuple[list[str], str, str]:
    for sign in (":", "：", "="):
        label, found, value = line.partition(sign)
        if found and len(label) <= 40:
            words = [token.text for token in tokens(label) if token.kind is Kind.WORD]
            if 0 < len(words) <= _LABEL_WORDS:
                return words, sign, value
    return [], "", ""
