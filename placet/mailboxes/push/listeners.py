"""Listening for new mail through Exchange Web Services: a thread for each active mailbox, beside the workers of
`placet serve`. What it hears leads to a look into the mailbox and to nothing else; what fails here is kept with the
subscription and shown, and disturbs nothing: the mailbox is polled all the same.
"""

import random
import threading
import time
from contextlib import closing
from datetime import timedelta
from typing import Any

import structlog
from django.db import close_old_connections, connections
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from placet.accounts.reader import as_the_installation_reads
from placet.mailboxes import pool
from placet.mailboxes.base import FixNeeded, MailboxError, Wait
from placet.mailboxes.microsoft import credentials, protocols
from placet.mailboxes.microsoft.clouds import EWS
from placet.mailboxes.microsoft.ews import streaming
from placet.mailboxes.microsoft.ews.connection import EwsConnection
from placet.mailboxes.models import Mailbox, Subscription
from placet.mailboxes.push.notices import came, is_wanted, notice
from placet.workers.leases import Leased

log = structlog.get_logger(__name__)

LOOK = 2.0  # seconds between two looks whether there is somebody to listen to
LEASED = Leased(Subscription, timedelta(seconds=60))  # of whoever listens to a mailbox
STEADY = 60.0  # seconds after which a connection counts as one that held
RESTING = 5.0  # seconds between two looks at a mailbox that is paused
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 600.0
FIX_PAUSE = 900.0


class Listeners:
    """Of this process: starts and ends them as mailboxes are activated, changed, moved and switched off."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._listeners: dict[int, Listener] = {}
        self._thread = threading.Thread(target=self._run, name="listeners", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 2) -> None:
        """Within moments: what they read is cut off."""
        self._stop.set()
        self._thread.join(timeout)

    def alive(self) -> list[int]:
        """Ids of the mailboxes that are listened to."""
        return [mailbox_id for mailbox_id, listener in list(self._listeners.items()) if listener.alive()]

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                close_old_connections()
                self._look()
            except Exception:
                # The database may be away for a while; this thread has to outlive that.
                log.exception("listeners_failed")
                connections.close_all()
            self._stop.wait(LOOK)
        for mailbox_id in list(self._listeners):
            self._end(mailbox_id)
        connections.close_all()

    def _look(self) -> None:
        active = Mailbox.objects.filter(active=True, via=EWS).defer("secrets", "cursor")
        wanted = {mailbox.pk: mailbox for mailbox in active if is_wanted(mailbox)}
        for mailbox_id, listener in list(self._listeners.items()):
            mailbox = wanted.get(mailbox_id)
            same = mailbox is not None and listener.made_from == _made_from(mailbox)
            if not (same and listener.alive() and listener.holds()):
                self._end(mailbox_id)
        now = timezone.now()
        free = Q(claim="") | Q(due__lte=now)
        Subscription.objects.filter(free, via=EWS).exclude(mailbox__in=list(wanted)).delete()
        for mailbox in wanted.values():
            started = _listener(mailbox) if mailbox.pk not in self._listeners else None
            if started is not None:
                self._listeners[mailbox.pk] = started
                started.start()

    def _end(self, mailbox_id: int) -> None:
        self._listeners.pop(mailbox_id).stop()


def _made_from(mailbox: Mailbox) -> tuple[object, ...]:
    return mailbox.settings, mailbox.secret_set_at


def _listener(mailbox: Mailbox) -> "Listener | None":
    """None if another process listens to it."""
    row, _made = Subscription.objects.get_or_create(mailbox=mailbox, via=EWS, folder="")
    free = Subscription.objects.filter(Q(claim="") | Q(due__lte=timezone.now()), pk=row.pk)
    claim = LEASED.take(free, since=None)
    if not claim:
        return None
    return Listener(mailbox.pk, row.pk, row.server_id, claim, _made_from(mailbox))


class Listener:
    """One thread that listens to one mailbox. `made_from` is what it was started with."""

    def __init__(
        self, mailbox_id: int, row_id: int, server_id: str, claim: str, made_from: tuple[object, ...]
    ) -> None:
        self.made_from = made_from
        self._mailbox_id = mailbox_id
        self._row = LEASED.mine(row_id, claim)
        self._row_id = row_id
        self._server_id = server_id  # one that an earlier connection made; the server may still know it
        self._lease_until = timezone.now() + LEASED.length
        self._stop = threading.Event()
        self._stream: streaming.Stream | None = None
        self._thread = threading.Thread(target=self._run, name=f"listener-{mailbox_id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def alive(self) -> bool:
        return self._thread.is_alive()

    def holds(self) -> bool:
        """Renews the claim. False if somebody else listens by now."""
        now = timezone.now()
        if self._lease_until - now > LEASED.length / 2:
            return True
        self._lease_until = now + LEASED.length
        return bool(self._row.update(due=self._lease_until))

    def stop(self, timeout: float = 1) -> None:
        self._stop.set()
        stream = self._stream
        if stream is not None:
            stream.close()
        self._thread.join(timeout)
        self._row.update(claim="", since=None)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            began, error = time.monotonic(), None
            try:
                close_old_connections()
                if self._rests():
                    self._stop.wait(RESTING)
                    continue
                self._listen()
            except MailboxError as trouble:
                error = trouble
            except Exception as unforeseen:
                log.exception("listener_failed", mailbox=self._mailbox_id)
                error = _unforeseen(unforeseen)
            failures = 0 if time.monotonic() - began > STEADY else failures + 1
            if error is not None and not self._stop.is_set():
                self._failed(error, failures)
            self._stop.wait(_pause(error, failures))
        connections.close_all()

    def _rests(self) -> bool:
        return pool.rests(Mailbox.objects.only("active", "paused_until").get(pk=self._mailbox_id))

    def _listen(self) -> None:
        """One answer of the server, until it ends. Raises MailboxError."""
        mailbox = Mailbox.objects.get(pk=self._mailbox_id)
        with as_the_installation_reads():
            settings = pool.settings_of(mailbox)
            if settings.via != EWS:
                return  # moved just now: whoever started this thread ends it
            connection = protocols.connect(settings, credentials.of(mailbox), key=f"{mailbox.pk}")
            with closing(connection):
                assert isinstance(connection, EwsConnection)
                connection.soap.stay()
                self._server_id = self._server_id or streaming.subscribe(connection.soap)
                self._stream = streaming.Stream(connection.soap, self._server_id)
                try:
                    self._follow(self._stream)
                except streaming.Lost:
                    log.info("subscription_lost", mailbox=self._mailbox_id)
                    self._server_id = ""
                finally:
                    self._stream = None

    def _follow(self, stream: streaming.Stream) -> None:
        if self._stop.is_set():
            stream.close()
        for heard in stream:
            if heard is streaming.Heard.OPENED:
                self._opened()
            if heard is streaming.Heard.NEWS:
                came(self._row_id)
            if heard is not streaming.Heard.BEAT:
                notice(self._mailbox_id)  # also after a break: nothing is told of what came in it

    def _opened(self) -> None:
        good: dict[str, Any] = {"server_id": self._server_id, "failures": 0, "trouble": {}}
        self._row.update(**good)
        self._row.filter(since=None).update(since=timezone.now())

    def _failed(self, error: MailboxError, failures: int) -> None:
        log.warning("listening_failed", mailbox=self._mailbox_id, cause=error.cause, failures=failures)
        if failures > 1:
            self._server_id = ""  # it may be the reason
        trouble = {"cause": error.cause, "cure": error.cure, "at": timezone.now().isoformat()}
        self._row.update(since=None, failures=failures, trouble=trouble)


def _unforeseen(error: Exception) -> MailboxError:
    with as_the_installation_reads():
        return Wait(
            _("Placet itself failed while listening for new mail: {error}. See the log.").format(
                error=type(error).__name__
            ),
            _("Report it with what the log says; Placet tries again by itself."),
        )


def _pause(error: MailboxError | None, failures: int) -> float:
    """Seconds until it is tried again. An answer that ended as it should is followed by the next at once, unless it
    was a short one again and again."""
    if error is None and failures <= 1:
        return 0
    if isinstance(error, FixNeeded):
        return FIX_PAUSE
    grown = min(FIRST_PAUSE * 2.0 ** min(max(failures - 1, 0), 10), LONGEST_PAUSE)
    grown *= random.uniform(0.75, 1.25)  # noqa: S311 - spreads retries, no secret
    asked = error.seconds if isinstance(error, Wait) else None
    return grown if asked is None else max(grown, asked)
