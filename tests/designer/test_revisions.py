"""Every change of a draft is a revision; nobody's is lost."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.accounts.models import Person
from placet.approvals import drafts
from placet.approvals.drafts import DraftChanged, publish_draft
from placet.approvals.models import DraftRevision, ProcessDraft
from placet.approvals.processes import DefinitionInvalid
from placet.designer import edits, revisions
from placet.designer.merging import merged
from placet.designer.revisions import (
    DraftGone,
    DraftMoved,
    NothingToDo,
    Outdated,
    TextRefused,
    TextTooLong,
    can_redo,
    can_undo,
    history,
    redo,
    revise,
    set_aside,
    undo,
)
from placet.designer.yaml_tree import source_of, value_of
from tests.designer.test_edits import SMALL, _paths

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> Person:
    return Person.objects.create(email="ann@example.com", name="Ann", is_process_owner=True)


@pytest.fixture
def ben() -> Person:
    return Person.objects.create(email="ben@example.com", name="Ben", is_process_owner=True)


@pytest.fixture
def draft(ann: Person) -> ProcessDraft:
    return drafts.store("small", "Small", SMALL, by=ann)


def states(draft: ProcessDraft) -> list[tuple[int, str]]:
    return [(one.revision.number, one.state) for one in history(draft)]


def text_of(draft: ProcessDraft) -> str:
    return ProcessDraft.objects.get(pk=draft.pk).text


def test_a_change_is_a_revision_with_its_author(draft: ProcessDraft, ann: Person) -> None:
    made = revise(draft, SMALL + "# more\n", ann, "A comment", base=1)
    assert (made.number, made.made_of, made.by, made.change) == (2, 1, ann, "A comment")
    assert draft.at == 2
    assert text_of(draft) == SMALL + "# more\n"
    assert states(draft) == [(2, "now"), (1, "before")]


def test_what_changes_nothing_is_no_revision(draft: ProcessDraft, ann: Person) -> None:
    assert revise(draft, SMALL, ann, "Nothing", base=1).number == 1
    assert DraftRevision.objects.count() == 1


def test_undo_and_redo_go_along_what_was_done(draft: ProcessDraft, ann: Person) -> None:
    for number in (1, 2, 3):
        revise(draft, f"{SMALL}# {number}\n", ann, "", base=draft.at)
    assert (undo(draft, ann).number, undo(draft, ann).number) == (3, 2)
    assert states(draft) == [(4, "undone"), (3, "undone"), (2, "now"), (1, "before")]
    assert redo(draft, ann).number == 3
    # A change now leaves the fourth aside, and it stays in the history.
    revise(draft, f"{SMALL}# other\n", ann, "", base=3)
    assert states(draft) == [(5, "now"), (4, "unused"), (3, "before"), (2, "before"), (1, "before")]
    with pytest.raises(NothingToDo):
        redo(draft, ann)
    assert undo(draft, ann).number == 3
    assert redo(draft, ann).number == 5  # and not the fourth


def test_before_the_first_there_is_nothing(draft: ProcessDraft, ann: Person) -> None:
    assert (can_undo(draft), can_redo(draft)) == (False, False)
    with pytest.raises(NothingToDo):
        undo(draft, ann)
    revise(draft, SMALL + "#\n", ann, "", base=1)
    assert (can_undo(draft), can_redo(draft)) == (True, False)
    undo(draft, ann)
    assert (can_undo(draft), can_redo(draft)) == (False, True)


def test_two_changes_at_different_places_are_both_kept(draft: ProcessDraft, ann: Person, ben: Person) -> None:
    revise(draft, SMALL.replace("name: Finance", "name: Money"), ann, "", base=1)
    made = revise(draft, SMALL.replace("Small  # a name", "Little  # a name"), ben, "", base=1)
    assert "name: Money" in made.text
    assert "name: Little  # a name" in made.text
    assert (made.number, made.made_of, made.by) == (3, 2, ben)


def test_two_changes_of_the_same_are_shown_and_neither_is_lost(
    draft: ProcessDraft, ann: Person, ben: Person
) -> None:
    theirs = revise(draft, SMALL.replace("name: Finance", "name: Money"), ann, "", base=1)
    mine = SMALL.replace("name: Finance", "name: Funds")
    with pytest.raises(Outdated) as caught:
        revise(draft, mine, ben, "", base=1)
    assert (caught.value.newest, caught.value.text, caught.value.base and caught.value.base.number) == (
        theirs,
        mine,
        1,
    )
    assert text_of(draft) == theirs.text
    aside = set_aside(draft, caught.value, ben, "Not used")
    assert set_aside(draft, caught.value, ben, "Not used") == aside
    assert states(draft) == [(3, "unused"), (2, "now"), (1, "before")]
    assert history(draft)[0].revision.text == mine
    assert draft.at == theirs.number
    undo(draft, ben)
    assert redo(draft, ben).number == 2


def test_a_base_that_is_not_there_is_outdated(draft: ProcessDraft, ann: Person) -> None:
    with pytest.raises(Outdated) as caught:
        revise(draft, "key: other\n", ann, "", base=9)
    assert caught.value.base is None


def test_a_draft_that_was_published_meanwhile_is_gone(draft: ProcessDraft, ann: Person) -> None:
    held = ProcessDraft.objects.get(pk=draft.pk)
    publish_draft(draft, ann)
    with pytest.raises(DraftGone):
        revise(held, "key: small\n", ann, "", base=1)
    with pytest.raises(DraftGone):
        undo(held, ann)


def test_what_was_changed_since_it_was_read_is_not_published_and_not_lost(
    draft: ProcessDraft, ann: Person, ben: Person
) -> None:
    read = ProcessDraft.objects.get(pk=draft.pk)
    revise(draft, f"{SMALL}# by Ben\n", ben, "", base=1)
    with pytest.raises(DraftChanged):
        publish_draft(read, ann)
    assert not draft.process.versions.exists()
    assert ProcessDraft.objects.get().text.endswith("# by Ben\n")


def test_a_draft_is_published_once(draft: ProcessDraft, ann: Person, ben: Person) -> None:
    read = ProcessDraft.objects.get(pk=draft.pk)
    version = publish_draft(draft, ann)
    with pytest.raises(DraftChanged):
        publish_draft(read, ben)
    assert list(version.process.versions.all()) == [version]


def test_what_no_database_keeps_is_in_no_text(draft: ProcessDraft, ann: Person) -> None:
    with pytest.raises(TextRefused, match=r"U\+0000"):
        revise(draft, f"{SMALL}# \x00\n", ann, "", base=1)
    assert ProcessDraft.objects.get().at == 1


@pytest.mark.parametrize("escape", ["\\0", "\\x00", "\\u0000", "\\ud83d"])
def test_what_no_database_keeps_is_not_published(escape: str, draft: ProcessDraft, ann: Person) -> None:
    revise(draft, SMALL.replace("name: Told", f'name: "To{escape}ld"'), ann, "", base=1)
    with pytest.raises(
        DefinitionInvalid, match=r"^line 28, column 11: no text can have the character U\+(0000|D83D)\.$"
    ):
        publish_draft(draft, ann)


def test_what_somebody_else_did_meanwhile_is_neither_taken_back_nor_redone(
    draft: ProcessDraft, ann: Person, ben: Person
) -> None:
    revise(draft, SMALL + "# mine\n", ann, "", base=1)
    held = ProcessDraft.objects.get(pk=draft.pk)
    revise(draft, SMALL + "# mine\n# theirs\n", ben, "", base=2)
    with pytest.raises(DraftMoved):
        undo(held, ann)
    undo(draft, ben)
    undo(draft, ben)
    with pytest.raises(DraftMoved):
        redo(held, ann)
    assert ProcessDraft.objects.get(pk=draft.pk).at == 1


def test_a_text_has_an_end(draft: ProcessDraft, ann: Person) -> None:
    with pytest.raises(TextTooLong, match="500 kB"):
        revise(draft, "é" * 250_001, ann, "", base=1)
    assert revise(draft, "é" * 250_000, ann, "x" * 300, base=1).change == "x" * 200


def test_the_oldest_revisions_go_and_undo_passes_over_them(
    draft: ProcessDraft, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "MOST_REVISIONS", 4)
    for number in range(6):
        revise(draft, f"{SMALL}# {number}\n", ann, "", base=draft.at)
    assert [number for number, _state in states(draft)] == [7, 6, 5, 1]
    assert [state for _number, state in states(draft)] == ["now", "before", "before", "before"]
    assert [undo(draft, ann).number for _ in range(3)] == [6, 5, 1]
    assert [redo(draft, ann).number for _ in range(3)] == [5, 6, 7]


# --- putting together -------------------------------------------------------------------------------------


def test_neighbouring_lines_are_put_together_by_what_they_say() -> None:
    theirs = SMALL.replace("    name: Finance\n", "    name: Money\n")
    mine = SMALL.replace("    ask: [{group: finance}]\n", "    ask: [{group: cfo}]\n")
    both = merged(SMALL, theirs, mine)
    assert both is not None
    assert both == theirs.replace("[{group: finance}]", "[{group: cfo}]")


def test_the_same_line_in_brackets_is_put_together_name_by_name() -> None:
    theirs = SMALL.replace("name: Done,", "name: Over,")
    mine = SMALL.replace("name: Done, result: approved", "name: Done, result: ended")
    assert merged(SMALL, theirs, mine) == SMALL.replace(
        "name: Done, result: approved", "name: Over, result: ended"
    )


def test_a_comment_of_mine_is_not_lost_in_silence() -> None:
    theirs = SMALL.replace("kind: approval  # they decide", "kind: task  # they do it")
    mine = SMALL.replace("kind: approval  # they decide", "kind: approval  # they decide, mostly")
    assert merged(SMALL, theirs, mine) is None


def test_the_same_name_twice_is_a_conflict_and_no_broken_text() -> None:
    new = "    escalate: [{when: when due, also: [{group: %s}]}]\n"
    theirs = SMALL.replace(
        "    kind: approval  # they decide\n", "    kind: approval  # they decide\n" + new % "a"
    )
    mine = SMALL.replace("    due: 2 working days\n", "    due: 2 working days\n" + new % "b")
    assert merged(SMALL, theirs, mine) is None
    same = SMALL.replace("    due: 2 working days\n", "    due: 2 working days\n" + new % "a")
    assert merged(SMALL, theirs, same) == theirs


def test_new_steps_of_both_are_kept_in_their_places() -> None:
    theirs = SMALL.replace("  told:\n", "  cfo: {kind: end, name: C, result: c}\n  told:\n")
    mine = SMALL.replace("  told:\n", "  ceo: {kind: end, name: D, result: d}\n  told:\n")
    both = merged(SMALL, theirs, mine)
    assert both is not None
    assert [*edits.value_at(both, ["steps"])][1:5] == ["finance", "ceo", "cfo", "told"]


def test_what_is_no_yaml_is_put_together_by_lines_alone() -> None:
    base = "a: [\n\n\nb: 1\n"
    assert merged(base, base.replace("a: [", "a: {"), base + "c: 2\n") == "a: {\n\n\nb: 1\nc: 2\n"
    assert merged(base, base.replace("b: 1", "b: 2"), base.replace("b: 1", "b: 3")) is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_changes_of_different_words_are_always_put_together(data: st.DataObject) -> None:
    tree = value_of(source_of(SMALL).tree)
    words = [path for path in _paths(tree) if not isinstance(_at(tree, path), dict | list)]
    first, second = data.draw(st.lists(st.sampled_from(words), min_size=2, max_size=2, unique=True))
    theirs, mine = (
        edits.set_value(SMALL, path, word) for path, word in ((first, "one"), (second, "other: one"))
    )
    both = merged(SMALL, theirs, mine)
    assert both is not None
    assert both == edits.set_value(theirs, second, "other: one")


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


def test_a_text_of_very_many_lines_is_put_together_by_what_it_says_alone() -> None:
    base = "a: 1\nb: 1\n" + "\n" * 200_000
    assert merged(base, base.replace("a: 1", "a: 2"), base.replace("b: 1", "b: 2")) == base.replace(
        ": 1", ": 2"
    )
    assert merged("# no\n" * 6000, "# 1\n" + "# no\n" * 6000, "# no\n" * 6000 + "# 2\n") is None
