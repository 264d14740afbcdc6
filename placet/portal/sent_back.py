"""Requests that were sent back to their requester, as pages show them to whoever revises them."""

from collections.abc import Iterable

from placet.approvals.change_words import SentBack, sent_back_by
from placet.approvals.models import Assignment
from placet.portal.path import Definitions


def sent_back(assignments: Iterable[Assignment], definitions: Definitions) -> dict[int, SentBack]:
    """By assignment, of those that ask for a revision. Where none does, it costs no query."""
    asking = {
        one: definition
        for one in assignments
        if one.visit.step_key in (definition := definitions.of(one.visit.request)).revise_keys
    }
    if not asking:
        return {}
    by = sent_back_by({one.visit: definition for one, definition in asking.items()})
    return {one.pk: by[one.visit_id] for one in asking}
