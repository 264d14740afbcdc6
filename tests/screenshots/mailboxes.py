"""Mailboxes of every kind, as administrators meet them: what is entered rightly and wrongly, what is proposed for an
address, consent, stamps, people whom mail does not reach, signatures, and the proofs that carried decisions."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone

from placet.accounts import trust_changes
from placet.accounts.addresses import add_person
from placet.accounts.models import Person, TrustedAuthority
from placet.alarms.models import DoubtfulAddress
from placet.approvals import engine
from placet.approvals.models import Assignment, Decision, Request
from placet.approvals.processes import publish
from placet.approvals.proofs import Level
from placet.lib.fields import Secrets
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes import store
from placet.mailboxes.microsoft.server.autodiscover import Place
from placet.mailboxes.models import Mailbox
from placet.replies import stamp_trial
from placet.replies.prove import Proof
from tests.journeys.conftest import DOMAIN
from tests.mailboxes.google_tokens import key_file
from tests.mailboxes.internet import Internet
from tests.making import one_step
from tests.sandbox.keys import pair
from tests.signed_mails import issue, revoked_by

SECRET = "a-secret-of-the-pictures"
BY = f"ada@{DOMAIN}"
_CONSENT = {
    "imap_host": "imap.gmail.com",
    "imap_sign_in": "oauth-refresh",
    "imap_client_id": "535fb089-9ff3.apps.googleusercontent.com",
    "smtp_host": "smtp.gmail.com",
    "smtp_sign_in": "oauth-refresh",
}
_SERVICE_ACCOUNT = {
    "imap_host": "imap.gmail.com",
    "imap_sign_in": "service-account",
    "smtp_host": "smtp.gmail.com",
    "smtp_sign_in": "service-account",
}
#: By the name of the picture, what is stored and its secrets.
STORED: Mapping[str, tuple[dict[str, str], dict[str, str]]] = {
    "imap": (
        {"kind": "imap", "imap_host": "imap.ionos.de", "smtp_host": "smtp.ionos.de"},
        {"imap_password": SECRET, "smtp_password": SECRET},
    ),
    "imap-by-consent": ({"kind": "imap", **_CONSENT}, {"imap_client_secret": SECRET}),
    "imap-by-service-account": (
        {"kind": "imap", **_SERVICE_ACCOUNT},
        {"imap_service_account_key": key_file()},
    ),
    "pop3": (
        {"kind": "pop3", "pop3_host": "pop.ionos.de", "smtp_host": "smtp.ionos.de", "pop3_delete_days": "30"},
        {"pop3_password": SECRET, "smtp_password": SECRET},
    ),
    "exchange-server": (
        {
            "kind": "exchange-server",
            "exchange_server": "mail.contoso.example",
            "exchange_user": "CONTOSO\\placet",
            "exchange_opening": "full-access",
            "exchange_authorities": pair("Contoso Root Authority").pem,
        },
        {"exchange_password": SECRET},
    ),
    "gmail": ({"kind": "gmail"}, {"gmail_key": key_file()}),
    "jmap": (
        {"kind": "jmap", "jmap_host": "api.fastmail.com", "jmap_hosts": "fastmailusercontent.com"},
        {"jmap_password": SECRET},
    ),
}
#: By kind, what is wrong in as many fields as can be.
WRONG: Mapping[str, dict[str, str]] = {
    "exchange-online": {
        "username": "me@hotmail.com",
        "client_id": "535fb089-9ff3-47b6-9bfb",
        "client_secret": "535fb089-9ff3-47b6-9bfb-4f1264799865",
        "token_uri": "https://login.microsoftonline.com/{directory_tenant_ID}/oauth2/v2.0/token",
        "scope": "https://outlook.office365.com/.default&grant_type=client_credentials",
    },
    "exchange-server": {
        "exchange_server": "outlook.office365.com",
        "exchange_user": "placet",
        "exchange_sign_in": "oauth",
        "exchange_authorities": "no certificate",
    },
    "imap": {
        "imap_host": "https://imap.contoso.example/inbox",
        "imap_port": "143",
        "imap_security": "ssl",
        "imap_sign_in": "oauth-refresh",
        "smtp_host": "10.0.0.7",
        "smtp_port": "many",
        "smtp_security": "none",
    },
    "pop3": {
        "pop3_host": "pop.contoso.example:995",
        "pop3_sign_in": "oauth-client",
        "pop3_delete_days": "soon",
    },
    "gmail": {"username": "somebody@gmail.com", "gmail_key": "{}"},
    "jmap": {
        "jmap_host": "mail.contoso.example/jmap",
        "jmap_security": "none",
        "jmap_user": "a:b",
        "jmap_hosts": "https://x/y",
    },
}


def other_mailboxes() -> dict[str, Mailbox]:
    """One of each kind, not active, by the names of `STORED`; and one to which somebody agreed."""
    made = {}
    for name, (entered, secrets) in STORED.items():
        address = f"{name}@{DOMAIN}"
        made[name] = store.save({"username": address, **entered}, secrets=secrets, by=BY).mailbox
    entered, secrets = STORED["imap-by-consent"]
    agreed = store.save({"username": f"agreed@{DOMAIN}", **entered}, secrets=secrets, by=BY).mailbox
    given = {"imap_refresh_token": SECRET, "smtp_refresh_token": SECRET}
    agreed.secrets = Secrets({**agreed.secrets, **given})
    agreed.trouble = {
        "cause": "oauth2.googleapis.com takes the refresh token no more: the consent is over or was taken back.",
        "cure": "Sign in again.",
        "fix_needed": True,
    }
    agreed.save()
    return {**made, "agreed": agreed}


# --- the address ------------------------------------------------------------------------------------------

#: By the name of the picture, the address that is looked up.
LOOKED_UP = {
    "provider": "approvals@kunden.test",
    "microsoft": "approvals@online.test",
    "nothing-known": "approvals@alone.test",
    "no-domain": "approvals@nowhere.test",
    "no-address": "approvals",
}


def domains(internet: Internet) -> None:
    """What the name service says of the domains that are looked up."""
    internet.records["kunden.test", "MX"] = ["0 mx00.kundenserver.de."]
    internet.records["online.test", "MX"] = ["0 online-test.mail.protection.outlook.com."]
    internet.records["alone.test", "MX"] = ["0 mx.alone.test."]
    internet.records["mx.alone.test", "A"] = ["10.2.3.4"]


#: What Autodiscover may see at the two usual addresses of a domain.
PLACES = [
    Place(
        "https://contoso.example/autodiscover/autodiscover.xml",
        failure="contoso.example could not be reached.",
    ),
    Place("https://autodiscover.contoso.example/autodiscover/autodiscover.xml", 401, ("negotiate", "ntlm")),
]

# --- stamps -----------------------------------------------------------------------------------------------

_DATE = "Tue, 1 Dec 2026 10:00:00 +0000"
_DELIVERED = f"Received: from mx.contoso.example by mail.contoso.example with LMTP id 4Xq9; {_DATE}\n"
_STAMPS = """\
Authentication-Results: mx.contoso.example; dkim=pass header.d=gmail.example header.s=s1; dmarc=pass
 (p=reject) header.from=gmail.example; spf=pass smtp.mailfrom=ada.private@gmail.example
"""
_ENTRANCE = f"""\
Received: from mail-ed1-f41.gmail.example (mail-ed1-f41.gmail.example [209.85.208.41])
 by mx.contoso.example (Postfix) with ESMTPS id 4Xq8; {_DATE}
"""


def trials(mailbox: Mailbox) -> Iterator[str]:
    """Brings the test of a mailbox's stamps from step to step; the name of each."""
    stamp_trial.begin(mailbox, BY)
    yield "begun"
    trial = mailbox.stamps["trial"]
    _came(mailbox, trial["number"])
    yield "came"
    planted = f"Placet plants {trial['number']} {trial['token']} from outside"
    _came(mailbox, planted)
    yield "forged-ones-taken-off"
    number = trial["number"]
    stamp_trial.confirm(mailbox, BY, number=number, submission=True)
    yield "confirmed"
    mailbox.stamps = {**mailbox.stamps, "missed": {"count": 12, "at": timezone.now().isoformat()}}
    mailbox.save()
    yield "missed"
    for name, by_filter, on_top in (
        ("forged-ones-left-in", True, False),
        ("forged-ones-left-in-below", False, False),
        ("forged-ones-among-own", False, True),
    ):
        stamp_trial.begin(mailbox, BY)
        trial = mailbox.stamps["trial"]
        number = trial["number"]
        _came(mailbox, number, by_filter=by_filter)
        forged = f"Authentication-Results: mx.contoso.example; placet-planted={number}; dmarc=pass\n"
        subject = f"Placet plants {number} {trial['token']} from outside"
        if on_top:
            _came(mailbox, subject, above=forged)
        else:
            _came(mailbox, subject, below=forged)
        yield name
    _came(mailbox, number)
    yield "came-twice"
    stamp_trial.begin(mailbox, BY)
    number = mailbox.stamps["trial"]["number"]
    _came(mailbox, number, by_filter=True)
    stamp_trial.confirm(mailbox, BY, number=number)
    yield "confirmed-and-prove-nobody"


def _came(
    mailbox: Mailbox, subject: str, *, by_filter: bool = False, above: str = "", below: str = ""
) -> None:
    """`by_filter`: the server stamps below the line of its entrance. `above`, `below`: of all that it writes."""
    number = mailbox.incoming.count()
    own = _ENTRANCE + _STAMPS if by_filter else _STAMPS + _ENTRANCE
    raw = f"{above}{_DELIVERED}{own}{below}From: ada.private@gmail.example\nSubject: {subject}\n\n"
    IncomingMail.objects.create(
        mailbox=mailbox, server_id=f"stamp-{number}", fingerprint=f"stamp-{number}", raw=raw.encode(),
        state=IncomingMail.State.HANDLED, result="unknown_code", handled_at=timezone.now(),
    )  # fmt: skip


# --- people and proofs ------------------------------------------------------------------------------------


def unreached() -> dict[str, Person]:
    """People whom mail does not reach, by how sure that is."""
    returned = OutgoingMail.objects.filter(state=OutgoingMail.State.SENT).latest("pk")
    now = timezone.now()
    people = {}
    for name, probe, dead_at in (
        ("came-back", None, None),
        ("being-tried", returned, None),
        ("dead", returned, now - timedelta(hours=3)),
    ):
        person = add_person(f"Gwen {name.title()}", f"gwen-{name}@{DOMAIN}")
        DoubtfulAddress.objects.create(
            address=person.email, returned=returned, status="5.1.1", probe=probe, dead_at=dead_at, due=now
        )
        people[name] = person
    return people


def signers(ada: Person, bob: Person) -> None:
    """Authorities, a list and keys: current ones, and ones that are over."""
    root = issue("Contoso Employees Root Authority of the Year 2026", authority=True)
    trust_changes.add_authority(root.pem, needs_list=True, by=ada)
    over = trust_changes.add_authority(
        issue("Fabrikam Issuing", authority=True).pem, needs_list=False, by=ada
    )
    TrustedAuthority.objects.filter(pk=over.pk).update(ends_at=timezone.now() - timedelta(days=1))
    trust_changes.add_list(revoked_by(root).public_bytes(Encoding.DER), by=ada)
    trust_changes.add_key(bob, issue("Bob Bobson", addresses=[bob.email]).pem, by=ada)


def decided_by_each_proof(people: Mapping[str, Person], mailbox: Mailbox) -> Request:
    """A request that a decision by each proof of a mail carried, one after the other."""
    bob = people["bob"].email
    proofs = {
        "colleague": Proof(Level.COLLEAGUE, bob, "mail", auth_as="Internal", mechanism="04"),
        "submitted": Proof(Level.SUBMITTED, bob, "mail", login=bob, received_by="mx.contoso.example"),
        "checked": Proof(Level.OUTSIDE, bob, "mail", dkim_domain="contoso.example", checked_by="placet"),
        "stamped": Proof(Level.OUTSIDE, bob, "mail", dkim_domain="contoso.example", authserv_id="mx"),
        "signed": Proof(Level.SIGNED, bob, "mail", signature="S/MIME"),
    }
    deciders = [*(add_person(f"{name.title()} Person", f"{name}@{DOMAIN}") for name in proofs), people["bob"]]
    process = one_step([{"person": one.email} for one in deciders], key="proofs", rule="all")
    version = publish({**process, "name": "Sale of a building"})
    request = engine.start(
        version, people["alice"], {"item": "Old warehouse in the harbour", "amount": "480,000"}
    )
    for person, proof in zip(deciders, [*proofs.values(), None], strict=True):
        seat = Assignment.objects.get(visit__request=request, person=person)
        channel, mail = Decision.Channel.PAGE, None
        if proof is not None:
            channel = Decision.Channel.MAIL
            key = f"proof-{proof.level}-{seat.pk}"
            mail = IncomingMail.objects.create(
                mailbox=mailbox, server_id=key, fingerprint=key, raw=b"Subject: Re\n\nyes",
                received_at=timezone.now(), state=IncomingMail.State.HANDLED, result="decided",
                handled_at=timezone.now(), verdict={"proof": proof.as_json()}, person=person,
            )  # fmt: skip
        engine.decide(seat.pk, by=person, outcome="approve", channel=channel, incoming=mail)
    request.refresh_from_db()
    return request
