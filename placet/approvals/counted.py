"""The decisions that count in visits of steps: those that were given there, and those of earlier visits that were kept
(`placet.approvals.engine_kept`). Looks; changes nothing."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from placet.approvals.models import Assignment, Decision, Visit


def counting_in(visits: "QuerySet[Visit, Any] | Iterable[int]") -> QuerySet[Decision]:
    """`visits`: their ids."""
    kept = Assignment.objects.filter(kept=OuterRef("pk"), visit__in=visits)
    return Decision.objects.filter(Q(assignment__visit__in=visits) | Exists(kept))


def counted_by_visit(visits: Iterable[int]) -> dict[int, list[Decision]]:
    """By id of the visit, in the order in which they were given, with whoever gave them. One query."""
    counted: dict[int, list[Decision]] = {number: [] for number in visits}
    seats = Assignment.objects.filter(visit__in=counted, state__in=Assignment.COUNTED)
    for seat in seats.select_related("decision__by_person", "kept__by_person"):
        counted[seat.visit_id].append(seat.counted)
    return {number: sorted(decisions, key=lambda one: one.pk) for number, decisions in counted.items()}
