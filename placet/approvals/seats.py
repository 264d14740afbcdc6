"""The questions that somebody answers, themself or in another's place. Looks; changes nothing."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from placet.accounts.models import Person
from placet.approvals.models import Assignment, Delegate


def seats_of(person: Person) -> QuerySet[Assignment]:
    """Questions that somebody was ever asked, themself or in another's place. For a few of them: of one request, or by
    their ids."""
    return _seats(person, Delegate.objects.filter(assignment=OuterRef("pk")))


def open_seats_of(person: Person) -> QuerySet[Assignment]:
    """Those of them that they may answer now."""
    stands_in = Delegate.objects.filter(assignment=OuterRef("pk"), state=Delegate.State.OPEN)
    return _seats(person, stands_in).filter(state=Assignment.State.OPEN)


def _seats(person: Person, delegates: QuerySet[Delegate]) -> QuerySet[Assignment]:
    return Assignment.objects.filter(Q(person=person) | Exists(delegates.filter(person=person)))


def waiting_for(person: Person, *, others: bool) -> QuerySet[Assignment]:
    """The same, of however many: by the indexes of what is open. `others`: whether they answer in anybody's place."""
    asked = Assignment.objects.filter(person=person, state=Assignment.State.OPEN)
    if not others:
        return asked
    # Not one condition or the other: a database would look at all that is open.
    stands_in = Delegate.objects.filter(person=person, state=Delegate.State.OPEN).order_by()
    both = asked.order_by().values("pk").union(stands_in.values("assignment"))
    return Assignment.objects.filter(pk__in=both, state=Assignment.State.OPEN)
