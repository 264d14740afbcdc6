"""How the mails of a step begin, as their reader reads it: places filled, and nothing in it that cannot be seen."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from placet.approvals.definitions import Definition
from placet.approvals.form import SHORTEST_TITLE, filled_places, letters
from placet.approvals.outcomes import as_read
from placet.approvals.step_mails import StepMail

LONGEST_SUBJECT = 200  # characters, once it is filled; as of a title
#: Joiners that letters of some scripts and emoji are made with.
JOINERS = "\u200c\u200d"
_UNSEEN = frozenset(("Cc", "Cf"))


def is_unseen(sign: str) -> bool:
    """Whether it turns the direction of writing, or is nothing to look at."""
    return unicodedata.category(sign) in _UNSEEN and sign not in JOINERS


def subject_as_read(definition: Definition, mail: StepMail | None, data: Mapping[str, Any]) -> str:
    """On one line, in the language that is active; "" where the process says none, or its fields leave nothing of
    it."""
    if mail is None or mail.subject is None:
        return ""
    filled = filled_places(definition, as_read(mail.subject), data, is_read=True)
    subject = _seen(" ".join(filled.split()))[:LONGEST_SUBJECT].rstrip()
    return subject if len(letters(subject)) >= SHORTEST_TITLE else ""


def text_as_read(definition: Definition, mail: StepMail | None, data: Mapping[str, Any]) -> list[str]:
    """Its lines, in the language that is active, with "" between two paragraphs. What people entered stays on its
    line."""
    if mail is None or mail.text is None:
        return []
    filled = filled_places(definition, as_read(mail.text), data, is_read=True)
    lines = [" ".join(_seen(line).split()) for line in filled.strip().splitlines()]
    return [line for at, line in enumerate(lines) if line or (at and lines[at - 1])]


def _seen(text: str) -> str:
    return "".join(sign for sign in text if not is_unseen(sign))
