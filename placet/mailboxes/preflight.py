"""The check of a mailbox of any kind before it is trusted with decisions: each step on the real way.

    Preflight(probe, probe)        a kind that receives and sends
    Preflight(receiving, sending)  two kinds that share a mailbox
    Preflight(receiving=probe)     one half alone (`sending=probe` likewise)

Its steps, in this order:

1. `before()` of the receiving probe and then of the sending one, from the name of the server to the folders. The first
   that fails ends the check: the next ones build on it.
2. With both halves: mail to the mailbox itself, to the default reply-to address and to a plus address must arrive.
3. `after()` of both, which have the mails that arrived; each is tried, whatever became of the one before it.
4. The test mails are removed, their copies in Sent Items too, and also if whoever watched went away in the middle.

A kind gives its probe by the method `probe()` of its connections, whose `steps` and `check` are those of a Preflight
over it. A probe does what the steps of 2 and 4 ask of the mailbox, and lists the kind's own steps. A `Step` has a key
(stable; no two of one mailbox have the same, so a kind that only sends puts its own in front: `smtp_open`), a title,
and a function that gives `passed(...)` or `failed(...)`, or raises MailboxError or MailError. `details["command"]` of
an error becomes the command to copy. What several kinds do alike stands below `steps that kinds share`, and for those
that speak HTTP in `http_steps.py`.
"""

import email.policy
import itertools
import secrets
import socket
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from typing import Any, Protocol, runtime_checkable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from placet.mailboxes.base import Check, Gone, MailboxError, MailError, Wait
from placet.mailboxes.fields import REPLY_TO
from placet.mailboxes.settings import MailboxSettings

ARRIVAL = 60.0  # seconds that a mail to oneself may take
BEHIND = 30.0  # seconds that one to another address of the mailbox may arrive after it
PAUSE = 2.0  # seconds between two looks
LOOKED_AT = 50  # newest mails of a folder that are looked at
MOST_OTHERS = 3  # mailboxes of others that are tried

#: Of the steps that kinds share, by key.
TITLES = {
    "name": gettext_noop("Names of the servers resolve"),
    "tls": gettext_noop("Servers answer over a trusted connection"),
    "open": gettext_noop("Mailbox opens"),
    "read": gettext_noop("Inbox and Junk Email can be read"),
    "folders": gettext_noop("Folders can be made"),
    "send": gettext_noop("Mailbox sends to itself"),
    "reply_to": gettext_noop("Mail to the default reply-to address arrives"),
    "plus": gettext_noop("Mail to the plus address arrives"),
    "cleanup": gettext_noop("Test mails are removed"),
}


@dataclass(frozen=True)
class Step:
    """One step. `title` is a text of the catalogue in English; left out, it is the shared one of this key."""

    key: str
    run: Callable[[], Check]
    title: str = ""

    @property
    def words(self) -> str:
        return _(self.title or TITLES[self.key])


@dataclass(frozen=True)
class Listed:
    """A mail as a folder lists it."""

    id: str
    subject: str


@dataclass(frozen=True)
class Advice:
    """What to do about something that this kind of server can be told."""

    cure: str
    command: str = ""


class Probe(Protocol):
    """What either half of a mailbox says of its own check."""

    def before(self) -> Sequence[Step]:
        """On the way to the mailbox and in it, before a mail is sent."""

    def after(self, arrived: Sequence[str], others: Sequence[str]) -> Sequence[Step]:
        """Once mail to oneself has arrived: the ids of the test mails that did, and addresses of mailboxes that must
        not open. Asked without any, for the titles."""
        return ()

    def explained(self, key: str, error: MailboxError) -> MailboxError:
        """What the steps before tell of a failure in this one; the error itself where they tell nothing."""
        return error


class ReceivingProbe(Probe, Protocol):
    """What the shared steps ask of a mailbox that receives. Every method raises MailboxError, as a connection does."""

    settings: MailboxSettings

    def arrivals(self, limit: int) -> Iterable[Listed]:
        """The newest mails of each folder that mail is taken from or moved to, `limit` of each."""

    def sent(self, limit: int) -> Iterable[Listed]:
        """The newest mails of Sent Items; none where there is no such folder."""
        return ()

    def delete(self, id_: str) -> None:
        """Raises Gone."""

    def about_plus(self) -> Advice:
        """What to do where mail to a plus address does not arrive."""
        return Advice(
            _("Turn plus addressing off in the mailbox's settings, or enable it at the mail server.")
        )


class SendingProbe(Probe, Protocol):
    """What the shared steps ask of a mailbox that sends."""

    def send(self, raw: bytes, reference: str) -> None:
        """As a connection does. Raises MailboxError and Refused."""


@runtime_checkable
class Probed(Protocol):
    """A connection that gives its probe."""

    def probe(self) -> Any:
        """A ReceivingProbe, a SendingProbe, or what is both."""


def passed(found: str, facts: Mapping[str, Any] | None = None) -> Check:
    """A step that went well; its key and title come from the step. `found` is never empty."""
    return Check("", "", ok=True, found=found, facts=facts)


def failed(
    cause: str, cure: str, *, command: str = "", found: str = "", facts: Mapping[str, Any] | None = None
) -> Check:
    return Check("", "", ok=False, found=found, cause=cause, cure=cure, command=command, facts=facts)


@dataclass(frozen=True)
class _TestMail:
    key: str  # of the step that fails if it does not arrive
    to: str
    subject: str


def _test_mails(settings: MailboxSettings) -> list[_TestMail]:
    mailbox, mark = settings.username, secrets.token_hex(6)
    mails = [_TestMail("send", mailbox, f"Placet check {mark}")]
    own = settings.reply_to or mailbox  # replies must arrive in this very mailbox
    if own.lower() != mailbox.lower():
        mails.append(_TestMail("reply_to", own, f"Placet check {mark} (reply-to address)"))
    if settings.plus_addressing:
        local, _at, domain = own.partition("@")
        to = f"{local}+placet-check@{domain}"
        mails.append(_TestMail("plus", to, f"Placet check {mark} (plus address)"))
    return mails


@dataclass(frozen=True)
class Preflight:
    """One check; see the module."""

    receiving: ReceivingProbe | None = None
    sending: SendingProbe | None = None

    def steps(self) -> Mapping[str, str]:
        """Keys and titles of the steps, in their order: what a check does if nothing fails."""
        titles = {step.key: step.words for step in self._before()}
        if self.receiving and self.sending:
            titles |= {mail.key: _(TITLES[mail.key]) for mail in _test_mails(self.receiving.settings)}
            titles |= {step.key: step.words for step in self.after([], [])}
            titles |= {key: _(TITLES[key]) for key in ("cleanup",)}
        return titles

    def __call__(self, others: Sequence[str] = ()) -> Generator[Check, None, None]:
        """Each step as it is done. `others`: as in `Connection.check`."""
        for step in self._before():
            check = self.tried(step)
            yield check
            if not check.ok:
                return
        if self.receiving and self.sending:
            mails = _test_mails(self.receiving.settings)
            yield from _MailToOneself(self, self.receiving, self.sending, mails).run(others)

    def _probes(self) -> list[Probe]:
        """Each once."""
        probes: list[Probe] = [self.receiving] if self.receiving else []
        if self.sending and not any(self.sending is probe for probe in probes):
            probes.append(self.sending)
        return probes

    def _before(self) -> list[Step]:
        return [step for probe in self._probes() for step in probe.before()]

    def after(self, arrived: Sequence[str], others: Sequence[str]) -> list[Step]:
        """As in Probe, of both halves."""
        return [step for probe in self._probes() for step in probe.after(arrived, others)]

    def tried(self, step: Step) -> Check:
        """What became of the step; whatever it raises of base's errors is that."""
        try:
            check = step.run()
        except MailboxError as error:
            for probe in self._probes():
                error = probe.explained(step.key, error)
            facts: dict[str, Any] = dict(error.details)
            command = facts.pop("command", "")
            check = failed(error.cause, error.cure, command=command, facts=facts)
        except MailError as error:
            cure = _("Try again; if it stays, look the code up in the documentation of the mail server.")
            check = failed(str(error), cure, facts={"code": error.code})
        return replace(check, key=step.key, title=step.words)


@dataclass
class _MailToOneself:
    """The steps that send, and what removes again what they sent."""

    preflight: Preflight
    receiving: ReceivingProbe
    sending: SendingProbe
    mails: Sequence[_TestMail]
    arrived: dict[str, str] = field(default_factory=dict)  # ids of the mails that came back, by subject

    def run(self, others: Sequence[str]) -> Generator[Check, None, None]:
        tried = self.preflight.tried
        cleanup = Step("cleanup", self._clean_up)
        check = tried(Step("send", self._send))
        try:
            yield check
            if check.ok:
                yield from map(tried, self._other_addresses())
                yield from map(tried, self.preflight.after(list(self.arrived.values()), others))
        except (
            GeneratorExit
        ):  # whoever watched has gone: nothing of the check stays in the mailbox all the same
            tried(cleanup)
            raise
        yield tried(cleanup)

    def _send(self) -> Check:
        for mail in self.mails:
            self.sending.send(self._raw(mail), mail.subject)
        looks, seconds = self._wait()
        if self.mails[0].subject not in self.arrived:
            raise Wait(
                _("The mail was sent, but did not arrive within {seconds} seconds ({looks} looks).").format(
                    seconds=f"{ARRIVAL:.0f}", looks=looks
                ),
                _("Look for it with another mail program: a rule, a filter or a delay may hold or move it."),
            )
        told = ngettext(
            "Arrived after {seconds} s, {looks} look.", "Arrived after {seconds} s, {looks} looks.", looks
        )
        facts = {"seconds": seconds, "looks": looks}
        return passed(told.format(seconds=f"{seconds:.0f}", looks=looks), facts)

    def _raw(self, mail: _TestMail) -> bytes:
        mailbox = self.receiving.settings.username
        message = EmailMessage(policy=email.policy.SMTP)
        message["From"] = mailbox
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = f"<{secrets.token_hex(12)}@{mailbox.partition('@')[2]}>"
        message["X-Auto-Response-Suppress"] = "All"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(
            _(
                "Placet checks that mail to {address} arrives in the mailbox {mailbox}. There it is removed by "
                "itself.\n\n"
                "If you find it in another mailbox, you may delete it, and please tell whoever administers Placet: "
                "replies to approvals would arrive there, and nobody would read them.\n"
            ).format(address=mail.to, mailbox=mailbox)
        )
        return message.as_bytes()

    def _wait(self) -> tuple[int, float]:
        """Look until all have arrived or the time is over; a running worker may have moved them already. How often,
        and how many seconds it took."""
        begun = time.monotonic()
        end = begun + ARRIVAL
        looks = 0
        while True:
            looks += 1
            self.arrived.update(
                (mail.subject, mail.id) for mail in self._ours(self.receiving.arrivals(LOOKED_AT))
            )
            now = time.monotonic()
            if self.mails[0].subject in self.arrived:  # those to other addresses come by the same way
                end = min(end, now + BEHIND)
            if len(self.arrived) == len(self.mails) or now >= end:
                return looks, now - begun
            time.sleep(PAUSE)

    def _ours(self, listed: Iterable[Listed]) -> Iterator[Listed]:
        subjects = {mail.subject for mail in self.mails}
        return (mail for mail in listed if mail.subject in subjects)

    def _other_addresses(self) -> Iterator[Step]:
        """Those that replies go to."""
        by_key = {mail.key: mail for mail in self.mails}
        reply_to = by_key.get("reply_to")
        if reply_to is not None:
            yield Step("reply_to", partial(self._reply_to, reply_to))
            if reply_to.subject not in self.arrived:
                return  # what goes to its plus address goes the same wrong way
        if "plus" in by_key:
            yield Step("plus", partial(self._plus, by_key["plus"]))

    def _reply_to(self, mail: _TestMail) -> Check:
        facts = {"address": mail.to}
        if mail.subject in self.arrived:
            return passed(_("{address} arrives in the mailbox.").format(address=mail.to), facts)
        return failed(
            _(
                "Mail to {mailbox} arrived, and mail to {address} did not. That address stands in the field {field}: "
                "replies to approvals would go there, and none of them would be read."
            ).format(mailbox=self.receiving.settings.username, address=mail.to, field=_(REPLY_TO.label)),
            _(
                "Empty the field {field} in the settings, or enter an address that belongs to this very mailbox. "
                "Whoever has the mailbox of {address} finds a test mail there and may delete it."
            ).format(address=mail.to, field=_(REPLY_TO.label)),
            facts=facts,
        )

    def _plus(self, mail: _TestMail) -> Check:
        facts = {"address": mail.to}
        if mail.subject in self.arrived:
            return passed(_("{address} arrives in the mailbox.").format(address=mail.to), facts)
        advice = self.receiving.about_plus()
        return failed(
            _("Mail to {address} did not arrive, {seconds} seconds after mail to the mailbox itself.").format(
                address=mail.to, seconds=f"{BEHIND:.0f}"
            ),
            advice.cure,
            command=advice.command,
            facts=facts,
        )

    def _clean_up(self) -> Check:
        removed = 0
        listed = itertools.chain(self.receiving.arrivals(LOOKED_AT), self.receiving.sent(LOOKED_AT))
        for mail in list(self._ours(listed)):  # all are listed before the first is taken away
            try:
                self.receiving.delete(mail.id)
                removed += 1
            except Gone:
                continue  # a running worker was faster
        told = ngettext("{number} mail removed.", "{number} mails removed.", removed)
        return passed(told.format(number=removed), {"removed": removed})


# --- steps that kinds share -------------------------------------------------------------------------------


def names_resolve(hosts: Iterable[str], proxies: Mapping[str, str] | None = None) -> Check:
    """Whether each host has an address; one that a proxy (by host) leads to is asked for there. Raises Wait."""
    shown = {}
    for host in hosts:
        proxy = (proxies or {}).get(host)
        shown[host] = _("by the proxy {proxy}").format(proxy=proxy) if proxy else _resolved(host)
    return passed("; ".join(f"{host}: {address}" for host, address in shown.items()), {"hosts": shown})


def _resolved(host: str) -> str:
    try:
        addresses = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Wait(
            _("The name {host} cannot be resolved.").format(host=host),
            _("Check its spelling and the name service (DNS) of this machine."),
            details={"host": host},
        ) from None
    return str(addresses[0][4][0])


def folders_can_be_made(settings: MailboxSettings, make: Callable[[str], object]) -> Check:
    """`make` sees to it that mail can be moved to the folder at a path."""
    paths = own_folders(settings)
    for path in paths:
        make(path)
    return passed(", ".join(paths), {"folders": paths})


def own_folders(settings: MailboxSettings) -> list[str]:
    """Paths of the folders that mail is moved to."""
    return [settings.handled_folder, settings.set_aside_folder]
