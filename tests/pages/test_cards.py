"""The designer's pages: cards of steps, and what their forms make of the text of a draft."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet.accounts.models import Person
from placet.approvals import drafts, owning
from placet.approvals.models import ProcessDraft, Request, Version
from placet.approvals.processes import parse_definition, publish
from placet.approvals.steps import KEY
from placet.audit.models import AuditEntry
from placet.designer import cases, edits, revisions
from placet.designer.reading import read
from placet.designer.trying_events import Answer, Start
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.pages.conftest import HOSTILE

As = Callable[[Person | None], Client]
PURCHASE = Path("placet/approvals/samples/purchase.yaml")
SAMPLE_TEXT = PURCHASE.read_text(encoding="utf-8")
SAMPLES = sorted(Path("placet/approvals/samples").glob("*.yaml"))


def made(sample: Path) -> ProcessDraft:
    return drafts.store(sample.stem, sample.stem, sample.read_text(encoding="utf-8"))


def form_with(page: bytes, name: str) -> dict[str, str]:
    """What a browser would send of the form that has this input, when nobody touched it."""
    forms = lxml.html.document_fromstring(page.decode()).forms
    return dict(next(form for form in forms if form.xpath(f'.//*[@name="{name}"]')).form_values())


def text_of(draft: ProcessDraft) -> str:
    return ProcessDraft.objects.get(pk=draft.pk).text


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_form_that_nobody_touched_leaves_every_letter_of_the_text(
    sample: Path, admin: Person, as_: As
) -> None:
    draft, browser = made(sample), as_(admin)
    before = draft.text
    reading = read(before, sample.stem)
    pages = [reverse("designer:step", args=[sample.stem, key]) for key in reading.steps]
    pages += [reverse("designer:form_part", args=[sample.stem, n]) for n in range(len(reading.data["form"]))]
    pages += [reverse("designer:design_settings", args=[sample.stem])]
    for address in pages:
        page = browser.get(address)
        assert page.status_code == 200
        answer = browser.post(address, form_with(page.content, "label" if "/form/" in address else "name"))
        assert answer.status_code == 302, address
        assert text_of(draft) == before, address


def form_of(browser: Client, address: str) -> dict[str, str]:
    return form_with(browser.get(address).content, "label" if "/form/" in address else "name")


def shown(answer: Any) -> Any:
    """The page, as elements."""
    return lxml.html.document_fromstring(answer.content.decode())


STEP = "/processes/purchase/design/steps/manager/"


def test_opening_pages_begins_no_draft_and_the_first_change_does(admin: Person, as_: As) -> None:
    publish(SAMPLE_TEXT)
    browser = as_(admin)
    form = form_of(browser, STEP)
    assert form["base"] == "0"
    assert not ProcessDraft.objects.exists()
    assert browser.post(STEP, form | {"name": "Boss"}).status_code == 302
    draft = ProcessDraft.objects.get()
    assert draft.text == SAMPLE_TEXT.replace("name: Manager", "name: Boss")
    assert draft.revisions.get(number=draft.at).by == admin


def test_a_draft_that_is_just_begun_lacks_steps_and_that_is_one_thing(admin: Person, as_: As) -> None:
    drafts.store("purchase", "Purchase", "key: purchase\nname: Purchase\n")
    browser = as_(admin)
    cards = shown(browser.get("/processes/purchase/design/"))
    assert not cards.cssselect(".note.warning")  # the page itself asks for the first step
    assert [one.text_content() for one in cards.cssselect("main .primary")] == ["Add the first step"]
    problems = shown(browser.get("/processes/purchase/publish/")).cssselect(".note.error li")
    assert [one.text_content() for one in problems] == ["There is no step yet."]


def test_a_way_for_all_else_stands_below_the_condition_and_numbers_as_people_write_them(
    admin: Person, as_: As
) -> None:
    publish(SAMPLE_TEXT)
    browser = as_(admin)
    card = shown(browser.get("/processes/purchase/design/")).cssselect("#step-manager .card-lines")[0]
    sentences = [one.text_content() for one in card.cssselect("li")]
    first = next(n for n, one in enumerate(sentences) if "if Amount is above" in one)
    assert ", otherwise" in sentences[first + 1]
    assert "1000" in form_of(browser, STEP).values()


def test_what_is_wrong_stands_beside_its_input_and_nothing_else_is_lost(admin: Person, as_: As) -> None:
    draft, browser = made(PURCHASE), as_(admin)
    form = form_of(browser, STEP)
    wrong = {
        "due": "within",
        "due-n": "some",
        "remind-0-n": "2",
        "remind-0-side": "before",
        "ask-0-who": "group:nobody",
    }
    assert browser.post(STEP, form | wrong | {"name": "The boss"}).status_code == 302
    assert "due: some working days" in text_of(draft)
    page = shown(browser.get(STEP))
    [due] = page.xpath('//input[@name="due-n"]')
    assert (due.get("value"), due.get("aria-invalid")) == ("some", "true")
    [error] = page.xpath('//*[@id="id_due-n_error"]')
    assert "“some working days” is no amount of time" in error.text_content()
    assert "id_due-n_error" in due.get("aria-describedby")
    assert page.xpath('//input[@name="name"]/@value') == ["The boss"]
    assert page.xpath('//input[@name="remind-0-n"]/@value') == ["2"]
    assert (
        "1 problem"
        in shown(browser.get("/processes/purchase/design/"))
        .xpath('//*[@id="step-manager"]')[0]
        .text_content()
    )
    assert browser.post("/processes/purchase/publish/", {"base": "2"}).status_code == 422
    assert not Version.objects.exists()


def test_a_value_that_cannot_be_compared_is_said_and_all_that_was_typed_stays(admin: Person, as_: As) -> None:
    draft, browser = made(PURCHASE), as_(admin)
    before = draft.text
    form = form_of(browser, STEP) | {
        "way-0-when-0-value": "a lot",
        "name": "Half typed",
        "due": "within",
        "due-n": "3",
    }
    answer = browser.post(STEP, form)
    assert answer.status_code == 422
    page = shown(answer)
    [value] = page.xpath('//input[@name="way-0-when-0-value"]')
    assert (value.get("value"), value.get("autofocus") is not None) == ("a lot", True)
    assert page.xpath('//input[@name="name"]/@value') == ["Half typed"]
    assert page.xpath('//input[@name="due-n"]/@value') == ["3"]
    assert text_of(draft) == before


def test_two_people_change_different_things_and_both_stay(admin: Person, alice: Person, as_: As) -> None:
    draft, browser = made(PURCHASE), as_(admin)
    owning.add_owner(draft.process, alice)
    theirs, finance = form_of(as_(alice), STEP), STEP.replace("manager", "finance")
    mine = form_of(browser, finance)
    assert as_(alice).post(STEP, theirs | {"name": "Alice's word"}).status_code == 302
    assert browser.post(finance, mine | {"name": "Ada's word"}).status_code == 302
    assert "name: Alice's word" in text_of(draft)
    assert "name: Ada's word" in text_of(draft)


def test_who_changes_the_same_thing_second_is_told_and_keeps_what_they_typed(
    admin: Person, alice: Person, as_: As
) -> None:
    draft, browser = made(PURCHASE), as_(admin)
    owning.add_owner(draft.process, alice)
    theirs, mine = form_of(as_(alice), STEP), form_of(browser, STEP)
    as_(alice).post(STEP, theirs | {"name": "Alice's word"})
    answer = browser.post(STEP, mine | {"name": "Ada's word"})
    assert answer.status_code == 409
    page = shown(answer)
    assert page.xpath('//input[@name="name"]/@value') == ["Ada's word"]
    [alert] = page.xpath('//*[@role="alert"]')
    assert "Alice Requester: Step “Manager” changed" in " ".join(alert.text_content().split())
    again = form_with(answer.content, "name")
    assert browser.post(STEP, again).status_code == 302
    assert "name: Ada's word" in text_of(draft)


def test_a_step_comes_between_two_goes_out_again_and_requests_find_their_way(admin: Person, as_: As) -> None:
    draft, browser = made(PURCHASE), as_(admin)
    answer = browser.post(
        "/processes/purchase/design/add/",
        {"base": "1", "after": "manager", "name": "Checks", "kind": "parallel"},
    )
    assert answer["Location"].endswith("/design/steps/checks/")
    assert read(text_of(draft), "purchase").problems == ()
    definition = parse_definition(text_of(draft))
    ways = [(one.outcome, one.when, one.to) for one in definition.transitions if one.from_ == "manager"]
    assert ways == [
        ("approve", "amount > 1000", "finance"),
        ("approve", None, "checks"),
        ("reject", None, "rejected"),
    ]
    page = browser.get("/processes/purchase/design/").content.decode()
    assert page.count('class="branch-cards"') == 2
    for key in ("checks-1", "checks-2", "checks"):
        base = ProcessDraft.objects.get().at
        browser.post(f"/processes/purchase/design/steps/{key}/move/", {"base": base, "do": "remove"})
    ways_left = [(one.from_, one.to) for one in parse_definition(text_of(draft)).transitions]
    assert ("manager", "approved") in ways_left


def test_steps_are_moved_and_undone(admin: Person, as_: As) -> None:
    draft, browser = made(PURCHASE), as_(admin)
    before = draft.text
    browser.post("/processes/purchase/design/steps/finance/move/", {"base": "1", "do": "up"})
    assert list(read(text_of(draft), "purchase").steps)[:2] == ["finance", "manager"]
    browser.post("/processes/purchase/history/undo/", {"base": "2"})
    assert text_of(draft) == before


def test_a_mail_says_what_its_step_says_and_is_shown_as_it_looks(admin: Person, as_: As) -> None:
    draft, browser = made(PURCHASE), as_(admin)
    form = form_of(browser, STEP)
    typed = {
        "mail-subject": "Spending: {item}",
        "mail-subject-fr": "Dépense : {ghost}",
        "mail-text": "Look at the quotes.\r\n\r\nIt is <b>{amount}</b>.",
    }
    assert browser.post(STEP, form | typed).status_code == 302
    mail = read(text_of(draft), "purchase").steps["manager"]["mail"]
    assert mail == {
        "subject": {"en": "Spending: {item}", "fr": "Dépense : {ghost}"},
        "text": "Look at the quotes.\n\nIt is <b>{amount}</b>.",
    }
    page = shown(browser.get(f"{STEP}?mail=en"))
    wrong = [field for field in page.cssselect(".field") if field.cssselect(".errorlist")]
    assert [one.xpath(".//input/@name") for one in wrong] == [["mail-subject-fr"]]
    assert not page.cssselect("iframe")  # of what is wrong nothing is shown
    form = form_of(browser, STEP) | {"mail-subject-fr": "Dépense : {item}", "do": "preview"}
    answer = browser.post(STEP, form)
    assert answer["Location"] == f"{STEP}?saved=1&mail=en"
    before = {model: model.objects.count() for model in (Version, Request, OutgoingMail, Mailbox)}
    for language, subject in (("en", "Spending: "), ("fr", "Dépense : ")):
        page = shown(browser.get(f"{STEP}?mail={language}"))
        preview = page.cssselect("#mail-preview")[0]
        assert preview.cssselect("strong bdi")[0].text_content().startswith(subject)
        assert (
            "    | Look at the quotes.\n    |\n    | It is <b>" in preview.cssselect("pre")[0].text_content()
        )
        frames = preview.cssselect("iframe")
        assert len({frame.get("title") for frame in frames}) == 3
        assert {frame.get("sandbox") for frame in frames} == {""}
        light, _phone, dark = (browser.get(frame.get("src")) for frame in frames)
        assert "sandbox" in light["Content-Security-Policy"]
        assert "@media not all" in light.content.decode() and "@media all" in dark.content.decode()
        assert "It is &lt;b&gt;" in light.content.decode()
        assert "href=" not in light.content.decode()
    assert before == {model: model.objects.count() for model in before}
    form = form_of(browser, STEP) | dict.fromkeys(("mail-subject", "mail-subject-fr", "mail-text"), "")
    browser.post(STEP, form)
    assert "mail" not in read(text_of(draft), "purchase").steps["manager"]


def test_a_field_of_a_mail_is_renamed_with_it(admin: Person, as_: As) -> None:
    draft, browser = made(PURCHASE), as_(admin)
    texts = {
        "mail-subject": "Spending: {item}",
        "mail-subject-fr": "Dépense : {amount}",
        "mail-text": "{amount}!",
    }
    browser.post(STEP, form_of(browser, STEP) | texts | {"mail-text": "It is {amount}."})
    address = "/processes/purchase/design/form/1/"
    assert browser.post(address, form_of(browser, address) | {"name": "price"}).status_code == 302
    mail = read(text_of(draft), "purchase").steps["manager"]["mail"]
    assert mail["subject"]["fr"] == "Dépense : {price}"
    assert mail["text"] == "It is {price}."


def test_a_field_is_added_renamed_and_what_names_it_follows(admin: Person, as_: As) -> None:
    draft, browser = made(PURCHASE), as_(admin)
    browser.post("/processes/purchase/design/form/add/", {"base": "1", "label": "Needed by", "type": "date"})
    assert read(text_of(draft), "purchase").data["form"][-1] == {
        "name": "needed_by", "label": "Needed by", "type": "date",
    }  # fmt: skip
    address = "/processes/purchase/design/form/1/"
    assert browser.post(address, form_of(browser, address) | {"name": "price"}).status_code == 302
    assert 'when: "price > 1000"' in text_of(draft)
    assert read(text_of(draft), "purchase").problems == ()


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "- a\n- b\n",
        "key: purchase\nsteps: [1, 2]\ntransitions: {a: b}\nform: x\n",
        "key: purchase\nsteps:\n  a/b: {kind: approval}\n  '': {kind: end}\n  x: {kind: what}\n  y: 7\n",
        f"key: purchase\nname: '{HOSTILE}'\nsteps:\n  a:\n    kind: approval\n    name: '{HOSTILE}'\n    "
        f"ask: '{HOSTILE}'\n"
        f"    outcomes: [{{key: '{HOSTILE}', label: 7}}]\n    due: {{field: [1]}}\n    remind: {{a: 1}}\n"
        f"    escalate: [3, {{also: 5}}]\n    expire: soon\n    form: {{hide: '{HOSTILE}'}}\n    rule: [[1]]\n"
        f"transitions: [{{from: a, outcome: [1], when: {{x: 1}}, to: '{HOSTILE}'}}]\n"
        "form: [{type: table, columns: 7}]\n",
    ],
)
def test_a_draft_that_fits_nothing_is_shown_all_the_same(text: str, admin: Person, as_: As) -> None:
    drafts.store("purchase", HOSTILE, text)
    browser = as_(admin)
    reading = read(text, "purchase")
    steps = [key for key in reading.steps if KEY.fullmatch(key)]
    addresses = [f"/processes/purchase/design/steps/{key}/" for key in steps]
    names = ("", "form/", "settings/", "add/")
    for address in [
        *(f"/processes/purchase/design/{name}" for name in names),
        "/processes/purchase/publish/",
        *addresses,
    ]:
        page = browser.get(address)
        assert page.status_code == 200
        assert HOSTILE.encode() not in page.content
    for address in addresses:
        assert browser.post(address, form_of(browser, address)).status_code == 302


def test_whoever_owns_another_process_cannot_tell_this_one(alice: Person, admin: Person, as_: As) -> None:
    made(PURCHASE)
    other = drafts.store("other", "Other", "key: other\n")
    owning.add_owner(other.process, alice)
    for name in ("design/", "design/form/", "design/settings/", "design/steps/manager/", "publish/"):
        assert as_(alice).get(f"/processes/purchase/{name}").status_code == 404
        assert as_(alice).post(f"/processes/purchase/{name}").status_code in (404, 405)


def test_a_draft_is_published_and_what_runs_keeps_its_version(
    purchase: Request, admin: Person, as_: As
) -> None:
    browser = as_(admin)
    browser.post(STEP, form_of(browser, STEP) | {"name": "Boss"})
    page = browser.get("/processes/purchase/publish/").content.decode()
    assert "1 request runs" in page
    assert "Boss" in page
    assert '<ul class="picture-legend"><li>' in page, "what differs is marked in the picture"
    assert 'aria-label="Boss"><g class="p-step p-approval p-is-changed">' in page
    base = ProcessDraft.objects.get().at
    assert browser.post("/processes/purchase/publish/", {"base": base - 1}).status_code == 302
    assert Version.objects.count() == 1, "it is another draft than the one that was looked at"
    browser.post("/processes/purchase/publish/", {"base": base})
    assert Version.objects.order_by("-number").values_list("number", "published_by")[0] == (2, admin.pk)
    purchase.refresh_from_db()
    assert purchase.version.number == 1


def test_a_test_case_that_comes_out_otherwise_stops_publishing_until_somebody_says_why(
    purchase: Request, alice: Person, bob: Person, admin: Person, as_: As
) -> None:
    process = purchase.version.process
    started = Start(alice.email, {"item": "Desk", "amount": "900"}, timezone.now())
    source = drafts.text_of(purchase.version)
    cases.keep(process, "A <desk>", source, [started, Answer(bob.email, "manager", "approve")], admin)
    browser, address = as_(admin), "/processes/purchase/publish/"
    browser.post(STEP, form_of(browser, STEP) | {"name": "Boss"})
    assert "All test cases come out as expected." in browser.get(address).content.decode()
    text = ProcessDraft.objects.get().text
    changed = edits.set_value(text, ["steps", "manager", "ask"], [{"person": admin.email}])
    draft = ProcessDraft.objects.get()
    revisions.revise(draft, changed, admin, "Ada decides", draft.at)
    page = browser.get(address).content.decode()
    assert "A &lt;desk&gt;" in page and 'name="reason"' in page
    assert f"Asked in manager: {admin.email} (expected: {bob.email})." in page
    base = ProcessDraft.objects.get().at
    for reason in ("", " … "):
        answer = browser.post(address, {"base": base, "reason": reason})
        assert answer.status_code == 422
        assert "Please say why it is published although a test case fails." in answer.content.decode()
        assert Version.objects.count() == 1 and ProcessDraft.objects.exists()
    assert browser.post(address, {"base": base, "reason": "Bob has <left>."}).status_code == 302
    assert Version.objects.count() == 2
    overruled, published = AuditEntry.objects.filter(request=None).order_by("pk")[1:]
    assert (overruled.what["event"], overruled.what["reason"]) == ("test cases overruled", "Bob has <left>.")
    assert (published.what["event"], published.what["version"]) == ("process published", 2)


def test_people_are_suggested_to_owners(admin: Person, carol: Person, as_: As) -> None:
    made(PURCHASE)
    answer = as_(admin).get("/processes/purchase/design/people/", {"ask-0-which": "car"})
    assert carol.email in answer.content.decode()
    assert as_(admin).get("/processes/purchase/design/people/", {"ask-0-which": "c"}).content.strip() == b""
