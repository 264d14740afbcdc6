"""How sure the sender must be, process by process: a colleague, somebody outside, the page only."""

from typing import Any

import pytest
import yaml
from allauth.account.models import EmailAddress

from placet.accounts.addresses import add_address
from placet.approvals import engine
from placet.approvals.models import Assignment, Decision
from placet.approvals.processes import publish
from placet.commands.process import SAMPLES
from placet.mail.models import IncomingMail, OutgoingMail
from placet.sandbox.delivery import AuthResults
from placet.sandbox.server import Mail
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import INTERNAL, answer, code_of, quote_of
from tests.making import entry_of

BOTH_WAYS = True

pytestmark = pytest.mark.django_db

OUTSIDE = "bob@partner.example"
PASSED = AuthResults()


def published(**changes: Any) -> None:
    """The sample process, changed; `steps` gives more for single steps."""
    definition = yaml.safe_load((SAMPLES / "purchase.yaml").read_text())
    for key, more in changes.pop("steps", {}).items():
        definition["steps"][key] |= more
    publish({**definition, **changes})


@pytest.fixture
def world(world: World) -> World:
    """Bob has a second address, elsewhere, which an administrator confirmed."""
    add_address(world.people["bob"], OUTSIDE)
    world.sandbox.add_mailbox(OUTSIDE, "Bob Bobson", outside=True)
    return world


def came_from_outside(
    world: World, asked: Mail, results: AuthResults = PASSED, sender: str = OUTSIDE
) -> None:
    world.sandbox.deliver(
        answer(asked, f"Bob Bobson <{sender}>", text=f"approve{quote_of(asked)}"),
        mail_from=sender,
        results=results,
    )
    world.run_until_quiet()


def refused(world: World, result: str) -> None:
    assert world.results() == [result]
    assert not Decision.objects.exists()
    assert world.open_for("bob") == 1


# --- outside ------------------------------------------------------------------------------------------------


def test_outside_takes_an_answer_that_passed_dmarc_with_a_signature_of_the_same_domain(world: World) -> None:
    published(proof="outside")
    _, asked = world.asked()
    came_from_outside(world, asked)
    assert world.decisions() == [("Bob", "approve")]
    proof = entry_of("decided").value("proof")
    assert (proof["level"], proof["address"], proof["dkim_domain"]) == ("outside", OUTSIDE, "partner.example")
    assert "Approved: Desk" in world.subjects("bob"), "confirmed to the address that was asked"


def test_outside_takes_a_real_mail_program_s_reply(world: World) -> None:
    published(proof="outside")
    _, asked = world.asked()
    world.sandbox.send_as("approvals", asked.mime, recipients=[OUTSIDE])
    world.sandbox.reply_as(OUTSIDE, world.newest(OUTSIDE).id, "reject")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "reject")]


def test_outside_takes_a_colleague_s_answer_as_well(world: World) -> None:
    published(proof="outside")
    _, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]
    assert entry_of("decided").value("proof")["level"] == "colleague"


@pytest.mark.parametrize(
    "results",
    [
        AuthResults(dkim_domain="mail.partner.example"),
        AuthResults(dkim_domain="example"),
        AuthResults(dkim_domain="evil.example"),
        AuthResults(dkim="none"),
        AuthResults(dkim="fail"),
        AuthResults(dmarc="bestguesspass"),
        AuthResults(dmarc="none"),
        AuthResults(dmarc="fail"),
        AuthResults(dmarc="temperror"),
        AuthResults(dkim="none", dmarc="none"),
        AuthResults(spf="none", dkim="none", dmarc="none"),
    ],
    ids=[
        "a signature of a sub-domain",
        "a signature of a parent domain",
        "a signature of another domain",
        "DMARC by SPF alone",
        "a broken signature",
        "bestguesspass",
        "no DMARC record",
        "DMARC failed",
        "DMARC could not be checked",
        "SPF alone",
        "nothing",
    ],
)
def test_outside_takes_nothing_less(world: World, results: AuthResults) -> None:
    published(proof="outside")
    _, asked = world.asked()
    came_from_outside(world, asked, results)
    refused(world, "not_proved")
    assert world.sandbox.mails(OUTSIDE) == []
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


def test_outside_takes_no_answer_from_an_address_that_nobody_confirmed(world: World) -> None:
    published(proof="outside")
    EmailAddress.objects.filter(email=OUTSIDE).update(verified=False)
    _, asked = world.asked()
    came_from_outside(world, asked)
    refused(world, "not_the_one_asked")


def test_outside_takes_no_answer_from_a_sub_domain_s_address(world: World) -> None:
    published(proof="outside")
    _, asked = world.asked()
    came_from_outside(world, asked, sender="bob@mail.partner.example")
    refused(world, "not_the_one_asked")


# --- colleague ----------------------------------------------------------------------------------------------


def test_colleague_takes_no_answer_from_outside_whatever_it_passed(world: World) -> None:
    published(proof="colleague")
    _, asked = world.asked()
    came_from_outside(world, asked)
    refused(world, "not_proved")
    assert world.sandbox.mails(OUTSIDE) == []


def test_a_step_may_ask_for_another_proof_than_its_process(world: World) -> None:
    published(proof="outside", steps={"manager": {"proof": "colleague"}})
    add_address(world.people["carol"], "carol@partner.example")
    _, asked = world.asked("5000")
    came_from_outside(world, asked)
    refused(world, "not_proved")
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    for_carol = world.newest("carol", "Please decide")
    came_from_outside(world, for_carol, sender="carol@partner.example")
    assert world.decisions() == [("Bob", "approve"), ("Carol", "approve")]


def test_a_mechanism_counts_from_when_the_administrator_confirmed_it(world: World) -> None:
    from placet.mailboxes import store

    _, asked = world.asked()
    headers = [INTERNAL[0], "X-MS-Exchange-Organization-AuthMechanism: 0b"]
    world.sandbox.place("approvals", answer(asked, f"bob@{DOMAIN}", headers=headers))
    world.run_until_quiet()
    refused(world, "mechanism_not_confirmed")
    assert IncomingMail.objects.get().verdict["auth_mechanism"] == ["0b"]
    store.confirm_mechanism(world.mailbox, "0b", by="ada")
    world.sandbox.place("approvals", answer(asked, f"bob@{DOMAIN}", headers=headers))
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


# --- page only ----------------------------------------------------------------------------------------------


def test_page_only_tells_the_proved_sender_where_to_decide(world: World) -> None:
    published(proof="page")
    request, asked = world.asked()
    assert "on the page only" in asked.text
    assert "mailto:" not in asked.text + asked.html
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    refused(world, "page_only")
    told = world.newest("bob", "Not applied")
    assert f"/requests/{request.public_id}/" in told.text
    assert "sign in" in told.text
    assert "mailto:" not in told.text + told.html
    assert code_of(asked) not in told.mime.decode()
    assert world.sandbox.mails("approvals") == [], "put with the handled ones"


def test_page_only_tells_somebody_proved_from_outside_too(world: World) -> None:
    published(proof="page")
    _, asked = world.asked()
    came_from_outside(world, asked)
    refused(world, "page_only")
    assert "Not applied: Desk" in world.subjects("bob")


@pytest.mark.parametrize(
    ("sender", "result"), [(f"bob@{DOMAIN}", "not_proved"), ("eve@evil.example", "not_the_one_asked")]
)
def test_page_only_tells_strangers_nothing(world: World, sender: str, result: str) -> None:
    published(proof="page")
    _, asked = world.asked()
    came_from_outside(world, asked, AuthResults("fail", "none", "fail"), sender)
    refused(world, result)
    assert not OutgoingMail.objects.filter(kind__startswith="refusal").exists()


def test_page_only_is_decided_on_the_page(world: World) -> None:
    published(proof="page")
    request, _ = world.asked()
    engine.decide(
        Assignment.objects.get().pk, by=world.people["bob"], outcome="approve", channel=Decision.Channel.PAGE
    )
    request.refresh_from_db()
    assert request.result == "approved"
