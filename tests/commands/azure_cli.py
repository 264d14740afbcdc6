"""As much of Azure CLI (`az`) as the script of `placet entra` calls, on a directory that is a JSON file. Its queries
are JMESPath as with the real one. `serving` answers the small program that a script calls: a Python of its own for each
of hundreds of calls was nearly all that their tests took."""

import json
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jmespath

TENANT = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
GRAPH, EXCHANGE = "00000003-0000-0000-c000-000000000000", "00000002-0000-0ff1-ce00-000000000000"
SECRET = "Q8x~made-by-the-directory"


def _role(number: int, value: str, kind: str = "Application") -> dict[str, Any]:
    return {"id": f"{number:08d}-1111-4111-8111-111111111111", "value": value, "allowedMemberTypes": [kind]}


def new_directory() -> dict[str, Any]:
    """Two services and no application. `Mail.Send` is also a role for users, which must not be taken for it."""
    of_graph = [_role(1, "Mail.Send", "User"), _role(2, "Mail.Send"), _role(3, "Mail.ReadWrite")]
    of_graph += [_role(4, "Mail.Read"), _role(5, "User.Read.All")]
    return {
        "cloud": "AzureCloud",
        "account": None,
        "applications": [],
        "services": {
            GRAPH: {"id": "graph-service", "appRoles": of_graph},
            EXCHANGE: {"id": "exchange-service", "appRoles": [_role(6, "full_access_as_app")]},
        },
        "principals": {},  # application → object ID
        "grants": [],
        "credentials": [],
        "may_consent": True,
        "calls": [],
    }


class Refused(Exception):
    """What az says on standard error; it ends with 1."""


def _options(words: list[str], folder: Path) -> dict[str, str]:
    options = {}
    for at, word in enumerate(words):
        if word.startswith("--"):
            value = words[at + 1] if at + 1 < len(words) else ""
            options[word] = (folder / value[1:]).read_text() if value.startswith("@") else value
    return options


def _in_filter(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"(\w+) eq '((?:[^']|'')*)'", text)
    if found is None:
        raise Refused(f"Invalid filter clause: {text}")
    return found[1], found[2].replace("''", "'")


def _answer(state: dict[str, Any], words: list[str], options: dict[str, str]) -> Any:
    command = " ".join(word for word in words[: _first_option(words)])
    if command == "rest":
        return _rest(state, options)
    return _COMMANDS[command](state, options)


def _first_option(words: list[str]) -> int:
    return next((at for at, word in enumerate(words) if word.startswith("--")), len(words))


def _account(state: dict[str, Any], options: dict[str, str]) -> Any:
    if state["account"] is None:
        raise Refused("Please run 'az login' to setup account.")
    return state["account"]


def _login(state: dict[str, Any], options: dict[str, str]) -> Any:
    state["account"] = {"tenantId": TENANT, "asked": options.get("--tenant", "")}
    return [state["account"]]


def _cloud_set(state: dict[str, Any], options: dict[str, str]) -> None:
    state["cloud"] = options["--name"]


def _app_list(state: dict[str, Any], options: dict[str, str]) -> Any:
    name, value = _in_filter(options["--filter"])
    return [app for app in state["applications"] if app[name] == value]


def _app_create(state: dict[str, Any], options: dict[str, str]) -> Any:
    number = len(state["applications"])
    app = {
        "appId": f"535fb089-9ff3-47b6-9bfb-{number:012d}",
        "displayName": options["--display-name"],
        "signInAudience": options["--sign-in-audience"],
        "requiredResourceAccess": [],
        "keyCredentials": [],
    }
    state["applications"].append(app)
    return app


def _app(state: dict[str, Any], client_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(app for app in state["applications"] if app["appId"] == client_id)
    return found


def _sp_list(state: dict[str, Any], options: dict[str, str]) -> Any:
    _name, client_id = _in_filter(options["--filter"])
    object_id = state["principals"].get(client_id)
    return [{"id": object_id, "appId": client_id}] if object_id else []


def _sp_create(state: dict[str, Any], options: dict[str, str]) -> Any:
    state["principals"][options["--id"]] = f"principal-of-{options['--id'][-2:]}"
    return {"id": state["principals"][options["--id"]]}


def _permission_add(state: dict[str, Any], options: dict[str, str]) -> None:
    role, _, kind = options["--api-permissions"].partition("=")
    access = {"resourceAppId": options["--api"], "resourceAccess": [{"id": role, "type": kind}]}
    _app(state, options["--id"])["requiredResourceAccess"].append(access)


def _permission_delete(state: dict[str, Any], options: dict[str, str]) -> None:
    app = _app(state, options["--id"])
    for access in app["requiredResourceAccess"]:
        if access["resourceAppId"] == options["--api"]:
            access["resourceAccess"] = [
                each for each in access["resourceAccess"] if each["id"] != options["--api-permissions"]
            ]


def _credential(state: dict[str, Any], options: dict[str, str]) -> Any:
    state["credentials"].append(options)
    if (
        "--cert" in options
    ):  # like the real one, it takes the same certificate again and again (azure-cli 32933)
        key = "".join(options["--cert"].split("-----")[2].split())
        _app(state, options["--id"])["keyCredentials"].append({"key": key})
    return {} if "--cert" in options else {"appId": options["--id"], "password": SECRET}


def _rest(state: dict[str, Any], options: dict[str, str]) -> Any:
    one = re.fullmatch(
        r"https://\S+/v1\.0/applications\(appId='([\w-]+)'\)\?\$select=id,keyCredentials", options["--url"]
    )
    if one is not None:
        return {"keyCredentials": _app(state, one[1])["keyCredentials"]}
    found = re.fullmatch(
        r"https://(\S+)/v1\.0/servicePrincipals/([\w-]+)/appRoleAssignments(?:/([\w.-]+))?", options["--url"]
    )
    if found is None:
        raise Refused("Not found")
    if options["--method"] == "GET":
        return {"value": [grant for grant in state["grants"] if grant["principalId"] == found[2]]}
    if not state["may_consent"]:
        raise Refused("Forbidden: Insufficient privileges to complete the operation.")
    if options["--method"] == "POST":
        state["grants"].append({**json.loads(options["--body"]), "id": f"grant-{len(state['grants'])}"})
    else:
        state["grants"] = [grant for grant in state["grants"] if grant["id"] != found[3]]
    return None


_COMMANDS = {
    "cloud show": lambda state, options: {"name": state["cloud"]},
    "cloud set": _cloud_set,
    "account show": _account,
    "login": _login,
    "ad app list": _app_list,
    "ad app create": _app_create,
    "ad sp list": _sp_list,
    "ad sp create": _sp_create,
    "ad sp show": lambda state, options: state["services"][options["--id"]],
    "ad app permission list": lambda state, options: _app(state, options["--id"])["requiredResourceAccess"],
    "ad app permission add": _permission_add,
    "ad app permission delete": _permission_delete,
    "ad app credential reset": _credential,
}


def _tsv(value: Any) -> str:
    if isinstance(value, list):
        return "".join("\t".join(map(str, row if isinstance(row, list) else [row])) + "\n" for row in value)
    return "" if value is None else f"{value}\n"


@dataclass(frozen=True)
class Ended:
    """How a call of az ended, and what it wrote."""

    code: int
    out: str = ""
    error: str = ""


def called(words: list[str], directory: Path, folder: Path) -> Ended:
    """`az WORDS…`. `folder`: the one that it is called in."""
    state = json.loads(directory.read_text())
    state["calls"].append(words)
    try:
        options = _options(words, folder)
        answer = _answer(state, words, options)
    except Refused as refusal:
        return Ended(1, error=f"ERROR: {refusal}\n")
    finally:
        directory.write_text(json.dumps(state))
    if options.get("--query"):
        answer = jmespath.search(options["--query"], answer)
    if options.get("--output") == "tsv":
        return Ended(0, _tsv(answer))
    return Ended(0, "" if options.get("--output") == "none" else json.dumps(answer) + "\n")


#: Sends its folder and words, each ended by a NUL, which none of them can hold; its answer comes in the same way. An
#: answer that does not come fails the call, as a program does that is broken.
_PROGRAM = r"""#!/usr/bin/env bash
exec 3<>/dev/tcp/127.0.0.1/PORT
printf '%s\0' "$#" "$PWD" "$@" >&3
IFS= read -r -d '' code <&3 && IFS= read -r -d '' out <&3 && IFS= read -r -d '' error <&3 || exit 70
printf %s "$out"
printf %s "$error" >&2
exit "$code"
"""


class _Call(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        count, folder = int(self._text()), Path(self._text())
        words = [self._text() for _ in range(count)]
        assert isinstance(self.server, _Server)
        ended = called(words, self.server.directory, folder)
        self.wfile.write(f"{ended.code}\0{ended.out}\0{ended.error}\0".encode())

    def _text(self) -> str:
        text = bytearray()
        while (one := self.rfile.read(1)) not in (b"\0", b""):
            text += one
        return text.decode()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.directory = directory


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """The text of a program `az` that works on this directory, while it does."""
    with _Server(directory) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield _PROGRAM.replace("PORT", str(server.server_address[1]))
        finally:
            server.shutdown()
            thread.join()
