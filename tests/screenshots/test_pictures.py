"""A picture of every page and of every mail, in both widths and colour schemes: `screenshots/PAGE-WIDTH-SCHEME.png`.

The pages are those of the addresses, so that a page without a picture fails. They are for people to look at: what can
be told by a program is told in `tests/pages`.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.alarms.models import Outage
from placet.approvals import drafts
from placet.approvals.definitions import definition_of
from placet.approvals.drafts import text_of
from placet.approvals.form import facts_hash
from placet.approvals.models import Assignment, Process
from placet.approvals.processes import newest
from placet.designer import cases, edits, try_state
from placet.designer.trying_events import Event, Jump, Reply, Start
from placet.lib import clock
from placet.mailboxes import pool
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.microsoft.panel import guide
from placet.mailboxes.models import Mailbox
from tests.conftest import PASSWORD
from tests.mails_rendered import every_mail
from tests.screenshots.album import Album, Camera, file_name
from tests.screenshots.story import Story

TEMPLATES = Path(__file__).resolve().parents[2] / "placet" / "templates"
WHO_LOOKS = {"stuck": "ada", "one-outcome": "bob", "held": "bob", "office-lacks-a-comment": "carol"}


# --- the pictures -----------------------------------------------------------------------------------------


@pytest.mark.timeout(1800)
def test_every_page_and_every_mail_has_its_pictures(
    story: Story, camera: Camera, live_server: LiveServer
) -> None:
    for name in ("ada", "alice", "bob", "carol"):
        story.people[name].set_password(PASSWORD)
        story.people[name].save()
    album = Album(story, camera, live_server.url)
    album.every_address()
    album.every_answer_to_an_empty_form()
    assert album.without_a_picture() == set()
    _the_same_addresses_about_something_else(album, story)
    _changes_of_a_process(album)
    _answers_to_forms(album, story)
    _errors(camera, album)
    _in_trouble(album, story)
    _mails(camera)
    assert camera.too_wide == []


def _the_same_addresses_about_something_else(album: Album, story: Story) -> None:
    for name, request in story.requests.items():
        if name != "open":
            who = WHO_LOOKS.get(name, "bob" if "office" in name else "alice")
            album.open(f"request-{name}", who, reverse("portal:request", args=[request.public_id]))
    called = story.requests["office-called"]
    for who in ("ada", "alice"):
        album.open(f"request-office-called-{who}", who, reverse("portal:request", args=[called.public_id]))
    asked = Assignment.objects.get(visit__request=story.requests["office-begun"], visit__step_key="offers")
    shown = facts_hash(asked.visit.request, definition_of(asked.visit.request.version), "offers")
    entered = {
        "assignment": asked.pk,
        "f-amount": "many",
        "f-paid": "In parts",
        "outcome": "done",
        "shown": shown,
    }
    album.send("fill-in-wrong", "bob", album.addresses["portal:fill_in"], entered)
    for result, mail in story.mails.items():
        if result != "decided":
            album.open(file_name("mail log", result), "ada", reverse("panel:incoming_mail", args=[mail.pk]))
    for step in guide.STEPS:
        if step.key != "register":
            album.open(file_name("guide", step.key), "ada", reverse("panel:guide_step", args=[step.key]))
    home, active = reverse("portal:home"), Mailbox.objects.get(active=True)
    for name, who, address in (
        ("portal-home-nothing-waits", "fred", home),
        ("portal-home-nothing-like-it", "bob", f"{home}?q=zzz"),
        ("portal-mine-nothing", "fred", reverse("portal:mine")),
        ("portal-search-results", "bob", f"{reverse('portal:search')}?q=desk"),
        ("portal-search-nothing", "bob", f"{reverse('portal:search')}?q=zzz"),
        ("mail-log-to-look-at", "ada", f"{reverse('panel:incoming')}?state=look"),
        ("mail-log-nothing", "ada", f"{reverse('panel:incoming')}?q=zzz"),
        ("people-nobody", "ada", f"{reverse('panel:people')}?q=zzz"),
        ("person-inactive", "ada", reverse("panel:person", args=[story.left.pk])),
        ("mailbox-active", "ada", reverse("panel:mailbox", args=[active.pk])),
        ("certificate-none", "ada", reverse("panel:certificate", args=[active.pk])),
    ):
        album.open(name, who, address)


def _changes_of_a_process(album: Album) -> None:
    """Its text as two people change it, the history of that, and what differs."""
    text, compare = album.addresses["designer:text"], album.addresses["designer:compare"]
    old = newest(Process.objects.get(key="purchase"))
    assert old is not None
    first = edits.set_value(text_of(old), ["steps", "manager", "name"], "Line manager")
    album.send("designer-text-saved", "ada", text, {"text": first, "base": 0})
    wrong = edits.set_value(first, ["steps", "manager", "due"], "2 moons")
    album.send("designer-text-problems", "ada", text, {"text": wrong, "base": 2})
    other = edits.set_value(text_of(old), ["steps", "manager", "name"], "Boss")
    album.send("designer-text-conflict", "ada", text, {"text": other, "base": 1})
    album.open("designer-history-changes", "ada", album.addresses["designer:history"])
    album.open("designer-compare", "ada", f"{compare}?old=r1&new=r3")


def _answers_to_forms(album: Album, story: Story) -> None:
    addresses = album.addresses
    waiting = Assignment.objects.filter(person=story.people["bob"], state=Assignment.State.OPEN)
    picks = [f"{one.pk}:{_shown(one)}" for one in waiting.select_related("visit__request__version")]
    album.send(
        "several-once-more",
        "bob",
        addresses["portal:decide_several"],
        {"pick": picks, "outcome": "approve", "comment": "All fine"},
    )
    album.send(
        "sign-in-wrong", "", addresses["account_login"], {"login": "bob@contoso.example", "password": "x"}
    )
    album.send("password-reset-wrong", "", addresses["account_reset_password"], {"email": "not an address"})
    targets = {"zone": "Europe/Nowhere", "language": "en", "private_targets": "169.254.169.254\n127.0.0.1"}
    album.send("general-wrong", "ada", addresses["panel:general"], targets | {"home_url": "contoso"})
    album.send(
        "alarms-wrong", "ada", addresses["panel:alarms"], {"minutes": "2", "address": "http://10.0.0.1/hook"}
    )
    entered = {"name": "Erin Engineer", "address": "erin@contoso.example"}
    album.send("person-saved", "ada", addresses["panel:add_person"], entered)
    for name, text in (("approved", "ok, go ahead"), ("unclear", "Approved for 500 EUR")):
        album.send(f"try-reply-{name}", "ada", addresses["panel:try_reply"], {"text": text})
    _trials(album, addresses)
    mailbox = Mailbox.objects.get(active=True)
    album.send("connection-test", "ada", reverse("panel:check", args=[mailbox.pk]))
    album.send("connection-test-failed", "ada", addresses["panel:check"])


def _trials(album: Album, addresses: Mapping[str, str]) -> None:
    """A process is tried: a start that does not fit, a story, and what is kept of it."""
    process = Process.objects.get(key="purchase")
    start = {
        "do": "start", "source": str(process.versions.latest("number").number), "at": "2027-03-01T10:00",
        "person": "alice@contoso.example", "f-item": "A desk", "f-amount": "750", "f-reason": "The old one broke",
    }  # fmt: skip
    album.send("try-wrong", "ada", addresses["designer:try"], start | {"person": "nobody"})
    album.send("try-story", "ada", addresses["designer:try"], start)
    events: list[Event] = [
        Start("alice@contoso.example", {"item": "A desk", "amount": "750", "reason": "New"}, clock.now()),
        Jump(),
        Reply("bob@contoso.example", "Yes, go ahead"),
    ]
    source = process.versions.latest("number")
    story = {"t": try_state.signed(process, try_state.State(start["source"], events))}
    album.open("try-story-later", "ada", f"{addresses['designer:try']}?{urlencode(story)}")
    cases.keep(process, "A desk", source, events[:1], Person.objects.get(email="ada@contoso.example"))
    album.open("cases-run", "ada", f"{addresses['designer:cases']}?run={start['source']}")
    drafts.store("purchase", process.name, drafts.text_of(source), replace=True)
    album.send("replay-run", "ada", addresses["designer:replay"])


def _shown(asked: Assignment) -> str:
    request = asked.visit.request
    return facts_hash(request, definition_of(request.version))


def _errors(camera: Camera, album: Album) -> None:
    album.open("error-404-signed-in", "bob", "/nothing-here/")
    album.open("error-403-signed-in", "bob", reverse("panel:home"))
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    for template in sorted(TEMPLATES.glob("[0-9]*.html")):
        camera.take_of(f"error-{file_name(template.stem)}", render_to_string(template.name, request=request))


def _in_trouble(album: Album, story: Story) -> None:
    mailbox = Mailbox.objects.get(active=True)
    trouble = FixNeeded("The client secret has expired.", "Make a new one in Entra ID, and enter it here.")
    pool.failed(mailbox, trouble)
    silent = timezone.now() - timedelta(minutes=42)
    Mailbox.objects.filter(pk=mailbox.pk).update(last_poll_at=silent, active_since=silent)
    Outage.objects.create(mailbox=mailbox, since=silent)
    for name in ("home", "alarms", "remote_approval", "diagnostics"):
        address = reverse(f"panel:{name}")
        album.open(file_name("in trouble", name), "ada", address)


def _mails(camera: Camera) -> None:
    for name, html, _text in every_mail("en"):
        camera.take_of(f"mail-{file_name(name)}", html)
