"""An automatic reply to an ask, which says that whoever is asked is away.

They are away for whatever else they are asked, too, until they do something themself (`placet.approvals.absences`).

It is never answered, and its text is never read: that a program wrote it, whose ask it answers and who sent it is all
that counts. Where any of this is not proved, nothing comes of it at all.
"""

from typing import TYPE_CHECKING

from placet.approvals import absences, delegating
from placet.approvals.proofs import level_of
from placet.replies import refusals, settle, settle_digest, tell
from placet.replies.pick import Picked, pick
from placet.replies.pick_mailbox import check_mailbox
from placet.replies.prove import Asked, Proof, ProvePolicy, prove

if TYPE_CHECKING:
    from placet.replies.entry import Reply


def is_taken(reply: "Reply", automatic: refusals.AutomaticReply, policy: ProvePolicy) -> bool:
    """Whether it is known now that whoever was asked is away, and was not before. In the mail's transaction."""
    found = _proved(reply, policy)
    if found is None:
        return False
    picked, proof = found
    person = picked.line.ask.person
    if absences.is_outdated(person.pk, reply.incoming):
        return False
    logged = tell.automatic(reply, automatic, picked, proof)
    lines = sorted(picked.lines or (picked.line,), key=lambda line: line.assignment.visit.request_id)
    known = [delegating.absent(line.ask, line.assignment_id, reply.incoming, logged) for line in lines]
    # After the last of the requests is locked: nothing that begins waits for one.
    if not absences.begin(person.pk, reply.incoming, str(proof.level)) and not any(known):
        return False
    tell.was_automatic(reply, logged)
    return True


def _proved(reply: "Reply", policy: ProvePolicy) -> tuple[Picked, Proof] | None:
    """Whose ask it answers, and the proof of who sent it."""
    mail = reply.mail
    if mail is None or mail.two_readings:
        return None
    try:
        picked = pick(mail)
        if picked.line.asks_back_id is not None:  # the requester's: that they are away keeps nobody
            return None
        check_mailbox(reply.incoming.mailbox, picked.line.ask)
        level = (
            settle_digest.proof_needed(picked.lines)
            if picked.is_digest
            else level_of(settle.proof_needed(picked.line))
        )
        asked = Asked(
            picked.addresses, picked.line.ask.created_at, reply.incoming.receipt_time, picked.places
        )
        return picked, prove(mail, reply.incoming.folder, asked, level, policy)
    except refusals.Refusal:
        return None
