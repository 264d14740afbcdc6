"""Replies that are prepared for whoever is asked: where they go, and what a link writes into them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote

from placet.approvals.questions import Question
from placet.mail import mime
from placet.mailboxes.models import Mailbox

LONGEST_PREPARED = 800  # characters of the lines in a link: browsers and mail programs cut long ones
NOT_ANSWERED: Mapping[str, str] = MappingProxyType({})


def answer_lines(asked: Sequence[Question], given: Mapping[str, str] = NOT_ANSWERED) -> list[str]:
    """The lines of a prepared reply in which the questions of a step are answered. `given`: what is known to be
    understood, by the names of questions."""
    whole = [f"{one.mark} {one.label}: {given.get(one.field.name, '')}" for one in asked]
    if sum(map(len, whole)) <= LONGEST_PREPARED:
        return whole
    return [f"{one.mark}: {given.get(one.field.name, '')}" for one in asked]


def reply_address(mailbox: Mailbox, code: str) -> str:
    """Where a reply goes: the mailbox, with the reply code behind a plus where the server takes that."""
    address = str(mailbox.settings.get("reply_to") or mailbox.address)
    if not mailbox.settings.get("plus_addressing", True):
        return address
    local, _plus, domain = address.rpartition("@")
    return f"{local}+{code}@{domain}"


def answer_link(mailbox: Mailbox, code: str, subject: str, word: str, lines: Sequence[str] = ()) -> str:
    """A mailto link (RFC 6068) with `word` as the prefilled answer; it opens a mail, nothing is decided by a click.
    The line with the code below it says that the mail answers ours: it quotes nothing, and belongs to no thread.
    `lines`: those in which questions are answered.

    The plus of the address is written %2B, because some mail programs read + as a space.
    """
    address = quote(reply_address(mailbox, code), safe="@")
    again = quote(f"Re: {mime.one_line(subject)}", safe="")
    body = quote(
        "\r\n".join([word, "", *lines, *([""] if lines else []), f"#{code}"]), safe=""
    )  # as RFC 6068 breaks
    return f"mailto:{address}?subject={again}&body={body}"
