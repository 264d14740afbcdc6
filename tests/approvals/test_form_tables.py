"""Tables of a form: what their rows take, what they come to, and how an approver is shown them."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import lxml.html
import pytest
import yaml
from django.utils import translation

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import (
    FormInvalid,
    condition_values,
    facts,
    facts_as_read,
    facts_hash,
    read_form,
    title_of,
    words_of,
)
from placet.approvals.form_logic import fill
from placet.approvals.models import AskLine, Assignment
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.lib.conditions import holds
from placet.mail.models import OutgoingMail
from placet.replies.read_facts import other_value
from placet.replies.settle import about
from tests.approvals.test_processes import changed, form
from tests.making import make_mailbox, one_step

LINES: dict[str, Any] = {
    "name": "lines",
    "label": "Lines",
    "type": "table",
    "columns": [
        {"name": "item", "label": "Item", "type": "text", "required": True},
        {"name": "number", "label": "Number", "type": "number", "min": 1, "digits": 0},
        {"name": "price", "label": "Price", "type": "money", "currency": "EUR"},
        {"name": "sum", "label": "Sum", "type": "money", "currency": "EUR", "computed": "number * price"},
        {"name": "gift", "label": "Gift", "type": "yes_no"},
    ],
    "unique": "item",
    "max": 4,
    "totals": [
        {"name": "total", "label": "Total", "sum": "sum"},
        {"name": "dearest", "label": "Dearest", "max": "price"},
        {"name": "cheapest", "label": "Cheapest", "min": "price"},
        {"name": "pieces", "label": "Pieces", "sum": "number"},
        {"name": "gifts", "label": "Gifts", "count": "gift"},
        {"name": "kinds", "label": "Kinds", "count": True},
    ],
}
ENTERED = [
    {"item": "Desk", "number": "2", "price": "1,250.50"},
    {"item": "", "number": " ", "gift": ""},
    {"item": "Lamp", "number": "3", "price": "10", "gift": "yes", "sum": "1"},
]


def lines(*more: dict[str, Any], title: str = "Order", **changes: Any) -> Definition:
    return form({**LINES, **changes}, *more, title=title)


def eur(minor: int) -> dict[str, Any]:
    return {"minor": minor, "currency": "EUR"}


DATA = {
    "lines": [
        {"item": "Desk", "number": 2, "price": eur(125_050), "sum": eur(250_100), "gift": False},
        {"item": "Lamp", "number": 3, "price": eur(1000), "sum": eur(3000), "gift": True},
    ]
}


def errors_of(rows: Any, **changes: Any) -> dict[str, str]:
    with pytest.raises(FormInvalid) as error:
        read_form(lines(**changes), {"lines": rows})
    return error.value.errors


# --- what is taken --------------------------------------------------------------------------------------------


def test_rows_are_kept_with_what_is_computed_and_blank_ones_are_not() -> None:
    assert read_form(lines(), {"lines": ENTERED}) == DATA
    assert read_form(lines(), {"lines": [{}, {"item": ""}]}) == {"lines": None}
    assert read_form(lines(), {}) == {"lines": None}


def test_each_cell_that_does_not_fit_is_named() -> None:
    rows = [
        {"item": "Desk", "number": "0"},
        {},
        {"item": "", "price": "-1"},
        {"item": "Lamp", "colour": "red"},
    ]
    assert errors_of(rows) == {
        "lines.1.number": "At least 1, please.",
        "lines.3.item": "Please fill this in.",
        "lines.3.price": "An amount cannot be negative.",
        "lines.4.colour": "This table has no such column.",
    }


def test_what_has_to_be_unique_is() -> None:
    rows = [{"item": "Desk"}, {}, {"item": "Lamp"}, {"item": "DESK"}]
    assert errors_of(rows) == {"lines.4.item": "This stands in row 1 already; here it may stand only once."}


def test_there_are_so_many_rows() -> None:
    assert errors_of([{"item": f"{n}"} for n in range(5)]) == {"lines": "At most 4 rows, please."}
    assert errors_of([{"item": "a"}], min=2) == {"lines": "At least 2 rows, please."}
    assert errors_of([], required=True) == {"lines": "Please fill this in."}
    assert read_form(lines(min=2), {"lines": []}) == {
        "lines": None
    }  # nothing is asked of a table that is left out


@pytest.mark.parametrize("entered", ["x", 5, [1], [["x"]], [{"item": "x"}] * 251])
def test_what_is_no_table_is_said(entered: Any) -> None:
    assert errors_of(entered) == {"lines": "Please fill in rows, at most 200."}


def test_a_computed_cell_that_cannot_be_is_said() -> None:
    columns = [
        *LINES["columns"][:3],
        {"name": "sum", "label": "Sum", "type": "number", "computed": "1.0 / number"},
    ]
    changes = {"columns": columns, "totals": [{"name": "total", "label": "Total", "sum": "price"}]}
    assert errors_of([{"item": "a"}], **changes) == {
        "lines.1.sum": "This comes to no number that can be kept. Please check the other fields."
    }


# --- what conditions and other fields see ---------------------------------------------------------------------


def test_conditions_see_the_rows_and_what_they_come_to() -> None:
    values = condition_values(lines(), DATA)
    assert values == {
        "lines": [
            {"item": "Desk", "number": 2.0, "price": 1250.5, "sum": 2501.0, "gift": False},
            {"item": "Lamp", "number": 3.0, "price": 10.0, "sum": 30.0, "gift": True},
        ],
        "total": 2531.0, "dearest": 1250.5, "cheapest": 10.0, "pieces": 5.0, "gifts": 1.0, "kinds": 2.0,
    }  # fmt: skip
    assert holds("lines.exists(l, l.price > 500.0) && total > 2500.0", values)
    assert condition_values(lines(), {"lines": None}) == {
        "lines": [], "total": 0.0, "dearest": 0.0, "cheapest": 0.0, "pieces": 0.0, "gifts": 0.0, "kinds": 0.0,
    }  # fmt: skip


def test_sums_are_exact() -> None:
    rows = [{"item": str(n), "number": "1", "price": "0.1"} for n in range(3)]
    columns = [{"name": "n", "label": "N", "type": "number"}]
    numbers = form(
        {
            "name": "t",
            "type": "table",
            "columns": columns,
            "totals": [{"name": "s", "label": "S", "sum": "n"}],
        },
        title="It",
    )
    assert condition_values(numbers, read_form(numbers, {"t": [{"n": "0.1"}] * 3}))["s"] == 0.3
    assert title_of(lines(title="{total}"), read_form(lines(), {"lines": rows})) == "0.30 EUR"


def test_other_fields_depend_on_a_table_and_its_totals() -> None:
    definition = lines(
        {"name": "why", "type": "text", "require": "total > 1000.0"},
        {"name": "fee", "type": "money", "currency": "EUR", "computed": "total * 0.1"},
        {"name": "wrap", "type": "text", "show": "lines.exists(l, l.gift)"},
    )
    filled = fill(definition, {"lines": ENTERED})
    assert filled.data["fee"] == eur(25_310)
    assert filled.shows("wrap")
    assert filled.errors == {"why": "Please fill this in."}
    wrong = fill(definition, {"lines": [{"item": "a", "price": "much"}]})
    assert wrong.errors == {"lines.1.price": "Please write a number, such as 1250.00."}
    assert wrong.data["fee"] is None
    partly = fill(definition, {"lines": [ENTERED[0], {"item": "a", "price": "much"}]})
    assert partly.standings["why"].required  # as the total that a page shows of the other rows


def test_a_table_that_is_not_shown_is_not_checked() -> None:
    definition = form({"name": "more", "type": "yes_no"}, {**LINES, "show": "more"}, title="It")
    assert read_form(definition, {"lines": [{"price": "much"}]}) == {"more": False, "lines": None}


# --- how it is shown ------------------------------------------------------------------------------------------


def test_a_table_is_a_fact_with_its_cells() -> None:
    [fact] = facts(lines(), DATA)
    assert fact.text == (
        "Desk · 2 · 1,250.50 EUR · 2,501.00 EUR · no\n"
        "Lamp · 3 · 10.00 EUR · 30.00 EUR · yes\n"
        "Total: 2,531.00 EUR\nDearest: 1,250.50 EUR\nCheapest: 10.00 EUR\nPieces: 5\nGifts: 1\nKinds: 2"
    )
    assert fact.table is not None
    assert fact.table.columns == ["Item", "Number", "Price", "Sum", "Gift"]
    assert fact.table.numeric == [False, True, True, True, False]
    assert fact.glance.startswith("2 rows · Total: 2,531.00 EUR")
    with translation.override("fr"):
        [read] = facts_as_read(lines(), DATA)
        assert facts(lines(), DATA) == [fact]
    assert read.table is not None
    assert read.table.rows[1][2].replace("\xa0", " ").replace("\u202f", " ") == "10,00 EUR"
    assert words_of(lines(), DATA).splitlines()[-4:] == [
        "1250.50 eur",
        "2501.00 eur",
        "10.00 eur",
        "30.00 eur",
    ]


@pytest.mark.django_db
def test_the_hash_of_what_was_shown_covers_each_cell(alice: Person, bob: Person) -> None:
    columns = [{"name": name, "label": name, "type": "text"} for name in ("a", "b")]
    table = {"name": "item", "label": "T", "type": "table", "columns": columns}
    version = publish(
        one_step(
            [{"manager": True}], form=[table, {"name": "amount", "label": "A", "type": "text"}], title="Order"
        )
    )
    definition = definition_of(version)
    one = engine.start(version, alice, {"item": [{"a": "x · y", "b": "z"}]})
    two = engine.start(version, alice, {"item": [{"a": "x", "b": "y · z"}]})
    assert facts(definition, one.data)[0].text == facts(definition, two.data)[0].text
    assert facts_hash(one, definition) != facts_hash(two, definition)
    assert Assignment.objects.count() == 2


# --- before it is published -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"columns": None}, "form: lines: say its columns"),
        ({"columns": []}, "form.2.columns: Tuple should have at least 1 item"),
        ({"unique": "x"}, "form: lines: unique: there is no column x"),
        ({"max": 201}, "form: lines: max: write a number of rows, at most 200"),
        ({"min": 5}, "form: lines: min is more than max"),
        ({"default": "[]"}, "form: lines: a table takes no default"),
        (
            {"totals": [{"name": "total", "label": "T", "sum": "x"}]},
            "form: lines: total: there is no column x",
        ),
        (
            {"totals": [{"name": "total", "label": "T", "sum": "item"}]},
            "form: lines: total: only columns of money, number, percent have a sum",
        ),
        (
            {"totals": [{"name": "total", "label": "T"}]},
            "form.2.totals.0: say exactly one of sum, count, min and max",
        ),
        (
            {"totals": [{"name": "item", "label": "T", "count": True}]},
            "form: two fields or totals are called item",
        ),
        ({"columns": [LINES["columns"][0]] * 2}, "form: lines: two columns are called item"),
        (
            {"columns": [{"name": "item", "label": "I", "type": "choice"}]},
            "form: lines.item: say its options",
        ),
        (
            {"columns": [{"name": "item", "label": "I", "type": "files"}]},
            "form.2.columns.0.type: Input should be 'text'",
        ),
        (
            {"columns": [{"name": "item", "label": "I", "type": "text", "computed": "amount"}]},
            "form: lines.item: computed: there is no field amount",
        ),
        (
            {"columns": [{"name": "item", "label": "I", "type": "text", "computed": "item"}]},
            "form: lines.item: item → item depend on each other in a circle",
        ),
        (
            {"columns": [{"name": "item", "label": "I", "type": "text", "computed": "1.0"}]},
            "form: lines.item: computed: “1.0” gives no text",
        ),
    ],
)
def test_what_a_table_says_must_hold_together(changes: dict[str, Any], sentence: str) -> None:
    table = {**LINES, "totals": None, "unique": None, **changes}
    if "columns" in changes and changes["columns"] != LINES["columns"]:
        table["totals"] = changes.get("totals")
    source = changed("form", to=[
        {"name": "item", "label": "I", "type": "text"},
        {"name": "amount", "label": "A", "type": "money", "currency": "EUR"},
        {name: value for name, value in table.items() if value is not None},
    ])  # fmt: skip
    with pytest.raises(DefinitionInvalid) as error:
        parse_definition(source)
    assert any(sentence in problem for problem in error.value.problems), error.value.problems


def test_tables_have_not_more_cells_than_a_page_can_send() -> None:
    columns = [{"name": f"c{n}", "label": "C", "type": "text"} for n in range(12)]
    with pytest.raises(
        DefinitionInvalid, match="may have 4800 cells together, and 3000 is the most: say max"
    ):
        form(*({"name": name, "type": "table", "columns": columns} for name in "ab"), title="It")


def test_the_examples_of_the_manual_can_be_published() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "processes.md").read_text()
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    forms = [block["form"] for block in blocks if isinstance(block, dict) and "form" in block]
    tables = [block for block in blocks if isinstance(block, list) and block[0].get("type") == "table"]
    assert (len(forms), len(tables)) == (3, 1)
    for parts in [forms[2], *tables]:
        assert form(*parts, title="Example").fields


def test_circles_through_a_total_are_found() -> None:
    with pytest.raises(DefinitionInvalid, match="in a circle"):
        lines({"name": "more", "type": "number", "computed": "kinds"}, show="more > 1.0")


# --- in mails -------------------------------------------------------------------------------------------------

COSTS: dict[str, Any] = {
    "name": "costs", "label": "Costs", "type": "table",
    "columns": [
        {"name": "thing", "label": "Thing", "type": "text"},
        {"name": "price", "label": "Price", "type": "money", "currency": "EUR"},
    ],
    "totals": [{"name": "total", "label": "Total", "sum": "price"}],
}  # fmt: skip


def mail(alice: Person, form: list[dict[str, Any]], **entered: Any) -> tuple[str, Any]:
    """The text and the page of the mail that asks."""
    make_mailbox()
    engine.start(publish(one_step([{"manager": True}], form=form, title="Order")), alice, entered)
    raw = bytes(OutgoingMail.objects.get(kind="ask").raw)
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    text, markup = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert markup is not None
    return text.get_content().replace("\r", ""), lxml.html.document_fromstring(markup.get_content())


def cells_of(page: Any) -> list[list[str]]:
    [table] = page.xpath("//table[tr/th or tbody/tr/th]")
    return [[cell.text_content() for cell in row.iterchildren("th", "td")] for row in table.iter("tr")]


@pytest.mark.django_db
def test_a_mail_has_a_table_as_a_table(alice: Person, bob: Person) -> None:
    rows = [{"thing": "Desk <b>", "price": "1250"}, {"thing": "See www.evil.example", "price": ""}]
    text, page = mail(alice, [COSTS], costs=rows)
    assert cells_of(page) == [
        ["Thing", "Price"],
        ["Desk <b>", "1,250.00 EUR"],
        ["See www\u200b.\u200bevil.\u200bexample", "–"],
    ]
    assert "Total1,250.00 EUR" in page.text_content().replace("\n", "").replace("  ", "")
    assert (
        "Costs:\n    | Thing · Price\n    | Desk <b> · 1,250.00 EUR\n"
        "    | See www\u200b.\u200bevil.\u200bexample · –\n    | Total: 1,250.00 EUR\n"
    ) in text
    assert not [link for link in page.xpath("//a/@href") if "evil" in link]


@pytest.mark.django_db
def test_a_mail_has_wide_tables_cell_below_cell(alice: Person, bob: Person) -> None:
    _text, page = mail(alice, [LINES], lines=ENTERED)
    assert not page.xpath("//th")
    assert "Number: 2" in page.text_content()
    assert "Sum: 2,501.00 EUR" in page.text_content()


@pytest.mark.django_db
def test_a_mail_has_of_many_rows_what_they_come_to_and_the_way_to_them(alice: Person, bob: Person) -> None:
    text, page = mail(alice, [COSTS], costs=[{"thing": f"Thing {n}", "price": "1"} for n in range(11)])
    [link] = page.xpath("//a[contains(text(), '11 rows')]/@href")
    assert "/requests/" in link
    assert "Thing 3" not in page.text_content()
    assert "Costs:\n    | 11 rows; see the request in Placet.\n    | Total: 11.00 EUR\n" in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("reply", "is_other"),
    [
        ("Approved, 1,250.00 EUR is fine", False),  # in a cell
        ("Approved, 1,350.00 EUR in all", False),  # the total
        ("Total: 1,350.00 EUR", False),
        ("Approved, but 2,000.00 EUR", True),
        ("Total: 2,000.00", True),
        ("Size: L", False),
        ("Size: Large", False),
        ("Size: Small", True),
        ("Rate: 19 %", False),
        ("Rate: 7 %", True),
    ],
)
def test_a_reply_is_compared_with_tables_and_totals_too(
    reply: str, is_other: bool, alice: Person, bob: Person
) -> None:
    size = {
        "name": "size",
        "label": "Size",
        "type": "choice",
        "options": [{"key": "l", "label": {"en": "Large", "fr": "L"}}],
    }
    rate = {"name": "rate", "label": "Rate", "type": "percent"}
    costs = [{"thing": "Desk", "price": "1250"}, {"thing": "Lamp", "price": "100"}]
    bob.language = "fr"  # reads another label than facts have
    bob.save()
    mail(alice, [COSTS, size, rate], costs=costs, size="l", rate="19")
    assert bool(other_value(reply, about(AskLine.objects.get()), "en")) is is_other
