"""The form of a process: what is entered, how it is kept, and how it is shown."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from placet.approvals.definitions import Definition, FormField
from placet.approvals.models import Request
from placet.lib.canonical import digest

LONGEST_TEXT = 200


LONGEST_LONG_TEXT = 10_000


LARGEST_AMOUNT = Decimal(10) ** 12


MOST_DIGITS = 25  # Decimal rounds in silence above 28


SHORTEST_TITLE = 2  # letters or digits: subjects are known again by them


PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")


_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"  # the Hangul fillers: letters to Unicode, and nothing to see


_UNKEPT = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL takes no NUL, and UTF-8 no half of a pair


class FormInvalid(ValueError):
    """What was entered does not fit the form: a sentence per field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {error}" for name, error in errors.items()))
        self.errors = dict(errors)


def read_form(
    definition: Definition, entered: Mapping[str, Any], files: Mapping[str, Sequence[Mapping[str, Any]]] = {}
) -> dict[str, Any]:
    """What is stored of a filled form (JSON; money as {"minor", "currency"}, files as a list of {"id", "name",
    "size", "sha256"}), or FormInvalid. `files`: those of each field, as `placet.approvals.attachments` kept them."""
    data: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in definition.form:
        value = entered.get(field.name)
        if field.type == "files":
            value = data[field.name] = [dict(file) for file in files.get(field.name, ())] or None
            if field.required and value is None:
                errors[field.name] = _("Please add a file.")
            continue
        text = "" if value is None else str(value).strip()
        if not text:
            if field.required:
                errors[field.name] = _("Please fill this in.")
            data[field.name] = False if field.type == "yes_no" else None
            continue
        try:
            data[field.name] = _READERS[field.type](text, field)
        except ValueError as error:
            errors[field.name] = str(error)
    for name in set(entered) - {field.name for field in definition.form}:
        errors[name] = _("This form has no such field.")
    if not errors and len(letters(title_of(definition, data))) < SHORTEST_TITLE:
        blamed = [field.name for field in definition.form if field.name in PLACE.findall(definition.title)]
        said = _("At least {number} letters or digits, please: this is what the request is called.")
        errors = dict.fromkeys(blamed or ["title"], said.format(number=SHORTEST_TITLE))
    if errors:
        raise FormInvalid(errors)
    return data


def letters(text: str) -> str:
    """Letters and digits alone, in one form and in lower case (Unicode NFKC): what is left of a title in a subject
    that mail programs folded, shortened and encoded anew."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in folded if sign.isalnum() and sign not in _BLANK_LETTERS)


def _read_text(text: str, field: FormField) -> str:
    longest = LONGEST_TEXT if field.type == "text" else LONGEST_LONG_TEXT
    if len(text) > longest:
        raise ValueError(_("At most {number} characters, please.").format(number=longest))
    if _UNKEPT.search(text):
        raise ValueError(_("This text holds a character that cannot be kept."))
    if field.type == "text" and len(text.splitlines()) > 1:
        raise ValueError(_("One line only, please."))
    return text


def _read_decimal(text: str) -> Decimal:
    # Spaces and apostrophes group. So do commas before every third digit (but in 0,125 it is the decimal point),
    # and points, if a comma follows them. Any other single comma is the decimal point.
    compact = re.sub(r"[\s'\u2019\u00a0\u202f]", "", text)
    if len(compact) > MOST_DIGITS:
        raise ValueError(_("This number has too many digits."))
    if re.fullmatch(r"-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", compact):
        compact = compact.replace(",", "")
    elif re.fullmatch(r"-?\d{1,3}(\.\d{3})+,\d+", compact):
        compact = compact.replace(".", "").replace(",", ".")
    elif compact.count(",") == 1 and "." not in compact:
        compact = compact.replace(",", ".")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", compact):
        raise ValueError(_("Please write a number, such as 1250.00."))
    number = Decimal(compact)
    if abs(number) > LARGEST_AMOUNT:
        raise ValueError(_("This number is too large."))
    return number


def _read_money(text: str, field: FormField) -> dict[str, Any]:
    number, digits = _read_decimal(text), minor_digits(field.currency)
    # Written digits count, zeros too: somebody's 1.250 is a thousand, and not to be taken for 1.25.
    written = -int(number.as_tuple().exponent)
    if written > digits:
        said = ngettext(
            "At most {number} digit after the point, please. Write a thousand as 1000 or 1,000.",
            "At most {number} digits after the point, please. Write a thousand as 1000 or 1,000.",
            digits,
        )
        raise ValueError(said.format(number=digits))
    if number < 0:
        raise ValueError(_("An amount cannot be negative."))
    return {"minor": int(number.scaleb(digits)), "currency": field.currency}


def _read_number(text: str, field: FormField) -> float | int:
    number = _read_decimal(text)
    return int(number) if number == number.to_integral_value() else float(number)


def _read_date(text: str, field: FormField) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(_("Please write a date as 2026-12-31.")) from error


def _read_yes_no(text: str, field: FormField) -> bool:
    if text.lower() not in _YES | _NO:
        raise ValueError(_("Please answer yes or no."))
    return text.lower() in _YES


_YES = frozenset({"on", "yes", "true", "1"})


_NO = frozenset({"off", "no", "false", "0"})


_READERS = {
    "text": _read_text,
    "long_text": _read_text,
    "money": _read_money,
    "number": _read_number,
    "date": _read_date,
    "yes_no": _read_yes_no,
}


def minor_digits(currency: str) -> int:
    """Digits after the point (ISO 4217); the currencies that do not have two."""
    if currency in {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    }:
        return 0
    return 3 if currency in {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"} else 2


def sample_data(definition: Definition) -> dict[str, Any]:
    """Values of the right types, to try conditions with before anybody depends on them."""
    samples: dict[str, Any] = {
        "text": "x",
        "long_text": "x",
        "number": 1,
        "date": "2026-01-01",
        "yes_no": True,
        "files": [{"id": "", "name": "x", "size": 1, "sha256": ""}],
    }
    return {
        field.name: {"minor": 100, "currency": field.currency}
        if field.type == "money"
        else samples[field.type]
        for field in definition.form
    }


def condition_values(definition: Definition, data: Mapping[str, Any]) -> dict[str, Any]:
    """The form's fields as conditions see them: money and numbers as doubles, what is empty as zero or "", and
    files as their number."""
    values: dict[str, Any] = {}
    for field in definition.form:
        value = data.get(field.name)
        if field.type == "money":
            digits = minor_digits(field.currency)
            values[field.name] = (value["minor"] if value else 0) / 10**digits
        elif field.type == "number":
            values[field.name] = float(value or 0)
        elif field.type == "yes_no":
            values[field.name] = bool(value)
        elif field.type == "files":
            values[field.name] = float(len(value or ()))
        else:
            values[field.name] = value or ""
    return values


@dataclass(frozen=True)
class Fact:
    """One line of what an approver is shown. `files`: those that stand behind the text, if it is about files."""

    label: str
    text: str
    files: Sequence[Mapping[str, Any]] = ()


def facts(definition: Definition, data: Mapping[str, Any]) -> list[Fact]:
    """What an approver is shown of a request, in the order of the form. The same for everybody and for ever: an
    answer counts for exactly this."""
    return [
        Fact(f.label, show_value(f, data.get(f.name)), tuple(data[f.name]) if f.type == "files" else ())
        for f in definition.form
        if data.get(f.name) is not None
    ]


def facts_hash(request: Request, definition: Definition) -> str:
    """What an approver was shown; an answer to something else does not count."""
    return digest([request.title, [_sealed(fact) for fact in facts(definition, request.data)]])


def _sealed(fact: Fact) -> list[str]:
    """A fact as its hash covers it: of files the content too, not only what they are called."""
    return [fact.label, fact.text, *(str(file["sha256"]) for file in fact.files)]


def facts_as_read(definition: Definition, data: Mapping[str, Any]) -> list[Fact]:
    """The same as the reader reads it: amounts, dates, yes and no are written differently from language to language."""
    return [
        replace(fact, text=_as_read(field, data[field.name]))
        for field, fact in zip(
            [field for field in definition.form if data.get(field.name) is not None],
            facts(definition, data),
            strict=True,
        )
    ]


def _as_read(field: FormField, value: Any) -> str:
    if field.type == "money":
        digits = minor_digits(value["currency"])
        amount = Decimal(value["minor"]).scaleb(-digits)
        return (
            f"{formats.number_format(amount, digits, use_l10n=True, force_grouping=True)} {value['currency']}"
        )
    if field.type == "number":
        return formats.number_format(value, use_l10n=True)
    if field.type == "date":
        return formats.date_format(date.fromisoformat(value), "j F Y")
    if field.type == "yes_no":
        return str(_YES_OR_NO[bool(value)])
    if field.type == "files":
        return "\n".join(f"{file['name']} ({size_as_read(file['size'])})" for file in value)
    return show_value(field, value)


_YES_OR_NO = {True: gettext_lazy("yes"), False: gettext_lazy("no")}


def show_value(field: FormField, value: Any) -> str:
    if value is None:
        return ""
    if field.type == "money":
        digits = minor_digits(value["currency"])
        return f"{Decimal(value['minor']).scaleb(-digits):,.{digits}f} {value['currency']}"
    if field.type == "files":
        return "\n".join(f"{file['name']} ({size_in_words(file['size'])})" for file in value)
    if field.type == "yes_no":
        return "yes" if value else "no"
    return str(value)


def size_in_words(size: int) -> str:
    """Of a file: "820 bytes", "14 kB", "1.2 MB". The same for everybody and for ever, as facts are."""
    if size < 1000:
        return "1 byte" if size == 1 else f"{size} bytes"
    return f"{size / 1000:.0f} kB" if size < 999_500 else f"{size / 1_000_000:.1f} MB"


def size_as_read(size: int) -> str:
    """The same as the reader writes it: "820 octets", "14 ko", "1,2 Mo"."""
    if size < 1000:
        return ngettext("{n} byte", "{n} bytes", size).format(n=size)
    if size < 999_500:
        return _("{n} kB").format(n=f"{size / 1000:.0f}")
    return _("{n} MB").format(n=formats.number_format(f"{size / 1_000_000:.1f}", use_l10n=True))


def title_of(definition: Definition, data: Mapping[str, Any]) -> str:
    """The request's title. Only plain `{field}` places are filled: a form cannot reach into objects."""
    shown = {field.name: show_value(field, data.get(field.name)) for field in definition.form}
    title = PLACE.sub(lambda place: shown.get(place[1], ""), definition.title)
    return " ".join(title.split())[:200] or definition.name
