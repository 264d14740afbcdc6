"""Administration: the mailbox, its check, the mail log, people and groups, health."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from placet import work
from placet.accounts.addresses import addresses_of
from placet.accounts.models import Group, Person
from placet.approvals.models import Assignment, Request
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes import pool, store
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.memory import MemoryMailbox
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import FIELDS
from placet.panel import health
from placet.panel.forms import GroupForm
from tests.pages.conftest import HOSTILE, SECRET, SETTINGS

As = Callable[[Person | None], Client]
REMOTE_APPROVAL = "/administration/configuration/remote-approval/"


@pytest.fixture
def ada(admin: Person, as_: As) -> Client:
    return as_(admin)


# --- Remote Approval --------------------------------------------------------------------------------------


def test_the_form_has_every_setting_with_its_label_and_help(ada: Client) -> None:
    page = ada.get(REMOTE_APPROVAL).content.decode()
    for row in FIELDS:
        assert f'name="{row.name}"' in page
        assert f'for="id_{row.name}"' in page
        assert f'id="id_{row.name}_helptext"' in page


def test_the_first_form_saves_and_activates_and_asks_who_was_asked_on_the_page_only(
    ada: Client, asked: Assignment
) -> None:
    assert not OutgoingMail.objects.exists()
    entered = {**SETTINGS, "token_uri": "contoso.example", "client_secret": SECRET, "active": "on"}
    sent = ada.post(REMOTE_APPROVAL, entered, follow=True).content.decode()
    mailbox = Mailbox.objects.get()
    assert mailbox.active
    assert mailbox.secrets == {"client_secret": SECRET}
    assert mailbox.secret_set_by == "ada@contoso.example"
    assert "Access token URI was completed to" in sent
    assert "Saved and activated" in sent
    assert "1 open questions from before are asked by mail now." in sent
    assert not OutgoingMail.objects.exists()
    (ask,) = [kind for kind in work.kinds() if kind.name == "ask"]
    work.run_once(ask)
    assert OutgoingMail.objects.get().to == "bob@contoso.example"


def test_wrong_settings_are_named_beside_their_fields_and_nothing_is_stored(ada: Client) -> None:
    entered = {**SETTINGS, "poll_seconds": "1", "scope": "https://graph.microsoft.com/.default"}
    sent = ada.post(REMOTE_APPROVAL, entered)
    page = sent.content.decode()
    assert sent.status_code == 422
    assert "Enter a whole number from 5 to 3600." in page
    assert "That is the scope of Microsoft Graph." in page
    assert 'value="approvals@contoso.example"' in page
    assert not Mailbox.objects.exists()


def test_a_mailbox_that_somebody_else_just_set_up_is_said(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_owner_errors", lambda *_: {})  # looked before it was there
    monkeypatch.setattr(Mailbox.objects, "first", lambda: None)
    answer = ada.post(REMOTE_APPROVAL, {**SETTINGS, "client_secret": SECRET})
    assert answer.status_code == 422
    assert "This mailbox is set up already." in answer.content.decode()


def test_the_secret_is_in_no_page_whatever_happens(ada: Client, mailbox: Mailbox) -> None:
    page = reverse("panel:mailbox", args=[mailbox.pk])
    shown = ada.get(page).content.decode()
    assert "A secret is stored: set on " in shown
    assert "ada@contoso.example" in shown
    wrong = ada.post(page, {**SETTINGS, "client_secret": SECRET, "poll_seconds": "1"}).content.decode()
    again = ada.post(page, {**SETTINGS, "client_secret": SECRET}, follow=True).content.decode()
    home = ada.get(reverse("panel:home")).content.decode()
    assert all(SECRET not in text for text in (shown, wrong, again, home))


def test_an_empty_secret_keeps_the_stored_one_but_another_host_asks_for_it_again(
    ada: Client, mailbox: Mailbox
) -> None:
    page = reverse("panel:mailbox", args=[mailbox.pk])
    assert ada.post(page, {**SETTINGS, "poll_seconds": "60"}).status_code == 302
    mailbox.refresh_from_db()
    assert mailbox.settings["poll_seconds"] == 60
    assert mailbox.secrets == {"client_secret": SECRET}
    moved = ada.post(page, {**SETTINGS, "server_address": "mail.evil.example"})
    assert "the server address changed, enter the client secret again" in moved.content.decode()
    mailbox.refresh_from_db()
    assert mailbox.settings["server_address"] == "outlook.office365.com"


def test_a_stored_form_that_is_saved_untouched_stays_what_it_was(ada: Client, mailbox: Mailbox) -> None:
    page = reverse("panel:mailbox", args=[mailbox.pk])
    form = ada.get(page).context["form"]
    untouched = {field.name: field.value() for field in form if field.value() not in (None, False)}
    untouched["active"] = "on"
    assert ada.post(page, untouched).status_code == 302
    assert Mailbox.objects.get().settings == mailbox.settings


def test_the_check_shows_its_steps(ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    box = MemoryMailbox("approvals@contoso.example")
    opened = []

    def connect(_: Mailbox) -> object:
        opened.append(box.connect())
        return opened[-1]

    monkeypatch.setattr(pool, "connect", connect)
    page = ada.post(reverse("panel:check", args=[mailbox.pk])).content.decode()
    assert "The check found nothing wrong" in page
    assert "Done: Mailbox opens" in page
    assert opened[0].closed


def test_a_check_that_fails_says_cause_and_cure(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = MemoryMailbox(failures={"check": [FixNeeded("The secret has expired.", "Make a new one.")]})
    monkeypatch.setattr(pool, "connect", lambda _: box.connect())
    page = ada.post(reverse("panel:check", args=[mailbox.pk])).content.decode()
    assert "The check found something to put right" in page
    assert "The secret has expired." in page
    assert "Make a new one." in page


# --- the mail log -----------------------------------------------------------------------------------------


def test_an_incoming_mail_is_shown_as_text_without_its_reply_codes(
    ada: Client, incoming: IncomingMail
) -> None:
    for address in (reverse("panel:incoming"), reverse("panel:incoming_mail", args=[incoming.pk])):
        page = ada.get(address).content.decode()
        assert "<script>" not in page
        assert "<img" not in page
        assert "&lt;script&gt;" in page
        assert "abcdefghijklmnop" not in page
    assert "X-" not in page
    assert "Anonymous" in page
    assert "mallory@evil.example" in page
    assert "It could not be handled: ValueError." in page


def test_control_and_direction_characters_are_made_visible(ada: Client, incoming: IncomingMail) -> None:
    IncomingMail.objects.update(
        verdict={"subject": "pay \u202eevil\u202c \x1b[2J"}, raw=b"A: b\r\n\r\n\x1b[2J\x00\xff"
    )
    page = ada.get(reverse("panel:incoming_mail", args=[incoming.pk])).content.decode()
    assert not set(page) & {"\u202e", "\x1b", "\x00"}


def test_the_raw_mail_is_a_download_that_no_browser_opens(ada: Client, incoming: IncomingMail) -> None:
    answer = ada.get(reverse("panel:raw", args=[incoming.pk]))
    assert answer.content == bytes(incoming.raw)
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == f'attachment; filename="mail-{incoming.pk}.eml"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_of_a_large_mail_only_the_beginning_is_shown(ada: Client, incoming: IncomingMail) -> None:
    IncomingMail.objects.update(raw=b"A: b\r\n\r\n" + b"x" * 200_000)
    page = ada.get(reverse("panel:incoming_mail", args=[incoming.pk])).content.decode()
    assert len(page) < 100_000
    assert "Only the beginning is shown" in page


def test_a_mail_that_was_set_aside_is_handled_again_once(ada: Client, incoming: IncomingMail) -> None:
    address = reverse("panel:handle_again", args=[incoming.pk])
    assert "handled once more now" in ada.post(address, follow=True).content.decode()
    incoming.refresh_from_db()
    assert incoming.state == IncomingMail.State.KEPT
    assert "not set aside any more" in ada.post(address, follow=True).content.decode()


def test_a_mail_that_failed_is_sent_again(ada: Client, mailbox: Mailbox, asked: Assignment) -> None:
    mail = OutgoingMail.objects.get()
    address = reverse("panel:send_again", args=[mail.pk])
    assert "has not failed" in ada.post(address, follow=True).content.decode()
    OutgoingMail.objects.update(state=OutgoingMail.State.FAILED, last_error=f"550 {HOSTILE}", tries=8)
    page = ada.get(reverse("panel:outgoing"), {"state": "failed"}).content.decode()
    assert "550 &lt;script&gt;" in page
    assert "8 tries" in page
    ada.post(address)
    mail.refresh_from_db()
    assert (mail.state, mail.tries) == (OutgoingMail.State.WAITING, 0)


def test_the_reply_code_of_an_ask_is_not_in_the_mail_log(
    ada: Client, mailbox: Mailbox, asked: Assignment
) -> None:
    code = OutgoingMail.objects.get().subject.partition("[#")[2].rstrip("]")
    page = ada.get(reverse("panel:outgoing")).content.decode()
    assert len(code) == 16
    assert code not in page
    assert "Please decide: A chair [#…]" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, True),
        ({"state": "look"}, True),
        ({"state": "set_aside"}, True),
        ({"state": "handled"}, False),
        ({"result": "set_aside"}, True),
        ({"result": "decided"}, False),
        ({"q": "MALLORY"}, True),
        ({"q": "42"}, True),
        ({"q": "43"}, False),
        ({"q": "nobody at all"}, False),
        ({"state": "' OR 1=1 --", "page": "-7"}, True),
        ({"q": "zz\x00zz"}, False),
    ],
)
def test_the_mail_log_is_filtered(
    query: dict[str, str], found: bool, ada: Client, incoming: IncomingMail
) -> None:
    IncomingMail.objects.update(verdict={**incoming.verdict, "request": 42})
    page = ada.get(reverse("panel:incoming"), query).content.decode()
    assert (reverse("panel:incoming_mail", args=[incoming.pk]) in page) is found


def test_the_mail_log_is_paged_and_keeps_its_filter(
    ada: Client, incoming: IncomingMail, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    IncomingMail.objects.bulk_create(
        [
            IncomingMail(
                mailbox=incoming.mailbox, server_id=f"m{number}", fingerprint=f"{number}", folder="inbox", raw=b"",
                state=IncomingMail.State.HANDLED, result="decided", verdict={"subject": f"Mail {number}"},
            )
            for number in range(60)
        ]
    )  # fmt: skip
    with django_assert_max_num_queries(8):
        page = ada.get(reverse("panel:incoming"), {"state": "handled"}).content.decode()
    assert "Page 1 of 2" in page
    assert 'href="?state=handled&amp;page=2"' in page


# --- people and groups ------------------------------------------------------------------------------------


def test_a_person_is_added_with_a_password_that_is_shown_once(ada: Client, bob: Person) -> None:
    entered = {"name": "Erin Engineer", "address": "Erin@Contoso.example", "manager": "BOB@contoso.example"}
    page = ada.post(reverse("panel:add_person"), entered)
    erin = Person.objects.get(email="erin@contoso.example")
    password = page.context["password"]
    assert password in page.content.decode()
    assert erin.check_password(password)
    assert erin.manager == bob
    assert not erin.is_administrator
    assert addresses_of(erin) == {"erin@contoso.example"}
    assert password not in ada.get(reverse("panel:people")).content.decode()


@pytest.mark.parametrize(
    ("entered", "sentence"),
    [
        ({"name": "X", "address": "bob@CONTOSO.example"}, "belongs to somebody already"),
        (
            {"name": "X", "address": "x@y.example", "manager": "no@where.example"},
            "There is nobody with the address",
        ),
        ({"name": "", "address": "x@y.example"}, "This field is required"),
        ({"name": "X", "address": "not an address"}, "Enter a valid email address"),
    ],
)
def test_a_person_who_cannot_be_added_is_said_in_words(
    entered: dict[str, str], sentence: str, ada: Client, bob: Person
) -> None:
    answer = ada.post(reverse("panel:add_person"), entered)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert Person.objects.count() == 2


def test_the_list_has_addresses_managers_and_groups_with_few_queries(
    ada: Client,
    alice: Person,
    carol: Person,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(9):
        page = ada.get(reverse("panel:people")).content.decode()
    for text in ("alice@contoso.example", "Bob Manager", "Finance", "administrator"):
        assert text in page
    assert "alice@contoso.example" not in ada.get(reverse("panel:people"), {"q": "carol"}).content.decode()


def test_a_manager_and_a_time_zone_are_set(ada: Client, bob: Person, carol: Person) -> None:
    page = reverse("panel:person", args=[bob.pk])
    assert ada.post(page, {"manager": "carol@contoso.example", "zone": "Europe/Paris"}).status_code == 302
    bob.refresh_from_db()
    assert (bob.manager, bob.zone) == (carol, "Europe/Paris")
    wrong = ada.post(page, {"manager": "bob@contoso.example", "zone": "Mars/Olympus"}).content.decode()
    assert "Nobody is their own manager." in wrong
    assert "There is no such time zone." in wrong


def test_deactivating_puts_open_questions_to_others(
    ada: Client, asked: Assignment, bob: Person, carol: Person
) -> None:
    Person.objects.filter(pk=bob.pk).update(manager=carol)
    address = reverse("panel:deactivate", args=[bob.pk])
    assert "1 open question is withdrawn" in ada.get(address).content.decode()
    ada.post(address)
    bob.refresh_from_db()
    assert not bob.is_active
    assert Assignment.objects.get(state=Assignment.State.OPEN).person == carol


def test_nobody_deactivates_themselves_or_the_last_administrator(
    ada: Client, admin: Person, dave: Person, as_: As
) -> None:
    own = ada.post(reverse("panel:deactivate", args=[admin.pk]))
    assert own.status_code == 403
    assert "You cannot deactivate yourself." in own.content.decode()
    Person.objects.filter(pk=dave.pk).update(is_administrator=True)
    browser = as_(dave)
    assert browser.post(reverse("panel:deactivate", args=[admin.pk])).status_code == 302
    assert ada.get(reverse("panel:home")).status_code == 302  # signed out
    assert Person.objects.filter(is_administrator=True, is_active=True).count() == 1


def test_a_group_is_made_and_people_come_and_go(ada: Client, bob: Person) -> None:
    ada.post(reverse("panel:groups"), {"name": "Board", "key": "board"})
    group = Group.objects.get()
    page = reverse("panel:group", args=[group.pk])
    ada.post(page, {"person": "bob@contoso.example"})
    assert list(group.members.all()) == [bob]
    assert "There is nobody with" in ada.post(page, {"person": "no@where.example"}).content.decode()
    assert ada.post(page, {"out": "x"}).status_code == 404
    ada.post(page, {"out": bob.pk})
    assert not group.members.exists()
    again = ada.post(reverse("panel:groups"), {"name": "Board", "key": "board"}).content.decode()
    assert "There is a group with this key already." in again


def test_a_group_whose_key_somebody_else_just_took_is_said(
    ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    Group.objects.create(key="board", name="Board")
    monkeypatch.setattr(GroupForm, "clean_key", lambda form: form.cleaned_data["key"])  # looked before it was
    answer = ada.post(reverse("panel:groups"), {"name": "Board", "key": "board"})
    assert answer.status_code == 422
    assert "There is a group with this key already." in answer.content.decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [({"name": "x" * 201}, "at most 200"), ({"address": "b@" + "x" * 60 + ".example" * 25}, "at most 254")],
)
def test_somebody_whom_the_database_could_not_keep_is_not_added(
    change: dict[str, str], said: str, ada: Client
) -> None:
    entered = {"name": "Eve", "address": "eve@contoso.example", **change}
    answer = ada.post(reverse("panel:add_person"), entered)
    assert answer.status_code == 422
    assert said in answer.content.decode()


# --- health -----------------------------------------------------------------------------------------------


def test_a_new_installation_is_told_what_to_do_first(ada: Client) -> None:
    page = ada.get(reverse("panel:home")).content.decode()
    for step in ("Set up the mailbox", "Add people", "placet process publish purchase"):
        assert step in page


def test_trouble_is_shown_with_cause_and_cure(ada: Client, mailbox: Mailbox) -> None:
    pool.failed(mailbox.pk, FixNeeded("The secret has expired.", "Make a new one.", {"trace": "17"}))
    page = ada.get(reverse("panel:home")).content.decode()
    for text in ("needs you", "The secret has expired.", "Make a new one.", "trace 17", "in 15 minutes"):
        assert text in page


def test_the_first_page_counts_what_needs_a_look(
    ada: Client, incoming: IncomingMail, asked: Assignment
) -> None:
    found = health.health()
    assert (found.set_aside, found.waiting_out, found.failed_out, found.waiting_in) == (1, 1, 0, 0)
    assert found.database in ("SQLite", "PostgreSQL")
    assert found.version in ada.get(reverse("panel:home")).content.decode()


def test_healthz_is_public_and_says_nothing_but_ok(mailbox: Mailbox, client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("overdue", "paused", "active", "ok"),
    [(0, None, True, True), (199, None, True, True), (201, None, True, False), (900, 60, True, True),
     (900, -60, True, True), (900, -300, True, False), (900, None, False, True)],
)  # fmt: skip
def test_healthz_notices_that_no_poll_succeeded_for_ten_intervals(
    overdue: int, paused: int | None, active: bool, ok: bool, mailbox: Mailbox, client: Client
) -> None:
    now = timezone.now()
    Mailbox.objects.update(
        active_since=now - timedelta(days=1),
        last_poll_at=now - timedelta(seconds=overdue),
        paused_until=None if paused is None else now + timedelta(seconds=paused),
        active=active,
    )
    answer = client.get("/healthz")
    assert (answer.status_code == 200) is ok
    if not ok:
        assert answer.json() == {"status": "failing", "failing": ["poll"]}


def test_healthz_names_a_database_that_cannot_be_reached(
    client: Client, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    def away() -> list[str]:
        raise OperationalError("could not connect to db.internal")

    monkeypatch.setattr(health, "failing", away)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "failing", "failing": ["database"]}


def test_an_administrator_sees_every_request(purchase: Request, ada: Client) -> None:
    assert ada.get(reverse("portal:request", args=[purchase.public_id])).status_code == 200
