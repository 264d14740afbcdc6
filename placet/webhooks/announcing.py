"""Events and deliveries are made of what stands in the records of requests: of what was committed, once, in order.

The head of each record says from which entry on it was not looked at (`ChainHead.unannounced`), which whoever appends
writes with the rest of the head. Here the entries from there on become events, for whoever wants them, in the
transaction that empties that column; if the record went on meanwhile, none of it is written, and it is looked at anew.
What nobody wants to hear of is passed over in one statement.
"""

from collections.abc import Collection, Sequence

import structlog
from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from placet.approvals.definitions import Definition, definition_of
from placet.approvals.models import Request
from placet.audit.models import AuditEntry, ChainHead
from placet.webhooks import events
from placet.webhooks.endpoints import SWITCHED_OFF
from placet.webhooks.models import Delivery, Endpoint, Event

log = structlog.get_logger(__name__)

AT_ONCE = 200  # records looked at in one turn
ALL = 0  # what is due is no row, but whatever was written meanwhile


def due(limit: int) -> list[int]:
    """[ALL] where something was written that was not looked at."""
    return [ALL][:limit] if _behind().exists() else []


def work(_all: int) -> bool:
    """Look at some records. False where nothing came of it: there was none, or none that could be looked at now."""
    listening, wanted, passed_over = _pass_over()
    return sum(_is_announced(number, listening) for number in wanted) + passed_over > 0


def _behind() -> QuerySet[ChainHead]:
    return ChainHead.objects.filter(unannounced__isnull=False)


@transaction.atomic
def _pass_over() -> tuple[Sequence[Endpoint], Collection[int], int]:
    """Endpoints of many requests; of the first records that were not looked at those that somebody may want to hear of;
    and how many others there were, which are behind no more. They are locked before it is asked who wants to hear, so
    that no endpoint which is made meanwhile misses what is written after it; what another one has locked is its
    business."""
    heads = _behind().order_by("pk").select_for_update(skip_locked=True, of=("self",)).only("pk")[:AT_ONCE]
    numbers = [head.pk for head in heads]
    listening = list(Endpoint.objects.filter(_hears(), request=None).order_by("pk"))
    if not numbers or listening:
        return listening, numbers, 0
    called_back = Endpoint.objects.filter(_hears(), request__in=numbers)
    wanted = set(called_back.values_list("request_id", flat=True))
    passed = _behind().filter(pk__in=set(numbers) - wanted).update(unannounced=None)
    return listening, sorted(wanted), passed


def _hears() -> Q:
    """Also those that did not answer for days: what happens meanwhile can be asked for afterwards."""
    return Q(active=True) | Q(disabled_why=Endpoint.Disabled.FAILING)


def _is_announced(number: int, listening: Sequence[Endpoint]) -> bool:
    """One that fails must not stop the others."""
    try:
        return _announce(number, listening)
    except DatabaseError:
        raise
    except Exception:
        log.exception("announcing_failed", request=number)
        return False


@transaction.atomic
def _announce(number: int, listening: Sequence[Endpoint]) -> bool:
    """The events of one record. Its request is not locked, nor looked at by a constraint: whoever decides holds that
    one and writes the head last, so what waited for the request here with the head in hand would be a deadlock."""
    head = _behind().filter(pk=number).first()
    if head is None:
        return False
    request = Request.objects.select_related("version__process").get(pk=number)
    wanting = _wanting(request, listening)
    if wanting:
        entries = AuditEntry.objects.filter(request=number, seq__gte=head.unannounced, seq__lte=head.seq)
        _write(request, entries.order_by("seq"), wanting)
    # A head whose number is the same is the same: nothing was appended since.
    unchanged = ChainHead.objects.filter(pk=number, seq=head.seq).update(unannounced=None)
    if not unchanged:
        transaction.set_rollback(True)
    return bool(unchanged)


def _wanting(request: Request, listening: Sequence[Endpoint]) -> list[Endpoint]:
    """Who hears of this request."""
    process = request.version.process
    callbacks = Endpoint.objects.filter(_hears(), request=request).order_by("pk")
    return [one for one in listening if _is_for(one, process.pk, process.key)] + list(callbacks)


def _is_for(endpoint: Endpoint, process: int, key: str) -> bool:
    if endpoint.process_id is not None:
        return bool(endpoint.process_id == process)
    return not endpoint.processes or key in endpoint.processes


def _write(request: Request, entries: QuerySet[AuditEntry], wanting: Collection[Endpoint]) -> None:
    """What was written before, because a record was behind twice, stays as it is."""
    definition: Definition = definition_of(request.version)
    made: list[Event] = []
    hearing: dict[int, list[Endpoint]] = {}
    for entry in entries:
        kind = events.type_of(entry, definition)
        if kind is None:
            continue
        hearing[entry.seq] = [one for one in wanting if not one.events or kind.type in one.events]
        if hearing[entry.seq]:
            about = events.details(kind, entry)
            made.append(Event(request=request, sequence=entry.seq, type=kind.type, at=entry.at, data=about))
    Event.objects.bulk_create(made, ignore_conflicts=True)
    rows = Event.objects.filter(request=request, sequence__in=[one.sequence for one in made])
    deliveries = [
        _delivery(event, one) for event in rows.order_by("sequence") for one in hearing[event.sequence]
    ]
    Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)


def _delivery(event: Event, endpoint: Endpoint) -> Delivery:
    if endpoint.active:
        return Delivery(event=event, endpoint=endpoint, due=timezone.now())
    return Delivery(event=event, endpoint=endpoint, state=Delivery.State.FAILED, last_error=str(SWITCHED_OFF))
