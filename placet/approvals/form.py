"""The form of a process: what is entered, how it is kept, and how it is shown."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from placet.approvals.definitions import Definition
from placet.approvals.field_types import currency_seen, is_filled
from placet.approvals.form_by_mail import conditional_now
from placet.approvals.form_logic import NO_FILES, Data, Files, Scope, fill
from placet.approvals.form_parts import FormField, Input
from placet.approvals.form_tables import ShownTable, column_of, shown_table, totals_of
from placet.approvals.form_types import sample_of, seen_values, type_of
from placet.approvals.models import Request
from placet.approvals.steps import ApprovalStep, NoticeStep
from placet.lib.canonical import digest

SHORTEST_TITLE = 2  # letters or digits: subjects are known again by them
PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"  # the Hangul fillers: letters to Unicode, and nothing to see


class FormInvalid(ValueError):
    """What was entered does not fit the form: a sentence per field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {error}" for name, error in errors.items()))
        self.errors = dict(errors)


def read_form(definition: Definition, entered: Mapping[str, Any], files: Files = NO_FILES) -> dict[str, Any]:
    """What is stored of a filled form (JSON; money as {"minor", "currency"}, files as a list of {"id", "name",
    "size", "sha256"}), or FormInvalid."""
    filled = fill(definition, entered, files)
    data, errors = filled.data, dict(filled.errors)
    for name in set(entered) - {field.name for field in definition.fields}:
        errors[name] = _("This form has no such field.")
    for name in definition.entered_later:
        if is_filled(entered.get(name)):
            errors[name] = _("This is entered later, in another step.")
    if not errors and len(letters(title_of(definition, data))) < SHORTEST_TITLE:
        places = set(PLACE.findall(definition.title))
        blamed = [
            field.name
            for field in definition.fields
            if filled.shows(field.name) and places & seen_values(field, None).keys()
        ]
        said = _("At least {number} letters or digits, please: this is what the request is called.")
        errors = dict.fromkeys(blamed or ["title"], said.format(number=SHORTEST_TITLE))
    if errors:
        raise FormInvalid(errors)
    return data


def read_revision(
    definition: Definition,
    step_key: str,
    held: Data,
    entered: Mapping[str, Any],
    files: Files = NO_FILES,
    *,
    complete: bool,
) -> dict[str, Any]:
    """What is stored of the form after a step's people entered this, or FormInvalid. `files`: all of a field, those
    that it held too. `complete`: what they have to enter is asked for."""
    scope = Scope(definition.filled_in(step_key), definition.required_in(step_key), held, complete)
    filled = fill(definition, entered, files, scope)
    errors = dict(filled.errors)
    for name in set(entered) - scope.fields:
        errors[name] = _("This is not entered in this step.")
    if errors:
        raise FormInvalid(errors)
    return filled.data


def entered_on_page_only(definition: Definition, step_key: str, data: Data) -> list[FormField]:
    """What a step's people have to enter as the form stands, and no answer by mail can say."""
    filled, required = definition.filled_in(step_key), definition.required_in(step_key)
    by_mail = {one.name for one in definition.filled_by_mail(step_key)}
    by_mail |= conditional_now(definition, step_key, data).asked.keys()
    names = {
        one.name
        for one in definition.fields
        if one.name in filled - by_mail and (one.required or one.name in required or one.require is not None)
    }
    if not names:  # each mail that asks would read the lists of the form for nothing
        return []
    scope = Scope(filled, required, data)
    lacking = fill(definition, {}, scope=scope).errors
    return [one for one in definition.fields if one.name in names and one.name in lacking]


def takes_answers_by_mail(definition: Definition, step_key: str, data: Data) -> bool:
    """Whether a reply can decide a step as the form stands."""
    if definition.proof_for(step_key) == "page":
        return False
    step = definition.approval(step_key)
    needs_form = all(step.needs_form_with(one) for one in step.outcomes)
    return not (needs_form and entered_on_page_only(definition, step_key, data))


def lacks_what_is_entered(definition: Definition, step_key: str, data: Data) -> bool:
    """Whether something that a step's people have to enter does not stand in a form."""
    filled = definition.filled_in(step_key)
    if not filled:
        return False
    lacking = fill(definition, {}, scope=Scope(filled, definition.required_in(step_key), data)).errors
    return not filled.isdisjoint(lacking)


def letters(text: str) -> str:
    """Letters and digits alone, in one form and in lower case (Unicode NFKC): what is left of a title in a subject
    that mail programs folded, shortened and encoded anew."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in folded if sign.isalnum() and sign not in _BLANK_LETTERS)


def sample_data(definition: Definition) -> dict[str, Any]:
    """Values of the right types, to try conditions with before anybody depends on them."""
    return {field.name: sample_of(field) for field in definition.fields}


def condition_values(definition: Definition, data: Mapping[str, Any]) -> dict[str, Any]:
    """The form's fields as conditions see them: money and numbers as doubles, what is empty as zero or "", people as
    their addresses, and files as their number."""
    values: dict[str, Any] = {}
    for field in definition.fields:
        values |= seen_values(field, data.get(field.name))
    return values


@dataclass(frozen=True)
class Fact:
    """One line of what an approver is shown. `files`: those that stand behind the text, if it is about files;
    `table`: the cells of a table, which the text runs together; `exact`: it is meant sign by sign, and shown in fixed
    type."""

    label: str
    text: str
    files: Sequence[Mapping[str, Any]] = ()
    table: ShownTable | None = None
    exact: bool = False

    @property
    def sealed(self) -> list[Any]:
        """As a hash covers it: of files the content too, not only what they are called; of tables each cell."""
        files = [str(file["sha256"]) for file in self.files]
        return [self.label, self.text, *files, *([self.table.sealed] if self.table else [])]

    @property
    def lines(self) -> list[str]:
        """Of the text. Shown each with its number, where it is exact: one that is wrapped is not taken for two."""
        return self.text.split("\n")

    @property
    def glance(self) -> str:
        """Where there is no room for all of it."""
        return self.table.glance if self.table else self.text


def facts(definition: Definition, data: Mapping[str, Any], hidden: Collection[str] = ()) -> list[Fact]:
    """What an approver is shown of a request, in the order of the form. The same for everybody and for ever: an
    answer counts for exactly this. `hidden`: the fields that their step does not show."""
    return [
        _fact(field, data[field.name], as_read=False) for field in filled_fields(definition, data, hidden)
    ]


def facts_hash(request: Request, definition: Definition, step_key: str = "") -> str:
    """What an approver was shown; an answer to something else does not count. Of all fields, where no step is named.
    Not what a process writes into its mails (`step_mails`): that is its version's, and says nothing but these facts."""
    hidden = definition.hidden_in(step_key) if step_key else ()
    return digest([request.title, [fact.sealed for fact in facts(definition, request.data, hidden)]])


def facts_as_read(
    definition: Definition, data: Mapping[str, Any], hidden: Collection[str] = ()
) -> list[Fact]:
    """The same as the reader reads it: amounts, dates, yes and no are written differently from language to language."""
    return [_fact(field, data[field.name], as_read=True) for field in filled_fields(definition, data, hidden)]


def filled_fields(
    definition: Definition, data: Mapping[str, Any], hidden: Collection[str] = ()
) -> list[FormField]:
    """The fields that hold something; each is a fact."""
    return [
        field for field in definition.fields if data.get(field.name) is not None and field.name not in hidden
    ]


def shows_exact_text(definition: Definition, step_key: str, data: Data) -> bool:
    """Whether a step's people are shown something sign by sign: no mail and no card has only the beginning of it."""
    shown = filled_fields(definition, data, definition.hidden_in(step_key))
    return any(field.type == "exact_text" for field in shown)


def _fact(field: FormField, value: Any, *, as_read: bool) -> Fact:
    if field.type == "table":
        table = shown_table(field, value, as_read=as_read)
        return Fact(field.label, table.text, table=table)
    text = _value_text(field, value, is_read=as_read)
    if field.type == "exact_text":
        return Fact(field.label, text, exact=True)
    return Fact(field.label, text, tuple(value) if field.type == "files" else ())


def words_of(definition: Definition, data: Mapping[str, Any], title: str | None = None) -> str:
    """What a search finds a request by. Not by what a step hides: whoever looks might be one of its approvers.
    `title`: which it has already, whatever the data would make it now."""
    hidden = {
        name
        for key, step in definition.steps.items()
        if isinstance(step, ApprovalStep | NoticeStep)
        for name in definition.hidden_in(key)
    }
    shown = [title_of(definition, data) if title is None else title]
    shown += [fact.text for fact in facts(definition, data, hidden)]
    more = [
        word
        for field in filled_fields(definition, data, hidden)
        for word in type_of(field).words(data[field.name], field)
    ]
    return "\n".join([*shown, *more]).casefold()


def title_of(definition: Definition, data: Mapping[str, Any]) -> str:
    """The request's title. Only plain `{field}` places are filled: a form cannot reach into objects."""
    return " ".join(filled_places(definition, definition.title, data).split())[:200] or definition.name


def filled_places(
    definition: Definition, text: str, data: Mapping[str, Any], *, is_read: bool = False
) -> str:
    """A text of a process with its `{field}` places filled. What people entered stands on one line there. `is_read`: as
    the reader reads it, like facts (`facts_as_read`)."""
    shown: dict[str, str] = {}
    for field in definition.fields:
        value = data.get(field.name)
        shown[field.name] = "" if value is None else _value_text(field, value, is_read=is_read)
        shown |= currency_seen(field.name, field, value)
        came_to = totals_of(field, value)
        for total in field.totals or ():
            column = column_of(field, total)
            is_there = value is not None and came_to[total.name] is not None
            shown[total.name] = _value_text(column, came_to[total.name], is_read=is_read) if is_there else ""
            shown |= currency_seen(total.name, column, came_to[total.name] if is_there else None)
    return PLACE.sub(lambda place: " ".join(shown.get(place[1], "").split()), text)


def _value_text(field: Input, value: Any, *, is_read: bool) -> str:
    return type_of(field).as_read(value, field) if is_read else type_of(field).text(value, field)
