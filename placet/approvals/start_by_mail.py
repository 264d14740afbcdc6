"""What a definition says of requests that are started by mail: whether they are, and what of a mail fills which field.

    start_by_mail:
      subject: item             the field that the subject fills
      text: reason              the field that the text fills, without the lines that name a field themselves
      attachments: [invoice]    fields of files: each file goes into the first that takes it
      original: mail            the field of files that keeps a mail that was forwarded, as a file
      proof: outside            how sure the sender must be; as the process says where it is left out
      days: 7                   how long the rest of what is missing is waited for

`true` alone stands for all of that as it is left out: then lines such as “Amount: 1250” fill the form.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from placet.approvals.form_parts import NAME, FormField, SmallType
from placet.approvals.steps import DefinitionPart

if TYPE_CHECKING:
    from placet.approvals.definitions import Definition

DAYS = 7  # where the process does not say
MOST_DAYS = 60
LONGEST_KEY = 40  # of a process: its address has at most 64 characters before the @ (RFC 5321 4.5.3.1.1)

_Name = Annotated[str, Field(pattern=NAME)]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class StartByMail(DefinitionPart):
    """Which fields a mail fills beside those that its lines name."""

    subject: _Name | None = None
    text: _Name | None = None
    attachments: (
        Annotated[tuple[_Name, ...], Field(min_length=1, max_length=10), BeforeValidator(_as_list)] | None
    ) = None
    original: _Name | None = None
    proof: Literal["colleague", "outside", "submitted"] | None = None
    days: int | None = Field(None, ge=1, le=MOST_DAYS, strict=True)

    @property
    def file_fields(self) -> tuple[str, ...]:
        """The fields that files of a mail may fill."""
        return (*(self.attachments or ()), *([self.original] if self.original else []))

    @property
    def waits_for(self) -> int:
        """Days that what is missing is waited for."""
        return self.days or DAYS


def _short_form(value: Any) -> Any:
    return {} if value is True else None if value is False else value


StartsByMail = Annotated[StartByMail | None, BeforeValidator(_short_form)]


def proof_of_start(definition: "Definition") -> str:
    """How sure the sender of a mail must be that starts a request: the name of a level of proof."""
    own = definition.start_by_mail.proof if definition.start_by_mail is not None else None
    return own or definition.proof


def start_by_mail_problems(definition: "Definition") -> Iterator[str]:
    """What does not fit together, each with its place within `start_by_mail`."""
    rules = definition.start_by_mail
    if rules is None:
        return
    if len(definition.key) > LONGEST_KEY:
        yield (
            f"the key {definition.key} is too long for an address, in which at most {LONGEST_KEY} characters of it fit"
        )
    if (proof := proof_of_start(definition)) in ("page", "signed"):
        why = {
            "page": "the process takes no answers by mail (proof: page)",
            "signed": "a signature does not cover where a mail was sent to, so it starts nothing (proof: signed)",
        }
        yield f"proof: {why[proof]}; say colleague, outside or submitted here"
    fields = {one.name: one for one in definition.fields}
    filled: set[str] = set()
    for source, name in _named(rules):
        problem = _problem(definition, fields.get(name), name, source)
        if problem:
            yield f"{source}: {problem}"
        elif name in filled and source in ("subject", "text"):
            yield f"{source}: {name} is filled by something else of the mail already"
        filled.add(name)
    for one in definition.fields:
        lacks = one.type == "files" and one.required and one.name not in rules.file_fields
        if lacks and one.name not in definition.entered_later:
            yield f"attachments: {one.name} has to be filled in, and no mail would fill it; name it here"


def _named(rules: StartByMail) -> Iterator[tuple[str, str]]:
    """What of a mail fills something, with the name of the field."""
    for source in ("subject", "text", "original"):
        if (name := getattr(rules, source)) is not None:
            yield source, name
    yield from (("attachments", name) for name in rules.attachments or ())


def _problem(definition: "Definition", one: FormField | None, name: str, source: str) -> str:
    if one is None:
        return f"there is no field {name}"
    if one.computed is not None:
        return f"{name} is computed, so nobody enters it"
    if name in definition.entered_later:
        return f"{name} is entered in a later step"
    if source in ("attachments", "original"):
        return "" if one.type == "files" else f"{name} is no field of files"
    takes_text = one.type == "long_text" or one.type in get_args(SmallType)
    return "" if takes_text else f"{name} cannot be filled by a text"
