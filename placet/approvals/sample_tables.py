"""The authority tables that a sample looks in. One that is there already stays as it is.

Who may approve what is for administrators to say: what an owner begins with a sample makes only drafts of its tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from placet.accounts.models import Person
from placet.approvals import authority, authority_drafts
from placet.approvals.authority_csv import read
from placet.approvals.models import AuthorityTable, TableDraft, TableVersion
from placet.approvals.sample_files import Sample

HITS = TableVersion.Hits.FIRST


@dataclass(frozen=True)
class AddedTable:
    """`warnings`: what its author should look at, as `placet.approvals.authority` says it."""

    key: str
    warnings: Sequence[str]


def missing_tables(sample: Sample) -> list[str]:
    """Keys of those that are not there yet."""
    present = set(AuthorityTable.objects.filter(key__in=sample.tables).values_list("key", flat=True))
    return [key for key in sample.tables if key not in present]


@transaction.atomic
def draft_tables(sample: Sample, by: Person) -> list[str]:
    """A draft of each that `missing_tables` names, for administrators to publish; one that is there already stays as it
    is. Gives the keys of all of them."""
    missing = missing_tables(sample)
    begun = set(TableDraft.objects.filter(key__in=missing).values_list("key", flat=True))
    for key in missing:
        if key not in begun:
            authority_drafts.make(key, key, HITS, read(sample.tables[key].read_bytes()), by)
    return missing


@transaction.atomic
def add_tables(sample: Sample, by: Person | None = None) -> list[AddedTable]:
    """Publishes what `missing_tables` names. `by`: an administrator; None at the command line."""
    added = []
    for key in missing_tables(sample):
        rows = read(sample.tables[key].read_bytes())
        added.append(AddedTable(key, authority.review(rows, HITS).warnings))
        authority.publish(key, rows, HITS, by=by)
    return added
