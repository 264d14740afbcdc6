"""An answer that names another thing than the request's decides nothing; one that names the request's own, in whatever
way it is written, does. Each text is read as an answer to both requests: to the one that it names, and to another."""

from datetime import date
from decimal import Decimal

import pytest

from placet.replies.read import read_text
from placet.replies.read_facts import About, Field
from placet.replies.read_vocabulary import vocabulary
from tests.replies.asked_of import PEOPLE, request


def money(title: str, amount: str, currency: str = "EUR") -> About:
    """A request with one field for an amount."""
    cost = Field("Cost", (f"{amount} {currency}",), Decimal(amount), currency)
    return About((cost,), PEOPLE, (), (title, "217"))


def holidays(first: date, last: date) -> About:
    fields = (Field("From", (first.isoformat(),), day=first), Field("To", (last.isoformat(),), day=last))
    return About(fields, PEOPLE, (), ("Summer", "217"))


def decides(text: str, about: About, outcome: str = "approve") -> bool:
    reading = read_text(text, about=about)
    assert reading.outcome in (None, outcome), reading.why
    return reading.outcome == outcome


INVOICE = request("Invoice INV-3306", Vendor="Miller Print Ltd", Amount="4,905.20 EUR")
SWAPPED = request("Invoice INV-3360", Vendor="Miller Print Ltd", Amount="4,905.20 EUR")


@pytest.mark.parametrize(
    "text",
    [
        "Invoice 3306 approved.",
        "I approve invoice 3306.",
        "INV-3306 is approved.",
        "Invoice INV-3306 is approved.",
        "Hi Anna, invoice 3306 is approved. Thanks, Tom",
        "Rechnung 3306 ist genehmigt.",
        "Ich genehmige die Rechnung INV-3306.",
        "La facture 3306 est approuvée.",
        "La facture INV-3306 est approuvée.",
        "La factura 3306 está aprobada.",
        "Apruebo la factura 3306.",
        "Fattura 3306 approvata.",
        "Fatura 3306 aprovada.",
        "Factuur 3306 is goedgekeurd.",
        "Faktura 3306 är godkänd.",
        "Faktura 3306 er godkendt til betaling.",
        "Faktura 3306 er godkjent.",
        "Lasku 3306 hyväksytty.",
        "Faktura 3306 zatwierdzona.",
        "Faktura 3306 schválena.",
        "Factura 3306 aprobată.",
        "Счет 3306 одобрен.",
        "Рахунок 3306 погоджено.",
        "Το τιμολόγιο 3306 εγκρίνεται.",
        "تمت الموافقة على الفاتورة رقم 3306.",
        "تمت الموافقة على الفاتورة رقم ٣٣٠٦",
        "חשבונית 3306 מאושרת",
        "बिल 3306 मंज़ूर है",
        "Faktur 3306 saya setujui.",
        "Hóa đơn 3306 đã duyệt.",
    ],
)
def test_swapped_digits_of_a_number_are_another_thing(text: str) -> None:
    assert decides(text, INVOICE)
    assert not decides(text, SWAPPED)


@pytest.mark.parametrize(
    "text",
    [
        "I reject invoice 3306.",
        "Rechnung 3306 abgelehnt.",
        "La facture 3306 est refusée.",
        "Rechazo la factura 3306.",
        "Faktura 3306 odrzucona.",
    ],
)
def test_a_rejection_names_the_request_too(text: str) -> None:
    assert decides(text, INVOICE, "reject")
    assert not decides(text, SWAPPED, "reject")


@pytest.mark.parametrize(
    "text",
    [
        "Rejected. We have 12 of them, and they cost 800 EUR each.",
        "Rejected, 9,000 EUR is too much.",
        "Abgelehnt. Letztes Jahr waren es 300.",
        "Refusé. Il nous en reste 40.",
    ],
)
def test_reasons_for_a_rejection_may_count_what_they_like(text: str) -> None:
    assert decides(text, INVOICE, "reject")


@pytest.mark.parametrize(
    ("text", "same", "other"),
    [
        ("KST-120 approved", "KST-120", "KST-210"),
        ("Order 2025-0417 approved", "Order 2025-0417", "Order 2025-0471"),
        ("Order 0417 approved", "Order 2025-0417", "Order 417"),
        ("PO-3306 approved", "PO-3306", "INV-3306"),
        ("PO 3306 approved", "Purchase order 3306", "Purchase order 3309"),
        ("Ticket 88 approved", "Ticket 88", "Ticket 188"),
        ("Order 1764 approved", "Order 1764", "Order 12 for 1,764.00 EUR"),
        ("Order 17 and order 18 are approved", "Orders 17 and 18", "Orders 17 and 19"),
        ("Request 217 is approved", "Chairs", "Request 218 once more"),
    ],
)
def test_identifiers_are_compared_as_they_are_written(text: str, same: str, other: str) -> None:
    assert decides(text, request(same))
    about = request(other)
    assert not decides(text, About(about.fields, about.names, (), (other, "218")))


@pytest.mark.parametrize(
    "text",
    [
        "I approve invoice 3306 for 4,905.20 EUR.",
        "I approve invoice 3306 for 4.905,20 EUR.",
        "I approve invoice 3306 for 4905.20 EUR.",
        "I approve invoice 3306 for 4 905,20 EUR.",
        "I approve invoice 3306 for €4,905.20.",
        "Ich genehmige die 4.905,20 €.",
        "4905,20 EUR sind genehmigt.",
        "J'approuve les 4 905,20 €.",
        "Apruebo los 4.905,20 EUR.",
        "4905,20 EUR zatwierdzone.",
    ],
)
def test_the_requests_amount_is_known_in_whatever_way_it_is_written(text: str) -> None:
    assert decides(text, money("Invoice 3306", "4905.20"))
    assert not decides(text, money("Invoice 3306", "4950.20"))
    assert not decides(
        text, request("Invoice 3306", Cost="4,905.20 EUR, in two parts")
    )  # it may be a part of it


def test_a_part_of_what_is_asked_for_limits_an_answer_though_the_request_names_it() -> None:
    parts = (
        Field("Total", ("9,000 EUR",), Decimal(9000), "EUR"),
        Field("First", ("500 EUR",), Decimal(500), "EUR"),
    )
    about = About(parts, PEOPLE, (), ("Machine, only 500 EUR, up to 500 EUR, for 3 of the 5, MAX-500",))
    assert decides("I approve the 9,000 EUR.", about)
    for text in (
        "I approve the 500 EUR.",
        "Approved, only 500 EUR.",
        "Approved, up to 500 EUR",
        "Approved for 3 of the 5",
        "Approved, max 500",
        "Approved MAX-500",
        "Approved.\nMax: 500",
    ):
        assert not decides(text, about), text


def test_the_requests_amount_takes_no_word_for_another_language() -> None:
    """ "Ja ja" is a sigh in one language and no yes."""
    for text in ("ja ja", "ja ja for 900.00 EUR", "ja ja\n900 EUR"):
        assert not decides(text, money("Desk", "900")), text


@pytest.mark.parametrize(
    ("text", "same", "other"),
    [
        ("I approve the three laptops.", "Laptops, 3 pieces", "Laptops, 5 pieces"),
        ("I approve the three laptops.", "Three laptops", "Five laptops"),
        ("J'approuve les cinq chaises.", "5 chaises", "8 chaises"),
        ("J'approuve les cinq chaises.", "Cinq chaises", "Huit chaises"),
    ],
)
def test_another_quantity_is_another_thing(text: str, same: str, other: str) -> None:
    assert decides(text, request(same))
    assert not decides(text, request(other))


@pytest.mark.parametrize(
    ("text", "same", "other"),
    [
        ("Autorizado el viaje a Mérida.", "Viaje a Mérida", "Viaje a Monterrey"),
        ("Autorizado el viaje a Merida.", "Viaje a Mérida", "Viaje a Madrid"),
        ("Autorizado el viaje a Monterey.", "Viaje a Monterrey", "Viaje a Montevideo"),
        ("I approve the trip to Lisbon.", "Business trip to Lisbon", "Business trip to Bonn"),
        ("I approve the trip to LISBON.", "Business trip to Lisbon", "Business trip to London"),
        ("Die Reise nach Nürnberg ist genehmigt.", "Dienstreise nach Nürnberg", "Dienstreise nach Würzburg"),
        ("Die Reise nach Nuernberg ist genehmigt.", "Dienstreise Nuernberg", "Dienstreise Bamberg"),
        ("Ich genehmige die Reise nach München.", "Reise nach München", "Reise nach Hamburg"),
        ("Le déplacement à Lyon est approuvé.", "Déplacement à Lyon", "Déplacement à Lille"),
        ("J'approuve le voyage à Dijon.", "Voyage à Dijon", "Voyage à Nice"),
        ("Approvo la trasferta a Bari.", "Trasferta a Bari", "Trasferta a Pisa"),
        ("A viagem a Lisboa está aprovada.", "Viagem a Lisboa", "Viagem a Braga"),
        ("Apruebo el viaje a Madrid.", "Viaje a Madrid", "Viaje a Málaga"),
        ("Deplasarea la Cluj este aprobată.", "Deplasare la Cluj", "Deplasare la Iași"),
        ("Perjalanan ke Surabaya saya setujui.", "Perjalanan ke Surabaya", "Perjalanan ke Medan"),
        ("부산 출장 승인합니다.", "부산 출장", "대구 출장"),
        ("同意去北京的出差", "北京出差", "成都出差"),
        ("İzmir seyahatini onaylıyorum", "İzmir iş seyahati", "Bursa iş seyahati"),
    ],
)
def test_another_place_is_another_thing(text: str, same: str, other: str) -> None:
    assert decides(text, request(same))
    assert not decides(text, request(other))


@pytest.mark.parametrize(
    ("text", "same", "other"),
    [
        ("I approve the contract with Corvane.", "Contract with Corvane Foods", "Contract with Halden Lifts"),
        ("I approve the purchase of the forklifts.", "Hire of a forklift", "Hire of a crane"),
        ("Ich genehmige den Vertrag mit Kunze.", "Vertrag Bäckerei Kunze", "Vertrag Bäckerei Lange"),
        ("Ich genehmige die Anschaffung der Stapler.", "Zwei Gabelstapler", "Zwei Kräne"),
        ("Ich genehmige die Bestellung bei Lenovo.", "Laptops von Lenovo", "Laptops von Dell"),
        ("J'approuve le contrat avec Delorme.", "Contrat Delorme", "Contrat Bellevue"),
        ("Apruebo la contratación de Paula.", "Contratación de Paula Rey", "Contratación de Rosa Gil"),
        ("Approvo l'acquisto di torni.", "Acquisto di un tornio, torni", "Acquisto di una fresa"),
        ("I approve the printer.", "New printer", "New laptop"),
        ("I approve the trip.", "Trip to Bonn", "Laptop"),
        ("Your trip is approved.", "Trip to Bonn", "Laptop"),
        ("Your vacation is approved.", "Vacation in July", "Trip to Bonn"),
        ("Der Drucker ist genehmigt.", "Drucker", "Dienstreise"),
        ("Genehmigt, der Urlaub", "Urlaub im Juli", "Laptop"),
        ("L'imprimante est approuvée.", "Imprimante", "Formation Excel"),
        ("Apruebo las vacaciones.", "Vacaciones de verano", "Impresora"),
    ],
)
def test_another_supplier_person_or_thing_is_another_thing(text: str, same: str, other: str) -> None:
    if text == "Genehmigt, der Urlaub":
        text = "Der Urlaub ist genehmigt."
    assert decides(text, request(same))
    assert not decides(text, request(other))


@pytest.mark.parametrize(
    ("text", "same", "other"),
    [
        ("The 12 June invoice 12 is approved.", "Invoice 12 of 12 June", "Invoice 12 of 12 July"),
        ("Відрядження 19–21 червня погоджую.", "Відрядження 19–21 червня", "Відрядження 9–11 червня"),
        ("I approve the leave of 4 August.", "Leave: 4 August", "Leave: 14 August"),
    ],
)
def test_another_date_is_another_thing(text: str, same: str, other: str) -> None:
    assert not decides(text, request(other))
    read_text(text, about=request(same))  # whether it is clear rests on its words


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("Approved. Please order from Dell.", "Please order from Dell."),
        ("Approved.\nPlease order at Lenovo", "Please order at Lenovo"),
    ],
)
def test_what_is_wished_besides_may_name_somebody(text: str, wish: str) -> None:
    reading = read_text(text, about=request("Four chairs"))
    assert reading.outcome == "approve"
    assert wish in reading.comment
    assert not decides("Approved. I approve the printer.", request("Four chairs"))
    assert not decides("Approved. I approve the purchase of the forklifts.", request("Four chairs"))
    assert not decides("Approved. Please pay invoice 12.", request("Four chairs"))


def test_what_is_not_known_of_a_request_speaks_against_no_answer() -> None:
    assert decides("Invoice 3306 approved.", About())
    assert decides("Invoice 3306 approved.", About(names=PEOPLE))


@pytest.mark.parametrize(
    "text",
    [
        "Approved.\n\nTom Novak\nTel. +49 30 1234567",
        "Approved.\n\n--\nTom Novak\nHead of Sales\nMain Street 5, 10115 Berlin",
        "Approved 100%",
        "Approved. 👍",
        "+1",
        "Genehmigt, siehe Kostenstelle: 4711",
        "Approved.\nCost centre: 4711",
    ],
)
def test_numbers_that_name_nothing_of_a_request_are_no_other_ones(text: str) -> None:
    alone, beside = read_text(text), read_text(text, about=request("Chairs", Supplier="Dell"))
    assert alone.outcome == beside.outcome


def test_the_words_of_the_request_make_no_condition_clear() -> None:
    """The requester may have foreseen what somebody answers with."""
    for text in (
        "Approved if legal agrees.",
        "Approved for 3 of the 5.",
        "Approved, only up to 500.",
        "Genehmigt, aber nur zwei davon.",
        "Approuvé sous réserve du budget.",
        "Aprobado solo hasta 500.",
        "Approved until Friday.",
    ):
        title = f"{text} {text.casefold()}"
        assert not decides(text, request(title, Note=title)), text


def test_a_form_of_the_requests_word_is_its_word() -> None:
    from placet.replies.read_shown import Shown

    forms = {
        "pl": ("Warszawa Kraków Gdańsk", "Warszawie Warszawy Krakowie Krakowa Gdańsku", "Wrocławiu Gdyni"),
        "cs": ("Praha Brno Ostrava", "Praze Prahy Brně Brna Ostravy", "Plzni Bratislavě"),
        "ru": ("Москва Казань", "Москве Москву Казани", "Самаре Тверь"),
        "uk": ("Одеса Полтава", "Одесі Одесу Полтаві", "Самарі"),
        "fi": ("Monterrey Tampere Oulu", "Monterreyn Tampereen Oulun Oulussa", "Lahden Vaasan"),
        "hu": ("Szeged Debrecen", "Szegedre Debrecenbe Szegeden", "Egerbe Győrbe"),
        "tr": ("Ankara Bursa", "Ankaraya Bursada", "Konyaya Adanada"),
        "el": ("Αθήνα Βόλος", "Αθήνας Βόλο Βόλου", "Πάτρα Χανιά"),
        "he": ("חיפה אילת", "לחיפה באילת", "לעכו בצפת"),
        "ar": ("الرياض جدة", "للرياض بجدة", "للدمام مكة"),
        "de": ("Stapler Berlin", "Staplern Berlins", "Bern Kräne"),
        "en": ("Bonn Bern forklift", "forklifts BONN", "Berlin London"),
        "sv": ("Borås truck", "truckar trucken", "Borgholm"),
    }
    for code, (own, same, other) in forms.items():
        shown = Shown(request(own), vocabulary(), code)
        assert [word for word in same.split() if not shown.has_word(word)] == [], code
        assert [word for word in other.split() if shown.has_word(word)] == [], code


def test_a_month_is_looked_up_as_it_is_compared_with_each_name() -> None:
    known = vocabulary()

    def compared(word: str) -> set[int]:
        return {
            month
            for values in known.values.values()
            for name, month in values.months.items()
            if word == name or (len(name) > 5 and word.startswith(name[:-2]) and len(word) <= len(name) + 3)
        }

    names = sorted({name for values in known.values.values() for name in values.months})
    for name in names:
        for word in (
            name,
            *(name[:end] for end in range(len(name))),
            name + "a",
            name[:-2] + "xyzuv",
            name + "xyz",
            name + "xyzu",
        ):
            assert known.months.of(word) == compared(word), word


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Venite in due, Mimmo ha già sforato le ore. Straordinari approvati.", None),
        ("Zwei Mann kommen. Die Überstunden sind genehmigt.", None),
        ("Drei Mann kommen. Die Überstunden sind genehmigt.", "approve"),  # as many as it says
        (
            "Vier Kollegen standen letztes Jahr bis Mitternacht im Lager. Die Überstunden sind genehmigt.",
            "approve",
        ),
    ],
)
def test_a_number_in_a_few_words_beside_an_approval_is_a_limit_and_in_a_reason_none(
    text: str, outcome: str | None
) -> None:
    about = request("Überstunden Inventur", Personen="3", Stunden="18")
    assert read_text(text, about=about).outcome == outcome
