"""In which mailboxes an answer counts: in the one that asked, where Reply-To sent it, and where it was declared so."""

import pytest

from placet.accounts.models import Person
from placet.approvals.models import Ask
from placet.mail.models import OutgoingMail
from placet.replies import refusals
from placet.replies.pick_mailbox import check_mailbox
from tests.making import SAMPLE, make_mailbox, start

pytestmark = pytest.mark.django_db

ASKED_FROM, OTHER = "approvals@contoso.example", "approvals@fabrikam.example"


@pytest.fixture
def ask(alice: Person) -> Ask:
    make_mailbox(ASKED_FROM)
    start(SAMPLE, alice)
    return Ask.objects.get()


def test_it_counts_in_the_mailbox_that_asked_whatever_its_reply_to_names(ask: Ask) -> None:
    sent = with_reply_to(ask, "somebody@northwind.example")
    check_mailbox(sent.mailbox, ask)


@pytest.mark.parametrize(
    ("reply_to", "counts"),
    [
        (OTHER, True),
        ("approvals+abcdefghijklmno2@fabrikam.example", True),
        ("Desk <Approvals+abcdefghijklmno2@Fabrikam.example>", True),
        (f"{ASKED_FROM}, {OTHER}", True),
        (ASKED_FROM, False),
        ("approvals@contoso.example, sales@fabrikam.example", False),
        ("approvals@mail.fabrikam.example", False),
        ("", False),
    ],
)
def test_it_counts_in_one_that_the_reply_to_of_the_ask_named(ask: Ask, reply_to: str, counts: bool) -> None:
    with_reply_to(ask, reply_to)
    assert counts_in_the_other(ask) is counts


@pytest.mark.parametrize(
    ("name", "counts"), [(OTHER, True), (OTHER.upper(), True), ("approvals@northwind.example", False)]
)
def test_it_counts_in_one_that_the_settings_of_the_one_that_asked_declare_the_same(
    ask: Ask, name: str, counts: bool
) -> None:
    with_reply_to(ask, ASKED_FROM).mailbox.settings = {"same_organisation": [name]}
    assert counts_in_the_other(ask) is counts


@pytest.mark.parametrize(
    ("name", "counts"),
    [(ASKED_FROM, True), (ASKED_FROM.upper(), True), ("approvals@northwind.example", False)],
)
def test_or_its_own_settings_declare_so(ask: Ask, name: str, counts: bool) -> None:
    with_reply_to(ask, ASKED_FROM)
    assert counts_in_the_other(ask, same_organisation=[name]) is counts


def test_a_code_that_no_mail_of_ours_carried_counts_nowhere(ask: Ask) -> None:
    """Nobody was given it."""
    sent = ask.outgoing
    assert sent is not None
    ask.outgoing = None
    with pytest.raises(refusals.WrongMailbox) as refused:
        check_mailbox(sent.mailbox, ask)
    assert refused.value.asked_from == ""


def with_reply_to(ask: Ask, reply_to: str) -> OutgoingMail:
    assert ask.outgoing is not None
    header = f"Reply-To: {reply_to}\r\n" if reply_to else ""
    ask.outgoing.raw = f"From: {ASKED_FROM}\r\n{header}\r\nReply-To: {OTHER}\r\n".encode()
    return ask.outgoing


def counts_in_the_other(ask: Ask, **settings: object) -> bool:
    try:
        check_mailbox(make_mailbox(OTHER, **settings), ask)
    except refusals.WrongMailbox as refused:
        assert refused.asked_from == ASKED_FROM
        return False
    return True
