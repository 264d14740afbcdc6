"""What the installation says of itself on every page and mail: the General tab of the Configuration Panel.

What the operator set (`placet.lib.config`, from the environment or placet.toml) wins over what was entered there.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from placet.accounts.installation import check_keys
from placet.accounts.models import Installation
from placet.lib.prepared import Prepared
from placet.lib.zones import zone_of

log = structlog.get_logger(__name__)

FIELDS = ("organisation", "home_url", "terms_url", "privacy_url", "public_url", "zone", "language")
#: Fields that the operator can set too → the name of the setting.
OPERATORS = {
    "public_url": "public_url",
    "zone": "time_zone",
    "language": "language",
    "log_level": "log_level",
}


@dataclass(frozen=True)
class General:
    """Addresses are empty where none was entered; `public_url` (without a slash at its end), `zone` and `language`
    always say something."""

    organisation: str
    home_url: str
    terms_url: str
    privacy_url: str
    public_url: str
    zone: str  # name of a time zone
    language: str  # code of one of settings.LANGUAGES
    has_logo: bool


_kept: ContextVar[General | None] = ContextVar("general", default=None)


@contextmanager
def read_once() -> Iterator[General]:
    """One unit of work, or a part of one: inside, `general()` is what it was at the beginning."""
    said = general()
    before = _kept.set(said)
    try:
        yield said
    finally:
        _kept.reset(before)


def general() -> General:
    """As it is stored now, with one query; inside `read_once` as it was stored when that began."""
    return _kept.get() or _stored()


def organisation_zone() -> ZoneInfo:
    """By which its days begin and end."""
    return zone_of(general().zone)


def _stored() -> General:
    empty = {**dict.fromkeys(FIELDS, ""), "has_logo": False}
    stored: dict[str, Any] = next(iter(_SHOWN()), empty)
    for field in OPERATORS.keys() & stored.keys():
        stored[field] = _said(field, stored[field])
    return General(**stored)


def log_level() -> str:
    """How much is written to the log from the start on."""
    return _said("log_level", _row().values_list("log_level", flat=True).first() or "")


def _said(field: str, stored: str) -> str:
    return (
        stored if stored and not set_by_operator(field) else str(getattr(settings.PLACET, OPERATORS[field]))
    )


def set_by_operator(field: str) -> bool:
    """Whether the operator's settings say it, so that the page cannot."""
    return OPERATORS.get(field, "") in settings.PLACET.model_fields_set


def save(entered: Mapping[str, Any], *, by: int) -> list[str]:
    """Store what an administrator (their id) entered, checked already; the names of what changed. What the operator
    set stays as it is."""
    names = [name for name in entered if not set_by_operator(name)]
    before = _row().values(*names).first()
    if before is None:
        check_keys()  # the row is made with it
        before = _row().values(*names).get()
    changed = {name: entered[name] for name in names if _plain(before[name]) != entered[name]}
    if changed:
        _row().update(**changed)
        log.info("general_changed", by=by, fields=", ".join(sorted(changed)))
    return sorted(changed)


def _plain(stored: Any) -> Any:
    return bytes(stored) if isinstance(stored, memoryview) else stored  # as PostgreSQL gives it


def logo() -> bytes | None:
    stored = _row().values_list("logo", flat=True).first()
    return bytes(stored) if stored is not None else None


def _row() -> QuerySet[Installation]:
    return Installation.objects.filter(id=1)


_SHOWN = Prepared(lambda given: _row().annotate(has_logo=Q(logo__isnull=False)).values(*FIELDS, "has_logo"))


def on_every_page(request: HttpRequest) -> dict[str, Any]:
    """For templates: `general`, read once for a request and only where a page asks for it."""
    return {"general": of_request(request)}


def of_request(request: HttpRequest) -> General:
    """`general()`, read once for a request, when something of it is asked for."""
    if not hasattr(request, "_placet_general"):
        # Kept on the request itself: its life is what the answer is good for. Django's class knows no such name.
        request._placet_general = SimpleLazyObject(general)  # type: ignore[attr-defined]
    return request._placet_general  # type: ignore[attr-defined,no-any-return]  # it acts as a General
