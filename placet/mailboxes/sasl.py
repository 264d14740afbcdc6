"""Signing in to mail servers: what a client says first (RFC 4616, RFC 7628, Google's XOAUTH2), by mechanisms that send
no more than is needed and that TLS protects.

Neither CRAM-MD5 nor APOP is among them: both ask the server to keep passwords in clear, and prove nothing that TLS does
not.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

PASSWORD_MECHANISMS = ("PLAIN", "LOGIN")
TOKEN_MECHANISMS = ("OAUTHBEARER", "XOAUTH2")


class Tokens(Protocol):
    """Where access tokens come from (`oauth.Access`)."""

    def token(self) -> SecretStr: ...

    def invalidate(self, token: SecretStr) -> None: ...


@dataclass(frozen=True)
class Password:
    user: str
    password: SecretStr


@dataclass(frozen=True)
class Token:
    """An access token, for the mailbox of `user` on the server `host`."""

    user: str
    token: SecretStr
    host: str
    port: int


Proof = Password | Token


class NoMechanism(Exception):
    """The server offers none that goes with what there is to sign in with. `offered`: those that it offers."""

    def __init__(self, offered: Collection[str]) -> None:
        super().__init__(", ".join(sorted(offered)))
        self.offered = tuple(sorted(offered))


def mechanism_for(proof: Proof, offered: Collection[str]) -> str:
    """The one to use of those that the server offers (upper case). Raises NoMechanism."""
    # XOAUTH2 before OAUTHBEARER: Exchange Online has it alone, and every other that has tokens has it, too.
    wanted = PASSWORD_MECHANISMS if isinstance(proof, Password) else tuple(reversed(TOKEN_MECHANISMS))
    for mechanism in wanted:
        if mechanism in offered:
            return mechanism
    raise NoMechanism(offered)


def first_response(mechanism: str, proof: Proof) -> bytes:
    """What the client says first, not yet in Base64. Raises ValueError where a user or a password cannot be said."""
    if isinstance(proof, Token):
        token = proof.token.get_secret_value()
        if mechanism == "XOAUTH2":
            return f"user={_clean(proof.user)}\1auth=Bearer {_clean(token)}\1\1".encode()
        name = _clean(proof.user).replace("=", "=3D").replace(",", "=2C")  # RFC 5801 4
        return (
            f"n,a={name},\1host={proof.host}\1port={proof.port}\1auth=Bearer {_clean(token)}\1\1"
        ).encode()
    user, password = _clean(proof.user), _clean(proof.password.get_secret_value())
    return f"\0{user}\0{password}".encode()


def answers_to_login(proof: Password) -> tuple[bytes, bytes]:
    """User and password, for the two questions of LOGIN, whatever words they are asked in."""
    return _clean(proof.user).encode(), _clean(proof.password.get_secret_value()).encode()


#: What ends an exchange that the server refused with a challenge: it says why there, and waits for an answer.
AFTER_REFUSAL = {"XOAUTH2": b"", "OAUTHBEARER": b"\1"}


def _clean(text: str) -> str:
    if set(text) & {"\0", "\1", "\r", "\n"}:
        raise ValueError("a control character")
    return text
