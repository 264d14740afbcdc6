"""Domains in the spelling that mails and the DNS have them in: ASCII (RFC 5890), so that one domain is one text."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

#: What the standards of 2003, which Python knows, and of 2008, which registries go by, read as two different domains.
_TWO_READINGS = frozenset("ßς\u200c\u200d")


def is_address(text: str) -> bool:
    """Whether mail could be sent there."""
    try:
        validate_email(in_ascii(text))
    except (ValidationError, ValueError):
        return False
    return True


def in_ascii(address: str) -> str:
    """An address, or a domain, with its domain in ASCII: “büro@bücher.example” keeps its “büro”. Raises ValueError
    where that cannot be, or could be somebody else's."""
    local, at, domain = address.rpartition("@")
    if domain.isascii():
        return address
    if not _TWO_READINGS.isdisjoint(domain):
        raise ValueError(f"{domain!r} can be read as two domains")
    return f"{local}{at}{domain.encode('idna').decode()}"


def spelled_as_in_mails(address: str) -> str:
    """The same; what cannot be in ASCII stays as it is, and is no address."""
    try:
        return in_ascii(address)
    except ValueError:
        return address
