"""Certificates of an organisation's own authority, as they are uploaded."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from placet.mailboxes import authorities
from placet.mailboxes.authorities import AuthoritiesInvalid

from .exchange_server.authority import NAME, made_authority


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    return made_authority(tmp_path_factory.mktemp("authority"))


def test_every_usual_form_is_read_as_one(made: tuple[str, Path]) -> None:
    root, _path = made
    der = x509.load_pem_x509_certificate(root.encode()).public_bytes(Encoding.DER)
    without_lines = "".join(root.splitlines()[1:-1]).encode()
    crlf = root.replace("\n", "\r\n").encode()
    for form in (root.encode(), der, without_lines, crlf, b"Some words\n" + root.encode() * 2):
        assert authorities.read(form) == root


def test_what_is_shown_tells_one_from_another(made: tuple[str, Path]) -> None:
    [shown] = authorities.shown(made[0])
    assert NAME in shown.subject
    assert len(shown.fingerprint) == 32 * 3 - 1
    assert shown.until > datetime.now(UTC)


def test_what_cannot_vouch_is_refused_in_words(made: tuple[str, Path], tmp_path: Path) -> None:
    root, path = made
    server = path.read_bytes().partition(b"-----BEGIN PRIVATE")[0]
    later = datetime.now(UTC) + timedelta(days=31)
    for data, now, words in (
        (path.read_bytes(), None, "private key"),
        (server, None, "server's own"),
        (root.encode(), later, "ended on"),
        (b"hello", None, "no certificate"),
        (b"\x30\x82\x01", None, "no certificate"),
        (b"", None, "no certificate"),
        (b"x" * (authorities.LARGEST + 1), None, "too large"),
        (root.encode() * 21, None, "At most"),
    ):
        with pytest.raises(AuthoritiesInvalid, match=words):
            authorities.read(data, now)
