"""Of the odd and automatic mails of the corpora every tenth over each kind of mailbox, other ones by each: what
`test_odd_mail.py` has whole over one kind in `make acceptance`, and over all of them in `make soak-kinds`."""

from collections.abc import Mapping

import pytest

from tests.acceptance.test_odd_mail import mails_behind_are_handled, odd_mails
from tests.journeys.conftest import World
from tests.journeys.ways import WAYS

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200), pytest.mark.django_db]

SHARES = 10
#: By kind, how many mails of its share its server does not take, by what it answers.
REFUSED: Mapping[str, Mapping[str, int]] = {"jmap": {"554 5.6.0 Message contains invalid header": 15}}


@pytest.fixture
def way(kind: str) -> str:
    """Not taking turns with the others, as what is called so does."""
    return kind


@pytest.mark.parametrize("kind", WAYS)
def test_a_share_of_them_is_handled_over_each_kind(world: World, kind: str) -> None:
    mails = odd_mails()
    share = dict(list(mails.items())[list(WAYS).index(kind) :: SHARES])
    assert mails_behind_are_handled(world, share) == REFUSED.get(kind, {})
