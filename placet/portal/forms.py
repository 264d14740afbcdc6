"""What people enter on the portal's pages."""

from collections.abc import Mapping
from dataclasses import dataclass

from django import forms

from placet.approvals.engine import LONGEST_COMMENT
from placet.approvals.processes import LONGEST_LONG_TEXT, LONGEST_TEXT, Definition, FormField

PREFIX = "f-"  # keeps a process's field names apart from ours


@dataclass(frozen=True)
class Row:
    """One field of a process's form as the page shows it."""

    field: FormField
    value: str
    error: str

    @property
    def name(self) -> str:
        return PREFIX + self.field.name

    @property
    def longest(self) -> int:
        return LONGEST_TEXT if self.field.type == "text" else LONGEST_LONG_TEXT

    @property
    def input_type(self) -> str:
        return "date" if self.field.type == "date" else "text"

    @property
    def input_mode(self) -> str:
        return "decimal" if self.field.type in ("money", "number") else "text"


def rows(definition: Definition, entered: Mapping[str, str], errors: Mapping[str, str]) -> list[Row]:
    return [Row(f, entered.get(f.name, ""), errors.get(f.name, "")) for f in definition.form]


def entered_in(definition: Definition, posted: Mapping[str, str]) -> dict[str, str]:
    """What was typed, by the names of the definition; whether it fits is for `processes.read_form` to say."""
    return {f.name: posted.get(PREFIX + f.name, "") for f in definition.form}


class DecideForm(forms.Form):
    """One answer on the page: to which question, to what was shown, and what."""

    assignment = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    shown = forms.CharField(max_length=64)
    outcome = forms.CharField(max_length=40)
    comment = forms.CharField(
        required=False,
        max_length=LONGEST_COMMENT,
        error_messages={
            "max_length": f"At most {LONGEST_COMMENT} characters, please; this comment has %(show_value)d.",
            "null_characters_not_allowed": "This comment holds a character that cannot be kept.",
        },
    )


class WhichForm(forms.Form):
    """The id of an assignment or a visit."""

    which = forms.IntegerField(min_value=1, max_value=2**63 - 1)
