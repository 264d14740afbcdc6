"""What must stay secret is looked for, by its value, everywhere that Placet writes to."""

import base64
import io
import json
import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import requests
from django.core.management import call_command
from django.db import connection
from django.test import Client

from placet.accounts.models import Person
from placet.accounts.name_index import NAMES
from placet.approvals.word_index import WORDS
from placet.audit import packing as entries
from placet.audit.models import AuditEntry
from placet.mail import packing
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mail.packing import HeadersField
from placet.mailboxes import store
from placet.mailboxes.base import MailboxError
from placet.mailboxes.models import Mailbox
from placet.mailboxes.pool import connect, opened
from placet.replies import entry
from tests.journeys.conftest import World
from tests.journeys.letters import answer, code_of, letter

BOTH_WAYS = True

WRONG_SECRET = "Wr0ng~secret.that+nobody/should-see="
PASSWORD = "Blue-whale*77 sings"
WRONG_PASSWORD = "Green-whale*78 sings"


@dataclass
class Heard:
    """Everything that was logged, and every error that came out of a function of ours."""

    records: list[logging.LogRecord] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def text(self) -> str:
        formatter = logging.Formatter("%(name)s %(levelname)s %(message)s")
        lines = [formatter.format(record) + repr(vars(record)) for record in self.records]
        return "\n".join([*lines, *self.errors])

    def error(self, error: BaseException) -> None:
        self.errors += [
            repr(error),
            str(error),
            "".join(traceback.format_exception(error)),
            repr(vars(error)),
        ]


class Listener(logging.Handler):
    def __init__(self, heard: Heard) -> None:
        super().__init__(logging.DEBUG)
        self.heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.records.append(record)


@pytest.fixture
def heard() -> Iterator[Heard]:
    """All loggers at DEBUG, those that are set quieter too."""
    heard = Heard()
    listener = Listener(heard)
    names = [name for name in logging.root.manager.loggerDict if logging.getLogger(name).level]
    before = {name: logging.getLogger(name).level for name in [*names, ""]}
    for name in before:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(listener)
    yield heard
    logging.getLogger().removeHandler(listener)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def tokens(threaded_world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every access token that the sandbox issues."""
    issued: list[str] = []
    sign = threaded_world.sandbox.entra.sign

    def and_remember(claims: Mapping[str, Any]) -> str:
        issued.append(sign(claims))
        return issued[-1]

    monkeypatch.setattr(threaded_world.sandbox.entra, "sign", and_remember)
    return issued


# --- looking ------------------------------------------------------------------------------------------------


def spellings(secret: str) -> set[str]:
    """The secret as it may be found: as it is, and as forms, JSON, headers and representations write it."""
    raw = secret.encode()
    encoded = {base64.b64encode(raw[start:]).decode().rstrip("=")[:-2] for start in range(3)}
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), raw.hex(), *encoded}


def cells() -> Iterator[tuple[str, str]]:
    """(table.column, text) of every value in the database, unpacked; bytes as latin-1."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table in (WORDS.name, NAMES.name):
                continue  # it holds nothing itself; the tables behind it are looked at
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                values = dict(zip(columns, row, strict=True))
                for column, value in values.items():
                    place = f"{table}.{column}"
                    raw = bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode()
                    yield place, _as_written(place, raw, values).decode("latin-1")


def _as_written(place: str, value: bytes, row: Mapping[str, Any]) -> bytes:
    """What is compressed where it lies as it was; anything else as it is."""
    if place == "audit_auditentry.what":
        return json.dumps(entries.unpacked(value)).encode()
    if place == "mail_incomingmail.transport_headers":
        mail = IncomingMail(raw=packing.unpacked(bytes(row["raw"])))
        mail.transport_headers = HeadersField().unpacked(value)
        return str(mail.transport_headers).encode()
    if not value.startswith(packing.MARK):
        return value
    return packing.unpacked(value) if place.endswith(".raw") else packing.MAILS.decompressed(value)


def database_files() -> bytes:
    """The bytes of an SQLite database and its log; nothing for a server's."""
    if connection.vendor != "sqlite":
        return b""
    path = Path(connection.settings_dict["NAME"])
    beside = [path, Path(f"{path}-wal")]
    return b"".join(file.read_bytes() for file in beside if file.exists())


def dumped() -> str:
    out = io.StringIO()
    call_command("dumpdata", stdout=out)
    return out.getvalue()


def everything_written(heard: Heard) -> dict[str, str]:
    """Whatever Placet wrote, by where it was written."""
    places = {
        "dumpdata": dumped(),
        "database files": database_files().decode("latin-1"),
        "logs and errors": heard.text(),
        "what is printed of a mailbox": "".join(f"{m!r} {m} {vars(m)}" for m in Mailbox.objects.all()),
    }
    columns: dict[str, list[str]] = {}
    for column, text in cells():
        columns.setdefault(column, []).append(text)
    return places | {column: "\n".join(texts) for column, texts in columns.items()}


def places_with(secret: str, written: Mapping[str, str]) -> list[str]:
    """Where a secret was found."""
    return sorted(place for place, text in written.items() if any(one in text for one in spellings(secret)))


# --- what happens -------------------------------------------------------------------------------------------


def settings_of(world: World) -> dict[str, Any]:
    return dict(Mailbox.objects.get(pk=world.mailbox.pk).settings)


def save_secret(world: World, secret: str) -> None:
    row = Mailbox.objects.get(pk=world.mailbox.pk)
    store.save(settings_of(world), secrets={"client_secret": secret}, by="a test", mailbox=row)


def must_fail(world: World, heard: Heard) -> str:
    """A poll that fails; what is kept of it for the administrator."""
    Mailbox.objects.update(paused_until=None)
    world._due_now()
    with pytest.raises(MailboxError) as failed:
        entry.receive(world.mailbox.pk)
    heard.error(failed.value)
    world._due_now()
    world.poll()  # the same as the worker does it
    trouble = Mailbox.objects.get(pk=world.mailbox.pk).trouble
    assert trouble["cause"]
    assert trouble["cure"]
    return str(trouble["cause"])


def a_day_with_everything(world: World, heard: Heard) -> None:
    """The main job, and each way in which signing in to Exchange goes wrong."""
    sandbox = world.sandbox
    _, asked = world.asked("5000")
    sandbox.reply_as("bob", asked.id, "What is it for?")
    sandbox.send_as("dave", answer(asked, f"dave@{sandbox.tenant.domain}"))
    world.run_until_quiet()

    save_secret(world, WRONG_SECRET)
    must_fail(world, heard)
    save_secret(world, sandbox.client_secret)
    for switch, value in (
        ("secret_expired", True),
        ("app_disabled", True),
        *(
            {"ews": (("consented", False), ("ews_blocked", True)), "graph": (("graph_roles", set()),)}[
                world.way
            ]
        ),
    ):
        before = getattr(sandbox.switches, switch)
        setattr(sandbox.switches, switch, value)
        save_secret(world, sandbox.client_secret)
        sandbox.expire_tokens()
        must_fail(world, heard)
        setattr(sandbox.switches, switch, before)
    for kind in ("throttled", "unavailable", "busy", "cut_before", "half_answer"):
        sandbox.faults.set(kind)
        must_fail(world, heard)
        sandbox.faults.clear()
    sandbox.expire_tokens()  # a 401 in the middle

    save_secret(world, sandbox.client_secret)
    sandbox.reply_as("bob", asked.id, "approve\n\nThanks for asking.")
    world.run_until_quiet()
    sandbox.reply_as("carol", world.newest("carol", "Please decide").id, "reject")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve"), ("Carol", "reject")]


def preflight(world: World, heard: Heard) -> None:
    """`placet check`, with the right secret and with a wrong one."""
    for secret in (world.sandbox.client_secret, WRONG_SECRET):
        row = Mailbox.objects.get(pk=world.mailbox.pk)
        row.secrets = {"client_secret": secret}
        way = connect(row)
        heard.errors += [repr(check) for check in way.check()]
        way.close()


def pages(client: Client, first: str) -> dict[str, str]:
    """Every page that links lead to, by its address."""
    found: dict[str, str] = {}
    waiting = [first]
    while waiting and len(found) < 100:
        address = waiting.pop(0)
        answer = client.get(address, follow=True)
        assert answer.status_code == 200, address
        found[address] = answer.getvalue().decode("utf-8", "replace")  # files too: a support file is packed
        for link in re.findall(r'href="(/[^"#]*)"', found[address]):
            if link not in found and link not in waiting and not link.startswith(("/accounts/", "/static/")):
                waiting.append(link)
    return found


def look_at_every_page(world: World, heard: Heard, client: Client) -> None:
    """All of Administration while the secret is wrong, and the form of the mailbox when it is filled badly."""
    save_secret(world, WRONG_SECRET)
    must_fail(world, heard)
    shown = pages(client, "/administration/")
    form = f"/administration/configuration/remote-approval/{world.mailbox.pk}/"
    assert form in shown
    assert len(shown) > 10
    entered = {**settings_of(world), "since": "", "token_uri": "no address", "client_secret": WRONG_SECRET}
    shown["the form again"] = client.post(form, entered).getvalue().decode()
    assert "Access token URI" in shown["the form again"]
    shown["the pre-flight"] = client.post(f"{form}check/", follow=True).getvalue().decode()
    heard.errors += shown.values()
    save_secret(world, world.sandbox.client_secret)


def sign_in(heard: Heard, password: str) -> Client:
    client = Client()
    page = client.post("/accounts/login/", {"login": "ada@contoso.example", "password": password})
    heard.errors.append(page.content.decode())
    return client


@pytest.mark.django_db(transaction=True)
def test_secrets_tokens_and_passwords_are_written_down_nowhere(
    threaded_world: World, tokens: list[str], heard: Heard
) -> None:
    world = threaded_world
    ada = Person.objects.get(pk=world.people["ada"].pk)
    ada.set_password(PASSWORD)
    ada.save()
    a_day_with_everything(world, heard)
    preflight(world, heard)
    sign_in(heard, WRONG_PASSWORD)
    client = sign_in(heard, PASSWORD)
    look_at_every_page(world, heard, client)

    assert len(set(tokens)) > 2
    assert len(heard.records) > 100, "the logs were listened to"
    assert any(record.name.startswith("urllib3") for record in heard.records), "those of libraries too"
    known = [world.sandbox.client_secret, WRONG_SECRET, PASSWORD, WRONG_PASSWORD, *set(tokens)]
    known += [token.rpartition(".")[2] for token in set(tokens)]  # a signature alone is part of a token
    written = everything_written(heard)
    assert {secret: places_with(secret, written) for secret in known} == {secret: [] for secret in known}


@pytest.mark.django_db(transaction=True)
def test_the_search_finds_what_is_there(threaded_world: World, heard: Heard) -> None:
    """So that the test above cannot pass by looking nowhere."""
    Mailbox.objects.update(trouble={"cause": f"the secret {WRONG_SECRET}"})
    logging.getLogger("somebody").debug("password %s", PASSWORD)
    written = everything_written(heard)
    found = places_with(WRONG_SECRET, written)
    assert {"dumpdata", "mailboxes_mailbox.trouble", "what is printed of a mailbox"} <= set(found)
    assert ("database files" in found) == (connection.vendor == "sqlite")
    assert places_with(PASSWORD, written) == ["logs and errors"]


@pytest.mark.django_db(transaction=True)
def test_the_secret_goes_to_the_token_endpoint_only_and_the_token_to_exchange_only(
    threaded_world: World, tokens: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = threaded_world
    sent: list[tuple[str, str]] = []
    send = requests.Session.send

    def and_look(self: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        body = request.body.decode("latin-1") if isinstance(request.body, bytes) else str(request.body)
        sent.append((str(request.url), f"{request.headers} {body}"))
        return send(self, request, **more)

    monkeypatch.setattr(requests.Session, "send", and_look)
    save_secret(world, world.sandbox.client_secret)  # a fresh connection and a fresh token
    world.sandbox.expire_tokens()
    _, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    secret = spellings(world.sandbox.client_secret)
    assert {url for url, text in sent if any(one in text for one in secret)} == {world.sandbox.token_url}
    reached = {url for url, text in sent if any(token in text for token in tokens)}
    assert reached
    service = {"ews": world.sandbox.ews_url, "graph": f"{world.sandbox.graph_url}/users/"}[world.way]
    assert [url for url in reached if not url.startswith(service)] == []
    assert not [url for url, _ in sent if any(one in url for one in (*secret, *tokens))]


# --- reply codes --------------------------------------------------------------------------------------------

MAILS_THEMSELVES = {
    "mail_outgoingmail.raw",
    "mail_outgoingmail.words",  # of the same mails
    "mail_outgoingmail.subject",
    "mail_incomingmail.raw",
    "mail_incomingmail.transport_headers",
}


@pytest.mark.django_db(transaction=True)
def test_reply_codes_are_in_the_mails_themselves_and_nowhere_else(
    threaded_world: World, heard: Heard
) -> None:
    """The database knows them as keyed hashes; what is made of a mail for the mail log leaves them out."""
    world = threaded_world
    domain = world.sandbox.tenant.domain
    _, asked = world.asked()
    code = code_of(asked)
    world.sandbox.reply_as("bob", asked.id, f"What is #{code} for?")
    world.sandbox.send_as("dave", answer(asked, f"dave@{domain}", text=f"approve {code.upper()}"))
    world.sandbox.deliver(
        answer(asked, f'"{code}" <x@evil.example>', f"bob@{domain}"), mail_from="x@evil.example"
    )
    world.sandbox.read_receipt("bob", asked.id)
    undelivered = letter(f"approvals@{domain}", to=f"nobody@{domain}", subject=asked.subject)
    world.sandbox.send_as("approvals", undelivered)
    world.run_until_quiet()
    world.sandbox.reply_as("bob", asked.id, f"approve\n\nSee #{code}, thanks.")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]
    found = {place for place, text in cells() if code in text.lower()}
    assert found == MAILS_THEMSELVES
    assert code not in heard.text().lower()
    assert OutgoingMail.objects.count() > 2
    assert IncomingMail.objects.count() == 6
    assert code not in json.dumps([entry.what for entry in AuditEntry.objects.all()])


@pytest.mark.django_db(transaction=True)
def test_an_error_in_the_middle_of_a_reply_tells_the_log_nothing_secret(
    threaded_world: World, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = threaded_world
    _, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.poll()

    def broken(*_: Any) -> None:
        raise RuntimeError("something unforeseen")

    monkeypatch.setattr(entry, "read", broken)
    world.take_in()
    assert "something unforeseen" in heard.text()
    assert code_of(asked) not in heard.text()
    assert world.sandbox.client_secret not in heard.text()
    monkeypatch.undo()
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


@pytest.mark.django_db(transaction=True)
def test_what_opens_a_mailbox_prints_nothing_secret(threaded_world: World, heard: Heard) -> None:
    with opened(threaded_world.mailbox) as way:
        shown = repr(way) + repr({name: repr(value) for name, value in vars(way).items()})
    assert not [one for one in spellings(threaded_world.sandbox.client_secret) if one in shown]
