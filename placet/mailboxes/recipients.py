"""Whom a mail of ours is for, as its header says, for servers that are told so beside the mail (RFC 5321 3.3, RFC 8621
7)."""

import re
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import getaddresses

from django.utils.translation import gettext as _

from placet.lib.domains import in_ascii

from .base import Refused

MOST_RECIPIENTS = 50
_NAMES_RECIPIENTS = ("to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc")
_BLIND = re.compile(rb"^(?:Bcc|Resent-Bcc)[ \t]*:.*\r\n(?:[ \t].*\r\n)*", re.IGNORECASE | re.MULTILINE)
_LINE_END = re.compile(rb"\r\n|\r|\n")
#: What would end the path, or the line, early (RFC 5321 4.1.2; quoted local parts are left out: nobody has one).
_ADDRESS = re.compile(r"[^\s\x00-\x20\x7f<>()\[\]\\,;:\"@]+@[^\s\x00-\x20\x7f<>()\[\]\\,;:\"@]+")


def as_sent(raw: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The mail as it is sent: CRLF at every line's end, and without the lines that name whom nobody else is to know;
    and the addresses of all whom it is for, each once. Raises Refused where it names nobody, or somebody whom no server
    can be told."""
    raw = _LINE_END.sub(b"\r\n", raw)
    head, _separator, _body = raw.partition(b"\r\n\r\n")
    recipients = _recipients(head)
    raw = _BLIND.sub(b"", raw[: len(head) + 2]) + raw[len(head) + 2 :]
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n", recipients


def checked(address: str) -> str:
    """The address in ASCII. Raises Refused where it is none."""
    try:
        address = in_ascii(address)
    except ValueError:
        raise refused(_("The mail names an address that no mail can be sent to."), "5.1.2") from None
    if not _ADDRESS.fullmatch(address):
        raise refused(_("The mail names an address that no mail can be sent to."), "5.1.3")
    return address


def _recipients(head: bytes) -> tuple[str, ...]:
    message = BytesHeaderParser(policy=compat32).parsebytes(head + b"\r\n\r\n")
    lines = [_line(str(value)) for name, value in message.raw_items() if name.lower() in _NAMES_RECIPIENTS]
    addresses = dict.fromkeys(address for _name, address in getaddresses(lines))
    if not addresses or len(addresses) > MOST_RECIPIENTS or "" in addresses:
        raise refused(_("The mail does not name whom it is for."), "5.1.3")
    return tuple(dict.fromkeys(map(checked, addresses)))


def _line(value: str) -> str:
    """A header's value in one line; the parser has bytes beyond ASCII as halves of characters."""
    joined = value.replace("\r", "").replace("\n", "")
    return joined.encode("ascii", "surrogateescape").decode("utf-8", "replace")


def refused(sentence: str, code: str) -> Refused:
    """Before any server was asked."""
    error = Refused(sentence, code)
    error.not_done = True
    return error
