"""The log of this process: how much is written, and what went wrong since it started.

The last warnings and errors are kept in memory for the Diagnostics tab. What is kept is chosen so that no secret, no
text of a mail and no address of a person gets there: the name of what happened, numbers, words from a list of fields
that hold none of these, and of an exception its type and the lines of code it passed, never its message.
"""

import logging
import sys
import threading
import traceback
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from placet.lib.masking import masked

LEVELS = ("debug", "info", "warning", "error")
WRITTEN_BY = "stderr"  # the handler of Django's LOGGING that writes the log
MOST = 200  # different ones that are kept
DEEPEST = 12  # lines of code, and causes, of one exception
LONGEST = 300  # characters of one text
LONGEST_MASKED = 4 * LONGEST  # of them, what is masked at all
#: Fields of our own log lines whose words may be kept; their numbers always are.
TELLING = frozenset({"cause", "code", "fields", "kind", "next", "reason"})
#: Said of requests that Django refuses before any page of ours: their texts are the stranger's.
REFUSED = "django.security."
#: Its warnings are pages that strangers ask for and do not get; its errors are pages that failed.
PAGES = "django.request"
_PACKAGES = Path(__file__).resolve().parents[2]


# --- the level --------------------------------------------------------------------------------------------


def set_level(name: str) -> None:
    """How much is written from now on: one of LEVELS. Warnings reach the memory below in any case."""
    level = logging.getLevelNamesMapping()[name.upper()]
    root = logging.getLogger()
    root.setLevel(min(level, logging.WARNING))
    for handler in root.handlers:
        if handler.get_name() == WRITTEN_BY:
            handler.setLevel(level)


def level_now() -> str:
    """What `set_level` set last, or the settings did."""
    written = [h.level for h in logging.getLogger().handlers if h.get_name() == WRITTEN_BY]
    level = max([logging.getLogger().level, *written])
    return logging.getLevelName(level).lower()


# --- what went wrong --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    """A warning or error; the same one again only counts. `code`: where an exception came from, innermost last."""

    level: str
    logger: str
    event: str
    fields: Mapping[str, Any]
    exception: str  # types, from what was raised to what it came from
    code: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    times: int = 1


class Memory(logging.Handler):
    """Keeps the last `MOST` different warnings and errors."""

    def __init__(self, level: int = logging.WARNING) -> None:
        super().__init__(level)
        self.since = datetime.now(UTC)  # this process started a moment before
        self._kept: OrderedDict[tuple[Any, ...], Trouble] = OrderedDict()
        self._guard = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == PAGES and record.levelno < logging.ERROR:
            return
        try:
            trouble = _trouble(record)
        except Exception:  # noqa: BLE001 - as every handler of the standard library does: logging breaks nothing
            self.handleError(record)
        else:
            self._keep(trouble)

    def _keep(self, new: Trouble) -> None:
        same = [
            (name, value) for name, value in new.fields.items() if not isinstance(value, float)
        ]  # measured
        which = (new.logger, new.level, new.event, repr(same), new.exception, new.code)
        with self._guard:
            known = self._kept.pop(which, None)
            if known is not None:
                new = replace(new, first_at=known.first_at, times=known.times + 1)
            self._kept[which] = new
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def troubles(self) -> list[Trouble]:
        """The newest first."""
        with self._guard:
            return list(reversed(self._kept.values()))

    def forget(self) -> None:
        with self._guard:
            self._kept.clear()


memory = Memory()


def remembering() -> Memory:
    """The one memory of this process, for Django's LOGGING."""
    return memory


def _trouble(record: logging.LogRecord) -> Trouble:
    at = datetime.fromtimestamp(record.created, UTC)
    ours = record.msg if isinstance(record.msg, dict) else None  # as structlog hands it over
    raised = _raised(ours.get("exc_info") if ours else record.exc_info)
    return Trouble(
        level=record.levelname.lower(),
        logger=record.name,
        event=str(ours.get("event", "")) if ours else _foreign_event(record),
        fields=_fields(ours) if ours else _foreign_fields(record),
        exception=" ← ".join(_types(raised)),
        code=_code(raised),
        first_at=at,
        last_at=at,
    )


def _fields(event: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in event.items():
        if value is None or isinstance(value, bool | int | float):
            kept[name] = value
        elif name in TELLING:
            kept[name] = _short(str(value))
    return kept


def _foreign_event(record: logging.LogRecord) -> str:
    """The message of another library before its arguments are put in: they are what somebody sent."""
    if record.name.startswith(REFUSED):
        return "request refused"
    return _short(str(record.msg))


def _short(text: str) -> str:
    """Its beginning, masked; cut before, because masking takes time, and not within a word: a part of an address
    would not be known as one."""
    if len(text) > LONGEST_MASKED:
        text = text[:LONGEST_MASKED].rpartition(" ")[0] + " …"
    return masked(text)[:LONGEST]


def _foreign_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Of a request its route, because its path may hold a key."""
    found: dict[str, Any] = {}
    match = getattr(getattr(record, "request", None), "resolver_match", None)
    if match is not None:
        found["route"] = match.route
    status = getattr(record, "status_code", None)
    if isinstance(status, int):
        found["status"] = status
    return found


def _raised(exc_info: Any) -> BaseException | None:
    """The exception, in every form in which a log record may carry it."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1]  # type: ignore[no-any-return]  # a tuple of anything, as logging has it
    return sys.exc_info()[1] if exc_info else None


def _types(raised: BaseException | None) -> list[str]:
    found: list[str] = []
    while raised is not None and len(found) < DEEPEST:
        kind = type(raised)
        found.append(
            kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        )
        raised = raised.__cause__ or (None if raised.__suppress_context__ else raised.__context__)
    return found


def _code(raised: BaseException | None) -> tuple[str, ...]:
    trace: TracebackType | None = raised.__traceback__ if raised is not None else None
    frames = [
        (frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in traceback.walk_tb(trace)
    ]
    return tuple(f"{_inside(file)}:{line} {function}" for file, line, function in frames[-DEEPEST:])


def _inside(file: str) -> str:
    """A file's path without the place where Placet or its libraries are installed."""
    _, packages, inside = file.rpartition("site-packages/")
    if packages:
        return inside
    path = Path(file)
    return path.relative_to(_PACKAGES).as_posix() if path.is_relative_to(_PACKAGES) else path.name
