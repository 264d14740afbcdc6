"""Which tests a second Python sees (--other-python): what two of them may do in two ways.

That is their library: what reads mails and files, speaks with servers and starts programs, which are the parts below.
All of what reads mails is seen, of the snapshot a quarter, and of everything else there each test in one of its cases.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.rotation import module_of, one_of_each

TESTS = Path(__file__).parent
PARTS = (
    "accounts",
    "audit",
    "clients",
    "commands",
    "lib",
    "mail",
    "mailboxes",
    "replies",
    "sandbox",
    "test_backup",
)

#: Texts and mails as they come: what `email`, `re`, `html` and `unicodedata` make of them.
WHOLE = (
    "tests.lib.",
    "tests.mail.test_mime",
    "tests.mail.test_unwrapping",
    "tests.replies.test_addresses",
    "tests.replies.test_automatic",
    "tests.replies.test_heads",
    "tests.replies.test_hostile",
    "tests.replies.test_mails",
    "tests.replies.test_quotes",
    "tests.replies.test_snapshot",
    "tests.sandbox.test_mime",
)


def holds_none(path: Path) -> bool:
    """Whether a folder or module of the tests has none that a second Python sees."""
    if TESTS not in path.parents:
        return False
    return path.relative_to(TESTS).parts[0].removesuffix(".py") not in PARTS


def seen_by_another(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    """Those of them that a second Python sees."""
    ours = {item for item in items if set(PARTS) & set(module_of(item).split("."))}
    whole = {item for item in ours if module_of(item).startswith(WHOLE)}
    return whole | one_of_each(ours - whole)
