"""Who sent a mail, and how we know.

Display names, From lines, threading and reply codes prove no sender. These do; which of them is enough for what a
process asks for says `approvals.proofs.SATISFIED_BY`:

colleague   Exchange itself stamped that a signed-in sender of this organisation sent the mail:
            exactly one X-MS-Exchange-Organization-AuthAs, value Internal. Exchange's header firewall takes
            such headers off mail that comes in from outside, so this holds on Exchange mailboxes and
            nowhere else. The CrossTenant kind is stamped by the sender's own tenant and says nothing. It is a word
            about the people of that organisation alone: addresses of its own domains.
outside     exactly the domain in From signed the mail (DKIM): as our own server stamped, with DMARC passed, in its
            Authentication-Results, where nobody else can have written it (`prove_outside`). What decides must be
            signed, and not older than what was asked.

Each is one function in `_WAYS`, tried in that order.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from placet.approvals.proofs import SATISFIED_BY, Level
from placet.lib.sentences import Sentence
from placet.mailboxes.base import Folder
from placet.mailboxes.mechanisms import NEVER_PROVES
from placet.replies import refusals
from placet.replies.parse import Mail
from placet.replies.prove_outside import Servers, proved_outside


@dataclass(frozen=True)
class ProvePolicy:
    """What the administrator said about a mailbox and its server."""

    is_exchange: bool
    servers: Servers
    confirmed_mechanisms: Collection[str] = ()  # values of AuthMechanism, hexadecimal in upper case
    # Of the organisation whose Exchange it is, lower case; () proves no colleague.
    own_domains: Collection[str] = ()


@dataclass(frozen=True)
class Asked:
    """What the mail answers, as far as it matters for the proof."""

    addresses: Collection[str]  # that the answer may come from
    at: datetime
    answered_at: datetime  # when the server received the mail
    code_in: Collection[str]  # where the mail carries the reply code: "address", "subject", "text"


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
    received_by: str = ""  # our server that took the mail in from outside
    signed_headers: str = ""  # names, lower case, that the sender's domain signed

    def covers(self, header: str) -> bool:
        """Whether what this header says is the sender's own: whoever sends a signed mail on can change the others. A
        colleague's mail is as Exchange took it from somebody who signed in."""
        return self.level is Level.COLLEAGUE or header in self.signed_headers.split()

    def as_json(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items() if value}


def prove(
    mail: Mail, received_folder: Folder | str, asked: Asked, level: Level, policy: ProvePolicy
) -> Proof:
    """The proof that one of the addresses asked sent this mail, as strong as `level` demands.

    Raises SenderUnclear, NotTheOneAsked, NotProved, TooOld or MechanismNotConfirmed, of which the sender hears
    nothing. Where nobody decides by mail (PAGE) the proof says who may be told so.
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
        except (refusals.MechanismNotConfirmed, refusals.NotProved, refusals.TooOld) as failure:
            failures[way] = failure
    raise _telling(failures, mail, level) from None


def _telling(failures: Mapping[Level, refusals.Stranger], mail: Mail, level: Level) -> refusals.Stranger:
    """The one that says what to look at, of those that nothing was proved by."""
    if not failures:
        return refusals.NotProved(
            Sentence("Nothing that this mailbox can see proves “{level}”.", level=level.value)
        )
    # A colleague's mail never passes DMARC inside the tenant: Exchange's mark is what to look at.
    if Level.COLLEAGUE in failures and mail.auth_as == ("Internal",):
        return failures[Level.COLLEAGUE]
    return failures.get(Level.OUTSIDE) or next(iter(failures.values()))


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
    if mechanism.upper() in NEVER_PROVES:
        raise refusals.NotProved(
            Sentence(
                "Exchange marked it Internal although nobody signed in to send it (AuthMechanism {value}).",
                value=mechanism,
            )
        )
    if not mechanism or mechanism.upper() not in policy.confirmed_mechanisms:
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
    domain = address.rpartition("@")[2]
    stamped = proved_outside(mail, domain, policy.servers, asked.at, asked.answered_at, asked.code_in)
    return Proof(Level.OUTSIDE, address, mail.stamps_from, **asdict(stamped))


#: In the order in which they are tried: the first that holds is the one that is kept.
_WAYS: Mapping[Level, Callable[[Mail, str, Asked, ProvePolicy], Proof]] = {
    Level.COLLEAGUE: _colleague,
    Level.OUTSIDE: _outside,
}
