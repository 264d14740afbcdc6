"""What is known of a mailbox and of one mail before its sender is proved: what its kind and its administrator say, and
what Placet's own look at the signatures came to, which is made once and kept with the mail."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from placet.accounts.addresses import person_at
from placet.accounts.trust import trust_in
from placet.lib import clock
from placet.mail.models import IncomingMail
from placet.mailboxes.kinds import Kind, kind_of, server_of
from placet.mailboxes.stamp_profile import StampProfile, profile_of
from placet.replies.check_dkim import Checked, NoKeyYet, check, checked_of
from placet.replies.check_signature import CheckedSignature
from placet.replies.check_signature import check as check_signature
from placet.replies.evidence_signatures import FACT
from placet.replies.fetch import SERVER
from placet.replies.parse import Mail
from placet.replies.prove import ProvePolicy
from placet.replies.prove_outside import Servers

if TYPE_CHECKING:
    from placet.replies.entry import Reply

log = structlog.get_logger(__name__)

PATIENCE = timedelta(days=3)  # with a domain whose DNS does not answer; then the mail is judged without
DKIM = "dkim"  # in `IncomingMail.facts`


def prove_policy(reply: "Reply") -> ProvePolicy:
    """Asks DNS for the keys of the sender's domain, where that was not done before: not inside of a transaction."""
    mailbox, settings = reply.incoming.mailbox, reply.settings
    now, then = kind_of(mailbox.kind), _taken_in_by(reply.incoming)
    on_its_server = reply.incoming.facts.get(SERVER, server_of(mailbox)) == server_of(mailbox)
    checked, waits_for = _signatures(reply.incoming, reply.claim, reply.mail, reply.line is not None)
    return ProvePolicy(
        is_exchange=now.exchange_stamps and then.exchange_stamps and on_its_server,
        servers=Servers(
            service=now.nameless_stamps if now.nameless_stamps == then.nameless_stamps else None,
            # What was said of this server is no word about the one that gave a mail which waited while it changed.
            host_suffixes=settings.trusted_hosts if on_its_server else (),
            networks=settings.own_networks if on_its_server else (),
            authserv_id=settings.authserv_id if on_its_server else "",
            confirmed=confirmed_profile(mailbox.stamps) if now == then and on_its_server else None,
        ),
        proving_mechanisms=settings.proving_mechanisms,
        never_proving_mechanisms=settings.never_proving_mechanisms,
        own_domains=settings.own_domains,
        checked=checked,
        waits_for=waits_for,
        signature=_signature(reply),
    )


def answered_at(incoming: IncomingMail, asked_at: datetime) -> datetime:
    """When the mail came, for what must have been good then: keys, certificates, lists, signatures that expire. Whoever
    may put mails into a mailbox says when its server received them (the date of APPEND, internalDate), so it is never
    before what it answers was asked, nor after it was kept here."""
    return min(max(incoming.receipt_time, asked_at), incoming.kept_at)


def _taken_in_by(incoming: IncomingMail) -> Kind:
    """The kind that the mailbox was of when the mail was kept. Outsiders may have written what another kind's server
    takes off, and a mail may wait while the mailbox becomes one of that kind. Raises UnknownKind."""
    return kind_of(str(incoming.facts.get("kind") or incoming.mailbox.kind))


def confirmed_profile(kept: "dict[str, object]") -> StampProfile | None:
    """What an administrator confirmed of a mailbox's stamps; None where nobody did."""
    confirmed = kept.get("profile")
    return profile_of(confirmed) if isinstance(confirmed, dict) else None


def _signature(reply: "Reply") -> CheckedSignature | None:
    """What came of the person's own signature on an answer; None where there is none. Of a mail that is only shown it
    is not looked at."""
    incoming, mail = reply.incoming, reply.mail
    if (
        mail is None
        or not mail.signed
        or not reply.claim
        or reply.line is None
        or incoming.facts["too_large"]
    ):
        return None
    at = answered_at(incoming, reply.line.ask.created_at)
    person = person_at(mail.from_address or "")
    if person is None:  # strangers do not make us reckon
        return None
    checked = check_signature(bytes(incoming.raw), trust_in(person.pk), at)
    if checked is not None:
        facts = {**incoming.facts, FACT: checked.as_json()}
        if IncomingMail.objects.filter(pk=incoming.pk, claim=reply.claim).update(facts=facts):
            incoming.facts = facts
    return checked


def _signatures(
    incoming: IncomingMail, claim: str, mail: Mail | None, is_answer: bool
) -> tuple[list[Checked] | None, str]:
    """What came of them, None where Placet cannot look; and what DNS was asked for in vain."""
    if mail is None or not _taken_in_by(incoming).bytes_as_received or incoming.facts["too_large"]:
        return None, ""
    if DKIM in incoming.facts:
        return checked_of(incoming.facts[DKIM]), ""
    domain = (mail.from_address or "").rpartition("@")[2]
    known = is_answer or (mail.from_address is not None and person_at(mail.from_address) is not None)
    if (
        not domain or not known or not claim
    ):  # strangers do not make us ask; nor does a page that shows a mail
        return None, ""
    try:
        checked = check(bytes(incoming.raw), mail.signatures, domain)
    except NoKeyYet as missing:
        log.info("no_dkim_key_yet", incoming=incoming.pk, asked_for=str(missing))
        return None, str(missing) if clock.now() < incoming.kept_at + PATIENCE else ""
    facts = {**incoming.facts, DKIM: [one.as_json() for one in checked]}
    if IncomingMail.objects.filter(pk=incoming.pk, claim=claim).update(facts=facts):
        incoming.facts = facts
    return checked, ""
