"""What pictures are taken with: a camera, and an album of the pages that people of one world see."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from playwright.sync_api import Page, Route, ViewportSize

from tests.pages.browsing import SIZES
from tests.pages.test_every_page import too_wide, violations
from tests.pages.test_permissions import FRAMED, PUBLIC, SENT
from tests.screenshots.story import Story

FOLDER = Path(__file__).resolve().parents[2] / "screenshots"
#: Each differs from the one before in one thing.
WAYS = [("wide", "light"), ("wide", "dark"), ("phone", "dark"), ("phone", "light")]
PORTAL = ("bob", "alice")  # who decides and who asks see different things at the same address
_UNIQUE = count(1)


# --- the camera -------------------------------------------------------------------------------------------


@dataclass
class Camera:
    page: Page
    taken: set[str]
    too_wide: list[str]
    violations: list[str] = field(default_factory=list)  # of accessibility, where they are looked for
    is_strict: bool = False
    width: int = 0  # that the page was measured in

    def take(self, name: str) -> None:
        """What the window shows, in all four ways."""
        assert name not in self.taken, name
        self.taken.add(name)
        if self.is_strict:
            self.violations += [f"{name}: {one}" for one in violations(self.page)]
        for size, scheme in WAYS:
            self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            self._stretch(SIZES[size])
            file = FOLDER / f"{name}-{SIZES[size]['width']}-{scheme}.png"
            self.page.screenshot(path=file, animations="disabled", caret="hide")
            if too_wide(self.page):
                self.too_wide.append(file.name)

    def _stretch(self, size: ViewportSize) -> None:
        """A window as high as the page: what sticks to its lower edge stands at the end, and frames are loaded."""
        if self.width != size["width"]:
            self.width = size["width"]
            self.page.set_viewport_size({"width": size["width"], "height": size["height"]})
            high = int(self.page.evaluate("document.documentElement.scrollHeight"))
            self.page.set_viewport_size({"width": size["width"], "height": max(size["height"], high)})
        for frame in self.page.frames:
            frame.wait_for_load_state()

    def take_of(self, name: str, html: str, policy: str = "") -> None:
        """Of a page that came as the answer to a form: it stands under an address where nothing else is."""

        def answer(route: Route) -> None:
            headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
            route.fulfill(body=html, headers={key: value for key, value in headers.items() if value})

        address = f"/a-picture-of/{next(_UNIQUE)}/"
        self.page.route(f"**{address}", answer)
        self.page.goto(address)
        self.take(name)


# --- every address ----------------------------------------------------------------------------------------


def _routes(resolver: URLResolver, namespace: str = "", before: str = "") -> Iterator[tuple[str, str]]:
    """(name, route) of every address."""
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{entry.namespace}:" if entry.namespace else ""
            yield from _routes(entry, namespace + inner, route)
        elif isinstance(entry, URLPattern) and entry.name:
            yield namespace + entry.name, route


def _addresses(story: Story) -> dict[str, str]:
    rows = story.rows()
    found = {}
    for name, route in _routes(get_resolver()):
        about = max((start for start in rows if route.startswith(start)), key=len, default="")
        found[name] = reverse(name, kwargs=rows.get(about, {}))
    return found


def _seen_by(name: str) -> tuple[str, ...]:
    """Who looks at it. "" is nobody."""
    if name in PUBLIC - {"account_logout"} or name == "confirm_address":
        return ("",)
    if name.startswith("portal:"):
        return PORTAL
    return ("dave",) if name == "account_set_password" else ("ada",)  # Dave has no password yet


def _is_page(answer: Any) -> bool:
    html = answer.headers.get("Content-Type", "").startswith("text/html")
    sandboxed = "sandbox" in answer.headers.get("Content-Security-Policy", "")
    return bool(html and not sandboxed)


def file_name(*words: str) -> str:
    return re.sub("[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")


class Album:
    """One world, and one window in which one person after the other looks at it."""

    def __init__(self, story: Story, camera: Camera, url: str) -> None:
        self._story, self._camera, self._url = story, camera, url
        self._clients = {name: Client() for name in ("", *story.people)}
        for name, person in story.people.items():
            self._clients[name].force_login(person)
        self.addresses = _addresses(story)
        self.pictured: set[str] = set()  # names of addresses

    def open(self, name: str, who: str, address: str) -> None:
        context, cookie = self._camera.page.context, settings.SESSION_COOKIE_NAME
        context.clear_cookies()
        if who:
            value = self._clients[who].cookies[cookie].value
            context.add_cookies([{"name": cookie, "value": value, "url": self._url}])
        self._camera.page.goto(address)
        self._camera.take(name)

    def send(self, name: str, who: str, address: str, entered: Mapping[str, Any] = {}) -> None:
        """What somebody sees who sent a form."""
        answer = self._clients[who].post(address, dict(entered), follow=True)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        if b"<!doctype html>" in content:  # and no piece of a page
            self._camera.take_of(name, content.decode(), answer.headers.get("Content-Security-Policy", ""))

    def client(self, who: str) -> Client:
        return self._clients[who]

    def every_address(self) -> None:
        for name, address in self.addresses.items():
            viewers = _seen_by(name)
            for who in viewers:
                answer = self._clients[who].get(address, follow=name == "account_reset_password_from_key")
                if answer.status_code == 200 and _is_page(answer) and name not in FRAMED:
                    self.open(file_name(name, who) if len(viewers) > 1 else file_name(name), who, address)
                    self.pictured.add(name)

    def every_answer_to_an_empty_form(self) -> None:
        for name, of_everybody in SENT.items():
            who, column = ("bob", 3) if name.startswith("portal:") else ("ada", 4)
            if of_everybody[column] in (200, 409, 422):
                self.send(file_name(name, "sent empty"), who, self.addresses[name])
                self.pictured.add(name)

    def without_a_picture(self) -> set[str]:
        """Addresses that show somebody a page of which there is none."""
        left = self.addresses.keys() - self.pictured - FRAMED
        return {
            name
            for name in left
            for who in _seen_by(name)
            if (answer := self._clients[who].get(self.addresses[name])).status_code == 200
            and _is_page(answer)
        }
