"""People from a file: how it is read, what is planned, and that exactly this is done."""

import csv
import io
import random
import time
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from placet.accounts import calendar_changes, importing
from placet.accounts.addresses import PersonInvalid, add_address, add_people, add_person, addresses_of
from placet.accounts.calendars import OFFICE_WEEK, Content
from placet.accounts.importing import CHANGED, ERROR, NEW, UNCHANGED, ChangedMeanwhile, Options, Plan
from placet.accounts.models import Group, Person
from placet.accounts.people_csv import COLUMNS, MORE_COLUMNS, FileInvalid, Table, read, written

HEAD = "Name,E-mail address,Manager,Groups,Language,Time zone,Administrator\n"


def table(text: str) -> Table:
    return read(text.encode())


def plan(text: str, by: Person, **options: bool) -> Plan:
    return importing.plan(table(text), Options(**options), by)


def run(text: str, by: Person, **options: bool) -> list[Person]:
    rows, chosen = table(text), Options(**options)
    seen = importing.plan(rows, chosen, by).fingerprint
    done, made = importing.carry_out(rows, chosen, by, seen)
    assert len(made) == done.counts[NEW]
    return made


def errors(of: Plan) -> dict[int, str]:
    return {row.line: " ".join(row.errors) for row in of.of([ERROR])}


# --- reading ----------------------------------------------------------------------------------------------

ACCENTED = "Nom;Adresse e-mail;Responsable\nÉlodie Forêt;elodie@contoso.example;bob@contoso.example\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_a_file_is_read_however_its_letters_are_written(encoding: str) -> None:
    rows = read(ACCENTED.encode(encoding)).rows
    assert rows[0].cells == {
        "name": "Élodie Forêt", "address": "elodie@contoso.example", "manager": "bob@contoso.example"
    }  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("told", [False, True])
def test_commas_semicolons_and_tabs_are_recognised(delimiter: str, ending: str, told: bool) -> None:
    lines = [f'"Doe, John; Jr"{delimiter}john@contoso.example', f"Jane{delimiter}jane@contoso.example"]
    text = ending.join([f"Name{delimiter}Mail", *lines, ""])
    if told and ending != "\r":
        text = f"sep={delimiter}{ending}{text}"
    rows = read(text.encode()).rows
    assert [row.cells["name"] for row in rows] == ["Doe, John; Jr", "Jane"]
    assert rows[1].line == (4 if told and ending != "\r" else 3)


@pytest.mark.parametrize(
    ("headings", "cells", "name"),
    [
        ("UserPrincipalName,displayName", "a@b.example,Ann Bee", "Ann Bee"),
        ("mail,GivenName,Surname", "a@b.example,Ann,Bee", "Ann Bee"),
        ("Courriel,Prénom,Nom", "a@b.example,Ann,Bee", "Ann Bee"),
        ("Adresse de messagerie,NOM", "a@b.example,Ann Bee", "Ann Bee"),
        ("E-Mail,Name,First name", "a@b.example,Bee,Ann", "Ann Bee"),
        ("email,DisplayName,GivenName", "a@b.example,Ann Bee,Ann", "Ann Bee"),
        ('" E-mail Address "," Full name "', "a@b.example,Ann Bee", "Ann Bee"),
    ],
)
def test_headings_are_known_in_any_order_and_as_directories_write_them(
    headings: str, cells: str, name: str
) -> None:
    row = table(f"{headings}\n{cells}\n").rows[0]
    assert row.cells == {"address": "a@b.example", "name": name}


def test_calendars_are_planned_and_written(admin: Person, bob: Person, carol: Person) -> None:
    hours = Content("Europe/Berlin", OFFICE_WEEK)
    _munich, lyon = (calendar_changes.add(key, key.title(), hours, admin) for key in ("munich", "lyon"))
    Person.objects.filter(pk=carol.pk).update(calendar=lyon)
    text = (
        "Name,Mail,Calendrier\nErin,erin@b.example,Munich\nBob,bob@contoso.example,lyon\n"
        "Carol Finance,carol@contoso.example,munich\nDora,dora@b.example,paris\nEmil,emil@b.example,\n"
    )
    found = plan(text, admin)
    assert [[(c.field, c.before, c.after) for c in row.changes if c.field == "calendar"] for row in found.rows] == [
        [("calendar", "", "munich")], [("calendar", "", "lyon")], [("calendar", "lyon", "munich")], [], []
    ]  # fmt: skip
    assert errors(found) == {5: "There is no calendar with the key “paris”. Make it first, under Calendars."}
    run(text, admin)
    calendars = dict(Person.objects.values_list("email", "calendar__key"))
    assert [calendars[f"{name}@b.example"] for name in ("erin", "emil")] == ["munich", None]
    assert [calendars[f"{name}@contoso.example"] for name in ("bob", "carol")] == ["lyon", "munich"]
    again = plan(text, admin)
    assert again.counts[CHANGED] == again.counts[NEW] == 0


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_file_that_was_written_here_is_read_again_in_each_language(language: str) -> None:
    cells = [
        "=cmd|' /C calc'!A0", "+a@b.example", "-m@b.example", "5000.00", "finance; it", "fr", "Europe/Paris", "munich",
        "no", "yes",
    ]  # fmt: skip
    with translation.override(language):
        made = written([*COLUMNS, *MORE_COLUMNS], [[*cells, "@x.example", "active"]])
    found = read(made)
    assert found.unread == []
    assert set(found.columns) == set(COLUMNS)
    assert found.rows[0].cells == dict(
        zip([*COLUMNS, *MORE_COLUMNS], [*cells, "@x.example", "active"], strict=True)
    )


def test_nothing_that_is_written_is_calculated_by_a_spreadsheet() -> None:
    dangerous = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]
    made = written(["name"], [[cell] for cell in dangerous]).decode("utf-8-sig")
    cells = [row[0] for row in csv.reader(io.StringIO(made, newline=""))][1:]
    assert cells == [f"'{cell}" for cell in dangerous]


def test_a_name_that_only_begins_with_an_apostrophe_keeps_it() -> None:
    assert table("name,mail\n'tHooft,t@b.example\n").rows[0].cells["name"] == "'tHooft"


def test_a_no_break_space_is_a_space() -> None:
    row = table("Name,Mail\n\u00a0Jean\u00a0Paul\u202fDupont\u2007,j@b.example\n").rows[0]
    assert row.cells["name"] == "Jean Paul Dupont"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column with e-mail addresses"),
        (b"Name,Phone\nAnn,1\n", "no column with e-mail addresses"),
        (b"Name,Mail,E-mail\nAnn,a@b.example,a@b.example\n", "“Mail”"),
        (b"Name,Mail\n", "only headings"),
        (b"Name,Mail\n\n , \n", "only headings"),
        (b'Name,Mail\n"Ann,a@b.example\nBob,b@b.example\n', "quotation mark is not closed"),
        (b"Name,Mail\n" + b"x" * 200_000 + b",a@b.example\n", "too long"),
        (b"PK\x03\x04rest of a workbook", "workbook"),
        (b"\xd0\xcf\x11\xe0older workbook", "workbook"),
        (b"\xff\xfeA", "cannot be read"),
        (b"Name,Mail\n\x81\x8d,a@b.example\n", "cannot be read"),
        (b"Name,Mail\n" + b"Ann,a@b.example\n" * 10_001, "more than 10"),
        (b"x" * (2 * 1024 * 1024 + 1), "larger than 2 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_list_of_people_is_refused_in_words(content: bytes, said: str) -> None:
    with pytest.raises(FileInvalid, match=said):
        read(content)


def test_columns_that_say_nothing_are_named() -> None:
    found = table("Mail,Phone,,Shoe size\na@b.example,1,x,44\n")
    assert found.unread == ["Phone", "Shoe size"]
    assert found.columns == ["address"]


def test_a_row_survives_being_kept_for_its_preview() -> None:
    found = table(HEAD + "Ann,a@b.example,,,,,\nBob,b@b.example,,,,,,one too many\n")
    assert Table.from_json(found.as_json()) == found
    assert found.rows[1].problem


# --- planning ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("Ann,,,,,,", "There is no e-mail address."),
        ("Ann,not an address,,,,,", "” is not an e-mail address"),
        (",new@b.example,,,,,", "Somebody new needs a name."),
        (f"{'x' * 201},new@b.example,,,,,", "1 to 200 letters"),
        ("A\u202enn,new@b.example,,,,,", "on one line"),
        ('"A\nnn",new@b.example,,,,,', "on one line"),
        ("Ann,new@b.example,nobody@b.example,,,,", "nobody with the manager's address nobody@b.example"),
        ("Ann,new@b.example,Bob,,,,", "“bob” is not an e-mail address"),
        ("Ann,new@b.example,new@b.example,,,,", "Nobody is their own manager."),
        ("Ann,new@b.example,,no such group,,,", "There is no group “no such group”"),
        ("Ann,new@b.example,,,Klingon,,", "does not speak “Klingon”"),
        ("Ann,new@b.example,,,,Mars/Olympus,", "There is no time zone “Mars/Olympus”"),
        ("Ann,new@b.example,,,,,perhaps", "yes or no, not “perhaps”"),
        (",ada@contoso.example,,,,,no", "cannot take the administrator's role from yourself"),
        ("Ann,new@b.example,,,,,,extra", "more cells than"),
        ("Ann,a\x00b@b.example,,,,,", "” is not an e-mail address"),
    ],
)
def test_a_wrong_row_is_left_out_with_a_sentence_and_its_line(row: str, said: str, admin: Person) -> None:
    found = plan(f"{HEAD}Good,good@b.example,,,,,\n{row}\n", admin, administrators=True)
    assert list(errors(found)) == [3]
    assert said in errors(found)[3]
    assert found.counts[NEW] == 1


def test_line_numbers_are_those_of_the_file_whatever_is_in_it(admin: Person) -> None:
    text = '\nName,Mail\n"Two\nlines",a@b.example\n\n,\nAnn,wrong\n'
    assert list(errors(plan(text, admin))) == [3, 7]


def test_a_plan_says_what_is_new_changed_and_unchanged(admin: Person, bob: Person, carol: Person) -> None:
    text = (
        f"{HEAD}Erin Engineer,erin@contoso.example,bob@contoso.example,finance,fr,europe/paris,\n"
        "Robert Manager,BOB@contoso.example,carol@contoso.example,Finance,,,\n"
        "Carol Finance,carol@contoso.example,,finance,,,\n"
    )
    found = plan(text, admin)
    assert found.counts == {ERROR: 0, NEW: 1, CHANGED: 1, UNCHANGED: 1}
    said = [[(c.field, c.before, c.after) for c in row.changes] for row in found.of([NEW, CHANGED])]
    assert said == [
        [("name", "", "Erin Engineer"), ("language", "", "fr"), ("zone", "", "Europe/Paris"),
         ("joins", "", "Finance"), ("manager", "", "bob@contoso.example")],
        [("name", "Bob Manager", "Robert Manager"), ("joins", "", "Finance"),
         ("manager", "", "carol@contoso.example")],
    ]  # fmt: skip
    assert Person.objects.count() == 3


def test_somebody_is_known_by_each_of_their_addresses_but_only_once(admin: Person, bob: Person) -> None:
    add_address(bob, "robert@contoso.example")
    found = plan("Name,Mail\nBob Manager,Robert@contoso.example\nX,bob@contoso.example\n", admin)
    assert found.counts[UNCHANGED] == 1
    assert errors(found) == {3: "Line 2 is about the same person."}
    twice = plan("Name,Mail\nAnn,a@b.example\nAnn,A@b.example\n", admin)
    assert errors(twice) == {3: "Line 2 is about the same person."}


def test_managers_may_come_later_in_the_file_and_wrong_ones_take_their_people_with_them(
    admin: Person,
) -> None:
    text = (
        "Name,Mail,Manager\n"
        "Worker,worker@b.example,lead@b.example\n"
        "Lead,lead@b.example,boss@b.example\n"
        "Boss,boss@b.example,nobody@b.example\n"
        "Other,other@b.example,chief@b.example\n"
        "Chief,chief@b.example,\n"
    )
    said = errors(plan(text, admin))
    assert list(said) == [2, 3, 4]
    assert "is on line 3, which is left out" in said[2]
    assert "is on line 4, which is left out" in said[3]
    made = run(text, admin)
    assert [person.name for person in made] == ["Other", "Chief"]
    assert Person.objects.get(name="Other").manager == Person.objects.get(name="Chief")


def test_people_who_would_lead_each_other_are_left_out(admin: Person, alice: Person, bob: Person) -> None:
    # Bob leads Alice already.
    ring = errors(plan("Mail,Manager\nbob@contoso.example,alice@contoso.example\n", admin))
    assert "each other's managers" in ring[2]
    swap = plan(
        "Mail,Manager\nbob@contoso.example,alice@contoso.example\nalice@contoso.example,ada@contoso.example\n",
        admin,
    )
    assert swap.counts[CHANGED] == 2
    three = (
        "Name,Mail,Manager\nA,a@b.example,b@b.example\nB,b@b.example,c@b.example\nC,c@b.example,a@b.example\n"
    )
    found = plan(f"{three}D,d@b.example,a@b.example\n", admin)
    assert "A → B → C → A" in errors(found)[2]
    assert list(errors(found)) == [2, 3, 4, 5]


def test_a_ring_names_those_in_it_whom_no_row_names(admin: Person, alice: Person, bob: Person) -> None:
    ring = errors(plan("Mail,Manager\nbob@contoso.example,alice@contoso.example\n", admin))
    assert "Bob Manager → Alice Requester → Bob Manager." in ring[2]


def test_a_long_ring_is_named_in_short_and_costs_little(admin: Person) -> None:
    name, number = "n" * 140, 2000
    rows = [f"{name} {n},p{n}@b.example,p{(n + 1) % number}@b.example" for n in range(number)]
    found = plan("Name,Mail,Manager\n" + "\n".join(rows), admin)
    said = [row.errors[0] for row in found.rows]
    assert found.counts[ERROR] == number
    assert said[0].endswith(f"{name} 3 → {name} 4 → ….")
    assert len({id(text) for text in said}) == 1  # one text for all of them, not one each


def test_a_chain_that_is_turned_round_is_planned_in_one_pass(admin: Person) -> None:
    """Each row that is left out closes a ring with the next one."""
    number = 4000
    people = [Person(name=f"P{n}", email=f"p{n}@b.example") for n in range(number)]
    add_people(people)
    for n, person in enumerate(people[:-1]):
        person.manager = people[n + 1]
    Person.objects.bulk_update(people, ["manager"], batch_size=500)
    rows = [f"p{n}@b.example,p{n - 1}@b.example" for n in range(1, number)]
    text = "Mail,Manager\np0@b.example,\n" + "\n".join(rows)
    started = time.process_time()
    found = plan(text, admin)
    assert time.process_time() - started < 5
    assert found.counts == {ERROR: number - 1, NEW: 0, CHANGED: 0, UNCHANGED: 1}
    assert errors(found)[4] == "They would be each other's managers: P2 → P1 → P2."


@pytest.mark.parametrize("seed", range(40))
def test_rings_are_left_out_as_by_looking_again_after_each(seed: int, admin: Person) -> None:
    chosen = random.Random(seed)
    old = [add_person(f"P{n}", f"p{n}@b.example") for n in range(7)]
    for person in old:
        Person.objects.filter(pk=person.pk).update(manager=chosen.choice([None, *old]))
    addresses = [f"p{n}@b.example" for n in range(12)]  # the last ones are new or nobody
    rows = [(address, chosen.choice(["", *addresses])) for address in addresses if chosen.random() < 0.8]
    found = plan("Name,Mail,Manager\n" + "\n".join(f"N,{a},{m}" for a, m in rows), admin)
    before = {p.email: p.manager.email if p.manager else "" for p in Person.objects.select_related("manager")}
    assert {row.address for row in found.of([ERROR])} == _left_out(dict(rows), before)


def _left_out(rows: dict[str, str], before: dict[str, str]) -> set[str]:
    """The slow way."""
    out: set[str] = set()
    while True:
        says = {address: manager for address, manager in rows.items() if manager and address not in out}
        there = before.keys() | (rows.keys() - out)
        wrong = {address for address, manager in says.items() if manager not in there}
        leads = {**before, **says}
        for start in says:
            here = leads[start]
            for _ in leads:
                here = leads.get(here, "") if here != start else here
            if here == start:
                wrong.add(start)
        if not wrong:
            return out
        out |= wrong


def test_a_ring_that_is_there_already_stops_nobody_else(admin: Person, alice: Person, bob: Person) -> None:
    Person.objects.filter(pk=bob.pk).update(manager=alice)
    assert not errors(plan("Name,Mail,Manager\nNew,n@b.example,bob@contoso.example\n", admin))


def test_groups_are_only_joined_unless_leaving_is_asked_for(admin: Person, carol: Person) -> None:
    Group.objects.create(key="it", name="IT")
    text = "Mail,Groups\ncarol@contoso.example,it\n"
    assert [c.field for c in plan(text, admin).rows[0].changes] == ["joins"]
    both = plan(text, admin, leave_groups=True).rows[0].changes
    assert [(c.field, c.before or c.after) for c in both] == [("joins", "IT"), ("leaves", "Finance")]
    empty = plan("Mail,Groups\ncarol@contoso.example,\n", admin, leave_groups=True)
    assert empty.counts[UNCHANGED] == 1
    run(text, admin, leave_groups=True)
    assert [group.key for group in carol.approval_groups.all()] == ["it"]


def test_two_groups_of_one_name_are_told_apart_by_their_keys(admin: Person) -> None:
    for key in ("it-1", "it-2"):
        Group.objects.create(key=key, name="IT")
    assert "Several groups" in errors(plan("Name,Mail,Groups\nAnn,a@b.example,IT\n", admin))[2]
    run("Name,Mail,Groups\nAnn,a@b.example,IT-2\n", admin)
    assert Group.objects.get(members__name="Ann").key == "it-2"


def test_many_wrong_groups_in_one_cell_are_said_in_short(admin: Person) -> None:
    same, others = ";".join(["z"] * 60_000), "; ".join(f"g{n}" for n in range(13))
    found = plan(f'Name,Mail,Groups\nAnn,a@b.example,"{same}"\nBen,b@b.example,"{others}"\n', admin)
    assert [len(row.errors) for row in found.rows] == [1, 11]
    assert found.rows[1].errors[-1] == "3 more names in the cell of groups are wrong."


@pytest.mark.parametrize("role", ["Administrator", "Process owner"])
def test_a_role_is_read_only_where_that_was_ticked(role: str, admin: Person, dave: Person) -> None:
    field = f"is_{role.lower().replace(' ', '_')}"
    text = f"Mail,{role}\ndave@contoso.example,yes\n"
    run(text, admin)
    dave.refresh_from_db()
    assert not getattr(dave, field)
    run(text, admin, administrators=True)
    dave.refresh_from_db()
    assert getattr(dave, field)
    wrong = plan(text.replace("yes", "perhaps"), admin, administrators=True)
    assert wrong.rows[0].errors == [f"{role} is yes or no, not “perhaps”."]


def test_an_empty_cell_leaves_things_as_they_are(admin: Person, alice: Person, bob: Person) -> None:
    Person.objects.filter(pk=alice.pk).update(language="fr", zone="Europe/Paris")
    assert plan(f"{HEAD},alice@contoso.example,,,,,\n", admin).counts[UNCHANGED] == 1


def test_approval_limits_are_planned_written_and_taken_away(admin: Person, bob: Person) -> None:
    head = "Name,Mail,Approval limit\n"
    text = f'{head}Bob Manager,bob@contoso.example,"5,000"\nErin,erin@contoso.example,100.5\n'
    planned = plan(text, admin)
    changes = [[(c.field, c.before, c.after) for c in row.changes] for row in planned.of([CHANGED, NEW])]
    assert changes == [
        [("approval_limit", "", "5000.00")],
        [("name", "", "Erin"), ("approval_limit", "", "100.50")],
    ]
    run(text, admin)
    limits = dict(Person.objects.values_list("name", "approval_limit"))
    assert limits == {"Ada Administrator": None, "Bob Manager": Decimal(5000), "Erin": Decimal("100.5")}
    assert plan(text, admin).counts[UNCHANGED] == 2
    empty = f"{head}Bob Manager,bob@contoso.example,\n"
    assert plan(empty, admin).counts[UNCHANGED] == 1
    (taken,) = plan(empty.replace(",\n", ",none\n"), admin).of([CHANGED])
    assert [(c.field, c.before, c.after) for c in taken.changes] == [("approval_limit", "5000.00", "")]
    run(empty.replace(",\n", ",none\n"), admin)
    bob.refresh_from_db()
    assert bob.approval_limit is None
    assert "“much” is not a limit" in errors(plan(f"{head},bob@contoso.example,much\n", admin))[2]


@pytest.mark.parametrize(
    "heading", ["Approval limit", "limit", "Approval Authority", "Limite d’approbation", "Plafond"]
)
def test_the_column_of_limits_is_known_by_several_names(heading: str) -> None:
    assert table(f"Mail,{heading}\na@b.example,5\n").rows[0].cells == {"address": "a@b.example", "limit": "5"}


def test_who_is_not_in_the_file_is_listed_and_stays(admin: Person, bob: Person, dave: Person) -> None:
    Person.objects.filter(pk=dave.pk).update(is_active=False)
    found = plan("Mail\nada@contoso.example\n", admin)
    assert importing.not_named(found) == [bob.pk]
    run("Name,Mail\nAda,ada@contoso.example\n", admin)
    bob.refresh_from_db()
    assert bob.is_active


# --- doing it ---------------------------------------------------------------------------------------------


def test_an_import_writes_people_with_addresses_managers_and_groups(admin: Person, carol: Person) -> None:
    text = (
        f"{HEAD}Alice,alice@b.example,Bob <BOB@b.example>,finance,fr-FR,Europe/Paris,\n"
        "Bob,Bob@b.example,carol@contoso.example,,français,,\n"
    )
    made = run(text, admin)
    alice, bob = Person.objects.get(email="alice@b.example"), Person.objects.get(email="bob@b.example")
    assert {person.pk for person in made} == {alice.pk, bob.pk}
    assert (alice.manager, alice.language, alice.zone) == (bob, "fr", "Europe/Paris")
    assert (bob.manager, bob.language) == (carol, "fr")
    assert addresses_of(bob) == {"bob@b.example"}
    assert [group.key for group in alice.approval_groups.all()] == ["finance"]
    assert not alice.has_usable_password()
    assert alice.is_active
    assert not alice.is_administrator
    assert plan(text, admin).counts == {ERROR: 0, NEW: 0, CHANGED: 0, UNCHANGED: 2}


def test_two_administrators_do_not_take_the_role_from_each_other_by_two_files(
    admin: Person, bob: Person
) -> None:
    Person.objects.filter(pk=bob.pk).update(is_administrator=True)
    bob.refresh_from_db()
    chosen = Options(administrators=True)
    of_admin, of_bob = (
        table(f"Mail,Administrator\n{taken}@contoso.example,no\n") for taken in ("bob", "ada")
    )
    seen = [
        importing.plan(of_admin, chosen, admin).fingerprint,
        importing.plan(of_bob, chosen, bob).fingerprint,
    ]
    importing.carry_out(of_admin, chosen, admin, seen[0])
    with pytest.raises(PersonInvalid, match="You are not an administrator any more"):
        importing.carry_out(of_bob, chosen, bob, seen[1])
    admin.refresh_from_db()
    assert admin.is_administrator


@pytest.mark.parametrize("meanwhile", ["added", "changed", "group gone"])
def test_what_would_do_something_else_than_was_shown_does_nothing(
    meanwhile: str, admin: Person, bob: Person, carol: Person
) -> None:
    rows = table("Name,Mail,Groups\nErin,erin@b.example,finance\nRobert,bob@contoso.example,\n")
    seen = importing.plan(rows, Options(), admin).fingerprint
    if meanwhile == "added":
        add_person("Erin", "erin@b.example")
    elif meanwhile == "changed":
        Person.objects.filter(pk=bob.pk).update(name="Bobby")
    else:
        Group.objects.all().delete()
    before = Person.objects.count()
    with pytest.raises(ChangedMeanwhile):
        importing.carry_out(rows, Options(), admin, seen)
    assert Person.objects.count() == before
    assert not Person.objects.filter(name="Robert").exists()


def test_an_address_that_somebody_takes_in_that_very_moment_undoes_all_of_it(
    admin: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = table("Name,Mail\nRobert,bob@contoso.example\nErin,erin@b.example\n")
    seen = importing.plan(rows, Options(), admin).fingerprint

    def taken(_: Any) -> None:
        raise IntegrityError("unique")

    monkeypatch.setattr(importing, "_write_groups", taken)
    with pytest.raises(ChangedMeanwhile):
        importing.carry_out(rows, Options(), admin, seen)
    bob.refresh_from_db()
    assert bob.name == "Bob Manager"
    assert not Person.objects.filter(email="erin@b.example").exists()


def _many(number: int) -> str:
    rows = [f"P{n},p{n}@b.example,p{n // 10}@b.example,finance,fr,Europe/Paris," for n in range(1, number)]
    return HEAD + "P0,p0@b.example,,,,,\n" + "\n".join(rows)


def test_a_plan_asks_as_little_for_many_rows_as_for_few(
    admin: Person, carol: Person, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in (10, 900):
        with django_assert_max_num_queries(8):
            assert plan(_many(number), admin).counts[NEW] == number


def test_ten_thousand_people_come_in_at_once(admin: Person, carol: Person) -> None:
    made = run(_many(10_000), admin)
    assert len(made) == 10_000
    assert Person.objects.get(email="p9999@b.example").manager == Person.objects.get(email="p999@b.example")
    assert Group.objects.get().members.count() == 10_000
