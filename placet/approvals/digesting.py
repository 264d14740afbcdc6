"""The work of digests: what waits for a person's is asked in one mail, once. A person's rows are worked together, under
the locks of all requests that they are of, which are taken in the order of their ids; each is looked at anew there.

What one mail asks is an ask like any other, with a line for each assignment. Lines that a reply can answer have a
number; what needs the page is listed below them. One line alone is asked as always.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Min

from placet.approvals import composing, digest_mails, digests, engine, engine_asks, record, undo_words
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import facts_hash
from placet.approvals.models import Ask, AskLine, Assignment, DigestItem, Request
from placet.approvals.questions import asked_in
from placet.approvals.record import note
from placet.audit import chain
from placet.lib import clock, rows
from placet.lib.ids import new_code
from placet.lib.sentences import NOTHING, Sentence
from placet.mailboxes.models import Mailbox

PAUSE = timedelta(
    seconds=30
)  # before rows that failed, or what is more than a mail holds, are looked at once more
MOST_LINES = 20  # of one mail
State = DigestItem.State


def due(limit: int) -> list[int]:
    """People whose digest is due, whoever waits longest first; nobody as long as there is no mailbox."""
    if not Mailbox.objects.filter(active=True).exists():
        return []
    items = DigestItem.objects.filter(state=State.WAITING, due__lte=clock.now()).order_by()
    people = items.values("person").annotate(first=Min("due")).order_by("first", "person")
    return list(people.values_list("person", flat=True)[:limit])


def work(person_id: int, of: Collection[int] | None = None) -> bool:
    """Ask somebody what waits for their digest, once, however often it is called. `of`: these requests alone."""
    now = clock.now()
    waiting = DigestItem.objects.filter(person=person_id, state=State.WAITING, due__lte=now)
    if of is not None:
        waiting = waiting.filter(assignment__visit__request__in=of)
    # Put off before it is tried: who cannot be written to does not stand before the others.
    if not waiting.update(due=now + PAUSE):
        return False
    with transaction.atomic(), chain.together():
        first = digests.waiting_of(person_id, of)[:MOST_LINES]
        requests = {number: engine.lock(number) for number in sorted({request for _item, request in first})}
        return _work([item for item, _request in first], requests)


def _work(numbers: Sequence[int], requests: Mapping[int, Request]) -> bool:
    items = DigestItem.objects.filter(pk__in=numbers, state=State.WAITING)
    by_number = items.select_related("assignment__visit", "assignment__person").in_bulk()
    lines = []
    for item in (by_number[number] for number in numbers if number in by_number):
        item.assignment.visit.request = requests[item.assignment.visit.request_id]
        if item.assignment.state == Assignment.State.OPEN and _is_written_to(item.assignment):
            lines.append(Line.of(item))
        else:
            _leave_out(item)
    for together in _by_mailbox(lines):
        if len(together) == 1:
            _ask_alone(together[0])
        else:
            _ask_together(together)
    return bool(by_number)


@dataclass(frozen=True)
class Line:
    """What is asked in one line."""

    item: DigestItem
    definition: Definition
    has_number: bool  # a reply can answer it
    because: Sentence = NOTHING  # why it is open again, where it was answered

    @classmethod
    def of(cls, item: DigestItem) -> "Line":
        visit = item.assignment.visit
        definition = definition_of(visit.request.version)
        because = undo_words.since_last_asked(item.assignment) if item.reminder else NOTHING
        return cls(item, definition, _is_answered_by_reply(definition, visit.step_key), because)

    @property
    def assignment(self) -> Assignment:
        return self.item.assignment

    @property
    def request(self) -> Request:
        return self.assignment.visit.request


def _by_mailbox(lines: Iterable[Line]) -> Iterable[list[Line]]:
    """An answer counts in the mailbox that its ask went out from, so what goes out from two is asked in two mails."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(composing.mailbox_named_by(line.request.version.definition), []).append(line)
    return groups.values()


def _is_answered_by_reply(definition: Definition, step_key: str) -> bool:
    """Whether a number and an outcome are all of an answer: no question beside it, and nothing to be filled in."""
    asks_more = asked_in(definition, step_key) or definition.filled_in(step_key)
    return not asks_more and definition.proof_for(step_key) not in ("page", "signed")


def _is_written_to(assignment: Assignment) -> bool:
    """Whether mail goes to whoever is asked, and not to their delegate alone, who may have come meanwhile."""
    return any(reader.delegate is None for reader in engine_asks.readers(assignment))


def _leave_out(item: DigestItem) -> None:
    """It was decided, or is not needed any more."""
    rows.change(item, state=State.NEEDLESS)
    visit = item.assignment.visit
    note(visit.request, None, "left out", item=item.pk, step=visit.step_key, round=visit.round)


def _ask_alone(line: Line) -> None:
    again, because = line.item.reminder, line.because
    engine_asks.ask(
        line.request,
        line.definition,
        line.assignment,
        again=again,
        reminder=again and not because,
        because=because,
        at_once=True,
    )


def _ask_together(lines: Sequence[Line]) -> None:
    """Those without a number stand below the others."""
    lines = sorted(lines, key=lambda line: not line.has_number)
    person, code = lines[0].assignment.person, new_code()
    mailbox = composing.mailbox_for(lines[0].request)
    if mailbox is None:
        return  # there was one a moment ago: looked at again in a while
    ask = Ask.objects.create(code_hash=composing.hash_of(code), person=person)
    asked = [_line(ask, number, line) for number, line in enumerate(lines, 1)]
    rows.insert(asked)
    shown = [
        digest_mails.Asked(one, line.definition, line.item.reminder, line.because)
        for one, line in zip(asked, lines, strict=True)
    ]
    ask.outgoing = digest_mails.digest(mailbox, ask, code, shown)
    ask.save(update_fields=["outgoing"])
    for one, line in zip(asked, lines, strict=True):
        rows.change(line.item, state=State.ASKED, ask_id=ask.pk)
        what = record.together(
            record.asked(line.assignment), record.asked_by_mail(ask, one), record.in_digest(one, line.item)
        )
        note(line.request, None, "asked again" if line.item.reminder else "asked", at=ask.created_at, **what)


def _line(ask: Ask, number: int, line: Line) -> AskLine:
    return AskLine(
        ask=ask,
        line=number,
        numbered=line.has_number,
        assignment=line.assignment,
        facts_hash=facts_hash(line.request, line.definition, line.assignment.visit.step_key),
        revision=line.request.revision,
    )
