"""A mailbox whose server gives the bytes as they travelled: Placet checks DKIM itself, once, soon after it fetched a
mail, and what DNS said stays with the mail."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pytest_django import Settings

from placet.accounts.addresses import add_address
from placet.approvals.models import Absence, Decision
from placet.lib import clock, dns
from placet.mail.models import IncomingMail
from placet.mailboxes.kinds import Kind, kind_of
from placet.replies import proof_policy
from placet.sandbox.server import Mail
from tests.journeys.conftest import World
from tests.journeys.letters import answer, quote_of
from tests.journeys.test_proof_levels import OUTSIDE, published, refused
from tests.servers.dns import Records, serving
from tests.signing import Signer

pytestmark = pytest.mark.django_db

SIGNER = Signer("partner.example", rsa.generate_private_key(65537, 2048))


def _as_it_travelled(key: str) -> Kind:
    return replace(kind_of(key), bytes_as_received=True, exchange_stamps=False, nameless_stamps=None)


@pytest.fixture
def records(settings: Settings) -> Iterator[Records]:
    dns.forget()
    with serving() as records:
        settings.PLACET = settings.PLACET.model_copy(update={"dns_servers": records.address})
        records.texts[SIGNER.name] = (SIGNER.record(),)
        yield records
    dns.forget()


@pytest.fixture
def world(world: World, records: Records, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(proof_policy, "kind_of", _as_it_travelled)
    monkeypatch.setattr(dns, "PATIENCE", 0.2)
    add_address(world.people["bob"], OUTSIDE)
    published(proof="outside")
    return world


def written(asked: Mail, sender: str = OUTSIDE, headers: tuple[str, ...] = ()) -> bytes:
    return answer(asked, f"Bob Bobson <{sender}>", text=f"approve{quote_of(asked)}", headers=headers)


def lay(world: World, raw: bytes) -> None:
    world.sandbox.place("approvals", raw)
    world.poll()
    world.take_in()


def test_a_signed_answer_decides_and_the_key_stays_with_it(world: World, records: Records) -> None:
    _, asked = world.asked()
    lay(world, SIGNER.signed(written(asked)))
    assert world.results() == ["decided"]
    (mail,) = IncomingMail.objects.all()
    proof = mail.verdict["proof"]
    assert (proof["level"], proof["checked_by"], proof["dkim_selector"]) == ("outside", "placet", "k1")
    (checked,) = mail.facts["dkim"]
    assert (checked["record"], checked["holds"]) == (SIGNER.record(), True)
    records.texts = {}  # the key is changed: nobody asks again
    dns.forget()
    world.run_until_quiet()
    assert records.asked == [SIGNER.name]


def test_without_dns_it_waits_and_uses_up_no_try(world: World, records: Records) -> None:
    records.failing.add(SIGNER.name)
    _, asked = world.asked()
    lay(world, SIGNER.signed(written(asked)))
    for _ in range(8):  # more often than a mail is tried
        world.take_in()
    (mail,) = IncomingMail.objects.all()
    assert (mail.state, mail.tries) == (IncomingMail.State.KEPT, 0)
    assert not Decision.objects.exists()
    assert mail.due - mail.kept_at > timedelta(seconds=9)
    records.failing.clear()
    world.run_until_quiet()
    assert world.results() == ["decided"]


def test_the_pauses_grow_and_after_days_it_is_judged_without(world: World, records: Records) -> None:
    records.failing.add(SIGNER.name)
    _, asked = world.asked()
    lay(world, SIGNER.signed(written(asked)))
    IncomingMail.objects.update(kept_at=_ago(timedelta(minutes=20)))
    world.take_in()
    (mail,) = IncomingMail.objects.all()
    assert timedelta(minutes=9) < mail.due - _ago(timedelta()) <= timedelta(minutes=11)
    IncomingMail.objects.update(kept_at=_ago(proof_policy.PATIENCE))
    world.take_in()
    refused(world, "not_proved")


def _ago(time: timedelta) -> datetime:
    return clock.now() - time


@pytest.mark.parametrize("change", [(b"approve", b"reject"), (b"RE: ", b"AW: ")])
def test_what_was_changed_decides_nothing(world: World, change: tuple[bytes, bytes]) -> None:
    _, asked = world.asked()
    lay(world, SIGNER.signed(written(asked)).replace(*change))
    refused(world, "not_proved")


def test_strangers_do_not_make_us_ask(world: World, records: Records) -> None:
    """Neither without a code, nor with one as somebody who was not asked."""
    evil = Signer("evil.example", SIGNER.key)
    _, asked = world.asked()
    no_code = written(asked, "eve@evil.example").replace(b"[#", b"[ ").replace(b"approvals+", b"approvals-")
    for raw in (no_code, evil.signed(no_code)):
        lay(world, raw)
    assert records.asked == []
    assert not Decision.objects.exists()


def test_an_automatic_reply_so_signed_says_that_somebody_is_away(world: World, records: Records) -> None:
    records.failing.add(SIGNER.name)
    _, asked = world.asked()
    lay(world, SIGNER.signed(written(asked, headers=("Auto-Submitted: auto-replied",))))
    assert not Absence.objects.exists()
    records.failing.clear()
    world.run_until_quiet()
    assert Absence.objects.get().proof == "outside"
    assert world.results() == ["automatic_reply"]


def test_exchange_builds_mails_anew_so_nothing_is_asked(
    world: World, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof_policy, "kind_of", kind_of)
    _, asked = world.asked()
    lay(world, SIGNER.signed(written(asked)))
    refused(world, "not_proved")
    assert records.asked == []
