"""What people enter on the portal's pages."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.approvals.definitions import Definition, FormField
from placet.approvals.engine import LONGEST_COMMENT
from placet.approvals.form import LONGEST_LONG_TEXT, LONGEST_TEXT, minor_digits, size_as_read

PREFIX = "f-"  # keeps a process's field names apart from ours
MOST_PICKED = 25  # decided at once
_PICK = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


# --- starting a request -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class KeptFile:
    """A file that is already with the form."""

    id: str
    name: str
    size: str


@dataclass(frozen=True)
class Row:
    """One field of a process's form as the page shows it."""

    field: FormField
    value: str
    error: str
    files: Sequence[KeptFile] = ()

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

    @property
    def help(self) -> str:
        if self.field.type == "money":
            return _("For example 1250.00") if minor_digits(self.field.currency) else _("For example 1250")
        if self.field.type == "number":
            return _("A number, for example 12 or 2.5")
        if self.field.type == "files":
            return _("At most 10 files, 10 MB each, 25 MB together.")
        return ""

    @property
    def described_by(self) -> str:
        """The ids of what explains the field."""
        ids = [f"id_{self.name}_error"] if self.error else []
        return " ".join([*ids, *([f"id_{self.name}_help"] if self.help else [])])


def rows(
    definition: Definition,
    entered: Mapping[str, str],
    errors: Mapping[str, str],
    files: Mapping[str, Sequence[Mapping[str, Any]]] = {},
) -> list[Row]:
    return [
        Row(field, entered.get(field.name, ""), errors.get(field.name, ""), _kept(files.get(field.name, ())))
        for field in definition.form
    ]


def _kept(files: Sequence[Mapping[str, Any]]) -> list[KeptFile]:
    return [KeptFile(file["id"], file["name"], size_as_read(file["size"])) for file in files]


def entered_in(definition: Definition, posted: Mapping[str, str]) -> dict[str, str]:
    """What was typed, by the names of the definition; whether it fits is for `processes.read_form` to say."""
    return {f.name: posted.get(PREFIX + f.name, "") for f in definition.form}


def as_typed(definition: Definition, data: Mapping[str, Any]) -> dict[str, str]:
    """A request's data as somebody would type it once more."""
    return {field.name: _typed(field, data.get(field.name)) for field in definition.form}


def _typed(field: FormField, value: Any) -> str:
    if value is None or field.type == "files":
        return ""
    if field.type == "yes_no":
        return "yes" if value else ""
    if field.type == "money":
        digits = minor_digits(value["currency"])
        whole, rest = divmod(value["minor"], 10**digits)
        return f"{whole}.{rest:0{digits}}" if digits else str(whole)
    return str(value)


def what_fits(new: Definition, old: Definition, typed: Mapping[str, str]) -> dict[str, str]:
    """Of what was typed into an older form, that which the new one asks for in the same way: 1250.00 of one currency
    is not 1250.00 of another."""
    kinds = {field.name: (field.type, field.currency) for field in old.form}
    return {
        field.name: typed[field.name]
        for field in new.form
        if field.name in typed and kinds.get(field.name) == (field.type, field.currency)
    }


# --- deciding ---------------------------------------------------------------------------------------------


def _comment() -> forms.CharField:
    return forms.CharField(
        required=False,
        max_length=LONGEST_COMMENT,
        error_messages={
            "max_length": gettext_lazy(
                "At most %(limit_value)d characters, please; this comment has %(show_value)d."
            ),
            "null_characters_not_allowed": gettext_lazy(
                "This comment holds a character that cannot be kept."
            ),
        },
    )


class DecideForm(forms.Form):
    """One answer on the page: to which question, to what was shown, and what."""

    assignment = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    shown = forms.CharField(max_length=64)
    outcome = forms.CharField(max_length=40)
    comment = _comment()


@dataclass(frozen=True)
class Pick:
    """One of several questions, and the hash of what was shown of it."""

    assignment: int
    shown: str

    def __str__(self) -> str:
        return f"{self.assignment}:{self.shown}"


class SeveralForm(forms.Form):
    """One answer to several questions. `sure`: they were all shown once more."""

    outcome = forms.ChoiceField()
    comment = _comment()
    sure = forms.BooleanField(required=False)

    def picks(self) -> list[Pick]:
        """The questions that were chosen, each once, in the order of the page."""
        # What a page sent is a QueryDict; the stubs know any mapping.
        found = [_PICK.fullmatch(text) for text in self.data.getlist("pick")[:MOST_PICKED]]  # type: ignore[attr-defined]
        picks = {int(pick[1]): Pick(int(pick[1]), pick[2]) for pick in found if pick}
        return list(picks.values())

    def offer(self, outcomes: Iterable[str]) -> None:
        """The answers that may be given: those that the steps of the picks offer."""
        outcome = self.fields["outcome"]
        assert isinstance(outcome, forms.ChoiceField)
        outcome.choices = [(one, "") for one in outcomes]


class WhichForm(forms.Form):
    """The id of an assignment or a visit."""

    which = forms.IntegerField(min_value=1, max_value=2**63 - 1)
