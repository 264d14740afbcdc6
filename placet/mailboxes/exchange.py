"""Kind `exchange-online`: which way leads to an Exchange Online mailbox."""

from django.utils.translation import gettext as _
from pydantic import SecretStr

from .base import Connection, FixNeeded
from .ews.connection import EwsConnection
from .ews.preflight import Preflight
from .ews.soap import Soap
from .oauth import TOKENS, Access, Grant, TokenCache
from .settings import ExchangeSettings


def connect(
    settings: ExchangeSettings, secret: SecretStr, *, key: str, way: str = "ews", cache: TokenCache = TOKENS
) -> Connection:
    """A connection to the mailbox; nothing is sent before it is used.

    `key` names the mailbox in the token cache (its primary key will do). `way` is the protocol.
    """
    access = Access(key, Grant(settings.token_uri, settings.client_id, settings.scope, secret), cache)
    if way not in WAYS:
        raise FixNeeded(
            _("Placet does not know the way “{way}” to an Exchange Online mailbox.").format(way=way),
            _("Choose one of: {ways}.").format(ways=", ".join(WAYS)),
        )
    return WAYS[way](settings, access)


def _ews(settings: ExchangeSettings, access: Access) -> Connection:
    return EwsConnection(Soap(settings.ews_url, settings.username, access), Preflight(settings, access))


#: One entry for each protocol that reaches such a mailbox.
WAYS = {"ews": _ews}
