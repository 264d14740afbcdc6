"""How long an answer can be undone, as a process says it. Looks at nothing but what it is given.

undo: 10 minutes    of the process, or of a step; up to 60
undo: no            not at all, as where nothing is said
"""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

LONGEST = 60  # minutes
_PERIOD = re.compile(r"(?P<number>[1-9][0-9]?) minutes?")
NONE = timedelta()


def _not_at_all(value: Any) -> Any:
    return False if value in ("no", "0 minutes") or (type(value) is int and value == 0) else value


def _is_period(value: str | Literal[False]) -> str | Literal[False]:
    match = _PERIOD.fullmatch(value) if value else None
    if value and (match is None or int(match["number"]) > LONGEST):
        raise ValueError(f"say undo: 10 minutes, and at most {LONGEST} of them; or undo: no")
    return value


#: YAML reads “no” as false.
Grace = Annotated[
    Annotated[str, Field(json_schema_extra={"pattern": "^[1-9][0-9]? minutes?$"})] | Literal[False],
    AfterValidator(_is_period),
    BeforeValidator(_not_at_all),
]


def length_of(period: str | Literal[False] | None) -> timedelta:
    return timedelta(minutes=int(period.partition(" ")[0])) if period else NONE
