"""The General tab: name, logo, links, address, time zone and language of the installation."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from placet.accounts.general import general, save
from placet.accounts.models import Installation, Person
from placet.approvals.composing import page_of
from placet.approvals.models import Request
from placet.lib.reached import NoAddress, is_public, public_url_of, reached_at
from tests.accounts.test_logo import picture
from tests.pages.conftest import HOSTILE

As = Callable[[Person | None], Client]

ENTERED = {
    "organisation": "Contoso & Sons",
    "home_url": "https://www.contoso.example/",
    "terms_url": "https://www.contoso.example/terms",
    "privacy_url": "http://www.contoso.example/privacy?lang=en#top",
    "public_url": "https://it.contoso.example/placet/",
    "zone": "Europe/Paris",
    "language": "en",
    "person_figures": "on",
}


@pytest.fixture
def browser(admin: Person, as_: As) -> Client:
    return as_(admin)


def post(browser: Client, **changed: Any) -> Any:
    return browser.post(reverse("panel:general"), {**ENTERED, **changed}, follow=True)


def uploaded(content: bytes, name: str = "logo.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/png")


def by_operator(settings: Settings, **values: Any) -> None:
    settings.PLACET = settings.PLACET.model_copy(update=values)


def test_what_is_entered_is_stored_and_stands_on_every_page(browser: Client) -> None:
    page = post(browser).content.decode()
    assert "Saved." in page
    row = Installation.objects.get()
    assert row.public_url == "https://it.contoso.example/placet"
    assert row.person_figures
    others = ENTERED.keys() - {"public_url", "person_figures"}
    assert {name: getattr(row, name) for name in others} == {name: ENTERED[name] for name in others}
    sign_in = Client().get(reverse("account_login")).content.decode()
    assert "Contoso &amp; Sons" in sign_in
    for name in ("home_url", "terms_url", "privacy_url"):
        assert f'href="{ENTERED[name]}"' in sign_in


def test_saving_again_changes_nothing_and_says_so(browser: Client) -> None:
    post(browser)
    assert "Nothing was changed." in post(browser).content.decode()


def test_what_changed_and_who_changed_it_is_logged(
    browser: Client, admin: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        post(browser)
        post(browser, organisation="Fabrikam")
    first, second = [r.msg for r in caplog.records if r.name == "placet.accounts.general"]
    assert isinstance(second, dict)
    assert (second["event"], second["by"], second["fields"]) == ("general_changed", admin.pk, "organisation")
    assert "Fabrikam" not in str(second) and "public_url" in str(first)


WRONG = [
    ("home_url", "javascript:alert(1)", "This is no address of a web page"),
    ("home_url", "ftp://files.example/", "This is no address of a web page"),
    ("terms_url", "www.contoso.example", "This is no address of a web page"),
    ("privacy_url", "https://user:secret@contoso.example/", "Leave out the name and password"),
    ("privacy_url", "https://" + "a" * 500 + ".example", "at most 500"),
    ("public_url", "https://it.example/?q=1", "Enter an address such as"),
    ("public_url", "https://it.example/a b", "Enter an address such as"),
    ("public_url", "https://user@it.example/", "Enter an address such as"),
    ("public_url", "it.example", "Enter an address such as"),
    ("zone", "Mars/Olympus", "There is no such time zone"),
    ("zone", "", "Enter a time zone"),
    ("organisation", "Con\u202etoso", "characters that cannot be seen"),
    ("organisation", "x" * 201, "at most 200"),
]


@pytest.mark.parametrize(("field", "value", "sentence"), WRONG)
def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_saved(
    browser: Client, field: str, value: str, sentence: str
) -> None:
    answer = post(browser, **{field: value})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page.partition(f'name="{field}"')[2].partition("</div>")[0]
    assert "Contoso &amp; Sons" in page or field == "organisation"
    assert not Installation.objects.exclude(organisation="").exists()


def test_hostile_words_stay_words(browser: Client) -> None:
    page = post(browser, organisation=HOSTILE).content.decode()
    assert "<script>alert" not in page and "onerror=alert(1)>" not in page
    assert "&lt;script&gt;" in page


# --- the logo ---------------------------------------------------------------------------------------------


def test_a_logo_is_uploaded_shown_downloaded_and_removed(browser: Client) -> None:
    page = post(browser, logo=uploaded(picture("JPEG"))).content.decode()
    assert 'src="/logo"' in page
    shown = Client().get("/logo")
    assert (shown["Content-Type"], shown.content[:4]) == ("image/png", b"\x89PNG")
    assert Client().get("/logo", headers={"if-none-match": shown["ETag"]}).status_code == 304
    square = browser.get(reverse("panel:square_logo"))
    assert square.content[:4] == b"\x89PNG" and "attachment" in square["Content-Disposition"]
    post(browser)
    assert general().has_logo
    post(browser, remove_logo="on")
    assert not general().has_logo
    assert Client().get("/logo").status_code == browser.get(reverse("panel:square_logo")).status_code == 404


def test_a_file_that_is_no_picture_is_refused_and_the_old_logo_stays(browser: Client) -> None:
    post(browser, logo=uploaded(picture("PNG")))
    before = Client().get("/logo").content
    answer = post(browser, logo=uploaded(b"<svg onload='alert(1)'/>", "logo.svg"))
    assert answer.status_code == 422
    assert "This file is not a picture" in answer.content.decode()
    assert Client().get("/logo").content == before


def test_the_page_works_with_every_field_that_a_browser_sends_for_no_file(browser: Client) -> None:
    assert post(browser, logo="").status_code == 200


# --- the public address -----------------------------------------------------------------------------------


def test_links_in_mails_begin_with_it_at_once(browser: Client, purchase: Request) -> None:
    post(browser)
    assert page_of(purchase) == f"https://it.contoso.example/placet/requests/{purchase.public_id}/"


def test_a_restart_is_asked_for_until_the_web_server_uses_it(browser: Client, settings: Settings) -> None:
    assert "Restart Placet" in post(browser).content.decode()
    for name, value in reached_at("https://it.contoso.example/placet").items():
        if name != "ALLOWED_HOSTS":
            setattr(settings, name, value)
    settings.ALLOWED_HOSTS = ["it.contoso.example", "testserver"]
    page = browser.get(
        "/administration/configuration/general/", headers={"host": "it.contoso.example"}, secure=True
    )
    assert "Restart Placet" not in page.content.decode()
    assert "You use Placet at" not in page.content.decode()


def test_an_address_other_than_the_one_in_use_is_pointed_out(browser: Client) -> None:
    page = post(browser).content.decode()
    assert "You use Placet at <bdi>http://testserver</bdi> now" in page


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://approvals.contoso.example", True),
        ("https://approvals.contoso.example", False),
        ("http://nas", False),
    ],
)
def test_a_public_name_without_tls_is_warned_of(browser: Client, url: str, warned: bool) -> None:
    assert ("begins with http:" in post(browser, public_url=url).content.decode()) is warned


def test_what_the_operator_set_is_shown_and_cannot_be_changed(browser: Client, settings: Settings) -> None:
    by_operator(settings, public_url="https://ops.example", time_zone="Asia/Tokyo", language="fr")
    page = browser.get(reverse("panel:general"), headers={"accept-language": "en"}).content.decode()
    for shown in (
        "https://ops.example",
        "PLACET_PUBLIC_URL",
        "Asia/Tokyo",
        "PLACET_TIME_ZONE",
        "PLACET_LANGUAGE",
    ):
        assert shown in page
    for name in ("public_url", "zone", "language"):
        assert f'name="{name}"' not in page
    post(browser)
    row = Installation.objects.get()
    assert (row.public_url, row.zone, row.language, row.organisation) == ("", "", "", "Contoso & Sons")
    assert general().public_url == "https://ops.example"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://It.Example:443/placet/", "https://it.example/placet"),
        (" http://127.0.0.1:8000 ", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/a/b", "http://[::1]:8000/a/b"),
    ],
)
def test_an_address_is_brought_to_one_form(text: str, url: str) -> None:
    assert public_url_of(text) == url


@pytest.mark.parametrize(
    "text",
    ["", "https://", "https://a b", "https://x//y", "https://x/../y", "https://x/%41", "https://x:99999",
     "https://x:0", "https://-x.example", "//x.example", "https://x/#", "https://[fe80::1%25eth0]/", "https://x;y"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(NoAddress):
        public_url_of(text)


@pytest.mark.parametrize(
    ("url", "public"),
    [("http://approvals.contoso.com", True), ("http://9.9.9.9", True), ("http://192.168.1.5:8000", False),
     ("http://nas", False), ("http://placet.local", False), ("http://[::1]", False), ("http://localhost:8000", False)],
)  # fmt: skip
def test_what_can_be_reached_from_outside_is_told_from_what_cannot(url: str, public: bool) -> None:
    assert is_public(url) is public


# --- language and zone ------------------------------------------------------------------------------------


def test_the_language_holds_for_whoever_chose_none(browser: Client) -> None:
    page = post(browser, language="fr")
    assert page.headers["Content-Language"] == "fr"
    assert Client().get(reverse("account_login")).headers["Content-Language"] == "fr"
    german = Client().get(reverse("account_login"), headers={"accept-language": "de"})
    assert german.headers["Content-Language"] == "fr"
    english = Client().get(reverse("account_login"), headers={"accept-language": "en"})
    assert english.headers["Content-Language"] == "en"


def test_a_zone_can_be_searched_in_a_list(browser: Client) -> None:
    page = browser.get(reverse("panel:general")).content.decode()
    assert 'list="zones"' in page and '<option value="Pacific/Auckland">' in page


def test_nothing_that_is_entered_is_fetched(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    assert "Saved." in post(browser).content.decode()
    assert not mail.outbox


def test_an_empty_check_of_the_keys_is_made_anew(db: None) -> None:
    from placet.accounts.installation import check_keys

    save({"organisation": "Contoso"}, by=0)
    Installation.objects.update(key_check="")
    check_keys()
    row = Installation.objects.get()
    assert row.key_check and row.organisation == "Contoso"
