"""Requests as programs start, read and steer them: with the rights of a person, and never more."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.api import keys, request_shapes, waiting
from placet.api.calls import Call
from placet.api.keys import Scope
from placet.api.models import IdempotentCall
from placet.api.request_shapes import RequestShape
from placet.approvals import engine, owning
from placet.approvals.models import Assignment, Attachment, Decision, Process, Request
from placet.approvals.processes import publish, retire
from placet.approvals.verification import findings
from placet.mail.models import OutgoingMail
from tests.api.conftest import Answer, Caller, Calls
from tests.making import FORM, SAMPLE, entry_of, make_mailbox, one_step, open_for, start, values

DESK = {"item": "Desk", "amount": 900}
FILES = {"name": "offer", "label": "Offer", "type": "files"}
MB = 1024 * 1024


def body(process: str = "one-step", **more: Any) -> dict[str, Any]:
    return {"process": process, "data": DESK} | more


def sent(content: bytes, name: str = "offer.pdf") -> dict[str, str]:
    return {"name": name, "content": base64.b64encode(content).decode()}


def begin(caller: Caller, about: Any, name: str = "1") -> Answer:
    return caller.post("/requests", about, Idempotency_Key=name)


@pytest.fixture
def caller(calls: Calls, alice: Person) -> Caller:
    publish(one_step([{"manager": True}], form=[*FORM, FILES]))
    return calls(alice)


# --- starting ---------------------------------------------------------------------------------------------


def test_a_request_is_started_as_on_the_page_and_its_record_names_the_key(
    caller: Caller, alice: Person, bob: Person
) -> None:
    make_mailbox()
    answer = begin(caller, body(files={"offer": [sent(b"%PDF 900 EUR")]}))
    assert answer.status == 201, answer.content
    request = Request.objects.get()
    made = answer.json
    assert answer.headers["Location"].endswith(f"/api/v1/requests/{made['id']}")
    assert answer.headers["ETag"] == f'"{made["sequence"]}"'
    assert (made["id"], made["title"], made["state"]) == (str(request.public_id), "Desk", "open")
    assert made["link"].endswith(f"/requests/{made['id']}/")
    assert made["data"] == DESK
    assert made["requester"]["address"] == alice.email
    (step,) = made["steps"]
    assert (step["key"], step["state"], step["result"]) == ("step", "open", None)
    assert [one["person"]["address"] for one in step["assignments"]] == [bob.email]
    assert OutgoingMail.objects.filter(to=bob.email).exists()
    assert caller.key is not None
    assert entry_of("started", request=request).what["key"] == caller.key.public
    assert list(findings()) == []
    assert caller.get(f"/requests/{made['id']}").json == made
    (file,) = made["files"]
    got = caller.get(f"/requests/{made['id']}/files/{file['id']}")
    assert (got.content, got.headers["Content-Type"]) == (b"%PDF 900 EUR", "application/octet-stream")
    assert got.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.one_world
@pytest.mark.parametrize(
    ("about", "pointer"),
    [
        ([], ""),
        ("text", ""),
        ({"data": DESK}, "/process"),
        ({"process": 1, "data": DESK}, "/process"),
        (body(unheard=1), "/unheard"),
        (body("nowhere"), "/process"),
        (body(data={"item": "Desk", "amount": "900"}), "/data/amount"),
        (body(data={"item": "Desk", "amount": True}), "/data/amount"),
        (body(data={"item": 7, "amount": 900}), "/data/item"),
        (body(data={"item": None, "amount": 900}), "/data/item"),
        (body(data={"item": "x"}), "/data/item"),
        (body(data={"item": "Desk", "amount": 9.999}), "/data/amount"),
        (body(data={"item": "Desk", "amount": -1}), "/data/amount"),
        (body(data={**DESK, "a/b": 1}), "/data/a~1b"),
        (body(data={**DESK, "offer": []}), "/data/offer"),
        (body(data=[1]), "/data"),
        (body(requester=1), "/requester"),
        (body(requester="nobody@contoso.example"), "/requester"),
        (body(files={"nothing": [sent(b"x")]}), "/files/nothing"),
        (body(files={"offer": sent(b"x")}), "/files/offer"),
        (body(files={"offer": [{"name": "a.pdf"}]}), "/files/offer/0/content"),
        (body(files={"offer": [{"name": "a.pdf", "content": "x!"}]}), "/files/offer/0/content"),
        (body(files={"offer": [sent(b"")]}), "/files/offer/0"),
        (body(files={"offer": [sent(b"x")] * 11}), "/files/offer/10"),
    ],
)
def test_what_does_not_fit_is_pointed_at_and_nothing_is_started(
    caller: Caller, about: Any, pointer: str
) -> None:
    answer = begin(caller, about)
    assert (answer.problem, pointer in answer.pointers) == ("invalid", True), answer.content
    assert all(error["detail"] for error in answer.json["errors"])
    assert not Request.objects.exists()
    assert not Attachment.objects.exists()


@pytest.mark.parametrize("name", ["..", "", "/", "a/b\\c\x07.pdf", "\u202efdp.exe", "x" * 500])
def test_a_file_has_a_name_that_is_none_of_a_folder(caller: Caller, name: str) -> None:
    answer = begin(caller, body(files={"offer": [sent(b"x", name)]}))
    assert answer.status == 201, answer.content
    assert 0 < len(Attachment.objects.get().name) <= 150
    assert not set(Attachment.objects.get().name) & set("/\\\x07\u202e")


def test_files_are_bounded_as_on_the_page(caller: Caller) -> None:
    for files, status in (
        ([10 * MB + 1], 413),
        ([9 * MB, 9 * MB, 9 * MB], 413),
        ([10 * MB, 10 * MB], 201),
    ):
        offer = [sent(bytes(size), f"{at}.bin") for at, size in enumerate(files)]
        answer = begin(caller, body(files={"offer": offer}))
        assert answer.status == status, answer.content[:300]
    assert begin(caller, b" " * (36 * MB + 1)).problem == "too-large"
    assert (
        caller.post(f"/requests/{Request.objects.get().public_id}/remind", b" " * (MB + 1)).problem
        == "too-large"
    )


def test_what_is_no_json_is_told_so(caller: Caller) -> None:
    about = json.dumps(body()).encode()
    forms = ("application/x-www-form-urlencoded", "multipart/form-data")
    for kind in ("text/plain", *forms, "application/json; charset=latin-1"):
        answer = caller.post("/requests", about, Idempotency_Key="1", Content_Type=kind)
        assert answer.problem == "unsupported"
    assert (
        caller.post("/requests", about, Idempotency_Key="1", Content_Encoding="gzip").problem == "unsupported"
    )
    assert begin(caller, b"{").pointers == [""]
    assert begin(caller, b"").problem == "invalid"


def test_the_same_call_takes_effect_once(caller: Caller) -> None:
    assert caller.post("/requests", body()).problem == "idempotency-key-missing"
    for wrong in ("", "é", "a b", "x" * 256):
        assert begin(caller, body(), wrong).pointers == ["header/Idempotency-Key"]
    refused = begin(caller, body(data={"item": "x"}))
    assert refused.problem == "invalid"  # it is mended, and sent with the same key
    first, again = begin(caller, body()), begin(caller, body())
    assert (first.status, again.status) == (201, 201)
    assert (first.content, first.headers["ETag"]) == (again.content, again.headers["ETag"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert begin(caller, body(data={**DESK, "amount": 901})).problem == "idempotency-key-reused"
    assert Request.objects.count() == 1
    assert begin(caller, body(), "2").status == 201
    assert Request.objects.count() == 2


def test_answers_are_kept_for_two_days(caller: Caller, calls: Calls, bob: Person) -> None:
    for name, days in (("older", 3), ("younger", 1)):
        begin(caller, body(), name)
        at = timezone.now() - timedelta(days=days)
        IdempotentCall.objects.filter(idempotency_key=name).update(created_at=at)
    Person.objects.filter(pk=bob.pk).update(manager=Person.objects.get(email="alice@contoso.example"))
    begin(calls(bob), body(), "another's")
    kept = IdempotentCall.objects.order_by("pk").values_list("idempotency_key", flat=True)
    assert list(kept) == ["younger", "another's"]


def test_the_same_key_of_another_program_is_another_call(caller: Caller, calls: Calls, bob: Person) -> None:
    begin(caller, body())
    Person.objects.filter(pk=bob.pk).update(manager=Person.objects.get(email="alice@contoso.example"))
    assert begin(calls(bob), body()).status == 201
    assert Request.objects.count() == 2


def test_a_request_in_somebodys_name_needs_a_scope_and_belongs_to_both(
    calls: Calls, caller: Caller, alice: Person, bob: Person, dave: Person
) -> None:
    plain = calls(dave, Scope.REQUESTS_WRITE, Scope.REQUESTS_READ)
    assert begin(plain, body(requester=alice.email)).problem == "scope-missing"
    erp = calls(dave)
    made = begin(erp, body(requester=alice.email.upper())).json
    request = Request.objects.get()
    assert (request.requester, request.started_by) == (alice, dave)
    started = entry_of("started", request=request)
    assert (started.who, started.what["requester"]) == (f"person:{dave.pk}", f"person:{alice.pk}")
    assert list(findings()) == []
    assert caller.get(f"/requests/{made['id']}").status == 200
    assert erp.get(f"/requests/{made['id']}").status == 200
    assert [one["id"] for one in erp.get("/requests").json["items"]] == [made["id"]]
    assert calls(bob).get(f"/requests/{made['id']}").status == 200
    withdrawn = erp.post(f"/requests/{made['id']}/withdraw", If_Match="*")
    assert withdrawn.json["state"] == "withdrawn"
    Person.objects.filter(pk=alice.pk).update(is_active=False)
    assert begin(erp, body(requester=alice.email), "2").pointers == ["/requester"]


def test_whoever_starts_it_in_somebodys_name_does_not_decide_it(
    calls: Calls, alice: Person, bob: Person
) -> None:
    one = one_step([{"person": bob.email}])
    one["steps"]["step"]["nobody"] = {"skip": "reject"}
    publish(one)
    made = begin(calls(bob), body(requester=alice.email))
    assert made.status == 201, made.content
    assert not Assignment.objects.filter(person=bob).exists()
    assert Decision.objects.count() == 0


def test_what_is_retired_is_not_started(caller: Caller, admin: Person) -> None:
    retire(Process.objects.get(key="one-step"), admin)
    assert begin(caller, body()).problem == "retired"


# --- reading ----------------------------------------------------------------------------------------------


def test_a_key_sees_what_its_person_sees_and_a_stranger_nothing(
    caller: Caller, calls: Calls, alice: Person, bob: Person, dave: Person, admin: Person
) -> None:
    made = begin(caller, body()).json
    path = f"/requests/{made['id']}"
    for person in (alice, bob, admin):
        assert calls(person).get(path).status == 200
        assert len(calls(person).get("/requests").json["items"]) == 1
    stranger, narrow = calls(dave), calls(alice, processes=["other"])
    for outside in (stranger, narrow):
        assert outside.get("/requests").json["items"] == []
        for method, more in (("GET", ""), ("POST", "/withdraw"), ("POST", "/remind"), ("GET", "/events")):
            asked = outside(method, path + more, {} if method == "POST" else None, If_Match="*")
            assert asked.problem == "not-found", more
        assert outside.post(f"{path}/change", {"data": {}}, If_Match="*").problem == "not-found"
    assert begin(narrow, body(), "2").pointers == ["/process"]
    for wrong in ("x", "1", "0" * 32, "%2e%2e"):
        assert caller.get(f"/requests/{wrong}").problem == "not-found"


def test_a_field_that_no_step_shows_its_person_is_left_out(
    calls: Calls, alice: Person, bob: Person, carol: Person
) -> None:
    secret = {"name": "secret", "label": "Secret", "type": "text"}
    definition = one_step([{"person": bob.email}], form=[*FORM, secret, FILES])
    definition["steps"]["step"]["form"] = {"hide": ["secret", "offer"]}
    publish(definition)
    about = body(data={**DESK, "secret": "Lay-off"}, files={"offer": [sent(b"secret")]})
    made = begin(calls(alice), about).json
    file = made["files"][0]["id"]
    assert made["data"]["secret"] == "Lay-off"
    seen = calls(bob).get(f"/requests/{made['id']}").json
    assert (seen["data"], seen["files"]) == (DESK, [])
    assert calls(bob).get("/requests").json["items"] == [seen]
    assert calls(bob).get(f"/requests/{made['id']}/files/{file}").problem == "not-found"
    assert calls(bob).get(f"/requests/{made['id']}/events").problem == "not-found"


def test_a_list_is_filtered_and_goes_on(caller: Caller, calls: Calls, alice: Person, bob: Person) -> None:
    made = [begin(caller, body(data={**DESK, "item": f"Desk {at}"}), str(at)).json for at in range(5)]
    engine.withdraw(Request.objects.get(public_id=made[1]["id"]).pk, alice)

    def ids(query: str, of: Caller = caller) -> list[str]:
        found, url = [], f"/requests?{query}"
        while url:
            page = of.get(url).json
            found += [one["id"] for one in page["items"]]
            url = (page["next"] or "").partition("/api/v1")[2]
        return found

    newest = [one["id"] for one in reversed(made)]
    for limit in (1, 2, 3, 5, 100):
        assert ids(f"limit={limit}") == newest
        assert ids(f"limit={limit}", calls(bob)) == newest
    assert ids("state=withdrawn") == [made[1]["id"]]
    assert ids("state=open&limit=2") == [one for one in newest if one != made[1]["id"]]
    assert caller.get("/requests?state=approved").pointers == ["query/state"]  # that would be its result
    assert ids("process=one-step") == newest
    assert ids("process=other") == []
    assert ids(f"requester={alice.email}") == newest
    assert ids(f"requester={bob.email}") == ids("requester=nobody") == []
    assert ids("q=desk&limit=2") == newest
    assert ids("q=desk+lamp") == []
    after = Request.objects.get(public_id=made[3]["id"]).created_at
    assert ids(f"created_after={after:%Y-%m-%dT%H:%M:%S.%fZ}") == newest[:2]
    assert ids("created_after=2026-01-01t00:00:00%2B01:00") == newest
    for wrong in (
        "2026-01-01T00:00:00",
        "2026-01-01",
        "0.0",
        "1700000000",
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00%2B23:00",
    ):
        assert caller.get(f"/requests?created_after={wrong}").pointers == ["query/created_after"], wrong


@pytest.mark.parametrize("whose", ["admin", "olga"])
def test_whoever_sees_all_is_led_through_many_that_do_not_fit(
    calls: Calls, alice: Person, admin: Person, whose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few are looked at for one page. Each that fits comes once, in order, for whatever reason somebody sees it."""
    monkeypatch.setattr("placet.approvals.visibility.LOOKED_THROUGH", 3)
    olga = add_person("Olga Owner", "olga@contoso.example", process_owner=True)
    version = publish(one_step([{"person": alice.email}]))
    owning.add_owner(version.process, olga)
    made = [start(version, olga if at == 1 else alice, item=f"Desk {at}") for at in range(11)]
    for at in (0, 1, 9):
        engine.withdraw(made[at].pk, admin)
    caller = calls({"admin": admin, "olga": olga}[whose])
    for query, numbers in (
        ("state=withdrawn", (9, 1, 0)),
        ("limit=2", range(10, -1, -1)),
        ("q=desk", range(10, -1, -1)),
    ):
        seen, url = [], f"/requests?{query}"
        while url:
            page = caller.get(url).json
            seen += [one["id"] for one in page["items"]]
            url = (page["next"] or "").partition("/api/v1")[2]
        assert seen == [str(made[at].public_id) for at in numbers], query


@pytest.mark.parametrize("whose", ["alice", "bob", "admin"])
def test_it_asks_the_same_however_much_there_is(
    calls: Calls, alice: Person, bob: Person, carol: Person, admin: Person, whose: str
) -> None:
    secret = {"name": "secret", "label": "Secret", "type": "text"}
    definition = one_step([{"person": bob.email}, {"person": carol.email}], rule="all", form=[*FORM, secret])
    definition["steps"]["step"]["form"] = {"hide": ["secret"]}
    version = publish(definition)
    reader = calls({"alice": alice, "bob": bob, "admin": admin}[whose])
    first = start(version, alice)

    def statements(path: str) -> int:
        reader.get(path)
        with CaptureQueriesContext(connection) as queries:
            assert reader.get(path).status == 200
        return len(queries)

    one = f"/requests/{first.public_id}"
    before = statements(one), statements("/requests")
    for at in range(24):
        request = start(version, alice, item=f"Desk {at}")
        if at % 2:
            for person in (bob, carol):
                seat = Assignment.objects.get(visit__request=request, person=person)
                engine.decide(seat.pk, by=person, outcome="approve", channel=Decision.Channel.PAGE)
    assert (statements(one), statements("/requests")) == before
    assert before[0] <= 12
    assert before[1] <= 16


def test_an_etag_is_the_state_of_a_request(caller: Caller, bob: Person) -> None:
    made = begin(caller, body())
    path = f"/requests/{made.json['id']}"
    known = caller.get(path, If_None_Match=made.headers["ETag"])
    assert (known.status, known.content, known.headers["ETag"]) == (304, b"", made.headers["ETag"])
    assert caller.get(path, If_None_Match='"0"').status == 200
    engine.decide(open_for(bob).pk, by=bob, outcome="approve", comment="Fine.", channel=Decision.Channel.PAGE)
    after = caller.get(path, If_None_Match=made.headers["ETag"])
    assert (after.status, after.json["state"], after.json["result"]) == (200, "ended", "approved")
    (seat,) = after.json["steps"][0]["assignments"]
    decision = seat["decision"]
    assert (decision["outcome"], decision["comment"], decision["channel"]) == ("approve", "Fine.", "page")
    assert decision["by"]["address"] == bob.email
    nothing = dict.fromkeys(("domain", "checked_by", "login", "signature"))
    assert decision["proof"] == {"level": "page", **nothing}
    assert decision["at"].endswith("Z")


@pytest.mark.parametrize("form", ['W/"{}"', '"{}-gzip"', '"{}-zstd"', '"0", W/"{}-br"'])
def test_an_etag_counts_as_a_proxy_that_compresses_makes_it(caller: Caller, bob: Person, form: str) -> None:
    made = begin(caller, body()).json
    path, tag = f"/requests/{made['id']}", form.format(made["sequence"])
    assert caller.get(path, If_None_Match=tag).status == 304
    stale = caller.post(f"{path}/withdraw", {}, If_Match=form.format(made["sequence"] + 1))
    assert stale.problem == "stale"
    assert caller.post(f"{path}/withdraw", {}, If_Match=tag).status == 200


# --- waiting ----------------------------------------------------------------------------------------------


def test_whoever_waits_is_answered_when_it_happens(
    caller: Caller, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = begin(caller, body())
    path = f"/requests/{made.json['id']}"
    looks: list[float] = []

    def pause(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)

    monkeypatch.setattr("placet.api.waiting.time.sleep", pause)
    answer = caller.get(f"{path}?wait=50")
    assert (answer.json["state"], len(looks)) == ("ended", 3)
    assert caller.get(f"{path}?wait=50").json["state"] == "ended"
    assert len(looks) == 3
    assert caller.get(f"{path}?wait=51").pointers == ["query/wait"]


def test_nothing_that_happens_is_told_after_the_time(caller: Caller) -> None:
    made = begin(caller, body())
    answer = caller.get(f"/requests/{made.json['id']}?wait=1", If_None_Match=made.headers["ETag"])
    assert answer.status == 304
    assert "Retry-After" not in answer.headers


def test_one_too_many_that_waits_is_answered_at_once(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    made = begin(caller, body())
    monkeypatch.setattr("placet.api.waiting.time.sleep", lambda seconds: pytest.fail("it waited"))
    taken = [waiting._places.acquire(blocking=False) for _at in range(waiting.MOST_WAITING)]
    try:
        answer = caller.get(f"/requests/{made.json['id']}?wait=50")
    finally:
        for _place in taken:
            waiting._places.release()
    assert (answer.status, answer.headers["Retry-After"]) == (200, str(waiting.COME_BACK))


def test_whoever_waits_with_a_key_that_was_revoked_meanwhile_is_told_nothing(
    caller: Caller, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = begin(caller, body())

    def pause(_seconds: float) -> None:
        assert caller.key is not None
        keys.revoke(caller.key, None)
        engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)

    monkeypatch.setattr("placet.api.waiting.time.sleep", pause)
    answer = caller.get(f"/requests/{made.json['id']}?wait=50")
    assert (answer.problem, answer.headers["WWW-Authenticate"]) == ("unauthorised", 'Bearer realm="Placet"')


def test_what_happens_while_a_request_is_read_is_told_to_who_asks_again(
    caller: Caller, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = begin(caller, body())
    path = f"/requests/{made.json['id']}"

    def shape_of(call: Call, request: Request, sequence: int) -> RequestShape:
        engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
        return request_shapes.shape_of(call, request, sequence)

    with monkeypatch.context() as patched:
        patched.setattr("placet.api.operations.requests.shape_of", shape_of)
        before = caller.get(path)
    again = caller.get(path, If_None_Match=before.headers["ETag"])
    assert (before.json["state"], again.status) == ("open", 200)
    assert again.json["state"] == "ended"


def test_what_happens_while_a_list_is_read_is_told_to_who_asks_again(
    caller: Caller, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(caller, body())

    def shapes_of(
        call: Call, requests: Sequence[Request], sequences: Mapping[int, int]
    ) -> list[RequestShape]:
        engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
        return request_shapes.shapes_of(call, requests, sequences)

    with monkeypatch.context() as patched:
        patched.setattr("placet.api.operations.requests.shapes_of", shapes_of)
        [one] = caller.get("/requests").json["items"]
    assert one["state"] == "open"
    again = caller.get(f"/requests/{one['id']}", If_None_Match=f'"{one["sequence"]}"')
    assert (again.status, again.json["state"]) == (200, "ended")


# --- steering ---------------------------------------------------------------------------------------------


def test_it_is_withdrawn_by_whoever_saw_how_it_stands(caller: Caller, calls: Calls, bob: Person) -> None:
    made = begin(caller, body())
    path = f"/requests/{made.json['id']}/withdraw"
    assert caller.post(path, {}).problem == "precondition-missing"
    assert caller.post(path, {}, If_Match='"0"').problem == "stale"
    assert caller.post(path, {}, If_Match='W/"0", "0-gzip"').problem == "stale"
    for none in (made.headers["ETag"].strip('"'), f"'{made.json['sequence']}'", '"', '"" x'):
        answer = caller.post(path, {}, If_Match=none)
        assert (answer.problem, answer.pointers) == ("invalid", ["header/If-Match"]), none
    assert calls(bob).post(path, {}, If_Match="*").problem == "not-allowed"
    done = caller.post(path, {}, If_Match=made.headers["ETag"], Idempotency_Key="w")
    assert (done.status, done.json["state"]) == (200, "withdrawn")
    assert caller.post(path, {}, If_Match=made.headers["ETag"], Idempotency_Key="w").json == done.json
    assert caller.post(path, {}, If_Match="*").problem == "not-open"
    assert Request.objects.get().state == Request.State.WITHDRAWN


def test_whoever_is_asked_is_reminded_but_not_twice_in_an_hour(caller: Caller, bob: Person) -> None:
    make_mailbox()
    made = begin(caller, body())
    path = f"/requests/{made.json['id']}/remind"
    at_once = caller.post(path, {}).json
    assert ([one["address"] for one in at_once["too_soon"]], at_once["reminded"]) == ([bob.email], [])
    long_ago = timezone.now() - timedelta(days=1)
    OutgoingMail.objects.update(state=OutgoingMail.State.SENT, sent_at=long_ago, started_at=long_ago)
    reminded = caller.post(path).json  # nothing at all stands for an empty object
    assert [one["address"] for one in reminded["reminded"]] == [bob.email]
    assert OutgoingMail.objects.filter(to=bob.email).count() == 2


def test_what_was_sent_back_is_changed_and_goes_on(
    caller: Caller, calls: Calls, alice: Person, bob: Person
) -> None:
    one = one_step([{"person": bob.email}])
    changes = {"key": "changes", "label": "Change it", "grants": False, "returns": "requester"}
    one["steps"]["step"]["outcomes"] = ["approve", "reject", changes]
    publish(one)
    made = begin(caller, body())
    path = f"/requests/{made.json['id']}"
    assert caller.post(f"{path}/change", {"data": {"amount": 800}}, If_Match="*").problem == "not-open"
    engine.decide(open_for(bob).pk, by=bob, outcome="changes", comment="Less.", channel=Decision.Channel.PAGE)
    etag = caller.get(path).headers["ETag"]
    assert (
        caller.post(f"{path}/change", {"data": {"amount": 800}}, If_Match=made.headers["ETag"]).problem
        == "stale"
    )
    wrong = caller.post(f"{path}/change", {"data": {"amount": "800"}}, If_Match=etag)
    assert wrong.pointers == ["/data/amount"]
    assert (
        calls(bob).post(f"{path}/change", {"data": {"amount": 800}}, If_Match=etag).problem == "not-allowed"
    )
    done = caller.post(f"{path}/change", {"data": {"amount": 800}}, If_Match=etag).json
    assert done["data"] == {"item": "Desk", "amount": 800}
    assert (done["revision"], done["state"]) == (2, "open")
    assert open_for(bob).visit.round == 2
    assert list(findings()) == []


# --- its record -------------------------------------------------------------------------------------------


def test_its_record_is_read_in_order_and_by_pages(caller: Caller, bob: Person) -> None:
    made = begin(caller, body())
    engine.decide(open_for(bob).pk, by=bob, outcome="approve", comment="Fine.", channel=Decision.Channel.PAGE)
    events, url = [], f"/requests/{made.json['id']}/events?limit=2"
    while url:
        page = caller.get(url).json
        events += page["items"]
        url = (page["next"] or "").partition("/api/v1")[2]
    assert [one["sequence"] for one in events] == list(range(1, len(events) + 1))
    assert (events[0]["type"], events[-1]["type"]) == ("started", "ended")
    (decided,) = [one for one in events if one["type"] == "decided"]
    assert decided["who"]["address"] == bob.email
    assert (decided["what"]["outcome"], decided["what"]["comment"]) == ("approve", "Fine.")


def test_the_sample_is_started_with_what_its_schema_asks_for(calls: Calls, alice: Person) -> None:
    publish(values(SAMPLE))
    caller = calls(alice)
    data = {"item": "A chair", "amount": 100.5, "reason": "The old one broke"}
    made = begin(caller, body("purchase", data=data))
    assert made.status == 201, made.content
    assert made.json["data"] == data
