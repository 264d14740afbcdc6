"""The record verified in ranges: nothing is missed between them, by whomever they are read, and wherever it went on."""

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from placet.accounts.models import Person
from placet.approvals import evidence, verification
from placet.approvals.models import Counter, Request
from placet.approvals.verification import Notes, Verified, findings, verify_ranges
from placet.audit import chain, mac
from placet.audit.models import AuditEntry, ChainHead
from tests.installation import Installation, copied
from tests.making import SAMPLE, start, values

pytestmark = pytest.mark.django_db


@pytest.fixture
def requests(alice: Person, bob: Person) -> list[Request]:
    return [start(values(SAMPLE), alice, "100") for _ in range(7)]


def _spoil(requests: list[Request]) -> None:
    """Two chains, a row, and a record that is gone."""
    AuditEntry.objects.filter(request=requests[0], seq=2).update(who="somebody")
    Request.objects.filter(pk=requests[3].pk).update(title="Another")
    AuditEntry.objects.filter(request=requests[6], seq=1).update(who="somebody")
    AuditEntry.objects.filter(request=requests[5]).delete()
    ChainHead.objects.filter(request=requests[5]).delete()


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_ranges_find_what_one_look_finds(
    size: int, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "A_RANGE", size)
    assert list(findings()) == []
    _spoil(requests)
    broken = sorted(chain.verify(), key=lambda link: link.request_id or 0)
    differing = list(evidence.compare(but={link.request_id for link in broken if link.request_id}))
    assert (len(broken), len(differing)) == (3, 1)
    assert list(findings()) == list(verification.in_words(broken, differing))


def test_counts_are_those_of_all(requests: list[Request], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "A_RANGE", 2)
    verified, seen = Verified(), []
    verify_ranges(verified, 1, lambda so_far: seen.append(so_far.until))
    assert (verified.chains, verified.entries) == (7, AuditEntry.objects.exclude(request=None).count())
    assert seen == sorted(seen) and seen[-1] >= requests[-1].pk
    assert verified.without_mac == 0
    AuditEntry.objects.filter(request=requests[0]).update(mac=None)
    verified = Verified()
    verify_ranges(verified, 1)
    assert verified.without_mac == AuditEntry.objects.filter(request=requests[0]).count()


def test_what_was_stopped_goes_on_behind_what_was_read(
    requests: list[Request], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "A_RANGE", 1)
    _spoil(requests)
    whole = list(findings())
    notes, verified = Notes(tmp_path), Verified()
    assert notes.read() is None

    def stop(so_far: Verified) -> None:
        if so_far.until >= requests[3].pk:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify_ranges(verified, 1, stop)
    notes.write(verified)
    known = Notes(tmp_path).read()
    assert known is not None and known.until == requests[3].pk
    read: list[int] = []
    look = verification.verify_range

    def looking(first: int, last: int) -> Verified:
        read.append(first)
        return look(first, last)

    monkeypatch.setattr(verification, "verify_range", looking)
    verify_ranges(known, 1)
    assert read[0] == requests[4].pk
    assert list(findings(known)) == whole
    notes.forget()
    assert Notes(tmp_path).read() is None


@pytest.mark.parametrize("number", [-(2**63), -1, 0, 2**63 - 1])
def test_a_request_with_a_number_that_the_database_gives_none_is_found(
    number: int, requests: list[Request]
) -> None:
    forged = Request.objects.get(pk=requests[0].pk)
    forged.pk, forged.public_id, forged.number = number, uuid.uuid4(), 8
    forged.save(force_insert=True)
    Counter.objects.update(last=8)
    assert list(findings()) == ["Request 8: broken at entry 1: entry 1 is missing"]
    assert [link.request_id for link in chain.verify()] == [number]


def test_what_came_after_the_end_is_read_by_who_goes_on_from_there(
    requests: list[Request], alice: Person, tmp_path: Path
) -> None:
    """It was stopped when all was read, and before it was said."""
    notes, verified = Notes(tmp_path), Verified()
    verify_ranges(verified, 1)
    assert verified.until == requests[-1].pk
    notes.write(verified)
    later = start(values(SAMPLE), alice, "100")
    AuditEntry.objects.filter(request=later, seq=2).update(who="somebody")
    known = Notes(tmp_path).read()
    assert known is not None
    verify_ranges(known, 1)
    assert known.broken == [later.pk]
    assert (known.chains, known.entries) == (8, AuditEntry.objects.exclude(request=None).count())


def test_notes_are_gone_on_from_for_a_day(tmp_path: Path) -> None:
    with time_machine.travel(timezone.now() - timedelta(hours=23, minutes=59), tick=False):
        Notes(tmp_path).write(Verified(until=5))
    known = Notes(tmp_path).read()
    assert known is not None and known.until == 5
    with time_machine.travel(timezone.now() - timedelta(days=1, minutes=1), tick=False):
        Notes(tmp_path).write(Verified(until=5))
    assert Notes(tmp_path).read() is None


def _spoilt(noted: dict[str, Any]) -> Iterator[Any]:
    """What somebody without the key can write there."""
    yield noted | {"began": (timezone.now() + timedelta(minutes=1)).isoformat()}
    yield noted | {"verified": noted["verified"] | {"until": 10**9}}
    yield noted | {"verified": noted["verified"] | {"broken": []}}
    yield noted | {"verified": {"since": 5}}
    yield noted | {"mac": None}
    yield noted | {"mac": mac.newest().mac("entry", {name: noted[name] for name in ("began", "verified")})}
    yield noted | {"mac": mac.Key(b"another's").mac("notes", {"began": noted["began"]})}
    yield {name: value for name, value in noted.items() if name != "mac"}
    yield [noted]


def _of_another_version(noted: dict[str, Any]) -> dict[str, Any]:
    said = {"began": noted["began"], "verified": {"since": 5}}
    return said | {"mac": mac.newest().mac(verification.NOTES, said)}


def test_what_cannot_be_gone_on_from_is_not(tmp_path: Path) -> None:
    notes = Notes(tmp_path)
    notes.write(Verified(until=5, broken=[3]))
    noted = json.loads(notes.file.read_text())
    for spoilt in ("{", "", *map(json.dumps, [*_spoilt(noted), _of_another_version(noted)])):
        notes.file.write_text(spoilt)
        assert Notes(tmp_path).read() is None, spoilt
    notes.file.write_text(json.dumps(noted))
    assert Notes(tmp_path).read() == Verified(until=5, broken=[3])


# --- the command ------------------------------------------------------------------------------------------

#: What the command says, as it says it: one after the other in one process, since each would load all of Placet anew.
_COMMANDS = """
import contextlib, io, json
from placet import cli
from placet.accounts.addresses import add_person
from placet.approvals import engine
from placet.approvals.models import Request
from placet.approvals.processes import publish
from placet.commands.process import SAMPLES

def verified(*words):
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = cli.main(["audit", "verify", *words])
    return code, output.getvalue(), errors.getvalue()

version = publish((SAMPLES / "purchase.yaml").read_text())
bob = add_person("Bob", "bob@contoso.example")
alice = add_person("Alice", "alice@contoso.example", manager=bob)
for number in range(5):
    engine.start(version, alice, {"item": "Desk", "amount": "10"})
alone, by_two = verified(), verified("--jobs", "2")
Request.objects.filter(number=3).update(title="x")
print(json.dumps([alone, by_two, verified("--jobs", "2"), verified("--continue")]))
"""


def test_several_processes_say_what_one_says(begun: Installation, tmp_path: Path) -> None:
    with copied(begun, tmp_path / "data") as ours:
        alone, by_two, spoilt, going_on = json.loads(
            ours.good("django", "shell", "-c", _COMMANDS).splitlines()[-1]
        )
        code, text, _errors = alone
        assert code == 0
        assert "5 chains with " in text or "6 chains with " in text
        assert by_two[:2] == alone[:2]
        code, text, _errors = spoilt
        assert (code, text.count("Request 3:")) == (1, 1)
        assert "nothing to go on from" in going_on[2]
        assert not (tmp_path / "data" / "audit-verify.json").exists()
