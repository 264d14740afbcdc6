"""What delegates, those who left and whoever is away do by mail that they must not, and what is left on record."""

import pytest
from django.utils import timezone

from placet import work
from placet.accounts import delegations
from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import Assignment, Clarification, DigestItem
from placet.mail.models import IncomingMail, OutgoingMail
from placet.sandbox.server import Mail
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import INTERNAL, answer
from tests.journeys.test_delegates import asked, delegate, delegates_of, holds, work_delegations

pytestmark = pytest.mark.django_db
BOTH_WAYS = True


def replies(world: World, name: str, to: Mail, text: str) -> None:
    world.sandbox.reply_as(name, to.id, text)
    world.run_until_quiet()


def test_the_log_says_who_asked_the_requester(world: World) -> None:
    """The delegate did, and not the one in whose place they are asked."""
    delegate(world, "bob", "dave")
    request, _for_bob, for_dave = asked(world)
    replies(world, "dave", for_dave, "Question: is it in the budget?")
    assert Clarification.objects.get().asked_by == world.people["dave"]
    replies(world, "alice", world.newest("alice", "Question about"), "It is.")
    assert world.results() == ["asked_back", "clarified"]
    reasons = list(IncomingMail.objects.order_by("pk").values_list("reason", flat=True))
    assert reasons[-1] == "Alice Aliceson answered what Dave Daveson asked."
    holds(world, request)


@pytest.mark.parametrize("text", ["status", "help", "undo", "Question: who pays?", "give to Carol Carolson"])
def test_whoever_left_learns_nothing_of_the_request(world: World, text: str) -> None:
    """The organisation's server may take their mail for a while. They are told that they are not asked, and no more."""
    request, for_bob = world.asked()
    engine.deactivate(world.people["bob"], world.people["ada"])
    world.run_until_quiet()
    replies(world, "bob", for_bob, text)
    assert world.results()[0] in ("no_longer_open", "not_asked_back", "not_undone")
    told = world.newest("bob")
    assert told.subject in (
        "Not applied: Desk", "Your question was not sent: Desk", "Your answer was not taken back: Desk"
    )  # fmt: skip
    for said in ("waiting", "cannot go on", "Carol", "not finished", "How to answer"):
        assert said not in told.text
    assert delegates_of(request) == []
    assert not Clarification.objects.exists()
    holds(world, request)


@pytest.mark.parametrize("text", ["Question: who pays?", "give to Carol Carolson", "approve"])
def test_a_delegate_whose_time_is_over_asks_and_gives_nothing(world: World, text: str) -> None:
    made = delegate(world, "bob", "dave")
    request, _for_bob, for_dave = asked(world)
    delegations.end(made.pk, world.people["bob"])
    replies(world, "dave", for_dave, text)
    work_delegations(world)
    assert not Clarification.objects.exists()
    assert world.decisions() == []
    assert delegates_of(request) == [("Dave", "ended")]
    holds(world, request)


AUTOMATIC = {
    "en": "Automatic reply: ",
    "de": "Automatische Antwort: ",
    "fr": "Réponse automatique : ",
    "es": "Respuesta automática: ",
    "it": "Risposta automatica: ",
    "nl": "Automatisch antwoord: ",
    "pl": "Odpowiedź automatyczna: ",
    "sv": "Autosvar: ",
    "ja": "自動応答: ",
    "zh": "自动答复: ",
    "ru": "Автоматический ответ: ",
    "tr": "Otomatik Yanıt: ",
}


@pytest.mark.parametrize("language", AUTOMATIC)
def test_an_automatic_reply_answers_nothing_and_asks_for_nothing_in_any_language(
    world: World, language: str
) -> None:
    """As Exchange writes it, with the ask below and words that count above."""
    request, for_bob = world.asked()
    text = f"help\n\nApprove\nGive to Carol Carolson\n\n> {for_bob.text[:200]}"
    headers = [
        f"In-Reply-To: {for_bob.message_id}",
        "X-Auto-Response-Suppress: All",
        "Auto-Submitted: auto-generated",
    ]
    mail = answer(for_bob, f"bob@{DOMAIN}", text=text, headers=[*headers, *INTERNAL])
    mail = mail.replace(b"Subject: RE: ", f"Subject: {AUTOMATIC[language]}".encode())
    before = OutgoingMail.objects.count()
    world.sandbox.place("approvals", mail)
    world.run_until_quiet()
    assert world.results() == ["automatic_reply"]
    assert Assignment.objects.get(visit__request=request).absent_at is not None
    assert (world.decisions(), delegates_of(request)) == ([], [])
    assert OutgoingMail.objects.count() == before
    holds(world, request)


@pytest.mark.parametrize("text", ["status", "help"])
def test_nor_of_several_that_were_asked_in_one_mail(world: World, text: str) -> None:
    Person.objects.filter(pk=world.people["bob"].pk).update(in_digests=True)
    for item in ("Desk", "Chair"):
        world.request(item=item)
    DigestItem.objects.update(due=timezone.now())
    work.run_once(world.kinds["digest"])
    world.send()
    for_bob = world.newest("bob")
    engine.deactivate(world.people["bob"], world.people["ada"])
    world.run_until_quiet()
    replies(world, "bob", for_bob, text)
    assert world.results() == ["no_longer_open"]
    assert "“Desk”" not in world.newest("bob").text
