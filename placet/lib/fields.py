"""Model fields of our own."""

import json
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models

from placet.lib import keys

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    _TextField = models.TextField[dict[str, str], dict[str, str]]
else:
    _TextField = models.TextField


class Secrets(dict[str, str]):
    """Decrypted secrets by name. Its repr tells the names alone, so that no log or error page shows a value."""

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self))})"

    __str__ = __repr__


class SecretsField(_TextField):
    """A dictionary of secrets, encrypted at rest with the installation's keys."""

    def get_prep_value(self, value: Any) -> str:
        return keys.encrypt(settings.PLACET.data_dir / "keys", json.dumps(dict(value or {})))

    def from_db_value(self, value: str | None, expression: Any, connection: "BaseDatabaseWrapper") -> Secrets:
        if not value:
            return Secrets()
        return Secrets(json.loads(keys.decrypt(settings.PLACET.data_dir / "keys", value)))

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, Secrets) else Secrets(value or {})

    def value_to_string(self, obj: models.Model) -> str:
        """Serialisers (dumpdata) get the encrypted text, never the secrets."""
        return self.get_prep_value(self.value_from_object(obj))
