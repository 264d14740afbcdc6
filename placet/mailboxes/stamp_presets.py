"""How the servers of known providers stamp what they checked: one row a receiver, known by the names in its stamps.

From public mails up to 2026; nobody asked the providers. Whether a provider takes forged stamps in its own name off is
known of none but rspamd, so stamps below the entrance prove nothing until an administrator's planting test said so.
"""

from dataclasses import dataclass

from placet.mailboxes.stamp_profile import Place, StampProfile, Stripped


@dataclass(frozen=True)
class Preset:
    """One receiver."""

    key: str
    label: str
    profile: StampProfile


_NONE = StampProfile(ids=(), dmarc=False)

PRESETS: tuple[Preset, ...] = (
    Preset("gmail", "Gmail, Google Workspace", StampProfile(
        ids=("mx.google.com",), place=Place.BELOW, hosts=("mx.google.com",),
        networks=("2002:a00::/24",),  # its machines call each other by 6to4 addresses of 10.0.0.0/8
    )),
    Preset("fastmail", "Fastmail", StampProfile(
        ids=(".messagingengine.com",), several=True, hosts=("messagingengine.com", "internal", ""),
    )),
    Preset("yahoo", "Yahoo, AOL", StampProfile(
        ids=(".yahoo.com",), hosts=("yahoo.com",), local_delivery=True,
    )),
    Preset("icloud", "iCloud", StampProfile(
        ids=(".icloud.com",), place=Place.BELOW, several=True, hosts=("icloud.com", "me.com", "apple.com"),
    )),
    Preset("proton", "Proton Mail (Bridge)", StampProfile(
        ids=("mail.protonmail.ch",), place=Place.BELOW, several=True, hosts=("protonmail.ch",),
    )),
    Preset("zoho", "Zoho", StampProfile(
        ids=("mx.zohomail.com", "mx.zohomail.eu"), hosts=("zohomail.com", "zohomail.eu"),
    )),
    Preset("gmx", "GMX, IONOS, 1&1", StampProfile(
        ids=("gmx.net", "kundenserver.de"), several=True, dmarc=False, hosts=("gmx.net", "kundenserver.de"),
    )),
    Preset("mail-ru", "Mail.ru", StampProfile(
        ids=("mxs.mail.ru",), place=Place.BELOW, hosts=("mail.ru",),
    )),
    Preset("yandex", "Yandex", StampProfile(
        ids=(".yandex.net",), place=Place.BELOW, dmarc=False, hosts=("yandex.net",),
    )),
    Preset("posteo", "Posteo", StampProfile(
        ids=("posteo.de",), place=Place.BELOW, several=True, hosts=("posteo.de",),
    )),
    Preset("infomaniak", "Infomaniak", StampProfile(
        ids=("mx.infomaniak.com",), place=Place.BELOW, several=True, hosts=("infomaniak.com", "infomaniak.ch"),
    )),
    Preset("ovh", "OVHcloud", StampProfile(
        ids=(".mail.ovh.net",), dmarc=False, hosts=("mail.ovh.net",),
    )),
    Preset("rspamd", "Own server: Postfix with rspamd", StampProfile(
        ids=(), place=Place.BELOW, strips_own=Stripped.YES,
    )),
    # Seen on Postfix 3.10 (tests/foreign/receivers). OpenDKIM takes only those off that hold DKIM results: a planted
    # one that holds DMARC alone stays.
    Preset("opendkim", "Own server: OpenDKIM with OpenDMARC", StampProfile(
        ids=(), place=Place.ABOVE, several=True, strips_own=Stripped.NO,
    )),
    Preset("amavis", "Own server: amavis", StampProfile(ids=(), dmarc=False)),
    Preset("exchange-server", "Exchange Server", _NONE),
    # Its stamps bear no name, as Exchange's.
    Preset("outlook", "Outlook.com, Hotmail", _NONE),
    Preset("domino", "HCL Domino", _NONE),
    Preset("kerio", "Kerio Connect", _NONE),
)  # fmt: skip
BY_KEY = {preset.key: preset for preset in PRESETS}
