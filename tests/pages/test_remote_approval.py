"""The Remote Approval tab: its form, what it says while one types, the guide's values, the connection test."""

import html
import itertools
import re
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet import work
from placet.accounts.models import Person
from placet.approvals.models import Assignment
from placet.lib import logs
from placet.mail.models import OutgoingMail
from placet.mailboxes import pool, store
from placet.mailboxes.base import Check, FixNeeded, SignInRefused
from placet.mailboxes.memory import MemoryConnection, MemoryMailbox
from placet.mailboxes.microsoft.fields import FIELDS
from placet.mailboxes.microsoft.panel import tab
from placet.mailboxes.models import Mailbox
from placet.panel import connection_test, remote_approval
from placet.panel.connection_test import Run, run_for
from tests.pages.conftest import HOSTILE, SECRET, SETTINGS

SECRETS = {"client_secret": SECRET}

As = Callable[[Person | None], Client]
OF_SEVERAL = "same_organisation"  # a field that one mailbox alone does not have
REMOTE_APPROVAL = "/administration/configuration/remote-approval/"
TENANT = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


@pytest.fixture
def ada(admin: Person, as_: As) -> Client:
    return as_(admin)


@pytest.fixture(autouse=True)
def _no_run_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_test, "_runs", {})


# --- the form ---------------------------------------------------------------------------------------------


def test_the_form_has_every_setting_with_its_label_and_help(ada: Client) -> None:
    page = ada.get(REMOTE_APPROVAL).content.decode()
    for row in FIELDS:
        if row.name in (OF_SEVERAL, "active"):  # it is none of several, and activated after a test
            continue
        assert f'name="{row.name}"' in page
        assert f'for="id_{row.name}"' in page
        assert f'id="id_{row.name}_helptext"' in page


def test_mailboxes_of_the_same_organisation_are_asked_for_where_there_are_several(
    ada: Client, mailbox: Mailbox
) -> None:
    page = ada.get(REMOTE_APPROVAL).content.decode()
    assert f'name="{OF_SEVERAL}"' not in page
    assert 'name="own_domains" value="contoso.example"' in page
    second = store.save({**SETTINGS, "username": "office@contoso.example"}, secrets=SECRETS, by="ada").mailbox
    page = ada.get(REMOTE_APPROVAL).content.decode()
    assert f'name="{OF_SEVERAL}"' in page
    assert "The others here: office@contoso.example." in page
    entered = {
        **SETTINGS,
        "own_domains": "contoso.example, contoso-group.example",
        OF_SEVERAL: second.address,
    }
    ada.post(REMOTE_APPROVAL, {**entered, "active": "on"})
    mailbox.refresh_from_db()
    assert mailbox.settings["own_domains"] == ["contoso.example", "contoso-group.example"]
    assert mailbox.settings[OF_SEVERAL] == ["office@contoso.example"]
    wrong = ada.post(REMOTE_APPROVAL, {**entered, OF_SEVERAL: "offcie@contoso.example"})
    assert wrong.status_code == 422
    assert "offcie@contoso.example is no other mailbox here." in wrong.content.decode()


def test_the_list_of_mailboxes_says_which_of_them_is_in_trouble(ada: Client, mailbox: Mailbox) -> None:
    second = store.save({**SETTINGS, "username": "office@contoso.example"}, secrets=SECRETS, by="ada").mailbox
    page = reverse("panel:mailbox", args=[mailbox.pk])
    marked = re.compile(r'>([^<]*)</bdi></a> <span class="badge bad">in trouble<')
    assert marked.findall(ada.get(page).content.decode()) == []
    pool.failed(second, FixNeeded("The secret has expired.", "Make a new one.", {}))
    assert marked.findall(ada.get(page).content.decode()) == [second.name]


def test_the_first_form_saves_and_activating_asks_who_was_asked_on_the_page_only(
    ada: Client, asked: Assignment
) -> None:
    assert not OutgoingMail.objects.exists()
    entered = {**SETTINGS, "token_uri": "contoso.example", "client_secret": SECRET, "active": "on"}
    sent = ada.post(REMOTE_APPROVAL, entered, follow=True).content.decode()
    mailbox = Mailbox.objects.get()
    assert not mailbox.active, "nobody tested it"
    assert mailbox.secrets == {"client_secret": SECRET}
    assert mailbox.secret_set_by == "ada@contoso.example"
    assert "Access token URI was completed to" in sent
    assert "Saved. The mailbox is not active yet: test the connection, then activate it." in sent
    assert 'name="active"' not in sent
    all_the_same = {"all_the_same": "yes"}
    sent = ada.post(reverse("panel:activate", args=[mailbox.pk]), all_the_same, follow=True).content.decode()
    assert "Activated: mail is looked for and sent from now on." in sent
    assert "1 open question from before is asked by mail now." in sent
    assert 'name="active"' in sent
    assert not OutgoingMail.objects.exists()
    (ask,) = [kind for kind in work.kinds() if kind.name == "ask"]
    work.run_once(ask)
    assert OutgoingMail.objects.get().to == "bob@contoso.example"


def test_wrong_settings_are_named_beside_their_fields_and_nothing_is_stored(ada: Client) -> None:
    entered = {**SETTINGS, "poll_seconds": "1", "scope": "https://graph.microsoft.com/Mail.Send"}
    sent = ada.post(REMOTE_APPROVAL, entered)
    page = sent.content.decode()
    assert sent.status_code == 422
    assert "Enter a whole number from 5 to 3600." in page
    assert "The scope must end in /.default" in page
    assert 'value="approvals@contoso.example"' in page
    assert not Mailbox.objects.exists()


def test_a_mailbox_that_somebody_else_just_set_up_is_said(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_owner_errors", lambda *_: {})  # looked before it was there
    monkeypatch.setattr(Mailbox.present, "first", lambda: None)
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
    assert mailbox.settings["server_address"] == "graph.microsoft.com"


def test_a_stored_form_that_is_saved_untouched_stays_what_it_was(ada: Client, mailbox: Mailbox) -> None:
    page = reverse("panel:mailbox", args=[mailbox.pk])
    form = ada.get(page).context["form"]
    untouched = {field.name: field.value() for field in form if field.value() not in (None, False)}
    untouched["active"] = "on"
    assert ada.post(page, untouched).status_code == 302
    assert Mailbox.objects.get().settings == mailbox.settings


def test_a_mechanism_that_does_not_count_any_more_is_shown_beside_its_field(
    ada: Client, mailbox: Mailbox
) -> None:
    Mailbox.objects.update(settings={**mailbox.settings, "confirmed_mechanisms": ["04", "10"]})
    page = ada.get(reverse("panel:mailbox", args=[mailbox.pk])).content.decode()
    assert "10 proves nobody and does not count" in page


def filled_in(browser: Client, page: str) -> dict[str, str]:
    """What a browser would send of the form as it is shown."""
    form = browser.get(page).context["form"]
    return {"seen": form.seen} | {field.name: field.value() for field in form if field.value()}


def test_what_another_administrator_saved_meanwhile_is_not_overwritten(ada: Client, mailbox: Mailbox) -> None:
    page = reverse("panel:mailbox", args=[mailbox.pk])
    shown = ada.get(page).content.decode()
    mine = filled_in(ada, page) | {"mails_per_poll": "50"}
    assert f'name="seen" value="{mine["seen"]}"' in shown
    store.save({**mailbox.settings, "poll_seconds": 77, "active": False}, by="grace", mailbox=mailbox)
    sent = ada.post(page, mine)
    again = sent.content.decode()
    assert sent.status_code == 422
    assert "These settings were changed since this page was opened." in again
    assert "Stored now: 77" in again and "Stored now: no" in again
    assert 'value="50"' in again  # what was typed is kept
    assert again.count("Stored now: ") == 3
    mailbox.refresh_from_db()
    assert (mailbox.settings["poll_seconds"], mailbox.active) == (77, False)
    assert (
        ada.post(page, mine | {"seen": sent.context["form"].seen}).status_code == 302
    )  # she has seen it now
    mailbox.refresh_from_db()
    assert (mailbox.settings["poll_seconds"], mailbox.settings["mails_per_poll"]) == (20, 50)


def test_a_secret_that_another_administrator_entered_meanwhile_is_not_overwritten(
    ada: Client, mailbox: Mailbox
) -> None:
    page = reverse("panel:mailbox", args=[mailbox.pk])
    mine = filled_in(ada, page) | {"client_secret": "mine~and-older"}
    store.save(mailbox.settings, secrets={"client_secret": "theirs~and-newer"}, by="grace", mailbox=mailbox)
    sent = ada.post(page, mine)
    assert sent.status_code == 422
    assert "theirs~and-newer" not in sent.content.decode() and "mine~and-older" not in sent.content.decode()
    mailbox.refresh_from_db()
    assert mailbox.secrets == {"client_secret": "theirs~and-newer"}


def test_the_guides_form_is_about_the_settings_that_it_was_filled_from(ada: Client, mailbox: Mailbox) -> None:
    form = ada.post(reverse("panel:from_guide"), GUIDED).context["form"]
    assert form.seen == store.mark_of(mailbox)


def test_what_is_rare_is_folded_away_unless_something_is_wrong_with_it(ada: Client) -> None:
    assert "<details>" in ada.get(REMOTE_APPROVAL).content.decode()
    wrong = ada.post(REMOTE_APPROVAL, {**SETTINGS, "client_secret": SECRET, "max_size": "12"})
    assert "<details open>" in wrong.content.decode()


def test_another_mailbox_is_added_and_one_goes_from_the_one_to_the_other(
    ada: Client, mailbox: Mailbox
) -> None:
    page = ada.get(REMOTE_APPROVAL).content.decode()
    assert reverse("panel:new_mailbox") in page
    entered = {**SETTINGS, "username": "more@contoso.example", "client_secret": SECRET}
    assert ada.post(reverse("panel:new_mailbox"), entered).status_code == 302
    other = Mailbox.objects.get(address="more@contoso.example")
    page = ada.get(reverse("panel:mailbox", args=[other.pk])).content.decode()
    assert reverse("panel:mailbox", args=[mailbox.pk]) in page
    assert "Not active" in page


def test_the_day_on_which_the_secret_ends_is_kept_and_shown(ada: Client, mailbox: Mailbox) -> None:
    page = reverse("panel:mailbox", args=[mailbox.pk])
    ends = timezone.localdate() + timedelta(days=10)
    ada.post(page, {**SETTINGS, "secret_expires_on": ends.isoformat()})
    mailbox.refresh_from_db()
    assert mailbox.secret_expires_on == ends
    shown = ada.get(page).content.decode()
    assert f'value="{ends.isoformat()}"' in shown
    assert "It expires in 10 days." in shown


@pytest.mark.parametrize(
    ("entered", "said"), [("2020-01-31", "This day is over."), ("31/01/2030", "Enter a date such as")]
)
def test_a_day_that_is_none_or_over_is_not_stored(
    entered: str, said: str, ada: Client, mailbox: Mailbox
) -> None:
    answer = ada.post(reverse("panel:mailbox", args=[mailbox.pk]), {**SETTINGS, "secret_expires_on": entered})
    assert answer.status_code == 422
    assert said in answer.content.decode()


# --- as one leaves a field --------------------------------------------------------------------------------


def said(browser: Client, left: str = "", **typed: str) -> dict[str, str]:
    """What the page is told of each field after the field `left` was left; empty ones left out."""
    answer = browser.post(reverse("panel:check_fields"), typed, headers={"HX-Trigger-Name": left})
    assert answer.status_code == 200
    found = re.findall(
        r'<div id="message_(\w+)" hx-swap-oob="innerHTML">(.*?)</div>', answer.content.decode(), re.DOTALL
    )
    assert len(found) == len(FIELDS) - (1 if "mailbox" in typed and typed["mailbox"].isdecimal() else 2), (
        "all but the one of several mailboxes, and whether one is active that is not"
    )
    texts = {name: re.sub(r"<[^>]*>", "", text).strip() for name, text in found}
    return {name: text for name, text in texts.items() if text}


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("username", "me@outlook.com", "mailboxes are personal"),
        ("username", "me@gmail.com", "mailboxes are personal"),
        ("username", "approvals", "Enter one mail address"),
        ("client_id", "535fb089-9ff3-47b6-9bfb-4f126479986", "not a whole ID"),
        ("client_id", "contoso.onmicrosoft.com", "name of a tenant"),
        ("client_secret", TENANT, "secret&#x27;s ID"),
        ("scope", "https://outlook.office365.com/.default&grant_type=client_credentials", "was cut"),
        (
            "token_uri",
            "https://login.microsoftonline.com/{directory_tenant_ID}/oauth2/v2.0/token",
            "your own",
        ),
        (
            "token_uri",
            "http://login.microsoftonline.com/x.example/oauth2/v2.0/token",
            "must begin with https",
        ),
        ("token_uri", "Contoso Ltd", "neither a Directory (tenant) ID nor a domain"),
        ("token_uri", "contoso.com", "contoso.com is a domain of the tenant"),
        ("token_uri", TENANT, f"completed to https://login.microsoftonline.com/{TENANT}/"),
        ("poll_seconds", "1", "from 5 to 3600"),
    ],
)
def test_what_is_wrong_or_mended_is_said_of_the_field_alone(
    name: str, typed: str, words: str, ada: Client
) -> None:
    found = said(ada, name, **{name: typed})
    assert list(found) == [name]
    assert words in found[name]
    assert not Mailbox.objects.exists()


def test_of_what_nobody_filled_in_yet_nothing_is_said_but_of_what_was_emptied(ada: Client) -> None:
    assert said(ada, "server_address", server_address="outlook.office365.com") == {}
    assert list(said(ada, "username", username="")) == ["username"]


def test_rules_between_fields_are_said_as_well(ada: Client) -> None:
    same = said(ada, "token_uri", client_id=TENANT, token_uri=TENANT)
    assert "The same ID stands in the access token URI" in same["client_id"]
    assert (
        "Choose SSL" in said(ada, "security", server_address="mail.example.org", security="none")["security"]
    )


def follows_from(ada: Client, left: str, **typed: str) -> dict[str, str]:
    """The fields that come back filled in, after the one that was left."""
    answer = ada.post(reverse("panel:check_fields"), typed, headers={"HX-Trigger-Name": left})
    found = re.findall(r'<input [^>]*hx-swap-oob="true"[^>]*>', answer.content.decode())
    return {re.search(r'name="(\w+)"', one)[1]: re.search(r'value="([^"]*)"', one)[1] for one in found}  # type: ignore[index]


def test_a_choice_fills_in_what_follows_from_it_and_leaves_what_was_typed(ada: Client) -> None:
    followed = follows_from(
        ada, "cloud", cloud="gcc_high", protocol="graph", server_address="graph.microsoft.com"
    )
    assert followed == {
        "server_address": "graph.microsoft.us",
        "scope": "https://graph.microsoft.us/.default",
    }
    uri = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
    before = {"server_address": "outlook.office365.com", "scope": "https://x.example/.default"}
    followed = follows_from(ada, "cloud", cloud="china", protocol="ews", token_uri=uri, **before)
    assert followed["token_uri"].startswith(f"https://login.partner.microsoftonline.cn/{TENANT}/")
    assert followed["server_address"] == "partner.outlook.cn"
    assert "scope" not in followed
    typed = {"server_address": "graph.microsoft.com", "scope": "https://graph.microsoft.com/.default"}
    followed = follows_from(ada, "protocol", cloud="worldwide", protocol="ews", token_uri=TENANT, **typed)
    outlook = {
        "server_address": "outlook.office365.com",
        "scope": "https://outlook.office365.com/.default",
    }
    assert followed == outlook
    own = {
        "protocol": "ews",
        "cloud": "worldwide",
        "server_address": "mail.contoso.com",
        "scope": outlook["scope"],
    }
    assert follows_from(ada, "protocol", **own) == {}
    assert follows_from(ada, "username", cloud="gcc_high", protocol="graph", **typed) == {}


def test_what_was_entered_in_another_form_stands_in_its_field_as_one_leaves_it(ada: Client) -> None:
    uri = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
    older = {"token_uri": f"https://login.microsoftonline.com/{TENANT}/oauth2/token"}
    assert follows_from(ada, "token_uri", **older) == {"token_uri": uri}
    assert "another address of the same tenant" in said(ada, "token_uri", **older)["token_uri"]
    for entered in ("https://outlook.office365.com/EWS/Exchange.asmx", "outlook.office.com"):
        typed = {"protocol": "ews", "cloud": "worldwide", "server_address": entered}
        assert follows_from(ada, "server_address", **typed) == {"server_address": "outlook.office365.com"}
        assert said(ada, "server_address", **typed)["server_address"]
        assert follows_from(ada, "username", **typed) == {}, "what one has not come to stays"


def test_an_error_of_the_scope_shows_that_of_the_chosen_way_and_cloud(ada: Client) -> None:
    for protocol, cloud, host in (
        ("ews", "worldwide", "outlook.office365.com"),
        ("graph", "worldwide", "graph.microsoft.com"),
        ("ews", "china", "partner.outlook.cn"),
    ):
        found = said(ada, "scope", protocol=protocol, cloud=cloud, scope="Mail.Read")["scope"]
        assert f"https://{host}/.default" in found


def test_another_host_asks_for_the_stored_secret_as_one_types(ada: Client, mailbox: Mailbox) -> None:
    typed = {**SETTINGS, "server_address": "mail.evil.example", "mailbox": str(mailbox.pk)}
    assert "enter the client secret again" in said(ada, "server_address", **typed)["client_secret"]
    assert "client_secret" not in said(ada, "username", **{**SETTINGS, "mailbox": str(mailbox.pk)})


def test_what_was_typed_is_never_markup(ada: Client) -> None:
    assert "<script" not in ada.post(reverse("panel:check_fields"), {"token_uri": HOSTILE}).content.decode()
    assert said(ada, HOSTILE, mailbox="' OR 1=1", token_uri="x y")["token_uri"]


# --- the guide's values -----------------------------------------------------------------------------------


GUIDED = {
    "tenant": TENANT,
    "client_id": "535fb089-9ff3-47b6-9bfb-4f1264799865",
    "username": "approvals@contoso.example",
    "client_secret": SECRET,
    "secret_expires_on": "2099-11-24",
}


def test_the_guides_values_fill_the_form_in_and_nothing_is_stored(ada: Client) -> None:
    answer = ada.post(reverse("panel:from_guide"), GUIDED)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert f'value="{SECRET}"' in page
    assert f'value="{TENANT}"' in page
    assert "Nothing is saved yet" in page
    assert "completed to" in page
    assert 'class="errorlist"' not in page
    assert not Mailbox.objects.exists()
    assert SECRET not in str(dict(ada.session))


def test_wrong_values_of_the_guide_are_said_beside_their_fields(ada: Client) -> None:
    wrong = {**GUIDED, "client_secret": TENANT, "client_id": TENANT, "username": HOSTILE}
    page = ada.post(reverse("panel:from_guide"), wrong).content.decode()
    assert "That is the secret&#x27;s ID." in page
    assert "The same ID stands in the access token URI" in page
    assert "<script>alert" not in page


def test_the_guide_renews_the_secret_of_a_mailbox_that_is_there(ada: Client, mailbox: Mailbox) -> None:
    store.save({**mailbox.settings, "poll_seconds": 77}, by="ada", mailbox=mailbox)
    page = ada.post(reverse("panel:from_guide"), {**GUIDED, "tenant": "contoso.example"}).content.decode()
    assert f'action="{reverse("panel:mailbox", args=[mailbox.pk])}"' in page
    assert 'value="77"' in page
    assert f'value="{SETTINGS["token_uri"]}"' in page
    other = ada.post(
        reverse("panel:from_guide"), {**GUIDED, "username": "b@contoso.example"}
    ).content.decode()
    assert f'action="{reverse("panel:new_mailbox")}"' in other


# --- the connection test ----------------------------------------------------------------------------------


class Steps(MemoryConnection):
    """A pre-flight of three steps, each of which waits until it may go on."""

    def __init__(self, *checks: Check, go: threading.Event | None = None) -> None:
        super().__init__(MemoryMailbox())
        self.checks = checks
        self.go = go
        self.left_early = False
        self.others: Sequence[str] = ()

    def steps(self) -> dict[str, str]:
        return {"token": "Token is issued", "open": "Mailbox opens", "send": "Mail arrives"}

    def check(self, others: Sequence[str] = ()) -> Generator[Check, None, None]:
        self.others = others
        try:
            for check in self.checks:
                yield check
                if self.go is not None:
                    assert self.go.wait(120)
        except GeneratorExit:
            self.left_early = True
            raise


WELL = tuple(Check(key, title, True, found=key) for key, title in Steps().steps().items())
WRONG = Check(
    "open",
    "Mailbox opens",
    False,
    cause="No role.",
    cure="Give one.",
    command="Do-It -Now",
    facts={"code": "E17"},
)
WIDE = Check(
    "send",
    "Mail arrives",
    True,
    found="That of ann@contoso.example opened.",
    cause="It can open every mailbox.",
    cure="Limit it.",
    command="Limit-It -Now",
    warning=True,
)


def page_of_the_test(
    browser: Client, mailbox: Mailbox, connection: MemoryConnection, monkeypatch: pytest.MonkeyPatch
) -> str:
    monkeypatch.setattr(pool, "connect", lambda _: connection)
    answer = browser.post(reverse("panel:check", args=[mailbox.pk]))
    assert answer.streaming
    assert answer["X-Accel-Buffering"] == "no"
    assert "no-store" in answer["Cache-Control"]
    return answer.getvalue().decode()


def test_each_step_of_the_test_is_shown(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Steps(*WELL)
    page = page_of_the_test(ada, mailbox, connection, monkeypatch)
    assert page.count('<li class="passed">') == 3
    assert "Everything works" in page
    assert "Step 1 of 3" in page
    assert page.rstrip().endswith("</html>")
    assert connection.closed


def test_a_failed_step_says_cause_cure_command_and_what_support_asks_for(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of_the_test(ada, mailbox, Steps(WELL[0], WRONG), monkeypatch)
    for text in (
        "No role.",
        "Give one.",
        "Do-It -Now",
        "code: E17",
        'data-copy="#command-open"',
        "not tried",
    ):
        assert text in page
    assert "There is something to put right" in page
    assert "Test again" in page
    assert SECRET not in page


def test_a_step_that_works_but_must_be_looked_at_has_a_tone_of_its_own(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save({**mailbox.settings, "active": False}, by="ada", mailbox=mailbox)
    page = page_of_the_test(ada, mailbox, Steps(*WELL[:2], WIDE), monkeypatch)
    assert (page.count('<li class="passed">'), page.count('<li class="warned">')) == (2, 1)
    badge = page.partition('<span class="badge warn">')[2].partition("</span>")[0]
    assert "<svg" in badge and "look at this" in badge
    for text in (
        "It can open every mailbox.",
        "Limit it.",
        "Limit-It -Now",
        'data-copy="#command-send"',
        "Works, but look at: “Mail arrives”",
    ):
        assert text in page
    assert "Everything works" not in page
    assert "For Microsoft" not in page
    assert reverse("panel:activate", args=[mailbox.pk]) in page  # it keeps nobody from activating


def test_a_failure_counts_for_more_than_a_warning(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of_the_test(ada, mailbox, Steps(WELL[0], WRONG, WIDE), monkeypatch)
    assert "There is something to put right" in page
    assert "Works, but" not in page


def test_a_step_that_passed_may_have_a_command_to_go_on_with(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_it = replace(WELL[2], command="Try-It -Yourself")
    page = page_of_the_test(ada, mailbox, Steps(*WELL[:2], try_it), monkeypatch)
    assert "Try-It -Yourself" in page
    assert "Everything works" in page


def test_the_mailbox_of_who_asks_is_the_first_that_must_not_open(
    ada: Client, alice: Person, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Steps(*WELL)
    page_of_the_test(ada, mailbox, connection, monkeypatch)
    assert connection.others[0] == "ada@contoso.example"
    assert set(connection.others) == {"ada@contoso.example", "alice@contoso.example", "bob@contoso.example"}


def test_trouble_before_the_first_step_is_a_failed_step(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = MemoryMailbox(failures={"check": [FixNeeded("The secret has expired.", HOSTILE)]})
    page = page_of_the_test(ada, mailbox, box.connect(), monkeypatch)
    assert "The secret has expired." in page
    assert "<script>alert" not in page
    assert "There is something to put right" in page


def test_settings_that_are_not_valid_any_more_are_said_and_nothing_is_tried(
    ada: Client, mailbox: Mailbox
) -> None:
    Mailbox.objects.update(settings={"username": "nobody"})
    answer = ada.post(reverse("panel:check", args=[mailbox.pk]))
    assert "Open the settings, correct what is marked there" in answer.getvalue().decode()


def test_a_test_that_breaks_off_says_so_on_the_page_and_in_the_log(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Steps):
        def check(self, others: Sequence[str] = ()) -> Generator[Check, None, None]:
            yield WELL[0]
            raise RuntimeError

    connection = Broken()
    logs.memory.forget()
    assert "The test broke off" in page_of_the_test(ada, mailbox, connection, monkeypatch)
    assert connection.closed
    (told,) = logs.memory.troubles()
    assert (told.event, told.exception) == ("connection_test_failed", "RuntimeError")
    assert told.fields["mailbox"] == mailbox.pk


def test_a_connection_that_cannot_be_closed_keeps_nobody_waiting(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck(Steps):
        def close(self) -> None:
            raise OSError

    logs.memory.forget()
    monkeypatch.setattr(connection_test, "HEARTBEAT", 0.05)
    monkeypatch.setattr(pool, "connect", lambda _: Stuck(*WELL))
    run = run_for(mailbox)
    assert isinstance(run, Run)
    beats = itertools.islice(run.follow(), 200)  # it would go on for ever
    assert [check.key for check in beats if check] == ["token", "open", "send"]
    assert run.over
    assert [told.event for told in logs.memory.troubles()] == ["connection_test_failed"]


def test_steps_come_one_by_one_in_the_readers_language(
    ada: Client, admin: Person, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    Person.objects.filter(pk=admin.pk).update(language="fr")
    go = threading.Event()
    monkeypatch.setattr(pool, "connect", lambda _: Steps(*WELL, go=go))
    monkeypatch.setattr(connection_test, "HEARTBEAT", 0.05)
    answer = ada.post(reverse("panel:check", args=[mailbox.pk]))
    pieces = (piece.decode() for piece in answer)
    top, waiting, first, beat = (next(pieces) for _ in range(4))
    assert "</html>" not in top
    assert "Étape 1 sur 3" in waiting
    assert 'class="passed"' in first
    assert beat.strip() == ""
    go.set()
    assert "Tout fonctionne" in "".join(pieces)


def test_who_presses_twice_follows_the_same_run(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    made: list[Steps] = []

    def connect(_: Mailbox) -> Steps:
        made.append(Steps(*WELL, go=go))
        return made[-1]

    monkeypatch.setattr(pool, "connect", connect)
    first, second = run_for(mailbox), run_for(mailbox)
    assert isinstance(first, Run)
    assert first is second
    assert len(made) == 1
    mailbox.settings = {**mailbox.settings, "poll_seconds": 60}
    other = run_for(mailbox)  # other settings are no business of the run that goes on
    assert isinstance(other, Run)
    assert other is not first
    assert not first.over
    assert len(made) == 2
    go.set()
    assert [check.key for check in first.follow() if check] == ["token", "open", "send"]
    assert [check.key for check in first.follow() if check] == ["token", "open", "send"]
    assert len(list(filter(None, other.follow()))) == 3
    assert run_for(mailbox) is not other  # it is over
    assert len(made) == 3


def test_when_the_reader_has_gone_the_test_stops_and_the_connection_is_closed(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    connection = Steps(*WELL, go=go)
    monkeypatch.setattr(pool, "connect", lambda _: connection)
    run = run_for(mailbox)
    assert isinstance(run, Run)
    follower = run.follow()
    assert next(follower) == WELL[0]
    follower.close()
    go.set()
    assert [check for check in run.follow() if check][-1] != WELL[2]
    assert (connection.left_early, connection.closed, run.passed) == (True, True, False)


def test_save_and_test_saves_first_and_then_goes_on_by_post(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "connect", lambda _: Steps(*WELL))
    page = reverse("panel:mailbox", args=[mailbox.pk])
    answer = ada.post(page, {**SETTINGS, "active": "on", "poll_seconds": "60", "then": "test"})
    assert (answer.status_code, answer["Location"]) == (307, reverse("panel:check", args=[mailbox.pk]))
    assert Mailbox.objects.get().settings["poll_seconds"] == 60


def test_after_a_good_test_the_mailbox_is_activated_by_one_button(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    activate = reverse("panel:activate", args=[mailbox.pk])
    assert activate not in page_of_the_test(ada, mailbox, Steps(*WELL), monkeypatch)  # it is active
    store.save({**mailbox.settings, "active": False}, by="ada", mailbox=mailbox)
    passed = page_of_the_test(ada, mailbox, Steps(*WELL), monkeypatch)
    assert activate in passed
    assert "Activate all the same" not in passed
    for without in ({}, {"passed": "x:y:z"}, {"all_the_same": "no"}):
        page = ada.post(activate, without, follow=True).content.decode()
        assert "Not activated: the connection test must pass first" in page
        assert not Mailbox.objects.get().active
    page = ada.post(activate, {"passed": proof_in(passed)}, follow=True).content.decode()
    assert "Activated: mail is looked for" in page
    assert "Active since" in page
    assert Mailbox.objects.get().active


@pytest.mark.parametrize("good", [True, False])
def test_a_good_test_ends_the_rest_after_a_refused_password(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, good: bool
) -> None:
    pool.failed(mailbox, SignInRefused("The server refused the password.", "Enter it again."))
    page_of_the_test(ada, Mailbox.objects.get(), Steps(*(WELL if good else (WELL[0], WRONG))), monkeypatch)
    assert pool.rests(Mailbox.objects.get()) is not good


def proof_in(page: str) -> str:
    return str(re.findall(r'name="passed" value="([^"]+)"', page)[0])


def test_a_test_that_passed_proves_nothing_of_other_settings_or_of_another_mailbox(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save({**mailbox.settings, "active": False}, by="ada", mailbox=mailbox)
    passed = {"passed": proof_in(page_of_the_test(ada, mailbox, Steps(*WELL), monkeypatch))}
    other = store.save({**SETTINGS, "username": "office@contoso.example"}, secrets=SECRETS, by="ada").mailbox
    ada.post(reverse("panel:activate", args=[other.pk]), passed)
    store.save(
        {**mailbox.settings, "client_id": TENANT},
        secrets=SECRETS,
        by="grace",
        mailbox=mailbox,
    )
    ada.post(reverse("panel:activate", args=[mailbox.pk]), passed)
    assert not Mailbox.objects.filter(active=True).exists()


def test_a_failed_test_offers_to_activate_all_the_same_and_says_what_that_means(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "all the same" not in page_of_the_test(ada, mailbox, Steps(WRONG), monkeypatch), "it is active"
    store.save({**mailbox.settings, "active": False}, by="ada", mailbox=mailbox)
    failed = page_of_the_test(ada, mailbox, Steps(WRONG), monkeypatch)
    assert "Activate all the same" in failed
    assert "What failed goes on failing" in failed
    assert 'name="passed"' not in failed


def test_activating_leaves_alone_what_was_saved_meanwhile(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save({**mailbox.settings, "active": False}, by="ada", mailbox=mailbox)
    stale = Mailbox.objects.get()
    store.save({**mailbox.settings, "poll_seconds": 77}, by="grace", mailbox=mailbox)
    monkeypatch.setattr(remote_approval, "get_object_or_404", lambda *_, **__: stale)
    ada.post(reverse("panel:activate", args=[mailbox.pk]), {"all_the_same": "yes"})
    now = Mailbox.objects.get()
    assert (now.active, now.settings["poll_seconds"]) == (True, 77)


# --- the way that ends ------------------------------------------------------------------------------------


def test_exchange_web_services_say_how_long_and_which_commands_list_the_application(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = reverse("panel:mailbox", args=[mailbox.pk])
    through_graph = ada.get(page).content.decode()
    assert "EwsAllowedAppIDs" not in through_graph
    store.save({**mailbox.settings, "protocol": "ews"}, by="ada", mailbox=mailbox)
    monkeypatch.setattr(tab, "EWS_ENDS", timezone.localdate() + timedelta(days=7))
    through_ews = html.unescape(ada.get(page).content.decode())
    assert "7 days are left for Exchange Web Services." in through_ews
    assert f"+ '{SETTINGS['client_id']}' | Where-Object" in through_ews
    assert "-EwsEnabled $true -EwsAllowedAppIDs $list" in through_ews
    assert "Set-CASMailbox -Identity 'approvals@contoso.example' -EwsEnabled $true" in through_ews
    monkeypatch.setattr(tab, "EWS_ENDS", timezone.localdate())
    assert "ended in Exchange Online on 1 April 2027" in ada.get(page).content.decode()
