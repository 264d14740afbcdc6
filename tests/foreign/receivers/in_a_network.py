"""Whether answers over real receivers are proved: genuine ones, and what anybody can write to look like them. Run by
`test_receivers.py` in a network of its own."""

import smtplib
from collections import Counter
from collections.abc import Iterator
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pytest_django import Settings

from placet.accounts import general
from placet.accounts.addresses import add_address
from placet.lib import dns
from placet.mail.models import IncomingMail
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from placet.mailboxes.stamp_profile import Place, StampProfile, Stripped
from placet.replies import stamp_trial
from placet.sandbox.server import Mail
from tests.foreign.receivers import forging, servers
from tests.foreign.receivers.servers import EVIL, LIST, PARTNER
from tests.journeys.at_mail_servers import PASSWORD, AtMailServers, MailServers
from tests.journeys.conftest import DOMAIN, World, close_connections, make_world
from tests.journeys.letters import answer, letter, quote_of
from tests.journeys.test_proof_levels import OUTSIDE, published
from tests.servers.dns import Records, serving
from tests.servers.dovecot import dovecot
from tests.servers.postfix import Postfix
from tests.signing import Signer

pytestmark = pytest.mark.django_db

BY = "ada"
APPROVALS = f"approvals@{DOMAIN}"


@cache
def key(_of: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


SIGNERS = {domain: Signer(domain, key(domain), selector="s1") for domain in (PARTNER, LIST, EVIL)}


@pytest.fixture(scope="module")
def records() -> Iterator[Records]:
    servers.begin_network()
    with serving(53) as records:
        servers.zone(records, tuple(SIGNERS.values()))
        yield records


@pytest.fixture(scope="module")
def partner(records: Records) -> Iterator[Postfix]:
    """The partner's server."""
    with dovecot({OUTSIDE: PASSWORD}) as theirs, servers.sender(theirs, key(PARTNER)) as running:
        yield running


@pytest.fixture(scope="module", params=sorted(servers.RECEIVERS))
def receiver(request: pytest.FixtureRequest, records: Records) -> Iterator[tuple[str, MailServers]]:
    with servers.RECEIVERS[request.param]() as running:
        yield request.param, running


@pytest.fixture
def world(receiver: tuple[str, MailServers], db: None) -> Iterator[World]:
    """Bob has a second address at the partner's. Nothing is confirmed yet."""
    _key, running = receiver
    running.empty()
    with AtMailServers(running, "imap") as sandbox:
        for name in ("approvals", "alice", "bob", "carol", "dave", "ada"):
            sandbox.add_mailbox(name, f"{name.title()} {name.title()}son")
        world = make_world(sandbox, "imap")
        Mailbox.objects.update(stamps={})
        world.mailbox.refresh_from_db()
        store.change(
            {"trusted_hosts": [DOMAIN], "own_networks": ["10.0.0.0/8"]}, by=BY, mailbox=world.mailbox
        )
        general.save(
            {"private_targets": [f"{servers.MX_ADDRESS}:25"]}, by=1
        )  # documentation's addresses are not public
        add_address(world.people["bob"], OUTSIDE)
        published(proof="outside")
        dns.forget()
        yield world
        close_connections()


def sent(world: World, partner: Postfix, raw: bytes, sender: str = OUTSIDE) -> None:
    """By the partner's server, which signs and hands over to our MX."""
    with smtplib.SMTP("127.0.0.1", partner.ports["mx"], timeout=servers.PATIENCE) as program:
        program.sendmail(sender, [APPROVALS], raw)
    running = world.sandbox.servers  # type: ignore[attr-defined]  # here it is AtMailServers
    MailServers(running.dovecot, partner).wait()
    world.run_until_quiet()


def trial(world: World, partner: Postfix) -> str:
    """The number of a test that an administrator began, and whose mail from outside has come."""
    number = stamp_trial.begin(world.mailbox, BY)
    sent(world, partner, letter(f"ada@{PARTNER}", to=APPROVALS, subject=number), f"ada@{PARTNER}")
    return number


def confirmed(world: World, partner: Postfix) -> StampProfile:
    """As an administrator goes through the test, with the forged mail at port 25."""
    number = trial(world, partner)
    stamp_trial.plant(world.mailbox, from_outside=True)
    world.run_until_quiet()
    return stamp_trial.confirm(world.mailbox, BY, number=number)


def written(asked: Mail) -> bytes:
    return answer(asked, f"Bob Bobson <{OUTSIDE}>", text=f"approve{quote_of(asked)}")


def arrived(since: int) -> list[IncomingMail]:
    return list(IncomingMail.objects.filter(pk__gt=since).order_by("pk"))


def last() -> int:
    return IncomingMail.objects.latest("pk").pk


# --- what the receivers write -------------------------------------------------------------------------------

#: What a test comes to: (where the stamps stand, forged ones, whether they prove anybody).
EXPECTED = {
    "opendkim": (Place.ABOVE, Stripped.NO, True),  # it leaves those in that hold no result of DKIM
    "opendkim-spf": (Place.ABOVE, Stripped.NO, True),
    "rspamd": (Place.BELOW, Stripped.YES, True),
}


def test_the_planting_test_over_port_25(
    world: World, partner: Postfix, receiver: tuple[str, MailServers]
) -> None:
    number = trial(world, partner)
    stamp_trial.plant(world.mailbox)
    world.run_until_quiet()
    by_submission = stamp_trial.look(world.mailbox)
    stamp_trial.plant(world.mailbox, from_outside=True)
    world.run_until_quiet()
    shown = stamp_trial.look(world.mailbox)
    print(receiver[0], *shown.lines, "left in:", *shown.survivors, sep="\n")
    assert by_submission.planted
    assert not by_submission.from_outside
    assert shown.from_outside
    profile = stamp_trial.confirm(world.mailbox, BY, number=number)
    assert (profile.place, profile.strips_own, profile.stamps_count) == EXPECTED[receiver[0]]
    assert by_submission.profile is not None
    assert by_submission.profile.strips_own is not Stripped.YES


# --- who is believed ----------------------------------------------------------------------------------------


@pytest.fixture
def without_dns(settings: Settings) -> Iterator[None]:
    """Placet itself finds no key: only what the receiver stamped can prove."""
    with serving() as empty:
        settings.PLACET = settings.PLACET.model_copy(update={"dns_servers": empty.address})
        yield


@pytest.mark.parametrize("way", ["own check", "stamps"])
def test_what_is_genuine_decides(
    way: str,
    world: World,
    partner: Postfix,
    receiver: tuple[str, MailServers],
    request: pytest.FixtureRequest,
) -> None:
    profile = confirmed(world, partner)
    if way == "stamps":
        request.getfixturevalue("without_dns")
    _, asked = world.asked()
    before = last()
    sent(world, partner, written(asked))
    (mail,) = arrived(before)
    proved = way == "own check" or profile.stamps_count
    assert len(world.decisions()) == proved, (mail.result, mail.reason)
    if proved:
        proof = mail.verdict["proof"]
        assert proof.get("checked_by", "") == ("placet" if way == "own check" else "")
        assert proof.get("authserv_id", "") == ("" if way == "own check" else servers.MX)


def test_what_is_sealed_or_forwarded_whole_decides_by_its_signature(
    world: World, partner: Postfix, receiver: tuple[str, MailServers]
) -> None:
    """A list that changes nothing leaves the partner's signature whole; what its seal says counts for nothing."""
    confirmed(world, partner)
    _, asked = world.asked()
    genuine = signed(world, partner, written(asked))
    broken = genuine.replace(b"approve", b"approve ok", 1)
    post = forging.POSTS["by a list"]
    forging.hand_over(post, [forging.sealed(broken, SIGNERS[LIST])], APPROVALS)
    world.run_until_quiet()
    assert world.decisions() == []
    forging.hand_over(post, [forging.sealed(genuine, SIGNERS[LIST])], APPROVALS)
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


def signed(world: World, partner: Postfix, raw: bytes) -> bytes:
    """The same mail as the partner's server signed it: what Bob sent to somebody else."""
    server = world.sandbox.servers  # type: ignore[attr-defined]  # here it is AtMailServers
    before = len(world.sandbox.mails("dave"))
    with smtplib.SMTP("127.0.0.1", partner.ports["mx"], timeout=servers.PATIENCE) as program:
        program.sendmail(OUTSIDE, [f"dave@{DOMAIN}"], raw)
    MailServers(server.dovecot, partner).wait()
    mails = world.sandbox.mails("dave")
    assert len(mails) == before + 1
    whole = mails[-1].mime
    return whole[whole.index(b"DKIM-Signature: ") :]


@pytest.mark.parametrize("way", ["own check", "stamps"])
def test_what_is_forged_decides_nothing(
    way: str,
    world: World,
    partner: Postfix,
    receiver: tuple[str, MailServers],
    request: pytest.FixtureRequest,
) -> None:
    confirmed(world, partner)
    old = signed(world, partner, letter(f"Bob Bobson <{OUTSIDE}>", to=f"dave@{DOMAIN}", text="approve"))
    _, asked = world.asked()
    genuine = signed(world, partner, written(asked))
    if way == "stamps":
        request.getfixturevalue("without_dns")
    forgeries = [*forging.forged(lambda: written(asked), SIGNERS), *forging.changed(genuine, SIGNERS, old)]
    before = last()
    refused: list[str] = []
    for post in dict.fromkeys(post for _name, _raw, post in forgeries):
        refused += forging.hand_over(post, [raw for _name, raw, one in forgeries if one == post], APPROVALS)
    world.run_until_quiet()
    judged = arrived(before)
    print(
        receiver[0],
        way,
        len(forgeries),
        "forged,",
        len(refused),
        "not taken:",
        Counter(m.result for m in judged),
    )
    assert world.decisions() == []
    assert not [mail.result for mail in judged if mail.verdict.get("proof")]
    assert len(judged) + len(refused) == len(forgeries)
    assert len(refused) < 5, refused
    request.getfixturevalue("settings").PLACET = request.getfixturevalue("settings").PLACET.model_copy(
        update={"dns_servers": ""}
    )
    dns.forget()
    sent(world, partner, written(asked))  # the very answer, by whom it says
    assert world.decisions() == [("Bob", "approve")]
