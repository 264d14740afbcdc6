"""The support file: what Diagnostics shows and how Placet is set up, as JSON in a zip, to be sent to whoever helps.

What goes in is chosen field by field; nothing is dumped. At the end every text is searched for the secrets that this
installation has, in case somebody entered one where it does not belong.
"""

import dataclasses
import io
import json
import zipfile
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils import timezone, translation

from placet.accounts.general import general, set_by_operator
from placet.accounts.models import Group, Person
from placet.alarms import chosen, silence
from placet.alarms.models import Delivery, Outage
from placet.approvals.models import Decision, Process, Request
from placet.lib import logs
from placet.lib.keys import ENCRYPTION_FILE, SECRET_FILE
from placet.lib.masking import masked
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes import store
from placet.mailboxes.fields import COMMON, OF_THE_SECRET, Field
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import SettingsInvalid
from placet.panel import findings, health

SHORTEST_SECRET = 6  # characters: shorter ones would make holes in every text
HIDDEN = "[left out]"
README = """Placet support file

What is in it: versions, state of database, workers and queues, warnings and errors since the start (without their
texts where these could hold something private), settings of the installation and of its mailboxes.

What is not in it: secrets, tokens, keys and passwords, reply codes, texts and subjects of mails, what requests say,
names and addresses of people (an address shows its first letter and its domain). Addresses of mailboxes are in it.

Look through it before you send it; every file is plain text.
"""


def support_file(request: HttpRequest) -> bytes:
    """The zip. English, whoever asks for it: it is for those who help."""
    with translation.override("en"):
        members = {
            "installation.json": _installation(request),
            "settings.json": _settings(),
            "mailboxes.json": [_mailbox(mailbox) for mailbox in Mailbox.present.all()],
            "alarms.json": _alarms(),
            "work.json": _work(),
            "failed.json": _failed(),
            "log.json": [dataclasses.asdict(trouble) for trouble in logs.memory.troubles()],
        }
    secrets = sorted(_secrets(), key=len, reverse=True)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", README)
        for name, content in members.items():
            archive.writestr(
                name, _without(json.dumps(content, indent=1, ensure_ascii=False, default=_plain), secrets)
            )
    return written.getvalue()


# --- what goes in -----------------------------------------------------------------------------------------


def _installation(request: HttpRequest) -> dict[str, Any]:
    return {
        "made_at": timezone.now(),
        "machine": findings.machine(),
        "database": findings.database(),
        "reached": {**dataclasses.asdict(findings.way(request)), "client": "", "headers": _headers(request)},
        "people": Person.objects.count(),
        "active_people": Person.objects.filter(is_active=True).count(),
        "administrators": Person.objects.filter(is_administrator=True, is_active=True).count(),
        "groups": Group.objects.count(),
        "processes": list(
            Process.objects.annotate(
                version_count=Count("versions", filter=Q(versions__published_at__isnull=False))
            ).values("key", "version_count")
        ),
        "requests": _by_state(Request),
        "stuck": health.stuck().count(),
        "decisions": dict(Decision.objects.order_by().values_list("channel").annotate(Count("pk"))),
    }


def _headers(request: HttpRequest) -> list[str]:
    """Which ones a proxy set: their values hold addresses of people's machines."""
    return [name for name, _value in findings.way(request).headers]


def _settings() -> dict[str, Any]:
    config = settings.PLACET
    shown = (
        "data_dir", "public_url", "listen", "trust_proxy", "time_zone", "language", "log_level", "words_dir",
        "reply_languages", "workers",
    )  # fmt: skip
    entered = dataclasses.asdict(general())
    return {
        "operator": {name: getattr(config, name) for name in shown},
        "set_by_operator": sorted(config.model_fields_set),
        "database": urlsplit(config.database_url).scheme or "sqlite",
        "in_force": {**entered, "log_level": logs.level_now()},
        "public_url_by_operator": set_by_operator("public_url"),
    }


def _mailbox(mailbox: Mailbox) -> dict[str, Any]:
    names = [row.name for row in _rows(mailbox) if row.kind != "secret" and row.name not in OF_THE_SECRET]
    keep = _mailbox_addresses()
    return {
        "id": mailbox.pk,
        "kind": mailbox.kind,
        "protocol": mailbox.protocol,
        "address": mailbox.address,
        "settings": {name: _masked(mailbox.settings.get(name), keep) for name in names},
        "has_secret": bool(mailbox.secret_set_at),
        "secret_set_at": mailbox.secret_set_at,
        "secret_expires_on": mailbox.secret_expires_on,
        "active": mailbox.active,
        "active_since": mailbox.active_since,
        "sandbox": mailbox.sandbox,
        "last_poll_at": mailbox.last_poll_at,
        "read_until": mailbox.read_until,
        "next_poll": mailbox.next_poll,
        "last_sent_at": mailbox.last_sent_at,
        "paused_until": mailbox.paused_until,
        "failures": mailbox.failures,
        "trouble": _masked(mailbox.trouble, keep),
        "sending_kind": mailbox.sending_kind,
        "sending_paused_until": mailbox.sending_paused_until,
        "sending_failures": mailbox.sending_failures,
        "sending_trouble": _masked(mailbox.sending_trouble, keep),
        "behind": health.behind(mailbox, timezone.now()),
    }


def _rows(mailbox: Mailbox) -> tuple[Field, ...]:
    try:
        return store.kinds_of({}, mailbox).rows
    except SettingsInvalid:  # of a kind that is gone
        return COMMON


def _alarms() -> dict[str, Any]:
    return {
        "minutes": chosen.patience().total_seconds() / 60,
        "webhook": bool(chosen.webhook()),
        "alarms": [
            {"mailbox": alarm.mailbox.pk, "of_sending": alarm.of_sending, "since": alarm.since}
            for alarm in silence.alarms()
        ],
        "outages": list(
            Outage.objects.order_by("-pk").values("mailbox", "of_sending", "since", "over_at", "ended")[:20]
        ),
        "webhook_messages": _by_state(Delivery),
    }


def _work() -> dict[str, Any]:
    return {
        "workers": findings.workers(),
        "processes": _processes(),
        "queues": findings.queues(),
        "incoming": _by_state(IncomingMail),
        "incoming_results": dict(IncomingMail.objects.order_by().values_list("result").annotate(Count("pk"))),
        "outgoing": _by_state(OutgoingMail),
    }


def _processes() -> list[dict[str, Any]]:
    """Without the names of machines."""
    return [
        {"does": one.does, "version": one.version, "started_at": one.started_at, "beat_at": one.beat_at}
        for one in findings.processes()
    ]


def _failed() -> dict[str, Any]:
    keep = _mailbox_addresses()
    return {
        "mails_out": [
            {
                "id": mail.pk, "kind": mail.kind, "to": masked(mail.to, keep), "tries": mail.tries,
                "created_at": mail.created_at, "error": masked(mail.last_error, keep),
            }
            for mail in findings.failed_mails()
        ],
        "marks": [
            {
                "mail": task.incoming_id, "action": task.action, "tries": task.tries,
                "error": masked(task.last_error, keep),
            }
            for task in findings.failed_marks()
        ],
        "set_aside": [
            {"mail": mail.pk, "kept_at": mail.kept_at, "tries": mail.tries, "reason": masked(mail.reason, keep)}
            for mail in findings.set_aside()
        ],
    }  # fmt: skip


def _by_state(model: Any) -> dict[str, int]:
    return dict(model.objects.order_by().values_list("state").annotate(Count("pk")))


def _mailbox_addresses() -> frozenset[str]:
    return frozenset(address.lower() for address in Mailbox.objects.values_list("address", flat=True))


def _masked(value: Any, keep: Collection[str]) -> Any:
    """The same, with every text in it masked."""
    if isinstance(value, str):
        return masked(value, keep)
    if isinstance(value, Mapping):
        return {str(name): _masked(inside, keep) for name, inside in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inside, keep) for inside in value]
    return value


def _plain(value: Any) -> Any:
    """What JSON does not know."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


# --- what must not be in it -------------------------------------------------------------------------------


def _secrets() -> Iterable[str]:
    """Every secret of this installation that can be read."""
    folder = settings.PLACET.data_dir / "keys"
    for file in (SECRET_FILE, ENCRYPTION_FILE):
        yield from (folder / file).read_text().split()
    yield unquote(urlsplit(settings.PLACET.database_url).password or "")
    yield settings.PLACET.metrics_key
    for mailbox in Mailbox.present.only("secrets"):
        for secret in mailbox.secrets.values():
            yield from secret.splitlines()  # a private key has many, and JSON writes its ends otherwise
    yield chosen.webhook()


def _without(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], HIDDEN)
    return text
