"""Administrators are found without reading everybody: an installation may have tens of thousands of people."""

import pytest
from django.db import connection
from django.db.models import QuerySet

from placet.accounts.models import Person
from placet.alarms.messages import administrators


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(administrators, id="to be told"),
        pytest.param(lambda: Person.objects.filter(is_administrator=True).order_by(), id="in any order"),
    ],
)
def test_they_are_found_by_an_index_of_theirs(db: None, rows: "type[QuerySet[Person]]") -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # which reads a table of few rows whatever indexes it has
            cursor.execute("SET LOCAL enable_seqscan = off")
        assert "person_administers" in rows().explain()
