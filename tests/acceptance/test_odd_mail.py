"""Every odd and automatic mail of the corpora, as it is and grafted into a proved reply: nothing stops the
mails behind it, and what a program wrote decides nothing."""

from pathlib import Path

import pytest

from placet.mail.models import IncomingMail
from tests.acceptance.test_corpora_parse import CODE, grafted
from tests.journeys.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("way", ["graph", "ews"])]

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora"


def _mails(folder: str) -> list[bytes]:
    found = [
        path.read_bytes()
        for path in sorted((CORPORA / folder).rglob("*"))
        if path.is_file() and not path.name.startswith("LICENSE")
    ]
    assert len(found) > 100
    return found


def _grafted(raw: bytes, reply_to: str) -> bytes:
    """The mail with Bob's From, a valid reply code and Exchange's stamp in place of its own."""
    code = reply_to.partition("+")[2].partition("@")[0]
    return grafted(raw).replace(CODE.encode(), code.encode(), 1).replace(b"ann@", b"bob@", 1)


@pytest.mark.parametrize("folder", ["malformed", "automatic"])
@pytest.mark.parametrize("grafted", [False, True], ids=["as it is", "grafted"])
def test_the_mails_behind_are_handled(world: World, folder: str, grafted: bool) -> None:
    _, asked = world.asked(item="Grafted into")
    _, other = world.asked(item="Behind")
    for raw in _mails(folder):
        world.sandbox.place("approvals", _grafted(raw, asked.header("Reply-To") or "") if grafted else raw)
    world.sandbox.reply_as("bob", other.id, "approve")
    world.run_until_quiet()
    states = set(IncomingMail.objects.values_list("state", flat=True))
    assert states <= {"handled", "set_aside", "duplicate"}
    assert world.decisions() == [("Bob", "approve")]
    assert "Approved: Behind" in world.subjects("bob")
    if not grafted:
        assert {s for s in world.subjects("bob") if s.startswith("Not applied")} == set()


HUGE = {
    "nested 1,500 deep": lambda: b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(1500)
    ),
    "a header of 5 MB": lambda: b"X-Long: " + b"x" * 5_000_000 + b"\r\n\r\napprove\r\n",
    "a subject of 100,000 encoded words": lambda: (
        b"Subject: " + b"=?utf-8?q?x?=\r\n " * 100_000 + b"\r\n\r\napprove\r\n"
    ),
    "30 MB": lambda: (
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + b"QUJD" * 19 * 400_000
        + b"\r\n--b--\r\n"
    ),
}


@pytest.mark.parametrize("what", HUGE)
def test_huge_mail_is_handled_and_does_not_decide(world: World, what: str) -> None:
    _, asked = world.asked(item="Huge")
    _, other = world.asked(item="Behind")
    raw = _grafted(HUGE[what](), asked.header("Reply-To") or "")
    world.sandbox.place("approvals", raw)
    world.sandbox.reply_as("bob", other.id, "approve")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]
