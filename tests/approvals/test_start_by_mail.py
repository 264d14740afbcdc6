"""What a process may say of requests that are started by mail, and how what was written for a field is taken."""

from typing import Any

import pytest

from placet.accounts.models import Person
from placet.approvals.definition_schema import schema_of_definitions
from placet.approvals.definitions import definition_of
from placet.approvals.form import read_form
from placet.approvals.mailed_starts import addresses_of, check
from placet.approvals.processes import parse_definition, publish
from placet.approvals.start_by_mail import proof_of_start
from tests.approvals.test_steps_that_ask_nobody import refused
from tests.journeys.test_start_by_mail import changed
from tests.making import make_mailbox

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _people(bob: Person) -> None:
    """Who is asked."""


def rules(**said: Any) -> dict[str, Any]:
    return changed(start_by_mail=said)


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        (rules(subject="nothing"), "subject: there is no field nothing"),
        (rules(subject="invoice"), "subject: invoice cannot be filled by a text"),
        (rules(subject="lines"), "subject: lines cannot be filled by a text"),
        (rules(attachments=["item"]), "attachments: item is no field of files"),
        (rules(original="reason"), "original: reason is no field of files"),
        (rules(subject="item", text="item"), "text: item is filled by something else of the mail already"),
        (changed(proof="page"), "proof: the process takes no answers by mail"),
        (changed(key="k" * 41), "is too long for an address"),
    ],
)
def test_what_does_not_fit_together_is_named(definition: dict[str, Any], problem: str) -> None:
    assert problem in refused(definition)


def test_what_is_entered_later_or_computed_is_filled_by_no_mail() -> None:
    form = [dict(one) for one in changed()["form"]]
    form[1] |= {"computed": "1.0", "required": False}
    fills = {"form": {"fill": ["reason"]}}
    steps = {**changed()["steps"], "bob": {**changed()["steps"]["bob"], **fills}}
    said = refused(
        {
            **rules(subject="amount", text="reason"),
            "form": form,
            "steps": steps,
            "start_form": {"hide": ["reason"]},
        }
    )
    assert "subject: amount is computed" in said and "text: reason is entered in a later step" in said


def test_a_file_that_is_required_has_to_come_by_a_rule() -> None:
    form = [one | {"required": True} if one["name"] == "invoice" else one for one in changed()["form"]]
    assert "attachments: invoice has to be filled in, and no mail would fill it" in refused(
        {**rules(subject="item"), "form": form}
    )
    parse_definition({**rules(attachments="invoice"), "form": form})


def test_true_alone_switches_it_on_and_it_is_off_unless_said() -> None:
    on, off = parse_definition(changed(start_by_mail=True)), parse_definition(changed(start_by_mail=False))
    assert on.start_by_mail is not None and on.start_by_mail.waits_for == 7
    assert off.start_by_mail is None and parse_definition(changed(start_by_mail=None)).start_by_mail is None
    assert proof_of_start(on) == "colleague"
    assert proof_of_start(parse_definition(rules(proof="outside"))) == "outside"
    written = schema_of_definitions()["properties"]["start_by_mail"]["anyOf"]
    assert {"type": "boolean"} in written


def test_the_address_is_told_where_mail_to_it_arrives() -> None:
    on, off = publish(changed()).definition, publish(changed(key="off", start_by_mail=None)).definition
    assert addresses_of([on, off]) == {}, "without a mailbox"
    mailbox = make_mailbox("hello@contoso.example", reply_to="approvals@contoso.example")
    assert addresses_of([on, off]) == {"buy": "approvals+start-buy@contoso.example"}
    mailbox.settings = {"reply_to": f"{'a' * 60}@contoso.example"}
    mailbox.save()
    assert addresses_of([on]) == {}, "no server takes so long a one"
    mailbox.settings = {"plus_addressing": False}
    mailbox.save()
    assert addresses_of([on]) == {}


#: What is written for a field of the form below, and what it is taken as; None: it is asked for.
WRITTEN = [
    ("money", "1,250.00", {"minor": 125000, "currency": "EUR"}),
    ("money", "1 250,5 €", {"minor": 125050, "currency": "EUR"}),
    ("money", "EUR 1'250.00", {"minor": 125000, "currency": "EUR"}),
    ("money", "1.250", None),
    ("money", "a lot", None),
    ("number", "1.250", None),
    ("number", "3", 3),
    ("date", "31 December 2026", "2026-12-31"),
    ("date", "03/04/2027", None),
    ("yes_no", "oui", True),
    ("choice", "informatique", "it"),
    ("choice", "cars", None),
    ("choices", "Informatique; desk", ["it", "desk"]),
    ("choices", "desk, cars", None),
    ("period", "24.12.2026 – 2 January 2027", {"from": "2026-12-24", "to": "2027-01-02"}),
    ("period", "2026-12-24", None),
    ("person", "bob@contoso.example", "bob@contoso.example"),
    ("person", "Nobody At All", None),
    ("people", "bob@contoso.example, bob@contoso.example", ["bob@contoso.example"]),
    ("email", "x at y", None),
    ("table", ["Chair; 125"], [{"what": "Chair", "price": {"minor": 12500, "currency": "EUR"}}]),
    ("table", ["Chair"], None),
    ("table", ["Chair; 1; 2"], None),
]  # fmt: skip


def test_what_is_written_for_a_field_is_taken_as_the_page_takes_it_or_asked_for(bob: Person) -> None:
    options = next(one for one in changed()["form"] if one["name"] == "kind")["options"]
    more: dict[str, dict[str, Any]] = {
        "money": {"currency": "EUR"}, "choice": {"options": options}, "choices": {"options": options},
        "table": {"columns": next(one for one in changed()["form"] if one["name"] == "lines")["columns"]},
    }  # fmt: skip
    kinds = dict.fromkeys(kind for kind, _written, _value in WRITTEN)
    form = [{"name": f"a_{kind}", "label": kind, "type": kind, **more.get(kind, {})} for kind in kinds]
    version = publish({**changed(start_by_mail=True), "title": "A request", "form": form})
    for kind, written, value in WRITTEN:
        name = f"a_{kind}"
        checked = check(version, bob, {name: written}, [])
        assert (name in checked.wrong) == (value is None), (kind, written, checked.wrong)
        if value is not None:
            kept = read_form(definition_of(version), checked.typed)[name]
            assert (seen(kept) if kind in ("person", "people") else kept) == value, (kind, written)


def seen(kept: Any) -> Any:
    """The addresses of people."""
    return [one["address"] for one in kept] if isinstance(kept, list) else kept["address"]
