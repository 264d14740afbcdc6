"""Ask, answer, decision and confirmation over an Exchange server that signs Windows accounts in."""

from collections.abc import Iterator, Mapping

import pytest

from placet.approvals.models import Decision, Request
from placet.approvals.proofs import Level
from placet.mailboxes import store
from placet.mailboxes.base import Folder
from placet.mailboxes.kinds import kind_of
from placet.mailboxes.microsoft.server.fields import PASSWORD as FIELD
from placet.replies import refusals
from placet.replies.prove import Asked, ProvePolicy, prove
from placet.replies.prove_outside import Servers
from placet.sandbox.server import Sandbox
from tests.journeys.conftest import DOMAIN, World, close_connections, make_world
from tests.replies.test_prove_outside import ASKED, NOW, RESULTS, SERVERS, mail

from .exchange import exchange_behind
from .front import PASSWORD, USER, Front

BOX = f"approvals@{DOMAIN}"


def on_premises(world: World, settings: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    """The world's mailbox becomes one of that kind; it has received nothing yet."""
    world.mailbox.delete()
    entered = {
        "username": BOX,
        "active": True,
        "sends_per_minute": 1000,
        "since": "2020-01-01T00:00:00+00:00",
        **settings,
    }
    world.mailbox = store.save(
        {**entered, store.KIND: "exchange-server"}, secrets=secrets, by="a test"
    ).mailbox


def decided_by_mail(world: World) -> None:
    request, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve\n\nGood price.")
    world.run()
    request.refresh_from_db()
    assert (request.state, request.result) == (Request.State.ENDED, "approved")
    decision = Decision.objects.get()
    assert (decision.outcome, decision.comment, decision.channel) == ("approve", "Good price.", "mail")
    assert decision.by_person == world.people["bob"]
    assert "Approved: Desk" in world.subjects("bob")
    assert world.sandbox.mails("approvals") == []
    assert len(world.sandbox.mails("approvals", "Placet/Processed")) == 1


@pytest.fixture
def world(front: Front, db: None) -> Iterator[World]:
    with Sandbox(DOMAIN) as sandbox:
        for name in ("approvals", "alice", "bob", "carol", "dave", "ada"):
            sandbox.add_mailbox(name, f"{name.title()} {name.title()}son")
        world = make_world(sandbox, "ews")
        front.behind = exchange_behind(sandbox, BOX)
        on_premises(world, {"exchange_server": front.url, "exchange_user": USER}, {FIELD: PASSWORD})
        yield world
        close_connections()


def test_an_answer_by_mail_decides_and_is_confirmed(world: World) -> None:
    decided_by_mail(world)


def test_stamps_that_bear_no_name_prove_nobody_here() -> None:
    """Exchange Online alone writes such ones; what stands in a mail to an Exchange Server, its sender may have
    written."""
    here = kind_of("exchange-server")
    servers = Servers(here.nameless_stamps, SERVERS.host_suffixes, SERVERS.networks)
    policy = ProvePolicy(here.exchange_stamps, servers, ("04",), ("contoso.example",))
    one = mail(results=RESULTS.replace("mx.contoso.example; ", ""))
    asked = Asked({"ann@fabrikam.example"}, ASKED, NOW, {"subject"})
    with pytest.raises(refusals.NotProved) as caught:
        prove(one, Folder.INBOX, asked, Level.OUTSIDE, policy)
    assert "authserv-id" in str(caught.value.reason)
