"""The operations of EWS that Placet uses, one function each. Microsoft: "EWS operations in Exchange"."""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from placet.mailboxes.base import Action, Wait
from placet.mailboxes.http import safe_text
from placet.mailboxes.microsoft.exchange_errors import About

from . import xml
from .errors import ServerError
from .soap import Soap, message_xml, unreadable
from .xml import M, T

MOST_CHANGES = 512  # SyncFolderItems gives no more at once
MOST_ITEMS = 10  # in one GetItem: Microsoft's batches must end within a minute

TRANSPORT_HEADERS = 0x007D  # PidTagTransportMessageHeaders [MS-OXPROPS]


@dataclass(frozen=True)
class FolderRef:
    """A folder by id, or by one of the names that every mailbox has (inbox, junkemail, sentitems, ...)."""

    id: str
    distinguished: bool = False

    def element(self) -> etree._Element:
        return T.DistinguishedFolderId(Id=self.id) if self.distinguished else T.FolderId(Id=self.id)


INBOX = FolderRef("inbox", distinguished=True)
JUNK = FolderRef("junkemail", distinguished=True)
SENT = FolderRef("sentitems", distinguished=True)
ROOT = FolderRef("msgfolderroot", distinguished=True)


@dataclass(frozen=True)
class Listed:
    """A mail as SyncFolderItems and FindItem list it."""

    id: str
    received_at: datetime | None
    created_at: datetime | None
    size: int | None
    subject: str
    message_id: str


@dataclass(frozen=True)
class Changes:
    created: Sequence[Listed]
    state: str
    last: bool


@dataclass(frozen=True)
class Found:
    items: Sequence[Listed]
    next_offset: int
    last: bool


@dataclass(frozen=True)
class Item:
    """A mail as GetItem gives it."""

    id: str
    mime: xml.Mime | None
    transport_headers: str | None  # None: the property is absent
    item_class: str
    received_at: datetime | None
    size: int
    sender: str
    from_: str
    message_id: str
    voting: str


class StateLost(Exception):
    """The server no longer knows the sync state."""


def sync_folder_items(soap: Soap, folder: FolderRef, state: str, limit: int) -> Changes:
    """What changed in `folder` since `state` ("" for everything); new mail only. Raises StateLost."""
    request = M.SyncFolderItems(
        M.ItemShape(
            T.BaseShape("IdOnly"),
            T.AdditionalProperties(_field("item:DateTimeReceived"), _field("item:Size")),
        ),
        M.SyncFolderId(folder.element()),
    )
    if state:
        request.append(M.SyncState(state))
    request.append(M.MaxChangesReturned(str(max(1, min(limit, MOST_CHANGES)))))
    request.append(M.SyncScope("NormalItems"))
    message = _only(soap.call(request))
    error = _error(message)
    if error and error.code == "ErrorInvalidSyncStateData":
        raise StateLost
    if error:
        raise soap.explain(error, About.MAILBOX)
    # A mail moved back comes as Create with a new id; Update, Delete and ReadFlagChange bring nothing new.
    created = [
        _listed(item) for create in message.iterfind("m:Changes/t:Create", xml.NAMESPACES) for item in create
    ]
    return Changes(
        [item for item in created if item.id],
        xml.text_of(message, "m:SyncState"),
        xml.is_true(xml.text_of(message, "m:IncludesLastItemInRange")),
    )


def get_items(soap: Soap, ids: Sequence[str], mime_limit: int = 0) -> list[Item | ServerError]:
    """The mails, in the order of `ids` (at most 10); with MIME if `mime_limit` (bytes) is not 0."""
    shape = M.ItemShape(T.BaseShape("IdOnly"), T.IncludeMimeContent("true" if mime_limit else "false"))
    shape.append(
        T.AdditionalProperties(
            *(
                _field(name)
                for name in ("item:ItemClass", "item:DateTimeReceived", "item:Size", "message:Sender")
            ),
            *(
                _field(name)
                for name in ("message:From", "message:InternetMessageId", "message:VotingInformation")
            ),
            T.ExtendedFieldURI(PropertyTag=f"0x{TRANSPORT_HEADERS:04X}", PropertyType="String"),
        )
    )
    answer = soap.call(M.GetItem(shape, _item_ids(ids)), mime_limit)
    messages = list(_messages(answer))
    results = [_error(message) or _item(message, answer) for message in messages]
    missing = len(ids) - len(results)
    return results[: len(ids)] + [ServerError("ErrorBatchProcessingStopped")] * missing


def find_items(
    soap: Soap, folder: FolderRef, newest_by: str, offset: int, limit: int, message_id: str = ""
) -> Found:
    """Mails of `folder`, newest first by the property `newest_by`; with `message_id`, only those."""
    request = M.FindItem(
        M.ItemShape(
            T.BaseShape("IdOnly"),
            T.AdditionalProperties(
                *(
                    _field(name)
                    for name in ("item:Subject", "item:DateTimeReceived", "item:Size", "item:DateTimeCreated")
                ),
                _field("message:InternetMessageId"),
            ),
        ),
        M.IndexedPageItemView(MaxEntriesReturned=str(limit), Offset=str(offset), BasePoint="Beginning"),
        Traversal="Shallow",
    )
    if message_id:
        request.append(M.Restriction(_equals("message:InternetMessageId", message_id)))
    request.append(M.SortOrder(T.FieldOrder(_field(newest_by), Order="Descending")))
    request.append(M.ParentFolderIds(folder.element()))
    message = _success(soap, request, About.MAILBOX)
    root = message.find("m:RootFolder", xml.NAMESPACES)
    if root is None:
        return Found([], offset, True)
    items = [_listed(item) for item in root.iterfind("t:Items/*", xml.NAMESPACES)]
    next_offset = _number(root.get("IndexedPagingOffset", ""))
    last = xml.is_true(root.get("IncludesLastItemInRange", "true"))
    return Found(items, next_offset or offset, last or not next_offset or next_offset <= offset)


def create_item(soap: Soap, raw: bytes) -> None:
    """Send a MIME mail and keep a copy in Sent Items. The answer holds no id."""
    message = T.Message(T.MimeContent(base64.b64encode(raw).decode("ascii"), CharacterSet="UTF-8"))
    request = M.CreateItem(
        M.SavedItemFolderId(SENT.element()), M.Items(message), MessageDisposition="SendAndSaveCopy"
    )
    _success(soap, request, About.OUTGOING)


def mark(soap: Soap, ids: Sequence[str], action: Action, folder: FolderRef | None) -> list[str | ServerError]:
    """What `action` says, in one call: the id of each mail from now on, in their order. `folder` is where they are
    moved."""
    if action is Action.MARK_READ:
        return mark_read(soap, ids)
    if folder is None:
        return delete_items(soap, ids)
    return move_items(soap, ids, folder)


def move_items(soap: Soap, ids: Sequence[str], folder: FolderRef) -> list[str | ServerError]:
    """Move mails; the id that each has there, in the order of `ids` ("" if the server does not say)."""
    request = M.MoveItem(M.ToFolderId(folder.element()), _item_ids(ids), M.ReturnNewItemIds("true"))
    return [
        _error(message) or xml.attribute_of(message, "m:Items/*/t:ItemId", "Id")
        for message in _message_of_each(soap, request, ids)
    ]


def mark_read(soap: Soap, ids: Sequence[str]) -> list[str | ServerError]:
    """Set IsRead; the id of each, in their order. Without ChangeKeys, which AlwaysOverwrite does not ask for; no read
    receipts go out."""
    changes = (
        T.ItemChange(
            T.ItemId(Id=id_),
            T.Updates(T.SetItemField(_field("message:IsRead"), T.Message(T.IsRead("true")))),
        )
        for id_ in ids
    )
    request = M.UpdateItem(
        M.ItemChanges(*changes),
        ConflictResolution="AlwaysOverwrite",
        MessageDisposition="SaveOnly",
        SuppressReadReceipts="true",
    )
    messages = _message_of_each(soap, request, ids)
    return [_error(message) or id_ for id_, message in zip(ids, messages, strict=True)]


def delete_items(soap: Soap, ids: Sequence[str]) -> list[str | ServerError]:
    """Move mails to Deleted Items; the former id of each, in their order: the server does not say the new one."""
    request = M.DeleteItem(_item_ids(ids), DeleteType="MoveToDeletedItems")
    messages = _message_of_each(soap, request, ids)
    return [_error(message) or id_ for id_, message in zip(ids, messages, strict=True)]


def get_folder(soap: Soap, folder: FolderRef) -> tuple[str, int]:
    """Display name of `folder`, and how many items it holds."""
    request = M.GetFolder(M.FolderShape(T.BaseShape("Default")), M.FolderIds(folder.element()))
    message = _success(soap, request, About.MAILBOX)
    name = xml.text_of(message, "m:Folders/*/t:DisplayName")
    return name, _number(xml.text_of(message, "m:Folders/*/t:TotalCount"))


def folder_ids(soap: Soap, folders: Sequence[FolderRef]) -> set[FolderRef]:
    """Folders that are known by another name, by their ids."""
    ids = M.FolderIds(*(folder.element() for folder in folders))
    messages = list(_messages(soap.call(M.GetFolder(M.FolderShape(T.BaseShape("IdOnly")), ids))))
    for error in filter(None, map(_error, messages)):
        raise soap.explain(error, About.MAILBOX)
    return {FolderRef(xml.attribute_of(message, "m:Folders/*/t:FolderId", "Id")) for message in messages}


def find_folder(soap: Soap, parent: FolderRef, name: str) -> FolderRef | None:
    request = M.FindFolder(
        M.FolderShape(T.BaseShape("Default")),
        M.IndexedPageFolderView(MaxEntriesReturned="10", Offset="0", BasePoint="Beginning"),
        M.Restriction(_equals("folder:DisplayName", name)),
        M.ParentFolderIds(parent.element()),
        Traversal="Shallow",
    )
    message = _success(soap, request, About.MAILBOX)
    id_ = xml.attribute_of(message, "m:RootFolder/t:Folders/*/t:FolderId", "Id")
    return FolderRef(id_) if id_ else None


def create_folder(soap: Soap, parent: FolderRef, name: str) -> FolderRef | None:
    """The new folder; None if there is one of that name already (two workers may make it at once)."""
    request = M.CreateFolder(
        M.ParentFolderId(parent.element()),
        M.Folders(T.Folder(T.FolderClass("IPF.Note"), T.DisplayName(name))),
    )
    message = _only(soap.call(request))
    error = _error(message)
    if error and error.code == "ErrorFolderExists":
        return None
    if error:
        raise soap.explain(error, About.MAILBOX)
    return FolderRef(xml.attribute_of(message, "m:Folders/*/t:FolderId", "Id"))


def _field(uri: str) -> etree._Element:
    return T.FieldURI(FieldURI=uri)


def _item_ids(ids: Sequence[str]) -> etree._Element:
    return M.ItemIds(*(T.ItemId(Id=id_) for id_ in ids))


def _equals(uri: str, value: str) -> etree._Element:
    return T.IsEqualTo(_field(uri), T.FieldURIOrConstant(T.Constant(Value=value)))


def _success(soap: Soap, request: etree._Element, about: About) -> etree._Element:
    message = _only(soap.call(request))
    error = _error(message)
    if error:
        explained = soap.explain(error, about)
        if not isinstance(explained, Wait):  # a fault on the way may have come after it was done
            explained.not_done = message.get("ResponseClass") == "Error"
        raise explained
    return message


def _messages(answer: xml.Answer) -> Iterator[etree._Element]:
    return answer.root.iterfind("s:Body/*/m:ResponseMessages/*", xml.NAMESPACES)


def _message_of_each(soap: Soap, request: etree._Element, ids: Sequence[str]) -> list[etree._Element]:
    """The response message of each mail. They name none, only their order tells: Unreadable if they are not as many."""
    messages = list(_messages(soap.call(request)))
    if len(messages) != len(ids):
        raise unreadable(f"{len(messages)}/{len(ids)}")
    return messages


def _only(answer: xml.Answer) -> etree._Element:
    """The one response message; an empty stand-in that reads as an error if the server left it out."""
    return next(_messages(answer), M.Missing(M.ResponseCode("ErrorResponseSchemaValidation")))


def _error(message: etree._Element) -> ServerError | None:
    code = xml.text_of(message, "m:ResponseCode")
    if message.get("ResponseClass") == "Success" and code in ("NoError", ""):
        return None
    return ServerError(
        safe_text(code) or "ErrorResponseSchemaValidation",
        safe_text(message.findtext("m:MessageText", None, xml.NAMESPACES)),
        message_xml(message),
    )


def _listed(item: etree._Element) -> Listed:
    size = xml.text_of(item, "t:Size")
    return Listed(
        xml.attribute_of(item, "t:ItemId", "Id"),
        _time(xml.text_of(item, "t:DateTimeReceived")),
        _time(xml.text_of(item, "t:DateTimeCreated")),
        _number(size) if size else None,
        xml.text_of(item, "t:Subject"),
        xml.text_of(item, "t:InternetMessageId"),
    )


def _item(message: etree._Element, answer: xml.Answer) -> Item | ServerError:
    item = next(message.iterfind("m:Items/*", xml.NAMESPACES), None)
    if item is None:
        return ServerError("ErrorItemNotFound")
    return Item(
        xml.attribute_of(item, "t:ItemId", "Id"),
        answer.mime_of(item),
        _transport_headers(item),
        xml.text_of(item, "t:ItemClass"),
        _time(xml.text_of(item, "t:DateTimeReceived")),
        _number(xml.text_of(item, "t:Size")),
        _address(item, "t:Sender"),
        _address(item, "t:From"),
        xml.text_of(item, "t:InternetMessageId"),
        xml.text_of(item, "t:VotingInformation/t:VotingResponse"),
    )


def _transport_headers(item: etree._Element) -> str | None:
    """0x007D. Asked for as 0x007D it may come back as 0x7d or 125, so the numbers are compared."""
    for extended in item.iterfind("t:ExtendedProperty", xml.NAMESPACES):
        tag = xml.attribute_of(extended, "t:ExtendedFieldURI", "PropertyTag")
        if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}|[0-9]{1,5}", tag) and _property_tag(tag) == TRANSPORT_HEADERS:
            return extended.findtext("t:Value", "", xml.NAMESPACES)
    return None


def _property_tag(text: str) -> int:
    return int(text, 16) if text[:2].lower() == "0x" else int(text)


def _address(item: etree._Element, path: str) -> str:
    """SMTP address in lower case; "" for mail from Exchange's own directory names (routing type EX)."""
    address = xml.text_of(item, f"{path}/t:Mailbox/t:EmailAddress")
    routing = xml.text_of(item, f"{path}/t:Mailbox/t:RoutingType") or "SMTP"
    return address.lower() if routing.upper() == "SMTP" and "@" in address else ""


def _time(text: str) -> datetime | None:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"\d{1,15}", text) else 0
