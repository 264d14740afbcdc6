"""`python -m tools.changed_tests main`: the test files that a change since then can reach, one a line.

By imports, and by the few ways on which one file reaches another without them. What is reached by its name in a text
(a template, a signal) is seen by its folder: a file that is no Python counts as a change of every module of the package
that it lies in. A whole run is what counts; this one is for the time between.
"""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Set
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Whoever imports the first reaches the others too. "placet" and "placet.commands" are all that is in them.
REACHES = {
    "tests.installation": ["placet"],  # starts `placet` as a process
    "placet.cli": ["placet.commands"],  # by the command's name
    "django.test": ["placet.urls", "placet.settings"],
    "pytest_django.live_server_helper": ["placet.urls", "placet.settings"],
}
ALWAYS = [  # look at files that nobody imports
    "tests/clients/test_github_action.py", "tests/clients/test_operations.py", "tests/test_complete.py",
    "tests/test_deploy.py",
]  # fmt: skip
CLIENT = "clients/python/src"  # whose packages lie beside those of the root
EVERYTHING = ("pyproject.toml", "requirements/", "tests/conftest.py", "placet/settings.py")


def selected(changed: Set[str]) -> list[str]:
    """Test files, by their paths from the root, as the changed ones are given."""
    tests = [path for path in _python() if path.startswith("tests/") and _name(path).startswith("test_")]
    if any(path.startswith(EVERYTHING) for path in changed):
        return tests
    touched = {module for path in changed for module in _touched(path, _modules())}
    return [path for path in tests if path in ALWAYS or _reached(_module(path)) & touched]


def behind(wanted: Callable[[str], bool]) -> list[Path]:
    """Files of the modules whose names are wanted, and of all that they lead to, sorted."""
    reached = {name for module in _modules() if wanted(module) for name in _reached(module)}
    return sorted(ROOT / _modules()[name] for name in reached & _modules().keys())


def _touched(path: str, modules: Mapping[str, str]) -> Iterator[str]:
    if path.endswith(".py"):
        yield _module(path)
        return
    folder = Path(path).parent
    while folder.parts and f"{folder}/__init__.py" not in modules.values():
        folder = folder.parent
    if folder.parts:
        yield from (name for name, at in modules.items() if at.startswith(f"{folder}/"))


@cache
def _reached(module: str) -> Set[str]:
    """This module, and all that it leads to."""
    reached: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        if name in _modules():
            waiting += _leads_to(name)
    return reached


@cache
def _leads_to(module: str) -> list[str]:
    modules = _modules()
    if module == "tests.conftest":
        return []  # a change of it selects everything, and whoever uses its fixtures imports what these hold
    names = [*_imports(module, modules[module]), *_above(module)]
    names += [f"{package}.conftest" for package in _above(module)] if module.startswith("tests") else []
    for name in list(names):
        for reached in REACHES.get(name, ()):
            names.append(reached)
            names += [one for one in modules if one.startswith(f"{reached}.")] if reached in PACKAGES else []
    return names


PACKAGES = {"placet", "placet.commands"}


@cache
def _imports(module: str, path: str) -> tuple[str, ...]:
    """Each imported name with those above it, for it may be a module or something in one; inside functions too."""
    package = module.split(".") if path.endswith("__init__.py") else module.split(".")[:-1]
    names: list[str] = []
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and str(node.value).startswith("placet."):
            # As addresses include each other, and settings name a class or function of a module.
            names += [str(node.value), str(node.value).rpartition(".")[0]]
    return tuple(names)


def _above(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _module(path: str) -> str:
    name = path.removeprefix(f"{CLIENT}/").removesuffix(".py").removesuffix("/__init__")
    return name.replace("/", ".")


@cache
def _modules() -> Mapping[str, str]:
    return {_module(path): path for path in _python()}


@cache
def _python() -> list[str]:
    folders = ("placet", "tests", "tools", CLIENT)
    return sorted(path.relative_to(ROOT).as_posix() for at in folders for path in (ROOT / at).rglob("*.py"))


def _changed(since: str) -> set[str]:
    """Since the branch left the other one, with what is not committed yet."""
    base = _git("merge-base", since, "HEAD").strip()
    return {
        *_git("diff", "--name-only", base).splitlines(),
        *_git("ls-files", "-o", "--exclude-standard").splitlines(),
    }


def _git(*words: str) -> str:
    git = ["git", *words]
    return subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603


def left_out() -> tuple[str, ...]:
    """Beginnings of the paths of tests that a run of everything leaves out."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    return tuple(f"{one}/" for one in settings["norecursedirs"] if one.startswith("tests/"))


if __name__ == "__main__":
    for path in selected(_changed(sys.argv[1])):
        if not path.startswith(left_out()):
            sys.stdout.write(f"{path}\n")
