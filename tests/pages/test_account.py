"""Signing in and out, passwords, and pages for errors."""

import re
from collections.abc import Callable

import pytest
from django.core.signals import got_request_exception
from django.test import Client
from django.urls import clear_script_prefix, reverse, set_script_prefix
from pytest_django import Settings

from placet.accounts import calendar_changes
from placet.accounts.adapter import Adapter
from placet.accounts.addresses import add_address
from placet.accounts.calendars import OFFICE_WEEK, Content
from placet.accounts.models import Person
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.conftest import PASSWORD

As = Callable[[Person | None], Client]
LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def _mails_become_rows(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "placet.mail.backend.OutboxBackend"  # pytest-django puts another one here


def sign_in(client: Client, address: str, password: str) -> int:
    return client.post(LOGIN, {"login": address, "password": password}).status_code


def test_signing_in_by_address_and_password_leads_home(bob: Person, client: Client) -> None:
    answer = client.post(LOGIN, {"login": "BOB@contoso.example", "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, reverse("portal:home"))


def test_signing_in_leads_to_no_other_host(bob: Person, client: Client) -> None:
    entered = {"login": "bob@contoso.example", "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post(LOGIN, entered)["Location"] == reverse("portal:home")


def test_a_wrong_password_and_an_unknown_address_are_told_the_same(bob: Person, client: Client) -> None:
    def told(address: str) -> list[str]:
        page = client.post(LOGIN, {"login": address, "password": "wrong"}).content.decode()
        return re.findall(r'role="alert">(.*?)</div>', page, re.DOTALL)

    assert told("bob@contoso.example") == told("nobody@contoso.example") != []


def test_guessing_passwords_is_throttled_even_for_the_right_one(bob: Person, client: Client) -> None:
    for number in range(5):
        sign_in(client, "bob@contoso.example", f"guess {number}")
    answer = client.post(LOGIN, {"login": "bob@contoso.example", "password": PASSWORD})
    assert answer.status_code == 200
    assert "Too many failed login attempts" in answer.content.decode()


def test_another_host_in_the_request_begins_no_new_count(bob: Person) -> None:
    for port in range(5):
        sign_in(Client(headers={"host": f"localhost:{port + 1}"}), "bob@contoso.example", f"guess {port}")
    answer = Client(headers={"host": "localhost:99"}).post(
        LOGIN, {"login": "bob@contoso.example", "password": PASSWORD}
    )
    assert "Too many failed login attempts" in answer.content.decode()


def test_one_address_of_the_network_cannot_try_without_end(bob: Person, client: Client) -> None:
    statuses = {sign_in(client, f"somebody{number}@contoso.example", "guess") for number in range(32)}
    assert 429 in statuses


def test_a_get_signs_nobody_out(bob: Person, as_: As) -> None:
    browser = as_(bob)
    assert "Sign out?" in browser.get(reverse("account_logout")).content.decode()
    assert browser.get(reverse("portal:home")).status_code == 200
    browser.post(reverse("account_logout"))
    assert browser.get(reverse("portal:home")).status_code == 302


def test_a_password_is_changed_by_who_knows_the_old_one(bob: Person, as_: As) -> None:
    browser = as_(bob)
    new = {"password1": "another good sentence", "password2": "another good sentence"}
    wrong = browser.post(reverse("account_change_password"), {"oldpassword": "x", **new})
    assert 'class="errorlist"' in wrong.content.decode()
    browser.post(reverse("account_change_password"), {"oldpassword": PASSWORD, **new})
    bob.refresh_from_db()
    assert bob.check_password("another good sentence")


def test_a_forgotten_password_is_replaced_by_a_link_that_works_once(
    mailbox: Mailbox, bob: Person, client: Client
) -> None:
    client.post(reverse("account_reset_password"), {"email": "bob@contoso.example"})
    mail = OutgoingMail.objects.get()
    text = bytes(mail.raw).decode().replace("=\r\n", "").replace("=3D", "=")
    found = re.search(r"http://127\.0\.0\.1:8000(/accounts/password/reset/key/\S+)", text)
    assert found
    assert "Bob Manager" in text
    form = client.get(found[1], follow=True)
    new = {"password1": "another good sentence", "password2": "another good sentence"}
    done = client.post(form.redirect_chain[-1][0], new, follow=True)
    assert "Your password is changed" in done.content.decode()
    bob.refresh_from_db()
    assert bob.check_password("another good sentence")
    assert "no longer works" in Client().get(found[1], follow=True).content.decode()


@pytest.mark.parametrize("host", ["localhost:1337", "127.0.0.1", "[::1]:8443"])
def test_the_link_for_a_new_password_leads_here_whatever_the_request_calls_us(
    host: str, mailbox: Mailbox, bob: Person
) -> None:
    Client(headers={"host": host}).post(reverse("account_reset_password"), {"email": "bob@contoso.example"})
    raw = bytes(OutgoingMail.objects.get().raw).decode().replace("=\r\n", "")
    assert "http://127.0.0.1:8000/accounts/password/reset/key/" in raw
    assert host not in raw.replace("http://127.0.0.1:8000", "")


@pytest.mark.parametrize("prefix", ["/", "/placet/"])  # as a command and as a request find it
def test_the_link_keeps_the_path_that_placet_is_reached_at(prefix: str, settings: Settings) -> None:
    settings.PLACET = settings.PLACET.model_copy(update={"public_url": "https://it.example/placet"})
    try:
        set_script_prefix(prefix)
        link = Adapter().get_reset_password_from_key_url("1-abc")
    finally:
        clear_script_prefix()
    assert link == "https://it.example/placet/accounts/password/reset/key/1-abc/"


def test_asking_for_a_new_password_tells_nobody_who_has_an_account(
    mailbox: Mailbox, bob: Person, client: Client
) -> None:
    pages = [
        client.post(reverse("account_reset_password"), {"email": address}, follow=True).content
        for address in ("bob@contoso.example", "nobody@contoso.example")
    ]
    assert pages[0] == pages[1]
    assert OutgoingMail.objects.get().to == "bob@contoso.example"


@pytest.mark.parametrize("address", ["bob@contoso.example", "nobody@contoso.example"])
def test_without_a_mailbox_nobody_gets_a_new_password_by_mail_and_is_told_so(
    address: str, bob: Person, client: Client
) -> None:
    answer = client.post(reverse("account_reset_password"), {"email": address})
    assert answer.status_code == 200
    assert "cannot send mail yet" in answer.content.decode()


@pytest.mark.parametrize("path", ["signup/", "email/", "confirm-email/", "login/code/"])
def test_nobody_makes_an_account_or_adds_an_address_for_themselves(path: str, bob: Person, as_: As) -> None:
    assert as_(bob).get(f"/accounts/{path}").status_code == 404


def test_a_page_that_is_not_there_says_so_in_words(bob: Person, as_: As, client: Client) -> None:
    for browser in (client, as_(bob)):
        answer = browser.get("/nothing/here/")
        assert answer.status_code == 404
        assert "There is nothing here" in answer.content.decode()


def test_an_error_of_ours_has_a_page_and_no_details(
    bob: Person, monkeypatch: pytest.MonkeyPatch, as_: As
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a detail that nobody may see")

    monkeypatch.setattr("placet.portal.account.addresses_of", broken)
    browser = as_(bob)
    browser.raise_request_exception = False
    seen: list[object] = []
    got_request_exception.connect(lambda **facts: seen.append(facts), weak=False, dispatch_uid="pages")
    answer = browser.get(reverse("account"))
    got_request_exception.disconnect(dispatch_uid="pages")
    assert seen
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.content.decode()
    assert "a detail" not in answer.content.decode()
    assert "default-src 'none'" in answer["Content-Security-Policy"]


# --- what people choose for themselves ------------------------------------------------------------------------


def test_a_chosen_language_and_zone_hold_at_once(bob: Person, as_: As) -> None:
    browser = as_(bob)
    page = browser.post(reverse("account"), {"language": "fr", "zone": "Europe/Paris"}, follow=True)
    text = page.content.decode()
    assert '<html lang="fr">' in text
    assert "C’est enregistré." in text, "said in the language that was just chosen"
    bob.refresh_from_db()
    assert (bob.language, bob.zone) == ("fr", "Europe/Paris")
    back = browser.post(reverse("account"), {"language": "", "zone": ""}, follow=True).content.decode()
    assert '<html lang="en">' in back
    assert "Saved." in back


@pytest.mark.parametrize(
    ("entered", "field"),
    [({"language": "xx"}, "language"), ({"zone": "Mars/Olympus"}, "zone"), ({"zone": "../etc"}, "zone")],
)
def test_what_does_not_exist_is_not_saved_and_said_beside_the_field(
    entered: dict[str, str], field: str, bob: Person, as_: As
) -> None:
    answer = as_(bob).post(reverse("account"), {"language": "fr", "zone": "Europe/Paris", **entered})
    assert answer.status_code == 422
    assert f'aria-describedby="id_{field}' in answer.content.decode()
    assert 'aria-invalid="true"' in answer.content.decode()
    bob.refresh_from_db()
    assert (bob.language, bob.zone) == ("", "")


def test_the_account_shows_name_and_addresses_that_only_administrators_change(
    bob: Person, as_: As, alice: Person
) -> None:
    add_address(bob, "robert@contoso.example")
    page = as_(bob).get(reverse("account")).content.decode()
    assert "robert@contoso.example" in page
    assert "alice@contoso.example" not in page
    as_(bob).post(
        reverse("account"), {"language": "", "zone": "", "name": "Mallory", "email": "m@evil.example"}
    )
    bob.refresh_from_db()
    assert (bob.name, bob.email) == ("Bob Manager", "bob@contoso.example")


def test_a_stranger_s_browser_is_answered_in_its_language(client: Client, db: None) -> None:
    page = client.get(LOGIN, headers={"accept-language": "fr-CA,fr;q=0.9,en;q=0.5"}).content.decode()
    assert '<html lang="fr">' in page
    assert "Se connecter" in page
    assert "Mot de passe oublié" in page
    nowhere = client.get("/nothing/", headers={"accept-language": "fr"}).content.decode()
    assert "Il n’y a rien ici" in nowhere


def test_a_new_password_s_mail_is_in_its_reader_s_language_whatever_the_browser_speaks(
    mailbox: Mailbox, bob: Person, client: Client
) -> None:
    bob.language = "fr"
    bob.save()
    client.post(
        reverse("account_reset_password"),
        {"email": "bob@contoso.example"},
        headers={"accept-language": "en"},
    )
    mail = OutgoingMail.objects.get()
    assert mail.subject == "Un nouveau mot de passe pour Placet"
    assert "Bonjour Bob Manager" in bytes(mail.raw).decode().replace("=\r\n", "")


@pytest.mark.parametrize("path", [LOGIN, "/accounts/password/reset/", "/nothing/", "/healthz"])
def test_public_pages_carry_the_strict_policy_too(path: str, client: Client, db: None) -> None:
    answer = client.get(path)
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_french_has_a_blank_that_does_not_break_before_a_colon(bob: Person, client: Client) -> None:
    Person.objects.filter(pk=bob.pk).update(language="fr")
    client.force_login(bob)
    bob.refresh_from_db()
    assert "vendredi\u00a0: 9:00–17:00" in client.get("/accounts/").content.decode()


def test_somebody_chooses_the_hours_that_they_work(admin: Person, bob: Person, as_: As) -> None:
    browser = as_(bob)
    assert 'name="calendar"' not in browser.get(reverse("account")).content.decode(), (
        "there is none to choose"
    )
    calendar = calendar_changes.add("night", "Night shift", Content("Europe/Paris", OFFICE_WEEK), admin)
    page = browser.get(reverse("account")).content.decode()
    assert "As everybody: the built-in hours" in page
    browser.post(reverse("account"), {"calendar": calendar.pk})
    bob.refresh_from_db()
    assert bob.calendar == calendar
    assert "<bdi>Night shift</bdi>" in browser.get(reverse("account")).content.decode()
    assert browser.post(reverse("account"), {"calendar": "99"}).status_code == 422
    browser.post(reverse("account"), {"calendar": ""})
    bob.refresh_from_db()
    assert bob.calendar is None
