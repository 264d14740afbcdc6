"""Each type of field: what it takes, what is kept of it, and how it is shown."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import time_machine
from django.utils import timezone, translation

from placet.accounts.addresses import add_address
from placet.accounts.models import Group, Person
from placet.approvals.form import condition_values, facts, facts_as_read, read_form, sample_data, words_of
from tests.approvals.test_processes import changed, complaint, form, problems, read

BERLIN = "Europe/Berlin"
COLOURS = [{"key": "r", "label": {"en": "Red", "fr": "Rouge"}}, {"key": "g", "label": "Green"}, "Blue"]


@pytest.fixture
def _today() -> Iterator[None]:
    with timezone.override(BERLIN), time_machine.travel("2026-11-29T12:00:00Z", tick=False):
        yield


def text(kind: str, value: Any, **more: Any) -> str:
    """As a fact says it."""
    definition = form({"name": "it", "type": kind, **more})
    return facts(definition, {"it": value})[0].text


def as_read(kind: str, value: Any, language: str = "en", **more: Any) -> str:
    definition = form({"name": "it", "type": kind, **more})
    with translation.override(language):
        return facts_as_read(definition, {"it": value})[0].text


def seen(kind: str, value: Any, **more: Any) -> Any:
    return condition_values(form({"name": "it", "type": kind, **more}), {"it": value})["it"]


def wrong(**field: Any) -> list[str]:
    """What is wrong with a field, as publishing says it."""
    source = changed(
        "form",
        to=[
            {"name": "item", "label": "Item", "type": "text"},
            {"name": "amount", "label": "A", "type": "money", "currency": "EUR"},
            {"name": "it", "label": "It", **field},
        ],
    )
    return problems(source)


# --- texts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("Ada@Contoso.Example", "ada@contoso.example"), (" a@bücher.example ", "a@xn--bcher-kva.example")],
)
def test_addresses_are_kept_in_one_spelling(typed: str, kept: str) -> None:
    assert read("email", typed) == kept


@pytest.mark.parametrize("typed", ["ada", "ada@", "a@b c.example", "a@b\x00.example", "a@" + "x" * 300])
def test_what_is_no_address_is_said(typed: str) -> None:
    assert complaint("email", typed).endswith(".")


@pytest.mark.parametrize("typed", ["+49 30 901820", "(030) 90 18-20", "112 1", "+49.30/9018-20"])
def test_telephone_numbers_are_kept_as_they_are_written(typed: str) -> None:
    assert read("phone", f" {typed.replace(' ', '  ')} ") == typed


@pytest.mark.parametrize("typed", ["call me", "12", "+", "1" * 21, "49 30 901820 ext", "00<49>30 90"])
def test_what_is_no_telephone_number_is_said(typed: str) -> None:
    assert complaint("phone", typed) == "Please write a telephone number with digits, such as +49 30 901820."


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("https://contoso.example/a?b=c#d", ""),
        ("http://127.0.0.1:8000/", ""),
        ("contoso.example", "Please write a whole address on the web, such as https://example.com/page."),
        ("javascript:alert(1)", "Please write a whole address on the web, such as https://example.com/page."),
        (
            "ftp://contoso.example",
            "Please write a whole address on the web, such as https://example.com/page.",
        ),
        ("https://a b.example", "Please write a whole address on the web, such as https://example.com/page."),
        (
            "https://bank.example@evil.example/",
            "Please write the address without a user name before the “@”.",
        ),
        ("https://contoso.example/" + "x" * 1000, "At most 1000 characters, please."),
    ],
)
def test_addresses_on_the_web(typed: str, sentence: str) -> None:
    if sentence:
        assert complaint("url", typed) == sentence
    else:
        assert read("url", typed) == typed


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("gb29nwbk60161331926819", "GB29NWBK60161331926819"),
        ("FR14-2004-1010-0505-0001-3M02-606", "FR1420041010050500013M02606"),
        ("NO93 8601 1117 947", "NO9386011117947"),
    ],
)
def test_ibans_are_kept_without_blanks_and_shown_with_them(typed: str, kept: str) -> None:
    assert read("iban", typed) == kept
    assert text("iban", kept).replace(" ", "") == kept
    assert text("iban", "DE89370400440532013000") == "DE89 3704 0044 0532 0130 00"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (
            "DE89 3704 0044 0532 0130 01",
            "A character of this IBAN is wrong or two are exchanged. Please compare it once more.",
        ),
        (
            "DE98 3704 0044 0532 0130 00",
            "A character of this IBAN is wrong or two are exchanged. Please compare it once more.",
        ),
        ("DE89 3704 0044 0532 0130", "An IBAN that begins with DE has 22 characters; this one has 20."),
        ("my account", "Please write an IBAN, such as DE89 3704 0044 0532 0130 00."),
    ],
)
def test_an_iban_with_a_slip_is_said(typed: str, sentence: str) -> None:
    assert complaint("iban", typed) == sentence


def test_texts_have_a_length_and_a_pattern_of_their_own() -> None:
    code = {"length": 8, "pattern": r"[A-Z]{2}-\d+", "message": "Two capitals, a hyphen and digits, please."}
    assert read("text", "AB-123", **code) == "AB-123"
    assert complaint("text", "xAB-123", **code) == "Two capitals, a hyphen and digits, please."
    assert complaint("text", "AB-1234567", **code) == "At most 8 characters, please."
    assert (
        complaint("email", "ada@other.example", pattern=r".*@contoso\.example", message="Ours, please.")
        == "Ours, please."
    )


@pytest.mark.timeout(30)
def test_a_pattern_takes_no_time_whatever_it_is() -> None:
    evil = {"pattern": r"(a+)+b|(\w+\s?)*!", "message": "No."}
    assert complaint("long_text", "a" * 10_000, **evil) == "No."


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "unclosed group"),
        ("a)|(b", "unopened group"),
        ("(?x)a # b", "unclosed group"),
        (r"(?=a)", "look-around"),
        (r"(a)\1", "backreferences"),
        (r"\w{5000}", "exceeds size limit"),
    ],
)
def test_what_is_no_pattern_is_not_published(pattern: str, why: str) -> None:
    assert any(why in problem for problem in wrong(type="text", pattern=pattern, message="No."))


# --- numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "about", "typed", "sentence"),
    [
        ("number", {"min": 1}, "0", "At least 1, please."),
        ("number", {"max": 2.5}, "2,6", "At most 2.5, please."),
        ("number", {"max": 0}, "1", "At most 0, please."),
        ("number", {"step": 5}, "12", "In steps of 5, please: 10 or 15, for example."),
        ("number", {"step": 0.1, "min": 0.05}, "0.3", "In steps of 0.1, please: 0.25 or 0.35, for example."),
        (
            "number",
            {"digits": 1},
            "0.25",
            "At most 1 digit after the point, please. Write a thousand as 1000 or 1,000.",
        ),
        (
            "number",
            {"digits": 0},
            "2.0",
            "At most 0 digits after the point, please. Write a thousand as 1000 or 1,000.",
        ),
        ("percent", {"max": 100}, "101 %", "At most 100\xa0%, please."),
        ("money", {"currency": "EUR", "min": 10}, "9.99", "At least 10.00 EUR, please."),
        ("money", {"currency": "EUR", "max": 5000}, "5,000.01", "At most 5,000.00 EUR, please."),
        (
            "money",
            {"currency": "EUR", "step": 0.05},
            "1.01",
            "In steps of 0.05 EUR, please: 1.00 EUR or 1.05 EUR, for example.",
        ),
    ],
)
def test_numbers_have_limits(kind: str, about: dict[str, Any], typed: str, sentence: str) -> None:
    assert complaint(kind, typed, **about) == sentence


def test_steps_are_exact() -> None:
    assert read("number", "0.3", step=0.1) == 0.3
    assert read("number", "-15", step=5) == -15
    assert read("money", "1.15", currency="EUR", step=0.05) == {"minor": 115, "currency": "EUR"}


def test_percentages() -> None:
    assert read("percent", "19,5 %") == 19.5
    assert read("percent", "7") == 7
    assert text("percent", 19.5) == "19.5 %"
    assert as_read("percent", 19.5, "fr") == "19,5\xa0%"
    assert seen("percent", 7) == 7.0
    assert seen("percent", None) == 0.0


# --- days and times -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_today")
@pytest.mark.parametrize(
    ("limits", "typed", "sentence"),
    [
        ({"min": "today"}, "2026-11-28", "Not before 29 November 2026, please."),
        ({"min": "today"}, "2026-11-29", ""),
        ({"min": "today + 1 day"}, "2026-11-29", "Not before 30 November 2026, please."),
        ({"max": "today + 90 days"}, "2027-02-27", ""),
        ({"max": "today+90 days"}, "2027-02-28", "Not after 27 February 2027, please."),
        ({"max": "today - 2 weeks"}, "2026-11-16", "Not after 15 November 2026, please."),
        ({"max": "2026-12-31"}, "2027-01-01", "Not after 31 December 2026, please."),
    ],
)
def test_days_have_limits(limits: dict[str, str], typed: str, sentence: str) -> None:
    if sentence:
        assert complaint("date", typed, **limits) == sentence
        assert complaint("period", {"from": typed, "to": typed}, **limits) == sentence
        assert complaint("date_time", f"{typed}T12:00", **limits) == sentence
    else:
        assert read("date", typed, **limits) == typed


@pytest.mark.parametrize(
    ("typed", "kept"), [("14:30", "14:30"), ("9:05", "09:05"), ("09.05", "09:05"), ("14:30:00", "14:30")]
)
def test_times_of_the_day(typed: str, kept: str) -> None:
    assert read("time", typed) == kept
    assert text("time", kept) == as_read("time", kept, "fr") == kept


def test_times_have_limits() -> None:
    assert complaint("time", "24:00") == "Please write a time as 14:30."
    assert complaint("time", "2 pm") == "Please write a time as 14:30."
    assert complaint("time", "7:59", min="08:00") == "Not before 08:00, please."
    assert complaint("time", "18:01", max="18:00") == "Not after 18:00, please."


@pytest.mark.usefixtures("_today")
def test_a_moment_is_entered_and_read_where_one_is_and_kept_in_one_spelling() -> None:
    kept = read("date_time", "2026-12-31T14:30")
    assert kept == read("date_time", "2026-12-31 14:30:00") == read("date_time", "2026-12-31T13:30:00Z")
    assert kept == "2026-12-31T13:30:00Z"
    assert text("date_time", kept) == "2026-12-31 13:30 UTC"
    assert as_read("date_time", kept) == "31 December 2026, 14:30 CET"
    with timezone.override("America/New_York"):
        assert as_read("date_time", kept) == "31 December 2026, 08:30 EST"
        assert text("date_time", kept) == "2026-12-31 13:30 UTC"
    assert seen("date_time", kept) == kept


@pytest.mark.usefixtures("_today")
@pytest.mark.parametrize(
    "typed",
    ["2026-12-31", "31.12.2026 14:30", "0001-01-01T00:00", "9999-12-31T23:59", "now", "2026-W53-4T10"],
)
def test_what_is_no_moment_is_said(typed: str) -> None:
    assert complaint("date_time", typed) == "Please write a date and a time as 2026-12-31 14:30."


@pytest.mark.usefixtures("_today")
def test_a_time_that_the_clocks_leave_out_is_said() -> None:
    said = "The clocks are put forward then, and this time is left out. Choose another."
    assert complaint("date_time", "2027-03-28T02:30") == said


def test_periods_have_a_first_and_a_last_day() -> None:
    kept = read("period", {"from": "2026-08-03", "to": "2026-08-14"})
    assert kept == {"from": "2026-08-03", "to": "2026-08-14"}
    assert text("period", kept) == "2026-08-03 – 2026-08-14"
    assert as_read("period", kept) == "3 August 2026 – 14 August 2026"
    assert seen("period", kept) == {"from": "2026-08-03", "to": "2026-08-14", "days": 12.0}
    assert seen("period", None) == {"from": "", "to": "", "days": 0.0}
    assert read("period", {"from": "", "to": ""}) is None


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        ("2026-08-03", "", "Please fill in both days: the first and the last."),
        ("2026-08-03", "2026-08-02", "The last day is before the first one."),
        ("3.8.2026", "2026-08-02", "Please write a date as 2026-12-31."),
    ],
)
def test_what_is_no_period_is_said(first: str, last: str, sentence: str) -> None:
    assert complaint("period", {"from": first, "to": last}) == sentence


# --- what is chosen -------------------------------------------------------------------------------------------


def test_one_is_chosen_and_shown_in_the_readers_language_and_facts_stay_the_same() -> None:
    assert read("choice", "r", options=COLOURS) == "r"
    with translation.override("fr"):
        assert text("choice", "r", options=COLOURS) == "Red"
        assert as_read("choice", "r", "fr", options=COLOURS) == "Rouge"
    assert seen("choice", "r", options=COLOURS) == "r"
    assert seen("choice", None, options=COLOURS) == ""


def test_without_english_facts_have_the_same_language_for_ever() -> None:
    options = [{"key": "r", "label": {"it": "Rosso", "fr": "Rouge"}}]
    assert text("choice", "r", options=options) == "Rouge"


def test_several_are_chosen_in_the_order_of_the_form() -> None:
    assert read("choices", ["Blue", "r", "r", ""], options=COLOURS) == ["r", "Blue"]
    assert text("choices", ["r", "Blue"], options=COLOURS) == "Red\nBlue"
    assert as_read("choices", ["r", "Blue"], "fr", options=COLOURS) == "Rouge\nBlue"
    assert seen("choices", ["r"], options=COLOURS) == ["r"]
    assert seen("choices", None, options=COLOURS) == []
    assert read("choices", [""], options=COLOURS) is None


def test_what_is_not_offered_is_not_taken() -> None:
    assert complaint("choice", "Red", options=COLOURS) == "Please choose one of the answers that are offered."
    assert (
        complaint("choices", ["r", "x"], options=COLOURS)
        == "Please choose among the answers that are offered."
    )
    assert complaint("choice", "", options=COLOURS, required=True) == "Please choose."


def test_what_was_chosen_is_found_in_every_language() -> None:
    definition = form(
        {"name": "it", "type": "choices", "options": COLOURS},
        {"name": "account", "type": "iban"},
        title="Colours",
    )
    data = {"it": ["r", "Blue"], "account": "DE89370400440532013000"}
    assert words_of(definition, data).splitlines() == [
        "colours", "red", "blue", "de89 3704 0044 0532 0130 00", "red", "rouge", "blue", "de89370400440532013000",
    ]  # fmt: skip


# --- people ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "typed",
    [
        "bob@contoso.example",
        "BOB@contoso.example",
        "Bob <bob@contoso.example>",
        "bob manager",
        "b.m@contoso.example",
    ],
)
def test_a_person_is_somebody_who_is_here(typed: str, bob: Person) -> None:
    add_address(bob, "b.m@contoso.example")
    kept = read("person", typed)
    assert kept == {"person": bob.pk, "name": "Bob Manager", "address": "bob@contoso.example"}
    assert text("person", kept) == "Bob Manager (bob@contoso.example)"
    assert seen("person", kept) == "bob@contoso.example"
    assert seen("person", None) == ""


@pytest.mark.django_db
def test_nobody_is_made_and_nobody_who_left_is_taken(bob: Person, carol: Person) -> None:
    before = Person.objects.count()
    assert (
        complaint("person", "eve@contoso.example") == "There is nobody with the address eve@contoso.example."
    )
    assert complaint("person", "Eve") == "There is nobody called Eve. Write an address."
    Person.objects.filter(pk=bob.pk).update(is_active=False)
    assert (
        complaint("person", "bob@contoso.example") == "There is nobody with the address bob@contoso.example."
    )
    Person.objects.update(name="Sam", is_active=True)
    assert complaint("person", "Sam") == "Several people are called Sam. Write the address."
    assert (
        complaint("person", "\ud800")
        == complaint("person", "x" * 500)
        == "Please write somebody’s e-mail address."
    )
    assert Person.objects.count() == before


@pytest.mark.django_db
def test_people_are_of_a_group_where_the_form_says_so(bob: Person, carol: Person) -> None:
    Group.objects.create(key="board", name="Board").members.add(carol)
    assert read("person", "carol@contoso.example", among="board")["person"] == carol.pk
    said = "Bob Manager is not in the group “board”. Please choose somebody who is."
    assert complaint("person", "bob@contoso.example", among="board") == said
    assert complaint("people", ["carol@contoso.example", "bob@contoso.example"], among="board") == said


@pytest.mark.django_db
def test_several_people_are_kept_once_each(bob: Person, carol: Person) -> None:
    kept = read("people", ["bob@contoso.example", "", "carol@contoso.example; Bob Manager"])
    assert [one["person"] for one in kept] == [bob.pk, carol.pk]
    assert seen("people", kept) == ["bob@contoso.example", "carol@contoso.example"]
    assert seen("people", None) == []
    assert complaint("people", [f"{n}@x.example" for n in range(21)]) == "At most 20 people, please."


@pytest.mark.django_db
def test_a_field_may_say_how_many_people_it_takes(bob: Person, carol: Person, dave: Person) -> None:
    two = ["bob@contoso.example", "carol@contoso.example"]
    assert len(read("people", two, min=2, max=2)) == 2
    twice = [two[0], "Bob Manager"]
    assert complaint("people", twice, min=2) == "At least 2 people, please."  # people count, and not lines
    assert len(read("people", [*two, "Bob Manager"], max=2)) == 2
    assert complaint("people", [*two, "dave@contoso.example"], max=2) == "At most 2 people, please."


# --- what is checked before publishing ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ({"type": "text", "min": 3}, "form: it: a field of the type text takes no min"),
        ({"type": "files", "max": 11}, "form: it: max: write a number of files, at most 10"),
        ({"type": "files", "min": 1}, "form: it: a field of the type files takes no min"),
        ({"type": "files", "largest": 11}, "form.2.largest: Input should be less than or equal to 10"),
        (
            {"type": "files", "endings": ["p/df"]},
            "form.2.endings.0: String should match pattern '^[a-z0-9]{1,12}$'",
        ),
        ({"type": "text", "endings": ["pdf"]}, "form: it: a field of the type text takes no endings"),
        ({"type": "yes_no", "options": ["a"]}, "form: it: a field of the type yes_no takes no options"),
        ({"type": "choice"}, "form: it: say its options"),
        (
            {"type": "people", "max": 1},
            "form: it: max: write how many people, 2 to 20; one is a field of the type person",
        ),
        (
            {"type": "people", "min": 21},
            "form: it: min: write how many people, 2 to 20; one is a field of the type person",
        ),
        ({"type": "people", "min": 3, "max": 2}, "form: it: min is more than max"),
        ({"type": "choice", "options": ["a", "a"]}, "form: it: two options have the key a"),
        (
            {"type": "choice", "options": ["a", {"key": "b", "label": "A"}]},
            "form: it: two options are called “a”",
        ),
        (
            {
                "type": "choice",
                "options": [
                    {"key": "a", "label": {"en": "Yes", "fr": "Oui"}},
                    {"key": "b", "label": {"en": "Aye", "fr": "oui"}},
                ],
            },
            "form: it: two options are called “oui”",
        ),
        (
            {"type": "text", "pattern": "a"},
            "form: it: say in message how it is to be written, for whom the pattern does not let through",
        ),
        ({"type": "text", "message": "a"}, "form: it: message belongs to a pattern, and there is none"),
        ({"type": "number", "min": "three"}, "form: it: min: write a number"),
        ({"type": "number", "min": 3, "max": 2}, "form: it: min is more than max"),
        (
            {"type": "date", "min": "tomorrow"},
            "form: it: min: write a date such as 2026-12-31, “today”, or “today + 90 days” (or weeks)",
        ),
        ({"type": "date", "min": "today", "max": "today - 1 day"}, "form: it: min is more than max"),
        ({"type": "time", "min": 750}, 'form: it: min: write a time in quotes, such as "08:00"'),
        ({"type": "number", "step": 0}, "form.2.step: Input should be greater than 0"),
        (
            {"type": "number", "min": True},
            "form.2.min: say a number, a date such as 2026-12-31, or a text such as “today + 90 days”",
        ),
        ({"type": "number", "max": float("inf")}, "form.2.max.float: Input should be a finite number"),
        (
            {"type": "choice", "options": [1]},
            "form.2.options.0: Input should be a valid dictionary or instance of Option",
        ),
        (
            {"type": "choice", "options": ["a\u202eb"]},
            "form.2.options.0.key: one line, please, without blanks at its ends or anything that cannot be seen",
        ),
    ],
)
def test_what_a_field_says_must_belong_to_it(field: dict[str, Any], sentence: str) -> None:
    assert sentence in wrong(**field)


def test_a_date_that_yaml_reads_as_one_is_a_limit(_today: None) -> None:
    definition = form({"name": "it", "type": "date", "min": date(2026, 12, 1)})
    assert definition.model_dump(mode="json", exclude_none=True)["form"][0]["min"] == "2026-12-01"


def test_every_type_has_a_sample_that_conditions_can_be_tried_with() -> None:
    kinds = ["email", "phone", "url", "iban", "percent", "time", "date_time", "period", "person", "people"]
    definition = form(
        *({"name": kind, "type": kind} for kind in kinds),
        {"name": "choice", "type": "choice", "options": ["a"]},
        {"name": "choices", "type": "choices", "options": ["a"]},
    )
    assert condition_values(definition, sample_data(definition)) == {
        "email": "x", "phone": "x", "url": "x", "iban": "DE89370400440532013000", "percent": 1.0, "time": "12:00",
        "date_time": "2026-01-01T12:00:00Z",
        "period": {"from": "2026-01-01", "to": "2026-01-31", "days": 31.0},
        "person": "x@x.example", "people": ["x@x.example"], "choice": "a", "choices": ["a"],
    }  # fmt: skip


def test_what_a_form_does_not_say_is_not_kept_with_its_version() -> None:
    definition = form({"name": "it", "type": "text"})
    assert definition.model_dump(mode="json", by_alias=True, exclude_none=True)["form"] == [
        {"name": "it", "label": "it", "type": "text", "required": False, "currency": ""}
    ]


def test_nothing_that_is_entered_makes_a_reader_fail_otherwise_than_in_words() -> None:
    entered: list[Any] = [
        "\x00",
        "\ud800",
        "9" * 5000,
        {"from": {}, "to": []},
        [[], {}],
        [["\ud800"]],
        {"x": 1},
        -1,
        1.5,
        True,
        "٣",
    ]
    for kind in ("email", "phone", "url", "iban", "percent", "time", "date_time", "period"):
        for value in entered:
            try:
                read_form(form({"name": "it", "type": kind}), {"it": value})
            except ValueError as error:
                assert str(error).endswith("."), (kind, value)


# --- exact texts ------------------------------------------------------------------------------------------------


def test_an_exact_text_is_kept_sign_by_sign() -> None:
    written = "\n  \r\n\trm -rf /srv \r\n    --force  \n\n"
    assert read("exact_text", written) == "\trm -rf /srv \n    --force"
    assert facts(form({"name": "it", "type": "exact_text"}), {"it": "a"})[0].exact
    assert "form: it: a field of the type exact_text takes no pattern" in wrong(
        type="exact_text", pattern="a+"
    )


@pytest.mark.parametrize(
    "written", ["rm \u202etxt.exe", "a\u200bb", "admin\u200d", "a\x07", "x" * 20_001, "a\u2066b\u2069"]
)
def test_what_nobody_would_see_stands_in_no_exact_text(written: str) -> None:
    assert complaint("exact_text", written)
