"""Definitions: what is wrong with one is said in a sentence; and what a form makes of what people type."""

from copy import deepcopy
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import (
    FormInvalid,
    condition_values,
    facts,
    read_form,
    sample_data,
    title_of,
)
from placet.approvals.form_numbers import minor_digits
from placet.approvals.models import Process
from placet.approvals.processes import DefinitionInvalid, newest, parse_definition, publish
from placet.commands.process import SAMPLES
from placet.lib.canonical import digest
from tests.making import SAMPLE


def problems(source: Any) -> list[str]:
    with pytest.raises(DefinitionInvalid) as error:
        parse_definition(source)
    assert str(error.value) == "\n".join(error.value.problems)
    return error.value.problems


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """The sample with one value changed; `...` takes it out."""
    data = deepcopy(yaml.safe_load(SAMPLE))
    at = data
    for part in path[:-1]:
        at = at[part]
    if to is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return data  # type: ignore[no-any-return]  # YAML


# --- definitions ----------------------------------------------------------------------------------------------


def test_the_sample_is_good() -> None:
    definition = parse_definition(SAMPLE)
    assert list(definition.steps) == ["manager", "finance", "approved", "rejected"]
    assert definition.proof_for("finance") == "colleague"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            changed("steps", "Bad Key", to={"kind": "end", "name": "X", "result": "x"}),
            "steps: “Bad Key” is not a key (a-z, 0-9, - and _)",
        ),
        (changed("form", 2, "name", to="item"), "form: two fields are called item"),
        (changed("form", 1, "currency", to=...), "form: amount needs a currency"),
        (changed("start", to="nowhere"), "start: there is no step nowhere"),
        (
            changed("steps", "manager", "outcomes", to=["approve", "reject", "shrug"]),
            "steps.manager.approval.outcomes.2: shrug needs a label",
        ),
        (changed("steps", "manager", "rule", to=0), "steps.manager: at least one person must answer"),
        (changed("steps", "manager", "rule", to=-1), "steps.manager: at least one person must answer"),
        (
            changed("transitions", 2, to={"from": "manager", "outcome": "approve", "to": "approved"}),
            "steps.manager: nothing follows reject",
        ),
        (
            changed("transitions", 1, "when", to="amount < 5"),
            "steps.manager: what if no condition holds on approve? End with a way that has none",
        ),
        (
            changed("transitions", 0, "when", to=...),
            "steps.manager: on approve, ways after the one without a condition are never taken",
        ),
        (
            changed("transitions", 3, "from", to="nowhere"),
            "transitions, number 4: there is no step nowhere that has outcomes",
        ),
        (
            changed("transitions", 3, "from", to="approved"),
            "transitions, number 4: there is no step approved that has outcomes",
        ),
        (
            changed("transitions", 3, "outcome", to="shrug"),
            "transitions, number 4: finance has no outcome shrug",
        ),
        (changed("transitions", 3, "to", to="nowhere"), "transitions, number 4: there is no step nowhere"),
        (changed("transitions", 0, "to", to="approved"), "steps.finance: no way leads here"),
        (
            changed("transitions", 0, "when", to="amount >"),
            "transitions, number 1: “amount >” is not a condition",
        ),
        (
            changed("transitions", 0, "when", to="amuont > 1000"),
            "transitions, number 1: “amuont > 1000” cannot be evaluated",
        ),
        (
            changed("transitions", 0, "when", to="amount"),
            "transitions, number 1: “amount” is neither true nor false.",
        ),
        (
            changed("transitions", 0, "when", to="item > 1000"),
            "transitions, number 1: “item > 1000” cannot be evaluated",
        ),
        (changed("key", to=...), "key: Field required"),
        (changed("key", to="Purchase!"), "key: String should match pattern"),
        (changed("name", to=""), "name: String should have at least 1 character"),
        (changed("colour", to="red"), "colour: Extra inputs are not permitted"),
        (
            changed("steps", "manager", "ask", to=[]),
            "steps.manager.approval.ask: Tuple should have at least 1 item",
        ),
        (
            changed("steps", "manager", "ask", to=[{}]),
            "say exactly one of requester, manager, manager_of, managers, group, person, ",
        ),
        (
            changed("steps", "manager", "ask", to=[{"manager": True, "group": "x"}]),
            "say exactly one of requester, manager, manager_of, managers, group, person, ",
        ),
        (
            changed("steps", "manager", "ask", to=[{"manager": False}]),
            "steps.manager.approval.ask.0.manager: say true, or how many levels up: 1 to 10",
        ),
        (
            changed("steps", "manager", "kind", to="robot"),
            "steps.manager: Input tag 'robot' found using 'kind' does not match",
        ),
        (
            changed("steps", "manager", "outcomes", to=[]),
            "steps.manager.approval.outcomes: Tuple should have at least 1 item",
        ),
        (
            changed("steps", "manager", "rule", to="most"),
            "steps.manager.approval.rule: say first, all, or how many people must approve",
        ),
        (changed("form", 1, "type", to="cash"), "form.1.type: Input should be 'text'"),
        (changed("form", 1, "currency", to="euro"), "form.1.currency: write three capitals such as EUR"),
        (
            changed("proof", to="trust me"),
            "proof: Input should be 'colleague', 'outside', 'submitted', 'signed' or 'page'",
        ),
        (
            changed("steps", "approved", "result", to="Well done"),
            "steps.approved.end.result: String should match pattern",
        ),
    ],
)
def test_each_mistake_is_named(source: dict[str, Any], sentence: str) -> None:
    found = problems(source)
    assert any(sentence in problem for problem in found), found


def test_a_process_that_never_ends_is_named() -> None:
    circle = {
        "key": "circle",
        "name": "Circle",
        "start": "a",
        "steps": {"a": {"kind": "approval", "name": "A", "ask": [{"manager": True}]}},
        "transitions": [{"from": "a", "outcome": outcome, "to": "a"} for outcome in ("approve", "reject")],
    }
    assert problems(circle) == ["steps: the process never ends"]


def test_all_mistakes_are_named_at_once() -> None:
    source = changed("start", to="nowhere")
    source["steps"]["manager"]["rule"] = 0
    source["transitions"][0]["when"] = "("
    assert len(problems(source)) == 3


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "A process is a list of names"),
        ("just a word", "A process is a list of names"),
        ("[1, 2]", "A process is a list of names"),
        ("key: [", "This is not YAML"),
        ("\x00", "This is not YAML"),
        (
            "a: {label: Where to?, b: c}",
            "a question mark, a comma, a bracket or a brace in it stands in quotes",
        ),
        ("[" * 5000, "nests too deep"),
        ("{a: " * 5000, "nests too deep"),
        ("day: 2026-99-99", "cannot be read"),
        ("number: 1" + ":0" * 200 + ".0", "cannot be read"),
        ("n: !!int x", "cannot be read"),
        ("n: !!bool x", "cannot be read"),
        ("n: !!timestamp x", "cannot be read"),
        ("n: " + "9" * 5000, "cannot be read"),
        ("!!python/object/apply:os.system ['true']", "This is not YAML"),
        ("? [a]\n: b", "This is not YAML"),
        ('key: "\\ud800"', "no text can have the character U+D800"),
        (SAMPLE.replace("rule: first", "rule: yes"), "rule: say first, all, or how many"),  # yes is true
        (SAMPLE.replace("rule: first", "rule: 2.0"), "rule: say first, all, or how many"),
        (SAMPLE.replace("rule: first", "rule: '2'"), "rule: say first, all, or how many"),
        (
            SAMPLE.replace("EUR", "NO"),
            "form.1.currency: write three capitals such as EUR, in quotes",
        ),  # NO is false
        (SAMPLE.replace("finance:", "no:", 1), "there is no step finance"),  # a key is what is written
        (SAMPLE + "\nname: Again\n", "“name” is said twice"),
        (SAMPLE.replace("  rejected: {", "  approved: {"), "“approved” is said twice"),
    ],
)
def test_what_yaml_makes_of_it_is_no_trap(text: str, word: str) -> None:
    assert any(word in problem for problem in problems(text))


def test_aliases_that_multiply_are_not_unfolded() -> None:
    letters = "abcdefghijklmnopqrst"
    bomb = f"{letters[0]}: &{letters[0]} [x]\n" + "".join(
        f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in pairwise(letters)
    )
    assert problems(bomb + "form: *t\n")  # 9 to the 19th, if anything looked at each


@pytest.mark.django_db
def test_publishing_makes_versions_that_never_change() -> None:
    first = publish(SAMPLE)
    second = publish(SAMPLE.replace("name: Purchase request", "name: Buying"))
    assert (first.number, second.number) == (1, 2)
    process = Process.objects.get()
    assert (process.name, newest(process)) == ("Buying", second)
    first.refresh_from_db()
    assert definition_of(first) == parse_definition(SAMPLE)
    assert definition_of(second).name == "Buying"


EARLIER = Path(__file__).with_name("document_as_it_was.yaml")  # a sample of an earlier release


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (SAMPLES / "purchase.yaml", "928b1aa3b78883939d5e1c5902babb41b4e526c49556ba224e3b00223ac14945"),
        (EARLIER, "a9abc610fb68bd63fd1618d922ea31aa9e519d939c549bae0ea524af80e5afd6"),
    ],
)
def test_what_is_published_is_kept_as_it_always_was(path: Path, kept: str) -> None:
    """Whatever else a process can say meanwhile: the record names a version by the hash of what it says."""
    assert digest(publish(path.read_text()).definition) == kept


@pytest.mark.django_db
def test_what_is_invalid_is_not_published() -> None:
    with pytest.raises(DefinitionInvalid):
        publish("key: x")
    assert not Process.objects.exists()


# --- the form -------------------------------------------------------------------------------------------------


def form(*parts: dict[str, Any], check: bool = True, **more: Any) -> Definition:
    """A process with this form. Without `check` it is one that could not be published."""
    named = [{"label": part["name"], **part} if "name" in part else part for part in parts]
    source = changed("form", to=named)
    source["transitions"] = [t for t in source["transitions"] if "when" not in t and t["from"] != "finance"]
    del source["steps"]["finance"]
    return parse_definition(source | more) if check else Definition.model_validate(source | more)


def read(kind: str, value: Any, **more: Any) -> Any:
    return read_form(form({"name": "it", "type": kind, **more}), {"it": value})["it"]


def complaint(kind: str, value: Any, **more: Any) -> str:
    with pytest.raises(FormInvalid) as error:
        read(kind, value, **more)
    return error.value.errors["it"]


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("1250", 125_000),
        ("1250.00", 125_000),
        ("1250.5", 125_050),
        ("1250,5", 125_050),
        ("1,250", 125_000),
        ("1,250.00", 125_000),
        ("1.250,00", 125_000),
        ("1.250.000,00", 125_000_000),
        ("1,250,000", 125_000_000),
        ("1 250,00", 125_000),
        ("1\u202f250,00", 125_000),
        ("1'250.00", 125_000),
        ("1’250.00", 125_000),
        (" 12 ", 1_200),
        ("+5", 500),
        (".5", 50),
        ("5.", 500),
        ("0", 0),
        ("-0", 0),
        ("007", 700),
        ("１２３４", 123_400),  # full-width
        ("٣٫"[0], 300),  # Arabic-Indic
        ("1000000000000", 10**14),
        (1250, 125_000),
        (12.5, 1_250),
        (Decimal("12.34"), 1_234),
    ],
)
def test_money_is_read_as_people_write_it(typed: Any, minor: int) -> None:
    assert read("money", typed, currency="EUR") == {"minor": minor, "currency": "EUR"}


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("1.250", "At most 2 digits after the point"),  # a thousand to some, one to others
        ("1,2500", "At most 2 digits after the point"),
        ("0,125", "At most 2 digits after the point"),
        ("12.345", "At most 2 digits after the point"),
        ("-1", "cannot be negative"),
        ("-0.01", "cannot be negative"),
        ("1000000000000.01", "too large"),
        ("9" * 20, "too large"),
        ("9" * 26, "too many digits"),
        ("9" * 100_000, "too many digits"),
        ("1." + "0" * 40 + "1", "too many digits"),
        *[
            (text, "Please write a number")
            for text in (
                "NaN",
                "sNaN",
                "Infinity",
                "-inf",
                "1e999",
                "1e3",
                "1e-9",
                "0x10",
                "1_000",
                "--5",
                "5 EUR",
                "€5",
                "1,00,00",
                "1.2.3",
                "1.250.000",
                "−5",
                "five",
                ".",
                "-",
                ",",
                "5\x00",
                "１.２.３",
                True,
                [5],
                {"minor": 5},
            )
        ],
    ],
)
def test_what_is_no_clear_amount_is_asked_again(typed: Any, sentence: str) -> None:
    assert sentence in complaint("money", typed, currency="EUR")


@pytest.mark.parametrize(
    ("currency", "typed", "minor"),
    [
        ("JPY", "1250", 1250),
        ("JPY", "1,250", 1250),
        ("BHD", "1.234", 1234),
        ("BHD", "0,125", 125),
        ("CHF", "1'000.05", 100_005),
    ],
)
def test_currencies_have_their_own_number_of_digits(currency: str, typed: str, minor: int) -> None:
    assert read("money", typed, currency=currency) == {"minor": minor, "currency": currency}


@pytest.mark.parametrize(
    ("currency", "typed"), [("JPY", "1.5"), ("JPY", "1.250"), ("JPY", "10.00"), ("BHD", "1.2345")]
)
def test_more_digits_than_the_currency_has_are_refused(currency: str, typed: str) -> None:
    assert complaint("money", typed, currency=currency).startswith(f"At most {minor_digits(currency)} digits")


@given(st.integers(min_value=0, max_value=10**14), st.sampled_from(["EUR", "JPY", "BHD"]))
@settings(deadline=None)
def test_what_is_shown_of_an_amount_is_read_as_the_same_amount(minor: int, currency: str) -> None:
    definition = form({"name": "it", "type": "money", "currency": currency})
    minor = min(minor, 10 ** (12 + minor_digits(currency)))
    data = {"it": {"minor": minor, "currency": currency}}
    shown = facts(definition, data)[0].text.removesuffix(f" {currency}")
    if currency == "BHD" or "." in shown or currency == "JPY":
        assert read_form(definition, {"it": shown}) == data


@given(st.text(max_size=40))
@settings(deadline=None)
def test_no_text_makes_the_readers_fail_otherwise_than_in_words(text: str) -> None:
    definition = form(
        {"name": "m", "type": "money", "currency": "EUR"},
        {"name": "n", "type": "number"},
        {"name": "d", "type": "date"},
        {"name": "y", "type": "yes_no"},
        {"name": "t", "type": "text"},
        {"name": "l", "type": "long_text"},
    )
    try:
        data = read_form(definition, dict.fromkeys("mndytl", text))
    except FormInvalid as error:
        assert all(sentence.endswith(".") for sentence in error.errors.values())
    else:
        condition_values(definition, data)
        assert len(title_of(definition, data).splitlines()) == 1


@pytest.mark.parametrize(
    ("typed", "number"), [("5", 5), ("5.0", 5), ("-5", -5), ("0,125", 0.125), ("1,250", 1250), ("2.5", 2.5)]
)
def test_numbers_are_read(typed: str, number: float) -> None:
    assert read("number", typed) == number


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("on", True),
        ("Yes", True),
        ("1", True),
        (True, True),
        ("off", False),
        ("no", False),
        (False, False),
        ("", False),
        (None, False),
    ],
)
def test_yes_and_no_are_read(typed: Any, answer: bool) -> None:
    assert read("yes_no", typed) is answer


def test_what_is_neither_yes_nor_no_is_not_guessed() -> None:
    assert complaint("yes_no", "perhaps") == "Please answer yes or no."


@pytest.mark.parametrize("typed", ["31.12.2026", "2026-02-30", "tomorrow", "2026-12-31T10:00"])
def test_dates_are_written_one_way(typed: str) -> None:
    assert complaint("date", typed) == "Please write a date as 2026-12-31."
    assert read("date", "2026-12-31") == "2026-12-31"


@pytest.mark.parametrize(
    "end", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
)
def test_a_line_is_one_line(end: str) -> None:
    assert complaint("text", f"Desk{end}Bcc: evil@x.test") == "One line only, please."
    assert read("long_text", f"Desk{end}two") == f"Desk{end}two"


@pytest.mark.parametrize("kind", ["text", "long_text"])
@pytest.mark.parametrize("character", ["\x00", "\ud800", "\udfff"])
def test_what_no_database_keeps_is_refused(kind: str, character: str) -> None:
    assert complaint(kind, f"a{character}b") == "This text holds a character that cannot be kept."


@pytest.mark.parametrize(("kind", "longest"), [("text", 200), ("long_text", 10_000)])
def test_texts_are_bounded(kind: str, longest: int) -> None:
    assert read(kind, "x" * longest) == "x" * longest
    assert complaint(kind, "x" * (longest + 1)) == f"At most {longest} characters, please."


def test_every_field_that_does_not_fit_is_named_and_unknown_ones_too() -> None:
    with pytest.raises(FormInvalid) as error:
        read_form(
            parse_definition(SAMPLE), {"item": " ", "amount": "much", "state": "ended", "__class__": "x"}
        )
    assert error.value.errors == {
        "item": "Please fill this in.",
        "amount": "Please write a number, such as 1250.00.",
        "state": "This form has no such field.",
        "__class__": "This form has no such field.",
    }


def test_what_is_not_filled_in_is_empty_and_not_shown() -> None:
    definition = parse_definition(SAMPLE)
    data = read_form(definition, {"item": "Desk", "amount": "5"})
    assert data["reason"] is None
    assert [(fact.label, fact.text) for fact in facts(definition, data)] == [
        ("What do you need?", "Desk"),
        ("Amount", "5.00 EUR"),
    ]
    values = condition_values(definition, data)
    assert values == {"item": "Desk", "amount": 5.0, "reason": "", "quotes": 0.0}


def test_conditions_are_tried_with_a_value_of_every_type() -> None:
    definition = form(
        {"name": "m", "type": "money", "currency": "JPY"},
        {"name": "n", "type": "number"},
        {"name": "d", "type": "date"},
        {"name": "y", "type": "yes_no"},
        {"name": "t", "type": "text"},
        {"name": "l", "type": "long_text"},
        {"name": "f", "type": "files"},
    )
    assert condition_values(definition, sample_data(definition)) == {
        "m": 100.0, "n": 1.0, "d": "2026-01-01", "y": True, "t": "x", "l": "x", "f": 1.0,
    }  # fmt: skip


# --- titles ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("{item} for {amount}", "Desk for 5.00 EUR"),
        ("{item.__class__}", "{item.__class__}"),
        ("{item!r}", "{item!r}"),
        ("{item:>99999999}", "{item:>99999999}"),
        ("{10}{}", "{10}{}"),
        ("{{item}}", "{Desk}"),
        ("%(item)s $item", "%(item)s $item"),
        ("{nothing}", "Purchase request"),
        ("  {item}\n\t!", "Desk !"),
    ],
)
def test_titles_take_fields_and_nothing_else(title: str, shown: str) -> None:
    definition = parse_definition(changed("title", to=title))
    assert title_of(definition, read_form(definition, {"item": "Desk", "amount": "5"})) == shown


def test_what_was_entered_is_not_filled_in_once_more() -> None:
    definition = parse_definition(SAMPLE)
    data = read_form(definition, {"item": "{amount} {item}", "amount": "5"})
    assert title_of(definition, data) == "{amount} {item}"


NO_NAMES = [
    "!!", "—", "🎉", "👍🏽 👍🏽", "\u200b\u200b", "\u200f\u200e\u202e", "\u3164\u3164", "…?", "x", "1.", "ｘ",
    "\u0301\u0301",
]  # fmt: skip


@pytest.mark.parametrize("item", NO_NAMES)
def test_a_request_needs_letters_or_digits_in_its_title(item: str) -> None:
    """Subjects are known again by them. The field that it comes from says so."""
    with pytest.raises(FormInvalid) as error:
        read_form(parse_definition(SAMPLE), {"item": item, "amount": "5"})
    assert error.value.errors == {
        "item": "At least 2 letters or digits, please: this is what the request is called."
    }


@pytest.mark.parametrize("item", ["PC", "4K", "Åd", "机桌", "ﾍﾟﾝ", "🎉 ok", "① x"])
def test_two_of_any_script_do(item: str) -> None:
    assert read_form(parse_definition(SAMPLE), {"item": item, "amount": "5"})["item"] == item


@pytest.mark.parametrize("title", ["!!", "🎉", "x"])
def test_a_process_whose_titles_have_none_is_not_published(title: str) -> None:
    with pytest.raises(DefinitionInvalid, match="title: it needs at least 2 letters or digits"):
        parse_definition(changed("title", to=title))


def test_titles_are_bounded() -> None:
    definition = parse_definition(changed("title", to="{item}" * 50))
    assert len(title_of(definition, read_form(definition, {"item": "x" * 200, "amount": "5"}))) == 200
