"""Our node in a real n8n, against a real `placet serve` whose approvers answer by mail."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import requests

from placet.sandbox.server import Mail, Sandbox
from tests.alarms.conftest import Receiver, receiving
from tests.foreign.n8n.program import (
    N8n,
    Step,
    build_node,
    credential,
    example,
    install_n8n,
    node_id,
    workflow,
)
from tests.installation import Installation

DOMAIN = "contoso.example"
PATIENCE = 90.0  # seconds that a mail, or n8n, may take
CHAINS, TRIGGER, EXAMPLE = "chainsOfThisTest", "theTriggerAlone1", "whatWeGiveAway01"  # workflows
Value = TypeVar("Value")
SCOPES = ("requests:read", "requests:write", "webhooks:manage")
# What an administrator does on pages, before anybody asks. `about` is what only the test knows.
SET_UP = """
import json
from placet.accounts import general
from placet.accounts.addresses import add_person
from placet.api import keys
from placet.approvals.processes import publish
from placet.commands.process import SAMPLES
from placet.mailboxes import store

bob = add_person("Bob Brown", f"bob@{about['domain']}")
add_person("Carol Clark", f"carol@{about['domain']}")
ada = add_person("Ada Admin", f"ada@{about['domain']}", manager=bob, administrator=True)
publish((SAMPLES / "purchase.yaml").read_text())
general.save({"private_targets": [about["n8n"]]}, by=1)
secrets = {"client_secret": about["secret"]}
store.save({**about["mailbox"], "active": True, "poll_seconds": 5}, secrets=secrets, by="a test")
key, text = keys.make(ada, "n8n", about["scopes"], by=None)
print("made", json.dumps({"key": text, "signing": key.secrets[keys.SIGNING]}))
"""


@dataclass
class World:
    """Ada's key is in n8n; Bob, her manager, and Carol answer by mail. What a workflow ends with, `receiver` gets."""

    sandbox: Sandbox
    n8n: N8n
    receiver: Receiver
    placet: requests.Session
    url: str

    def came(self, path: str, fits: Callable[[Any], bool] = bool) -> Any:
        """The first thing that a workflow sent there and that fits, once it is there."""
        return soon(lambda: next(filter(fits, self.sent(path)), None), f"something at {path}")

    def sent(self, path: str) -> list[Any]:
        pairs = zip(list(self.receiver.paths), list(self.receiver.got), strict=False)
        return [body for at, body in pairs if at == f"/{path}"]

    def asked(self, title: str, name: str = "bob") -> Mail:
        """The mail that asks somebody, once they have it."""

        def found() -> Mail | None:
            mails = [mail for mail in self.sandbox.mails(name) if title in mail.subject]
            return mails[0] if mails else None

        return soon(found, f"a mail about {title}")

    def get(self, path: str) -> Any:
        answer = self.placet.get(f"{self.url}/api/v1{path}", timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()


def soon(value: Callable[[], Value | None], what: str) -> Value:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if (one := value()) is not None:
            return one
        time.sleep(0.2)
    raise AssertionError(f"There was never {what}")


ASKING: dict[str, Any] = {
    "title": "={{ $json.body.title }}",
    "to": f"bob@{DOMAIN}",
    "facts": {"fact": [{"label": "Amount", "value": "={{ $json.body.amount }}"}]},
    "text": "={{ $json.body.text }}",
}
CALLED = "$('When ask-then-wait is called').item.json.body"
WITH_FILE: dict[str, Any] = {
    "resource": "approval",
    "title": f"={{{{ {CALLED}.title }}}}",
    "asked": "people",
    "to": f"bob@{DOMAIN}, carol@{DOMAIN}",
    "rule": "all",
    "facts": {"fact": [{"label": "Amount", "value": f"={{{{ {CALLED}.amount }}}}"}]},
}
STARTING: dict[str, Any] = {
    "resource": "request",
    "process": "purchase",
    "data": "={{ JSON.stringify($json.body) }}",
}


def chains(told: str) -> list[list[Step]]:
    this: dict[str, Any] = {"requestId": "={{ $json.id }}"}
    waiting: dict[str, Any] = {"resource": "approval", "operation": "sendAndWait"}
    return [
        [
            Step.called("ask-and-wait"),
            Step.ours("Ask and wait", **waiting, **ASKING, options={"due": "2 working days"}),
            Step.told(told, "asked-and-waited"),
        ],
        [
            Step.called("start-and-wait"),
            Step.ours("Start and wait", **{**STARTING, "operation": "sendAndWait"}),
            Step.told(told, "started-and-waited"),
        ],
        [
            Step.called("ask-then-wait"),
            Step.filed("body.text", "terms.txt"),
            Step.ours("Ask", **WITH_FILE, operation="ask", options={"files": "data"}),
            Step.ours("Wait", resource="approval", operation="wait", minutes=5, **this),
            Step.told(told, "asked-then-waited"),
        ],
        [
            Step.called("start"),
            Step.ours("Start", **STARTING, operation="start"),
            Step.ours("Withdraw", resource="request", operation="withdraw", **this),
            Step.ours("Get", resource="request", operation="get", **this),
            Step.told(told, "withdrawn"),
        ],
        [
            Step.called("list"),
            Step.ours(
                "List", resource="request", operation="getAll", returnAll=True, filters={"state": "withdrawn"}
            ),
            Step.told(told, "listed"),
        ],
        [
            Step.called("processes"),
            Step.ours("Processes", resource="process", operation="getAll", limit=1),
            Step.told(told, "processes"),
        ],
        [
            Step.called("refused"),
            Step.ours("Refused", **STARTING, operation="start").going_on(),
            Step.told(told, "refused"),
        ],
    ]


def trigger(told: str) -> list[Step]:
    return [
        Step.ours("Trigger", "placetTrigger", events=["request.ended", "request.withdrawn"], processes=[]),
        Step.told(told, "events"),
    ]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("n8n")
    n8n = N8n(install_n8n(), folder / "home", build_node(folder))
    n8n.home.mkdir()
    installation = Installation(folder / "placet")
    with sandbox_of_four() as sandbox, receiving() as receiver:
        made = set_up(installation, sandbox, n8n)
        with installation.serve() as serving:
            n8n.load(
                credential(serving.address, made["key"], made["signing"]),
                [
                    workflow(CHAINS, chains(receiver.url)),
                    workflow(TRIGGER, [trigger(receiver.url)]),
                    example(EXAMPLE, receiver.url),
                ],
            )
            with n8n.running(), requests.Session() as placet:
                placet.headers["Authorization"] = f"Bearer {made['key']}"
                yield World(sandbox, n8n, receiver, placet, serving.address)


def sandbox_of_four() -> Sandbox:
    sandbox = Sandbox(DOMAIN)
    for name in ("approvals", "ada", "bob", "carol"):
        sandbox.add_mailbox(name, name.title())
    return sandbox


def set_up(installation: Installation, sandbox: Sandbox, n8n: N8n) -> dict[str, str]:
    installation.data_dir.mkdir()
    about = {
        "domain": DOMAIN,
        "scopes": SCOPES,
        "n8n": f"127.0.0.1:{n8n.port}",
        "secret": sandbox.client_secret,
        "mailbox": {
            "protocol": "graph",
            "server_address": sandbox.url,
            "username": f"approvals@{DOMAIN}",
            "client_id": sandbox.client_id,
            "token_uri": sandbox.token_url,
        },
    }
    installation.good("django", "migrate")
    said = installation.good("django", "shell", "-c", f"about = {about!r}\n{SET_UP}")
    made: dict[str, str] = json.loads(said.partition("made ")[2])
    return made


def purchase(item: str) -> dict[str, Any]:
    return {"item": item, "amount": 900}


def test_a_workflow_asks_and_goes_on_when_bob_has_answered_by_mail(world: World) -> None:
    world.n8n.call("ask-and-wait", {"title": "Order 4711", "amount": "1,250 EUR", "text": "For the office."})
    asked = world.asked("Order 4711")
    assert "1,250 EUR" in asked.text
    assert world.sent("asked-and-waited") == []
    world.sandbox.reply_as("bob", asked.id, "approve\n\nGood price.")
    request = world.came("asked-and-waited")
    assert (request["state"], request["result"]) == ("ended", "approved")
    (decision,) = [seat["decision"] for step in request["steps"] for seat in step["assignments"]]
    assert (decision["by"]["name"], decision["channel"]) == ("Bob Brown", "mail")
    assert request == world.get(f"/requests/{request['id']}")
    event = world.came("events", lambda event: event["data"]["request"]["id"] == request["id"])
    assert event["type"] == "request.ended"
    assert event["request"]["result"] == "approved"


def test_a_workflow_starts_a_process_and_goes_on_when_it_was_rejected(world: World) -> None:
    world.n8n.call("start-and-wait", purchase("Desk of oak"))
    world.sandbox.reply_as("bob", world.asked("Desk of oak").id, "reject\n\nToo dear.")
    request = world.came("started-and-waited")
    assert (request["state"], request["result"]) == ("ended", "rejected")


@pytest.mark.parametrize(("number", "answer", "end"), [(1, "approve", "order-it"), (2, "reject", "leave-it")])
def test_the_example_orders_what_was_approved(world: World, number: int, answer: str, end: str) -> None:
    order = {"number": number, "supplier": "Oak Ltd", "amount": "900 EUR", "approver": f"bob@{DOMAIN}"}
    world.n8n.call("orders", order)
    world.sandbox.reply_as("bob", world.asked(f"Order {number} of Oak Ltd").id, answer)
    assert world.came(end)["title"] == f"Order {number} of Oak Ltd"
    assert len(world.sent(end)) == 1


def test_nobody_goes_on_with_an_execution_but_placet(world: World) -> None:
    """Its address without the signature, or with another one, is nobody's."""
    world.n8n.call("ask-and-wait", {"title": "Order 4712", "amount": "1 EUR", "text": ""})
    asked = world.asked("Order 4712")
    node = node_id(CHAINS, 0, 1)
    for execution in range(1, 5):
        for query in ("", "?signature=" + "0" * 64):
            answer = requests.post(
                f"{world.n8n.url}/webhook-waiting/{execution}/{node}{query}", json={}, timeout=60
            )
            assert answer.status_code in (401, 404, 409), answer.text
    assert len(world.sent("asked-and-waited")) < 2
    world.sandbox.reply_as("bob", asked.id, "approve")
    assert (
        world.came("asked-and-waited", lambda request: request["title"] == "Order 4712")["result"]
        == "approved"
    )


def test_where_placet_cannot_reach_n8n_it_asks_again_and_again(world: World) -> None:
    """Two people are asked, who read a file."""
    world.n8n.call("ask-then-wait", {"title": "Order 4713", "amount": "7 EUR", "text": "Thirty days."})
    for name in ("bob", "carol"):
        world.sandbox.reply_as(name, world.asked("Order 4713", name).id, "approve")
    request = world.came("asked-then-waited")
    assert request["result"] == "approved"
    assert [(file["name"], file["size"]) for file in request["files"]] == [("terms.txt", len("Thirty days."))]


def test_a_request_is_started_withdrawn_read_and_listed(world: World) -> None:
    world.n8n.call("start", purchase("Desk of glass"))
    request = world.came("withdrawn")
    assert request["state"] == "withdrawn"
    event = world.came("events", lambda event: event["type"] == "request.withdrawn")
    assert event["request"]["id"] == request["id"]
    world.n8n.call("list", {})
    listed = world.came("listed")
    assert [listed["id"]] == [request["id"]] == [one["id"] for one in world.sent("listed")]


def test_processes_are_listed_with_their_forms(world: World) -> None:
    world.n8n.call("processes", {})
    process = world.came("processes")
    assert process["key"] == "purchase"
    assert "amount" in process["form"]["properties"]


def test_what_placet_refuses_is_said_in_its_words(world: World) -> None:
    world.n8n.call("refused", {"item": "Desk of air", "amount": "a lot"})
    said = json.dumps(world.came("refused"))
    assert "/data/amount" in said
    assert "does not fit" in said


def test_a_workflow_that_is_not_published_any_more_unsubscribes(world: World) -> None:
    assert len(world.get("/webhooks")["items"]) == 1
    world.n8n.sign_in()
    world.n8n.rest("POST", f"/workflows/{TRIGGER}/deactivate")
    soon(lambda: not world.get("/webhooks")["items"] or None, "the end of the subscription")
