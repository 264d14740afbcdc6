"""The memory of warnings and errors: what helps is kept, what is private is not."""

import logging
import time
from collections.abc import Iterator

import pytest
import structlog

from placet.lib import logs
from placet.lib.logs import MOST, Memory, Trouble
from placet.lib.masking import masked

log = structlog.get_logger("placet.test")
PRIVATE = ["Q8x~secret", "abcdefghijklmnop", "bob@contoso.example", "Please approve the forklift"]


@pytest.fixture(autouse=True)
def memory() -> Iterator[Memory]:
    logs.memory.forget()
    yield logs.memory
    logs.memory.forget()


def the_one(memory: Memory) -> Trouble:
    (trouble,) = memory.troubles()
    return trouble


def test_a_warning_of_ours_is_kept_with_its_numbers_and_reasons(memory: Memory) -> None:
    log.warning("mailbox_paused", mailbox=7, seconds=2.5, cause="Exchange is busy.", subject=PRIVATE[3])
    kept = the_one(memory)
    assert (kept.level, kept.event, kept.times) == ("warning", "mailbox_paused", 1)
    assert kept.fields == {"mailbox": 7, "seconds": 2.5, "cause": "Exchange is busy."}


def test_what_only_happened_is_not_kept(memory: Memory) -> None:
    log.info("tidied")
    assert memory.troubles() == []


def _fail() -> None:
    try:
        raise KeyError(" ".join(PRIVATE))
    except KeyError as error:
        raise ValueError(f"bad mail: {PRIVATE}") from error


def test_an_exception_is_told_by_type_and_lines_never_by_its_message(memory: Memory) -> None:
    try:
        _fail()
    except ValueError:
        log.exception("take_in_failed", incoming=3)
    kept = the_one(memory)
    assert kept.exception == "ValueError ← KeyError"
    assert kept.code[-1].startswith("tests/lib/test_logs.py:") and kept.code[-1].endswith(" _fail")
    assert not any(private in repr(kept) for private in PRIVATE)


def test_what_other_libraries_say_is_kept_without_what_they_put_in(memory: Memory) -> None:
    try:
        _fail()
    except ValueError:
        logging.getLogger("some.library").exception("It failed for %s: %s", PRIVATE[2], PRIVATE[0])
    kept = the_one(memory)
    assert (kept.event, kept.exception) == ("It failed for %s: %s", "ValueError ← KeyError")
    assert not any(private in repr(kept) for private in PRIVATE)


def test_words_of_strangers_do_not_get_in(memory: Memory) -> None:
    logging.getLogger("django.security.DisallowedHost").error(f"Invalid HTTP_HOST header: '{PRIVATE[0]}'.")
    assert the_one(memory).event == "request refused"


def test_pages_that_strangers_do_not_find_are_not_kept(memory: Memory) -> None:
    logging.getLogger("django.request").warning("Not Found: %s", "/accounts/password/reset/key/1-abc/")
    assert memory.troubles() == []


def test_the_same_again_only_counts(memory: Memory) -> None:
    for seconds in (2.5, 5.1, 9.7):
        log.warning("mailbox_paused", mailbox=7, seconds=seconds)
    log.warning("mailbox_paused", mailbox=8)
    first, second = memory.troubles()
    assert (first.fields, first.times, second.fields, second.times) == (
        {"mailbox": 8},
        1,
        {"mailbox": 7, "seconds": 9.7},
        3,
    )
    assert second.first_at <= second.last_at


def test_no_more_than_two_hundred_are_kept_the_newest_first(memory: Memory) -> None:
    for number in range(MOST + 5):
        log.error("it_failed", number=number)
    kept = memory.troubles()
    assert len(kept) == MOST == 200
    assert (kept[0].fields["number"], kept[-1].fields["number"]) == (MOST + 4, 5)


def test_a_record_that_cannot_be_read_breaks_nothing(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Unreadable:
        def __str__(self) -> str:
            raise RuntimeError

    monkeypatch.setattr(logging, "raiseExceptions", False)
    logging.getLogger("some.library").error(Unreadable())
    assert memory.troubles() == []


@pytest.fixture
def level() -> Iterator[None]:
    before = logs.level_now()
    yield
    logs.set_level(before)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("name", logs.LEVELS)
def test_the_level_is_changed_at_once_and_warnings_are_remembered_at_every_one(
    name: str, memory: Memory
) -> None:
    logs.set_level(name)
    assert logs.level_now() == name
    log.warning("mailbox_paused")
    assert the_one(memory).event == "mailbox_paused"
    written = [handler for handler in logging.getLogger().handlers if handler.get_name() == logs.WRITTEN_BY]
    assert [logging.getLevelName(handler.level).lower() for handler in written] == [name]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to bob.b@contoso.example:\r\n no", "to b…@contoso.example: no"),
        ("approvals+abcdefghijklmnop@contoso.example", "approvals@contoso.example"),
        ("Approvals@Contoso.Example", "Approvals@Contoso.Example"),
        ("Re: [#ABCDEFGHIJKLMNOP]", "Re: [#…]"),
        ("bob+one+two@contoso.example", "b…@contoso.example"),
        ("call +bob@contoso.example", "call +…@contoso.example"),
        ("x" * 99 + "@contoso.example", "x…@contoso.example"),
        (" one \t\r\n \n two", "one  two"),
        ("a\u202eb\x1bc", "a\ufffdb\ufffdc"),
        (
            "AADSTS7000215 535fb089-9ff3-47b6-9bfb-4f1264799865",
            "AADSTS7000215 535fb089-9ff3-47b6-9bfb-4f1264799865",
        ),
    ],
)
def test_a_text_is_masked(text: str, shown: str) -> None:
    assert masked(text, keep={"approvals@contoso.example"}) == shown


@pytest.mark.parametrize(
    "text", ["a" * 500_000, "a." * 250_000, "a+" * 250_000, "\t" * 500_000, "a@" * 250_000, "@a." * 170_000]
)
def test_a_long_text_is_masked_in_linear_time(text: str) -> None:
    began = time.process_time()
    masked(text)
    assert time.process_time() - began < 5  # each took minutes or hours


def test_of_a_long_text_no_part_of_an_address_is_kept(memory: Memory) -> None:
    log.warning("it_failed", cause=("b" * 70 + "@a.example ") * 40, reason="x" * 5000)
    kept = the_one(memory)
    assert set(kept.fields["cause"].split()) == {"b…@a.example", "…"}
    assert kept.fields["reason"] == "…"
