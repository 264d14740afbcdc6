"""People, groups and the mail log by API: what the person of the key sees on the pages, and no more."""

import json
from typing import Any

import pytest

from placet.accounts.models import Group, Person
from placet.api.keys import Scope
from placet.approvals import engine
from placet.approvals.models import Decision
from placet.mail.models import IncomingMail, OutgoingMail
from tests.api.conftest import Calls
from tests.making import SAMPLE, make_mailbox, open_for, start

pytestmark = pytest.mark.django_db
CODE = "abcdefghij234567"


@pytest.fixture
def team(bob: Person, carol: Person, dave: Person) -> Group:
    Person.objects.filter(pk=dave.pk).update(is_active=False)
    group = Group.objects.create(key="team", name="Team")
    group.members.set([bob, carol, dave])
    return group


def names(answer: Any) -> list[str]:
    assert answer.status == 200, answer.content
    return [one["name"] for one in answer.json["items"]]


def test_an_administrator_reads_all_people(calls: Calls, admin: Person, alice: Person, team: Group) -> None:
    caller = calls(admin, Scope.PEOPLE_READ)
    assert len(names(caller.get("/people"))) == Person.objects.count()
    assert names(caller.get("/people?q=BOB")) == ["Bob Manager"]
    assert len(names(caller.get("/people?group=team"))) == 3
    page = caller.get("/people?limit=2")
    assert len(names(page)) == 2 and page.json["next"] in page.headers["Link"]
    alice_read = caller.get(f"/people/{alice.pk}").json
    assert alice_read["id"] == str(alice.pk) and alice_read["addresses"] == [alice.email]
    assert alice_read["manager"] == str(alice.manager_id)
    [bob] = caller.get("/people?q=bob").json["items"]
    assert (bob["groups"], bob["active"]) == (["team"], True)
    assert {"key": "team", "name": "Team", "members": 2} in caller.get("/groups").json["items"]


def test_everybody_else_finds_whom_they_look_for(
    calls: Calls, alice: Person, bob: Person, dave: Person, team: Group
) -> None:
    caller = calls(alice, Scope.PEOPLE_READ)
    assert caller.get("/people").pointers == caller.get("/people?q=b").pointers == ["query/q"]
    [bob_read] = caller.get("/people?q=bob").json["items"]
    assert (bob_read["name"], bob_read["address"]) == ("Bob Manager", bob.email)
    assert bob_read["addresses"] is bob_read["manager"] is bob_read["groups"] is None
    assert names(caller.get("/people?q=dave")) == [], "who left is not offered in forms"
    assert caller.get(f"/people/{dave.pk}").problem == "not-found"
    assert caller.get(f"/people/{bob.pk}").status == 200
    assert caller.get("/people?q=bob&group=team").problem == "not-allowed"
    assert caller.get("/groups").json["items"] == [] and caller.get("/groups/team").problem == "not-found"
    assert calls(bob, Scope.PEOPLE_READ).get("/groups/team").json["members"] == 2, "their own"
    for path in ("0", "x", str(2**63), "9" * 40):
        assert caller.get(f"/people/{path}").problem == "not-found"


@pytest.fixture
def mails(alice: Person, bob: Person) -> IncomingMail:
    mailbox = make_mailbox()
    request = start(SAMPLE, alice)
    verdict = {
        "subject": f"Re: Desk [#{CODE}]", "from": "bob@contoso.example", "request": request.number,
        "proof": {"level": "colleague"}, "rests_on": ["yes"], "offer": {"id": "1"},
    }  # fmt: skip
    mail = IncomingMail.objects.create(
        mailbox=mailbox, server_id="1", fingerprint="1", folder="inbox", raw=b"From: x\r\n\r\nthe text itself",
        state=IncomingMail.State.HANDLED, result="decided", reason="", verdict=verdict, person=bob,
        facts={"sender": "bob@contoso.example", "to": f"approvals+{CODE}@contoso.example"},
    )  # fmt: skip
    engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=Decision.Channel.MAIL, incoming=mail)
    return mail


def test_the_mail_log_is_read_without_codes_and_without_the_mails(
    calls: Calls, admin: Person, bob: Person, mails: IncomingMail
) -> None:
    caller = calls(admin, Scope.MAIL_LOG_READ)
    [came] = caller.get("/mail-log").json["items"]
    assert (came["id"], came["result"], came["person"]["name"]) == (
        f"in-{mails.pk}",
        "decided",
        "Bob Manager",
    )
    assert came["subject"] == "Re: Desk [#…]"
    details = caller.get(f"/mail-log/in-{mails.pk}")
    assert details.json["made_of_it"]["rests_on"] == ["yes"] and "offer" not in details.json["made_of_it"]
    sent = caller.get("/mail-log?direction=out").json["items"]
    assert {mail["kind"] for mail in sent} == {"ask", "ended"} and sent[0]["id"] > sent[1]["id"]
    asked = OutgoingMail.objects.get(kind="ask")
    everything = [caller.get(f"/mail-log/out-{asked.pk}").json, details.json, came, *sent]
    written = json.dumps(everything)
    assert CODE not in written and "the text itself" not in written
    assert asked.subject.partition("[#")[2].rstrip("]") not in written, "the code of a real ask"
    assert caller.get("/mail-log?result=unclear").json["items"] == []
    assert len(caller.get("/mail-log?state=handled&result=decided").json["items"]) == 1
    assert caller.get("/mail-log?direction=out&result=decided").pointers == ["query/result"]
    assert caller.get("/mail-log?direction=up").pointers == ["query/direction"]
    for path in ("in-0", "out-0", "in-x", f"in-{'9' * 40}", "1", f"out-{2**63}"):
        assert caller.get(f"/mail-log/{path}").problem == "not-found"


def test_only_administrators_read_it_and_no_key_for_some_processes(
    calls: Calls, admin: Person, mails: IncomingMail
) -> None:
    limited = calls(admin, Scope.MAIL_LOG_READ, processes=["purchase"])
    assert (
        limited.get("/mail-log").problem == limited.get(f"/mail-log/in-{mails.pk}").problem == "not-allowed"
    )
    caller = calls(admin, Scope.MAIL_LOG_READ)
    Person.objects.filter(pk=admin.pk).update(is_administrator=False)
    assert caller.get("/mail-log").problem == "not-allowed"
