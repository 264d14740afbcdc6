"""When something is due, as a process says it."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from placet.approvals.deadlines import Amount, Deadline, DeadlineInvalid, Expiry, moment_of, reminder_at
from placet.approvals.steps import ApprovalStep
from placet.lib.working_time import Span, WorkingTime

DAY = (Span(9 * 60, 12 * 60), Span(13 * 60, 17 * 60))
ZONE = ZoneInfo("Europe/Berlin")
HOURS = WorkingTime(ZONE, (DAY, DAY, DAY, DAY, DAY, (), ()), lambda _day: None)


def at(text: str) -> datetime:
    """In Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


@pytest.mark.parametrize(
    ("amount", "start", "due"),
    [
        # 2 March 2026 is a Monday; the clock changes on Sunday, 29 March.
        ("2 working days", "2026-03-02 10:00", "2026-03-04 17:00"),
        ("2 working days", "2026-03-02 18:05", "2026-03-05 17:00"),  # counts from Tuesday
        ("1 working day", "2026-03-06 16:59", "2026-03-09 17:00"),
        ("1 working day", "2026-03-07 12:00", "2026-03-10 17:00"),  # on a Saturday: counts from Monday
        ("8 working hours", "2026-03-02 15:00", "2026-03-03 16:00"),
        ("30 working minutes", "2026-03-02 11:45", "2026-03-02 13:15"),
        ("3 days", "2026-03-27 17:30", "2026-03-30 17:30"),  # the same time of day, an hour less
        ("72 hours", "2026-03-27 17:30", "2026-03-30 18:30"),
        ("90 minutes", "2026-03-02 10:00", "2026-03-02 11:30"),
        ("1 day", "2026-03-28 02:30", "2026-03-29 03:30"),  # an hour that there is not
    ],
)
def test_a_deadline_comes_so_long_after_a_moment(amount: str, start: str, due: str) -> None:
    assert Amount(amount).after(HOURS, at(start)) == at(due)


@pytest.mark.parametrize(
    ("amount", "end", "due"),
    [
        ("2 working days", "2026-03-04 17:00", "2026-03-02 17:00"),
        ("1 working day", "2026-03-09 10:00", "2026-03-06 17:00"),
        ("1 working day", "2026-03-08 10:00", "2026-03-06 17:00"),  # a Sunday
        ("8 working hours", "2026-03-03 16:00", "2026-03-02 15:00"),
        ("3 days", "2026-03-30 17:30", "2026-03-27 17:30"),
    ],
)
def test_and_so_long_before_one(amount: str, end: str, due: str) -> None:
    assert Amount(amount).before(HOURS, at(end)) == at(due)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1 working day before", "2026-03-05 09:00"),  # when work begins
        ("4 working days before", "2026-03-02 09:00"),
        ("when due", "2026-03-06 17:00"),
        ("1 working day after", "2026-03-09 09:00"),
        ("4 working hours before", "2026-03-06 13:00"),
        ("2 days after", "2026-03-08 17:00"),
    ],
)
def test_reminders_come_before_and_after_a_deadline(text: str, moment: str) -> None:
    assert reminder_at(text, HOURS, at("2026-03-06 17:00")) == at(moment)


@pytest.mark.parametrize(
    "text",
    [
        "2 Working Days", "two days", "0 days", "-1 days", "1.5 days", "1001 days", "2 weeks", "2 working weeks",
        "2  days", "2 days ", "", "2 days after", "day", "P2D", "٢ days", "2 days\n",
    ],
)  # fmt: skip
def test_whatever_else_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount of time"):
        Amount(text)


@pytest.mark.parametrize(
    "text",
    [
        "1 day",
        "before",
        "2 weeks before",
        "when",
        "due",
        "1 day before noon",
        "before 1 day",
        "0 days before",
    ],
)
def test_whatever_else_is_no_reminder(text: str) -> None:
    with pytest.raises(ValidationError):
        ApprovalStep.model_validate(step(due="2 days", remind=[text]))


def step(**more: Any) -> dict[str, Any]:
    return {"kind": "approval", "name": "Step", "ask": [{"requester": True}], **more}


@pytest.mark.parametrize(
    "more",
    [
        {"remind": ["1 day before"]},
        {"expire": {}},
        {"due": {}},
        {"due": {"field": "day", "expression": "day"}},
        {"due": {"field": "day", "before": "1 day", "after": "1 day"}},
        {"due": {"expression": "day", "before": "1 day"}},
        {"due": {"within": "1 day", "before": "1 day"}},
        {"due": 2},
        {"due": "2 days", "remind": []},
        {"due": "2 days", "remind": ["when due"] * 21},
        {"due": "2 days", "expire": {"silence_counts": False}},
        {"due": "2 days", "expire": {"outcome": "Not So"}},
        {"due": "2 days", "calendar": "A b"},
    ],
)
def test_what_does_not_fit_together_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ApprovalStep.model_validate(step(**more))


def test_an_amount_alone_is_the_short_form() -> None:
    parsed = ApprovalStep.model_validate(step(due="2 days", expire={}))
    assert parsed.due == Deadline(within="2 days")
    assert parsed.expire == Expiry(outcome="expired")
    assert parsed.result_keys == ("approve", "reject", "expired")
    assert parsed.outcome_keys == ("approve", "reject")  # nobody can answer so
    again = ApprovalStep.model_validate(parsed.model_dump(mode="json", by_alias=True, exclude_none=True))
    assert again == parsed


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-03-06", "2026-03-06 17:00"),
        ("2026-03-08", "2026-03-06 17:00"),  # a Sunday: the last working day before it
        ("2 working days", "2026-03-04 17:00"),
        ("2026-03-06 10:00", "2026-03-06 10:00"),
        ("2026-03-06T09:00:00Z", "2026-03-06 10:00"),
        (at("2026-03-06 10:00"), "2026-03-06 10:00"),
    ],
)
def test_a_field_or_an_expression_says_a_moment(value: Any, moment: str) -> None:
    assert moment_of(value, HOURS, at("2026-03-02 10:00")) == at(moment)


def test_what_is_empty_says_none() -> None:
    assert moment_of("", HOURS, at("2026-03-02 10:00")) is None
    assert moment_of(None, HOURS, at("2026-03-02 10:00")) is None


@pytest.mark.parametrize(
    "value", ["soon", "2026-02-30", "2026-3-6", 3.0, True, ["2 days"], {"days": 2}, "x" * 500]
)
def test_what_is_neither_is_refused(value: Any) -> None:
    with pytest.raises(DeadlineInvalid):
        moment_of(value, HOURS, at("2026-03-02 10:00"))
