"""How somebody signed in who sent a mail inside of an organisation, as Exchange stamps it: the values of
X-MS-Exchange-Organization-AuthMechanism, hexadecimal."""

from collections.abc import Iterable

#: With which nobody signed in: MAPI submission of the system's own, internal submission, the pickup and replay folders,
#: a connector that counts as secured, and a connection between servers. Whatever is confirmed, they prove no colleague.
NEVER_PROVES = ("03", "05", "08", "10", "11", "12")


def never_proving(mechanisms: Iterable[str]) -> str:
    """Those of the mechanisms that never prove anybody, for people; "" if there are none."""
    return ", ".join(one for one in mechanisms if one in NEVER_PROVES)


def proving(mechanisms: Iterable[str]) -> tuple[str, ...]:
    """The others."""
    return tuple(one for one in mechanisms if one not in NEVER_PROVES)
