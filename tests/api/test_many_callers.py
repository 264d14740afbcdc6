"""One `placet serve` with more callers than threads, and more bytes than it likes to hold: pages are answered
meanwhile, and it holds no more of what it is sent than it says."""

import base64
import json
import re
import selectors
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from placet.api.waiting import COME_BACK, MOST_WAITING
from tests.installation import PATIENCE, Installation, Serving, copied
from tests.test_complete import ROOT

pytestmark = pytest.mark.any_database
CALLERS = 500
MB = 1024 * 1024
#: Of one call with 20 MB of files: its body, the text of it, its values, its files, and what the database is given.
MOST_HELD = 300 * MB
PREPARE = """
from placet.accounts.addresses import add_person
from placet.api import keys
from placet.approvals.processes import publish
from tests.making import FORM, one_step
bob = add_person("Bob Manager", "bob@contoso.example")
alice = add_person("Alice Requester", "alice@contoso.example", manager=bob)
papers = {"name": "papers", "label": "Papers", "type": "files"}
publish({**one_step([{"manager": True}]), "form": [*FORM, papers]})
print(keys.make(alice, "ERP", ["requests:write", "requests:read"], by=alice)[1])
"""


class Answer(NamedTuple):
    status: int
    headers: Any
    json: Any


class Served(NamedTuple):
    """A running Placet, and a key of somebody who may ask there."""

    serving: Serving
    key: str

    def open(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.serving.port, timeout=PATIENCE)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        connection = self.open()
        about = {name.replace("_", "-"): value for name, value in headers.items()}
        about |= {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), about)
        try:
            return read(connection.getresponse())
        finally:
            connection.close()

    def start(self, number: int, **files: list[bytes]) -> Answer:
        sent = {
            name: [
                {"name": f"{at}.pdf", "content": base64.b64encode(one).decode()}
                for at, one in enumerate(some)
            ]
            for name, some in files.items()
        }
        body = {"process": "one-step", "data": {"item": f"Desk {number}", "amount": 900}, "files": sent}
        return self.call("POST", "/requests", body, Idempotency_Key=f"desk-{number}")

    def memory(self, name: str) -> int:
        """Bytes, of what the kernel counts: VmRSS now, VmHWM at most."""
        status = Path(f"/proc/{self.serving.process.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024


def read(response: HTTPResponse) -> Answer:
    return Answer(response.status, response.headers, json.loads(response.read() or b"null"))


@pytest.fixture(scope="module")
def served(begun: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with copied(begun, tmp_path_factory.mktemp("many") / "data") as installation:
        prepared = subprocess.run(
            [sys.executable, "-c", f"import django; django.setup()\n{PREPARE}"],
            env=installation.environment | {"DJANGO_SETTINGS_MODULE": "placet.settings", "PYTHONPATH": str(ROOT)},
            cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True,
        )  # fmt: skip
        with installation.serve() as serving:
            yield Served(serving, prepared.stdout.splitlines()[-1])


def test_500_who_wait_at_once_leave_pages_answered(served: Served) -> None:
    """They keep their connections, as programs do. Whoever is one too many is told when to come back while the others
    still wait; a page is answered meanwhile."""
    request = served.start(1)
    assert request.status == 201, request.json
    path = f"/requests/{request.json['id']}"
    with ExitStack() as stack:
        callers = [stack.enter_context(closing(served.open())) for _at in range(CALLERS)]
        for caller in callers:
            caller.request("GET", f"/api/v1{path}?wait=50", headers={"Authorization": f"Bearer {served.key}"})
        page = stack.enter_context(closing(served.open()))
        page.request("GET", "/accounts/login/")
        assert page.getresponse().status == 200
        waiting = _not_answered(callers)
        assert waiting, "nobody waited any more when the page was answered"
        while len(waiting) > MOST_WAITING:  # whoever came last is about to be told
            waiting = _not_answered(waiting)
        told = [read(caller.getresponse()) for caller in callers if caller not in waiting]
        assert {(one.status, one.json["state"]) for one in told} == {(200, "open")}
        # On a very busy machine the first ones may have waited to the end, and others took their places.
        assert len([one for one in told if one.headers["Retry-After"] == str(COME_BACK)]) > 0.9 * CALLERS
        withdrawn = served.call("POST", f"{path}/withdraw", {}, If_Match=f'"{request.json["sequence"]}"')
        assert withdrawn.status == 200, withdrawn.json
        assert {read(caller.getresponse()).json["state"] for caller in waiting} == {"withdrawn"}


def _not_answered(callers: list[HTTPConnection]) -> list[HTTPConnection]:
    """Those that nothing has come for, so far."""
    with selectors.DefaultSelector() as selector:
        for caller in callers:
            selector.register(caller.sock, selectors.EVENT_READ, caller)
        answered = {id(key.data) for key, _events in selector.select(timeout=1)}
    return [caller for caller in callers if id(caller) not in answered]


def test_20_mb_of_files_are_taken_26_and_27_are_not_in_bounded_memory(served: Served) -> None:
    small = served.start(2, papers=[bytes(MB)])
    assert small.status == 201, small.json
    before = served.memory("VmRSS")
    taken = served.start(3, papers=[bytes(10 * MB), bytes(10 * MB)])
    assert taken.status == 201, taken.json
    assert [file["size"] for file in taken.json["files"]] == [10 * MB, 10 * MB]
    for at in range(4):
        refused = served.start(4 + at, papers=[bytes(9 * MB)] * 2 + [bytes((8 + at % 2) * MB)])
        assert (refused.status, refused.json["type"].rpartition("#")[2]) == (413, "too-large")
        # Of 27 MB the body alone is too large, and is not even parsed.
        assert ("25 MB together", "36 MB")[at % 2] in refused.json["detail"]
    assert served.memory("VmHWM") - before < MOST_HELD
    titles = {one["title"] for one in served.call("GET", "/requests").json["items"]}
    assert "Desk 3" in titles and not titles & {f"Desk {4 + at}" for at in range(4)}
