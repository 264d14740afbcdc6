"""One mailbox is seen alike through EWS and Graph: what is done through the one is there for the other."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from placet.sandbox import Sandbox
from tests.sandbox import wire
from tests.sandbox.graph_wire import IMMUTABLE, VOTE, Graph, refused
from tests.sandbox.wire import T

DELTA = "~/mailFolders/inbox/messages/delta"


@pytest.fixture
def graph(sandbox: Sandbox) -> Graph:
    return Graph(sandbox)


def through_ews(sandbox: Sandbox, folder: str = "inbox") -> list[str]:
    return [identifier for identifier, _ in wire.ews(sandbox, wire.find_item(folder=folder)).ids()]


def through_graph(graph: Graph, folder: str = "inbox") -> list[str]:
    found = graph.get(f"~/mailFolders/{folder}/messages", _select="id").json["value"]
    return [one["id"].replace("-", "/").replace("_", "+") for one in found]


def test_the_same_mails_are_listed_under_the_same_ids_in_the_same_order(
    sandbox: Sandbox, graph: Graph
) -> None:
    for _ in range(5):
        sandbox.send_as("ann", wire.mail())
    sandbox.deliver(wire.mail(), junk=True)
    for folder in ("inbox", "junkemail"):
        assert through_ews(sandbox, folder) == through_graph(graph, folder) != []


def test_a_mail_has_the_same_properties_and_content(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.send_as(
        "ann",
        wire.mail(in_reply_to="<req@x>", subject="Ümläut"),
        voting_response="Approve",
        item_class="IPM.Note.X",
    )
    [mail] = sandbox.mails("approvals")
    uris = (
        "item:Subject",
        "message:InternetMessageId",
        "message:IsRead",
        "item:DateTimeReceived",
        "item:ItemClass",
    )
    more = (
        '<t:ExtendedFieldURI PropertyTag="0x007D" PropertyType="String"/>'
        '<t:ExtendedFieldURI DistinguishedPropertySetId="Common" PropertyId="34084" PropertyType="String"/>'
    )
    ews = wire.ews(sandbox, wire.get_item(wire.shape(*uris, mime=True, extended=more), mail.id)).xml
    [rest] = graph.get("~/messages").json["value"]
    asked = " or ".join(f"id eq '{one}'" for one in ("String 0x007D", VOTE, "String 0x001A"))
    expand = f"singleValueExtendedProperties($filter={asked})"
    values = graph.get(f"~/messages/{rest['id']}", _expand=expand).json["singleValueExtendedProperties"]

    def text(name: str) -> str | None:
        return ews.findtext(f".//{T}{name}")

    assert rest["subject"] == text("Subject") == "Ümläut"
    assert rest["internetMessageId"] == text("InternetMessageId")
    assert str(rest["isRead"]).lower() == text("IsRead")
    assert rest["receivedDateTime"] == text("DateTimeReceived")
    transport, vote = (one.findtext(f"{T}Value") for one in ews.iter(f"{T}ExtendedProperty"))
    assert [one["value"] for one in values] == [transport, vote, text("ItemClass")]
    content = base64.b64decode(text("MimeContent") or "")
    assert graph.get(f"~/messages/{rest['id']}/$value").body == content


def test_what_ews_moves_reads_and_deletes_graph_hears_of(sandbox: Sandbox, graph: Graph) -> None:
    for _ in range(3):
        sandbox.send_as("ann", wire.mail())
    first, link = graph.round(graph.get(DELTA, _select="isRead"))
    moved, read, deleted = through_ews(sandbox)[::-1]
    wire.ews(sandbox, wire.move_item(moved, "junkemail"))
    wire.ews(sandbox, wire.update_read(read))
    wire.ews(sandbox, wire.delete_item(deleted))
    told, _ = graph.round(graph.follow(link))
    assert [one["id"] for one in first] == [one["id"] for one in sorted(told, key=first_of(first))]
    assert ["@removed" in one for one in sorted(told, key=first_of(first))] == [True, False, True]
    assert len(through_graph(graph, "junkemail")) == 1


def first_of(first: list[dict[str, str]]) -> Callable[[dict[str, str]], int]:
    order = [one["id"] for one in first]
    return lambda one: order.index(one["id"])


def test_what_graph_moves_reads_and_deletes_ews_hears_of(sandbox: Sandbox, graph: Graph) -> None:
    for _ in range(3):
        sandbox.send_as("ann", wire.mail())
    state = wire.ews(sandbox, wire.sync()).xml.findtext(f".//{wire.M}SyncState") or ""
    moved, read, deleted = (one["id"] for one in graph.get("~/messages", _select="id").json["value"])
    graph("POST", f"~/messages/{moved}/move", {"destinationId": "junkemail"})
    graph("PATCH", f"~/messages/{read}", {"isRead": True})
    graph("DELETE", f"~/messages/{deleted}")
    changes = wire.ews(sandbox, wire.sync(state)).xml.find(f".//{wire.M}Changes")
    assert changes is not None
    kinds = {next(c.iter(f"{T}ItemId")).get("Id"): str(c.tag).removeprefix(T) for c in changes}
    back = {one.replace("-", "/").replace("_", "+"): kind for one, kind in
            ((moved, "Delete"), (read, "ReadFlagChange"), (deleted, "Delete"))}  # fmt: skip
    assert kinds == back
    assert len(through_ews(sandbox, "junkemail")) == len(through_ews(sandbox, "deleteditems")) == 1


def test_a_folder_made_through_one_is_there_for_the_other(sandbox: Sandbox, graph: Graph) -> None:
    graph("POST", "~/mailFolders/inbox/childFolders", {"displayName": "Processed"})
    create = (
        '<m:CreateFolder><m:ParentFolderId><t:DistinguishedFolderId Id="inbox"/></m:ParentFolderId><m:Folders>'
        "<t:Folder><t:DisplayName>{}</t:DisplayName></t:Folder></m:Folders></m:CreateFolder>"
    )
    assert wire.ews(sandbox, create.format("Processed")).codes == ["ErrorFolderExists"]
    made = wire.ews(sandbox, create.format("Refused")).ids("FolderId")[0][0]
    refused(
        graph("POST", "~/mailFolders/inbox/childFolders", {"displayName": "Refused"}),
        409,
        "ErrorFolderExists",
    )
    found = graph.get("~/mailFolders/inbox/childFolders", _filter="displayName eq 'Refused'").json["value"]
    assert [one["id"].replace("-", "/").replace("_", "+") for one in found] == [made]


def test_what_one_sends_lies_in_sent_items_for_the_other(sandbox: Sandbox, graph: Graph) -> None:
    graph.send_mime(b"To: ann@contoso.example\r\nSubject: by graph\r\n\r\nx")
    wire.ews(sandbox, wire.create_item(b"To: ann@contoso.example\r\nSubject: by ews\r\n\r\nx"))
    assert through_ews(sandbox, "sentitems") == through_graph(graph, "sentitems")
    assert [mail.subject for mail in sandbox.mails("ann")] == ["by graph", "by ews"]


def test_an_immutable_id_found_by_graph_holds_over_moves_made_by_ews(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.switches.translation_needs_directory = False
    sandbox.send_as("ann", wire.mail())
    [immutable] = [one["id"] for one in graph.get("~/messages", IMMUTABLE).json["value"]]
    [before] = through_ews(sandbox)
    [(after, _)] = wire.ews(sandbox, wire.move_item(before, "junkemail")).ids()
    assert before != after
    body = {"inputIds": [after, before], "sourceIdType": "ewsId", "targetIdType": "restImmutableEntryId"}
    now, gone = graph("POST", "~/translateExchangeIds", body).json["value"]
    assert now == {"sourceId": after, "targetId": immutable}
    assert gone["errorDetails"]["code"] == "ErrorItemNotFound"
    back = {"inputIds": [immutable], "sourceIdType": "restImmutableEntryId", "targetIdType": "ewsId"}
    assert graph("POST", "~/translateExchangeIds", back).json["value"][0]["targetId"] == after
    assert graph.get(f"~/messages/{immutable}", IMMUTABLE).status == 200


def test_a_lost_state_is_lost_for_both(sandbox: Sandbox, graph: Graph) -> None:
    state = wire.ews(sandbox, wire.sync()).xml.findtext(f".//{wire.M}SyncState") or ""
    _, link = graph.round(graph.get(DELTA))
    sandbox.lose_sync_states()
    assert wire.ews(sandbox, wire.sync(state)).codes == ["ErrorInvalidSyncStateData"]
    refused(graph.follow(link), 410, "SyncStateNotFound")
