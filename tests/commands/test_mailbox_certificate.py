"""`placet mailbox certificate`, against a sandbox over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12

from placet.mailboxes.microsoft import certificates, credentials
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Sandbox
from tests.commands.conftest import Run
from tests.commands.test_mailbox import set_up


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("contoso.example") as sandbox:
        sandbox.add_mailbox("approvals")
        yield sandbox


def test_a_key_pair_is_made_added_and_used_and_the_secret_removed(placet: Run, sandbox: Sandbox) -> None:
    assert placet("mailbox", "certificate", "make").error.startswith("No mailbox is set up yet.")
    set_up(placet, sandbox)
    made = placet("mailbox", "certificate", "make", "--months", "24")
    thumbprint = next(line.split()[-1] for line in made.out.splitlines() if line.startswith("  Thumbprint  "))
    assert "3. placet mailbox certificate use" in made.out

    refused = placet("mailbox", "certificate", "use")
    assert (refused.code, "Nothing was changed. Entra ID does not accept" in refused.error) == (1, True)
    assert "code: AADSTS700027" in refused.error

    pem = placet("mailbox", "certificate", "show", "--pem").out
    assert pem.startswith("-----BEGIN CERTIFICATE-----\n")
    assert sandbox.add_certificate(pem) == thumbprint

    used = placet("mailbox", "certificate", "use")
    assert (used.code, f"accepted the certificate {thumbprint}" in used.out) == (0, True)
    shown = placet("mailbox", "certificate", "show").out
    assert "In use since " in shown
    assert "The client secret is stored too" in shown
    assert placet("mailbox", "certificate", "remove", "--client-secret").code == 0
    shown = placet("mailbox", "show").out
    assert f"the certificate {thumbprint} is in use instead" in shown
    assert "\nCertificate expires on  " in shown
    assert "Client secret expires on" not in shown
    assert set(Mailbox.objects.get().secrets) == {"certificate"}
    assert "Everything works" in placet("check").out

    said = [made, refused, used, placet("mailbox", "certificate", "show"), placet("mailbox", "show")]
    assert not any("PRIVATE" in ran.out + ran.error for ran in said)


def test_no_line_of_a_script_becomes_a_client_secret_while_a_certificate_is_in_use(
    placet: Run, sandbox: Sandbox
) -> None:
    set_up(placet, sandbox)
    placet("mailbox", "certificate", "make")
    sandbox.add_certificate(placet("mailbox", "certificate", "show", "--pem").out)
    placet("mailbox", "certificate", "use")
    placet("mailbox", "certificate", "remove", "--client-secret")
    changed = placet("mailbox", "set", "--poll-seconds", "60", stdin="the-next-line\n")
    assert changed.code == 0, changed.error
    assert set(Mailbox.objects.get().secrets) == {"certificate"}
    placet("mailbox", "set", "--secret", stdin="s~asked-for\n")
    assert set(Mailbox.objects.get().secrets) == {"certificate", "client_secret"}


def test_going_back_and_removing(placet: Run, sandbox: Sandbox) -> None:
    set_up(placet, sandbox)
    assert "There is no certificate." in placet("mailbox", "certificate", "show").out
    assert placet("mailbox", "certificate", "show", "--pem").code == 1
    assert "There is no certificate" in placet("mailbox", "certificate", "use").error
    assert (
        "The client secret is in use" in placet("mailbox", "certificate", "remove", "--client-secret").error
    )
    placet("mailbox", "certificate", "make")
    sandbox.add_certificate(placet("mailbox", "certificate", "show", "--pem").out)
    placet("mailbox", "certificate", "use")
    assert "in use again" in placet("mailbox", "certificate", "use", "--client-secret").out
    assert placet("mailbox", "certificate", "remove").code == 0
    assert placet("mailbox", "certificate", "remove").code == 1
    assert set(Mailbox.objects.get().secrets) == {"client_secret"}


def test_files_are_uploaded_and_their_password_is_asked_for(
    placet: Run, sandbox: Sandbox, tmp_path: Path
) -> None:
    set_up(placet, sandbox)
    own = certificates.make("Our own", 12)
    key = load_pem_private_key(own.key.get_secret_value().encode(), None)
    assert isinstance(key, RSAPrivateKey)
    certificate = x509.load_der_x509_certificate(own.der)
    pfx = pkcs12.serialize_key_and_certificates(
        b"x", key, certificate, None, BestAvailableEncryption(b"open sesame")
    )
    (tmp_path / "both.pfx").write_bytes(pfx)
    (tmp_path / "own.pem").write_text(own.pem)
    (tmp_path / "own.key").write_text(own.key.get_secret_value())
    (tmp_path / "own.txt").write_text("hello")

    def upload(*names: str, stdin: str = "") -> str:
        ran = placet(
            "mailbox", "certificate", "upload", *(str(tmp_path / name) for name in names), stdin=stdin
        )
        return ran.error or ran.out

    assert "No such file" in upload("nowhere.pfx")
    assert "neither a PFX" in upload("own.txt")
    assert "but not its private key" in upload("own.pem")
    assert "The password does not open this file." in upload("both.pfx", stdin="wrong\n")
    assert own.thumbprint in upload("both.pfx", stdin="open sesame\n")
    assert credentials.waiting(Mailbox.objects.get()) == own
    placet("mailbox", "certificate", "remove")
    assert own.thumbprint in upload("own.pem", "own.key")
