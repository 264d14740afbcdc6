"""Who a mail says it is from: one address that every source agrees on, or a problem in words."""

from collections.abc import Iterator

from placet.mailboxes.base import Received
from placet.replies.parse.addresses import BadAddress, one_address
from placet.replies.parse.headers import Headers


class SenderProblem(ValueError):
    """The message is one sentence for the administrator."""


def sender(mime: Headers, transport: Headers, received: Received) -> str:
    """The only sender. Raises SenderProblem.

    Sources: From and Sender headers of the mail and of the transport headers, and the server's own From and
    Sender properties. All that are there must name the same address. Exchange writes the mail's headers anew
    from its properties, so a second From header shows only in the transport headers.
    """
    if not mime.has("from") and not transport.has("from"):
        raise SenderProblem("It has no From header.")
    named = list(_named(mime, transport, received))
    address = named[0][1]
    for source, other in named[1:]:
        if other != address:
            raise SenderProblem(f"{named[0][0]} names {address}, but {source} names {other}.")
    return address


def _named(mime: Headers, transport: Headers, received: Received) -> Iterator[tuple[str, str]]:
    for headers, where in ((mime, "the mail"), (transport, "the transport headers")):
        for name in ("from", "sender"):
            if headers.has(name):
                yield f"{name.title()} in {where}", _only(headers, name, where)
    if received.from_:
        yield "The server's From property", received.from_.lower()
    if received.sender:
        yield "the server's Sender property", received.sender.lower()


def _only(headers: Headers, name: str, where: str) -> str:
    found = headers.all(name)
    if len(found) != 1:
        raise SenderProblem(f"There are {len(found)} {name.title()} headers in {where}.")
    if found[0].malformed:
        raise SenderProblem(f"The name of the {name.title()} header in {where} is malformed.")
    try:
        return one_address(found[0].value)
    except BadAddress as error:
        raise SenderProblem(f"The {name.title()} header in {where} {error}.") from error
