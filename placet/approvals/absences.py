"""Who is known to be away: by an automatic reply to a mail that asked, whose sender was proved. They are so for all
that they are asked from then on, because Exchange sends one for each sender only, and so says it of the first question
alone. Each that begins, moves or ends is an entry in the installation's record.

It ends with the first sign of the person themself, at the end that delegations in force say, or after `LONGEST`. What
that does to open questions is `placet.approvals.delegating`'s, which works the rows of here.

Whoever calls this locks no request afterwards in the same transaction: the order of locks is request, person, the
record of the installation.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from placet.accounts import delegations
from placet.accounts.models import Person
from placet.approvals.models import Absence, Decision
from placet.audit import chain
from placet.mail.models import IncomingMail

log = structlog.get_logger(__name__)

BEGAN, MOVED, ENDED = "absence began", "absence moved", "absence ended"  # events of the installation's record
#: An automatic reply counts so long for what is asked later: whoever forgot to switch theirs on again after that, or
#: never read these pages, is waited for as anybody.
LONGEST = timedelta(days=30)
#: Open questions are looked at twice: somebody may be asked in a transaction that began before.
ONCE_MORE = timedelta(minutes=1)
COLLEAGUE = "colleague"  # the stronger of the two proofs that a mail can have


# --- which are in force -----------------------------------------------------------------------------------


def in_force_of(people: Collection[int], now: datetime) -> Mapping[int, Absence]:
    """By id of whoever is away."""
    rows = Absence.objects.filter(person__in=people, ended_at=None, since__lte=now, until__gt=now)
    return {row.person_id: row for row in rows}


def in_force(person_id: int, now: datetime) -> Absence | None:
    return in_force_of([person_id], now).get(person_id)


def counts(absence: Absence, proof: str) -> bool:
    """Whether it is proved as strongly as a step asks it of answers. `proof`: what that asks, as processes name it."""
    return absence.proof == COLLEAGUE or proof != COLLEAGUE


def is_outdated(person_id: int, since: datetime) -> bool:
    """Whether an automatic reply that the server received at this moment says nothing any more."""
    return since + LONGEST <= timezone.now() or has_returned(person_id, since)


def has_returned(person_id: int, since: datetime) -> bool:
    """Whether somebody decided anything themself after this moment, or was said to be back."""
    ended = Absence.objects.filter(person=person_id, ended_by__isnull=False, ended_at__gt=since)
    return ended.exists() or Decision.objects.filter(by_person=person_id, at__gt=since).exists()


# --- begun and ended --------------------------------------------------------------------------------------


@transaction.atomic
def begin(person_id: int, incoming: IncomingMail, proof: str) -> bool:
    """By this automatic reply; `proof`: how its sender was proved. False where it is known already, or outdated."""
    now, since = timezone.now(), incoming.receipt_time
    Person.objects.select_for_update().get(pk=person_id)
    if is_outdated(person_id, since):
        return False
    last = Absence.objects.filter(person=person_id, ended_at=None).first()
    if last is not None and last.until > now:
        return False
    if last is not None:
        _end(last, last.until, None)
    until = min([since + LONGEST, *_ends(person_id, now)])
    absence = Absence.objects.create(
        person_id=person_id, incoming=incoming, proof=proof, since=since, until=until, changed_at=now, due=now
    )
    chain.append_of_installation("system", {"event": BEGAN, **content_of(absence)})
    log.info("absence_began", absence=absence.pk, person=person_id, incoming=incoming.pk)
    return True


def content_of(absence: Absence) -> dict[str, Any]:
    """What the record says of one that began."""
    return {
        "absence": absence.pk,
        "person": absence.person_id,
        "incoming": absence.incoming_id,
        "proof": absence.proof,
        "since": absence.since.isoformat(),
        "until": absence.until.isoformat(),
    }


def _ends(person_id: int, now: datetime) -> list[datetime]:
    """Until when they are away, as their delegations that are in force say: one moment, or none."""
    standing = delegations.in_force_of([person_id], now).get(person_id, ())
    ends = [one.ends_at for one in standing if one.ends_at is not None]
    return [max(ends)] if ends else []


@transaction.atomic
def move(person_id: int) -> bool:
    """A delegation of somebody who is away began or ended: what is left may say until when. False if nothing
    changes."""
    now = timezone.now()
    Person.objects.select_for_update().get(pk=person_id)
    absence, ends = in_force(person_id, now), _ends(person_id, now)
    if absence is None or not ends:  # where none says until when any more, what was said stays
        return False
    until = min(absence.since + LONGEST, *ends)
    if until == absence.until:
        return False
    absence.until, absence.changed_at, absence.due = until, now, now
    absence.save(update_fields=["until", "changed_at", "due"])
    what = {"event": MOVED, "absence": absence.pk, "until": until.isoformat()}
    chain.append_of_installation("system", what)
    return True


def returned(person: Person, at: datetime) -> bool:
    """Somebody did something themself at this moment: they are back, if they were away. True if they were."""
    is_away = Absence.objects.filter(person=person, ended_at=None).exists()
    return is_away and end(person, at, person)


@transaction.atomic
def end(person: Person, at: datetime, by: Person) -> bool:
    """By themself, or by an administrator who says that they are back. False where nothing was to end, as by what came
    before the automatic reply did."""
    Person.objects.select_for_update().get(pk=person.pk)
    absence = Absence.objects.filter(person=person, ended_at=None, since__lte=at).first()
    if absence is None:
        return False
    _end(absence, at, by) if at < absence.until else _end(absence, absence.until, None)
    return True


@transaction.atomic
def end_by_itself(absence_id: int) -> bool:
    """If it is past, or they were back before anybody knew of the automatic reply."""
    absence = Absence.objects.select_related("person").get(pk=absence_id)
    Person.objects.select_for_update().get(pk=absence.person_id)
    absence.refresh_from_db()
    if absence.ended_at is not None:
        return False
    if has_returned(absence.person_id, absence.since):
        _end(absence, timezone.now(), absence.person)
    elif absence.until <= timezone.now():
        _end(absence, absence.until, None)
    else:
        return False
    return True


def _end(absence: Absence, at: datetime, by: Person | None) -> None:
    """The caller's transaction holds the person locked."""
    now = timezone.now()
    absence.ended_at, absence.ended_by, absence.changed_at, absence.due = at, by, now, now
    absence.save(update_fields=["ended_at", "ended_by", "changed_at", "due"])
    who = "system" if by is None else f"person:{by.pk}"
    what = {"event": ENDED, "absence": absence.pk, "ended": at.isoformat()}
    chain.append_of_installation(who, what)
    log.info("absence_ended", absence=absence.pk, person=absence.person_id, by=by and by.pk)


# --- rows of work -----------------------------------------------------------------------------------------


def due(limit: int) -> list[int]:
    rows = Absence.objects.filter(due__lte=timezone.now())
    return list(rows.order_by("due", "id").values_list("id", flat=True)[:limit])


def look_again(people: Collection[int]) -> None:
    """Questions of these are open again."""
    newest = Absence.objects.filter(person__in=people).order_by().values("person").annotate(newest=Max("pk"))
    Absence.objects.filter(pk__in=newest.values("newest")).update(due=timezone.now())


def next_look(absence: Absence, after: datetime) -> datetime | None:
    """When open questions are to be looked at next, after a look that began at `after`."""
    looks = [absence.changed_at, absence.changed_at + ONCE_MORE]
    if absence.ended_at is None:
        looks.append(absence.until)
    return min((look for look in looks if look > after), default=None)
