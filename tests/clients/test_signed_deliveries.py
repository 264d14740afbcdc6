"""`verify_webhook`, beside the package of Standard Webhooks: whatever one of them takes, the other takes."""

import base64
import json
from datetime import UTC, datetime

import pytest
from placet_client import WebhookInvalid, verify_webhook
from standardwebhooks import Webhook, WebhookVerificationError

from tests.clients.scripted import request_json

OLD, NEW, THIRD = ("whsec_" + base64.b64encode(bytes([seed]) * 32).decode() for seed in (1, 2, 3))
BODY = json.dumps(
    {"type": "request.ended", "timestamp": "2026-12-01T10:00:00Z", "data": {"request": request_json()}}
)
SENT = datetime(2026, 12, 1, 10, 0, 5, tzinfo=UTC)
NOW = SENT.timestamp()


def signed(*secrets: str, body: str = BODY) -> dict[str, str]:
    """Headers as Placet sends them while a secret is replaced by another."""
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(NOW)),
        "Webhook-Signature": " ".join(Webhook(secret).sign("msg_1", SENT, body) for secret in secrets),
    }


@pytest.mark.parametrize("secrets", [[OLD], [NEW], [THIRD, OLD]])
def test_an_event_that_one_of_the_secrets_signed_is_one(secrets: list[str]) -> None:
    event = verify_webhook(signed(NEW, OLD), BODY.encode(), secrets, now=NOW + 299)
    assert (event.id, event.type, event.data["request"]["number"]) == ("msg_1", "request.ended", 7)
    assert event.timestamp == datetime(2026, 12, 1, 10, tzinfo=UTC)
    assert verify_webhook(signed(OLD), BODY, OLD, now=NOW).id == "msg_1"


HEADERS = signed(OLD)
FORGED = {
    "another secret": (signed(THIRD), BODY),
    "another body": (HEADERS, BODY.replace("ended", "asked")),
    "one byte more": (HEADERS, BODY + "\n"),
    "another id": (HEADERS | {"Webhook-Id": "msg_2"}, BODY),
    "another time": (HEADERS | {"Webhook-Timestamp": str(int(NOW) + 1)}, BODY),
    "no signature": (HEADERS | {"Webhook-Signature": ""}, BODY),
    "no id": ({name: value for name, value in HEADERS.items() if name != "Webhook-Id"}, BODY),
    "no number": (HEADERS | {"Webhook-Timestamp": "soon"}, BODY),
    "other digits": (HEADERS | {"Webhook-Timestamp": "١"}, BODY),
    "another version": (
        HEADERS | {"Webhook-Signature": HEADERS["Webhook-Signature"].replace("v1,", "v1a,")},
        BODY,
    ),
    "no version": (HEADERS | {"Webhook-Signature": HEADERS["Webhook-Signature"].removeprefix("v1,")}, BODY),
    "cut": (HEADERS | {"Webhook-Signature": HEADERS["Webhook-Signature"][:-4]}, BODY),
    "no letters": (HEADERS | {"Webhook-Signature": "v1,é"}, BODY),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_a_forged_one_is_none(forgery: str) -> None:
    headers, body = FORGED[forgery]
    with pytest.raises(WebhookInvalid):
        verify_webhook(headers, body, [OLD, NEW], now=NOW)


@pytest.mark.parametrize("age", [301, -301])
def test_one_that_is_too_old_or_of_the_future_is_none(age: int) -> None:
    with pytest.raises(WebhookInvalid, match="too long ago"):
        verify_webhook(HEADERS, BODY, OLD, now=NOW + age)
    assert verify_webhook(HEADERS, BODY, OLD, 600, now=NOW + age)


@pytest.mark.parametrize(
    "body", ["", "[]", "null", "{}", '{"type": "x", "timestamp": "soon"}', "[" * 100_000]
)
def test_what_is_signed_and_no_event_is_none(body: str) -> None:
    with pytest.raises(WebhookInvalid, match="no event"):
        verify_webhook(signed(OLD, body=body), body, OLD, now=NOW)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64", "", "whsec_é"])
def test_a_secret_that_is_none_is_the_callers_mistake_and_not_said(secret: str) -> None:
    with pytest.raises(ValueError, match="secret") as caught:
        verify_webhook(HEADERS, BODY, secret, now=NOW)
    assert "not base64" not in str(caught.value)


def test_the_package_of_standard_webhooks_says_the_same() -> None:
    now = datetime.now(UTC)
    for body in (BODY, "{}", BODY + "ü"):
        header = Webhook(OLD).sign("msg_1", now, body)
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": header,
        }
        for changed in (
            headers,
            headers | {"webhook-id": "msg_2"},
            headers | {"webhook-signature": f"v1,AAAA {header}"},
        ):
            ours = theirs = True
            try:
                verify_webhook(changed, body, OLD)
            except WebhookInvalid as error:
                ours = "no event" in str(error)  # signed all the same
            try:
                Webhook(OLD).verify(body, changed, json_parse=False)
            except WebhookVerificationError:
                theirs = False
            assert ours == theirs, (body, changed)
