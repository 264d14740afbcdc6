"""Whose turn it is: held by whoever picks, given on by whoever asks."""

import pytest

from placet.accounts.models import Group, Person
from placet.approvals import turns
from placet.approvals.definitions import definition_of
from placet.approvals.models import Turn
from placet.approvals.processes import publish
from tests.making import one_step

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(bob: Person) -> Group:
    team = Group.objects.create(key="team", name="Team")
    team.members.add(bob)
    return team


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        ({"group": "team", "pick": "next"}, True),
        ({"group": "team", "pick": "least_busy"}, False),
        ({"group": "team"}, False),
    ],
)
def test_groups_that_are_asked_in_turn_are_held_and_no_others(
    asked: dict[str, str], held: bool, team: Group, bob: Person
) -> None:
    turns.hold(definition_of(publish(one_step([asked]))))
    assert Turn.objects.filter(group=team).exists() == held
    turns.advance({"team": bob.pk})
    assert Turn.objects.filter(last=bob).exists() == held
