"""Somebody agrees once that Placet uses their mailbox: in a browser (authorization code, RFC 6749 4.1, with PKCE,
RFC 7636), or on another device, with a code that the command line shows (RFC 8628).

What could go wrong, and what is done about it (RFC 9700):
- An answer that somebody else's consent gave (4.7): its `state` is that of the session which began, and serves once.
- A code that another server gave (mix-up, 4.4): each server has its own redirect address, in which its name stands.
- A code of another mailbox, or for settings that changed since: the settings must ask for the same as they did
  (`Begun.request_of`), and once more when what came is kept.
- A code that was read on the way (4.5): without the verifier, which stays here, it is of no use.
- A token that goes elsewhere: it is a secret of the mailbox, and goes only to the server that it was given by.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests
import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import SecretStr

from placet.lib.canonical import digest
from placet.lib.fields import Secrets
from placet.mailboxes import consent_providers, http, kinds, oauth, refresh_tokens
from placet.mailboxes.base import FixNeeded, MailboxError, Wait
from placet.mailboxes.consent_requests import ConsentRequest
from placet.mailboxes.kinds import UnknownKind
from placet.mailboxes.models import LONGEST_BY, Mailbox
from placet.mailboxes.oauth import ConsentGrant
from placet.mailboxes.settings import SettingsInvalid

log = structlog.get_logger(__name__)

IN_TIME = timedelta(minutes=15)  # from the page with the link to the answer
LONGEST_CODE = 4096  # characters
LARGEST_ANSWER = 64 * 1024  # bytes
USUAL_INTERVAL = 5.0  # seconds between questions, RFC 8628 3.2
SLOWER = 5.0  # seconds more after each slow_down, RFC 8628 3.5
LONGEST_INTERVAL = 60.0
LONGEST_LIFE = 1800.0  # seconds that a device's code is asked for
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Changed(Exception):
    """The settings ask for something else than what was agreed to."""


def requests_of(mailbox: Mailbox) -> list[ConsentRequest]:
    """What is to be agreed to: one for all servers that one consent serves. [] where the mailbox is signed in to in
    another way, or is of a kind that there is not (any more)."""
    wanted: list[ConsentRequest] = []
    for key in filter(None, (mailbox.kind, mailbox.sending_kind)):
        try:
            settings = kinds.kind_of(key).settings_class.of_stored(mailbox.settings)
        except (UnknownKind, SettingsInvalid):
            continue
        for request in settings.consents(mailbox.secrets):
            same = next((one for one in wanted if one.is_asked_with(request)), None)
            if same is None:
                wanted.append(request)
            else:
                wanted[wanted.index(same)] = same.with_other(request)
    return wanted


def is_given(mailbox: Mailbox, request: ConsentRequest) -> bool:
    """Whether somebody agreed; not whether it still holds, which only the server knows."""
    return all(mailbox.secrets.get(name) for name in request.fields)


def forget_former(mailbox: Mailbox) -> None:
    """Of consents that are not in use any more, what they became. Whatever still asks with one finds no row, and tries
    again with what is stored now. That of the others stays: what they began with was replaced, and must not come
    again."""
    origins = [
        refresh_tokens.origin_of(request.token_uri, request.client_id, SecretStr(mailbox.secrets[name]))
        for request in requests_of(mailbox)
        for name in request.fields
        if mailbox.secrets.get(name)
    ]
    mailbox.rotated_refresh_tokens.exclude(origin__in=origins).delete()


def digest_of(request: ConsentRequest) -> str:
    """What was agreed to, without the application's secret."""
    return digest({name: value for name, value in asdict(request).items() if name != "secret"})


@transaction.atomic
def keep(mailbox: Mailbox, request: ConsentRequest, refresh_token: SecretStr, *, by: str) -> None:
    """What somebody's consent left. Raises Changed where the stored settings ask for another one by now."""
    mailbox.refresh_from_db(from_queryset=Mailbox.objects.select_for_update(no_key=True))
    if mailbox.removed_at is not None or request not in requests_of(mailbox):
        raise Changed
    given = dict.fromkeys(request.fields, refresh_token.get_secret_value())
    mailbox.secrets = Secrets({**mailbox.secrets, **given})
    now = timezone.now()
    mailbox.secret_set_at, mailbox.secret_set_by = now, by[:LONGEST_BY]
    mailbox.end_rests()
    mailbox.next_poll = now if mailbox.active else None
    mailbox.claim = ""
    mailbox.save(
        update_fields=["secrets", "secret_set_at", "secret_set_by", *Mailbox.RESTS, "next_poll", "claim"]
    )
    origin = refresh_tokens.origin_of(request.token_uri, request.client_id, refresh_token)
    mailbox.rotated_refresh_tokens.filter(origin=origin).delete()  # this one is the newest now
    forget_former(mailbox)
    log.info("consent_kept", mailbox=mailbox.pk, server=request.server, by=by)


# --- in a browser -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Begun:
    """A sign-in that was begun in one session, as the session holds it."""

    mailbox: int
    server: str  # of the request
    wanted: str  # digest_of the request
    state: str
    verifier: str
    at: str  # ISO 8601

    @classmethod
    def new(cls, mailbox: Mailbox, request: ConsentRequest) -> "Begun":
        random = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        return cls(mailbox.pk, request.server, digest_of(request), *random, timezone.now().isoformat())

    @classmethod
    def of_session(cls, stored: object) -> "Begun | None":
        return cls(**stored) if isinstance(stored, dict) else None

    def to_session(self) -> dict[str, Any]:
        return asdict(self)

    def is_answered_by(self, state: str, server: str) -> bool:
        """Whether an answer with this `state`, at the address for this `server`, is one to it, and comes in time."""
        in_time = timezone.now() - datetime.fromisoformat(self.at) < IN_TIME
        return constant_time_compare(state, self.state) and server == self.server and in_time

    def request_of(self, mailbox: Mailbox) -> ConsentRequest:
        """What was asked for, if the settings still ask for it. Raises Changed."""
        for request in requests_of(mailbox):
            if digest_of(request) == self.wanted:
                return request
        raise Changed

    def address(self, request: ConsentRequest, redirect_uri: str) -> str:
        """Where somebody signs in and agrees. `login_hint` and `prompt`: OpenID Connect Core 3.1.2.1; others leave out
        what they do not know (RFC 6749 3.1)."""
        challenge = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": request.client_id,
            "redirect_uri": redirect_uri,
            "scope": request.scope,
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "prompt": "consent",
            "login_hint": request.user,
            **consent_providers.asks_with(request.authorization_uri),
        }
        parts = urlsplit(request.authorization_uri)
        kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in asked]
        query = urlencode({**dict(kept), **{name: value for name, value in asked.items() if value}})
        return urlunsplit(parts._replace(query=query))


@dataclass(frozen=True)
class CodeGrant(ConsentGrant):
    """With the code that came back (RFC 6749 4.1.3)."""

    code: SecretStr
    redirect_uri: str
    verifier: SecretStr

    def asks_with(self) -> dict[str, str]:
        return {
            "grant_type": "authorization_code",
            "code": self.code.get_secret_value(),
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier.get_secret_value(),
        }

    def explain(self, answer: Mapping[str, Any], status: int, seconds: float | None) -> MailboxError:
        error = super().explain(answer, status, seconds)
        if answer.get("error") != "invalid_grant":
            return error
        cause = _("{host} does not take what its own page gave (any more).").format(
            host=http.host_of(self.token_uri)
        )
        return FixNeeded(cause, _("Sign in once more."), error.details)


def redeem(request: ConsentRequest, begun: Begun, code: str, redirect_uri: str) -> SecretStr:
    """The refresh token for a code. Raises FixNeeded or Wait."""
    grant = CodeGrant(
        request.token_uri,
        request.client_id,
        "",  # what was agreed to stands behind the code
        request.secret,
        SecretStr(code[:LONGEST_CODE]),
        redirect_uri,
        SecretStr(begun.verifier),
    )
    return _refresh_token(oauth.fetch_token(grant), request)


def _refresh_token(issued: oauth.Issued, request: ConsentRequest) -> SecretStr:
    if issued.refresh_token is None:
        raise FixNeeded(
            _("{host} gave access for some minutes only, and no refresh token.").format(
                host=http.host_of(request.token_uri)
            ),
            _(
                "Check the scope under Remote Approval: many servers want offline_access in it. Allow the application "
                "to use refresh tokens, where its administration asks for that."
            ),
        )
    return issued.refresh_token


def why_refused(error: str) -> str:
    """What an answer without a code says (RFC 6749 4.1.2.1), for people. Anybody can write such an answer, so nothing
    of it is repeated."""
    return _(_REFUSALS.get(error, _REFUSED))


_REFUSED = gettext_noop(
    "The server did not let anybody agree. Compare client ID, scope and redirect address with its administration."
)
_DECLINED = gettext_noop("Nobody agreed: the request was declined.")
_REFUSALS = {
    "access_denied": _DECLINED,
    "invalid_scope": gettext_noop(
        "The server does not know the scope, or does not give it to this application."
    ),
    "unauthorized_client": gettext_noop("The server does not let this application ask in this way."),
    "temporarily_unavailable": gettext_noop("The server is busy. Try again in a while."),
    "server_error": gettext_noop("The server is out of order. Try again in a while."),
}


# --- on another device ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Device:
    """What somebody types, and where. `interval` and `life` in seconds."""

    code: SecretStr
    user_code: str
    address: str
    interval: float
    life: float


@dataclass(frozen=True)
class DeviceGrant(ConsentGrant):
    """With the code that somebody agrees to elsewhere (RFC 8628 3.4)."""

    code: SecretStr

    def asks_with(self) -> dict[str, str]:
        return {"grant_type": DEVICE, "device_code": self.code.get_secret_value()}

    def explain(self, answer: Mapping[str, Any], status: int, seconds: float | None) -> MailboxError:
        error = str(answer.get("error"))
        if error in ("authorization_pending", "slow_down"):
            return NotYet(slower=error == "slow_down")
        if error in ("expired_token", "access_denied"):
            words = _("The code is over.") if error == "expired_token" else _(_DECLINED)
            return FixNeeded(words, _("Begin again."))
        return super().explain(answer, status, seconds)


class NotYet(Wait):
    """Nobody has agreed so far."""

    def __init__(self, *, slower: bool) -> None:
        super().__init__(_("Nobody has agreed so far."), "")
        self.slower = slower


def begin_on_device(request: ConsentRequest) -> Device:
    """Ask for a code (RFC 8628 3.1). Raises FixNeeded or Wait."""
    form = {"client_id": request.client_id, "scope": request.scope}
    if request.secret.get_secret_value():
        form["client_secret"] = request.secret.get_secret_value()
    grant = ConsentGrant(request.token_uri, request.client_id, request.scope, request.secret)
    answer, status = _posted(request.device_uri, form)
    if status != 200 or "error" in answer:
        raise grant.explain(answer, status, None)
    return _device(answer, request.device_uri)


def _posted(url: str, form: Mapping[str, str]) -> tuple[dict[str, Any], int]:
    details = {"host": http.host_of(url)}
    with requests.Session() as session:
        http.prepare(session, url)
        try:
            response = session.post(url, data=form, timeout=oauth.TIMEOUT, stream=True, allow_redirects=False)
        except requests.RequestException as error:
            raise http.unreachable(error, url) from None  # its text may name a proxy's password
        with response:
            body = b"".join(http.chunks(response, LARGEST_ANSWER, details))
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        cause = _(
            "No server that gives codes to devices answered at {host}, but something else (HTTP {status})."
        )
        raise FixNeeded(
            cause.format(host=details["host"], status=response.status_code),
            _("Check the device code URI."),
            details,
        )
    return answer, response.status_code


def _device(answer: Mapping[str, Any], url: str) -> Device:
    code, user_code = str(answer.get("device_code", "")), http.printable(str(answer.get("user_code", "")), 40)
    address = str(answer.get("verification_uri") or answer.get("verification_url") or "")
    parts = urlsplit(address)
    loopback = parts.scheme == "http" and http.is_loopback(parts.hostname or "")
    if not code or not user_code or len(address) > 500 or not (parts.scheme == "https" or loopback):
        cause = _("{host} answered without a code, or without an address where it is typed.")
        raise FixNeeded(cause.format(host=http.host_of(url)), _("Check the device code URI."))
    interval = min(_seconds(answer.get("interval"), USUAL_INTERVAL), LONGEST_INTERVAL)
    life = min(_seconds(answer.get("expires_in"), LONGEST_LIFE), LONGEST_LIFE)
    return Device(SecretStr(code[:LONGEST_CODE]), user_code, http.printable(address, 500), interval, life)


def _seconds(value: object, usual: float) -> float:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else usual


def wait_for_device(
    request: ConsentRequest, device: Device, sleep: Callable[[float], None] = time.sleep
) -> SecretStr:
    """The refresh token, as soon as somebody agreed. Raises FixNeeded where nobody does, or in time."""
    grant = DeviceGrant(request.token_uri, request.client_id, "", request.secret, device.code)
    waited, interval = 0.0, device.interval
    while waited < device.life:
        sleep(interval)
        waited += interval
        try:
            return _refresh_token(oauth.fetch_token(grant), request)
        except NotYet as answer:
            interval += SLOWER if answer.slower else 0.0
        except Wait:  # busy, or away for a moment: RFC 8628 3.5 asks for a longer pause
            interval = min(interval * 2, LONGEST_INTERVAL)
    raise FixNeeded(_("The code is over."), _("Begin again."))
