"""The pages of reports: whose processes they are about, their files, and what stays away where it is switched off."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet.accounts.models import Installation, Person
from placet.accounts.person_figures import are_person_figures_shown
from placet.approvals import engine, owning
from placet.approvals.models import Assignment, Decision, Process, Request, Visit
from placet.approvals.processes import publish
from placet.mailboxes.models import Mailbox
from placet.reports import work
from placet.reports.models import CountedDay, OpenSeats
from placet.reports.views import REPORTS
from tests.making import one_step

As = Callable[[Person | None], Client]
ASK = [{"person": "bob@contoso.example"}]


def count() -> None:
    """All that is to be counted, as the work does."""
    CountedDay.objects.all().delete()
    for day in work.due(100):
        work.work(day)


@pytest.fixture
def counted(purchase: Request, alice: Person, bob: Person) -> None:
    """Of two processes: one request that is decided, and two that wait for Bob."""
    formula = {**one_step(ASK), "name": "=SUM(1)"}
    for _n in range(2):
        engine.start(publish(formula), alice, {"item": "Desk", "amount": "1"})
    seat = Assignment.objects.filter(visit__request__version__process__key="one-step").order_by("pk")[0]
    engine.decide(seat.pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    count()


@pytest.fixture
def owner(dave: Person, counted: None) -> Person:
    """Of one of them."""
    owning.add_owner(Process.objects.get(key="one-step"), dave)
    return dave


def shown(client: Client, key: str, **asked: str) -> str:
    answer = client.get(reverse(f"reports:{key}"), asked)
    assert answer.status_code == 200
    return re.sub(r'csrfmiddlewaretoken" value="[^"]*"', "", answer.content.decode())


@pytest.mark.parametrize("key", [one.key for one in REPORTS])
def test_an_owner_sees_their_processes_alone(key: str, owner: Person, as_: As) -> None:
    page = shown(as_(owner), key)
    assert "=SUM(1)" in page
    assert "Purchase" not in page
    assert shown(as_(owner), key, process="purchase") == page, "as if there were none of this key"
    if key not in ("steps", "waiting"):
        one = as_(owner).get(reverse("reports:table", args=[key, _first_table(key)])).content.decode()
        assert "Purchase" not in one


def _first_table(key: str) -> str:
    return {
        "durations": "processes",
        "passes": "weeks",
        "trend": "weeks",
        "answers": "channels",
        "rules": "rules",
    }[key]


def test_what_waits_for_somebody_is_of_the_owners_processes(owner: Person, admin: Person, as_: As) -> None:
    assert _seats(as_(owner)) == [["Bob Manager", "1"]]
    assert _seats(as_(admin)) == [["Bob Manager", "2"]]
    assert _seats(as_(admin), process="one-step") == [["Bob Manager", "1"]]


def _seats(client: Client, **asked: str) -> list[list[str]]:
    lines = (
        client.get(reverse("reports:table", args=["waiting", "people"]), asked).content.decode().splitlines()
    )
    return [line.split(",")[:2] for line in lines[1:]]


def test_where_figures_of_people_are_off_there_are_none(owner: Person, admin: Person, as_: As) -> None:
    assert OpenSeats.objects.exists()
    assert "Who holds things up" in as_(admin).get(reverse("reports:home")).content.decode()
    Installation.objects.update_or_create(id=1, defaults={"person_figures": False})
    for address in (reverse("reports:waiting"), reverse("reports:table", args=["waiting", "people"])):
        assert as_(admin).get(address).status_code == 404
    assert "Who holds things up" not in as_(admin).get(reverse("reports:home")).content.decode()
    count()
    assert not OpenSeats.objects.exists()


def test_the_general_tab_switches_them_off(admin: Person, as_: As, counted: None) -> None:
    page = reverse("panel:general")
    (box,) = re.findall(r'<input[^>]*name="person_figures"[^>]*>', as_(admin).get(page).content.decode())
    assert " checked" in box
    entered = {"zone": "Europe/Paris", "language": "en", "public_url": "https://it.contoso.example"}
    as_(admin).post(page, entered)
    assert are_person_figures_shown() is False


def test_a_file_has_numbers_to_reckon_with_and_no_formula(owner: Person, as_: As) -> None:
    answer = as_(owner).get(reverse("reports:table", args=["durations", "processes"]), {"days": "30"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="durations-processes-')
    head, row = answer.content.decode("utf-8-sig").splitlines()
    assert head.startswith("Process,Requests that ended,Working time: half (minutes)")
    assert row.split(",")[:2] == ["'=SUM(1)", "1"]
    assert as_(owner).get(reverse("reports:table", args=["durations", "nothing"])).status_code == 404
    assert as_(owner).get(reverse("reports:table", args=["nothing", "weeks"])).status_code == 404


@pytest.mark.parametrize("days", ["30", "365", "7", "-1", "x", "9" * 5000])
def test_a_period_is_one_of_the_list(days: str, owner: Person, as_: As) -> None:
    page = shown(as_(owner), "durations", days=days)
    chosen = days if days in ("30", "365") else "90"
    assert f'<option value="{chosen}" selected>' in page


def test_what_needs_an_owner_stands_on_top(owner: Person, admin: Person, purchase: Request, as_: As) -> None:
    home = reverse("reports:home")
    assert "Nothing is stuck" in as_(owner).get(home).content.decode()
    Visit.objects.filter(request=purchase).update(state=Visit.State.STUCK, reason="nobody is left")
    assert "Stuck requests" not in as_(owner).get(home).content.decode(), "of a process that is not theirs"
    page = as_(admin).get(home).content.decode()
    assert purchase.title in page
    assert listed_by(page, "stuck", as_(admin)) == [purchase.pk]
    of_owner = Visit.objects.filter(request__version__process__key="one-step", state=Visit.State.OPEN)
    of_owner.update(reason="the manager cannot be asked")
    page = as_(owner).get(home).content.decode()
    assert "Late, and nobody else to ask" in page
    late = {visit.request_id for visit in of_owner}
    assert {*listed_by(page, "unanswered", as_(owner))} == late
    Mailbox.objects.create(name="Sales", address="s@x.example", active=True, trouble={"cause": "x"})
    assert "In trouble: Sales" in as_(owner).get(home).content.decode()


def listed_by(page: str, trouble: str, client: Client) -> list[int]:
    """What opens with the number of what is in need, which is as many."""
    (link, number) = re.findall(rf'<a href="([^"]*trouble={trouble})">([0-9]+)<', page)[0]
    requests = [row.request.pk for row in client.get(link).context["rows"]]
    assert len(requests) == int(number)
    return requests


def test_before_anything_was_counted_pages_say_so(admin: Person, as_: As) -> None:
    for one in REPORTS:
        assert "Nothing is counted yet" in shown(as_(admin), one.key)


def test_a_figure_is_as_old_as_the_page_says(owner: Person, as_: As) -> None:
    CountedDay.objects.update(counted_at=timezone.now() - timedelta(minutes=4))
    assert "4 minutes ago" in shown(as_(owner), "trend")


def test_a_bar_is_as_long_as_the_share_beside_it(counted: None, admin: Person, bob: Person, as_: As) -> None:
    seat = Assignment.objects.get(visit__request__version__process__key="one-step", state="open")
    engine.decide(seat.pk, by=bob, outcome="approve", channel=Decision.Channel.MAIL)
    count()
    page = shown(as_(admin), "answers", process="one-step")
    assert re.findall(r'<rect [^>]*width="([^"]+)"', page[: page.index("<details>")])[:2] == ["50%", "50%"]


def test_small_numbers_are_words(counted: None, admin: Person, as_: As) -> None:
    assert '<th scope="row">never</th>' in shown(as_(admin), "passes", process="one-step")
    ages = shown(as_(admin), "trend", process="one-step")
    assert '<th scope="row">up to 1 day</th>' in ages
    assert ages.count('<svg class="bar"') == 1, "of nothing there is no bar"
