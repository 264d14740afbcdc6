"""A mail to whoever made an endpoint that was switched off because it did not answer, or that nobody wants any more;
to the administrators, where that person is not there any more."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from placet.accounts.general import General, general
from placet.accounts.models import Person
from placet.accounts.reader import as_read_by
from placet.alarms.messages import Letter, administrators
from placet.alarms.messages import queue as queue_letter
from placet.mail.writing import Link, Notice, when
from placet.mailboxes.models import Mailbox
from placet.webhooks.models import Endpoint

OFF = "webhook-off"  # the kind of mail


def due(limit: int) -> list[int]:
    """Endpoints whose owner does not know yet, if a mail can go out."""
    if not Mailbox.objects.filter(active=True).exists():
        return []
    return list(_not_told_of().order_by("disabled_at").values_list("pk", flat=True)[:limit])


def work(endpoint_id: int) -> bool:
    """Write to them, once."""
    with transaction.atomic():
        endpoint = _not_told_of().select_for_update().filter(pk=endpoint_id).first()
        mailbox = Mailbox.objects.filter(active=True).order_by("pk").first()
        if endpoint is None or mailbox is None:
            return False
        installation = general()
        for person in _owners(endpoint):
            with as_read_by(person, installation):
                cause = f"endpoint:{endpoint.pk}:{endpoint.disabled_at:%Y%m%d%H%M%S}"
                letter = switched_off(endpoint, installation)
                queue_letter(mailbox, OFF, (person.email, person.name), installation, cause, letter)
        Endpoint.objects.filter(pk=endpoint.pk).update(told_at=timezone.now())
    return True


def _not_told_of() -> QuerySet[Endpoint]:
    why = (Endpoint.Disabled.FAILING, Endpoint.Disabled.GONE)
    return Endpoint.objects.filter(disabled_why__in=why, told_at=None)


def _owners(endpoint: Endpoint) -> list[Person]:
    owner = endpoint.owner
    return [owner] if owner is not None and owner.is_active else list(administrators())


def switched_off(endpoint: Endpoint, installation: General) -> Letter:
    """In the language that is active."""
    name = {"host": endpoint.host}
    if endpoint.kind == Endpoint.Kind.WEBHOOK:
        heading = _("The webhook to {host} was switched off").format(**name)
    else:
        heading = _("The chat notices to {host} were switched off").format(**name)
    if endpoint.disabled_why == Endpoint.Disabled.GONE:
        why = _("{host} answered that nobody wants events there any more (410).").format(**name)
    else:
        since = when(endpoint.failing_since or timezone.now())
        why = _("Nothing that was sent to {host} has been taken since {since}.").format(since=since, **name)
    paragraphs = [
        why,
        *(
            [_("It is described as: {text}").format(text=endpoint.description)]
            if endpoint.description
            else []
        ),
        _(
            "Nothing more is sent there. What was not taken can be sent once more after it is switched on again."
        ),
    ]
    links = [Link(_("See what was answered"), page_of(endpoint, installation), "main")]
    return Letter(heading, Notice(heading, paragraphs, links=links))


def page_of(endpoint: Endpoint, installation: General) -> str:
    """Where its owner mends it."""
    if endpoint.process is not None:
        return f"{installation.public_url}/processes/{endpoint.process.key}/chats/"
    return f"{installation.public_url}/administration/webhooks/{endpoint.pk}/"
