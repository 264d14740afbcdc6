"""What can be answered is what the step says, in the mail, on the pages, in the refusal, and at each way in."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import lxml.html
import pytest
import yaml
from django.test import Client
from django.urls import reverse

from placet.approvals.definitions import definition_of
from placet.approvals.form import facts_hash
from placet.approvals.models import Assignment, Decision, Request
from placet.approvals.outcomes import APPROVE, REJECT
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.approvals.steps import ApprovalStep
from placet.commands.process import SAMPLES
from placet.replies import tell
from placet.replies.languages import SHARED
from placet.sandbox.server import Mail
from tests.journeys.conftest import World
from tests.words import LANGUAGES

pytestmark = pytest.mark.django_db

OUTCOMES = (APPROVE, REJECT)
SUBSETS = [("approve",), ("reject",), ("approve", "reject"), ("reject", "approve")]
PAST = {"approve": "Approved", "reject": "Rejected"}


def purchase(outcomes: tuple[str, ...], **manager: Any) -> dict[str, Any]:
    """The sample, with these outcomes at the manager's step and the ways on for them."""
    definition: dict[str, Any] = yaml.safe_load((SAMPLES / "purchase.yaml").read_text())
    definition["steps"]["manager"] |= {"outcomes": list(outcomes), **manager}
    definition["transitions"] = [
        way for way in definition["transitions"] if way["from"] != "manager" or way["outcome"] in outcomes
    ]
    # An end that no way leads to any more would be refused, and so would a step.
    reached = {definition["start"], *(way["to"] for way in definition["transitions"])}
    while definition["steps"].keys() - reached:
        definition["steps"] = {key: step for key, step in definition["steps"].items() if key in reached}
        definition["transitions"] = [way for way in definition["transitions"] if way["from"] in reached]
        reached = {definition["start"], *(way["to"] for way in definition["transitions"])}
    return definition


def linked(mail: Mail) -> list[str]:
    """The words that the links of a mail's text write, in their order."""
    return [_body(link) for link in re.findall(r"mailto:\S+", mail.text)]


def buttons(mail: Mail) -> list[str]:
    """The words that the links of its HTML write."""
    page = lxml.html.document_fromstring(mail.html)
    return [_body(link) for link in page.xpath("//a/@href") if link.startswith("mailto:")]


def _body(link: str) -> str:
    return parse_qs(urlsplit(link).query)["body"][0].split()[0].lower()


def offered(page: str) -> list[str]:
    """The answers of a page's buttons for one question, and for several."""
    tree = lxml.html.document_fromstring(page)
    return list(tree.xpath("//button[@name='outcome']/@value"))


@pytest.mark.parametrize("outcomes", SUBSETS)
def test_exactly_the_step_s_outcomes_are_offered_everywhere(
    world: World, client: Client, outcomes: tuple[str, ...]
) -> None:
    publish(purchase(outcomes))
    request, asked = world.asked()
    assert linked(asked) == buttons(asked) == list(outcomes)
    said = re.search(r"Reply to this mail with (.+) on the first line", " ".join(asked.text.split()))
    assert said is not None
    assert said[1] == " or ".join(f"“{outcome}”" for outcome in outcomes)
    client.force_login(world.people["bob"])
    home = client.get(reverse("portal:home")).content.decode()
    page = client.get(reverse("portal:request", args=[request.public_id])).content.decode()
    assert offered(page) == list(outcomes)
    assert offered(home) == list(outcomes)

    for outcome in {*OUTCOMES} - {*outcomes}:
        refused_on_the_page(world, client, request, outcome)
        world.sandbox.reply_as("bob", asked.id, f"{PAST[outcome]}.")
        world.run_until_quiet()
        refusal = world.newest("bob", "Not applied")
        assert "This approval does not offer the answer that was read." in " ".join(refusal.text.split())
        assert linked(refusal) == buttons(refusal) == list(outcomes)
        assert not Decision.objects.filter(assignment__visit__request=request).exists()
        assert f"“{outcome.capitalize()}”" not in refusal.text

    world.sandbox.reply_as("bob", asked.id, f"{PAST[outcomes[0]]}.\nThe old desk is from Dell.")
    world.run_until_quiet()
    decision = Decision.objects.get(assignment__visit__request=request)
    assert (decision.outcome, decision.comment) == (outcomes[0], "The old desk is from Dell.")
    confirmation = world.newest("bob", PAST[outcomes[0]])
    assert "> The old desk is from Dell." in confirmation.text


def refused_on_the_page(world: World, client: Client, request: Request, outcome: str) -> None:
    """By the form of one question, and by that of several."""
    asked = Assignment.objects.get(visit__request=request, person=world.people["bob"])
    shown = facts_hash(request, definition_of(request.version))
    one = {"assignment": asked.pk, "shown": shown, "outcome": outcome}
    client.post(reverse("portal:decide", args=[request.public_id]), one)
    for sure in ({}, {"sure": "yes"}):
        several = {"pick": f"{asked.pk}:{shown}", "outcome": outcome, **sure}
        assert client.post(reverse("portal:decide_several"), several).status_code == 422
    assert not Decision.objects.filter(assignment=asked).exists()


def test_several_of_different_steps_offer_what_each_has(world: World, client: Client) -> None:
    publish(purchase(("approve",)))
    first = world.request(item="Chair")
    publish(purchase(("approve", "reject")))
    second = world.request(item="Desk")
    client.force_login(world.people["bob"])
    home = lxml.html.document_fromstring(client.get(reverse("portal:home")).content.decode())
    assert home.xpath("//form[@id='several']//button/@value") == ["approve", "reject"]
    assert home.xpath("//dialog//kbd/text()")[-3:-1] == ["a", "r"]
    both = Assignment.objects.filter(visit__request__in=[first, second]).order_by("pk")
    picks = [
        f"{one.pk}:{facts_hash(one.visit.request, definition_of(one.visit.request.version))}" for one in both
    ]
    once_more = client.post(
        reverse("portal:decide_several"), {"pick": picks, "outcome": "reject"}
    ).content.decode()
    assert "This one does not offer that answer." in once_more
    assert once_more.count('name="pick"') == 1
    client.post(reverse("portal:decide_several"), {"pick": picks, "outcome": "reject", "sure": "yes"})
    assert [one.assignment.visit.request_id for one in Decision.objects.all()] == [second.pk]


@pytest.mark.parametrize("outcomes", SUBSETS)
def test_the_refusal_names_them_and_no_others_in_every_language(outcomes: tuple[str, ...]) -> None:
    step = ApprovalStep.model_validate(
        {"kind": "approval", "name": "S", "ask": [{"manager": True}], "outcomes": outcomes}
    )
    for code, language in LANGUAGES.items():
        if code == SHARED or not language.refusal.answer_again:
            continue
        again = tell._again(code, step.outcomes)
        words = {one: getattr(language.refusal, one) for one in OUTCOMES}
        assert [(one.key, word) for one, word in again.words] == [(one, words[one]) for one in outcomes]
        quoted = [language.refusal.quoted.format(word=word) for word in words.values()]
        named = [one for one, quote in zip(words, quoted, strict=True) if quote in again.how]
        assert sorted(named) == sorted(outcomes), code
        assert "{" not in again.how


@pytest.mark.parametrize("rule", ["first", "all", 1])
@pytest.mark.parametrize("outcomes", SUBSETS)
def test_a_step_has_a_way_on_for_all_that_it_can_result_in_and_for_nothing_else(
    outcomes: tuple[str, ...], rule: str | int
) -> None:
    definition = purchase(outcomes, rule=rule)
    parse_definition(definition)
    for outcome in outcomes:
        without = [w for w in definition["transitions"] if (w["from"], w["outcome"]) != ("manager", outcome)]
        with pytest.raises(DefinitionInvalid, match=f"nothing follows {outcome}"):
            parse_definition({**definition, "transitions": without})
    for outcome in {*OUTCOMES} - {*outcomes}:
        more = [
            *definition["transitions"],
            {"from": "manager", "outcome": outcome, "to": definition["start"]},
        ]
        with pytest.raises(DefinitionInvalid, match=f"manager has no outcome {outcome}"):
            parse_definition({**definition, "transitions": more})
    twice = purchase((*outcomes, outcomes[0]))
    with pytest.raises(DefinitionInvalid, match="said twice"):
        parse_definition(twice)


@pytest.mark.parametrize(
    ("outcomes", "rule"), [(("approve",), "all"), (("reject",), 1), (("reject",), "all")]
)
def test_a_rule_with_one_outcome_ends(world: World, outcomes: tuple[str, ...], rule: str | int) -> None:
    publish(purchase(outcomes, rule=rule))
    request, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, PAST[outcomes[0]])
    world.run_until_quiet()
    request.refresh_from_db()
    assert request.state != Request.State.OPEN


@pytest.mark.parametrize(
    ("text", "decided"),
    [
        ("Approved. Amount: 900 EUR", True),
        ("Approved. Amount: 800 EUR", False),
        ("Approved.\nPlease charge the amount 500 EUR", False),
        ("Genehmigt. Betrag 500 EUR.", False),
        ("Approved.\n\nBest regards\nBob\n\nIt may cost 500 EUR", False),
        ("Approved.\n\nBest regards\nBob\n\nIt costs 900.00 EUR", True),
        ("Rejected. We pay 500 EUR elsewhere.", True),
    ],
)
def test_an_approval_of_another_amount_is_unclear(world: World, text: str, decided: bool) -> None:
    _request, asked = world.asked(amount="900")
    world.sandbox.reply_as("bob", asked.id, text)
    world.run_until_quiet()
    assert Decision.objects.exists() is decided
