"""Who is asked in a visit, and the mails that ask them. Called by `placet.approvals.engine`, which holds the request's
lock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import QuerySet

from placet.accounts import delegations
from placet.accounts.models import Person
from placet.approvals import authority, composing, digests, messages, record, turns, whom
from placet.approvals.ask_words import Escalated, Why
from placet.approvals.change_words import Revised, news_of
from placet.approvals.definitions import Definition
from placet.approvals.delegate_words import asked_in_place, delegates_of, reassigned_to
from placet.approvals.form import facts_hash
from placet.approvals.models import (
    Ask,
    AskLine,
    Assignment,
    Clarification,
    Delegate,
    Request,
    TableMatch,
    TableVersion,
    Visit,
)
from placet.approvals.record import note
from placet.approvals.steps import ApprovalStep
from placet.lib import clock
from placet.lib.ids import new_code
from placet.lib.sentences import NOTHING, Sentence
from placet.mail.models import OutgoingMail

AGAIN_AFTER = timedelta(minutes=10)  # between two mails that ask one person the same


def whom_to_ask(
    request: Request, definition: Definition, visit: Visit, there: Sequence[Assignment]
) -> tuple[whom.People, Sequence[Person]]:
    """Whom the step asks, and who of them is not asked yet."""
    turns.hold(definition)
    asked = {seat.person_id for seat in there if seat.state != Assignment.State.WITHDRAWN}
    step = definition.approval(visit.step_key)
    versions, rungs = _table_versions(step, visit), whom.rungs_of(step, visit)
    while True:
        wanted = whom.people_to_ask(definition, visit.step_key, request, there, versions, rungs)
        new = [person for person in wanted.people if person.pk not in asked]
        if hold(new):
            return wanted, new


def _table_versions(step: ApprovalStep, visit: Visit) -> Mapping[str, TableVersion]:
    looks_in_tables = any(who.table is not None for who in step.lines)
    return authority.versions_of(visit) if looks_in_tables else {}


def whom_to_add(
    request: Request, definition: Definition, visit: Visit, number: int, there: Sequence[Assignment]
) -> tuple[whom.Further, Sequence[Person]]:
    """Whom a rung of the step names, and who of them is not asked yet. `there`: all who were asked."""
    turns.hold(definition)
    asked = {seat.person_id for seat in there if seat.state != Assignment.State.WITHDRAWN}
    versions = _table_versions(definition.approval(visit.step_key), visit)
    while True:
        named = whom.people_to_add(definition, visit.step_key, request, number, there, versions)
        new = [person for person in named.people if person.pk not in asked]
        if hold(new):
            return named, new


def whose_turn(step: ApprovalStep, there: Sequence[Assignment], new: Sequence[Person]) -> Sequence[Person]:
    """Who is asked now, of those who are not asked yet."""
    if step.order != "one_by_one":
        return new
    return [] if any(seat.state == Assignment.State.OPEN for seat in there) else new[:1]


def hold(people: Sequence[Person]) -> bool:
    """Keep people from leaving until this is committed: `deactivate` waits, and then finds what they are asked.
    False if somebody has left since they were looked up."""
    if not people:
        return True
    asked = Person.objects.filter(pk__in=[person.pk for person in people], is_active=True).order_by("pk")
    sql, params = asked.values_list("pk").query.sql_with_params()
    with connection.cursor() as cursor:
        # Shared: a block asks people step by step, so two transactions may want the same ones in another order.
        cursor.execute(f"{sql} FOR SHARE" if connection.vendor == "postgresql" else sql, params)
        return len(cursor.fetchall()) == len(people)


def keep_matches(request: Request, visit: Visit, matches: Mapping[int, authority.Match]) -> None:
    """People are asked by these rows of tables: for the rest of the visit its lines look in the same versions.
    `matches`: by line of `ask`."""
    if not matches:
        return
    kept = {row.line: row for row in visit.table_matches.all()}
    for line, match in sorted(matches.items()):
        row = kept.get(line) or TableMatch(visit=visit, line=line)
        if row.rows != list(match.rows):
            row.version, row.rows = match.version, list(match.rows)
            row.save()
            note(request, None, "looked up", revision=request.revision, **record.looked_up(row))


@dataclass(frozen=True)
class Reassigned:
    """That somebody is put in another's place. `place`: of whom, by id; `comment`: what whoever did it writes."""

    place: int
    by: Person
    comment: str


def seat(
    visit: Visit,
    there: Sequence[Assignment],
    new: Sequence[Person],
    lines: Mapping[int, int | None],
    reassigned: Reassigned | None = None,
) -> list[Assignment]:
    """A seat for each of them. `lines`: which line of `ask` names each, by person. `reassigned`: where it is not the
    step that puts them there."""
    seats = {seat.person_id: seat for seat in there}
    seated = []
    for person in new:
        assignment = seats.get(person.pk) or Assignment(visit=visit, person=person)
        assignment.state, assignment.source = Assignment.State.OPEN, lines[person.pk]
        assignment.replaced_by = assignment.in_place_of_id = assignment.reassigned_by = None
        assignment.reassigned_comment = ""
        if reassigned is not None:
            # Whoever has the seat back in their own place is in nobody's.
            assignment.in_place_of_id = reassigned.place if reassigned.place != person.pk else None
            assignment.reassigned_by, assignment.reassigned_comment = reassigned.by, reassigned.comment
        assignment.absent_at = assignment.kept = None
        assignment.save()
        seated.append(assignment)
    return seated


def ask_about_changes(request: Request, definition: Definition, moved: Collection[int]) -> None:
    """Whoever is asked about what is not so any more gets a new ask that says what changed; an answer to the older one
    counts no longer. `moved`: visits whose deadline is another one than their asks said; an answer to these counts."""
    seats = Assignment.objects.filter(visit__request=request, state=Assignment.State.OPEN, page_only=False)
    for assignment in seats.select_related("visit", "person").order_by("pk"):
        for reader in readers(assignment):
            last = reader.lines.order_by("-pk").first()
            if last is None:
                if reader.delegate is None and assignment.visit_id in moved:
                    digests.hurry(assignment)
                continue
            if last.facts_hash != facts_hash(request, definition, assignment.visit.step_key):
                ask(
                    request, definition, assignment, again=True, since=last.revision, delegate=reader.delegate
                )
            elif assignment.visit_id in moved:
                ask(request, definition, assignment, again=True, delegate=reader.delegate)


@dataclass(frozen=True)
class Reader:
    """Somebody who is asked about a seat by mail: whose it is, or a delegate."""

    assignment: Assignment
    person: Person
    delegate: Delegate | None = None

    @property
    def lines(self) -> QuerySet[AskLine]:
        """Of the mails that asked them."""
        lines = self.assignment.ask_lines.filter(asks_back=None)
        return lines.filter(ask__person=self.person) if self.assignment.has_delegates else lines

    @property
    def on_its_way(self) -> bool:
        """Whether a mail that asks them is not sent yet."""
        waiting = [OutgoingMail.State.WAITING, OutgoingMail.State.SENDING]
        return self._asks.filter(state__in=waiting).exists()

    @property
    def just_arrived(self) -> bool:
        since = clock.now() - AGAIN_AFTER
        return self._asks.filter(state=OutgoingMail.State.SENT, sent_at__gt=since).exists()

    @property
    def _asks(self) -> QuerySet[OutgoingMail]:
        """The mails that ask them and did not come back."""
        return OutgoingMail.objects.filter(ask__lines__in=self.lines, bounced_at=None)


def readers(assignment: Assignment) -> list[Reader]:
    """Who is written to about an open seat: whoever is asked, unless all mail goes to their delegate, and delegates."""
    themself = Reader(assignment, assignment.person)
    if not assignment.has_delegates:
        return [themself]
    rows_ = assignment.delegates.filter(state=Delegate.State.OPEN).select_related("person", "delegation")
    delegates = [Reader(assignment, row.person, row) for row in rows_.order_by("pk")]
    gets_none = any(one.delegate and only_delegate(one.delegate) for one in delegates)
    return delegates if gets_none else [themself, *delegates]


def only_delegate(row: Delegate) -> bool:
    """Whether this delegate gets mail in place of whoever is asked, and not beside them."""
    return row.delegation is not None and row.delegation.only_delegate


def ask(
    request: Request,
    definition: Definition,
    assignment: Assignment,
    *,
    again: bool,
    since: int | None = None,
    reminder: bool = False,
    warning: bool = False,
    escalated: Escalated | None = None,
    clarified: Clarification | None = None,
    unclarified: bool = False,
    delegate: Delegate | None = None,
    absence: bool | None = None,
    at_once: bool = False,
    because: Sentence = NOTHING,
) -> None:
    """Write one ask and the mail that carries its reply code. Without a mailbox there is only the page. `since`: the
    revision that the person knows, if what is shown has changed. `reminder`: they did not answer yet; `warning`: and
    the step ends soon. `escalated`: they are asked because others did not answer. `clarified`: what the requester
    answered; `unclarified`: they did not answer what they were asked. `delegate`: who is asked in place of whoever has
    the seat. `absence`: whether they named somebody for when they are away, where that is known. What whoever has
    the seat is asked first, and reminders, may wait for a digest, if not `at_once`. `because`: why they are asked
    again."""
    mailbox = composing.mailbox_for(request)
    if delegate is None and assignment.page_only != (mailbox is None):
        assignment.page_only = mailbox is None
        assignment.save(update_fields=["page_only"])
    if mailbox is None:
        if delegate is None:
            note(request, None, "asked", **record.asked(assignment), door="page")
        return
    reader = delegate.person if delegate else assignment.person
    is_revise = definition.approval(assignment.visit.step_key).is_revise
    news = news_of(request, definition, assignment, reader) if is_revise or not again else None
    if isinstance(news, Revised):
        since = news.since
    # A digest has no room for why somebody is asked in another's place.
    is_reassigned = delegate is None and assignment.reassigned_by_id is not None
    at_once = at_once or news is not None or (is_reassigned and not again)
    may_wait = (
        not at_once and delegate is None and escalated is None and (reminder or bool(because) or not again)
    )
    if may_wait and digests.collect(request, definition, assignment, reminder=again):
        return
    code = new_code()
    ask = Ask.objects.create(code_hash=composing.hash_of(code), person=reader)
    shown = facts_hash(request, definition, assignment.visit.step_key)
    line = AskLine(
        ask=ask, line=1, assignment=assignment, facts_hash=shown, revision=request.revision, clarified=clarified
    )  # fmt: skip
    line.save()
    in_place = [
        *(reassigned_to(assignment) if is_reassigned else ()),
        *(asked_in_place(delegate) if delegate else delegates_of(assignment)),
        *filter(None, [because]),
    ]
    may_be_away = delegate is None and assignment.absent_at is None
    why = Why(
        since,
        reminder,
        warning,
        escalated,
        clarified,
        unclarified,
        in_place,
        may_be_away and _names_for_absence(assignment.person, absence),
        news,
    )
    ask.outgoing = messages.ask(mailbox, request, definition, assignment, ask, code, why)
    ask.save(update_fields=["outgoing"])
    whom_ = record.asked(assignment) if delegate is None else record.delegate_asked(delegate)
    what = record.together(whom_, record.asked_by_mail(ask, line), _waited(assignment, ask, delegate))
    event = "asked" if delegate is None else "delegate asked"
    note(request, None, f"{event} again" if again else event, at=ask.created_at, **what)


def _names_for_absence(person: Person, known: bool | None) -> bool:
    return delegations.names_for_absence(person.pk) if known is None else known


def _waited(assignment: Assignment, ask: Ask, delegate: Delegate | None) -> record.What:
    """What waited for a digest, and is asked by this mail."""
    return digests.asked_by(assignment, ask) if delegate is None else {}
