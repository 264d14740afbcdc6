"""Diagnostics: how it stands, what went wrong, and a file to send that holds no secret."""

import base64
import io
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import structlog
from django.conf import settings as ours
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from placet import work, work_alone
from placet.accounts.general import log_level, save
from placet.accounts.models import Installation, Person
from placet.approvals.models import Ask, Assignment, DigestItem, Request, Stop, Timer
from placet.lib import logs, working
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes.models import Mailbox
from placet.panel import findings
from tests.conftest import PASSWORD
from tests.pages.conftest import HOSTILE, SECRET

METRICS_KEY = "k8Vd-some-long-key-of-the-test"
As = Callable[[Person | None], Client]

log = structlog.get_logger("placet.test")


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(working, "_workers", {})
    level = logs.level_now()
    logs.memory.forget()
    yield
    logs.memory.forget()
    logs.set_level(level)


@pytest.fixture
def browser(admin: Person, as_: As) -> Client:
    return as_(admin)


def page(browser: Client, **more: Any) -> str:
    answer = browser.get(reverse("panel:diagnostics"), **more)
    assert answer.status_code == 200
    return answer.content.decode()


def members(browser: Client, **more: Any) -> dict[str, str]:
    answer = browser.get(reverse("panel:support_file"), **more)
    assert "attachment" in answer["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


# --- the page ---------------------------------------------------------------------------------------------


def test_it_tells_versions_database_and_space(browser: Client) -> None:
    shown = page(browser)
    for said in (
        findings.machine().version,
        findings.database().version,
        str(ours.PLACET.data_dir),
        "CPython 3.",
    ):
        assert said in shown
    assert findings.database().missing == []
    assert findings.database().size > 0


def test_tables_that_are_not_those_of_this_version_are_said(browser: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'audit'")
    assert "Restart Placet; it brings them up to date" in page(browser)


def test_a_full_disk_is_said(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "LITTLE_SPACE", 10**18)
    assert "Make room" in page(browser)


def test_without_workers_it_says_what_to_start(browser: Client) -> None:
    assert "No process of Placet does the work" in page(browser)


def test_every_kind_of_work_has_its_words() -> None:
    assert {kind.name for kind in work.kinds()} == set(findings.KINDS)


@pytest.mark.django_db(transaction=True)
def test_every_kind_of_work_tells_whether_it_lives_and_when_it_last_turned(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = [work.Kind(name, lambda limit: [], lambda row: False) for name in findings.KINDS]
    monkeypatch.setattr(work_alone, "kinds", lambda: nothing)
    runner = work_alone.Runner()
    runner.start()
    try:
        until = timezone.now() + timedelta(seconds=30)
        while not all(worker.last_turn_at for worker in working.workers()) and timezone.now() < until:
            threading.Event().wait(0.05)
        workers = {worker.kind: worker for worker in findings.workers()}
        assert set(workers) == set(findings.KINDS) == set(runner.alive())
        assert all(worker.alive and worker.last_turn_at for worker in workers.values())
        assert "No process of Placet" not in page(browser)
    finally:
        runner.stop()
    assert not any(worker.alive for worker in findings.workers())
    assert "stopped: restart Placet" in page(browser)


def test_what_a_worker_did_is_counted(db: None) -> None:
    working.started("send", threading.current_thread())
    working.began("send")
    assert working.workers()[0].began_at is not None
    working.ended("send", 3)
    working.began("send")
    working.ended("send", 0)
    (worker,) = findings.workers()
    assert (worker.worked, worker.began_at, worker.alive) == (3, None, True)
    assert worker.last_worked_at is not None and worker.last_turn_at is not None
    assert worker.last_worked_at <= worker.last_turn_at


def test_queues_tell_how_many_wait_and_since_when(mailbox: Mailbox, incoming: IncomingMail) -> None:
    long_ago = timezone.now() - timedelta(hours=3)
    IncomingMail.objects.update(state=IncomingMail.State.KEPT, due=long_ago)
    out(mailbox, due=timezone.now() + timedelta(hours=1))
    waits = {queue.kind: queue for queue in findings.queues()}
    assert (waits["take_in"].waiting, waits["take_in"].due, waits["take_in"].oldest) == (1, 1, long_ago)
    assert (waits["send"].waiting, waits["send"].due, waits["send"].oldest) == (1, 0, None)
    assert waits["mark"].waiting == 0


def test_of_moments_those_wait_that_are_past_and_of_digests_all_that_was_collected(
    purchase: Request, browser: Client
) -> None:
    """What comes one day is no work that waits. One that is put off, while mail is read first, still does."""
    now = timezone.now()
    seat = Assignment.objects.select_related("visit").get(visit__request=purchase)
    visit, day = seat.visit, timedelta(days=1)
    for number, (at, due) in enumerate(
        [(1, 1), (-3, -3), (-2, 0.005), (-1, 2)], 1
    ):  # hours from now; the last one is put off by more than a pause, and so is none that waits
        moments = {"at": now + timedelta(hours=at), "due": now + timedelta(hours=due)}
        Timer.objects.create(visit=visit, what="remind", number=number, **moments)
    Stop.objects.create(request=purchase, at=now + day, due=now + day, basis={})
    DigestItem.objects.create(assignment=seat, person=seat.person, at=now + day, due=now + day)
    waits = {queue.kind: queue for queue in findings.queues()}
    assert (waits["timer"].waiting, waits["timer"].due) == (2, 2)
    assert waits["timer"].oldest == now - timedelta(hours=3)
    assert (waits["stop"].waiting, waits["stop"].oldest) == (0, None)
    assert (waits["digest"].waiting, waits["digest"].due) == (1, 0)
    Stop.objects.update(at=now - day)
    assert {queue.kind: queue.due for queue in findings.queues()}["stop"] == 0
    Stop.objects.update(due=now - day)
    assert {queue.kind: queue.due for queue in findings.queues()}["stop"] == 1
    shown = page(browser)
    assert "Ask in one mail what was collected for somebody" in shown


def out(mailbox: Mailbox, **more: Any) -> OutgoingMail:
    return OutgoingMail.objects.create(
        mailbox=mailbox, kind="ask", to="bob@contoso.example", cause="test", reference="1", message_id="<1@x>",
        subject="Please decide", raw=b"", **more,
    )  # fmt: skip


def test_what_went_wrong_is_shown_without_private_words(browser: Client) -> None:
    try:
        raise ValueError(f"cannot read {HOSTILE} of bob@contoso.example")
    except ValueError:
        log.exception("take_in_failed", incoming=17, reason=f"{HOSTILE} bob@contoso.example")
    shown = page(browser)
    assert "take_in_failed" in shown and "ValueError" in shown and "17" in shown
    assert "bob@contoso.example" not in shown and "<script>alert" not in shown


def test_mail_that_failed_leads_to_where_it_can_be_sent_again(
    browser: Client, mailbox: Mailbox, incoming: IncomingMail
) -> None:
    out(mailbox, state=OutgoingMail.State.FAILED, last_error=f"refused [#abcdefghijklmnop] {HOSTILE}")
    ServerTask.objects.create(incoming=incoming, action="move", failed=True, last_error="no such folder")
    shown = page(browser)
    assert f'href="{reverse("panel:outgoing")}?state=failed"' in shown
    assert f'href="{reverse("panel:incoming_mail", args=[incoming.pk])}"' in shown
    assert "abcdefghijklmnop" not in shown and "<script>alert" not in shown


# --- the log level ----------------------------------------------------------------------------------------


def test_the_log_level_changes_at_once_and_is_kept(browser: Client) -> None:
    answer = browser.post(reverse("panel:diagnostics"), {"log_level": "debug"}, follow=True)
    assert "The log level is changed." in answer.content.decode()
    assert logs.level_now() == log_level() == Installation.objects.get().log_level == "debug"


def test_the_operators_level_holds_again_after_the_next_start(browser: Client, settings: Settings) -> None:
    settings.PLACET = settings.PLACET.model_copy(update={"log_level": "warning"})
    assert "PLACET_LOG_LEVEL" in page(browser)
    browser.post(reverse("panel:diagnostics"), {"log_level": "debug"})
    assert (logs.level_now(), log_level()) == ("debug", "warning")


@pytest.mark.parametrize("level", ["", "trace", "DEBUG"])
def test_another_level_is_refused(browser: Client, level: str) -> None:
    before = logs.level_now()
    assert browser.post(reverse("panel:diagnostics"), {"log_level": level}).status_code == 422
    assert logs.level_now() == before


# --- how it was reached -----------------------------------------------------------------------------------


def test_a_proxy_that_does_not_say_https_is_pointed_out(browser: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["it.example"]
    save({"public_url": "https://it.example"}, by=0)
    assert "set PLACET_TRUST_PROXY to true" in page(browser, headers={"host": "it.example"})
    good = page(browser, headers={"host": "it.example"}, secure=True)
    assert "PLACET_TRUST_PROXY to true" not in good and "You are not using the public address" not in good


def test_a_proxy_that_does_not_pass_the_host_on_is_pointed_out(browser: Client) -> None:
    shown = page(browser, headers={"x-forwarded-for": "10.1.2.3", "x-forwarded-proto": HOSTILE})
    assert "let it pass the Host header on" in shown
    assert "10.1.2.3" in shown and "<script>alert" not in shown


def test_a_host_header_that_cannot_be_anybodys_address_breaks_no_page(
    browser: Client, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]
    shown = page(browser, headers={"host": "localhost:0"})
    assert "http://localhost:0" in shown and "You are not using the public address" in shown
    for other in (reverse("panel:general"), reverse("panel:support_file")):
        assert browser.get(other, headers={"host": "localhost:0"}).status_code == 200


# --- the support file -------------------------------------------------------------------------------------


@pytest.fixture
def full(
    mailbox: Mailbox, asked: Assignment, incoming: IncomingMail, admin: Person, carol: Person
) -> Mailbox:
    """Secrets wherever they may come to stand."""
    Mailbox.objects.update(
        secret_set_by="ada@contoso.example", secret_expires_on=date(2027, 1, 1),
        trouble={"cause": f"Refused {SECRET} for bob@contoso.example", "cure": "", "details": {"trace_id": "0b9a"}},
        sending_trouble={
            "cause": f"Refused {SECRET} for carol@contoso.example", "cure": "", "details": {}, "fix_needed": True,
            "since": timezone.now().isoformat(),
        },
        settings={**mailbox.settings, "reply_to": "approvals@contoso.example", "username": SECRET, "odd": SECRET},
    )  # fmt: skip
    IncomingMail.objects.update(reason=f"{SECRET} abcdefghijklmnop from bob@contoso.example")
    out(
        mailbox,
        state=OutgoingMail.State.FAILED,
        last_error=f"[#abcdefghijklmnop] {SECRET} for bob@contoso.example",
    )
    ServerTask.objects.create(
        incoming=incoming, action="move", failed=True, last_error=f"bob@contoso.example {SECRET}"
    )
    save({"organisation": f"Contoso {SECRET}"}, by=admin.pk)
    log.error("it_failed", cause=f"{SECRET} abcdefghijklmnop bob@contoso.example", token=SECRET)
    try:
        raise RuntimeError(SECRET, PASSWORD)
    except RuntimeError:
        log.exception("work_failed", kind="send", row=1)
    return mailbox


def private(browser: Client) -> dict[str, str]:
    """What must not be in the file, by what it is."""
    keys = ours.PLACET.data_dir / "keys"
    found = {
        "client secret": SECRET,
        "password": PASSWORD,
        "secret.key": (keys / "secret.key").read_text().strip(),
        "encryption.keys": (keys / "encryption.keys").read_text().split()[0],
        "audit.keys": (keys / "audit.keys").read_text().split()[0],
        "reply code key": ours.REPLY_CODE_KEY.hex(),
        "key check": Installation.objects.get().key_check,
        "session": browser.cookies["sessionid"].value,
        "encrypted secrets": str(Mailbox.objects.values_list("secrets", flat=True)),
        "reply code of a mail": "abcdefghijklmnop",
        "subject of a mail": "Please decide",
        "what a request says": "The old one broke",
        "title": "A chair",
        "database password": "hunter2-of-the-database",
        "key of the metrics": METRICS_KEY,
    }
    found |= {f"password of {p}": p.password for p in Person.objects.all()}
    found |= {f"address of {p}": p.email for p in Person.objects.all()}
    found |= {f"name of {p}": p.name for p in Person.objects.all()}
    found |= {f"code hash {ask.pk}": ask.code_hash for ask in Ask.objects.all()}
    codes = {
        code
        for mail in OutgoingMail.objects.all()
        for code in re.findall(r"[#+]([a-z2-7]{16})", bytes(mail.raw).decode("ascii", "replace"))
    }
    assert codes, "an ask was sent, so there is a code to look for"
    return found | {f"reply code {code}": code for code in codes}


def test_no_secret_of_the_installation_is_in_the_support_file(
    browser: Client, full: Mailbox, settings: Settings
) -> None:
    url = "postgres://placet:hunter2-of-the-database@db.example/placet"
    settings.PLACET = settings.PLACET.model_copy(update={"database_url": url, "metrics_key": METRICS_KEY})
    save({"organisation": f"Contoso {METRICS_KEY}"}, by=0)
    text = "\n".join(members(browser).values())
    for what, value in private(browser).items():
        for form in (value, json.dumps(value)[1:-1], base64.b64encode(value.encode()).decode().rstrip("=")):
            assert form.casefold() not in text.casefold(), what


def test_the_support_file_tells_what_helps(browser: Client, full: Mailbox) -> None:
    found = members(browser)
    assert "README.txt" in found
    read = {name: json.loads(text) for name, text in found.items() if name.endswith(".json")}
    assert read["installation.json"]["database"]["kind"] in ("SQLite", "PostgreSQL")
    assert read["installation.json"]["people"] == Person.objects.count()
    (mailbox,) = read["mailboxes.json"]
    assert mailbox["address"] == "approvals@contoso.example"
    assert mailbox["settings"]["client_id"] == full.settings["client_id"]
    assert (mailbox["has_secret"], mailbox["secret_expires_on"]) == (True, "2027-01-01")
    assert "odd" not in mailbox["settings"]
    assert read["work.json"]["incoming"] == {"set_aside": 1}
    assert read["failed.json"]["mails_out"][0]["to"] == "b…@contoso.example"
    assert {trouble["event"] for trouble in read["log.json"]} == {"it_failed", "work_failed"}


def test_the_support_file_is_made_on_a_new_installation_too(browser: Client) -> None:
    found = members(browser, headers={"accept-language": "fr"})
    assert json.loads(found["mailboxes.json"]) == []
    assert json.loads(found["log.json"]) == []


def test_the_support_file_is_in_english_whoever_asks_for_it(browser: Client, admin: Person) -> None:
    Person.objects.filter(pk=admin.pk).update(language="fr")
    assert json.loads(members(browser)["work.json"])["queues"][1]["name"] == "take in mail"
