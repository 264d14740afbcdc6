"""Who a mail says it is from: one address that every source agrees on, or a problem in words."""

from collections.abc import Iterator

from placet.lib.sentences import Sentence
from placet.mailboxes.base import Received
from placet.replies.parse.addresses import BadAddress, one_address
from placet.replies.parse.headers import Headers


class SenderProblem(ValueError):
    """One sentence for the administrator."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def sender(mime: Headers, transport: Headers, received: Received) -> str:
    """The only sender. Raises SenderProblem.

    Sources: From and Sender headers of the mail and of the transport headers, and the server's own From and
    Sender properties. All that are there must name the same address. Exchange writes the mail's headers anew
    from its properties, so a second From header shows only in the transport headers.
    """
    if not mime.has("from") and not transport.has("from"):
        raise SenderProblem(Sentence("It has no From header."))
    named = list(_named(mime, transport, received))
    address = named[0][1]
    for source, other in named[1:]:
        if other != address:
            raise SenderProblem(
                Sentence(
                    "{source} names {address}, but {other_source} names {other}.",
                    source=named[0][0], address=address, other_source=source, other=other,
                )
            )  # fmt: skip
    return address


def _named(mime: Headers, transport: Headers, received: Received) -> Iterator[tuple[Sentence, str]]:
    for headers, where in ((mime, _IN_MAIL), (transport, _IN_TRANSPORT)):
        for name in ("from", "sender"):
            if headers.has(name):
                source = Sentence("{header} in {place}", header=name.title(), place=where)
                yield source, _only(headers, name, where)
    if received.from_:
        yield Sentence("the server's From property"), received.from_.lower()
    if received.sender:
        yield Sentence("the server's Sender property"), received.sender.lower()


_IN_MAIL, _IN_TRANSPORT = Sentence("the mail"), Sentence("the transport headers")


def _only(headers: Headers, name: str, where: Sentence) -> str:
    found = headers.all(name)
    if len(found) != 1:
        said = Sentence(
            "There are {number} {header} headers in {place}.",
            number=len(found), header=name.title(), place=where,
        )  # fmt: skip
        raise SenderProblem(said)
    if found[0].malformed:
        said = Sentence(
            "The name of the {header} header in {place} is malformed.", header=name.title(), place=where
        )
        raise SenderProblem(said)
    try:
        return one_address(found[0].value)
    except BadAddress as error:
        said = Sentence(
            "The {header} header in {place} {problem}.",
            header=name.title(), place=where, problem=error.problem,
        )  # fmt: skip
        raise SenderProblem(said) from error
