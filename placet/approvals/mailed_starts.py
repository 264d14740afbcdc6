"""Requests that are started by mail: what of a form a mail has filled, what is missing, and until when that is waited
for. Called in the transaction that handles the mail.

    begin       a mail starts something: its row, which the database has once whatever comes twice
    check       what was written, as the form takes it, and what is wrong with it
    wait        what is missing is asked for; `more` is what came then
    started     the request was made
    due, work   what was missing never came: it expires, and its sender is told
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.accounts.reader import as_read_by
from placet.approvals import start_mails
from placet.approvals.answers import as_typed
from placet.approvals.attachments import NewFile, by_field
from placet.approvals.composing import mailbox_named_by
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.field_types import is_entered
from placet.approvals.form import FormInvalid, read_form
from placet.approvals.form_logic import fill
from placet.approvals.form_parts import MOST_ROWS, FormField, Input
from placet.approvals.models import MailedStart, Process, Request, Version
from placet.approvals.prepared_replies import reply_address
from placet.approvals.processes import newest
from placet.approvals.start_address import START
from placet.lib import clock, rows
from placet.lib.canonical import digest
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mail.read_past import read_past
from placet.mailboxes.models import Mailbox

#: How long the same words are the same mail, sent once more: then they may be another request.
SAME_FOR = timedelta(days=1)
LONGEST_LOCAL_PART = 64  # of an address (RFC 5321 4.5.3.1.1)


# --- the address ------------------------------------------------------------------------------------------


def addresses_of(definitions: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Where a mail starts a request, by key of the process: of those that say so, where a mailbox takes such mail.
    `definitions`: of published versions, as JSON."""
    named = {one["key"]: mailbox_named_by(one) for one in definitions if one.get("start_by_mail") is not None}
    if not named:
        return {}
    active = {
        one.address: one for one in Mailbox.objects.filter(active=True).order_by("-pk").defer("secrets")
    }
    first = list(active.values())[-1:]
    addresses = {}
    for key, address in named.items():
        for mailbox in [active[address]] if address in active else [] if address else first:
            if mailbox.settings.get("plus_addressing", True):
                addresses[key] = reply_address(mailbox, START + key)
    return {key: one for key, one in addresses.items() if one.rindex("@") <= LONGEST_LOCAL_PART}


def offered(key: str) -> Version | None:
    """The version of a process that a mail starts a request of now; None where none does."""
    process = Process.objects.filter(key=key, retired_at=None).first()
    version = newest(process) if process is not None else None
    takes_mail = version is not None and definition_of(version).start_by_mail is not None
    return version if takes_mail else None


# --- beginning --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Beginning:
    """A mail that starts something, and by what it is known again. `message_id`: "" where it has none; `content`: all
    that it says and holds, as JSON."""

    incoming: IncomingMail
    person: Person
    version: Version
    message_id: str
    content: Any

    @property
    def hashes(self) -> dict[str, str]:
        message = digest([self.message_id]) if self.message_id else ""
        return {"message_hash": message, "content_hash": digest(self.content)}


def begin(beginning: Beginning) -> MailedStart | None:
    """The row of a mail that comes for the first time; None where the same one came before (`earlier`)."""
    own = MailedStart.objects.filter(person=beginning.person, process=beginning.version.process_id)
    own.filter(created_at__lte=clock.now() - SAME_FOR).exclude(content_hash="").update(content_hash="")
    row = MailedStart(
        incoming=beginning.incoming,
        person=beginning.person,
        process_id=beginning.version.process_id,
        version=beginning.version,
        **beginning.hashes,
    )
    return row if rows.insert_new(row) else None


def earlier(beginning: Beginning) -> MailedStart | None:
    """What the same mail came to when it came before."""
    own = MailedStart.objects.filter(person=beginning.person, process=beginning.version.process_id)
    by_hash = {name: value for name, value in beginning.hashes.items() if value}
    for name, value in by_hash.items():
        if (row := own.filter(**{name: value}).select_related("request").first()) is not None:
            return row
    return None


def number_since(person: Person, span: timedelta) -> int:
    """How many mails of theirs started something."""
    return MailedStart.objects.filter(person=person, created_at__gt=clock.now() - span).count()


# --- what the form takes ----------------------------------------------------------------------------------


@dataclass
class Checked:
    """What was written, as the form takes it. `wrong`: a sentence for each field that is missing, or that cannot be
    read; `not_asked`: fields that something was written for and that are not asked for as the form stands."""

    typed: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    not_asked: list[FormField] = field(default_factory=list)


def check(version: Version, person: Person, entered: Mapping[str, Any], files: Sequence[NewFile]) -> Checked:
    """Sentences are in the person's language."""
    definition, checked = definition_of(version), Checked()
    with as_read_by(person):
        for one in definition.fields:
            if one.name in entered:
                try:
                    checked.typed[one.name] = _typed(entered[one.name], one)
                except ValueError as error:
                    checked.wrong[one.name] = str(error)
        try:
            read_form(definition, checked.typed, by_field(files))
        except FormInvalid as error:
            for place, sentence in error.errors.items():
                checked.wrong.setdefault(place.partition(".")[0], sentence)
        filled = fill(definition, checked.typed, by_field(files))
    for one in definition.fields:
        standing = filled.standings[one.name]
        if is_entered(checked.typed.get(one.name), one) and (not standing.shown or standing.fixed):
            checked.not_asked.append(one)
    return checked


def _typed(written: Any, one: Input) -> Any:
    """As the page's inputs would hold it; ValueError where it may mean two things."""
    if one.type == "table" and isinstance(one, FormField):
        return [_row(line, one) for line in written][: MOST_ROWS + 1]
    if one.type == "choices":
        parts = [part for part in _parts(written) if part]
        return [as_typed(part, one.model_copy(update={"type": "choice"})) for part in parts]
    if one.type == "people":
        return _parts(written)
    if one.type == "period":
        return _period(written, one)
    return as_typed(written, one) if one.type != "long_text" else _long(written)


def _long(written: str) -> str:
    return unicodedata.normalize("NFC", written).strip()


def _parts(written: str) -> list[str]:
    return [part.strip() for part in written.replace(";", ",").split(",")]


def _row(line: str, one: FormField) -> dict[str, Any]:
    """A row of a table: its cells parted by semicolons, in the order of the columns that are entered."""
    columns = [column for column in one.columns or () if column.computed is None]
    cells = [cell.strip() for cell in line.split(";")]
    if len(cells) != len(columns):
        said = _("Please write a line for each row, with “;” between: {columns}.")
        raise ValueError(said.format(columns="; ".join(column.label for column in columns)))
    return {column.name: _typed(cell, column) for column, cell in zip(columns, cells, strict=True) if cell}


#: What stands between the first and the last day of a period.
_UNTIL = (" – ", " — ", " - ", "–", "—", " to ", " until ", " au ", " à ", " bis ", " al ", " t/m ")


def _period(written: str, one: Input) -> dict[str, str]:
    day = one.model_copy(update={"type": "date"})
    text = f" {written.strip()} "
    for sign in _UNTIL:
        first, found, last = text.partition(sign)
        if found and first.strip() and last.strip():
            return {"from": as_typed(first, day), "to": as_typed(last, day)}
    raise ValueError(_("Please write both days, such as “2026-12-01 – 2026-12-24”."))


# --- what becomes of it -----------------------------------------------------------------------------------


def extend(row: MailedStart) -> None:
    """What is missing is waited for from now on."""
    days = (definition_of(row.version).start_by_mail or start_mails.NO_RULES).waits_for
    _change(row, state=MailedStart.State.LACKING, due=clock.now() + timedelta(days=days))


def fits(row: MailedStart, definition: Definition) -> bool:
    """Whether all that was written and sent so far is still asked for, as the same kind of thing."""
    then = {one.name: one.type for one in definition_of(row.version).fields}
    now = {one.name: one.type for one in definition.fields if one.computed is None}
    names = {*row.entered, *(one["field"] for one in row.files)}
    return all(name in now and now[name] == then.get(name) for name in names)


def go_on_with(row: MailedStart, version: Version) -> None:
    """Another version of its process, whose form takes what it holds (`fits`)."""
    _change(row, version=version)


def wait(row: MailedStart, code_hash: str, outgoing: OutgoingMail, **values: Any) -> None:
    """What is missing was asked for, by the mail `outgoing`. `said`: `entered` and `files` so far."""
    _change(row, code_hash=code_hash, outgoing=outgoing, **values)


def started(row: MailedStart, request: Request, **values: Any) -> None:
    _change(row, state=MailedStart.State.STARTED, request=request, due=None, **values)


def _change(row: MailedStart, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=[*changes])


def locked(row_id: int) -> MailedStart:
    """As it is now, and nobody else changes it until the transaction ends."""
    rows_of = MailedStart.objects.select_for_update(of=("self",))
    return rows_of.select_related("version__process", "person", "request", "outgoing").get(pk=row_id)


# --- what never came --------------------------------------------------------------------------------------


def due(limit: int) -> list[int]:
    """Those whose time is over."""
    waiting = MailedStart.objects.filter(state=MailedStart.State.LACKING, due__lte=clock.now())
    return list(waiting.order_by("due").values_list("pk", flat=True)[:limit])


@transaction.atomic
def work(row_id: int) -> bool:
    """Let one expire. False while an answer that came in time may still be unread, and where it is over already."""
    row = locked(row_id)
    if row.state != MailedStart.State.LACKING or row.due is None or row.due > clock.now():
        return False
    outgoing = row.outgoing
    assert outgoing is not None
    if not read_past({outgoing.mailbox_id}, row.due, {row.code_hash}, asked_at=outgoing.created_at):
        return False
    _change(row, state=MailedStart.State.EXPIRED)
    start_mails.expired(row)
    return True
