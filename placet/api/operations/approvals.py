"""Approvals without a process: the one call that most programs make."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from ninja import Router
from pydantic import Field, StrictInt, StrictStr

from placet.api import floors
from placet.api.bodies import Body
from placet.api.callback import Callback, register
from placet.api.calls import Call
from placet.api.keys import Scope
from placet.api.operation import operation
from placet.api.operations.requests import made, requester_of
from placet.api.problems import Error, Problem
from placet.api.request_shapes import RequestShape
from placet.api.uploads import FileSent, files_of_field
from placet.approvals import ad_hoc, call_keys
from placet.approvals.ad_hoc_definition import (
    FILES,
    LONGEST_LABEL,
    LONGEST_TEXT,
    LONGEST_TITLE,
    LONGEST_VALUE,
    MOST_FACTS,
    MOST_OUTCOMES,
    OwnOutcome,
)
from placet.approvals.ad_hoc_definition import Call as Asked
from placet.approvals.field_types import LONGEST_EXACT_TEXT, MOST_PEOPLE
from placet.approvals.form_parts import MOST_FILES, FormField
from placet.approvals.steps import Proof

router = Router(tags=["Requests"])

Address = Annotated[StrictStr, Field(min_length=1, max_length=320)]


class Fact(Body):
    """One line of what is asked for."""

    label: Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_LABEL)]
    value: Annotated[StrictStr, Field(max_length=LONGEST_VALUE)]


class GroupNamed(Body):
    """Everybody in a group, but for whoever asks."""

    group: Annotated[StrictStr, Field(min_length=1, max_length=50, description="Its key.")]


class AskApproval(Body):
    """An approval that is asked for. People see all of it as text; nothing is cut, what is too long is refused."""

    title: Annotated[StrictStr, Field(min_length=2, max_length=LONGEST_TITLE)]
    facts: list[Fact] = Field([], max_length=MOST_FACTS)
    text: Annotated[StrictStr, Field(max_length=LONGEST_TEXT)] = ""
    exactly: Annotated[
        StrictStr,
        Field(
            max_length=LONGEST_EXACT_TEXT,
            description="What exactly is to be done, sign by sign: a command, its parameters, a change. It is shown "
            "whole, in fixed type, and what is decided holds for exactly this.",
        ),
    ] = ""
    to: Annotated[list[Address], Field(min_length=1, max_length=MOST_PEOPLE)] | GroupNamed = Field(
        description="Addresses of people whom Placet knows, or a group."
    )
    rule: Literal["any", "all"] | Annotated[StrictInt, Field(ge=1, le=MOST_PEOPLE)] = Field(
        "any", description="any: the first answer decides; all: everybody agrees; or how many have to agree."
    )
    outcomes: list[StrictStr | OwnOutcome] = Field(
        ["approve", "reject"],
        min_length=1,
        max_length=MOST_OUTCOMES,
        description="What can be answered: approve, reject, or answers of your own.",
    )
    due: Annotated[
        StrictStr,
        Field(max_length=40, description="“2 working days”, “4 hours”, a day, or a moment with its offset."),
    ] = ""
    proof: Proof | None = Field(
        None,
        description="How sure it must be who answers; nothing weaker than the floor of the key is taken.",
    )
    requester: Annotated[StrictStr, Field(max_length=320)] = ""
    files: list[FileSent] = Field([], max_length=MOST_FILES)
    callback: Callback | None = None


@operation(
    router,
    "POST",
    "/approvals",
    Scope.REQUESTS_WRITE,
    RequestShape,
    status=201,
    problems=["retired", "not-allowed", "not-open"],
    takes_files=True,
    idempotent="required",
)
def request_approval(call: Call, body: AskApproval) -> RequestShape:
    """Ask people for an approval that has no process. They are written to at once, and answer by mail."""
    if not call.covers(call_keys.key_for(call.person)):
        raise Problem("not-allowed", "This key is limited to processes, so it asks for nothing without one.")
    requester = requester_of(call, body.requester)
    files = files_of_field(FormField(name=FILES, label=FILES, type="files"), body.files)
    try:
        request = ad_hoc.ask(
            _asked(body),
            call.person,
            requester,
            floor=floors.floor_of(call.key),
            files=files,
            key=call.key.public,
        )
    except ad_hoc.CallInvalid as error:
        raise Problem("invalid", errors=_errors(error.errors)) from error
    if body.callback is not None:
        register(call, request, body.callback)
    return made(call, request)


def _asked(body: AskApproval) -> Asked:
    return Asked(
        title=body.title,
        to=() if isinstance(body.to, GroupNamed) else tuple(body.to),
        group=body.to.group if isinstance(body.to, GroupNamed) else "",
        facts=[(fact.label, fact.value) for fact in body.facts],
        text=body.text,
        exactly=body.exactly,
        rule=body.rule,
        outcomes=[one if isinstance(one, str) else _written(one) for one in body.outcomes],
        due=body.due,
        proof=body.proof,
    )


def _written(outcome: OwnOutcome) -> Mapping[str, Any]:
    return outcome.model_dump(exclude_unset=True)


def _errors(errors: Mapping[str, str]) -> list[Error]:
    return [Error(pointer, detail) for pointer, detail in errors.items()]
