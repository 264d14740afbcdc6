"""What of a mail fills a form: the lines that name a field, and what stands around them."""

from email.message import EmailMessage
from typing import Any

import pytest

from placet.approvals.form_parts import FormField
from placet.mailboxes.base import Folder, Received
from placet.replies.entry import known_words
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.read_start import read_lines

FIELDS = [
    FormField(name="item", label="What do you need?", type="text"),
    FormField(name="amount", label="Amount", type="money", currency="EUR"),
    FormField(name="cost_centre", label="Cost centre (4 digits): number", type="text"),
    FormField(name="reason", label="Why?", type="long_text"),
    FormField(name="phone", label="Phone", type="text"),
    FormField(name="first", label="Day", type="date"),
    FormField(name="second", label="Day", type="date"),
]


def mail_of(text: str, html: str = "") -> Mail:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "alice@contoso.example", "approvals@contoso.example", "x"
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    raw = mail.as_bytes()
    received = Received(
        server_id="", folder=Folder.INBOX, raw=raw, transport_headers="", item_class="", received_at=None, size=len(raw)
    )  # fmt: skip
    return parse(received, OwnMail("approvals@contoso.example", ""))


def read(text: str, html: str = "") -> Any:
    return read_lines(mail_of(text, html), FIELDS, known_words(), ["Alice", "Aliceson"])


@pytest.mark.parametrize(
    "line",
    [
        "Amount: 1250", "amount : 1250", "AMOUNT:1250", "* Amount: 1250", "- *Amount:* 1250", "Amount\u00a0: 1250",
        "Amount：1250", 'Amount: "1250"', "Amount: «1250»", "  Amount:  1250  ", "**Amount**: 1250",
    ],
)  # fmt: skip
def test_a_line_names_a_field_however_it_is_written(line: str) -> None:
    assert read(f"Hello,\n\n{line}\n\nthanks").entered == {"amount": "1250"}


def test_labels_and_names_of_all_kinds() -> None:
    text = (
        "What do you need: Chairs\ncost centre (4 digits): number: 4711\nwhy: Because.\nSo it is.\n\nDay: 2027-01-01\n"
        "second: 2027-01-02\n\nYours"
    )
    taken = read(text)
    assert taken.entered == {
        "item": "Chairs", "cost_centre": "4711", "reason": "Because.\nSo it is.", "second": "2027-01-02",
    }  # fmt: skip
    assert taken.rest == "Day: 2027-01-01", "two fields are called so, and it is neither's"
    assert read("cost centre: 5").entered == {"cost_centre": "5"}, "by its name"


SMALL_PRINT = (
    "This e-mail and any attachments are confidential and intended solely for the addressee. If you are not the "
    "intended recipient, please notify the sender and delete it.\nAmount: 3"
)


@pytest.mark.parametrize(
    "below",
    [
        "Best regards\nAlice\nPhone: 0123", "Mit freundlichen Grüßen\n\nAlice Aliceson\nPhone: 0123",
        "-- \nAlice Aliceson\nPhone: 0123", "Alice Aliceson\nPhone: 0123", "Sent from my iPhone", SMALL_PRINT,
        "On Mon, 2 Nov 2026 at 10:12, Bob <bob@contoso.example> wrote:\n> Amount: 2\n> Phone: 1",
        "-----Original Message-----\nFrom: Bob <bob@contoso.example>\nSent: Monday, November 2, 2026 10:12\n"
        "To: Alice <alice@contoso.example>\nSubject: Phone\n\nAmount: 2\nPhone: 1",
        "________________________________\nVon: Bob <bob@contoso.example>\nGesendet: Montag, 2. November 2026 10:12\n"
        "An: Alice <alice@contoso.example>\nBetreff: Phone\n\nAmount: 2",
        "---------- Forwarded message ---------\nFrom: Bob <bob@contoso.example>\nDate: Mon, Nov 2, 2026 at 10:12\n"
        "Subject: x\nTo: <alice@contoso.example>\n\nAmount: 2\nPhone: 1",
        "Begin forwarded message:\n\nFrom: Bob <bob@contoso.example>\nSubject: x\nDate: 2 November 2026 at 10:12:00 CET"
        "\nTo: alice@contoso.example\n\nAmount: 2",
    ],
)  # fmt: skip
def test_what_stands_below_fills_nothing(below: str) -> None:
    taken = read(f"We need chairs.\nAmount: 1\n\n{below}\n")
    assert taken.entered == {"amount": "1"} and not taken.wrong
    assert taken.rest == "We need chairs."


def test_a_last_paragraph_of_labels_and_numbers_is_no_signature() -> None:
    taken = read("We need chairs.\n\nAmount: 1250\nSecond: 2027-01-02")
    assert taken.entered == {"amount": "1250", "second": "2027-01-02"} and taken.rest == "We need chairs."
    taken = read(
        "We need chairs.\nAmount: 1250\n\nAlice A. | Contoso Ltd.\nPhone: 0123 456789\nMobile: 0456 789123"
    )
    assert taken.entered == {"amount": "1250"} and taken.rest == "We need chairs.", "and this is one"


def test_a_last_paragraph_of_names_that_are_not_the_senders_is_text() -> None:
    assert read("Amount: 1\n\nPlease order one\n\nSony Alpha").rest == "Please order one\n\nSony Alpha"


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        ("Amount: 1\nAmount: 2", "amount", "twice"),
        ("What do you need?:\nChairs", "item", "on one line"),
        (f"What do you need?: {'chairs ' * 9}\nand tables", "item", "on one line"),
    ],
)
def test_what_may_mean_two_things_is_asked_for(text: str, name: str, why: str) -> None:
    taken = read(text)
    assert why in str(taken.wrong[name])


def test_the_same_twice_is_once_and_nothing_is_nothing() -> None:
    assert read("Amount: 1\namount: 1\nPhone:\n\nPhone: ").entered == {"amount": "1"}


def test_html_is_read_as_it_is_seen() -> None:
    hidden = '<p style="display:none">Amount: 9</p><p>Amount: 1</p><p>Phone: 2</p>'
    assert read("", f"<html><body>{hidden}</body></html>").entered == {"amount": "1", "phone": "2"}
