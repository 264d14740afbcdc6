"""A database as it is after years: so many requests with all that belongs to them, written within minutes.

A few requests go through the engine, one of each way that a request can stand. Every other one is a copy of one of
them, made inside the database by one INSERT … SELECT for each row of the pattern, under ids, numbers, people and words
of its own. They are for pages and work; their audit chains do not hold, for the hashes are those of the pattern.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice, product

from allauth.account.models import EmailAddress
from django.db import connection, models, transaction
from django.utils import timezone

from placet.accounts.addresses import add_person
from placet.accounts.calendars import OFFICE_WEEK, Content
from placet.accounts.models import Calendar, CalendarVersion, Group, Person
from placet.approvals import engine
from placet.approvals.models import (
    Ask,
    AskLine,
    Assignment,
    Counter,
    Decision,
    Request,
    Stop,
    Timer,
    Version,
    Visit,
)
from placet.approvals.processes import publish
from placet.audit.models import AuditEntry, ChainHead
from placet.commands.process import SAMPLES
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes.models import Mailbox

DOMAIN = "contoso.example"
PEOPLE = 50_000
WAITING = 20_000  # for one person
MAIL = 1500  # bytes of each mail: a million with all of theirs would fill the disk
TOGETHER = 50_000  # copies written in one transaction
AT_ONCE = 5_000  # rows written in one statement
STUCK = 20
_SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se")
#: Rare ones: each is in about one request of 600.
RARE = ["".join(parts) for parts in product(_SYLLABLES, repeat=3)]
COMMON = ("desk", "chair", "laptop", "licence", "journey", "repair", "course", "paper", "monitor", "phone")
_FIRST = ("Anna", "Élodie", "Jürgen", "Marie", "Tomasz", "Olga", "Chen", "Nadia", "Peter", "Zoë")

#: The tables of a request, parents first.
TABLES: tuple[type[models.Model], ...] = (
    Request, Visit, Assignment, OutgoingMail, Ask, AskLine, IncomingMail, ServerTask, Decision, AuditEntry, ChainHead,
)  # fmt: skip


@dataclass(frozen=True)
class Grown:
    """Who looks at it."""

    asker: Person  # made some five hundred requests
    administrator: Person
    waited_for: Person  # WAITING requests wait for them, or half of all
    request: Request  # one of the asker


@dataclass
class Pattern:
    """Every row that belongs to one request, by its table."""

    request: Request
    asked: Sequence[Person]  # each in one seat
    rows: dict[type[models.Model], Sequence[models.Model]] = field(default_factory=dict)

    def read(self) -> "Pattern":
        # By ids that are read first: PostgreSQL may not have counted yet what was written just now, and would join
        # tables row by row.
        visits = list(Visit.objects.filter(request=self.request))
        seats = Assignment.objects.filter(visit__in=visits)
        known = list(seats)
        asks = Ask.objects.filter(
            pk__in=list(AskLine.objects.filter(assignment__in=known).values_list("ask", flat=True))
        )
        read = Decision.objects.filter(assignment__in=known, incoming__isnull=False).values_list(
            "incoming", flat=True
        )
        mails = IncomingMail.objects.filter(pk__in=list(read))
        causes = [f"request:{self.request.pk}", *(f"incoming:{mail.pk}" for mail in mails)]
        out = OutgoingMail.objects.filter(
            models.Q(pk__in=list(asks.values_list("outgoing", flat=True))) | models.Q(cause__in=causes)
        )
        of: dict[type[models.Model], models.QuerySet[models.Model]] = {
            Request: Request.objects.filter(pk=self.request.pk),
            Visit: Visit.objects.filter(request=self.request),
            Assignment: seats,
            OutgoingMail: out,
            Ask: asks,
            AskLine: AskLine.objects.filter(ask__in=list(asks)),
            IncomingMail: mails,
            ServerTask: ServerTask.objects.filter(incoming__in=list(mails)),
            Decision: Decision.objects.filter(assignment__in=known),
            AuditEntry: AuditEntry.objects.filter(request=self.request),
            ChainHead: ChainHead.objects.filter(request=self.request),
        }
        self.rows = {model: list(found.order_by("pk").distinct()) for model, found in of.items()}
        return self


def grow(requests: int, people_in_all: int = PEOPLE) -> None:
    """A database, whose tables are there, with so many more requests."""
    mailbox, _made = Mailbox.objects.get_or_create(
        address=f"approvals@{DOMAIN}", defaults={"name": "Approvals", "active": True}
    )
    version = publish((SAMPLES / "purchase.yaml").read_text())
    people = make_people(people_in_all)
    waited_for, asker = people[0], people[-1]
    add_person("Arthur Administrator", f"arthur@{DOMAIN}", administrator=True)
    waiting, elsewhere, withdrawn = min(WAITING, requests // 2), requests // 100, requests // 50
    ended = requests - waiting - elsewhere - withdrawn
    patterns = _patterns(version, asker, waited_for, mailbox)
    counts = {"ended": ended, "withdrawn": withdrawn, "open": elsewhere, "waiting": waiting}
    write(patterns, counts, people, asker, waited_for)


def write(
    patterns: Mapping[str, Pattern],
    counts: Mapping[str, int],
    people: Sequence[Person],
    asker: Person,
    waited_for: Person,
) -> None:
    """So many copies of each pattern. Those of the one that is called "waiting" wait for `waited_for`."""
    _make_words()
    number, every = Request.objects.count(), max(sum(counts.values()) // 500, 1)
    for name, count in counts.items():
        keep = waited_for if name == "waiting" else None
        Copies(patterns[name], people, asker, every=every, keep=keep).write(number, count)
        number += count
    _stuck()
    Counter.objects.filter(id=1).update(last=number)
    _tidy_up()


def read() -> Grown:
    """Of a database that `grow` made."""
    return who_looks(Request.State.ENDED)


def who_looks(state: str) -> Grown:
    """At the asker's newest request of this state."""
    asker, waited_for = (Person.objects.get(email=f"p{number}@{DOMAIN}") for number in (PEOPLE - 1, 0))
    newest = Request.objects.filter(requester=asker, state=state).order_by("-id")[0]
    return Grown(asker, Person.objects.get(email=f"arthur@{DOMAIN}"), waited_for, newest)


def make_people(count: int) -> list[Person]:
    """The first tenth are everybody's managers."""
    last = [f"{a}{b}".title() for a, b in product(RARE, _SYLLABLES)]
    names = [f"{_FIRST[n % len(_FIRST)]} {last[n * 7 % len(last)]}" for n in range(count)]
    made = Person.objects.bulk_create(
        [Person(email=f"p{n}@{DOMAIN}", name=name, password="!") for n, name in enumerate(names)],
        batch_size=5000,
    )
    EmailAddress.objects.bulk_create(
        [EmailAddress(user=one, email=one.email, verified=True, primary=True) for one in made],
        batch_size=5000,
    )
    first = made[0].pk
    table = Person._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET manager_id = {first} + (id - {first}) / 10 WHERE id > {first}")
    finance = Group.objects.get_or_create(key="finance", defaults={"name": "Finance"})[0]
    finance.members.add(*made[:5])
    return made


# --- patterns ---------------------------------------------------------------------------------------------


def _patterns(version: Version, asker: Person, asked: Person, mailbox: Mailbox) -> dict[str, Pattern]:
    asker.manager = asked
    asker.save(update_fields=["manager"])
    made = {name: start(version, asker) for name in ("ended", "withdrawn", "open", "waiting")}
    all_sent()
    decide_by_mail(Assignment.objects.get(visit__request=made["ended"]), mailbox)
    engine.withdraw(made["withdrawn"].pk, asker)
    all_sent(raw=b"x" * MAIL)
    return {name: Pattern(request, [asked]).read() for name, request in made.items()}


def start(version: Version, asker: Person) -> Request:
    entered = {"item": "pattern of requests", "amount": "900", "reason": "The old one broke."}
    return engine.start(version, asker, entered)


def all_sent(**changed: bytes) -> None:
    """Every mail that there is, days ago."""
    at = timezone.now() - timedelta(days=2)
    OutgoingMail.objects.update(state=OutgoingMail.State.SENT, sent_at=at, lookup_due=None, **changed)


def decide_by_mail(seat: Assignment, mailbox: Mailbox) -> None:
    request, asked = seat.visit.request, seat.person
    name = f"pattern {request.number}"
    mail = IncomingMail.objects.create(
        mailbox=mailbox, server_id=name, fingerprint=name, folder="inbox", raw=b"x" * MAIL,
        received_at=timezone.now(), state=IncomingMail.State.HANDLED, result="decided", person=asked,
        handled_at=timezone.now(), kept_at=timezone.now() - timedelta(days=2),
        facts={"item_class": "IPM.Note", "sender": asked.email, "size": MAIL, "message_id": ""},
        verdict={"subject": "Re: pattern", "from": asked.email, "new_text": "yes", "request": request.number},
    )  # fmt: skip
    ServerTask.objects.create(incoming=mail, action="mark_read", done_at=timezone.now())
    engine.decide(seat.pk, by=asked, outcome="approve", channel=Decision.Channel.MAIL, incoming=mail)
    OutgoingMail.objects.create(
        mailbox=mailbox, kind="confirmation", to=asked.email, cause=f"incoming:{mail.pk}", reference=name,
        message_id=f"<pattern{request.number}@x>", subject="Approved", raw=b"x" * MAIL,
    )  # fmt: skip


# --- copies -----------------------------------------------------------------------------------------------


class Copies:
    """Of one pattern. Of copy `n`, the row that is the third of the pattern's visits has the id
    `first[Visit] + n * visits + 2`."""

    def __init__(
        self, pattern: Pattern, people: Sequence[Person], asker: Person, every: int, *, keep: Person | None
    ) -> None:
        """`keep`: whose seat is theirs in every copy."""
        self._pattern, self._postgresql = pattern, connection.vendor == "postgresql"
        self._first = {model: _next_id(model) for model in TABLES}
        count, start = len(people), people[0].pk
        spread = f"(n * 7919 % {count})"
        self._requester = f"CASE WHEN n % {every} = 0 THEN {asker.pk} ELSE {start} + {spread} END"
        # The first one is the requester's manager, the others are anybody.
        seats = [f"{start} + {spread} / 10"]
        seats += [
            f"{start} + (n * 7919 + {place * 1009}) % {count}" for place in range(1, len(pattern.asked))
        ]
        self._asked = {
            one.pk: str(one.pk) if one == keep else seat
            for one, seat in zip(pattern.asked, seats, strict=True)
        }

    def write(self, number: int, count: int) -> None:
        """So many, whose numbers begin after `number`."""
        for start in range(0, count, TOGETHER):
            with transaction.atomic(), connection.cursor() as cursor:
                for model in TABLES:
                    for place, row in enumerate(self._pattern.rows[model]):
                        cursor.execute(
                            self._insert(model, place, row, number, start, min(start + TOGETHER, count))
                        )
        if self._postgresql:
            _set_sequences()

    def _insert(
        self, model: type[models.Model], place: int, row: models.Model, number: int, start: int, end: int
    ) -> str:
        changed = self._changed(model, place, row, number)
        columns = [one.column or one.attname for one in model._meta.concrete_fields]
        values = [f"({changed[name]})" if name in changed else f'p."{name}"' for name in columns]
        table, key = model._meta.db_table, model._meta.pk.column if model._meta.pk else "id"
        begin = f"CAST({start} AS bigint)"  # what is made of a million's number is more than PostgreSQL's integers hold
        series = f"WITH RECURSIVE series(n) AS (SELECT {begin} UNION ALL SELECT n + 1 FROM series WHERE n + 1 < {end})"
        words = ""
        if model is Request:
            words = (
                f" JOIN bench_word a ON a.place = n * 31 % {len(RARE)} JOIN bench_word b ON b.place = n * 17 / 7 % "
                f"{len(RARE)} JOIN bench_common c ON c.place = n % {len(COMMON)}"
            )
        named = ", ".join(f'"{name}"' for name in columns)
        return (
            f"{series} INSERT INTO {table} ({named}) SELECT {', '.join(values)} "
            f"FROM series CROSS JOIN {table} p{words} WHERE p.{key} = {row.pk}"
        )

    def _changed(
        self, model: type[models.Model], place: int, row: models.Model, number: int
    ) -> Mapping[str, str]:
        """Expressions for the columns that are not the pattern's."""
        changed: dict[str, str] = {} if model is ChainHead else {"id": self._id(model, place)}
        for one in model._meta.concrete_fields:
            value = getattr(row, one.attname)
            if isinstance(one, models.ForeignKey) and value is not None:
                parent = one.related_model
                if parent is Person:
                    changed[one.column] = self._asked.get(value, self._requester)
                elif parent in self._first:
                    keys = [of.pk for of in self._pattern.rows[parent]]
                    changed[one.column] = self._id(parent, keys.index(value))
        return {**changed, **self._own(model, place, row, number)}

    def _own(
        self, model: type[models.Model], place: int, row: models.Model, number: int
    ) -> Mapping[str, str]:
        """What must be unique, and what is looked for."""
        here = self._id(model, place)
        if model is Request:
            item, reason = "c.word || ' ' || a.word || ' ' || b.word", "'for ' || b.word || ' ' || a.word"
            return {
                "public_id": self._uuid(1, here),
                "number": f"{number} + n + 1",
                "title": item,
                "data": self._with({"item": item, "reason": reason}, "p.data"),
                "words": f"{item} || '\n' || {reason} || '\n900'",
            }
        if model is Ask:
            return {"public_id": self._uuid(2, here), "code_hash": self._text(here)}
        if model is OutgoingMail:
            assert isinstance(row, OutgoingMail)
            return {
                "cause": self._cause(row),
                "reference": self._text(here),
                "message_id": f"'<' || {self._text(here)} || '@{DOMAIN}>'",
            }
        if model is IncomingMail:
            number_ = f"{number} + n + 1"
            return {
                "server_id": self._text(here),
                "fingerprint": self._text(here),
                "verdict": self._with({"request": number_}, "p.verdict"),
            }
        return {}

    def _cause(self, mail: OutgoingMail) -> str:
        kind, _, key = mail.cause.partition(":")
        if kind == "ask":
            keys = [str(ask.public_id) for ask in self._pattern.rows[Ask] if isinstance(ask, Ask)]
            return f"'ask:' || {self._dashed(2, self._id(Ask, keys.index(key)))}"
        model = {"request": Request, "incoming": IncomingMail, "assignment": Assignment}[kind]
        keys_ = [of.pk for of in self._pattern.rows[model]]
        return f"'{kind}:' || ({self._id(model, keys_.index(int(key)))})"

    def _id(self, model: type[models.Model], place: int) -> str:
        return f"{self._first[model]} + n * {len(self._pattern.rows[model])} + {place}"

    def _text(self, number: str) -> str:
        return (
            f"lpad(to_hex(({number})::bigint), 12, '0')" if self._postgresql else f"printf('%012x', {number})"
        )

    def _dashed(self, kind: int, number: str) -> str:
        return f"'0000000{kind}-0000-4000-8000-' || {self._text(number)}"

    def _uuid(self, kind: int, number: str) -> str:
        dashed = self._dashed(kind, number)
        return f"({dashed})::uuid" if self._postgresql else f"replace({dashed}, '-', '')"

    def _with(self, values: Mapping[str, str], column: str) -> str:
        """A column of JSON with some values changed."""
        for name, value in values.items():
            column = (
                f"jsonb_set({column}, '{{{name}}}', to_jsonb({value}))"
                if self._postgresql
                else f"json_set({column}, '$.{name}', {value})"
            )
        return column


def with_timers(count: int) -> None:
    """So many moments that are still to come, reckoned with the newest version of a calendar; every visit has as many
    as are needed. One of them is due."""
    if Timer.objects.exists():
        return
    calendar = Calendar.objects.create(key="office", name="Office")
    for number in (1, 2):
        CalendarVersion.objects.create(
            calendar=calendar, number=number, **Content("UTC", OFFICE_WEEK).columns
        )
    visits = list(Visit.objects.order_by("pk").values_list("pk", flat=True)[:count])
    basis = {"calendar": "office", "version": 2, "zone": "UTC", "from": timezone.now().isoformat()}
    for start in range(0, count, AT_ONCE):
        at = timezone.now() + timedelta(days=1)
        Timer.objects.bulk_create(
            Timer(
                visit_id=visits[one % len(visits)], what=Timer.What.REMIND, number=one // len(visits) + 1,
                at=at + timedelta(seconds=one), due=at + timedelta(seconds=one), basis=basis, calendar="office",
                seen_version=2,
            )
            for one in range(start, min(start + AT_ONCE, count))
        )  # fmt: skip
    first = Timer.objects.order_by("pk")[0]
    Timer.objects.filter(pk=first.pk).update(at=timezone.now(), due=timezone.now())


def with_stops(count: int) -> None:
    """So many requests that may still last for some time; all of them run. One of them has lasted as long as it may."""
    requests = Request.objects.filter(state=Request.State.OPEN).order_by("pk").values_list("pk", flat=True)
    at = timezone.now() + timedelta(days=1)
    stops = (Stop(request_id=one, at=at, due=at, basis={}) for one in requests[:count].iterator())
    while some := list(islice(stops, AT_ONCE)):
        Stop.objects.bulk_create(some)
    first = Stop.objects.order_by("pk")[0]
    Stop.objects.filter(pk=first.pk).update(at=timezone.now(), due=timezone.now())


def _next_id(model: type[models.Model]) -> int:
    return int(model._default_manager.aggregate(last=models.Max("pk"))["last"] or 0) + 1


def _make_words() -> None:
    with connection.cursor() as cursor:
        for table, words in (("bench_word", RARE), ("bench_common", COMMON)):
            cursor.execute(f"CREATE TABLE {table} (place integer PRIMARY KEY, word text)")
            cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s)", list(enumerate(words)))


def _stuck() -> None:
    asked = Visit.objects.filter(state=Visit.State.OPEN, children=None)  # none of a block
    some = asked.order_by("id").values_list("pk", flat=True)[:STUCK]
    Visit.objects.filter(pk__in=list(some)).update(state=Visit.State.STUCK, reason="nobody is left")


def _set_sequences() -> None:
    """So that what is written afterwards does not collide with the ids that copies have."""
    with connection.cursor() as cursor:
        for model in TABLES:
            if model is not ChainHead:
                table = model._meta.db_table
                cursor.execute(f"SELECT setval('{table}_id_seq', (SELECT MAX(id) FROM {table}) + 1)")


def _tidy_up() -> None:
    with connection.cursor() as cursor:
        for table in ("bench_word", "bench_common"):
            cursor.execute(f"DROP TABLE {table}")
