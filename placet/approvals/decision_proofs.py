"""By which proof of who answered a decision was taken, from what is kept with it.

That of an answer by mail stands in what was made of the mail (`IncomingMail.verdict`), in the form of
`placet.replies.prove.Proof`. On the page somebody was signed in; by API their key answered.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from placet.approvals.models import Decision
from placet.approvals.proofs import Level
from placet.mail.models import IncomingMail

BY_PLACET = "placet"  # in `Proof.checked_by`


@dataclass(frozen=True)
class DecisionProof:
    """`level` of `proofs.Level`, or "key". `domain`: whose signature (DKIM) was on the mail; `login`: who had signed in
    at our own mail server; `checked_by`: "placet" or "server", of a domain's signature; `signature`: the form of the
    person's own, such as S/MIME. "" where it says nothing."""

    level: str
    domain: str = ""
    login: str = ""
    checked_by: str = ""
    signature: str = ""

    @property
    def words(self) -> str:
        """Behind how an answer came: "by mail, …"."""
        if self.level == Level.COLLEAGUE:
            return _("sent by a colleague who was signed in, as Exchange says")
        if self.level == Level.SUBMITTED:
            return _("signed in at our own mail server as {login}").format(login=self.login)
        if self.level == Level.SIGNED:
            return _("signed with their own key ({form})").format(form=self.signature)
        if self.level == Level.OUTSIDE and self.checked_by == BY_PLACET:
            return _("signed by the domain {domain} (DKIM, checked by Placet)").format(domain=self.domain)
        if self.level == Level.OUTSIDE:
            return _("signed by the domain {domain} (DKIM, DMARC passed)").format(domain=self.domain)
        return _("signed in") if self.level == Level.PAGE else _("with a personal key")


def proofs_of(decisions: Iterable[Decision]) -> dict[int, DecisionProof]:
    """By id of the decision. One by mail of which no proof is kept is left out. One query, where a mail decided."""
    of_decisions = list(decisions)
    ids = {one.incoming_id for one in of_decisions if one.incoming_id}
    kept = dict(IncomingMail.objects.filter(pk__in=ids).values_list("pk", "verdict__proof")) if ids else {}
    found = {one.pk: _proof(one, kept.get(one.incoming_id or 0)) for one in of_decisions}
    return {pk: proof for pk, proof in found.items() if proof is not None}


def _proof(decision: Decision, kept: Any) -> DecisionProof | None:
    if decision.channel == Decision.Channel.PAGE:
        return DecisionProof(Level.PAGE)
    if decision.channel == Decision.Channel.API:
        return DecisionProof("key")
    return _of_mail(kept) if isinstance(kept, Mapping) else None


def _of_mail(kept: Mapping[str, Any]) -> DecisionProof | None:
    level = str(kept.get("level", ""))
    if level not in (Level.COLLEAGUE, Level.SUBMITTED, Level.SIGNED, Level.OUTSIDE):
        return None
    checked_by = str(kept.get("checked_by", "")) or "server"
    return DecisionProof(
        level,
        domain=str(kept.get("dkim_domain", "")) if level == Level.OUTSIDE else "",
        login=str(kept.get("login", "") or kept.get("address", "")) if level == Level.SUBMITTED else "",
        checked_by=checked_by if level == Level.OUTSIDE else "",
        signature=str(kept.get("signature", "")) if level == Level.SIGNED else "",
    )
