"""The authority tables that a sample looks in. One that is there already stays as it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from placet.approvals import authority
from placet.approvals.authority_csv import read
from placet.approvals.models import AuthorityTable, TableVersion
from placet.approvals.sample_files import Sample

HITS = TableVersion.Hits.FIRST


@dataclass(frozen=True)
class AddedTable:
    """`warnings`: what its author should look at, as `placet.approvals.authority` says it."""

    key: str
    warnings: Sequence[str]


def missing_tables(sample: Sample) -> list[str]:
    """Keys of those that are not there yet."""
    there = set(AuthorityTable.objects.filter(key__in=sample.tables).values_list("key", flat=True))
    return [key for key in sample.tables if key not in there]


@transaction.atomic
def add_tables(sample: Sample) -> list[AddedTable]:
    """Publishes what `missing_tables` names."""
    added = []
    for key in missing_tables(sample):
        rows = read(sample.tables[key].read_bytes())
        added.append(AddedTable(key, authority.review(rows, HITS).warnings))
        authority.publish(key, rows, HITS)
    return added
