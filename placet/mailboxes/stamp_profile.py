"""How the server of a mailbox stamps what it checked: whose stamps they are, where they stand, and what they say.

A profile comes from a preset (`stamp_presets`) or from mails that an administrator looked at, and counts only once an
administrator confirmed it. Nothing changes one by itself.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Any

Network = IPv4Network | IPv6Network


class Place(StrEnum):
    """Where the stamps stand, beside the Received header of the hop at which the mail came in."""

    ABOVE = "above"
    BELOW = "below"  # directly: before the next Received


class Stripped(StrEnum):
    """Whether the server takes stamps in its own name off mail that comes in with them."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class NamelessService:
    """A mail service whose stamps name no server. They are its own by the hosts that handed the mail on."""

    name: str  # as its users know it
    hosts: tuple[str, ...]  # ends of the names of its hosts
    networks: tuple[Network, ...]  # that they talk to each other from


@dataclass(frozen=True)
class StampProfile:
    """What is confirmed of a mailbox's server."""

    #: Names in Authentication-Results (authserv-id), lower case. One that begins with a point is the end of names: each
    #: of the server's machines has its own.
    ids: tuple[str, ...]
    place: Place = Place.ABOVE
    several: bool = False  # a run of headers, not one
    strips_own: Stripped = Stripped.UNKNOWN
    dmarc: bool = True  # says what DMARC came to
    hosts: tuple[
        str, ...
    ] = ()  # ends of names of the servers that hand mail on, in Received; "" for nameless ones
    networks: tuple[str, ...] = ()  # that they talk to each other from, beside those of the mailbox
    #: The topmost hop may be a program of the server's own that names no address: delivery by LMTP over a socket, or
    #: over HTTP inside.
    local_delivery: bool = False
    #: Whoever signs in to send is named in Received or in the stamps, and is who they say: `submitted` counts.
    submission: bool = False
    login_domain: str = ""  # of logins without one; "" where logins are addresses

    def is_own(self, authserv_id: str) -> bool:
        return any(
            authserv_id.endswith(name) if name.startswith(".") else authserv_id == name
            for name in self.ids
            if name.strip(".")
        )

    @property
    def stamps_count(self) -> bool:
        """Whether its stamps prove anything: those below the entrance only if nobody else can write such ones, and
        none that leave DMARC out."""
        return (
            bool(self.ids) and self.dmarc and (self.place is Place.ABOVE or self.strips_own is Stripped.YES)
        )

    def to_json(self) -> dict[str, Any]:
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }


def profile_of(kept: Mapping[str, Any]) -> StampProfile:
    """What `to_json` wrote. Raises ValueError for what is none: a profile is never guessed at."""
    known = {field.name for field in fields(StampProfile)}
    if not kept.keys() <= known or not isinstance(kept.get("ids"), list | tuple):
        raise ValueError(f"No profile of stamps: {sorted(kept)}")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()
    }
    values["place"] = Place(values.get("place", Place.ABOVE))
    values["strips_own"] = Stripped(values.get("strips_own", Stripped.UNKNOWN))
    return StampProfile(**values)
