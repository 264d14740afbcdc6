"""Placet behind a reverse proxy, below a path: https://it.example/placet. The real `placet serve` is asked as such a
proxy asks it, whether it keeps the path or takes it away, and whether the operator or an administrator said it."""

from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import lxml.html
import pytest
import requests

from tests.installation import Installation, Serving, copied

pytestmark = pytest.mark.any_database

PUBLIC = "https://it.example/placet"
PREFIX = "/placet"
PASSWORD = "a long and quiet password"


class Browser:
    """What somebody's browser sees through the proxy. Whatever leads out of the path fails the test."""

    def __init__(self, serving: Serving, keeps_path: bool) -> None:
        self._address, self._keeps = serving.address, keeps_path
        self._cookies: dict[str, str] = {}

    def get(self, path: str) -> requests.Response:
        return self._follow(self._ask("GET", path))

    def post(self, path: str, fields: dict[str, str]) -> requests.Response:
        """A form of that page, filled in and sent to where it says."""
        page = self.get(path)
        for form in lxml.html.document_fromstring(page.text).forms:
            if set(fields) <= set(form.fields.keys()):
                break
        else:
            raise AssertionError(f"no form on {path} has {sorted(fields)}")
        for name, value in fields.items():
            form.fields[name] = value
        data = {name: value for name, value in form.form_values() if value is not None}
        return self._follow(self._ask("POST", form.get("action") or path, data=data))

    def _ask(self, method: str, path: str, **more: Any) -> requests.Response:
        assert f"{path}/".startswith(f"{PREFIX}/"), f"{path} leads out of {PREFIX}"
        inside = path if self._keeps else path.removeprefix(PREFIX) or "/"
        headers = {
            "Host": "it.example",
            "X-Forwarded-For": "203.0.113.7",
            "X-Forwarded-Proto": "https",
            "Origin": "https://it.example",
            "Referer": f"https://it.example{path}",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
        }
        answer = requests.request(
            method, f"{self._address}{inside}", headers=headers, allow_redirects=False, timeout=60, **more
        )
        for cookie in answer.raw.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(cookie).items():
                assert morsel["path"] == f"{PREFIX}/", cookie
                assert morsel["secure"] or morsel["max-age"] == "0", cookie
                self._cookies[name] = morsel.value
        return answer

    def _follow(self, answer: requests.Response) -> requests.Response:
        for _ in range(5):
            if not answer.is_redirect:
                return answer
            where = urlsplit(answer.headers["Location"])
            assert where.netloc in ("", "it.example"), answer.headers["Location"]
            answer = self._ask("GET", where._replace(scheme="", netloc="").geturl())
        raise AssertionError("redirected again and again")


def addresses(page: requests.Response) -> Iterator[str]:
    """Every address of ours on a page: links, forms, pictures, scripts, styles."""
    if not page.headers["Content-Type"].startswith("text/html") or not page.text.strip():
        return
    for element in lxml.html.document_fromstring(page.text).iter():
        for name in ("href", "src", "action", "hx-get", "hx-post"):
            address = element.get(name, "")
            if address.startswith("/") or "it.example" in address:
                yield urlsplit(address)._replace(scheme="", netloc="", fragment="").geturl()


@pytest.fixture(params=["the operator", "an administrator"])
def settings(request: pytest.FixtureRequest, installation: Installation) -> dict[str, str]:
    """The public address is set by one of them before the start."""
    installation.good("person", "add", "--administrator", "Ada", "ada@contoso.example", typed=f"{PASSWORD}\n")
    if request.param == "the operator":
        return {"PLACET_TRUST_PROXY": "true", "PLACET_PUBLIC_URL": PUBLIC}
    installation.good(
        "django", "shell", "--no-imports", "-c",
        f"from placet.accounts.general import save; save({{'public_url': {PUBLIC!r}}}, by=1)",
    )  # fmt: skip
    return {"PLACET_TRUST_PROXY": "true"}


@pytest.fixture
def installation(begun: Installation, tmp_path: Path) -> Iterator[Installation]:
    with copied(begun, tmp_path / "data") as made:
        yield made


def test_every_page_file_form_and_redirect_works_below_a_path(
    installation: Installation, settings: dict[str, str]
) -> None:
    with installation.serve(settings) as serving:
        assert f"Placet runs at {PUBLIC}" in serving.said
        for keeps_path in (True, False):
            _walk(Browser(serving, keeps_path), keeps_path, most=45 if keeps_path else 12)
        _loopback_works(serving)


def _walk(browser: Browser, keeps_path: bool, most: int) -> None:
    signed_in = browser.post(PREFIX, {"login": "ada@contoso.example", "password": PASSWORD})
    assert "Sign out" in signed_in.text
    to_do, seen = [f"{PREFIX}/administration/configuration/general/"], set[str]()
    while to_do and len(seen) < most:
        path = to_do.pop(0)
        if path in seen or "/logout/" in path:
            continue
        seen.add(path)
        answer = browser.get(path)
        assert answer.status_code in (200, 405), f"{path}: {answer.status_code}"
        to_do += addresses(answer)
    assert {f"{PREFIX}/static/placet.css", f"{PREFIX}/administration/configuration/general/"} <= seen
    saved = browser.post(
        f"{PREFIX}/administration/configuration/general/", {"organisation": f"Contoso {keeps_path}"}
    )
    assert "Saved." in saved.text and f"Contoso {keeps_path}" in saved.text
    assert "Restart Placet" not in saved.text and "You use Placet at" not in saved.text
    seen_so = browser.get(f"{PREFIX}/administration/configuration/diagnostics/").text
    assert ("no proxy takes it away" in seen_so) is keeps_path
    assert "203.0.113.7" in seen_so and PUBLIC in seen_so


def _loopback_works(serving: Serving) -> None:
    """Below the path, too, so that a wrong address locks nobody out."""
    page = requests.get(f"{serving.address}{PREFIX}/accounts/login/", timeout=60)
    assert page.status_code == 200
    for path in addresses(page):
        assert requests.get(f"{serving.address}{path}", timeout=60).status_code == 200
