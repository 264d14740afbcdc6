"""`placet key`: a key is made, used, listed, rotated and revoked without the pages."""

import pytest

from placet.accounts.models import Person
from placet.api import keys
from placet.api.models import Key
from placet.approvals.processes import publish
from placet.audit.models import AuditEntry
from tests.commands.conftest import Run
from tests.making import SAMPLE, values


def test_a_key_is_made_listed_rotated_and_revoked(placet: Run, bob: Person) -> None:
    publish(values(SAMPLE))
    made = placet(
        "key", "make", bob.email, "ERP", "--scope", "requests:write", "--scope", "requests:read",
        "--process", "purchase", "--proof", "page", "--last-day", "2999-12-31",
    )  # fmt: skip
    assert made.code == 0, made.error
    text, line, signing, _once = made.out.splitlines()
    key = keys.presented(text)
    assert key is not None and (key.person, key.scopes) == (bob, ["requests:read", "requests:write"])
    assert key.floor == "page" and line.endswith(", proof: page")
    assert f"plc_{key.public}_…  ERP" in line and "until 2999-12-31 23:59 UTC, never used" in line
    assert "whsec_" in signing and text not in signing
    assert placet("key", "list", bob.email).out == f"{line}\n"

    rotated = placet("key", "rotate", f"plc_{key.public}", "--keep", "2")
    second = keys.presented(rotated.out.splitlines()[0])
    assert second is not None and second.replaces_id == key.pk and keys.presented(text) is not None
    assert "The old key is valid until" in rotated.out
    assert placet("key", "rotate", text).code == 1, "it was replaced already"

    assert placet("key", "revoke", text).out == "“ERP” of Bob Manager was revoked.\n"
    assert keys.presented(text) is None
    assert [one.split("_")[1] for one in placet("key", "list").out.splitlines()] == [second.public]
    assert "revoked" in placet("key", "list", "--all").out
    events = [entry.what["event"] for entry in AuditEntry.objects.filter(request=None).order_by("pk")]
    assert events[-3:] == [keys.MADE, keys.ROTATED, keys.REVOKED]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["make", "{bob}", "ERP", "--scope", "decisions:write"], "Only Bob Manager can make a key"),
        (
            ["make", "{bob}", "ERP", "--scope", "everything"],
            "There is no scope everything. There are requests:read,",
        ),
        (
            ["make", "{bob}", "ERP", "--scope", "requests:read", "--process", "none"],
            "There is no process none.",
        ),
        (
            ["make", "{bob}", "ERP", "--scope", "requests:read", "--last-day", "2001-01-01"],
            "This day is over.",
        ),
        (["make", "{bob}", "ERP", "--scope", "requests:read", "--last-day", "soon"], "Write the day as in"),
        (["make", "{bob}", "ERP", "--scope", "mail-log:read"], "an administrator"),
        (
            ["make", "{bob}", "ERP", "--scope", "requests:read", "--proof", "sure"],
            "There is no proof “sure”.",
        ),
        (["make", "nobody@contoso.example", "ERP", "--scope", "requests:read"], "There is nobody"),
        (["rotate", "plc_00000000"], "There is no key plc_00000000_…."),
        (["revoke", "x"], "There is no key plc_x_…."),
    ],
)
def test_what_cannot_be_done_is_said(placet: Run, bob: Person, words: list[str], why: str) -> None:
    ran = placet("key", *(word.format(bob=bob.email) for word in words))
    assert (ran.code, ran.out) == (1, "") and why in ran.error
    assert not Key.objects.exists()
