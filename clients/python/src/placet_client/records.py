"""What Placet answers, as frozen values. What a newer Placet says beside it is kept in `raw`, and states, results,
outcomes and channels are words that may grow: treat those that you do not know as “something else”."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache, partial
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from placet_client.errors import AnswerInvalid

R = TypeVar("R", bound="Record")


@dataclass(frozen=True, kw_only=True)
class Record:
    """`raw` is the whole JSON object, `unknown` what of it has no field here."""

    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def unknown(self) -> dict[str, Any]:
        known = {one.name for one in fields(self)}
        return {name: value for name, value in self.raw.items() if name not in known}


def record(kind: type[R], value: object) -> R:
    """The value of this kind that a JSON object stands for. AnswerInvalid if it is none."""
    if not isinstance(value, Mapping):
        raise AnswerInvalid(f"Placet's answer has no {kind.__name__} where one belongs.")
    readers = _readers(cast(Hashable, kind)).items()
    given = {name: read(value[name]) for name, read in readers if value.get(name) is not None}
    try:
        return kind(raw=value, **given)
    except TypeError as error:  # a field without a default is missing
        raise AnswerInvalid(
            f"Placet's answer has a {kind.__name__} without what it needs: {error}"
        ) from error


@cache
def _readers(kind: Any) -> dict[str, Callable[[object], Any]]:
    """By field, what reads its value, as its type says."""
    types = get_type_hints(kind)
    return {one.name: _reader(types[one.name]) for one in fields(kind) if one.name != "raw"}


def _reader(type_: Any) -> Callable[[object], Any]:
    many = get_origin(type_) is tuple
    if get_args(type_) == (str, ...):
        return _texts
    for part in get_args(type_) or (type_,):
        if part is datetime:
            return _moment
        if isinstance(part, type) and issubclass(part, Record):
            return partial(_records if many else record, part)
    return _as_it_is


def _as_it_is(value: object) -> Any:
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise AnswerInvalid("Placet's answer has no list where one belongs.")
    return tuple(map(str, value))


def _records(kind: type[R], value: object) -> tuple[R, ...]:
    if not isinstance(value, list):
        raise AnswerInvalid(f"Placet's answer has no list of {kind.__name__} where one belongs.")
    return tuple(record(kind, entry) for entry in value)


def _moment(value: object) -> datetime:
    try:
        # Python 3.10 does not know the Z.
        return datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError as error:
        raise AnswerInvalid(f"Placet's answer has “{value}” where a time belongs.") from error


@dataclass(frozen=True, kw_only=True)
class Person(Record):
    name: str = ""
    address: str = ""
    id: str | None = None
    active: bool = True


@dataclass(frozen=True, kw_only=True)
class Group(Record):
    key: str = ""
    name: str = ""
    members: int | None = None  # how many of them are active


@dataclass(frozen=True, kw_only=True)
class ProcessRef(Record):
    """A process as a request names it."""

    key: str
    name: str = ""
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class Process(Record):
    """`form` is a JSON Schema of what starts a request."""

    key: str
    name: str = ""
    description: str = ""
    version: int | None = None
    form: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Decision(Record):
    """What counted for somebody who was asked. `comment` is as it was written."""

    outcome: str
    comment: str = ""
    by: Person | None = None
    channel: str = ""
    at: datetime | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Assignment(Record):
    """One person who was asked in one step."""

    id: str
    person: Person | None = None
    state: str = ""
    in_place_of: Person | None = None
    decision: Decision | None = None


@dataclass(frozen=True, kw_only=True)
class Step(Record):
    """One time that a request was in a step of its process."""

    key: str
    name: str = ""
    round: int | None = None
    branch: str | None = None
    state: str = ""
    result: str | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    assignments: tuple[Assignment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class File(Record):
    id: str
    field: str = ""
    name: str = ""
    size: int | None = None  # bytes
    sha256: str = ""


OPEN = "open"


@dataclass(frozen=True, kw_only=True)
class Fact(Record):
    label: str = ""
    value: Any = ""


@dataclass(frozen=True, kw_only=True)
class Request(Record):
    """One run of a process. `state` is “open”, “ended” or “withdrawn”; `result` what it came to (“approved”)."""

    id: str
    number: int | None = None
    link: str = ""
    process: ProcessRef | None = None
    title: str = ""
    state: str
    result: str | None = None
    requester: Person | None = None
    created_at: datetime | None = None
    closed_at: datetime | None = None
    revision: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()  # of an approval without a process, as they were asked for
    files: tuple[File, ...] = ()
    steps: tuple[Step, ...] = ()
    sequence: int | None = None  # of the newest entry of its record
    asked_with_this_key: bool = False  # or with one whose place this key took

    @property
    def is_open(self) -> bool:
        return self.state == OPEN

    @property
    def etag(self) -> str:
        """Names this state of the request. Made of its sequence: some proxies make the header's a weak one, which
        changes nothing."""
        return "" if self.sequence is None else f'"{self.sequence}"'

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """In the order of the steps."""
        return tuple(
            assignment.decision
            for step in self.steps
            for assignment in step.assignments
            if assignment.decision is not None
        )


@dataclass(frozen=True, kw_only=True)
class RequestRef(Record):
    """A request as what waits for somebody names it."""

    id: str
    number: int | None = None
    title: str = ""
    link: str = ""
    state: str = ""
    result: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome(Record):
    """What can be answered."""

    key: str
    label: str = ""
    comment_needed: bool = False
    answers_needed: tuple[str, ...] = ()  # names of questions
    data_needed: tuple[str, ...] = ()  # names of fields


@dataclass(frozen=True, kw_only=True)
class Waiting(Record):
    """What waits for the person of the key. `seen` names the facts as they are here: a decision counts for these
    alone. `questions` and `fields` are JSON Schemas of what is answered and entered with it; `by_api`: whether a key
    may answer."""

    id: str
    request: RequestRef | None = None
    process: str = ""
    step: str = ""
    in_place_of: str | None = None
    asked_at: datetime | None = None
    due: datetime | None = None
    facts: tuple[Fact, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    questions: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    by_api: bool = True
    seen: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer(Record):
    """A decision that was made with a key, and the request as it is after it."""

    assignment: str = ""
    outcome: str
    comment: str = ""
    channel: str = ""
    at: datetime | None = None
    request: RequestRef | None = None


@dataclass(frozen=True, kw_only=True)
class Reminded(Record):
    """Who gets one more mail, and who does not yet."""

    reminded: tuple[Person, ...] = ()
    too_soon: tuple[Person, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entry(Record):
    """One entry of a request's record. `who`: None, where a mail or Placet itself did it; `by`: as the record says."""

    sequence: int
    at: datetime | None = None
    type: str = ""
    who: Person | None = None
    by: str = ""
    what: Mapping[str, Any] = field(default_factory=dict)
    hash: str = ""


@dataclass(frozen=True, kw_only=True)
class Mail(Record):
    """A mail of the mail log; `raw` has all of it."""

    id: str
    direction: str = ""
    subject: str = ""
    sender: str = ""
    to: str = ""
    state: str = ""
    kind: str = ""
    result: str = ""
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Webhook(Record):
    """An address that hears of events. `secret` is there once, when it was made."""

    id: str
    url: str = ""
    description: str = ""
    events: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
    with_data: bool = False
    active: bool = True
    disabled_why: str = ""
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Delivery(Record):
    """One event on its way to one webhook. `event` is its webhook-id, `status` of the last answer."""

    id: str
    event: str = ""
    type: str = ""
    timestamp: datetime | None = None
    request: str | None = None
    sequence: int | None = None
    state: str = ""
    tries: int = 0
    status: int | None = None
    error: str = ""
    due: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Tested(Record):
    """How a test of a webhook went."""

    delivered: bool = False
    status: int | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Event(Record):
    """What a webhook delivered. `id` is the same at each try: act on it once. `data` has ids, state and link."""

    id: str
    type: str
    timestamp: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
