"""Test connection, step by step, over each way into the mailbox, against the local Exchange Online."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partialmethod
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from pydantic import SecretStr

from placet.mailboxes import http, preflight
from placet.mailboxes.base import Check, Connection
from placet.mailboxes.microsoft import app_access, protocols
from placet.mailboxes.microsoft.settings import ExchangeSettings
from placet.mailboxes.oauth import TokenCache
from placet.sandbox import delivery
from placet.sandbox.server import Sandbox
from tests.mailboxes.sandboxed import BOX, settings_for

ANN = "ann@contoso.example"
STEPS = ["name", "tls", "token", "open", "read", "folders", "send", "plus", "internal", "limits", "cleanup"]


@pytest.fixture(params=["ews", "graph"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.add_mailbox("approvals", "Approvals")
        running.add_mailbox("ann", "Ann Approver")
        yield running


def connected(
    sandbox: Sandbox, settings: ExchangeSettings, secret: str = "", cache: TokenCache | None = None
) -> Connection:
    credential = SecretStr(secret or sandbox.client_secret)
    return protocols.connect(settings, credential, key="box", cache=cache or TokenCache())


@pytest.fixture(autouse=True)
def seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds pass only by sleeping."""
    passed = [0.0]

    def sleep(seconds: float) -> None:
        passed[0] += seconds

    monkeypatch.setattr(preflight, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: passed[0]))


Send = Callable[[bytes, str], None]


def sends(connection: Connection, how: Callable[[Send], Send]) -> None:
    """The connection sends in another way than its own."""
    vars(connection)["send"] = how(connection.send)


def losing(lost: bytes) -> Callable[[Send], Send]:
    """What goes to addresses that hold `lost` never arrives."""

    def how(send: Send) -> Send:
        return lambda raw, reference: None if lost in raw.partition(b"Subject:")[0] else send(raw, reference)

    return how


def checked(
    sandbox: Sandbox,
    protocol: str,
    *others: str,
    lost: bytes = b"\0",
    secret: str = "",
    settings: ExchangeSettings | None = None,
    **more: object,
) -> dict[str, Check]:
    connection = connected(sandbox, settings or settings_for(sandbox, protocol, **more), secret)
    sends(connection, losing(lost))
    found = {check.key: check for check in connection.check(others)}
    connection.close()
    for check in found.values():
        assert check.ok or (check.cause and check.cure)
        assert not check.ok or check.found
        assert check.ok or not check.warning
        assert not check.warning or (check.cause and check.cure and check.command)
        assert sandbox.client_secret not in repr(check)
    return found


def requests_about(address: str, work: Callable[[], object]) -> list[str]:
    """What is sent over HTTP meanwhile that names `address`."""
    sent: list[str] = []
    plain = requests.Session.send

    def spy(self: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
        sent.append(f"{request.method} {unquote(str(request.url))} {body}".strip())
        return plain(self, request, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", spy)
        work()
    return [text for text in sent if address in text]


# --- a mailbox as it should be ----------------------------------------------------------------------------


def test_a_good_mailbox_passes_every_step_and_nothing_is_left_behind(sandbox: Sandbox, protocol: str) -> None:
    sandbox.switches.access_policy = {BOX}
    found = checked(sandbox, protocol, ANN)
    assert list(found) == STEPS
    assert all(check.ok and not check.warning for check in found.values())
    roles = {"ews": "full_access_as_app", "graph": "Mail.ReadWrite, Mail.Send"}[protocol]
    assert f"roles: {roles}." in found["token"].found
    assert found["internal"].facts == {"auth_as": [["Internal"], ["Internal"]], "mechanisms": ["04"]}
    assert not sandbox.mails("approvals")
    assert not sandbox.mails("approvals", "sentitems")
    assert [folder["path"] for folder in sandbox.folders("approvals") if "/" in folder["path"]] == [
        "Placet/Processed",
        "Placet/Set aside",
    ]


def test_without_plus_addressing_no_plus_address_is_tried(sandbox: Sandbox, protocol: str) -> None:
    found = checked(sandbox, protocol, plus_addressing=False)
    assert list(found) == [step for step in STEPS if step != "plus"]


def test_the_check_finds_its_mails_where_a_running_worker_moved_them(sandbox: Sandbox, protocol: str) -> None:
    def how(send: Send) -> Send:
        def send_and_move(raw: bytes, reference: str) -> None:
            send(raw, reference)
            for arrived in sandbox.mails("approvals"):
                sandbox.move("approvals", arrived.id, "Placet/Processed")

        return send_and_move

    connection = connected(sandbox, settings_for(sandbox, protocol))
    sends(connection, how)
    assert all(check.ok for check in connection.check())
    assert not sandbox.mails("approvals", "Placet/Processed")


def test_a_check_that_nobody_waits_for_any_more_leaves_nothing_in_the_mailbox(
    sandbox: Sandbox, protocol: str
) -> None:
    connection = connected(sandbox, settings_for(sandbox, protocol))
    checks = connection.check()
    assert list(connection.steps()) == STEPS
    while next(checks).key != "send":
        pass
    assert sandbox.mails("approvals")
    checks.close()
    assert not sandbox.mails("approvals")
    assert not sandbox.mails("approvals", "sentitems")


# --- on the way to the mailbox ----------------------------------------------------------------------------


def test_a_mailbox_that_cannot_be_reached_is_said_in_words(
    sandbox: Sandbox, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "private_targets", lambda: ["127.0.0.1"])
    found = checked(sandbox, protocol, server_address="127.0.0.1:9")
    assert list(found) == ["name", "tls"]
    assert "refused the connection" in found["tls"].cause


def test_a_wrong_secret_ends_the_check_at_the_token(sandbox: Sandbox, protocol: str) -> None:
    found = checked(sandbox, protocol, secret="wrong")
    assert list(found) == ["name", "tls", "token"]
    assert "secret is wrong" in found["token"].cause
    facts = found["token"].facts
    assert facts is not None
    assert facts["code"] == "AADSTS7000215"


def test_a_token_for_the_other_way_is_said_with_the_scope_of_this_one(
    sandbox: Sandbox, protocol: str
) -> None:
    scopes = {
        "ews": "https://outlook.office365.com/.default",
        "graph": "https://graph.microsoft.com/.default",
    }
    other = scopes["ews" if protocol == "graph" else "graph"]
    settings = replace(settings_for(sandbox, protocol), scope=other)
    found = checked(sandbox, protocol, settings=settings)
    assert list(found)[-1] == "token"
    assert f"but the mailbox is connected through {NAMES[protocol]}" in found["token"].cause
    assert scopes[protocol] in found["token"].cure


NAMES = {"ews": "Office 365 Exchange Online", "graph": "Microsoft Graph"}


def test_a_consent_given_just_now_counts_although_an_older_token_lives(
    sandbox: Sandbox, protocol: str
) -> None:
    cache = TokenCache()
    consent(sandbox, given=False)
    assert [check.ok for check in connected(sandbox, settings_for(sandbox, protocol), cache=cache).check()][
        -1:
    ] == [False]
    consent(sandbox, given=True)
    connection = connected(sandbox, settings_for(sandbox, protocol), cache=cache)
    steps = {check.key: check for check in connection.check()}
    assert "none tenant-wide" not in steps["token"].found
    assert steps["open"].ok


def consent(sandbox: Sandbox, *, given: bool) -> None:
    sandbox.switches.consented = given
    sandbox.switches.graph_roles = {"Mail.ReadWrite", "Mail.Send"} if given else set()


# --- permissions ------------------------------------------------------------------------------------------


def test_a_missing_role_is_an_error_only_if_the_mailbox_does_not_open(
    sandbox: Sandbox, protocol: str
) -> None:
    consent(sandbox, given=False)
    found = checked(sandbox, protocol)
    assert found["token"].ok
    assert "none tenant-wide; this is right if you use RBAC for Applications" in found["token"].found
    assert not found["open"].ok
    assert {"ews": "carries no role", "graph": "nobody has consented"}[protocol] in found["open"].cause
    assert list(found)[-1] == "open"
    sandbox.switches.rbac = {BOX}
    assert all(check.ok for check in checked(sandbox, protocol).values())


def test_a_scope_of_rbac_that_leaves_the_mailbox_out_is_named_with_commands(
    sandbox: Sandbox, protocol: str
) -> None:
    consent(sandbox, given=False)
    sandbox.switches.rbac = {ANN}
    found = checked(sandbox, protocol)
    assert list(found)[-1] == "open"
    command = found["open"].command
    assert "Test-ServicePrincipalAuthorization" in command
    assert "New-ManagementRoleAssignment" in command
    assert sandbox.client_id in command
    assert sandbox.tenant.service_principal_id in command
    assert app_access.OBJECT_ID not in command


@pytest.mark.parametrize(
    ("there", "missing", "step"),
    [("Mail.Send", "Mail.ReadWrite", "open"), ("Mail.ReadWrite", "Mail.Send", "send")],
)
def test_the_one_role_that_is_missing_is_named_where_it_is_needed(
    sandbox: Sandbox, there: str, missing: str, step: str
) -> None:
    sandbox.switches.graph_roles = {there}
    found = checked(sandbox, "graph")
    assert f"Not among them: {missing}; this is right only if RBAC" in found["token"].found
    failed = next(check for check in found.values() if not check.ok)
    assert failed.key == step
    assert f"The token does not carry the role {missing}." in failed.cause
    assert "Grant admin consent" in failed.cure
    assert f"add {missing} (Microsoft Graph, application permission)" in failed.cure
    assert (
        f"New-ManagementRoleAssignment -App '{sandbox.client_id}' -Role 'Application {missing}'"
        in failed.command
    )
    assert sandbox.tenant.service_principal_id in failed.command
    sandbox.switches.rbac, sandbox.switches.rbac_roles = {BOX}, {missing}
    assert all(check.ok for check in checked(sandbox, "graph").values())


def test_reading_alone_is_found_out_at_the_folders(sandbox: Sandbox) -> None:
    sandbox.switches.graph_roles = {"Mail.Read", "Mail.Send"}
    found = checked(sandbox, "graph")
    assert list(found)[-1] == "folders"
    assert "does not carry the role Mail.ReadWrite" in found["folders"].cause


def test_a_mailbox_that_is_not_there_is_said(sandbox: Sandbox, protocol: str) -> None:
    found = checked(sandbox, protocol, username="nobody@contoso.example")
    assert list(found)[-1] == "open"
    assert "Username" in found["open"].cause
    assert "role" not in found["open"].cause


def test_a_mailbox_without_a_licence_is_said(sandbox: Sandbox, protocol: str) -> None:
    sandbox.switches.unlicensed = {BOX}
    found = checked(sandbox, protocol)
    assert list(found)[-1] == "open"
    assert "licence" in found["open"].cause + found["open"].cure


def test_an_access_policy_that_leaves_the_mailbox_out_is_said(sandbox: Sandbox, protocol: str) -> None:
    sandbox.switches.access_policy = {ANN}
    found = checked(sandbox, protocol)
    assert list(found)[-1] == "open"
    if protocol == "graph":
        assert "ApplicationAccessPolicy" in found["open"].cause + found["open"].cure + found["open"].command


def test_blocked_ews_gives_the_commands_for_the_administrator(sandbox: Sandbox) -> None:
    sandbox.switches.ews_blocked = True
    found = checked(sandbox, "ews")
    assert "EwsAllowedAppIDs" in found["open"].command
    assert sandbox.client_id in found["open"].command


# --- too much permission ----------------------------------------------------------------------------------


def test_a_mailbox_of_somebody_else_that_opens_is_a_warning_with_the_commands_that_close_it(
    sandbox: Sandbox, protocol: str
) -> None:
    found = checked(sandbox, protocol, ANN)
    limits = found["limits"]
    assert (limits.ok, limits.warning) == (True, True)
    assert f"The mailbox of {ANN} opened. Nothing in it was read." in limits.found
    assert all(found[key].ok and not found[key].warning for key in STEPS if key != "limits")
    object_id = sandbox.tenant.service_principal_id
    assert f"New-ServicePrincipal -AppId '{sandbox.client_id}' -ObjectId '{object_id}'" in limits.command
    assert f"PrimarySmtpAddress -eq '{BOX}'" in limits.command
    roles = {"ews": ["EWS.AccessAsApp"], "graph": ["Mail.ReadWrite", "Mail.Send"]}[protocol]
    assert re.findall(r"-Role 'Application (\S+)'", limits.command) == roles
    assert f"-Resource '{ANN}' | Format-Table" in limits.command
    wide = {"ews": "'full_access_as_app'", "graph": "'Mail.ReadWrite', 'Mail.Send'"}[protocol]
    assert f"Where-Object Value -in {wide}" in limits.command
    assert f"Remove-MgServicePrincipalAppRoleAssignment -ServicePrincipalId '{object_id}'" in limits.command
    assert limits.facts == {"opened": ANN, "roles": wide.replace("'", "").split(", ")}


def test_as_little_as_possible_is_asked_of_the_mailbox_of_somebody_else(
    sandbox: Sandbox, protocol: str
) -> None:
    sandbox.send_as("approvals", to=ANN, subject="private", text="private")
    before = [(mail.id, mail.is_read) for mail in sandbox.mails("ann")]
    asked = requests_about(ANN, lambda: checked(sandbox, protocol, ANN))
    assert len(asked) == 1
    if protocol == "graph":
        assert re.search(r"/mailFolders/inbox\?\$select=id$", asked[0])
    else:
        assert "GetFolder" in asked[0] and "IdOnly" in asked[0] and 'Id="inbox"' in asked[0]
    assert [(mail.id, mail.is_read) for mail in sandbox.mails("ann")] == before


@pytest.mark.parametrize("by", ["rbac", "policy"])
def test_mailboxes_that_stay_closed_are_named(sandbox: Sandbox, protocol: str, by: str) -> None:
    sandbox.add_mailbox("eve", "Eve")
    if by == "rbac":
        consent(sandbox, given=False)
        sandbox.switches.rbac = {BOX}
    else:
        sandbox.switches.access_policy = {BOX}
    limits = checked(sandbox, protocol, ANN, "eve@contoso.example")["limits"]
    assert (limits.ok, limits.warning, limits.command) == (True, False, "")
    assert limits.found == f"The application cannot open {ANN}, eve@contoso.example."


def test_a_role_of_rbac_that_reaches_too_far_is_told_from_a_consent(sandbox: Sandbox, protocol: str) -> None:
    consent(sandbox, given=False)
    sandbox.switches.rbac = {BOX, ANN}
    limits = checked(sandbox, protocol, ANN)["limits"]
    assert limits.warning
    assert "a role in Exchange (RBAC for Applications) reaches too far" in limits.cure
    assert f"-Resource '{ANN}' | Format-Table" in limits.command
    assert "Remove-" not in limits.command


def test_where_nobody_can_be_tried_it_is_said_how_to_try(sandbox: Sandbox, protocol: str) -> None:
    consent(sandbox, given=False)
    sandbox.switches.rbac = {BOX}
    for others in ((), ("nobody@contoso.example",)):
        limits = checked(sandbox, protocol, *others)["limits"]
        assert (limits.ok, limits.warning) == (True, False)
        assert ("Not tried" in limits.found, "Could not be tried" in limits.found) == (
            not others,
            bool(others),
        )
        assert f"Test-ServicePrincipalAuthorization -Identity '{sandbox.client_id}'" in limits.command


def test_a_token_for_the_whole_organisation_is_a_warning_though_nobody_can_be_tried(
    sandbox: Sandbox, protocol: str
) -> None:
    for others in ((), ("nobody@contoso.example",)):
        limits = checked(sandbox, protocol, *others)["limits"]
        assert (limits.ok, limits.warning) == (True, True)
        assert "tried" in limits.found
        assert {"ews": "(full_access_as_app)", "graph": "(Mail.ReadWrite, Mail.Send)"}[
            protocol
        ] in limits.cause
        assert "Remove-MgServicePrincipalAppRoleAssignment" in limits.command


@pytest.mark.parametrize(
    ("cloud", "exchange", "graph"),
    [
        ("gcc_high", "O365USGovGCCHigh", "USGov"),
        ("dod", "O365USGovDoD", "USGovDoD"),
        ("china", "O365China", "China"),
    ],
)
def test_commands_sign_in_to_the_cloud_of_the_mailbox(cloud: str, exchange: str, graph: str) -> None:
    commands = f"{app_access.CONNECT}\n{app_access.take_away(app_access.GRAPH, 'object', ['Mail.Send'])}"
    assert app_access.in_cloud(commands, "worldwide") == app_access.in_cloud(commands, "own") == commands
    signed_in = app_access.in_cloud(commands, cloud).splitlines()
    assert signed_in[0] == f"Connect-ExchangeOnline -ExchangeEnvironmentName {exchange}"
    assert signed_in[1].startswith(f"Connect-MgGraph -Environment {graph} -Scopes ")


def test_every_command_of_the_check_signs_in_to_the_cloud_of_the_mailbox(
    sandbox: Sandbox, protocol: str
) -> None:
    settings = replace(settings_for(sandbox, protocol), cloud="gcc_high")
    signs_in = "Connect-ExchangeOnline -ExchangeEnvironmentName O365USGovGCCHigh"
    assert checked(sandbox, protocol, ANN, settings=settings)["limits"].command.startswith(signs_in)
    consent(sandbox, given=False)
    assert checked(sandbox, protocol, settings=settings)["open"].command.startswith(signs_in)


def test_no_more_than_three_are_tried_and_none_after_one_opened(sandbox: Sandbox, protocol: str) -> None:
    people = [f"nobody{number}@contoso.example" for number in range(3)]
    assert "ann@" not in checked(sandbox, protocol, *people, ANN)["limits"].found
    sandbox.add_mailbox("eve", "Eve")
    assert not requests_about("eve@", lambda: checked(sandbox, protocol, ANN, "eve@contoso.example"))


def test_addresses_in_commands_are_text_whatever_they_hold(sandbox: Sandbox) -> None:
    sandbox.add_mailbox("o'neil", "O'Neil")
    command = checked(sandbox, "ews", "o'neil@contoso.example")["limits"].command
    assert '-Resource "o\'neil@contoso.example" |' in command
    assert app_access.test("id", "$(x)'@contoso.example").count("'$(x)''@contoso.example'") == 1
    inside = app_access.give(app_access.GRAPH, "id", "object", "$x`o'neil@contoso.example")
    assert "'PrimarySmtpAddress -eq ''$x`o''''neil@contoso.example'''" in inside


# --- in the mailbox ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["inbox", "junkemail"])
def test_a_folder_that_mail_is_taken_from_is_refused_whatever_it_is_called(
    sandbox: Sandbox, protocol: str, folder: str
) -> None:
    sandbox.tenant.mailboxes[BOX].well_known[folder].name = "Posteingang"
    found = checked(sandbox, protocol, handled_folder="posteingang")
    assert list(found)[-1] == "folders"
    assert "takes mail from the folder “posteingang”" in found["folders"].cause


def test_an_address_that_replies_go_to_and_that_is_not_the_mailboxs_own_is_named_by_its_field(
    sandbox: Sandbox, protocol: str
) -> None:
    found = checked(sandbox, protocol, reply_to=ANN)
    assert found["send"].ok, "mail flows: that is not what is wrong"
    assert f"mail to {ANN} did not" in found["reply_to"].cause
    assert "Default reply-to address" in found["reply_to"].cause
    assert "Empty the field Default reply-to address" in found["reply_to"].cure
    assert "plus" not in found
    assert found["cleanup"].ok
    left, _plus = sandbox.mails("ann")
    text = " ".join(left.text.split())
    assert "you may delete it" in text
    assert "removed by itself" in text and f"arrives in the mailbox {BOX}" in text
    assert not sandbox.mails("approvals")


def test_another_address_of_the_mailbox_is_tried_beside_its_own(sandbox: Sandbox, protocol: str) -> None:
    sandbox.tenant.mailboxes["decisions@contoso.example"] = sandbox.tenant.mailboxes[BOX]
    found = checked(sandbox, protocol, reply_to="decisions@contoso.example")
    assert list(found) == [*STEPS[:7], "reply_to", *STEPS[7:]]
    assert all(check.ok for check in found.values())
    assert not sandbox.mails("approvals")


def test_a_lost_plus_address_says_how_to_go_on(sandbox: Sandbox, protocol: str) -> None:
    found = checked(sandbox, protocol, lost=b"+placet-check@")
    assert found["send"].ok
    assert not found["plus"].ok
    assert "DisablePlusAddressInRecipients $false" in found["plus"].command
    assert found["internal"].ok
    assert not sandbox.mails("approvals")


def test_mail_that_does_not_arrive_ends_the_check_after_a_minute(sandbox: Sandbox, protocol: str) -> None:
    found = checked(sandbox, protocol, lost=b"")
    assert "did not arrive within 60 seconds" in found["send"].cause
    assert list(found)[-2:] == ["send", "cleanup"]


def test_an_unconfirmed_mechanism_is_shown_with_the_command_that_confirms_it(
    sandbox: Sandbox, protocol: str
) -> None:
    found = checked(sandbox, protocol, confirmed_mechanisms=["0A"])
    assert not found["internal"].ok
    assert found["internal"].command == "placet mailbox set --confirm-mechanism 04"
    assert found["cleanup"].ok


def test_domains_that_exchange_marks_as_internal_too_are_offered(sandbox: Sandbox, protocol: str) -> None:
    """Such as the organisation's other domain; what only claims a mark, or has another mechanism, is not."""
    stamped = "X-MS-Exchange-Organization-AuthAs: {}\r\nX-MS-Exchange-Organization-AuthMechanism: {}\r\n"
    for sender, auth_as, mechanism in (
        ("ann@contoso-group.example", "Internal", "04"),
        ("bob@contoso-group.example", "Internal", "04"),
        ("ann@relay.example", "Internal", "10"),
        ("eve@evil.example", "Anonymous", "04"),
        ("eve@doubled.example", "Internal\r\nX-MS-Exchange-Organization-AuthAs: Internal", "04"),
        ("ann@contoso.example", "Internal", "04"),
    ):
        raw = (
            f"{stamped.format(auth_as, mechanism)}From: {sender}\r\nTo: {BOX}\r\nSubject: x\r\n\r\nHello\r\n"
        )
        sandbox.place("approvals", raw.encode())
    check = checked(sandbox, protocol)["internal"]
    assert check.ok and check.warning
    assert check.facts is not None
    assert check.facts["other_domains"] == ["contoso-group.example"]
    assert (
        check.command
        == f'placet mailbox set --mailbox {BOX} --own-domains "contoso.example, contoso-group.example"'
    )
    accepted = checked(sandbox, protocol, own_domains="contoso.example, contoso-group.example")["internal"]
    assert accepted.ok and not accepted.warning


def test_a_mechanism_that_never_proves_is_not_offered(
    sandbox: Sandbox, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_connector = partialmethod(delivery.Post._stamp_internal, mechanism="10")
    monkeypatch.setattr(delivery.Post, "_stamp_internal", by_connector)
    found = checked(sandbox, protocol, confirmed_mechanisms=["04", "10"])
    assert not found["internal"].ok
    assert "although nobody signed in to send it (10)" in found["internal"].cause
    assert found["internal"].command == ""


def test_a_confirmed_mechanism_that_does_not_count_is_shown(sandbox: Sandbox, protocol: str) -> None:
    found = checked(sandbox, protocol, confirmed_mechanisms=["04", "10"])
    assert found["internal"].ok
    assert found["internal"].found.endswith("Confirmed, but not counted: 10 proves nobody.")


def test_a_busy_server_is_said_at_the_step_where_it_was_busy(sandbox: Sandbox, protocol: str) -> None:
    sandbox.faults.set("throttled", retry_after="2.5")
    found = checked(sandbox, protocol)
    assert list(found)[-1] == "open"
    assert {"ews": "Exchange is busy", "graph": "slows this mailbox down"}[protocol] in found["open"].cause
