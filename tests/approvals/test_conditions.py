"""Rows are written as CEL and read as rows again, and say the same to whoever evaluates them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import placet.approvals
from placet.approvals.conditions import (
    Amount,
    OtherField,
    Row,
    RowInvalid,
    Rows,
    Subject,
    rows_of,
    sentence,
    subjects_of,
    subjects_to_compare,
    written,
)
from placet.approvals.definitions import Definition
from placet.approvals.form import condition_values, sample_data
from placet.designer import edits
from placet.lib.conditions import holds

PROCESS = Definition.model_validate(
    {
        "key": "try",
        "name": "Try",
        "start": "fin-1",
        "form": [
            {"name": "amount", "label": "Amount", "type": "money", "currency": "EUR"},
            {"name": "price", "label": "Price", "type": "money", "currency": ["EUR", "USD"]},
            {"name": "number", "label": "Number", "type": "number"},
            {"name": "share", "label": "Share", "type": "percent"},
            {"name": "note", "label": "Note", "type": "text"},
            {"name": "needed", "label": "Needed by", "type": "date"},
            {"name": "ends", "label": "Ends", "type": "date"},
            {"name": "at", "label": "At", "type": "date_time"},
            {"name": "urgent", "label": "Urgent", "type": "yes_no"},
            {
                "name": "country",
                "label": "Country",
                "type": "choice",
                "options": [
                    {"key": "FR", "label": {"en": "France", "fr": "France"}},
                    {"key": "DE", "label": {"en": "Germany", "fr": "Allemagne"}},
                    "no",
                ],
            },
            {"name": "touches", "label": "It touches", "type": "choices", "options": ["a", "b", "c"]},
            {"name": "whom", "label": "Whom", "type": "person"},
            {"name": "people", "label": "People", "type": "people"},
            {"name": "files", "label": "Files", "type": "files"},
            {"name": "stay", "label": "Stay", "type": "period"},
            {
                "name": "lines",
                "label": "Lines",
                "type": "table",
                "columns": [{"name": "cost", "label": "Cost", "type": "money", "currency": "EUR"}],
                "totals": [{"name": "total", "label": "Total", "sum": "cost"}],
            },
        ],
        "steps": {
            "fin-1": {
                "kind": "approval",
                "name": "Finance",
                "ask": [{"group": "finance"}],
                "questions": [{"name": "window", "label": "Window", "type": "date"}],
            },
            "done": {"kind": "end", "name": "Done", "result": "approved"},
        },
    }
)
SUBJECTS = subjects_of(PROCESS)

# --- any rows ---------------------------------------------------------------------------------------------

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(
        [
            "'",
            '"',
            "\\",
            "\\'",
            "' || true || '",
            "\n",
            "\r\n\t",
            "\0",
            "//",
            "']",
            "(" * 40,
            "+" * 30,
            "matches(",
        ]
    ),
)
NUMBERS = st.decimals(-10_000, 10_000, places=2)
DAYS = st.dates(date(2020, 1, 1), date(2030, 1, 1))


@st.composite
def rows(draw: st.DrawFn) -> Row:
    subject = draw(st.sampled_from([*SUBJECTS.values()]))
    comparison = draw(st.sampled_from(subject.comparisons))
    if comparison in ("is_empty", "is_not_empty"):
        return Row(subject.name, comparison)
    if comparison in ("one_of", "none_of"):
        return Row(subject.name, comparison, draw(st.lists(TEXTS, min_size=1, max_size=3)))
    others = subjects_to_compare(subject, SUBJECTS)
    to_another: bool = draw(st.booleans())
    if others and to_another:
        return Row(subject.name, comparison, OtherField(draw(st.sampled_from(others)).name))
    return Row(subject.name, comparison, draw(_values(subject, comparison)))


def _values(subject: Subject, comparison: str) -> st.SearchStrategy[Any]:
    if subject.chooses_currency:
        return st.builds(Amount, NUMBERS, st.sampled_from(subject.currencies))
    if subject.kind in ("number", "money", "percent"):
        return NUMBERS | st.integers(-9, 9)
    if subject.kind == "day":
        return DAYS
    if subject.kind == "yes_no":
        return st.booleans()
    return TEXTS.filter(bool) if comparison in ("is", "is_not") else TEXTS


@st.composite
def seen(draw: st.DrawFn) -> dict[str, Any]:
    """What conditions see of a request."""
    day = st.just("") | DAYS.map(str)
    words = TEXTS | st.sampled_from(["", "FR", "DE", "no", "a", "ada@example.com"])
    number = st.just(0.0) | NUMBERS.map(float)
    names = {"FR", "DE", "", "EUR", "USD"}
    return {
        **{name: draw(number) for name in ("amount", "price", "number", "share", "files", "total")},
        **{name: draw(words) for name in ("note", "country", "whom")},
        **{name: draw(day) for name in ("needed", "ends", "at")},
        "price_currency": draw(st.sampled_from(sorted(names))),
        "urgent": draw(st.booleans()),
        "touches": draw(st.lists(words, max_size=3)),
        "people": draw(st.lists(words, max_size=3)),
        "stay": {"from": draw(day), "to": draw(day), "days": draw(number)},
        "steps": {
            "fin-1": {
                "outcome": draw(st.sampled_from(["", "approve", "reject"])),
                "by": draw(words),
                "answers": {"window": draw(day)},
            }
        },
        "request": {"requester": draw(words)},
    }


@settings(max_examples=400, deadline=None)
@given(st.lists(rows(), max_size=4), st.sampled_from(["all", "any"]))
def test_what_is_written_is_read_as_the_same_rows(several: list[Row], all_or_any: Any) -> None:
    one = Rows(all_or_any, tuple(several))
    cel = written(one, PROCESS)
    assert rows_of(cel, PROCESS) == one, cel
    assert "\n" not in cel
    sentence(cel, PROCESS)


@settings(max_examples=400, deadline=None)
@given(st.lists(rows(), min_size=1, max_size=4), st.sampled_from(["all", "any"]), seen())
def test_what_is_written_holds_where_the_rows_do(several: list[Row], all_or_any: Any, values: Any) -> None:
    cel = written(Rows(all_or_any, tuple(several)), PROCESS)
    each = [_holds(row, values) for row in several]
    assert holds(cel, values) is (all(each) if all_or_any == "all" else any(each)), cel


def _held(name: str, values: Mapping[str, Any]) -> Any:
    value: Any = values
    for part in name.split("."):
        value = value[part]
    return value


def _holds(row: Row, values: Mapping[str, Any]) -> bool:
    """What a row says, worked out beside CEL."""
    held, subject = _held(row.field, values), SUBJECTS[row.field]
    if row.comparison in ("is_empty", "is_not_empty"):
        return (held in ("", [], 0.0)) is (row.comparison == "is_empty")
    if isinstance(row.value, Amount) and values["price_currency"] != row.value.currency:
        return False
    is_other = isinstance(row.value, OtherField)
    value = _held(row.value.name, values) if is_other else _plain(row.value)
    if row.comparison in ("one_of", "none_of"):
        return (held in value) is (row.comparison == "one_of")
    if row.comparison in ("contains", "contains_not"):
        return (value in held) is (row.comparison == "contains")
    if row.comparison == "begins_with":
        return bool(held.startswith(value))
    if row.comparison in ("is", "is_not"):
        return (held == value) is (row.comparison == "is")
    if subject.kind in ("day", "time", "moment") and (held == "" or value == ""):
        return not is_other and held == "" and value == "" and row.comparison in ("at_least",)
    return bool(
        {
            "above": held > value,
            "at_least": held >= value,
            "below": held < value,
            "at_most": held <= value,
        }[row.comparison]
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Amount):
        return float(value.number)
    return float(value) if isinstance(value, Decimal) else str(value) if isinstance(value, date) else value


# --- what hands write -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cel", "row"),
    [
        ("amount > 1000", Row("amount", "above", 1000)),
        ("(amount > 1000.50)", Row("amount", "above", Decimal("1000.5"))),
        ('country == "FR"', Row("country", "is", "FR")),
        ("urgent == false", Row("urgent", "is", value=False)),
        ("urgent != false", Row("urgent", "is", value=True)),
        ("!(urgent)", Row("urgent", "is", value=False)),
        ("!note.contains('x')", Row("note", "contains_not", "x")),
        ('steps["fin-1"].outcome == "reject"', Row("steps.fin-1.outcome", "is", "reject")),
        ("touches == []", Row("touches", "is_empty")),
        ("number == -3", Row("number", "is", -3)),
    ],
)
def test_what_hands_write_is_read_as_rows(cel: str, row: Row) -> None:
    assert rows_of(cel, PROCESS) == Rows("all", (row,))


@pytest.mark.parametrize(
    "cel",
    [
        "amount > 1000.0 && country == 'FR' || urgent",
        "amount > 1000.0 && (country == 'FR' || urgent)",
        "needed < '2026-01-01'",  # which holds without a day, and a row does not
        "price > 5.0",  # in whatever currency
        "amount + 1.0 > 3.0",
        "note.matches('x')",
        "'a' in note",
        "touches.contains('a')",
        "elsewhere > 1.0",
        "'FR' == country",
        "amount > 'x'",
        "country in []",
        "country == r'F'",
        "lines.exists(l, l.cost > 5.0)",
        "amount >",
        "amount > 1000.0 // much",
        "true",
        "!",
        "a.b.c.d",
        "(needed != '' && ends != '' && needed < '2026-01-01')",
    ],
)
def test_what_is_more_than_rows_stays_cel(cel: str) -> None:
    assert rows_of(cel, PROCESS) is None
    assert sentence(cel, PROCESS) == cel


@pytest.mark.parametrize(
    "row",
    [
        Row("elsewhere", "is", 1),
        Row("amount", "contains", "1"),
        Row("amount", "above", "1 || true"),
        Row("amount", "above", OtherField("note")),
        Row("amount", "above", OtherField("true || amount")),
        Row("amount", "above", Decimal("NaN")),
        Row("amount", "above", Amount(Decimal(1), "EUR")),
        Row("price", "above", 5),
        Row("price", "above", Amount(Decimal(1), "YEN")),
        Row("country", "is", ""),
        Row("country", "one_of", ()),
        Row("urgent", "is", "yes"),
        Row("needed", "below", "2026-01-01"),
        Row("note", "contains", "x" * 3000),
    ],
)
def test_what_cannot_be_compared_is_refused(row: Row) -> None:
    with pytest.raises(RowInvalid):
        written(Rows("all", (row,)), PROCESS)


def test_no_rows_are_no_condition() -> None:
    assert written(Rows(), PROCESS) == ""
    assert rows_of(" ", PROCESS) == Rows()


# --- in words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cel", "english", "french"),
    [
        (
            "amount > 1000 && country in ['FR', 'DE']",
            "Amount is above 1,000 EUR and Country is one of France, Germany",
            "Amount est supérieur à 1\u00a0000 EUR et Country est parmi France, Allemagne",
        ),
        ("urgent || !urgent", "Urgent: yes or Urgent: no", "Urgent\u00a0: oui ou Urgent\u00a0: non"),
        ("note == ''", "Note is empty", "Note est vide"),
        (
            "needed >= '2026-12-31'",
            "Needed by is on or after 31 December 2026",
            "Needed by est au plus tôt le 31 décembre 2026",
        ),
        ("share >= 2.5", "Share is at least 2.5\u00a0%", "Share est d’au moins 2,5\u00a0%"),
        (
            "steps['fin-1'].outcome == 'approve'",
            "what “Finance” came to is Approve",
            "ce que «\u00a0Finance\u00a0» a donné est Approuver",
        ),
        ("amount <= number", "Amount is at most Number", "Amount est d’au plus Number"),
    ],
)
def test_a_condition_is_read_in_words(cel: str, english: str, french: str) -> None:
    assert sentence(cel, PROCESS, "en") == english
    assert sentence(cel, PROCESS, "fr") == french


def test_a_label_that_is_a_question_stands_in_quotes() -> None:
    asked = [
        one.model_copy(update={"label": f"{one.label}?"}) for one in PROCESS.fields if one.name != "lines"
    ]
    process = PROCESS.model_copy(update={"form": tuple(asked)})
    assert sentence("!urgent || note != ''", process, "en") == "“Urgent?”: no or “Note?” is not empty"
    assert sentence("number < share", process, "en") == "“Number?” is below “Share?”"


def test_every_condition_of_the_samples_is_rows_or_stays_as_it_is() -> None:
    read = 0
    for path in sorted((Path(placet.approvals.__file__).parent / "samples").glob("*.yaml")):
        definition = Definition.model_validate(edits.value_at(path.read_text(), []))
        values = condition_values(definition, sample_data(definition))
        for way in definition.transitions:
            again = None if way.when is None else rows_of(way.when, definition)
            if way.when is not None and again is not None:
                read += 1
                assert holds(written(again, definition), values) is holds(way.when, values)
    assert read >= 7
