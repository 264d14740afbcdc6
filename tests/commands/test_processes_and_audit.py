"""`placet process` and `placet audit`."""

import json
from pathlib import Path

import pytest

from placet import cli
from placet.accounts.models import Group, Person
from placet.approvals import engine
from placet.approvals.models import Assignment, Decision, Process
from placet.audit.models import AuditEntry
from tests.commands.conftest import Run
from tests.making import SAMPLE, entry_of, start


def test_a_sample_is_published_and_listed(placet: Run) -> None:
    assert placet("process", "publish", "purchase").out == "Purchase request is published as version 1.\n"
    assert placet("process", "publish", "purchase").out == "Purchase request is published as version 2.\n"
    assert placet("process", "list").out == "purchase: Purchase request, version 2\n"


def test_a_sample_brings_its_table_unless_there_is_one(placet: Run, tmp_path: Path, carol: Person) -> None:
    first = placet("process", "publish", "order")
    assert "The table spending was not there yet, so the sample's is now." in first.out
    assert "line 6: there is no group directors" in first.error
    own = tmp_path / "spending.csv"
    own.write_text("cost_centre,amount:number,ask\n*,*,group:finance\n")
    assert placet("table", "import", "spending", str(own)).code == 0
    assert placet("process", "publish", "order").out == "Purchase order is published as version 2.\n"
    assert placet("table", "export", "spending").out.splitlines()[1:] == ["*,*,group:finance"]


def test_publishing_says_which_groups_have_nobody_in_them(placet: Run, carol: Person, dave: Person) -> None:
    Group.objects.create(key="hr", name="Human resources")
    Group.objects.create(key="interviewers", name="Interviewers").members.add(dave)
    ran = placet("process", "publish", "hiring")
    assert ran.code == 0
    assert ran.error.splitlines()[0] == "It names groups that nobody is in yet: hr."
    dave.is_active = False
    dave.save()
    assert "nobody is in yet: hr, interviewers." in placet("process", "publish", "hiring").error
    assert not placet("process", "publish", "purchase").error  # Carol is finance


def test_a_process_is_retired_and_brought_back(placet: Run) -> None:
    placet("process", "publish", "vacation")
    retired = placet("process", "retire", "vacation")
    assert retired.out.startswith("Vacation request is retired: nobody starts it any more.")
    assert placet("process", "list").out == "vacation: Vacation request, version 1, retired\n"
    again = placet("process", "publish", "vacation")
    assert "It is retired, so nobody can start it." in again.out + again.error
    assert placet("process", "bring-back", "vacation").out == "Vacation request can be started again.\n"
    assert placet("process", "list").out == "vacation: Vacation request, version 2\n"
    assert placet("process", "retire", "nothing").code == 1


def test_a_sample_is_printed_to_be_changed(placet: Run, tmp_path: Path) -> None:
    file = tmp_path / "vacation.yaml"
    file.write_text(placet("process", "sample", "vacation").out, encoding="utf-8")
    assert placet("process", "publish", str(file)).out == "Vacation request is published as version 1.\n"
    unknown = placet("process", "sample", "../vacation")
    assert (unknown.code, unknown.error.splitlines()[0]) == (
        1,
        "There is no sample ../vacation. See: placet process sample --help",
    )


def test_a_file_is_published(placet: Run, tmp_path: Path) -> None:
    file = tmp_path / "einkauf.yaml"
    file.write_text(SAMPLE.replace("Purchase request", "Beschaffung für alle"), encoding="utf-8")
    assert placet("process", "publish", str(file)).out == "Beschaffung für alle is published as version 1.\n"


def test_a_definition_with_mistakes_is_not_published_and_each_is_said(placet: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(
        SAMPLE.replace("start: manager", "start: nowhere").replace("to: finance", "to: elsewhere")
    )
    ran = placet("process", "publish", str(file))
    assert ran.code == 1
    assert ran.error.splitlines() == [
        "This process cannot be published:",
        "start: there is no step nowhere",
        "transitions, number 1: there is no step elsewhere",
    ]
    assert not Process.objects.exists()


def test_what_cannot_be_read_is_said(placet: Run, tmp_path: Path) -> None:
    missing = placet("process", "publish", str(tmp_path / "no.yaml"))
    assert (missing.code, missing.error) == (
        1,
        f"{tmp_path / 'no.yaml'} cannot be read: No such file or directory.\n",
    )
    folder = placet("process", "publish", str(tmp_path))
    assert (folder.code, folder.error) == (1, f"{tmp_path} cannot be read: Is a directory.\n")
    (tmp_path / "latin.yaml").write_bytes("key: für".encode("latin-1"))
    latin = placet("process", "publish", str(tmp_path / "latin.yaml"))
    assert (latin.code, latin.error) == (1, f"{tmp_path / 'latin.yaml'} is not text in UTF-8.\n")


def test_a_process_is_printed_as_bpmn(placet: Run) -> None:
    placet("process", "publish", "purchase")
    printed = placet("process", "bpmn", "purchase").out
    assert (
        printed.startswith("<?xml") and printed.count("<userTask ") == 2 and "<bpmndi:BPMNPlane " in printed
    )
    assert placet("process", "bpmn", "nothing").code == 1


def test_what_a_form_takes_is_printed_as_json_schema(placet: Run) -> None:
    placet("process", "publish", "purchase")
    schema = json.loads(placet("process", "schema", "purchase").out)
    assert list(schema["properties"]) == ["item", "amount", "reason"]
    assert schema["required"] == ["item", "amount"]
    ran = placet("process", "schema", "nothing")
    assert (ran.code, ran.error) == (1, "No process nothing is published. See: placet process list\n")


def test_the_record_is_verified(placet: Run, alice: Person, bob: Person) -> None:
    assert (
        placet("audit", "verify").out
        == "0 chains with 0 entries: every link holds, and every decision is as it was recorded.\n"
    )
    first, second = start(SAMPLE, alice), start(SAMPLE, alice)
    assert (
        placet("audit", "verify").out
        == "3 chains with 8 entries: every link holds, and every decision is as it was recorded.\n"
    )
    AuditEntry.objects.filter(request=second, seq=2).update(who="somebody")
    broken = placet("audit", "verify")
    assert (broken.code, broken.out) == (
        1,
        f"Request {second.number}: broken at entry 2: its content was changed.\n",
    )
    assert placet("audit", "verify", str(first.number)).code == 0
    assert placet("audit", "verify", str(second.number)).code == 1


def test_a_decision_that_was_changed_behind_the_record_is_found(
    placet: Run, alice: Person, bob: Person
) -> None:
    first, second = start(SAMPLE, alice), start(SAMPLE, alice)
    decided = engine.decide(
        Assignment.objects.get(visit__request=second).pk,
        by=bob,
        outcome="reject",
        channel=Decision.Channel.PAGE,
    )
    assert placet("audit", "verify").code == 0
    Decision.objects.filter(pk=decided.pk).update(outcome="approve")
    seq = entry_of("decided", request=second).seq
    changed = placet("audit", "verify")
    assert (changed.code, changed.out) == (
        1,
        f"Request {second.number}: not as entry {seq} says: the outcome was changed.\n",
    )
    assert placet("audit", "verify", str(first.number)).code == 0
    assert placet("audit", "verify", str(second.number)).code == 1


def test_a_request_that_is_not_there_is_said(placet: Run) -> None:
    ran = placet("audit", "verify", "17")
    assert (ran.code, ran.error) == (1, "There is no request 17.\n")
    assert placet("audit", "verify", "x").code == 2


def test_the_command_itself_lists_what_there_is(placet: Run) -> None:
    shown = placet("--help")
    assert shown.code == 0
    assert all(f"  {name} " in shown.out for name in cli.all_commands())
    assert placet("--version").out.startswith("Placet ")
    assert placet("conquer").code == 2
    assert placet().code == 2


@pytest.mark.parametrize("name", cli.all_commands())
def test_every_command_explains_itself(placet: Run, name: str) -> None:
    shown = placet(name, "--help")
    assert shown.code == 0
    assert f"usage: placet {name}" in shown.out
