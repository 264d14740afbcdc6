"""`mark`: what becomes of a mail on the server, once, twice, and where others were faster."""

import pytest

from placet.mailboxes.base import MOST_MARKED, Action, Connection, FixNeeded

from .mails import everything, mail_to, marked, subjects_of
from .world import DELETED, INBOX, Box, World

pytestmark = pytest.mark.asks("receives")
PROCESSED = "Placet/Processed"


def delivered(box: Box, connection: Connection, *subjects: str) -> dict[str, str]:
    """Ids by subject."""
    for subject in subjects:
        box.deliver(mail_to(box.address, subject))
    seen, _ = everything(connection)
    return dict(zip(subjects_of(connection, seen), (mail.server_id for mail in seen), strict=True))


def takes_away(action: Action, world: World) -> bool:
    """Whether mails leave the inbox by it."""
    return action is Action.DELETE or (action is Action.MOVE and world.moves)


@pytest.mark.asks("moves")
def test_a_mail_is_moved_once_to_a_folder_that_is_made(box: Box, connection: Connection) -> None:
    ids = delivered(box, connection, "One", "Two")
    cursor = everything(connection)[1]
    for _ in range(2):
        marked(connection, [ids["One"]], Action.MOVE)
    assert list(box.subjects(INBOX)) == ["Two"]
    assert list(box.subjects(PROCESSED)) == ["One"]
    assert everything(connection, cursor)[0] == []


@pytest.mark.asks("moves")
@pytest.mark.dressed("path")
@pytest.mark.parametrize("path", ["Traité/Décisions à part", "A & B~/ü"])
def test_a_folder_may_be_called_anything(box: Box, connection: Connection, path: str) -> None:
    ids = delivered(box, connection, "One")
    marked(connection, [ids["One"]], Action.MOVE, path)
    assert list(box.subjects(path)) == ["One"]
    assert list(box.subjects(INBOX)) == []


@pytest.mark.asks("moves")
def test_a_folder_that_was_deleted_meanwhile_is_made_again(box: Box, connection: Connection) -> None:
    ids = delivered(box, connection, "One", "Two")
    marked(connection, [ids["One"]], Action.MOVE)
    box.remove_folder(PROCESSED)
    marked(connection, [ids["Two"]], Action.MOVE)
    assert list(box.subjects(PROCESSED)) == ["Two"]


@pytest.mark.asks("moves")
def test_no_mail_is_moved_to_where_mail_is_taken_from(box: Box, connection: Connection) -> None:
    ids = delivered(box, connection, "One")
    with pytest.raises(FixNeeded, match="takes mail from"):
        list(connection.mark([ids["One"]], Action.MOVE, "Inbox"))
    assert list(box.subjects(INBOX)) == ["One"]


@pytest.mark.asks("reads")
def test_a_mail_is_marked_read_where_it_is(box: Box, connection: Connection) -> None:
    ids = delivered(box, connection, "One", "Two")
    cursor = everything(connection)[1]
    for _ in range(2):
        marked(connection, [ids["One"]], Action.MARK_READ)
    assert box.is_read("One")
    assert not box.is_read("Two"), "fetching a mail does not mark it"
    assert everything(connection, cursor)[0] == [], "it is no new mail"


def test_a_mail_is_deleted_once(box: Box, connection: Connection, world: World) -> None:
    ids = delivered(box, connection, "One", "Two")
    for _ in range(3):
        marked(connection, [ids["One"]], Action.DELETE)
    assert list(box.subjects(INBOX)) == ["Two"]
    assert list(box.subjects(DELETED)) == (["One"] if world.moves else [])


@pytest.mark.parametrize("action", list(Action))
def test_those_that_are_gone_are_no_error_and_stop_none_beside_them(
    box: Box, connection: Connection, world: World, action: Action
) -> None:
    ids = delivered(box, connection, "One", "Two", "Three")
    box.remove("Two")
    outcomes = marked(connection, list(ids.values()), action)
    assert outcomes[ids["Two"]]
    assert list(box.subjects(INBOX)) == ([] if takes_away(action, world) else ["One", "Three"])
    marked(connection, list(ids.values()), action)


@pytest.mark.dressed("action")
@pytest.mark.parametrize("action", list(Action))
def test_more_than_one_call_takes_are_all_marked(
    box: Box, connection: Connection, world: World, action: Action
) -> None:
    ids = delivered(box, connection, *[f"Mail {number:02}" for number in range(MOST_MARKED + 3)])
    outcomes = marked(connection, list(ids.values()), action)
    assert len(outcomes) == MOST_MARKED + 3
    assert (list(box.subjects(INBOX)) == []) == takes_away(action, world)


def test_no_mail_at_all_is_no_error(connection: Connection) -> None:
    assert list(connection.mark([], Action.MOVE, PROCESSED)) == []


def test_ids_of_another_protocol_are_known_or_left_out(box: Box, connection: Connection) -> None:
    delivered(box, connection, "One")
    assert connection.known_as(["no-such-id"], "a protocol of the future") == {}
    assert connection.known_as([], "graph") == {}
