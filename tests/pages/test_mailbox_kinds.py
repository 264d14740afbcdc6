"""The Remote Approval tab for a mailbox of any kind: by its address, by its type, with its guide."""

import re
import socket
from collections.abc import Callable, Iterator

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import translation

from placet.accounts.models import Person
from placet.mail.models import IncomingMail
from placet.mailboxes import store
from placet.mailboxes.discovery import Proposal, lookup
from placet.mailboxes.discovery.filling import values_of
from placet.mailboxes.kinds import all_kinds, label_of
from placet.mailboxes.models import Mailbox
from placet.panel.kind_guides import guides
from placet.panel.mailbox_form import usable_kinds
from placet.panel.mailbox_lookup import look_up
from tests.mailboxes.internet import Internet, internet
from tests.mailboxes.paper_kinds import with_paper_kinds
from tests.pages.conftest import HOSTILE, SECRET, SETTINGS
from tests.sandbox.keys import pair

As = Callable[[Person | None], Client]
PAPER = {
    "kind": "letter",
    "shown_kind": "letter",
    "username": "office@contoso.example",
    "letter_host": "post.example.org",
    "letter_port": "993",
    "letter_security": "ssl",
    "letter_loud": "on",
    "courier_host": "out.example.org",
    "courier_port": "465",
    "courier_security": "starttls",
    "poll_seconds": "20",
    "handled": "move",
}
NEW, KIND, CHECK = "panel:new_mailbox", "panel:mailbox_kind", "panel:check_fields"


@pytest.fixture
def ada(admin: Person, as_: As) -> Client:
    return as_(admin)


@pytest.fixture
def paper() -> Iterator[None]:
    with with_paper_kinds():
        yield


def value_of(page: str, name: str) -> str:
    """What stands in an input or is chosen in a list; "(missing)" where there is neither."""
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    if tag is not None:
        value = re.search(r'value="([^"]*)"', tag[0])
        return "(checked)" if "checked" in tag[0] else value[1] if value else ""
    listed = re.search(rf'<select[^>]*name="{name}".*?</select>', page, re.DOTALL)
    if listed is None:
        return "(missing)"
    chosen = re.search(r'value="([^"]*)" selected', listed[0])
    return chosen[1] if chosen else ""


# --- the type ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("paper")
def test_exchange_online_is_the_first_type_and_what_only_sends_is_none(ada: Client) -> None:
    page = ada.get(reverse(NEW)).content.decode()
    assert value_of(page, "kind") == "exchange-online"
    listed = re.search(r'<select name="kind".*?</select>', page, re.DOTALL)
    assert listed is not None
    offered = re.findall(r'<option value="([^"]*)"[^>]*>([^<]*)', listed[0])
    assert offered[0] == ("exchange-online", "Exchange Online - Modern Authentication")
    assert [key for key, _label in offered] == [kind.key for kind in usable_kinds()]
    assert ("letter", "Letters and couriers") in offered
    assert "courier" not in dict(offered)


@pytest.mark.usefixtures("paper")
@pytest.mark.parametrize("way", ["script", "button"])
def test_a_type_shows_its_fields_and_what_was_typed_stays(way: str, ada: Client) -> None:
    def choose(kind: str, page: dict[str, str]) -> str:
        sent = {**page, "kind": kind}
        if way == "script":
            return ada.post(reverse(KIND), sent, headers={"HX-Request": "true"}).content.decode()
        return ada.post(reverse(NEW), {**sent, "then": "kind"}).content.decode()

    typed = {
        **SETTINGS,
        "shown_kind": "exchange-online",
        "username": "office@contoso.example",
        "poll_seconds": "77",
    }
    page = choose("letter", {**typed, "client_secret": SECRET})
    assert SECRET not in page
    assert "Outgoing mail server" in page
    assert 'name="server_address"' not in page.replace('type="hidden" name="server_address"', "")
    assert value_of(page, "username") == "office@contoso.example"
    assert value_of(page, "poll_seconds") == "77"
    usual = {
        "letter_port": "993",
        "letter_loud": "(checked)",
        "courier_port": "465",
        "courier_loud": "",
        "letter_host": "",
    }
    assert {name: value_of(page, name) for name in usual} == usual
    carried = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
    assert ("client_id", SETTINGS["client_id"]) in carried
    without_noise = {name: value for name, value in PAPER.items() if name != "letter_loud"}
    again = choose("exchange-online", {**dict(carried), **without_noise, "shown_kind": "letter"})
    assert value_of(again, "client_id") == SETTINGS["client_id"]
    assert "Outgoing mail server" not in again
    assert not Mailbox.objects.exists()


@pytest.mark.usefixtures("paper")
def test_a_mailbox_of_two_kinds_is_saved_with_the_secrets_of_both(ada: Client) -> None:
    wrong = ada.post(reverse(NEW), {**PAPER, "letter_host": "a b", "courier_port": "70000"})
    page = wrong.content.decode()
    assert wrong.status_code == 422
    assert "Enter the name of a server, such as mail.example.com." in page
    assert "Enter a whole number from 1 to 65535." in page
    assert value_of(page, "letter_host") == "a b"
    secrets = {"letter_password": "one-of-two", "courier_password": "two-of-two"}
    assert ada.post(reverse(NEW), {**PAPER, **secrets}).status_code == 302
    mailbox = Mailbox.objects.get()
    assert (mailbox.kind, mailbox.sending_kind, mailbox.protocol) == ("letter", "courier", "letter")
    assert mailbox.secrets == secrets
    assert (mailbox.settings["letter_loud"], mailbox.settings["courier_security"]) == (True, "starttls")
    shown = ada.get(reverse("panel:mailbox", args=[mailbox.pk])).content.decode()
    assert shown.count("A secret is stored: set on") == 2
    assert not [text for text in secrets.values() if text in shown]
    assert "Exchange Web Services" not in shown.replace("Exchange Web Services end", "")


@pytest.mark.usefixtures("paper")
def test_what_is_wrong_is_said_while_it_is_typed(ada: Client) -> None:
    typed = {**PAPER, "letter_host": "10.0.0.1", "letter_port": "x"}
    answer = ada.post(reverse(CHECK), typed, headers={"HX-Trigger-Name": "letter_port"}).content.decode()
    assert "Enter a whole number from 1 to 65535." in answer
    private = ada.post(
        reverse(CHECK), {**typed, "letter_port": "993"}, headers={"HX-Trigger-Name": "letter_host"}
    )
    assert "10.0.0.1 is not public, so Placet may not call it." in private.content.decode()


@pytest.mark.usefixtures("paper")
def test_the_type_of_a_mailbox_that_received_mail_is_fixed(ada: Client, mailbox: Mailbox) -> None:
    page = ada.get(reverse("panel:mailbox", args=[mailbox.pk])).content.decode()
    assert '<select name="kind"' in page
    IncomingMail.objects.create(mailbox=mailbox, server_id="1", fingerprint="1")
    page = ada.get(reverse("panel:mailbox", args=[mailbox.pk])).content.decode()
    assert '<select name="kind"' not in page
    assert '<output id="kind" class="shown">Exchange Online - Modern Authentication</output>' in page


def test_a_mailbox_of_a_type_that_is_gone_is_shown_as_far_as_it_can_be(ada: Client, mailbox: Mailbox) -> None:
    Mailbox.objects.filter(pk=mailbox.pk).update(kind="pigeon")
    page = ada.get(reverse("panel:mailbox", args=[mailbox.pk]))
    assert page.status_code == 200
    assert value_of(page.content.decode(), "username") == mailbox.address


# --- the address ------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    with internet(tmp_path_factory.mktemp("internet")) as world:
        monkeypatch.setattr(lookup, "Network", world.network)
        yield world


def test_an_address_is_looked_up_and_what_is_proposed_fills_the_form(ada: Client, world: Internet) -> None:
    world.records["corp.test", "MX"] = ["0 corp-test.mail.protection.office365.us."]
    sent = {"address": "approvals@corp.test"}
    whole = ada.post(reverse("panel:look_up_mailbox"), sent).content.decode()
    part = ada.post(reverse("panel:look_up_mailbox"), sent, headers={"HX-Request": "true"}).content.decode()
    assert "<html" in whole
    assert "<html" not in part
    for page in (whole, part):
        assert "Exchange Online (US Government)" in page
        assert "Register Placet as an application in Entra ID" in page
        assert "MX corp.test" in page
    form = re.search(r"<form[^>]*proposal/.*?</form>", part, re.DOTALL)
    assert form is not None
    values = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[0]))
    values.pop("csrfmiddlewaretoken", None)
    assert values == {"kind": "exchange-online", "username": "approvals@corp.test", "cloud": "gcc_high"}
    filled = ada.post(reverse("panel:use_proposal"), values).content.decode()
    assert "These are the values that were proposed for the address. Nothing is saved yet." in filled
    assert value_of(filled, "username") == "approvals@corp.test"
    assert value_of(filled, "cloud") == "gcc_high"
    assert not Mailbox.objects.exists()


def test_a_server_of_the_own_network_is_proposed_as_exchange_on_premises(
    ada: Client, world: Internet
) -> None:
    world.records["corp.test", "MX"] = ["0 mx.corp.test."]
    world.records["mx.corp.test", "A"] = ["10.2.3.4"]
    found = look_up("approvals@corp.test")
    offer = next(offer for offer in found.offers if offer.proposal.kind == "exchange-server")
    assert offer.values == {
        "kind": "exchange-server",
        "username": "approvals@corp.test",
        "exchange_server": "mx.corp.test",
    }
    filled = ada.post(reverse("panel:use_proposal"), offer.values).content.decode()
    assert value_of(filled, "exchange_server") == "mx.corp.test"
    assert value_of(filled, "plus_addressing") == ""


@pytest.mark.parametrize("kind", ["imap", "pop3"])
def test_servers_of_a_provider_go_into_the_fields_of_what_receives_and_what_sends(
    kind: str, ada: Client, world: Internet
) -> None:
    world.records["corp.test", "MX"] = ["0 mx00.kundenserver.de."]
    offers = {offer.proposal.kind: offer for offer in look_up("approvals@corp.test").offers}
    receiving = {"imap": ("imap.ionos.de", "993"), "pop3": ("pop.ionos.de", "995")}[kind]
    filled = ada.post(reverse("panel:use_proposal"), offers[kind].values).content.decode()
    expected = {
        "kind": kind,
        "username": "approvals@corp.test",
        f"{kind}_host": receiving[0],
        f"{kind}_port": receiving[1],
        f"{kind}_security": "ssl",
        f"{kind}_user": "approvals@corp.test",
        f"{kind}_sign_in": "password",
        "smtp_host": "smtp.ionos.de",
        "smtp_port": "465",
        "smtp_security": "ssl",
        "smtp_sign_in": "password",
        "handled": "move" if kind == "imap" else "(missing)",
    }
    assert {name: value_of(filled, name) for name in expected} == expected
    passwords = {f"{kind}_password": SECRET, "smtp_password": f"{SECRET}2"}
    entered = {**{name: value for name, value in expected.items() if value != "(missing)"}, **passwords}
    answer = ada.post(reverse(NEW), {**entered, "shown_kind": kind, "poll_seconds": "20"})
    assert answer.status_code == 302, re.findall(r"errorlist.*?</ul>", answer.content.decode())
    assert Mailbox.objects.get().secrets == passwords


def test_only_what_a_field_takes_goes_into_it(world: Internet) -> None:
    world.records["corp.test", "MX"] = ["0 corp-com.olc.protection.outlook.com."]
    (offer,) = look_up("approvals@corp.test").offers
    assert (offer.values["imap_sign_in"], offer.values["smtp_sign_in"]) == ("oauth-refresh", "oauth-refresh")
    settings = {"cloud": "nine", "protocol": "graph"}
    odd = Proposal("exchange-online", offer.proposal.sign_in, offer.proposal.origin, settings=settings)
    assert values_of("approvals@corp.test", odd)["protocol"] == "graph"
    assert "cloud" not in values_of("approvals@corp.test", odd)


def test_what_is_no_address_and_what_is_nowhere_is_said(ada: Client, world: Internet) -> None:
    wrong = ada.post(reverse("panel:look_up_mailbox"), {"address": HOSTILE})
    assert wrong.status_code == 422
    assert "Enter one mail address" in wrong.content.decode()
    assert HOSTILE not in wrong.content.decode()
    part = ada.post(reverse("panel:look_up_mailbox"), {"address": HOSTILE}, headers={"HX-Request": "true"})
    for page in (wrong.content.decode(), part.content.decode()):
        place = page.split('id="lookup-error"', 1)[1].split("</div>", 1)[0]
        assert "Enter one mail address" in place, "beside the field"
        assert page.count("Enter one mail address") == 1
    nowhere = ada.post(reverse("panel:look_up_mailbox"), {"address": "a@nowhere.test"}).content.decode()
    assert "knows no domain nowhere.test." in nowhere
    assert "panel:use_proposal" not in nowhere


def test_only_a_new_mailbox_begins_with_its_address(ada: Client, mailbox: Mailbox) -> None:
    assert 'name="address"' in ada.get(reverse(NEW)).content.decode()
    assert 'name="address"' not in ada.get(reverse("panel:mailbox", args=[mailbox.pk])).content.decode()
    assert "thunderbird" not in ada.get(reverse(NEW)).content.decode().lower()


# --- the guides -------------------------------------------------------------------------------------------


def test_the_guide_of_imap_says_what_a_personal_outlook_mailbox_can_do(ada: Client) -> None:
    page = ada.get(reverse("panel:guide_of_kind", args=["imap"])).content.decode()
    part = page.split('id="outlook-com"', 1)[1].split("<h3", 1)[0]
    assert 'href="#consent"' in part
    assert "placet mailbox consent" in part
    assert "only if it is signed" in part


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_kind_has_its_guide(language: str, ada: Client, admin: Person) -> None:
    Person.objects.filter(pk=admin.pk).update(language=language)
    assert {kind.key for kind in usable_kinds()} <= {guide.key for guide in guides()}
    for guide in guides():
        answer = ada.get(guide.url, follow=True)
        assert answer.status_code == 200
        if all_kinds()[guide.key].guide_page:
            with translation.override(language):
                label = label_of(guide.key)
            assert f'aria-current="page">{label}' in answer.content.decode()
    assert ada.get(reverse("panel:guide_of_kind", args=["pigeon"])).status_code == 404
    assert ada.get(reverse("panel:guide_of_kind", args=["exchange-online"]))["Location"] == reverse(
        "panel:guide"
    )
    (without_one,) = (key for key, kind in all_kinds().items() if not kind.receives)
    assert ada.get(reverse("panel:guide_of_kind", args=[without_one])).status_code == 404


def test_an_authority_is_pasted_or_uploaded(ada: Client) -> None:
    entered = {
        "kind": "exchange-server",
        "shown_kind": "exchange-server",
        "username": "office@contoso.example",
        "exchange_server": "mail.contoso.com",
        "exchange_password": SECRET,
        "poll_seconds": "20",
        "handled": "move",
    }
    page = ada.post(reverse(KIND), entered).content.decode()
    assert '<textarea name="exchange_authorities"' in page
    assert 'type="file" name="exchange_authorities_file"' in page
    wrong = ada.post(
        reverse(NEW), {**entered, "exchange_authorities_file": SimpleUploadedFile("ca.cer", b"\x30\x00")}
    )
    assert wrong.status_code == 422
    assert not Mailbox.objects.exists()
    pem = pair("An authority of ours").pem
    file = SimpleUploadedFile("ca.pem", pem.encode())
    answer = ada.post(reverse(NEW), {**entered, "exchange_authorities_file": file})
    assert answer.status_code == 302, answer.content.decode()
    mailbox = Mailbox.objects.get()
    assert mailbox.settings["exchange_authorities"] == pem
    shown = ada.get(reverse("panel:mailbox", args=[mailbox.pk])).content.decode()
    assert "BEGIN CERTIFICATE" in shown
    assert "An authority of ours" in shown
    assert pair("An authority of ours").sha256.hex(":").upper() in shown
    assert SECRET not in shown


def test_the_connection_test_of_another_kind_says_cause_and_cure(ada: Client) -> None:
    with socket.socket() as taken:  # nobody listens there
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        entered = {
            "kind": "imap",
            "username": "office@contoso.example",
            "imap_host": "127.0.0.1",
            "imap_port": port,
        }
        server = {
            "imap_security": "none",
            "smtp_host": "127.0.0.1",
            "smtp_port": port,
            "smtp_security": "none",
        }
        secrets = {"imap_password": SECRET, "smtp_password": SECRET}
        mailbox = store.save({**entered, **server}, secrets=secrets, by="ada").mailbox
        answer = ada.post(reverse("panel:check", args=[mailbox.pk]))
        page = answer.getvalue().decode()
    assert "What to do" in page
    assert "127.0.0.1" in page
    assert "For whoever runs the mail server" in page
    assert "Microsoft" not in page
    assert SECRET not in page
