"""Storing a mailbox's settings: the one way for the command line and the panel."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import (
    ExchangeSettings,
    SettingsInvalid,
    needs_secret_again,
    read_secret,
)


@dataclass(frozen=True)
class Saved:
    """A stored mailbox, what was mended on the way, and whether it was activated just now."""

    mailbox: Mailbox
    notices: list[str]
    activated: bool


@transaction.atomic
def save(entered: Mapping[str, Any], *, secret: str = "", by: str, mailbox: Mailbox | None = None) -> Saved:
    """Check and store settings; `secret` empty keeps the stored one. SettingsInvalid has every error at once.

    A secret goes only to the host it was entered for: another server address or token URI asks for it again.
    """
    if mailbox is not None:
        # As it is stored now: a secret that was entered a moment ago must not go to the host that it replaced.
        mailbox.refresh_from_db(from_queryset=Mailbox.objects.select_for_update())
    errors: dict[str, str] = {}
    notices: list[str] = []
    settings: ExchangeSettings | None = None
    try:
        settings, notices = ExchangeSettings.parse(entered)
    except SettingsInvalid as error:
        errors |= error.errors
    try:
        fresh = read_secret(secret).get_secret_value() if secret.strip() else ""
    except SettingsInvalid as error:
        errors |= error.errors
        fresh = ""
    stored = mailbox.secrets.get("client_secret", "") if mailbox is not None else ""
    if settings is not None and not fresh and not errors:
        errors |= _secret_errors(settings, mailbox, stored)
    if settings is not None and not errors:
        errors |= _owner_errors(settings, mailbox)
    if errors or settings is None:
        raise SettingsInvalid(errors)
    return _store(settings, notices, fresh, by, mailbox)


def _secret_errors(settings: ExchangeSettings, mailbox: Mailbox | None, stored: str) -> dict[str, str]:
    if mailbox is None or not stored:
        return {"client_secret": "Enter the client secret."}
    try:
        before, _ = ExchangeSettings.parse(mailbox.settings)
    except SettingsInvalid:
        return {"client_secret": "Enter the client secret again: what it was stored for is no longer valid."}
    again = needs_secret_again(before, settings)
    return {"client_secret": again} if again else {}


def _owner_errors(settings: ExchangeSettings, mailbox: Mailbox | None) -> dict[str, str]:
    others = Mailbox.objects.filter(address=settings.username.lower())
    if mailbox is not None:
        others = others.exclude(pk=mailbox.pk)
    if others.exists():
        return {"username": SET_UP_ALREADY}
    if mailbox is not None and mailbox.address != settings.username.lower() and mailbox.incoming.exists():
        return {"username": "This mailbox has received mail already; another one needs settings of its own."}
    return {}


SET_UP_ALREADY = "This mailbox is set up already."


def _store(
    settings: ExchangeSettings, notices: list[str], fresh: str, by: str, mailbox: Mailbox | None
) -> Saved:
    now = timezone.now()
    row = mailbox or Mailbox()
    activated = settings.active and not row.active
    if activated:
        row.active_since = now
    row.name = settings.username
    row.address = settings.username.lower()
    row.settings = settings.to_json()
    row.since = settings.since
    row.active = settings.active
    # Not every address of this machine: a real mailbox may be reached through a tunnel, with TLS.
    row.sandbox = settings.security == "none"
    if fresh:
        row.secrets = {"client_secret": fresh}
        row.secret_set_at, row.secret_set_by = now, by[:LONGEST_BY]
    # Whatever was wrong may be right now: try at once.
    row.paused_until, row.failures, row.trouble = None, 0, {}
    row.next_poll = now if settings.active else None
    row.claim = ""
    if mailbox is None:
        _save_new(row)
        return Saved(row, notices, activated)
    changed = [*WRITTEN, *SECRET] if fresh else [*WRITTEN]
    if settings.since != _since_of(mailbox):
        # Earlier mail may be wanted now: everything is listed again, and what is known is dropped.
        row.cursor = {}
        changed.append("cursor")
    row.save(update_fields=changed)  # not the cursor as it was read: a poll may have moved it meanwhile
    return Saved(row, notices, activated)


def _save_new(row: Mailbox) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:  # somebody was faster
        raise SettingsInvalid({"username": SET_UP_ALREADY}) from error


#: What saving settings writes; the rest of the row belongs to the work.
WRITTEN = (
    "name", "address", "settings", "since", "active", "active_since", "sandbox",
    "paused_until", "failures", "trouble", "next_poll", "claim",
)  # fmt: skip
SECRET = ("secrets", "secret_set_at", "secret_set_by")  # written only if one was entered
LONGEST_BY = 320  # characters


def _since_of(mailbox: Mailbox) -> datetime | None:
    return Mailbox.objects.values_list("since", flat=True).get(pk=mailbox.pk)


def confirm_mechanism(mailbox: Mailbox, mechanism: str, *, by: str) -> Saved:
    """An administrator says that mail authenticated in this way comes from colleagues."""
    known = [str(value) for value in mailbox.settings.get("confirmed_mechanisms", [])]
    entered = {**mailbox.settings, "confirmed_mechanisms": sorted({*known, mechanism})}
    return save(entered, by=by, mailbox=mailbox)
