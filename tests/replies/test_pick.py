"""Which of our own mails a mail answers, or reports as not delivered: those that it names, and no others."""

import re

import pytest
from django.db import transaction
from django.utils import timezone

from placet.accounts.addresses import add_address
from placet.accounts.models import Person
from placet.approvals.models import Ask, AskLine
from placet.mail import outbox
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.base import Folder, Received
from placet.mailboxes.models import Mailbox
from placet.replies import refusals
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.parse.subjects import answer_in_front, only_marks
from placet.replies.pick import (
    MOST_AGAIN,
    Picked,
    answers_an_ask,
    bounced,
    codes,
    codes_in_returned,
    mails_answered,
    pick,
)
from tests.making import SAMPLE, make_mailbox, one_step, start

pytestmark = pytest.mark.django_db
State = OutgoingMail.State


@pytest.fixture
def mailbox(db: None) -> Mailbox:
    return make_mailbox()


@pytest.fixture
def line(mailbox: Mailbox, alice: Person) -> AskLine:
    """Bob is asked about Alice's desk."""
    start(SAMPLE, alice)
    return AskLine.objects.get()


def written(mailbox: Mailbox, cause: str, to: str = "bob@contoso.example") -> OutgoingMail:
    """Another mail of ours, which asks to answer again."""
    incoming = IncomingMail.objects.create(
        mailbox=mailbox,
        server_id=cause,
        fingerprint=cause,
        folder="inbox",
        raw=b"",
        verdict={"ask": ask_of(mailbox)},
    )
    cause = f"incoming:{incoming.pk}"
    with transaction.atomic():
        return outbox.queue(
            mailbox, kind="refusal-unclear", to=to, cause=cause, subject="Not applied", text=cause, html=cause,
            priority=OutgoingMail.Priority.NOTICE, reference=outbox.new_reference(),
        )  # fmt: skip


def ask_of(mailbox: Mailbox) -> str:
    """The newest one that it sent."""
    return str(Ask.objects.filter(outgoing__mailbox=mailbox).latest("pk").public_id)


def read(raw: str) -> Mail:
    received = Received("1", Folder.INBOX, raw.encode(), "", "IPM.Note", None, len(raw))
    return parse(received, OwnMail("approvals@contoso.example", ""))


def reply(in_reply_to: str = "", references: str = "") -> Mail:
    return read(
        f"From: bob@contoso.example\r\nTo: approvals@contoso.example\r\nIn-Reply-To: {in_reply_to}\r\n"
        f"References: {references}\r\nSubject: Re: Desk\r\n\r\nApprove\r\n"
    )


def raw(mail: OutgoingMail | None) -> bytes:
    assert mail is not None
    return bytes(OutgoingMail.objects.get(pk=mail.pk).raw)


# --- codes ----------------------------------------------------------------------------------------------------

ONE, TWO = "abcdefghijklmno2", "bcdefghijklmnop3"


@pytest.mark.parametrize(
    ("headers", "text", "seen"),
    [
        (f"To: approvals+{ONE}@contoso.example", "x", {ONE: ("address",)}),
        (f"Cc: Placet <approvals+{ONE.upper()}@contoso.example>", "x", {ONE: ("address",)}),
        (f"To: approvals+{ONE}@fabrikam.example", "x", {}),  # somebody else's plus address
        (f"To: other+{ONE}@contoso.example", "x", {}),
        (f"To: approvals{ONE}@contoso.example", "x", {}),
        (f"To: approvals+{ONE}x@contoso.example", "x", {}),
        (f"To: approvals+x{ONE}@contoso.example", "x", {}),
        (f"Subject: Re: Desk [#{ONE}]", "x", {ONE: ("subject",)}),
        (f"Subject: RE: DESK [#{ONE.upper()}]", "x", {ONE: ("subject",)}),
        (f"Subject: #{ONE}", "x", {}),
        ("Subject: x", f"Approve\n#{ONE}", {ONE: ("text",)}),
        ("Subject: x", f"Approve (#{ONE}).", {ONE: ("text",)}),
        ("Subject: x", f"Approve a#{ONE}", {}),
        ("Subject: x", f"Approve ##{ONE}", {}),
        ("Subject: x", f"Approve &#{ONE}", {}),
        ("Subject: x", f"Approve #{ONE}z", {}),
        (
            f"Subject: [#{ONE}]\nTo: approvals+{ONE}@contoso.example",
            f"#{ONE}",
            {ONE: ("address", "subject", "text")},
        ),
        (
            f"Subject: [#{ONE}]\nTo: approvals+{TWO}@contoso.example",
            "x",
            {TWO: ("address",), ONE: ("subject",)},
        ),
    ],
)
def test_a_code_counts_in_these_places_alone(
    headers: str, text: str, seen: dict[str, tuple[str, ...]]
) -> None:
    mail = read(f"From: bob@contoso.example\n{headers}\n\n{text}\n")
    assert {code.code: code.places for code in codes(mail)} == seen


NONE = "aaaaaaaaaaaaaaaa"  # was never given out


@pytest.mark.parametrize(
    ("to", "subject", "text", "result"),
    [
        ("{bob}", "Re: Desk", "x", ("bob", ("address",))),
        ("approvals", "Re: Desk [#{bob}]", "x", ("bob", ("subject",))),
        ("approvals", "Re: Desk", "#{bob}", ("bob", ("text",))),
        ("{bob}", "Re: Desk [#{bob}]", "#{bob}", ("bob", ("address", "subject", "text"))),
        # In the text it may be something else that looks like a code: passed over beside a right one, or alone.
        ("{bob}", "Re: Desk", f"#{NONE}", ("bob", ("address",))),
        ("approvals", "Re: Desk", f"#{NONE} #{{bob}} #{TWO}", ("bob", ("text",))),
        ("approvals", "Re: Desk", f"#{NONE}", refusals.UnknownCode),
        ("approvals", "Re: Desk", f"#{NONE} #{TWO}", refusals.UnknownCode),
        # Nobody writes one into an address or a subject by chance.
        (NONE, "Re: Desk", "x", refusals.UnknownCode),
        ("approvals", f"Re: Desk [#{NONE}]", "x", refusals.UnknownCode),
        (NONE, f"Re: Desk [#{NONE}]", f"#{NONE}", refusals.UnknownCode),
        ("{bob}", f"Re: Desk [#{NONE}]", "x", refusals.CodesDisagree),
        (NONE, "Re: Desk [#{bob}]", "x", refusals.CodesDisagree),
        (NONE, "Re: Desk", "#{bob}", refusals.CodesDisagree),
        ("approvals", f"Re: Desk [#{NONE}]", f"#{NONE} #{{bob}}", refusals.CodesDisagree),
        # Of several asks, wherever they stand.
        ("{bob}", "Re: Desk [#{carol}]", "x", refusals.CodesDisagree),
        ("{bob}", "Re: Desk", "#{carol}", refusals.CodesDisagree),
        ("approvals", "Re: Desk", "#{bob} #{carol}", refusals.CodesDisagree),
        ("{bob}", f"Re: Desk [#{NONE}]", "#{carol}", refusals.CodesDisagree),
        ("approvals", "Re: Desk", "x", refusals.NoCode),
    ],
)
def test_a_mail_answers_the_one_ask_whose_code_it_carries(
    mailbox: Mailbox,
    line: AskLine,
    carol: Person,
    to: str,
    subject: str,
    text: str,
    result: tuple[str, tuple[str, ...]] | type[refusals.Refusal],
) -> None:
    start(one_step([{"person": carol.email}]), line.assignment.person)
    lines = {one.ask.person.name.split()[0].lower(): one for one in AskLine.objects.all()}
    of = {name: code_of(one) for name, one in lines.items()}
    to = to if to == "approvals" else f"approvals+{to}"
    mail = read(
        f"From: bob@contoso.example\nTo: {to}@contoso.example\nSubject: {subject}\n\n{text}\n".format(**of)
    )
    if not isinstance(result, tuple):
        with pytest.raises(result):
            pick(mail)
        return
    picked = pick(mail)
    name, places = result
    assert (picked.line, picked.code, picked.places) == (lines[name], of[name], places)


def code_of(line: AskLine) -> str:
    assert line.ask.outgoing is not None
    (code,) = re.findall(r"\[#([a-z2-7]{16})\]", line.ask.outgoing.subject)
    return str(code)


def test_where_codes_disagree_the_places_of_each_are_known(line: AskLine) -> None:
    mail = read(
        f"From: bob@contoso.example\nTo: approvals+{NONE}@contoso.example\n"
        f"Subject: Re: Desk [#{NONE}]\n\n#{code_of(line)}\n"
    )
    with pytest.raises(refusals.CodesDisagree) as refused:
        pick(mail)
    assert refused.value.places == ("address", "subject", "text")


def test_a_mail_of_a_program_belongs_to_an_ask_by_its_code_alone(line: AskLine) -> None:
    for code, belongs in ((code_of(line), True), (NONE, False)):
        assert answers_an_ask(read(f"From: a@x.example\nSubject: Away [#{code}]\n\nx\n")) is belongs
    assert not answers_an_ask(reply())


def test_an_answer_may_come_from_every_address_of_the_person_and_from_no_other(
    line: AskLine, bob: Person, carol: Person
) -> None:
    add_address(bob, "robert@contoso.example")
    picked = Picked(line, code_of(line), ("subject",))
    assert picked.addresses == {"bob@contoso.example", "robert@contoso.example"}


# --- answered -------------------------------------------------------------------------------------------------


def test_the_ask_is_among_what_is_answered_and_nothing_else_is_by_itself(
    mailbox: Mailbox, line: AskLine
) -> None:
    written(mailbox, "another")
    assert mails_answered(reply(), line) == [raw(line.ask.outgoing)]


@pytest.mark.parametrize("header", ["in_reply_to", "references"])
def test_so_is_a_mail_of_ours_that_it_names(mailbox: Mailbox, line: AskLine, header: str) -> None:
    """A refusal is answered like the ask, and its words are ours as well."""
    refusal = written(mailbox, "one")
    written(mailbox, "another")
    mail = reply(**{header: refusal.message_id})
    assert mails_answered(mail, line) == [raw(line.ask.outgoing), raw(refusal)]


def test_so_is_one_whose_reference_stands_in_its_text(mailbox: Mailbox, line: AskLine) -> None:
    """Below the answer, where a program quoted it and wrote no header that names it."""
    refusal = written(mailbox, "one")
    written(mailbox, "another")
    mail = read(
        "From: bob@contoso.example\nTo: approvals@contoso.example\nSubject: Re: Desk\n\n"
        f"Approve\n\n> Mail reference: {refusal.reference}\n"
    )
    assert mails_answered(mail, line) == [raw(line.ask.outgoing), raw(refusal)]


def test_one_to_somebody_else_is_not(mailbox: Mailbox, line: AskLine) -> None:
    theirs = written(mailbox, "one", to="carol@contoso.example")
    assert mails_answered(reply(theirs.message_id, theirs.message_id), line) == [raw(line.ask.outgoing)]


def test_the_ask_is_there_once_however_often_it_is_named(mailbox: Mailbox, line: AskLine) -> None:
    assert line.ask.outgoing is not None
    id_ = line.ask.outgoing.message_id
    assert mails_answered(reply(id_, f"{id_} {id_}"), line) == [raw(line.ask.outgoing)]


def test_of_a_long_thread_the_last_ones_are(mailbox: Mailbox, line: AskLine) -> None:
    mails = [written(mailbox, f"{number}") for number in range(MOST_AGAIN + 2)]
    answered = mails_answered(reply(references=" ".join(mail.message_id for mail in mails)), line)
    assert answered[0] == raw(line.ask.outgoing)
    assert set(answered[1:]) == {raw(mail) for mail in mails[2:]}


def test_of_many_refusals_to_one_person_the_newest_are_looked_through(
    mailbox: Mailbox, line: AskLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they are about: it is the work for one mail that is bounded."""
    monkeypatch.setattr("placet.replies.pick.LOOKED_THROUGH", 2)
    old, new = written(mailbox, "old"), written(mailbox, "new")
    other = written(mailbox, "of another ask")
    IncomingMail.objects.filter(server_id="of another ask").update(verdict={"ask": "another"})
    mail = reply(references=" ".join(one.message_id for one in (old, new, other)))
    assert mails_answered(mail, line) == [raw(line.ask.outgoing), raw(new)]


def test_refusals_to_others_crowd_nobodys_out(
    mailbox: Mailbox, line: AskLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placet.replies.pick.LOOKED_THROUGH", 1)
    theirs = written(mailbox, "theirs")
    written(mailbox, "another's", "mallory@contoso.example")
    assert mails_answered(reply(theirs.message_id), line) == [raw(line.ask.outgoing), raw(theirs)]


def test_an_ask_whose_mail_is_not_known_leaves_those_that_are_named(mailbox: Mailbox, line: AskLine) -> None:
    refusal = written(mailbox, "one")
    line.ask.outgoing = None
    assert mails_answered(reply(refusal.message_id), line) == [raw(refusal)]


# --- not delivered --------------------------------------------------------------------------------------------


def report(headers: str, of_mail: str = "") -> Mail:
    """A report of a server (RFC 3464) that returns the headers of the mail in question."""
    return read(
        "From: MAILER-DAEMON@mail.example\r\nTo: approvals@contoso.example\r\nSubject: Undelivered\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example\r\n"
        f"{of_mail}\r\nFinal-Recipient: rfc822; bob@contoso.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{headers}\r\n--b--\r\n"
    )


def by_envelope(mail: OutgoingMail) -> Mail:
    """As Postfix says it of a mail that was handed over with ENVID."""
    return report("Subject: x\r\n", f"Original-Envelope-Id: {mail.reference}\r\n")


def by_id(mail: OutgoingMail) -> Mail:
    return report(f"Message-ID: {mail.message_id}\r\nSubject: x\r\n")


def by_code(mail: OutgoingMail) -> Mail:
    (reply_to,) = (one for one in raw(mail).decode().splitlines() if one.startswith("Reply-To:"))
    return report(f"{reply_to}\r\nSubject: x\r\n")


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        (f"Reply-To: approvals+{ONE.upper()}@contoso.example", {ONE: ("address",)}),
        (f"To: other+{ONE}@fabrikam.example", {ONE: ("address",)}),  # of whichever mailbox it was
        (f"Subject: Desk [#{ONE.upper()}]", {ONE: ("subject",)}),
        (f"Reply-To: a+{ONE}@x.example\nSubject: [#{ONE}]", {ONE: ("address", "subject")}),
        (f"Subject: Desk #{ONE}", {}),
        (f"Reply-To: approvals+{ONE}x@contoso.example", {}),
    ],
)
def test_codes_in_what_came_back(headers: str, seen: dict[str, tuple[str, ...]]) -> None:
    assert {code.code: code.places for code in codes_in_returned(report(headers))} == seen
    assert codes_in_returned(reply()) == ()


@pytest.mark.parametrize("report_of", [by_id, by_code, by_envelope])
@pytest.mark.parametrize(
    ("state", "known"),
    [("waiting", False), ("sending", True), ("sent", True), ("unsure", True), ("failed", False)],
)
def test_only_what_went_out_can_come_back(
    mailbox: Mailbox, line: AskLine, report_of: type, state: str, known: bool
) -> None:
    """Whoever reports a mail that was never sent has its id or its code from elsewhere."""
    ask = line.ask.outgoing
    assert ask is not None
    other = written(mailbox, "another")
    OutgoingMail.objects.filter(pk=other.pk).update(state="sent", sent_at=timezone.now())
    OutgoingMail.objects.filter(pk=ask.pk).update(state=state)
    assert bounced(report_of(ask), mailbox) == (ask if known else None)


@pytest.mark.parametrize("report_of", [by_id, by_code, by_envelope])
def test_nor_does_it_come_back_to_another_mailbox(mailbox: Mailbox, line: AskLine, report_of: type) -> None:
    ask = line.ask.outgoing
    assert ask is not None
    OutgoingMail.objects.update(state="sent")
    assert bounced(report_of(ask), make_mailbox("other@contoso.example")) is None


def test_a_report_of_nothing_of_ours_names_none(mailbox: Mailbox, line: AskLine) -> None:
    OutgoingMail.objects.update(state="sent")
    assert bounced(report("Message-ID: <x@fabrikam.example>\r\nSubject: x\r\n"), mailbox) is None
    assert bounced(reply(), mailbox) is None


@pytest.mark.parametrize(
    ("front", "marks"),
    [
        ("", True),
        ("RE: ", True),
        ("Re[2]: AW: ", True),
        ("Antwort: ", True),
        ("回复：", True),
        ("[EXTERNAL] RE: ", True),
        ("SV: [Extern] ", True),
        ("***SPAM*** Re: ", True),
        ("[desk-list] ", True),
        ("Should I tell Carol? ", False),
        ("RE: Carol? ", False),
        ("RE: ? ", False),
        ("[fire Dave] ", False),
        ("Lunch: ", False),
        ("re:   " * 60 + "x", False),  # and at once
    ],
)
def test_what_may_stand_in_front_of_a_subject(front: str, marks: bool) -> None:
    assert only_marks(front) is marks


def test_an_answer_in_front_of_a_subject_stands_before_the_mark_of_a_reply() -> None:
    assert answer_in_front("Approved Re: ")
    assert not answer_in_front("RE: Approved Re: ")
    assert not answer_in_front("Approved ")
