"""A sentence behind an approval is harmless where it thanks, wishes or judges, and not where it says something else."""

import pytest

from placet.replies.read import read_text
from tests.replies.asked_of import outcome, request

#: By language: a request, an approval, sentences that say something, and some that do not.
BESIDE = {
    "en": ("Two laptops", "Approved.", ["Lease them.", "Thanks for the chairs.", "It is for the holiday."],
           ["Thanks!", "Good price.", "Have a nice weekend.", "Thanks, Anna.", "Next time please ask earlier."]),
    "de": ("Monitor und Drucker", "Genehmigt.", ["Der Drucker bleibt hier.", "Ich meine die Stühle.",
           "Den Drucker brauchen wir nicht."], ["Vielen Dank!", "Guter Preis.", "Schönes Wochenende."]),
    "fr": ("Achat de vélos", "Approuvé.", ["C'est pour les chaises.", "C'est pour le voyage."],
           ["Merci.", "Bon prix."]),
    "es": ("Compra de sillas", "Aprobado.", ["Es para el viaje.", "Baja el precio."], ["Gracias.", "Buen precio."]),
    "it": ("Acquisto di sedie", "Approvato.", ["È per il viaggio."], ["Grazie.", "Buona idea."]),
    "nl": ("Drie stoelen", "Goedgekeurd.", ["Het is voor de reis."], ["Bedankt.", "Goede prijs."]),
    "pt": ("Compra de cadeiras", "Aprovado.", ["É para a viagem."], ["Obrigado.", "Bom preço."]),
    "sv": ("Inköp av stolar", "Godkänt.", ["Det är för resan."], ["Tack.", "Bra pris."]),
    "cs": ("Nákup židlí", "Schvaluji.", ["Je to na cestu."], ["Děkuji.", "Dobrá cena."]),
}  # fmt: skip


@pytest.mark.parametrize("language", BESIDE)
def test_only_thanks_wishes_and_opinions_are_passed_over(language: str) -> None:
    title, approval, says, harmless = BESIDE[language]
    about = request(title)
    assert [text for text in says if outcome(f"{approval} {text}", about)] == []
    assert [text for text in harmless if outcome(f"{approval} {text}", about) != "approve"] == []
    # Below an answer that has a line for itself they are comment, as our mails say.
    below = [text for text in says if "brauchen" not in text and "Thanks" not in text]
    assert [text for text in below if outcome(f"{approval}\n{text}", about) != "approve"] == []


def test_it_needs_to_know_nothing_of_the_request() -> None:
    assert read_text("Genehmigt. Der Drucker bleibt hier.").outcome is None
    assert read_text("Genehmigt. Danke!").outcome == "approve"
