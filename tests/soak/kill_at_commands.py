"""`placet serve` on a mailbox at an IMAP or POP3 server and an SMTP server, or at a JMAP server, that we did not write,
or at the Gmail and the Exchange server in memory, killed by SIGKILL at one command after another of those that a
reply's way takes: before the server has it, in the middle of it, and when the server has done it and nobody has read
its answer. What the killed one left, the next one goes on with.

Which commands there are is seen in a process that is left alone.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.db import connections

from placet.approvals.models import Decision, Request
from placet.approvals.verification import findings
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Mail
from tests.journeys.conftest import World, close_connections
from tests.journeys.letters import reference_of
from tests.journeys.proxied import api_of
from tests.servers.proxy import CONTENT, LITERAL, STREAM, Fault, Proxy
from tests.soak.kill import SERVE, Process, check_log, serving, until
from tests.soak.loaded import Command, Loader

Serve = Callable[[], AbstractContextManager[Process]]
#: Only where there is something to be made, or at the end of a process that is not killed.
SELDOM = ("CREATE", "SUBSCRIBE", "LOGOUT", "DONE", "Mailbox/set", "POST labels", "CreateFolder")


@dataclass(frozen=True)
class Moment:
    """When a process is killed. `share`: of the command, that the server has by then; None: all, and it has done it."""

    protocol: str
    command: str
    share: float | None

    def __str__(self) -> str:
        when = "after" if self.share is None else "in" if self.share else "before"
        return f"{when} {self.protocol} {self.command}"


SENDING = (CONTENT, "Email/import EmailSubmission/set", "POST messages send", "CreateItem")
#: By way: those that the suite tries.
SHORT: Mapping[str, Sequence[Moment]] = {
    "imap": (
        Moment("imap", "IDLE", None),
        Moment("imap", LITERAL, 0.5),
        Moment("imap", "UID MOVE", None),
        Moment("smtp", CONTENT, None),
    ),
    "pop3": (
        Moment("pop3", "RETR", None),
        Moment("pop3", "DELE", None),
    ),
    "jmap": (
        Moment("jmap", "GET /jmap/eventsource", None),
        Moment("jmap", "Email/set", None),
        Moment("jmap", "Email/import EmailSubmission/set", 0.5),
        Moment("jmap", "Email/import EmailSubmission/set", None),
    ),
    "gmail": (
        Moment("gmail", "POST messages modify", None),
        Moment("gmail", "POST messages send", None),
    ),
    "exchange-server": (
        Moment("ews", STREAM, None),
        Moment("ews", "MoveItem", None),
        Moment("ews", "CreateItem", None),
    ),
}  # fmt: skip


@dataclass
class Figures:
    way: str
    killed: list[Moment]
    not_reached: list[Moment]
    states: Counter[str]
    arrived: int

    def lines(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        missed = ", ".join(map(str, self.not_reached)) or "none"
        return (
            f"Kill at commands ({self.way}): {len(self.killed)} times SIGKILL; each reply decided once\n"
            f"  mails: {states}; {self.arrived} arrived, none of them twice\n"
            f"  moments that did not come: {missed}"
        )


def kill_at_commands(
    world: World, proxies: Mapping[str, Proxy], log: Path, loader: Loader | None, *, every: bool
) -> Figures:
    """The whole test: AssertionError says what did not hold. `log` takes what the processes say. `loader`: of those
    that part and do not start from nothing."""
    mailbox = Mailbox.objects.get()
    mailbox.settings["poll_seconds"] = 5
    mailbox.save(update_fields=["settings"])
    with log.open("w") as output:
        serve = partial(serving, output, _command(proxies), loader)
        moments = SHORT[world.way] if not every else _every_moment(_asked(world, proxies, serve))
        asks = _asks(world, len(moments))
        killed: list[Moment] = []
        not_reached: list[Moment] = []
        for ask, moment in zip(asks, moments, strict=True):
            world.sandbox.reply_as("bob", ask.id, "approve")
            reached = _killed_at(moment, proxies[moment.protocol], world, serve)
            (killed if reached else not_reached).append(moment)
        _time_passes(world)
        with serve():
            until(lambda: _settled(world), "everything is done")
    check_log(log)
    return _checked(world, Figures(world.way, killed, not_reached, Counter(), 0))


def _asks(world: World, count: int) -> list[Mail]:
    """Sent here and undisturbed. A server may hand them on a moment later."""
    before = len(_arrived(world))
    for number in range(count):
        world.request(item=f"Thing {number:03}")
    world.send()
    close_connections()
    until(lambda: len(_arrived(world)) >= before + count, "all asks have arrived")
    return _arrived(world)[-count:]


def _arrived(world: World) -> list[Mail]:
    return [mail for mail in world.sandbox.mails("bob") if mail.subject.startswith("Please decide: Thing")]


def _command(proxies: Mapping[str, Proxy]) -> Command:
    """What is `placet serve`. Where Google is asked no setting says."""
    if "gmail" not in proxies:
        return SERVE
    return Command(
        "tests.soak.serve_at_google", (api_of(proxies["gmail"]),), loads=("tests.journeys.at_google",)
    )


def _asked(world: World, proxies: Mapping[str, Proxy], serve: Serve) -> Mapping[str, Sequence[str]]:
    """By protocol, what a process asks that is left alone."""
    (ask,) = _asks(world, 1)
    world.sandbox.reply_as("bob", ask.id, "approve")
    for one in proxies.values():
        one.asked.clear()
    with serve():
        until(lambda: _settled(world), "everything is done")
    return {protocol: list(dict.fromkeys(one.asked)) for protocol, one in proxies.items()}


def _every_moment(asked: Mapping[str, Sequence[str]]) -> list[Moment]:
    return [
        Moment(protocol, command, share)
        for protocol, commands in asked.items()
        for command in commands
        if command not in SELDOM
        for share in (
            (0.0, 0.5) if command == LITERAL else (0.0, 0.5, None) if command in SENDING else (0.0, None)
        )
    ]


def _killed_at(moment: Moment, proxy: Proxy, world: World, serve: Serve) -> bool:
    """Whether it came to that before all was done."""
    _time_passes(world)
    begun = threading.Event()
    processes: list[Process] = []

    def kill() -> None:
        begun.wait()
        processes[0].kill()

    done = moment.share is None
    fault = Fault(
        str(moment), passed=moment.share, answered=0 if done else None,
        then=None if done else kill, then_answered=kill if done else None,
    )  # fmt: skip
    proxy.strike(moment.command, fault)
    with serve() as process:
        processes.append(process)
        begun.set()
        until(lambda: not process.alive() or _settled(world), f"a process is killed {moment}")
        reached = proxy.struck.is_set()
        proxy.calm()
        if reached:
            until(lambda: not process.alive(), "it is dead")
    return reached


def _time_passes(world: World) -> None:
    """Nothing rests any longer, but what a killed one holds: the next one frees that. A mail that was in hand at six
    kills would be set aside (tests/replies/test_claims.py): here they come one after the other."""
    world._due_now()
    IncomingMail.objects.filter(state=IncomingMail.State.KEPT).update(tries=0)
    connections.close_all()


def _settled(world: World) -> bool:
    """Whether nothing is left to do."""
    try:
        return (
            not world.sandbox.mails("approvals")
            and not IncomingMail.objects.filter(state=IncomingMail.State.KEPT).exists()
            and not ServerTask.objects.filter(done_at=None, failed=False).exists()
            and not OutgoingMail.objects.filter(state__in=["waiting", "sending"]).exists()
        )
    finally:
        connections.close_all()


def _checked(world: World, figures: Figures) -> Figures:
    replies = Decision.objects.count()
    others = Request.objects.exclude(state=Request.State.ENDED, result="approved")
    results = IncomingMail.objects.exclude(result="decided").values_list("state", "result", "same_as")
    assert not others.exists(), f"{[*others.values_list('pk', 'state', 'result')]}, {[*results]}"
    assert Request.objects.count() == replies == IncomingMail.objects.filter(same_as=None).count()
    assert set(IncomingMail.objects.filter(same_as=None).values_list("result", flat=True)) == {"decided"}
    assert not ServerTask.objects.filter(failed=True).exists()
    assert world.put_away() == replies
    arrived = Counter(
        reference_of(mail) for name in ("alice", "bob", "ada") for mail in world.sandbox.mails(name)
    )
    for mail in OutgoingMail.objects.defer("raw"):
        copies = arrived.pop(mail.reference, 0)
        figures.states[str(mail.state)] += 1
        figures.arrived += copies
        assert copies <= 1, f"{mail.kind} to {mail.to} came {copies} times"
        sent = mail.state == OutgoingMail.State.SENT
        assert sent or mail.state == OutgoingMail.State.UNSURE, (
            f"{mail.kind}: {mail.state}, {mail.last_error}"
        )
        assert copies or not sent, f"{mail.kind} to {mail.to} was lost"
    assert not arrived, f"Mail that no row knows of: {arrived}"
    confirmed = OutgoingMail.objects.filter(kind="confirmation").values_list("subject", flat=True)
    assert sorted(confirmed) == sorted(
        f"Approved: {title}" for title in Request.objects.values_list("title", flat=True)
    )
    assert list(findings()) == []
    return figures
