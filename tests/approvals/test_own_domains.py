"""What the update makes of mailboxes from before own domains were asked for."""

import importlib
from typing import Any

import pytest
from django.apps import apps

from placet.accounts.models import Person
from placet.approvals.models import Ask
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes import store
from placet.mailboxes.microsoft.settings import ExchangeSettings
from placet.mailboxes.models import Mailbox

pytestmark = pytest.mark.django_db

migration = importlib.import_module("placet.approvals.migrations.0003_own_domains")
SETTINGS = {
    "client_id": "535fb089-9ff3-47b6-9bfb-4f1264799865",
    "token_uri": "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token",
}


def mailbox_at(domain: str) -> Mailbox:
    saved = store.save(
        {**SETTINGS, "username": f"approvals@{domain}"}, secrets={"client_secret": "a~secret"}, by="ada"
    )
    saved.mailbox.settings.pop("own_domains")
    saved.mailbox.save()
    return saved.mailbox


def asked(mailbox: Mailbox, person: Person, reply_to: str = "") -> Ask:
    number = OutgoingMail.objects.count()
    raw = f"From: {mailbox.address}\r\nReply-To: {reply_to or mailbox.address}\r\n\r\nReply-To: x@evil.example\r\n"
    sent = OutgoingMail.objects.create(
        mailbox=mailbox, kind="ask", to=person.email, cause=f"ask:{number}", reference=f"{number:032}",
        message_id=f"<{number}@contoso.example>", raw=raw.encode(),
    )  # fmt: skip
    return Ask.objects.create(code_hash=f"{number:064}", person=person, outgoing=sent)


def proved(mailbox: Mailbox, ask: Ask | None, address: str, level: str = "colleague") -> None:
    verdict: dict[str, Any] = {"proof": {"level": level, "address": address}}
    if ask is not None:
        verdict["ask"] = str(ask.public_id)
    number = str(IncomingMail.objects.count())
    IncomingMail.objects.create(
        mailbox=mailbox, server_id=number, protocol="graph", fingerprint=number, raw=b"x", verdict=verdict
    )


def domains_of(mailbox: Mailbox) -> list[str]:
    mailbox.refresh_from_db()
    settings, _notices = ExchangeSettings.parse(mailbox.settings)  # what the work reads
    return list(settings.own_domains)


def test_own_domains_begin_with_the_mailbox_s_and_those_of_colleagues_proved_in_it(bob: Person) -> None:
    ours, theirs = mailbox_at("contoso.example"), mailbox_at("fabrikam.example")
    of_ours = asked(ours, bob)
    proved(ours, of_ours, "bob@contoso.example")
    proved(ours, of_ours, "bob@contoso-group.example")
    proved(ours, of_ours, "bob@partner.example", level="outside")
    proved(ours, None, "bob@no-ask.example")
    proved(ours, of_ours, "bob@odd_name.example")
    proved(theirs, of_ours, "bob@contoso.example")  # what the update closes opens nothing afterwards
    for number in range(600):  # more than one question's worth
        proved(theirs, of_ours, f"n{number}@contoso.example")
    named = asked(ours, bob, reply_to="approvals+abcdefghijklmnop@fabrikam.example")
    proved(theirs, named, "bob@named.example")
    migration.begin_with_what_was_proved(apps, None)
    assert domains_of(ours) == ["contoso.example", "contoso-group.example"]
    assert domains_of(theirs) == ["fabrikam.example", "named.example"]


def test_no_number_of_domains_makes_the_settings_unreadable(bob: Person) -> None:
    ours = mailbox_at("contoso.example")
    ask = asked(ours, bob)
    for number in range(300):
        proved(ours, ask, f"bob@domain-{number}.example")
    migration.begin_with_what_was_proved(apps, None)
    assert 50 < len(domains_of(ours)) < 300
