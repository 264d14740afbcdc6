"""The tool that decides, against a Placet that serves: what its person said yes to is decided once, by their key. How
agents start `placet mcp` is a recipe of the manual, which `tests/clients/test_recipes.py` runs."""

import asyncio
from typing import Any

import pytest
from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult
from placet_client import Placet
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.agents.server import build
from placet.api import keys
from placet.api.keys import Scope
from placet.approvals.models import Decision, Request
from tests.making import make_mailbox, one_step, start


@pytest.mark.any_database
def test_an_agent_decides_as_its_person_who_said_yes(
    live_server: LiveServer, alice: Person, bob: Person
) -> None:
    make_mailbox()
    request = start(one_step([{"manager": True}]), alice)
    _, key = keys.make(bob, "Agent", {Scope.REQUESTS_READ, Scope.DECISIONS_WRITE}, by=bob)
    questions: list[str] = []

    async def asked(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action="accept", content={"sure": True})

    async def act() -> Any:
        server = build(lambda: Placet(live_server.url, key), with_decisions=True)
        async with Client(server, elicitation_callback=asked) as client:
            (one,) = (await client.call_tool("list_waiting_for_me")).structured_content["waiting"]
            assert one["request_id"] == str(request.public_id)
            arguments = {"assignment_id": one["assignment_id"], "outcome": "approve", "comment": "Fine by me"}
            return await client.call_tool("decide", arguments)

    answer = asyncio.run(act())
    assert answer.structured_content["decided"], answer
    assert "Desk" in questions[0]
    decision = Decision.objects.get()
    assert (decision.outcome, decision.comment, decision.by_person, decision.channel) == (
        "approve", "Fine by me", bob, Decision.Channel.API,
    )  # fmt: skip
    assert Request.objects.get().result == "approved"
