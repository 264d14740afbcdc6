"""Mails whose text cannot be read here: what stands around the sealed text is a program's, never the sender's."""

import re
from collections.abc import Sequence

from placet.lib.sentences import gettext_noop
from placet.replies.parse.parts import Part, read_header

ENCRYPTED = gettext_noop("S/MIME encrypted")
OPAQUE = gettext_noop("S/MIME signed in one piece")
PGP = gettext_noop("PGP encrypted")
PURVIEW = gettext_noop("Microsoft Purview protected message")
TNEF = gettext_noop("Outlook rich text (winmail.dat) only")

PKCS7 = ("application/pkcs7-mime", "application/x-pkcs7-mime")  # RFC 8551; the second from before it
_PKCS7_NAME = re.compile(r"smime\.p7m", re.IGNORECASE)
_RPMSG = re.compile(r"message(?:_v[0-9]{1,2})?\.rpmsg", re.IGNORECASE)
_RPMSG_TYPE = "application/x-microsoft-rpmsg-message"
_PGP_BLOCK = "-----BEGIN PGP MESSAGE-----"  # RFC 9580 6.2
PGP_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"  # RFC 9580 7
_PGP_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"
_PGP_END = "-----END PGP SIGNATURE-----"
_ESCAPED = "- "


def sealed(parts: Sequence[Part]) -> str:
    """What seals the mail, in words; "" if it can be read. Mails that are signed beside their text can be."""
    for part in parts:
        if not part.in_message and (why := _seals(part)):
            return why
    return ""


def _seals(part: Part) -> str:
    if part.content_type in PKCS7:
        return OPAQUE if part.parameters.get("smime-type", "").lower() == "signed-data" else ENCRYPTED
    if part.attached and _PKCS7_NAME.search(_names(part)):
        return ENCRYPTED  # a server that knows no S/MIME gave it another type
    # Exchange turns multipart/encrypted into multipart/mixed; the part that tells the version stays.
    if part.content_type in ("multipart/encrypted", "application/pgp-encrypted"):
        return PGP
    if part.content_type == _RPMSG_TYPE or (part.attached and _RPMSG.search(_names(part))):
        return PURVIEW
    return ""


def _names(part: Part) -> str:
    return f"{part.parameters.get('name', '')} {read_header(part.message, 'content-disposition')}"


def looks_signed(parts: Sequence[Part]) -> bool:
    """Whether a part says that it is signed (S/MIME, PGP/MIME), or a text does (OpenPGP inline)."""
    own = [part for part in parts if not part.in_message]
    return any(part.content_type in (*PKCS7, "multipart/signed") for part in own) or signed_inline(own)


def signed_inline(parts: Sequence[Part]) -> bool:
    texts = (part for part in parts if part.content_type == "text/plain" and not part.container)
    return any(PGP_SIGNED in part.text() for part in texts)


def sealed_text(marked: str) -> str:
    """PGP's older way: the sealed text stands in the text itself. `marked` has `> ` before quoted lines."""
    return PGP if f"\n{_PGP_BLOCK}" in f"\n{marked}" else ""


def without_armour(text: str) -> str:
    """A text that PGP signed in clear, without what PGP put around it and before its lines with dashes."""
    if PGP_SIGNED not in text:
        return text
    kept: list[str] = []
    armour = inside = False
    for line in text.split("\n"):
        bare = line.rstrip()
        if bare == PGP_SIGNED:
            armour = inside = True
        elif bare == _PGP_SIGNATURE and inside:
            armour, inside = True, False
        elif not armour:
            kept.append(line.removeprefix(_ESCAPED) if inside else line)
        elif bare == _PGP_END or (inside and not bare):
            armour = False  # headers such as "Hash: SHA256" end with a blank line
    return "\n".join(kept)


def only_rich_text(parts: Sequence[Part]) -> str:
    """For a mail without any text: Outlook may have put it where only Outlook reads it (MS-OXTNEF)."""
    rich = any(
        part.content_type in ("application/ms-tnef", "application/vnd.ms-tnef")
        or (part.attached and "winmail.dat" in _names(part).lower())
        for part in parts
        if not part.in_message
    )
    return TNEF if rich else ""
