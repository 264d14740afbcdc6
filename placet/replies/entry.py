"""The path of a reply, whole. Read this first; each step is a file beside this one, in the order they happen.

receive(mailbox)    fetch   mailbox → rows, whole and once
take_in(incoming)   parse   bytes → Mail: sender, automatic or not, new text
                    pick    which ask it answers; or, where it answers none, which request it starts
                    prove   who sent it, and how we know
                    pick    once more: whether it is our mail that it answers
                    read    new text → Answer, or unclear; or a Command, which is settled by itself; of a digest an
                            answer to each line that it names; of what starts a request the fields of its form
                    settle  the decision, in one transaction with
                    tell    the confirmation, or what was refused and why
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Case, DateTimeField, Q, Value, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.accounts.models import Person
from placet.approvals import absences
from placet.approvals.models import AskLine, Process
from placet.approvals.proofs import Level, level_of
from placet.lib import clock, rows
from placet.lib.prepared import Prepared
from placet.lib.sentences import Sentence
from placet.mail import outbox, read_past, signed_once, tasks
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mail.moving import ids_here, remember_ids
from placet.mail.packing import Damaged
from placet.mailboxes import polling, pool, progress
from placet.mailboxes.base import Folder, Gone, MailboxError, MailError, Seen, Wait
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import MailboxSettings
from placet.replies import (
    absence,
    refusals,
    settle,
    settle_clarification,
    settle_digest,
    settle_start,
    settle_undo,
    stamp_watch,
    tell,
    tell_digest,
    tell_start,
)
from placet.replies.check_dkim import NoKeyYet
from placet.replies.evidence_signatures import FACT
from placet.replies.fetch import (
    LeaseLost,
    facts_of,
    fetch,
    fetch_alone,
    fingerprint,
    first_of,
    keep_shown_again,
    received_of,
    storable,
)
from placet.replies.own_words import originals
from placet.replies.parse import Kind, Mail, OwnMail, parse
from placet.replies.parse.original import without_original
from placet.replies.pick import Picked, answered_of, aside_codes, pick, pick_signed
from placet.replies.pick_answered import NotKnownYet, must_answer_us
from placet.replies.pick_mailbox import check_mailbox
from placet.replies.pick_start import PickedStart, pick_start
from placet.replies.proof_policy import answered_at, confirmed_profile, prove_policy
from placet.replies.prove import Asked, Proof, ProvePolicy, prove
from placet.replies.read import READ_TEXT, read
from placet.replies.read_command import ASKS_AND_ANSWERS, Command, answers_beside, read_command
from placet.replies.read_command import Kind as CommandKind
from placet.replies.read_completion import read_completion
from placet.replies.read_confirmation import may_confirm, read_confirmation, two_meanings
from placet.replies.read_digest import read_digest
from placet.replies.read_own import own_of
from placet.replies.read_result import Answer
from placet.replies.read_vocabulary import Vocabulary, vocabulary
from placet.replies.settle_command import ACTS, must_be_active
from placet.workers import leases
from placet.workers.leases import Leased

log = structlog.get_logger(__name__)

LEASED = Leased(IncomingMail, timedelta(minutes=2), unfinished=Q(state=IncomingMail.State.KEPT))
MOST_TRIES = 6  # of one mail, before it is set aside
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE_FOR_KEY = timedelta(hours=1)  # between two questions to DNS
NOTICED_PAUSE = timedelta(seconds=1)  # before one more look, when something came during this one
SHORTEST_PAUSE = timedelta(seconds=5)  # between two looks, however short a pause the server asked for


# --- the mailbox ------------------------------------------------------------------------------------------


def receive(mailbox_id: int) -> bool:
    """Look into one mailbox once. False if another worker does. MailboxError passes through, with the mailbox
    paused and its trouble kept; so does what nobody foresaw, as a MailboxError in words."""
    due = Mailbox.objects.filter(pk=mailbox_id, active=True, next_poll__lte=clock.now())
    claim = polling.LEASED.take(due, noticed=False, read_until=progress.unless_ahead())
    if not claim:
        return False
    after = None
    try:
        after = _look_into(Mailbox.objects.get(pk=mailbox_id), claim)
    except LeaseLost as lost:
        log.warning("poll_lease_lost", mailbox=mailbox_id, reason=str(lost))
    finally:
        after = after or clock.now() + SHORTEST_PAUSE  # the pause of a failure may last longer
        _give_up_poll(mailbox_id, claim, after)
    return True


def _give_up_poll(mailbox_id: int, claim: str, after: datetime) -> None:
    """The next one is at `after`; or soon, where something came while this one ran (`mailboxes.push.notices`): it may
    have looked already at where that lies. In one statement, so that no notice falls between."""
    soon = min(after, clock.now() + NOTICED_PAUSE)
    next_poll = Case(When(noticed=True, then=Value(soon)), default=Value(after), output_field=DateTimeField())
    polling.LEASED.mine(mailbox_id, claim).update(next_poll=next_poll, claim="")


def _look_into(mailbox: Mailbox, claim: str) -> datetime:
    """When to look again."""
    try:
        with pool.opened(mailbox) as connection:
            settings = pool.settings_of(mailbox)
            more = fetch(mailbox, connection, settings, claim)
    except (MailboxError, LeaseLost):
        raise
    except Exception as error:
        # A defect of ours must be seen by an administrator like any other trouble of the mailbox.
        log.exception("poll_failed", mailbox=mailbox.pk)
        trouble = Wait(
            _("Placet itself failed while reading the mailbox: {error}. See the log.").format(
                error=type(error).__name__
            ),
            _("Report it with what the log says; Placet tries again by itself."),
        )
        pool.drop(mailbox)
        pool.failed(mailbox, trouble)
        raise trouble from error
    now = clock.now()
    Mailbox.objects.filter(pk=mailbox.pk).update(last_poll_at=now)
    return now if more else now + timedelta(seconds=settings.poll_seconds)


# --- one mail ---------------------------------------------------------------------------------------------


@dataclass
class Reply:
    """One incoming mail on its way: what each step found, for the steps after it and for the mail log."""

    incoming: IncomingMail
    claim: str
    settings: MailboxSettings
    mail: Mail | None = None
    line: AskLine | None = None
    code: str = ""
    proof: Proof | None = None
    answer: Answer | None = None
    lines: Sequence[AskLine] = ()  # of a digest: all of them
    process: Process | None = None  # that it starts a request of
    starter: Person | None = None  # who is proved to have sent that
    received: Mail | None = None  # as it came, where `mail` is what of it was signed


def take_in(incoming_id: int) -> bool:
    """Take one kept mail down the whole path. False if it is no longer due, or another worker has it.

    A refusal is a result. Any other error leaves the mail to be tried again with growing pauses, and after
    some tries sets it aside; it never stops the mails behind it.
    """
    try:
        reply = _claim(incoming_id)
    except Damaged as error:
        return _set_damaged_aside(incoming_id, error)
    if reply is None:
        return False
    if reply.incoming.tries > MOST_TRIES:
        # Earlier tries never came back to say why: the process died in them.
        set_aside(reply, _("Placet stopped several times while it handled this mail."))
        return True
    try:
        if _whole(reply):
            walk(reply)
            _watch_stamps(reply)
    except MailboxError:
        _give_back(reply.incoming, reply.claim, counts=False)
        raise
    except NotKnownYet:
        _give_back(reply.incoming, reply.claim, counts=False)
    except NoKeyYet:
        _wait_for_key(reply.incoming, reply.claim)
    except Gone:
        set_aside(reply, _("The mail was gone from the server before it could be fetched."))
    except MailError as error:
        _later_or_aside(reply, _("The server does not give the mail. {why}").format(why=error))
    except Exception as error:
        log.exception("take_in_failed", incoming=incoming_id, tries=reply.incoming.tries)
        _later_or_aside(reply, _failure(error))
    return True


def _watch_stamps(reply: Reply) -> None:
    profile = confirmed_profile(reply.incoming.mailbox.stamps)
    if profile is not None and reply.mail is not None and reply.mail.automatic is not Kind.OUR_OWN:
        stamp_watch.note(reply.incoming, reply.mail, reply.settings, profile)


def _failure(error: Exception) -> str:
    return _("It could not be handled: {error}.").format(error=type(error).__name__)


#: Who sent a mail, and how we know: as `prove`.
Prover = Callable[[Mail, str, Asked, Level, ProvePolicy], Proof]


def walk(reply: Reply, prover: Prover = prove) -> None:
    """The steps in their order. Whatever one of them refuses ends here. `prover`: where a process is tried nobody sent
    the mail, and all but its sender is looked at."""
    try:
        own = own_mail(reply.incoming.mailbox)
        reply.mail = mail = parse(received_of(reply.incoming), own)
        _by_a_person(mail)
        try:
            picked = pick(mail)
        except (refusals.NoCode, refusals.UnknownCode) as unpicked:
            _start(reply, mail, pick_start(mail, unpicked), prover)
            return
        reply.line, reply.code = picked.line, picked.code
        reply.lines = picked.lines if picked.is_digest else ()
        if mail.two_readings:
            raise refusals.TwoReadings(mail.two_readings)
        check_mailbox(reply.incoming.mailbox, picked.line.ask)
        level = _level(picked)
        asked = asked_by(picked.line, picked.addresses, reply.incoming, picked.places, picked.code)
        proof = prover(mail, reply.incoming.folder, asked, level, prove_policy(reply))
        if proof.reads is not None:
            reply.received, mail, picked = mail, proof.reads, pick_signed(proof.reads, picked)
            if signed_once.came_before(proof.signed_once, reply.incoming) is not None:
                raise refusals.NotProved(SENT_BEFORE)
        reply.mail, reply.proof = mail, proof
        _has_it(picked)
        if (never_read := _why_never_read(reply, mail, level)) is not None:
            _says_they_are_back(reply, picked)
            raise never_read
        must_answer_us(mail, picked, own, known_words(), proof, kept_at=reply.incoming.kept_at)
        _says_they_are_back(reply, picked)
        reply.mail = mail = without_original(mail, originals(answered_of(mail, picked.line, picked.ours)))
        if picked.is_digest:
            _answer_digest(reply, picked, mail, proof)
            return
        if picked.line.asks_back_id is not None:
            _clarify(reply, picked, proof)
            return
        command = _command(mail, picked.line)
        if command is not None:
            with transaction.atomic():
                mine(reply)
                ACTS[command.kind](reply, picked, command)
            return
        reply.answer = answer = _read(mail, picked.line)
        with transaction.atomic():
            logged = tell.decided(reply)
            mine(reply, **logged.columns)
            try:
                decision = settle.settle(picked, answer, proof, reply.incoming, logged)
            except refusals.Incomplete as lacking:
                tell.incomplete(reply, lacking)  # here, where the request is still locked
            else:
                tell.applied(reply, decision)
    except refusals.Unparseable as error:
        set_aside(reply, f"{error} {error.reason}")
    except refusals.AutomaticReply as automatic:
        policy = prove_policy(reply)
        with transaction.atomic():
            mine(reply)
            if not absence.is_taken(reply, automatic, policy):
                tell.refused(reply, automatic)
    except refusals.Unclear as unclear:
        with transaction.atomic():
            mine(reply)
            tell.unclear(reply, unclear)
    except refusals.Refusal as refusal:
        with transaction.atomic():
            mine(reply)
            tell.refused(reply, refusal, _teller(reply))


SENT_BEFORE = Sentence("What is signed came with another mail before: a signature counts once.")


def _teller(reply: Reply) -> Callable[[Reply, refusals.Refusal], bool] | None:
    """How its sender is told why it was refused, where that is not as of one question."""
    if reply.starter is not None:
        return tell_start.refused
    return tell_digest.refused if reply.lines else None


def _start(reply: Reply, mail: Mail, picked: PickedStart, prover: Prover) -> None:
    """A mail that starts a request, or brings what one lacked: the same steps."""
    if mail.two_readings:
        raise refusals.TwoReadings(mail.two_readings)
    reply.code = picked.code
    start = settle_start.start_of(picked, mail, reply.incoming)
    reply.process = start.process
    reply.proof = prover(mail, reply.incoming.folder, start.asked, start.level, prove_policy(reply))
    reply.starter = start.person
    settle_start.must_be_offered(start, picked, mail, reply)
    if start.row is not None and start.row.outgoing is not None:
        reply.mail = mail = without_original(mail, originals([start.row.outgoing]))
    written = settle_start.read(start, mail, reply.incoming, known_words())
    with transaction.atomic():
        mine(reply)
        settle_start.settle(reply, start, written)


def _why_never_read(reply: Reply, mail: Mail, level: Level) -> refusals.Refusal | None:
    """Why nothing of what a mail says can be an answer, whatever that is."""
    if level is Level.PAGE:
        return refusals.PageOnly()
    if mail.too_large:
        return refusals.TooLarge(reply.incoming.facts["size"], reply.settings.max_size)
    return refusals.Sealed(mail.sealed) if mail.sealed else None


def _says_they_are_back(reply: Reply, picked: Picked) -> None:
    """Whoever wrote a proved reply is there again, whatever it says."""
    if getattr(picked.line, "is_of_absent", True):
        absences.returned(picked.line.ask.person, reply.incoming.receipt_time)


def _level(picked: Picked) -> Level:
    if picked.is_digest:
        return settle_digest.proof_needed(picked.lines)
    return level_of(settle.proof_needed(picked.line))


#: What a reply to a digest may ask for. A question to the requester, say, names no line.
_TOLD = {CommandKind.HELP: refusals.HelpAsked, CommandKind.STATUS: refusals.StatusAsked}


def _answer_digest(reply: Reply, picked: Picked, mail: Mail, proof: Proof) -> None:
    """All that it answers, or nothing. Raises DigestUnclear, HelpAsked, StatusAsked, NotUndone or NoLongerOpen."""
    known = known_words()
    command = read_command(mail, known)
    if command is not None and command.kind in _TOLD:
        must_be_active(picked.line)
        raise _TOLD[command.kind]
    if command is not None and command.kind is CommandKind.UNDO:
        with transaction.atomic():
            mine(reply)
            settle_undo.undo_lines(reply, picked)
        return
    answers = read_digest(mail, settle_digest.asked(picked.lines), known)
    with transaction.atomic():
        logged = tell_digest.logged(reply, answers)
        mine(reply, **logged.columns)
        tell_digest.applied(reply, settle_digest.apply(picked, answers, proof, reply.incoming, logged))


def _clarify(reply: Reply, picked: Picked, proof: Proof) -> None:
    """The requester's answer to what they were asked. It is read for nothing, if it is not only a command. Raises
    HelpAsked, StatusAsked or NoLongerOpen."""
    assert reply.mail is not None
    command = read_command(reply.mail, known_words())
    if command is not None and command.kind in _TOLD:
        must_be_active(picked.line)
        raise _TOLD[command.kind]
    answer = settle_clarification.answer_of(reply.mail)
    with transaction.atomic():
        logged = tell.clarified(reply)
        mine(reply, **logged.columns)
        clarification = settle_clarification.clarify(picked, answer, proof, reply.incoming, logged)
        tell.answer_sent(reply, clarification)


def _command(mail: Mail, line: AskLine) -> Command | None:
    """What a reply asks for, where it answers nothing. Raises Unclear where it may be an answer as well."""
    step, known = settle.step_of(line), known_words()
    own = own_of(step)
    command = read_command(mail, known, own)
    if command is None or command.kind not in ACTS:
        return None
    if answers_beside(command, step.outcome_keys, known, own):
        raise refusals.Unclear(mail.new_text[:READ_TEXT], ASKS_AND_ANSWERS)
    if line.completes is None:  # else what is asked for would be read as the rest of an answer
        try:
            answer = _read(mail, line)
        except refusals.Unclear:
            return command
        raise refusals.Unclear(mail.new_text[:READ_TEXT], ASKS_AND_ANSWERS, answer.language)
    return command


def _read(mail: Mail, line: AskLine) -> Answer:
    """The text as an answer; or, of a reply to the mail that asks for the rest of one, as that rest."""
    step, about, known = settle.step_of(line), settle.about(line), known_words()
    offered, own, questions = step.outcome_keys, own_of(step), settle.questions_asked(line)
    if (earlier := settle.earlier(line)) is not None:
        return read_completion(mail, earlier, offered, known, about, own, questions)
    if (guess := settle.guess(line, known)) is not None:
        return read_confirmation(mail, guess, offered, known, about, own, questions)
    answer = read(mail, offered, known, about, own, questions)
    if may_confirm(answer, known, own) and settle.guessed_otherwise(line, answer):
        raise two_meanings(mail, answer)
    return answer


def known_words() -> Vocabulary:
    """The words that count in this installation."""
    return vocabulary(settings.PLACET.words_dir, settings.PLACET.reply_languages)


def _has_it(picked: Picked) -> None:
    """Who answers a mail has it: where nobody could say whether it went out, that is over."""
    outgoing = picked.line.ask.outgoing
    if outgoing is not None and outgoing.state == OutgoingMail.State.UNSURE:
        outbox.certainly_sent(outgoing)


def _by_a_person(mail: Mail) -> None:
    """What a program wrote is never read for an answer. Decided before anything else is looked at."""
    if mail.automatic is not None:
        raise AUTOMATIC[mail.automatic](mail.automatic_why)


AUTOMATIC: dict[Kind, type[refusals.Automatic]] = {
    Kind.OUR_OWN: refusals.OurOwn,
    Kind.AUTOMATIC_REPLY: refusals.AutomaticReply,
    Kind.BOUNCE: refusals.Bounce,
    Kind.READ_RECEIPT: refusals.ReadReceipt,
    Kind.MEETING: refusals.MeetingAnswer,
    Kind.JOURNAL: refusals.JournalReport,
    Kind.REPORT: refusals.OtherReport,
}


def own_mail(mailbox: Mailbox) -> OwnMail:
    # Microsoft Graph takes the headers off that would tell our own mail: its senders are known all the same. Not those
    # that never sent any: somebody's own address, entered to try something out, must not silence that person.
    others = [(address, settings.get("reply_to")) for address, settings in _OTHERS(mailbox=mailbox.pk)]
    return OwnMail(
        mailbox_address=mailbox.address,
        message_id_domain="",  # the mailbox's domain: shared with everybody's mail there
        reply_to=str(mailbox.settings.get("reply_to", "")),
        others=tuple(address for addresses in others for address in addresses if address),
    )


_OTHERS = Prepared(
    lambda given: (
        Mailbox.objects.exclude(pk=given("mailbox"))
        .exclude(active=False, active_since=None)
        .values_list("address", "settings")
    )
)


def asked_by(
    line: AskLine,
    addresses: Collection[str],
    incoming: IncomingMail,
    code_in: Collection[str],
    code: str = "",
) -> Asked:
    asked_at = line.ask.created_at
    return Asked(addresses, asked_at, answered_at(incoming, asked_at), code_in, code)


# --- claims -----------------------------------------------------------------------------------------------


def _claim(incoming_id: int) -> Reply | None:
    now, claim = clock.now(), leases.new_claim()
    for incoming in _DUE(id=incoming_id, now=now, reserved=leases.reservation()):
        as_read = {"id": incoming.pk, "state": incoming.state, "due": incoming.due, "claim": incoming.claim}
        tries = incoming.tries + 1
        if rows.update(IncomingMail, as_read, claim=claim, due=now + LEASED.length, tries=tries):
            incoming.tries = tries
            return _ready(incoming, claim)
    return None


_DUE = Prepared(
    lambda given: (
        IncomingMail.objects.select_related("mailbox")
        .defer("mailbox__secrets")
        .filter(
            Q(due__lte=given("now")) | Q(claim=given("reserved")),
            pk=given("id"),
            state=IncomingMail.State.KEPT,
        )
    )
)


def _ready(incoming: IncomingMail, claim: str) -> Reply | None:
    """What is ours now, unless its mailbox cannot be used, or must rest and is needed."""
    try:
        settings = pool.settings_of(incoming.mailbox)
    except MailboxError as error:
        _give_back(incoming, claim, counts=False)
        pool.failed(incoming.mailbox, error)
        raise
    if incoming.facts.get("unread") and pool.rests(incoming.mailbox):
        _give_back(incoming, claim, counts=False)
        return None
    return Reply(incoming, claim, settings)


class ClaimLost(Exception):
    """The lease ran out and another worker has this mail: nothing of ours may be committed."""


def mine(reply: Reply, **known: Any) -> None:
    """Checked inside the transaction that commits the effect: the row is locked, handled and still ours. `known`: what
    else the row gets, where that is known already."""
    ours = {"id": reply.incoming.pk, "claim": reply.claim, "state": IncomingMail.State.KEPT}
    now = clock.now()
    state = IncomingMail.State.HANDLED
    if not rows.update(IncomingMail, ours, state=state, claim="", handled_at=now, **known):
        raise ClaimLost(f"Incoming mail {reply.incoming.pk} is no longer ours.")
    reply.incoming.handled_at = now  # goes on record
    if reply.proof is not None and reply.proof.signed_once:
        signed_once.keep(reply.proof.signed_once, reply.incoming)
    elif reply.proof is not None and (signature := reply.incoming.facts.get(FACT, {})).get("holds"):
        signed_once.note(signature["mark"], reply.incoming)


def _give_back(incoming: IncomingMail, claim: str, *, counts: bool) -> None:
    """To be tried again later. A failure of the whole mailbox uses up no try."""
    tries = incoming.tries if counts else incoming.tries - 1
    LEASED.mine(incoming.pk, claim).update(
        claim="", tries=tries, due=clock.now() + FIRST_PAUSE * 2 ** min(tries, 8)
    )


def _wait_for_key(incoming: IncomingMail, claim: str) -> None:
    """No DNS server answers about the sender's key: again, the later the longer the mail waits already."""
    pause = min(max((clock.now() - incoming.kept_at) / 2, FIRST_PAUSE), LONGEST_PAUSE_FOR_KEY)
    LEASED.mine(incoming.pk, claim).update(claim="", tries=incoming.tries - 1, due=clock.now() + pause)


def _later_or_aside(reply: Reply, reason: str) -> None:
    """This mail failed: once more after a growing pause, or set aside."""
    if reply.incoming.tries >= MOST_TRIES:
        set_aside(reply, reason)
    else:
        _give_back(reply.incoming, reply.claim, counts=True)


@transaction.atomic
def set_aside(reply: Reply, reason: str) -> None:
    """Not handled, never dropped: kept with its reason, and put where an administrator finds it.

    What was never read stays where it is on the server: it is the only copy.
    """
    changed = LEASED.mine(reply.incoming.pk, reply.claim).update(
        state=IncomingMail.State.SET_ASIDE,
        claim="",
        result="set_aside",
        reason=reason,
        verdict=tell.verdict(reply),
        handled_at=clock.now(),
    )
    if not changed:
        return
    read_past.remember_codes(reply.incoming, aside_codes(reply.incoming, reply.mail))
    if not reply.incoming.facts.get("unread"):
        tasks.move(reply.incoming, reply.settings.set_aside_folder)


@transaction.atomic
def _set_damaged_aside(incoming_id: int, error: Damaged) -> bool:
    """What cannot be read from the database stays on the server where it is: that is the only copy, too."""
    log.error("incoming_damaged", incoming=incoming_id, error=str(error))
    now = clock.now()
    ready = Q(due__lte=now) | Q(claim=leases.reservation())
    due = IncomingMail.objects.filter(ready, pk=incoming_id, state=IncomingMail.State.KEPT)
    state, reason = IncomingMail.State.SET_ASIDE, _failure(error)
    if not due.update(state=state, claim="", result="set_aside", reason=reason, handled_at=now):
        return False
    read_past.remember_codes(IncomingMail(pk=incoming_id), [read_past.ANY_CODE])
    return True


@transaction.atomic
def handle_again(incoming_id: int) -> bool:
    """An administrator's wish for a mail that was set aside. False if it is not set aside (any more)."""
    waiting = IncomingMail.objects.filter(pk=incoming_id, state=IncomingMail.State.SET_ASIDE)
    return bool(
        waiting.update(
            state=IncomingMail.State.KEPT, due=clock.now(), tries=0, result="", reason="", looked_at=None
        )
    )


def _whole(reply: Reply) -> bool:
    """Fetch a mail that the server listed but would not give the first time. False if it is a known one."""
    incoming = reply.incoming
    if not incoming.facts.get("unread"):
        return True
    with pool.opened(incoming.mailbox) as connection:
        server_id = ids_here(connection, incoming.mailbox, [incoming]).get(incoming.pk)
        if not server_id:
            set_aside(reply, _(MOVED_UNREAD))
            return False
        seen = Seen(server_id, Folder(incoming.folder), incoming.received_at)
        entry = fetch_alone(incoming.mailbox, connection, seen, reply.settings.max_size)
    if isinstance(entry, tuple):
        raise entry[1]
    mark = fingerprint(entry)
    whole = {
        "raw": entry.raw,
        "transport_headers": storable(entry.transport_headers),
        "facts": {**facts_of(entry), "kind": incoming.mailbox.kind},
        "fingerprint": mark,
        "received_at": entry.received_at,
    }
    with transaction.atomic():
        known = first_of(incoming.mailbox, mark)
        if known is None:
            IncomingMail.objects.filter(pk=incoming.pk).update(**whole)
    for name, value in whole.items():  # only now: what could not be stored counts as unread
        setattr(incoming, name, value)
    if known is not None:
        with transaction.atomic():
            keep_shown_again(incoming, known)
    elif server_id != incoming.server_id:
        remember_ids(incoming.mailbox, {incoming.pk: server_id})
    return known is None


MOVED_UNREAD = gettext_noop(
    "It could not be read before this mailbox was moved to another way. If it is still in the mailbox, it was listed "
    "anew, as another mail of this log."
)
