"""Who else is asked in a step, and how it is decided, as whoever is asked reads it: in the mail, and on the page."""

from collections.abc import Iterator, Sequence

from django.db.models import Count, Window
from django.db.models.functions import RowNumber
from django.utils.translation import ngettext

from placet.accounts.models import Person
from placet.approvals.models import Assignment
from placet.approvals.name_lists import MOST_NAMES, listed_names
from placet.approvals.rule_words import NOBODY_KNOWN, NamedPeople, People, names_in_rule, rule_in_words
from placet.approvals.steps import ApprovalStep

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
        return [rule_of(step, assignment)]
    sentence = ngettext("{names} is asked, too.", "{names} are asked, too.", number)
    return [" ".join([sentence.format(names=listed_names(names, number)), rule_of(step, assignment)])]


def rule_of(step: ApprovalStep, assignment: Assignment) -> str:
    """What the step's rule means, with the names of those who are asked in the visit of a seat."""
    return rule_in_words(step, _people(step, assignment))


def _people(step: ApprovalStep, assignment: Assignment) -> People:
    """Nobody, where people are asked one after the other: that would name some of them only."""
    names = names_in_rule(step)
    if not names or step.order == "one_by_one":
        return NOBODY_KNOWN
    counted = (*_ASKED, Assignment.State.KEPT)
    seats = assignment.visit.assignments.filter(state__in=counted, source__isnull=False).annotate(
        place=Window(RowNumber(), partition_by="source", order_by="id"),
        number=Window(Count("id"), partition_by="source"),
    )
    rows = list(
        seats.filter(place__lte=MOST_NAMES + 1)
        .order_by("source", "id")
        .values_list("source", "person__name", "number")
    )
    return dict(_by_name(step, names, rows))


def _by_name(
    step: ApprovalStep, names: set[str], rows: Sequence[tuple[int | None, str, int]]
) -> Iterator[tuple[str, NamedPeople]]:
    """`rows`: a line of `ask`, somebody whom it names, and how many it names; the first of each line only."""
    rule = step.decided_by
    for name in names:
        lines = rule.lines_of(name)
        first = [person for line, person, _number in rows if line in lines]
        numbers = {line: number for line, _person, number in rows if line in lines}
        if first:
            yield name, NamedPeople(first, sum(numbers.values()))


def _asks_one(step: ApprovalStep) -> bool:
    """Whether the process itself says so; it is not looked up then."""
    return not step.rungs and len(step.lines) == 1 and step.lines[0].person is not None
