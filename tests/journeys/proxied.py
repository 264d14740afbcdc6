"""Fixtures of journeys over mail servers, with proxies between Placet and them. Those that are in memory, written from
documents, listen on loopback like the others: processes of their own reach them, too."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest

from placet.mailboxes.oauth import TokenCache
from placet.sandbox.server import Sandbox
from tests.journeys.at_cyrus import AtCyrus, CyrusServers
from tests.journeys.at_mail_servers import AtMailServers, MailServers
from tests.servers.proxy import Proxy, proxy

Proxies = Mapping[str, Proxy]
#: Kinds whose server is in memory, and what it speaks.
IN_MEMORY = {"gmail": "gmail", "exchange-server": "ews"}


@pytest.fixture
def servers(way: str, request: pytest.FixtureRequest) -> MailServers | None:
    """Those that we did not write."""
    if way in IN_MEMORY:
        return None
    start = request.getfixturevalue("cyrus_servers" if way == "jmap" else "mail_servers")
    servers: MailServers = start()
    return servers


@pytest.fixture
def proxies(way: str, servers: MailServers | None) -> Iterator[Proxies]:
    """By protocol. What Placet sends by JMAP its own server hands on."""
    if servers is None:
        ports = {IN_MEMORY[way]: 0}  # the sandbox says which when it has started
    elif isinstance(servers, CyrusServers):
        ports = {"jmap": servers.cyrus.ports["http"]}
    else:
        ports = {way: servers.dovecot.ports[way], "smtp": servers.postfix.ports["mx"]}
    with ExitStack() as stack:
        yield {name: stack.enter_context(proxy(port, name)) for name, port in ports.items()}


@pytest.fixture
def sandbox(way: str, servers: MailServers | None, proxies: Proxies) -> Iterator[Sandbox]:
    with _behind(way, servers, proxies) as sandbox:
        for name in ("approvals", "alice", "bob", "carol", "dave", "ada"):
            sandbox.add_mailbox(name, f"{name.title()} {name.title()}son")
        yield sandbox


def _behind(way: str, servers: MailServers | None, proxies: Proxies) -> AbstractContextManager[Sandbox]:
    ports = {name: one.port for name, one in proxies.items()}
    if servers is None:
        return _google(proxies["gmail"]) if way == "gmail" else _exchange_server(proxies["ews"])
    if isinstance(servers, CyrusServers):
        return AtCyrus(servers, ports)
    return AtMailServers(servers, way, ports)


@contextmanager
def _google(before: Proxy) -> Iterator[Sandbox]:
    from placet.mailboxes.gmail import connection
    from tests.journeys.at_google import AtGoogle, asked_at

    with AtGoogle() as sandbox:
        before.to = sandbox.google.stub.port
        with asked_at(api_of(before)), pytest.MonkeyPatch.context() as patch:
            there = connection.connect
            # Each connection asks for a token of its own, as the first one of a process does.
            patch.setattr(
                connection, "connect", lambda *given, **more: there(*given, **more, cache=TokenCache())
            )
            yield sandbox


def api_of(google: Proxy) -> str:
    """Where what is asked of Google is asked."""
    return f"http://127.0.0.1:{google.port}"


@contextmanager
def _exchange_server(before: Proxy) -> Iterator[Sandbox]:
    from tests.journeys.at_exchange_server import AtExchangeServer

    with AtExchangeServer() as sandbox:
        before.to, sandbox.front.port = sandbox.front.port, before.port
        yield sandbox
