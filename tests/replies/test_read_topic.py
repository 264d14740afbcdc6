"""What stands before an answer in its sentence and is another thing than the request makes it unclear; a reason does
not, and neither does what the request has."""

import time

import pytest

from placet.replies.read import read_text
from placet.replies.read_facts import About
from tests.replies.asked_of import outcome, request


@pytest.mark.parametrize(
    ("text", "same", "other"),
    [
        ("Pour Lille, c'est accordé.", "Déplacement à Lille", "Déplacement à Lyon"),
        (
            "Bestellung 4500-7791 bitte nicht auslösen, abgelehnt.",
            "Bestellung 4500-7791",
            "Bestellung 4500-7719",
        ),
        ("Adobe neprodlužujeme, zamítnuto.", "Prodloužení licence Adobe", "Prodloužení licence AutoCAD"),
        ("Medan approved ya.", "Perjalanan dinas Medan", "Perjalanan dinas Surabaya"),
        ("В Тулу не поедете, отклонено.", "Командировка в Тулу", "Командировка в Тверь"),
        ("contoso.example ka renewal mat karo, reject.", "Domain contoso.example", "Domain fabrikam.example"),
        ("Tilskuddet på 7.500 kr. er bevilget.", "Tilskud 7.500 kr.", "Tilskud 10.000 kr."),
    ],
)
def test_what_an_answer_is_about_has_to_be_the_request(text: str, same: str, other: str) -> None:
    assert outcome(text, request(other)) is None
    assert outcome(text, request(same)) == outcome(text, About()), "the request's own is no other thing"


@pytest.mark.parametrize(
    ("text", "title", "expected"),
    [
        ("Bestellung 4500-7791 bitte nicht auslösen, abgelehnt.", "Bestellung 4500-7791", "reject"),
        ("Adobe neprodlužujeme, zamítnuto.", "Prodloužení licence Adobe", "reject"),
        ("В Тулу не поедете, отклонено.", "Командировка в Тулу", "reject"),
        ("contoso.example ka renewal mat karo, reject.", "contoso.example renewal", "reject"),
        ("Tilskuddet på 7.500 kr. er bevilget.", "Tilskud 7.500 kr.", "approve"),
    ],
)
def test_the_same_about_the_request_decides(text: str, title: str, expected: str) -> None:
    assert outcome(text, request(title)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rejected, Zoom is too dear.", "reject"),
        ("We talked about it on the phone, approved.", "approve"),
        ("Das haben wir besprochen, genehmigt.", "approve"),
        ("Nach Durchsicht der Unterlagen genehmigt.", "approve"),
    ],
)
def test_a_reason_names_what_it_likes(text: str, expected: str) -> None:
    assert outcome(text, About()) == expected
    assert outcome(text, request("Desk")) == expected


def test_long_texts_take_no_long_time() -> None:
    """Words before an answer are compared with those of the request: both are bounded."""
    about = request("Equipment", Items=" ".join(f"thing{number}" for number in range(100_000)))
    text = " ".join(f"Stuff{number}" for number in range(400)) + ", approved."
    began = time.process_time()
    read_text(text, about=about)
    assert time.process_time() - began < 5


def test_dates_in_chinese_and_japanese_signs_are_dates() -> None:
    about = request("病院食の試食会", 日付="2月14日")
    assert outcome("3月3日の試食会は中止、認めません。", about) is None


def test_what_is_not_known_of_a_request_speaks_against_no_answer() -> None:
    assert outcome("Pour Lille, c'est accordé.", About()) == "approve"
