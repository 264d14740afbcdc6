"""The control API, by literal requests."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from placet.sandbox import Sandbox
from tests.sandbox import wire
from tests.sandbox.wire import control


def get(sandbox: Sandbox, call: str, **given: Any) -> Any:
    answer = control(sandbox, "GET", call, **given)
    assert answer.status == 200, answer.text
    return answer.json


def post(sandbox: Sandbox, call: str, **given: Any) -> Any:
    answer = control(sandbox, "POST", call, **given)
    assert answer.status == 200, answer.text
    return answer.json


def inbox(sandbox: Sandbox, mailbox: str = "approvals") -> Any:
    return get(sandbox, "mails", mailbox=mailbox)


@pytest.mark.parametrize("password", ["", "wrong", "é"])
def test_without_the_password_nothing_is_told(password: str, sandbox: Sandbox) -> None:
    for call in ("state", "nothing"):
        answer = wire.send(
            sandbox, "GET", f"/sandbox/{call}", headers={"Authorization": f"Bearer {password}"}
        )
        assert (answer.status, answer.json) == (401, {"error": "The control password is missing or wrong."})


def test_the_state_holds_all_that_a_client_needs(sandbox: Sandbox) -> None:
    state = get(sandbox, "state")
    assert state == sandbox.state()
    assert (state["graph_url"], state["graph_scope"]) == (
        f"{state['url']}/v1.0",
        "https://graph.microsoft.com/.default",
    )
    assert state["token_url"] == f"{state['url']}/{state['tenant_id']}/oauth2/v2.0/token"
    assert {m["address"] for m in state["mailboxes"]} == {m["address"] for m in get(sandbox, "mailboxes")}


def test_mailboxes_are_added(sandbox: Sandbox) -> None:
    made = post(sandbox, "mailboxes", address="carol", name="Carol")
    assert made["address"] == "carol@contoso.example"
    assert len(made["password"]) >= 12
    post(sandbox, "mailboxes", address="vera@fabrikam.example", outside=True)
    for address in ("carol", "vera@fabrikam.example", "new@elsewhere.example"):
        assert control(sandbox, "POST", "mailboxes", address=address).status == 400


def test_mail_is_sent_answered_read_and_moved(sandbox: Sandbox) -> None:
    sent = post(
        sandbox,
        "send",
        mailbox="approvals",
        to=["ann@contoso.example", "x@contoso.example"],
        subject="Q",
        text="?",
    )
    assert sent["refused"] == ["x@contoso.example"]
    [request] = inbox(sandbox, "ann")
    assert (request["id"], request["is_read"]) == (sent["delivered"][0], False)
    post(sandbox, "reply", mailbox="ann", id=request["id"], text="Approve", voting_response="Approve")
    report, answer = inbox(sandbox)
    assert (report["item_class"], answer["voting_response"]) == ("REPORT.IPM.Note.NDR", "Approve")
    whole = get(sandbox, "mail", mailbox="approvals", id=answer["id"])
    assert whole["text"].startswith("Approve\r\n")
    assert b"In-Reply-To: " in base64.b64decode(whole["raw"])
    assert "AuthAs: Internal" in whole["transport_headers"]
    post(sandbox, "mark-read", mailbox="approvals", id=answer["id"])
    moved = post(sandbox, "move", mailbox="approvals", id=answer["id"], folder="junkemail")
    assert (moved["folder"], moved["is_read"]) == ("Junk Email", True)
    folders = {f["well_known"]: f for f in get(sandbox, "folders", mailbox="approvals")}
    assert (folders["junkemail"]["total"], folders["inbox"]["unread"]) == (1, 1)


def test_replies_and_forwards_are_written_with_a_mail_program(sandbox: Sandbox) -> None:
    post(sandbox, "send", mailbox="approvals", to=["ann@contoso.example"], subject="Q", text="?", html="<p>?")
    [asked] = inbox(sandbox, "ann")
    post(sandbox, "reply", mailbox="ann", id=asked["id"], text="Yes", program="gmail")
    post(
        sandbox,
        "forward",
        mailbox="ann",
        id=asked["id"],
        to="bob@contoso.example",
        text="See",
        program="gmail",
    )
    [reply], [forwarded] = inbox(sandbox), inbox(sandbox, "bob")
    assert "gmail_quote" in get(sandbox, "mail", mailbox="approvals", id=reply["id"])["html"]
    assert forwarded["subject"] == "Fwd: Q"
    wrong = wire.control(sandbox, "POST", "reply", mailbox="ann", id=asked["id"], text="x", program="pine")
    assert (wrong.status, "no mail program pine" in wrong.json["error"]) == (400, True)


def test_mail_comes_from_outside_made_or_raw(sandbox: Sandbox) -> None:
    given = {
        "from": "vera@fabrikam.example",
        "to": wire.APPROVALS,
        "subject": "Hi",
        "text": "x",
        "dmarc": "fail",
    }
    post(sandbox, "deliver", **given)
    raw = base64.b64encode(wire.mail()).decode()
    post(sandbox, "deliver", raw=raw, mail_from="evil@x.example", junk=True)
    [mail] = inbox(sandbox)
    assert mail["from"] == "vera@fabrikam.example"
    [junk] = get(sandbox, "mails", mailbox="approvals", folder="junkemail")
    assert junk["from"] == "ann@contoso.example"
    post(sandbox, "place", mailbox="approvals", raw=raw, item_class="REPORT.IPM.Note.DR")
    assert inbox(sandbox)[-1]["item_class"] == "REPORT.IPM.Note.DR"


def test_an_address_is_made_an_alias(sandbox: Sandbox) -> None:
    post(sandbox, "alias", mailbox="approvals", primary="requests@contoso.example")
    post(sandbox, "send", mailbox="approvals", to="ann@contoso.example", subject="Q", text="?")
    assert [mail["from"] for mail in inbox(sandbox, "ann")] == ["requests@contoso.example"]


def test_automatic_mail_is_made(sandbox: Sandbox) -> None:
    post(sandbox, "out-of-office", mailbox="ann", text="Away", old_server=True)
    post(sandbox, "send", mailbox="approvals", to="ann@contoso.example", subject="Q", text="?")
    [request] = inbox(sandbox, "ann")
    post(sandbox, "read-receipt", mailbox="ann", id=request["id"])
    post(sandbox, "meeting-response", mailbox="ann", to=wire.APPROVALS, subject="Budget")
    post(sandbox, "journal-report", mailbox="ann", id=request["id"], to=wire.APPROVALS)
    assert [mail["item_class"] for mail in inbox(sandbox)] == [
        "IPM.Note.Rules.OofTemplate.Microsoft",
        "REPORT.IPM.Note.IPNRN",
        "IPM.Schedule.Meeting.Resp.Pos",
        "IPM.Note",
    ]
    post(sandbox, "out-of-office", mailbox="ann", text=None)
    assert sandbox.mailbox("ann").out_of_office is None


def test_sending_as_somebody_else_is_refused_with_its_code(sandbox: Sandbox) -> None:
    raw = base64.b64encode(wire.mail()).decode()
    answer = control(sandbox, "POST", "send", mailbox="bob", raw=raw)
    assert (answer.status, answer.json["code"]) == (400, "ErrorSendAsDenied")
    post(sandbox, "on-behalf", owner="ann", delegate="bob")
    post(sandbox, "send", mailbox="bob", raw=raw)


def test_faults_and_switches_are_set_and_seen(sandbox: Sandbox) -> None:
    post(sandbox, "faults", kind="throttled", count=1, retry_after=0.5, operations=["SyncFolderItems"])
    assert wire.ews(sandbox, wire.sync()).headers["Retry-After"] == "0.5"
    faults = get(sandbox, "faults")
    assert (faults["on"][0]["kind"], faults["struck"]) == ("throttled", {"throttled": 1})
    assert control(sandbox, "DELETE", "faults", kind="throttled").status == 200
    assert get(sandbox, "faults")["on"] == []
    post(sandbox, "switches", ews_blocked=True)
    assert wire.ews(sandbox, wire.sync()).status == 403
    switches = post(
        sandbox, "switches", ews_blocked=False, consented=False, rbac=["APPROVALS@contoso.example"]
    )
    assert switches == get(sandbox, "switches")
    assert wire.ews(sandbox, wire.sync()).status == 200
    access_token = wire.token(sandbox)
    post(sandbox, "expire-tokens")
    assert wire.ews(sandbox, wire.sync(), access_token=access_token).status == 401
    post(sandbox, "lose-sync-states")
    policy = post(sandbox, "switches", access_policy=["ANN@contoso.example"], graph_roles=["Mail.Send"])
    assert (policy["access_policy"], policy["graph_roles"]) == (["ann@contoso.example"], ["Mail.Send"])
    assert post(sandbox, "switches", access_policy=None)["access_policy"] is None
    assert get(sandbox, "counters")["http_403"] == 1


@pytest.mark.parametrize(
    ("method", "call", "given", "status"),
    [
        ("GET", "nothing", {}, 404),
        ("DELETE", "mails", {}, 404),
        ("GET", "mails", {"mailbox": "nobody"}, 400),
        ("GET", "mails", {"mailbox": "ann", "folder": "Nowhere/At all"}, 400),
        ("GET", "mail", {"mailbox": "ann", "id": "x"}, 400),
        ("GET", "mails", {}, 400),
        ("POST", "place", {"mailbox": "ann", "raw": "%"}, 400),
        ("POST", "place", {"mailbox": "ann"}, 400),
        ("POST", "faults", {"kind": "earthquake"}, 400),
        ("POST", "faults", {"kind": "slow", "colour": "red"}, 400),
        ("POST", "switches", {"colour": "red"}, 400),
    ],
)
def test_a_call_that_cannot_be_done_says_why(
    method: str, call: str, given: dict[str, Any], status: int, sandbox: Sandbox
) -> None:
    answer = control(sandbox, method, call, **given)
    assert answer.status == status
    assert answer.json["error"]


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(body: bytes, sandbox: Sandbox) -> None:
    headers = {"Authorization": f"Bearer {sandbox.control_password}"}
    assert wire.send(sandbox, "POST", "/sandbox/send", body, headers).status == 400
