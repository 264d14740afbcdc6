"""What two definitions say otherwise is said, all of it, and nothing where they say the same."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import placet.approvals
from placet.approvals.definitions import Definition
from placet.designer import edits
from placet.designer.differences import alike, differences, marks_of_difference
from tests.designer.test_edits import SMALL, VALUES, _paths

BASE = edits.value_at(SMALL, [])


@cache
def samples() -> list[Any]:
    """Read by the process that asks for them: every process of a run loads this file."""
    folder = Path(placet.approvals.__file__).parent / "samples"
    return [edits.value_at(path.read_text(), []) for path in sorted(folder.glob("*.yaml"))]


def said(old: Any, new: Any, language: str = "en") -> list[str]:
    with translation.override(language):
        return [one.sentence for one in differences(old, new)]


def changed(*path: str | int, value: Any) -> dict[str, Any]:
    data: dict[str, Any] = deepcopy(BASE)
    held: Any = data
    for part in path[:-1]:
        held = held[part]
    if value is None:
        del held[path[-1]]
    else:
        held[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "english", "french"),
    [
        (
            ("steps", "finance", "ask"),
            [{"group": "finance"}, {"group": "cfo"}],
            "Step “Finance”: asked were “finance”, now “finance” or “cfo”.",
            "Étape «\u00a0Finance\u00a0»\u00a0: étaient interrogés «\u00a0finance\u00a0», maintenant "
            "«\u00a0finance\u00a0» ou «\u00a0cfo\u00a0».",
        ),
        (
            ("steps", "finance", "due"),
            "3 working days",
            "Step “Finance”, deadline: was 2 working days, now 3 working days.",
            "Étape «\u00a0Finance\u00a0», délai\u00a0: était 2 jours ouvrés, maintenant 3 jours ouvrés.",
        ),
        (
            ("form", 1, "required"),
            True,
            "Field “Amount” is required now.",
            "Le champ «\u00a0Amount\u00a0» est maintenant obligatoire.",
        ),
        (
            ("form", 0, "required"),
            None,
            "Field “Item” is not required any more.",
            "Le champ «\u00a0Item\u00a0» n’est plus obligatoire.",
        ),
        (
            ("transitions", 0, "to"),
            "told",
            "Step “Manager”, on “Approve”, if Amount is above 1,000 EUR: leads to “Told” instead of “Finance”.",
            "Étape «\u00a0Manager\u00a0», sur «\u00a0Approuver\u00a0», si Amount est supérieur à 1\u00a0000 EUR"
            "\u00a0: "
            "mène à «\u00a0Told\u00a0» au lieu de «\u00a0Finance\u00a0».",
        ),
        (("steps", "finance", "name"), "Money", "Step “Finance” is called “Money” now.", None),
        (("start",), "finance", "It begins with “Finance”, no longer with “Manager”.", None),
        (
            ("steps", "finance", "remind"),
            ["when due", "1 day after"],
            "Step “Finance”, reminders: was 1 working day before, when it is due, now when it is due, 1 day after.",
            None,
        ),
        (
            ("steps", "manager", "outcomes"),
            ["approve", "reject", {"key": "hold", "label": {"en": "Hold", "fr": "Attendre"}, "grants": False}],
            "Step “Manager”: new answer “Hold”.",
            None,
        ),
        (
            ("steps", "finance", "not_same_as"),
            None,
            "Step “Finance”, not decided by whoever decided: removed, was “Manager”.",
            None,
        ),
        (
            ("steps", "finance", "rule"),
            "all",
            "Step “Finance”, how it is decided: was “The first answer counts.”, "
            "now “Everybody asked must approve.”.",
            None,
        ),
        (("steps", "finance", "alone"), True, "Step “Finance”, mail of its own: now yes.", None),
        (("title",), "{item}!", "Title of requests: was “{item}”, now “{item}!”.", None),
    ],
)  # fmt: skip
def test_a_difference_is_said_in_words(path: Any, value: Any, english: str, french: str | None) -> None:
    new = changed(*path, value=value)
    assert said(BASE, new) == [english]
    if french is not None:
        assert said(BASE, new, "fr") == [french]


def test_labels_are_compared_in_each_language() -> None:
    def answering(label: dict[str, str]) -> dict[str, Any]:
        return changed("steps", "manager", "outcomes", value=[{"key": "go", "label": label, "grants": True}])

    old, new = answering({"en": "Go", "fr": "Aller"}), answering({"en": "Go", "fr": "Va", "de": "Los"})
    assert said(old, new) == [
        "Step “Manager”, answer “Go”, label, fr: was “Aller”, now “Va”.",
        "Step “Manager”, answer “Go”, label, de: now “Los”.",
    ]


def test_what_a_mail_says_is_compared_in_each_language() -> None:
    def writing(**mail: Any) -> dict[str, Any]:
        return changed("steps", "manager", "mail", value=mail)

    old = writing(subject={"en": "Go", "fr": "Va"}, text="Look.")
    new = writing(subject={"en": "Go", "fr": "Vas-y"}, text="Look there.")
    assert said(old, new) == [
        "Step “Manager”, mail, subject, fr: was “Va”, now “Vas-y”.",
        "Step “Manager”, mail, text: was “Look.”, now “Look there.”.",
    ]
    assert said(old, new, "fr")[1].startswith("Étape «\u00a0Manager\u00a0», e-mail, texte\u00a0: ")


def test_steps_and_fields_come_and_go() -> None:
    new = changed("steps", "told", value=None)
    new["steps"]["cfo"] = {"kind": "approval", "name": "CFO", "ask": [{"group": "cfo"}]}
    del new["form"][1]
    new["form"].append({"type": "section", "label": "More"})
    sentences = said(BASE, new)
    assert sentences == [
        "Removed: field “Amount”.",
        "New heading in the form: “More”.",
        "Removed: step “Told”.",
        "New step “CFO”.",
    ]
    assert marks_of_difference(BASE, new) == {"told": "removed", "cfo": "new"}


def test_what_stands_in_another_order_is_said() -> None:
    new = deepcopy(BASE)
    new["form"].reverse()
    new["steps"] = dict(reversed(new["steps"].items()))
    new["transitions"].reverse()
    sentences = said(BASE, new)
    assert "The fields of the form stand in another order." in sentences
    assert "The steps stand in another order." in sentences
    assert "The ways stand in another order." in sentences
    assert marks_of_difference(BASE, changed("transitions", 0, "to", value="told")) == {"manager": "changed"}


def test_another_way_to_write_the_same_is_no_difference() -> None:
    assert said(SMALL, SMALL.replace("# Then finance.\n", "# Later.\n").replace('"{item}"', "'{item}'")) == []
    with pytest.raises(edits.EditInvalid):
        differences(SMALL, "a: [")


def test_a_long_value_is_cut_and_its_difference_still_said() -> None:
    old, new = changed("description", value="x" * 1000), changed("description", value="x" * 999 + "y")
    assert len(said(old, new)) == 1
    assert len(said(old, new)[0]) < 1000


# --- whatever differs -------------------------------------------------------------------------------------


def _dumped(data: Any) -> Any:
    try:
        return Definition.model_validate(data).model_dump(mode="json", by_alias=True, exclude_none=True)
    except ValidationError:
        return None


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_there_is_a_difference_exactly_where_they_differ(data: st.DataObject) -> None:
    old = data.draw(st.sampled_from([*samples(), BASE]))
    new = deepcopy(old)
    for _ in range(data.draw(st.integers(0, 3))):
        path = data.draw(st.sampled_from(_paths(new)))
        held: Any = new
        for part in path[:-1]:
            held = held[part]
        kind = data.draw(st.sampled_from(["remove", "set", "copy", "reverse", "same"]))
        if kind == "remove":
            del held[path[-1]]
        elif kind == "set":
            held[path[-1]] = data.draw(VALUES)
        elif kind == "copy" and isinstance(held, list):
            held.insert(0, deepcopy(held[-1]))
        elif kind == "reverse" and isinstance(held[path[-1]], list):
            held[path[-1]].reverse()
        elif kind == "reverse" and isinstance(held[path[-1]], dict):
            held[path[-1]] = dict(reversed(held[path[-1]].items()))
    before, now = _dumped(old), _dumped(new)
    differ = not alike(old, new) if before is None or now is None else not alike(before, now)
    several = differences(old, new)
    assert bool(several) is differ, several
    assert all(one.sentence.strip() for one in several)
    assert bool(differences(new, old)) is differ
