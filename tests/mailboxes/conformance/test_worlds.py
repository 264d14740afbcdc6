"""Every kind of mailbox is held to what `mailboxes/base.py` promises, by each of its protocols."""

import pytest

from placet.mailboxes.kinds import Kind, all_kinds

from .world import every_world


@pytest.mark.parametrize("kind", all_kinds().values(), ids=lambda kind: str(kind.key))
def test_every_kind_has_a_world_that_tries_all_that_it_says_of_itself(kind: Kind) -> None:
    own = [world for world in every_world() if kind.key in world.kinds]
    assert own, f"tests/mailboxes/conformance/worlds has no world of the kind {kind.key}"
    assert any(world.receives for world in own) or not kind.receives
    assert any(world.sends for world in own) or not kind.sends
    untried = set(kind.protocols) - {world.protocol for world in own}
    assert len(kind.protocols) < 2 or not untried, f"no world goes over {untried}"


def test_names_of_worlds_are_their_own() -> None:
    names = [str(world) for world in every_world()]
    assert len(set(names)) == len(names)
