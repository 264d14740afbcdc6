"""What Graph says before it works: tokens, permissions, addresses, bodies and limits. Literal requests only."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import SimpleNamespace

import pytest

from placet.sandbox import Sandbox, faults
from tests.sandbox import wire
from tests.sandbox.graph_wire import Graph, refused, token
from tests.sandbox.wire import APPROVALS

ANN = "ann@contoso.example"
LIST = "~/mailFolders/inbox/messages"
SOON = 60  # seconds that another thread may take on a busy machine


@pytest.fixture
def graph(sandbox: Sandbox) -> Graph:
    return Graph(sandbox)


# -- tokens ----------------------------------------------------------------------------------------------------


def test_without_a_token_the_address_of_the_authority_is_told(graph: Graph) -> None:
    answer = graph.get(LIST, {"Authorization": ""})
    refused(answer, 401, "InvalidAuthenticationToken", "Access token is empty.")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")
    assert "authorization_uri=" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nonsense", "CompactToken parsing failed with error code: 80049217"),
        ("a.b.c", "Access token validation failure. Invalid signature."),
    ],
)
def test_what_is_no_token_of_ours_is_refused(given: str, said: str, graph: Graph) -> None:
    refused(graph.get(LIST, {"Authorization": f"Bearer {given}"}), 401, "InvalidAuthenticationToken", said)


def test_a_token_that_has_run_out_is_refused_and_a_new_one_works(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.expire_tokens()
    refused(
        graph.get(LIST), 401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid."
    )
    assert Graph(sandbox).get(LIST).status == 200


def test_a_token_for_exchange_is_none_for_graph_and_the_other_way_round(
    sandbox: Sandbox, graph: Graph
) -> None:
    answer = graph.get(LIST, {"Authorization": f"Bearer {wire.token(sandbox)}"})
    refused(answer, 401, "InvalidAuthenticationToken", "Invalid audience")
    assert wire.ews(sandbox, wire.sync(), access_token=token(sandbox)).status == 401


def test_a_token_without_any_permission_says_so(sandbox: Sandbox) -> None:
    sandbox.switches.graph_roles = set()
    assert "roles" not in wire.claims(token(sandbox))
    refused(
        Graph(sandbox).get(LIST),
        401,
        "NoPermissionsInAccessToken",
        "The token contains no permissions, or permissions can not be understood.",
    )


# -- permissions -----------------------------------------------------------------------------------------------


def test_what_was_consented_to_for_one_service_is_not_for_the_other(sandbox: Sandbox) -> None:
    sandbox.switches.consented = False
    assert Graph(sandbox).get(LIST).status == 200
    sandbox.switches.consented, sandbox.switches.graph_roles = True, set()
    assert wire.ews(sandbox, wire.sync()).status == 200


def test_each_role_opens_what_is_its_own(sandbox: Sandbox) -> None:
    mail = b"To: ann@contoso.example\r\n\r\nx"
    for roles, read, write, send in (
        ({"Mail.Read"}, 200, 403, 403),
        ({"Mail.ReadWrite"}, 200, 201, 403),
        ({"Mail.Send"}, 403, 403, 202),
    ):
        sandbox.switches.graph_roles = roles
        graph = Graph(sandbox)
        assert wire.claims(token(sandbox))["roles"] == sorted(roles)
        assert graph.get(LIST).status == read
        folder = {"displayName": f"Made with {roles}"}
        assert graph("POST", "~/mailFolders", folder).status == write
        assert graph.send_mime(mail).status == send
    refused(graph.get(LIST), 403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def test_roles_are_those_of_the_time_when_the_token_was_made(sandbox: Sandbox) -> None:
    before = Graph(sandbox)
    sandbox.switches.graph_roles = set()
    assert before.get(LIST).status == 200
    assert Graph(sandbox).get(LIST).status == 401


def test_tenant_wide_consent_opens_every_mailbox_over_both_ways(sandbox: Sandbox) -> None:
    """The case of too much permission: nothing says no."""
    assert Graph(sandbox, ANN).get(LIST).status == 200
    assert wire.ews(sandbox, wire.sync(), header=wire.impersonate(ANN)).codes == ["NoError"]


def test_rbac_for_applications_opens_the_mailboxes_of_its_scope_without_a_role_in_the_token(
    sandbox: Sandbox,
) -> None:
    sandbox.switches.consented, sandbox.switches.graph_roles = False, set()
    sandbox.switches.rbac = {APPROVALS}
    assert "roles" not in wire.claims(token(sandbox))
    assert Graph(sandbox).get(LIST).status == 200
    assert Graph(sandbox).send_mime(b"To: ann@contoso.example\r\n\r\nx").status == 202
    refused(Graph(sandbox, ANN).get(LIST), 403, "ErrorAccessDenied", "Access is denied.")
    assert wire.ews(sandbox, wire.sync()).codes == ["NoError"]
    assert wire.ews(sandbox, wire.sync(), header=wire.impersonate(ANN)).codes == [
        "ErrorImpersonateUserDenied"
    ]
    sandbox.switches.rbac_roles = {"Mail.ReadWrite"}
    assert Graph(sandbox).send_mime(b"To: ann@contoso.example\r\n\r\nx").status == 403
    assert wire.ews(sandbox, wire.sync()).codes == ["ErrorImpersonateUserDenied"]


def test_rbac_and_consent_add_up(sandbox: Sandbox) -> None:
    sandbox.switches.rbac = {APPROVALS}
    assert Graph(sandbox, ANN).get(LIST).status == 200
    sandbox.switches.graph_roles = {"Mail.Send"}
    assert Graph(sandbox).get(LIST).status == 200
    assert Graph(sandbox, ANN).get(LIST).status == 403


def test_an_access_policy_leaves_its_mailboxes_of_what_was_consented_to(sandbox: Sandbox) -> None:
    sandbox.switches.access_policy = {APPROVALS}
    assert Graph(sandbox).get(LIST).status == 200
    refused(Graph(sandbox, ANN).get(LIST), 403, "ErrorAccessDenied", "Access to OData is disabled.")
    assert wire.ews(sandbox, wire.sync()).codes == ["NoError"]
    assert wire.ews(sandbox, wire.sync(), header=wire.impersonate(ANN)).codes == [
        "ErrorImpersonateUserDenied"
    ]


def test_graph_can_be_switched_off_for_the_application(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.switches.graph_blocked = True
    refused(graph.get(LIST), 403, "ErrorAccessDenied", "Access to OData is disabled.")
    assert wire.ews(sandbox, wire.sync()).status == 200


# -- users -----------------------------------------------------------------------------------------------------


def test_a_user_is_named_by_address_or_object_id_in_any_spelling(sandbox: Sandbox, graph: Graph) -> None:
    user_id = sandbox.mailbox("approvals").user_id
    for name in (
        "users/Approvals@Contoso.example",
        "users/approvals%40contoso.example",
        f"users/{user_id}",
        f"users('{APPROVALS}')",
        f"Users('{user_id}')",
    ):
        assert graph.get(f"{name}/mailFolders('Inbox')/messages").status == 200, name


@pytest.mark.parametrize("name", ["nobody@contoso.example", "vera@fabrikam.example", "approvals", "x%20y"])
def test_an_unknown_user_is_named_in_the_error(name: str, sandbox: Sandbox, graph: Graph) -> None:
    sandbox.add_mailbox("vera@fabrikam.example", outside=True)
    refused(
        graph.get(f"users/{name}/messages"),
        404,
        "ErrorInvalidUser",
        f"The requested user '{name.replace('%20', ' ')}' is invalid.",
    )


def test_a_user_without_a_licence_has_no_mailbox(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.switches.unlicensed = {APPROVALS}
    refused(
        graph.get(LIST), 404, "MailboxNotEnabledForRESTAPI", "inactive, soft-deleted, or is hosted on-premise"
    )
    assert wire.ews(sandbox, wire.sync()).codes == ["ErrorNonExistentMailbox"]


def test_an_application_has_no_me_and_no_directory(graph: Graph) -> None:
    refused(graph.get("me/messages"), 400, "BadRequest", "only valid with delegated authentication flow")
    for path in ("users", f"users/{ANN}", "servicePrincipals", "organization", "applications/x"):
        refused(graph.get(path), 403, "Authorization_RequestDenied", "Insufficient privileges")


# -- addresses and bodies --------------------------------------------------------------------------------------


def test_an_address_that_is_not_there_and_a_method_that_is_not_allowed(graph: Graph) -> None:
    refused(
        graph.get("~/mailFolders/inbox/nothing"),
        400,
        "BadRequest",
        "Resource not found for the segment 'nothing'",
    )
    refused(graph.get("~/sendMail"), 405, "MethodNotAllowed")
    refused(graph("DELETE", "~/mailFolders/inbox"), 405, "MethodNotAllowed")
    refused(graph.get("nothing", {"Authorization": ""}), 401, "InvalidAuthenticationToken")


def test_a_body_must_say_what_it_is_and_be_that(graph: Graph) -> None:
    path = "~/mailFolders/inbox/childFolders"
    refused(
        graph("POST", path, '{"displayName":"x"}'),
        400,
        "RequestBodyRead",
        "missing or empty content type header",
    )
    kind = {"Content-Type": "application/xml"}
    refused(graph("POST", path, "<x/>", kind), 415, "UnsupportedMediaType")
    for body in (b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"displayName": "\\ud800"}'):
        refused(
            graph("POST", path, body, {"Content-Type": "application/json; charset=utf-8"}),
            400,
            "BadRequest",
            "Unable to read JSON request payload.",
        )


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        (
            "POST",
            "~/mailFolders/inbox/childFolders",
            {"DisplayName": "x"},
            "The property 'DisplayName' does not exist",
        ),
        ("POST", "~/mailFolders/inbox/childFolders", {"displayName": 1}, "Cannot convert the literal '1'"),
        ("POST", "~/sendMail", {"message": {"subjekt": "x"}}, "The property 'subjekt' does not exist"),
        ("POST", "~/sendMail", {"message": "x"}, "A 'StartObject' node was expected."),
        ("POST", "~/sendMail", {"message": {"toRecipients": {}}}, "A 'StartArray' node was expected."),
        (
            "POST",
            "~/sendMail",
            {"message": {"importance": "urgent"}},
            "Requested value 'urgent' was not found.",
        ),
        (
            "POST",
            "~/sendMail",
            {"message": {}, "saveToSentItems": "true"},
            "Cannot convert the literal 'true'",
        ),
        (
            "POST",
            "~/sendMail",
            {"mail": {}},
            "The parameter 'mail' in the request payload is not a valid parameter",
        ),
        ("POST", "~/sendMail", {}, "The parameter 'Message' of the operation 'sendMail' is missing."),
        ("POST", "~/translateExchangeIds", {"inputIds": "x"}, "A 'StartArray' node was expected."),
    ],
)
def test_a_body_that_breaks_the_metadata_is_refused(
    method: str, path: str, body: dict[str, object], said: str, sandbox: Sandbox, graph: Graph
) -> None:
    sandbox.switches.translation_needs_directory = False
    refused(graph(method, path, body), 400, "RequestBodyRead", said)


def test_a_request_of_more_than_four_megabytes_is_too_large(sandbox: Sandbox, graph: Graph) -> None:
    raw = b"To: ann@contoso.example\r\n\r\n" + b"x" * (4 * 1024 * 1024)
    refused(graph.send_mime(raw), 413, "RequestEntityTooLarge")
    assert graph.send_mime(raw[: 3 * 1024 * 1024]).status == 202


def test_every_answer_carries_what_support_asks_for(graph: Graph) -> None:
    good = graph.get(LIST, {"client-request-id": "abc"})
    bad = graph.get("~/messages/x", {"client-request-id": "abc"})
    for answer in (good, bad):
        assert answer.headers["client-request-id"] == "abc"
        assert len(answer.headers["request-id"]) == 36
        assert "ServerInfo" in json.loads(answer.headers["x-ms-ags-diagnostic"])
        assert abs((datetime.now(UTC) - parsedate_to_datetime(answer.headers["Date"])).total_seconds()) < 5
    assert bad.json["error"]["innerError"]["client-request-id"] == "abc"
    assert good.headers["Content-Type"].startswith("application/json;odata.metadata=minimal")
    own = graph.get(LIST)
    assert own.headers["client-request-id"] == own.headers["request-id"]


# -- limits ----------------------------------------------------------------------------------------------------


@contextmanager
def at_once(sandbox: Sandbox, graph: Graph, requests: int) -> Iterator[None]:
    """While so many requests run in the mailbox, all of which are answered in the end."""
    answers: list[wire.Answer] = []
    under_way, go_on = threading.Semaphore(0), threading.Event()

    def stay(_seconds: float) -> None:
        under_way.release()
        go_on.wait(SOON)

    sandbox.faults.set("slow", seconds=1, count=requests)
    threads = [threading.Thread(target=lambda: answers.append(graph.get(LIST))) for _ in range(requests)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faults, "time", SimpleNamespace(sleep=stay))
        for thread in threads:
            thread.start()
        assert all(under_way.acquire(timeout=SOON) for _ in threads)
        yield
        go_on.set()
        for thread in threads:
            thread.join(SOON)
    assert [answer.status for answer in answers] == [200] * requests


def test_more_than_four_requests_at_once_in_a_mailbox_are_too_many(sandbox: Sandbox, graph: Graph) -> None:
    with at_once(sandbox, graph, 3):
        assert graph.get(LIST).status == 200
    with at_once(sandbox, graph, 4):
        answer = graph.get(LIST)
        refused(answer, 429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.")
        assert answer.headers["Retry-After"] == "1"
        # The limit is of each mailbox, and there is none where it is switched off.
        assert Graph(sandbox, ANN).get(LIST).status == 200
        sandbox.switches.mailbox_concurrency = None
        assert graph.get(LIST).status == 200
    assert sandbox.counters["graph_too_concurrent"] == 1


def test_too_many_requests_in_ten_minutes_are_told_how_long_to_wait(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.switches.mailbox_requests = 2
    assert [graph.get(LIST).status for _ in range(2)] == [200, 200]
    answer = graph.get(LIST)
    refused(answer, 429, "TooManyRequests", "Please retry again later.")
    assert 590 < float(answer.headers["Retry-After"]) <= 600
    assert "." in answer.headers["Retry-After"]
    assert Graph(sandbox, ANN).get(LIST).status == 200


def test_calls_and_bytes_are_counted_over_both_ways(sandbox: Sandbox, graph: Graph) -> None:
    answer = graph.get(LIST)
    raw = b"To: ann@contoso.example\r\n\r\nx"
    graph.send_mime(raw)
    assert sandbox.counters["graph_requests"] == 2
    assert (sandbox.counters["graph_messages"], sandbox.counters["graph_send"]) == (1, 1)
    assert sandbox.counters["graph_bytes_sent"] == len(answer.body)
    assert sandbox.counters["graph_bytes_received"] == 4 * -(-len(raw) // 3)
    envelope = wire.envelope(wire.sync())
    sync = wire.raw_ews(sandbox, envelope)
    assert sandbox.counters["ews_bytes_sent"] == len(sync.body)
    assert sandbox.counters["ews_bytes_received"] == len(envelope)
    graph.get("~/messages/x")
    assert sandbox.counters["http_400"] == 1
