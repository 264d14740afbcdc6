"""Kind `exchange-server`: a mailbox on an Exchange server of the organisation's own, through Exchange Web Services."""

from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

from pydantic import SecretStr

from placet.mailboxes.microsoft.clouds import LOGIN_HOSTS
from placet.mailboxes.microsoft.entra import EntraGrant
from placet.mailboxes.microsoft.ews.callers import Caller, TokenCaller
from placet.mailboxes.microsoft.ews.connection import EwsConnection
from placet.mailboxes.microsoft.ews.dialect import Opening
from placet.mailboxes.microsoft.ews.soap import Soap
from placet.mailboxes.microsoft.push.streaming import EwsListening
from placet.mailboxes.oauth import Access, Grant, SecretGrant

from .basic import BasicCaller
from .errors import on_premises
from .fields import BASIC, CLIENT_SECRET, NTLM, OAUTH, PASSWORD
from .line import Line
from .preflight import ServerProbe
from .settings import ExchangeServerSettings
from .windows import NEGOTIATE, Account, WindowsCaller
from .windows import NTLM as NTLM_SCHEME


def connect(settings: ExchangeServerSettings, secrets: Mapping[str, str], *, key: str) -> EwsConnection:
    """Nothing is sent before it is used. `key` names the mailbox in the cache of access tokens."""
    user = settings.exchange_client_id if settings.exchange_sign_in == OAUTH else settings.exchange_user
    spoken = on_premises(Opening(settings.exchange_opening), user, settings.username)
    soap = Soap(settings.username, caller(settings, secrets, key), spoken)
    return EwsConnection(soap, partial(ServerProbe, settings, soap))


def caller(settings: ExchangeServerSettings, secrets: Mapping[str, str], key: str) -> Caller:
    """Who asks the server, as the settings say."""
    url, authorities = settings.ews_url, settings.exchange_authorities
    if settings.exchange_sign_in == OAUTH:
        return ServerTokenCaller(url, Access(key, _grant(settings, secrets)), authorities)
    account = Account(settings.exchange_user, SecretStr(secrets.get(PASSWORD, "")))
    if settings.exchange_sign_in == BASIC:
        return BasicCaller(url, account, authorities=authorities)
    only_ntlm = settings.exchange_sign_in == NTLM
    schemes = (NTLM_SCHEME,) if only_ntlm else (NEGOTIATE, NTLM_SCHEME)
    return WindowsCaller(url, account, schemes, authorities=authorities)


def _grant(settings: ExchangeServerSettings, secrets: Mapping[str, str]) -> Grant:
    """Entra ID explains its refusals; AD FS speaks OAuth as any other server."""
    secret = SecretStr(secrets.get(CLIENT_SECRET, ""))
    about = (settings.exchange_token_uri, settings.exchange_client_id, settings.exchange_scope)
    if urlsplit(settings.exchange_token_uri).hostname in LOGIN_HOSTS:
        return EntraGrant(*about, secret)
    return SecretGrant(*about, secret)


class ServerTokenCaller(TokenCaller):
    """To a server that the organisation's own authority may vouch for."""

    def __init__(self, url: str, access: Access, authorities: str) -> None:
        super().__init__(url, access)
        self._authorities = authorities
        self._session.mount("https://", Line(url, authorities))

    def another(self) -> "ServerTokenCaller":
        return ServerTokenCaller(self.url, self.access, self._authorities)


def listen(
    settings: ExchangeServerSettings, secrets: Mapping[str, str], *, key: str, subscription_id: str
) -> EwsListening:
    """For `kinds`."""
    return EwsListening(connect(settings, secrets, key=key), subscription_id)
