"""What the whole path is compared with: fetching the same mails and doing nothing with them."""

import base64
import os
import time
from collections.abc import Iterator

import requests
from lxml import etree

from benchmarks.tenant import APPROVALS, Tenant

TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
IN_ONE_SYNC = 512
IN_ONE_GET = 10
_ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    f'xmlns:m="{MESSAGES}" xmlns:t="{TYPES}"><s:Header><t:RequestServerVersion Version="Exchange2016"/>'
    f"<t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>{APPROVALS}</t:SmtpAddress></t:ConnectingSID>"
    "</t:ExchangeImpersonation></s:Header><s:Body>{}</s:Body></s:Envelope>"
)
_SHAPE = "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>{}</m:ItemShape>"
_SYNC = (
    "<m:SyncFolderItems>" + _SHAPE.format("") + '<m:SyncFolderId><t:DistinguishedFolderId Id="inbox"/>'
    "</m:SyncFolderId>{}<m:MaxChangesReturned>"
    + str(IN_ONE_SYNC)
    + "</m:MaxChangesReturned></m:SyncFolderItems>"
)
_GET = (
    "<m:GetItem>"
    + _SHAPE.format("<t:IncludeMimeContent>true</t:IncludeMimeContent>")
    + "<m:ItemIds>{}</m:ItemIds>"
    "</m:GetItem>"
)


def by_requests(tenant: Tenant, way: str, expected: int) -> float:
    """Seconds that requests take by themselves, through Microsoft Graph or Exchange Web Services."""
    return {"graph": _by_graph, "ews": _by_ews}[way](tenant, expected)


def _by_graph(tenant: Tenant, expected: int) -> float:
    """The delta of the Inbox, then the MIME of each mail, which Graph gives one by one."""
    began = time.perf_counter()
    with requests.Session() as session:
        session.headers.update(
            {
                "Authorization": f"Bearer {_token(session, tenant, 'graph')}",
                "Prefer": f'IdType="ImmutableId", odata.maxpagesize={IN_ONE_SYNC}',
            }
        )
        ids: list[str] = []
        mailbox = f"{tenant.graph_url}/users/{APPROVALS}"
        url = f"{mailbox}/mailFolders/inbox/messages/delta?$select=id"
        while url:
            page = _get(session, url).json()
            ids += [mail["id"] for mail in page["value"]]
            url = page.get("@odata.nextLink", "")
        found = sum(1 for id_ in ids if _get(session, f"{mailbox}/messages/{id_}/$value").content)
    taken = time.perf_counter() - began
    _must_be(found, expected)
    return taken


def _get(session: requests.Session, url: str) -> requests.Response:
    answer = session.get(url, timeout=60)
    answer.raise_for_status()
    return answer


def _by_ews(tenant: Tenant, expected: int) -> float:
    began = time.perf_counter()
    with requests.Session() as session:
        found = by_ews(session, tenant.ews_url, _token(session, tenant, "ews"))
    taken = time.perf_counter() - began
    _must_be(found, expected)
    return taken


def by_ews(session: requests.Session, url: str, token: str) -> int:
    """How many mails SyncFolderItems and then GetItem give, with MIME, ten at a time, read by lxml."""
    session.headers.update(
        {
            "Authorization": f"Bearer {token}",
            "Content-Type": "text/xml; charset=utf-8",
            "X-AnchorMailbox": APPROVALS,
        }
    )
    ids = list(_ids(session, url))
    return sum(len(_mimes(session, url, ids[at : at + IN_ONE_GET])) for at in range(0, len(ids), IN_ONE_GET))


def _token(session: requests.Session, tenant: Tenant, way: str) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": tenant.client_id,
        "client_secret": tenant.client_secret,
        "scope": tenant.scopes[way],
    }
    answer = session.post(tenant.token_url, data=form, timeout=60)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def _call(session: requests.Session, url: str, operation: str) -> etree._Element:
    answer = session.post(url, data=_ENVELOPE.format(operation).encode(), timeout=60)
    answer.raise_for_status()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    return etree.fromstring(answer.content, parser)


def _ids(session: requests.Session, url: str) -> Iterator[str]:
    state, last = "", False
    while not last:
        root = _call(session, url, _SYNC.format(f"<m:SyncState>{state}</m:SyncState>" if state else ""))
        yield from (item.attrib["Id"] for item in root.iter(f"{{{TYPES}}}ItemId"))
        state = root.findtext(f".//{{{MESSAGES}}}SyncState") or ""
        last = root.findtext(f".//{{{MESSAGES}}}IncludesLastItemInRange") == "true"


def _mimes(session: requests.Session, url: str, ids: list[str]) -> list[bytes]:
    root = _call(session, url, _GET.format("".join(f'<t:ItemId Id="{id_}"/>' for id_ in ids)))
    return [base64.b64decode(mime.text or "") for mime in root.iter(f"{{{TYPES}}}MimeContent")]


def by_exchangelib(tenant: Tenant, expected: int) -> float:
    """Seconds that exchangelib takes for `inbox.all()` with the MIME alone, its cheapest way."""
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # the sandbox speaks plain HTTP, on loopback
    from exchangelib import IMPERSONATION, OAUTH2, Account, Build, Configuration, Identity, Version
    from exchangelib.credentials import OAuth2Credentials

    class Credentials(OAuth2Credentials):  # type: ignore[misc]  # exchangelib has no types
        """exchangelib writes Microsoft's addresses itself unless they are overridden."""

        @property
        def token_url(self) -> str:
            return tenant.token_url

        @property
        def scope(self) -> list[str]:
            return [tenant.scopes["ews"]]

    began = time.perf_counter()
    account = Account(
        APPROVALS,
        access_type=IMPERSONATION,
        config=Configuration(
            service_endpoint=tenant.ews_url,
            credentials=Credentials(
                tenant.client_id,
                tenant.client_secret,
                tenant.tenant_id,
                Identity(primary_smtp_address=APPROVALS),
            ),
            auth_type=OAUTH2,
            version=Version(Build(15, 20)),
        ),
    )
    found = sum(1 for mail in account.inbox.all().only("mime_content") if mail.mime_content)
    taken = time.perf_counter() - began
    account.protocol.close()
    _must_be(found, expected)
    return taken


def _must_be(found: int, expected: int) -> None:
    if found != expected:
        raise RuntimeError(f"{found} mails were fetched, but {expected} wait.")
