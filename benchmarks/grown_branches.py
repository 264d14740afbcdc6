"""As `grown`, but every request runs on a process with branches, and all of them wait: ten questions are open for each
three requests, a million for 300,000.

A third of the requests are in all four seats of the block, in the others one of its branches has been answered by mail.
The busy person is asked in as many requests at every size, so that what is measured is how the tables grow, and not
their own list.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks import grown
from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import engine
from placet.approvals.models import Assignment, Decision, Request, Version, Visit
from placet.approvals.processes import publish
from placet.mailboxes.models import Mailbox

KEY = "launch"
WAITING = 5000  # for one person, or half of all
LOOKED_AT = 2000  # of the newest requests: among them are those that are answered
BUSY_GROUP = 20  # people of whom the least busy one is asked
#: With the fields of the sample that `grown` takes, whose words and values copies have.
DEFINITION = """
key: launch
name: Launch
title: "{item}"
form:
  - {name: item, label: What, type: text, required: true}
  - {name: amount, label: Amount, type: money, currency: EUR, required: true}
  - {name: reason, label: "What is it for?", type: long_text, required: true}
start: checks
steps:
  checks:
    kind: parallel
    name: Checks
    branches:
      budget: {name: Budget, start: budget}
      legal: {name: Legal, start: legal}
      experts: {name: Experts, start: experts}
    result:
      - {rejected: any, cancel: others}
      - {approved: all}
    otherwise: rejected
  budget: {kind: approval, name: Budget check, ask: [{manager: true}]}
  legal: {kind: approval, name: Legal check, ask: [{group: legal, pick: least_busy}]}
  experts:
    kind: parallel
    name: Experts
    branches:
      security: {name: Security, start: security}
      privacy: {name: Data protection, start: privacy}
    result:
      - {rejected: any, cancel: others}
      - {approved: all}
    otherwise: rejected
  security: {kind: approval, name: Security check, ask: [{group: security}]}
  privacy: {kind: approval, name: Data protection check, ask: [{group: privacy}]}
  signature: {kind: approval, name: Signature, ask: [{manager: true}]}
  signed: {kind: end, name: Signed, result: approved}
  refused: {kind: end, name: Refused, result: rejected}
transitions:
  - {from: budget, outcome: approve, ends_branch: approved}
  - {from: budget, outcome: reject, ends_branch: rejected}
  - {from: legal, outcome: approve, ends_branch: approved}
  - {from: legal, outcome: reject, ends_branch: rejected}
  - {from: security, outcome: approve, ends_branch: approved}
  - {from: security, outcome: reject, ends_branch: rejected}
  - {from: privacy, outcome: approve, ends_branch: approved}
  - {from: privacy, outcome: reject, ends_branch: rejected}
  - {from: experts, outcome: approved, ends_branch: approved}
  - {from: experts, outcome: rejected, ends_branch: rejected}
  - {from: checks, outcome: approved, to: signature}
  - {from: checks, outcome: rejected, to: refused}
  - {from: signature, outcome: approve, to: signed}
  - {from: signature, outcome: reject, to: refused}
"""


def grow(requests: int, people_in_all: int = grown.PEOPLE) -> None:
    """A database, whose tables are there, with so many more requests."""
    people = grown.make_people(people_in_all)
    add_person("Arthur Administrator", f"arthur@{grown.DOMAIN}", administrator=True)
    add(requests, people)


def add(requests: int, people: list[Person]) -> None:
    """To people who are there."""
    mailbox, _made = Mailbox.objects.get_or_create(
        address=f"approvals@{grown.DOMAIN}", defaults={"name": "Approvals", "active": True}
    )
    waited_for, asker = people[0], people[-1]
    version = publish(DEFINITION)
    legal = _groups(people)
    patterns = _patterns(version, asker, waited_for, mailbox)
    legal.members.add(waited_for)  # who is counted then, and never the least busy one
    waiting, answered = min(WAITING, requests // 2), requests * 2 // 3
    counts = {"answered": answered - waiting, "waiting": waiting, "open": requests - answered}
    grown.write(patterns, counts, people, asker, waited_for)


def read() -> grown.Grown:
    """Of a database that `grow` made."""
    return grown.who_looks(Request.State.OPEN)


def _groups(people: list[Person]) -> Group:
    """One person is asked in each branch. The group of which the least busy one is."""
    members = {
        "legal": people[1 : BUSY_GROUP + 1],
        "security": people[BUSY_GROUP + 1 : BUSY_GROUP + 2],
        "privacy": people[BUSY_GROUP + 2 : BUSY_GROUP + 3],
    }
    for key, some in members.items():
        Group.objects.get_or_create(key=key, defaults={"name": key.title()})[0].members.add(*some)
    return Group.objects.get(key="legal")


def _patterns(version: Version, asker: Person, asked: Person, mailbox: Mailbox) -> dict[str, grown.Pattern]:
    asker.manager = asked
    asker.save(update_fields=["manager"])
    made = {name: grown.start(version, asker) for name in ("answered", "waiting", "open")}
    grown.all_sent()
    for name in ("answered", "waiting"):
        grown.decide_by_mail(seats(made[name])["legal"], mailbox)
    grown.all_sent(raw=b"x" * grown.MAIL)
    return {
        name: grown.Pattern(request, [seat.person for seat in seats(request).values()]).read()
        for name, request in made.items()
    }


def seats(request: Request) -> dict[str, Assignment]:
    """By step, in the order in which people were asked: the requester's manager first."""
    found = Assignment.objects.filter(visit__request=request).select_related("visit__request", "person")
    return {seat.visit.step_key: seat for seat in found.order_by("pk")}


# --- what the engine does ---------------------------------------------------------------------------------


def engine_work(rows: grown.Grown, turns: int) -> Mapping[str, Callable[[], Any]]:
    """One more request, and answers of which each is to another one of those that are there. All of it is committed."""
    version = Version.objects.get(process__key=KEY)
    all_open = _all_open()
    last = [_with_one_open(next(all_open)) for _ in range(turns)]
    return {
        "start, into three branches and a block in one": lambda: grown.start(version, rows.asker),
        "answer, the other branches run on": lambda: _answer(next(all_open)["budget"]),
        "answer, the last branch: on to the next step": lambda: _answer(last.pop()["privacy"]),
        "answer, an objection: three others are told": lambda: _answer(next(all_open)["budget"], "reject"),
    }


def _all_open() -> Iterator[dict[str, Assignment]]:
    """The seats of requests in which nobody has answered yet, and nobody may not."""
    newest = Request.objects.filter(version__process__key=KEY, state=Request.State.OPEN).order_by("-id")
    for request in newest[:LOOKED_AT]:
        of_request = seats(request)
        still = all(seat.state == Assignment.State.OPEN for seat in of_request.values())
        asked = {seat.person_id for seat in of_request.values()}
        live = not request.visits.exclude(state=Visit.State.OPEN).exists()
        if still and live and request.requester_id not in asked:
            yield of_request


def _with_one_open(of_request: dict[str, Assignment]) -> dict[str, Assignment]:
    for key in ("budget", "legal", "security"):
        _answer(of_request[key])
    return of_request


def _answer(seat: Assignment, outcome: str = "approve") -> None:
    engine.decide(seat.pk, by=seat.person, outcome=outcome, channel=Decision.Channel.PAGE)
