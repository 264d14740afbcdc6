"""`placet entra`: what it asks, and its scripts: parsed by grammars that we did not write, the one for bash also run,
on a small `az`; what they print at the end is what `placet mailbox set` takes."""

import dataclasses
import json
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from placet.mailboxes.microsoft import app_access
from placet.mailboxes.microsoft.commands.entra_script import exchange, powershell, shell
from placet.mailboxes.microsoft.commands.entra_script.answers import Answers, in_powershell
from placet.mailboxes.models import Mailbox
from tests.commands import azure_cli
from tests.commands.conftest import Run

# What runs the scripts, bash, az and PowerShell, is no Python and knows no database.
pytestmark = [pytest.mark.long, pytest.mark.any_database]

BIN = Path(sys.executable).parent
MAILBOX = "approvals@contoso.com"
OTHER = "ceo@contoso.com"
TODAY = date(2026, 11, 26)
EVERY = [
    Answers(MAILBOX, protocol=protocol, cloud=cloud, limit=limit, credential=credential, tenant=tenant,
            other_mailbox=other, certificate="placet.pem", today=TODAY)
    for protocol in ("graph", "ews") for limit in (True, False) for credential in ("secret", "certificate", "keep")
    for cloud, tenant, other in [("worldwide", "", ""), ("china", azure_cli.TENANT, OTHER)]
]  # fmt: skip
HOSTILE = [
    "Placet o'brien",
    "'; Remove-Mailbox approvals; '",
    "$(touch pwned)",
    "`touch pwned`",
    '"; touch pwned; "',
    "\\'; touch pwned; \\",
    "a'\"'\"'b",
    "POWERSHELL",
    "%s %n {text} {0}",
]
HOSTILE_MAILBOXES = [
    "o'brien@contoso.com",
    "$x`y{z}|&!#@contoso.com",
    "it''s$'a'@contoso.com",
]


def _answers(**changed: Any) -> Answers:
    return dataclasses.replace(Answers(MAILBOX, today=TODAY, certificate="placet.pem"), **changed)


# --- what the scripts are ----------------------------------------------------------------------------------


def _parsed(script: str) -> Node:
    root = Parser(Language(tree_sitter_powershell.language())).parse(script.encode()).root_node
    wrong = [node for node in _nodes(root) if node.type == "ERROR" or node.is_missing]
    assert not wrong, [(node.start_point, node.text) for node in wrong]
    return root


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _form(script: str) -> list[str]:
    """What a script consists of, whatever stands in its texts."""
    root = _parsed(script)
    return ["text" if "string" in node.type else node.type for node in _nodes(root) if not _in_text(node)]


def _in_text(node: Node) -> bool:
    at = node.parent
    while at is not None:
        if "string" in at.type and at.type != "string_literal":
            return True
        at = at.parent
    return False


def test_the_grammar_sees_what_is_wrong() -> None:
    for wrong in ("Get-X 'it's' }", "if ($a) { 'b'", "$a = @{ a = }", 'Write-Host "a'):
        with pytest.raises(AssertionError):
            _parsed(wrong)


@pytest.mark.parametrize("answers", EVERY, ids=lambda a: f"{a.protocol}-{a.limit}-{a.credential}-{a.cloud}")
def test_every_combination_is_a_powershell_script(answers: Answers) -> None:
    script = powershell.script(answers)
    _parsed(script)
    assert script.isascii()  # Windows PowerShell reads other files in the machine's old charset


@pytest.mark.parametrize("answers", EVERY, ids=lambda a: f"{a.protocol}-{a.limit}-{a.credential}-{a.cloud}")
def test_every_combination_is_a_bash_script(answers: Answers, tmp_path: Path) -> None:
    file = tmp_path / "script.sh"
    file.write_text(shell.script(answers))
    for program in (["bash", "-n"], [str(BIN / "shellcheck"), "--norc"]):
        checked = subprocess.run([*program, file], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    if exchange.needed(answers):
        _parsed(_exchange_part(shell.script(answers)))


def _exchange_part(script: str) -> str:
    (text,) = re.findall(r"<<'POWERSHELL'\n(.*?)^POWERSHELL$", script, re.DOTALL | re.MULTILINE)
    return str(text)


def test_both_forms_do_the_same_in_exchange() -> None:
    answers = _answers(protocol="ews", other_mailbox=OTHER)
    in_one = powershell.script(answers)
    for part in exchange.parts(answers):
        for line in filter(None, part.splitlines()):
            assert line in in_one
            assert line in shell.script(answers)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_changes_no_powershell(name: str) -> None:
    harmless = powershell.script(_answers())
    hostile = powershell.script(_answers(name=name, certificate=name, mailbox=MAILBOX))
    assert _form(hostile) == _form(harmless)


@pytest.mark.parametrize("mailbox", HOSTILE_MAILBOXES)
def test_a_hostile_mailbox_changes_no_powershell(mailbox: str) -> None:
    for protocol in ("graph", "ews"):
        harmless = powershell.script(_answers(protocol=protocol, other_mailbox=OTHER))
        assert _form(
            powershell.script(_answers(protocol=protocol, mailbox=mailbox, other_mailbox=mailbox))
        ) == _form(harmless)


@pytest.mark.parametrize("name", ["Genehmigungen für Zürich", "’; x; ‘", "Ё“$(x)”", "😀 Placet"])
def test_a_name_in_another_script_is_spelled_out_for_powershell(name: str) -> None:
    spelled = in_powershell(name)
    (codes,) = re.findall(r"^\(-join \[char\[\]\]\(([0-9,]+)\)\)$", spelled)
    units = b"".join(int(code).to_bytes(2, "big") for code in codes.split(","))
    assert units.decode("utf-16-be") == name
    _parsed(powershell.script(_answers(name=name)))


@pytest.mark.parametrize("text", [*HOSTILE, *HOSTILE_MAILBOXES, "Zürich ’x‘"])
def test_a_hostile_value_is_one_word_for_bash(text: str, tmp_path: Path) -> None:
    answers = _answers(mailbox=text, name=text, certificate=text, credential="certificate")
    script = shell.script(answers)
    values = script[script.index("# --- What was answered") : script.index("say() {")]
    told = subprocess.run(
        ["bash", "-c", values + '\nprintf "%s\\0" "$display_name" "$certificate" "$username_in_shell"'],
        cwd=tmp_path, capture_output=True, check=True,
    )  # fmt: skip
    name, certificate, username = told.stdout.decode().split("\0")[:3]
    assert (name, certificate) == (text, text)
    assert shlex.split(username) == [text]
    assert not list(tmp_path.iterdir())


def test_exchange_names_fit_into_what_exchange_takes() -> None:
    answers = _answers(mailbox=f"{'a' * 60}@contoso.com")
    longest = max(len(role.removeprefix("Application ")) for role in ("Application EWS.AccessAsApp",))
    assert len(f"{answers.scope_name} {'x' * longest} 535fb089") <= 64


def test_each_mailbox_has_a_scope_of_its_own_however_long_its_address_is() -> None:
    addresses = [f"approvals-of-the-purchasing-department-{which}@contoso.example" for which in "ab"]
    assert len({app_access.scope_name(address) for address in addresses}) == 2
    one, shouted = (app_access.scope_name(address) for address in (addresses[0], addresses[0].upper()))
    assert one.lower() == shouted.lower()
    assert app_access.scope_name("approvals@contoso.example") == "Placet approvals@contoso.example"


def test_ews_repeats_the_list_that_is_there() -> None:
    script = powershell.script(_answers(protocol="ews"))
    assert "(@($allowed) + $ClientId | Select-Object -Unique) -join ','" in script
    assert "Set-OrganizationConfig -EwsEnabled $true -EwsAllowedAppIDs $list" in script
    assert "EwsAllowedAppIDs" not in powershell.script(_answers(protocol="graph"))


@pytest.mark.parametrize(
    ("protocol", "roles", "service"),
    [
        ("graph", "'Application Mail.ReadWrite', 'Application Mail.Send'", azure_cli.GRAPH),
        ("ews", "'Application EWS.AccessAsApp'", azure_cli.EXCHANGE),
    ],
)
def test_each_way_has_its_roles(protocol: str, roles: str, service: str) -> None:
    script = powershell.script(_answers(protocol=protocol))
    assert f"$exchangeRoles = @({roles})" in script
    assert f"$service = '{service}'" in script


# --- the script for bash, run ------------------------------------------------------------------------------


class Azure:
    """A folder with `az`, `pwsh` and the directory that they work on."""

    def __init__(self, folder: Path, directory: Path, az: str) -> None:
        self.folder = folder
        self.directory = directory
        self.write(azure_cli.new_directory())
        self.programs = folder / "bin"
        self.programs.mkdir()
        self._program("az", az)
        self._program("sleep", "#!/bin/sh\n")
        self.has_powershell("exit 0")

    def _program(self, name: str, text: str) -> None:
        file = self.programs / name
        file.write_text(text)
        file.chmod(0o755)

    def has_powershell(self, then: str) -> None:
        keeping = 'printf "%s\\n" "$@" >pwsh.arguments; cp "$3" pwsh.ps1'
        self._program("pwsh", f"#!/bin/sh\n{keeping}; {then}\n")

    def read(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.directory.read_text())
        return state

    def write(self, state: dict[str, Any]) -> None:
        self.directory.write_text(json.dumps(state))

    def change(self, **changed: Any) -> None:
        self.write({**self.read(), **changed})

    def run(self, answers: Answers, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        script = self.folder / "script.sh"
        script.write_text(shell.script(answers))
        environment = {"PATH": f"{self.programs}:/usr/bin:/bin"}
        return subprocess.run(
            ["bash", script], cwd=self.folder, env=environment, input=stdin, capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip

    def registered(self, answers: Answers, *wide: str) -> str:
        """An application that is there already, with these permissions for the whole organisation."""
        state = self.read()
        app = {"appId": "535fb089-9ff3-47b6-9bfb-4f1264799865", "displayName": answers.name,
               "signInAudience": "AzureADMyOrg", "requiredResourceAccess": [], "keyCredentials": []}  # fmt: skip
        state["applications"].append(app)
        state["principals"][app["appId"]] = "principal"
        for service_id, service in state["services"].items():
            roles = [
                r
                for r in service["appRoles"]
                if r["value"] in wide and "Application" in r["allowedMemberTypes"]
            ]
            access = [{"id": role["id"], "type": "Role"} for role in roles]
            app["requiredResourceAccess"].append({"resourceAppId": service_id, "resourceAccess": access})  # type: ignore[attr-defined]
            state["grants"] += [
                {"id": f"wide-{role['value']}", "principalId": "principal", "resourceId": service["id"],
                 "appRoleId": role["id"]}
                for role in roles
            ]  # fmt: skip
        self.write(state)
        return str(app["appId"])


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    directory = tmp_path / "directory.json"
    with azure_cli.serving(directory) as az:
        yield Azure(tmp_path, directory, az)


def test_it_registers_an_application_that_has_no_right_to_the_whole_organisation(azure: Azure) -> None:
    ran = azure.run(_answers(other_mailbox=OTHER))
    assert ran.returncode == 0, ran.stderr
    state = azure.read()
    (app,) = state["applications"]
    assert (app["displayName"], app["signInAudience"]) == ("Placet", "AzureADMyOrg")
    assert not any("--web-redirect-uris" in call for call in state["calls"])
    assert app["requiredResourceAccess"] == []
    assert state["grants"] == []
    client_id = app["appId"]
    assert (azure.folder / "pwsh.arguments").read_text().split()[3:] == [
        "-ClientId", client_id, "-ObjectId", state["principals"][client_id],
    ]  # fmt: skip
    in_exchange = (azure.folder / "pwsh.ps1").read_text()
    assert "New-ManagementRoleAssignment" in in_exchange
    assert f"$otherMailbox = '{OTHER}'" in in_exchange
    (credential,) = state["credentials"]
    assert credential["--end-date"] == (TODAY + timedelta(days=180)).isoformat()
    assert "--append" in credential


@pytest.mark.parametrize("mailbox", [MAILBOX, *HOSTILE_MAILBOXES[:1]])
@pytest.mark.parametrize("protocol", ["graph", "ews"])
def test_its_last_line_is_what_placet_mailbox_set_takes(
    protocol: str, mailbox: str, azure: Azure, placet: Run
) -> None:
    ran = azure.run(_answers(protocol=protocol, cloud="gcc_high", mailbox=mailbox))
    (line,) = ran.stdout.splitlines()
    assert azure_cli.SECRET not in ran.stdout
    assert azure_cli.SECRET in ran.stderr  # its value, to be kept by whoever ran it
    program, *words = shlex.split(line)
    assert program == "placet"
    saved = placet(*words, stdin=f"{azure_cli.SECRET}\n")
    assert saved.code == 0, saved.error
    row = Mailbox.objects.get()
    assert row.settings["username"] == mailbox
    assert row.settings["client_id"] == azure.read()["applications"][0]["appId"]
    assert row.settings["token_uri"] == (
        f"https://login.microsoftonline.us/{azure_cli.TENANT}/oauth2/v2.0/token"
    )
    assert (row.settings["protocol"], row.settings["cloud"]) == (protocol, "gcc_high")
    assert row.secret_expires_on == TODAY + timedelta(days=180)
    assert row.secrets["client_secret"] == azure_cli.SECRET


def test_the_last_line_for_powershell_is_the_same(azure: Azure) -> None:
    answers = _answers(mailbox=HOSTILE_MAILBOXES[0])
    (line,) = azure.run(answers).stdout.splitlines()
    text = powershell.script(answers)
    written = "".join(re.findall(r'"([^"]*)"', text[text.index("Write-Output (") :]))
    values = {
        "$usernameInShell": shlex.quote(answers.mailbox),
        "$($application.appId)": azure.read()["applications"][0]["appId"],
        "$login": "https://login.microsoftonline.com",
        "$tenantId": azure_cli.TENANT,
        "$secretExpiresOn": answers.secret_expires_on.isoformat(),
    }
    for name, value in values.items():
        written = written.replace(name, value)
    assert written == line


def test_run_twice_it_registers_once(azure: Azure) -> None:
    first, second = azure.run(_answers()), azure.run(_answers(credential="keep"))
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(azure.read()["applications"]) == 1
    assert len(azure.read()["principals"]) == 1
    assert len(azure.read()["credentials"]) == 1
    assert "--secret-expires-on" not in second.stdout


def test_wide_permissions_are_taken_away_once_the_mailbox_is_reached(azure: Azure) -> None:
    answers = _answers(name="O'Brien's")
    azure.registered(answers, "Mail.ReadWrite", "Mail.Send", "User.Read.All")
    ran = azure.run(answers, "yes\n")
    assert "The application O'Brien's is there already: 535fb089" in ran.stderr
    assert ran.returncode == 0, ran.stderr
    state = azure.read()
    assert len(state["applications"]) == 1
    assert [grant["id"] for grant in state["grants"]] == ["wide-User.Read.All"]
    left = [each["id"] for access in state["applications"][0]["requiredResourceAccess"]
            for each in access["resourceAccess"]]  # fmt: skip
    assert left == [azure.read()["services"][azure_cli.GRAPH]["appRoles"][4]["id"]]
    assert "It still has" not in ran.stderr


@pytest.mark.parametrize("stdin", ["", "\n", "no\n"])
def test_an_application_in_use_keeps_its_permissions_until_somebody_says_yes(
    stdin: str, azure: Azure
) -> None:
    azure.registered(_answers(), "Mail.Send")
    ran = azure.run(_answers(), stdin)
    assert ran.returncode == 1
    assert "Nothing was taken away. Run this script again in 2 hours." in ran.stderr
    state = azure.read()
    assert [grant["id"] for grant in state["grants"]] == ["wide-Mail.Send"]
    listed = [
        each
        for access in state["applications"][0]["requiredResourceAccess"]
        for each in access["resourceAccess"]
    ]
    assert len(listed) == 1
    assert state["credentials"] == []
    assert (azure.folder / "pwsh.arguments").exists()  # the right to the one mailbox is there by then


def test_wide_permissions_of_the_other_way_are_named_and_left(azure: Azure) -> None:
    azure.registered(_answers(), "Mail.Send", "Mail.Read", "full_access_as_app")
    ran = azure.run(_answers(), "yes\n")
    assert "It still has Mail.Read for the whole organisation." in ran.stderr
    assert "It still has full_access_as_app for the whole organisation." in ran.stderr
    assert {grant["id"] for grant in azure.read()["grants"]} == {"wide-Mail.Read", "wide-full_access_as_app"}


def test_nothing_is_taken_away_where_exchange_did_not_end_well(azure: Azure) -> None:
    azure.registered(_answers(), "Mail.Send")
    azure.has_powershell("exit 1")
    ran = azure.run(_answers())
    assert ran.returncode == 1
    assert "The part in Exchange Online did not end well" in ran.stderr
    assert ran.stdout == ""
    assert [grant["id"] for grant in azure.read()["grants"]] == ["wide-Mail.Send"]
    assert azure.read()["credentials"] == []


@pytest.mark.parametrize(("stdin", "code"), [("\nyes\n", 0), ("", 1)])
def test_without_powershell_the_part_for_it_is_left_as_a_file(stdin: str, code: int, azure: Azure) -> None:
    azure.registered(_answers(), "Mail.Send")
    (azure.programs / "pwsh").unlink()
    ran = azure.run(_answers(), stdin)
    assert ran.returncode == code
    assert "pwsh -File placet-exchange.ps1 -ClientId 535fb089" in ran.stderr
    _parsed((azure.folder / "placet-exchange.ps1").read_text())
    assert bool(azure.read()["grants"]) == bool(code)  # taken away only once somebody said that it ended well


def test_not_limited_it_grants_both_permissions_once(azure: Azure) -> None:
    answers = _answers(limit=False)
    for _ in range(2):
        ran = azure.run(answers)
        assert ran.returncode == 0, ran.stderr
    state = azure.read()
    roles = state["services"][azure_cli.GRAPH]["appRoles"]
    wanted = [roles[2]["id"], roles[1]["id"]]  # Mail.ReadWrite and Mail.Send, of those for applications
    listed = [
        each
        for access in state["applications"][0]["requiredResourceAccess"]
        for each in access["resourceAccess"]
    ]
    assert listed == [{"id": role, "type": "Role"} for role in wanted]
    assert [grant["appRoleId"] for grant in state["grants"]] == wanted
    assert {grant["resourceId"] for grant in state["grants"]} == {"graph-service"}
    assert not (azure.folder / "pwsh.arguments").exists()


def test_who_may_not_consent_gets_the_link_for_somebody_who_may(azure: Azure) -> None:
    azure.change(may_consent=False)
    ran = azure.run(_answers(limit=False))
    assert ran.returncode == 0
    client_id = azure.read()["applications"][0]["appId"]
    assert (
        f"https://login.microsoftonline.com/{azure_cli.TENANT}/adminconsent?client_id={client_id}"
        in ran.stderr
    )


def test_of_several_applications_of_one_name_none_is_taken(azure: Azure) -> None:
    azure.registered(_answers())
    azure.registered(_answers())
    ran = azure.run(_answers())
    assert ran.returncode == 1
    assert "There are several applications named Placet." in ran.stderr
    assert azure.read()["credentials"] == []


def test_it_signs_in_to_the_tenant_and_the_cloud_that_were_named(azure: Azure) -> None:
    ran = azure.run(_answers(cloud="china", tenant="contoso.partner.onmschina.cn"))
    assert ran.returncode == 0, ran.stderr
    assert azure.read()["cloud"] == "AzureChinaCloud"
    assert azure.read()["account"]["asked"] == "contoso.partner.onmschina.cn"
    assert "--token-uri https://login.partner.microsoftonline.cn/" in ran.stdout
    assert any("https://microsoftgraph.chinacloudapi.cn/v1.0/" in word
               for call in azure.read()["calls"] for word in call)  # fmt: skip


def test_a_certificate_is_uploaded_and_a_private_key_is_not(azure: Azure) -> None:
    answers = _answers(credential="certificate")
    file = azure.folder / "placet.pem"
    file.write_text(
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n"
    )
    refused = azure.run(answers)
    assert (refused.returncode, azure.read()["credentials"]) == (1, [])
    assert "holds a private key" in refused.stderr
    file.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    ran = azure.run(answers)
    assert ran.returncode == 0, ran.stderr
    (credential,) = azure.read()["credentials"]
    assert credential["--cert"] == file.read_text()
    assert "--append" in credential
    assert "--secret-expires-on" not in ran.stdout
    assert azure.run(answers).returncode == 0
    assert len(azure.read()["credentials"]) == 1  # it is there already


# --- what it asks ------------------------------------------------------------------------------------------


def test_questions_are_asked_beside_the_script_and_again_where_an_answer_is_wrong(placet: Run) -> None:
    typed = ["perl", "cli", "", "moon", "", "approvals", MAILBOX, "", "", "", MAILBOX, "secret", "900", "90"]
    ran = placet("entra", stdin="\n".join(typed) + "\n")
    assert ran.code == 1  # the other mailbox is the same one
    assert ran.error.count("Cloud (worldwide, gcc_high, dod, china) [worldwide]: ") == 2
    assert "  Choose one of: powershell, cli.\n" in ran.error
    assert "  Enter one mail address, such as approvals@contoso.com.\n" in ran.error
    assert "  Enter a number of days from 1 to 730.\n" in ran.error
    assert ran.error.endswith("Name one that must stay closed to Placet.\n")
    typed[10] = OTHER
    ran = placet("entra", stdin="\n".join(typed) + "\n")
    assert ran.code == 0
    assert ran.out.startswith("#!/usr/bin/env bash\n")
    assert f"$otherMailbox = '{OTHER}'" in ran.out


def test_with_yes_only_the_mailbox_must_be_said(placet: Run) -> None:
    ran = placet("entra", "--yes", "--mailbox", MAILBOX)
    assert (ran.code, ran.error) == (0, "")
    assert "$service = '00000003-0000-0000-c000-000000000000'  # Microsoft Graph" in ran.out
    nobody = placet("entra", "--yes")
    assert (nobody.code, nobody.out) == (1, "")
    assert "--mailbox: There is no default. Say it." in nobody.error


def test_options_are_not_asked_for(placet: Run) -> None:
    ran = placet(
        "entra", "--for", "powershell", "--protocol", "graph", "--cloud", "gcc-high", "--mailbox", MAILBOX, "--tenant",
        "", "--name", "Approvals", "--limit", "no", "--credential", "keep",
    )  # fmt: skip
    assert (ran.code, ran.error) == (0, "")
    assert "$environment = 'USGov'" in ran.out
    assert "$displayName = 'Approvals'" in ran.out


def test_every_wrong_option_is_named_at_once(placet: Run) -> None:
    ran = placet(
        "entra", "--for", "perl", "--mailbox", "o@outlook.com", "--tenant", "common", "--name", "@/etc/passwd",
        "--limit", "perhaps", "--secret-days", "0", "--certificate", "x",
    )  # fmt: skip
    assert (ran.code, ran.out) == (1, "")
    lines = ran.error.splitlines()
    assert lines[0] == "No script was made:"
    named = [line.split(":")[0].strip() for line in lines[1:]]
    assert named == [
        "--for", "--mailbox", "--tenant", "--name", "--limit", "--secret-days", "--certificate",
    ]  # fmt: skip
    assert "mailboxes are personal" in ran.error


def test_nobody_to_ask_is_said(placet: Run) -> None:
    ran = placet("entra", stdin="")
    assert (ran.code, ran.out) == (1, "")
    assert "There was no answer. Give it with --for" in ran.error


def test_azure_cli_does_not_know_the_cloud_of_the_dod(placet: Run) -> None:
    ran = placet("entra", "--yes", "--for", "cli", "--cloud", "dod", "--mailbox", MAILBOX)
    assert (ran.code, ran.out) == (1, "")
    assert "Use --for powershell." in ran.error


def test_a_file_is_its_owners_and_is_not_replaced_unasked(placet: Run, tmp_path: Path) -> None:
    file = tmp_path / "script.ps1"
    words = ("entra", "--yes", "--mailbox", MAILBOX, "--output", str(file))
    written = placet(*words)
    assert (written.code, written.out) == (0, "")
    assert "It holds no secret." in written.error
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_text()
    again = placet(*words, "--name", "Other")
    assert (again.code, file.read_text()) == (1, before)
    assert "--force" in again.error
    assert placet(*words, "--name", "Other", "--force").code == 0
    assert "$displayName = 'Other'" in file.read_text()
    nowhere = placet(*words[:-1], str(tmp_path / "no" / "script.ps1"))
    assert nowhere.code == 1
    assert "cannot be written" in nowhere.error


def test_it_needs_no_installation(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    ran = subprocess.run(
        [BIN / "placet", "entra", "--yes", "--mailbox", MAILBOX],
        env={"PLACET_DATA_DIR": str(folder), "PATH": os.environ["PATH"]},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert not folder.exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [(("entra", "--yes", "--mailbox", MAILBOX), 0), (("--help",), 0), (("--version",), 0), (("conquer",), 2)],
)
def test_settings_that_are_wrong_hinder_nothing_that_needs_none(
    words: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    ran = subprocess.run(
        [BIN / "placet", *words],
        env={"PLACET_PUBLIC_URL": "nonsense", "PATH": os.environ["PATH"]},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, "PLACET_PUBLIC_URL" in ran.stderr) == (code, False), ran.stderr
