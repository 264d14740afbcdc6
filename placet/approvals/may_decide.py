"""Who may decide a seat: whoever is asked, and their delegates. Looked at when people are asked and once more when they
answer, at every channel. Looks; never changes anything.

A human has one vote in a visit, whether as themself or in somebody's place, and four eyes are two humans: of an answer
in somebody's place both count, whoever gave it and whose it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from functools import cached_property
from typing import Any

from placet.accounts import delegations
from placet.accounts.delegations import Scope
from placet.accounts.models import Delegation, Person
from placet.approvals import absences, earlier, owning, policy, whom
from placet.approvals.definitions import Definition
from placet.approvals.form_numbers import minor_digits
from placet.approvals.models import Assignment, Delegate, Request
from placet.approvals.steps import Who
from placet.lib.conditions import ConditionError, holds, names_in
from placet.lib.sentences import NOTHING, Sentence


class Why(Enum):
    NOT_ACTIVE = auto()
    NOT_ASKED = auto()  # or not any more
    BARRED = auto()  # whatever they were asked


@dataclass(frozen=True)
class Bar:
    """Why somebody may not decide a seat, as they are told."""

    why: Why
    sentence: Sentence


@dataclass(frozen=True)
class Seat:
    """A seat, and what it hangs on. `beside`: all of its visit, with their decisions. `data`: of the request, where it
    is to be another one with the answer."""

    request: Request
    definition: Definition
    assignment: Assignment
    beside: Sequence[Assignment]
    data: Mapping[str, Any] | None = None

    @cached_property
    def bars(self) -> whom.Bars:
        return whom.Bars(self.request, self.definition, self.assignment.visit.step_key)


def may_decide(person: Person, seat: Seat, now: datetime) -> Bar | None:
    """None if they may. `person` as the database has them now."""
    if person.pk == seat.assignment.person_id:
        return _may_themself(person, seat)
    return _is_delegate(person, seat, now) or may_stand_in(person, seat)


def _may_themself(person: Person, seat: Seat) -> Bar | None:
    if not person.is_active:
        return Bar(Why.NOT_ACTIVE, Sentence("This account is not active any more."))
    if bar := seat.bars.against(person):
        return Bar(Why.BARRED, bar)
    return _has_voted(person, seat)


def _has_voted(person: Person, seat: Seat) -> Bar | None:
    others = (one for one in seat.beside if one.pk != seat.assignment.pk)
    decided = (one for one in others if one.state in Assignment.COUNTED)
    if any(one.counted.by_person_id == person.pk for one in decided):
        return Bar(
            Why.BARRED, Sentence("You answered in this step already, and nobody has two answers in it.")
        )
    return None


# --- in somebody's place ----------------------------------------------------------------------------------


def _is_delegate(person: Person, seat: Seat, now: datetime) -> Bar | None:
    """Whether it is theirs to answer in this place, now."""
    row = row_of(person.pk, seat.assignment)
    if row is None:
        return Bar(Why.NOT_ASKED, Sentence("Somebody else was asked."))
    name = seat.assignment.person.name
    if row.state == Delegate.State.ENDED:
        return Bar(Why.NOT_ASKED, _ENDED[Delegate.Reason(row.reason)](name))
    if row.why != Delegate.Why.GIVEN and rests_on(row, seat, now) is None:
        is_back = row.why == Delegate.Why.ABSENCE and not _is_away(seat, now)
        return Bar(Why.NOT_ASKED, _back(name) if is_back else over(name))
    return None


def rests_on(row: Delegate, seat: Seat, now: datetime) -> Delegation | None:
    """The delegation in force by which a delegate answers a seat; None of what was given, and where none is."""
    if row.why == Delegate.Why.GIVEN:
        return None
    theirs = [one for one in fitting(seat, now) if one.delegate_id == row.person_id]
    is_for_absence = any(one.when == Delegation.When.ABSENT for one in theirs)
    if is_for_absence and not _is_away(seat, now):  # the seat says so until the work on absences comes to it
        theirs = [one for one in theirs if one.when != Delegation.When.ABSENT]
    return theirs[0] if theirs else None


def _is_away(seat: Seat, now: datetime) -> bool:
    return absences.in_force(seat.assignment.person_id, now) is not None


def row_of(person_id: int, assignment: Assignment) -> Delegate | None:
    if not assignment.has_delegates:
        return None
    return assignment.delegates.filter(person=person_id).first()


def over(name: str) -> Sentence:
    return Sentence(
        "You do not answer in place of {name} any more: that was ended, its time is over, or it is not about this.",
        name=name,
    )


def _left(name: str) -> Sentence:
    return Sentence(
        "This account was not active, so you do not answer in place of {name} any more.", name=name
    )


def _barred(name: str) -> Sentence:
    return Sentence(
        "You do not answer in place of {name} any more: one of you answered elsewhere in this request.",
        name=name,
    )


def _back(name: str) -> Sentence:
    return Sentence("{name} is back, so you do not answer in their place any more.", name=name)


def _taken_back(name: str) -> Sentence:
    return Sentence(
        "This was given to you, and taken back, so you do not answer in place of {name}.", name=name
    )


_ENDED = {
    Delegate.Reason.DELEGATION: over,
    Delegate.Reason.LEFT: _left,
    Delegate.Reason.BARRED: _barred,
    Delegate.Reason.BACK: _back,
    Delegate.Reason.TAKEN_BACK: _taken_back,
}


def may_stand_in(person: Person, seat: Seat) -> Bar | None:
    """Whether they could answer in this place, if it were theirs to do so."""
    if not person.is_active:
        return Bar(Why.NOT_ACTIVE, Sentence("This account is not active any more."))
    name = seat.assignment.person.name
    step = seat.definition.approval(seat.assignment.visit.step_key)
    if step.delegate is False:
        return Bar(Why.BARRED, Sentence("In this step nobody answers in somebody's place."))
    if seat.request.is_made_by(person):
        return Bar(Why.BARRED, Sentence("Nobody decides their own request in somebody's place."))
    if said := seat.bars.against(person):
        return Bar(Why.BARRED, said)
    if bar := _is_asked_there(person, seat) or _has_voted(person, seat):
        return bar
    if seat.bars.against(seat.assignment.person):
        return Bar(
            Why.BARRED, Sentence("{name} may not decide this, so nobody may in their place.", name=name)
        )
    if not _is_within_limit(seat):
        return Bar(Why.BARRED, Sentence("The approval limit of {name} is not enough for this.", name=name))
    return None


def why_not_in_place(person: Person, seat: Seat) -> Sentence:
    """Why `may_stand_in` bars somebody who is active, as others read it. NOTHING if it does not."""
    if any(one.person_id == person.pk and one.successor(seat.beside) for one in seat.beside):
        return Sentence("Others are asked in the place of {name} in this step.", name=person.name)
    return _why_not(person, seat, is_barred=seat.request.is_made_by(person))


def why_not_instead(person: Person, seat: Seat) -> Sentence:
    """Why somebody who is active cannot be put in the place of whoever is asked, as others read it; NOTHING if they
    can. They may be whoever was asked there before: so it is taken back. The requester may be, where they may decide
    this and no rung names who is asked: a rung never asks them."""
    if _has_place_elsewhere(person, seat):
        return Sentence("Others are asked in the place of {name} in this step.", name=person.name)
    step = seat.definition.approval(seat.assignment.visit.step_key)
    is_on_rung = bool(step.rungs) and (seat.assignment.source or 0) >= step.first_line_of(1)
    is_own = seat.request.is_made_by(person)
    return _why_not(person, seat, is_barred=is_own and (is_on_rung or bool(seat.bars.against(person))))


def _has_place_elsewhere(person: Person, seat: Seat) -> bool:
    """Whether the step names them in another place, where somebody else is asked for them: in two places they would be
    the only one asked once that one leaves, where the step wants two answers."""
    own = [one for one in seat.beside if one.person_id == person.pk and one.in_place_of_id is None]
    return any(one.successor(seat.beside) not in (None, seat.assignment) for one in own)


def _why_not(person: Person, seat: Seat, *, is_barred: bool) -> Sentence:
    """`is_barred`: they made the request, and may not be there."""
    name, owner = person.name, seat.assignment.person
    asked = [one for one in seat.beside if one.person_id == person.pk]
    if seat.definition.approval(seat.assignment.visit.step_key).delegate is False:
        return Sentence("In this step nobody answers in somebody's place.")
    if is_barred:
        return Sentence("{name} made this request, and nobody decides their own.", name=name)
    if step := seat.bars.step_decided_by(person):
        return Sentence(
            "{name} decided “{step}” of this request, so not this one, too.", name=name, step=step
        )
    if any(one.replaced_by is not None for one in asked):
        return Sentence("Others are asked in the place of {name} in this step.", name=name)
    if any(one.state == Assignment.State.OPEN for one in asked):
        return Sentence("{name} is asked in this step already, and nobody has two answers in it.", name=name)
    if any(one.state in Assignment.COUNTED for one in asked) or _has_voted(person, seat):
        return Sentence("{name} has answered in this step, and nobody has two answers in it.", name=name)
    if seat.bars.against(owner):
        return Sentence("{name} may not decide this, so nobody may in their place.", name=owner.name)
    if not _is_within_limit(seat):
        return Sentence("The approval limit of {name} is not enough for this.", name=owner.name)
    return NOTHING


def may_give(by: Person, seat: Seat) -> bool:
    """Whoever is asked, their manager, an owner of the process, or an administrator. Not the requester, who would
    choose who decides, unless it is asked of themself; and no delegate, who passes nothing on."""
    person = Person.objects.get(pk=by.pk)
    owner = seat.assignment.person
    if not person.is_active or seat.definition.approval(seat.assignment.visit.step_key).delegate is False:
        return False
    if person.pk == owner.pk:
        return not seat.bars.against(person)
    leads = owner.manager_id == person.pk or owning.sees_all_of(person, seat.request)
    return leads and not seat.request.is_made_by(person)


def may_reassign(by: Person, seat: Seat) -> bool:
    """An owner of the process or an administrator. Not the requester, who would choose who decides; and not where
    nobody answers in another's place."""
    person = Person.objects.get(pk=by.pk)
    step = seat.definition.approval(seat.assignment.visit.step_key)
    if not person.is_active or step.delegate is False:
        return False
    return owning.sees_all_of(person, seat.request) and not seat.request.is_made_by(person)


def _is_asked_there(person: Person, seat: Seat) -> Bar | None:
    own = [one for one in seat.beside if one.person_id == person.pk]
    if any(one.replaced_by is not None or one.successor(seat.beside) for one in own):
        return Bar(Why.BARRED, Sentence("Others are asked in your place in this step."))
    counting = (Assignment.State.OPEN, *Assignment.COUNTED)
    if any(one.state in counting for one in own):
        return Bar(
            Why.BARRED, Sentence("You are asked in this step yourself, and nobody has two answers in it.")
        )
    return None


def _is_within_limit(seat: Seat) -> bool:
    """Where the step asks whoever's approval limit is enough, that of whoever is asked still has to be: they cannot
    hand on what they do not have."""
    line = line_of(seat)
    if line is None or line.managers is None or line.managers.all:
        return True
    limit = seat.assignment.person.approval_limit
    if seat.assignment.in_place_of is not None:  # the step asks whoever they were put in place of
        limit = seat.assignment.in_place_of.approval_limit
    if limit is None:
        return False
    values = earlier.Values(seat.definition, seat.request)
    seen = {name: values[name] for name in names_in(line.managers.until) if name in values}
    try:
        return holds(line.managers.until, {**seen, whom.LIMIT: float(limit)})
    except ConditionError:
        return False


def line_of(seat: Seat) -> Who | None:
    """The line of `ask` that names whoever is asked."""
    number = seat.assignment.source
    lines = seat.definition.approval(seat.assignment.visit.step_key).lines
    return None if number is None or number >= len(lines) else lines[number]


# --- delegations ------------------------------------------------------------------------------------------


def fitting(seat: Seat, now: datetime, in_force: Iterable[Delegation] | None = None) -> list[Delegation]:
    """The delegations in force that are about this seat, the oldest first. `in_force`: those of whoever is asked,
    where they are known."""
    if in_force is None:
        person = seat.assignment.person_id
        in_force = delegations.in_force_of([person], now).get(person, ())
    absent = seat.assignment.absent_at is not None
    return [
        one
        for one in in_force
        if (absent or one.when != Delegation.When.ABSENT) and is_about(Scope.of(one), seat)
    ]


def is_missed(seat: Seat) -> bool:
    """Whether somebody who is away has to be stood in for: not a member of a group of whom enough are left."""
    line = line_of(seat)
    if line is None or line.group is None:
        return True
    absent = {one.pk for one in seat.beside if one.absent_at is not None} | {seat.assignment.pk}
    step = seat.definition.approval(seat.assignment.visit.step_key)
    return not policy.can_do_without(step, seat.beside, absent)


def is_about(scope: Scope, seat: Seat) -> bool:
    if scope.processes and seat.definition.key not in scope.processes:
        return False
    if scope.groups:
        line = line_of(seat)
        if line is None or line.group not in scope.groups:
            return False
    return scope.amount_below is None or _is_below(scope, seat)


def _is_below(scope: Scope, seat: Seat) -> bool:
    """Every amount of the form, in that currency; where there is none, nobody can say."""
    assert scope.amount_below is not None
    data = seat.request.data if seat.data is None else seat.data
    amounts = list(_amounts(seat.definition, data))
    return bool(amounts) and all(
        currency == scope.currency and abs(amount) < scope.amount_below for amount, currency in amounts
    )


def _amounts(definition: Definition, data: Mapping[str, Any]) -> Iterable[tuple[Decimal, str]]:
    """Of fields, and of each column of a table together."""
    for field in definition.fields:
        value = data.get(field.name)
        if field.type == "money" and value is not None:
            yield _amount(value), value["currency"]
        elif field.type == "table":
            for column in field.columns or ():
                if column.type == "money":
                    yield from _together([row[column.name] for row in value or () if row.get(column.name)])


def _together(values: Sequence[Mapping[str, Any]]) -> Iterable[tuple[Decimal, str]]:
    for currency in sorted({value["currency"] for value in values}):
        # Without signs: a row that takes away makes none smaller.
        yield sum((abs(_amount(one)) for one in values if one["currency"] == currency), Decimal()), currency


def _amount(value: Mapping[str, Any]) -> Decimal:
    return Decimal(value["minor"]).scaleb(-minor_digits(value["currency"]))
