"""Mail that no person wrote: nothing is decided by it, and nothing is answered to it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from placet.accounts.addresses import add_person
from placet.approvals.models import Decision, Request
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from placet.sandbox import mime
from placet.sandbox.delivery import AuthResults
from placet.sandbox.server import Mail
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import INTERNAL, answer, code_of, letter, reply_to
from tests.making import entries, entry_of

EVERY_KIND = True

pytestmark = pytest.mark.django_db

BOB = f"bob@{DOMAIN}"
APPROVALS = f"approvals@{DOMAIN}"


def nothing_came_of_it(world: World, result: str, *, sent: int = 1) -> IncomingMail:
    """One mail came, of this kind; nothing was decided, and no more mails of ours went out than `sent`."""
    kept = IncomingMail.objects.get()
    assert (kept.result, kept.state) == (result, IncomingMail.State.HANDLED)
    assert not Decision.objects.exists()
    assert OutgoingMail.objects.count() == sent
    assert world.open_for("bob") == 1
    return kept


def it_was_put_with_the_handled_ones(world: World) -> None:
    assert world.sandbox.mails("approvals") == []
    assert world.put_away() == 1


def it_was_left_where_it_was(world: World) -> None:
    assert len(world.sandbox.mails("approvals")) == 1
    assert not ServerTask.objects.exists()


def the_real_reply_decides(world: World, request: Request, asked: Mail) -> None:
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]
    request.refresh_from_db()
    assert request.result == "approved"


def without(mail: Mail, *names: str) -> bytes:
    """The mail without these headers."""
    headers, body = mime.split(mail.mime)
    return mime.join(mime.without(headers, *names), body)


# --- out of office ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old_server", [False, True])
def test_our_asks_make_no_out_of_office_reply(world: World, old_server: bool) -> None:
    world.sandbox.set_out_of_office("bob", "Approve", old_server=old_server)
    world.asked()
    world.run_until_quiet()
    assert not IncomingMail.objects.exists()


@pytest.mark.on_exchange(because="Exchange makes it; what others make is placed over every kind below")
@pytest.mark.parametrize("old_server", [False, True], ids=["Exchange Online", "Exchange 2013"])
def test_an_out_of_office_reply_of_exchange_decides_nothing(world: World, old_server: bool) -> None:
    """The ask goes out once more as if something on the way had taken off what suppresses such replies."""
    request, asked = world.asked()
    world.sandbox.set_out_of_office("bob", "Approve", old_server=old_server)
    bare = without(asked, "x-auto-response-suppress", "auto-submitted")
    world.sandbox.send_as("approvals", bare)
    away = world.newest("approvals", "Automatic reply: Please decide")
    assert away.header("In-Reply-To") == asked.message_id
    assert code_of(asked) in away.subject
    world.run_until_quiet()
    nothing_came_of_it(world, "automatic_reply")
    it_was_put_with_the_handled_ones(world)
    world.sandbox.set_out_of_office("bob", None)
    the_real_reply_decides(world, request, asked)


OUT_OF_OFFICE: dict[str, list[str]] = {
    "RFC 3834": ["Auto-Submitted: auto-replied"],
    "Exchange 2013": ["X-Auto-Response-Suppress: All", "X-MS-Exchange-Inbox-Rules-Loop: bob@contoso.example"],
    "Exchange Online": ["X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent"],
    "iCloud": ["X-Apple-Action: VACATION-Reply"],
    "older programs": ["X-Autoreply: yes"],
    "a bulk program": ["Precedence: auto_reply", "X-Auto-Response-Suppress: All"],
    "an empty envelope sender": ["Return-Path: <>"],
}


@pytest.mark.parametrize("headers", OUT_OF_OFFICE.values(), ids=list(OUT_OF_OFFICE))
def test_an_out_of_office_reply_decides_nothing_whoever_makes_it(world: World, headers: list[str]) -> None:
    """With the code, the thread, the proof of a colleague, and "approve" as its text."""
    request, asked = world.asked()
    threading = [f"In-Reply-To: {asked.message_id}", f"References: {asked.message_id}"]
    world.sandbox.place("approvals", answer(asked, BOB, headers=[*headers, *threading, *INTERNAL]))
    world.run_until_quiet()
    kept = IncomingMail.objects.get()
    assert kept.result in ("automatic_reply", "bounce"), kept.verdict
    nothing_came_of_it(world, kept.result)
    the_real_reply_decides(world, request, asked)


def test_an_automatic_reply_without_a_code_is_left_where_it_is(world: World) -> None:
    world.asked()
    raw = letter("news@shop.example", to=APPROVALS, text="approve", headers=["Auto-Submitted: auto-replied"])
    world.sandbox.deliver(raw)
    world.run_until_quiet()
    nothing_came_of_it(world, "automatic_reply")
    it_was_left_where_it_was(world)


# --- bounces ------------------------------------------------------------------------------------------------


@pytest.mark.on_exchange(because="Exchange makes the report; Postfix's are tests/mailboxes/smtp's")
def test_an_ask_that_cannot_be_delivered_is_shown_on_the_request(world: World) -> None:
    world.people["alice"].manager = add_person("Eve Evason", f"eve@{DOMAIN}")
    world.people["alice"].save()
    request = world.request()
    world.run_until_quiet()
    kept = IncomingMail.objects.get()
    assert kept.result == "bounce"
    assert kept.verdict["shown"] is True
    ask = OutgoingMail.objects.get()
    assert ask.bounced_at is not None
    noted = entry_of("not delivered", request=request)
    assert noted.what["reason"] == "the address does not exist (5.1.10)"
    assert noted.what["incoming"] == kept.pk
    it_was_put_with_the_handled_ones(world)
    assert not Decision.objects.exists()


@pytest.mark.on_exchange(because="Exchange makes the report; Postfix's are tests/mailboxes/smtp's")
def test_a_second_bounce_of_the_same_ask_is_noted_once(world: World) -> None:
    world.people["alice"].manager = add_person("Eve Evason", f"eve@{DOMAIN}")
    world.people["alice"].save()
    request = world.request()
    world.send()
    OutgoingMail.objects.update(state=OutgoingMail.State.UNSURE)  # as where no copy of what is sent is kept
    report = world.newest("approvals")
    again = without(report, "message-id").replace(b"\r\n\r\n", b"\r\nMessage-ID: <2@x.example>\r\n\r\n", 1)
    world.sandbox.place("approvals", again, item_class="REPORT.IPM.Note.NDR")
    world.run_until_quiet()
    assert world.results() == ["bounce", "bounce"]
    assert len(entries("not delivered", request=request)) == 1
    assert OutgoingMail.objects.get().state == OutgoingMail.State.SENT


@pytest.mark.on_exchange(because="Exchange makes the report; Postfix's are tests/mailboxes/smtp's")
def test_a_bounce_of_a_mail_that_is_not_ours_is_left_where_it_is(world: World) -> None:
    world.asked()
    world.sandbox.send_as("approvals", letter(APPROVALS, to=f"nobody@{DOMAIN}", subject="By hand"))
    world.run_until_quiet()
    nothing_came_of_it(world, "bounce")
    it_was_left_where_it_was(world)
    assert OutgoingMail.objects.get().bounced_at is None


def test_a_bounce_whose_text_is_an_answer_decides_nothing(world: World) -> None:
    request, asked = world.asked()
    raw = answer(asked, "MAILER-DAEMON@mail.example", text="approve")
    world.sandbox.deliver(raw, mail_from="")
    world.run_until_quiet()
    nothing_came_of_it(world, "bounce")
    the_real_reply_decides(world, request, asked)


# --- receipts, meetings, journals ---------------------------------------------------------------------------


def test_a_read_receipt_decides_nothing(world: World) -> None:
    request, asked = world.asked()
    world.sandbox.read_receipt("bob", asked.id)
    world.run_until_quiet()
    nothing_came_of_it(world, "read_receipt")
    it_was_put_with_the_handled_ones(world)
    the_real_reply_decides(world, request, asked)


def test_an_accepted_meeting_decides_nothing(world: World) -> None:
    request, asked = world.asked()
    world.sandbox.meeting_response("bob", reply_to(asked), asked.subject)
    world.run_until_quiet()
    nothing_came_of_it(world, "meeting")
    it_was_put_with_the_handled_ones(world)
    the_real_reply_decides(world, request, asked)


@pytest.mark.on_exchange(because="only Exchange has journals")
def test_a_journal_report_decides_nothing(world: World) -> None:
    request, asked = world.asked()
    world.sandbox.journal_report("approvals", "bob", asked.id)
    world.run_until_quiet()
    nothing_came_of_it(world, "journal")
    the_real_reply_decides(world, request, asked)


@pytest.mark.on_exchange(because="only Exchange has journals")
def test_a_journal_report_of_a_real_answer_decides_nothing(world: World) -> None:
    """The journal's copy holds the whole answer; the answer itself is what counts."""
    request, asked = world.asked()
    world.sandbox.send_as("bob", answer(asked, BOB), recipients=[f"dave@{DOMAIN}"])
    world.sandbox.journal_report("approvals", "dave", world.newest("dave").id)
    world.run_until_quiet()
    nothing_came_of_it(world, "journal")
    the_real_reply_decides(world, request, asked)


# --- our own mail -------------------------------------------------------------------------------------------


def redirected_by_a_rule(world: World, asked: Mail) -> None:
    world.sandbox.send_as("approvals", asked.mime, recipients=[reply_to(asked)])


def redirected_from_outside(world: World, asked: Mail) -> None:
    raw = without(asked, "received")
    world.sandbox.deliver(raw, mail_from="bounces@list.example", to=APPROVALS, results=AuthResults("fail"))


def without_our_header(world: World, asked: Mail) -> None:
    world.sandbox.send_as("approvals", without(asked, "x-placet-reference"), recipients=[reply_to(asked)])


@pytest.mark.parametrize("back", [redirected_by_a_rule, redirected_from_outside, without_our_header])
def test_our_own_mail_that_comes_back_decides_nothing(world: World, back: Any) -> None:
    request, asked = world.asked()
    back(world, asked)
    world.run_until_quiet()
    nothing_came_of_it(world, "our_own")
    the_real_reply_decides(world, request, asked)


def test_a_mail_from_the_mailbox_itself_decides_nothing(world: World) -> None:
    """Even where the mailbox's own address is that of somebody asked."""
    world.people["alice"].manager = add_person("Approvals", APPROVALS)
    world.people["alice"].save()
    world.request()
    world.send()
    world.sandbox.send_as("approvals", answer(world.newest("approvals"), APPROVALS))
    world.run_until_quiet()
    assert world.results() == ["our_own", "our_own"]
    assert not Decision.objects.exists()


# --- no flood, no loop --------------------------------------------------------------------------------------


def refusals() -> int:
    return OutgoingMail.objects.filter(kind__startswith="refusal-").count()


def test_refusals_to_one_sender_are_limited_by_the_hour(world: World) -> None:
    request, asked = world.asked()
    for number in range(8):
        world.sandbox.reply_as("bob", asked.id, f"What is it for? ({number})")
    world.run_until_quiet()
    assert world.results() == ["unclear"] * 8
    told = [mail.verdict["told"] for mail in IncomingMail.objects.order_by("pk")]
    assert told == [True] * 5 + [False] * 3
    assert refusals() == 5
    assert world.sandbox.mails("approvals") == [], "all were handled, those without an answer too"

    OutgoingMail.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    world.sandbox.reply_as("bob", asked.id, "And now?")
    world.run_until_quiet()
    assert refusals() == 6
    the_real_reply_decides(world, request, asked)


def test_the_limit_is_one_sender_s_own(world: World) -> None:
    _, first = world.asked("5000")
    world.sandbox.reply_as("bob", first.id, "approve")
    world.run_until_quiet()
    _, second = world.asked()
    for _ in range(7):
        world.sandbox.reply_as("bob", second.id, "What?")
    world.sandbox.reply_as("carol", world.newest("carol", "Please decide").id, "What?")
    world.run_until_quiet()
    assert refusals() == 6
    assert len([subject for subject in world.subjects("carol") if subject.startswith("Not applied")]) == 1


def answer_automatically(world: World, name: str, answered: set[str], headers: list[str]) -> int:
    """Another system's mailbox answers every mail of ours, at once and with the whole of it quoted."""
    new = [mail for mail in world.sandbox.mails(name) if mail.id not in answered]
    for mail in new:
        answered.add(mail.id)
        quoted = "\n".join(f"> {line}" for line in mail.text.splitlines())
        raw = letter(
            f"{name}@{DOMAIN}",
            to=mail.header("Reply-To") or mail.sender,
            subject=f"Re: {mail.subject}",
            text=f"We have received your mail and will answer soon.\n\n{quoted}",
            headers=headers,
        )
        world.sandbox.send_as(name, raw)
    return len(new)


@pytest.mark.parametrize(
    ("headers", "most"), [(["Auto-Submitted: auto-replied"], 0), ([], 5)], ids=["marked as such", "unmarked"]
)
def test_an_automatic_answer_to_all_our_mails_makes_no_loop(
    world: World, headers: list[str], most: int
) -> None:
    """What is not marked cannot be told from a person who answers unclearly; the hour's limit ends it."""
    world.asked()
    answered: set[str] = set()
    rounds = 0
    while answer_automatically(world, "bob", answered, headers):
        world.run_until_quiet()
        rounds += 1
        assert rounds < 20
    assert refusals() == most
    assert not Decision.objects.exists()


def test_a_confirmation_that_is_answered_automatically_makes_no_loop(world: World) -> None:
    _, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    answered = {asked.id}
    while answer_automatically(world, "bob", answered, []):
        world.run_until_quiet()
    assert OutgoingMail.objects.filter(to=BOB).count() == 2, "the ask and the confirmation"
    assert world.decisions() == [("Bob", "approve")]


@pytest.mark.on_exchange(because="it asks nothing of a mailbox")
def test_an_address_of_somebody_asked_that_was_only_tried_out_as_a_mailbox_silences_nobody(
    world: World,
) -> None:
    store.save(
        {**world.mailbox.settings, "username": BOB, "active": False},
        secrets={"client_secret": world.sandbox.client_secret},
        by="a test",
    )
    request, asked = world.asked()
    the_real_reply_decides(world, request, asked)


@pytest.mark.on_exchange(because="it asks for two mailboxes of one tenant; of others there is one")
def test_two_mailboxes_of_placets_do_not_answer_each_other(world: World) -> None:
    """Somebody made another Placet's mailbox a manager: what arrives there is another Placet's mail."""
    world.sandbox.add_mailbox("other", "Other Placet")
    other = store.save(
        {**world.mailbox.settings, "username": f"other@{DOMAIN}"},
        secrets={"client_secret": world.sandbox.client_secret},
        by="a test",
    ).mailbox
    world.people["alice"].manager = add_person("Other Placet", other.address)
    world.people["alice"].save()
    world.request()
    world.run_until_quiet()
    for _ in range(3):
        world.run()
    assert Mailbox.objects.filter(trouble={}).count() == 2
    assert [(mail.mailbox, mail.result) for mail in IncomingMail.objects.all()] == [(other, "our_own")]
    assert OutgoingMail.objects.count() == 1
    assert not Decision.objects.exists()
