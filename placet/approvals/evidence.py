"""Whether what the tables hold is what the record says. Looks; changes nothing.

The audit chain proves its own entries only, and pages and mails show requests, steps, people asked, decisions and
mails. The entries of a request are read once more in their order, which gives what each of its rows has to hold; then
the rows are compared. Entries of the first form say less, so less is compared: times only to some minutes, and of mails
whom they went to or what they are known by.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import transaction

from placet.approvals import attachments, evidence_words
from placet.approvals.evidence_entries import NO_WORD, Row, Said, Telling
from placet.approvals.evidence_gaps import missing as missing
from placet.approvals.evidence_tables import (
    Digests,
    Held,
    Tables,
    mails_of,
    request_row,
    tables_of,
)
from placet.approvals.models import (
    Request,
)
from placet.audit import chain
from placet.audit.commitments import ERASED
from placet.audit.models import AuditEntry
from placet.lib.canonical import digest
from placet.mail import blocks

AT_ONCE = 200  # requests that are held in memory


@dataclass(frozen=True)
class Differs:
    """The first thing of a request that is not as its record says."""

    request_id: int
    seq: int  # of the entry that says otherwise; 0 if no entry speaks of it
    reason: str


def compare(request_id: int | None = None, but: Collection[int] = ()) -> Iterator[Differs]:
    """Of every request (or of one) the first difference. Nothing: all is as it was recorded. `but`: those whose record
    is broken, with which nothing can be compared.

    Placet may write meanwhile: what looks different is looked at once more while the request stands still."""
    numbers = [request_id] if request_id is not None else list(suspects(but))
    yield from standing_still(number for number in numbers if number not in but)


def standing_still(requests: Iterable[int]) -> Iterator[Differs]:
    """The first difference of each of these, of which nothing is written meanwhile."""
    for number in requests:
        yield from _standing_still(number)


def suspects(but: Collection[int], first: int = chain.LOWEST, last: int = chain.LAST) -> Iterator[int]:
    """Requests that may differ, of those with an id from `first` to `last`."""
    requests = Request.objects.filter(pk__gte=first, pk__lte=last).order_by("pk")
    numbers = requests.values_list("pk", flat=True).iterator(chunk_size=1000)
    compared = (number for number in numbers if number not in but)
    digests = Digests()
    blocks.forget()
    while some := list(islice(compared, AT_ONCE)):
        yield from (differs.request_id for differs in _compare(some, digests))


@transaction.atomic
def _standing_still(number: int) -> list[Differs]:
    Request.objects.select_for_update().filter(pk=number).values_list("pk").first()
    return list(_compare([number], Digests()))


def _compare(ids: list[int], digests: Digests) -> Iterator[Differs]:
    tellings: dict[int, Telling] = {number: Telling() for number in ids}
    for entry in AuditEntry.objects.filter(request__in=ids).order_by("request_id", "seq"):
        assert entry.request_id is not None
        tellings[entry.request_id].take(entry)
    tables = tables_of(ids, digests)
    mails = mails_of({number for telling in tellings.values() for number in telling.mails})
    # Whoever reads a request reads its version, too: without one it is nowhere to be seen.
    for number in sorted({*ids} - {request.pk for request in tables.requests}):
        yield Differs(number, 1, "the version of its process is gone")
    for request in tables.requests:
        differences = list(_differences(request, tellings[request.pk], tables, mails, digests))
        if differences:
            # What no entry speaks of comes last: it follows from nothing that was said.
            yield min(differences, key=lambda differs: (not differs.seq, differs.seq))


def _differences(
    request: Request,
    telling: Telling,
    tables: Tables,
    mails: Mapping[int, Held],
    digests: Digests,
) -> Iterator[Differs]:
    number = request.pk
    held = {number: request_row(request, digests.of_definition(request.version))}
    yield from _rows(number, {number: telling.request}, held, "the request", evidence_words.OF_REQUEST)
    said = telling.request.get("data_hash", NO_WORD)
    if not _is_what_was_asked_for(request, said):
        yield Differs(number, said.seq, "what was asked for was changed")
    elif not attachments.are_whole(request, has_files=number in tables.with_files):
        yield Differs(number, 0, "a file was changed, or is gone")
    yield from _rows(
        number,
        telling.revisions,
        tables.revisions[number],
        "what was entered before",
        evidence_words.OF_REVISION,
    )
    yield from _rows(number, telling.visits, tables.visits[number], "a step", evidence_words.OF_VISIT)
    yield from _rows(
        number, telling.matches, tables.matches[number], "what a table says", evidence_words.OF_MATCH
    )
    yield from _rows(number, telling.seats, tables.seats[number], "who is asked", evidence_words.OF_SEAT)
    delegates = tables.delegates[number]
    yield from _rows(
        number, telling.delegates, delegates, "who may answer in somebody's place", evidence_words.OF_DELEGATE
    )
    for seq in telling.unfounded:
        yield Differs(number, seq, "who decided in somebody's place was no delegate")
    for seq in telling.undecided:
        yield Differs(number, seq, "a decision that still counts was never given")
    yield from _rows(
        number, telling.notified, tables.notified[number], "who was told", evidence_words.OF_NOTIFIED
    )
    yield from _rows(
        number, telling.calls, tables.calls[number], "a request that was called", evidence_words.OF_CALL
    )
    yield from _rows(number, telling.signals, tables.signals[number], "a signal", evidence_words.OF_SIGNAL)
    yield from _rows(
        number, telling.timers, tables.timers[number], "when something is due", evidence_words.OF_TIMER
    )
    yield from _rows(
        number,
        telling.stops,
        tables.stops[number],
        "when the request ends at the latest",
        evidence_words.OF_STOP,
    )
    clarifications = tables.clarifications[number]
    yield from _rows(
        number, telling.clarifications, clarifications, "a question back", evidence_words.OF_CLARIFICATION
    )
    yield from _rows(number, telling.asks, tables.asks[number], "a mail that asks", evidence_words.OF_ASK)
    yield from _rows(
        number, telling.items, tables.items[number], "what waits for a digest", evidence_words.OF_ITEM
    )
    yield from _rows(
        number, telling.decisions, tables.decisions[number], "a decision", evidence_words.OF_DECISION
    )
    yield from _rows(
        number,
        telling.undone,
        tables.undone[number],
        "a decision that was taken back",
        evidence_words.OF_UNDONE,
    )
    pending = tables.pending[number]
    yield from _rows(
        number, telling.pending, pending, "an answer that lacks something", evidence_words.OF_PENDING
    )
    answers = {mail: mails[mail] for mail in telling.mails if mail in mails}
    yield from _rows(number, telling.mails, answers, "a mail that came", evidence_words.OF_MAIL)


def _is_what_was_asked_for(request: Request, said: Said) -> bool:
    """The hash that the table holds is compared like any other column; here the data with it."""
    return bool(request.data == {} if said.value is ERASED else digest(request.data) == request.data_hash)


def _rows(
    number: int,
    said: Mapping[Any, Row],
    held: Mapping[Any, Held],
    kind: str,
    words: Mapping[str, str],
) -> Iterator[Differs]:
    """What differs between all rows of one kind and what was said of them."""
    for key, row in said.items():
        if key in held:
            for name, one in row.items():
                if not one.holds(held[key].get(name)):
                    yield Differs(number, one.seq, f"{words[name]} was changed")
        elif row:
            yield Differs(number, min(one.seq for one in row.values()), f"{kind} is gone")
    if any(key not in said for key in held):
        yield Differs(number, 0, f"{kind} is there that was never recorded")
