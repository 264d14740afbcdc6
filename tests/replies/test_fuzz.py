"""Whatever bytes come, `parse` gives a Mail or Unparseable, and the steps after it a result or a refusal."""

import json
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from placet.approvals.proofs import Level
from placet.mailboxes.base import Folder, Received
from placet.mailboxes.kinds import kind_of
from placet.replies import refusals
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.pick import codes, codes_in_returned
from placet.replies.prove import Asked, ProvePolicy, prove
from placet.replies.prove_outside import Servers
from placet.replies.read import read

ASKED_AT = datetime(2026, 11, 24, tzinfo=UTC)
OWN = OwnMail("approvals@contoso.example", "placet.contoso.example")
NAMES = (
    "From", "Sender", "To", "Cc", "Subject", "Message-ID", "References", "In-Reply-To", "Content-Type", "Received",
    "Content-Transfer-Encoding", "Content-Disposition", "Authentication-Results", "Auto-Submitted", "Return-Path",
    "X-MS-Exchange-Organization-AuthAs", "X-MS-Exchange-Organization-AuthMechanism", "DKIM-Signature", "Date",
)  # fmt: skip
CONTENT_TYPES = (
    "text/plain", "text/html", "multipart/mixed; boundary=b", "multipart/alternative; boundary=b", "multipart/digest",
    "multipart/report; report-type=delivery-status; boundary=b", "message/rfc822", "message/delivery-status",
    "text/plain; charset=rot13", "text/plain; charset=utf-7", "text/plain; charset=undefined",
    "text/plain; charset=idna", "text/plain; charset=unicode_escape", "text/html; charset=utf-16",
    'text/plain; charset="iso-2022-jp', "text/plain; charset=a\0b",
)  # fmt: skip
BITS = st.sampled_from(
    (
        "Approve", "\n", "\r\n", "\r", "\0", "> ", "--b\n", "--b--\n", "-- \n", "<div>", "</p>", "<blockquote>", "&#0;",
        "<p style='color:#fff;font-size:1e9px'>", "<style>.a{display:none", "On Mon, 2026 at 10:00 a@b.example wrote:",
        "From: a@b.example\nSent: 2026\nTo: c\nSubject: d\n", "#k7q2mfx3wz5ta4ub", "=?utf-8?q?=FF?=", "=?x?b?!!?=",
        "d=b.example;", "t=1;", "x=", "l=", "h=from:", "[10.0.0.1]", "(10.0.0.1)", "boundary=", "\x0b", "\x85",
        "(", ")", "<", ">", '"', "\\", ";", ":", ",", "@", "a@b.example", "dmarc=pass", "=", "by", "from", "\u202e",
        "\u200b", "\ud800", "no", "\xa0", "é", "Content-Type: text/plain\n\n", "QUJD", "=41", "=\n",
    )
)  # fmt: skip
TEXT = st.lists(BITS | st.text(max_size=5), max_size=30).map("".join)


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


HEADER = st.tuples(
    st.sampled_from(NAMES), TEXT.map(lambda text: text.replace("\n", "\n ")) | st.sampled_from(CONTENT_TYPES)
)
MAILS = st.builds(
    lambda headers, body: encoded("".join(f"{name}: {value}\n" for name, value in headers) + "\n" + body),
    st.lists(HEADER, max_size=12),
    TEXT,
)


def walked(raw: bytes, block: str, item_class: str = "") -> Mail | None:
    received = Received("1", Folder.INBOX, raw, block, item_class, None, len(raw))
    try:
        mail = parse(received, OWN)
    except refusals.Unparseable:
        return None
    codes(mail)
    codes_in_returned(mail)
    policy = ProvePolicy(
        True,
        Servers(kind_of("exchange-online").nameless_stamps, ("contoso.example",)),
        ("04",),
        own_domains=("b.example",),
    )
    asked = Asked({"a@b.example"}, ASKED_AT, ASKED_AT, ("subject",))
    try:
        proof = prove(mail, Folder.INBOX, asked, Level.OUTSIDE, policy)
        json.dumps(proof.as_json())
    except refusals.Refusal as refusal:
        json.dumps(dict(refusal.facts))
    try:
        read(mail, ("approve", "reject"))
    except refusals.Unclear as refusal:
        json.dumps(dict(refusal.facts))
    return mail


@settings(max_examples=200, deadline=None)
@given(MAILS, st.lists(HEADER, max_size=6))
def test_mails_made_of_parts_that_mean_something(raw: bytes, stamped: list[tuple[str, str]]) -> None:
    mail = walked(raw, "".join(f"{name}: {value}\n" for name, value in stamped))
    if mail is not None:
        for text in (
            mail.subject,
            mail.text,
            mail.new_text,
            mail.with_signature,
            mail.from_line,
            mail.voting,
        ):
            assert "\0" not in text
            text.encode()  # no lone surrogates: the database would refuse them


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.text(max_size=200))
def test_any_bytes(raw: bytes, block: str) -> None:
    walked(raw, block)
