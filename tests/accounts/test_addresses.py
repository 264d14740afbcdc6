"""Whose address is it? One confirmed address belongs to one person, however it is spelt."""

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from placet.accounts.addresses import (
    PersonInvalid,
    add_address,
    add_person,
    addresses_of,
    normal,
    person_at,
    somebodys,
)
from placet.accounts.confirming import is_free
from placet.accounts.models import Person
from placet.panel.forms import NewAddressField

pytestmark = pytest.mark.django_db


def test_an_address_is_found_however_it_is_spelt() -> None:
    bob = add_person("Bob", " Bob@Contoso.Example ")
    assert bob.email == "bob@contoso.example"
    for spelling in ("bob@contoso.example", "BOB@CONTOSO.EXAMPLE", " bob@contoso.example\n"):
        assert person_at(spelling) == bob
    assert normal(" Bob@Contoso.Example ") == "bob@contoso.example"


def test_a_domain_in_unicode_is_the_one_that_mails_name() -> None:
    bob = add_person("Bob", "Bob@Bücher.example")
    assert bob.email == "bob@xn--bcher-kva.example"
    assert addresses_of(bob) == {bob.email}
    for spelling in ("bob@bücher.example", "BOB@BÜCHER.EXAMPLE", "bob@xn--bcher-kva.example"):
        assert person_at(spelling) == bob


@pytest.mark.parametrize(
    "address", ["bob@straße.example", "bob@a\u200db.example", "bob@" + "ü" * 64 + ".example"]
)
def test_a_domain_that_is_two_or_none_is_refused(address: str) -> None:
    with pytest.raises(PersonInvalid, match="is not an e-mail address"):
        add_person("Bob", address)
    assert not is_free(address)
    with pytest.raises(ValidationError):
        NewAddressField().clean(address)


@pytest.mark.parametrize(
    "other", ["", "bob", "bob@contoso.example.evil.test", "bob+tag@contoso.example", "bоb@contoso.example"]
)
def test_what_only_looks_like_it_is_somebody_else(other: str) -> None:
    add_person("Bob", "bob@contoso.example")
    assert person_at(other) is None


def test_a_person_may_have_several_addresses() -> None:
    bob = add_person("Bob", "bob@contoso.example")
    add_address(bob, "Bob.Manager@Contoso.Example")
    assert person_at("bob.manager@contoso.example") == bob
    assert addresses_of(bob) == {"bob@contoso.example", "bob.manager@contoso.example"}


def test_an_address_that_is_not_confirmed_is_nobodys() -> None:
    bob = add_person("Bob", "bob@contoso.example")
    EmailAddress.objects.create(user=bob, email="private@x.test", verified=False)
    assert person_at("private@x.test") is None
    assert addresses_of(bob) == {"bob@contoso.example"}


@pytest.mark.parametrize("spelling", ["bob@contoso.example", "BOB@contoso.example"])
def test_one_address_belongs_to_one_person(spelling: str) -> None:
    add_person("Bob", "bob@contoso.example")
    carol = add_person("Carol", "carol@contoso.example")
    with pytest.raises(IntegrityError), transaction.atomic():
        add_address(carol, spelling)
    with pytest.raises(IntegrityError), transaction.atomic():
        add_person("Second Bob", spelling)
    assert Person.objects.count() == 2


def test_who_has_no_password_cannot_sign_in_with_any() -> None:
    bob = add_person("Bob", "bob@contoso.example")
    assert not bob.has_usable_password()
    assert not bob.check_password("")


def test_addresses_are_somebodys_confirmed_or_not(bob: Person) -> None:
    EmailAddress.objects.create(user=bob, email="not-yet@x.test", verified=False)
    add_address(bob, "second@x.test")
    Person.objects.create_user("bare@x.test", name="Without rows of addresses")
    known = {"not-yet@x.test", "second@x.test", "bare@x.test"}
    assert somebodys([*known, "Second@X.test", "nobody@x.test", ""]) == known
    assert somebodys([]) == set()
