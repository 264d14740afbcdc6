"""A mail starts a request: at once, or when what it lacks has come; from whoever is known and proved, and once."""

from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from placet.approvals import mailed_starts
from placet.approvals.models import Attachment, MailedStart, Process, Request
from placet.approvals.processes import publish
from placet.approvals.verification import findings_of
from placet.mail.models import IncomingMail, OutgoingMail
from placet.sandbox.server import Mail
from tests.journeys.conftest import World
from tests.journeys.letters import INTERNAL, code_of, letter, reply_to

pytestmark = pytest.mark.django_db

ADDRESS = "approvals+start-buy@contoso.example"
FORM = [
    {"name": "item", "label": "Item", "type": "text", "required": True},
    {"name": "amount", "label": "Amount", "type": "money", "currency": "EUR", "required": True},
    {"name": "needed_by", "label": "Needed by", "type": "date"},
    {"name": "urgent", "label": "Urgent", "type": "yes_no"},
    {
        "name": "kind", "label": "Kind", "type": "choice",
        "options": [{"key": "it", "label": {"en": "Computers", "fr": "Informatique"}}, "desk"],
    },
    {"name": "reason", "label": "Reason", "type": "long_text"},
    {
        "name": "lines", "label": "Position", "type": "table",
        "columns": [
            {"name": "what", "label": "What", "type": "text"},
            {"name": "price", "label": "Price", "type": "money", "currency": "EUR"},
        ],
    },
    {"name": "invoice", "label": "Invoice", "type": "files", "endings": ["pdf"], "max": 2},
    {"name": "mail", "label": "Mail", "type": "files"},
]  # fmt: skip
PROCESS: dict[str, Any] = {
    "key": "buy", "name": "Buy something", "title": "{item}", "form": FORM, "start": "bob",
    "start_by_mail": {"subject": "item", "text": "reason", "attachments": ["invoice"], "original": "mail"},
    "steps": {
        "bob": {"kind": "approval", "name": "Manager", "ask": [{"person": "bob@contoso.example"}]},
        "approved": {"kind": "end", "name": "Approved", "result": "approved"},
        "rejected": {"kind": "end", "name": "Rejected", "result": "rejected"},
    },
    "transitions": [
        {"from": "bob", "outcome": "approve", "to": "approved"},
        {"from": "bob", "outcome": "reject", "to": "rejected"},
    ],
}  # fmt: skip


def changed(**more: Any) -> dict[str, Any]:
    return {**PROCESS, **more}


def text_of(mail: Mail) -> str:
    """Without what keeps mail programs from making links of it."""
    return mail.text.replace("\u200b", "").replace("\r\n", "\n")


def sends(
    world: World, text: str, *, name: str = "alice", subject: str = "Ten chairs", to: str = ADDRESS
) -> None:
    world.sandbox.send_as(name, to=to, subject=subject, text=text)
    world.run_until_quiet()


def with_files(
    text: str, *files: tuple[str, bytes], subject: str = "Ten chairs", **headers: str
) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "alice@contoso.example", ADDRESS, subject
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    for name, content in files:
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return mail


def test_a_mail_fills_the_form_and_starts_a_request(world: World) -> None:
    publish(PROCESS)
    text = (
        "Hello,\n\nwe have too few.\n\nAmount: 1,250.00 EUR\n- needed_by: 31.12.2026\n"
        "KIND : Informatique\n*Urgent:* oui\n"
        "Position: Chair; 125\nPosition: Delivery ; 20\n\nBest regards\nAlice Aliceson\nAmount: 7\nPhone: 0123\n"
    )
    raw = with_files(text, ("offer.pdf", b"%PDF-1"), ("notes.exe", b"MZ"))
    world.sandbox.send_as("alice", raw.as_bytes())
    world.run_until_quiet()
    assert world.results() == ["started"]
    request = Request.objects.get()
    assert request.requester == world.people["alice"] and request.title == "Ten chairs"
    [offer] = request.data["invoice"]
    assert offer["name"] == "offer.pdf" and Attachment.objects.get().request == request
    assert bytes(Attachment.objects.get().content) == b"%PDF-1"
    assert {name: value for name, value in request.data.items() if name != "invoice"} == {
        "item": "Ten chairs",
        "amount": {"minor": 125000, "currency": "EUR"},
        "needed_by": "2026-12-31",
        "urgent": True,
        "kind": "it",
        "reason": "Hello,\n\nwe have too few.",
        "lines": [
            {"what": "Chair", "price": {"minor": 12500, "currency": "EUR"}},
            {"what": "Delivery", "price": {"minor": 2000, "currency": "EUR"}},
        ],
        "mail": None,
    }
    told = world.newest("alice")
    assert told.subject == "Started: Ten chairs" and str(request.number) in text_of(told)
    assert "“notes.exe” cannot be taken here: only pdf can." in text_of(told)
    assert world.newest("bob", "Please decide").subject.startswith("Please decide: Ten chairs")
    assert not [*findings_of(request.pk)], "the record knows the mail"
    IncomingMail.objects.update(reason="something else")
    assert [*findings_of(request.pk)]


def test_what_is_missing_is_asked_for_until_all_of_it_is_there(world: World) -> None:
    publish(PROCESS)
    raw = with_files("Needed by: 03/04/2027", ("offer.pdf", b"%PDF-1"), subject="Chairs")
    world.sandbox.send_as("alice", raw.as_bytes())
    world.run_until_quiet()
    assert not Request.objects.exists() and world.results() == ["start_lacks"]
    asked = world.newest("alice")
    assert asked.subject.startswith("Something is missing: Buy something [#")
    assert "\nAmount\n" in text_of(asked)
    assert "can be read as two days" in text_of(asked) and "offer.pdf" in text_of(asked)
    world.sandbox.reply_as("alice", asked.id, "Amount: one thousand")
    world.run_until_quiet()
    again = world.newest("alice")
    assert again.id != asked.id and code_of(again) == code_of(asked)
    # The first mail is answered, in the middle of a conversation that quotes it all.
    world.sandbox.reply_as("alice", asked.id, "Amount: 99\nneeded by: 2027-04-03\n\nthanks\nAlice")
    world.run_until_quiet()
    assert world.results() == ["start_lacks", "start_lacks", "started"]
    request = Request.objects.get()
    assert request.title == "Chairs" and request.data["amount"]["minor"] == 9900
    assert request.data["needed_by"] == "2027-04-03" and not request.data["reason"]
    assert [file["name"] for file in request.data["invoice"]] == ["offer.pdf"]
    world.sandbox.reply_as("alice", again.id, "Amount: 100")
    world.run_until_quiet()
    assert Request.objects.count() == 1 and world.results()[-1] == "start_twice"
    assert f"Request {request.number} was started" in text_of(world.newest("alice"))
    assert not [*findings_of(request.pk)]
    first = IncomingMail.objects.order_by("pk").first()
    assert first is not None
    as_it_came = bytes(first.raw)
    first.raw = as_it_came.replace(b"%PDF-1", b"%PDF-2").replace(b"Chairs", b"Tables")
    first.save()
    assert [*findings_of(request.pk)], "what began it is of the record, too"
    first.raw = as_it_came
    first.save()
    assert not [*findings_of(request.pk)]
    world.sandbox.send_as(
        "alice", to=reply_to(asked), subject=f"Automatic reply: {asked.subject}", text="I am away"
    )
    world.run_until_quiet()
    assert world.results()[-1] == "automatic_reply", "nor is it answered"
    # Somebody else has the code, and nobody hears of it.
    before = world.subjects("dave"), world.subjects("alice")
    world.sandbox.send_as("dave", to=reply_to(asked), subject=asked.subject, text="Amount: 1")
    world.run_until_quiet()
    assert world.results()[-1] == "not_the_one_asked"
    assert (world.subjects("dave"), world.subjects("alice")) == before


def test_what_was_missing_comes_when_the_process_is_another_version(world: World) -> None:
    """It is started as the process is now, where that takes what was sent; else its sender is told to begin anew."""

    def answers(text: str) -> str:
        world.sandbox.reply_as("alice", world.newest("alice", "Something is missing").id, text)
        world.run_until_quiet()
        return text_of(world.newest("alice"))

    publish(PROCESS)
    form = changed()["form"]
    sends(world, "please", subject="Chairs")
    place = {"name": "place", "label": "Where to", "type": "text", "required": True}
    publish(changed(form=[*form, place]))
    told = answers("Amount: 5")
    assert "\nWhere to\n" in told and "The process was changed since your first mail" in told
    answers("Where to: Room 7")
    request = Request.objects.get()
    assert (request.version.number, request.data["place"], request.data["amount"]["minor"]) == (
        2,
        "Room 7",
        500,
    )
    assert not [*findings_of(request.pk)]

    sends(world, "please", subject="Tables")
    renamed = [{**one, "name": "what"} if one["name"] == "item" else one for one in form]
    rules = {**changed()["start_by_mail"], "subject": "what"}
    publish(changed(form=renamed, title="{what}", start_by_mail=rules))
    told = answers("Amount: 5\nWhere to: Room 8")
    assert "changed since your first mail; please send all of it once more" in told
    publish(changed(start_by_mail=None))
    assert "No request can be started at this address." in answers("Amount: 5")
    assert "You can fill in the form on its page instead" in text_of(world.newest("alice"))
    assert Request.objects.count() == 1


def test_the_same_mail_is_one_request(world: World) -> None:
    publish(PROCESS)
    one = with_files("Amount: 5", Message_ID="<one@contoso.example>", Date="Tue, 1 Dec 2026 10:00:00 +0000")
    two = with_files("Amount: 5", Message_ID="<two@contoso.example>", Date="Tue, 1 Dec 2026 10:00:09 +0000")
    three = with_files("Amount: 6", Message_ID="<one@contoso.example>")
    for mail in (one, one, two, three):
        world.sandbox.send_as("alice", mail.as_bytes())
    world.run_until_quiet()
    assert Request.objects.count() == 1
    assert sorted(world.results()) == ["start_twice"] * 3 + ["started"]
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        again = with_files("Amount: 5", Message_ID="<four@contoso.example>")
        world.sandbox.send_as("alice", again.as_bytes())
        world.run_until_quiet()
    assert Request.objects.count() == 2, "the same words on another day are another request"


def test_a_forward_keeps_the_original_as_a_file(world: World) -> None:
    publish(PROCESS)
    invoice = EmailMessage()
    invoice["From"], invoice["To"], invoice["Subject"] = (
        "shop@other.example",
        "alice@contoso.example",
        "Invoice 4711",
    )
    invoice.set_content("Amount: 1\n\nPlease pay.")
    invoice.add_attachment(b"%PDF-2", maintype="application", subtype="pdf", filename="4711.pdf")
    attached = with_files("Amount: 20", subject="Fw: Invoice 4711", In_Reply_To="<shop@other.example>")
    attached.add_attachment(invoice)
    world.sandbox.send_as("alice", attached.as_bytes())
    quoted = (
        "Amount: 30\n\n---------- Forwarded message ---------\nFrom: Shop <shop@other.example>\n"
        "Date: Tue, Dec 1, 2026 at 9:00\nSubject: Invoice 4712\nTo: Alice <alice@contoso.example>\n\n"
        "Amount: 1\nReason: none\n"
    )
    world.sandbox.send_as(
        "alice", with_files(quoted, ("4712.pdf", b"%PDF-3"), subject="WG: Invoice 4712").as_bytes()
    )
    world.run_until_quiet()
    assert world.results() == ["started", "started"]
    first, second = Request.objects.order_by("pk")
    assert (first.title, first.data["amount"]["minor"]) == ("Invoice 4711", 2000)
    assert [file["name"] for file in first.data["invoice"]] == ["4711.pdf"]
    [original] = first.data["mail"]
    kept = bytes(Attachment.objects.get(public_id=original["id"]).content)
    assert (
        original["name"].endswith(".eml")
        and b"Please pay." in kept
        and kept in attached.as_bytes().replace(b"\n", b"\r\n")
    )
    assert (second.data["amount"]["minor"], second.data["reason"]) == (3000, None)
    assert [file["name"] for file in second.data["mail"]] == ["Invoice 4712.eml"]


OUTLOOK = """<html><body><div><p>Montant : 40</p><p>Amount: 40 EUR</p><p>&nbsp;</p></div>
<div id="Signature"><p>Alice Aliceson</p><p>Amount: 3</p><img src="cid:logo"></div>
<hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><b>De :</b> Shop
&lt;shop@other.example&gt;<br><b>Envoyé :</b> mardi 1 décembre 2026 10:12<br><b>À :</b> Alice<br><b>Objet :</b> Facture
4713</div><div><p>Amount: 1</p><p>Reason: none</p></div></body></html>"""


def test_a_forward_of_outlook_with_a_large_file_and_a_logo(world: World) -> None:
    publish(PROCESS)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "alice@contoso.example", ADDRESS, "TR: Facture 4713"
    mail.set_content(OUTLOOK, subtype="html")
    mail.add_related(b"\x89PNG", maintype="image", subtype="png", cid="<logo>", filename="logo.png")
    large = b"%PDF" + bytes(3_000_000)
    for name in ("4713.pdf", "copy.pdf"):
        mail.add_attachment(large, maintype="application", subtype="pdf", filename=name)
    world.sandbox.send_as("alice", mail.as_bytes())
    world.run_until_quiet()
    assert world.results() == ["started"]
    data = Request.objects.get().data
    assert data["item"] == "Facture 4713" and data["amount"]["minor"] == 4000
    assert data["reason"] == "Montant : 40", "no field is called so"
    assert [(file["name"], file["size"]) for file in data["invoice"]] == [("4713.pdf", len(large))], (
        "the same once"
    )
    assert [file["name"] for file in data["mail"]] == ["Facture 4713.eml"]
    assert "logo.png" not in text_of(world.newest("alice")), "nor is it spoken of"


def test_who_starts_nothing_and_who_hears_why(world: World) -> None:
    publish(PROCESS)
    publish(changed(key="closed", name="Closed", start_by_mail=None))
    retired = publish(changed(key="retired", name="Retired"))
    Process.objects.filter(pk=retired.process_id).update(retired_at=timezone.now())
    started: list[str] = []

    def expect(result: str, told: str | None, name: str = "alice") -> None:
        before = set(OutgoingMail.objects.values_list("pk", flat=True))
        world.run_until_quiet()
        assert world.results()[len(started) :] == [result]
        started.append(result)
        new = OutgoingMail.objects.exclude(pk__in=before)
        assert list(new.values_list("to", flat=True)) == (
            [f"{name}@contoso.example"] if told is not None else []
        )
        if told:
            assert told in text_of(world.newest(name))
        assert not Request.objects.exists() and not MailedStart.objects.exists()

    place, good = world.sandbox.place, "Amount: 5"
    place("approvals", letter("alice@contoso.example", to=ADDRESS, text=good))
    expect("not_proved", None)
    place("approvals", letter("mallory@contoso.example", to=ADDRESS, text=good, headers=INTERNAL))
    expect("starter_unknown", None)
    place(
        "approvals",
        letter("alice@contoso.example", "bob@contoso.example", to=ADDRESS, text=good, headers=INTERNAL),
    )
    expect("two_readings", None)
    automatic = (*INTERNAL, "Auto-Submitted: auto-replied")
    place("approvals", letter("alice@contoso.example", to=ADDRESS, text=good, headers=automatic))
    expect("automatic_reply", None)
    world.people["carol"].is_active = False
    world.people["carol"].save()
    place("approvals", letter("carol@contoso.example", to=ADDRESS, text=good, headers=INTERNAL))
    expect("starter_unknown", None)
    for key in ("closed", "retired", "nothing"):
        to = f"approvals+start-{key}@contoso.example"
        world.sandbox.send_as("alice", to=to, subject="x", text=good)
        expect("start_not_taken", "No request can be started at this address.")
    world.sandbox.send_as(
        "bob", to=[ADDRESS, "approvals+start-closed@contoso.example"], subject="x", text=good
    )
    expect("start_not_taken", "several processes", "bob")
    headers = {"In-Reply-To": "<x@contoso.example>"}
    world.sandbox.send_as("bob", to=ADDRESS, subject="Re: Chairs", text=good, headers=headers)
    expect("start_not_taken", "answers another mail", "bob")
    world.sandbox.send_as("bob", to="approvals@contoso.example", subject="Chairs", text=good)
    expect("no_code", None)


def test_too_many_of_one_person_start_nothing(world: World, settings: Any) -> None:
    publish(PROCESS)
    settings.PLACET = settings.PLACET.model_copy(update={"start_mails_per_hour": 2})
    for number in range(1, 4):
        sends(world, f"Amount: {number}")
    sends(world, "Amount: 9", name="bob")
    assert world.results() == ["started", "started", "start_not_taken", "started"]
    assert "You started 2 requests by mail already" in text_of(world.newest("alice"))


def test_what_never_comes_expires_and_says_so(world: World) -> None:
    publish(changed(start_by_mail={"subject": "item", "days": 2}))
    sends(world, "please")
    asked = world.newest("alice")
    row = MailedStart.objects.get()
    kind = world.kinds["start"]
    with time_machine.travel(timezone.now() + timedelta(days=3)):
        assert kind.due(5) == [row.pk]
        assert not mailed_starts.work(row.pk), "a reply that came in time may still be unread"
        world.run_until_quiet()
        assert mailed_starts.work(row.pk) and not mailed_starts.work(row.pk)
        world.run_until_quiet()
        assert world.newest("alice").subject == "Not started: Buy something"
        world.sandbox.reply_as("alice", asked.id, "Amount: 5")
        world.run_until_quiet()
    assert world.results() == ["start_lacks", "start_not_taken"] and not Request.objects.exists()
    assert "came too late" in text_of(world.newest("alice"))
