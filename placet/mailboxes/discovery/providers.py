"""Providers of mail that are known by the names of their mail servers: how each is reached and what to prepare.

Servers, ports and security as the providers' own help pages and Thunderbird's database (ISPDB) name them. The table is
a help for whoever fills in the form: what it proposes is shown, and tested before a mailbox becomes active.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from placet.lib.sentences import gettext_noop

from .proposals import IMAP, JMAP, POP3, SMTP, SSL, STARTTLS, SignIn

USUAL_PORTS = {
    (IMAP, SSL): 993,
    (IMAP, STARTTLS): 143,
    (POP3, SSL): 995,
    (SMTP, SSL): 465,
    (SMTP, STARTTLS): 587,
}


@dataclass(frozen=True)
class Place:
    """A server of a provider. In `host`, {server} stands for the preferred mail server of the domain."""

    protocol: str
    host: str
    security: str = SSL
    port: int = 0

    @property
    def usual_port(self) -> int:
        return self.port or USUAL_PORTS.get((self.protocol, self.security), 443)


@dataclass(frozen=True)
class Way:
    """One way into the mailboxes of a provider. `prepare`: what somebody does first; `warnings`: what may speak against
    it. Texts of the catalogue."""

    kind: str
    sign_in: SignIn
    receiving: Place | None = None
    sending: Place | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Provider:
    """`servers`: ends of the names of its mail servers. `domains`: of its own addresses, for which only this entry
    counts. `ways`: the best first; none where no other program gets at its mailboxes."""

    name: str
    servers: tuple[str, ...]
    ways: tuple[Way, ...] = ()
    domains: tuple[str, ...] = ()


# --- what to prepare, said of many ------------------------------------------------------------------------

APP_PASSWORD = gettext_noop(
    "Make an app password for Placet in the security settings of the account; where two-step sign-in is on, the usual "
    "password is refused."
)
SWITCH_ON = gettext_noop("Switch on access by IMAP or POP3 in the settings of the mailbox.")
OWN_MAILBOX = gettext_noop(
    "A mailbox of its own for Placet; Placet signs in with its password, or with an app password."
)
REGISTER = gettext_noop(
    "Register Placet as an application in Entra ID and give it this one mailbox; the guide shows each step."
)
DELEGATION = gettext_noop(
    "A super administrator makes a service account and gives it the mailbox by domain-wide delegation; the guide shows "
    "each step."
)
CONSENT = gettext_noop("Somebody signs in to the mailbox in a browser once and agrees that Placet uses it.")
OUTLOOK_COM_APPLICATION = gettext_noop(
    "Outlook.com takes no passwords, and no app passwords either: register an application with Microsoft, whose client "
    "ID goes into the form."
)
OUTLOOK_COM_WARNING = gettext_noop(
    "The stamps that Outlook.com puts on mails bear no name and prove nobody: an answer there counts only if it is "
    "signed by S/MIME or OpenPGP. Where people do not sign, use a mailbox somewhere else."
)
TOKEN = gettext_noop("Make an API token for mail (JMAP) in the settings of the account.")
BRIDGE = gettext_noop(
    "Install Proton Mail Bridge on the machine that Placet runs on and sign in there; user and password are those that "
    "Bridge shows. It needs a paid plan."
)
ICLOUD_USER = gettext_noop("The user is the account’s address at icloud.com, also for a domain of your own.")
OVH_SERVER = gettext_noop(
    "This is for MX Plan. For Email Pro and Hosted Exchange, the server is named in the OVHcloud Control Panel."
)


def _imap(receiving: str, sending: str, **more: object) -> tuple[Way, ...]:
    """By IMAP and SMTP with TLS from the first byte."""
    return _by_password(Place(IMAP, receiving), Place(SMTP, sending), **more)  # type: ignore[arg-type]  # each is a field of it


def _by_password(
    receiving: Place,
    sending: Place,
    *,
    pop: str = "",
    sign_in: SignIn = SignIn.PASSWORD,
    prepare: tuple[str, ...] = (OWN_MAILBOX,),
) -> tuple[Way, ...]:
    ways = [Way("imap", sign_in, receiving, sending, prepare=prepare)]
    if pop:
        ways.append(Way("pop3", sign_in, Place(POP3, pop), sending, prepare=prepare))
    return tuple(ways)


def _exchange_online(name: str, cloud: str, *servers: str) -> Provider:
    way = Way("exchange-online", SignIn.APPLICATION, settings={"cloud": cloud}, prepare=(REGISTER,))
    return Provider(name, servers, (way,))


_APP = {"sign_in": SignIn.APP_PASSWORD, "prepare": (APP_PASSWORD,)}
_APP_SWITCHED = {"sign_in": SignIn.APP_PASSWORD, "prepare": (SWITCH_ON, APP_PASSWORD)}
_GOOGLE_IMAP = _imap("imap.gmail.com", "smtp.gmail.com", pop="pop.gmail.com", **_APP)
_OUTLOOK = (Place(IMAP, "outlook.office365.com"), Place(SMTP, "smtp-mail.outlook.com", STARTTLS))


def _ionos(ending: str) -> Provider:
    servers = (f"ionos.{ending}", f"1and1.{ending}")
    return Provider(
        "IONOS",
        servers if ending != "de" else (*servers, "kundenserver.de", "1und1.de"),
        _imap(f"imap.ionos.{ending}", f"smtp.ionos.{ending}", pop=f"pop.ionos.{ending}"),
    )


def _zoho(ending: str) -> Provider:
    return Provider(
        "Zoho Mail",
        (f"zoho.{ending}", f"zohomail.{ending}"),
        _imap(
            f"imappro.zoho.{ending}", f"smtppro.zoho.{ending}", pop=f"poppro.zoho.{ending}", **_APP_SWITCHED
        ),
    )


# --- the providers ----------------------------------------------------------------------------------------

PROVIDERS: tuple[Provider, ...] = (
    _exchange_online("Exchange Online", "worldwide", "mail.protection.outlook.com", "mx.microsoft"),
    _exchange_online("Exchange Online (US Government)", "gcc_high", "mail.protection.office365.us"),
    _exchange_online("Exchange Online (21Vianet)", "china", "mail.protection.partner.outlook.cn"),
    Provider(
        "Outlook.com",
        ("olc.protection.outlook.com",),
        (
            Way(
                "imap",
                SignIn.CONSENT,
                *_OUTLOOK,
                prepare=(OUTLOOK_COM_APPLICATION, CONSENT),
                warnings=(OUTLOOK_COM_WARNING,),
            ),
        ),
        ("outlook.com", "hotmail.com", "live.com", "msn.com", "outlook.fr", "hotmail.fr", "live.fr", "outlook.de"),
    ),
    Provider(
        "Google Workspace",
        ("aspmx.l.google.com", "aspmx2.googlemail.com", "aspmx3.googlemail.com", "smtp.google.com"),
        (Way("gmail", SignIn.SERVICE_ACCOUNT, prepare=(DELEGATION,)), *_GOOGLE_IMAP),
    ),
    Provider("Gmail", ("gmail-smtp-in.l.google.com",), _GOOGLE_IMAP, ("gmail.com", "googlemail.com")),
    Provider(
        "Fastmail",
        ("messagingengine.com",),
        (
            Way(
                "jmap",
                SignIn.API_TOKEN,
                Place(JMAP, "api.fastmail.com"),
                settings={"jmap_hosts": "fastmailusercontent.com"},
                prepare=(TOKEN,),
            ),
            *_imap("imap.fastmail.com", "smtp.fastmail.com", pop="pop.fastmail.com", **_APP),
        ),
        ("fastmail.com", "fastmail.fm"),
    ),
    Provider(
        "AOL", ("mx-aol.mail.gm0.yahoodns.net",),
        _imap("imap.aol.com", "smtp.aol.com", pop="pop.aol.com", **_APP), ("aol.com", "aim.com"),
    ),
    Provider(
        "Yahoo", ("yahoodns.net",),
        _imap("imap.mail.yahoo.com", "smtp.mail.yahoo.com", pop="pop.mail.yahoo.com", **_APP),
        ("yahoo.com", "yahoo.fr", "yahoo.de", "yahoo.co.uk", "ymail.com", "rocketmail.com"),
    ),
    Provider(
        "iCloud Mail", ("mail.icloud.com", "mail.me.com"),
        _by_password(
            Place(IMAP, "imap.mail.me.com"), Place(SMTP, "smtp.mail.me.com", STARTTLS),
            sign_in=SignIn.APP_PASSWORD, prepare=(APP_PASSWORD, ICLOUD_USER),
        ),
        ("icloud.com", "me.com", "mac.com"),
    ),
    Provider(
        "GMX", ("gmx.net",), _imap("imap.gmx.net", "mail.gmx.net", pop="pop.gmx.net", **_APP_SWITCHED),
        ("gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.fr"),
    ),
    Provider(
        "GMX", ("gmx.com",), _imap("imap.gmx.com", "mail.gmx.com", pop="pop.gmx.com", **_APP_SWITCHED), ("gmx.com",)
    ),
    Provider("mail.com", ("mail.com",), _imap("imap.mail.com", "smtp.mail.com", pop="pop.mail.com", **_APP_SWITCHED)),
    Provider(
        "WEB.DE", ("web.de",), _imap("imap.web.de", "smtp.web.de", pop="pop3.web.de", **_APP_SWITCHED), ("web.de",)
    ),
    *(_ionos(ending) for ending in ("de", "com", "fr", "es", "it", "co.uk")),
    Provider("Posteo", ("posteo.de",), _imap("posteo.de", "posteo.de", pop="posteo.de")),
    Provider("mailbox.org", ("mailbox.org",), _imap("imap.mailbox.org", "smtp.mailbox.org", pop="pop3.mailbox.org")),
    Provider(
        "OVHcloud", ("mail.ovh.net", "mail.ovh.ca"),
        _imap("ssl0.ovh.net", "ssl0.ovh.net", pop="ssl0.ovh.net", prepare=(OWN_MAILBOX, OVH_SERVER)),
    ),
    *(_zoho(ending) for ending in ("com", "eu", "in", "com.au", "jp")),
    Provider(
        "Proton Mail", ("protonmail.ch", "protonmail.com"),
        _by_password(
            Place(IMAP, "127.0.0.1", STARTTLS, 1143), Place(SMTP, "127.0.0.1", STARTTLS, 1025), prepare=(BRIDGE,)
        ),
        ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
    ),
    Provider(
        "Mail.ru", ("mail.ru",), _imap("imap.mail.ru", "smtp.mail.ru", pop="pop.mail.ru", **_APP),
        ("mail.ru", "bk.ru", "inbox.ru", "list.ru"),
    ),
    Provider(
        "Yandex", ("yandex.ru", "yandex.net", "yandex.com"),
        _imap("imap.yandex.com", "smtp.yandex.com", pop="pop.yandex.com", **_APP_SWITCHED),
        ("yandex.ru", "yandex.com", "ya.ru"),
    ),
    Provider(
        "Infomaniak", ("infomaniak.ch", "infomaniak.com"),
        _imap("mail.infomaniak.com", "mail.infomaniak.com", pop="mail.infomaniak.com", **_APP),
    ),
    Provider("Gandi", ("mail.gandi.net",), _imap("mail.gandi.net", "mail.gandi.net", pop="mail.gandi.net")),
    Provider("Migadu", ("migadu.com",), _imap("imap.migadu.com", "smtp.migadu.com", pop="pop.migadu.com")),
    Provider("Runbox", ("runbox.com",), _imap("mail.runbox.com", "mail.runbox.com", pop="mail.runbox.com", **_APP)),
    Provider("STRATO", ("rzone.de",), _imap("imap.strato.de", "smtp.strato.de", pop="pop3.strato.de")),
    Provider("Hetzner", ("your-server.de",), _imap("mail.your-server.de", "mail.your-server.de")),
    Provider("ALL-INKL.COM", ("kasserver.com",), _imap("{server}", "{server}", pop="{server}")),
    Provider(
        "Telekom", ("t-online.de",),
        _imap("secureimap.t-online.de", "securesmtp.t-online.de", pop="securepop.t-online.de", **_APP),
        ("t-online.de", "magenta.de"),
    ),
    Provider("Free", ("free.fr",), _imap("imap.free.fr", "smtp.free.fr", pop="pop.free.fr"), ("free.fr",)),
    Provider(
        "Orange", ("orange.fr", "wanadoo.fr"), _imap("imap.orange.fr", "smtp.orange.fr", pop="pop.orange.fr"),
        ("orange.fr", "wanadoo.fr"),
    ),
    Provider(
        "Rackspace Email", ("emailsrvr.com",),
        _imap("secure.emailsrvr.com", "secure.emailsrvr.com", pop="secure.emailsrvr.com"),
    ),
    Provider(
        "Hostinger", ("hostinger.com",), _imap("imap.hostinger.com", "smtp.hostinger.com", pop="pop.hostinger.com")
    ),
    Provider("Titan", ("titan.email",), _imap("imap.titan.email", "smtp.titan.email", pop="pop.titan.email")),
    Provider("Namecheap Private Email", ("privateemail.com",), _imap("mail.privateemail.com", "mail.privateemail.com")),
    Provider("GoDaddy", ("secureserver.net",), _imap("imap.secureserver.net", "smtpout.secureserver.net")),
    Provider(
        "Tencent Exmail", ("mxbiz1.qq.com", "mxbiz2.qq.com"), _imap("imap.exmail.qq.com", "smtp.exmail.qq.com", **_APP)
    ),
    Provider("QQ Mail", ("qq.com",), _imap("imap.qq.com", "smtp.qq.com", **_APP_SWITCHED), ("qq.com", "foxmail.com")),
    Provider("Tuta", ("tutanota.de", "tutanota.com"), (), ("tuta.com", "tutanota.com", "tutanota.de")),
    Provider("HEY", ("hey.com",), (), ("hey.com",)),
)  # fmt: skip

#: What receives mail for others and hands it on: it says nothing of where the mailbox is.
FILTERS: Mapping[str, str] = {
    "pphosted.com": "Proofpoint",
    "ppe-hosted.com": "Proofpoint",
    "mimecast.com": "Mimecast",
    "barracudanetworks.com": "Barracuda",
    "hornetsecurity.com": "Hornetsecurity",
    "antispameurope.com": "Hornetsecurity",
    "messagelabs.com": "Symantec",
    "iphmx.com": "Cisco Secure Email",
    "trendmicro.com": "Trend Micro",
    "sophos.com": "Sophos",
    "mailcontrol.com": "Forcepoint",
    "antispamcloud.com": "SpamExperts",
    "vadesecure.com": "Vade",
    "mailinblack.com": "Mailinblack",
    "retarus.com": "Retarus",
    "mx.cloudflare.net": "Cloudflare Email Routing",
}


def provider_of(domain: str, mail_servers: Iterable[str]) -> Provider | None:
    """Of a domain, by its own name or by the preferred of its mail servers that is known."""
    for provider in PROVIDERS:
        if domain in provider.domains:
            return provider
    for host in mail_servers:
        known = sorted(_ends(host), key=lambda end: len(end[0]))
        if known:
            return known[-1][1]  # the longest end says most: a personal mailbox beside an organisation's
    return None


def filter_of(mail_servers: Iterable[str]) -> str:
    """The name of the service that receives for the domain and hands on; "" for none that is known."""
    for host in mail_servers:
        for end, name in FILTERS.items():
            if _is_below(host, end):
                return name
    return ""


def _ends(host: str) -> Iterator[tuple[str, Provider]]:
    yield from ((end, provider) for provider in PROVIDERS for end in provider.servers if _is_below(host, end))


def _is_below(host: str, end: str) -> bool:
    return host == end or host.endswith(f".{end}")
