"""What anybody can write so that their mail looks as if our server had found its sender genuine: forgeries by name.

All say that they are from the partner's Bob, and reach our MX at port 25 from an address that is not the partner's.
Each is an answer that decides if only it were genuine, with lines of PLANTED at one of PLACES, handed over by one of
POSTS.
"""

import re
import smtplib
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.foreign.receivers.servers import (
    EVIL,
    EVIL_ADDRESS,
    LIST,
    LIST_ADDRESS,
    MX,
    MX_ADDRESS,
    PARTNER,
    PARTNER_ADDRESS,
    PATIENCE,
)
from tests.signing import Signer

DATE = "Tue, 1 Dec 2026 12:00:00 +0000"
PASSED = f"dkim=pass (2048-bit key) header.d={PARTNER} header.i=@{PARTNER} header.s=s1 header.b=abcdefgh"
DMARC = f"dmarc=pass (p=reject dis=none) header.from={PARTNER}"
SPF = f"spf=pass smtp.mailfrom={PARTNER}"

_HOP = f"Received: from mail.{PARTNER} (mail.{PARTNER} [{PARTNER_ADDRESS}]) by {MX} (Postfix) with ESMTPS; {DATE}"


def _stamp(value: str, name: str = "Authentication-Results") -> str:
    return f"{name}: {value}"


#: Lines in the receiver's own name, or in one that looks like it.
PLANTED: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "one header": (_stamp(f"{MX}; {PASSED}; {DMARC}; {SPF}"),),
    "one header each": (_stamp(f"{MX}; {DMARC}"), _stamp(f"{MX}; {PASSED}"), _stamp(f"{MX}; {SPF}")),
    "DMARC alone": (_stamp(f"{MX}; {DMARC}"),),
    "DKIM alone": (_stamp(f"{MX}; {PASSED}"),),
    "folded": (_stamp(f"{MX};\r\n\t{PASSED};\r\n\t{DMARC}"),),
    "folded before the name": (_stamp(f"\r\n {MX}; {PASSED}; {DMARC}"),),
    "a comment first": (_stamp(f"(ours) {MX} (really) 1; {PASSED}; {DMARC}"),),
    "the version": (_stamp(f"{MX} 1; {PASSED}; {DMARC}"),),
    "in capitals": (_stamp(f"{MX.upper()}; {PASSED}; {DMARC}", "AUTHENTICATION-RESULTS"),),
    "quoted": (_stamp(f'"{MX}"; {PASSED}; {DMARC}'),),
    "a point at its end": (_stamp(f"{MX}.; {PASSED}; {DMARC}"),),
    "another filter's order": (_stamp(f"{MX}; {DMARC}; {SPF}; {PASSED}"),),
    "the same twice": (_stamp(f"{MX}; {PASSED}; {PASSED}; {DMARC}; {DMARC}"),),
    "fail and pass": (_stamp(f"{MX}; dkim=fail header.d={PARTNER}; {PASSED}; dmarc=fail; {DMARC}"),),
    "fifty of them": (_stamp(f"{MX}; {PASSED}; {DMARC}"),) * 50,
    "a blank before the colon": (_stamp(f"{MX}; {PASSED}; {DMARC}", "Authentication-Results "),),
    "no header.from": (_stamp(f"{MX}; {PASSED}; dmarc=pass"),),
    "results for the attacker": (_stamp(f"{MX}; dkim=pass header.d={EVIL}; dmarc=pass header.from={EVIL}"),),
    "a name below ours": (_stamp(f"filter.{MX}; {PASSED}; {DMARC}"),),
    "ours within theirs": (_stamp(f"{MX}.{EVIL}; {PASSED}; {DMARC}"),),
    "ours after theirs": (_stamp(f"{EVIL}; none"), _stamp(f"{MX}; {PASSED}; {DMARC}")),
    "a letter like ours": (_stamp(f"mx.c\u043entoso.example; {PASSED}; {DMARC}"),),
    "another receiver's": (_stamp(f"mx.google.com; {PASSED}; {DMARC}"),),
    "an inner hop's": (
        _HOP,
        _stamp(f"{MX}; {PASSED}; {DMARC}"),
    ),
    "above an inner hop": (
        _stamp(f"{MX}; {PASSED}; {DMARC}"),
        _HOP,
    ),
    "handed on over loopback": (
        f"Received: from localhost (localhost [127.0.0.1]) by {MX} (Postfix) with ESMTP id 4X3; {DATE}",
        _stamp(f"{MX}; {PASSED}; {DMARC}"),
        _HOP,
    ),
    "somebody signed in": (
        f"Received: from client ([10.0.0.9]) (Authenticated sender: bob@{PARTNER}) by {MX} (Postfix) with ESMTPSA; "
        f"{DATE}",
        _stamp(f"{MX}; auth=pass smtp.auth=bob@{PARTNER} smtp.mailfrom=bob@{PARTNER}"),
    ),
    "ARC": (
        _stamp(f"i=1; {MX}; {PASSED}; {DMARC}", "ARC-Authentication-Results"),
        f"ARC-Seal: i=1; a=rsa-sha256; cv=none; d={MX}; s=s1; t=1; b=AAAA",
    ),
    "Exchange's marks": (
        "X-MS-Exchange-Organization-AuthAs: Internal",
        "X-MS-Exchange-Organization-AuthMechanism: 04",
        "X-MS-Exchange-Organization-AuthSource: mx.contoso.example",
    ),
}
#: Where they stand: above all, behind From, last.
PLACES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "on top": lambda raw, lines: lines + raw,
    "at the end": lambda raw, lines: raw.replace(b"\r\n\r\n", b"\r\n" + lines + b"\r\n", 1),
}


@dataclass(frozen=True)
class Post:
    """Who hands it over: from which address, in whose name, and signed by whom."""

    address: str
    domain: str
    sender: str  # MAIL FROM
    signed: bool = False


POSTS: dict[str, Post] = {
    "by a stranger": Post(EVIL_ADDRESS, EVIL, f"bob@{PARTNER}"),  # SPF fails
    "by a stranger in their own name": Post(
        EVIL_ADDRESS, EVIL, f"eve@{EVIL}", signed=True
    ),  # SPF and DKIM pass
    "by a list": Post(LIST_ADDRESS, LIST, f"members-bounces@{LIST}", signed=True),
}


def forged(written: Callable[[], bytes], signers: dict[str, Signer]) -> Iterator[tuple[str, bytes, Post]]:
    """Each forgery: its name, its bytes, and who hands it over."""
    for planted, lines in PLANTED.items():
        for place, put in islice(PLACES.items(), 2 if lines else 1):
            for by, post in POSTS.items():
                raw = put(written(), "".join(f"{line}\r\n" for line in lines).encode())
                yield f"{planted}, {place}, {by}", _by(raw, post, signers), post


def changed(genuine: bytes, signers: dict[str, Signer], again: bytes) -> Iterator[tuple[str, bytes, Post]]:
    """What comes of `genuine`, a mail that the partner's server signed: changed on its way, by a list and by
    strangers. `again`: one that was signed before the ask, which a stranger sends on with another subject on top."""
    listed = re.sub(rb"\r\nSubject: ", b"\r\nSubject: [members] ", genuine, count=1)
    listed += b"-- \r\nYou get this because you are a member.\r\n"
    a_list, stranger = POSTS["by a list"], POSTS["by a stranger in their own name"]
    yield "changed by a list", _by(listed, a_list, signers), a_list
    stamps = "".join(f"{line}\r\n" for line in PLANTED["one header each"]).encode()
    yield "changed by a list, stamps planted", _by(stamps + listed, a_list, signers), a_list
    yield "another word", _by(genuine.replace(b"approve", b"reject", 1), stranger, signers), stranger
    for name in (b"Subject", b"To", b"From", b"Date"):
        lines = [
            line for line in genuine.split(b"\r\n\r\n")[0].split(b"\r\n") if line.startswith(name + b": ")
        ]
        more = lines[0] + b"\r\n" if lines else b""
        yield f"a second {name.decode()}", more + genuine, stranger
    subject = re.search(rb"\r\nSubject: [^\r]*\r\n", genuine)
    assert subject is not None
    yield "an old yes with our subject on top", subject[0][2:] + again, stranger
    yield (
        "an old yes with our subject in its place",
        re.sub(rb"\r\nSubject: [^\r]*\r\n", subject[0], again),
        stranger,
    )
    yield "an old yes with stamps", stamps + subject[0][2:] + again, stranger


def sealed(raw: bytes, signer: Signer) -> bytes:
    """As a list hands on with ARC (RFC 8617), which says that it found the partner's signature good: by Debian's
    arcsign."""
    stamped = _stamp(f"mail.{LIST}; {PASSED}; {DMARC}; arc=none").encode() + b"\r\n" + raw
    key = signer.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    with tempfile.NamedTemporaryFile() as kept:
        kept.write(key)
        kept.flush()
        command = ["/usr/bin/arcsign", signer.selector, signer.domain, kept.name, f"mail.{LIST}"]
        done = subprocess.run(command, input=stamped, capture_output=True, check=True)
    whole = re.sub(rb"\r*\n", b"\r\n", done.stdout)
    assert whole.startswith(b"ARC-Seal: ")
    return whole


def _by(raw: bytes, post: Post, signers: dict[str, Signer]) -> bytes:
    return signers[post.domain].signed(raw) if post.signed else raw


def hand_over(post: Post, mails: Sequence[bytes], to: str) -> list[str]:
    """In one session, to our MX at port 25; what it said of those that it did not take."""
    refused = []
    own = (post.address, 0)
    with smtplib.SMTP(MX_ADDRESS, 25, f"mail.{post.domain}", timeout=PATIENCE, source_address=own) as session:
        for raw in mails:
            try:
                session.sendmail(post.sender, [to], raw)
            except smtplib.SMTPResponseException as error:
                refused.append(f"{error.smtp_code} {error.smtp_error!r}")
    return refused
