"""The raw mail that everything else stands on."""

from __future__ import annotations

import pytest

from placet.sandbox import Sandbox, mime
from tests.sandbox import wire


@pytest.mark.parametrize(
    ("raw", "headers", "body"),
    [
        (b"A: 1\r\nB: 2\r\n\r\nbody", [("A", "1"), ("B", "2")], b"body"),
        (b"A: 1\r\n folded\r\n\tmore\r\n\r\n", [("A", "1\r\n folded\r\n\tmore")], b""),
        (b"A: 1", [("A", "1")], b""),
        (b"A: 1\r\n", [("A", "1")], b""),
        (b"\r\nbody", [], b"body"),
        (b"", [], b""),
        (b" starts folded\r\n\r\nx", [], b" starts folded\r\n\r\nx"),
        (b"A: 1\r\nno colon\r\nB: 2\r\n\r\nx", [("A", "1")], b"no colon\r\nB: 2\r\n\r\nx"),
        (b"A : \xff\r\nA: 2\r\n\r\n\r\nx", [("A", "\xff"), ("A", "2")], b"\r\nx"),
        (b"A:\r\n\r\nx: y\r\n\r\nz", [("A", "")], b"x: y\r\n\r\nz"),
    ],
)
def test_a_mail_is_split_into_header_and_body(raw: bytes, headers: list[mime.Header], body: bytes) -> None:
    assert mime.split(raw) == (headers, body)


@pytest.mark.parametrize("raw", [b"a\nb\r\nc\rd", b"a\r\nb\r\nc\r\nd"])
def test_all_line_ends_become_those_of_smtp(raw: bytes) -> None:
    assert mime.with_crlf(raw) == b"a\r\nb\r\nc\r\nd"


@pytest.mark.parametrize(
    "value", ["short", "word " * 40 + "end", "x" * 300, "a  " + " " * 200 + "b", "x" * 90 + " y"]
)
def test_folding_anew_changes_nothing_but_the_folds(value: str) -> None:
    folded = mime.refold("Subject", value)
    assert mime.unfold(folded) == value
    assert all(line.strip() for line in folded.split("\r\n"))
    if value.startswith("word"):
        assert max(map(len, folded.split("\r\n"))) <= 76


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?caf=C3=A9?= and =?iso-8859-1?q?caf=E9?=", "café and café"),
        ("caf\xc3\xa9", "café"),
        ("caf\xe9", "café"),
        ("=?rot13?q?x?=", "=?rot13?q?x?="),
    ],
)
def test_header_text_is_decoded_where_it_can_be(value: str, text: str) -> None:
    assert mime.text(value) == text


def nested() -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(1500)
    )


HOSTILE = {
    "nested 1,500 deep": nested(),
    "a header of 5 MB": b"Subject: " + b"x y " * 1_250_000 + b"\r\n\r\nx",
    "a header of 100,000 folds": b"Subject: x\r\n" + b" y\r\n" * 100_000 + b"\r\nx",
    "5,000 brackets in From": b"From: " + b"(" * 5000 + b"\r\n\r\nx",
    "100,000 encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 100_000 + b"\r\n\r\nx",
    "20,000 parameters": b"Content-Type: text/plain; "
    + b"; ".join(b"a%d=b" % n for n in range(20_000))
    + b"\r\n\r\nx",
    "an impossible charset": b"Content-Type: text/plain; charset=rot13\r\n\r\nx",
    "a charset with NUL": b"Content-Type: text/plain; charset=\0\r\n\r\nx",
    "a leaf that says multipart": b"Content-Type: multipart/mixed\r\n\r\nx",
    "nothing at all": b"",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_mail_is_carried_and_shown(raw: bytes, sandbox: Sandbox) -> None:
    placed = sandbox.place("approvals", raw)
    assert sandbox.mail("approvals", placed.id).mime == raw
    outcome = sandbox.deliver(raw, mail_from="evil@fabrikam.example", to=wire.APPROVALS)
    shape = wire.shape("item:Body", "item:TextBody", base="AllProperties", mime=True)
    answer = wire.ews(sandbox, wire.get_item(shape, placed.id, outcome.items[0].id))
    assert (answer.status, answer.body.count(b"NoError")) == (200, 2)
    assert wire.ews(sandbox, wire.find_item(item_shape=wire.shape(base="AllProperties"))).status == 200
