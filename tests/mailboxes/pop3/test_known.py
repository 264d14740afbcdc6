"""Which mails of a listing are new."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.mailboxes.pop3 import known
from placet.mailboxes.pop3.known import Mail, divided, mails_of, remembering
from placet.mailboxes.pop3.session import Listed


def listing(uids: Sequence[str], sizes: Sequence[int] = ()) -> list[Mail]:
    sizes = sizes or [100] * len(uids)
    return mails_of(
        [Listed(n, uid, size) for n, (uid, size) in enumerate(zip(uids, sizes, strict=True), start=1)]
    )


def ids(mails: Sequence[Mail]) -> list[str]:
    return [mail.uid for mail in mails]


@given(st.lists(st.integers(0, 30), unique=True), st.lists(st.integers(0, 30), unique=True))
def test_what_was_not_there_is_new_in_whatever_order(before: list[int], now: list[int]) -> None:
    cursor = remembering(listing([str(uid) for uid in before]), len(before))
    division = divided(listing([str(uid) for uid in now]), cursor)
    assert ids(division.new) == [str(uid) for uid in now if uid not in before]
    assert ids(division.known) == [str(uid) for uid in now if uid in before]
    assert division.lost == (bool(before) and bool(now) and not set(before) & set(now))


def test_of_very_many_those_behind_the_last_known_are_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MOST_EXACT", 50)
    monkeypatch.setattr(known, "TAIL", 10)
    uids = [f"u{n}" for n in range(100)]
    cursor = remembering(listing(uids), len(uids))
    assert len(str(cursor)) < 200
    later = [uid for uid in uids if random.Random(1).random() < 0.5 or uid in ("u95", "u97")] + [
        "new1",
        "new2",
    ]
    division = divided(listing(later), cursor)
    assert ids(division.new) == ["new1", "new2"]
    assert not division.lost
    few = divided(listing(["u3", "u97", "new3"]), cursor)  # most were deleted: from now on each is remembered
    assert ids(few.new) == ["new3"]
    assert known.KNOWN in remembering([*few.known, *few.new], 3)
    assert divided(listing(["x1", "x2"]), cursor).lost


def test_very_many_take_little_room() -> None:
    uids = [f"{n:08x}5f0e2b3a{n:08x}" for n in range(20_000)]
    mails = listing(uids)
    cursor = remembering(mails, len(mails))
    assert len(str(cursor)) < 3000
    assert len(str(remembering(mails[: known.MOST_EXACT], known.MOST_EXACT))) < 60_000
    assert ids(divided([*mails, *listing(["one more"])], cursor).new) == ["one more"]


def test_an_id_that_is_given_again_is_another_mail() -> None:
    cursor = remembering(listing(["1", "2"], [100, 200]), 2)
    assert ids(divided(listing(["1", "2"], [100, 333]), cursor).new) == ["2"]
    doubled = listing(["1", "1", "1"], [100, 100, 200])
    assert len({mail.id for mail in doubled}) == 3
    assert len(divided(doubled, remembering(doubled[:1], 1)).new) == 2
