"""Processes → All requests: filters, columns, pages, saved views, and files of what fits."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from lxml import etree
from openpyxl import load_workbook

from placet.accounts.models import Person
from placet.approvals import engine, owning
from placet.approvals.models import Assignment, Decision, Process, Request, Timer, Version, Visit
from placet.approvals.processes import publish
from placet.designer import request_filter
from placet.designer.models import SavedView
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
    engine.decide(seat.pk, by=bob, outcome="reject", comment="No\x0b", door=Decision.Door.PAGE)
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
        ({"overdue": "on"}, set()),
        ({"order": "old"}, {"runs", "decided", "gone", "other"}),
    ],
)
def test_each_filter_finds_what_fits(
    query: dict[str, str], names: set[str], made: dict[str, Request], admin: Person, as_: As
) -> None:
    assert listed(as_(admin), made, **query) == names


def test_age_and_deadlines_are_filters(made: dict[str, Request], admin: Person, as_: As) -> None:
    client, now = as_(admin), timezone.now()
    Request.objects.filter(pk=made["gone"].pk).update(created_at=now - timedelta(days=8))
    assert listed(client, made, older="7") == {"gone"}
    visit = Visit.objects.get(request=made["other"], state=Visit.State.OPEN)
    Timer.objects.create(visit=visit, what=Timer.What.DUE, at=now - timedelta(hours=1), due=now)
    assert listed(client, made, overdue="on") == {"other"}
    assert "overdue</span>" in client.get(PAGE).content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"requester": "nobody"},
        {"state": "elsewhere"},
        {"process": "purchase", "field": "amount", "how": "above", "value": "much"},
        {"older": "-1"},
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


@pytest.mark.parametrize("order", ["", "old"])
@pytest.mark.parametrize("looked_through", [1, 2, 3, 100])
@pytest.mark.parametrize(
    "query", [{}, {"process": "purchase", "field": "item", "how": "has", "value": "A "}, {"state": "open"}]
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
