"""How often it goes right at once, how people answer, and whether rules are kept."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from placet.designer.request_days import ENDED
from placet.panel.mail_words import RESULTS
from placet.portal.path import DOORS
from placet.reports import charts
from placet.reports.amounts import in_words, joined, percent, share
from placet.reports.parts import (
    Part,
    add,
    half_and_most,
    minutes,
    of_period,
    of_week,
    short_day,
    week_cell,
    week_columns,
)
from placet.reports.selection import Selection, week_of
from placet.reports.sums import GOOD, UNANSWERED
from placet.reports.tables import Cell, Column, Table, name, number


def passes(selection: Selection) -> Sequence[Part]:
    weeks: dict[date, dict[str, int]] = defaultdict(dict)
    for _process, day, counted in selection.sums("passes"):
        add(weeks[week_of(day)], counted)
    whole = joined(weeks.values())
    rates = [share(weeks[monday].get("first", 0), weeks[monday].get("good", 0)) for monday in selection.weeks]
    labels = [short_day(monday) for monday in selection.weeks]
    title = _("Approved at once, by week")
    lists = [of_week(selection, monday, ENDED, state="ended", result=GOOD) for monday in selection.weeks]
    rows = [
        [
            week_cell(monday),
            number(weeks[monday].get("good", 0), link),
            number(weeks[monday].get("first", 0)),
            Cell(percent(rate), rate if rate is not None else ""),
        ]
        for monday, rate, link in zip(selection.weeks, rates, lists, strict=True)
    ]
    columns = [
        week_columns(),
        Column(pgettext("requests", "Approved"), is_number=True),
        Column(_("Of these at once"), is_number=True),
        Column(_("Share"), _("per cent"), is_number=True),
    ]
    chart = charts.lines(title, labels, [charts.Series(_("approved at once"), rates, links=lists)], percent)
    return [Part(_("By week"), Table("weeks", title, columns, rows), chart), *_rework(whole)]


def _rework(whole: Mapping[str, int]) -> Sequence[Part]:
    good = whole.get("good", 0)
    reasons = {
        "sent_back": _("sent back to the requester"),
        "clarified": _("the requester was asked something"),
        "refused": _("a reply did not count"),
    }
    columns = [
        Column(_("Requests"), is_number=True),
        Column(_("Share of approved"), _("per cent"), is_number=True),
    ]
    why = [[Cell(words), *_of(whole.get(key, 0), good)] for key, words in reasons.items()]
    rounds = sorted(
        (int(key.partition(":")[2]), count) for key, count in whole.items() if key.startswith("rounds:")
    )
    often = [[_times(number_of), *_of(count, good)] for number_of, count in rounds]
    times = Column(_("Sent back"))
    return [
        Part(
            _("Why not at once"), Table("reasons", _("Why not at once"), [Column(_("Reason")), *columns], why)
        ),
        Part(_("How often sent back"), Table("rounds", _("How often sent back"), [times, *columns], often)),
    ]


def _times(number_of: int) -> Cell:
    words = ngettext("{n} time", "{n} times", number_of).format(n=number_of) if number_of else _("never")
    return Cell(words, number_of)


def _of(part: int, whole: int) -> list[Cell]:
    rate = share(part, whole)
    return [number(part), Cell(percent(rate), rate if rate is not None else "")]


# --- answers ----------------------------------------------------------------------------------------------


def answers(selection: Selection) -> Sequence[Part]:
    weeks: dict[date, dict[str, int]] = defaultdict(dict)
    doors: dict[str, int] = {}
    refused: dict[str, int] = {}
    for _process, day, counted in selection.sums("answers"):
        add(weeks[week_of(day)], counted.get("first", {}))
        add(doors, counted.get("doors", {}))
        add(refused, counted.get("refused", {}))
    labels = [short_day(monday) for monday in selection.weeks]
    halves = [half_and_most(weeks[monday]) for monday in selection.weeks]
    title = _("Working time until the first answer, by week")
    chart = charts.lines(
        title,
        labels,
        [
            charts.Series(_("half took at most"), [half for half, _most in halves]),
            charts.Series(_("85\u00a0% took at most"), [most for _half, most in halves], "warn"),
        ],
        in_words,
        in_minutes=True,
    )
    columns = [
        week_columns(),
        Column(_("Steps answered"), is_number=True),
        Column(_("Half"), _("minutes"), is_number=True),
        Column(_("85\u00a0%"), _("minutes"), is_number=True),
    ]
    rows = [
        [week_cell(monday), number(sum(weeks[monday].values())), minutes(half), minutes(most)]
        for monday, (half, most) in zip(selection.weeks, halves, strict=True)
    ]
    first = Part(_("Until the first answer"), Table("first", title, columns, rows), chart)
    return [_doors(doors), first, _refused(refused, doors.get("mail", 0))]


def _doors(doors: Mapping[str, int]) -> Part:
    answers_in_all = sum(doors.values())
    rows = [
        [Cell(str(words)), *_of(doors.get(key, 0), answers_in_all), _drawn(doors.get(key, 0), answers_in_all)]
        for key, words in DOORS.items()
    ]
    columns = [Column(_("How")), *_share_columns(_("Answers")), Column("", only_drawn=True)]
    return Part(_("How people answer"), Table("doors", _("How people answer"), columns, rows))


def _refused(refused: Mapping[str, int], by_mail: int) -> Part:
    """Of all replies of people who were asked."""
    replies = by_mail + sum(refused.values())
    unclear = share(sum(refused.get(key, 0) for key in UNANSWERED), replies)
    rows = [
        [Cell(str(RESULTS.get(key, key))), *_of(count, replies), _drawn(count, replies)]
        for key, count in sorted(refused.items(), key=lambda one: (-one[1], one[0]))
    ]
    columns = [Column(_("Reason")), *_share_columns(_("Replies")), Column("", only_drawn=True)]
    table = Table("refused", _("Replies that did not count"), columns, rows)
    note = (
        _("Of {n} replies by mail {share} were not clear.").format(n=replies, share=percent(unclear))
        if replies
        else ""
    )
    return Part(_("Replies that did not count"), table, note=note)


def _share_columns(counted: str) -> list[Column]:
    return [Column(counted, is_number=True), Column(_("Share"), _("per cent"), is_number=True)]


def _drawn(part: int, whole: int) -> Cell:
    """As long as its share: a full bar is all of them."""
    return Cell("", drawn=charts.bar([part], whole))


# --- rules ------------------------------------------------------------------------------------------------


def rules(selection: Selection) -> Sequence[Part]:
    processes: dict[int, dict[str, int]] = defaultdict(dict)
    for process, _day, counted, ended in selection.sums("rules", "ended"):
        add(processes[process], counted)
        add(processes[process], {"ended": sum(ended.values())})
    kinds = {
        "ended": _("Requests that ended"),
        "delegates": _("Answers of delegates"),
        "by_hand": _("Put right by hand"),
        "escalated": _("Others asked, because late"),
        "expired": _("Steps nobody decided in time"),
        "stopped": _("Requests that took too long"),
        "undone": _("Answers taken back"),
        "barred": _("Second pair of eyes missing"),
    }
    rows = [
        [
            name(selection.names[key]),
            number(counted.get("ended", 0), of_period(selection.of(key), ENDED)),
            *(number(counted.get(kind, 0)) for kind in [*kinds][1:]),
        ]
        for key, counted in sorted(processes.items(), key=lambda one: selection.names.get(one[0], ""))
        if key in selection.names and counted["ended"]
    ]
    columns = [Column(_("Process")), *(Column(words, is_number=True) for words in kinds.values())]
    return [Part(_("By process"), Table("rules", _("Whether rules are kept"), columns, rows))]
