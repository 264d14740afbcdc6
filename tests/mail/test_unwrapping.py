"""Mails without the breaks that their encodings put into them, and back."""

import base64
import quopri
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.mail.mime import composed
from placet.mail.unwrapping import CUT_OFF, LARGEST, MOST, NotUnwrapped, unwrapped, wrapped
from tests.mails_rendered import raw_mails_once
from tests.once import Together

MAILS = sorted((Path(__file__).parents[1] / "mails").glob("**/*.eml"))
CORPORA = sorted((Path(__file__).parents[3] / "shared" / "corpora").glob("**/*.eml"))
LONG = "It says “yes”, = and\ttabs, and trailing blanks.  \n\n" + "a long line with ümläuts = " * 40

bodies = st.text(st.sampled_from("abc =.-\t\r\né日\x00\x0c"), max_size=400).map(lambda text: text.encode())


def mail_with(encoding: str, body: bytes, end: bytes = b"\r\n--b--\r\n") -> bytes:
    head = f"Content-Type: text/html\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    return b"From: a@b.example\r\n\r\n--b\r\n" + head + body + end


def test_every_mail_comes_back() -> None:
    assert MAILS
    for path in [*MAILS, *CORPORA]:
        for raw in (path.read_bytes(), path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")):
            assert wrapped(unwrapped(raw)) == raw, path


@given(st.sampled_from(["quoted-printable", "base64"]), bodies)
def test_whatever_a_body_is_it_comes_back(encoding: str, body: bytes) -> None:
    for encoded in (
        body,
        quopri.encodestring(body).replace(b"\n", b"\r\n"),
        base64.encodebytes(body).replace(b"\n", b"\r\n"),
    ):
        raw = mail_with(encoding, encoded)
        assert wrapped(unwrapped(raw)) == raw


@given(bodies, st.integers(0, 1500))
def test_a_beginning_is_that_of_the_mail(body: bytes, most: int) -> None:
    text = body.decode(errors="replace") * 3
    raw = composed({"From": "a@b.example"}, text, f"<p>{text}</p>", "b")
    content = unwrapped(raw)
    start = wrapped(content[:most], whole=False)
    assert raw.startswith(start)
    assert len(start) >= min(most, len(content)) - CUT_OFF - 100 or most < 100


@pytest.mark.parametrize(
    ("encoding", "length"),
    [*(("quoted-printable", length) for length in (60, 72, 76, 78)), ("base64", 76), ("base64", 78)],
)
def test_what_other_programs_encode_is_decoded(encoding: str, length: int) -> None:
    """By the library, which breaks lines of quoted-printable as its policy says, and base64 at 76."""
    message = EmailMessage(policy=policy.SMTP.clone(max_line_length=length))
    message.set_content(LONG, cte=encoding)
    raw = bytes(message)
    content = unwrapped(raw)
    assert wrapped(content) == raw
    assert LONG.splitlines()[0].encode() in content


@pytest.mark.django_db
def test_our_own_mails_are_decoded(together: Together) -> None:
    for kind, raw in raw_mails_once("fr", together).items():
        content = unwrapped(raw)
        assert wrapped(content) == raw, kind
        assert b"=3D" not in content, kind
        assert b'lang="fr"' in content, kind


def test_a_line_that_goes_on_with_two_hyphens_is_no_boundary() -> None:
    encoded = b"x" * 70 + b"<!=\r\n--[if mso]" + b"y" * 30
    content = unwrapped(mail_with("quoted-printable", encoded))
    assert wrapped(content) == mail_with("quoted-printable", encoded)
    assert b"<!--[if mso]" in unwrapped(
        mail_with("quoted-printable", b"<!--[if mso]" + b"x" * 63 + b"=\r\n--[y")
    )


@pytest.mark.parametrize("text", [b"yes", b"yes!", b"yes, "])
def test_what_fills_base64_up_is_no_line_that_goes_on(text: bytes) -> None:
    raw = mail_with("base64", base64.b64encode(text) + b"\r\n")
    assert text in unwrapped(raw) and wrapped(unwrapped(raw)) == raw


def test_files_and_the_many_are_left_as_they_are() -> None:
    letters = base64.encodebytes(bytes(LARGEST)).replace(b"\n", b"\r\n").rstrip()
    large = mail_with("base64", letters)
    assert unwrapped(large) == b"\0" + large
    many = b"".join(mail_with("base64", b"QUJD", b"\r\n--b\r\n") for _ in range(MOST + 1))
    assert unwrapped(many)[0] == MOST
    assert wrapped(unwrapped(many)) == many


def test_what_ends_too_early_is_no_mail() -> None:
    content = unwrapped(mail_with("base64", base64.b64encode(b"text" * 10)))
    for short in (b"", content[:2], content[:-20]):
        with pytest.raises(NotUnwrapped):
            wrapped(short)
