"""What the installation says of itself on every page and mail: the General tab of the Configuration Panel.

What the operator set (`placet.lib.config`, from the environment or placet.toml) wins over what was entered there.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from placet.accounts.models import Installation

_FIELDS = ("organisation", "home_url", "terms_url", "privacy_url", "public_url", "zone", "language")
#: Fields that the operator can set too → the name of the setting.
OPERATORS = {"public_url": "public_url", "zone": "time_zone", "language": "language"}


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


def general() -> General:
    """As it is stored now, with one query."""
    row = Installation.objects.filter(id=1).annotate(has_logo=Q(logo__isnull=False))
    stored: dict[str, Any] = row.values(*_FIELDS, "has_logo").first() or {
        **dict.fromkeys(_FIELDS, ""),
        "has_logo": False,
    }
    for field, setting in OPERATORS.items():
        if set_by_operator(field) or not stored[field]:
            stored[field] = getattr(settings.PLACET, setting)
    return General(**stored)


def set_by_operator(field: str) -> bool:
    """Whether the operator's settings say it, so that the page cannot."""
    return OPERATORS.get(field, "") in settings.PLACET.model_fields_set


def on_every_page(request: HttpRequest) -> dict[str, Any]:
    """For templates: `general`, read once for a request and only where a page asks for it."""
    return {"general": of_request(request)}


def of_request(request: HttpRequest) -> General:
    """`general()`, read once for a request, when something of it is asked for."""
    if not hasattr(request, "_placet_general"):
        request._placet_general = SimpleLazyObject(general)  # type: ignore[attr-defined]
    return request._placet_general  # type: ignore[attr-defined,no-any-return]
