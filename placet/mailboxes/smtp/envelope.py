"""The envelope of a mail of ours: from whom, for whom, and what the commands say of both (RFC 5321, 1870, 3461, 6152,
6531)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from placet.mailboxes.recipients import as_sent, checked, refused

LONGEST_ENVELOPE_ID = 100  # characters (RFC 3461 4.4)
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True)
class Envelope:
    """`content` is the mail as it goes over the wire: CRLF at every line's end, dots doubled, without the last dot."""

    sender: str
    recipients: tuple[str, ...]
    reference: str
    content: bytes
    size: int  # bytes before dots were doubled (RFC 1870 3)
    is_eight_bit: bool
    needs_utf8: bool  # SMTPUTF8: an address, or a header, that ASCII cannot say

    def mail_command(self, extensions: Mapping[str, str]) -> str:
        """MAIL FROM with what the server offers: EHLO keywords in lower case, with their parameters."""
        words = [f"MAIL FROM:<{self.sender}>"]
        if "size" in extensions:
            words.append(f"SIZE={self.size}")
        if self.is_eight_bit and "8bitmime" in extensions:
            words.append("BODY=8BITMIME")
        if self.needs_utf8:
            words.append("SMTPUTF8")
        if "dsn" in extensions:
            words.append("RET=HDRS")
            if self.reference:
                words.append(f"ENVID={xtext(self.reference)[:LONGEST_ENVELOPE_ID]}")
        return " ".join(words)

    def recipient_command(self, recipient: str, extensions: Mapping[str, str]) -> str:
        words = [f"RCPT TO:<{recipient}>"]
        if "dsn" in extensions:
            words.append("NOTIFY=FAILURE,DELAY")
            if recipient.isascii():
                words.append(f"ORCPT=rfc822;{xtext(recipient)}")
        return " ".join(words)

    def check(self, extensions: Mapping[str, str]) -> None:
        """Raises Refused where the server says before it is asked that it cannot take this mail."""
        limit = extensions.get("size", "").split(" ")[0]
        if limit.isascii() and limit.isdigit() and 0 < int(limit[:18]) < self.size:
            raise refused(
                _("The mail is larger than the mail server takes ({size} of {limit} bytes).").format(
                    size=self.size, limit=limit[:18]
                ),
                "5.3.4",
            )
        if self.needs_utf8 and "smtputf8" not in extensions:
            raise refused(
                _("The mail server takes no addresses with other letters than those of ASCII."), "5.6.7"
            )
        if self.is_eight_bit and "8bitmime" not in extensions:
            raise refused(_("The mail server takes no mail with bytes beyond ASCII."), "5.6.3")


def envelope_of(raw: bytes, sender: str, reference: str) -> Envelope:
    """Raises Refused where the mail names nobody that it could be sent to, or somebody whom no command can name."""
    raw, recipients = as_sent(raw)
    head, _separator, _body = raw.partition(b"\r\n\r\n")
    sender = checked(sender)
    return Envelope(
        sender=sender,
        recipients=recipients,
        reference=reference,
        content=_LEADING_DOT.sub(b"..", raw),
        size=len(raw),
        is_eight_bit=not raw.isascii(),
        needs_utf8=not (head.isascii() and all(address.isascii() for address in (sender, *recipients))),
    )


def xtext(text: str) -> str:
    """As parameters of DSN are written (RFC 3461 4)."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text if ord(c) < 256)
