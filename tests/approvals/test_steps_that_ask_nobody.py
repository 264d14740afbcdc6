"""Steps that ask nobody: what each does, one rule of it at a time."""

import argparse
import re
from collections.abc import Mapping, Sequence
from datetime import date
from email import message_from_bytes, policy
from typing import Any
from unittest import mock

import pytest
import yaml
from django.db import transaction
from django.test import Client
from django.utils import timezone

from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.approvals import calling, earlier, engine, engine_errors, engine_visits, evidence
from placet.approvals.definition_schema import schema_of_definitions
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, CallTask, Decision, Notified, Request, Signal
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.audit import chain
from placet.cli import CommandError
from placet.commands import request as request_command
from placet.commands.process import SAMPLES
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.making import FORM, entries, entry_of

pytestmark = pytest.mark.django_db

ENDS = {
    "approved": {"kind": "end", "name": "Approved", "result": "approved"},
    "rejected": {"kind": "end", "name": "Rejected", "result": "rejected"},
}
NOTE = {"name": "note", "label": "Note", "type": "long_text"}


@pytest.fixture
def ada(db: None) -> Person:
    return add_person("Ada Admin", "ada@contoso.example", administrator=True)


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
    transitions = [
        dict(zip(("from", "outcome", "to"), way.split(), strict=True)) if isinstance(way, str) else way
        for way in ways
    ]
    ends = {name: end for name, end in ENDS.items() if name in [way.get("to") for way in transitions]}
    return {
        "key": key,
        "name": key.title(),
        "title": "{item}",
        "form": [*FORM, NOTE],
        "start": next(iter(steps)),
        "steps": {**steps, **ends},
        "transitions": transitions,
        **more,
    }


def start(definition: Mapping[str, Any], requester: Person, **entered: str) -> Request:
    return engine.start(publish(definition), requester, {"item": "Desk", "amount": "100", **entered})


def answer(person: Person, outcome: str = "approve") -> None:
    seat = Assignment.objects.filter(person=person, state="open").order_by("pk")[0]
    engine.decide(seat.pk, by=person, outcome=outcome, channel=Decision.Channel.PAGE)


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
        "tell": notice(
            "carol", "alice", text="Please note: {item}.\nYours,\n{note}", form={"hide": ["amount"]}
        ),
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


def test_a_requester_who_names_themself_in_the_form_is_told(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    tell = {**TOLD["steps"]["tell"], "to": [{"field": "item"}]}
    start({**TOLD, "steps": {**TOLD["steps"], "tell": tell}}, alice, item=alice.email)
    assert [mail.to for mail in OutgoingMail.objects.filter(kind="notice")] == [alice.email]


def test_whoever_is_told_sees_the_page_without_what_the_notice_hides(
    client: Client, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = start(TOLD, alice, note="For the hall")
    page = f"/requests/{request.public_id}/"
    client.force_login(dave)
    assert client.get(page).status_code == 404
    client.force_login(carol)
    # Lines and boxes of the picture are numbers, too.
    shown = re.sub("<svg.*?</svg>", "", client.get(page).content.decode(), flags=re.DOTALL)
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
        "there is no group “nobody”; carol@contoso.example is nobody who can be asked",
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
    assert standing(start(process({key: notice("bob") for key in keys}, ways), alice)) == (
        "ended",
        "approved",
    )


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
    fills = notice("bob", form={"fill": ["amount"]})
    assert "nobody enters anything there" in refused(process({"tell": fills}, ["tell sent approved"]))


# --- waits ----------------------------------------------------------------------------------------------------


def wait(**more: Any) -> dict[str, Any]:
    return {"kind": "wait", "name": "Delivery", **more}


def in_a_block(branch: Mapping[str, Any], result: list[dict[str, Any]], *ways: str) -> dict[str, Any]:
    """A wait beside Bob."""
    both = {
        "kind": "parallel",
        "name": "Both",
        "branches": {"wait": {"start": "wait"}, "bob": {"start": "bob"}},
        "result": result,
        "otherwise": "rejected",
    }
    ends = [
        {"from": "wait", "outcome": "arrived", "ends_branch": "approved"},
        {"from": "bob", "outcome": "approve", "ends_branch": "approved"},
        {"from": "bob", "outcome": "reject", "ends_branch": "rejected"},
    ]
    onward = ["both approved approved", "both rejected rejected"]
    return process({"both": both, "wait": branch, "bob": step("bob")}, [*ends, *onward, *ways])


VETO = [{"rejected": "any", "cancel": "others"}, {"approved": "all"}]
DELIVERED = process(
    {"wait": wait(signal="delivered"), "again": wait(signal="delivered"), "bob": step("bob")},
    ["wait arrived bob", "bob approve again", "bob reject rejected", "again arrived approved"],
)


def test_a_signal_ends_one_wait_and_is_kept_if_it_comes_early(
    alice: Person, bob: Person, ada: Person
) -> None:
    request = start(DELIVERED, alice)
    assert visits(request) == ["wait open"]
    engine.signal(request.pk, "delivered", ada)
    assert visits(request) == ["wait closed arrived", "bob open"]
    early = engine.signal(request.pk, "delivered", None)
    assert standing(request) == ("open", "")
    with pytest.raises(engine_errors.NoLongerOpen, match="is there already"):
        engine.signal(request.pk, "delivered", ada)
    answer(bob)
    assert visits(request)[2:] == ["again closed arrived"]
    assert standing(request) == ("ended", "approved")
    with pytest.raises(engine_errors.NoLongerOpen, match="has already ended"):
        engine.signal(request.pk, "delivered", ada)
    Signal.objects.filter(pk=early.pk).update(by=ada)
    assert [one.reason for one in evidence.compare(request.pk)] == ["who sent a signal was changed"]


def test_a_signal_that_a_step_took_ends_no_other_wait(alice: Person, bob: Person, ada: Person) -> None:
    request = start(DELIVERED, alice)
    engine.signal(request.pk, "delivered", ada)
    answer(bob)
    assert visits(request)[2:] == ["again open"]
    engine.signal(request.pk, "delivered", ada)
    assert standing(request) == ("ended", "approved")


def test_who_may_give_a_signal_and_which(client: Client, alice: Person, bob: Person, ada: Person) -> None:
    request = start(DELIVERED, alice)
    page = f"/requests/{request.public_id}/"
    for person in (alice, bob):
        with pytest.raises(engine_errors.NotAllowed):
            engine.signal(request.pk, "delivered", person)
    with pytest.raises(engine_errors.NotAllowed, match="waits for the signal “other”"):
        engine.signal(request.pk, "other", ada)
    client.force_login(alice)
    shown = client.get(page).content.decode()
    assert ("waiting for a signal from outside" in shown, "Give the signal" in shown) == (True, False)
    assert client.post(f"{page}signal/", {"key": "delivered"}).status_code == 403
    client.force_login(ada)
    assert "Give the signal “delivered”" in client.get(page).content.decode()
    assert "Delivery: waiting for a signal from outside" in client.get(page).content.decode()
    client.get(f"{page}signal/?key=delivered")
    assert visits(request) == ["wait open"], "nothing is changed by a GET"
    client.post(f"{page}signal/", {"key": "other\n" * 50})
    assert visits(request) == ["wait open"]
    client.post(f"{page}signal/", {"key": "delivered"})
    assert visits(request) == ["wait closed arrived", "bob open"]
    assert entry_of("signalled").who == f"person:{ada.pk}"


def test_the_command_gives_a_signal(alice: Person, bob: Person, capsys: pytest.CaptureFixture[str]) -> None:
    request = start(DELIVERED, alice)
    for word in ("goes on", "keeps the signal"):
        options = argparse.Namespace(number=request.number, key="delivered")
        with mock.patch.object(request_command, "set_up"):
            assert request_command.run(options) == 0
        assert word in capsys.readouterr().out
    with mock.patch.object(request_command, "set_up"), pytest.raises(CommandError, match="is there already"):
        request_command.run(argparse.Namespace(number=request.number, key="delivered"))


def test_a_condition_is_tried_again_when_the_data_or_another_step_say_something_new(
    alice: Person, bob: Person, mailbox: Mailbox
) -> None:
    request = start(in_a_block(wait(until="amount > 500"), VETO), alice)
    assert visits(request) == ["both open", "wait open", "bob open"]
    request.data["amount"]["minor"] = 60_000
    with transaction.atomic():  # as a revision of the data does it
        engine_visits.wake(request, definition_of(request.version))
    assert visits(request) == ["both open", "wait closed arrived", "bob open"]
    answer(bob)
    assert standing(request) == ("ended", "approved")
    assert visits(start(in_a_block(wait(until="amount > 50"), VETO), alice))[1] == "wait closed arrived"
    stuck = process({"wait": wait(until="100 / int(amount) < 0")}, ["wait arrived approved"])
    failing = start(stuck, alice, amount="0")
    engine_visits.wake(failing, definition_of(failing.version))
    assert (visits(failing), len(entries("stuck", request=failing.pk))) == (["wait stuck"], 1)
    assert OutgoingMail.objects.filter(kind="stuck").exists() is False, "nobody administers here"


def test_what_makes_a_wait_needless_ends_it(alice: Person, bob: Person, ada: Person) -> None:
    request = start(in_a_block(wait(signal="delivered"), VETO), alice)
    answer(bob, "reject")
    assert visits(request) == ["both closed rejected", "wait cancelled", "bob closed reject"]
    assert standing(request) == ("ended", "rejected")
    withdrawn = start(DELIVERED, alice)
    engine.signal(withdrawn.pk, "delivered", ada)
    engine.withdraw(withdrawn.pk, alice)
    assert (visits(withdrawn)[-1], standing(withdrawn)) == ("bob closed withdrawn", ("withdrawn", ""))


def test_a_wait_that_is_over_at_once_only_chooses_a_way(alice: Person) -> None:
    ways = ["begin arrived rejected", "begin arrived approved"]
    definition = process({"begin": wait(until="true")}, ways)
    definition["transitions"][0]["when"] = "amount > 5"
    version = publish(definition)
    ended = [engine.start(version, alice, {"amount": amount}).result for amount in ("1", "9")]
    assert ended == ["approved", "rejected"]


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ({}, "say what it waits for"),
        ({"until": "day > '2026-12-31'"}, "no condition waits for a day"),
        ({"until": "today == day"}, "no condition waits for a day"),
        ({"until": date(2026, 12, 31)}, "no condition waits for a day"),
        ({"until": "timestamp('x') > timestamp('y')"}, "no condition waits for a day"),
        ({"until": "day != ''"}, "day is a date or a time, and no condition waits"),
        ({"until": "1 > 2"}, "nothing could ever change what it comes to"),
        ({"until": "amount"}, "neither true nor false"),
        ({"until": "ghost > 2"}, "ghost"),
        ({"signal": "No key"}, "pattern"),
    ],
)
def test_a_wait_that_cannot_end_is_refused(db: None, what: dict[str, Any], problem: str) -> None:
    form = [*FORM, {"name": "day", "label": "Day", "type": "date"}]
    assert problem in refused(process({"wait": wait(**what)}, ["wait arrived approved"], form=form))


LATE = "today >= '2027-01-01' ? 1.0 : 0.0"


@pytest.mark.parametrize(
    ("form", "path"),
    [
        ([{"computed": LATE}], "late → today"),
        ([{"default": LATE}], "late → today"),
        ([{"default": "5", "read_only": "today > '2027-01-01'"}], "late → today"),
        ([{"show": "today > '2027-01-01'"}], "late → today"),
        ([{"computed": "note == '' ? a : b"}, {"name": "b", "computed": LATE}, {"name": "a"}], "late → b → today"),
        ([{"computed": "b"}, {"name": "b", "computed": "c"}, {"name": "c", "default": LATE}], "late → b → c → today"),
        ([{"computed": "note == '' ? b : late_too"}, {"name": "b", "computed": "note == '' ? 1.0 : late_too"},
          {"name": "late_too", "computed": LATE}], "late → late_too → today"),
        ([{"computed": "day < '2027-01-01' ? 0.0 : 1.0"}, {"name": "day", "type": "date", "default": "today"}],
         "late → day → today"),
        ([{"computed": "note == 'x' ? 1.0 : 0.0"}, {"name": "note", "type": "choice",
          "options": [{"key": "x", "label": "X", "only": "today > '2027-01-01'"}, "y"]}], "late → note → today"),
        ([{"computed": "double(rows.size())"}, {"name": "rows", "type": "table", "show": "today > '2027-01-01'",
          "columns": [{"name": "n", "label": "N", "type": "number"}]}], "late → rows → today"),
        ([{"computed": "sum"}, {"name": "rows", "type": "table", "show": "today > '2027-01-01'",
          "columns": [{"name": "n", "label": "N", "type": "number"}],
          "totals": [{"name": "sum", "label": "Sum", "sum": "n"}]}], "late → sum → today"),
        ([{"computed": "who == 'x' ? 1.0 : 0.0"}, {"name": "who", "type": "choice",
          "options_from": {"field": "rows", "column": "t"}},
          {"name": "rows", "type": "table", "show": "today > '2027-01-01'",
           "columns": [{"name": "t", "label": "T", "type": "text"}]}], "late → who → rows → today"),
    ],
)  # fmt: skip
def test_no_wait_is_for_a_day_by_a_field(db: None, form: list[dict[str, Any]], path: str) -> None:
    problem = f"steps.wait: until: late depends on the day ({path}), and no condition waits for a day"
    assert problem in refused(waiting_for("late > 0.0", form))


def waiting_for(until: str, form: list[dict[str, Any]]) -> dict[str, Any]:
    """`form`: what is said of the number `late`, and of fields beside it."""
    parts = [{"type": "number", **one} for one in [{"name": "late"} | form[0], *form[1:]]]
    parts = [{"label": one["name"].title(), **one} for one in parts]
    form = [*FORM, *([] if any(one["name"] == "note" for one in parts) else [NOTE]), *parts]
    return process({"wait": wait(until=until)}, ["wait arrived approved"], form=form)


def test_no_wait_is_for_a_day_by_a_section_or_a_currency(db: None) -> None:
    section = {"type": "section", "label": "Later", "show": "today > '2027-01-01'"}
    later = {"name": "later", "label": "Later", "type": "number"}
    form = [*FORM, section, later]
    definition = process({"wait": wait(until="later > 0.0")}, ["wait arrived approved"], form=form)
    assert f"later depends on the day (later → part {len(form) - 1} → today)" in refused(definition)
    price = {"name": "price", "type": "money", "currency": ["EUR", "USD"], "show": "today > '2027-01-01'"}
    assert "price_currency depends on the day (price_currency → today)" in refused(
        waiting_for("price_currency == 'USD'", [{}, price])
    )


@pytest.mark.parametrize(
    "form",
    [
        [{"require": "today > '2027-01-01'"}],  # changes no value
        [{"computed": "day < '2027-01-01' ? 0.0 : 1.0"}, {"name": "day", "type": "date", "min": "today"}],
        [{"computed": "today"}, {"name": "today"}],  # a field that is called so
        [{}, {"name": "other", "computed": LATE}],
        [{"computed": "double(lines.filter(b, b.n > 1.0).size())"}, {"name": "b", "computed": LATE},
         {"name": "lines", "type": "table", "columns": [{"name": "n", "label": "N", "type": "number"}]}],
    ],
)  # fmt: skip
def test_a_wait_may_be_for_what_people_enter(db: None, form: list[dict[str, Any]]) -> None:
    publish(waiting_for("late > 0.0", form))


def test_a_wait_that_is_included_is_looked_at_with_the_form_of_the_whole(db: None) -> None:
    publish(waiting_for("late > 0.0", [{}]) | {"key": "waiting"})
    whole = waiting_for("note != ''", [{"computed": LATE}])
    whole["steps"]["wait"] = {"kind": "include", "process": "waiting"}
    whole["transitions"] = [{"from": "wait", "outcome": "approved", "to": "approved"}]
    place = "steps.wait: step wait of version 1 of waiting"
    assert f"{place}: until: late depends on the day (late → today)" in refused(whole)


# --- processes that are included --------------------------------------------------------------------------------


BUDGET = process(
    {"lead": step("bob"), "second": step("carol", not_same_as=["lead"], form={"hide": ["no*"]})},
    [
        {"from": "lead", "outcome": "approve", "when": "amount > 500", "to": "second"},
        "lead approve approved",
        "lead reject rejected",
        "second approve approved",
        "second reject lead",
    ],
    key="budget",
    proof="page",
)


def including(*ways: str | Mapping[str, Any], **more: Any) -> dict[str, Any]:
    back = {"from": "sub", "outcome": "rejected", "when": "amount < 10", "to": "first"}
    steps = {"first": step("dave"), "sub": {"kind": "include", "process": "budget"}}
    own: list[str | Mapping[str, Any]] = [
        "first approve sub",
        "first reject rejected",
        "sub approved approved",
        back,
        "sub rejected rejected",
    ]
    return process(steps, ways or own, key="whole", **more)


def test_an_included_process_is_copied_in_and_what_is_stored_is_flat(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    publish(BUDGET)
    version = publish(including())
    stored = version.definition
    assert list(stored["steps"]) == ["first", "sub-lead", "sub-second", "approved", "rejected"]
    assert stored["included"] == {"sub": {"process": "budget", "version": 1, "depth": 1}}
    second = stored["steps"]["sub-second"]
    assert (second["not_same_as"], second["proof"], stored["proof"]) == (["sub-lead"], "page", "colleague")
    ways = [(t["from"], t["outcome"], t.get("when"), t["to"]) for t in stored["transitions"]]
    assert ways[2:] == [
        ("sub-lead", "approve", "amount > 500", "sub-second"),
        ("sub-lead", "approve", None, "approved"),
        ("sub-lead", "reject", "amount < 10", "first"),
        ("sub-lead", "reject", None, "rejected"),
        ("sub-second", "approve", None, "approved"),
        ("sub-second", "reject", None, "sub-lead"),
    ]
    publish({**BUDGET, "name": "Another one"})  # what is published already stays so
    request = engine.start(version, alice, {"item": "Desk", "amount": "600"})
    for person in (dave, bob, carol):
        answer(person)
    assert standing(request) == ("ended", "approved")


def test_what_names_steps_in_an_included_process_names_them_by_their_new_keys(db: None) -> None:
    names = {"lead": "sub-lead", "second": "sub-second"}
    for condition, renamed in (
        ("steps.lead.outcome == 'approve'", "steps[\"sub-lead\"].outcome == 'approve'"),
        ("steps['second'].by != steps.lead.by", 'steps["sub-second"].by != steps["sub-lead"].by'),
        ("note == 'steps.lead' || x.steps.lead", "note == 'steps.lead' || x.steps.lead"),
        ('note == r"\\" + steps.ghost.by', 'note == r"\\" + steps.ghost.by'),
    ):
        assert earlier.renamed(condition, names) == renamed


def test_an_include_in_a_branch_ends_it_and_one_in_another_is_flat_too(db: None) -> None:
    publish(BUDGET)
    publish(including())
    ends = [
        {"from": key, "outcome": outcome, "ends_branch": outcome}
        for key in ("one", "two")
        for outcome in ("approved", "rejected")
    ]
    block = {
        "kind": "parallel", "name": "Both", "branches": {"a": {"start": "one"}, "b": {"start": "two"}},
        "result": VETO, "otherwise": "rejected",
    }  # fmt: skip
    steps = {
        "both": block,
        "one": {"kind": "include", "process": "whole"},
        "two": {"kind": "include", "process": "budget"},
    }
    flat = parse_definition(process(steps, [*ends, "both approved approved", "both rejected rejected"]))
    assert flat.places["one-sub-second"] == (("both", "a"),)
    assert flat.places["two-lead"] == (("both", "b"),)
    assert flat.included is not None
    assert {key: (one.process, one.depth) for key, one in flat.included.items()} == {
        "one": ("whole", 1), "one-sub": ("budget", 2), "two": ("budget", 1)
    }  # fmt: skip


def test_what_cannot_be_included_is_said(db: None) -> None:
    assert "steps.sub: there is no process budget that is published" in refused(including())
    cost = {"name": "cost", "label": "Cost", "type": "money", "currency": "USD"}
    publish({**BUDGET, "form": [*BUDGET["form"], cost]})
    own = [*FORM, NOTE, {**cost, "currency": "EUR"}]
    assert "steps.sub: the form needs what the form of budget has: cost (money USD)" in refused(
        including(form=own)
    )
    publish(BUDGET)
    assert "steps.sub: nothing follows rejected" in refused(
        including("first approve sub", "first reject rejected", "sub approved approved")
    )
    publish(including())
    ring = {**including(), "key": "budget"}
    ring["steps"] = {**ring["steps"], "sub": {"kind": "include", "process": "whole"}}
    assert "steps.sub: the process budget would include itself, by whole → budget" in refused(ring)
    many = {f"s{number}": {"kind": "include", "process": "budget"} for number in range(60)}
    assert "with what they include they are too many" in refused(process(many, ["s0 approved approved"]))
    assert "included: Placet writes that" in refused(
        {**BUDGET, "included": {"a": {"process": "b", "version": 1}}}
    )


# --- processes that are called ----------------------------------------------------------------------------------


CALLED = {**BUDGET, "proof": "colleague"}


def calling_one(
    data: Mapping[str, str] | None = None, key: str = "caller", called: str = "budget"
) -> dict[str, Any]:
    data = {"item": "item + ' budget'", "amount": "amount / 2.0", "note": "note"} if data is None else data
    call = {"kind": "call", "name": "Budget", "process": called, "data": dict(data)}
    ways = ["call approved dave", "call rejected rejected", "call withdrawn rejected"]
    ways += ["dave approve approved", "dave reject rejected"]
    return process({"call": call, "dave": step("dave")}, ways, key=key)


def worked() -> int:
    """All that is to be done for calls."""
    done = 0
    while rows := calling.due(10):
        done += sum(calling.work(row) for row in rows)
    return done


def called_by(request: Request) -> Request:
    return Request.objects.get(parent_visit__request=request)


def test_a_called_process_brings_its_caller_on_once(
    client: Client, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    publish(CALLED)
    request = start(calling_one(), alice)
    assert (visits(request), worked()) == (["call open"], 1)
    called = called_by(request)
    assert (called.title, called.data["amount"]["minor"], called.requester) == ("Desk budget", 5000, alice)
    assert (visits(called), standing(called)) == (["lead open"], ("open", ""))
    client.force_login(alice)
    assert f"/requests/{called.public_id}/" in client.get(f"/requests/{request.public_id}/").content.decode()
    assert f"/requests/{request.public_id}/" in client.get(f"/requests/{called.public_id}/").content.decode()
    client.force_login(bob)
    assert client.get(f"/requests/{request.public_id}/").status_code == 404
    assert str(request.public_id) not in client.get(f"/requests/{called.public_id}/").content.decode()
    answer(bob)
    assert visits(request) == ["call open"], "the one that was called never touches the one that calls"
    [row] = calling.due(10)
    with (
        mock.patch.object(engine_visits, "finish", side_effect=ZeroDivisionError),
        pytest.raises(ZeroDivisionError),
    ):
        calling.work(row)  # killed in between
    assert (calling.due(10), visits(request)) == ([], ["call open"])
    CallTask.objects.filter(pk=row).update(due=timezone.now())
    assert [calling.work(row), calling.work(row)] == [True, False]
    assert visits(request) == ["call closed approved", "dave open"]
    answer(dave)
    assert (standing(request), standing(called)) == (("ended", "approved"), ("ended", "approved"))
    other = start(BUDGET, alice)
    Request.objects.filter(pk=called.pk).update(parent_visit=None)
    assert [one.reason for one in evidence.compare(called.pk)] == ["which step called it was changed"]
    assert [one.reason for one in evidence.compare(request.pk)] == ["a request that was called is gone"]
    Request.objects.filter(pk=other.pk).update(parent_visit=request.visits.get(step_key="call"))
    assert [one.reason for one in evidence.compare(request.pk)] == ["which request a step called was changed"]


def test_what_is_withdrawn_takes_along_what_it_called_and_is_told_of_it(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    publish(CALLED)
    request = start(calling_one(), alice)
    worked()
    engine.withdraw(request.pk, alice)
    called = called_by(request)
    assert standing(called) == ("open", "")
    worked()
    assert (standing(called), standing(request)) == (("withdrawn", ""), ("withdrawn", ""))
    assert "is not needed any more" in text_of(OutgoingMail.objects.get(kind="withdrawn"))
    other = start(calling_one(), alice)
    worked()
    engine.withdraw(called_by(other).pk, alice)
    worked()
    assert (visits(other), standing(other)) == (["call closed withdrawn"], ("ended", "rejected"))
    never = start(calling_one(), alice)
    engine.withdraw(never.pk, alice)
    worked()
    assert not Request.objects.filter(parent_visit__request=never).exists()


def test_a_branch_that_ends_takes_along_what_it_called(alice: Person, bob: Person, carol: Person) -> None:
    publish(
        process({"carol": step("carol")}, ["carol approve approved", "carol reject rejected"], key="budget")
    )
    call = {**calling_one()["steps"]["call"], "data": {"item": "item"}}
    definition = in_a_block(call, VETO)
    definition["transitions"] = [
        *(way for way in definition["transitions"] if way["from"] != "wait"),
        *(
            {"from": "wait", "outcome": one, "ends_branch": "approved"}
            for one in ("approved", "rejected", "withdrawn")
        ),
    ]
    request = start(definition, alice)
    worked()
    answer(bob, "reject")
    worked()
    assert visits(request) == ["both closed rejected", "wait cancelled", "bob closed reject"]
    assert (standing(request), standing(called_by(request))) == (("ended", "rejected"), ("withdrawn", ""))


def test_a_call_that_cannot_be_made_is_stuck_with_the_reason(
    alice: Person, ada: Person, mailbox: Mailbox
) -> None:
    publish(process({"tell": notice("bob")}, ["tell sent approved"], key="budget"))
    definition = calling_one({"item": "item", "amount": "note"})
    definition["transitions"] = [
        way for way in definition["transitions"] if way["outcome"] != "rejected" or way["from"] != "call"
    ]
    request = start(definition, alice, note="a lot")
    worked()
    visit = request.visits.get()
    assert visit.state == "stuck"
    assert visit.reason.startswith("the form of “budget” cannot be filled in: amount: ")
    assert OutgoingMail.objects.filter(kind="stuck").count() == 1
    engine.ask_again(visit.pk, ada)
    assert (worked(), visits(request), standing(request)) == (1, ["call stuck"], ("open", ""))


def test_processes_that_call_each_other_end_five_deep(alice: Person, ada: Person) -> None:
    call = {"kind": "call", "name": "Itself", "process": "ring", "data": {"item": "item"}}
    ways = ["call approved approved", "call rejected rejected", "call withdrawn rejected"]
    version = publish(process({"call": call}, ways, key="ring"))
    first = engine.start(version, alice, {"item": "Desk"})
    assert worked() == 6
    assert Request.objects.count() == 6
    last = Request.objects.latest("pk")
    assert last.visits.get().reason == "processes call each other more than 5 deep"
    engine.withdraw(last.pk, ada)
    worked()
    assert {standing(one) for one in Request.objects.exclude(pk=last.pk)} == {("ended", "rejected")}
    assert standing(first) == ("ended", "rejected")


def test_what_a_call_says_is_checked(db: None) -> None:
    assert "steps.call: there is no process budget that is published" in refused(calling_one())
    computed = {"name": "double", "label": "Double", "type": "number", "computed": "amount * 2.0"}
    why = {"name": "why", "label": "Why", "type": "text", "required": True}
    publish({**CALLED, "form": [*CALLED["form"], computed, why]})
    problems = refused(
        calling_one({"ghost": "item", "double": "amount", "note": "nothing + item"})
    ).splitlines()
    assert [one for one in problems if not one.startswith("steps.call: data: note: ")] == [
        "steps.call: data: the form of budget has no field ghost",
        "steps.call: data: double of budget cannot be filled in: it is computed, or holds files",
        "steps.call: data: the form of budget needs why",
    ]


# --- the schema ---------------------------------------------------------------------------------------------------


def test_what_processes_are_written_as_fits_the_schema_of_definitions() -> None:
    schema = schema_of_definitions()
    samples = [yaml.safe_load(path.read_text()) for path in sorted(SAMPLES.glob("*.yaml"))]
    for definition in (*samples, TOLD, DELIVERED, BUDGET, including(), calling_one()):
        assert fits(definition, schema, schema["$defs"]), definition["key"]
    revise = {"kind": "revise", "name": "Again", "again": "everybody", "due": "2 working days"}
    assert fits(process({"revise": revise}, ["revise revised approved"]), schema, schema["$defs"])
    slips = (
        wait(signals="x"),
        {"kind": "notice", "name": "No", "to": []},
        {"kind": "pause"},
        {"kind": "approval", "name": "No"},  # whom it asks
        notice("bob", text=1),
    )
    for slip in slips:
        assert not fits(process({"slip": slip}, ["slip arrived approved"]), schema, schema["$defs"])


def fits(value: Any, schema: Any, parts: Mapping[str, Any]) -> bool:
    """As much of JSON Schema as the schema of definitions uses for what a step is and for its short forms."""
    if isinstance(schema, bool):
        return schema
    if "$ref" in schema:
        return fits(value, parts[schema["$ref"].rpartition("/")[2]], parts)
    if "if" in schema and not fits(value, schema["if"], parts) and not fits(value, schema["else"], parts):
        return False
    for some in ("anyOf", "oneOf"):
        if some in schema and not any(fits(value, one, parts) for one in schema[some]):
            return False
    if "const" in schema and (value != schema["const"] or type(value) is not type(schema["const"])):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, dict) and schema.get("type", "object") == "object":
        by_pattern = [*schema.get("patternProperties", {}).values()]
        known = schema.get("properties", {})
        more = schema.get("additionalProperties", by_pattern[0] if by_pattern else True)
        is_complete = {*schema.get("required", ())} <= value.keys() and len(value) >= schema.get(
            "minProperties", 0
        )
        return is_complete and all(fits(one, known.get(name, more), parts) for name, one in value.items())
    if isinstance(value, list | tuple) and schema.get("type", "array") == "array":
        items = schema.get("items", True)
        return len(value) >= schema.get("minItems", 0) and all(fits(one, items, parts) for one in value)
    types = {"string": str, "integer": int, "number": int | float, "boolean": bool, "null": type(None)}
    if schema.get("type") in ("object", "array"):
        return False
    return "type" not in schema or isinstance(value, types[schema["type"]])
