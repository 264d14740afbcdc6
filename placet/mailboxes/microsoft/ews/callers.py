"""Who sends the requests to EWS, and as whom. With access tokens here; with Windows accounts in `server/`."""

from collections.abc import Mapping
from typing import Protocol

import requests
from pydantic import SecretStr

from placet.mailboxes import http
from placet.mailboxes.oauth import Access


class Caller(Protocol):
    """Requests to one address, one after another."""

    url: str

    def post(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        """The answer, its body not yet read; whoever asks closes it. Redirects are not followed. Raises
        MailboxError where there is none, or where nobody may ask."""

    def try_again(self) -> None:
        """Forget what was refused a moment ago: an administrator runs the connection test."""

    def another(self) -> "Caller":
        """The same, with connections of its own."""

    def close(self) -> None: ...


class TokenCaller:
    """With an access token; where that is refused, once more with a new one."""

    def __init__(self, url: str, access: Access) -> None:
        self.url = url
        self.access = access
        self._session = requests.Session()
        http.prepare(self._session, url)

    def post(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        return self.access.answered(lambda token: self._post(body, token, headers))

    def try_again(self) -> None:
        """The test asks for a new token itself."""

    def another(self) -> "TokenCaller":
        return TokenCaller(self.url, self.access)

    def close(self) -> None:
        self._session.close()

    def _post(self, body: bytes, token: SecretStr, headers: Mapping[str, str]) -> requests.Response:
        try:
            return self._session.post(
                self.url,
                data=body,
                headers=dict(headers),
                auth=http.Bearer(token),
                stream=True,
                allow_redirects=False,
                timeout=http.TIMEOUT,
            )
        except requests.RequestException as error:
            raise http.unreachable(error, self.url) from None  # its text may name a proxy's password
