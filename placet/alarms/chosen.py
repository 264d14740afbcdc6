"""What an administrator chose about alarms: the Alarms tab of the Configuration Panel."""

from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, urlsplit

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from placet.alarms.models import DEFAULT_MINUTES, AlarmSettings, Delivery
from placet.mailboxes.http import is_loopback, is_name

log = structlog.get_logger(__name__)

FEWEST_MINUTES, MOST_MINUTES = 5, 24 * 60
LONGEST_ADDRESS = 1000  # characters
WEBHOOK = "webhook"  # the name of the address among the secrets


class AddressInvalid(ValueError):
    """This is no address that a webhook may have; the text says why and what to enter."""


def patience() -> timedelta:
    """How long no look may succeed before the alarm is raised."""
    stored = AlarmSettings.objects.filter(id=1).values_list("minutes", flat=True).first()
    return timedelta(minutes=stored or DEFAULT_MINUTES)


def webhook() -> str:
    """The webhook's address; "" where there is none. A secret: it leaves this process only towards its own host."""
    row = AlarmSettings.objects.filter(id=1).only("secrets").first()
    return row.secrets.get(WEBHOOK, "") if row is not None else ""


def host(address: str) -> str:
    """As much of an address as may be shown: the host it leads to, with the port where one is named; "" of none."""
    return urlsplit(address).netloc


@transaction.atomic
def save(*, minutes: int, address: str | None, by: int) -> None:
    """Store what an administrator (their id) entered, checked already. `address`: None leaves the webhook as it is, ""
    removes it, and then nobody waits for what was still to be sent there."""
    AlarmSettings.objects.get_or_create(id=1)
    row = AlarmSettings.objects.select_for_update().get(id=1)
    changes: dict[str, Any] = {"minutes": minutes}
    if address is not None:
        changes["secrets"] = {WEBHOOK: address} if address else {}
    if address == "":
        Delivery.objects.filter(state=Delivery.State.WAITING).update(
            state=Delivery.State.FAILED, claim="", last_error=_("The webhook was removed.")
        )
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=list(changes))
    log.info("alarms_changed", by=by, minutes=minutes, webhook=host(row.secrets.get(WEBHOOK, "")))


def address_of(text: str) -> str:
    """A webhook's address as it was entered. AddressInvalid for whatever is neither https nor on this machine."""
    text = text.strip()
    parts = _split(text)
    if "@" in parts.netloc:
        raise AddressInvalid(_("Leave out the name and password in front of the @."))
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise AddressInvalid(
            _("Enter an address that begins with https://. Plain http is for this machine itself only.")
        )
    return text


def _host_of(parts: SplitResult) -> str:
    """Empty where it is none that can be asked for."""
    name = parts.hostname or ""
    return name if is_name(name) else ""


def _split(text: str) -> SplitResult:
    """The parts of an address; nothing in it may be read in two ways by two programs."""
    plain = text.isascii() and text.isprintable() and not {" ", "\\", "#"} & {*text}
    try:
        parts = urlsplit(text) if plain and len(text) <= LONGEST_ADDRESS else None
        if parts is not None and parts.scheme in ("http", "https") and parts.port != 0 and _host_of(parts):
            return parts
    except ValueError:  # brackets or a port that are none
        pass
    raise AddressInvalid(_("Enter the whole address of the webhook, beginning with https://."))
