"""Access tokens for a mailbox: the client-credentials grant (RFC 6749 4.4) with a client secret (`SecretGrant`), and
the one with a refresh token (`RefreshGrant`), which somebody's consent left (`consent`). What another grant, or another
server of tokens, does differently is another subclass of `Grant`."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import requests
import structlog
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import SecretStr

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, MailboxError, Wait

# Authlib is loaded where a token is fetched: it has 150 modules.
if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session

log = structlog.get_logger(__name__)

TIMEOUT = (10.0, 30.0)  # seconds to connect, seconds without a byte
RENEW_BEFORE = 300.0  # seconds before the end of a token's life, or a tenth of a short life
UNSAID_LIFE = 300.0  # seconds; RFC 6749 5.1 lets a server leave expires_in out
NEXT_TRY = 30.0  # seconds between tries to renew while the present token still lives


@dataclass(frozen=True)
class Grant:
    """What a token is asked for with."""

    token_uri: str
    client_id: str
    scope: str

    def session(self) -> "OAuth2Session":
        """What proves Placet to the server of tokens. Raises FixNeeded where there is nothing to ask with."""
        raise NotImplementedError

    def asks_with(self) -> dict[str, str]:
        """What the request says beside what the session does."""
        return {"grant_type": "client_credentials"}

    def fetched(self) -> "Issued":
        """A token, asked for once. Raises FixNeeded or Wait."""
        return ask(self)

    def explain(self, answer: Mapping[str, Any], status: int, seconds: float | None) -> MailboxError:
        """An error answer (RFC 6749 5.2). `error` decides, never a text: what a foreign server writes there is not ours
        to repeat."""
        return _explained(self, answer, status, seconds)

    def explain_no_json(self, response: requests.Response) -> MailboxError:
        """An answer that no token endpoint gives: of a proxy, a firewall, or another web server."""
        return _no_json(response)


@dataclass(frozen=True)
class SecretGrant(Grant):
    """With a client secret, which goes to `token_uri` and nowhere else."""

    secret: SecretStr

    def session(self) -> "OAuth2Session":
        return session_with_secret(self, self.secret)


class Turn(Protocol):
    """The only one who asks with a refresh token just now. `token`: the newest; `keep` takes the one that replaces
    it."""

    token: SecretStr

    def keep(self, token: SecretStr) -> None: ...


class Rotation(Protocol):
    """Where the newest refresh token of each consent is kept."""

    def turn(self, grant: "RefreshGrant") -> AbstractContextManager[Turn]: ...


@dataclass(frozen=True)
class ConsentGrant(SecretGrant):
    """What has to do with somebody's consent. Applications that run on people's own devices have no secret."""

    def session(self) -> "OAuth2Session":
        return (
            session_with_secret(self, self.secret) if self.secret.get_secret_value() else public_session(self)
        )


@dataclass(frozen=True)
class RefreshGrant(ConsentGrant):
    """With what somebody's consent left (RFC 6749 6): it opens that person's mailbox, and goes to `token_uri` alone.

    `refresh_token` is the one that was entered, or that signing in gave. Many servers replace it with each token, and
    take back the consent where an old one comes again (RFC 9700 4.14.2): so only one asks at a time, with the newest
    one, and what comes is kept before the token is used (`rotation`)."""

    refresh_token: SecretStr
    rotation: Rotation | None = field(default=None, compare=False, repr=False)

    def session(self) -> "OAuth2Session":
        if not self.refresh_token.get_secret_value():
            raise FixNeeded(
                _("Nobody has agreed yet that Placet uses this mailbox."), _("Sign in under Remote Approval.")
            )
        return super().session()

    def fetched(self) -> "Issued":
        if self.rotation is None or not self.refresh_token.get_secret_value():
            return ask(self)
        with self.rotation.turn(self) as turn:
            issued = ask(replace(self, refresh_token=turn.token))
            if issued.refresh_token is not None:
                turn.keep(issued.refresh_token)
        return issued

    def asks_with(self) -> dict[str, str]:
        return {"grant_type": "refresh_token", "refresh_token": self.refresh_token.get_secret_value()}


@dataclass(frozen=True)
class Issued:
    """A fresh token and its life in seconds, and the refresh token that came with it."""

    token: SecretStr
    life: float
    refresh_token: SecretStr | None = None


@dataclass
class _Entry:
    grant: Grant
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: SecretStr | None = None
    renew_at: float = 0.0
    dead_at: float = 0.0
    asked: int = 0  # how often the token endpoint has answered or failed
    failure: MailboxError | None = None


class TokenCache:
    """Tokens by mailbox: renewed early, by one thread at a time, while the others wait for its result."""

    def __init__(
        self,
        fetch: Callable[[Grant], Issued] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def token(self, key: str, grant: Grant) -> SecretStr:
        """A token that is good for the next minutes. Raises FixNeeded or Wait."""
        entry = self._entry(key, grant)
        asked = entry.asked
        with entry.lock:
            if entry.token and self._clock() < entry.renew_at:
                return entry.token
            if entry.asked != asked and entry.failure:
                raise entry.failure  # the request this thread waited for: asking again at once would not help
            return self._renew(entry)

    def renew(self, key: str, grant: Grant) -> SecretStr:
        """A new token, whatever is cached."""
        entry = self._entry(key, grant)
        with entry.lock:
            entry.token = None
            return self._renew(entry)

    def invalidate(self, key: str, token: SecretStr) -> None:
        """Forget `token`, which the mail server refused. A newer one that another thread fetched stays."""
        with self._lock:
            entry = self._entries.get(key)
        if entry:
            with entry.lock:
                if entry.token == token:
                    entry.token = None

    def _entry(self, key: str, grant: Grant) -> _Entry:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.grant != grant:  # other credentials never get an older token
                entry = self._entries[key] = _Entry(grant)
            return entry

    def _renew(self, entry: _Entry) -> SecretStr:
        try:
            issued = (self._fetch or fetch_token)(entry.grant)
        except MailboxError as error:
            entry.failure = error
            if isinstance(error, Wait) and entry.token and self._clock() < entry.dead_at:
                entry.renew_at = min(self._clock() + NEXT_TRY, entry.dead_at)
                return entry.token
            entry.token = None
            raise
        finally:
            entry.asked += 1
        now = self._clock()
        entry.failure = None
        entry.token = issued.token
        entry.dead_at = now + issued.life
        entry.renew_at = entry.dead_at - min(RENEW_BEFORE, issued.life / 10)
        return entry.token


#: The cache of this process.
TOKENS = TokenCache()


@dataclass(frozen=True)
class Access:
    """One mailbox's way to its token."""

    key: str
    grant: Grant
    cache: TokenCache = field(default=TOKENS, repr=False)

    def token(self) -> SecretStr:
        return self.cache.token(self.key, self.grant)

    def renew(self) -> SecretStr:
        return self.cache.renew(self.key, self.grant)

    def invalidate(self, token: SecretStr) -> None:
        self.cache.invalidate(self.key, token)

    def answered(self, send: Callable[[SecretStr], requests.Response]) -> requests.Response:
        """What `send` gets for a token; where that is refused, as one that expired or was revoked, once more with a new
        one. Where there is none to be had, nothing was done of what was to be sent (`not_done`)."""
        token = self._to_send_with()
        response = send(token)
        if response.status_code == 401:
            response.close()
            self.invalidate(token)
            response = send(self._to_send_with())
        return response

    def _to_send_with(self) -> SecretStr:
        try:
            return self.token()
        except MailboxError as error:
            error.not_done = True
            raise


def fetch_token(grant: Grant) -> Issued:
    """A new token. Raises FixNeeded or Wait."""
    return grant.fetched()


def ask(grant: Grant) -> Issued:
    """Ask the token endpoint once, with what `grant` has. Raises FixNeeded or Wait."""
    with grant.session() as session:
        http.prepare(session, grant.token_uri)
        session.register_compliance_hook("access_token_response", partial(_checked, grant))
        try:
            answer = session.fetch_token(
                grant.token_uri, timeout=TIMEOUT, allow_redirects=False, **grant.asks_with()
            )
        except requests.RequestException as error:
            raise http.unreachable(error, grant.token_uri) from None  # its text may name a proxy's password
    log.debug("token_fetched", host=http.host_of(grant.token_uri))
    refresh_token = answer.get("refresh_token")
    return Issued(
        SecretStr(answer["access_token"]),
        _life(answer.get("expires_in")),
        SecretStr(refresh_token) if refresh_token else None,
    )


def session_with_secret(grant: Grant, secret: SecretStr) -> "OAuth2Session":
    """The secret stands in the body (`client_secret_post`). FixNeeded where it is empty."""
    from authlib.integrations.requests_client import OAuth2Session

    if not secret.get_secret_value():
        raise FixNeeded(
            _("No client secret is stored for this mailbox."), _("Enter it under Remote Approval.")
        )
    return OAuth2Session(
        grant.client_id,
        secret.get_secret_value(),
        scope=grant.scope,
        token_endpoint_auth_method="client_secret_post",  # noqa: S106  # the name of a method, no password
    )


def public_session(grant: Grant) -> "OAuth2Session":
    """Of a client that has no secret (RFC 6749 2.1)."""
    from authlib.integrations.requests_client import OAuth2Session

    return OAuth2Session(grant.client_id, scope=grant.scope, token_endpoint_auth_method="none")  # noqa: S106  # a method


def _life(expires_in: object) -> float:
    life = float(str(expires_in or 0))
    return life if life > 0 else UNSAID_LIFE


def _checked(grant: Grant, response: requests.Response) -> requests.Response:
    """Authlib's hook: the raw answer, before Authlib turns an error into its own words."""
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise grant.explain_no_json(response)
    if "error" in answer or response.status_code != 200:
        raise grant.explain(answer, response.status_code, http.retry_after(response.headers))
    _check_token(answer)
    return response


def _check_token(answer: dict[str, Any]) -> None:
    token = answer.get("access_token")
    life = answer.get("expires_in")
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        problem = _("The token endpoint answered without an access token.")
    elif str(answer.get("token_type", "Bearer")).lower() != "bearer":
        problem = _("The token endpoint answered with a token of a type that no mailbox takes.")
    elif not _is_refresh_token(answer.get("refresh_token")):
        problem = _("The token endpoint answered with a refresh token that is none.")
    elif life is not None and not re.fullmatch(r"-?\d{1,9}", str(life)):
        problem = _("The token endpoint answered with a token whose life is no number.")
    else:
        return
    raise FixNeeded(
        problem,
        _("Check the access token URI: it must be the address of a token endpoint."),
    )


def _is_refresh_token(value: object) -> bool:
    """RFC 6749 A.17; it need not be there."""
    return value is None or (
        isinstance(value, str) and re.fullmatch(r"[\x20-\x7e]{0,8192}", value) is not None
    )


WAIT_CURE = gettext_noop("Nothing needs to be done; Placet tries again by itself.")


def _explained(grant: Grant, answer: Mapping[str, Any], status: int, seconds: float | None) -> MailboxError:
    host, error = http.host_of(grant.token_uri), http.printable(str(answer.get("error", "")), 60)
    details = {"host": host, "status": str(status), "error": error}
    if status == 429 or status >= 500 or error in ("temporarily_unavailable", "server_error"):
        cause = _("{host} is busy or out of order, and gives no access token.")
        return Wait(cause.format(host=host), _(WAIT_CURE), seconds, details)
    cause, cure = REFUSALS.get(error, _OTHER)
    return FixNeeded(_(cause).format(host=host), _(cure), details)


_OTHER = (
    gettext_noop("{host} refused to give an access token."),
    gettext_noop("Compare what stands under Remote Approval with what its administration shows."),
)
#: By `error` (RFC 6749 5.2): cause and cure, in English.
REFUSALS: dict[str, tuple[str, str]] = {
    "invalid_client": (
        gettext_noop("{host} does not accept the client secret, or does not know the client ID."),
        gettext_noop("Enter the client ID and the client secret again, as its administration shows them."),
    ),
    "invalid_grant": (
        gettext_noop("{host} says that what was granted is over, or was taken back."),
        gettext_noop("Sign in again under Remote Approval."),
    ),
    "invalid_scope": (
        gettext_noop("{host} does not know the scope, or does not give it to this client."),
        gettext_noop("Check the scope under Remote Approval."),
    ),
    "unauthorized_client": (
        gettext_noop("{host} does not let this client ask for tokens by itself."),
        gettext_noop("Allow it there: domain-wide delegation, or the client-credentials grant."),
    ),
}


#: What to do where a mail server does not take an access token. `permission`: of Exchange Online.
REFUSED_CURE = gettext_noop(
    "See that the application may use {protocol} (at Exchange Online: {permission} with admin consent, and a service "
    "principal in Exchange made with the object ID of the Enterprise application; at Google: the scope "
    "https://mail.google.com/), that it has a permission for this mailbox, and that {protocol} is switched on for it "
    "(at Google: in the Admin console, under Apps › Google Workspace › Gmail › End User Access)."
)


def _no_json(response: requests.Response) -> MailboxError:
    host, status = http.host_of(response.url), response.status_code
    details = {"host": host, "status": str(status)}
    if status == 429 or status >= 500:
        return Wait(
            _("The token endpoint at {host} is out of order or busy (HTTP {status}).").format(
                host=host, status=status
            ),
            _(WAIT_CURE),
            http.retry_after(response.headers),
            details,
        )
    return FixNeeded(
        _("No token endpoint answered at {host}, but something else (HTTP {status}).").format(
            host=host, status=status
        ),
        _(
            "Check the access token URI. A proxy, firewall or sign-in page may stand in the way, too: let this machine "
            "reach the token endpoint directly."
        ),
        details,
    )
