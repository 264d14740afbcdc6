"""Until when a step is to be decided, as rows of a form. What no row shows stays as it is."""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.approvals.deadlines import EXPIRED
from placet.designer.inputs import GONE, Box, Button, Choices, Row
from placet.designer.reading import items, mapping, words
from placet.designer.surroundings import Surroundings, outcome_words
from placet.designer.who_rows import lines_in, who_rows, who_words

KEPT = "kept"
WHEN_DUE = "when due"
MOST_MOMENTS = 20
_UNITS = ("working days", "working hours", "days", "hours", "minutes", "working minutes")
_AMOUNT = re.compile(r"(?P<number>.*?) ?(?P<unit>(?:working )?(?:day|hour|minute))s?")
_MOMENT = re.compile(r"(?P<amount>.*) (?P<side>before|after)")
_DAYS = ("date", "date_time")


def unit_choices() -> Choices:
    return (
        ("working days", _("working days")),
        ("working hours", _("working hours")),
        ("days", _("days")),
        ("hours", _("hours")),
        ("minutes", _("minutes")),
        ("working minutes", _("working minutes")),
    )


def parts_of(amount: str) -> tuple[str, str]:
    """Number and unit of an amount of time, as far as it is one."""
    match = _AMOUNT.fullmatch(amount)
    return (match["number"], f"{match['unit']}s") if match else (amount, _UNITS[0])


def amount_of(number: str, unit: str) -> str:
    """As it is written: “1 working day”, “2 hours”; of what is no number, what was typed."""
    unit = unit if unit in _UNITS else _UNITS[0]
    return f"{number} {unit[:-1] if number == '1' else unit}"


def amount_in(post: Mapping[str, str], name: str) -> str:
    """ "" where no number was entered."""
    number = post.get(f"{name}-n", "").strip()
    return amount_of(number, post.get(f"{name}-unit", "")) if number else ""


def amount_boxes(name: str, amount: str, label: str, place: tuple[str | int, ...]) -> list[Box]:
    number, unit = parts_of(amount) if amount else ("", _UNITS[0])
    return [
        Box(f"{name}-n", label, number, place=place, width="short"),
        Box(f"{name}-unit", _("Unit"), unit, "choice", unit_choices()),
    ]


def moment_of(text: str) -> tuple[str, str]:
    """Amount and side of a moment such as “1 working day before”."""
    match = _MOMENT.fullmatch(text)
    return (match["amount"], match["side"]) if match else ("", WHEN_DUE if text == WHEN_DUE else text)


def moment_in(post: Mapping[str, str], name: str) -> str:
    """ "" for none."""
    side = post.get(f"{name}-side", "")
    if side in ("before", "after"):
        return f"{amount_in(post, name)} {side}".strip()
    amount = amount_in(post, name)
    return f"{amount} before" if amount and not side else side


def _same(new: str, old: Any) -> Any:
    """What stands there, where it means the same."""
    text = words(old)
    amount, side = moment_of(text)
    number, unit = parts_of(amount or text)
    again = amount_of(number, unit)
    return old if text and new in (text, again, f"{again} {side}") else new


# --- the whole section ------------------------------------------------------------------------------------


def until_rows(step: Mapping[str, Any], around: Surroundings) -> list[Row]:
    rows = [_due_row(step.get("due"), around)]
    if step.get("kind") != "wait":
        rows += _reminders(step)
        if step.get("kind") != "revise":
            rows += _rungs(step, around)
        rows.append(_expiry_row(step))
    rows.append(_more_row(step, around))
    return rows


def _due_row(due: Any, around: Surroundings) -> Row:
    says = mapping(due)
    chosen, amount, side = "", "", ""
    if isinstance(due, str) or says.get("within") is not None:
        chosen, amount = "within", words(due) or words(says.get("within"))
    elif says.get("field") is not None:
        side = (
            "before" if says.get("before") is not None else "after" if says.get("after") is not None else ""
        )
        chosen, amount = f"field:{words(says['field'])}", words(says.get(side)) if side else ""
    elif due is not None:
        chosen = KEPT
    days = [(f"field:{name}", label) for name, label in around.fields_of(*_DAYS).items()]
    if chosen.startswith("field:") and chosen not in dict(days):
        days.append((chosen, chosen.removeprefix("field:")))
    choices: list[tuple[str, str | Choices]] = [
        ("", _("no deadline")),
        ("within", _("so long after people are asked")),
        *([(_("On a day of the form"), days)] if days else []),
        *([(KEPT, _("as it is written"))] if chosen == KEPT else []),
    ]
    row = Row(legend=_("An answer is due"), place=("due",))
    row.boxes = [
        Box("due", _("An answer is due"), chosen, "choice", choices, place=("due",), width="long"),
        *amount_boxes("due", amount, _("How much time"), ("due", "within")),
    ]
    if days:
        row.boxes.append(Box("due-side", _("Before or after that day"), side, "choice", _sides_of_day()))
    row.kept = words(says.get("expression")) if chosen == KEPT else ""
    return row


def _sides_of_day() -> Choices:
    return (("", _("the day itself")), ("before", _("so long before it")), ("after", _("so long after it")))


def _sides(*, empty: str) -> Choices:
    return (
        ("", empty),
        ("before", _("before it is due")),
        (WHEN_DUE, _("when it is due")),
        ("after", _("after it was due")),
    )


def _reminders(step: Mapping[str, Any]) -> list[Row]:
    listed = [words(one) for one in items(step.get("remind"))]
    rows = []
    for number, text in enumerate([*listed, ""]):
        amount, side = moment_of(text)
        name, place = f"remind-{number}", ("remind", number)
        row = Row(legend=_("Reminder {n}").format(n=number + 1), place=place)
        row.boxes = [
            *amount_boxes(name, amount, _("Remind"), place),
            Box(f"{name}-side", _("Moment"), side, "choice", _sides(empty=_("no reminder"))),
        ]
        if number < len(listed):
            row.buttons = [_removal("remind", number, _("Reminder {n}: remove").format(n=number + 1))]
        rows.append(row)
    return rows


def _removal(name: str, number: int, spoken: str) -> Button:
    return Button(f"remove:{name}:{number}", _("Remove"), spoken, "x-mark")


def _rungs(step: Mapping[str, Any], around: Surroundings) -> list[Row]:
    listed = items(step.get("escalate"))
    return [_rung(number, one, around, number < len(listed)) for number, one in enumerate([*listed, None])]


def _rung(number: int, rung: Any, around: Surroundings, is_there: bool) -> Row:
    says, name, place = mapping(rung), f"escalate-{number}", ("escalate", number)
    amount, side = moment_of(words(says.get("when")))
    mode = "instead" if says.get("instead") is not None else "also"
    row = Row(legend=_("Others are asked, {n}").format(n=number + 1), place=place)
    row.boxes = [
        *amount_boxes(name, amount, _("Ask others"), (*place, "when")),
        Box(f"{name}-side", _("Moment"), side, "choice", _sides(empty=_("nobody else"))),
        Box(
            f"{name}-mode",
            _("How"),
            mode,
            "choice",
            (("also", _("they too")), ("instead", _("they instead"))),
        ),
    ]
    row.rows = who_rows(f"{name}-who", says.get(mode), around, (*place, mode), conditions=False)
    for inner in row.rows:
        inner.buttons = []
    row.summary, row.is_open = (_("Who else is asked"), is_there)
    if is_there:
        row.buttons = [_removal("escalate", number, _("Others are asked, {n}: remove").format(n=number + 1))]
    return row


def _expiry_row(step: Mapping[str, Any]) -> Row:
    expire = step.get("expire")
    says = mapping(expire)
    after = words(says.get("after"))
    chosen = "" if expire is None else "after" if after else WHEN_DUE
    outcomes = [(EXPIRED, _("“no answer in time”, with a way of its own")), *_own_outcomes(step)]
    row = Row(legend=_("Without an answer"), place=("expire",))
    row.boxes = [
        Box(
            "expire",
            _("Without an answer"),
            chosen,
            "choice",
            (("", _("it waits on")), (WHEN_DUE, _("it ends when it is due")), ("after", _("it ends so long after"))),
            place=("expire",),
        ),
        *amount_boxes("expire", after, _("How long after"), ("expire", "after")),
        Box("expire-outcome", _("It ends as"), words(says.get("outcome")) or EXPIRED, "choice", outcomes,
            place=("expire", "outcome"), width="long"),
        *amount_boxes("warn", moment_of(words(says.get("warn")))[0], _("Warn before the end"), ("expire", "warn")),
        Box(
            "expire-silence",
            _("Silence counts as a yes, and that is meant"),
            "yes" if says.get("silence_counts") else "",
            "tick",
            place=("expire", "silence_counts"),
        ),
    ]  # fmt: skip
    return row


def _own_outcomes(step: Mapping[str, Any]) -> list[tuple[str, str]]:
    if step.get("kind") in ("task", "revise"):
        return []
    written = [words(one) or words(mapping(one).get("key")) for one in items(step.get("outcomes"))]
    return [(key, outcome_words(step, key)) for key in (written or ["approve", "reject"]) if key]


def _more_row(step: Mapping[str, Any], around: Surroundings) -> Row:
    calendars = [("", _("that of the process, or of whoever is asked")), *around.calendars.items()]
    chosen = words(step.get("calendar"))
    if chosen and chosen not in dict(calendars):
        calendars.append((chosen, chosen))
    row = Row(legend=_("Calendar"), place=("calendar",))
    row.boxes = [
        Box("calendar", _("Calendar"), chosen, "choice", calendars, place=("calendar",), width="long")
    ]
    if step.get("kind") == "approval":
        undo = step.get("undo")
        row.boxes.append(
            Box(
                "undo",
                _("An answer can be taken back for"),
                words(undo),
                help=_("“10 minutes”, or “no”; empty: what the process says"),
                place=("undo",),
            )
        )
    return row


# --- what a form says -------------------------------------------------------------------------------------


def until_in(post: Mapping[str, str], step: Mapping[str, Any], around: Surroundings) -> dict[str, Any]:
    """The values of the names that the section is about; None where there is none."""
    values: dict[str, Any] = {"due": _due_in(post, step.get("due"))}
    if "remind-0-n" in post:
        values["remind"] = _reminders_in(post, items(step.get("remind"))) or None
    if "escalate-0-n" in post:
        values["escalate"] = _rungs_in(post, items(step.get("escalate")), around) or None
    if "expire" in post:
        values["expire"] = _expiry_in(post, step.get("expire"))
    if "calendar" in post:
        values["calendar"] = post["calendar"] or None
    if "undo" in post:
        values["undo"] = (
            post["undo"].strip() or None
            if post["undo"].strip() != words(step.get("undo"))
            else step.get("undo")
        )
    return values


def _due_in(post: Mapping[str, str], old: Any) -> Any:
    chosen = post.get("due", "")
    if chosen == KEPT:
        return old
    if chosen == "within" or (not chosen and post.get("due-n", "").strip()):
        new = amount_in(post, "due") or amount_of("", post.get("due-unit", "")).strip()
        kept = _same(new, words(old) or mapping(old).get("within"))
        return old if mapping(old) and kept == mapping(old).get("within") else kept
    if not chosen:
        return None
    due = {"field": chosen.removeprefix("field:")}
    side = post.get("due-side", "")
    if side in ("before", "after"):
        due[side] = _same(
            amount_in(post, "due") or amount_of("", post.get("due-unit", "")).strip(), mapping(old).get(side)
        )
    return due


def _reminders_in(post: Mapping[str, str], old: list[Any]) -> list[Any]:
    reminders = []
    for number in range(MOST_MOMENTS + 1):
        moment = moment_in(post, f"remind-{number}")
        if moment and f"remind-{number}-{GONE}" not in post:
            reminders.append(_same(moment, old[number]) if number < len(old) else moment)
    return reminders


def _rungs_in(post: Mapping[str, str], old: list[Any], around: Surroundings) -> list[Any]:
    rungs = []
    for number in range(MOST_MOMENTS + 1):
        name = f"escalate-{number}"
        before = mapping(old[number]) if number < len(old) else {}
        mode = "instead" if post.get(f"{name}-mode") == "instead" else "also"
        lines = lines_in(post, f"{name}-who", before.get("also") or before.get("instead"), around)
        moment = moment_in(post, name)
        if (moment or lines) and f"{name}-{GONE}" not in post:
            rungs.append({"when": _same(moment or WHEN_DUE, before.get("when")), mode: lines})
    return rungs


def _expiry_in(post: Mapping[str, str], old: Any) -> Any:
    chosen = post.get("expire", "")
    if not chosen:
        return None
    before = mapping(old)
    expire: dict[str, Any] = {}
    outcome = post.get("expire-outcome", EXPIRED)
    if outcome != EXPIRED or "outcome" in before:
        expire["outcome"] = outcome
    if chosen == "after":
        expire["after"] = _same(
            amount_in(post, "expire") or amount_of("", post.get("expire-unit", "")).strip(),
            before.get("after"),
        )
    if post.get("expire-silence"):
        expire["silence_counts"] = True
    if warn := amount_in(post, "warn"):
        expire["warn"] = _same(f"{warn} before", before.get("warn"))
    return expire


# --- in words ---------------------------------------------------------------------------------------------


def amount_words(amount: Any) -> str:
    number, unit = parts_of(words(amount))
    if not number.isdecimal() or len(number) > 4:
        return f"{number} {dict(unit_choices()).get(unit, unit)}".strip()
    n = int(number)
    sentences = {
        "working days": ngettext("{n} working day", "{n} working days", n),
        "working hours": ngettext("{n} working hour", "{n} working hours", n),
        "working minutes": ngettext("{n} working minute", "{n} working minutes", n),
        "days": ngettext("{n} day", "{n} days", n),
        "hours": ngettext("{n} hour", "{n} hours", n),
        "minutes": ngettext("{n} minute", "{n} minutes", n),
    }
    return sentences[unit].format(n=n)


def moment_words(moment: Any) -> str:
    amount, side = moment_of(words(moment))
    if side == "before":
        return _("{amount} before").format(amount=amount_words(amount))
    if side == "after":
        return _("{amount} after").format(amount=amount_words(amount))
    return _("when it is due") if side == WHEN_DUE else side


def until_words(step: Mapping[str, Any], around: Surroundings) -> list[str]:
    """A sentence for each thing that is known of time."""
    sentences = []
    if (due := step.get("due")) is not None:
        sentences.append(_due_words(due, around))
    if reminders := [moment_words(one) for one in items(step.get("remind"))]:
        sentences.append(_("reminder: {moments}").format(moments=", ".join(reminders)))
    for rung in map(mapping, items(step.get("escalate"))):
        instead = rung.get("instead") is not None
        template = _("{moment}: {who} instead") if instead else _("{moment}: {who} too")
        who = ", ".join(who_words(rung.get("instead") if instead else rung.get("also"), around))
        sentences.append(template.format(moment=moment_words(rung.get("when")), who=who))
    if (expire := step.get("expire")) is not None:
        sentences.append(_expiry_words(mapping(expire), step))
    return sentences


def _due_words(due: Any, around: Surroundings) -> str:
    says = mapping(due)
    if says.get("field") is not None:
        label = around.label(words(says["field"]))
        for side, template in (
            ("before", _("{amount} before “{field}”")),
            ("after", _("{amount} after “{field}”")),
        ):
            if says.get(side) is not None:
                return template.format(amount=amount_words(says[side]), field=label)
        return _("on the day “{field}”").format(field=label)
    if says.get("expression") is not None:
        return words(says["expression"])
    return _("due within {amount}").format(amount=amount_words(words(due) or says.get("within")))


def _expiry_words(says: Mapping[str, Any], step: Mapping[str, Any]) -> str:
    outcome = outcome_words(step, words(says.get("outcome")) or EXPIRED)
    if says.get("after") is not None:
        return _("{amount} later without an answer: {outcome}").format(
            amount=amount_words(says["after"]), outcome=outcome
        )
    return _("without an answer by then: {outcome}").format(outcome=outcome)
