"""The world of the journeys, and the arena in it."""

from tests.attacks.arena import arena, most, rng, tally
from tests.journeys.conftest import cyrus_servers, mail_servers, pytest_generate_tests, sandbox, way, world

__all__ = [
    "arena",
    "cyrus_servers",
    "mail_servers",
    "most",
    "pytest_generate_tests",
    "rng",
    "sandbox",
    "tally",
    "way",
    "world",
]
