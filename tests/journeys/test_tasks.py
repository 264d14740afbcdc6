"""Tasks by mail, and what happens to open questions when what they are about changes."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from placet.approvals import attachments, engine
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, Decision, Request
from placet.approvals.processes import publish
from tests.journeys.conftest import World
from tests.journeys.letters import answer
from tests.journeys.test_blocks import replied, standing, started

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

#: Bob approves while Carol accounts for it, and Dave carries it out.
PROCESS: dict[str, Any] = {
    "key": "access", "name": "Access", "title": "{item}", "start": "both", "start_form": {"hide": ["cost_centre"]},
    "form": [
        {"name": "item", "label": "Item", "type": "text"},
        {"name": "cost_centre", "label": "Cost centre", "type": "text"},
        {"name": "internal", "label": "Internal", "type": "text"},
    ],
    "steps": {
        "both": {
            "kind": "parallel", "name": "Both",
            "branches": {"account": {"start": "account"}, "boss": {"start": "boss"}},
            "result": [{"rejected": "any"}, {"approved": "all"}], "otherwise": "rejected",
        },
        "account": {
            "kind": "task", "name": "Account", "ask": [{"person": "carol@contoso.example"}],
            "form": {"fill": ["cost_centre", "internal"]},
        },
        "boss": {
            "kind": "approval", "name": "Boss", "ask": [{"person": "bob@contoso.example"}],
            "form": {"hide": ["internal"]},
        },
        "carry": {"kind": "task", "name": "Set it up", "ask": [{"person": "dave@contoso.example"}]},
        "approved": {"kind": "end", "name": "Given", "result": "approved"},
        "rejected": {"kind": "end", "name": "Refused", "result": "rejected"},
    },
    "transitions": [
        {"from": "account", "outcome": "done", "ends_branch": "approved"},
        {"from": "boss", "outcome": "approve", "ends_branch": "approved"},
        {"from": "boss", "outcome": "reject", "ends_branch": "rejected"},
        {"from": "both", "outcome": "approved", "to": "carry"},
        {"from": "both", "outcome": "rejected", "to": "rejected"},
        {"from": "carry", "outcome": "done", "to": "approved"},
    ],
}  # fmt: skip


def access(world: World) -> Request:
    publish(PROCESS)
    return started(world, "access", {"item": "Drive V"})


def accounts(world: World, request: Request, **entered: str) -> None:
    asked = Assignment.objects.get(visit__request=request, visit__step_key="account", state="open")
    engine.decide(
        asked.pk, by=world.people["carol"], outcome="done", channel=Decision.Channel.PAGE, entered=entered
    )
    world.run_until_quiet()


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("Done", ""),
        ("Erledigt.\n\nDer Schlüssel liegt am Empfang.", "Der Schlüssel liegt am Empfang."),
        ("C'est fait. Merci", ""),
    ],
)
def test_a_task_is_done_by_mail(world: World, text: str, comment: str) -> None:
    request = access(world)
    accounts(world, request)
    replied(world, "bob", "Approved")
    asked = world.newest("dave", "Please do")
    assert "Set it up" in asked.text
    assert "“Done”" in asked.text
    replied(world, "dave", text, asked)
    assert standing(request) == ("ended", "approved")
    assert Decision.objects.get(assignment__visit__step_key="carry").comment == comment


@pytest.mark.parametrize("text", ["Not done yet.", "I will do it on Monday", "Approved", "Done?"])
def test_a_task_that_is_not_done_stays_open_and_whoever_wrote_is_asked_again(world: World, text: str) -> None:
    request = access(world)
    accounts(world, request)
    replied(world, "bob", "Approved")
    replied(world, "dave", text, world.newest("dave", "Please do"))
    assert standing(request) == ("open", "")
    replied(world, "dave", "Done", world.newest("dave"))
    assert standing(request) == ("ended", "approved")


def test_a_task_is_filled_in_by_mail(world: World) -> None:
    request = access(world)
    asked = world.newest("carol", "Please do")
    assert "Q1 Cost centre" in asked.text
    replied(world, "carol", "Done\nQ1: [4711]\nQ2: only we know\n\nIt is booked.", asked)
    request.refresh_from_db()
    assert (request.revision, request.data["cost_centre"]) == (2, "4711")
    assert request.data["internal"] == "only we know"
    decision = Decision.objects.get(assignment__visit__step_key="account")
    assert (decision.comment, decision.answers) == ("It is booked.", {})
    assert [one for one in world.subjects("bob") if one.startswith("Changed")] != []


def test_what_cannot_be_read_is_asked_for_again_and_changes_nothing(world: World) -> None:
    form = [
        {**PROCESS["form"][0]},
        {"name": "cost_centre", "label": "Cost", "type": "number", "required": True},
    ]
    steps = {
        **PROCESS["steps"],
        "account": {**PROCESS["steps"]["account"], "form": {"fill": ["cost_centre"]}},
    }
    steps["boss"] = {key: value for key, value in steps["boss"].items() if key != "form"}
    publish({**PROCESS, "form": form, "steps": steps})
    request = started(world, "access", {"item": "Drive V"})
    asked = world.newest("carol", "Please do")
    for text, said in (("Done", "Please fill this in."), ("Done\nQ1: a lot", "number")):
        replied(world, "carol", text, asked)
        assert world.results()[-1] == "answers_not_taken"
        assert said in world.newest("carol").text
    request.refresh_from_db()
    assert request.revision == 1
    replied(world, "carol", "Done\n\nQ1: 12", asked)
    request.refresh_from_db()
    assert (request.revision, request.data["cost_centre"]) == (2, 12)


def test_an_answer_to_what_is_not_so_any_more_does_not_count_and_one_to_the_new_mail_does(
    world: World,
) -> None:
    request = access(world)
    before = world.newest("bob", "Please decide")
    accounts(world, request, cost_centre="4711")
    changed = world.newest("bob", "Changed")
    assert "It has changed since you were asked" in " ".join(changed.text.split())
    assert "4711" in changed.text
    replied(world, "bob", "Approved", before)
    assert world.results()[-1] == "changed"
    assert standing(request) == ("open", "")
    replied(world, "bob", "Approved", changed)
    assert Decision.objects.get(assignment__visit__step_key="boss").revision == 2


def test_what_a_step_does_not_show_changes_nothing_for_it(world: World) -> None:
    request = access(world)
    before = world.newest("bob", "Please decide")
    accounts(world, request, internal="Secret")
    assert [one for one in world.subjects("bob") if one.startswith("Changed")] == []
    replied(world, "bob", "Rejected. Not needed.", before)
    assert standing(request) == ("ended", "rejected")


SCANNED: dict[str, Any] = {
    "key": "scanned", "name": "Scanned", "title": "{item}", "start": "scan", "start_form": {"hide": ["scan"]},
    "form": [{"name": "item", "label": "Item", "type": "text"}, {"name": "scan", "label": "Scan", "type": "files"}],
    "steps": {
        "scan": {
            "kind": "task", "name": "Scan it", "ask": [{"person": "carol@contoso.example"}],
            "form": {"fill": ["scan"], "require": ["scan"]},
        },
        "done": {"kind": "end", "name": "Scanned", "result": "approved"},
    },
    "transitions": [{"from": "scan", "outcome": "done", "to": "done"}],
}  # fmt: skip


def scanned(world: World, **form: list[str]) -> tuple[Request, Assignment]:
    publish({**SCANNED, "steps": {**SCANNED["steps"], "scan": {**SCANNED["steps"]["scan"], "form": form}}})
    request = started(world, "scanned", {"item": "Lease"})
    asked = Assignment.objects.select_related("visit", "person").get(visit__request=request)
    [field] = (one for one in definition_of(request.version).fields if one.name == "scan")
    attachments.keep_for_answer(asked, field, SimpleUploadedFile("scan.pdf", b"%PDF"))  # and not sent
    return request, asked


def test_a_file_that_is_needed_is_not_taken_from_a_reply_which_is_told_to_open_the_page(world: World) -> None:
    request, asked = scanned(world, fill=["scan"], require=["scan"])
    mail = world.newest("carol", "Please do")
    assert "done on the page only" in mail.text and "mailto:" not in mail.text
    parts = "--b\nContent-Type: text/plain\n\nDone\n--b\nContent-Type: application/pdf\n" \
        "Content-Disposition: attachment; filename=scan.pdf\n\n%PDF\n--b--"  # fmt: skip
    plain, mixed = b"text/plain; charset=utf-8\r\nContent-T", b"multipart/mixed; boundary=b\r\nContent-T"
    raw = answer(mail, "carol@contoso.example", text=parts).replace(plain, mixed, 1)
    world.sandbox.send_as("carol", raw)
    world.run_until_quiet()
    assert (world.results(), standing(request)) == (["answers_not_taken"], ("open", ""))
    refusal = " ".join(world.newest("carol", "Not applied").text.split())
    assert "“Scan”: Please add a file." in refusal
    assert "That can be entered on the page only: please open the request, and answer there." in refusal
    assert "A file that is attached to a reply is not taken." in refusal
    assert "Please answer again" not in refusal
    assert request.data["scan"] is None and asked.attachments.count() == 1


def test_a_reply_counts_without_a_file_that_need_not_be_there_and_says_what_was_not_sent(
    world: World,
) -> None:
    request, asked = scanned(world, fill=["scan"])
    replied(world, "carol", "Done", world.newest("carol", "Please do"))
    assert standing(request) == ("ended", "approved")
    assert request.data["scan"] is None and asked.attachments.count() == 1
    confirmed = " ".join(world.newest("carol", "Done").text.split())
    assert "The files that you had added on the page were not sent with it." in confirmed


SIGNED: dict[str, Any] = {
    **SCANNED, "key": "signed", "name": "Signed",
    "steps": {
        "scan": {
            "kind": "approval", "name": "Sign", "ask": [{"person": "carol@contoso.example"}],
            "form": {"fill": ["scan"], "require": ["scan"]},
        },
        "done": {"kind": "end", "name": "Signed", "result": "approved"},
        "not": {"kind": "end", "name": "Not signed", "result": "rejected"},
    },
    "transitions": [
        {"from": "scan", "outcome": "approve", "to": "done"}, {"from": "scan", "outcome": "reject", "to": "not"}
    ],
}  # fmt: skip


def refused_as_unclear(world: World, definition: dict[str, Any], text: str) -> str:
    publish(definition)
    started(world, definition["key"], {"item": "Lease"})
    [asked] = [mail for mail in world.sandbox.mails("carol") if "Lease" in mail.subject]
    replied(world, "carol", text, asked)
    assert world.results() == ["unclear"]
    return " ".join(world.sandbox.mails("carol")[-1].text.split())


def test_nobody_is_asked_to_confirm_an_answer_that_only_the_page_takes(world: World) -> None:
    """A yes would be refused, and so would the word that the mail asks for."""
    text = "We compared the offers. Alice may order the desk, it is approved. The old one goes to the cellar."
    told = refused_as_unclear(world, SIGNED, text)
    assert "For “approve”, please open the request and sign in." in told
    assert "To be filled in there: “Scan”. A file that is attached to a reply is not taken." in told
    assert "Approve: mailto:" not in told and "Reject: mailto:" in told
    assert "“Approve”" not in told


def test_a_task_that_only_the_page_takes_asks_for_no_other_reply(world: World) -> None:
    told = refused_as_unclear(world, SCANNED, "Which scan do you mean?")
    assert "on the page only: please open the request and sign in." in told
    assert "To be filled in there: “Scan”." in told
    assert "mailto:" not in told
