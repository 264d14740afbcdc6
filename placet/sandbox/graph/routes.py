"""Which address and method is which call, and what the caller must be allowed to.

The names of the calls are those by which faults and counters know them.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

from placet.sandbox.graph import errors

PREFIX = "/v1.0/"
READ, WRITE, SEND = "Mail.Read", "Mail.ReadWrite", "Mail.Send"


@dataclass(frozen=True)
class Route:
    method: str
    pattern: str
    name: str
    does: str
    """The method of `Calls`, or of `Subscriptions` for an address without a user."""
    needs: str = READ
    """The application permission that opens it."""


_IN_FOLDER = "users/{user}/mailFolders/{folder}/messages"
_MESSAGE = "users/{user}/messages/{message}"
_BOTH = (_MESSAGE, f"{_IN_FOLDER}/{{message}}")
ROUTES = (
    Route("GET", "users/{user}/mailFolders", "graph_folders", "folders"),
    Route("POST", "users/{user}/mailFolders", "graph_create_folder", "create_folder", WRITE),
    Route("GET", "users/{user}/mailFolders/{folder}", "graph_folder", "folder"),
    Route("GET", "users/{user}/mailFolders/{folder}/childFolders", "graph_folders", "folders"),
    Route(
        "POST",
        "users/{user}/mailFolders/{folder}/childFolders",
        "graph_create_folder",
        "create_folder",
        WRITE,
    ),
    Route("GET", f"{_IN_FOLDER}/delta", "graph_delta", "changes"),
    Route("GET", _IN_FOLDER, "graph_messages", "messages"),
    Route("GET", "users/{user}/messages", "graph_messages", "messages"),
    Route("POST", "users/{user}/messages", "graph_draft", "draft", WRITE),
    Route("POST", _IN_FOLDER, "graph_draft", "draft", WRITE),
    *(Route("GET", path, "graph_message", "message") for path in _BOTH),
    *(Route("GET", f"{path}/$value", "graph_value", "value") for path in _BOTH),
    *(Route("PATCH", path, "graph_patch", "patch", WRITE) for path in _BOTH),
    *(Route("POST", f"{path}/move", "graph_move", "move", WRITE) for path in _BOTH),
    *(Route("DELETE", path, "graph_delete", "delete", WRITE) for path in _BOTH),
    Route("POST", f"{_MESSAGE}/createReply", "graph_draft", "create_reply", WRITE),
    Route("POST", f"{_MESSAGE}/send", "graph_send", "send_draft", SEND),
    Route("POST", "users/{user}/sendMail", "graph_send", "send_mail", SEND),
    Route("POST", "users/{user}/translateExchangeIds", "graph_translate", "translate"),
    Route("GET", "subscriptions", "graph_subscription", "list"),
    Route("POST", "subscriptions", "graph_subscribe", "create"),
    Route("GET", "subscriptions/{subscription}", "graph_subscription", "get"),
    Route("PATCH", "subscriptions/{subscription}", "graph_subscription", "renew"),
    Route("DELETE", "subscriptions/{subscription}", "graph_unsubscribe", "delete"),
    Route("POST", "subscriptions/{subscription}/reauthorize", "graph_subscription", "reauthorize"),
    Route("POST", "$batch", "graph_batch", "batch"),
)
CALLS = frozenset(route.name for route in ROUTES)
_DIRECTORY = frozenset({"users", "groups", "organization", "domains", "applications", "serviceprincipals"})
_KEY = re.compile(r"(?P<set>[A-Za-z]+)\('(?P<key>.*)'\)")


@dataclass(frozen=True)
class Target:
    route: Route
    names: Mapping[str, str]


def find(method: str, raw_path: str) -> Target:
    """The call at this address. Raises GraphError."""
    segments = _segments(raw_path)
    allowed = False
    for route in ROUTES:
        names = _match(route.pattern.split("/"), segments)
        if names is not None:
            allowed = True
            if route.method == method:
                return Target(route, names)
    raise errors.wrong_method() if allowed else _nothing_at(segments)


def _segments(raw_path: str) -> list[str]:
    found: list[str] = []
    for raw in raw_path[len(PREFIX) :].strip("/").split("/"):
        segment = urllib.parse.unquote(raw)
        if key := _KEY.fullmatch(segment):
            found += [key["set"], key["key"].replace("''", "'")]
        else:
            found.append(segment.removeprefix("microsoft.graph.").removesuffix("()"))
    return found


def _match(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    names: dict[str, str] = {}
    for wanted, segment in zip(pattern, segments, strict=True):
        if wanted.startswith("{"):
            names[wanted[1:-1]] = segment
        elif wanted.lower() != segment.lower():
            return None
    return names


def _nothing_at(segments: list[str]) -> errors.GraphError:
    first = segments[0].lower()
    if first == "me":
        return errors.bad_request("/me request is only valid with delegated authentication flow.")
    if first in _DIRECTORY and len(segments) <= 2:
        return errors.no_privileges()
    return errors.no_segment(segments[-1])
