"""Authority tables: who a step asks by one, what stays as it was, and what is said before one is published."""

from typing import Any

import pytest

from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import authority, engine, evidence
from placet.approvals.authority_csv import Rows, TableInvalid, read, written
from placet.approvals.models import Decision, Request, TableMatch, TableVersion, Visit
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.audit import chain
from placet.lib.canonical import digest
from placet.panel.naming import processes_naming
from tests.making import FORM, asked, entries, entry_of, one_step, open_for

pytestmark = pytest.mark.django_db
PAGE = Decision.Channel.PAGE

WITH = {"cost_centre": "cost_centre", "amount": "amount"}
LINE: dict[str, Any] = {"table": "authority", "with": WITH}
CENTRE = [*FORM, {"name": "cost_centre", "label": "Cost centre", "type": "text"}]
TABLE = """
cost_centre,amount:number,ask
"4711, 4712",0..1000,manager
"4711, 4712",1000..50000,group:finance
4711,50000..,carol@contoso.example;dave@contoso.example
*,..1000,dave@contoso.example
"""


@pytest.fixture
def erin(db: None) -> Person:
    return add_person("Erin", "erin@contoso.example")


def rows(text: str = TABLE) -> Rows:
    return read(text.encode())


def table(text: str = TABLE, hits: str = "first", key: str = "authority") -> TableVersion:
    return authority.publish(key, rows(text), hits)


def source(line: dict[str, Any] = LINE, *more: dict[str, Any], **of_step: Any) -> dict[str, Any]:
    definition = one_step([line, *more], form=CENTRE)
    definition["steps"]["step"] |= of_step
    return definition


def request_of(definition: dict[str, Any], requester: Person, centre: str, amount: str) -> Request:
    entered = {"item": "Desk", "amount": amount, "cost_centre": centre}
    return engine.start(publish(definition), requester, entered)


def finance(*people: Person) -> Group:
    made, _ = Group.objects.get_or_create(key="finance", defaults={"name": "Finance"})
    made.members.set(people)
    return made


def leave(person: Person, admin: Person) -> None:
    engine.deactivate(person, by=admin)


def stuck_for(request: Request) -> str:
    return request.visits.get(state=Visit.State.STUCK).reason


def is_sound(request: Request) -> bool:
    return not list(chain.verify(request.pk)) and not list(evidence.compare(request.pk))


# --- who is asked -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("centre", "amount", "people", "row"),
    [
        ("4711", "0", ["Bob"], 1),
        ("4712", "999.99", ["Bob"], 1),
        ("4711", "1000", ["Erin"], 2),
        ("4711", "49999.99", ["Erin"], 2),
        ("4711", "50000", ["Carol", "Dave"], 3),
        (" 4711 ", "1000000", ["Carol", "Dave"], 3),
        ("9999", "1", ["Dave"], 4),
    ],
)
def test_a_chain_of_limits(
    alice: Person,
    carol: Person,
    dave: Person,
    erin: Person,
    centre: str,
    amount: str,
    people: list[str],
    row: int,
) -> None:
    finance(erin)
    version = table()
    request = request_of(source(), alice, centre, amount)
    assert asked(request) == people
    entry = entry_of("looked up", request=request)
    assert {name: entry.what[name] for name in ("step", "round", "line", "table", "version", "rows")} == {
        "step": "step", "round": 1, "line": 0, "table": "authority", "version": 1, "rows": [row],
    }  # fmt: skip
    assert entry.what["content"] == digest([version.hits, version.columns, version.rows])
    assert is_sound(request)


@pytest.mark.parametrize(
    ("cell", "people", "reason"),
    [
        ("manager:1", ["Bob"], ""),
        ("Manager:2", ["Erin"], ""),
        ("manager; manager:2; manager:1", ["Bob", "Erin"], ""),
        ("manager:3", ["Carol"], ""),  # Dave has left: the next one above
        ("manager:4", ["Carol"], ""),
        ("manager:5", [], "Alice Requester has no manager 5 levels up who can be asked"),
        ("manager:10", [], "Alice Requester has no manager 10 levels up who can be asked"),
        ("manager; manager:5", [], "Alice Requester has no manager 5 levels up who can be asked"),
    ],
)
def test_a_manager_so_many_levels_up(
    alice: Person,
    bob: Person,
    carol: Person,
    dave: Person,
    erin: Person,
    cell: str,
    people: list[str],
    reason: str,
) -> None:
    """As a line of `ask` says it, but that it is never skipped."""
    for person, manager in [(bob, erin), (erin, dave), (dave, carol)]:
        Person.objects.filter(pk=person.pk).update(manager=manager, is_active=person != dave)
    table(f"cost_centre,amount:number,ask\n*,,{cell}\n")
    request = request_of(source(rule="all", nobody={"skip": "approve"}), alice, "4711", "1")
    assert asked(request) == people
    if reason:
        assert stuck_for(request) == reason
    else:
        levels = [int(one.partition(":")[2] or 1) for one in cell.split(";")]
        lines = one_step([{"manager": level} for level in levels], rule="all", form=CENTRE)
        assert asked(request_of(lines, alice, "4711", "1")) == people


def test_where_no_row_fits_the_step_waits_and_says_for_what(alice: Person, dave: Person) -> None:
    table()
    request = request_of(source(nobody={"skip": "approve"}), alice, "4712", "50000")
    assert asked(request) == []
    assert stuck_for(request) == "no row of the table “authority” fits cost_centre 4712, amount 50000"
    assert (entries("looked up", request=request), TableMatch.objects.count()) == ([], 0)


def test_a_gap_is_not_passed_over_because_others_are_named(alice: Person, dave: Person) -> None:
    table()
    request = request_of(source(LINE, {"person": dave.email}), alice, "4712", "50000")
    assert asked(request) == []
    also = source(nobody={"ask": [{"person": dave.email}]})
    assert asked(request_of(also, alice, "4712", "50000")) == []


def test_no_step_is_skipped_by_what_chooses_the_row(alice: Person, bob: Person) -> None:
    finance()
    table()
    request = request_of(source(nobody={"skip": "approve"}), alice, "4711", "2000")
    assert stuck_for(request) == "the group “finance” has no members"


def test_a_table_names_at_most_fifty(alice: Person) -> None:
    crowd = [add_person(f"P{number}", f"p{number}@contoso.example") for number in range(51)]
    finance(*crowd[:50])
    table()
    assert len(asked(request_of(source(), alice, "4711", "2000"))) == 50
    finance(*crowd)
    request = request_of(source(), alice, "4711", "2000")
    assert "names more than 50 people" in stuck_for(request)


def test_where_nobody_was_asked_yet_the_repaired_table_counts(
    alice: Person, dave: Person, admin: Person
) -> None:
    table()
    request = request_of(source(), alice, "4712", "50000")
    table(TABLE.replace("4711,50000..", '"4711, 4712",50000..').replace("carol@", "dave@"))
    engine.ask_again(request.visits.get().pk, by=admin)
    assert asked(request) == ["Dave"]
    assert entry_of("looked up", request=request).what["version"] == 2
    assert is_sound(request)


def test_a_visit_looks_in_one_version_for_as_long_as_it_lasts(
    alice: Person, carol: Person, dave: Person, erin: Person, admin: Person
) -> None:
    finance(erin, dave)
    table()
    request = request_of(source(rule="all"), alice, "4711", "2000")
    assert asked(request) == ["Dave", "Erin"]
    table("cost_centre,amount:number,ask\n*,,carol@contoso.example\n")
    finance(dave)
    leave(erin, admin)
    assert asked(request) == ["Dave"]
    finance()
    leave(dave, admin)
    assert stuck_for(request) == "the group “finance” has no members"
    finance(carol)
    engine.ask_again(request.visits.get().pk, by=admin)
    assert asked(request) == ["Carol"]
    assert len(entries("looked up", request=request)) == 1
    assert is_sound(request)
    assert asked(request_of(source(), alice, "4711", "2000")) == ["Carol"]  # another request: by version 2
    assert [match.version.number for match in TableMatch.objects.all()] == [1, 2]


def test_other_rows_of_the_version_are_recorded_too(
    alice: Person, dave: Person, erin: Person, admin: Person
) -> None:
    finance(erin)
    table()
    request = request_of(source(), alice, "4711", "2000")
    Request.objects.update(data={**request.data, "amount": {"minor": 9_900_000, "currency": "EUR"}})
    table("cost_centre,amount:number,ask\n,,manager\n")
    leave(erin, admin)
    assert asked(request) == ["Dave"]
    [row] = TableMatch.objects.all()
    assert (row.version.number, row.rows) == (1, [3])
    assert [entry.what["rows"] for entry in entries("looked up", request=request)] == [[2], [3]]


def test_every_row_that_fits_counts_and_nobody_is_asked_twice(
    alice: Person, carol: Person, dave: Person
) -> None:
    table(
        "cost_centre,amount:number,ask\n4711,,carol@contoso.example\n*,100..,dave@contoso.example\n"
        "*,,Carol@Contoso.Example; group:none\n",
        hits="every",
    )
    request = request_of(source(), alice, "4711", "100")
    assert asked(request) == ["Carol", "Dave"]
    assert entry_of("looked up", request=request).what["rows"] == [1, 2, 3]


def test_two_lines_of_a_step_look_for_different_things(alice: Person, bob: Person, dave: Person) -> None:
    table()
    half = {**LINE, "with": {"cost_centre": '"other"', "amount": "amount / 2.0"}}
    request = request_of(source(LINE, half), alice, "4711", "900")
    assert asked(request) == ["Bob", "Dave"]
    assert [(entry.what["line"], entry.what["rows"]) for entry in entries("looked up", request=request)] == [
        (0, [1]),
        (1, [4]),
    ]
    assert is_sound(request)


@pytest.mark.parametrize("may", [False, True])
def test_the_requester_is_not_asked_by_a_table_unless_they_may_decide(dave: Person, may: bool) -> None:
    table()
    request = request_of(source(requester_may_decide=may), dave, "1", "1")
    assert asked(request) == (["Dave"] if may else [])
    if not may:
        assert stuck_for(request) == "Dave Stranger made this request, and so cannot be asked to decide it"


def test_four_eyes(alice: Person, carol: Person, dave: Person) -> None:
    table()
    definition = source()
    definition["steps"]["second"] = {**definition["steps"]["step"], "not_same_as": ["step"]}
    definition["transitions"] = [
        {"from": "step", "outcome": "approve", "to": "second"},
        {"from": "second", "outcome": "approve", "to": "approved"},
        *({"from": one, "outcome": "reject", "to": "rejected"} for one in ("step", "second")),
    ]
    request = request_of(definition, alice, "4711", "60000")
    engine.decide(open_for(carol).pk, by=carol, outcome="approve", channel=PAGE)
    assert asked(request) == ["Dave"]
    assert is_sound(request)


def test_a_table_with_other_columns_names_nobody(alice: Person) -> None:
    table()
    version = publish(source())
    table("site,ask\nParis,manager\n")
    request = engine.start(version, alice, {"item": "Desk", "amount": "1", "cost_centre": "4711"})
    assert stuck_for(request) == "the table “authority” has other columns, or is not there"


# --- what the record says ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rows": [2]}, "the rows of a table that fitted was changed"),
        ("version", "the version of a table was changed"),
        ("content", "the content of a table was changed"),
        ("gone", "what a table says is gone"),
    ],
)
def test_what_was_looked_up_is_compared(alice: Person, bob: Person, change: Any, reason: str) -> None:
    version = table()
    request = request_of(source(), alice, "4711", "1")
    other = table(TABLE.replace("50000", "60000"))
    matches = TableMatch.objects.filter(visit__request=request)
    if change == "content":
        changed = [[*row[:-1], "carol@contoso.example"] for row in version.rows]
        TableVersion.objects.filter(pk=version.pk).update(rows=changed)
    elif change == "version":
        matches.update(version=other)
    elif change == "gone":
        matches.delete()
    else:
        matches.update(**change)
    [differs] = evidence.compare()
    seq = entry_of("looked up", request=request).seq
    assert (differs.request_id, differs.seq, differs.reason) == (request.pk, seq, reason)


# --- publishing a process ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"table": "other", "with": {"a": "amount"}}, "there is no table other; import it first"),
        ({"table": "authority"}, "table and with belong together"),
        ({"manager": True, "with": {"a": "amount"}}, "table and with belong together"),
        ({"table": "authority", "with": {}}, "with: the table authority has a column cost_centre"),
        ({**LINE, "with": {"cost_centre": "cost_centre"}}, "with: the table authority has a column amount"),
        ({**LINE, "with": {**WITH, "site": "item"}}, "with: the table authority has no column site"),
        (
            {**LINE, "with": {**WITH, "amount": "item"}},
            "amount of the table is a number, and this is none",
        ),
        ({**LINE, "with": {**WITH, "amount": "amuont"}}, "“amuont” cannot be evaluated"),
        ({**LINE, "with": {**WITH, "cost_centre": "[item]"}}, "cost_centre of the table is one text"),
        ({**LINE, "manager": True}, "say exactly one of"),
        ({**LINE, "pick": "next"}, "pick belongs to a group"),
    ],
)
def test_each_mistake_in_a_line_is_named(line: dict[str, Any], problem: str) -> None:
    table()
    with pytest.raises(DefinitionInvalid) as refused:
        parse_definition(source(line))
    assert any(problem in one for one in refused.value.problems), refused.value.problems


def test_a_line_is_kept_as_it_is_written() -> None:
    table()
    assert publish(source()).definition["steps"]["step"]["ask"] == [LINE]


# --- publishing a table -----------------------------------------------------------------------------------


def test_versions_are_numbered_and_only_what_changes_is_one() -> None:
    assert [table().number, table().number, table(hits="every").number, table().number] == [1, 1, 2, 3]
    assert authority.publish("authority", rows(), "first", "Who may approve").number == 3
    assert TableVersion.objects.first().table.name == "Who may approve"  # type: ignore[union-attr]


def test_what_is_written_is_read_as_the_same() -> None:
    tricky = 'a,b:number,ask\n"=x, y",-5..-1,manager:2\n"=+1","1 000..",group:x\n'
    assert b"'=x, y" in written(rows(tricky))
    for text in (TABLE, tricky):
        again = read(written(rows(text)))
        assert (again.columns, again.cells) == (rows(text).columns, rows(text).cells)
    excel = "sep=;\r\ncost_centre;Amount:Number;ask\r\n4711;0..1 000;manager\r\n".encode("utf-16")
    assert (read(excel).cells, read(excel).lines) == ([["4711", "0..1 000", "manager"]], [3])


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["The first line names no column."]),
        ("a,b\n", ["There are no rows, only headings."]),
        ("ask\nmanager\n", ["There is no column but ask; a group does the same."]),
        ("a,ask\n", ["There are no rows, only headings."]),
        ("a,a:number,ask\n1,1,manager\n", ["two columns are called a", "The first line names columns"]),
        ("a b,x:date,ask:number\n", ["“a b” names no column", "“x:date” names no column", "“ask:number”", "The first"]),
        (",".join(f"c{n}" for n in range(10)) + ",ask\n", ["There are more than 10 columns."]),
        (
            "a,n:number,ask\nx,5..1,manager\n,,\nx,a,manager,more\n\"x,\",1..,bob;manager\n*,,\n\"a, *\",1,group:\n",
            [
                "line 2: n: “5..1” holds no number",
                "line 4: it has more cells than there are headings",
                "line 4: n: “a” is not a number",
                "line 5: a: between two commas of a list there is nothing",
                "line 5: ask: “bob” is neither an address nor group:KEY nor manager",
                "line 6: ask: it does not say who is asked",
                "line 7: a: * stands alone",
                "line 7: ask: “group:” names no group",
            ],
        ),
        (
            "a,ask\n1,manager:0\n2,manager:11\n3,manager:x\n4,manager:\n5,manager: 2\n6,manager:02\n7,bob:2\n",
            [
                "line 2: ask: “manager:0” names no manager: say how many levels up, manager:1 to manager:10",
                "line 3: ask: “manager:11” names no manager",
                "line 4: ask: “manager:x” names no manager",
                "line 5: ask: “manager:” names no manager",
                "line 6: ask: “manager: 2” names no manager",
                "line 7: ask: “manager:02” names no manager",
                "line 8: ask: “bob:2” is neither an address nor group:KEY nor manager",
            ],
        ),
        (f"a,ask\n{'x' * 501},manager\n", ["line 2: a: the cell has more than 500 characters"]),
        ('a,ask\n"a\nb",manager\n', ["line 2: a: a cell is one line"]),
        ("a,ask\n" + "x,manager\n" * 5001, ["There are more than 5000 rows."]),
        ('a,ask\n"x,manager\n', ["This is not a whole CSV file, from line"]),
        ("a,ask\n" + "x" * 2**21, ["This file is larger than 2 MB."]),
    ],
)  # fmt: skip
def test_every_problem_of_a_file_is_said_with_its_line(text: str, problems: list[str]) -> None:
    with pytest.raises(TableInvalid) as refused:
        read(text.encode())
    assert len(refused.value.problems) == len(problems), refused.value.problems
    for said, problem in zip(refused.value.problems, problems, strict=True):
        assert said.startswith(problem)


def test_a_review_names_lines(bob: Person) -> None:
    review = authority.review(
        rows(
            "a,n:number,ask\n"
            "x,0..10,bob@contoso.example\n"
            "x,5..20,group:none\n"
            "x,6..7,manager\n"
            "y,0..,ghost@contoso.example\n"
        ),
        "first",
    )
    assert review.problems == ["line 4: it can never be hit, because line 2 fits whatever it fits"]
    assert review.warnings == [
        "line 3: where it overlaps with line 2, that one counts",
        "x: nothing for 20 and above",
        "line 3: there is no group none",
        "line 5: ghost@contoso.example is nobody who can be asked",
    ]
    assert review.is_complete


def test_managers_are_nobody_who_could_be_missing_and_two_of_them_are_two() -> None:
    overlapping = "a,ask\n1,manager\n1,manager:1\n1,manager:2\n"
    review = authority.review(rows(overlapping + "*,manager:3\n"), "every")
    assert (review.problems, review.warnings) == ([], [])
    assert authority.review(rows("a,ask\n1,manager\n*,manager:1\n"), "first").warnings == []
    assert authority.review(rows("a,ask\n1,manager\n*,manager:2\n"), "first").warnings == [
        "line 3: where it overlaps with line 2, that one counts"
    ]


def test_a_table_that_a_process_looks_in_otherwise_is_named() -> None:
    table()
    publish(source())
    assert list(authority.misfits("authority", rows().columns)) == []
    assert list(authority.misfits("authority", rows("a,ask\n1,manager\n").columns)) == [
        "the process One step looks in this table by amount, cost_centre"
    ]


def test_a_group_that_a_table_names_is_named_by_the_process(alice: Person, erin: Person) -> None:
    finance(erin)
    table()
    request = request_of(source(), alice, "4711", "2000")
    assert processes_naming(group="finance") == ["One step"]
    assert processes_naming(addresses=["dave@contoso.example"]) == ["One step"]
    assert processes_naming(group="none") == []
    table("cost_centre,amount:number,ask\n,,manager\n")
    assert processes_naming(group="finance") == ["One step"]  # while the visit looks in the older one
    engine.decide(open_for(erin).pk, by=erin, outcome="approve", channel=PAGE)
    assert request.visits.get().state == Visit.State.CLOSED
    assert processes_naming(group="finance") == []
