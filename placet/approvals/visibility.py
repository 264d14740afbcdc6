"""Which requests somebody may see, and what of them: on the pages and by the API alike."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, F, Max, OrderBy, OuterRef, Q, QuerySet

from placet.accounts.models import Person
from placet.approvals import owning
from placet.approvals.definitions import Definition
from placet.approvals.models import Assignment, Delegate, Notified, Request
from placet.approvals.steps import ApprovalStep, NoticeStep

#: The newest requests that are looked at one by one, where no index finds those that fit.
LOOKED_THROUGH = 20_000


def requests_visible_to(person: Person) -> QuerySet[Request]:
    """What a person made, also in somebody's name, was ever asked about or told of, themself or in somebody's place, or
    administers; and all requests of the processes that they own. Nothing else exists for them."""
    if person.is_administrator:
        return Request.objects.all()
    asked = Assignment.objects.filter(visit__request=OuterRef("pk"), person=person)
    notified = Notified.objects.filter(visit__request=OuterRef("pk"), person=person)
    stands_in = Delegate.objects.filter(assignment__visit__request=OuterRef("pk"), person=person)
    sees = Q(requester=person) | Q(started_by=person) | Exists(asked) | Exists(notified) | Exists(stands_in)
    if owned := owning.owned_versions(person):
        sees = Q(version__in=owned) | sees
    return Request.objects.filter(sees)


@dataclass(frozen=True)
class Newest:
    """Ids of requests, newest first. `further`: below which id there may be more; None: there are none."""

    ids: list[int]
    further: int | None


def newest_visible_to(
    person: Person, fits: Q, before: int | None, number: int, *, named: bool = False
) -> Newest:
    """The newest requests, at most so many, that somebody may see and that fit, below an id. Each way to see one is
    asked for by itself, by its index. Of whoever sees all of a process, no more are looked through at once than
    `LOOKED_THROUGH`: where few of them fit there may be fewer than `number`, or none, and more further on. `named`:
    `fits` says by their ids which requests there can be."""
    rows = Request.objects.filter(fits) if before is None else Request.objects.filter(fits, pk__lt=before)
    owned = [] if person.is_administrator else owning.owned_versions(person)
    sees_all = person.is_administrator or bool(owned)
    low = _first_looked_at(before) if sees_all and not named else 0
    every = rows.filter(pk__gte=low)
    ids: set[int] = set()
    if person.is_administrator:
        ids |= _newest(every, number + 1)
    else:
        asked = Assignment.objects.filter(person=person).order_by().values("visit__request")
        notified = Notified.objects.filter(person=person).order_by().values("visit__request")
        stands_in = Delegate.objects.filter(person=person).order_by().values("assignment__visit__request")
        ids |= _newest(rows.filter(requester=person), number + 1)
        ids |= _newest(rows.filter(started_by=person), number + 1)
        ids |= _newest(rows.filter(pk__in=asked.union(notified, stands_in)), number + 1, _NOT_BY_ID)
        ids |= _newest(every.filter(version__in=owned), number + 1) if owned else set()
    newest = sorted((pk for pk in ids if pk >= low), reverse=True)
    if len(newest) > number:
        return Newest(newest[:number], newest[number - 1])
    return Newest(newest, low or None)


def _first_looked_at(before: int | None) -> int:
    if before is None:
        before = (Request.objects.aggregate(last=Max("pk"))["last"] or 0) + 1
    return max(0, before - LOOKED_THROUGH)


#: The same order, which no index has: a database that could go down the ids would look at every request for those of
#: somebody, and not at somebody's for the newest.
_NOT_BY_ID = (F("pk") + 0).desc()


def _newest(rows: QuerySet[Request], number: int, order: OrderBy | str = "-pk") -> set[int]:
    return set(rows.order_by(order).values_list("pk", flat=True)[:number])


def hidden_from(person: Person, request: Request, definition: Definition) -> frozenset[str]:
    """The fields that none of the steps shows that somebody was asked or told in. Whoever made a request, owns its
    process, or administers, sees all of it."""
    return hidden_in_each(person, [(request, definition)])[request.pk]


def hidden_in_each(
    person: Person, requests: Sequence[tuple[Request, Definition]]
) -> dict[int, frozenset[str]]:
    """The same of several requests, by their ids, with as many queries as of one."""
    hidden: dict[int, frozenset[str]] = {request.pk: frozenset() for request, _definition in requests}
    hiding = [one for one in requests if _hides(one[1]) and not one[0].is_made_by(person)]
    if not hiding or person.is_administrator:
        return hidden
    owned = owning.owned_versions(person)
    hiding = [one for one in hiding if one[0].version_id not in owned]
    steps = _steps_of(person, [request.pk for request, _definition in hiding]) if hiding else {}
    for request, definition in hiding:
        in_steps = [definition.hidden_in(key) for key in steps.get(request.pk, ())]
        every = frozenset(one.name for one in definition.fields)
        hidden[request.pk] = frozenset.intersection(*in_steps) if in_steps else every
    return hidden


def _hides(definition: Definition) -> bool:
    return any(
        isinstance(step, ApprovalStep | NoticeStep) and step.form is not None
        for step in definition.steps.values()
    )


def _steps_of(person: Person, requests: Sequence[int]) -> dict[int, set[str]]:
    """The steps that somebody was asked or told in, themself or in somebody's place, by request."""
    asked = Assignment.objects.filter(visit__request__in=requests, person=person)
    notified = Notified.objects.filter(visit__request__in=requests, person=person)
    stands_in = Delegate.objects.filter(assignment__visit__request__in=requests, person=person)
    rows = (
        asked.order_by()
        .values_list("visit__request", "visit__step_key")
        .union(
            notified.order_by().values_list("visit__request", "visit__step_key"),
            stands_in.order_by().values_list("assignment__visit__request", "assignment__visit__step_key"),
        )
    )
    steps: dict[int, set[str]] = {}
    for request, key in rows:
        steps.setdefault(request, set()).add(key)
    return steps
