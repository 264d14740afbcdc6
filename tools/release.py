"""`make release`: of the last commit, into dist/: the wheels of Placet and of its client, the node for n8n, the
libraries that they were tested with (for pip, each with its hashes), what is new by the changelog, and SHA256SUMS.

The same commit gives the same bytes: files have the time of the commit. Beside what is tracked the wheel has the table
of the words of replies, so that nobody who installs it has to make it.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tools import npm

ROOT = Path(__file__).parents[1]
LANGUAGES = Path("placet/replies/languages")
TABLE = LANGUAGES / "words.table"
CLIENT = Path("clients/python")
NODE = Path("clients/n8n")
#: By what a file of the release is called, the file of requirements/ that it is.
REQUIREMENTS = {"requirements": "run.txt", "requirements-mcp": "mcp.txt"}
_WHOLE = (
    "import sys; from placet.replies.languages import table as t; "
    "sys.exit(t._kept(t.SHIPPED / t.IN_WHEEL, t._source()) is None)"
)


class ReleaseInvalid(Exception):
    """It cannot be published; the message says why."""


def main() -> int:
    if _git("status", "--porcelain"):
        sys.stderr.write("What is not committed is not in the release.\n")
    target = ROOT / "dist"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    os.umask(0o022)  # npm packs files with the rights that they were made with
    try:
        with tempfile.TemporaryDirectory(prefix="placet-release-") as folder:
            tree = Path(folder) / "tree"
            export(tree)
            version = version_of(tree)
            notes = notes_of((tree / "CHANGELOG.md").read_text(), version)
            moment = int(_git("log", "-1", "--format=%ct"))
            build(tree, target, moment)
            build_client(tree, target, moment)
            build_node(tree, target, Path(sys.prefix) / "n8n-nodes-placet")
            (target / f"placet-{version}-notes.md").write_text(notes)
            for name, file in REQUIREMENTS.items():
                shutil.copyfile(tree / "requirements" / file, target / f"placet-{version}-{name}.txt")
    except (ReleaseInvalid, npm.NotInstalled) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sums = checksums(target)
    (target / "SHA256SUMS").write_text(sums)
    sys.stdout.write(f"Placet {version} in {target.relative_to(ROOT)}/:\n{sums}")
    return 0


def version_of(tree: Path) -> str:
    return _version_in(tree, "placet/__init__.py")


def _version_in(tree: Path, file: str) -> str:
    line = re.search(r'^__version__ = "(\d+\.\d+\.\d+)"$', (tree / file).read_text(), re.M)
    if line is None:
        raise ReleaseInvalid(f"{file} has no __version__ such as 0.2.0.")
    return line[1]


def notes_of(changelog: str, version: str) -> str:
    """What the changelog says of this version. ReleaseInvalid if nothing, or if it gives no date."""
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    found = re.search(rf"{heading}\n(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    if found is None or not found[1].strip():
        raise ReleaseInvalid(f"CHANGELOG.md has no “## [{version}] - YYYY-MM-DD” with what is new.")
    return f"# Placet {version}\n\n{found[1].strip()}\n"


def build(tree: Path, target: Path, moment: int) -> Path:
    """The wheel of what lies in `tree`, with all that it needs. `moment`: of every file, seconds since 1970."""
    environment = _environment(tree, moment)
    cached = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    tracked = {path.relative_to(tree) for path in (tree / "placet").rglob("*") if path.is_file()}
    _python(
        {**cached, "PYTHONPYCACHEPREFIX": str(tree / "cache")}, tree, "-m", "placet.replies.languages.table"
    )
    (table,) = (tree / "cache").rglob("words.*.table")
    table.rename(tree / TABLE)
    shutil.rmtree(tree / "cache")
    _pip_wheel(environment, tree, target)
    wheel = target / f"placet-{version_of(tree)}-py3-none-any.whl"
    needed = {path.as_posix() for path in {*tracked, TABLE} if path.suffix != ".po"}  # a .mo is made of each
    _check(wheel, needed, tree / "installed", environment)
    return wheel


def build_client(tree: Path, target: Path, moment: int) -> Path:
    """The wheel of `placet-client` of what lies in `tree`, with what is tracked and nothing else."""
    project = tree / CLIENT
    source = project / "src"
    package = source / "placet_client"
    tracked = {path.relative_to(source).as_posix() for path in package.rglob("*") if path.is_file()}
    _pip_wheel(_environment(tree, moment), project, target)
    version = _version_in(tree, (package / "version.py").relative_to(tree).as_posix())
    wheel = target / f"placet_client-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        _check_names(archive, tracked)
    return wheel


def build_node(tree: Path, target: Path, tools: Path) -> Path:
    """The package for npm of the node for n8n, of what lies in `tree`. `tools`: the folder that its compiler is put in,
    which comes from npm, by its hashes. npm.NotInstalled where that cannot be had, or does not compile it."""
    source = tree / NODE
    packages = npm.install(source, tools) / "node_modules"
    (source / "node_modules").symlink_to(packages)
    npm.run(source, "run", "build")
    npm.run(source, "pack", "--ignore-scripts", "--pack-destination", str(target))
    about = json.loads((source / "package.json").read_text())
    package = target / f"{about['name']}-{about['version']}.tgz"
    with tarfile.open(package) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    if missing := {*about["n8n"]["nodes"], *about["n8n"]["credentials"], "LICENSE", "README.md"} - names:
        raise ReleaseInvalid(f"The node for n8n lacks {', '.join(sorted(missing))}.")
    return package


def _environment(tree: Path, moment: int) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PLACET_")},
        "PYTHONPATH": str(tree), "SOURCE_DATE_EPOCH": str(moment),
        "PYTHONDONTWRITEBYTECODE": "1",  # what is compiled of pip and setuptools is used, and nothing added to it
    }  # fmt: skip


def _pip_wheel(environment: Mapping[str, str], project: Path, target: Path) -> None:
    _python(
        environment, project, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--no-build-isolation", "--no-index", "--wheel-dir", str(target), ".",
    )  # fmt: skip


def _check_names(archive: zipfile.ZipFile, needed: set[str]) -> None:
    """ReleaseInvalid unless it holds what is needed and nothing else."""
    names = {name for name in archive.namelist() if ".dist-info/" not in name}
    if names != needed:
        raise ReleaseInvalid(
            f"The wheel is not what is tracked; these differ: {', '.join(sorted(names ^ needed))}"
        )


def _check(wheel: Path, needed: set[str], site: Path, environment: Mapping[str, str]) -> None:
    """ReleaseInvalid unless it holds what is needed and nothing else, and its table is one of its words."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)  # noqa: S202 - made here
        _check_names(archive, needed)
    try:
        _python({**environment, "PYTHONPATH": str(site)}, site, "-c", _WHOLE)
    except subprocess.CalledProcessError as error:
        raise ReleaseInvalid("The table of words in the wheel is not of its words.") from error


def checksums(folder: Path) -> str:
    """As `sha256sum --check` reads them."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != "SHA256SUMS")
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def export(tree: Path) -> None:
    """What is committed, put into a folder."""
    archive = tree.with_suffix(".tar")
    _git("-c", "tar.umask=0022", "archive", f"--output={archive}", "HEAD")
    with tarfile.open(archive) as file:
        file.extractall(tree, filter="data")


def _git(*words: str) -> str:
    command = ["git", *words]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    return ended.stdout.strip()


def _python(environment: Mapping[str, str], folder: Path, *words: str) -> None:
    command = [sys.executable, *words]
    subprocess.run(command, cwd=folder, env=environment, umask=0o022, check=True)  # noqa: S603 - our own command


if __name__ == "__main__":
    sys.exit(main())
