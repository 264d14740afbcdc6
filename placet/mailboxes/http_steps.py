"""Steps of the pre-flight (`preflight.py`) that kinds share whose servers speak HTTP."""

from collections.abc import Sequence

import requests
from django.utils.translation import gettext as _
from requests.auth import AuthBase

from placet.mailboxes import http
from placet.mailboxes.base import Check
from placet.mailboxes.preflight import Step, names_resolve, passed


class _NoAuth(AuthBase):
    """Keeps requests from taking a password for the host out of .netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def way_to(urls: Sequence[str]) -> list[Step]:
    """The steps `name` and `tls` to the servers at `urls`."""
    return [Step("name", lambda: _names(urls)), Step("tls", lambda: _answers(urls))]


def _names(urls: Sequence[str]) -> Check:
    hosts = [http.host_of(url) for url in urls]
    return names_resolve(hosts, {http.host_of(url): http.proxy_for(url) for url in urls})


def _answers(urls: Sequence[str]) -> Check:
    """Requests without credentials: any answer shows that name, port and certificate are right."""
    statuses = {}
    for url in urls:
        with requests.Session() as session:
            http.prepare(session, url)
            try:
                with session.get(
                    url, auth=_NoAuth(), timeout=(10, 20), stream=True, allow_redirects=False
                ) as answer:
                    statuses[http.host_of(url)] = answer.status_code
            except requests.RequestException as error:
                raise http.unreachable(error, url) from None
    # Without a token they refuse, each with a code of its own: for support, not for whoever reads this.
    return passed(_("All answer: {hosts}.").format(hosts=", ".join(statuses)), {"status": statuses})
