"""What the form about a whole process writes into its draft."""

import json
from typing import Any

import pytest

from placet.designer.reading import read
from placet.designer.settings_rows import sections_of, settings_in
from placet.designer.surroundings import Surroundings
from tests.making import one_step

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("before", "ticked", "after"),
    [
        (None, True, False),
        (False, True, False),
        (False, False, None),
        (True, False, True),
        (None, False, None),
    ],
)
def test_answers_by_api_are_refused_and_taken_again(before: Any, ticked: bool, after: Any) -> None:
    data = one_step([{"requester": True}])
    if before is not None:
        data["decisions_by_api"] = before
    around = Surroundings(read(json.dumps(data), "one-step"))
    boxes = {
        box.name: box for section in sections_of(data, around) for row in section.rows for box in row.boxes
    }
    assert boxes["no-api"].value == ("yes" if before is False else "")
    assert settings_in({"no-api": "yes"} if ticked else {}, data, around)["decisions_by_api"] is after
