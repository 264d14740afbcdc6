"""What one language makes of a clause: where it turns, ends, denies itself or is struck out."""

import pytest

from placet.replies.read import read_text
from placet.replies.read_clauses import Piece, _said
from placet.replies.read_phrases import Meaning, Role


@pytest.mark.parametrize(
    "text",
    [
        "Hi Alice,\n-Approved-",  # struck out
        "-Approved-",
        "-Approved- thanks",
        "Approved:",
        "Approved:\n",
        "Approved：",
        "Approved, but this",
        "Approved but that",
        "Approved, but please",
        "Approved, but",
        "No rejection.",
    ],
)
def test_what_is_struck_out_unfinished_or_denied_twice_is_unclear(text: str) -> None:
    assert read_text(text).outcome is None


@pytest.mark.parametrize(
    "text",
    [
        "Approved: yes.",
        "I like it but approved since it is needed.",
        "It is expensive, but approved because it is needed.",
        "Approved. But thanks",
    ],
)
def test_what_follows_an_answer_is_read_with_it(text: str) -> None:
    assert read_text(text).outcome == "approve"


def reject(start: int, end: int) -> Piece:
    return Piece(start, end, Meaning("en", Role.DECIDES, "reject"))


def test_two_words_for_no_beside_each_other_may_be_one_for_yes() -> None:
    assert _said([reject(0, 1), reject(1, 2)], [], helped=False) == ""
    assert _said([reject(0, 1), reject(2, 3)], [], helped=False) == "reject"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Повідомляю, що заявку погоджено.", "approve"),
        ("На жаль, мушу повідомити, що заявку відхилено.", "reject"),
        ("Üzülerek bildiririm ki, talep reddedilmiştir.", "reject"),
        ("Vă informez, că cererea este aprobată.", "approve"),
    ],
)
def test_an_answer_of_ones_own_may_be_announced(text: str, outcome: str) -> None:
    assert read_text(text).outcome == outcome


@pytest.mark.parametrize(
    "text",
    [
        "Maria decided, that the request is approved.",
        "The system shows, that it is approved.",
        "María decidió, que la solicitud está aprobada.",
        "No sistema consta, que está aprovado.",
        "Le système affiche, que c'est approuvé.",
        "Maria besloot, dat de aanvraag is goedgekeurd.",
        "Maria a decis, că cererea este aprobată.",
        "Maria karar verdi ki, talep onaylandı.",
        "Maria memutuskan, bahwa permohonan disetujui.",
        "במערכת כתוב, שמאושר.",
        "ماريا قررت، أن الطلب موافق عليه.",
        "Марія вирішила, що заявку погоджено.",
        "Я думав, що заявку відхилено.",
        "Шкода, що заявку відхилено.",
        "У системі написано, що заявку погоджено.",
        "Schade, dass der Antrag abgelehnt ist.",
        "Kann ich Ihnen mitteilen, dass der Antrag genehmigt ist.",
        "Ich kann Ihnen nicht mitteilen, dass der Antrag genehmigt ist.",
        "Ich teile Ihnen mit, dass Maria den Antrag genehmigt hat.",
        "Ich teile Ihnen mit, dass die Buchhaltung den Antrag genehmigt hat.",
        "Ich bestätige, dass der Antrag noch nicht genehmigt ist.",
        "Ich bestätige, dass der Antrag genehmigt ist, sobald Maria zustimmt.",
        "Potvrzuji, že žádost je schválena účetní.",
        "Сообщаю, что заявка согласована директором.",
        "Сообщаю, что заявка будет согласована.",
        "This is to inform you that the request is approved by Maria.",
        "I object, that it is rejected.",
        "Ich bin dagegen, dass der Antrag abgelehnt wird.",
        "Jsem proti, že žádost je zamítnuta.",
        "Я проти, що заявку відхилено.",
        "Teile ihnen mit, dass der Antrag genehmigt ist.",
        "Muss ich mitteilen, dass der Antrag abgelehnt ist",
        "Ich hoffe, Ihnen mitteilen zu können, dass der Antrag genehmigt ist",
        "Ich teile Ihnen mit, dass mein Antrag abgelehnt ist.",
        "Ich informiere sie, dass der Antrag genehmigt ist",
        "Teilen wir ihnen mit, dass der Antrag abgelehnt ist",
        "Må jeg meddele, at ansøgningen er godkendt",
        "Tôi xác nhận rằng anh đồng ý",
        "Ik bevestig dat jullie akkoord zijn.",
    ],
)
def test_what_somebody_says_thinks_or_knows_is_nobodys_answer(text: str) -> None:
    assert read_text(text).outcome is None


@pytest.mark.parametrize(
    ("reported", "own"),
    [
        ("Maria has decided, approved.", "I have decided, approved."),
        ("The system shows, approved.", "As your comparison shows, approved."),
        ("Maria hat entschieden, genehmigt.", "Wir haben entschieden, genehmigt."),
        ("Le système affiche, approuvé.", "Comme convenu, approuvé."),
        ("María ha decidido, aprobado.", "Revisado, aprobado."),
        ("Il sistema mostra, approvato.", "Come detto, approvato."),
        ("O sistema mostra, aprovado.", "Conforme combinado, aprovado."),
        ("Maria heeft besloten, goedgekeurd.", "Zoals besproken, goedgekeurd."),
        ("Maria zdecydowała, zatwierdzone.", "Sprawdzone, zatwierdzone."),
        ("经理决定，批准", "我决定，批准"),
        ("经理通知，批准", "特此通知，批准。"),
        ("玛丽亚决定，同意。", "经研究决定，批准。"),
        ("經理決定，核准。", "本人通知，同意。"),
        ("Марія вирішила, погоджено", "Я вирішила, погоджено"),
        ("系统显示，已批准", "已阅，已批准"),
    ],
)
def test_a_decision_that_is_reported_before_a_comma_is_nobodys_answer(reported: str, own: str) -> None:
    assert read_text(reported).outcome is None
    assert read_text(own).outcome == "approve"


@pytest.mark.parametrize(
    "text",
    [
        "I confirm that you approved it.",
        "I confirm that they rejected it.",
        "Je confirme qu'il est d'accord.",
        "Je confirme qu'elle refuse.",
        "Ik bevestig dat jullie goedkeuren.",
        "Ik bevestig dat je geweigerd hebt.",
        "أبلغكم أنه موافق.",
        "أؤكد أنها رفضت",
        "मैं पुष्टि करता हूँ कि आप सहमत हैं।",
        "I confirm that my request is approved.",
        "My leave is approved.",
        "Ma demande est acceptée.",
        "Mein Antrag ist genehmigt.",
        "Mi solicitud está aprobada.",
        "La mia richiesta è approvata.",
        "Minha solicitação está aprovada.",
        "Cererea mea este aprobată.",
        "我的申请已批准。",
        "Ik bevestig niet dat de aanvraag is goedgekeurd.",
        "No confirmo que la solicitud está aprobada.",
        "Non confermo che la richiesta è approvata.",
        "Não confirmo que o pedido está aprovado.",
        "Nu confirm că cererea este aprobată.",
        "Bildirmiyorum ki, onaylandı",
        "לא מאשר שהבקשה אושרה",
    ],
)
def test_confirming_what_others_did_or_not_confirming_decides_nothing(text: str) -> None:
    assert read_text(text).outcome is None
