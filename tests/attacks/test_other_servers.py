"""Forgeries whose bytes come another way than from Exchange Online: by IMAP's literals, POP3's lines with dots, Gmail's
base64, and Exchange's XML from a server of one's own; and with senders who are proved by other rules. The families are
those of other modules, which take turns."""

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle

import pytest

from tests.attacks import test_control_characters as control_characters
from tests.attacks import test_doubled_headers as doubled_headers
from tests.attacks import test_senders as senders
from tests.attacks.arena import Arena, Attempt
from tests.attacks.forging import BOB, internal, outside_world

OVER = ("imap", "pop3", "gmail", "exchange-server")

pytestmark = pytest.mark.django_db

Family = Callable[[random.Random], Iterator[Attempt]]

FORGED: Sequence[Family] = (
    lambda rng: doubled_headers.two_ways_of_headers(internal, BOB, rng),
    lambda rng: doubled_headers.of_parts(internal, BOB, rng),
    lambda rng: control_characters.attempts(control_characters.MAKERS, rng),
    lambda rng: senders.attempts(senders.MAKERS, rng),
)
GENUINE: Sequence[Family] = (
    lambda rng: doubled_headers.genuine(internal, BOB, rng),
    lambda rng: control_characters.attempts([control_characters.where_it_does_not_matter], rng),
)


def in_turn(families: Sequence[Family], rng: random.Random) -> Iterator[Attempt]:
    for family in cycle([family(rng) for family in families]):
        yield next(family)


def test_however_a_mail_is_fetched_no_forgery_decides(arena: Arena) -> None:
    outside_world(arena)
    arena.refuses(in_turn(FORGED, arena.rng))
    arena.accepts(in_turn(GENUINE, arena.rng))
