"""What Test connection makes of answers that the sandbox does not give: literal bytes in, cause and cure out."""

import base64
import json
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from placet.mailboxes.base import Check, FixNeeded
from placet.mailboxes.microsoft import app_access, protocols
from placet.mailboxes.microsoft.ews.connection import EwsConnection
from placet.mailboxes.microsoft.ews.probe import EwsProbe
from placet.mailboxes.microsoft.graph.connection import GraphConnection
from placet.mailboxes.microsoft.graph.probe import GraphProbe
from placet.mailboxes.oauth import TokenCache

from .stub import CLIENT_ID, MAILBOX, SECRET, Reply, Request, Stub, fault_reply, token_reply

OBJECT_ID = "9a1b2c3d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
OTHER = "ann@contoso.example"


def jwt(**claims: object) -> Reply:
    """A token as Entra ID gives it, in the v1.0 shape."""
    told = {
        "aud": "https://graph.microsoft.com",
        "appid": CLIENT_ID,
        "app_displayname": "Placet",
        "oid": OBJECT_ID,
        "tid": "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "exp": 1795564617,
        **claims,
    }

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return token_reply(f"{part({'alg': 'RS256'})}.{part(told)}.c2lnbmF0dXJl")


def graph_error(status: int, code: str, message: str) -> Reply:
    inner = {"date": "2026-11-24T10:00:02", "request-id": "94fb3b52-1111-4222-8333-444455556666"}
    body = json.dumps({"error": {"code": code, "message": message, "innerError": inner}}).encode()
    return Reply(status, body, {"Content-Type": "application/json", "request-id": inner["request-id"]})


def graph_json(**values: object) -> Reply:
    return Reply(200, json.dumps(values).encode(), {"Content-Type": "application/json"})


def graph(stub: Stub, **more: object) -> GraphConnection:
    settings = stub.settings(protocol="graph", **more)
    found = protocols.connect(settings, SecretStr(SECRET), key="box", cache=TokenCache())
    assert isinstance(found, GraphConnection)
    return found


def ews(stub: Stub) -> EwsConnection:
    settings = stub.settings(protocol="ews")
    found = protocols.connect(settings, SecretStr(SECRET), key="box", cache=TokenCache())
    assert isinstance(found, EwsConnection)
    return found


def last(connection: GraphConnection | EwsConnection) -> Check:
    """Where the check ends."""
    return list(connection.check())[-1]


# --- Mailbox opens ----------------------------------------------------------------------------------------

READ_WRITE = ["Mail.ReadWrite", "Mail.Send"]
DENIED = graph_error(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
NO_ROLES = graph_error(
    401,
    "NoPermissionsInAccessToken",
    "The token contains no permissions, or permissions can not be understood.",
)


@pytest.mark.parametrize(
    ("roles", "answer", "cause", "cure", "command"),
    [
        (None, NO_ROLES, "nobody has consented to any", "admin consent", "New-ManagementRoleAssignment"),
        (
            None,
            DENIED,
            "leave this mailbox out. The token carries no role either.",
            "admin consent",
            f"-ObjectId '{OBJECT_ID}'",
        ),
        (
            ["Mail.Send", "Calendars.Read"],
            DENIED,
            "The token does not carry the role Mail.ReadWrite.",
            "add Mail.ReadWrite (Microsoft Graph, application permission) and choose “Grant admin consent”",
            "-Role 'Application Mail.ReadWrite'",
        ),
        (
            READ_WRITE,
            DENIED,
            "the limits in Exchange (RBAC for Applications) leave this mailbox out.",
            "RBAC",
            f"Test-ServicePrincipalAuthorization -Identity '{CLIENT_ID}' -Resource '{MAILBOX}'",
        ),
        (
            READ_WRITE,
            graph_error(403, "ErrorAccessDenied", "Access to OData is disabled."),
            "A policy in Exchange",
            "application access policy",
            f"Test-ApplicationAccessPolicy -Identity '{MAILBOX}' -AppId '{CLIENT_ID}'",
        ),
        (
            READ_WRITE,
            graph_error(404, "ErrorInvalidUser", "The requested user 'x' is invalid."),
            "nobody with the address in Username",
            "spelling",
            MAILBOX,
        ),
        (
            READ_WRITE,
            graph_error(
                404,
                "MailboxNotEnabledForRESTAPI",
                "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
            ),
            "no licence",
            "Exchange Web Services",
            MAILBOX,
        ),
    ],
)
def test_a_mailbox_that_does_not_open_through_graph_says_why(
    stub: Stub, roles: list[str] | None, answer: Reply, cause: str, cure: str, command: str
) -> None:
    stub.token_replies = [jwt(**({} if roles is None else {"roles": roles}))]
    stub.graph_replies = [answer]
    check = last(graph(stub))
    assert (check.key, check.ok) == ("open", False)
    assert cause in check.cause
    assert cure in check.cure
    assert command in check.command
    assert app_access.OBJECT_ID not in check.command
    assert check.facts is not None
    assert check.facts["request-id"] == "94fb3b52-1111-4222-8333-444455556666"


def test_another_refusal_is_not_put_down_to_a_role_although_one_is_missing(stub: Stub) -> None:
    stub.token_replies = [jwt(roles=["Mail.Send"])]
    stub.graph_replies = [graph_error(404, "ErrorInvalidUser", "The requested user 'x' is invalid.")]
    assert "role" not in last(graph(stub)).cause


def test_of_a_token_that_cannot_be_read_nothing_is_claimed(stub: Stub) -> None:
    stub.graph_replies = [DENIED]
    check = last(graph(stub))
    assert "role" not in check.cause
    assert app_access.OBJECT_ID in check.command


@pytest.mark.parametrize(
    "audience",
    ["https://outlook.office365.com", "https://outlook.office.com/", app_access.EWS.app_id],
)
def test_a_token_for_exchange_web_services_is_none_for_graph(stub: Stub, audience: str) -> None:
    stub.token_replies = [jwt(aud=audience, roles=["full_access_as_app"])]
    check = last(graph(stub))
    assert (check.key, check.ok) == ("token", False)
    assert "The token is for Office 365 Exchange Online" in check.cause
    assert "https://graph.microsoft.com/.default" in check.cure


def test_a_token_for_a_service_that_is_not_known_is_left_to_the_server(stub: Stub) -> None:
    stub.token_replies = [jwt(aud="https://graph.own.example", roles=READ_WRITE)]
    stub.graph_replies = [DENIED]
    assert last(graph(stub)).key == "open"


# --- Mailbox sends to itself ------------------------------------------------------------------------------


def answering(send: Reply) -> Callable[[Request], Reply | None]:
    """A mailbox that is all right, but for what it answers when a mail is to be sent."""

    def answer(request: Request) -> Reply | None:
        path = request.path.partition("?")[0]
        if not path.startswith("/v1.0/users/"):
            return None
        if path.endswith("/sendMail"):
            return send
        if path.endswith("/childFolders"):
            return graph_json(value=[{"id": f"folder-{len(path)}", "displayName": name_in(request)}])
        if path.endswith("/messages/delta"):
            link = f"http://{request.headers['host']}{path}?$deltatoken=1"
            return graph_json(value=[], **{"@odata.deltaLink": link})
        if path.endswith("/messages"):
            return graph_json(value=[])
        return graph_json(id=path, displayName="Inbox", totalItemCount=3)

    return answer


def name_in(request: Request) -> str:
    return (
        "Placet" if "Placet" in request.path else "Processed" if "Processed" in request.path else "Set aside"
    )


@pytest.mark.parametrize(
    ("roles", "answer", "cause", "command"),
    [
        (["Mail.ReadWrite"], DENIED, "does not carry the role Mail.Send", "-Role 'Application Mail.Send'"),
        (
            READ_WRITE,
            graph_error(403, "ErrorSendAsDenied", "The user account which was used to submit this request…"),
            "does not let the mailbox send with this From address",
            "Add-RecipientPermission",
        ),
        (
            READ_WRITE,
            graph_error(403, "ErrorMessageSubmissionBlocked", "Cannot send mail."),
            "does not let this mailbox send",
            "",
        ),
    ],
)
def test_a_mailbox_that_may_not_send_through_graph_says_why(
    stub: Stub, roles: list[str], answer: Reply, cause: str, command: str
) -> None:
    stub.token_replies = [jwt(roles=roles)]
    stub.answer = answering(answer)
    found = {check.key: check for check in graph(stub).check()}
    assert list(found)[-2:] == ["send", "cleanup"]
    assert not found["send"].ok
    assert cause in found["send"].cause
    assert command in found["send"].command
    assert found["cleanup"].ok


# --- Other mailboxes stay closed --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "opens"),
    [
        (graph_json(id="AAMk"), True),
        (DENIED, False),
        (graph_error(403, "ErrorAccessDenied", "Access to OData is disabled."), False),
        (NO_ROLES, False),
        (graph_error(404, "ErrorInvalidUser", "The requested user 'x' is invalid."), None),
        (graph_error(404, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, …"), None),
        (graph_error(429, "TooManyRequests", "Please retry again later."), None),
        (Reply(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"}), None),
        (Reply(403, b"<html>Blocked by the firewall</html>", {"Content-Type": "text/html"}), None),
    ],
)
def test_what_graph_answers_of_the_mailbox_of_somebody_else(
    stub: Stub, answer: Reply, opens: bool | None
) -> None:
    stub.graph_replies = [answer]
    assert GraphProbe(graph(stub)).opens(OTHER) is opens
    asked = {request.path for request in stub.graph_requests}
    assert asked == {f"/v1.0/users/{OTHER}/mailFolders/inbox?$select=id"}


@pytest.mark.parametrize(
    ("answer", "opens"),
    [
        (fault_reply("ErrorImpersonateUserDenied"), False),
        (fault_reply("ErrorAccessDenied"), False),
        (fault_reply("ErrorNonExistentMailbox"), None),
        (fault_reply("ErrorServerBusy", {"BackOffMilliseconds": "1000"}), None),
        (Reply(403), None),  # EWS is switched off there, or for the application: who may open it is not said
        (Reply(503), None),
    ],
)
def test_what_ews_answers_of_the_mailbox_of_somebody_else(
    stub: Stub, answer: Reply, opens: bool | None
) -> None:
    stub.ews_replies = [answer]
    assert EwsProbe(ews(stub)).opens(OTHER) is opens
    [request] = stub.ews_requests
    assert OTHER in request.body.decode()
    assert MAILBOX not in request.body.decode()


def test_the_mailbox_itself_is_asked_for_as_before_after_that(stub: Stub) -> None:
    stub.graph_replies = [DENIED, graph_json(id="AAMk", displayName="Inbox", totalItemCount=1)]
    probe = GraphProbe(graph(stub))
    assert probe.opens(OTHER) is False
    assert probe.open() == ("Inbox", 1)
    assert stub.graph_requests[-1].path.startswith(f"/v1.0/users/{MAILBOX}/")


def test_only_a_refusal_for_want_of_a_right_counts_as_one(stub: Stub) -> None:
    probe = GraphProbe(graph(stub))
    for code, means in (("ErrorAccessDenied", True), ("ErrorInvalidUser", False), ("", False)):
        assert probe.may_not(FixNeeded("x", "y", {"code": code})) is means
