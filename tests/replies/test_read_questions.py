"""Answers to questions in a reply: whatever value of whatever type, in each form, reads back as itself, and nothing of
it decides, doubts or becomes a comment."""

import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from time import process_time
from typing import Any

import pytest
from django.utils import translation
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.reading.ask import ask
from benchmarks.reading.door import reading
from benchmarks.reading.locales import LOCALES
from benchmarks.reading.programs import PROGRAMS, Answered, Place, written
from placet.approvals.answers import as_typed
from placet.approvals.form_parts import FormField
from placet.approvals.form_types import type_of
from placet.replies.parse.original import Original
from placet.replies.read import read_text
from placet.replies.read_questions import Question, Questions

OPTIONS = [
    {"key": "r", "label": {"en": "Red", "de": "Rot", "fr": "Rouge"}},
    {"key": "no", "label": {"en": "Dark blue", "de": "Nein, blau"}},
    "approve it",
]
FIELDS: Mapping[str, FormField] = {
    name: FormField.model_validate({"name": name, "label": label, "type": type_, **more})
    for name, label, type_, more in (
        ("cost", "Cost centre", "text", {}),
        ("number", "How many?", "number", {}),
        ("money", "Budget", "money", {"currency": "EUR"}),
        ("percent", "Discount", "percent", {"digits": 1}),
        ("day", "Delivery day", "date", {}),
        ("at", "At what time", "time", {}),
        ("agreed", "Agreed with legal", "yes_no", {}),
        ("colour", "Colour", "choice", {"options": OPTIONS}),
        ("mail", "Contact", "email", {}),
    )
}
ASKED = Questions(
    tuple(
        Question(number, field.name, field.label.rstrip("?"), True, field.type)
        for number, field in enumerate(FIELDS.values(), start=1)
    )
)
BY_NAME = {question.name: question for question in ASKED.asked}

WORDS = st.sampled_from(
    (
        "no",
        "yes",
        "approve",
        "rejected",
        "if",
        "only",
        "not",
        "4711",
        "KST-12",
        "until tomorrow",
        "genehmigt",
        "nein,",
        "ok?",
    )
)
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "cost": st.lists(WORDS, min_size=1, max_size=3).map(" ".join),
    "number": st.integers(-99_999, 999_999) | st.decimals(-999, 999, places=2).map(lambda d: float(d)),
    "money": st.decimals(0, 99_999_999, places=2).map(lambda d: {"minor": int(d * 100), "currency": "EUR"}),
    "percent": st.integers(0, 100),
    "day": st.integers(0, 9000).map(lambda days: (date(2020, 1, 1) + timedelta(days=days)).isoformat()),
    "at": st.integers(0, 1439).map(lambda minute: f"{time(minute // 60, minute % 60):%H:%M}"),
    "agreed": st.booleans(),
    "colour": st.sampled_from(("r", "no", "approve it")),
    "mail": st.sampled_from(("no@contoso.example", "ann.lee@yes.example")),
}


def kept(field: FormField, value: Any) -> Any:
    """A number that is whole is kept as one."""
    return int(value) if field.type == "number" and Decimal(str(value)) % 1 == 0 else value


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    """A language, lines that answer some of the questions as people write in it, and what they have to be kept as."""
    language = draw(st.sampled_from(("en", "de", "fr")))
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), min_size=1, max_size=4, unique=True))
    lines, values = [], {}
    for name in names:
        field, question = FIELDS[name], BY_NAME[name]
        value = kept(field, draw(VALUES[name]))
        with translation.override(language):
            shown = [type_of(field).text(value, field), type_of(field).as_read(value, field)]
        text = draw(st.sampled_from(shown))
        form = draw(
            st.sampled_from(
                ("{mark}: {text}", "{mark}: [{text}]", "{mark}:[{text}]", '{label}: "{text}"', "{label}: {text}",
                 "{small}: {text}", "{mark} {label}: {text}", "  - {mark}: [{text}]", "{mark} : “{text}”",
                 "{label}?: {text}")
            )
        )  # fmt: skip
        small = question.label.upper()
        lines.append(form.format(mark=question.mark, label=question.label, small=small, text=text))
        values[name] = value
    return language, "\n".join(lines), values


def read_back(given: Mapping[str, str], language: str) -> dict[str, Any]:
    with translation.override(language):
        return {
            name: type_of(FIELDS[name]).read(as_typed(text, FIELDS[name]), FIELDS[name])
            for name, text in given.items()
        }


@settings(max_examples=300, deadline=None)
@given(answers(), st.sampled_from(("Approved.", "Rejected.", "Genehmigt.", "Refusé.")), st.booleans())
def test_every_value_in_every_form_reads_back(
    answered: tuple[str, str, dict[str, Any]], outcome: str, first: bool
) -> None:
    language, lines, values = answered
    text = f"{lines}\n\n{outcome}" if first else f"{outcome}\n\n{lines}"
    found = read_text(f"{text}\n\nThe desk is for Tom.\n\nBest regards\nAnn Lee", questions=ASKED)
    expected = read_text(f"{outcome}\n\nThe desk is for Tom.\n\nBest regards\nAnn Lee")
    assert expected.outcome in ("approve", "reject")
    assert (found.outcome, found.comment) == (expected.outcome, expected.comment), (text, str(found.why))
    assert read_back({one.question.name: one.value for one in found.given}, language) == values, text


ASK = ask(asks=[{"title": f"{one.mark} {one.label}", "about": "Optional."} for one in ASKED.asked])
ORIGINAL = Original.of(ASK.raw)


@settings(max_examples=120, deadline=None)
@given(answers(), st.sampled_from(sorted(PROGRAMS)), st.sampled_from((Place.ABOVE, Place.ABOVE, Place.BELOW)))
def test_in_the_mails_of_every_program_too(
    answered: tuple[str, str, dict[str, Any]], program: str, place: Place
) -> None:
    """Where such a mail decides, it answers what was written, and no line of ours is an answer."""
    language, lines, values = answered
    # Labels directly above those of a head may be the head's own: people close with a word. And labels with an address
    # and a date are one, in whatever language.
    numbered = all(re.match(r"[ -]*Q", line) for line in lines.split("\n"))
    assume(numbered or "mail" not in values)
    text = f"Approved.\n\n{lines}" if numbered else f"Approved.\n\n{lines}\n\nThank you"
    reply = Answered(text, place, LOCALES["en"], ASK)
    found = reading(written(program, PROGRAMS[program](reply), reply), ORIGINAL, ASKED)
    if place is Place.ABOVE:
        assert found.outcome == "approve", (program, str(found.why))
    assume(found.outcome is not None)
    assert read_back({one.question.name: one.value for one in found.given}, language) == values, program


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from('Qq12:：[]"“” \n\tBudget.-*=?'), max_size=80))
def test_whatever_is_written_never_raises(text: str) -> None:
    found = read_text(f"Approved\n{text}", questions=ASKED)
    assert found.outcome in ("approve", "reject", None)


@pytest.mark.parametrize(
    ("field", "written_as", "typed"),
    [
        ("agreed", "Ja.", "yes"),
        ("agreed", "nein", "no"),
        ("agreed", "perhaps", "perhaps"),
        ("money", "€ 1,250.00", "1,250.00"),
        ("money", "1250 EUR", "1250"),
        ("money", "1250 USD", "1250 USD"),
        ("day", "December 24th, 2026", "2026-12-24"),
        ("day", "24. Dezember 2026", "2026-12-24"),
        ("day", "31/12/2026", "2026-12-31"),
        ("day", "31.02.2026", "31.02.2026"),
        ("colour", "ROT.", "r"),
        ("colour", "Blue", "Blue"),
        ("at", "14:30 Uhr", "14:30"),
        ("mail", "ann@x.example<mailto:ann@x.example>", "ann@x.example"),
        ("mail", "ann@x.example<mailto:bob@x.example>", "ann@x.example<mailto:bob@x.example>"),
    ],
)
def test_as_people_write_it(field: str, written_as: str, typed: str) -> None:
    with translation.override("de"):
        assert as_typed(written_as, FIELDS[field]) == typed


@pytest.mark.parametrize(("field", "text"), [("number", "1.250"), ("number", "1,250"), ("day", "3/4/2026")])
def test_what_may_be_two_values_is_none(field: str, text: str) -> None:
    with pytest.raises(ValueError, match="can be read as two"):
        as_typed(text, FIELDS[field])


BOXED = Questions((Question(2, "agreed", "Agreed", type="yes_no"),), "[]", outcome_is_first=True)
TICKS = st.sampled_from(("[x]", "[X]", "(x)", "[✓]", "[*]", "[ x ]", "☑", "☒", "✅"))
BLANKS = st.sampled_from(("[ ]", "[]", "( )", "[_]", "☐", "[  ]"))


@settings(max_examples=200, deadline=None)
@given(TICKS, BLANKS, st.booleans(), st.booleans(), st.booleans(), st.sampled_from((" ", "  ", " / ", ", ")))
def test_a_ticked_box_gives_what_is_ticked_or_nothing(
    tick: str, blank: str, yes: bool, behind: bool, swapped: bool, between: str
) -> None:
    choices = [("Yes", tick if yes else blank), ("No", blank if yes else tick)]
    if swapped:
        choices.reverse()
    line = between.join(f"{box} {label}" if behind else f"{label} {box}" for label, box in choices)
    found = read_text(f"Q1: {line}", questions=BOXED)
    assert found.outcome in (None, "approve" if yes else "reject"), line
    assert not found.outcome or not found.comment, line
    asked = read_text(f"Approved.\n\nQ2: {line}", questions=BOXED)
    assert [one.value for one in asked.given] in ([], ["Yes" if yes else "No"]), line
    assert asked.given or asked.outcome is None, line


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from("-+−–"), st.integers(1, 99_999), st.sampled_from((" ", ", ", ": ", ". ", " - ", " – "))
)
def test_the_sign_of_a_number_behind_the_outcome_is_kept_or_asked_for(
    sign: str, number: int, between: str
) -> None:
    one = Questions((Question(1, "change", "Change", type="number"),))
    found = read_text(f"Approved{between}{sign}{number}", questions=one)
    kept_sign = "+" if sign == "+" else "-"
    if found.outcome:
        assert [given.value for given in found.given] == [f"{kept_sign}{number}"]


def test_a_number_that_is_a_word_of_answers_is_none_behind_a_dash() -> None:
    """ "100 %" approves."""
    one = Questions((Question(1, "change", "Change", type="number"),))
    for text in ("Approved –100", "Approved – 100", "Approved, –100.", "Approved - 100"):
        found = read_text(text, questions=one)
        assert found.outcome is None, text
        assert "less than nothing" in str(found.why)


TEXTS = Questions(
    (
        Question(1, "cost", "Cost centre"),
        Question(2, "colour", "Colour"),
        Question(3, "n", "How many", type="number"),
    )
)


@pytest.mark.parametrize(
    "lines",
    [
        "Q1: 4711 Q2: blue", "Q1: 4711, Q2: blue", "Q1: 4711\tQ2: blue", "Q1: Q2: 5", "Q1: 4711, Colour: blue",
        "Q1: 4711 colour: blue", "Cost centre: 4711; Q2: blue", "Cost centre: 4711 / Colour: blue",
        "Q1: [4711] Q2: [blue]", "Q1: [4711], Q2 : blue", "Q2: [blue] please, Q1: 4711",
        "The rest is as always, Q2: blue",
    ],
)  # fmt: skip
@pytest.mark.parametrize("outcome", ["Approved", "Rejected"])
def test_two_answers_on_one_line_are_asked_back_and_not_one_value_or_a_comment(
    outcome: str, lines: str
) -> None:
    assert read_text(f"{outcome}\n{lines}", questions=TEXTS).outcome is None
    assert read_text(f"{lines}\n\n{outcome}", questions=TEXTS).outcome is None


@pytest.mark.parametrize(
    "text", ["Rejected: Q1: 4711", "Rejected, Q2: blue", "Rejected\n\nFor Q1: ask Carol"]
)
def test_an_answer_behind_other_words_is_not_lost_in_a_comment(text: str) -> None:
    reading = read_text(text, questions=TEXTS)
    assert reading.outcome is None and "a line of its own" in str(reading.why)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("Q1: [4711, Q2: none]", "4711, Q2: none"),
        ('Q1: "4711, Q2: none"', "4711, Q2: none"),
        ("Q1: as in Q2 of 2026", "as in Q2 of 2026"),
        ("Q1: budget of Q4: none left", "budget of Q4: none left"),  # which nobody asks
        ("Q1: three colours: blue, red, white", "three colours: blue, red, white"),
    ],
)
def test_a_value_that_only_speaks_of_a_question_is_kept_whole(line: str, value: str) -> None:
    reading = read_text(f"Approved\n{line}", questions=TEXTS)
    assert (reading.outcome, [one.value for one in reading.given]) == ("approve", [value])


@pytest.mark.parametrize(
    "line", ["Q1{}x", "Q1: 1 Cost centre{}x", "Cost centre{}x:", "Q1: 1 Q2{}x", "Rejected: Q1{}x"]
)
def test_blanks_without_end_take_no_long_time(line: str) -> None:
    """Each run of them is passed once, however the rest of the line goes on."""
    began = process_time()
    read_text(line.format(" " * 200_000), questions=TEXTS)
    assert process_time() - began < 3
