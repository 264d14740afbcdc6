"""Which processes name a group or a person: neither goes while one does."""

from typing import Any

import pytest

from placet.approvals.processes import publish
from placet.panel.naming import processes_naming
from tests.making import FORM, one_step

pytestmark = pytest.mark.django_db

REVIEWED = [*FORM, {"name": "reviewer", "label": "Reviewer", "type": "text"}]


@pytest.mark.parametrize(
    ("who", "named"),
    [
        ({"group": "finance"}, True),
        ({"group": "finance", "pick": "next"}, True),
        ({"group": "finances"}, False),
        ({"field": "reviewer", "among": "finance"}, True),
        ({"field": "reviewer"}, False),
        ({"expression": "'group:finance'"}, True),
        ({"expression": 'amount > 5.0 ? ["group:finance"] : reviewer'}, True),
        ({"expression": "'group:finances'"}, False),
        ({"expression": "'finance'"}, False),
        ({"person": "finance@contoso.example"}, False),
        ({"manager": True}, False),
    ],
)
def test_a_group_is_named(who: dict[str, Any], named: bool) -> None:
    assert_named(who, named, group="finance")


@pytest.mark.parametrize(
    ("who", "named"),
    [
        ({"person": "Bob@Contoso.example"}, True),
        ({"person": "carol@contoso.example"}, False),
        ({"expression": "'BOB@contoso.example'"}, True),
        ({"expression": "[reviewer,'bob@contoso.example']"}, True),
        ({"expression": "'notbob@contoso.example'"}, False),
        ({"expression": "reviewer"}, False),
    ],
)
def test_an_address_is_named(who: dict[str, Any], named: bool) -> None:
    assert_named(who, named, addresses={"bob@contoso.example"})


def assert_named(who: dict[str, Any], named: bool, **sought: Any) -> None:
    """As one of those who are asked, and as one of those who are asked if nobody else can be."""
    assert processes_naming(**sought) == []
    publish(one_step([{"manager": True}, who], form=REVIEWED))
    assert processes_naming(**sought) == (["One step"] if named else [])
    source = one_step([{"manager": True}], form=REVIEWED)
    source["steps"]["step"]["nobody"] = {"ask": [who]}
    publish(source)
    assert processes_naming(**sought) == (["One step"] if named else [])
