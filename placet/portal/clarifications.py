"""Questions back to the requester as pages show them: what was asked and answered, what waits for an answer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from placet.accounts.models import Person
from placet.approvals.models import Assignment, Clarification, Request

MOST = 50  # shown of one request, the newest ones
State = Clarification.State


@dataclass(frozen=True)
class Typed:
    """What was sent and not taken, with why: shown again where it was typed."""

    asks: bool  # a question; else an answer
    which: int
    text: str
    error: str


def clarifications_of(request: Request) -> list[Clarification]:
    """All that the requester was asked, the oldest first."""
    rows = Clarification.objects.filter(visit__request=request).select_related(
        "asked_by", "answered_by", "visit"
    )
    return list(rows.order_by("-pk")[:MOST])[::-1]


def waiting_for(person: Person) -> Sequence[Clarification]:
    """What somebody was asked about requests of theirs, and has not answered."""
    rows = Clarification.objects.filter(
        state=State.OPEN, visit__request__requester=person, visit__request__state=Request.State.OPEN
    )
    return list(rows.select_related("asked_by", "visit__request").order_by("pk")[:MOST])


def who_waits(assignments: Collection[Assignment]) -> set[int]:
    """The assignments of these whose question is open."""
    rows = Clarification.objects.filter(assignment__in=assignments, state=State.OPEN)
    return set(rows.values_list("assignment", flat=True))
