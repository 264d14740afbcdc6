"""Two owners at work on one draft: what somebody has not looked at is neither published by them nor written over."""

from collections.abc import Callable
from typing import Any

import lxml.html
import pytest
from django.test import Client

from placet.accounts.models import Person
from placet.approvals import drafts
from placet.approvals.models import Process, ProcessDraft, Version
from placet.approvals.processes import publish
from placet.designer import cases, revisions, working
from tests.designer.trials import PURCHASE

As = Callable[[Person | None], Client]
BOSS, CHIEF = (PURCHASE.replace("name: Manager", f"name: {name}") for name in ("Boss", "Chief"))
PUBLISH, TEXT = "/processes/purchase/publish/", "/processes/purchase/text/"


@pytest.fixture
def process(db: None) -> Process:
    return publish(PURCHASE).process


def changed(process: Process, by: Person, text: str) -> ProcessDraft:
    draft = drafts.begin(process, by)
    revisions.revise(draft, text, by, "Changed", draft.at)
    return draft


def form_of(browser: Client, address: str) -> dict[str, str]:
    """What a browser would send of the form that says what it was made of."""
    page = lxml.html.document_fromstring(browser.get(address).content.decode())
    return dict(next(form for form in page.forms if form.xpath('.//*[@name="base"]')).form_values())


@pytest.mark.parametrize("what", ["changed", "discarded"])
def test_what_becomes_of_a_draft_while_its_test_cases_are_run_is_not_published(
    what: str, process: Process, admin: Person, bob: Person, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(process, admin, BOSS)
    browser = as_(admin)
    form = form_of(browser, PUBLISH)
    run = cases.cases_before_publishing

    def meanwhile(*about: Any) -> cases.CasesRun:
        draft = ProcessDraft.objects.get()
        if what == "changed":
            revisions.revise(draft, CHIEF, bob, "Changed", draft.at)
        else:
            drafts.discard(draft)
        return run(*about)

    monkeypatch.setattr(cases, "cases_before_publishing", meanwhile)
    answer = browser.post(PUBLISH, form)
    assert (answer.status_code, Version.objects.count()) == (302, 1)
    assert [draft.text for draft in ProcessDraft.objects.all()] == ([CHIEF] if what == "changed" else [])


def test_a_page_of_a_former_draft_publishes_nothing_of_the_next_one(
    process: Process, admin: Person, bob: Person, as_: As
) -> None:
    draft, browser = changed(process, admin, BOSS), as_(admin)
    form = form_of(browser, PUBLISH)
    drafts.discard(draft)
    assert str(changed(process, bob, CHIEF).at) == form["base"]
    browser.post(PUBLISH, form)
    assert Version.objects.count() == 1
    assert ProcessDraft.objects.get().text == CHIEF


def test_a_page_of_a_former_draft_writes_nothing_over_the_next_one(
    process: Process, admin: Person, bob: Person, as_: As
) -> None:
    draft, browser = changed(process, admin, BOSS), as_(admin)
    text, step = form_of(browser, TEXT), form_of(browser, "/processes/purchase/design/steps/manager/")
    drafts.discard(draft)
    changed(process, bob, CHIEF)
    assert browser.post(TEXT, text | {"text": BOSS}).status_code == 409
    assert browser.post("/processes/purchase/design/steps/manager/", step).status_code == 409
    assert ProcessDraft.objects.get().text == CHIEF


def test_a_page_that_had_no_draft_writes_nothing_over_one_out_of_a_file(
    process: Process, admin: Person, bob: Person, as_: As
) -> None:
    browser = as_(admin)
    text, work = form_of(browser, TEXT), working.work_on(process, 0)
    drafts.store("purchase", "Purchase", CHIEF, by=bob, replace=True)
    assert browser.post(TEXT, text | {"text": BOSS}).status_code == 409
    with pytest.raises(working.Meanwhile):
        working.save(work, lambda _text: BOSS, "Changed", admin, 0)
    assert ProcessDraft.objects.get().text == CHIEF


def test_what_somebody_added_meanwhile_is_not_discarded(
    process: Process, admin: Person, bob: Person, as_: As
) -> None:
    changed(process, admin, BOSS)
    browser = as_(admin)
    form = form_of(browser, "/processes/purchase/discard/")
    changed(process, bob, CHIEF)
    browser.post("/processes/purchase/discard/", form)
    assert ProcessDraft.objects.get().text == CHIEF
    browser.post("/processes/purchase/discard/", form_of(browser, "/processes/purchase/discard/"))
    assert not ProcessDraft.objects.exists()


@pytest.mark.parametrize("address", ["/processes/purchase/history/", "/processes/purchase/design/"])
@pytest.mark.parametrize("what", ["changed", "another draft"])
def test_undo_takes_back_only_what_the_page_showed(
    what: str, address: str, process: Process, admin: Person, bob: Person, as_: As
) -> None:
    draft, browser = changed(process, admin, BOSS), as_(admin)
    form = form_of(browser, address)
    if what == "another draft":
        drafts.discard(draft)
    theirs = changed(process, bob, CHIEF)
    answer = browser.post("/processes/purchase/history/undo/", form, follow=True)
    assert ProcessDraft.objects.get().at == theirs.at
    assert ProcessDraft.objects.get().text == CHIEF
    assert "Nothing was changed: " in answer.content.decode()
    browser.post("/processes/purchase/history/undo/", form_of(browser, address))
    assert ProcessDraft.objects.get().at == theirs.at - 1
    redo = form_of(browser, address)
    back = changed(process, bob, PURCHASE + "# more\n")
    browser.post("/processes/purchase/history/redo/", redo)
    assert ProcessDraft.objects.get().at == back.at
