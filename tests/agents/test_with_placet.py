"""`placet mcp` as agents start it, a process of its own on standard input and output, against a Placet that serves."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import placet_client
import pytest
from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp.client.stdio import StdioServerParameters
from mcp.types import ElicitRequestParams, ElicitResult
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.api import keys
from placet.api.keys import Scope
from placet.approvals.models import Decision, Request
from tests.making import make_mailbox, one_step, start
from tests.test_complete import ROOT

RUN = "import sys; from placet.cli import main; sys.exit(main())"
PATHS = [str(ROOT), str(Path(placet_client.__file__).parents[1])]


def program(live_server: LiveServer, key: str, folder: Path, *options: str) -> StdioServerParameters:
    (folder / "key").write_text(f"{key}\n")
    return StdioServerParameters(
        command=sys.executable,
        args=["-c", RUN, "mcp", "--key-file", str(folder / "key"), *options],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(PATHS), "PLACET_URL": live_server.url},
        cwd=folder,
    )


@pytest.mark.long
def test_an_agent_decides_as_its_person_who_said_yes(
    live_server: LiveServer, alice: Person, bob: Person, tmp_path: Path
) -> None:
    make_mailbox()
    request = start(one_step([{"manager": True}]), alice)
    _, key = keys.make(bob, "Agent", {Scope.REQUESTS_READ, Scope.DECISIONS_WRITE}, by=bob)
    questions: list[str] = []

    async def asked(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action="accept", content={"sure": True})

    async def act() -> Any:
        server = program(live_server, key, tmp_path, "--allow-decisions")
        async with Client(server, elicitation_callback=asked) as client:
            (one,) = (await client.call_tool("list_waiting_for_me")).structured_content["waiting"]
            assert one["request_id"] == str(request.public_id)
            arguments = {"assignment_id": one["assignment_id"], "outcome": "approve", "comment": "Fine by me"}
            return await client.call_tool("decide", arguments)

    answer = asyncio.run(act())
    assert answer.structured_content["decided"], answer
    assert "Desk" in questions[0]
    decision = Decision.objects.get()
    assert (decision.outcome, decision.comment, decision.by_person, decision.door) == (
        "approve", "Fine by me", bob, Decision.Door.API,
    )  # fmt: skip
    assert Request.objects.get().result == "approved"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key"]  # it keeps nothing where it runs
