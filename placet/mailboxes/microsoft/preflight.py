"""The check of an Exchange mailbox before it is trusted with decisions: each step on the real way.

What differs between the ways into the mailbox is in their probes (`ews/probe.py`, `graph/probe.py`).
"""

import email
import email.policy
import itertools
import secrets
import socket
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext, pgettext
from requests.auth import AuthBase

from placet.mailboxes import http
from placet.mailboxes.base import Check, FixNeeded, Gone, MailboxError, MailError, Wait
from placet.mailboxes.mechanisms import never_proving
from placet.mailboxes.microsoft import app_access
from placet.mailboxes.microsoft.clouds import CLOUDS, EWS, GRAPH, GRAPH_HOSTS, OUTLOOK_HOSTS, WORLDWIDE
from placet.mailboxes.microsoft.entra import describe_token
from placet.mailboxes.microsoft.fields import BY_NAME
from placet.mailboxes.microsoft.settings import ExchangeSettings
from placet.mailboxes.oauth import Access
from placet.mailboxes.settings import DOMAIN

ARRIVAL = 60.0  # seconds that a mail to oneself may take
BEHIND = 30.0  # seconds that one to another address of the mailbox may arrive after it
PAUSE = 2.0  # seconds between two looks
LOOKED_AT = 50  # newest mails of a folder that are looked at
NEWEST = 6  # mails of each folder whose stamps are read
MOST_OTHERS = 3  # mailboxes of others that are tried
AUTH_AS = "X-MS-Exchange-Organization-AuthAs"
AUTH_MECHANISM = "X-MS-Exchange-Organization-AuthMechanism"
NARROW_CURE = gettext_noop(
    "With the commands below, give the right to this mailbox alone, and then take the permissions for the "
    "whole organisation ({roles}) away. Changes act after up to two hours."
)
PLUS_COMMANDS = f"""\
{app_access.CONNECT}
Set-OrganizationConfig -DisablePlusAddressInRecipients $false"""

REPLY_TO = BY_NAME["reply_to"].label
TITLES = {
    "name": gettext_noop("Names of the servers resolve"),
    "tls": gettext_noop("Servers answer over a trusted connection"),
    "token": gettext_noop("Entra ID issues an access token"),
    "open": gettext_noop("Mailbox opens"),
    "read": gettext_noop("Inbox and Junk Email can be read"),
    "folders": gettext_noop("Folders can be made"),
    "send": gettext_noop("Mailbox sends to itself"),
    "reply_to": gettext_noop("Mail to the default reply-to address arrives"),
    "plus": gettext_noop("Mail to the plus address arrives"),
    "internal": gettext_noop("Exchange marks mail of colleagues"),
    "limits": gettext_noop("Other mailboxes stay closed"),
    "cleanup": gettext_noop("Test mails are removed"),
}
SERVICES = {GRAPH: app_access.GRAPH, EWS: app_access.EWS}
HOSTS = {GRAPH: GRAPH_HOSTS, EWS: OUTLOOK_HOSTS}


@dataclass(frozen=True)
class Listed:
    """A mail as a folder lists it."""

    id: str
    subject: str


class Probe(Protocol):
    """What the steps ask of the mailbox through one way. Every method raises MailboxError, as a connection does."""

    protocol: str  # "graph" or "ews"
    step_roles: Mapping[str, str]  # by key of a step, the permission without which it fails

    def open(self) -> tuple[str, int]:
        """Display name of the Inbox, and how many items it holds."""

    def read(self) -> Mapping[str, int]:
        """List a mail of each folder that mail is taken from, in the way that looks for new mail does too."""

    def make_folder(self, path: str) -> None:
        """See to it that mail can be moved to `path`."""

    def send(self, raw: bytes, reference: str) -> None: ...

    def arrivals(self, paths: Sequence[str], limit: int) -> Iterator[Listed]:
        """The newest mails of each folder that mail is taken from, and of the folders at `paths`."""

    def sent(self, limit: int) -> Iterator[Listed]:
        """The newest mails of Sent Items."""

    def transport_headers(self, ids: Sequence[str]) -> Sequence[str]:
        """The header block of each mail that is still there."""

    def delete(self, id_: str) -> None:
        """Raises Gone."""

    def may_not(self, error: FixNeeded) -> bool:
        """Whether it was refused because a permission is missing."""

    def opens(self, address: str) -> bool | None:
        """Whether the mailbox at `address` opens; None if that cannot be told. Nothing in it is read."""


class _NoAuth(AuthBase):
    """Keeps requests from taking a password for the host out of .netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


@dataclass(frozen=True)
class _TestMail:
    key: str  # of the step that fails if it does not arrive
    to: str
    subject: str


@dataclass
class Preflight:
    """`Preflight(settings, access)(probe)` runs the steps; `sleep` and `clock` count seconds."""

    settings: ExchangeSettings
    access: Access
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _token: Mapping[str, Any] = field(default_factory=dict, init=False)  # what it says of itself, if it does

    def steps(self) -> Mapping[str, str]:
        left_out = {
            "reply_to": not self._replies_elsewhere,
            "plus": not self.settings.plus_addressing,
        }
        return {key: _(title) for key, title in TITLES.items() if not left_out.get(key)}

    @property
    def _replies_elsewhere(self) -> bool:
        """Whether replies go to another address than that of the mailbox; it must be one of its own."""
        return self.settings.reply_to.lower() not in ("", self.settings.username.lower())

    def __call__(self, probe: Probe, others: Sequence[str] = ()) -> Generator[Check, None, None]:
        """Each step as it is done; the first failure that others build on is the last."""
        for key, step in (
            ("name", self._name),
            ("tls", self._tls),
            ("token", self._issue),
            ("open", self._open),
            ("read", self._read),
            ("folders", self._make_folders),
        ):
            check = self._tried(key, probe, partial(step, probe))
            yield check
            if not check.ok:
                return
        yield from self._mail_to_oneself(probe, others)

    # --- on the way to the mailbox --------------------------------------------------------------------------

    def _name(self, probe: Probe) -> Check:
        found: dict[str, str] = {}
        for url in self._urls(probe):
            host = http.host_of(url)
            proxy = http.proxy_for(url)
            found[host] = _("by the proxy {proxy}").format(proxy=proxy) if proxy else _resolve(host)
        told = "; ".join(f"{host}: {address}" for host, address in found.items())
        return _done("name", told, {"hosts": found})

    def _tls(self, probe: Probe) -> Check:
        """A request without credentials: any answer shows that name, port and certificate are right."""
        found = {}
        for url in self._urls(probe):
            with requests.Session() as session:
                http.prepare(session, url)
                try:
                    with session.get(
                        url, auth=_NoAuth(), timeout=(10, 20), stream=True, allow_redirects=False
                    ) as answer:
                        found[http.host_of(url)] = answer.status_code
                except requests.RequestException as error:
                    raise http.unreachable(error, url) from None
        # Without a token they refuse, each with a code of its own: for support, not for whoever reads this.
        return _done("tls", _("Both answer: {hosts}.").format(hosts=", ".join(found)), {"status": found})

    def _urls(self, probe: Probe) -> list[str]:
        service = self.settings.graph_url if probe.protocol == GRAPH else self.settings.ews_url
        return [self.settings.token_uri, service]

    # --- what the token allows ------------------------------------------------------------------------------

    def _issue(self, probe: Probe) -> Check:
        facts = describe_token(self.access.renew())  # a cached one knows nothing of a consent given just now
        self._token = facts
        if not facts:
            return _done("token", _("A token that does not say what it allows."), {})
        self._see_for_whom(probe, facts)
        told = _(
            "Application {application} in tenant {tenant}, for {audience}, until {expires}, roles: {roles}."
        )
        who = facts["application_name"] or facts["application"]
        remark = ", ".join(facts["roles"]) or _(
            "none tenant-wide; this is right if you use RBAC for Applications"
        )
        named = {name: facts[name] for name in ("tenant", "audience")} | {
            "expires": _moment(facts["expires"])
        }
        found = told.format(application=who, roles=remark, **named)
        missing = [role for role in SERVICES[probe.protocol].roles if self._lacks(role)]
        if facts["roles"] and missing:
            told = _("Not among them: {roles}; this is right only if RBAC for Applications gives it.")
            found = f"{found} {told.format(roles=', '.join(missing))}"
        return _done("token", found, facts)

    def _see_for_whom(self, probe: Probe, facts: Mapping[str, Any]) -> None:
        """FixNeeded where the token is for the service of another way."""
        audience = str(facts["audience"])
        host = urlsplit(audience).hostname or ""
        for protocol, service in SERVICES.items():
            if protocol != probe.protocol and (host in HOSTS[protocol] or audience == service.app_id):
                cloud = CLOUDS.get(self.settings.cloud, WORLDWIDE)
                raise FixNeeded(
                    _("The token is for {other}, but the mailbox is connected through {service}.").format(
                        other=service.label, service=SERVICES[probe.protocol].label
                    ),
                    _("Set Scope to {scope}.").format(scope=cloud.scope(probe.protocol)),
                    {"audience": audience},
                )

    def _lacks(self, role: str) -> bool:
        """Whether the token says that it does not carry this role."""
        return bool(self._token) and role not in self._token["roles"]

    def _explain(self, key: str, probe: Probe, error: FixNeeded) -> FixNeeded:
        """What only the token tells of a refusal: the permission that is missing, and the real ids."""
        object_id = self._token.get("object") if self._token else ""
        if object_id and "command" in error.details:
            error.details["command"] = error.details["command"].replace(app_access.OBJECT_ID, object_id)
        role = probe.step_roles.get(key, "")
        if not (role and self._lacks(role) and probe.may_not(error)):
            return error
        if not self._token["roles"]:
            error.cause += " " + _("The token carries no role either.")
            return error
        error.cause += " " + _("The token does not carry the role {role}.").format(role=role)
        error.cure = _(
            "In the Entra admin center open App registrations > this application > API permissions, add {role} "
            "({service}, application permission) and choose “Grant admin consent”; or give the role {exchange_role} "
            "in Exchange, for this mailbox, with the commands below. Changes act after up to two hours."
        ).format(
            role=role,
            service=SERVICES[probe.protocol].label,
            exchange_role=SERVICES[probe.protocol].roles[role],
        )
        error.details["command"] = f"{app_access.CONNECT}\n{self._give(probe)}"
        return error

    # --- in the mailbox -------------------------------------------------------------------------------------

    def _open(self, probe: Probe) -> Check:
        name, total = probe.open()
        told = ngettext("{mailbox}: {folder}, {number} item.", "{mailbox}: {folder}, {number} items.", total)
        found = told.format(mailbox=self.settings.username, folder=name, number=total)
        return _done("open", found, {"items": total})

    def _read(self, probe: Probe) -> Check:
        return _done("read", _("Both can be listed."), probe.read())

    def _make_folders(self, probe: Probe) -> Check:
        for path in self._paths:
            probe.make_folder(path)
        return _done("folders", ", ".join(self._paths), {"folders": self._paths})

    @property
    def _paths(self) -> list[str]:
        return [self.settings.handled_folder, self.settings.set_aside_folder]

    def _mail_to_oneself(self, probe: Probe, others: Sequence[str]) -> Generator[Check, None, None]:
        mails = self._test_mails()
        arrived: dict[str, str] = {}
        check = self._tried("send", probe, lambda: self._send(probe, mails, arrived))
        try:
            yield check
            if check.ok:
                yield from map(self._in_cloud, self._other_addresses(mails, arrived))
                yield self._tried("internal", probe, lambda: self._internal(probe, arrived))
                yield self._tried("limits", probe, lambda: self._limits(probe, others))
        except (
            GeneratorExit
        ):  # whoever watched has gone: nothing of the check stays in the mailbox all the same
            self._tried("cleanup", probe, lambda: self._clean_up(probe, mails))
            raise
        yield self._tried("cleanup", probe, lambda: self._clean_up(probe, mails))

    def _test_mails(self) -> list[_TestMail]:
        mark = secrets.token_hex(6)
        mails = [_TestMail("send", self.settings.username, f"Placet check {mark}")]
        own = self.settings.reply_to or self.settings.username  # replies must arrive in this very mailbox
        if self._replies_elsewhere:
            mails.append(_TestMail("reply_to", own, f"Placet check {mark} (reply-to address)"))
        if self.settings.plus_addressing:
            local, _at, domain = own.partition("@")
            mails.append(
                _TestMail("plus", f"{local}+placet-check@{domain}", f"Placet check {mark} (plus address)")
            )
        return mails

    def _send(self, probe: Probe, mails: list[_TestMail], arrived: dict[str, str]) -> Check:
        """Fills `arrived`: the ids of the mails that came back, by subject."""
        for mail in mails:
            probe.send(self._raw(mail), mail.subject)
        looks, seconds = self._wait(probe, mails, arrived)
        if mails[0].subject not in arrived:
            raise Wait(
                _("The mail was sent, but did not arrive within {seconds} seconds ({looks} looks).").format(
                    seconds=f"{ARRIVAL:.0f}", looks=looks
                ),
                _(
                    "Look for it in Outlook: mail flow rules, a transport delay or an inbox rule may hold or move "
                    "it."
                ),
            )
        told = ngettext(
            "Arrived after {seconds} s, {looks} look.", "Arrived after {seconds} s, {looks} looks.", looks
        )
        facts = {"seconds": seconds, "looks": looks}
        return _done("send", told.format(seconds=f"{seconds:.0f}", looks=looks), facts)

    def _raw(self, mail: _TestMail) -> bytes:
        message = EmailMessage(policy=email.policy.SMTP)
        message["From"] = self.settings.username
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = f"<{secrets.token_hex(12)}@{self.settings.username.partition('@')[2]}>"
        message["X-Auto-Response-Suppress"] = "All"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(
            _(
                "Placet checks that mail to {address} arrives in the mailbox {mailbox}. There it is removed by "
                "itself.\n\n"
                "If you find it in another mailbox, you may delete it, and please tell whoever administers Placet: "
                "replies to approvals would arrive there, and nobody would read them.\n"
            ).format(address=mail.to, mailbox=self.settings.username)
        )
        return message.as_bytes()

    def _wait(self, probe: Probe, mails: list[_TestMail], arrived: dict[str, str]) -> tuple[int, float]:
        """Look until all have arrived or the time is over; a running worker may have moved them already. How often,
        and how many seconds it took."""
        begun = self.clock()
        end = begun + ARRIVAL
        looks = 0
        while True:
            looks += 1
            arrived.update((mail.subject, mail.id) for mail in _ours(self._arrivals(probe), mails))
            now = self.clock()
            if mails[0].subject in arrived:  # those to other addresses come by the same way
                end = min(end, now + BEHIND)
            if len(arrived) == len(mails) or now >= end:
                return looks, now - begun
            self.sleep(PAUSE)

    def _arrivals(self, probe: Probe) -> Iterator[Listed]:
        return probe.arrivals(self._paths, LOOKED_AT)

    def _other_addresses(self, mails: Sequence[_TestMail], arrived: Mapping[str, str]) -> Iterator[Check]:
        """Those that replies go to."""
        by_key = {mail.key: mail for mail in mails}
        reply_to = by_key.get("reply_to")
        if reply_to is not None:
            yield self._reply_to(reply_to, arrived)
            if reply_to.subject not in arrived:
                return  # what goes to its plus address goes the same wrong way
        if "plus" in by_key:
            yield self._plus(by_key["plus"], arrived)

    def _reply_to(self, mail: _TestMail, arrived: Mapping[str, str]) -> Check:
        facts = {"address": mail.to}
        if mail.subject in arrived:
            return _done("reply_to", _("{address} arrives in the mailbox.").format(address=mail.to), facts)
        return _failed(
            "reply_to",
            cause=_(
                "Mail to {mailbox} arrived, and mail to {address} did not. That address stands in the field {field}: "
                "replies to approvals would go there, and none of them would be read."
            ).format(mailbox=self.settings.username, address=mail.to, field=_(REPLY_TO)),
            cure=_(
                "Empty the field {field} in the settings, or enter an address that belongs to this very mailbox. "
                "Whoever has the mailbox of {address} finds a test mail there and may delete it."
            ).format(address=mail.to, field=_(REPLY_TO)),
            facts=facts,
        )

    def _plus(self, mail: _TestMail, arrived: Mapping[str, str]) -> Check:
        if mail.subject in arrived:
            return _done(
                "plus", _("{address} arrives in the mailbox.").format(address=mail.to), {"address": mail.to}
            )
        return _failed(
            "plus",
            cause=_(
                "Mail to {address} did not arrive, {seconds} seconds after mail to the mailbox itself."
            ).format(address=mail.to, seconds=f"{BEHIND:.0f}"),
            cure=_(
                "Turn plus addressing off in the mailbox's settings, or enable plus addresses in Exchange."
            ),
            command=PLUS_COMMANDS,
            facts={"address": mail.to},
        )

    def _internal(self, probe: Probe, arrived: Mapping[str, str]) -> Check:
        """Sent by the organisation itself, so exactly one AuthAs: Internal must stand on each."""
        blocks = probe.transport_headers(list(arrived.values()))
        stamps = [stamp for block in blocks for stamp in [_header(block, AUTH_AS)]]
        mechanisms = sorted({value for block in blocks for value in _header(block, AUTH_MECHANISM)})
        facts = {"auth_as": stamps, "mechanisms": mechanisms}
        if not blocks or any(stamp != ["Internal"] for stamp in stamps):
            return _failed(
                "internal",
                found=f"{AUTH_AS}: {stamps}",
                cause=_("Mail of the organisation's own mailbox does not carry exactly one mark Internal."),
                cure=_(
                    "Colleagues cannot be recognised by Exchange's mark here: a mail gateway between, or a mailbox "
                    "that is not Exchange's own, keeps it off. Let processes ask for another proof (outside proved, "
                    "or page only)."
                ),
                facts=facts,
            )
        if never := never_proving(mechanisms):
            return _failed(
                "internal",
                found=_marked(mechanisms),
                cause=_(
                    "Exchange marks mail as internal although nobody signed in to send it ({value})."
                ).format(value=never),
                cure=_(
                    "A connector or relay does that, and such mail proves nobody. Let the organisation's mail go "
                    "through Exchange itself, or let processes ask for another proof (outside proved, or page only)."
                ),
                facts=facts,
            )
        new = [value for value in mechanisms if value not in self.settings.confirmed_mechanisms]
        if new or not mechanisms:
            confirmed = ", ".join(self.settings.confirmed_mechanisms) or _("none")
            return _failed(
                "internal",
                found=_marked(mechanisms),
                cause=_("This mechanism is not among the confirmed ones ({mechanisms}).").format(
                    mechanisms=confirmed
                ),
                cure=_(
                    "If no relay or connector of others marks its mail in this way, confirm it with the command below."
                ),
                command="\n".join(f"placet mailbox set --confirm-mechanism {value}" for value in new),
                facts=facts,
            )
        others = self._other_domains(probe)
        stored = never_proving(self.settings.confirmed_mechanisms)
        shown = (
            _("Confirmed, but not counted: {mechanisms} proves nobody.").format(mechanisms=stored)
            if stored
            else ""
        )
        marked = f"{_marked(mechanisms)} {shown}".strip()
        if others:
            return self._offer_domains(_done("internal", marked, {**facts, "other_domains": others}), others)
        return _done("internal", marked, facts)

    def _other_domains(self, probe: Probe) -> list[str]:
        """Of the newest mails that Exchange marked as a colleague's: domains of senders that prove nobody here."""
        newest = [mail.id for mail in probe.arrivals(self._paths, NEWEST)]
        domains = {_colleague_domain(block, self.settings) for block in probe.transport_headers(newest)}
        return sorted(domains - {"", *self.settings.own_domains})

    def _offer_domains(self, check: Check, others: Sequence[str]) -> Check:
        own = ", ".join([*self.settings.own_domains, *others])
        return replace(
            check,
            warning=True,
            cause=_(
                "Exchange marks mail from {domains} as internal, too. Such mail proves nobody: these domains are not "
                "among the own domains of this mailbox."
            ).format(domains=", ".join(others)),
            cure=_(
                "Add those that are your organisation's own, with the command below or in the settings, and no others: "
                "a relay or a guest can be marked in this way as well."
            ),
            command=f'placet mailbox set --mailbox {self.settings.username} --own-domains "{own}"',
        )

    def _clean_up(self, probe: Probe, mails: list[_TestMail]) -> Check:
        removed = 0
        for mail in _ours(itertools.chain(self._arrivals(probe), probe.sent(LOOKED_AT)), mails):
            try:
                probe.delete(mail.id)
                removed += 1
            except Gone:
                continue  # a running worker was faster
        told = ngettext(
            "{number} mail moved to Deleted Items.", "{number} mails moved to Deleted Items.", removed
        )
        return _done("cleanup", told.format(number=removed), {"removed": removed})

    # --- outside of it --------------------------------------------------------------------------------------

    def _limits(self, probe: Probe, others: Sequence[str]) -> Check:
        """Whether the application is kept out of mailboxes that are none of Placet's business."""
        refused: list[str] = []
        unclear: list[str] = []
        for address in others[:MOST_OTHERS]:
            opened = probe.opens(address)
            if opened:
                return self._too_much(probe, address)
            (unclear if opened is None else refused).append(address)
        facts = {"refused": refused, "unclear": unclear}
        if refused:
            told = _("The application cannot open {addresses}.")
            return _done("limits", told.format(addresses=", ".join(refused)), facts)
        return replace(self._nobody_tried(probe, unclear), facts=facts)

    def _nobody_tried(self, probe: Probe, unclear: Sequence[str]) -> Check:
        if unclear:
            told = _(
                "Could not be tried: whether {addresses} can be opened, the server does not say."
            ).format(addresses=", ".join(unclear))
        else:
            told = _("Not tried: no other person of this domain is known to Placet.")
        wide = self._wide(probe) if self._token else []
        if wide:
            return replace(
                _done("limits", told, {}),
                warning=True,
                cause=_(
                    "The token carries permissions for the whole organisation ({roles}). With them the application "
                    "can open every mailbox, unless an application access policy keeps it out."
                ).format(roles=", ".join(wide)),
                cure=_(NARROW_CURE).format(roles=", ".join(wide)),
                command=self._narrow(probe, app_access.OTHER_MAILBOX, wide),
            )
        told += " " + _(
            "Try it yourself in PowerShell, with the address of somebody whose mailbox must stay closed; InScope "
            "must be False."
        )
        command = app_access.test(self.settings.client_id, app_access.OTHER_MAILBOX)
        return replace(_done("limits", told, {}), command=f"{app_access.CONNECT}\n{command}")

    def _too_much(self, probe: Probe, address: str) -> Check:
        wide = self._wide(probe)
        if wide:
            cure = _(NARROW_CURE).format(roles=", ".join(wide))
        else:
            cure = _(
                "The token carries no permission for the whole organisation, so a role in Exchange (RBAC for "
                "Applications) reaches too far. The command below lists the roles with their scopes; give them again "
                "with a scope that holds this mailbox alone, and remove the others."
            )
        found = _("The mailbox of {address} opened. Nothing in it was read.").format(address=address)
        return replace(
            _done("limits", found, {"opened": address, "roles": wide}),
            warning=True,
            cause=_(
                "The application can open mailboxes that are none of Placet's business. Whoever gets hold of its "
                "secret or certificate can read them and write in their name."
            ),
            cure=cure,
            command=self._narrow(probe, address, wide),
        )

    def _wide(self, probe: Probe) -> list[str]:
        """The permissions for the whole organisation that open mailboxes; all that there could be if the token does
        not say."""
        needed = SERVICES[probe.protocol].roles
        if not self._token:
            return list(needed)
        roles: list[str] = self._token["roles"]
        return [
            role for role in roles if role in needed or (probe.protocol == GRAPH and role.startswith("Mail."))
        ]

    def _narrow(self, probe: Probe, other: str, wide: Sequence[str]) -> str:
        client_id, mailbox = self.settings.client_id, self.settings.username
        look = app_access.test(client_id, other)
        if not wide:
            return f"{app_access.CONNECT}\n{look}"
        return "\n".join(
            [
                app_access.CONNECT,
                "# Run this part by part.",
                "# 1. The right to this mailbox alone; leave out what is there already.",
                self._give(probe),
                "# 2. InScope must be True for this mailbox, and False or nothing for another.",
                app_access.test(client_id, mailbox),
                look,
                "# 3. Only then, and two hours later where the mailbox is in use (Exchange remembers the old rights so",
                "# long), in a new PowerShell window with the module Microsoft.Graph.Applications: take the right to",
                "# all mailboxes away.",
                app_access.take_away(SERVICES[probe.protocol], self._object_id, wide),
            ]
        )

    def _give(self, probe: Probe) -> str:
        return app_access.give(
            SERVICES[probe.protocol], self.settings.client_id, self._object_id, self.settings.username
        )

    @property
    def _object_id(self) -> str:
        return str(self._token.get("object") or app_access.OBJECT_ID)

    def _tried(self, key: str, probe: Probe, step: Callable[[], Check]) -> Check:
        try:
            return self._in_cloud(step())
        except MailboxError as error:
            if isinstance(error, FixNeeded):
                error = self._explain(key, probe, error)
            details: dict[str, Any] = dict(error.details)
            command = details.pop("command", "")
            failed = _failed(key, cause=error.cause, cure=error.cure, command=command, facts=details)
            return self._in_cloud(failed)
        except MailError as error:
            return _failed(
                key,
                cause=str(error),
                cure=_("Try again; if it stays, look the code up in Microsoft's reference."),
                facts={"code": error.code},
            )

    def _in_cloud(self, check: Check) -> Check:
        return replace(check, command=app_access.in_cloud(check.command, self.settings.cloud))


def _resolve(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Wait(
            _("The name {host} cannot be resolved.").format(host=host),
            _("Check its spelling and the name service (DNS) of this machine."),
            details={"host": host},
        ) from None
    return str(found[0][4][0])


def _moment(iso: str) -> str:
    """A time as people read it, in the zone of whoever looks; "–" where there is none."""
    if not iso:
        return "–"
    at = timezone.localtime(datetime.fromisoformat(iso))
    return formats.date_format(at, pgettext("format of a date and time", "j F Y, H:i T"))


def _done(key: str, found: str, facts: Mapping[str, Any]) -> Check:
    return Check(key, _(TITLES[key]), ok=True, found=found, facts=facts)


def _failed(
    key: str, *, cause: str, cure: str, facts: Mapping[str, Any], found: str = "", command: str = ""
) -> Check:
    title = _(TITLES[key])
    return Check(key, title, ok=False, found=found, cause=cause, cure=cure, command=command, facts=facts)


def _ours(listed: Iterable[Listed], mails: Sequence[_TestMail]) -> Iterator[Listed]:
    subjects = {mail.subject for mail in mails}
    return (mail for mail in listed if mail.subject in subjects)


def _marked(mechanisms: list[str]) -> str:
    told = _("Internal, by mechanism {mechanisms}.")
    return told.format(mechanisms=", ".join(mechanisms) or _("none"))


def _colleague_domain(block: str, settings: ExchangeSettings) -> str:
    """The domain of the sender whom Exchange vouches for in this header block; "" where it does not, or names none."""
    mechanisms = _header(block, AUTH_MECHANISM)
    known = len(mechanisms) == 1 and mechanisms[0].upper() in settings.confirmed_mechanisms
    senders = _header(block, "From")
    if _header(block, AUTH_AS) != ["Internal"] or not known or len(senders) != 1:
        return ""
    domain = parseaddr(senders[0])[1].rpartition("@")[2].lower()
    return domain if DOMAIN.fullmatch(domain) else ""


def _header(block: str, name: str) -> list[str]:
    """Every value of one header in a raw block, in order."""
    wanted = name.lower()
    return [
        value.strip()
        for key, value in email.message_from_string(block.strip() + "\n\n").items()
        if key.lower() == wanted
    ]
