"""Kind of work: that Microsoft Graph tells of new mail. Each active mailbox has a subscription for each folder, which
is renewed, made anew where it was lost, and ended where it is no longer wanted.

What fails here is kept with the subscription and shown, and disturbs nothing: the mailbox is polled all the same.
"""

import hmac
import secrets
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

import structlog
from django.conf import settings as installation
from django.db.models import Q
from django.utils import timezone

from placet.accounts.general import general
from placet.lib import keys
from placet.lib.canonical import digest
from placet.mailboxes import pool
from placet.mailboxes.base import Folder, MailboxError, Wait
from placet.mailboxes.microsoft import protocols
from placet.mailboxes.microsoft.clouds import GRAPH, OWN
from placet.mailboxes.microsoft.graph import subscription_calls
from placet.mailboxes.microsoft.graph.client import Graph
from placet.mailboxes.microsoft.graph.connection import FOLDERS, GraphConnection
from placet.mailboxes.microsoft.push.hindrance import PATH, hindrance
from placet.mailboxes.microsoft.settings import ExchangeSettings
from placet.mailboxes.models import Mailbox, Subscription
from placet.mailboxes.push.notices import is_wanted, notice
from placet.mailboxes.push.subscriptions import LEASED
from placet.mailboxes.settings import SettingsInvalid

log = structlog.get_logger(__name__)

RENEWED_AFTER = timedelta(hours=24)
SOONEST = timedelta(minutes=1)  # however short a life the server gives
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=15)
MOST_ENDINGS = 3  # tries to end one on the server; by itself it ends after some days


# --- what is due ------------------------------------------------------------------------------------------


def due(limit: int) -> list[int]:
    """Mailboxes with a subscription that is to be made, renewed or ended."""
    now, public_url = timezone.now(), general().public_url
    rows: dict[int, list[Subscription]] = {}
    for row in Subscription.objects.filter(protocol=GRAPH):
        rows.setdefault(row.mailbox_id, []).append(row)
    return [
        mailbox.pk
        for mailbox in Mailbox.objects.defer("secrets", "cursor")
        if _needs_care(mailbox, _made_with(mailbox, public_url), rows.get(mailbox.pk, []), now)
    ][:limit]


def _needs_care(mailbox: Mailbox, made_with: str, rows: list[Subscription], now: datetime) -> bool:
    if made_with and len(rows) < len(Folder):
        return not pool.rests(mailbox)
    needy = any(row.due <= now or (not row.claim and row.made_with != made_with) for row in rows)
    return needy and not (made_with and pool.rests(mailbox))


def _made_with(mailbox: Mailbox, public_url: str) -> str:
    """Digest of all that a subscription depends on; "" where the mailbox shall have none."""
    if mailbox.protocol != GRAPH or not is_wanted(mailbox) or hindrance(mailbox, public_url) is not None:
        return ""
    names = ("username", "client_id", "server_address", "token_uri")
    return digest([public_url, *(str(mailbox.settings.get(name, "")) for name in names)])


# --- one mailbox ------------------------------------------------------------------------------------------


def work(mailbox_id: int) -> bool:
    """Bring a mailbox's subscriptions to what they should be. False if there was nothing to do."""
    mailbox = Mailbox.objects.get(pk=mailbox_id)
    public_url = general().public_url
    made_with = _made_with(mailbox, public_url)
    if made_with:
        for folder in Folder:
            Subscription.objects.get_or_create(mailbox=mailbox, protocol=GRAPH, folder=folder)
    worked = False
    for row in mailbox.subscriptions.filter(protocol=GRAPH).order_by("pk"):
        if _claim(row, made_with):
            worked = True
            _care(_Care(row, mailbox, made_with, f"{public_url}/{PATH}"))
    return worked


def _claim(row: Subscription, made_with: str) -> bool:
    needy = Q(due__lte=timezone.now()) | Q(claim="") & ~Q(made_with=made_with)
    claim = LEASED.take(Subscription.objects.filter(needy, pk=row.pk))
    if claim:
        row.refresh_from_db()
    return bool(claim) and row.claim == claim


def try_again() -> None:
    """At a start, which may be what those waited for that failed."""
    Subscription.objects.filter(claim="", failures__gt=0).update(due=timezone.now())


@dataclass(frozen=True)
class _Care:
    """One subscription in hand, as it was read when it was claimed."""

    row: Subscription
    mailbox: Mailbox
    made_with: str
    url: str

    def write(self, **values: Any) -> bool:
        """False if it is no longer ours, or the server took it away meanwhile: then nothing is written."""
        mine = Subscription.objects.filter(pk=self.row.pk, claim=self.row.claim, server_id=self.row.server_id)
        return bool(mine.update(claim="", made_with=self.made_with, **values))

    def let_go(self) -> None:
        Subscription.objects.filter(pk=self.row.pk, claim=self.row.claim).update(claim="")

    def forget(self) -> None:
        """The one that the server knew is of no use any more, whatever becomes of the next."""
        gone: dict[str, Any] = {"server_id": "", "state_hash": "", "expires_at": None, "since": None}
        if Subscription.objects.filter(pk=self.row.pk, claim=self.row.claim).update(**gone):
            self.row.server_id, self.row.since = "", None


def _care(care: _Care) -> None:
    if not care.made_with:
        _end(care)
        return
    try:
        settings = pool.settings_of(care.mailbox)
        assert isinstance(settings, ExchangeSettings)  # as only those have subscriptions of this protocol
        connection = _graph_of(care.mailbox, settings)
        with closing(connection):
            _keep(care, connection.graph)
    except MailboxError as error:
        _failed(care, error)


def _keep(care: _Care, graph: Graph) -> None:
    row = care.row
    if row.server_id and row.made_with != care.made_with:
        _try_to_delete(graph, row.server_id)
        care.forget()
    elif row.server_id and _renewed(care, graph):
        return
    state = secrets.token_urlsafe(32)
    made = subscription_calls.create(graph, FOLDERS[Folder(row.folder)], care.url, state)
    if not _kept(care, made, server_id=made.id, state_hash=hash_of(state), since=timezone.now()):
        _try_to_delete(graph, made.id)
        return
    log.info("subscribed", mailbox=care.mailbox.pk, folder=row.folder, until=made.expires_at.isoformat())
    notice(care.mailbox.pk)  # what came before it heard


def _renewed(care: _Care, graph: Graph) -> bool:
    """False if it is over."""
    row, now = care.row, timezone.now()
    if row.expires_at is not None and row.expires_at > now:
        try:
            _kept(care, subscription_calls.renew(graph, row.server_id), since=row.since or now)
        except subscription_calls.Lost:
            pass
        else:
            return True
    log.info("subscription_lost", mailbox=care.mailbox.pk, folder=row.folder)
    care.forget()
    return False


def _kept(care: _Care, made: subscription_calls.Made, **values: Any) -> bool:
    now = timezone.now()
    halfway = now + max((made.expires_at - now) / 2, SOONEST)
    kept = care.write(
        expires_at=made.expires_at,
        due=min(halfway, now + RENEWED_AFTER),
        failures=0,
        trouble={},
        **values,
    )
    if not kept:
        care.let_go()
    return kept


def _failed(care: _Care, error: MailboxError) -> None:
    """To be tried again after a growing pause, or when the server says. One that still lives goes on telling."""
    if care.made_with and care.row.made_with != care.made_with:
        care.forget()  # it was made for something else, and must not be taken for the new one
    now = timezone.now()
    grown: timedelta = min(FIRST_PAUSE * 2 ** min(care.row.failures, 10), LONGEST_PAUSE)
    asked = error.seconds if isinstance(error, Wait) else None
    pause = grown if asked is None else max(grown, timedelta(seconds=asked))
    log.warning(
        "subscription_failed", mailbox=care.mailbox.pk, folder=care.row.folder, cause=error.cause,
        seconds=round(pause.total_seconds()),
    )  # fmt: skip
    trouble = {"cause": error.cause, "cure": error.cure, "at": now.isoformat()}
    if not care.write(due=now + pause, failures=care.row.failures + 1, trouble=trouble):
        care.let_go()


def _graph_of(mailbox: Mailbox, settings: ExchangeSettings) -> GraphConnection:
    """A connection of its own: what fails in it must not pause the mailbox."""
    connection = protocols.connect_with_secrets(settings, mailbox.secrets, key=f"{mailbox.pk}")
    assert isinstance(connection, GraphConnection)
    return connection


# --- the end of one ---------------------------------------------------------------------------------------


def _end(care: _Care) -> None:
    """Not wanted any more: taken from the server, if it lets us, and forgotten."""
    row = care.row
    settings = _settings_by_graph(care.mailbox) if row.server_id else None
    if settings is not None:
        try:
            with closing(_graph_of(care.mailbox, settings)) as connection:
                subscription_calls.delete(connection.graph, row.server_id)
        except MailboxError as error:
            if row.failures + 1 < MOST_ENDINGS:
                _failed(care, error)
                return
            log.warning("subscription_left", mailbox=care.mailbox.pk, cause=error.cause)
    Subscription.objects.filter(pk=row.pk, claim=row.claim).delete()


def _settings_by_graph(mailbox: Mailbox) -> ExchangeSettings | None:
    """The way through Graph, also of a mailbox that goes another way by now; None where it cannot be told."""
    said: Mapping[str, Any] = mailbox.settings
    if mailbox.protocol != GRAPH:
        server = said.get("server_address", "") if said.get("cloud") == OWN else ""
        said = {**said, "protocol": GRAPH, "scope": "", "server_address": server}
    try:
        return ExchangeSettings.parse(said)[0]
    except SettingsInvalid:
        return None


def _try_to_delete(graph: Graph, server_id: str) -> None:
    try:
        subscription_calls.delete(graph, server_id)
    except MailboxError as error:
        log.info("subscription_left", cause=error.cause)  # it ends by itself, and its notices are dropped


# --- whose notice it is -----------------------------------------------------------------------------------


def hash_of(state: str) -> str:
    return hmac.new(_key(), state.encode("utf-8", "replace"), sha256).hexdigest()


@cache
def _key() -> bytes:
    return keys.derive(installation.SECRET_KEY, "graph notifications")
