"""One file that holds many, and notices when it was damaged: a gzipped tar with a manifest as its last member.

    write(target, sources, about, overwrite)    pack files into `target`
    unpack(archive, into)                       check everything, then hand over

The manifest (`manifest.json`) says for each member its size and SHA-256, and carries whatever `about` says.
Standing last, it is missing from an archive that was cut off. It tells damage, not malice: nothing is signed.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

MANIFEST = "manifest.json"
FORMAT = 1
CHUNK = 1024 * 1024  # bytes
COMPRESSION = 6  # of 9: above it the time doubles for a few per cent
LARGEST_MANIFEST = 256 * 1024 * 1024  # bytes


class ArchiveError(Exception):
    """The archive cannot be written or believed; the message says what to do."""


@dataclass(frozen=True)
class Member:
    """What the manifest says of one file."""

    size: int  # bytes
    sha256: str  # hexadecimal


# --- writing ----------------------------------------------------------------------------------------------


def write(
    target: Path,
    sources: Iterable[tuple[str, Path]],
    about: Mapping[str, Any],
    *,
    overwrite: bool = False,
    packed: Callable[[int], None] = lambda _bytes: None,
) -> dict[str, Member]:
    """Pack `sources` (name in the archive, file) in their order; the members as written. `packed` is told again and
    again how many bytes of them were read.

    `target` appears whole or not at all, readable by its owner only. ArchiveError if it is there already and
    may not be overwritten. A source that is gone by its turn is left out; OSError passes through.
    """
    if target.exists() and not overwrite:
        raise there_already(target)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 600
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            members = _pack(file, sources, about, packed)
            file.flush()
            os.fsync(file.fileno())
        _put_in_place(partial, target, overwrite)
    finally:
        partial.unlink(missing_ok=True)
    return members


def _pack(
    file: IO[bytes],
    sources: Iterable[tuple[str, Path]],
    about: Mapping[str, Any],
    packed: Callable[[int], None],
) -> dict[str, Member]:
    members: dict[str, Member] = {}
    before = 0

    def so_far(of_this: int) -> None:
        packed(before + of_this)

    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=COMPRESSION) as tar:
        for name, path in sources:
            member = _add(tar, name, path, so_far)
            if member is not None:
                members[name] = member
                before += member.size
        listed = {name: {"size": member.size, "sha256": member.sha256} for name, member in members.items()}
        manifest = json.dumps({**about, "format": FORMAT, "members": listed}, indent=1).encode()
        tar.addfile(_entry(MANIFEST, len(manifest), 0), io.BytesIO(manifest))
    return members


def _add(tar: tarfile.TarFile, name: str, path: Path, so_far: Callable[[int], None]) -> Member | None:
    if not _stays_inside(name):
        raise ArchiveError(f"A file called {name!r} cannot be brought back from an archive. Rename it first.")
    try:
        source = path.open("rb")
    except FileNotFoundError:
        return None
    with source:
        found = os.fstat(source.fileno())
        reader = _Hashing(source, so_far)
        # Exactly the size of this moment is read, so a file that grows meanwhile stays a whole member.
        tar.addfile(_entry(name, found.st_size, int(found.st_mtime)), reader)
        return Member(found.st_size, reader.digest.hexdigest())


def _entry(name: str, size: int, modified: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, modified, 0o600
    return entry


class _Hashing:
    """A file that is hashed as it is read."""

    def __init__(self, file: IO[bytes], so_far: Callable[[int], None] = lambda _bytes: None) -> None:
        self._file, self._so_far, self._read = file, so_far, 0
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        self._read += len(data)
        self._so_far(self._read)
        return data


def _put_in_place(partial: Path, target: Path, overwrite: bool) -> None:
    if overwrite:
        partial.replace(target)
        return
    try:
        os.link(partial, target)  # unlike a rename, never takes the place of a file that is there
    except FileExistsError:
        raise there_already(target) from None
    except OSError:  # a file system without hard links
        if target.exists():
            raise there_already(target) from None
        partial.replace(target)


def there_already(target: Path) -> ArchiveError:
    return ArchiveError(f"{target} is there already; choose another name, or say --force to replace it.")


# --- reading ----------------------------------------------------------------------------------------------


def unpack(
    archive: Path, into: Path, unpacked: Callable[[int], None] = lambda _bytes: None
) -> dict[str, Any]:
    """Unpack into the empty folder `into`, check every member, and give what the manifest says. `unpacked` hears how
    many bytes of the archive were read, now and then.

    ArchiveError if anything is damaged, missing, too much, or would land outside of `into`; then `into` may
    hold files that nobody should use. Files are readable by their owner only.
    """
    found: dict[str, Member] = {}
    try:
        with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:gz") as tar:
            for entry in tar:
                if MANIFEST in found:
                    raise ArchiveError(f"{archive}: {entry.name!r} stands behind the manifest.")
                _check_entry(archive, entry, found)
                source = tar.extractfile(entry)
                if source is None:
                    raise ArchiveError(f"{archive}: {entry.name!r} cannot be read.")
                found[entry.name] = _copy(source, into / entry.name, lambda _bytes: unpacked(raw.tell()))
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ArchiveError(f"{archive} is damaged or is no backup ({error}). Take another one.") from error
    return _checked(archive, found, into / MANIFEST)


def _check_entry(archive: Path, entry: tarfile.TarInfo, found: Mapping[str, Member]) -> None:
    if not _stays_inside(entry.name):
        raise ArchiveError(f"{archive}: {entry.name!r} would land outside of the folder. Nothing was taken.")
    if not entry.isreg():
        raise ArchiveError(f"{archive}: {entry.name!r} is not a plain file. Nothing was taken.")
    if entry.name in found:
        raise ArchiveError(f"{archive}: {entry.name!r} is in it twice. Nothing was taken.")


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    plain = name.isprintable() and "\\" not in name and str(path) == name
    return plain and not path.is_absolute() and ".." not in path.parts


def _copy(source: IO[bytes], path: Path, so_far: Callable[[int], None]) -> Member:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    reader = _Hashing(source, so_far)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(reader, file, CHUNK)
        size = file.tell()
    return Member(size, reader.digest.hexdigest())


def _checked(archive: Path, found: Mapping[str, Member], manifest: Path) -> dict[str, Any]:
    if MANIFEST not in found or found[MANIFEST].size > LARGEST_MANIFEST:
        raise ArchiveError(
            f"{archive} has no manifest: it is damaged, was cut off, or is no backup. Take another one."
        )
    try:
        about = json.loads(manifest.read_bytes())
        listed = {name: Member(said["size"], said["sha256"]) for name, said in about["members"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArchiveError(f"{archive}: its manifest cannot be read. Take another one.") from error
    if about.get("format") != FORMAT:
        raise ArchiveError(f"{archive} is of a form that this version does not know. Use a newer version.")
    for name in sorted(listed.keys() | (found.keys() - {MANIFEST})):
        if name not in found:
            raise ArchiveError(f"{archive}: {name} is missing. Take another one.")
        if name not in listed:
            raise ArchiveError(f"{archive}: {name!r} is not in the manifest. Nothing was taken.")
        if found[name] != listed[name]:
            raise ArchiveError(
                f"{archive}: {name} was damaged or changed (SHA-256 differs). Take another one."
            )
    manifest.unlink()
    return {name: value for name, value in about.items() if name not in ("format", "members")}
