"""Conditions that somebody has yet to write: an import that cannot read one writes a call of `please_decide` instead.

    when: "steps.lead.outcome == 'approve' && please_decide('<UNTIL> > 2016')"

The way stays where it is, and publishing refuses it. Left out, it would be passed over, and so would whoever is asked
behind it.
"""

import re

FUNCTION = "please_decide"
LONGEST_TEXT = 200  # of a condition that is shown in such a call
# A text in quotes may say anything; what a backslash precedes does not end it.
_CALL = re.compile(rf"""\b{FUNCTION}\s*\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")?""")
_TEXT = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")


def undecided(text: str) -> str:
    """What stands, in CEL, for a condition with this text of a file."""
    shown = text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
    escaped = shown.replace("\\", "\\\\").replace("'", "\\'")
    return f"{FUNCTION}('{escaped}')"


def is_undecided(condition: str) -> bool:
    """Whether it calls `please_decide`; a text that only speaks of it does not."""
    return bool(re.search(rf"\b{FUNCTION}\s*\(", _TEXT.sub("''", condition)))


def undecided_problem(condition: str) -> str:
    """Why it cannot be published; "" where nobody has to write anything."""
    if not is_undecided(condition):
        return ""
    call = _CALL.search(condition)
    text = re.sub(r"\\(.)", r"\1", (call and (call[1] or call[2])) or "")
    imported = f", of which the imported file says “{text}”" if text else ""
    return (
        f"somebody has to write this condition{imported}. Put it in place of {FUNCTION}(…), or take this way out "
        "if it is not wanted; until then nothing is published"
    )
