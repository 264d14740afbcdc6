"""A step that shows its approvers less than the whole form: in the mail, on pages, in what their answer holds for."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from placet.accounts.models import Group, Person
from placet.approvals import attachments, engine
from placet.approvals.definitions import definition_of
from placet.approvals.form import facts_hash
from placet.approvals.models import AskLine, Assignment, Attachment, Decision, Draft, Request
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.lib.canonical import digest
from placet.mail.models import OutgoingMail
from placet.replies.settle import about
from tests.making import entry_of, make_mailbox, open_for

As = Callable[[Person | None], Client]

SOURCE: dict[str, Any] = {
    "key": "rise",
    "name": "Rise",
    "title": "{who}",
    "form": [
        {"name": "who", "label": "For whom?", "type": "text"},
        {"name": "pay_now", "label": "Pay now", "type": "money", "currency": "EUR"},
        {"name": "pay_then", "label": "Pay then", "type": "money", "currency": "EUR"},
        {"name": "papers", "label": "Papers", "type": "files"},
        {"name": "why", "label": "Why?", "type": "text"},
    ],
    "start": "manager",
    "steps": {
        "manager": {
            "kind": "approval", "name": "Manager", "ask": [{"manager": True}], "form": {"hide": ["pay_*", "papers"]},
            "outcomes": ["approve", {"key": "reject", "comment": {"when": "pay_then > 100.0"}}],
        },
        "finance": {"kind": "approval", "name": "Finance", "ask": [{"group": "finance"}]},
        "approved": {"kind": "end", "name": "Approved", "result": "approved"},
        "rejected": {"kind": "end", "name": "Rejected", "result": "rejected"},
    },
    "transitions": [
        {"from": "manager", "outcome": "approve", "to": "finance"},
        {"from": "manager", "outcome": "reject", "to": "rejected"},
        {"from": "finance", "outcome": "approve", "to": "approved"},
        {"from": "finance", "outcome": "reject", "to": "rejected"},
    ],
}  # fmt: skip


@pytest.fixture
def rise(alice: Person, bob: Person, carol: Person) -> Request:
    make_mailbox()
    version = publish(SOURCE)
    draft = Draft.objects.create(person=alice, process=version.process, version=version)
    attachments.keep(draft, "papers", SimpleUploadedFile("pay.pdf", b"%PDF"), alice)
    entered = {"who": "Dave Doe", "pay_now": "4711", "pay_then": "5222", "why": "He is good"}
    return engine.start(version, alice, entered, draft)


def page(browser: Client, request: Request) -> str:
    return browser.get(reverse("portal:request", args=[request.public_id])).content.decode()


def test_who_is_asked_is_shown_what_their_step_shows(
    rise: Request, alice: Person, bob: Person, as_: As
) -> None:
    mail = bytes(OutgoingMail.objects.get(kind="ask").raw).decode()
    for shown in (mail, page(as_(bob), rise), as_(bob).get("/").content.decode()):
        assert "He is good" in shown
        assert "4,711" not in shown
        assert "Pay then" not in shown
        assert "pay.pdf" not in shown
    file = reverse("portal:attachment", args=[Attachment.objects.get().public_id])
    assert as_(bob).get(file).status_code == 404
    assert as_(alice).get(file).status_code == 200
    assert "4,711.00 EUR" in page(as_(alice), rise)
    assert [field.label for field in about(AskLine.objects.get()).fields] == ["For whom?", "Why?"]


def test_an_answer_holds_for_what_was_shown(
    rise: Request, bob: Person, carol: Person, admin: Person, as_: As
) -> None:
    definition = definition_of(rise.version)
    less = digest(["Dave Doe", [["For whom?", "Dave Doe"], ["Why?", "He is good"]]])
    assert facts_hash(rise, definition, "manager") == less
    assert facts_hash(rise, definition, "finance") == facts_hash(rise, definition) != less
    assert AskLine.objects.get().facts_hash == less
    rise.data["pay_then"]["minor"] += 1  # was not shown to him
    assert facts_hash(rise, definition, "manager") == less
    asked = open_for(bob)
    assert f'name="shown" value="{less}"' in page(as_(bob), rise)
    address = reverse("portal:decide", args=[rise.public_id])
    other = {"assignment": asked.pk, "shown": facts_hash(rise, definition), "outcome": "approve"}
    assert as_(bob).post(address, other).status_code == 409
    as_(bob).post(address, {**other, "shown": less})
    assert Decision.objects.get().outcome == "approve"
    assert (
        entry_of("decided").what["personal"]["facts_hash"] if "personal" in entry_of("decided").what else True
    )
    assert "4,711.00 EUR" in page(as_(carol), rise)
    assert "4,711.00 EUR" in page(as_(admin), rise)
    assert "4,711.00 EUR" not in page(as_(bob), rise)


def test_several_are_decided_by_what_their_steps_show(rise: Request, bob: Person, as_: As) -> None:
    less = facts_hash(rise, definition_of(rise.version), "manager")
    picked = {"outcome": "approve", "pick": [f"{open_for(bob).pk}:{less}"]}
    once_more = as_(bob).post(reverse("portal:decide_several"), picked).content.decode()
    assert "He is good" in once_more
    assert "4,711" not in once_more
    as_(bob).post(reverse("portal:decide_several"), {**picked, "sure": "yes"})
    assert Decision.objects.get().outcome == "approve"


def test_somebody_asked_in_two_steps_sees_what_either_shows(rise: Request, bob: Person, as_: As) -> None:
    Group.objects.get(key="finance").members.add(bob)
    engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    assert Assignment.objects.filter(person=bob).count() == 2
    assert "4,711.00 EUR" in page(as_(bob), rise)


def test_nobody_finds_a_request_by_what_a_step_hides(rise: Request) -> None:
    assert "he is good" in rise.words
    assert "4711" not in rise.words
    assert "pay.pdf" not in rise.words


@pytest.mark.parametrize(
    ("hide", "sentence"),
    [
        (["nothing"], "steps.manager: form: hide: there is no field nothing"),
        (["x_*"], "steps.manager: form: hide: there is no field x_*"),
        (["w*"], "steps.manager: form: hide: who stands in the title, which everybody reads who is asked"),
        (["pay-now"], "steps.manager.approval.form.hide.0: String should match pattern '^[a-z0-9_*]{1,60}$'"),
        ([], "steps.manager.approval.form.hide: Tuple should have at least 1 item after validation, not 0"),
    ],
)
def test_what_is_hidden_is_there_and_is_not_the_title(hide: list[str], sentence: str) -> None:
    manager = {**SOURCE["steps"]["manager"], "form": {"hide": hide}}
    with pytest.raises(DefinitionInvalid) as error:
        parse_definition({**SOURCE, "steps": {**SOURCE["steps"], "manager": manager}})
    assert sentence in error.value.problems


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    manager = {**SOURCE["steps"]["manager"], "form": {"hide": ["*a" * 30]}}
    long = {"name": "a" * 59 + "b", "label": "Long", "type": "text"}
    with pytest.raises(DefinitionInvalid, match="there is no field"):
        parse_definition(
            {**SOURCE, "form": [*SOURCE["form"], long], "steps": {**SOURCE["steps"], "manager": manager}}
        )
