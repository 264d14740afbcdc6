"""The sandbox's Graph gives and takes what Microsoft's metadata names, which is not ours to ship."""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from placet.sandbox import Sandbox
from placet.sandbox.graph import schema
from placet.sandbox.graph.routes import ROUTES
from tests.acceptance.test_sandbox_schema import fill
from tests.sandbox import wire
from tests.sandbox.graph_wire import IMMUTABLE, VOTE, Graph
from tests.sandbox.test_graph_notifications import Receiver, receiver, subscribe

__all__ = ["receiver"]

METADATA = Path(__file__).parents[3] / "shared" / "facts" / "graph_mail_metadata.xml"
N = "{http://docs.oasis-open.org/odata/ns/edm}"
# Not in the extract of the metadata: an attachment of a message is one of several kinds, and these are Outlook's own.
ELSEWHERE = {"followupFlagStatus", "translateExchangeIds"}


@dataclass
class Metadata:
    """The properties of each type with their types, the members of each enumeration, the parameters of each action."""

    types: dict[str, dict[str, str]] = field(default_factory=dict)
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    actions: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def metadata() -> Metadata:
    root = etree.parse(str(METADATA)).getroot()
    read = Metadata()
    kinds = {
        str(kind.get("Name")): kind for kind in (*root.iter(f"{N}EntityType"), *root.iter(f"{N}ComplexType"))
    }
    for name, kind in kinds.items():
        read.types[name] = {}
        of: etree._Element | None = kind
        while of is not None:
            for one in (*of.iterfind(f"{N}Property"), *of.iterfind(f"{N}NavigationProperty")):
                read.types[name][str(one.get("Name"))] = str(one.get("Type"))
            of = kinds.get(str(of.get("BaseType")).removeprefix("graph."))
        if kind.get("OpenType") == "true":
            read.open.add(name)
    for enum in root.iter(f"{N}EnumType"):
        read.enums[str(enum.get("Name"))] = tuple(str(one.get("Name")) for one in enum.iterfind(f"{N}Member"))
    for action in (*root.iter(f"{N}Action"), *root.iter(f"{N}Function")):
        parameters = {str(one.get("Name")): str(one.get("Type")) for one in action.iterfind(f"{N}Parameter")}
        read.actions.setdefault(str(action.get("Name")), []).append(parameters)
    return read


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.add_mailbox("approvals", "Approvals")
        running.add_mailbox("ann", "Ann Approver")
        yield running


# -- what is written down --------------------------------------------------------------------------------------


def test_every_type_and_property_that_the_sandbox_knows_is_microsofts(metadata: Metadata) -> None:
    for name, properties in schema.TYPES.items():
        real = metadata.types["fileAttachment"] if name == "attachment" else metadata.types[name]
        assert properties.items() <= real.items(), name


def test_a_message_has_every_property_of_the_metadata_but_what_no_mail_here_has(metadata: Metadata) -> None:
    left_out = metadata.types["message"].keys() - schema.TYPES["message"].keys()
    assert left_out == {"extensions", "multiValueExtendedProperties"}
    missing = metadata.types["mailFolder"].keys() - schema.TYPES["mailFolder"].keys()
    assert missing == {
        "childFolders",
        "messageRules",
        "messages",
        "multiValueExtendedProperties",
        "singleValueExtendedProperties",
    }
    assert schema.TYPES["subscription"].keys() == metadata.types["subscription"].keys()


def test_every_enumeration_has_microsofts_members(metadata: Metadata) -> None:
    for name, members in schema.ENUMS.items():
        assert name in ELSEWHERE or members == metadata.enums[name]


def test_every_action_is_microsofts_with_its_parameters(metadata: Metadata) -> None:
    for name, parameters in schema.ACTIONS.items():
        if name not in ELSEWHERE:
            assert any(parameters.items() <= real.items() for real in metadata.actions[name]), name
    last = {
        route.pattern.rpartition("/")[2]
        for route in ROUTES
        if route.method == "POST" or "delta" in route.pattern
    }
    actions = {name for name in last if re.fullmatch("[a-zA-Z]+", name)}
    collections = {"mailFolders", "childFolders", "messages", "subscriptions"}
    # reauthorize is an action of the metadata's subscriptions that the extract does not have.
    assert actions - collections - ELSEWHERE - {"reauthorize"} <= metadata.actions.keys()
    assert {"sendMail", "move", "createReply", "send", "delta"} <= actions


# -- what goes over the wire -----------------------------------------------------------------------------------


def check(value: Any, kind: str, metadata: Metadata, where: str) -> None:
    """The value is of this type, and all in it."""
    if value is None:
        return
    if kind.startswith("Collection("):
        assert isinstance(value, list), where
        for one in value:
            check(one, kind[11:-1], metadata, where)
    elif kind.startswith("Edm."):
        assert EDM[kind](value), f"{where}: {value!r} is no {kind}"
    elif kind.removeprefix("graph.") in metadata.enums:
        assert value in metadata.enums[kind.removeprefix("graph.")], where
    elif kind == "graph.followupFlagStatus":
        assert value in schema.ENUMS["followupFlagStatus"], where
    else:
        check_object(value, kind.removeprefix("graph."), metadata, where)


def check_object(value: Any, kind: str, metadata: Metadata, where: str) -> None:
    assert isinstance(value, dict), where
    for name, given in value.items():
        if name.startswith("@"):
            continue
        known = metadata.types[kind]
        if name not in known and kind == "resourceData":
            continue  # the only one that may hold anything
        assert name in known, f"{where}: {kind} has no {name}"
        check(given, known[name], metadata, f"{where}/{name}")


def is_moment(value: Any) -> bool:
    return (
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value) is not None
        and datetime.fromisoformat(value) is not None
    )


EDM: dict[str, Any] = {
    "Edm.String": lambda value: isinstance(value, str),
    "Edm.Boolean": lambda value: isinstance(value, bool),
    "Edm.Int32": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "Edm.DateTimeOffset": is_moment,
    "Edm.Binary": lambda value: base64.b64decode(value, validate=True) is not None,
    "Edm.Guid": lambda value: str(uuid.UUID(value)) == value,
}


def test_every_message_and_folder_that_is_given_is_of_its_type(metadata: Metadata, sandbox: Sandbox) -> None:
    fill(sandbox)
    sandbox.place(wire.APPROVALS, b"Subject: odd\r\nThread-Index: !\r\nImportance: urgent\r\n\r\n")
    graph = Graph(sandbox)
    every = ",".join(name for name in schema.TYPES["message"] if name != "attachments")
    expand = f"singleValueExtendedProperties($filter=id eq '{VOTE}' or id eq 'Integer 0x0E08')"
    seen: set[str] = set()
    for options in (dict[str, Any](), {"_select": every, "_expand": expand}):
        for answer in (
            graph.get("~/messages", IMMUTABLE, _top="50", **options),
            graph.get("~/mailFolders/inbox/messages/delta", _top="50", **options),
        ):
            assert answer.status == 200, answer.text
            for message in answer.json["value"]:
                check_object(message, "message", metadata, message["subject"])
                seen |= message.keys()
    assert {name for name in seen if name[0] != "@"} == schema.TYPES["message"].keys() - {"attachments"}
    folders = graph.get("~/mailFolders").json["value"]
    for folder in (*folders, graph.get("~/mailFolders/inbox").json):
        check_object(folder, "mailFolder", metadata, folder["displayName"])
        assert folder.keys() >= schema.TYPES["mailFolder"].keys()


def test_what_changes_give_is_of_its_type(metadata: Metadata, sandbox: Sandbox) -> None:
    graph = Graph(sandbox)
    made = graph("POST", "~/mailFolders/inbox/childFolders", {"displayName": "Processed"})
    check_object(made.json, "mailFolder", metadata, "created")
    sandbox.send_as("ann", wire.mail())
    [message] = graph.get("~/messages").json["value"]
    path = f"~/messages/{message['id']}"
    check_object(graph("PATCH", path, {"isRead": True}).json, "message", metadata, "patched")
    check_object(graph("POST", f"{path}/createReply").json, "message", metadata, "draft")
    moved = graph("POST", f"{path}/move", {"destinationId": made.json["id"]})
    check_object(moved.json, "message", metadata, "moved")


def test_every_property_of_a_json_mail_may_be_sent(metadata: Metadata, sandbox: Sandbox) -> None:
    """Whatever the metadata calls a message, in the shape that it has, is taken."""
    assert metadata.types["message"]["toRecipients"] == "Collection(graph.recipient)"
    samples: dict[str, Any] = {
        "Edm.String": "x",
        "Edm.Boolean": True,
        "Edm.DateTimeOffset": "2026-11-24T10:00:00Z",
        "Edm.Binary": "AAAA",
        "graph.importance": "high",
        "graph.inferenceClassificationType": "other",
        "graph.itemBody": {"contentType": "html", "content": "<p>x"},
        "graph.followupFlag": {"flagStatus": "flagged"},
        "graph.recipient": {"emailAddress": {"address": wire.APPROVALS, "name": "x"}},
        "graph.internetMessageHeader": {"name": "x-y", "value": "z"},
    }
    message: dict[str, Any] = {}
    for name, kind in schema.TYPES["message"].items():
        one = kind.removeprefix("Collection(").rstrip(")")
        if one in samples:
            message[name] = [samples[one]] if kind.startswith("Collection") else samples[one]
    assert len(message) > 25
    assert Graph(sandbox)("POST", "~/sendMail", {"Message": message, "SaveToSentItems": True}).status == 202


def test_subscriptions_and_notifications_are_of_their_types(
    metadata: Metadata, sandbox: Sandbox, receiver: Receiver
) -> None:
    graph = Graph(sandbox)
    every = "created,updated,deleted"
    made = subscribe(graph, receiver, changeType=every, lifecycleNotificationUrl=receiver.url("lifecycle"))
    for answer in (
        made,
        graph.get(f"subscriptions/{made['id']}").json,
        *graph.get("subscriptions").json["value"],
    ):
        check_object(answer, "subscription", metadata, "subscription")
        assert {name for name in answer if name[0] != "@"} == metadata.types["subscription"].keys()
    sandbox.send_as("ann", wire.mail())
    receiver.wait(1)
    sandbox.mark_read("approvals", sandbox.mails("approvals")[0].id)
    receiver.wait(2)
    sandbox.delete("approvals", sandbox.mails("approvals")[0].id)
    receiver.wait(3)
    for event in sorted(metadata.enums["lifecycleEventType"], key="subscriptionRemoved".__eq__):
        sandbox.lifecycle(event)
    assert {one["lifecycleEvent"] for one in receiver.wait(3, "/lifecycle")} == set(
        metadata.enums["lifecycleEventType"]
    )
    assert {one["changeType"] for one in receiver.wait(3)} == set(metadata.enums["changeType"])
    for _, body in receiver.heard:
        check_object(body, "changeNotificationCollection", metadata, "notification")
