"""Literal bytes to and from the sandbox: http.client and nothing of Placet's own client."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from placet.sandbox import Sandbox

M = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
S = "{http://schemas.xmlsoap.org/soap/envelope/}"
E = "{http://schemas.microsoft.com/exchange/services/2006/errors}"
APPROVALS = "approvals@contoso.example"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def xml(self) -> etree._Element:
        return etree.fromstring(self.body)

    @property
    def codes(self) -> list[str]:
        """The response code of every response message, or of the fault."""
        found = [*self.xml.iter(f"{M}ResponseCode"), *self.xml.iter(f"{E}ResponseCode")]
        return [code.text or "" for code in found]

    @property
    def text(self) -> str:
        return self.body.decode()

    def ids(self, name: str = "ItemId") -> list[tuple[str, str]]:
        """Id and change key of every such element, in order."""
        return [(i.get("Id", ""), i.get("ChangeKey", "")) for i in self.xml.iter(f"{T}{name}")]


def send(
    sandbox: Sandbox,
    method: str,
    path: str,
    body: bytes | str = b"",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    parts = urllib.parse.urlsplit(sandbox.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request(
            method, path, body.encode() if isinstance(body, str) else body, dict(headers or {})
        )
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def ask_token(
    sandbox: Sandbox, *, path: str | None = None, headers: Mapping[str, str] | None = None, **form: str
) -> Answer:
    """A token request with good values, but for those given; an empty value leaves a field out."""
    fields = {
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "scope": sandbox.scope,
        "grant_type": "client_credentials",
    } | form
    body = urllib.parse.urlencode({name: value for name, value in fields.items() if value})
    return raw_token(sandbox, body, path=path, headers=headers)


def raw_token(
    sandbox: Sandbox, body: str, *, path: str | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    given = {"Content-Type": "application/x-www-form-urlencoded"} | dict(headers or {})
    return send(sandbox, "POST", path or f"/{sandbox.tenant_id}/oauth2/v2.0/token", body, given)


def token(sandbox: Sandbox) -> str:
    return str(ask_token(sandbox).json["access_token"])


def claims(access_token: str) -> dict[str, Any]:
    payload = access_token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return decoded


def impersonate(address: str, element: str = "SmtpAddress") -> str:
    return (
        f"<t:ExchangeImpersonation><t:ConnectingSID><t:{element}>{address}</t:{element}></t:ConnectingSID>"
        "</t:ExchangeImpersonation>"
    )


def envelope(operation: str, header: str | None = None, *, soap: str = S[1:-1]) -> str:
    header = (
        '<t:RequestServerVersion Version="Exchange2016"/>' + impersonate(APPROVALS)
        if header is None
        else header
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{soap}" xmlns:m="{M[1:-1]}" xmlns:t="{T[1:-1]}">'
        f"<s:Header>{header}</s:Header><s:Body>{operation}</s:Body></s:Envelope>"
    )


def ews(
    sandbox: Sandbox,
    operation: str,
    *,
    header: str | None = None,
    headers: Mapping[str, str] | None = None,
    access_token: str | None = None,
) -> Answer:
    """One operation in an envelope, with a good token unless another is given ("" for none)."""
    return raw_ews(sandbox, envelope(operation, header), headers=headers, access_token=access_token)


def raw_ews(
    sandbox: Sandbox,
    body: str | bytes,
    *,
    headers: Mapping[str, str] | None = None,
    access_token: str | None = None,
    method: str = "POST",
) -> Answer:
    given = {"Content-Type": "text/xml; charset=utf-8", "X-AnchorMailbox": APPROVALS, "User-Agent": "wire/1"}
    access_token = token(sandbox) if access_token is None else access_token
    if access_token:
        given["Authorization"] = f"Bearer {access_token}"
    return send(sandbox, method, "/EWS/Exchange.asmx", body, given | dict(headers or {}))


def control(sandbox: Sandbox, method: str, call: str, *, password: str | None = None, **given: Any) -> Answer:
    headers = {"Authorization": f"Bearer {sandbox.control_password if password is None else password}"}
    if method == "POST":
        return send(sandbox, method, f"/sandbox/{call}", json.dumps(given), headers)
    return send(sandbox, method, f"/sandbox/{call}?{urllib.parse.urlencode(given)}", headers=headers)


# -- operations ----------------------------------------------------------------------------------------------

ID_ONLY = "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>"


def shape(*uris: str, mime: bool = False, base: str = "IdOnly", extended: str = "") -> str:
    properties = "".join(f'<t:FieldURI FieldURI="{uri}"/>' for uri in uris) + extended
    wanted = f"<t:AdditionalProperties>{properties}</t:AdditionalProperties>" if properties else ""
    content = "<t:IncludeMimeContent>true</t:IncludeMimeContent>" if mime else ""
    return f"<m:ItemShape><t:BaseShape>{base}</t:BaseShape>{content}{wanted}</m:ItemShape>"


def sync(state: str = "", most: int = 100, folder: str = "inbox", item_shape: str = ID_ONLY) -> str:
    known = f"<m:SyncState>{state}</m:SyncState>" if state else ""
    return (
        f'<m:SyncFolderItems>{item_shape}<m:SyncFolderId><t:DistinguishedFolderId Id="{folder}"/></m:SyncFolderId>'
        f"{known}<m:MaxChangesReturned>{most}</m:MaxChangesReturned></m:SyncFolderItems>"
    )


def get_item(item_shape: str, *ids: str) -> str:
    wanted = "".join(f'<t:ItemId Id="{item}"/>' for item in ids)
    return f"<m:GetItem>{item_shape}<m:ItemIds>{wanted}</m:ItemIds></m:GetItem>"


def find_item(rest: str = "", *, item_shape: str = ID_ONLY, folder: str = "inbox") -> str:
    return (
        f'<m:FindItem Traversal="Shallow">{item_shape}{rest}<m:ParentFolderIds><t:DistinguishedFolderId Id="{folder}"/>'
        "</m:ParentFolderIds></m:FindItem>"
    )


def create_item(mime: bytes | str, disposition: str = "SendAndSaveCopy") -> str:
    encoded = base64.b64encode(mime).decode() if isinstance(mime, bytes) else mime
    return (
        f'<m:CreateItem MessageDisposition="{disposition}"><m:Items><t:Message>'
        f'<t:MimeContent CharacterSet="UTF-8">{encoded}</t:MimeContent></t:Message></m:Items></m:CreateItem>'
    )


def move_item(item: str, folder: str) -> str:
    return (
        f'<m:MoveItem><m:ToFolderId><t:DistinguishedFolderId Id="{folder}"/></m:ToFolderId>'
        f'<m:ItemIds><t:ItemId Id="{item}"/></m:ItemIds></m:MoveItem>'
    )


def update_read(
    item: str, change_key: str = "", *, read: str = "true", resolution: str = "AlwaysOverwrite"
) -> str:
    key = f' ChangeKey="{change_key}"' if change_key else ""
    return (
        f'<m:UpdateItem ConflictResolution="{resolution}" MessageDisposition="SaveOnly" SuppressReadReceipts="true">'
        f'<m:ItemChanges><t:ItemChange><t:ItemId Id="{item}"{key}/><t:Updates><t:SetItemField>'
        f'<t:FieldURI FieldURI="message:IsRead"/><t:Message><t:IsRead>{read}</t:IsRead></t:Message></t:SetItemField>'
        "</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>"
    )


def delete_item(item: str, how: str = "HardDelete") -> str:
    return f'<m:DeleteItem DeleteType="{how}"><m:ItemIds><t:ItemId Id="{item}"/></m:ItemIds></m:DeleteItem>'


def mail(**headers: str) -> bytes:
    """A small mail; `in_reply_to="…"` becomes In-Reply-To."""
    fields = {
        "from": "Ann Approver <ann@contoso.example>",
        "to": APPROVALS,
        "subject": "RE: Request 42",
    } | headers
    lines = [f"{name.replace('_', '-').title()}: {value}" for name, value in fields.items() if value]
    return "\r\n".join([*lines, "", "Approve", ""]).encode()
