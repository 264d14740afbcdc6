"""A process names the mailbox that its mails go out from, where there are several."""

import json
from typing import Any

import pytest

from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.approvals import digesting, engine, mailed_starts
from placet.approvals.models import Ask, Assignment, DigestItem, Request
from placet.approvals.processes import publish
from placet.designer.reading import read
from placet.designer.settings_rows import sections_of, settings_in
from placet.designer.surroundings import Surroundings
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.work import unasked_due
from tests.approvals.test_steps_that_ask_nobody import refused
from tests.journeys.test_start_by_mail import changed
from tests.making import make_mailbox, one_step

pytestmark = pytest.mark.django_db

PARIS = "paris@contoso.example"


@pytest.fixture
def paris(mailbox: Mailbox) -> Mailbox:
    """The second of two."""
    return make_mailbox(PARIS)


def process(key: str = "in-paris", **more: Any) -> dict[str, Any]:
    return one_step([{"person": "bob@contoso.example"}], key=key) | more


def ask(alice: Person, definition: dict[str, Any]) -> Request:
    return engine.start(publish(definition), alice, {"item": "Desk", "amount": "900"})


def sent_from() -> list[str]:
    return list(OutgoingMail.objects.order_by("pk").values_list("mailbox__address", flat=True))


def test_its_mails_go_out_from_it_and_those_of_others_from_the_first(
    paris: Mailbox, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    ask(alice, process(mailbox="Paris@Contoso.example"))
    ask(alice, process("elsewhere"))
    assert sent_from() == [PARIS, mailbox.address]
    code = bytes(OutgoingMail.objects.order_by("pk")[0].raw)
    assert b"Reply-To: paris+" in code.replace(b"\r\n ", b" ")


def test_people_are_asked_on_the_page_until_it_is_active_and_stand_before_nobody(
    paris: Mailbox, alice: Person, bob: Person
) -> None:
    Mailbox.objects.filter(pk=paris.pk).update(active=False)
    waiting = ask(alice, process(mailbox=PARIS))
    assert sent_from() == []
    assert Assignment.objects.get(visit__request=waiting).page_only
    assert unasked_due(1) == []
    Mailbox.objects.filter(pk=paris.pk).update(active=True)
    [number] = unasked_due(1)
    assert engine.ask_by_mail(number)
    assert sent_from() == [PARIS]


def test_a_digest_asks_in_one_mail_what_goes_out_from_one_mailbox(
    paris: Mailbox, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    Person.objects.filter(pk=bob.pk).update(in_digests=True)
    for key, named in (("a", PARIS), ("b", PARIS), ("c", None), ("d", None)):
        ask(alice, process(key, **({"mailbox": named} if named else {})))
    DigestItem.objects.update(due="2020-01-01T00:00:00+00:00")
    assert digesting.due(10) == [bob.pk]
    assert digesting.work(bob.pk)
    assert sorted(sent_from()) == [mailbox.address, PARIS]
    assert sorted(ask.lines.count() for ask in Ask.objects.all()) == [2, 2]


def test_one_that_is_not_set_up_is_named(mailbox: Mailbox, bob: Person) -> None:
    assert "mailbox: there is no mailbox paris@contoso.example" in refused(process(mailbox=PARIS))


def test_a_mail_starts_a_request_at_the_mailbox_of_the_process(paris: Mailbox, bob: Person) -> None:
    there, here = changed(start_by_mail={}, key="there", mailbox=PARIS), changed(start_by_mail={}, key="here")
    addresses = mailed_starts.addresses_of([there, here])
    assert addresses["there"] == "paris+start-there@contoso.example"
    assert addresses["here"].startswith("approvals+start-here@")
    Mailbox.objects.filter(pk=paris.pk).update(active=False)
    assert [*mailed_starts.addresses_of([there, here])] == ["here"]


def test_the_designer_offers_a_choice_where_there_is_one(mailbox: Mailbox) -> None:
    data = one_step([{"requester": True}])
    around = Surroundings(read(json.dumps(data), "one-step"))
    assert "mailbox" not in {box.name for box in _boxes(data, around)}
    make_mailbox(PARIS)
    around = Surroundings(read(json.dumps(data), "one-step"))
    [box] = [one for one in _boxes(data, around) if one.name == "mailbox"]
    assert [key for key, _label in box.choices] == ["", mailbox.address, PARIS]
    assert settings_in({"mailbox": PARIS}, data, around)["mailbox"] == PARIS
    named = data | {"mailbox": "gone@contoso.example"}
    around = Surroundings(read(json.dumps(named), "one-step"))
    [box] = [one for one in _boxes(named, around) if one.name == "mailbox"]
    assert box.value == "gone@contoso.example" in dict(box.choices)


def _boxes(data: dict[str, Any], around: Surroundings) -> list[Any]:
    return [box for part in sections_of(data, around) for row in part.rows for box in row.boxes]


@pytest.fixture
def bob() -> Person:
    return add_person("Bob Bobson", "bob@contoso.example")
