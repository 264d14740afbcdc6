"""What calls ask, on pages: looked at like any other request, written and started by nobody."""

from collections.abc import Callable
from email import message_from_bytes, policy

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse

from placet.accounts.models import Group, Person
from placet.approvals import ad_hoc
from placet.approvals.ad_hoc_definition import Call
from placet.approvals.models import Draft, ProcessDraft, Request, Version
from placet.designer import urls
from placet.mail.models import OutgoingMail
from placet.panel.naming import processes_naming
from tests.making import make_mailbox

pytestmark = pytest.mark.django_db
As = Callable[[Person | None], Client]

EXACTLY = "rm -rf /srv/<b>old</b>\n   --force"
#: What is looked at, and what its owners say of it without writing it.
LOOKED_AT = (
    "process", "copy", "owners", "retire", "bring_back", "text_file", "schema_file", "bpmn_file", "history", "compare",
    "draft_file", "report", "report_file", "discard", "template", "chats",
)  # fmt: skip


@pytest.fixture
def request_(version: Version, alice: Person, bob: Person) -> Request:
    return ad_hoc.ask(Call("Delete it", to=["bob@contoso.example"], exactly=EXACTLY), alice)


def test_its_process_is_looked_at_and_written_by_nobody(as_: As, admin: Person, request_: Request) -> None:
    key, browser = request_.version.process.key, as_(admin)
    assert "by calls" in browser.get(reverse("designer:processes")).content.decode()
    page = browser.get(reverse("designer:process", args=[key])).content.decode()
    assert "Programs ask for approvals here, by keys of <bdi>Alice Requester</bdi>." in page
    assert reverse("portal:start_form", args=[key]) not in page
    assert "/design/" not in page
    assert "Version 1" in browser.get(reverse("designer:history", args=[key])).content.decode()
    assert browser.get(reverse("designer:text_file", args=[key])).status_code == 200
    written = 0
    for pattern in urls.urlpatterns:
        try:
            address = reverse(f"designer:{pattern.name}", args=[key])
        except NoReverseMatch:
            continue
        if pattern.name in LOOKED_AT:
            continue
        statuses = {browser.get(address).status_code, browser.post(address, {"base": "0"}).status_code}
        assert statuses <= {302, 403, 405}, pattern.name
        written += 403 in statuses
    assert written > 10
    assert not ProcessDraft.objects.exists()


def test_nobody_starts_it_on_a_page(as_: As, alice: Person, request_: Request) -> None:
    key, browser = request_.version.process.key, as_(alice)
    assert browser.get(reverse("portal:start")).url == reverse("portal:start_form", args=["purchase"])  # type: ignore[attr-defined]
    assert browser.get(reverse("portal:start_form", args=[key])).status_code == 404
    assert browser.post(reverse("portal:start_form", args=[key]), {"do": "save"}).status_code == 404
    shown = browser.get(reverse("portal:request", args=[request_.public_id])).content.decode()
    assert "Start again" not in shown
    assert browser.post(reverse("portal:start_again", args=[request_.public_id])).status_code == 403
    assert not Draft.objects.exists()


def test_whoever_is_asked_sees_exactly_what_is_to_be_done(as_: As, bob: Person, request_: Request) -> None:
    shown = as_(bob).get(reverse("portal:request", args=[request_.public_id])).content.decode()
    # A line for each line, so that one that is wrapped is not taken for two.
    lines = "<span>rm -rf /srv/&lt;b&gt;old&lt;/b&gt;\n</span><span>   --force\n</span>"
    assert f'<pre class="exact" dir="ltr">{lines}</pre>' in shown
    assert "<dt>Who is asked</dt>" not in shown
    card = as_(bob).get(reverse("portal:home")).content.decode()
    assert "Read all of it, and answer" in card
    ad_hoc.ask(Call("Order it", ("bob@contoso.example",)), request_.requester)
    assert as_(bob).get(reverse("portal:home")).content.decode().count('class="pick"') == 1
    assert 'name="outcome"' not in card


def test_a_mail_numbers_the_lines_of_what_exactly_is_to_be_done(alice: Person, bob: Person) -> None:
    make_mailbox()
    ad_hoc.ask(Call("Delete it", (bob.email,), exactly=EXACTLY), alice)
    letter = message_from_bytes(bytes(OutgoingMail.objects.get().raw), policy=policy.default)
    page, text = letter.get_body(("html",)), letter.get_body(("plain",))
    assert page is not None and text is not None
    assert "<li>rm -rf /srv/&lt;b&gt;old&lt;/b&gt;</li><li>   --force</li></ol>" in page.get_content()
    assert "    | rm -rf /srv/<b>old</b>\n    |    --force\n" in text.get_content().replace("\r\n", "\n")


def test_a_group_that_is_asked_is_known_to_be_named(alice: Person, bob: Person) -> None:
    Group.objects.create(key="team", name="Team").members.add(bob)
    ad_hoc.ask(Call("Order it", group="team"), alice)
    assert processes_naming(group="team") == ["Approvals asked by Alice Requester"]
    assert processes_naming(group="other") == []


def test_of_many_versions_only_a_page_is_read(as_: As, admin: Person, request_: Request) -> None:
    process, version = request_.version.process, request_.version
    Version.objects.bulk_create(
        [
            Version(
                process=process, number=number, definition=version.definition, call_digest=f"{number:064x}"
            )
            for number in range(2, 120)
        ]
    )
    browser, address = as_(admin), reverse("designer:history", args=[process.key])
    with CaptureQueriesContext(connection) as context:
        shown = browser.get(address, {"page": "2"}).content.decode()
    assert "Version 69" in shown
    assert "Version 119" not in shown
    reading = [one["sql"] for one in context.captured_queries if 'FROM "approvals_version"' in one["sql"]]
    assert reading
    assert [sql for sql in reading if "LIMIT" not in sql and "COUNT(" not in sql] == []
