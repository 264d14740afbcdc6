"""Keys: shown once, kept as a hash, refused in one sentence whatever is wrong with them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from placet.accounts.models import Person
from placet.api import keys
from placet.api.keys import KeyInvalid, Scope
from placet.api.models import Key
from placet.lib.clock import standing_at
from tests.api.conftest import Caller, Calls
from tests.making import entries

READ = Scope.REQUESTS_READ


def test_a_key_is_known_by_its_text_alone_and_the_text_is_kept_nowhere(alice: Person) -> None:
    key, text = keys.make(alice, "ERP", [READ], by=alice)
    assert keys.presented(text) == key
    assert text.startswith(f"plc_{key.public}_")
    assert len(text) == len("plc_") + 8 + 1 + 32 + 6
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM api_key")
        stored = repr([bytes(one) if isinstance(one, memoryview) else one for one in cursor.fetchone()])
    assert text[13:] not in stored
    assert "whsec_" not in stored
    assert key.secrets[keys.SIGNING].startswith("whsec_")


def test_whatever_is_mistyped_costs_no_query(alice: Person) -> None:
    _key, text = keys.make(alice, "ERP", [READ], by=alice)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        for at in (4, 20, 40, len(text) - 1):
            other = "a" if text[at] != "a" else "b"
            assert keys.presented(text[:at] + other + text[at + 1 :]) is None
        for wrong in ("", "plc_", text[:-1], text + "a", text.upper(), f" {text}", "é" * 51):
            assert keys.presented(wrong) is None
    assert len(queries) == 0


def _expired(caller: Caller, person: Person) -> None:
    Key.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def _revoked(caller: Caller, person: Person) -> None:
    assert caller.key is not None
    keys.revoke(caller.key, person)


def _inactive(caller: Caller, person: Person) -> None:
    Person.objects.filter(pk=person.pk).update(is_active=False)


def _of_another_secret(caller: Caller, person: Person) -> None:
    Key.objects.update(digest="0" * 64)


@pytest.mark.parametrize("spoil", [_expired, _revoked, _inactive, _of_another_secret])
def test_a_key_that_is_not_valid_any_more_is_refused_like_one_that_never_was(
    calls: Calls, alice: Person, spoil: Callable[[Caller, Person], None]
) -> None:
    caller = calls(alice)
    assert caller.get("/processes").status == 200
    spoil(caller, alice)
    answer, stranger = caller.get("/processes"), Caller("plc_nobody").get("/processes")
    assert answer.problem == "unauthorised"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.content == stranger.content


def test_neither_a_cookie_nor_a_parameter_nor_another_scheme_stands_for_the_header(
    calls: Calls, alice: Person
) -> None:
    text = calls(alice).text
    browser = Client()
    browser.force_login(alice)
    assert browser.get("/api/v1/processes").status_code == 401
    assert browser.get(f"/api/v1/processes?key={text}&access_token={text}").status_code == 401
    assert browser.get("/api/v1/processes", headers={"X-Api-Key": text}).status_code == 401
    assert browser.get("/api/v1/processes", headers={"Authorization": f"Basic {text}"}).status_code == 401
    assert browser.get("/api/v1/processes", headers={"Authorization": f"bearer {text}"}).status_code == 200


def test_two_keys_are_valid_while_one_takes_the_place_of_the_other(alice: Person) -> None:
    old, old_text = keys.make(alice, "ERP", [READ], processes=["purchase"], floor="page", by=alice)
    new, new_text = keys.rotate(old, alice, timedelta(days=7))
    assert (new.scopes, new.processes, new.person, new.replaces) == (old.scopes, old.processes, alice, old)
    assert new.floor == "page"
    assert new.secrets == Key.objects.get(pk=old.pk).secrets
    now = timezone.now()
    assert keys.presented(old_text) and keys.presented(new_text)
    with standing_at(now + timedelta(days=8)):
        assert keys.presented(old_text) is None
        assert keys.presented(new_text) == new
    with pytest.raises(KeyInvalid):
        keys.rotate(old, alice, timedelta(days=7))
    assert [entry.what["event"] for entry in entries(keys.MADE) + entries(keys.ROTATED)] == [
        keys.MADE,
        keys.ROTATED,
    ]


@pytest.mark.parametrize(
    ("of", "by", "scope", "allowed"),
    [
        ("alice", "alice", Scope.DECISIONS_WRITE, True),
        ("alice", "admin", Scope.DECISIONS_WRITE, False),  # never an administrator for them
        ("alice", "nobody", Scope.DECISIONS_WRITE, False),  # nor the command line
        ("admin", "admin", Scope.DECISIONS_WRITE, True),
        ("alice", "admin", READ, True),
        ("alice", "nobody", READ, True),
        ("alice", "bob", READ, False),
        ("alice", "alice", Scope.MAIL_LOG_READ, False),
        ("alice", "admin", Scope.MAIL_LOG_READ, False),
        ("admin", "admin", Scope.MAIL_LOG_READ, True),
    ],
)
def test_who_gives_which_scope_to_whose_key(
    alice: Person, bob: Person, admin: Person, of: str, by: str, scope: Scope, allowed: bool
) -> None:
    people = {"alice": alice, "bob": bob, "admin": admin, "nobody": None}
    person, maker = people[of], people[by]
    assert person is not None
    if allowed:
        keys.make(person, "ERP", [scope], by=maker)
    else:
        with pytest.raises(KeyInvalid):
            keys.make(person, "ERP", [scope], by=maker)
    assert Key.objects.count() == allowed


@pytest.mark.parametrize(
    ("name", "scopes"), [("", [READ]), ("x" * 101, [READ]), ("a\nb", [READ]), ("x", []), ("x", ["all"])]
)
def test_a_key_without_a_name_or_a_known_scope_is_not_made(
    alice: Person, name: str, scopes: list[str]
) -> None:
    with pytest.raises(KeyInvalid):
        keys.make(alice, name, scopes, by=alice)


@pytest.mark.parametrize(
    ("floor", "by", "allowed"),
    [
        ("outside", "alice", False),
        ("outside", "admin", True),
        ("outside", "nobody", True),
        ("colleague", "alice", True),
        ("page", "alice", True),
        ("certain", "admin", False),
    ],
)
def test_who_sets_which_floor(alice: Person, admin: Person, floor: str, by: str, allowed: bool) -> None:
    maker = {"alice": alice, "admin": admin, "nobody": None}[by]
    if allowed:
        key, text = keys.make(alice, "ERP", [READ], floor=floor, by=maker)
        assert key.floor == floor and keys.presented(text) == key
        assert entries(keys.MADE)[-1].what["floor"] == floor
    else:
        with pytest.raises(KeyInvalid):
            keys.make(alice, "ERP", [READ], floor=floor, by=maker)


def test_the_last_use_is_written_once_a_minute(calls: Calls, alice: Person) -> None:
    caller = calls(alice)
    caller.get("/processes")
    first = Key.objects.get().last_used_at
    caller.get("/processes")
    assert first is not None
    assert Key.objects.get().last_used_at == first
    with standing_at(first + timedelta(minutes=2)):
        caller.get("/processes")
    assert Key.objects.get().last_used_at == first + timedelta(minutes=2)


@pytest.mark.parametrize(
    "row", [{"scopes": ["decisions:write"]}, {"processes": []}, {"person": "carol"}, {"floor": ""}]
)
def test_whoever_writes_to_the_database_makes_no_other_key_of_theirs(
    bob: Person, carol: Person, row: dict[str, Any]
) -> None:
    """The digest is of the rights, too, and keyed with what the database does not hold."""
    _key, text = keys.make(bob, "ERP", {Scope.REQUESTS_READ}, processes=["purchase"], floor="page", by=bob)
    assert keys.presented(text) is not None
    Key.objects.update(**row | ({"person": carol} if "person" in row else {}))
    assert keys.presented(text) is None
