"""Approvals without a process, by one call."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from placet.accounts.models import Group, Person
from placet.api import keys
from placet.api.keys import Scope
from placet.approvals import engine
from placet.approvals.models import Decision, Request, Version
from placet.mailboxes.models import Mailbox
from placet.webhooks.models import Endpoint
from tests.api.conftest import Answer, Caller, Calls
from tests.making import entry_of, make_mailbox, open_for

pytestmark = pytest.mark.django_db

ORDER: dict[str, Any] = {
    "title": "Order 4711",
    "to": ["bob@contoso.example"],
    "facts": [{"label": "Amount", "value": "1,250.00 EUR"}],
}


@pytest.fixture(autouse=True)
def mailbox(db: None) -> Mailbox:
    return make_mailbox()


def asked(program: Caller, key: str = "1", **more: Any) -> Answer:
    return program.post("/approvals", {**ORDER, **more}, Idempotency_Key=key)


def test_one_call_asks_and_its_request_says_what_came_of_it(calls: Calls, alice: Person, bob: Person) -> None:
    program = calls(alice)
    answer = asked(program, exactly="rm -rf /srv/old", text="As agreed.")
    assert answer.status == 201
    made = answer.json
    assert made["data"] | {"asked": None} == {
        "text": "As agreed.", "fact_1": "1,250.00 EUR", "exactly": "rm -rf /srv/old", "asked": None,
    }  # fmt: skip
    assert made["steps"][0]["assignments"][0]["person"]["address"] == "bob@contoso.example"
    assert made["facts"] == [{"label": "Amount", "value": "1,250.00 EUR"}]  # as it was asked, with its label
    assert asked(program, exactly="rm -rf /srv/old", text="As agreed.").json == made  # the same call
    request = Request.objects.get()
    assert entry_of("started", request=request).what["key"] == program.key.public  # type: ignore[union-attr]
    engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    now = program.get(f"/requests/{made['id']}").json
    assert (now["state"], now["result"]) == ("ended", "approved")
    listed = program.get("/processes").json["items"]
    assert listed == []  # it is started by such a call alone
    assert program.get(f"/processes/{made['process']['key']}").problem == "not-found"


def test_files_a_group_own_outcomes_and_a_callback(calls: Calls, alice: Person, bob: Person) -> None:
    Group.objects.create(key="team", name="Team").members.set([alice, bob])
    answer = asked(
        calls(alice),
        to={"group": "team"},
        rule="all",
        outcomes=[
            {"key": "go", "label": {"en": "Release the build", "fr": "À livrer"}, "grants": True},
            "reject",
        ],
        due="2 working days",
        proof="page",
        files=[{"name": "offer.pdf", "content": b64encode(b"%PDF").decode()}],
        callback={"url": "https://erp.example.com/hooks", "events": ["request.ended"]},
    )
    assert answer.status == 201, answer.json
    assert [one["name"] for one in answer.json["files"]] == ["offer.pdf"]
    endpoint = Endpoint.objects.get(kind=Endpoint.Kind.CALLBACK)
    assert (endpoint.request, endpoint.events) == (Request.objects.get(), ["request.ended"])
    engine.decide(open_for(bob).pk, by=bob, outcome="go", channel=Decision.Channel.PAGE)
    assert Request.objects.get().result == "go"


def test_a_program_knows_what_was_asked_with_its_key(calls: Calls, alice: Person, bob: Person) -> None:
    """Or with one whose place its key took; another key of the same person is another program."""
    program, other = calls(alice), calls(alice)
    assert program.key is not None
    made = asked(program).json
    assert made["asked_with_this_key"] is True
    once, text = keys.rotate(program.key, alice, timedelta(days=1))
    _twice, last = keys.rotate(once, alice, timedelta(days=1))
    for caller, is_own in ((Caller(text), True), (Caller(last), True), (other, False), (calls(bob), False)):
        assert caller.get(f"/requests/{made['id']}").json["asked_with_this_key"] is is_own
        [listed] = caller.get("/requests").json["items"]
        assert listed["asked_with_this_key"] is is_own


@pytest.mark.one_world
@pytest.mark.parametrize(
    ("more", "pointers"),
    [
        ({"to": []}, {"/to"}),
        ({"to": [1]}, {"/to/0", "/to"}),
        ({"to": {"group": 1}}, {"/to/group", "/to"}),
        ({"to": {"group": "team", "more": 1}}, {"/to/more", "/to"}),
        ({"to": ["who@contoso.example"]}, {"/to/0"}),
        ({"facts": [{"label": "A"}]}, {"/facts/0/value"}),
        ({"facts": [{"label": "A", "value": 1}]}, {"/facts/0/value"}),
        ({"facts": [{"label": "A", "value": "a\u202eb"}]}, {"/facts/0/value"}),
        ({"rule": "most"}, {"/rule"}),
        ({"rule": True}, {"/rule"}),
        ({"rule": 2}, {"/rule"}),
        ({"outcomes": ["reject", {"key": "x", "label": "No", "grants": True}]}, {"/outcomes/1"}),
        ({"outcomes": ["approve", {"key": "x", "label": "X y", "grants": "yes"}]},
         {"/outcomes/1", "/outcomes/1/grants"}),
        ({"outcomes": ["approve"]}, {"/outcomes"}),
        ({"proof": "outside"}, {"/proof"}),
        ({"exactly": "a\u200bb"}, {"/exactly"}),
        ({"due": "soon"}, {"/due"}),
        ({"requester": "who@contoso.example"}, {"/requester"}),
        ({"files": [{"name": "a", "content": ""}]}, {"/files/0"}),
        ({"files": [{"name": "a", "content": "!"}]}, {"/files/0/content"}),
        ({"callback": {"url": "https://127.0.0.1/x"}}, {"/callback/url"}),
        ({"callback": {"url": "https://erp.example.com/", "events": ["request.baked"]}}, {"/callback/events"}),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_pointed_at(
    calls: Calls, alice: Person, bob: Person, more: dict[str, Any], pointers: set[str]
) -> None:
    answer = asked(calls(alice), **more)
    assert answer.problem == "invalid"
    assert set(answer.pointers) <= pointers
    assert answer.pointers
    assert not Request.objects.exists()
    assert not Version.objects.exists()
    assert not Endpoint.objects.exists()


def test_in_somebodys_name_needs_its_scope_and_decides_nothing(
    calls: Calls, alice: Person, bob: Person, carol: Person
) -> None:
    assert asked(calls(carol, Scope.REQUESTS_WRITE), requester=alice.email).problem == "scope-missing"
    assert asked(calls(bob), requester=alice.email).pointers == ["/to/0"]
    program = calls(carol)
    made = asked(program, requester=alice.email).json
    assert made["requester"]["address"] == alice.email
    assert program.get(f"/requests/{made['id']}").status == 200
    assert Request.objects.get().is_made_by(carol)


def test_a_key_that_is_limited_to_processes_asks_nothing_without_one(
    calls: Calls, alice: Person, bob: Person
) -> None:
    assert asked(calls(alice, processes=["purchase"])).problem == "not-allowed"
