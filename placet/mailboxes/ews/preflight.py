"""The check of an Exchange mailbox before it is trusted with decisions: each step on the real way."""

import email
import email.policy
import secrets
import socket
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from typing import Any

import requests
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from requests.auth import AuthBase

from placet.mailboxes import http
from placet.mailboxes.base import Check, FixNeeded, Gone, MailboxError, MailError, Wait
from placet.mailboxes.oauth import Access, describe_token
from placet.mailboxes.settings import ExchangeSettings

from . import operations
from .connection import EwsConnection
from .operations import FolderRef

ARRIVAL = 60.0  # seconds that a mail to oneself may take
PAUSE = 2.0  # seconds between two looks
LOOKED_AT = 50  # newest mails of a folder that are looked at
AUTH_AS = "X-MS-Exchange-Organization-AuthAs"
AUTH_MECHANISM = "X-MS-Exchange-Organization-AuthMechanism"
PLUS_COMMANDS = """\
Connect-ExchangeOnline
Set-OrganizationConfig -DisablePlusAddressInRecipients $false"""

TITLES = {
    "name": gettext_noop("Names of the servers resolve"),
    "tls": gettext_noop("Servers answer over a trusted connection"),
    "token": gettext_noop("Entra ID issues an access token"),
    "open": gettext_noop("Mailbox opens"),
    "read": gettext_noop("Inbox and Junk Email can be read"),
    "folders": gettext_noop("Folders can be made"),
    "send": gettext_noop("Mailbox sends to itself"),
    "plus": gettext_noop("Mail to the plus address arrives"),
    "internal": gettext_noop("Exchange marks mail of colleagues"),
    "cleanup": gettext_noop("Test mails are removed"),
}


def _title(key: str) -> str:
    return _(TITLES[key])


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
    """`Preflight(settings, access)(connection)` runs the steps; `sleep` and `clock` count seconds."""

    settings: ExchangeSettings
    access: Access
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _roles_missing: bool = field(default=False, init=False)

    def steps(self) -> Mapping[str, str]:
        return {
            key: _(title) for key, title in TITLES.items() if key != "plus" or self.settings.plus_addressing
        }

    def __call__(self, connection: EwsConnection) -> Generator[Check, None, None]:
        """Each step as it is done; the first failure that others build on is the last."""
        for key, step in (
            ("name", self._name),
            ("tls", self._tls),
            ("token", self._token),
            ("open", self._open),
            ("read", self._read),
            ("folders", self._make_folders),
        ):
            check = _tried(key, partial(step, connection))
            yield check
            if not check.ok:
                return
        yield from self._mail_to_oneself(connection)

    def _name(self, connection: EwsConnection) -> Check:
        found: dict[str, str] = {}
        for url in self._urls():
            host = http.host_of(url)
            proxy = http.proxy_for(url)
            found[host] = _("by the proxy {proxy}").format(proxy=proxy) if proxy else _resolve(host)
        told = "; ".join(f"{host}: {address}" for host, address in found.items())
        return _done("name", told, {"hosts": found})

    def _tls(self, connection: EwsConnection) -> Check:
        """A request without credentials: any answer shows that name, port and certificate are right."""
        found = {}
        for url in self._urls():
            with requests.Session() as session:
                http.prepare(session, url)
                try:
                    with session.get(
                        url, auth=_NoAuth(), timeout=(10, 20), stream=True, allow_redirects=False
                    ) as answer:
                        found[http.host_of(url)] = answer.status_code
                except requests.RequestException as error:
                    raise http.unreachable(error, url) from None
        told = "; ".join(f"{host}: HTTP {status}" for host, status in found.items())
        return _done("tls", told, {"status": found})

    def _token(self, connection: EwsConnection) -> Check:
        facts = describe_token(self.access.renew())  # a cached one knows nothing of a consent given just now
        if not facts:
            return _done("token", _("A token that does not say what it allows."), {})
        roles = facts["roles"]
        self._roles_missing = not roles
        told = _(
            "Application {application} in tenant {tenant}, for {audience}, until {expires}, roles: {roles}."
        )
        who = facts["application_name"] or facts["application"]
        remark = ", ".join(roles) or _("none tenant-wide; this is right if you use RBAC for Applications")
        named = {name: facts[name] for name in ("tenant", "audience", "expires")}
        return _done("token", told.format(application=who, roles=remark, **named), facts)

    def _open(self, connection: EwsConnection) -> Check:
        try:
            name, total = operations.get_folder(connection.soap, operations.INBOX)
        except FixNeeded as error:
            if self._roles_missing:
                error.cause += " " + _("The token carries no role either.")
            raise
        return _done("open", self._opened(name, total), {"items": total})

    def _opened(self, name: str, total: int) -> str:
        told = ngettext("{mailbox}: {folder}, {number} item.", "{mailbox}: {folder}, {number} items.", total)
        return told.format(mailbox=self.settings.username, folder=name, number=total)

    def _read(self, connection: EwsConnection) -> Check:
        found = {}
        for ref in (operations.INBOX, operations.JUNK):
            found[ref.id] = len(
                operations.find_items(connection.soap, ref, "item:DateTimeReceived", 0, 1).items
            )
        operations.sync_folder_items(connection.soap, operations.INBOX, "", 1)
        return _done("read", _("Both can be listed."), found)

    def _make_folders(self, connection: EwsConnection) -> Check:
        paths = [self.settings.handled_folder, self.settings.set_aside_folder]
        for path in paths:
            connection.folder_for_moved(path)
        return _done("folders", ", ".join(paths), {"folders": paths})

    def _mail_to_oneself(self, connection: EwsConnection) -> Generator[Check, None, None]:
        mails = self._test_mails()
        check, arrived = self._send_and_wait(connection, mails)
        try:
            yield check
            if check.ok:
                if self.settings.plus_addressing:
                    yield self._plus(mails, arrived)
                yield _tried("internal", lambda: self._internal(connection, arrived))
        except (
            GeneratorExit
        ):  # whoever watched has gone: nothing of the check stays in the mailbox all the same
            _tried("cleanup", lambda: self._clean_up(connection, mails))
            raise
        yield _tried("cleanup", lambda: self._clean_up(connection, mails))

    def _test_mails(self) -> list[_TestMail]:
        mark = secrets.token_hex(6)
        own = self.settings.reply_to or self.settings.username  # replies must arrive in this very mailbox
        mails = [_TestMail("send", own, f"Placet check {mark}")]
        if self.settings.plus_addressing:
            local, _at, domain = own.partition("@")
            mails.append(
                _TestMail("plus", f"{local}+placet-check@{domain}", f"Placet check {mark} (plus address)")
            )
        return mails

    def _send_and_wait(
        self, connection: EwsConnection, mails: list[_TestMail]
    ) -> tuple[Check, dict[str, str]]:
        arrived: dict[str, str] = {}

        def send_and_find() -> Check:
            for mail in mails:
                connection.send(self._raw(mail), mail.subject)
            looks, seconds = self._wait(connection, mails, arrived)
            if mails[0].subject not in arrived:
                raise Wait(
                    _(
                        "The mail was sent, but did not arrive within {seconds} seconds ({looks} looks)."
                    ).format(seconds=f"{ARRIVAL:.0f}", looks=looks),
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

        return _tried("send", send_and_find), arrived

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
            "Placet checks that this mailbox sends and receives. This mail is deleted by itself.\n"
        )
        return message.as_bytes()

    def _wait(
        self, connection: EwsConnection, mails: list[_TestMail], arrived: dict[str, str]
    ) -> tuple[int, float]:
        """Look until all have arrived or the time is over; a running worker may have moved them already."""
        begun = self.clock()
        looks = 0
        while True:
            looks += 1
            arrived.update(self._find(connection, mails, self._arrivals(connection)))
            if len(arrived) == len(mails) or self.clock() - begun >= ARRIVAL:
                return looks, self.clock() - begun
            self.sleep(PAUSE)

    def _arrivals(self, connection: EwsConnection) -> list[FolderRef]:
        own = [
            connection.folder(path) for path in (self.settings.handled_folder, self.settings.set_aside_folder)
        ]
        return [operations.INBOX, operations.JUNK, *own]

    def _find(
        self, connection: EwsConnection, mails: list[_TestMail], folders: list[FolderRef]
    ) -> dict[str, str]:
        """Ids of the test mails by subject."""
        subjects = {mail.subject for mail in mails}
        return {
            item.subject: item.id
            for folder in folders
            for item in operations.find_items(
                connection.soap, folder, "item:DateTimeReceived", 0, LOOKED_AT
            ).items
            if item.subject in subjects
        }

    def _plus(self, mails: list[_TestMail], arrived: Mapping[str, str]) -> Check:
        mail = mails[-1]
        if mail.subject in arrived:
            return _done(
                "plus", _("{address} arrives in the mailbox.").format(address=mail.to), {"address": mail.to}
            )
        return Check(
            "plus",
            _title("plus"),
            ok=False,
            cause=_("Mail to {address} did not arrive within {seconds} seconds.").format(
                address=mail.to, seconds=f"{ARRIVAL:.0f}"
            ),
            cure=_(
                "Turn plus addressing off in the mailbox's settings, or enable plus addresses in Exchange."
            ),
            command=PLUS_COMMANDS,
            facts={"address": mail.to},
        )

    def _internal(self, connection: EwsConnection, arrived: Mapping[str, str]) -> Check:
        """Sent by the organisation itself, so exactly one AuthAs: Internal must stand on each."""
        items = operations.get_items(connection.soap, list(arrived.values()))
        blocks = [item.transport_headers or "" for item in items if isinstance(item, operations.Item)]
        stamps = [stamp for block in blocks for stamp in [_header(block, AUTH_AS)]]
        mechanisms = sorted({value for block in blocks for value in _header(block, AUTH_MECHANISM)})
        facts = {"auth_as": stamps, "mechanisms": mechanisms}
        if not blocks or any(stamp != ["Internal"] for stamp in stamps):
            return Check(
                "internal",
                _title("internal"),
                ok=False,
                found=f"{AUTH_AS}: {stamps}",
                cause=_("Mail of the organisation's own mailbox does not carry exactly one mark Internal."),
                cure=_(
                    "Colleagues cannot be recognised by Exchange's mark here: a mail gateway between, or a mailbox "
                    "that is not Exchange's own, keeps it off. Let processes ask for another proof (outside proved, "
                    "or page only)."
                ),
                facts=facts,
            )
        new = [value for value in mechanisms if value not in self.settings.confirmed_mechanisms]
        if new or not mechanisms:
            confirmed = ", ".join(self.settings.confirmed_mechanisms) or _("none")
            return Check(
                "internal",
                _title("internal"),
                ok=False,
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
        return _done("internal", _marked(mechanisms), facts)

    def _clean_up(self, connection: EwsConnection, mails: list[_TestMail]) -> Check:
        removed = 0
        for folder in (*self._arrivals(connection), operations.SENT):
            for id_ in self._find(connection, mails, [folder]).values():
                try:
                    operations.delete_item(connection.soap, id_)
                    removed += 1
                except Gone:
                    continue  # a running worker was faster
        told = ngettext(
            "{number} mail moved to Deleted Items.", "{number} mails moved to Deleted Items.", removed
        )
        return _done("cleanup", told.format(number=removed), {"removed": removed})

    def _urls(self) -> list[str]:
        return [self.settings.token_uri, self.settings.ews_url]


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


def _tried(key: str, step: Callable[[], Check]) -> Check:
    try:
        return step()
    except MailboxError as error:
        details: dict[str, Any] = dict(error.details)
        command = details.pop("command", "")
        return Check(
            key, _title(key), ok=False, cause=error.cause, cure=error.cure, command=command, facts=details
        )
    except MailError as error:
        return Check(
            key,
            _title(key),
            ok=False,
            cause=str(error),
            cure=_("Try again; if it stays, look the code up in Microsoft's EWS reference."),
            facts={"code": error.code},
        )


def _done(key: str, found: str, facts: Mapping[str, Any]) -> Check:
    return Check(key, _title(key), ok=True, found=found, facts=facts)


def _marked(mechanisms: list[str]) -> str:
    told = _("Internal, by mechanism {mechanisms}.")
    return told.format(mechanisms=", ".join(mechanisms) or _("none"))


def _header(block: str, name: str) -> list[str]:
    """Every value of one header in a raw block, in order."""
    wanted = name.lower()
    return [
        value.strip()
        for key, value in email.message_from_string(block.strip() + "\n\n").items()
        if key.lower() == wanted
    ]
