"""What the installation says of itself is read once for a unit of work."""

from typing import Any

import pytest

from placet.accounts.general import general, read_once
from placet.accounts.models import Installation
from placet.accounts.reader import as_the_installation_reads

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def installation(db: None) -> None:
    Installation.objects.update_or_create(id=1, defaults={"key_check": "x", "organisation": "Contoso"})


def rename(name: str) -> None:
    Installation.objects.update(organisation=name)


@pytest.mark.parametrize("unit_of_work", [read_once, as_the_installation_reads])
def test_inside_it_stays_as_it_was_and_is_not_asked_for_again(
    unit_of_work: Any, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2), unit_of_work():  # one of them changes it
        assert general().organisation == "Contoso"
        rename("Fabrikam")
        assert general().organisation == "Contoso"
    assert general().organisation == "Fabrikam"


def test_after_an_error_it_is_read_anew() -> None:
    with pytest.raises(ZeroDivisionError), read_once():
        raise ZeroDivisionError
    rename("Fabrikam")
    assert general().organisation == "Fabrikam"


def test_one_inside_another_is_a_part_of_it() -> None:
    with read_once():
        rename("Fabrikam")
        with read_once() as said:
            assert said.organisation == "Contoso"
        assert general().organisation == "Contoso"
    assert general().organisation == "Fabrikam"
