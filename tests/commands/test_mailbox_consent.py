"""`placet mailbox consent`."""

import json

from placet.mailboxes.models import Mailbox
from tests.commands.conftest import Run
from tests.mailboxes.stub import Reply, running_stub

NAMED = (
    "--kind", "imap", "--username", "office@contoso.example", "--imap-host", "imap.contoso.example",
    "--imap-sign-in", "oauth-refresh", "--imap-client-id", "placet", "--smtp-host", "smtp.contoso.example",
    "--smtp-sign-in", "none",
)  # fmt: skip


def test_somebody_signs_in_with_a_code(placet: Run) -> None:
    with running_stub() as stub:
        device_uri = f"http://127.0.0.1:{stub.port}/oauth2/device"
        saved = placet("mailbox", "set", *NAMED, "--imap-token-uri", stub.token_uri, stdin="\n")
        assert saved.code == 0, saved.error
        assert "Nobody has signed in yet" in saved.out
        assert "is not known to give codes" in placet("mailbox", "consent").error
        assert placet("mailbox", "set", "--imap-device-uri", device_uri, stdin="\n").code == 0
        device = {
            "device_code": "d3vice",
            "user_code": "WDJB-MJHT",
            "verification_uri": "https://login.contoso.example/device",
            "interval": 1,
        }
        given = {"access_token": "acc3ss", "refresh_token": "r3fresh"}
        stub.token_replies = [Reply(200, json.dumps(answer).encode()) for answer in (device, given)]
        signed_in = placet("mailbox", "consent")
        assert signed_in.code == 0, signed_in.error
        assert "https://login.contoso.example/device" in signed_in.out
        assert "WDJB-MJHT" in signed_in.out
        assert not [
            secret for secret in ("d3vice", "acc3ss", "r3fresh") if secret in signed_in.out + signed_in.error
        ]
        assert Mailbox.objects.get().secrets == {"imap_refresh_token": "r3fresh"}
        stub.token_replies = [Reply(400, json.dumps({"error": "invalid_client"}).encode())]
        refused = placet("mailbox", "consent")
        assert refused.code == 1
        assert "Nothing was changed." in refused.error
        assert Mailbox.objects.get().secrets == {"imap_refresh_token": "r3fresh"}


def test_a_mailbox_with_a_password_has_nothing_to_agree_to(placet: Run) -> None:
    assert "No mailbox is set up yet" in placet("mailbox", "consent").error
    named = [text.replace("oauth-refresh", "password") for text in NAMED]
    assert placet("mailbox", "set", *named, stdin="s3cret\n").code == 0
    assert "is not signed in to by a person's consent" in placet("mailbox", "consent").error
