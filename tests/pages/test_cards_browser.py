"""A process made, tried and published in a real browser by its pages alone: with a mouse, by keys, on a phone, and
without scripts. A request of it is started in the same way, and decided by two replies."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from placet.accounts.models import Person
from placet.approvals.definitions import definition_of
from placet.approvals.models import Request, Version
from placet.sandbox.server import Sandbox
from tests.journeys.conftest import DOMAIN, World, close_connections, connected
from tests.pages.browsing import reach
from tests.pages.test_every_page import too_wide, violations
from tests.pages.test_request_form_browser import Opened, page_of

__all__ = ["page_of"]  # a fixture

MOST_TABS = 400


class Mouse:
    """How somebody uses a page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, one: Locator) -> None:
        one.click()

    def fill(self, one: Locator, text: str) -> None:
        one.fill(text)

    def choose(self, one: Locator, words: str) -> None:
        one.select_option(label=words)

    def tick(self, one: Locator) -> None:
        one.check()


class Keys(Mouse):
    """Nothing but Tab, Shift+Tab, letters, blank and Enter."""

    def press(self, one: Locator) -> None:
        self._reach(one)
        self.page.keyboard.press("Enter")

    def fill(self, one: Locator, text: str) -> None:
        self._reach(one)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def choose(self, one: Locator, words: str) -> None:
        self._reach(one)
        self.page.keyboard.type(words)  # a list takes the first entry that begins so
        expect(one.locator("option:checked")).to_have_text(words)

    def tick(self, one: Locator) -> None:
        self._reach(one)
        self.page.keyboard.press("Space")

    def _reach(self, one: Locator) -> None:
        reach(self.page, one, MOST_TABS)


class Story:
    def __init__(self, page: Page, hands: Mouse) -> None:
        self.page, self.hands = page, hands

    def part(self, key: str) -> Locator:
        """A section of a form, open."""
        section = self.page.locator(f"#section-{key}")
        if section.get_attribute("open") is None:
            self.hands.press(section.locator("> summary"))
        return section

    def row(self, section: str, legend: str) -> Locator:
        return self.part(section).get_by_role("group", name=legend, exact=True)

    def save(self, words: str = "Save") -> None:
        self.hands.press(self.page.locator(".save-bar").get_by_role("button", name=words, exact=True))
        if words == "Save":
            expect(self.page.locator("#said")).to_have_text("Saved.")
        else:
            expect(self.page.get_by_role("heading", name="Steps")).to_be_visible()

    def add_field(self, label: str, kind: str) -> None:
        add = self.page.locator("form", has=self.page.get_by_role("button", name="Add it"))
        self.hands.fill(add.get_by_label("What people read"), label)
        self.hands.choose(add.get_by_label("Type"), kind)
        self.hands.press(add.get_by_role("button", name="Add it"))
        self.hands.tick(self.part("field").get_by_label("It has to be filled in"))
        self.hands.press(
            self.page.locator(".save-bar").get_by_role("button", name="Save, and back to the form")
        )
        expect(self.page.get_by_role("heading", name="Add to the form")).to_be_visible()

    def add_step(self, link: str, name: str) -> None:
        self.hands.press(self.page.get_by_role("link", name=link, exact=True))
        self.hands.fill(self.page.get_by_label("Name"), name)
        self.hands.press(self.page.get_by_role("button", name="Add it"))
        expect(self.page.locator("h2.step-title")).to_contain_text(name)

    def open_step(self, name: str) -> None:
        self.hands.press(self.page.locator(".step-card h3").get_by_role("link", name=name, exact=True))
        expect(self.page.locator("h2.step-title")).to_contain_text(name)

    def ways(self, above: str, step: str) -> None:
        """Above an amount to a step, and otherwise to the end."""
        way = self.row("then", "Way 1")
        self.hands.press(way.locator("summary"))
        first = way.get_by_role("group", name="Condition 1", exact=True)
        self.hands.choose(first.get_by_label("If"), "Amount")
        self.hands.choose(first.get_by_label("Comparison", exact=True), "is above")
        self.hands.fill(first.get_by_label("Value"), above)
        another = self.row("then", "Another way")
        self.hands.choose(another.get_by_label("On", exact=True), "Approve")
        self.hands.choose(another.get_by_label("Go on to"), "Approved")
        self.save("Save, and back to all steps")
        card = self.page.locator(".step-card", has_text=step).first
        expect(card).to_be_visible()


def _form(story: Story) -> None:
    page, hands = story.page, story.hands
    hands.press(page.get_by_role("link", name="Form", exact=True))
    story.add_field("What do you need?", "text, one line")
    story.add_field("Amount", "amount of money")
    expect(page.locator(".form-preview")).to_contain_text("(EUR)")
    hands.press(page.get_by_role("link", name="Settings", exact=True))
    hands.fill(page.get_by_label("Title of a request"), "{what_do_you_need}")
    story.save()
    hands.press(page.get_by_role("link", name="All steps", exact=True))


def _manager(story: Story) -> None:
    page, hands = story.page, story.hands
    story.add_step("Add the first step", "Manager")
    due = story.row("until", "An answer is due")
    hands.choose(due.get_by_label("An answer is due"), "so long after people are asked")
    hands.fill(due.get_by_label("How much time"), "2")
    remind = story.row("until", "Reminder 1")
    hands.fill(remind.get_by_label("Remind", exact=True), "1")
    hands.choose(remind.get_by_label("Moment"), "before it is due")
    others = story.row("until", "Others are asked, 1")
    hands.choose(others.get_by_label("Moment"), "when it is due")
    hands.press(others.locator("summary").first)
    hands.choose(others.get_by_label("Who", exact=True), "the manager's manager")
    story.save("Save, and back to all steps")
    expect(page.locator("#step-manager")).to_contain_text("when it is due: the manager's manager too")


def _others(story: Story) -> None:
    page, hands = story.page, story.hands
    story.add_step("Add a step after Manager", "Finance")
    hands.choose(story.row("who", "Who, line 1").get_by_label("Who", exact=True), "Finance")
    hands.choose(
        story.row("who", "Whose answers decide").get_by_label("If several are asked"),
        "all of them have to agree",
    )
    story.save("Save, and back to all steps")
    story.open_step("Manager")
    story.ways("1000", "Finance")
    story.add_step("Add a step after Finance", "CFO")
    who = story.row("who", "Who, line 1")
    hands.choose(who.get_by_label("Who", exact=True), "a person, by the address beside this")
    hands.fill(who.get_by_label("Address, or key of a group"), "carol@contoso.example")
    story.save("Save, and back to all steps")
    story.open_step("Finance")
    story.ways("10000", "CFO")
    expect(page.locator("#step-finance")).to_contain_text("if Amount is above 10,000 EUR → CFO")


def _mail(story: Story, *, is_measured: bool) -> None:
    """What the manager reads first, and how it looks."""
    page, hands = story.page, story.hands
    story.open_step("Manager")
    hands.fill(
        story.row("mail", "Subject").get_by_label("Subject", exact=True), "Spending: {what_do_you_need}"
    )
    text = story.row("mail", "Text")
    hands.fill(text.get_by_label("Text", exact=True), "Look at the budget of {amount}.")
    hands.press(text.get_by_role("button", name="Save, and preview the mail"))
    expect(page.locator("#mail-preview strong bdi")).to_contain_text("Spending: ")
    for title in ("a wide screen", "a phone", "a phone, in the dark"):
        frame = page.locator(f'iframe[title="The mail on {title}"]')
        frame.scroll_into_view_if_needed()
        expect(frame.content_frame.locator(".text")).to_contain_text("Look at the budget of 1.00 EUR.")
    if is_measured:
        assert violations(page) == []
        assert not too_wide(page)
    story.save("Save, and back to all steps")


def _tried(story: Story) -> None:
    """Somebody pretended asks for 2,000 EUR: the manager and finance would be asked, and two replies approve it."""
    page, hands = story.page, story.hands
    hands.press(page.get_by_role("link", name="Try it", exact=True))
    hands.fill(page.get_by_label("Started by"), "alice@contoso.example")
    hands.fill(page.get_by_label("What do you need?"), "A lathe")
    hands.fill(page.get_by_label("Amount"), "2000")
    hands.press(page.get_by_role("button", name="Start the trial"))
    for name, words in (("Bob Manager", "fine, go ahead"), ("Carol Finance", "Approved.")):
        card = page.locator("section", has=page.get_by_role("heading", name=f"Answer as {name}"))
        hands.fill(card.get_by_label("Reply by mail, in your own words"), words)
        hands.press(card.get_by_role("button", name="Send the reply"))
    expect(page.locator(".stands .badge")).to_have_text("Approved")
    assert not Request.objects.exists()


def _asked(page: Page, hands: Mouse) -> None:
    page.goto("/")
    hands.press(page.get_by_role("link", name="Start a request", exact=True).first)
    hands.fill(page.get_by_label("What do you need?"), "A lathe")
    hands.fill(page.get_by_label("Amount"), "2000")
    hands.press(page.get_by_role("button", name="Send request"))
    expect(page.get_by_role("heading", level=1)).to_have_text("A lathe")


@pytest.fixture
def world(alice: Person, bob: Person, carol: Person, transactional_db: None) -> Iterator[World]:
    people = {"alice": alice, "bob": bob, "carol": carol}
    with Sandbox(DOMAIN) as sandbox:
        for name in ("approvals", *people):
            sandbox.add_mailbox(name, name.title())
        yield World(sandbox, connected(sandbox), people, "graph")
        close_connections()


DEFINITION = {
    "manager": ({"manager": True}, "first"),
    "finance": ({"group": "finance"}, "all"),
    "cfo": ({"person": "carol@contoso.example"}, "first"),
}


#: A mouse is seen on the phone, and a wide screen by keys: both together in `make soak`.
WAYS = [pytest.param("mouse", marks=pytest.mark.whole), "keys", "phone", "without scripts"]


@pytest.mark.parametrize("way", WAYS)
def test_a_purchase_process_is_made_tried_and_published_by_pages_alone_and_runs(
    way: str, world: World, alice: Person, admin: Person, page_of: Opened
) -> None:
    size: str = "phone" if way == "phone" else "wide"
    hands: Callable[[Page], Mouse] = Keys if way == "keys" else Mouse
    with page_of(admin, size=size, scripted=way != "without scripts") as page:
        page.goto("/processes/")
        story = Story(page, hands(page))
        story.hands.press(page.get_by_role("link", name="New process").first)
        story.hands.fill(page.get_by_label("Name", exact=True), "Buying")
        story.hands.press(page.get_by_role("button", name="Make a draft"))
        story.hands.press(page.get_by_role("link", name="Designer", exact=True))
        _manager(story)
        _form(story)
        _others(story)
        _mail(story, is_measured=way != "without scripts")
        if way != "without scripts":
            assert violations(page) == []
            assert not too_wide(page)
        _tried(story)
        story.hands.press(page.get_by_role("link", name="Designer", exact=True))
        story.hands.press(page.get_by_role("link", name="Publish it …"))
        story.hands.press(page.get_by_role("button", name="Publish", exact=True))
        expect(page.locator("main")).to_contain_text("Version 1 is published")
    definition = definition_of(Version.objects.get(process__key="buying"))
    for key, (line, rule) in DEFINITION.items():
        step = definition.approval(key)
        assert (step.ask[0].model_dump(exclude_none=True), step.rule) == (line, rule)
    manager = definition.approval("manager")
    assert manager.due is not None and manager.due.within == "2 working days"
    assert manager.remind == ("1 working day before",)
    assert manager.mail is not None and manager.mail.subject == "Spending: {what_do_you_need}"
    assert [(rung.when, rung.lines[0].manager) for rung in manager.rungs] == [("when due", 2)]
    ways = {(one.from_, one.when and one.when.removesuffix(".0"), one.to) for one in definition.transitions}
    assert ways == {
        ("manager", "amount > 1000", "finance"),
        ("manager", None, "approved"),
        ("manager", None, "rejected"),
        ("finance", "amount > 10000", "cfo"),
        ("finance", None, "approved"),
        ("finance", None, "rejected"),
        ("cfo", None, "approved"),
        ("cfo", None, "rejected"),
    }
    with page_of(alice, size=size, scripted=way != "without scripts") as page:
        _asked(page, hands(page))
        for name, words in (("bob", "Fine by me, go ahead"), ("carol", "Approved, thanks Alice")):
            world.run()
            world.sandbox.reply_as(name, world.newest(name, "Spending" if name == "bob" else "").id, words)
            world.run()
        page.reload()
        expect(page.locator(".badge").first).to_have_text("Approved")
    assert world.decisions() == [("Bob", "approve"), ("Carol", "approve")]
