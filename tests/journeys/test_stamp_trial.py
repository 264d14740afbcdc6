"""Whose stamps count is what an administrator confirms of a mail that they sent themself; and when later mails no
longer bear them, they hear of it and nothing is loosened."""

from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from types import SimpleNamespace

import pytest
from django.urls import reverse
from pytest_django import Settings

from placet import work
from placet.accounts.addresses import add_address
from placet.commands import mailbox_stamps
from placet.lib import clock
from placet.mail.models import OutgoingMail
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from placet.mailboxes.stamp_presets import BY_KEY
from placet.mailboxes.stamp_profile import Place, StampProfile, Stripped, profile_of
from placet.replies import stamp_trial
from placet.replies.stamp_trial import TrialError
from placet.sandbox.server import Mail
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import answer, quote_of
from tests.journeys.test_proof_levels import OUTSIDE, published
from tests.replies.receivers import DATE, RECEIVERS, Delivery

pytestmark = pytest.mark.django_db

MX = f"mx.{DOMAIN}"
PARTNER = "partner.example"
BY = "ada"


@pytest.fixture
def world(world: World, settings: Settings) -> World:
    add_address(world.people["bob"], OUTSIDE)
    published(proof="outside")
    store.change({"trusted_hosts": [DOMAIN], "own_networks": ["10.0.0.0/8"]}, by=BY, mailbox=world.mailbox)
    return world


def delivered(world: World, delivery: Delivery, *lines: str, body: str = "") -> None:
    """Into the mailbox, as a receiver delivers it."""
    head = "\r\n".join((*delivery.lines(), f"Received: from x.{PARTNER} by mail.{PARTNER}; {DATE}", *lines))
    world.sandbox.place("approvals", f"{head}\r\n\r\n{body}\r\n".encode())
    world.run_until_quiet()


def private(world: World, number: str, delivery: Delivery) -> None:
    """A mail of the administrator's, from outside."""
    now = clock.now().strftime("%a, %d %b %Y %H:%M:%S +0000")
    delivered(
        world, delivery, f"From: ada@{PARTNER}", f"To: approvals@{DOMAIN}", f"Subject: {number}", f"Date: {now}",
        f"Message-ID: <{number}.{len(world.sandbox.mails('approvals'))}@{PARTNER}>",
    )  # fmt: skip


def rspamd(dmarc: str = "pass") -> Delivery:
    return RECEIVERS["rspamd"](PARTNER, "pass", dmarc)


def came_back(world: World, *, from_outside: bool = True, protocol: str = "ESMTP") -> None:
    """Our own mail with planted stamps, as a server delivers it that takes them off."""
    raw = stamp_trial.planted_mail(world.mailbox, from_outside=from_outside)
    head = [
        line
        for line in raw.decode().split("\r\n")
        if line.startswith(("From:", "To:", "Subject:", "Message-ID:"))
    ]
    hop = f"from {MX} ([127.0.0.1]) by {MX} with {protocol}"
    delivered(world, Delivery((), (), hop, below=True), *head, f"Date: {DATE}")


def confirmed(world: World) -> StampProfile | None:
    kept = Mailbox.objects.get(pk=world.mailbox.pk).stamps.get("profile")
    return profile_of(kept) if kept else None


def test_a_test_comes_to_the_profile_that_is_confirmed(world: World) -> None:
    mailbox = world.mailbox
    number = stamp_trial.begin(mailbox, BY)
    assert len(number) == 6
    assert stamp_trial.look(mailbox).lines == ()
    private(world, "123456" if number != "123456" else "654321", rspamd())  # somebody's with another number
    with pytest.raises(TrialError, match="has not come"):
        stamp_trial.plant(mailbox)
    private(world, number, rspamd())
    assert stamp_trial.plant(mailbox) == (MX,)
    untested = stamp_trial.look(mailbox)
    assert untested.profile is not None
    assert untested.profile.strips_own is Stripped.UNKNOWN
    world.run_until_quiet()  # this server leaves them in
    trial = stamp_trial.look(mailbox)
    assert trial.planted
    assert [f"placet-planted={number}" in line for line in trial.survivors] == [True] * 4
    assert [line.partition(":")[0] for line in trial.lines] == [
        "Received",
        "Authentication-Results",
        "Received",
    ]
    assert confirmed(world) is None  # nothing counts before somebody said so
    profile = stamp_trial.confirm(mailbox, BY, number=number)
    assert (
        profile == confirmed(world) == StampProfile((MX,), Place.BELOW, strips_own=Stripped.NO, hosts=(MX,))
    )
    assert not profile.stamps_count
    kept = Mailbox.objects.get(pk=mailbox.pk).stamps["confirmed"]
    assert (kept["by"], kept["lines"]) == (BY, list(trial.lines))
    with pytest.raises(TrialError):  # it is over
        stamp_trial.look(mailbox)


def test_where_forged_ones_are_taken_off_stamps_below_prove(world: World) -> None:
    number = stamp_trial.begin(world.mailbox, BY)
    private(world, number, rspamd())
    came_back(world)
    trial = stamp_trial.look(world.mailbox)
    assert (trial.planted, trial.from_outside, trial.survivors) == (True, True, [])
    profile = stamp_trial.confirm(world.mailbox, BY, number=number)
    assert profile.strips_own is Stripped.YES
    assert profile.stamps_count


@pytest.mark.parametrize(("from_outside", "protocol"), [(False, "ESMTP"), (True, "ESMTPSA")])
def test_what_is_taken_off_a_mail_of_our_own_says_nothing_of_strangers(
    world: World, from_outside: bool, protocol: str
) -> None:
    number = stamp_trial.begin(world.mailbox, BY)
    private(world, number, rspamd())
    came_back(world, from_outside=from_outside, protocol=protocol)
    trial = stamp_trial.look(world.mailbox)
    assert (trial.planted, trial.from_outside, trial.survivors) == (True, False, [])
    assert trial.profile is not None
    assert trial.profile.strips_own is Stripped.UNKNOWN


def test_one_kind_that_is_left_in_shows_that_forged_ones_are(world: World) -> None:
    """OpenDKIM takes off those in its name that hold a result of DKIM, and no others."""
    number = stamp_trial.begin(world.mailbox, BY)
    private(world, number, rspamd())
    raw = stamp_trial.planted_mail(world.mailbox).decode()
    head = raw.partition("\r\n\r\n")[0].replace("\r\n ", " ").split("\r\n")
    hop = Delivery((), (), f"from {MX} ([127.0.0.1]) by {MX} with ESMTP", below=True)
    delivered(world, hop, *(line for line in head if "dkim=" not in line))
    trial = stamp_trial.look(world.mailbox)
    assert ["dmarc=pass" in line for line in trial.survivors] == [True, False]
    assert trial.profile is not None
    assert trial.profile.strips_own is Stripped.NO


def stamped_above(world: World, number: str) -> None:
    """The administrator's mail at a server that stamps above the line of its entrance."""
    private(world, number, replace(rspamd(), below=False))


def planted_as(world: World, *, above: bool) -> None:
    """Ours with its forged stamps left in, above the line of the server's entrance or below it."""
    head = stamp_trial.planted_mail(world.mailbox).decode().partition("\r\n\r\n")[0]
    lines = head.replace("\r\n ", " ").split("\r\n")
    forged = [line for line in lines if line.startswith("Authentication-Results:")]
    rest = [line for line in lines if line not in forged]
    hop = f"from x.{PARTNER} (x.{PARTNER} [203.0.113.9]) by {MX} with ESMTP"
    received = f"Received: {hop}; {DATE}"
    raw = "\r\n".join([*forged, received, *rest] if above else [received, *forged, *rest])
    world.sandbox.place("approvals", f"{raw}\r\n\r\n.\r\n".encode())
    world.run_until_quiet()


def test_forged_ones_left_in_below_the_entrance_leave_the_stamps_above_it_their_worth(world: World) -> None:
    number = stamp_trial.begin(world.mailbox, BY)
    stamped_above(world, number)
    planted_as(world, above=False)
    trial = stamp_trial.look(world.mailbox)
    assert (len(trial.survivors), trial.among_own) == (4, False)
    assert trial.profile is not None
    assert (trial.profile.place, trial.profile.strips_own) == (Place.ABOVE, Stripped.NO)
    assert trial.profile.stamps_count


def test_where_forged_ones_come_to_stand_among_the_servers_own_nothing_is_confirmed(world: World) -> None:
    number = stamp_trial.begin(world.mailbox, BY)
    stamped_above(world, number)
    planted_as(world, above=True)
    trial = stamp_trial.look(world.mailbox)
    assert (len(trial.survivors), trial.among_own, trial.profile) == (4, True, None)
    with pytest.raises(TrialError):
        stamp_trial.confirm(world.mailbox, BY, number=number)


def test_whoever_guesses_the_number_plants_nothing(world: World) -> None:
    number = stamp_trial.begin(world.mailbox, BY)
    private(world, number, rspamd())
    for subject in (f"Placet plants {number}", f"Placet plants {number} {'0' * 16} from outside"):
        delivered(
            world, rspamd(), f"From: eve@{PARTNER}", f"Subject: {subject}", f"Message-ID: <{len(subject)}@x>"
        )
    assert not stamp_trial.look(world.mailbox).planted


def test_it_is_handed_over_at_port_25_of_the_domains_mx(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = stamp_trial.begin(world.mailbox, BY)
    private(world, number, rspamd())
    handed_over: list[tuple[str, bytes]] = []
    monkeypatch.setattr(stamp_trial, "hand_over", lambda address, raw: handed_over.append((address, raw)))
    assert stamp_trial.plant(world.mailbox, from_outside=True) == (MX,)
    ((address, raw),) = handed_over
    assert address == f"approvals@{DOMAIN}"
    assert raw.count(f"placet-planted={number}".encode()) == 4
    assert max(len(line) for line in raw.split(b"\r\n")) < 998


@pytest.mark.parametrize("key", ["gmail", "fastmail", "icloud", "yahoo", "gmx"])
def test_a_known_provider_is_recognised_by_its_name(world: World, key: str) -> None:
    number = stamp_trial.begin(world.mailbox, BY)
    private(world, number, RECEIVERS[key](PARTNER, "pass", "pass"))
    profile = stamp_trial.look(world.mailbox).profile
    preset = BY_KEY[key].profile
    assert profile is not None
    assert (profile.ids, profile.place, profile.dmarc) == (preset.ids, preset.place, preset.dmarc)
    assert profile.several == preset.several  # GMX's, too, whose mail had one signature


def test_two_mails_with_the_number_are_none(world: World) -> None:
    number = stamp_trial.begin(world.mailbox, BY)
    for _ in range(2):
        private(world, number, rspamd())
    trial = stamp_trial.look(world.mailbox)
    assert trial.several
    with pytest.raises(TrialError):
        stamp_trial.confirm(world.mailbox, BY, number=number)


def test_what_stands_in_no_place_that_counts_is_not_confirmed(world: World) -> None:
    number = stamp_trial.begin(world.mailbox, BY)
    stamps = tuple(line.replace(MX, "other.example") for line in rspamd().stamps)
    private(world, number, replace(rspamd(), stamps=(f"Received: from a by b; {DATE}", *stamps)))
    assert stamp_trial.look(world.mailbox).profile is None
    with pytest.raises(TrialError):
        stamp_trial.confirm(world.mailbox, BY, number=number)


def test_another_tests_number_confirms_nothing(world: World) -> None:
    number = stamp_trial.begin(world.mailbox, BY)
    private(world, number, rspamd())
    stamp_trial.begin(world.mailbox, BY)
    with pytest.raises(TrialError):
        stamp_trial.confirm(world.mailbox, BY, number=number)


# --- afterwards -----------------------------------------------------------------------------------------------


def confirm(world: World) -> None:
    number = stamp_trial.begin(world.mailbox, BY)
    private(world, number, rspamd())
    came_back(world)
    stamp_trial.confirm(world.mailbox, BY, number=number)
    # As a mailbox on a server of one's own.
    store.change({"trusted_hosts": [DOMAIN]}, by=BY, mailbox=world.mailbox)


def replied(world: World, asked: Mail, delivery: Delivery) -> None:
    raw = answer(asked, f"Bob Bobson <{OUTSIDE}>", text=f"approve{quote_of(asked)}").decode()
    head, _, body = raw.partition("\r\n\r\n")
    delivered(world, delivery, *head.split("\r\n"), body=body)


def test_from_then_on_such_stamps_prove(world: World) -> None:
    confirm(world)
    _, asked = world.asked()
    replied(world, asked, rspamd())
    assert [outcome for _, outcome in world.decisions()] == ["approve"]


def alarms() -> list[OutgoingMail]:
    work.run_once(next(kind for kind in work.kinds() if kind.name == "stamps"))
    return list(OutgoingMail.objects.filter(kind="stamps-changed"))


def test_when_mails_stop_bearing_them_administrators_hear_of_it_and_nothing_is_loosened(world: World) -> None:
    confirm(world)
    renamed = replace(rspamd(), stamps=tuple(line.replace(MX, f"new.{MX}") for line in rspamd().stamps))
    for count in range(4):
        _, asked = world.asked(item=f"Desk {count}")
        replied(world, asked, renamed)
        assert len(alarms()) == (count >= 2)  # once
    (alarm,) = alarms()
    text = message_from_bytes(bytes(alarm.raw), policy=default).get_body(("plain",))
    assert text is not None and reverse("panel:stamps", args=[world.mailbox.pk]) in text.get_content()
    assert world.decisions() == []
    _, asked = world.asked()
    replied(world, asked, rspamd())
    assert len(world.decisions()) == 1
    assert "missed" not in Mailbox.objects.get(pk=world.mailbox.pk).stamps


def test_mails_of_people_who_signed_in_in_the_office_say_nothing_of_the_stamps(world: World) -> None:
    """Their server stamps what comes in from outside, and own networks are not outside."""
    confirm(world)
    session = f"from pc7 (pc7.{DOMAIN} [10.1.2.3]) (Authenticated sender: bob@{DOMAIN}) by {MX} (Postfix) with ESMTPSA"
    for count in range(4):
        _, asked = world.asked(item=f"Desk {count}")
        handed_on = f"from {MX} ([127.0.0.1]) by {MX} with LMTP"
        replied(world, asked, Delivery((handed_on,), (), session, below=True))
    assert "missed" not in Mailbox.objects.get(pk=world.mailbox.pk).stamps
    assert alarms() == []


# --- the command ----------------------------------------------------------------------------------------------


def command(world: World, capsys: pytest.CaptureFixture[str], **options: object) -> str:
    chosen = {"begin": False, "plant": False, "planted_mail": False, "from_outside": False, "confirm": False,
              "forget": False, "yes": True, "submission": False, "login_domain": ""} | options  # fmt: skip
    mailbox = Mailbox.objects.get(pk=world.mailbox.pk)
    mailbox_stamps.run(SimpleNamespace(**chosen), mailbox)  # type: ignore[arg-type]
    return capsys.readouterr().out


def test_the_command_goes_the_same_way(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Nothing is confirmed" in command(world, capsys)
    command(world, capsys, begin=True)
    number = Mailbox.objects.get(pk=world.mailbox.pk).stamps["trial"]["number"]
    assert f"No mail with the subject {number}" in command(world, capsys)
    private(world, number, rspamd())
    assert f"Subject: Placet plants {number} " in command(world, capsys, planted_mail=True)
    assert MX in command(world, capsys, plant=True)
    world.run_until_quiet()
    assert "Ours with forged stamps came back:" in command(world, capsys)
    shown = command(world, capsys, confirm=True, submission=True, login_domain=f" @{DOMAIN}")
    assert "left in" in shown
    profile = confirmed(world)
    assert profile is not None
    assert (profile.submission, profile.login_domain) == (True, DOMAIN)
    assert "Confirmed by command line" in command(world, capsys)
    command(world, capsys, forget=True)
    assert confirmed(world) is None
