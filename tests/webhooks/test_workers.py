"""Several workers at once, while people decide: each event arrives once, in order, and nobody waits for anybody."""

import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from placet.accounts.models import Person
from placet.approvals.models import Request
from placet.approvals.processes import publish
from placet.audit.models import ChainHead
from placet.webhooks import announcing, delivering
from placet.webhooks.models import Delivery, Event
from tests.alarms.conftest import Receiver
from tests.making import SAMPLE, values
from tests.webhooks.conftest import decided, make_hook
from tests.webhooks.test_announcing import expected

REQUESTS, WORKERS = 12, 3


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_each_event_arrives_once_and_in_order(receiver: Receiver, alice: Person, bob: Person) -> None:
    hooks = [make_hook(receiver, alice, "?all"), make_hook(receiver, alice, events=["request.ended"])]
    version, over = publish(values(SAMPLE)), threading.Event()

    def work() -> None:
        try:
            while not (over.is_set() and _is_quiet()):
                announcing.work(announcing.ALL)
                for endpoint in [*delivering.due(10), *delivering.due_apart(10)]:
                    delivering.work(endpoint)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(WORKERS) as pool:
        working = [pool.submit(work) for _ in range(WORKERS)]
        try:
            for number in range(REQUESTS):
                decided(alice, bob, source=version, item=f"Item {number}")
        finally:
            over.set()
        for one in working:
            one.result(timeout=120)
    assert len(receiver.got) == Delivery.objects.filter(state=Delivery.State.SENT).count()
    arrived: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for body, path in zip(receiver.got, receiver.paths, strict=True):
        if path.endswith("?all"):
            arrived[body["data"]["request"]["id"]].append((body["data"]["sequence"], body["type"]))
    assert arrived == {str(one.public_id): expected(one) for one in Request.objects.all()}
    assert Event.objects.filter(deliveries__endpoint=hooks[1].endpoint).count() == REQUESTS


def _is_quiet() -> bool:
    behind = ChainHead.objects.exclude(unannounced=None).exists()
    return not behind and not Delivery.objects.filter(state=Delivery.State.WAITING).exists()
