"""When Placet says that it does not work: to administrators on the first page, to monitors at `/healthz`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.approvals.models import Decision, Request, Visit
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import polling, pool
from placet.mailboxes.base import FixNeeded, Wait
from placet.mailboxes.kinds import all_kinds
from placet.mailboxes.models import Mailbox
from placet.mailboxes.secrets import CERTIFICATE
from placet.panel import health
from tests.making import one_step, start
from tests.pages.conftest import HOSTILE

As = Callable[[Person | None], Client]


def ago(**of: float) -> Any:
    return timezone.now() - timedelta(**of)


@pytest.fixture(autouse=True)
def _works(mailbox: Mailbox) -> None:
    Mailbox.objects.update(active_since=ago(days=1), last_poll_at=ago(seconds=5))


def failing(client: Client) -> list[str]:
    answer = client.get("/healthz")
    assert (answer.status_code == 503) is ("failing" in answer.json())
    return list(answer.json().get("failing", []))


def shown() -> tuple[str, str]:
    (one,) = health.health().mailboxes
    return one.tone, one.words


def test_a_mailbox_that_works_is_good(client: Client) -> None:
    assert failing(client) == []
    assert shown() == ("good", "works")


def test_it_says_until_when_a_mailbox_was_read(mailbox: Mailbox, admin: Person, as_: As) -> None:
    admin.zone = "Asia/Tokyo"
    admin.save()
    pages = [reverse("panel:home"), reverse("panel:mailbox", args=[mailbox.pk])]
    assert "not known yet" in read_until(as_(admin), pages[0])
    Mailbox.objects.update(read_until=datetime(2026, 11, 28, 16, 5, tzinfo=UTC))
    with time_machine.travel(datetime(2026, 11, 28, 16, 30, tzinfo=UTC)):
        for page in pages:
            assert ">01:05</time>" in read_until(as_(admin), page)
    with time_machine.travel(datetime(2026, 11, 30, 16, 30, tzinfo=UTC)):
        for page in pages:
            assert ">29 November 2026, 01:05</time>" in read_until(as_(admin), page)


def read_until(client: Client, page: str) -> str:
    return client.get(page).content.decode().partition("Read until")[2][:200]


def test_polls_that_are_begun_again_and_again_and_never_succeed_are_noticed(client: Client) -> None:
    Mailbox.objects.update(last_poll_at=ago(seconds=201), next_poll=timezone.now())
    assert failing(client) == ["poll"]
    assert shown() == ("bad", "not looked into")


def test_a_mailbox_that_was_just_switched_on_again_is_not_late(client: Client) -> None:
    Mailbox.objects.update(last_poll_at=ago(days=3), active_since=ago(seconds=5))
    assert failing(client) == []


def test_a_long_look_that_is_going_on_is_not_late_until_its_lease_has_run_out(client: Client) -> None:
    Mailbox.objects.update(last_poll_at=ago(seconds=400), claim="x")
    assert failing(client) == []
    Mailbox.objects.update(last_poll_at=timezone.now() - polling.LEASED.length - timedelta(seconds=201))
    assert failing(client) == ["poll"]


def test_trouble_with_a_poll_that_is_late_is_bad(mailbox: Mailbox) -> None:
    pool.failed(mailbox, Wait("Exchange is busy.", "Placet tries again by itself."))
    assert shown() == ("warn", "in trouble")
    Mailbox.objects.update(paused_until=None, last_poll_at=ago(seconds=201))
    assert shown() == ("bad", "in trouble")


def test_settings_that_are_not_valid_do_not_break_the_page(client: Client) -> None:
    Mailbox.objects.update(settings={"poll_seconds": "soon"}, last_poll_at=ago(seconds=201))
    assert failing(client) == ["poll"]


def came(mailbox: Mailbox, **more: Any) -> IncomingMail:
    name = f"mail {IncomingMail.objects.count()}"
    return IncomingMail.objects.create(
        mailbox=mailbox, server_id=name, fingerprint=name, folder="inbox", raw=b"x", **more
    )


def to_take_in(mailbox: Mailbox, due: Any) -> None:
    came(mailbox, due=due)


def to_put_away(mailbox: Mailbox, due: Any) -> None:
    mail = came(mailbox, state=IncomingMail.State.HANDLED)
    ServerTask.objects.create(incoming=mail, action="mark_read", due=due)


def to_send(mailbox: Mailbox, due: Any) -> None:
    OutgoingMail.objects.create(
        mailbox=mailbox, kind="k", to="b@contoso.example", cause="c", reference="r", message_id="m", subject="s",
        raw=b"", due=due,
    )  # fmt: skip


WAITING = {"take_in": to_take_in, "mark": to_put_away, "send": to_send}


@pytest.mark.parametrize("kind", WAITING)
def test_work_that_was_due_ten_minutes_ago_is_noticed(kind: str, mailbox: Mailbox, client: Client) -> None:
    WAITING[kind](mailbox, ago(minutes=11))
    assert failing(client) == [kind]
    assert shown() == ("bad", str(health.BEHIND[kind]))


@pytest.mark.parametrize("kind", WAITING)
@pytest.mark.parametrize(
    ("active", "paused_for"),  # minutes
    [(False, None), (True, 1), (True, -1)],
    ids=["not active", "paused", "was paused until now"],
)
def test_work_of_a_mailbox_that_rests_may_wait(
    kind: str, active: bool, paused_for: int | None, mailbox: Mailbox, client: Client
) -> None:
    WAITING[kind](mailbox, ago(minutes=11))
    until = None if paused_for is None else ago(minutes=-paused_for)
    Mailbox.objects.update(active=active, paused_until=until)
    assert failing(client) == []


@pytest.mark.parametrize("kind", WAITING)
def test_work_that_was_due_a_moment_ago_may_wait(kind: str, mailbox: Mailbox, client: Client) -> None:
    WAITING[kind](mailbox, ago(minutes=9))
    assert failing(client) == []


def test_many_mails_that_go_out_at_the_mailboxs_pace_are_not_late(mailbox: Mailbox, client: Client) -> None:
    to_send(mailbox, ago(minutes=30))
    Mailbox.objects.update(last_sent_at=ago(seconds=10))
    assert failing(client) == []


def test_what_is_done_or_given_up_is_not_late(mailbox: Mailbox, client: Client) -> None:
    for kind in WAITING:
        WAITING[kind](mailbox, ago(days=1))
    IncomingMail.objects.update(state=IncomingMail.State.HANDLED)
    ServerTask.objects.update(failed=True)
    OutgoingMail.objects.update(state=OutgoingMail.State.FAILED)
    assert failing(client) == []


# --- the first page of Administration ---------------------------------------------------------------------


@pytest.fixture
def page(admin: Person, as_: As) -> Callable[[], str]:
    def shown() -> str:
        answer = as_(admin).get(reverse("panel:home"))
        assert answer.status_code == 200
        return answer.content.decode()

    return shown


@pytest.mark.parametrize(
    ("days", "tone", "sentence"),
    [
        (31, "good", ""),
        (30, "warn", "The client secret expires in 30 days."),
        (1, "warn", "The client secret expires in 1 day."),
        (0, "warn", "The client secret expires today."),
        (-1, "bad", "The client secret has expired."),
    ],
)
def test_a_client_secret_that_expires_is_pointed_out_in_time(
    days: int, tone: str, sentence: str, mailbox: Mailbox, page: Callable[[], str]
) -> None:
    Mailbox.objects.update(secret_expires_on=timezone.localdate() + timedelta(days=days))
    mailbox.refresh_from_db()
    found = health.secret_health(mailbox)
    assert found is not None and (found.tone, found.days) == (tone, days)
    assert ("The client secret" in page()) is bool(sentence)
    assert sentence in page()


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        (12, "The certificate expires in 12 days."),
        (0, "The certificate expires today."),
        (-1, "The certificate has expired."),
    ],
)
def test_a_certificate_that_expires_is_called_one(
    days: int, sentence: str, mailbox: Mailbox, page: Callable[[], str]
) -> None:
    mailbox.secrets = {CERTIFICATE: "in use", "client_secret": "stored beside it"}
    mailbox.secret_expires_on = timezone.localdate() + timedelta(days=days)
    mailbox.save()
    shown = page()
    assert sentence in shown and "client secret" not in shown.lower()


def test_the_days_are_told_long_before_they_matter(mailbox: Mailbox, page: Callable[[], str]) -> None:
    Mailbox.objects.update(secret_expires_on=timezone.localdate() + timedelta(days=99))
    assert "in 99 days" in page()


def test_the_day_is_asked_for_only_where_there_is_one_to_enter(
    mailbox: Mailbox, page: Callable[[], str]
) -> None:
    assert "unknown: enter the day" in page()
    for kind in all_kinds().keys() - {mailbox.kind}:
        Mailbox.objects.update(kind=kind)
        assert "Client secret expires" not in page(), kind


def test_what_is_wrong_with_a_mailbox_is_said_with_its_cure_and_where_to_act(
    mailbox: Mailbox, page: Callable[[], str]
) -> None:
    pool.failed(mailbox, FixNeeded(f"{HOSTILE} is wrong.", "Enter it again.", {"trace_id": "0b9a"}))
    shown = page()
    assert "needs you" in shown and "Enter it again." in shown and "trace_id 0b9a" in shown
    assert "<script>alert" not in shown and "&lt;script&gt;" in shown
    assert f'href="{reverse("panel:mailbox", args=[mailbox.pk])}"' in shown


def test_the_next_look_is_told(mailbox: Mailbox, page: Callable[[], str]) -> None:
    Mailbox.objects.update(next_poll=timezone.now() + timedelta(minutes=7, seconds=10))
    assert "in 7 minutes" in page()
    Mailbox.objects.update(claim="x")
    assert "going on now" in page()


def test_a_request_that_is_stuck_is_shown_until_it_is_not(purchase: Request, page: Callable[[], str]) -> None:
    assert "stuck" not in page()
    purchase.visits.update(state=Visit.State.STUCK, reason=f"Nobody is in finance. {HOSTILE}")
    shown = page()
    assert "1 request is stuck" in shown and "Nobody is in finance." in shown and "<script>alert" not in shown
    assert f'href="{reverse("portal:request", args=[purchase.public_id])}"' in shown
    Request.objects.update(state=Request.State.WITHDRAWN)
    assert "stuck" not in page()


def test_where_nobody_else_could_be_asked_is_shown_as_long_as_it_is_so(
    purchase: Request, page: Callable[[], str]
) -> None:
    assert "nobody else could be asked" not in page()
    purchase.visits.update(reason=f"Nobody is in heads. {HOSTILE}")
    shown = page()
    assert "1 step was not decided in time, and nobody else could be asked" in shown
    assert "Nobody is in heads." in shown and "<script>alert" not in shown and "is stuck" not in shown
    assert f'href="{reverse("portal:request", args=[purchase.public_id])}"' in shown
    purchase.visits.update(state=Visit.State.STUCK)
    assert "nobody else could be asked" not in page()
    purchase.visits.update(state=Visit.State.OPEN)
    Request.objects.update(state=Request.State.WITHDRAWN)
    assert "nobody else could be asked" not in page()


def test_only_some_of_many_stuck_requests_are_listed(purchase: Request, page: Callable[[], str]) -> None:
    visit = purchase.visits.get()
    Visit.objects.bulk_create(
        Visit(
            request=purchase, parent=visit, branch=f"b{number}", step_key="one", round=number, state="stuck"
        )
        for number in range(2, 22)
    )
    shown = page()
    assert "20 requests are stuck" in shown
    assert shown.count(str(purchase.public_id)) == health.STUCK_SHOWN


def test_mail_that_needs_somebody_leads_to_where_it_is(mailbox: Mailbox, page: Callable[[], str]) -> None:
    came(mailbox, state=IncomingMail.State.SET_ASIDE)
    came(mailbox, state=IncomingMail.State.HANDLED, result="not_proved", verdict={"shown": True})
    mail = came(mailbox, state=IncomingMail.State.HANDLED)
    ServerTask.objects.create(incoming=mail, action="move", failed=True)
    assert (health.health().to_look_at, health.health().set_aside, health.health().failed_marks) == (2, 1, 1)
    shown = page()
    for state in ("kept", "look", "set_aside"):
        assert f'href="{reverse("panel:incoming")}?state={state}"' in shown
    assert "1 mail was handled but could not be moved" in shown


def test_home_and_the_mail_log_count_the_same_mails_and_only_until_somebody_looked_at_them(
    mailbox: Mailbox, admin: Person, page: Callable[[], str], as_: As
) -> None:
    states = IncomingMail.State
    came(mailbox, state=states.HANDLED, result="no_longer_open", verdict={"shown": True})  # not its result
    came(mailbox, state=states.DUPLICATE, result="set_aside")
    came(mailbox, state=states.SET_ASIDE, result="set_aside")
    came(mailbox, state=states.HANDLED, result="bounce")
    log = reverse("panel:incoming")
    assert health.health().to_look_at == 2
    assert "2 mails to look at." in as_(admin).get(log).content.decode()
    IncomingMail.objects.update(looked_at=timezone.now())
    assert (health.health().to_look_at, health.health().set_aside) == (0, 1)
    assert 'class="warn"' not in page()
    assert "to look at." not in as_(admin).get(log).content.decode()


def test_marks_that_were_given_up_are_tried_again_from_home(
    mailbox: Mailbox, admin: Person, page: Callable[[], str], as_: As
) -> None:
    for failed in (True, True, False):
        mail = came(mailbox, state=IncomingMail.State.HANDLED)
        ServerTask.objects.create(incoming=mail, action="move", failed=failed, tries=8, due=ago(days=-1))
    again = reverse("panel:marks_again")
    assert f'action="{again}"' in page()
    as_(admin).get(again)
    assert health.health().failed_marks == 2
    assert "2 mails are tried again now." in as_(admin).post(again, follow=True).content.decode()
    assert again not in page()
    tried = ServerTask.objects.filter(failed=False, tries=0, due__lte=timezone.now())
    assert tried.count() == 2


def done(reader: Person) -> list[bool]:
    return [step.done for step in health.first_steps(reader)]


def test_the_first_steps_are_ticked_one_by_one_and_then_gone(
    mailbox: Mailbox, admin: Person, page: Callable[[], str]
) -> None:
    Mailbox.objects.update(active=False, last_poll_at=None)
    assert done(admin) == [True, False, False, False, False]
    assert "Next steps" in page() and reverse("designer:new") in page()
    Mailbox.objects.update(active=True, last_poll_at=timezone.now())
    bob = add_person("Bob", "bob@contoso.example")
    assert done(admin) == [True, True, True, False, False]
    request = start(one_step([{"person": "bob@contoso.example"}]), admin)
    assert done(admin) == [True, True, True, True, False]
    Decision.objects.create(
        assignment=request.visits.get().assignments.get(), outcome="approve", by_person=bob, channel="page"
    )
    assert done(admin) == [True] * 5
    assert "Next steps" not in page()


def test_a_new_installation_is_told_to_begin_with_the_mailbox(admin: Person, page: Callable[[], str]) -> None:
    Mailbox.objects.all().delete()
    assert done(admin) == [False] * 5
    assert f'href="{reverse("panel:guide")}"' in page()
