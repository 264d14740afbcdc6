"""Each kind of mail in each language: whole, in that language, with the organisation's foot and no other links."""

import re
from itertools import pairwise

import lxml.html
import pytest
from django.conf import settings as django_settings
from django.utils import translation

from placet.accounts.general import General, general
from placet.accounts.models import Installation
from placet.approvals.mail_parts import Question
from placet.mail.backend import as_notice
from placet.mail.writing import Link, Notice, foot
from placet.replies.languages.table import refusal_texts
from placet.replies.refusals import Told
from tests.mails_rendered import KINDS, every_mail_once
from tests.once import Together

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
CODES = [code for code, _ in django_settings.LANGUAGES]
OTHERS = [code for code in CODES if code != "en"]


@pytest.mark.parametrize("code", CODES)
def test_every_mail_has_a_heading_a_language_and_a_foot_in_both_parts(code: str, together: Together) -> None:
    mails = every_mail_once(code, together)
    assert len(mails) >= 20
    for name, (markup, text) in mails.items():
        page = lxml.html.document_fromstring(markup)
        assert page.get("lang") == code, name
        (heading,) = page.xpath("//h1")
        assert heading.text_content() in text, name
        shown = "".join(page.xpath("//text()[not(ancestor::style) and not(ancestor::title)]"))
        for said in ("Contoso", "https://contoso.example/terms", "https://contoso.example/privacy"):
            assert said in text, name
            assert said in markup, name
        written = set(re.findall(r"http\S*", text))
        assert len(written) == len({link for link in page.xpath("//a/@href") if "http" in link}), name
        assert "{" not in shown + text, f"{name}: a place that was not filled"
        assert "\n\n\n" not in text, name
        assert not page.xpath("//img | //script | //link"), name


@pytest.mark.parametrize("code", OTHERS)
def test_no_line_of_a_mail_is_left_in_english(code: str, together: Together) -> None:
    """What is the same in both languages is data, an address, or one of these words."""
    same = re.compile(r"mailto:|https?://|^> |^$|Bitte|Gelesen|Oder nutzen|nichts|[\u0600-\u06ff]")
    english = every_mail_once("en", together)
    for name, (_, text) in every_mail_once(code, together).items():
        both = set(text.splitlines()) & set(english[name][1].splitlines())
        assert not [line for line in both if not same.search(line)], name


@pytest.mark.parametrize("code", CODES)
def test_what_leads_to_a_quote_stands_right_above_it(code: str, together: Together) -> None:
    leads = {texts.was_read for texts in refusal_texts(django_settings.PLACET.words_dir).values()} - {""}
    followed: dict[str, str] = {}
    for name, (_, text) in every_mail_once(code, together).items():
        lines = [line for line in text.splitlines() if line]
        followed.update((name, after) for line, after in pairwise(lines) if line in leads)
    assert "unclear" in followed
    assert [name for name, after in followed.items() if not after.startswith("> ")] == []


@pytest.mark.parametrize("code", CODES)
def test_the_sentences_of_a_mail_are_written_as_people_write_them(code: str, together: Together) -> None:
    """Typographic apostrophes; one full stop at the end of what was quoted; and no request is made twice."""
    twice = re.compile(r"\.\s?[”»]\.")
    for name, (_, text) in every_mail_once(code, together).items():
        assert "'" not in text, name
        assert not twice.search(text), name
        again = [
            line
            for line in text.splitlines()
            if line.startswith(("Please answer again", "Veuillez répondre"))
        ]
        assert len(again) < 2, name


def test_what_is_said_of_buttons_holds_of_each(together: Together) -> None:
    for name, (markup, _) in every_mail_once("en", together).items():
        page = lxml.html.document_fromstring(markup)
        said = re.search(r"[^.>]* opens a reply that is written already", page.text_content())
        links = {link.text_content().strip(): link.get("href") for link in page.xpath("//a")}
        buttons = {label: href for label, href in links.items() if f"{label}, on the page" not in links}
        to_page = [label for label in buttons if label.endswith(", on the page")]
        if said is not None and to_page:
            replies = [label for label, href in buttons.items() if (href or "").startswith("mailto:")]
            assert replies and all(f"“{label}”" in said[0] for label in replies), name
            assert not any(f"“{label}”" in said[0] for label in to_page), name


def test_buttons_whose_labels_need_two_lines_on_a_phone_stand_below_each_other() -> None:
    def columns(*labels: str) -> int:
        answers = [Link(label, "mailto:a@b.example", "good") for label in labels]
        page = Link("Open", "https://p.example/")
        asked = Question("Decide", "", "Please.", [], answers, page, by_mail=True, how="", code="abc")
        markup = asked.written("Decide", "0" * 16, general()).html
        rows = lxml.html.document_fromstring(markup).xpath("//td[.//a[starts-with(@href, 'mailto:')]]")
        return max(len(row.xpath(".//a[starts-with(@href, 'mailto:')]")) for row in rows)

    assert columns("Approve", "Needs changes") == 2
    assert columns("Approve, on the page", "Reject") == 1


def test_each_refusal_that_its_sender_is_told_is_among_them() -> None:
    assert {f"refused-{kind.key}" for kind in Told.__subclasses__()} - {"refused-unclear"} <= KINDS.keys()


def test_without_entries_there_is_no_foot(db: None) -> None:
    assert foot(general()) == []


@pytest.mark.parametrize(
    ("entered", "labels"),
    [
        ({"organisation": "Contoso"}, ["Contoso"]),
        ({"home_url": "https://c.example/"}, ["Home page"]),
        ({"organisation": "Contoso", "home_url": "https://c.example/"}, ["Contoso"]),
        ({"privacy_url": "https://c.example/p"}, ["Privacy statement"]),
    ],
)
def test_the_foot_has_what_was_entered(entered: dict[str, str], labels: list[str]) -> None:
    Installation.objects.update_or_create(id=1, defaults=entered)
    assert [link.label for link in foot(general())] == labels


def test_an_organisation_s_name_is_no_markup() -> None:
    said = General(
        '<b onclick="x">C</b>', 'https://c.example/?"><script>', "", "", "http://p", "UTC", "en", False
    )
    written = Notice("Hello", ["There"]).written("Hello", "0123456789abcdef", said)
    page = lxml.html.document_fromstring(written.html)
    assert not page.xpath("//script | //b")
    assert '<b onclick="x">C</b>' in page.text_content()


def test_an_account_s_mail_looks_like_the_others_and_keeps_its_text() -> None:
    text = "Hello Bob,\n\nchoose one here:\n\nChoose a password: https://p.example/x/?a=1&b=2\n\nIt works once.\n"
    notice = as_notice("A new password", text)
    assert notice.paragraphs == ["Hello Bob,", "choose one here:"]
    assert notice.links == [Link("Choose a password", "https://p.example/x/?a=1&b=2", "main")]
    assert notice.footer == "It works once."
    two = as_notice("x", f"{text}\nYou sign in with bob@c.example.").written(
        "x", "0123456789abcdef", general()
    )
    last = lxml.html.document_fromstring(two.html).xpath("//p[starts-with(., 'You sign in')]")
    assert len(last) == 1, "a paragraph of its own, and no gap of two lines"
    with translation.override("fr"):
        french = as_notice("x", "Choisir un mot de passe\u00a0: https://p.example/x/")
        assert french.links == [Link("Choisir un mot de passe", "https://p.example/x/", "main")]
        assert french.links[0].line == "Choisir un mot de passe\u00a0: https://p.example/x/"


def test_an_address_without_a_label_is_a_plain_link() -> None:
    assert as_notice("x", "Here:\n\nhttps://p.example/x/").links == [
        Link("https://p.example/x/", "https://p.example/x/")
    ]
