"""What a field offers: options that hang on other fields, rows of tables, cost centres. Nothing else counts."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.accounts.models import Person
from placet.approvals import authority, engine, engine_errors, evidence
from placet.approvals.authority_csv import Rows, TableInvalid, read
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import FormInvalid, condition_values, facts, facts_hash, read_form, words_of
from placet.approvals.form_logic import Scope, fill
from placet.approvals.form_options import Lists
from placet.approvals.form_schema import schema_of
from placet.approvals.models import Assignment, Decision, Request, TableVersion
from placet.approvals.processes import parse_definition, publish
from placet.approvals.questions import asked_in
from placet.audit import chain
from placet.panel.naming import processes_naming
from tests.approvals.test_field_types import wrong
from tests.approvals.test_processes import changed, form, problems
from tests.making import one_step

CENTRES = "code,name\n4711,Facility\n4712,Garden\n4713,Garden\n10,\n4711,Another\n"
COUNTRY: dict[str, Any] = {
    "name": "country",
    "label": "Country",
    "type": "choice",
    "options": ["France", "Japan"],
}
CITY: dict[str, Any] = {
    "name": "city",
    "label": "City",
    "type": "choice",
    "options": [
        {"key": "p", "label": {"en": "Paris", "fr": "Lutèce"}, "only": "country == 'France'"},
        {"key": "t", "label": "Tokyo", "only": "country == 'Japan'"},
        "Elsewhere",
    ],
}  # fmt: skip
CENTRE: dict[str, Any] = {"name": "centre", "label": "Cost centre", "type": "cost_centre"}
ITEM: dict[str, Any] = {"name": "item", "label": "Item", "type": "text"}


def publish_list(text: str = CENTRES, key: str = "cost_centres") -> TableVersion:
    return authority.publish(key, read(text.encode()), "first")


def errors(definition: Definition, **entered: Any) -> dict[str, str]:
    with pytest.raises(FormInvalid) as error:
        read_form(definition, entered)
    return error.value.errors


def offered(definition: Definition, name: str, **entered: Any) -> list[str]:
    field = fill(definition, entered).fields[name]
    listing = field.listing
    return [*listing.offered] if listing is not None else [option.key for option in field.options or ()]


# --- options that hang on others ------------------------------------------------------------------------------


def test_an_option_is_offered_where_its_condition_holds() -> None:
    definition = form(COUNTRY, CITY)
    assert offered(definition, "city", country="France") == ["p", "Elsewhere"]
    assert offered(definition, "city", country="Japan") == ["t", "Elsewhere"]
    assert offered(definition, "city") == ["Elsewhere"]
    data = read_form(definition, {"country": "France", "city": "p"})
    assert data == {"country": "France", "city": "p"}
    assert facts(definition, data)[1].text == "Paris"


def test_what_other_values_would_offer_is_refused_with_its_reason() -> None:
    said = "“Paris” is not offered with what was entered elsewhere. Please choose again."
    assert errors(form(COUNTRY, CITY), country="Japan", city="p") == {"city": said}
    several = {**CITY, "type": "choices"}
    assert errors(form(COUNTRY, several), country="Japan", city=["t", "p"]) == {"city": said}
    assert errors(form(COUNTRY, CITY), country="Japan", city="x") == {
        "city": "Please choose one of the answers that are offered."
    }


def test_a_field_may_stand_before_the_one_that_it_hangs_on() -> None:
    assert read_form(form(CITY, COUNTRY), {"country": "Japan", "city": "t"})["city"] == "t"


@given(
    st.sampled_from(["", "France", "Japan"]), st.lists(st.sampled_from(["p", "t", "Elsewhere"]), unique=True)
)
def test_no_option_is_kept_that_is_not_offered(country: str, cities: list[str]) -> None:
    definition = form(COUNTRY, {**CITY, "type": "choices"})
    may = {"p": country == "France", "t": country == "Japan", "Elsewhere": True}
    entered = {"country": country, "city": cities}
    if all(may[city] for city in cities):
        assert set(read_form(definition, entered)["city"] or ()) == set(cities)
    else:
        assert errors(definition, **entered).keys() == {"city"}


def test_a_choice_that_was_held_is_neither_kept_nor_dropped_in_silence() -> None:
    definition = form(COUNTRY, CITY)
    held = {"country": "France", "city": "p"}
    later = fill(definition, {"country": "Japan"}, scope=Scope(frozenset(["country"]), held=held))
    assert later.errors == {
        "city": "“Paris” was chosen here before, and is not offered with what is entered now."
    }
    same = fill(definition, {"country": "France"}, scope=Scope(frozenset(["country"]), held=held))
    assert (same.errors, same.data) == ({}, held)


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        (
            {"type": "choice", "options": [{"key": "a", "only": "nothing == 1"}]},
            "it: only of a: there is no field nothing",
        ),
        ({"type": "choice", "options": [{"key": "a", "only": "item"}]}, "it: only of a: “item” is neither true nor"),
        ({"type": "choice", "options": [{"key": "a", "only": "it == 'a'"}]}, "it → it: these depend on each other"),
        (
            {"type": "choice", "options_from": {"field": "rows", "column": "a"}},
            "it: options_from: there is no table rows in this form",
        ),
        ({"type": "choice", "options_from": {"column": "a"}}, "say either table (of the installation) or field"),
        ({"type": "choice", "options_from": {"field": "a", "column": "a", "label": "b"}}, "label is a column of a"),
        ({"type": "choice", "options": ["a"], "options_from": {"field": "i", "column": "a"}}, "say either options or"),
        ({"type": "text", "options_from": {"field": "i", "column": "a"}}, "of the type text takes no options_from"),
        ({"type": "cost_centre", "options": ["a"]}, "a field of the type cost_centre takes no options"),
    ],
)  # fmt: skip
@pytest.mark.django_db
def test_publishing_says_what_options_cannot_say(field: dict[str, Any], problem: str) -> None:
    assert any(problem in one for one in wrong(**field)), wrong(**field)


@pytest.mark.django_db
def test_only_belongs_to_fields_of_the_form() -> None:
    options = [{"key": "a", "only": "true"}]
    column = {"name": "c", "label": "C", "type": "choice", "options": options}
    table = {"name": "t", "label": "T", "type": "table", "columns": [column]}
    assert "form: t.c: only belongs to options of a field of the form" in problems(
        changed("form", to=[ITEM, table])
    )
    source = one_step([{"manager": True}])
    source["steps"]["step"]["questions"] = [{**column, "name": "q"}]
    assert any("q: only belongs to options of a field of the form" in one for one in problems(source))


def test_no_more_options_hang_on_others_than_can_be_looked_at_again_and_again() -> None:
    fields = [
        {
            "name": name,
            "label": name,
            "type": "choice",
            "options": [{"key": str(n), "only": "true"} for n in range(150)],
        }
        for name in ("one", "two")
    ]
    assert any(
        "300 of its options hang on other fields" in one
        for one in problems(changed("form", to=[ITEM, *fields]))
    )


# --- rows of a table of the form ------------------------------------------------------------------------------

PEOPLE: dict[str, Any] = {
    "name": "guests",
    "label": "Guests",
    "type": "table",
    "columns": [
        {"name": "name", "label": "Name", "type": "text"},
        {"name": "n", "label": "N", "type": "number"},
    ],
}
HOST: dict[str, Any] = {
    "name": "host",
    "label": "Host",
    "type": "choice",
    "options_from": {"field": "guests", "column": "name"},
}


def test_rows_of_the_form_are_options() -> None:
    definition = form(HOST, PEOPLE)
    rows = [{"name": "Ann"}, {"name": "<b>Bob</b>", "n": "1"}, {"n": "2"}]
    assert offered(definition, "host", guests=rows) == ["Ann", "<b>Bob</b>"]
    data = read_form(definition, {"guests": rows, "host": "<b>Bob</b>"})
    assert data["host"] == "<b>Bob</b>"
    assert facts(definition, data)[0].text == "<b>Bob</b>"
    assert condition_values(definition, data)["host"] == "<b>Bob</b>"


def test_what_no_row_of_this_form_says_is_refused() -> None:
    """Whatever stands in somebody else's request."""
    definition = form(HOST, PEOPLE)
    assert errors(definition, guests=[{"name": "Ann"}], host="Carol") == {
        "host": "“Carol” is not offered here, or not any more. Please choose again."
    }
    assert errors(definition, host="Ann").keys() == {"host"}


def test_a_row_that_goes_takes_no_choice_with_it_in_silence() -> None:
    definition = form(HOST, PEOPLE)
    held = read_form(definition, {"guests": [{"name": "Ann"}], "host": "Ann"})
    later = fill(definition, {"guests": [{"name": "Eve"}]}, scope=Scope(frozenset(["guests"]), held=held))
    assert later.errors.keys() == {"host"}


@pytest.mark.parametrize(
    ("column", "problem"),
    [("x", "guests has no column x"), ("n", "options are texts, and n is of the type number")],
)
def test_publishing_says_what_rows_cannot_be_options(column: str, problem: str) -> None:
    host = {**HOST, "options_from": {"field": "guests", "column": column}}
    found = problems(
        changed("form", to=[ITEM, PEOPLE, host, {"name": "amount", "label": "A", "type": "number"}])
    )
    assert f"form: host: options_from: {problem}" in found


# --- lists and authority tables -------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "entered", ["4711", " 4711 ", "4711 – Facility", "facility", "FACILITY", "4711 –  facility"]
)
def test_a_cost_centre_is_found_by_code_and_name_and_kept_with_its_row(entered: str) -> None:
    version = publish_list()
    definition = form(CENTRE)
    data = read_form(definition, {"centre": entered})
    assert data["centre"] == {"key": "4711", "label": "4711 – Facility", "version": version.number}
    assert facts(definition, data)[0].text == "4711 – Facility"
    assert condition_values(definition, data)["centre"] == "4711"
    assert "4711" in words_of(definition, data) and "facility" in words_of(definition, data)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("entered", "sentence"),
    [
        ("Garden", "Several are called “Garden”: 4712, 4713. Please write which one."),
        ("4714", "“4714” is not offered here, or not any more. Please choose again."),
        ("4711, 4712", "“4711, 4712” is not offered here, or not any more. Please choose again."),
        ("<script>", "“<script>” is not offered here, or not any more. Please choose again."),
        ("x" * 300, f"“{'x' * 100}…” is not offered here, or not any more. Please choose again."),
        ({"key": "4711", "label": "Mine", "version": 1}, "is not offered here, or not any more."),
    ],
)
def test_what_the_list_does_not_say_is_refused(entered: Any, sentence: str) -> None:
    publish_list()
    assert sentence in errors(form(CENTRE), centre=entered)["centre"]


@pytest.mark.django_db
def test_a_name_that_is_missing_or_shared_is_told_apart() -> None:
    publish_list()
    assert offered(form(CENTRE), "centre") == ["4711", "4712", "4713", "10"]
    choice = {
        **CENTRE,
        "type": "choice",
        "options_from": {"table": "cost_centres", "column": "code", "label": "name"},
    }
    listing = fill(form(choice), {}).fields["centre"].listing
    assert listing is not None
    assert listing.labels == {
        "4711": "Facility",
        "4712": "Garden (4712)",
        "4713": "Garden (4713)",
        "10": "10",
    }


@pytest.mark.django_db
def test_an_authority_table_offers_the_texts_that_its_rows_name() -> None:
    text = 'code,n:number,ask\n"4711, 4712",..10,manager\n"=a, b",..10,manager\n*,10..,manager\n4712,10..,manager\n'
    publish_list(text, "authority")
    field = {**CENTRE, "options_from": {"table": "authority", "column": "code"}}
    assert offered(form(field), "centre") == ["4711", "4712", "a, b"]


@pytest.mark.django_db
def test_several_rows_and_cells_of_tables_take_them_too() -> None:
    publish_list()
    source = {"table": "cost_centres", "column": "code", "label": "name"}
    several = {**CENTRE, "type": "choices", "options_from": source}
    lines = {"name": "lines", "label": "Lines", "type": "table", "unique": "centre", "columns": [CENTRE]}
    definition = form(several, lines)
    data = read_form(
        definition, {"centre": ["Garden (4712)", "4711", "4711"], "lines": [{"centre": "Facility"}]}
    )
    assert [one["key"] for one in data["centre"]] == ["4712", "4711"]
    assert data["lines"] == [{"centre": {"key": "4711", "label": "4711 – Facility", "version": 1}}]
    seen = condition_values(definition, data)
    assert (seen["centre"], seen["lines"]) == (["4712", "4711"], [{"centre": "4711"}])
    assert errors(definition, lines=[{"centre": "4711"}, {"centre": "0815"}]).keys() == {"lines.2.centre"}
    assert errors(definition, lines=[{"centre": "4711"}, {"centre": "Facility"}]).keys() == {"lines.2.centre"}


@pytest.mark.django_db
def test_what_a_request_holds_stays_as_it_was_when_the_list_changes() -> None:
    publish_list()
    definition = form(CENTRE, ITEM)
    held = read_form(definition, {"centre": "4711", "item": "Desk"})
    publish_list("code,name\n4712,Garden\n")
    scope = Scope(frozenset(["centre", "item"]), held=held)
    for entered in ("4711", "4711 – Facility"):
        again = fill(definition, {"centre": entered, "item": "Desk"}, scope=scope)
        assert (again.errors, again.data) == ({}, held)
    other = fill(definition, {"centre": "4712"}, scope=scope)
    assert other.data["centre"] == {"key": "4712", "label": "4712 – Garden", "version": 2}
    assert errors(definition, centre="4711").keys() == {"centre"}  # a draft, or somebody else


@pytest.mark.django_db
def test_a_request_with_it_is_asked_hashed_and_proved(alice: Person, bob: Person) -> None:
    publish_list()
    source = one_step([{"manager": True, "if": "centre == '4711'"}], form=[ITEM, CENTRE])
    request = engine.start(publish(source), alice, {"item": "Desk", "centre": "facility"})
    definition = definition_of(request.version)
    shown = facts_hash(request, definition, "step")
    publish_list("code,name\n4711,Renamed\n")
    assert facts_hash(Request.objects.get(), definition, "step") == shown
    request.data["centre"]["label"] = "4711 – Renamed"
    assert facts_hash(request, definition, "step") != shown
    engine.decide(Assignment.objects.get().pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    assert ([*chain.verify(request.pk)], [*evidence.compare(request.pk)]) == ([], [])


@pytest.mark.django_db
def test_a_reply_names_it_by_code_or_name(alice: Person, bob: Person) -> None:
    publish_list()
    source = one_step([{"manager": True}], form=[ITEM])
    source["steps"]["step"]["questions"] = [{**CENTRE, "required": True}]
    version = publish(source)
    engine.start(version, alice, {"item": "Desk"})
    [question] = asked_in(definition_of(version), "step")
    assert question.takes == "a cost centre, by its code or its name"
    seat = Assignment.objects.get()
    with pytest.raises(engine_errors.AnswersInvalid) as error:
        engine.decide(
            seat.pk, by=bob, outcome="approve", channel=Decision.Channel.MAIL, answers={"centre": "0815"}
        )
    assert "“0815” is not offered here" in str(error.value.errors)
    decision = engine.decide(
        seat.pk, by=bob, outcome="approve", channel=Decision.Channel.MAIL, answers={"centre": "facility."}
    )
    assert decision.answers["centre"]["key"] == "4711"


@pytest.mark.django_db
def test_json_schema_names_the_table_and_not_its_rows() -> None:
    publish_list()
    definition = form(CENTRE, {**HOST}, PEOPLE)
    about = schema_of(definition)["properties"]
    assert about["centre"] == {
        "title": "Cost centre",
        "description": "Of the column “code” of the table “cost_centres”.",
        "type": "string",
        "minLength": 1,
    }
    assert about["host"]["description"] == "Of the column “name” of guests."


# --- publishing -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_publishing_says_which_table_to_import_and_which_columns_there_are() -> None:
    [problem] = wrong(**{k: v for k, v in CENTRE.items() if k == "type"})
    assert problem == (
        "form: it: there is no table cost_centres; import it first: placet table import cost_centres FILE.csv "
        "(with the columns code, name)"
    )
    publish_list("number,name\n1,a\n")
    assert wrong(type="cost_centre") == [
        "form: it: options_from: the table cost_centres has no column code; its columns are number, name"
    ]
    publish_list("code:number,name,ask\n1,a,manager\n")
    assert len(wrong(type="cost_centre")) == 2
    publish_list()
    parse_definition(changed("form", 0, to={**ITEM}))
    assert "it: default: “9” is not offered here" in wrong(type="cost_centre", default="'9'")[0]


@pytest.mark.django_db
def test_no_step_asks_by_a_list_and_the_process_is_named_that_would_miss_a_column() -> None:
    publish_list()
    source = one_step([{"table": "cost_centres", "with": {"code": "item"}}])
    assert any("the table cost_centres is a list: it has no column ask" in one for one in problems(source))
    publish(one_step([{"manager": True}], form=[ITEM, CENTRE]))
    assert processes_naming(table="cost_centres") == ["One step"]
    columns = read(b"number,name\n1,a\n").columns
    assert [*authority.misfits("cost_centres", columns)] == [
        "the process One step offers what stands in code of this table"
    ]


@pytest.mark.django_db
def test_a_table_that_becomes_a_list_stops_the_steps_that_ask_by_it(alice: Person) -> None:
    publish_list("item,ask\nDesk,manager\n", "authority")
    version = publish(one_step([{"table": "authority", "with": {"item": "item"}}]))
    publish_list("item\nDesk\n", "authority")
    assert [*authority.misfits("authority", read(b"item\nDesk\n").columns)]
    request = engine.start(version, alice, {"item": "Desk", "amount": "1"})
    visit = request.visits.get()
    assert visit.state == "stuck" and "has other columns, or is not there" in visit.reason
    assert authority.asks("authority", ["manager"]) is False


def test_cells_of_a_list_say_what_stands_there() -> None:
    rows: Rows = read(b'code,name,limit:number\n1,"Garden, Hall *, =x",5\n2,*,\n')
    assert rows.is_list and rows.cells[0][1] == "Garden, Hall *, =x"
    with pytest.raises(TableInvalid, match="“many” is not a number"):
        read(b"code,limit:number\n1,many\n")


# --- many rows ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_ten_thousand_rows_are_looked_up_quickly() -> None:
    publish_list("code,name\n" + "".join(f"{n},Centre {n}\n" for n in range(10_000)))
    lines = {"name": "lines", "label": "Lines", "type": "table", "columns": [CENTRE]}
    definition = form(CENTRE, lines)
    rows = [{"centre": f"Centre {n}"} for n in range(100)]
    begun = time.process_time()
    data = read_form(definition, {"centre": "Centre 9999", "lines": rows})
    # It takes a tenth of a second; looking through all for each cell takes a minute.
    assert time.process_time() - begun < 5
    assert data["lines"][99]["centre"]["key"] == "99"
    listing = Lists().offering(definition.fields[0]).listing
    assert listing is not None
    assert [key for key, _label in listing.containing("9999")] == ["9999"]


# --- steps that fill in ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_step_fills_it_in_by_mail_and_may_leave_it_when_its_row_has_gone(
    alice: Person, bob: Person
) -> None:
    publish_list()
    source = one_step(
        [{"manager": True}], form=[ITEM, CENTRE, {"name": "note", "label": "Note", "type": "text"}]
    )
    source["steps"]["step"]["form"] = {"fill": ["centre", "note"]}
    version = publish(source)
    request = engine.start(version, alice, {"item": "Desk", "centre": "4711"})
    seat = Assignment.objects.get()
    publish_list("code,name\n4712,Garden\n")
    engine.decide(
        seat.pk,
        by=bob,
        outcome="approve",
        channel=Decision.Channel.PAGE,
        entered={"centre": "4711", "note": "Ok"},
    )
    request.refresh_from_db()
    assert request.revision == 2
    assert request.data["centre"] == {"key": "4711", "label": "4711 – Facility", "version": 1}

    other = engine.start(version, alice, {"item": "Lamp", "centre": "4712"})
    publish_list()
    seat = Assignment.objects.get(visit__request=other)
    with pytest.raises(engine_errors.EngineError):
        engine.decide(
            seat.pk, by=bob, outcome="approve", channel=Decision.Channel.MAIL, answers={"centre": "0815"}
        )
    engine.decide(
        seat.pk, by=bob, outcome="approve", channel=Decision.Channel.MAIL, answers={"centre": "Facility."}
    )
    other.refresh_from_db()
    assert other.data["centre"] == {"key": "4711", "label": "4711 – Facility", "version": 3}
