"""By which ways a journey goes to Placet's mailbox: each a server, and how mail is taken from it and sent.

A further kind of mailbox is one line of EVERY_WAY, and a sandbox beside `at_google.py`, which imports its folder only
where it is used. Families of attacks go over each of them too (`tests/attacks/conftest.py`).
"""

from collections.abc import Callable, Mapping

import pytest

from placet.mailboxes.kinds import all_kinds
from placet.sandbox.server import Sandbox
from tests.journeys.at_cyrus import AtCyrus
from tests.journeys.at_exchange_server import AtExchangeServer
from tests.journeys.at_google import AtGoogle
from tests.journeys.at_mail_servers import AtMailServers
from tests.journeys.elsewhere import DOMAIN

Start = Callable[[pytest.FixtureRequest], Sandbox]


def _online(request: pytest.FixtureRequest) -> Sandbox:
    return Sandbox(DOMAIN)


def _mail_servers(protocol: str) -> Start:
    return lambda request: AtMailServers(request.getfixturevalue("mail_servers")(), protocol)


#: Both of Exchange Online.
ONLINE = ("graph", "ews")
#: With the kinds of mailbox that each takes.
EVERY_WAY: Mapping[str, tuple[tuple[str, ...], Start]] = {
    "graph": (("exchange-online",), _online),
    "ews": (("exchange-online",), _online),
    "exchange-server": (("exchange-server",), lambda request: AtExchangeServer()),
    "imap": (("imap", "smtp"), _mail_servers("imap")),
    "pop3": (("pop3", "smtp"), _mail_servers("pop3")),
    "jmap": (("jmap",), lambda request: AtCyrus(request.getfixturevalue("cyrus_servers")())),
    "gmail": (("gmail",), lambda request: AtGoogle()),
}
#: Those of the kinds that are there: the folder of each can be deleted.
WAYS: Mapping[str, Start] = {
    way: start for way, (kinds, start) in EVERY_WAY.items() if all_kinds().keys() >= {*kinds}
}
