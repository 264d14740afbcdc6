"""When a list of changes is complete: what `Mailbox.read_until` rests on."""

from dataclasses import replace
from typing import Any

import pytest

from placet.mailboxes.microsoft.ews import operations
from placet.mailboxes.microsoft.graph import calls
from placet.sandbox.server import Sandbox
from tests.mailboxes.sandboxed import LONG_AGO, everything, opened

WAYS: dict[str, tuple[Any, str, str]] = {
    "graph": (calls, "delta", "link"),
    "ews": (operations, "sync_folder_items", "state"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("folder", [0, 1])
def test_a_server_that_stops_moving_on_in_the_middle_has_told_of_nothing_more_and_not_of_all(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, way: str, folder: int
) -> None:
    connection = opened(sandbox, way)
    _, cursor = everything(connection)
    module, name, place = WAYS[way]
    real, asked = getattr(module, name), []

    def stuck(server: Any, of: Any, where: str, *more: Any) -> Any:
        answer = real(server, of, where, *more)
        asked.append(of)
        return replace(answer, last=False, **{place: where}) if len(asked) == folder + 1 else answer

    monkeypatch.setattr(module, name, stuck)
    page = connection.changes(cursor, LONG_AGO, 2)
    assert len(asked) == 2 and (page.more, page.complete) == (False, False)
    connection.close()
