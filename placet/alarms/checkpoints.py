"""Once a day: what the whole record is (`placet.audit.checkpoints`), as a row, a line of the log, mails to auditors.

The row is unique for its day, so there is one a day whatever happens; the mails are for each auditor once, by the
unique constraint of outgoing mails. Who they are is the operator's setting `auditors`: administrators of Placet cannot
take somebody off. `due` and `work` are called by `placet.work`; what they call a row is a day, as a number.
"""

from collections.abc import Sequence
from datetime import UTC, date, timedelta

import structlog
from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from placet.accounts.general import General, general
from placet.alarms import chosen, messages, silence
from placet.alarms.messages import DAY, Letter
from placet.audit import checkpoints
from placet.audit.models import AuditEntry, Checkpoint
from placet.lib.config import addresses_in
from placet.mail.models import OutgoingMail
from placet.mail.writing import Notice
from placet.mailboxes.models import Mailbox

log = structlog.get_logger(__name__)

KIND = "checkpoint"
IN_A_MAIL = 2  # the last checkpoints that a mail has, so that one that was lost is in the next


def due(limit: int) -> list[int]:
    """Today, as long as it has no checkpoint or an auditor has not been written to."""
    today = timezone.now().astimezone(UTC).date()
    owed = _not_told(today) if Checkpoint.objects.filter(day=today).exists() else AuditEntry.objects.exists()
    return [today.toordinal()][:limit] if owed else []


def work(day: int) -> bool:
    """Note the record of today, and write to auditors. False if there was nothing to do, or it must be tried again."""
    today = date.fromordinal(day)
    noted = not Checkpoint.objects.filter(day=today).exists() and _note()
    return _tell(today) > 0 or noted


def _note() -> bool:
    """False if another worker was faster, or somebody writes to the record and does not end."""
    try:
        made = checkpoints.make(timezone.now())
    except checkpoints.Busy:
        log.info("audit_checkpoint_waits")
        return False
    if not checkpoints.keep(made):
        return False
    log.info("audit_checkpoint", checkpoint=made.checkpoint.text, size=made.checkpoint.size)
    return True


# --- auditors ---------------------------------------------------------------------------------------------


def _not_told(day: date) -> list[str]:
    """Auditors who have no mail of this day, if there is a mailbox to write from."""
    auditors = addresses_in(settings.PLACET.auditors)
    if not auditors or _out_of() is None:
        return []
    told = OutgoingMail.objects.filter(kind=KIND, cause=_cause(day)).values_list("to", flat=True)
    return [address for address in auditors if address not in set(told)]


def _cause(day: date) -> str:
    return f"checkpoint:{day.isoformat()}"


def _out_of() -> Mailbox | None:
    able = silence.working(chosen.patience(), timezone.now())
    return able[0] if able else None


def _tell(day: date) -> int:
    """How many mails were written. One that cannot be written keeps back no other."""
    since = day - timedelta(days=365)
    kept = list(Checkpoint.objects.filter(day__lte=day, day__gte=since).order_by("-day")[:IN_A_MAIL])
    out_of, said, written = _out_of(), general(), 0
    if not kept or kept[0].day != day or out_of is None:
        return 0
    for address in _not_told(day):
        try:
            messages.queue(out_of, KIND, (address, ""), said, _cause(day), letter(kept, said))
        except Exception:
            log.exception("checkpoint_mail_failed")
        else:
            written += 1
    return written


def letter(kept: Sequence[Checkpoint], said: General) -> Letter:
    """Its quote is what `placet audit verify --seen` reads."""
    name = said.organisation or said.public_url.partition("://")[2]
    subject = _("Checkpoint of the record, {day}: {name}").format(name=name, day=kept[0].day.isoformat())
    paragraphs = [
        _(
            "The first six lines below say what the whole record of decisions was on {day}. Those after them, if there "
            "are any, are the checkpoint before."
        ).format(day=date_format(kept[0].day, DAY)),
        _(
            "Keep this mail where those who run Placet cannot change it. Later, with “placet audit verify --seen” and "
            "this mail as a file, it shows whether anything that was recorded by then was changed, removed or put in."
        ),
        _("Such a mail comes every day. If one does not come, ask why."),
    ]
    quote = "\n\n".join(one.text for one in kept)
    return Letter(subject, Notice(_("Checkpoint of the record"), paragraphs, quote=quote))
