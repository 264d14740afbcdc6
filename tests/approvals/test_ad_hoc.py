"""What a call asks without a process: the request that it becomes, and the calls that become none."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from placet.accounts.models import Group, Person
from placet.approvals import ad_hoc, digests, engine, engine_errors, verification
from placet.approvals.ad_hoc import CallInvalid
from placet.approvals.ad_hoc_definition import FILES, MOST_FACTS, Call
from placet.approvals.attachments import NewFile
from placet.approvals.definitions import definition_of
from placet.approvals.form import facts
from placet.approvals.models import Assignment, Decision, Process, Request, Version
from placet.approvals.processes import DefinitionInvalid, publish, retire
from placet.approvals.steps import Proof
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.making import asked, one_step, open_for

pytestmark = pytest.mark.django_db

ORDER = Call(
    "Order 4711", to=["bob@contoso.example"], facts=[("Amount", "1,250.00 EUR"), ("Supplier", "Dell")]
)
DECIDED_BY_PAGE = Decision.Channel.PAGE


def decide(person: Person, outcome: str = "approve") -> None:
    engine.decide(open_for(person).pk, by=person, outcome=outcome, channel=DECIDED_BY_PAGE)


def shown(request: Request, person: Person) -> list[tuple[str, str]]:
    """The facts that somebody who is asked sees."""
    seat = Assignment.objects.get(visit__request=request, person=person)
    definition = definition_of(request.version)
    hidden = definition.hidden_in(seat.visit.step_key)
    return [(one.label, one.text) for one in facts(definition, request.data, hidden)]


def errors(call: Call, caller: Person, **more: Any) -> Mapping[str, str]:
    before = Request.objects.count(), Version.objects.count(), Process.objects.count()
    with pytest.raises(CallInvalid) as error:
        ad_hoc.ask(call, caller, **more)
    assert (Request.objects.count(), Version.objects.count(), Process.objects.count()) == before
    return error.value.errors


# --- what it becomes --------------------------------------------------------------------------------------------


def test_a_call_asks_and_ends_with_the_answer(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    call = replace(ORDER, text="As agreed\non Monday.", exactly="rm -rf /srv/old\n  --force")
    request = ad_hoc.ask(call, alice)
    assert (request.title, request.requester, asked(request)) == ("Order 4711", alice, ["Bob"])
    assert shown(request, bob) == [
        ("Message", "As agreed\non Monday."),
        ("Amount", "1,250.00 EUR"),
        ("Supplier", "Dell"),
        ("Exactly this", "rm -rf /srv/old\n  --force"),
    ]
    [mail] = OutgoingMail.objects.filter(kind="ask")
    assert mail.to == "bob@contoso.example"
    decide(bob)
    request.refresh_from_db()
    assert (request.state, request.result) == ("ended", "approved")
    assert "order 4711" in request.words
    assert "dell" in request.words
    assert [*verification.findings_of(request.pk), *verification.findings()] == []


def test_calls_that_differ_in_values_and_people_share_a_version(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    ad_hoc.ask(ORDER, alice)
    ad_hoc.ask(replace(ORDER, title="Another", to=["carol@contoso.example"]), alice)
    ad_hoc.ask(replace(ORDER, facts=[("Amount", "3"), ("Supplier", "")], due="2999-12-31"), alice)
    ad_hoc.ask(replace(ORDER, due="2999-11-30"), alice)
    assert Version.objects.count() == 2  # one of them is due
    ad_hoc.ask(ORDER, carol)
    assert {one.name for one in Process.objects.all()} == {
        "Approvals asked by Alice Requester",
        "Approvals asked by Carol Finance",
    }


@pytest.mark.parametrize(
    ("rule", "answers", "result"),
    [
        ("any", ["ship"], "ship"),
        ("all", ["ship"], ""),
        ("all", ["ship", "hold"], "hold"),
        ("all", ["ship", "ship"], "ship"),
        (2, ["hold"], "hold"),
        (1, ["hold"], ""),
        (1, ["hold", "ship"], "ship"),
    ],
)
def test_what_the_rule_says_of_approving_holds_of_what_grants(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, rule: Any, answers: list[str], result: str
) -> None:
    outcomes: list[Any] = [
        {"key": "ship", "label": "Release the build", "grants": True},
        {"key": "hold", "label": {"en": "Hold it back", "fr": "À retenir"}, "grants": False},
    ]
    to = ["bob@contoso.example", "carol@contoso.example"]
    request = ad_hoc.ask(replace(ORDER, to=to, rule=rule, outcomes=outcomes), alice)
    for person, outcome in zip([bob, carol], answers, strict=False):
        decide(person, outcome)
    request.refresh_from_db()
    assert request.result == result


def test_a_group_is_asked_without_whoever_asks(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    team = Group.objects.create(key="team", name="Team")
    team.members.set([alice, bob, carol])
    call = replace(ORDER, to=(), group="team")
    assert asked(ad_hoc.ask(call, alice)) == ["Bob", "Carol"]
    assert asked(ad_hoc.ask(call, alice, bob)) == ["Carol"]
    assert "/rule" in errors(replace(call, rule=2), alice, requester=bob)


def test_a_file_goes_with_it(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = ad_hoc.ask(ORDER, alice, files=[NewFile(FILES, "offer.pdf", "", b"%PDF")])
    [file] = request.attachments.all()
    assert (file.field, file.name, bytes(file.content)) == ("files", "offer.pdf", b"%PDF")
    assert shown(request, bob)[-1] == ("Files", "offer.pdf (4 bytes)")


def test_a_retired_process_asks_nothing_more(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    retire(ad_hoc.ask(ORDER, alice).version.process)
    with pytest.raises(engine_errors.ProcessRetired):
        ad_hoc.ask(ORDER, alice)


def test_nobody_writes_such_a_process(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    key = ad_hoc.ask(ORDER, alice).version.process.key
    with pytest.raises(DefinitionInvalid, match="are the keys of what is asked for"):
        publish({**one_step([{"person": "bob@contoso.example"}]), "key": key})
    calling = one_step([{"person": "bob@contoso.example"}])
    calling["steps"]["again"] = {"kind": "call", "name": "Again", "process": key, "data": {}}
    calling["transitions"][0]["to"] = "again"
    with pytest.raises(DefinitionInvalid, match="there is no process"):
        publish(calling)


# --- what becomes none ------------------------------------------------------------------------------------------

BIDI, UNSEEN = "abc\u202edef", "ab\u200bcd"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"title": ""}, "/title"),
        ({"title": "!"}, "/title"),
        ({"title": "two\nlines"}, "/title"),
        ({"title": BIDI}, "/title"),
        ({"title": "x" * 201}, "/title"),
        ({"text": "x" * 5001}, "/text"),
        ({"text": UNSEEN}, "/text"),
        ({"exactly": "x" * 20_001}, "/exactly"),
        ({"exactly": "x\n" * 1_001}, "/exactly"),
        ({"exactly": f"rm -rf {BIDI}"}, "/exactly"),
        ({"exactly": "a\u200dmin"}, "/exactly"),
        ({"facts": [("A", "1")] * 2}, "/facts/1/label"),
        ({"facts": [("Amount", "1"), ("ＡＭＯＵＮＴ", "2")]}, "/facts/1/label"),
        ({"facts": [("", "1")]}, "/facts/0/label"),
        ({"facts": [("a\nb", "1")]}, "/facts/0/label"),
        ({"facts": [(BIDI, "1")]}, "/facts/0/label"),
        ({"facts": [("A", BIDI)]}, "/facts/0/value"),
        ({"facts": [("A", "\x00")]}, "/facts/0/value"),
        ({"facts": [("A", "x" * 2001)]}, "/facts/0/value"),
        ({"facts": [(str(n), "x") for n in range(MOST_FACTS + 1)]}, "/facts"),
        ({"facts": [(str(n), "x" * 2000) for n in range(11)]}, "/facts"),
        ({"to": []}, "/to"),
        ({"group": "team"}, "/to"),
        ({"to": [], "group": "nobody"}, "/to/group"),
        ({"to": ["bob@contoso.example", "who@contoso.example"]}, "/to/1"),
        ({"to": ["alice@contoso.example"]}, "/to/0"),
        ({"to": ["x"] * 21}, "/to"),
        ({"rule": 2}, "/rule"),
        ({"rule": 0}, "/rule"),
        ({"due": "soon"}, "/due"),
        ({"due": "2026-01-01"}, "/due"),
        ({"due": "9999-01-01"}, "/due"),
        ({"due": "2999-01-01T10:00"}, "/due"),
        ({"proof": "outside"}, "/proof"),
        ({"outcomes": []}, "/outcomes"),
        ({"outcomes": ["approve"]}, "/outcomes"),
        ({"outcomes": ["approve", "maybe"]}, "/outcomes/1"),
        ({"outcomes": ["approve", "done"]}, "/outcomes/1"),
        ({"outcomes": [{"key": "approved", "label": "Tick it off", "grants": False}]}, "/outcomes/0"),
        ({"outcomes": ["approve", {"key": "withdrawn", "label": "Out", "grants": False}]}, "/outcomes/1"),
        ({"outcomes": ["approve", {"key": "no", "label": "Nope\u202e", "grants": False}]}, "/outcomes/1/label"),
        ({"outcomes": ["approve", {"key": "x", "label": "X y", "grants": False, "again": "everybody"}]},
         "/outcomes/1/again"),
        # Words that say another thing than the outcome that they stand for.
        ({"outcomes": ["approve", {"key": "reject", "label": "Approve"}]}, "/outcomes/1"),
        ({"outcomes": [{"key": "approve", "label": "Reject"}, "reject"]}, "/outcomes/0"),
        ({"outcomes": ["reject", {"key": "go", "label": "No", "grants": True}]}, "/outcomes/1"),
        ({"outcomes": ["reject", {"key": "go", "label": "Go on", "grants": True, "words": {"en": ["not"]}}]},
         "/outcomes/1"),
        ({"outcomes": [{"key": "a", "label": "Later on", "grants": True},
                       {"key": "b", "label": "Later on", "grants": False}]}, "/outcomes"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said_with_its_place(
    mailbox: Mailbox, alice: Person, bob: Person, change: dict[str, Any], place: str
) -> None:
    assert place in errors(replace(ORDER, **change), alice)


def test_nobody_decides_what_they_ask_in_somebodys_name(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    assert [*errors(ORDER, bob, requester=alice)] == ["/to/0"]
    request = ad_hoc.ask(ORDER, carol, alice)
    with pytest.raises(engine_errors.NotAllowed):
        engine.decide(open_for(bob).pk, by=carol, outcome="approve", channel=DECIDED_BY_PAGE)
    assert request.requester == alice


def test_the_floor_is_the_proof_where_none_is_said(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    pairs: list[tuple[Proof, Proof | None]] = [("outside", None), ("page", "page"), ("outside", "outside")]
    for floor, proof in pairs:
        request = ad_hoc.ask(replace(ORDER, proof=proof), alice, floor=floor)
        assert definition_of(request.version).proof == (proof or floor)
    assert "/proof" in errors(replace(ORDER, proof="colleague"), alice, floor="page")


def test_what_is_meant_exactly_never_waits_for_a_mail_that_gathers_several(
    mailbox: Mailbox, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    Person.objects.filter(pk=bob.pk).update(in_digests=True)
    monkeypatch.setattr(digests, "_waits_until", lambda assignment, now: now)
    ad_hoc.ask(ORDER, alice)
    assert not OutgoingMail.objects.filter(kind="ask").exists()
    ad_hoc.ask(replace(ORDER, exactly="rm -rf /srv/old"), alice)
    assert OutgoingMail.objects.filter(kind="ask").count() == 1
