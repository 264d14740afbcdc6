"""An answer counts as one to our mail: by its quote, by its headers, or because our links prepared it."""

import importlib
from collections.abc import Mapping
from datetime import timedelta

import pytest
from django.apps import apps
from django.utils import timezone

from placet.accounts.addresses import add_address
from placet.approvals import form
from placet.approvals.models import Decision
from placet.mail.models import IncomingMail, OutgoingMail
from placet.sandbox.programs import PROGRAMS
from placet.sandbox.server import Mail
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import code_of, letter, reply_to

BOTH_WAYS = True

pytestmark = pytest.mark.django_db

BOB = f"bob@{DOMAIN}"


def bare(world: World, asked: Mail, text: str = "approve", **headers: str) -> None:
    """A reply that quotes nothing."""
    subject = headers.pop("Subject", f"RE: {asked.subject}")
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    world.sandbox.send_as("bob", letter(BOB, to=reply_to(asked), subject=subject, text=text, headers=lines))


def id_of(mail: Mail) -> str:
    message_id = mail.header("Message-ID")
    assert message_id
    return message_id


# --- Message-IDs that the server gave -------------------------------------------------------------------------


def test_a_reply_without_a_quote_names_the_id_that_the_server_gave(world: World) -> None:
    world.sandbox.switches.replace_message_id = True
    _, asked = world.asked()
    outgoing = OutgoingMail.objects.get(kind="ask")
    assert id_of(asked) != outgoing.message_id
    world.look_up()
    outgoing.refresh_from_db()
    assert outgoing.server_message_id == id_of(asked)
    bare(world, asked, In_Reply_To=id_of(asked))
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


def test_one_that_comes_before_sent_items_was_read_waits_for_that(world: World) -> None:
    world.sandbox.switches.replace_message_id = True
    _, asked = world.asked()
    bare(world, asked, In_Reply_To=id_of(asked))
    world.poll()
    world.take_in()
    assert IncomingMail.objects.get().state == IncomingMail.State.KEPT
    assert IncomingMail.objects.get().tries == 0
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


def test_what_sent_items_never_tells_is_waited_for_a_quarter_of_an_hour(world: World) -> None:
    """The mailbox that the ask went out from may be in use no more."""
    world.sandbox.switches.replace_message_id = True
    _, asked = world.asked()
    bare(world, asked, In_Reply_To=id_of(asked))
    world.poll()
    world.take_in()
    assert world.results() == ["kept"]
    IncomingMail.objects.update(kept_at=timezone.now() - timedelta(minutes=16))
    world.take_in()
    assert world.results() == ["not_named"]


def test_an_id_that_is_nobodys_is_refused_once_sent_items_was_read(world: World) -> None:
    world.sandbox.switches.replace_message_id = True
    _, asked = world.asked()
    bare(world, asked, In_Reply_To="<other@contoso.example>")
    world.run_until_quiet()
    assert world.results() == ["not_named"]
    assert world.decisions() == []


def test_our_own_id_counts_for_mails_from_before(world: World) -> None:
    _, asked = world.asked()
    OutgoingMail.objects.update(lookup_due=None)
    bare(world, asked, References=f"<other@mail.example> {id_of(asked)}")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


def test_one_from_before_sent_items_was_read_is_looked_for_after_the_update(world: World) -> None:
    world.sandbox.switches.replace_message_id = True
    _, asked = world.asked()
    OutgoingMail.objects.update(lookup_due=None)
    update = importlib.import_module("placet.approvals.migrations.0004_sent_before_lookups")
    update.look_up_what_may_still_be_answered(apps, None)
    bare(world, asked, In_Reply_To=id_of(asked))
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


def test_a_mail_is_looked_for_in_one_request_and_not_again(world: World) -> None:
    """Exchange Web Services list no addresses: there it takes a second one."""
    world.sandbox.switches.replace_message_id = True
    for number in range(4):
        world.asked(item=f"Desk {number}")
    before = sum(count for name, count in world.sandbox.counters.items() if name.endswith("requests"))
    world.look_up()
    world.look_up()
    after = sum(count for name, count in world.sandbox.counters.items() if name.endswith("requests"))
    assert not OutgoingMail.objects.filter(kind="ask", server_message_id="").exists()
    assert after - before <= (2 if world.way == "ews" else 1)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"In_Reply_To": "<other@mail.example>", "References": "{ask}"},
        {"References": "{ask} <other@mail.example>"},
        {"In_Reply_To": "{ask}", "Subject": "RE: Lunch? [#{code}]"},
        {"In_Reply_To": "{ask}", "Subject": "RE: Should I tell Carol? (was: Please decide: Desk) [#{code}]"},
    ],
    ids=["no thread", "in our thread", "below another's mail", "another subject", "words in front of ours"],
)
def test_without_a_quote_only_what_answers_our_mail_counts(world: World, headers: Mapping[str, str]) -> None:
    _, asked = world.asked()
    fill = {"ask": id_of(asked), "code": code_of(asked)}
    bare(world, asked, "Yes", **{name: value.format(**fill) for name, value in headers.items()})
    world.run_until_quiet()
    assert world.results() == ["not_named"]
    assert world.decisions() == []


# --- the address that the server gave -------------------------------------------------------------------------


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_quote_that_names_the_primary_address_of_an_alias_is_of_our_mail(
    world: World, program: str
) -> None:
    world.sandbox.make_alias("approvals", f"requests@{DOMAIN}")
    _, asked = world.asked()
    assert f"<requests@{DOMAIN}>" in str(asked.header("From"))
    world.look_up()
    assert OutgoingMail.objects.get(kind="ask").server_address == f"requests@{DOMAIN}"
    world.sandbox.reply_as("bob", asked.id, "approve", program=program)
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


def test_an_answer_that_quotes_it_before_sent_items_was_read_waits_for_that(world: World) -> None:
    world.sandbox.make_alias("approvals", f"requests@{DOMAIN}")
    _, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.poll()
    world.take_in()
    assert world.results() == ["kept"]
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


def test_an_address_in_sent_items_that_is_a_person_s_is_never_ours(world: World) -> None:
    """Dave may see our mails, and answer or forward them: an answer to that is one to him."""
    world.sandbox.make_alias("approvals", f"dave@{DOMAIN}")
    _, asked = world.asked()
    world.look_up()
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    assert world.results() == ["not_named"]
    assert world.decisions() == []


def test_an_address_that_becomes_a_person_s_later_is_ours_no_more(world: World) -> None:
    world.sandbox.make_alias("approvals", f"requests@{DOMAIN}")
    _, asked = world.asked()
    world.look_up()
    add_address(world.people["dave"], f"requests@{DOMAIN}")
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    assert world.results() == ["not_named"]


def test_an_address_of_another_mail_s_copy_counts_for_that_mail_alone(world: World) -> None:
    world.asked(item="Lamp")
    world.sandbox.make_alias("approvals", f"requests@{DOMAIN}")
    world.asked(item="Chair")
    world.look_up()
    addresses = (
        OutgoingMail.objects.filter(kind="ask").order_by("pk").values_list("server_address", flat=True)
    )
    assert list(addresses) == ["", f"requests@{DOMAIN}"]


# --- prepared replies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "outcome", "comment"),
    [
        ("Approve\n\n#{code}", "approve", ""),
        ("Reject\n\n#{code}", "reject", ""),
        ("Approve\nbut only in black is fine too", None, ""),
        ("Approve\n\n#{code}\n\n-- \nBob Bobson\nHead of Desks", "approve", ""),
        ("Approve\n\nPlease order two.\n\n#{code}", "approve", "Please order two."),
        ("Approve", "approve", ""),  # of links from before the line with the code
        ("Genehmigen", "approve", ""),
        ("Reject\n\nSent from my iPhone", "reject", ""),
        ("Yes", None, ""),
        ("Approve\n\nPlease order two.", None, ""),
    ],
)
def test_a_prepared_reply_counts_with_its_word_and_no_comment(
    world: World, text: str, outcome: str | None, comment: str
) -> None:
    _, asked = world.asked()
    bare(world, asked, text.format(code=code_of(asked)))
    world.run_until_quiet()
    decisions = [(one.outcome, one.comment) for one in Decision.objects.all()]
    assert decisions == ([(outcome, comment)] if outcome else [])


@pytest.mark.parametrize("subject", ["Re: Lunch? [#{code}]", "Re: Please decide: Desk", "Desk"])
def test_a_prepared_reply_under_another_subject_does_not(world: World, subject: str) -> None:
    _, asked = world.asked()
    bare(world, asked, f"Approve\n\n#{code_of(asked)}", Subject=subject.format(code=code_of(asked)))
    world.run_until_quiet()
    assert world.results() == ["not_named"]
    assert world.decisions() == []


@pytest.mark.parametrize("title", ["!!", "🎉🎉", "\u200b\u200f", "—"])
def test_a_title_without_letters_from_before_matches_no_subject(
    world: World, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "SHORTEST_TITLE", 0)
    _, asked = world.asked(item=title)
    for text in ("Approve", f"Approve\n\n#{code_of(asked)}"):
        bare(world, asked, text, Subject=f"Re: Lunch? [#{code_of(asked)}]")
    world.run_until_quiet()
    assert world.results() == ["not_named"] * 2
    bare(world, asked, f"Approve\n\n#{code_of(asked)}")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


# --- told -----------------------------------------------------------------------------------------------------


def test_the_sender_is_told_with_links_that_answer_and_the_log_says_why(world: World) -> None:
    _, asked = world.asked()
    lunch = letter(
        f"Placet <dave@{DOMAIN}>",
        to=BOB,
        subject=asked.subject,
        text="Would you like the desk by the window?",
        headers=[f"Reply-To: {reply_to(asked)}", f"In-Reply-To: {id_of(asked)}"],
    )
    [item] = world.sandbox.send_as("dave", lunch).items
    world.sandbox.reply_as("bob", item.id, "Yes")
    world.run_until_quiet()
    kept = IncomingMail.objects.get()
    assert kept.result == "not_named"
    assert kept.verdict["refusal"]["why"] == "What it quotes is not our mail."
    told = world.newest("bob", "Not applied: Desk")
    assert "it does not answer our mail" in " ".join(told.text.split())
    world.sandbox.reply_as("bob", told.id, "reject")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "reject")]


def test_nobody_who_is_not_proved_is_told(world: World) -> None:
    world.sandbox.add_mailbox("mallory@evil.example", outside=True)
    _, asked = world.asked()
    raw = letter(BOB, to=reply_to(asked), subject=f"Lunch? [#{code_of(asked)}]", text="Yes")
    world.sandbox.deliver(raw, mail_from="mallory@evil.example")
    world.run_until_quiet()
    assert world.results() == ["not_proved"]
    assert not OutgoingMail.objects.filter(kind__startswith="refusal").exists()
