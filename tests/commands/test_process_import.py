"""`placet process import` and what belongs to it: a file of WorkflowGen becomes a draft."""

import json
from pathlib import Path

import pytest
from django.utils import timezone

from placet.accounts.models import Group, Person
from placet.approvals.models import Process, ProcessDraft, Version
from placet.approvals.processes import publish
from placet.designer import cases
from placet.designer.trying_events import Answer, Event, Start
from tests.commands.conftest import Run
from tests.making import entries, one_step
from tests.workflowgen.making import simple


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Whose draft the engine knows whole."""
    made = simple()
    made.actions[1].gives = {}
    made.ways[1:] = [("DECIDES", "_END", '<DEC_ANSWER> = "YES"'), ("DECIDES", "_END", "OTHERWISE")]
    path = tmp_path / "made.xml"
    path.write_bytes(made.xml())
    return path


def test_a_file_becomes_a_draft_and_is_published_by_its_own_command_only(
    placet: Run, file: Path, carol: Person
) -> None:
    ran = placet("process", "import", str(file))
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[0].startswith("Taken (")
    assert "  Action ASKS: It is the form that a request begins with." in lines
    assert "Please decide (1)" in lines
    assert "Made process is a draft now, and not published. Its key is made." in lines
    assert placet("process", "list").out == "made: Made process, version -, draft\n"
    assert not Version.objects.exists()
    text = placet("process", "draft", "made").out
    assert text.startswith("# A draft, imported from WorkflowGen: MADE 1\n# File: made.xml\n")
    Group.objects.create(key="clerks", name="Clerks").members.add(carol)
    ran = placet("process", "publish", "--draft", "made")
    assert (ran.out, ran.error) == ("Made process is published as version 1.\n", "")
    assert placet("process", "list").out == "made: Made process, version 1\n"
    assert not ProcessDraft.objects.exists()
    assert placet("process", "publish", "--draft", "made").error == (
        "There is no draft of a process made. See: placet process list\n"
    )


def test_a_process_that_is_there_is_left_alone_unless_somebody_says_so(
    placet: Run, file: Path, tmp_path: Path
) -> None:
    placet("process", "import", str(file))
    again = placet("process", "import", str(file))
    assert (again.code, again.error) == (
        1, "There is a process made already: Made process. Nothing was changed. To make a draft all the same, add "
        "--replace.\n",
    )  # fmt: skip
    draft = tmp_path / "draft.yaml"
    draft.write_text(placet("process", "draft", "made").out)
    # A file is published beside a draft, which stays.
    assert placet("process", "publish", str(draft)).out == "Made process is published as version 1.\n"
    assert placet("process", "list").out == "made: Made process, version 1, draft\n"
    assert placet("process", "import", str(file)).code == 1
    assert placet("process", "import", str(file), "--replace").code == 0
    assert ProcessDraft.objects.count() == 1
    assert placet("process", "publish", "--draft", "made").out == "Made process is published as version 2.\n"
    placet("process", "import", str(file), "--replace")
    assert placet("process", "draft", "made", "--discard").out == "The draft of made is gone.\n"
    assert [version.number for version in Version.objects.order_by("number")] == [1, 2]


def test_what_has_to_be_put_right_is_said_and_keeps_a_draft_from_being_published(
    placet: Run, tmp_path: Path
) -> None:
    made = simple(key="WAITS")
    made.actions[1].gives = {}
    made.sections["DEC"][0].items = (("YES", "Yes"), ("LATER", "??"))
    made.ways[1:] = [("DECIDES", "_END", '<DEC_ANSWER> = "YES"'), ("DECIDES", "_END", "OTHERWISE")]
    path = tmp_path / "waits.xml"
    path.write_bytes(made.xml())
    ran = placet("process", "import", str(path))
    assert ran.code == 0
    assert "Before it can be published, put right:" in ran.out
    refused = placet("process", "publish", "--draft", "waits")
    assert refused.code == 1
    assert refused.error.startswith("This process cannot be published:\n")
    assert ProcessDraft.objects.exists()
    placet("process", "draft", "waits", "--discard")
    assert not Process.objects.exists()


def test_what_is_no_file_of_workflowgen_is_refused_in_a_sentence(placet: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_text("<Package/>")
    ran = placet("process", "import", str(path))
    assert (ran.code, ran.out) == (1, "")
    assert ran.error.startswith("This file was not imported. This file holds 0 processes.")
    assert "cannot be read" in placet("process", "import", str(tmp_path / "nothing.xml")).error
    assert placet("process", "publish").error == "Say which: a file or a sample, or --draft KEY.\n"
    assert not Process.objects.exists()


def test_a_test_case_that_comes_out_otherwise_stops_the_command_until_it_says_why(
    placet: Run, tmp_path: Path, alice: Person, bob: Person, carol: Person
) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(json.dumps(one_step([{"person": bob.email}])))
    version = publish(path.read_text())
    events: list[Event] = [
        Start(alice.email, {"item": "Desk", "amount": "9"}, timezone.now()),
        Answer(bob.email, "step", "approve"),
    ]
    cases.keep(version.process, "A desk", version, events, alice)
    assert placet("process", "publish", str(path)).code == 0
    path.write_text(json.dumps(one_step([{"person": carol.email}])))
    ran = placet("process", "publish", str(path))
    assert ran.code == 1
    assert f"A desk: Asked in step: {carol.email} (expected: {bob.email})." in ran.error
    assert ran.error.splitlines()[-1] == "Publish it all the same: --although REASON"
    assert Version.objects.count() == 2
    assert placet("process", "publish", str(path), "--although", "Bob has left.").code == 0
    assert [(entry.who, entry.what["reason"]) for entry in entries(cases.OVERRULED)] == [
        ("system", "Bob has left.")
    ]
    assert [entry.who for entry in entries("process published")] == ["system"] * 3
