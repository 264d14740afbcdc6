"""Google's token endpoint for service accounts, and a key of one.

It was written from Google's documentation, by the same people as what it tests; no real one was asked. What it checks
is what the documentation demands: RS256 over the assertion with its claims.
"""

import base64
import json
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.mailboxes.stub import Reply, Request
from tests.sandbox.keys import Pair, pair

ACCOUNT = "placet@approvals-471108.iam.gserviceaccount.com"
CLIENT_ID = "103828366368623534127"
JSON = {"Content-Type": "application/json; charset=UTF-8"}


@cache
def key_pair(name: str = "Google's") -> Pair:
    return pair(name)


def key_file(name: str = "Google's", **more: object) -> str:
    """As the console gives it, with line breaks."""
    values = {
        "type": "service_account",
        "project_id": "approvals-471108",
        "private_key_id": "8f2f3b0e0b0f4b2c9a355b3f1a2c7d11aabbccdd",
        "private_key": key_pair(name).key_pem,
        "client_email": ACCOUNT,
        "client_id": CLIENT_ID,
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": f"https://www.googleapis.com/robot/v1/metadata/x509/{ACCOUNT}",
        "universe_domain": "googleapis.com",
        **more,
    }
    return json.dumps({name: value for name, value in values.items() if value is not None}, indent=2)


def answer(value: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), JSON)


class TokenEndpoint:
    """`issued` gives a token for a mailbox; None where there is no such user. `faults` are replies for the next
    requests."""

    def __init__(self, issued: Callable[[str], str | None]) -> None:
        self.assertions: list[dict[str, Any]] = []
        self.faults: list[Reply] = []
        self.issued = issued

    def answer(self, request: Request) -> Reply:
        if self.faults:
            return self.faults.pop(0)
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        head, claims, signature = form["assertion"].split(".")
        try:
            key_pair().key.public_key().verify(
                _bytes(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return answer({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400)
        said = json.loads(_bytes(claims))
        self.assertions.append({"form": form, "head": json.loads(_bytes(head)), "claims": said})
        token = self.issued(said["sub"])
        if token is None:
            return answer({"error": "invalid_grant", "error_description": "Invalid email or User ID"}, 400)
        return answer({"access_token": token, "expires_in": 3599, "token_type": "Bearer"})


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
