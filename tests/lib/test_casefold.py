"""Capitals do not matter, in whatever script somebody's name is written."""

import pytest

from placet.accounts.models import Person


@pytest.fixture(autouse=True)
def _people(db: None) -> None:
    for number, name in enumerate(["Élodie Martin", "ΣΟΦΙΑ", "Борис", "100 % Sure", "a_b", "axb"]):
        Person.objects.create(name=name, email=f"p{number}@b.example")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("élodie", ["Élodie Martin"]),
        ("ÉLODIE m", ["Élodie Martin"]),
        ("σοφ", ["ΣΟΦΙΑ"]),
        ("БОР", ["Борис"]),
        ("%", ["100 % Sure"]),
        ("A_B", ["a_b"]),
        ("\\", []),
    ],
)
def test_a_part_of_a_name_is_found_whatever_its_capitals(text: str, found: list[str]) -> None:
    assert [person.name for person in Person.objects.filter(name__casefold__contains=text)] == found


def test_a_whole_name_is_found_whatever_its_capitals() -> None:
    assert Person.objects.get(name__casefold="éLODIE mARTIN").email == "p0@b.example"
    assert not Person.objects.filter(name__casefold="élodie").exists()
