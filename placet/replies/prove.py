"""Who sent a mail, and how we know.

Display names, From lines, threading and reply codes prove no sender. These do; which of them is enough for what a
process asks for says `approvals.proofs.SATISFIED_BY`:

colleague   Exchange itself stamped that a signed-in sender of this organisation sent the mail:
            exactly one X-MS-Exchange-Organization-AuthAs, value Internal. Exchange's header firewall takes
            such headers off mail that comes in from outside, so this holds on Exchange mailboxes and
            nowhere else. The CrossTenant kind is stamped by the sender's own tenant and says nothing. It is a word
            about the people of that organisation alone: addresses of its own domains.
submitted   our own mail server says that somebody signed in to send it whose login is the address (`prove_submitted`).
outside     exactly the domain in From signed the mail (DKIM): as Placet checked itself where it has the bytes that
            travelled (`check_dkim`), or as our own server stamped, with DMARC passed, in its Authentication-Results,
            where nobody else can have written it (`prove_outside`). What decides must be signed, and not older than
            what was asked.
signed      the person's own key signed it, with the reply code in what is signed (`prove_signed`). Of such a mail
            nothing else is read.

Each is one function in `_WAYS`, tried in that order.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime

from placet.approvals.proofs import SATISFIED_BY, Level
from placet.lib.sentences import Sentence
from placet.mailboxes.base import Folder
from placet.replies import refusals
from placet.replies.check_dkim import Checked, NoKeyYet
from placet.replies.check_signature import CheckedSignature
from placet.replies.parse import Mail
from placet.replies.prove_outside import Servers, proved_by_own_check, proved_outside
from placet.replies.prove_signed import proved_signed
from placet.replies.prove_submitted import proved_submitted


@dataclass(frozen=True)
class ProvePolicy:
    """What the administrator said about a mailbox and its server."""

    is_exchange: bool
    servers: Servers
    proving_mechanisms: Collection[str] = ()  # values of AuthMechanism, hexadecimal in upper case
    # Of the organisation whose Exchange it is, lower case; () proves no colleague.
    own_domains: Collection[str] = ()
    never_proving_mechanisms: Collection[str] = ()  # whatever was confirmed
    # What Placet found itself of the signatures by From's domain; None where it cannot look at them.
    checked: Sequence[Checked] | None = None
    waits_for: str = ""  # a key that DNS was asked for in vain, so that it could not look yet
    signature: CheckedSignature | None = None  # what Placet found of the person's own signature on it


@dataclass(frozen=True)
class Asked:
    """What the mail answers, as far as it matters for the proof."""

    addresses: Collection[str]  # that the answer may come from
    at: datetime
    answered_at: datetime  # when the server received the mail
    code_in: Collection[str]  # where the mail carries the reply code: "address", "subject", "text"
    code: str = ""  # the reply code; "" for what carries none


@dataclass(frozen=True)
class Proof:
    """How a sender was proved; kept with the decision for good."""

    level: Level
    address: str
    stamps_from: str  # "transport headers" or "mail"
    auth_as: str = ""
    mechanism: str = ""
    authserv_id: str = ""
    dkim_domain: str = ""
    checked_by: str = (
        ""  # "placet" where it checked the signature itself; the key is kept with the mail's facts
    )
    dkim_selector: str = ""  # of that signature
    small_key: str = ""  # bits of its key, where the domain should have a longer one
    login: str = ""  # of whoever signed in at our own mail server
    received_by: str = ""  # our server that took the mail in from outside
    signed_headers: str = ""  # names, lower case, that the sender's domain signed, or the sender
    signature: str = ""  # of the person's own key: "S/MIME" and its kin
    key_fingerprint: str = ""
    certificate_issuer: str = ""
    certificate_serial: str = ""
    signed_at: str = ""  # as the signer says, ISO 8601
    signed_once: str = ""  # the same for each copy of what was signed
    # Of what the person signed: the mail as it reads when nothing else counts. Not kept: it stands in the mail.
    reads: Mail | None = field(default=None, repr=False, compare=False)

    def covers(self, header: str) -> bool:
        """Whether what this header says is the sender's own: whoever sends a signed mail on can change the others. A
        colleague's mail is as our server took it from somebody who signed in."""
        return self.level in (Level.COLLEAGUE, Level.SUBMITTED) or header in self.signed_headers.split()

    def as_json(self) -> dict[str, str]:
        kept = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "reads"}
        return {name: str(value) for name, value in kept.items() if value}


def prove(
    mail: Mail, received_folder: Folder | str, asked: Asked, level: Level, policy: ProvePolicy
) -> Proof:
    """The proof that one of the addresses asked sent this mail, as strong as `level` demands.

    Raises SenderUnclear, NotTheOneAsked, NotProved, TooOld or MechanismNotConfirmed, of which the sender hears
    nothing; and NoKeyYet where it cannot be told before DNS answers. Where nobody decides by mail (PAGE) the proof
    says who may be told so.
    """
    address = _address_asked(mail, asked.addresses)
    enough = SATISFIED_BY[Level.OUTSIDE if level is Level.PAGE else level]
    if received_folder == Folder.JUNK:  # the server itself doubts it
        enough = tuple(one for one in enough if one in SATISFIED_BY[Level.COLLEAGUE])
    failures: dict[Level, refusals.Stranger] = {}
    for way in _WAYS:
        if way not in enough:
            continue
        try:
            return _WAYS[way](mail, address, asked, policy)
        except (refusals.MechanismNotConfirmed, refusals.Unproved, refusals.TooOld) as failure:
            failures[way] = failure
    raise _telling(failures, mail, level, policy) from None


def _telling(
    failures: Mapping[Level, refusals.Stranger], mail: Mail, level: Level, policy: ProvePolicy
) -> refusals.Stranger:
    """The one that says what to look at, of those that nothing was proved by."""
    if not failures:
        return refusals.NotProved(
            Sentence("Nothing that this mailbox can see proves “{level}”.", level=level.value)
        )
    # A colleague's mail never passes DMARC inside the tenant: Exchange's mark is what to look at.
    if Level.COLLEAGUE in failures and mail.auth_as == ("Internal",):
        return failures[Level.COLLEAGUE]
    confirmed = policy.servers.confirmed
    in_question = [
        Level.OUTSIDE,
        *([Level.SUBMITTED] if confirmed and confirmed.submission else []),
        *failures,
    ]
    return next(failures[way] for way in in_question if way in failures)


def _address_asked(mail: Mail, asked: Collection[str]) -> str:
    if mail.from_address is None:
        raise refusals.SenderUnclear(mail.from_problem)
    if mail.from_address not in {address.lower() for address in asked}:
        raise refusals.NotTheOneAsked(mail.from_address)
    return mail.from_address


# ---------------------------------------------------------------------- colleague


def _colleague(mail: Mail, address: str, asked: Asked, policy: ProvePolicy) -> Proof:
    if not policy.is_exchange:
        raise refusals.NotProved(
            Sentence("This mailbox is not on Exchange, so nothing stamps who is a colleague.")
        )
    if len(mail.auth_as) != 1:
        raise refusals.NotProved(
            Sentence("There are {number} AuthAs headers where there must be one.", number=len(mail.auth_as))
        )
    if mail.auth_as[0] != "Internal":
        raise refusals.NotProved(
            Sentence("Exchange did not know the sender: AuthAs is {value!r}.", value=mail.auth_as[0][:40])
        )
    mechanism = mail.auth_mechanism[0] if len(mail.auth_mechanism) == 1 else ""
    if mechanism.upper() in policy.never_proving_mechanisms:
        raise refusals.NotProved(
            Sentence(
                "Exchange marked it Internal although nobody signed in to send it (AuthMechanism {value}).",
                value=mechanism,
            )
        )
    if not mechanism or mechanism.upper() not in policy.proving_mechanisms:
        raise refusals.MechanismNotConfirmed(", ".join(mail.auth_mechanism)[:80])
    domain = address.rpartition("@")[2]
    if domain not in policy.own_domains:
        raise refusals.NotProved(
            Sentence(
                "Exchange marked it as a colleague's, but {domain} is none of this mailbox's own domains.",
                domain=domain,
            )
        )
    return Proof(Level.COLLEAGUE, address, mail.stamps_from, auth_as="Internal", mechanism=mechanism)


# ---------------------------------------------------------------------- outside


def _outside(mail: Mail, address: str, asked: Asked, policy: ProvePolicy) -> Proof:
    """By Placet's own check, where it can look at the bytes as they travelled; else by what our server stamped. What
    fails the one may pass the other: a gateway changes mails after it looked at their signatures."""
    domain = address.rpartition("@")[2]
    own: refusals.Stranger | None = None
    if policy.checked is not None:
        try:
            signed = proved_by_own_check(
                mail, domain, policy.checked, asked.at, asked.answered_at, asked.code_in
            )
        except (refusals.Unproved, refusals.TooOld) as failure:
            own = failure
        else:
            return Proof(
                Level.OUTSIDE,
                address,
                mail.stamps_from,
                dkim_domain=domain,
                checked_by="placet",
                **asdict(signed),
            )
    try:
        stamped = proved_outside(mail, domain, policy.servers, asked.at, asked.answered_at, asked.code_in)
    except (refusals.Unproved, refusals.TooOld) as failure:
        if policy.waits_for:
            raise NoKeyYet(policy.waits_for) from failure
        profile = policy.servers.profile
        stamps_count = policy.servers.service is not None or (profile is not None and profile.stamps_count)
        if own is not None and not stamps_count:
            raise own from failure
        raise
    return Proof(Level.OUTSIDE, address, mail.stamps_from, **asdict(stamped))


def _submitted(mail: Mail, address: str, asked: Asked, policy: ProvePolicy) -> Proof:
    del asked  # whoever signed in sends now: there is nothing to send again
    submitted = proved_submitted(mail, address, policy.servers)
    return Proof(Level.SUBMITTED, address, mail.stamps_from, **asdict(submitted))


def _signed(mail: Mail, address: str, asked: Asked, policy: ProvePolicy) -> Proof:
    signed, reads = proved_signed(mail, address, policy.signature, asked.code, asked.at, asked.answered_at)
    return Proof(Level.SIGNED, address, mail.stamps_from, reads=reads, **asdict(signed))


#: In the order in which they are tried: the first that holds is the one that is kept.
_WAYS: Mapping[Level, Callable[[Mail, str, Asked, ProvePolicy], Proof]] = {
    Level.COLLEAGUE: _colleague,
    Level.SUBMITTED: _submitted,
    Level.OUTSIDE: _outside,
    Level.SIGNED: _signed,
}
