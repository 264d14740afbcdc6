"""How many statements of the database a decided reply takes: from the server's list to the committed decision."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from placet import work
from placet.accounts.models import Person
from placet.approvals.models import Decision
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes import pool
from placet.mailboxes.memory import MemoryMailbox
from placet.mailboxes.models import Mailbox
from placet.replies.parse.original import Original
from placet.sandbox import programs
from placet.sandbox.mime import Address
from placet.sandbox.tenant import Item
from tests.making import SAMPLE, make_mailbox, start
from tests.replies.test_fetch import SETTINGS

STAMPS = b"X-MS-Exchange-Organization-AuthAs: Internal\r\nX-MS-Exchange-Organization-AuthMechanism: 04\r\n"
MORE = 3  # mails in one poll: what one alone takes beside them is the poll's
LIMIT = 25  # of a reply, in both transactions
KINDS = {"SELECT": 11, "INSERT": 6, "UPDATE": 6, "BEGIN": 1, "COMMIT": 1}  # what they are
OF_A_POLL = 12  # that brings one mail


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> MemoryMailbox:
    server = MemoryMailbox()
    monkeypatch.setattr(pool, "connect", lambda mailbox: server.connect())
    return server


@pytest.mark.django_db(transaction=True)
def test_a_decided_reply_takes_few_statements_and_no_look_into_our_own_mail(
    server: MemoryMailbox, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = make_mailbox(**SETTINGS, own_domains=["contoso.example"], confirmed_mechanisms=["04"])
    Mailbox.objects.update(since=timezone.now() - timedelta(days=1))
    pool.drop(mailbox)  # another test's row may have had the same id
    for _ in range(1 + MORE):
        start(SAMPLE, alice)
    first, *others = [_reply(ask) for ask in OutgoingMail.objects.filter(kind="ask").order_by("id")]
    monkeypatch.delattr(Original, "of")  # what reads it anew
    server.deliver(first)
    poll = _statements("poll")
    for other in others:
        server.deliver(other)
    kept = (_statements("poll") - poll).total() / (MORE - 1)
    taken_in = _statements("take_in")
    assert Decision.objects.count() == 1 + MORE
    assert kept == 1, kept  # an INSERT
    of_one = {kind: count / (1 + MORE) for kind, count in taken_in.items()}
    assert sum(of_one.values()) + kept <= LIMIT, of_one
    assert of_one == {**KINDS, "INSERT": KINDS["INSERT"] - kept}
    assert poll.total() <= OF_A_POLL, poll


def _reply(ask: OutgoingMail) -> bytes:
    return STAMPS + programs.reply(
        Address("Bob", ask.to), Item(bytes(ask.raw), None), "approve\n\nGood price."
    )


def _statements(name: str) -> Counter[str]:
    """What one kind of work asks of the database, but for the look for what is due, by the first word."""
    Mailbox.objects.update(next_poll=timezone.now())
    kind = next(kind for kind in work.kinds() if kind.name == name)
    rows = kind.due(work.BATCH)
    with CaptureQueriesContext(connection) as captured:
        for row in rows:
            assert work.work(kind, row)
    assert IncomingMail.objects.exists()
    return Counter(query["sql"].split()[0].rstrip(";") for query in captured.captured_queries)
