"""`placet mailbox` for kinds other than Exchange Online."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from placet.mailboxes import pool
from placet.mailboxes.base import FixNeeded, Half
from placet.mailboxes.models import Mailbox
from tests.commands.conftest import Run
from tests.mailboxes.paper_kinds import with_paper_kinds

NAMED = (
    "--username",
    "office@contoso.example",
    "--letter-host",
    "post.example.org",
    "--courier-host",
    "out.example.org",
)


@pytest.fixture(autouse=True)
def _paper() -> Iterator[None]:
    with with_paper_kinds():
        yield


def test_a_mailbox_of_two_kinds_is_set_up_shown_and_changed(placet: Run) -> None:
    wrong = placet("mailbox", "set", "--kind", "letter", *NAMED, "--courier-port", "0", stdin="one\ntwo\n")
    assert wrong.code == 1
    assert "Port of courier (--courier-port): Enter a whole number from 1 to 65535." in wrong.error
    saved = placet("mailbox", "set", "--kind", "letter", *NAMED, stdin="one-secret\ntwo-secret\n")
    assert saved.code == 0, saved.error
    mailbox = Mailbox.objects.get()
    assert (mailbox.kind, mailbox.sending_kind) == ("letter", "courier")
    assert mailbox.secrets == {"letter_password": "one-secret", "courier_password": "two-secret"}
    changed = placet("mailbox", "set", "--letter-port", "143", stdin="")
    assert changed.code == 0, changed.error
    mailbox.refresh_from_db()
    assert mailbox.settings["letter_port"] == 143
    assert mailbox.secrets["letter_password"] == "one-secret"
    shown = placet("mailbox", "show").out
    assert "Letters and couriers" in shown
    assert "Couriers" in shown
    assert shown.count("(never shown)") == 2
    assert "secret" not in shown.replace("(never shown)", "").lower()


def test_which_half_does_not_work_is_shown_with_cause_and_cure(placet: Run) -> None:
    saved = placet("mailbox", "set", "--kind", "letter", *NAMED, stdin="one-secret\ntwo-secret\n")
    assert saved.code == 0, saved.error
    assert "Not working" not in placet("mailbox", "show").out

    def fails(half: Half) -> None:
        error = FixNeeded("The password is wrong.", "Enter it again.")
        error.half = half
        pool.failed(Mailbox.objects.get(), error)

    fails(Half.SENDING)
    assert (
        "Not working: Sending rests; replies are read all the same. The password is wrong. Enter it again."
        in placet("mailbox", "show").out
    )
    fails(Half.RECEIVING)
    shown = placet("mailbox", "show").out
    for words in ("Reading rests.", "Sending rests."):
        assert f"Not working: {words} The password is wrong. Enter it again." in shown


def test_a_file_that_is_not_there_is_said(placet: Run, tmp_path: Path) -> None:
    options = ("--kind", "exchange-server", "--exchange-authorities", str(tmp_path / "ca.pem"))
    assert "ca.pem cannot be read" in placet("mailbox", "set", *options, stdin="").error
    (tmp_path / "ca.pem").write_text("no certificate")
    answer = placet("mailbox", "set", *options, "--exchange-server", "mail.contoso.com", stdin="")
    assert "Certificate authority (--exchange-authorities)" in answer.error
