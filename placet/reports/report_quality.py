"""How often it goes right at once, how people answer, and whether rules are kept."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from placet.designer.lengths import in_words
from placet.designer.request_days import ENDED
from placet.designer.traits import (
    ANSWERED,
    AT_ONCE,
    CLARIFIED,
    FIRST_ANSWER,
    REDONE,
    REPLIED,
    RULES,
    SENT_BACK,
    UNCLEAR,
    of_channel,
    of_refusal,
    of_rounds,
)
from placet.portal.path import CHANNELS
from placet.replies.reasons import REASONS
from placet.reports import charts
from placet.reports.amounts import joined, percent, percentile, share
from placet.reports.parts import (
    Part,
    add,
    at_least,
    half_and_most_cells,
    of_period,
    of_week,
    short_day,
    week_cell,
    week_columns,
    with_trait,
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
            number(weeks[monday].get("first", 0), with_trait(link, AT_ONCE)),
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
    # Where none was, what opens are those that were not.
    at_once = [with_trait(link, AT_ONCE) if rate else link for rate, link in zip(rates, lists, strict=True)]
    series = charts.Series(_("approved at once"), rates, links=at_once)
    chart = charts.lines(title, labels, [series], percent)
    return [Part(_("By week"), Table("weeks", title, columns, rows), chart), *_rework(selection, whole)]


def _rework(selection: Selection, whole: Mapping[str, int]) -> Sequence[Part]:
    good = whole.get("good", 0)
    approved = of_period(selection, ENDED, state="ended", result=GOOD)
    reasons = {
        "sent_back": (SENT_BACK, _("sent back to the requester")),
        "clarified": (CLARIFIED, _("the requester was asked something")),
        "refused": (REDONE, _("a reply did not count")),
    }
    columns = [
        Column(_("Requests"), is_number=True),
        Column(_("Share of approved"), _("per cent"), is_number=True),
    ]
    why = [
        [Cell(words), *_of(whole.get(key, 0), good, with_trait(approved, trait))]
        for key, (trait, words) in reasons.items()
    ]
    rounds = sorted(
        (int(key.partition(":")[2]), count) for key, count in whole.items() if key.startswith("rounds:")
    )
    often = [
        [_times(number_of), *_of(count, good, with_trait(approved, of_rounds(number_of)))]
        for number_of, count in rounds
    ]
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


def _of(part: int, whole: int, link: str, requests: int | None = None) -> list[Cell]:
    rate = share(part, whole)
    return [number(part, link, requests), Cell(percent(rate), rate if rate is not None else "")]


# --- answers ----------------------------------------------------------------------------------------------


def answers(selection: Selection) -> Sequence[Part]:
    weeks: dict[date, dict[str, int]] = defaultdict(dict)
    channels: dict[str, int] = {}
    refused: dict[str, int] = {}
    requests: dict[date, dict[str, int]] = defaultdict(dict)  # by trait
    for _process, day, counted, held in selection.sums("answers", "requests"):
        add(weeks[week_of(day)], counted.get("first", {}))
        add(requests[week_of(day)], held)
        add(channels, counted.get("channels", {}))
        add(refused, counted.get("refused", {}))
    labels = [short_day(monday) for monday in selection.weeks]
    lists = [of_week(selection, monday, ENDED) for monday in selection.weeks]
    half, most = ([percentile(weeks[monday], part) for monday in selection.weeks] for part in (50, 85))
    title = _("Working time until the first answer, by week")
    chart = charts.lines(
        title,
        labels,
        [
            charts.Series(_("half took at most"), half, links=_slower(lists, half)),
            charts.Series(_("85\u00a0% took at most"), most, "warn", _slower(lists, most)),
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
        [
            week_cell(monday),
            number(
                sum(weeks[monday].values()), with_trait(link, ANSWERED), requests[monday].get(ANSWERED, 0)
            ),
            *half_and_most_cells(weeks[monday], link, FIRST_ANSWER),
        ]
        for monday, link in zip(selection.weeks, lists, strict=True)
    ]
    first = Part(_("Until the first answer"), Table("first", title, columns, rows), chart)
    ended = of_period(selection, ENDED)
    held = joined(requests.values())
    return [_channels(channels, ended, held), first, _refused(refused, channels.get("mail", 0), ended, held)]


def _slower(lists: Sequence[str], amounts: Sequence[int | None]) -> list[str]:
    return [at_least(link, FIRST_ANSWER, amount) for link, amount in zip(lists, amounts, strict=True)]


def _channels(channels: Mapping[str, int], ended: str, requests: Mapping[str, int]) -> Part:
    """`ended`: the list of all requests that it is about. `requests`: by trait, how many have it."""
    answers_in_all = sum(channels.values())
    rows = [
        [
            Cell(str(words)),
            *_of(
                channels.get(key, 0),
                answers_in_all,
                with_trait(ended, of_channel(key)),
                requests.get(of_channel(key), 0),
            ),
            _drawn(channels.get(key, 0), answers_in_all),
        ]
        for key, words in CHANNELS.items()
    ]
    columns = [Column(_("How")), *_share_columns(_("Answers")), Column("", only_drawn=True)]
    return Part(_("How people answer"), Table("channels", _("How people answer"), columns, rows))


def _refused(refused: Mapping[str, int], by_mail: int, ended: str, requests: Mapping[str, int]) -> Part:
    """Of all replies of people who were asked. The rest as of `_channels`."""
    replies = by_mail + sum(refused.values())
    unclear = share(sum(refused.get(key, 0) for key in UNANSWERED), replies)
    rows = [
        [
            Cell(str(REASONS.get(key, key))),
            *_of(count, replies, with_trait(ended, of_refusal(key)), requests.get(of_refusal(key), 0)),
            _drawn(count, replies),
        ]
        for key, count in sorted(refused.items(), key=lambda one: (-one[1], one[0]))
    ]
    columns = [Column(_("Reason")), *_share_columns(_("Replies")), Column("", only_drawn=True)]
    table = Table("refused", _("Replies that did not count"), columns, rows)
    note: str | SafeString = ""
    if replies:
        note = format_html(
            _("Of {n} replies by mail {share} were not clear."),
            n=format_html('<a href="{}">{}</a>', with_trait(ended, REPLIED), replies),
            share=format_html('<a href="{}">{}</a>', with_trait(ended, UNCLEAR), percent(unclear))
            if unclear
            else percent(unclear),
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
    requests: dict[int, dict[str, int]] = defaultdict(dict)  # by trait
    for process, _day, counted, ended, held in selection.sums("rules", "ended", "requests"):
        add(processes[process], counted)
        add(processes[process], {"ended": sum(ended.values())})
        add(requests[process], held)
    rows = [
        _rules_row(selection.of(key), selection.names[key], counted, requests[key])
        for key, counted in sorted(processes.items(), key=lambda one: selection.names.get(one[0], ""))
        if key in selection.names and counted["ended"]
    ]
    labels = [_("Requests that ended"), *(str(words) for words in RULES.values())]
    columns = [Column(_("Process")), *(Column(words, is_number=True) for words in labels)]
    return [Part(_("By process"), Table("rules", _("Whether rules are kept"), columns, rows))]


def _rules_row(
    selection: Selection, process: str, counted: Mapping[str, int], requests: Mapping[str, int]
) -> list[Cell]:
    ended = of_period(selection, ENDED)
    return [
        name(process),
        number(counted.get("ended", 0), ended),
        *(number(counted.get(rule, 0), with_trait(ended, rule), requests.get(rule, 0)) for rule in RULES),
    ]
