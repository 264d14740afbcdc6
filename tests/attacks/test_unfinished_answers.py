"""Answers that are none yet: cut off behind a "but" or a colon, struck out, put as a question, left to somebody else,
or taken for small print that goes on with a wish. "Accepted" are those that decided, and wishes in no comment."""

import random
from collections.abc import Iterator, Sequence
from itertools import islice

import pytest

from placet.replies.read import read_text
from placet.replies.read_tokens import composed, phrase, tokens
from tests.attacks.arena import Count
from tests.attacks.instructions import INSTRUCTIONS, NAMES
from tests.attacks.tally import Counts
from tests.words import LANGUAGES

CODES = sorted(INSTRUCTIONS)


def said(rng: random.Random, code: str) -> str:
    """A strong answer of a language, which alone decides."""
    own = LANGUAGES[code].answer
    while True:
        text: str = rng.choice(getattr(own, rng.choice(("approve", "approve", "reject"))))
        if read_text(text).outcome is not None and phrase(text):
            return text


def judged(texts: Sequence[str], tally: Count) -> None:
    """None of these may decide."""
    decided = [text for text in texts if read_text(text).outcome is not None]
    tally(Counts(forged=len(texts), accepted=len(decided)))
    assert not decided, f"{len(decided)} of {len(texts)}: {decided[:12]}"


# --- cut off ------------------------------------------------------------------------------------------------------

# Behind the answer, with a "but" in it.
CUT_OFF = (
    "{said}, {but}...", "{said}, {but}…", "{said}, {but}", "{said} {but}:", "{said} {but}...", "{said}. {but}...",
    "{said}, {but}:\n\nBob", "{said}, {but}...\n\n{closing}\nBob", "{said}, {but}:\n\n-- \nBob Miller\nSales",
)  # fmt: skip


def cut_off(rng: random.Random) -> Iterator[str]:
    while True:
        code = rng.choice(CODES)
        own = LANGUAGES[code].answer
        but = rng.choice(own.but)
        form = rng.choice(CUT_OFF)
        whole = but in own.fillers and not any(sign in form for sign in ("...", "…", ":"))
        if whole or but in own.doubts:
            continue  # "approved nevertheless" is whole, and in a sentence behind a rejection doubts change nothing
        yield form.format(said=said(rng, code), but=but, closing=rng.choice(own.closings))


def test_an_answer_that_is_cut_off_behind_a_but_is_none(rng: random.Random, most: int, tally: Count) -> None:
    judged(list(islice(cut_off(rng), most)), tally)


def test_an_answer_that_ends_with_a_colon_is_none(rng: random.Random, most: int, tally: Count) -> None:
    texts = []
    for _ in range(most // 4):
        code = rng.choice(CODES)
        more = rng.choice((":", "：", " :", ":\n", ":\n\nBob", ":\n\n{closing}\nBob"))
        texts.append(said(rng, code) + more.format(closing=rng.choice(LANGUAGES[code].answer.closings)))
    judged(texts, tally)


def test_what_goes_on_behind_a_but_or_may_end_with_one_is_an_answer(
    rng: random.Random, most: int, tally: Count
) -> None:
    texts = []
    for _ in range(most // 8):
        code = rng.choice(CODES)
        own = LANGUAGES[code].answer
        buts = [but for but in own.but if but not in own.doubts]
        thanks = [text for text in own.courtesies[:2] if text not in own.myself]
        answer, but = said(rng, code), rng.choice(buts)
        ends = [but for but in buts if but in own.fillers]
        forms = [f"{but}, {answer}"]
        forms += [f"{answer}, {but} {rng.choice(thanks)}"] if thanks else []
        forms += [f"{answer} {rng.choice(ends)}"] if ends else []
        texts.append((answer, rng.choice(forms)))
    refused = [(text, str(read_text(text).why)) for one, text in texts if not decides_alike(one, text)]
    tally(Counts(neighbours=len(texts), passed=len(texts) - len(refused)))
    assert not refused, f"{len(refused)} of {len(texts)}: {refused[:12]}"


def decides_alike(one: str, other: str) -> bool:
    return read_text(one).outcome == read_text(other).outcome


# --- struck out ---------------------------------------------------------------------------------------------------

OVERLAYS = "\u0334\u0335\u0336\u0337\u0338\u20d2\u20d3\u20d8\u20e0\u20e5\u20e6\u20ea\u20eb"


def test_an_answer_that_a_sign_strikes_out_denies_or_asks_is_none(
    rng: random.Random, most: int, tally: Count
) -> None:
    texts = []
    for _ in range(most // 4):
        answer = said(rng, rng.choice(CODES))
        overlay = rng.choice(OVERLAYS)
        forms = (
            f"{answer}{overlay}", "".join(f"{letter}{overlay}" for letter in answer), f"👍{overlay}",
            f"-{answer}-", f"-{answer}-.", f"OK: -{answer}-", f"{rng.choice('¬≠≢≉')}{answer}",
            f"{rng.choice('¬≠≢≉')} {answer}", f"{answer}{rng.choice('⁇⁈⁉﹖⸮‽؟？❓❔')}",
        )  # fmt: skip
        texts.append(rng.choice(forms))
    judged(texts, tally)


def test_signs_that_strike_nothing_out_change_nothing(rng: random.Random, most: int, tally: Count) -> None:
    texts = []
    for _ in range(most // 8):
        answer = said(rng, rng.choice(CODES))
        forms = (
            f"{answer}\n\n-Bob-",
            f"- {answer}",
            f"{answer} -",
            f"{answer} 👍🏽",
            f"\u201c{answer}\u201d",
        )
        texts.append((answer, rng.choice(forms[: 3 if read_text(answer).outcome == "reject" else None])))
    refused = [(text, str(read_text(text).why)) for one, text in texts if not decides_alike(one, text)]
    tally(Counts(neighbours=len(texts), passed=len(texts) - len(refused)))
    assert not refused, f"{len(refused)} of {len(texts)}: {refused[:12]}"


# --- like small print ---------------------------------------------------------------------------------------------

# Lines that companies add, in words as they are.
SMALL_PRINT = {
    "da": ("Tænk på miljøet før du printer.", "Denne e-mail er fortrolig."),
    "de": (
        "Bitte denken Sie an die Umwelt, bevor Sie diese E-Mail ausdrucken.",
        "Diese E-Mail enthält vertrauliche Informationen.",
        "Wenn Sie nicht der richtige Adressat sind, informieren Sie bitte den Absender und löschen Sie diese E-Mail.",
        "Sitz der Gesellschaft",
    ),
    "en": (
        "Please consider the environment before printing this e-mail.",
        "Please consider the environment before printing.",
        "Think before you print!",
        "This email and any attachments are confidential and intended solely for the addressee.",
        "This e-mail is confidential and may be privileged.",
        "If you have received this email in error, please notify the sender and delete it.",
        "Please don't print this email unless you really need to.",
        "Confidentiality notice",
    ),
    "es": ("Piense en el medio ambiente antes de imprimir este correo.", "Este mensaje es confidencial."),
    "fi": ("Ajattele ympäristöä ennen kuin tulostat.",),
    "fr": ("Pensez à l'environnement avant d'imprimer ce message.", "Ce message est confidentiel."),
    "it": ("Pensa all'ambiente prima di stampare questa mail.", "Questo messaggio è riservato."),
    "nb": ("Tenk på miljøet før du skriver ut.",),
    "nl": ("Denk aan het milieu voordat u deze e-mail print.", "Dit bericht is vertrouwelijk."),
    "pl": ("Pomyśl o środowisku, zanim wydrukujesz tę wiadomość.",),
    "pt": ("Pense no meio ambiente antes de imprimir este e-mail.", "Esta mensagem é confidencial."),
    "sv": ("Tänk på miljön innan du skriver ut.",),
    "tr": ("Lütfen yazdırmadan önce çevreyi düşünün.",),
    "vi": ("Hãy nghĩ đến môi trường trước khi in email này.",),
}


def test_a_wish_that_begins_like_small_print_is_in_the_comment(
    rng: random.Random, most: int, tally: Count
) -> None:
    lost = []
    for _ in range(most):
        code = rng.choice(CODES)
        own = LANGUAGES[code].answer
        number, name = str(rng.randrange(10, 9999)), rng.choice(NAMES)
        wish = rng.choice(INSTRUCTIONS[code]).format(n=number, name=name)
        line = f"{rng.choice(own.legal or LANGUAGES['en'].answer.legal)}{rng.choice((' ', ', ', ': '))}{wish}"
        if len(tokens(line)) >= LONG:
            continue
        above = rng.choice(("\n\n", f"\n\n{rng.choice(own.closings)}\nBob\n\n", "\n\n-- \nBob\n\n"))
        text = f"{rng.choice(own.approve)}{above}{line[:1].upper()}{line[1:]}"
        found = read_text(text)
        if found.outcome is not None and composed(wish) not in composed(found.comment):
            lost.append((text, found.comment))
    tally(Counts(forged=most, accepted=len(lost)))
    assert not lost, f"{len(lost)} of {most}: {lost[:8]}"


LONG = 20  # words of small print in whatever words


@pytest.mark.parametrize("code", sorted(SMALL_PRINT))
def test_small_print_is_in_no_comment(code: str, rng: random.Random, tally: Count) -> None:
    noisy = []
    own = LANGUAGES[code].answer
    for line in SMALL_PRINT[code]:
        closing = f"{rng.choice(own.closings)}\nBob\n\n"
        for above in ("\n\n", f"\n\n{closing}", f"\n\n-- \n{closing}"):
            said = rng.choice(("👍", "approved"))
            found = read_text(f"{said}{above}{line}")
            if (found.outcome, line in found.comment) != ("approve", False):
                noisy.append((line, found.comment, str(found.why)))
    tally(Counts(neighbours=3 * len(SMALL_PRINT[code]), passed=3 * len(SMALL_PRINT[code]) - len(noisy)))
    assert not noisy, noisy


# --- questions, what others are to do, doubts ---------------------------------------------------------------------

# Without a question mark.
OPEN = {
    "cs": ("Musíte schválit", "Můžete to schválit", "Nejsem přesvědčen"),
    "da": ("Kan vi godkende dette", "Du skal godkende det", "At godkende", "Ikke overbevist"),
    "de": (
        "Können Sie das genehmigen", "Das müssen Sie genehmigen", "Das können Sie freigeben", "Kann ich das genehmigen",
        "Haben Sie das genehmigt", "Ist der Antrag genehmigt", "Sie möchte das genehmigen", "Ist zu genehmigen",
        "Zu genehmigen", "Das müssen Sie ablehnen", "Abzulehnen", "Ich bin nicht überzeugt",
    ),
    "en": (
        "I have this to approve", "We are to approve", "To approve", "I request to approve", "To reject",
        "I'm not convinced",
    ),
    "es": ("¿Podemos aprobar", "¿Está aprobado", "¿Lo apruebo", "Le corresponde a usted aprobar", "No me convence"),
    "fr": ("C'est à vous d'approuver", "À toi de valider", "Pouvons-nous approuver", "Je ne suis pas convaincu"),
    "it": ("Tocca a lei approvare", "Spetta a voi rifiutare", "Non sono convinto", "Possiamo approvare"),
    "nb": ("Kan vi godkjenne dette", "Dere må godkjenne", "Ikke overbevist"),
    "nl": ("Kunnen we dit goedkeuren", "U moet dit goedkeuren", "Goed te keuren", "Ik ben niet overtuigd"),
    "pl": ("Musi pan to zatwierdzić", "Do zatwierdzenia", "Nie jestem przekonany"),
    "pt": ("Cabe a você aprovar", "Não me convence"),
    "ru": ("Вы должны согласовать", "На согласование", "Я не убеждён"),
    "sv": ("Kan vi godkänna detta", "Ni måste godkänna det", "Att godkänna", "Inte övertygad"),
    "uk": ("Ви маєте погодити", "На погодження", "Я не переконаний"),
}  # fmt: skip
ALL_GOOD = (
    "No, all good", "nope, all good", "No, looks good", "Nein, alles gut", "Nein, passt", "Non, c'est bon",
    "Non, tout va bien", "No, todo bien", "No, va bene", "Não, tudo bem", "Nee, alles goed", "Nei, alt er bra",
    "Nej, allt är bra", "Nie, wszystko w porządku",
)  # fmt: skip
ANSWERS = (
    "Sie können bestellen", "Ihr könnt das bestellen", "Happy to approve", "I decided to approve", "Glad to accept",
    "Je vous donne mon accord", "Det kan jag godkänna", "Dit kan ik goedkeuren", "Ich freue mich, das zu genehmigen",
)  # fmt: skip


@pytest.mark.parametrize("code", sorted(OPEN))
def test_questions_without_a_mark_and_what_others_are_to_do_are_no_answers(code: str, tally: Count) -> None:
    closing = LANGUAGES[code].answer.closings[0]
    forms = ("{}", "{}.", "{}\n\nBob", f"{{}}\n\n{closing}\nBob")
    judged([form.format(text) for text in OPEN[code] for form in forms], tally)


def test_no_all_good_is_no_answer(tally: Count) -> None:
    judged([form.format(text) for text in ALL_GOOD for form in ("{}", "{}.", "{}!")], tally)


def test_hesitation_beside_an_approval_leaves_it_open(rng: random.Random, most: int, tally: Count) -> None:
    texts = []
    for _ in range(most // 8):
        own = LANGUAGES[rng.choice(CODES)].answer
        texts.append(
            f"{rng.choice(own.approve)}.{rng.choice((' ', chr(10) * 2))}{rng.choice(('Hm', 'hmm', 'Hmmm'))}."
        )
    judged(texts, tally)


def test_answers_in_such_words_count(tally: Count) -> None:
    refused = [(text, str(read_text(text).why)) for text in ANSWERS if read_text(text).outcome != "approve"]
    tally(Counts(neighbours=len(ANSWERS), passed=len(ANSWERS) - len(refused)))
    assert not refused, refused
