import re
from collections.abc import Iterable, Iterator
from email.parser import BytesHeaderParser
from email.utils import parseaddr
from typing import Any

from django.db import migrations

DOMAIN = re.compile(r"([a-z0-9-]+\.)+[a-z][a-z0-9-]*[a-z0-9]")
MOST_LETTERS = 1900  # of all of them together, as the setting takes them


def begin_with_what_was_proved(apps: Any, _schema: Any) -> None:
    """Own domains begin with the mailbox's and with those of colleagues who were proved in it: of people whose ask this
    very mailbox had sent, or had been named for in its Reply-To. What came into another organisation's mailbox says
    nothing."""
    for mailbox in apps.get_model("mailboxes", "Mailbox").objects.only("settings", "address"):
        domains = {_domain(mailbox.address): None}
        for domain, asks in _proved(apps, mailbox).items():
            letters = sum(len(known) + 2 for known in domains) + len(domain)
            if DOMAIN.fullmatch(domain) and letters < MOST_LETTERS and _asked_here(apps, mailbox, asks):
                domains[domain] = None
        mailbox.settings = {**mailbox.settings, "own_domains": list(domains)}
        mailbox.save(update_fields=["settings"])


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _proved(apps: Any, mailbox: Any) -> dict[str, list[str]]:
    """The asks that colleagues answered here, by the domain of their address."""
    verdicts = apps.get_model("mail", "IncomingMail").objects.filter(
        mailbox=mailbox, verdict__proof__level="colleague"
    )
    asks: dict[str, list[str]] = {}
    for verdict in verdicts.values_list("verdict", flat=True).iterator():
        if verdict.get("ask"):
            asks.setdefault(_domain(str(verdict["proof"].get("address", ""))), []).append(verdict["ask"])
    return asks


def _asked_here(apps: Any, mailbox: Any, asks: Iterable[str]) -> bool:
    return any(
        mailbox.pk == sent_from or mailbox.address == replies_to
        for sent_from, replies_to in _sent(apps, asks)
    )


def _sent(apps: Any, asks: Iterable[str]) -> Iterator[tuple[int, str]]:
    """From which mailbox each was sent, and whom its Reply-To named."""
    for some in _batches(list(asks)):
        sent = apps.get_model("approvals", "Ask").objects.filter(public_id__in=some, outgoing__isnull=False)
        for mailbox, raw in sent.values_list("outgoing__mailbox", "outgoing__raw").iterator():
            local, _at, domain = parseaddr(_reply_to(bytes(raw)))[1].lower().rpartition("@")
            yield mailbox, f"{local.partition('+')[0]}@{domain}"


def _reply_to(raw: bytes) -> str:
    return str(BytesHeaderParser().parsebytes(raw.partition(b"\r\n\r\n")[0])["Reply-To"] or "")


def _batches(asks: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(asks), 500):
        yield asks[start : start + 500]


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0002_drafts_files_and_search"),
        ("mail", "0003_via"),
        ("mailboxes", "0005_subscriptions"),
    ]

    operations = [migrations.RunPython(begin_with_what_was_proved, migrations.RunPython.noop)]
