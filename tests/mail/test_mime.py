"""Our mails as they are sent: two parsers read what was meant, and no line is too long for a server."""

import email
import email.policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.mail import mime

lines = st.text(max_size=300) | st.text(alphabet=" \t.=?_-#[]éß🙂a\r\n\x00\x0b\x0c\x85\u2028", max_size=200)
words = st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=90), max_size=20)


def composed(text: str = "Text", html: str = "<p>Html</p>", **head: str) -> bytes:
    return mime.composed(head, text, html, "0123456789abcdef")


def strict(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def sent(text: str) -> str:
    """Ends of lines are the mail's; what ASCII and UTF-8 cannot say is a question mark."""
    whole = text.encode(errors="replace").splitlines()
    return "".join(line.decode() + "\n" for line in whole)


@given(lines, lines)
def test_both_parts_arrive_as_they_are(text: str, html: str) -> None:
    raw = composed(text, html)
    message = strict(raw)
    plain, marked = message.iter_parts()
    assert (plain.get_content_type(), marked.get_content_type()) == ("text/plain", "text/html")
    assert [part.get_content().replace("\r\n", "\n") for part in (plain, marked)] == [sent(text), sent(html)]
    old: Any = email.message_from_bytes(raw).get_payload()
    expected = [one.replace("\n", "\r\n").encode() for one in (sent(text), sent(html))]
    assert [part.get_payload(decode=True) for part in old] == expected
    assert not message.defects
    assert raw.isascii()
    assert all(len(line) <= 78 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")


@given(words)
def test_a_subject_arrives_as_it_is(said: list[str]) -> None:
    subject = " ".join(said).replace("=?", "= ?")
    value = mime.unstructured("Subject", subject)
    raw = composed(Subject=value)
    assert strict(raw)["Subject"] == subject
    old: Message = email.message_from_bytes(raw)
    assert str(make_header(decode_header(old["Subject"].replace("\r\n", "")))) == subject
    assert value.isascii()
    assert all(len(line) <= 78 for line in f"Subject: {value}".split("\r\n"))


@pytest.mark.parametrize(
    ("subject", "value"),
    [
        ("Please decide: Desk [#abcdefghijklmnop]", "Please decide: Desk [#abcdefghijklmnop]"),
        ("", ""),
        ("Bureau à côté [#abcdefghijklmnop]", "Bureau =?utf-8?b?w6AgY8O0dMOp?= [#abcdefghijklmnop]"),
        ("a " * 40 + "end", "a " * 33 + "a\r\n " + "a " * 6 + "end"),
    ],
)
def test_only_what_ascii_cannot_say_is_encoded(subject: str, value: str) -> None:
    """So that a person who looks at the source, and a server's report about it, sees the reply code."""
    assert mime.unstructured("Subject", subject) == value


def test_the_boundary_stands_in_no_part() -> None:
    raw = composed("--=_0123456789abcdef\n--=_0123456789abcdef--\n", "=_0123456789abcdef")
    assert len(list(strict(raw).iter_parts())) == 2
