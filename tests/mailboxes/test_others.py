"""Whose mailboxes the pre-flight tries to open: people of the same domain, and nobody whom Placet may read."""

import pytest

from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.mailboxes.others import must_stay_closed
from tests.making import make_mailbox

pytestmark = pytest.mark.django_db


def people(*addresses: str) -> list[Person]:
    return [add_person(address.partition("@")[0], address) for address in addresses]


def test_three_of_the_same_domain_are_tried_and_who_asks_comes_first() -> None:
    mailbox = make_mailbox()
    people(
        "a@contoso.example", "b@contoso.example", "c@contoso.example", "d@contoso.example", "e@other.example"
    )
    found = ["a@contoso.example", "b@contoso.example", "c@contoso.example"]
    assert must_stay_closed(mailbox) == found
    assert must_stay_closed(mailbox, first="D@contoso.example") == ["d@contoso.example", *found[:2]]
    assert must_stay_closed(mailbox, first="b@contoso.example") == [found[1], found[0], found[2]]
    assert must_stay_closed(mailbox, first="e@other.example") == found


def test_nobody_who_left_and_no_domain_that_ends_alike() -> None:
    mailbox = make_mailbox()
    people("x@mycontoso.example", "y@sub.contoso.example")
    Person.objects.filter(pk=people("gone@contoso.example")[0].pk).update(is_active=False)
    assert must_stay_closed(mailbox) == []


def test_no_mailbox_of_placets_own_and_no_other_address_of_one() -> None:
    mailbox = make_mailbox(reply_to="answers@contoso.example")
    make_mailbox("second@contoso.example", reply_to=None)
    people(
        "approvals@contoso.example", "second@contoso.example", "answers@contoso.example", "a@contoso.example"
    )
    assert must_stay_closed(mailbox, first="second@contoso.example") == ["a@contoso.example"]
