"""Numbers, amounts and percentages as people write them, and as they are kept and shown."""

import re
from collections.abc import Mapping
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.approvals.form_parts import Input

LARGEST_AMOUNT = Decimal(10) ** 12
MOST_DIGITS = 25  # Decimal rounds in silence above 28
SETTLED_DIGITS = 6  # after the point, of a number that was computed and whose field says none


def read_decimal(text: str) -> Decimal:
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


def must_have_digits(number: Decimal, digits: int) -> None:
    """Written digits count, zeros too: somebody's 1.250 is a thousand, and not to be taken for 1.25."""
    if -int(number.as_tuple().exponent) > digits:
        said = ngettext(
            "At most {number} digit after the point, please. Write a thousand as 1000 or 1,000.",
            "At most {number} digits after the point, please. Write a thousand as 1000 or 1,000.",
            digits,
        )
        raise ValueError(said.format(number=digits))


def must_be_within(number: Decimal, field: Input, currency: str = "") -> None:
    """ValueError if a number is not what the field's limits let in. `currency`: of an amount."""
    low, high = limit_of(field.min), limit_of(field.max)
    if low is not None and number < low:
        raise ValueError(_("At least {number}, please.").format(number=_as_entered(low, field, currency)))
    if high is not None and number > high:
        raise ValueError(_("At most {number}, please.").format(number=_as_entered(high, field, currency)))
    if field.step is None:
        return
    step, start = Decimal(str(field.step)), low or Decimal(0)
    steps = ((number - start) / step).to_integral_value(ROUND_FLOOR)
    below = start + steps * step
    if below != number:
        raise ValueError(
            _("In steps of {step}, please: {below} or {above}, for example.").format(
                step=_as_entered(step, field, currency),
                below=_as_entered(below, field, currency),
                above=_as_entered(below + step, field, currency),
            )
        )


def limit_of(limit: Any) -> Decimal | None:
    return None if limit is None else Decimal(str(limit))


def _as_entered(number: Decimal, field: Input, currency: str) -> str:
    """As the reader writes it, with what belongs to a value of this field."""
    if field.type == "money":
        return amount_as_read(number, currency or field.main_currency)
    plain = number.normalize() if number else Decimal(0)
    shown = formats.number_format(f"{plain:f}", use_l10n=True)
    return f"{shown}\N{NO-BREAK SPACE}%" if field.type == "percent" else shown


def amount_as_read(amount: Decimal, currency: str) -> str:
    digits = minor_digits(currency)
    return f"{formats.number_format(amount, digits, use_l10n=True, force_grouping=True)} {currency}"


def amount_and_currency(entered: Any, field: Input) -> tuple[str, str]:
    """What was entered, taken apart: {"amount", "currency"}, or a text such as “1250 USD”. Without a currency it is the
    one that stands there by itself."""
    if isinstance(entered, Mapping):
        amount, code = entered.get("amount"), str(entered.get("currency") or "").strip().upper()
        return "" if amount is None else str(amount).strip(), code or field.main_currency
    text = str(entered).strip()
    if field.chooses_currency and (written := _WITH_CODE.fullmatch(text)):
        first, amount, last = written.groups(default="")
        if not first or not last:
            return amount.strip(), (first or last).upper() or field.main_currency
    return text, field.main_currency


_WITH_CODE = re.compile(r"([A-Za-z]{3})?([^A-Za-z]*)([A-Za-z]{3})?")


def plain(number: Decimal) -> float | int:
    """As a number is kept."""
    return int(number) if number == number.to_integral_value() else float(number)


def settled(computed: float, digits: int) -> Decimal:
    """What came out of a computation with fractions in base two, as a person would have computed it: 1.265 that came
    out as 1.26499999999999 is rounded as 1.265 is."""
    with localcontext(prec=MOST_DIGITS + 2 * SETTLED_DIGITS):
        near = Decimal(repr(computed)).quantize(Decimal(1).scaleb(-digits - SETTLED_DIGITS), ROUND_HALF_UP)
        return near.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


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
