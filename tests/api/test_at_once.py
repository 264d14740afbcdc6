"""Two processes that get the same call at the same time: it takes effect once, and both say so."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installation import PATIENCE, Installation, copied
from tests.test_complete import ROOT

NUMBER = 25
ALLOWED_TO_START = 8.0  # seconds until both have loaded all they need
PREPARE = """
from placet.accounts.addresses import add_person
from placet.api import keys
from placet.approvals.processes import publish
from tests.making import one_step
bob = add_person("Bob Manager", "bob@contoso.example")
alice = add_person("Alice Requester", "alice@contoso.example", manager=bob)
publish(one_step([{"manager": True}]))
print(keys.make(alice, "ERP", ["requests:write", "requests:read"], by=alice)[1])
"""
COUNT = """
from placet.api.models import IdempotentCall
from placet.approvals.models import Request
from placet.approvals.verification import findings
print(Request.objects.count(), IdempotentCall.objects.count(), list(findings()))
"""


@pytest.fixture
def installation(begun: Installation, tmp_path: Path) -> Iterator[Installation]:
    with copied(begun, tmp_path / "data") as made:
        yield made


def _python(installation: Installation, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *words],
        env=installation.environment | {"DJANGO_SETTINGS_MODULE": "placet.settings", "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def _said(installation: Installation, script: str) -> str:
    process = _python(installation, "-c", f"import django; django.setup()\n{script}")
    said, _nothing = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    return said.strip()


@pytest.mark.postgresql
def test_two_processes_with_one_idempotency_key_start_one_request(installation: Installation) -> None:
    key = _said(installation, PREPARE).splitlines()[-1]
    moment = str(time.time() + ALLOWED_TO_START)
    both = [
        _python(installation, "-m", "tests.api.starting_at_once", key, moment, str(NUMBER))
        for _at in range(2)
    ]
    answers = []
    for process in both:
        said, _nothing = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        answers.append([json.loads(line) for line in said.splitlines() if line.startswith("[")])
    first, second = answers
    assert first == second
    assert [status for status, _id in first] == [201] * NUMBER
    assert len({id_ for _status, id_ in first}) == NUMBER
    assert _said(installation, COUNT) == f"{NUMBER} {NUMBER} []"
