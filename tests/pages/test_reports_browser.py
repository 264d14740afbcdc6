"""Reports with figures in them, as a browser shows them: accessible, within the policy, and without scripts."""

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.reports.views import REPORTS
from tests.pages import test_reports
from tests.pages.browsing import complaints_of, sign_in, window
from tests.pages.test_every_page import As, too_wide, violations

counted = test_reports.counted


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
def test_axe_and_the_policy_find_nothing_in_charts_and_tables(
    size: str, scheme: str, counted: None, chromium: Browser, live_server: LiveServer, admin: Person, as_: As
) -> None:
    found: list[str] = []
    with window(chromium, live_server.url, size, scheme) as context:
        sign_in(context, as_(admin), live_server.url)
        page = context.new_page()
        complaints = complaints_of(page)
        for one in REPORTS:
            page.goto(f"/reports/{one.key}/?process=one-step")
            for summary in page.locator("main summary").all():
                summary.click()
            assert page.locator("main table, main .chart, main .picture").count(), one.key
            found += [f"{one.key}: {problem}" for problem in (*violations(page), *complaints)]
            found += [f"{one.key}: wider than the window"] * too_wide(page)
    assert not found, "\n".join(found)


def test_without_scripts_another_process_is_chosen_and_a_file_is_saved(
    counted: None, chromium: Browser, live_server: LiveServer, admin: Person, as_: As
) -> None:
    with window(chromium, live_server.url, scripted=False) as context:
        sign_in(context, as_(admin), live_server.url)
        page = context.new_page()
        page.goto("/reports/rules/")
        expect(page.get_by_role("rowheader")).to_have_count(1)  # what ended is of one process
        page.get_by_label("Process", exact=True).select_option("purchase")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_text("There is nothing to count here yet.")).to_be_visible()
        page.get_by_label("Process", exact=True).select_option("one-step")
        page.get_by_role("button", name="Show").click()
        with page.expect_download() as saved:
            page.get_by_role("link", name="Download as CSV").click()
        assert saved.value.suggested_filename.startswith("rules-rules-one-step-")
