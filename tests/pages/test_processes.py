"""Processes: the list, the first page of each, and what its owners do with it."""

import json
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from placet.accounts.models import Group, Person
from placet.approvals import calling, engine, engine_errors, owning
from placet.approvals.bpmn import bpmn_of
from placet.approvals.definitions import definition_of
from placet.approvals.drafts import store
from placet.approvals.form import facts_hash
from placet.approvals.models import (
    Assignment,
    Attachment,
    AuthorityTable,
    CallTask,
    Decision,
    Process,
    ProcessDraft,
    Request,
    TableDraft,
    TableVersion,
    Timer,
    Version,
    Visit,
)
from placet.approvals.processes import bring_back, parse_definition, publish, retire
from placet.approvals.record import digest_of_table
from placet.approvals.renaming import renamed
from placet.approvals.sample_files import sample_called, sample_names
from placet.approvals.verification import findings, verify_range
from placet.audit.models import AuditEntry
from placet.designer.counts import Counts, counts_of
from placet.designer.making import DESCRIBED
from placet.designer.revisions import revise
from placet.lib.canonical import digest
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.making import SAMPLE, one_step, values

As = Callable[[Person | None], Client]

pytestmark = pytest.mark.django_db
LIST = "designer:processes"


def page(client: Client, name: str, key: str = "purchase", status: int = 200) -> str:
    answer = client.get(reverse(name, args=[key]))
    assert answer.status_code == status
    return str(answer.content.decode())


# --- who sees what ----------------------------------------------------------------------------------------


def test_without_a_process_the_page_says_what_to_do(owner: Person, as_: As) -> None:
    shown = as_(owner).get(reverse(LIST)).content.decode()
    assert "You own no process yet." in shown
    assert reverse("designer:new") in shown


def test_an_owner_sees_their_processes_and_no_others(owner: Person, version: Version, as_: As) -> None:
    client = as_(owner)
    assert page(client, "designer:process", status=404)
    owning.add_owner(version.process, owner)
    assert "Purchase request" in client.get(reverse(LIST)).content.decode()
    assert "Version 1" in page(client, "designer:process")


def test_who_loses_the_role_loses_the_pages_at_once(owner: Person, version: Version, as_: As) -> None:
    owning.add_owner(version.process, owner)
    client = as_(owner)
    assert client.get(reverse(LIST)).status_code == 200
    Person.objects.filter(pk=owner.pk).update(is_process_owner=False)
    assert client.get(reverse(LIST)).status_code == 403
    assert client.get(reverse("designer:text_file", args=["purchase"])).status_code == 403


def test_an_owner_opens_nothing_of_the_administration(owner: Person, version: Version, as_: As) -> None:
    owning.add_owner(version.process, owner)
    client = as_(owner)
    for name in ("panel:home", "panel:incoming", "panel:outgoing", "panel:people", "panel:remote_approval"):
        assert client.get(reverse(name)).status_code == 403
    assert "Administration" not in client.get(reverse(LIST)).content.decode()


# --- the list ---------------------------------------------------------------------------------------------


def late(request: Request, *, hours: int) -> Timer:
    visit = request.visits.get(state=Visit.State.OPEN)
    at = timezone.now() - timedelta(hours=hours)
    return Timer.objects.create(visit=visit, what=Timer.What.DUE, at=at, due=at)


def test_the_list_counts_what_runs_is_late_and_stuck(
    purchase: Request, admin: Person, alice: Person, as_: As
) -> None:
    process = purchase.version.process
    other = engine.start(purchase.version, alice, {"item": "A desk", "amount": "200", "reason": ""})
    engine.withdraw(other.pk, alice)
    assert counts_of([process]) == {process.pk: Counts(runs=1)}
    timer = late(purchase, hours=1)
    assert counts_of([process]) == {process.pk: Counts(runs=1, late=1)}
    stands = Timer.objects.create(
        visit=timer.visit, what=Timer.What.RESUME, at=timezone.now(), due=timezone.now()
    )
    assert counts_of([process]) == {process.pk: Counts(runs=1)}
    stands.delete()
    Timer.objects.filter(pk=timer.pk).update(at=timezone.now() + timedelta(hours=1))
    assert counts_of([process]) == {process.pk: Counts(runs=1)}
    Visit.objects.filter(pk=timer.visit_id).update(state=Visit.State.STUCK)
    assert counts_of([process]) == {process.pk: Counts(runs=1, stuck=1)}
    assert "1 stuck" in as_(admin).get(reverse(LIST)).content.decode()


def test_the_list_asks_as_often_for_many_processes_as_for_few(admin: Person, bob: Person, as_: As) -> None:
    client = as_(admin)

    def asked() -> int:
        client.get(reverse(LIST))
        with CaptureQueriesContext(connection) as context:
            assert client.get(reverse(LIST)).status_code == 200
        return len(context)

    def make(first: int, last: int) -> None:
        for number in range(first, last):
            owning.add_owner(store(f"made-{number}", f"Made {number}", f"key: made-{number}\n").process, bob)

    make(0, 2)
    few = asked()
    make(2, 40)
    assert asked() == few


def test_what_is_many_can_be_searched_and_what_is_retired_stands_apart(admin: Person, as_: As) -> None:
    client = as_(admin)
    for number in range(12):
        store(f"made-{number}", f"Process number {number}", f"key: made-{number}\n")
    retire(Process.objects.get(key="made-11"))

    def listed(**query: str) -> set[str]:
        answer = client.get(f"{reverse(LIST)}?{urlencode(query)}")
        return {row.key for row, _counts in answer.context["rows"]}

    assert "made-11" not in listed()
    assert len(listed()) == 11
    assert listed(q="NUMBER 7") == {"made-7"} == listed(q="made-7")
    assert listed(show="retired") == {"made-11"}
    assert listed(show="unpublished", q="3") == {"made-3"}
    assert "1 process is retired" in client.get(reverse(LIST)).content.decode()


# --- making one -------------------------------------------------------------------------------------------


def test_an_empty_one_is_a_draft_of_whoever_made_it(owner: Person, as_: As) -> None:
    answer = as_(owner).post(reverse("designer:new"), {"name": "Prise en charge: «été»"})
    process = Process.objects.get()
    assert answer["Location"] == reverse("designer:process", args=["prise-en-charge-ete"])
    assert process.name == "Prise en charge: «été»"
    assert list(process.owners.all()) == [owner]
    assert process.draft.text == 'key: prise-en-charge-ete\nname: "Prise en charge: «été»"\n'
    assert "Nobody can start it before it is published." in page(as_(owner), "designer:process", process.key)


def test_administrators_own_without_being_named(admin: Person, as_: As) -> None:
    as_(admin).post(reverse("designer:new"), {"name": "Made"})
    assert not Process.objects.get().owners.exists()


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"name": "Purchase", "key": "purchase"}, "There is a process of this key already."),
        ({"name": "Purchase"}, "There is a process of this key already."),
        ({"name": "Made", "key": "1st"}, "begins with a letter"),
        ({"name": "日本"}, "begins with a letter"),
        ({"name": "a\u202eb", "key": "a"}, "characters that cannot be seen"),
    ],
)
def test_a_key_is_one_and_nobody_elses(
    sent: dict[str, str], says: str, owner: Person, version: Version, as_: As
) -> None:
    answer = as_(owner).post(reverse("designer:new"), sent)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert Process.objects.count() == 1


def test_each_sample_is_offered_in_a_sentence() -> None:
    assert sorted(DESCRIBED) == sample_names()


def test_a_sample_becomes_a_draft_with_its_tables_and_names_who_is_missing(admin: Person, as_: As) -> None:
    client, address = as_(admin), reverse("designer:template", args=["order"])
    shown = client.get(address).content.decode()
    assert "The authority table <bdi data-as-is>spending</bdi> comes with it." in shown
    assert "<bdi data-as-is>buying, directors, finance</bdi>, in which nobody is yet." in shown
    answer = client.post(address, {"name": "Orders", "key": "orders"}, follow=True)
    assert "The authority table spending was not there yet" in answer.content.decode()
    assert AuthorityTable.objects.get().key == "spending"
    text = ProcessDraft.objects.get().text
    sample = sample_called("order")
    assert sample is not None
    assert text == sample.text.replace("key: order\n", "key: orders\n", 1).replace(
        "name: Purchase order", "name: Orders"
    ).replace("name: Orders", 'name: "Orders"', 1)
    assert parse_definition(text).key == "orders"
    Group.objects.create(key="finance", name="Finance").members.add(admin)
    assert "<bdi data-as-is>buying, directors</bdi>, in which" in client.get(address).content.decode()


def test_an_owner_publishes_no_table_with_a_sample(owner: Person, admin: Person, as_: As) -> None:
    client, address = as_(owner), reverse("designer:template", args=["order"])
    assert "<bdi data-as-is>spending</bdi> is not there yet." in client.get(address).content.decode()
    for key in ("orders", "more-orders"):
        answer = client.post(address, {"name": "Orders", "key": key}, follow=True)
        assert "The authority table spending is not there yet." in answer.content.decode()
    assert not AuthorityTable.objects.exists()
    draft = TableDraft.objects.get()
    assert (draft.key, draft.by) == ("spending", owner)
    as_(admin).post(
        reverse("panel:review_table", args=[draft.pk]),
        {"revision": draft.revision, "in_place_of": 0, "accepted": "yes"},
    )
    version = TableVersion.objects.get()
    assert version.table.key == "spending"
    who, what = recorded()[-1]
    assert (who, what["event"], what["table"]) == (by(admin), "authority table published", "spending")
    assert what["content"] == digest_of_table(version)
    answer = client.post(address, {"name": "Orders", "key": "yet-more-orders"}, follow=True)
    assert "is not there yet" not in answer.content.decode()
    assert TableVersion.objects.get() == version


@pytest.mark.parametrize("name", sample_names())
def test_each_sample_can_be_used_under_another_key(name: str, admin: Person, as_: As) -> None:
    as_(admin).post(reverse("designer:template", args=[name]), {"name": "Another", "key": "another"})
    definition = parse_definition(ProcessDraft.objects.get().text)
    assert (definition.key, definition.name) == ("another", "Another")


def test_a_copy_says_the_same_with_its_comments(owner: Person, as_: As) -> None:
    text = f"# why it is so\n{SAMPLE}# the end\n"
    owning.add_owner(publish(text).process, owner)
    client = as_(owner)
    assert "Purchase request (copy)" in page(client, "designer:copy")
    client.post(reverse("designer:copy", args=["purchase"]), {"name": "IT purchase", "key": "it"})
    copied = Process.objects.get(key="it")
    assert copied.draft.text == renamed(text, "it", "IT purchase")
    assert copied.draft.text.startswith("# why it is so\nkey: it\n")
    assert copied.draft.text.endswith("# the end\n")
    assert list(copied.owners.all()) == [owner]


# --- files ------------------------------------------------------------------------------------------------


def test_what_is_published_is_a_file_as_it_was_written(owner: Person, as_: As) -> None:
    text = f"# kept\n{SAMPLE}"
    version = publish(text)
    publish(values(SAMPLE))
    owning.add_owner(version.process, owner)
    client = as_(owner)
    file = client.get(reverse("designer:text_file", args=["purchase"]) + "?version=1")
    assert file.content.decode() == text
    assert file["Content-Disposition"] == 'attachment; filename="purchase.yaml"'
    newest = client.get(reverse("designer:text_file", args=["purchase"])).content.decode()
    assert parse_definition(newest) == definition_of(version)
    schema = json.loads(client.get(reverse("designer:schema_file", args=["purchase"])).content)
    assert "amount" in schema["properties"]
    bpmn = client.get(reverse("designer:bpmn_file", args=["purchase"]))
    assert bpmn.content == bpmn_of(definition_of(version))
    assert client.get(reverse("designer:text_file", args=["purchase"]) + "?version=9").status_code == 404


# --- owners -----------------------------------------------------------------------------------------------


def test_owners_come_and_go_and_administrators_remain(
    owner: Person, bob: Person, version: Version, as_: As
) -> None:
    process = version.process
    owning.add_owner(process, owner)
    client, address = as_(owner), reverse("designer:owners", args=["purchase"])
    client.post(address, {"person": bob.email})
    bob.refresh_from_db()
    assert bob.is_process_owner
    assert set(process.owners.all()) == {owner, bob}
    assert client.post(address, {"out": bob.pk})["Location"] == reverse("designer:process", args=["purchase"])
    answer = client.post(address, {"out": owner.pk})
    assert answer["Location"] == reverse(LIST)
    assert client.get(reverse("designer:process", args=["purchase"])).status_code == 404
    assert not process.owners.exists()
    for pk in (bob.pk, owner.pk):  # who is none is not taken out once more
        owning.remove_owner(process, Person.objects.get(pk=pk), owner)
    added = {"event": "process owner added", "process": "purchase"}
    removed = {"event": "process owner removed", "process": "purchase"}
    assert recorded()[1:] == [  # behind that it was published
        ("system", {**added, "person": owner.pk, "role_given": False}),
        (by(owner), {**added, "person": bob.pk, "role_given": True}),
        (by(owner), {**removed, "person": bob.pk}),
        (by(owner), {**removed, "person": owner.pk}),
    ]
    bob.refresh_from_db()
    assert bob.is_process_owner


@pytest.mark.parametrize("person", ["nobody", "nobody@contoso.example", ""])
def test_nobody_becomes_an_owner_by_a_name_that_is_nobodys(
    person: str, admin: Person, version: Version, as_: As
) -> None:
    answer = as_(admin).post(reverse("designer:owners", args=["purchase"]), {"person": person})
    assert answer.status_code == 422
    assert not version.process.owners.exists()


def test_a_few_people_are_suggested_to_owners(owner: Person, bob: Person, as_: As) -> None:
    address = reverse("designer:suggest_people")
    assert bob.email in as_(owner).get(f"{address}?person=bob").content.decode()
    assert bob.email not in as_(owner).get(f"{address}?person=b").content.decode()


# --- the record -------------------------------------------------------------------------------------------


def recorded() -> list[tuple[str, dict[str, object]]]:
    """Who did what, in the installation's record."""
    return [*AuditEntry.objects.filter(request=None).order_by("seq").values_list("who", "what")]


def by(person: Person) -> str:
    return f"person:{person.pk}"


def test_the_record_says_who_began_to_own_published_retired_and_brought_back_a_process(
    owner: Person, as_: As
) -> None:
    client = as_(owner)
    client.post(reverse("designer:new"), {"name": "Desks", "key": "purchase"})
    draft = ProcessDraft.objects.get()
    revise(draft, SAMPLE, owner, "", draft.at)
    client.post(reverse("designer:publish", args=["purchase"]), {"base": draft.at})
    for _twice in range(2):
        client.post(reverse("designer:retire", args=["purchase"]))
    for _twice in range(2):
        client.post(reverse("designer:bring_back", args=["purchase"]))
    version = Version.objects.get()
    assert version.published_by == owner
    entries = recorded()
    assert {who for who, _what in entries} == {by(owner)}
    owned, published, retired, brought_back = (what for _who, what in entries)
    assert owned == {
        "event": "process owner added", "process": "purchase", "person": owner.pk, "role_given": False,
    }  # fmt: skip
    assert published == {
        "event": "process published",
        "process": "purchase",
        "version": 1,
        "definition": digest(version.definition),
        "text": digest(SAMPLE),
        "at": version.published_at.isoformat(),
    }
    assert (retired["event"], brought_back["event"]) == ("process retired", "process brought back")
    assert list(findings()) == []


def test_what_was_thrown_away_before_it_was_published_leaves_nothing_to_compare(
    owner: Person, as_: As
) -> None:
    client = as_(owner)
    for _twice in range(2):
        client.post(reverse("designer:new"), {"name": "Desks", "key": "desks"})
        client.post(reverse("designer:discard", args=["desks"]))
    events = ["process owner added", "process discarded"]
    assert [what["event"] for _who, what in recorded()] == [*events, *events]
    assert list(findings()) == []


# --- retired ----------------------------------------------------------------------------------------------


def test_what_is_retired_is_started_by_no_way_until_it_comes_back(
    purchase: Request, admin: Person, alice: Person, as_: As
) -> None:
    version, client = purchase.version, as_(admin)
    assert "Requests that run go on to their end." in page(client, "designer:retire")
    client.post(reverse("designer:retire", args=["purchase"]))
    entered = {"item": "A chair", "amount": "100", "reason": ""}
    with pytest.raises(engine_errors.ProcessRetired):
        engine.start(version, alice, entered)
    alices = as_(alice)
    assert b"Purchase request" not in alices.get(reverse("portal:start")).content
    form = reverse("portal:start_form", args=["purchase"])
    for answer in (alices.get(form), alices.post(form, {"f-item": "x"})):
        assert answer.status_code == 410
        assert b"This process is retired" in answer.content
    again = alices.post(reverse("portal:start_again", args=[purchase.public_id]), follow=True)
    assert b"This process is retired" in again.content
    asked = Assignment.objects.get(visit__request=purchase)
    engine.decide(asked.pk, by=asked.person, outcome="approve", channel=Decision.Channel.PAGE)
    purchase.refresh_from_db()
    assert purchase.result == "approved"
    client.post(reverse("designer:bring_back", args=["purchase"]))
    assert engine.start(version, alice, entered).state == Request.State.OPEN


def test_a_step_that_calls_what_is_retired_is_stuck_until_it_comes_back(
    alice: Person, bob: Person, admin: Person, as_: As
) -> None:
    called = publish({**one_step([{"person": bob.email}]), "key": "called", "name": "Called"})
    outer = one_step([{"person": bob.email}])
    outer["key"], outer["name"] = "outer", "Outer"
    outer["steps"] = {
        "call": {"kind": "call", "name": "Call", "process": "called", "data": {}},
        "approved": {"kind": "end", "name": "Over", "result": "approved"},
    }
    outer["start"], outer["transitions"] = (
        "call",
        [{"from": "call", "outcome": one, "to": "approved"} for one in ("approved", "rejected", "withdrawn")],
    )
    outer["form"], outer["title"] = [], "Outer"
    version = publish(outer)
    retire(called.process)
    assert "These processes call it" in page(as_(admin), "designer:retire", "called")
    request = engine.start(version, alice, {})
    assert calling.work(CallTask.objects.get().pk)
    visit = request.visits.get()
    assert visit.state == Visit.State.STUCK
    assert "the process “called” is retired" in visit.reason
    bring_back(called.process)
    engine.ask_again(visit.pk, admin)
    assert calling.work(CallTask.objects.get().pk)
    assert Request.objects.filter(parent_visit=visit).exists()


# --- requests of an owner ---------------------------------------------------------------------------------


def test_an_owner_sees_all_requests_of_their_processes_with_their_files(
    purchase: Request, owner: Person, alice: Person, as_: As
) -> None:
    file = Attachment.objects.create(
        request=purchase, field="quotes", name="offer.txt", size=1, sha256="0" * 64, content=b"x", by=alice
    )
    client, of_file = as_(owner), reverse("portal:attachment", args=[file.public_id])
    address = reverse("portal:request", args=[purchase.public_id])
    assert client.get(address).status_code == client.get(of_file).status_code == 404
    owning.add_owner(purchase.version.process, owner)
    assert client.get(address).status_code == client.get(of_file).status_code == 200
    assert "A chair" in client.get(reverse("portal:search") + "?q=chair").content.decode()
    owning.remove_owner(purchase.version.process, owner)
    assert client.get(address).status_code == client.get(of_file).status_code == 404
    assert "A chair" not in client.get(reverse("portal:search") + "?q=chair").content.decode()


def test_an_owner_reminds_and_asks_somebody_else_and_both_are_in_the_record(
    mailbox: Mailbox, purchase: Request, owner: Person, dave: Person, as_: As
) -> None:
    asked = Assignment.objects.get(visit__request=purchase)
    client, address = as_(owner), reverse("portal:give", args=[purchase.public_id, asked.pk])
    again = reverse("portal:send_again", args=[purchase.public_id])
    assert client.get(address).status_code == client.post(again, {"which": asked.pk}).status_code == 404
    owning.add_owner(purchase.version.process, owner)
    shown = client.get(reverse("portal:request", args=[purchase.public_id])).content.decode()
    assert address in shown and f"send-again-{asked.pk}" in shown
    assert "Withdraw request" not in shown
    assert client.post(reverse("portal:withdraw", args=[purchase.public_id])).status_code == 403
    OutgoingMail.objects.update(state=OutgoingMail.State.SENT, sent_at=timezone.now() - timedelta(days=1))
    client.post(again, {"which": asked.pk})
    assert OutgoingMail.objects.filter(kind="ask", to=asked.person.email).count() == 2
    # Four eyes hold for whoever is chosen, too: nobody decides their own request.
    barred = client.post(address, {"to": purchase.requester.email})
    assert barred.status_code == 422
    client.post(address, {"to": dave.email})
    row = asked.delegates.get()
    assert (row.person, row.by) == (dave, owner)
    verified = verify_range(purchase.pk, purchase.pk)
    assert verified.entries and not verified.broken and not verified.differing
    engine.decide(asked.pk, by=dave, outcome="approve", channel=Decision.Channel.PAGE)
    purchase.refresh_from_db()
    assert purchase.result == "approved"


def test_an_owner_asks_somebody_else_instead_on_the_page(
    mailbox: Mailbox, purchase: Request, owner: Person, bob: Person, dave: Person, as_: As
) -> None:
    asked, page = Assignment.objects.get(visit__request=purchase), [purchase.public_id]
    address, of_request = (
        reverse("portal:give", args=[*page, asked.pk]),
        reverse("portal:request", args=page),
    )
    seen = facts_hash(purchase, definition_of(purchase.version), asked.visit.step_key)
    late = {"assignment": asked.pk, "shown": seen, "outcome": "approve", "comment": ""}
    assert asked.person == bob
    assert 'name="answering"' not in as_(bob).get(address).content.decode()  # who is asked gives it, no more
    as_(bob).post(address, {"to": dave.email, "answering": "instead"})
    asked.refresh_from_db()
    assert (asked.state, asked.delegates.get().person) == ("open", dave)
    owning.add_owner(purchase.version.process, owner)
    client = as_(owner)
    offered = client.get(address).content.decode()
    assert "Only whoever you choose: Bob Manager is no longer asked" in offered
    assert offered.count('type="radio"') == 2
    suggested = client.get(f"{address}people/", {"to": "contoso"}).content.decode()
    assert dave.email in suggested and purchase.requester.email not in suggested
    barred = client.post(address, {"to": purchase.requester.email, "answering": "instead"})
    assert barred.status_code == 422 and "made this request" in barred.content.decode()
    assert client.post(address, {"to": dave.email, "answering": "neither"}).status_code == 422
    sent = {"to": dave.email, "answering": "instead", "comment": "He <b>knows</b>"}
    said = client.post(address, sent, follow=True).content.decode()
    assert "Dave Stranger is asked now, and Bob Manager is no longer asked." in said
    assert "is no longer asked: Dave Stranger was put in their place" in said
    assert f"in place of Bob Manager, says {owner.name}" in said
    assert "He &lt;b&gt;knows&lt;/b&gt;" in said
    assert "Somebody else is asked now" in said  # among the mails
    home = as_(dave).get(reverse("portal:home")).content.decode()
    assert f"{owner.name} asks you in place of Bob Manager, who is no longer asked." in home
    refused = as_(bob).post(reverse("portal:decide", args=page), late, follow=True).content.decode()
    assert "Dave Stranger was asked in your place" in refused
    seat = Assignment.objects.get(visit__request=purchase, person=dave)
    engine.decide(seat.pk, by=dave, outcome="approve", channel=Decision.Channel.PAGE)
    assert "approved, in place of Bob Manager" in client.get(of_request).content.decode()
    verified = verify_range(purchase.pk, purchase.pk)
    assert verified.entries and not verified.broken and not verified.differing


def test_an_owner_who_made_the_request_does_not_choose_who_decides_it(
    purchase: Request, alice: Person, as_: As
) -> None:
    owning.add_owner(purchase.version.process, alice)
    asked = Assignment.objects.get(visit__request=purchase)
    address = reverse("portal:give", args=[purchase.public_id, asked.pk])
    assert as_(alice).get(address).status_code == 404


def test_an_owner_tries_a_step_again_that_was_stuck(purchase: Request, owner: Person, as_: As) -> None:
    owning.add_owner(purchase.version.process, owner)
    visit = purchase.visits.get()
    Assignment.objects.filter(visit=visit).update(state=Assignment.State.WITHDRAWN)
    Visit.objects.filter(pk=visit.pk).update(state=Visit.State.STUCK, reason="nobody is there")
    client = as_(owner)
    shown = client.get(reverse("portal:request", args=[purchase.public_id])).content.decode()
    assert "An administrator corrects the people or groups. Then:" in shown
    client.post(reverse("portal:ask_again", args=[purchase.public_id]), {"which": visit.pk})
    visit.refresh_from_db()
    assert visit.state == Visit.State.OPEN


def test_replies_that_were_asked_back_are_shown_to_owners_without_their_text(
    purchase: Request, incoming: IncomingMail, owner: Person, alice: Person, bob: Person, as_: As
) -> None:
    owning.add_owner(purchase.version.process, owner)
    handled = {"state": IncomingMail.State.HANDLED, "handled_at": timezone.now(), "person": bob}
    verdict = {"request": purchase.number, "new_text": "hm, the price"}
    IncomingMail.objects.filter(pk=incoming.pk).update(**handled, result="unclear", verdict=verdict)
    address = reverse("portal:request", args=[purchase.public_id])
    shown = as_(owner).get(address).content.decode()
    assert "Replies that were not applied" in shown and "not clear; asked back" in shown
    assert "hm, the price" not in shown
    assert "Replies that were not applied" not in as_(alice).get(address).content.decode()
    for changed in ({"verdict": {**verdict, "request": 999}}, {"result": "decided"}, {"person": alice}):
        IncomingMail.objects.filter(pk=incoming.pk).update(
            **{**handled, "result": "unclear", "verdict": verdict, **changed}
        )
        assert "Replies that were not applied" not in as_(owner).get(address).content.decode()
    IncomingMail.objects.filter(pk=incoming.pk).update(
        **handled, result="digest_unclear", verdict={"requests": [1, purchase.number]}
    )
    assert "not all of it clear; asked back" in as_(owner).get(address).content.decode()


def test_an_owner_includes_only_what_they_own(
    version: Version, owner: Person, admin: Person, as_: As
) -> None:
    """Its steps, people and conditions would stand on the owner's pages."""
    source = {
        "key": "mine",
        "name": "Mine",
        "title": "{item}",
        "form": values(SAMPLE)["form"],
        "start": "part",
        "steps": {
            "part": {"kind": "include", "process": "purchase"},
            "approved": {"kind": "end", "name": "Yes", "result": "approved"},
            "rejected": {"kind": "end", "name": "No", "result": "rejected"},
        },
        "transitions": [
            {"from": "part", "outcome": "approved", "to": "approved"},
            {"from": "part", "outcome": "rejected", "to": "rejected"},
        ],
    }
    draft = store("mine", "Mine", json.dumps(source))
    owning.add_owner(draft.process, owner)
    addresses = [reverse(f"designer:{name}", args=["mine"]) for name in ("design", "text", "publish", "try")]
    for address in addresses:
        shown = as_(owner).get(address).content.decode()
        assert "Finance" not in shown, address
    assert (
        "there is no process purchase that is published and yours"
        in as_(owner).get(addresses[1]).content.decode()
    )
    form = {"base": draft.at, "draft": draft.pk}
    assert as_(owner).post(addresses[2], form).status_code in (302, 422)
    assert not draft.process.versions.exists()
    assert "and yours" not in as_(admin).get(addresses[1]).content.decode()
    owning.add_owner(version.process, owner)
    assert "and yours" not in as_(owner).get(addresses[1]).content.decode()
    as_(owner).post(addresses[2], form)
    assert draft.process.versions.exists()
    assert "Finance" in page(as_(owner), "designer:process", "mine")


# --- what stands on every page of a process ---------------------------------------------------------------


def test_every_page_of_a_process_marks_its_tab(version: Version, admin: Person, as_: As) -> None:
    client = as_(admin)
    names = ("process", "design", "design_form", "publish", "try", "cases", "replay", "text", "history")
    pages = {name: page(client, f"designer:{name}") for name in names}
    pages["owners"] = client.post(reverse("designer:owners", args=["purchase"])).content.decode()
    tabs = {name: html.split('<nav class="tabs"')[1].split("</nav>")[0] for name, html in pages.items()}
    assert {name: nav.count("aria-current") for name, nav in tabs.items()} == dict.fromkeys(pages, 1)


def test_without_a_second_thing_nothing_is_compared_or_published(
    version: Version, admin: Person, as_: As
) -> None:
    client = as_(admin)
    assert 'type="radio"' not in page(client, "designer:history")
    assert "Publish version" not in page(client, "designer:publish")
