"""Queries that are made once ask what the ORM asks, and give what it gives."""

import importlib
import pkgutil
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import placet
from placet.accounts.models import Installation, Person
from placet.approvals.models import Assignment, Decision, Request
from placet.lib.prepared import Given, Prepared
from placet.mail.models import IncomingMail, OutgoingMail
from placet.replies import pick
from tests.making import SAMPLE, make_mailbox, open_for, start

# Modules that start something, or can only be read where the database is PostgreSQL.
NO_QUERIES = {"migrations", "wsgi", "web", "__main__", "nudges", "work_shared"}
PEOPLE = Prepared(lambda given: Person.objects.filter(name=given("name"), created_at__lte=given("until")))


@pytest.fixture
def world(alice: Person, bob: Person) -> dict[str, Any]:
    """A request that waits, a mail that was kept, and the values by which each query finds something of them."""
    mailbox = make_mailbox()
    make_mailbox("other@contoso.example", reply_to="answers@contoso.example")
    request = start(SAMPLE, alice)
    now = timezone.now()
    mail = IncomingMail.objects.create(
        mailbox=mailbox, raw=b"x", facts={"size": 1}, due=now - timedelta(days=1)
    )
    OutgoingMail.objects.create(
        mailbox=mailbox,
        kind="refusal-unclear",
        to=bob.email,
        cause=f"incoming:{mail.pk}",
        raw=b"",
        reference="r",
    )
    asked = open_for(bob)
    Decision.objects.create(assignment=asked, outcome="approve", by_person=bob, channel=Decision.Channel.PAGE)
    Installation.objects.get_or_create(id=1, defaults={"key_check": "x"})
    line = asked.ask_lines.select_related("ask").get()
    return {
        "id": mail.pk, "now": now, "reserved": "nobody", "mailbox": mailbox.pk, "request": request.pk, "person": bob.pk,
        "assignment": asked.pk, "hash": line.ask.code_hash, "since": line.ask.created_at, "to0": bob.email, "to1": "",
        "address": mailbox.address,
    }  # fmt: skip


def prepared() -> Iterator[tuple[str, Prepared[Any]]]:
    """All that there are, by where they stand; those that depend on a number of values are made for one of them."""
    for module in pkgutil.walk_packages(placet.__path__, "placet."):
        if module.name.rpartition(".")[2] in NO_QUERIES or ".migrations." in module.name:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, Prepared):
                yield f"{module.name}.{name}", value
    yield "placet.replies.pick._causes(1)", pick._causes(pick._AGAIN, 1, 200)
    yield "placet.replies.pick._causes(2)", pick._causes(pick._AGAIN, 2, 5)


def content(found: Any, of: tuple[Any, ...] = ()) -> Any:
    """All that a row holds, with the rows that came along."""
    if not isinstance(found, Model) or any(found is one for one in of):
        return found
    values = {name: value for name, value in vars(found).items() if name != "_state"}
    along = {name: content(one, (*of, found)) for name, one in found._state.fields_cache.items()}
    return type(found), {**values, "_state": (found._state.db, found._state.adding)}, along


@pytest.mark.django_db
def test_each_asks_and_gives_what_the_orm_does(world: dict[str, Any]) -> None:
    everywhere = dict(prepared())
    assert len(everywhere) > 10
    for where, query in everywhere.items():
        values = {name: world[name] for name in _wanted(query)}
        for _again in range(2):
            with CaptureQueriesContext(connection) as captured:
                found = query(**values)
                by_the_orm = list(query.queryset(**values))
            ours, orms = (one["sql"] for one in captured.captured_queries)
            assert _bare(ours) == _bare(orms), where
            assert [content(one) for one in found] == [content(one) for one in by_the_orm], where
            assert found, where


def _wanted(query: Prepared[Any]) -> set[str]:
    return {param.name for param in query._made.params if isinstance(param, Given)}


def _bare(sql: str) -> str:
    """A value that is an expression stands in brackets."""
    return sql.replace("(", "").replace(")", "")


@pytest.mark.django_db
def test_other_values_find_other_rows(alice: Person, bob: Person) -> None:
    now = timezone.now() + timedelta(minutes=1)
    assert PEOPLE(name=alice.name, until=now) == [alice]
    assert PEOPLE(name=bob.name, until=now) == [bob]
    assert PEOPLE(name=bob.name, until=datetime(2000, 1, 1, tzinfo=now.tzinfo)) == []
    assert PEOPLE(name="' OR 1=1 --", until=now) == []


@pytest.mark.django_db
def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        PEOPLE(name="Bob")


@pytest.mark.django_db(transaction=True)
def test_each_thread_asks_through_its_own_connection(bob: Person) -> None:
    found: list[list[Person]] = []
    until = timezone.now() + timedelta(minutes=1)

    def ask() -> None:
        try:
            found.append(PEOPLE(name=bob.name, until=until))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[bob]] * 3


@pytest.mark.django_db
def test_what_came_along_is_not_asked_for_again(
    world: dict[str, Any], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        (line,) = pick._LINES(hash=world["hash"])
        assert isinstance(line.assignment, Assignment)
        assert isinstance(line.assignment.visit.request, Request)
        assert line.assignment.visit.request.requester.name == "Alice Requester"
