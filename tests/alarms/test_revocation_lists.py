"""Mails ahead of the end of a list of revoked certificates: as early as its life allows, anew for a newer one, and none
where no authority needs lists."""

from datetime import timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.serialization import Encoding

from placet.accounts import trust_changes
from placet.accounts.models import Person, TrustedAuthority
from placet.alarms import messages, revocation_lists
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.alarms.conftest import START, looked_into, run
from tests.signed_mails import Holder, issue, revoked_by

pytestmark = pytest.mark.django_db
Clock = time_machine.Traveller


def added(authority: Holder, days: float) -> None:
    """A list that holds for so long from now."""
    file = revoked_by(authority, days=(0, days)).public_bytes(Encoding.DER)
    trust_changes.add_list(file, by=None)


@pytest.fixture
def root(mailbox: Mailbox, admin: Person, clock: Clock) -> Holder:
    clock.move_to(START)
    made = issue("Root", authority=True)
    trust_changes.add_authority(made.pem, needs_list=True, by=None)
    return made


def subjects() -> list[str]:
    mails = OutgoingMail.objects.filter(kind=messages.REVOCATION_LIST).order_by("pk")
    return [mail.subject for mail in mails]


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (360, [30, 14, 7, 3, 1, 0]),  # a month before, though a quarter of its life is longer
        (40, [10, 7, 3, 1, 0]),
        (8, [2, 1, 0]),
        (1, [0.25, 0]),
    ],
)
def test_it_is_told_as_early_as_the_life_of_a_list_allows_and_once_at_each_threshold(
    root: Holder, mailbox: Mailbox, clock: Clock, days: float, told: list[float]
) -> None:
    added(root, days)
    when: list[float] = []
    step = 0.25 if days < 10 else 1.0
    left = days
    while left > -1.5:
        clock.move_to(START + timedelta(days=days - left, seconds=1))
        looked_into(mailbox)
        before = len(subjects())
        run("revocation_list")
        assert run("revocation_list") == 0
        when += [left] if len(subjects()) > before else []
        left -= step
    assert when == told
    assert subjects()[-1] == "Alarm: a list of revoked certificates has ended"
    assert set(subjects()[:-1]) == {"A list of revoked certificates ends soon"}


def test_a_newer_list_begins_anew(root: Holder, mailbox: Mailbox, clock: Clock) -> None:
    added(root, 8)
    for left, newer, mails in ((1.5, True, 1), (1.5, False, 1), (-6.0, False, 2)):
        clock.move_to(START + timedelta(days=8 - left))
        looked_into(mailbox)
        run("revocation_list")
        assert len(subjects()) == mails
        if newer:
            added(root, 8)


def test_nobody_hears_of_a_list_that_nothing_needs(root: Holder, mailbox: Mailbox, clock: Clock) -> None:
    added(root, 8)
    TrustedAuthority.objects.update(needs_list=False)
    clock.move_to(START + timedelta(days=9))
    looked_into(mailbox)
    assert revocation_lists.due(10) == []
    TrustedAuthority.objects.update(needs_list=True)
    assert len(revocation_lists.due(10)) == 1
    Mailbox.objects.update(active=False)
    assert revocation_lists.due(10) == [], "there is nothing that it could be sent by"


def test_what_an_authority_calls_itself_is_no_markup(root: Holder, mailbox: Mailbox, clock: Clock) -> None:
    odd = issue("<b>Root</b>\r\nBcc: eve@evil.example", own=None, authority=True)
    added(odd, 8)
    clock.move_to(START + timedelta(days=9))
    looked_into(mailbox)
    run("revocation_list")
    [mail] = OutgoingMail.objects.filter(kind=messages.REVOCATION_LIST)
    assert b"<b>Root" not in bytes(mail.raw)
    assert b"\nBcc:" not in bytes(mail.raw)
