"""A reply with a valid reply code came from an address that nobody has: is it one more of the person asked?

An administrator may have them asked, by a mail to the address that is known. What was asked and answered is kept in
the reply's verdict (`IncomingMail.verdict["offer"]`), with its row locked, so that each offer is answered once.
"""

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from placet.accounts.confirming import (
    LASTS,
    AddressTaken,
    Claim,
    ClaimInvalid,
    claim_of,
    confirmed,
    is_free,
    signed,
)
from placet.accounts.general import general
from placet.accounts.models import Person
from placet.approvals import messages
from placet.approvals.models import Ask, Request
from placet.lib import clock
from placet.mail.models import IncomingMail

log = structlog.get_logger(__name__)

YES, NO, TAKEN = "yes", "no", "taken"
_KEY = "offer"


@dataclass(frozen=True)
class Offer:
    """What a person was asked about a mail, and what they said. Times as in ISO 8601, UTC."""

    id: str
    person: int
    address: str
    by: str  # the administrator who had them asked
    at: str
    answer: str = ""  # YES, NO, or TAKEN: they said yes, but somebody else has the address
    answered_at: str = ""

    @property
    def asked_at(self) -> datetime:
        return datetime.fromisoformat(self.at)

    @property
    def told_at(self) -> datetime | None:
        return datetime.fromisoformat(self.answered_at) if self.answered_at else None

    @property
    def waits(self) -> bool:
        """Whether an answer can still come."""
        return not self.answer and clock.now() < self.asked_at + LASTS


def offer_of(mail: IncomingMail) -> Offer | None:
    """The last one about this mail."""
    kept: dict[str, Any] | None = mail.verdict.get(_KEY)
    return Offer(**kept) if kept else None


def may_offer(mail: IncomingMail) -> bool:
    """One open offer a mail; what was answered is not asked again."""
    last = offer_of(mail)
    return last is None or not (last.waits or last.answer)


@transaction.atomic
def offer(incoming_id: int, address: str, ask: Ask, request: Request, by: Person) -> bool:
    """Ask the person. False if they are asked already, or the address is somebody's by now."""
    mail = _locked(incoming_id)
    if mail is None or not may_offer(mail) or not is_free(address):
        return False
    person = ask.person
    made = Offer(secrets.token_hex(8), person.pk, address, by.name, clock.now().isoformat())
    _keep(mail, made)
    link = signed(Claim(person.pk, address, f"{incoming_id}:{made.id}"))
    page = f"{general().public_url}{_path(link)}"
    messages.another_address(mail, person, request, address=address, page=page, offer_id=made.id)
    log.info("address_offered", incoming=incoming_id, person=person.pk, by=by.pk, request=request.number)
    return True


def _path(link: str) -> str:
    """Below the public address, which has the proxy's prefix already."""
    return f"/confirm/{link}/"


@dataclass(frozen=True)
class Question:
    """An offer as the person's page shows it."""

    offer: Offer
    person: Person
    request: Request | None


def question(link: str) -> Question:
    """What a link asks. ClaimInvalid if it holds no more. Changes nothing."""
    claim = claim_of(link)
    mail = IncomingMail.objects.filter(pk=_mail_of(claim)).only("verdict").first()
    return Question(_offer(mail, claim), _person(claim), _request(mail))


@transaction.atomic
def answer(link: str, *, yes: bool) -> Offer:
    """The person's word, which counts once; the first one stands. ClaimInvalid if the link holds no more."""
    claim = claim_of(link)
    mail = _locked(_mail_of(claim))
    made = _offer(mail, claim)
    if made.answer or mail is None:
        return made
    said = _done(claim) if yes else NO
    made = Offer(**{**asdict(made), "answer": said, "answered_at": clock.now().isoformat()})
    _keep(mail, made)
    log.info("address_answered", incoming=mail.pk, person=claim.person, answer=said)
    return made


def _done(claim: Claim) -> str:
    try:
        confirmed(_person(claim), claim.address)
    except AddressTaken:
        return TAKEN
    return YES


def _locked(incoming_id: int) -> IncomingMail | None:
    rows = IncomingMail.objects.select_for_update(of=("self",)).select_related("mailbox")
    return rows.defer("raw", "transport_headers").filter(pk=incoming_id).first()


def _keep(mail: IncomingMail, made: Offer) -> None:
    mail.verdict[_KEY] = asdict(made)
    mail.save(update_fields=["verdict"])


def _mail_of(claim: Claim) -> int:
    return int(claim.about.partition(":")[0])


def _offer(mail: IncomingMail | None, claim: Claim) -> Offer:
    """The one that the link was made for: a later offer ends an older link."""
    made = offer_of(mail) if mail is not None else None
    if made is None or f"{_mail_of(claim)}:{made.id}" != claim.about:
        raise ClaimInvalid(_("A newer mail asks the same. Please open the link in that one."))
    return made


def _person(claim: Claim) -> Person:
    person = Person.objects.filter(pk=claim.person, is_active=True).first()
    if person is None:
        raise ClaimInvalid(_("This account is not active any more. Ask your administrator."))
    return person


def _request(mail: IncomingMail | None) -> Request | None:
    ask = mail.verdict.get("ask") if mail is not None else None
    if not ask:
        return None
    return Request.objects.filter(visits__assignments__ask_lines__ask__public_id=UUID(ask)).first()
