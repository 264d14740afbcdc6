"""Pages on which a process is tried, its test cases, and the replay of its requests."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.approvals import drafts, engine, owning
from placet.approvals.models import Decision, Process, Request
from placet.approvals.processes import publish
from placet.designer import cases, replay_views, try_state, trying
from placet.designer import replay as replaying
from placet.designer.models import TestCase as KeptCase
from placet.designer.trying_events import Answer
from tests.designer.test_replay import TWO_STEPS
from tests.designer.trials import PURCHASE
from tests.designer.whole_database import contents
from tests.pages.browsing import complaints_of, sign_in, window
from tests.pages.test_every_page import too_wide, violations

As = Callable[[Person | None], Client]
START = {
    "do": "start",
    "source": "1",
    "person": "alice@contoso.example",
    "at": "2027-03-01T10:00",
    "f-item": "Chair",
    "f-amount": "200",
}
#: Another person decides, by another name of the step.
OTHERWISE = PURCHASE.replace("ask: [{manager: true}]", "ask: [{person: carol@contoso.example}]")


@pytest.fixture(autouse=True)
def a_busy_machine_ends_no_play(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "MOST_SECONDS", 300.0)
    monkeypatch.setattr(cases, "MOST_SECONDS", 3000.0)


@pytest.fixture
def process(alice: Person, carol: Person, db: None) -> Process:
    return publish(PURCHASE).process


@pytest.fixture
def owner(process: Process, dave: Person) -> Person:
    owning.add_owner(process, dave)
    return dave


@pytest.fixture
def page(owner: Person, as_: As) -> Client:
    return as_(owner)


def draft(process: Process, text: str = OTHERWISE) -> None:
    drafts.store(process.key, process.name, text, replace=True)


def text_of(answer: Any) -> str:
    """Without markup, on one line."""
    return " ".join(unescape(re.sub("<[^>]+>", " ", answer.content.decode())).split())


def trial(page: Client, key: str = "purchase", **more: str) -> tuple[str, Any]:
    """The signed trial, and its page, after a start."""
    return go_on(page, page.post(f"/processes/{key}/try/", START | more))


def go_on(page: Client, answer: Any) -> tuple[str, Any]:
    assert answer.status_code == 302, text_of(answer)
    address = str(answer["Location"])
    return parse_qs(urlsplit(address).query)["t"][0], page.get(address)


def after(page: Client, t: str, **sent: str) -> tuple[str, Any]:
    return go_on(page, page.post("/processes/purchase/try/", {"t": t, **sent}))


BY_BOB = {"by": "bob@contoso.example", "step": "manager"}


def test_what_an_answer_rests_on_stands_in_the_marks_of_the_readers_language(
    page: Client, owner: Person
) -> None:
    Person.objects.filter(pk=owner.pk).update(language="fr")
    t, _shown = trial(page)
    _t, shown = after(page, t, do="reply", text="Yes, go ahead", **BY_BOB)
    facts = shown.content.decode().rpartition('<dl class="facts">')[2].partition("</dl>")[0]
    assert "«\N{NO-BREAK SPACE}<bdi>Yes" in facts
    assert "“<bdi>" not in facts


def test_a_process_is_tried_from_start_to_end(page: Client) -> None:
    before = contents()
    t, shown = trial(page)
    assert "Bob Manager (bob@contoso.example) is asked: manager of the requester." in text_of(shown)
    assert "Please decide: Chair" in text_of(shown) and "<svg" in shown.content.decode()
    t, shown = after(page, t, do="reply", text="perhaps later", **BY_BOB)
    assert "decides nothing" in text_of(shown)
    t, shown = after(page, t, do="jump")
    assert "is reminded" in text_of(shown)
    t, shown = after(page, t, do="reply", text="Yes, go ahead", **BY_BOB)
    assert "The request ends: Approved." in text_of(shown)
    assert re.search("it rests on .{0,9}Yes.{0,9}go ahead", text_of(shown))
    _t, shown = after(page, t, do="back")
    assert "The request ends" not in text_of(shown)
    after_it = contents()
    assert {table for table in before if before[table] != after_it[table]} <= {"django_session"}


def test_reload_and_the_back_button_show_the_same(page: Client) -> None:
    t, shown = trial(page)
    again = page.get("/processes/purchase/try/", {"t": t})
    without_codes = re.compile(r"%23[a-z2-7]{16}|[a-z2-7]{16}|[0-9a-f]{16}|[0-9a-f-]{36}")
    assert without_codes.sub("", text_of(again)) == without_codes.sub("", text_of(shown))


def test_an_answer_on_the_page(page: Client) -> None:
    t, _shown = trial(page)
    _t, shown = after(page, t, do="answer:reject", comment="too dear", **BY_BOB)
    assert "Bob Manager answers “Reject” in “Manager”. too dear" in text_of(shown)


def test_what_the_page_of_a_step_asks_is_answered_too(page: Client, process: Process) -> None:
    draft(process, TWO_STEPS)
    t, shown = trial(page, source="draft")
    assert "Fill in what the page asks, too" in text_of(shown) and "f-centre" not in shown.content.decode()
    opened = page.get("/processes/purchase/try/", {"t": t, "answer": "0"}).content.decode()
    assert 'name="f-centre"' in opened and 'name="q-0-why"' in opened
    entered = {"fields": "yes", "f-centre": "4711", "q-0-why": "It broke"}
    state = try_state.read(process, after(page, t, do="answer:approve", **BY_BOB, **entered)[0])
    assert state is not None
    assert state.events[1] == Answer(
        "bob@contoso.example", "manager", "approve", "", {"why": "It broke"}, {"centre": "4711"}
    )


def test_a_moment_is_jumped_to(page: Client) -> None:
    t, _shown = trial(page)
    _t, shown = after(page, t, do="to", to="2027-03-10T09:00")
    assert "Nobody answered “Manager” in time, so it ends." in text_of(shown)


@pytest.mark.parametrize("at", ["0001-01-01T00:00", "9999-12-31T23:59"])
def test_a_moment_at_the_end_of_all_calendars_is_none(at: str, page: Client) -> None:
    assert page.post("/processes/purchase/try/", START | {"at": at}).status_code == 422
    began = page.post("/processes/purchase/try/", START)
    [trial] = parse_qs(urlsplit(began["Location"]).query)["t"]
    answer = page.post("/processes/purchase/try/", {"t": trial, "do": "to", "to": at}, follow=True)
    assert "Nothing was entered, so nothing happened." in answer.content.decode()


def test_what_was_not_entered_happens_not(page: Client) -> None:
    t, _shown = trial(page)
    same, shown = after(page, t, do="reply", text=" ", **BY_BOB)
    assert same == t or "nothing happened" in text_of(shown)


def test_a_form_that_does_not_fit_comes_back_as_it_was_typed(page: Client) -> None:
    answer = page.post("/processes/purchase/try/", START | {"f-amount": "much"})
    assert answer.status_code == 422
    assert "Amount: Please write a number" in text_of(answer) and 'value="much"' in answer.content.decode()
    answer = page.post("/processes/purchase/try/", START | {"person": "nobody@contoso.example"})
    assert answer.status_code == 422 and "Nobody here is called" in text_of(answer)


def test_a_draft_with_mistakes_says_them(page: Client, process: Process) -> None:
    draft(process, PURCHASE.replace("start: manager", "start: nowhere"))
    shown = text_of(page.get("/processes/purchase/try/"))
    assert "put right" in shown and "nowhere" in shown
    assert "Bob" in text_of(trial(page)[1])  # what is published can be tried still


def test_the_draft_is_compared_with_what_is_published(page: Client, process: Process) -> None:
    draft(process)
    _t, shown = trial(page, source="draft")
    assert "The published version would do this otherwise:" in text_of(shown)
    assert "carol@contoso.example (expected: bob@contoso.example)" in text_of(shown)


def test_a_mail_is_shown_in_a_frame_that_can_do_nothing(page: Client) -> None:
    t, shown = trial(page)
    assert "open>" in shown.content.decode()
    [frame] = re.findall(r'<iframe class="try-frame" src="([^"]+)" sandbox=""', shown.content.decode())
    mail = page.get(unescape(frame))
    assert mail.status_code == 200 and "Please decide: Chair" in mail.content.decode()
    assert "sandbox" in mail["Content-Security-Policy"] and mail["X-Frame-Options"] == "SAMEORIGIN"
    assert "href=" not in mail.content.decode()
    assert page.get("/processes/purchase/try/mail/", {"t": t, "n": "7"}).status_code == 404
    assert page.get("/processes/purchase/try/mail/", {"t": "x", "n": "0"}).status_code == 404


def test_what_is_not_signed_for_this_process_is_no_trial(page: Client, admin: Person, as_: As) -> None:
    t, _shown = trial(page)
    publish(PURCHASE.replace("key: purchase", "key: another"))
    answer = as_(admin).get("/processes/another/try/", {"t": t}, follow=True)
    assert "cannot be read" in text_of(answer)
    answer = page.post("/processes/purchase/try/", {"t": t + "x", "do": "jump"}, follow=True)
    assert "cannot be read" in text_of(answer)


def test_a_long_trial_travels_in_the_form(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet.designer.try_views.LONGEST_ADDRESS", 10)
    answer = page.post("/processes/purchase/try/", START)
    assert answer.status_code == 200 and "Bob Manager" in text_of(answer)
    [t] = set(re.findall(r'name="t" value="([^"]+)"', answer.content.decode()))
    answer = page.post("/processes/purchase/try/", {"t": t, "do": "reply", "text": "approved", **BY_BOB})
    assert "The request ends: Approved." in text_of(answer)


def test_whoever_starts_is_suggested(page: Client) -> None:
    assert "alice@contoso.example" in page.get("/processes/-/people/", {"person": "ali"}).content.decode()
    assert page.get("/processes/-/people/", {"person": "a"}).content.strip() == b""


def test_a_process_of_somebody_else_is_not_there(page: Client) -> None:
    publish(PURCHASE.replace("key: purchase", "key: another"))
    for what in ("try/", "try/mail/", "cases/", "replay/"):
        assert page.get(f"/processes/another/{what}").status_code == 404
        assert page.post(f"/processes/another/{what}").status_code == 404


# --- test cases -------------------------------------------------------------------------------------------


def test_a_trial_is_kept_and_run(page: Client, process: Process) -> None:
    t, _shown = trial(page)
    t, _shown = after(page, t, do="answer:approve", **BY_BOB)
    answer = page.post("/processes/purchase/try/", {"t": t, "do": "keep", "name": "A  chair"}, follow=True)
    assert "“A chair” is a test case of this process now." in text_of(answer)
    case = KeptCase.objects.get()
    assert case.expected == {
        "path": ["manager=approve"], "asked": {"manager": ["bob@contoso.example"]}, "result": "approved",
    }  # fmt: skip
    assert "All test cases come out as expected." in text_of(page.get("/processes/purchase/cases/?run=1"))
    draft(process)
    shown = text_of(page.get("/processes/purchase/cases/?run=draft"))
    assert "1 test case comes out otherwise." in shown
    assert "Asked in manager: carol@contoso.example (expected: bob@contoso.example)." in shown
    page.post("/processes/purchase/cases/", {"remove": case.pk})
    assert not KeptCase.objects.exists()


def test_two_cases_have_two_names(page: Client) -> None:
    t, _shown = trial(page)
    sent = {"t": t, "do": "keep", "name": "A chair"}
    page.post("/processes/purchase/try/", sent)
    assert "already" in text_of(page.post("/processes/purchase/try/", sent, follow=True))
    assert KeptCase.objects.count() == 1


# --- replay -----------------------------------------------------------------------------------------------


def started(process: Process, *amounts: str) -> list[Request]:
    alice, bob = (Person.objects.get(email=f"{name}@contoso.example") for name in ("alice", "bob"))
    version = process.versions.get()
    found = []
    for amount in amounts:
        one = engine.start(version, alice, {"item": f"Chair {amount}", "amount": amount})
        seat = one.visits.get().assignments.get()
        engine.decide(seat.pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
        found.append(one)
    return found


def test_requests_are_run_through_the_draft_in_chunks(
    process: Process, admin: Person, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(process, "100", "200", "300")
    draft(process)
    monkeypatch.setattr(replaying, "SECONDS", 0.0)  # one in each chunk
    page = as_(admin)
    before = contents()
    assert "3 requests of this process" in text_of(page.get("/processes/purchase/replay/"))
    answer = page.post("/processes/purchase/replay/")
    assert "1 of 3 were run." in text_of(answer)
    for played in (2, 3):
        [p] = re.findall(r'name="p" value="([^"]+)"', answer.content.decode())
        answer = page.post("/processes/purchase/replay/", {"p": p}, headers={"HX-Request": "true"})
        assert f"{played} of 3 were run." in text_of(answer)
    assert "Go on" not in text_of(answer) and "3 would go another way." in text_of(answer)
    assert "Asked in manager: carol@contoso.example (expected: bob@contoso.example)." in text_of(answer)
    after_it = contents()
    assert {table for table in before if before[table] != after_it[table]} <= {"django_session"}


def test_only_those_are_run_that_the_reader_may_see(page: Client, process: Process, owner: Person) -> None:
    started(process, "100")
    draft(process)
    visible = replaying.to_replay(process, owner).count()
    answer = text_of(page.post("/processes/purchase/replay/"))
    assert f"{visible} of {visible} were run." in answer
    assert ("Chair 100" in answer) == bool(visible)


def test_a_draft_that_does_the_same_leaves_no_difference(process: Process, admin: Person, as_: As) -> None:
    started(process, "100")
    draft(process, PURCHASE)
    answer = text_of(as_(admin).post("/processes/purchase/replay/"))
    assert "Go on" not in answer and "None of them would go another way." in answer


def test_one_that_cannot_be_played_is_counted(
    process: Process, admin: Person, alice: Person, as_: As
) -> None:
    started(process, "100")
    Person.objects.filter(pk=alice.pk).update(is_active=False)
    draft(process)
    answer = text_of(as_(admin).post("/processes/purchase/replay/"))
    assert "1 could not be played" in answer and "None of them would go another way." in answer


def test_older_requests_are_not_run(process: Process, admin: Person) -> None:
    [one] = started(process, "100")
    Request.objects.filter(pk=one.pk).update(created_at=one.created_at.replace(year=one.created_at.year - 1))
    assert not replaying.to_replay(process, admin).exists()


def test_progress_that_somebody_else_signed_begins_anew(process: Process, admin: Person, as_: As) -> None:
    started(process, "100")
    draft(process)
    forged = try_state.signed(process, try_state.State("draft"))
    assert "1 of 1 were run." in text_of(as_(admin).post("/processes/purchase/replay/", {"p": forged}))
    assert replay_views.Progress.read(forged, "x") == replay_views.Progress()


# --- in a browser -----------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("size", "scheme", "scripted"), [("phone", "dark", False), ("wide", "light", True)], ids=["phone", "wide"]
)
def test_it_is_tried_in_a_browser(
    size: str, scheme: str, scripted: bool, chromium: Browser, live_server: LiveServer, process: Process,
    owner: Person, as_: As,
) -> None:  # fmt: skip
    with window(chromium, live_server.url, size, scheme, scripted) as context:
        sign_in(context, as_(owner), live_server.url)
        page = context.new_page()
        complaints = complaints_of(page)
        page.goto("/processes/purchase/try/")
        page.get_by_label("Started by").fill("alice@contoso.example")
        page.get_by_label("Item").fill("Chair")
        page.get_by_label("Amount").fill("200")
        _looked_at(page, scripted)
        page.get_by_role("button", name="Start the trial").last.click()
        page.frame_locator("iframe.try-frame").first.get_by_text("Please decide").first.wait_for()
        page.get_by_label("Reply by mail, in your own words").fill("Yes, go ahead")
        page.get_by_role("button", name="Send the reply").click()
        page.get_by_text("The request ends: Approved.").wait_for()
        _looked_at(page, scripted)
        page.get_by_label("Name").fill("A chair")
        page.get_by_role("button", name="Save as test case").click()
        page.get_by_role("button", name="Run all with version 1").click()
        page.get_by_text("All test cases come out as expected.").wait_for()
        _looked_at(page, scripted)
        page.go_back()
        page.go_back()
        # A frame may be left while it is loaded, and axe does not get into one that is in a sandbox.
        assert [one for one in complaints if "/try/mail/" not in one and "postMessage" not in one] == []


def _looked_at(page: Page, scripted: bool) -> None:
    assert not too_wide(page) if scripted else True
    if scripted:
        assert violations(page) == []
