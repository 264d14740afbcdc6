"""Access tokens of Google for a mailbox: a service account signs an assertion in the mailbox's name (RFC 7523 2.1).

Google: "Using OAuth 2.0 for Server to Server Applications".
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, MailboxError
from placet.mailboxes.oauth import Grant

from .key_file import KeyInvalid, ServiceAccount

if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
#: What Google's servers of mail's own protocols want; they know no narrower one.
MAIL_SCOPE = "https://mail.google.com/"
#: Where anybody has a mailbox, and no administrator can delegate it.
PERSONAL = ("gmail.com", "googlemail.com")
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIFE = 3600  # seconds, the longest that Google takes

DELEGATION = gettext_noop("Security › Access and data control › API controls › Manage domain-wide delegation")


@dataclass(frozen=True)
class ServiceAccountGrant(Grant):
    """Nothing of the key goes anywhere but a signature, which names the server of tokens that it was made for."""

    account: ServiceAccount | None  # None: none is stored that could be used
    mailbox: str

    def session(self) -> "OAuth2Session":
        from authlib.integrations.requests_client import OAuth2Session

        self._signer()
        session = OAuth2Session(token_endpoint_auth_method=_AUTH)
        session.register_client_auth_method((_AUTH, _as_it_is))
        return session

    def asks_with(self) -> dict[str, str]:
        account, now = self._signer(), int(time.time())
        claims: dict[str, str | int] = {
            "iss": account.email,
            "sub": self.mailbox,
            "scope": self.scope,
            "aud": self.token_uri,
            "iat": now,
            "exp": now + ASSERTION_LIFE,
        }
        return {"grant_type": JWT_BEARER, "assertion": account.signed(claims)}

    def _signer(self) -> ServiceAccount:
        if self.account is None:
            raise FixNeeded(
                _("No key of a service account is stored for this mailbox that could be used."),
                _("Enter it under Remote Approval: the whole content of the key file."),
            )
        return self.account

    def explain(self, answer: Mapping[str, Any], status: int, seconds: float | None) -> MailboxError:
        error, text = str(answer.get("error", "")), str(answer.get("error_description", ""))
        for code, beginning, cause, cure in REFUSALS:
            if status < 500 and status != 429 and error == code and text.lower().startswith(beginning):
                return self._refused(cause, cure, error)
        return super().explain(answer, status, seconds)

    def _refused(self, cause: str, cure: str, error: str) -> FixNeeded:
        words = {
            "mailbox": self.mailbox,
            "account": http.printable(self._signer().email),
            "client_id": http.printable(self.client_id),
            "scope": self.scope,
            "page": _(DELEGATION),
        }
        details = {"host": http.host_of(self.token_uri), "error": http.printable(error, 60)}
        return FixNeeded(_(cause).format(**words), _(cure).format(**words), details)


def grant_of(key: str, mailbox: str, scope: str, token_uri: str = TOKEN_URI) -> ServiceAccountGrant:
    """Of a key as it is stored. Where none is that could be used, asking for a token says so."""
    try:
        account = ServiceAccount.of(key)
    except KeyInvalid:
        account = None
    return ServiceAccountGrant(token_uri, account.client_id if account else "", scope, account, mailbox)


_AUTH = "assertion"


def _as_it_is(
    client: object, method: str, uri: str, headers: dict[str, str], body: str
) -> tuple[str, dict[str, str], str]:
    """The assertion says who asks: there is no client that would prove itself besides."""
    return uri, headers, body


_DELEGATE = gettext_noop(
    "In the Google Admin console, as a super administrator: {page}. Add the client ID {client_id} with the scope "
    "{scope}, exactly so. Google may take some minutes, at most a day, to know it."
)
_NEW_KEY = gettext_noop(
    "In the Google Cloud console, under IAM & Admin › Service Accounts, see that {account} is there and enabled. Make "
    "a new key of the type JSON, and enter it under Remote Approval."
)
#: By `error` and how its description begins, in lower case: cause and cure, in English. The first that fits.
REFUSALS: tuple[tuple[str, str, str, str], ...] = (
    (
        "unauthorized_client",
        "",
        gettext_noop(
            "Google gives {account} no access: nobody delegated the mailboxes to it with this scope."
        ),
        _DELEGATE,
    ),
    (
        "access_denied",
        "",
        gettext_noop(
            "Google gives {account} no access: nobody delegated the mailboxes to it with this scope."
        ),
        _DELEGATE,
    ),
    (
        "admin_policy_enforced",
        "",
        gettext_noop("A policy of the organisation at Google forbids {account} this access."),
        gettext_noop(
            "In the Google Admin console, under Security › Access and data control › API controls › App access "
            "control, trust the application with the client ID {client_id}."
        ),
    ),
    (
        "invalid_grant",
        "invalid email or user id",
        gettext_noop("Google knows no mailbox {mailbox} in the organisation."),
        gettext_noop(
            "Compare the address of the mailbox with the Google Admin console, under Directory › Users: it must be the "
            "primary address of a user who is active, no alias and no group."
        ),
    ),
    (
        "invalid_grant",
        "invalid jwt: token must be",
        gettext_noop(
            "Google does not take the signature because of its time: the clock of this machine is wrong."
        ),
        gettext_noop("Set the clock of this machine, and let it be kept by NTP."),
    ),
    (
        "invalid_grant",
        "",
        gettext_noop(
            "Google does not take the key of {account}: it was deleted or disabled, or the account was."
        ),
        _NEW_KEY,
    ),
    (
        "invalid_client",
        "",
        gettext_noop("Google does not know the service account {account} any more."),
        _NEW_KEY,
    ),
    (
        "invalid_scope",
        "",
        gettext_noop("Google does not give this service account the scope {scope}."),
        _DELEGATE,
    ),
)
