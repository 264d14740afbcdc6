"""The connection test as it runs: one run for a mailbox, followed by everybody who opened its page meanwhile.

It runs in a thread of its own, so that the page can go on sending something while a step takes long: proxies cut a
connection that is silent for a minute, and only by sending is it noticed that the reader has gone.
"""

import threading
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import timedelta, tzinfo

import structlog
from django.core import signing
from django.db import connections
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from placet.lib.canonical import digest
from placet.mail import moving
from placet.mailboxes import pool
from placet.mailboxes.base import Check, Connection, MailboxError
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import SettingsInvalid

log = structlog.get_logger(__name__)

HEARTBEAT = 1.0  # seconds
LATELY = 3600.0  # seconds for which what a run found is relied upon
_SALT = "connection test passed"


class Run:
    """One run. `done` has the steps so far; `over` says that no more come, `finished` that nothing broke it off."""

    def __init__(
        self,
        mailbox: int,
        about: tuple[object, ...],
        connection: Connection,
        others: Sequence[str],
        *,
        as_stored: bool,
    ) -> None:
        """`as_stored`: by the protocol that is stored, not by one that it may move to."""
        self.mailbox = mailbox
        self.as_stored = as_stored
        self.about = about
        self.steps = dict(connection.steps())
        self.done: list[Check] = []
        self.over = False
        self.finished = False
        self._began = time.monotonic()
        self._followers = 1
        self._changed = threading.Condition()
        arguments = (connection, others, translation.get_language(), timezone.get_current_timezone())
        threading.Thread(target=self._work, args=arguments, name="connection-test", daemon=True).start()

    @property
    def passed(self) -> bool:
        return self.finished and all(check.ok for check in self.done)

    @property
    def lately(self) -> bool:
        return time.monotonic() - self._began < LATELY

    @property
    def broke_off(self) -> bool:
        """Whether it ended without saying why."""
        return self.over and not self.finished and all(check.ok for check in self.done)

    def join(self) -> bool:
        """One more follower; False if it is too late for that."""
        with self._changed:
            if self.over or not self._followers:
                return False
            self._followers += 1
            return True

    def follow(self) -> Generator[Check | None, None, None]:
        """Each step as it is done, the first ones at once; None now and then while one takes its time.

        When nobody follows any more, the run ends after the step that it is in.
        """
        seen = 0
        try:
            while True:
                with self._changed:
                    if seen == len(self.done) and not self.over:
                        self._changed.wait(HEARTBEAT)
                    fresh, over = self.done[seen:], self.over
                yield from fresh
                seen += len(fresh)
                if over:
                    return
                if not fresh:
                    yield None
        finally:
            with self._changed:
                self._followers -= 1

    def _work(
        self, connection: Connection, others: Sequence[str], language: str | None, zone: tzinfo
    ) -> None:
        try:
            with closing(connection), translation.override(language), timezone.override(zone):
                self._go_through(connection, others)
        except Exception:  # a defect of ours: the page says that the test broke off, the log why
            log.exception("connection_test_failed", mailbox=self.mailbox)
        finally:
            connections.close_all()  # those of this thread, which ends here
            with self._changed:
                self.over = True
                self._changed.notify_all()

    def _go_through(self, connection: Connection, others: Sequence[str]) -> None:
        try:
            with closing(connection.check(others)) as checks:
                for check in checks:
                    if not self._add(check):
                        return
            self.finished = True
        except MailboxError as error:
            self._add(_trouble(error))

    def _add(self, check: Check) -> bool:
        """Whether somebody still follows."""
        with self._changed:
            self.done.append(check)
            self._changed.notify_all()
            return self._followers > 0


_runs: dict[tuple[int, str], Run] = {}
_lock = threading.Lock()


def run_for(mailbox: Mailbox, others: Sequence[str] = (), protocol: str = "") -> Run | Check:
    """The run that goes on for these settings, else a new one; what is wrong where none can begin.

    `others` are addresses of mailboxes that must not open. With `protocol` it goes by that one instead of
    the stored one."""
    about = (*_tested(mailbox), translation.get_language())
    with _lock:
        there = _runs.get((mailbox.pk, protocol))
        if there is not None and there.about == about and there.join():
            return there
        try:
            connection = moving.connection(mailbox, protocol) if protocol else pool.connect(mailbox)
            run = Run(mailbox.pk, about, connection, others, as_stored=not protocol)
        except SettingsInvalid as error:
            cure = _("Open the settings, correct what is marked there, and save.")
            return Check("settings", _("Settings are complete"), False, cause=str(error), cure=cure)
        except MailboxError as error:
            return _trouble(error)
        _runs[mailbox.pk, protocol] = run
        return run


def passed_lately(mailbox: Mailbox, protocol: str) -> bool:
    """Whether the newest test of this way was all right, with what is stored now."""
    with _lock:
        there = _runs.get((mailbox.pk, protocol))
    return there is not None and there.passed and there.lately and there.about[:-1] == _tested(mailbox)


def proof_of(run: Run) -> str:
    """To be shown to `has_passed`, by the page of a run that passed: another process may answer it."""
    return signing.dumps([run.mailbox, digest(_as_json(run.about[:-1]))], salt=_SALT)


def has_passed(mailbox: Mailbox, proof: str) -> bool:
    """Whether a test passed lately with what is stored now."""
    try:
        shown = signing.loads(proof, salt=_SALT, max_age=timedelta(seconds=LATELY))
    except signing.BadSignature:
        return False
    return bool(shown == [mailbox.pk, digest(_as_json(_tested(mailbox)))])


def _as_json(tested: tuple[object, ...]) -> list[object]:
    settings, secret_set_at = tested
    return [_but_active(settings), str(secret_set_at)]


def _but_active(settings: object) -> object:
    """Whether it is active, and since when mail counts, changes nothing in what was tested."""
    assert isinstance(settings, dict)
    return {name: value for name, value in settings.items() if name not in ("active", "since")}


def _tested(mailbox: Mailbox) -> tuple[object, ...]:
    return mailbox.settings, mailbox.secret_set_at


def _trouble(error: MailboxError) -> Check:
    details = dict(error.details)
    command = details.pop("command", "")
    title = _("Mailbox answers")
    return Check("open", title, False, cause=error.cause, cure=error.cure, command=command, facts=details)
