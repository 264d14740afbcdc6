"""Rows of every table, written by Placet itself where it has a way to, in the installation of the environment:

PLACET_DATA_DIR=… python -m tests.commands.lived_in
"""

import datetime
import os
import uuid
from collections.abc import Callable
from typing import Any

import django
from django.db.models.fields import AutoFieldMixin

LETTERS = "Żółć 決裁 ✓ 'quoted' \"twice\" \\ \t two\nlines"  # what a copy could bend
BYTES = bytes(range(256))


def live() -> None:
    from placet.accounts.addresses import add_person
    from placet.approvals import engine, owning
    from placet.approvals.models import Attachment, Decision
    from placet.approvals.processes import publish
    from placet.mailboxes import pool
    from placet.mailboxes.base import FixNeeded, Half
    from tests.making import SAMPLE, make_mailbox, open_for, start, values

    bob = add_person("Bob Manager", "bob@contoso.example", password="correct horse battery")
    alice = add_person("Alice Żółć 決裁", "alice@contoso.example", manager=bob)
    mailbox = make_mailbox(poll_seconds=20)
    mailbox.secrets = {"client_secret": LETTERS}
    mailbox.kind, mailbox.sending_kind = "imap", "smtp"
    mailbox.save()
    error = FixNeeded(LETTERS, LETTERS)
    error.half = Half.SENDING
    pool.failed(mailbox, error)
    version = publish(values(SAMPLE), bob)
    owning.add_owner(version.process, alice, bob)
    for number in range(3):
        request = start(version, alice, item=f"Desk {number} Żółć 決裁 ✓ 'quoted'")
        if number:
            outcome = "approve" if number == 1 else "reject"
            asked = request.visits.get(state="open").assignments.get(person=bob)
            engine.decide(asked.pk, by=bob, outcome=outcome, comment=LETTERS, channel=Decision.Channel.PAGE)
    assert open_for(bob)
    Attachment.objects.create(
        request=request,
        field="quotes",
        name=LETTERS,
        size=len(BYTES),
        sha256="0" * 64,
        content=BYTES,
        by=alice,
    )
    _archive()


def _archive() -> None:
    """One mail lies in a block; the others are not old."""
    from datetime import timedelta

    from placet.lib import clock
    from placet.mail import archiving
    from placet.mail.models import OutgoingMail

    OutgoingMail.objects.filter(pk=OutgoingMail.objects.order_by("pk")[0].pk).update(
        state=OutgoingMail.State.SENT, created_at=clock.now() - timedelta(days=365)
    )
    assert archiving.archive(clock.now() - timedelta(days=90)) == 1


def fill_empty_tables() -> None:
    """One row in each that nothing above writes to."""
    from django.apps import apps
    from django.db import transaction

    with transaction.atomic():
        for model in apps.get_models(include_auto_created=True):
            if not model._base_manager.exists():
                model._base_manager.create(**{f.attname: _value(f) for f in _asked_for(model)})


def _asked_for(model: Any) -> list[Any]:
    return [f for f in model._meta.concrete_fields if not f.null and not isinstance(f, AutoFieldMixin)]


def _value(field: Any) -> Any:
    from django.utils import timezone

    if field.remote_field:
        there = field.remote_field.model._base_manager.first()
        if there is None:
            target = field.remote_field.model
            there = target._base_manager.create(**{f.attname: _value(f) for f in _asked_for(target)})
        return there.pk
    if field.has_default():
        return field.get_default()
    kinds: dict[str, Callable[[], Any]] = {
        "DateTimeField": lambda: timezone.now(),
        "DateField": datetime.date.today,
        "UUIDField": uuid.uuid4,
        "BinaryField": lambda: BYTES,
        "PackedField": lambda: BYTES,
        "HeadersField": lambda: LETTERS,
        "HexField": lambda: "ab" * 32,
        "EntryField": lambda: {"text": LETTERS, "numbers": [1, 2.5, -3, None, True]},
        "JSONField": lambda: {"text": LETTERS, "numbers": [1, 2.5, -3, None, True]},
        "BooleanField": lambda: True,
        "FloatField": lambda: 2.5,
        "SecretsField": lambda: {"name": LETTERS},
        "EmailField": lambda: "somebody@contoso.example",
    }
    kind = type(field).__name__
    if kind in kinds:
        return kinds[kind]()
    if "Integer" in kind:
        return 7
    if field.choices:
        return field.choices[0][0]
    return LETTERS[: field.max_length] if kind == "TextField" else uuid.uuid4().hex[: field.max_length or 32]


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "placet.settings")
    django.setup()
    live()
    fill_empty_tables()
