"""Whatever a process can say, of itself or of a step, has its words, its place in the designer and its row in the
manual: what was forgotten is named. `CONTRIBUTING.md` lists the places."""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from placet.approvals.definitions import Definition
from placet.designer import card, difference_words, placing

MANUAL = (Path(__file__).resolve().parents[2] / "docs" / "processes.md").read_text()
_KEYS, _ANNOTATED = get_args(Definition.model_fields["steps"].annotation)
KINDS: list[type[BaseModel]] = [*get_args(getattr(_ANNOTATED, "__origin__", _ANNOTATED))]
#: Of a process: what pages of their own show, and what is written at publishing.
OF_OTHER_PAGES = {"key", "form", "start", "steps", "transitions", "included"}
COMPARED_BY_PARTS = {"form", "steps", "transitions", "included"}


def names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


OF_STEPS = sorted({name for kind in KINDS for name in names(kind)})


def test_the_kinds_of_steps_are_all_there() -> None:
    assert {"ApprovalStep", "EndStep", "ParallelStep"} < {kind.__name__ for kind in KINDS}
    assert {"ask", "branches", "signal"} < set(OF_STEPS)


@pytest.mark.parametrize("name", OF_STEPS)
def test_what_a_step_says_can_be_said_and_found(name: str) -> None:
    assert name in difference_words._OF_STEP, "a change of it is told by its bare name"
    assert card.section_of(name), "what is wrong with it stands in no section of the step's form"
    assert f"`{name}`" in MANUAL or f"`{name}:" in MANUAL or f"{name}:" in MANUAL, "docs/processes.md"


@pytest.mark.parametrize("name", names(Definition))
def test_what_a_process_says_can_be_said_and_found(name: str) -> None:
    assert name in {*difference_words._OF_PROCESS, *COMPARED_BY_PARTS}, (
        "a change of it is told by its bare name"
    )
    assert name in {*placing._FIRST_OF_SETTINGS, *OF_OTHER_PAGES}, "what is wrong with it stands on no page"
    assert name == "included" or f"`{name}`" in MANUAL, "docs/processes.md"
