"""A real browser for tests: the system's Chromium, in the sizes that pages are made for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    FloatRect,
    Locator,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

#: The first that there is. The shell draws and runs pages with the same engine, for two thirds of the processor's time:
#: it has no windows.
PROGRAMS = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 60_000  # milliseconds that a page may take on a busy machine
SIZES: dict[str, ViewportSize] = {
    "wide": {"width": 1280, "height": 800},
    "phone": {"width": 390, "height": 844},
}
#: What axe looks for: its rules of WCAG 2.2 A and AA, and what it calls good practice. Frames are not asked: they show
#: mails and run no scripts, so that none could answer.
AXE = {"resultTypes": ["violations"], "iframes": False}


@contextmanager
def launched() -> Iterator[Browser]:
    """Chromium, while it runs. Playwright's event loop runs in this thread; Django would take our own queries for
    asynchronous ones."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        expect.set_options(timeout=PATIENCE)  # five seconds if nothing is said
        program = next((one for one in PROGRAMS if Path(one).exists()), PROGRAMS[-1])
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def window(
    browser: Browser, base_url: str, size: str = "wide", scheme: str = "light", scripted: bool = True
) -> Iterator[BrowserContext]:
    """A window of its own, with its own cookies. Nothing that happens in it may breach a page's policy."""
    context = browser.new_context(
        base_url=base_url,
        viewport=SIZES[size],
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=scripted,
    )
    context.set_default_timeout(PATIENCE)
    breaches: list[str] = []
    context.on("console", lambda m: breaches.append(m.text) if "Content Security Policy" in m.text else None)
    yield context
    for page in context.pages:
        page.goto("about:blank")  # with a limit of its own; closing a page that still loads has none
    context.close()
    assert breaches == []


def sign_in(context: BrowserContext, client: Client, base_url: str) -> None:
    """The browser is signed in as the test client is."""
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": base_url}])


def settle(page: Page) -> None:
    """Wait until htmx has put in what was asked for: for a moment longer than an answer takes, new fields stand on the
    page without listeners, and what is typed then asks nothing."""
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added")).to_have_count(0)


def complaints_of(page: Page) -> list[str]:
    """Whatever the browser complains of from now on: scripts that failed, breaches of the policy, what was not
    loaded."""
    found: list[str] = []
    page.on(
        "console",
        lambda message: found.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("requestfailed", lambda r: found.append(f"not loaded: {r.url}") if is_failure(r) else None)
    return found


def is_failure(request: Request) -> bool:
    """Whether what was not loaded is missing. A page gives up itself what it asked for when it is left, and when it
    asks anew because somebody types on (Chromium: net_error_list.h, ABORTED); a server that breaks off has other
    errors."""
    return request.failure != "net::ERR_ABORTED"


def box_of(one: Locator) -> FloatRect:
    """Where it is drawn, in pixels; it has to be."""
    box = one.bounding_box()
    assert box is not None, "it is not drawn"
    return box


#: Which key leads to it: "" if it has the focus, null if it stands in the page no more.
_NEXT_KEY = """one => {
  if (!one.isConnected) return null;
  const active = document.activeElement;
  if (one === active) return "";
  return one.compareDocumentPosition(active) & Node.DOCUMENT_POSITION_FOLLOWING ? "Shift+Tab" : "Tab";
}"""


def reach(page: Page, one: Locator, most_tabs: int) -> None:
    """Give it the focus by Tab and Shift+Tab alone, whichever is shorter; AssertionError where they do not lead there.

    It is looked up once, and once more where the page put another one in its place: to look for it by its role and
    name after each key would take most of the time."""
    expect(one).to_be_visible()
    element = one.element_handle()
    for _ in range(most_tabs):
        key = element.evaluate(_NEXT_KEY)
        if key is None:
            element = one.element_handle()
        elif key:
            page.keyboard.press(key)
        else:
            return
    raise AssertionError(f"no Tab leads to {one}")
