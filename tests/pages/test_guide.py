"""The guide: its steps, what it keeps and what it never keeps, its commands, its calendar entry, its page in docs/."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override
from icalendar import Calendar

from placet.accounts.models import Installation, Person
from placet.lib.powershell import quoted
from placet.mailboxes.microsoft.clouds import CLOUDS, EWS, GRAPH
from placet.mailboxes.microsoft.panel import guide_commands
from placet.mailboxes.microsoft.panel.guide import STEPS, steps_of
from placet.mailboxes.microsoft.panel.guide_calendar import expiry_entry
from placet.mailboxes.microsoft.panel.guide_commands import commands, consent_link
from placet.mailboxes.microsoft.panel.guide_values import Values
from placet.mailboxes.models import Mailbox

pytestmark = pytest.mark.any_database

DOCS = Path(__file__).resolve().parents[2] / "docs" / "exchange-online.md"
TENANT = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
CLIENT_ID = "535fb089-9ff3-47b6-9bfb-4f1264799865"
OBJECT_ID = "9a1b2c3d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
MAILBOX = "approvals@contoso.com"
SECRET = "Q8x~the-secret-that-nobody-keeps"
KEYS = [step.key for step in STEPS]
WAYS = {way: [step.key for step in steps_of(way)] for way in (GRAPH, EWS)}
PAGES = [(way, key) for way, keys in WAYS.items() for key in keys]


@pytest.fixture
def ada(admin: Person, as_: Callable[[Person | None], Client]) -> Client:
    return as_(admin)


def _at(key: str) -> str:
    return reverse("panel:guide_step", args=[key])


def _text(client: Client, key: str) -> str:
    return client.get(_at(key)).content.decode()


def _in_a_year() -> str:
    return (timezone.localdate() + timedelta(days=365)).isoformat()


def _choose(client: Client, way: str, cloud: str = "worldwide") -> None:
    answer = client.post(reverse("panel:guide"), {"protocol": way, "cloud": cloud})
    assert answer["Location"] == _at("register")


def _enter_the_ids(client: Client) -> None:
    assert client.post(_at("register"), {"tenant": TENANT, "client_id": CLIENT_ID.upper()}).status_code == 302


# --- the pages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("way", "key"), PAGES)
def test_every_step_says_where_one_is_and_leads_on(way: str, key: str, ada: Client) -> None:
    _choose(ada, way)
    page, keys = _text(ada, key), WAYS[way]
    number = keys.index(key) + 1
    assert f"Step {number} of {len(keys)}" in page
    assert page.count('aria-current="step"') == 1
    assert 'rel="prev"' in page
    following = _at(keys[number]) if number < len(keys) else reverse("panel:remote_approval")
    assert f'href="{following}"' in page


@pytest.mark.parametrize(("way", "key"), PAGES)
def test_every_step_is_there_in_french(way: str, key: str, ada: Client, admin: Person) -> None:
    Person.objects.filter(pk=admin.pk).update(language="fr")
    _choose(ada, way)
    assert f"Étape {WAYS[way].index(key) + 1} sur {len(WAYS[way])}" in _text(ada, key)


@pytest.mark.parametrize("way", WAYS)
def test_the_overview_lists_the_steps_of_the_way(way: str, ada: Client) -> None:
    _choose(ada, way)
    page = ada.get(reverse("panel:guide")).content.decode()
    places = [page.index(f'<li><a href="{_at(key)}"') for key in WAYS[way]]
    assert places == sorted(places)
    assert [key for key in KEYS if f'<li><a href="{_at(key)}"' in page] == WAYS[way]


# --- the way ----------------------------------------------------------------------------------------------


def test_graph_is_the_way_until_another_one_is_chosen(ada: Client) -> None:
    page = ada.get(reverse("panel:guide")).content.decode()
    assert '<option value="graph" selected>' in page
    permission = _text(ada, "permission")
    assert "Mail.ReadWrite" in permission
    assert "Mail.Send" in permission
    assert "full_access_as_app" not in permission
    _choose(ada, EWS)
    permission = _text(ada, "permission")
    assert "full_access_as_app" in permission
    assert "Mail.Send" not in permission
    assert "Privileged Role Administrator" in _text(ada, "consent")


def test_each_way_limits_with_its_own_roles(ada: Client) -> None:
    for way, roles in {
        GRAPH: ["Application Mail.ReadWrite", "Application Mail.Send"],
        EWS: ["Application EWS.AccessAsApp"],
    }.items():
        _choose(ada, way)
        assert re.findall(r"-Role &#x27;(.*?)&#x27;", _text(ada, "limit")) == roles


def test_a_step_of_ews_shows_the_way_of_ews_whoever_opens_it(ada: Client) -> None:
    page = _text(ada, "ews")
    assert "Step 11 of 12" in page
    assert "Through Exchange Web Services" in page


@pytest.mark.parametrize(
    ("today", "told"),
    [
        (date(2026, 11, 26), "126 days are left."),
        (date(2027, 3, 31), "1 day is left."),
        (date(2027, 4, 1), "they ended for all."),
    ],
)
def test_the_overview_counts_the_days_until_the_end_of_ews(
    today: date, told: str, ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placet.mailboxes.microsoft.panel.guide.timezone.localdate", lambda: today)
    assert told in ada.get(reverse("panel:guide")).content.decode()


@pytest.mark.parametrize(
    "wrong", [{"protocol": "imap", "cloud": "worldwide"}, {"protocol": "graph", "cloud": "own"}]
)
def test_another_way_or_cloud_is_refused(wrong: dict[str, str], ada: Client) -> None:
    answer = ada.post(reverse("panel:guide"), wrong)
    assert answer.status_code == 422
    assert not ada.session.get("guide")


@pytest.mark.parametrize("key", [key for key in CLOUDS if key != "worldwide"])
def test_a_national_cloud_has_its_own_hosts(key: str, ada: Client) -> None:
    _choose(ada, GRAPH, key)
    _enter_the_ids(ada)
    login = CLOUDS[key].login[0]
    assert f"https://{login}/{TENANT}/adminconsent?client_id={CLIENT_ID}" in _text(ada, "consent")
    assert "Connect-ExchangeOnline -ExchangeEnvironmentName O365" in _text(ada, "limit")
    assert "has a portal of its own: portal.azure." in _text(ada, "register")
    answer = ada.post(
        reverse("panel:from_guide"),
        {"protocol": "graph", "cloud": key, "tenant": TENANT, "client_id": CLIENT_ID, "username": MAILBOX},
    )
    form = answer.context["form"]
    assert form["cloud"].value() == key
    assert form["server_address"].value() == CLOUDS[key].graph
    assert not form.look().errors


def test_of_a_national_cloud_the_whole_uri_is_taken_for_the_tenant(ada: Client) -> None:
    _choose(ada, GRAPH, "gcc_high")
    uri = f"https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token"
    ada.post(_at("register"), {"tenant": uri, "client_id": CLIENT_ID})
    assert ada.session["guide"]["tenant"] == TENANT


def test_a_stored_mailbox_says_its_way(ada: Client, mailbox: Mailbox) -> None:
    Mailbox.objects.update(protocol="ews")
    assert "full_access_as_app" in _text(ada, "permission")
    assert '<option value="ews" selected>' in ada.get(reverse("panel:guide")).content.decode()


def test_a_step_that_does_not_exist_is_not_found(ada: Client) -> None:
    assert ada.get(_at("nowhere")).status_code == 404


# --- what is kept -----------------------------------------------------------------------------------------


def test_what_is_typed_in_one_step_is_filled_in_in_the_others(ada: Client) -> None:
    _enter_the_ids(ada)
    ada.post(_at("mailbox"), {"username": MAILBOX})
    ada.post(_at("secret"), {"secret_expires_on": _in_a_year()})
    link = f"https://login.microsoftonline.com/{TENANT}/adminconsent?client_id={CLIENT_ID}"
    assert link in _text(ada, "consent")
    assert f"-EwsAllowedAppIDs &#x27;{CLIENT_ID}&#x27;" in _text(ada, "ews")
    assert f"-Resource &#x27;{MAILBOX}&#x27;" in _text(ada, "limit")
    review = _text(ada, "review")
    for value in (TENANT, CLIENT_ID, MAILBOX, _in_a_year()):
        assert f'value="{value}"' in review


def test_the_review_sends_what_the_remote_approval_tab_takes(ada: Client) -> None:
    page = _text(ada, "review")
    assert f'action="{reverse("panel:from_guide")}"' in page
    names = set(re.findall(r'<input[^>]* name="([a-z_]+)"', page))
    assert names >= {"tenant", "client_id", "username", "client_secret", "secret_expires_on"}
    assert set(re.findall(r'<select[^>]* name="([a-z_]+)"', page)) >= {"protocol", "cloud"}


@pytest.mark.parametrize(("way", "host"), [(GRAPH, "graph.microsoft.com"), (EWS, "outlook.office365.com")])
def test_the_remote_approval_tab_shows_what_the_review_sent(way: str, host: str, ada: Client) -> None:
    sent = {
        "tenant": TENANT, "client_id": CLIENT_ID, "username": MAILBOX, "client_secret": SECRET,
        "secret_expires_on": _in_a_year(), "protocol": way, "cloud": "worldwide",
    }  # fmt: skip
    answer = ada.post(reverse("panel:from_guide"), sent)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    for value in sent.values():
        assert value in answer.content.decode()
    form = answer.context["form"]
    assert (form["protocol"].value(), form["server_address"].value()) == (way, host)
    assert form["scope"].value() == f"https://{host}/.default"
    assert not Mailbox.objects.exists()


@pytest.mark.parametrize("key", KEYS)
def test_the_secret_is_kept_nowhere(key: str, ada: Client) -> None:
    everything = {
        "tenant": TENANT, "client_id": CLIENT_ID, "object_id": OBJECT_ID, "username": MAILBOX,
        "secret_expires_on": _in_a_year(), "client_secret": SECRET,
    }  # fmt: skip
    ada.post(_at(key), everything)
    assert SECRET not in str(dict(ada.session))
    assert "client_secret" not in str(dict(ada.session))
    assert not any(SECRET in _text(ada, step) for step in KEYS)


def test_forgetting_forgets_everything(ada: Client) -> None:
    _enter_the_ids(ada)
    assert CLIENT_ID in ada.get(reverse("panel:guide")).content.decode()
    ada.post(reverse("panel:guide"))
    assert CLIENT_ID not in ada.get(reverse("panel:guide")).content.decode()
    assert CLIENT_ID not in _text(ada, "ews")


def test_without_anything_typed_the_stored_mailbox_fills_in_the_names(ada: Client, mailbox: Mailbox) -> None:
    page = _text(ada, "limit")
    assert "-Resource &#x27;approvals@contoso.example&#x27;" in page
    assert "/contoso.example/adminconsent?client_id=" in _text(ada, "consent")


def test_a_mailbox_of_another_application_fills_in_nothing(ada: Client, mailbox: Mailbox) -> None:
    other = "11111111-2222-3333-4444-555555555555"
    ada.post(_at("register"), {"tenant": TENANT, "client_id": other})
    assert "approvals@contoso.example" not in _text(ada, "limit")
    assert other in _text(ada, "limit")


def test_the_stored_names_stay_when_one_of_them_is_typed_again(ada: Client, mailbox: Mailbox) -> None:
    ada.post(_at("mailbox"), {"username": mailbox.address})
    assert str(mailbox.settings["client_id"]) in _text(ada, "limit")


def test_two_administrators_do_not_see_each_others_values(
    ada: Client, carol: Person, as_: Callable[[Person | None], Client]
) -> None:
    _enter_the_ids(ada)
    Person.objects.filter(pk=carol.pk).update(is_administrator=True)
    assert CLIENT_ID not in as_(Person.objects.get(pk=carol.pk)).get(_at("ews")).content.decode()


# --- what is wrong ----------------------------------------------------------------------------------------


WRONG = [
    ("register", {"tenant": "{directory_tenant_ID}", "client_id": CLIENT_ID}, "tenant", "in brackets"),
    ("register", {"tenant": "common-sense", "client_id": CLIENT_ID}, "tenant", "Directory (tenant) ID"),
    ("register", {"tenant": TENANT, "client_id": "approvals"}, "client_id", "looks like"),
    ("register", {"tenant": TENANT, "client_id": TENANT}, "client_id", "one of them is the Directory"),
    ("register", {"tenant": "", "client_id": ""}, "client_id", "Enter the Application (client) ID"),
    ("mailbox", {"username": "somebody@outlook.com"}, "username", "personal"),
    ("limit", {"client_id": CLIENT_ID, "username": MAILBOX, "object_id": "x"}, "object_id", "looks like"),
    ("limit", {"client_id": CLIENT_ID, "username": MAILBOX, "object_id": CLIENT_ID}, "object_id", "beside"),
    ("secret", {"secret_expires_on": ""}, "secret_expires_on", "Enter the day"),
    ("secret", {"secret_expires_on": "2020-01-01"}, "secret_expires_on", "past"),
    ("secret", {"secret_expires_on": "2099-01-01"}, "secret_expires_on", "24 months"),
    ("secret", {"secret_expires_on": "tomorrow"}, "secret_expires_on", "valid date"),
]


@pytest.mark.parametrize(("key", "typed", "field", "sentence"), WRONG)
def test_what_is_wrong_is_said_beside_its_field_and_not_kept(
    key: str, typed: dict[str, str], field: str, sentence: str, ada: Client
) -> None:
    answer = ada.post(_at(key), typed)
    assert answer.status_code == 422
    page = answer.content.decode()
    said = re.search(rf'<ul class="errorlist" id="id_{field}_error">(.*?)</ul>', page, re.DOTALL)
    assert said is not None
    assert sentence in said[1]
    assert f'value="{typed[field]}"' in page or not typed[field]
    assert not dict(ada.session).get("guide")


@pytest.mark.parametrize("typed", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\x00b"])
def test_hostile_values_are_refused_and_shown_as_text(typed: str, ada: Client) -> None:
    answer = ada.post(_at("register"), {"tenant": typed, "client_id": typed})
    assert answer.status_code == 422
    assert "<script>alert" not in answer.content.decode()
    assert "<img src=x" not in answer.content.decode()


def test_the_whole_access_token_uri_is_taken_for_the_tenant(ada: Client) -> None:
    uri = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
    ada.post(_at("register"), {"tenant": uri, "client_id": CLIENT_ID})
    assert ada.session["guide"]["tenant"] == TENANT


def test_the_consent_link_stays_in_a_national_cloud() -> None:
    uri = f"https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token"
    link = consent_link(Values(tenant=uri, client_id=CLIENT_ID))
    assert link == f"https://login.microsoftonline.us/{TENANT}/adminconsent?client_id={CLIENT_ID}"


def test_without_both_ids_there_is_no_consent_link(ada: Client) -> None:
    assert consent_link(Values(tenant=TENANT)) == ""
    assert "/adminconsent" not in _text(ada, "consent")


# --- commands ---------------------------------------------------------------------------------------------


def _powershell_reads(command: str) -> list[str]:
    """The words of a command line, as PowerShell's own rules take strings apart; signs that it would act on are
    refused."""
    words, word, at = [], "", 0
    single, double = "'‘’‚‛", '"“”„'
    while at < len(command):
        sign = command[at]
        if sign in single or sign in double:
            same = single if sign in single else double
            at += 1
            while True:
                if command[at] in same:
                    if command[at + 1 : at + 2] and command[at + 1] in same:
                        at += 1
                    else:
                        break
                assert same is single or command[at] not in "$`", command
                word += command[at]
                at += 1
        elif sign in " \n":
            words.append(word)
            word = ""
        else:
            assert sign.isalnum() or sign in "-,.$|_@", f"{sign} stands outside a string in {command}"
            word += sign
        at += 1
    return [word for word in [*words, word] if word]


HOSTILE = [
    "o'brien@contoso.com",
    "'; Remove-Mailbox approvals; '@contoso.com",
    "$(Remove-Mailbox)@contoso.com",
    "`$x@contoso.com",
    '"; Get-Mailbox | Remove-Mailbox; "',
    "’; Remove-Mailbox approvals; ‘",
    "it's $(hard)",
    "“; Remove-Mailbox; ”'",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_one_string_for_powershell(name: str) -> None:
    assert _powershell_reads(f"Get-Mailbox -Identity {quoted(name)}") == ["Get-Mailbox", "-Identity", name]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_inside_the_filter_of_the_scope(name: str) -> None:
    line = commands(Values(username=name))["limit"].splitlines()[2]
    words = _powershell_reads(line)
    in_filter = words[words.index("-RecipientRestrictionFilter") + 1]
    inner = re.fullmatch("PrimarySmtpAddress -eq '((?:[^']|'')*)'", in_filter)
    assert inner is not None
    assert inner[1].replace("''", "'") == name


def test_an_address_with_an_apostrophe_is_taken_and_quoted(ada: Client) -> None:
    ada.post(_at("mailbox"), {"username": "o'brien$x@contoso.com"})
    page = _text(ada, "ews")
    assert "Set-CASMailbox -Identity &#x27;o&#x27;&#x27;brien$x@contoso.com&#x27; -EwsEnabled $true" in page


# --- calendar ---------------------------------------------------------------------------------------------


def test_the_calendar_entry_is_valid_and_reminds_30_and_7_days_before(ada: Client) -> None:
    _enter_the_ids(ada)
    ada.post(_at("secret"), {"secret_expires_on": _in_a_year()})
    answer = ada.get(reverse("panel:guide_calendar"))
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    calendar = Calendar.from_ical(answer.content)
    (event,) = calendar.walk("VEVENT")
    assert event.decoded("dtstart") == date.fromisoformat(_in_a_year())
    assert event.decoded("dtend") == date.fromisoformat(_in_a_year()) + timedelta(days=1)
    assert [alarm.decoded("trigger") for alarm in event.walk("VALARM")] == [
        timedelta(days=-30),
        timedelta(days=-7),
    ]
    assert CLIENT_ID in str(event["description"])
    assert event["uid"]
    assert event["dtstamp"]
    assert not event.errors
    assert max(map(len, answer.content.split(b"\r\n"))) <= 75


def test_there_is_no_calendar_entry_without_a_day(ada: Client) -> None:
    assert ada.get(reverse("panel:guide_calendar"))["Location"] == _at("secret")


def test_the_calendar_entry_speaks_the_readers_language() -> None:
    with override("fr"):
        entry = expiry_entry(Values(secret_expires_on="2027-03-01", username=MAILBOX))
    (event,) = Calendar.from_ical(entry).walk("VEVENT")
    assert event["summary"] == f"Le secret client de Placet expire ({MAILBOX})"


# --- branding ---------------------------------------------------------------------------------------------


def test_branding_shows_what_the_general_tab_has_and_leads_there_for_the_rest(ada: Client) -> None:
    Installation.objects.update_or_create(
        id=1, defaults={"home_url": "https://contoso.com/", "terms_url": "https://contoso.com/terms"}
    )
    page = _text(ada, "branding")
    assert '<pre id="home" tabindex="0">https://contoso.com/</pre>' in page
    assert '<pre id="terms" tabindex="0">https://contoso.com/terms</pre>' in page
    assert page.count("Not there yet: add it in the General tab") == 2
    assert reverse("panel:general") in page


# --- the same in docs/ ------------------------------------------------------------------------------------


def test_docs_name_the_same_steps_in_the_same_order() -> None:
    with override("en"):
        wanted = [f"{number}. {step.title}" for number, step in enumerate(STEPS, 1)]
    assert re.findall(r"^## (\d+\. .+)$", DOCS.read_text(), re.MULTILINE) == wanted


def test_docs_hold_the_same_commands_in_the_same_order() -> None:
    blocks = re.findall(r"^ *```powershell\n(.*?)\n *```$", DOCS.read_text(), re.DOTALL | re.MULTILINE)
    graph, ews = commands(Values(protocol=GRAPH)), commands(Values(protocol=EWS))
    limit, *others = graph.values()
    assert others == list(ews.values())[1:]
    # Of the two ways into step 9 only the roles differ, which are the last lines.
    of_ews = ews["limit"].splitlines()
    assert limit.splitlines()[: len(of_ews) - 1] == of_ews[:-1]
    assert [dedent(block) for block in blocks] == [limit, of_ews[-1], *others]


def test_docs_hold_the_same_links() -> None:
    text = DOCS.read_text()
    assert guide_commands.consent_elsewhere(Values()) in text
    assert "https://login.microsoftonline.com/DIRECTORY-TENANT-ID/adminconsent?client_id=" in text
