"""Names and types of what Graph gives and takes, as in Microsoft's metadata, and the check of what a client sends.

Only what the sandbox knows stands here; a property that Graph has and the sandbox does not is refused in words.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from placet.sandbox.graph import errors

ENTITY = {"id": "Edm.String"}
OUTLOOK_ITEM = ENTITY | {
    "categories": "Collection(Edm.String)",
    "changeKey": "Edm.String",
    "createdDateTime": "Edm.DateTimeOffset",
    "lastModifiedDateTime": "Edm.DateTimeOffset",
}
TYPES: dict[str, dict[str, str]] = {
    "message": OUTLOOK_ITEM
    | {
        "bccRecipients": "Collection(graph.recipient)",
        "body": "graph.itemBody",
        "bodyPreview": "Edm.String",
        "ccRecipients": "Collection(graph.recipient)",
        "conversationId": "Edm.String",
        "conversationIndex": "Edm.Binary",
        "flag": "graph.followupFlag",
        "from": "graph.recipient",
        "hasAttachments": "Edm.Boolean",
        "importance": "graph.importance",
        "inferenceClassification": "graph.inferenceClassificationType",
        "internetMessageHeaders": "Collection(graph.internetMessageHeader)",
        "internetMessageId": "Edm.String",
        "isDeliveryReceiptRequested": "Edm.Boolean",
        "isDraft": "Edm.Boolean",
        "isRead": "Edm.Boolean",
        "isReadReceiptRequested": "Edm.Boolean",
        "parentFolderId": "Edm.String",
        "receivedDateTime": "Edm.DateTimeOffset",
        "replyTo": "Collection(graph.recipient)",
        "sender": "graph.recipient",
        "sentDateTime": "Edm.DateTimeOffset",
        "subject": "Edm.String",
        "toRecipients": "Collection(graph.recipient)",
        "uniqueBody": "graph.itemBody",
        "webLink": "Edm.String",
        "attachments": "Collection(graph.attachment)",
        "singleValueExtendedProperties": "Collection(graph.singleValueLegacyExtendedProperty)",
    },
    "mailFolder": ENTITY
    | {
        "childFolderCount": "Edm.Int32",
        "displayName": "Edm.String",
        "isHidden": "Edm.Boolean",
        "parentFolderId": "Edm.String",
        "totalItemCount": "Edm.Int32",
        "unreadItemCount": "Edm.Int32",
    },
    "subscription": ENTITY
    | {
        "applicationId": "Edm.String",
        "changeType": "Edm.String",
        "clientState": "Edm.String",
        "creatorId": "Edm.String",
        "encryptionCertificate": "Edm.String",
        "encryptionCertificateId": "Edm.String",
        "expirationDateTime": "Edm.DateTimeOffset",
        "includeResourceData": "Edm.Boolean",
        "latestSupportedTlsVersion": "Edm.String",
        "lifecycleNotificationUrl": "Edm.String",
        "notificationQueryOptions": "Edm.String",
        "notificationUrl": "Edm.String",
        "notificationUrlAppId": "Edm.String",
        "resource": "Edm.String",
    },
    "changeNotification": {
        "changeType": "graph.changeType",
        "clientState": "Edm.String",
        "lifecycleEvent": "graph.lifecycleEventType",
        "resource": "Edm.String",
        "resourceData": "graph.resourceData",
        "subscriptionExpirationDateTime": "Edm.DateTimeOffset",
        "subscriptionId": "Edm.Guid",
        "tenantId": "Edm.Guid",
    },
    "recipient": {"emailAddress": "graph.emailAddress"},
    "emailAddress": {"address": "Edm.String", "name": "Edm.String"},
    "itemBody": {"content": "Edm.String", "contentType": "graph.bodyType"},
    "followupFlag": {"flagStatus": "graph.followupFlagStatus"},
    "internetMessageHeader": {"name": "Edm.String", "value": "Edm.String"},
    "singleValueLegacyExtendedProperty": ENTITY | {"value": "Edm.String"},
    # An attachment that a client sends must say of which kind it is; the sandbox takes files.
    "attachment": ENTITY
    | {
        "contentType": "Edm.String",
        "isInline": "Edm.Boolean",
        "lastModifiedDateTime": "Edm.DateTimeOffset",
        "name": "Edm.String",
        "size": "Edm.Int32",
        "contentBytes": "Edm.Binary",
        "contentId": "Edm.String",
        "contentLocation": "Edm.String",
    },
}
ENUMS = {
    "bodyType": ("text", "html"),
    "changeType": ("created", "updated", "deleted"),
    "importance": ("low", "normal", "high"),
    "inferenceClassificationType": ("focused", "other"),
    "lifecycleEventType": ("missed", "subscriptionRemoved", "reauthorizationRequired"),
    "followupFlagStatus": ("notFlagged", "complete", "flagged"),
}
ACTIONS = {
    "sendMail": {"Message": "graph.message", "SaveToSentItems": "Edm.Boolean"},
    "move": {"DestinationId": "Edm.String"},
    "createReply": {"Message": "graph.message", "Comment": "Edm.String"},
    "translateExchangeIds": {
        "InputIds": "Collection(Edm.String)",
        "SourceIdType": "Edm.String",
        "TargetIdType": "Edm.String",
    },
}


def entity(value: Mapping[str, Any], kind: str) -> None:
    """Raises GraphError unless every property of the object is one of its type, with a value of its type."""
    for name, given in value.items():
        if name.startswith("@odata."):
            continue
        if name not in TYPES[kind]:
            raise errors.unknown_property(name, kind)
        _check(given, TYPES[kind][name])


def parameters(value: Mapping[str, Any], action: str, *required: str) -> dict[str, Any]:
    """The parameters of an action by their names in the metadata; their first letter may be small.

    Raises GraphError.
    """
    known = ACTIONS[action]
    found: dict[str, Any] = {}
    for name, given in value.items():
        key = name[:1].upper() + name[1:]
        if key not in known:
            raise errors.unreadable(
                f"The parameter '{name}' in the request payload is not a valid parameter for the operation '{action}'."
            )
        _check(given, known[key])
        found[key] = given
    for key in required:
        if found.get(key) is None:
            raise errors.unreadable(f"The parameter '{key}' of the operation '{action}' is missing.")
    return found


def _check(value: Any, kind: str) -> None:
    if value is None:
        return
    if kind.startswith("Collection("):
        if not isinstance(value, list):
            raise errors.unreadable("A 'StartArray' node was expected.")
        for one in value:
            _check(one, kind[11:-1])
    elif kind.startswith("Edm."):
        if not _is(value, kind):
            raise errors.unreadable(f"Cannot convert the literal '{value}' to the expected type '{kind}'.")
    elif kind.removeprefix("graph.") in ENUMS:
        name = kind.removeprefix("graph.")
        if not isinstance(value, str) or value.lower() not in map(str.lower, ENUMS[name]):
            raise errors.unreadable(f"Requested value '{value}' was not found.")
    else:
        if not isinstance(value, dict):
            raise errors.unreadable("A 'StartObject' node was expected.")
        entity(value, kind.removeprefix("graph."))


def _is(value: Any, kind: str) -> bool:
    if kind == "Edm.Boolean":
        return isinstance(value, bool)
    if kind == "Edm.Int32":
        return isinstance(value, int) and not isinstance(value, bool)
    if not isinstance(value, str):
        return False
    try:
        if kind == "Edm.DateTimeOffset":
            return datetime.fromisoformat(value).tzinfo is not None
        if kind == "Edm.Binary":
            base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return False
    return True
