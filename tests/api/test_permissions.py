"""Who may call what, as one table made from the description: each operation with no key, with every kind of key that is
none, with each scope alone, and as each kind of person. An operation that is new is in it by itself."""

import itertools
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.test import Client
from django.utils import timezone

from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.api import keys, v1
from placet.api.keys import KeyInvalid, Scope
from placet.api.models import IdempotentCall, Key
from placet.approvals import owning
from placet.approvals.models import Assignment, Attachment, Process, Request
from placet.approvals.processes import publish
from placet.mail.models import OutgoingMail
from placet.webhooks import endpoints
from placet.webhooks.models import Endpoint
from tests.api.conftest import Answer, Caller, Calls
from tests.making import SAMPLE, make_mailbox, start, values
from tests.rotation import whole

pytestmark = pytest.mark.django_db
EVERYBODY = (
    "dave",
    "alice",
    "bob",
    "olga",
    "ada",
)  # a stranger, who asks, who is asked, an owner, an administrator
#: Who sees what is read, and may not read that of it.
NOT_ALLOWED = {"list_events": {"bob"}}  # whoever is only asked about a request does not read its record
BASE = "/api/v1"
_PART = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    scope: Scope
    body: Any

    @property
    def is_about_something(self) -> bool:
        return "{" in self.path


def operations() -> list[Operation]:
    """As the description has them, each with the smallest body that fits its schema."""
    description = v1.description()
    schemas = description["components"]["schemas"]
    return [
        Operation(
            about["operationId"],
            method.upper(),
            path.removeprefix(BASE),
            Scope(about["x-scope"]),
            _body(about, schemas),
        )
        for path, methods in description["paths"].items()
        for method, about in methods.items()
    ]


def _body(about: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    content = about.get("requestBody", {}).get("content", {})
    return _sample(content["application/json"]["schema"], schemas) if content else None


def _sample(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """The smallest value of a schema."""
    if "$ref" in schema:
        return _sample(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return _sample(schema[several][0], schemas)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type", "object")
    match kind if isinstance(kind, str) else kind[0]:
        case "object":
            needed = schema.get("required", [])
            return {name: _sample(schema["properties"][name], schemas) for name in needed}
        case "array":
            return [_sample(schema["items"], schemas)] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
    if schema.get("format") in ("date-time", "date", "uri", "uuid"):
        return {"date-time": "2026-12-01T12:00:00Z", "date": "2026-12-01", "uri": "https://receiver.example/",
                "uuid": str(uuid.UUID(int=0))}[schema["format"]]  # fmt: skip
    return "x" * max(1, schema.get("minLength", 1))


@dataclass(frozen=True)
class World:
    """Somebody of each kind, and what the paths of operations can be about."""

    people: Mapping[str, Person]
    request: Request
    assignment: Assignment
    mail: OutgoingMail
    file: Attachment
    webhook: Endpoint  # of the owner

    def path_of(self, operation: Operation) -> tuple[str, frozenset[str]]:
        """An address, and who sees what it is about. Where nothing here is, nobody does."""
        everybody = frozenset(EVERYBODY)
        if not operation.is_about_something:
            return operation.path, everybody
        about: dict[str, tuple[object, frozenset[str]]] = {
            "/requests/{id}": (self.request.public_id, everybody - {"dave"}),
            "/assignments/{id}": (self.assignment.pk, frozenset({"bob"})),
            "/processes/{key}": ("purchase", everybody),
            "/people/{id}": (self.people["alice"].pk, everybody),
            "/groups/{key}": ("team", frozenset({"bob", "ada"})),
            "/mail-log/{id}": (f"out-{self.mail.pk}", frozenset({"ada"})),
            "/webhooks/{id}": (self.webhook.public_id, frozenset({"olga", "ada"})),
        }
        beginning = "/".join(operation.path.split("/")[:3])
        thing, sees = about.get(beginning, (uuid.UUID(int=0), frozenset()))
        path = operation.path.replace(beginning, beginning.partition("{")[0] + str(thing), 1)
        if operation.name == "list_events":  # whoever is asked does not see the record
            sees = sees - {"bob"}
        path = path.replace("{file_id}", str(self.file.public_id))
        if "{" in path:  # a part of it, such as a file, that is not there
            path, sees = _PART.sub(str(uuid.UUID(int=0)), path), frozenset()
        return path, sees


@pytest.fixture
def world(alice: Person, bob: Person, dave: Person, admin: Person) -> World:
    make_mailbox()
    olga = add_person("Olga Owner", "olga@contoso.example", process_owner=True)
    publish(values(SAMPLE))
    owning.add_owner(Process.objects.get(key="purchase"), olga)
    Group.objects.create(key="team", name="Team").members.set([bob])
    request = start(SAMPLE, alice)
    people = {"dave": dave, "alice": alice, "bob": bob, "olga": olga, "ada": admin}
    asked_about = Assignment.objects.get(visit__request=request)
    file = Attachment.objects.create(
        request=request, field="quotes", name="offer.pdf", size=3, sha256="0" * 64, content=b"%PD", by=alice
    )
    wanted = endpoints.Wanted("https://receiver.example/", processes=["purchase"])
    webhook, _secret = endpoints.make(wanted, olga)
    return World(people, request, asked_about, OutgoingMail.objects.get(kind="ask"), file, webhook)


def asked(caller: Caller, operation: Operation, path: str, *, may_change: bool = False) -> Answer:
    """What is answered. `may_change`: what it changes is taken back."""
    headers = {"Idempotency_Key": "1", "If_Match": "*"} if operation.method != "GET" else {}
    with transaction.atomic():
        answer = caller(operation.method, path, operation.body, **headers)
        transaction.set_rollback(may_change)
    return answer


def _rows() -> str:
    """Every row of ours but those of keys, as text."""
    models = [model for model in apps.get_models() if model not in (Key, IdempotentCall)]
    return repr([list(model._default_manager.order_by("pk").values()) for model in models])


# --- no key -----------------------------------------------------------------------------------------------


def _none(world: World, key: Key, text: str) -> Caller:
    return Caller("")


def _invented(world: World, key: Key, text: str) -> Caller:
    return Caller("plc_" + "0" * 8 + "_" + "0" * 38)


def _mistyped(world: World, key: Key, text: str) -> Caller:
    return Caller(text[:-1] + ("a" if text[-1] != "a" else "b"))


def _of_another(world: World, key: Key, text: str) -> Caller:
    """The public part of one key with the secret of another."""
    other, _text = keys.make(world.people["ada"], "Other", set(Scope), by=world.people["ada"])
    return Caller(text.replace(key.public, other.public))


def _expired(world: World, key: Key, text: str) -> Caller:
    Key.objects.filter(pk=key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    return Caller(text)


def _rotated_away(world: World, key: Key, text: str) -> Caller:
    keys.rotate(key, world.people["ada"], timedelta())
    return Caller(text)


def _revoked(world: World, key: Key, text: str) -> Caller:
    keys.revoke(key, world.people["ada"])
    return Caller(text)


def _of_somebody_who_left(world: World, key: Key, text: str) -> Caller:
    Person.objects.filter(pk=key.person_id).update(is_active=False)
    return Caller(text)


@pytest.mark.one_world
@pytest.mark.parametrize(
    "spoilt",
    [_none, _invented, _mistyped, _of_another, _expired, _rotated_away, _revoked, _of_somebody_who_left],
)
def test_what_is_no_valid_key_may_call_nothing(
    world: World, spoilt: Callable[[World, Key, str], Caller]
) -> None:
    caller = spoilt(world, *keys.make(world.people["ada"], "ERP", set(Scope), by=world.people["ada"]))
    before = _rows()
    bodies = set()
    for operation in operations():
        answer = asked(caller, operation, world.path_of(operation)[0])
        assert (answer.status, answer.problem) == (401, "unauthorised"), operation
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        bodies.add(json.dumps({**answer.json, "instance": "", "request_id": ""}))
    assert len(bodies) == 1, "in one text for all"
    assert _rows() == before


def test_neither_a_session_nor_a_key_in_the_address_is_one(world: World) -> None:
    _key, text = keys.make(world.people["ada"], "ERP", set(Scope), by=world.people["ada"])
    client = Client(raise_request_exception=False)
    client.force_login(world.people["ada"])
    for operation in operations():
        path = f"{BASE}{world.path_of(operation)[0]}"
        for name in ("key", "api_key", "access_token", "Authorization"):
            answer = client.generic(operation.method, f"{path}?{name}={text}", json.dumps(operation.body))
            assert answer.status_code == 401, operation


# --- each scope, each person ------------------------------------------------------------------------------


def _with_one_scope(person: Person, calls: Calls) -> Iterator[tuple[Scope, Caller]]:
    for scope in Scope:
        try:
            yield scope, calls(person, scope)
        except KeyInvalid:
            assert scope in keys.ADMINISTRATORS_ONLY and not person.is_administrator


def test_a_key_does_what_its_scope_says_and_sees_what_its_person_sees(
    request: pytest.FixtureRequest, world: World, calls: Calls
) -> None:
    """Every operation by every person with its scope alone, and by an administrator with each other one alone (with
    --whole by everybody). Whoever does not see a thing cannot tell it from one that is not there; what is refused
    changes nothing."""
    callers = [
        (who, scope, caller)
        for who, person in world.people.items()
        for scope, caller in _with_one_scope(person, calls)
    ]
    before, wrong = _rows(), []
    for (who, scope, caller), operation in itertools.product(callers, operations()):
        if scope != operation.scope and who != "ada" and not whole(request.config):
            continue
        path, sees = world.path_of(operation)
        answer = asked(caller, operation, path, may_change=scope == operation.scope)
        if not _is_expected(answer, operation, scope, who, is_seen=who in sees):
            wrong.append((operation.name, who, scope.value, answer.status, answer.content[:200]))
    assert not wrong, "\n".join(map(str, wrong))
    assert _rows() == before


def _is_expected(answer: Answer, operation: Operation, scope: Scope, who: str, *, is_seen: bool) -> bool:
    lacks_scope = answer.status == 403 and answer.problem == "scope-missing"
    if scope != operation.scope or lacks_scope:
        return lacks_scope and scope != operation.scope
    if operation.is_about_something and not is_seen:
        return answer.status == 404
    if who in NOT_ALLOWED.get(operation.name, ()):
        return answer.status == 403 and answer.problem == "not-allowed"
    if operation.is_about_something and operation.method == "GET":
        return answer.status == 200
    return answer.status < 500 and answer.status not in (401, 404)


def test_a_key_for_other_processes_sees_nothing_of_these(world: World, calls: Calls) -> None:
    publish({**values(SAMPLE), "key": "another"})
    for operation in operations():
        path, sees = world.path_of(operation)
        about_processes = operation.path.split("/")[1] in ("requests", "assignments", "processes")
        if not about_processes or not operation.is_about_something:
            continue
        for who in sees:
            caller = calls(world.people[who], operation.scope, processes=["another"])
            assert asked(caller, operation, path, may_change=True).status == 404, (operation, who)


def test_the_table_is_not_empty(world: World) -> None:
    names = {operation.name for operation in operations()}
    assert {"list_processes", "get_process", "list_assignments", "decide", "get_person", "get_mail"} <= names
