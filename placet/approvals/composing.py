"""What all mails about requests have in common: whose language they are written in, where they go out from, the reply
code in a subject, the link to the page, the row in the outbox."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

from django.conf import settings
from django.utils.translation import gettext as _

from placet.accounts.general import General, general
from placet.accounts.models import Person
from placet.accounts.reader import as_read_by
from placet.approvals.models import Request
from placet.lib.ids import code_hash
from placet.lib.prepared import Prepared
from placet.mail import outbox
from placet.mail.models import OutgoingMail
from placet.mail.writing import Link, Written
from placet.mailboxes.models import Mailbox


class Letter(Protocol):
    """What a mail says (`placet.mail.writing`, `mail_parts`)."""

    def written(self, subject: str, reference: str, said: General) -> Written: ...


@contextmanager
def written_to(person: Person) -> Iterator[General]:
    """What is written inside is for this person; gives what the installation says of itself."""
    said = general()
    with as_read_by(person, said):
        yield said


def with_code(subject: str, code: str) -> str:
    """A subject with its reply code. What looks like one in a title is none: replies with two are not applied."""
    subject = subject.replace("[#", "[# ")
    return f"{subject} [#{code}]" if code else subject


def mailbox_for(request: Request) -> Mailbox | None:
    """The mailbox that a request's mails go out from: the one that its process names, else the first. None while that
    is not active: another one would be another organisation's, or of other people's."""
    address = mailbox_named_by(request.version.definition)
    return next(iter(_NAMED(address=address) if address else _FIRST()), None)


def mailbox_named_by(definition: Mapping[str, Any]) -> str:
    """The address of the mailbox that a version (JSON) names; "" where it leaves that open."""
    return str(definition.get("mailbox") or "").lower()


_NAMED = Prepared(
    lambda given: Mailbox.objects.filter(active=True, address=given("address")).defer("secrets")[:1]
)
_FIRST = Prepared(lambda given: Mailbox.objects.filter(active=True).order_by("pk").defer("secrets")[:1])


def hash_of(code: str) -> str:
    return code_hash(settings.REPLY_CODE_KEY, code)


def page_of(request: Request, said: General | None = None) -> str:
    """The request's page. The address carries no right: the page asks for sign-in."""
    return f"{(said or general()).public_url}/requests/{request.public_id}/"


def page_link(request: Request, said: General, tone: str = "main") -> Link:
    return Link(_("Open the request"), page_of(request, said), tone)


def queue(
    mailbox: Mailbox,
    kind: str,
    person: Person,
    said: General,
    *,
    cause: str,
    subject: str,
    letter: Letter,
    priority: OutgoingMail.Priority = OutgoingMail.Priority.NOTICE,
    reply_to: str = "",
    in_reply_to: str = "",
    due: datetime | None = None,
    may_be_away: bool = False,
) -> OutgoingMail:
    """`due`: when it is sent, if that is later."""
    reference = outbox.new_reference()
    parts = letter.written(subject, reference, said)
    return outbox.queue(
        mailbox,
        kind=kind,
        to=person.email,
        to_name=person.name,
        cause=cause,
        subject=subject,
        text=parts.text,
        html=parts.html,
        priority=priority,
        reference=reference,
        reply_to=reply_to,
        in_reply_to=in_reply_to,
        due=due,
        may_be_away=may_be_away,
    )
