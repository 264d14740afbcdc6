"""The page on which administrators say by whose certificates and keys signed mails count."""

import re

import pysequoia
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from placet.accounts.addresses import add_person
from placet.accounts.models import RevocationList, SignerKey, TrustedAuthority
from placet.audit.models import AuditEntry
from placet.panel.mail_story import _proof
from tests.signed_mails import issue, revoked_by

pytestmark = pytest.mark.django_db

ROOT = issue("<b>Root</b>", authority=True)


UNFIT = (
    ("authority", b"x", "no certificate that can be read"),
    ("authority", issue("Bob").pem, "may not issue others"),
    ("authority", ROOT.pem * 2, "several certificates"),
    ("authority", ROOT.pem + b"-----BEGIN PRIVATE KEY-----", "private key"),
    ("authority", b"x" * 70_000, "larger than 64 kB"),
    ("authority", issue("Old", authority=True, days=(-9, -1)).pem, "it is valid from"),
    ("key", ROOT.pem, "an authority&#x27;s"),
    ("key", issue("Web", purposes=None).pem, "emailProtection"),
    ("key", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n", "no OpenPGP key"),
    ("key", b"\x99" * 500, "no OpenPGP key"),
    ("list", b"x", "no list of revoked certificates"),
    ("list", ROOT.pem, "no list of revoked certificates"),
)


@pytest.fixture
def ada(client: Client) -> Client:
    client.force_login(add_person("Ada", "ada@contoso.example", administrator=True))
    add_person("Bob", "bob@contoso.example")
    return client


def sent(ada: Client, step: str, file: bytes, **more: str) -> str:
    page = reverse("panel:signatures")
    given = {"step": step, "file": SimpleUploadedFile("file", file), **more}
    answer = ada.post(page, given)
    return (ada.get(page) if answer.status_code == 302 else answer).content.decode()


def test_what_names_others_alone_is_taken_with_a_warning(ada: Client) -> None:
    add_person("<i>Eve", "eve@contoso.example")
    certificate = issue("x", addresses=["bob@contoso.example"]).pem
    shown = sent(ada, "key", certificate, address="eve@contoso.example")
    assert "It names bob@contoso.example, and no address of &lt;i&gt;Eve" in shown
    pgp = pysequoia.Tsk.generate("Bob <Bob@contoso.example>").extract_certificate()
    assert "It names bob@contoso.example" in sent(
        ada, "key", str(pgp).encode(), address="eve@contoso.example"
    )
    own = pysequoia.Tsk.generate("Eve <Eve@contoso.example>").extract_certificate()
    assert "It names" not in sent(ada, "key", str(own).encode(), address="eve@contoso.example")
    assert SignerKey.objects.count() == 3


def test_authorities_lists_and_keys_come_and_go(ada: Client) -> None:
    shown = sent(ada, "authority", ROOT.pem)
    assert "&lt;b" in shown
    assert "<b>Root" not in shown
    assert TrustedAuthority.objects.get().needs_list
    sent(ada, "list", revoked_by(ROOT).public_bytes(Encoding.DER))
    assert "counts until" in sent(ada, "list", revoked_by(ROOT, 5).public_bytes(Encoding.DER))
    assert RevocationList.objects.count() == 1, "in place of the one before"
    pgp = str(pysequoia.Tsk.generate("Bob").extract_certificate()).encode()
    assert "OpenPGP" in sent(ada, "key", pgp, address="bob@contoso.example")
    shown = sent(ada, "key", issue("Bob").pem, address="BOB@contoso.example")
    assert "S/MIME" in shown
    for key in SignerKey.objects.all():
        assert "<wbr>".join(f"<span>{four}</span>" for four in re.findall("....", key.fingerprint)) in shown
    for key in SignerKey.objects.all():
        ada.post(reverse("panel:signatures"), {"step": "remove-key", "fingerprint": key.fingerprint})
    root = TrustedAuthority.objects.get().fingerprint
    ada.post(reverse("panel:signatures"), {"step": "remove-authority", "fingerprint": root})
    assert not SignerKey.objects.exists()
    assert not TrustedAuthority.objects.exists()
    events = [entry.what["event"] for entry in AuditEntry.objects.filter(request=None).order_by("seq")]
    assert [event for event in events if "sign" in event or "list" in event] == [
        "signature authority added", "revocation list added", "revocation list added", "signer key added",
        "signer key added", "signer key removed", "signer key removed", "signature authority removed",
    ]  # fmt: skip


def test_what_cannot_be_used_says_why(ada: Client) -> None:
    for step, file, said in UNFIT:
        assert said in sent(ada, step, file, address="bob@contoso.example"), said
    assert not TrustedAuthority.objects.exists()
    assert not SignerKey.objects.exists()


def test_an_older_list_and_a_key_that_is_known_are_not_taken(ada: Client) -> None:
    sent(ada, "list", revoked_by(ROOT, 5).public_bytes(Encoding.DER))
    older = revoked_by(ROOT, days=(-3, 30)).public_bytes(Encoding.DER)
    assert "A newer list" in sent(ada, "list", older)
    own = issue("Bob").pem
    sent(ada, "key", own, address="bob@contoso.example")
    assert "entered already" in sent(ada, "key", own, address="ada@contoso.example")
    assert "Nobody has this address" in sent(ada, "key", issue("Eve").pem, address="eve@contoso.example")
    assert SignerKey.objects.get().person.name == "Bob"


def test_the_mail_s_page_says_what_a_signature_rests_on() -> None:
    proof = {
        "level": "signed", "address": "bob@contoso.example", "signature": "S/MIME", "key_fingerprint": "ab12",
        "certificate_issuer": "CN=Root", "certificate_serial": "7f", "signed_at": "2026-12-01T10:00:00+00:00",
    }  # fmt: skip
    said = " ".join(_proof(proof))
    assert all(
        one in said
        for one in ("bob@contoso.example", "S/MIME", "ab12", "CN=Root", "7f", "1 December 2026, 10:00 UTC")
    )


def test_the_mail_s_page_says_that_a_domain_s_key_is_short() -> None:
    proof = {"level": "outside", "address": "bob@contoso.example", "checked_by": "placet"}
    assert "bits" not in " ".join(_proof(proof))
    assert "has 1024 bits only" in " ".join(_proof({**proof, "small_key": "1024"}))
