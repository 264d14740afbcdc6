"""A draft that can be published asks whoever the file asks. What a condition looks at, the word of an answer or ways
that are taken at once may be something else than they seem; then somebody decides before it is published."""

from typing import Any

import pytest

from placet.workflowgen.importing import read_process
from tests.workflowgen.making import YES_NO, Action, Control, Made, questions, simple
from tests.workflowgen.test_importing import imported, refused, side_by_side, texts, ways

# --- what a condition looks at ---------------------------------------------------------------------------


def with_more(condition: str) -> Made:
    """A second approval, which the file wants under a condition after the first one."""
    made = simple()
    made.sections["MORE"] = [Control("MORE_ANSWER", "radio", "Answer", YES_NO)]
    gives = questions(1, "MORE_ANSWER", ("Yes", "YES"), ("No", "NO"))
    made.actions.insert(2, Action("MORE", takes=["MORE_ANSWER"], fixed="REQ_*,DEC_*", gives=gives))
    made.ways[1:] = [("DECIDES", "MORE", condition), ("DECIDES", "_END", "OTHERWISE"), ("MORE", "_END", "")]
    return made


def undecided_ways(made: Made) -> list[tuple[str, str, str]]:
    """Of a draft that cannot be published: what is wanted of somebody, by outcome and step."""
    done, _problems = refused(made)
    return [
        (way["from"], way["outcome"], way.get("to", ""))
        for way in done.definition["transitions"]
        if "please_decide(" in way.get("when", "")
    ]


@pytest.mark.parametrize("shown", [False, True])
def test_what_a_program_filled_in_does_not_stay_what_it_was(shown: bool) -> None:
    """Nobody enters it, and there is no program here: the way stays, for somebody to decide."""
    made = with_more('<DEC_ANSWER> = "YES" And <RISK> = "HIGH"')
    made.data = {"RISK": ("STRING", "LOW")}
    made.actions.insert(
        1, Action("RATES", application="SENDHTTPPOST", assign="PUSH_AUTO_SYSTEM", takes=["OUT=RISK"])
    )
    made.ways[:1] = [("ASKS", "RATES", ""), ("RATES", "DECIDES", "")]
    if shown:
        made.sections["REQ"].append(Control("RISK", label="Risk"))
        made.actions[0].takes = ["REQ_ITEM", "RISK"]
    assert undecided_ways(made) == [("decides", "approve", "more")]
    done = read_process(made.xml())
    assert "RISK is filled in by an action that the draft passes over" in texts(done, "decide")
    made.actions[1].takes, made.actions[1].gives = [], {"OUT": "RISK"}  # it only reads it
    if not shown:
        assert ways(imported(made), "decides") == [
            ("approve", "", "end_approved"),
            ("reject", "", "end_rejected"),
        ]


@pytest.mark.parametrize("inner", ['<SubFlow Id="RATING">{}</SubFlow>', '<Tool Id="NOWHERE">{}</Tool>'])
def test_nor_what_another_process_did(inner: str) -> None:
    made = with_more('<DEC_ANSWER> = "YES" And <RISK> = "HIGH"')
    made.data = {"RISK": ("STRING", "LOW")}
    made.actions.insert(1, Action("RATES", route=True))
    made.ways[:1] = [("ASKS", "RATES", ""), ("RATES", "DECIDES", "")]
    inner = inner.format("<ActualParameters><ActualParameter>RISK</ActualParameter></ActualParameters>")
    before, _route, after = made.xml().partition(b"<Route/>")
    done = read_process(before + f"<Implementation>{inner}</Implementation>".encode() + after)
    assert "please_decide(" in ways(done, "decides")[0][1]


@pytest.mark.parametrize(
    ("type_", "initial", "compared", "is_certain"),
    [
        ("STRING", "N", '"Y"', True),
        ("STRING", "y", '"Y"', False),
        ("STRING", "<WF_REQUESTER_DEPARTMENT>", '"Y"', False),
        ("FLOAT", "5000.00", "4000", True),
        ("FLOAT", "5,000", "5000", False),
        ("DATETIME", "01/02/2016", '"2016-02-01"', False),
    ],
)
def test_what_nobody_can_enter_is_known_if_there_are_no_two_ways_to_compare_it(
    type_: str, initial: str, compared: str, is_certain: bool
) -> None:
    made = with_more(f'<DEC_ANSWER> = "YES" And <LEVEL> = {compared}')
    made.data = {"LEVEL": (type_, initial)}
    if is_certain:
        assert ways(imported(made), "decides")[0] == ("approve", "", "end_approved")
    else:
        assert undecided_ways(made) == [("decides", "approve", "more")]


def test_numbers_that_nobody_can_enter_are_compared_as_numbers() -> None:
    made = with_more('<DEC_ANSWER> = "YES" And <LEVEL> = 5000')
    made.data = {"LEVEL": ("FLOAT", "5000.00")}
    assert ways(imported(made), "decides") == [("approve", "", "more"), ("reject", "", "end_rejected")]


def test_an_answer_that_somebody_enters_elsewhere_too_is_not_what_the_approval_came_to() -> None:
    made = with_more("")
    made.actions.insert(2, Action("CORRECTS", takes=["SET=DEC_ANSWER"], fixed="REQ_*,DEC_*,MORE_*"))
    made.sections["SET"] = [Control("SET", "select", "Correction", YES_NO)]
    made.ways = [
        ("ASKS", "DECIDES", ""),
        ("DECIDES", "CORRECTS", '<DEC_ANSWER> = "YES"'),  # right behind it, that is certain
        ("DECIDES", "_END", "OTHERWISE"),
        ("CORRECTS", "MORE", '<DEC_ANSWER> = "NO"'),
        ("CORRECTS", "_END", "OTHERWISE"),
        ("MORE", "_END", ""),
    ]
    assert undecided_ways(made) == [("corrects", "done", "more")]
    why = "DEC_ANSWER is the answer of DECIDES, and is entered in CORRECTS, too"
    assert why in texts(read_process(made.xml()), "decide")


def test_a_field_of_the_request_that_an_approval_answers_too_does_not_choose_by_what_is_not_answered_yet() -> (
    None
):
    made = with_more('<REQ_URGENT> = "YES"')
    made.sections["REQ"].append(Control("REQ_URGENT", "radio", "Urgent", YES_NO))
    made.actions[0].takes = ["REQ_ITEM", "REQ_URGENT"]
    made.actions[1].gives, made.actions[1].takes, made.actions[1].fixed = {}, ["REQ_URGENT"], ""
    made.ways[:1] = [("ASKS", "MORE", '<REQ_URGENT> = "YES"'), ("ASKS", "DECIDES", "OTHERWISE")]
    assert undecided_ways(made) == [("begin", "arrived", "more")]


def test_what_an_answer_holds_before_anybody_gave_it_is_no_answer() -> None:
    made = with_more('<MORE_ANSWER> = "NO"')
    made.data = {"MORE_ANSWER": ("STRING", "NO")}
    assert undecided_ways(made) == [("decides", "approve", "more"), ("decides", "reject", "more")]


@pytest.mark.parametrize("how", ["entered elsewhere", "held at first", "filled in by a program"])
def test_a_bar_does_not_count_answers_that_a_field_may_not_hold(how: str) -> None:
    made = side_by_side('<A_DECISION> = "YES" And <B_DECISION> = "YES"')
    made.ways[2] = ("DECIDES", "B", '<DEC_ANSWER> = "YES"')
    if how == "entered elsewhere":
        made.actions[4].takes = [*made.actions[4].takes, "CORRECTED=A_DECISION"]
        made.sections["B"].append(Control("CORRECTED", "select", "Correction", YES_NO))
    elif how == "held at first":
        made.data = {"A_DECISION": ("STRING", "YES")}
    else:
        made.actions.append(Action("POSTS", application="SENDHTTPPOST", takes=["OUT=A_DECISION"]))
        made.ways.append(("B", "POSTS", '<B_DECISION> = "NO"'))
        made.ways.append(("POSTS", "BAR", ""))
    assert ("bar", "done", "does") in undecided_ways(made)


@pytest.mark.parametrize("kind", ["select", "checkbox"])
def test_what_is_chosen_from_a_list_is_compared_as_certainly_as_an_answer(kind: str) -> None:
    made = with_more('<REQ_KIND> = "high"')
    made.sections["REQ"].append(Control("REQ_KIND", kind, "Kind", (("HIGH", "High"), ("LOW", "Low"))))
    made.actions[0].takes = ["REQ_ITEM", "REQ_KIND"]
    assert undecided_ways(made) == [("decides", "approve", "more"), ("decides", "reject", "more")]


def test_answers_of_further_questions_are_compared_as_certainly_as_the_first() -> None:
    made = with_more('<BUDGET> = "no"')
    made.actions[1].gives |= questions(2, "BUDGET", ("It fits", "YES"), ("It does not", "NO"))
    assert undecided_ways(made) == [("decides", "approve", "more"), ("decides", "reject", "more")]
    made.ways[1] = ("DECIDES", "MORE", '<BUDGET> = "NO"')
    assert ways(imported(made), "decides")[0] == ("approve", "steps.decides.answers.budget == 'NO'", "more")
    # Another action asks the same, and answers into the same field.
    made.actions[2].gives |= questions(2, "BUDGET", ("It fits", "YES"), ("It does not", "NO"))
    made.ways[3:] = [("MORE", "ASKS", '<BUDGET> = "NO"'), ("MORE", "_END", "OTHERWISE")]
    assert ("more", "approve", "asks") in undecided_ways(made)


# --- answers whose words say something else -------------------------------------------------------------------


@pytest.mark.parametrize(
    "answers",
    [
        (("Yes", "REJECTED"), ("No", "APPROVED")),  # to “Do you reject it?”
        (("Yes", "YES"), ("No", "NO"), ("Later, ok", "LATER")),
    ],
)
def test_a_word_for_yes_that_does_not_mean_yes_cannot_be_published(answers: Any) -> None:
    made = with_more(f'<DEC_ANSWER> = "{answers[-1][1]}"')
    made.sections["DEC"] = [
        Control("DEC_ANSWER", "radio", "Answer", [(value, words) for words, value in answers])
    ]
    made.actions[1].gives = questions(1, "DEC_ANSWER", *answers)
    done, problems = refused(made)
    assert any(one.startswith("steps.decides: ") for one in problems)
    assert "It cannot be published yet" in texts(done, "decide")


def test_a_comment_that_one_answer_needs_is_not_lost_for_a_capital_letter() -> None:
    made = simple()
    made.actions[1].gives = questions(1, "DEC_ANSWER", ("Yes", "Yes"), ("No", "No"))
    why = "DEC_ANSWER is compared with “NO”, and its value is “No”"
    line = (
        f"Action DECIDES: When a comment is required was not understood ({why}): DEC_ANSWER.Items[1].Selected"
    )
    assert line in texts(imported(made), "decide")


# --- ways that are taken at once ------------------------------------------------------------------------------


def asked_at_once() -> Made:
    made = with_more('<DEC_ANSWER> = "YES"')
    made.sections["REQ"].append(Control("REQ_TOO", "checkbox", "", (("YES", "Ask the third too"),)))
    made.actions[0].takes = ["REQ_ITEM", "REQ_TOO"]
    made.sections["THIRD"] = [Control("THIRD_ANSWER", "radio", "Answer", YES_NO)]
    gives = questions(1, "THIRD_ANSWER", ("Yes", "YES"), ("No", "NO"))
    third = Action("THIRD", takes=["THIRD_ANSWER"], fixed="REQ_*,DEC_*,MORE_*", gives=gives)
    made.actions.insert(3, third)
    made.ways[2:2] = [("DECIDES", "THIRD", '<DEC_ANSWER> = "YES" And <REQ_TOO> = "True"')]
    made.ways.append(("THIRD", "_END", ""))
    return made


def test_approvals_that_the_file_asks_at_once_are_not_left_out_by_taking_one_way() -> None:
    made = asked_at_once()
    assert undecided_ways(made) == [("decides", "approve", "more"), ("decides", "approve", "third")]
    done = read_process(made.xml())
    assert "req_too && please_decide('MORE, THIRD" in ways(done, "decides")[1][1]
    assert "no bar waits for them" in texts(done, "decide")
    # Behind a route they are taken at once as well.
    made.actions.insert(1, Action("FORK", route=True))
    made.ways = [
        ("FORK" if way[0] == "DECIDES" and way[1] != "_END" else way[0], *way[1:]) for way in made.ways
    ]
    made.ways.insert(1, ("DECIDES", "FORK", '<DEC_ANSWER> = "YES"'))
    assert undecided_ways(made) == [("decides", "approve", "more"), ("decides", "approve", "third")]
    made.actions[1].split = "XOR"  # then they are not
    assert ways(imported(made), "decides")[0] == ("approve", "", "more")


def test_a_way_that_may_pass_by_an_approval_is_not_like_one_that_asks_it() -> None:
    """Both may lead to the second approval, and only one of them does so whatever the amount is."""
    made = with_more('<DEC_ANSWER> = "YES"')
    made.sections["REQ"].append(Control("REQ_LARGE", "checkbox", "", (("YES", "It is a large one"),)))
    made.actions[0].takes = ["REQ_ITEM", "REQ_LARGE"]
    made.actions.insert(2, Action("FORK", route=True, split="XOR"))
    made.ways = [
        ("ASKS", "DECIDES", ""),
        ("DECIDES", "FORK", '<DEC_ANSWER> = "YES"'),
        ("DECIDES", "MORE", '<DEC_ANSWER> = "YES"'),
        ("DECIDES", "_END", "OTHERWISE"),
        ("FORK", "MORE", '<REQ_LARGE> = "True"'),
        ("FORK", "_END", "OTHERWISE"),
        ("MORE", "_END", ""),
    ]
    assert ("decides", "approve", "more") in undecided_ways(made)


def test_of_two_ways_otherwise_none_is_left_out_in_silence() -> None:
    made = with_more('<DEC_ANSWER> = "NO"')
    made.ways[1:1] = [("DECIDES", "_END", '<DEC_ANSWER> = "NO"')]
    made.ways[2:3] = []
    made.ways += [("DECIDES", "MORE", "OTHERWISE")]
    assert undecided_ways(made) == [("decides", "approve", "end_approved"), ("decides", "approve", "more")]
