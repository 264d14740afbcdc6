"""As much of a wrong draft as fits together: with few checks of the whole, and as if each mistake were mended alone."""

import random
from copy import deepcopy
from typing import Any
from unittest.mock import Mock

import pytest
import yaml
from pydantic import ValidationError

from placet.approvals.definitions import Definition
from placet.designer import reading
from tests.designer.trials import PURCHASE
from tests.making import SAMPLE

DEFINITIONS = [yaml.safe_load(PURCHASE), yaml.safe_load(SAMPLE)]
WRONG: list[Any] = [None, 3, "x y", [], {}, [{}], {"no": 1}, -1, True]


def one_by_one(data: dict[str, Any]) -> Definition | None:
    """What mending a mistake at a time comes to; None where nothing is left, or it goes round in circles."""
    mended = deepcopy(data)
    for _time in range(100):
        try:
            return Definition.model_validate(mended)
        except ValidationError as error:
            if not reading._mend(mended, error.errors()[0]):
                return None
    return None


def spoilt(data: Any, chance: random.Random) -> Any:
    """With some values gone, and others in their place."""
    if isinstance(data, dict):
        kept = {name: spoilt(value, chance) for name, value in data.items() if chance.random() > 0.03}
        return kept if chance.random() > 0.03 else kept | {"no_such_name": 1}
    if isinstance(data, list):
        return [spoilt(value, chance) for value in data if chance.random() > 0.03]
    return deepcopy(chance.choice(WRONG)) if chance.random() < 0.05 else data


def test_what_is_left_is_what_mending_one_by_one_leaves() -> None:
    compared = 0
    for seed in range(60):
        data = spoilt(deepcopy(DEFINITIONS[seed % 2]), random.Random(seed))
        by_hand = one_by_one(data)
        if by_hand is not None:
            compared += 1
            assert reading.nearest(data) == by_hand, seed
    assert compared > 30


@pytest.mark.parametrize("steps", [10, 400])
def test_a_draft_with_many_mistakes_is_checked_no_more_often_than_one_with_few(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = yaml.safe_load(PURCHASE)
    step = data["steps"]["manager"]
    wrong = {**step, "ask": [{"nobody": 1}], "due": [], "rule": 7, "name": None, "remind": "x", "no": 1}
    data["steps"] |= {f"wrong-{n}": deepcopy(wrong) for n in range(steps)}
    data["form"] += [{"name": f"f{n}", "label": 3, "type": "none", "more": 1} for n in range(steps)]
    check = Mock(side_effect=Definition.model_validate)
    monkeypatch.setattr(Definition, "model_validate", check)
    definition = reading.nearest(data)
    assert definition is not None
    assert check.call_count <= reading.MENDED + reading.LEFT_OUT
    assert definition.steps["manager"].name == "Manager"
    assert [field.name for field in definition.fields][:2] == ["item", "amount"]
    assert len(definition.steps) == steps + 3


def test_what_cannot_be_mended_in_time_is_left_out_alone() -> None:
    data = yaml.safe_load(PURCHASE)
    data["steps"]["wrong"] = {**data["steps"]["manager"], **{f"no{n}": n for n in range(reading.MENDED + 5)}}
    definition = reading.nearest(data)
    assert definition is not None
    assert list(definition.steps) == ["manager", "approved", "rejected"]
