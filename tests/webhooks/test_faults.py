"""Workers die at every place, receivers fail in every way: each event arrives at least once, in the order of its
numbers, and none of what did not happen.

`make soak` has 200 requests, the suite fewer.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import Decision, Request
from placet.approvals.processes import publish
from placet.audit.models import ChainHead
from placet.webhooks import announcing, delivering, sending
from placet.webhooks.models import Delivery
from tests.alarms.conftest import receiving
from tests.dying import the_worker_dies
from tests.making import SAMPLE, start, values
from tests.webhooks.conftest import Hook, make_hook, run
from tests.webhooks.test_announcing import expected

pytestmark = pytest.mark.django_db

STATUSES = (200, 200, 200, 204, 301, 404, 429, 500, 503)


class Killed(BaseException):
    """Nothing catches it but the test, as nothing runs after a kill."""


class Deaths:
    """Kills the worker now and then, before or after one of these functions."""

    PLACES = (
        (announcing, "_write"),
        (announcing, "_announce"),
        (delivering, "_tried"),
        (delivering, "_record"),
        (sending.Sender, "_post"),
    )

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.is_dying = False
        self.deaths: dict[str, int] = defaultdict(int)

    @contextmanager
    def possible(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in self.PLACES:
                patch.setattr(owner, name, self._deadly(name, getattr(owner, name)))
            leave = delivering._Turn._leave
            patch.setattr(
                delivering._Turn,
                "_leave",
                lambda turn, answer: None if self.is_dying else leave(turn, answer),
            )
            yield

    def _deadly(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any) -> Any:
            moment = self._rng.random()
            if moment < 0.06:
                self._die(f"before {name}")
            result = function(*args)
            if moment > 0.94:
                self._die(f"after {name}")
            return result

        return called

    def _die(self, where: str) -> None:
        self.deaths[where] += 1
        self.is_dying = True
        raise Killed

    def work(self) -> None:
        """A turn of all kinds, and a new worker if this one died in it."""
        try:
            run()
        except Killed:
            self.is_dying = False
            the_worker_dies()


@pytest.mark.long
def test_every_event_arrives_in_order_and_none_that_was_not(
    alice: Person, bob: Person, pytestconfig: pytest.Config
) -> None:
    rng = random.Random(20261201)
    deaths, version = Deaths(rng), publish(values(SAMPLE))
    count = int(pytestconfig.getoption("--replies"))
    with receiving() as one, receiving() as other, time_machine.travel(0) as clock:
        clock.move_to(1_800_000_000)
        hooks = [make_hook(one, alice), make_hook(other, alice)]
        with deaths.possible():
            for number in range(count):
                for hook in hooks:
                    hook.receiver.answers[:] = rng.choices(STATUSES, k=rng.randrange(6))
                _happens(rng, version, alice, bob, number)
                deaths.work()
                clock.shift(rng.choice((0, 6, 400)))
            for _ in range(12):
                deaths.work()
                clock.shift(400)
        for hook in hooks:
            hook.receiver.answers.clear()
        while ChainHead.objects.exclude(unannounced=None).exists() or _waiting():
            run()
            clock.shift(timedelta(hours=3))
    assert len(deaths.deaths) >= (4 if count < 100 else 2 * len(Deaths.PLACES))
    for hook in hooks:
        has_all_in_order(hook)


def _waiting() -> bool:
    return Delivery.objects.filter(state=Delivery.State.WAITING).exists()


def _happens(rng: random.Random, version: Any, alice: Person, bob: Person, number: int) -> None:
    """A request, and something that becomes of it; or one that is taken back before it was one."""
    if rng.random() < 0.2:
        with transaction.atomic():
            start(version, alice, item=f"Never {number}")
            transaction.set_rollback(True)
        return
    request = start(version, alice, item=f"Item {number}")
    seat = request.visits.get(state="open").assignments.get(person=bob)
    what = rng.random()
    if what < 0.6:
        outcome = rng.choice(("approve", "reject"))
        engine.decide(seat.pk, by=bob, outcome=outcome, comment="No.", channel=Decision.Channel.PAGE)
    elif what < 0.8:
        engine.withdraw(request.pk, by=alice)


def has_all_in_order(hook: Hook) -> None:
    """Whoever listens to all events of all requests has each, in the order of its request, and no other."""
    arrived: dict[str, list[tuple[int, str]]] = defaultdict(list)
    ids: dict[str, tuple[str, int]] = {}
    for body, headers in zip(hook.receiver.got, hook.receiver.headers, strict=True):
        request, event = body["data"]["request"]["id"], (body["data"]["sequence"], body["type"])
        if event not in arrived[request]:
            arrived[request].append(event)
        assert ids.setdefault(headers["webhook-id"], (request, event[0])) == (request, event[0])
    assert len(set(ids.values())) == len(ids)
    assert arrived == {str(one.public_id): expected(one) for one in Request.objects.all()}
