"""`send`, `was_sent` and `copies_of_sent`: a mail goes out once, and what was cut off is found again."""

from datetime import UTC, datetime, timedelta

import pytest

from placet.mailboxes.base import Connection, Refused, SentMail, Wait

from .mails import mail_to
from .world import SENT, Box, World

pytestmark = pytest.mark.asks("sends")


def ours(box: Box, subject: str = "Ask k7f2-abcd", reference: str = "k7f2-abcd", **more: str) -> bytes:
    body = f"Please decide.\r\n.\r\nMail reference: {reference}\r\n".encode()
    return mail_to(box.other, subject, sender=box.address, body=body, **more)


def id_of(box: Box, subject: str = "Ask k7f2-abcd") -> str:
    return f"<{subject.replace(' ', '.')}@{box.address.partition('@')[2]}>"


def test_a_mail_arrives_once_as_it_was_written(box: Box, connection: Connection) -> None:
    connection.send(ours(box), "k7f2-abcd")
    [arrived] = box.arrived()
    assert arrived.endswith(b"Please decide.\r\n.\r\nMail reference: k7f2-abcd\r\n")
    assert b"Subject: Ask k7f2-abcd" in arrived
    assert box.address.encode() in arrived


@pytest.mark.asks("keeps_sent")
def test_what_was_sent_is_recognised(box: Box, connection: Connection) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    id_, reference = id_of(box), "k7f2-abcd"
    assert not connection.was_sent(id_, reference, before)
    connection.send(ours(box), reference)
    assert list(box.subjects(SENT)) == ["Ask k7f2-abcd"]
    assert connection.was_sent(id_, reference, before)
    assert connection.was_sent(id_, reference, before, "Ask k7f2-abcd")
    assert connection.was_sent("<other@contoso.example>", reference, before, "Ask k7f2-abcd"), (
        "by its reference"
    )
    assert not connection.was_sent("<other@contoso.example>", "zzzz-zzzz", before)
    assert not connection.was_sent("<other@contoso.example>", reference, before + timedelta(hours=1))


@pytest.mark.asks("keeps_sent")
def test_one_look_tells_by_what_ids_mails_went_out(box: Box, connection: Connection) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    subjects = {f"r{number}": f"Ask {number}" for number in range(12)}
    for reference, subject in subjects.items():
        connection.send(ours(box, subject, reference), reference)
    wanted = [SentMail(reference, id_of(box, subject), subject) for reference, subject in subjects.items()]
    strange = SentMail("strange", "<strange@contoso.example>", "Strange")
    copies = connection.copies_of_sent([*wanted, strange], before)
    assert {reference: copy.message_id for reference, copy in copies.items()} == {
        mail.reference: mail.message_id for mail in wanted
    }
    assert {copy.from_ for copy in copies.values()} <= {box.address, ""}
    assert connection.copies_of_sent(wanted, before + timedelta(hours=1)) == {}
    assert connection.copies_of_sent([], before) == {}


@pytest.mark.asks("most_sent")
def test_a_mail_that_is_too_large_is_refused_in_words(box: Box, connection: Connection, world: World) -> None:
    with pytest.raises(Refused, match="larger") as caught:
        connection.send(ours(box) + (b"x" * 76 + b"\r\n") * (world.most_sent // 78 + 1), "k7f2-abcd")
    assert str(caught.value)
    connection.send(ours(box), "k7f2-abcd")
    assert len(box.arrived()) == 1, "the next one goes out"


def test_a_send_whose_answer_is_lost_is_no_failure_of_the_mail_and_is_found_again(
    box: Box, world: World
) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    with box.cut_while_sending() as connection:
        with pytest.raises(Wait) as caught:
            connection.send(ours(box), "k7f2-abcd")
        connection.close()
    assert not caught.value.not_done
    assert len(box.arrived()) == 1
    again = box.connect()
    was_sent = again.was_sent(id_of(box), "k7f2-abcd", before, "Ask k7f2-abcd")
    again.close()
    assert was_sent is (True if world.copies else None), (
        "None: nobody can say, and it is not repeated by itself"
    )
