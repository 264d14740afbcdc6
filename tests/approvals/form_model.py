"""A form that steps fill in, as the model of blocks knows it: what it holds after somebody entered something, what is
missing then, what people are shown of it, and which conditions it makes true. It knows nothing of the engine.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain, combinations
from typing import Any

FORM: list[dict[str, Any]] = [
    {"name": "item", "label": "Item", "type": "text"},
    {"name": "amount", "label": "Amount", "type": "money", "currency": "EUR"},
    {"name": "level", "label": "Level", "type": "number", "digits": 0},
    {"name": "code", "label": "Code", "type": "text"},
    {"name": "twice", "label": "Twice", "type": "number", "computed": "level * 2.0"},
    {"name": "abroad", "label": "Abroad", "type": "yes_no"},
    {
        "name": "country",
        "label": "Country",
        "type": "choice",
        "options": ["France", "Japan"],
        "show": "abroad",
    },
]
LABELS = {one["name"]: one["label"] for one in FORM}
FIXED = {"item": "Desk", "amount": {"minor": 1000, "currency": "EUR"}}  # what no step fills in

#: What may be entered by field, as it is typed; "" empties it.
TYPED: dict[str, list[str]] = {
    "level": ["1", "2", "3", ""],
    "code": ["A", "B", ""],
    "abroad": ["yes", "no", ""],
    "country": ["France", "Japan", ""],
}
Names = tuple[str, ...]


def subsets(names: Iterable[str]) -> list[Names]:
    names = list(names)
    return list(chain.from_iterable(combinations(names, size) for size in range(len(names) + 1)))


FILLED = subsets(TYPED)[::-1]  # hypothesis likes the first ones best
HIDDEN = subsets(["amount", *TYPED, "twice"])

Sheet = dict[str, Any]  # what the form holds, by field
Facts = tuple[tuple[str, Any], ...]  # what somebody is shown of it

#: Conditions in CEL, and when they hold.
CONDITIONS: dict[str, Callable[[Sheet], bool]] = {
    "amount < 1000": lambda sheet: True,
    "amount > 1000": lambda sheet: False,
    "level > 1": lambda sheet: (sheet["level"] or 0) > 1,
    "twice < 3.0": lambda sheet: sheet["twice"] < 3,
    "code == 'A'": lambda sheet: sheet["code"] == "A",
    "code != 'A'": lambda sheet: sheet["code"] != "A",
    "abroad": lambda sheet: bool(sheet["abroad"]),
    "country == 'Japan' || level == 3.0": lambda sheet: sheet["country"] == "Japan" or sheet["level"] == 3,
}
ALWAYS, NEVER, *OF_WHAT_IS_FILLED = CONDITIONS


def at_start(later: Collection[str], typed: Mapping[str, str]) -> Sheet:
    """`later`: fields that only a step fills in. Whoever starts a request and leaves out a tick says no by that."""
    sheet: Sheet = {**FIXED, **dict.fromkeys(TYPED), "twice": 0}
    return after(sheet, {name: typed.get(name, "") for name in TYPED if name not in later})


def after(sheet: Sheet, typed: Mapping[str, str]) -> Sheet:
    """What it holds after this was entered; what is not named stays as it is."""
    now = dict(sheet)
    for name, text in typed.items():
        now[name] = text == "yes" if name == "abroad" else (_read(name, text) if text else None)
    if not now["abroad"]:
        now["country"] = None
    now["twice"] = 2 * (now["level"] or 0)
    return now


def _read(name: str, text: str) -> Any:
    return int(text) if name == "level" else text


def missing(sheet: Sheet, required: Iterable[str]) -> set[str]:
    """Of the fields that have to be filled in. One that is not there need not."""
    return {name for name in required if sheet[name] is None and (name != "country" or sheet["abroad"])}


def shown(sheet: Sheet, hidden: Collection[str]) -> Facts:
    """In the order of the form; what is empty is not shown."""
    return tuple((name, sheet[name]) for name in LABELS if name not in hidden and sheet[name] is not None)


def changes(was: Facts, now: Facts) -> list[tuple[str, str, str]]:
    """Label, was and now of what is shown otherwise, as a mail says them."""
    before, later = dict(was), dict(now)
    return [
        (label, _words(before.get(name)), _words(later.get(name)))
        for name, label in LABELS.items()
        if before.get(name) != later.get(name)
    ]


def _words(value: Any) -> str:
    if value is None:
        return "–"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
