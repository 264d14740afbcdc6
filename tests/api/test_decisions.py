"""What waits for a key's person is read and answered by API: what was read, once, as on the page."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft202012Validator

from placet.accounts.delegations import Wanted, make
from placet.accounts.models import Person
from placet.api.keys import Scope
from placet.approvals import delegating, engine, verification
from placet.approvals.attachments import keep_for_answer
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, Attachment, Decision, Request
from placet.lib import clock
from tests.api.conftest import Calls
from tests.making import FORM, SAMPLE, entry_of, one_step, open_for, start

pytestmark = pytest.mark.django_db
OUTCOMES = ["approve", {"key": "reject", "comment": "required"}]
QUESTIONS = [
    {"name": "term", "label": "Pay within days", "type": "number", "digits": 0, "min": 1, "required": True},
    {"name": "checked", "label": "Offer checked", "type": "yes_no"},
    {"name": "note", "label": "Note", "type": "text"},
]


def asks(person: Person, **more: Any) -> dict[str, Any]:
    of_step = more.pop("step", {})
    definition = one_step([{"person": person.email}], **more)
    definition["steps"]["step"] |= {"outcomes": OUTCOMES, **of_step}
    return definition


def test_what_waits_is_read_and_answered(calls: Calls, alice: Person, bob: Person) -> None:
    request = start(asks(bob, step={"due": "3 working days"}), alice)
    caller = calls(bob)
    [waiting] = caller.get("/assignments").json["items"]
    assert waiting["request"]["id"] == str(request.public_id) and waiting["request"]["state"] == "open"
    assert waiting["facts"] == [
        {"label": "Item", "value": "Desk"},
        {"label": "Amount", "value": "900.00 EUR"},
    ]
    assert [one["key"] for one in waiting["outcomes"]] == ["approve", "reject"]
    assert [one["comment_needed"] for one in waiting["outcomes"]] == [False, True]
    assert waiting["due"].endswith("Z") and waiting["by_api"] is True and waiting["in_place_of"] is None
    assert caller.get(f"/assignments/{waiting['id']}").json == waiting

    answer = caller.post(
        f"/assignments/{waiting['id']}/decision",
        {"outcome": "approve", "comment": "Good.", "seen": waiting["seen"]},
    )
    assert answer.status == 201, answer.content
    assert (answer.json["channel"], answer.json["request"]["result"]) == ("api", "approved")
    decision = Decision.objects.get()
    assert (decision.channel, decision.by_person, decision.comment) == ("api", bob, "Good.")
    assert caller.key is not None
    assert entry_of("decided", request=request).what["key"] == caller.key.public
    assert caller.get("/assignments").json["items"] == []
    assert caller.get(f"/assignments/{waiting['id']}").problem == "not-open"


def _seen(request: Request, seat: Assignment) -> None:
    request.title = "Another title"
    request.save()


def _somebody_first(request: Request, seat: Assignment) -> None:
    engine.decide(seat.pk, by=seat.person, outcome="approve", channel=Decision.Channel.PAGE)


def _withdrawn(request: Request, seat: Assignment) -> None:
    engine.withdraw(request.pk, request.requester)


def _nothing(request: Request, seat: Assignment) -> None:
    pass


@pytest.mark.one_world
@pytest.mark.parametrize(
    ("meanwhile", "more", "problem", "status"),
    [
        (_seen, {}, "stale", 412),
        (_somebody_first, {}, "already-decided", 409),
        (_withdrawn, {}, "not-open", 409),
        (_nothing, {"outcome": "reject"}, "comment-needed", 422),
        (_nothing, {"outcome": "maybe"}, "invalid", 422),
        (_nothing, {"seen": "0" * 64}, "stale", 412),
        (_nothing, {"answers": {"what": "x"}}, "invalid", 422),
        (_nothing, {"data": {"item": "Other"}}, "invalid", 422),
        (_nothing, {"comment": "x" * 20_001}, "invalid", 422),
        (_nothing, {"outcome": True}, "invalid", 422),
        (_nothing, {"other": 1}, "invalid", 422),
        (_nothing, {"comment": "\ud800"}, "invalid", 422),
    ],
)
def test_what_cannot_be_decided_is_a_problem_and_changes_nothing(
    calls: Calls, alice: Person, bob: Person, meanwhile: Callable[[Request, Assignment], None], more: Any,
    problem: str, status: int,
) -> None:  # fmt: skip
    request = start(asks(bob), alice)
    caller = calls(bob)
    [waiting] = caller.get("/assignments").json["items"]
    seat = open_for(bob)
    meanwhile(request, seat)
    before = Decision.objects.count()
    body = {"outcome": "approve", "seen": waiting["seen"], **more}
    answer = caller.post(f"/assignments/{seat.pk}/decision", body)
    assert (answer.problem, answer.status) == (problem, status), answer.content
    assert Decision.objects.count() == before


@pytest.mark.parametrize("refusing", [{"decisions_by_api": False}, {"proof": "page"}])
def test_a_process_that_takes_none_says_so_and_refuses(
    calls: Calls, alice: Person, bob: Person, refusing: dict[str, Any]
) -> None:
    start(asks(bob, **refusing), alice)
    caller = calls(bob)
    [waiting] = caller.get("/assignments").json["items"]
    assert waiting["by_api"] is False
    body = {"outcome": "approve", "seen": waiting["seen"]}
    answer = caller.post(f"/assignments/{waiting['id']}/decision", body)
    assert answer.problem == "not-allowed" and "sign in" in answer.json["detail"]
    assert not Decision.objects.exists()


def test_the_same_call_with_its_idempotency_key_decides_once(
    calls: Calls, alice: Person, bob: Person
) -> None:
    start(asks(bob), alice)
    caller = calls(bob)
    [waiting] = caller.get("/assignments").json["items"]
    path, body = f"/assignments/{waiting['id']}/decision", {"outcome": "approve", "seen": waiting["seen"]}
    first, second = (caller.post(path, body, Idempotency_Key="invoice 4711".replace(" ", "-")) for _ in "12")
    assert first.status == second.status == 201 and first.content == second.content
    assert caller.post(path, body).problem == "already-decided"
    assert Decision.objects.count() == 1


def test_questions_are_answered_and_fields_filled_in_as_their_schemas_say(
    calls: Calls, alice: Person, bob: Person
) -> None:
    step = {"questions": QUESTIONS, "form": {"fill": ["cost"], "require": ["cost"]}}
    form = [*FORM, {"name": "cost", "label": "Cost", "type": "money", "currency": "EUR"}]
    request = start(asks(bob, form=form, start_form={"hide": ["cost"]}, step=step), alice)
    caller = calls(bob)
    [waiting] = caller.get("/assignments").json["items"]
    answers, data = {"term": 30, "checked": True, "note": "Ok"}, {"cost": 12.5}
    for schema, values in ((waiting["questions"], answers), (waiting["fields"], data)):
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(values)
    approve = waiting["outcomes"][0]
    assert (approve["answers_needed"], approve["data_needed"]) == (["term"], ["cost"])
    path, body = f"/assignments/{waiting['id']}/decision", {"outcome": "approve", "seen": waiting["seen"]}
    assert caller.post(path, {**body, "data": data}).pointers == ["/answers/term"]
    assert caller.post(path, {**body, "answers": {**answers, "term": 0}, "data": data}).pointers == [
        "/answers/term"
    ]
    assert caller.post(path, {**body, "answers": answers}).pointers == ["/data/cost"]
    assert caller.post(path, {**body, "answers": answers, "data": {**data, "item": "x"}}).pointers == [
        "/data/item"
    ]
    decided = caller.post(path, {**body, "answers": answers, "data": data})
    assert decided.status == 201, decided.content
    request.refresh_from_db()
    assert request.data["cost"] == {"minor": 1250, "currency": "EUR"}
    assert Decision.objects.get().answers == answers


def test_others_questions_are_not_there(
    calls: Calls, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    start(asks(bob), alice)
    seat = open_for(bob)
    seen = calls(bob).get("/assignments").json["items"][0]["seen"]
    for person in (alice, carol, admin):  # whoever sees the request is not who was asked
        caller = calls(person)
        assert caller.get("/assignments").json["items"] == []
        assert caller.get(f"/assignments/{seat.pk}").problem == "not-found"
        body = {"outcome": "approve", "seen": seen}
        assert caller.post(f"/assignments/{seat.pk}/decision", body).problem == "not-found"
    other = calls(bob, Scope.REQUESTS_READ, Scope.DECISIONS_WRITE, processes=["another"])
    assert other.get("/assignments").json["items"] == []
    assert (
        other.post(f"/assignments/{seat.pk}/decision", {"outcome": "approve", "seen": seen}).problem
        == "not-found"
    )
    for path in ("0", "-1", "x", str(2**63), "9" * 40):
        assert calls(bob).get(f"/assignments/{path}").problem == "not-found"


def test_a_delegate_answers_in_the_place_of_whoever_is_asked(
    calls: Calls, alice: Person, bob: Person, carol: Person
) -> None:
    start(asks(bob), alice)
    make(bob, Wanted(carol, clock.now()), bob)
    while delegating.due(10):
        for pk in delegating.due(10):
            delegating.work(pk)
    caller = calls(carol)
    [waiting] = caller.get("/assignments").json["items"]
    assert waiting["in_place_of"] == "Bob Manager"
    body = {"outcome": "approve", "seen": waiting["seen"]}
    assert caller.post(f"/assignments/{waiting['id']}/decision", body).status == 201
    decision = Decision.objects.get()
    assert (decision.by_person, decision.assignment.person) == (carol, bob)


def test_a_list_takes_as_many_queries_for_many_as_for_one(calls: Calls, alice: Person, bob: Person) -> None:
    counted = []
    for amount in ("1", "2", "3"):
        start(SAMPLE, alice, amount)
        caller = calls(bob)
        with CaptureQueriesContext(connection) as context:
            assert len(caller.get("/assignments").json["items"]) == int(amount)
        counted.append(len(context))
    assert counted[1] == counted[2]


PAPERS = {"name": "papers", "label": "Papers", "type": "files", "endings": ["pdf"]}


def test_files_come_with_an_answer(calls: Calls, alice: Person, bob: Person) -> None:
    definition = asks(bob, form=[*FORM, PAPERS], step={"form": {"fill": ["papers"], "require": ["papers"]}})
    request = start(definition, alice)
    caller = calls(bob)
    [waiting] = caller.get("/assignments").json["items"]

    def answered(**more: Any) -> Any:
        body = {"outcome": "approve", "seen": waiting["seen"], **more}
        return caller.post(f"/assignments/{waiting['id']}/decision", body)

    def file(name: str) -> dict[str, str]:
        return {"name": name, "content": b64encode(b"%PDF-1").decode()}

    assert answered().pointers == ["/data/papers"]
    assert answered(files={"papers": [file("offer.exe")]}).pointers == ["/files/papers/0"]
    assert answered(files={"others": [file("offer.pdf")]}).pointers == ["/files/others"]
    [field] = definition_of(request.version).files_filled_in("step")
    kept = keep_for_answer(open_for(bob), field, SimpleUploadedFile("a.pdf", b"x"))
    assert answered(files={"papers": [file("offer.pdf")]}).problem == "stale"
    kept.delete()
    assert Attachment.objects.count() == 0, "what is refused keeps nothing"
    answer = answered(files={"papers": [file("../offer.pdf"), file("terms.pdf")]})
    assert answer.status == 201, answer.json
    request.refresh_from_db()
    assert [one["name"] for one in request.data["papers"]] == ["offer.pdf", "terms.pdf"]
    assert {bytes(one.content) for one in request.attachments.all()} == {b"%PDF-1"}
    assert answered(files={"papers": [file("offer.pdf")]}).problem == "already-decided"
    assert list(verification.findings()) == []
