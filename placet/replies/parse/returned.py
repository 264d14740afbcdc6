"""What a bounce or a receipt says about the mail it is about (RFC 3464, RFC 8098, and older forms).

77 % of bounces hold the Message-ID of the mail that bounced, 8 % name it in their own headers. A returned
mail holds our own words: nothing here is ever read as an answer.
"""

import re
from collections.abc import Iterator, Sequence

from placet.replies.parse import limits
from placet.replies.parse.addresses import addresses
from placet.replies.parse.headers import Headers, message_ids, text
from placet.replies.parse.mail import Returned
from placet.replies.parse.parts import Part

_MESSAGE_ID = re.compile(
    r"^[ \t>]*(?:original-)?message-id:[ \t]*<([^<>\s]{1,400})>", re.IGNORECASE | re.MULTILINE
)
_RETURNED_HEADER = re.compile(
    r"^[ \t>]*(?:to|cc|reply-to|subject|message-id|x-placet-reference):[^\n]{0,998}",
    re.IGNORECASE | re.MULTILINE,
)
_DIAGNOSTIC = 500  # characters
_ENVELOPE_ID = 100  # characters (RFC 3461 4.4)


def returned(headers: Headers, parts: Sequence[Part]) -> Returned:
    """Everything found; empty fields where nothing was."""
    texts = [part.text() for part in parts if not part.container and _tells(part)]
    blocks = [_header_lines(part) for part in parts if part.in_message]
    whole = "\n".join([*blocks, *texts])[: limits.READ]
    ids = [*_MESSAGE_ID.findall(whole), *message_ids(headers.first("in-reply-to"))]
    ids.extend(message_ids(headers.first("references")))
    fields = _statuses(parts)
    return Returned(
        message_ids=tuple(dict.fromkeys(ids))[:20],
        envelope_id=_field(fields, "original-envelope-id").strip()[:_ENVELOPE_ID],
        recipients=tuple(dict.fromkeys(_recipients(fields, headers)))[:20],
        status=_field(fields, "status")[:20],
        diagnostic=text(_field(fields, "diagnostic-code").partition(";")[2])[:_DIAGNOSTIC].strip(),
        headers="\n".join(_RETURNED_HEADER.findall(whole)[:50]),
    )


def actions(parts: Sequence[Part]) -> frozenset[str]:
    """What a delivery status says became of the mail, of each of its recipients (RFC 3464 2.3.3): failed, delayed,
    delivered, relayed or expanded, lower case. Empty where it does not say."""
    said = (group.first("action").split("(")[0].strip().lower() for group in _statuses(parts))
    return frozenset(action for action in said if action)


def _statuses(parts: Sequence[Part]) -> list[Headers]:
    return [
        field for part in parts if part.content_type.endswith("delivery-status") for field in _fields(part)
    ]


def _tells(part: Part) -> bool:
    return part.content_type.startswith(("text/", "message/"))


def _header_lines(part: Part) -> str:
    """Headers of a returned mail; the MIME parser has taken them out of the text."""
    return "\n".join(f"{name}: {text(str(value))}" for name, value in part.message.items()[:200])


def _fields(part: Part) -> Iterator[Headers]:
    """The groups of fields of a delivery status; the MIME parser makes a small message of each."""
    payload = part.message.get_payload() if part.container else None
    if isinstance(payload, list):
        for group in payload[: limits.PARTS]:
            if not isinstance(group, str):
                yield Headers("\n".join(f"{name}: {text(str(value))}" for name, value in group.items()[:50]))
    else:
        for block in part.text().split("\n\n")[: limits.PARTS]:
            yield Headers(block)


def _field(fields: Sequence[Headers], name: str) -> str:
    return next((group.first(name) for group in fields if group.has(name)), "")


def _recipients(fields: Sequence[Headers], headers: Headers) -> Iterator[str]:
    for group in fields:
        for name in ("final-recipient", "original-recipient"):
            yield from addresses(group.first(name).partition(";")[2])
    yield from addresses(headers.first("x-failed-recipients"))
