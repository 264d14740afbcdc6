"""Whatever is written fits its column: PostgreSQL refuses what is too long, and SQLite would keep it in silence."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import models, transaction

from placet.accounts.addresses import LONGEST_ADDRESS, LONGEST_NAME, PersonInvalid, add_person
from placet.accounts.models import Person
from placet.approvals.models import Ask, Assignment, Decision, Process, Request, Visit
from placet.approvals.processes import publish
from placet.audit.models import AuditEntry
from placet.mail import outbox, tasks
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import store
from placet.mailboxes.base import Folder, MailError, Page, Received, Seen
from placet.mailboxes.microsoft.settings import ExchangeSettings
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import LONGEST_FOLDER, LONGEST_USERNAME, SettingsInvalid
from placet.replies import fetch, refusals
from tests.mailboxes.test_store import GOOD
from tests.making import SAMPLE, make_mailbox, one_step, start

pytestmark = pytest.mark.django_db


def fits(row: models.Model) -> None:
    """Every text of a row is within its column; the row is read anew, so that PostgreSQL has its say."""
    row.refresh_from_db()
    for field in row._meta.concrete_fields:
        longest = getattr(field, "max_length", None)
        value = getattr(row, field.attname)
        if longest and isinstance(value, str):
            assert len(value) <= longest, f"{row._meta.label}.{field.name}"


def address(length: int, local: str = "approvals") -> str:
    """An address of exactly so many characters."""
    rest = length - len(local) - len("@.example")
    labels = ["x" * 60] * (rest // 61) + ["x" * (rest % 61)]
    made = f"{local}@{'.'.join(label for label in labels if label)}.example"
    return made if len(made) == length else f"{local}{'y' * (length - len(made))}{made[len(local) :]}"


def wrong(**more: Any) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as error:
        ExchangeSettings.parse({**GOOD, **more})
    return error.value.errors


def folder(length: int) -> str:
    return "/".join("x" * 50 for _ in range(4))[:length].ljust(length, "z")


# --- mailboxes --------------------------------------------------------------------------------------------


def test_the_longest_settings_fit_and_longer_ones_are_refused_in_words() -> None:
    longest = {"username": address(LONGEST_USERNAME), "handled_folder": folder(LONGEST_FOLDER)}
    mailbox = store.save({**GOOD, **longest}, secrets={"client_secret": "first~secret"}, by="x" * 400).mailbox
    fits(mailbox)
    incoming = kept(mailbox)
    settings, _ = ExchangeSettings.parse(mailbox.settings)
    tasks.handled(incoming, settings)
    fits(ServerTask.objects.get())

    assert "180 letters" in wrong(username=address(LONGEST_USERNAME + 1))["username"]
    assert "200 letters" in wrong(handled_folder=folder(LONGEST_FOLDER + 1))["handled_folder"]
    assert "200 letters" in wrong(set_aside_folder=folder(LONGEST_FOLDER + 1))["set_aside_folder"]
    assert "254 letters" in wrong(reply_to=address(255))["reply_to"]


def test_every_setting_refuses_what_goes_on_without_end() -> None:
    for name in ExchangeSettings.readers():
        assert name in wrong(**{name: "x" * 5000})


# --- mail -------------------------------------------------------------------------------------------------


def kept(mailbox: Mailbox) -> IncomingMail:
    return IncomingMail.objects.create(
        mailbox=mailbox, server_id="1", fingerprint="f", folder="inbox", raw=b""
    )


def test_the_longest_mail_out_fits() -> None:
    mailbox = store.save(
        {**GOOD, "username": address(LONGEST_USERNAME, "a")},
        secrets={"client_secret": "first~secret"},
        by="ada",
    ).mailbox
    with transaction.atomic():
        row = outbox.queue(
            mailbox, kind="k", to=address(LONGEST_ADDRESS), cause="c", subject="s" * 2000, text="t", html="h",
            priority=OutgoingMail.Priority.NOTICE, reference=outbox.new_reference(),
        )  # fmt: skip
    fits(row)


class LongIds:
    """A server whose ids are longer than Exchange's ever are; the second mail it does not give."""

    def changes(self, *_: Any) -> Page:
        return Page([Seen("a" * 513, Folder.INBOX), Seen("b" * 5000, Folder.JUNK)], {}, more=False)

    def fetch(self, seen: Sequence[Seen], max_size: int) -> Iterator[Received | tuple[Seen, MailError]]:
        for entry in seen:
            if entry.folder is Folder.JUNK:
                yield entry, MailError("not now")
            else:
                yield Received(
                    entry.server_id, Folder.INBOX, b"Subject: x\r\n\r\n", "Subject: x", "IPM.Note", None, 10
                )


def test_an_id_that_is_too_long_stops_no_mail() -> None:
    mailbox = make_mailbox()
    mailbox.since = datetime(2026, 11, 25, tzinfo=UTC)
    settings, _ = ExchangeSettings.parse(GOOD)
    for _ in range(2):  # shown again, they are known
        fetch.fetch(mailbox, LongIds(), settings, claim="")  # type: ignore[arg-type]  # all that is called
        assert IncomingMail.objects.count() == 2
    for row in IncomingMail.objects.all():
        fits(row)
    assert fetch.kept_id("a" * 512) == "a" * 512


def all_keys(kind: type[refusals.Refusal]) -> list[str]:
    return [kind.key, *(key for below in kind.__subclasses__() for key in all_keys(below))]


def test_every_refusal_fits_the_mail_log_and_the_mail_about_it() -> None:
    longest = max(all_keys(refusals.Refusal), key=len)
    assert len(longest) <= (IncomingMail._meta.get_field("result").max_length or 0)
    assert len(f"refusal-{longest}") <= (OutgoingMail._meta.get_field("kind").max_length or 0)


# --- people, processes, requests --------------------------------------------------------------------------


def test_the_longest_person_fits_and_a_longer_one_is_refused_in_words() -> None:
    fits(add_person("x" * LONGEST_NAME, address(LONGEST_ADDRESS)))
    with pytest.raises(PersonInvalid, match="200 letters"):
        add_person("x" * (LONGEST_NAME + 1), "eve@contoso.example")
    with pytest.raises(PersonInvalid, match="254 letters"):
        add_person("Eve", address(LONGEST_ADDRESS + 1))
    with pytest.raises(PersonInvalid, match="not an e-mail address"):
        add_person("Eve", "eve")


def test_the_longest_process_and_its_requests_fit(alice: Person, bob: Person) -> None:
    step, end = "s" * 60, "e" * 60
    definition = one_step([{"manager": True}])
    definition |= {
        "key": "k" * 50,
        "name": "n" * 200,
        "title": "{item}{item}",
        "start": step,
        "steps": {
            step: {**definition["steps"]["step"], "name": "m" * 100},
            end: {"kind": "end", "name": "End", "result": "r" * 40},
        },
        "transitions": [{"from": step, "outcome": outcome, "to": end} for outcome in ("approve", "reject")],
    }
    make_mailbox()
    request = start(publish(definition), alice, item="i" * 200)
    from placet.approvals import engine

    engine.decide(Assignment.objects.get().pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    for model in (Process, Request, Visit, Assignment, Ask, Decision, OutgoingMail, AuditEntry):
        rows = list(model.objects.all())
        assert rows
        for row in rows:
            fits(row)
    request.refresh_from_db()
    assert (len(request.title), len(request.result)) == (200, 40)


def test_the_sample_fits_too(alice: Person, bob: Person) -> None:
    fits(start(SAMPLE, alice))
