"""The kinds of events, what one says, and its schema. An event is an entry of a request's record that others may want
to hear of; its number there is the event's, so that a receiver can put them in order and see what is missing.

Only ids and keys are in it, unless an endpoint asks for more (`bodies`): what was entered and written stays where
reading it is recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from placet.approvals.composing import page_of
from placet.approvals.definitions import Definition
from placet.approvals.models import Request
from placet.approvals.steps import ApprovalStep
from placet.audit.models import AuditEntry

TEST = "placet.test"
SENT_BACK = "request.sent_back"
ENDED, WITHDRAWN = "request.ended", "request.withdrawn"


@dataclass(frozen=True)
class EventType:
    """`entry`: what the record calls it. `names`: of what the entry says, beside step and people."""

    type: str
    entry: str
    description: Promise | str
    names: tuple[str, ...] = ()


TYPES = (
    EventType("request.started", "started", gettext_lazy("A request was started.")),
    EventType("request.step_entered", "entered", gettext_lazy("A step began.")),
    EventType(SENT_BACK, "entered", gettext_lazy("The requester is asked to change what was entered.")),
    EventType("request.asked", "asked", gettext_lazy("Somebody was asked.")),
    EventType("request.reminded", "asked again", gettext_lazy("Somebody was asked once more.")),
    EventType("request.decided", "decided", gettext_lazy("Somebody answered."), ("outcome",)),
    EventType("request.undone", "undone", gettext_lazy("Somebody took an answer back.")),
    EventType("request.changed", "revised", gettext_lazy("What was entered was changed."), ("revision",)),
    EventType(
        "request.clarification_asked", "asked back", gettext_lazy("Somebody asked the requester a question.")
    ),
    EventType("request.clarification_given", "clarified", gettext_lazy("The requester answered a question.")),
    EventType(
        "request.delegate_added", "delegate added", gettext_lazy("Somebody may answer in somebody's place.")
    ),
    EventType(
        "request.reassigned", "reassigned", gettext_lazy("Somebody is asked in the place of somebody.")
    ),
    EventType("request.overdue", "due", gettext_lazy("A step was not decided in time.")),
    EventType(
        "request.escalated", "escalated", gettext_lazy("Others are asked, because a step was not decided.")
    ),
    EventType(
        "request.expired", "expired", gettext_lazy("A step ended because it was not decided."), ("result",)
    ),
    EventType("request.step_closed", "closed", gettext_lazy("A step was decided."), ("result",)),
    EventType("request.not_delivered", "not delivered", gettext_lazy("A mail did not reach somebody.")),
    EventType("request.stuck", "stuck", gettext_lazy("Nobody can be asked in a step.")),
    EventType("request.no_longer_stuck", "no longer stuck", gettext_lazy("A step that was stuck goes on.")),
    EventType(ENDED, "ended", gettext_lazy("A request ended."), ("result",)),
    EventType(WITHDRAWN, "withdrawn", gettext_lazy("A request was withdrawn.")),
)
BY_TYPE = {one.type: one for one in TYPES}
_BY_ENTRY = {one.entry: one for one in TYPES if one.type != SENT_BACK}
ENTRIES = frozenset(one.entry for one in TYPES)
_ANSWERS = ("decided", "undone", "asked back", "clarified")  # that somebody gave in one way or another
_PEOPLE = {"person": "person", "delegate": "delegate", "successor": "successor"}


def unknown(types: list[str]) -> list[str]:
    """Those that are no type of an event."""
    return [one for one in types if one not in BY_TYPE]


def type_of(entry: AuditEntry, definition: Definition) -> EventType | None:
    """The type of event that an entry is; None of what nobody is told of. A step that asks the requester to change what
    was entered is one that the request was sent back to."""
    kind = _BY_ENTRY.get(entry.what.get("event", ""))
    if kind is not None and kind.entry == "entered":
        step = definition.steps.get(entry.what.get("step", ""))
        if isinstance(step, ApprovalStep) and step.kind == "revise":
            return BY_TYPE[SENT_BACK]
    return kind


def details(kind: EventType, entry: AuditEntry) -> dict[str, Any]:
    """What an event says beside the request: `step` {key, round}, people {id}, `channel`, and what its type names."""
    what = entry.what
    about: dict[str, Any] = {}
    if "step" in what:
        about["step"] = {"key": what["step"], "round": what.get("round", 1)}
    who, _, number = entry.who.partition(":")
    if who == "person":
        about["by"] = {"id": number}
    for name, key in _PEOPLE.items():
        if isinstance(what.get(key), int):
            about[name] = {"id": str(what[key])}
    if isinstance(what.get("assignment"), int):
        about["assignment"] = {"id": str(what["assignment"])}
    if kind.entry in _ANSWERS and "door" in what:
        about["channel"] = what["door"]
    return about | {name: what[name] for name in kind.names if name in what}


def payload(
    kind: str, at: datetime, sequence: int, request: Request | None, details: Mapping[str, Any]
) -> dict[str, Any]:
    """An event as it is sent: {type, timestamp, data}. `request`: None of a test."""
    data: dict[str, Any] = {"sequence": sequence, **details}
    if request is not None:
        data["request"] = _request(kind, request, str(details.get("result", "")))
    return {"type": kind, "timestamp": moment(at), "data": data}


def _request(kind: str, request: Request, result: str) -> dict[str, Any]:
    """As it stood after the event: what came later is told by later ones."""
    state = {ENDED: Request.State.ENDED, WITHDRAWN: Request.State.WITHDRAWN}.get(kind, Request.State.OPEN)
    return {
        "id": str(request.public_id),
        "number": request.number,
        "process": request.version.process.key,
        "version": request.version.number,
        "state": str(state),
        "result": result if kind == ENDED else "",
        "link": page_of(request),
    }


def moment(at: datetime) -> str:
    """RFC 3339, UTC, with a Z."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


# --- the schemas ------------------------------------------------------------------------------------------

_ID = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
_REQUEST = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "number": {"type": "integer"},
        "process": {"type": "string", "description": "The key of the process."},
        "version": {"type": "integer"},
        "state": {"type": "string", "examples": ["open", "ended", "withdrawn"]},
        "result": {"type": "string", "description": "What it ended with; empty before."},
        "link": {"type": "string", "format": "uri"},
        "title": {"type": "string", "description": "Only for endpoints with data."},
        "revision": {"type": "integer", "description": "Only for endpoints with data."},
        "data": {"type": "object", "description": "What was entered; only for endpoints with data."},
    },
    "required": ["id", "number", "process", "version", "state", "result", "link"],
}
_NAMES = {"outcome": "string", "result": "string", "revision": "integer"}


def schema(kind: EventType) -> dict[str, Any]:
    """JSON Schema 2020-12 of the body of one type."""
    data: dict[str, Any] = {
        "sequence": {
            "type": "integer",
            "minimum": 1,
            "description": "The number of the entry in the request's record: events of a request are in this order.",
        },
        "request": _REQUEST,
        "step": {
            "type": "object",
            "properties": {"key": {"type": "string"}, "round": {"type": "integer"}},
            "required": ["key", "round"],
        },
        "by": {**_ID, "description": "Who did it; missing where Placet itself did."},
        **dict.fromkeys((*_PEOPLE, "assignment"), _ID),
        "channel": {"type": "string", "description": "How an answer came: mail, page, api and others."},
        **{name: {"type": _NAMES[name]} for name in kind.names},
    }
    if kind.type == "request.decided":
        data["decision"] = {
            "type": "object",
            "description": "Comment and answers; only for endpoints with data.",
        }
    return {
        "type": "object",
        "properties": {
            "type": {"type": "string", "const": kind.type},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {
                "type": "object",
                "properties": data,
                "required": ["sequence", "request", *kind.names],
            },
        },
        "required": ["type", "timestamp", "data"],
    }


def openapi_webhooks() -> dict[str, Any]:
    """The `webhooks` of an OpenAPI 3.1 document: one POST for each type of event, as Placet sends it."""
    return {kind.type: {"post": _operation(kind)} for kind in TYPES}


def _operation(kind: EventType) -> dict[str, Any]:
    headers = (
        ("webhook-id", "The id of the event: the same in every try."),
        ("webhook-timestamp", "When this try was made: seconds since 1970."),
        ("webhook-signature", "One or more signatures, separated by blanks: v1, and HMAC-SHA256 in base64."),
    )
    return {
        "operationId": kind.type.replace(".", "_"),
        "summary": str(kind.description),
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": text,
                "schema": {"type": "string"},
            }
            for name, text in headers
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema(kind)}}},
        "responses": {
            "2XX": {"description": "Taken."},
            "410": {"description": "Nobody wants events here any more: the endpoint is switched off."},
            "default": {"description": "Not taken; tried again for about three days."},
        },
    }
