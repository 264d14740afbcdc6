"""Every figure of the reports, against the same one found by hand from the rows of a random world."""

import html
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import pytest
import time_machine
from django.db.models import F
from django.utils import timezone
from django.utils.html import strip_tags

from placet.accounts.models import Installation, Person
from placet.approvals.definitions import definition_of
from placet.approvals.models import (
    Assignment,
    Clarification,
    Decision,
    Delegate,
    Process,
    Request,
    Timer,
    UndoneDecision,
    Visit,
)
from placet.audit.models import AuditEntry
from placet.designer.models import DayTraits
from placet.reports import report_now, report_quality, report_times, work
from placet.reports.amounts import rounded
from placet.reports.models import CountedDay, DaySums, OpenSeats
from placet.reports.parts import Part
from placet.reports.selection import Selection, selection_of
from placet.reports.tables import Table
from tests import clocks
from tests.making import analysed
from tests.reports import world
from tests.reports.by_hand import ZONE, entries, forget, local, monday, refused, worked
from tests.reports.lists import (
    everything_that_is_counted_opens_its_list,
    listed,
    nobody_sees_more_by_a_list,
    nor_is_one_listed,
)

pytestmark = pytest.mark.django_db
mail_is_read = clocks.mail_is_read
SEEDS = (1, 2)


@pytest.mark.long
@pytest.mark.parametrize("random_world", SEEDS)
def test_every_figure_is_what_one_finds_by_hand(random_world: int) -> None:
    """One world for all of them: it takes longer to make than to look at."""
    forget()
    ended = world.make(random_world)
    analysed()
    with time_machine.travel(ended, tick=False):
        while days := work.due(100):
            for day in days:
                work.work(day)
        everything = selection_of(Person.objects.get(email="ada@contoso.example"), {})
        the_world_holds_what_is_counted()
        for check in (durations_are, steps_are, passes_are, answers_are, rules_are):
            check(everything)
        for check_at in (trend_is, people_are):
            check_at(everything, ended)
        everything_that_is_counted_opens_its_list(everything.person)
        nobody_sees_more_by_a_list(everything.person, Person.objects.get(email="dave@contoso.example"))
        what_is_counted_again_is_the_same()
        without_figures_of_people_none_is_kept()
        nor_is_one_listed(everything.person)
        days_that_are_over_are_counted_no_more(ended)


def selections(everything: Selection) -> Sequence[Selection]:
    """All processes, and each alone."""
    return [everything, *(replace(everything, process=one) for one in everything.processes)]


# --- by hand ----------------------------------------------------------------------------------------------


def requests(selection: Selection) -> Sequence[Request]:
    """Those that ended in the period."""
    of = Request.objects.exclude(state="open").select_related("version__process")
    return [
        one
        for one in of
        if one.closed_at is not None
        and selection.first <= local(one.closed_at).date() <= selection.last
        and selection.process in (None, one.version.process)
    ]


def nearest_rank(amounts: Sequence[timedelta], percent: int) -> int | str:
    ordered = sorted(amounts)
    return rounded(ordered[ceil(percent * len(ordered) / 100) - 1]) if ordered else ""


def percent(part: int, whole: int) -> int | str:
    return round(100 * part / whole) if whole else ""


def table(parts: Sequence[Part], key: str) -> Table:
    (part,) = [part for part in parts if part.table.key == key]
    return part.table


def values(parts: Sequence[Part], key: str) -> dict[Any, list[Any]]:
    """By the first column."""
    found = table(parts, key)
    kept = [at for at, column in enumerate(found.columns) if not column.only_drawn]
    rows = [[row[at].text if row[at].value is None else row[at].value for at in kept] for row in found.rows]
    return {row[0]: row[1:] for row in rows}


def links(note: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(r'href="([^"]+)"', note)]


# --- each report ------------------------------------------------------------------------------------------


def the_world_holds_what_is_counted() -> None:
    """Else nothing below would be a test."""
    events = Counter(entry.what["event"] for entry in AuditEntry.objects.all())
    for event in (
        "stuck",
        "stopped",
        "escalated",
        "expired",
        "undone",
        "asked back",
        "reply refused",
        "tried again",
    ):
        assert events[event], event
    assert Decision.objects.exclude(by_person=F("assignment__person")).exists()
    assert Request.objects.exclude(state="open").count() > 60
    assert Assignment.objects.filter(state="open").count() > 5
    assert {"approved", "rejected", "lapsed", "late"} <= {*Request.objects.values_list("result", flat=True)}


def durations_are(everything: Selection) -> None:
    for selection in selections(everything):
        parts = report_times.durations(selection)
        by_week: dict[str, list[Request]] = defaultdict(list)
        by_process: dict[str, list[Request]] = defaultdict(list)
        for one in requests(selection):
            if one.state == "ended":
                assert one.closed_at is not None
                by_week[monday(one.closed_at)].append(one)
                by_process[one.version.process.name].append(one)
        weeks = values(parts, "weeks")
        assert {week: row for week, row in weeks.items() if row[0]} == {
            week: durations(some) for week, some in by_week.items()
        }
        assert {key: row for key, row in values(parts, "processes").items() if row[0]} == {
            key: durations(some) for key, some in by_process.items()
        }


def durations(some: Sequence[Request]) -> list[Any]:
    pairs = [(one.created_at, one.closed_at or one.created_at, one) for one in some]
    by_clock = [end - start for start, end, _one in pairs]
    by_work = [worked(one, start, end) for start, end, one in pairs]
    return [
        len(some), nearest_rank(by_work, 50), nearest_rank(by_work, 85),
        nearest_rank(by_clock, 50), nearest_rank(by_clock, 85),
    ]  # fmt: skip


def steps_are(everything: Selection) -> None:
    for process in everything.processes:
        selection = replace(everything, process=process)
        waited: dict[str, list[timedelta]] = defaultdict(list)
        counted: dict[str, Counter[str]] = defaultdict(Counter)
        minutes: Counter[str] = Counter()
        for one in requests(selection):
            for visit in one.visits.all():
                name = definition_of(one.version).steps[visit.step_key].name
                counted[name]["asked"] += visit.clarifications.count()
                counted[name]["late"] += visit.timers.filter(what="due", state="acted").exists()
                if visit.state == "closed" and visit.closed_at and visit.result != "withdrawn":
                    amount = worked(one, visit.opened_at, visit.closed_at)
                    waited[name].append(amount)
                    minutes[name] += round(amount.total_seconds() / 60)
            for entry in entries("stuck", one):
                name = definition_of(one.version).steps[entry.what["step"]].name
                counted[name]["stuck"] += 1
        live = Visit.objects.filter(state__in=Visit.LIVE, request__version__process=process)
        rows = values(report_times.steps(selection), "steps")
        assert rows.keys() >= waited.keys()
        for name, row in rows.items():
            keys = [key for key, step in definition_of(newest(process)).steps.items() if step.name == name]
            of_step = live.filter(step_key__in=keys)
            assert row == [
                round(100 * minutes[name] / minutes.total()), nearest_rank(waited[name], 50),
                nearest_rank(waited[name], 85), len(waited[name]), counted[name]["late"], counted[name]["stuck"],
                counted[name]["asked"], of_step.count(), of_step.filter(state="stuck").count(),
            ]  # fmt: skip


def newest(process: Process) -> Any:
    return process.versions.order_by("-number")[0]


def passes_are(everything: Selection) -> None:
    for selection in selections(everything):
        good = [one for one in requests(selection) if one.state == "ended" and one.result == "approved"]
        weeks: dict[str, list[bool]] = defaultdict(list)
        reasons: Counter[str] = Counter()
        rounds: Counter[int] = Counter()
        for one in good:
            backs = sum("changes" in visit.step_key for visit in one.visits.all())
            asked = Clarification.objects.filter(visit__request=one).exists()
            again = bool({*refused(one)} - {"already_decided", "help_asked"})
            assert one.closed_at is not None
            weeks[monday(one.closed_at)].append(not (backs or asked or again))
            rounds[backs] += 1
            reasons.update({"sent": bool(backs), "asked": asked, "refused": again})
        parts = report_quality.passes(selection)
        assert {week: row for week, row in values(parts, "weeks").items() if row[0]} == {
            week: [len(some), sum(some), percent(sum(some), len(some))] for week, some in weeks.items()
        }
        assert [*values(parts, "reasons").values()] == [
            [reasons[key], percent(reasons[key], len(good))] for key in ("sent", "asked", "refused")
        ]
        assert values(parts, "rounds") == {
            backs: [count, percent(count, len(good))] for backs, count in rounds.items()
        }


def answers_are(everything: Selection) -> None:
    for selection in selections(everything):
        channels: Counter[str] = Counter()
        weeks: dict[str, list[timedelta]] = defaultdict(list)
        reasons: Counter[str] = Counter()
        for one in requests(selection):
            reasons.update(refused(one))
            for visit in one.visits.all():
                answers = Decision.objects.filter(assignment__visit=visit).order_by("at")
                channels.update(answer.channel for answer in answers)
                if answers:
                    assert one.closed_at is not None
                    weeks[monday(one.closed_at)].append(worked(one, visit.opened_at, answers[0].at))
        parts = report_quality.answers(selection)
        assert [*values(parts, "channels").values()] == [
            [channels[channel], percent(channels[channel], channels.total())]
            for channel in ("mail", "page", "api")
        ]
        assert {week: row for week, row in values(parts, "first").items() if row[0]} == {
            week: [len(some), nearest_rank(some, 50), nearest_rank(some, 85)] for week, some in weeks.items()
        }
        replies = channels["mail"] + reasons.total()
        assert sorted(values(parts, "refused").values()) == sorted(
            [count, percent(count, replies)] for count in reasons.values()
        )
        (note,) = [part.note for part in parts if part.table.key == "refused"]
        assert f"Of {replies} replies by mail {percent(reasons['unclear'], replies)} %" in strip_tags(note)
        some = requests(selection)
        by_mail = {
            one.pk for one in some if Decision.objects.filter(channel="mail", assignment__visit__request=one)
        }
        lists = [listed(link, everything.person) for link in links(note)]
        assert lists[0] == by_mail | {one.pk for one in some if refused(one)}
        assert (
            lists[1:] == [{one.pk for one in some if "unclear" in refused(one)}][: bool(reasons["unclear"])]
        )


def rules_are(everything: Selection) -> None:
    for selection in selections(everything):
        rows = values(report_quality.rules(selection), "rules")
        for process in selection.shown:
            some = requests(replace(selection, process=process))
            seats = Assignment.objects.filter(visit__request__in=some)
            answers = Decision.objects.filter(assignment__in=seats).select_related("assignment")
            by_hand = [
                entry
                for one in some
                for event in ("tried again", "withdrawn")
                for entry in entries(event, one)
                if entry.who == f"person:{Person.objects.get(email='ada@contoso.example').pk}"
            ]
            barred = Delegate.objects.filter(assignment__in=seats, reason="barred").count()
            assert rows[process.name] == [
                len(some),
                sum(one.by_person_id != one.assignment.person_id for one in answers),
                len(by_hand),
                sum(len(entries("escalated", one)) for one in some),
                sum(len(entries("expired", one)) for one in some),
                sum(len(entries("stopped", one)) for one in some),
                UndoneDecision.objects.filter(assignment__in=seats).count(),
                barred + sum(refused(one).count("may_not_decide") for one in some),
            ]


def trend_is(everything: Selection, ended: datetime) -> None:
    for selection in selections(everything):
        of = [
            one
            for one in Request.objects.select_related("version__process")
            if selection.process in (None, one.version.process)
        ]
        missed = Timer.objects.filter(what="due", state="acted", visit__request__in=of)
        parts = report_now.trend(selection)
        for week, row in values(parts, "weeks").items():
            end = datetime.fromisoformat(week).replace(tzinfo=ZONE) + timedelta(days=7)
            assert row == [
                sum(monday(one.created_at) == week for one in of),
                sum(one.closed_at is not None and monday(one.closed_at) == week for one in of),
                sum(one.created_at < end and (one.closed_at is None or one.closed_at >= end) for one in of),
                sum(monday(timer.at) == week for timer in missed),
            ]
        ages = [(ended - one.created_at).days for one in of if one.state == "open"]
        bounds = [(0, 1), (2, 3), (4, 7), (8, 14), (15, 30), (31, 10_000)]
        assert [row[0] for row in values(parts, "ages").values()] == [
            sum(low <= age <= high for age in ages) for low, high in bounds
        ]
        late = [
            visit
            for visit in Visit.objects.filter(request__in=of, state="open")
            if not visit.timers.filter(what="resume", state="waiting").exists()
            and visit.timers.filter(what="due", at__lte=ended)
            .exclude(state__in=["paused", "needless"])
            .exists()
        ]
        (note,) = [part.note for part in parts if part.table.key == "missed"]
        assert strip_tags(note).startswith(f"Steps behind their deadline now: {len(late)}.")
        in_note = [listed(link, everything.person) for link in links(note)]
        assert in_note == ([{visit.request_id for visit in late}] if late else [])


def people_are(everything: Selection, ended: datetime) -> None:
    for selection in selections(everything):
        by_hand: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for seat in Assignment.objects.filter(state="open", visit__state="open"):
            if selection.process not in (None, seat.visit.request.version.process):
                continue
            questions = seat.visit.clarifications.filter(state="open")
            if any(one.pauses or one.assignment_id == seat.pk for one in questions):
                by_hand[seat.person.name][2] += 1
                continue
            due = seat.visit.timers.filter(what="due", at__lte=ended, state__in=["waiting", "acted"])
            by_hand[seat.person.name][0] += 1
            by_hand[seat.person.name][1] += due.exists()
        rows = values(report_now.waiting(selection), "people")
        assert {name: [row[0], row[1], row[3]] for name, row in rows.items()} == by_hand
        for name, row in rows.items():
            if row[0]:
                oldest = datetime.fromisoformat(row[2])
                assert Assignment.objects.filter(person__name=name, state="open", created_at=oldest).exists()


# --- counting ---------------------------------------------------------------------------------------------


def sums() -> list[Any]:
    names = ("started", "missed", "ended", "durations", "steps", "passes", "answers", "rules", "requests")
    return [
        *DaySums.objects.order_by("day", "process").values_list("day", "process", *names),
        *DayTraits.objects.order_by("day", "process").values_list("day", "process", "traits", "times"),
    ]


def what_is_counted_again_is_the_same() -> None:
    before = sums()
    assert before
    for day in CountedDay.objects.all():
        work.work(day.day.toordinal())
    assert sums() == before


def days_that_are_over_are_counted_no_more(ended: datetime) -> None:
    assert work.due(100) == []
    final = CountedDay.objects.filter(is_final=True).count()
    assert final == CountedDay.objects.count() - 2, "today, and yesterday of which mail may still come"
    with time_machine.travel(ended + work.EVERY, tick=False):
        today = timezone.now().astimezone(ZONE).date()
        assert work.due(100) == [today.toordinal()]
    Installation.objects.update(zone="Europe/Paris")
    assert len(work.due(1000)) >= final


def without_figures_of_people_none_is_kept() -> None:
    assert OpenSeats.objects.exists()
    Installation.objects.update(person_figures=False)
    work.work(timezone.now().astimezone(ZONE).date().toordinal())
    assert not OpenSeats.objects.exists()
