"""Forged mails, judged on the real path: laid into the sandbox's mailbox, fetched over HTTP, taken down
`placet/replies/`, many in one world.

A module of this folder is one class of attacks:

    EVERY_KIND = True                                # of mailbox: over all ways of tests/journeys/ways.py
    pytestmark = pytest.mark.django_db

    def forgeries(rng: random.Random) -> Iterator[Attempt]: ...   # the whole family, as long as one likes
    def neighbours(rng: random.Random) -> Iterator[Attempt]: ...  # genuine mails like them, which must decide

    def test_no_doubled_header_decides(arena: Arena) -> None:
        arena.refuses(forgeries(arena.rng))
        arena.accepts(neighbours(arena.rng))

An attempt is a name and a function that is given the world and the mail that asks Bob, and lays ONE mail into the
mailbox of Placet in whichever way its attack does: `world.sandbox.place` (as it lies there, believed as it is),
`deliver` (from outside, through the header firewall and with the stamps of the entrance), `send_as` or `reply_as`
(a signed-in colleague). Bob approves alone; nobody else is asked. What is counted are the mails that were judged.

At other kinds than Exchange Online a mail carries what that kind's server writes (`forging.lay`, `lay_raw`); what a
kind has no notion of is left out beside the test, by a reason (`not_over`).

The suite judges a sample of each family (`--forgeries`, per test; `--in-turn` shares them out over both ways of
Exchange Online) there and at one other kind; `make soak` the long form, at every kind. The class's name in the table is
the module's: test_doubled_headers.py is "doubled headers". What
delivers mails in another way (`delivering.py`) counts them by `arena.count`. What judges something else, such as texts,
mails that are only parsed, or calls, counts by the fixture `tally`: the table says how many of a class were delivered.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import asdict, replace
from itertools import islice
from typing import Any

import pytest
import yaml

from placet.approvals.models import Decision
from placet.approvals.processes import publish
from placet.commands.process import SAMPLES
from placet.mail.models import IncomingMail
from placet.sandbox.server import Mail
from tests.attacks.tally import PROPERTY, Counts
from tests.journeys.conftest import World
from tests.journeys.elsewhere import NotTaken
from tests.journeys.ways import ONLINE
from tests.servers.dns import Records

Attempt = tuple[str, Callable[[World, Mail], object]]
Count = Callable[[Counts], None]

BATCH = 50  # mails that lie in the mailbox when Placet looks into it
FEWEST = 10  # mails that a test of a family delivers
NEIGHBOURS = 10  # genuine mails of a test, for each hundred forgeries


class Arena:
    """A world in which one ask is attacked."""

    def __init__(self, world: World, rng: random.Random, most: int, count: Count) -> None:
        self.world = world
        self.rng = rng
        self.most = most  # forgeries that one call judges
        self._count = count

    def count(self, judged: Counts) -> None:
        """Of mails that were delivered."""
        self._count(replace(judged, delivered=judged.forged))

    def processes_are(self, definition: Mapping[str, Any]) -> None:
        """From now on: decided by colleagues, as far as the mailbox's server can prove that much."""
        publish({**definition, "proof": self.world.level("colleague")})

    def level(self, proof: str) -> None:
        """What requests from now on ask for: "colleague", "outside" or "page"."""
        definition = yaml.safe_load((SAMPLES / "purchase.yaml").read_text())
        publish({**definition, "proof": self.world.level(proof)})

    def refuses(
        self,
        attempts: Iterable[Attempt],
        most: int | None = None,
        own: Callable[[World, Mail], object] | None = None,
    ) -> Counter[str]:
        """Judge them against one ask, which must stay open and must then be decided by Bob's own answer: `own`, or what
        he writes as a colleague. Gives how often each result came, as the mail log has it."""
        request, asked = self.world.asked()
        results: Counter[str] = Counter()
        waiting = islice(attempts, self.most if most is None else most)
        while batch := list(islice(waiting, BATCH)):
            results += self._judged(batch, asked)
            assert not _decided({request.pk})
        assert results, "nothing was forged"
        self.count(Counts(forged=results.total(), accepted=results["decided"]))
        if own is not None:
            own(self.world, asked)
        else:
            self.world.sandbox.reply_as("bob", asked.id, "approve")
        self.world.run_until_quiet()
        assert _decided({request.pk}), "after all of them Bob's own answer counts"
        return results

    def _judged(self, batch: list[Attempt], asked: Mail) -> Counter[str]:
        last = IncomingMail.objects.order_by("pk").last()
        before = last.pk if last else 0
        for _name, forge in batch:
            with suppress(NotTaken):  # a server that takes such bytes from nobody refuses them itself
                forge(self.world, asked)
        self.world.run_until_quiet()
        judged = IncomingMail.objects.filter(pk__gt=before)
        decided = [mail for mail in judged if mail.result == "decided"]
        assert not decided, (
            f"one of {[name for name, _ in batch]} decided:\n{bytes(decided[0].raw).decode(errors='replace')[:4000]}"
        )
        return Counter(mail.result or mail.state for mail in judged)

    def accepts(self, attempts: Iterable[Attempt], most: int | None = None) -> None:
        """Each answers an ask of its own, and must decide it."""
        limit = max(self.most * NEIGHBOURS // 100, NEIGHBOURS) if most is None else most
        waiting = islice(attempts, limit)
        written = passed = 0
        while batch := list(islice(waiting, BATCH)):
            names = self._answered(batch)
            refused = self._refused(names)
            assert not refused, f"genuine mails were refused: {refused}"
            self.count(Counts(neighbours=len(names), passed=len(names)))
            written, passed = written + len(batch), passed + len(names)
        assert 4 * passed > written, f"of {written} genuine mails {passed} came to be judged"

    def _answered(self, batch: list[Attempt]) -> dict[int, str]:
        """Names of the genuine mails that the server took, by the requests that each of them answers."""
        names = {}
        requests = [self.world.request(item=f"Desk {number}") for number in range(len(batch))]
        self.world.send()
        for (name, answer), request, asked in zip(batch, requests, self.world.asks_of(requests), strict=True):
            with suppress(NotTaken):
                answer(self.world, asked)
                names[request.pk] = name
        self.world.run_until_quiet()
        return names

    def _refused(self, names: Mapping[int, str]) -> list[str]:
        """Of the genuine mails those that did not decide, and what the mail log says of such."""
        decided = _decided(set(names))
        refused = [name for pk, name in names.items() if pk not in decided]
        if refused:
            kept = IncomingMail.objects.order_by("-pk")[: len(names)]
            others = [(mail.result, mail.reason, mail.verdict.get("refusal")) for mail in kept]
            refused.append(f"results: {[result for result in others if result[0] != 'decided']}")
        return refused


def _decided(requests: Set[int]) -> set[int]:
    """Those of these requests that were decided by mail."""
    by_mail = Decision.objects.exclude(incoming=None)
    of_these = by_mail.filter(assignment__visit__request__in=requests)
    return set(of_these.values_list("assignment__visit__request_id", flat=True))


def class_of(request: pytest.FixtureRequest) -> str:
    """ "doubled headers", of test_doubled_headers.py."""
    return request.path.stem.removeprefix("test_").replace("_", " ")


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Count]:
    """Counts for the table, under the module's class."""
    counts: list[Counts] = []
    yield counts.append
    counted = asdict(sum(counts, Counts()))
    way = request.getfixturevalue("way") if "way" in request.fixturenames else ""
    request.node.user_properties.append((PROPERTY, {"class": class_of(request), "way": way, **counted}))


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """The same numbers each time for the same test."""
    return random.Random(request.node.nodeid)


@pytest.fixture
def most(request: pytest.FixtureRequest) -> int:
    """How many forgeries a test judges, over each way of Exchange Online; with --in-turn, over both of them together.
    At each other kind of mailbox it is a quarter of them; ten at least, which a test may share out once more."""
    count = int(request.config.getoption("--forgeries"))
    if "way" not in request.fixturenames or not getattr(request.module, "EVERY_KIND", False):
        return count
    if request.getfixturevalue("way") not in ONLINE:
        return max(FEWEST, count // 4)
    return max(FEWEST, count // 2 if request.config.getoption("--in-turn") else count)


@pytest.fixture
def arena(world: World, rng: random.Random, most: int, tally: Count, sender_keys: Records) -> Arena:
    world.sandbox.add_mailbox("mallory@evil.example", outside=True)
    return Arena(world, rng, most, tally)
