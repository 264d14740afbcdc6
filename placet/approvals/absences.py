"""Who is known to be away: by an automatic reply to a mail that asked, whose sender was proved. They are so for all
that they are asked from then on, because Exchange sends one for each sender only, and so says it of the first question
alone. Each that begins, moves or ends is an entry in the installation's record.

It ends with the first sign of the person themself, at the end that delegations in force say, or after `LONGEST`. What
that does to open questions is `placet.approvals.delegating`'s, which works the rows of here.

Whoever calls this locks no request afterwards in the same transaction: the order of locks is request, person, absence,
the record of the installation. No person is locked here: asking somebody holds them, and two who are each other's
delegates would wait for one another. That nobody is away twice is held by a constraint.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Max, Q

from placet.accounts import delegations
from placet.accounts.models import Person
from placet.approvals.models import Absence, Decision
from placet.approvals.proofs import Level, satisfies
from placet.audit import chain
from placet.lib import clock
from placet.mail.models import IncomingMail

log = structlog.get_logger(__name__)

BEGAN, MOVED, ENDED = "absence began", "absence moved", "absence ended"  # events of the installation's record
#: An automatic reply counts so long for what is asked later: whoever forgot to switch theirs on again after that, or
#: never read these pages, is waited for as anybody.
LONGEST = timedelta(days=30)
#: Open questions are looked at twice: somebody may be asked in a transaction that began before.
ONCE_MORE = timedelta(minutes=1)
CLOCKS = timedelta(days=1)  # more than the server's clock and ours are ever apart
#: What became of mails that are proved to be somebody's, and say nothing of whether they are there: automatic replies,
#: and answers to what somebody else wrote to them.
SAY_NOTHING = ("automatic_reply", "not_named")


# --- which are in force -----------------------------------------------------------------------------------


def in_force_of(people: Collection[int], now: datetime) -> Mapping[int, Absence]:
    """By id of whoever is away."""
    rows = Absence.objects.filter(person__in=people, ended_at=None, since__lte=now, until__gt=now)
    return {row.person_id: row for row in rows}


def in_force(person_id: int, now: datetime) -> Absence | None:
    return in_force_of([person_id], now).get(person_id)


def counts(absence: Absence, proof: str) -> bool:
    """Whether it is proved as strongly as a step asks it of answers. `proof`: what that asks, as processes name it."""
    return proof == Level.PAGE or satisfies(absence.proof, proof)


def said_at(incoming: IncomingMail) -> datetime:
    """When an automatic reply came, and not later than now: the server's clock may be ahead of ours."""
    return min(incoming.receipt_time, clock.now())


def is_outdated(person_id: int, incoming: IncomingMail) -> bool:
    """Whether this automatic reply says nothing any more."""
    since = said_at(incoming)
    return since + LONGEST <= clock.now() or has_returned(person_id, since, incoming)


def has_returned(person_id: int, since: datetime, incoming: IncomingMail) -> bool:
    """Whether somebody did anything themself after this automatic reply, which came at `since` by our clock, or was
    said to be back. What they wrote counts by when the server received it, whichever mail was taken in first."""
    ended = Absence.objects.filter(person=person_id, ended_by__isnull=False, ended_at__gt=since)
    decided = Decision.objects.filter(by_person=person_id, channel=Decision.Channel.PAGE, at__gt=since)
    acted = Person.objects.filter(pk=person_id, acted_at__gt=since)
    return (
        acted.exists() or ended.exists() or decided.exists() or _has_written(person_id, incoming.receipt_time)
    )


def _has_written(person_id: int, received: datetime) -> bool:
    received_later = Q(received_at__gt=received) | Q(received_at=None, kept_at__gt=received)
    handled_later = Q(handled_at__gt=received - CLOCKS)  # for the index; by our clock
    mails = IncomingMail.objects.filter(received_later, handled_later, person=person_id)
    return mails.exclude(result__in=SAY_NOTHING).exists()


# --- begun and ended --------------------------------------------------------------------------------------


@transaction.atomic
def begin(person_id: int, incoming: IncomingMail, proof: str) -> bool:
    """By this automatic reply; `proof`: how its sender was proved. False where it is known already, and proved as
    strongly; where it is outdated; and of somebody who is not active, whom nobody asks."""
    now, since = clock.now(), said_at(incoming)
    is_active = Person.objects.filter(pk=person_id, is_active=True).exists()
    if not is_active or is_outdated(person_id, incoming):
        return False
    last = _locked(person_id)
    if last is not None and last.until > now and counts(last, proof):
        return False
    if last is not None:
        _end(last, min(last.until, now), None)
    until = min([since + LONGEST, *_ends(person_id, now)])
    absence = Absence(
        person_id=person_id, incoming=incoming, proof=proof, since=since, until=until, changed_at=now, due=now
    )
    try:
        with transaction.atomic():
            absence.save()
    except IntegrityError:
        if _locked(person_id) is None:
            raise  # not because another automatic reply of theirs was a moment faster
        return False
    chain.append_of_installation("system", {"event": BEGAN, **content_of(absence)})
    log.info("absence_began", absence=absence.pk, person=person_id, incoming=incoming.pk)
    return True


def _locked(person_id: int) -> Absence | None:
    """The one that has not ended, for the caller's transaction alone."""
    return Absence.objects.select_for_update().filter(person=person_id, ended_at=None).first()


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
    now = clock.now()
    absence, ends = _locked(person_id), _ends(person_id, now)
    if absence is None or absence.until <= now:
        return False
    if not ends:
        return False  # none says until when any more: what was said stays
    until = min(absence.since + LONGEST, *ends)
    if until == absence.until:
        return False
    absence.until, absence.changed_at, absence.due = until, now, now
    absence.save(update_fields=["until", "changed_at", "due"])
    what = {"event": MOVED, "absence": absence.pk, "until": until.isoformat()}
    chain.append_of_installation("system", what)
    return True


def acted(person: Person, at: datetime) -> None:
    """Somebody did something on a page at this moment. That is kept, for an automatic reply that came before may be
    read later."""
    Person.objects.filter(pk=person.pk).update(acted_at=at)
    returned(person, at)


def returned(person: Person, at: datetime) -> bool:
    """Somebody did something themself at this moment: they are back, if they were away. True if they were."""
    is_away = Absence.objects.filter(person=person, ended_at=None).exists()
    return is_away and end(person, at, person)


@transaction.atomic
def end(person: Person, at: datetime, by: Person) -> bool:
    """By themself, or by an administrator who says that they are back. False where nothing was to end, as by what came
    before the automatic reply did."""
    absence = _locked(person.pk)
    if absence is None or absence.since > at:
        return False
    _end(absence, at, by) if at < absence.until else _end(absence, absence.until, None)
    return True


@transaction.atomic
def end_by_itself(absence_id: int) -> bool:
    """If it is past, or they were back before anybody knew of the automatic reply."""
    absence = Absence.objects.select_for_update().get(pk=absence_id)
    if absence.ended_at is not None:
        return False
    incoming = IncomingMail.objects.defer("raw", "transport_headers").get(pk=absence.incoming_id)
    if has_returned(absence.person_id, absence.since, incoming):
        _end(absence, clock.now(), absence.person)
    elif absence.until <= clock.now():
        _end(absence, absence.until, None)
    else:
        return False
    return True


def _end(absence: Absence, at: datetime, by: Person | None) -> None:
    """The caller's transaction holds it locked."""
    now = clock.now()
    absence.ended_at, absence.ended_by, absence.changed_at, absence.due = at, by, now, now
    absence.save(update_fields=["ended_at", "ended_by", "changed_at", "due"])
    who = "system" if by is None else f"person:{by.pk}"
    what = {"event": ENDED, "absence": absence.pk, "ended": at.isoformat()}
    chain.append_of_installation(who, what)
    log.info("absence_ended", absence=absence.pk, person=absence.person_id, by=by and by.pk)


# --- rows of work -----------------------------------------------------------------------------------------


def due(limit: int) -> list[int]:
    rows = Absence.objects.filter(due__lte=clock.now())
    return list(rows.order_by("due", "id").values_list("id", flat=True)[:limit])


def look_again(people: Collection[int]) -> None:
    """Questions of these are open again."""
    newest = Absence.objects.filter(person__in=people).order_by().values("person").annotate(newest=Max("pk"))
    Absence.objects.filter(pk__in=newest.values("newest")).update(due=clock.now())


def next_look(absence: Absence, after: datetime) -> datetime | None:
    """When open questions are to be looked at next, after a look that began at `after`."""
    looks = [absence.changed_at, absence.changed_at + ONCE_MORE]
    if absence.ended_at is None:
        looks.append(absence.until)
    return min((look for look in looks if look > after), default=None)
