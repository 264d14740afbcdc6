"""A process is tried: the real engine plays what somebody thought out, and nothing of it stays.

    tried(definition, events) → Trial

Everything is done by what does it for real requests: `approvals.engine`, `timing` and the other kinds of work, the
mails of `approvals`, the path of a reply. It happens in one transaction that is always rolled back, and at a time of
its own (`placet.lib.clock`), so that deadlines are reached by a jump. What is there is looked at (people, groups,
delegations, calendars, authority tables): rows of the trial are worked by their ids, and the digests of its people hold
nothing but what the trial asks.

Pretended are: that every mail is sent at once, that every mailbox was read, and who sent a reply. Where there is no
mailbox, there is one inside.

The write lock of SQLite is held as long as one play lasts, so that is bounded, by events and by seconds. On PostgreSQL
a play gives up where it would have to wait for somebody (`LONGEST_WAIT`): a real answer never waits for two.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _

from placet.accounts.addresses import person_at
from placet.accounts.models import Person
from placet.approvals import attachments, engine
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.engine_errors import AlreadyDecided, AnswersInvalid, EngineError, FieldsInvalid
from placet.approvals.form import FormInvalid
from placet.approvals.models import Assignment, Decision, Draft, Process, Version
from placet.approvals.processes import DefinitionInvalid, parse_definition
from placet.designer.reading import without_steps
from placet.designer.trying_events import (
    MOST_EVENTS,
    Answer,
    Event,
    Jump,
    Reply,
    Signal,
    Start,
    Withdraw,
)
from placet.designer.trying_replies import NotAnswerable, answer_by_mail
from placet.designer.trying_shown import Happening, Reading, Trial
from placet.designer.trying_story import Story, shown_mail
from placet.designer.trying_time import Passing
from placet.lib import clock
from placet.mail import outbox
from placet.replies import entry

MOST_SECONDS = 10.0  # of one play; what comes after is not played. SQLite lets others wait for 30
LONGEST_WAIT = "200ms"  # for a row that somebody else has locked, on PostgreSQL
LOCKED = "55P03"  # what PostgreSQL says then: lock_not_available
BETWEEN = timedelta(minutes=1)  # two events: nobody answers in the moment in which they are asked


class EventFailed(Exception):
    """Why an event cannot happen; the message is for people."""


class _TooLong(Exception):
    """The play has taken as long as it may."""


def tried(source: str | Version, events: Sequence[Event]) -> Trial:
    """Play events, of which the first starts a request. `source`: the text of a definition (YAML), or a version that is
    published. Never raises for what an author or a tester wrote: the trial says it."""
    if len(events) > MOST_EVENTS:
        return Trial(problems=[_("A trial has at most {n} events.").format(n=MOST_EVENTS)])
    with clock.standing_at(_beginning(events)):
        try:
            definition = parse_definition(source) if isinstance(source, str) else definition_of(source)
        except DefinitionInvalid as error:
            return Trial(problems=without_steps(error.problems))
    return played(definition, events)


def played(definition: Definition, events: Sequence[Event]) -> Trial:
    """The same of a definition that was checked, and of as many events as there are."""
    entry.known_words()  # read once in a process, and not while others wait for the database
    with structlog.contextvars.bound_contextvars(trial=True):
        try:
            return _played(definition, events, _beginning(events))
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != LOCKED:
                raise
            return Trial(stopped=_("Somebody else is working on this at the moment. Please try again."))


def _beginning(events: Sequence[Event]) -> datetime:
    return next((event.at for event in events if isinstance(event, Start)), clock.now())


def _played(definition: Definition, events: Sequence[Event], begins: datetime) -> Trial:
    with rolled_back():
        play = _Play(definition, begins)
        for event in events:
            if not play.does(event):
                break
        return play.trial()


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        try:
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LONGEST_WAIT])
            yield
        finally:
            transaction.set_rollback(True)


class _Play:
    """One play, inside its transaction."""

    def __init__(self, definition: Definition, begins: datetime) -> None:
        self.definition = definition
        self.ends = time.monotonic() + MOST_SECONDS
        self.stopped = ""
        self.happenings: list[Happening] = []
        with clock.standing_at(begins):
            self.version = version_of(definition)
        self.passing = Passing(begins, self._must_not_be_too_long)
        self.story = Story(definition)

    def does(self, event: Event) -> bool:
        """Whether there is time for more."""
        if self.happenings and not isinstance(event, Jump):
            self.passing.now += BETWEEN
        before, error, reading = self.passing.state(), "", None
        with outbox.listed() as queued:
            try:
                with transaction.atomic():
                    reading = self._done(event)
                    self.passing.work()
            except (EventFailed, NotAnswerable) as failed:
                error = str(failed)
            except EngineError as failed:
                error = _in_words(failed)
            except FormInvalid as failed:
                error = _listed(self.definition, failed.errors)
            except attachments.FileRefused as failed:
                error = str(failed)
            except _TooLong:
                self.stopped = _("This takes too long to be tried at once. What is shown was played.")
        if error or self.stopped:
            self.passing.take_back(before)
            queued = []
        lines = self.story.since(self.passing)
        before_them = sum(len(one.mails) for one in self.happenings)
        mails = [shown_mail(mail, number) for number, mail in enumerate(queued, before_them)]
        self.happenings.append(
            Happening(event, self.passing.now, error or self.stopped, lines, mails, reading)
        )
        return not self.stopped

    def trial(self) -> Trial:
        with clock.standing_at(self.passing.now):
            return self.story.trial(self.passing, self.happenings, self.stopped)

    def _must_not_be_too_long(self) -> None:
        if time.monotonic() > self.ends:
            raise _TooLong

    def _done(self, event: Event) -> Reading | None:
        self._must_not_be_too_long()
        if not isinstance(event, Start) and self.passing.request is None:
            raise EventFailed(_("No request was started."))
        if isinstance(event, Jump):
            self._jump(event)
            return None
        with clock.standing_at(self.passing.now):
            return _DONE[type(event)](self, event)

    def _start(self, event: Start) -> None:
        if self.passing.request is not None:
            raise EventFailed(_("A trial starts one request."))
        person = _person(event.person)
        draft = _draft(self.version, self.definition, person, event.files) if event.files else None
        self.passing.request = engine.start(self.version, person, event.values, draft)

    def _reply(self, event: Reply) -> Reading:
        return answer_by_mail(self.passing.requests(), _person(event.by), event)

    def _answer(self, event: Answer) -> None:
        person = _person(event.by)
        seat = _seat(self.passing.requests(), person, event.step)
        if seat is None:
            step = self.definition.steps.get(event.step)
            raise EventFailed(
                _("{name} is not asked in “{step}”.").format(
                    name=person.name, step=step.name if step else event.step
                )
            )
        engine.decide(
            seat.pk,
            by=person,
            outcome=event.outcome,
            comment=event.comment,
            channel=Decision.Channel.PAGE,
            answers=event.answers,
            entered=event.entered or None,
        )

    def _signal(self, event: Signal) -> None:
        assert self.passing.request is not None
        engine.signal(self.passing.request.pk, event.key, None)

    def _withdraw(self, event: Withdraw) -> None:
        assert self.passing.request is not None
        engine.withdraw(self.passing.request.pk, self.passing.request.requester)

    def _jump(self, event: Jump) -> None:
        if event.to is not None and event.to <= self.passing.now:
            raise EventFailed(_("That moment is past."))
        if not self.passing.jump(event.to):
            raise EventFailed(_("Nothing is due."))


_DONE: Mapping[type[Event], Callable[[_Play, Any], Reading | None]] = {
    Start: _Play._start,
    Reply: _Play._reply,
    Answer: _Play._answer,
    Signal: _Play._signal,
    Withdraw: _Play._withdraw,
}


def version_of(definition: Definition) -> Version:
    """The newest one of its process, as it will be when it is published."""
    process = Process.objects.filter(key=definition.key).first()
    if process is None:
        process = Process.objects.create(key=definition.key, name=definition.name)
    last = process.versions.order_by("-number").first()
    return Version.objects.create(
        process=process,
        number=last.number + 1 if last else 1,
        definition=definition.model_dump(mode="json", by_alias=True, exclude_none=True),
    )


def _person(address: str) -> Person:
    person = person_at(address)
    if person is None or not person.is_active:
        raise EventFailed(_("There is nobody (any more) with the address {address}.").format(address=address))
    return person


def _draft(
    version: Version, definition: Definition, person: Person, files: Mapping[str, Sequence[str]]
) -> Draft:
    """A form with pretended files: each holds its own name."""
    Draft.objects.filter(person=person, process=version.process).delete()  # a real one; it comes back
    draft = Draft.objects.create(person=person, process=version.process, version=version)
    limits = {one.name: one for one in definition.fields}
    for name, names in files.items():
        for one in names:
            upload = SimpleUploadedFile(one, one.encode())
            attachments.keep(draft, name, upload, person, limits.get(name))
    return draft


def _seat(requests: Sequence[int], person: Person, step: str) -> Assignment | None:
    """Where somebody answers, themselves or in somebody's place; the newest first, those that are open before."""
    seats = Assignment.objects.filter(visit__request__in=requests, visit__step_key=step)
    mine = list(seats.filter(person=person).order_by("-pk"))
    others = list(seats.filter(delegates__person=person).order_by("-pk"))
    of_person = [*mine, *others]
    is_open = (seat for seat in of_person if seat.state == Assignment.State.OPEN)
    return next(is_open, of_person[0] if of_person else None)


def _in_words(error: EngineError) -> str:
    if isinstance(error, FieldsInvalid):
        return "; ".join(f"{error.label_of(name)}: {sentence}" for name, sentence in error.errors.items())
    if isinstance(error, AnswersInvalid):
        return "; ".join(f"{name}: {sentence}" for name, sentence in error.errors.items())
    if isinstance(error, AlreadyDecided) and error.decisions:
        first = error.decisions[-1]
        return _("{name} answered this before. Nothing changed.").format(name=first.by_person.name)
    return str(error)


def _listed(definition: Definition, errors: Mapping[str, str]) -> str:
    labels = {one.name: one.label for one in definition.fields}
    return "; ".join(f"{labels.get(name.partition('.')[0], name)}: {text}" for name, text in errors.items())
