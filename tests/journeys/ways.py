"""By which ways a journey goes to Placet's mailbox: each a server, and how mail is taken from it and sent.

A further kind of mailbox is one line of WAYS, and a sandbox beside `at_google.py`. Families of attacks go over each of
them too (`tests/attacks/conftest.py`).
"""

from collections.abc import Callable

import pytest

from placet.sandbox.server import Sandbox
from tests.journeys.at_cyrus import AtCyrus
from tests.journeys.at_exchange_server import AtExchangeServer
from tests.journeys.at_google import AtGoogle
from tests.journeys.at_mail_servers import AtMailServers
from tests.journeys.elsewhere import DOMAIN


def _online(request: pytest.FixtureRequest) -> Sandbox:
    return Sandbox(DOMAIN)


def _mail_servers(protocol: str) -> Callable[[pytest.FixtureRequest], Sandbox]:
    return lambda request: AtMailServers(request.getfixturevalue("mail_servers")(), protocol)


#: Both of Exchange Online.
ONLINE = ("graph", "ews")
WAYS: dict[str, Callable[[pytest.FixtureRequest], Sandbox]] = {
    "graph": _online,
    "ews": _online,
    "exchange-server": lambda request: AtExchangeServer(),
    "imap": _mail_servers("imap"),
    "pop3": _mail_servers("pop3"),
    "jmap": lambda request: AtCyrus(request.getfixturevalue("cyrus_servers")()),
    "gmail": lambda request: AtGoogle(),
}
