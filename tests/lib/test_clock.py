"""One clock, which can stand at another moment in one thread, and nobody on the path of a request reads another one."""

import ast
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db.models.fields import NOT_PROVIDED
from django.utils import timezone

from placet.accounts.models import Person
from placet.approvals.models import Visit
from placet.lib import clock
from placet.mail.models import OutgoingMail

PLACET = Path(clock.__file__).parent.parent
#: What the engine, its mails and the reader of replies are made of.
PARTS = ("approvals", "replies", "mail", "accounts", "audit/chain.py")
MOMENT = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)


def test_it_is_what_the_machine_says() -> None:
    with time_machine.travel(MOMENT, tick=False):
        assert clock.now() == MOMENT
        assert clock.today() == date(2031, 5, 6)


def test_it_stands_where_it_is_set_and_only_there() -> None:
    before = timezone.now()
    with clock.standing_at(MOMENT):
        assert clock.now() == MOMENT
        with clock.standing_at(MOMENT + timedelta(days=1)):
            assert clock.now() == MOMENT + timedelta(days=1)
        assert clock.now() == MOMENT
        with pytest.raises(ZeroDivisionError), clock.standing_at(MOMENT + timedelta(days=2)):
            raise ZeroDivisionError
        assert clock.now() == MOMENT
    assert before <= clock.now() <= timezone.now()


def test_the_day_is_that_of_the_zone_that_is_read_in() -> None:
    with clock.standing_at(datetime(2031, 5, 6, 23, 30, tzinfo=UTC)):
        with timezone.override("Asia/Tokyo"):
            assert clock.today() == date(2031, 5, 7)
        with timezone.override("America/New_York"):
            assert clock.today() == date(2031, 5, 6)


def test_a_moment_without_a_zone_is_none() -> None:
    with pytest.raises(ValueError, match="zone"), clock.standing_at(MOMENT.replace(tzinfo=None)):
        pass


def test_other_threads_do_not_see_it() -> None:
    seen: list[datetime] = []
    with clock.standing_at(MOMENT):
        thread = threading.Thread(target=lambda: seen.append(clock.now()))
        thread.start()
        thread.join()
    assert seen[0] < MOMENT


@pytest.mark.parametrize(
    ("model", "field"), [(Visit, "opened_at"), (OutgoingMail, "due"), (Person, "created_at")]
)
def test_a_new_row_begins_at_its_time(model: type, field: str) -> None:
    with clock.standing_at(MOMENT):
        assert getattr(model(), field) == MOMENT


def test_what_no_model_begins_with_is_another_clock() -> None:
    from django.apps import apps

    parts = {"approvals", "mail", "accounts", "audit"}
    defaults = [
        (field.model.__name__, field.name, field.default)
        for model in apps.get_models()
        if model._meta.app_label in parts
        for field in model._meta.concrete_fields
        if field.default is not NOT_PROVIDED
    ]
    assert (Visit.__name__, "opened_at", clock.now) in defaults
    assert [one for one in defaults if one[2] in (timezone.now, datetime.now)] == []


def test_nobody_on_the_path_of_a_request_reads_another_clock() -> None:
    assert [*_other_clocks("from datetime import date\nday = date.today()")] == [2]
    assert [*_other_clocks("now = timezone.localtime()\nthen = timezone.localtime(moment)")] == [1]
    assert [
        f"{path.relative_to(PLACET)}:{line}"
        for path in _sources()
        for line in _other_clocks(path.read_text())
    ] == []


def _sources() -> Iterator[Path]:
    for part in PARTS:
        path = PLACET / part
        found = path.rglob("*.py") if path.is_dir() else [path]
        yield from (one for one in sorted(found) if "migrations" not in one.parts)


def _other_clocks(source: str) -> Iterator[int]:
    """The lines in which a moment or a day is read from the machine. How long something takes is measured by
    `time.monotonic`, which says no moment."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr="localtime" | "localdate" | "make_naive"), args=[]):
                yield node.lineno
            case ast.Attribute(value=ast.Name(id=module), attr=name) if (module, name) in _CLOCKS:
                yield node.lineno


_CLOCKS = {
    ("timezone", "now"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
}
