"""`/readyz`: whether Placet can do its work; what is missing is told on this machine only."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as ours
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from placet.lib import keys, migration_names
from placet.lib.proxies import NEARBY, from_this_machine, see_who_asks
from placet.mailboxes.models import Mailbox

FAR = "203.0.113.9"


def ready(client: Client, **more: Any) -> tuple[int, str]:
    answer = client.get("/readyz", **more)
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert not answer.cookies and "no-store" in answer.headers["Cache-Control"]
    return answer.status_code, answer.content.decode()


@pytest.fixture
def copied_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    keys.ensure_keys(tmp_path / "keys", None)
    monkeypatch.setattr(ours.PLACET, "data_dir", tmp_path)
    return tmp_path / "keys"


def test_it_is_ready_whatever_a_mailbox_does(mailbox: Mailbox, client: Client) -> None:
    Mailbox.objects.update(trouble={"cause": "away", "fix_needed": True})
    assert ready(client) == ready(client, REMOTE_ADDR=FAR) == (200, "ready\n")


def test_tables_of_an_older_version_are_not_ready(db: None, client: Client) -> None:
    MigrationRecorder.Migration.objects.filter(app="mail", name="0003_via").delete()
    assert ready(client) == (503, "not ready\nmigrations\n")
    assert ready(client, REMOTE_ADDR=FAR) == (503, "not ready\n")


def test_tables_of_a_newer_version_are_no_reason(db: None, client: Client) -> None:
    MigrationRecorder(connection).record_applied("mail", "9999_later")
    assert ready(client) == (200, "ready\n")


def test_a_database_that_is_away_is_not_ready(
    db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_connection: object) -> set[tuple[str, str]]:
        raise OperationalError("could not connect to db.internal")

    monkeypatch.setattr(migration_names, "applied", away)
    assert ready(client) == (503, "not ready\ndatabase\n")
    assert ready(client, REMOTE_ADDR=FAR) == (503, "not ready\n")


@pytest.mark.parametrize(
    ("file", "how"),
    [
        (file, how)
        for file in (keys.SECRET_FILE, keys.ENCRYPTION_FILE, keys.AUDIT_FILE)
        for how in ("gone", "empty", "damaged")
        if (file, how) != (keys.SECRET_FILE, "damaged")  # any words are one
    ],
)
def test_a_key_that_cannot_be_read_is_not_ready(
    file: str, how: str, copied_keys: Path, db: None, client: Client
) -> None:
    assert ready(client) == (200, "ready\n")
    path = copied_keys / file
    if how == "gone":
        path.unlink()
    else:
        path.write_text("" if how == "empty" else "no key\n")
    assert ready(client) == (503, "not ready\nkeys\n")
    assert ready(client, REMOTE_ADDR=FAR) == (503, "not ready\n")


@pytest.mark.parametrize(
    ("environ", "trusted", "here"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, "", True),
        ({"REMOTE_ADDR": "::1"}, "", True),
        ({"REMOTE_ADDR": "::ffff:127.0.0.1"}, "", True),
        ({"REMOTE_ADDR": "10.0.0.7"}, NEARBY, False),
        ({"REMOTE_ADDR": FAR}, "", False),
        ({"REMOTE_ADDR": ""}, "", False),
        ({"REMOTE_ADDR": "localhost"}, "", False),
        # Through a proxy on this machine, trusted or not, whatever it is told.
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": FAR}, "", False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": FAR}, NEARBY, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}, NEARBY, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": ""}, "", False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=127.0.0.1"}, "", False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_PROTO": "https"}, NEARBY, False),
    ],
)
def test_who_sits_on_this_machine(environ: dict[str, str], trusted: str, here: bool) -> None:
    seen: dict[str, Any] = dict(environ)
    see_who_asks(seen, trusted)
    assert from_this_machine(seen) is here
