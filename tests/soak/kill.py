"""Real `placet serve` processes, killed at any moment by SIGKILL, and what must be true afterwards.

The processes run on this test's database and keys, against a sandbox that lives in the test and so outlives
them. Nothing in `placet/` knows of this test: what it sees of a process is its output, its requests to the
sandbox and the rows that it left.
"""

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings
from django.db import connection, connections

from placet import work
from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import AskLine, Decision, Request, Revision, Visit
from placet.approvals.processes import publish
from placet.approvals.verification import findings
from placet.audit.models import ChainHead
from placet.commands.process import SAMPLES
from placet.mail import moving
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import pool, store
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Mail, Sandbox
from placet.webhooks.models import Delivery, Endpoint, Event
from tests.alarms.conftest import Receiver, receiving
from tests.journeys.letters import letter, reference_of
from tests.making import entries
from tests.soak.loaded import Command, Loader, begun
from tests.soak.movers import Movers
from tests.webhooks.conftest import make_hook
from tests.webhooks.test_faults import has_all_in_order

MOST_ROUNDS = 4  # times the kills of a plan, until the mailbox has moved often enough
#: Seconds that a process may take to start, and that the last one may take to finish. On PostgreSQL nobody frees what a
#: killed process holds before its lease has run out (five minutes).
PATIENCE = 420.0
LATEST = 20.0  # seconds after which a process is killed that finds nothing to do
SERVE = Command("placet.cli", ("serve",))
MAILED = "mailed"  # the key of the process that mails start requests of
ANSWERS = {
    "approve": ("approve", "yes", "Ja", "oui\n\nBon prix.", "Approve\n\nWe need it by March."),
    "reject": ("reject", "no", "Nein", "non\n\nToo dear.", "Reject\n\nThe budget of this year is spent."),
    "done": ("Done\nQ1: {}", "Erledigt\n\nQ1: [{}]", "Done\n\nQ1: {}\n\nIt is booked."),
}


@dataclass(frozen=True)
class Plan:
    """How many replies and kills, and the seed of everything that is left to chance."""

    replies: int
    kills: int
    approvers: int = 25
    seed: int = 1
    way: str = "graph"
    moves: int = 0  # to the other way of the mailbox, one while each process works: so many at least

    @property
    def starts(self) -> int:
        """How many requests are started by mail meanwhile, each by a mail that comes twice."""
        return self.replies // 5


@dataclass
class Figures:
    """What happened; `lines` are for people."""

    database: str
    way: str
    replies: int = 0
    kills: int = 0
    kills_in_work: int = 0  # kills of a process that had something in hand
    killed_while: Counter[str] = field(default_factory=Counter)  # what they had in hand, by the kind of row
    sent: int = 0
    sends_cut: int = 0  # mails handed to the server more than once, or interrupted before they were
    sent_twice: int = 0  # of those, arrived more than once
    moves: int = 0
    movers_killed: int = 0
    shown_again: int = 0  # mails that were kept under ids of both ways
    starts: int = 0  # requests that mails started
    revised: int = 0  # requests in which one branch filled in what the other one was asked about
    events: int = 0  # that a webhook was told of
    told_again: int = 0  # of those, once more
    seconds: float = 0

    def lines(self) -> str:
        """What nobody looked at, or what there was none of, has no line."""
        held = ", ".join(f"{count} {what}" for what, count in sorted(self.killed_while.items()))
        lines = (
            (
                f"Kill ({self.way}, {self.database}): {self.kills} times SIGKILL during {self.replies} replies, "
                f"{self.seconds:.0f} s",
                True,
            ),
            (f"  {self.kills_in_work} kills hit work in hand: {held}", self.killed_while),
            (f"  {self.replies} decisions, each once and right; {self.replies} confirmations; 0 lost", True),
            (f"  {self.starts} requests started by mail, each by one of two copies", self.starts),
            (
                f"  {self.revised} asked once more after another branch had filled something in, each once",
                True,
            ),
            (
                f"  {self.sent} mails sent, {self.sends_cut} sends cut in mid-flight, "
                f"of which {self.sent_twice} arrived twice",
                True,
            ),
            (
                f"  {self.events} events told to a webhook, in their order; {self.told_again} came once more",
                self.events,
            ),
            (self._moves(), self.moves),
        )
        return "\n".join(line for line, looked_at in lines if looked_at)

    def _moves(self) -> str:
        return (
            f"  {self.moves} moves between Microsoft Graph and Exchange Web Services, and {self.movers_killed} killed "
            f"in the middle; {self.shown_again} mails shown again under another id"
        )


def kill(sandbox: Sandbox, plan: Plan, log: Path, loader: Loader | None = None) -> Figures:
    """The whole test: AssertionError says what did not hold. `log` takes what the processes say. `loader`: of those
    that part and do not start from nothing, which the last one does."""
    with receiving() as receiver:
        return _kill(sandbox, receiver, plan, log, loader)


def _kill(sandbox: Sandbox, receiver: Receiver, plan: Plan, log: Path, loader: Loader | None) -> Figures:
    figures = Figures(connection.vendor, plan.way, replies=plan.replies)
    chance = random.Random(plan.seed)
    began = time.monotonic()
    expected = make_requests(sandbox, plan, chance)
    hook = make_hook(receiver, Person.objects.earliest("pk"))  # it hears of what was written before, too
    asked = send_asks(sandbox)
    given, asked_again = make_answers(asked, expected, chance)
    waiting: list[Answer | Start] = [*given]
    for start in make_starts(sandbox, plan):
        waiting.insert(chance.randrange(len(waiting) + 1), start)
    answers, mails = len(waiting), plan.replies + 2 * plan.starts
    with log.open("w") as output:
        held: set[tuple[str, str]] = set()
        movers = Movers(environment(), output, random.Random(plan.seed))
        while figures.kills < plan.kills or (
            _moves() < plan.moves and figures.kills < MOST_ROUNDS * plan.kills
        ):
            # On a busy machine a kill comes before the move more often than not: what is left of them is waited for.
            undisturbed = figures.kills >= plan.kills
            mover = movers.next() if plan.moves else None
            with serving(output, loader=loader) as process:
                left = answers - answers * (figures.kills + 1) // plan.kills
                answer_until(waiting, max(left, 0), sandbox)
                answer_what_came(asked_again, sandbox)
                if mover is not None:
                    process.wait_for(process.ready.is_set)
                    mover.go()
                    if undisturbed:
                        process.wait_for(mover.ended)
                process.wait_for(_moment(chance, sandbox, process))
            if mover is not None:
                movers.end(mover)
            figures.kills += 1
            before, held = held, _held()
            figures.killed_while += Counter(what for what, _ in held - before)
            figures.kills_in_work += bool(held - before)
        movers.end_all()
        figures.movers_killed = movers.killed
        with serving(output):
            answer_as_it_comes(asked_again, sandbox)
            until(lambda: settled(sandbox, mails), "everything is done")
    figures.seconds = time.monotonic() - began
    figures.starts = plan.starts
    check(sandbox, expected, figures)
    has_all_in_order(hook)
    figures.events = Event.objects.count()
    figures.told_again = len(receiver.got) - figures.events
    check_log(log)
    return figures


# --- what is to be answered -------------------------------------------------------------------------------


Question = tuple[str, str]  # the title of a request, and the address of somebody whom it asks


def make_requests(sandbox: Sandbox, plan: Plan, chance: random.Random) -> dict[Question, str]:
    """People with mailboxes, and requests of which each approver has some; the answer to come for each question. Every
    other question is one of two that a request asks at once, in two branches; and in every other one of these requests
    one of the two is a task, that fills in what the other one shows."""
    sandbox.add_mailbox("approvals", "Approvals")
    requesters = [_pair(sandbox, number) for number in range(plan.approvers)]
    beside = f"beside@{sandbox.tenant.domain}"
    sandbox.add_mailbox("beside", "Answers Beside")
    add_person("Answers Beside", beside)
    alone = publish((SAMPLES / "purchase.yaml").read_text())
    in_branches, with_task = publish(_in_branches(beside)), publish(_accounted(beside))
    connect(sandbox, plan.way)
    expected: dict[Question, str] = {}
    while len(expected) < plan.replies:
        number = len(expected)
        requester, title = requesters[number % len(requesters)], f"Thing {number:04}"
        version = alone
        if number % 4 == 0 and number + 2 <= plan.replies:
            version = in_branches if number % 8 else with_task
        engine.start(version, requester, {"item": title, "amount": "900"})
        assert requester.manager is not None
        expected[title, requester.manager.email] = chance.choice(("approve", "reject"))
        if version is not alone:
            outcome = chance.choice(("approve", "reject")) if version is in_branches else "done"
            expected[title, beside] = outcome
    return expected


def cost_centre_of(title: str) -> str:
    """What the task of a request fills in."""
    return title.removeprefix("Thing ")


def accounted(expected: dict[Question, str]) -> set[str]:
    """The titles of requests in which a task fills something in."""
    return {title for (title, _address), outcome in expected.items() if outcome == "done"}


def _in_branches(beside: str) -> dict[str, Any]:
    """The manager beside somebody else. Both are heard, whatever the first one says."""
    asks: dict[str, dict[str, object]] = {"manager": {"manager": True}, "beside": {"person": beside}}
    results = {"approve": "approved", "reject": "rejected"}
    return {
        "key": "beside",
        "name": "Purchase beside",
        "title": "{item}",
        "form": [
            {"name": "item", "label": "Item", "type": "text"},
            {"name": "amount", "label": "Amount", "type": "money", "currency": "EUR"},
        ],
        "start": "both",
        "steps": {
            "both": {
                "kind": "parallel",
                "name": "Both",
                "branches": {key: {"start": key} for key in asks},
                "result": [{"rejected": "any"}, {"approved": "all"}],
                "otherwise": "rejected",
            },
            **{key: {"kind": "approval", "name": key.title(), "ask": [ask]} for key, ask in asks.items()},
            **{
                result: {"kind": "end", "name": result.title(), "result": result}
                for result in results.values()
            },
        },
        "transitions": [
            *(
                {"from": key, "outcome": outcome, "ends_branch": result}
                for key in asks
                for outcome, result in results.items()
            ),
            *({"from": "both", "outcome": result, "to": result} for result in results.values()),
        ],
    }


def _accounted(beside: str) -> dict[str, Any]:
    """The same, but that the one beside enters the cost centre, which the manager is shown."""
    process = _in_branches(beside)
    task = {"kind": "task", "name": "Account", "ask": [{"person": beside}], "form": {"fill": ["cost_centre"]}}
    ways = [way for way in process["transitions"] if way["from"] != "beside"]
    return {
        **process,
        "key": "accounted",
        "form": [
            *process["form"],
            {"name": "cost_centre", "label": "Cost centre", "type": "text", "required": True},
        ],
        "start_form": {"hide": ["cost_centre"]},
        "steps": {**process["steps"], "beside": task},
        "transitions": [{"from": "beside", "outcome": "done", "ends_branch": "approved"}, *ways],
    }


def _pair(sandbox: Sandbox, number: int) -> Person:
    """Somebody who asks, and their manager, who answers."""
    domain = sandbox.tenant.domain
    for role in ("asks", "answers"):
        sandbox.add_mailbox(f"{role}{number:02}", f"{role.title()} Number {number}")
    manager = add_person(f"Answers Number {number}", f"answers{number:02}@{domain}")
    return add_person(f"Asks Number {number}", f"asks{number:02}@{domain}", manager=manager)


def connect(sandbox: Sandbox, way: str) -> None:
    store.save(
        {
            "protocol": way,
            "server_address": sandbox.url,
            "username": f"approvals@{sandbox.tenant.domain}",
            "client_id": sandbox.client_id,
            "token_uri": sandbox.token_url,
            "active": True,
            "poll_seconds": 5,
            "mails_per_poll": 10,
            "sends_per_minute": 1000,
            "since": "2020-01-01T00:00:00+00:00",
        },
        secrets={"client_secret": sandbox.client_secret},
        by="a test",
    )


def send_asks(sandbox: Sandbox) -> dict[Question, Mail]:
    """Send the mails that ask, here and undisturbed; by what they ask whom."""
    sending = next(kind for kind in work.kinds() if kind.name == "send")
    while OutgoingMail.objects.exclude(state=OutgoingMail.State.SENT).exists():
        # The pace is the server's limit, not what is tested here.
        OutgoingMail.objects.filter(state=OutgoingMail.State.SENT).update(started_at=None)
        work.run_once(sending, limit=100)
    OutgoingMail.objects.update(started_at=None)
    for mailbox in Mailbox.objects.all():
        pool.drop(mailbox)
    return {
        (mail.subject.partition(": ")[2].partition(" [#")[0], mailbox.address): mail
        for mailbox in list(sandbox.tenant.mailboxes.values())
        for mail in sandbox.mails(mailbox.address)
    }


@dataclass(frozen=True)
class Answer:
    mail: Mail
    text: str


def make_answers(
    asked: dict[Question, Mail], expected: dict[Question, str], chance: random.Random
) -> tuple[list[Answer], dict[Question, str]]:
    """Those to mails that are there, the last one first; and what those will answer who are asked once more. Tasks are
    done first, so that processes are killed while the others are asked about what they filled in."""
    changing = accounted(expected)
    texts = {
        question: chance.choice(ANSWERS[outcome]).format(cost_centre_of(question[0]))
        for question, outcome in expected.items()
    }
    again = {
        question for question, outcome in expected.items() if outcome != "done" and question[0] in changing
    }
    first = [question for question in expected if question not in again]
    chance.shuffle(first)
    first.sort(key=lambda question: expected[question] == "done")
    answers = [Answer(asked[question], texts[question]) for question in first]
    return answers, {question: texts[question] for question in again}


@dataclass(frozen=True)
class Start:
    """A mail that starts a request, by its source."""

    sender: str
    raw: bytes


def make_starts(sandbox: Sandbox, plan: Plan) -> list[Start]:
    """Each of them twice, as where a server or its sender sends it once more. What they start ends at once, by a
    mail to whoever started it."""
    steps = {
        "tell": {"kind": "notice", "name": "Tell", "to": [{"requester": True}]},
        "noted": {"kind": "end", "name": "Noted", "result": "noted"},
    }
    form = [
        {"name": "item", "label": "Item", "type": "text"},
        {"name": "amount", "label": "Amount", "type": "money", "currency": "EUR", "required": True},
    ]
    way = {"from": "tell", "outcome": "sent", "to": "noted"}
    publish({
        "key": MAILED, "name": "Mailed", "title": "{item}", "form": form, "start": "tell", "steps": steps,
        "transitions": [way], "start_by_mail": {"subject": "item"},
    })  # fmt: skip
    domain = sandbox.tenant.domain
    starts: list[Start] = []
    for number in range(plan.starts):
        sender, to = f"asks{number % plan.approvers:02}@{domain}", f"approvals+start-{MAILED}@{domain}"
        raw = letter(sender, to=to, subject=f"Mailed {number:04}", text=f"Amount: {number}.00")
        starts += [Start(sender, raw)] * 2
    return starts


def answer_until(waiting: list[Answer] | list[Answer | Start], left: int, sandbox: Sandbox) -> None:
    """Let people answer until so many answers are left."""
    while len(waiting) > left:
        mail = waiting.pop()
        if isinstance(mail, Start):
            sandbox.send_as(mail.sender, mail.raw)
        else:
            sandbox.reply_as(mail.mail.mailbox, mail.mail.id, mail.text)


def answer_what_came(again: dict[Question, str], sandbox: Sandbox) -> bool:
    """Let those answer who were asked once more meanwhile. Whether nobody is left whom that mail has not reached."""
    for address in {address for _title, address in again}:
        for mail in sandbox.mails(address):
            title = mail.subject.partition(": ")[2].partition(" [#")[0]
            if mail.subject.startswith("Changed: ") and (title, address) in again:
                sandbox.reply_as(address, mail.id, again.pop((title, address)))
    return not again


def answer_as_it_comes(again: dict[Question, str], sandbox: Sandbox, seconds: float = PATIENCE) -> None:
    """Until all have answered who are asked once more."""
    end = time.monotonic() + seconds
    while not answer_what_came(again, sandbox):
        assert time.monotonic() < end, f"Not within {seconds:.0f} s asked once more: {sorted(again)[:5]}"
        time.sleep(0.5)


# --- the processes ----------------------------------------------------------------------------------------


class Process:
    """One `placet serve`, from its start until it is killed."""

    def __init__(self, output: IO[str], command: Command = SERVE, loader: Loader | None = None) -> None:
        self._process = begun(command, environment(), output, loader)
        self.started = time.monotonic()
        self.ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("Placet runs at"):
                self.ready.set()

    def alive(self) -> bool:
        return self._process.poll() is None

    def wait_for(self, moment: Callable[[], bool]) -> None:
        """Until the moment has come; nobody but this test may end the process."""
        until(lambda: moment() or not self.alive(), "the moment to kill has come")
        assert self.alive(), f"placet serve ended by itself with {self._process.poll()}"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def serving(output: IO[str], command: Command = SERVE, loader: Loader | None = None) -> Iterator[Process]:
    """A process, killed at the end. Meanwhile no connection of ours is open: like after a real death it is for
    the next process to recover the database."""
    connections.close_all()
    process = Process(output, command, loader)
    try:
        yield process
    finally:
        process.kill()


def environment() -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("PLACET_")}
    return {
        **others,
        "DJANGO_SETTINGS_MODULE": "placet.settings",
        "PLACET_DATA_DIR": str(settings.PLACET.data_dir),
        "PLACET_CONFIG": os.environ["PLACET_CONFIG"],
        "PLACET_DATABASE_URL": _database_url(),
        "PLACET_DNS_SERVERS": settings.PLACET.dns_servers,
        "PLACET_LISTEN": "127.0.0.1:0",
        "PLACET_LOG_LEVEL": "warning",
        "PLACET_START_MAILS_PER_HOUR": "10000",
        "PLACET_START_MAILS_PER_DAY": "10000",
    }


def _database_url() -> str:
    """The address of this test's own database."""
    own = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{own['NAME']}"
    return urlunsplit(urlsplit(settings.PLACET.database_url)._replace(path="/" + quote(own["NAME"])))


def _moment(chance: random.Random, sandbox: Sandbox, process: Process) -> Callable[[], bool]:
    """When to kill: so long after the start, after the process said that it runs, or after it first turned to
    the server. The last is when most work is going on."""
    since = chance.choice(("start", "ready", "work", "work"))
    if since == "start":
        at = process.started + chance.uniform(0.05, 4)
        return lambda: time.monotonic() > at
    pause = chance.uniform(0.05, 3) if since == "ready" else chance.uniform(0, 1.2)
    before, latest = _requests_seen(sandbox), time.monotonic() + LATEST
    seen: list[float] = []

    def come() -> bool:
        happened = process.ready.is_set() if since == "ready" else _requests_seen(sandbox) > before
        if since == "work" and process.ready.is_set() and time.monotonic() > latest:
            return True  # whoever was killed before holds what it would turn to
        if happened and not seen:
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() > seen[0] + pause

    return come


def _requests_seen(sandbox: Sandbox) -> int:
    return sandbox.counters["ews_requests"] + sandbox.counters["graph_requests"]


def _held() -> set[tuple[str, str]]:
    """What killed processes had in hand: the kind of work, and the claim."""
    claims = {
        "polls": Mailbox.objects.values_list("claim", flat=True),
        "take-ins": IncomingMail.objects.values_list("claim", flat=True),
        "marks": ServerTask.objects.values_list("claim", flat=True),
        "sends": OutgoingMail.objects.values_list("claim", flat=True),
        "webhooks": Endpoint.objects.values_list("claim", flat=True),
    }
    return {(what, claim) for what, rows in claims.items() for claim in rows.exclude(claim="")}


def _moves() -> int:
    try:
        return len(entries(moving.EVENT))
    finally:
        connections.close_all()


def settled(sandbox: Sandbox, replies: int) -> bool:
    """Whether nothing is left to do."""
    try:
        return (
            IncomingMail.objects.filter(same_as=None).count() >= replies
            and not sandbox.mails("approvals")
            and not IncomingMail.objects.filter(state=IncomingMail.State.KEPT).exists()
            and not ServerTask.objects.filter(done_at=None, failed=False).exists()
            and not OutgoingMail.objects.filter(state__in=["waiting", "sending"]).exists()
            and not ChainHead.objects.exclude(unannounced=None).exists()
            and not Delivery.objects.filter(state=Delivery.State.WAITING).exists()
        )
    finally:
        connections.close_all()


def until(done: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        began = time.monotonic()
        if done():
            return
        assert began < end, f"Not within {PATIENCE:.0f} s: {what}."
        # Whoever looks for what takes long to see leaves the processor to those who do it.
        time.sleep(max(0.01, min(0.3, 4 * (time.monotonic() - began))))


# --- what must be true ------------------------------------------------------------------------------------


def check(sandbox: Sandbox, expected: dict[Question, str], figures: Figures) -> None:
    _check_incoming(sandbox, len(expected), figures)
    figures.moves = _moves()
    assert figures.moves or not figures.shown_again
    _check_decisions(expected)
    _check_starts(figures)
    _check_revisions(expected, figures)
    _check_mail_out(sandbox, figures)
    _check_confirmations(sandbox, expected)
    assert list(findings()) == []


def _check_decisions(expected: dict[Question, str]) -> None:
    """Every answer decided what it was written for, and every request ended as its answers say."""
    names = ("assignment__visit__request__title", "by_person__email", "outcome", "channel")
    rows = Decision.objects.values_list(*names)
    assert sorted(rows) == sorted((*question, outcome, "mail") for question, outcome in expected.items())
    refused = {title for (title, _address), outcome in expected.items() if outcome == "reject"}
    asked = Request.objects.exclude(version__process__key=MAILED)
    assert dict(asked.values_list("title", "result")) == {
        title: "rejected" if title in refused else "approved" for title, _address in expected
    }
    assert not Visit.objects.filter(state__in=Visit.LIVE).exists()


def _check_starts(figures: Figures) -> None:
    """Of two copies of a mail one started a request, with what stands in it, and its sender was told once."""
    started = Request.objects.filter(version__process__key=MAILED).order_by("title")
    assert [(one.title, one.result, one.data["amount"]["minor"]) for one in started] == [
        (f"Mailed {number:04}", "noted", number * 100) for number in range(figures.starts)
    ]
    subjects = (
        OutgoingMail.objects.filter(kind="started").order_by("subject").values_list("subject", flat=True)
    )
    assert [*subjects] == [f"Started: Mailed {number:04}" for number in range(figures.starts)]


def _check_revisions(expected: dict[Question, str], figures: Figures) -> None:
    """What a task filled in is one revision. Whoever was asked in the branch beside it was asked once more about that,
    and about nothing else; what they answered is to the second mail."""
    changed = accounted(expected)
    figures.revised = len(changed)
    revisions = Revision.objects.select_related("request", "by").order_by("request__title", "number")
    assert [(one.request.title, one.number, one.data["cost_centre"]) for one in revisions] == [
        (title, number, entered)
        for title in sorted(changed)
        for number, entered in ((1, None), (2, cost_centre_of(title)))
    ]
    who = {address for (title, address), outcome in expected.items() if outcome == "done"}
    assert {one.by.email for one in revisions if one.number == 2} == who
    asked = Counter(AskLine.objects.values_list("assignment__visit__request__title", "revision"))
    decided = Counter(Decision.objects.values_list("assignment__visit__request__title", "revision"))
    questions = Counter(title for title, _address in expected)
    assert asked == {
        **{(title, 1): number for title, number in questions.items()}, **{(title, 2): 1 for title in changed}
    }  # fmt: skip
    assert decided == {
        (title, revision): 1 if title in changed else number
        for title, number in questions.items()
        for revision in ((1, 2) if title in changed else (1,))
    }
    again = OutgoingMail.objects.filter(subject__startswith="Changed: ").values_list("subject", flat=True)
    titles = [subject.removeprefix("Changed: ").partition(" [#")[0] for subject in again]
    assert sorted(titles) == sorted(changed)


def _check_incoming(sandbox: Sandbox, replies: int, figures: Figures) -> None:
    """Every mail was kept once, handled and moved; none was set aside or is still in the inbox. Only between moves one
    may have been shown again, under the other way's id."""
    states = Counter(IncomingMail.objects.filter(same_as=None).values_list("state", "result"))
    handled, starts = IncomingMail.State.HANDLED, figures.starts
    results = {"decided": replies, "started": starts, "start_twice": starts}
    assert states == {(handled, result): count for result, count in results.items() if count}
    again = IncomingMail.objects.exclude(same_as=None)
    assert {mail.state for mail in again} <= {IncomingMail.State.DUPLICATE}
    figures.shown_again = again.count()
    assert not ServerTask.objects.filter(failed=True).exists()
    assert sandbox.mails("approvals") == []
    assert len(sandbox.mails("approvals", "Placet/Processed")) == replies + 2 * starts
    assert not any(folder["path"] == "Placet/Set aside" for folder in sandbox.folders("approvals"))


def _check_mail_out(sandbox: Sandbox, figures: Figures) -> None:
    """Every mail arrived, and only those arrived twice whose sending was cut off."""
    arrived = Counter(
        reference_of(mail)
        for mailbox in list(sandbox.tenant.mailboxes.values())
        for mail in sandbox.mails(mailbox.address)
    )
    for mail in OutgoingMail.objects.defer("raw"):
        copies = arrived.pop(mail.reference, 0)
        assert mail.state == OutgoingMail.State.SENT, f"{mail.kind} to {mail.to}: {mail.last_error}"
        assert copies >= 1, f"{mail.kind} to {mail.to} was lost"
        assert copies == 1 or mail.tries > 1, f"{mail.kind} to {mail.to} came {copies} times"
        figures.sent += 1
        figures.sends_cut += mail.tries > 1
        figures.sent_twice += copies > 1
    assert not arrived, f"Mail that no row knows of: {arrived}"


def _check_confirmations(sandbox: Sandbox, expected: dict[Question, str]) -> None:
    """Whoever answered finds one confirmation of each answer in their mailbox, saying what it was read as."""
    said = {"approve": "Approved", "reject": "Rejected", "done": "Done"}
    found = Counter(
        (mailbox.address, mail.subject)
        for mailbox in list(sandbox.tenant.mailboxes.values())
        if mailbox.address.startswith(("answers", "beside"))
        for mail in sandbox.mails(mailbox.address)
        if not mail.subject.startswith(("Please decide:", "Please do:", "Changed:"))
    )
    assert set(found) == {
        (address, f"{said[outcome]}: {title}") for (title, address), outcome in expected.items()
    }
    cut = OutgoingMail.objects.filter(kind="confirmation", tries__gt=1).values_list("to", "subject")
    assert {key for key, copies in found.items() if copies > 1} <= set(cut)


def check_log(log: Path) -> None:
    """No process met an error that it did not expect."""
    errors = [line for line in log.read_text().splitlines() if is_error(line)]
    assert not errors, "\n".join(errors[:5])


def is_error(line: str) -> bool:
    """Logs are JSON, one event a line; the kill may cut the last one, and a stack trace is none."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return not line.startswith("{")
    return entry.get("level") in ("error", "critical")
