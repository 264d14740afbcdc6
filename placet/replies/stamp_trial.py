"""How an administrator confirms the stamps of a mailbox's server: by one mail from outside that they send themself, and
one of ours with planted stamps. Nothing is learned from mails that just come in: the first one may be hostile.

1. `begin` makes a number of six digits. The administrator sends a mail with it as its subject from a private account.
2. `plant` has a mail written to the mailbox, with stamps in the very names that the mail from outside showed: by its
   own way of sending, or at port 25, as strangers do. `planted_mail` is that mail, to be handed over from elsewhere.
3. `look` shows the lines of both, and the profile that they come to.
4. `confirm` stores that profile, by the administrator's word that the mail from outside was theirs.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from ipaddress import ip_address, ip_network
from typing import Any

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from placet.lib import clock
from placet.mail.models import IncomingMail
from placet.mailboxes import pool
from placet.mailboxes.models import Mailbox
from placet.mailboxes.networks import PRIVATE_NETWORKS
from placet.mailboxes.stamp_presets import PRESETS
from placet.mailboxes.stamp_profile import Place, StampProfile, Stripped
from placet.replies.parse import AuthenticationResults, Hop, limits
from placet.replies.parse.headers import Headers, from_bytes, text
from placet.replies.parse.stamps import authentication_results, hops
from placet.replies.prove_submitted import SIGNED_IN
from placet.replies.refusals import Unparseable
from placet.replies.stamp_handover import NotHandedOver, hand_over

log = structlog.get_logger(__name__)

LONGEST = timedelta(days=2)  # a number counts
MOST_LOOKED_THROUGH = 500  # mails since the trial began
PLANTED = "placet-planted"  # the method of the result that marks a planted stamp
SHOWN = ("received", "authentication-results", "received-spf", "arc-authentication-results")


class TrialError(Exception):
    """The test cannot go on; the message says why, for an administrator."""


@dataclass(frozen=True)
class Trial:
    """What is known of a test. Lines are shown as they stood, from the top."""

    number: str
    lines: Sequence[str] = ()  # of the mail from outside; () while it has not come
    several: bool = False  # more than one mail has the number: none of them counts
    is_on_its_way: bool = False  # ours was sent
    planted: bool = False  # ours came back
    from_outside: bool = False  # one of them at port 25, where nobody signs in
    survivors: Sequence[str] = ()  # planted lines in it that the server left
    #: Some of them stand above a line of the server's own: what is above the entrance may be a stranger's there.
    among_own: bool = False
    profile: StampProfile | None = (
        None  # what it comes to; None where the stamps stand in no place that counts
    )


def begin(mailbox: Mailbox, by: str) -> str:
    """The number that the subject must be."""
    number = f"{secrets.randbelow(900_000) + 100_000}"
    token = secrets.token_hex(8)  # in the subject of the planted mails: nobody else can write one
    _keep(mailbox, trial={"number": number, "token": token, "at": clock.now().isoformat(), "by": by})
    return number


def plant(mailbox: Mailbox, *, from_outside: bool = False) -> tuple[str, ...]:
    """Send the mail with the planted stamps; the names in them. `from_outside`: hand it over to the domain's MX at port
    25. Raises TrialError, MailboxError or MailError."""
    raw = planted_mail(mailbox, from_outside=from_outside)
    if from_outside:
        try:
            hand_over(mailbox.address, raw)
        except NotHandedOver as error:
            raise TrialError(str(error)) from error
    else:
        with pool.opened(mailbox) as connection:
            connection.send(raw, secrets.token_hex(8))
    _keep(mailbox, trial={**mailbox.stamps["trial"], "planted_at": clock.now().isoformat()})
    return _names(look(mailbox))


def planted_mail(mailbox: Mailbox, *, from_outside: bool = True) -> bytes:
    """The mail with the planted stamps: in each name one with all results, and others with some of them, because
    filters take off what they write themselves (OpenDKIM: none without a result of DKIM). Raises TrialError."""
    number, _since = _begun(mailbox)
    names = _names(look(mailbox))
    if not names:
        raise TrialError(_("The mail from outside has not come yet, or it carries no stamps with a name."))
    message = EmailMessage()
    domain = mailbox.address.rpartition("@")[2]
    for name in names:
        for results in _PLANTED:
            message["Authentication-Results"] = f"{name}; {PLANTED}={number}; {results.format(domain=domain)}"
    message["From"] = message["To"] = mailbox.address
    message["Subject"] = _planted_subject(mailbox, from_outside=from_outside)
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = make_msgid(domain=domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("Placet tries whether the server takes forged stamps off. Nothing needs to be done.")
    return message.as_bytes(policy=SMTP)


_PLANTED = (
    "dkim=pass header.d={domain}; dmarc=pass header.from={domain}",
    "dkim=pass header.d={domain}",
    "dmarc=pass header.from={domain}",
    "spf=pass smtp.mailfrom={domain}",
)


def _names(trial: Trial) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stamp.authserv_id for stamp in _stamps_of(trial) if stamp.authserv_id))


def _planted_subject(mailbox: Mailbox, *, from_outside: bool) -> str:
    trial = mailbox.stamps["trial"]
    way = " from outside" if from_outside else ""
    return f"Placet plants {trial['number']} {trial.get('token', '')}{way}"


def look(mailbox: Mailbox) -> Trial:
    """How far it is. Raises TrialError where none was begun, or too long ago."""
    number, since = _begun(mailbox)
    inside, outside = (_planted_subject(mailbox, from_outside=one) for one in (False, True))
    mails: dict[str, list[Headers]] = {number: [], inside: [], outside: []}
    rows = IncomingMail.objects.filter(mailbox=mailbox, kept_at__gte=since, same_as=None).order_by("pk")
    for incoming in rows[:MOST_LOOKED_THROUGH]:
        headers = _headers(incoming)
        subject = text(headers.first("subject")).strip() if headers else ""
        if headers and subject in mails:
            mails[subject].append(headers)
    planted = [*mails[inside], *mails[outside]]
    as_strangers = [one for one in mails[outside] if not _was_signed_in(one)]
    if len(mails[number]) != 1:
        return Trial(number, several=len(mails[number]) > 1, planted=bool(planted))
    left = [
        (header, headers)
        for headers in planted
        for header in headers.all("authentication-results")
        if f"{PLANTED}={number}" in header.value.replace(" ", "")
    ]
    survivors = [f"Authentication-Results: {header.value}" for header, _headers in left]
    # Ours are written without a Received: each that stands in them is a server's on the way.
    among_own = any(hop.position > header.position for header, headers in left for hop in hops(headers))
    # Whoever signs in to send may be treated otherwise: that none is left in there says nothing of strangers.
    stripped = Stripped.NO if survivors else Stripped.YES if as_strangers else Stripped.UNKNOWN
    (mail,) = mails[number]
    profile = suggested(authentication_results(mail), hops(mail))
    if profile and profile.place is Place.ABOVE and among_own:
        profile = None
    return Trial(
        number,
        lines=_lines(mail),
        is_on_its_way="planted_at" in mailbox.stamps["trial"] and not planted,
        planted=bool(planted),
        from_outside=bool(as_strangers),
        survivors=survivors,
        among_own=among_own,
        profile=profile and replace(profile, strips_own=stripped),
    )


def _was_signed_in(headers: Headers) -> bool:
    return any(hop.protocol in SIGNED_IN for hop in hops(headers))


def suggested(stamps: Sequence[AuthenticationResults], received: Sequence[Hop]) -> StampProfile | None:
    """The profile of a server that delivered a mail with these; None where they stand in no place that counts."""
    if not stamps or stamps[0].unread or not stamps[0].authserv_id:
        return None
    preset = next((one.profile for one in PRESETS if one.profile.is_own(stamps[0].authserv_id)), None)
    known = preset or StampProfile((stamps[0].authserv_id,))
    run = [stamps[0]]
    for stamp in stamps[1:]:
        between = any(run[-1].position < hop.position < stamp.position for hop in received)
        if between or not known.is_own(stamp.authserv_id):
            break
        run.append(stamp)
    entrance = next((at for at, hop in enumerate(received) if _from_the_world(hop)), None)
    if entrance is None:
        return None
    place = _place(run, received, received[entrance])
    if place is None:
        return None
    own = preset or replace(
        known, hosts=tuple(dict.fromkeys(hop.by for hop in received[: entrance + 1] if "." in hop.by))
    )
    top = received[0]
    local = top.protocol in ("LMTP", "LMTPS", "HTTP", "HTTPS") and not top.addresses
    return replace(
        own,
        place=place,
        several=own.several or len(run) > 1,
        dmarc=any(stamp.of("dmarc") for stamp in run),
        local_delivery=own.local_delivery or local,
    )


def confirm(
    mailbox: Mailbox, by: str, *, number: str, submission: bool = False, login_domain: str = ""
) -> StampProfile:
    """By the word of `by` that the mail from outside was theirs. `number`: of the test whose lines they saw. Raises
    TrialError where it is another one, or comes to no profile."""
    trial = look(mailbox)
    domain = login_domain.strip().removeprefix("@").lower()
    if trial.number != number or trial.profile is None:
        raise TrialError(_("There is nothing to confirm: look at the stamps of the mail from outside first."))
    profile = replace(trial.profile, submission=submission, login_domain=domain)
    confirmed = {"at": clock.now().isoformat(), "by": by, "lines": list(trial.lines)}
    _keep(mailbox, profile=profile.to_json(), confirmed=confirmed, trial=None, missed=None)
    log.info("stamps_confirmed", mailbox=mailbox.pk, by=by, ids=profile.ids, place=profile.place.value)
    return profile


def forget(mailbox: Mailbox, by: str) -> None:
    """No stamps that bear a name count any more, unless the setting names their server."""
    _keep(mailbox, profile=None, confirmed=None, trial=None, missed=None)
    log.info("stamps_forgotten", mailbox=mailbox.pk, by=by)


# ---------------------------------------------------------------------- what is kept


def _keep(mailbox: Mailbox, **changed: Any) -> None:
    with transaction.atomic():
        row = Mailbox.objects.select_for_update().only("stamps").get(pk=mailbox.pk)
        row.stamps = {name: value for name, value in {**row.stamps, **changed}.items() if value is not None}
        row.save(update_fields=["stamps"])
    mailbox.stamps = row.stamps


def _begun(mailbox: Mailbox) -> tuple[str, datetime]:
    trial = mailbox.stamps.get("trial")
    if not trial:
        raise TrialError(_("No test was begun."))
    at = datetime.fromisoformat(trial["at"])
    if at < clock.now() - LONGEST:
        raise TrialError(_("The test was begun more than two days ago. Begin it anew."))
    return str(trial["number"]), at


# ---------------------------------------------------------------------- the mails


def _headers(incoming: IncomingMail) -> Headers | None:
    if incoming.transport_headers:
        return Headers(incoming.transport_headers[: limits.HEADER_BLOCK])
    try:
        return from_bytes(limits.header_block(bytes(incoming.raw)))
    except Unparseable:
        return None


def _lines(headers: Headers) -> list[str]:
    found = [header for name in SHOWN for header in headers.all(name)]
    found.sort(key=lambda header: header.position)
    return [f"{header.name.title()}: {text(header.value)}"[:1_000] for header in found]


def _stamps_of(trial: Trial) -> Sequence[AuthenticationResults]:
    return authentication_results(Headers("\n".join(trial.lines) + "\n"))


def _from_the_world(hop: Hop) -> bool:
    given = [ip_address(address) for address in (*hop.addresses, *hop.claimed)]
    inside = [ip_network(network) for network in PRIVATE_NETWORKS]
    return hop.protocol not in SIGNED_IN and any(
        not address.is_loopback and not any(address in network for network in inside) for address in given
    )


def _place(run: Sequence[AuthenticationResults], received: Sequence[Hop], entrance: Hop) -> Place | None:
    if run[-1].position < entrance.position:
        return Place.ABOVE
    directly = not any(entrance.position < hop.position < run[-1].position for hop in received)
    return Place.BELOW if run[0].position > entrance.position and directly else None
