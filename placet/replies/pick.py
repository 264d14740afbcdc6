"""Which ask a mail answers: by the reply codes in places that the sender's program fills from our mail.

A code counts in a plus address of To and Cc, in the subject, and in text that is not quoted. It does not
count in the envelope (Received ... for, Delivered-To), because a rule that redirects somebody's mail to us
writes there, nor in quoted text, because a thread may quote several asks. In the address alone it decides
nothing: any mail can ask for answers to be sent there (Reply-To), and a yes to that is no yes to our ask.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from placet.approvals.messages import hash_of
from placet.approvals.models import AskLine
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.replies import refusals
from placet.replies.parse import CODE, Mail

_FLAGS = re.ASCII | re.IGNORECASE  # ASCII: or the Kelvin sign would be a k
_WHOLE = re.compile(CODE, _FLAGS)
_IN_SUBJECT = re.compile(rf"\[#({CODE})\]", _FLAGS)
_IN_TEXT = re.compile(rf"(?<![A-Za-z0-9#&])#({CODE})(?![A-Za-z0-9])", _FLAGS)
_IN_ADDRESS = re.compile(rf"\+({CODE})@", _FLAGS)
_MARKED = re.compile(rf"([#+]){CODE}(?![A-Za-z0-9])", _FLAGS)


MOST_QUOTED = 5  # mails of a thread that a reply is compared with
TITLE_COMPARED = 40  # letters of the title; some mail programs shorten a subject


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
        for place, pattern in (("address", _IN_ADDRESS), ("subject", _IN_SUBJECT))
        for found in pattern.finditer(headers)
    )


def _places(mail: Mail) -> Iterator[tuple[str, str]]:
    local, _, domain = mail.mailbox_address.partition("@")
    for address in mail.to:
        name, _, at = address.partition("@")
        base, plus, tag = name.partition("+")
        if plus and base == local and at == domain and _WHOLE.fullmatch(tag):
            yield tag.lower(), "address"
    for place, pattern, text in (
        ("subject", _IN_SUBJECT, mail.subject),
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
    named: bool  # the person who answers sees what it is about
    places: tuple[str, ...]  # where the mail carries the code: "address", "subject", "text"


def pick(mail: Mail) -> Picked:
    """The one ask whose code the mail carries. Raises NoCode, UnknownCode or CodesDisagree.

    Codes that we never gave out count as well: whoever mixes a right one with others is not believed. Only in
    the text they may be something else that looks alike (#approvalsprocess), so there they are passed over.
    """
    found = codes(mail)
    if not found:
        raise refusals.NoCode
    lines = {line.ask.code_hash: line for line in _lines_of([code.code for code in found])}
    counted = [code for code in found if code.places != ("text",) or hash_of(code.code) in lines]
    if not counted:
        raise refusals.UnknownCode
    if len(counted) > 1:
        raise refusals.CodesDisagree(tuple(place for code in counted for place in code.places))
    line = lines.get(hash_of(counted[0].code))
    if line is None:
        raise refusals.UnknownCode
    return Picked(line, counted[0].code, _named(mail, line, counted[0].places), counted[0].places)


def _named(mail: Mail, line: AskLine, places: tuple[str, ...]) -> bool:
    """Whether the person who answers sees what the answer is about: the code stands in their own text, or in
    a subject that still holds the request's title. ("Lunch? [#code]" was made by somebody else.)"""
    if "text" in places:
        return True
    title = _letters(line.assignment.visit.request.title)[:TITLE_COMPARED]
    return "subject" in places and title in _letters(mail.subject)


def _letters(text: str) -> str:
    """Letters and digits alone: mail programs fold, shorten and re-encode what stands between them."""
    return "".join(
        character for character in unicodedata.normalize("NFKC", text).casefold() if character.isalnum()
    )


def mails_answered(mail: Mail, line: AskLine) -> list[bytes]:
    """Our own mails that a reply may quote, as they were sent: the one that asked, and those to the same person
    that it says it answers (a refusal is answered like the ask)."""
    asked = line.ask.outgoing
    ids = [f"<{message_id}>" for message_id in (*mail.in_reply_to, *mail.references[-MOST_QUOTED:])]
    others = OutgoingMail.objects.filter(message_id__in=ids, to=line.ask.person.email)
    if asked is not None:
        others = others.exclude(pk=asked.pk)
    raws = [bytes(raw) for raw in others.values_list("raw", flat=True)[:MOST_QUOTED]]
    return raws if asked is None else [bytes(asked.raw), *raws]


def answers_an_ask(mail: Mail) -> bool:
    """Whether a mail that no person wrote belongs to an ask of ours all the same."""
    return _lines_of([found.code for found in codes(mail)]).exists()


def bounced(mail: Mail, mailbox: Mailbox) -> OutgoingMail | None:
    """Which of our mails a report says was not delivered: by the Message-ID or a reply code in what came back."""
    if mail.returned is None:
        return None
    ids = [f"<{message_id}>" for message_id in mail.returned.message_ids]
    # "Sending" too: the report of a send that was cut off may come before Sent Items was looked at.
    sent = mailbox.outgoing.filter(state__in=[OutgoingMail.State.SENT, OutgoingMail.State.SENDING])
    by_id = sent.filter(message_id__in=ids).first()
    if by_id is not None:
        return by_id
    hashes = [hash_of(found.code) for found in codes_in_returned(mail)]
    return sent.filter(ask__code_hash__in=hashes).first()


def without_codes(text: str, code: str = "") -> str:
    """The text to keep or show: reply codes that are marked as such, and `code` wherever it stands, are left out."""
    text = _MARKED.sub(r"\1…", text)
    return re.sub(code, "…", text, flags=re.IGNORECASE) if code else text


def _lines_of(found: list[str]) -> QuerySet[AskLine]:
    hashes = [hash_of(code) for code in found]
    return AskLine.objects.filter(ask__code_hash__in=hashes).select_related(
        "ask__person", "ask__outgoing", "assignment__visit__request__version"
    )
