"""Why a mail is read as it is: Try a reply, and the same explanation in the mail log."""

from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from playwright.sync_api import BrowserContext, expect
from pytest_django import DjangoAssertNumQueries

from placet.accounts.models import Person
from placet.approvals.models import Ask, Assignment
from placet.mail.models import IncomingMail
from placet.mailboxes.models import Mailbox
from placet.panel import try_reply
from placet.replies.entry import known_words
from placet.replies.explain import as_mail, explain, is_source
from tests.pages.conftest import HOSTILE
from tests.pages.test_browser import _fits, _leave, _reach, _signed_in, context, dress

__all__ = ["context", "dress"]  # fixtures

As = Callable[[Person | None], Client]
TRY = "/administration/mail/try/"
SOURCE = "From: Bob <bob@contoso.example>\nSubject: Re: A chair\n\nRejected, too expensive.\n\n-- \nBob\n"


@pytest.fixture
def ada(admin: Person, as_: As) -> Client:
    return as_(admin)


def page_of(browser: Client, **entered: object) -> str:
    answer = browser.post(TRY, entered)
    assert answer.status_code == 200
    return answer.content.decode()


def answer_on(page: str) -> str:
    """What the badge of the explanation says."""
    return page.partition('class="read-as">')[2].partition("</span>")[0].rpartition(">")[2]


def eml(content: str, name: str = "reply.eml") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content.encode(), "message/rfc822")


# --- try a reply ------------------------------------------------------------------------------------------


def test_it_is_found_from_the_mail_log_and_the_configuration_panel(ada: Client, mailbox: Mailbox) -> None:
    for name in ("incoming", "outgoing", "remote_approval"):
        assert f'href="{TRY}"' in ada.get(reverse(f"panel:{name}")).content.decode()
    page = ada.get(TRY).content.decode()
    assert "Nothing to read yet." in page
    assert "Nothing happens, nothing is kept and nothing is looked up." in page


def test_a_pasted_text_is_explained(ada: Client) -> None:
    page = page_of(ada, text="Approved, thanks!\r\n\r\nOn 2 Nov 2026, Ann wrote:\r\n> Reject it?\r\n")
    assert answer_on(page) == "approve"
    assert "Taken for a text." in page
    assert "<q><bdi>Approved</bdi></q>" in page
    assert "2 lines left out as quoted (" in page
    assert "Who vouches for the sender" not in page
    assert "Approved, thanks!\n\nOn 2 Nov 2026" in page.replace(
        "\r", ""
    )  # stays in the form, to change and try again


def test_a_pasted_source_is_explained_as_a_mail(ada: Client) -> None:
    page = page_of(ada, text=SOURCE)
    assert answer_on(page) == "reject"
    assert "Taken for the source of a mail." in page
    assert "Bob &lt;bob@contoso.example&gt;" in page
    assert "No server vouches for the sender" in page
    assert "A file proves nobody" in page
    assert "2 lines left out as signature" in page


def test_an_uploaded_mail_is_explained(ada: Client) -> None:
    page = page_of(ada, file=eml(SOURCE, "<b>.eml"))
    assert answer_on(page) == "reject"
    assert "Taken for the file &lt;b&gt;.eml." in page


def test_what_a_program_wrote_says_so(ada: Client) -> None:
    page = page_of(ada, file=eml("Auto-Submitted: auto-replied\n" + SOURCE))
    assert answer_on(page) == "written by a program"
    assert "Auto-Submitted is &#x27;auto-replied&#x27;" in page


def test_an_unclear_answer_and_one_that_cannot_be_read_say_why(ada: Client) -> None:
    assert answer_on(page_of(ada, text="Is it in the budget?")) == "unclear"
    page = page_of(ada, file=eml("X: " + "x" * 300_000))
    assert "This mail would be set aside." in page
    assert "Its headers are longer than 256 kB." in page
    assert "There is nothing in it." in page_of(ada, file=eml(""))


@pytest.mark.parametrize("pasted", [True, False])
def test_what_stands_in_the_mail_that_it_answers_is_quoted(pasted: bool, ada: Client) -> None:
    asked = "Please decide whether we buy this chair for the office in Lyon\nApproved requests are ordered on Friday"
    original = {"original": asked} if pasted else {"original_file": eml(f"Subject: x\n\n{asked}\n")}
    head = "On Tue, Nov 24, 2026 at 10:00 AM Placet <approvals@contoso.example> wrote:"
    page = page_of(ada, text=f"Rejected, too expensive.\n\n{head}\n{asked}", **original)
    assert answer_on(page) == "reject"
    assert "lines left out as quoted" in page
    assert "<details open>" in page


def test_nothing_is_looked_up_and_nothing_is_kept(
    ada: Client, asked: Assignment, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    before = IncomingMail.objects.count()
    # The session, its person, what every page says of the installation, and whether there is an alarm.
    with django_assert_num_queries(5):
        page_of(ada, text=SOURCE, original_file=eml(SOURCE))
    assert IncomingMail.objects.count() == before
    asked.refresh_from_db()
    assert asked.state == Assignment.State.OPEN


@pytest.mark.parametrize(
    ("entered", "sentence"),
    [
        ({}, "Paste a reply here, or choose a file below."),
        ({"text": " \r\n "}, "Paste a reply here, or choose a file below."),
        ({"text": "Approved", "file": eml(SOURCE)}, "Leave one of the two empty."),
        ({"text": "Approved", "original": "x", "original_file": eml(SOURCE)}, "Leave one of the two empty."),
        ({"file": eml("x" * (try_reply.LARGEST + 1))}, "Save the mail without its attachments"),
        ({"text": "x" * (try_reply.LONGEST + 1)}, "This is too long to be pasted."),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(
    entered: dict[str, object], sentence: str, ada: Client
) -> None:
    for value in entered.values():
        if isinstance(value, SimpleUploadedFile):
            value.seek(0)
    answer = ada.post(TRY, entered)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert "Nothing was read." in page


def test_what_is_too_large_for_any_page_is_said(ada: Client) -> None:
    answer = ada.post(TRY, {"text": "x" * (2 * 1024 * 1024 + 1)})
    assert answer.status_code == 400
    assert "longer than 2 MB" in answer.content.decode()


def test_hostile_text_stays_text_and_reply_codes_are_left_out(ada: Client) -> None:
    hostile = f"approve {HOSTILE}\n\u202eevil\u202c \x1b[2J [#abcdefghijklmnop]"
    source = f"From: Eve {HOSTILE} <eve@x.example>\nSubject: x\n\n{hostile}\n\n> {hostile}\n"
    page = page_of(ada, file=eml(source))
    assert "<script>" not in page
    assert "<img" not in page
    assert not set(page) & {"\u202e", "\x1b"}
    assert "abcdefghijklmnop" not in page


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (SOURCE, True),
        ("From ann@x.example Mon Nov  2\nReceived: by x\n\tid 1\nDate: x\n\nhi", True),
        ("\n\nFrom: a@b.example\r\nTo: c@d.example\r\n\r\nhi", True),
        ("Decision: approve\nComment: fine\n", False),
        ("Approved\n\nFrom: a@b.example\nSubject: x\n\nhi", False),
        ("Approved", False),
        ("", False),
    ],
)
def test_a_source_is_told_from_a_text_by_its_headers(text: str, is_one: bool) -> None:
    assert is_source(text) is is_one
    assert as_mail(text).endswith(text.encode().lstrip() if is_one else text.encode())


def test_letters_of_a_pasted_text_stay_as_they_are() -> None:
    mail = explain(as_mail("Genehmigt – schöne Grüße 👍 承認")).mail
    assert mail is not None
    assert mail.text == "Genehmigt – schöne Grüße 👍 承認"


# --- the mail log -----------------------------------------------------------------------------------------


@pytest.fixture
def came(incoming: IncomingMail) -> Callable[..., str]:
    """The page of a mail that came, with what was made of it."""

    def changed(browser: Client, text: str = "Approved, thanks!", **columns: object) -> str:
        raw = f"From: Mallory <mallory@evil.example>\nSubject: A chair\n\n{text}\n".encode()
        made = {"state": "handled", "verdict": {}, "result": "", "reason": "", **columns}
        IncomingMail.objects.filter(pk=incoming.pk).update(raw=raw, **made)
        return browser.get(reverse("panel:incoming_mail", args=[incoming.pk])).content.decode()

    return changed


def test_the_mail_log_shows_why_beside_the_mail_as_it_came(ada: Client, came: Callable[..., str]) -> None:
    page = came(ada, result="decided", verdict={"outcome": "approve"})
    assert answer_on(page) == "approve"
    assert "Why it reads so" in page
    assert "The mail as it came" in page
    assert "What was done then stands" not in page
    assert "not read for an answer" not in page
    assert "A file proves nobody" not in page  # this copy is the server's


@pytest.mark.parametrize(
    ("columns", "text", "sentence"),
    [
        ({"result": "decided", "verdict": {"outcome": "reject"}}, "Approved",
         "When it came it was read as reject; read now it is approve"),
        ({"result": "unclear"}, "Approved", "When it came it was read as unclear; read now it is approve"),
        ({"result": "automatic_reply", "verdict": {"automatic": "automatic reply"}}, "Approved",
         "was read as written by a program (automatic reply); read now it is approve"),
        ({"result": "already_decided", "verdict": {"outcome": "approve"}}, "Is it?", "read now it is unclear"),
        ({"result": "no_code"}, "Approved", "Its text was not read for an answer when it came."),
        ({"state": "kept"}, "Approved", "The mail has not been taken in yet."),
    ],
)  # fmt: skip
def test_where_the_reading_is_not_what_happened_the_page_says_so(
    columns: dict[str, object], text: str, sentence: str, ada: Client, came: Callable[..., str]
) -> None:
    assert sentence in came(ada, text, **columns)


def test_a_mail_that_was_unclear_and_still_is_needs_no_word(ada: Client, came: Callable[..., str]) -> None:
    page = came(ada, "Is it in the budget?", result="unclear")
    assert answer_on(page) == "unclear"
    assert 'class="note"' not in page


def test_what_stands_in_the_ask_is_quoted(ada: Client, came: Callable[..., str], asked: Assignment) -> None:
    ask = Ask.objects.get(lines__assignment=asked)
    assert ask.outgoing is not None
    asking = message_from_bytes(bytes(ask.outgoing.raw), policy=default).get_body(("plain",))
    assert asking is not None
    body = "\n".join(f"> {line}" for line in asking.get_content().splitlines())
    assert "chair" in body.lower()
    page = came(
        ada,
        f"Rejected.\n\n{body}",
        result="decided",
        verdict={"ask": str(ask.public_id), "outcome": "reject"},
    )
    assert answer_on(page) == "reject"


def test_a_mail_beyond_the_limits_says_so_once(
    ada: Client, came: Callable[..., str], incoming: IncomingMail
) -> None:
    came(ada)
    IncomingMail.objects.update(raw=b"X: " + b"x" * 300_000, state="set_aside", result="set_aside")
    page = ada.get(reverse("panel:incoming_mail", args=[incoming.pk])).content.decode()
    assert "Its headers are longer than 256 kB." in page
    assert "not read for an answer" not in page


def test_a_mail_that_the_server_never_gave_has_nothing_to_explain(
    ada: Client, came: Callable[..., str], incoming: IncomingMail
) -> None:
    came(ada)
    IncomingMail.objects.update(raw=b"", facts={"unread": True}, state="set_aside")
    page = ada.get(reverse("panel:incoming_mail", args=[incoming.pk])).content.decode()
    assert "The server has not given this mail, so there is nothing to read." in page


# --- in a browser -----------------------------------------------------------------------------------------


def test_a_reply_is_tried_by_keyboard(context: BrowserContext, admin: Person, tmp_path: Path) -> None:
    known_words()  # as `placet serve` does before it answers
    complaints: list[str] = []
    page = _signed_in(context, "ada@contoso.example", complaints)
    page.get_by_role("link", name="Administration").press("Enter")
    page.get_by_role("link", name="Mail log").press("Enter")
    page.get_by_role("link", name="Try a reply").press("Enter")
    expect(page.get_by_text("Nothing to read yet.")).to_be_visible()
    assert _fits(page)

    _reach(page, "Read it")
    _leave(page)
    expect(page.get_by_text("Paste a reply here, or choose a file below.")).to_be_visible()

    page.get_by_label("Text of a reply").focus()
    page.keyboard.type("Yes, approved.\n" + "a" * 200)
    _reach(page, "Read it")
    _leave(page)
    expect(page.locator(".read-as")).to_have_text("approve")
    assert _fits(page)

    page.get_by_label("Text of a reply").fill("")
    file = tmp_path / "reply.eml"
    file.write_text(SOURCE)
    page.get_by_label("Or a mail as a file (.eml)").set_input_files(file)
    page.get_by_role("button", name="Read it").click()
    expect(page.locator(".read-as")).to_have_text("reject")
    page.locator("summary", has_text="left out as signature").press("Enter")
    expect(page.get_by_label("Left out as signature")).to_contain_text("Bob")
    assert _fits(page)
    # Chromium also notes the one answer that says what is wrong with the form, and what of a page that was left at once
    # it did not wait for.
    expected = ("status of 422", "/static/")
    assert [text for text in complaints if not any(one in text for one in expected)] == []
