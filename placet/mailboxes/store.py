"""Storing a mailbox's settings: the one way for the command line and the panel."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.accounts.addresses import person_at
from placet.lib.canonical import digest
from placet.lib.fields import Secrets
from placet.mailboxes import removal
from placet.mailboxes.fields import SECRET, SECRET_EXPIRES_ON
from placet.mailboxes.microsoft import credentials
from placet.mailboxes.microsoft.credentials import CERTIFICATE, LONGEST_BY
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import (
    ExchangeSettings,
    SettingsInvalid,
    never_proving,
    read_expiry,
    read_secret,
)


@dataclass(frozen=True)
class Saved:
    """A stored mailbox, by field what was mended on the way, and whether it was activated just now."""

    mailbox: Mailbox
    notices: dict[str, str]
    activated: bool


@dataclass(frozen=True)
class Looked:
    """What is to be said of settings as entered, by field, and what of them would be stored."""

    settings: ExchangeSettings | None
    secret: str  # one entered now; "" keeps the stored one
    secrets: Secrets  # what would be stored, `secret` too
    expires_on: date | None
    errors: dict[str, str]
    notices: dict[str, str]


class ChangedMeanwhile(SettingsInvalid):
    """What is stored is not what the administrator saw; nothing was saved."""


def mark_of(mailbox: Mailbox | None) -> str:
    """Tells apart what was stored when a form was shown from what is stored when it comes back."""
    if mailbox is None:
        return ""
    return digest([mailbox.settings, str(mailbox.secret_expires_on), str(mailbox.secret_set_at)])


@transaction.atomic
def save(
    entered: Mapping[str, Any],
    *,
    secret: str = "",
    expires_on: str | None = None,
    by: str,
    mailbox: Mailbox | None = None,
    seen: str = "",
    moving: bool = False,
) -> Saved:
    """Check and store settings; `secret` empty keeps the stored one. SettingsInvalid has every error at once.

    A secret goes only to the host it was entered for (`credentials.kept`): another server address or token URI asks
    for it again.
    `expires_on` is the day when the secret ends, as entered; None leaves it as it is, unless the secret is new.
    With `seen`, the mark of what was shown, it is ChangedMeanwhile where something else is stored by now.
    A mailbox that has received mail changes its way only where it is `moving` (see `placet.mail.moving`).
    """
    before = removal.removed_at(str(entered.get("username") or "")) if mailbox is None else None
    if before is not None:  # what it received is still there, so it is no other one
        mailbox, moving = before, True
    if mailbox is not None:
        # As it is stored now: a secret that was entered a moment ago must not go to the host that it replaced.
        _refresh(mailbox)
        if seen and seen != mark_of(mailbox):
            raise ChangedMeanwhile({})
    looked = look(entered, secret=secret, expires_on=expires_on, mailbox=mailbox, moving=moving)
    if looked.errors or looked.settings is None:
        raise SettingsInvalid(looked.errors)
    return _store(looked.settings, looked, by, mailbox)


@transaction.atomic
def change(
    changes: Mapping[str, Any],
    *,
    secret: str = "",
    expires_on: str | None = None,
    by: str,
    mailbox: Mailbox,
    moving: bool = False,
) -> Saved:
    """`save` for some settings alone: the others stay as they are stored, whatever `mailbox` was read with."""
    _refresh(mailbox)
    entered = {**mailbox.settings, **changes}
    return save(entered, secret=secret, expires_on=expires_on, by=by, mailbox=mailbox, moving=moving)


@transaction.atomic
def confirm_mechanism(mailbox: Mailbox, mechanism: str, *, by: str) -> Saved:
    """An administrator says that mail authenticated in this way comes from colleagues."""
    _refresh(mailbox)
    known = [str(value) for value in mailbox.settings.get("confirmed_mechanisms", [])]
    return change({"confirmed_mechanisms": sorted({*known, mechanism})}, by=by, mailbox=mailbox)


def _refresh(mailbox: Mailbox) -> None:
    """As it is stored now, and nobody else changes it before this transaction ends."""
    # Not its key: whoever writes a row of this mailbox meanwhile need not wait.
    mailbox.refresh_from_db(from_queryset=Mailbox.objects.select_for_update(no_key=True))


def look(
    entered: Mapping[str, Any],
    *,
    secret: str = "",
    expires_on: str | None = None,
    mailbox: Mailbox | None = None,
    moving: bool = False,
) -> Looked:
    """What `save` would say; nothing is stored."""
    looked = ExchangeSettings.look(entered)
    errors, notices = dict(looked.errors), dict(looked.notices)
    settings = looked.settings
    if settings is not None and _of_a_domain_before(settings, mailbox):
        own = settings.username.rpartition("@")[2].lower()
        settings = dataclasses.replace(settings, own_domains=(own,))
        told = _(
            "The mailbox is in another domain now, so this is {domain} alone. Add others if they are its own."
        )
        notices["own_domains"] = told.format(domain=own)
    if settings is not None:
        errors |= _mechanism_errors(settings, mailbox)
    fresh = ""
    try:
        fresh = read_secret(secret).get_secret_value() if secret.strip() else ""
    except SettingsInvalid as error:
        errors |= error.errors
    kept = credentials.kept(settings, mailbox) if settings else credentials.Kept(Secrets())
    if kept.again and not fresh:
        errors.setdefault(SECRET, kept.again)
    else:
        notices |= _told(kept, fresh)
    expires, said = _expiry(expires_on, bool(fresh), mailbox)
    if mailbox is not None and CERTIFICATE in kept.secrets:
        expires, said = mailbox.secret_expires_on, _Said()  # that of the certificate, which says it itself
    elif mailbox is not None and CERTIFICATE in mailbox.secrets and expires_on is None:
        expires = None  # it went with the certificate
    errors |= said.errors
    notices |= said.notices
    if settings is not None and "username" not in errors:
        errors |= _owner_errors(settings, mailbox) | _others_errors(settings)
        notices |= _persons(settings)
    if settings is not None and mailbox is not None and not moving:
        errors |= _way_errors(settings, mailbox)
    secrets = Secrets({**kept.secrets, SECRET: fresh} if fresh else kept.secrets)
    return Looked(settings, fresh, secrets, expires, errors, notices)


def _mechanism_errors(settings: ExchangeSettings, mailbox: Mailbox | None) -> dict[str, str]:
    """What was confirmed before it was known that it proves nobody may stay: it does not count."""
    before = mailbox.settings.get("confirmed_mechanisms", []) if mailbox is not None else []
    new = never_proving(one for one in settings.confirmed_mechanisms if one not in before)
    if not new:
        return {}
    said = _(
        "{mechanisms} cannot be confirmed: Exchange marks mail in this way although nobody signed in, so it proves no "
        "colleague. Leave it out."
    )
    return {"confirmed_mechanisms": said.format(mechanisms=new)}


def _told(kept: credentials.Kept, fresh: str) -> dict[str, str]:
    told = [kept.told, "" if fresh else kept.lacking]
    if fresh and CERTIFICATE in kept.secrets:
        told = [_("The client secret is stored too. The certificate stays in use.")]
    words = " ".join(filter(None, told))
    return {SECRET: words} if words else {}


@dataclass(frozen=True)
class _Said:
    errors: dict[str, str] = field(default_factory=dict)
    notices: dict[str, str] = field(default_factory=dict)


def _expiry(entered: str | None, fresh: bool, mailbox: Mailbox | None) -> tuple[date | None, _Said]:
    """The day when the secret ends, and what is to be said of it."""
    before = mailbox.secret_expires_on if mailbox is not None else None
    if entered is None:
        return (None if fresh else before), _Said()
    try:
        expires = read_expiry(entered)
    except SettingsInvalid as error:
        return None, _Said(errors=error.errors)
    over = expires is not None and expires < timezone.localdate()
    if over and (fresh or expires != before):
        return None, _Said(
            errors={SECRET_EXPIRES_ON: _("This day is over. Enter the day when the secret expires.")}
        )
    told = ""
    if over:
        told = _("This day is over: make a new client secret, and enter its Value and its date.")
    elif fresh and expires is not None and expires == before:
        told = _("This date stood there already for the secret before. Check that it is the new one's.")
    return expires, _Said(notices={SECRET_EXPIRES_ON: told} if told else {})


def _owner_errors(settings: ExchangeSettings, mailbox: Mailbox | None) -> dict[str, str]:
    others = Mailbox.present.filter(address=settings.username.lower())
    if mailbox is not None:
        others = others.exclude(pk=mailbox.pk)
    if others.exists():
        return {"username": _(SET_UP_ALREADY)}
    if mailbox is not None and mailbox.address != settings.username.lower() and mailbox.incoming.exists():
        return {
            "username": _("This mailbox has received mail already; another one needs settings of its own.")
        }
    return {}


def _of_a_domain_before(settings: ExchangeSettings, mailbox: Mailbox | None) -> bool:
    """Whether own domains are still those of another domain's mailbox, which nobody looked at."""
    if mailbox is None or mailbox.address.rpartition("@")[2] == settings.username.rpartition("@")[2].lower():
        return False
    return [*settings.own_domains] == [*mailbox.settings.get("own_domains", ())]


def _others_errors(settings: ExchangeSettings) -> dict[str, str]:
    """A mistyped address would let nothing in, and nobody would see why."""
    known = set(Mailbox.present.values_list("address", flat=True)) - {settings.username.lower()}
    unknown = [address for address in settings.same_organisation if address not in known]
    if not unknown:
        return {}
    return {"same_organisation": _("{address} is no other mailbox here.").format(address=unknown[0])}


def _persons(settings: ExchangeSettings) -> dict[str, str]:
    """Mail from the mailbox is Placet's own, so whoever has it cannot decide by mail."""
    whose = person_at(settings.username)
    if whose is None:
        return {}
    told = _(
        "This is also an address of {name}. What is sent from there counts as Placet's own mail and decides nothing."
    )
    return {"username": told.format(name=whose.name)}


def _way_errors(settings: ExchangeSettings, mailbox: Mailbox) -> dict[str, str]:
    """The two ways name a mail differently, and each has permissions of its own."""
    if settings.via == mailbox.via or not mailbox.incoming.exists():
        return {}
    return {
        "via": _(
            "This mailbox has received mail. Move it instead: that checks the permissions first, and no reply is "
            "lost or taken twice."
        )
    }


SET_UP_ALREADY = gettext_noop("This mailbox is set up already.")


def _store(settings: ExchangeSettings, looked: Looked, by: str, mailbox: Mailbox | None) -> Saved:
    now = timezone.now()
    row = mailbox or Mailbox()
    activated = settings.active and not row.active
    if activated:
        row.active_since = now
    row.removed_at, row.removed_by = None, ""
    row.name = settings.username
    row.via = settings.via
    row.address = settings.username.lower()
    row.settings = settings.to_json()
    row.since = settings.since
    row.active = settings.active
    # Not every address of this machine: a real mailbox may be reached through a tunnel, with TLS.
    row.sandbox = settings.security == "none"
    row.secret_expires_on = looked.expires_on
    written = bool(looked.secret) or looked.secrets != row.secrets
    if written:
        row.secrets = looked.secrets
    if looked.secret and CERTIFICATE not in looked.secrets:
        row.secret_set_at, row.secret_set_by = now, by[:LONGEST_BY]
    elif not looked.secrets:
        row.secret_set_at, row.secret_set_by = None, ""
    # Whatever was wrong may be right now: try at once.
    row.paused_until, row.failures, row.trouble = None, 0, {}
    row.next_poll = now if settings.active else None
    row.claim = ""
    if mailbox is None:
        _save_new(row)
        return Saved(row, looked.notices, activated)
    changed = [*WRITTEN, *OF_A_SECRET] if written else [*WRITTEN]
    since, via, stored = Mailbox.objects.values_list("since", "via", "settings").get(pk=mailbox.pk)
    if settings.since != since or settings.via != via:
        # Earlier mail may be wanted now, or the other way counts in another way: everything is listed again, and
        # what is known is dropped.
        row.cursor = {}
        changed.append("cursor")
    if any(row.settings.get(name) != stored.get(name) for name in LISTS):
        # What was read says nothing of another mailbox, or of earlier mail. Where only the way is another one, mail
        # that the former way failed to give is listed anew, and cannot be fetched by its old id.
        row.read_until = None
        changed.append("read_until")
    row.save(update_fields=changed)  # not the cursor as it was read: a poll may have moved it meanwhile
    return Saved(row, looked.notices, activated)


def _save_new(row: Mailbox) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:  # somebody was faster
        raise SettingsInvalid({"username": _(SET_UP_ALREADY)}) from error


#: What saving settings writes; the rest of the row belongs to the work.
WRITTEN = (
    "name", "via", "address", "settings", "since", "active", "active_since", "sandbox",
    "secret_expires_on", "paused_until", "failures", "trouble", "next_poll", "claim", "removed_at", "removed_by",
)  # fmt: skip
#: What says which mail of which mailbox is listed.
LISTS = ("username", "server_address", "token_uri", "via", "since")
OF_A_SECRET = (
    "secrets",
    "secret_set_at",
    "secret_set_by",
)  # written only if one was entered, or may not stay
