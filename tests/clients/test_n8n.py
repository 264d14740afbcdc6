"""The node for n8n offers what there is. That it works is for a real n8n to show: tests/foreign."""

import re
from pathlib import Path

from placet.webhooks import events

NODES = Path(__file__).parents[2] / "clients" / "n8n" / "nodes"


def test_the_trigger_offers_each_type_of_event() -> None:
    offered = re.findall(r"value: '(request\.\w+)'", (NODES / "PlacetTrigger" / "events.ts").read_text())
    assert sorted(offered) == sorted(events.BY_TYPE)


def test_what_waits_is_called_of_each_end_that_a_request_has() -> None:
    listed = re.search(r"const ENDS = \[(.*)\];", (NODES / "Placet" / "waiting.ts").read_text())
    assert listed is not None
    assert set(re.findall(r"'([\w.]+)'", listed[1])) == {events.ENDED, events.WITHDRAWN}


def test_nothing_starts_when_somebody_tries_the_webhook() -> None:
    assert f"'{events.TEST}'" in (NODES / "PlacetTrigger" / "PlacetTrigger.node.ts").read_text()
