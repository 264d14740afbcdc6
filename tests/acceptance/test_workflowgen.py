"""Processes that WorkflowGen publishes for everybody. They are not part of this repository, so these tests need
../shared; what is expected was counted by reading the files."""

import base64
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from lxml import etree

from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import drafts, engine, engine_errors
from placet.approvals.form import FormInvalid
from placet.approvals.models import Assignment, Decision, Process, Request, Version, Visit
from placet.approvals.processes import DefinitionInvalid, newest, parse_definition
from placet.sandbox.server import Mail
from placet.workflowgen.importing import FileInvalid, Imported, read_process
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.test_blocks import groups, replied, standing, started
from tests.journeys.test_languages import speaks
from tests.journeys.test_workflowgen import ENGLISH, FRENCH, Words

BOTH_WAYS = True
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
    assert [step["due"] for step in steps.values() if "due" in step] == ["2 days"] * 3 + ["5 days"] * 2
    assert lines(done, "taken", "limit of 2 days") == 3
    assert lines(done, "taken", "limit of 5 days") == 2
    assert lines(done, "left_out", "limit of 10 days") == 1
    (until,) = [part for part in done.definition["form"] if part.get("name") == "fin_until"]
    assert (until["show"], until["require"]) == ("fin_emp_type == 'LIMITED'",) * 2
    assert parse_definition(done.definition)


# --- requests that run -------------------------------------------------------------------------------------


@dataclass
class Running:
    """A published file whose groups have one person each, called as the group; Alice asks, and Max is her manager."""

    version: Version
    people: dict[str, Person]
    request: Request | None = None

    def start(self, **entered: str) -> "Running":
        self.request = engine.start(self.version, self.people["alice"], entered)
        return self

    def open(self) -> list[tuple[str, str]]:
        """Steps and whom they ask."""
        asked = Assignment.objects.filter(visit__request=self.request, state="open").order_by("pk")
        return [(one.visit.step_key, one.person.name) for one in asked.select_related("visit", "person")]

    def answer(self, step: str, outcome: str, **how: Any) -> list[tuple[str, str]]:
        [asked] = Assignment.objects.filter(visit__request=self.request, visit__step_key=step, state="open")
        engine.decide(asked.pk, by=asked.person, outcome=outcome, channel=Decision.Channel.PAGE, **how)
        return self.open()

    def end(self) -> str:
        assert self.request is not None
        self.request.refresh_from_db()
        assert self.request.state == Request.State.ENDED
        return self.request.result

    def visits(self, step: str) -> int:
        return Visit.objects.filter(request=self.request, step_key=step).count()


def running(name: str) -> Running:
    done = imported(name)
    people = {"max": add_person("max", "max@contoso.example")}
    people["alice"] = add_person("alice", "alice@contoso.example", manager=people["max"])
    for key in parse_definition(done.definition).groups:
        people[key] = add_person(key, f"{key}@contoso.example")
        Group.objects.create(key=key, name=key).members.add(people[key])
    drafts.store(done.key, done.name, done.text, report=done.report.as_json())
    draft = drafts.draft_of(done.key)
    assert draft is not None
    return Running(drafts.publish_draft(draft), people)


def clearance(**entered: str) -> Running:
    form = {"emp_management": "Sales", "dept_sup_approval_person": "department-supervisor@contoso.example"}
    return running(CLEARANCE).start(**form, **entered)


@pytest.mark.django_db
def test_a_request_of_three_departments_runs_to_its_end_and_is_joined_once() -> None:
    # What IT fills in is not asked for at the start, and not taken there.
    with pytest.raises(FormInvalid, match="it_sales"):
        clearance(it_sales="yes")
    asked = running_again().start(
        emp_department="North", emp_sales="yes", emp_accounting="yes", emp_hr="yes",
        dept_sup_approval_person="department-supervisor@contoso.example",
    )  # fmt: skip
    assert asked.open() == [("dept_sup_approval", "department-supervisor")]
    assert [step for step, _name in asked.answer("dept_sup_approval", "approve")] == [
        "validates_sales", "validates_accounting", "validates_hr",
    ]  # fmt: skip
    asked.answer("validates_hr", "reject", comment="No contract yet.")
    # One has agreed, and the others are still heard: only then does the bar let the request on, once.
    assert ("creates_it", "it-manager") not in asked.answer("validates_sales", "approve")
    assert asked.answer("validates_accounting", "approve") == [("creates_it", "it-manager")]
    assert asked.visits("analyzes") == asked.visits("creates_it") == 1
    assert asked.answer("creates_it", "done", entered={"it_sales": "yes"}) == []
    assert asked.end() == "done"
    assert asked.request is not None
    assert (asked.request.data["it_sales"], asked.request.revision) == (True, 2)


def running_again() -> Running:
    """The process that was published before, in another request."""
    version = newest(Process.objects.get())
    assert version is not None
    return Running(version, {one.name: one for one in Person.objects.all()})


@pytest.mark.django_db
def test_a_request_ends_wherever_the_file_lets_it_end() -> None:
    alone = clearance()
    assert alone.answer("dept_sup_approval", "approve") == []
    assert alone.end() == "approved"
    supervisor = "department-supervisor@contoso.example"
    refused = running_again().start(emp_sales="yes", dept_sup_approval_person=supervisor)
    with pytest.raises(engine_errors.CommentNeeded):
        refused.answer("dept_sup_approval", "reject")
    assert refused.answer("dept_sup_approval", "reject", comment="Not in my team.") == []
    assert refused.end() == "rejected"
    by_all = running_again().start(emp_sales="yes", emp_hr="yes", dept_sup_approval_person=supervisor)
    by_all.answer("dept_sup_approval", "approve")
    by_all.answer("validates_sales", "reject", comment="No.")
    assert by_all.answer("validates_hr", "reject", comment="No.") == []
    assert (by_all.end(), by_all.visits("analyzes"), by_all.visits("creates_it")) == ("rejected", 1, 0)


STAFF = {
    "req_entity": "Contoso North", "req_job_details": "Sells.", "req_job_function": "Seller",
    "req_headcount_increase": "YES", "req_div_dpt": "DIVISION_A", "req_employee_name": "none",
    "req_cost_center": "New item", "req_working_rate": "100", "req_sup_name": "Max", "req_employment_place": "Lyon",
    "req_lcr": "3", "fin_budget": "YES", "fin_internal_change": "NO", "fin_emp_type": "LIMITED",
    "fin_until": "2027-12-31",
}  # fmt: skip


@pytest.mark.django_db
def test_a_requisition_is_sent_back_once_and_runs_through_five_approvals() -> None:
    asked = running(STAFFING).start(**STAFF)
    assert asked.request is not None and asked.request.title == "Staffing Requisition: Contoso North"
    assert asked.open() == [("validates_second_level_sup", "second-level-supervisor")]
    assert asked.answer("validates_second_level_sup", "modify", comment="Which site?") == [
        ("modifies", "max")
    ]
    back = asked.answer("modifies", "done", entered={"req_employment_place": "Paris"})
    assert back == [("validates_second_level_sup", "second-level-supervisor")]
    # Whoever decides may name who is next, of the group alone.
    other = add_person("Fay", "fay@contoso.example")
    with pytest.raises(engine_errors.AnswersInvalid):
        named = {"validates_functional_sup_person": other.email}
        asked.answer("validates_second_level_sup", "approve", answers=named)
    Group.objects.get(key="functional-supervisor").members.add(other)
    assert asked.answer("validates_second_level_sup", "approve", answers=named) == [
        ("validates_functional_sup", "Fay")
    ]  # fmt: skip
    assert asked.answer("validates_functional_sup", "approve") == [("validates_hr_manager", "hr-manager")]
    assert asked.answer("validates_hr_manager", "approve") == [("validates_hr_group_head", "hr-director")]
    assert asked.answer("validates_hr_group_head", "approve") == [
        ("validates_group_exec_board", "group-executive-board")
    ]  # fmt: skip
    assert asked.answer("validates_group_exec_board", "approve") == []
    assert asked.end() == "approved"
    asked.request.refresh_from_db()
    assert asked.request.data["req_employment_place"] == "Paris"
    # Where nobody was named the whole group is asked, and each of the five may refuse.
    again = running_again().start(**STAFF)
    assert again.answer("validates_second_level_sup", "approve") == [
        ("validates_functional_sup", "functional-supervisor"), ("validates_functional_sup", "Fay"),
    ]  # fmt: skip
    [seat, *_others] = Assignment.objects.filter(visit__request=again.request, state="open")
    engine.decide(
        seat.pk, by=seat.person, outcome="reject", comment="No budget.", channel=Decision.Channel.PAGE
    )
    assert (again.open(), again.end()) == ([], "rejected")


# --- answered by mail --------------------------------------------------------------------------------------


def by_mail(
    world: World, words: Words, name: str, members: Mapping[str, str], form: Mapping[str, str]
) -> Request:
    """Alice asks, and everybody speaks one language. `members`: who is in each group."""
    done = imported(name)
    drafts.store(done.key, done.name, done.text, report=done.report.as_json())
    draft = drafts.draft_of(done.key)
    assert draft is not None
    drafts.publish_draft(draft)
    assert {*parse_definition(done.definition).groups} == {*members}
    groups(world, {key: [member] for key, member in members.items()})
    for person in world.people:
        speaks(world, person, words.language)
    return started(world, done.key, form)


def numbered(mail: Mail, label: str) -> str:
    """Under which number a mail asks for this."""
    [number] = re.findall(rf"^ *(Q\d+) {re.escape(label)}", mail.text, re.MULTILINE)
    return str(number)


STAFFED = {
    "second-level-supervisor": "bob", "functional-supervisor": "carol", "hr-manager": "dave", "hr-director": "ada",
    "group-executive-board": "dave",
}  # fmt: skip
IN_WORDS = pytest.mark.parametrize("words", [ENGLISH, FRENCH], ids=["en", "fr"])


@pytest.mark.django_db
@IN_WORDS
def test_a_requisition_is_granted_with_the_lines_that_its_people_know(world: World, words: Words) -> None:
    request = by_mail(world, words, STAFFING, STAFFED, STAFF)
    asked = world.newest("bob", words.asks)
    replied(world, "bob", "Q1: [Modify the request]\n\nPlease name the site.", asked)
    task = world.newest("bob")
    place = numbered(task, "Place of employment")
    replied(world, "bob", f"{words.done}\n\n{place}: [Paris]", task)
    asked = world.newest("bob", words.asks)
    assert numbered(asked, "Who is asked for") == "Q2"
    replied(world, "bob", f"{words.yes}\nQ2: [carol@{DOMAIN}]", asked)
    for name in ("carol", "dave", "ada", "dave"):
        assert standing(request) == ("open", "")
        replied(world, name, words.yes, world.newest(name, words.asks))
    assert standing(request) == ("ended", "approved")
    assert world.decisions() == [
        ("Bob", "modify"), ("Bob", "done"), ("Bob", "approve"), ("Carol", "approve"), ("Dave", "approve"),
        ("Ada", "approve"), ("Dave", "approve"),
    ]  # fmt: skip
    assert Decision.objects.order_by("pk")[0].comment == "Please name the site."
    assert (request.data["req_employment_place"], request.revision) == ("Paris", 2)


@pytest.mark.django_db
@IN_WORDS
def test_a_requisition_is_denied_with_the_second_answer_and_why(world: World, words: Words) -> None:
    request = by_mail(world, words, STAFFING, STAFFED, STAFF)
    replied(world, "bob", words.yes, world.newest("bob", words.asks))
    asked = world.newest("carol", words.asks)  # nobody was named, so the group is asked
    replied(world, "carol", words.no, asked)
    assert world.results() == ["decided", "comment_needed"]
    assert standing(request) == ("open", "")
    why = "There is no budget." if words == ENGLISH else "Il n'y a pas de budget."
    replied(world, "carol", f"{words.no}\n\n{why}", asked)
    assert world.decisions() == [("Bob", "approve"), ("Carol", "reject")]
    assert standing(request) == ("ended", "rejected")
    assert Decision.objects.order_by("pk")[1].comment == why


@pytest.mark.django_db
@IN_WORDS
def test_the_it_manager_says_by_mail_to_what_access_was_given(world: World, words: Words) -> None:
    """This file has no questions for its approvals, which are answered in a word; the task has a line for each box."""
    members = {
        "department-supervisor": "carol", "sales-requester": "bob", "accounting": "dave", "human-resources": "dave",
        "it-manager": "ada",
    }  # fmt: skip
    form = {"emp_management": "Sales", "dept_sup_approval_person": f"carol@{DOMAIN}", "emp_sales": "yes"}
    request = by_mail(world, words, CLEARANCE, members, form)
    yes, no = (value for _key, value in words.answers)
    replied(world, "carol", yes, world.newest("carol", words.asks))
    replied(world, "bob", yes, world.newest("bob", words.asks))
    task = world.newest("ada")
    assert numbered(task, "Accounting software") == "Q1"
    assert numbered(task, "Sales & Marketing software") == "Q2"
    replied(world, "ada", f"{words.done}\n\nQ1: [{no}]\nQ2: [{yes}]", task)
    assert standing(request) == ("ended", "done")
    assert [request.data[name] for name in ("it_accounting", "it_sales", "it_hr")] == [False, True, None]


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


@pytest.mark.long
@pytest.mark.django_db
def test_a_file_that_was_tampered_with_is_refused_in_words_or_comes_to_a_draft_with_a_report() -> None:
    drafted = refused = publishable = 0
    for name, data in changed_files():
        began = time.process_time()
        try:
            done = read_process(data, name)
        except FileInvalid as error:
            assert re.search(r"[.:] ?", str(error)), name
            refused += 1
            continue
        assert time.process_time() - began < SLOWEST, name
        assert yaml.load(done.text, yaml.CSafeLoader) == done.definition, name
        assert done.report.lines, name
        drafted += 1
        if drafted % EACH == 0:
            try:
                parse_definition(done.definition)
                publishable += 1
            except DefinitionInvalid as error:
                # Then the report says so, beside what is always to be done.
                assert all(error.problems), name
                assert len(done.report.of("decide")) > lines(done, "decide", "Make the group"), name
    assert drafted > MUTATIONS
    assert refused
    assert publishable > drafted / EACH * 0.8
