"""Keys of the processes that calls ask by (`placet.approvals.ad_hoc`): they say whose calls, so that nobody has to ask
the database. No process that people write has one."""

import re

from placet.accounts.models import Person

_KEY = re.compile(r"asked-by-person-([1-9][0-9]*)")
PREFIX = "asked-by-person-"
RESERVED = f"{PREFIX}… are the keys of what is asked for by the API; choose another one"


def key_for(caller: Person) -> str:
    return f"{PREFIX}{caller.pk}"


def caller_of(process_key: str) -> int | None:
    """The id of the person whose calls ask by a process; None of a process that people write."""
    match = _KEY.fullmatch(process_key)
    return int(match[1]) if match else None


def is_reserved(process_key: str) -> bool:
    return process_key.startswith(PREFIX)
