"""What holds for every page: accessible in both colour schemes, within the policy, light, and wide enough for a phone.

The pages are those of the table in `test_permissions`: a page that is not there fails a test there. Whoever sees a page
sees it in one dress of two, somebody else in the other one; `make soak` looks at all in both. How wide each is is
measured in both sizes.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from tests.pages import test_permissions
from tests.pages.browsing import AXE, SIZES, complaints_of, sign_in, window
from tests.pages.test_permissions import NO_PAGES, OWN, PUBLIC, SEEN
from tests.rotation import pairs, whole

world = test_permissions.world  # the same rows

As = Callable[[Person | None], Client]
Dress = TypeVar("Dress")

HEAVIEST = 150_000  # bytes of a page with its styles and scripts
BOB, ADA = 3, 4  # columns of the table
_OURS = re.compile(r'(?:href|src)="/static/([^"]+\.(?:css|js))"')
# Colours do not depend on the width: each scheme is seen in one size.
DRESSES = [("wide", "light"), ("phone", "dark")]
SCHEMES = ["light", "dark"]
BARE = {"account_logout", "account_reset_password_from_key"}  # need a key, or answer by moving on


def addresses(world: dict[str, str], column: int) -> dict[str, str]:
    """Every address that shows this person a page (and no file, and no frame of a page)."""
    shown = {name: world[name] for name, row in SEEN.items() if row[column] == 200 and name not in NO_PAGES}
    if "panel:guide_step" in shown:
        from placet.mailboxes.microsoft.panel import guide

        shown |= {f"guide: {s.key}": reverse("panel:guide_step", args=[s.key]) for s in guide.STEPS}
    return shown


# Pages that answer a form: what was wrong is beside its field, what was right goes on.
_SENT = {
    "/administration/configuration/general/": "Save",
    "/administration/configuration/alarms/": "Save",
    "/administration/configuration/calendars/new/": "Save",
    "/administration/configuration/remote-approval/new/": "Save",
    "/administration/people/add/": "Add person",
    "/administration/groups/": "Add group",
    "/administration/webhooks/": "Add webhook",
    "/administration/mail/try/": "Read it",
    "/processes/-/import/": "Make a draft",
    "/processes/-/new/": "Make a draft",
    "/start/purchase/": "Send request",
}


def with_axe(context: BrowserContext) -> BrowserContext:
    """A window for many pages. A script that the browser knows is compiled once; sent to each page, it took as long as
    the page itself."""
    context.add_init_script(path=AXE_FILE_PATH)
    return context


def violations(page: Page) -> list[str]:
    """What axe finds; where its script is not there yet (`with_axe`), it comes now."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE_FILE_PATH.read_text())
    return [
        f"{v['id']}: {v['help']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
        for v in page.evaluate("options => axe.run(options).then(results => results.violations)", AXE)
        for node in v["nodes"][:3]
    ]


#: The words of boxes and radio buttons that do not stand beside the first line of them, by four pixels or more.
_ASKEW = """() => [...document.querySelectorAll(".field.check, .option")].flatMap((one) => {
  const [box, label] = [one.querySelector("input"), one.querySelector("label")];
  if (!box?.checkVisibility() || !label) return [];
  const words = document.createRange();
  words.selectNodeContents(label);
  const [line, square] = [words.getClientRects()[0], box.getBoundingClientRect()];
  const apart = line ? line.top + line.bottom - square.top - square.bottom : 0;
  return Math.abs(apart / 2) < 4 ? [] : [label.textContent.trim()];
})"""


def askew(page: Page) -> list[str]:
    return list(page.evaluate(_ASKEW))


def too_wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


def too_wide_sizes(page: Page, size: str) -> list[str]:
    """Names of the sizes of a window that the page is too wide for. `size`: what it was loaded in."""
    sizes = [size] * too_wide(page)
    for other in SIZES.keys() - {size}:
        page.set_viewport_size(SIZES[other])
        sizes += [other] * too_wide(page)
    page.set_viewport_size(SIZES[size])
    return sizes


def worn(names: Iterable[str], dress: Dress, dresses: Sequence[Dress], every: bool) -> list[str]:
    """Those of the pages that are looked at in this dress. With the dresses turned round it is the others of two."""
    return [name for name, one in pairs(list(names), dresses, every) if one == dress]


def test_axe_does_find_what_is_wrong(chromium: Browser) -> None:
    page = chromium.new_page()
    page.set_content("<html><body><img src='data:,'><p style='color: #999'>Grey</p></body></html>")
    found = "\n".join(violations(page))
    assert "image-alt" in found
    assert "color-contrast" in found
    label = "<label style='width: 5em'>Words of two lines</label>"
    page.set_content(
        f"<div class='option' style='display: flex; align-items: center'><input type=radio>{label}</div>"
    )
    assert askew(page) == ["Words of two lines"]


def test_each_sees_every_page_in_one_dress_and_two_see_it_in_both() -> None:
    names = [f"page {number}" for number in range(40)]
    light, dark = (worn(names, scheme, SCHEMES, every=False) for scheme in SCHEMES)
    assert sorted([*light, *dark]) == sorted(names)
    assert min(len(light), len(dark)) > 10
    assert worn(names, "light", SCHEMES[::-1], every=False) == dark
    assert [worn(names, scheme, SCHEMES, every=True) for scheme in SCHEMES] == [names, names]


@pytest.mark.parametrize(("size", "scheme"), DRESSES)
@pytest.mark.parametrize("column", [BOB, ADA], ids=["Bob", "Ada"])
def test_axe_and_the_policy_find_nothing_on_any_page(
    request: pytest.FixtureRequest,
    column: int,
    scheme: str,
    size: str,
    chromium: Browser,
    live_server: LiveServer,
    world: dict[str, str],
    bob: Person,
    admin: Person,
    as_: As,
) -> None:
    client = as_(bob if column == BOB else admin)
    found: list[str] = []
    with window(chromium, live_server.url, size, scheme) as context:
        sign_in(context, client, live_server.url)
        page = with_axe(context).new_page()
        complaints = complaints_of(page)
        pages = addresses(world, column)
        dresses = DRESSES if column == ADA else DRESSES[::-1]
        for name in worn(pages, (size, scheme), dresses, whole(request.config)):
            page.goto(pages[name])
            found += [f"{name}: {violation}" for violation in violations(page)]
            found += [f"{name}: wider than the window ({one})" for one in too_wide_sizes(page, size)]
            found += [f"{name}: a box is not beside the first line of “{words}”" for words in askew(page)]
            found += [f"{name}: {complaint}" for complaint in complaints]
            complaints.clear()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_so_it_is_on_the_pages_before_somebody_signs_in(
    request: pytest.FixtureRequest,
    scheme: str,
    chromium: Browser,
    live_server: LiveServer,
    world: dict[str, str],
) -> None:
    found: list[str] = []
    with window(chromium, live_server.url, "phone", scheme) as context:
        page = with_axe(context).new_page()
        missing = "/nothing-here/"
        for address in worn(
            [*map(reverse, sorted(PUBLIC - BARE)), missing], scheme, SCHEMES, whole(request.config)
        ):
            page.goto(address)
            found += [f"{address}: {violation}" for violation in violations(page)]
    assert not found, "\n".join(found)


def test_no_page_with_its_styles_and_scripts_is_heavy(world: dict[str, str], admin: Person, as_: As) -> None:
    client = as_(admin)
    weights = {}
    for name, address in addresses(world, ADA).items():
        html = client.get(address).content
        parts = sorted(set(_OURS.findall(html.decode())))
        assert parts, f"{name} has no style"
        weights[name] = len(html) + sum(_size_of(part) for part in parts)
    heavy = {name: weight for name, weight in weights.items() if weight >= HEAVIEST}
    assert not heavy


def _size_of(part: str) -> int:
    path = finders.find(part)
    assert path is not None, part
    return Path(path).stat().st_size


def test_the_account_pages_are_in_no_table_of_rights_but_are_looked_at_too(
    chromium: Browser, live_server: LiveServer, admin: Person, as_: As
) -> None:
    found: list[str] = []
    with window(chromium, live_server.url, "phone", "dark") as context:
        sign_in(context, as_(admin), live_server.url)
        page = with_axe(context).new_page()
        complaints = complaints_of(page)
        for name in sorted(OWN):
            page.goto(reverse(name))
            found += [f"{name}: {violation}" for violation in [*violations(page), *complaints]]
            complaints.clear()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_forms_that_come_back_with_what_is_wrong_are_accessible_too(
    request: pytest.FixtureRequest,
    scheme: str,
    chromium: Browser,
    live_server: LiveServer,
    world: dict[str, str],
    admin: Person,
    as_: As,
) -> None:
    found: list[str] = []
    with window(chromium, live_server.url, "phone", scheme) as context:
        sign_in(context, as_(admin), live_server.url)
        page = with_axe(context).new_page()
        for address in worn(_SENT, scheme, SCHEMES, whole(request.config)):
            page.goto(address)
            page.locator("main form[method=post]").last.evaluate("form => { form.noValidate = true; }")
            page.get_by_role("button", name=_SENT[address], exact=True).last.click()
            page.wait_for_load_state()
            found += [f"{address}: {violation}" for violation in violations(page)]
            found += [f"{address}: wider than the window"] * too_wide(page)
    assert not found, "\n".join(found)
