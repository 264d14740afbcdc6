"""Lines of the log that belong together have one id, which the answer has, too."""

import logging
import re
from typing import Any

import pytest
import structlog
from django.test import Client

from placet.lib import logs
from placet.lib.proxies import NEARBY, see_who_asks
from placet.panel import health

OURS = re.compile(r"[0-9a-f]{32}")
GIVEN = "4bf92f35-77b3/4da6:a3ce_929d0e=0e4736"


def id_of(client: Client, **headers: str) -> str:
    return str(client.get("/accounts/login/", headers=headers).headers["X-Request-ID"])


def test_each_answer_has_an_id_of_its_own(db: None, client: Client) -> None:
    first, second = id_of(client), id_of(client)
    assert OURS.fullmatch(first) and OURS.fullmatch(second) and first != second


@pytest.mark.parametrize("given", ["x", GIVEN, "a" * 128])
def test_one_that_a_proxy_gave_is_taken(given: str, db: None, client: Client) -> None:
    assert id_of(client, **{"X-Request-ID": given}) == given


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
        "é",
        "a,b",
        "a;b",
        "\x00",
        "\x1b[2J",
        "${x}",
        "a%0d",
    ],
)
def test_one_that_could_change_a_log_is_not(given: str, db: None, client: Client) -> None:
    assert OURS.fullmatch(id_of(client, **{"X-Request-ID": given}))


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


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        event = record.msg if isinstance(record.msg, dict) else {}
        self.lines.append({**event, "foreign": str(record.msg)} if not event else dict(event))


def test_what_is_logged_for_a_page_has_the_id_and_what_comes_after_it_has_not(
    db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Lines()
    log = structlog.get_logger("placet.test.ids")
    logging.getLogger("placet.test.ids").addHandler(heard)

    def failing() -> list[str]:
        log.warning("looked")
        return []

    monkeypatch.setattr(health, "failing", failing)
    try:
        answer = client.get("/healthz")
        log.warning("later")
    finally:
        logging.getLogger("placet.test.ids").removeHandler(heard)
    looked, later = heard.lines
    assert looked["http_request"] == answer.headers["X-Request-ID"]
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
