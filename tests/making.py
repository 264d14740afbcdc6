"""What tests begin with: a mailbox row that mails can be written for, published processes, requests."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml
from django.db import connection

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import Assignment, Request, Version
from placet.approvals.processes import publish
from placet.audit.models import AuditEntry
from placet.commands.process import SAMPLES
from placet.mail import packing
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox

SAMPLE = (SAMPLES / "purchase.yaml").read_text()


@cache
def values(source: str) -> Mapping[str, Any]:
    """Of a definition in YAML, to be published: reading them takes longer than all the rest of it."""
    return dict(yaml.safe_load(source))


FORM = [
    {"name": "item", "label": "Item", "type": "text"},
    {"name": "amount", "label": "Amount", "type": "money", "currency": "EUR"},
]


def make_mailbox(address: str = "approvals@contoso.example", **settings: Any) -> Mailbox:
    """A mailbox that mails are written for; nothing connects to it."""
    return Mailbox.objects.create(name=address, address=address, active=True, settings=settings)


def entries(event: str, **about: Any) -> list[AuditEntry]:
    """Audit entries that say this, oldest first. `about`: the request, or what else the entry says."""
    request = about.pop("request", None)
    rows = AuditEntry.objects.filter(request=request) if request is not None else AuditEntry.objects.all()
    wanted = {"event": event, **about}.items()
    return [
        entry for entry in rows.order_by("pk") if all(entry.what.get(name) == value for name, value in wanted)
    ]


def entry_of(event: str, **about: Any) -> AuditEntry:
    """The only one."""
    [entry] = entries(event, **about)
    return entry


def damage(mail: IncomingMail | OutgoingMail) -> None:
    """As a disk may, or somebody who can write to the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {mail._meta.db_table} SET raw = %s WHERE id = %s",
            [connection.Database.Binary(packing.MARK + b"x"), mail.pk],  # type: ignore[attr-defined]
        )


def one_step(ask: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A definition with one approval step, asked of these."""
    step = {"kind": "approval", "name": "Step", "ask": ask, "rule": more.pop("rule", "first")}
    return {
        "key": "one-step",
        "name": "One step",
        "title": "{item}",
        "form": FORM,
        "start": "step",
        "steps": {
            "step": step,
            "approved": {"kind": "end", "name": "Approved", "result": "approved"},
            "rejected": {"kind": "end", "name": "Rejected", "result": "rejected"},
        },
        "transitions": [
            {"from": "step", "outcome": "approve", "to": "approved"},
            {"from": "step", "outcome": "reject", "to": "rejected"},
        ],
        **more,
    }


def start(
    source: str | Mapping[str, Any] | Version, requester: Person, amount: str = "900", item: str = "Desk"
) -> Request:
    if isinstance(source, str):
        source = values(source)
    version = source if isinstance(source, Version) else publish(source)
    return engine.start(version, requester, {"item": item, "amount": amount})


def open_for(person: Person) -> Assignment:
    """The one question that waits for this person."""
    return Assignment.objects.get(person=person, state=Assignment.State.OPEN)


def asked(request: Request) -> list[str]:
    """Whom a request waits for now, by first name."""
    waiting = Assignment.objects.filter(visit__request=request, state=Assignment.State.OPEN)
    return [assignment.person.name.split()[0] for assignment in waiting.select_related("person")]


def analysed() -> None:
    """After thousands of rows at once: PostgreSQL counts them a minute later by itself, and until then may plan as if
    its tables were as empty as the tests before left them."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
