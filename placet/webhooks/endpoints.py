"""Where events go: made, changed, switched off and on, removed; and deliveries that are asked for once more.

Rights are the caller's business: the pages are for administrators and owners of a process, the API for keys that may.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.accounts.models import Person
from placet.alarms.chosen import AddressInvalid, address_of
from placet.approvals.models import Process
from placet.approvals.owning import owned_by
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.http import check_entered
from placet.webhooks import events, signing
from placet.webhooks.models import (
    FORMER_SECRET,
    LONGEST_DESCRIPTION,
    SECRET,
    URL,
    Delivery,
    Endpoint,
    secrets_of,
)

log = structlog.get_logger(__name__)

BOTH_VALID = timedelta(days=1)  # that the former secret signs, too, unless somebody says otherwise
LONGEST_BOTH_VALID = timedelta(days=30)
MOST_ENDPOINTS = 100  # webhooks of an installation, and chats of a process: each is looked at for every event
MOST_REPLAYED = 10_000  # deliveries at once
SWITCHED_OFF = gettext_lazy("Not sent: the webhook was switched off.")
NOT_THEIRS = gettext_lazy(
    "Not sent: whoever made the webhook does not own the process any more, nor administers."
)


class EndpointInvalid(ValueError):
    """It cannot be so. `field`: which of `Wanted` is wrong; the text says why and what to enter."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True)
class Wanted:
    """An endpoint as somebody enters it. `events`, `processes`: empty for all."""

    url: str
    description: str = ""
    events: Sequence[str] = ()
    processes: Sequence[str] = ()
    with_data: bool = False

    def checked(self) -> "Wanted":
        """As it is stored. Raises EndpointInvalid."""
        if unknown := events.unknown(list(self.events)):
            raise EndpointInvalid("events", _("There is no event “{type}”.").format(type=unknown[0][:60]))
        known = set(Process.objects.filter(key__in=self.processes).values_list("key", flat=True))
        if missing := [key for key in self.processes if key not in known]:
            raise EndpointInvalid("processes", _("There is no process “{key}”.").format(key=missing[0][:60]))
        description = " ".join(self.description.split())
        if len(description) > LONGEST_DESCRIPTION:
            text = _("Use {n} characters at most.").format(n=LONGEST_DESCRIPTION)
            raise EndpointInvalid("description", text)
        return Wanted(
            checked_url(self.url), description, sorted(set(self.events)), sorted(known), self.with_data
        )


def checked_url(text: str) -> str:
    """An address that may be called, as far as it can be known before. Raises EndpointInvalid."""
    try:
        url = address_of(text)
        check_entered(url)
    except (AddressInvalid, FixNeeded) as error:
        raise EndpointInvalid("url", str(error)) from error
    return url


def webhooks() -> QuerySet[Endpoint]:
    """Those of other systems, in the order in which they were made."""
    return Endpoint.objects.filter(kind=Endpoint.Kind.WEBHOOK).order_by("pk")


def switched_off_by_itself() -> QuerySet[Endpoint]:
    """Webhooks and chats that failed for days, or answered that nobody wants events there any more."""
    why = (Endpoint.Disabled.FAILING, Endpoint.Disabled.GONE)
    return Endpoint.objects.filter(disabled_why__in=why, request=None).order_by("pk")


def callbacks_not_taken() -> QuerySet[Delivery]:
    """Deliveries to callbacks that were given up, the newest first."""
    failed = Delivery.objects.filter(state=Delivery.State.FAILED, endpoint__kind=Endpoint.Kind.CALLBACK)
    return failed.order_by("-pk")


def chats_of(process: Process) -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(kind__in=Endpoint.CHATS, process=process).order_by("pk")


def may_have(person: Person, processes: Collection[str]) -> bool:
    """Whether somebody may have events of these processes sent somewhere: administrators of all; others of what they
    own."""
    if person.is_administrator:
        return True
    owned = set(owned_by(person).filter(key__in=processes).values_list("key", flat=True))
    return bool(processes) and owned == set(processes)


def may_hear(endpoint: Endpoint, process: str) -> bool:
    """Whether an endpoint may be told of a request, by the key of its process, as things are now: a webhook as long as
    whoever made it may have such events sent. Callbacks are of one request, chats of one process and its owners."""
    if endpoint.kind != Endpoint.Kind.WEBHOOK:
        return True
    return endpoint.owner is not None and may_have(endpoint.owner, [process])


# --- made and changed -------------------------------------------------------------------------------------


def make(wanted: Wanted, owner: Person) -> tuple[Endpoint, str]:
    """A webhook, and its secret, which is shown once. Raises EndpointInvalid."""
    wanted = wanted.checked()
    if webhooks().count() >= MOST_ENDPOINTS:
        raise EndpointInvalid("url", _("There are {n} webhooks already.").format(n=MOST_ENDPOINTS))
    secret = signing.new_secret()
    endpoint = Endpoint.objects.create(
        kind=Endpoint.Kind.WEBHOOK,
        secrets=secrets_of(wanted.url, secret),
        owner=owner,
        description=wanted.description,
        events=list(wanted.events),
        processes=list(wanted.processes),
        with_data=wanted.with_data,
    )
    _note("made", endpoint, owner)
    return endpoint, secret


def make_chat(process: Process, kind: Endpoint.Kind, wanted: Wanted, owner: Person) -> Endpoint:
    """Notices of one process for a chat. Raises EndpointInvalid."""
    wanted = wanted.checked()
    if chats_of(process).count() >= MOST_ENDPOINTS:
        raise EndpointInvalid("url", _("There are {n} already.").format(n=MOST_ENDPOINTS))
    endpoint = Endpoint.objects.create(
        kind=kind,
        process=process,
        secrets=secrets_of(wanted.url),
        owner=owner,
        description=wanted.description,
        events=list(wanted.events),
    )
    _note("made", endpoint, owner)
    return endpoint


@transaction.atomic
def change(endpoint: Endpoint, wanted: Wanted, by: Person) -> Endpoint:
    """Everything but the secret. What waits goes to the new address. Raises EndpointInvalid."""
    wanted = wanted.checked()
    row = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    row.secrets = {**row.secrets, URL: wanted.url}
    row.description, row.with_data = wanted.description, wanted.with_data
    row.events, row.processes = list(wanted.events), list(wanted.processes)
    row.save(update_fields=["secrets", "description", "with_data", "events", "processes"])
    _note("changed", row, by)
    return row


@transaction.atomic
def rotate(endpoint: Endpoint, by: Person, both_valid: timedelta = BOTH_VALID) -> str:
    """A new secret, which is shown once. As long as `both_valid` says the former one signs, too."""
    row = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    secret = signing.new_secret()
    row.secrets = secrets_of(row.url, secret, row.secrets.get(SECRET, ""))
    row.former_until = timezone.now() + min(both_valid, LONGEST_BOTH_VALID)
    row.save(update_fields=["secrets", "former_until"])
    _note("rotated", row, by)
    return secret


def signing_secrets(endpoint: Endpoint, now: datetime) -> list[str]:
    """Those that sign at a moment, the newest first."""
    former = endpoint.secrets.get(FORMER_SECRET, "")
    is_valid = bool(former) and endpoint.former_until is not None and now < endpoint.former_until
    return [endpoint.secrets[SECRET], *([former] if is_valid else [])]


@transaction.atomic
def remove(endpoint: Endpoint, by: Person) -> None:
    """With its log."""
    _note("removed", endpoint, by)
    endpoint.delete()


# --- switched off and on ----------------------------------------------------------------------------------


@transaction.atomic
def switch_off(endpoint: Endpoint, why: Endpoint.Disabled, by: Person | None = None) -> None:
    """What waits is not sent; it can be asked for afterwards."""
    now = timezone.now()
    is_told = by is not None or endpoint.owner_id is None  # by whoever did it; of a callback nobody
    changed = Endpoint.objects.filter(pk=endpoint.pk, active=True).update(
        active=False, disabled_at=now, disabled_why=why, told_at=now if is_told else None
    )
    if not changed:
        return
    waiting = Delivery.objects.filter(endpoint=endpoint, state=Delivery.State.WAITING)
    waiting.update(state=Delivery.State.FAILED, last_error=str(SWITCHED_OFF))
    _note("switched_off", endpoint, by, why=str(why))


def switch_on(endpoint: Endpoint, by: Person) -> None:
    Endpoint.objects.filter(pk=endpoint.pk, active=False).update(
        active=True, disabled_at=None, disabled_why="", told_at=None, failures=0, failing_since=None,
        is_slow=False, due=timezone.now(),
    )  # fmt: skip
    _note("switched_on", endpoint, by)


# --- once more --------------------------------------------------------------------------------------------


def replay(deliveries: QuerySet[Delivery], by: Person) -> int:
    """Send them once more, with the ids that they had, in their order. How many they were: of switched-off endpoints
    none, and never more than MOST_REPLAYED."""
    chosen = deliveries.filter(endpoint__active=True).exclude(state=Delivery.State.WAITING).order_by("pk")
    numbers = list(chosen.values_list("pk", flat=True)[:MOST_REPLAYED])
    asked_for = 0
    for start in range(0, len(numbers), 500):  # SQLite's values in one statement are limited
        some = Delivery.objects.filter(pk__in=numbers[start : start + 500])
        asked_for += some.update(state=Delivery.State.WAITING, tries=0, due=timezone.now())
    log.info("deliveries_replayed", deliveries=asked_for, by=by.pk)
    return asked_for


def of_span(endpoint: Endpoint, begin: datetime, end: datetime) -> QuerySet[Delivery]:
    """The deliveries of events that happened from `begin` on and before `end`."""
    span = Delivery.objects.filter(endpoint=endpoint, event__at__gte=begin, event__at__lt=end)
    return span.exclude(event__type=events.TEST)


def _note(what: str, endpoint: Endpoint, by: Person | None, **more: str) -> None:
    who = by.pk if by is not None else None
    log.info(f"endpoint_{what}", endpoint=endpoint.pk, kind=endpoint.kind, host=endpoint.host, by=who, **more)
