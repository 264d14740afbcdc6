"""Keys of the API: `plc_` + 8 letters or digits that may be known + `_` + 32 random ones + 6 that are a checksum.

    key, text = make(person, "ERP", {Scope.REQUESTS_WRITE}, by=person)     the text is shown once and kept nowhere
    key = presented(text)                                                  None: it is no valid key

A key is of one person and can do what that person can do, and less. Only that person gives one that decides.
"""

import base64
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.api import key_mails
from placet.api.models import Key
from placet.approvals.proofs import Level
from placet.audit import chain
from placet.lib import canonical, clock, keys

PREFIX = "plc_"
PUBLIC, RANDOM, CHECKSUM = 8, 32, 6  # characters
LIFE = timedelta(days=365)
USED_EVERY = timedelta(minutes=1)  # how often the last use is written at most
LONGEST_NAME = 100
SIGNING = "signing"  # the name of the secret that callbacks are signed with, in the form of Standard Webhooks
_SIGNING_BYTES = 32
_LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORM = re.compile(rf"plc_([0-9A-Za-z]{{{PUBLIC}}})_[0-9A-Za-z]{{{RANDOM + CHECKSUM}}}", re.ASCII)

# Events of the installation's record.
MADE = "API key made"
ROTATED = "API key rotated"
REVOKED = "API key revoked"


class Scope(models.TextChoices):
    """What a key may be used for."""

    REQUESTS_READ = "requests:read", "read requests and processes"
    REQUESTS_WRITE = "requests:write", "start, change and withdraw requests"
    REQUESTS_FOR_OTHERS = "requests:for-others", "start requests in the name of others"
    DECISIONS_WRITE = "decisions:write", "answer as the key's person"
    PEOPLE_READ = "people:read", "read people and groups"
    MAIL_LOG_READ = "mail-log:read", "read the mail log"
    AUDIT_READ = "audit:read", "read what is recorded of requests"
    WEBHOOKS_MANAGE = "webhooks:manage", "manage webhooks"


#: That only whoever is an administrator has.
ADMINISTRATORS_ONLY = frozenset({Scope.MAIL_LOG_READ})
WEAKEST = Level.OUTSIDE  # that a key can have its approvals answered with
#: That only a person gives to a key of their own.
OWN_ONLY = frozenset({Scope.DECISIONS_WRITE})


class KeyInvalid(ValueError):
    """A key cannot be made like this; the message says why."""


@transaction.atomic
def make(
    person: Person,
    name: str,
    scopes: Collection[str],
    *,
    processes: Iterable[str] = (),
    floor: str = "",
    expires_at: datetime | None = None,
    by: Person | None,
) -> tuple[Key, str]:
    """A key, and the text of it, which nobody can read again. `processes`: keys of those that it is limited to, empty
    for all; `floor`: a Level, the weakest that its requests take, or "", as each process says; `expires_at`: None
    for a year from now; `by`: None at the command line. KeyInvalid."""
    _check(person, name, scopes, by)
    _check_floor(floor, by)
    rights = _Rights(sorted(scopes), sorted(set(processes)), floor)
    key, text = _made(person, name.strip(), rights, expires_at, by)
    _note(key, MADE, by, expires=iso(key.expires_at))
    key_mails.made(key, by)
    return key, text


def _check(person: Person, name: str, scopes: Collection[str], by: Person | None) -> None:
    if not 0 < len(name.strip()) <= LONGEST_NAME or not name.isprintable():
        raise KeyInvalid(_("Give the key a name of at most 100 characters."))
    if not scopes or not set(scopes) <= set(Scope.values):
        raise KeyInvalid(_("Choose what the key may be used for."))
    if not person.is_active:
        raise KeyInvalid(_("{name} is not active.").format(name=person.name))
    if ADMINISTRATORS_ONLY & set(scopes) and not person.is_administrator:
        raise KeyInvalid(_("Only the key of an administrator reads the mail log."))
    own = by is not None and by.pk == person.pk
    if OWN_ONLY & set(scopes) and not own:
        raise KeyInvalid(_("Only {name} can make a key that answers as {name}.").format(name=person.name))
    if by is not None and not own and not by.is_administrator:
        raise KeyInvalid(_("Only an administrator makes keys of others."))


def _check_floor(floor: str, by: Person | None) -> None:
    if floor and floor not in tuple(Level):
        raise KeyInvalid(_("There is no proof “{proof}”.").format(proof=floor))
    # Whoever only has a key cannot have approvals answered with less than everybody else's.
    if floor == WEAKEST and by is not None and not by.is_administrator:
        raise KeyInvalid(_("Only an administrator makes a key whose approvals are answered from outside."))


@dataclass(frozen=True)
class _Rights:
    """What a key may be used for, and with which floor of proof."""

    scopes: list[str]
    processes: list[str]
    floor: str


def _made(
    person: Person,
    name: str,
    rights: _Rights,
    expires_at: datetime | None,
    by: Person | None,
    replaces: Key | None = None,
) -> tuple[Key, str]:
    public, random = _random(PUBLIC), _random(RANDOM)
    text = f"{PREFIX}{public}_{random}"
    text += _checksum(text)
    key = Key(
        public=public,
        name=name,
        person=person,
        scopes=rights.scopes,
        processes=rights.processes,
        floor=rights.floor,
        expires_at=expires_at or clock.now() + LIFE,
        secrets={SIGNING: "whsec_" + base64.b64encode(secrets.token_bytes(_SIGNING_BYTES)).decode()},
        created_by=by,
        replaces=replaces,
    )
    key.digest = _digest(text, key)
    key.save(force_insert=True)
    return key, text


@transaction.atomic
def rotate(key: Key, by: Person | None, keep: timedelta) -> tuple[Key, str]:
    """A key in the place of another one, with the same rights, for as long as that one had. The old one stays valid for
    `keep`, and no longer than it was. KeyInvalid if it was replaced already, or is not valid any more."""
    old = Key.objects.select_for_update().select_related("person").get(pk=key.pk)
    if not _valid().filter(pk=old.pk).exists() or Key.objects.filter(replaces=old).exists():
        raise KeyInvalid(_("This key is not valid any more, or was replaced already."))
    _check(old.person, old.name, old.scopes, by)
    now = clock.now()
    until = now + keep
    life = LIFE if old.expires_at is None else old.expires_at - old.created_at
    rights = _Rights(old.scopes, old.processes, old.floor)
    new, text = _made(old.person, old.name, rights, now + life, by, replaces=old)
    new.secrets = {**new.secrets, **old.secrets}  # whoever checks signatures of callbacks knows it already
    new.save(update_fields=["secrets"])
    old.expires_at = until if old.expires_at is None else min(old.expires_at, until)
    old.save(update_fields=["expires_at"])
    _note(
        new,
        ROTATED,
        by,
        expires=iso(new.expires_at),
        replaces=old.public,
        replaced_expires=iso(old.expires_at),
    )
    key_mails.made(new, by)
    return new, text


@transaction.atomic
def revoke(key: Key, by: Person | None) -> None:
    """It is refused from now on. What was kept of its calls goes."""
    now = clock.now()
    if Key.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        key.idempotent_calls.all().delete()
        _note(key, REVOKED, by, revoked=iso(now))


def presented(text: str) -> Key | None:
    """The valid key of an active person that a caller shows, with its person; None for anything else. What is
    mistyped is known by its checksum, without a query."""
    form = _FORM.fullmatch(text)
    if form is None or _checksum(text[:-CHECKSUM]) != text[-CHECKSUM:]:
        return None
    valid = _valid().filter(public=form[1], person__is_active=True)
    key = valid.select_related("person").defer("secrets").first()
    return key if key is not None and hmac.compare_digest(key.digest, _digest(text, key)) else None


def is_valid(key: Key) -> bool:
    """Whether one that was presented a while ago is valid now."""
    return _valid().filter(pk=key.pk, person__is_active=True).exists()


def with_earlier(key: Key) -> frozenset[str]:
    """The public parts of it and of those that it took the place of, one after the other."""
    known = {key.public}
    earlier = key.replaces_id
    while earlier is not None:
        public, earlier = Key.objects.values_list("public", "replaces_id").get(pk=earlier)
        known.add(public)
    return frozenset(known)


def used(key: Key) -> None:
    """Remember when it was used last."""
    now = clock.now()
    if key.last_used_at is None or key.last_used_at <= now - USED_EVERY:
        Key.objects.filter(pk=key.pk).update(last_used_at=now)


def _valid() -> models.QuerySet[Key]:
    alive = Q(expires_at=None) | Q(expires_at__gt=clock.now())
    return Key.objects.filter(alive, revoked_at=None)


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _at in range(length))


def _checksum(text: str) -> str:
    """CRC-32 in base 62, so that programs that look for leaked secrets tell a key from what only looks like one."""
    number, digits = zlib.crc32(text.encode()), ""
    for _at in range(CHECKSUM):
        number, rest = divmod(number, len(_LETTERS))
        digits = _LETTERS[rest] + digits
    return digits


def _digest(text: str, key: Key) -> str:
    """A keyed hash: the key has 190 random bits, so none that is slow to reckon is needed. Of whom it is and what for,
    too: whoever can write to the database alone makes nothing else of a key that they have."""
    floor = [key.floor] if key.floor else []  # keys of before there were floors are sealed without
    rights = canonical.digest([key.person_id, key.scopes, key.processes, *floor])
    return hmac.new(_hash_key(settings.SECRET_KEY), f"{text} {rights}".encode(), sha256).hexdigest()


@cache
def _hash_key(secret: str) -> bytes:
    return keys.derive(secret, "API keys")


def iso(moment: datetime | None) -> str | None:
    """As the record has it."""
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _note(key: Key, event: str, by: Person | None, **what: object) -> None:
    who = "system" if by is None else f"person:{by.pk}"
    about = {"key": key.public, "person": key.person_id, "scopes": key.scopes, "processes": key.processes}
    if key.floor:
        about["floor"] = key.floor
    chain.append_of_installation(who, {"event": event, **about, **what})
