"""Raw bytes to a Mail: sender, automatic or not, and the new text without quotes and signature.

`parse` is bounded in time and memory whatever it is given: limits before parsing (`limits.py`), readers of
our own for everything that decides (`headers.py`, `addresses.py`, `stamps.py`), and the standard library
for the MIME structure alone. It judges nothing but whether a program wrote the mail.
"""

from collections.abc import Sequence

from placet.lib.sentences import NOTHING, Sentence
from placet.mailboxes.base import Received
from placet.replies.parse import limits
from placet.replies.parse.addresses import addresses
from placet.replies.parse.automatic import REFERENCE_HEADER, Evidence, automatic
from placet.replies.parse.body import NO_BODY, body
from placet.replies.parse.dkim import signatures
from placet.replies.parse.headers import Headers, date_of, from_bytes, message_ids, text
from placet.replies.parse.mail import (
    CODE,
    AuthenticationResults,
    Hop,
    Kind,
    Mail,
    OwnMail,
    Result,
    Returned,
    Signature,
)
from placet.replies.parse.parts import parts
from placet.replies.parse.readings import two_readings
from placet.replies.parse.returned import returned
from placet.replies.parse.sealed import looks_signed
from placet.replies.parse.sender import SenderProblem, sender
from placet.replies.parse.stamps import authentication_results, hops
from placet.replies.parse.structure import encoding_doubt, structure_doubt
from placet.replies.parse.subjects import own_subject
from placet.replies.refusals import Unparseable

__all__ = [
    "CODE",
    "REFERENCE_HEADER",
    "AuthenticationResults",
    "Hop",
    "Kind",
    "Mail",
    "OwnMail",
    "Result",
    "Returned",
    "Signature",
    "parse",
]

_SHOWN = 300  # characters of a header that is only shown


def parse(received: Received, own: OwnMail) -> Mail:
    """Read one mail. Raises Unparseable, and nothing else, for what is beyond the limits."""
    mime = from_bytes(limits.header_block(received.raw))
    transport = _transport_headers(received.transport_headers)
    found = parts(received.raw)
    stamped = transport or mime
    subject = text(mime.first("subject"))
    address, problem = _sender(mime, transport, received)
    named = (header.value.strip() for headers in (mime, transport) for header in headers.all("from"))
    from_lines = list(dict.fromkeys(named))  # the same line stands in both
    verdict = automatic(Evidence(mime, transport, found, received, own, text(" ".join(from_lines)).lower()))
    seen = body(found, len(received.raw) > limits.READ) if verdict is None else NO_BODY
    stamps, signed = authentication_results(stamped), signatures(stamped)
    return Mail(
        message_id=next(iter(message_ids(mime.first("message-id"))), text(received.message_id).strip("<> "))[
            :400
        ],
        subject=subject,
        own_subject=own_subject(subject),
        mailbox_address=(own.reply_to or own.mailbox_address).lower(),
        from_address=address,
        from_problem=problem,
        from_line=text(", ".join(from_lines))[:_SHOWN],
        to=_addressed(mime),
        in_reply_to=message_ids(mime.first("in-reply-to")),
        references=message_ids(mime.first("references")),
        automatic=verdict[0] if verdict else None,
        automatic_why=verdict[1] if verdict else NOTHING,
        stamps_from="transport headers" if transport else "mail",
        auth_as=stamped.values("x-ms-exchange-organization-authas"),
        auth_mechanism=stamped.values("x-ms-exchange-organization-authmechanism"),
        stamps=stamps,
        hops=hops(stamped),
        signatures=signed,
        date=date_of(stamped.first("date")),
        # Of a mail that is too large the server gives the headers alone: its parts are not there to be judged, or read.
        two_readings=two_readings(mime, transport, () if received.too_large else found, received.raw)
        if verdict is None
        else NOTHING,
        structure_doubt=NOTHING
        if verdict or _structure_vouched(stamps, signed, address)
        else structure_doubt(found),
        encoding_doubt=NOTHING if verdict else encoding_doubt(found),
        signed=verdict is None and looks_signed(found),
        sealed=seen.sealed,
        text=seen.text,
        marked=seen.marked,
        new_text=seen.new_text,
        with_signature=seen.with_signature,
        set_apart=seen.set_apart,
        quoted_cut=seen.quoted_cut,
        markup=seen.markup,
        voting=text(received.voting)[:_SHOWN],
        returned=returned(mime, found) if verdict and verdict[0] in _ABOUT_A_MAIL else None,
        text_truncated=seen.truncated,
        quote_doubtful=seen.doubtful,
        too_large=received.too_large,
        text_unfinished=seen.unfinished,
        perhaps_hidden=seen.perhaps_hidden,
    )


def _structure_vouched(
    stamps: Sequence[AuthenticationResults], signed: Sequence[Signature], address: str | None
) -> bool:
    """Nobody can have changed Content-Type on the way of what is proved: From's domain signed it; or there is neither a
    signature of it nor a server that says that DMARC passed, so that nothing but a mark of our own server can prove
    the sender, of whom it had the mail itself."""
    domain = (address or "").rpartition("@")[2]
    of_domain = [signature for signature in signed if signature.unread or signature.domain == domain]
    if of_domain:
        return all("content-type" in signature.headers for signature in of_domain)
    return not any(one.result == "pass" for stamp in stamps for one in stamp.of("dmarc"))


_ABOUT_A_MAIL = (Kind.BOUNCE, Kind.READ_RECEIPT, Kind.REPORT)


def _transport_headers(block: str) -> Headers:
    if len(block) > limits.HEADER_BLOCK:
        raise Unparseable(
            Sentence("Its transport headers are longer than {number} kB.", number=limits.HEADER_BLOCK // 1024)
        )
    return Headers(block)


def _sender(mime: Headers, transport: Headers, received: Received) -> tuple[str | None, Sentence]:
    try:
        return sender(mime, transport, received), NOTHING
    except SenderProblem as problem:
        return None, problem.sentence


def _addressed(mime: Headers) -> tuple[str, ...]:
    named = (
        address for name in ("to", "cc") for header in mime.all(name) for address in addresses(header.value)
    )
    return tuple(dict.fromkeys(named))
