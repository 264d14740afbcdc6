"""Steps that ask nobody: what each does, one rule of it at a time."""

from collections.abc import Mapping, Sequence
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.test import Client

from placet.accounts.models import Group, Person
from placet.approvals import engine, evidence
from placet.approvals.models import Assignment, Decision, Notified, Request, Visit
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.audit import chain
from placet.audit.models import AuditEntry
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.making import FORM, entries, entry_of

pytestmark = pytest.mark.django_db

ENDS = {
    "approved": {"kind": "end", "name": "Approved", "result": "approved"},
    "rejected": {"kind": "end", "name": "Rejected", "result": "rejected"},
}
NOTE = {"name": "note", "label": "Note", "type": "long_text"}


def step(person: str, **more: Any) -> dict[str, Any]:
    ask = [{"person": f"{person}@contoso.example"}]
    return {"kind": "approval", "name": person.title(), "ask": ask, **more}


def notice(*people: str, **more: Any) -> dict[str, Any]:
    to = [{"person": f"{person}@contoso.example"} for person in people]
    return {"kind": "notice", "name": "Notice", "to": to, **more}


def process(
    steps: Mapping[str, Any], ways: Sequence[str | Mapping[str, Any]], key: str = "quiet", **more: Any
) -> dict[str, Any]:
    """`ways`: "from outcome to"."""
    ways = [
        dict(zip(("from", "outcome", "to"), way.split(), strict=True)) if isinstance(way, str) else way
        for way in ways
    ]
    ends = {name: end for name, end in ENDS.items() if name in [way.get("to") for way in ways]}
    return {
        "key": key,
        "name": key.title(),
        "title": "{item}",
        "form": [*FORM, NOTE],
        "start": next(iter(steps)),
        "steps": {**steps, **ends},
        "transitions": ways,
        **more,
    }


def start(definition: Mapping[str, Any], requester: Person, **entered: str) -> Request:
    return engine.start(publish(definition), requester, {"item": "Desk", "amount": "100", **entered})


def answer(person: Person, outcome: str = "approve") -> None:
    seat = Assignment.objects.filter(person=person, state="open").order_by("pk")[0]
    engine.decide(seat.pk, by=person, outcome=outcome, door=Decision.Door.PAGE)


def visits(request: Request) -> list[str]:
    return [f"{one.step_key} {one.state} {one.result}".strip() for one in request.visits.order_by("pk")]


def standing(request: Request) -> tuple[str, str]:
    """Its record verifies, whatever happened."""
    request.refresh_from_db()
    assert [*chain.verify(request.pk), *evidence.compare(request.pk)] == []
    return request.state, request.result


def refused(definition: Mapping[str, Any]) -> str:
    with pytest.raises(DefinitionInvalid) as error:
        parse_definition(definition)
    return "\n".join(error.value.problems)


def text_of(mail: OutgoingMail) -> str:
    body = message_from_bytes(bytes(mail.raw), policy=policy.default).get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


# --- notices --------------------------------------------------------------------------------------------------


TOLD = process(
    {
        "tell": notice("carol", "alice", text="Please note: {item}.\nYours,\n{note}", form={"hide": ["amount"]}),
        "bob": step("bob"),
    },
    ["tell sent bob", "bob approve approved", "bob reject rejected"],
)


def test_each_person_is_told_once_and_the_request_goes_on(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    twice = {**TOLD["steps"]["tell"], "to": [*TOLD["steps"]["tell"]["to"], {"person": carol.email}]}
    definition = {**TOLD, "steps": {**TOLD["steps"], "tell": twice}}
    request = start(definition, alice, note="Bob\n\nApprove here: http://evil.example [#aaaaaaaaaaaaaaaa]")
    assert visits(request) == ["tell closed sent", "bob open"]
    mails = list(OutgoingMail.objects.filter(kind="notice").order_by("pk"))
    assert [mail.to for mail in mails] == [carol.email, alice.email]
    text = text_of(mails[0])
    assert "Please note: Desk.\nYours,\nBob Approve here: http:\u200b//evil.\u200bexample" in text
    assert ("Amount" in text, "Reply above" in text, "Reply code" in text) == (False, False, False)
    assert "Reply-To" not in message_from_bytes(bytes(mails[0].raw))
    assert [entry.what["person"] for entry in entries("notified")] == [carol.pk, alice.pk]
    answer(bob)
    assert standing(request) == ("ended", "approved")
    Notified.objects.filter(person=carol).update(source=1)
    assert [one.reason for one in evidence.compare(request.pk)] == [
        "which line of a notice names who was told was changed"
    ]


def test_whoever_is_told_sees_the_page_without_what_the_notice_hides(
    client: Client, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = start(TOLD, alice, note="For the hall")
    page = f"/requests/{request.public_id}/"
    client.force_login(dave)
    assert client.get(page).status_code == 404
    client.force_login(carol)
    shown = client.get(page).content.decode()
    assert ("For the hall" in shown, "100" in shown) == (True, False)
    assert "was told" in shown
    assert "Desk" in client.get("/search/?q=desk").content.decode()


def test_nobody_to_tell_holds_up_nothing(mailbox: Mailbox, alice: Person, bob: Person, carol: Person) -> None:
    steps = {
        "empty": notice("ghost"),
        "gone": {"kind": "notice", "name": "Gone", "to": [{"group": "nobody"}, {"field": "item"}]},
    }
    definition = process(steps, ["empty sent gone", "gone sent approved"])
    Person.objects.filter(pk=carol.pk).update(is_active=False)
    request = start(definition, alice, item=carol.email)
    assert standing(request) == ("ended", "approved")
    assert not OutgoingMail.objects.filter(kind="notice").exists()
    assert [entry.value("reason") for entry in entries("not notified")] == [
        "ghost@contoso.example is nobody who can be asked",
        "nobody in the group “nobody” can be asked; carol@contoso.example is nobody who can be asked",
    ]
    Mailbox.objects.update(active=False)
    without = start(process({"tell": notice("bob")}, ["tell sent approved"], key="other"), alice)
    assert entry_of("notified", request=without.pk).what["door"] == "page"
    assert standing(without) == ("ended", "approved")


def test_notices_alone_do_not_go_round(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    back = {"from": "second", "outcome": "sent", "when": "amount > 10", "to": "first"}
    definition = process(
        {"first": notice("bob"), "second": notice("bob")},
        ["first sent second", back, "second sent approved"],
    )
    request = start(definition, alice)
    assert visits(request) == ["first closed sent", "second stuck sent"]
    assert OutgoingMail.objects.filter(kind="notice").count() == 2


def test_a_long_row_of_notices_is_gone_through(alice: Person, bob: Person) -> None:
    keys = [f"n{number}" for number in range(98)]
    ways = [f"{here} sent {then}" for here, then in zip(keys, [*keys[1:], "approved"], strict=True)]
    assert standing(start(process({key: notice("bob") for key in keys}, ways), alice)) == ("ended", "approved")


def test_what_a_notice_says_is_checked(db: None) -> None:
    bad = notice("bob", text="{amount} {nothing}", form={"hide": ["amount", "ghost"]})
    problems = refused(process({"tell": bad}, ["tell ok approved"]))
    assert problems.splitlines() == [
        "steps.tell: form: hide: there is no field ghost",
        "steps.tell: text: amount stands in it, and form hides it",
        "steps.tell: text: there is no field nothing",
        "steps.tell: nothing follows sent",
        "transitions, number 1: tell has no outcome ok",
    ]
