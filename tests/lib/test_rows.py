"""Statements of our own write and change what the ORM does."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.test.utils import CaptureQueriesContext

from placet.accounts.models import Person
from placet.approvals.models import Decision
from placet.audit.models import AuditEntry
from placet.lib import rows
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes.models import Mailbox
from tests.making import SAMPLE, make_mailbox, open_for, start

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 3, 8, 30, 1, 234567, tzinfo=UTC)
ODD = "é 🙂 'quoted' \"twice\" %s ? \\ {}"


@pytest.fixture
def mailbox(db: None) -> Mailbox:
    return make_mailbox()


@pytest.fixture
def made(mailbox: Mailbox, alice: Person, bob: Person) -> dict[str, Callable[[int], models.Model]]:
    """A row of each model that is written so, with a number that makes it another."""
    request = start(SAMPLE, alice)
    return {
        "incoming": lambda number: IncomingMail(
            mailbox=mailbox, server_id=f"{ODD}{number}", protocol="graph", fingerprint=f"f{number}", folder="inbox",
            received_at=AT, kept_at=AT, raw=b"\x00\xff%s\r\n", transport_headers=ODD, facts={"a": [ODD, 1, None]},
            due=AT,
        ),
        "outgoing": lambda number: OutgoingMail(
            mailbox=mailbox, kind="x", to="b@contoso.example", cause=f"c{number}", reference=f"r{number}",
            message_id=f"<{number}@x>", subject=ODD, raw=b"\x00\xff", created_at=AT, due=AT,
            priority=OutgoingMail.Priority.ASK,
        ),
        "decision": lambda number: Decision(
            assignment=open_for(bob), outcome="approve", comment=ODD, by_person=bob,
            channel=Decision.Channel.MAIL, at=AT,
        ),
        "audit": lambda number: AuditEntry(
            request=request, seq=100 + number, at=AT, who=ODD, what={"é": ODD}, previous_hash="p", hash="h", mac=None
        ),
    }  # fmt: skip


KINDS = ["incoming", "outgoing", "decision", "audit"]


def stored(row: models.Model) -> dict[str, Any]:
    assert row.pk is not None and not row._state.adding
    values = type(row)._default_manager.filter(pk=row.pk).values().get()
    return {name: bytes(v) if isinstance(v, memoryview) else v for name, v in values.items() if name != "id"}


def by_the_orm(row: models.Model) -> dict[str, Any]:
    with transaction.atomic():
        row.save(force_insert=True)
        values = stored(row)
        transaction.set_rollback(True)
    return values


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("write", [lambda row: rows.insert([row]), rows.insert_new])
def test_a_row_is_stored_as_the_orm_stores_it(
    made: dict[str, Callable[[int], models.Model]], kind: str, write: Callable[[models.Model], object]
) -> None:
    expected, row = by_the_orm(made[kind](1)), made[kind](1)
    with CaptureQueriesContext(connection) as captured:
        write(row)
    assert len(captured) == 1
    assert stored(row) == expected


def test_several_get_their_own_ids(made: dict[str, Callable[[int], models.Model]]) -> None:
    several = [made["audit"](number) for number in range(3)]
    rows.insert(several)
    assert [AuditEntry.objects.get(pk=row.pk).seq for row in several] == [100, 101, 102]


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_constraint_has_already_is_not_written_again(
    made: dict[str, Callable[[int], models.Model]], kind: str
) -> None:
    assert rows.insert_new(made[kind](1))
    again = made[kind](1)
    assert not rows.insert_new(again)
    assert again.pk is None
    assert again._state.adding
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert([again])


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_not_be_empty_is_an_error_all_the_same(
    made: dict[str, Callable[[int], models.Model]], kind: str
) -> None:
    row = made[kind](1)
    needed = next(f for f in row._meta.concrete_fields if not f.null and not f.primary_key)
    setattr(row, needed.attname, None)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert_new(row)


def test_only_rows_that_hold_all_of_it_are_changed(
    made: dict[str, Callable[[int], models.Model]], bob: Person
) -> None:
    one, other = made["incoming"](1), made["incoming"](2)
    rows.insert([one, other])
    before = stored(other)
    changes: dict[str, Any] = {
        "state": IncomingMail.State.HANDLED,
        "verdict": {ODD: None},
        "handled_at": AT,
        "person_id": bob.pk,
    }
    assert rows.update(IncomingMail, {"id": one.pk, "claim": "another"}, **changes) == 0
    assert rows.update(IncomingMail, {"id": one.pk, "claim": ""}, **changes) == 1
    with transaction.atomic():
        expected = stored(one)
        IncomingMail.objects.filter(pk=one.pk).update(**changes)
        assert stored(one) == expected
    assert (expected["state"], expected["verdict"], expected["person_id"]) == ("handled", {ODD: None}, bob.pk)
    assert stored(other) == before


def test_a_row_for_each_row_of_another_table(made: dict[str, Callable[[int], models.Model]]) -> None:
    first, same, stranger = (made["incoming"](number) for number in range(3))
    rows.insert([first])
    same.same_as = first  # type: ignore[attr-defined]
    rows.insert([same, stranger])
    ServerTask.objects.create(
        incoming_id=same.pk, action="delete", done_at=AT, failed=True, tries=7, last_error=ODD
    )

    def write(action: str, *again: str) -> None:
        given = {"id": first.pk, "same_as_id": first.pk}
        rows.write_for_each(ServerTask(action=action, folder=ODD, due=AT), "incoming", given, again=again)

    write("move", "action", "folder", "done_at")
    tasks = {task.incoming_id: task for task in ServerTask.objects.all()}
    assert set(tasks) == {first.pk, same.pk}
    fresh, changed = tasks[first.pk], tasks[same.pk]
    with transaction.atomic():
        fresh.delete()
        ServerTask.objects.create(incoming_id=first.pk, action="move", folder=ODD, due=AT)
        expected = stored(ServerTask.objects.get(incoming_id=first.pk))
        transaction.set_rollback(True)
    assert stored(ServerTask.objects.get(incoming_id=first.pk)) == expected
    assert (changed.action, changed.folder, changed.done_at) == ("move", ODD, None)
    assert (changed.failed, changed.tries, changed.last_error) == (True, 7, ODD)  # not named
