"""Which values a text names, and whether they are the request's: numbers and dates as a language writes them."""

from datetime import date
from decimal import Decimal

import pytest

from placet.replies.read_facts import UNKNOWN, About, Field, number, other_value, same_values

DAY = About((Field("Needed on:", ("1 December 2026",), day=date(2026, 12, 1)),))


@pytest.mark.parametrize("code", ["de", "en", "fr", "es"])
@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("1 December 2026", True),
        ("DECEMBER 1", True),
        ("2026-12-01", True),
        ("1.12.2026", True),
        ("01.12.26", True),
        ("2 December 2026", False),
        ("1 November 2026", False),
        ("1 December 2027", False),
        ("2026-12-02", False),
    ],
)
def test_a_day_is_known_by_numbers_and_by_english_names_in_every_language(
    code: str, written: str, same: bool
) -> None:
    assert bool(other_value(f"Needed on: {written}", DAY, code)) is not same


@pytest.mark.parametrize(
    ("code", "written", "same"),
    [
        ("de", "1. Dezember 2026", True),
        ("de", "am 1. DEZEMBER", True),
        ("de", "1. Juni 2026", False),
        ("de", "1. März 2026", False),
        ("fr", "1er décembre 2026", True),
        ("fr", "1er juin 2026", False),
        ("es", "1 de diciembre de 2026", True),
        ("es", "1 de junio de 2026", False),
        ("ru", "1 декабря 2026", True),
        ("ru", "1 Июня 2026", False),
        ("en", "12/1/2026", True),
        ("en", "1/12/2026", True),
        ("de", "12/1/2026", False),
    ],
)
def test_months_have_their_names_in_the_language_of_the_answer(code: str, written: str, same: bool) -> None:
    assert bool(other_value(f"Needed on: {written}", DAY, code)) is not same


@pytest.mark.parametrize(
    ("code", "written", "value"),
    [
        ("en", "1,250", "1250"),
        ("de", "1.250", "1250"),
        ("en", "1.250", "1.250"),
        ("de", "1,250", "1.250"),
        ("en", "1,250.50", "1250.50"),
        ("de", "1.250,50", "1250.50"),
        ("en", "1.250.000", "1250000"),
        ("en", "12.5", "12.5"),
        ("en", "12,5", "12.5"),
        ("fr", "1 250,50", "1250.50"),
        ("de", "1'250.50", "1250.50"),
        ("en", "2k", "2000"),
        ("en", "1.5M", "1500000"),
        ("en", "0.250", "0.250"),
        ("en", "500.", "500"),
    ],
)
def test_a_number_has_the_value_that_people_of_its_language_read(code: str, written: str, value: str) -> None:
    assert number(written, code) == Decimal(value)


def test_what_is_no_number_has_no_value() -> None:
    assert number("1-2", "en") is None


# --- what is named ----------------------------------------------------------------------------------------------

REQUEST = About((Field("Amount:", ("900",), Decimal(900)), Field("Supplier", ("Dell GmbH", "KST-12"))))


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Amount is 3", True),
        ("Amount is now 900", False),
        ("Amount: is what we said in 2026", True),
        ("Amount was discussed by all 3 of us", False),  # too far behind to be its value
        ("supplier 7", True),
        ("supplier is 7", True),
        ("supplier is now 7", True),
        ("supplier is now and then 7", False),
        ("supplier is KST-12", False),
        ("supplier is 12", False),
        ("Supplier: Dell", False),
        ("Supplier: GmbH", False),
        ("Supplier: GmbH Dell", True),
        ("Approved.\nSupplier: Lenovo", True),
        ("Supplier: Lenovo", True),
    ],
)
def test_a_value_stands_close_behind_the_label(text: str, other: bool) -> None:
    assert bool(other_value(text, REQUEST, "en")) is other


@pytest.mark.parametrize(
    ("sign", "currency"),
    [
        ("€", "EUR"), ("$", "USD"), ("£", "GBP"), ("¥", "JPY"), ("₹", "INR"), ("₩", "KRW"), ("₺", "TRY"), ("₽", "RUB"),
    ],
)  # fmt: skip
def test_a_currency_is_known_by_its_sign_and_by_its_code(sign: str, currency: str) -> None:
    about = About((Field("Cost:", ("900",), Decimal(900), currency),))
    for same in (f"for {sign}900", f"for 900 {sign}", f"for {currency} 900", f"for 900.00 {currency}"):
        assert not other_value(same, about, "en")
    for other in (f"for {sign}901", f"for 901 {sign}", f"for {currency} 901", "for CHF 900"):
        assert other_value(other, about, "en")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Approved.\nSupplier: Dell\nAmount = 900 as agreed", ["900"]),
        ("Cost: € 900 in all", ["€ 900"]),
        ("Cost: 900 euros in all", ["900 euros"]),
        ("Needed on: 1 December as agreed", ["1 December"]),
        ("Cost: 901", []),  # another value
        ("Cost 900", []),  # no sign says that it is the value
        ("Cost:", []),
        ("Supplier: Dell GmbH", []),  # the requester's words
        ("Dell", []),
    ],
)
def test_the_requests_own_values_behind_their_labels_are_known(text: str, values: list[str]) -> None:
    cost = Field("Cost:", ("900",), Decimal(900), "EUR")
    about = About((*REQUEST.fields, cost, *DAY.fields))
    places = list(same_values(text, about, "en"))
    assert [text[begin:end] for begin, end in places] == values
    assert all(text[:begin].endswith((": ", "= ")) for begin, _ in places)
    assert not list(same_values(text, UNKNOWN, "en"))


def test_digits_in_texts_are_no_numbers_of_the_request() -> None:
    """The requester may have foreseen which ones an answer names."""
    amount, supplier = (
        Field("Amount:", ("1,800.00 EUR",), Decimal(1800), "EUR"),
        Field("Supplier", ("Dell 4711",)),
    )
    assert About((amount, supplier)).numbers == {"1800"}
