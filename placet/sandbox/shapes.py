"""Items and folders as EWS shows them: which property under which name, in the order of Microsoft's schema."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lxml import etree, html

from placet.sandbox import mime, properties
from placet.sandbox.envelope import T, is_true, quote
from placet.sandbox.mime import Address
from placet.sandbox.names import words
from placet.sandbox.tenant import Folder, Item, Tenant

_RIGHTS = (
    "<t:EffectiveRights><t:CreateAssociated>true</t:CreateAssociated><t:CreateContents>true</t:CreateContents>"
    "<t:CreateHierarchy>true</t:CreateHierarchy><t:Delete>true</t:Delete><t:Modify>true</t:Modify>"
    "<t:Read>true</t:Read><t:ViewPrivateItems>true</t:ViewPrivateItems></t:EffectiveRights>"
)
_MAX_FOUND_HEADER = 512
"""Bytes of a stream property that FindItem shows."""


class UnreadablePath(Exception):
    """The request names a property in a way that Exchange refuses: ErrorInvalidExtendedProperty."""


@dataclass(frozen=True)
class ExtendedPath:
    """A MAPI property asked for by tag, or by property set and id or name."""

    attributes: tuple[tuple[str, str], ...]
    tag: int | None
    property_set: str
    property_id: int | None
    name: str

    @classmethod
    def read(cls, element: etree._Element) -> ExtendedPath:
        tag = element.get("PropertyTag")
        named_set = element.get("DistinguishedPropertySetId", "")
        property_set = (element.get("PropertySetId") or "").lower()
        property_id, name = element.get("PropertyId"), element.get("PropertyName")
        if tag is not None:
            if named_set or property_set or property_id or name:
                raise UnreadablePath
        elif bool(named_set) == bool(property_set) or (property_id is None) == (name is None):
            raise UnreadablePath
        number = None if tag is None else int(tag, 0)
        shown = [
            (str(k), hex(number) if k == "PropertyTag" and number else str(v))
            for k, v in element.attrib.items()
        ]
        return cls(
            tuple(shown),
            number,
            {"Common": properties.COMMON, "InternetHeaders": properties.INTERNET_HEADERS}.get(
                named_set, property_set
            ),
            None if property_id is None else int(property_id),
            name or "",
        )

    def value(self, item: Item) -> str | None:
        if self.tag is None:
            return properties.named(item, self.property_set, self.property_id, self.name)
        value = properties.tagged(item, self.tag)
        return None if value is None else str(value)

    def render(self, item: Item) -> str:
        value = self.value(item)
        if value is None:
            return ""
        attributes = " ".join(f'{name}="{quote(text)}"' for name, text in self.attributes)
        return (
            f"<t:ExtendedProperty><t:ExtendedFieldURI {attributes}/><t:Value>{quote(value)}</t:Value>"
            "</t:ExtendedProperty>"
        )


def item_id(item: Item) -> str:
    return f'<t:ItemId Id="{item.id}" ChangeKey="{item.change_key}"/>'


def element_name(item: Item) -> str:
    """The element that an item of this class comes in."""
    kind = item.item_class.lower()
    if kind.startswith("ipm.schedule.meeting.resp"):
        return "MeetingResponse"
    if kind.startswith("ipm.schedule.meeting.request"):
        return "MeetingRequest"
    if kind.startswith("ipm.schedule.meeting.canceled"):
        return "MeetingCancellation"
    return "Message"


def when(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


class ItemShape:
    """What a request wants to see of items, made ready once and then rendered for each item."""

    def __init__(self, tenant: Tenant, shape: etree._Element, *, found: bool = False) -> None:
        """`found` is for FindItem, which shows less. Raises UnreadablePath."""
        self._tenant = tenant
        self._found = found
        self._body_type = (shape.findtext(f"{T}BodyType") or "Best").strip()
        wanted = set(_BASE[(shape.findtext(f"{T}BaseShape") or "").strip()])
        extended = []
        for path in shape.iterfind(f"{T}AdditionalProperties/*"):
            if path.tag == f"{T}FieldURI":
                wanted.add(path.get("FieldURI", ""))
            elif path.tag == f"{T}ExtendedFieldURI":
                extended.append(ExtendedPath.read(path))
        if is_true(shape.findtext(f"{T}IncludeMimeContent")):
            wanted.add("item:MimeContent")
        if found:
            wanted -= _NOT_FOUND
        self._extended = tuple(extended)
        self._parts = [render for uri, render in _PROPERTIES if uri in wanted or uri == _EXTENDED]

    def render(self, item: Item) -> str:
        name = element_name(item)
        return f"<t:{name}>{''.join([part(self, item) for part in self._parts])}</t:{name}>"

    # -- properties that depend on the shape or the tenant ---------------------------------------------------

    def _extended_properties(self, item: Item) -> str:
        return "".join(path.render(item) for path in self._extended)

    def _person(self, tag: str, person: Address | None) -> str:
        return "" if person is None else f"<t:{tag}>{self._mailbox(person)}</t:{tag}>"

    def _people(self, tag: str, people: list[Address]) -> str:
        return f"<t:{tag}>{''.join(map(self._mailbox, people))}</t:{tag}>" if people else ""

    def _mailbox(self, person: Address) -> str:
        name = f"<t:Name>{quote(person.name or person.address)}</t:Name>"
        if self._found:
            return f"<t:Mailbox>{name}</t:Mailbox>"
        kind = "Mailbox" if self._tenant.inside(person.address) else "OneOff"
        return (
            f"<t:Mailbox>{name}<t:EmailAddress>{quote(person.address)}</t:EmailAddress>"
            f"<t:RoutingType>SMTP</t:RoutingType><t:MailboxType>{kind}</t:MailboxType></t:Mailbox>"
        )

    def _body(self, item: Item) -> str:
        content = item.content
        if self._body_type == "Text" or (self._body_type == "Best" and not content.html):
            return f'<t:Body BodyType="Text">{quote(as_text(content))}</t:Body>'
        page = content.html or f"<html><body><pre>{quote(content.text)}</pre></body></html>"
        return f'<t:Body BodyType="HTML">{quote(page)}</t:Body>'

    def _internet_headers(self, item: Item) -> str:
        if not item.transport_headers:
            return ""
        headers, _ = mime.split(item.transport_headers.encode("utf-8"))
        most = _MAX_FOUND_HEADER if self._found else None
        lines = [
            f'<t:InternetMessageHeader HeaderName="{quote(name)}">{quote(mime.raw_text(mime.unfold(value))[:most])}'
            "</t:InternetMessageHeader>"
            for name, value in headers
        ]
        return f"<t:InternetMessageHeaders>{''.join(lines)}</t:InternetMessageHeaders>" if lines else ""


def as_text(content: mime.Readable) -> str:
    if content.text or not content.html.strip():
        return content.text
    return str(
        html.fromstring(content.html.encode(), parser=html.HTMLParser(encoding="utf-8")).text_content()
    )


def _mime_content(shape: ItemShape, item: Item) -> str:
    return (
        f'<t:MimeContent CharacterSet="UTF-8">{base64.b64encode(item.mime).decode("ascii")}</t:MimeContent>'
    )


def _text(tag: str, get: Callable[[Item], str | None]) -> Callable[[ItemShape, Item], str]:
    def render(shape: ItemShape, item: Item) -> str:
        value = get(item)
        return "" if value is None else f"<t:{tag}>{quote(value)}</t:{tag}>"

    return render


def _flag(tag: str, get: Callable[[Item], bool]) -> Callable[[ItemShape, Item], str]:
    yes, no = f"<t:{tag}>true</t:{tag}>", f"<t:{tag}>false</t:{tag}>"
    return lambda shape, item: yes if get(item) else no


def _fixed(xml: str) -> Callable[[ItemShape, Item], str]:
    return lambda shape, item: xml


def topic(item: Item) -> str:
    subject = item.subject
    while subject[:3].lower() in ("re:", "fw:") or subject[:4].lower() == "fwd:":
        subject = subject.partition(":")[2].strip()
    return subject


def conversation(item: Item) -> str:
    digest = hashlib.sha256(topic(item).encode("utf-8", "replace")).digest()
    return base64.b64encode(b"AAQkAD" + digest + digest[:16]).decode("ascii")


def _importance(item: Item) -> str:
    value = (item.header("importance") or "normal").capitalize()
    return value if value in ("Low", "Normal", "High") else "Normal"


def _voting(item: Item) -> str:
    if item.voting_response is None:
        return ""
    response = f"<t:VotingResponse>{quote(item.voting_response)}</t:VotingResponse>"
    return f"<t:VotingInformation>{response}</t:VotingInformation>"


def _names(item: Item, header: str) -> str:
    return "; ".join(person.name or person.address for person in item.people(header))


_EXTENDED = "extended"
_PROPERTIES: list[tuple[str, Callable[[ItemShape, Item], str]]] = [
    ("item:MimeContent", _mime_content),
    ("item:ItemId", lambda shape, item: item_id(item)),
    (
        "item:ParentFolderId",
        lambda shape, item: f'<t:ParentFolderId Id="{item.folder.id}" ChangeKey="{item.folder.change_key}"/>',
    ),
    ("item:ItemClass", _text("ItemClass", lambda item: item.item_class)),
    ("item:Subject", _text("Subject", lambda item: item.subject)),
    ("item:Sensitivity", _fixed("<t:Sensitivity>Normal</t:Sensitivity>")),
    ("item:Body", ItemShape._body),
    ("item:DateTimeReceived", _text("DateTimeReceived", lambda item: when(item.received))),
    ("item:Size", _text("Size", lambda item: str(item.size))),
    ("item:Importance", _text("Importance", _importance)),
    ("item:InReplyTo", _text("InReplyTo", lambda item: item.header("in-reply-to"))),
    ("item:IsSubmitted", _flag("IsSubmitted", lambda item: False)),
    ("item:IsDraft", _flag("IsDraft", lambda item: item.is_draft)),
    ("item:IsFromMe", _flag("IsFromMe", lambda item: item.folder.well_known == "sentitems")),
    ("item:IsResend", _flag("IsResend", lambda item: False)),
    ("item:IsUnmodified", _flag("IsUnmodified", lambda item: not item.is_draft)),
    ("item:InternetMessageHeaders", ItemShape._internet_headers),
    ("item:DateTimeSent", _text("DateTimeSent", lambda item: when(item.sent))),
    ("item:DateTimeCreated", _text("DateTimeCreated", lambda item: when(item.received))),
    ("item:ReminderIsSet", _flag("ReminderIsSet", lambda item: False)),
    ("item:DisplayCc", _text("DisplayCc", lambda item: _names(item, "cc"))),
    ("item:DisplayTo", _text("DisplayTo", lambda item: _names(item, "to"))),
    ("item:DisplayBcc", _text("DisplayBcc", lambda item: _names(item, "bcc"))),
    ("item:HasAttachments", _flag("HasAttachments", lambda item: bool(item.content.attachments))),
    (_EXTENDED, ItemShape._extended_properties),
    ("item:Culture", _fixed("<t:Culture>en-US</t:Culture>")),
    ("item:EffectiveRights", _fixed(_RIGHTS)),
    ("item:IsAssociated", _flag("IsAssociated", lambda item: False)),
    ("item:ConversationId", lambda shape, item: f'<t:ConversationId Id="{conversation(item)}"/>'),
    ("item:Flag", _fixed("<t:Flag><t:FlagStatus>NotFlagged</t:FlagStatus></t:Flag>")),
    (
        "item:TextBody",
        lambda shape, item: f'<t:TextBody BodyType="Text">{quote(as_text(item.content))}</t:TextBody>',
    ),
    ("message:Sender", lambda shape, item: shape._person("Sender", item.sender)),
    ("message:ToRecipients", lambda shape, item: shape._people("ToRecipients", item.people("to"))),
    ("message:CcRecipients", lambda shape, item: shape._people("CcRecipients", item.people("cc"))),
    ("message:BccRecipients", lambda shape, item: shape._people("BccRecipients", item.people("bcc"))),
    (
        "message:IsReadReceiptRequested",
        _flag("IsReadReceiptRequested", lambda item: item.header("disposition-notification-to") is not None),
    ),
    ("message:IsDeliveryReceiptRequested", _flag("IsDeliveryReceiptRequested", lambda item: False)),
    ("message:ConversationTopic", _text("ConversationTopic", topic)),
    ("message:From", lambda shape, item: shape._person("From", item.from_)),
    ("message:InternetMessageId", _text("InternetMessageId", lambda item: item.message_id)),
    ("message:IsRead", _flag("IsRead", lambda item: item.is_read)),
    ("message:IsResponseRequested", _flag("IsResponseRequested", lambda item: False)),
    ("message:References", _text("References", lambda item: item.header("references"))),
    ("message:ReplyTo", lambda shape, item: shape._people("ReplyTo", item.people("reply-to"))),
    ("message:VotingInformation", lambda shape, item: _voting(item)),
]
_ALL = frozenset(uri for uri, _ in _PROPERTIES)
_BASE = {
    "IdOnly": frozenset({"item:ItemId"}),
    "Default": words(
        "item:ItemId item:ItemClass item:Subject item:Sensitivity item:Body item:Size item:DateTimeSent "
        "item:DateTimeCreated item:HasAttachments message:ToRecipients message:CcRecipients "
        "message:BccRecipients message:From message:IsRead message:IsReadReceiptRequested "
        "message:IsDeliveryReceiptRequested"
    ),
    "AllProperties": _ALL - {"item:MimeContent"},
    "PcxPeopleSearch": frozenset({"item:ItemId"}),
}
_NOT_FOUND = words(
    "item:MimeContent item:Body item:TextBody message:ToRecipients message:CcRecipients "
    "message:BccRecipients message:ReplyTo"
)
"""What FindItem does not show; a client must ask GetItem for it."""


class FolderShape:
    """What a request wants to see of folders."""

    def __init__(self, shape: etree._Element) -> None:
        wanted = set(_FOLDER_BASE[(shape.findtext(f"{T}BaseShape") or "").strip()])
        wanted.update(
            path.get("FieldURI", "") for path in shape.iterfind(f"{T}AdditionalProperties/{T}FieldURI")
        )
        self._parts = [render for uri, render in _FOLDER_PROPERTIES if uri in wanted]

    def render(self, folder: Folder) -> str:
        return f"<t:Folder>{''.join(part(folder) for part in self._parts)}</t:Folder>"


def folder_id(folder: Folder) -> str:
    return f'<t:FolderId Id="{folder.id}" ChangeKey="{folder.change_key}"/>'


def _parent_id(folder: Folder) -> str:
    if folder.parent is None:
        return ""
    return f'<t:ParentFolderId Id="{folder.parent.id}" ChangeKey="{folder.parent.change_key}"/>'


_FOLDER_PROPERTIES: list[tuple[str, Callable[[Folder], str]]] = [
    ("folder:FolderId", folder_id),
    ("folder:ParentFolderId", _parent_id),
    (
        "folder:FolderClass",
        lambda folder: (
            f"<t:FolderClass>{quote(folder.folder_class)}</t:FolderClass>" if folder.folder_class else ""
        ),
    ),
    ("folder:DisplayName", lambda folder: f"<t:DisplayName>{quote(folder.name)}</t:DisplayName>"),
    ("folder:TotalCount", lambda folder: f"<t:TotalCount>{len(folder.items)}</t:TotalCount>"),
    (
        "folder:ChildFolderCount",
        lambda folder: f"<t:ChildFolderCount>{len(folder.children)}</t:ChildFolderCount>",
    ),
    ("folder:EffectiveRights", lambda folder: _RIGHTS),
    (
        "folder:DistinguishedFolderId",
        lambda folder: (
            f"<t:DistinguishedFolderId>{folder.well_known}</t:DistinguishedFolderId>"
            if folder.well_known
            else ""
        ),
    ),
    ("folder:PermissionSet", lambda folder: "<t:PermissionSet><t:Permissions/></t:PermissionSet>"),
    ("folder:UnreadCount", lambda folder: f"<t:UnreadCount>{folder.unread}</t:UnreadCount>"),
]
_FOLDER_BASE = {
    "IdOnly": frozenset({"folder:FolderId"}),
    "Default": frozenset(
        [
            "folder:FolderId",
            "folder:DisplayName",
            "folder:TotalCount",
            "folder:ChildFolderCount",
            "folder:UnreadCount",
        ]
    ),
    "AllProperties": frozenset(uri for uri, _ in _FOLDER_PROPERTIES),
    "PcxPeopleSearch": frozenset({"folder:FolderId"}),
}
