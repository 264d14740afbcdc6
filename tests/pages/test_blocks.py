"""Steps side by side on pages: the branches of a request's path, where it stands, who was first in another branch."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from placet.accounts.models import Group, Person
from placet.approvals import engine
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, Decision, Request, Visit
from placet.approvals.processes import publish
from placet.commands.process import SAMPLES
from placet.portal.path import Definitions, Station, path_of, standings
from tests.pages.conftest import answer

As = Callable[[Person | None], Client]


@pytest.fixture
def contract(alice: Person, bob: Person, carol: Person, dave: Person) -> Request:
    """Legal (Bob) and finance (Carol) look at it; data protection (Dave) need not."""
    for key, person in (("legal", bob), ("money", carol), ("privacy", dave)):
        group, _ = Group.objects.get_or_create(key=key, defaults={"name": key})
        group.members.set([person])
    source = (SAMPLES / "contract.yaml").read_text().replace("{group: finance}", "{group: money}")
    form = {"contract": "Rent", "partner": "Fabrikam", "value": "25000", "why": "The new hall."}
    return engine.start(publish(source), alice, form)


def page_of(request: Request) -> str:
    return reverse("portal:request", args=[request.public_id])


def decide(person: Person, outcome: str = "approve", comment: str = "") -> None:
    seat = Assignment.objects.filter(person=person, state="open").first()
    assert seat is not None
    engine.decide(seat.pk, by=person, outcome=outcome, comment=comment, channel=Decision.Channel.PAGE)


def shown(request: Request) -> list[tuple[str, str]]:
    """The stations of its path; of a block what each branch shows."""
    request.refresh_from_db()
    rows: list[tuple[str, str]] = []

    def add(stations: "list[Station]", indent: str = "") -> None:
        for station in stations:
            rows.append((f"{indent}{station.name}", station.words))
            for branch in station.branches:
                rows.append((f"{indent}- {branch.name}", branch.words))
                add(list(branch.stations), f"{indent}  ")

    add(list(path_of(request, definition_of(request.version)).stations))
    return rows


def test_the_path_shows_the_branches_with_what_comes_next(contract: Request) -> None:
    assert shown(contract) == [
        ("Started", "by Alice Requester"),
        ("Checks", "waiting"),
        ("- Legal", ""),
        ("  Legal check", "waiting"),
        ("- Finance", ""),
        ("  Budget check", "waiting"),
        ("- Data protection", "not needed here"),
        ("Signature", "comes next, if approved"),
        ("Signed", "then, if approved"),
    ]


def test_a_longer_branch_shows_what_comes_next_in_it(alice: Person, contract: Request) -> None:
    form = {"contract": "Lease", "partner": "Fabrikam", "value": "250000", "why": "The new hall."}
    request = engine.start(contract.version, alice, form)
    assert shown(request)[2:5] == [
        ("- Legal", ""),
        ("  Legal check", "waiting"),
        ("  Outside counsel", "comes next, if approved"),
    ]


def test_the_path_shows_what_each_branch_came_to(contract: Request, bob: Person, carol: Person) -> None:
    decide(carol)
    decide(bob, "changes", "The notice period is missing.")
    assert shown(contract) == [
        ("Started", "by Alice Requester"),
        ("Checks", "needs changes"),
        ("- Legal", "needs changes"),
        ("  Legal check", "Needs changes"),
        ("- Finance", "approved"),
        ("  Budget check", "approved"),
        ("- Data protection", "not needed here"),
        ("Returned for changes", "the end"),
    ]


def test_the_path_shows_what_was_not_needed_any_more(contract: Request, bob: Person) -> None:
    decide(bob, "reject", "No.")
    assert shown(contract)[1:6] == [
        ("Checks", "rejected"),
        ("- Legal", "rejected"),
        ("  Legal check", "rejected"),
        ("- Finance", ""),
        ("  Budget check", "not needed any more"),
    ]


def test_it_stands_where_somebody_is_asked(contract: Request, carol: Person) -> None:
    [standing] = standings([contract], Definitions())
    assert standing.words == "Legal check: waiting for Bob Manager; Budget check: waiting for Carol Finance"
    with translation.override("fr"):
        [standing] = standings([contract], Definitions())
        assert "Bob Manager\N{NO-BREAK SPACE}; Budget check" in standing.words
    decide(carol)
    [standing] = standings([contract], Definitions())
    assert standing.words == "Legal check: waiting for Bob Manager"


def test_each_branch_that_it_stands_in_has_a_badge_and_the_stuck_one_another(contract: Request) -> None:
    assert badges(contract) == [
        ("waiting", "Legal check: waiting for Bob Manager"),
        ("waiting", "Budget check: waiting for Carol Finance"),
    ]
    Visit.objects.filter(request=contract, step_key="legal").update(state=Visit.State.STUCK)
    assert badges(contract)[0] == ("stuck", "Legal check is stuck")
    assert badges(contract)[1][0] == "waiting"


def badges(request: Request) -> list[tuple[str, str]]:
    """What its page says at the top of where it stands."""
    client = Client()
    client.force_login(request.requester)
    top = client.get(page_of(request)).content.decode().partition('class="columns"')[0]
    return re.findall(r'<span class="badge (\w+)"><bdi>(.+?)</bdi>', top)


def test_a_branch_is_not_named_above_its_only_step_of_that_name(
    alice: Person, contract: Request, as_: As
) -> None:
    source = (SAMPLES / "contract.yaml").read_text().replace("{group: finance}", "{group: money}")
    version = publish(source.replace("{name: Legal, start: legal}", "{start: legal}"))
    form = {"contract": "Rent", "partner": "Fabrikam", "value": "25000", "why": "The new hall."}
    page = as_(alice).get(page_of(engine.start(version, alice, form))).content.decode()
    assert page.count("<bdi>Legal check</bdi>") == 0
    assert page.count("<h4>Legal check") == 1
    assert "<strong><bdi>Finance</bdi></strong>" in page


def test_the_page_has_the_branches_in_lists_of_their_own(contract: Request, alice: Person, as_: As) -> None:
    page = as_(alice).get(page_of(contract)).content.decode()
    assert page.count('<ul class="branches">') == 1
    assert page.count('<ol class="path">') == 3
    assert len(re.findall("<h4>(?:Legal|Budget) check", page)) == 2


def test_who_comes_too_late_reads_which_step_was_decided(
    contract: Request, bob: Person, carol: Person, as_: As
) -> None:
    late = Assignment.objects.get(person=carol)
    given = answer(late)
    decide(bob, "reject", "No.")
    decide_at = reverse("portal:decide", args=[contract.public_id])
    page = as_(carol).post(decide_at, given, follow=True).content.decode()
    assert "Bob Manager rejected this on" in page
    assert "That decided “Legal check”." in page


def test_why_a_step_is_stuck_is_not_for_everybody(
    contract: Request, alice: Person, bob: Person, as_: As
) -> None:
    """The reason may tell what the form says, which a step may hide from those whom it asks."""
    Group.objects.get(key="money").members.clear()
    form = {"contract": "Lease", "partner": "Fabrikam", "value": "25000", "why": "The new hall."}
    request = engine.start(contract.version, alice, form)
    reason = "the group “money” has no members"
    assert reason in as_(alice).get(page_of(request)).content.decode()
    page = as_(bob).get(page_of(request)).content.decode()
    assert "Budget check" in page
    assert reason not in page


def test_a_branch_that_is_stuck_is_shown_however_often_another_goes_round(
    contract: Request, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placet.portal.path.MOST_VISITS", 1)
    assert ("  Legal check", "waiting") in shown(contract)
    assert ("  Budget check", "waiting") in shown(contract)


def test_one_who_is_asked_in_two_branches_sees_both_questions(
    contract: Request, alice: Person, bob: Person, as_: As
) -> None:
    Group.objects.get(key="money").members.set([bob])
    form = {"contract": "Lease", "partner": "Fabrikam", "value": "25000", "why": "The new hall."}
    request = engine.start(contract.version, alice, form)
    page = as_(bob).get(page_of(request)).content.decode()
    assert [
        page.count(f"{step}</h2>") or page.count(step) > 1 for step in ("Legal check", "Budget check")
    ] == [
        True,
        True,
    ]
    first = Assignment.objects.filter(person=bob, visit__request=request).order_by("pk")[0]
    as_(bob).post(reverse("portal:decide", args=[request.public_id]), answer(first))
    assert [one.visit.step_key for one in Assignment.objects.filter(person=bob, state="open")][1:] == [
        "finance"
    ]
