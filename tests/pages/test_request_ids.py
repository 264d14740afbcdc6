"""Lines of the log that belong together have one id, which the answer has, too."""

import json
import logging
import re
from copy import copy
from typing import Any

import pytest
import structlog
from django.conf import settings as ours
from django.test import RequestFactory

from placet.lib import logs
from placet.lib.proxies import NEARBY, see_who_asks
from placet.panel import health
from placet.wsgi import application

OURS = re.compile(r"[0-9a-f]{32}")
GIVEN = "4bf92f35-77b3/4da6:a3ce_929d0e=0e4736"


def asked(path: str, **environ: Any) -> dict[str, str]:
    """The headers of the answer, as a web server gets them."""
    got: dict[str, str] = {}

    def start(status: str, headers: list[tuple[str, str]], *_more: Any) -> Any:
        assert len({name for name, _ in headers}) == len(headers)
        got.update(headers, status=status)

    made = RequestFactory(SERVER_NAME="localhost").get(path).environ
    answer = application({**made, **environ}, start)
    assert b"".join(answer)
    getattr(answer, "close", lambda: None)()
    return got


def id_of(**environ: Any) -> str:
    return asked("/accounts/login/", **environ)["X-Request-ID"]


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours.PLACET, "trust_proxy", NEARBY)


def test_each_answer_has_an_id_of_its_own(db: None) -> None:
    first, second = id_of(), id_of()
    assert OURS.fullmatch(first) and OURS.fullmatch(second) and first != second


@pytest.mark.parametrize("given", ["x", GIVEN, "a" * 128])
def test_one_that_a_proxy_gave_is_taken(given: str, db: None, trusting: None) -> None:
    assert id_of(HTTP_X_REQUEST_ID=given) == given


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "a b",
        "a" * 129,
        'a"b',
        "{}",
        "<b>",
        "a\nb",
        "a\n",
        "é",
        "a,b",
        "a;b",
        "\x00",
        "\x1b[2J",
        "${x}",
        "a%0d",
    ],
)
def test_one_that_could_change_a_log_is_not(given: str, db: None, trusting: None) -> None:
    assert OURS.fullmatch(id_of(HTTP_X_REQUEST_ID=given))


def test_what_anybody_else_says_is_not(db: None) -> None:
    assert OURS.fullmatch(id_of(HTTP_X_REQUEST_ID=GIVEN))


@pytest.mark.parametrize(
    ("peer", "trusted", "kept"),
    [
        ("127.0.0.1", NEARBY, True), ("10.0.0.7", "10.0.0.0/24", True), ("", NEARBY, True),
        ("127.0.0.1", "", False), ("203.0.113.9", NEARBY, False), ("10.0.1.7", "10.0.0.0/24", False),
    ],
)  # fmt: skip
def test_only_a_trusted_proxy_gives_one(peer: str, trusted: str, kept: bool) -> None:
    environ: dict[str, Any] = {"REMOTE_ADDR": peer, "HTTP_X_REQUEST_ID": GIVEN}
    see_who_asks(environ, trusted)
    assert environ.get("HTTP_X_REQUEST_ID") == (GIVEN if kept else None)


def test_every_line_that_is_logged_for_a_page_has_its_id(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    formatter = logging.Formatter()
    for handler in logging.getLogger().handlers:
        if handler.get_name() == "stderr":
            assert handler.formatter is not None
            formatter = handler.formatter
    log = structlog.get_logger("placet.test.ids")

    def failing() -> list[str]:
        log.warning("looked")
        return ["poll"]

    monkeypatch.setattr(health, "failing", failing)
    written: list[dict[str, Any]] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(json.loads(formatter.format(copy(record))))

    lines = Lines()
    logging.getLogger().addHandler(lines)
    try:
        answer = asked("/healthz")
        log.warning("later")
    finally:
        logging.getLogger().removeHandler(lines)
    ours_, djangos, later = written
    assert answer["status"].startswith("503")
    assert (ours_["event"], djangos["event"]) == ("looked", "Service Unavailable: /healthz")
    assert ours_["http_request"] == djangos["http_request"] == answer["X-Request-ID"]
    assert "http_request" not in later


def test_the_same_trouble_of_two_pages_is_remembered_as_one(db: None) -> None:
    logs.memory.forget()
    log = structlog.get_logger("placet.test.ids")
    for id_ in ("a", "b"):
        with structlog.contextvars.bound_contextvars(http_request=id_):
            log.warning("trouble")
    (kept,) = logs.memory.troubles()
    assert kept.times == 2 and "http_request" not in kept.fields
    logs.memory.forget()
