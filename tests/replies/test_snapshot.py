"""Everything of the snapshot is read as it was. Where a rule changed on purpose: look at what is listed, one by one,
and keep it anew by `python -m tests.replies.keep_snapshot`."""

import pytest

from tests.replies import snapshot

#: Each has texts, letters and mails of all kinds: so many of them show whether a second Python reads in another way.
SEEN_BY_ANOTHER_PYTHON = 10
LEFT_OUT_THERE = [
    pytest.param(shard, marks=pytest.mark.long) for shard in range(SEEN_BY_ANOTHER_PYTHON, snapshot.SHARDS)
]


@pytest.mark.apart
@pytest.mark.parametrize("shard", [*range(SEEN_BY_ANOTHER_PYTHON), *LEFT_OUT_THERE])
def test_what_was_read_is_read_in_the_same_way(shard: int) -> None:
    """And nothing is kept that is not read any more."""
    now = {name: snapshot.kept(make()) for name, make in snapshot.cases(shard)}
    kept = snapshot.known_by_shard()[shard]
    assert now.keys() == kept.keys()
    assert not list(snapshot.differences(kept, now))


def test_whatever_is_kept_is_in_a_part_that_is_read() -> None:
    assert snapshot.known_by_shard().keys() == set(range(snapshot.SHARDS))
    with pytest.raises(ValueError, match="No case"):
        snapshot.shard_of_case("other 1")


def test_a_difference_is_told_with_both_outcomes_those_that_change_first() -> None:
    before = {"a": snapshot.Kept("approve", "1"), "b": snapshot.Kept("-", "1"), "c": snapshot.Kept("-", "1")}
    now = {
        "a": snapshot.Kept("approve", "2"),
        "b": snapshot.Kept("approve", "2"),
        "c": snapshot.Kept("-", "1"),
    }
    assert list(snapshot.differences(before, now)) == ["b: - → approve", "a: approve → approve"]


def test_equal_things_have_one_form_and_others_another() -> None:
    one, same = frozenset({"a", "b", "c"}), frozenset({"c", "b", "a"})
    assert snapshot.kept([one]) == snapshot.kept([same]) != snapshot.kept([frozenset({"a", "b"})])
    with pytest.raises(TypeError):
        snapshot.plain(object())
