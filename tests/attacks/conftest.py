"""The world of the journeys, and the arena in it.

A family that judges mails has EVERY_KIND and runs over all of WAYS. What a kind of mailbox has no notion of is left out
by `not_over(way, ..., because="...")`, beside the test; without a reason nothing is.
"""

from collections.abc import Iterable, Iterator

import pytest
from pytest_django import Settings

from placet.lib import dns
from tests.attacks.arena import arena, most, rng, tally
from tests.attacks.forging import publish_keys
from tests.journeys.conftest import World, cyrus_servers, mail_servers, sandbox, way, world
from tests.journeys.elsewhere import Elsewhere
from tests.journeys.ways import EVERY_WAY, WAYS
from tests.servers.dns import Records, serving

__all__ = ["arena", "cyrus_servers", "mail_servers", "most", "rng", "sandbox", "tally", "way", "world"]


@pytest.fixture
def sender_keys(world: World, settings: Settings) -> Iterator[Records]:
    """The DNS that Placet asks for keys of signatures, where it looks at them itself."""
    dns.forget()
    with serving() as records:
        if isinstance(world.sandbox, Elsewhere):
            publish_keys(records)
        settings.PLACET = settings.PLACET.model_copy(update={"dns_servers": records.address})
        yield records
    dns.forget()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "way" in metafunc.fixturenames and getattr(metafunc.module, "EVERY_KIND", False):
        left_out = left_out_of(metafunc.definition.nodeid, metafunc.definition.iter_markers("not_over"))
        metafunc.parametrize("way", [one for one in WAYS if one not in left_out])


def left_out_of(test: str, marks: Iterable[pytest.Mark]) -> dict[str, str]:
    """Ways that a test does not go over, each with its reason."""
    reasons: dict[str, str] = {}
    for mark in marks:
        because = mark.kwargs.get("because", "")
        if not because or not mark.args or not set(mark.args) <= EVERY_WAY.keys():
            raise pytest.UsageError(f"{test}: not_over names ways and says because of what: {mark}")
        reasons |= dict.fromkeys(mark.args, because)
    return reasons
