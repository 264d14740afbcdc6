"""An endpoint that listens on loopback, and what its owner would see of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from placet import work
from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import Decision, Request
from placet.webhooks import endpoints
from placet.webhooks.endpoints import Wanted
from placet.webhooks.models import Endpoint
from tests.alarms.conftest import Receiver, allow, receiving
from tests.making import SAMPLE, open_for, start

KINDS = ("announce", "deliver", "deliver_apart", "tell", "forget")


@dataclass
class Hook:
    """An endpoint and the server that it leads to."""

    receiver: Receiver
    endpoint: Endpoint
    secret: str
    more: list[Receiver] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [body["type"] for body in self.receiver.got]

    def renewed(self) -> Endpoint:
        self.endpoint.refresh_from_db()
        return self.endpoint


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """It stands still from now on: what was made before was made before."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        yield clock


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def hook(receiver: Receiver, alice: Person) -> Hook:
    """Of all events of all processes."""
    return make_hook(receiver, alice)


def make_hook(receiver: Receiver, owner: Person, query: str = "", **wanted: Any) -> Hook:
    """Of somebody who administers, and so may hear of everything."""
    allow(receiver.url)
    owner.is_administrator = True
    owner.save(update_fields=["is_administrator"])
    endpoint, secret = endpoints.make(Wanted(f"{receiver.url}/hooks/its-secret-part{query}", **wanted), owner)
    return Hook(receiver, endpoint, secret)


def run(*names: str) -> int:
    """Work what is due of these kinds, of all of webhooks if none is named; how many rows were worked."""
    kinds = [kind for kind in work.kinds() if kind.name in (names or KINDS)]
    return sum(work.run_once(kind) for kind in kinds)


def run_until_quiet() -> None:
    while run():
        pass


def decided(alice: Person, bob: Person, outcome: str = "approve", **more: Any) -> Request:
    """A request of Alice's that Bob decided."""
    request = start(more.pop("source", SAMPLE), alice, **more)
    engine.decide(
        open_for(bob).pk, by=bob, outcome=outcome, comment="Fine *price*.", channel=Decision.Channel.PAGE
    )
    request.refresh_from_db()
    return request
