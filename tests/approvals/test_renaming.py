"""The text of a process under another key and name."""

import pytest

from placet.approvals.process_text import Unreadable, read_text
from placet.approvals.renaming import renamed, said_in


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("key: a\nname: b  # why\nstart: c\n", 'key: new-1\nname: "New: one"  # why\nstart: c\n'),
        ("# top\nname: >-\n  Over\n  lines\nkey: 'a'\n", '# top\nname: "New: one"\nkey: new-1\n'),
        ("{key: a, name: b}", '{key: new-1, name: "New: one"}'),
        ("{start: c}", '{key: new-1, name: "New: one", start: c}'),
        ("# only this\nstart: c\n", '# only this\nkey: new-1\nname: "New: one"\nstart: c\n'),
        ("steps: {key: a, name: b}\n", 'key: new-1\nname: "New: one"\nsteps: {key: a, name: b}\n'),
    ],
)
def test_only_key_and_name_are_others(text: str, becomes: str) -> None:
    assert renamed(text, "new-1", "New: one") == becomes
    assert (said_in(becomes, "key"), said_in(becomes, "name")) == ("new-1", "New: one")


@pytest.mark.parametrize("key", ["no", "null", "true", "on", "purchase", "a-1"])
def test_a_key_that_yaml_takes_for_something_else_stays_a_word(key: str) -> None:
    text = renamed("key: x\n", key)
    assert read_text(text).data == {"key": key}


@pytest.mark.parametrize("text", ["", "- a", "a: &n b\nkey: *n\n", "key: [", "3"])
def test_what_cannot_be_renamed_is_said(text: str) -> None:
    with pytest.raises(Unreadable):
        renamed(text, "new")


def test_what_a_text_does_not_say_is_nothing() -> None:
    assert said_in("steps: {key: a}", "key") == ""
    assert said_in("key: [a]", "key") == ""
