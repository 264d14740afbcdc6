"""Signing in with a Windows account: Negotiate (RFC 4559: Kerberos, else NTLM) and NTLM.

NTLM signs in a connection, and Exchange does the same with Kerberos: what is sent on that connection afterwards needs
no header, and what is sent on another one is refused. So all requests go over one connection (`line`), and it is signed
in when the server asks for it: a request without credentials shows what it offers and its certificate; the answer to
its challenge carries the request itself. Where the server signs in each request alone (Kerberos behind Apache), each
carries its own ticket.

Over TLS the sign-in is bound to the server's certificate (RFC 5929, tls-server-end-point): Exchange's Extended
Protection asks for it, and somebody in the middle cannot hand the sign-in on. [MS-NLMP], [MS-NTHT], [MS-SPNG].
"""

import base64
import binascii
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import SecretStr
from requests.auth import AuthBase

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, MailboxError, SignInRefused, Wait
from placet.mailboxes.http import WAIT_CURE

from .attempts import ATTEMPTS, Attempts
from .kerberos import Tickets
from .line import HandshakeCut, Line

if TYPE_CHECKING:  # loaded where somebody signs in with it
    from spnego import ContextProxy, Credential
    from spnego.channel_bindings import GssChannelBindings

log = structlog.get_logger(__name__)

NEGOTIATE = "Negotiate"
NTLM = "NTLM"
KERBEROS = "kerberos"  # as pyspnego names what was agreed on

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,30}")
MOST_LEGS = 6  # NTLM takes two, Negotiate four where the server wants another mechanism than was guessed
LARGEST_CHALLENGE = 48 * 1024  # bytes; http.client takes header lines of 64 kB
LARGEST_REFUSAL = 64 * 1024  # bytes of a page behind a 401, which is read so that the connection can be kept

CUT_CURE = gettext_noop(
    "NTLM needs one connection from its first message to its last. If a proxy or load balancer stands before Exchange, "
    "let it keep connections (keep-alive) and hand all of one connection on to one server; or choose Kerberos or Basic."
)
REFUSED_CURE = gettext_noop(
    "Check user and password: sign in with them once in Outlook on the web. See in Active Directory that the account "
    "is neither locked, disabled nor expired. Then enter the password again, or run the connection test: Placet does "
    "not try before, so as not to lock the account."
)
BOUND_CURE = gettext_noop(
    "If they are right, something between that ends TLS (a proxy, a load balancer, a firewall) may stand in the way of "
    "Exchange's Extended Protection."
)


@dataclass(frozen=True)
class Account:
    """Whose sign-in it is. `user`: DOMAIN\\name or name@domain."""

    user: str
    password: SecretStr


class Signed(AuthBase):
    """Sets the header after requests has merged its own, so that no .netrc entry takes its place; "" sets none."""

    def __init__(self, authorization: str) -> None:
        self._authorization = authorization

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop("Authorization", None)
        if self._authorization:
            request.headers["Authorization"] = self._authorization
        return request


class WindowsCaller:
    """Requests to one address as one Windows account, one after another. Raises MailboxError."""

    def __init__(
        self,
        url: str,
        account: Account,
        schemes: tuple[str, ...] = (NEGOTIATE, NTLM),
        *,
        authorities: str = "",
        attempts: Attempts = ATTEMPTS,
    ) -> None:
        """`schemes`: of those that the server offers, the first of these is taken, and no other."""
        self.url = url
        self._authorities = authorities
        self._host = urlsplit(url).hostname or ""
        self._account = account
        self._schemes = schemes
        self._attempts = attempts
        self._whose = (http.host_of(url), account.user.lower(), account.password.get_secret_value())
        self._tickets = Tickets(account.user, account.password)
        self._each_request = False  # the server signs in requests, not connections
        self._line = Line(url, authorities)
        self._session = requests.Session()
        http.prepare(self._session, url)
        self._session.mount("https://", self._line)
        self._session.mount("http://", self._line)

    def close(self) -> None:
        self._session.close()

    def another(self) -> "WindowsCaller":
        return WindowsCaller(
            self.url,
            self._account,
            self._schemes,
            authorities=self._authorities,
            attempts=self._attempts,
        )

    def try_again(self) -> None:
        self._attempts.forget(*self._whose)

    def post(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        """The answer to `body`, whatever its status, but for a 401, which is a MailboxError. Whoever asks closes it."""
        known = self._line.signed_in and not self._each_request
        answer = self._send(body if known else b"", headers)
        if answer.status_code != 401:
            if known or answer.status_code >= 300:
                return answer
            answer.close()
            raise self._unasked(answer.status_code)
        scheme = self._scheme(answer)
        self._drain(answer)
        with self._attempts.turn(*self._whose):
            return self._signed_in(scheme, body, headers)

    def _signed_in(self, scheme: str, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        asked_again = self._line.signed_in  # on this very connection
        try:
            context = self._context(scheme)
            answer, last = self._legs(context, scheme, body, headers)
        except HandshakeCut:
            raise self._cut() from None
        finally:
            self._line.release()
        if last and answer.status_code < 501:  # above, whoever answers need not have looked
            self._each_request = asked_again and context.negotiated_protocol == KERBEROS
            self._line.signed_in = True
            self._attempts.taken(*self._whose)
        return answer

    def _legs(
        self, context: "ContextProxy", scheme: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[requests.Response, bool]:
        """The answer, and whether it is one to `body`."""
        challenge: bytes | None = None
        offered = False  # the server has what proves the account
        for _leg in range(MOST_LEGS):
            try:
                token = self._step(context, challenge)
            except MailboxError:
                if offered:  # a refusal in words of SPNEGO's own
                    raise self._refused(context, scheme) from None
                raise
            # What is sent before the last message is refused: the request goes with that one.
            last = challenge is not None or context.negotiated_protocol == KERBEROS
            self._line.hold(connection=context.negotiated_protocol != KERBEROS)
            answer = self._send(body if last else b"", headers, f"{scheme} {_coded(token)}")
            if answer.status_code != 401:
                return self._answered(context, scheme, answer, last=last), last
            self._drain(answer)
            challenge = self._challenge(answer, scheme)
            offered = offered or last
            if challenge is None:
                raise (
                    self._refused(context, scheme)
                    if offered
                    else self._unreadable(_("it is over before it began"))
                )
        raise self._unreadable(_("it does not end"))

    def _answered(
        self, context: "ContextProxy", scheme: str, answer: requests.Response, *, last: bool
    ) -> requests.Response:
        if last:
            self._hear(context, scheme, answer)
        elif answer.status_code < 300:
            answer.close()
            raise self._unreadable(_("it is over before it began"))
        return answer

    def _hear(self, context: "ContextProxy", scheme: str, answer: requests.Response) -> None:
        """What the server says at last: its own proof. Its certificate has proved it, and what was asked is done: a
        word that cannot be understood must not have it asked again."""
        try:
            token = self._challenge(answer, scheme)
            if token is not None and not context.complete:
                self._step(context, token)
        except MailboxError:
            log.info("last_word_not_understood", host=self._host)

    def _scheme(self, answer: requests.Response) -> str:
        offered = schemes_of(answer)
        for scheme in self._schemes:
            if scheme.lower() in offered:
                return scheme
        answer.close()
        names = ", ".join(self._schemes)
        error = FixNeeded(
            _("{host} does not offer the chosen way of signing in ({wanted}), but: {offered}.").format(
                host=self._host, wanted=names, offered=", ".join(offered) or _("none")
            ),
            _(
                "Choose one that it offers, or allow Windows authentication on the EWS virtual directory. A proxy in "
                "between may have taken the offer away."
            ),
            {"offered": ", ".join(offered)},
        )
        error.not_done = True
        raise error

    # --- the messages ---------------------------------------------------------------------------------------

    def _context(self, scheme: str) -> "ContextProxy":
        import spnego
        from spnego.exceptions import NegotiateOptions, SpnegoError

        logging.getLogger("spnego").setLevel(logging.INFO)  # on DEBUG it writes every message into the log
        negotiate = scheme == NEGOTIATE
        try:
            return spnego.client(
                self._credentials(kerberos=negotiate),
                hostname=self._host,
                service="HTTP",
                channel_bindings=bindings(self._line.certificate),
                protocol="negotiate" if negotiate else "ntlm",
                # Not the system's NTLM, where it has one: it signs in from files of its own.
                options=NegotiateOptions.use_negotiate if negotiate else NegotiateOptions.use_ntlm,
            )
        except SpnegoError as error:
            raise self._unusable(error) from None

    def _credentials(self, *, kerberos: bool) -> "list[Credential]":
        """A Kerberos ticket where there is one, and the password for NTLM alone."""
        import spnego

        class NtlmPassword(spnego.Password):
            @property
            def supported_protocols(self) -> list[str]:
                return ["ntlm"]

        ticket = self._tickets.credential() if kerberos else None
        password = NtlmPassword(self._account.user, self._account.password.get_secret_value())
        return [password] if ticket is None else [ticket, password]

    def _step(self, context: "ContextProxy", challenge: bytes | None) -> bytes:
        try:
            return context.step(challenge) or b""
        except Exception as error:  # noqa: BLE001 - ASN.1 and NTLM from outside, read as they come
            log.info("sign_in_failed", host=self._host, error=type(error).__name__)
            raise self._unreadable(type(error).__name__) from None

    def _challenge(self, answer: requests.Response, scheme: str) -> bytes | None:
        """What the server says in the chosen scheme; None if it says nothing."""
        for value in _offers(answer):
            name, _space, coded = value.partition(" ")
            coded = coded.strip()
            if name.lower() != scheme.lower() or not coded:
                continue
            if len(coded) > LARGEST_CHALLENGE:
                raise self._unreadable(_("too large"))
            try:
                return base64.b64decode(coded, validate=True)
            except binascii.Error:
                raise self._unreadable("base64") from None
        return None

    # --- over the connection --------------------------------------------------------------------------------

    def _send(self, body: bytes, headers: Mapping[str, str], authorization: str = "") -> requests.Response:
        try:
            return self._session.post(
                self.url,
                data=body,
                headers=dict(headers),
                auth=Signed(authorization),
                stream=True,
                allow_redirects=False,
                timeout=http.TIMEOUT,
            )
        except requests.RequestException as error:
            raise http.unreachable(error, self.url) from None  # its text may name a proxy's password

    def _drain(self, answer: requests.Response) -> None:
        """Read the page behind a refusal, so that the connection can be kept."""
        rest = LARGEST_REFUSAL
        with answer:
            try:
                for chunk in answer.iter_content(8192):
                    rest -= len(chunk)
                    if rest < 0:
                        return  # closes the connection: what follows is told as a cut
            except requests.RequestException as error:
                raise http.unreachable(error, self.url) from None

    # --- what went wrong ------------------------------------------------------------------------------------

    def _refused(self, context: "ContextProxy", scheme: str) -> MailboxError:
        self._line.signed_in = False
        details = {"scheme": scheme, "mechanism": str(context.negotiated_protocol or "")}
        if context.negotiated_protocol == KERBEROS:
            self._tickets.forget()
            error: MailboxError = FixNeeded(
                _("{host} did not accept the Kerberos ticket.").format(host=self._host),
                _(
                    "Check that the service principal name HTTP/{host} is registered for the account that Exchange "
                    "uses (the alternate service account, where several servers share the name), and that the clocks "
                    "agree. Or choose NTLM."
                ).format(host=self._host),
                details,
            )
        else:
            cure = _(REFUSED_CURE)
            if self._line.certificate is not None:
                cure = f"{cure} {_(BOUND_CURE)}"
            error = SignInRefused(
                _("{host} refused user or password.").format(host=self._host), cure, details
            )
        error.not_done = True
        return error

    def _unasked(self, status: int) -> MailboxError:
        error = FixNeeded(
            _("{host} does not ask who calls (HTTP {status}).").format(host=self._host, status=status),
            _("Check the server address: Exchange asks for a sign-in at /EWS/Exchange.asmx."),
        )
        error.not_done = True
        return error

    def _cut(self) -> MailboxError:
        error = Wait(  # it may have been cut once; where it always is, the cure says what to do
            _("The connection to {host} ends while Placet signs in.").format(host=self._host), _(CUT_CURE)
        )
        error.not_done = True
        return error

    def _unreadable(self, reason: str) -> MailboxError:
        error = Wait(
            _("The sign-in at {host} cannot be understood ({reason}).").format(
                host=self._host, reason=reason
            ),
            _(WAIT_CURE),
        )
        error.not_done = True
        return error

    def _unusable(self, error: Exception) -> MailboxError:
        log.info("sign_in_not_begun", host=self._host, error=type(error).__name__)
        return FixNeeded(
            _("With this user and password no sign-in can be begun ({error}).").format(
                error=type(error).__name__
            ),
            _("Check user and password: DOMAIN\\name or name@domain."),
        )


def bindings(certificate: bytes | None) -> "GssChannelBindings | None":
    """The channel that a sign-in is bound to: tls-server-end-point (RFC 5929 4) of a server's certificate (DER). None
    without one, and where its signature has no hash of its own, for which nothing is defined."""
    if certificate is None:
        return None
    from spnego.channel_bindings import GssChannelBindings

    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None
    if algorithm is None:
        return None
    weak = isinstance(algorithm, hashes.MD5 | hashes.SHA1)
    digest = hashes.Hash(hashes.SHA256() if weak else algorithm)
    digest.update(certificate)
    return GssChannelBindings(application_data=b"tls-server-end-point:" + digest.finalize())


def schemes_of(answer: requests.Response) -> list[str]:
    """Names of the ways of signing in that a 401 offers, lower case."""
    return list(dict.fromkeys(value.partition(" ")[0].lower() for value in _offers(answer)))


def _offers(answer: requests.Response) -> list[str]:
    """The values of WWW-Authenticate, one an offer: requests joins several lines to one."""
    raw: Any = answer.raw.headers
    lines = [str(line) for line in raw.getlist("WWW-Authenticate")]
    # One line may hold several (RFC 9110 11.6.1); a token68 has no comma, parameters have an equals sign.
    parts = [part.strip() for line in lines for part in line.split(",")]
    return [part for part in parts if SCHEME.fullmatch(part.partition(" ")[0])]


def _coded(token: bytes) -> str:
    return base64.b64encode(token).decode()
