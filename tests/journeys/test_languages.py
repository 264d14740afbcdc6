"""Everybody is written to in their own language, and answers in whichever they like."""

import re
from urllib.parse import unquote

import pytest
from django.conf import settings
from django.utils import translation

from placet.accounts.models import Installation
from placet.mail.marker import marker
from placet.mail.models import IncomingMail
from placet.replies.languages.table import refusal_texts
from placet.replies.parse import words
from placet.replies.parse.folding import fold
from placet.sandbox.server import Mail
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import answer, code_of
from tests.journeys.test_mails_we_send import seen

pytestmark = pytest.mark.django_db

BOB = f"bob@{DOMAIN}"
OWN = {
    "organisation": "Contoso",
    "home_url": "https://contoso.example/",
    "terms_url": "https://contoso.example/terms",
    "privacy_url": "https://contoso.example/privacy",
}


def speaks(world: World, name: str, language: str, zone: str = "Europe/Paris") -> None:
    person = world.people[name]
    person.language, person.zone = language, zone
    person.save()


def asked_in_french(world: World) -> Mail:
    speaks(world, "bob", "fr")
    _, asked = world.asked()
    return asked


def new_text() -> str:
    """Of the newest reply, as it was read."""
    return str(IncomingMail.objects.latest("pk").verdict["new_text"])


# --- what is written to whom --------------------------------------------------------------------------------


def test_each_mail_is_in_its_reader_s_language_and_zone(world: World) -> None:
    speaks(world, "bob", "fr")
    speaks(world, "alice", "en", "America/New_York")
    _, asked = world.asked(amount="900")
    assert asked.subject.startswith("À décider : Desk [#")
    assert "Montant" not in asked.text, "the form's words are the process owner's"
    assert "Amount : 900,00 EUR" in asked.text.replace("\u00a0", " ")
    assert '<html lang="fr"' in asked.html
    world.sandbox.reply_as("bob", asked.id, "d’accord")
    world.run_until_quiet()
    confirmation = world.newest("bob", "Approuvée")
    assert "Vous avez approuvé cette demande" in confirmation.text
    ended = world.newest("alice", "Approved: Desk")
    assert re.search(r"Manager: approved by Bob Bobson, .+ 20\d\d, \d\d:\d\d E[SD]T", ended.text)
    assert '<html lang="en"' in ended.html


def test_who_chose_no_language_gets_the_installation_s(world: World) -> None:
    Installation.objects.update_or_create(id=1, defaults={"language": "fr", "zone": "Europe/Paris"})
    _, asked = world.asked()
    assert asked.subject.startswith("À décider")


def test_reasons_in_the_mail_log_are_in_the_installation_s_language(world: World) -> None:
    Installation.objects.update_or_create(id=1, defaults={"language": "fr"})
    speaks(world, "bob", "en")
    _, asked = world.asked()
    world.sandbox.send_as("dave", answer(asked, f"dave@{DOMAIN}"))
    world.sandbox.reply_as("bob", asked.id, "What is this?")
    world.run_until_quiet()
    reasons = {mail.result: mail.reason for mail in IncomingMail.objects.all()}
    assert reasons["not_the_one_asked"].startswith("Cet e-mail porte un code de réponse valable")
    assert reasons["unclear"].startswith("Votre réponse n’a pas pu être comprise")
    assert "“What is this” asks something." in world.newest("bob", "Not applied").text


# --- what is answered to a French ask ------------------------------------------------------------------------


@pytest.mark.parametrize("own", [{}, OWN], ids=["no footer", "with a footer"])
@pytest.mark.parametrize(
    ("written", "outcome"),
    [
        ("d’accord", "approve"),
        ("Approuver", "approve"),
        ("Refuser", "reject"),
        ("Non, trop cher.", "reject"),
        ("approve", "approve"),
        ("Rejected, sorry.", "reject"),
        ("einverstanden", "approve"),
    ],
)
def test_a_french_ask_is_answered_in_any_language(
    world: World, written: str, outcome: str, own: dict[str, str]
) -> None:
    Installation.objects.update_or_create(id=1, defaults=own)
    asked = asked_in_french(world)
    world.sandbox.reply_as("bob", asked.id, written)
    world.run_until_quiet()
    assert new_text() == written
    assert world.decisions() == [("Bob", outcome)]


HEADS = {
    "Outlook": "De : Placet <approvals@contoso.example>\nEnvoyé : jeudi 26 novembre 2026 10:12\n"
    "À : Bob Bobson <bob@contoso.example>\nObjet : À décider : Desk\n",
    "Gmail": "Le jeu. 26 nov. 2026 à 10:12, Placet <approvals@contoso.example> a écrit :\n",
    "nothing": "",
}


@pytest.mark.parametrize("own", [{}, OWN], ids=["no footer", "with a footer"])
@pytest.mark.parametrize("mark", ["", "> "], ids=["bare", "marked"])
@pytest.mark.parametrize("head", HEADS.values(), ids=list(HEADS))
def test_a_quoted_french_ask_is_no_part_of_the_answer(
    world: World, head: str, mark: str, own: dict[str, str]
) -> None:
    Installation.objects.update_or_create(id=1, defaults=own)
    asked = asked_in_french(world)
    quoted = "\n".join(f"{mark}{line}" for line in asked.text.splitlines())
    world.sandbox.send_as("bob", answer(asked, BOB, text=f"D’accord, allez-y.\n\n{head}\n{quoted}"))
    world.run_until_quiet()
    assert new_text() == "D’accord, allez-y."
    assert world.decisions() == [("Bob", "approve")]


def test_an_answer_below_a_quoted_french_ask_counts(world: World) -> None:
    asked = asked_in_french(world)
    quoted = "\n".join(f"> {line}" for line in asked.text.splitlines())
    world.sandbox.send_as("bob", answer(asked, BOB, text=f"{HEADS['Gmail']}{quoted}\n\nRefusé.\n"))
    world.run_until_quiet()
    assert new_text() == "Refusé."
    assert world.decisions() == [("Bob", "reject")]


def test_a_quoted_french_ask_alone_is_no_answer(world: World) -> None:
    """It holds the words of both answers."""
    asked = asked_in_french(world)
    quoted = "\n".join(f"> {line}" for line in asked.text.splitlines())
    world.sandbox.send_as("bob", answer(asked, BOB, text=f"{HEADS['Gmail']}{quoted}"))
    world.run_until_quiet()
    assert world.decisions() == []


def test_the_foot_s_addresses_may_stand_in_an_answer(world: World) -> None:
    """They are the organisation's, and people write them: a condition with one is no quote."""
    Installation.objects.update_or_create(id=1, defaults=OWN)
    _, asked = world.asked()
    text = f"Approved\n\nonly if they accept {OWN['terms_url']}"
    world.sandbox.reply_as("bob", asked.id, text)
    world.run_until_quiet()
    assert OWN["terms_url"] in new_text()
    assert world.decisions() == []


# --- an answer that was not clear ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "heading"),
    [
        ("Lequel des deux ?", "Rien n’a été décidé"),
        ("Which of the two is it?", "Nothing was decided"),
        ("Welcher von beiden ist es?", "Es wurde nichts entschieden"),
        ("xyzzy", "Rien n’a été décidé"),
    ],
    ids=["French", "English", "German", "no language: the person's"],
)
def test_an_unclear_answer_is_told_so_in_its_own_language(world: World, written: str, heading: str) -> None:
    asked = asked_in_french(world)
    world.sandbox.reply_as("bob", asked.id, written)
    world.run_until_quiet()
    refusal = world.sandbox.mails("bob")[-1]
    assert refusal.text.startswith(heading)
    assert "Ouvrir la demande" in refusal.text, "the rest is in the person's"


def test_why_it_was_not_clear_is_said_where_the_pages_speak_the_language(world: World) -> None:
    asked = asked_in_french(world)
    world.sandbox.reply_as("bob", asked.id, "Pourquoi faut-il l’approuver ?")
    world.run_until_quiet()
    assert "» pose une question." in world.sandbox.mails("bob")[-1].text.replace("\u00a0", " ")


def test_the_buttons_of_a_french_ask_write_words_that_decide(world: World) -> None:
    asked = asked_in_french(world)
    links = [link for link in seen(asked.html).links if link.startswith("mailto:")]
    bodies = [unquote(link.rpartition("body=")[2]) for link in links]
    code = f"#{code_of(asked)}"
    assert [body.split() for body in bodies] == [["Approuver", code], ["Refuser", code]]


# --- every language of the pages -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", [code for code, _ in settings.LANGUAGES])
def test_the_line_above_which_to_answer_is_known_in_every_language_of_the_pages(code: str) -> None:
    with translation.override(code):
        assert any(known in fold(marker()) for known in words.MARKERS)


@pytest.mark.parametrize("code", [code for code, _ in settings.LANGUAGES])
def test_buttons_and_what_is_said_of_unclear_answers_use_the_same_words(code: str) -> None:
    from placet.approvals.outcomes import APPROVE, LABELS, REJECT

    said = refusal_texts()[code]
    with translation.override(code):
        assert [str(LABELS[key]) for key in (APPROVE, REJECT)] == [said.approve, said.reject]


@pytest.mark.parametrize("code", [code for code, _ in settings.LANGUAGES])
def test_the_button_of_a_task_says_what_a_reply_may_say(code: str) -> None:
    from placet.approvals.outcomes import LABELS, TASK_DONE
    from placet.approvals.task_words import TASK_WORDS

    with translation.override(code):
        assert fold(str(LABELS[TASK_DONE])) in map(fold, TASK_WORDS)
