"""Requests started in somebody's name: forged and automatic mails go to the address that starts them, as they would go
to that of an answer. None starts anything, and none of them is answered."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import islice

import pytest

from placet.approvals.models import MailedStart, Request
from placet.approvals.processes import publish
from placet.mail.models import IncomingMail, OutgoingMail
from placet.sandbox.server import Mail
from tests.attacks import test_planted_stamps as planted
from tests.attacks import test_senders as senders
from tests.attacks.arena import Arena, Attempt
from tests.attacks.forging import BOB, SIGNED, Signed, internal, lay, letter, long_ago, outside_world
from tests.attacks.tally import Counts
from tests.attacks.test_doubled_headers import AUTOMATIC, STAMPS, genuine, two_ways_of_headers
from tests.attacks.test_replayed_signatures import sent
from tests.journeys.conftest import World
from tests.journeys.elsewhere import NotTaken
from tests.journeys.test_start_by_mail import ADDRESS, changed
from tests.journeys.ways import ONLINE

pytestmark = pytest.mark.django_db

EVERY_KIND = True

FORM = [{"name": "item", "label": "Item", "type": "text"}]
STRANGERS = {
    "not_proved", "two_readings", "mechanism_not_confirmed", "sender_unclear", "starter_unknown", "no_code",
    "too_old", *AUTOMATIC, "our_own",
}  # fmt: skip


@pytest.fixture
def address(arena: Arena) -> Mail:
    """What forgers answer, as if it were a mail of ours: whoever writes to its address starts a request, whatever they
    write."""
    outside_world(arena)
    rules = {"subject": "item", "proof": "outside"}
    publish(changed(form=FORM, start_by_mail=rules))
    _request, asked = arena.world.asked()
    return replace(asked, subject="Chairs", mime=f"Reply-To: {ADDRESS}\r\n\r\n".encode())


def judged(arena: Arena, attempts: Iterator[Attempt], address: Mail, most: int) -> Counter[str]:
    last = IncomingMail.objects.order_by("-pk").first()
    for _name, forge in islice(attempts, most):
        with suppress(NotTaken):
            forge(arena.world, address)
    arena.world.run_until_quiet()
    new = IncomingMail.objects.filter(pk__gt=last.pk if last else 0)
    return Counter(mail.result or mail.state for mail in new)


def automatic() -> Iterator[Attempt]:
    for name, kind in AUTOMATIC.items():

        def write(world: World, asked: Mail, kind: object = kind) -> None:
            lay(world, kind.letter(asked).without("in-reply-to", "references"))  # type: ignore[attr-defined]

        yield name, write


def test_nobody_starts_anything_in_somebody_elses_name(arena: Arena, address: Mail) -> None:
    most = max(arena.most // 4, 10)
    colleague, bob = STAMPS["colleague"][1], STAMPS["colleague"][0]
    families = {
        "whose domain says nothing": senders.attempts([senders.unchecked, senders.unsigned], arena.rng),
        "planted stamps": planted.attempts(
            planted.ON_EXCHANGE if arena.world.way in ONLINE else [planted.own_server, planted.other_server],
            arena.rng,
        ),
        "two readings": two_ways_of_headers(colleague, bob, arena.rng),
        "automatic": automatic(),
    }
    before, sent = set(Request.objects.all()), OutgoingMail.objects.count()
    for name, attempts in families.items():
        results = judged(arena, attempts, address, most)
        assert results and set(results) <= STRANGERS, (name, results)
        arena.count(Counts(forged=results.total()))
    assert set(Request.objects.all()) == before and not MailedStart.objects.exists()
    assert OutgoingMail.objects.count() == sent, "strangers learn nothing"


def test_whoever_they_are_starts_what_they_write(arena: Arena, address: Mail) -> None:
    """The same letters, right: they are let in, so that the others are refused for what is wrong with them."""
    colleague, bob = STAMPS["colleague"][1], STAMPS["colleague"][0]
    results = judged(arena, genuine(colleague, bob, arena.rng), address, 6)
    assert set(results) == {"start_not_taken"}, "a reply to all: proved, and told so"
    right = internal(letter(address, BOB, Subject="Chairs")).without("in-reply-to", "references")
    lay(arena.world, right)
    arena.world.run_until_quiet()
    assert Request.objects.get(version__process__key="buy").requester == arena.world.people["bob"]
    arena.count(Counts(neighbours=7, passed=7))


def test_from_outside_counts_what_the_senders_domain_signed(arena: Arena, address: Mail) -> None:
    """Whoever has a signed mail can send it again, to another address: so To and Cc have to be signed. And what is
    sent again as it was is one request, or too old."""
    signed = f"{SIGNED}:To:Cc"

    def lies(headers: str, *, id_: str = "<none@partner.example>", date: datetime | None = None) -> str:
        made = [Signed(headers=headers, made_at=None)]
        sent_at = format_datetime(date or datetime.now(UTC))
        mail = sent(address, made, Subject="Chairs", Date=sent_at, Message_ID=id_)
        mail = mail.without("in-reply-to", "references")
        lay(arena.world, mail)
        arena.world.run_until_quiet()
        return str(IncomingMail.objects.order_by("-pk").values_list("result", flat=True)[0])

    assert lies(SIGNED) == "not_proved"
    assert lies(f"{SIGNED}:To") == "not_proved"
    assert lies(signed, date=long_ago(days=4)) == "too_old"
    assert lies(signed, id_="<one@partner.example>") == "started"
    again = datetime.now(UTC) - timedelta(minutes=1)  # with the same bytes it would be no other mail at all
    assert lies(signed, id_="<one@partner.example>", date=again) == "start_twice"
    request = Request.objects.get(version__process__key="buy")
    assert request.requester == arena.world.people["bob"], "by the address that he has outside"
    arena.count(Counts(forged=4, delivered=4, neighbours=1, passed=1))
