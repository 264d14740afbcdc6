"""Files → drafts: each feature of what WorkflowGen exports, in files that are made here."""

from typing import Any

import pytest
import yaml
from django.conf import settings

from placet.approvals.processes import DefinitionInvalid, parse_definition
from placet.replies.read import read_text
from placet.replies.read_vocabulary import vocabulary
from placet.workflowgen.actions import DENIES, GIVES
from placet.workflowgen.importing import Imported, read_process
from tests.workflowgen.making import OUI_NON, YES_NO, Action, Control, Made, questions, simple


def imported(made: Made, **how: str) -> Imported:
    """Every draft here could be published, whatever else is for somebody to decide."""
    done = read_process(made.xml(**how), "made.xml")
    assert yaml.safe_load(done.text) == done.definition
    parse_definition(done.definition)
    return done


def ways(done: Imported, step: str) -> list[tuple[Any, ...]]:
    return [
        (way["outcome"], way.get("when", ""), way.get("to") or f"ends {way['ends_branch']}")
        for way in done.definition["transitions"]
        if way["from"] == step
    ]


def fields(done: Imported) -> dict[str, dict[str, Any]]:
    return {part["name"]: part for part in done.definition["form"] if "name" in part}


def texts(done: Imported, kind: str) -> str:
    return "\n".join(f"{line.place}: {line.text}" for line in done.report.of(kind))


def test_an_approval_by_mail_keeps_its_words_and_its_grammar() -> None:
    done = imported(simple())
    step = done.definition["steps"]["decides"]
    assert done.definition["answer_brackets"] == "[]"
    assert step == {
        "kind": "approval",
        "name": "Decides",
        "ask": [{"group": "clerks"}],
        "rule": "first",
        "outcomes": [
            "approve",
            {"key": "reject", "comment": "required"},
        ],
        "outcome_question": True,
    }
    assert done.definition["start"] == "decides"
    assert ways(done, "decides") == [("approve", "", "end_approved"), ("reject", "", "end_rejected")]
    assert fields(done) == {
        "req_item": {"name": "req_item", "label": "Item", "type": "text", "required": True}
    }
    assert done.definition["title"] == "Made process: {req_item}"
    assert "placet group set clerks --name Clerks" in texts(done, "decide")
    assert "Who may start" in texts(done, "left_out")


@pytest.mark.django_db
def test_what_the_engine_knows_of_a_draft_can_be_published_as_it_is() -> None:
    assert parse_definition(imported(simple()).definition).key == "made"


def test_its_french_twin_comes_to_the_same_in_its_own_words() -> None:
    made = simple(label="Demande de matériel", key="DEMANDE")
    made.sections["DEC"][0] = Control("DEC_ANSWER", "radio", "Décision", (*OUI_NON, ("MODIF", "À modifier")))
    made.actions[1] = Action(
        "VALIDE", "Validation du responsable", "RESPONSABLE", takes=["DEC_ANSWER"], fixed="REQ_*",
        gives=questions(1, "DEC_ANSWER", ("Oui", "OUI"), ("Non&nbsp;", "NON"), ("À\u00a0modifier,Modifier", "MODIF")),
    )  # fmt: skip
    made.participants = {"RESPONSABLE": ("ACTOR", "Responsable du matériel")}
    made.ways = [
        ("ASKS", "VALIDE", ""),
        ("VALIDE", "_END", '<DEC_ANSWER> = "OUI"'),
        ("VALIDE", "ASKS", '<DEC_ANSWER> = "MODIF"'),
        ("VALIDE", "_END", "OTHERWISE"),
    ]
    for how in (
        {},
        {"encoding": "iso-8859-1", "form_encoding": "iso-8859-1"},
        {"encoding": "us-ascii", "form_encoding": "us-ascii"},
        {"encoding": "utf-16", "form_encoding": "utf-16"},
    ):
        done = imported(made, **how)
        step = done.definition["steps"]["valide"]
        assert step["outcomes"] == [
            "approve",
            {"key": "reject", "comment": "required"},
            {"key": "modif", "label": "À modifier", "words": {"fr": ["Modifier"]}, "grants": False},
        ]
        assert step["ask"] == [{"group": "responsable-du-materiel"}]
        assert ways(done, "valide") == [
            ("approve", "", "end_approved"), ("reject", "", "end_rejected"), ("modif", "", "asks"),
        ]  # fmt: skip
        assert done.definition["steps"]["end_rejected"]["name"] == "Refusé"
        # The way back makes the request's form a task of the requester.
        assert done.definition["steps"]["asks"] == {
            "kind": "task", "name": "Asks", "ask": [{"requester": True}], "rule": "first",
            "form": {"fill": ["req_item"], "require": ["req_item"]},
        }  # fmt: skip
        assert done.definition["description"].startswith("Repris de WorkflowGen")


def test_more_questions_are_answered_beside_the_first() -> None:
    made = simple()
    made.sections["DEC"] += [
        Control("DEC_KIND", "radio", "Kind", (("A", "Kind A"), ("B", "Kind B"))), Control("DEC_NOTE", label="Note"),
    ]  # fmt: skip
    made.actions[1].takes = ["DEC_ANSWER", "DEC_KIND=KIND", "DEC_NOTE"]
    made.actions[1].gives |= questions(2, "DEC_KIND", ("First kind", "A"), ("Second kind", "B"))
    made.actions[1].gives |= questions(3, "DEC_NOTE")
    made.ways[1:] = [
        ("DECIDES", "_END", '<DEC_ANSWER> = "NO" Or <KIND> = "A"'),
        ("DECIDES", "ASKS", "OTHERWISE"),
    ]
    done = imported(made)
    assert done.definition["steps"]["decides"]["questions"] == [
        {
            "name": "dec_kind", "label": "Kind", "type": "choice",
            "options": [{"key": "A", "label": "First kind"}, {"key": "B", "label": "Second kind"}],
        },
        {"name": "dec_note", "label": "Note", "type": "text"},
    ]  # fmt: skip
    assert ways(done, "decides") == [
        ("approve", "steps.decides.answers.dec_kind == 'A'", "end_approved"),
        ("approve", "", "asks"),
        ("reject", "", "end_rejected"),
    ]
    assert list(fields(done)) == ["req_item"]


def test_one_list_of_buttons_that_conditions_look_at_is_an_approval_too() -> None:
    made = simple()
    made.actions[1].gives = {}
    made.ways[1:] = [("DECIDES", "_END", '<DEC_ANSWER> = "YES"'), ("DECIDES", "_END", "OTHERWISE")]
    step = imported(made).definition["steps"]["decides"]
    assert step["outcomes"] == ["approve", {"key": "reject", "comment": "required"}]
    assert "outcome_question" not in step
    made.ways[1:] = [("DECIDES", "_END", "")]  # nobody looks at it, so it is something that is filled in
    done = imported(made)
    assert done.definition["steps"]["decides"]["kind"] == "task"
    assert done.definition["steps"]["decides"]["form"] == {"fill": ["dec_*"], "require": ["dec_answer"]}


def every_kind() -> list[Control]:
    return [
        Control("REQ_TEXT", label="Text", value="Berlin"),
        Control("REQ_LONG", "long_text", "Long", extra="hiddencondition=\"!REQ_KIND.Items[2].Selected\""),
        Control("REQ_DAY", label="Day", data_type="DateTime", format="{0:d}"),
        Control("REQ_WHEN", label="When", data_type="DateTime", format="{0:g}"),
        Control("REQ_COUNT", label="Count", data_type="Numeric"),
        Control("REQ_PRICE", label="Price", data_type="Currency", format="{0:C}"),
        Control("REQ_KIND", "select", "Kind", (("", "Choose…"), ("a", "A"), ("b", "B"), ("b", "B"))),
        Control("REQ_WAY", "radio", "Way", YES_NO, extra='requiredcondition="REQ_KIND.SelectedValue == &quot;a&quot;"'),
        Control("REQ_TICK", "checkbox", "", (("YES", "Tick me"),)),
        Control("REQ_MANY", "checkbox", "Many", (("x", "X"), ("y", "Y"))),
        Control("REQ_FILE", "files", "File"),
        Control("REQ_LINES", "grid", "Lines", (("ITEM", "Item"), ("PRICE", "Price"))),
        Control("REQ_BY", "span", "By", data_type="DateTime"),
        Control("REQ_HINT", "span", value="Read this"),
        Control("today", label="Reserved"),
    ]  # fmt: skip


@pytest.mark.django_db
def test_every_kind_of_field() -> None:
    made = simple()
    made.sections["REQ"] = every_kind()
    made.actions[0].required = "REQ_TEXT,REQ_DAY"
    made.actions[0].gives = {"REQ_BY": "<WF_USER_FIRSTNAME>"}
    made.actions[0].takes = ["REQ_TICK"]
    made.ways[1:] = [
        ("DECIDES", "_END", '<DEC_ANSWER> = "YES" And <REQ_TICK> = "True" And Not IsNull(<REQ_COUNT>)'),
        ("DECIDES", "_END", "OTHERWISE"),
    ]
    made.actions[0].takes = ["REQ_TICK", "REQ_COUNT"]
    done = imported(made)
    kinds = {name: part["type"] for name, part in fields(done).items()}
    assert kinds == {
        "req_text": "text", "req_long": "long_text", "req_day": "date", "req_when": "date_time",
        "req_count": "number", "req_price": "money", "req_kind": "choice", "req_way": "choice",
        "req_tick": "yes_no", "req_many": "choices", "req_file": "files", "req_lines": "table",
        "today_field": "text",
    }  # fmt: skip
    part = fields(done)
    assert part["req_text"] == {
        "name": "req_text", "label": "Text", "type": "text", "required": True, "default": "'Berlin'"
    }  # fmt: skip
    assert (
        part["req_long"]["show"] == "req_kind == 'b'"
    )  # items are counted as the form counts them, from zero
    assert part["req_way"]["require"] == "req_kind == 'a'"
    assert part["req_tick"]["label"] == "Tick me"
    assert part["req_kind"]["options"] == [{"key": "a", "label": "A"}, {"key": "b", "label": "B"}]
    assert part["req_lines"]["columns"] == [
        {"name": "item", "label": "Item", "type": "text"}, {"name": "price", "label": "Price", "type": "text"},
    ]  # fmt: skip
    assert {"type": "text_block", "text": "Read this"} in done.definition["form"]
    assert ways(done, "decides")[0] == ("approve", "req_tick && req_count != 0.0", "end_approved")
    assert "does not name the currency" in texts(done, "decide")
    assert "WorkflowGen filled it in" in texts(done, "left_out")
    assert parse_definition(done.definition)


def side_by_side(bar_condition: str, branches: str = "AB") -> Made:
    made = simple()
    made.sections["REQ"].append(Control("REQ_TOO", "checkbox", "", (("YES", "Ask B too"),)))
    made.actions[0].takes = ["REQ_ITEM", "REQ_TOO"]
    made.actions[1].split = "AND"
    for name in branches:
        made.sections[name] = [Control(f"{name}_DECISION", "radio", "Answer", YES_NO)]
        made.actions.append(Action(name, takes=[f"{name}_DECISION"], fixed="REQ_*,DEC_*", join="AND"))
    made.actions += [
        Action("BAR", "All have answered", route=True, join="XOR", split="XOR"), Action("DOES", fixed="*"),
    ]  # fmt: skip
    made.ways = [
        ("ASKS", "DECIDES", ""),
        ("DECIDES", "A", '<DEC_ANSWER> = "YES"'),
        ("DECIDES", "B", '<DEC_ANSWER> = "YES" And <REQ_TOO> = "True"'),
        ("DECIDES", "_END", "OTHERWISE"),
        *((name, "BAR", "") for name in branches),
        ("BAR", "DOES", bar_condition),
        ("BAR", "_END", "OTHERWISE"),
        ("DOES", "_END", ""),
    ]
    return made


def test_ways_that_can_be_taken_at_once_become_a_block_that_the_bar_ends() -> None:
    done = imported(side_by_side('<A_DECISION> = "YES" Or <B_DECISION> = "YES"'))
    block = done.definition["steps"]["bar"]
    assert block == {
        "kind": "parallel", "name": "All have answered",
        "branches": {"a": {"start": "a"}, "b": {"start": "b", "when": "req_too"}},
        "result": [{"approved": "any"}, {"rejected": "any"}], "otherwise": "rejected",
    }  # fmt: skip
    assert ways(done, "decides") == [("approve", "", "bar"), ("reject", "", "end_rejected")]
    assert ways(done, "a") == [("approve", "", "ends approved"), ("reject", "", "ends rejected")]
    assert ways(done, "bar") == [("approved", "", "does"), ("rejected", "", "end_rejected")]
    assert done.definition["steps"]["does"]["kind"] == "task"


def test_what_a_bar_says_beyond_any_and_all_stays_a_condition() -> None:
    made = side_by_side('<A_DECISION> = "YES" And <B_DECISION> = "YES"')
    done = imported(made)  # B is not always asked, so “both” is not “all who were asked”
    assert done.definition["steps"]["bar"]["result"] == [{"done": "all"}]
    assert ways(done, "bar")[0] == (
        "done", "steps.a.outcome == 'approve' && steps.b.outcome == 'approve'", "does",
    )  # fmt: skip
    assert ways(done, "a") == [("approve", "", "ends done"), ("reject", "", "ends done")]
    made.ways[2] = ("DECIDES", "B", '<DEC_ANSWER> = "YES"')
    block = imported(made).definition["steps"]["bar"]
    assert block["result"] == [{"rejected": "any"}, {"approved": "all"}]


def test_ways_that_exclude_each_other_are_no_block_however_the_split_is_drawn() -> None:
    made = side_by_side('<A_DECISION> = "YES"')
    made.ways[1:3] = [
        ("DECIDES", "A", '<DEC_ANSWER> = "YES" And <REQ_TOO> = "True"'),
        ("DECIDES", "B", '<DEC_ANSWER> = "YES" And <REQ_TOO> <> "True"'),
    ]
    done = imported(made)
    assert not [step for step in done.definition["steps"].values() if step["kind"] == "parallel"]
    assert ways(done, "decides") == [
        ("approve", "req_too", "a"), ("approve", "!req_too", "b"), ("approve", "", "end_approved"),
        ("reject", "", "end_rejected"),
    ]  # fmt: skip
    # A bar that nothing runs beside is passed through.
    assert ("approve", "", "does") in ways(done, "a")


def test_ways_at_once_without_a_bar_are_for_somebody_to_decide() -> None:
    made = simple()
    made.actions.append(Action("TELLS", fixed="*"))
    made.ways = [
        ("ASKS", "DECIDES", ""),
        ("DECIDES", "TELLS", ""),
        ("DECIDES", "_END", ""),
        ("TELLS", "_END", ""),
    ]
    done = imported(made)
    assert "no bar waits for them" in texts(done, "decide")
    assert ways(done, "decides") == [("approve", "", "tells"), ("reject", "", "tells")]


def test_loops_of_drafts_and_what_an_exclusive_split_says() -> None:
    made = simple()
    made.actions[0].takes = ["REQ_ITEM", "FORM_DRAFT"]
    made.data = {"FORM_DRAFT": ("STRING", "N"), "NEVER": ("STRING", "A")}
    made.actions[1].split = "XOR"
    made.ways = [
        ("ASKS", "ASKS", '<FORM_DRAFT> = "Y"'),
        ("ASKS", "DECIDES", "OTHERWISE"),
        ("DECIDES", "ASKS", '<DEC_ANSWER> = "NO" And <FORM_DRAFT> <> "Y" And <NEVER> = "A"'),
        ("DECIDES", "_END", "TIMEOUT"),
        ("DECIDES", "_END", "OTHERWISE"),
    ]
    made.actions[1].limit, made.actions[1].working, made.limit = "2880", "Y", "14400"
    done = imported(made)
    assert done.definition["start"] == "decides"
    assert ways(done, "decides") == [
        ("approve", "", "end_approved"), ("reject", "", "asks"), ("expired", "", "end_expired"),
    ]  # fmt: skip
    assert "It saved the form as a draft" in texts(done, "changed")
    assert "Process MADE: Its limit of 10 days is not in the draft." in texts(done, "left_out")


def test_a_form_that_goes_different_ways_begins_with_a_step_that_chooses() -> None:
    made = simple()
    made.actions.insert(2, Action("OTHER", fixed="*"))
    made.ways = [
        ("ASKS", "OTHER", '<REQ_ITEM> = "it\'s"'), ("ASKS", "DECIDES", "OTHERWISE"),
        ("DECIDES", "_END", ""), ("OTHER", "_END", ""),
    ]  # fmt: skip
    done = imported(made)
    assert done.definition["steps"][done.definition["start"]] == {
        "kind": "wait",
        "name": "Begin",
        "until": "true",
    }
    assert ways(done, done.definition["start"]) == [
        ("arrived", "req_item == 'it\\'s'", "other"), ("arrived", "", "decides"),
    ]  # fmt: skip


def test_who_is_asked() -> None:
    made = simple()
    made.sections["B"] = [Control("B_NOTE", label="Note")]
    made.participants = {"BOSS": ("ACTOR", "The boss"), "AUDIT": ("SUPERVISOR", "Audit")}
    made.actions[1].assign = "PUSH_MANUAL_BYINITIATOR"
    made.actions[2:2] = [
        Action("BOSSES", "Second look", "BOSS", "PUSH_MANUAL_BYINITIATOR", fixed="REQ_*,DEC_*"),
        Action("ABOVE", assign="PUSH_AUTO_REQUESTER_MANAGER", fixed="REQ_*,DEC_*,B_*"),
        Action("ODD", assign="PUSH_BY_DICE", performer="BOSS", hidden="REQ,B_*", fixed="DEC_*"),
    ]
    made.ways = [
        ("ASKS", "DECIDES", ""), ("DECIDES", "BOSSES", ""), ("BOSSES", "ABOVE", ""), ("ABOVE", "ODD", ""),
        ("ODD", "_END", ""),
    ]  # fmt: skip
    done = imported(made)
    steps = done.definition["steps"]
    assert steps["decides"]["ask"] == [{"field": "decides_person", "among": "clerks"}]
    assert fields(done)["decides_person"] == {
        "name": "decides_person", "label": "Who is asked for “Decides”?", "type": "person", "among": "clerks",
        "required": True,
    }  # fmt: skip
    assert steps["decides"]["questions"] == [
        {
            "name": "bosses_person",
            "label": "Who is asked for “Second look”?",
            "type": "person",
            "among": "the-boss",
        }
    ]
    assert steps["bosses"]["ask"] == [{"from_answer": "bosses_person"}]
    assert steps["bosses"]["nobody"] == {"ask": [{"group": "the-boss"}]}
    assert steps["bosses"]["form"] == {"fill": ["b_note"]}
    assert steps["above"]["ask"] == [{"manager": True}]
    assert steps["odd"]["ask"] == [{"group": "the-boss"}]
    assert steps["odd"]["form"] == {"hide": ["req_item", "b_note"]}
    assert "PUSH_BY_DICE" in texts(done, "decide")
    assert "Participant AUDIT" in texts(done, "left_out")


def test_a_program_is_left_out_with_all_that_it_was_given() -> None:
    made = simple()
    made.actions.insert(2, Action("POSTS", application="SENDHTTPPOST", assign="PUSH_AUTO_SYSTEM",
                                  gives={"URL": "https://hooks.example/x", "TOKEN": "s3cret-t0ken"}))  # fmt: skip
    made.ways = [("ASKS", "DECIDES", ""), ("DECIDES", "POSTS", '<DEC_ANSWER> = "YES"'),
                 ("DECIDES", "_END", "OTHERWISE"), ("POSTS", "_END", "")]  # fmt: skip
    done = imported(made)
    assert "SENDHTTPPOST" in texts(done, "left_out")
    assert ways(done, "decides") == [("approve", "", "end_approved"), ("reject", "", "end_rejected")]
    everything = done.text + str(done.report.as_json())
    assert "s3cret" not in everything
    assert "hooks.example" not in everything


def refused(made: Made) -> tuple[Imported, list[str]]:
    """A draft that cannot be published as it is, and why."""
    done = read_process(made.xml(), "made.xml")
    assert yaml.safe_load(done.text) == done.definition
    with pytest.raises(DefinitionInvalid) as error:
        parse_definition(done.text)
    return done, error.value.problems


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("<REQ_ITEM> > 5", "“ > 5” is not understood"),
        ('InStr(<REQ_ITEM>, "x")', "not understood"),
        ('<REQ_ITEM> = "x', "not understood"),
        ("", "it is empty"),
        ("Not " * 50 + "<REQ_ITEM> = 1", "nests too deep"),
        ('<REQ_ITEM> = "x" Or ' * 90 + '<REQ_ITEM> = "y"', "too long"),
        ('<REQ_ITEM> = "x" Or ' * 200 + '<REQ_ITEM> = "y"', "only a part of it could be read"),
        ('<NOWHERE> = "x"', "no field of the request"),
        ("True", "True is compared in a way that is not understood"),
        (f'<{"F" * 251}> = "x"', "not understood"),
        ('<DEC_ANSWER> = "yes"', "DEC_ANSWER is compared with “yes”, and its value is “YES”"),
        ('Not <DEC_ANSWER> = " YES"', "DEC_ANSWER is compared with “ YES”, and its value is “YES”"),
    ],
)
def test_a_condition_that_is_not_known_is_not_guessed_at(condition: str, why: str) -> None:
    made = simple()
    made.ways[1:] = [("DECIDES", "ASKS", condition or " "), ("DECIDES", "_END", "OTHERWISE")]
    done, problems = refused(made)
    assert why in texts(done, "decide")
    outcome, when, to = ways(done, "decides")[0]
    assert (outcome, to) == ("approve", "asks")
    assert when.startswith("please_decide('")
    assert ways(done, "decides")[1] == ("approve", "", "end_approved")
    assert all("somebody has to write this condition" in problem for problem in problems)
    assert problems[0].startswith("transitions, number 1: ")
    assert (
        "Action DECIDES: Somebody has to write when the answer approve leads from decides to asks. Without that way it "
        "would end the request as “approved” wherever no other condition holds."
    ) in texts(done, "decide")
    # Somebody writes it, and it can be published.
    for way in done.definition["transitions"]:
        if "when" in way:
            way["when"] = "req_item == 'x'"
    parse_definition(done.definition)


@pytest.mark.parametrize(
    "condition",
    ["<DEC_ANSWER> = 'YES'", '"YES" = <DEC_ANSWER>', "'NO' <> <DEC_ANSWER>", 'Not ("NO" = <DEC_ANSWER>)'],
)
def test_both_quotes_are_read_and_either_side(condition: str) -> None:
    made = simple()
    made.actions.insert(2, Action("MORE", fixed="*"))
    made.ways[1:] = [("DECIDES", "MORE", condition), ("DECIDES", "_END", "OTHERWISE"), ("MORE", "_END", "")]
    assert ways(imported(made), "decides") == [("approve", "", "more"), ("reject", "", "end_rejected")]


def test_a_field_may_have_a_long_name() -> None:
    made = simple()
    key = "DEC_" + "ANSWER_" * 30
    made.sections["DEC"] = [Control(key, "radio", "Answer", YES_NO)]
    made.actions[1].takes = [key]
    made.actions[1].gives = questions(1, key, ("Yes", "YES"), ("No", "NO"))
    made.actions.insert(2, Action("MORE", fixed="*"))
    made.ways[1:] = [
        ("DECIDES", "MORE", f'<{key}> = "YES"'),
        ("DECIDES", "_END", "OTHERWISE"),
        ("MORE", "_END", ""),
    ]
    assert ways(imported(made), "decides") == [("approve", "", "more"), ("reject", "", "end_rejected")]


def test_an_action_stays_an_approval_if_only_a_condition_that_is_not_read_looks_at_its_buttons() -> None:
    made = simple()
    made.actions[1].gives = {}
    made.ways[1:] = [("DECIDES", "ASKS", 'Left(<DEC_ANSWER>, 1) = "N"'), ("DECIDES", "_END", "OTHERWISE")]
    done, _problems = refused(made)
    assert done.definition["steps"]["decides"]["kind"] == "approval"


def test_a_value_that_a_field_never_holds_is_said() -> None:
    made = simple()
    made.ways[1:] = [("DECIDES", "ASKS", '<DEC_ANSWER> = "PERHAPS"'), ("DECIDES", "_END", "OTHERWISE")]
    line = "DEC_ANSWER is compared with “PERHAPS”, which it never holds: it is one of YES, NO."
    assert line in texts(imported(made), "decide")


@pytest.mark.parametrize("bar", ["", '<A_DECISION> = "YES" Or <B_DECISION> = "YES"'])
def test_a_branch_under_a_condition_that_is_not_read_is_for_somebody_to_decide(bar: str) -> None:
    made = side_by_side(bar or '<A_DECISION> = "YES"')
    made.ways = [
        (source, target, "<REQ_ITEM> > 5" if target == "B" else condition)
        for source, target, condition in made.ways
    ]
    done, problems = refused(made)
    (block,) = [step for step in done.definition["steps"].values() if step["kind"] == "parallel"]
    assert "please_decide('<REQ_ITEM> > 5')" in block["branches"]["b"]["when"]
    assert any("steps.bar: branch b: somebody has to write this condition" in one for one in problems)


def test_what_publishing_would_name_stands_in_the_report() -> None:
    made = simple()
    made.actions.insert(2, Action("NEVER", takes=["NEVER_ANSWER"],
                                  gives=questions(1, "NEVER_ANSWER", ("Yes", "YES"), ("No", "NO"))))  # fmt: skip
    made.sections["NEVER"] = [Control("NEVER_ANSWER", "radio", "Answer", YES_NO)]
    made.ways[1:] = [("DECIDES", "ASKS", '<NEVER_ANSWER> = "YES"'), ("DECIDES", "_END", "OTHERWISE")]
    done, problems = refused(made)
    assert problems
    for problem in problems:
        assert f"Draft: It cannot be published yet: {problem}" in texts(done, "decide")


def test_where_no_branch_begins_and_the_file_leads_nowhere_the_draft_does_not_go_on() -> None:
    made = side_by_side('<A_DECISION> = "YES" Or <B_DECISION> = "YES"')
    item = '<REQ_ITEM> = "x"'
    made.ways = [
        (source, target, item if target in ("A", "B") else condition)
        for source, target, condition in made.ways
        if source != "DECIDES" or target in ("A", "B")
    ]
    done = imported(made)
    before = next(way for way in done.definition["transitions"] if way.get("to") == "bar")
    onward = [way for way in ways(done, before["from"]) if way[0] == before["outcome"]]
    assert onward == [
        (before["outcome"], "req_item == 'x'", "bar"),
        (before["outcome"], "", "end_stopped"),
    ]
    assert done.definition["steps"]["end_stopped"]["result"] == "stopped"
    assert "If no branch of bar begins the file leads nowhere; in the draft the request ends there." in texts(
        done, "decide"
    )


def test_a_yes_that_leads_on_under_conditions_alone_ends_nothing_as_approved() -> None:
    made = simple()
    made.actions.insert(2, Action("MORE", fixed="*"))
    made.ways[1:] = [("DECIDES", "MORE", '<DEC_ANSWER> = "YES" And <REQ_ITEM> = "x"'),
                     ("DECIDES", "_END", '<DEC_ANSWER> = "NO"'), ("MORE", "_END", "")]  # fmt: skip
    done = imported(made)
    assert ways(done, "decides") == [
        ("approve", "req_item == 'x'", "more"),
        ("approve", "", "end_stopped"),
        ("reject", "", "end_rejected"),
    ]
    assert "It is not said what follows the answer approve if no condition holds" in texts(done, "decide")


def test_the_words_for_yes_and_no_that_are_left_out_of_a_draft_are_read_as_ever() -> None:
    known = vocabulary(settings.PLACET.words_dir, settings.PLACET.reply_languages)
    for key, words in (("approve", GIVES), ("reject", DENIES)):
        for word in (one for one in words if len(one) > 1):
            assert read_text(word.capitalize(), ("approve", "reject"), known).outcome == key


def test_a_request_that_begins_side_by_side_does_so_again_when_it_comes_back() -> None:
    made = side_by_side('<A_DECISION> = "YES" And <B_DECISION> = "YES"')
    made.actions[0].split = "AND"
    made.ways = [
        ("ASKS", "A", ""), ("ASKS", "B", ""), ("A", "BAR", ""), ("B", "BAR", ""),
        ("BAR", "DECIDES", '<A_DECISION> = "YES" And <B_DECISION> = "YES"'), ("BAR", "ASKS", "OTHERWISE"),
        ("DECIDES", "_END", '<DEC_ANSWER> = "YES"'), ("DECIDES", "ASKS", "OTHERWISE"),
    ]  # fmt: skip
    done = imported(made)
    assert done.definition["start"] == "bar"
    assert ways(done, "bar") == [("rejected", "", "asks"), ("approved", "", "decides")]
    assert ways(done, "asks") == [("done", "", "bar")]
    assert "Action DOES: No way leads there" in texts(done, "decide")


def test_what_later_steps_fill_in_is_not_asked_for_at_the_start() -> None:
    made = simple()
    made.sections["DO"] = [
        Control("DO_ORDER", label="Order"), Control("DO_SCAN", "files", "Scan"), Control("REQ_DONE", label="Done"),
    ]  # fmt: skip
    made.sections["REQ"].append(
        Control("REQ_NUMBER", label="Number", extra='requiredcondition=""', value="7")
    )
    made.actions[0].fixed = "REQ_NUMBER"
    made.actions[0].hidden = made.actions[1].hidden = "DEC,DO"
    made.actions[1].hidden, made.actions[1].fixed = "DO", "REQ_*"
    made.actions.insert(2, Action("DOES", takes=["DO_ORDER", "DO_SCAN"], fixed="REQ_ITEM,REQ_NUMBER,DEC_*"))
    made.ways[1:] = [("DECIDES", "DOES", '<DEC_ANSWER> = "YES"'), ("DECIDES", "_END", "OTHERWISE"),
                     ("DOES", "_END", "")]  # fmt: skip
    done = imported(made)
    assert done.definition["start_form"] == {"hide": ["do_*", "req_done"]}
    assert done.definition["steps"]["does"]["form"] == {"fill": ["do_*", "req_done"]}
    # Nobody could enter the number, and nobody can here.
    assert fields(done)["req_number"]["read_only"] == "true"
    assert "req_number" not in done.definition["title"]
    assert "Field REQ_NUMBER: No action of the draft lets anybody enter it" in texts(done, "changed")
    made.actions[0].performer, made.actions[0].assign = "CLERKS", "PULL"  # nobody's form is the request's
    assert imported(made).definition["start_form"] == {"hide": ["req_item", "do_*", "req_done"]}


def test_a_question_that_was_the_comment_stays_the_second_answer() -> None:
    made = simple()
    made.actions[1].takes = ["DEC_ANSWER", "DEC_COMMENT"]
    made.actions[1].gives |= questions(2, "DEC_COMMENT")
    step = imported(made).definition["steps"]["decides"]
    assert step["outcomes"] == ["approve", {"key": "reject", "questions": ["dec_comment"]}]
    assert step["questions"] == [{"name": "dec_comment", "label": "Why", "type": "text"}]


def test_a_question_has_a_label_that_a_reply_can_name_it_by() -> None:
    made = simple()
    labels = ("Decision", "Reason: why", "Reason why", "Q7", "Approved", "Note")
    keys = [f"DEC_N{number}" for number in range(2, 8)]
    made.sections["DEC"] += [Control(key, label=label) for key, label in zip(keys, labels, strict=True)]
    for number, key in enumerate(keys, 2):
        made.actions[1].gives |= questions(number, key)
    # A field that its people fill in is asked for in a line by that; it is no question besides.
    made.actions.insert(2, Action("MORE", takes=["DEC_N7"], fixed="REQ_*,DEC_ANSWER,DEC_COMMENT"))
    made.ways[1:] = [("DECIDES", "MORE", ""), ("MORE", "_END", "")]
    done = imported(made)
    step = done.definition["steps"]["decides"]
    assert [question["label"] for question in step["questions"]] == [
        "Decision (dec_n2)", "Reason why", "Reason why (dec_n4)", "dec_n5", "Approved (dec_n6)",
    ]  # fmt: skip
    assert step["form"] == {"fill": ["dec_n7"]}
    assert not [line for line in done.report.of("decide") if "cannot be published" in line.text]


def test_the_requester_decides_where_the_file_has_them_decide() -> None:
    made = simple()
    made.actions[1].performer, made.actions[1].assign = "REQUESTER", "PUSH_AUTO_REQUESTER"
    step = imported(made).definition["steps"]["decides"]
    assert (step["ask"], step["requester_may_decide"]) == ([{"requester": True}], True)


def test_an_answer_that_no_reply_could_give_is_for_somebody_to_decide() -> None:
    made = simple()
    made.actions[1].gives = questions(1, "DEC_ANSWER", ("Yes", "YES"), ("<Later>", "LATER"))
    done = read_process(made.xml())
    assert "It cannot be published yet: later: “<Later>” holds a sign" in texts(done, "decide")
