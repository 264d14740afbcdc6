"""What somebody answered to the questions of a step, read by the types of fields.

A page sends what its inputs hold. In a mail people write as they speak: a choice by its label, "ja", "31.12.2026",
"1250 EUR". That is brought into the shape that fields take; what could mean two things is not taken.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils import formats, translation
from django.utils.dates import MONTHS
from django.utils.translation import gettext as _

from placet.approvals.definitions import Definition
from placet.approvals.field_types import is_entered
from placet.approvals.form_options import Lists
from placet.approvals.form_parts import Input
from placet.approvals.form_types import type_of
from placet.approvals.outcomes import FALLBACK
from placet.approvals.questions import asked_in

#: "Yes" and "no" where nothing else can be answered, in the languages that replies are read in.
_YES = frozenset(
    (
        "yes", "y", "ja", "oui", "sí", "si", "sì", "sim", "tak", "ano", "igen", "kyllä", "da", "да", "так", "ναι",
        "evet", "ya", "có", "是", "はい", "네", "예", "نعم", "כן", "हाँ", "हां",
    )
)  # fmt: skip
_NO = frozenset(
    (
        "no", "n", "nein", "nee", "non", "não", "nie", "ne", "nem", "ei", "nej", "nei", "nu", "нет", "ні", "όχι",
        "hayır", "tidak", "không", "否", "いいえ", "아니요", "아니오", "لا", "לא", "नहीं",
    )
)  # fmt: skip
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₺": "TRY", "₽": "RUB"}
_SHARED = {
    "$": frozenset(("AUD", "BRL", "CAD", "CLP", "COP", "HKD", "MXN", "NZD", "SGD", "TWD")),
    "£": frozenset(("EGP", "GIP", "LBP", "SYP")),
    "¥": frozenset(("CNY",)),
}
_LINKED = re.compile(
    r"^(\S+)\s*<(?:mailto:)?([^<>\s]+)>$", re.IGNORECASE
)  # as Outlook writes links in plain text
_TWO_NUMBERS = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
_DAY = re.compile(r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4})")
_DAY_IN_WORDS = re.compile(
    r"([0-9]{1,2})(?:st|nd|rd|th|er|\.)?\s+(?:de\s+)?([^\W\d_]{3,})\.?,?\s+(?:de\s+)?([0-9]{4})"
)
_MONTH_FIRST = re.compile(r"([^\W\d_]{3,})\.?\s+([0-9]{1,2})(?:st|nd|rd|th)?,?\s+([0-9]{4})")
_TEXTS = ("text", "long_text")


@dataclass
class AnswersRead:
    """What is kept of the answers, by question; and what is wrong with others, a sentence for each."""

    kept: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def read_answers(
    definition: Definition,
    step_key: str,
    outcome: str,
    entered: Mapping[str, Any],
    *,
    written: bool,
    data: Mapping[str, Any] | None = None,
) -> AnswersRead:
    """`written`: in a mail, not into the inputs of a page. `data`: of the request, where fields of its form are entered
    in lines, too. Sentences are in the language that is active."""
    read = AnswersRead()
    questions, lists = asked_in(definition, step_key, data), Lists()
    for question in questions:
        name, value = question.field.name, entered.get(question.field.name)
        if is_entered(value, question.field):
            try:
                typed = as_typed(value, question.field) if written and isinstance(value, str) else value
                read.kept[name] = type_of(question.field).read(typed, lists.offering(question.field))
            except ValueError as error:
                read.errors[name] = str(error)
        elif question.is_needed_with(outcome):
            read.errors[name] = _("This needs an answer.")
    for name in entered.keys() - {question.field.name for question in questions}:
        hides = any(name == one.name for one in definition.fields)
        read.errors[name] = (
            _("This is not entered here as the form stands now.")
            if hides
            else _("This step asks no such question.")
        )
    return read


def as_typed(written: str, asked: Input) -> str:
    """What somebody wrote, as the type of the question takes it; ValueError where it may mean two things. What is
    neither is for the type to refuse."""
    text = " ".join(unicodedata.normalize("NFC", written).split())
    if asked.type in _TEXTS:
        return text
    text = _without_link(text)
    match asked.type:
        case "choice" | "cost_centre" if asked.source is not None:
            return text.rstrip(" .!")
        case "choice":
            return _chosen(text, asked)
        case "yes_no":
            folded = _folded(text)
            return "yes" if folded in _YES else "no" if folded in _NO else text
        case "money":
            return _amount(text, asked)
        case "number" | "percent":
            return _number(text, asked)
        case "date":
            return _day(text.rstrip("."))
        case "time" | "date_time":
            return re.sub(r"[\s.]*(?:Uhr|h|hrs?)?\.?$", "", text, flags=re.IGNORECASE)
    return text


def _without_link(text: str) -> str:
    found = _LINKED.match(text)
    if found is None:
        return text
    shown, target = found[1].casefold().rstrip("/"), found[2].casefold().rstrip("/")
    return (
        found[1]
        if target.removeprefix("https://").removeprefix("http://") == re.sub("^https?://", "", shown)
        else text
    )


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().rstrip(" .!").split())


def _chosen(text: str, asked: Input) -> str:
    """The key of the one option that is called so, in whatever language; the text as it is where not one is."""
    called = [
        option.key
        for option in asked.options or ()
        if _folded(text) in {_folded(name) for name in (option.key, *option.labels)}
    ]
    return called[0] if len(called) == 1 else text


def _amount(text: str, asked: Input) -> str:
    """Without the currency, if it is the question's. Where that can be chosen, with its code behind it: an answer that
    does not name it may mean any."""
    bare = text.rstrip(".")
    for sign, code in _signs_of(asked):
        starts, ends = text.upper().startswith(sign), bare.upper().endswith(sign)
        if starts or ends:
            amount = text[len(sign) :].strip() if starts else bare[: -len(sign)].strip()
            return f"{amount} {code}" if asked.chooses_currency else amount
    if asked.chooses_currency and any(map(str.isdigit, text)) and not any(map(str.isalpha, text)):
        said = _("Please write the currency too, such as “{text} {first}” or “{text} {second}”.")
        first, second, *_more = asked.currencies
        raise ValueError(said.format(text=bare, first=first, second=second))
    return bare


def _signs_of(asked: Input) -> Iterator[tuple[str, str]]:
    """What an amount may be written with, and the currency that it stands for. A sign that two of the currencies have
    is neither's."""
    for code in asked.currencies:
        yield code, code
        for sign, named in _SIGNS.items():
            if named == code and not _SHARED.get(sign, frozenset()) & {*asked.currencies} - {code}:
                yield sign, code


def _number(text: str, asked: Input) -> str:
    compact = text.rstrip(".").removesuffix("%").strip()
    if _TWO_NUMBERS.fullmatch(compact) and (asked.digits is None or asked.digits > 2):
        thousand, fraction = re.sub("[.,]", "", compact), compact.replace(",", ".")
        said = _("“{text}” can be read as two numbers. Please write {thousand}, or {fraction}0.")
        raise ValueError(said.format(text=compact, thousand=thousand, fraction=fraction))
    return compact


def _day(text: str) -> str:
    """A day as 2026-12-31, where it can be no other one."""
    if found := _DAY.fullmatch(text):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        days = (
            {_iso(year, second, first)}
            if found[2] == "."
            else {_iso(year, second, first), _iso(year, first, second)}
        )
        days -= {""}
        if len(days) > 1:
            said = _("“{text}” can be read as two days. Please write {first} or {second}.")
            first_day, second_day = sorted(days)
            raise ValueError(said.format(text=text, first=first_day, second=second_day))
        return next(iter(days), text)
    if found := _DAY_IN_WORDS.fullmatch(text):
        return _iso(int(found[3]), _month(found[2]), int(found[1])) or text
    if found := _MONTH_FIRST.fullmatch(text):
        return _iso(int(found[3]), _month(found[1]), int(found[2])) or text
    return text


def _iso(year: int, month: int, day: int) -> str:
    """ "" if there is no such day."""
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""


def _month(name: str) -> int:
    """The number of a month by its name, in the reader's language or in English; 0 if there is none."""
    for code in (translation.get_language() or FALLBACK, FALLBACK):
        with translation.override(code):
            for number, month in MONTHS.items():
                dated = formats.date_format(date(2026, number, 1), "F")
                if name.casefold() in (str(month).casefold(), dated.casefold()):
                    return number
    return 0
