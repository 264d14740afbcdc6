"""Signing in by Basic (RFC 7617): the password goes with every request, so over TLS alone."""

import base64
from collections.abc import Mapping
from urllib.parse import urlsplit

import requests
from django.utils.translation import gettext as _

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, MailboxError, SignInRefused

from .attempts import ATTEMPTS, Attempts
from .line import Line
from .windows import REFUSED_CURE, Account, Signed, schemes_of


class BasicCaller:
    """See `ews.callers.Caller`."""

    def __init__(
        self, url: str, account: Account, *, authorities: str = "", attempts: Attempts = ATTEMPTS
    ) -> None:
        self.url = url
        self._account = account
        self._authorities = authorities
        self._attempts = attempts
        self._whose = (http.host_of(url), account.user.lower(), account.password.get_secret_value())
        self._session = requests.Session()
        http.prepare(self._session, url)
        self._session.mount("https://", Line(url, authorities))

    def post(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        if urlsplit(self.url).scheme != "https":
            raise _unsent(
                FixNeeded(
                    _("With Basic the password would travel in clear."),
                    _("Choose SSL as Security, or another way of signing in."),
                )
            )
        with self._attempts.turn(*self._whose):
            answer = self._post(body, headers)
            if answer.status_code == 401:
                raise self._refused(answer)
            if answer.status_code <= 500:  # above, whoever answers need not have looked
                self._attempts.taken(*self._whose)
            return answer

    def another(self) -> "BasicCaller":
        return BasicCaller(self.url, self._account, authorities=self._authorities, attempts=self._attempts)

    def try_again(self) -> None:
        self._attempts.forget(*self._whose)

    def close(self) -> None:
        self._session.close()

    def _post(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        named = f"{self._account.user}:{self._account.password.get_secret_value()}"
        try:
            return self._session.post(
                self.url,
                data=body,
                headers=dict(headers),
                auth=Signed(f"Basic {base64.b64encode(named.encode()).decode()}"),
                stream=True,
                allow_redirects=False,
                timeout=http.TIMEOUT,
            )
        except requests.RequestException as error:
            raise http.unreachable(error, self.url) from None  # its text may name a proxy's password

    def _refused(self, answer: requests.Response) -> MailboxError:
        with answer:
            offered = schemes_of(answer)
        host = http.host_of(self.url)
        if "basic" not in offered:
            return _unsent(
                FixNeeded(
                    _(
                        "{host} does not offer the chosen way of signing in ({wanted}), but: {offered}."
                    ).format(host=host, wanted="Basic", offered=", ".join(offered) or _("none")),
                    _(
                        "Choose one that it offers, or allow Basic authentication on the EWS virtual directory. A "
                        "proxy in between may have taken the offer away."
                    ),
                    {"offered": ", ".join(offered)},
                )
            )
        told = _("{host} refused user or password.").format(host=host)
        return _unsent(SignInRefused(told, _(REFUSED_CURE), {"scheme": "Basic"}))


def _unsent(error: MailboxError) -> MailboxError:
    error.not_done = True
    return error
