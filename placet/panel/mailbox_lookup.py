"""What the Remote Approval tab shows of an address: the proposals, each with what it puts into the form."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from placet.mailboxes.discovery import AddressInvalid, Discovery, Proposal, discover
from placet.mailboxes.discovery.filling import values_of
from placet.mailboxes.kinds import all_kinds, label_of
from placet.panel.kind_guides import guide_url


@dataclass(frozen=True)
class Offer:
    """A proposal of a kind that is here. `values`: names of the form's fields, with what goes into them."""

    proposal: Proposal
    label: str
    values: dict[str, str]
    guide: str  # address of the kind's guide; "" for none

    @property
    def sign_in(self) -> str:
        return _(self.proposal.sign_in.value)


@dataclass(frozen=True)
class Lookup:
    """An address that somebody typed, and what came of it: `error` where it is none, `discovery` where it was looked
    up, both empty where nobody typed any yet."""

    address: str = ""
    error: str = ""
    discovery: Discovery | None = None
    offers: tuple[Offer, ...] = ()

    @property
    def asks_ispdb(self) -> bool:
        return bool(settings.PLACET.ask_ispdb)


def look_up(address: str) -> Lookup:
    """Takes ten seconds at most."""
    address = address.strip()
    try:
        discovery = discover(address, ispdb=settings.PLACET.ask_ispdb)
    except AddressInvalid:
        return Lookup(address, _("Enter one mail address, such as approvals@contoso.com."))
    return Lookup(address, discovery=discovery, offers=tuple(_offers(discovery)))


def _offers(discovery: Discovery) -> list[Offer]:
    """Those of kinds that this installation has."""
    known = all_kinds()
    return [
        Offer(
            proposal,
            label_of(proposal.kind),
            values_of(discovery.address, proposal),
            guide_url(proposal.kind),
        )
        for proposal in discovery.proposals
        if proposal.kind in known and (not proposal.sending_kind or proposal.sending_kind in known)
    ]
