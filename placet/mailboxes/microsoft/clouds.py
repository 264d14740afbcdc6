"""Microsoft's clouds and the two ways into a mailbox: which hosts belong together.

Microsoft: "Microsoft Graph national cloud deployments", "National clouds" (Entra ID), "Microsoft 365 endpoints".
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes.http import is_loopback

GRAPH, EWS = "graph", "ews"
PROTOCOLS = (GRAPH, EWS)
OWN = "own"  # no cloud of Microsoft's: every host is entered


@dataclass(frozen=True)
class Cloud:
    """One cloud. `login`: hosts of Entra ID, the first is the one to use."""

    key: str
    label: str  # of the catalogue, in English
    login: tuple[str, ...]
    graph: str
    outlook: str

    def host(self, protocol: str) -> str:
        return self.graph if protocol == GRAPH else self.outlook

    def scope(self, protocol: str) -> str:
        return f"https://{self.host(protocol)}/.default"


CLOUDS = {
    cloud.key: cloud
    for cloud in (
        Cloud(
            "worldwide",
            gettext_noop("Microsoft 365 worldwide (GCC too)"),
            ("login.microsoftonline.com", "login.windows.net", "login.microsoft.com"),
            "graph.microsoft.com",
            "outlook.office365.com",
        ),
        Cloud(
            "gcc_high",
            gettext_noop("US Government GCC High"),
            ("login.microsoftonline.us",),
            "graph.microsoft.us",
            "outlook.office365.us",
        ),
        Cloud(
            "dod",
            gettext_noop("US Government DoD"),
            ("login.microsoftonline.us",),
            "dod-graph.microsoft.us",
            "outlook-dod.office365.us",
        ),
        Cloud(
            "china",
            gettext_noop("China, operated by 21Vianet"),
            ("login.partner.microsoftonline.cn", "login.chinacloudapi.cn"),
            "microsoftgraph.chinacloudapi.cn",
            "partner.outlook.cn",
        ),
    )
}
WORLDWIDE = CLOUDS["worldwide"]
LOGIN_HOSTS = frozenset(host for cloud in CLOUDS.values() for host in cloud.login)
GRAPH_HOSTS = frozenset(cloud.graph for cloud in CLOUDS.values())
OLDER_OUTLOOK = "outlook.office.com"  # names the same resource
OUTLOOK_HOSTS = frozenset({cloud.outlook for cloud in CLOUDS.values()} | {OLDER_OUTLOOK})


@dataclass
class Fitting:
    """The connection's settings as far as they could be read, made to fit together.

    `protocol` and `cloud` are what was chosen, "" where nothing was; `server` is host[:port], `scope` and `token_uri`
    are whole, each "" where none was entered. `tenant` is entered in place of a token URI. After `fit` all of them
    are there, as far as they can be; `notices` has by field what was put in another's place, `errors` what cannot be
    made to fit.
    """

    protocol: str = ""
    cloud: str = ""
    server: str = ""
    scope: str = ""
    token_uri: str = ""
    tenant: str = ""
    notices: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def fit(self) -> None:
        self.protocol = self.protocol or self._way_meant()
        self.cloud = self._cloud_meant()
        cloud = CLOUDS.get(self.cloud)
        chosen_since = self._chosen_since(cloud)
        self._fit_server(cloud)
        self._fit_scope(cloud)
        self._fit_token_uri(cloud, chosen_since=chosen_since)

    def _way_meant(self) -> str:
        """Settings from before there were two ways name hosts of EWS; so do instructions of other products."""
        scope, server = _host(self.scope), _host(f"//{self.server}")
        if scope:
            return GRAPH if _is_graph(scope) else EWS
        if not server or is_loopback(server) or _is_graph(server):
            return GRAPH
        return EWS

    def _cloud_meant(self) -> str:
        login, server = _host(self.token_uri), _host(f"//{self.server}")
        of_login = [cloud.key for cloud in _of_login(login)]
        of_server = [key for key, cloud in CLOUDS.items() if server in (cloud.graph, cloud.outlook)]
        if not self.cloud:
            if login and not of_login:
                return OWN
            both = [key for key in of_login if key in of_server]
            return next(iter(both or of_login or of_server), self._unsaid())
        if self.cloud != OWN and (
            (login and not of_login) or (self.protocol == GRAPH and server and not _known(server))
        ):
            named = _(
                "The addresses entered belong to none of Microsoft's clouds, so Cloud counts as Own addresses. For a "
                "cloud of Microsoft's, empty Server address, Scope and Access token URI."
            )
            self.notices["cloud"] = named
            return OWN
        return self.cloud

    def _unsaid(self) -> str:
        return OWN if is_loopback(_host(f"//{self.server}")) else WORLDWIDE.key

    def _chosen_since(self, cloud: Cloud | None) -> bool:
        """Whether server or scope are still those of another cloud: then this one was chosen after all of them."""
        hosts = {_host(f"//{self.server}"), _host(self.scope)}
        own = {cloud.graph, cloud.outlook} if cloud is not None else set()
        if cloud is WORLDWIDE:
            own.add(OLDER_OUTLOOK)
        return any(_known(host) and host not in own for host in hosts)

    def _fit_server(self, cloud: Cloud | None) -> None:
        if cloud is None:
            return
        wanted = cloud.host(self.protocol)
        if self.server and _known(_host(f"//{self.server}")) and self.server != wanted:
            self._say("server_address", self.server, wanted)
            self.server = wanted
        self.server = self.server or wanted

    def _fit_scope(self, cloud: Cloud | None) -> None:
        entered = _host(self.scope)
        if cloud is None:
            cloud = next(
                (known for known in CLOUDS.values() if entered in (known.graph, known.outlook)), WORLDWIDE
            )
        wanted = cloud.scope(self.protocol)
        if self.scope and _known(entered) and entered != cloud.host(self.protocol):
            if self.protocol == EWS and cloud is WORLDWIDE and entered == OLDER_OUTLOOK:
                return
            self._say("scope", self.scope, wanted)
            self.scope = wanted
        self.scope = self.scope or wanted

    def _fit_token_uri(self, cloud: Cloud | None, *, chosen_since: bool) -> None:
        login = (cloud or WORLDWIDE).login[0]
        if self.tenant and not self.token_uri:
            self.token_uri = f"https://{login}/{self.tenant}/oauth2/v2.0/token"
            self.notices["token_uri"] = _("Access token URI was completed to {uri}.").format(
                uri=self.token_uri
            )
        entered = _host(self.token_uri)
        if cloud is None or entered not in LOGIN_HOSTS or entered in cloud.login:
            return
        if not chosen_since:
            # Nobody chose against it: a client secret goes only to the host that it was entered for.
            self.errors["token_uri"] = _(
                "{host} belongs to another cloud ({clouds}). Choose that one under Cloud, or correct the address."
            ).format(host=entered, clouds=", ".join(_(known.label) for known in _of_login(entered)))
            return
        self._say("token_uri", entered, login)
        self.token_uri = self.token_uri.replace(f"//{urlsplit(self.token_uri).netloc}/", f"//{login}/", 1)

    def _say(self, name: str, entered: str, wanted: str) -> None:
        told = _("{entered} was replaced by {wanted}, which belongs to the cloud and the way chosen above.")
        self.notices[name] = told.format(entered=entered, wanted=wanted)


def same_cloud(one: str, other: str) -> bool:
    """Whether two servers (host[:port]) are Microsoft's own of one cloud, for the one way or the other."""
    return any({one.lower(), other.lower()} <= {cloud.graph, cloud.outlook} for cloud in CLOUDS.values())


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _of_login(host: str) -> list[Cloud]:
    return [cloud for cloud in CLOUDS.values() if host in cloud.login]


def _is_graph(host: str) -> bool:
    return host in GRAPH_HOSTS or host.startswith("graph.")


def _known(host: str) -> bool:
    return host in GRAPH_HOSTS or host in OUTLOOK_HOSTS
