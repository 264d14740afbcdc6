"""Somebody answers in another's place, by mail: by a delegation, because it was given to them, or because an automatic
reply says that whoever is asked is away. And everything that looks like it and is not."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from placet import work
from placet.accounts import delegations
from placet.accounts.addresses import add_person
from placet.accounts.delegations import Wanted
from placet.accounts.models import Delegation, Group, Person
from placet.approvals import engine, evidence
from placet.approvals.models import Assignment, Decision, Delegate, Request
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mail.models import IncomingMail, OutgoingMail
from placet.sandbox.server import Mail
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import INTERNAL, answer
from tests.making import SAMPLE, entry_of, one_step, values

pytestmark = pytest.mark.django_db
BOTH_WAYS = True


def delegate(world: World, owner: str, to: str, **more: Any) -> Delegation:
    people = world.people
    begins = more.pop("begins_at", timezone.now() - timedelta(minutes=1))
    return delegations.make(people[owner], Wanted(people[to], begins, **more), people[owner])


def work_delegations(world: World) -> None:
    work.run_once(world.kinds["delegate"])
    world.run_until_quiet()


def holds(world: World, request: Request) -> None:
    assert [*chain.verify(request.pk), *evidence.compare(request.pk)] == []


def asked(world: World) -> tuple[Request, Mail, Mail]:
    """Bob is asked, and Dave in his place."""
    request = world.request()
    world.send()
    return request, world.newest("bob", "Please decide"), world.newest("dave", "Please decide")


def delegates_of(request: Request) -> list[tuple[str, str]]:
    rows = Delegate.objects.filter(assignment__visit__request=request).order_by("pk")
    return [(name.split()[0], state) for name, state in rows.values_list("person__name", "state")]


# --- by date ----------------------------------------------------------------------------------------------


def test_a_delegate_answers_by_mail_and_whoever_was_asked_is_late(world: World) -> None:
    delegate(world, "bob", "dave", ends_at=timezone.now() + timedelta(days=3))
    request, for_bob, for_dave = asked(world)
    assert "Dave Daveson may answer in your place, too." in for_bob.text
    assert "You are asked in place of Bob Bobson (until " in for_dave.text
    world.sandbox.reply_as("dave", for_dave.id, "Approved.")
    world.run_until_quiet()
    assert world.decisions() == [("Dave", "approve")]
    assert "You answered in place of Bob Bobson." in world.newest("dave").text
    assert "Dave Daveson answered “Desk”" in world.newest("bob", "Answered in your place").text
    assert "Manager: approved by Dave Daveson for Bob Bobson" in world.newest("alice").text
    world.sandbox.reply_as("bob", for_bob.id, "rejected")
    world.run_until_quiet()
    assert world.results() == ["decided", "already_decided"]
    assert "Dave Daveson for Bob Bobson approved this on" in world.newest("bob", "Not applied").text
    holds(world, request)


def test_it_begins_while_the_question_is_open_and_ends_before_the_answer(world: World) -> None:
    request, _for_bob = world.asked()
    made = delegate(world, "bob", "dave")
    work_delegations(world)
    for_dave = world.newest("dave", "Please decide")
    delegations.end(made.pk, world.people["bob"])
    world.sandbox.reply_as("dave", for_dave.id, "approve")
    world.run_until_quiet()
    assert world.results() == ["no_longer_open"]
    refused = world.newest("dave", "Not applied").text
    assert "You do not answer in place of Bob Bobson any more: that was ended" in refused
    work_delegations(world)
    assert delegates_of(request) == [("Dave", "ended")]
    says_yes(world, "bob")
    holds(world, request)


def says_yes(world: World, name: str) -> None:
    world.sandbox.reply_as(name, world.newest(name, "Please decide").id, "approve")
    world.run_until_quiet()
    assert world.decisions()[-1] == (name.title(), "approve")


def test_nobody_answers_with_the_others_code(world: World) -> None:
    """A delegate has an ask of their own: what whoever is asked passes on to them proves nothing."""
    delegate(world, "bob", "dave")
    request, for_bob, for_dave = asked(world)
    world.sandbox.send_as("dave", answer(for_bob, f"dave@{DOMAIN}"))
    world.sandbox.send_as("bob", answer(for_dave, f"bob@{DOMAIN}"))
    world.run_until_quiet()
    assert world.results() == ["not_the_one_asked", "not_the_one_asked"]
    assert world.decisions() == []
    holds(world, request)


def test_a_ring_leads_one_step_far(world: World) -> None:
    for one, other in (("bob", "dave"), ("dave", "carol"), ("carol", "bob")):
        delegate(world, one, other)
    request = world.request()
    world.send()
    asks = OutgoingMail.objects.filter(kind="ask").order_by("pk").values_list("to", flat=True)
    assert [to.partition("@")[0] for to in asks] == ["bob", "dave"]
    says_yes(world, "dave")
    holds(world, request)


def test_four_eyes_through_a_delegate(world: World) -> None:
    """Dave answers the manager's step for Bob, and is Carol's delegate in the second one."""
    second = {**values(SAMPLE), "steps": {key: dict(one) for key, one in values(SAMPLE)["steps"].items()}}
    second["steps"]["finance"]["not_same_as"] = ["manager"]
    publish(second)
    delegate(world, "bob", "dave")
    delegate(world, "carol", "dave")
    request = world.request("2500")
    world.send()
    says_yes(world, "dave")
    assert delegates_of(request) == [("Dave", "over")], "he is not asked in Carol's place"
    says_yes(world, "carol")
    assert world.decisions() == [("Dave", "approve"), ("Carol", "approve")]
    holds(world, request)


def test_an_answer_of_one_leaves_the_others_question_for_a_comment_alone(world: World) -> None:
    """Dave owes a comment; what Bob writes that is not clear is another matter."""
    needed = one_step([{"manager": True}], key="purchase")
    needed["steps"]["step"]["outcomes"] = ["approve", {"key": "reject", "comment": "required"}]
    publish(needed)
    delegate(world, "bob", "dave")
    request, for_bob, for_dave = asked(world)
    world.sandbox.reply_as("dave", for_dave.id, "Rejected.")
    world.run_until_quiet()
    world.sandbox.reply_as("bob", for_bob.id, "Who is the supplier, and what do others charge for it?")
    world.run_until_quiet()
    world.sandbox.reply_as("dave", world.newest("dave", "Please say why").id, "No budget left.")
    world.run_until_quiet()
    assert world.decisions() == [("Dave", "reject")]
    assert Decision.objects.get().comment == "No budget left."
    holds(world, request)


# --- given ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Give to Dave Daveson: he knows the supplier",
        "Weitergeben an dave@contoso.example",
        "give to DAVE daveson.",
    ],
)
def test_given_by_mail(world: World, text: str) -> None:
    request, for_bob = world.asked()
    world.sandbox.reply_as("bob", for_bob.id, text)
    world.run_until_quiet()
    assert world.results() == ["given"]
    assert world.decisions() == []
    assert world.newest("bob").subject == "Given to Dave Daveson: Desk"
    told = world.newest("dave", "Please decide").text
    assert "Bob Bobson gave this to you." in told
    assert ("he knows the supplier" in told) is ("supplier" in text)
    says_yes(world, "dave")
    assert world.results() == ["given", "decided"]
    holds(world, request)


NAMES = {
    "a stranger's address": "mallory@evil.example",
    "another organisation's": "Dave Daveson <dave@fabrikam.example>",
    "nobody's name": "Zoe Nobody",
    "markup": "<b>Dave</b> <script>x</script>",
    "two addresses": f"dave@{DOMAIN} and carol@{DOMAIN}",
    "a part of a name": "Daves",
    "the requester": "Alice Aliceson",
    "themself": "Bob Bobson",
    "long": "Dave " * 24,
}


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
def test_given_to_nobody_who_can_be_told_apart(world: World, name: str) -> None:
    """Their sender reads who may be meant; nothing else happens."""
    request, for_bob = world.asked()
    world.sandbox.reply_as("bob", for_bob.id, f"Give to {name}")
    world.run_until_quiet()
    assert world.results()[0] in ("not_given", "unclear")
    assert (world.decisions(), delegates_of(request)) == ([], [])
    asks = OutgoingMail.objects.filter(kind="ask").values_list("to", flat=True)
    assert list(asks) == [f"bob@{DOMAIN}"]
    assert not OutgoingMail.objects.filter(to__endswith="evil.example").exists()
    assert "<script>" not in world.newest("bob").html.replace("&lt;", "")
    says_yes(world, "bob")
    holds(world, request)


def test_who_may_be_meant(world: World) -> None:
    """No more than five, and only whom the page would offer: nobody who left, and not the requester."""
    for number in range(8):
        add_person(f"Dave Number{number}", f"dave{number}@{DOMAIN}")
    gone = add_person("Dave Gone", f"gone@{DOMAIN}")
    engine.deactivate(gone, world.people["ada"])
    Person.objects.filter(pk=world.people["alice"].pk).update(name="Dave Alice")
    _request, for_bob = world.asked()
    world.sandbox.reply_as("bob", for_bob.id, "give to Dave")
    world.run_until_quiet()
    told = world.newest("bob", "It was given to nobody").text.replace("\u200b", "")
    assert told.count(f"@{DOMAIN}") == 5
    assert sum(f"Dave Number{number}" in told for number in range(8)) + ("Dave Daveson" in told) == 5
    assert "Dave Gone" not in told
    assert "Dave Alice" not in told
    assert "Nothing was given to anybody, and nothing was decided." in told


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("Bob Bobson", "Bob Bobson is asked already, themself."),
        ("Alice Aliceson", "Alice Aliceson made this request, and nobody decides their own."),
        ("Carol Carolson", "Carol Carolson is asked in this step already, and nobody has two answers in it."),
    ],
)
def test_whom_it_cannot_be_given_to_is_said_with_the_one_reason_that_holds(
    world: World, to: str, why: str
) -> None:
    people = [{"person": f"{name}@{DOMAIN}"} for name in ("bob", "carol")]
    publish(one_step(people, key="purchase", rule="all"))
    _request, for_bob = world.asked()
    world.sandbox.reply_as("bob", for_bob.id, f"Give to {to}")
    world.run_until_quiet()
    [told] = [
        mail for mail in world.sandbox.mails("bob") if mail.subject.startswith("It was given to nobody")
    ]
    assert why in told.text
    assert "Your answer was not applied" not in told.text
    assert "or nobody can in this place" not in told.text
    assert "Answer it yourself, or reply once more with somebody else's full name or address" in told.text


def test_two_of_one_name_are_told_apart_by_their_addresses(world: World) -> None:
    add_person("Dave Daveson", f"dave2@{DOMAIN}")
    world.sandbox.add_mailbox("dave2", "Dave Daveson")
    request, for_bob = world.asked()
    world.sandbox.reply_as("bob", for_bob.id, "give to Dave Daveson")
    world.run_until_quiet()
    told = world.newest("bob", "It was given to nobody").text
    assert "More than one person here is called “Dave Daveson”." in told
    assert f"dave2@{DOMAIN}" in told.replace("\u200b", "")
    world.sandbox.reply_as("bob", for_bob.id, f"give to dave2@{DOMAIN}")
    world.run_until_quiet()
    assert delegates_of(request) == [("Dave", "open")]
    world.sandbox.reply_as("dave2", world.newest("dave2", "Please decide").id, "approve")
    world.run_until_quiet()
    assert Decision.objects.get().by_person.email == f"dave2@{DOMAIN}"


def test_a_delegate_passes_nothing_on_and_a_stranger_gives_nothing(world: World) -> None:
    delegate(world, "bob", "dave")
    request, for_bob, for_dave = asked(world)
    world.sandbox.reply_as("dave", for_dave.id, "give to Carol Carolson")
    world.sandbox.send_as("carol", answer(for_bob, f"carol@{DOMAIN}", text="give to Carol Carolson"))
    world.sandbox.place("approvals", answer(for_bob, f"bob@{DOMAIN}", text="give to Carol Carolson"))
    world.run_until_quiet()
    assert sorted(world.results()) == ["not_given", "not_proved", "not_the_one_asked"]
    assert delegates_of(request) == [("Dave", "open")]
    holds(world, request)


def test_given_too_late(world: World) -> None:
    request, for_bob = world.asked()
    says_yes(world, "bob")
    world.sandbox.reply_as("bob", for_bob.id, "give to Dave Daveson")
    world.run_until_quiet()
    assert world.results() == ["decided", "already_decided"]
    assert delegates_of(request) == []


# --- absent -----------------------------------------------------------------------------------------------


def away(world: World, name: str, text: str = "Approve") -> None:
    world.sandbox.set_out_of_office(name, text, even_if_suppressed=True)


def test_an_automatic_reply_brings_whoever_was_named_for_it(world: World) -> None:
    """Its text is no answer, and nobody answers it. Exchange sends one, for this ask does not say that it may not."""
    delegate(world, "bob", "dave", when=Delegation.When.ABSENT)
    world.sandbox.set_out_of_office("bob", "Approve. Give to Carol Carolson")
    request = world.request()
    world.run_until_quiet()
    assert world.results() == ["automatic_reply"]
    seat = Assignment.objects.get(visit__request=request)
    assert seat.absent_at is not None
    assert entry_of("absent", request=request).what["person"] == world.people["bob"].pk
    assert delegates_of(request) == [("Dave", "open")]
    for_dave = world.newest("dave", "Please decide")
    assert (
        "You are asked in place of Bob Bobson, who is away according to an automatic reply." in for_dave.text
    )
    assert {mail.kind for mail in OutgoingMail.objects.all()} == {"ask"}
    says_yes(world, "dave")
    holds(world, request)


def test_asks_of_others_still_say_that_no_automatic_reply_is_wanted(world: World) -> None:
    delegate(world, "bob", "dave")
    away_quietly = world.sandbox.set_out_of_office
    away_quietly("bob", "Approve")
    away_quietly("dave", "Approve")
    world.request()
    world.run_until_quiet()
    assert not IncomingMail.objects.exists()


def test_without_anybody_named_the_manager_may_give_it_on(world: World) -> None:
    Person.objects.filter(pk=world.people["bob"].pk).update(manager=world.people["carol"])
    away(world, "bob")
    request = world.request()
    world.run_until_quiet()
    assert Assignment.objects.get(visit__request=request).absent_at is not None
    assert delegates_of(request) == []
    proposed = world.newest("carol", "Bob Bobson is away: Desk")
    seat = Assignment.objects.get(visit__request=request)
    assert f"/requests/{request.public_id}/give/{seat.pk}/" in proposed.text
    assert OutgoingMail.objects.filter(kind="hand-on").count() == 1
    says_yes(world, "bob")
    holds(world, request)


def test_a_manager_who_asked_is_not_told_to_choose_who_decides(world: World) -> None:
    Person.objects.filter(pk=world.people["bob"].pk).update(manager=world.people["alice"])
    away(world, "bob")
    world.request()
    world.run_until_quiet()
    assert not OutgoingMail.objects.filter(kind="hand-on").exists()


def test_two_out_of_offices_make_no_loop(world: World) -> None:
    Person.objects.filter(pk=world.people["bob"].pk).update(manager=world.people["carol"])
    delegate(world, "bob", "dave", when=Delegation.When.ABSENT)
    away(world, "bob")
    away(world, "dave")
    away(world, "carol")
    request = world.request()
    world.run_until_quiet()
    kinds = sorted(OutgoingMail.objects.values_list("kind", "to"))
    assert kinds == [
        ("ask", f"bob@{DOMAIN}"),
        ("ask", f"dave@{DOMAIN}"),
        ("hand-on", f"carol@{DOMAIN}"),
    ]
    assert set(world.results()) == {"automatic_reply"}
    holds(world, request)


def test_a_requester_who_is_away_says_nothing_of_whoever_asked_them_back(world: World) -> None:
    """Their automatic reply answers a question of Bob's, who is there."""
    Person.objects.filter(pk=world.people["bob"].pk).update(manager=world.people["carol"])
    away(world, "alice")
    request, for_bob = world.asked()
    world.sandbox.reply_as("bob", for_bob.id, "Question: is it in the budget?")
    world.run_until_quiet()
    assert "automatic_reply" in world.results()
    assert Assignment.objects.get(visit__request=request).absent_at is None
    assert not OutgoingMail.objects.filter(kind="hand-on").exists()
    holds(world, request)


@pytest.mark.parametrize("who", ["a stranger", "without proof", "somebody else"])
def test_an_automatic_reply_that_proves_nothing_does_nothing(world: World, who: str) -> None:
    delegate(world, "bob", "dave", when=Delegation.When.ABSENT)
    request, for_bob = world.asked()
    headers = ["Auto-Submitted: auto-replied", f"In-Reply-To: {for_bob.message_id}"]
    sender = {"a stranger": "mallory@evil.example", "somebody else": f"carol@{DOMAIN}"}.get(
        who, f"bob@{DOMAIN}"
    )
    proof = list(INTERNAL) if who == "somebody else" else []
    world.sandbox.place("approvals", answer(for_bob, sender, text="approve", headers=[*headers, *proof]))
    world.run_until_quiet()
    assert world.results() == ["automatic_reply"]
    assert Assignment.objects.get(visit__request=request).absent_at is None
    assert delegates_of(request) == []
    assert OutgoingMail.objects.count() == 1
    holds(world, request)


def test_back_again(world: World) -> None:
    from placet.approvals import delegating

    delegate(world, "bob", "dave", when=Delegation.When.ABSENT)
    away(world, "bob")
    request = world.request()
    world.run_until_quiet()
    assert delegating.back(world.people["bob"], world.people["bob"]) == 1
    assert delegating.back(world.people["bob"], world.people["bob"]) == 0
    assert delegates_of(request) == [("Dave", "ended")]
    world.sandbox.reply_as("dave", world.newest("dave", "Please decide").id, "approve")
    world.run_until_quiet()
    assert "Bob Bobson is back" in world.newest("dave", "Not applied").text
    world.sandbox.set_out_of_office("bob", None)
    says_yes(world, "bob")
    holds(world, request)


@pytest.mark.parametrize(("rule", "missed"), [("first", False), (1, False), (2, True), ("all", True)])
def test_of_a_group_an_absence_matters_only_if_too_few_are_left(
    world: World, rule: Any, missed: bool
) -> None:
    """Bob and Carol are asked, and Bob is away. Below `first` Carol is enough."""
    team = Group.objects.create(key="team", name="Team")
    team.members.set([world.people["bob"], world.people["carol"]])
    publish(one_step([{"group": "team"}], key="purchase", rule=rule))
    delegate(world, "bob", "dave", when=Delegation.When.ABSENT)
    away(world, "bob")
    request = world.request()
    world.run_until_quiet()
    assert Assignment.objects.get(visit__request=request, person=world.people["bob"]).absent_at is not None
    assert delegates_of(request) == ([("Dave", "open")] if missed else [])
    holds(world, request)
