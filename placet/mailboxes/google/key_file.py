"""The key of a service account, as the Google Cloud console gives it: a file with JSON.

Of what stands in it, only what is needed is kept. Where it says that tokens come from is not believed: they come from
Google (`grant.TOKEN_URI`), or the key is refused.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from pydantic import SecretStr

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

LONGEST = 20_000  # characters; Google's have about 2,400
TOKEN_URIS = ("https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token")
_KEPT = ("type", "client_email", "client_id", "private_key_id", "private_key")


class KeyInvalid(Exception):
    """The sentence that says why this is no key."""


@dataclass(frozen=True)
class ServiceAccount:
    """Who signs in, and with what. `client_id` is what the Admin console calls so: its Unique ID."""

    email: str
    client_id: str
    key_id: str
    key: SecretStr  # PEM

    @classmethod
    def of(cls, text: str) -> "ServiceAccount":
        """Of what is stored. Raises KeyInvalid."""
        values = _checked(text)
        return cls(
            values["client_email"],
            values["client_id"],
            values["private_key_id"],
            SecretStr(values["private_key"]),
        )

    def signed(self, claims: Mapping[str, str | int]) -> str:
        """A JWT of these claims (RFC 7515), by RS256."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        head = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        signed = f"{_part(json.dumps(head).encode())}.{_part(json.dumps(claims).encode())}"
        key = _private_key(self.key.get_secret_value(), known=True)
        return f"{signed}.{_part(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def read(text: str) -> str:
    """What is kept of a key file as it was entered. Raises KeyInvalid."""
    values = _checked(text)
    return json.dumps({name: values[name] for name in _KEPT})


def _checked(text: str) -> dict[str, str]:
    if not text.strip():
        raise KeyInvalid(_("Enter it."))
    values = _object(text)
    if values.get("type") != "service_account":
        raise KeyInvalid(
            _(
                "This is not the key of a service account. In the Google Cloud console it is made under "
                "IAM & Admin › Service Accounts › Keys › Add key › Create new key › JSON."
            )
        )
    strings = {name: value for name, value in values.items() if isinstance(value, str)}
    missing = [name for name in _KEPT if not strings.get(name, "").strip()]
    if missing:
        told = _("The key file is not whole: {names} is missing. Download or copy it again.")
        raise KeyInvalid(told.format(names=", ".join(missing)))
    if strings.get("token_uri", TOKEN_URIS[0]) not in TOKEN_URIS:
        raise KeyInvalid(_("This key is for another server than Google's, so Placet does not sign with it."))
    _private_key(strings["private_key"])
    return strings


def _object(text: str) -> dict[str, object]:
    try:
        values = json.loads(text) if len(text) <= LONGEST else None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise KeyInvalid(
            _(
                "This is not the content of a key file. Paste the whole of it, from its first brace to its last; where "
                "only one line is taken, take its line breaks out before."
            )
        )
    return values


def _private_key(pem: str, *, known: bool = False) -> "RSAPrivateKey":
    """`known`: its numbers were checked before, which takes a tenth of a second."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=known)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise KeyInvalid(_("The private key in this file is damaged. Download or copy it again."))
    return key
