"""Every odd and automatic mail of the corpora, as it is and grafted into a proved reply, over every kind of mailbox:
nothing stops the mails behind it, and what a program wrote decides nothing.

`make acceptance` has all of them over one kind, and by `test_odd_mail_shares.py` a share over each of the others."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.journeys.conftest import World
from tests.journeys.odd import asks, delivered, grafted, is_settled

EVERY_KIND = True

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600), pytest.mark.django_db]

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora"
#: By kind, how many of these mails its server does not take, by what it answers.
REFUSED: dict[str, dict[str, int]] = {
    "jmap": {"554 5.6.0 Message contains invalid header": 117, "554 5.6.0 Message contains NUL characters": 2}
}


def odd_mails() -> dict[str, bytes]:
    """By path."""
    mails: dict[str, bytes] = {}
    for folder in ("malformed", "automatic"):
        paths = sorted((CORPORA / folder).rglob("*"))
        of_folder = [path for path in paths if path.is_file() and not path.name.startswith("LICENSE")]
        assert len(of_folder) > 100
        mails |= {str(path): path.read_bytes() for path in of_folder}
    return mails


def mails_behind_are_handled(world: World, mails: Mapping[str, bytes]) -> dict[str, int]:
    """All in one mailbox. How many its server does not take, by what it answers."""
    asked = asks(world, "Grafted into", "Behind")
    by_bob = {
        f"{name}, grafted": world.proved(grafted(raw, asked["Grafted into"])) for name, raw in mails.items()
    }
    delivery = delivered(world, {**mails, **by_bob})
    world.sandbox.reply_as("bob", asked["Behind"].id, "approve")
    is_settled(world, delivery.came + 1)
    assert world.decisions() == [("Bob", "approve")]
    assert "Approved: Behind" in world.subjects("bob")
    assert world.open_for("bob") == 1
    return Counter(delivery.refused.values())


def test_the_mails_behind_are_handled(world: World) -> None:
    assert mails_behind_are_handled(world, odd_mails()) == REFUSED.get(world.way, {})
