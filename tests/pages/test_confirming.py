"""A proved colleague wrote from an address that nobody has: the person asked says whether it is theirs."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from placet.accounts.addresses import add_address, addresses_of
from placet.accounts.confirming import Claim, signed
from placet.accounts.models import Person
from placet.approvals import another_address
from placet.approvals.models import Ask, Assignment, Decision
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox

As = Callable[[Person | None], Client]
OTHER = "robert@contoso.example"
STAMPS = "X-MS-Exchange-Organization-AuthAs: Internal\r\nX-MS-Exchange-Organization-AuthMechanism: 04\r\n"


@pytest.fixture
def ada(admin: Person, as_: As) -> Client:
    return as_(admin)


@pytest.fixture
def refused(incoming: IncomingMail, mailbox: Mailbox, asked: Assignment) -> IncomingMail:
    """Bob answered from an address that nobody here has; Exchange says that a colleague did."""
    mailbox.settings = {**mailbox.settings, "confirmed_mechanisms": ["04"]}
    mailbox.save()
    ask = Ask.objects.get(lines__assignment=asked)
    raw = (
        f"From: Robert <{OTHER}>\r\nTo: approvals@contoso.example\r\nSubject: Re: A chair\r\n\r\napprove\r\n"
    )
    facts = {**incoming.facts, "sender": OTHER, "from": OTHER}
    verdict = {
        "automatic": None, "ask": str(ask.public_id), "request": asked.visit.request.number,
        "from": f"Robert <{OTHER}>", "subject": "Re: A chair", "refusal": {"address": OTHER},
    }  # fmt: skip
    IncomingMail.objects.update(
        raw=raw.encode(), transport_headers=STAMPS + raw.partition("\r\n\r\n")[0] + "\r\n", facts=facts,
        verdict=verdict, state="handled", result="not_the_one_asked", reason="From somebody else.",
    )  # fmt: skip
    incoming.refresh_from_db()
    return incoming


def page_of(ada: Client, mail: IncomingMail) -> str:
    return ada.get(reverse("panel:incoming_mail", args=[mail.pk])).content.decode()


def offer(ada: Client, mail: IncomingMail) -> str:
    """The page after the button was pressed."""
    return ada.post(reverse("panel:offer_address", args=[mail.pk]), follow=True).content.decode()


def sent() -> OutgoingMail:
    return OutgoingMail.objects.get(kind="another-address")


def link() -> str:
    """Where the mail's link leads, below the public address."""
    text = bytes(sent().raw).decode().replace("=\r\n", "").replace("=3D", "=")
    found = re.search(r"http://[^\s/]+(/confirm/[A-Za-z0-9_.-]+/)", text)
    assert found
    return found[1]


def test_the_person_is_asked_by_a_mail_to_their_known_address(
    ada: Client, refused: IncomingMail, bob: Person
) -> None:
    page = page_of(ada, refused)
    assert f"Is <bdi>{OTHER}</bdi> another address of <bdi>Bob Manager</bdi>?" in page
    after = offer(ada, refused)
    assert "Bob Manager is asked by a mail to bob@contoso.example." in after
    assert f"<bdi>Bob Manager</bdi> is asked whether <bdi>{OTHER}</bdi> is theirs." in after
    assert "Ask Bob Manager" not in after
    mail = sent()
    assert mail.to == "bob@contoso.example"
    text = bytes(mail.raw).decode()
    assert "A chair" in text
    assert "robert" in text
    assert addresses_of(bob) == {"bob@contoso.example"}
    of_mail = ada.get(reverse("panel:outgoing_mail", args=[mail.pk])).content.decode()
    assert "question about another address" in of_mail
    assert reverse("panel:incoming_mail", args=[refused.pk]) in of_mail


def test_one_question_a_mail_is_open_at_a_time(ada: Client, refused: IncomingMail) -> None:
    offer(ada, refused)
    assert "nothing (more) to ask" in offer(ada, refused)
    assert sent()
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        assert "They were asked before and did not answer within 7 days." in page_of(ada, refused)
        old = link()
        assert "is asked by a mail" in offer(ada, refused)
        assert OutgoingMail.objects.filter(kind="another-address").count() == 2
        assert Client().get(old).status_code == 410


def test_opening_the_link_changes_nothing(ada: Client, refused: IncomingMail, bob: Person) -> None:
    offer(ada, refused)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = Client().get(link())
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Is this address yours too?" in page
    assert f"<bdi>{OTHER}</bdi>" in page
    assert "A chair" in page
    assert "Ada Administrator" in page
    assert not [one["sql"] for one in queries if one["sql"].startswith(("UPDATE", "INSERT", "DELETE"))]
    assert "no-store" in answer["Cache-Control"]
    assert addresses_of(bob) == {"bob@contoso.example"}


def test_yes_makes_the_address_theirs_once(
    ada: Client, refused: IncomingMail, bob: Person, asked: Assignment
) -> None:
    offer(ada, refused)
    page = Client().post(link(), {"answer": "yes"}).content.decode()
    assert "the address is yours" in page
    assert "answer the mail that asks you once more" in page
    assert addresses_of(bob) == {"bob@contoso.example", OTHER}
    assert not Decision.objects.exists()  # the mail that was refused stays refused
    asked.refresh_from_db()
    assert asked.state == Assignment.State.OPEN
    of_mail = page_of(ada, refused)
    assert f"<bdi>Bob Manager</bdi> said that <bdi>{OTHER}</bdi> is theirs." in of_mail
    assert "This mail stays not applied" in of_mail
    # The first word stands.
    assert "the address is yours" in Client().post(link(), {"answer": "no"}).content.decode()
    assert addresses_of(bob) == {"bob@contoso.example", OTHER}
    assert "nothing (more) to ask" in offer(ada, refused)


def test_no_is_shown_to_administrators_and_not_asked_again(
    ada: Client, refused: IncomingMail, bob: Person
) -> None:
    offer(ada, refused)
    assert "is not added to your addresses" in Client().post(link(), {"answer": "no"}).content.decode()
    assert f"said that <bdi>{OTHER}</bdi> is not theirs." in page_of(ada, refused)
    assert "is not added" in Client().post(link(), {"answer": "yes"}).content.decode()
    assert addresses_of(bob) == {"bob@contoso.example"}
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        assert "nothing (more) to ask" in offer(ada, refused)


def test_an_address_that_somebody_has_meanwhile_is_said(
    ada: Client, refused: IncomingMail, bob: Person, dave: Person
) -> None:
    offer(ada, refused)
    add_address(dave, OTHER)
    page = Client().post(link(), {"answer": "yes"}).content.decode()
    assert "The address belongs to somebody else" in page
    assert addresses_of(bob) == {"bob@contoso.example"}
    assert "belongs to somebody else here by now" in page_of(ada, refused)


def test_an_address_that_became_theirs_meanwhile_is_theirs(
    ada: Client, refused: IncomingMail, bob: Person
) -> None:
    offer(ada, refused)
    add_address(bob, OTHER)
    assert "the address is yours" in Client().post(link(), {"answer": "yes"}).content.decode()


@pytest.mark.parametrize("change", ["cut", "other", "salt", "late"])
def test_a_link_that_does_not_hold_changes_nothing(
    change: str, ada: Client, refused: IncomingMail, bob: Person
) -> None:
    offer(ada, refused)
    made = another_address.offer_of(IncomingMail.objects.get(pk=refused.pk))
    assert made
    changed = {
        "cut": link()[:-3] + "/",
        "other": f"/confirm/{signed(Claim(bob.pk, OTHER, f'{refused.pk}:0123456789abcdef'))}/",
        "salt": f"/confirm/{'W10' + link().removeprefix('/confirm/')[3:]}",
        "late": link(),
    }[change]
    later = timedelta(days=8) if change == "late" else timedelta(0)
    with time_machine.travel(timezone.now() + later):
        answer = Client().post(changed, {"answer": "yes"})
    assert answer.status_code == 410
    assert "Nothing was changed." in answer.content.decode()
    assert addresses_of(bob) == {"bob@contoso.example"}


def test_an_answer_that_is_none_is_said_beside_the_buttons(ada: Client, refused: IncomingMail) -> None:
    offer(ada, refused)
    answer = Client().post(link(), {"answer": "perhaps"})
    assert answer.status_code == 422
    assert "Please choose one of the two answers." in answer.content.decode()


def test_somebody_who_left_is_not_asked_and_cannot_answer(
    ada: Client, refused: IncomingMail, bob: Person
) -> None:
    offer(ada, refused)
    Person.objects.filter(pk=bob.pk).update(is_active=False)
    assert Client().post(link(), {"answer": "yes"}).status_code == 410
    IncomingMail.objects.update(verdict={**refused.verdict})
    assert "another address of" not in page_of(ada, refused)


@pytest.mark.parametrize("why", ["not proved", "known", "ours", "decided", "no ask", "junk address"])
def test_without_reason_nobody_is_asked(
    why: str, ada: Client, refused: IncomingMail, dave: Person, mailbox: Mailbox
) -> None:
    rows = IncomingMail.objects.filter(pk=refused.pk)
    match why:
        case "not proved":
            rows.update(transport_headers=refused.transport_headers.replace("Internal", "Anonymous"))
        case "known":
            add_address(dave, OTHER)
        case "ours":
            Mailbox.objects.update(
                settings={**mailbox.settings, "reply_to": OTHER, "confirmed_mechanisms": ["04"]}
            )
        case "decided":
            rows.update(result="decided")
        case "no ask":
            rows.update(verdict={})
        case "junk address":
            junk = refused.transport_headers.replace(OTHER, f"{OTHER}, x@y.example")
            rows.update(transport_headers=junk, raw=bytes(refused.raw).replace(OTHER.encode(), b"a@b"))
    assert "another address of" not in page_of(ada, refused)
    assert "nothing (more) to ask" in offer(ada, refused)
    assert not OutgoingMail.objects.filter(kind="another-address").exists()


def test_the_page_speaks_the_readers_language(ada: Client, refused: IncomingMail) -> None:
    offer(ada, refused)
    page = Client(headers={"Accept-Language": "fr"}).get(link()).content.decode()
    assert "Oui, c’est la mienne" in page
