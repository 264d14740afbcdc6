"""Processes that WorkflowGen publishes for everybody. They are not part of this repository, so these tests need
../shared; what is expected was counted by reading the files."""

import base64
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from lxml import etree

from placet.approvals.processes import DefinitionInvalid, parse_definition
from placet.workflowgen.importing import FileInvalid, Imported, read_process

FILES = Path(__file__).parents[3] / "shared" / "corpora" / "workflowgen"
CLEARANCE, STAFFING = "it-clearance-v1", "staffing-requisition-group-v1"
MUTATIONS = 250  # of each file
EACH = 10  # how often a draft is checked as publishing would
SLOWEST = 5.0  # seconds for one of them


def content(name: str) -> bytes:
    return (FILES / f"{name}.xml").read_bytes()


def imported(name: str) -> Imported:
    done = read_process(content(name), f"{name}.xml")
    assert yaml.safe_load(done.text) == done.definition
    return done


def kinds(done: Imported) -> Counter[str]:
    return Counter(step["kind"] for step in done.definition["steps"].values())


def fields(done: Imported) -> Counter[str]:
    return Counter(part["type"] for part in done.definition["form"] if "name" in part)


def lines(done: Imported, kind: str, word: str) -> int:
    return sum(word in f"{line.place}: {line.text}" for line in done.report.of(kind))


def ways(done: Imported, step: str) -> list[str]:
    found = [way for way in done.definition["transitions"] if way["from"] == step]
    return [
        " ".join([way["outcome"], "→", way.get("to", way.get("ends_branch")), way.get("when", "")]).strip()
        for way in found
    ]


@pytest.mark.django_db
def test_three_departments_are_asked_side_by_side_and_joined_once() -> None:
    done = imported(CLEARANCE)
    # Eight actions: the request's form, four approvals, one task, the bar and the end, which has three ways in.
    assert kinds(done) == {"approval": 4, "task": 1, "parallel": 1, "end": 3}
    # 36 elements: 18 that WorkflowGen fills in, two captions, four answers, four comments and eight fields.
    assert fields(done) == {"text": 2, "yes_no": 6, "person": 1}
    assert lines(done, "left_out", "WorkflowGen filled it in") == 18
    assert lines(done, "changed", "It is the comment of the answer") == 4
    block = done.definition["steps"]["analyzes"]
    assert {name: branch["when"] for name, branch in block["branches"].items()} == {
        "validates_sales": "emp_sales", "validates_accounting": "emp_accounting", "validates_hr": "emp_hr",
    }  # fmt: skip
    assert (block["result"], block["otherwise"]) == ([{"approved": "any"}, {"rejected": "any"}], "rejected")
    assert ways(done, "dept_sup_approval") == [
        "approve → analyzes emp_sales || emp_accounting || emp_hr", "approve → end_approved", "reject → end_rejected",
    ]  # fmt: skip
    assert ways(done, "analyzes") == ["approved → creates_it", "rejected → end_rejected"]
    assert done.definition["steps"]["dept_sup_approval"]["ask"] == [
        {"field": "dept_sup_approval_person", "among": "department-supervisor"}
    ]
    # The form calls it otherwise than the data field behind it, which only their order tells.
    assert done.definition["steps"]["validates_hr"]["outcomes"] == [
        "approve", {"key": "reject", "comment": "required"}
    ]  # fmt: skip
    assert done.definition["steps"]["creates_it"]["form"] == {"fill": ["it_*"]}
    assert lines(done, "decide", "Make the group") == len(done.report.of("decide")) == 5
    assert parse_definition(done.definition)


@pytest.mark.django_db
def test_five_approvals_by_mail_keep_their_answers_and_the_way_back() -> None:
    done = imported(STAFFING)
    assert kinds(done) == {"approval": 5, "task": 1, "end": 2}
    # 47 elements: 18 that WorkflowGen fills in, five answers, five comments and 19 fields.
    assert fields(done) == {"text": 7, "long_text": 4, "choice": 6, "number": 1, "date": 1}
    assert done.definition["answer_brackets"] == "[]"
    steps = done.definition["steps"]
    assert sum(step.get("outcome_question", False) for step in steps.values()) == 5
    assert steps["validates_second_level_sup"]["outcomes"] == [
        "approve", "reject",
        {"key": "modify", "label": "Modify the request", "grants": False, "comment": "required"},
    ]  # fmt: skip
    assert ways(done, "validates_second_level_sup") == [
        "approve → validates_functional_sup", "reject → end_rejected", "modify → modifies",
    ]  # fmt: skip
    assert ways(done, "modifies") == ["done → validates_second_level_sup"]
    assert steps["modifies"]["form"]["fill"] == ["req_*", "fin_*", "details_*"]
    assert len(steps["modifies"]["form"]["require"]) == 14
    assert steps["validates_functional_sup"]["ask"] == [{"from_answer": "validates_functional_sup_person"}]
    assert ways(done, "validates_group_exec_board") == ["approve → end_approved", "reject → end_rejected"]
    assert lines(done, "left_out", "limit of 2 days") == 3
    assert lines(done, "left_out", "limit of 5 days") == 2
    assert lines(done, "left_out", "limit of 10 days") == 1
    (until,) = [part for part in done.definition["form"] if part.get("name") == "fin_until"]
    assert (until["show"], until["require"]) == ("fin_emp_type == 'LIMITED'",) * 2
    assert parse_definition(done.definition)


# --- files that are not as they should be ------------------------------------------------------------------


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few elements dropped, doubled, renamed, moved or written over; sometimes the form's instead."""
    root = etree.fromstring(data)
    if chance.random() < 0.4:
        for file in root.iter("{*}File"):
            if "html" in file.get("ContentType", ""):
                form = etree.fromstring(base64.b64decode(file.text or ""), etree.HTMLParser(encoding="utf-8"))
                _mutate(form, chance)
                file.text = base64.b64encode(etree.tostring(form, encoding="utf-8", method="html")).decode()
    else:
        _mutate(root, chance)
    written = etree.tostring(root)
    if chance.random() < 0.05:
        at = chance.randrange(len(written))
        written = written[:at] + bytes(chance.randrange(256) for _ in range(5)) + written[at + 5 :]
    return written


def _mutate(root: etree._Element, chance: random.Random) -> None:
    elements = [one for one in root.iter() if isinstance(one.tag, str) and one.getparent() is not None]
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        one = chance.choice(elements)
        parent = one.getparent()
        if parent is None:  # dropped by now
            continue
        match chance.randrange(6):
            case 0:
                parent.remove(one)
            case 1:
                parent.append(etree.fromstring(etree.tostring(one)))
            case 2:
                one.tag = chance.choice(elements).tag
            case 3 if one.attrib:
                other = chance.choice(elements)
                name = chance.choice(list(one.attrib))
                one.set(
                    name, chance.choice([*other.attrib.values(), "", "A", "<", "é" * 300, "\u202e{x}'\"\\"])
                )
            case 4:
                one.text = chance.choice(
                    [chance.choice(elements).text, "", "<A> = <B>", '<SL_SUP_DECISION> = "YES"', "*", "]]>"]
                )
            case _:
                other = chance.choice(elements)
                if other is not one and one not in other.iterancestors():
                    other.insert(0, one)


def changed_files() -> Iterator[tuple[str, bytes]]:
    for name in (CLEARANCE, STAFFING):
        for seed in range(MUTATIONS):
            yield f"{name} {seed}", mutated(content(name), random.Random(seed))


@pytest.mark.django_db
def test_a_file_that_was_tampered_with_is_refused_in_words_or_comes_to_a_draft_with_a_report() -> None:
    drafts = refused = publishable = 0
    for name, data in changed_files():
        began = time.perf_counter()
        try:
            done = read_process(data, name)
        except FileInvalid as error:
            assert re.search(r"[.:] ?", str(error)), name
            refused += 1
            continue
        assert time.perf_counter() - began < SLOWEST, name
        assert yaml.load(done.text, yaml.CSafeLoader) == done.definition, name
        assert done.report.lines, name
        drafts += 1
        if drafts % EACH == 0:
            try:
                parse_definition(done.definition)
                publishable += 1
            except DefinitionInvalid as error:
                assert all(error.problems), name
    assert drafts > MUTATIONS
    assert refused
    assert publishable > drafts / EACH / 4
