"""Whether a mail answers a mail of ours, rule by rule; what programs write is in tests/journeys and tests/attacks."""

import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from django.utils import timezone

from placet.accounts.addresses import add_address
from placet.accounts.models import Person
from placet.approvals.models import AskLine
from placet.approvals.proofs import Level
from placet.mail.models import OutgoingMail
from placet.mailboxes.base import Folder, Received
from placet.replies import refusals
from placet.replies.entry import known_words
from placet.replies.parse import OwnMail, parse
from placet.replies.pick import Picked
from placet.replies.pick_answered import COMPARED, LONGEST_WAIT, NotKnownYet, _texts, must_answer_us
from placet.replies.prove import Proof
from tests.making import SAMPLE, make_mailbox, one_step, start
from tests.replies.test_pick import written

pytestmark = pytest.mark.django_db

OURS = "approvals@contoso.example"
BOB = "bob@contoso.example"
COLLEAGUE = Proof(Level.COLLEAGUE, BOB, "transport headers")
ALL_PLACES = ("address", "subject", "text")
LONG = "A standing desk for the corner room on the third floor, and what belongs to it"


@pytest.fixture
def line(alice: Person) -> AskLine:
    """Bob is asked about Alice's desk; Sent Items was read for our mail."""
    make_mailbox(OURS)
    start(SAMPLE, alice)
    line = AskLine.objects.get()
    assert line.ask.outgoing is not None
    OutgoingMail.objects.update(state="sent", lookup_due=None)
    line.ask.outgoing.refresh_from_db()
    return line


def sent(line: AskLine) -> OutgoingMail:
    assert line.ask.outgoing is not None
    return line.ask.outgoing


def verdict(
    line: AskLine,
    text: str = "approve",
    *,
    subject: str = "RE: {ours}",
    places: tuple[str, ...] = ALL_PLACES[:2],
    proof: Proof = COLLEAGUE,
    minutes: int = 0,
    **headers: str,
) -> str:
    """Of a mail that Bob wrote, kept so many minutes ago: "ours", "later", or why not."""
    fill = {"ours": sent(line).subject, "id": sent(line).message_id, "title": "Desk", "code": code_of(line)}
    head = {"From": BOB, "To": OURS, "Subject": subject, "Content-Type": "text/plain; charset=utf-8"}
    head |= {name.replace("_", "-"): value for name, value in headers.items()}
    raw = "".join(f"{name}: {value.format(**fill)}\r\n" for name, value in head.items()) + f"\r\n{text}\r\n"
    received = Received("1", Folder.INBOX, raw.encode(), "", "IPM.Note", None, len(raw))
    own = OwnMail(OURS, "")
    picked = Picked(line, code_of(line), places)
    kept_at = timezone.now() - timedelta(minutes=minutes)
    try:
        must_answer_us(parse(received, own), picked, own, known_words(), proof, kept_at=kept_at)
    except NotKnownYet:
        return "later"
    except refusals.NotNamed as refusal:
        return str(refusal.why)
    return "ours"


def code_of(line: AskLine) -> str:
    (code,) = re.findall(r"\[#([a-z2-7]{16})\]", sent(line).subject)
    return str(code)


ANOTHERS = "What it quotes is not our mail."
NOTHING = "It does not quote our mail, does not answer it by its headers, and is not as our links prepare it."
NOT_SIGNED = (
    "It does not quote our mail. Its headers say that it answers ours, but the domain of the sender did not "
    "sign them."
)
OLD = int(LONGEST_WAIT / timedelta(minutes=1)) + 1


# --- by its headers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "result"),
    [
        ({"In_Reply_To": "{id}"}, "ours"),
        ({"References": "{id}"}, "ours"),
        ({"References": "<other@mail.example> {id}"}, "ours"),
        ({"In_Reply_To": "{id}", "References": "{id} <other@mail.example>"}, "ours"),
        ({"References": "{id} <other@mail.example>"}, NOTHING),
        ({"In_Reply_To": "<other@mail.example>", "References": "{id}"}, NOTHING),
        ({"In_Reply_To": "<other@mail.example>"}, NOTHING),
        ({}, NOTHING),
    ],
)
def test_the_mail_that_it_answers_is_the_last_of_its_thread(
    line: AskLine, headers: dict[str, Any], result: str
) -> None:
    assert verdict(line, **headers) == result


def test_the_id_that_the_server_gave_our_mail_counts_like_our_own(line: AskLine) -> None:
    OutgoingMail.objects.update(server_message_id="<given@server.example>")
    sent(line).refresh_from_db()
    assert verdict(line, In_Reply_To="<given@server.example>") == "ours"
    assert verdict(line, In_Reply_To="{id}") == "ours"


@pytest.mark.parametrize(
    ("signed", "headers", "result"),
    [
        ("from in-reply-to", {"In_Reply_To": "{id}"}, "ours"),
        ("from in-reply-to references", {"References": "{id}"}, "ours"),
        ("from references", {"In_Reply_To": "{id}", "References": "{id}"}, NOT_SIGNED),
        ("from subject to", {"In_Reply_To": "{id}"}, NOT_SIGNED),
        # Without an In-Reply-To that is signed somebody may have taken it off, and written References.
        ("from references", {"References": "{id}"}, NOT_SIGNED),
        ("from in-reply-to", {"References": "{id}"}, NOT_SIGNED),
        ("from subject to", {"In_Reply_To": "<other@mail.example>"}, NOTHING),
    ],
)
def test_of_somebody_outside_only_headers_count_that_their_domain_signed(
    line: AskLine, signed: str, headers: dict[str, Any], result: str
) -> None:
    assert verdict(line, proof=Proof(Level.OUTSIDE, BOB, "mail", signed_headers=signed), **headers) == result


@pytest.mark.parametrize(
    ("subject", "text", "result"),
    [
        ("RE: {ours}", "approve", "ours"),
        ("{ours}", "approve", "ours"),
        ("[EXTERNAL] AW: {ours}", "approve", "ours"),
        ("RE: PLEASE  DECIDE - DESK", "approve", "ours"),
        ("RE: Please decide: De", "approve", NOTHING),  # nothing of so short a subject may be missing
        ("RE: Please decide: Desk and chair", "approve", NOTHING),
        ("RE: Please decide: Lamp", "approve", NOTHING),
        ("RE: Desk", "approve", NOTHING),
        ("RE: lunch?", "approve", NOTHING),
        ("", "approve", NOTHING),
        ("Carol too? {ours}", "approve", NOTHING),
        ("Approved Re: {ours}", "approve", NOTHING),  # the text is the answer, so this may be a question
        ("Approved Re: {ours}", "", "ours"),
        ("Re: Approved Re: {ours}", "", NOTHING),
        ("Approved {ours}", "", NOTHING),
    ],
)
def test_it_answers_under_our_subject(line: AskLine, subject: str, text: str, result: str) -> None:
    assert verdict(line, text, subject=subject, places=("address",), In_Reply_To="{id}") == result


@pytest.mark.parametrize(
    ("letters", "result"), [(COMPARED, "ours"), (COMPARED + 12, "ours"), (COMPARED - 1, NOTHING)]
)
def test_a_long_subject_may_be_shortened_but_not_below_what_tells(
    line: AskLine, letters: int, result: str
) -> None:
    """Or our subject's first words would stand for it."""
    sent(line).subject = f"{LONG} [#{code_of(line)}]"
    sent(line).save()
    shortened, count = "", 0
    for sign in LONG:
        if count == letters:
            break
        shortened, count = shortened + sign, count + sign.isalnum()
    assert verdict(line, subject=f"RE: {shortened}", places=("address",), In_Reply_To="{id}") == result


def test_a_subject_without_letters_is_under_none(line: AskLine) -> None:
    sent(line).subject = f"!! [#{code_of(line)}]"
    sent(line).save()
    for subject in ("!!", "??", ""):
        assert verdict(line, subject=subject, places=("address",), In_Reply_To="{id}") == NOTHING


# --- not known yet --------------------------------------------------------------------------------------------

QUOTES_DAVE = "yes\r\n\r\nOn Tue, Nov 24, 2026 at 10:00 AM Dave <dave@contoso.example> wrote:\r\n> Lunch?"


@pytest.mark.parametrize(
    ("text", "headers", "due", "minutes", "result"),
    [
        ("yes", {"In_Reply_To": "<other@mail.example>"}, True, 0, "later"),
        ("yes", {"References": "<other@mail.example>"}, True, 0, "later"),
        ("yes", {"In_Reply_To": "<other@mail.example>"}, True, OLD, NOTHING),
        ("yes", {"In_Reply_To": "<other@mail.example>"}, True, 1, NOTHING),  # it was there before ours
        ("yes", {"In_Reply_To": "<other@mail.example>"}, False, 0, NOTHING),
        ("yes", {}, True, 0, NOTHING),  # it answers nothing: Sent Items will not change that
        (QUOTES_DAVE, {}, True, 0, "later"),
        (QUOTES_DAVE, {"In_Reply_To": "{id}"}, True, OLD, ANOTHERS),
        (QUOTES_DAVE, {"In_Reply_To": "{id}"}, False, 0, ANOTHERS),
    ],
)
def test_what_sent_items_may_still_tell_is_waited_for_and_nothing_else(
    line: AskLine, text: str, headers: dict[str, Any], due: bool, minutes: int, result: str
) -> None:
    OutgoingMail.objects.update(lookup_due=timezone.now() if due else None)
    sent(line).refresh_from_db()
    assert verdict(line, text, minutes=minutes, **headers) == result


def test_any_of_our_mails_that_carry_the_code_may_be_the_one(line: AskLine) -> None:
    """The ask was looked up, and the mail that asked to answer again was not yet."""
    refusal = written(sent(line).mailbox, "again")
    assert verdict(line, In_Reply_To="<given@server.example>") == NOTHING
    OutgoingMail.objects.filter(pk=refusal.pk).update(state="sent", lookup_due=timezone.now())
    assert verdict(line, In_Reply_To="<given@server.example>") == "later"
    OutgoingMail.objects.filter(pk=refusal.pk).update(server_message_id="<given@server.example>")
    assert verdict(line, subject="RE: Not applied", In_Reply_To="<given@server.example>") == "ours"


def test_of_somebody_outside_whose_domain_signed_no_such_header_nothing_is_waited_for(line: AskLine) -> None:
    OutgoingMail.objects.update(lookup_due=timezone.now())
    sent(line).refresh_from_db()
    outside = Proof(Level.OUTSIDE, BOB, "mail", signed_headers="from")
    assert verdict(line, proof=outside, In_Reply_To="<other@mail.example>") == NOTHING


# --- by its quote ---------------------------------------------------------------------------------------------


def text_of(line: AskLine) -> str:
    part = message_from_bytes(bytes(sent(line).raw), policy=default).get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def quoting(line: AskLine, address: str) -> str:
    quoted = "\r\n".join(f"> {one}" for one in text_of(line).splitlines())
    return f"yes\r\n\r\nOn Tue, Nov 24, 2026 at 10:00 AM Placet <{address}> wrote:\r\n{quoted}"


def test_a_quote_of_our_mail_is_enough_and_one_of_another_s_ends_it(line: AskLine) -> None:
    assert verdict(line, quoting(line, OURS)) == "ours"
    assert verdict(line, quoting(line, "dave@contoso.example"), In_Reply_To="{id}") == ANOTHERS


@pytest.mark.parametrize("is_somebodys", [False, True])
def test_the_address_that_the_server_gave_our_mail_is_ours_unless_a_person_has_it(
    line: AskLine, dave: Person, is_somebodys: bool
) -> None:
    OutgoingMail.objects.update(server_address="requests@contoso.example")
    sent(line).refresh_from_db()
    if is_somebodys:
        add_address(dave, "requests@contoso.example")
    result = verdict(line, quoting(line, "requests@contoso.example"))
    assert result == (ANOTHERS if is_somebodys else "ours")


@pytest.mark.parametrize("server_id", ["", "<AM0PR01.ABC@EURPRD.PROD.outlook.com>"])
def test_a_head_that_names_our_mail_by_its_id_names_no_other(line: AskLine, server_id: str) -> None:
    OutgoingMail.objects.update(server_message_id=server_id)
    sent(line).refresh_from_db()
    assert verdict(line, quoting(line, (server_id or sent(line).message_id).strip("<>"))) == "ours"


def test_what_the_requester_wrote_makes_no_quote_ours(alice: Person) -> None:
    """They may have sent it to Bob before, with a question of their own."""
    make_mailbox(OURS)
    words = "standing desk with electric legs for the corner room beside the kitchen upstairs near the window"
    form = [
        {"name": "item", "label": "Item", "type": "text"},
        {"name": "amount", "label": "A", "type": "text"},
    ]
    start(one_step([{"manager": True}], form=form), alice, amount=words)
    line = AskLine.objects.get()
    OutgoingMail.objects.update(lookup_due=None)
    sent(line).refresh_from_db()
    assert words in " ".join(text_of(line).split())
    assert verdict(line, f"yes\r\n\r\n> {words}") == NOTHING


def test_texts_of_a_form_are_known_however_deep_they_are_stored() -> None:
    data = {"item": "Desk", "amount": {"minor": 5, "currency": "EUR"}, "none": None, "yes": True}
    files = {"files": [{"name": "offer.pdf", "size": 3}, {"name": "plan.pdf", "size": 4}]}
    assert list(_texts(data | files)) == ["Desk", "EUR", "offer.pdf", "plan.pdf"]


# --- as our links prepare it ----------------------------------------------------------------------------------

SIGNED = Proof(Level.OUTSIDE, BOB, "mail", signed_headers="from to in-reply-to references")
NO_TO = Proof(Level.OUTSIDE, BOB, "mail", signed_headers="from in-reply-to references")
NO_PARENTS = Proof(Level.OUTSIDE, BOB, "mail", signed_headers="from to")


@pytest.mark.parametrize(
    ("text", "more", "result"),
    [
        ("Approve", {}, "ours"),
        ("Reject", {}, "ours"),
        ("Genehmigen", {}, "ours"),
        ("Approve\r\n\r\nSent from my iPhone", {}, "ours"),
        ("Yes", {}, NOTHING),
        ("", {}, NOTHING),
        ("Approve\r\n\r\nOrder two.", {}, NOTHING),
        ("Approve\r\n\r\nOrder two.", {"places": ALL_PLACES}, "ours"),
        ("Yes", {"places": ALL_PLACES}, "ours"),
        ("Yes", {"places": ("subject", "text")}, "ours"),
        ("Approve", {"places": ("subject",)}, NOTHING),
        ("Approve", {"places": ("address",)}, NOTHING),
        ("Approve", {"places": ("address", "text")}, NOTHING),
        ("Approve", {"subject": "Re: {title}"}, "ours"),  # of the links in a mail that asks to answer again
        ("Approve", {"subject": "Re: {title} [#{code}]"}, "ours"),
        ("Approve", {"subject": "{title}"}, NOTHING),
        ("Approve", {"subject": "Re: lunch"}, NOTHING),
        ("Approve", {"subject": "Re: lunch", "places": ALL_PLACES}, NOTHING),
        ("Approve", {"In_Reply_To": "<other@mail.example>"}, NOTHING),
        ("Approve", {"References": "<other@mail.example>", "places": ALL_PLACES}, NOTHING),
        ("Approve", {"proof": SIGNED}, "ours"),
        ("Approve", {"proof": NO_TO}, NOTHING),
        ("Approve", {"proof": NO_PARENTS}, NOTHING),
        ("Approve", {"proof": NO_TO, "places": ALL_PLACES}, "ours"),
    ],
)
def test_a_mail_as_our_links_prepare_it_counts(
    line: AskLine, text: str, more: dict[str, Any], result: str
) -> None:
    assert verdict(line, text, **more) == result
