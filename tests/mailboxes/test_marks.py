"""Many mails marked in one call: what goes out and what comes back, as literal bytes, over both ways."""

import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from lxml import etree

from placet.mailboxes.base import (
    MOST_MARKED,
    Action,
    Connection,
    FixNeeded,
    MailboxError,
    Wait,
)
from placet.mailboxes.microsoft.ews import xml
from placet.mailboxes.microsoft.graph import calls
from placet.mailboxes.microsoft.graph.client import AT_ONCE, Graph
from placet.mailboxes.oauth import Access, TokenCache
from placet.sandbox.server import Sandbox

from .graph_stub import HTML, PAGE, refused, reply
from .sandboxed import BOX, everything, opened
from .stub import MAILBOX, Reply, Request, Stub, envelope, ews_reply, failed, fault_reply, token_reply

OPERATIONS = {Action.MOVE: "MoveItem", Action.MARK_READ: "UpdateItem", Action.DELETE: "DeleteItem"}
BUSY = {"BackOffMilliseconds": "7000"}
Outcomes = dict[str, Any]


def marked(
    connection: Connection, ids: Sequence[str], action: Action = Action.MOVE
) -> tuple[Outcomes, MailboxError | None]:
    """What became of each mail (its id, or the code of its error), and what stopped the rest."""
    outcomes: Outcomes = {}
    try:
        for id_, outcome in connection.mark(ids, action, "Placet"):
            assert id_ not in outcomes
            outcomes[id_] = outcome if isinstance(outcome, str) else f"error {outcome.code}"
    except MailboxError as error:
        return outcomes, error
    return outcomes, None


# -- Exchange Web Services -----------------------------------------------------------------------------------


def item_ids(request: Request) -> list[str]:
    """The mails that a request names, in its order."""
    body = etree.fromstring(request.body).find("s:Body/*", xml.NAMESPACES)
    assert body is not None
    return [item.get("Id", "") for item in body.iterfind(".//t:ItemId", xml.NAMESPACES)]


def marks(stub: Stub) -> list[list[str]]:
    """The mails that each request names, of those that mark any."""
    words = [operation.encode() for operation in OPERATIONS.values()]
    return [item_ids(request) for request in stub.ews_requests if any(word in request.body for word in words)]


def moved_to(id_: str) -> str:
    return f'<m:Items><t:Message><t:ItemId Id="{id_}"/></t:Message></m:Items>'


def folder_answer(request: Request, id_: str = "F1=") -> Reply | None:
    """Of the folder that mail is moved to, and of those that it is taken from."""
    if b"FindFolder" in request.body:
        folder = f'<t:Folder><t:FolderId Id="{id_}"/></t:Folder>'
        return ews_reply("FindFolder", f"<m:RootFolder><t:Folders>{folder}</t:Folders></m:RootFolder>")
    if b"GetFolder" in request.body:
        taken_from = '<m:Folders><t:Folder><t:FolderId Id="{}"/></t:Folder></m:Folders>'
        return ews_reply("GetFolder", *(taken_from.format(name) for name in ("INBOX=", "JUNK=")))
    return None


def exchange(stub: Stub, answer: Callable[[list[str]], Reply]) -> Connection:
    """Every request that marks gets what `answer` gives for the ids of its mails."""

    def chosen(request: Request) -> Reply | None:
        if "/EWS/" not in request.path:
            return None
        return folder_answer(request) or answer(item_ids(request))

    stub.answer = chosen
    return stub.connection()


@pytest.mark.parametrize("action", list(Action))
def test_ews_names_all_in_one_request(stub: Stub, action: Action) -> None:
    def answer(ids: list[str]) -> Reply:
        more = [moved_to(f"new-{id_}") if action is Action.MOVE else "" for id_ in ids]
        return ews_reply(OPERATIONS[action], *more)

    ids = [f"A{number}=" for number in range(2 * MOST_MARKED + 5)]
    outcomes, error = marked(exchange(stub, answer), ids, action)
    assert error is None
    assert outcomes == {id_: f"new-{id_}" if action is Action.MOVE else id_ for id_ in ids}
    assert marks(stub) == [ids[:20], ids[20:40], ids[40:]]


def test_ews_says_of_each_mail_what_became_of_it(stub: Stub) -> None:
    outcomes, error = marked(
        exchange(
            stub,
            lambda ids: ews_reply(
                "MoveItem",
                moved_to("N1="),
                failed("ErrorItemNotFound"),
                failed("ErrorAccessDenied", "Words."),
                "<m:Items/>",
            ),
        ),
        ["A1=", "A2=", "A3=", "A4="],
    )
    assert error is None
    assert outcomes == {"A1=": "N1=", "A2=": "A2=", "A3=": "error ErrorAccessDenied", "A4=": "A4="}
    assert len(marks(stub)) == 1


def test_what_of_an_answer_of_ews_is_known_comes_before_the_mailboxs_failure(stub: Stub) -> None:
    inside = failed(
        "ErrorInternalServerError", "Words.", {"InnerErrorResponseCode": "ErrorServerBusy", **BUSY}
    )
    stopped = failed("ErrorBatchProcessingStopped").replace('"Error"', '"Warning"')
    outcomes, error = marked(
        exchange(stub, lambda ids: ews_reply("DeleteItem", "", inside, stopped, stopped)),
        ["A1=", "A2=", "A3=", "A4="],
        Action.DELETE,
    )
    assert outcomes == {"A1=": "A1="}
    assert isinstance(error, Wait)
    assert error.seconds == 7
    assert len(marks(stub)) == 1


def test_ews_stops_for_one_mail_and_the_others_are_marked_one_by_one(stub: Stub) -> None:
    stopped = failed("ErrorBatchProcessingStopped").replace('"Error"', '"Warning"')

    def answer(ids: list[str]) -> Reply:
        if len(ids) == 1:
            return ews_reply("UpdateItem", "")
        return ews_reply("UpdateItem", "", failed("ErrorStaleObject"), stopped, stopped)

    outcomes, error = marked(exchange(stub, answer), ["A1=", "A2=", "A3=", "A4="], Action.MARK_READ)
    assert error is None
    assert outcomes == {"A1=": "A1=", "A2=": "error ErrorStaleObject", "A3=": "A3=", "A4=": "A4="}
    assert marks(stub)[1:] == [["A3="], ["A4="]]


def test_a_single_mail_that_ews_stops_at_is_the_mailboxs_failure(stub: Stub) -> None:
    connection = exchange(stub, lambda ids: ews_reply("DeleteItem", failed("ErrorBatchProcessingStopped")))
    outcomes, error = marked(connection, ["A1="], Action.DELETE)
    assert (outcomes, type(error)) == ({}, Wait)


@pytest.mark.parametrize("messages", [1, 3])
def test_an_answer_of_ews_for_more_or_fewer_mails_is_taken_for_none_of_them(
    stub: Stub, messages: int
) -> None:
    """Only their order says whose they are: each is asked for by itself, and one without an answer is not done."""

    def answer(ids: list[str]) -> Reply:
        if len(ids) > 1:
            return ews_reply("MoveItem", *[moved_to("WRONG=")] * messages)
        return ews_reply("MoveItem") if ids == ["A2="] else ews_reply("MoveItem", moved_to(f"new-{ids[0]}"))

    outcomes, error = marked(exchange(stub, answer), ["A1=", "A2="])
    assert error is None
    assert outcomes == {"A1=": "new-A1=", "A2=": "error Unreadable"}


POISON = [
    fault_reply("ErrorSchemaValidation"),
    fault_reply("ErrorInvalidRequest"),
    fault_reply("ErrorInternalServerError"),
    Reply(400),
    Reply(200, envelope("<x>")),
]


@pytest.mark.parametrize("spoilt", POISON, ids=["schema", "request", "fault", "400", "not XML"])
def test_a_mail_that_spoils_the_request_of_ews_fails_alone(stub: Stub, spoilt: Reply) -> None:
    def answer(ids: list[str]) -> Reply:
        return spoilt if "BAD=" in ids else ews_reply("DeleteItem", *[""] * len(ids))

    outcomes, error = marked(exchange(stub, answer), ["A1=", "BAD=", "A2="], Action.DELETE)
    assert error is None
    assert outcomes.pop("BAD=").startswith("error ")
    assert outcomes == {"A1=": "A1=", "A2=": "A2="}
    assert marks(stub) == [["A1=", "BAD=", "A2="], ["A1="], ["BAD="], ["A2="]]


@pytest.mark.parametrize("spoilt", POISON, ids=["schema", "request", "fault", "400", "not XML"])
def test_where_all_of_ews_answers_so_it_is_the_mailbox(stub: Stub, spoilt: Reply) -> None:
    stub.answer = lambda request: spoilt if "/EWS/" in request.path else None
    outcomes, error = marked(stub.connection(), ["A1=", "A2="], Action.DELETE)
    assert not outcomes
    assert isinstance(error, MailboxError)
    assert len(stub.ews_requests) == 3  # both, the first one, and what asks for no mail


@pytest.mark.parametrize(
    "answer",
    [
        fault_reply("ErrorServerBusy", BUSY),
        fault_reply("ErrorInternalServerError", {"InnerErrorResponseCode": "ErrorServerBusy"}),
        fault_reply("ErrorImpersonateUserDenied"),
        Reply(429, b"", {"Retry-After": "7"}),
        Reply(403),
        Reply(503),
    ],
)
def test_what_concerns_the_mailbox_is_not_asked_of_ews_for_each_mail(stub: Stub, answer: Reply) -> None:
    outcomes, error = marked(exchange(stub, lambda ids: answer), ["A1=", "A2="], Action.DELETE)
    assert not outcomes
    assert isinstance(error, MailboxError)
    assert len(marks(stub)) == 1


def test_only_those_that_met_a_deleted_folder_of_ews_are_moved_again(stub: Stub) -> None:
    targets: list[str] = []

    def answer(request: Request) -> Reply | None:
        if "/EWS/" not in request.path:
            return None
        if b"MoveItem" not in request.body:
            return folder_answer(request, "NEW=" if targets else "OLD=")
        ids = item_ids(request)
        [target] = re.findall(rb'ToFolderId><\w+:FolderId Id="(\w+=)"', request.body)
        targets.append(target.decode())
        if len(targets) == 1:
            lost = failed("ErrorToFolderNotFound")
            return ews_reply("MoveItem", moved_to("N1="), lost, failed("ErrorItemNotFound"), lost)
        return ews_reply("MoveItem", *(moved_to(f"new-{id_}") for id_ in ids))

    stub.answer = answer
    outcomes, error = marked(stub.connection(), ["A1=", "A2=", "A3=", "A4="])
    assert error is None
    assert outcomes == {"A1=": "N1=", "A2=": "new-A2=", "A3=": "A3=", "A4=": "new-A4="}
    assert targets == ["OLD=", "NEW="]
    assert marks(stub)[1] == ["A2=", "A4="]


# -- Microsoft Graph -----------------------------------------------------------------------------------------

IDS = ["A/1=", "A2=", "A3="]


def part(id_: str, status: int = 201, body: object = None, **headers: str) -> dict[str, Any]:
    return {
        "id": id_,
        "status": status,
        "headers": {"Content-Type": "application/json", **headers},
        "body": body,
    }


def error_part(id_: str, status: int, code: str, **headers: str) -> dict[str, Any]:
    return part(id_, status, {"error": {"code": code, "message": "Words."}}, **headers)


def batches(stub: Stub) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in stub.graph_requests if request.path.endswith("$batch")]


def singles(stub: Stub) -> list[str]:
    return [request.path for request in stub.graph_requests if "/messages/" in request.path]


def graph(
    stub: Stub,
    batch: Callable[[list[dict[str, Any]]], Reply],
    single: Callable[[Request], Reply] = lambda request: reply({"id": "single"}, 201),
    folder: Callable[[], str] = lambda: "F1",
) -> Connection:
    """A batch gets what `batch` gives for its requests, a mail by itself what `single` gives."""

    def answer(request: Request) -> Reply | None:
        if "/v1.0/" not in request.path:
            return None
        if request.path.endswith("$batch"):
            return batch(json.loads(request.body)["requests"])
        if "childFolders" in request.path:
            return reply({"value": [{"id": folder(), "displayName": "Placet"}]})
        return (
            single(request)
            if "/messages/" in request.path
            else reply({"id": request.path, "displayName": "x"})
        )

    stub.answer = answer
    return stub.graph_connection()


def responses(*parts: dict[str, Any]) -> Reply:
    return reply({"responses": list(parts)})


PARTS = {
    Action.MOVE: ("POST", "/move", {"destinationId": "F1"}),
    Action.MARK_READ: ("PATCH", "", {"isRead": True}),
    Action.DELETE: ("POST", "/move", {"destinationId": "deleteditems"}),
}


@pytest.mark.parametrize("action", list(Action))
def test_graph_takes_several_requests_in_one(stub: Stub, action: Action) -> None:
    status = 200 if action is Action.MARK_READ else 201

    def answer(requests: list[dict[str, Any]]) -> Reply:
        return responses(*(part(one["id"], status, {"id": f"new-{one['id']}"}) for one in reversed(requests)))

    outcomes, error = marked(graph(stub, answer), IDS, action)
    assert error is None
    method, path, body = PARTS[action]
    [batch] = batches(stub)
    assert batch == {
        "requests": [
            {
                "id": str(number),
                "method": method,
                "url": f"/users/{MAILBOX}/messages/{quoted}{path}",
                "headers": {"Prefer": 'IdType="ImmutableId"', "Content-Type": "application/json"},
                "body": body,
            }
            for number, quoted in enumerate(["A%2F1%3D", "A2%3D", "A3%3D"])
        ]
    }
    assert outcomes == {id_: f"new-{number}" for number, id_ in enumerate(IDS)}
    assert singles(stub) == []


def test_graph_gets_no_more_than_it_takes_at_once(stub: Stub) -> None:
    connection = graph(stub, lambda requests: responses(*(part(one["id"], 201, {}) for one in requests)))
    ids = [f"A{number}" for number in range(2 * MOST_MARKED + 1)]
    assert marked(connection, ids, Action.DELETE) == (
        {id_: id_ for id_ in ids[:-1]} | {ids[-1]: "single"},
        None,
    )
    assert [len(batch["requests"]) for batch in batches(stub)] == [20, 20]
    assert len(singles(stub)) == 1  # one alone needs no batch


def test_graph_says_of_each_mail_what_became_of_it(stub: Stub) -> None:
    connection = graph(
        stub,
        lambda requests: responses(
            error_part("2", 400, "ErrorInvalidIdMalformed"),
            part("0", 201, {"id": "N1"}),
            error_part("1", 404, "ErrorItemNotFound"),
        ),
    )
    assert marked(connection, IDS, Action.DELETE) == (
        {"A/1=": "N1", "A2=": "A2=", "A3=": "error ErrorInvalidIdMalformed"},
        None,
    )
    assert singles(stub) == []


@pytest.mark.parametrize("name", ["Retry-After", "retry-after"])
def test_a_mail_that_graph_slows_down_keeps_the_others_done(stub: Stub, name: str) -> None:
    connection = graph(
        stub,
        lambda requests: responses(
            error_part("0", 429, "ApplicationThrottled", **{name: "2.128"}),
            part("1", 201, {"id": "N2"}),
            error_part("2", 429, "ApplicationThrottled", **{name: "10"}),
        ),
    )
    outcomes, error = marked(connection, IDS, Action.DELETE)
    assert outcomes == {"A2=": "N2"}
    assert isinstance(error, Wait)
    assert error.seconds == 10  # the longest that one of them asks for
    assert singles(stub) == []


def test_what_somebody_must_mend_weighs_more_than_a_pause(stub: Stub) -> None:
    connection = graph(
        stub,
        lambda requests: responses(
            error_part("0", 429, "TooManyRequests", **{"Retry-After": "10"}),
            error_part("1", 404, "ErrorInvalidUser"),
            error_part("2", 503, "ServiceUnavailable"),
        ),
    )
    outcomes, error = marked(connection, IDS, Action.DELETE)
    assert not outcomes
    assert isinstance(error, FixNeeded)


UNREADABLE_PARTS: list[list[Any]] = [
    [],
    [{"id": "1"}],
    [{"id": "1", "status": "201"}],
    [{"id": ["1"], "status": 201}, "x", None],
    [part("1", 201, "text")],
    [part("1", 202, {"id": "WRONG"})],
    [error_part("1", 401, "InvalidAuthenticationToken")],
]


@pytest.mark.parametrize("answer", UNREADABLE_PARTS)
def test_a_mail_without_an_answer_in_the_batch_is_asked_for_by_itself(stub: Stub, answer: list[Any]) -> None:
    connection = graph(
        stub, lambda requests: responses(part("0", 201, {"id": "N1"}), *answer, part("2", 201, {"id": "N3"}))
    )
    outcomes, error = marked(connection, IDS, Action.DELETE)
    assert error is None
    assert outcomes == {"A/1=": "N1", "A2=": "single", "A3=": "N3"}
    [path] = singles(stub)
    assert "/A2%3D/" in path


@pytest.mark.parametrize(
    "refusal",
    [
        *(Reply(status) for status in (400, 403, 404, 405, 413, 415, 501)),
        refused(400, "BadRequest", "Invalid batch payload format."),
        refused(403, "ErrorAccessDenied"),
        Reply(200, PAGE, HTML),
        reply({"value": []}),
        reply({"responses": "x"}),
        refused(500, "UnknownError"),
    ],
)
def test_where_no_batches_are_taken_mails_are_marked_one_by_one(stub: Stub, refusal: Reply) -> None:
    outcomes, error = marked(graph(stub, lambda requests: refusal), IDS, Action.DELETE)
    assert (outcomes, error) == (dict.fromkeys(IDS, "single"), None)
    assert len(batches(stub)) == 1
    assert len(singles(stub)) == 3


@pytest.mark.parametrize(
    "answer",
    [
        refused(429, "TooManyRequests", **{"Retry-After": "7"}),
        refused(503, "ServiceUnavailable"),
        refused(500, "ErrorInternalServerTransientError"),
        refused(504, "UnknownError"),
    ],
)
def test_what_concerns_the_mailbox_is_not_asked_of_graph_for_each_mail(stub: Stub, answer: Reply) -> None:
    outcomes, error = marked(graph(stub, lambda requests: answer), IDS, Action.DELETE)
    assert not outcomes
    assert isinstance(error, Wait)
    assert len(stub.graph_requests) == 1


def test_an_expired_token_is_renewed_for_a_batch_too(stub: Stub) -> None:
    stub.token_replies = [token_reply("old"), token_reply("new")]
    old = iter([refused(401, "InvalidAuthenticationToken")])
    connection = graph(
        stub,
        lambda requests: next(old, responses(*(part(one["id"], 201, {"id": one["id"]}) for one in requests))),
    )
    assert marked(connection, IDS, Action.DELETE)[0] == {"A/1=": "0", "A2=": "1", "A3=": "2"}
    assert [request.headers["authorization"] for request in stub.graph_requests] == [
        "Bearer old",
        "Bearer new",
    ]


@pytest.mark.parametrize("single", [refused(500, "UnknownError"), Reply(500), Reply(200, PAGE, HTML)])
def test_a_mail_at_which_graph_fails_fails_alone(stub: Stub, single: Reply) -> None:
    connection = graph(
        stub,
        lambda requests: responses(
            part("0", 201, {"id": "N1"}), error_part("1", 500, "UnknownError"), part("2", 201, {"id": "N3"})
        ),
        lambda request: single,
    )
    outcomes, error = marked(connection, IDS, Action.DELETE)
    assert error is None
    assert outcomes.pop("A2=").startswith("error ")
    assert outcomes == {"A/1=": "N1", "A3=": "N3"}


def test_where_all_of_graph_fails_it_is_the_mailbox(stub: Stub) -> None:
    stub.answer = lambda request: Reply(500) if "/v1.0/" in request.path else None
    outcomes, error = marked(stub.graph_connection(), IDS, Action.DELETE)
    assert (outcomes, type(error)) == ({}, Wait)
    assert len(stub.graph_requests) == 3  # all, the first one, and what asks for no mail


def test_what_met_a_deleted_folder_of_graph_is_moved_again(stub: Stub) -> None:
    """Whether it is the mail or the folder that is gone, the codes do not say."""
    folders = iter(["OLD", "NEW"])

    def answer(requests: list[dict[str, Any]]) -> Reply:
        if requests[0]["body"] == {"destinationId": "OLD"}:
            first, *others = requests
            return responses(
                part(first["id"], 201, {"id": "N1"}),
                *(error_part(one["id"], 404, "ErrorItemNotFound") for one in others),
            )
        return responses(
            error_part(requests[0]["id"], 404, "ErrorItemNotFound"),
            part(requests[1]["id"], 201, {"id": "N3"}),
        )

    connection = graph(stub, answer, folder=lambda: next(folders))
    assert marked(connection, IDS) == ({"A/1=": "N1", "A2=": "A2=", "A3=": "N3"}, None)
    assert [len(batch["requests"]) for batch in batches(stub)] == [3, 2]


def test_mails_that_are_gone_are_no_error_where_the_folder_is_the_same(stub: Stub) -> None:
    connection = graph(
        stub,
        lambda requests: responses(*(error_part(one["id"], 404, "ErrorItemNotFound") for one in requests)),
    )
    assert marked(connection, IDS) == ({id_: id_ for id_ in IDS}, None)
    assert len(batches(stub)) == 1


def test_a_pause_says_of_no_mail_that_it_is_gone(stub: Stub) -> None:
    """It may be the folder: nothing can be asked of it now."""
    connection = graph(
        stub,
        lambda requests: responses(
            part("0", 201, {"id": "N1"}),
            error_part("1", 404, "ErrorItemNotFound"),
            error_part("2", 429, "TooManyRequests"),
        ),
    )
    outcomes, error = marked(connection, IDS)
    assert (outcomes, type(error)) == ({"A/1=": "N1"}, Wait)


class Crowd:
    """Counts the requests that Exchange may have under way at once; a batch is four at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = self.batches = 0

    def answer(self, request: Request) -> Reply | None:
        if "/v1.0/" not in request.path:
            return None
        requests = json.loads(request.body)["requests"] if request.path.endswith("$batch") else []
        weight = min(len(requests), 4) or 1
        with self.lock:
            self.now += weight
            self.most = max(self.most, self.now)
            self.batches += bool(requests)
        time.sleep(0.02)
        with self.lock:
            self.now -= weight
        if requests:
            return responses(*(part(one["id"], 201, {"id": one["id"]}) for one in requests))
        return reply({"id": "x", "displayName": "Inbox", "totalItemCount": 1})


def test_a_batch_has_the_mailbox_to_itself_and_is_not_kept_waiting_for_ever(stub: Stub) -> None:
    crowd, cache, over = Crowd(), TokenCache(), threading.Event()
    stub.answer = crowd.answer

    def work(call: Callable[[Graph], object], times: int | None) -> None:
        mailbox = Graph(stub.graph_url, MAILBOX, Access("box", stub.grant, cache))
        count = 0
        while not over.is_set() and (times is None or count < times):
            call(mailbox)
            count += 1
        mailbox.close()

    def look(mailbox: Graph) -> object:
        return calls.get_folder(mailbox, "inbox")

    def mark(mailbox: Graph) -> object:
        return calls.mark_together(mailbox, IDS * 3, "F1")

    looking = [threading.Thread(target=work, args=(look, None)) for _ in range(6)]
    marking = [threading.Thread(target=work, args=(mark, 5)) for _ in range(2)]
    for thread in [*looking, *marking]:
        thread.start()
    for thread in marking:
        thread.join(60)
    over.set()
    for thread in looking:
        thread.join(60)
    assert crowd.batches == 10
    assert crowd.most == AT_ONCE


def test_a_batch_that_fails_leaves_its_places(stub: Stub) -> None:
    stub.answer = lambda request: refused(429, "TooManyRequests") if "/v1.0/" in request.path else None
    connection = stub.graph_connection()
    for _ in range(3):
        assert isinstance(marked(connection, IDS, Action.DELETE)[1], Wait)
    stub.answer = None
    stub.graph_replies = [reply({"id": "A2="}, 201)]
    assert marked(connection, ["A2="], Action.DELETE) == ({"A2=": "A2="}, None)


# -- both, on the sandbox ------------------------------------------------------------------------------------

#: By way, the sandbox's counters of requests that mark, and what they count for each mail.
CALLS = {"ews": ("ews_MoveItem", None), "graph": ("graph_batch", "graph_move")}
WAYS = ["ews", "graph"]


def full(sandbox: Sandbox, protocol: str, count: int) -> tuple[Connection, list[str]]:
    """A connection to a mailbox with so many mails, and their ids."""
    for number in range(count):
        sandbox.send_as("ann", to=BOX, subject=f"RE: {number}", text="Yes")
    connection = opened(sandbox, protocol)
    return connection, [seen.server_id for seen in everything(connection)[0]]


def known(sandbox: Sandbox, protocol: str, folder: str) -> list[str]:
    mails = sandbox.mails("approvals", folder)
    return sorted(mail.immutable_id if protocol == "graph" else mail.id for mail in mails)


@pytest.mark.parametrize("protocol", WAYS)
def test_a_hundred_mails_take_five_calls(sandbox: Sandbox, protocol: str) -> None:
    connection, ids = full(sandbox, protocol, 100)
    outcomes, error = marked(connection, ids)
    assert error is None
    assert sandbox.mails("approvals") == []
    assert sorted(outcomes.values()) == known(sandbox, protocol, "Placet")
    together, each = CALLS[protocol]
    assert sandbox.counters[together] == 5
    assert each is None or sandbox.counters[each] == 100
    before = sandbox.counters["ews_requests"] + sandbox.counters["graph_requests"]
    assert marked(connection, ids)[1] is None  # twice is no error
    after = sandbox.counters["ews_requests"] + sandbox.counters["graph_requests"]
    assert (
        after - before <= 5 * 2
    )  # Graph does not say whether the mail or the folder is gone: that is looked up
    assert len(sandbox.mails("approvals", "Placet")) == 100


@pytest.mark.parametrize("protocol", WAYS)
def test_one_that_is_gone_and_one_that_never_was_stop_none_beside_them(
    sandbox: Sandbox, protocol: str
) -> None:
    connection, ids = full(sandbox, protocol, 4)
    box = sandbox.mailbox("approvals")
    box.remove(next(iter(box.inbox.items.values())))
    outcomes, error = marked(connection, ["malformed", *ids])
    assert error is None
    assert outcomes.pop("malformed") == "error ErrorInvalidIdMalformed"
    assert len(sandbox.mails("approvals", "Placet")) == 3
    assert set(known(sandbox, protocol, "Placet")) < set(outcomes.values())


FAULTS: list[dict[str, Any]] = [
    {"kind": "cut_before"},
    {"kind": "cut_after"},
    {"kind": "half_answer"},
    {"kind": "stopped"},
    {"kind": "transient"},
    {"kind": "busy"},
    {"kind": "throttled", "retry_after": "1"},
    {"kind": "tokens_expire"},
]


@pytest.mark.parametrize("protocol", WAYS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault["kind"]))
def test_whatever_strikes_the_others_are_done_and_the_next_time_all_are(
    sandbox: Sandbox, protocol: str, fault: dict[str, Any]
) -> None:
    connection, ids = full(sandbox, protocol, 10)
    sandbox.faults.set(**fault, count=1, operations=["MoveItem"])
    outcomes, error = marked(connection, ids)
    assert sandbox.faults.struck == {fault["kind"]: 1}
    if fault["kind"] == "tokens_expire":
        assert error is None
    else:
        assert isinstance(error, Wait)
    assert set(outcomes.values()) <= set(known(sandbox, protocol, "Placet"))
    left = [id_ for id_ in ids if id_ not in outcomes]
    assert marked(connection, left)[1] is None
    assert sandbox.mails("approvals") == []
    assert len(sandbox.mails("approvals", "Placet")) == 10


def test_what_the_limit_of_graph_lets_through_is_done(sandbox: Sandbox) -> None:
    connection, ids = full(sandbox, "graph", 10)
    assert marked(connection, ids[:1])[1] is None  # the folders are known
    sandbox.switches.mailbox_requests = 4  # in ten minutes: those before are not counted
    outcomes, error = marked(connection, ids[1:])
    assert isinstance(error, Wait)
    assert error.seconds
    assert sorted([*outcomes.values(), ids[0]]) == known(sandbox, "graph", "Placet")
