"""Mails ahead of the day when a key ends: to its person, at each threshold once."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from placet import work
from placet.accounts.models import Person
from placet.api import keys
from placet.api.keys import Scope
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.making import make_mailbox

pytestmark = pytest.mark.django_db
START = datetime(2027, 3, 1, 9, tzinfo=UTC)
END = START + timedelta(days=40)


@pytest.fixture
def mailbox(db: None) -> Mailbox:
    return make_mailbox()


def sent() -> list[str]:
    mails = OutgoingMail.objects.filter(kind="key-expiry").order_by("pk")
    return list(mails.values_list("subject", flat=True))


def run() -> None:
    [kind] = [one for one in work.kinds() if one.name == "key_expiry"]
    while work.run_once(kind):
        pass


def test_its_person_is_told_at_each_threshold_once(mailbox: Mailbox, bob: Person, admin: Person) -> None:
    with time_machine.travel(START, tick=False) as clock:
        keys.make(bob, "ERP", {Scope.REQUESTS_READ}, by=bob, expires_at=END)
        days = []
        for day in range(60):
            clock.move_to(START + timedelta(days=day, hours=1))
            before = len(sent())
            run()
            days += [40 - day] * (len(sent()) - before)
    assert days == [30, 14, 7, 3, 1, 0]
    assert sent()[0] == "Your key “ERP” expires in 30 days" and sent()[4] == "Your key “ERP” expires tomorrow"
    assert sent()[5] == "Your key “ERP” has expired"
    assert {mail.to for mail in OutgoingMail.objects.filter(kind="key-expiry")} == {bob.email}


def test_days_without_placet_are_caught_up_by_one_mail(mailbox: Mailbox, bob: Person) -> None:
    with time_machine.travel(START, tick=False) as clock:
        keys.make(bob, "ERP", {Scope.REQUESTS_READ}, by=bob, expires_at=END)
        clock.move_to(END - timedelta(days=2))
        run()
    assert sent() == ["Your key “ERP” expires in 2 days"]


def test_nobody_is_told_of_what_is_over_anyway(mailbox: Mailbox, bob: Person, carol: Person) -> None:
    with time_machine.travel(START, tick=False) as clock:
        replaced, _text = keys.make(bob, "Replaced", {Scope.REQUESTS_READ}, by=bob, expires_at=END)
        keys.rotate(replaced, bob, timedelta(days=39))
        revoked, _text = keys.make(bob, "Revoked", {Scope.REQUESTS_READ}, by=bob, expires_at=END)
        keys.revoke(revoked, bob)
        keys.make(carol, "Of somebody who left", {Scope.REQUESTS_READ}, by=carol, expires_at=END)
        Person.objects.filter(pk=carol.pk).update(is_active=False)
        clock.move_to(END - timedelta(days=2))
        run()
        assert sent() == ["Your key “Replaced” expires in 2 days"], "the one that took its place"


def test_without_a_mailbox_it_is_told_as_soon_as_there_is_one(bob: Person) -> None:
    with time_machine.travel(START, tick=False):
        keys.make(bob, "ERP", {Scope.REQUESTS_READ}, by=bob, expires_at=START + timedelta(days=5))
        run()
        assert sent() == []
        make_mailbox()
        run()
    assert sent() == ["Your key “ERP” expires in 5 days"]
