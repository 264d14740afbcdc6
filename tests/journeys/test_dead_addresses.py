"""An address that a mail came back from is tried before it counts as dead, and reports of strangers silence nobody."""

from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from email.utils import format_datetime

import pytest
from django.test import Client
from django.utils import timezone

from placet import work
from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.alarms import dead_addresses, messages
from placet.alarms.models import DoubtfulAddress
from placet.mail.models import OutgoingMail
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import answer

EVE = f"eve@{DOMAIN}"
BOB = f"bob@{DOMAIN}"


@pytest.fixture
def eve(world: World) -> Person:
    """Alice's manager, who has no mailbox."""
    made = add_person("Eve Evason", EVE)
    world.people["alice"].manager = made
    world.people["alice"].save()
    return made


def look(world: World) -> None:
    """At every address that is doubtful, as if its time had come; and what comes of that."""
    DoubtfulAddress.objects.update(due=timezone.now())
    work.run_once(world.kinds["address"])
    world.run_until_quiet()


def sent(kind: str, to: str) -> int:
    return OutgoingMail.objects.filter(kind=kind, to=to, state=OutgoingMail.State.SENT).count()


def asks(to: str) -> int:
    return OutgoingMail.objects.filter(ask__isnull=False, to=to, state=OutgoingMail.State.SENT).count()


def doubt(address: str = EVE) -> DoubtfulAddress:
    return DoubtfulAddress.objects.get(address=address)


def dead(world: World) -> DoubtfulAddress:
    """A mail to Eve came back, and so did the one that tried her address."""
    world.request()
    world.run_until_quiet()
    look(world)
    look(world)
    assert doubt().dead_at is not None
    return doubt()


def page(world: World, person: Person) -> str:
    client = Client()
    client.force_login(world.people["ada"])
    return client.get(f"/administration/people/{person.pk}/").content.decode()


def test_one_bounce_brings_into_doubt_a_second_one_of_the_trial_tells_administrators(
    world: World, eve: Person
) -> None:
    world.request()
    world.run_until_quiet()
    row = doubt()
    assert (row.dead_at, row.probe, row.status) == (None, None, "5.1.10")
    assert row.due > timezone.now() + dead_addresses.PAUSE - timedelta(minutes=1)
    assert "Another one tries the address within two hours" in page(world, eve)
    world.request(item="Chair")
    world.run_until_quiet()  # whatever is doubtful, they are asked
    assert (asks(EVE), doubt().dead_at, sent(messages.PROBE, EVE)) == (2, None, 0)
    look(world)
    assert (sent(messages.PROBE, EVE), sent(messages.DEAD_ADDRESS, f"ada@{DOMAIN}")) == (1, 0)
    assert doubt().dead_at is not None
    look(world)
    look(world)
    assert (sent(messages.PROBE, EVE), sent(messages.DEAD_ADDRESS, f"ada@{DOMAIN}")) == (1, 1)
    assert f"Mail to {EVE} does not arrive." in page(world, eve)
    client = Client()
    client.force_login(world.people["ada"])
    assert "whom mail does not reach" in client.get("/administration/").content.decode()
    listed = client.get("/administration/people/", {"show": "dead"}).content.decode()
    assert "Eve Evason" in listed and "Bob Bobson" not in listed
    everybody = client.get("/administration/people/").content.decode()
    assert "Bob Bobson" in everybody and everybody.count("mail does not arrive</span>") == 1
    world.request(item="Lamp")
    world.run_until_quiet()
    assert asks(EVE) == 3


def test_a_button_tries_the_address_again_and_what_does_not_come_back_works(
    world: World, eve: Person
) -> None:
    dead(world)
    world.sandbox.add_mailbox("eve", "Eve Evason")
    client = Client()
    client.force_login(world.people["ada"])
    client.post(f"/administration/people/{eve.pk}/addresses/", {"try": "1"})
    assert (doubt().dead_at, doubt().probe) == (None, None)
    look(world)
    assert world.subjects("eve") == ["Does this mail arrive?"]
    look(world)
    assert doubt().dead_at is None
    OutgoingMail.objects.filter(kind=messages.PROBE).update(sent_at=timezone.now() - dead_addresses.LONGEST)
    look(world)
    assert not DoubtfulAddress.objects.exists()
    assert "does not arrive" not in page(world, eve)


def test_an_answer_from_there_shows_that_it_works(world: World, eve: Person) -> None:
    dead(world)
    world.sandbox.add_mailbox("eve", "Eve Evason")
    world.request(item="Chair")
    world.send()
    look(world)
    assert doubt().dead_at is not None
    world.sandbox.send_as("eve", answer(world.newest("eve"), EVE, text="approve"))
    world.run_until_quiet()
    assert world.decisions() == [("Eve", "approve")]
    look(world)
    assert not DoubtfulAddress.objects.exists()


# --- reports of strangers -----------------------------------------------------------------------------------


def report(number: int, of_mail: str, *, to: str = BOB) -> bytes:
    """A report (RFC 3464) as whoever likes writes it."""
    return (
        f"From: MAILER-DAEMON@mail.example\r\nTo: approvals@{DOMAIN}\r\nSubject: Undelivered\r\n"
        f"Message-ID: <{number}@mail.example>\r\nDate: {format_datetime(timezone.now())}\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example\r\n\r\n"
        f"Final-Recipient: rfc822; {to}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {of_mail}\r\n--b--\r\n"
    ).encode()


def deliver(world: World, *reports: bytes) -> None:
    for raw in reports:
        world.sandbox.deliver(raw, mail_from="")
    world.run_until_quiet()


def test_a_strangers_reports_name_no_mail_of_ours(world: World) -> None:
    world.asked()
    guesses = [f"<{number:016x}@{DOMAIN}>" for number in range(20)]
    deliver(world, *(report(number, guess) for number, guess in enumerate(guesses)))
    assert world.results() == ["bounce"] * 20
    assert not DoubtfulAddress.objects.exists()


def test_whoever_was_shown_an_ask_can_bring_its_address_into_doubt_and_no_further(world: World) -> None:
    _request, asked = world.asked()
    known = OutgoingMail.objects.get()
    forged = [report(number, known.message_id) for number in range(5)]
    guesses = [f"<{number:016x}@{DOMAIN}>" for number in range(5)]
    deliver(world, *forged)
    look(world)
    deliver(world, *(report(5 + number, known.message_id) for number in range(5)))
    deliver(world, *(report(10 + number, guess) for number, guess in enumerate(guesses)))
    look(world)
    assert doubt(BOB).dead_at is None
    assert (sent(messages.PROBE, BOB), sent(messages.DEAD_ADDRESS, f"ada@{DOMAIN}")) == (1, 0)
    world.request(item="Lamp")
    world.send()
    assert asks(BOB) == 2
    world.sandbox.send_as("bob", answer(asked, BOB, text="approve"))
    world.run_until_quiet()
    look(world)
    assert world.decisions() == [("Bob", "approve")]
    assert not DoubtfulAddress.objects.exists()


@pytest.mark.parametrize("how", ["of another recipient", "of an old mail"])
def test_a_report_that_says_nothing_of_the_address_leaves_it_alone(world: World, how: str) -> None:
    world.asked()
    ours = OutgoingMail.objects.get()
    if how == "of an old mail":
        OutgoingMail.objects.update(sent_at=timezone.now() - dead_addresses.LONGEST - timedelta(hours=1))
    to = "carol@elsewhere.example" if how == "of another recipient" else BOB
    deliver(world, report(1, ours.message_id, to=to))
    assert OutgoingMail.objects.get().bounced_at is not None
    assert not DoubtfulAddress.objects.exists()


def test_what_the_other_server_says_is_told_in_words(world: World, eve: Person) -> None:
    dead(world)
    sentence = "The other mail server says: the address does not exist (5.1.10)."
    assert sentence in page(world, eve)
    (mail,) = OutgoingMail.objects.filter(kind=messages.DEAD_ADDRESS, to=f"ada@{DOMAIN}")
    text = message_from_bytes(bytes(mail.raw), policy=default).get_body(("plain",))
    assert text is not None
    assert sentence in " ".join(text.get_content().split())
