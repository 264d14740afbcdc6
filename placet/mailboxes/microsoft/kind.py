"""Microsoft's kinds of mailbox."""

from ipaddress import ip_network

from placet.lib.sentences import gettext_noop
from placet.mailboxes.kinds import Kind
from placet.mailboxes.stamp_profile import NamelessService

EXCHANGE_ONLINE = "exchange-online"

#: Exchange Online's own hosts: worldwide, of the US government, and in China.
HOSTS = ("outlook.com", "outlook.office365.com", "office365.us", "partner.outlook.cn")
#: The addresses that they talk to each other from, as Received headers of delivered mail show them: 2603:10a6::/32
#: (Europe), 10b6 (America), 1096 (Asia) and their kin, those of the older data centres and of 21Vianet, and private
#: ones within one. What comes from other tenants comes from others: 40.107.0.0/16 and 2a01:111:f400::/48.
NETWORKS = tuple(
    ip_network(text)
    for text in (
        *(f"2603:10{digit:x}6::/32" for digit in range(16)),
        "2a01:111:e400::/48",
        "2406:e500::/32",
        "10.0.0.0/8",
        "fe80::/10",
    )
)

KINDS = (
    Kind(
        key=EXCHANGE_ONLINE,
        label=gettext_noop("Exchange Online - Modern Authentication"),
        order=10,
        settings="placet.mailboxes.microsoft.settings:ExchangeSettings",
        connect="placet.mailboxes.microsoft.protocols:connect_with_secrets",
        secrets="placet.mailboxes.microsoft.credentials:kept",
        protocols={
            "graph": gettext_noop("Microsoft Graph"),
            "ews": gettext_noop("Exchange Web Services"),
        },
        listen="placet.mailboxes.microsoft.push.streaming:listen",
        listens=("ews",),
        subscriptions="placet.mailboxes.microsoft.push.subscriptions",
        hindrance="placet.mailboxes.microsoft.push.hindrance:hindrance",
        urls="placet.mailboxes.microsoft.push.urls",
        pages="placet.mailboxes.microsoft.panel.urls",
        beside_form="placet.mailboxes.microsoft.panel.tab:beside_form",
        guide="panel:guide",
        commands=("placet.mailboxes.microsoft.commands.certificate",),
        placet_commands={
            "entra": (
                "placet.mailboxes.microsoft.commands.entra",
                "print a script that registers the application in Microsoft Entra ID; nothing is run",
            )
        },
        ending_words="placet.mailboxes.microsoft.ending:words",
        signs_with="placet.mailboxes.microsoft.credentials:signs_with",
        bytes_as_received=False,  # Exchange builds a mail anew from what it keeps of it
        nameless_stamps=NamelessService("Exchange Online", HOSTS, NETWORKS),
        exchange_stamps=True,
    ),
    Kind(
        key="exchange-server",
        label=gettext_noop("Exchange Server (on premises)"),
        order=20,
        settings="placet.mailboxes.microsoft.server.settings:ExchangeServerSettings",
        connect="placet.mailboxes.microsoft.server.connection:connect",
        protocols={"ews": gettext_noop("Exchange Web Services")},
        listen="placet.mailboxes.microsoft.server.connection:listen",
        guide_page="microsoft/server_guide.html",
        guide_context="placet.mailboxes.microsoft.panel.server_guide:context",
        commands=("placet.mailboxes.microsoft.commands.autodiscover",),
        listens=("ews",),
        bytes_as_received=False,
        exchange_stamps=True,
    ),
)
