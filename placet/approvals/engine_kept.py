"""Which decisions of an earlier visit of a step still count in a new one. Called by `placet.approvals.engine`, which
holds the request's lock.

    keep             seats decisions in a new visit: their people are not asked there, and the rule counts what they
                     decided
    keep_unaffected  the same of those that nothing speaks against after the requester revised the request

A seat with such a decision is `KEPT`. It has no mail and no reply code; whoever looks at who decided a step, or at who
may decide another one, sees it as that person's decision (`Assignment.counted`, `placet.approvals.counted`). A decision
is kept for the seat that it was given to, and only while the step still names whoever has that seat and lets them
decide it, and whoever decided in their place, too.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import prefetch_related_objects

from placet.accounts.models import Person
from placet.approvals import engine_asks, record, whom
from placet.approvals.counted import counted_by_visit
from placet.approvals.definitions import Definition
from placet.approvals.engine_revisions import data_at
from placet.approvals.form import condition_values, lacks_what_is_entered
from placet.approvals.form_types import seen_values
from placet.approvals.models import Assignment, Decision, Request, Visit
from placet.approvals.outcomes import REVISED, Condition
from placet.approvals.record import note
from placet.approvals.returns import NOW, WAS
from placet.approvals.steps import ApprovalStep
from placet.lib import rows
from placet.lib.conditions import ConditionError, holds, names_in


def keep(
    request: Request, definition: Definition, visit: Visit, decisions: Iterable[Decision]
) -> list[Assignment]:
    """Seats in `visit`, before anybody is asked there, for these decisions of earlier visits of the same step. Those
    that cannot count are left out: their people are asked like others. Called again it keeps what is not kept yet."""
    beside = list(visit.assignments.select_related("person", "decision", "kept"))
    seated = {seat.person_id for seat in beside}
    new = {one.assignment.person_id: one for one in decisions if one.assignment.person_id not in seated}
    lines = _still_named(request, definition, visit, beside, list(new.values())) if new else {}
    able = _able(request, definition, visit, [new[person].by_person_id for person in lines])
    kept = [
        Assignment(
            visit=visit, person=decision.assignment.person, source=lines[person],
            state=Assignment.State.KEPT, kept=decision, in_place_of_id=decision.assignment.in_place_of_id,
        )
        for person, decision in new.items()
        if person in lines and decision.by_person_id in able
    ]  # fmt: skip
    rows.insert(kept)
    for seat in kept:
        note(request, None, "kept", at=seat.created_at, **record.kept(seat))
    return kept


def _still_named(
    request: Request,
    definition: Definition,
    visit: Visit,
    beside: Sequence[Assignment],
    decisions: Sequence[Decision],
) -> Mapping[int, int]:
    """The line of `ask` that names each of those who are still asked here, by person. They are looked up as if they
    were asked already, so whoever was picked from a group stays its pick."""
    seats = [
        Assignment(
            visit=visit,
            person=one.assignment.person,
            source=one.assignment.source,
            in_place_of_id=one.assignment.in_place_of_id,
        )
        for one in decisions
    ]
    wanted, _new = engine_asks.whom_to_ask(request, definition, visit, [*beside, *seats])
    named = {person.pk for person in wanted.people}
    return {seat.person_id: wanted.lines[seat.person_id] for seat in seats if seat.person_id in named}


def _able(request: Request, definition: Definition, visit: Visit, people: Collection[int]) -> set[int]:
    """Those of them who may still decide the step: they are there, and decided none that is kept apart from it."""
    bars = whom.Bars(request, definition, visit.step_key)
    active = Person.objects.filter(pk__in=people, is_active=True) if people else ()
    return {person.pk for person in active if not bars.against(person)}


# --- after a revision -------------------------------------------------------------------------------------


def keep_unaffected(request: Request, definition: Definition, visit: Visit) -> None:
    """Whoever granted what is asked for in the last visit of this step is not asked again, if what the requester
    changed since does not concern them. Nothing where nobody sent the request back in between, or everybody is to be
    asked again."""
    before = _visit_before(request, visit) if definition.revise_keys else None
    if before is None:
        return
    revised = _revised_since(request, definition, before)
    if revised and all(step.keeps for step in revised):
        step = definition.approval(visit.step_key)
        granted = [
            one for one in counted_by_visit([before.pk])[before.pk] if step.outcome(one.outcome).is_granted
        ]
        prefetch_related_objects(granted, "assignment__person", "assignment__visit")
        stays = _Stays(request, definition, visit.step_key, [one.keep_if for one in revised])
        keep(request, definition, visit, stays.of(granted))


def _visit_before(request: Request, visit: Visit) -> Visit | None:
    earlier = request.visits.filter(step_key=visit.step_key, round__lt=visit.round)
    return earlier.exclude(closed_at=None).order_by("-round").first()


def _revised_since(request: Request, definition: Definition, before: Visit) -> list[ApprovalStep]:
    """The steps in which the requester answered since a visit ended, as often as they did."""
    visits = request.visits.filter(
        step_key__in=definition.revise_keys, state=Visit.State.CLOSED, result=REVISED, pk__gt=before.pk
    )
    # Of one that stood beside it, in another branch, it saw a part: that is no reason to keep anything.
    visits = visits.filter(opened_at__gte=before.closed_at)
    return [definition.approval(key) for key in visits.values_list("step_key", flat=True)]


class _Stays:
    """Whether a decision still counts: what its step shows and what its conditions read is as it was, or the process
    says that it may be otherwise. Nobody's does where the form now needs something that the step's people enter."""

    def __init__(
        self, request: Request, definition: Definition, step_key: str, keep_if: Sequence[str | None]
    ) -> None:
        self._request, self._definition, self._keep_if = request, definition, keep_if
        self._step_key, self._seen = step_key, _fields_seen(definition, step_key)

    def of(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Those of them that still count."""
        if not decisions or lacks_what_is_entered(self._definition, self._step_key, self._request.data):
            return []
        seen = self._revisions_of(decisions)
        data = {number: data_at(self._request, number) for number in {*seen.values()}}
        return [one for one in decisions if self._holds(data[seen[one.pk]])]

    def _revisions_of(self, decisions: Sequence[Decision]) -> Mapping[int, int]:
        """By decision. With what was entered beside it: whoever decided saw that, too."""
        seats = [one.assignment_id for one in decisions]
        own = self._request.revisions.filter(assignment__in=seats).values_list("assignment", "number")
        entered = dict(own)
        return {one.pk: entered.get(one.assignment_id, one.revision) for one in decisions}

    def _holds(self, was: Mapping[str, Any]) -> bool:
        now = self._request.data
        same = all(_content(was.get(name)) == _content(now.get(name)) for name in self._seen)
        return same or all(one is not None and self._may_be_otherwise(one, was, now) for one in self._keep_if)

    def _may_be_otherwise(self, condition: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
        """Not where that cannot be said."""
        seen = {name: condition_values(self._definition, data) for name, data in ((WAS, was), (NOW, now))}
        try:
            return holds(condition, seen)
        except ConditionError:
            return False


def _fields_seen(definition: Definition, step_key: str) -> frozenset[str]:
    """The fields that a step shows, and those that its conditions read."""
    hidden, read = definition.hidden_in(step_key), {*_names_read(definition, step_key)}
    return frozenset(
        one.name
        for one in definition.fields
        if one.name not in hidden or seen_values(one, None).keys() & read
    )


def _names_read(definition: Definition, step_key: str) -> Iterator[str]:
    step = definition.approval(step_key)
    sources = [
        *(way.when for way in definition.transitions if way.from_ == step_key),
        *(one.comment.when for one in step.outcomes if isinstance(one.comment, Condition)),
    ]
    for who in step.lines:
        sources += [who.if_, who.expression, *(who.with_ or {}).values()]
        sources += [who.managers.until] if who.managers is not None else []
    for source in sources:
        yield from names_in(source) if source is not None else ()


def _content(value: Any) -> Any:
    """As it is read: of files what they are called and what stands in them, and not which rows hold them."""
    if isinstance(value, list):
        return [(one["name"], one["sha256"]) if _is_file(one) else one for one in value]
    return value


def _is_file(value: Any) -> bool:
    return isinstance(value, Mapping) and {"name", "sha256"} <= value.keys()
