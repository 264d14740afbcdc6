"""`make test-changed` leaves out no test that a change can reach."""

import pytest

from tools.changed_tests import left_out, selected


@pytest.mark.parametrize(
    ("changed", "reached", "spared"),
    [
        ("placet/replies/prove.py", "tests/journeys/test_who.py", "tests/lib/test_ids.py"),
        ("placet/replies/languages/de.toml", "tests/replies/test_answers.py", "tests/lib/test_ids.py"),
        ("placet/approvals/templates/x.mjml", "tests/approvals/test_every_mail.py", "tests/lib/test_ids.py"),
        ("placet/panel/people.py", "tests/pages/test_people.py", "tests/replies/test_read.py"),
        ("placet/lib/middleware.py", "tests/pages/test_people.py", "tests/replies/test_read.py"),
        ("placet/commands/backup.py", "tests/test_backup.py", "tests/replies/test_read.py"),
        ("placet/sandbox/ews/__init__.py", "tests/journeys/test_twice.py", "tests/replies/test_read.py"),
        ("clients/python/src/placet_client/calls.py", "tests/agents/test_tools.py", "tests/lib/test_ids.py"),
        ("tests/making.py", "tests/approvals/test_engine.py", "tests/lib/test_ids.py"),
        ("tests/journeys/conftest.py", "tests/journeys/test_twice.py", "tests/lib/test_ids.py"),
        ("tests/rotation.py", "tests/replies/test_read.py", "tests/mailboxes/test_oauth.py"),
        ("README.md", "tests/test_complete.py", "tests/replies/test_read.py"),
    ],
)
def test_what_a_change_reaches_is_selected_and_no_more(changed: str, reached: str, spared: str) -> None:
    tests = selected({changed})
    assert reached in tests
    assert spared not in tests


@pytest.mark.parametrize("changed", ["pyproject.toml", "requirements/run.txt", "tests/conftest.py"])
def test_what_everything_rests_on_selects_all(changed: str) -> None:
    tests = selected({changed})
    assert {"tests/replies/test_read.py", "tests/lib/test_ids.py", "tests/pages/test_people.py"} <= set(tests)


def test_what_is_run_by_a_name_of_its_own_is_left_out() -> None:
    assert "tests/foreign/n8n/test_n8n.py" in selected({"tests/foreign/n8n/program.py"})
    assert "tests/foreign/n8n/test_n8n.py".startswith(left_out())
    assert not "tests/replies/test_read.py".startswith(left_out())
