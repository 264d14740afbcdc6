"""Which requests somebody wants to see, of all that they own, and one page of them after the other.

Where no index leads to the requests that fit, they are looked for among so many at a time, and the page says how far
it looked. What some days are asked for is `request_days`. Only what became of requests (`request_traits`) is read of
all days that were counted, where no days are asked for.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.accounts import choosing
from placet.accounts.models import Person
from placet.approvals import owning
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.finding import matching
from placet.approvals.form_parts import FormField
from placet.approvals.form_types import type_of
from placet.approvals.late import late_visits
from placet.approvals.models import Request
from placet.approvals.processes import newest
from placet.designer import request_days, request_now, request_traits
from placet.designer.forms import PLAIN
from placet.designer.request_days import Days
from placet.lib import clock

#: Requests that one page looks through where no index says which ones fit, and where each one's form has to be read.
LOOKED_THROUGH, FORMS_READ = 20_000, 2_000
MOST_WAITING = 5_000  # questions that wait for one person, the newest
AT_ONCE = 500  # requests whose forms are read together
TOGETHER = 200  # requests of a file
MOST_MEANT = 2
ABOVE, BELOW, HAS, IS = "above", "below", "has", "is"
COMPARISONS = {
    HAS: gettext_lazy("contains"),
    IS: gettext_lazy("is"),
    ABOVE: gettext_lazy("is at least"),
    BELOW: gettext_lazy("is at most"),
}
STATES = {
    Request.State.OPEN.value: gettext_lazy("running"),
    Request.State.ENDED.value: gettext_lazy("ended"),
    Request.State.WITHDRAWN.value: gettext_lazy("withdrawn"),
}
RESULTS = {"approved": gettext_lazy("approved"), "rejected": gettext_lazy("rejected")}
PEOPLE_FOUND = "people-found"


class PersonNamedField(forms.CharField):
    """Somebody, by an address or by a name that only they have; they may have left since."""

    widget = forms.TextInput(attrs={**PLAIN, "list": PEOPLE_FOUND})

    def clean(self, value: Any) -> Person | None:
        text = str(super().clean(value) or "").replace("\x00", "")
        if not text:
            return None
        meant = choosing.exactly(text, MOST_MEANT) or choosing.named(text, MOST_MEANT)
        if len(meant) != 1:
            said = (
                _("Several people are called so. Write the address.") if meant else _("Nobody is called so.")
            )
            raise forms.ValidationError(said)
        return meant[0]


class FilterForm(forms.Form):
    """By GET: what is wrong in it filters nothing, and says so."""

    q = forms.CharField(label=gettext_lazy("Words or number"), required=False, max_length=200)
    process = forms.ChoiceField(label=gettext_lazy("Process"), required=False)
    state = forms.ChoiceField(label=gettext_lazy("State"), required=False)
    step = forms.ChoiceField(label=gettext_lazy("In step"), required=False)
    result = forms.ChoiceField(label=gettext_lazy("Result"), required=False)
    asked = PersonNamedField(label=gettext_lazy("Waiting for"), required=False, max_length=choosing.LONGEST)
    requester = PersonNamedField(label=gettext_lazy("Requester"), required=False, max_length=choosing.LONGEST)
    overdue = forms.BooleanField(label=gettext_lazy("Only overdue"), required=False)
    field = forms.ChoiceField(label=gettext_lazy("Field"), required=False)
    how = forms.ChoiceField(label=gettext_lazy("Comparison"), required=False)
    value = forms.CharField(label=gettext_lazy("Value"), required=False, max_length=200)

    def __init__(self, data: Mapping[str, Any], person: Person) -> None:
        super().__init__(data)
        request_days.add_fields(self)
        request_now.add_fields(self)
        self.person = person
        owned = owning.owned_by(person).filter(versions__isnull=False).distinct().order_by("name", "id")
        self.processes = list(owned)
        key = str(data.get("process", ""))
        self.one_process = next((one for one in self.processes if one.key == key), None)
        version = newest(self.one_process) if self.one_process is not None else None
        self.definition: Definition | None = None if version is None else definition_of(version)
        self._offer("process", [(one.key, one.name) for one in self.processes], gettext_lazy("All"))
        self._offer("state", list(STATES.items()), gettext_lazy("Any"))
        self._offer("how", list(COMPARISONS.items()), None)
        self._of_process()
        request_traits.add_fields(self, self.definition)

    def _of_process(self) -> None:
        """What only the version of one process can be asked. Of several only the results that samples and reports
        mean by the same key."""
        if self.definition is None:
            for name in ("step", "field", "how", "value"):
                del self.fields[name]
            self._offer("result", list(RESULTS.items()), gettext_lazy("Any"))
            return
        asking = [
            (key, step.name or key) for key, step in self.definition.steps.items() if step.kind != "end"
        ]
        self._offer("step", asking, gettext_lazy("Any"))
        results: dict[str, Any] = dict(self.definition.result_names)
        former = str(self.data.get("result", ""))
        if former in RESULTS:  # which a version before this one may have had
            results.setdefault(former, RESULTS[former])
        self._offer("result", list(results.items()), gettext_lazy("Any"))
        self._offer("field", [(one.name, one.label) for one in self.fields_offered], gettext_lazy("None"))

    @property
    def fields_offered(self) -> list[FormField]:
        return (
            [] if self.definition is None else [one for one in self.definition.fields if one.type != "table"]
        )

    def _offer(self, name: str, choices: Sequence[tuple[str, Any]], nothing: Any) -> None:
        field: Any = self.fields[name]
        field.choices = [*([("", nothing)] if nothing is not None else []), *choices]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        value = given.get("value", "").strip()
        if (
            given.get("field")
            and given.get("how") in (ABOVE, BELOW)
            and _number(value) is None
            and not _is_day(value)
        ):
            self.add_error("value", _("Write a number, or a day such as 2026-12-31."))
        request_days.check(self, given)
        request_now.check(self, given)
        request_traits.check(self, given)
        return given


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.replace(" ", "").replace("\u00a0", "").replace(",", ".").strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _is_day(text: str) -> bool:
    return len(text) == 10 and text[4] == text[7] == "-"


@dataclass(frozen=True)
class Found:
    """A page of requests. `next`: the id that the next one goes on from, None at the end. `cut_off`: it ends there
    because enough was looked through, and not because it is full."""

    requests: Sequence[Request]
    next: int | None
    cut_off: bool = False


class Requests:
    """What a filter finds, in the order of ids: newest first, or oldest first."""

    def __init__(self, form: FilterForm, *, newest_first: bool = True) -> None:
        """`form`: valid."""
        given = form.cleaned_data
        self._newest_first = newest_first
        self._search = _searched(form)
        self._condition = _Condition.of(form.fields_offered, given)

    def page(self, cursor: int | None, size: int) -> Found:
        """From after the id `cursor` on; None: from the beginning."""
        within, end = self._window(cursor)
        # Ids first: whole rows would be sorted, of which only a few are shown.
        ids = list(within.values_list("pk", flat=True)[: FORMS_READ + 1 if self._condition else size + 1])
        stopped: int | None = None
        if self._condition is not None:
            ids, stopped = self._whose_form_fits(ids, size + 1)
        rows = Request.objects.select_related("version", "requester").in_bulk(ids[:size])
        requests = [rows[pk] for pk in ids[:size] if pk in rows]
        if len(ids) > size:
            return Found(requests, ids[size - 1])
        end = stopped if stopped is not None else end
        return Found(requests, end, cut_off=end is not None)

    def all(self, most: int) -> Iterator[list[Request]]:
        """Some at a time, each read when it is wanted: whoever takes them slowly holds nothing up."""
        cursor: int | None = None
        left = most
        while left > 0:
            found = self.page(cursor, min(TOGETHER, left))
            if found.requests:
                yield list(found.requests)
            left -= len(found.requests)
            cursor = found.next
            if cursor is None:
                return

    def _window(self, cursor: int | None) -> tuple[QuerySet[Request], int | None]:
        """What a page looks through, in order; and the id from after which the next one goes on, None at the end."""
        search = self._search
        if search.ids is not None:
            return self._window_of(search.ids, cursor)
        if search.is_narrow:
            after = {} if cursor is None else {"pk__lt" if self._newest_first else "pk__gt": cursor}
            return search.requests.filter(**after).order_by("-pk" if self._newest_first else "pk"), None
        if self._newest_first:
            newest = Request.objects.aggregate(last=Max("pk"))["last"] or 0
            high = newest + 1 if cursor is None else cursor
            low = high - LOOKED_THROUGH
            more = Request.objects.filter(pk__lt=low).exists()
            return search.requests.filter(pk__gte=low, pk__lt=high).order_by("-pk"), low if more else None
        oldest = Request.objects.aggregate(first=Min("pk"))["first"] or 0
        low = oldest - 1 if cursor is None else cursor
        high = low + LOOKED_THROUGH
        more = Request.objects.filter(pk__gt=high).exists()
        return search.requests.filter(pk__gt=low, pk__lte=high).order_by("pk"), high if more else None

    def _window_of(self, ids: Sequence[int], cursor: int | None) -> tuple[QuerySet[Request], int | None]:
        """The same of requests with these ids, the oldest first."""
        if self._newest_first:
            end = len(ids) if cursor is None else bisect_left(ids, cursor)
            begin = max(end - LOOKED_THROUGH, 0)
            last = ids[begin] if begin else None
        else:
            begin = 0 if cursor is None else bisect_right(ids, cursor)
            end = min(begin + LOOKED_THROUGH, len(ids))
            last = ids[end - 1] if end < len(ids) else None
        within = self._search.requests.filter(pk__in=ids[begin:end])
        return within.order_by("-pk" if self._newest_first else "pk"), last

    def _whose_form_fits(self, ids: Sequence[int], enough: int) -> tuple[list[int], int | None]:
        """And the id up to which was looked, where there are more."""
        assert self._condition is not None
        fitting: list[int] = []
        looked_at = ids[:FORMS_READ]
        for start in range(0, len(looked_at), AT_ONCE):
            some = looked_at[start : start + AT_ONCE]
            forms = dict(Request.objects.filter(pk__in=some).values_list("pk", "data"))
            fitting += [pk for pk in some if pk in forms and self._condition.holds(forms[pk])]
            if len(fitting) >= enough:
                return fitting[:enough], None
        return fitting, looked_at[-1] if len(ids) > FORMS_READ else None


@dataclass(frozen=True)
class _Search:
    """`requests`: that fit, but for `ids`: of those that fit, the oldest first; None: all may. `is_narrow`: an index
    leads to few of them."""

    requests: QuerySet[Request]
    ids: Sequence[int] | None
    is_narrow: bool


def _searched(form: FilterForm) -> _Search:
    given, versions, days = form.cleaned_data, _versions(form), Days.of(form.cleaned_data)
    ids = _ids(form)
    few = days.few(LOOKED_THROUGH) if days is not None and ids is None else None
    if few is not None:
        # Of whom they are is asked here: a database may look for each of them in each version.
        ids = sorted(pk for pk, version in few.items() if versions is None or version in versions)
        requests = Request.objects.all()
    else:
        requests = Request.objects.filter(Q() if days is None else days.fits)
        requests = requests if versions is None else requests.filter(version__in=versions)
    if given["state"]:
        requests = requests.filter(state=given["state"])
    if given.get("result"):
        requests = requests.filter(result=given["result"])
    if given["requester"]:
        requests = requests.filter(requester=given["requester"])
    requests = requests.filter(request_now.fits_age(given[request_now.AGE]))
    requests = requests.filter(request_now.fits_live(given.get("step") or "", given[request_now.TROUBLE]))
    if given["asked"]:
        # Read first: together with the rest a database may look at each visit that there is.
        seats = request_now.seats_of(given["asked"], given.get(request_now.TURN) or "", versions)
        requests = requests.filter(pk__in=list(seats.values_list("visit__request", flat=True)[:MOST_WAITING]))
    if given["overdue"]:
        requests = requests.filter(Exists(late_visits(clock.now()).filter(request=OuterRef("pk"))))
    fits = matching(given["q"]) if given["q"] else Q()
    is_narrow = given["requester"] or given["asked"] or "pk__in" in dict(_leaves(fits))
    return _Search(requests.filter(fits), ids, bool(is_narrow))


def _ids(form: FilterForm) -> list[int] | None:
    """Those that something else leads to than their table, the oldest first; None where nothing does."""
    given = form.cleaned_data
    processes = None if form.person.is_administrator else [process.pk for process in form.processes]
    if form.one_process is not None:
        processes = [form.one_process.pk]
    ended = given[request_days.WHEN] == request_days.ENDED
    first, last = (given[name] if ended else None for name in (request_days.FROM, request_days.TO))
    ids = request_traits.ids(given, processes, first, last)
    in_need = request_now.few_in_need(given[request_now.TROUBLE], LOOKED_THROUGH)
    if ids is None or in_need is None:
        return ids if in_need is None else sorted({*in_need})
    return sorted({*in_need}.intersection(ids))


def _versions(form: FilterForm) -> set[int] | None:
    """Ids of those whose requests may be shown; None: of all."""
    if form.one_process is not None:
        return set(form.one_process.versions.values_list("pk", flat=True))
    return None if form.person.is_administrator else set(owning.owned_versions(form.person))


def _leaves(fits: Q) -> list[tuple[str, Any]]:
    return [child for child in fits.children if isinstance(child, tuple)]


@dataclass(frozen=True)
class _Condition:
    """What a field of the form has to be."""

    field: FormField
    how: str
    value: str

    @classmethod
    def of(cls, fields: Sequence[FormField], given: Mapping[str, Any]) -> "_Condition | None":
        field = next((one for one in fields if one.name == given.get("field")), None)
        return None if field is None else cls(field, given["how"], given["value"].strip())

    def holds(self, data: Mapping[str, Any]) -> bool:
        value = data.get(self.field.name)
        if value is None:
            return self.how == IS and not self.value
        kind = type_of(self.field)
        text = kind.text(value, self.field)
        if self.how == HAS:
            return self.value.casefold() in text.casefold()
        if self.how == IS:
            number = _number(self.value)
            same = text.casefold() == self.value.casefold() or str(value).casefold() == self.value.casefold()
            return same or (number is not None and _as_number(kind.seen(value, self.field)) == number)
        order = self._order(kind.seen(value, self.field), str(value))
        return order is not None and (order >= 0 if self.how == ABOVE else order <= 0)

    def _order(self, seen: Any, text: str) -> int | None:
        """Of a value to the one that was entered; None where they cannot be compared."""
        wanted, number = _number(self.value), _as_number(seen)
        if wanted is not None and number is not None:
            return (number > wanted) - (number < wanted)
        if _is_day(self.value) and _is_day(text[:10]):
            return (text[:10] > self.value) - (text[:10] < self.value)
        return None


def _as_number(seen: Any) -> Decimal | None:
    """As conditions see an amount or a number."""
    is_number = isinstance(seen, int | float) and not isinstance(seen, bool)
    return Decimal(str(seen)) if is_number else None
