"""What a file holds that is meant to be a certificate with its private key: PKCS#12 (RFC 7292), PEM or DER.

A program of its own, that imports nothing of Placet: `certificates`, beside it, runs it with a limit of time. A file
says itself how often its password is to be hashed, up to two thousand million times, and in how much memory; and
nothing else in the process would go on meanwhile. It reads one line of JSON and writes one; both hold secrets, and
travel in pipes only.
"""

import base64
import json
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)

MOST_PARTS = 50  # certificates and keys in one file
SMALLEST, LARGEST = 2048, 8192  # bits of the key; a larger one makes every signature slow
#: Bytes of this process. It has 40 MB, and hashes a password by scrypt, as usual, in 16 more.
MOST_MEMORY = 512 * 1024 * 1024
_PART = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----.*?-----END \1-----", re.DOTALL)


class Wrong(Exception):
    """`what` names it; the sentence for it is in `certificates`. `more`: what the sentence tells."""

    def __init__(self, what: str, more: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.more = more


@dataclass
class Found:
    """All that the files hold."""

    certificates: list[x509.Certificate] = field(default_factory=list)
    keys: list[Any] = field(default_factory=list)


def read(files: list[bytes], password: str) -> tuple[str, str]:
    """Certificate and private key that fit each other, in PEM; the key is not encrypted any more."""
    found = Found()
    for data in files:
        _take(data, password.encode(), found)
    certificate, key = _pair(found)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Wrong("kind", type(key).__name__.strip("_").removesuffix("PrivateKey"))
    if not SMALLEST <= key.key_size <= LARGEST:
        raise Wrong("size", str(key.key_size))
    in_clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode(), in_clear.decode()


def _take(data: bytes, password: bytes, found: Found) -> None:
    if b"-----BEGIN " in data:
        _take_pem(data, password, found)
    elif _is_pkcs12(data):
        _take_pkcs12(data, password, found)
    else:
        _take_der(data, password, found)


def _is_pkcs12(data: bytes) -> bool:
    """A sequence that begins with the number 3, its version (RFC 7292 4)."""
    long = data[1] & 0x7F if data[1:2] and data[1] & 0x80 else 0
    return data[:1] == b"\x30" and data[2 + long : 5 + long] == b"\x02\x01\x03"


def _take_pkcs12(data: bytes, password: bytes, found: Found) -> None:
    inside = None
    for tried in [password] if password else [None, b""]:  # some programs write an empty password, some none
        try:
            inside = pkcs12.load_pkcs12(data, tried)
            break
        except UnsupportedAlgorithm:
            raise Wrong("algorithm") from None
        except ValueError as error:
            if "password" not in str(error).lower():
                raise Wrong("unreadable") from None
    if inside is None:
        raise Wrong("password" if password else "no_password")
    found.keys += [inside.key] if inside.key else []
    named = [inside.cert, *inside.additional_certs]
    found.certificates += [one.certificate for one in named if one is not None]


def _take_pem(data: bytes, password: bytes, found: Found) -> None:
    for part, _number in zip(_PART.finditer(data), range(MOST_PARTS), strict=False):
        kind = part.group(1)
        if kind.endswith(b"PRIVATE KEY"):
            found.keys.append(_key(load_pem_private_key, part.group(), password))
        elif kind.endswith(b"CERTIFICATE"):
            try:
                found.certificates.append(x509.load_pem_x509_certificate(part.group()))
            except ValueError:
                raise Wrong("unreadable") from None


def _take_der(data: bytes, password: bytes, found: Found) -> None:
    try:
        found.certificates.append(x509.load_der_x509_certificate(data))
    except ValueError:
        found.keys.append(_key(load_der_private_key, data, password))


def _key(load: Any, data: bytes, password: bytes) -> Any:
    try:
        return load(data, None)
    except TypeError:  # it is encrypted
        if not password:
            raise Wrong("no_password") from None
    except UnsupportedAlgorithm:
        raise Wrong("algorithm") from None
    except ValueError:
        raise Wrong("unreadable") from None
    try:
        return load(data, password)
    except UnsupportedAlgorithm:
        raise Wrong("algorithm") from None
    except ValueError:
        raise Wrong("password") from None


def _pair(found: Found) -> tuple[x509.Certificate, Any]:
    """Of a chain the one certificate that was issued for the key."""
    if not found.certificates:
        raise Wrong("no_certificate" if found.keys else "unreadable")
    if not found.keys:
        raise Wrong("no_key")
    for certificate, public in _public_keys(found.certificates):
        for key in found.keys:
            if _bytes_of(key.public_key()) == public:
                return certificate, key
    raise Wrong("other_key")


def _public_keys(certificates: list[x509.Certificate]) -> Iterator[tuple[x509.Certificate, bytes]]:
    for certificate in certificates:
        try:
            yield certificate, _bytes_of(certificate.public_key())
        except (UnsupportedAlgorithm, ValueError):
            continue  # of a kind that nobody here can use


def _bytes_of(public: Any) -> bytes:
    encoded: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _bound_memory() -> None:
    with suppress(ImportError, ValueError, OSError):  # Windows has no such limit, other systems not this one
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def main() -> None:
    _bound_memory()
    asked = json.loads(sys.stdin.readline())
    answer: dict[str, str]
    try:
        certificate, key = read([base64.b64decode(one) for one in asked["files"]], asked["password"])
        answer = {"certificate": certificate, "key": key}
    except Wrong as wrong:
        answer = {"wrong": wrong.what, "more": wrong.more}
    except (MemoryError, InternalError):  # the latter is how OpenSSL tells that it gets no more
        answer = {"wrong": "slow", "more": ""}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
