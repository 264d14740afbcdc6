"""The proof of somebody who signed in at the mailbox's own mail server to send a mail, as the very address in From.

The server says so in the Received header of its own about the session (`with ESMTPSA`, “Authenticated sender”), or in
a stamp of its own (`auth=pass smtp.auth=...`). Outsiders can write such lines, too: they count only on top, below
nothing but what the server handed to itself on the same machine. Names prove nothing, and neither does a private
address: a printer in the office has one. A server lets people send with each other's From more often than not, so the
login must be the address.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from placet.lib.sentences import Sentence
from placet.mailboxes.stamp_profile import StampProfile
from placet.replies import refusals
from placet.replies.parse import Hop, Mail
from placet.replies.prove_outside import Servers, delivered_here, is_ours_by_name, stamps_of_entrance

SIGNED_IN = ("ESMTPSA", "ESMTPA", "UTF8SMTPSA", "UTF8SMTPA")  # RFC 3848, RFC 6531


@dataclass(frozen=True)
class Submitted:
    login: str  # as the server wrote it, lower case
    received_by: str


def proved_submitted(mail: Mail, address: str, servers: Servers) -> Submitted:
    """That whoever has `address` sent this mail. Raises NotProved."""
    profile = servers.confirmed
    if profile is None or not profile.submission:
        raise refusals.NotProved(
            Sentence("Our mail server does not say in a way that is confirmed who signed in to send a mail.")
        )
    hop = session_of(mail.hops, servers)
    logins = {_full(login, profile) for login in (*hop.logins, *_stamped(mail, hop, servers))}
    if not logins:
        raise refusals.NotProved(
            Sentence("Nobody signed in at our mail server to send it, as far as its headers say.")
        )
    if logins != {address}:
        raise refusals.NotProved(
            Sentence(
                "Whoever sent it had signed in at our mail server as {login}, not as {address}.",
                login=", ".join(sorted(logins))[:200],
                address=address,
            )
        )
    return Submitted(address, hop.by)


def session_of(hops: Sequence[Hop], servers: Servers) -> Hop:
    """The line of our server about the session in which it took the mail in: the first that it did not write about
    itself. Raises NotProved unless somebody signed in there."""
    for number, hop in enumerate(hops):
        if not is_ours_by_name(hop.by, servers):
            break
        if hop.protocol in SIGNED_IN:
            return hop
        if not (_from_itself(hop) or delivered_here(hop, servers, topmost=number == 0)):
            break
    raise refusals.NotProved(
        Sentence("Nobody signed in at our mail server to send it, as far as its headers say.")
    )


def _from_itself(hop: Hop) -> bool:
    """Over loopback, as a server hands mail to its filters and back."""
    given = [ip_address(text) for text in (*hop.addresses, *hop.claimed)]
    return bool(hop.addresses) and all(address.is_loopback for address in given)


def _stamped(mail: Mail, hop: Hop, servers: Servers) -> Iterator[str]:
    """Logins in stamps of our server, where its stamps count at all."""
    for stamp in stamps_of_entrance(mail, hop, servers):
        for result in stamp.of("auth"):
            login = result.get("smtp.auth")
            if result.result == "pass" and login:
                yield login


def _full(login: str, profile: StampProfile) -> str:
    return login if "@" in login or not profile.login_domain else f"{login}@{profile.login_domain.lower()}"
