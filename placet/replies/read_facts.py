"""What is known of the request that a text answers, and whether the text names another value than the request's.

"Approved, book it on cost centre 4711" is an approval of a request about cost centre 1200 by nobody's reading. Values
are compared where they are named: behind the label of a field, as the ask shows it, and amounts with a currency.
Numbers and dates are compared as values, in the way of the answer's language. What names no field is comment.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from django.utils import translation
from django.utils.dates import MONTHS, MONTHS_3
from django.utils.formats import get_format

from placet.lib.sentences import NOTHING, Sentence
from placet.replies.read_tokens import Kind, Token, phrase, tokens

_MOST_BETWEEN = 2  # words between a label and its value: "cost centre is now 4711"
_LONGEST_VALUE = 200  # characters behind a label that are looked at
_SHOWN = 80
_SAYS = re.compile(r"^[ \t\u00a0]*[:：=]")
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₺": "TRY", "₽": "RUB"}
_COMMON = ("EUR", "USD", "GBP", "CHF")
NUMBER = r"[0-9](?:[0-9.,'’]|[ \u00a0\u202f](?=[0-9]{3}(?![0-9])))*"
_DATE = re.compile(r"(?<![0-9])([0-9]{1,4})[./-][ ]?([0-9]{1,2})[./-][ ]?([0-9]{2,4})(?![0-9])")
_DAY_MONTH = re.compile(
    r"(?<![0-9])([0-9]{1,2})(?:st|nd|rd|th|er|º|\.)?\s+(?:de\s+)?([^\W\d_]{3,})\.?,?(?:\s+(?:de\s+)?([0-9]{4}))?"
)
_MONTH_DAY = re.compile(r"([^\W\d_]{3,})\.?\s+([0-9]{1,2})(?:st|nd|rd|th)?(?![0-9]),?(?:\s+([0-9]{4}))?")


@dataclass(frozen=True)
class Field:
    """One line of what was asked. `shown`: its value as people read it, in each form that an ask may show."""

    label: str
    shown: tuple[str, ...]
    number: Decimal | None = None
    currency: str = ""
    day: date | None = None


@dataclass(frozen=True)
class About:
    """What is known of a request: its fields, and the names of the people who are greeted and who sign."""

    fields: Sequence[Field] = ()
    names: Collection[str] = ()
    amounts: Sequence[Field] = ()  # what stands in tables: known where it is named, but no line of its own
    texts: Sequence[str] = ()  # what else an ask shows: title, number, tables, files
    of_process: Sequence[str] = ()  # the names of the process and the step, which no requester wrote

    @property
    def title(self) -> str:
        """What the request is called; "" if that is not known."""
        unlabelled = (text for one in self.fields if not one.label for text in one.shown)
        return next(iter((*self.texts[:1], *unlabelled)), "")

    @property
    def numbers(self) -> frozenset[str]:
        """The digits of amounts and numbers that a field is for, of three or more. Those in texts are the requester's
        to choose."""
        shown = (text for field in self.fields if field.number is not None for text in field.shown)
        return frozenset(one for text in shown for one in numbers_in(text) if len(one) >= _TELLING)

    @property
    def name_words(self) -> frozenset[str]:
        return frozenset(word for name in self.names for word in phrase(name) if any(map(str.isalpha, word)))


UNKNOWN = About()


def numbers_in(text: str) -> Iterator[str]:
    """The digits of each number: "1,800.00" is "1800" in whatever way it is written, and "1.5" is "1.5"."""
    for number in _WHOLE_NUMBER.findall(text):
        whole, minor = _NO_MINOR.sub("", number.rstrip(".,'’")), ""
        if last := _MINOR.search(whole):
            whole, minor = whole[: last.start()], f".{last[1]}"
        yield "".join(filter(str.isdecimal, whole)) + minor


_TELLING = 3  # digits: fewer may count anything
_WHOLE_NUMBER = re.compile(NUMBER)
_NO_MINOR = re.compile(r"[.,]0{1,2}\Z")
_MINOR = re.compile(r"[.,]([0-9]{1,2})\Z")


def other_value(text: str, about: About, code: str) -> Sentence:
    """What a text says of a field that is not the request's value; NOTHING if it names none or the same. `code` is the
    language that it was written in."""
    if not about.fields and not about.amounts:
        return NOTHING
    words = tokens(text)
    for field in about.fields:
        for said, gap, end in _named(text, words, field.label):
            if _differs(said, gap, field, code):
                return _other(text[end - len(gap) - len(said) : end] or said, field)
    return _other_amount(text, about, code)


def same_values(text: str, about: About, code: str) -> Iterator[tuple[int, int]]:
    """Where a text names a field for dates or numbers and, behind a colon, the request's own: the value alone. A text
    of the request's is none: its words are the requester's, who may have foreseen what somebody answers with."""
    fields = [field for field in about.fields if field.day is not None or field.number is not None]
    if not fields:
        return
    words = tokens(text)
    for field in fields:
        for said, gap, end in _named(text, words, field.label):
            if not gap or not said or _differs(said, gap, field, code):
                continue
            begin = text.rfind(said, 0, end)
            if value := _alone(said, field):
                yield begin, begin + value


def _alone(said: str, field: Field) -> int:
    """How many characters a date or a number takes that a text begins with; 0 where it does not begin with one."""
    patterns = (_DATE, _DAY_MONTH, _MONTH_DAY) if field.day is not None else (amount_in(field.currency),)
    return max((found.end() for pattern in patterns if (found := pattern.match(said))), default=0)


def amount_in(currency: str) -> re.Pattern[str]:
    """A number, with the currency before or behind it where it stands there."""
    names = [currency, *(sign for sign, code in _SIGNS.items() if code == currency)] if currency else []
    named = "|".join([*map(re.escape, names), *(["euros?"] if currency == "EUR" else [])])
    return re.compile(rf"(?:(?:{named})\s?)?{NUMBER}(?:\s?(?:{named})(?![^\W_]))?", re.IGNORECASE)


def _other(said: str, field: Field) -> Sentence:
    said = " ".join(said.split())[:_SHOWN]
    return Sentence(
        "“{text}” is not what was asked for; the request says {label}: {value}.",
        text=said,
        label=field.label.rstrip(":？?： "),
        value=" ".join(field.shown[-1].split())[:_SHOWN],
    )


# --- behind a label -------------------------------------------------------------------------------------------


def _named(text: str, words: Sequence[Token], label: str) -> Iterator[tuple[str, str, int]]:
    """Each place where a label stands: what follows it in its sentence, and the signs between."""
    wanted = phrase(re.split(r"[(\[]", label)[0])
    wanted = tuple(word for word in wanted if any(map(str.isalnum, word)))
    if not wanted:
        return
    folded = [token.text for token in words]
    for at in range(len(words) - len(wanted) + 1):
        if tuple(folded[at : at + len(wanted)]) != wanted:
            continue
        begin = words[at + len(wanted) - 1].end
        end = _end(text, words, at + len(wanted))
        rest = text[begin:end]
        sign = _SAYS.match(rest)
        gap = sign[0] if sign else ""
        yield rest[len(gap) :].strip(), gap, end


def _end(text: str, words: Sequence[Token], start: int) -> int:
    """Where a value ends: with the line, the sentence, or what is long enough."""
    limit = words[start - 1].end + _LONGEST_VALUE
    for at in range(start, len(words)):
        token = words[at]
        if token.kind is Kind.NEWLINE or token.start > limit:
            return min(token.start, limit)
        if token.kind in (Kind.END, Kind.QUESTION) and not _in_a_date(text, token):
            return token.start
    return min(len(text), limit)


def _in_a_date(text: str, token: Token) -> bool:
    """ "1. 12. 2026" and "1. Dezember" end no sentence."""
    return text[token.start - 1 : token.start].isdecimal() and bool(
        re.match(r"\.[ \u00a0]?[0-9]|\. ?[^\W\d_]+ [0-9]{4}", text[token.start : token.start + 30])
    )


def _differs(said: str, sign: str, field: Field, code: str) -> bool:
    """Whether what follows a label is a value, and not the field's."""
    if field.day is not None:
        return _other_day(said, field.day, code, named=bool(sign))
    if field.number is not None:
        claimed = _first_number(said, named=bool(sign))
        return claimed is not None and number(claimed, code) != field.number
    return _other_text(said, field.shown, named=bool(sign))


def _first_number(said: str, *, named: bool) -> str | None:
    """The number that a value begins with, after few words; "" for a value without one; None where none is named."""
    found = re.search(NUMBER + r"[ ]?[kKmM]?(?![^\W\d_])", said)
    if found and len(re.findall(r"[^\W\d_]+", said[: found.start()])) <= _MOST_BETWEEN:
        return found[0]
    return "" if named and said else None


def _other_text(said: str, shown: Sequence[str], *, named: bool) -> bool:
    """A value in words is one behind a colon only; one with a digit ("KST-4711") also where few words stand between."""
    values = [_words(one) for one in shown]
    if named:
        return bool(_words(said)) and not any(_holds(value, _words(said)) for value in values)
    if not any(any(map(str.isdigit, word)) for value in values for word in value):
        return False
    for at, word in enumerate(_words(said)[: _MOST_BETWEEN + 1]):
        if word[:1].isdigit():
            return not any(word in value for value in values)
        if any(word in value for value in values) and at == 0:
            return False
    return False


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in phrase(text) if any(map(str.isalnum, word)))


def _holds(value: Sequence[str], words: Sequence[str]) -> bool:
    """Whether words stand beside each other in a value: "Dell" is said of "Dell GmbH"."""
    length = len(words)
    return any(tuple(value[at : at + length]) == tuple(words) for at in range(len(value) - length + 1))


# --- numbers --------------------------------------------------------------------------------------------------


def number(written: str, code: str) -> Decimal | None:
    """The value of a number as people of a language write it: "1.250" is a thousand in German. None: it is none."""
    compact = re.sub(r"[\s'’]", "", written).rstrip(".,")
    factor = {"k": 1_000, "m": 1_000_000}.get(compact[-1:].lower(), 1)
    compact = compact.rstrip("kKmM")
    decimal = str(get_format("DECIMAL_SEPARATOR", lang=code, use_l10n=True))
    points, commas = compact.count("."), compact.count(",")
    if points and commas:
        decimal = max(".,", key=compact.rfind)
    elif points + commas > 1:
        decimal = "," if points else "."
    elif not re.fullmatch(r"[1-9][0-9]{0,2}[.,][0-9]{3}", compact):
        decimal = "," if commas else "."
    grouping = "," if decimal == "." else "."
    with suppress(InvalidOperation):
        return Decimal(compact.replace(grouping, "").replace(decimal, ".")) * factor
    return None


def _other_amount(text: str, about: About, code: str) -> Sentence:
    """An amount with a currency that is none of the request's, where it has some."""
    asked = [
        field for field in (*about.fields, *about.amounts) if field.currency and field.number is not None
    ]
    if not asked:
        return NOTHING
    for written, currency, said in _amounts(text, {field.currency for field in asked}):
        value = number(written, code)
        if not any(value == field.number and currency == field.currency for field in asked):
            return _other(said, asked[0])
    return NOTHING


def _amounts(text: str, currencies: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Each amount, its currency, and both as they were written."""
    names = "|".join(re.escape(sign) for sign in (*_SIGNS, *sorted({*currencies, *_COMMON})))
    several = rf"(?:{names}|euros?)"
    amount = rf"({NUMBER}(?:[ ]?[kKmM]\b)?)"
    before, behind = (
        rf"({several})[ \u00a0\u202f]?{amount}",
        rf"{amount}[ \u00a0\u202f,.–-]{{0,3}}({several})(?![^\W_])",
    )
    pattern = f"{before}|{behind}"
    for found in re.finditer(pattern, text, re.IGNORECASE):
        sign = (found[1] or found[4]).upper()
        currency = _SIGNS.get(sign, "EUR" if sign.startswith("EURO") else sign)
        yield found[2] or found[3], currency, found[0]


# --- dates ----------------------------------------------------------------------------------------------------


def _other_day(said: str, day: date, code: str, *, named: bool) -> bool:
    """Whether a value is another day. One that is no date at all names none, where no sign says that it is the
    value."""
    days = _days(said, code)
    if days is None:
        return bool(said) and (named or any(map(str.isdigit, said[:12])))
    return not any(_is_day(one, day) for one in days)


_Day = tuple[int | None, int, int]  # year, month, day


def _is_day(one: _Day, day: date) -> bool:
    year, month, in_month = one
    return (month, in_month) == (day.month, day.day) and year in (None, day.year, day.year % 100)


def _days(said: str, code: str) -> list[_Day] | None:
    """The days that a written date may be; None if none is understood."""
    if found := _DATE.search(said):
        first, second, third = int(found[1]), int(found[2]), int(found[3])
        if len(found[1]) > 2:
            return [(first, second, third)]
        if "." in found[0]:
            return [(third, second, first)]
        month_first = str(get_format("SHORT_DATE_FORMAT", lang=code, use_l10n=True)).startswith(("m", "n"))
        return [(third, second, first), (third, first, second)] if month_first else [(third, second, first)]
    for pattern, at_month, at_day in ((_DAY_MONTH, 2, 1), (_MONTH_DAY, 1, 2)):
        if found := pattern.search(said):
            month = _month(found[at_month], code)
            if month:
                return [(int(found[3]) if found[3] else None, month, int(found[at_day]))]
    return None


def _month(written: str, code: str) -> int:
    """The month that a name is of, in the answer's language or in English; 0 if of none."""
    folded = written.casefold()
    for language in (code, "en"):
        with translation.override(language):
            for names in (MONTHS, MONTHS_3):
                for month, name in names.items():
                    if folded.startswith(str(name).casefold()[:_MONTH_LETTERS]) and str(name)[:1].isalpha():
                        return month
    return 0


_MONTH_LETTERS = 4  # that tell months apart, whatever their ending; English has "June" and "July"
