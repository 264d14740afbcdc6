"""What people read of delegates: in mails, and of decisions that somebody gave in another's place."""

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from placet.accounts.models import Delegation
from placet.approvals.models import Assignment, Decision, Delegate
from placet.lib.sentences import Sentence
from placet.lib.zones import zone_of
from placet.mail.mime import one_line

LONGEST_COMMENT = 1000  # of whoever gives a question to somebody, in the mail
MOST_NAMES = 3


class LastDay:
    """The last day of a delegation that has one: the day that was entered, with its zone where another moment ends
    it for whoever reads it. Written when it is read."""

    def __init__(self, delegation: Delegation) -> None:
        assert delegation.ends_at is not None
        self._delegation, self._ends_at = delegation, delegation.ends_at

    def __str__(self) -> str:
        return f"{day_of(self._ends_at - timedelta(microseconds=1), self._zone)}{self._named_zone}"

    @property
    def _zone(self) -> tzinfo:
        return _zone_of(self._delegation)

    @property
    def _named_zone(self) -> str:
        return _named_zone(self._ends_at, self._delegation)


def first_day(delegation: Delegation) -> str:
    """The same of its first day; the zone only where no last day names it."""
    zone = "" if delegation.ends_at is not None else _named_zone(delegation.begins_at, delegation)
    return f"{day_of(delegation.begins_at, _zone_of(delegation))}{zone}"


def _zone_of(delegation: Delegation) -> tzinfo:
    return zone_of(delegation.zone) if delegation.zone else timezone.get_current_timezone()


def _named_zone(moment: datetime, delegation: Delegation) -> str:
    zone = _zone_of(delegation)
    differs = moment.astimezone(zone).utcoffset() != timezone.localtime(moment).utcoffset()
    return f" ({delegation.zone})" if differs else ""


def day_of(moment: datetime, zone: tzinfo | None = None) -> str:
    """In a zone; without one as whoever reads it has it."""
    return date_format(timezone.localtime(moment, zone), pgettext("a day, in Django's signs", "l, j F Y"))


def asked_in_place(row: Delegate) -> list[Sentence]:
    """To a delegate: in whose place they are asked, and why."""
    name = row.assignment.person.name
    if row.why == Delegate.Why.GIVEN:
        return list(_given(row, name))
    if row.why == Delegate.Why.ABSENCE:
        return [
            Sentence(
                "You are asked in place of {name}, who is away according to an automatic reply.", name=name
            )
        ]
    if row.delegation is not None and row.delegation.ends_at is not None:
        until = LastDay(row.delegation)
        return [Sentence("You are asked in place of {name} (until {day}).", name=name, day=until)]
    return [Sentence("You are asked in place of {name}.", name=name)]


def _given(row: Delegate, name: str) -> Iterable[Sentence]:
    giver = row.by.name if row.by is not None else name
    yield Sentence("{giver} gave this to you.", giver=giver)
    if giver != name:
        yield Sentence("You are asked in place of {name}.", name=name)
    yield from _comment_of(giver, row.comment)


def _comment_of(giver: str, written: str) -> Iterable[Sentence]:
    # Somebody else's text, beside ours: on one line, and without signs that turn or hide what stands behind it.
    comment = one_line(written)[:LONGEST_COMMENT]
    if comment:
        yield Sentence("{giver} writes: “{comment}”", giver=giver, comment=comment)


def reassigned_to(assignment: Assignment) -> Iterable[Sentence]:
    """To whoever an owner of the process put in somebody's place: in whose, and why."""
    by, place = assignment.reassigned_by, assignment.in_place_of
    assert by is not None
    if place is None:
        yield Sentence("{giver} asks you again.", giver=by.name)
    else:
        yield Sentence(
            "{giver} asks you in place of {name}, who is no longer asked.", giver=by.name, name=place.name
        )
    yield from _comment_of(by.name, assignment.reassigned_comment)


def delegates_of(assignment: Assignment) -> list[Sentence]:
    """To whoever is asked: who may answer in their place."""
    if not assignment.has_delegates:
        return []
    rows = assignment.delegates.filter(state=Delegate.State.OPEN).order_by("pk")
    names = list(rows.values_list("person__name", flat=True))
    return [Sentence("{name} may answer in your place, too.", name=name) for name in names[:MOST_NAMES]]


def in_place_of(delegate: str, name: str) -> str:
    """Who answered in whose place."""
    return _("{delegate} for {name}").format(delegate=delegate, name=name)


def who_decided(decision: Decision) -> str:
    """The name, and in whose place; whose seat it was is looked up only where it was somebody else's."""
    by = decision.by_person
    if decision.by_person_id == decision.assignment.person_id:
        return by.name
    return in_place_of(by.name, decision.assignment.person.name)


def in_whose_place(decision: Decision) -> list[str]:
    """To whoever decided: in whose place, where it was in somebody's."""
    if decision.by_person_id == decision.assignment.person_id:
        return []
    return [_("You answered in place of {name}.").format(name=decision.assignment.person.name)]
