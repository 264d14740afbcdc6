"""Which request a mail starts, where it carries no reply code of an ask: by the address that it was sent to, or, of the
rest of one that lacked something, by the reply code of our mail that asked for it.

An address counts in To and Cc, as a reply code does. It says which process is meant, and proves nobody.
"""

from dataclasses import dataclass

from placet.approvals.composing import hash_of
from placet.approvals.models import MailedStart
from placet.approvals.start_address import START
from placet.lib.sentences import Sentence
from placet.replies import refusals
from placet.replies.parse import Mail, words
from placet.replies.pick import codes


@dataclass(frozen=True)
class PickedStart:
    """What a mail starts, or completes.

    keys    of the processes that its addresses name, each once
    row     what it completes; None: it starts something
    code    the reply code of that
    places  where the mail says so, as in `pick.FoundCode`
    """

    keys: tuple[str, ...] = ()
    row: MailedStart | None = None
    code: str = ""
    places: tuple[str, ...] = ("address",)


def pick_start(mail: Mail, unpicked: refusals.Refusal) -> PickedStart:
    """Raises CodesDisagree, AutomaticReply, or `unpicked`: why the mail answers no ask, where it starts nothing."""
    found = codes(mail)
    hashes = {code.code: hash_of(code.code) for code in found}
    rows = {row.code_hash: row for row in _rows(set(hashes.values()))} if hashes else {}
    # In the text a word may only look like a code, as in `pick`.
    counted = [code for code in found if code.places != ("text",) or hashes[code.code] in rows]
    if len(counted) > 1:
        raise refusals.CodesDisagree(tuple(place for code in counted for place in code.places))
    if counted:
        row = rows.get(hashes[counted[0].code])
        if row is None:
            raise unpicked
        if mail.subject.casefold().startswith(words.AUTOMATIC_SUBJECTS):
            # Alone this is no proof of a program. But people answer such a mail by “Re: Something is missing”.
            raise refusals.AutomaticReply(Sentence("its subject is that of an automatic reply"))
        return PickedStart(row=row, code=counted[0].code, places=counted[0].places)
    keys = _keys(mail)
    if not keys:
        raise unpicked
    return PickedStart(keys)


def _rows(hashes: set[str]) -> list[MailedStart]:
    rows = MailedStart.objects.filter(code_hash__in=hashes)
    return list(rows.select_related("person", "version__process", "outgoing__mailbox", "request"))


def _keys(mail: Mail) -> tuple[str, ...]:
    local, _, domain = mail.mailbox_address.partition("@")
    keys = []
    for address in mail.to:
        name, _, at = address.partition("@")
        base, _, tag = name.partition("+")
        if base == local and at == domain and tag.startswith(START):
            keys.append(tag.removeprefix(START))
    return tuple(dict.fromkeys(keys))
