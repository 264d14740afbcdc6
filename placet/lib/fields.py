"""Model fields of our own."""

import json
import re
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models

from placet.lib import keys

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    _Field = models.Field[Any, Any]
    _TextField = models.TextField[dict[str, str], dict[str, str]]
else:
    _Field = models.Field
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


class KeptField(_Field):
    """Something that the database holds as bytes of our making, which it cannot look into. `packed` and `unpacked` say
    what they are; the second also reads what an earlier version kept as text, which it gets as UTF-8."""

    def packed(self, value: Any) -> bytes:
        raise NotImplementedError

    def unpacked(self, kept: bytes) -> Any:
        raise NotImplementedError

    def get_internal_type(self) -> str:
        return "BinaryField"

    def get_db_prep_value(self, value: Any, connection: "BaseDatabaseWrapper", prepared: bool = False) -> Any:
        if value is None:
            return None
        return connection.Database.Binary(self.packed(value))  # type: ignore[attr-defined]

    def from_db_value(self, value: Any, expression: Any, connection: "BaseDatabaseWrapper") -> Any:
        if value is None:
            return None
        return self.unpacked(value.encode() if isinstance(value, str) else bytes(value))


class OrderedJSONField(_Field):
    """JSON whose keys keep the order in which they were written, as text: PostgreSQL's own type for it sorts them
    (https://www.postgresql.org/docs/current/datatype-json.html). Queries cannot look into it."""

    def get_internal_type(self) -> str:
        return "TextField"

    def get_prep_value(self, value: Any) -> str:
        return json.dumps(value)

    def from_db_value(self, value: str | None, expression: Any, connection: "BaseDatabaseWrapper") -> Any:
        return None if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj))


class HexField(KeptField):
    """A hash in hexadecimal digits, or one behind the eight of a key's id and a colon, as the bytes that it is. Other
    text has a NUL before it, unless an earlier version kept it; by its length it is never taken for bytes."""

    def packed(self, value: Any) -> bytes:
        if _HASH.fullmatch(value):
            return bytes.fromhex(value)
        if _KEYED_HASH.fullmatch(value):
            return bytes.fromhex(value.replace(":", "", 1))
        text = b"\x00" + str(value).encode()
        return b"\x00" + text if len(text) in (HASH, KEYED_HASH) else text

    def unpacked(self, kept: bytes) -> str:
        if len(kept) == HASH:
            return kept.hex()
        if len(kept) == KEYED_HASH:
            return f"{kept[:KEY_ID].hex()}:{kept[KEY_ID:].hex()}"
        return kept.lstrip(b"\x00").decode(errors="replace")


HASH, KEY_ID = 32, 4  # bytes
KEYED_HASH = KEY_ID + HASH
_HASH = re.compile(r"[0-9a-f]{64}")
_KEYED_HASH = re.compile(r"[0-9a-f]{8}:[0-9a-f]{64}")
