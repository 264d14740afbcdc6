import re
import time
import uuid
from datetime import UTC, datetime, timedelta

from placet.lib.ids import code_hash, first_uuid7, new_code, uuid7


def test_a_uuid_of_version_7_carries_its_time() -> None:
    before = time.time_ns() // 1_000_000
    number = uuid7()
    after = time.time_ns() // 1_000_000
    assert (number.version, number.variant) == (7, uuid.RFC_4122)
    assert before <= number.int >> 80 <= after


def test_later_ones_sort_later() -> None:
    first = uuid7()
    began = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == began:
        pass
    assert first < uuid7()


def test_what_is_random_differs_in_every_place() -> None:
    made = [uuid7().int for _ in range(500)]
    assert len(set(made)) == 500
    free = [bit for bit in range(80) if bit not in (62, 63, 76, 77, 78, 79)]
    assert all({number >> bit & 1 for number in made} == {0, 1} for bit in free)


def test_reply_codes_are_sixteen_characters_of_base32_and_differ() -> None:
    made = {new_code() for _ in range(2000)}
    assert len(made) == 2000
    assert all(re.fullmatch(r"[a-z2-7]{16}", code) for code in made)
    for place in range(16):
        assert len({code[place] for code in made}) == 32  # 80 bits: every place is free


def test_the_hash_of_a_code_depends_on_the_key_and_not_on_its_case() -> None:
    code = new_code()
    assert code_hash(b"key", code) == code_hash(b"key", code.upper())
    assert code_hash(b"key", code) != code_hash(b"other", code)
    assert code not in code_hash(b"key", code)
    assert len(code_hash(b"key", code)) == 64


def test_the_first_one_of_a_moment_is_below_all_that_are_made_from_then_on() -> None:
    began = datetime.now(UTC)
    made = uuid7()
    assert first_uuid7(began) < made < first_uuid7(began + timedelta(days=1))
    assert first_uuid7(began).version == 7
