"""The sandbox as a process of its own, so that it does not share an interpreter with what is measured."""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import requests

DOMAIN = "contoso.example"
APPROVALS = f"approvals@{DOMAIN}"


class Place(Protocol):
    """Where Placet's mailbox is, and people who write to it. `proof`: of them, that its server gives."""

    proof: str

    def add_mailbox(self, address: str, name: str) -> None: ...

    def send_as(self, address: str, raw: bytes) -> None:
        """To Placet, by somebody who is signed in."""

    def connect(self, way: str) -> None:
        """Placet's mailbox is connected, and active."""


class Tenant:
    """What is done to a running `placet sandbox` through its control API."""

    proof = "colleague"

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.url = str(state["url"])
        self.ews_url = str(state["ews_url"])
        self.graph_url = str(state["graph_url"])
        self.token_url = str(state["token_url"])
        self.tenant_id = str(state["tenant_id"])
        self.client_id = str(state["client_id"])
        self.client_secret = str(state["client_secret"])
        self.scopes = {"ews": str(state["scope"]), "graph": str(state["graph_scope"])}
        self._control = str(state["control_url"])
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {state['control_password']}"

    def add_mailbox(self, address: str, name: str) -> None:
        self._post("mailboxes", {"address": address, "name": name})

    def send_as(self, address: str, raw: bytes) -> None:
        self._post("send", {"mailbox": address, "raw": base64.b64encode(raw).decode()})

    def connect(self, way: str) -> None:
        """Through Microsoft Graph ("graph") or Exchange Web Services ("ews")."""
        from placet.mailboxes import store

        store.save(
            {
                "protocol": way,
                "server_address": self.url,
                "username": APPROVALS,
                "client_id": self.client_id,
                "token_uri": self.token_url,
                "active": True,
                "since": "2020-01-01T00:00:00+00:00",
            },
            secrets={"client_secret": self.client_secret},
            by="a benchmark",
        )

    def inbox(self) -> int:
        """How many mails wait."""
        answer = self._session.get(f"{self._control}/mails", params={"mailbox": APPROVALS}, timeout=60)
        answer.raise_for_status()
        return len(answer.json())

    def _post(self, call: str, given: Mapping[str, Any]) -> None:
        answer = self._session.post(f"{self._control}/{call}", json=given, timeout=60)
        if not answer.ok:
            raise RuntimeError(f"The sandbox refused {call}: {answer.text}")


@contextmanager
def tenant() -> Iterator[Tenant]:
    """A new tenant with the mailbox that requests go through."""
    with tempfile.TemporaryDirectory(prefix="placet-bench-tenant-") as folder:
        state = Path(folder) / "state.json"
        process = subprocess.Popen(
            [command(), "sandbox", "--domain", DOMAIN, "--mailbox", "approvals", "--state", str(state)],
            env=environment(Path(folder) / "data"),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise RuntimeError("The sandbox did not start.")
            yield Tenant(json.loads(state.read_text()))
        finally:
            process.terminate()
            process.communicate(timeout=30)


def command() -> Path:
    return Path(sys.executable).with_name("placet")


def environment(data: Path) -> dict[str, str]:
    """The environment of a `placet` process with a data folder of its own."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = data / "placet.toml"
    config.touch()
    others = {name: value for name, value in os.environ.items() if not name.startswith("PLACET_")}
    return {
        **others,
        "PLACET_DATA_DIR": str(data),
        "PLACET_CONFIG": str(config),
        "PLACET_LISTEN": "127.0.0.1:0",
        "PLACET_LOG_LEVEL": "warning",
    }
