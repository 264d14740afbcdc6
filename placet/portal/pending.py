"""What somebody answered by mail and did not finish: said to themselves only, for it decides nothing."""

from collections.abc import Collection, Mapping

from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, PendingAnswer


def pending_of(assignments: Collection[Assignment], person: Person) -> Mapping[int, str]:
    """A sentence by assignment, where an answer of this person waits for the rest of it. Their visits and requests are
    read."""
    by_id = {assignment.pk: assignment for assignment in assignments}
    sentences = {}
    for answer in PendingAnswer.objects.filter(assignment__in=by_id, person=person, lapsed_by=None):
        visit = by_id[answer.assignment_id].visit
        outcome = definition_of(visit.request.version).approval(visit.step_key).outcome(answer.outcome)
        said = (
            _("You answered “{answer}” by mail. It needs a comment, and decides nothing until then.")
            if answer.lacks == PendingAnswer.Lacks.COMMENT
            else _(
                "Your answer by mail was not clear, and was understood as “{answer}”. It waits for your yes, and "
                "decides nothing until then."
            )
        )
        sentences[answer.assignment_id] = said.format(answer=outcome.shown)
    return sentences
