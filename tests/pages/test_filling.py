"""The page on which a step's people fill in their part of the form."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.definitions import definition_of
from placet.approvals.form import facts_hash
from placet.approvals.models import Assignment, Decision, Request
from placet.approvals.processes import publish
from tests.pages.conftest import HOSTILE

As = Callable[[Person | None], Client]

PROCESS: dict[str, Any] = {
    "key": "invoice", "name": "Invoice", "title": "{item}", "start": "account",
    "start_form": {"hide": ["cost_centre", "lines", "note"]},
    "form": [
        {"name": "item", "label": "Item", "type": "text"},
        {"name": "net", "label": "Net", "type": "number"},
        {"type": "section", "label": "Accounting"},
        {"name": "cost_centre", "label": "Cost centre", "type": "text", "required": True},
        {"name": "note", "label": "Note on 4711", "type": "text", "show": "cost_centre == '4711'", "required": True},
        {
            "name": "lines", "label": "Lines", "type": "table",
            "columns": [{"name": "sum", "label": "Sum", "type": "number"}],
            "totals": [{"name": "total", "label": "Total", "sum": "sum"}],
        },
    ],
    "steps": {
        "account": {
            "kind": "task", "name": "Account", "ask": [{"manager": True}],
            "form": {"fill": ["cost_centre", "note", "lines"]},
        },
        "done": {"kind": "end", "name": "Done", "result": "approved"},
    },
    "transitions": [{"from": "account", "outcome": "done", "to": "done"}],
}  # fmt: skip


@pytest.fixture
def invoice(alice: Person, bob: Person) -> Request:
    return engine.start(publish(PROCESS), alice, {"item": HOSTILE, "net": "90"})


@pytest.fixture
def asked(invoice: Request) -> Assignment:
    return Assignment.objects.get(visit__request=invoice)


def address(asked: Assignment) -> str:
    return reverse("portal:fill_in", args=[asked.visit.request.public_id, asked.pk])


def answer(asked: Assignment, **typed: str) -> dict[str, str]:
    request = asked.visit.request
    shown = facts_hash(request, definition_of(request.version), asked.visit.step_key)
    return {"assignment": str(asked.pk), "shown": shown, "outcome": "done", **typed}


def test_the_form_at_the_start_asks_for_nothing_that_is_entered_later(as_: As, alice: Person) -> None:
    publish(PROCESS)
    page = as_(alice).get("/start/invoice/").content.decode()
    assert 'name="f-net"' in page
    assert "cost_centre" not in page


def test_what_is_filled_in_is_kept_with_the_answer_and_shown(
    as_: As, bob: Person, alice: Person, invoice: Request, asked: Assignment
) -> None:
    client = as_(bob)
    home = client.get("/").content.decode()
    assert address(asked) in home
    assert 'value="done"' not in home
    assert address(asked) in client.get(f"/requests/{invoice.public_id}/").content.decode()
    page = client.get(address(asked)).content.decode()
    assert "<script>alert" not in page
    assert "Cost centre" in page and 'name="f-item"' not in page
    wrong = client.post(address(asked), answer(asked))
    assert wrong.status_code == 422
    assert "Please fill this in." in wrong.content.decode()
    typed = {"f-cost_centre": "4712", "f-lines-rows": "1", "f-lines-1-sum": "7"}
    assert client.post(address(asked), answer(asked, **typed)).status_code == 302
    invoice.refresh_from_db()
    assert (invoice.state, invoice.revision, invoice.data["lines"]) == ("ended", 2, [{"sum": 7}])
    shown = as_(alice).get(f"/requests/{invoice.public_id}/").content.decode()
    assert "Entered later" in shown and "4712" in shown


def test_a_field_that_comes_up_is_asked_for_with_a_script_and_without_one(
    as_: As, bob: Person, asked: Assignment
) -> None:
    client = as_(bob)
    looked = client.post(
        address(asked),
        {"do": "look", "f-cost_centre": "4711", "state": "note:hidden:x"},
        headers={"HX-Request": "true"},
    )
    assert "Note on 4711" in looked.content.decode()
    sent = client.post(address(asked), answer(asked, **{"f-cost_centre": "4711", "state": "note:hidden:x"}))
    assert sent.status_code == 422
    assert "brings up more questions" in sent.content.decode()
    typed = {"f-cost_centre": "4711", "f-note": "Ours", "state": "note:shown:x"}
    assert client.post(address(asked), answer(asked, **typed)).status_code == 302


def test_a_row_is_added_without_a_script(as_: As, bob: Person, asked: Assignment) -> None:
    page = as_(bob).post(address(asked), {"do": "add-row:lines", "f-lines-rows": "1", "f-lines-1-sum": "5"})
    assert 'name="f-lines-2-sum"' in page.content.decode()


def test_only_who_is_asked_fills_in_and_only_what_they_were_shown_counts(
    as_: As, bob: Person, alice: Person, admin: Person, asked: Assignment
) -> None:
    for person in (alice, admin):
        assert as_(person).get(address(asked)).status_code == 404
        assert as_(person).post(address(asked), answer(asked)).status_code == 404
    stale = {**answer(asked, **{"f-cost_centre": "1"}), "shown": "0" * 64}
    assert as_(bob).post(address(asked), stale).status_code == 409
    assert not Decision.objects.exists()


def test_it_is_not_answered_without_its_form(
    as_: As, bob: Person, invoice: Request, asked: Assignment
) -> None:
    client = as_(bob)
    sent = client.post(f"/requests/{invoice.public_id}/decide/", answer(asked), follow=True)
    assert "Cost centre: Please fill this in." in sent.content.decode()
    pick = {"pick": f"{asked.pk}:{answer(asked)['shown']}", "outcome": "done", "sure": "yes"}
    assert "something to fill in" in client.post("/decide/", pick, follow=True).content.decode()
    assert not Decision.objects.exists()


def test_what_is_answered_already_leads_back(as_: As, bob: Person, asked: Assignment) -> None:
    client = as_(bob)
    client.post(address(asked), answer(asked, **{"f-cost_centre": "1"}))
    back = client.get(address(asked), follow=True)
    assert "Nothing is to be filled in here any more." in back.content.decode()


def test_questions_of_the_step_are_answered_on_the_same_page(as_: As, alice: Person, bob: Person) -> None:
    question = {"name": "booked_by", "label": "Booked by", "type": "text", "required": True}
    account = {**PROCESS["steps"]["account"], "questions": [question]}
    process = {**PROCESS, "key": "asking", "steps": {**PROCESS["steps"], "account": account}}
    asked = Assignment.objects.get(visit__request=engine.start(publish(process), alice, {"item": "Desk"}))
    client, name = as_(bob), f"q-{asked.pk}-booked_by"
    assert f'name="{name}"' in client.get(address(asked)).content.decode()
    wrong = client.post(address(asked), answer(asked, **{"f-cost_centre": "4712"}))
    assert (wrong.status_code, "This needs an answer." in wrong.content.decode()) == (422, True)
    sent = client.post(address(asked), answer(asked, **{"f-cost_centre": "4712", name: "Bob"}))
    assert sent.status_code == 302
    assert Decision.objects.get().answers == {"booked_by": "Bob"}


def test_what_was_entered_before_can_be_taken_out_again(as_: As, alice: Person, bob: Person) -> None:
    account = {**PROCESS["steps"]["account"], "form": {"fill": ["net", "cost_centre"]}}
    form = {"hide": ["cost_centre"]}
    later = [one for one in PROCESS["form"] if one.get("name") not in ("lines", "note")]
    process = {**PROCESS, "key": "less", "form": later, "start_form": form}
    process |= {"steps": {**PROCESS["steps"], "account": account}}
    request = engine.start(publish(process), alice, {"item": "Desk", "net": "90"})
    asked = Assignment.objects.get(visit__request=request)
    typed = {"f-net": "", "f-cost_centre": "1"}
    assert as_(bob).post(address(asked), answer(asked, **typed)).status_code == 302
    request.refresh_from_db()
    assert (request.data["net"], request.data["cost_centre"]) == (None, "1")
