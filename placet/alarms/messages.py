"""The mails of alarms, to every active administrator, each in their language and time zone. Once for each cause: the
unique constraint of outgoing mails holds it, so that whoever was told is not told again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from placet.accounts.general import General, general
from placet.accounts.models import Person, RevocationList
from placet.accounts.reader import as_read_by
from placet.alarms import silence
from placet.alarms.models import Outage
from placet.mail import outbox
from placet.mail.models import OutgoingMail
from placet.mail.writing import Link, Notice, when
from placet.mailboxes.kinds import ending_words
from placet.mailboxes.models import Mailbox

log = structlog.get_logger(__name__)

# kinds of mail
ALARM, OVER, EXPIRY, STAMPS = "alarm", "alarm-over", "secret-expiry", "stamps-changed"
PROBE, DEAD_ADDRESS = "address-probe", "dead-address"
REVOCATION_LIST = "revocation-list"


def administrators() -> QuerySet[Person]:
    """Whom alarms are told to."""
    return Person.objects.filter(is_administrator=True, is_active=True)


def not_told(kind: str, cause: str) -> QuerySet[Person]:
    """The administrators who have no mail of this kind and cause yet."""
    told = OutgoingMail.objects.filter(kind=kind, cause=cause).values("to")
    return administrators().exclude(email__in=told)


def page_of(mailbox: Mailbox | None, said: General) -> str:
    """Where an administrator mends it: the settings of the mailbox."""
    page = f"{said.public_url}/administration/configuration/remote-approval/"
    return page if mailbox is None else f"{page}{mailbox.pk}/"


@dataclass(frozen=True)
class Letter:
    """A mail as one administrator reads it."""

    subject: str
    notice: Notice


# --- a mailbox that is silent, or cannot send -------------------------------------------------------------


def alarm(outage: Outage, out_of: Mailbox) -> int:
    """A mailbox is silent, or cannot send. It goes out through one that sends, `out_of`. How many mails were
    written."""
    urgent = OutgoingMail.Priority.CONFIRMATION
    letter = _cannot_send if outage.of_sending else _silent
    return _to_each(out_of, ALARM, f"outage:{outage.pk}", partial(letter, outage, out_of), urgent)


def _silent(outage: Outage, out_of: Mailbox, said: General) -> Letter:
    mailbox = outage.mailbox
    name = {"mailbox": mailbox.address}
    silent = _("The mailbox {mailbox} has not been read since {time}.")
    notice = Notice(
        _("The mailbox {mailbox} is silent").format(**name),
        [
            silent.format(time=when(outage.since), **name),
            silence.cause(mailbox, of_sending=False),
            silence.cure(mailbox, of_sending=False),
            _(
                "Until it works again no answer is read from it. It sends by another server, which goes on as long as "
                "that one works. Nothing is lost: answers wait in the mailbox, and requests can be decided on their "
                "pages."
            )
            if mailbox.sending_kind
            else _(
                "Until it works again no answer is read and no mail is sent through it. Nothing is lost: answers wait "
                "in the mailbox, mails wait in Placet, and requests can be decided on their pages."
            ),
        ],
        links=[Link(_("See what is wrong"), page_of(mailbox, said), "main")],
        footer=_through(out_of),
    )
    return Letter(_("Alarm: the mailbox {mailbox} is silent").format(**name), notice)


def _cannot_send(outage: Outage, out_of: Mailbox, said: General) -> Letter:
    mailbox = outage.mailbox
    name = {"mailbox": mailbox.address}
    failing = _("The mailbox {mailbox} has not been able to send since {time}.")
    notice = Notice(
        _("The mailbox {mailbox} cannot send").format(**name),
        [
            failing.format(time=when(outage.since), **name),
            silence.cause(mailbox, of_sending=True),
            silence.cure(mailbox, of_sending=True),
            _(
                "Until it sends again nobody is asked by mail through it. Replies are read all the same. Nothing is "
                "lost: mails wait in Placet, and requests can be decided on their pages."
            ),
        ],
        links=[Link(_("See what is wrong"), page_of(mailbox, said), "main")],
        footer=_through(out_of),
    )
    return Letter(_("Alarm: the mailbox {mailbox} cannot send").format(**name), notice)


def over(outage: Outage, out_of: Mailbox) -> int:
    """A mailbox that was silent, or could not send, works again, or was switched off. How many mails were written."""
    return _to_each(out_of, OVER, f"outage:{outage.pk}", partial(_over, outage))


def _over(outage: Outage, said: General) -> Letter:
    if outage.ended == Outage.Ended.WORKS:
        subject = _("Over: the mailbox {mailbox} works again")
        heading = _("The mailbox {mailbox} works again")
        if outage.of_sending:
            what = _("It could not send from {since} to {until}. What waited meanwhile is sent now.")
        else:
            what = _("It was silent from {since} to {until}. What waited meanwhile is read and sent now.")
    else:
        subject = _("Over: the mailbox {mailbox} was switched off")
        heading = _("The mailbox {mailbox} was switched off")
        if outage.of_sending:
            what = _(
                "It had not been able to send since {since}. It was switched off, so its alarm ended on {until}."
            )
        else:
            what = _("It had been silent since {since}. It is switched off, so its alarm ended on {until}.")
    name = {"mailbox": outage.mailbox.address}
    times = {"since": when(outage.since), "until": when(outage.over_at or timezone.now())}
    links = [Link(_("Open the settings of the mailbox"), page_of(outage.mailbox, said))]
    return Letter(subject.format(**name), Notice(heading.format(**name), [what.format(**times)], links=links))


# --- a server that stamps otherwise ---------------------------------------------------------------------------


def stamps(mailbox: Mailbox, out_of: Mailbox, cause: str) -> int:
    """A mailbox's server no longer stamps as an administrator confirmed it. How many mails were written."""
    return _to_each(out_of, STAMPS, cause, partial(_stamps, mailbox, out_of))


def _stamps(mailbox: Mailbox, out_of: Mailbox, said: General) -> Letter:
    name = {"mailbox": mailbox.address}
    heading = _("The stamps in mails to {mailbox} have changed").format(**name)
    notice = Notice(
        heading,
        [
            _(
                "The last {number} mails from outside do not bear the stamps of the mail server as they were "
                "confirmed: its name, or the place where they stand, is another one."
            ).format(number=mailbox.stamps["missed"]["count"]),
            _(
                "Nothing was loosened: such mails prove nobody by their stamps. Answers that nothing else proves are "
                "refused, and shown in the mail log."
            ),
            _(
                "If the mail server was changed, begin a test on the page of its stamps, and confirm how they look "
                "now. If nobody changed it, ask whoever runs it."
            ),
        ],
        links=[Link(_("Open the page of the stamps"), f"{page_of(mailbox, said)}stamps/", "main")],
        footer=_through(out_of),
    )
    return Letter(heading, notice)


# --- an address that mail does not arrive at --------------------------------------------------------------


def probe(person: Person, returned: OutgoingMail, out_of: Mailbox, cause: str) -> OutgoingMail:
    """A mail that shows by coming back that none arrives at their address. `returned`: what came back from there."""
    said = general()
    with as_read_by(person, said):
        heading = _("Does this mail arrive?")
        notice = Notice(
            heading,
            [
                _(
                    "A mail to {address} of {time} was reported as not delivered. This one tries whether the address "
                    "works."
                ).format(address=person.email, time=when(returned.sent_at or returned.created_at)),
                _("If you read it, all is well, and there is nothing to do."),
            ],
            links=[Link(_("See what waits for you"), f"{said.public_url}/", "main")],
        )
        return queue(out_of, PROBE, (person.email, person.name), said, cause, Letter(heading, notice))


def why_returned(status: str) -> str:
    """In our own words: a report's text is a stranger's, and this stands on pages and in mails. `status`: its code
    (RFC 3463); "" for what is none."""
    kinds = {
        "1": _("the address does not exist"),
        "2": _("the mailbox does not take mail"),
        "7": _("the mail was refused"),
    }
    if status.count(".") != 2:
        return ""
    other = _("not delivered")
    return f"{kinds.get(status.split('.')[1], other)} ({status})"


def dead_address(person: Person, status: str, out_of: Mailbox, cause: str) -> int:
    """Mail to somebody does not arrive. How many mails were written."""
    return _to_each(out_of, DEAD_ADDRESS, cause, partial(_dead_address, person, status))


def _dead_address(person: Person, status: str, said: General) -> Letter:
    name = {"name": person.name, "address": person.email}
    heading = _("Mail to {address} does not arrive").format(**name)
    came_back = _(
        "A mail to {name} at {address} came back, and the one that tried the address afterwards did not arrive either."
    )
    notice = Notice(
        heading,
        [
            came_back.format(**name),
            *(
                [_("The other mail server says: {reason}.").format(reason=why_returned(status))]
                if why_returned(status)
                else []
            ),
            _(
                "Nothing is kept back: what is asked of them is still sent there, and stands on their page. But they "
                "may know of none of it."
            ),
            _(
                "Give them another address, or have this one tried again once it works. With the first answer that "
                "comes from it, it counts as working by itself."
            ),
        ],
        links=[
            Link(
                _("Open the page of the person"),
                f"{said.public_url}/administration/people/{person.pk}/",
                "main",
            )
        ],
    )
    return Letter(heading, notice)


# --- a secret that expires --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ending:
    """When what a mailbox signs in with ends. `days`: left; below zero: ago."""

    mailbox: Mailbox
    on: date
    days: int


def expiry(ending: Ending, out_of: Mailbox, cause: str) -> int:
    """A client secret or certificate ends, or has ended. How many mails were written."""
    return _to_each(out_of, EXPIRY, cause, partial(_expiry, ending, out_of))


DAY = "j F Y"


def _expiry(ending: Ending, out_of: Mailbox, said: General) -> Letter:
    words = ending_words(ending.mailbox, ending.days, date_format(ending.on, DAY))
    notice = Notice(
        words.heading,
        words.paragraphs,
        links=[Link(_("Open the settings of the mailbox"), page_of(ending.mailbox, said), "main")],
        footer=_through(out_of),
    )
    return Letter(words.heading, notice)


# --- a list of revoked certificates that ends --------------------------------------------------------------


def revocation_list(one: RevocationList, is_over: bool, out_of: Mailbox, cause: str) -> int:
    """The list of an authority ends, or has ended, and there is no newer one. How many mails were written."""
    return _to_each(out_of, REVOCATION_LIST, cause, partial(_revocation_list, one, is_over))


def _revocation_list(one: RevocationList, is_over: bool, said: General) -> Letter:
    issuer = " ".join(one.issuer.split())  # whatever an authority calls itself is no line of its own
    values = {"issuer": issuer, "time": when(one.next_update_at)}
    if is_over:
        subject = _("Alarm: a list of revoked certificates has ended")
        what = _(
            "The list of revoked certificates by {issuer} counted until {time}. Until a newer one is here, no "
            "signature with a certificate by this authority counts where lists are asked for: whoever is asked for a "
            "signed answer can answer on the page."
        )
    else:
        subject = _("A list of revoked certificates ends soon")
        what = _(
            "The list of revoked certificates by {issuer} counts until {time}. After that, and until a newer one is "
            "here, no signature with a certificate by this authority counts where lists are asked for."
        )
    notice = Notice(
        subject,
        [
            what.format(**values),
            _(
                "Placet fetches no lists. Get the newest one from the authority, and add it on the page of signatures, "
                "or by: placet signatures revoked FILE"
            ),
        ],
        links=[
            Link(
                _("Open the page of signatures"),
                f"{said.public_url}/administration/configuration/signatures/",
                "main",
            )
        ],
    )
    return Letter(subject, notice)


# --- composing --------------------------------------------------------------------------------------------


def _through(out_of: Mailbox) -> str:
    return _("This mail came through the mailbox {mailbox}.").format(mailbox=out_of.address)


def _to_each(
    out_of: Mailbox,
    kind: str,
    cause: str,
    letter: Callable[[General], Letter],
    priority: OutgoingMail.Priority = OutgoingMail.Priority.NOTICE,
) -> int:
    """To every administrator who has none; how many were written. One that cannot be written keeps back no other."""
    said, written = general(), 0
    for person in not_told(kind, cause):
        try:
            with as_read_by(person, said):
                queue(out_of, kind, (person.email, person.name), said, cause, letter(said), priority)
        except Exception:
            log.exception("alarm_mail_failed", kind=kind, person=person.pk)
        else:
            written += 1
    return written


def queue(
    out_of: Mailbox,
    kind: str,
    to: tuple[str, str],
    said: General,
    cause: str,
    letter: Letter,
    priority: OutgoingMail.Priority = OutgoingMail.Priority.NOTICE,
) -> OutgoingMail:
    """One mail, in the language that is active. `to`: address and name."""
    address, name = to
    reference = outbox.new_reference()
    parts = letter.notice.written(letter.subject, reference, said)
    with transaction.atomic():
        return outbox.queue(
            out_of,
            kind=kind,
            to=address,
            to_name=name,
            cause=cause,
            subject=letter.subject,
            text=parts.text,
            html=parts.html,
            priority=priority,
            reference=reference,
        )
