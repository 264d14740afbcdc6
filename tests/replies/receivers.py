"""Mails as known receivers deliver them: the lines that each writes on top of what came in, after the shapes that
public mails have, and what forgers make of them. All names and texts are our own."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from placet.mailboxes.stamp_presets import BY_KEY
from placet.mailboxes.stamp_profile import StampProfile

SENDER = "fabrikam.example"
ORIGIN = f"mail.{SENDER} (mail.{SENDER} [203.0.113.7])"
DATE = "Tue, 3 Nov 2026 12:30:01 +0000"

Lines = tuple[str, ...]


@dataclass(frozen=True)
class Delivery:
    """What a receiver writes: `above` all, `stamps`, and where they stand. `hop`: its line about where the mail came
    in."""

    above: Lines
    stamps: Lines
    hop: str
    below: bool
    after_from: Lines = ()  # stamps that a filter adds last of all

    def lines(self) -> Lines:
        entrance = f"Received: {self.hop}; {DATE}"
        middle = (entrance, *self.stamps) if self.below else (*self.stamps, entrance)
        return (*(f"Received: {line}; {DATE}" for line in self.above), *middle)


#: Of which the stamps do not say which domain signed.
NAMING_NO_DOMAIN = frozenset({"zoho"})
#: What a client reads of them was built anew, so that no signature in it can be checked.
BUILT_ANEW = frozenset({"proton", "outlook", "exchange-server"})


def stamps_can_prove(key: str) -> bool:
    """Whether a receiver's stamps say all that is asked of them, once it is known where they may stand."""
    profile = BY_KEY[key].profile
    return profile.dmarc and bool(profile.ids) and key not in NAMING_NO_DOMAIN


def of_own_server(key: str, host: str) -> StampProfile:
    """The profile of a filter on a server of one's own, which stamps with that server's name."""
    return replace(BY_KEY[key].profile, ids=(host.lower(),), hosts=(host.lower(),))


def _stamps(*values: str) -> Lines:
    return tuple(f"Authentication-Results: {value}" for value in values)


def gmail(d: str, dkim: str, dmarc: str) -> Delivery:
    found = (
        f"mx.google.com; dkim={dkim} header.i=@{d} header.s=k1 header.b=abcdefgh; spf=pass (google.com: domain of "
        f"a@{d} designates 203.0.113.7 as permitted sender) smtp.mailfrom=a@{d}; dmarc={dmarc} (p=REJECT sp=REJECT "
        f"dis=NONE) header.from={d}"
    )
    above = ("by 2002:a05:6402:1111:b0:4f1:2222:3333 with SMTP id x1csp111111edx",)
    sealed = f"ARC-Authentication-Results: i=1; {found}"
    hop = f"from {ORIGIN} by mx.google.com with ESMTPS id a1si1edx.1 for <approvals@contoso.example>"
    return Delivery(
        above, (sealed, "Received-SPF: pass (google.com: permitted)", *_stamps(found)), hop, below=True
    )


def fastmail(d: str, dkim: str, dmarc: str) -> Delivery:
    name = "phl-mx-04.messagingengine.com"
    stamps = (
        *_stamps(f"{name}; x-csa=none; x-me-sender=none; x-ptr=pass smtp.helo=mail.{d}"),
        f"X-ME-Authentication-Results: {name}; x-aligned-from=pass (Address match)",
        *_stamps(
            f"{name}; bimi=none (No BIMI records found)",
            f"{name}; arc=none (no signatures found)",
            f"{name}; dkim={dkim} (2048-bit rsa key sha256) header.d={d} header.i=@{d} header.b=abcdefgh "
            f"header.a=rsa-sha256 header.s=k1 x-bits=2048; dmarc={dmarc} policy.published-domain-policy=reject "
            f"policy.applied-disposition=none (p=reject,d=none) policy.policy-from=p header.from={d}; "
            f"iprev=pass smtp.remote-ip=203.0.113.7; spf=pass smtp.mailfrom=a@{d} smtp.helo=mail.{d}",
        ),
    )
    above = (
        "from phl-compute-04.internal (phl-compute-04.internal [10.202.2.44]) by sloti1d2t3 (Cyrus 3.13) with LMTPA",
        "from phl-mx-04 ([10.202.2.203]) by phl-compute-04.internal (MEProxy)",
    )
    return Delivery(
        above, stamps, f"from {ORIGIN} by phl-mx-04.messagingengine.com (Postfix) with ESMTPS", below=False
    )


def yahoo(d: str, dkim: str, dmarc: str) -> Delivery:
    name = "atlas-production.v2-mail-prod1-gq1.omega.yahoo.com"
    found = (
        f"{name}; dkim={dkim} header.i=@{d} header.s=k1; spf=pass smtp.mailfrom={d}; dmarc={dmarc}(p=REJECT) "
        f"header.from={d};"
    )
    hop = f"from 203.0.113.7 (EHLO mail.{SENDER}) by {name} with SMTPs"
    return Delivery((f"from 10.197.32.140 by {name} with HTTPS",), _stamps(found), hop, below=False)


def icloud(d: str, dkim: str, dmarc: str) -> Delivery:
    stamps = _stamps(
        'bimi.icloud.com; bimi=skipped reason="insufficient dmarc"',
        "arc.icloud.com; arc=none",
        f"dmarc.icloud.com; dmarc={dmarc} header.from={d}",
        f"dkim-verifier.icloud.com; dkim={dkim} (2048-bit key) header.d={d} header.i=@{d} header.b=abcdefgh",
        f"spf.icloud.com; spf=pass (spf.icloud.com: permitted) smtp.mailfrom=a@{d}",
    )
    return Delivery(
        (), stamps, f"from {ORIGIN} by p00-icloudmta-smtpin.p00.icloud.com with ESMTPS id 1", below=True
    )


def proton(d: str, dkim: str, dmarc: str) -> Delivery:
    stamps = _stamps(
        f"mail.protonmail.ch; dmarc={dmarc} (p=none dis=none) header.from={d}",
        f"mail.protonmail.ch; spf=pass smtp.mailfrom={d}",
        "mail.protonmail.ch; arc=none smtp.remote-ip=203.0.113.7",
        f"mail.protonmail.ch; dkim={dkim} (2048-bit key) header.d={d} header.i=@{d}",
    )
    return Delivery(
        (), stamps, f"from {ORIGIN} by mailin1.protonmail.ch (Postfix) with ESMTPS id 4X", below=True
    )


def zoho(d: str, dkim: str, dmarc: str) -> Delivery:
    found = (
        f"mx.zohomail.eu;\tdkim={dkim};\tspf=pass  smtp.mailfrom=a@{d};\tdmarc={dmarc}(p=reject dis=none)  "
        f"header.from={d}"
    )
    return Delivery((), _stamps(found), f"from {ORIGIN} by mx.zohomail.eu with SMTPS id 1", below=False)


def gmx(d: str, dkim: str, dmarc: str) -> Delivery:
    stamps = _stamps(f" gmx.net; dkim={dkim} header.i=@{d}")
    hop = f"from mail.{SENDER} ([203.0.113.7]) by mx-ha.gmx.net (mxgmx016 [212.227.15.9]) with ESMTPS (Nemesis) id 1N"
    return Delivery((), stamps, hop, below=False)


def mail_ru(d: str, dkim: str, dmarc: str) -> Delivery:
    found = (
        f"mxs.mail.ru; spf=pass (mx1.i.mail.ru: permitted) smtp.mailfrom=a@{d} smtp.helo=mail.{d};\t dkim={dkim} "
        f"header.d={d}; dmarc={dmarc} header.from=ann@{d}"
    )
    hop = f"from {ORIGIN} by mx1.mail.ru with esmtp (envelope-from <a@{d}>) id 1t"
    return Delivery((), (), hop, below=True, after_from=_stamps(found))


def yandex(d: str, dkim: str, dmarc: str) -> Delivery:
    found = f"mail-nwsmtp-mxfront-1.vla.yp-c.yandex.net; spf=pass smtp.mail=a@{d}; dkim={dkim} header.i=@{d}"
    hop = f"from {ORIGIN} by mail-nwsmtp-mxfront-1.vla.yp-c.yandex.net with ESMTPS id 1"
    return Delivery((), _stamps(found), hop, below=True)


def posteo(d: str, dkim: str, dmarc: str) -> Delivery:
    stamps = _stamps(
        f"posteo.de; dmarc={dmarc} (p=none dis=none) header.from={d}",
        f"posteo.de; spf=pass smtp.mailfrom={d}",
        f"posteo.de;\tdkim={dkim} (2048-bit key) header.d={d} header.i=@{d} header.b=abcdefgh;\tdkim-atps=neutral",
    )
    return Delivery((), stamps, f"from {ORIGIN} by mx01.posteo.de (Postfix) with ESMTPS id 4X", below=True)


def infomaniak(d: str, dkim: str, dmarc: str) -> Delivery:
    stamps = _stamps(
        f"mx.infomaniak.com; dmarc={dmarc} (p=none dis=none) header.from={d}",
        f"mx.infomaniak.com;\tdkim={dkim} (2048-bit key; secure) header.d={d} header.i=@{d} "
        'header.b="abcdefgh";\tdkim-atps=neutral',
    )
    spf = _stamps(f"mx.infomaniak.com; spf=pass smtp.mailfrom={d}")
    return Delivery((), stamps, f"from {ORIGIN} by mx.infomaniak.com (Postfix) with ESMTPS id 4X", True, spf)


def ovh(d: str, dkim: str, dmarc: str) -> Delivery:
    found = f"in32.mail.ovh.net; dkim={dkim} (2048-bit key; unprotected) header.d={d} header.i=@{d} header.b=abcdefgh"
    above = ("from in32.mail.ovh.net (unknown [10.108.2.7]) by director1.mail.ovh.net (Postfix) with ESMTPS",)
    return Delivery(
        above, _stamps(found), f"from {ORIGIN} by in32.mail.ovh.net (Postfix) with ESMTPS", below=False
    )


def rspamd(d: str, dkim: str, dmarc: str) -> Delivery:
    found = (
        f"mx.contoso.example; dkim={dkim} header.d={d} header.s=k1 header.b=abcdefgh; "
        f"dmarc={dmarc} (policy=reject) header.from={d}; spf=pass smtp.mailfrom=a@{d}"
    )
    return Delivery(
        (), _stamps(found), f"from {ORIGIN} by mx.contoso.example (Postfix) with ESMTPS id 4X", below=True
    )


def opendkim(d: str, dkim: str, dmarc: str) -> Delivery:
    """As Postfix 3.10 with OpenDKIM 2.11 and OpenDMARC 1.4.2 delivers (`tests/foreign/receivers`)."""
    stamps = _stamps(
        f"mx.contoso.example; dmarc={dmarc} (p=reject dis=none) header.from={d}",
        f"mx.contoso.example; spf=pass smtp.mailfrom={d}",
        f"mx.contoso.example;\tdkim={dkim} (2048-bit key; unprotected) header.d={d} header.i=@{d} header.a=rsa-sha256 "
        "header.s=k1 header.b=abcdefgh;\tdkim-atps=neutral",
    )
    hop = f"from {ORIGIN} by mx.contoso.example (Postfix) with ESMTPS id 4X"
    return Delivery((), stamps, hop, below=False)


def amavis(d: str, dkim: str, dmarc: str) -> Delivery:
    found = f"mx.contoso.example (amavisd-new); dkim={dkim} (2048-bit key) header.d={d}"
    above = ("from localhost (localhost [127.0.0.1]) by mx.contoso.example (Postfix) with ESMTP id 4Y",)
    hop = f"from {ORIGIN} by mx.contoso.example (Postfix) with ESMTPS id 4X"
    return Delivery(above, _stamps(found), hop, below=False)


def exchange_server(d: str, dkim: str, dmarc: str) -> Delivery:
    above = (
        "from ex02.contoso.example (10.0.0.2) by ex01.contoso.example (10.0.0.1) with Microsoft SMTP Server",
    )
    hop = f"from mail.{SENDER} (203.0.113.7) by ex02.contoso.example (10.0.0.2) with Microsoft SMTP Server"
    return Delivery(above, (), hop, below=False)


def outlook(d: str, dkim: str, dmarc: str) -> Delivery:
    found = (
        f"spf=pass (sender IP is 203.0.113.7) smtp.mailfrom={SENDER}; dkim={dkim} (signature was verified) "
        f"header.d={d};dmarc={dmarc} action=none header.from={d};compauth=pass reason=100"
    )
    above = ("from AM6PR01.prod.example (2603:10a6::1) by VI1PR01.prod.example with HTTPS",)
    edge = "AM6EUR05.mail.protection.outlook.com (10.233.240.1)"
    hop = f"from mail.{SENDER} (203.0.113.7) by {edge} with Microsoft SMTP Server"
    return Delivery(above, _stamps(found), hop, below=False)


def domino(d: str, dkim: str, dmarc: str) -> Delivery:
    hop = f"from mail.{SENDER} ([203.0.113.7]) by mail.contoso.example (HCL Domino Release 14.0) with ESMTP id 1-2"
    return Delivery((), (), hop, below=False)


def kerio(d: str, dkim: str, dmarc: str) -> Delivery:
    hop = f"from mail.{SENDER} ([203.0.113.7]) by mail.contoso.example (Kerio Connect 10.0.2) with ESMTPS"
    return Delivery((), (), hop, below=False)


#: What is delivered of a mail by a domain, of which DKIM and DMARC came to these results.
Maker = Callable[[str, str, str], Delivery]
#: By key of the preset.
RECEIVERS: dict[str, Maker] = {
    "gmail": gmail, "fastmail": fastmail, "yahoo": yahoo, "icloud": icloud, "proton": proton, "zoho": zoho, "gmx": gmx,
    "mail-ru": mail_ru, "yandex": yandex, "posteo": posteo, "infomaniak": infomaniak, "ovh": ovh, "rspamd": rspamd,
    "opendkim": opendkim, "amavis": amavis, "exchange-server": exchange_server, "outlook": outlook,
    "domino": domino, "kerio": kerio,
}  # fmt: skip

SIGNATURE = f"v=1; a=rsa-sha256; d={SENDER}; s=k1; h=from:to:cc:subject:date:content-type; b=abcdefghij"


def written(
    delivery: Delivery,
    below: Sequence[str] = (),
    signatures: Sequence[str] = (SIGNATURE,),
    sender: str = SENDER,
) -> bytes:
    """A mail so delivered. `below`: what else stood on it when it came in, from the top."""
    lines = [
        *delivery.lines(), *below, f"Received: from [192.168.7.7] by mail.{sender} with ESMTPSA id 4W; {DATE}",
        *(f"DKIM-Signature: {one}" for one in signatures), f"From: Ann <ann@{sender}>",
        "To: approvals@contoso.example", "Subject: Re: Desk", "Date: Tue, 3 Nov 2026 12:30:00 +0000",
        "Content-Type: text/plain", *delivery.after_from,
    ]  # fmt: skip
    return ("\r\n".join(lines) + "\r\n\r\nApprove\r\n").encode()


class Writing(Protocol):
    """Puts a mail under what its receiver wrote, as `written` does."""

    def __call__(
        self, delivery: Delivery, below: Sequence[str] = ..., signatures: Sequence[str] = ...
    ) -> bytes: ...


def forgeries(
    make: Maker,
    write: Writing = written,
    sender: str = SENDER,
    signatures: Sequence[str] = (SIGNATURE,),
) -> Iterator[tuple[str, bytes, bool]]:
    """What it is, the mail in the name of `sender`, whose genuine ones bear `signatures`, and whether a server that
    takes forged stamps off could deliver it at all."""
    passed, failed = make(sender, "pass", "pass"), make(sender, "fail", "fail")
    none = Delivery(passed.above, (), passed.hop, passed.below)
    planted = (*passed.stamps, *passed.after_from)
    hop = f"Received: {passed.hop}; {DATE}"
    inner = tuple(f"Received: {line}; {DATE}" for line in passed.above)
    for name, server in (("failed", failed), ("unstamped", none)):
        yield f"{name}, planted", write(server, planted), False
        yield f"{name}, planted with a hop", write(server, (hop, *planted)), False
        yield f"{name}, planted with all hops", write(server, (*inner, *planted, hop)), False
        yield f"{name}, planted at the end", write(replace(server, after_from=planted)), False
    yield "failed", write(failed), True
    yield "dkim failed", write(make(sender, "fail", "pass")), True
    yield "dmarc failed", write(make(sender, "pass", "fail")), True
    yield "dmarc without a policy", write(make(sender, "pass", "none")), True
    yield "of another domain", write(make("evil.example", "pass", "pass")), True
    yield "of a domain below", write(make(f"mail.{sender}", "pass", "pass")), True
    if "header.d" not in "".join(passed.stamps):  # where the server does not say who signed
        above = [one.replace(sender, sender.partition(".")[2]) for one in signatures]
        yield "signed by the domain above", write(passed, signatures=above), True
    foreign = re.sub(r"\bby \S+", "by mx.evil.example", passed.hop)
    yield "from outside of its servers", write(replace(passed, hop=foreign)), True
