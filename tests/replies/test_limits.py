"""Hostile mail: refused in words, or read in part, and never more looked at than the limits say."""

import random
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from placet.mailboxes.base import Folder, Received
from placet.replies.parse import Mail, OwnMail, limits, parse
from placet.replies.read import read_text
from placet.replies.refusals import Unparseable

START = b"From: ann@contoso.example\nTo: approvals@contoso.example\n"


def read(raw: bytes, transport_headers: str = "") -> Mail:
    received = Received("1", Folder.INBOX, raw, transport_headers, "IPM.Note", None, len(raw))
    return parse(received, OwnMail("approvals@contoso.example", ""))


def nested(depth: int, then: bytes = b"") -> bytes:
    levels = (f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(depth))
    return START + "".join(levels).encode() + b"\n\nApprove" + then


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (START + b"X-Long: " + b"x" * 5_000_000 + b"\n\nApprove", "headers are longer"),
        (START + b"X-Folded: " + b"x\n " * 200_000 + b"\n\nApprove", "headers are longer"),
        (START + b"Subject: " + b"=?utf-8?q?a?= " * 100_000 + b"\n\nApprove", "headers are longer"),
        (
            START + b"Content-Type: text/plain" + b"; a=b" * 20_000 + b"\n\nApprove",
            "Content-Type header longer",
        ),
        (nested(1_500), "more than 100 parts that hold other parts"),
        (nested(40), "nested more than 20 deep"),
        (nested(90, b"\n" * 2_000_000), "too many lines for so many parts"),
        (nested(19, b"\r" * 2_000_000), "too many lines for so many parts"),
        (
            START + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 101,
            "more than 100 parts",
        ),
        (
            START + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 9_000,
            "may separate parts",
        ),
        (
            START + b"Content-Type: multipart/digest; boundary=b\n\n" + b"--b\n\nmessage/x\n" * 101,
            "hold other parts",
        ),
    ],
)
def test_a_mail_beyond_the_limits_is_refused_in_words(raw: bytes, reason: str) -> None:
    with pytest.raises(Unparseable) as refused:
        read(raw)
    assert reason in str(refused.value.reason)


def test_transport_headers_are_limited_as_well() -> None:
    with pytest.raises(Unparseable, match="within the limits"):
        read(START + b"\nApprove", "X-A: b\n" * 50_000)


@pytest.mark.parametrize(
    "raw",
    [
        START + b"Subject: " + b"=?utf-8?q?a?= " * 15_000 + b"\n\nApprove",
        b"From: " + b"(" * 5_000 + b"ann@contoso.example\n\nApprove",
        b"From: " + b'"\\' * 8_000 + b"\n\nApprove",
        START + b"Content-Type: text/plain" + b"; a=b" * 3_000 + b"\n\nApprove",
        START + b"Authentication-Results: " + b'(;"\\' * 4_000 + b"\n\nApprove",
        START + b"Received: from (((((" * 3_000 + b"\n\nApprove",
        nested(19),
        nested(19, b"\r\n" * 100_000),
        nested(1, b"\n" * 2_000_000),
    ],
)
def test_what_the_limits_let_through_is_read(raw: bytes) -> None:
    assert read(raw).new_text == "Approve"


def test_attachments_of_30_mb_do_not_matter() -> None:
    line = b"QUJD" * 19 + b"\n"
    attachment = b"--b\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n" + line * 400_000
    mail = read(
        START + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nApprove\n" + attachment + b"--b--\n"
    )
    assert mail.new_text == "Approve"
    assert not mail.text_truncated


def test_text_that_goes_on_beyond_what_is_read_is_marked() -> None:
    assert read(START + b"\nApprove\n" + b"more\n" * 1_000_000).text_truncated
    quoted = b"\nApprove\n\nFrom: Tom <tom@contoso.example>\nTo: x\nSubject: y\n\n" + b"old\n" * 1_000_000
    assert not read(START + quoted).text_truncated  # all that is missing is quoted


def test_html_that_the_parser_gives_up_on_is_marked() -> None:
    html = START + b"Content-Type: text/html\n\n"
    assert read(html + b"<p>Approve</p>" + b"<div>" * 10_000 + b"only if").text_truncated
    assert read(html + b"<p>Approve</p>" + b"<p>x</p>" * 60_000).text_truncated
    assert read(
        html + b"<p>Approve</p><p " + b" ".join(b"a%d=1" % n for n in range(20_000)) + b">x"
    ).text_truncated


PIECES = (
    b"> ", b">\n", b"On \n", b"On 2026 10:10 a@b.example\n", b"\n", b" \t\n", b"from: a\n", b"-----\n", b"-", b"a@",
    b"a:", b"wrote:\n", b"wrote: ", b"(", b'"', b"=?", b"<b>", b"&lt;", b"\0", b"\r", b"\xff",
)  # fmt: skip


def steps(act: Callable[[], object]) -> int:
    """Lines of Python that run in placet: a measure of work that no other process disturbs."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Callable[..., Any] | None:
        nonlocal count
        if "/placet/replies/" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("kind", [b"text/plain", b"text/html"])
def test_twice_the_text_is_twice_the_work(kind: bytes, piece: bytes) -> None:
    start = START + b"Content-Type: " + kind + b"\n\nApprove\n"
    once = steps(lambda: read(start + piece * 1_000))
    twice = steps(lambda: read(start + piece * 2_000))
    assert twice <= 2.2 * once + 200


@pytest.mark.parametrize("letters", ["x", "abcdefghijklmnopqrstuvwxyz", "äöüé"])
def test_a_word_of_a_hundred_thousand_letters_takes_memory_in_proportion(letters: str) -> None:
    """Such as an encoded file that a mail program left in the text."""
    word = "".join(random.Random(letters).choices(letters, k=100_000))
    read_text(f"Approve\n{word[:1_000]}")  # what is made once is made
    tracemalloc.start()
    try:
        assert read_text(f"Approve\n{word}").outcome is None
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1_000 * len(word)


def test_the_header_limit_is_the_only_reason_for_a_long_header_block() -> None:
    padding = b"X-Pad: " + b"x" * 900 + b"\n"
    count = limits.HEADER_BLOCK // len(padding) - 1
    assert read(START + padding * count + b"\nApprove").new_text == "Approve"
