"""Replies of Bob's, each to an ask of its own, laid into the mailbox and taken down the real path; and what became of
each: its row in the mail log, the decision in the tables, the mail that confirms it.

For attacks on answers that may well count, only not as others would have them read. What must not count at all goes
into the arena.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from benchmarks.reading.ask import Ask
from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import Decision, Process, Request
from placet.approvals.processes import newest
from placet.mail.models import IncomingMail
from placet.sandbox.server import Mail
from tests.attacks.arena import BATCH
from tests.attacks.forging import lay_raw
from tests.journeys.conftest import World

Values = Mapping[str, str]  # what the requester entered
Compose = Callable[[Mail], bytes]  # the reply to an ask

DESK: Values = {"item": "Desk", "amount": "900"}


@dataclass(frozen=True)
class Effect:
    """What became of one reply."""

    mail: IncomingMail
    decision: Decision | None
    confirmation: str  # the text of the mail that tells Bob what he was understood to say; "": none came

    @property
    def outcome(self) -> str | None:
        return self.decision.outcome if self.decision else None

    @property
    def comment(self) -> str:
        return self.decision.comment if self.decision else ""

    @property
    def rests_on(self) -> tuple[str, ...]:
        return tuple(self.mail.verdict.get("rests_on", ()))

    def __str__(self) -> str:
        return f"{self.mail.result}, {self.outcome}: {self.comment!r}\n{bytes(self.mail.raw).decode(errors='replace')}"


def effects(world: World, replies: Iterable[tuple[Values, Compose]]) -> Iterator[Effect]:
    """Of replies in their order, many in the mailbox at a time as in the arena."""
    waiting = iter(replies)
    while batch := list(islice(waiting, BATCH)):
        placed = [
            (request, lay_raw(world, compose(asked)).message_id)
            for (_, compose), (request, asked) in zip(
                batch, _asked(world, [values for values, _ in batch]), strict=True
            )
        ]
        world.run_until_quiet()
        kept = {mail.facts["message_id"]: mail for mail in IncomingMail.objects.order_by("-pk")[: len(batch)]}
        confirmations = {mail.header("In-Reply-To"): mail.text for mail in world.sandbox.mails("bob")}
        for request, message_id in placed:
            decision = Decision.objects.filter(assignment__visit__request=request).first()
            assert decision is None or decision.incoming == kept[message_id]
            yield Effect(kept[message_id], decision, confirmations.get(message_id, "") if decision else "")


def _asked(world: World, entered: Sequence[Values]) -> list[tuple[Request, Mail]]:
    version = newest(Process.objects.get(key="purchase"))
    assert version is not None
    requests = [engine.start(version, world.people["alice"], dict(values)) for values in entered]
    world.send()
    return list(zip(requests, world.asks_of(requests), strict=True))


def as_ask(mail: Mail) -> Ask:
    """For the programs of the reading benchmark, which quote it."""
    text, html = (part.replace("\r\n", "\n") for part in (mail.text, mail.html))
    return Ask(mail.subject, text, html, mail.mime)


def rename(world: World, **names: str) -> None:
    """The people of the world as a family of texts calls them: the names of both are no comment."""
    for key, name in names.items():
        Person.objects.filter(pk=world.people[key].pk).update(name=name)
        world.people[key].refresh_from_db()
