"""One process with all that a process may have, and requests of it that show each of them: for the pictures."""

from collections.abc import Mapping
from datetime import date

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from placet.accounts import calendar_changes
from placet.accounts.calendars import OFFICE_WEEK, Content, OwnDay
from placet.accounts.models import Calendar, Group, Person
from placet.approvals import authority, authority_drafts, calling, engine
from placet.approvals.authority_csv import read
from placet.approvals.models import Assignment, AuthorityTable, Decision, ProcessDraft, Request, TableDraft
from placet.approvals.processes import publish
from placet.lib.public_holidays import Observed
from placet.lib.working_time import Span
from tests.journeys.conftest import DOMAIN, World
from tests.workflowgen.making import simple

OFFICE = f"""
key: office
name: New office
description: Rooms, furniture and whoever moves there. What it costs is known once offers are there.
title: "{{place}}"
form:
  - {{name: place, label: "Where is it?", type: text, required: true}}
  - {{name: desks, label: Desks, type: number, digits: 0, min: 1, required: true}}
  - {{name: supplier, label: Supplier, type: text, required: true}}
  - {{name: amount, label: Offer, type: money, currency: EUR, required: true}}
  - {{name: deposit, label: Deposit, type: money, currency: [EUR, CHF]}}
  - {{name: cost_centre, label: Cost centre, type: cost_centre, required: true}}
  - name: paid
    label: Paid
    type: choice
    options: [In advance, On delivery, {{key: In parts, only: "amount > 10000.0"}}]
  - {{name: remarks, label: Remarks of the buyer, type: long_text}}
start_form: {{hide: [supplier, amount, deposit, cost_centre, paid, remarks]}}
start: announce
steps:
  announce: {{kind: notice, name: Announcement, to: [{{person: carol@{DOMAIN}}}], text: "Please keep the day free."}}
  both:
    kind: parallel
    name: Checks
    branches: {{offers: {{start: offers}}, safety: {{start: safety}}, keys: {{start: keys}}}}
    result:
      - {{rejected: any, cancel: others}}
      - {{approved: all}}
    otherwise: rejected
  offers:
    kind: task
    name: Collect offers
    ask: [{{person: bob@{DOMAIN}}}]
    form: {{fill: [supplier, amount, deposit, cost_centre, paid, remarks], require: [supplier, amount]}}
    due: 4 working hours
  safety:
    kind: approval
    name: Safety at work
    ask:
      - {{group: works-council, key: council, weight: 2}}
      - {{person: bob@{DOMAIN}, key: officer}}
    rule:
      - {{reject: {{veto: [officer]}}}}
      - {{approve: {{weight: 3}}}}
    otherwise: reject
    due: 2 working days
    remind: [1 working day before]
    expire: {{after: 3 working days}}
    questions:
      - {{name: exits, label: Number of emergency exits, type: number, required: true, digits: 0}}
      - {{name: kitchen, label: A kitchen, type: yes_no}}
      - {{name: warden, label: Fire warden, type: person, help: Whoever is on the first floor most days.}}
    outcomes:
      - approve
      - {{key: reject, comment: required}}
  keys: {{kind: wait, name: Keys handed over, signal: keys, due: 30 days}}
  budget: {{kind: call, name: Budget, process: purchase, data: {{item: place, amount: amount}}}}
  approved: {{kind: end, name: Rented, result: approved}}
  rejected: {{kind: end, name: Not rented, result: rejected}}
transitions:
  - {{from: announce, outcome: sent, to: both}}
  - {{from: offers, outcome: done, ends_branch: approved}}
  - {{from: safety, outcome: approve, ends_branch: approved}}
  - {{from: safety, outcome: reject, ends_branch: rejected}}
  - {{from: safety, outcome: expired, ends_branch: rejected}}
  - {{from: keys, outcome: arrived, ends_branch: approved}}
  - {{from: keys, outcome: expired, ends_branch: rejected}}
  - {{from: both, outcome: approved, to: budget}}
  - {{from: both, outcome: rejected, to: rejected}}
  - {{from: budget, outcome: approved, to: approved}}
  - {{from: budget, outcome: rejected, to: rejected}}
  - {{from: budget, outcome: withdrawn, to: rejected}}
"""
PLACES = {
    "office-begun": "Lyon, rue de la République",
    "office-filled-in": "Ghent, Korenmarkt",
    "office-lacks-a-comment": "Porto, Rua das Flores",
    "office-called": "Turin, Via Po",
}


def offices(world: World) -> dict[str, Request]:
    """By what their pages show."""
    people = world.people
    council = Group.objects.get(key="works-council")
    council.members.add(people["carol"], people["dave"])
    rows = "code,name\n" + "".join(f'{4700 + n},"{place}"\n' for n, place in enumerate(PLACES.values()))
    authority.publish("cost_centres", read(rows.encode()), "first", "Cost centres")
    version = publish(OFFICE)
    made = {
        name: engine.start(version, people["alice"], {"place": place, "desks": "14"})
        for name, place in PLACES.items()
    }
    for name in ("office-filled-in", "office-called"):
        offer = {
            "supplier": "Möbel & Co.", "amount": "4,720", "deposit": "500 CHF", "cost_centre": "4701",
            "remarks": "Delivered in March.\nNo lift.",
        }  # fmt: skip
        _decide(made[name], people["bob"], "offers", "done", entered=offer)
    _decide(made["office-filled-in"], people["carol"], "safety", "approve", answers={"exits": "2"})
    answers = {"exits": "3", "kitchen": "true", "warden": people["dave"].email}
    for name in ("carol", "bob"):
        _decide(made["office-called"], people[name], "safety", "approve", "Well chosen.", answers=answers)
    engine.signal(made["office-called"].pk, "keys", people["ada"])
    for row in calling.due(10):
        calling.work(row)
    world.send()
    asked = world.newest("carol", f"Please decide: {PLACES['office-lacks-a-comment']}")
    world.sandbox.reply_as("carol", asked.id, "rejected\n\nQ1: 1")
    world.run_until_quiet()
    return made


def _decide(
    request: Request,
    by: Person,
    step: str,
    outcome: str,
    comment: str = "",
    *,
    entered: Mapping[str, str] | None = None,
    answers: Mapping[str, str] | None = None,
) -> None:
    asked = Assignment.objects.get(visit__request=request, visit__step_key=step, person=by)
    engine.decide(
        asked.pk, by=by, outcome=outcome, comment=comment, channel=Decision.Channel.PAGE, entered=entered,
        answers=answers or {},
    )  # fmt: skip


def authority_table() -> AuthorityTable:
    """In its second version."""
    rows = (
        "cost_centre,amount:number,ask\n"
        f'"4711, 4712",0..1000,manager\n"4711, 4712",1000..50000,group:finance\n'
        f"4711,50000..,carol@{DOMAIN}; bob@{DOMAIN}\n*,..1000,group:works-council\n"
    )
    for text in (rows.replace("50000", "20000"), rows):
        authority.publish("authority", read(text.encode()), "first", "Who may sign")
    return AuthorityTable.objects.get(key="authority")


def edited_table(ada: Person) -> TableDraft:
    """The draft of its next version, with a cell that cannot be read and one that leaves a gap."""
    draft = authority_drafts.begin("authority", ada)
    with authority_drafts.changed(draft.pk, draft.revision, ada) as edited:
        authority_drafts.add_row(edited, len(edited.rows))
        edited.rows[-1] = ["4713", "more than 1000", "manager"]
        edited.rows[1][1] = "2000..50000"
    return edited


def imported_draft(ada: Person) -> ProcessDraft:
    """From a file of WorkflowGen, with something in each of the four lists."""
    file = simple(label="Business trip")
    file.ways[1:] = [("DECIDES", "ASKS", "<i> Like <j>"), ("DECIDES", "_END", "OTHERWISE")]
    client = Client()
    client.force_login(ada)
    sent = SimpleUploadedFile("business trip.xml", file.xml())
    assert client.post(reverse("designer:import"), {"file": sent}).status_code == 302
    return ProcessDraft.objects.get()


def calendars(by: Person, people: Mapping[str, Person]) -> Calendar:
    """Two offices: one for everybody, and one with another weekend."""
    days = [OwnDay(date(2099, 12, day), "Between the years") for day in (28, 29, 30)]
    eve = OwnDay(date(2099, 12, 24), "Christmas Eve", (Span(540, 720),))
    bavaria = Content("Europe/Berlin", OFFICE_WEEK, Observed("DE", "BY", ("public",)))
    munich = calendar_changes.add("munich", "Munich office", bavaria, by)
    calendar_changes.change(munich, lambda now: calendar_changes.with_days(now, [eve, *days]), by)
    calendar_changes.make_default(munich, by)
    week = (*OFFICE_WEEK[:4], (), (), OFFICE_WEEK[0])
    gulf = Content("Asia/Dubai", week, Observed("AE", "", ("public",)))
    calendar_changes.add("gulf", "Gulf", gulf, by)
    Person.objects.filter(pk=people["carol"].pk).update(calendar=munich)
    return munich
