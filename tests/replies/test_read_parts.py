"""An answer that names a part of what is asked for, and not the rest, decides nothing; one that names all of it, none
of it, or what the whole request is called, does."""

import time
from dataclasses import replace

import pytest

from placet.replies.read import read_text
from placet.replies.read_facts import About
from placet.replies.read_parts import parts_of
from placet.replies.read_vocabulary import vocabulary
from tests.replies.asked_of import outcome, request


@pytest.mark.parametrize(
    ("title", "part", "whole"),
    [
        ("Laptop and monitor", "I approve the laptop.", "I approve the laptop and the monitor."),
        ("Laptop & monitor", "The monitor is approved.", "The laptop is approved. The monitor is approved."),
        ("Laptop, monitor", "Laptop approved.", "Approved."),
        ("Laptop, dock, chair", "The chair is approved.", "This is approved."),
        ("Laptop / monitor", "I approve the monitor.", "I approve the order."),
        ("Laptop; monitor", "I reject the laptop.", "I reject the order."),
        ("Laptop\nmonitor", "I reject the monitor.", "Rejected."),
        ("Laptop und Monitor", "Der Laptop ist genehmigt.", "Genehmigt."),
        ("Laptop sowie Monitor", "Ich genehmige den Monitor.", "Ich genehmige die Bestellung."),
        ("Laptop et écran", "L'ordinateur est approuvé, le laptop aussi.", "Approuvé."),
        ("Portátil y monitor", "Apruebo el monitor.", "Apruebo la compra."),
        ("Laptop and leave", "The leave is approved.", "Approved."),
        ("Flight and hotel in Rome", "The flight is approved.", "I approve the flight and the hotel."),
        ("Urlaub und Laptop", "Der Urlaub ist genehmigt.", "Genehmigt."),
        ("Vacaciones y portátil", "Tus vacaciones están aprobadas.", "Aprobado."),
        ("Voyage et hôtel à Rome", "Le voyage est approuvé.", "Approuvé."),
        ("ノートパソコンとモニター", "モニターを承認します。", "承認します。"),
    ],
)
def test_a_part_alone_decides_nothing(title: str, part: str, whole: str) -> None:
    expected = "reject" if "reject" in part.lower() else "approve"
    assert outcome(part, request(title)) is None
    assert outcome(part, request("Equipment", Items=title)) is None
    assert outcome(whole, request(title)) == expected


@pytest.mark.parametrize(
    ("text", "about"),
    [
        (
            "I approve the laptop.",
            request("Laptop", Reason="The old laptop is slow, and the monitor flickers."),
        ),
        ("The trip is approved.", request("Trip to Lyon and Paris")),
        ("The invoice is approved.", request("Invoice for paper and ink")),
        ("Please order it.", request("Order of chairs and desks")),
        ("I approve the trip.", request("Trip to Lyon, 12–14 May")),
        ("Your leave is approved.", request("Leave on 3 and 4 July")),
        ("I approve the laptop.", request("Laptop from Miller")),
        ("Approved, Anna.", request("Desk for Anna and Tom")),
    ],
)
def test_what_parts_nothing_still_decides(text: str, about: About) -> None:
    assert outcome(text, about) == "approve"


def test_what_a_field_lists_has_parts_whatever_another_field_calls_it() -> None:
    assert (
        outcome("I approve the laptop.", request("Equipment", Reason="laptop", Items="laptop, monitor"))
        is None
    )
    assert outcome("I approve the laptop.", request("Laptop", Items="laptop, 20 monitors")) is None


def test_labels_and_the_names_of_the_process_ask_for_nothing() -> None:
    about = replace(
        request("Lyon", **{"Travel and hotel": "Lyon"}), of_process=("Travel and expenses", "Manager")
    )
    assert outcome("The travel is approved.", about) == "approve"


def test_parts_are_joined_by_words_of_the_answers_language_and_of_english() -> None:
    known = vocabulary()
    assert parts_of("Stuhl und Tisch", known, "de") == ["Stuhl ", " Tisch"]
    assert parts_of("Stuhl and Tisch", known, "de") == ["Stuhl ", " Tisch"]
    assert parts_of("Chair a desk", known, "en") == ["Chair a desk"]
    assert parts_of("Andorra", known, "en") == ["Andorra"]
    assert parts_of("12,500.00", known, "en") == ["12,500.00"]
    assert parts_of("מחשב ומסך", known, "he") == ["מחשב ", "מסך"]


def test_a_long_list_takes_no_long_time() -> None:
    """Each name of an answer is compared with each word of the request: both are bounded."""
    about = request(
        "Equipment",
        **{f"Item {at}": " and ".join(f"thing{number}" for number in range(2_000)) for at in range(50)},
    )
    text = "I approve the " + " ".join(f"stuff{number}" for number in range(60)) + "."
    began = time.process_time()
    read_text(text, about=about)
    assert time.process_time() - began < 5
