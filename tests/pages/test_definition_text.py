"""Processes → a process → Text and History: the YAML of its draft, who changed what, and ways back."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.approvals import drafts, owning
from placet.approvals.models import DraftRevision, Process, ProcessDraft, Version
from placet.approvals.processes import publish
from placet.cli import main
from placet.designer import revisions
from tests.designer.test_edits import SMALL
from tests.pages.browsing import sign_in, window

As = Callable[[Person | None], Client]

pytestmark = pytest.mark.django_db

TEXT = "/processes/small/text/"
HISTORY = "/processes/small/history/"
COMPARE = "/processes/small/history/compare/"


@pytest.fixture
def owner(bob: Person) -> Person:
    """Of a process that is published."""
    publish(SMALL, bob)
    owning.add_owner(Process.objects.get(key="small"), bob)
    return bob


@pytest.fixture
def draft(owner: Person) -> ProcessDraft:
    return drafts.begin(Process.objects.get(key="small"), owner)


def save(client: Client, text: str, base: int) -> object:
    return client.post(TEXT, {"text": text.replace("\n", "\r\n"), "base": base}, follow=True)


# --- the text ---------------------------------------------------------------------------------------------


def test_the_text_of_a_published_process_is_shown_and_looking_begins_no_draft(owner: Person, as_: As) -> None:
    shown = as_(owner).get(TEXT).content.decode()
    assert "# A process to try things with." in shown
    assert "saving a change begins one" in shown
    assert not ProcessDraft.objects.exists()


def test_what_is_saved_is_a_revision_with_its_comments_and_its_author(owner: Person, as_: As) -> None:
    answer = as_(owner).post(
        TEXT, {"text": SMALL.replace("name: Finance", "name: Money").replace("\n", "\r\n"), "base": 0}
    )
    assert answer.status_code == 302
    draft = ProcessDraft.objects.get()
    made = draft.revisions.get(number=2)
    assert draft.text == SMALL.replace("name: Finance", "name: Money")
    assert (made.by, made.change) == (owner, "Step “Finance” is called “Money” now.")


def test_the_command_prints_the_same_text(
    draft: ProcessDraft, owner: Person, as_: As, capsys: pytest.CaptureFixture[str]
) -> None:
    save(as_(owner), SMALL + "# the end\n", 1)
    assert main(["process", "draft", "small"]) == 0
    assert capsys.readouterr().out == SMALL + "# the end\n"


def test_what_is_no_yaml_is_kept_as_it_was_typed_and_its_line_named(
    draft: ProcessDraft, owner: Person, as_: As
) -> None:
    client = as_(owner)
    typed = SMALL.replace("name: Small  # a name", "name: [Small </textarea><b>")
    save(client, typed, 1)
    assert ProcessDraft.objects.get().text == typed
    shown = client.get(TEXT).content.decode()
    assert "name: [Small &lt;/textarea&gt;&lt;b&gt;" in shown
    assert "This is not YAML" in shown
    assert 'data-line="3"' in shown
    assert DraftRevision.objects.get(number=2).change == "Changed as text; it is no YAML."


def test_problems_name_the_lines_that_they_are_about(draft: ProcessDraft, owner: Person, as_: As) -> None:
    client = as_(owner)
    typed = SMALL.replace("outcome: sent, to: done", "outcome: sent, to: nowhere").replace(
        "due: 2 working days", "due: 2 moons"
    )
    save(client, typed, 1)
    shown = client.get(TEXT).content.decode()
    line = typed.splitlines().index("    due: 2 moons") + 1
    assert f'data-line="{line}"' in shown
    assert '<code class="problem-line">due: 2 moons</code>' in shown
    save(client, typed.replace("2 moons", "2 days"), 2)
    line = typed.splitlines().index("  - {from: told, outcome: sent, to: nowhere}") + 1
    assert f'data-line="{line}"' in client.get(TEXT).content.decode()


def test_a_text_that_is_too_long_comes_back_and_is_not_kept(
    draft: ProcessDraft, owner: Person, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "LONGEST_TEXT", 2000)
    answer = as_(owner).post(TEXT, {"text": "# typed with care\n" + "x" * 2000, "base": 1})
    assert answer.status_code == 422
    assert "# typed with care" in answer.content.decode()
    assert DraftRevision.objects.count() == 1


@pytest.mark.parametrize("name", ["Small\x00", '"Small\\0"', '"Small\\ud83d"', "!!binary AA=="])
def test_characters_that_no_database_keeps_are_a_problem_on_every_page(
    name: str, draft: ProcessDraft, owner: Person, as_: As
) -> None:
    client, typed = as_(owner), SMALL.replace("name: Small", f"name: {name}")
    answer = client.post(TEXT, {"text": typed, "base": 1}, follow=True)
    if "\x00" in name:
        assert answer.status_code == 422
        assert "no text can have: U+0000" in answer.content.decode()
        return
    assert 'data-line="3"' in answer.content.decode()
    for page in ("designer:design", "designer:process", "designer:publish", "designer:try"):
        assert client.get(reverse(page, args=["small"])).status_code == 200
    assert client.post(reverse("designer:publish", args=["small"]), {"base": 2}).status_code == 422
    assert Version.objects.count() == 1


def test_two_people_who_change_different_things_are_put_together(
    draft: ProcessDraft, owner: Person, admin: Person, as_: As
) -> None:
    save(as_(admin), SMALL.replace("name: Finance", "name: Money"), 1)
    answer = as_(owner).post(
        TEXT, {"text": SMALL.replace("name: Told", "name: Informed"), "base": 1}, follow=True
    )
    assert "together with what somebody else changed" in answer.content.decode()
    text = ProcessDraft.objects.get().text
    assert "name: Money" in text
    assert "name: Informed" in text


def test_two_people_who_change_the_same_see_both_and_nothing_is_lost(
    draft: ProcessDraft, owner: Person, admin: Person, as_: As
) -> None:
    client = as_(owner)
    save(as_(admin), SMALL.replace("name: Finance", "name: Money"), 1)
    answer = client.post(TEXT, {"text": SMALL.replace("name: Finance", "name: Funds"), "base": 1})
    shown = answer.content.decode()
    assert answer.status_code == 409
    assert f"<bdi>{admin.name}</bdi> changed the same meanwhile" in shown
    assert "name: Money" in shown
    assert "name: Funds" in shown
    assert "is called “Money” now" in shown
    assert "is called “Funds” now" in shown
    assert "name: Money" in ProcessDraft.objects.get().text
    assert "name: Funds" in DraftRevision.objects.get(number=3).text
    # Saving then is on top of theirs.
    save(client, SMALL.replace("name: Finance", "name: Funds"), 2)
    assert "name: Funds" in ProcessDraft.objects.get().text
    assert "not used" in client.get(HISTORY).content.decode()


def test_whoever_does_not_own_it_sees_none_of_it(draft: ProcessDraft, carol: Person, as_: As) -> None:
    carol.is_process_owner = True
    carol.save()
    client = as_(carol)
    for page in (TEXT, HISTORY, f"{COMPARE}?old=v1&new=v1"):
        assert client.get(page).status_code == 404
    for name in ("text", "undo", "redo", "go_back"):
        page = reverse(f"designer:{name}", args=["small"])
        assert client.post(page, {"text": "key: stolen\n", "base": 1, "to": "v1"}).status_code == 404
    assert ProcessDraft.objects.get().text == SMALL


# --- the history ------------------------------------------------------------------------------------------


def test_the_history_says_who_changed_and_published_what_and_when(
    draft: ProcessDraft, owner: Person, admin: Person, as_: As
) -> None:
    save(as_(admin), SMALL.replace("name: Finance", "name: Money"), 1)
    shown = as_(owner).get(HISTORY).content.decode()
    assert shown.index("Revision 2") < shown.index("Revision 1") < shown.index("Version 1")
    assert f"<bdi>{admin.name}</bdi>" in shown
    assert f"<bdi>{owner.name}</bdi>" in shown
    assert "Step “Finance” is called “Money” now." in shown


def test_undo_and_redo_are_buttons_that_post(draft: ProcessDraft, owner: Person, as_: As) -> None:
    client = as_(owner)
    save(client, SMALL + "# 2\n", 1)
    for name in ("undo", "redo"):
        client.get(reverse(f"designer:{name}", args=["small"]))
        assert ProcessDraft.objects.get().at == 2  # a look changes nothing
    answer = client.post(reverse("designer:undo", args=["small"]), {"base": 2}, follow=True)
    assert ProcessDraft.objects.get().at == 1
    assert "Undone: the draft stands at revision 1." in answer.content.decode()
    assert (
        "There is nothing to undo."
        in client.post(reverse("designer:undo", args=["small"]), {"base": 1}, follow=True).content.decode()
    )
    client.post(reverse("designer:redo", args=["small"]), {"base": 1, "next": TEXT})
    assert ProcessDraft.objects.get().at == 2
    elsewhere = {"base": 2, "next": "https://elsewhere.example/"}
    answer = client.post(reverse("designer:redo", args=["small"]), elsewhere)
    assert answer["Location"] == HISTORY


def test_any_two_are_compared_in_words_as_text_and_in_the_picture(
    draft: ProcessDraft, owner: Person, as_: As
) -> None:
    client = as_(owner)
    save(client, SMALL.replace("name: Finance", "name: <b>Money"), 1)
    shown = client.get(f"{COMPARE}?old=v1&new=r2").content.decode()
    assert "Step “Finance” is called “&lt;b&gt;Money” now." in shown
    assert "<del>    name: Finance</del>" in shown
    assert "<ins>    name: &lt;b&gt;Money</ins>" in shown
    assert '<ul class="picture-legend"><li>' in shown and "p-is-changed" in shown
    gone = client.get(f"{COMPARE}?old=r2&new=v1").content.decode()
    assert "p-is-changed" in gone
    assert "Both say the same." in client.get(f"{COMPARE}?old=v1&new=r1").content.decode()
    client.post(TEXT, {"text": "a: [", "base": 2})
    shown = client.get(f"{COMPARE}?old=r1&new=r3").content.decode()
    assert "One of them is no YAML" in shown
    assert "<ins>a: [</ins>" in shown
    for names in ("old=r1&new=r9", "old=x&new=r1", "old=v²&new=r1", "old=r1&new=v0", "old=&new="):
        assert client.get(f"{COMPARE}?{names}").status_code == 404
    assert client.get(f"{COMPARE}?old=r1").status_code == 302


def test_going_back_is_a_revision_more(draft: ProcessDraft, owner: Person, as_: As) -> None:
    client = as_(owner)
    save(client, SMALL.replace("name: Finance", "name: Money"), 1)
    back = reverse("designer:go_back", args=["small"])
    client.post(back, {"to": "v1", "base": 2})
    made = DraftRevision.objects.get(number=3)
    assert (made.text, made.change, made.made_of) == (SMALL, "Back to: Version 1", 2)
    # Not over the head of somebody who changed the same meanwhile.
    answer = client.post(back, {"to": "r2", "base": 1}, follow=True)
    assert ProcessDraft.objects.get().at in (3, 4)
    assert answer.status_code == 200


def test_a_process_without_a_draft_goes_back_by_beginning_one(owner: Person, as_: As) -> None:
    publish(SMALL.replace("name: Finance", "name: Money"), owner)
    as_(owner).post(reverse("designer:go_back", args=["small"]), {"to": "v1", "base": 0})
    assert ProcessDraft.objects.get().text == SMALL
    assert [one.number for one in DraftRevision.objects.all()] == [1, 2]


def test_a_version_that_is_too_long_for_a_draft_is_gone_back_to_by_nobody(
    draft: ProcessDraft, owner: Person, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(as_(owner), SMALL.replace("name: Finance", "name: Money"), 1)
    monkeypatch.setattr(revisions, "LONGEST_TEXT", 10)
    answer = as_(owner).post(
        reverse("designer:go_back", args=["small"]), {"to": "v1", "base": 2}, follow=True
    )
    assert "kB of text. Nothing was changed." in answer.content.decode()
    assert DraftRevision.objects.count() == 2


def test_no_page_asks_more_often_with_more_revisions_and_versions(
    draft: ProcessDraft, owner: Person, as_: As
) -> None:
    client = as_(owner)

    def asked(page: str) -> int:
        client.get(page)
        with CaptureQueriesContext(connection) as queries:
            assert len(client.get(page).content) < 150_000
        return len(queries)

    pages = (TEXT, HISTORY, f"{COMPARE}?old=r1&new=v1")
    few = [asked(page) for page in pages]
    for number in range(60):
        revisions.revise(draft, f"{SMALL}# {number}\n", owner, f"Change {number}", draft.at)
        publish(SMALL.replace("name: Small", f"name: Small {number}"), owner)
    assert [asked(page) for page in pages] == few
    assert "Revision 1<" in client.get(f"{HISTORY}?page=3").content.decode()


# --- in a browser -----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_problem_leads_into_its_line_and_both_pages_are_used_by_keyboard(
    chromium: Browser, live_server: LiveServer, draft: ProcessDraft, owner: Person, as_: As
) -> None:
    typed = SMALL.replace("due: 2 working days", "due: 2 moons")
    client = as_(owner)
    save(client, typed, 1)
    with window(chromium, live_server.url, "phone") as context:
        sign_in(context, client, live_server.url)
        page = context.new_page()
        page.goto(TEXT)
        page.get_by_role("link", name="Line").first.focus()
        page.keyboard.press("Enter")
        page.keyboard.type("    due: 2 working days")  # over the line that is selected
        expect(page.locator("#text")).to_have_value(SMALL)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Saved: revision 3.")
        page.goto(HISTORY)
        page.get_by_role("button", name="Undo").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("revision 2")
        page.get_by_role("radio", name="from Version 1").press("Space")
        page.get_by_role("button", name="Compare").press("Enter")
        expect(page.get_by_role("heading", name="Version 1 → Revision 2")).to_be_visible()
