"""What `make release` publishes: the same bytes for the same commit; it has all that the package needs, and works by
itself, outside of a checkout."""

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from email import message_from_string
from email.message import Message
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import requests
from placet_client.version import __version__ as client_version

from placet import __version__
from tests.installation import PATIENCE, ended_after, free_port
from tests.once import Together
from tests.test_complete import PACKAGE, ROOT, modules, tracked
from tools import release
from tools.release import ReleaseInvalid

RUN = "import sys; from placet.cli import main; sys.exit(main())"
MOMENT = 1_764_374_400
CLIENT = ROOT / release.CLIENT
WORDS_SHIPPED = "from placet.replies.languages.table import shipped; print(len(shipped().get('codes')))"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is tracked, as a commit would give it, beside the data of somebody who ran it there."""
    tree = tmp_path_factory.mktemp("release") / "tree"
    for path in tracked():
        if path.is_relative_to(PACKAGE) or path.is_relative_to(CLIENT) or path.parent == ROOT:
            copy = tree / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    (tree / "placet-data" / "keys").mkdir(parents=True)
    (tree / "placet-data" / "keys" / "secret.py").write_text("must not be published")
    return tree


def built(tree: Path, folder: Path) -> Path:
    shutil.copytree(tree, folder / "tree")
    (folder / "dist").mkdir()
    return release.build(folder / "tree", folder / "dist", MOMENT)


@pytest.fixture(scope="module")
def wheel(tree: Path, together: Together) -> Path:
    """Built once for all processes that run these tests."""
    folder = together.files("wheel", lambda folder: built(tree, folder))
    (wheel,) = (folder / "dist").iterdir()
    return wheel


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> "Message[str, str]":
    with zipfile.ZipFile(wheel) as archive:
        return message_from_string(archive.read(f"placet-{__version__}.dist-info/METADATA").decode())


def test_it_holds_the_package_and_nothing_else(names: set[str]) -> None:
    needed = {path.relative_to(ROOT).as_posix() for path in tracked() if path.is_relative_to(PACKAGE)}
    needed = {name for name in needed if not name.endswith(".po")}  # a .mo is made of each
    assert any(name.endswith(".mo") for name in needed)
    needed.add(release.TABLE.as_posix())
    inside = {name for name in names if not name.startswith(f"placet-{__version__}.dist-info/")}
    assert inside == needed


def test_it_says_what_it_is(wheel: Path, names: set[str], metadata: "Message[str, str]") -> None:
    assert wheel.name == f"placet-{__version__}-py3-none-any.whl"
    assert (metadata["Name"], metadata["Version"]) == ("placet", __version__)
    assert (metadata["License-Expression"], metadata["License-File"]) == ("Apache-2.0", "LICENSE")
    assert f"placet-{__version__}.dist-info/licenses/LICENSE" in names
    assert metadata["Requires-Python"] == ">=3.11"
    assert "placet = placet.cli:main" in _entry_points(wheel)


def _entry_points(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(f"placet-{__version__}.dist-info/entry_points.txt").decode()


def _distribution(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_it_names_every_library_that_it_imports(metadata: "Message[str, str]") -> None:
    declared = {
        _distribution(re.split(r"[^\w.-]", line)[0]): "extra ==" in line
        for line in metadata.get_all("Requires-Dist", [])
    }
    known = packages_distributions()
    imported: set[str] = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
    theirs = imported - sys.stdlib_module_names - {"placet", "placet_client", "_typeshed"}  # ours, beside it
    undeclared = {
        name
        for name in theirs
        # One that is not installed (Kerberos's) is called as its module.
        if not {_distribution(one) for one in known.get(name, [name])} & declared.keys()
    }
    assert undeclared == set()
    assert {name for name, extra in declared.items() if extra} == {
        "anyio", "gssapi", "krb5", "mcp", "procrastinate", "psycopg", "starlette", "uvicorn",
    }  # fmt: skip


# --- it works ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Of a process that knows this Placet and not the checkout's."""
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLACET_")}
    data = tmp_path_factory.mktemp("elsewhere") / "data"
    return clean | {"PYTHONPATH": str(site), "PLACET_DATA_DIR": str(data)}


def _said(environment: Mapping[str, str], code: str, *words: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=environment, cwd=Path(environment["PLACET_DATA_DIR"]).parent, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_its_commands_find_samples_tables_and_languages(environment: Mapping[str, str]) -> None:
    assert environment["PYTHONPATH"] in _said(environment, "import placet; print(placet.__file__)")
    assert f"Placet {__version__}" in _said(environment, RUN, "--version")
    assert "Purchase order is published" in _said(environment, RUN, "process", "publish", "order")
    assert (
        int(_said(environment, "from placet.replies.languages import languages; print(len(languages()))"))
        > 20
    )


@pytest.fixture(scope="module")
def served(environment: Mapping[str, str]) -> Iterator[str]:
    listen = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "serve", "--listen", listen],
        env=environment, cwd=Path(environment["PLACET_DATA_DIR"]).parent, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        with ended_after(2 * PATIENCE, process) as lines:
            assert any("Placet runs at" in line for line in lines)
        yield f"http://{listen}"
    finally:
        process.terminate()
        process.wait(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()


def test_its_pages_have_their_templates_files_and_translations(served: str) -> None:
    page = requests.get(f"{served}/accounts/login/", headers={"Accept-Language": "fr"}, timeout=60)
    assert page.status_code == 200 and 'lang="fr"' in page.text
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert files
    for file in files:
        assert requests.get(f"{served}{file}", timeout=60).status_code == 200, file
    assert requests.get(f"{served}/readyz", timeout=60).text == "ready\n"


# --- the client beside it ----------------------------------------------------------------------------------


def test_the_client_is_a_wheel_of_its_own(tree: Path, tmp_path: Path) -> None:
    shutil.copytree(tree / release.CLIENT, tmp_path / "tree" / release.CLIENT)
    (tmp_path / "tree" / release.CLIENT / "src" / "local.py").write_text("must not be published")
    wheel = release.build_client(tmp_path / "tree", tmp_path, MOMENT)
    with zipfile.ZipFile(wheel) as archive:
        (stem,) = {name.partition("/")[0] for name in archive.namelist()} - {"placet_client"}
        metadata = message_from_string(archive.read(f"{stem}/METADATA").decode())
        assert "placet-ask = placet_client.ask:main" in archive.read(f"{stem}/entry_points.txt").decode()
        assert {entry.date_time[:3] for entry in archive.infolist()} == {(2025, 11, 29)}
        archive.extractall(tmp_path / "site")
    assert (metadata["Name"], metadata["Version"], metadata["Requires-Python"]) == (
        "placet-client", client_version, ">=3.10",
    )  # fmt: skip
    assert metadata.get_all("Requires-Dist") == ["requests>=2.32"]
    shown = subprocess.run(
        [sys.executable, "-m", "placet_client.ask", "--version"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert shown.stdout == f"placet-ask {client_version}\n"


# --- it is a release ---------------------------------------------------------------------------------------


@pytest.mark.whole  # .ci/run makes the release itself twice
def test_the_same_sources_give_the_same_bytes(
    wheel: Path, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in tree.rglob("*"):
        os.utime(path, (0, 0))
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    before = os.umask(0o077)
    try:
        again = built(tree, tmp_path)
    finally:
        os.umask(before)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(wheel.read_bytes()).digest()


@pytest.mark.long
def test_whoever_installs_it_makes_no_table_of_words(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "site"),
        "PYTHONPYCACHEPREFIX": str(tmp_path / "cache"),
    }
    started = subprocess.run(
        [sys.executable, "-c", WORDS_SHIPPED],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert int(started.stdout) > 20
    assert not [*(tmp_path / "cache").rglob("*.table")]


@pytest.mark.long
@pytest.mark.parametrize(
    "harm",
    [
        "a file more",
        "a file less",
        pytest.param("words of another table", marks=pytest.mark.whole),  # the table is made to see it
    ],
)
def test_a_wheel_that_is_not_whole_is_not_published(harm: str, wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        needed = {name for name in archive.namelist() if ".dist-info/" not in name}
        changed = tmp_path / wheel.name
        with zipfile.ZipFile(changed, "w") as other:
            for name in archive.namelist():
                if harm == "a file less" and name.endswith("placet.css"):
                    continue
                more = (
                    b"# another"
                    if harm == "words of another table" and name.endswith("languages/en.toml")
                    else b""
                )
                other.writestr(name, archive.read(name) + more)
            if harm == "a file more":
                other.writestr("placet/local.py", "")
    with pytest.raises(ReleaseInvalid):
        release._check(changed, needed, tmp_path / "site", os.environ)
