"""Words that are understood because the request has them: in a clause with a strong answer, and nowhere else."""

import pytest

from placet.replies.read import read_text
from placet.replies.read_facts import About, Field
from placet.replies.read_named import heads_of
from placet.replies.read_vocabulary import APPROVE, REJECT, vocabulary

PEOPLE = ("Anna Berg", "Tom Novak")


def request(title: str, **fields: str) -> About:
    shown = tuple(Field(label, (value,)) for label, value in fields.items())
    return About(shown, PEOPLE, (), (title, "217"), ("Purchase", "Manager"))


def outcome(text: str, about: About) -> str | None:
    return read_text(text, about=about).outcome


@pytest.mark.parametrize(
    ("text", "title", "other", "expected"),
    [
        (
            "Die Klassenfahrt nach Rügen ist genehmigt.",
            "Klassenfahrt 8b nach Rügen",
            "Klassenfahrt nach Sylt",
            APPROVE,
        ),
        ("I approve the gloves from Harcourt.", "Gloves from Harcourt", "Boots from Ashdown", APPROVE),
        ("Погрузчик в этом году брать не будем.", "Погрузчик", "Кран", REJECT),
        ("Вывеску не утверждаю.", "Вывеска", "Ограда", REJECT),
        ("Буклети відхиляю.", "Буклети", "Плакати", REJECT),
        ("De verhoging is toegekend.", "Verhoging budget", "Overwerk koopzondag", APPROVE),
    ],
)
def test_a_sentence_that_names_the_request_is_understood(
    text: str, title: str, other: str, expected: str
) -> None:
    assert outcome(text, request(title)) == expected
    assert outcome(text, request(other)) is None
    assert outcome(text, About()) in (None, expected)


@pytest.mark.parametrize(
    ("text", "title", "expected"),
    [
        # By a word that speaks of approving.
        ("The permit for 41 Mill Street is hereby granted.", "Demolition permit, 41 Mill Street", APPROVE),
        ("The permit for 41 Mill Street is refused.", "Demolition permit, 41 Mill Street", REJECT),
        ("I approve the agreement.", "Agreement with Dell", APPROVE),
        ("L'autorisation d'absence est accordée.", "Autorisation d'absence", APPROVE),
        ("La autorización de viaje queda aprobada.", "Autorización de viaje", APPROVE),
        ("Il permesso di costruire è approvato.", "Permesso di costruire", APPROVE),
        ("A autorização de viagem está aprovada.", "Autorização de viagem", APPROVE),
        ("De vergunning voor het terras is verleend.", "Vergunning terras", APPROVE),
        # By one that would limit an answer elsewhere.
        ("The discount is approved.", "Discount for Lakeside Marina", APPROVE),
        ("Den Rabatt lehne ich ab.", "Rabatt Bäckerei Kunze", REJECT),
    ],
)
def test_what_is_asked_for_may_be_called_by_any_noun(text: str, title: str, expected: str) -> None:
    assert outcome(text, request(title)) == expected
    assert outcome(text, request("Two laptops for the Lyon office")) is None


@pytest.mark.parametrize(
    ("text", "about"),
    [
        # The same words as verbs, in a condition, as somebody else's answer, of another one, with something left.
        ("He permits the hot works, refused.", request("Permit for hot works")),
        ("Nobody should grant the permit.", request("Work permit for Carol")),
        ("The consent is granted by the parents.", request("Consent for the school trip")),
        ("Permit granted by the city.", request("Demolition permit, 41 Mill Street")),
        ("The permit for 14 Mill Street is hereby granted.", request("Demolition permit, 41 Mill Street")),
        ("The building permit is hereby granted.", request("Demolition permit, 41 Mill Street")),
        ("The permit is approved.", request("Permit for scaffold, contract for crane")),
        ("The approval I granted was wrong.", request("Approval of the trip")),
        ("The agreement is not what I approved.", request("Agreement with Dell")),
        ("Die Genehmigung ist noch nicht erteilt.", request("Genehmigung Carport")),
        ("Grant declined.", request("Grant: new chair")),
        ("Grant has approved it.", request("Grant, overtime")),
        ("The customer approval is refused.", request("Customer approval: design")),
        ("Accord client refusé.", request("Accord client: devis")),
        ("Autorización cliente concedida.", request("Autorización cliente: diseño")),
        ("Approved with the discount.", request("Discount for Lakeside Marina")),
        ("Approved at the discount.", request("Discount for Lakeside Marina")),
        ("Approved without the discount.", request("Discount for Lakeside Marina")),
        ("I approve a discount.", request("Discount for Lakeside Marina")),
        ("I approve the discount of 5 %.", request("Discount for Lakeside Marina", Discount="12 %")),
        ("The discount needs to be lower, approved.", request("Discount for Lakeside Marina")),
        ("Goedgekeurd met de korting.", request("Korting: Kunze")),
        ("The scaffolding is approved.", request("Scaffolding discount")),
        ("I approve the discount.", request("Discount Kunze, payment term Kunze")),
        ("De korting is goedgekeurd.", request("Korting Kunze, betaaltermijn 90 dagen")),
        ("Scaffolding approved.", request("Discount: scaffolding")),
        # Words that limit, or persons, as a title begins: whoever wrote it may have foreseen the answer.
        ("Partially approved.", request("Partially: laptops")),
        ("Conditionally approved.", request("Conditionally")),
        ("Unter Vorbehalt genehmigt.", request("Unter Vorbehalt: Laptops")),
        ("Budget permitting approved.", request("Budget permitting: forklifts")),
        ("Approved with the conditions.", request("Conditions for leasing")),
        ("I approve it with the changes.", request("Changes to the Kunze contract")),
        ("The committee has rejected the helmets.", request("Committee for safety: new helmets")),
        ("Der Max genehmigt.", request("Max: Schulung")),
        ("Kunze refused.", request("Saturday shift: Kunze")),
        ("I approve the second.", request("Second position for a therapist")),
        ("J'approuve la première phase.", request("Première phase, seconde phase")),
        ("I approve the Monday.", request("Monday, Tuesday off")),
        ("I approve the rest.", request("Rest of the budget")),
        ("The layoffs are approved.", request("Postpone layoffs Lyon")),
        ("Das Gerüst ist genehmigt.", request("Gerüst verschieben")),
        ("Das Gerüst ist genehmigt.", request("Gerüst Montag, Kran Dienstag")),
        # A title that leaves something open or out.
        ("Das Gerüst ist genehmigt.", request("Gerüst oder Kran")),
        ("Der Kran ist genehmigt.", request("Gerüst ohne Kran")),
        ("L'échafaudage est approuvé.", request("Échafaudage ou grue")),
        ("La grúa está aprobada.", request("Andamio sin grúa")),
        ("Il ponteggio è approvato.", request("Ponteggio o gru")),
        ("The cranes are approved.", request("Scaffolding rather than cranes")),
        ("The cranes are approved.", request("Neither cranes nor scaffolding")),
        ("Ställningen är godkänd.", request("Ställning eller kran")),
        ("Rusztowanie zatwierdzone.", request("Rusztowanie albo dźwig")),
        ("Schelă aprobată.", request("Schelă sau macara")),
        # Only where it goes, from whom, or for whom.
        ("I approve Lyon.", request("Two laptops for the Lyon office")),
        ("I approve Dell.", request("Two laptops", Supplier="Dell")),
        ("I approve Bob.", request("Two laptops for Bob")),
        ("Apruebo Sevilla.", request("Compra de cuatro sillas para Sevilla")),
        ("Jag godkänner Lund.", request("Inköp av fyra stolar till Lund")),
        # The same behind an article.
        ("J'approuve l'équipe.", request("Prime de Noël pour l'équipe logistique")),
        ("Apruebo el equipo.", request("Paga de Navidad para el equipo logístico")),
        ("Do il via libera a Torino.", request("Carrelli per la sede di Torino")),
        ("Rejeito a Dell.", request("Toldos para o escritório", Fornecedor="Dell")),
        ("Одобряю отдел.", request("Премия для отдела логистики")),
        # Hired, at some times, one of several, a need, a dialect's "not".
        ("Je valide les chariots en location.", request("Chariots élévateurs")),
        ("Approvo un carrello.", request("Carrelli per la sede")),
        ("Concedo un plazo para la licencia.", request("Licencia de terraza")),
        ("A licença está aprovada à semana.", request("Licença de esplanada")),
        ("É preciso autorizar os toldos.", request("Toldos para o escritório")),
        ("Вывеска одобрена на год.", request("Вывеска для кафе")),
        ("J'approuve point les chariots.", request("Chariots élévateurs")),
        # A part of it, for the same place.
        ("I approve the laptop for Lyon.", request("Laptop and docking station for the Lyon office")),
        ("Ich genehmige den Laptop für Lyon.", request("Laptop und Dockingstation für das Büro Lyon")),
        (
            "J'approuve l'ordinateur pour Lyon.",
            request("Ordinateur et station d'accueil pour le bureau de Lyon"),
        ),
        # What somebody else does.
        ("Carol approved the laptops.", request("Laptops", Approver="Carol")),
        ("Laptops approved by Carol.", request("Laptops", Approver="Carol")),
        ("Carol genehmigt die Laptops.", request("Laptops", Freigabe="Carol")),
        ("Lyon rejected the laptops.", request("Laptops for the Lyon site")),
        ("Carol approved it.", request("Carol Smith: laptops")),
        ("Den Wartungsvertrag genehmigt Köln.", request("Wartungsvertrag für das Büro in Köln")),
        ("Underhållsavtalet avslår Lund.", request("Underhållsavtal för kontoret i Lund")),
        ("Umowa serwisowa zatwierdzona przez Kraków.", request("Umowa serwisowa dla biura w Krakowie")),
        ("Ich habe gehört, der Wartungsvertrag ist genehmigt.", request("Wartungsvertrag")),
        # What limits it, by a word that a field has, or that the title has elsewhere.
        ("I approve the smaller contract.", request("Maintenance contract", Note="smaller contract")),
        ("I approve the contract seldom.", request("Maintenance contract, seldom used", Note="seldom")),
        ("Ich genehmige den Vertrag leihweise.", request("Wartungsvertrag", Note="leihweise")),
        ("Ik keur het contract schoorvoetend goed.", request("Onderhoudscontract", Note="schoorvoetend")),
        ("Zatwierdzam umowę serwisową ratalnie.", request("Umowa serwisowa", Note="ratalnie")),
        ("Jag godkänner underhållsavtalet stegvis.", request("Underhållsavtal", Note="stegvis")),
        ("Genehmigt für die Probezeit.", request("Probezeit: zwei Transporter")),
        # Words that turn an answer, though the request has them.
        ("Genehmigt is des ned.", request("Laptop für Ned", Kunde="ned")),
        ("The laptops are approved unless Carol objects.", request("Laptops unless Carol objects")),
        ("Approve laptops maybe.", request("Laptops maybe")),
        ("Laptops approved for March.", request("Laptops March", When="March, April")),
        ("I approve three laptops.", request("Laptops", Offers="three laptops, five laptops")),
        ("I approve laptops 3.", request("Laptops 5", Offers="laptops 3")),
        ("I approve half laptops.", request("Laptops half")),
        ("I approve some laptops.", request("some laptops")),
        # A title that denies, or doubts, in whichever part of it.
        ("The laptops for Lyon are approved.", request("Laptops, or monitors for Lyon")),
        ("The Smith contract Maintenance is approved.", request("Contract Smith, without Maintenance")),
        ("The refund is approved.", request("No refund for order 12")),
        # Another one whose name holds a word of the request.
        ("example.org renewal is approved.", request("example.com renewal")),
        ("laptops@contoso.example approved.", request("Laptops")),
    ],
)
def test_what_names_less_or_another_is_asked_back(text: str, about: About) -> None:
    assert outcome(text, about) is None, text


def test_whoever_writes_the_request_makes_no_condition_clear() -> None:
    """Each of these is unclear, whatever of its words stands in the title or in a field."""
    for text in (
        "Approved if legal agrees.",
        "Approved for 3 of the 5.",
        "Approved, only up to 500.",
        "Genehmigt, aber nur zwei davon.",
        "Ich genehmige vorerst die Hälfte.",
        "Approuvé sous réserve du budget.",
        "Aprobado solo hasta 500.",
        "Approved until Friday.",
        "Approved in principle.",
        "Goedgekeurd mits Jan akkoord is.",
        "Zatwierdzam pod warunkiem zgody Anny.",
        "Утверждаю при условии скидки.",
        "条件付きで承認します。",
    ):
        for about in (
            request(text, Note=text),
            request(f"Laptop {text}"),
            request("Laptop", Note=text.casefold()),
        ):
            assert outcome(text, about) is None, text


def test_a_number_is_understood_beside_the_word_that_it_alone_stands_beside() -> None:
    one = request("Statement 129", Note="Statement 129 of May")
    assert outcome("We reject decree 129.", request("Decree 129")) == REJECT
    assert outcome("I approve the boxes 7 here.", request("Boxes 7", Note="boxes 7 or boxes 9")) is None
    assert outcome("Statement 130 is approved.", one) is None


def test_thanks_to_whoever_asks_change_nothing() -> None:
    about = request("Standing desk")
    for text in (
        "Approved, thanks Anna",
        "Looks good to me, thanks Anna",
        "OK thanks Anna",
        "Genehmigt, danke Anna Berg",
    ):
        assert outcome(text, about) == APPROVE, text
    assert outcome("Approved, thanks Carol", about) is None
    assert outcome("Thanks Anna", about) is None


def test_a_cost_centre_is_comment_unless_the_request_has_another_one() -> None:
    for text in ("OK, please charge cost centre 4711", "Yes, please charge it to cost center 4711."):
        reading = read_text(text, about=request("Standing desk"))
        assert (reading.outcome, reading.comment) == (APPROVE, text)
        assert outcome(text, request("Standing desk", **{"Cost centre": "4711"})) == APPROVE
        assert outcome(text, request("Standing desk", **{"Cost centre": "1200"})) is None
        assert outcome(text, request("Standing desk", **{"Cost center": "1200"})) is None


@pytest.mark.parametrize(
    ("title", "language", "heads"),
    [
        ("Two laptops for the Lyon office", "en", ["laptops"]),
        ("Offer to Dana Frost for the post of Head of Sales", "en", ["Offer"]),
        ("Klassenfahrt 8b nach Rügen", "de", ["Klassenfahrt 8b"]),
        ("Contract renewal – Brightwash Cleaning", "en", ["Contract", "Brightwash"]),
        ("No new coffee machine this year", "en", []),
        ("", "en", []),
    ],
)
def test_what_a_title_begins_with(title: str, language: str, heads: list[str]) -> None:
    assert [*heads_of(title, vocabulary(), language)] == heads


@pytest.mark.parametrize(
    ("text", "title", "other"),
    [
        ("Tus vacaciones están aprobadas.", "Vacaciones de verano", "Junta 4711"),
        ("Le tue ferie sono approvate.", "Ferie di luglio", "Guarnizione 4711"),
        ("Suas férias estão aprovadas.", "Férias de julho", "Junta 4711"),
        ("Ton congé est accepté.", "Congés de juillet", "Joint 4711"),
        ("Vos congés sont approuvés.", "Congés de juillet", "Report de congés annulé"),
    ],
)
def test_what_is_theirs_is_what_is_asked_for_where_the_request_is_that(
    text: str, title: str, other: str
) -> None:
    assert outcome(text, request(title)) == APPROVE
    assert outcome(text, request(other)) is None


def test_a_word_for_your_in_spanish_is_not_one_for_you() -> None:
    assert outcome("Tu viaje está aprobado.", request("Viaje a Roma")) == APPROVE
    assert outcome("Tú apruebas el viaje.", request("Viaje a Roma")) is None
    assert outcome("Confirmo que tú aprobaste el viaje.", request("Viaje a Roma")) is None
