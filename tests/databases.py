"""Which tests a second database sees too (--database-only): what two of them may do in two ways.

All of what commits or starts Placet (locks, claims, leases, workers), of what is marked `postgresql`, and of the
modules in WHOLE. Of everything else, which asks by the ORM what every database answers alike, each test in one of its
cases; of a module that shows a page or judges attacks one test alone. Where the first database noted what each of these
asks, those are left out of which others ask every statement (tests/statements.py). What goes over two ways to a mailbox
takes turns (tests/rotation.py): the first database sees each case over one way, the second the other way of one case of
each test.
"""

from collections.abc import Iterable, Sequence

import pytest

from tests.rotation import WAYS, in_turn, module_of, name_of, one_of_each
from tests.statements import Statements, asking_nothing_else

#: SQL of our own, statements made ahead, constraints, claims, migrations, sorting and searching, and the engine.
WHOLE = frozenset(
    f"tests.{part}.test_{name}"
    for part, names in {
        "accounts": ("addresses", "general_once", "tidy"),
        "alarms": ("serving",),
        "approvals": (
            "blocks_model", "engine", "engine_model", "evidence", "seams", "sent_before_lookups", "verification",
        ),
        "audit": ("beginning", "chain", "checkpoints", "commitments", "installation", "packing"),
        "commands": ("database", "new_tables"),
        "designer": ("cases", "replay", "trying"),
        "lib": ("casefold", "fields", "prepared", "rows"),
        "mail": ("outbox", "packing", "read_past", "sent_items", "tasks"),
        "mailboxes": ("graph_subscriptions", "store"),
        "pages": ("lists", "search", "several", "starting"),
        "releases": ("opening",),
        "reports": ("figures",),
        "replies": ("claims", "fetch", "noticed", "settle", "statements"),
        "webhooks": ("announcing", "faults"),
    }.items()
    for name in names
)  # fmt: skip

#: Pages that count, sort and lock more than others: each test, not one of the module.
PAGES = frozenset(f"tests.pages.test_{name}" for name in ("filling", "people", "permissions", "portal"))

COMMITS = {"transactional_db", "live_server", "begun"}
NEVER = ("any_database", "attack", "browser", "demo")


def seen_by_a_second(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    """Those of them that a second database sees."""
    asking = set(filter(_asks, items))
    differing = {item for item in asking if _differs(item) or _goes_over_ways(item)}
    return differing | one_of_each(asking - differing, _kind)


def asked_by_others(seen: Iterable[pytest.Item], statements: Statements) -> set[pytest.Item]:
    """Of those that a second database sees: what it may do in no other way, and is asked by another of them."""
    seen = set(seen)
    alike = {item for item in seen if not _differs(item) and not _goes_over_ways(item)}
    return asking_nothing_else(alike, seen - alike, statements)


def left_to_the_other(items: Sequence[pytest.Item], turn: int) -> set[pytest.Item]:
    """Those that go over a way to a mailbox which is the other database's turn, and on the second one those whose test
    is seen there in another case. What a second one does not see goes over every way on the first. `turn`: 0 on the
    first, 1 on the second."""
    on_both = seen_by_a_second(items)
    left = set(in_turn([item for item in items if item in on_both], turn))
    if turn:
        alike = {item for item in on_both - left if _goes_over_ways(item) and not _differs(item)}
        left |= alike - one_of_each(alike)
    return left


def _asks(item: pytest.Item) -> bool:
    """A database of its own, or one of an installation that it starts."""
    if any(item.get_closest_marker(name) for name in NEVER):
        return False
    fixtures = {"db", *COMMITS} & set(getattr(item, "fixturenames", ()))
    marked = item.get_closest_marker("django_db") or item.get_closest_marker("postgresql")
    return bool(fixtures or marked) or _starts(item)


def _starts(item: pytest.Item) -> bool:
    return hasattr(getattr(item, "module", None), "new_installation")


def _differs(item: pytest.Item) -> bool:
    database = item.get_closest_marker("django_db")
    commits = COMMITS & set(getattr(item, "fixturenames", ())) or (
        database and database.kwargs.get("transaction")
    )
    marked = item.get_closest_marker("postgresql")
    return bool(commits or marked) or _starts(item) or module_of(item) in WHOLE


def _goes_over_ways(item: pytest.Item) -> bool:
    return bool(set(WAYS) & set(getattr(getattr(item, "callspec", None), "params", {})))


def _kind(item: pytest.Item) -> str:
    """What one of is enough."""
    module = module_of(item)
    one_alone = module.startswith(("tests.pages.", "tests.attacks.")) and module not in PAGES
    return module if one_alone else name_of(item)
