"""The mail log's words: states and results as people read them."""

from collections.abc import Iterator

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.approvals.record import DIGEST
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.base import Folder
from placet.replies import refusals
from placet.replies.reasons import REASONS

LOOK = "look"  # in place of a state: what an administrator should look at
BOUNCED = "bounced"  # the same of mail out

STATES: dict[str, Promise] = {
    LOOK: gettext_lazy("to look at"),
    IncomingMail.State.KEPT.value: gettext_lazy("waiting"),
    IncomingMail.State.HANDLED.value: gettext_lazy("handled"),
    IncomingMail.State.SET_ASIDE.value: gettext_lazy("set aside"),
    IncomingMail.State.DUPLICATE.value: gettext_lazy("shown again"),
}
RESULTS: dict[str, Promise] = {
    "decided": gettext_lazy("decided"),
    "asked_back": gettext_lazy("asked the requester"),
    "clarified": gettext_lazy("answered a question"),
    "set_aside": gettext_lazy("set aside"),
    "automatic_reply": gettext_lazy("automatic reply"),
    "bounce": gettext_lazy("a mail of ours came back"),
    "read_receipt": gettext_lazy("read receipt"),
    "meeting": gettext_lazy("calendar"),
    "journal": gettext_lazy("journal copy"),
    "report": gettext_lazy("report"),
    "our_own": gettext_lazy("our own mail"),
    "no_code": gettext_lazy("no reply code"),
    "unknown_code": gettext_lazy("unknown reply code"),
    "codes_disagree": gettext_lazy("reply codes disagree"),
    "wrong_mailbox": gettext_lazy("in another mailbox"),
    "two_readings": gettext_lazy("can be read in two ways"),
    "sender_unclear": gettext_lazy("sender unclear"),
    "not_the_one_asked": gettext_lazy("not the one asked"),
    "not_proved": gettext_lazy("sender not proved"),
    "stamps_planted": gettext_lazy("stamps in our server’s name, planted"),
    "too_old": gettext_lazy("written before we asked"),
    "mechanism_not_confirmed": gettext_lazy("mechanism not confirmed"),
    "unparseable": gettext_lazy("cannot be read"),
    "starter_unknown": gettext_lazy("is to start a request; sender unknown"),
    **REASONS,
    "digest": gettext_lazy("answers several questions"),
    "given": gettext_lazy("given to somebody"),
    "undone": gettext_lazy("took an answer back"),
    "started": gettext_lazy("started a request"),
}
#: Those of mails that had the effect that they were meant to have.
APPLIED = frozenset({"decided", "asked_back", "clarified", "given", "undone", "started", DIGEST})
FOLDERS: dict[str, Promise] = {
    Folder.INBOX.value: gettext_lazy("Inbox"),
    Folder.JUNK.value: gettext_lazy("Junk Email"),
}
OUT_STATES: dict[str, Promise] = {
    OutgoingMail.State.WAITING.value: gettext_lazy("waiting"),
    OutgoingMail.State.SENDING.value: gettext_lazy("being sent"),
    OutgoingMail.State.SENT.value: gettext_lazy("sent"),
    OutgoingMail.State.FAILED.value: gettext_lazy("failed"),
    OutgoingMail.State.UNSURE.value: gettext_lazy("perhaps sent"),
    BOUNCED: gettext_lazy("came back"),
}
KINDS: dict[str, Promise] = {
    "ask": gettext_lazy("a question"),
    "digest": gettext_lazy("several questions in one mail"),
    "confirmation": gettext_lazy("confirmation"),
    "withdrawn": gettext_lazy("no longer needed"),
    "not-needed": gettext_lazy("no longer needed"),
    "answered-for": gettext_lazy("answered in their place"),
    "given": gettext_lazy("given to somebody"),
    "reassigned": gettext_lazy("somebody else is asked now"),
    "hand-on": gettext_lazy("somebody who is asked is away"),
    "undone": gettext_lazy("an answer taken back"),
    "expired": gettext_lazy("the time for an answer is over"),
    "clarification": gettext_lazy("question to the requester"),
    "clarification-asked": gettext_lazy("question sent"),
    "clarification-taken": gettext_lazy("answer to a question sent"),
    "clarification-needless": gettext_lazy("question needs no answer"),
    "started": gettext_lazy("the request that a mail started"),
    "start-expired": gettext_lazy("nothing was started: what was missing never came"),
    "stopped": gettext_lazy("the request took too long"),
    "escalated": gettext_lazy("others are asked"),
    "not-escalated": gettext_lazy("call for help: nobody else to ask"),
    "warned": gettext_lazy("ends soon without an answer"),
    "code-misused": gettext_lazy("warning: a reply that may be from somebody else"),
    "ended": gettext_lazy("how it ended"),
    "stuck": gettext_lazy("call for help"),
    "alarm": gettext_lazy("alarm: a mailbox is silent, or cannot send"),
    "alarm-over": gettext_lazy("an alarm is over"),
    "secret-expiry": gettext_lazy("a secret expires"),
    "revocation-list": gettext_lazy("alarm: a list of revoked certificates ends"),
    "stamps-changed": gettext_lazy("alarm: a mail server stamps otherwise"),
    "address-probe": gettext_lazy("trial of an address that a mail came back from"),
    "dead-address": gettext_lazy("alarm: mail does not arrive at an address"),
    "key-made": gettext_lazy("a key was made"),
    "key-expiry": gettext_lazy("a key expires"),
    "webhook-off": gettext_lazy("a webhook was switched off"),
    "account": gettext_lazy("about the account"),
    "another-address": gettext_lazy("question about another address"),
}
# What they say is for administrators, too. The others hold links that whoever has them may use; so may kinds that
# are not named here yet.
_OPEN = KINDS.keys() - {"account", "another-address"}
_REFUSAL = "refusal-"


def refusals_of(base: type[refusals.Refusal] = refusals.Refusal) -> Iterator[type[refusals.Refusal]]:
    """Every way to say no: those that a mail can end with."""
    kinds = base.__subclasses__()
    if not kinds:
        yield base
    for kind in kinds:
        yield from refusals_of(kind)


#: Results whose sentence speaks to the sender, and says no more than the result itself.
SPEAK_TO_SENDER = frozenset(kind.key for kind in refusals_of(refusals.Told)).difference(
    (kind.key for kind in refusals_of(refusals.Incomplete)),
    (refusals.HelpAsked.key, refusals.StatusAsked.key, refusals.NotGiven.key),
)
#: Results that an administrator should look at.
SHOWN = frozenset(kind.key for kind in refusals_of() if kind.shown)


def result_of(mail: IncomingMail) -> str:
    """What became of a mail, in words: its result, or while there is none its state."""
    if mail.state == IncomingMail.State.DUPLICATE or not mail.result:
        return str(STATES[mail.state])
    return str(RESULTS.get(mail.result) or mail.result.replace("_", " "))


def kind_of(mail: OutgoingMail) -> str:
    """What a mail of ours was for."""
    if mail.kind.startswith(_REFUSAL):
        key = mail.kind.removeprefix(_REFUSAL)
        return _("answer not applied: {why}").format(why=RESULTS.get(key, key))
    return str(KINDS.get(mail.kind) or mail.kind.replace("-", " ").replace("_", " "))


def may_be_read(mail: OutgoingMail) -> bool:
    """Whether administrators may read what it says, and not only to whom it went and why."""
    return mail.kind in _OPEN or mail.kind.startswith(_REFUSAL)


def state_of(mail: OutgoingMail) -> str:
    return str(OUT_STATES[BOUNCED if mail.bounced_at else mail.state])
