"""A reply of a trial: a mail as a mail program would write it, taken down the whole path of a reply but for its sender,
whom nobody has to prove."""

from collections.abc import Sequence
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from email.utils import format_datetime, formataddr
from uuid import uuid4

from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals.models import Ask
from placet.approvals.proofs import Level
from placet.designer.trying_events import Reply
from placet.designer.trying_shown import Reading
from placet.lib import clock
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes import pool
from placet.mailboxes.base import Folder, MailboxError, Received
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import MailboxSettings
from placet.replies import entry
from placet.replies.fetch import facts_of, fingerprint
from placet.replies.parse import Mail
from placet.replies.pick_answered import NotKnownYet
from placet.replies.prove import Asked, Proof, ProvePolicy
from placet.replies.settle import step_of

CLAIM = "trial"


class NotAnswerable(Exception):
    """Why nobody can answer so; the message is for people."""


def answer_by_mail(requests: Sequence[int], person: Person, event: Reply) -> Reading:
    """Somebody answers their newest mail about one of these requests. NotAnswerable if there is none."""
    sent = _newest_mail(requests, person, event.step)
    if sent is None:
        raise NotAnswerable(_("No mail asks {name} that a reply could answer.").format(name=person.name))
    incoming = _kept(sent, written(sent, person, event.text, clock.now()))
    reply = entry.Reply(incoming, CLAIM, _settings(sent.mailbox))
    try:
        entry.walk(reply, _sender_is_known)
    except NotKnownYet as error:
        raise NotAnswerable(_("It is not known which mail this answers.")) from error
    incoming.refresh_from_db()
    answer = reply.answer
    label = "" if answer is None or reply.line is None else step_of(reply.line).outcome(answer.outcome).shown
    decides = incoming.result == "decided"
    return Reading(
        result=incoming.result,
        outcome=label if decides else "",
        comment=answer.comment if answer is not None else "",
        rests_on=answer.rests_on if answer is not None else (),
        answers=dict(answer.answers) if answer is not None else {},
        sentence=incoming.reason,
        read_text=reply.mail.new_text if reply.mail is not None else "",
    )


def _newest_mail(requests: Sequence[int], person: Person, step: str) -> OutgoingMail | None:
    asks = Ask.objects.filter(
        person=person, lines__assignment__visit__request__in=requests, outgoing__isnull=False
    )
    if step:
        asks = asks.filter(lines__assignment__visit__step_key=step)
    ask = asks.select_related("outgoing__mailbox").order_by("-pk").first()
    return None if ask is None else ask.outgoing


def written(sent: OutgoingMail, person: Person, text: str, at: datetime) -> bytes:
    """The reply as a mail program writes it, without the quote that most add: what is typed is the whole text."""
    asked = message_from_bytes(bytes(sent.raw), policy=default)
    mail = EmailMessage()
    mail["From"] = formataddr((person.name, person.email))
    mail["To"] = str(asked["Reply-To"] or asked["From"])
    mail["Subject"] = f"Re: {asked['Subject']}"
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{uuid4().hex}@placet.invalid>"
    mail["In-Reply-To"] = mail["References"] = sent.message_id
    mail.set_content(text, cte="base64")
    return mail.as_bytes(policy=SMTP)


def _kept(sent: OutgoingMail, raw: bytes) -> IncomingMail:
    now = clock.now()
    received = Received(
        server_id=uuid4().hex,
        folder=Folder.INBOX,
        raw=raw,
        transport_headers="",
        item_class="IPM.Note",
        received_at=now,
        size=len(raw),
    )
    return IncomingMail.objects.create(
        mailbox=sent.mailbox,
        server_id=received.server_id,
        protocol=sent.mailbox.protocol,
        fingerprint=fingerprint(received),
        folder=received.folder,
        received_at=now,
        raw=raw,
        facts=facts_of(received),
        claim=CLAIM,
    )


def _settings(mailbox: Mailbox) -> MailboxSettings:
    """Of a mailbox that cannot be used yet, what it would say by itself."""
    try:
        return pool.settings_of(mailbox)
    except MailboxError:
        return MailboxSettings(username=mailbox.address)


def _sender_is_known(mail: Mail, _folder: str, _asked: Asked, _level: Level, _policy: ProvePolicy) -> Proof:
    return Proof(Level.COLLEAGUE, str(mail.from_address), "mail")
