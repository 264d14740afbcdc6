"""Checkpoints: what was kept elsewhere finds what the database can no longer show."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from placet import cli
from placet.accounts.models import Person
from placet.approvals.models import Request
from placet.audit import chain, checkpoints, mac
from placet.audit.checkpoints import compare, keep, make, read, read_file
from placet.audit.models import AuditEntry, Checkpoint
from tests.making import SAMPLE, start

pytestmark = pytest.mark.django_db

DAY = datetime(2026, 11, 27, 4, 30, 15, 999, tzinfo=UTC)


@pytest.fixture
def request_(alice: Person, bob: Person) -> Request:
    """Three entries, and three of the installation: its process was published."""
    request = start(SAMPLE, alice)
    with transaction.atomic():
        chain.append_of_installation("system", {"event": "x"})
        chain.append_of_installation("system", {"event": "y"})
    return request


def text() -> str:
    return make(DAY).checkpoint.text


def test_it_is_six_lines(request_: Request) -> None:
    lines = text().splitlines()
    last = AuditEntry.objects.order_by("-pk")[0]
    assert lines[0] == mac.origin()
    assert lines[1] == "6"
    assert lines[3:] == [f"entry {last.pk}", "at 2026-11-27T04:30:15Z", f"installation 3 {last.hash}"]
    assert read(text()) == [make(DAY).checkpoint]


def test_of_nothing(db: None) -> None:
    assert text().splitlines()[1:4:2] == ["0", "entry 0"]
    assert list(compare(read(text()))) == []


def test_a_record_that_goes_on_holds_what_it_was(request_: Request, alice: Person) -> None:
    seen = read(text())
    start(SAMPLE, alice)
    with transaction.atomic():
        chain.append(request_.pk, "system", {"event": "x"})
    assert list(compare(seen)) == []
    assert make(DAY).checkpoint.size == 11


def test_the_next_one_goes_on_from_the_one_that_was_kept(request_: Request, alice: Person) -> None:
    assert keep(make(DAY))
    start(SAMPLE, alice)
    next_day = make(DAY + timedelta(days=1))
    Checkpoint.objects.all().delete()
    assert make(DAY + timedelta(days=1)) == next_day


def test_one_a_day(request_: Request, alice: Person) -> None:
    assert keep(make(DAY))
    start(SAMPLE, alice)
    assert not keep(make(DAY + timedelta(hours=3)))
    assert keep(make(DAY + timedelta(days=1)))
    assert list(compare()) == []
    assert [one.size for one in checkpoints.kept()[0]] == [6, 10]


@pytest.mark.parametrize("what", ["text", "peaks", "mac", "odd peaks"])
def test_it_does_not_go_on_from_what_placet_did_not_write(what: str, request_: Request) -> None:
    right = make(DAY)
    keep(right)
    row = Checkpoint.objects.get()
    row.text = row.text.replace("\n6\n", "\n5\n") if what == "text" else row.text
    row.peaks = [row.peaks[-1]] if what == "peaks" else ["x"] if what == "odd peaks" else row.peaks
    row.mac = "0" * 73 if what == "mac" else row.mac
    row.save()
    assert make(DAY) == right
    assert bool(list(compare())) == (what in ("text", "mac"))


def _rewritten(request: Request) -> None:
    AuditEntry.objects.filter(request=request, seq=2).update(hash="0" * 64)


def _gone(request: Request) -> None:
    AuditEntry.objects.filter(request=request, seq=3).delete()


def _put_in(request: Request) -> None:
    entry = AuditEntry.objects.get(request=request, seq=3)
    entry.pk, entry.seq = -5, 4
    entry.save(force_insert=True)


def _cut(request: Request) -> None:
    AuditEntry.objects.filter(request=None, seq=3).delete()


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (
            _rewritten,
            "The checkpoint of 2026-11-27T04:30:15Z says otherwise of its 6 entries: one of these was changed",
        ),
        (_gone, "The checkpoint of 2026-11-27T04:30:15Z has 6 entries, and there are 5: at least 1 are gone"),
        (_put_in, "The checkpoint of 2026-11-27T04:30:15Z says otherwise of its 6 entries"),
        (_cut, "entry 3 of the installation's own chain is gone"),
    ],
)
def test_what_was_done_since_is_said(tamper: Callable[[Request], None], said: str, request_: Request) -> None:
    seen = read(text())
    tamper(request_)
    assert said in " ".join(compare(seen))


def test_it_says_after_which_one_the_record_was_changed(request_: Request, alice: Person) -> None:
    first = read(text())
    request = start(SAMPLE, alice)
    second = read(make(DAY + timedelta(days=1)).checkpoint.text)
    _rewritten(request)
    assert list(compare([*second, *first])) == [
        "The checkpoint of 2026-11-28T04:30:15Z says otherwise of its 10 entries: one after the first 6 was changed, "
        "removed or put in"
    ]


def test_an_installation_that_was_rewritten_is_said(request_: Request) -> None:
    seen = read(text())
    AuditEntry.objects.filter(request=None, seq=3).update(hash="0" * 64)
    assert any("entry 3 of the installation's own chain is another one" in said for said in compare(seen))


def test_one_of_another_installation_is_said(request_: Request) -> None:
    other = read(text().replace(mac.origin(), "placet/00000000"))
    assert list(compare(other)) == [
        "The checkpoint of 2026-11-27T04:30:15Z is of another installation: placet/00000000, "
        f"and this is {mac.origin()}"
    ]


# --- where they are kept ----------------------------------------------------------------------------------


def test_it_is_found_wherever_it_was_kept(request_: Request) -> None:
    printed = text()
    one = read(printed)
    line = json.dumps({"event": "audit_checkpoint", "level": "info", "checkpoint": printed})
    quoted = "".join(f"> {part}\r\n" for part in printed.splitlines())
    hidden = printed.replace("\n", "\u200b\n")
    for kept in (
        printed,
        f"x\n{printed}\ny",
        line,
        f"Nov 28 placet[7]: {line}",
        quoted,
        hidden,
        f"<p>{printed}</p>",
    ):
        assert read_file(kept.encode()) == one, kept
    assert read_file(f"{printed}\n\n{printed}".encode()) == one * 2


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe\x00", b'{"checkpoint": 1}', b'{"checkpoint"', b'"checkpoint" [1]',
        b"MIME-Version: 1.0\n\nhello",
        b"placet/1a2b3c4d\n5\n" + b"A" * 43 + b"=\nentry 1\nat 2026-13-99T04:30:15Z\ninstallation 0 " + b"0" * 64,
    ],
)  # fmt: skip
def test_what_is_none_is_none(content: bytes) -> None:
    assert read_file(content) == []


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = cli.main(["audit", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_prints_one_and_verifies_with_it(
    request_: Request, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "seen.txt"
    code, printed, _error = run(capsys, "checkpoint")
    assert code == 0 and len(read(printed)) == 1
    file.write_text(printed)
    code, out, _error = run(capsys, "verify", "--seen", str(file))
    assert code == 0 and out.endswith("All of it is as 1 checkpoints say.\n")
    assert run(capsys, "verify", str(request_.number), "--seen", str(file))[0] == 0
    _gone(request_)
    code, out, _error = run(capsys, "verify", "--seen", str(file))
    assert code == 1 and "6 entries, and there are 5: at least 1 are gone." in out


def test_a_file_without_one_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for file, said in (
        (empty, "There is no checkpoint in"),
        (tmp_path / "none", "cannot be read: No such file"),
    ):
        code, _out, error = run(capsys, "verify", "--seen", str(file))
        assert code == 1 and said in error


@pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="ids are given before they are committed there only"
)
@pytest.mark.django_db(transaction=True)
def test_it_waits_for_whoever_has_an_id_already(alice: Person, bob: Person) -> None:
    from django.db import connections

    request = start(SAMPLE, alice)
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT nextval(pg_get_serial_sequence('audit_auditentry', 'id'))")
        cursor.execute("LOCK TABLE audit_auditentry IN ROW EXCLUSIVE MODE")
        with pytest.raises(checkpoints.Busy):
            make(timezone.now())
        cursor.execute("ROLLBACK")
    other.close()
    assert make(timezone.now()).checkpoint.size == AuditEntry.objects.count()
    assert request.pk and connection.vendor == "postgresql"
