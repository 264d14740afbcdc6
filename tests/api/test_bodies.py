"""JSON that can be read in one way, and holds what can be kept."""

import json
import time

import pytest

from placet.api import bodies
from placet.api.problems import Problem

DEEP = 100_000


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"", ""),
        (b"{", ""),
        (b"nothing", ""),
        (b"\xff\xfe{\x00}\x00", ""),
        (b'{"a": "\xe9"}', ""),
        (b"\xef\xbb\xbf{}", ""),
        (b'{"a": 1} {"a": 2}', ""),
        (b'{"a": 1, "a": 2}', ""),
        (b'{"' + b"a" * 1000 + b'": 1, "' + b"a" * 1000 + b'": 2}', ""),
        (b'{"a": NaN}', ""),
        (b'{"a": -Infinity}', ""),
        (b'{"a": 1e999}', ""),
        (b'{"a": ' + b"9" * 41 + b"}", ""),
        (b'{"a": ' + b"9" * 5000 + b"}", ""),
        (b'{"a": 0.' + b"1" * 5000 + b"}", ""),
        (b'{"a": ["b\\u0000"]}', "/a/0"),
        (b'{"a": {"b/c~": "\\ud800"}}', "/a/b~1c~0"),
        (b'{"a": {"\\u0000": 1}}', "/a"),
        (b"[" * DEEP + b"]" * DEEP, ""),
        (b'{"a":' * 21 + b"1" + b"}" * 21, "/a" * 20),
        (json.dumps([1] * (bodies.MOST_VALUES + 1)).encode(), ""),
    ],
)
def test_a_body_that_could_be_read_in_two_ways_or_not_be_kept_is_refused(body: bytes, pointer: str) -> None:
    with pytest.raises(Problem) as refused:
        bodies.parsed(body)
    assert refused.value.kind.name == "invalid"
    assert [error.pointer for error in refused.value.errors] == [pointer]
    assert len(refused.value.errors[0].detail) < 200


def test_too_many_values_are_refused_before_anything_is_made_of_them() -> None:
    with pytest.raises(Problem) as refused:
        bodies.parsed(b"[" + b"[]," * 3 * bodies.MOST_VALUES)  # it never ends: whoever reads it all says so
    assert "more than" in refused.value.errors[0].detail
    text = 'a, [b], {c}, \\, "d", ' * bodies.MOST_VALUES
    assert bodies.parsed(json.dumps([text, "\\"]).encode()) == [text, "\\"]
    most: list[list[int]] = [[]] * (bodies.MOST_VALUES - 1)
    assert bodies.parsed(json.dumps(most).encode()) == most


def test_finding_a_name_that_stands_twice_takes_no_longer_than_reading() -> None:
    names = [f"n{number}" for number in range(50_000)]
    body = json.dumps(dict.fromkeys(names, 0))[:-1] + ', "n49999": 1}'
    begun = time.process_time()
    with pytest.raises(Problem):
        bodies.parsed(body.encode())
    assert time.process_time() - begun < 5  # each name compared with each other one takes 30 seconds


def test_whatever_else_is_json_is_read_as_it_stands() -> None:
    value = {"a": [1, -2.5, True, None, "Żółć 決裁 ✓ 😀"], "b": {"c": 10**39}}
    assert bodies.parsed(json.dumps(value).encode()) == value
    assert bodies.parsed(json.dumps(value, ensure_ascii=False).encode()) == value
