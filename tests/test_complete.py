"""What must be complete, and what must stay out. Fast: `make check` runs it too."""

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from placet.cli import COMMANDS, all_commands
from placet.commands.mcp import KEY_VARIABLE, URL_VARIABLE
from placet.lib.config import CONFIG_VARIABLE, PREFIX, Config
from placet.mailboxes.kinds import all_kinds
from placet.replies import refusals

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "placet"
DOCS = ROOT / "docs"

# --- imports point one way --------------------------------------------------------------------------------

LOWEST = {"lib", "__version__"}
LEASES = LOWEST | {"workers"}
ACCOUNTS = LEASES | {"accounts", "audit"}
MAILBOXES = ACCOUNTS | {"mailboxes"}
MAIL = MAILBOXES | {"mail"}
APPROVALS = MAIL | {"approvals"}
# What each part of the package may import: itself, and what lies below it. What is not named here stands on
# top (commands, work, urls, settings, wsgi, cli) and is imported by nobody below.
MAY_IMPORT = {
    "lib": LOWEST,
    "workers": LEASES,
    "audit": LOWEST | {"audit"},
    "accounts": ACCOUNTS,
    "mailboxes": MAILBOXES,
    "mail": MAIL,
    "alarms": MAIL | {"alarms"},
    "approvals": APPROVALS,
    "webhooks": APPROVALS | {"alarms", "webhooks"},  # what events are, and where they go; nothing of keys
    "workflowgen": APPROVALS
    | {"workflowgen"},  # makes drafts of files; what is read of mails does not know it
    "replies": APPROVALS | {"alarms", "replies"},  # what comes back is told of there
    # Other systems: keys, operations. Calls the engine, and knows no page.
    "api": APPROVALS | {"alarms", "webhooks", "api"},
    "portal": APPROVALS | {"api", "portal"},
    # Those who own processes make and try them there: replies are read, files of others become drafts.
    "designer": APPROVALS | {"replies", "portal", "workflowgen", "webhooks", "designer"},
    # Their owners look there at what they come to; the mail log's words are those of refusals.
    "reports": APPROVALS | {"replies", "portal", "designer", "panel", "reports"},
    # Administration has mails taken in again, and shares the pages' ways with the portal.
    "panel": APPROVALS | {"alarms", "replies", "portal", "workflowgen", "webhooks", "api", "panel"},
    # A process of its own, which calls the API by `placet_client` as any program does: no tables, no settings.
    "agents": LOWEST | {"agents"},
    "sandbox": LOWEST
    | {"sandbox"},  # a stand-in that shared code with what it tests would share its mistakes
}
TOP = {"commands", "work", "work_alone", "work_shared", "workforce", "urls", "settings", "web", "wsgi", "cli"}


def modules() -> Iterator[Path]:
    yield from sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    return part_of_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def part_of_module(name: str) -> str:
    """Of a dotted name. What a kind of mailbox has of its own pages and commands belongs to these, wherever it lies."""
    parts = [*name.split("."), "", ""]
    return parts[3] if parts[1] == "mailboxes" and parts[3] in ("panel", "commands") else parts[1]


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything of ours that a module imports, inside functions too."""
    package = ".".join(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "placet")


def test_every_part_of_the_package_has_its_place() -> None:
    parts = {part_of(path) for path in modules()} - {"__init__"}
    assert parts <= MAY_IMPORT.keys() | TOP, "say in MAY_IMPORT or TOP where the new part stands"


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_imports_point_one_way(part: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules()
        if part_of(path) == part
        for line, name in imported(path)
        if name != "placet" and part_of_module(name) not in MAY_IMPORT[part]
    ]
    assert not wrong, "\n".join(wrong)


# --- what there is, is documented -------------------------------------------------------------------------


@cache
def page(name: str) -> str:
    return (DOCS / name).read_text()


@pytest.mark.parametrize("command", all_commands())
def test_every_command_has_a_module_and_is_documented(command: str) -> None:
    assert (find_spec(f"placet.commands.{command}") is not None) == (command in COMMANDS)
    assert f"## placet {command}" in page("commands.md")


def test_every_module_of_the_commands_is_a_command_or_helps_them() -> None:
    helpers = {
        "__init__",
        "start",
        "locks",
        "new_tables",
        "database_archive",
        "running",
        "demo_page",
        "demo_systems",
        "mailbox_stamps",
        "mailbox_named",
        "mailbox_discover",
        "mailbox_consent",
    }
    assert {path.stem for path in (PACKAGE / "commands").glob("*.py")} - helpers == set(COMMANDS)


@pytest.mark.parametrize("name", Config.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in page("settings.md")


def test_documented_settings_exist() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Config.model_fields} | {CONFIG_VARIABLE}
    known |= {URL_VARIABLE, KEY_VARIABLE}  # of programs that call Placet
    told = {
        name for path in DOCS.glob("*.md") for name in re.findall(r"\bPLACET_[A-Z_]+\b", path.read_text())
    }
    assert told <= known


ROWS = dict.fromkeys(
    (row.label, row.name) for kind in all_kinds().values() for row in kind.settings_class.rows
)


@pytest.mark.parametrize(("label", "name"), ROWS)
def test_every_mailbox_field_is_documented(label: str, name: str) -> None:
    texts = [page(path.name) for path in DOCS.glob("*.md")]
    assert any(f"| {label} | `{name}` |" in text for text in texts)


@pytest.mark.parametrize("kind", [key for key, kind in all_kinds().items() if kind.receives])
def test_every_kind_of_mailbox_is_documented(kind: str) -> None:
    assert f"| {all_kinds()[kind].label} | `{kind}` |" in page("mailboxes.md")


def all_refusals(of: type[refusals.Refusal] = refusals.Refusal) -> Iterator[type[refusals.Refusal]]:
    for kind in of.__subclasses__():
        yield kind
        yield from all_refusals(kind)


GROUPS = (
    refusals.Automatic,
    refusals.Stranger,
    refusals.Unproved,
    refusals.Told,
    refusals.Incomplete,
)  # never raised themselves


@pytest.mark.parametrize("refusal", [kind for kind in all_refusals() if kind not in GROUPS])
def test_every_refusal_is_documented_with_who_is_told(refusal: type[refusals.Refusal]) -> None:
    (row,) = [line for line in page("mail-log.md").splitlines() if line.startswith(f"| `{refusal.key}` |")]
    assert ("sender" in row.split("|")[3]) == refusal.told
    assert ("person asked" in row.split("|")[3]) == refusal.notify_asked
    assert ("administrator" in row.split("|")[3]) == refusal.shown


def test_every_refusal_has_a_key_and_a_sentence_of_its_own() -> None:
    kinds = list(all_refusals())
    assert len({kind.key for kind in kinds}) == len(kinds)
    for kind in kinds:
        sentence = (kind.__doc__ or "").partition("\n")[0]
        assert sentence.endswith("."), kind
        assert kind.__name__ in (refusals.__doc__ or ""), f"{kind.__name__} is missing in the tree on top"


def links_in(text: str) -> Iterator[str]:
    yield from re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)


@pytest.mark.parametrize(
    "path", [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md"))], ids=lambda p: p.name
)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    dead = [
        link for link in links_in(path.read_text()) if "://" not in link and not (path.parent / link).exists()
    ]
    assert not dead


def test_every_page_can_be_reached_from_the_first_one() -> None:
    told = set(links_in(page("index.md")))
    assert {path.name for path in DOCS.glob("*.md")} - {"index.md"} <= told


# --- what must not be in the repository -------------------------------------------------------------------

# Put together here, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile("(?<![\\w.~])/(" + "|".join(["tmp", "root", "work", "home"]) + ")/\\w")
REGISTRIES = re.compile(
    "|".join(["pypi" + r"\.org", "python" + "hosted", "index" + "-url", "npm" + r"js\.org"])
)


@cache
def tracked() -> tuple[Path, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    return tuple(ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


def lines_with(pattern: re.Pattern[str], leave_out: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path.relative_to(ROOT).as_posix() not in leave_out
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_path_of_a_machine_is_in_a_file() -> None:
    assert not lines_with(MACHINE_PATHS, set())


def test_no_address_of_a_registry_is_in_a_file() -> None:
    # The Makefile holds the option that keeps such addresses out of the requirements.
    assert not lines_with(REGISTRIES, {"Makefile"})


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_requirements_are_locked_by_hash(name: str) -> None:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    entries = [at for at, line in enumerate(lines) if line and not line.startswith((" ", "#"))]
    assert entries
    for at in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?==\S+", lines[at]), lines[at]
        assert lines[at + 1].startswith("    --hash=sha256:"), lines[at]


def test_the_tests_need_what_runs_in_the_same_versions() -> None:
    def versions(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text()
        return set(re.findall(r"^([A-Za-z0-9._-]+==\S+)", text, re.MULTILINE))

    assert versions("run.txt") <= versions("dev.txt")


LONG_FILES: dict[str, str] = {}  # path below placet/ → why it is one file all the same
LONGEST_FILE = 800  # lines


def test_no_file_is_longer_than_one_can_read() -> None:
    long = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        if len(path.read_text().splitlines()) > LONGEST_FILE and "migrations" not in path.parts
    }
    assert long == set(LONG_FILES)


CLOCK = {"now", "today", "utcnow", "time", "monotonic"}


def asked_while_loaded(tree: ast.Module) -> Iterator[ast.Call]:
    """Calls of a clock, and of a function of the module that asks one, which run when the module is loaded: on a busy
    machine its tests run much later."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    asks = {one.name for one in functions if any(_name(call) in CLOCK for call in _calls(one.body))}
    for call in _calls(tree.body):
        if _name(call) in CLOCK | asks:
            yield call


def _calls(nodes: Iterable[ast.AST]) -> Iterator[ast.Call]:
    """Not those in the bodies of functions inside."""
    for node in nodes:
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.FunctionDef):
            yield from _calls([*node.decorator_list, *node.args.defaults])
            continue
        if isinstance(node, ast.Call):
            yield node
        yield from _calls(ast.iter_child_nodes(node))


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def test_no_test_asks_the_clock_while_it_is_loaded() -> None:
    asked = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for call in asked_while_loaded(ast.parse(path.read_text()))
    ]
    assert asked == []


def test_every_class_of_attacks_stands_in_the_table_of_the_docs() -> None:
    def class_of(module: str) -> str:
        return module.removeprefix("test_").replace("_", " ")

    folder = ROOT / "tests" / "attacks"
    classes = {class_of(path.stem) for path in folder.glob("test_*.py")} - {"arena"}
    section = (DOCS / "security.md").read_text().partition("## What was tried")[2]
    rows = re.findall(
        r"^\| ([a-z ]+) \| [0-9,]+ \| ([0-9,]+) \| ([0-9,]+) \|", section.partition("\n## ")[0], re.MULTILINE
    )
    assert {name for name, *_ in rows} == classes | {"together"}
    assert {accepted for *_, accepted in rows} == {"0"}
    delivering = {
        path.stem for path in folder.glob("test_*.py") if "\nEVERY_KIND = True\n" in path.read_text()
    }
    assert {name for name, delivered, _ in rows if delivered != "0"} - {"together"} == set(
        map(class_of, delivering)
    )
