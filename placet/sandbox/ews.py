"""Exchange Web Services: one method per operation, each giving its response messages.

Written from Microsoft's reference pages of the operations. An error of one item is a response message under HTTP
200; an error of the whole request is a SoapFault.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import itertools
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lxml import etree

from placet.sandbox import envelope, permissions
from placet.sandbox.delivery import Post, SendRefused, rebuilt
from placet.sandbox.envelope import M, SoapFault, T, error, is_true, need, success, warning
from placet.sandbox.search import FOLDER_FIELDS, ITEM_FIELDS, Search, Unsearchable, wanted_message_id
from placet.sandbox.shapes import FolderShape, ItemShape, UnreadablePath, element_name, folder_id, item_id
from placet.sandbox.streaming import Subscriptions
from placet.sandbox.tenant import Change, Folder, Item, Mailbox, Tenant

INTERNAL_ERROR = "An internal server error occurred. The operation failed."
MAX_PAGE = 1000
MAX_SEARCH_PAGE = 250

Thing = TypeVar("Thing")


# Where each operation names what it wants, so that each gets a response message of its own.
_ASKED = {
    "ConvertId": "SourceIds",
    "CreateFolder": "Folders",
    "CreateItem": "Items",
    "DeleteItem": "ItemIds",
    "FindFolder": "ParentFolderIds",
    "FindItem": "ParentFolderIds",
    "GetFolder": "FolderIds",
    "GetItem": "ItemIds",
    "MoveItem": "ItemIds",
    "UpdateItem": "ItemChanges",
}
# What stands in a response message that has nothing to give.
_EMPTY = {
    "CreateFolder": "<m:Folders/>",
    "CreateItem": "<m:Items/>",
    "GetFolder": "<m:Folders/>",
    "GetItem": "<m:Items/>",
    "MoveItem": "<m:Items/>",
    "SyncFolderItems": "<m:SyncState/><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>",
    "UpdateItem": "<m:Items/>",
}


@dataclass
class ItemError(Exception):
    """One item or folder of a request fails."""

    code: str
    text: str


class EwsBlocked(Exception):
    """Somebody switched EWS off for the tenant or the mailbox: HTTP 403 without a word."""


_NOT_FOUND = ItemError("ErrorItemNotFound", "The specified object was not found in the store.")
_FOLDER_NOT_FOUND = ItemError("ErrorFolderNotFound", "The specified folder could not be found in the store.")
_MALFORMED = ItemError("ErrorInvalidIdMalformed", "Id is malformed.")


class Ews:
    """The operations on one tenant. `call` takes the tenant's lock."""

    def __init__(self, tenant: Tenant, post: Post) -> None:
        self.tenant = tenant
        self.post = post
        self._state_key = secrets.token_bytes(32)
        self.operations: dict[str, Callable[[Mailbox, etree._Element], Iterator[str]]] = {
            "ConvertId": self._convert_id,
            "CreateFolder": self._create_folder,
            "CreateItem": self._create_item,
            "DeleteItem": self._delete_item,
            "FindFolder": self._find_folder,
            "FindItem": self._find_item,
            "GetFolder": self._get_folder,
            "GetItem": self._get_item,
            "MoveItem": self._move_item,
            "Subscribe": self._subscribe,
            "SyncFolderItems": self._sync_folder_items,
            "Unsubscribe": self._unsubscribe,
            "UpdateItem": self._update_item,
        }
        self.known = frozenset(self.operations) | {"GetStreamingEvents"}
        self.subscriptions = Subscriptions(tenant)

    def call(self, request: etree._Element, *, stops: bool = False) -> bytes | Iterator[bytes]:
        """The answer to one envelope from an app whose token was accepted. Raises SoapFault and EwsBlocked.

        GetStreamingEvents gives envelopes as they come; every other operation gives one. `stops`: after half of what
        was asked for the server fails, and does not look at the rest.
        """
        call = envelope.read(request, self.known)
        with self.tenant.changed:
            mailbox = self._impersonated(call.impersonated)
            if call.operation == "GetStreamingEvents":
                ids = [element.text or "" for element in call.body.iter(f"{T}SubscriptionId")]
                minutes = int(call.body.findtext(f"{M}ConnectionTimeout") or "1")
                return self.subscriptions.stream(mailbox, ids, minutes)
            messages = self.operations[call.operation](mailbox, call.body)
            done = list(_stopped(call, messages) if stops else messages)
            self.tenant.changed.notify_all()
        return envelope.answer(call.operation, done)

    def fail(self, request: etree._Element, code: str, text: str, inner: str = "") -> bytes:
        """An answer in which everything that was asked for fails, one response message each. Raises SoapFault."""
        call = envelope.read(request, self.known)
        message = error(call.operation, code, text, _EMPTY.get(call.operation, ""), inner)
        return envelope.answer(call.operation, [message] * _asked(call))

    def _impersonated(self, address: str | None) -> Mailbox:
        if address is None:
            raise SoapFault(
                "ErrorInvalidExchangeImpersonationHeaderData",
                "ExchangeImpersonation SOAP header must be present for this type of OAuth token.",
            )
        mailbox, switches = self.tenant.inside(address), self.tenant.switches
        if mailbox is None or mailbox.address.lower() in switches.unlicensed:
            raise SoapFault("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
        if mailbox.ews_blocked:
            raise EwsBlocked
        consented = {permissions.EWS_ROLE} if switches.consented else set()
        if not permissions.may(switches, mailbox, permissions.EWS_ROLE, consented):
            raise SoapFault(
                "ErrorImpersonateUserDenied",
                "The account does not have permission to impersonate the requested user.",
            )
        return mailbox

    # -- reading ---------------------------------------------------------------------------------------------

    def _get_item(self, mailbox: Mailbox, request: etree._Element) -> Iterator[str]:
        shape = self._item_shape(request)
        for element in need(request, f"{M}ItemIds"):
            try:
                item = _item(mailbox, element)
            except ItemError as wrong:
                yield _failed("GetItem", wrong)
            else:
                yield success("GetItem", f"<m:Items>{shape.render(item)}</m:Items>")

    def _find_item(self, mailbox: Mailbox, request: etree._Element) -> Iterator[str]:
        shape = self._item_shape(request, found=True)
        restriction = request.find(f"{M}Restriction")
        for element in need(request, f"{M}ParentFolderIds"):
            try:
                folder = self._folder(mailbox, element)
                items = self._found_items(folder, restriction, request.find(f"{M}SortOrder"))
                page = _page(request.find(f"{M}IndexedPageItemView"), restriction is not None)
            except ItemError as wrong:
                yield _failed("FindItem", wrong)
                continue
            shown, attributes = page(items)
            rendered = "".join(shape.render(item) for item in shown)
            yield success(
                "FindItem", f"<m:RootFolder {attributes}><t:Items>{rendered}</t:Items></m:RootFolder>"
            )

    def _found_items(
        self, folder: Folder, restriction: etree._Element | None, sort_order: etree._Element | None
    ) -> list[Item]:
        search = Search(ITEM_FIELDS)
        try:
            message_id = None if restriction is None else wanted_message_id(restriction[0])
            if message_id is not None:
                items = list(folder.by_message_id.get(message_id, ()))
            else:
                items = list(folder.items.values())
                if restriction is not None:
                    matches = search.predicate(restriction[0])
                    items = [item for item in items if matches(item)]
            if sort_order is None:
                newest_first = items[::-1]
                return sorted(newest_first, key=lambda item: item.received, reverse=True)
            return search.sorted(items, sort_order)
        except Unsearchable:
            raise ItemError(
                "ErrorUnsupportedPathForQuery", "The property can not be used with this type of restriction."
            ) from None

    def _sync_folder_items(self, mailbox: Mailbox, request: etree._Element) -> Iterator[str]:
        shape = self._item_shape(request)
        try:
            folder = self._folder(mailbox, need(request, f"{M}SyncFolderId")[0], "ErrorSyncFolderNotFound")
            since = self._read_state(folder, request.findtext(f"{M}SyncState") or "")
        except ItemError as wrong:
            yield _failed("SyncFolderItems", wrong)
            return
        ignored = {element.get("Id") for element in request.iterfind(f"{M}Ignore/{T}ItemId")}
        limit = int(request.findtext(f"{M}MaxChangesReturned") or "512")
        changes, position, last = folder.changes(since, limit)
        rendered = "".join(_change(change, item, shape) for change, item in changes if item.id not in ignored)
        yield success(
            "SyncFolderItems",
            f"<m:SyncState>{self._state(folder, position)}</m:SyncState>"
            f"<m:IncludesLastItemInRange>{str(last).lower()}</m:IncludesLastItemInRange>"
            f"<m:Changes>{rendered}</m:Changes>",
        )

    def _state(self, folder: Folder, position: int) -> str:
        plain = position.to_bytes(8, "big") + folder.sync_epoch.to_bytes(4, "big")
        return base64.b64encode(plain + self._state_mark(folder, plain)).decode("ascii")

    def _state_mark(self, folder: Folder, plain: bytes) -> bytes:
        return hmac.digest(self._state_key, folder.id.encode() + plain, hashlib.sha256)[:20]

    def _read_state(self, folder: Folder, state: str) -> int:
        if not state.strip():
            return 0
        invalid = ItemError(
            "ErrorInvalidSyncStateData", "Synchronization state data is corrupt or otherwise invalid."
        )
        try:
            raw = base64.b64decode(state.strip(), validate=True)
        except (binascii.Error, ValueError):
            raise invalid from None
        plain, mark = raw[:12], raw[12:]
        if not hmac.compare_digest(mark, self._state_mark(folder, plain)):
            raise invalid
        if int.from_bytes(plain[8:], "big") != folder.sync_epoch:
            raise invalid
        return int.from_bytes(plain[:8], "big")

    # -- changing --------------------------------------------------------------------------------------------

    def _update_item(self, mailbox: Mailbox, request: etree._Element) -> Iterator[str]:
        overwrite = request.get("ConflictResolution") == "AlwaysOverwrite"
        for change in need(request, f"{M}ItemChanges"):
            try:
                item = _item(mailbox, change[0])
                _check_change_key(item, change[0].get("ChangeKey"), overwrite)
                _apply(mailbox, item, need(change, f"{T}Updates"))
            except ItemError as wrong:
                yield _failed("UpdateItem", wrong)
                continue
            yield success(
                "UpdateItem",
                f"<m:Items>{_only_id(item)}</m:Items><m:ConflictResults><t:Count>0</t:Count></m:ConflictResults>",
            )

    def _move_item(self, mailbox: Mailbox, request: etree._Element) -> Iterator[str]:
        give_ids = is_true(request.findtext(f"{M}ReturnNewItemIds") or "true")
        for element in need(request, f"{M}ItemIds"):
            try:
                target = self._folder(mailbox, need(request, f"{M}ToFolderId")[0], "ErrorToFolderNotFound")
                moved = mailbox.move(_item(mailbox, element), target)
            except ItemError as wrong:
                yield _failed("MoveItem", wrong)
                continue
            yield success("MoveItem", f"<m:Items>{_only_id(moved)}</m:Items>" if give_ids else "<m:Items/>")

    def _delete_item(self, mailbox: Mailbox, request: etree._Element) -> Iterator[str]:
        for element in need(request, f"{M}ItemIds"):
            try:
                item = _item(mailbox, element)
            except ItemError as wrong:
                yield _failed("DeleteItem", wrong)
                continue
            if request.get("DeleteType") == "MoveToDeletedItems":
                mailbox.move(item, mailbox.well_known["deleteditems"])
            else:
                mailbox.remove(item)
            yield success("DeleteItem", "")

    def _create_item(self, mailbox: Mailbox, request: etree._Element) -> Iterator[str]:
        disposition = request.get("MessageDisposition")
        if disposition in ("SendOnly", "SendAndSaveCopy"):
            self._limit_sending(mailbox, len(need(request, f"{M}Items")))
        for element in need(request, f"{M}Items"):
            try:
                if disposition is None:
                    raise ItemError(
                        "ErrorMessageDispositionRequired",
                        "The MessageDisposition attribute must be specified.",
                    )
                payload = self._create(mailbox, request, element, disposition)
            except ItemError as wrong:
                yield _failed("CreateItem", wrong)
            else:
                yield success("CreateItem", payload)

    def _create(
        self, mailbox: Mailbox, request: etree._Element, element: etree._Element, disposition: str
    ) -> str:
        if element.tag != f"{T}Message" or element.find(f"{T}MimeContent") is None:
            raise ItemError(
                "ErrorInvalidItemForOperationCreateItem",
                "The sandbox creates messages from their MIME content only.",
            )
        target = self._saved_folder(mailbox, request, "drafts" if disposition == "SaveOnly" else "sentitems")
        raw = self._mime(element.findtext(f"{T}MimeContent") or "")
        try:
            headers, body = self.post.prepare(mailbox, raw)
            if disposition != "SaveOnly":
                self.post.send(mailbox, headers, body)
        except SendRefused as refused:
            raise ItemError(refused.code, str(refused)) from None
        if disposition == "SendOnly":
            return "<m:Items/>"
        draft = disposition == "SaveOnly"
        item = Item(rebuilt(headers, body), None, is_read=not draft, is_draft=draft)
        mailbox.add(target, item)
        return f"<m:Items>{_only_id(item)}</m:Items>" if draft else "<m:Items/>"

    def _saved_folder(self, mailbox: Mailbox, request: etree._Element, usual: str) -> Folder:
        named = request.find(f"{M}SavedItemFolderId")
        if named is None:
            return mailbox.well_known[usual]
        return self._folder(mailbox, named[0], "ErrorSavedItemFolderNotFound")

    def _mime(self, encoded: str) -> bytes:
        try:
            raw = base64.b64decode("".join(encoded.split()), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if not raw:
            raise ItemError("ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
        if len(raw) > self.tenant.switches.max_message_bytes:
            raise ItemError(
                "ErrorMessageSizeExceeded",
                "The message exceeds the maximum supported size.",
            )
        return raw

    def _limit_sending(self, mailbox: Mailbox, mails: int) -> None:
        """The sending limit: so many mails a minute, then the answer that all throttling gives."""
        wait = self.post.seconds_to_wait(mailbox, mails)
        if wait:
            raise busy(max(1, round(wait * 1000)))

    # -- folders ---------------------------------------------------------------------------------------------

    def _get_folder(self, mailbox: Mailbox, request: etree._Element) -> Iterator[str]:
        shape = FolderShape(need(request, f"{M}FolderShape"))
        for element in need(request, f"{M}FolderIds"):
            try:
                folder = self._folder(mailbox, element)
            except ItemError as wrong:
                yield _failed("GetFolder", wrong)
            else:
                yield success("GetFolder", f"<m:Folders>{shape.render(folder)}</m:Folders>")

    def _find_folder(self, mailbox: Mailbox, request: etree._Element) -> Iterator[str]:
        shape = FolderShape(need(request, f"{M}FolderShape"))
        restriction = request.find(f"{M}Restriction")
        for element in need(request, f"{M}ParentFolderIds"):
            try:
                parent = self._folder(mailbox, element)
                folders = parent.below() if request.get("Traversal") == "Deep" else list(parent.children)
                if restriction is not None:
                    matches = Search(FOLDER_FIELDS).predicate(restriction[0])
                    folders = [folder for folder in folders if matches(folder)]
                shown, attributes = _page(request.find(f"{M}IndexedPageFolderView"), False)(folders)
            except Unsearchable:
                text = "The property can not be used with this type of restriction."
                yield error("FindFolder", "ErrorUnsupportedPathForQuery", text, "")
                continue
            except ItemError as wrong:
                yield _failed("FindFolder", wrong)
                continue
            rendered = "".join(shape.render(folder) for folder in shown)
            yield success(
                "FindFolder", f"<m:RootFolder {attributes}><t:Folders>{rendered}</t:Folders></m:RootFolder>"
            )

    def _create_folder(self, mailbox: Mailbox, request: etree._Element) -> Iterator[str]:
        for element in need(request, f"{M}Folders"):
            try:
                parent = self._folder(
                    mailbox, need(request, f"{M}ParentFolderId")[0], "ErrorParentFolderNotFound"
                )
                name = (element.findtext(f"{T}DisplayName") or "").strip()
                if not name:
                    raise ItemError(
                        "ErrorFolderSave", "The folder save operation failed due to invalid property values."
                    )
                if parent.child(name):
                    raise ItemError("ErrorFolderExists", "A folder with the specified name already exists.")
            except ItemError as wrong:
                yield _failed("CreateFolder", wrong)
                continue
            folder = mailbox.create_folder(parent, name, element.findtext(f"{T}FolderClass") or "IPF.Note")
            yield success("CreateFolder", f"<m:Folders><t:Folder>{folder_id(folder)}</t:Folder></m:Folders>")

    def _convert_id(self, mailbox: Mailbox, request: etree._Element) -> Iterator[str]:
        for element in need(request, f"{M}SourceIds"):
            if request.get("DestinationFormat") == element.get("Format") == "EwsId" and (
                element.get("Id") in mailbox.items or element.get("Id") in mailbox.folders
            ):
                attributes = f'Format="EwsId" Id="{element.get("Id")}" Mailbox="{mailbox.address}"'
                kind = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="t:AlternateIdType"'
                yield success("ConvertId", f"<m:AlternateId {kind} {attributes}/>")
            else:
                yield error("ConvertId", _MALFORMED.code, _MALFORMED.text, "")

    # -- subscriptions ---------------------------------------------------------------------------------------

    def _subscribe(self, mailbox: Mailbox, request: etree._Element) -> Iterator[str]:
        wanted = request[0]
        try:
            if wanted.tag != f"{M}StreamingSubscriptionRequest":
                raise ItemError(
                    "ErrorInvalidSubscriptionRequest", "The sandbox has streaming subscriptions only."
                )
            ids = wanted.find(f"{T}FolderIds")
            everything = is_true(wanted.get("SubscribeToAllFolders"))
            if everything == (ids is not None):
                raise ItemError(
                    "ErrorInvalidSubscriptionRequest",
                    "Name folders, or subscribe to all folders, and not both.",
                )
            folders = (
                list(mailbox.folders.values()) if ids is None else [self._folder(mailbox, i) for i in ids]
            )
            kinds = frozenset(element.text or "" for element in wanted.iter(f"{T}EventType"))
            subscription = self.subscriptions.add(mailbox, folders, kinds)
            if subscription is None:
                raise ItemError(
                    "ErrorExceededSubscriptionCount", "You have exceeded the available subscriptions."
                )
        except ItemError as wrong:
            yield _failed("Subscribe", wrong)
        else:
            yield success("Subscribe", f"<m:SubscriptionId>{subscription.id}</m:SubscriptionId>")

    def _unsubscribe(self, mailbox: Mailbox, request: etree._Element) -> Iterator[str]:
        if self.subscriptions.remove(mailbox, request.findtext(f"{M}SubscriptionId") or ""):
            yield success("Unsubscribe", "")
        else:
            yield error(
                "Unsubscribe", "ErrorSubscriptionNotFound", "The specified subscription was not found.", ""
            )

    # -- what the operations share ---------------------------------------------------------------------------

    def _item_shape(self, request: etree._Element, *, found: bool = False) -> ItemShape:
        try:
            return ItemShape(self.tenant, need(request, f"{M}ItemShape"), found=found)
        except UnreadablePath:
            raise SoapFault(
                "ErrorInvalidExtendedProperty", "The extended property attribute combination is invalid."
            ) from None

    def _folder(self, mailbox: Mailbox, element: etree._Element, code: str = "ErrorFolderNotFound") -> Folder:
        missing = ItemError(code, _FOLDER_NOT_FOUND.text)
        if element.tag == f"{T}DistinguishedFolderId":
            self._check_owner(mailbox, element.findtext(f"{T}Mailbox/{T}EmailAddress"))
            folder = mailbox.well_known.get(element.get("Id", ""))
        else:
            _check_form(element.get("Id", ""))
            folder = mailbox.folders.get(element.get("Id", ""))
        if folder is None:
            raise missing
        return folder

    def _check_owner(self, mailbox: Mailbox, address: str | None) -> None:
        if address is None or address.lower() == mailbox.address.lower():
            return
        if self.tenant.inside(address) is None:
            raise ItemError("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
        raise ItemError("ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def _asked(call: envelope.Call) -> int:
    """How many response messages an operation gives."""
    things = call.body.find(f"{M}{_ASKED[call.operation]}") if call.operation in _ASKED else None
    return 1 if things is None else len(things)


def _stopped(call: envelope.Call, messages: Iterator[str]) -> Iterator[str]:
    empty, asked = _EMPTY.get(call.operation, ""), _asked(call)
    yield from itertools.islice(messages, asked // 2)
    yield error(call.operation, "ErrorInternalServerTransientError", INTERNAL_ERROR, empty)
    for _rest in range(asked - asked // 2 - 1):
        yield warning(
            call.operation, "ErrorBatchProcessingStopped", "Processing of the request stopped.", empty
        )


def _failed(operation: str, wrong: ItemError) -> str:
    return error(operation, wrong.code, wrong.text, _EMPTY.get(operation, ""))


def busy(back_off_ms: int) -> SoapFault:
    """What Exchange answers when it throttles a client."""
    return SoapFault(
        "ErrorServerBusy",
        "The server cannot service this request right now. Try again later.",
        {"BackOffMilliseconds": str(back_off_ms)},
    )


def _check_form(identifier: str) -> None:
    try:
        base64.b64decode(identifier, validate=True)
    except (binascii.Error, ValueError):
        raise _MALFORMED from None
    if not 8 <= len(identifier) <= 512:
        raise _MALFORMED


def _item(mailbox: Mailbox, element: etree._Element) -> Item:
    identifier = element.get("Id", "")
    item = mailbox.items.get(identifier)
    if item is not None and element.tag == f"{T}ItemId":
        return item
    _check_form(identifier)
    if identifier in mailbox.folders:
        raise ItemError("ErrorCannotUseFolderIdForItemId", "Id must be an item id; it is a folder id.")
    raise _NOT_FOUND


def _only_id(item: Item) -> str:
    name = element_name(item)
    return f"<t:{name}>{item_id(item)}</t:{name}>"


def _change(change: Change, item: Item, shape: ItemShape) -> str:
    if change is Change.GONE:
        return f"<t:Delete>{item_id(item)}</t:Delete>"
    if change is Change.READ:
        read = str(item.is_read).lower()
        return f"<t:ReadFlagChange>{item_id(item)}<t:IsRead>{read}</t:IsRead></t:ReadFlagChange>"
    return f"<t:{change.value}>{shape.render(item)}</t:{change.value}>"


def _check_change_key(item: Item, change_key: str | None, overwrite: bool) -> None:
    if overwrite:
        return
    if change_key is None:
        raise ItemError("ErrorChangeKeyRequired", "The change key is required for this operation.")
    if change_key != item.change_key:
        raise ItemError(
            "ErrorIrresolvableConflict",
            "The send or update operation could not be performed because the change key passed in the request does "
            "not match the current change key for the item.",
        )


def _apply(mailbox: Mailbox, item: Item, updates: etree._Element) -> None:
    """Set the read flag; the sandbox changes nothing else of a delivered mail."""
    for update in updates:
        uri = update[0].get("FieldURI", "")
        if update.tag != f"{T}SetItemField" or uri != "message:IsRead":
            raise ItemError(
                "ErrorInvalidPropertySet",
                f"Set action is invalid for property: the sandbox cannot change {uri}.",
            )
        mailbox.set_read(item, is_true(update[1].findtext(f"{T}IsRead")))


def _page(
    view: etree._Element | None, searching: bool
) -> Callable[[Sequence[Thing]], tuple[Sequence[Thing], str]]:
    """What cuts a list to the part that the view asks for, with the paging attributes that tell of it."""
    most = MAX_SEARCH_PAGE if searching else MAX_PAGE
    asked = most if view is None else int(view.get("MaxEntriesReturned", most))
    offset = 0 if view is None else int(view.get("Offset", "0"))
    from_end = view is not None and view.get("BasePoint") == "End"
    if asked < 1:
        raise ItemError("ErrorInvalidPagingMaxRows", "MaxEntriesReturned must be greater than zero.")
    if offset < 0:
        raise ItemError("ErrorInvalidIndexedPagingParameters", "Offset must not be negative.")
    size = min(asked, most)

    def cut(things: Sequence[Thing]) -> tuple[Sequence[Thing], str]:
        total = len(things)
        start = max(0, total - offset - size) if from_end else min(offset, total)
        stop = max(0, total - offset) if from_end else min(start + size, total)
        last = start == 0 if from_end else stop == total
        following = offset + (stop - start) if from_end else stop
        return things[start:stop], (
            f'IndexedPagingOffset="{following}" TotalItemsInView="{total}" '
            f'IncludesLastItemInRange="{str(last).lower()}"'
        )

    return cut
