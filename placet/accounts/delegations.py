"""Who may answer in somebody's place: delegations made and ended, and which are in force. Each change is an entry in
the installation's audit. What they do to open questions is `placet.approvals.delegating`'s.

A delegation is looked at when somebody is asked, and once more when somebody answers. It leads one step far: whoever
answers in somebody's place passes that on to nobody.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from placet.accounts.models import Delegation, Person
from placet.audit import chain
from placet.lib import clock
from placet.lib.canonical import digest

log = structlog.get_logger(__name__)

MADE, ENDED = "delegation made", "delegation ended"  # events of the installation's audit
MOST = 20  # of one person that are not over
LONGEST_NOTE = 200  # characters
MOST_KEYS = 50  # processes or groups that one names
FIRST_YEAR, LAST_YEAR = 2000, 2100  # of its days
#: After a delegation began or ended, open questions are looked at twice: somebody may be asked in a transaction that
#: began before.
ONCE_MORE = timedelta(minutes=1)


class DelegationInvalid(ValueError):
    """There can be no delegation like this; the message says what to change."""


@dataclass(frozen=True)
class Scope:
    """What a delegation is about; all empty: everything. `amount_below`: in `currency`."""

    processes: Sequence[str] = ()
    groups: Sequence[str] = ()
    amount_below: Decimal | None = None
    currency: str = ""

    @classmethod
    def of(cls, delegation: Delegation) -> "Scope":
        return cls(
            tuple(delegation.processes),
            tuple(delegation.groups),
            delegation.amount_below,
            delegation.currency,
        )

    @property
    def as_json(self) -> dict[str, Any]:
        """Without what is empty."""
        amount = None if self.amount_below is None else f"{self.amount_below:.2f}"
        said = {
            "processes": list(self.processes),
            "groups": list(self.groups),
            "amount_below": amount,
            "currency": self.currency,
        }
        return {name: value for name, value in said.items() if value}


def in_force(now: datetime) -> QuerySet[Delegation]:
    return Delegation.objects.filter(
        Q(ends_at=None) | Q(ends_at__gt=now),
        begins_at__lte=now,
        ended_at=None,
        delegator__is_active=True,
        delegate__is_active=True,
    )


def is_over(delegation: Delegation, now: datetime) -> bool:
    return delegation.ended_at is not None or (delegation.ends_at is not None and delegation.ends_at <= now)


def not_over(now: datetime) -> QuerySet[Delegation]:
    """In force, or not begun yet."""
    return Delegation.objects.filter(Q(ends_at=None) | Q(ends_at__gt=now), ended_at=None)


def in_force_of(delegators: Collection[int], now: datetime) -> Mapping[int, Sequence[Delegation]]:
    """By id of the delegator, the oldest first."""
    found: dict[int, list[Delegation]] = {}
    for one in in_force(now).filter(delegator__in=delegators).select_related("delegate").order_by("pk"):
        found.setdefault(one.delegator_id, []).append(one)
    return found


def names_for_absence(person_id: int) -> bool:
    """Whether somebody is named who is asked where an automatic reply says that this person is away."""
    return in_force(clock.now()).filter(delegator=person_id, when=Delegation.When.ABSENT).exists()


# --- made and ended ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """A delegation as somebody wants it. `ends_at`: None: until it is ended. `zone`: in which its days are meant, such
    as Europe/Paris; empty where it has moments and no days."""

    delegate: Person
    begins_at: datetime
    ends_at: datetime | None = None
    when: str = Delegation.When.DATES
    scope: Scope = Scope()
    only_delegate: bool = False
    note: str = ""
    zone: str = ""


@transaction.atomic
def make(delegator: Person, wanted: Wanted, by: Person) -> Delegation:
    """By the delegator, or by an administrator for them. DelegationInvalid."""
    # Two of the same person follow each other, and whoever leaves is not made a delegate meanwhile.
    people = Person.objects.select_for_update().filter(pk__in={delegator.pk, wanted.delegate.pk, by.pk})
    locked = {person.pk: person for person in people.order_by("pk")}
    now = clock.now()
    _check(locked[delegator.pk], locked[wanted.delegate.pk], locked[by.pk], wanted, now)
    delegation = Delegation.objects.create(
        delegator=delegator,
        delegate=wanted.delegate,
        when=wanted.when,
        begins_at=wanted.begins_at,
        ends_at=wanted.ends_at,
        zone=wanted.zone,
        processes=list(wanted.scope.processes),
        groups=list(wanted.scope.groups),
        amount_below=wanted.scope.amount_below,
        currency=wanted.scope.currency,
        only_delegate=wanted.only_delegate,
        note=wanted.note,
        created_at=now,
        created_by=by,
        due=max(wanted.begins_at, now),
    )
    chain.append_of_installation(f"person:{by.pk}", {"event": MADE, **content_of(delegation)})
    log.info("delegation_made", delegation=delegation.pk, delegator=delegator.pk, by=by.pk)
    return delegation


def content_of(delegation: Delegation) -> dict[str, Any]:
    """What the record says of it."""
    ends = delegation.ends_at
    return {
        "delegation": delegation.pk,
        "delegator": delegation.delegator_id,
        "delegate": delegation.delegate_id,
        "when": delegation.when,
        "begins": delegation.begins_at.astimezone(UTC).isoformat(),  # as it is read again
        "ends": ends.astimezone(UTC).isoformat() if ends is not None else None,
        "zone": delegation.zone,
        "processes": delegation.processes,
        "groups": delegation.groups,
        "below": [
            None if delegation.amount_below is None else f"{delegation.amount_below:.2f}",
            delegation.currency,
        ],
        "only_delegate": delegation.only_delegate,
        "note": digest(delegation.note),
        "made": delegation.created_at.isoformat(),
    }


@transaction.atomic
def end(delegation_id: int, by: Person) -> bool:
    """From now on. By the delegator or an administrator; PermissionError for anybody else. False if it is over."""
    delegation = Delegation.objects.select_for_update().get(pk=delegation_id)
    if not _may_say(delegation.delegator_id, Person.objects.get(pk=by.pk)):
        raise PermissionError("This delegation is somebody else's.")
    now = clock.now()
    if is_over(delegation, now):
        return False
    delegation.ended_at, delegation.ended_by, delegation.due = now, by, now
    delegation.save(update_fields=["ended_at", "ended_by", "due"])
    what = {"event": ENDED, "delegation": delegation.pk, "ended": now.isoformat()}
    chain.append_of_installation(f"person:{by.pk}", what)
    log.info("delegation_ended", delegation=delegation.pk, delegator=delegation.delegator_id, by=by.pk)
    return True


def _may_say(delegator_id: int, by: Person) -> bool:
    return by.is_active and (by.pk == delegator_id or by.is_administrator)


def _check(delegator: Person, delegate: Person, by: Person, wanted: Wanted, now: datetime) -> None:
    if not _may_say(delegator.pk, by):
        raise DelegationInvalid(_("Only they themselves or an administrator can do this."))
    if delegator.pk == delegate.pk:
        raise DelegationInvalid(_("Nobody answers in their own place. Choose somebody else."))
    if not delegate.is_active or not delegator.is_active:
        inactive = delegator if delegate.is_active else delegate
        raise DelegationInvalid(_("{name} is deactivated.").format(name=inactive.name))
    if wanted.ends_at is not None and wanted.ends_at <= wanted.begins_at:
        raise DelegationInvalid(_("It ends before it begins. Turn the two days round."))
    if wanted.ends_at is not None and wanted.ends_at <= now:
        raise DelegationInvalid(_("The last day is past already."))
    if not_over(now).filter(delegator=delegator).count() >= MOST:
        raise DelegationInvalid(_("There are {most} already. End one of them first.").format(most=MOST))
    if len(wanted.note) > LONGEST_NOTE or not (wanted.note.isprintable() or not wanted.note):
        raise DelegationInvalid(
            _("A note has at most {most} letters, on one line.").format(most=LONGEST_NOTE)
        )
    _check_scope(wanted.scope)


def _check_scope(scope: Scope) -> None:
    if max(len(scope.processes), len(scope.groups)) > MOST_KEYS:
        raise DelegationInvalid(_("Choose at most {most} of each.").format(most=MOST_KEYS))
    if scope.amount_below is not None and (scope.amount_below <= 0 or not scope.currency):
        raise DelegationInvalid(_("An amount is more than nothing, and has a currency."))


# --- moments ----------------------------------------------------------------------------------------------


def moments_of(
    first: date | None, last: date | None, zone: ZoneInfo, now: datetime
) -> tuple[datetime, datetime | None]:
    """From the beginning of the first day (now, without one) to the end of the last one, where somebody is.
    DelegationInvalid of a day that not every zone can show."""
    for day in filter(None, (first, last)):
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise DelegationInvalid(
                _("{day} is not in one of the years from {first} to {last}.").format(
                    day=day.isoformat(), first=FIRST_YEAR, last=LAST_YEAR
                )
            )
    begins = now if first is None else datetime.combine(first, time.min, zone)
    return begins, None if last is None else datetime.combine(last + timedelta(days=1), time.min, zone)


def next_look(delegation: Delegation, after: datetime) -> datetime | None:
    """When open questions are to be looked at next, after a look that began at `after`."""
    moments = [max(delegation.begins_at, delegation.created_at)]
    moments += [moment for moment in (delegation.ends_at, delegation.ended_at) if moment is not None]
    looks = [look for moment in moments for look in (moment, moment + ONCE_MORE)]
    return min((look for look in looks if look > after), default=None)
