"""The recipes of the manual, run as they stand there against a Placet that serves; only its address is another. Bob
answers each as soon as he is asked."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import placet_client
import pytest
import yaml
from django.db import connection
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from pytest_django.live_server_helper import LiveServer

from placet.accounts import general
from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.api import keys
from placet.api.keys import Scope
from placet.approvals import engine
from placet.approvals.models import Assignment, Decision, Request
from tests.installation import PATIENCE
from tests.making import make_mailbox
from tests.test_complete import ROOT

ADDRESS = "https://approvals.example.com"
MANUAL = ROOT / "docs" / "integration.md"
ACTION = ROOT / "clients" / "github-action"
PATHS = os.pathsep.join([str(ROOT), str(Path(placet_client.__file__).parents[1])])
PROGRAMS = {
    "placet-ask": "from placet_client.ask import main; sys.exit(main())",
    "placet": "from placet.cli import main; sys.exit(main())",
}

pytestmark = [pytest.mark.long, pytest.mark.any_database]


def recipe(page: Path, heading: str, language: str) -> str:
    """The first block of code in this language below a heading."""
    section = f"\n{page.read_text()}".partition(f"\n{heading}\n")[2]
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return str(next(code for name, code in blocks if name == language))


@dataclass
class World:
    url: str
    key: str
    folder: Path

    def here(self, text: str) -> str:
        assert ADDRESS in text
        return text.replace(ADDRESS, self.url)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": PATHS,
            "PYTHONIOENCODING": "utf-8",
        }

    def bash(self, script: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=self.environment | more, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip


def answering(bob: Person, end: threading.Event) -> None:
    """Approves whatever waits for Bob."""
    while not end.wait(0.1):
        for one in Assignment.objects.filter(person=bob, state=Assignment.State.OPEN):
            engine.decide(
                one.pk, by=bob, outcome="approve", comment="Fine by me", channel=Decision.Channel.PAGE
            )
    connection.close()


@pytest.fixture
def world(live_server: LiveServer, alice: Person, tmp_path: Path) -> Iterator[World]:
    make_mailbox()
    general.save({"public_url": live_server.url}, by=alice.pk)
    bob = add_person("Bob", "bob@example.com")
    _, key = keys.make(alice, "Recipes", {Scope.REQUESTS_READ, Scope.REQUESTS_WRITE}, by=alice)
    for name in ("key", "placet.key"):
        (tmp_path / name).write_text(key)
    (tmp_path / "bin").mkdir()
    for name, code in PROGRAMS.items():
        program = tmp_path / "bin" / name
        program.write_text(f"#!{sys.executable}\nimport sys\n{code}\n")
        program.chmod(0o755)
    end = threading.Event()
    thread = threading.Thread(target=answering, args=[bob, end])
    thread.start()
    yield World(live_server.url, key, tmp_path)
    end.set()
    thread.join()


def asked() -> Request:
    """The one request that there is, which Bob approved."""
    request = Request.objects.get()
    assert (request.state, request.result) == ("ended", "approved")
    return request


@pytest.mark.parametrize(
    ("page", "heading"),
    [
        (MANUAL, "## From Python and from a shell"),
        (ROOT / "clients" / "python" / "README.md", "# placet-client"),
    ],
    ids=["manual", "readme"],
)
def test_from_python(world: World, page: Path, heading: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (world.folder / "offer.pdf").write_bytes(b"%PDF")
    monkeypatch.chdir(world.folder)
    shown = StringIO()
    with redirect_stdout(shown):
        exec(compile(world.here(recipe(page, heading, "python")), str(page), "exec"), {"key": world.key})
    assert shown.getvalue().startswith("approved")
    assert asked().title == "New laptop for Eve"


def test_from_a_shell(world: World) -> None:
    (world.folder / "changes.diff").write_text("-replicas: 2\n+replicas: 3\n")
    ended = world.bash(world.here(recipe(MANUAL, "## From Python and from a shell", "")))
    assert ended.returncode == 0, ended.stderr
    assert "Result: approved\n  Bob: approve (page, " in ended.stdout
    assert "“Fine by me”" in ended.stdout
    assert asked().data["exactly"] == "-replicas: 2\n+replicas: 3"


def test_with_curl(world: World) -> None:
    ended = world.bash(f"umask 077\n{world.here(recipe(MANUAL, '## With curl', ''))}")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stderr)["id"] == json.loads(ended.stdout)["id"]
    assert json.loads(ended.stdout)["result"] == "approved"
    assert asked().title == "New laptop for Eve"


def test_a_step_of_github_actions(world: World) -> None:
    (step,) = yaml.safe_load(world.here(recipe(MANUAL, "## A step of GitHub Actions", "yaml")))
    contexts = {"secrets.PLACET_KEY": world.key, "github.ref_name": "v4.2", "github.sha": "0123abc"}
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    inputs = {name: about.get("default", "") for name, about in action["inputs"].items()} | {
        name: _expanded(value, contexts) for name, value in step["with"].items()
    }
    assert step["with"].keys() <= action["inputs"].keys()
    ask = action["runs"]["steps"][-1]
    variables = {f"inputs.{name}": value for name, value in inputs.items()} | {
        f"github.{name}": name for name in ("repository", "run_id", "run_attempt", "job", "action")
    }
    temp = world.folder / "temp"
    shutil.copytree(world.folder / "bin", temp / "placet-client" / "bin")
    ended = world.bash(
        ask["run"], RUNNER_TEMP=str(temp), GITHUB_ACTION_PATH=str(ACTION), GITHUB_OUTPUT=str(temp / "output"),
        **{name: _expanded(value, variables) for name, value in ask["env"].items()},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    request = asked()
    assert request.title == "Deploy v4.2"
    assert (temp / "output").read_text().splitlines()[:2] == [
        "result=approved",
        f"request-id={request.public_id}",
    ]


def _expanded(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda match: values[match[1]], text)


def test_an_agent(world: World) -> None:
    about = json.loads(world.here(recipe(MANUAL, "## Agents", "json")))["mcpServers"]["placet"]
    exactly = {"command": "kubectl scale shop", "parameters": {"replicas": 3}}

    async def act() -> tuple[Any, Any, Any]:
        program = StdioServerParameters(
            command=str(world.folder / "bin" / about["command"]), args=about["args"], cwd=world.folder,
            env=world.environment | about["env"],
        )  # fmt: skip
        async with Client(program) as client:
            arguments = {"title": "Scale the shop", "to": ["bob@example.com"], "idempotency_key": "task-1"}
            made = await client.call_tool("request_approval", {**arguments, "exactly": exactly})
            assert not made.is_error, made
            about_it = {"request_id": made.structured_content["id"]}
            other = {**exactly, "parameters": {"replicas": 30}}
            same = await client.call_tool("wait_for_decision", {**about_it, "exactly": exactly})
            return made, same, await client.call_tool("wait_for_decision", {**about_it, "exactly": other})

    made, same, another = (answer.structured_content for answer in asyncio.run(act()))
    assert made["state"] == "open"
    assert (same["go_ahead"], another["go_ahead"]) == (True, False)
    assert same["request"]["decided_for_sha256"] == made["decided_for_sha256"]
    assert asked().data["exactly"].startswith("Command (1 line)\n    kubectl scale shop\n")
