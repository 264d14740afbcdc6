"""What happens in a trial, one thing after the other, as plain values that travel as JSON.

People are named by their address, steps by their key: both mean the same in every play, whatever ids rows have in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar

from django.utils.translation import gettext as _

MOST_EVENTS = 40  # of one trial
LONGEST_TEXT = 20_000  # characters of one value
LARGEST = 200_000  # characters of all of them together, as JSON


class EventsInvalid(ValueError):
    """What came is no list of events, or one that is too long; the message is for people."""


@dataclass(frozen=True)
class Start:
    """A request is started. `values`: by field, as somebody would enter them; `files`: names of pretended files by
    field. `at`: the moment, with its zone."""

    what: ClassVar[str] = "start"
    person: str
    values: Mapping[str, Any]
    at: datetime
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """Somebody answers their newest mail, of a step if that is given, in their own words."""

    what: ClassVar[str] = "reply"
    by: str
    text: str
    step: str = ""


@dataclass(frozen=True)
class Answer:
    """Somebody answers on the page. `answers`: to the questions of the step by name; `entered`: what they change in the
    form, by field."""

    what: ClassVar[str] = "answer"
    by: str
    step: str
    outcome: str
    comment: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    entered: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Jump:
    """Time passes: until then, or until something is due."""

    what: ClassVar[str] = "jump"
    to: datetime | None = None


@dataclass(frozen=True)
class Signal:
    """A signal comes from outside."""

    what: ClassVar[str] = "signal"
    key: str


@dataclass(frozen=True)
class Withdraw:
    """The requester withdraws the request."""

    what: ClassVar[str] = "withdraw"


Event = Start | Reply | Answer | Jump | Signal | Withdraw
KINDS: Mapping[str, type[Event]] = {
    kind.what: kind for kind in (Start, Reply, Answer, Jump, Signal, Withdraw)
}
_MOMENTS = ("at", "to")


def as_json(events: Sequence[Event]) -> list[dict[str, Any]]:
    """What `from_json` reads again, as JSON types."""
    return [{"what": event.what, **_plain(asdict(event))} for event in events]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
        if value is not None
    }


def from_json(rows: Any) -> list[Event]:
    """EventsInvalid for anything that `as_json` did not write, as it may come from a page or an older version."""
    if not isinstance(rows, list) or len(rows) > MOST_EVENTS:
        raise EventsInvalid(_("A trial has at most {n} events.").format(n=MOST_EVENTS))
    return [_event(row) for row in rows]


def _event(row: Any) -> Event:
    kind = KINDS.get(row.get("what", "")) if isinstance(row, Mapping) else None
    known = {one.name for one in fields(kind)} if kind is not None else set()
    if kind is None or row.keys() - known != {"what"}:
        raise EventsInvalid(_("This trial cannot be read. Please start it anew."))
    values = {name: _value(name, value) for name, value in row.items() if name != "what"}
    try:
        return kind(**values)
    except TypeError as error:  # something that it cannot be without is not there
        raise EventsInvalid(_("This trial cannot be read. Please start it anew.")) from error


#: What each value is; what is not named here is a text.
_MAPPINGS = ("values", "files", "answers", "entered")


def _value(name: str, value: Any) -> Any:
    if name in _MOMENTS:
        return _moment(value)
    if not isinstance(value, dict if name in _MAPPINGS else str) or len(value) > LONGEST_TEXT:
        raise EventsInvalid(_("This trial cannot be read. Please start it anew."))
    return value


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise EventsInvalid(_("This trial cannot be read. Please start it anew.")) from error
    if moment.tzinfo is None:
        raise EventsInvalid(_("This trial cannot be read. Please start it anew."))
    return moment
