"""What Sent Items of the local Exchange Online tell of our mails, the same over every way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from placet.mailboxes.base import Connection, SentMail
from placet.sandbox.server import Sandbox
from tests.mailboxes.sandboxed import opened, written


@pytest.fixture(params=["ews", "graph"])
def connection(sandbox: Sandbox, request: pytest.FixtureRequest) -> Iterator[Connection]:
    connection = opened(sandbox, request.param)
    yield connection
    connection.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_one_list_of_sent_items_tells_by_what_ids_mails_went_out(
    sandbox: Sandbox, connection: Connection, replaced: bool
) -> None:
    """By their subjects; those that share one, by the reference in their text."""
    sandbox.switches.replace_message_id = replaced
    now = datetime.now(UTC)
    subjects = {"r1": "One [#aaaa]", "r2": "Two [#bbbb]", "r3": "Twice", "r4": "Twice"}
    for reference, subject in subjects.items():
        raw = written(subject).replace(b"<ask-1@", f"<{reference}@".encode())
        connection.send(raw + f"Mail reference: {reference}\n".encode(), reference)
    known = [
        SentMail(reference, f"<{reference}@contoso.example>", text) for reference, text in subjects.items()
    ]
    strange = [SentMail("r5", "<5@contoso.example>", "Twice"), SentMail("r6", "<6@contoso.example>", "Three")]
    copies = connection.copies_of_sent([*known, *strange], now)
    ids = {reference: copy.message_id for reference, copy in copies.items()}
    arrived = {str(entry.header("Message-ID")): entry for entry in sandbox.mails("ann")}
    assert {reference: arrived[id_].subject for reference, id_ in ids.items()} == subjects
    assert all(f"Mail reference: {reference}" in arrived[id_].text for reference, id_ in ids.items())
    assert connection.copies_of_sent(known, now + timedelta(hours=1)) == {}
    assert {copy.from_ for copy in copies.values()} == {"approvals@contoso.example"}


@pytest.mark.parametrize("replaced", [False, True])
def test_sent_items_tell_the_address_that_stands_there_for_an_alias(
    sandbox: Sandbox, connection: Connection, replaced: bool
) -> None:
    sandbox.switches.replace_message_id = replaced
    sandbox.make_alias("approvals", "Requests@contoso.example")
    now = datetime.now(UTC)
    wanted = []
    for number in range(12):  # more than Exchange Web Services are asked for at once
        connection.send(written(f"Ask {number}").replace(b"<ask-1@", f"<{number}@".encode()), "")
        wanted.append(SentMail(str(number), f"<{number}@contoso.example>", f"Ask {number}"))
    copies = connection.copies_of_sent(wanted, now)
    assert len(copies) == 12
    assert {copy.from_ for copy in copies.values()} == {"requests@contoso.example"}
    assert all("<requests@contoso.example>" in str(one.header("From")) for one in sandbox.mails("ann"))


def test_what_was_sent_is_recognised_by_its_reference(sandbox: Sandbox, connection: Connection) -> None:
    """The server replaces Message-IDs."""
    sandbox.switches.replace_message_id = True
    now = datetime.now(UTC)
    connection.send(written(text="Please decide.\nk7f2-abcd\n"), "k7f2-abcd")
    assert connection.was_sent("<ask-1@contoso.example>", "k7f2-abcd", now, "Ask k7f2-abcd")
    assert not connection.was_sent("<ask-2@contoso.example>", "zzzz-zzzz", now)
    assert not connection.was_sent("<ask-2@contoso.example>", "k7f2-abcd", now, "Another")
    assert not connection.was_sent("", "k7f2-abcd", now + timedelta(hours=1))
