"""Every number of every page of reports is opened, and what is listed then is what was counted, by hand."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import product
from typing import Any

from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lxml import html

from placet.accounts.models import Installation, Person
from placet.approvals import owning
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, Process, Request, Timer, Visit
from placet.designer.request_filter import FilterForm, Requests
from placet.portal.path import CHANNELS
from placet.replies.reasons import REASONS
from placet.reports.amounts import rounded
from placet.reports.parts import Part
from placet.reports.selection import Selection, selection_of
from placet.reports.tables import Cell
from placet.reports.views import REPORTS
from tests.reports.by_hand import ZONE, EndedRequest, ended_requests, local

#: Columns whose numbers open nothing, and why.
UNLINKED = {
    "Share": "of what is linked beside it",
    "Share of approved": "of what is linked beside it",
    "Share of all waiting": "of time, and not of requests; what waited is linked beside it",
    "Absence": "a day",
}
MEASURES = {
    "Working time: half", "Working time: 85\u00a0%", "Calendar time: half", "Calendar time: 85\u00a0%",
    "Half", "85\u00a0%", "Half waited at most", "85\u00a0% waited at most", "The oldest",
}  # fmt: skip
Count = Callable[[Any], int]


def everything_that_is_counted_opens_its_list(person: Person) -> None:
    client, listed_of = Client(), Counter[str]()
    client.force_login(person)
    everything = selection_of(person, {})
    selections = [everything, *(replace(everything, process=one, days=30) for one in everything.processes)]
    by_hand = ByHand()
    for one, selection in product(REPORTS, selections):
        answer = client.get(f"{reverse(one.address)}?{selection.query}")
        page = html.fromstring(answer.content.decode())
        sections = page.xpath('//section[@class="report-part"]')
        for section, part in zip(sections, answer.context["parts"], strict=True):
            the_note_is_linked(section)
            for cell, column, row in numbers(section, part):
                place = f"{one.key}, {part.table.key}, {column}, {row}: {cell.text} {cell.note}"
                if not cell.link:
                    assert column in UNLINKED or cell.text == "0", f"{place} opens nothing"
                    continue
                counted = by_hand.of(selection, part.table.key, column, row, cell)
                assert listed(cell.link, person) == {*counted}, place
                counts_what_it_says(cell, column, counted, place)
                listed_of[f"{part.table.key}: {column}"] += 1
            the_chart_opens_the_same(section, part)
    assert len(listed_of) > 40, listed_of


def numbers(section: Any, part: Part) -> Iterator[tuple[Cell, str, Any]]:
    """Cells of a table that have a number, as the page shows them, each with its column and its row's first value."""
    rows = section.xpath(".//tbody/tr")
    for shown, row in zip(rows, part.rows, strict=True):
        first = row[0][0]
        for element, (cell, column) in zip(shown.xpath("./td"), row[1:], strict=True):
            text = " ".join(element.text_content().split())
            if column.only_drawn or not re.search(r"\d", text):
                continue
            links = element.xpath(".//a/@href")
            assert text == f"{cell.text} {cell.note}".strip() and links == [cell.link][: bool(cell.link)]
            yield cell, column.label, first.text if first.value is None else first.value


def the_note_is_linked(section: Any) -> None:
    for note in section.xpath('./p[@class="quiet"]'):
        texts = note.xpath("./text()")
        assert not re.search(r"[1-9]", "".join(texts)), note.text_content()


def the_chart_opens_the_same(section: Any, part: Part) -> None:
    drawn = {*section.xpath('.//*[name()="svg"]//a/@href')}
    cells = {cell.link for row in part.table.rows for cell in row}
    assert drawn <= cells, (part.title, drawn - cells)
    if not part.is_picture:
        marks = section.xpath('.//svg//*[name()="rect" or name()="circle"][title]')
        assert [mark for mark in marks if mark.getparent().tag != "a"] == [], part.title


def counts_what_it_says(cell: Cell, column: str, counted: Mapping[int, int], place: str) -> None:
    """As many as are listed, or it says in how many requests."""
    if column in MEASURES:
        return
    assert cell.value == sum(counted.values()), place
    if column == "Deadlines missed":  # of days, on which a request may stand more than once; the page says so
        return
    in_requests = re.findall(r"\d+", cell.note)
    assert int(in_requests[0] if in_requests else cell.text) == len(counted), place


def listed(link: str, person: Person) -> set[int]:
    form = FilterForm(QueryDict(link.partition("?")[2]), person)
    assert form.is_valid(), (link, form.errors)
    return {one.pk for some in Requests(form).all(10_000) for one in some}


# --- by hand ----------------------------------------------------------------------------------------------


@dataclass
class ByHand:
    """Which requests each cell is about, and how often it counts each of them."""

    @cached_property
    def ended(self) -> Sequence[EndedRequest]:
        return ended_requests()

    def of(self, selection: Selection, table: str, column: str, row: Any, cell: Cell) -> dict[int, int]:
        of_now = {"ages": self._age, "people": self._person}
        if table in of_now:
            return of_now[table](selection, column, row)
        if table == "steps" and column in ("Open now", "Stuck now"):
            return self._live(selection, column, row)
        if column in ("Came in", "Went out", "Open at its end", "Deadlines missed"):
            return self._week(selection, column, row)
        count = self._count(table, column, row, cell.value)
        some = [
            one
            for one in self.ended
            if selection.first <= one.day <= selection.last
            and (selection.process is None or selection.process.name == one.process)
        ]
        return {one.pk: count(one) for one in some if count(one)}

    def _count(self, table: str, column: str, row: Any, value: Any) -> Count:
        """How often a request that ended is counted."""
        if table == "rules":
            return lambda one: one.rules[column] if one.process == row else 0
        if column in MEASURES or column in ("Requests that ended", "Steps answered"):
            return lambda one: self._long(one, table, column, row, value)
        if table in ("weeks", "reasons", "rounds"):
            return lambda one: self._good(one, table, column, row) if one.is_good else 0
        if table == "channels":
            (channel,) = [key for key, words in CHANNELS.items() if words == row]
            return lambda one: one.channels[channel]
        if table == "refused":
            (reason,) = [key for key, words in REASONS.items() if words == row]
            return lambda one: one.refused.count(reason)
        return lambda one: {
            "Times": len(one.waited.get(row, [])),
            "Late": one.late[row],
            "Stuck": one.stuck[row],
            "Questions back": one.asked_back[row],
        }[column]

    def _long(self, one: EndedRequest, table: str, column: str, row: Any, value: Any) -> int:
        """How many lengths of time it has that are as long, or, where no length is meant, that are counted."""
        if table == "first":
            lengths = one.first_answers if one.week == row else []
        elif table == "steps":
            lengths = one.waited.get(row, [])
        elif one.was_withdrawn or row not in (one.week, one.process):
            lengths = []
        else:
            lengths = [one.calendar if "Calendar" in column else one.worked]
        return sum(column not in MEASURES or rounded(length) >= value for length in lengths)

    def _good(self, one: EndedRequest, table: str, column: str, row: Any) -> int:
        if table == "weeks":
            return bool(one.week == row and (column == "Approved" or one.was_right_at_once))
        if table == "rounds":
            return bool(one.sent_back == row)
        return {
            "sent back to the requester": bool(one.sent_back),
            "the requester was asked something": bool(one.asked_back.total()),
            "a reply did not count": one.had_a_reply_to_do_again,
        }[row]

    # --- now ------------------------------------------------------------------------------------------------

    def _age(self, selection: Selection, _column: str, row: str) -> dict[int, int]:
        low, high = {
            "up to 1 day": (0, 1), "2 to 3 days": (2, 3), "4 to 7 days": (4, 7), "8 to 14 days": (8, 14),
            "15 to 30 days": (15, 30), "31 days and more": (31, 10_000),
        }[row]  # fmt: skip
        now = timezone.now()
        return {
            one.pk: 1
            for one in _all(selection)
            if one.state == "open" and low <= (now - one.created_at).days <= high
        }

    def _live(self, selection: Selection, column: str, row: str) -> dict[int, int]:
        states = ["stuck"] if column == "Stuck now" else Visit.LIVE
        visits = Visit.objects.filter(state__in=states, request__in=_all(selection)).select_related(
            "request__version"
        )
        return dict(
            Counter(
                visit.request_id
                for visit in visits
                if definition_of(visit.request.version).steps[visit.step_key].name == row
            )
        )

    def _week(self, selection: Selection, column: str, row: str) -> dict[int, int]:
        """On those of its days that belong to the period."""
        begin = datetime.fromisoformat(row).replace(tzinfo=ZONE)
        first, last = (
            max(begin.date(), selection.first),
            min(begin.date() + timedelta(days=6), selection.last),
        )

        def is_of_week(moment: datetime | None) -> bool:
            return moment is not None and first <= local(moment).date() <= last

        def ran(one: Request) -> bool:
            started = local(one.created_at).date() <= last
            return started and (one.closed_at is None or local(one.closed_at).date() > last)

        missed = Counter(
            timer.visit.request_id
            for timer in Timer.objects.filter(what="due", state="acted").select_related("visit")
            if is_of_week(timer.at)
        )
        counts: dict[str, Callable[[Request], int]] = {
            "Came in": lambda one: is_of_week(one.created_at),
            "Went out": lambda one: is_of_week(one.closed_at),
            "Open at its end": ran,
            "Deadlines missed": lambda one: missed[one.pk],
        }
        return {one.pk: counts[column](one) for one in _all(selection) if counts[column](one)}

    def _person(self, selection: Selection, column: str, row: str) -> dict[int, int]:
        now, seats = timezone.now(), Counter[int]()
        waiting: list[Assignment] = []
        for seat in Assignment.objects.filter(
            person__name=row, state="open", visit__state="open", visit__request__in=_all(selection)
        ).select_related("visit"):
            questions = seat.visit.clarifications.filter(state="open")
            if any(one.pauses or one.assignment_id == seat.pk for one in questions):
                seats[seat.visit.request_id] += column == "Paused"
                continue
            late = seat.visit.timers.filter(what="due", at__lte=now, state__in=["waiting", "acted"]).exists()
            seats[seat.visit.request_id] += column == "Answers to give" or (column == "Late" and late)
            waiting.append(seat)
        if column == "The oldest":
            oldest = min(seat.created_at for seat in waiting)
            return {seat.visit.request_id: 1 for seat in waiting if seat.created_at == oldest}
        return {pk: count for pk, count in seats.items() if count}


def _all(selection: Selection) -> Sequence[Request]:
    return [
        one
        for one in Request.objects.select_related("version__process")
        if selection.process in (None, one.version.process)
    ]


# --- for whom ---------------------------------------------------------------------------------------------


def nobody_sees_more_by_a_list(administrator: Person, owner: Person) -> None:
    """Links of figures of all processes, opened by the owner of one; and their own figures have their own lists."""
    theirs = Process.objects.get(key="desk")
    owning.add_owner(theirs, owner)
    own = {one.pk for one in Request.objects.filter(version__process=theirs)}
    selection = selection_of(administrator, {})
    links = {
        cell.link
        for one in REPORTS
        for part in one.make(selection)
        for row in part.table.rows
        for cell in row
        if cell.link and "process=" not in cell.link
    }
    seen: set[int] = set()
    for link in links:
        of_owner = listed(link, owner)
        assert of_owner <= own
        seen |= of_owner
    assert seen and len(links) > 50
    other = FilterForm({"process": "trip", "happened": "late:boss"}, owner)
    assert not other.is_valid()
    for one in REPORTS:
        for part in one.make(selection_of(owner, {})):
            for row in part.table.rows:
                for cell, column in zip(row, part.table.columns, strict=True):
                    if cell.link and column.is_number and column.label not in MEASURES and not cell.note:
                        many = column.label == "Deadlines missed"
                        assert many or len(listed(cell.link, owner)) == cell.value, (one.key, column.label)
    owning.remove_owner(theirs, owner)


def nor_is_one_listed(administrator: Person) -> None:
    """Where figures of people are off: not by an address that somebody kept either."""
    assert not Installation.objects.get(id=1).person_figures
    client, page = Client(), reverse("designer:requests")
    client.force_login(administrator)
    for turn in ("answer", "late", "paused", "longest"):
        kept = client.get(page, {"asked": "bob@contoso.example", "turn": turn})
        assert kept.status_code == 422 and not kept.context["rows"]
        assert "switched off" in kept.content.decode()
    assert 'name="turn"' not in client.get(page).content.decode()
