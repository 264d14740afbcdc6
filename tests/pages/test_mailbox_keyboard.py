"""The Remote Approval tab of every kind by keyboard alone: each field is reached in the order in which it stands, is
seen where it has the focus, and is tied to what is said of it; a form that came back begins with what is wrong."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.mailboxes.kinds import all_kinds, usual_kind
from placet.panel.mailbox_form import usable_kinds
from tests.pages.browsing import SIZES, sign_in, window
from tests.pages.test_every_page import violations

STYLES = Path(__file__).resolve().parents[2] / "placet" / "static" / "panel.css"
MOST_TABS = 80
#: What can be used of the form, from top to bottom, by name or words; and what is not seen or not tied to its words.
IN_THE_FORM = """() => [...document.querySelectorAll(
  "main form[enctype] :is(input:not([type=hidden]), select, textarea, button, summary, a)")]
  .filter((one) => one.checkVisibility() && !one.closest("noscript"))
  .map((one) => one.name || one.textContent.trim())"""
HAS_FOCUS = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
  const above = document.elementFromPoint(box.x + box.width / 2, box.y + Math.min(box.height / 2, 20));
  const words = (one.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean);
  return {
    inside: Boolean(one.closest("main form[enctype]")),
    name: one.name || one.textContent.trim(),
    seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    covered: !(one === above || one.contains(above) || (above && above.contains(one) && !above.matches(".stay"))),
    untied: words.filter((id) => !document.getElementById(id)),
  };
}"""


@pytest.fixture
def page(chromium: Browser, live_server: LiveServer, admin: Person, client: Client) -> Iterator[Page]:
    client.force_login(admin)
    with window(chromium, live_server.url) as context:
        sign_in(context, client, live_server.url)
        yield context.new_page()


def chosen(page: Page, kind: str) -> None:
    page.goto(reverse("panel:new_mailbox"))
    if kind != usual_kind():  # that one is there already
        page.get_by_label("Type", exact=True).select_option(kind)
    expect(page.locator(f'input[name="shown_kind"][value="{kind}"]')).to_be_attached()
    for summary in page.locator("#kind-fields summary").all():
        summary.click()


@pytest.mark.parametrize("size", SIZES)
def test_each_field_of_every_kind_is_reached_in_its_order_and_seen(page: Page, size: str) -> None:
    page.set_viewport_size(SIZES[size])
    for kind in usable_kinds():
        chosen(page, kind.key)
        stands = page.evaluate(IN_THE_FORM)
        page.get_by_label("Type", exact=True).focus()
        reached: list[str] = []
        for _ in range(MOST_TABS):
            there = page.evaluate(HAS_FOCUS)
            if not there["inside"]:
                break
            assert (there["seen"], there["covered"], there["untied"]) == (True, False, []), (kind.key, there)
            if reached[-1:] != [there["name"]]:  # of a date each part is reached
                reached.append(there["name"])
            page.keyboard.press("Tab")
        assert reached == stands, kind.key
        shown = {row.name for row in kind.settings_class.rows if not row.sign_ins} - {
            "active",
            "same_organisation",
        }
        assert shown <= {*reached}, kind.key


def test_a_form_that_came_back_begins_with_what_is_wrong(page: Page) -> None:
    for kind in usable_kinds():
        chosen(page, kind.key)
        page.get_by_label("Poll interval", exact=True).fill("2")
        page.get_by_role("button", name="Save", exact=True).click()
        wrong = page.locator(".field.wrong :is(input, select, textarea)").first
        expect(wrong).to_be_focused()
        expect(wrong).to_be_in_viewport()
        expect(wrong).to_have_attribute("aria-invalid", "true")
        assert violations(page) == [], kind.key
        said = (wrong.get_attribute("aria-describedby") or "").split()
        assert any(page.locator(f"#{id_} .errorlist").count() for id_ in said), kind.key


def test_what_belongs_to_a_way_of_signing_in_is_shown_with_it_alone() -> None:
    """The style sheet hides the rest, so it knows each way."""
    styles = STYLES.read_text()
    for kind in all_kinds().values():
        rows = kind.settings_class.rows
        ways = {value for row in rows if row.name.endswith("sign_in") for value, _words in row.choices}
        assert {way for row in rows for way in row.sign_ins} <= ways
        for way in ways if any(row.sign_ins for row in rows) else ():
            assert re.search(rf'\[value="{way}"\]:checked\) .*data-sign-ins~="{way}"', styles), (
                kind.key,
                way,
            )
