"""How each kind fails: as something to mend or to wait for, in words, without a secret; and how its check does."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from placet.mailboxes import pool
from placet.mailboxes.base import Connection, FixNeeded, MailboxError, SignInRefused, Wait
from placet.mailboxes.models import Mailbox
from tests.making import make_mailbox

from .mails import LONG_AGO, everything, mail_to
from .world import DELETED, INBOX, SENT, Box, Trouble, World

TO_MEND = {Trouble.WRONG_SECRET}


@pytest.mark.asks("receives")
def test_each_trouble_is_of_the_mailbox_and_said_in_words(box: Box, trouble: Trouble) -> None:
    box.deliver(mail_to(box.address, "One"))
    with box.troubled(trouble) as connection:
        with pytest.raises(MailboxError) as caught:
            connection.changes({}, LONG_AGO, 10)
        connection.close()
    error = caught.value
    assert isinstance(error, FixNeeded if trouble in TO_MEND else Wait)
    assert error.cause.endswith((".", "”", ")")) and error.cure.endswith((".", "”", ")"))
    assert "wrong" not in repr(error.details), "no secret is shown"
    later = box.connect()
    assert len(everything(later)[0]) == 1, "and then all is well"
    later.close()


@pytest.mark.asks("receives")
@pytest.mark.troubles(Trouble.CUT)
def test_a_connection_that_was_cut_off_works_again(box: Box, trouble: Trouble) -> None:
    """Whoever keeps it open: the next call begins anew, or another one does."""
    box.deliver(mail_to(box.address, "One"))
    with box.troubled(trouble) as connection, pytest.raises(Wait):
        connection.changes({}, LONG_AGO, 10)
    assert len(everything(connection)[0]) == 1
    connection.close()


@pytest.mark.asks("sends")
@pytest.mark.troubles(Trouble.AWAY, Trouble.WRONG_HOST, Trouble.WRONG_SECRET)
def test_a_mail_that_never_reached_the_server_is_certainly_not_sent(box: Box, trouble: Trouble) -> None:
    with box.troubled(trouble) as connection:
        with pytest.raises(MailboxError) as caught:
            connection.send(mail_to(box.other, "Ask", sender=box.address), "k7f2-abcd")
        connection.close()
    assert isinstance(caught.value, FixNeeded if trouble in TO_MEND else Wait)
    assert caught.value.not_done
    assert list(box.arrived()) == []


def looked(connection: Connection, box: Box) -> None:
    connection.changes({}, LONG_AGO, 10)


def sent(connection: Connection, box: Box) -> None:
    connection.send(mail_to(box.other, "Ask", sender=box.address), "k7f2-abcd")


@pytest.fixture
def rested(
    box: Box, world: World, trouble: Trouble, db: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Connection, Box], None]], None]:
    """That it rests for a day after this failed, or as what else must be mended where its secret is no password."""

    def rested(work: Callable[[Connection, Box], None]) -> None:
        mailbox = make_mailbox()
        with box.troubled(trouble) as connection:
            monkeypatch.setattr(pool, "connect", lambda mailbox: connection)
            pool.drop(mailbox)
            with pytest.raises(FixNeeded) as caught, pool.opened(mailbox) as opened:
                work(opened, box)
        assert isinstance(caught.value, SignInRefused) is world.locks, (caught.value, caught.value.details)
        now = Mailbox.objects.get()
        assert now.trouble["fix_needed"] and now.trouble["cause"] == caught.value.cause
        assert now.paused_until is not None
        day, while_ = timedelta(days=1), timedelta(minutes=15)
        assert abs(now.paused_until - timezone.now() - (day if world.locks else while_)) < timedelta(
            minutes=1
        )

    return rested


@pytest.mark.asks("receives")
@pytest.mark.troubles(Trouble.WRONG_SECRET)
def test_a_password_that_is_refused_to_who_receives_rests_for_a_day(
    rested: Callable[[Callable[[Connection, Box], None]], None],
) -> None:
    rested(looked)


@pytest.mark.asks("sends")
@pytest.mark.troubles(Trouble.WRONG_SECRET)
def test_a_password_that_is_refused_to_who_sends_rests_for_a_day(
    rested: Callable[[Callable[[Connection, Box], None]], None],
) -> None:
    rested(sent)


@pytest.mark.asks("checks")
def test_the_check_of_a_good_mailbox_passes_and_leaves_nothing_behind(
    box: Box, connection: Connection, world: World, seconds: None
) -> None:
    steps = connection.steps()
    checks = list(connection.check())
    assert {check.key: check.title for check in checks} == steps
    assert len(checks) == len(steps), "no key stands twice"
    for check in checks:
        assert check.found
        assert check.ok, (check.key, check.cause)
    sends_to_itself = world.sends and (world.receives or len(world.kinds) > 1)
    assert ("send" in steps, "cleanup" in steps) == (sends_to_itself, sends_to_itself)
    assert [*box.subjects(INBOX), *box.subjects(SENT)] == []
    assert all(subject.startswith("Placet check ") for subject in box.subjects(DELETED))


@pytest.mark.asks("checks")
@pytest.mark.troubles(Trouble.AWAY, Trouble.WRONG_SECRET)
def test_the_check_ends_where_the_trouble_is(box: Box, trouble: Trouble) -> None:
    with box.troubled(trouble) as connection:
        checks = list(connection.check())
        connection.close()
    assert [check.ok for check in checks[:-1]] == [True] * (len(checks) - 1)
    assert not checks[-1].ok
    assert checks[-1].cause and checks[-1].cure
    assert checks[-1].key != "send"
