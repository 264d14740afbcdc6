"""`placet signatures`."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from placet.accounts.addresses import add_person
from placet.accounts.models import SignerKey, TrustedAuthority
from tests.commands.conftest import Run
from tests.signed_mails import issue, revoked_by

pytestmark = pytest.mark.django_db


def test_what_signatures_are_believed_by_comes_shows_and_goes(placet: Run, tmp_path: Path) -> None:
    root, bob = issue("Root", authority=True), issue("Bob")
    add_person("Bob", "bob@contoso.example")
    files = {name: tmp_path / name for name in ("root", "bob", "list", "large")}
    files["root"].write_bytes(root.pem)
    files["bob"].write_bytes(bob.pem)
    files["list"].write_bytes(revoked_by(root).public_bytes(Encoding.PEM))
    files["large"].write_bytes(b"x" * 70_000)
    assert "CN=Root count from now on" in placet("signatures", "authority", str(files["root"])).out
    assert "counts until" in placet("signatures", "revoked", str(files["list"])).out
    assert "Bob signs" in placet("signatures", "key", "bob@contoso.example", str(files["bob"])).out
    add_person("Eve", "eve@partner.example")
    files["other"] = tmp_path / "other"
    files["other"].write_bytes(issue("Bob", addresses=["bob@contoso.example", "b@x.example"]).pem)
    warned = placet("signatures", "key", "eve@partner.example", str(files["other"])).out
    assert "it names bob@contoso.example, b@x.example, and no address of Eve" in warned
    SignerKey.objects.filter(person__email="eve@partner.example").delete()
    files["other"].write_bytes(issue("Bob", addresses=["BOB@contoso.example", "b@x.example"]).pem)
    assert "Warning" not in placet("signatures", "key", "bob@contoso.example", str(files["other"])).out
    SignerKey.objects.latest("pk").delete()
    shown = placet("signatures", "list").out.splitlines()
    assert [line.split()[0] for line in shown] == ["authority", "revoked", "S/MIME"]
    assert "entered already" in placet("signatures", "authority", str(files["root"]), "--without-list").error
    assert "larger than 64 kB" in placet("signatures", "authority", str(files["large"])).error
    assert "cannot be read" in placet("signatures", "authority", str(tmp_path / "none")).error
    assert (
        "nobody with the address"
        in placet("signatures", "key", "eve@contoso.example", str(files["bob"])).error
    )
    for row in (TrustedAuthority.objects.get(), SignerKey.objects.get()):
        shown_so = ":".join(row.fingerprint[at : at + 2] for at in range(0, 64, 2)).upper()
        assert placet("signatures", "remove", shown_so).code == 0
    assert "See: placet signatures list" in placet("signatures", "remove", "ab").error
    assert not TrustedAuthority.objects.exists() and not SignerKey.objects.exists()
