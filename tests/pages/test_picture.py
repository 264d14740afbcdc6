"""The picture of its process on the page of a request, and of a draft: what was decided, and which way it went."""

import re
from collections.abc import Callable, Mapping

import pytest
from django.test import Client
from django.urls import reverse
from lxml import html

from placet.accounts.models import Group, Person
from placet.approvals import drafts, engine
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, Decision, Request, Visit
from placet.approvals.picture import Mark
from placet.approvals.processes import publish
from placet.commands.process import SAMPLES
from placet.portal.path import path_of
from placet.workflowgen.importing import read_process
from tests.pages.test_blocks import contract, decide, page_of
from tests.workflowgen.published import PROCESSES, english, published

As = Callable[[Person | None], Client]
__all__ = ["contract"]


def marks(request: Request) -> Mapping[str, Mark]:
    request.refresh_from_db()
    return path_of(request, definition_of(request.version)).marks


def states(request: Request) -> dict[str, str]:
    return {key: mark.state for key, mark in marks(request).items()}


def first_words(request: Request, key: str) -> str:
    return marks(request)[key].words[0]


def test_a_branch_is_followed_to_its_end(contract: Request, bob: Person, carol: Person) -> None:
    assert states(contract) == {"checks": "now", "legal": "now", "finance": "now"}
    asked, since = marks(contract)["legal"].words
    assert asked == f"asked: {bob.name}"
    assert re.fullmatch(r"since [1-9][0-9]? [A-Z][a-z]+ 20[0-9]{2}", since)  # as dates are written everywhere
    decide(bob)
    assert states(contract)["legal"] == "done"
    assert first_words(contract, "legal") == f"{bob.name} approved"
    assert marks(contract)["legal"].went == {"approved"}
    assert marks(contract)["legal"].tone == "good"
    decide(carol)
    assert states(contract)["checks"] == "done" and marks(contract)["checks"].went == {"signature"}


def test_the_end_that_was_reached_is_marked_and_the_way_to_it(
    contract: Request, bob: Person, carol: Person
) -> None:
    decide(bob, "reject", "No.")
    assert states(contract) == {"checks": "done", "legal": "done", "finance": "skipped", "refused": "ended"}
    assert marks(contract)["checks"].went == {"refused"}
    assert marks(contract)["refused"].tone == "bad"


def test_rounds_are_counted_and_both_ways_shown(alice: Person, bob: Person) -> None:
    group, _ = Group.objects.get_or_create(key="reviewers", defaults={"name": "Reviewers"})
    group.members.set([bob])
    version = publish((SAMPLES / "document.yaml").read_text())
    request = engine.start(version, alice, {"document": "Plan", "edition": "2", "changes": "All of it."})
    decide(bob, "changes", "Shorter.")
    seat = Assignment.objects.get(person=alice, state="open")
    engine.decide(seat.pk, by=alice, outcome="revised", channel=Decision.Channel.PAGE)
    review = marks(request)["review"]
    assert review.state == "now" and review.rounds == 2 and review.went == {"changes"}
    assert review.lines[0].endswith("(×2)")
    assert marks(request)["changes"].went == {"review"}


def test_a_step_that_is_stuck_is_marked_as_stuck(contract: Request) -> None:
    Visit.objects.filter(step_key="legal").update(state=Visit.State.STUCK, reason="nobody is there")
    assert states(contract)["legal"] == "stuck"


def test_the_page_draws_it_and_gives_no_reason_away(as_: As, contract: Request, carol: Person) -> None:
    Visit.objects.filter(step_key="legal").update(state=Visit.State.STUCK, reason="salary is above 90000")
    page = as_(carol).get(page_of(contract)).content.decode()
    drawn = html.fromstring(page).xpath("//details[contains(@class, 'drawn')]//*[local-name()='svg']")
    assert [one.get("role") for one in drawn] == ["img", "img"]
    assert "Legal check" in page and "90000" not in page
    assert "picture.css" in page
    assert not re.search(r"<[^>]+ (style|onclick)=", page)


def test_a_live_page_brings_the_picture_along(as_: As, contract: Request, bob: Person) -> None:
    client = as_(bob)
    page = html.fromstring(client.get(page_of(contract)).content.decode())
    version = page.xpath("//*[@data-version]/@data-version")[0]
    decide(bob)
    answer = client.get(page_of(contract), {"seen": version})
    fresh = html.fromstring(answer.content.decode())
    assert fresh.xpath("//*[@data-live='picture']//*[contains(@class, 'p-came-good')]")


@pytest.mark.parametrize("name", PROCESSES)
def test_a_draft_is_drawn(as_: As, admin: Person, name: str) -> None:
    done = read_process(published(PROCESSES[name](english)), "exported.xml")
    draft = drafts.store(done.key, "Imported", done.text, by=admin)
    page = as_(admin).get(reverse("designer:report", args=[draft.process.key])).content.decode()
    assert '<svg class="picture-svg" role="img"' in page


def test_a_draft_that_says_too_little_is_not(as_: As, admin: Person) -> None:
    draft = drafts.store("broken", "Broken", "key: broken\nsteps: 3", by=admin)
    answer = as_(admin).get(reverse("designer:report", args=[draft.process.key]))
    assert answer.status_code == 200 and "picture-svg" not in answer.content.decode()
