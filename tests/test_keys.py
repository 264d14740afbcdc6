"""The keys of an installation: made once, private, and missed in words when they are lost or wrong."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, MultiFernet

from placet.lib import keys

from .installation import Installation, new_installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with new_installation(tmp_path / "data") as made:
        made.good("person", "list")
        yield made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_start_makes_keys_that_only_their_owner_can_read(installation: Installation) -> None:
    folder = installation.data_dir / "keys"
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == {
        "secret.key": 0o600,
        "encryption.keys": 0o600,
    }


def test_a_later_start_keeps_them(installation: Installation) -> None:
    folder = installation.data_dir / "keys"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    installation.good("person", "list")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", ["secret.key", "encryption.keys"])
def test_a_lost_key_is_said_and_no_new_one_is_made(name: str, installation: Installation) -> None:
    (installation.data_dir / "keys" / name).unlink()
    said = installation.refused("person", "list")
    assert f"{name} is missing" in said
    assert "placet restore" in said
    assert not (installation.data_dir / "keys" / name).exists()


@pytest.mark.parametrize("text", ["", "not a key\n"])
def test_a_damaged_encryption_key_is_said(text: str, installation: Installation) -> None:
    (installation.data_dir / "keys" / "encryption.keys").write_text(text)
    said = installation.refused("person", "list")
    assert "encryption.keys" in said or "encryption keys" in said
    assert "Bring" in said


def test_the_key_of_another_installation_is_recognised(installation: Installation) -> None:
    (installation.data_dir / "keys" / "encryption.keys").write_text(Fernet.generate_key().decode())
    said = installation.refused("person", "list")
    assert "are not those of this database" in said
    assert "placet restore" in said


def test_a_lost_folder_of_keys_is_recognised(installation: Installation) -> None:
    folder = installation.data_dir / "keys"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert "are not those of this database" in installation.refused("person", "list")


def test_serve_says_the_same(installation: Installation) -> None:
    (installation.data_dir / "keys" / "encryption.keys").write_text(Fernet.generate_key().decode())
    assert "are not those of this database" in installation.refused("serve")


def test_an_older_key_still_reads_after_a_new_one_was_put_first(tmp_path: Path) -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    (tmp_path / keys.ENCRYPTION_FILE).write_bytes(new + b"\n" + old + b"\n")
    assert keys.decrypt(tmp_path, Fernet(old).encrypt(b"kept").decode()) == "kept"
    assert MultiFernet([Fernet(new)]).decrypt(keys.encrypt(tmp_path, "fresh").encode()) == b"fresh"


def test_each_purpose_has_a_key_of_its_own() -> None:
    assert keys.derive("secret", "reply codes") == keys.derive("secret", "reply codes")
    assert keys.derive("secret", "reply codes") != keys.derive("secret", "something else")
    assert len(keys.derive("secret", "reply codes")) == 32
