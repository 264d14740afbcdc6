"""Whoever is asked reads who else is, and how it is decided: in the mail, in a digest, and on the page."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import engine
from placet.approvals.definitions import definition_of
from placet.approvals.models import Decision, Request
from placet.approvals.others_asked import others_in_words
from placet.approvals.processes import publish
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.approvals.test_steps_that_ask_nobody import text_of
from tests.making import one_step, open_for

pytestmark = pytest.mark.django_db


def ask(requester: Person, *names: str, **step: Any) -> Request:
    definition = one_step([{"person": f"{name}@contoso.example"} for name in names])
    definition["steps"]["step"] |= step
    return engine.start(publish(definition), requester, {"item": "Desk", "amount": "900"})


def read_by(person: Person) -> str:
    """The newest mail, on one line."""
    return " ".join(text_of(OutgoingMail.objects.filter(to=person.email).latest("pk")).split())


def shown_to(person: Person, request: Request) -> str:
    client = Client()
    client.force_login(person)
    return client.get(reverse("portal:request", args=[request.public_id])).content.decode()


def test_the_mail_and_the_page_say_who_else_is_asked_and_how_it_is_decided(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = ask(alice, "bob", "carol", rule="all")
    sentence = f"{carol.name} is asked, too. Everybody asked must approve."
    assert sentence in read_by(bob)
    assert f"{bob.name} is asked, too. Everybody asked must approve." in read_by(carol)
    assert sentence in shown_to(bob, request)
    html = bytes(OutgoingMail.objects.get(to=bob.email).raw)
    assert html.count(b"is asked, too.") == 2, "in both parts"


def test_a_rule_about_some_of_them_says_who_they_are(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """And not by what the process calls them, which nobody else has ever seen."""
    Group.objects.create(key="board", name="Board").members.set([carol, dave])
    definition = one_step([{"person": "bob@contoso.example", "key": "officer"}, {"group": "board"}])
    rule = [{"reject": {"veto": ["officer"]}}, {"approve": {"n": 2, "groups": {"board": 1}}}]
    definition["steps"]["step"] |= {"rule": rule, "otherwise": "reject"}
    request = engine.start(publish(definition), alice, {"item": "Desk", "amount": "900"})
    sentence = (
        "It ends with “Reject” if Bob Manager answers so; “Approve” if 2 people and 1 of Carol Finance and "
        "Dave Stranger answer so; otherwise “Reject”."
    )
    for person in (bob, carol):
        assert sentence in read_by(person)
        assert sentence in shown_to(person, request)


def test_of_many_some_are_named(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    names = [f"guest{number}" for number in range(8)]
    for name in names:
        add_person(name.title(), f"{name}@contoso.example")
    ask(alice, "bob", *names, rule=3)
    assert "Guest0, Guest1, Guest2 and 5 others are asked, too. 3 must approve." in read_by(bob)


def test_nothing_is_said_where_nobody_else_is_asked(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = ask(alice, "bob", rule="first")
    assert "asked, too" not in read_by(bob)
    assert "The first answer counts." not in read_by(bob)
    assert "The first answer counts." in shown_to(bob, request)


def test_who_comes_later_is_not_named(mailbox: Mailbox, alice: Person, bob: Person, carol: Person) -> None:
    ask(alice, "bob", "carol", rule="all", order="one_by_one")
    assert "Everybody asked must approve. People are asked one after the other." in read_by(bob)
    assert carol.name not in read_by(bob)
    engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    assert bob.name not in read_by(carol).partition("Reply code")[0].partition("People are asked")[0]


def test_a_task_is_done_and_not_approved(mailbox: Mailbox, alice: Person, bob: Person, carol: Person) -> None:
    definition = one_step([{"person": f"{name}@contoso.example"} for name in ("bob", "carol")], rule="all")
    definition["steps"]["step"]["kind"] = "task"
    definition["transitions"] = [{"from": "step", "outcome": "done", "to": "approved"}]
    del definition["steps"]["rejected"]
    engine.start(publish(definition), alice, {"item": "Desk", "amount": "900"})
    assert f"{carol.name} is asked, too. Everybody asked must do it." in read_by(bob)


def test_whoever_was_named_as_silent_is_not_named_twice(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    ask(alice, "bob", "carol", rule="all")
    seat = open_for(bob)
    step = definition_of(seat.visit.request.version).approval("step")
    assert others_in_words(step, seat, bob, [carol.name]) == ["Everybody asked must approve."]


def test_a_name_in_it_is_no_link(mailbox: Mailbox, alice: Person, bob: Person, carol: Person) -> None:
    Person.objects.filter(pk=carol.pk).update(name="evil.example {title}")
    ask(alice, "bob", "carol", rule="all")
    assert "evil.\u200bexample {title} is asked, too." in read_by(bob)
