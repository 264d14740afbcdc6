"""Some hundred requests of two processes, through the engine, over some weeks of a clock that a test sets."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from django.db import transaction

from placet.accounts import calendar_changes, delegations
from placet.accounts.addresses import add_person
from placet.accounts.calendars import OFFICE_WEEK, Content
from placet.accounts.models import Group, Installation, Person
from placet.approvals import delegating, engine, engine_errors, stopping, timing, undoing
from placet.approvals.engine_clarifications import Written
from placet.approvals.models import Assignment, Clarification, Decision, Process, Version, Visit
from placet.approvals.processes import publish
from placet.approvals.record import Logged
from placet.lib.public_holidays import Observed
from placet.mail.models import IncomingMail
from placet.mailboxes.models import Mailbox
from tests.making import FORM, make_mailbox

ZONE = "Pacific/Auckland"  # its days are others than those of UTC
BEGINS = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
TICK, TICKS = timedelta(hours=3), 8 * 32
REFUSALS = ("unclear", "comment_needed", "already_decided", "may_not_decide", "not_proved", "help_asked")

_RULE = [{"changes": "any"}, {"reject": "any"}, {"approve": "any"}]
_CHANGES = {
    "key": "changes",
    "label": "Needs changes",
    "grants": False,
    "comment": "required",
    "returns": "requester",
}


def _ends() -> dict[str, Any]:
    return {
        result: {"kind": "end", "name": result.title(), "result": result}
        for result in ("approved", "rejected", "lapsed")
    }


def _trip() -> dict[str, Any]:
    """Sent back, clarified, escalated, expired; its calendar is its own."""
    boss = {
        "kind": "approval", "name": "Boss", "ask": [{"person": "bob@contoso.example"}], "rule": _RULE,
        "outcomes": ["approve", _CHANGES, "reject"], "otherwise": "reject", "due": "8 working hours",
        "escalate": [{"when": "4 working hours after", "also": [{"group": "bosses"}]}],
        "expire": {"after": "4 working days"},
    }  # fmt: skip
    money = {
        "kind": "approval", "name": "Money", "ask": [{"group": "money"}], "rule": "first", "due": "2 days",
        "not_same_as": ["boss"],
    }  # fmt: skip
    ways = [
        {"from": "boss", "outcome": "approve", "to": "money"},
        {"from": "boss", "outcome": "reject", "to": "rejected"},
        {"from": "boss", "outcome": "expired", "to": "lapsed"},
        {"from": "money", "outcome": "approve", "to": "approved"},
        {"from": "money", "outcome": "reject", "to": "rejected"},
    ]
    steps = {"boss": boss, "money": money, **_ends()}
    return {
        "key": "trip", "name": "Trip", "title": "{item}", "form": FORM, "start": "boss", "calendar": "office",
        "pause": {"at_most": "1 working day"}, "steps": steps, "transitions": ways, "undo": "60 minutes",
    }  # fmt: skip


def _desk() -> dict[str, Any]:
    """Nobody may be there, and it may take too long; the installation's hours."""
    team = {"kind": "approval", "name": "Team", "ask": [{"group": "team"}], "rule": "first"}
    ways = [
        {"from": "team", "outcome": "approve", "to": "approved"},
        {"from": "team", "outcome": "reject", "to": "rejected"},
    ]
    ends = {key: end for key, end in _ends().items() if key != "lapsed"}
    return {
        "key": "desk", "name": "Desk", "title": "{item}", "form": FORM, "start": "team",
        "steps": {"team": team, **ends}, "transitions": ways,
        "longest": {"after": "3 days", "result": "late", "name": "Too late"},
    }  # fmt: skip


@dataclass
class World:
    chance: random.Random
    clock: time_machine.Traveller
    mailbox: Mailbox
    versions: Sequence[Version]
    people: dict[str, Person]
    now: datetime = BEGINS

    def lives(self) -> None:
        for tick in range(TICKS):
            self.now = BEGINS + tick * TICK + timedelta(minutes=self.chance.randrange(60))
            self.clock.move_to(self.now)
            if self.chance.random() < 0.45:
                version = self.chance.choice(self.versions)
                engine.start(version, self.people["alice"], {"item": f"Item {tick}", "amount": "900"})
            if tick % 3 == 0:
                self._team_is_there(self.chance.random() < 0.8)
            self._works()
            for _n in range(self.chance.randrange(3)):
                self._something_happens()

    def _works(self) -> None:
        for number in timing.due(500):
            timing.work(number)
        for number in stopping.due(500):
            stopping.work(number)
        for number in delegating.due(500):
            delegating.work(number)

    def _team_is_there(self, is_there: bool) -> None:
        team = Group.objects.get(key="team")
        team.members.set([self.people["dave"]] if is_there else [])
        if is_there and self.chance.random() < 0.5:
            for visit in Visit.objects.filter(state=Visit.State.STUCK)[:2]:
                engine.ask_again(visit.pk, self.people["ada"])

    def _something_happens(self) -> None:
        seats = list(Assignment.objects.filter(state="open").order_by("pk"))
        if not seats:
            return
        seat, way = self.chance.choice(seats), self.chance.random()
        try:
            with transaction.atomic():
                self._does(seat, way)
        except engine_errors.EngineError:
            pass  # nobody may do that now

    def _does(self, seat: Assignment, way: float) -> None:
        request = seat.visit.request
        if way < 0.06:
            engine.withdraw(request.pk, self.chance.choice([self.people["alice"], self.people["ada"]]))
        elif way < 0.2:
            engine.ask_back(seat.pk, seat.person, Written("Why?"))
        elif way < 0.34:
            self._refuses(seat)
        elif way < 0.45:
            for question in Clarification.objects.filter(state="open")[:1]:
                engine.clarify(question.pk, question.visit.request.requester, Written("Because."))
        else:
            self._answers(seat)

    def _answers(self, seat: Assignment) -> None:
        if "changes" in seat.visit.step_key:
            outcome = "revised"
        else:
            outcome = self.chance.choice(["approve", "approve", "approve", "reject", "changes"])
        by = self.chance.choice([seat.person, *(row.person for row in seat.delegates.all())])
        channel = self.chance.choice([*Decision.Channel])
        entered = {"item": f"Revised {self.now}"} if outcome == "revised" else None
        engine.decide(seat.pk, by=by, outcome=outcome, comment="So.", channel=channel, entered=entered)
        if self.chance.random() < 0.2:
            undoing.undo(seat.pk, by)

    def _refuses(self, seat: Assignment) -> None:
        reason, name = self.chance.choice(REFUSALS), f"{IncomingMail.objects.count()}"
        mail = IncomingMail.objects.create(
            mailbox=self.mailbox, server_id=name, fingerprint=name, folder="inbox", raw=b"x", result=reason,
            state=IncomingMail.State.HANDLED,
        )  # fmt: skip
        logged = Logged(reason, "…", {}, seat.person_id)
        request = seat.visit.request_id
        engine.note_refused(request, person=seat.person, reason=reason, incoming=mail, logged=logged)


def make(seed: int) -> datetime:
    """The same for the same seed. When it ends."""
    with time_machine.travel(BEGINS, tick=False) as clock:
        Installation.objects.update_or_create(id=1, defaults={"zone": ZONE})
        names = ("alice", "bob", "carol", "dave", "erin")
        people = {name: add_person(f"{name.title()} Example", f"{name}@contoso.example") for name in names}
        people["ada"] = add_person("Ada Admin", "ada@contoso.example", administrator=True)
        for key, members in {"money": ("carol", "dave"), "bosses": ("carol",), "team": ("dave",)}.items():
            Group.objects.create(key=key, name=key.title()).members.set([people[one] for one in members])
        content = Content("Europe/Berlin", OFFICE_WEEK, Observed("DE", "BY", ("public",)))
        calendar_changes.add("office", "Office", content, people["ada"])
        delegations.make(people["bob"], delegations.Wanted(people["erin"], BEGINS), people["bob"])
        versions = [publish(_trip()), publish(_desk())]
        mailbox = make_mailbox()
        Mailbox.objects.update(active=False)  # everybody is asked on the page: mails are long to write
        world = World(random.Random(seed), clock, mailbox, versions, people)
        world.lives()
        return world.now


def processes() -> Sequence[Process]:
    return list(Process.objects.order_by("key"))
