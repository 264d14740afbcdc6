"""`changes` and `fetch`: what arrives is listed once, fetched whole, and found again by whoever was away."""

from datetime import UTC, datetime, timedelta

import pytest

from placet.mailboxes.base import Action, Connection, Folder, Gone, MailError, Received

from .mails import BODY, LARGEST, LONG_AGO, everything, mail_to, subject_of, subjects_of, whole
from .world import Box, World

pytestmark = pytest.mark.asks("receives")


def delivered(box: Box, *subjects: str) -> None:
    for subject in subjects:
        box.deliver(mail_to(box.address, subject))


def test_pages_are_small_and_lose_nothing(box: Box, connection: Connection, world: World) -> None:
    subjects = [f"Mail {number}" for number in range(7)]
    for number, subject in enumerate(subjects):
        box.deliver(mail_to(box.address, subject), junk=world.junk and number % 2 == 1)
    seen, cursor = everything(connection, limit=3)
    assert len({entry.server_id for entry in seen}) == len(seen) == 7
    assert sorted(subjects_of(connection, seen)) == subjects
    assert everything(connection, cursor, limit=3)[0] == []


def test_whoever_goes_on_from_the_cursor_sees_what_came_since(box: Box, connection: Connection) -> None:
    delivered(box, "One")
    cursor = everything(connection)[1]
    connection.close()
    delivered(box, "Two", "Three")
    later = box.connect()
    seen, cursor = everything(later, cursor)
    assert sorted(subjects_of(later, seen)) == ["Three", "Two"]
    assert everything(later, cursor)[0] == []
    later.close()


@pytest.mark.dressed("kept")
@pytest.mark.parametrize(
    "kept", [{"x": 1}, {"inbox": "?", "junk": None}, {"inbox": {"uidvalidity": "x"}, "seen": "x"}]
)
def test_a_cursor_of_something_else_is_a_beginning(
    box: Box, connection: Connection, kept: dict[str, object]
) -> None:
    delivered(box, "One")
    assert len(everything(connection, kept)[0]) == 1


def test_mail_from_before_is_left_out(box: Box, connection: Connection) -> None:
    delivered(box, "One")
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    assert everything(connection, since=in_an_hour)[0] == []
    assert len(everything(connection, since=in_an_hour - timedelta(hours=2))[0]) == 1


@pytest.mark.asks("junk")
def test_junk_is_looked_at_too(box: Box, connection: Connection) -> None:
    delivered(box, "One")
    box.deliver(mail_to(box.address, "Two"), junk=True)
    seen, cursor = everything(connection)
    where = {subject_of(entry): entry.folder for entry in whole(connection, seen)}
    assert where == {"One": Folder.INBOX, "Two": Folder.JUNK}
    assert everything(connection, cursor)[0] == []


def test_a_mail_comes_whole_with_what_the_server_knows_of_it(box: Box, connection: Connection) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    raw = mail_to(box.address, "One")
    box.deliver(raw)
    [seen] = everything(connection)[0]
    [entry] = whole(connection, [seen])
    assert entry.raw.endswith(raw)
    assert entry.raw.endswith(BODY)
    assert "Subject: One" in entry.transport_headers
    assert "berweisung" not in entry.transport_headers
    assert entry.message_id == "<One@contoso.example>"
    assert entry.received_at is not None
    assert before <= entry.received_at <= datetime.now(UTC) + timedelta(minutes=1)
    assert seen.received_at in (None, entry.received_at)
    assert entry.size >= len(raw)
    assert not entry.too_large


def test_a_large_mail_comes_whole_and_one_above_the_limit_as_headers(
    box: Box, connection: Connection
) -> None:
    large = mail_to(box.address, "Large", body=b"x" * 76 * 4 + b"\r\n" + (b"y" * 76 + b"\r\n") * 20_000)
    box.deliver(large)
    delivered(box, "Small")
    seen, _ = everything(connection)
    assert any(entry.raw.endswith(large) for entry in whole(connection, seen))
    entries = [entry for entry in connection.fetch(seen, 100_000) if isinstance(entry, Received)]
    assert {subject_of(entry): entry.too_large for entry in entries} == {"Large": True, "Small": False}
    headers = next(entry for entry in entries if entry.too_large)
    assert len(headers.raw) < 10_000
    assert b"yyyy" not in headers.raw
    assert headers.size >= len(large)


def test_one_that_is_gone_is_told_and_the_others_come(box: Box, connection: Connection) -> None:
    delivered(box, "One", "Two", "Three")
    seen, _ = everything(connection)
    box.remove("Two")
    gone = [entry for entry in connection.fetch(seen, LARGEST) if isinstance(entry, tuple)]
    there = [entry for entry in connection.fetch(seen, LARGEST) if isinstance(entry, Received)]
    assert sorted(map(subject_of, there)) == ["One", "Three"]
    [(entry, error)] = gone
    assert entry in seen and isinstance(error, Gone)


def test_what_is_gone_before_it_is_listed_is_no_error(box: Box, connection: Connection) -> None:
    cursor = everything(connection)[1]
    delivered(box, "One", "Two")
    box.remove("One")
    seen, cursor = everything(connection, cursor)
    entries = list(connection.fetch(seen, LARGEST))
    assert [subject_of(entry) for entry in entries if isinstance(entry, Received)] == ["Two"]
    assert all(isinstance(entry, Received) or isinstance(entry[1], MailError) for entry in entries)


@pytest.mark.asks("forgets")
def test_where_the_server_forgot_the_cursor_all_is_listed_again(box: Box, connection: Connection) -> None:
    delivered(box, "One")
    cursor = everything(connection)[1]
    box.forget()
    delivered(box, "Two")
    page = connection.changes(cursor, LONG_AGO, 10)
    assert page.restarted
    seen = [*page.seen, *(everything(connection, page.cursor)[0] if page.more else [])]
    assert sorted(subjects_of(connection, seen)) == ["One", "Two"]
    again = connection.changes(page.cursor, LONG_AGO, 10)
    assert (again.restarted, list(again.seen)) == (False, []) or page.more


@pytest.mark.asks("forgets")
def test_a_cursor_that_is_forgotten_between_two_pages_loses_nothing(box: Box, connection: Connection) -> None:
    subjects = [f"Mail {number}" for number in range(5)]
    delivered(box, *subjects)
    first = connection.changes({}, LONG_AGO, 2)
    assert first.more
    box.forget()
    seen, _ = everything(connection, first.cursor, limit=2)
    assert sorted(set(subjects_of(connection, seen))) == subjects


def test_whoever_is_told_of_the_end_has_seen_all_that_was_there_at_the_beginning(
    box: Box, connection: Connection
) -> None:
    """On this rests `read_until`: deadlines pass only up to when all mail is known. Between two pages what was listed
    is taken away, and more comes; where a server has whole seconds, what came within one may be listed once more."""
    subjects = [f"Mail {number}" for number in range(5)]
    delivered(box, *subjects)
    page = connection.changes({}, LONG_AGO, 2)
    assert page.more and not page.complete
    listed = subjects_of(connection, page.seen)
    box.remove(listed[0])
    delivered(box, "Late")
    for _page in range(12):
        page = connection.changes(page.cursor, LONG_AGO, 2)
        listed += subjects_of(connection, page.seen)
        if page.complete:
            break
    assert page.complete and not page.more
    assert {*subjects} <= {*listed}
    if "Late" not in listed:
        listed += subjects_of(connection, everything(connection, page.cursor)[0])
    assert sorted({*listed}) == ["Late", *subjects]


@pytest.mark.asks("moves")
def test_a_mail_that_comes_back_is_listed_again_with_the_time_when_it_was_received(
    box: Box, connection: Connection
) -> None:
    delivered(box, "One", "Two")
    seen, cursor = everything(connection)
    times = {subject_of(entry): entry.received_at for entry in whole(connection, seen)}
    one = next(
        mail for mail, subject in zip(seen, subjects_of(connection, seen), strict=True) if subject == "One"
    )
    list(connection.mark([one.server_id], Action.MOVE, "Placet/Processed"))
    seen, cursor = everything(connection, cursor)
    assert seen == []
    box.bring_back("One", "Placet/Processed")
    seen, cursor = everything(connection, cursor)
    [back] = whole(connection, seen)
    assert (subject_of(back), back.received_at) == ("One", times["One"])
    assert everything(connection, cursor)[0] == []


def test_closing_twice_is_no_error(connection: Connection) -> None:
    everything(connection)
    connection.close()
    connection.close()
