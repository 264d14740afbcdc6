"""A real n8n on loopback with our node in it: SQLite in a folder of its own, nothing but this machine called."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import requests

from tests.installation import free_port
from tools import npm

HERE = Path(__file__).parent
NODE_PACKAGE = Path(__file__).parents[3] / "clients" / "n8n"
LONGEST_INSTALL = 1800.0  # seconds: n8n has 2,400 packages
PATIENCE = 180.0  # seconds that n8n may take to start
OWNER = {"email": "owner@n8n.example", "firstName": "Olga", "lastName": "Owner", "password": "Of-n8n-alone-1"}


def install_n8n() -> Path:
    """The folder that it is in. Of its SQLite, npm has sources alone."""
    return npm.install(HERE, Path(sys.prefix) / "n8n", compiled=("sqlite3",), longest=LONGEST_INSTALL)


def build_node(folder: Path) -> Path:
    """Our node as whoever has it from npm: its package.json and dist/, made in a copy in `folder`. A warning of n8n's
    linter is an error. The folder of custom extensions that it is in."""
    source = folder / "source"
    shutil.copytree(NODE_PACKAGE, source, ignore=shutil.ignore_patterns("dist", "node_modules"))
    tools = npm.install(NODE_PACKAGE, Path(sys.prefix) / "n8n-nodes-placet")
    (source / "node_modules").symlink_to(tools / "node_modules")
    npm.run(source, "run", "build")
    npm.run(source, "run", "lint", "--", "--max-warnings", "0")
    package = folder / "extensions" / "n8n-nodes-placet"
    package.mkdir(parents=True)
    shutil.copy(source / "package.json", package)
    shutil.copytree(source / "dist", package / "dist")
    return package.parent


@dataclass
class N8n:
    """`home`: its folder; `extensions`: where our node is. It listens when `running` says so."""

    folder: Path
    home: Path
    extensions: Path
    port: int = field(default_factory=free_port)
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("N8N_", "PLACET_"))
        }
        return clean | {
            "N8N_USER_FOLDER": str(self.home),
            "N8N_CUSTOM_EXTENSIONS": str(self.extensions),
            "N8N_LISTEN_ADDRESS": "127.0.0.1",
            "N8N_HOST": "127.0.0.1",
            "N8N_PORT": str(self.port),
            "N8N_WEBHOOK_URL": f"{self.url}/",
            "N8N_RUNNERS_BROKER_PORT": str(free_port()),
            "N8N_ENCRYPTION_KEY": "of a test",
            "N8N_SECURE_COOKIE": "false",
            "N8N_DIAGNOSTICS_ENABLED": "false",
            "N8N_PERSONALIZATION_ENABLED": "false",
            "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
            "N8N_TEMPLATES_ENABLED": "false",
            "N8N_COMMUNITY_PACKAGES_ENABLED": "false",
            "N8N_LICENSE_AUTO_RENEW_ENABLED": "false",
            "N8N_DISABLED_MODULES": "mcp-registry,community-packages,insights",  # they call n8n's own servers
        }

    def command(self, *words: str | Path) -> str:
        """`n8n WORDS…`, which must work; what it said."""
        ended = subprocess.run(
            self._started_by(*words),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def _started_by(self, *words: str | Path) -> list[str | Path]:
        return [npm.NODE, self.folder / "node_modules" / "n8n" / "bin" / "n8n", *words]

    def load(self, credential: dict[str, Any], workflows: Sequence[dict[str, Any]]) -> None:
        """Into its database, before it runs; the workflows are published."""
        for kind, rows in (("credentials", [credential]), ("workflow", workflows)):
            file = self.home / f"{kind}.json"
            file.write_text(json.dumps(rows))
            self.command(f"import:{kind}", f"--input={file}")
            file.unlink()
        for one in workflows:
            self.command("publish:workflow", f"--id={one['id']}")

    @contextmanager
    def running(self) -> Iterator[None]:
        log = self.home / "n8n.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                self._started_by("start"),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_ready(process, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(60)
            finally:
                process.kill()
                process.wait()

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        """Its workflows are published behind the first page that it answers; it says so last."""
        end = time.monotonic() + PATIENCE
        while "Editor is now accessible" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.5)

    def call(self, path: str, body: dict[str, Any]) -> None:
        """The webhook of a workflow, which starts it. It is there a moment after n8n says that it is ready."""
        end = time.monotonic() + PATIENCE
        while True:
            answer = requests.post(f"{self.url}/webhook/{path}", json=body, timeout=60)
            if answer.status_code != 404 or time.monotonic() > end:
                break
            time.sleep(0.5)
        assert answer.status_code == 200, answer.text

    def sign_in(self) -> None:
        """As its owner, whom the first call makes."""
        answer = self.session.post(f"{self.url}/rest/owner/setup", json=OWNER, timeout=60)
        assert answer.status_code == 200, answer.text

    def rest(self, method: str, path: str, **body: Any) -> Any:
        """As its editor calls it."""
        answer = self.session.request(method, f"{self.url}/rest{path}", json=body or None, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


# --- workflows --------------------------------------------------------------------------------------------

CREDENTIAL_ID = "placetCredential"


def credential(url: str, key: str, signing_secret: str = "") -> dict[str, Any]:
    data = {"url": url, "apiKey": key, "signingSecret": signing_secret}
    return {"id": CREDENTIAL_ID, "name": "Placet", "type": "placetApi", "data": data}


@dataclass(frozen=True)
class Step:
    """A node of a workflow; `placet`: one of ours, by its name there."""

    name: str
    type: str
    parameters: dict[str, Any]
    more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def ours(cls, name: str, type: str = "placet", **parameters: Any) -> "Step":
        own = {"credentials": {"placetApi": {"id": CREDENTIAL_ID, "name": "Placet"}}}
        return cls(name, f"CUSTOM.{type}", parameters, own)

    def going_on(self) -> "Step":
        """The same, whose errors are items for the next one."""
        return replace(self, more={**self.more, "onError": "continueRegularOutput"})

    @classmethod
    def called(cls, path: str) -> "Step":
        """What starts a chain: a call of n8n's webhook of this path."""
        parameters = {"httpMethod": "POST", "path": path, "options": {}}
        return cls(f"When {path} is called", "n8n-nodes-base.webhook", parameters, {"typeVersion": 2})

    @classmethod
    def filed(cls, place: str, name: str) -> "Step":
        """A text of the item as a file, in the binary field `data`."""
        parameters = {"operation": "toText", "sourceProperty": place, "options": {"fileName": name}}
        return cls(f"Make {name}", "n8n-nodes-base.convertToFile", parameters, {"typeVersion": 1.1})

    @classmethod
    def told(cls, receiver: str, path: str) -> "Step":
        """What ends a chain: each of its items is sent to the test."""
        parameters = {
            "method": "POST", "url": f"{receiver}/{path}", "sendBody": True, "specifyBody": "json",
            "jsonBody": "={{ JSON.stringify($json) }}", "options": {},
        }  # fmt: skip
        return cls(f"Tell {path}", "n8n-nodes-base.httpRequest", parameters, {"typeVersion": 4.2})


def node_id(workflow: str, row: int, column: int) -> str:
    """Of a node of a workflow: unique among all, as those of n8n's editor are."""
    return str(uuid5(NAMESPACE_URL, f"{workflow}/{row}/{column}"))


def workflow(id: str, chains: Sequence[Sequence[Step]]) -> dict[str, Any]:
    """One workflow of several chains, each with a trigger of its own: n8n takes seconds to take in a workflow. `id`: 16
    letters or digits."""
    nodes, connections = [], {}
    for row, chain in enumerate(chains):
        for column, step in enumerate(chain):
            identity = node_id(id, row, column)
            nodes.append(
                {
                    "id": identity, "webhookId": identity, "name": step.name, "type": step.type, "typeVersion": 1,
                    "position": [column * 200, row * 200], "parameters": step.parameters, **step.more,
                }
            )  # fmt: skip
        for step, following in pairwise(chain):
            target = {"node": following.name, "type": "main", "index": 0}
            connections[step.name] = {"main": [[target]]}
    return {
        "id": id, "name": id, "active": False, "nodes": nodes, "connections": connections,
        "settings": {"executionOrder": "v1"},
    }  # fmt: skip


def example(id: str, told: str) -> dict[str, Any]:
    """The one that we give away, for the node as it is here; where it does nothing, it tells the test."""
    made: dict[str, Any] = json.loads((NODE_PACKAGE / "example.json").read_text())
    for node in made["nodes"]:
        kind = node["type"].rpartition(".")[2]
        if kind == "noOp":
            step = Step.told(told, node["name"].lower().replace(" ", "-"))
            node |= {"type": step.type, "parameters": step.parameters, **step.more}
        if kind == "placet":
            step = Step.ours(node["name"], **node["parameters"])
            node |= {"type": step.type, **step.more}
    return made | {"id": id, "active": False}
