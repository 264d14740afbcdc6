"""The key of a service account: what is one, what is kept of it, what is signed with it, and what Google says to it."""

import base64
import json
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from placet.mailboxes.base import FixNeeded, MailboxError, Wait
from placet.mailboxes.gmail.settings import KEY, GmailSettings
from placet.mailboxes.google.key_file import ServiceAccount
from placet.mailboxes.kinds import kind_of
from placet.mailboxes.secrets import kept
from placet.mailboxes.settings import SettingsInvalid, Wrong
from tests.mailboxes.google_tokens import ACCOUNT, CLIENT_ID, JSON, answer, key_file, key_pair
from tests.mailboxes.stub import Reply

from .google import SCOPE, Google, running_google

MAILBOX = "approvals@contoso.example"
ELLIPTIC = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    .decode()
)


@pytest.fixture
def google() -> Iterator[Google]:
    with running_google() as google:
        google.user(MAILBOX)
        yield google


# --- the key ------------------------------------------------------------------------------------------------


def test_what_is_needed_of_a_key_file_is_kept_and_nothing_else() -> None:
    text = GmailSettings.read_secret(KEY, key_file()).get_secret_value()
    assert json.loads(text) == {
        "type": "service_account",
        "client_email": ACCOUNT,
        "client_id": CLIENT_ID,
        "private_key_id": "8f2f3b0e0b0f4b2c9a355b3f1a2c7d11aabbccdd",
        "private_key": key_pair().key_pem,
    }
    assert GmailSettings.read_secret(KEY, text).get_secret_value() == text, "and can be entered again"
    one_line = key_file().replace("\n", "")
    assert GmailSettings.read_secret(KEY, one_line).get_secret_value() == text
    assert "PRIVATE" not in repr(ServiceAccount.of(text))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Enter it."),
        ("  \n", "Enter it."),
        ("•••••••", "not the content of a key file"),
        ("{", "take its line breaks out"),
        ("[1]", "not the content of a key file"),
        ("[" * 30_000, "not the content of a key file"),
        (json.dumps({"installed": {"client_id": "1"}}), "not the key of a service account"),
        (key_file(type="authorized_user"), "not the key of a service account"),
        (key_file(private_key=None), "private_key is missing"),
        (key_file(client_id="", client_email=5), "client_email, client_id is missing"),
        (key_file(private_key="-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"), "damaged"),
        (key_file(private_key=ELLIPTIC), "damaged"),
        (key_file(token_uri="https://oauth2.example.com/token"), "another server than Google's"),
    ],
    ids=range(13),
)
def test_what_is_no_key_is_said_in_words(text: str, sentence: str) -> None:
    with pytest.raises(Wrong, match=sentence) as caught:
        GmailSettings.read_secret(KEY, text)
    assert "PRIVATE" not in str(caught.value)


def test_a_personal_account_is_refused_and_the_key_is_asked_for() -> None:
    with pytest.raises(SettingsInvalid, match="IMAP and SMTP"):
        GmailSettings.parse({"username": "approvals@gmail.com"})
    settings = GmailSettings.parse({"username": MAILBOX, "active": True})[0]
    assert kept(settings, None).again == {KEY: "Enter it."}
    assert settings.own_domains == ("contoso.example",)
    assert kind_of("gmail").settings_class is GmailSettings


# --- the token ------------------------------------------------------------------------------------------------


def test_the_assertion_is_what_google_asks_for(google: Google) -> None:
    """Google verifies the signature. "Using OAuth 2.0 for Server to Server Applications" has the claims."""
    connection = google.connect(MAILBOX)
    connection.gmail.get("/profile")
    connection.gmail.get("/profile")
    [asked] = google.endpoint.assertions
    assert asked["form"].keys() == {"grant_type", "assertion"}
    assert asked["form"]["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert asked["head"] == {
        "alg": "RS256",
        "typ": "JWT",
        "kid": "8f2f3b0e0b0f4b2c9a355b3f1a2c7d11aabbccdd",
    }
    claims = asked["claims"]
    assert claims.pop("exp") - claims.pop("iat") == 3600
    assert claims == {"iss": ACCOUNT, "sub": MAILBOX, "scope": SCOPE, "aud": f"{google.api}/token"}
    sent = b"".join(request.body for request in google.stub.requests)
    parts = str(asked["form"]["assertion"]).split(".")
    assert b"PRIVATE" not in sent + b"".join(
        base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts
    )


def test_without_a_key_nothing_is_asked(google: Google) -> None:
    connection = kind_of("gmail").connection(GmailSettings.parse({"username": MAILBOX})[0], {}, "key")
    with pytest.raises(FixNeeded, match="No key of a service account") as caught:
        connection.send(b"", "")
    assert caught.value.not_done


#: What Google's token endpoint answers: status, bytes, what is to be said.
REFUSALS = [
    (
        401,
        b'{"error": "unauthorized_client", "error_description": "Client is unauthorized to retrieve access tokens '
        b'using this method, or client not authorized for any of the scopes requested."}',
        "domain-wide delegation",
    ),
    (403, b'{"error": "access_denied", "error_description": "Requested client not authorized."}', CLIENT_ID),
    (400, b'{"error": "admin_policy_enforced"}', "App access control"),
    (400, b'{"error": "invalid_grant", "error_description": "Invalid email or User ID"}', "primary address"),
    (
        400,
        b'{"error": "invalid_grant", "error_description": "Invalid JWT: Token must be a short-lived token (60 minutes) '
        b'and in a reasonable timeframe. Check your iat and exp values in the JWT claim."}',
        "clock",
    ),
    (400, b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}', "new key"),
    (400, b'{"error": "invalid_grant", "error_description": "Invalid grant: account not found"}', "new key"),
    (401, b'{"error": "invalid_client", "error_description": "The OAuth client was not found."}', ACCOUNT),
    (400, b'{"error": "invalid_scope", "error_description": "Empty or missing scope not allowed."}', SCOPE),
    (400, b'{"error": "what_nobody_knows"}', "refused to give an access token"),
]


def asked(google: Google, reply: Reply) -> MailboxError:
    google.endpoint.faults = [reply]
    with pytest.raises(MailboxError) as caught:
        google.connect(MAILBOX).gmail.get("/profile")
    return caught.value


def test_what_google_says_to_the_signature_has_cause_and_cure(google: Google) -> None:
    for status, body, words in REFUSALS:
        error = asked(google, Reply(status, body, JSON))
        assert isinstance(error, FixNeeded), body
        assert words in str(error), body
        assert error.not_done
        assert "{" not in str(error)
        assert "PRIVATE" not in f"{error}{error.details}"
    for status in (429, 500, 503):
        busy = asked(google, answer({"error": "invalid_grant"}, status))
        assert isinstance(busy, Wait)
