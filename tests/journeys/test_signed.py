"""A process that asks for a signature of the person's own: S/MIME by an authority that is entered, or a key that is."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from placet.accounts import trust_changes, trust_evidence
from placet.accounts.models import RevocationList, SignerKey, TrustedAuthority
from placet.approvals import engine
from placet.approvals.engine_errors import NotByApi
from placet.approvals.models import Decision
from placet.approvals.processes import DefinitionInvalid
from placet.mail.models import IncomingMail, SignedOnce
from placet.replies import evidence_signatures
from tests.journeys.conftest import World
from tests.journeys.test_proof_levels import published
from tests.making import entry_of
from tests.signed_mails import Envelope, Signing, approved, issue, part, revoked_by

pytestmark = pytest.mark.django_db

ROOT = issue("Contoso Root", authority=True)
BOB = issue("Bob", ROOT, addresses=["bob@contoso.example"])


@pytest.fixture
def world(world: World) -> World:
    trust_changes.add_authority(ROOT.pem, needs_list=False, by=None)
    published(proof="signed")
    return world


def lay(world: World, raw: bytes) -> IncomingMail:
    world.sandbox.place("approvals", raw)
    world.run_until_quiet()
    mail = IncomingMail.objects.order_by("-pk").first()
    assert mail is not None
    return mail


def test_what_bob_signed_decides_once_and_its_evidence_stays(world: World) -> None:
    _, asked = world.asked()
    content = approved(asked)
    signature = Signing(BOB).sign(content)
    mail = lay(world, Envelope(asked).beside(content, signature))
    assert (mail.result, mail.verdict.get("refusal")) == ("decided", None)
    assert world.decisions() == [("Bob", "approve")]
    proof = entry_of("decided").value("proof")
    assert (proof["level"], proof["signature"]) == ("signed", "S/MIME")
    kept = mail.facts["signature"]
    assert (kept["holds"], kept["fingerprint"], kept["authority"]) == (
        True, proof["key_fingerprint"], TrustedAuthority.objects.get().fingerprint,
    )  # fmt: skip

    again = lay(world, Envelope(asked).beside(content, signature))  # with another Message-ID
    assert again.result == "not_proved"
    assert "before" in str(again.verdict["refusal"]["reason"])
    assert SignedOnce.objects.get().incoming == mail

    assert [*evidence_signatures.compare(), *trust_evidence.compare()] == []
    zeros = "0" * 64
    for change in (
        {"mark": zeros}, {"fingerprint": zeros}, {"certificates": kept["certificates"][:1]}, {"scheme": "OpenPGP"},
    ):  # fmt: skip
        IncomingMail.objects.filter(pk=mail.pk).update(facts={**mail.facts, "signature": {**kept, **change}})
        assert [one.partition(":")[0] for one in evidence_signatures.compare()] == [f"Mail {mail.pk}"], change


def test_no_other_mail_of_bobs_does(world: World) -> None:
    """Not signed, though a colleague's; and what he signed without our mail in it."""
    _, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    lunch = part("approve\n\n> Shall we go for lunch?")
    lay(world, Envelope(asked).beside(lunch, Signing(BOB).sign(lunch)))
    assert world.results() == ["not_proved", "not_proved"]
    assert not Decision.objects.exists()


def test_the_mail_that_asks_says_so_and_its_buttons_open_the_page(world: World) -> None:
    request, asked = world.asked()
    assert "counts only if you sign it" in asked.text
    assert "mailto:" not in asked.html
    assignment = request.visits.get().assignments.get()
    with pytest.raises(NotByApi):
        engine.decide(assignment.pk, by=world.people["bob"], outcome="approve", channel=Decision.Channel.API)
    engine.decide(assignment.pk, by=world.people["bob"], outcome="approve", channel=Decision.Channel.PAGE)
    assert world.decisions() == [("Bob", "approve")]


def test_a_signature_does_for_a_weaker_demand(world: World) -> None:
    published(proof="colleague")
    _, asked = world.asked()
    assert (
        lay(world, Envelope(asked).beside(approved(asked), Signing(BOB).sign(approved(asked)))).result
        == "decided"
    )
    assert entry_of("decided").value("proof")["level"] == "signed"


def test_what_was_signed_counts_once_whatever_proved_the_first_mail(world: World) -> None:
    """Of a colleague, what Exchange says is looked at first. Whoever has a copy could have it count once more, as after
    the answer was taken back."""
    published(proof="colleague")
    _, asked = world.asked()
    content = approved(asked)
    signature = Signing(BOB).sign(content)
    stamps = {f"X-MS-Exchange-Organization-Auth{name}": value for name, value in AS_COLLEAGUE.items()}
    first = lay(world, Envelope(asked, headers=stamps).beside(content, signature))
    assert (first.result, first.verdict["proof"]["level"]) == ("decided", "colleague")
    again = lay(world, Envelope(asked).beside(content, signature))
    assert again.result == "not_proved"
    assert "before" in str(again.verdict["refusal"]["reason"])
    assert list(evidence_signatures.compare()) == []


AS_COLLEAGUE = {"As": "Internal", "Mechanism": "04"}


def test_without_anything_to_believe_in_it_is_not_published(world: World) -> None:
    TrustedAuthority.objects.all().delete()
    with pytest.raises(DefinitionInvalid, match="no signature would count"):
        published(proof="signed")


def test_what_the_database_alone_was_told_is_named(world: World) -> None:
    bob = world.people["bob"]
    eve = issue("Eve's", authority=True)
    trust_changes.add_list(revoked_by(ROOT, 7).public_bytes(Encoding.DER), by=None)
    trust_changes.add_key(bob, issue("Bob's own").pem, by=None)
    assert list(trust_evidence.compare()) == []
    content = eve.certificate.public_bytes(Encoding.DER)
    for undo in _changes(content, bob.pk):
        assert len(list(trust_evidence.compare())) >= 1
        undo()
        assert list(trust_evidence.compare()) == []


def _changes(content: bytes, bob: int) -> Iterator[Callable[[], object]]:
    authority, revoked, key = (
        TrustedAuthority.objects.get(),
        RevocationList.objects.get(),
        SignerKey.objects.get(),
    )
    for row, changes in (
        (authority, {"content": content}), (authority, {"needs_list": True}), (revoked, {"content": b"x"}),
        (key, {"content": content}), (key, {"scheme": "openpgp"}),
    ):  # fmt: skip
        type(row)._base_manager.filter(pk=row.pk).update(**changes)
        yield row.save
    for row in (authority, revoked, key):
        type(row)._base_manager.filter(pk=row.pk).delete()
        yield partial(row.save, force_insert=True)
