"""When something is due in a step, as its process says it. Looks at nothing but what it is given.

    due: 2 working days                   the end of the second working day after people are asked
    due: 8 working hours                  by the hours of a calendar; `minutes` likewise
    due: 3 days                           the same time of day, three days on
    due: {field: needed_by}               the end of that day's working time, or of the last working day before it
    due: {field: needed_by, before: 2 working days}
    due: {expression: 'urgent ? "4 working hours" : "2 working days"'}     an amount, a date or a moment; "" for none
    remind: [1 working day before, when due, 1 working day after]
    escalate: [{when: 1 working day after, also: [...]}]    the lines are those of `ask`; or `instead` of those asked
    expire: {after: 2 working days, outcome: expired}       `after` is left out where it expires when it is due
    expire: {warn: 4 working hours before}                  those who are asked still, and the requester
    pause: {at_most: 3 working days}      the longest that the clock stands for a question to the requester; no: not

Of a whole request, wherever it stands:

    longest: {after: 60 working days, result: expired, name: Not decided in time}

A working day before or after something begins with its working time where somebody is reminded on it, and ends with it
where it is a deadline.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from placet.lib.working_time import WorkingTime

EXPIRED = "expired"  # what a step comes to that nobody answered in time, where its process says nothing else
MOST_REMINDERS = 20  # of a step
MOST_RUNGS = 20  # of a step: moments from which on others are asked
LARGEST = 1000  # of any unit
FIRST_YEAR, LAST_YEAR = 1900, 9900  # of a deadline: every zone can show it, and what lies before and after it
_AMOUNT = re.compile(r"(?P<number>[1-9][0-9]{0,3}) (?P<working>working )?(?P<unit>day|hour|minute)s?")
_WHEN_DUE = "when due"
_SIDE = re.compile(r"(?P<amount>.+) (?P<side>before|after)")
_SECONDS = {"hour": 3600, "minute": 60}


class Amount:
    """So many days, hours or minutes, of working time or of any."""

    def __init__(self, text: str) -> None:
        """ValueError if it is none."""
        match = _AMOUNT.fullmatch(text)
        if match is None or int(match["number"]) > LARGEST:
            raise ValueError(
                f"“{text[:60]}” is no amount of time; say 2 working days, 8 working hours, 3 days, 12 hours or 30 "
                f"minutes, and at most {LARGEST} of them"
            )
        self.number, self.unit, self.is_working = int(match["number"]), match["unit"], bool(match["working"])

    def after(self, hours: WorkingTime, start: datetime) -> datetime:
        """A deadline so long after a moment. Raises NoWorkingTime, as all of these do."""
        if self.is_working and self.unit == "day":
            # What comes in after hours counts from when they begin again.
            day = hours.working_day(hours.day_of(hours.next_open(start)), self.number)
            return hours.closes(day)
        if self.is_working:
            return hours.add(start, self._length)
        return self._by_the_clock(hours, start, self.number)

    def after_deadline(self, hours: WorkingTime, deadline: datetime) -> datetime:
        """A deadline so long after another one, whose day is over with it."""
        if self.is_working and self.unit == "day":
            return hours.closes(hours.working_day(hours.day_of(deadline), self.number))
        return self.after(hours, deadline)

    def before(self, hours: WorkingTime, end: datetime) -> datetime:
        """A deadline so long before another one."""
        if self.is_working and self.unit == "day":
            return hours.closes(hours.working_day(hours.day_of(end), -self.number))
        if self.is_working:
            return hours.subtract(end, self._length)
        return self._by_the_clock(hours, end, -self.number)

    def reminding(self, hours: WorkingTime, due: datetime, *, before: bool) -> datetime:
        """When to remind of a deadline so long before it, or after it."""
        if self.is_working and self.unit == "day":
            return hours.opens(hours.working_day(hours.day_of(due), -self.number if before else self.number))
        return self.before(hours, due) if before else self.after(hours, due)

    @property
    def _length(self) -> timedelta:
        return timedelta(seconds=self.number * _SECONDS[self.unit])

    def _by_the_clock(self, hours: WorkingTime, moment: datetime, number: int) -> datetime:
        if self.unit != "day":
            return moment + number * timedelta(seconds=_SECONDS[self.unit])
        # The time of day stays what it is, though a day with a change of the clock has 23 hours or 25.
        local = moment.astimezone(hours.zone).replace(tzinfo=None) + timedelta(days=number)
        return local.replace(tzinfo=hours.zone).astimezone(UTC)


def _is_amount(text: str) -> str:
    Amount(text)
    return text


def _is_reminder(text: str) -> str:
    if text == _WHEN_DUE:
        return text
    match = _SIDE.fullmatch(text)
    if match is None:
        raise ValueError(f"say 1 working day before, 4 hours after, or {_WHEN_DUE}; not “{text[:60]}”")
    return _is_amount(match["amount"]) and text


def _is_warning(text: str) -> str:
    match = _SIDE.fullmatch(text)
    if match is None or match["side"] != "before":
        raise ValueError(f"say 4 working hours before, or the like; not “{text[:60]}”")
    return _is_amount(match["amount"]) and text


#: For editors (`placet.approvals.definition_schema`); the validators say what is wrong.
_LIKE_AN_AMOUNT = r"[1-9][0-9]{0,3} (working )?(day|hour|minute)s?"
AmountText = Annotated[
    str, AfterValidator(_is_amount), Field(json_schema_extra={"pattern": f"^{_LIKE_AN_AMOUNT}$"})
]
ReminderText = Annotated[
    str,
    AfterValidator(_is_reminder),
    Field(json_schema_extra={"pattern": f"^({_WHEN_DUE}|{_LIKE_AN_AMOUNT} (before|after))$"}),
]
WarningText = Annotated[
    str, AfterValidator(_is_warning), Field(json_schema_extra={"pattern": f"^{_LIKE_AN_AMOUNT} before$"})
]
Reminders = Annotated[tuple[ReminderText, ...], Field(min_length=1, max_length=MOST_REMINDERS)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Deadline(_Part):
    """Until when a step is to be decided; exactly one of `within`, `field` and `expression` is given."""

    within: AmountText | None = None  # of people being asked
    field: str | None = None  # of the form: a date, or a date with a time
    expression: str | None = Field(None, min_length=1)  # in CEL: an amount, a date or a moment
    before: AmountText | None = None  # the field's
    after: AmountText | None = None

    @model_validator(mode="after")
    def _one(self) -> "Deadline":
        if sum(one is not None for one in (self.within, self.field, self.expression)) != 1:
            raise ValueError("say an amount such as 2 working days, {field: NAME} or {expression: ...}")
        if (self.before is not None or self.after is not None) and self.field is None:
            raise ValueError("before and after belong to a field")
        if self.before is not None and self.after is not None:
            raise ValueError("say before or after, not both")
        return self

    @property
    def hangs_on_data(self) -> bool:
        """Whether it may be another one when the request has other data."""
        return self.within is None


def _deadline(value: Any) -> Any:
    return {"within": value} if isinstance(value, str) else value


Due = Annotated[Deadline, BeforeValidator(_deadline)]


class Expiry(_Part):
    """What a step comes to if nobody decides it in time."""

    outcome: str = Field(EXPIRED, pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    after: AmountText | None = None  # the deadline; none: with it
    silence_counts: Literal[True] | None = None  # has to be said of an outcome that grants what is asked for
    warn: WarningText | None = None  # whoever is asked still, and the requester


class Longest(_Part):
    """How long a request of the process takes at most, and what it has come to then."""

    after: AmountText  # of its start
    result: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    name: str | None = Field(None, min_length=1, max_length=100)  # None: that of the end with this result


class Pause(_Part):
    """How long a step's clock stands at most, each time that the requester is asked something."""

    at_most: AmountText = "5 working days"


def _pause(value: Any) -> Any:
    return {} if value is True else value  # YAML reads “yes” and “no” as true and false


#: False: the clock runs on.
Pauses = Annotated[Pause | Literal[False], BeforeValidator(_pause)]


class DeadlineInvalid(ValueError):
    """What a field or an expression comes to is no deadline."""


def is_amount(value: Any) -> bool:
    return isinstance(value, str) and _AMOUNT.fullmatch(value) is not None


def moment_of(value: Any, hours: WorkingTime, start: datetime) -> datetime | None:
    """The deadline that a value means: an amount after `start`, a day (ISO 8601), or a moment; None for an empty one.
    Raises DeadlineInvalid or NoWorkingTime."""
    if value in (None, ""):
        return None
    if is_amount(value):
        return Amount(value).after(hours, start)
    moment = value if isinstance(value, datetime) else _read(value)
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise DeadlineInvalid(f"{moment.isoformat()} is too far away")
    if not isinstance(moment, datetime):
        return hours.closes(hours.working_day(moment, 0))
    return moment.replace(tzinfo=moment.tzinfo or hours.zone).astimezone(UTC)


def _read(value: Any) -> date:
    """A day, or a moment of it."""
    if not isinstance(value, str):
        raise DeadlineInvalid(f"{value!r} is no amount of time and no date")
    try:
        is_day = len(value) == len("2026-01-01")
        return date.fromisoformat(value) if is_day else datetime.fromisoformat(value)
    except ValueError:
        raise DeadlineInvalid(f"“{value[:60]}” is no amount of time and no date") from None


def reminder_at(text: str, hours: WorkingTime, due: datetime) -> datetime:
    """When a reminder is sent, of a step's list."""
    match = _SIDE.fullmatch(text)
    if match is None:
        return due
    return Amount(match["amount"]).reminding(hours, due, before=match["side"] == "before")


def rung_at(text: str, hours: WorkingTime, due: datetime) -> datetime:
    """From when on others are asked: those who were asked first have until then, so it is reckoned as a deadline is."""
    match = _SIDE.fullmatch(text)
    if match is None:
        return due
    amount = Amount(match["amount"])
    return amount.before(hours, due) if match["side"] == "before" else amount.after_deadline(hours, due)


def warning_at(text: str, hours: WorkingTime, end: datetime) -> datetime:
    """When a step's end is warned of."""
    return Amount(text.removesuffix(" before")).reminding(hours, end, before=True)
