"""Pages that renew themselves while they are open: a script asks for the same address with `?seen=VERSION` every few
seconds. What did not change is answered with nothing (204), what did with the parts of the page that show it."""

from collections.abc import Callable

from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.utils import timezone

from placet.accounts import delegations
from placet.accounts.models import Person
from placet.approvals.models import Absence, Assignment, Clarification, Delegate, Request, Visit
from placet.audit.models import ChainHead
from placet.mail.models import OutgoingMail
from placet.portal.people import PersonsRequest


def asks(request: PersonsRequest) -> bool:
    """Whether it is the script that asks, for the parts that change."""
    return "seen" in request.GET


def answer(request: PersonsRequest, version: str, page: Callable[[str], HttpResponse]) -> HttpResponse:
    """Nothing, if this version was seen already; else what `page` makes of it."""
    if request.GET.get("seen") == version:
        return HttpResponse(status=204)
    return page(version)


def of_person(person: Person) -> str:
    """Changes whenever something happens to a request of this person, or to what waits for them. One query. It ends
    with how many questions wait for their answer (`questions_in`)."""
    heads = (
        ChainHead.objects.filter(request__requester=OuterRef("pk")).order_by().values("request__requester")
    )
    open_ones = Assignment.objects.filter(person=OuterRef("pk"), state=Assignment.State.OPEN)
    waiting = open_ones.order_by().values("person")
    asked_back = Clarification.objects.filter(
        state=Clarification.State.OPEN, visit__request__requester=OuterRef("pk")
    )
    questions = asked_back.order_by().values("visit__request__requester")
    stands_in = Delegate.objects.filter(person=OuterRef("pk"), state=Delegate.State.OPEN)
    in_place = stands_in.order_by().values("person")
    found = Person.objects.filter(pk=person.pk).values_list(
        Coalesce(Subquery(heads.annotate(all=Sum("seq")).values("all")), 0),
        Coalesce(Subquery(waiting.annotate(all=Count("pk")).values("all")), 0),
        Coalesce(Subquery(waiting.annotate(all=Sum("pk")).values("all")), 0),
        Coalesce(Subquery(in_place.annotate(all=Count("pk")).values("all")), 0),
        Coalesce(Subquery(in_place.annotate(all=Sum("assignment")).values("all")), 0),
        Exists(Absence.objects.filter(person=OuterRef("pk"), ended_at=None)),
        Exists(open_ones.filter(absent_at__isnull=False)),
        Exists(delegations.in_force(timezone.now()).filter(delegator=OuterRef("pk"))),
        Coalesce(Subquery(questions.annotate(all=Count("pk")).values("all")), 0),
    )
    return _joined(found.get())


def questions_in(version: str) -> int:
    """How many questions wait for the person's answer, by `of_person`."""
    return int(version.rpartition(".")[2])


def answers_for_others(version: str) -> bool:
    """Whether a version `of_person` says that they may answer in somebody's place."""
    return version.split(".")[3] != "0"


def may_be_away(version: str) -> bool:
    """Whether a version `of_person` says that somebody may be asked in their place."""
    return any(part != "0" for part in version.split(".")[5:8])


def with_version(requests: QuerySet[Request]) -> QuerySet[Request]:
    """Requests with what `of_request` needs: where the audit chain ends, and how far the mails are, which the chain
    does not tell; and whether the requester was ever asked something."""
    asks = OutgoingMail.objects.filter(ask__lines__assignment__visit__request=OuterRef("pk"))
    mails = asks.order_by().values("ask__lines__assignment__visit__request")
    return requests.annotate(
        live_seq=Subquery(ChainHead.objects.filter(request=OuterRef("pk")).values("seq")),
        live_sent=Subquery(mails.annotate(all=Count("sent_at")).values("all")),
        live_bounced=Subquery(mails.annotate(all=Count("bounced_at")).values("all")),
        live_tries=Subquery(mails.annotate(all=Sum("tries")).values("all")),
        was_asked_back=Exists(Visit.objects.filter(request=OuterRef("pk"), asked_back__gt=0)),
    )


def of_request(request: Request) -> str:
    """Changes whenever something happens to a request that was read by `with_version`."""
    parts = (getattr(request, f"live_{name}", 0) for name in ("seq", "sent", "bounced", "tries"))
    return _joined(tuple(parts))


def _joined(parts: tuple[int | None, ...]) -> str:
    return ".".join(str(part or 0) for part in parts)
