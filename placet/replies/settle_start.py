"""A mail that starts a request, or brings what an earlier one lacked: who may, what it fills in, and what becomes of
it, by calling `engine.start` and nothing else.

The same mail is one start, whatever ids it comes with (`MailedStart`). What is missing is asked for, and nothing is
started before all of it is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _

from placet.accounts.addresses import addresses_of, person_at
from placet.accounts.models import Person
from placet.accounts.reader import as_read_by
from placet.approvals import engine, engine_errors, mailed_starts, record
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.models import MailedStart, Process, Request, Version
from placet.approvals.proofs import Level
from placet.approvals.start_by_mail import StartByMail, proof_of_start
from placet.approvals.start_mails import NO_RULES
from placet.lib.ids import new_code
from placet.lib.sentences import Sentence
from placet.mail.models import IncomingMail
from placet.replies import refusals, tell_start
from placet.replies.parse import Mail
from placet.replies.parse.subjects import is_reply
from placet.replies.pick_mailbox import check_mailbox, check_mailbox_of_start
from placet.replies.pick_start import PickedStart
from placet.replies.prove import Asked
from placet.replies.read_start import Files, Lines, MailFile, doubt_of, files_again, read_files, read_lines
from placet.replies.read_vocabulary import Vocabulary

if TYPE_CHECKING:
    from placet.replies.entry import Reply

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: How old a mail may be that starts something: an older one was sent again.
OLDEST = timedelta(days=3)
#: What programs put before the subject of a forward, beside what they put before that of a reply.
_FORWARDS = (
    "fw",
    "fwd",
    "wg",
    "tr",
    "rv",
    "enc",
    "i",
    "vb",
    "vl",
    "vs",
    "pd",
    "doorst",
    "转发",
    "轉寄",
    "ilt",
)


CHANGED = Sentence(
    "The form of this process was changed since your first mail; please send all of it once more, as a new mail."
)
TOO_LATE = Sentence("What was missing came too late; please send all of it once more, as a new mail.")


@dataclass(frozen=True)
class Start:
    """What a mail starts, before its sender is proved. `version`: None where its address offers nothing; `row`: what it
    completes, if it does."""

    person: Person
    process: Process | None
    version: Version | None
    row: MailedStart | None
    asked: Asked
    level: Level

    @property
    def definition(self) -> Definition:
        assert self.version is not None
        return definition_of(self.version)

    @property
    def rules(self) -> StartByMail:
        return self.definition.start_by_mail or NO_RULES


def start_of(picked: PickedStart, mail: Mail, incoming: IncomingMail) -> Start:
    """Whose mail it has to be. Raises SenderUnclear, StarterUnknown or WrongMailbox."""
    if picked.row is not None:
        return _rest_of(picked.row, picked, incoming)
    if mail.from_address is None:
        raise refusals.SenderUnclear(mail.from_problem)
    person = person_at(mail.from_address)
    if person is None or not person.is_active:
        raise refusals.StarterUnknown(mail.from_address)
    version = mailed_starts.offered(picked.keys[0]) if len(picked.keys) == 1 else None
    if version is not None:
        check_mailbox_of_start(incoming.mailbox, version)
    received = incoming.receipt_time
    asked = Asked(addresses_of(person), received - OLDEST, received, picked.places)
    # Whoever is told that nothing is offered is proved at least as an answer from outside is.
    level = Level.OUTSIDE if version is None else _level(definition_of(version))
    return Start(person, version.process if version else None, version, None, asked, level)


def _rest_of(row: MailedStart, picked: PickedStart, incoming: IncomingMail) -> Start:
    check_mailbox(incoming.mailbox, row)
    assert row.outgoing is not None
    at = row.outgoing.created_at
    asked = Asked(addresses_of(row.person), min(at, row.created_at), incoming.receipt_time, picked.places)
    process = row.version.process
    # As the process is now, whichever version the first mail was written for.
    is_lacking = row.state == MailedStart.State.LACKING
    version = mailed_starts.offered(process.key) if is_lacking else row.version
    return Start(row.person, process, version, row, asked, _level(definition_of(version or row.version)))


def _level(definition: Definition) -> Level:
    level = Level(proof_of_start(definition))
    # The first of a version that has no rules any more. A signature does not cover where a mail was sent to.
    return Level.COLLEAGUE if level in (Level.PAGE, Level.SIGNED) else level


def must_be_offered(start: Start, picked: PickedStart, mail: Mail, reply: "Reply") -> None:
    """Raises StartNotTaken: why this mail starts nothing, whatever it says. Its sender is proved."""
    if not start.person.is_active:
        raise refusals.StartNotTaken(Sentence("Your account is not active."))
    if len(picked.keys) > 1:
        raise refusals.StartNotTaken(
            Sentence("It went to the addresses of several processes; please write to one of them.")
        )
    if start.version is None:
        raise refusals.StartNotTaken(Sentence("No request can be started at this address."))
    if start.row is None:
        _must_begin(start, mail)
    elif not _still_fits(start.row, start.version):
        raise refusals.StartNotTaken(CHANGED)
    if mail.too_large:
        size = reply.settings.max_size // (1024 * 1024)
        raise refusals.StartNotTaken(
            Sentence("It is larger than {number} MB, which is the most that is taken.", number=size)
        )
    if mail.sealed:
        raise refusals.StartNotTaken(
            Sentence("It is encrypted or protected, so what it says could not be read.")
        )
    if doubt := doubt_of(mail):
        raise refusals.StartNotTaken(doubt)


def _still_fits(row: MailedStart, version: Version) -> bool:
    """Whether what was sent before is what the form asks for now, from somebody as sure as it asks for now."""
    then, now = definition_of(row.version), definition_of(version)
    is_as_sure = _level(now) is not Level.COLLEAGUE or _level(then) is Level.COLLEAGUE
    return is_as_sure and mailed_starts.fits(row, now)


def _must_begin(start: Start, mail: Mail) -> None:
    """The guards of a mail that begins something."""
    if (mail.in_reply_to or mail.references) and is_reply(mail.subject) and not _is_forward(mail.subject):
        # Somebody who answers all of those to whom another one's mail went.
        raise refusals.StartNotTaken(
            Sentence("It answers another mail; please write a new one, or forward that one.")
        )
    config = settings.PLACET
    for span, most in ((HOUR, config.start_mails_per_hour), (DAY, config.start_mails_per_day)):
        if mailed_starts.number_since(start.person, span) >= most:
            raise refusals.StartNotTaken(
                Sentence("You started {number} requests by mail already; please wait a while.", number=most)
            )


def _is_forward(subject: str) -> bool:
    mark = subject.strip().partition(":")[0].partition("：")[0].casefold().strip()
    return mark in _FORWARDS


# --- what it says -----------------------------------------------------------------------------------------


@dataclass
class Written:
    """What a mail fills in, together with what earlier ones did."""

    lines: Lines
    files: Files
    entered: dict[str, Any]
    kept: list[MailFile]  # of all mails
    has_rest: bool  # whether something of the text filled nothing

    @property
    def every_file(self) -> list[Any]:
        return [one.file for one in self.kept]


def read(start: Start, mail: Mail, incoming: IncomingMail, known: Vocabulary) -> Written:
    """In the language of its sender."""
    definition, rules, row = start.definition, start.rules, start.row
    later = definition.entered_later
    fields = [
        one
        for one in definition.fields
        if one.type != "files" and one.computed is None and one.name not in later
    ]
    lines = read_lines(mail, fields, known, start.person.name.split())
    before = files_again(row.files) if row is not None else []
    with as_read_by(start.person):
        files = read_files(incoming, mail, definition, rules, before)
    entered, rest = dict(lines.entered), lines.rest
    if rules.text and rest and rules.text not in entered and _text_fills(row, rules.text):
        entered[rules.text], rest = rest, ""
    if row is None and rules.subject and mail.own_subject:
        entered.setdefault(rules.subject, mail.own_subject)
    together = {**(row.entered if row is not None else {}), **entered}
    return Written(lines, files, together, [*before, *files.taken], bool(rest) and row is None)


def _text_fills(row: MailedStart | None, name: str) -> bool:
    """A mail that brings what was missing says other things, too, where the text was not missing."""
    return row is None or name not in row.entered


# --- what becomes of it -----------------------------------------------------------------------------------


def settle(reply: "Reply", start: Start, written: Written) -> None:
    """In the mail's transaction. Raises StartTwice, StartNotTaken or StartLacks."""
    assert start.version is not None and reply.mail is not None
    row = _begun(reply, start, written) if start.row is None else _open(reply, start.row)
    is_changed = row.version_id != start.version.pk
    if is_changed:
        mailed_starts.go_on_with(row, start.version)
    checked = mailed_starts.check(start.version, start.person, written.entered, written.every_file)
    with as_read_by(start.person):
        wrong = _in_order(start.definition, {**checked.wrong, **_as_read(written.lines.wrong)})
        notes = [*written.files.notes, *_notes(written, checked)]
        if is_changed:
            notes.append(_("The process was changed since your first mail: the request is as it is now."))
    if wrong:
        tell_start.lacks(reply, row, written, wrong, notes, code=_code_of(row, reply))
        return
    _start(reply, row, start, written, checked.typed, notes)


def _as_read(wrong: Mapping[str, Sentence]) -> dict[str, str]:
    return {name: str(sentence) for name, sentence in wrong.items()}


def _in_order(definition: Definition, wrong: Mapping[str, str]) -> dict[str, str]:
    names = [one.name for one in definition.fields]
    return {
        name: wrong[name]
        for name in sorted(wrong, key=lambda one: names.index(one) if one in names else len(names))
    }


def _notes(written: Written, checked: mailed_starts.Checked) -> list[str]:
    """What of the text was not taken."""
    notes = [
        _("“{label}” was not taken: it is not asked for with what else was written.").format(label=one.label)
        for one in checked.not_asked
    ]
    if written.has_rest:
        notes.append(_("What else stands in your mail was not taken into the request."))
    return notes


def _code_of(row: MailedStart, reply: "Reply") -> str:
    """One for all of the mails that ask for the rest: it is known where one of them was answered."""
    return reply.code if row.code_hash else new_code()


def _begun(reply: "Reply", start: Start, written: Written) -> MailedStart:
    assert start.version is not None and reply.mail is not None
    mail = reply.mail
    content = [mail.own_subject, mail.new_text, sorted(written.files.hashes)]
    beginning = mailed_starts.Beginning(reply.incoming, start.person, start.version, mail.message_id, content)
    row = mailed_starts.begin(beginning)
    if row is not None:
        return row
    before = mailed_starts.earlier(beginning)
    if before is not None and before.state == MailedStart.State.EXPIRED:
        raise refusals.StartNotTaken(TOO_LATE)
    raise refusals.StartTwice(before.request.number if before is not None and before.request else 0)


def _open(reply: "Reply", picked: MailedStart) -> MailedStart:
    """As it is now, locked."""
    row = mailed_starts.locked(picked.pk)
    if row.request is not None:
        raise refusals.StartTwice(row.request.number)
    late = row.due is not None and reply.incoming.receipt_time > row.due
    if row.state != MailedStart.State.LACKING or late:
        raise refusals.StartNotTaken(TOO_LATE)
    return row


def _earlier_mails(reply: "Reply", row: MailedStart, written: Written) -> list[IncomingMail]:
    """The one that began it, and those that brought files of it, beside the one that is handled now."""
    numbers = {row.incoming_id, *(one.incoming for one in written.kept)} - {reply.incoming.pk}
    return list(IncomingMail.objects.filter(pk__in=numbers).order_by("pk"))


def _start(
    reply: "Reply",
    row: MailedStart,
    start: Start,
    written: Written,
    typed: Mapping[str, Any],
    notes: list[str],
) -> None:
    assert start.version is not None and reply.proof is not None
    proof = reply.proof.as_json()

    def by_mail(request: Request) -> record.What:
        logged = tell_start.logged(reply, request)
        tell_start.log(reply, logged)
        parts = (
            {"result": tell_start.STARTED},
            record.mail(reply.incoming),
            record.reading(logged),
            record.mails_before(_earlier_mails(reply, row, written)),
        )
        return record.together(*parts, {"personal": {"proof": proof}})

    try:
        request = engine.start(start.version, start.person, typed, files=written.every_file, by_mail=by_mail)
    except engine_errors.ProcessRetired as error:
        raise refusals.StartNotTaken(Sentence("No request can be started at this address.")) from error
    except engine_errors.EngineError as error:
        raise refusals.StartNotTaken(error.message) from error
    mailed_starts.started(row, request, entered=written.entered, files=[one.as_json for one in written.kept])
    tell_start.started(reply, request, start.definition, notes)
