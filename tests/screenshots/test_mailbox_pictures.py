"""Pictures of what administrators see of mailboxes of every kind: each form empty, filled and wrong, what is proposed
for an address, consent, the connection test, stamps, people whom mail does not reach, signatures."""

import re
from collections.abc import Iterator

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.mailboxes import pool
from placet.mailboxes.base import Half, SignInRefused
from placet.mailboxes.discovery import lookup
from placet.mailboxes.kinds import all_kinds, usual_kind
from placet.mailboxes.microsoft.server import autodiscover
from placet.mailboxes.microsoft.server.autodiscover import Autodiscovered
from placet.mailboxes.models import Mailbox
from placet.panel.kind_guides import guides
from placet.panel.mailbox_form import usable_kinds
from tests.journeys.conftest import DOMAIN
from tests.mailboxes.internet import Internet, internet
from tests.screenshots import mailboxes
from tests.screenshots.album import Album, Camera
from tests.screenshots.story import Story

NEW = "panel:new_mailbox"


@pytest.fixture
def domains(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    with internet(tmp_path_factory.mktemp("internet")) as world:
        monkeypatch.setattr(lookup, "Network", world.network)
        mailboxes.domains(world)
        yield world


@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("domains")
def test_mailboxes_of_every_kind_have_their_pictures(
    story: Story, camera: Camera, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.is_strict = True
    album = Album(story, camera, live_server.url)
    _forms(album)
    _by_address(album)
    _autodiscover(album, monkeypatch)
    made = mailboxes.other_mailboxes()
    _stored(album, made)
    _at_rest(album, made["imap"])
    people = mailboxes.unreached()
    _unreached(album, people)
    mailboxes.signers(story.people["ada"], story.people["bob"])
    _signatures(album)
    _proofs(album, story)
    for step in mailboxes.trials(made["imap"]):
        album.open(f"stamps-{step}", "ada", reverse("panel:stamps", args=[made["imap"].pk]))
    _in_french(album, story, made, people)
    assert (camera.too_wide, camera.violations) == ([], [])


def _at_rest(album: Album, mailbox: Mailbox) -> None:
    """Each half of a mailbox that is read by one kind and sends by another."""
    was_active = mailbox.active
    Mailbox.objects.filter(pk=mailbox.pk).update(active=True, active_since=timezone.now())
    for half in Half:
        refused = SignInRefused(
            "The server refused the password: 535 5.7.8 Error: authentication failed.",
            "Enter it again, and save.",
        )
        refused.half = half
        mailbox.refresh_from_db()
        pool.failed(mailbox, refused)
        album.open(f"at-rest-{half}", "ada", reverse("panel:home"))
        album.open(f"at-rest-{half}-imap", "ada", reverse("panel:mailbox", args=[mailbox.pk]))
        pool.worked(Mailbox.objects.get(pk=mailbox.pk), half)
    Mailbox.objects.filter(pk=mailbox.pk).update(active=was_active)


def _forms(album: Album) -> None:
    assert mailboxes.WRONG.keys() == {kind.key for kind in usable_kinds()}
    assert {entered["kind"] for entered, _secrets in mailboxes.STORED.values()} | {usual_kind()} == {
        kind.key for kind in usable_kinds()
    }
    new = reverse(NEW)
    for kind, wrong in mailboxes.WRONG.items():
        before = {"shown_kind": usual_kind(), **_usual(usual_kind())}
        album.send(f"mailbox-new-{kind}", "ada", new, {**before, "kind": kind, "then": "kind"})
        entered = {"kind": kind, "shown_kind": kind, **_usual(kind), "poll_seconds": "2", **wrong}
        album.send(f"mailbox-wrong-{kind}", "ada", new, entered)
    for guide in guides():
        album.open(f"guide-of-{guide.key}", "ada", guide.url)


def _usual(kind: str) -> dict[str, str]:
    """What the form of a kind begins with."""
    class_ = all_kinds()[kind].settings_class
    names = {row.name for row in class_.rows if row.kind not in ("bool", "list")}
    usual = class_.usual().items()
    return {name: str(value) for name, value in usual if name in names and value is not None}


def _by_address(album: Album) -> None:
    look_up = reverse("panel:look_up_mailbox")
    for name, address in mailboxes.LOOKED_UP.items():
        album.send(f"mailbox-looked-up-{name}", "ada", look_up, {"address": address})
    page = album.client("ada").post(look_up, {"address": mailboxes.LOOKED_UP["provider"]}).content.decode()
    form = re.search(r"<form[^>]*proposal/.*?</form>", page, re.DOTALL)
    assert form is not None
    proposed = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[0]))
    album.send("mailbox-as-proposed", "ada", reverse("panel:use_proposal"), proposed)


def _autodiscover(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = reverse("panel:autodiscover")
    typed = {
        **_usual("exchange-server"),
        "kind": "exchange-server",
        "username": f"approvals@{DOMAIN}",
        "exchange_password": "typed",
    }
    monkeypatch.setattr(autodiscover, "places", lambda domain, authorities: mailboxes.PLACES)
    album.send("autodiscover-no-address", "ada", ask, {**typed, "username": ""})
    monkeypatch.setattr(
        autodiscover, "ask", lambda caller, address: Autodiscovered(servers=(f"mail.{DOMAIN}",))
    )
    album.send("autodiscover-places", "ada", ask, typed)
    place = {"ask_at": f"autodiscover.{DOMAIN}"}
    album.send("autodiscover-no-password", "ada", ask, {**typed, **place, "exchange_password": ""})
    album.send("autodiscover-server", "ada", ask, {**typed, **place})
    album.send("autodiscover-used", "ada", ask, {**typed, "use_server": f"mail.{DOMAIN}"})


def _stored(album: Album, made: dict[str, Mailbox]) -> None:
    for name, mailbox in made.items():
        album.open(f"mailbox-{name}", "ada", reverse("panel:mailbox", args=[mailbox.pk]))
    for name in ("imap-by-consent", "agreed"):
        album.open(f"consent-{name}", "ada", reverse("panel:consent", args=[made[name].pk]))
    album.send("connection-test-imap", "ada", reverse("panel:check", args=[made["imap-by-consent"].pk]))
    album.open("remove-imap", "ada", reverse("panel:remove_mailbox", args=[made["imap"].pk]))


def _unreached(album: Album, people: dict[str, Person]) -> None:
    for name, person in people.items():
        album.open(f"person-{name}", "ada", reverse("panel:person", args=[person.pk]))
    album.open("people-dead", "ada", f"{reverse('panel:people')}?show=dead")


def _signatures(album: Album) -> None:
    page = reverse("panel:signatures")
    album.open("signatures-of-some", "ada", page)
    for step in ("authority", "list", "key"):
        wrong = {"step": step, "file": SimpleUploadedFile("x", b"x"), "address": f"nobody@{DOMAIN}"}
        album.send(f"signatures-wrong-{step}", "ada", page, wrong)


def _proofs(album: Album, story: Story) -> None:
    request = mailboxes.decided_by_each_proof(story.people, story.second)
    for who in ("alice", "ada"):
        album.open(f"request-proofs-{who}", who, reverse("portal:request", args=[request.public_id]))


def _in_french(album: Album, story: Story, made: dict[str, Mailbox], people: dict[str, Person]) -> None:
    story.people["ada"].language = "fr"
    story.people["ada"].save()
    for name, mailbox in made.items():
        album.open(f"french-mailbox-{name}", "ada", reverse("panel:mailbox", args=[mailbox.pk]))
    for kind, wrong in mailboxes.WRONG.items():
        album.send(
            f"french-mailbox-wrong-{kind}", "ada", reverse(NEW), {"kind": kind, "shown_kind": kind, **wrong}
        )
    for guide in guides():
        album.open(f"french-guide-of-{guide.key}", "ada", guide.url)
    look_up = reverse("panel:look_up_mailbox")
    album.send("french-mailbox-looked-up", "ada", look_up, {"address": mailboxes.LOOKED_UP["provider"]})
    for name, address in (
        ("consent", reverse("panel:consent", args=[made["agreed"].pk])),
        ("stamps", reverse("panel:stamps", args=[made["imap"].pk])),
        ("signatures", reverse("panel:signatures")),
        ("person-dead", reverse("panel:person", args=[people["dead"].pk])),
        ("people-dead", f"{reverse('panel:people')}?show=dead"),
    ):
        album.open(f"french-{name}", "ada", address)
    album.send("french-connection-test", "ada", reverse("panel:check", args=[made["imap-by-consent"].pk]))
