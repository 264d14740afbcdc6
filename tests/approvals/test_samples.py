"""The samples that come with Placet: each is published by one command and works as it is written, once the groups that
its first line names are there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
import time_machine
import yaml
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.html import escape

from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import attachments, engine, engine_errors, evidence, timing
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import FormInvalid
from placet.approvals.form_schema import schema_of
from placet.approvals.models import Assignment, Decision, Draft, Request, Timer, Version
from placet.approvals.processes import publish
from placet.approvals.steps import ApprovalStep, EndStep, NoticeStep, WaitStep
from placet.audit import chain
from placet.commands.process import SAMPLES, import_tables_of
from placet.mail.models import OutgoingMail
from placet.mail.read_past import SLACK
from placet.mailboxes.models import Mailbox
from placet.replies.read import read_text
from placet.replies.read_own import own_of

NAMES = sorted(path.stem for path in SAMPLES.glob("*.yaml"))


def source_of(name: str) -> str:
    return (SAMPLES / f"{name}.yaml").read_text()


def definition(name: str) -> Definition:
    """As it is written, without a look at what it names elsewhere."""
    return Definition.model_validate(yaml.safe_load(source_of(name)))


def published(name: str) -> Version:
    import_tables_of(name)
    return publish(source_of(name))


def approval_steps(definition: Definition) -> Iterator[tuple[str, ApprovalStep]]:
    return ((key, step) for key, step in definition.steps.items() if isinstance(step, ApprovalStep))


# --- all of them ------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES)
def test_each_sample_can_be_published(name: str) -> None:
    version = published(name)
    assert version.process.key == name
    says = definition_of(version)
    assert any(approval_steps(says))
    assert schema_of(says)["properties"]
    assert {step.result for step in says.steps.values() if isinstance(step, EndStep)} >= {"approved"}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "purchase"])  # which describes nothing
def test_its_first_line_names_the_groups_that_it_needs(name: str) -> None:
    """And not its description, which requesters read."""
    says = definition(name)
    of_tables = re.findall(
        "group:([a-z-]+)", "".join(path.read_text() for path in SAMPLES.glob(f"{name}.*.csv"))
    )
    first = (SAMPLES / f"{name}.yaml").read_text().partition("\n")[0]
    assert {*says.groups, *of_tables} <= set(re.findall(r"[a-z-]+", first.removeprefix("# ")))
    assert "roups" not in says.description


@pytest.mark.parametrize("name", NAMES)
def test_a_reply_can_give_each_answer_by_every_label_and_word(name: str) -> None:
    for key, step in approval_steps(definition(name)):
        for outcome in step.outcomes:
            for word in outcome.reply_words or ({"approve": "Approved", "reject": "Rejected"}[outcome.key],):
                for text in (word, f"Hello,\n\n{word}.\n\nThanks,\nBob"):
                    reading = read_text(text, step.outcome_keys, own=own_of(step))
                    assert reading.outcome == outcome.key, (key, text, str(reading.why))


# --- an organisation --------------------------------------------------------------------------------------

#: Each with their manager and approval limit.
PEOPLE: Mapping[str, tuple[str, int | None]] = {
    "gina": ("", None),
    "frank": ("gina", 20_000),
    "bob": ("frank", 1_000),
    "alice": ("bob", None),
    **dict.fromkeys(("carol", "dave", "erin", "hank", "iris"), ("", None)),
}
GROUPS: Mapping[str, str] = {
    "finance": "carol",
    "legal": "dave",
    "counsel": "iris",
    "privacy": "erin",
    "reviewers": "carol dave",
    "quality": "iris",
    "buying": "hank",
    "change-managers": "iris",
    "accounting": "carol dave",
    "directors": "gina hank",
    "payments": "erin frank",
    "erp-owners": "carol dave",
    "crm-owners": "erin",
    "files-owners": "erin",
    "security": "carol erin",
    "operations": "dave",
    "service-desk": "hank iris",
    "interviewers": "carol dave erin hank",
    "hr": "iris",
    "travel-desk": "erin",
    "cab": "bob carol dave erin",
    "payroll": "iris",
}


@pytest.fixture
def people(db: None) -> Mapping[str, Person]:
    made: dict[str, Person] = {}
    for name, (manager, limit) in PEOPLE.items():
        made[name] = add_person(name.title(), f"{name}@contoso.example", manager=made.get(manager))
        Person.objects.filter(pk=made[name].pk).update(approval_limit=limit)
    for key, members in GROUPS.items():
        group = Group.objects.create(key=key, name=key)
        group.members.set([made[name] for name in members.split()])
    return made


def in_days(number: int) -> str:
    return (timezone.localdate() + timedelta(days=number)).isoformat()


def forms() -> Mapping[str, dict[str, Any]]:
    """Of each sample one that is filled in well."""
    period = {"from": in_days(10), "to": in_days(14)}
    line = {"item": "Paper", "count": "10", "price": "50", "vat": "19"}
    return {
        "purchase": {"item": "Desk", "amount": "900"},
        "order": {"item": "Press", "supplier": "Fabrikam", "cost_centre": "10", "amount": "4000"},
        "document": {"document": "Manual", "edition": "2", "changes": "All of it."},
        "contract": {"contract": "Rent", "partner": "Fabrikam", "value": "5000", "why": "The new hall."},
        "vacation": {"kind": "paid", "period": period, "stand_in": "dave@contoso.example"},
        "invoice": {
            "supplier": "Fabrikam",
            "number": "R-17",
            "iban": "DE89 3704 0044 0532 0130 00",
            "due": in_days(20),
            "cost_centre": "20",
            "lines": [line],
        },
        "access": {"whom": "alice@contoso.example", "system": "erp", "rights": "read"},
        "hiring": {
            "candidate": "Zoe",
            "position": "Engineer",
            "hiring_manager": "bob@contoso.example",
            "interviewers": [f"{name}@contoso.example" for name in ("carol", "dave", "erin")],
            "starts": in_days(60),
            "salary": "60000",
            "planned": "yes",
        },
        "travel": {
            "goal": "Lyon",
            "why": "The fair.",
            "period": period,
            "cost_centre": "20",
            "costs": [{"what": "Train", "amount": "280"}],
        },
        "change": {
            "service": "Mail",
            "change": "A new certificate",
            "risk": "low",
            "at": f"{in_days(3)} 20:00",
            "plan": "Put it in place.",
        },
        "expense": {
            "what_for": "The fair",
            "receipts": [{"day": in_days(-3), "kind": "Hotel", "amount": "240"}],
            "iban": "DE89 3704 0044 0532 0130 00",
        },
    }


def start(name: str, by: Person, changes: Mapping[str, Any]) -> Request:
    """With a file in each field for files that is not left out on purpose (`{"files": None}`)."""
    version = published(name)
    entered = {**forms()[name], **changes}
    draft = Draft.objects.create(person=by, process=version.process, version=version)
    for one in definition_of(version).fields:
        if one.type == "files" and entered.pop(one.name, "") is not None:
            attachments.keep(draft, one.name, SimpleUploadedFile("scan.pdf", b"%PDF"), by)
    return engine.start(version, by, entered, draft)


def asked(request: Request) -> str:
    seats = Assignment.objects.filter(visit__request=request, state="open").order_by("pk")
    return " ".join(seats.values_list("person__name", flat=True)).lower()


#: By step: what its people enter beside their answer, and what they answer to its questions.
ENTERED: Mapping[str, Mapping[str, str]] = {
    "ordering": {"order_number": "4500017"},
    "booking": {"booking_number": "LYS-17"},
    "setup": {"account": "alice.a"},
}
ANSWERS: Mapping[str, Mapping[str, str]] = {
    "plan": {"carrier": "dave@contoso.example", "window": f"{in_days(3)} 20:00"},
    "work": {"downtime": "5"},
}


def answer(request: Request, person: Person, outcome: str, comment: str = "Because.") -> Decision:
    seat = Assignment.objects.filter(visit__request=request, person=person, state="open").earliest("pk")
    return engine.decide(
        seat.pk,
        by=person,
        outcome=outcome,
        comment=comment,
        channel=Decision.Channel.PAGE,
        answers=ANSWERS.get(seat.visit.step_key, {}),
        entered=ENTERED.get(seat.visit.step_key),
    )


# --- lives of requests ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Life:
    """A request from its form to its end."""

    sample: str
    changes: Mapping[str, Any]  # to the form above
    asked: str  # first
    answers: Sequence[tuple[str, str, str]]  # who (or `SIGNAL`, `CLOCK`), what, and who is asked then
    result: str
    by: str = "alice"
    told: str = ""  # those who hear that they need not answer any more
    news: str = ""  # those whom a notice tells
    skipped: str = ""  # the step or block that went on without anybody


SIGNAL = "signal"  # from outside
CLOCK = "clock"  # nobody answers in a step, until its last moment
ADMIN = {"rights": "admin", "until": in_days(90), "why": "The upgrade."}
RISKY = {"risk": "high", "back": "Put the old one back."}
BIG = {"lines": [{"item": "Press", "count": "1", "price": "10000", "vat": "19"}]}
HUGE = {"lines": [{"item": "Hall", "count": "2", "price": "10000", "vat": "19"}]}
LONG = {"period": {"from": in_days(10), "to": in_days(40)}, "days": "21"}


def trip(amount: int) -> dict[str, Any]:
    return {"costs": [{"what": "Flight", "amount": amount}]}


LIVES = [
    # vacation
    Life(
        "vacation", {}, "dave", [("dave", "approve", "bob"), ("bob", "approve", "")], "approved", news="dave"
    ),
    Life("vacation", {}, "dave", [("dave", "reject", "")], "returned"),
    Life(
        "vacation",
        LONG,
        "dave",
        [("dave", "approve", "bob"), ("bob", "approve", "frank"), ("frank", "reject", "")],
        "rejected",
    ),
    Life(
        "vacation",
        LONG,
        "dave",
        [("dave", "approve", "gina"), ("gina", "approve", "")],
        "approved",
        by="frank",  # nobody is above Gina
        skipped="head",
        news="dave",
    ),
    # invoice
    Life(
        "invoice",
        {},
        "carol",
        [("carol", "approve", "bob"), ("bob", "approve", "frank erin"), ("erin", "approve", "")],
        "approved",
    ),
    Life(
        "invoice",
        BIG,
        "carol",
        [("carol", "approve", "frank"), ("frank", "approve", "erin"), ("erin", "approve", "")],
        "approved",  # Frank released it, and so does not pay it
    ),
    Life(
        "invoice",
        HUGE,
        "carol",
        [("carol", "approve", "gina hank"), ("hank", "reject", "")],
        "rejected",
    ),
    Life("invoice", {}, "carol", [("carol", "query", "")], "returned"),
    # The requester checks nothing, and has no manager whose limit could be enough.
    Life(
        "invoice",
        {},
        "dave",
        [("dave", "approve", "gina hank"), ("gina", "approve", "frank erin"), ("frank", "reject", "")],
        "rejected",
        by="carol",
    ),
    # access
    Life(
        "access",
        {},
        "bob carol",
        [("bob", "approve", "carol"), ("carol", "approve", "hank"), ("hank", "done", "")],
        "approved",
        news="alice",
    ),
    Life(
        "access",
        {**ADMIN, "system": "files"},
        "bob erin carol erin",
        [
            ("carol", "approve", "bob erin"),
            ("erin", "approve", "bob"),
            ("bob", "approve", "hank"),
            ("hank", "done", ""),
            (CLOCK, "lasting", "hank"),
            (CLOCK, "back", "hank"),
            ("hank", "done", ""),
        ],
        "ended",
        news="alice",
    ),
    Life("access", {}, "bob carol", [(CLOCK, "manager", "")], "rejected", told="carol dave"),
    Life(
        "access",
        {**ADMIN, "system": "crm", "whom": "bob@contoso.example"},
        "frank erin carol erin",
        [("carol", "reject", "")],
        "rejected",
        told="frank erin",
    ),
    # hiring
    Life(
        "hiring",
        {},
        "bob carol dave erin",
        [
            ("erin", "approve", "bob carol dave"),
            ("carol", "reject", "bob dave"),
            ("bob", "approve", "iris frank"),
            ("frank", "approve", "iris"),
            ("iris", "approve", ""),
            (SIGNAL, "signed", ""),
        ],
        "approved",
    ),
    Life(
        "hiring",
        {},
        "bob carol dave erin",
        [("erin", "reject", "bob carol dave"), ("bob", "reject", "")],
        "rejected",
    ),
    # Without the hiring manager all three have to want somebody.
    Life(
        "hiring",
        {"planned": ""},
        "bob carol dave erin",
        [
            ("bob", "reject", "carol dave erin"),
            ("erin", "approve", "carol dave"),
            ("dave", "approve", "carol"),
            ("carol", "approve", "iris frank carol"),
            ("carol", "reject", ""),
        ],
        "rejected",
        told="iris frank",
    ),
    # travel
    Life("travel", {}, "erin", [("erin", "approve", "erin"), ("erin", "done", "")], "approved"),
    Life(
        "travel",
        {},
        "erin",
        [
            ("erin", "changes", "alice"),
            ("alice", "revised", "erin"),
            ("erin", "approve", "erin"),
            ("erin", "done", ""),
        ],
        "approved",
    ),
    # The travel desk is not asked again where nothing changed that it checked.
    Life(
        "travel",
        trip(900),
        "erin",
        [
            ("erin", "approve", "bob"),
            ("bob", "changes", "alice"),
            ("alice", "revised", "bob"),
            ("bob", "reject", ""),
        ],
        "rejected",
    ),
    Life(
        "travel",
        trip(5000),
        "erin",
        [
            ("erin", "approve", "bob frank"),
            ("bob", "approve", "frank"),
            ("frank", "approve", "erin"),
            ("erin", "done", ""),
        ],
        "approved",
    ),
    Life(
        "travel",
        trip(5000),
        "erin",
        [
            ("erin", "approve", "bob frank"),
            ("bob", "changes", "frank"),
            ("frank", "approve", "alice"),
            ("alice", "revised", "bob"),
            ("bob", "approve", "erin"),
            ("erin", "done", ""),
        ],
        "approved",
    ),
    Life(
        "travel", trip(5000), "erin", [("erin", "approve", "bob frank"), ("frank", "reject", "")], "rejected"
    ),
    # change
    Life(
        "change",
        {},
        "iris",
        [("iris", "approve", "dave"), ("dave", "done", "")],
        "approved",
        skipped="checks",
    ),
    Life(
        "change",
        {**RISKY, "touches": ["security", "operations"]},
        "iris",
        [("iris", "approve", "carol erin dave"), ("erin", "reject", "")],
        "rejected",
        told="dave",
    ),
    Life(
        "change",
        {**RISKY, "touches": ["operations"]},
        "iris",
        [
            ("iris", "approve", "dave"),
            ("dave", "approve", "bob carol dave erin"),
            ("bob", "approve", "carol dave erin"),
            ("carol", "approve", "dave erin"),
            ("dave", "postpone", "erin"),
            ("erin", "approve", "dave"),
            ("dave", "undone", ""),
        ],
        "rolled_back",
    ),
    Life(
        "change",
        RISKY,
        "iris",
        [("iris", "approve", "bob carol dave erin"), ("erin", "reject", "")],
        "rejected",
        skipped="checks",
    ),
    Life(
        "change",
        RISKY,
        "iris",
        [
            ("iris", "approve", "bob carol dave erin"),
            ("bob", "postpone", "carol dave erin"),
            ("carol", "approve", "dave erin"),
            ("dave", "postpone", "erin"),
            ("erin", "postpone", ""),
        ],
        "postponed",
        skipped="checks",
    ),
    Life("change", {}, "iris", [("iris", "reject", "")], "rejected"),
    # expense
    Life(
        "expense",
        {},
        "bob",
        [("bob", "approve", "iris"), ("iris", "paid", "")],
        "approved",
    ),
    Life(
        "expense",
        {"own_car": "yes", "km": "1000"},
        "bob",
        [("bob", "approve", "carol"), ("carol", "reject", "")],
        "rejected",
    ),
    Life(
        "expense",
        {
            "receipts": [{"day": in_days(-3), "kind": "Meal with guests", "amount": "90"}],
            "guests": "Fabrikam",
        },
        "bob",
        [("bob", "approve", "carol"), ("carol", "approve", "iris"), ("iris", "reject", "")],
        "rejected",
    ),
    # purchase, document, contract
    Life("purchase", {}, "bob", [("bob", "approve", "")], "approved"),
    Life(
        "purchase",
        {"amount": "1000.01"},
        "bob",
        [("bob", "approve", "carol"), ("carol", "reject", "")],
        "rejected",
    ),
    Life(
        "document",
        {},
        "carol dave",
        [
            ("carol", "approve", "dave"),
            ("dave", "abstain", "bob"),
            ("bob", "approve", "iris"),
            ("iris", "approve", ""),
        ],
        "approved",
    ),
    Life(
        "document",
        {},
        "carol dave",
        [
            ("carol", "approve", "dave"),
            ("dave", "changes", "alice"),
            ("alice", "revised", "dave"),
            ("dave", "approve", "bob"),
            ("bob", "approve", "iris"),
            ("iris", "approve", ""),
        ],
        "approved",
    ),
    Life(
        "document",
        {},
        "carol dave",
        [
            ("carol", "approve", "dave"),
            ("dave", "approve", "bob"),
            ("bob", "reject", "alice"),
            ("alice", "revised", "bob"),
            ("bob", "approve", "iris"),
            ("iris", "approve", ""),
        ],
        "approved",
    ),
    Life(
        "document",
        {},
        "carol dave",
        [("carol", "abstain", "dave"), ("dave", "abstain", "")],
        "rejected",
    ),
    # order
    Life(
        "order",
        {},
        "bob",
        [("bob", "approve", "hank"), ("hank", "done", ""), (SIGNAL, "delivered", "")],
        "approved",
    ),
    Life("order", {"cost_centre": "20"}, "carol", [("carol", "reject", "")], "rejected"),
    Life(
        "order",
        {"amount": "60000"},
        "gina hank",
        [("gina", "approve", "hank"), ("hank", "done", ""), (SIGNAL, "delivered", "")],
        "approved",
    ),
    Life("contract", {}, "dave", [("dave", "approve", "bob"), ("bob", "approve", "")], "approved"),
    Life(
        "contract",
        {"value": "200000", "personal_data": "yes"},
        "dave carol erin",
        [("dave", "approve", "carol erin iris"), ("carol", "reject", "")],
        "rejected",
        told="erin iris",
    ),
]


def _called(life: Life) -> str:
    return f"{life.sample}: {' '.join(f'{who} {what}' for who, what, _then in life.answers)}"


@pytest.mark.parametrize("life", LIVES, ids=_called)
def test_a_life(life: Life, people: Mapping[str, Person], mailbox: Mailbox) -> None:
    request = start(life.sample, people[life.by], life.changes)
    assert asked(request) == life.asked
    for who, outcome, then in life.answers:
        if who == SIGNAL:
            engine.signal(request.pk, outcome, None)
        elif who == CLOCK:
            pass_the_time_of(request, outcome)
        else:
            answer(request, people[who], outcome)
        assert asked(request) == then
    request.refresh_from_db()
    assert (request.state, request.result) == ("ended", life.result)
    assert (mailed("not-needed"), mailed("notice")) == (life.told, life.news)
    steps = definition_of(request.version).steps.items()
    asking_nobody = [key for key, step in steps if isinstance(step, NoticeStep | WaitStep)]
    unasked = request.visits.filter(state="closed", children=None, assignments=None)
    unasked = unasked.exclude(step_key__in=asking_nobody)
    assert " ".join(unasked.values_list("step_key", flat=True)) == life.skipped
    assert [*chain.verify()] == []
    assert [*evidence.compare()] == []


def pass_the_time_of(request: Request, step_key: str) -> None:
    timers = Timer.objects.filter(visit__request=request, visit__step_key=step_key)
    for moment in [*timers.order_by("at").values_list("at", flat=True).distinct()]:
        with time_machine.travel(moment + SLACK, tick=False):
            Mailbox.objects.update(read_until=timezone.now())
            for number in timing.due(100):
                timing.work(number)


def mailed(kind: str) -> str:
    """To whom, in order."""
    mails = OutgoingMail.objects.filter(kind=kind).order_by("pk").values_list("to", flat=True)
    return " ".join(to.partition("@")[0] for to in mails)


def test_each_sample_has_lives_that_end_well_and_that_do_not() -> None:
    for name in NAMES:
        results = {life.result for life in LIVES if life.sample == name}
        assert "approved" in results
        assert len(results) > 1


# --- who may not, and what is missing ---------------------------------------------------------------------


def test_owners_are_asked_in_turn(people: Mapping[str, Person]) -> None:
    assert [asked(start("access", people["alice"], {})) for _ in range(3)] == [
        "bob carol",
        "bob dave",
        "bob carol",
    ]


def test_whoever_agreed_as_owner_does_not_agree_for_security(people: Mapping[str, Person]) -> None:
    request = start("access", people["alice"], ADMIN)
    assert asked(request) == "bob carol carol erin"
    answer(request, people["carol"], "approve")
    assert asked(request) == "bob erin"
    answer(request, people["erin"], "approve")
    answer(request, people["bob"], "approve")
    assert asked(request) == "hank"


def test_a_manager_who_checked_the_invoice_is_passed_over(people: Mapping[str, Person]) -> None:
    Group.objects.get(key="accounting").members.set([people["bob"]])
    request = start("invoice", people["alice"], {})
    answer(request, people["bob"], "approve")
    assert asked(request) == "frank"


@pytest.mark.parametrize(
    ("sample", "who", "outcome"),
    [
        ("invoice", "carol", "query"),
        ("hiring", "dave", "reject"),
        ("expense", "bob", "reject"),
        ("document", "dave", "changes"),
        ("contract", "dave", "changes"),
    ],
)
def test_what_needs_a_comment_decides_nothing_without_one(
    sample: str, who: str, outcome: str, people: Mapping[str, Person]
) -> None:
    request = start(sample, people["alice"], {})
    before = asked(request)
    with pytest.raises(engine_errors.CommentNeeded):
        answer(request, people[who], outcome, comment="")
    assert asked(request) == before


@pytest.mark.parametrize(
    ("sample", "changes", "errors"),
    [
        ("vacation", {"kind": "special"}, {"why": "Please fill this in."}),
        (
            "vacation",
            {"period": {"from": in_days(5), "to": in_days(4)}},
            {"period": "The last day is before the first one."},
        ),
        ("vacation", {"period": {"from": in_days(-5), "to": in_days(4)}}, {"period": "Not before "}),
        ("vacation", {"period": {}}, {"period": "Please fill this in.", "days": "Please fill this in."}),
        (
            "vacation",
            {"stand_in": "nobody@contoso.example"},
            {"stand_in": "There is nobody with the address nobody@"},
        ),
        ("invoice", {"iban": "DE89 3704 0044 0532 0130 01"}, {"iban": "A character of this IBAN is wrong"}),
        ("invoice", {"files": None}, {"files": "Please add a file."}),
        ("invoice", {"lines": []}, {"lines": "Please fill this in."}),
        ("invoice", {"cost_centre": "99"}, {"cost_centre": "“99” is not offered here"}),
        ("access", {"rights": "admin"}, {"why": "Please fill this in.", "until": "Please fill this in."}),
        ("access", {"until": in_days(500)}, {"until": "Not after "}),
        (
            "hiring",
            {"interviewers": ["frank@contoso.example"]},
            {"interviewers": "Frank is not in the group "},
        ),
        (
            "hiring",
            {"interviewers": ["carol@contoso.example"]},
            {"interviewers": "At least 3 people, please."},
        ),
        ("travel", {"costs": [{"what": "Train"}]}, {"costs.1.amount": "Please fill this in."}),
        ("change", {"risk": "medium"}, {"back": "Please fill this in."}),
        ("change", {"at": "tomorrow"}, {"at": "Please write a date and a time as 2026-12-31 14:30."}),
        ("expense", {"own_car": "yes"}, {"km": "Please fill this in."}),
        ("expense", {"receipts": []}, {"receipts": "Please fill this in."}),
        ("expense", {"files": None}, {"files": "Please add a file."}),
        (
            "expense",
            {"receipts": [{"day": in_days(-3), "kind": "Meal with guests", "amount": "90"}]},
            {"guests": "Please fill this in."},
        ),
        ("purchase", {"amount": "-1"}, {"amount": "An amount cannot be negative."}),
    ],
)
def test_a_form_says_what_to_do(
    sample: str, changes: Mapping[str, Any], errors: Mapping[str, str], people: Mapping[str, Person]
) -> None:
    with pytest.raises(FormInvalid) as caught:
        start(sample, people["alice"], changes)
    assert caught.value.errors.keys() == errors.keys()
    for name, beginning in errors.items():
        assert caught.value.errors[name].startswith(beginning), caught.value.errors
    assert not Request.objects.exists()


def test_kilometres_alone_are_paid_back_without_a_receipt(people: Mapping[str, Person]) -> None:
    request = start(
        "expense", people["alice"], {"receipts": [], "files": None, "own_car": "yes", "km": "120"}
    )
    assert request.data["total"] == {"minor": 3600, "currency": "EUR"}


def test_an_invoice_adds_up_with_its_taxes(people: Mapping[str, Person]) -> None:
    request = start("invoice", people["alice"], {})
    assert [request.data["lines"][0][name]["minor"] for name in ("net", "gross")] == [50000, 59500]


# --- pages and mails ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_its_form_and_its_requests_can_be_opened(
    name: str, people: Mapping[str, Person], client: Client
) -> None:
    request = start(name, people["alice"], {})
    client.force_login(people["alice"])
    form = client.get(reverse("portal:start_form", args=[name]))
    assert form.status_code == 200
    page = client.get(reverse("portal:request", args=[request.public_id]))
    assert page.status_code == 200
    assert escape(request.title) in page.content.decode()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_the_mail_of_its_first_step_has_its_answers_in_the_readers_language(
    name: str, language: str, people: Mapping[str, Person], mailbox: Mailbox
) -> None:
    Person.objects.update(language=language)
    request = start(name, people["alice"], {})
    seat = Assignment.objects.filter(visit__request=request, state="open").earliest("pk")
    mail = OutgoingMail.objects.filter(kind="ask").earliest("pk")
    step = definition_of(request.version).approval(seat.visit.step_key)
    with translation.override(language):
        labels = [outcome.shown for outcome in step.outcomes]
    for text in texts_of(mail):
        assert [label for label in labels if label.lower() not in text.lower()] == []


def texts_of(mail: OutgoingMail) -> list[str]:
    """As plain text and as HTML, without headers: a code or a reference could hold any four letters."""
    message = message_from_bytes(bytes(mail.raw), policy=default)
    assert isinstance(message, EmailMessage)
    bodies = [message.get_body((kind,)) for kind in ("plain", "html")]
    return [" ".join(str(body.get_content()).split()) for body in bodies if body is not None]


def test_a_mail_says_which_step_it_asks_about(people: Mapping[str, Person], mailbox: Mailbox) -> None:
    """Erin checks the estimate of a trip, and books it later: two mails about one request."""
    request = start("travel", people["alice"], {})
    answer(request, people["erin"], "approve")
    for step, mail in zip(
        ("Check of the estimate", "Booking"),
        OutgoingMail.objects.filter(kind="ask").order_by("pk"),
        strict=True,
    ):
        text = " ".join(bytes(mail.raw).decode().split())
        assert f"business trip {request.number}: {step}." in text


def test_what_a_step_hides_is_not_in_its_mail(people: Mapping[str, Person], mailbox: Mailbox) -> None:
    for name, shown, hidden in (
        ("hiring", "Position", "60,000"),
        ("expense", "Receipts", "DE89"),
        ("vacation", "Working days", "Paid leave"),
    ):
        start(name, people["alice"], {})
        texts = texts_of(OutgoingMail.objects.filter(kind="ask").latest("pk"))
        assert len(texts) == 2
        assert [shown in text for text in texts] == [True, True]
        assert [hidden in text for text in texts] == [False, False]


def test_an_abbreviation_keeps_its_capitals_in_the_mail(
    people: Mapping[str, Person], mailbox: Mailbox
) -> None:
    start("change", people["alice"], {})
    text = " ".join(bytes(OutgoingMail.objects.get(kind="ask").raw).decode().split())
    assert "asks for your decision on IT change " in text
