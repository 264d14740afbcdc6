"""What can be started, as programs see it."""

import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft202012Validator

from placet.accounts.models import Person
from placet.approvals.models import Process
from placet.approvals.processes import publish, retire
from tests.api.conftest import Calls
from tests.making import FORM, SAMPLE, one_step, values


def test_a_process_says_what_its_form_takes_and_what_can_be_answered(calls: Calls, alice: Person) -> None:
    publish(values(SAMPLE))
    answer = calls(alice).get("/processes/purchase")
    assert answer.status == 200
    process = answer.json
    assert (process["key"], process["version"]) == ("purchase", 1)
    Draft202012Validator.check_schema(process["form"])
    assert {"item", "amount"} <= process["form"]["properties"].keys()
    manager = process["steps"][0]
    assert [outcome["key"] for outcome in manager["outcomes"]] == ["approve", "reject"]


def test_the_newest_version_counts_and_files_are_named_beside_the_form(calls: Calls, alice: Person) -> None:
    publish(one_step([{"manager": True}]))
    offer = {"name": "offer", "label": "Offer", "type": "files", "required": True}
    publish(one_step([{"manager": True}], form=[*FORM, offer]))
    process = calls(alice).get("/processes/one-step").json
    assert process["version"] == 2
    assert process["files"] == [{"name": "offer", "label": "Offer", "required": True}]
    assert "offer" not in process["form"]["properties"]


def test_a_list_goes_on_behind_its_last_row_and_leaves_out_what_nobody_starts(
    calls: Calls, alice: Person, admin: Person
) -> None:
    for number in range(7):
        publish(one_step([{"manager": True}], key=f"process-{number}"))
    retire(Process.objects.get(key="process-3"), admin)
    Process.objects.create(key="draft-only", name="Draft only")
    caller = calls(alice)
    seen, url, pages = [], "/processes?limit=4", 0
    while url:
        page = caller.get(url)
        seen += [process["key"] for process in page.json["items"]]
        url, pages = page.json["next"], pages + 1
        if url:
            assert page.headers["Link"] == f'<{url}>; rel="next"'
            assert "limit=4" in url
            url = url.partition("/api/v1")[2]
    assert seen == [f"process-{number}" for number in (0, 1, 2, 4, 5, 6)]
    assert pages == 2
    assert caller.get("/processes/process-3").problem == "retired"
    assert caller.get("/processes/draft-only").problem == "not-found"


def test_a_key_sees_its_own_processes_only(calls: Calls, alice: Person) -> None:
    for name in ("purchase", "travel"):
        publish(one_step([{"manager": True}], key=name))
    caller = calls(alice, processes=["travel"])
    assert [one["key"] for one in caller.get("/processes").json["items"]] == ["travel"]
    assert caller.get("/processes/purchase").problem == "not-found"


@time_machine.travel(
    "2026-12-01T12:00:00Z", tick=False
)  # the first call of a minute counts and notes the use
def test_a_list_asks_the_same_however_much_there_is(calls: Calls, alice: Person) -> None:
    caller = calls(alice)

    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert caller.get("/processes").status == 200
        return len(queries)

    publish(one_step([{"manager": True}], key="first"))
    caller.get("/processes")
    few = statements()
    for number in range(12):
        publish(one_step([{"manager": True}], key=f"process-{number}"))
    assert statements() == few <= 5


def test_a_cursor_of_another_list_is_none(calls: Calls, alice: Person) -> None:
    caller = calls(alice)
    for cursor in ("x", "W10:abc", "WyJhIiwxXQ:abc"):
        answer = caller.get(f"/processes?cursor={cursor}")
        assert (answer.problem, answer.pointers) == ("invalid", ["query/cursor"])
