"""What is said of questions that somebody answers in another's place. Looks; changes nothing."""

from collections.abc import Collection, Mapping, Sequence

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals.delegate_words import MOST_NAMES, LastDay, asked_in_place, reassigned_to
from placet.approvals.models import Assignment, Delegate


def said_of(seats: Collection[Assignment], person: Person) -> Mapping[int, str]:
    """By seat: in whose place somebody is asked, and who may answer in theirs. As many queries for many as for one, and
    none where there is nothing."""
    said = _reassigned(seats, person)
    delegated = {seat.pk: seat for seat in seats if seat.has_delegates}
    if not delegated:
        return _joined(said)
    rows = Delegate.objects.filter(assignment__in=delegated, state=Delegate.State.OPEN)
    for row in rows.select_related("person", "delegation", "by").order_by("pk"):
        row.assignment = delegated[row.assignment_id]
        if row.assignment.person_id == person.pk:
            sentence = _("{name} may answer in your place, too.").format(name=row.person.name)
            said.setdefault(row.assignment_id, []).append(sentence)
        elif row.person_id == person.pk:
            said[row.assignment_id] = [str(one) for one in asked_in_place(row)]
    return _joined(said)


def _reassigned(seats: Collection[Assignment], person: Person) -> dict[int, list[str]]:
    """Of those that an owner put somebody into."""
    put_there = [one for one in seats if one.reassigned_by_id is not None and one.person_id == person.pk]
    prefetch_related_objects(put_there, "in_place_of", "reassigned_by")
    return {one.pk: [" ".join(map(str, reassigned_to(one)))] for one in put_there}


def _joined(said: Mapping[int, Sequence[str]]) -> Mapping[int, str]:
    return {pk: " ".join(sentences[:MOST_NAMES]) for pk, sentences in said.items()}


def why_in_words(row: Delegate) -> str:
    """After a delegate's name, on the path."""
    name = row.assignment.person.name
    if row.why == Delegate.Why.GIVEN:
        giver = row.by.name if row.by is not None else name
        return _("may answer for {name}; {giver} gave it to them").format(name=name, giver=giver)
    if row.why == Delegate.Why.ABSENCE:
        return _("may answer for {name}, who is away").format(name=name)
    if row.delegation is not None and row.delegation.ends_at is not None:
        day = LastDay(row.delegation)
        return _("may answer for {name} until {day}").format(name=name, day=day)
    return _("may answer for {name}").format(name=name)
