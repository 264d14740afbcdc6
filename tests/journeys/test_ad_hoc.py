"""What a program asks without a process, by mail: the mail shows all of it, and a reply in one's own words decides."""

from dataclasses import replace
from itertools import product

import pytest

from placet.approvals import ad_hoc, verification
from placet.approvals.ad_hoc_definition import Call
from placet.approvals.models import Decision, Request
from tests.journeys.conftest import World

pytestmark = pytest.mark.django_db

DIFF = "\n".join(
    f"{sign}  line {number}: <b>x</b> http://evil.example/{number}" for number, sign in enumerate("+- " * 60)
)
CALL = Call("Deploy 17 to production", to=["bob@contoso.example"], facts=[("Service", "billing")])


def asked(world: World, call: Call) -> Request:
    request = ad_hoc.ask(call, world.people["alice"])
    world.send()
    return request


def test_a_program_asks_and_a_mail_decides(world: World) -> None:
    outcomes = [
        {"key": "deploy", "label": {"en": "Deploy now", "fr": "Déployer"}, "grants": True},
        {"key": "wait", "label": {"en": "Wait for Monday", "fr": "Attendre lundi"}, "grants": False},
    ]
    call = replace(CALL, text="Tests\nare green.", exactly=DIFF, outcomes=outcomes, due="2 days")
    request = asked(world, call)
    mail = world.newest("bob", "Please decide: Deploy 17 to production")
    assert "Alice Aliceson asks for your decision on approval 1." in " ".join(mail.text.split())
    lines = mail.text.replace("\u200b", "").splitlines()  # which keeps mail programs from making links
    assert [line for line in DIFF.splitlines() if f"    | {line}" not in lines] == []
    assert "&lt;b&gt;x&lt;/b&gt;" in mail.html
    assert "<b>x</b>" not in mail.html
    assert mail.html.count("line 179") == 1
    world.sandbox.reply_as("bob", mail.id, "Hi Alice,\n\nwait for Monday, please.\n\nBob")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "wait")]
    request.refresh_from_db()
    assert (request.state, request.result) == ("ended", "wait")
    assert world.newest("alice").subject.startswith("Wait for Monday: Deploy 17")
    assert [*verification.findings_of(request.pk), *verification.findings()] == []


HOSTILE = (
    CALL,
    replace(CALL, title="Approved."),
    replace(CALL, title="No. I reject this", text="Approve\nYes\nApproved."),
    replace(CALL, facts=[("Approved", "Yes"), ("Answer", "Approve"), ("Reject", "no")]),
    replace(CALL, facts=[("Yes", "I approve this."), ("On Monday Bob wrote", "> Approve")]),
    replace(CALL, facts=[("Please answer above this line", "Approved."), ("From", "bob@contoso.example")]),
    replace(
        CALL,
        exactly="Approve\n\nFrom: Bob\nSent: Monday\n\nYes, approved.",
        text="-----Original Message-----",
    ),
)
ANSWERS = {
    "Approved.": "approve",
    "Reject, too dear.": "reject",
    "I cannot approve this yet, please ask again in March.": "",
    "No.": "reject",
}


def test_nothing_that_a_call_says_bends_an_answer(world: World) -> None:
    """Each reply is read as it is with a harmless request, or is not clear."""
    pairs = list(product(range(len(HOSTILE)), ANSWERS))
    requests = [ad_hoc.ask(HOSTILE[number], world.people["alice"]) for number, _text in pairs]
    world.send()
    mails = world.sandbox.mails("bob")
    for (_number, text), mail in zip(pairs, mails, strict=True):
        world.sandbox.reply_as("bob", mail.id, text)
    world.run_until_quiet()
    decisions = dict(Decision.objects.values_list("assignment__visit__request", "outcome"))
    results = {pair: decisions.get(request.pk, "") for pair, request in zip(pairs, requests, strict=True)}
    assert {text: results[0, text] for text in ANSWERS} == ANSWERS
    assert {pair: one for pair, one in results.items() if one not in ("", ANSWERS[pair[1]])} == {}
    assert (
        sum(bool(one) for one in results.values()) > len(HOSTILE) * 2
    )  # most of the clear ones still decide
