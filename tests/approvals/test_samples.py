"""The samples that come with Placet: each is published by one command, and says what its steps need."""

import pytest
import yaml

from placet.approvals.definitions import ApprovalStep, EndStep, definition_of
from placet.approvals.processes import publish
from placet.commands.process import SAMPLES

NAMES = sorted(path.stem for path in SAMPLES.glob("*.yaml"))


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES)
def test_each_sample_can_be_published(name: str) -> None:
    source = (SAMPLES / f"{name}.yaml").read_text()
    version = publish(source)
    assert version.process.key == name == yaml.safe_load(source)["key"]
    definition = definition_of(version)
    assert any(isinstance(step, ApprovalStep) for step in definition.steps.values())
    assert {step.result for step in definition.steps.values() if isinstance(step, EndStep)} >= {"approved"}
