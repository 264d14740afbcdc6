"""Files with a certificate and its private key: those of OpenSSL and of `cryptography`, good and bad."""

import base64
import re
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from placet.mailboxes.microsoft import certificate_file, certificates
from placet.mailboxes.microsoft.certificates import Certificate, CertificateInvalid, PasswordWrong, read

PASSWORD = "päss: word's"
NOW = datetime(2026, 11, 26, 7, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What OpenSSL made: a CA, a certificate that it issued (leaf), and their keys; further forms are made of them."""
    place = tmp_path_factory.mktemp("openssl")
    openssl(place, "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=Our-CA -keyout ca.key -out ca.pem")
    openssl(place, "req -newkey rsa:2048 -nodes -subj /CN=Leaf/O=Contoso -keyout leaf.key -out leaf.csr")
    openssl(place, "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 20 -out leaf.pem")
    return place


def openssl(place: Path, arguments: str, *more: str) -> bytes:
    done = subprocess.run(["openssl", *arguments.split(), *more], cwd=place, check=True, capture_output=True)
    return done.stdout


def text(folder: Path, *names: str) -> bytes:
    return b"\n".join((folder / name).read_bytes() for name in names)


def fingerprint(folder: Path, name: str, kind: str) -> str:
    """As OpenSSL prints it, without its colons."""
    printed = openssl(folder, f"x509 -in {name} -noout -fingerprint -{kind}").decode()
    return printed.partition("=")[2].strip().replace(":", "")


def is_the_leaf(found: Certificate, folder: Path) -> bool:
    key = load_pem_private_key(found.key.get_secret_value().encode(), None)
    wanted = load_pem_private_key(text(folder, "leaf.key"), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert isinstance(wanted, rsa.RSAPrivateKey)
    return key.private_numbers() == wanted.private_numbers() and found.thumbprint == fingerprint(
        folder, "leaf.pem", "sha1"
    )


# --- what can be used -------------------------------------------------------------------------------------


def test_it_says_what_openssl_says_of_it(folder: Path) -> None:
    found = read([text(folder, "leaf.pem", "leaf.key")])
    assert found.thumbprint == fingerprint(folder, "leaf.pem", "sha1")
    assert found.x5t_s256 == x5t(fingerprint(folder, "leaf.pem", "sha256"))
    assert found.subject == "O=Contoso,CN=Leaf"
    assert found.bits == 2048
    assert found.der == openssl(folder, "x509 -in leaf.pem -outform DER")
    ends = openssl(folder, "x509 -in leaf.pem -noout -enddate -dateopt iso_8601").decode()
    assert ends.strip() == f"notAfter={found.ends:%Y-%m-%d %H:%M:%SZ}"


def x5t(hexadecimal: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(hexadecimal)).decode().rstrip("=")


@pytest.mark.parametrize(
    "options",
    [
        "",
        "-keypbe AES-128-CBC -certpbe AES-128-CBC",
        "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1",  # what older Windows exports
        "-certfile ca.pem",
        "-certfile ca.pem -nomac",
    ],
)
def test_pfx_files_with_a_password_are_read(folder: Path, options: str) -> None:
    made = openssl(
        folder, f"pkcs12 -export -inkey leaf.key -in leaf.pem {options} -passout", f"pass:{PASSWORD}"
    )
    assert is_the_leaf(read([made], PASSWORD), folder)


@pytest.mark.parametrize("options", ["", "-keypbe NONE -certpbe NONE", "-keypbe NONE -certpbe NONE -nomac"])
def test_pfx_files_without_a_password_are_read(folder: Path, options: str) -> None:
    made = openssl(folder, f"pkcs12 -export -inkey leaf.key -in leaf.pem {options} -passout pass:")
    assert is_the_leaf(read([made]), folder)


def test_pem_texts_are_read_in_any_order_with_whatever_stands_around(folder: Path) -> None:
    around = b"Bag Attributes\r\n    friendlyName: x\r\n"
    for names in (
        ("leaf.pem", "leaf.key"),
        ("leaf.key", "leaf.pem"),
        ("ca.pem", "leaf.key", "leaf.pem"),
        ("leaf.pem", "ca.pem", "leaf.key"),
    ):
        assert is_the_leaf(read([text(folder, *names)]), folder)
        assert is_the_leaf(read([around + text(folder, *names).replace(b"\n", b"\r\n")]), folder)


def test_two_files_are_read_as_one(folder: Path) -> None:
    assert is_the_leaf(read([text(folder, "leaf.pem"), text(folder, "leaf.key")]), folder)
    assert is_the_leaf(read([text(folder, "leaf.key"), text(folder, "leaf.pem", "ca.pem")]), folder)
    der = openssl(folder, "x509 -in leaf.pem -outform DER")
    assert is_the_leaf(read([der, text(folder, "leaf.key")]), folder)
    assert is_the_leaf(
        read([der, openssl(folder, "pkcs8 -topk8 -nocrypt -in leaf.key -outform DER")]), folder
    )


@pytest.mark.parametrize("command", ["pkcs8 -topk8 -in leaf.key", "rsa -traditional -aes256 -in leaf.key"])
def test_a_key_with_a_password_is_read(folder: Path, command: str) -> None:
    made = openssl(folder, f"{command} -passout", "pass:simple")
    both = text(folder, "leaf.pem") + made
    assert is_the_leaf(read([both], "simple"), folder)
    with pytest.raises(PasswordWrong, match="does not open"):
        read([both], "other")
    with pytest.raises(PasswordWrong, match="Enter the password"):
        read([both])


def test_a_password_for_a_key_that_has_none_is_no_error(folder: Path) -> None:
    assert is_the_leaf(read([text(folder, "leaf.pem", "leaf.key")], "not needed"), folder)


# --- what cannot ------------------------------------------------------------------------------------------


def test_a_wrong_and_a_missing_password_are_told_apart(folder: Path) -> None:
    made = openssl(folder, "pkcs12 -export -inkey leaf.key -in leaf.pem -passout pass:right")
    for password in ("wrong", "x" * 5000):
        with pytest.raises(PasswordWrong, match="The password does not open this file"):
            read([made], password)
    with pytest.raises(PasswordWrong, match="Enter the password"):
        read([made])


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["leaf.pem"], "but not its private key"),
        (["leaf.key"], "but no certificate"),
        (["ca.pem", "leaf.key"], "belongs to another certificate"),
        (["leaf.csr"], "neither a PFX"),
    ],
)
def test_what_is_missing_is_named(folder: Path, names: list[str], told: str) -> None:
    with pytest.raises(CertificateInvalid, match=told):
        read([text(folder, *names)])


def test_a_certificate_alone_as_windows_exports_it_is_named(folder: Path) -> None:
    with pytest.raises(CertificateInvalid, match="but not its private key"):
        read([openssl(folder, "x509 -in leaf.pem -outform DER")])
    alone = openssl(folder, "pkcs12 -export -nokeys -in leaf.pem -passout pass:x")
    with pytest.raises(CertificateInvalid, match="but not its private key"):
        read([alone], "x")


@pytest.mark.parametrize(
    ("kind", "told"), [("ec -pkeyopt ec_paramgen_curve:P-256", "EC"), ("ed25519", "Ed25519")]
)
def test_a_key_that_is_not_rsa_is_named(tmp_path: Path, kind: str, told: str) -> None:
    openssl(tmp_path, f"req -x509 -newkey {kind} -nodes -days 30 -subj /CN=x -keyout key -out pem")
    with pytest.raises(CertificateInvalid, match=f"of the kind {told}, and Entra ID takes RSA keys only"):
        read([text(tmp_path, "pem", "key")])


def test_a_short_rsa_key_is_named(tmp_path: Path) -> None:
    openssl(tmp_path, "req -x509 -newkey rsa:1024 -nodes -days 30 -subj /CN=x -keyout key -out pem")
    with pytest.raises(CertificateInvalid, match="has 1024 bits"):
        read([text(tmp_path, "pem", "key")])


def test_before_and_after_its_life_it_is_refused_with_the_day(folder: Path) -> None:
    both = text(folder, "leaf.pem", "leaf.key")
    ends = read([both]).ends
    with pytest.raises(CertificateInvalid, match=f"expired on {ends:%Y-%m-%d %H:%M} UTC"):
        read([both], now=ends)
    with pytest.raises(CertificateInvalid, match="valid only from"):
        read([both], now=ends - timedelta(days=60))


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"\x00" * 100,
        b"\x30\x82\x10\x00\x02\x01\x03" + b"\xff" * 100,
        b"\x30\x80\x02\x01\x03",
        b"\x30",
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN CERTIFICATE-----" * 2000,
        "-----BEGIN SCHLÜSSEL-----".encode("latin-1"),
    ],
)
def test_anything_else_is_named(data: bytes) -> None:
    with pytest.raises(CertificateInvalid, match="neither a PFX"):
        read([data])


def test_nothing_and_too_much_are_named_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "_read_apart", lambda *_: pytest.fail("it was read"))
    with pytest.raises(CertificateInvalid, match="Choose the file"):
        read([b"", b""])
    with pytest.raises(CertificateInvalid, match="larger than 64 kB"):
        read([b"x" * (certificates.LARGEST + 1)])


@pytest.fixture
def endless(folder: Path) -> bytes:
    """A PFX that says that its password is hashed eight million times, where a usual one says two thousand. It could
    say two thousand million."""
    rounds, many = b"\x02\x03\x01\x23\x45", b"\x02\x03\x7f\xff\xff"
    data = openssl(
        folder, f"pkcs12 -export -nomac -iter {0x12345} -inkey leaf.key -in leaf.pem -passout pass:x"
    )
    assert rounds in data
    return data.replace(rounds, many)


@pytest.mark.long
def test_a_file_that_takes_for_ever_to_open_is_given_up_and_nothing_else_waits(
    endless: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "LONGEST_READING", 0.3)
    begun = time.monotonic()
    with pytest.raises(CertificateInvalid, match="takes too long"):
        read([endless], "x")
    assert time.monotonic() - begun < 15


def test_a_file_that_wants_a_gigabyte_to_open_is_given_up(folder: Path) -> None:
    """It says itself in how much memory scrypt (RFC 7914) is to hash its password."""
    made = openssl(
        folder,
        f"pkcs8 -topk8 -scrypt -scrypt_N {2**16} -scrypt_r 2 -in leaf.key -outform DER -passout",
        f"pass:{PASSWORD}",
    )
    assert is_the_leaf(read([text(folder, "leaf.pem"), made], PASSWORD), folder)
    usual, greedy = (b"\x02\x03" + cost.to_bytes(3) for cost in (2**16, 2**22))
    assert made.count(usual) == 1
    with pytest.raises(CertificateInvalid, match="too much memory"):
        read([made.replace(usual, greedy)], PASSWORD)


def test_every_word_of_the_program_has_its_sentence() -> None:
    source = Path(certificate_file.__file__).read_text()
    said = set(re.findall(r'"([a-z_]{2,})"', "".join(re.findall(r"Wrong\((.*)\)", source))))
    assert said == certificates.WRONG.keys() - {"slow"}


# --- making one -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("months", "days"), [(12, 365), (24, 730)])
def test_what_placet_makes_is_read_by_openssl(tmp_path: Path, months: int, days: int) -> None:
    made = certificates.make("Placet approvals@contoso.example", months)
    (tmp_path / "made.cer").write_bytes(made.der)
    (tmp_path / "made.key").write_text(made.key.get_secret_value())
    printed = openssl(tmp_path, "x509 -inform DER -in made.cer -noout -text").decode()
    assert "Subject: CN=Placet approvals@contoso.example" in printed
    assert "Public-Key: (3072 bit)" in printed
    assert "sha256WithRSAEncryption" in printed
    assert "CA:FALSE" in printed
    assert "PRIVATE" not in made.pem
    openssl(tmp_path, "x509 -inform DER -in made.cer -out made.pem")
    openssl(tmp_path, "verify -CAfile made.pem made.pem")  # self-signed, and its signature is right
    assert openssl(tmp_path, "x509 -in made.pem -noout -pubkey") == openssl(
        tmp_path, "pkey -in made.key -pubout"
    )
    assert abs(made.ends - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=5)
    made.check_time()
    assert read([made.to_text().encode()]) == made


def test_two_of_the_same_name_have_nothing_in_common() -> None:
    one, two = certificates.make("Placet", 12), certificates.make("Placet", 12)
    assert (one.thumbprint != two.thumbprint, one.key != two.key, one != two) == (True, True, True)


def test_a_name_that_is_too_long_for_a_certificate_is_cut() -> None:
    assert certificates.make("Placet " + "x" * 200, 12).subject == "CN=Placet " + "x" * 57


def test_it_is_stored_and_read_again_and_printed_without_its_key() -> None:
    made = certificates.make("Placet", 12)
    again = Certificate.stored(made.to_text())
    assert again == made
    key = load_pem_private_key(again.key.get_secret_value().encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(b"x", padding.PKCS1v15(), hashes.SHA256())
    public = x509.load_der_x509_certificate(again.der).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(signature, b"x", padding.PKCS1v15(), hashes.SHA256())
    assert "BEGIN" not in f"{made!r} {made} {made.key!r}"


def test_a_subject_is_one_line_whatever_stands_in_it() -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a\nb\x1b[1m\u202e" + "x" * 50)])
    named = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=9)).sign(key, hashes.SHA256())
    )  # fmt: skip
    data = pkcs12.serialize_key_and_certificates(b"x", key, named, None, BestAvailableEncryption(b"x"))
    assert read([data], "x", NOW).subject.isprintable()
