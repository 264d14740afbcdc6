"""Killed at commands to IMAP, POP3, SMTP and JMAP servers, to Gmail and to an Exchange server, in short;
`make soak-kinds` kills at each command."""

from pathlib import Path

import pytest

from tests.journeys.conftest import World
from tests.journeys.proxied import Proxies, proxies, sandbox, servers
from tests.rotation import whole
from tests.soak.kill_at_commands import kill_at_commands
from tests.soak.loaded import Loader

__all__ = ["proxies", "sandbox", "servers"]

OVER = ("imap", "pop3", "jmap", "gmail", "exchange-server")


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.any_database  # PostgreSQL frees what a killed one held after minutes: tests/soak/test_kill.py
@pytest.mark.django_db(transaction=True)
def test_whenever_it_is_killed_each_reply_is_decided_once(
    threaded_world: World,
    proxies: Proxies,
    tmp_path: Path,
    loader: Loader,
    pytestconfig: pytest.Config,
    capsys: pytest.CaptureFixture[str],
) -> None:
    every = whole(pytestconfig)
    figures = kill_at_commands(
        threaded_world, proxies, tmp_path / "serve.log", None if every else loader, every=every
    )
    with capsys.disabled():
        print(f"\n{figures.lines()}")
    if not every:
        assert not figures.not_reached
    assert figures.killed
