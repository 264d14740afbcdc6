"""Webhooks managed by programs, as Zapier and n8n do."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from placet.accounts.models import Person
from placet.api import waiting
from placet.api.keys import Scope
from placet.approvals import owning
from placet.approvals.models import Process
from placet.approvals.processes import publish
from placet.webhooks import endpoints, events
from placet.webhooks.models import Endpoint
from tests.alarms.conftest import Receiver, allow, receiver  # noqa: F401 - a fixture
from tests.api.conftest import Caller, Calls
from tests.making import SAMPLE, start, values
from tests.webhooks.conftest import run_until_quiet

pytestmark = pytest.mark.django_db
URL = "https://hooks.example/in"


@pytest.fixture
def caller(calls: Calls, admin: Person) -> Caller:
    return calls(admin, Scope.WEBHOOKS_MANAGE)


def made(caller: Caller, **about: Any) -> dict[str, Any]:
    answer = caller.post("/webhooks", {"url": URL, **about})
    assert answer.status == 201, answer.content
    assert answer.headers["Location"].endswith(f"/api/v1/webhooks/{answer.json['id']}")
    return dict(answer.json)


def test_a_webhook_lives_from_its_secret_to_its_end(caller: Caller) -> None:
    publish(values(SAMPLE))
    webhook = made(caller, description="ERP", events=["request.ended"], processes=["purchase"])
    secret = webhook.pop("secret")
    page = f"/webhooks/{webhook['id']}"
    assert caller.get(page).json == webhook
    assert [one["id"] for one in caller.get("/webhooks").json["items"]] == [webhook["id"]]
    changed = caller("PATCH", page, {"events": [], "with_data": True, "active": False}).json
    assert changed == {
        **webhook,
        "events": [],
        "with_data": True,
        "active": False,
        "disabled_why": "by hand",
    }
    assert caller("PATCH", page, {"active": True}).json["active"] is True
    rotated = caller.post(f"{page}/rotate", {"both_valid_hours": 1}).json["secret"]
    endpoint = Endpoint.objects.get()
    assert endpoints.signing_secrets(endpoint, timezone.now()) == [rotated, secret]
    assert endpoints.signing_secrets(endpoint, timezone.now() + timedelta(hours=1)) == [rotated]
    assert caller("DELETE", page).status == 204
    assert caller.get(page).problem == "not-found"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/url"),
        ({"url": "http://hooks.example/"}, "/url"),
        ({"url": "https://169.254.169.254/latest"}, "/url"),
        ({"url": URL, "events": ["request.eaten"]}, "/events"),
        ({"url": URL, "processes": ["nothing"]}, "/processes"),
        ({"url": URL, "with_data": "yes"}, "/with_data"),
        ({"url": URL, "secret": "whsec_x"}, "/secret"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(caller: Caller, body: Any, pointer: str) -> None:
    answer = caller.post("/webhooks", body)
    assert (answer.problem, answer.pointers) == ("invalid", [pointer])
    assert not Endpoint.objects.exists()


def test_what_was_sent_is_listed_and_can_be_had_once_more(
    caller: Caller,
    alice: Person,
    receiver: Receiver,  # noqa: F811
) -> None:
    allow(receiver.url)
    webhook = made(caller, url=f"{receiver.url}/in")
    page = f"/webhooks/{webhook['id']}"
    receiver.answers, receiver.text = [503], b"later"
    test = caller.post(f"{page}/test").json
    assert (test["delivered"], test["status"], test["answer"]) == (False, 503, "later")
    begun = timezone.now()
    request = start(SAMPLE, alice)
    run_until_quiet()
    deliveries = caller.get(f"{page}/deliveries").json["items"]
    assert {one["state"] for one in deliveries[:-1]} == {"sent"}
    assert (deliveries[-1]["type"], deliveries[-1]["request"]) == (events.TEST, None)
    assert deliveries[-2]["request"] == str(request.public_id)
    sent = len(deliveries) - 1
    one = f"{page}/deliveries/{deliveries[0]['id']}/replay"
    assert caller.post(one).json == {"deliveries": 1}
    run_until_quiet()
    span = {"from": begun.isoformat(), "to": timezone.now().isoformat()}
    assert caller.post(f"{page}/replay", span).json == {"deliveries": sent}
    run_until_quiet()
    assert len(receiver.got) == 1 + sent + 1 + sent
    assert caller.post(f"{page}/deliveries/{deliveries[-1]['id']}/replay").problem == "not-found"
    caller("PATCH", page, {"active": False})
    assert caller.post(one).problem == "not-open"


@pytest.mark.parametrize(
    ("span", "pointer"),
    [
        ({"from": "0001-01-01T00:00:00+23:59"}, "/from"),
        ({"to": "9999-12-31T23:59:59-23:59"}, "/to"),
        ({"from": 1_790_000_000}, "/from"),
        ({"from": "2026-12-01"}, "/from"),
        ({"from": "2026-12-01T00:00:00"}, "/from"),
        ({"to": "2026-13-01T00:00:00Z"}, "/to"),
        ({"to": "2026-12-01T00:00:00Z"}, "/to"),
    ],
)
def test_a_span_that_is_none_is_refused(caller: Caller, span: dict[str, Any], pointer: str) -> None:
    page = f"/webhooks/{made(caller)['id']}/replay"
    good = {"from": "2026-12-01T00:00:00Z", "to": "2026-12-02T00:00:00+01:00"}
    assert caller.post(page, good).json == {"deliveries": 0}
    answer = caller.post(page, good | span)
    assert (answer.problem, answer.pointers) == ("invalid", [pointer])


def test_whoever_is_no_administrator_has_webhooks_of_processes_that_they_own(
    calls: Calls, caller: Caller, alice: Person, bob: Person
) -> None:
    for key in ("purchase", "travel"):
        publish({**values(SAMPLE), "key": key})
    owning.add_owner(Process.objects.get(key="purchase"), alice)
    others = made(caller)
    own = calls(alice, Scope.WEBHOOKS_MANAGE)
    assert own.post("/webhooks", {"url": URL}).problem == "not-allowed"
    assert own.post("/webhooks", {"url": URL, "processes": ["purchase", "travel"]}).problem == "not-allowed"
    mine = made(own, processes=["purchase"])
    assert own("PATCH", f"/webhooks/{mine['id']}", {"processes": []}).problem == "not-allowed"
    assert own.get(f"/webhooks/{others['id']}").problem == "not-found"
    assert [one["id"] for one in own.get("/webhooks").json["items"]] == [mine["id"]]
    assert calls(bob, Scope.WEBHOOKS_MANAGE).get("/webhooks").json["items"] == []
    assert {one["id"] for one in caller.get("/webhooks").json["items"]} == {mine["id"], others["id"]}


def test_a_key_of_some_processes_manages_webhooks_of_these(
    calls: Calls, caller: Caller, admin: Person
) -> None:
    for key in ("purchase", "travel"):
        publish({**values(SAMPLE), "key": key})
    of_all, of_travel = made(caller), made(caller, processes=["travel"])
    narrow = calls(admin, Scope.WEBHOOKS_MANAGE, processes=["purchase"])
    assert narrow.get(f"/webhooks/{of_all['id']}").problem == "not-found"
    assert narrow.get(f"/webhooks/{of_travel['id']}").problem == "not-found"
    assert narrow.post("/webhooks", {"url": URL}).problem == "not-allowed"
    assert made(narrow, processes=["purchase"])["processes"] == ["purchase"]


def test_who_owns_a_process_no_more_has_nothing_of_it_sent(
    calls: Calls,
    alice: Person,
    bob: Person,
    receiver: Receiver,  # noqa: F811
) -> None:
    publish({**values(SAMPLE), "key": "purchase"})
    other = publish({**values(SAMPLE), "key": "travel"})
    process = Process.objects.get(key="purchase")
    owning.add_owner(process, alice)
    owning.add_owner(other.process, alice)
    allow(receiver.url)
    own = calls(alice, Scope.WEBHOOKS_MANAGE)
    page = f"/webhooks/{made(own, url=receiver.url, processes=['purchase', 'travel'], with_data=True)['id']}"
    begun = timezone.now()
    start(SAMPLE, bob)
    run_until_quiet()
    sent = len(receiver.got)
    delivery = own.get(f"{page}/deliveries").json["items"][0]["id"]
    assert sent > 0
    owning.remove_owner(process, alice)
    span = {"from": begun.isoformat(), "to": timezone.now().isoformat()}
    refused = [
        own.post(f"{page}/replay", span),
        own.post(f"{page}/deliveries/{delivery}/replay"),
        own.post(f"{page}/test"),
        own.post(f"{page}/rotate", {}),
        own("PATCH", page, {"url": f"{receiver.url}/other"}),
        own("PATCH", page, {"active": True}),
        own.get(f"{page}/deliveries"),
    ]
    assert {one.problem for one in refused} == {"not-allowed"}
    start(SAMPLE, bob)
    run_until_quiet()
    assert len(receiver.got) == sent
    start(other, bob)  # which they still own: its ids, as the webhook is not theirs alone any more
    run_until_quiet()
    assert ["data" in one["data"]["request"] for one in receiver.got] == [True] * sent + [False] * sent
    assert own("PATCH", page, {"active": False}).json["active"] is False
    assert own("DELETE", page).status == 204


def test_slow_addresses_hold_no_more_threads_than_those_who_wait(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"/webhooks/{made(caller)['id']}"
    monkeypatch.setattr(waiting, "_places", threading.BoundedSemaphore(1))
    with waiting.place():
        answer = caller.post(f"{page}/test")
    assert (answer.problem, answer.headers["Retry-After"]) == ("too-many-waiting", str(waiting.COME_BACK))
