"""Which protocol leads to a mailbox in Exchange: Microsoft Graph or Exchange Web Services."""

from collections.abc import Mapping
from functools import partial

from placet.mailboxes.base import Connection
from placet.mailboxes.microsoft import credentials
from placet.mailboxes.microsoft.clouds import EWS, GRAPH
from placet.mailboxes.microsoft.entra import Credential, EntraGrant
from placet.mailboxes.microsoft.ews.connection import EwsConnection
from placet.mailboxes.microsoft.ews.soap import Soap
from placet.mailboxes.microsoft.graph.client import Graph
from placet.mailboxes.microsoft.graph.connection import GraphConnection
from placet.mailboxes.microsoft.preflight import ExchangeProbe
from placet.mailboxes.microsoft.settings import ExchangeSettings
from placet.mailboxes.oauth import TOKENS, Access, TokenCache


def connect_with_secrets(settings: ExchangeSettings, secrets: Mapping[str, str], *, key: str) -> Connection:
    """As `connect`, with what of the mailbox's secrets is in use."""
    return connect(settings, credentials.in_use(secrets), key=key)


def connect(
    settings: ExchangeSettings,
    credential: Credential,
    *,
    key: str,
    cache: TokenCache = TOKENS,
) -> Connection:
    """A connection to the mailbox, by the protocol that its settings say; nothing is sent before it is used.

    `key` names the mailbox in the token cache (its primary key will do).
    """
    access = Access(
        key, EntraGrant(settings.token_uri, settings.client_id, settings.scope, credential), cache
    )
    return OPENED_BY[settings.protocol](settings, access)


def _ews(settings: ExchangeSettings, access: Access) -> Connection:
    soap = Soap.online(settings.ews_url, settings.username, access)
    return EwsConnection(soap, partial(ExchangeProbe, settings, access))


def _graph(settings: ExchangeSettings, access: Access) -> Connection:
    graph = Graph(settings.graph_url, settings.username, access)
    return GraphConnection(graph, partial(ExchangeProbe, settings, access))


#: One entry for each protocol that reaches such a mailbox.
OPENED_BY = {GRAPH: _graph, EWS: _ews}
