"""The keys of an installation: made once, private, and missed in words when they are lost or wrong."""

import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, MultiFernet

from placet.lib import keys

from .installation import PATIENCE, PLACET, Installation, copied, new_installation

TABLES = "The tables are made, or brought to this version. That takes a while.\n"

pytestmark = pytest.mark.any_database


@pytest.fixture
def installation(begun: Installation, tmp_path: Path) -> Iterator[Installation]:
    with copied(begun, tmp_path / "data") as made:
        yield made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_start_makes_keys_that_only_their_owner_can_read(installation: Installation) -> None:
    folder = installation.data_dir / "keys"
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == {
        "secret.key": 0o600,
        "encryption.keys": 0o600,
        "audit.keys": 0o600,
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


def test_the_message_names_the_key_file_that_is_wrong(installation: Installation) -> None:
    folder = installation.data_dir / "keys"
    right = {path.name: path.read_text() for path in folder.iterdir()}
    (folder / "secret.key").write_text("another secret\n")
    said = installation.refused("person", "list")
    assert f"The key in {folder / 'secret.key'} is not the one" in said
    assert "encryption.keys" not in said and "placet restore" in said
    (folder / "secret.key").write_text(right["secret.key"])
    (folder / "encryption.keys").write_text(Fernet.generate_key().decode())
    said = installation.refused("person", "list")
    assert f"The keys in {folder / 'encryption.keys'} are not those" in said
    assert "secret.key" not in said
    (folder / "encryption.keys").write_text(right["encryption.keys"])
    installation.good("person", "list")


def test_a_key_that_was_lost_before_there_was_a_database_is_said_with_what_to_do(
    installation: Installation,
) -> None:
    folder = installation.data_dir / "keys"
    (folder / "encryption.keys").unlink()
    if installation.kind == "sqlite":
        assert "start again" not in installation.refused("person", "list")
        (installation.data_dir / "placet.sqlite3").unlink()
    said = installation.refused("person", "list")
    assert f"remove {folder} and start again" in said


def test_keys_appear_both_or_none_however_a_first_start_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data" / "keys"
    write = keys._write_private

    def killed_at_the_second(path: Path, text: str) -> None:
        if path.name == keys.ENCRYPTION_FILE:
            raise KeyboardInterrupt
        write(path, text)

    monkeypatch.setattr(keys, "_write_private", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        keys.ensure_keys(folder, None)
    assert not folder.exists()
    monkeypatch.undo()
    assert keys.ensure_keys(folder, None)
    assert {path.name for path in folder.iterdir()} == {"secret.key", "encryption.keys", "audit.keys"}


def test_who_was_slower_at_the_first_start_takes_the_keys_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "keys"
    write = keys._write_private
    made: list[str] = []

    def somebody_is_faster(path: Path, text: str) -> None:
        if not made:
            made.append("meanwhile")
            assert keys.ensure_keys(folder, None)
            made.append(keys.read_secret(folder))
        write(path, text)

    monkeypatch.setattr(keys, "_write_private", somebody_is_faster)
    assert not keys.ensure_keys(folder, None)
    assert made[1:] == [keys.read_secret(folder)]
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_two_first_starts_at_once_both_work(tmp_path: Path) -> None:
    with new_installation(tmp_path / "data") as new:
        starts = [
            subprocess.Popen(
                [PLACET, "person", "list"],
                env=new.environment,
                stderr=subprocess.PIPE,
                text=True,
                cwd=tmp_path,
            )
            for _ in range(3)
        ]
        said = [start.communicate(timeout=PATIENCE)[1] for start in starts]
    assert [start.returncode for start in starts] == [0, 0, 0]
    assert {*said} <= {"", TABLES}, "nothing but what whoever makes the tables says"


def test_what_placet_writes_is_for_its_own_user_only(installation: Installation) -> None:
    def open_to_others() -> list[str]:
        paths = [installation.data_dir, *installation.data_dir.rglob("*")]
        return [path.name for path in paths if mode(path) & 0o077]

    assert open_to_others() == []
    installation.data_dir.chmod(0o755)
    first = installation.placet("person", "list").stderr
    assert f"Others could read {installation.data_dir}. From now on only its owner can." in first
    assert open_to_others() == []
    assert installation.placet("person", "list").stderr == ""  # said once


def test_a_folder_that_the_machine_shares_is_not_closed_to_the_others(
    begun: Installation, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    with copied(begun, shared) as made:
        shared.chmod(0o1777)
        said = made.placet("person", "list").stderr
    assert f"Others can read {shared}. Give Placet a folder of its own (PLACET_DATA_DIR)." in said
    assert mode(shared) == 0o1777


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
