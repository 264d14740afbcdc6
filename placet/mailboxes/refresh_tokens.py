"""Refresh tokens that servers replace each time that one is used: the newest is kept in the database, and one process
at a time asks with it.

A server that gets an old one takes it for stolen, and takes back the consent (RFC 9700 4.14.2). So whoever asks has the
row's lease; a transaction would hold up everybody else for as long as a server takes to answer. What cannot be helped:
a process that is killed, or a connection that is cut, between the server's replacing a token and its being kept here.
Then somebody signs in again; so, too, after an older backup was restored.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db import OperationalError
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import SecretStr

from placet.lib.fields import Secrets
from placet.mailboxes.base import Wait
from placet.mailboxes.models import RotatedRefreshToken
from placet.mailboxes.oauth import WAIT_CURE, RefreshGrant

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=3)  # longer than any answer takes (`oauth.TIMEOUT`)
PATIENCE = 45.0  # seconds to wait for another process
PAUSE = 0.1  # seconds between looks
NEXT_TRY = 10.0  # seconds, where patience was not enough
NAME = "refresh_token"
KEEPING_AGAIN = (0.5, 2.0, 5.0)  # seconds before a database that would not write is asked to once more


@dataclass
class StoredTurn:
    """`oauth.Turn`."""

    row: int
    token: SecretStr

    def keep(self, token: SecretStr) -> None:
        """What the server gave in place of the one that was used."""
        if token == self.token:
            return
        for pause in KEEPING_AGAIN:
            if self._is_kept(token):
                return
            log.warning("refresh_token_not_kept", row=self.row, again_in=pause)
            time.sleep(pause)
        self._keep(token)

    def _is_kept(self, token: SecretStr) -> bool:
        try:
            self._keep(token)
        except (
            OperationalError
        ):  # the server has replaced it already: without a row the consent would be lost
            return False
        return True

    def _keep(self, token: SecretStr) -> None:
        secrets = Secrets({NAME: token.get_secret_value()})
        RotatedRefreshToken.objects.filter(pk=self.row).update(secrets=secrets, rotated_at=timezone.now())
        self.token = token


@dataclass(frozen=True)
class StoredRotation:
    """`oauth.Rotation` of one stored mailbox."""

    mailbox: int

    @contextmanager
    def turn(self, grant: RefreshGrant) -> Iterator[StoredTurn]:
        """Raises Wait where another process holds the lease for long, or a new consent took the place of this one."""
        origin = origin_of(grant.token_uri, grant.client_id, grant.refresh_token)
        row, _is_new = RotatedRefreshToken.objects.get_or_create(mailbox_id=self.mailbox, origin=origin)
        claim = uuid.uuid4().hex
        _wait_for(row.pk, claim)
        try:
            row.refresh_from_db()
            newest = row.secrets.get(NAME)
            yield StoredTurn(row.pk, SecretStr(newest) if newest else grant.refresh_token)
        finally:
            RotatedRefreshToken.objects.filter(pk=row.pk, claim=claim).update(claim="", claimed_until=None)


def origin_of(token_uri: str, client_id: str, refresh_token: SecretStr) -> str:
    """What tells the consents of a mailbox apart: a token that descends from one is of no use to another server or
    client, even if the same first one was entered for it."""
    parts = [token_uri, client_id, refresh_token.get_secret_value()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _wait_for(row: int, claim: str) -> None:
    until = time.monotonic() + PATIENCE
    while not _claimed(row, claim):
        if time.monotonic() > until or not RotatedRefreshToken.objects.filter(pk=row).exists():
            cause = _("Another process of Placet is asking for an access token of this mailbox.")
            raise Wait(cause, _(WAIT_CURE), NEXT_TRY)
        time.sleep(PAUSE)


def _claimed(row: int, claim: str) -> bool:
    now = timezone.now()
    free = RotatedRefreshToken.objects.filter(Q(claim="") | Q(claimed_until__lt=now), pk=row)
    return free.update(claim=claim, claimed_until=now + LEASE) == 1
