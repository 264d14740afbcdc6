"""Processes → All requests: filters, columns, pages, saved views, and files of what fits."""

import csv
import importlib
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from lxml import etree
from openpyxl import load_workbook

from placet.accounts.general import organisation_zone
from placet.accounts.models import Installation, Person
from placet.approvals import engine, owning
from placet.approvals.late import late_visits
from placet.approvals.models import Assignment, Decision, Process, Request, Timer, Version, Visit
from placet.approvals.processes import publish
from placet.designer import request_filter
from placet.designer.models import DayTraits, SavedView
from placet.reports import work as reports
from tests.making import one_step

As = Callable[[Person | None], Client]

pytestmark = pytest.mark.django_db
PAGE = reverse("designer:requests")
XES = "{http://www.xes-standard.org/}"


@pytest.fixture
def made(version: Version, alice: Person, bob: Person, carol: Person) -> dict[str, Request]:
    """Of two processes: one runs, one is decided, one withdrawn, one is another process's and of Carol."""

    def start(item: str, amount: str) -> Request:
        return engine.start(version, alice, {"item": item, "amount": amount, "reason": "Because"})

    requests = {
        "runs": start("A chair", "100"),
        "decided": start("=1+1 desks", "2500.50"),
        "gone": start("A lamp", "30"),
    }
    seat = Assignment.objects.get(visit__request=requests["decided"])
    engine.decide(seat.pk, by=bob, outcome="reject", comment="No\x0b", channel=Decision.Channel.PAGE)
    engine.withdraw(requests["gone"].pk, alice)
    other = publish(one_step([{"person": bob.email}]))
    requests["other"] = engine.start(other, carol, {"item": "A bike", "amount": "700"})
    return {name: Request.objects.get(pk=request.pk) for name, request in requests.items()}


def listed(client: Client, made: dict[str, Request], **query: str) -> set[str]:
    answer = client.get(f"{PAGE}?{urlencode(query)}")
    assert answer.status_code == 200
    names = {request.pk: name for name, request in made.items()}
    return {names[row.request.pk] for row in answer.context["rows"]}


# --- what is shown ----------------------------------------------------------------------------------------


def test_an_owner_sees_those_of_their_processes_and_an_administrator_all(
    made: dict[str, Request], owner: Person, admin: Person, as_: As
) -> None:
    assert listed(as_(admin), made) == {"runs", "decided", "gone", "other"}
    assert listed(as_(owner), made) == set()
    owning.add_owner(Process.objects.get(key="one-step"), owner)
    client = as_(owner)
    assert listed(client, made) == {"other"}
    assert client.get(f"{PAGE}?process=purchase").status_code == 422  # not theirs, so not one of the choices
    assert client.get(reverse("designer:requests_csv") + "?process=purchase").status_code == 404
    owning.remove_owner(Process.objects.get(key="one-step"), owner)
    assert listed(client, made) == set()


@pytest.mark.one_world
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"process": "purchase"}, {"runs", "decided", "gone"}),
        ({"state": "open"}, {"runs", "other"}),
        ({"state": "withdrawn"}, {"gone"}),
        ({"process": "purchase", "result": "rejected"}, {"decided"}),
        ({"process": "purchase", "step": "manager"}, {"runs"}),
        ({"process": "purchase", "step": "finance"}, set()),
        ({"requester": "carol@contoso.example"}, {"other"}),
        ({"asked": "Bob Manager"}, {"runs", "other"}),
        ({"q": "lamp"}, {"gone"}),
        ({"process": "purchase", "field": "amount", "how": "above", "value": "100"}, {"runs", "decided"}),
        ({"process": "purchase", "field": "amount", "how": "below", "value": "100,00"}, {"runs", "gone"}),
        ({"process": "purchase", "field": "amount", "how": "is", "value": "2500.5"}, {"decided"}),
        ({"process": "purchase", "field": "item", "how": "has", "value": "A L"}, {"gone"}),
        ({"process": "purchase", "field": "quotes", "how": "is", "value": ""}, {"runs", "decided", "gone"}),
        ({"older": "7"}, set()),
        ({"older": "0-1"}, {"runs", "decided", "gone", "other"}),
        ({"older": "2-3"}, set()),
        ({"older": "31-"}, set()),
        ({"trouble": "stuck"}, set()),
        ({"asked": "Bob Manager", "turn": "answer"}, {"runs", "other"}),
        ({"asked": "Bob Manager", "turn": "longest"}, {"runs"}),
        ({"asked": "Bob Manager", "turn": "late"}, set()),
        ({"asked": "Bob Manager", "turn": "paused"}, set()),
        ({"happened": "channel:page"}, {"decided"}),
        ({"happened": "rounds:0"}, {"decided", "gone"}),
        ({"happened": "rounds:77"}, set()),
        ({"process": "purchase", "happened": "passed:manager"}, {"decided"}),
        ({"process": "purchase", "happened": "late:manager"}, set()),
        ({"time": "worked", "least": "0 min"}, {"decided"}),
        ({"time": "worked", "least": "1 min"}, set()),
        ({"happened": "answered", "when": "ended", "from": "2026-01-01", "result": "rejected"}, {"decided"}),
        ({"happened": "answered", "when": "ended", "to": "2026-01-01"}, set()),
        ({"happened": "answered", "process": "one-step"}, set()),
        ({"from": "2026-01-01", "to": "2200-01-01"}, {"runs", "decided", "gone", "other"}),
        ({"to": "2025-12-31"}, set()),
        ({"when": "ended", "from": "2026-01-01"}, {"decided", "gone"}),
        ({"when": "ended", "from": "2026-01-01", "state": "ended", "result": "rejected"}, {"decided"}),
        ({"when": "ran", "to": "2200-01-01"}, {"runs", "other"}),
        ({"when": "missed", "from": "2026-01-01"}, set()),
        ({"overdue": "on"}, set()),
        ({"order": "old"}, {"runs", "decided", "gone", "other"}),
    ],
)
def test_each_filter_finds_what_fits(
    query: dict[str, str], names: set[str], made: dict[str, Request], admin: Person, as_: As
) -> None:
    reports.work(timezone.now().astimezone(organisation_zone()).date().toordinal())
    assert listed(as_(admin), made, **query) == names


def test_what_is_stuck_is_found_with_its_step(made: dict[str, Request], admin: Person, as_: As) -> None:
    client = as_(admin)
    Visit.objects.filter(request=made["runs"]).update(state=Visit.State.STUCK, reason="nobody is left")
    Visit.objects.filter(request=made["other"]).update(reason="the manager cannot be asked")
    assert listed(client, made, trouble="stuck") == {"runs"}
    assert listed(client, made, trouble="unanswered") == {"other"}
    of_step = {"process": "purchase", "trouble": "stuck"}
    assert listed(client, made, **of_step, step="manager") == {"runs"}
    assert listed(client, made, **of_step, step="finance") == set()


def test_each_filter_is_a_chip_that_is_taken_off(made: dict[str, Request], admin: Person, as_: As) -> None:
    """And the rest of the filter, its columns and its order stay; what is a step's goes with its process."""
    query = (
        "process=purchase&state=open&asked=Bob+Manager&turn=late&older=2-3&trouble=stuck&field=amount&how=above"
        "&value=100&when=ended&from=2026-03-01&to=2026-03-02&happened=late%3Amanager&time=waited%3Amanager"
        "&least=1+d+30+min&col=number&order=old"
    )
    client = as_(admin)
    chips = {chip.sentence: chip.without for chip in client.get(f"{PAGE}?{query}").context["chips"]}
    days = next(sentence for sentence in chips if sentence.startswith("ended on these days"))
    assert [*chips] == [
        "Process: Purchase request", "State: running", "Waiting for: Bob Manager, what they can answer, and is late",
        "Amount is at least 100", days, "Age: 2 to 3 days", "In need: stuck: nobody can be asked",
        "What became of it: Manager: a deadline passed", "working time in Manager: at least 24 h 30 min",
    ]  # fmt: skip
    asked = dict(parse_qsl(query))
    for sentence, gone in {
        "State: running": ["state"],
        "Waiting for: Bob Manager, what they can answer, and is late": ["asked", "turn"],
        "Amount is at least 100": ["field", "how", "value"],
        days: ["when", "from", "to"],
        "working time in Manager: at least 24 h 30 min": ["time", "least"],
        "Process: Purchase request": ["process", "field", "how", "value", "happened", "time", "least"],
    }.items():
        assert dict(parse_qsl(chips[sentence])) == {k: v for k, v in asked.items() if k not in gone}
    for without in chips.values():
        answer = client.get(f"{PAGE}?{without}")
        assert answer.status_code == 200, without
        assert len(answer.context["chips"]) < len(chips)


def test_age_and_deadlines_are_filters(made: dict[str, Request], admin: Person, as_: As) -> None:
    client, now = as_(admin), timezone.now()
    Request.objects.filter(pk=made["gone"].pk).update(created_at=now - timedelta(days=8))
    assert listed(client, made, older="7") == {"gone"}
    visit = Visit.objects.get(request=made["other"], state=Visit.State.OPEN)
    Timer.objects.create(visit=visit, what=Timer.What.DUE, at=now - timedelta(hours=1), due=now)
    assert listed(client, made, overdue="on") == {"other"}
    assert "overdue</span>" in client.get(PAGE).content.decode()
    clock = Timer.objects.get(visit=visit)
    assert list(late_visits(clock.at)) == [visit]  # from the very moment on, as reports count it
    assert not late_visits(clock.at - timedelta(microseconds=1)).exists()


def test_days_are_those_of_the_organisation(made: dict[str, Request], admin: Person, as_: As) -> None:
    """Whoever looks, and wherever they are."""
    Installation.objects.update_or_create(id=1, defaults={"zone": "Pacific/Auckland"})
    Person.objects.filter(pk=admin.pk).update(zone="America/Los_Angeles")
    begins = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)  # of 2 March, there
    for name, at in {
        "runs": begins,
        "decided": begins + timedelta(days=1) - timedelta(microseconds=1),
        "gone": begins - timedelta(microseconds=1),
        "other": begins + timedelta(days=1),
    }.items():
        Request.objects.filter(pk=made[name].pk).update(created_at=at)
    client = as_(admin)
    day = {"from": "2026-03-02", "to": "2026-03-02"}
    assert listed(client, made, **day) == {"runs", "decided"}
    assert listed(client, made, when="ran", to="2026-03-02") == {"runs", "decided", "gone"}
    visit = Visit.objects.filter(request=made["other"])[0]
    Timer.objects.create(visit=visit, what=Timer.What.DUE, at=begins, due=begins, state=Timer.State.ACTED)
    assert listed(client, made, when="missed", **day) == {"other"}
    page = client.get(f"{PAGE}?{urlencode(day)}").content.decode()
    assert "started on these days: 2 March 2026" in page or "started on these days: March 2, 2026" in page
    client.post(reverse("designer:save_view"), {"name": "A day", "query": urlencode(day)})
    assert SavedView.objects.get().query == urlencode(day)


@pytest.mark.one_world
@pytest.mark.parametrize(
    "query",
    [
        {"requester": "nobody"},
        {"state": "elsewhere"},
        {"process": "purchase", "field": "amount", "how": "above", "value": "much"},
        {"older": "-1"},
        {"older": "3-"},
        {"turn": "late"},
        {"happened": "late:manager"},
        {"happened": "rounds:007"},
        {"happened": "rounds:12345"},
        {"time": "worked"},
        {"time": "worked", "least": "soon"},
        {"least": "3 h"},
        {"from": "2026-03-02", "to": "2026-03-01"},
        {"from": "yesterday"},
        {"to": "9999-12-31"},
        {"when": "ran", "from": "2026-03-02"},
    ],
)
def test_what_is_wrong_in_a_filter_is_said_beside_it(
    query: dict[str, str], made: dict[str, Request], admin: Person, as_: As
) -> None:
    answer = as_(admin).get(f"{PAGE}?{urlencode(query)}")
    assert answer.status_code == 422
    assert 'class="errorlist"' in answer.content.decode()
    assert not answer.context["rows"]


def test_columns_are_chosen_with_fields_of_the_form(made: dict[str, Request], admin: Person, as_: As) -> None:
    query = urlencode(
        [("process", "purchase"), ("col", "number"), ("col", "field.amount"), ("col", "nothing")]
    )
    answer = as_(admin).get(f"{PAGE}?{query}")
    assert [column.key for column in answer.context["columns"]] == ["number", "field.amount"]
    texts = {row.request.pk: [cell.text for _one, cell in row.cells] for row in answer.context["rows"]}
    assert texts[made["decided"].pk] == [str(made["decided"].number), "2,500.50 EUR"]


# --- pages ------------------------------------------------------------------------------------------------


@pytest.mark.one_world
@pytest.mark.parametrize("order", ["", "old"])
@pytest.mark.parametrize("looked_through", [1, 2, 3, 100])
@pytest.mark.parametrize(
    "query",
    [
        {},
        {"process": "purchase", "field": "item", "how": "has", "value": "A "},
        {"state": "open"},
        {"from": "2026-01-01", "state": "open"},
        {"happened": "many"},
        {"happened": "many", "from": "2026-01-01", "state": "open"},
    ],
)
def test_pages_show_each_request_once_however_little_is_looked_through_at_a_time(
    order: str,
    looked_through: int,
    query: dict[str, str],
    made: dict[str, Request],
    admin: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_filter, "LOOKED_THROUGH", looked_through)
    monkeypatch.setattr(request_filter, "FORMS_READ", looked_through)
    Request.objects.filter(pk=made["gone"].pk).update(title="gone")
    if "happened" in query:
        ids = {"rounds:0": [request.pk for request in made.values()]}
        process = Process.objects.get(key="purchase")
        DayTraits.objects.create(process=process, day=date(2026, 3, 2), traits=ids)
        query = {**query, "happened": "rounds:0"}
    form = request_filter.FilterForm(query, admin)
    assert form.is_valid()
    wanted = [r.pk for r in Request.objects.order_by("pk" if order else "-pk") if _fits(r, query)]
    for size in (1, 2, 50):
        seen: list[int] = []
        cursor: int | None = None
        for _page in range(50):
            found = request_filter.Requests(form, newest_first=not order).page(cursor, size)
            assert len(found.requests) <= size
            seen += [request.pk for request in found.requests]
            cursor = found.next
            if cursor is None:
                break
        assert seen == wanted
    everything = [
        request.pk
        for some in request_filter.Requests(form, newest_first=not order).all(1000)
        for request in some
    ]
    assert everything == wanted


def _fits(request: Request, query: dict[str, str]) -> bool:
    if query.get("state"):
        return request.state == "open"
    if query.get("happened"):
        return True
    return not query or (request.version.process.key == "purchase" and "A " in request.data["item"])


def test_a_thousand_requests_cost_no_more_queries_than_ten(
    made: dict[str, Request], admin: Person, as_: As
) -> None:
    client = as_(admin)

    def asked() -> int:
        client.get(PAGE)
        with CaptureQueriesContext(connection) as context:
            assert client.get(PAGE).status_code == 200
        return len(context)

    def make(count: int) -> None:
        like, last = made["runs"], Request.objects.latest("number").number
        requests = Request.objects.bulk_create(
            Request(
                number=last + n, version=like.version, requester=like.requester, title=f"Desk {n}", data=like.data,
                data_hash=like.data_hash,
            )
            for n in range(1, count + 1)
        )  # fmt: skip
        visits = Visit.objects.bulk_create(
            Visit(request=one, step_key="manager", round=1) for one in requests
        )
        Assignment.objects.bulk_create(Assignment(visit=one, person=like.requester) for one in visits)

    make(10)
    few = asked()
    make(1000)
    assert asked() == few


# --- saved views ------------------------------------------------------------------------------------------


def test_a_view_is_saved_shown_replaced_and_removed(
    made: dict[str, Request], admin: Person, owner: Person, as_: As
) -> None:
    client, address = as_(admin), reverse("designer:save_view")
    sent = {"name": " Running  ones ", "query": "state=open&col=number&after=7&nonsense=1"}
    answer = client.post(address, sent)
    assert answer["Location"] == f"{PAGE}?state=open&col=number"
    view = SavedView.objects.get()
    assert (view.name, view.query) == ("Running ones", "state=open&col=number")
    assert "Running ones" in client.get(PAGE).content.decode()
    client.post(address, {**sent, "query": "state=ended"})
    assert SavedView.objects.get().query == "state=ended"
    assert "Running ones" not in as_(owner).get(PAGE).content.decode()
    assert as_(owner).post(address, {"remove": view.pk}).status_code == 404
    client.post(address, {"name": "", "query": "q=x"})
    assert SavedView.objects.count() == 1
    client.post(address, {"remove": view.pk})
    assert not SavedView.objects.exists()


def test_a_view_by_the_channel_of_an_answer_lists_by_the_key_of_today(
    made: dict[str, Request], admin: Person, as_: As
) -> None:
    """Its migration, with what was kept before it."""
    before = {"By page": "state=ended&happened=door%3Apage&col=number", "Open": "state=open&q=door%3A"}
    for name, query in before.items():
        SavedView.objects.create(person=admin, name=name, query=query)
    channels = importlib.import_module("placet.reports.migrations.0003_channels")
    channels.rename_in_views(apps, connection.schema_editor())
    assert dict(SavedView.objects.values_list("name", "query")) == {
        **before, "By page": "state=ended&happened=channel%3Apage&col=number",
    }  # fmt: skip
    reports.work(timezone.now().astimezone(organisation_zone()).date().toordinal())
    view = SavedView.objects.get(name="By page")
    assert listed(as_(admin), made, **dict(parse_qsl(view.query))) == {"decided"}


def test_a_shared_view_is_seen_copied_and_left_alone_by_others(
    made: dict[str, Request], admin: Person, owner: Person, carol: Person, as_: As
) -> None:
    """A view of one process is its owners', one of all is the administrators'; nobody else's."""
    address, purchase = reverse("designer:save_view"), Process.objects.get(key="purchase")
    for person in (owner, carol):
        owning.add_owner(purchase, person)
    mine, theirs, ada = as_(owner), as_(carol), as_(admin)
    mine.post(address, {"name": "Dear", "query": "process=purchase&field=amount&how=above&value=1000"})
    mine.post(address, {"name": "Running", "query": "state=open"})
    dear, running = SavedView.objects.get(name="Dear"), SavedView.objects.get(name="Running")
    assert (dear.process, running.process) == (purchase, None)
    for view in (dear, running):
        assert names_shared(theirs) == names_shared(ada) == set()
        assert theirs.post(address, {"share": view.pk}).status_code == 404
    for view in (dear, running):
        mine.post(address, {"share": view.pk})
    assert (names_shared(theirs), names_shared(ada), names_shared(mine)) == (
        {"Dear"},
        {"Dear", "Running"},
        set(),
    )
    assert owner.name in theirs.get(PAGE).content.decode().partition(">Shared<")[2]
    for what in ("remove", "unshare", "share"):
        assert theirs.post(address, {what: dear.pk}).status_code == 404
    assert theirs.post(address, {"copy": running.pk}).status_code == 404
    theirs.post(address, {"copy": dear.pk})
    copied = SavedView.objects.get(person=carol)
    assert (copied.name, copied.query, copied.is_shared) == ("Dear", dear.query, False)
    theirs.post(address, {"copy": dear.pk})  # a view of this name is theirs by now, and is not replaced
    theirs.post(address, {"name": "Dear", "query": "q=x"})
    assert SavedView.objects.get(pk=dear.pk).query == dear.query
    mine.post(address, {"name": "Dear", "query": f"{dear.query}0"})
    assert names_shared(theirs) == {"Dear"}
    mine.post(
        address, {"name": "Dear", "query": "state=open"}
    )  # administrators would see it instead of the owners
    assert names_shared(theirs) == set() and "Dear" not in names_shared(ada)
    mine.post(address, {"unshare": running.pk})
    assert names_shared(ada) == set()


def names_shared(browser: Client) -> set[str]:
    return {view.name for view in browser.get(PAGE).context["shared_views"]}


def test_a_shared_view_shows_nobody_more_than_they_may_see(
    made: dict[str, Request], admin: Person, owner: Person, carol: Person, as_: As
) -> None:
    """One of an administrator, over a field of a process that its reader does not own, or does not own any more."""
    address, purchase = reverse("designer:save_view"), Process.objects.get(key="purchase")
    owning.add_owner(purchase, carol)
    owning.add_owner(Process.objects.get(key="one-step"), owner)
    ada, query = as_(admin), "process=purchase&field=amount&how=above&value=1"
    ada.post(address, {"name": "Amounts", "query": query})
    ada.post(address, {"name": "Everything", "query": "q=a"})
    for view in SavedView.objects.all():
        ada.post(address, {"share": view.pk})
    assert names_shared(as_(carol)) == {"Amounts"}
    stranger, amounts = as_(owner), SavedView.objects.get(name="Amounts")
    assert names_shared(stranger) == set()
    assert stranger.post(address, {"copy": amounts.pk}).status_code == 404
    answer = stranger.get(f"{PAGE}?{query}")
    assert (
        answer.status_code == 422
        and not answer.context["rows"]
        and "amount" not in answer.context["form"].fields
    )
    assert stranger.get(reverse("designer:requests_csv") + f"?{query}").status_code == 404
    assert listed(stranger, made, q="a") == {"other"}
    owning.remove_owner(purchase, carol)
    owning.add_owner(Process.objects.get(key="one-step"), carol)
    assert names_shared(as_(carol)) == set()
    carols = SavedView.objects.create(person=carol, name="Former", query=query, process=purchase)
    as_(carol).post(address, {"share": carols.pk})
    assert not SavedView.objects.get(pk=carols.pk).is_shared


# --- files ------------------------------------------------------------------------------------------------


def test_a_table_is_read_back_out_of_csv(made: dict[str, Request], admin: Person, as_: As) -> None:
    answer = as_(admin).get(
        reverse("designer:requests_csv") + "?process=purchase&col=number&col=title&col=field.amount"
    )
    content = answer.getvalue()
    assert content.startswith(b"\xef\xbb\xbf") and content.count(b"\xef\xbb\xbf") == 1
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert rows[0] == ["Number", "Request", "Amount"]
    assert rows[1:4] == [
        [str(made["gone"].number), "A lamp", "30.00 EUR"],
        [str(made["decided"].number), "'=1+1 desks", "2,500.50 EUR"],
        [str(made["runs"].number), "A chair", "100.00 EUR"],
    ]
    about = dict(row for row in rows[5:])
    assert about["Filter"] == "Process: Purchase request"
    assert about["Exported"].endswith(" UTC")


def test_a_table_is_read_back_out_of_xlsx(made: dict[str, Request], admin: Person, as_: As) -> None:
    answer = as_(admin).get(reverse("designer:requests_xlsx") + "?process=purchase&state=ended")
    book = load_workbook(io.BytesIO(answer.getvalue()))
    sheet = book["Requests"]
    heads = [cell.value for cell in sheet[1]]
    row = dict(zip(heads, [cell.value for cell in sheet[2]], strict=True))
    assert sheet.max_row == 2
    assert row["Number"] == made["decided"].number
    assert row["Request"] == "=1+1 desks" and sheet.cell(2, heads.index("Request") + 1).data_type == "s"
    assert abs(
        row["Started"] - timezone.localtime(made["decided"].created_at).replace(tzinfo=None)
    ) < timedelta(seconds=1)
    assert book["About"]["B2"].value == "Process: Purchase request; State: ended"


def test_what_happened_is_an_event_log(made: dict[str, Request], admin: Person, as_: As) -> None:
    content = as_(admin).get(reverse("designer:events_csv") + "?process=purchase&state=ended").getvalue()
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert [(row["activity"], row["resource"], row["lifecycle"], row["result"]) for row in rows] == [
        ("Start", "Alice Requester", "complete", ""),
        ("Manager", "Bob Manager", "assign", ""),
        ("Manager", "Bob Manager", "complete", "reject"),
        ("End", "", "complete", "rejected"),
    ]
    assert {row["case"] for row in rows} == {str(made["decided"].number)}
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)


def test_the_same_log_is_read_back_out_of_xes(made: dict[str, Request], admin: Person, as_: As) -> None:
    Person.objects.filter(name="Bob Manager").update(name='Bob "<&> \x01Manager')
    answer = as_(admin).get(reverse("designer:events_xes") + "?order=old")
    log = etree.fromstring(answer.getvalue())
    assert log.tag == f"{XES}log" and log.get("xes.version")
    assert {one.get("prefix") for one in log.iter(f"{XES}extension")} == {
        "concept",
        "time",
        "org",
        "lifecycle",
    }
    traces = log.findall(f"{XES}trace")
    cases = [one.xpath("x:string[@key='concept:name']/@value", namespaces={"x": XES[1:-1]}) for one in traces]
    assert cases == [[str(number)] for number in sorted(request.number for request in made.values())]
    for event in log.iter(f"{XES}event"):
        keys = {one.get("key") for one in event}
        assert {"concept:name", "time:timestamp", "lifecycle:transition"} <= keys
    people = {one.get("value") for one in log.iter(f"{XES}string") if one.get("key") == "org:resource"}
    assert people == {"Alice Requester", "Carol Finance", 'Bob "<&> Manager'}


def test_an_export_says_what_it_is_filtered_by_and_ends_at_its_bound(
    made: dict[str, Request], admin: Person, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placet.designer.request_files.MOST_EXPORTED", 2)
    rows = list(
        csv.reader(
            io.StringIO(as_(admin).get(reverse("designer:requests_csv")).getvalue().decode("utf-8-sig"))
        )
    )
    assert len([row for row in rows[1:] if row and row[0].isdecimal()]) == 2
    assert ["At most", "2"] in rows
    assert ["Filter", "all requests"] in rows
