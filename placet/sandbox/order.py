"""Which elements an EWS request may hold, in which order: checked as strictly as Exchange checks its schema.

Written from the reference pages of the EWS operations for the operations that the sandbox knows. Exchange answers
a request that breaks the schema with the SOAP fault ErrorSchemaValidation and does nothing, so a client that puts
its elements in another order works nowhere.

A content model is a row of particles: `m:ItemShape` must be there, `?` may, `*` any number, `+` one or more;
`(a|b)` is one of several.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from lxml import etree

from placet.sandbox.names import words

MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"


MAX_DEPTH = 64


class OutOfOrder(Exception):
    """The request breaks the schema; the text says where."""


_PATH = "t:FieldURI|t:IndexedFieldURI|t:ExtendedFieldURI"
_FOLDER = "t:FolderId|t:DistinguishedFolderId"
_SEARCH = (
    "t:Contains|t:Exists|t:Excludes|t:IsEqualTo|t:IsNotEqualTo|t:IsGreaterThan|t:IsGreaterThanOrEqualTo|"
    "t:IsLessThan|t:IsLessThanOrEqualTo|t:And|t:Or|t:Not"
)
_ITEM_ID = "t:ItemId|t:OccurrenceItemId|t:RecurringMasterItemId|t:RecurringMasterItemIdRanges"
_KINDS_OF_ITEM = (
    "t:Item|t:Message|t:SharingMessage|t:CalendarItem|t:Contact|t:DistributionList|t:MeetingMessage|"
    "t:MeetingRequest|t:MeetingResponse|t:MeetingCancellation|t:Task|t:PostItem"
)
_ANSWERS = (
    "t:ReplyToItem|t:ForwardItem|t:ReplyAllToItem|t:AcceptItem|t:TentativelyAcceptItem|t:DeclineItem|"
    "t:CancelCalendarItem|t:RemoveItem|t:SuppressReadReceipt|t:PostReplyItem|t:AcceptSharingInvitation"
)
_ITEM = (
    "t:MimeContent? t:ItemId? t:ParentFolderId? t:ItemClass? t:Subject? t:Sensitivity? t:Body? t:Attachments? "
    "t:DateTimeReceived? t:Size? t:Categories? t:Importance? t:InReplyTo? t:IsSubmitted? t:IsDraft? t:IsFromMe? "
    "t:IsResend? t:IsUnmodified? t:InternetMessageHeaders? t:DateTimeSent? t:DateTimeCreated? t:ResponseObjects? "
    "t:ReminderDueBy? t:ReminderIsSet? t:ReminderNextTime? t:ReminderMinutesBeforeStart? t:DisplayCc? t:DisplayTo? "
    "t:DisplayBcc? t:HasAttachments? t:ExtendedProperty* t:Culture? t:EffectiveRights? t:LastModifiedName? "
    "t:LastModifiedTime? t:IsAssociated? t:WebClientReadFormQueryString? t:WebClientEditFormQueryString? "
    "t:ConversationId? t:UniqueBody? t:Flag?"
)
_MESSAGE = (
    f"{_ITEM} t:Sender? t:ToRecipients? t:CcRecipients? t:BccRecipients? t:IsReadReceiptRequested? "
    "t:IsDeliveryReceiptRequested? t:ConversationIndex? t:ConversationTopic? t:From? t:InternetMessageId? t:IsRead? "
    "t:IsResponseRequested? t:References? t:ReplyTo? t:ReceivedBy? t:ReceivedRepresenting?"
)

CONTENT = {
    "m:FindItem": "m:ItemShape (m:IndexedPageItemView|m:FractionalPageItemView|m:CalendarView|m:ContactsView)? "
    "(m:GroupBy|m:DistinguishedGroupBy)? m:Restriction? m:SortOrder? m:ParentFolderIds m:QueryString?",
    "m:GetItem": "m:ItemShape m:ItemIds",
    "m:SyncFolderItems": "m:ItemShape m:SyncFolderId m:SyncState? m:Ignore? m:MaxChangesReturned m:SyncScope?",
    "m:UpdateItem": "m:SavedItemFolderId? m:ItemChanges",
    "m:MoveItem": "m:ToFolderId m:ItemIds m:ReturnNewItemIds?",
    "m:DeleteItem": "m:ItemIds",
    "m:FindFolder": "m:FolderShape (m:IndexedPageFolderView|m:FractionalPageFolderView)? m:Restriction? "
    "m:ParentFolderIds",
    "m:GetFolder": "m:FolderShape m:FolderIds",
    "m:CreateFolder": "m:ParentFolderId m:Folders",
    "m:CreateItem": "m:SavedItemFolderId? m:Items",
    "m:ConvertId": "m:SourceIds",
    "m:Subscribe": "(m:PullSubscriptionRequest|m:PushSubscriptionRequest|m:StreamingSubscriptionRequest)",
    "m:GetStreamingEvents": "m:SubscriptionIds m:ConnectionTimeout",
    "m:Unsubscribe": "m:SubscriptionId",
    "m:ItemShape": "t:BaseShape t:IncludeMimeContent? t:BodyType? t:UniqueBodyType? t:NormalizedBodyType? "
    "t:FilterHtmlContent? t:ConvertHtmlCodePageToUTF8? t:InlineImageUrlTemplate? t:BlockExternalImages? "
    "t:AddBlankTargetToLinks? t:MaximumBodySize? t:AdditionalProperties?",
    "m:FolderShape": "t:BaseShape t:AdditionalProperties?",
    "t:AdditionalProperties": f"({_PATH})+",
    "m:IndexedPageItemView": "",
    "m:IndexedPageFolderView": "",
    "m:Restriction": f"({_SEARCH})",
    "t:And": f"({_SEARCH})+",
    "t:Or": f"({_SEARCH})+",
    "t:Not": f"({_SEARCH})",
    "t:IsEqualTo": f"({_PATH}) t:FieldURIOrConstant",
    "t:IsNotEqualTo": f"({_PATH}) t:FieldURIOrConstant",
    "t:IsGreaterThan": f"({_PATH}) t:FieldURIOrConstant",
    "t:IsGreaterThanOrEqualTo": f"({_PATH}) t:FieldURIOrConstant",
    "t:IsLessThan": f"({_PATH}) t:FieldURIOrConstant",
    "t:IsLessThanOrEqualTo": f"({_PATH}) t:FieldURIOrConstant",
    "t:Exists": f"({_PATH})",
    "t:Excludes": f"({_PATH}) t:Bitmask",
    "t:Contains": f"({_PATH}) t:Constant",
    "t:FieldURIOrConstant": f"({_PATH}|t:Constant)",
    "t:Constant": "",
    "t:Bitmask": "",
    "m:SortOrder": "t:FieldOrder+",
    "t:FieldOrder": f"({_PATH})",
    "m:ParentFolderIds": f"({_FOLDER})+",
    "m:FolderIds": f"({_FOLDER})+",
    "t:FolderIds": f"({_FOLDER})+",
    "m:ParentFolderId": f"({_FOLDER}|t:AddressListId)",
    "m:ToFolderId": f"({_FOLDER}|t:AddressListId)",
    "m:SyncFolderId": f"({_FOLDER}|t:AddressListId)",
    "m:SavedItemFolderId": f"({_FOLDER}|t:AddressListId)",
    "t:FolderId": "",
    "t:ParentFolderId": "",
    "t:DistinguishedFolderId": "t:Mailbox?",
    "t:Mailbox": "t:Name? t:EmailAddress? t:RoutingType? t:MailboxType? t:ItemId? t:OriginalDisplayName?",
    "m:ItemIds": f"({_ITEM_ID})+",
    "m:Ignore": "t:ItemId*",
    "t:ItemId": "",
    "t:FieldURI": "",
    "t:IndexedFieldURI": "",
    "t:ExtendedFieldURI": "",
    "m:ItemChanges": "t:ItemChange+",
    "t:ItemChange": "(t:ItemId|t:OccurrenceItemId|t:RecurringMasterItemId) t:Updates t:CalendarActivityData?",
    "t:Updates": "(t:AppendToItemField|t:SetItemField|t:DeleteItemField)+",
    "t:SetItemField": f"({_PATH}) ({_KINDS_OF_ITEM})",
    "t:AppendToItemField": f"({_PATH}) ({_KINDS_OF_ITEM})",
    "t:DeleteItemField": f"({_PATH})",
    "m:Items": f"({_KINDS_OF_ITEM}|{_ANSWERS})+",
    "t:Item": _ITEM,
    "t:Message": _MESSAGE,
    "t:Sender": "t:Mailbox",
    "t:From": "t:Mailbox",
    "t:ReceivedBy": "t:Mailbox",
    "t:ReceivedRepresenting": "t:Mailbox",
    "t:ToRecipients": "t:Mailbox*",
    "t:CcRecipients": "t:Mailbox*",
    "t:BccRecipients": "t:Mailbox*",
    "t:ReplyTo": "t:Mailbox*",
    "t:Categories": "t:String*",
    "t:ExtendedProperty": "t:ExtendedFieldURI (t:Value|t:Values)",
    "t:Values": "t:Value+",
    "t:InternetMessageHeaders": "t:InternetMessageHeader+",
    "t:InternetMessageHeader": "",
    "t:MimeContent": "",
    "t:Body": "",
    "m:Folders": "(t:Folder|t:CalendarFolder|t:ContactsFolder|t:SearchFolder|t:TasksFolder)+",
    "t:Folder": "t:FolderId? t:ParentFolderId? t:FolderClass? t:DisplayName? t:TotalCount? t:ChildFolderCount? "
    "t:ExtendedProperty* t:ManagedFolderInformation? t:EffectiveRights? t:DistinguishedFolderId? t:PolicyTag? "
    "t:ArchiveTag? t:ReplicaList? t:PermissionSet? t:UnreadCount?",
    "m:SourceIds": "(t:AlternateId|t:AlternatePublicFolderId|t:AlternatePublicFolderItemId)+",
    "t:AlternateId": "",
    "m:StreamingSubscriptionRequest": "t:FolderIds? t:EventTypes",
    "t:EventTypes": "t:EventType+",
    "m:SubscriptionIds": "t:SubscriptionId+",
    # Headers of the envelope.
    "t:ExchangeImpersonation": "t:ConnectingSID",
    "t:ConnectingSID": "(t:PrincipalName|t:SID|t:PrimarySmtpAddress|t:SmtpAddress)",
    "t:RequestServerVersion": "",
    "t:TimeZoneContext": "t:TimeZoneDefinition",
}
"""What may stand in an element. An element that is not here may hold anything: the sandbox does not read it."""

_Check = Callable[[str], bool]


def _one_of(*values: str) -> _Check:
    return frozenset(values).__contains__


def _like(pattern: str) -> _Check:
    matches = re.compile(pattern).fullmatch
    return lambda value: matches(value.strip()) is not None


def _string(value: str) -> bool:
    return True


def _not_empty(value: str) -> bool:
    return value != ""


_boolean = _one_of("true", "false", "1", "0")
_integer = _like(r"[+-]?\d{1,10}")
_date = _like(r"-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_best_body = _one_of("Best", "HTML", "Text")


def _between(low: int, high: int) -> _Check:
    return lambda value: _integer(value) and low <= int(value) <= high


def _field_uri(value: str) -> bool:
    kind, colon, name = value.partition(":")
    if kind in FIELDS:
        return name in FIELDS[kind]
    # The fields of items that no mailbox of the sandbox holds are not told apart.
    return bool(colon) and kind in _OTHER_FIELDS and name.isalnum()


FIELDS = {
    "folder": words(
        "FolderId ParentFolderId DisplayName UnreadCount TotalCount ChildFolderCount FolderClass "
        "SearchParameters ManagedFolderInformation PermissionSet EffectiveRights SharingEffectiveRights "
        "DistinguishedFolderId PolicyTag ArchiveTag ReplicaList"
    ),
    "item": words(
        "ItemId ParentFolderId ItemClass MimeContent Attachments Subject DateTimeReceived Size Categories "
        "HasAttachments Importance InReplyTo InternetMessageHeaders IsAssociated IsDraft IsFromMe "
        "IsResend IsSubmitted IsUnmodified DateTimeSent DateTimeCreated Body ResponseObjects Sensitivity "
        "ReminderDueBy ReminderIsSet ReminderNextTime ReminderMinutesBeforeStart DisplayTo DisplayCc "
        "DisplayBcc Culture EffectiveRights LastModifiedName LastModifiedTime ConversationId UniqueBody "
        "Flag StoreEntryId InstanceKey NormalizedBody EntityExtractionResult PolicyTag ArchiveTag "
        "RetentionDate Preview PredictedActionReasons IsClutter RightsManagementLicenseData BlockStatus "
        "HasBlockedImages WebClientReadFormQueryString WebClientEditFormQueryString TextBody IconIndex "
        "MimeContentUTF8"
    ),
    "message": words(
        "ConversationIndex ConversationTopic InternetMessageId IsRead IsResponseRequested "
        "IsReadReceiptRequested IsDeliveryReceiptRequested ReceivedBy ReceivedRepresenting References "
        "ReplyTo From Sender ToRecipients CcRecipients BccRecipients ApprovalRequestData "
        "VotingInformation ReminderMessageData"
    ),
}
_OTHER_FIELDS = words(
    "sharingMessage meeting meetingRequest calendar task contacts distributionlist postitem conversation"
)
_DISTINGUISHED = _one_of(
    *words(
        "calendar contacts deleteditems drafts inbox journal notes outbox sentitems tasks msgfolderroot "
        "publicfoldersroot root junkemail searchfolders voicemail recoverableitemsroot "
        "recoverableitemsdeletions recoverableitemsversions recoverableitemspurges "
        "recoverableitemsdiscoveryholds archiveroot archivemsgfolderroot archivedeleteditems archiveinbox "
        "archiverecoverableitemsroot archiverecoverableitemsdeletions archiverecoverableitemsversions "
        "archiverecoverableitemspurges archiverecoverableitemsdiscoveryholds syncissues conflicts "
        "localfailures serverfailures recipientcache quickcontacts conversationhistory adminauditlogs "
        "todosearch mycontacts directory imcontactlist peopleconnect favorites mecontact personmetadata "
        "teamspaceactivity teamspacemessaging teamspaceworkitems scheduled orionnotes tagitems alltaggeditems "
        "externalcontacts teamchat teamchathistory yammerroot yammerinbound yammeroutbound yammerfeeds "
        "onedriveroot onedriverecylebin onedrivesystem onedrivevolume important starred archive "
        # Names of the service that its published schema does not have, and that clients send.
        "allcategorizeditems allcontacts allitems allpersonmetadata companycontacts dlppolicyevaluation "
        "fromfavoritesenders inference onenotepagepreviews peoplecentricconversationbuddies "
        "qedcdefaultretention qedclongretention qedcmediumretention qedcshortretention quarantinedemail "
        "quarantinedemaildefaultcategory recoverableitemssubstrateholds relevantcontacts "
        "sharepointnotifications shortnotes temporarysaves usercuratedcontacts "
    )
)
_PROPERTY_TYPE = _one_of(
    *words(
        "ApplicationTime ApplicationTimeArray Binary BinaryArray Boolean CLSID CLSIDArray Currency "
        "CurrencyArray Double DoubleArray Error Float FloatArray Integer IntegerArray Long LongArray Null "
        "Object ObjectArray Short ShortArray SystemTime SystemTimeArray String StringArray"
    )
)
_PROPERTY_SET = _one_of(
    *words(
        "Meeting Appointment Common PublicStrings Address InternetHeaders CalendarAssistant "
        "UnifiedMessaging Task Sharing"
    )
)
_MAILBOX_TYPE = _one_of(
    *words("Unknown OneOff Mailbox PublicDL PrivateDL Contact PublicFolder GroupMailbox ImplicitContact")
)
_EVENT = _one_of(
    *words("CopiedEvent CreatedEvent DeletedEvent ModifiedEvent MovedEvent NewMailEvent FreeBusyChangedEvent")
)
_PAGE = {"MaxEntriesReturned": _integer, "Offset!": _integer, "BasePoint!": _one_of("Beginning", "End")}
_ID_FORMAT = _one_of("EwsLegacyId", "EwsId", "EntryId", "HexEntryId", "StoreId", "OwaId")
_MEETINGS = _one_of(
    "SendToNone", "SendOnlyToAll", "SendToAllAndSaveCopy", "SendOnlyToChanged", "SendToChangedAndSaveCopy"
)
_ID: dict[str, _Check] = {"Id!": _string, "ChangeKey": _string}

ATTRIBUTES: dict[str, dict[str, _Check]] = {
    "m:FindItem": {"Traversal!": _one_of("Shallow", "SoftDeleted", "Associated")},
    "m:FindFolder": {"Traversal!": _one_of("Shallow", "Deep", "SoftDeleted")},
    "m:UpdateItem": {
        "ConflictResolution!": _one_of("NeverOverwrite", "AutoResolve", "AlwaysOverwrite"),
        "MessageDisposition": _one_of("SaveOnly", "SendOnly", "SendAndSaveCopy"),
        "SendMeetingInvitationsOrCancellations": _MEETINGS,
        "SuppressReadReceipts": _boolean,
    },
    "m:DeleteItem": {
        "DeleteType!": _one_of("HardDelete", "SoftDelete", "MoveToDeletedItems"),
        "SendMeetingCancellations": _MEETINGS,
        "AffectedTaskOccurrences": _one_of("AllOccurrences", "SpecifiedOccurrenceOnly"),
        "SuppressReadReceipts": _boolean,
    },
    "m:CreateItem": {
        "MessageDisposition": _one_of("SaveOnly", "SendOnly", "SendAndSaveCopy"),
        "SendMeetingInvitations": _MEETINGS,
    },
    "m:ConvertId": {"DestinationFormat!": _ID_FORMAT},
    "t:AlternateId": {"Format!": _ID_FORMAT, "Id!": _string, "Mailbox!": _not_empty, "IsArchive": _boolean},
    "m:IndexedPageItemView": _PAGE,
    "m:IndexedPageFolderView": _PAGE,
    "t:FieldOrder": {"Order!": _one_of("Ascending", "Descending")},
    "t:Contains": {
        "ContainmentMode": _one_of("FullString", "Prefixed", "Substring", "PrefixOnWords", "ExactPhrase"),
        "ContainmentComparison": _one_of(
            "Exact",
            "IgnoreCase",
            "IgnoreNonSpacingCharacters",
            "Loose",
            "IgnoreCaseAndNonSpacingCharacters",
            "LooseAndIgnoreCase",
            "LooseAndIgnoreNonSpace",
            "LooseAndIgnoreCaseAndIgnoreNonSpace",
        ),
    },
    "t:Constant": {"Value!": _string},
    "t:Bitmask": {"Value!": _like(r"(0x[0-9A-Fa-f]{1,8})|\d{1,10}")},
    "t:ItemId": _ID,
    "t:FolderId": _ID,
    "t:ParentFolderId": _ID,
    "t:DistinguishedFolderId": {"Id!": _DISTINGUISHED, "ChangeKey": _string},
    "t:FieldURI": {"FieldURI!": _field_uri},
    "t:IndexedFieldURI": {"FieldURI!": _not_empty, "FieldIndex!": _string},
    "t:ExtendedFieldURI": {
        "DistinguishedPropertySetId": _PROPERTY_SET,
        "PropertySetId": _like(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
        "PropertyTag": _like(r"0[xX]([0-9A-Fa-f]){1,4}|\d{1,5}"),
        "PropertyName": _string,
        "PropertyId": _integer,
        "PropertyType!": _PROPERTY_TYPE,
    },
    "t:MimeContent": {"CharacterSet": _string},
    "t:Body": {"BodyType!": _one_of("HTML", "Text"), "IsTruncated": _boolean},
    "t:InternetMessageHeader": {"HeaderName!": _string},
    "m:StreamingSubscriptionRequest": {"SubscribeToAllFolders": _boolean},
    "t:RequestServerVersion": {"Version!": _string},
}
"""Attributes of each element; a `!` marks one that must be there. Elements that are not here take none."""

TEXT: dict[str, _Check] = {
    "t:BaseShape": _one_of("IdOnly", "Default", "AllProperties", "PcxPeopleSearch"),
    "t:IncludeMimeContent": _boolean,
    "t:BodyType": _best_body,
    "t:UniqueBodyType": _best_body,
    "t:NormalizedBodyType": _best_body,
    "t:FilterHtmlContent": _boolean,
    "t:ConvertHtmlCodePageToUTF8": _boolean,
    "t:BlockExternalImages": _boolean,
    "t:AddBlankTargetToLinks": _boolean,
    "t:MaximumBodySize": _integer,
    "t:InlineImageUrlTemplate": _string,
    "m:SyncState": _string,
    "m:MaxChangesReturned": _between(1, 512),
    "m:SyncScope": _one_of("NormalItems", "NormalAndAssociatedItems"),
    "m:ReturnNewItemIds": _boolean,
    "m:QueryString": _string,
    "m:ConnectionTimeout": _between(1, 30),
    "m:SubscriptionId": _not_empty,
    "t:SubscriptionId": _not_empty,
    "t:EventType": _EVENT,
    "t:Name": _string,
    "t:EmailAddress": _not_empty,
    "t:RoutingType": _not_empty,
    "t:MailboxType": _MAILBOX_TYPE,
    "t:OriginalDisplayName": _string,
    "t:MimeContent": _string,
    "t:Body": _string,
    "t:InternetMessageHeader": _string,
    "t:ItemClass": _string,
    "t:Subject": _string,
    "t:Sensitivity": _one_of("Normal", "Personal", "Private", "Confidential"),
    "t:Importance": _one_of("Low", "Normal", "High"),
    "t:DateTimeReceived": _date,
    "t:DateTimeSent": _date,
    "t:DateTimeCreated": _date,
    "t:ReminderDueBy": _date,
    "t:LastModifiedTime": _date,
    "t:Size": _integer,
    "t:InReplyTo": _string,
    "t:IsSubmitted": _boolean,
    "t:IsDraft": _boolean,
    "t:IsFromMe": _boolean,
    "t:IsResend": _boolean,
    "t:IsUnmodified": _boolean,
    "t:ReminderIsSet": _boolean,
    "t:ReminderMinutesBeforeStart": _like(r"-?\d{1,10}"),
    "t:HasAttachments": _boolean,
    "t:IsReadReceiptRequested": _boolean,
    "t:IsDeliveryReceiptRequested": _boolean,
    "t:InternetMessageId": _string,
    "t:IsRead": _boolean,
    "t:IsResponseRequested": _boolean,
    "t:References": _string,
    "t:String": _string,
    "t:Value": _string,
    "t:FolderClass": _string,
    "t:DisplayName": _string,
    "t:TotalCount": _integer,
    "t:ChildFolderCount": _integer,
    "t:UnreadCount": _integer,
    "t:PrincipalName": _not_empty,
    "t:SID": _not_empty,
    "t:PrimarySmtpAddress": _not_empty,
    "t:SmtpAddress": _not_empty,
}
"""Elements that hold text, and what it must look like."""


@dataclass(frozen=True)
class _Particle:
    names: frozenset[str]
    least: int
    most: int | None


@cache
def _model(name: str) -> tuple[_Particle, ...]:
    return tuple(_particle(word) for word in CONTENT[name].split())


def _particle(word: str) -> _Particle:
    least, most = {"?": (0, 1), "*": (0, None), "+": (1, None)}.get(word[-1], (1, 1))
    return _Particle(frozenset(word.rstrip("?*+").strip("()").split("|")), least, most)


def name_of(element: etree._Element) -> str:
    """`t:ItemId` for an element of types, `m:…` for one of messages; other tags as they are."""
    return _short(str(element.tag))


@cache
def _short(tag: str) -> str:
    namespace, _, local = tag.rpartition("}")
    prefix = {MESSAGES: "m:", TYPES: "t:"}.get(namespace[1:])
    return prefix + local if prefix else tag


def check(element: etree._Element, depth: int = 0) -> None:
    """Raise OutOfOrder unless the element is what Exchange accepts, with all that it holds."""
    if depth > MAX_DEPTH:
        raise OutOfOrder(f"The request is nested more than {MAX_DEPTH} elements deep.")
    name = name_of(element)
    _check_attributes(name, element)
    children = list(element)
    if name in TEXT:
        if children:
            raise OutOfOrder(f"The element '{name}' cannot contain the element '{name_of(children[0])}'.")
        if not TEXT[name](element.text or ""):
            raise OutOfOrder(
                f"The '{name}' element is invalid - The value '{_shown(element.text)}' is invalid."
            )
        return
    if name not in CONTENT:
        return
    if (element.text or "").strip() or any((child.tail or "").strip() for child in children):
        raise OutOfOrder(f"The element '{name}' cannot contain text.")
    _check_order(name, [name_of(child) for child in children])
    for child in children:
        check(child, depth + 1)


def _check_order(name: str, children: list[str]) -> None:
    position = 0
    for particle in _model(name):
        found = 0
        while position < len(children) and children[position] in particle.names and found != particle.most:
            found += 1
            position += 1
        if found < particle.least:
            wanted = ", ".join(sorted(particle.names))
            if position < len(children):
                raise OutOfOrder(
                    f"The element '{name}' has invalid child element '{children[position]}'. List of possible "
                    f"elements expected: '{wanted}'."
                )
            raise OutOfOrder(
                f"The element '{name}' has incomplete content. List of possible elements expected: '{wanted}'."
            )
    if position < len(children):
        raise OutOfOrder(f"The element '{name}' has invalid child element '{children[position]}'.")


def _check_attributes(name: str, element: etree._Element) -> None:
    if name not in CONTENT and name not in TEXT:
        return
    allowed = ATTRIBUTES.get(name, {})
    for attribute, value in element.attrib.items():
        if str(attribute).startswith("{"):
            continue
        valid = allowed.get(str(attribute)) or allowed.get(f"{attribute}!")
        if valid is None:
            raise OutOfOrder(f"The '{attribute}' attribute is not declared on the element '{name}'.")
        if not valid(str(value)):
            raise OutOfOrder(
                f"The '{attribute}' attribute is invalid - The value '{_shown(str(value))}' is invalid for the "
                f"element '{name}'."
            )
    for attribute in allowed:
        if attribute.endswith("!") and attribute[:-1] not in element.attrib:
            raise OutOfOrder(f"The required attribute '{attribute[:-1]}' is missing on the element '{name}'.")


def _shown(value: str | None) -> str:
    return (value or "")[:60]
