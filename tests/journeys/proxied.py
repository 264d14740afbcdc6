"""Fixtures of journeys over mail servers, with proxies between Placet and them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from tests.journeys.at_cyrus import AtCyrus, CyrusServers
from tests.journeys.at_mail_servers import AtMailServers, MailServers
from tests.servers.proxy import Proxy, proxy

Proxies = Mapping[str, Proxy]


@pytest.fixture
def servers(way: str, request: pytest.FixtureRequest) -> MailServers:
    start = request.getfixturevalue("cyrus_servers" if way == "jmap" else "mail_servers")
    servers: MailServers = start()
    return servers


@pytest.fixture
def proxies(way: str, servers: MailServers) -> Iterator[Proxies]:
    """By protocol. What Placet sends by JMAP its own server hands on."""
    if isinstance(servers, CyrusServers):
        ports = {"jmap": servers.cyrus.ports["http"]}
    else:
        ports = {way: servers.dovecot.ports[way], "smtp": servers.postfix.ports["mx"]}
    with ExitStack() as stack:
        yield {name: stack.enter_context(proxy(port, name)) for name, port in ports.items()}


@pytest.fixture
def sandbox(way: str, servers: MailServers, proxies: Proxies) -> Iterator[AtMailServers]:
    ports = {name: one.port for name, one in proxies.items()}
    behind = (
        AtCyrus(servers, ports) if isinstance(servers, CyrusServers) else AtMailServers(servers, way, ports)
    )
    with behind as sandbox:
        for name in ("approvals", "alice", "bob", "carol", "dave", "ada"):
            sandbox.add_mailbox(name, f"{name.title()} {name.title()}son")
        yield sandbox
