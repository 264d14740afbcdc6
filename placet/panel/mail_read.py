"""A kept mail, read anew for its page: as much of it as is ever read for an answer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from django.db.models import BinaryField
from django.db.models.functions import Length, Substr
from django.utils.translation import gettext as _

from placet.approvals.models import AskLine
from placet.approvals.record import DIGEST
from placet.mail import packing
from placet.mail.models import IncomingMail
from placet.portal.templatetags.pages import words
from placet.replies import entry, refusals, settle_digest
from placet.replies.explain import LOOKED_AT, Explanation, explain_received
from placet.replies.fetch import received_of
from placet.replies.pick import mails_answered
from placet.replies.read_digest import LineAsked
from placet.replies.read_own import own_of
from placet.replies.settle import earlier, guess, questions_asked, step_of


@dataclass(frozen=True)
class ReadAs:
    """What a mail was read as, by keys: they are compared, and only their words depend on the reader's language."""

    outcome: str = ""
    automatic: str = ""  # the kind of mail that a program wrote

    def __str__(self) -> str:
        if self.automatic:
            return _("written by a program ({kind})").format(kind=words(self.automatic))
        return words(self.outcome) if self.outcome else _("a mail that cannot be handled")


UNCLEAR = ReadAs("unclear")


def start_and_size(pk: int) -> tuple[bytes, int]:
    """As much of a mail as is ever read for an answer, and how many bytes it has."""
    kept = Substr("raw", 1, packing.room_for(LOOKED_AT), output_field=BinaryField())
    found = IncomingMail.objects.filter(pk=pk).annotate(kept=kept, size=Length("raw"))
    beginning, size = found.values_list("kept", "size").get()
    try:  # SQLite has no beginning of what is empty
        start, unpacked_size = packing.start_and_size(bytes(beginning or b""), LOOKED_AT)
    except packing.Damaged:
        return b"", size  # the page says why it was set aside
    return start, size if unpacked_size is None else unpacked_size


def read_beginning(mail: IncomingMail, start: bytes) -> None:
    """Without what was not asked of the database: the rest stays there, for it is never looked at."""
    if start:
        mail.raw = start
    try:
        _ = mail.transport_headers  # they are kept beside the mail's beginning
    except packing.Damaged:
        mail.transport_headers = ""


def explanation_of(mail: IncomingMail, start: bytes, line: AskLine | None) -> Explanation | None:
    """How the mail is read now. None: the server never gave it."""
    if not start:
        return None
    read_beginning(mail, start)
    own = entry.own_mail(mail.mailbox)
    known = entry.known_words()
    if line is None:
        return explain_received(received_of(mail), own, lambda _mail: (), known=known)
    answered, step = partial(mails_answered, line=line), step_of(line)
    if line.ask.outgoing is not None and line.ask.outgoing.kind == DIGEST:
        asked = _as_it_came(mail, settle_digest.asked(lines_of(line)))
        return explain_received(received_of(mail), own, answered, known=known, asked=asked)
    before = earlier(line, read=mail.pk) or guess(line, known, read=mail.pk)
    return explain_received(
        received_of(mail),
        own,
        answered,
        step.outcome_keys,
        known,
        own_of(step),
        questions_asked(line),
        before,
    )


def _as_it_came(mail: IncomingMail, asked: Sequence[LineAsked]) -> list[LineAsked]:
    """What it answered was open then, whatever it is now."""
    answered = {one["line"] for one in mail.verdict.get("lines", ())}
    return [replace(one, is_open=one.number in answered if answered else True) for one in asked]


def lines_of(line: AskLine) -> list[AskLine]:
    """All that the mail asked, of which this is one."""
    lines = AskLine.objects.filter(ask=line.ask_id).select_related(
        "ask__person", "assignment__visit__request__version", "assignment__visit__request__requester"
    )
    return list(lines.order_by("line"))


def ask_of(mail: IncomingMail) -> AskLine | None:
    """The ask that the mail was found to answer when it came."""
    ask = mail.verdict.get("ask")
    lines = AskLine.objects.select_related(
        "ask__person", "ask__outgoing", "completes", "assignment__visit__request__version"
    )
    return lines.filter(ask__public_id=ask).order_by("line").first() if ask else None


def then(mail: IncomingMail, explanation: Explanation) -> str:
    """How the explanation fits what happened, where that is not the same: what happened stands."""
    if mail.state == IncomingMail.State.KEPT:
        return _(
            "The mail has not been taken in yet. This is what its text says; who sent it is not looked at here."
        )
    if explanation.starts:
        return ""
    before, now = _read_then(mail), _read_now(explanation)
    if before is None and explanation.mail is None:
        return ""
    if before is None:
        return _(
            "Its text was not read for an answer when it came. This is what it says; it decides nothing."
        )
    if before == now:
        return ""
    changed = _(
        "When it came it was read as {before}; read now it is {now}: what it is read with has changed since. "
        "What was done then stands."
    )
    return changed.format(before=before, now=now)


def _read_then(mail: IncomingMail) -> ReadAs | None:
    """What the mail was read as when it came; None if it did not come so far."""
    if mail.verdict.get("automatic"):
        return ReadAs(automatic=str(mail.verdict["automatic"]))
    if "lines" in mail.verdict:
        return _of_lines((one["line"], one["outcome"]) for one in mail.verdict["lines"])
    if "outcome" in mail.verdict:
        return ReadAs(str(mail.verdict["outcome"]))
    return UNCLEAR if mail.result in _UNCLEAR else None


_UNCLEAR = (refusals.Unclear.key, refusals.DigestUnclear.key, refusals.ConfirmationNeeded.key)


def _read_now(explanation: Explanation) -> ReadAs:
    if explanation.mail is None:
        return ReadAs()
    if explanation.mail.automatic is not None:
        return ReadAs(automatic=explanation.mail.automatic.value)
    if explanation.digest is not None and explanation.reading is not None and not explanation.digest.problem:
        return _of_lines((one.number, one.outcome) for one in explanation.digest.answers)
    return ReadAs(explanation.outcome) if explanation.outcome else UNCLEAR


def _of_lines(answers: Iterable[tuple[int, str]]) -> ReadAs:
    return ReadAs(", ".join(f"[{number}] {outcome}" for number, outcome in sorted(answers)))
