"""Test cases of a process: kept with what came of a trial, run before it is published, overruled with a reason."""

from dataclasses import replace

import pytest

from placet.accounts.models import Person
from placet.approvals.models import Process
from placet.approvals.processes import publish
from placet.audit import chain
from placet.designer import cases
from placet.designer.trying_events import Answer, Jump, Reply
from placet.designer.trying_shown import Summary
from tests.designer.trials import ALICE, BOB, CAROL, PURCHASE, START, after, people
from tests.designer.whole_database import contents
from tests.making import entries, entry_of

pytestmark = pytest.mark.django_db

CAROL_DECIDES = PURCHASE.replace("ask: [{manager: true}]", f"ask: [{{person: {CAROL}}}]")
EXPECTED = Summary(["manager=approve"], {"manager": [BOB]}, "approved")


@pytest.fixture
def known() -> dict[str, Person]:
    return people()


@pytest.fixture
def process(known: dict[str, Person]) -> Process:
    process = publish(PURCHASE).process
    cases.keep(process, "A chair", PURCHASE, after(Reply(BOB, "Yes, go ahead")), known[ALICE])
    return process


def test_it_is_kept_with_path_people_and_result(process: Process, known: dict[str, Person]) -> None:
    case = process.test_cases.get()
    assert cases.expected_of(case) == EXPECTED
    assert (case.name, case.by) == ("A chair", known[ALICE])


def test_it_comes_out_as_expected_and_writes_nothing(process: Process) -> None:
    before = contents()
    run = cases.cases_before_publishing(process, PURCHASE)
    assert [one.differences for one in run.runs] == [[]] and not run.blocks
    assert contents() == before


def test_what_differs_is_said_and_blocks(process: Process) -> None:
    run = cases.cases_before_publishing(process, CAROL_DECIDES)
    [failing] = run.failing
    assert run.blocks
    assert f"Asked in manager: {CAROL} (expected: {BOB})." in failing.differences
    assert f"Asked in manager: {CAROL} (expected: {BOB})." in failing.since_published
    assert any("No mail asks Bob" in one for one in failing.differences)


def test_a_draft_that_cannot_be_played_fails_all_of_them(process: Process) -> None:
    run = cases.cases_before_publishing(process, PURCHASE.replace("start: manager", "start: nowhere"))
    assert run.blocks and any("nowhere" in one for one in run.failing[0].differences)


@pytest.mark.parametrize("how", ["inactive", "another address"])
def test_somebody_who_is_gone_is_named(process: Process, known: dict[str, Person], how: str) -> None:
    known[ALICE].manager = known[CAROL]
    known[ALICE].save()
    if how == "inactive":
        Person.objects.filter(pk=known[BOB].pk).update(is_active=False)
    else:
        known[BOB].emailaddress_set.all().delete()  # type: ignore[attr-defined]
    [run] = cases.run_cases(process, PURCHASE).runs
    assert run.missing == [BOB] and run.differences[0] == f"{BOB} is not there any more."


def test_a_trial_that_did_not_work_is_no_case(process: Process, known: dict[str, Person]) -> None:
    with pytest.raises(cases.CaseRefused, match="did not work"):
        cases.keep(process, "Wrong", PURCHASE, after(Answer(CAROL, "manager", "approve")), known[ALICE])
    with pytest.raises(cases.CaseRefused, match="did not work"):
        cases.keep(process, "Nothing", PURCHASE, [Jump()], known[ALICE])
    with pytest.raises(cases.CaseRefused, match="name"):
        cases.keep(process, "  ", PURCHASE, [START], known[ALICE])
    with pytest.raises(cases.CaseRefused, match="already"):
        cases.keep(process, "A chair", PURCHASE, [START], known[ALICE])


def test_there_are_so_many(
    process: Process, known: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "MOST_CASES", 1)
    with pytest.raises(cases.CaseRefused, match="at most"):
        cases.keep(process, "One more", PURCHASE, [START], known[ALICE])


def test_cases_that_take_too_long_together_are_not_run_and_fail(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "MOST_SECONDS", 0.0)
    run = cases.cases_before_publishing(process, PURCHASE)
    assert run.blocks
    assert "too long together" in run.runs[0].differences[0]


def test_what_an_older_version_kept_is_said_to_be_unreadable(process: Process) -> None:
    process.test_cases.update(events=[{"what": "telepathy"}])
    [run] = cases.run_cases(process, PURCHASE).runs
    assert not run.is_good and "cannot be read" in run.differences[0]
    [before_publishing] = cases.cases_before_publishing(process, PURCHASE).runs
    assert not before_publishing.is_good


def test_it_is_overruled_with_a_reason_on_record(process: Process, known: dict[str, Person]) -> None:
    run = cases.cases_before_publishing(process, CAROL_DECIDES)
    with pytest.raises(cases.CaseRefused, match="say why"):
        cases.overrule(run, " – ", known[ALICE])
    assert entries(cases.OVERRULED) == []
    cases.overrule(run, "Carol decides\nfrom now on", known[ALICE])
    entry = entry_of(cases.OVERRULED)
    assert entry.who == f"person:{known[ALICE].pk}" and entry.request_id is None
    assert entry.what["process"] == "purchase" and entry.what["cases"] == ["A chair"]
    assert entry.what["reason"] == "Carol decides from now on"
    assert list(chain.verify()) == []


def test_differences_are_sentences() -> None:
    assert cases.differences_between(EXPECTED, EXPECTED) == []
    other = replace(EXPECTED, path=["manager=reject", "again"], asked={"again": [CAROL]}, result="rejected")
    assert cases.differences_between(EXPECTED, other) == [
        "Path: manager=reject → again (expected: manager=approve).",
        f"Asked in manager: – (expected: {BOB}).",
        f"Asked in again: {CAROL} (expected: –).",
        "Result: rejected (expected: approved).",
    ]
