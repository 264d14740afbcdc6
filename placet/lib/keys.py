"""The keys of an installation: made at the first start, mode 600, never in the database.

secret.key       signs sessions and forms; the keys of reply codes are derived from it
encryption.keys  one Fernet key a line, newest first; older ones still read (MultiFernet)
"""

import hashlib
import hmac
import os
import secrets
from functools import cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

SECRET_FILE = "secret.key"  # noqa: S105 - a file's name
ENCRYPTION_FILE = "encryption.keys"


class KeyTrouble(Exception):
    """A key is missing, unreadable or not the one that this database was made with."""


def ensure_keys(folder: Path) -> bool:
    """Make the keys where there are none. True if they were made just now.

    One key without the other means that a file was lost: nothing is made, because new keys would lock out
    what the old ones encrypted.
    """
    paths = [folder / SECRET_FILE, folder / ENCRYPTION_FILE]
    there = [path for path in paths if path.exists()]
    if len(there) == len(paths):
        return False
    if there:
        missing = next(path for path in paths if path not in there)
        raise KeyTrouble(
            f"The key file {missing} is missing, but {there[0].name} beside it is there. "
            "Bring it back from a backup (placet restore)."
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_private(paths[0], secrets.token_urlsafe(48) + "\n")
    _write_private(paths[1], Fernet.generate_key().decode() + "\n")
    return True


def _write_private(path: Path, text: str) -> None:
    # Created with its mode, not changed afterwards: at no moment can another user read it.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def read_secret(folder: Path) -> str:
    return _read(folder / SECRET_FILE)


@cache
def cipher(folder: Path) -> MultiFernet:
    """What encrypts and decrypts secrets at rest."""
    lines = [line.strip() for line in _read(folder / ENCRYPTION_FILE).splitlines() if line.strip()]
    try:
        return MultiFernet([Fernet(line) for line in lines])
    except ValueError as error:
        raise KeyTrouble(
            f"{folder / ENCRYPTION_FILE} does not hold Fernet keys, one a line. Bring it back from a backup."
        ) from error


def _read(path: Path) -> str:
    try:
        text = path.read_text().strip()
    except FileNotFoundError as error:
        raise KeyTrouble(
            f"The key file {path} is missing. Bring it back from a backup (placet restore); "
            "without it the stored secrets cannot be read."
        ) from error
    except OSError as error:
        raise KeyTrouble(f"The key file {path} cannot be read: {error.strerror}.") from error
    if not text:
        raise KeyTrouble(f"The key file {path} is empty. Bring it back from a backup.")
    return text


def encrypt(folder: Path, text: str) -> str:
    return cipher(folder).encrypt(text.encode()).decode()


def decrypt(folder: Path, text: str) -> str:
    try:
        return cipher(folder).decrypt(text.encode()).decode()
    except InvalidToken as error:
        raise KeyTrouble(
            f"A stored secret cannot be read with {folder / ENCRYPTION_FILE}: it was encrypted with another key. "
            "Bring back the key that belongs to this database, or enter the secrets again."
        ) from error


def derive(secret: str, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose (HKDF with one block, RFC 5869)."""
    extracted = hmac.new(b"placet", secret.encode(), hashlib.sha256).digest()
    return hmac.new(extracted, purpose.encode() + b"\x01", hashlib.sha256).digest()
