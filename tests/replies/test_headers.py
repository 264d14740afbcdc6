"""Names of headers that no standard allows."""

import pytest

from placet.replies.parse.headers import Headers


@pytest.mark.parametrize("name", ["X Foo", "X\tFoo", "X-Foo ", "X-Fo\u00f6", "X\ufffdFoo", ""])
def test_a_name_that_is_none_makes_its_value_unbelievable(name: str) -> None:
    headers = Headers(f"X-Other: 1\n{name}: 2\n" if name else ": 2\n")
    kept = [header for names in headers._by_name.values() for header in names if header.value == "2"]
    assert all(header.malformed for header in kept)
    assert headers.first("x-other") == ("1" if name else "")


def test_a_name_with_a_blank_inside_is_kept_as_it_is_and_believed_by_nobody() -> None:
    headers = Headers("X Foo: 1\nX-Foo: 2\n")
    assert headers.values("x foo") == ("(malformed)",)
    assert headers.values("x-foo") == ("2",)
