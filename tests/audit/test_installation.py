"""The installation's own chain: it is held like a request's, beside those of all requests."""

import threading
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction

from placet.accounts.models import Person
from placet.audit import chain
from placet.audit.chain import Broken
from placet.audit.models import AuditEntry, InstallationHead
from tests.making import SAMPLE, make_mailbox, start

pytestmark = pytest.mark.django_db


def happen(count: int = 1) -> None:
    with transaction.atomic():
        for number in range(count):
            chain.append_of_installation("person:1", {"event": "x", "n": number})


def entries() -> "list[AuditEntry]":
    return list(AuditEntry.objects.filter(request=None).order_by("seq"))


def test_what_happens_is_chained_apart_from_requests(alice: Person, bob: Person) -> None:
    assert list(chain.verify()) == []
    happen(2)
    start(SAMPLE, alice)
    happen()
    assert [entry.what["event"] for entry in entries()] == ["x", "x", "process published", "x"]
    assert [entry.seq for entry in entries()] == [1, 2, 3, 4]
    assert entries()[0].previous_hash == chain.FIRST
    assert [entry.previous_hash for entry in entries()[1:]] == [entry.hash for entry in entries()[:3]]
    assert list(chain.verify()) == []


def of(seq: int) -> "AuditEntry":
    return AuditEntry.objects.get(request=None, seq=seq)


def change(seq: int, **values: object) -> None:
    AuditEntry.objects.filter(request=None, seq=seq).update(**values)


@pytest.mark.parametrize(
    ("tamper", "seq", "reason"),
    [
        (lambda: change(2, what={"event": "y"}), 2, "its content was changed"),
        (lambda: change(1, who="person:2"), 1, "its content was changed"),
        (lambda: of(2).delete(), 2, "entry 2 is missing"),
        (lambda: of(3).delete(), 3, "entry 3 is missing"),
        (lambda: AuditEntry.objects.filter(request=None).delete(), 1, "entry 1 is missing"),
        (lambda: InstallationHead.objects.all().delete(), 4, "the note of where the chain ends is missing"),
        (
            lambda: (of(3).delete(), InstallationHead.objects.update(seq=2)),
            2,
            "it is not the entry that the chain ended with",
        ),
    ],
)
def test_the_first_broken_link_is_named(
    tamper: Callable[[], object], seq: int, reason: str, alice: Person, bob: Person
) -> None:
    request = start(SAMPLE, alice)  # of a process that was published: one entry
    happen(2)
    tamper()
    assert list(chain.verify()) == [Broken(None, seq, reason)]
    assert list(chain.verify(request.pk)) == []


def test_an_entry_moved_from_a_request_to_the_installation_breaks_both(alice: Person, bob: Person) -> None:
    request = start(SAMPLE, alice)
    happen()
    last = AuditEntry.objects.filter(request=request).order_by("seq").last()
    assert last is not None
    AuditEntry.objects.filter(pk=last.pk).update(request=None, seq=3)
    assert [broken.request_id for broken in chain.verify()] == [None, request.pk]


def test_two_entries_with_one_number_cannot_be() -> None:
    happen()
    twin = of(1)
    twin.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_an_entry_belongs_into_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        chain.append_of_installation("system", {"event": "x"})
    assert entries() == []


@pytest.mark.django_db(transaction=True)
def test_at_the_same_instant_from_the_first_entry_on() -> None:
    make_mailbox()
    barrier = threading.Barrier(4)
    wrong: list[Exception] = []

    def work() -> None:
        try:
            barrier.wait(120)
            for _ in range(5):
                happen()
        except Exception as error:  # noqa: BLE001 - shown by the test
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert [entry.seq for entry in entries()] == list(range(1, 21))
    assert list(chain.verify()) == []
