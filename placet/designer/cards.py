"""The steps of a draft as cards: who, what is asked, until when, then; those of branches within their block."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from placet.approvals.steps import KEY
from placet.designer import other_rows, then_rows, until_rows, what_rows, who_rows
from placet.designer.condition_rows import sentence
from placet.designer.placing import Problem
from placet.designer.reading import items, mapping, words
from placet.designer.surroundings import Surroundings, outcome_words

MOST_CARDS = 200  # of a page; a definition has at most 100 steps
DEEPEST = 6


@dataclass
class Branch:
    name: str
    condition: str
    cards: list["Card"]


@dataclass
class Card:
    """`has_form`: whether its key can stand in an address. `above`, `below`: whether there is another in its list."""

    key: str
    name: str
    kind: str
    kind_words: str
    lines: list[tuple[str, list[str]]]  # title and sentences
    problems: int
    has_form: bool
    above: bool = False
    below: bool = False
    branches: list[Branch] = field(default_factory=list)
    adds_after: bool = True

    @property
    def anchor(self) -> str:
        return f"step-{self.key}"


def cards_of(around: Surroundings, problems: Sequence[Problem]) -> list[Card]:
    steps = around.reading.steps
    places = _places(around)
    within: dict[tuple[str, ...], list[str]] = {}
    for key in list(steps)[:MOST_CARDS]:
        within.setdefault(places.get(key, ()), []).append(key)
    return _listed(within, (), around, problems)


def keys_beside(around: Surroundings, key: str) -> list[str]:
    """The steps of the same list, in order."""
    places = _places(around)
    return [one for one in around.reading.steps if places.get(one, ()) == places.get(key, ())]


def _listed(
    within: Mapping[tuple[str, ...], list[str]],
    place: tuple[str, ...],
    around: Surroundings,
    problems: Sequence[Problem],
) -> list[Card]:
    keys = within.get(place, [])
    cards = [_card(key, around, problems) for key in keys]
    for number, card in enumerate(cards):
        card.above, card.below = number > 0, number < len(cards) - 1
        if card.kind == "parallel":
            for branch, says in mapping(around.reading.steps[card.key].get("branches")).items():
                inner = _listed(within, (*place, card.key, branch), around, problems)
                card.branches.append(_branch(branch, mapping(says), inner, around))
    return cards


def _branch(key: str, says: Mapping[str, Any], cards: list[Card], around: Surroundings) -> Branch:
    name = words(says.get("name")) or around.step_name(words(says.get("start"))) or key
    when = says.get("when")
    condition = sentence(when, around.definition) if when is not None else ""
    return Branch(name, condition, cards)


def _card(key: str, around: Surroundings, problems: Sequence[Problem]) -> Card:
    step = around.reading.steps[key]
    kind = words(step.get("kind"))
    return Card(
        key=key,
        name=around.step_name(key),
        kind=kind,
        kind_words=other_rows.kind_words(kind),
        lines=[(title, sentences) for title, sentences in _lines(key, step, around) if sentences],
        problems=sum(one.area == "step" and one.owner == key for one in problems),
        has_form=KEY.fullmatch(key) is not None,
        adds_after=kind != "end",
    )


def _lines(key: str, step: Mapping[str, Any], around: Surroundings) -> Iterator[tuple[str, list[str]]]:
    kind = step.get("kind")
    if kind in ("approval", "task"):
        yield _("Who"), [*who_rows.who_words(step.get("ask"), around), *_rule_words(step)]
    elif kind == "notice":
        yield _("Who is told"), who_rows.who_words(step.get("to"), around)
    elif kind == "revise":
        yield _("Who"), [_("whoever made the request")]
    elif kind == "end":
        yield _("End"), [_("Result: {result}").format(result=words(step.get("result")))]
    elif kind == "wait":
        yield _("Waits"), other_rows.wait_words(step, around)
    elif kind in ("include", "call"):
        yield _("Process"), [words(step.get("process"))]
    if kind == "approval":
        yield _("Asked"), _asked(step)
    if kind in ("approval", "task", "revise", "wait"):
        yield _("Until when"), until_rows.until_words(step, around)
    if kind != "end":
        yield _("Then"), then_rows.way_words(key, step, around)


def _rule_words(step: Mapping[str, Any]) -> list[str]:
    rule = step.get("rule", "first")
    order = [_("one after the other")] if step.get("order") is not None else []
    if rule == "all":
        return [_("all of them have to agree"), *order]
    if isinstance(rule, int) and not isinstance(rule, bool):
        return [_("{n} of them have to agree").format(n=rule), *order]
    return [_("by a rule of its own"), *order] if isinstance(rule, list) else order


def _asked(step: Mapping[str, Any]) -> list[str]:
    answers = [
        outcome_words(step, words(one) or words(mapping(one).get("key")))
        for one in what_rows.outcomes_of(step)
    ]
    questions = [words(mapping(one).get("label")) for one in items(step.get("questions"))]
    asked = [" / ".join(answers)]
    return (
        [*asked, _("asked too: {questions}").format(questions=", ".join(questions))] if questions else asked
    )


def _places(around: Surroundings) -> dict[str, tuple[str, ...]]:
    """Of every step that stands in a branch: the blocks and branches that it is in, from the outermost."""
    places: dict[str, tuple[str, ...]] = {}
    steps = around.reading.steps
    for key, step in steps.items():
        if step.get("kind") == "end":
            places[key] = ()
    _put((), words(around.reading.data.get("start")), around, places)
    return places


def _put(
    place: tuple[str, ...], start: str, around: Surroundings, places: dict[str, tuple[str, ...]]
) -> None:
    steps, waiting, blocks = around.reading.steps, [start], []
    while waiting:
        key = waiting.pop()
        if key in places or key not in steps:
            continue
        places[key] = place
        waiting += [words(way.get("to")) for _at, way in around.reading.ways_from(key)]
        if steps[key].get("kind") == "parallel":
            blocks.append(key)
    for key in blocks:
        for name, branch in mapping(steps[key].get("branches")).items():
            if len(place) < 2 * DEEPEST:
                _put((*place, key, name), words(mapping(branch).get("start")), around, places)
