"""A form with lines, of which a table and a chain of limits say who may approve their total; and a field that is hidden
from the first who is asked."""

from typing import Any

import pytest

from placet.accounts.models import Person
from placet.approvals import authority
from placet.approvals.authority_csv import read
from placet.approvals.models import TableMatch
from placet.approvals.processes import publish
from placet.approvals.verification import findings
from tests.journeys.conftest import World
from tests.journeys.test_blocks import groups, replied, standing, started
from tests.making import asked

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

TABLE = """
centre,total:number,ask
4711,..1000,manager
4711,1000..5000,group:finance
"""
LINES = {
    "name": "lines", "label": "Lines", "type": "table", "required": True,
    "columns": [
        {"name": "what", "label": "What", "type": "text", "required": True},
        {"name": "price", "label": "Price", "type": "money", "currency": "EUR", "required": True},
    ],
    "totals": [{"name": "total", "label": "Total", "sum": "price"}],
}  # fmt: skip
PROCESS: dict[str, Any] = {
    "key": "lines", "name": "Invoice", "title": "{partner}", "start": "table",
    "form": [
        {"name": "partner", "label": "Partner", "type": "text", "required": True},
        {"name": "centre", "label": "Cost centre", "type": "choice", "options": ["4711", "4712"]},
        {"name": "account", "label": "Bank account", "type": "text"},
        LINES,
    ],
    "steps": {
        "table": {
            "kind": "approval", "name": "By table", "form": {"hide": ["account"]},
            "ask": [{"table": "authority", "with": {"centre": "centre", "total": "total"}}],
        },
        "chain": {"kind": "approval", "name": "By limit", "ask": [{"managers": {"until": "limit >= total"}}]},
        "approved": {"kind": "end", "name": "Paid", "result": "approved"},
        "rejected": {"kind": "end", "name": "Not paid", "result": "rejected"},
    },
    "transitions": [
        {"from": "table", "outcome": "approve", "to": "chain"},
        {"from": "table", "outcome": "reject", "to": "rejected"},
        {"from": "chain", "outcome": "approve", "to": "approved"},
        {"from": "chain", "outcome": "reject", "to": "rejected"},
    ],
}  # fmt: skip


def form(centre: str, *prices: str) -> Any:
    lines = [{"what": f"Line {number}", "price": price} for number, price in enumerate(prices, start=1)]
    return {"partner": "Fabrikam", "centre": centre, "account": "Secret-17", "lines": lines}


def test_lines_add_up_to_whom_a_table_and_a_chain_of_limits_say(world: World) -> None:
    """Alice is led by Bob (1,000), he by Dave (5,000). Carol is finance."""
    groups(world, {"finance": ["carol"]})
    for name, manager, limit in (("bob", "dave", 1000), ("dave", None, 5000)):
        above = world.people[manager] if manager else None
        Person.objects.filter(pk=world.people[name].pk).update(manager=above, approval_limit=limit)
    authority.publish("authority", read(TABLE.encode()), "first")
    publish(PROCESS)
    small = started(world, "lines", form("4711", "400", "599.99"))
    assert asked(small) == ["Bob"]
    large = started(world, "lines", form("4711", "400", "600"))
    assert asked(large) == ["Carol"]
    assert [match.rows for match in TableMatch.objects.order_by("pk")] == [[1], [2]]
    mail = world.newest("carol").text
    assert all(word in mail for word in ("Line 1", "Line 2", "600.00"))
    assert "Secret-17" not in mail
    replied(world, "carol", "Approved.")
    assert asked(large) == ["Bob"], "whose limit is enough for 1,000"
    assert "Secret-17" in world.newest("bob", "Please decide").text
    replied(world, "bob", "Yes")
    assert standing(large) == ("ended", "approved")
    stuck = started(world, "lines", form("4712", "1"))
    assert asked(stuck) == []
    assert "no row of the table “authority” fits centre 4712, total 1" in " ".join(
        world.newest("ada", "Needs your help").text.split()
    )
    assert list(findings()) == []
