"""Where something stands in JSON."""

from typing import Any

import pytest

from placet.lib.pointers import pointer_into, pointer_of

VALUE = {"to": ["a", "b"], "a/b~c": {"0": [{"key": 1}]}}


def test_signs_that_part_places_are_written_otherwise() -> None:
    assert pointer_of("a/b~c", 0, "") == "/a~1b~0c/0/"
    assert pointer_of() == ""


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ((), ""),
        (("to", 1), "/to/1"),
        (("to", "list[str]", 1), "/to/1"),
        (("to", "GroupNamed", "group"), "/to"),
        (("a/b~c", "0", 0, "Own", "key", "int"), "/a~1b~0c/0/0/key"),
        (("to", 2), "/to"),
    ],
)
def test_what_only_validation_knows_is_left_out(path: tuple[Any, ...], pointer: str) -> None:
    assert pointer_into(VALUE, path) == pointer


def test_what_is_not_there_is_named() -> None:
    assert pointer_into(VALUE, ("a/b~c", "0", 0, "Own", "label"), is_missing=True) == "/a~1b~0c/0/0/label"
