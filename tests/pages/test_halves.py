"""What people see of a mailbox of which one kind receives and another sends, where one of them fails."""

import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet.accounts.models import Person
from placet.mailboxes import pool
from placet.mailboxes.base import FixNeeded, Half, Wait
from placet.mailboxes.models import Mailbox
from placet.panel import health
from tests.pages.conftest import HOSTILE
from tests.pages.test_diagnostics import members
from tests.pages.test_health import ago, failing, to_put_away, to_send, to_take_in

As = Callable[[Person | None], Client]


@pytest.fixture(autouse=True)
def mailbox(mailbox: Mailbox) -> Mailbox:
    stored = {
        "username": mailbox.address,
        "imap_host": "imap.contoso.example",
        "smtp_host": "smtp.contoso.example",
    }
    Mailbox.objects.update(
        kind="imap", sending_kind="smtp", protocol="imap", settings=stored, active_since=ago(days=1),
        last_poll_at=ago(seconds=5),
    )  # fmt: skip
    mailbox.refresh_from_db()
    return mailbox


def fails(half: Half, cause: str = "The password is wrong.", *, for_good: bool = True) -> None:
    kind = FixNeeded if for_good else Wait
    error = kind(cause, "Enter it again.", details={"code": "535"})
    error.half = half
    pool.failed(Mailbox.objects.get(), error)


def shown() -> tuple[str, str]:
    (one,) = health.health().mailboxes
    return one.tone, one.words


WORDS = {
    Half.SENDING: "Sending rests; replies are read all the same.",
    Half.RECEIVING: "Reading rests; mail is sent all the same.",
}
SHORT = {Half.SENDING: "does not send", Half.RECEIVING: "is not read"}


@pytest.mark.parametrize("half", Half)
def test_the_first_page_says_which_half_rests_why_and_what_to_do(
    half: Half, mailbox: Mailbox, admin: Person, as_: As
) -> None:
    fails(half, f"{HOSTILE} is wrong.")
    page = as_(admin).get(reverse("panel:home")).content.decode()
    for part in (WORDS[half], "is wrong.", "Enter it again.", "535", "needs you"):
        assert part in page
    assert HOSTILE not in page
    assert ("Sends again" in page) is (half is Half.SENDING)
    assert shown() == ("bad", "needs you")


@pytest.mark.parametrize("half", Half)
def test_so_do_its_settings_and_the_list_of_mailboxes(
    half: Half, mailbox: Mailbox, admin: Person, as_: As
) -> None:
    page = reverse("panel:mailbox", args=[mailbox.pk])
    assert "badge bad" not in as_(admin).get(page).content.decode()
    fails(half)
    said = as_(admin).get(page).content.decode()
    assert f"{WORDS[half]} <strong>The password is wrong.</strong> Enter it again." in said
    marked = re.findall(r'</bdi></a> <span class="badge bad">([^<]*)<', said)
    assert marked == [SHORT[half]]


def test_of_both_nothing_is_said_that_goes_on(mailbox: Mailbox, admin: Person, as_: As) -> None:
    fails(Half.SENDING, "The password for sending is wrong.")
    fails(Half.RECEIVING)
    page = as_(admin).get(reverse("panel:home")).content.decode()
    assert "all the same" not in page.partition("<h1>")[2]  # the banner above is of sending
    for part in ("Reading rests.", "Sending rests.", "The password is wrong.", "for sending is wrong."):
        assert part in page
    said = as_(admin).get(reverse("panel:mailbox", args=[mailbox.pk])).content.decode()
    assert '<span class="badge bad">in trouble<' in said


def test_whoever_looks_at_reports_reads_which_half_it_is(admin: Person, as_: As, mailbox: Mailbox) -> None:
    fails(Half.SENDING)
    page = as_(admin).get(reverse("reports:home")).content.decode()
    assert f"In trouble: {mailbox.name} (does not send)." in page


@pytest.mark.parametrize("half", Half)
def test_what_passes_by_itself_is_a_warning(half: Half) -> None:
    fails(half, for_good=False)
    assert shown() == ("warn", "in trouble")


def test_a_rest_of_one_half_excuses_no_work_of_the_other(mailbox: Mailbox, client: Client) -> None:
    for late in (to_take_in, to_put_away, to_send):
        late(mailbox, ago(minutes=11))
    assert failing(client) == ["take_in", "mark", "send"]
    later = timezone.now() + timedelta(hours=1)
    Mailbox.objects.update(sending_paused_until=later)
    assert failing(client) == ["take_in", "mark"]
    Mailbox.objects.update(sending_paused_until=None, paused_until=later)
    assert failing(client) == ["send"]
    Mailbox.objects.update(sending_paused_until=ago(minutes=1), paused_until=ago(minutes=1))  # a moment ago
    assert failing(client) == []


def test_the_support_file_has_both(admin: Person, as_: As) -> None:
    fails(Half.SENDING, "bob@contoso.example is not allowed.")
    found = members(as_(admin))
    (said,) = json.loads(found["mailboxes.json"])
    assert (said["sending_failures"], said["failures"], said["trouble"]) == (1, 0, {})
    assert said["sending_trouble"]["cause"] == "b…@contoso.example is not allowed."
    assert [alarm["of_sending"] for alarm in json.loads(found["alarms.json"])["alarms"]] == [True]
