"""Who else is asked in a step, and how it is decided, as whoever is asked reads it: in the mail, and on the page."""

from collections.abc import Sequence

from django.db.models import Count, Window
from django.utils.translation import ngettext

from placet.accounts.models import Person
from placet.approvals.definitions import ApprovalStep
from placet.approvals.models import Assignment
from placet.approvals.name_lists import MOST_NAMES, listed_names
from placet.approvals.rule_words import rule_in_words

_ASKED = (Assignment.State.OPEN, Assignment.State.DECIDED)


def others_in_words(
    step: ApprovalStep, assignment: Assignment, reader: Person, named: Sequence[str] = ()
) -> list[str]:
    """One paragraph; none where nobody else is asked. `reader`: who is asked about the seat. `named`: who was named to
    them already. Of people who are asked one after the other nobody is named who is not asked yet."""
    if step.is_revise:
        return []
    if step.order == "one_by_one":
        return [rule_in_words(step)]
    if _asks_one(step):
        return []
    seats = assignment.visit.assignments.filter(state__in=_ASKED).exclude(pk=assignment.pk)
    seats = seats.exclude(person=reader)
    others = seats.annotate(number=Window(Count("id"))).order_by("id").values_list("person__name", "number")
    first = list(others[: MOST_NAMES + 1])
    if not first:
        return []
    number = first[0][1]
    names = [name for name, _number in first]
    if number == len(names) and {*names} <= {*named}:
        return [rule_in_words(step)]
    sentence = ngettext("{names} is asked, too.", "{names} are asked, too.", number)
    return [" ".join([sentence.format(names=listed_names(names, number)), rule_in_words(step)])]


def _asks_one(step: ApprovalStep) -> bool:
    """Whether the process itself says so; it is not looked up then."""
    return not step.rungs and len(step.lines) == 1 and step.lines[0].person is not None
