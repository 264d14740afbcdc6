"""The types of fields: for each, what it takes, how that is kept, and how people and conditions see it.

To add one: a class here, its name in `form_parts`, what it may say in `form_checks`, its input in the portal, a line in
docs/processes.md.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from pydantic_core import SchemaError, SchemaValidator, core_schema

from placet.accounts.addresses import LONGEST_ADDRESS, normal, person_at
from placet.accounts.models import Person
from placet.approvals.form_numbers import (
    LARGEST_AMOUNT,
    amount_and_currency,
    amount_as_read,
    minor_digits,
    must_be_within,
    must_have_digits,
    plain,
    read_decimal,
)
from placet.approvals.form_parts import (
    CURRENCY,
    MB,
    MOST_FILES,
    MOST_LETTERS,
    MOST_OPTIONS,
    FormField,
    Input,
)
from placet.approvals.iban import in_groups, must_be_iban
from placet.lib import clock
from placet.lib.domains import is_address
from placet.lib.plain_text import UNSEEN_JOINERS, plain_text

LONGEST_TEXT = 200
LONGEST_LONG_TEXT = MOST_LETTERS
LONGEST_EXACT_TEXT = 20_000
LONGEST_URL = 1000
LONGEST_PHONE = 40
MOST_PEOPLE = 20  # of one field
_MOST_NAMED = 5  # rows that are called the same, where a sentence names them
_LONGEST_QUOTED = 100  # of what somebody wrote, where a sentence says it again
_UNKEPT = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL takes no NUL, and UTF-8 no half of a pair
_LINE_END = re.compile("\r\n?")
_YES = frozenset({"on", "yes", "true", "1"})
_NO = frozenset({"off", "no", "false", "0"})
_YES_OR_NO = {True: gettext_lazy("yes"), False: gettext_lazy("no")}


class FieldType:
    """One type. What is kept is JSON and never None: a field that is not filled in has no value."""

    empty: ClassVar[Any] = ""  # what conditions see of a field that is not filled in
    sample: ClassVar[Any] = "x"  # of what is kept, to try conditions with

    def read(self, entered: Any, field: Input) -> Any:
        """What is kept of what was entered, or ValueError with a sentence."""
        return self.read_text(str(entered).strip(), field)

    def read_text(self, text: str, field: Input) -> Any:
        raise NotImplementedError

    def seen(self, value: Any, field: Input) -> Any:
        """As conditions see it."""
        return value

    def text(self, value: Any, field: Input) -> str:
        """The same for everybody and for ever: an answer counts for exactly this."""
        return str(value)

    def as_read(self, value: Any, field: Input) -> str:
        """The same as the reader reads it."""
        return self.text(value, field)

    def typed(self, value: Any, field: Input) -> Any:
        """As somebody would enter it once more."""
        return str(value)

    def words(self, value: Any, field: Input) -> list[str]:
        """What else than its text a search finds it by."""
        return []


def is_filled(entered: Any) -> bool:
    """Whether anything was entered."""
    match entered:
        case None:
            return False
        case str():
            return bool(entered.strip())
        case dict():
            return any(is_filled(one) for one in entered.values())
        case list() | tuple():
            return any(is_filled(one) for one in entered)
    return True


def is_entered(entered: Any, field: Input) -> bool:
    """Whether a field holds a value. A currency that was chosen is none without its amount."""
    if field.type == "money" and isinstance(entered, Mapping) and "amount" in entered:
        return is_filled(entered["amount"])
    if isinstance(field, FormField) and field.columns is not None and isinstance(entered, list | tuple):
        return any(
            is_entered(row.get(one.name), one) if isinstance(row, Mapping) else is_filled(row)
            for row in entered
            for one in field.columns
        )
    return is_filled(entered)


# --- texts ------------------------------------------------------------------------------------------------


class Text(FieldType):
    def __init__(self, longest: int, *, lines: bool = False) -> None:
        self.longest, self.lines = longest, lines

    def read_text(self, text: str, field: Input) -> str:
        longest = min(self.longest, field.length or self.longest)
        if len(text) > longest:
            raise ValueError(_("At most {number} characters, please.").format(number=longest))
        if _UNKEPT.search(text):
            raise ValueError(_("This text holds a character that cannot be kept."))
        if not self.lines and len(text.splitlines()) > 1:
            raise ValueError(_("One line only, please."))
        return _must_match(self.spelled(text), field)

    def spelled(self, text: str) -> str:
        """As it is kept, or ValueError."""
        return text


class ExactText(Text):
    """What is meant sign by sign, such as a command or what a change changes: shown in fixed type, and without anything
    that nobody would see."""

    def __init__(self) -> None:
        super().__init__(LONGEST_EXACT_TEXT, lines=True)

    def read(self, entered: Any, field: Input) -> str:
        lines = _LINE_END.sub("\n", str(entered)).rstrip().split("\n")
        beginning = next((number for number, line in enumerate(lines) if line.strip()), 0)
        return self.read_text("\n".join(lines[beginning:]), field)

    def spelled(self, text: str) -> str:
        if text != plain_text(text) or any(sign in text for sign in UNSEEN_JOINERS):
            raise ValueError(
                _("This text holds a sign that nobody would see, so it cannot be kept as it is.")
            )
        return text


def _must_match(text: str, field: Input) -> str:
    if field.pattern is not None and not pattern_of(field.pattern).isinstance_python(text):
        raise ValueError(field.message or _("This is not written in the way that is asked for."))
    return text


@lru_cache(maxsize=256)
def pattern_of(source: str) -> SchemaValidator:
    """A pattern that a whole text has to have. Of the engine that pydantic brings along, whose time is linear in the
    text whatever the pattern is, and which refuses one that would become too large. SchemaError if it is none."""
    SchemaValidator(core_schema.str_schema(pattern=source))  # by itself: “a)|(b” is none
    return SchemaValidator(core_schema.str_schema(pattern=rf"\A(?:{source})\z"))


def problem_of_pattern(source: str) -> str:
    """Why it is no pattern; "" if it is one."""
    try:
        pattern_of(source)
    except SchemaError as error:
        return str(error).strip().splitlines()[-1].strip()
    return ""


class Email(Text):
    def spelled(self, text: str) -> str:
        address = normal(text)
        if not is_address(address) or len(address) > LONGEST_ADDRESS:  # a domain in ASCII is longer
            raise ValueError(_("Please write an e-mail address, such as name@example.com."))
        return address


class Phone(Text):
    _WRITTEN = re.compile(r"\+?[0-9(][0-9 ()./-]*")

    def spelled(self, text: str) -> str:
        written = " ".join(unicodedata.normalize("NFKC", text).split())
        digits = sum(sign.isdigit() for sign in written)
        if not self._WRITTEN.fullmatch(written) or not 4 <= digits <= 20:
            raise ValueError(_("Please write a telephone number with digits, such as +49 30 901820."))
        return written


class Url(Text):
    _VALID = URLValidator(schemes=["http", "https"])
    _USER = re.compile(r"[^/]*//[^/?#]*@")  # what stands there looks like the host, and is not

    def spelled(self, text: str) -> str:
        try:
            self._VALID(text)
        except ValidationError as error:
            raise ValueError(
                _("Please write a whole address on the web, such as https://example.com/page.")
            ) from error
        if self._USER.match(text):
            raise ValueError(_("Please write the address without a user name before the “@”."))
        return text


class Iban(Text):
    sample = "DE89370400440532013000"

    def spelled(self, text: str) -> str:
        return must_be_iban(text)

    def text(self, value: Any, field: Input) -> str:
        return in_groups(value)

    def typed(self, value: Any, field: Input) -> str:
        return in_groups(value)

    def words(self, value: Any, field: Input) -> list[str]:
        return [value]


# --- numbers ----------------------------------------------------------------------------------------------


class _Numeric(FieldType):
    def read(self, entered: Any, field: Input) -> Any:
        # 1250.0 is what a program sends for 1250: it has not written a digit after the point.
        is_whole = isinstance(entered, float) and entered.is_integer() and abs(entered) <= LARGEST_AMOUNT
        return super().read(int(entered) if is_whole else entered, field)


class Money(_Numeric):
    empty, sample = 0.0, {"minor": 100, "currency": ""}

    def read(self, entered: Any, field: Input) -> Any:
        if not isinstance(entered, Mapping) or "amount" not in entered:
            return super().read(entered, field)
        if entered.keys() - {"amount", "currency"}:
            raise ValueError(_("Please write an amount and its currency."))
        amount, currency = amount_and_currency(entered, field)
        if isinstance(entered.get("amount"), float):  # what a program sends
            amount = f"{Decimal(repr(entered['amount'])):f}".removesuffix(".0")
        return self._read(amount, currency, field)

    def read_text(self, text: str, field: Input) -> dict[str, Any]:
        return self._read(*amount_and_currency(text, field), field)

    def _read(self, amount: str, currency: str, field: Input) -> dict[str, Any]:
        if currency not in field.currencies:
            said = _("Amounts are in {currencies} here.")
            raise ValueError(said.format(currencies=", ".join(field.currencies)))
        number, digits = read_decimal(amount), minor_digits(currency)
        must_have_digits(number, digits)
        if number < 0:
            raise ValueError(_("An amount cannot be negative."))
        must_be_within(number, field, currency)
        return {"minor": int(number.scaleb(digits)), "currency": currency}

    def seen(self, value: Any, field: Input) -> float:
        return float(value["minor"] / 10 ** minor_digits(value["currency"]))

    def text(self, value: Any, field: Input) -> str:
        digits = minor_digits(value["currency"])
        return f"{Decimal(value['minor']).scaleb(-digits):,.{digits}f} {value['currency']}"

    def as_read(self, value: Any, field: Input) -> str:
        digits = minor_digits(value["currency"])
        return amount_as_read(Decimal(value["minor"]).scaleb(-digits), value["currency"])

    def typed(self, value: Any, field: Input) -> Any:
        digits = minor_digits(value["currency"])
        amount = f"{Decimal(value['minor']).scaleb(-digits):.{digits}f}"
        return {"amount": amount, "currency": value["currency"]} if field.chooses_currency else amount

    def words(self, value: Any, field: Input) -> list[str]:
        return [self.text(value, field).replace(",", "")]  # 1250 is looked for, too


class Number(_Numeric):
    empty, sample = 0.0, 1

    def read_text(self, text: str, field: Input) -> float | int:
        number = read_decimal(text)
        if field.digits is not None:
            must_have_digits(number, field.digits)
        must_be_within(number, field)
        return plain(number)

    def seen(self, value: Any, field: Input) -> float:
        return float(value)

    def as_read(self, value: Any, field: Input) -> str:
        return formats.number_format(value, use_l10n=True)

    def typed(self, value: Any, field: Input) -> str:
        return f"{Decimal(str(value)):f}"


class Percent(Number):
    def read_text(self, text: str, field: Input) -> float | int:
        return super().read_text(text.removesuffix("%").strip(), field)

    def text(self, value: Any, field: Input) -> str:
        return f"{value} %"

    def as_read(self, value: Any, field: Input) -> str:
        return f"{super().as_read(value, field)}\N{NO-BREAK SPACE}%"


# --- days and times ---------------------------------------------------------------------------------------

_RELATIVE = re.compile(r"today(?: ?([+-]) ?([0-9]{1,4}) (days?|weeks?))?")
_DAY = "j F Y"


def day_of(limit: object, today: date) -> date | None:
    """The day that a limit such as “today + 90 days” says; None if it says none."""
    relative = _RELATIVE.fullmatch(str(limit).strip())
    if relative is None:
        return _iso(str(limit))
    sign, number, unit = relative.groups()
    days = int(number or 0) * (7 if (unit or "").startswith("week") else 1)
    return today + timedelta(days=-days if sign == "-" else days)


def _iso(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _must_be_among_days(first: date, last: date, field: Input) -> None:
    today = clock.today()
    low = None if field.min is None else day_of(field.min, today)
    high = None if field.max is None else day_of(field.max, today)
    if low is not None and first < low:
        raise ValueError(_("Not before {date}, please.").format(date=formats.date_format(low, _DAY)))
    if high is not None and last > high:
        raise ValueError(_("Not after {date}, please.").format(date=formats.date_format(high, _DAY)))


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(_("Please write a date as 2026-12-31.")) from error


class Date(FieldType):
    sample = "2026-01-01"

    def read_text(self, text: str, field: Input) -> str:
        day = _read_day(text)
        _must_be_among_days(day, day, field)
        return day.isoformat()

    def as_read(self, value: Any, field: Input) -> str:
        return formats.date_format(date.fromisoformat(value), _DAY)


class Period(FieldType):
    """Two days, both of which belong to it."""

    empty = {"from": "", "to": "", "days": 0.0}
    sample = {"from": "2026-01-01", "to": "2026-01-31"}

    def read(self, entered: Any, field: Input) -> dict[str, str]:
        parts = entered if isinstance(entered, Mapping) else {}
        first, last = (str(parts.get(name) or "").strip() for name in ("from", "to"))
        if not first or not last:
            raise ValueError(_("Please fill in both days: the first and the last."))
        begin, end = _read_day(first), _read_day(last)
        if end < begin:
            raise ValueError(_("The last day is before the first one."))
        _must_be_among_days(begin, end, field)
        return {"from": begin.isoformat(), "to": end.isoformat()}

    def seen(self, value: Any, field: Input) -> dict[str, Any]:
        begin, end = date.fromisoformat(value["from"]), date.fromisoformat(value["to"])
        return {**value, "days": float((end - begin).days + 1)}

    def text(self, value: Any, field: Input) -> str:
        return f"{value['from']} – {value['to']}"

    def as_read(self, value: Any, field: Input) -> str:
        begin, end = (formats.date_format(date.fromisoformat(value[name]), _DAY) for name in ("from", "to"))
        return f"{begin} – {end}"

    def typed(self, value: Any, field: Input) -> dict[str, str]:
        return {"from": value["from"], "to": value["to"]}


class Time(FieldType):
    """Of the day, wherever that is."""

    sample = "12:00"
    _WRITTEN = re.compile(r"([01]?[0-9]|2[0-3])[:.]([0-5][0-9])(?::00)?")

    def read_text(self, text: str, field: Input) -> str:
        written = self._WRITTEN.fullmatch(text)
        if written is None:
            raise ValueError(_("Please write a time as 14:30."))
        at = f"{int(written[1]):02}:{written[2]}"
        if field.min is not None and at < str(field.min):
            raise ValueError(_("Not before {time}, please.").format(time=field.min))
        if field.max is not None and at > str(field.max):
            raise ValueError(_("Not after {time}, please.").format(time=field.max))
        return at


class DateTime(FieldType):
    """A moment, entered and read in the zone of whoever does it, to the minute."""

    sample = "2026-01-01T12:00:00Z"

    def read_text(self, text: str, field: Input) -> str:
        local = self._local(text)
        _must_be_among_days(local.date(), local.date(), field)
        return f"{local.astimezone(UTC):%Y-%m-%dT%H:%M:00Z}"

    def _local(self, text: str) -> datetime:
        said = _("Please write a date and a time as 2026-12-31 14:30.")
        try:
            at = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(said) from error
        if not 1900 <= at.year <= 9990 or len(text) < len("2026-12-31T14:30"):
            raise ValueError(said)
        zone = timezone.get_current_timezone()
        if at.tzinfo is not None:
            return at.astimezone(zone)
        local = at.replace(tzinfo=zone)
        if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at:
            raise ValueError(_("The clocks are put forward then, and this time is left out. Choose another."))
        return local

    def text(self, value: Any, field: Input) -> str:
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M} UTC"

    def as_read(self, value: Any, field: Input) -> str:
        local = timezone.localtime(datetime.fromisoformat(value))
        return formats.date_format(local, pgettext("a date and a time, in Django's signs", "j F Y, H:i T"))

    def typed(self, value: Any, field: Input) -> str:
        return f"{timezone.localtime(datetime.fromisoformat(value)):%Y-%m-%dT%H:%M}"


# --- what is chosen ---------------------------------------------------------------------------------------


class YesNo(FieldType):
    empty, sample = False, True

    def read_text(self, text: str, field: Input) -> bool:
        if text.lower() not in _YES | _NO:
            raise ValueError(_("Please answer yes or no."))
        return text.lower() in _YES

    def text(self, value: Any, field: Input) -> str:
        return "yes" if value else "no"

    def as_read(self, value: Any, field: Input) -> str:
        return str(_YES_OR_NO[bool(value)])

    def typed(self, value: Any, field: Input) -> str:
        return "yes" if value else ""


class NotOffered(ValueError):
    """What was chosen cannot be chosen here, or not any more."""


class Choice(FieldType):
    """One of the options. Of a row of a table its key is kept with what stood there and the version that was looked
    in: {"key", "label", "version"}."""

    def read_text(self, text: str, field: Input) -> Any:
        if field.source is not None:
            return self._of_table(text, field)
        if field.option(text) is None:
            raise NotOffered(_("Please choose one of the answers that are offered."))
        return text

    def _of_table(self, text: str, field: Input) -> Any:
        keys = field.listing.keys_called(text) if field.listing is not None else ()
        shortened = text if len(text) <= _LONGEST_QUOTED else f"{text[:_LONGEST_QUOTED]}…"
        if not keys:
            said = _("“{text}” is not offered here, or not any more. Please choose again.")
            raise NotOffered(said.format(text=shortened))
        if len(keys) > 1:
            said = _("Several are called “{text}”: {keys}. Please write which one.")
            shown = ", ".join(keys if len(keys) <= _MOST_NAMED else [*keys[:_MOST_NAMED], "…"])
            raise NotOffered(said.format(text=shortened, keys=shown))
        assert field.listing is not None
        return field.listing.kept(keys[0])

    def seen(self, value: Any, field: Input) -> str:
        return str(value["key"] if isinstance(value, Mapping) else value)

    def text(self, value: Any, field: Input) -> str:
        if isinstance(value, Mapping):
            return str(value["label"])
        option = field.option(value)
        return option.text if option else str(value)

    def as_read(self, value: Any, field: Input) -> str:
        option = None if isinstance(value, Mapping) else field.option(value)
        return option.shown if option else self.text(value, field)

    def typed(self, value: Any, field: Input) -> str:
        return self.seen(value, field)

    def words(self, value: Any, field: Input) -> list[str]:
        if isinstance(value, Mapping):
            return [str(value["key"])]
        option = field.option(value)
        return list(option.labels) if option else []


class Choices(FieldType):
    """Some of the options, in the order of the form; of a table, in the order in which they were chosen."""

    empty: ClassVar[Any] = []
    sample: ClassVar[Any] = ["x"]

    def read(self, entered: Any, field: Input) -> list[Any]:
        wanted = dict.fromkeys(one.strip() for one in _texts(entered) if one.strip())
        if field.source is not None:
            if len(wanted) > MOST_OPTIONS:
                raise ValueError(_("At most {number}, please.").format(number=MOST_OPTIONS))
            kept = [Choice().read_text(one, field) for one in wanted]
            return list({Choice().seen(one, field): one for one in kept}.values())
        if any(field.option(key) is None for key in wanted):
            raise NotOffered(_("Please choose among the answers that are offered."))
        return [option.key for option in field.options or () if option.key in wanted]

    def seen(self, value: Any, field: Input) -> list[str]:
        return [Choice().seen(one, field) for one in value]

    def text(self, value: Any, field: Input) -> str:
        return "\n".join(Choice().text(key, field) for key in value)

    def as_read(self, value: Any, field: Input) -> str:
        return "\n".join(Choice().as_read(key, field) for key in value)

    def typed(self, value: Any, field: Input) -> list[str]:
        return self.seen(value, field)

    def words(self, value: Any, field: Input) -> list[str]:
        return [label for key in value for label in Choice().words(key, field)]


def _texts(entered: Any) -> list[str]:
    several = entered if isinstance(entered, list | tuple) else [entered]
    return [str(one) for one in several]


# --- people -----------------------------------------------------------------------------------------------

_IN_BRACKETS = re.compile(r"<([^<>\s]+@[^<>\s]+)>$")


class OnePerson(FieldType):
    """Somebody who is here and active. Their name and address are kept as they were, too."""

    sample: ClassVar[Any] = {"person": 1, "name": "x", "address": "x@x.example"}

    def read_text(self, text: str, field: Input) -> dict[str, Any]:
        person = _person(text)
        if field.among is not None and not person.approval_groups.filter(key=field.among).exists():
            raise ValueError(
                _("{name} is not in the group “{group}”. Please choose somebody who is.").format(
                    name=person.name, group=field.among
                )
            )
        return {"person": person.pk, "name": person.name, "address": person.email}

    def seen(self, value: Any, field: Input) -> str:
        return str(value["address"])

    def text(self, value: Any, field: Input) -> str:
        return f"{value['name']} ({value['address']})"

    def typed(self, value: Any, field: Input) -> str:
        return str(value["address"])


def _person(text: str) -> Person:
    """By an address, with their name before it or not, or by a name that nobody else has."""
    if _UNKEPT.search(text) or len(text) > LONGEST_ADDRESS + LONGEST_TEXT:
        raise ValueError(_("Please write somebody’s e-mail address."))
    if "@" not in text:
        called = Person.objects.filter(name__casefold=text, is_active=True)[:2]
        if len(called) == 1:
            return called[0]
        said = (
            _("Several people are called {name}. Write the address.")
            if called
            else _("There is nobody called {name}. Write an address.")
        )
        raise ValueError(said.format(name=text))
    written = _IN_BRACKETS.search(text)
    address = written[1] if written else text
    person = person_at(address)
    if person is None or not person.is_active:
        raise ValueError(_("There is nobody with the address {address}.").format(address=address))
    return person


class SeveralPeople(FieldType):
    empty: ClassVar[Any] = []
    sample: ClassVar[Any] = [OnePerson.sample]
    _BETWEEN = re.compile(r"[;,\n]+")

    def read(self, entered: Any, field: Input) -> list[dict[str, Any]]:
        wanted = [part.strip() for text in _texts(entered) for part in self._BETWEEN.split(text)]
        wanted = list(dict.fromkeys(part for part in wanted if part))
        most = most_people(field)
        if len(wanted) > MOST_PEOPLE:  # before each is looked up
            raise ValueError(_("At most {number} people, please.").format(number=most))
        entries = [OnePerson().read_text(part, field) for part in wanted]
        people = list({one["person"]: one for one in entries}.values())
        if len(people) > most:
            raise ValueError(_("At most {number} people, please.").format(number=most))
        if len(people) < least_people(field):
            raise ValueError(_("At least {number} people, please.").format(number=least_people(field)))
        return people

    def seen(self, value: Any, field: Input) -> list[str]:
        return [one["address"] for one in value]

    def text(self, value: Any, field: Input) -> str:
        return "\n".join(OnePerson().text(one, field) for one in value)

    def typed(self, value: Any, field: Input) -> list[str]:
        return [one["address"] for one in value]


def least_people(field: Input) -> int:
    return int(field.min or 0)


def most_people(field: Input) -> int:
    return MOST_PEOPLE if field.max is None else int(field.max)


# --- files ------------------------------------------------------------------------------------------------


class Files(FieldType):
    """Kept by `placet.approvals.attachments`; nothing of them is entered as text. Conditions see how many there are."""

    empty: ClassVar[Any] = 0.0
    sample: ClassVar[Any] = [{"id": "", "name": "x", "size": 1, "sha256": ""}]

    def read(self, entered: Any, field: Input) -> list[dict[str, Any]]:
        files = [dict(file) for file in entered]
        most = most_files(field)
        if len(files) > most:
            text = ngettext("At most {n} file, please.", "At most {n} files, please.", most)
            raise ValueError(text.format(n=most))
        for file in files:
            if problem := file_problem(file["name"], file["size"], field):
                raise ValueError(problem)
        return files

    def seen(self, value: Any, field: Input) -> float:
        return float(len(value))

    def text(self, value: Any, field: Input) -> str:
        return "\n".join(f"{file['name']} ({size_in_words(file['size'])})" for file in value)

    def as_read(self, value: Any, field: Input) -> str:
        return "\n".join(f"{file['name']} ({size_as_read(file['size'])})" for file in value)

    def typed(self, value: Any, field: Input) -> str:
        return ""


def most_files(field: Input) -> int:
    return MOST_FILES if field.max is None else int(field.max)


def file_problem(name: str, size: int, field: Input) -> str:
    """Why a field does not take a file, for whoever chose it; "" if it does. `size`: in bytes."""
    _start, point, ending = name.rpartition(".")
    if field.endings is not None and not (point and ending.lower() in field.endings):
        endings = ", ".join(field.endings)
        return _("“{name}” cannot be taken here: only {endings} can.").format(name=name, endings=endings)
    if field.largest is not None and size > field.largest * MB:
        return _("“{name}” is larger than {n} MB.").format(name=name, n=field.largest)
    return ""


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


# ----------------------------------------------------------------------------------------------------------

TYPES: Mapping[str, FieldType] = {
    "text": Text(LONGEST_TEXT),
    "long_text": Text(LONGEST_LONG_TEXT, lines=True),
    "exact_text": ExactText(),
    "email": Email(LONGEST_ADDRESS),
    "phone": Phone(LONGEST_PHONE),
    "url": Url(LONGEST_URL),
    "iban": Iban(LONGEST_TEXT),
    "money": Money(),
    "number": Number(),
    "percent": Percent(),
    "date": Date(),
    "time": Time(),
    "date_time": DateTime(),
    "period": Period(),
    "yes_no": YesNo(),
    "choice": Choice(),
    "choices": Choices(),
    "cost_centre": Choice(),
    "person": OnePerson(),
    "people": SeveralPeople(),
    "files": Files(),
}


def type_of(field: Input) -> FieldType:
    return TYPES[field.type]


def currency_seen(name: str, field: Input, value: Any) -> dict[str, str]:
    """What conditions see beside an amount whose currency is chosen: a number cannot say it."""
    if field.type != "money" or not field.chooses_currency:
        return {}
    return {name + CURRENCY: "" if value is None else value["currency"]}


def longest_of(field: Input) -> int | None:
    """How many characters a field of text takes; None for others."""
    kind = type_of(field)
    return min(kind.longest, field.length or kind.longest) if isinstance(kind, Text) else None


def sample_of(field: Input) -> Any:
    if field.type == "money":
        return {**Money.sample, "currency": field.main_currency}
    if field.source is not None and field.source.table is not None:
        row = {"key": "x", "label": "x", "version": 1}
        return [row] if field.type == "choices" else row
    if field.type in ("choice", "choices") and field.options:
        key = field.options[0].key
        return key if field.type == "choice" else [key]
    return type_of(field).sample
