"""Kind `exchange-online`: which way leads to an Exchange Online mailbox."""

from placet.mailboxes.base import Connection
from placet.mailboxes.microsoft.clouds import EWS, GRAPH
from placet.mailboxes.microsoft.ews.connection import EwsConnection
from placet.mailboxes.microsoft.ews.soap import Soap
from placet.mailboxes.microsoft.graph.client import Graph
from placet.mailboxes.microsoft.graph.connection import GraphConnection
from placet.mailboxes.microsoft.preflight import Preflight
from placet.mailboxes.oauth import TOKENS, Access, Credential, Grant, TokenCache
from placet.mailboxes.settings import ExchangeSettings


def connect(
    settings: ExchangeSettings,
    credential: Credential,
    *,
    key: str,
    cache: TokenCache = TOKENS,
) -> Connection:
    """A connection to the mailbox, the way that its settings say; nothing is sent before it is used.

    `key` names the mailbox in the token cache (its primary key will do).
    """
    access = Access(key, Grant(settings.token_uri, settings.client_id, settings.scope, credential), cache)
    return WAYS[settings.via](settings, access)


def _ews(settings: ExchangeSettings, access: Access) -> Connection:
    return EwsConnection(Soap(settings.ews_url, settings.username, access), Preflight(settings, access))


def _graph(settings: ExchangeSettings, access: Access) -> Connection:
    return GraphConnection(Graph(settings.graph_url, settings.username, access), Preflight(settings, access))


#: One entry for each protocol that reaches such a mailbox.
WAYS = {GRAPH: _graph, EWS: _ews}
