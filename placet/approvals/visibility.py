"""Which requests somebody may see, and what of them: on the pages and by the API alike."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from placet.accounts.models import Person
from placet.approvals import owning
from placet.approvals.definitions import Definition
from placet.approvals.models import Assignment, Delegate, Notified, Request
from placet.approvals.steps import ApprovalStep, NoticeStep


def requests_visible_to(person: Person) -> QuerySet[Request]:
    """What a person made, was ever asked about or told of, themself or in somebody's place, or administers; and all
    requests of the processes that they own. Nothing else exists for them."""
    if person.is_administrator:
        return Request.objects.all()
    asked = Assignment.objects.filter(visit__request=OuterRef("pk"), person=person)
    notified = Notified.objects.filter(visit__request=OuterRef("pk"), person=person)
    stands_in = Delegate.objects.filter(assignment__visit__request=OuterRef("pk"), person=person)
    sees = Q(requester=person) | Exists(asked) | Exists(notified) | Exists(stands_in)
    if owned := owning.owned_versions(person):
        sees = Q(version__in=owned) | sees
    return Request.objects.filter(sees)


def hidden_from(person: Person, request: Request, definition: Definition) -> frozenset[str]:
    """The fields that none of the steps shows that somebody was asked or told in. Whoever made a request, owns its
    process, or administers, sees all of it."""
    hiding = any(
        isinstance(step, ApprovalStep | NoticeStep) and step.form is not None
        for step in definition.steps.values()
    )
    if not hiding or person.pk == request.requester_id or owning.sees_all_of(person, request):
        return frozenset()
    asked = Assignment.objects.filter(visit__request=request, person=person)
    notified = Notified.objects.filter(visit__request=request, person=person)
    stands_in = Delegate.objects.filter(assignment__visit__request=request, person=person)
    steps = (
        asked.order_by()
        .values_list("visit__step_key")
        .union(
            notified.order_by().values_list("visit__step_key"),
            stands_in.order_by().values_list("assignment__visit__step_key"),
        )
    )
    hidden = [definition.hidden_in(key) for (key,) in steps]
    return frozenset.intersection(*hidden) if hidden else frozenset(one.name for one in definition.fields)
