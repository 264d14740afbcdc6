"""The keys of an installation: made at the first start, mode 600, never in the database.

secret.key       signs sessions and forms; the keys of reply codes are derived from it
encryption.keys  one Fernet key a line, newest first; older ones still read (MultiFernet)
audit.keys       one key a line, of the form of a Fernet key, newest first: the newest makes the MACs of the record, and
                 each still proves those that it made (`placet.audit.mac`)
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import shutil
import tempfile
from functools import cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

SECRET_FILE = "secret.key"  # noqa: S105 - a file's name
ENCRYPTION_FILE = "encryption.keys"
AUDIT_FILE = "audit.keys"


class KeyTrouble(Exception):
    """A key is missing, unreadable or not the one that this database was made with."""


def ensure_keys(folder: Path, database: Path | None) -> bool:
    """Make the keys where there are none. True if they were made just now.

    One key without the other means that a file was lost: nothing is made, because new keys would lock out
    what the old ones encrypted. `database` is the file that they belong to (None: it is no file); where there is
    none yet, nothing is locked out, and the message says so.
    """
    paths = [folder / SECRET_FILE, folder / ENCRYPTION_FILE]
    there = [path for path in paths if path.exists()]
    if len(there) == len(paths):
        return False
    if there:
        missing = next(path for path in paths if path not in there)
        raise KeyTrouble(
            f"The key file {missing} is missing, but {there[0].name} beside it is there. "
            f"Bring it back from a backup (placet restore). {_if_new(folder, database)}"
        )
    return _make_keys(folder)


def _if_new(folder: Path, database: Path | None) -> str:
    if database is None:
        return f"If the database is new and empty, remove {folder} and start again."
    if database.exists():
        return ""
    return f"There is no database yet ({database}): if there never was one, remove {folder} and start again."


def _make_keys(folder: Path) -> bool:
    """All or none, however this ends: they appear with their folder. False if somebody else was faster."""
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Path(tempfile.mkdtemp(prefix=".keys-", dir=folder.parent))  # mode 700
    try:
        _write_private(made / SECRET_FILE, secrets.token_urlsafe(48) + "\n")
        _write_private(made / ENCRYPTION_FILE, Fernet.generate_key().decode() + "\n")
        write_audit_key(made / AUDIT_FILE)
        made.rename(folder)  # never over a folder that holds something (POSIX rename)
    except OSError:
        shutil.rmtree(made)
        if (folder / SECRET_FILE).exists() and (folder / ENCRYPTION_FILE).exists():
            return False
        raise
    return True


def _write_private(path: Path, text: str) -> None:
    # Created with its mode, not changed afterwards: at no moment can another user read it.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def read_secret(folder: Path) -> str:
    return _read(folder / SECRET_FILE)


@cache
def cipher(folder: Path) -> MultiFernet:
    """What encrypts and decrypts secrets at rest."""
    return _cipher_of(folder)


def _cipher_of(folder: Path) -> MultiFernet:
    lines = [line.strip() for line in _read(folder / ENCRYPTION_FILE).splitlines() if line.strip()]
    try:
        return MultiFernet([Fernet(line) for line in lines])
    except ValueError as error:
        raise KeyTrouble(
            f"{folder / ENCRYPTION_FILE} does not hold Fernet keys, one a line. Bring it back from a backup."
        ) from error


def check_files(folder: Path) -> None:
    """KeyTrouble where a file that is needed cannot be read now, whatever was read before."""
    read_secret(folder)
    _cipher_of(folder)
    read_audit_keys(folder / AUDIT_FILE)


def write_audit_key(path: Path) -> None:
    """A new key for the MACs of the record, in a file that was not there."""
    _write_private(path, Fernet.generate_key().decode() + "\n")


@cache
def audit_keys(folder: Path) -> tuple[bytes, ...]:
    """The keys of the record's MACs, newest first, 32 bytes each."""
    return read_audit_keys(folder / AUDIT_FILE)


def read_audit_keys(path: Path) -> tuple[bytes, ...]:
    """The same of a file that has another name as yet."""
    try:
        read = [base64.b64decode(line.strip(), altchars=b"-_", validate=True) for line in _read(path).split()]
    except (binascii.Error, ValueError) as error:
        raise KeyTrouble(_damaged(path)) from error
    if any(len(key) != AUDIT_KEY_BYTES for key in read):
        raise KeyTrouble(_damaged(path))
    return tuple(read)


AUDIT_KEY_BYTES = 32


def _damaged(path: Path) -> str:
    return f"{path} does not hold keys of 32 bytes in base64, one a line. Bring it back from a backup."


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
