"""Searching by indexes finds what reading everything finds, on whatever is written and looked for."""

import random
from collections.abc import Callable

import pytest
from django.db import connection
from django.db.migrations import RunPython
from django.db.migrations.loader import MigrationLoader
from django.db.models import Q
from django.test import Client
from django.urls import reverse

from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.accounts.name_index import NAMES, people_named
from placet.approvals import engine, finding
from placet.approvals.finding import matching, search_result
from placet.approvals.models import Assignment, Process, Request, Version, Visit
from placet.approvals.processes import publish
from placet.approvals.visibility import requests_visible_to
from placet.approvals.word_index import WORDS

As = Callable[[Person | None], Client]

# Letters whose capitals are longer than they are, wildcards of LIKE, operators of FTS5, and what is no letter at all.
PIECES = (
    "a", "b", "ab", "abc", "bca", "Abc", "aaa", "é", "É", "ß", "SS", "straße", "ς", "Σ", "İ", "1", "12", "#3", "%", "_",
    "\\", '"', '""', "'", "*", "^", "-", ":", "(", ")", "+", "{x}", "NEAR", "AND", "OR", "NOT", "text:", "☃", "☃☃☃",
    "漢字", "漢字仮名", "🙂", "e\u0301", ".", "a.b", "—",
)  # fmt: skip

TURNS = 40


def _text(chance: random.Random, most: int = 6) -> str:
    return "".join(chance.choice(PIECES) for _ in range(chance.randint(1, most)))


def _words(chance: random.Random) -> str:
    return " ".join(_text(chance, 3) for _ in range(chance.randint(1, 5)))


def read_everything(person: Person, q: str) -> list[int]:
    """Without any index: each word is in the words, the requester's or the process's name, or is the number."""
    fits = Q()
    for term in q.split()[: finding.MOST_TERMS]:
        wanted = Q(words__contains=term.casefold()) | Q(requester__name__casefold__contains=term)
        wanted |= Q(version__process__name__casefold__contains=term)
        number = term.removeprefix("#")
        if number.isascii() and number.isdecimal() and len(number) < 10:
            wanted |= Q(number=int(number))
        fits &= wanted
    found = requests_visible_to(person).filter(fits) if q.split() else Request.objects.none()
    return list(found.order_by("-id").values_list("pk", flat=True))


@pytest.fixture
def readers(version: Version, alice: Person, bob: Person, dave: Person, admin: Person) -> list[Person]:
    return [alice, bob, dave, admin]


def _grow(chance: random.Random, version: Version, readers: list[Person]) -> None:
    """Requests, people and processes with any names, written one by one and many at once."""
    alice, bob = readers[:2]
    people = [add_person(f"{_text(chance)}x", f"p{n}@contoso.example", manager=bob) for n in range(8)]
    versions = [version]
    for number in range(3):
        versions.append(publish({**version.definition, "key": f"p{number}", "name": f"{_words(chance)} x"}))
    one = engine.start(version, alice, {"item": "A chair", "amount": "100", "reason": _words(chance)})
    first = Request.objects.count()
    made = Request.objects.bulk_create(
        [
            Request(
                number=first + number, version=chance.choice(versions), requester=chance.choice([*people, alice]),
                title="x", words=_words(chance).casefold(), data=one.data, data_hash=one.data_hash,
            )
            for number in range(1, 80)
        ]
    )  # fmt: skip
    visits = Visit.objects.bulk_create(
        [Visit(request=some, step_key="manager", round=1) for some in made[::2]]
    )
    Assignment.objects.bulk_create([Assignment(visit=visit, person=bob) for visit in visits])


def _change(chance: random.Random) -> None:
    """Whatever may change later, however it is written."""
    some = chance.sample(list(Person.objects.filter(email__startswith="p")), 3)
    Person.objects.filter(pk=some[0].pk).update(name=f"{_text(chance)}y")
    some[1].name = f"{_text(chance)}z"
    some[1].save()
    Person.objects.bulk_update([some[2]], ["name"])
    process = chance.choice(list(Process.objects.all()))
    process.name = _words(chance)
    process.save()
    Request.objects.filter(pk=Request.objects.order_by("?")[0].pk).update(words=_words(chance).casefold())
    alone = Request.objects.filter(visits=None).order_by("-id")[0]
    alone.delete()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("few", [1000, 3], ids=["few rows", "many rows"])
def test_a_search_finds_what_reading_everything_finds(
    seed: int, few: int, version: Version, readers: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "FEW", few)
    monkeypatch.setattr(finding, "MOST_PEOPLE", few // 2)
    chance = random.Random(seed)
    _grow(chance, version, readers)
    hits = 0
    for turn in range(TURNS):
        if turn % 20 == 10:
            _change(chance)
        q = _words(chance) if turn % 3 == 0 else _piece_of_something(chance)
        if not q.split():
            continue
        for reader in readers:
            expected = read_everything(reader, q)
            assert search_result(reader, q).ids == expected, q
            hits += len(expected)
        everywhere = set(read_everything(readers[3], q))
        mine = set(readers[0].requests.values_list("pk", flat=True))
        assert (
            set(readers[0].requests.filter(matching(q)).values_list("pk", flat=True)) == mine & everywhere
        ), q
        asked = Assignment.objects.filter(person=readers[1])
        about = set(asked.values_list("visit__request", flat=True))
        found = asked.filter(matching(q, "visit__request__")).values_list("visit__request", flat=True)
        assert set(found) == about & everywhere, q
    assert hits > 10 * TURNS  # it was worth looking


def _piece_of_something(chance: random.Random) -> str:
    """Of what is there, so that it is found."""
    request = chance.choice(list(Request.objects.select_related("requester", "version__process")))
    of = [request.words, request.requester.name, request.version.process.name.upper(), f"#{request.number}"]
    words = chance.choice(of).split()
    word = chance.choice(words) if words else "a"
    start = chance.randrange(len(word))
    return word[start : start + chance.randint(1, 12)]


@pytest.mark.parametrize("seed", range(2))
def test_people_are_found_by_a_part_of_their_name(seed: int, db: None) -> None:
    chance = random.Random(seed)
    for number in range(60):
        add_person(f"{_text(chance)}x", f"p{number}@contoso.example")
    for _turn in range(100):
        text = _text(chance, 3)
        named = people_named(text, 100)
        scanned = Person.objects.filter(name__casefold__contains=text).values_list("pk", flat=True)
        assert named is None or sorted(named) == sorted(scanned), text


# --- too much to be read ----------------------------------------------------------------------------------


def test_where_no_index_helps_an_administrator_the_newest_are_looked_through_and_it_is_said(
    version: Version, readers: list[Person], as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, admin = readers[0], readers[3]
    made = [engine.start(version, alice, {"item": f"Zz {n}", "amount": "10"}) for n in range(5)]
    monkeypatch.setattr(finding, "LOOKED_THROUGH", 2)
    assert search_result(admin, "zz").ids == [made[4].pk, made[3].pk]
    assert (
        search_result(admin, f"{made[0].number}").ids[-1] == made[0].pk
    )  # a number is found however old it is
    page = as_(admin).get(reverse("portal:search"), {"q": "zz"}).content.decode()
    assert "Only the newest 2 requests were looked through." in page
    page = as_(admin).get(reverse("portal:search"), {"q": "alice"}).content.decode()
    assert "looked through" not in page
    assert len(search_result(alice, "zz").ids) == 5  # her own are not so many


def test_of_very_many_the_newest_are_shown_and_it_is_said(
    version: Version, readers: list[Person], as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [engine.start(version, readers[0], {"item": f"Chair {n}", "amount": "10"}) for n in range(4)]
    monkeypatch.setattr(finding, "MOST_SHOWN", 3)
    page = as_(readers[0]).get(reverse("portal:search"), {"q": "chair"}).content.decode()
    assert "3 requests were found." in page
    assert "There are more, which are older." in page
    assert made[0].title not in page


# --- the index itself -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_index_is_made_of_what_is_there_already_in_batches(
    version: Version, readers: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placet.lib.text_index.AT_ONCE", 2)
    made = [engine.start(version, readers[0], {"item": f"Chair {n}", "amount": "10"}) for n in range(5)]
    connection.check_constraints()  # or PostgreSQL makes no index in the same transaction
    for index, text in ((WORDS, "chair"), (NAMES, "REQUESTER")):
        index.drop()
        index.make()
        index.make()  # and again: nothing is there twice
        assert index.holding([text], 100)
    assert sorted(WORDS.holding(["chair"], 100)) == [request.pk for request in made]


def test_what_was_stopped_while_an_index_was_made_begins_anew() -> None:
    """As where PostgreSQL's extension may not be created. Of a migration that is not in one transaction, what came
    before the failure stays, and would be made a second time."""
    ours = [
        migration
        for migration in MigrationLoader(None).disk_migrations.values()
        if type(migration).__module__.startswith("placet.") and not migration.atomic
    ]
    assert len(ours) == 2
    for migration in ours:
        assert [type(operation) for operation in migration.operations] == [RunPython], str(migration)


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps its index by itself")
def test_an_index_outlives_a_table_that_was_made_anew(version: Version, readers: list[Person]) -> None:
    """As a change of a column on SQLite does, which forgets the triggers."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {WORDS.name}_added")
    chair = engine.start(version, readers[0], {"item": "Chair", "amount": "10"})
    assert WORDS.holding(["chair"], 100) == []
    WORDS.mend()
    assert WORDS.holding(["chair"], 100) == [chair.pk]
