"""The session: what a server says of itself, of its accounts, and of the addresses at which it is asked (RFC 8620 2).

It names hosts, and whoever asks there shows them token or password: none counts that an administrator did not enter.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from django.utils.translation import gettext as _

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded

CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"
SUBMISSION = "urn:ietf:params:jmap:submission"
#: What the RFC suggests as the least (2), where a server says nothing, or no number.
LEAST = {
    "maxSizeUpload": 50_000_000,
    "maxSizeRequest": 10_000_000,
    "maxObjectsInGet": 500,
    "maxObjectsInSet": 500,
}
#: What is read alike by whoever checks an address and whoever connects to it: no user, no backslash, no blank.
_NETLOC = re.compile(r"[A-Za-z0-9.:\[\]-]+")
_PLAIN = re.compile(r"https?://[\x21-\x7e]+")


class NotUnderstood(Exception):
    """This is no session of a JMAP server."""


@dataclass(frozen=True)
class Hosts:
    """Where token or password may go: the server itself, other hosts, and what lies below either."""

    base_url: str
    others: tuple[str, ...] = ()

    def check(self, url: str) -> str:
        """The address again. FixNeeded where nobody entered its host, NotUnderstood where it is none."""
        base = urlsplit(self.base_url)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or http_port(parts.scheme)
        except ValueError:
            raise NotUnderstood("url") from None
        if not host or not _PLAIN.fullmatch(url) or not _NETLOC.fullmatch(parts.netloc):
            raise NotUnderstood("url")
        own_port = base.port or http_port(base.scheme)
        if parts.scheme != base.scheme or port not in (own_port, http_port(base.scheme)):
            raise elsewhere(f"{parts.scheme}://{host}:{port}", base.hostname or "")
        if not any(_is_below(host, one) for one in (base.hostname or "", *self.others)):
            raise elsewhere(host, base.hostname or "")
        return url


def http_port(scheme: str) -> int:
    return 80 if scheme == "http" else 443


def _is_below(host: str, entered: str) -> bool:
    return host.lower() == entered or host.lower().endswith(f".{entered}")


def elsewhere(host: str, server: str) -> FixNeeded:
    error = FixNeeded(
        _("{server} leads to {host}, to which nobody said that the token or password may go.").format(
            server=server, host=http.printable(host)
        ),
        _(
            "If it is your provider's, enter it under Remote Approval, as server or under Other hosts of the server. "
            "Nothing was sent there."
        ),
        {"host": http.printable(host)},
    )
    error.not_done = True
    return error


@dataclass(frozen=True)
class Session:
    """`account` is the id of the one that is used, `name` what the server calls it; the four addresses are whole ones,
    templates but for `api`. `sends`: whether the account may, `may_send`: whether the server knows how at all.
    `extensions`: what its way of sending has of SMTP, in upper case."""

    state: str
    account: str
    name: str
    is_read_only: bool
    api: str
    download: str
    upload: str
    events: str
    sends: bool
    may_send: bool
    extensions: frozenset[str]
    limits: Mapping[str, int]

    def download_url(self, blob: str) -> str:
        names = {"accountId": self.account, "blobId": blob, "name": "mail.eml", "type": "message/rfc822"}
        return expanded(self.download, names)

    def upload_url(self) -> str:
        return expanded(self.upload, {"accountId": self.account})

    def events_url(self, types: Sequence[str], ping: int) -> str:
        names = {"types": ",".join(types), "closeafter": "no", "ping": str(ping)}
        return expanded(self.events, names)


def expanded(template: str, names: Mapping[str, str]) -> str:
    """A template of level 1 (RFC 6570)."""
    for name, value in names.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def read_session(value: object, url: str, hosts: Hosts, account: str = "") -> Session:
    """The session that stood at `url`. `account`: the id of the one to use, "" for the first one for mail. Raises
    NotUnderstood, and FixNeeded where it has no such account or leads elsewhere."""
    given = _object(value)
    accounts, capabilities = _object(given.get("accounts")), _object(given.get("capabilities"))
    if CORE not in capabilities:
        raise NotUnderstood("capabilities")
    if MAIL not in capabilities:
        raise _no_mail(hosts)
    primary = _object(given.get("primaryAccounts")).get(MAIL)
    id_ = account or (primary if isinstance(primary, str) else next(iter(accounts), ""))
    if id_ not in accounts:
        raise _no_account(hosts, account, list(accounts))
    used = _object(accounts[id_])
    own = used.get("accountCapabilities")
    own = own if isinstance(own, dict) else {}
    addresses = {name: _address(given, name, url, hosts) for name in ("apiUrl", "downloadUrl", "uploadUrl")}
    events = _address(given, "eventSourceUrl", url, hosts) if given.get("eventSourceUrl") else ""
    submission = own.get(SUBMISSION)
    submission = submission if isinstance(submission, dict) else {}
    extensions = submission.get("submissionExtensions")
    core = _object(capabilities[CORE])
    return Session(
        state=str(given.get("state", "")),
        account=id_,
        name=http.printable(str(used.get("name", ""))),
        is_read_only=used.get("isReadOnly") is True,
        api=addresses["apiUrl"],
        download=addresses["downloadUrl"],
        upload=addresses["uploadUrl"],
        events=events,
        sends=SUBMISSION in capabilities and SUBMISSION in own,
        may_send=SUBMISSION in capabilities,
        extensions=frozenset(map(str.upper, extensions)) if isinstance(extensions, dict) else frozenset(),
        limits={name: _limit(core.get(name), least) for name, least in LEAST.items()},
    )


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotUnderstood("session")
    return value


def _limit(value: object, least: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else least


def _address(given: Mapping[str, Any], name: str, url: str, hosts: Hosts) -> str:
    address = given.get(name)
    if not isinstance(address, str) or not address:
        raise NotUnderstood(name)
    # A template is no address yet: what stands for its variables must not make another host of it.
    try:
        whole = urljoin(url, address)
    except ValueError:  # as of "https://[": no address
        raise NotUnderstood(name) from None
    if "{" in whole.partition("://")[2].partition("/")[0]:
        raise NotUnderstood(name)
    hosts.check(expanded(whole, dict.fromkeys(("accountId", "blobId", "name", "type"), "x")))
    return whole


def _no_mail(hosts: Hosts) -> FixNeeded:
    return FixNeeded(
        _("{host} has JMAP, but not for mail.").format(host=http.host_of(hosts.base_url)),
        _("See in the settings of the account or of the token that mail is among what it is for."),
    )


def _no_account(hosts: Hosts, account: str, ids: Sequence[str]) -> FixNeeded:
    shown = ", ".join(http.printable(id_, 60) for id_ in ids[:10]) or "-"
    if not account:
        return _no_mail(hosts)
    return FixNeeded(
        _("{host} knows no account “{account}” of whoever signs in.").format(
            host=http.host_of(hosts.base_url), account=http.printable(account, 60)
        ),
        _("It has: {accounts}. Enter one of them as Account, or leave that empty.").format(accounts=shown),
    )
