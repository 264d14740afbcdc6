"""`/metrics`: for whoever has the key and nobody else, right as of the rows, and without a word of anybody."""

import json
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings as ours
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from placet import __version__
from placet.accounts.models import Person
from placet.approvals.models import Assignment, Request, Visit
from placet.audit.models import Checkpoint
from placet.lib import working
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import pool
from placet.mailboxes.base import FixNeeded, Half
from placet.mailboxes.models import Mailbox
from placet.panel import health
from placet.panel.mail_words import RESULTS
from placet.replies import refusals
from tests.making import analysed
from tests.pages.conftest import HOSTILE

KEY = "k8Vd-some-long-key-of-the-test"
DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def ago(**of: float) -> Any:
    return timezone.now() - timedelta(**of)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours.PLACET, "metrics_key", KEY)
    monkeypatch.setattr(working, "_workers", {})


Numbers = Callable[[], dict[str, float]]


@pytest.fixture
def numbers(client: Client) -> Numbers:
    """What is printed, each by its name and labels as they stand there."""

    def read() -> dict[str, float]:
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"})
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return {
            sample.name
            + "".join(f" {label}={value}" for label, value in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.content.decode())
            for sample in family.samples
        }

    return read


# --- who may read it --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        None, "", "Bearer", "Bearer ", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", f"Basic {KEY}", KEY, f"Bearer{KEY}",
        f"Bearer Bearer {KEY}", f"Bearer {KEY.upper()}", "Bearer é", f"Bearer {KEY}, Bearer x",
    ],
)  # fmt: skip
def test_without_the_key_there_is_nothing_but_a_refusal(given: str | None, db: None, client: Client) -> None:
    with CaptureQueriesContext(connection) as asked:
        answer = client.get("/metrics", headers={} if given is None else {"Authorization": given})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert b"placet_" not in answer.content and KEY.encode() not in answer.content
    assert len(asked) <= 1  # the installation's language: nobody makes the database work


@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer x"])
def test_where_the_operator_set_no_key_nobody_reads_it(
    given: str, db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours.PLACET, "metrics_key", "")
    assert client.get("/metrics", headers={"Authorization": given}).status_code == 404


def test_an_administrator_who_is_signed_in_needs_it_too(admin: Person, as_: Callable[..., Client]) -> None:
    assert as_(admin).get("/metrics").status_code == 401


def test_nothing_is_changed_by_asking_and_nothing_is_kept(db: None, client: Client) -> None:
    key = {"Authorization": f"Bearer {KEY}"}
    assert client.post("/metrics", headers=key).status_code in (403, 405)
    answer = client.get("/metrics", headers=key)
    assert "no-store" in answer.headers["Cache-Control"] and not answer.cookies


def test_a_database_that_cannot_be_asked_is_said_without_a_word_of_it(
    db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> list[str]:
        raise OperationalError("could not connect to db.internal")

    monkeypatch.setattr(health, "failing", away)
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"})
    assert (answer.status_code, answer.content) == (503, b"database\n")


# --- what it says -----------------------------------------------------------------------------------------


def came(mailbox: Mailbox, **more: Any) -> IncomingMail:
    name = f"mail {IncomingMail.objects.count()}"
    return IncomingMail.objects.create(
        mailbox=mailbox, server_id=name, fingerprint=name, folder="inbox", raw=b"x", **more
    )


def sent(mailbox: Mailbox, **more: Any) -> OutgoingMail:
    name = f"mail {OutgoingMail.objects.count()}"
    return OutgoingMail.objects.create(
        mailbox=mailbox, kind="k", to="bob@contoso.example", cause=name, reference=name, message_id=name,
        subject=HOSTILE, raw=b"", **more,
    )  # fmt: skip


def test_mails_that_came_are_counted_by_what_became_of_them(mailbox: Mailbox, numbers: Numbers) -> None:
    state = IncomingMail.State
    came(mailbox, state=state.HANDLED, result="decided", kept_at=ago(hours=25))
    came(mailbox, state=state.HANDLED, result="decided", kept_at=ago(hours=23))
    came(mailbox, state=state.HANDLED, result="unclear")
    came(mailbox, state=state.HANDLED, result="unclear")
    came(mailbox, state=state.SET_ASIDE, result="set_aside", kept_at=ago(minutes=2))
    came(mailbox, state=state.KEPT, kept_at=ago(seconds=600), due=ago(seconds=500))
    came(mailbox, state=state.KEPT, kept_at=ago(seconds=60), due=ago(seconds=-500))
    found = numbers()
    assert found["placet_incoming_mails_last_day result=decided"] == 1
    assert found["placet_incoming_mails_last_day result=unclear"] == 2
    assert found["placet_incoming_mails_last_day result=set_aside"] == 1
    assert found["placet_incoming_mails_last_day result=not_proved"] == 0
    assert found["placet_incoming_mails state=kept"] == 2
    assert found["placet_incoming_mails state=set_aside"] == found["placet_incoming_mails_to_look_at"] == 1
    assert 600 <= found["placet_incoming_oldest_kept_seconds"] < 660
    assert found["placet_work_waiting kind=take_in"] == 2 and found["placet_work_due kind=take_in"] == 1
    assert 500 <= found["placet_work_oldest_due_seconds kind=take_in"] < 560


def test_every_result_has_its_number(db: None, numbers: Numbers) -> None:
    found = numbers()
    kinds = {kind.key for kind in vars(refusals).values() if isinstance(kind, type) and hasattr(kind, "key")}
    assert {
        f"placet_incoming_mails_last_day result={key}" for key in (kinds & RESULTS.keys()) | {"decided"}
    } <= set(found)


def test_mails_out_and_what_is_to_be_put_away_are_counted(mailbox: Mailbox, numbers: Numbers) -> None:
    state = OutgoingMail.State
    sent(mailbox, state=state.WAITING, due=ago(seconds=90))
    sent(mailbox, state=state.SENDING, due=ago(seconds=-90), started_at=ago(minutes=1))
    sent(mailbox, state=state.FAILED, started_at=ago(days=2))
    sent(mailbox, state=state.UNSURE, started_at=ago(days=2))
    sent(mailbox, state=state.SENT, started_at=ago(hours=3))
    for failed in (True, True, False):
        mail = came(mailbox, state=IncomingMail.State.HANDLED)
        ServerTask.objects.create(incoming=mail, action="move", failed=failed)
    found = numbers()
    states = ("waiting", "sending", "failed", "unsure")
    assert [found[f"placet_outgoing_mails state={name}"] for name in states] == [1, 1, 1, 1]
    assert found[f"placet_outgoing_mails_last_day mailbox={mailbox.pk}"] == 2
    assert 90 <= found["placet_work_oldest_due_seconds kind=send"] < 150
    assert (found["placet_server_tasks state=waiting"], found["placet_server_tasks state=failed"]) == (1, 2)


def test_a_mailbox_is_told_by_its_id(mailbox: Mailbox, numbers: Numbers) -> None:
    Mailbox.objects.update(
        last_poll_at=ago(seconds=3600),
        read_until=ago(seconds=7200),
        active_since=ago(days=1),
        secret_expires_on=timezone.localdate() - timedelta(2),
    )
    mailbox.refresh_from_db()
    pool.failed(mailbox, FixNeeded(HOSTILE, "Enter it again."))
    found = numbers()
    of = f"mailbox={mailbox.pk}"
    for name in ("active", "trouble", "fix_needed", "resting"):
        assert found[f"placet_mailbox_{name} {of}"] == 1
    assert 3600 <= found[f"placet_mailbox_last_poll_age_seconds {of}"] < 3660
    assert 7200 <= found[f"placet_mailbox_read_until_age_seconds {of}"] < 7260
    assert found[f"placet_mailbox_secret_days_left {of}"] == -2
    assert found["placet_alarms"] == found["placet_failing what=alarm"] == 1
    assert found["placet_failing what=poll"] == 0  # it rests


def test_where_another_kind_sends_its_trouble_has_numbers_of_its_own(
    mailbox: Mailbox, numbers: Numbers
) -> None:
    Mailbox.objects.update(sending_kind="smtp", last_poll_at=timezone.now(), active_since=ago(days=1))
    mailbox.refresh_from_db()

    def told() -> list[float]:
        found = numbers()
        names = ("trouble", "fix_needed", "resting")
        both = [*names, *(f"sending_{name}" for name in names)]
        return [found[f"placet_mailbox_{name} mailbox={mailbox.pk}"] for name in both]

    assert told() == [0, 0, 0, 0, 0, 0]
    error = FixNeeded("The password is wrong.", "Enter it again.")
    error.half = Half.SENDING
    pool.failed(mailbox, error)
    assert told() == [0, 0, 0, 1, 1, 1]
    assert numbers()["placet_alarms"] == 1
    later = timezone.now() + timedelta(hours=1)
    Mailbox.objects.update(sending_kind="", paused_until=later, sending_trouble={})
    assert told() == [0, 0, 1, 0, 0, 1]  # one kind: it does neither


def test_what_is_open_and_when_the_record_was_noted(asked: Assignment, numbers: Numbers) -> None:
    Assignment.objects.update(created_at=ago(days=3))
    Checkpoint.objects.create(day=ago(days=1).date(), text="", peaks=[], mac="")
    found = numbers()
    assert found["placet_assignments_open"] == 1
    assert 3 * 86400 <= found["placet_assignments_oldest_open_seconds"] < 3 * 86400 + 60
    assert 86400 <= found["placet_audit_checkpoint_age_seconds"] <= 2 * 86400 + 60
    build = next(name for name in found if name.startswith("placet_build_info"))
    assert f"version={__version__}" in build and f"database={connection.vendor}" in build
    assert found["placet_data_free_bytes"] > 0 and found["process_resident_memory_bytes"] > 0


def test_steps_that_are_stuck_are_counted_as_long_as_their_request_runs(
    asked: Assignment, numbers: Numbers
) -> None:
    assert numbers()["placet_visits_stuck"] == 0
    Visit.objects.update(state=Visit.State.STUCK, opened_at=ago(hours=2))
    found = numbers()
    assert found["placet_visits_stuck"] == 1
    assert 7200 <= found["placet_visits_oldest_stuck_seconds"] < 7260
    Request.objects.update(state=Request.State.WITHDRAWN)
    assert numbers()["placet_visits_stuck"] == 0


def test_nobodys_words_or_addresses_are_in_it(
    asked: Assignment, incoming: IncomingMail, mailbox: Mailbox, client: Client
) -> None:
    Mailbox.objects.update(name=HOSTILE)
    sent(mailbox)
    text = client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"}).content.decode()
    assert "@" not in text and "contoso" not in text and "<" not in text and "chair" not in text.lower()


# --- what it costs ----------------------------------------------------------------------------------------


def _history(mailbox: Mailbox, asked: Assignment, numbers: range) -> None:
    """What lies behind: handled mails, put away, and mails that were sent, for each of these numbers."""
    long_ago, done = ago(days=3), IncomingMail.State.HANDLED
    came_in = IncomingMail.objects.bulk_create(
        IncomingMail(
            mailbox=mailbox, server_id=f"old {n}", fingerprint=f"old {n}", folder="inbox", raw=b"x", state=done,
            result="decided", kept_at=long_ago, handled_at=long_ago,
        )
        for n in numbers
    )  # fmt: skip
    ServerTask.objects.bulk_create(
        ServerTask(incoming=mail, action="move", done_at=long_ago, due=long_ago) for mail in came_in
    )
    OutgoingMail.objects.bulk_create(
        OutgoingMail(
            mailbox=mailbox, kind="ask", to="bob@contoso.example", cause=f"old {n}", reference=f"old {n}",
            message_id=f"old {n}", subject="x", raw=b"", state=OutgoingMail.State.SENT, started_at=long_ago,
            sent_at=long_ago,
        )
        for n in numbers
    )  # fmt: skip
    Visit.objects.bulk_create(
        Visit(request=asked.visit.request, step_key="old", round=n, state=Visit.State.CLOSED) for n in numbers
    )
    Assignment.objects.bulk_create(
        Assignment(visit=visit, person=asked.person, state=Assignment.State.DECIDED)
        for visit in Visit.objects.filter(step_key="old", assignments=None)
    )
    analysed()


def _steps(numbers: Numbers) -> int:
    """Hundreds of steps of SQLite's machine."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.connection.set_progress_handler(count, 100)
    try:
        numbers()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return steps


def test_it_costs_no_more_for_all_that_lies_behind(
    mailbox: Mailbox, asked: Assignment, numbers: Numbers
) -> None:
    Mailbox.objects.update(active_since=ago(days=1), last_poll_at=ago(seconds=5))
    _history(mailbox, asked, range(100))
    came(mailbox, state=IncomingMail.State.HANDLED, result="decided")
    numbers()
    with CaptureQueriesContext(connection) as few:
        numbers()
    steps = _steps(numbers) if connection.vendor == "sqlite" else 0
    IncomingMail.objects.filter(server_task=None).delete()
    _history(mailbox, asked, range(100, 3_000))
    came(mailbox, state=IncomingMail.State.HANDLED, result="decided")
    with CaptureQueriesContext(connection) as many:
        assert numbers()["placet_incoming_mails_last_day result=decided"] == 1
    assert len(many) == len(few) < 40
    if connection.vendor == "sqlite":  # PostgreSQL chooses by how many rows there are
        assert _steps(numbers) <= steps + 20


# --- dashboard and alert rules ----------------------------------------------------------------------------

NAMED = re.compile(r"\b(?:placet|process)_[a-z_]+\b")


@pytest.fixture
def printed(
    mailbox: Mailbox, asked: Assignment, numbers: Numbers, monkeypatch: pytest.MonkeyPatch
) -> set[str]:
    """The name of everything that can be printed."""
    now = timezone.now()
    Mailbox.objects.update(last_poll_at=now, read_until=now, secret_expires_on=timezone.localdate())
    Checkpoint.objects.create(day=timezone.now().date(), text="", peaks=[], mac="")
    working.started("poll", threading.Thread())
    working.ended("poll", 1)
    return {name.partition(" ")[0] for name in numbers()}


def test_the_alert_rules_ask_for_what_is_there(printed: set[str]) -> None:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "placet-alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 5
    for rule in rules:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[smhd]", rule["for"]) and rule["labels"]["severity"] in (
            "critical",
            "warning",
        )
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["expr"].count("(") == rule["expr"].count(")")
    named = {name for rule in rules for name in NAMED.findall(rule["expr"])}
    assert named and named <= printed


def test_a_step_that_is_stuck_is_told_of_and_shown() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "placet-alerts.yml").read_text())["groups"][0]["rules"]
    assert [rule["alert"] for rule in rules if "placet_visits_stuck" in rule["expr"]] == ["PlacetStepStuck"]
    board = json.loads((DEPLOY / "grafana" / "placet.json").read_text())
    shown = {name for panel in board["panels"] for name in NAMED.findall(panel["targets"][0]["expr"])}
    assert {"placet_visits_stuck", "placet_visits_oldest_stuck_seconds"} <= shown


def test_no_panel_lies_on_another() -> None:
    board = json.loads((DEPLOY / "grafana" / "placet.json").read_text())
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in board["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)


def test_the_dashboard_asks_for_what_is_there(printed: set[str]) -> None:
    board = json.loads((DEPLOY / "grafana" / "placet.json").read_text())
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 5
    for panel in panels:
        place = panel["gridPos"]
        assert panel["title"] and place["x"] in range(25 - place["w"])
        assert panel["datasource"]["uid"] == "${datasource}"
    named = {
        name for panel in panels for target in panel["targets"] for name in NAMED.findall(target["expr"])
    }
    assert named and named <= printed


def test_every_number_is_documented(printed: set[str]) -> None:
    text = (DEPLOY.parent / "docs" / "install.md").read_text()
    assert {name for name in printed if name.startswith("placet_")} <= set(
        re.findall(r"`(placet_[a-z_]+)", text)
    )
