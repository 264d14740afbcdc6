"""Requests by how they stand now: how old they are, what is wrong with a step that is live, and what of a request waits
for one person. What waits for single people is asked for only where figures of single people are shown."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from placet.accounts.models import Person
from placet.accounts.person_figures import are_person_figures_shown
from placet.approvals.late import is_late, is_paused
from placet.approvals.models import Assignment, Visit
from placet.lib import clock

AGE, TROUBLE, TURN = "older", "trouble", "turn"  # in an address
#: Requests by age in a table: from so many whole days on, each until the next.
AGES_FROM = (0, 2, 4, 8, 15, 31)
OLDER: Mapping[int, Promise] = {
    1: gettext_lazy("older than 1 day"),
    7: gettext_lazy("older than 7 days"),
    30: gettext_lazy("older than 30 days"),
    90: gettext_lazy("older than 90 days"),
}
STUCK, UNANSWERED = "stuck", "unanswered"
TROUBLES: Mapping[str, Promise] = {
    STUCK: gettext_lazy("stuck: nobody can be asked"),
    UNANSWERED: gettext_lazy("late, and nobody else to ask"),
}
TO_ANSWER, LATE, PAUSED, LONGEST = "answer", "late", "paused", "longest"
TURNS: Mapping[str, Promise] = {
    TO_ANSWER: gettext_lazy("what they can answer now"),
    LATE: gettext_lazy("what they can answer, and is late"),
    LONGEST: gettext_lazy("what they can answer, and waits the longest"),
    PAUSED: gettext_lazy("what is paused until the requester answers"),
}


def ages() -> list[tuple[int, int | None]]:
    """Least and most whole days of each row; None: no end."""
    return [*zip(AGES_FROM, [*(low - 1 for low in AGES_FROM[1:]), None], strict=True)]


def age_key(low: int, high: int | None) -> str:
    """In an address."""
    return f"{low}-{'' if high is None else high}"


def age_in_words(low: int, high: int | None) -> str:
    if high is None:
        return _("{n} days and more").format(n=low)
    if not low:
        return ngettext("up to {n} day", "up to {n} days", high).format(n=high)
    return _("{low} to {high} days").format(low=low, high=high)


def add_fields(form: forms.Form) -> None:
    older = [(str(days), label) for days, label in OLDER.items()]
    between = [(age_key(*bounds), age_in_words(*bounds)) for bounds in ages()]
    form.fields[AGE] = forms.ChoiceField(
        label=gettext_lazy("Age"), required=False, choices=[("", gettext_lazy("Any age")), *older, *between]
    )
    form.fields[TROUBLE] = forms.ChoiceField(
        label=gettext_lazy("In need"), required=False, choices=[("", gettext_lazy("Any")), *TROUBLES.items()]
    )
    if are_person_figures_shown():
        form.fields[TURN] = forms.ChoiceField(
            label=gettext_lazy("Of what waits for them"),
            required=False,
            choices=[("", gettext_lazy("All")), *TURNS.items()],
        )


def check(form: forms.Form, given: Mapping[str, Any]) -> None:
    if TURN not in form.fields and form.data.get(TURN):
        form.add_error("asked", _("Figures of single people are switched off in the Configuration Panel."))
    if given.get(TURN) and given.get("asked") is None and "asked" not in form.errors:
        form.add_error("asked", _("Write for whom it waits."))


def fits_age(asked: str) -> Q:
    """`asked`: what was chosen; "" fits any."""
    low, has_end, high = asked.partition("-")
    if not low:
        return Q()
    now = clock.now()
    if not has_end:
        return Q(created_at__lt=now - timedelta(days=int(low)))
    # Whole days: a request of the future counts as one of today, as in reports.
    fits = Q(created_at__lte=now - timedelta(days=int(low))) if int(low) else Q()
    return fits & Q(created_at__gt=now - timedelta(days=int(high) + 1)) if high else fits


def fits_live(step: str, trouble: str) -> Q:
    """A step that is live, by its key and by what is wrong with it: both of the same visit. "" asks for nothing."""
    if not step and not trouble:
        return Q()
    visits = Visit.objects.filter(request=OuterRef("pk")).order_by()
    if step:
        visits = visits.filter(step_key=step, state__in=Visit.LIVE)
    return Q(Exists(visits.filter(_in_need(trouble))))


def few_in_need(trouble: str, most: int) -> list[int] | None:
    """All requests in need, by their ids; None where they are more than so many, or nothing was asked."""
    if not trouble:
        return None
    visits = Visit.objects.filter(_in_need(trouble)).order_by()
    ids = list(visits.values_list("request", flat=True)[: most + 1])
    return ids if len(ids) <= most else None


def _in_need(trouble: str) -> Q:
    if trouble == STUCK:
        return Q(state=Visit.State.STUCK)
    return Q(state=Visit.State.OPEN) & ~Q(reason="") if trouble else Q()


def seats_of(person: Person, turn: str, versions: Collection[int] | None) -> QuerySet[Assignment]:
    """What waits for somebody: all, or what was chosen of it, in requests of these versions (None: of all). The newest
    first."""
    seats = Assignment.objects.filter(person=person, state=Assignment.State.OPEN).order_by("-id")
    if not turn:
        return seats
    seats = seats.filter(visit__state=Visit.State.OPEN)
    if versions is not None:
        seats = seats.filter(visit__request__version__in=versions)
    if turn == PAUSED:
        return seats.filter(is_paused())
    seats = seats.filter(~is_paused())
    if turn == LATE:
        return seats.filter(is_late(OuterRef("visit"), clock.now()))
    if turn == LONGEST:
        # The oldest id first, which an index has in order; what was asked at the same time may have a greater one.
        first = seats.order_by("id").values_list("created_at", flat=True).first()
        return seats.filter(created_at__lte=first) if first is not None else seats.none()
    return seats
