"""Odd mails in one mailbox, all in one go, over every kind: malformed, enormous and automatic ones, in odd charsets,
with odd headers; each as a stranger's, and as Bob's with a reply code. Each is judged once, none holds up another, and
the answers between them decide: plain ones, and those that are odd and clear all the same.

The corpora of others do the same in `tests/acceptance/test_odd_mail.py`.
"""

import base64
from collections.abc import Iterator, Mapping

import pytest

from placet.approvals.models import Decision
from placet.sandbox.server import Mail
from tests.journeys.conftest import World
from tests.journeys.odd import asks, delivered, grafted, head_of_answer, is_settled

EVERY_KIND = True

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600), pytest.mark.django_db]

HEAD = (
    "From: Somebody <somebody@mail.example>\r\nTo: approvals@contoso.example\r\nSubject: Odd\r\n"
    "MIME-Version: 1.0\r\n"
)
MULTIPART = 'Content-Type: multipart/mixed; boundary="b"\r\n'
TEXT = "Content-Type: text/plain; charset=utf-8\r\n"
LARGE = 10_000_000  # bytes


def mail(more: str, body: bytes = b"approve\r\n") -> bytes:
    """`more`: headers beside the usual ones."""
    return HEAD.encode() + more.encode("utf-8", "surrogateescape") + b"\r\n" + body


def nested(deep: int) -> bytes:
    parts = (
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (number, number)
        for number in range(deep)
    )
    return HEAD.encode() + b"".join(parts)


#: None of them decides, whoever wrote it.
ODD: Mapping[str, bytes] = {
    # malformed
    "no line between header and text": HEAD.encode() + b"approve this at once\r\n",
    "a header alone": HEAD.encode(),
    "no end": mail(MULTIPART, b"--b\r\nContent-Type: text/plain\r\n"),
    "a boundary that never comes": mail(MULTIPART, b"approve\r\n"),
    "an empty boundary": mail('Content-Type: multipart/mixed; boundary=""\r\n', b"--\r\n\r\napprove\r\n"),
    "no boundary": mail("Content-Type: multipart/mixed\r\n", b"--b\r\n\r\napprove\r\n--b--\r\n"),
    "base64 that is none": mail(f"{TEXT}Content-Transfer-Encoding: base64\r\n", b"!!approve!!\r\n"),
    "an unknown encoding": mail(f"{TEXT}Content-Transfer-Encoding: x-rot13\r\n", b"nccebir\r\n"),
    "a mail within a mail within": mail("Content-Type: message/rfc822\r\n", mail("Content-Type: message/rfc822\r\n")),
    "line ends of three sorts": mail(TEXT, b"What\rabout\nthis\r\n\rand this?\n\r"),
    "a NUL in the text": mail(TEXT, b"What is\0 it for?\r\n"),
    "a NUL in a header": mail(f"X-Nul: a\0b\r\n{TEXT}", b"What is it for?\r\n"),
    "a point alone": mail(TEXT, b"What?\r\n.\r\n..\r\nIs it for?\r\n"),
    "nothing that is a header": b"approve\r\n",
    # enormous
    "nested 1,500 deep": nested(1500),
    "a header of 2 MB": mail("X-Long: " + "x" * 2_000_000 + "\r\n", b"What is it for?\r\n"),
    "100,000 encoded words": mail("X-Words: " + "=?utf-8?q?x?=\r\n " * 100_000 + "\r\n", b"What is it for?\r\n"),
    "20,000 headers": mail("".join(f"X-{number}: y\r\n" for number in range(20_000)), b"What is it for?\r\n"),
    "a line of 1 MB": mail(TEXT, b"x" * 1_000_000 + b"\r\n"),
    "10,000 parts": mail(MULTIPART, b"--b\r\n\r\nx\r\n" * 10_000 + b"--b--\r\n"),
    "10 MB": mail(
        f"{MULTIPART}Content-Disposition: attachment\r\n",
        b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + (b"QUJD" * 19 + b"\r\n") * (LARGE // 78)
        + b"--b--\r\n",
    ),
    # automatic
    "an automatic reply": mail(f"Auto-Submitted: auto-replied\r\n{TEXT}"),
    "an automatic reply, by an older name": mail(f"X-Autoreply: yes\r\nPrecedence: auto_reply\r\n{TEXT}"),
    "from a list": mail(f"List-Id: <all.contoso.example>\r\nPrecedence: list\r\n{TEXT}"),
    "a bounce": mail(
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n',
        b"--b\r\n\r\napprove\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Final-Recipient: rfc822; bob@contoso.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n",
    ),
    "a receipt": mail(
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\r\n',
        b"--b\r\n\r\napprove\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
        b"Disposition: automatic-action/MDN-sent-automatically; displayed\r\n\r\n--b--\r\n",
    ),
    "an invitation": mail(
        "Content-Type: text/calendar; method=REPLY\r\n", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
    ),
    # charsets
    "an unknown charset": mail("Content-Type: text/plain; charset=x-unknown\r\n", b"What is it for?\r\n"),
    "UTF-7": mail("Content-Type: text/plain; charset=utf-7\r\n", b"+AGEAcABwAHIAbwB2AGU-?\r\n"),
    "halves of letters": mail(TEXT, b"What \xed\xa0\x80 is \xff\xfe it for?\r\n"),
    "an escape to another charset": mail(
        "Content-Type: text/plain; charset=iso-2022-jp\r\n", b"\x1b$Bapprove\x1b(B?\r\n"
    ),
    # headers
    "8 bits in the subject": mail("Subject: caf\udce9\r\n" + TEXT, b"What is it for?\r\n"),
    "a folded header of blanks": mail(f"X-Blank: a\r\n \r\n\t\r\n{TEXT}", b"What is it for?\r\n"),
    "a header without a name": mail(f": nameless\r\n{TEXT}", b"What is it for?\r\n"),
    "two types": mail(f"{TEXT}Content-Type: text/html\r\n", b"<p>What is it for?</p>\r\n"),
    "a date that is none": mail(f"Date: yesterday\r\n{TEXT}", b"What is it for?\r\n"),
    "two Message-IDs": mail(f"Message-ID: <a@b>\r\nMessage-ID: <c@d>\r\n{TEXT}", b"What is it for?\r\n"),
    "a Message-ID that is none": mail(f"Message-ID: <<a b>\r\n{TEXT}", b"What is it for?\r\n"),
    "addresses that are none": mail(f"Reply-To: <@,;:<>\r\nCc: (((\r\n{TEXT}", b"What is it for?\r\n"),
}  # fmt: skip
#: What stands below Bob's From in mails that decide.
CLEAR: Mapping[str, bytes] = {
    "plain": TEXT.encode() + b"\r\napprove\r\n",
    "in UTF-16": b"Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.b64encode("approve\r\n".encode("utf-16"))
    + b"\r\n",
    "in full width": TEXT.encode() + b"Content-Transfer-Encoding: 8bit\r\n\r\n" + "ａｐｐｒｏｖｅ\r\n".encode(),
    "quoted-printable with soft ends": TEXT.encode()
    + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nappr=\r\nove=20\r\n",
    "HTML alone": b"Content-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>approve</p></body></html>\r\n",
    "a folded type": b"Content-Type:\r\n text/plain;\r\n\tcharset=utf-8\r\n\r\napprove\r\n",
    "no type": b"\r\napprove\r\n",
}  # fmt: skip
#: By kind, what its server does not take, and what it answers.
REFUSED: Mapping[str, Mapping[str, str]] = {
    "jmap": {
        **dict.fromkeys(("a NUL in the text", "a NUL in a header"), "554 5.6.0 Message contains NUL characters"),
        **dict.fromkeys(
            ("no line between header and text", "nothing that is a header", "a header without a name"),
            "554 5.6.0 Message contains invalid header",
        ),
    },
}  # fmt: skip
GRAFTED, BY_BOB = "Grafted into", ", by Bob"


def answer(asked: Mail, raw: bytes) -> bytes:
    return head_of_answer(asked) + b"MIME-Version: 1.0\r\n" + raw


def odd_mails(asked: Mail) -> Iterator[tuple[str, bytes]]:
    """Each as it is, and as Bob's answer to this ask."""
    for name, raw in ODD.items():
        yield name, raw
        yield f"{name}{BY_BOB}", grafted(raw, asked)


def test_odd_mails_are_judged_once_each_and_hold_up_no_answer(world: World) -> None:
    asked = asks(world, GRAFTED, "Before", "Between", "Behind", *CLEAR)
    mails = {
        name: world.proved(raw) if name.endswith(BY_BOB) else raw for name, raw in odd_mails(asked[GRAFTED])
    }
    clear = {name: world.proved(answer(asked[name], raw)) for name, raw in CLEAR.items()}
    names = list(mails)
    halves = [{name: mails[name] for name in half} for half in (names[::2], names[1::2])]
    world.sandbox.reply_as("bob", asked["Before"].id, "approve")
    first = delivered(world, halves[0])
    world.sandbox.reply_as("bob", asked["Between"].id, "approve")
    second = delivered(world, clear | halves[1])
    world.sandbox.reply_as("bob", asked["Behind"].id, "approve")
    is_settled(world, first.came + second.came + 3)
    refused = {**first.refused, **second.refused}
    wrong = Decision.objects.filter(assignment__visit__request__title=GRAFTED).values_list(
        "incoming__raw", flat=True
    )
    assert [bytes(raw)[-300:] for raw in wrong] == []
    decided = Decision.objects.values_list("assignment__visit__request__title", "outcome")
    assert sorted(decided) == sorted((title, "approve") for title in asked if title != GRAFTED)
    assert world.open_for("bob") == 1
    assert {name.removesuffix(BY_BOB): answer for name, answer in refused.items()} == REFUSED.get(
        world.way, {}
    )
