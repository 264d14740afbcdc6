"""Who sent a mail, and how we know.

Display names, From lines, threading and reply codes prove no sender. Two things do:

colleague   Exchange itself stamped that a signed-in sender of this organisation sent the mail:
            exactly one X-MS-Exchange-Organization-AuthAs, value Internal. Exchange's header firewall takes
            such headers off mail that comes in from outside, so this holds on Exchange mailboxes and
            nowhere else. The CrossTenant kind is stamped by the sender's own tenant and says nothing. It is a word
            about the people of that organisation alone: addresses of its own domains.
outside     our own server stamped that the mail passed DMARC, with a DKIM signature of exactly the domain
            in From: in the topmost Authentication-Results, above the hop at which the mail came in.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from placet.lib.sentences import Sentence
from placet.mailboxes.base import Folder
from placet.replies import refusals
from placet.replies.parse import AuthenticationResults, Hop, Mail, Result


class Level(StrEnum):
    """The proof that a process asks for."""

    COLLEAGUE = "colleague"
    OUTSIDE = "outside"  # the proof of a colleague does as well
    PAGE = "page"  # nobody decides by mail


@dataclass(frozen=True)
class ProvePolicy:
    """What the administrator said about a mailbox and its server."""

    is_exchange: bool
    confirmed_mechanisms: Collection[str] = ()  # values of AuthMechanism, hexadecimal in upper case
    authserv_id: str = ""  # of our server in Authentication-Results; "" is Microsoft's form, which has none
    trusted_host_suffixes: Collection[str] = ()  # domains of our own mail servers
    own_domains: Collection[
        str
    ] = ()  # of the organisation whose Exchange it is, lower case; () proves no colleague


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

    def as_json(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items() if value}


def level_of(name: str) -> Level:
    """The level that a process names. Raises ValueError with the known ones."""
    try:
        return Level(name)
    except ValueError:
        known = ", ".join(Level)
        raise ValueError(f"There is no proof {name!r}; there are {known}.") from None


def prove(
    mail: Mail, received_folder: Folder | str, asked: Collection[str], level: Level, policy: ProvePolicy
) -> Proof:
    """The proof that one of the addresses `asked` sent this mail, as strong as `level` demands.

    Raises SenderUnclear, NotTheOneAsked, NotProved or MechanismNotConfirmed, of which the sender hears
    nothing. Where nobody decides by mail (PAGE) the proof says who may be told so.
    """
    address = _address_asked(mail, asked)
    strongest = level is Level.COLLEAGUE or received_folder == Folder.JUNK
    return _colleague(mail, address, policy) if strongest else _either(mail, address, policy)


def _either(mail: Mail, address: str, policy: ProvePolicy) -> Proof:
    try:
        return _colleague(mail, address, policy)
    except refusals.MechanismNotConfirmed as colleague:
        # A colleague's mail never passes DMARC inside the tenant: the mechanism is what to look at.
        try:
            return _outside(mail, address, policy)
        except refusals.NotProved:
            raise colleague from None
    except refusals.NotProved:
        return _outside(mail, address, policy)


def _address_asked(mail: Mail, asked: Collection[str]) -> str:
    if mail.from_address is None:
        raise refusals.SenderUnclear(mail.from_problem)
    if mail.from_address not in {address.lower() for address in asked}:
        raise refusals.NotTheOneAsked(mail.from_address)
    return mail.from_address


# ---------------------------------------------------------------------- colleague


def _colleague(mail: Mail, address: str, policy: ProvePolicy) -> Proof:
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


def _outside(mail: Mail, address: str, policy: ProvePolicy) -> Proof:
    stamp = mail.authentication_results
    if stamp is None:
        raise refusals.NotProved(Sentence("No server checked it: there is no Authentication-Results header."))
    entrance = _entrance(mail.hops, policy.trusted_host_suffixes)
    if stamp.position > entrance.position:
        raise refusals.NotProved(
            Sentence("The topmost Authentication-Results header was there before our server.")
        )
    _check_server(stamp, policy)
    domain = address.rpartition("@")[2]
    _check_dmarc(stamp.of("dmarc"), domain)
    _check_dkim(stamp.of("dkim"), domain)
    return Proof(
        Level.OUTSIDE,
        address,
        mail.stamps_from,
        authserv_id=stamp.authserv_id,
        dkim_domain=domain,
        received_by=entrance.by,
    )


def _entrance(hops: Sequence[Hop], suffixes: Collection[str]) -> Hop:
    """The hop, from the top, at which one of our servers took the mail from a host that is none of ours.

    What a host calls itself and what its address resolves to must both be ours for it to count as ours.
    """
    for hop in hops:
        if not _trusted(hop.by, suffixes):
            break
        if hop.from_hosts and not all(_trusted(host, suffixes) for host in hop.from_hosts):
            return hop
    raise refusals.NotProved(Sentence("The Received headers do not show where our servers took the mail in."))


def _trusted(host: str, suffixes: Collection[str]) -> bool:
    domains = (suffix.strip(". ").lower() for suffix in suffixes)
    return any(domain and (host == domain or host.endswith("." + domain)) for domain in domains)


def _check_server(stamp: AuthenticationResults, policy: ProvePolicy) -> None:
    expected = policy.authserv_id.strip().lower()
    if not expected and not policy.is_exchange:
        raise refusals.NotProved(
            Sentence("The name of our server in Authentication-Results (authserv-id) is not set.")
        )
    if stamp.authserv_id != expected:
        raise refusals.NotProved(
            Sentence(
                "Authentication-Results is by {seen}, not by {expected}.",
                seen=stamp.authserv_id[:80] or Sentence("no name"),
                expected=expected or Sentence("our Exchange"),
            )
        )


def _check_dmarc(results: Sequence[Result], domain: str) -> None:
    if len(results) != 1 or results[0].result != "pass":
        seen = ", ".join(result.result[:40] for result in results) or Sentence("none")
        raise refusals.NotProved(Sentence("DMARC must be one pass; it is: {seen}.", seen=seen))
    if results[0].get("header.from") != domain:
        raise refusals.NotProved(Sentence("DMARC was checked for another domain than that of From."))


def _check_dkim(results: Sequence[Result], domain: str) -> None:
    """A signature of exactly From's domain: not of a parent or sub-domain, and none of it that failed."""
    aligned = {result.result for result in results if result.get("header.d") == domain}
    if aligned != {"pass"}:
        seen = ", ".join(sorted(aligned))[:80] or Sentence("none")
        raise refusals.NotProved(
            Sentence("A DKIM signature of {domain} must pass; it is: {seen}.", domain=domain, seen=seen)
        )
