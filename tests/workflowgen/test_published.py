"""Processes as organisations publish them: each becomes a draft that can be published, runs to every end, and loses
nothing in silence; its French twin comes to the same."""

import random
import re
from collections import Counter
from copy import deepcopy
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from placet.accounts.addresses import add_person
from placet.accounts.models import Group
from placet.approvals import attachments, drafts, engine, timing
from placet.approvals.deadlines import EXPIRED
from placet.approvals.models import Assignment, Decision, Request, Timer
from placet.approvals.processes import parse_definition
from placet.replies.read import read_text
from placet.replies.read_own import own_of
from placet.replies.read_questions import questions_of
from placet.replies.read_vocabulary import vocabulary
from placet.workflowgen import xpdl
from placet.workflowgen.importing import Imported, read_process
from tests.workflowgen.published import PROCESSES, english, french, published

#: What “please decide” asks beside groups, and how somebody decided it.
DECIDED = {("purchase", "orders", "open"): "Commande envoyée"}
ALL = pytest.mark.parametrize("name", PROCESSES)


@cache
def imported(name: str, language: str = "en") -> Imported:
    return read_process(published(PROCESSES[name](english if language == "en" else french)), "exported.xml")


def decided(name: str, language: str = "en") -> dict[str, Any]:
    """The definition, with what the report says has to be put right put right."""
    done = imported(name, language)
    definition = deepcopy(done.definition)
    for (process, step, key), label in DECIDED.items():
        if process == name and language == "fr":
            assert any("cannot be published yet" in line.text for line in done.report.of("decide"))
            outcomes = definition["steps"][step]["outcomes"]
            next(one for one in outcomes if one["key"] == key)["label"] = label
    return definition


def shape(value: Any) -> Any:
    """Of a definition: without what people read, and what is made of it."""
    words = ("label", "name", "title", "description", "group", "among", "text", "key")
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items() if key not in words or isinstance(one, dict)}
    return [shape(one) for one in value] if isinstance(value, list) else value


@ALL
def test_twins_come_to_the_same_and_their_reports_too(name: str) -> None:
    both = [decided(name, language) for language in ("en", "fr")]
    for definition in both:
        parse_definition(definition)
    assert shape(both[0]) == shape(both[1])
    kinds = [
        Counter(line.kind for line in imported(name, one).report.lines if "cannot be" not in line.text)
        for one in ("en", "fr")
    ]
    assert kinds[0] == kinds[1]


@ALL
@pytest.mark.parametrize(
    "how", [{"shuffle": 3}, {"prefix": "x"}, {"encoding": "utf-16"}, {"encoding": "iso-8859-1"}]
)
def test_the_order_of_a_file_its_prefixes_and_its_encoding_say_nothing(
    name: str, how: dict[str, Any]
) -> None:
    other = read_process(published(PROCESSES[name](french), **how), "exported.xml").definition
    if "shuffle" not in how:
        assert other == imported(name, "fr").definition
        return

    def members(definition: dict[str, Any]) -> tuple[Any, ...]:
        fields = sorted(str(part) for part in definition["form"] if "name" in part)
        return fields, sorted(map(str, definition["steps"])), sorted(map(str, definition["transitions"]))

    assert members(other) == members(read_process(published(PROCESSES[name](french))).definition)


@ALL
def test_each_element_of_a_file_is_in_the_report(name: str) -> None:
    done, exported = imported(name), xpdl.read(published(PROCESSES[name](english)))
    lines = [f"{line.place}: {line.text}" for line in done.report.lines]
    said = "\n".join(lines)
    form = re.findall(r'<(?:span|input|select|textarea|table)[^>]*? id="([A-Z]+_[A-Z_]+)"', form_of(name))
    columns = {one for one in form if re.fullmatch(r"REQ_LINES_.*", one)}
    for key in [*exported.data, *(set(form) - columns)]:
        assert f"Field {key}:" in said, key
    for key in exported.activities:
        assert re.search(rf"^Action {key}: | {key} ends", said, re.MULTILINE), key
    for key in exported.participants:
        assert f"Participant {key}:" in said, key
    for activity in exported.activities.values():
        if activity.limit and activity.key != "_END":
            assert any(line.startswith(f"Action {activity.key}: Its limit of") for line in lines), (
                activity.key
            )
    # What is said of several is shown once.
    filled_in = done.report.by_text("left_out")[
        "WorkflowGen filled it in; Placet records who decided, and when."
    ]
    assert filled_in[:2] == ["Field REQ_DATE", "Field REQ_FIRSTNAME"] or name in ("vacation",)
    # Each way leads on in the draft, or is named.
    steps = {one: one.lower() for one in exported.activities}
    written = {(way["from"], way.get("to")) for way in done.definition["transitions"]}
    for way in exported.ways:
        direct = (steps[way.source], steps[way.target]) in written
        through = exported.activities[way.source].is_route or exported.activities[way.target].is_route
        first = (
            way.source == "INITIATES"
            or way.target in ("LEG_CHECKS", "FIN_CHECKS", "SEC_CHECKS")
            or "POSTS" in (way.source, way.target)
        )
        assert direct or through or first or f"Way {way.key} (" in said, way


def form_of(name: str) -> str:
    from tests.workflowgen.published import form_html

    return form_html(PROCESSES[name](english))


@ALL
@pytest.mark.parametrize("language", ["en", "fr"])
def test_each_old_reply_decides(name: str, language: str) -> None:
    """`Q1: [Oui]`, with the signs and in the capitals that people used."""
    definition = parse_definition(decided(name, language))
    known = vocabulary(settings.PLACET.words_dir, settings.PLACET.reply_languages)
    asked = 0
    for action in PROCESSES[name](french if language == "fr" else english).actions:
        for number in range(1, 4):
            words = action.gives.get(f"Q1_KEYWORDS_{number}")
            if words is None:
                continue
            asked += 1
            step = definition.approval(action.key.lower())
            key = action.gives[f"Q1_RESULT_{number}"]
            outcome = {"YES": "approve", "NO": "reject", "TO_COMPLETE": "to-complete"}[key]
            for reply in (f"Q1: [{words}]", f"q1 : {words.upper()}", f"Q1:[ {words.lower()} ]"):
                questions = questions_of(definition, action.key.lower())
                reading = read_text(reply, step.outcome_keys, known, own=own_of(step), questions=questions)
                assert reading.outcome == outcome, (action.key, reply, reading)
    assert asked >= 2


@pytest.mark.django_db
@ALL
def test_it_runs_to_each_end_and_every_way_is_taken(name: str) -> None:
    """By chance: requests are answered, or left alone, until each outcome of each step came, and each end."""
    definition = decided(name)
    max_ = add_person("Max", "max@contoso.example")
    alice = add_person("Alice", "alice@contoso.example", manager=max_)
    for key in parse_definition(definition).groups:
        Group.objects.create(key=key, name=key).members.add(add_person(key, f"{key}@contoso.example"))
    done = imported(name)
    drafts.store(done.key, done.name, done.text, report=done.report.as_json())
    draft = drafts.draft_of(done.key)
    assert draft is not None
    version = drafts.publish_draft(draft)
    wanted = {(way["from"], way["outcome"]) for way in definition["transitions"] if "outcome" in way}
    wanted -= {one for one in wanted if definition["steps"][one[0]]["kind"] in ("parallel", "wait")}
    ends = {step["result"] for step in definition["steps"].values() if step["kind"] == "end"}
    chance = random.Random(name)
    for _ in range(40):
        request = engine.start(version, alice, entered(definition, chance))
        for _ in range(25):
            seats = list(Assignment.objects.filter(visit__request=request, state="open").order_by("pk"))
            if not seats:
                break
            seat = chance.choice(seats)
            key = seat.visit.step_key
            outcomes = sorted(
                outcome
                for step, outcome in wanted | {(key, one) for one in outcomes_of(definition, key)}
                if step == key
            )
            outcome = chance.choice([one for one in outcomes if (key, one) in wanted] or outcomes)
            if outcome == EXPIRED:
                let_expire(seat)
            else:
                answer(definition, seat, outcome, chance)
            wanted.discard((key, outcome))
        request.refresh_from_db()
        if request.state == Request.State.ENDED:
            ends.discard(request.result)
        if not wanted and not ends:
            break
    assert (wanted, ends) == (set(), set())


def outcomes_of(definition: dict[str, Any], step: str) -> set[str]:
    return {way["outcome"] for way in definition["transitions"] if way["from"] == step}


def let_expire(seat: Assignment) -> None:
    now = timezone.now()
    timer = Timer.objects.get(visit=seat.visit, what=Timer.What.EXPIRE)
    Timer.objects.filter(pk=timer.pk).update(at=now, due=now)
    assert timing.work(timer.pk)


def answer(definition: dict[str, Any], seat: Assignment, outcome: str, chance: random.Random) -> None:
    """As somebody does who fills in all that there is to fill in."""
    step = definition["steps"][seat.visit.step_key]
    form = parse_definition(definition)
    asked = [one["name"] for one in step.get("questions", ()) if one["type"] == "text"]
    filled, added = {}, set()
    for field in form.fields:
        if not any(fnmatchcase(field.name, one) for one in step.get("form", {}).get("fill", ())):
            continue
        if field.type == "files":
            file = attachments.keep_for_answer(seat, field, SimpleUploadedFile("scan.pdf", b"%PDF"))
            added.add(str(file.public_id))
        else:
            filled[field.name] = value_of(definition, field.name, field.type, chance)
    engine.decide(
        seat.pk, by=seat.person, outcome=outcome, comment="Because.", answers=dict.fromkeys(asked, "Because."),
        entered=filled, files=attachments.FilesOfAnswer(frozenset(added)), channel=Decision.Channel.PAGE,
    )  # fmt: skip


VALUES: dict[str, Any] = {
    "text": "Desk", "long_text": "Text", "date": "2027-03-01", "number": "3", "money": "12", "yes_no": "on",
    "table": [], "choices": [],
}  # fmt: skip


def value_of(definition: dict[str, Any], name: str, type_: str, chance: random.Random) -> Any:
    if type_ in VALUES:
        return VALUES[type_]
    [part] = [one for one in definition["form"] if one.get("name") == name]
    return chance.choice([one if isinstance(one, str) else one["key"] for one in part["options"]])


def entered(definition: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A form; what need not be filled in is left empty now and then."""
    hidden = definition.get("start_form", {}).get("hide", ())
    values: dict[str, Any] = {}
    for part in definition["form"]:
        name, type_ = part.get("name"), part["type"]
        if name is None or type_ in ("files", "table") or any(fnmatchcase(name, one) for one in hidden):
            continue
        if type_ == "person":
            values[name] = f"{part['among']}@contoso.example"
        elif part.get("required") or chance.random() < 0.6:
            values[name] = value_of(definition, name, type_, chance)
    return values
