"""Which ask a mail answers: by the reply codes in places that the sender's program fills from our mail.

A code counts in a plus address of To and Cc, in the subject, and in text that is not quoted. It does not
count in the envelope (Received ... for, Delivered-To), because a rule that redirects somebody's mail to us
writes there, nor in quoted text, because a thread may quote several asks. It says which ask is
meant, and not that the mail answers it: that is for `pick_answered` to see.
"""

import itertools
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from placet.accounts.addresses import addresses_of
from placet.approvals.composing import hash_of
from placet.approvals.models import Absence, Ask, AskLine, MailedStart
from placet.approvals.undo_rules import can_undo
from placet.lib.prepared import Prepared
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mail.packing import Damaged
from placet.mail.read_past import ANY_CODE
from placet.mailboxes.models import Mailbox
from placet.replies import refusals
from placet.replies.parse import CODE, Mail

_FLAGS = re.ASCII | re.IGNORECASE  # ASCII: or the Kelvin sign would be a k
_WHOLE = re.compile(CODE, _FLAGS)
IN_SUBJECT = re.compile(rf"\[#({CODE})\]", _FLAGS)
_IN_TEXT = re.compile(rf"(?<![A-Za-z0-9#&])#({CODE})(?![A-Za-z0-9])", _FLAGS)
_IN_ADDRESS = re.compile(rf"\+({CODE})@", _FLAGS)
_ANYWHERE = re.compile(rf"(?:[#+]|=23|=2B|%23|%2B)({CODE})(?![A-Za-z0-9])", _FLAGS)
_MARKED = re.compile(rf"([#+]){CODE}(?![A-Za-z0-9])", _FLAGS)


MOST_AGAIN = 5  # mails that asked to answer again, the newest ones
LOOKED_THROUGH = 200  # such mails to one person, whatever they are about
MOST_ASIDE = 1000  # what looks like a code in a mail that is set aside


@dataclass(frozen=True)
class FoundCode:
    """One reply code, lower case, and the places it was found in: "address", "subject", "text"."""

    code: str
    places: tuple[str, ...]


def codes(mail: Mail) -> tuple[FoundCode, ...]:
    """The distinct reply codes of a mail. Whether they belong to one ask is for the caller to see."""
    return _grouped(_places(mail))


def codes_in_returned(mail: Mail) -> tuple[FoundCode, ...]:
    """Reply codes in the mail that a bounce returned: they tell which of our mails bounced, no more."""
    headers = mail.returned.headers if mail.returned else ""
    return _grouped(
        (found[1].lower(), place)
        for place, pattern in (("address", _IN_ADDRESS), ("subject", IN_SUBJECT))
        for found in pattern.finditer(headers)
    )


def _places(mail: Mail) -> Iterator[tuple[str, str]]:
    local, _, domain = mail.mailbox_address.partition("@")
    for address in mail.to:
        name, _, at = address.partition("@")
        base, _, tag = name.partition("+")
        if base == local and at == domain and _WHOLE.fullmatch(tag):
            yield tag, "address"
    for place, pattern, text in (
        ("subject", IN_SUBJECT, mail.subject),
        ("text", _IN_TEXT, mail.with_signature),
    ):
        for found in pattern.finditer(text):
            yield found[1].lower(), place


def _grouped(found: Iterator[tuple[str, str]]) -> tuple[FoundCode, ...]:
    places: dict[str, dict[str, None]] = {}
    for code, place in found:
        places.setdefault(code, {})[place] = None
    return tuple(FoundCode(code, tuple(where)) for code, where in places.items())


@dataclass(frozen=True)
class Picked:
    """The ask that a mail answers, and its reply code (which the database does not know)."""

    line: AskLine
    code: str
    places: tuple[str, ...]  # as in FoundCode
    lines: tuple[AskLine, ...] = ()  # of a digest: all of them, by their numbers; `line` is the first

    @property
    def is_digest(self) -> bool:
        return len(self.lines) > 1

    @cached_property
    def addresses(self) -> frozenset[str]:
        """The addresses that an answer to this ask may come from."""
        return frozenset(addresses_of(self.line.ask.person))

    @cached_property
    def ours(self) -> Sequence[OutgoingMail]:
        """Our mails that carry the reply code."""
        lines = self.lines or (self.line,)
        undo = any(can_undo(line.assignment.visit.request.version) for line in lines)
        return mails_with_code(self.line, self.addresses, undo=undo)


def pick(mail: Mail) -> Picked:
    """The one ask whose code the mail carries. Raises NoCode, UnknownCode or CodesDisagree.

    Codes that we never gave out count as well: whoever mixes a right one with others is not believed. Only in
    the text they may be something else that looks alike (#approvalsprocess), so there they are passed over.
    """
    found = codes(mail)
    if not found:
        raise refusals.NoCode
    hashes = [hash_of(code.code) for code in found]
    lines: dict[str, list[AskLine]] = {}
    for line in _LINES(hash=hashes[0]) if len(hashes) == 1 else _lines_of(hashes):
        lines.setdefault(line.ask.code_hash, []).append(line)
    counted = [code for code in found if code.places != ("text",) or hash_of(code.code) in lines]
    if not counted:
        raise refusals.UnknownCode
    if len(counted) > 1:
        raise refusals.CodesDisagree(tuple(place for code in counted for place in code.places))
    asked = sorted(lines.get(hash_of(counted[0].code), ()), key=lambda line: line.line)
    if not asked:
        raise refusals.UnknownCode
    return Picked(asked[0], counted[0].code, counted[0].places, tuple(asked))


def pick_signed(mail: Mail, picked: Picked) -> Picked:
    """The same ask, with the places of what was signed that name it. Raises CodesDisagree where that names another."""
    try:
        signed = pick(mail)
    except (refusals.NoCode, refusals.UnknownCode):  # it stands in what is quoted there
        return replace(picked, places=())
    if signed.code != picked.code:
        raise refusals.CodesDisagree((*picked.places, *signed.places))
    return replace(picked, places=signed.places)


def one_line(picked: Picked, line: AskLine) -> Picked:
    """The same, of one line of a digest."""
    return Picked(line, picked.code, picked.places)


def mails_with_code(line: AskLine, addresses: Collection[str], *, undo: bool) -> list[OutgoingMail]:
    """Our mails that carry this ask's reply code: the one that asked, and those that asked to answer again; with
    `undo`, those too that say how to take an answer back."""
    asked = [line.ask.outgoing] if line.ask.outgoing else []
    kinds = _AGAIN_OR_UNDO if undo else _AGAIN
    named = {f"to{number}": address for number, address in enumerate(sorted(addresses))}
    causes = _causes(kinds, len(named), LOOKED_THROUGH)(since=line.ask.created_at, **named) if named else []
    answers = IncomingMail.objects.filter(
        pk__in=[cause.partition(":")[2] for cause in causes], verdict__ask=str(line.ask.public_id)
    )
    newest = list(answers.order_by("-pk").values_list("pk", flat=True)[:MOST_AGAIN]) if causes else []
    again = OutgoingMail.objects.filter(
        kind__in=kinds, to__in=addresses, cause__in=[f"incoming:{pk}" for pk in newest]
    )
    return [*asked, *again] if newest else asked


#: Kinds of mails that ask to answer again; and those that say how to take an answer back, of which there are as many as
#: somebody gave answers, so they are looked through only where that can be.
_AGAIN = tuple(f"refusal-{refusal.key}" for refusal in refusals.ANSWER_AGAIN)
_AGAIN_OR_UNDO = (*_AGAIN, "confirmation")


@cache
def _causes(kinds: tuple[str, ...], addresses: int, most: int) -> Prepared[str]:
    """Of the newest such mails to so many addresses: what each of them answers."""

    def newest(given: Callable[[str], Any]) -> QuerySet[OutgoingMail, str]:
        to = [given(f"to{number}") for number in range(addresses)]
        mails = OutgoingMail.objects.filter(kind__in=kinds, to__in=to, created_at__gte=given("since"))
        return mails.order_by("-pk").values_list("cause", flat=True)[:most]

    return Prepared(newest)


def mails_answered(mail: Mail, line: AskLine) -> list[bytes]:
    """`answered_of` all that carry the reply code, as they were sent."""
    ours = mails_with_code(line, addresses_of(line.ask.person), undo=True)
    return [bytes(sent.raw) for sent in answered_of(mail, line, ours)]


def answered_of(mail: Mail, line: AskLine, ours: Sequence[OutgoingMail]) -> list[OutgoingMail]:
    """Our own mails that a reply may quote: the one that asked, and those that asked to answer again and that its
    headers or its text name (a refusal is answered like the ask)."""
    ids = {f"<{message_id}>" for message_id in (*mail.in_reply_to, *mail.references)}
    return [
        sent
        for sent in ours
        if sent.pk == line.ask.outgoing_id
        or not ids.isdisjoint(sent.message_ids)
        or sent.reference in mail.text
    ]


def _known_by(ids: Sequence[str]) -> Q:
    """Mails of ours with one of these ids: those that we gave, or the server."""
    return Q(message_id__in=ids) | Q(server_message_id__in=ids)


def answers_an_ask(mail: Mail) -> bool:
    """Whether a mail that no person wrote belongs to an ask of ours all the same."""
    return _lines_of([hash_of(found.code) for found in codes(mail)]).exists()


def bounced(mail: Mail, mailbox: Mailbox) -> OutgoingMail | None:
    """Which of our mails a report says was not delivered: by the Message-ID or a reply code in what came back, or by
    the reference that it was given on the way (ENVID)."""
    if mail.returned is None:
        return None
    ids = [f"<{message_id}>" for message_id in mail.returned.message_ids]
    # "Sending" too: the report of a send that was cut off may come before Sent Items was looked at.
    state = OutgoingMail.State
    sent = mailbox.outgoing.filter(state__in=[state.SENT, state.SENDING, state.UNSURE])
    reference = Q(reference=mail.returned.envelope_id) if mail.returned.envelope_id else Q()
    by_id = sent.filter(_known_by(ids) | reference).first()
    if by_id is not None:
        return by_id
    hashes = [hash_of(found.code) for found in codes_in_returned(mail)]
    return sent.filter(ask__code_hash__in=hashes).first()


def aside_codes(incoming: IncomingMail, mail: Mail | None) -> list[str]:
    """Keyed hashes of the reply codes of asks that stand anywhere in a mail that is set aside, also in what it quotes:
    nobody could say which one it answers. Where it could not even be parsed, `mail` is None, and what is encoded is not
    looked into; the plus address of a reply never is. Of a mail that the server did not give: any code."""
    if incoming.facts.get("unread"):
        return [ANY_CODE]
    raw = re.sub(rb"=\r?\n", b"", bytes(incoming.raw)).decode("latin-1")
    texts = [incoming.transport_headers, raw, *([mail.subject, mail.text] if mail else [])]
    found = dict.fromkeys(code[1].lower() for text in texts for code in _ANYWHERE.finditer(text))
    hashes = [hash_of(code) for code in itertools.islice(found, MOST_ASIDE)]
    asks = Ask.objects.filter(code_hash__in=hashes).values_list("code_hash", flat=True)
    return [*asks, *MailedStart.objects.filter(code_hash__in=hashes).values_list("code_hash", flat=True)]


def codes_of_kept(number: int) -> list[str]:
    """The same of a mail that waits to be taken in, by its key; any code, where it cannot be read."""
    try:
        incoming = IncomingMail.objects.filter(pk=number).first()
    except Damaged:
        return [ANY_CODE]
    return aside_codes(incoming, None) if incoming is not None else []


def without_codes(text: str, code: str = "") -> str:
    """The text to keep or show: reply codes that are marked as such, and `code` wherever it stands, are left out."""
    text = _MARKED.sub(r"\1…", text)
    return re.sub(code, "…", text, flags=re.IGNORECASE) if code else text


def _lines_of(hashes: Sequence[Any]) -> QuerySet[AskLine]:
    of_absent = Absence.objects.filter(person=OuterRef("ask__person"), ended_at=None)
    lines = AskLine.objects.filter(ask__code_hash__in=hashes).annotate(is_of_absent=Exists(of_absent))
    return lines.select_related(
        "ask__person",
        "ask__outgoing",
        "completes__incoming",
        "asks_back__asked_by",
        "clarified",
        "assignment__visit__request__version",
        "assignment__visit__request__requester",
    )


_LINES = Prepared(lambda given: _lines_of([given("hash")]))
