"""The page of a mailbox's client certificate, from the secret to a certificate in use, against the sandbox."""

import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from placet.accounts.models import Person
from placet.mailboxes import store
from placet.mailboxes.microsoft import certificates, credentials
from placet.mailboxes.microsoft.certificates import Certificate
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Sandbox

As = Callable[[Person | None], Client]


@pytest.fixture
def ada(admin: Person, as_: As) -> Client:
    return as_(admin)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("contoso.example") as sandbox:
        sandbox.add_mailbox("approvals")
        yield sandbox


@pytest.fixture
def mailbox(sandbox: Sandbox) -> Mailbox:
    entered = {
        "username": "approvals@contoso.example",
        "client_id": sandbox.client_id,
        "token_uri": sandbox.token_url,
        "server_address": sandbox.url,
    }
    return store.save(
        entered, secrets={"client_secret": sandbox.client_secret}, by="ada@contoso.example"
    ).mailbox


@pytest.fixture(scope="module")
def own() -> Certificate:
    return certificates.make("Our own", 24)


@pytest.fixture(scope="module")
def pfx(own: Certificate) -> bytes:
    key = load_pem_private_key(own.key.get_secret_value().encode(), None)
    assert isinstance(key, RSAPrivateKey)
    certificate = x509.load_der_x509_certificate(own.der)
    return pkcs12.serialize_key_and_certificates(
        b"x", key, certificate, None, BestAvailableEncryption(b"open sesame")
    )


def at(mailbox: Mailbox, name: str = "certificate") -> str:
    return reverse(f"panel:{name}", args=[mailbox.pk])


def upload(
    ada: Client, mailbox: Mailbox, file: bytes, password: str = "", key: bytes = b""
) -> tuple[int, str]:
    sent: dict[str, object] = {"password": password}
    sent |= {"file": SimpleUploadedFile("both.pfx", file)} if file else {}
    sent |= {"key": SimpleUploadedFile("x.key", key)} if key else {}
    answer = ada.post(at(mailbox, "upload_certificate"), sent, follow=True)
    return answer.status_code, answer.content.decode()


def secrets_of(mailbox: Mailbox) -> set[str]:
    return set(Mailbox.objects.get(pk=mailbox.pk).secrets)


def test_from_a_secret_to_a_certificate_and_without_the_secret(
    ada: Client, mailbox: Mailbox, sandbox: Sandbox
) -> None:
    tab = ada.get(reverse("panel:mailbox", args=[mailbox.pk])).content.decode()
    assert at(mailbox) in tab
    page = ada.get(at(mailbox)).content.decode()
    assert "The client secret, set on " in page
    assert "Try and use it" not in page

    page = ada.post(at(mailbox, "make_certificate"), {"months": "12"}, follow=True).content.decode()
    made = credentials.waiting(Mailbox.objects.get())
    assert made is not None
    for shown in (
        made.thumbprint,
        made.x5t_s256,
        "CN=Placet approvals@contoso.example",
        "Upload certificate",
    ):
        assert shown in page

    refused = ada.post(at(mailbox, "use_certificate"))
    assert refused.status_code == 422
    assert (
        "Nothing was changed.</strong> Entra ID does not accept the certificate" in refused.content.decode()
    )
    assert "Compare the thumbprint here with those" in refused.content.decode()
    assert "AADSTS700027" in refused.content.decode()
    assert secrets_of(mailbox) == {"client_secret", "certificate_waiting"}

    file = ada.get(reverse("panel:certificate_file", args=[mailbox.pk, "waiting"]))
    assert file["Content-Disposition"].startswith('attachment; filename="placet-approvals-contoso-example-')
    assert sandbox.add_certificate(file.content) == made.thumbprint

    page = ada.post(at(mailbox, "use_certificate"), follow=True).content.decode()
    assert f"Entra ID accepted the certificate {made.thumbprint}" in page
    assert "Go back to the client secret" in page
    assert Mailbox.objects.get().secret_set_by == "ada@contoso.example"

    asked = ada.get(at(mailbox, "remove_secret")).content.decode()
    assert "Remove the client secret?" in asked
    assert secrets_of(mailbox) == {"client_secret", "certificate"}
    ada.post(at(mailbox, "remove_secret"))
    assert secrets_of(mailbox) == {"certificate"}
    tab = ada.get(reverse("panel:mailbox", args=[mailbox.pk])).content.decode()
    assert f"The certificate <code>{made.thumbprint}</code> is in use in place of a client secret." in tab
    assert 'name="secret_expires_on"' not in tab
    home = ada.get(reverse("panel:home")).content.decode()
    assert "Certificate expires" in home


def test_the_settings_are_saved_and_looked_at_with_a_certificate_in_use(
    ada: Client, mailbox: Mailbox, own: Certificate
) -> None:
    mailbox.secrets = {"certificate": own.to_text()}
    mailbox.save()
    page = reverse("panel:mailbox", args=[mailbox.pk])
    form = {name: value for name, value in mailbox.settings.items() if isinstance(value, str | int)}
    form |= {"mailbox": mailbox.pk, "poll_seconds": 60}
    looked = ada.post(reverse("panel:check_fields"), form, headers={"HX-Trigger-Name": "poll_seconds"})
    assert "message_secret_expires_on" not in looked.content.decode()
    assert "errorlist" not in looked.content.decode()
    assert ada.post(page, form).status_code == 302
    assert secrets_of(mailbox) == {"certificate"}


def test_going_back_and_removing_what_waits(ada: Client, mailbox: Mailbox, own: Certificate) -> None:
    mailbox.secrets["certificate"] = own.to_text()
    mailbox.save()
    page = ada.post(at(mailbox, "use_secret"), follow=True).content.decode()
    assert "The client secret is in use again." in page
    assert secrets_of(mailbox) == {"client_secret", "certificate_waiting"}
    assert "Remove the certificate?" in ada.get(at(mailbox, "remove_certificate")).content.decode()
    assert secrets_of(mailbox) == {"client_secret", "certificate_waiting"}
    ada.post(at(mailbox, "remove_certificate"))
    assert secrets_of(mailbox) == {"client_secret"}


def test_a_pfx_is_uploaded_with_its_password(
    ada: Client, mailbox: Mailbox, own: Certificate, pfx: bytes
) -> None:
    status, page = upload(ada, mailbox, pfx)
    assert (status, "Enter the password that it was exported with." in page) == (422, True)
    status, page = upload(ada, mailbox, pfx, "Open Sesame 9")
    assert (status, "The password does not open this file." in page) == (422, True)
    assert "Open Sesame 9" not in page
    status, page = upload(ada, mailbox, pfx, "open sesame")
    assert (status, own.thumbprint in page) == (200, True)
    assert credentials.waiting(Mailbox.objects.get()) == own


def test_two_files_are_uploaded(ada: Client, mailbox: Mailbox, own: Certificate) -> None:
    status, _page = upload(ada, mailbox, own.der, key=own.key.get_secret_value().encode())
    assert status == 200
    assert credentials.waiting(Mailbox.objects.get()) == own


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (b"", "Choose the file"),
        (b"hello", "neither a PFX"),
        (b"x" * 70_000, "larger than 64 kB"),
        (b"x" * 5_000_000, "larger than 64 kB"),
    ],
)
def test_what_cannot_be_used_is_named_beside_its_field(
    ada: Client, mailbox: Mailbox, file: bytes, told: str
) -> None:
    status, page = upload(ada, mailbox, file)
    assert (status, told in page) == (422, True)
    assert secrets_of(mailbox) == {"client_secret"}
    mailbox.secrets["certificate_waiting"] = certificates.make("Placet", 12).to_text()
    mailbox.save()
    status, page = upload(ada, mailbox, file)
    assert (status, told in page, 'name="file"' in page) == (422, True, False)  # though its form is not there


def test_no_page_and_no_file_holds_a_private_key(ada: Client, mailbox: Mailbox, own: Certificate) -> None:
    mailbox.secrets["certificate"] = own.to_text()
    mailbox.secrets["certificate_waiting"] = certificates.make("Second", 12).to_text()
    mailbox.save()
    keys = [value.partition("PRIVATE KEY-----\n")[2] for value in mailbox.secrets.values()]
    wanted = [line for key in keys for line in key.splitlines() if len(line) == 64]
    assert len(wanted) > 60
    pages = [
        at(mailbox),
        at(mailbox, "remove_certificate"),
        at(mailbox, "remove_secret"),
        reverse("panel:mailbox", args=[mailbox.pk]),
        reverse("panel:home"),
        reverse("panel:diagnostics"),
        *(reverse("panel:certificate_file", args=[mailbox.pk, which]) for which in ("in-use", "waiting")),
    ]
    told = [ada.get(page).content.decode() for page in pages]
    assert ["PRIVATE" in text for text in told].count(True) == 0
    assert not any(line in text for line in wanted for text in told)


def test_the_support_file_blanks_each_line_of_a_key(
    ada: Client, mailbox: Mailbox, own: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing puts one there; if something did, it would not stand there."""
    mailbox.secrets["certificate"] = own.to_text()
    mailbox.trouble = {
        "cause": own.key.get_secret_value(),
        "cure": "",
        "details": {},
        "at": "",
        "fix_needed": True,
    }
    mailbox.save()
    answer = ada.get(reverse("panel:support_file"))
    content = b"".join(getattr(answer, "streaming_content", [answer.content]))
    with zipfile.ZipFile(BytesIO(content)) as archive:
        text = "".join(archive.read(name).decode() for name in archive.namelist())
    lines = own.key.get_secret_value().splitlines()[1:-1]
    assert not any(line in text for line in lines)


def test_there_is_no_file_of_what_is_not_there(ada: Client, mailbox: Mailbox) -> None:
    for which in ("in-use", "waiting", "key"):
        assert ada.get(reverse("panel:certificate_file", args=[mailbox.pk, which])).status_code == 404
