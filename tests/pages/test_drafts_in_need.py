"""What an owner's first page says of drafts that have to be put right before they are published."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from placet.accounts.models import Person
from placet.approvals import drafts, owning
from placet.approvals.models import Process, ProcessDraft
from placet.approvals.processes import publish
from placet.designer import cases, revisions
from placet.designer.models import TestCase
from placet.designer.trying_events import Reply
from tests.designer.trials import ALICE, BOB, CAROL, PURCHASE, after, people

As = Callable[[Person | None], Client]
pytestmark = pytest.mark.django_db
CASES, PUBLISH = "/processes/purchase/cases/", "/processes/purchase/publish/"
WRONG = PURCHASE.replace("start: manager", "start: nowhere")
CAROL_DECIDES = PURCHASE.replace("ask: [{manager: true}]", f"ask: [{{person: {CAROL}}}]")


@pytest.fixture
def process(owner: Person) -> Process:
    process = publish(PURCHASE).process
    owning.add_owner(process, owner)
    return process


def changed(process: Process, by: Person, text: str) -> ProcessDraft:
    draft = drafts.begin(process, by)
    revisions.revise(draft, text, by, "Changed", draft.at)
    return draft


def on_home(browser: Client) -> str:
    """The section of drafts; "" without one."""
    page = browser.get("/").content.decode()
    return page.partition('<section aria-labelledby="drafts">')[2].partition("</section>")[0]


def test_what_keeps_a_draft_from_being_published_is_listed_until_it_is_put_right(
    process: Process, owner: Person, admin: Person, alice: Person, as_: As
) -> None:
    draft = changed(process, owner, WRONG)
    mine = as_(owner)
    shown = on_home(mine)
    assert PUBLISH in shown and "1 thing keeps it from being published." in shown
    assert not on_home(as_(admin)) and not on_home(as_(alice))  # neither owns it
    revisions.undo(draft, owner)
    assert not on_home(mine)
    revisions.redo(draft, owner)
    assert on_home(mine)
    revisions.revise(draft, PURCHASE, owner, "Right", draft.at)
    assert not on_home(mine)
    drafts.store("filed", "Filed", "key: filed\n", by=admin)  # out of a file
    assert "/processes/filed/publish/" in on_home(as_(admin))
    assert not on_home(mine)
    owning.remove_owner(process, owner)
    revisions.revise(draft, WRONG, admin, "Wrong", draft.at)
    assert not on_home(mine)


@pytest.mark.parametrize("address", [CASES, PUBLISH])
def test_test_cases_that_fail_are_named_and_none_is_run_for_it(
    address: str, process: Process, owner: Person, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = people()
    cases.keep(process, "A <chair>", PURCHASE, after(Reply(BOB, "Yes, go ahead")), known[ALICE])
    draft, browser = changed(process, owner, CAROL_DECIDES), as_(owner)
    assert not on_home(browser)  # nobody ran them
    browser.get(address + "?run=draft")
    assert not on_home(browser)  # a look keeps nothing
    run(address, browser)
    with monkeypatch.context() as patch:
        patch.setattr(cases, "run_cases", None)
        patch.setattr(cases, "run_case", None)
        shown = on_home(browser)
    assert "Test cases that fail: <bdi>A &lt;chair&gt;</bdi>" in shown
    revisions.revise(draft, CAROL_DECIDES + "# more\n", owner, "More", draft.at)
    assert "Test cases that failed before it was changed last:" in on_home(browser)
    run(address, browser)
    assert "Test cases that fail:" in on_home(browser)
    revisions.revise(draft, PURCHASE, owner, "Back", draft.at)
    run(CASES, browser)
    assert not on_home(browser)
    revisions.revise(draft, CAROL_DECIDES, owner, "Once more", draft.at)
    run(address, browser)
    assert on_home(browser)
    browser.post(CASES, {"remove": TestCase.objects.get().pk})
    assert not on_home(browser)


def run(address: str, browser: Client) -> None:
    """By the button of a page; publishing is refused, because nobody says why it shall be."""
    draft = ProcessDraft.objects.get()
    browser.post(address, {"run": "draft", "base": draft.at, "draft": draft.pk})
    assert ProcessDraft.objects.filter(pk=draft.pk).exists()


def test_many_drafts_cost_no_more_queries_than_one(owner: Person, as_: As) -> None:
    def asked() -> int:
        browser.get("/")
        with CaptureQueriesContext(connection) as context:
            assert browser.get("/").status_code == 200
        return len(context)

    def make(first: int, last: int) -> None:
        for n in range(first, last):
            draft = drafts.store(f"new-{n}", f"New {n}", f"key: new-{n}\n", by=owner)
            owning.add_owner(draft.process, owner)

    browser = as_(owner)
    make(0, 1)
    one = asked()
    make(1, 12)
    assert asked() == one
    assert on_home(browser).count('class="row-title"') == 10 and "?show=drafts" in on_home(browser)
