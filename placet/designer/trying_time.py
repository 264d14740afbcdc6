"""Time passes in a trial: what is due is worked, by what works it for real requests, for the trial's own rows alone."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from django.db.models import F, Q, QuerySet

from placet.accounts.models import Delegation
from placet.approvals import calling, delegating, digesting, stopping, timing
from placet.approvals.models import Assignment, CallTask, DigestItem, Request, Stop, Timer, Visit
from placet.lib import clock
from placet.mail.models import OutgoingMail
from placet.mail.read_past import SLACK
from placet.mailboxes.models import Mailbox

MOST_MOMENTS = 200  # of one jump
MOST_ROUNDS = 100  # in which something that was due led to something else
ADDRESS = "approvals@placet.example"  # of the mailbox of an installation that has none


class State(NamedTuple):
    """What is to be put back where an event fails."""

    now: datetime
    request: Request | None


class Passing:
    """The time of a trial. `go_on`: called before each piece of work; it raises where there is no time for more."""

    def __init__(self, now: datetime, go_on: Callable[[], None]) -> None:
        self.now = now
        self.request: Request | None = None
        self._go_on = go_on
        self._waits: set[int] = set()  # timers whose moment came, and that wait for something else than mail
        self.read = mailbox_of_trial(now)

    def state(self) -> State:
        return State(self.now, self.request)

    def take_back(self, state: State) -> None:
        self.now, self.request = state

    def requests(self) -> list[int]:
        """The request, and all that it called, itself or through others."""
        numbers = callers = [] if self.request is None else [self.request.pk]
        while callers:
            called = Request.objects.filter(parent_visit__request__in=callers).order_by("pk")
            callers = list(called.values_list("pk", flat=True))
            numbers = numbers + callers
        return numbers

    # --- what is due now --------------------------------------------------------------------------------------

    def work(self) -> None:
        """All that is due, and what that leads to."""
        for _round in range(MOST_ROUNDS):
            self._go_on()
            with clock.standing_at(self.now), self._all_mail_read():
                if not self._worked():
                    break
        self._send()

    def _worked(self) -> bool:
        requests = self.requests()
        tasks = CallTask.objects.filter(visit__request__in=requests, done_at=None, due__lte=self.now)
        worked = [calling.work(pk) for pk in _ids(tasks)]
        timers = Timer.objects.filter(
            visit__request__in=requests, state=Timer.State.WAITING, due__lte=self.now
        )
        worked += [timing.work(pk) for pk in _ids(timers)]
        stops = Stop.objects.filter(request__in=requests, state=Stop.State.WAITING, due__lte=self.now)
        worked += [stopping.work(pk) for pk in _ids(stops)]
        items = DigestItem.objects.filter(
            assignment__visit__request__in=requests, state=DigestItem.State.WAITING, due__lte=self.now
        )
        people = sorted(set(items.values_list("person", flat=True)))
        worked += [digesting.work(person, requests) for person in people]
        return any(worked)

    @contextmanager
    def _all_mail_read(self) -> Iterator[None]:
        """Inside, every mail of the trial was sent from a mailbox that was read until now: silence is an answer. The
        real one stays as it is."""
        mails = self._mails()
        mailboxes = dict(mails.values_list("pk", "mailbox"))
        Mailbox.objects.filter(pk=self.read.pk).update(read_until=self.now)
        mails.update(mailbox=self.read)
        yield
        for mailbox in set(mailboxes.values()):
            numbers = [pk for pk, one in mailboxes.items() if one == mailbox]
            OutgoingMail.objects.filter(pk__in=numbers).update(mailbox=mailbox)

    def _mails(self) -> QuerySet[OutgoingMail]:
        """Those that ask something."""
        return OutgoingMail.objects.filter(
            ask__lines__assignment__visit__request__in=self.requests()
        ).distinct()

    def _send(self) -> None:
        """Whatever asks is sent at once."""
        numbers = list(
            self._mails()
            .filter(state=OutgoingMail.State.WAITING, due__lte=self.now)
            .values_list("pk", flat=True)
        )
        sent = {"state": OutgoingMail.State.SENT, "sent_at": self.now, "started_at": self.now}
        OutgoingMail.objects.filter(pk__in=numbers).update(**sent)

    # --- what is due next -------------------------------------------------------------------------------------

    def jump(self, to: datetime | None) -> bool:
        """To a moment, or to the next one at which something is due. False: there is none."""
        target = to if to is not None else self.next()
        if target is None:
            return False
        self._go(target)
        if self._late():  # an answer may still be in the mailbox: that is read first
            self._go(self.now + SLACK + timedelta(seconds=1))
            self._waits |= {timer.pk for timer in self._late()}
        return True

    def _go(self, target: datetime) -> None:
        """Through all that is due before, in its order."""
        for _moment in range(MOST_MOMENTS):
            moment = self.next()
            if moment is None or moment >= target:
                break
            self._come_to(moment)
        self._come_to(target)

    def _come_to(self, moment: datetime) -> None:
        before, self.now = self.now, moment
        requests = self.requests()
        # What was put off because mail had to be read is looked at now.
        Timer.objects.filter(visit__request__in=requests, state=Timer.State.WAITING, at__lte=moment).update(
            due=F("at")
        )
        Stop.objects.filter(request__in=requests, state=Stop.State.WAITING, at__lte=moment).update(
            due=F("at")
        )
        for seat in self._delegated_between(before, moment):
            with clock.standing_at(moment):
                delegating.renew(seat)
        self.work()

    def next(self) -> datetime | None:
        """When something is due next."""
        requests = self.requests()
        later = {"due__gt": self.now}
        moments = [
            *self._coming(_live_timers(requests), Timer.State.WAITING),
            *self._coming(Stop.objects.filter(request__in=requests), Stop.State.WAITING),
            *DigestItem.objects.filter(
                assignment__visit__request__in=requests, state=DigestItem.State.WAITING, **later
            ).values_list("due", flat=True),
            *self._mails().filter(state=OutgoingMail.State.WAITING, **later).values_list("due", flat=True),
            *self._delegations_change(),
        ]
        return min(moments, default=None)

    def _coming(self, rows: Any, waiting: str) -> list[datetime]:
        return list(rows.filter(state=waiting, at__gt=self.now).values_list("at", flat=True))

    def _late(self) -> list[Timer | Stop]:
        requests = self.requests()
        timers = _live_timers(requests).filter(state=Timer.State.WAITING, at__lte=self.now)
        stops = Stop.objects.filter(request__in=requests, state=Stop.State.WAITING, at__lte=self.now)
        return [*timers.exclude(pk__in=self._waits), *stops]

    def _open_seats(self) -> dict[int, list[int]]:
        """By person."""
        seats: dict[int, list[int]] = {}
        found = Assignment.objects.filter(
            visit__request__in=self.requests(), state=Assignment.State.OPEN
        ).values_list("person", "pk")
        for person, seat in found.order_by("pk"):
            seats.setdefault(person, []).append(seat)
        return seats

    def _delegations_change(self) -> list[datetime]:
        """When delegations of those who are asked begin or end."""
        rows = Delegation.objects.filter(delegator__in=self._open_seats(), ended_at=None)
        moments = [moment for row in rows for moment in (row.begins_at, row.ends_at) if moment is not None]
        return [moment for moment in moments if moment > self.now]

    def _delegated_between(self, first: datetime, last: datetime) -> list[int]:
        """The seats of people whose delegations began or ended."""
        between = Q(begins_at__gt=first, begins_at__lte=last) | Q(ends_at__gt=first, ends_at__lte=last)
        seats = self._open_seats()
        rows = Delegation.objects.filter(between, delegator__in=seats, ended_at=None)
        people: Sequence[int] = sorted(set(rows.values_list("delegator", flat=True)))
        return [seat for person in people for seat in seats[person]]


def _live_timers(requests: Sequence[int]) -> QuerySet[Timer]:
    """Those of steps that last still: others act no more."""
    return Timer.objects.filter(visit__request__in=requests, visit__state__in=Visit.LIVE, visit__result="")


def _ids(rows: Any) -> list[int]:
    return list(rows.order_by("due", "pk").values_list("pk", flat=True))


def mailbox_of_trial(now: datetime) -> Mailbox:
    """One that was read until now. Where there is a real one, mails are written for that."""
    there = Mailbox.objects.filter(active=True).exists()
    mark = uuid4().hex
    address = f"{mark}@placet.invalid" if there else ADDRESS
    return Mailbox.objects.create(name=mark, address=address, active=not there, read_until=now)
