"""Every test process has an installation of its own: a temporary data folder, made before Django's settings load.

The settings' module is named here and not in pyproject.toml, because pytest-django would load it before this file.
"""

import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zlib import crc32

import django
import hypothesis
import pytest

from placet.lib.collector import not_collecting
from tests.cases import each_alone, in_few
from tests.databases import asked_by_others, left_to_the_other, seen_by_a_second
from tests.once import Together
from tests.pythons import holds_none, seen_by_another
from tests.rotation import at_other_kinds, in_other_dresses, module_of, whole
from tests.sharing import ordered
from tests.statements import Notes, noted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from playwright.sync_api import Browser

    from placet.accounts.models import Person
    from tests.installation import Installation

DATA_DIR = Path(tempfile.mkdtemp(prefix="placet-tests-"))  # one for each xdist worker: each loads this file


def _own_environment() -> None:
    """Nothing that the developer set for their own Placet reaches the tests, except the wish for PostgreSQL."""
    for name in [name for name in os.environ if name.startswith("PLACET_")]:
        if name != "PLACET_DATABASE_URL":
            del os.environ[name]
    os.environ["PLACET_DATA_DIR"] = str(DATA_DIR)
    os.environ["PLACET_CONFIG"] = str(DATA_DIR / "placet.toml")  # not one that lies in the current folder
    (DATA_DIR / "placet.toml").touch()
    os.environ["DJANGO_SETTINGS_MODULE"] = "placet.settings"
    # Where this is set, as in many containers, each worker would compile all tests and each of the hundreds of
    # processes that they start all of Placet, which is a third of its time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


# How fast this machine is says nothing of what is tested. A test's own @settings keep both.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")

_own_environment()
TOGETHER = Together()
with not_collecting():
    django.setup()  # now: the folders below import models in their conftest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-only",
        action="store_true",
        help="what a second database may do in another way: tests/databases.py",
    )
    parser.addoption(
        "--other-python",
        action="store_true",
        help="what a second Python may do in another way: tests/pythons.py",
    )
    parser.addoption(
        "--in-turn",
        action="store_true",
        help="what goes over two ways to a mailbox goes over one of them on SQLite, over the other on PostgreSQL;"
        " attacks share their forgeries out",
    )
    parser.addoption(
        "--replies", type=int, default=12, help="how many replies come on a server's bad day (make soak: 200)"
    )
    parser.addoption(
        "--forgeries", type=int, default=120, help="how many mails each attack forges (make soak: 1200)"
    )
    parser.addoption(
        "--whole",
        action="store_true",
        help="all of what the suite shows a sample of: tests/rotation.py (make soak)",
    )
    parser.addoption(
        "--each-case",
        action="store_true",
        help="each case is a test of its own, also of tests that ask for nothing else: tests/cases.py",
    )
    parser.addoption(
        "--sampled-only",
        action="store_true",
        help="leave out what does the same with --whole and --forgeries as without them (make soak)",
    )


def pytest_configure(config: pytest.Config) -> None:
    from django.conf import settings

    from tests.attacks.tally import Tally

    config.pluginmanager.register(Tally())
    seen_again = config.getoption("--database-only") or config.getoption("--other-python") or _on_postgresql()
    if config.getoption("--in-turn") and not seen_again and not config.option.collectonly:
        config.pluginmanager.register(Notes(config))

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # tests make many people
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        # A file and not memory: threads see it as they do in production, with WAL.
        database["TEST"] = {**database.get("TEST", {}), "NAME": str(DATA_DIR / "test.sqlite3")}


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """The tests' database begins as a copy of tables that one process made for all."""
    from django.conf import settings

    made, database = TOGETHER.tables(), settings.DATABASES["default"]
    if made.database_url:
        database.setdefault("TEST", {})["TEMPLATE"] = urlsplit(made.database_url).path.lstrip("/")
    else:
        shutil.copy(made.data_dir / "placet.sqlite3", database["TEST"]["NAME"])


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Tables are emptied behind each test that commits, and Django would write the kinds of all models and the rights
    to them anew each time. Placet asks for none of them."""
    from django.contrib.auth.management import create_permissions
    from django.contrib.contenttypes.management import create_contenttypes
    from django.db.models.signals import post_migrate

    rights = f"{create_permissions.__module__}.{create_permissions.__name__}"
    assert post_migrate.disconnect(dispatch_uid=rights)
    assert post_migrate.disconnect(create_contenttypes)


@pytest.fixture(scope="session", autouse=True)
def _tables_are_emptied_and_not_made_anew() -> "Iterator[None]":
    """Behind each test that commits, PostgreSQL's TRUNCATE would make a new file for every table and index, however
    empty. Like it, this waits for whoever still writes."""
    if not _on_postgresql():
        yield
        return
    from django.apps import apps
    from django.db.backends.postgresql.operations import DatabaseOperations

    unmanaged = [model._meta.db_table for model in apps.get_app_config("procrastinate").get_models()]

    def sql_flush(
        self: DatabaseOperations,
        style: object,
        tables: "Iterable[str]",
        *,
        reset_sequences: bool = False,
        allow_cascade: bool = False,
    ) -> list[str]:
        assert not reset_sequences
        assert not allow_cascade
        # Procrastinate makes its tables by itself, so Django names none of them: what a killed process had in hand
        # would still be there for the next test.
        names = [self.quote_name(table) for table in [*tables, *unmanaged]]
        return ["; ".join([f"LOCK TABLE {', '.join(names)}", *(f"DELETE FROM {name}" for name in names)])]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        yield


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """SQLite's file is there already; it goes with the folder."""
    return not _on_postgresql()


@pytest.fixture(autouse=True)
def _in_english() -> "Iterator[None]":
    """Commands leave no language active, and the next test in the same process would write numbers otherwise."""
    from django.utils import translation

    with translation.override("en"):
        yield


@pytest.fixture(scope="session", autouse=True)
def _static_files_looked_up_once() -> "Iterator[None]":
    """Every test client loads the middleware anew, and WhiteNoise would look at each file that there is: that was half
    of what a page took."""
    from whitenoise.middleware import WhiteNoiseMiddleware

    known: dict[str, dict[str, object]] = {}  # by where they are below
    look_up = WhiteNoiseMiddleware.add_files_from_finders

    def once(middleware: WhiteNoiseMiddleware) -> None:
        if middleware.static_prefix not in known:
            look_up(middleware)
            known[middleware.static_prefix] = dict(middleware.files)
        middleware.files.update(known[middleware.static_prefix])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _verified_in_this_process() -> "Iterator[None]":
    """Others know nothing of a test's database. PostgreSQL counts on from test to test, so that after some thousand
    requests the record of a single one looks like a large one."""
    from placet.commands import audit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit, "FEW", sys.maxsize)
        yield


LONGEST_ID = 80


def pytest_make_parametrize_id(val: object) -> str | None:
    """A mail of megabytes would be the name of its test: sent between processes, printed and kept with each result."""
    if not isinstance(val, str | bytes) or len(val) <= LONGEST_ID:
        return None  # pytest's own
    raw = val.encode("utf-8", "surrogatepass") if isinstance(val, str) else val
    return f"{val[:40]!a} {len(val)} {crc32(raw):08x}"


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Function] | None:
    if not isinstance(collector, pytest.Module) or each_alone(collector.config):
        return None
    return in_few(collector, name, obj)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What a second Python sees nothing of is neither compiled nor loaded by it."""
    spared = config.getoption("--other-python") and holds_none(collection_path)
    return True if spared else None


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around the choice of tests by their markers
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> "Generator[None, object, object]":
    _marked_and_left_out(config, items)
    result = yield
    if hasattr(config, "workerinput"):
        items[:] = ordered(items, config.workerinput["workercount"])
    return result


def _marked_and_left_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
        if "arena" in getattr(item, "fixturenames", ()):
            item.add_marker("attack")
    _leave_out(config, items, lambda item: item.get_closest_marker("whole") is None or whole(config))
    if not whole(config):
        attacks = [item for item in items if module_of(item).startswith("tests.attacks.")]
        others = {*in_other_dresses(items), *at_other_kinds(attacks, ("graph", "ews"))}
        _leave_out(config, items, lambda item: item not in others)
    if not _on_postgresql():
        _leave_out(config, items, lambda item: item.get_closest_marker("postgresql") is None)
    if config.getoption("--sampled-only"):
        _leave_out(config, items, _is_sampled)
    if config.getoption("--database-only"):
        seen = seen_by_a_second(items)
        _leave_out(config, items, lambda item: item in seen)
    if config.getoption("--other-python"):
        of_another = seen_by_another(items)
        _leave_out(config, items, lambda item: item in of_another)
    if config.getoption("--in-turn"):
        elsewhere = left_to_the_other(items, int(_on_postgresql()))
        _leave_out(config, items, lambda item: item not in elsewhere)
    if config.getoption("--database-only"):
        asked = asked_by_others(items, noted())
        _leave_out(config, items, lambda item: item not in asked)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> "Generator[None, object, object]":
    with not_collecting():  # the test modules are loaded, and with them all of Placet
        return (yield)


@pytest.hookimpl(trylast=True)  # all test modules are loaded
def pytest_collection_finish() -> None:
    # What is loaded now stays: looking through it for garbage again and again took a seventh of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _leave_out(
    config: pytest.Config, items: list[pytest.Item], unless: "Callable[[pytest.Item], bool]"
) -> None:
    left_out = [item for item in items if not unless(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if unless(item)]


def _is_sampled(item: pytest.Item) -> bool:
    """The suite shows a sample of it, or it stands in a module that asks how much is wanted."""
    module = getattr(item, "module", None)
    attacks = getattr(module, "__name__", "").startswith("tests.attacks.")
    asks = any(hasattr(module, name) for name in ("whole", "examples"))
    marked = any(item.get_closest_marker(name) for name in ("whole", "dressed"))
    return attacks or marked or asks


def _on_postgresql() -> bool:
    return os.environ.get("PLACET_DATABASE_URL", "").startswith("postgres")


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """At its end each of its runs would look through all that is loaded here for garbage, five times."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:unraisableexception")
    return pytester


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    # Settings are loaded. A worker of xdist that inherited the name would load them before this file, and so
    # share the data folder of the process that started it.
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_unconfigure() -> None:
    TOGETHER.remove()
    shutil.rmtree(DATA_DIR, ignore_errors=True)


# --- people -----------------------------------------------------------------------------------------------
# Alice asks, Bob is her manager, Carol is finance, Dave has nothing to do with it, Ada administers.

PASSWORD = "correct horse battery"


def _add(name: str, address: str, manager: "Person | None" = None, administrator: bool = False) -> "Person":
    from placet.accounts.addresses import add_person  # Django is ready only when a test runs

    return add_person(name, address, password=PASSWORD, manager=manager, administrator=administrator)


@pytest.fixture
def bob(db: None) -> "Person":
    return _add("Bob Manager", "bob@contoso.example")


@pytest.fixture
def alice(bob: "Person") -> "Person":
    return _add("Alice Requester", "alice@contoso.example", manager=bob)


@pytest.fixture
def carol(db: None) -> "Person":
    from placet.accounts.models import Group

    carol = _add("Carol Finance", "carol@contoso.example")
    group, _ = Group.objects.get_or_create(key="finance", defaults={"name": "Finance"})
    group.members.add(carol)
    return carol


@pytest.fixture
def dave(db: None) -> "Person":
    return _add("Dave Stranger", "dave@contoso.example")


@pytest.fixture
def admin(db: None) -> "Person":
    return _add("Ada Administrator", "ada@contoso.example", administrator=True)


# --- an installation of its own ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def together() -> Together:
    """What is made once for all processes of a run."""
    return TOGETHER


@pytest.fixture(scope="session")
def begun() -> "Installation":
    """With tables and keys, as its first command left it, and nobody in it. To be copied, never changed."""
    return TOGETHER.begun()


# --- a real browser ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """For the tests of one file; whoever uses it is marked as `browser`."""
    from tests.pages.browsing import launched

    with launched() as browser:
        yield browser
