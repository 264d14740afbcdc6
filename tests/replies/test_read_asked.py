"""An answer that names what a title refuses, a field, or one of several things leaves open what it says of the request.
So does one that only says what its sender can or will do."""

import pytest

from placet.replies.read import read_text
from placet.replies.read_facts import About
from tests.replies.asked_of import outcome, request

#: By language: a title that turns the sense, answers that name what it is about, and one that answers the request.
TURNED = {
    "en": ("Do not renew the Adobe licence", ["The Adobe licence is approved.", "I reject the licence."], "Approved."),
    "de": ("Kündigung des Vertrags", ["Ich genehmige den Vertrag.", "Ich lehne den Vertrag ab."], "Genehmigt."),
    "fr": ("Refus de l'offre de Nordwind", ["J'approuve l'offre.", "Je refuse l'offre."], "J'approuve."),
    "es": ("No renovar la licencia de Adobe", ["Apruebo la licencia.", "Rechazo la licencia."], "Aprobado."),
    "it": ("Disdetta del contratto di pulizia", ["Approvo il contratto.", "Rifiuto il contratto."], "Approvato."),
    "nl": ("Afwijzing van de offerte", ["Ik keur de offerte goed.", "De offerte is afgewezen."], "Goedgekeurd."),
    "pl": ("Odrzucenie oferty Nordwind", ["Zatwierdzam ofertę.", "Odrzucam ofertę."], "Zatwierdzam."),
    "pt": ("Cancelamento do contrato", ["Aprovo o contrato.", "Recuso o contrato."], "Aprovado."),
    "sv": ("Avslag på anbudet från Nordwind", ["Jag godkänner anbudet.", "Jag avslår anbudet."], "Godkänt."),
    "cs": ("Zamítnutí nabídky Nordwind", ["Schvaluji nabídku.", "Zamítám nabídku."], "Schvaluji."),
}  # fmt: skip


@pytest.mark.parametrize("language", TURNED)
def test_of_what_a_title_refuses_nobody_knows_what_an_answer_says(language: str) -> None:
    title, unclear, plain = TURNED[language]
    assert [outcome(text, request(title)) for text in unclear] == [None] * len(unclear)
    assert outcome(plain, request(title)) == "approve"


@pytest.mark.parametrize(
    ("about", "text"),
    [
        (request("Contract with Northwind", Action="Terminate"), "I approve the contract."),
        (
            About(texts=("Contract with Northwind",), of_process=("Contract termination",)),
            "I approve the contract.",
        ),
        (request("Licences", What="Do not renew the editor"), "I approve the editor."),
        (request("Vertragsauflösung Nordwind"), "Nordwind ist genehmigt."),
        (request("契約の解除"), "契約を承認します。"),
    ],
)
def test_what_shall_be_done_may_stand_elsewhere_and_within_words(about: About, text: str) -> None:
    assert outcome(text, about) is None


@pytest.mark.parametrize(
    ("about", "text"),
    [
        (request("Cancellation of the trip"), "I approve this request."),
        (request("Laptop for Ann", Reason="The old laptop does not start."), "I approve the laptop."),
        (request("Laptop for Ann", Urgent="no"), "The laptop is approved."),
        (request("Invoice No. 7 of Nordwind"), "The invoice is approved."),
    ],
)
def test_what_turns_nothing_still_decides(about: About, text: str) -> None:
    assert outcome(text, about) == "approve"


#: By language: a title that counts three of a thing, what a field is called, answers about one and about the field, and
#: one about all.
SEVERAL = {
    "en": ("Three laptops", "Supplier", ["The laptop is approved.", "I approve a laptop."], "I approve the supplier.",
           "I approve the laptops."),
    "de": ("Drei Drucker", "Lieferant", ["Ich genehmige einen Drucker."], "Ich genehmige den Lieferanten.",
           "Ich genehmige die Drucker."),
    "fr": ("Achat de trois chaises", "Fournisseur", ["J'approuve la chaise."], "J'approuve le fournisseur.",
           "J'approuve les chaises."),
    "es": ("Compra de tres sillas", "Importe", ["Apruebo una silla.", "Apruebo la silla."], "Apruebo el importe.",
           "Apruebo las sillas."),
    "it": ("Acquisto di tre sedie", "Importo", ["Approvo una sedia.", "Approvo la sedia."], "Approvo l'importo.",
           "Approvo le sedie."),
    "nl": ("Drie stoelen", "Leverancier", ["Ik keur de stoel goed."], "Ik keur de leverancier goed.",
           "Ik keur de stoelen goed."),
    "pl": ("Zakup trzech drukarek", "Dostawca", ["Zatwierdzam drukarkę."], "Zatwierdzam dostawcę.",
           "Zatwierdzam drukarki."),
    "pt": ("Compra de três monitores", "Fornecedor", ["Aprovo um monitor.", "Aprovo o monitor."],
           "Aprovo o fornecedor.", "Aprovo os monitores."),
    "sv": ("Inköp av tre stolar", "Leverantör", ["Jag godkänner stolen."], "Jag godkänner leverantören.",
           "Jag godkänner stolarna."),
    "cs": ("Nákup tří tiskáren", "Dodavatel", ["Schvaluji tiskárnu."], "Schvaluji dodavatele.",
           "Schvaluji tiskárny."),
}  # fmt: skip


@pytest.mark.parametrize("language", SEVERAL)
def test_one_of_several_and_a_field_are_not_the_request(language: str) -> None:
    title, label, singles, of_field, whole = SEVERAL[language]
    about = request(title, **{label: "Nordwind"})
    assert [outcome(text, about) for text in (*singles, of_field)] == [None] * (len(singles) + 1)
    assert outcome(whole, about) == "approve"


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("I approve the laptop.", request("Windows 11 laptop")),
        ("I approve the workshop.", request("Two-day workshop")),
        ("Approved, the price is fair.", request("Laptop", Price="900")),
        ("The supplier is fine. Approved.", request("Laptop", Supplier="Nordwind")),
        ("I approve the supplier.", request("New supplier Nordwind", Supplier="Nordwind")),
        ("I approve the supplier.", request("Laptop", Amount="900")),
        ("I approve the trip.", request("Lyon", Trip="Lyon")),
    ],
)
def test_what_counts_no_things_and_names_no_field_alone_still_decides(text: str, about: About) -> None:
    assert outcome(text, about) == "approve"


@pytest.mark.parametrize(
    "text",
    [
        "Will approved.", "Would approve.", "I can approve the leave.", "I can reject this.", "Going to approve.",
        "Ich kann den Urlaub genehmigen.", "Ich möchte das genehmigen.", "Je peux approuver.", "Puedo aprobarlo.",
        "Posso approvarlo.", "Ik kan het goedkeuren.", "Mogę to zatwierdzić.", "Posso aprová-lo.",
        "Jag kan godkänna det.", "Mohu to schválit.", "Могу согласовать.",
    ],
)  # fmt: skip
def test_what_somebody_can_or_will_do_is_not_done(text: str) -> None:
    assert read_text(text).outcome is None


@pytest.mark.parametrize(
    "text",
    [
        "I cannot approve this.", "I must reject this.", "Das kann ich nicht genehmigen.", "Leider muss ich ablehnen.",
        "Je ne peux pas approuver.", "No puedo aprobarlo.", "Non posso approvare.", "Ik kan dit niet goedkeuren.",
        "Nie mogę zatwierdzić.", "Não posso aprovar.", "Jag kan inte godkänna det.", "Nemohu to schválit.",
    ],
)  # fmt: skip
def test_who_cannot_approve_or_must_reject_rejects(text: str) -> None:
    assert read_text(text).outcome == "reject"
