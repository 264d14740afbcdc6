"""From a delivery to a poll that is due at once, by the listeners of `placet serve`."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from placet.mailboxes.models import Mailbox, Subscription
from placet.mailboxes.push.listeners import Listeners
from tests.servers.dovecot import Dovecot

from .conftest import mail
from .test_kept_once import row_of

PATIENCE = 60.0

pytestmark = pytest.mark.any_database


def waited_for(what: Callable[[], bool]) -> float:
    """Seconds until it was so."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.02)
    return time.monotonic() - began


def test_a_mailbox_is_due_as_soon_as_a_mail_comes(transactional_db: None, server: Dovecot, user: str) -> None:
    mailbox = row_of(server, user)
    listeners = Listeners()
    listeners.start()
    try:
        waited_for(lambda: Subscription.objects.filter(mailbox=mailbox).exclude(since=None).exists())
        later = timezone.now() + timedelta(hours=1)
        Mailbox.objects.filter(pk=mailbox.pk).update(next_poll=later, noticed=False)
        server.deliver(user, mail("an answer"))
        seconds = waited_for(lambda: Mailbox.objects.filter(pk=mailbox.pk, next_poll__lt=later).exists())
        assert seconds < 10  # on a busy machine; else it is a tenth of a second
        assert Subscription.objects.get(mailbox=mailbox).last_notice_at is not None
        assert Subscription.objects.get(mailbox=mailbox).trouble == {}
    finally:
        listeners.stop(PATIENCE)


def test_a_password_that_is_refused_to_who_listens_is_not_tried_again(
    transactional_db: None, server: Dovecot, user: str
) -> None:
    """Whoever polls the mailbox may be signed in since the password was good, and would not notice for days."""
    mailbox = row_of(server, user)
    mailbox.secrets = {"imap_password": "wrong-horse"}
    mailbox.save()
    listeners = Listeners()
    listeners.start()
    try:
        waited_for(lambda: Mailbox.objects.exclude(paused_until=None).exists())
        rested = Mailbox.objects.get()
        assert rested.paused_until is not None
        assert rested.paused_until > timezone.now() + timedelta(hours=23)
        assert "does not take user name and password" in rested.trouble["cause"]
    finally:
        listeners.stop(PATIENCE)
