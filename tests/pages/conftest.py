"""What pages show: a process, a mailbox, a request that waits for Bob, mails."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache
from django.test import Client

from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.form import facts_hash
from placet.approvals.models import Assignment, Request, Version
from placet.approvals.processes import publish
from placet.mail.models import IncomingMail
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from tests.making import SAMPLE, values

if TYPE_CHECKING:
    from placet.mailboxes.microsoft.certificates import Certificate

SECRET = "Q8x~known-secret-value-of-the-test"
SETTINGS = {
    "username": "approvals@contoso.example",
    "client_id": "535fb089-9ff3-47b6-9bfb-4f1264799865",
    "token_uri": "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token",
}
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'


@pytest.fixture(autouse=True)
def _no_throttling_from_other_tests(db: None) -> None:
    cache.clear()


@pytest.fixture
def version(db: None) -> Version:
    return publish(values(SAMPLE))


@pytest.fixture
def mailbox(db: None) -> Mailbox:
    return store.save(
        {**SETTINGS, "active": True}, secrets={"client_secret": SECRET}, by="ada@contoso.example"
    ).mailbox


@pytest.fixture(scope="module")
def certificate() -> "Certificate":
    from placet.mailboxes.microsoft import certificates

    return certificates.make("Placet", 12)


@pytest.fixture
def owner(db: None) -> Person:
    """With the role of a process owner, and no process yet."""
    return add_person("Olga Owner", "olga@contoso.example", process_owner=True)


@pytest.fixture
def purchase(version: Version, alice: Person) -> Request:
    """Alice's request over 100 EUR: it waits for Bob."""
    return engine.start(version, alice, {"item": "A chair", "amount": "100", "reason": "The old one broke"})


@pytest.fixture
def asked(purchase: Request) -> Assignment:
    return Assignment.objects.get(visit__request=purchase)


@pytest.fixture
def incoming(mailbox: Mailbox) -> IncomingMail:
    """A mail that was set aside, with hostile words and a reply code in it."""
    raw = (
        b"From: Mallory <mallory@evil.example>\r\nTo: approvals+abcdefghijklmnop@contoso.example\r\n"
        b"Subject: Re: [#abcdefghijklmnop] " + HOSTILE.encode() + b"\r\n\r\n"
        b"approve\r\n" + HOSTILE.encode() + b"\r\n"
    )
    return IncomingMail.objects.create(
        mailbox=mailbox,
        server_id="AAMk1",
        fingerprint="f" * 64,
        folder="inbox",
        raw=raw,
        facts={
            "item_class": "IPM.Note",
            "sender": "mallory@evil.example",
            "from": "mallory@evil.example",
            "message_id": "",
            "voting": "",
            "size": len(raw),
            "too_large": False,
        },
        state=IncomingMail.State.SET_ASIDE,
        result="set_aside",
        reason="It could not be handled: ValueError.",
        verdict={
            "subject": f"Re: [#abcdefghijklmnop] {HOSTILE}",
            "from": "Mallory <mallory@evil.example>",
            "new_text": HOSTILE,
            "auth_as": ["Anonymous"],
            "proof": {"level": "none", "reason": HOSTILE},
        },
    )


@pytest.fixture
def as_() -> Callable[[Person | None], Client]:
    """A browser in which somebody (or nobody) is signed in."""

    def browser(person: Person | None) -> Client:
        client = Client()
        if person is not None:
            client.force_login(person)
        return client

    return browser


def answer(asked: Assignment, outcome: str = "approve", comment: str = "") -> dict[str, object]:
    """The decide form as the page would send it."""
    from placet.approvals.definitions import definition_of

    request = asked.visit.request
    shown = facts_hash(request, definition_of(request.version))
    return {"assignment": asked.pk, "shown": shown, "outcome": outcome, "comment": comment}
