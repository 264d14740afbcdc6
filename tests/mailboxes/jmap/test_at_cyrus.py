"""Beyond the conformance suite, at a real Cyrus: lists that shrink while they are read, and mails that are refused."""

from collections.abc import Mapping
from typing import Any

import pytest

from placet.mailboxes.base import Action, FixNeeded, Refused
from placet.mailboxes.jmap import calls
from placet.mailboxes.jmap.calls import DRAFTS, Draft
from placet.mailboxes.jmap.connection import JmapConnection
from tests.mailboxes.conformance.mails import LONG_AGO, everything, mail_to, marked, subjects_of
from tests.mailboxes.conformance.world import INBOX, SENT
from tests.mailboxes.conformance.worlds.cyrus import CyrusBox

REFERENCE = "k7f2-abcd"


def delivered(box: CyrusBox, *subjects: str) -> None:
    for subject in subjects:
        box.deliver(mail_to(box.address, subject))


def test_nothing_is_lost_where_each_page_is_moved_away_before_the_next(
    box: CyrusBox, connection: JmapConnection
) -> None:
    """All of them received in the same second, or nearly."""
    subjects = [f"Mail {number}" for number in range(9)]
    delivered(box, *subjects)
    taken: set[str] = set()
    cursor: Mapping[str, Any] = {}
    more = True
    while more:
        page = connection.changes(cursor, LONG_AGO, 2)
        taken |= {*subjects_of(connection, page.seen)}
        marked(connection, [mail.server_id for mail in page.seen], Action.MOVE)
        cursor, more = page.cursor, page.more
    assert sorted(taken) == subjects
    assert box.subjects(INBOX) == []


def test_what_comes_while_the_list_is_read_comes_after_it(box: CyrusBox, connection: JmapConnection) -> None:
    delivered(box, "One", "Two")
    first = connection.changes({}, LONG_AGO, 1)
    delivered(box, "Three")
    seen, _cursor = everything(connection, first.cursor, limit=1)
    found = {*subjects_of(connection, first.seen), *subjects_of(connection, seen)}
    assert found == {"One", "Two", "Three"}


def test_a_mail_that_was_set_aside_is_moved_on_and_one_that_somebody_filed_stays(
    box: CyrusBox, connection: JmapConnection
) -> None:
    delivered(box, "One", "Two")
    seen, _cursor = everything(connection)
    ids = dict(zip(subjects_of(connection, seen), (mail.server_id for mail in seen), strict=True))
    marked(connection, [ids["One"]], Action.MOVE, "Placet/Set aside")
    marked(connection, [ids["Two"]], Action.MOVE, "Accounts/2026")
    marked(connection, list(ids.values()), Action.MOVE)
    assert list(box.subjects("Placet/Processed")) == ["One"]
    assert list(box.subjects("Accounts/2026")) == ["Two"]
    assert list(box.subjects("Placet/Set aside")) == []


@pytest.mark.parametrize(
    "recipient", ["nobody@example.test", "somebody@elsewhere.invalid"], ids=["unknown", "relay denied"]
)
def test_a_mail_that_the_mail_server_refuses_is_refused_and_leaves_no_draft(
    box: CyrusBox, connection: JmapConnection, recipient: str
) -> None:
    with pytest.raises(Refused) as caught:
        connection.send(mail_to(recipient, "Ask", sender=box.address), REFERENCE)
    assert caught.value.not_done
    assert [*box.subjects("Drafts"), *box.subjects(SENT)] == []
    connection.send(mail_to(box.other, "Ask", sender=box.address), REFERENCE)
    assert list(box.subjects(SENT)) == ["Ask"]


def test_a_mail_that_was_drafted_and_perhaps_not_sent_is_unsure(
    box: CyrusBox, connection: JmapConnection
) -> None:
    """As where the server was killed in between: Cyrus forgets what it submitted."""
    raw = mail_to(box.other, "Ask", sender=box.address)
    drafts = connection.places.of_role(DRAFTS)
    assert drafts is not None
    draft = Draft(connection.jmap.upload(raw), drafts.id, drafts.id)
    failed = calls.submit(
        connection.jmap, draft, "no such identity", {"mailFrom": {"email": "x"}, "rcptTo": []}
    )
    assert failed.problem is not None
    assert list(box.subjects("Drafts")) == ["Ask"]
    assert connection.was_sent("<Ask@example.test>", REFERENCE, LONG_AGO) is None
    assert connection.was_sent("<Other@example.test>", REFERENCE, LONG_AGO) is False
    connection.send(raw, REFERENCE)
    assert len(box.arrived()) == 1
    assert connection.was_sent("<Ask@example.test>", REFERENCE, LONG_AGO) is True


def test_as_somebody_else_nothing_is_sent(box: CyrusBox, connection: JmapConnection) -> None:
    other = JmapConnection(connection.jmap, type(connection.settings).parse(
        {"username": box.other, "jmap_host": "127.0.0.1", "jmap_security": "none"}
    )[0])  # fmt: skip
    with pytest.raises(FixNeeded, match="send as"):
        other.send(mail_to(box.other, "Ask", sender=box.other), REFERENCE)
    assert list(box.arrived()) == []
