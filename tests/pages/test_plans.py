"""No page, and no work that is looked for again and again, reads a table that grows with the years.

Every query of theirs is explained by the database at hand as if it were large. SQLite plans without knowing how many
rows there are, as it does in production, where nobody counts them for it; PostgreSQL is told that there are very many.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from benchmarks import grown, grown_branches
from placet import work
from placet.accounts.models import Person
from placet.api import keys
from placet.api.keys import Scope
from placet.approvals import engine, engine_rounds, owning
from placet.approvals.models import Ask, Assignment, Decision, Process, Request, Timer, Version, Visit
from placet.approvals.record import note
from placet.approvals.word_index import WORDS
from placet.audit import chain
from placet.audit.models import ChainHead
from placet.designer import request_days, request_now
from placet.designer.models import DayTraits
from placet.lib.ids import first_uuid7
from placet.mail import tasks
from placet.mail.models import IncomingMail, ServerTask
from placet.mail.read_past import read_past
from placet.mailboxes import pool
from placet.mailboxes.memory import MemoryMailbox
from placet.mailboxes.models import Mailbox
from tests.api.conftest import Caller
from tests.making import analysed
from tests.pages import test_permissions
from tests.pages.test_permissions import SEEN

world = test_permissions.world  # the same rows

As = Callable[[Person | None], Client]

#: Tables with a row, or several, for each request that ever was.
LARGE = {
    "approvals_request", "approvals_visit", "approvals_assignment", "approvals_ask", "approvals_askline",
    "approvals_decision", "mail_incomingmail", "mail_outgoingmail", "mail_servertask",
    "audit_auditentry", "audit_chainhead",
}  # fmt: skip
#: What most rows are, or may be: to look for these is to read the table, be it by an index.
USUAL = {
    "mail_incomingmail": {"handled"},
    "mail_outgoingmail": {"sent"},
    "approvals_request": {"ended", "open"},
    "approvals_visit": {"closed", "open"},
    "approvals_timer": {"acted", "needless"},
    "approvals_assignment": {"decided", "open"},
}
#: Partial indexes of all that is open, which may be a million rows.
OF_ALL_OPEN = {
    "assignment_open_in_order", "assignment_open_since", "request_running", "request_running_by_version",
}  # fmt: skip
#: Columns of which each value is that of very many rows.
WIDE = {"state", "version_id", "mailbox_id", "kind", "result"}
DEAREST = 15_000  # as PostgreSQL counts: to read a large table costs 20,000 and more, the dearest of all others 12,000
ROWS, TIMES = 2_000, 1_000
YEARS = timedelta(days=3 * 365)

#: Why one may be read, by page or work and by table.
ALLOWED = (
    {
        ("panel:support_file", table): "counts everything that there is, when somebody asks for it by hand"
        for table in (*LARGE, "")
    }
    | {
        (page, "mail_incomingmail"): "whether the mailbox ever had a mail, which the first one tells"
        for page in ("panel:remote_approval", "panel:mailbox")
    }
    | {
        (
            page,
            table,
        ): "counts what runs, by an index of what is open alone, and looks at the clocks of the oldest 5,000"
        for page in ("designer:processes", "designer:process")
        for table in ("approvals_request", "")
    }
    | {
        (
            "panel:remove_mailbox",
            table,
        ): "counts what is asked and not answered, when a mailbox is to be removed"
        for table in ("approvals_assignment", "")
    }
    | {
        (
            "designer:publish",
            "approvals_request",
        ): "counts what runs of one process, by an index of what is open alone"
    }
    | {
        (
            f"designer:{page}",
            table,
        ): "has all that fits, 200 requests at a time, when somebody asks for it by hand"
        for page in ("requests_csv", "requests_xlsx", "events_csv", "events_xes")
        for table in (*LARGE, "")
    }
)
#: Where what is open is counted, by an index alone: all of it, or what waits for each person of a group of whom the
#: least busy one is asked.
COUNTED = {"/metrics", "start"}
COUNTING = re.compile(r'SELECT ("[^()]*", )?COUNT\([^()]*\) AS "\w+" FROM "approvals_assignment" WHERE ')


@dataclass(frozen=True)
class Read:
    """A table of which a query reads more than an index leads it to, and how the database says so."""

    table: str
    how: str


# --- SQLite -----------------------------------------------------------------------------------------------


def _by_sqlite(query: str) -> Iterator[Read]:
    tables = _tables(query)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {query}")
        steps = [row[3] for row in cursor.fetchall()]
    for step in steps:
        way, _, rest = step.partition(" ")
        if way not in ("SCAN", "SEARCH"):
            continue
        table = tables.get(rest.split()[0], "")
        if table in LARGE and not _is_little(way, rest, table, query):
            yield Read(table, step)


def _is_little(way: str, rest: str, table: str, query: str) -> bool:
    index = re.search(r"USING (?:COVERING )?INDEX (\S+)(?: \((.*)\))?", rest)
    if way == "SCAN":
        in_part = index is not None and index[1] in _partial_indexes()
        return in_part or (" LIMIT " in query and " WHERE " not in query and "ORDER BY" not in rest)
    if index is None or index[2] is None or index[1] in _partial_indexes():
        return True  # a row by its id, the least or greatest of all, or of a few
    if index[1] in OF_ALL_OPEN and re.search(rf'FROM "{table}" U0 WHERE [^;]*? LIMIT 1\)', query):
        return True  # whether there is one, which the first one tells
    by = {part.partition("=")[0] for part in index[2].split(" AND ")}
    rare = "state" in by and not any(f"\"state\" = '{usual}'" in query for usual in USUAL.get(table, ()))
    return rare or not by <= WIDE


def _tables(query: str) -> dict[str, str]:
    """By the names that they have in the query."""
    named = re.findall(r'(?:FROM|JOIN|UPDATE) "(\w+)"(?: "?([A-Z]\w*)"?)?', query)
    aliases = {
        alias: table
        for table, alias in named
        if alias not in ("", "WHERE", "INNER", "LEFT", "ORDER", "LIMIT", "GROUP", "ON")
    }
    return {table: table for table, _alias in named} | aliases


def _partial_indexes() -> set[str]:
    """Those of a few rows only."""
    indexes = {index.name for model in apps.get_models() for index in model._meta.indexes if index.condition}
    return indexes - OF_ALL_OPEN | {"one_installation_entry_per_seq"}


# --- PostgreSQL -------------------------------------------------------------------------------------------


def _by_postgresql(query: str) -> Iterator[Read]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query}")
        explained = cursor.fetchone()[0]
    plan = json.loads(explained) if isinstance(explained, str) else explained
    if plan[0]["Plan"]["Total Cost"] > DEAREST:
        yield Read("", f"costs {plan[0]['Plan']['Total Cost']}")
    yield from _of_node(plan[0]["Plan"], " WHERE " not in query and " LIMIT " in query)


def _of_node(node: Mapping[str, Any], only_first_rows: bool) -> Iterator[Read]:
    table = node.get("Relation Name", "")
    whole_index = "Index Cond" not in node and node.get("Index Name") not in _partial_indexes()
    if table in LARGE and not only_first_rows:
        if node["Node Type"] == "Seq Scan":
            yield Read(table, f"Seq Scan, {node.get('Filter', 'no filter')}")
        elif node["Node Type"] in ("Index Scan", "Index Only Scan") and whole_index:
            yield Read(table, f"{node['Node Type']} of all of {node['Index Name']}, {node.get('Filter', '')}")
    for below in node.get("Plans", []):
        yield from _of_node(below, only_first_rows)


@pytest.fixture
def large(world: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were a thousand times the rows that are here, which are spread as they are in years of use."""
    monkeypatch.setattr(grown, "WAITING", ROWS // 50)
    monkeypatch.setattr(grown_branches, "WAITING", ROWS // 50)
    monkeypatch.setattr(grown, "STUCK", grown.STUCK // 2)  # of each kind
    before = set(Request.objects.values_list("pk", flat=True))
    grown.grow(ROWS, people_in_all=200)
    analysed()  # what was counted is from the test before, a thousand times as many
    grown_branches.add(ROWS // 4, list(Person.objects.filter(email__startswith="p").order_by("pk")))
    _over_years(Request.objects.exclude(pk__in=before))
    newest = IncomingMail.objects.order_by("-id")[0]
    IncomingMail.objects.update(kept_at=newest.kept_at)  # days ago
    newest.pk, newest.server_id, newest.fingerprint, newest.kept_at = None, "new", "new", timezone.now()
    newest.save(force_insert=True)
    analysed()
    _as_if_many()


def _over_years(requests: QuerySet[Request]) -> None:
    """Copies are all of the moment at which they were made; these are as if they had come one after the other."""
    rows = list(requests.order_by("pk"))
    began = timezone.now() - YEARS
    for number, row in enumerate(rows):
        at = began + YEARS * number / len(rows)
        row.created_at, row.closed_at = at, row.closed_at and at + timedelta(hours=1)
        row.public_id = UUID(int=first_uuid7(at).int | number)
    Request.objects.bulk_update(rows, ["created_at", "closed_at", "public_id"])
    # Who watches was told of all but the newest.
    ChainHead.objects.filter(request__in=[row.pk for row in rows[:-10]]).update(unannounced=None)


def _as_if_many() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # How many rows stand on a page is known from here, how many pages there are from the file. Processes do
            # not become a thousand times as many.
            cursor.execute(
                "UPDATE pg_class SET reltuples = reltuples * %s "
                "WHERE reltuples > 0 AND relname !~ '^approvals_version'",
                [TIMES],
            )


# --- what is asked ----------------------------------------------------------------------------------------


def too_much(name: str, run: Callable[[], object]) -> list[str]:
    """What is read of large tables, with the queries that do."""
    with CaptureQueriesContext(connection) as context:
        run()
    explain = _by_postgresql if connection.vendor == "postgresql" else _by_sqlite
    return [
        f"{name}: {read.table}: {read.how}\n    {query['sql'][:1500]}"
        for query in context.captured_queries
        if query["sql"].startswith(("SELECT", "UPDATE", "DELETE"))
        for read in explain(query["sql"])
        if (name, read.table) not in ALLOWED and not (name in COUNTED and COUNTING.match(query["sql"]))
    ]


SEARCHES = ("portal:search", "portal:mine", "portal:decided", "portal:home")


@pytest.mark.parametrize("who", ["alice", "bob", "admin"])
def test_no_page_reads_a_table_that_grows(
    who: str, world: dict[str, str], large: None, alice: Person, request: pytest.FixtureRequest, as_: As
) -> None:
    column = {"alice": 2, "bob": 3, "admin": 4}[who]
    client = as_(request.getfixturevalue(who))
    # Her manager is Bob, so all three see it.
    of_branches = grown.start(Version.objects.get(process__key=grown_branches.KEY), alice).public_id
    pages = {name: world[name] for name in SEEN if SEEN[name][column] == 200}
    pages["request with branches"] = reverse("portal:request", kwargs={"public_id": of_branches})
    pages["request with branches, renewed"] = f"{pages['request with branches']}?seen=x"
    pages |= {f"{name}, searched": f"{world[name]}?q={grown.RARE[77]}" for name in SEARCHES}
    pages |= {
        f"{name}, renewed": f"{world[name]}?seen=x"
        for name in ("portal:home", "portal:mine", "portal:request")
    }
    found: list[str] = []
    for name, address in pages.items():

        def get(address: str = address) -> None:
            answer = client.get(address)
            assert answer.status_code in (200, 204), address
            answer.getvalue()

        found += too_much(name, get)
    found += _too_much_by_api(request.getfixturevalue(who), of_branches)
    assert not found, "\n".join(found)


def _too_much_by_api(person: Person, public_id: object) -> list[str]:
    """What a program reads that has a key of somebody."""
    scopes = [one for one in Scope if person.is_administrator or one not in keys.ADMINISTRATORS_ONLY]
    caller = Caller(keys.make(person, "A program", scopes, by=person)[1])
    yesterday = timezone.now() - timedelta(days=1)
    addresses = [
        "/requests", "/requests?state=open", f"/requests?q={grown.RARE[77]}", "/requests?process=purchase",
        f"/requests?created_after={yesterday:%Y-%m-%dT%H:%M:%SZ}", "/requests?requester=p1@contoso.example",
        f"/requests/{public_id}", f"/requests/{public_id}/events", "/assignments", "/processes", "/people?q=bob",
        "/groups", *(["/mail-log"] if person.is_administrator else []),
    ]  # fmt: skip
    further = caller.get("/requests?limit=2").json["next"]
    if further is not None:
        addresses.append(further.partition("/api/v1")[2])
    found: list[str] = []
    for address in addresses:

        def get(address: str = address) -> None:
            answer = caller.get(address)
            hidden = address.endswith("/events")  # from whoever is only asked
            assert answer.status == 200 or hidden, (address, answer.content)

        found += too_much(f"API: {address}", get)
    return found


def test_no_page_of_an_owner_reads_a_table_that_grows(
    world: dict[str, str], large: None, owner: Person, as_: As
) -> None:
    """They see all requests of a process, as an administrator does of all processes."""
    for process in Process.objects.filter(versions__isnull=False).distinct():
        owning.add_owner(process, owner)
    client, everything = as_(owner), reverse("designer:requests")
    last = timezone.localdate()
    first = last - timedelta(days=1)
    ended = list(Request.objects.exclude(closed_at=None).order_by("pk").values_list("pk", flat=True)[:1000])
    traits, times = {"channel:mail": ended}, {"worked": {"90": ended}}
    purchase = Process.objects.get(key="purchase")
    DayTraits.objects.create(process=purchase, day=last, traits=traits, times=times)
    pages = {
        **{
            name: world[name]
            for name in ("designer:processes", "designer:process", "portal:request", "portal:home")
        },
        "portal:search, searched": f"{world['portal:search']}?q={grown.RARE[77]}",
        "all": everything,
        "all, oldest first": f"{everything}?order=old",
        "all of a process": f"{everything}?process=purchase",
        "all that run": f"{everything}?process=purchase&state=open",
        "all in a step": f"{everything}?process=purchase&step=manager",
        "all overdue": f"{everything}?overdue=on",
        "all of somebody": f"{everything}?requester=p1@contoso.example",
        "all that wait for somebody": f"{everything}?asked=p1@contoso.example",
        "all with a word": f"{everything}?q={grown.RARE[77]}",
        "all with a field": f"{everything}?process=purchase&field=item&how=has&value=desk",
        "all, further": f"{everything}?after=1000",
        "all of an age": f"{everything}?older=8-14&state=open",
        "all that are stuck": f"{everything}?trouble=stuck",
        "all that are stuck in a step": f"{everything}?process=purchase&step=manager&trouble=stuck&state=open",
        "all with nobody else to ask": f"{everything}?trouble=unanswered",
        **{
            f"all of what waits for somebody: {turn}": f"{everything}?asked=p1@contoso.example&turn={turn}"
            for turn in request_now.TURNS
        },
        "all answered by mail": f"{everything}?happened=channel:mail",
        "all of one day answered by mail": f"{everything}?happened=channel:mail&when=ended&from={first}&to={last}",
        "all that took long": f"{everything}?time=worked&least=1+min",
        "all of a result": f"{everything}?result=approved",
        **{
            f"all that {when or 'started'} on some days": f"{everything}?when={when}&from={first}&to={last}"
            for when in request_days.CHOICES
        },
    }
    read: list[str] = []
    for name, address in pages.items():

        def get(address: str = address) -> None:
            assert client.get(address).status_code == 200, address

        read += too_much(name, get)
    assert not read, "\n".join(read)


def test_no_step_of_a_request_with_branches_reads_a_table_that_grows(
    alice: Person, admin: Person, large: None
) -> None:
    version = Version.objects.get(process__key=grown_branches.KEY)

    def answer(seat: Assignment, outcome: str) -> None:
        engine.decide(seat.pk, by=seat.person, outcome=outcome, channel=Decision.Channel.PAGE)

    def several(outcome: str) -> list[str]:
        newest = Request.objects.filter(requester=alice).order_by("-pk")[0]
        return [
            read
            for seat in grown_branches.seats(newest).values()
            if Assignment.objects.filter(pk=seat.pk, state=Assignment.State.OPEN).exists()
            for read in too_much(f"{outcome} {seat.visit.step_key}", partial(answer, seat, outcome))
        ]

    found = too_much("start", lambda: grown.start(version, alice))
    found += several("approve")  # each branch, then the step behind them
    found += several("approve")
    assert Request.objects.filter(requester=alice).order_by("-pk")[0].result == "approved"
    grown.start(version, alice)
    found += several("reject")  # the others are not needed any more
    withdrawn = grown.start(version, alice)
    found += too_much("withdraw", lambda: engine.withdraw(withdrawn.pk, alice))
    assert not found, "\n".join(found)


def test_nor_does_whoever_asks_whether_a_request_goes_round(
    large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "LARGE", LARGE | {"approvals_timer"})
    grown.with_timers(ROWS)
    analysed()
    _as_if_many()
    request = Request.objects.order_by("-pk")[0]
    visit = request.visits.order_by("pk")[0]
    found = too_much("its record", lambda: list(chain.newest_first(request.pk)))
    with transaction.atomic(), chain.together():
        note(request, None, "closed", step=visit.step_key, round=visit.round, result="approved")
        found += too_much("with what is not written yet", lambda: list(chain.newest_first(request.pk)))
    where = (request, visit.step_key, visit.round)
    found += too_much("a moment", lambda: engine_rounds._was_due(*where))
    found += too_much("a call", lambda: engine_rounds._called_went_on(*where))
    assert not found, "\n".join(found)


def test_no_regular_work_reads_a_table_that_grows(
    large: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings.PLACET, "metrics_key", "a key of the test")
    monkeypatch.setattr(pool, "connect", lambda mailbox: MemoryMailbox().connect())
    found: list[str] = []
    for kind in work.kinds():
        found += too_much(kind.name, lambda kind=kind: kind.due(work.BATCH))  # type: ignore[misc]
    ServerTask.objects.filter(pk=ServerTask.objects.order_by("pk")[0].pk).update(done_at=None, tries=0)
    (waiting,) = tasks.due(1)
    found += too_much("what is marked together", lambda: tasks.work(waiting))
    for address in ("/healthz", "/readyz", "/metrics"):
        found += too_much(address, lambda address=address: _numbers(client, address))  # type: ignore[misc]
    assert not found, "\n".join(found)


def test_nor_does_what_is_done_at_a_moment_or_after_a_calendar_was_changed(
    large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many moments are still to come; whether one is due is asked once a second at most."""
    monkeypatch.setattr(sys.modules[__name__], "LARGE", LARGE | {"approvals_timer", "approvals_stop"})
    grown.with_timers(ROWS)
    grown.with_stops(ROWS)
    analysed()
    _as_if_many()
    kinds = {kind.name: kind for kind in work.kinds()}
    assert all(kinds[name].idle >= 1 for name in ("timer", "stop", "calendar"))
    (due,) = kinds["timer"].due(work.BATCH)
    found = too_much("a reminder", lambda: kinds["timer"].work(due))
    assert kinds["calendar"].due(work.BATCH) == []
    # Not the one of somebody who is reminded when their day begins, which is there in the evening.
    newest = Timer.objects.filter(assignment=None).order_by("-pk")[0]
    Timer.objects.filter(pk=newest.pk).update(seen_version=1)
    assert len(kinds["calendar"].due(work.BATCH)) == 1
    (due,) = kinds["stop"].due(work.BATCH)
    version = Version.objects.get(requests__stop=due)
    longest = {"after": "1 day", "result": "expired", "name": "Late"}
    Version.objects.filter(pk=version.pk).update(definition={**version.definition, "longest": longest})
    found += too_much("a request that took too long", lambda: kinds["stop"].work(due))
    found += too_much("a calendar", lambda: kinds["calendar"].due(work.BATCH))
    assert not found, "\n".join(found)


def test_nor_does_whoever_asks_whether_a_mailbox_was_read(large: None) -> None:
    Mailbox.objects.update(read_until=timezone.now())
    (mailbox,) = Mailbox.objects.values_list("pk", flat=True)[:1]
    codes = list(Ask.objects.order_by("pk").values_list("code_hash", flat=True)[:5])
    instant = timezone.now() - timedelta(hours=1)
    found = too_much("read past", lambda: read_past([mailbox], instant, codes))
    found += too_much("since then", lambda: read_past([mailbox], instant, codes, asked_at=instant))
    assert not found, "\n".join(found)


def _numbers(client: Client, address: str) -> None:
    answer = client.get(address, headers={"Authorization": f"Bearer {settings.PLACET.metrics_key}"})
    assert answer.status_code in (200, 503)  # there is no worker here


def test_what_reads_a_whole_table_is_noticed(large: None) -> None:
    assert too_much("all", lambda: list(IncomingMail.objects.filter(tries=3)))
    assert too_much("most", lambda: list(IncomingMail.objects.filter(state="handled").values("tries")))
    assert too_much(
        "all that is open", lambda: list(Assignment.objects.filter(state="open").values("person"))
    )
    assert too_much("in a branch", lambda: list(Visit.objects.filter(branch="legal", state="open")))
    assert not too_much("one", lambda: list(IncomingMail.objects.filter(pk=3)))


#: What needs each of these indexes, as an address or a kind of work. Without others the database takes the next best
#: one, which leads to all rows of one person or to all that is open.
NEEDED = {
    "visit_stuck": "panel:home",
    "outgoing_cause": "portal:request",
    "outgoing_lookup_due": "sent_ids",
    **(
        {WORDS.name: "portal:search, searched"}
        if connection.vendor == "postgresql"
        else {"assignment_page_only": "ask", "request_running_by_version": "panel:deactivate"}
    ),
}


@pytest.mark.parametrize("index", NEEDED)
def test_a_missing_index_is_noticed(
    index: str, world: dict[str, str], large: None, admin: Person, as_: As
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {index}")
    name = NEEDED[index]
    kinds = {kind.name: kind for kind in work.kinds()}
    client = as_(admin)
    address = world.get(name.partition(",")[0], "") + (f"?q={grown.RARE[77]}" if "searched" in name else "")
    run = partial(kinds[name].due, work.BATCH) if name in kinds else partial(client.get, address)
    assert too_much(name, run)
