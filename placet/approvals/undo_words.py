"""Why somebody is asked again once an answer was taken back."""

from placet.accounts.models import Person
from placet.approvals.models import Ask, Assignment, UndoneDecision
from placet.lib.sentences import NOTHING, Sentence


def because(row: UndoneDecision, reader: Person) -> Sentence:
    if reader.pk == row.by_person_id:
        return Sentence("You took your answer back, so it is open again.")
    return Sentence("{name} took their answer back, so yours is needed again.", name=row.by_person.name)


def since_last_asked(assignment: Assignment) -> Sentence:
    """The same of the newest answer in a visit that was taken back since whoever has this seat was asked there by mail;
    NOTHING if none was. For what waits to be asked with other things."""
    reader = assignment.person
    asks = Ask.objects.filter(person=reader, lines__assignment=assignment, lines__asks_back=None)
    last = asks.order_by("-pk").values_list("created_at", flat=True).first()
    if last is None:
        return NOTHING
    undone = UndoneDecision.objects.filter(assignment__visit=assignment.visit_id, undone_at__gte=last)
    row = undone.select_related("by_person").order_by("-pk").first()
    return because(row, reader) if row is not None else NOTHING
