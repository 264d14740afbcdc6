"""What Exchange adds to the check of a mailbox (`mailboxes/preflight.py`).

What differs between the protocols into the mailbox is in their probes (`ews/probe.py`, `graph/probe.py`).
"""

import email
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from email.utils import parseaddr
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext, pgettext

from placet.mailboxes.base import Check, FixNeeded, MailboxError
from placet.mailboxes.http_steps import way_to
from placet.mailboxes.microsoft import app_access
from placet.mailboxes.microsoft.clouds import CLOUDS, EWS, GRAPH, GRAPH_HOSTS, OUTLOOK_HOSTS, WORLDWIDE
from placet.mailboxes.microsoft.entra import describe_token
from placet.mailboxes.microsoft.mechanisms import never_proving
from placet.mailboxes.microsoft.settings import ExchangeSettings
from placet.mailboxes.oauth import Access
from placet.mailboxes.preflight import (
    MOST_OTHERS,
    Advice,
    Listed,
    Preflight,
    ReceivingProbe,
    SendingProbe,
    Step,
    failed,
    folders_can_be_made,
    own_folders,
    passed,
)
from placet.mailboxes.settings import DOMAIN, MailboxSettings

NEWEST = 6  # mails of each folder whose stamps are read
AUTH_AS = "X-MS-Exchange-Organization-AuthAs"
AUTH_MECHANISM = "X-MS-Exchange-Organization-AuthMechanism"
NARROW_CURE = gettext_noop(
    "With the commands below, give the right to this mailbox alone, and then take the permissions for the "
    "whole organisation ({roles}) away. Changes act after up to two hours."
)
PLUS_COMMANDS = f"""\
{app_access.CONNECT}
Set-OrganizationConfig -DisablePlusAddressInRecipients $false"""

TOKEN = gettext_noop("Entra ID issues an access token")
INTERNAL = gettext_noop("Exchange marks mail of colleagues")
LIMITS = gettext_noop("Other mailboxes stay closed")
SERVICES = {GRAPH: app_access.GRAPH, EWS: app_access.EWS}
HOSTS = {GRAPH: GRAPH_HOSTS, EWS: OUTLOOK_HOSTS}


class ProtocolProbe(Protocol):
    """What the steps ask of the mailbox through one protocol. Every method raises MailboxError."""

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


class CommonProbe(ReceivingProbe, SendingProbe):
    """What is checked of a mailbox on Exchange alike, whosever server it is."""

    settings: MailboxSettings

    def __init__(self, settings: MailboxSettings, through: ProtocolProbe) -> None:
        self.settings = settings
        self._through = through

    def preflight(self) -> Preflight:
        return Preflight(self, self)

    # --- what the shared steps ask ----------------------------------------------------------------------------

    def arrivals(self, limit: int) -> Iterator[Listed]:
        return self._through.arrivals(own_folders(self.settings), limit)

    def sent(self, limit: int) -> Iterator[Listed]:
        return self._through.sent(limit)

    def delete(self, id_: str) -> None:
        self._through.delete(id_)

    def send(self, raw: bytes, reference: str) -> None:
        self._through.send(raw, reference)

    # --- in the mailbox -------------------------------------------------------------------------------------

    def _open(self) -> Check:
        name, total = self._through.open()
        told = ngettext("{mailbox}: {folder}, {number} item.", "{mailbox}: {folder}, {number} items.", total)
        found = told.format(mailbox=self.settings.username, folder=name, number=total)
        return passed(found, {"items": total})

    def _read(self) -> Check:
        return passed(_("Both can be listed."), self._through.read())

    def _internal(self, arrived: Sequence[str]) -> Check:
        """Sent by the organisation itself, so exactly one AuthAs: Internal must stand on each."""
        blocks = self._through.transport_headers(arrived)
        stamps = [stamp for block in blocks for stamp in [_header(block, AUTH_AS)]]
        mechanisms = sorted({value for block in blocks for value in _header(block, AUTH_MECHANISM)})
        facts = {"auth_as": stamps, "mechanisms": mechanisms}
        if not blocks or any(stamp != ["Internal"] for stamp in stamps):
            return failed(
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
            return failed(
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
            return failed(
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
        others = self._other_domains()
        stored = never_proving(self.settings.confirmed_mechanisms)
        shown = (
            _("Confirmed, but not counted: {mechanisms} proves nobody.").format(mechanisms=stored)
            if stored
            else ""
        )
        marked = f"{_marked(mechanisms)} {shown}".strip()
        if others:
            return self._offer_domains(passed(marked, {**facts, "other_domains": others}), others)
        return passed(marked, facts)

    def _other_domains(self) -> list[str]:
        """Of the newest mails that Exchange marked as a colleague's: domains of senders that prove nobody here."""
        newest = [mail.id for mail in self.arrivals(NEWEST)]
        domains = {
            _colleague_domain(block, self.settings) for block in self._through.transport_headers(newest)
        }
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


class ExchangeProbe(CommonProbe):
    """The check of a mailbox in Exchange Online through one protocol."""

    settings: ExchangeSettings

    def __init__(self, settings: ExchangeSettings, access: Access, through: ProtocolProbe) -> None:
        super().__init__(settings, through)
        self.access = access
        self._token: Mapping[str, Any] = {}  # what it says of itself, if it does

    def before(self) -> list[Step]:
        service = self.settings.graph_url if self._through.protocol == GRAPH else self.settings.ews_url
        return [
            *way_to([self.settings.token_uri, service]),
            Step("token", self._issue, TOKEN),
            Step("open", self._open),
            Step("read", self._read),
            Step("folders", partial(folders_can_be_made, self.settings, self._through.make_folder)),
        ]

    def after(self, arrived: Sequence[str], others: Sequence[str]) -> list[Step]:
        return [
            Step("internal", partial(self._internal, arrived), INTERNAL),
            Step("limits", partial(self._limits, others), LIMITS),
        ]

    def about_plus(self) -> Advice:
        return Advice(
            _("Turn plus addressing off in the mailbox's settings, or enable plus addresses in Exchange."),
            self._in_cloud(PLUS_COMMANDS),
        )

    def explained(self, key: str, error: MailboxError) -> MailboxError:
        if isinstance(error, FixNeeded):
            error = self._explain(key, error)
        if "command" in error.details:
            error.details["command"] = self._in_cloud(error.details["command"])
        return error

    def _in_cloud(self, command: str) -> str:
        return app_access.in_cloud(command, self.settings.cloud)

    # --- what the token allows ------------------------------------------------------------------------------

    def _issue(self) -> Check:
        facts = describe_token(self.access.renew())  # a cached one knows nothing of a consent given just now
        self._token = facts
        if not facts:
            return passed(_("A token that does not say what it allows."), {})
        self._see_for_whom(facts)
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
        missing = [role for role in SERVICES[self._through.protocol].roles if self._lacks(role)]
        if facts["roles"] and missing:
            told = _("Not among them: {roles}; this is right only if RBAC for Applications gives it.")
            found = f"{found} {told.format(roles=', '.join(missing))}"
        return passed(found, facts)

    def _see_for_whom(self, facts: Mapping[str, Any]) -> None:
        """FixNeeded where the token is for the service of another way."""
        audience = str(facts["audience"])
        host = urlsplit(audience).hostname or ""
        for protocol, service in SERVICES.items():
            if protocol != self._through.protocol and (host in HOSTS[protocol] or audience == service.app_id):
                cloud = CLOUDS.get(self.settings.cloud, WORLDWIDE)
                raise FixNeeded(
                    _("The token is for {other}, but the mailbox is connected through {service}.").format(
                        other=service.label, service=SERVICES[self._through.protocol].label
                    ),
                    _("Set Scope to {scope}.").format(scope=cloud.scope(self._through.protocol)),
                    {"audience": audience},
                )

    def _lacks(self, role: str) -> bool:
        """Whether the token says that it does not carry this role."""
        return bool(self._token) and role not in self._token["roles"]

    def _explain(self, key: str, error: FixNeeded) -> FixNeeded:
        """What only the token tells of a refusal: the permission that is missing, and the real ids."""
        object_id = self._token.get("object") if self._token else ""
        if object_id and "command" in error.details:
            error.details["command"] = error.details["command"].replace(app_access.OBJECT_ID, object_id)
        role = self._through.step_roles.get(key, "")
        if not (role and self._lacks(role) and self._through.may_not(error)):
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
            service=SERVICES[self._through.protocol].label,
            exchange_role=SERVICES[self._through.protocol].roles[role],
        )
        error.details["command"] = f"{app_access.CONNECT}\n{self._give()}"
        return error

    # --- outside of it --------------------------------------------------------------------------------------

    def _limits(self, others: Sequence[str]) -> Check:
        """Whether the application is kept out of mailboxes that are none of Placet's business."""
        check = self._try(others)
        return replace(check, command=self._in_cloud(check.command))

    def _try(self, others: Sequence[str]) -> Check:
        refused: list[str] = []
        unclear: list[str] = []
        for address in others[:MOST_OTHERS]:
            opened = self._through.opens(address)
            if opened:
                return self._too_much(address)
            (unclear if opened is None else refused).append(address)
        facts = {"refused": refused, "unclear": unclear}
        if refused:
            told = _("The application cannot open {addresses}.")
            return passed(told.format(addresses=", ".join(refused)), facts)
        return replace(self._nobody_tried(unclear), facts=facts)

    def _nobody_tried(self, unclear: Sequence[str]) -> Check:
        if unclear:
            told = _(
                "Could not be tried: whether {addresses} can be opened, the server does not say."
            ).format(addresses=", ".join(unclear))
        else:
            told = _("Not tried: no other person of this domain is known to Placet.")
        wide = self._wide() if self._token else []
        if wide:
            return replace(
                passed(told, {}),
                warning=True,
                cause=_(
                    "The token carries permissions for the whole organisation ({roles}). With them the application "
                    "can open every mailbox, unless an application access policy keeps it out."
                ).format(roles=", ".join(wide)),
                cure=_(NARROW_CURE).format(roles=", ".join(wide)),
                command=self._narrow(app_access.OTHER_MAILBOX, wide),
            )
        told += " " + _(
            "Try it yourself in PowerShell, with the address of somebody whose mailbox must stay closed; InScope "
            "must be False."
        )
        command = app_access.test(self.settings.client_id, app_access.OTHER_MAILBOX)
        return replace(passed(told, {}), command=f"{app_access.CONNECT}\n{command}")

    def _too_much(self, address: str) -> Check:
        wide = self._wide()
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
            passed(found, {"opened": address, "roles": wide}),
            warning=True,
            cause=_(
                "The application can open mailboxes that are none of Placet's business. Whoever gets hold of its "
                "secret or certificate can read them and write in their name."
            ),
            cure=cure,
            command=self._narrow(address, wide),
        )

    def _wide(self) -> list[str]:
        """The permissions for the whole organisation that open mailboxes; all that there could be if the token does
        not say."""
        needed = SERVICES[self._through.protocol].roles
        if not self._token:
            return list(needed)
        roles: list[str] = self._token["roles"]
        graph = self._through.protocol == GRAPH
        return [role for role in roles if role in needed or (graph and role.startswith("Mail."))]

    def _narrow(self, other: str, wide: Sequence[str]) -> str:
        client_id, mailbox = self.settings.client_id, self.settings.username
        look = app_access.test(client_id, other)
        if not wide:
            return f"{app_access.CONNECT}\n{look}"
        return "\n".join(
            [
                app_access.CONNECT,
                "# Run this part by part.",
                "# 1. The right to this mailbox alone; leave out what is there already.",
                self._give(),
                "# 2. InScope must be True for this mailbox, and False or nothing for another.",
                app_access.test(client_id, mailbox),
                look,
                "# 3. Only then, and two hours later where the mailbox is in use (Exchange remembers the old rights so",
                "# long), in a new PowerShell window with the module Microsoft.Graph.Applications: take the right to",
                "# all mailboxes away.",
                app_access.take_away(SERVICES[self._through.protocol], self._object_id, wide),
            ]
        )

    def _give(self) -> str:
        return app_access.give(
            SERVICES[self._through.protocol], self.settings.client_id, self._object_id, self.settings.username
        )

    @property
    def _object_id(self) -> str:
        return str(self._token.get("object") or app_access.OBJECT_ID)


def _moment(iso: str) -> str:
    """A time as people read it, in the zone of whoever looks; "–" where there is none."""
    if not iso:
        return "–"
    at = timezone.localtime(datetime.fromisoformat(iso))
    return formats.date_format(at, pgettext("format of a date and time", "j F Y, H:i T"))


def _marked(mechanisms: list[str]) -> str:
    told = _("Internal, by mechanism {mechanisms}.")
    return told.format(mechanisms=", ".join(mechanisms) or _("none"))


def _colleague_domain(block: str, settings: MailboxSettings) -> str:
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
