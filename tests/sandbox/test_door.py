"""What EWS says before it works: HTTP, the envelope, and the order of elements. Literal bytes only."""

from __future__ import annotations

import gzip
import socket
import urllib.parse

import pytest

from placet.sandbox import Sandbox
from tests.sandbox import wire
from tests.sandbox.wire import S, T


@pytest.mark.parametrize("element", ["SmtpAddress", "PrimarySmtpAddress", "PrincipalName"])
def test_a_mailbox_is_impersonated_by_any_of_its_names(element: str, sandbox: Sandbox) -> None:
    answer = wire.ews(sandbox, wire.sync(), header=wire.impersonate("Approvals@Contoso.example", element))
    assert (answer.status, answer.codes) == (200, ["NoError"])


def test_without_impersonation_an_app_gets_a_fault(sandbox: Sandbox) -> None:
    answer = wire.ews(sandbox, wire.sync(), header="")
    assert answer.status == 500
    assert "ExchangeImpersonation SOAP header must be present for this type of OAuth token." in answer.text


@pytest.mark.parametrize("address", ["nobody@contoso.example", "outsider@fabrikam.example", "approvals", ""])
def test_an_unknown_mailbox_is_a_fault(address: str, sandbox: Sandbox) -> None:
    sandbox.add_mailbox("outsider@fabrikam.example", outside=True)
    answer = wire.ews(sandbox, wire.sync(), header=wire.impersonate(address))
    assert answer.status == 500
    assert answer.codes in (["ErrorNonExistentMailbox"], ["ErrorSchemaValidation"])
    assert answer.codes == ["ErrorNonExistentMailbox"] or not address


def test_a_fault_has_the_structure_of_exchange(sandbox: Sandbox) -> None:
    answer = wire.ews(sandbox, wire.sync(), header=wire.impersonate("nobody@contoso.example"))
    fault = answer.xml.find(f"{S}Body/{S}Fault")
    assert fault is not None
    assert fault.findtext("faultcode") == "a:ErrorNonExistentMailbox"
    assert fault.findtext("faultstring") == "The SMTP address has no mailbox associated with it."
    assert fault.findtext(f"detail/{wire.E}Message") == fault.findtext("faultstring")


def test_an_unknown_server_version_is_a_fault(sandbox: Sandbox) -> None:
    header = '<t:RequestServerVersion Version="Exchange2099"/>' + wire.impersonate(wire.APPROVALS)
    answer = wire.ews(sandbox, wire.sync(), header=header)
    assert (answer.status, answer.codes) == (500, ["ErrorInvalidServerVersion"])


def test_answers_tell_the_version_of_the_server(sandbox: Sandbox) -> None:
    version = wire.ews(sandbox, wire.sync()).xml.find(f"{S}Header/{T}ServerVersionInfo")
    assert version is not None
    assert (version.get("MajorVersion"), version.get("MinorVersion")) == ("15", "20")


def test_a_missing_anchor_is_answered_and_counted(sandbox: Sandbox) -> None:
    assert wire.ews(sandbox, wire.sync(), headers={"X-AnchorMailbox": ""}).status == 200
    assert sandbox.counters["ews_without_anchor"] == 1
    wire.ews(sandbox, wire.sync())
    assert sandbox.counters["ews_without_anchor"] == 1


def test_ews_switched_off_for_the_tenant_or_the_mailbox_is_403_without_a_word(sandbox: Sandbox) -> None:
    sandbox.mailbox("approvals").ews_blocked = True
    answer = wire.ews(sandbox, wire.sync())
    assert (answer.status, answer.body) == (403, b"")
    assert wire.ews(sandbox, wire.sync(), header=wire.impersonate("ann@contoso.example")).status == 200
    sandbox.switches.ews_blocked = True
    answer = wire.ews(sandbox, wire.sync(), header=wire.impersonate("ann@contoso.example"))
    assert (answer.status, answer.body) == (403, b"")


def test_the_request_id_of_the_client_comes_back_if_it_asks(sandbox: Sandbox) -> None:
    given = {"client-request-id": "abc", "return-client-request-id": "true"}
    answer = wire.ews(sandbox, wire.sync(), headers=given)
    assert answer.headers["client-request-id"] == "abc"
    assert answer.headers["request-id"]
    assert (
        "client-request-id"
        not in wire.ews(sandbox, wire.sync(), headers={"client-request-id": "abc"}).headers
    )


def test_answers_are_compressed_only_if_asked(sandbox: Sandbox) -> None:
    sandbox.place("approvals", wire.mail() + b"x" * 5000)
    operation = wire.get_item(wire.shape(mime=True), sandbox.mails("approvals")[0].id)
    plain = wire.ews(sandbox, operation)
    packed = wire.ews(sandbox, operation, headers={"Accept-Encoding": "gzip, deflate"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert "Content-Encoding" not in plain.headers


def test_other_methods_and_content_types_are_refused(sandbox: Sandbox) -> None:
    assert wire.raw_ews(sandbox, "", method="GET").status == 405
    assert wire.raw_ews(sandbox, "", method="GET", access_token="").status == 401
    assert wire.ews(sandbox, wire.sync(), headers={"Content-Type": "application/json"}).status == 415
    assert wire.send(sandbox, "GET", "/nothing/here").status == 404


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<unclosed>",
        BOMB.encode() + b"<s>&b;</s>",
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x"><x/>',
        "<x>é</x>".encode("utf-16"),
        b'<?xml version="1.0" encoding="iso-8859-1"?><x/>',
        b"<a>" * 100_000,
    ],
)
def test_what_is_not_plain_xml_is_400(body: bytes, sandbox: Sandbox) -> None:
    assert wire.raw_ews(sandbox, body).status == 400


@pytest.mark.parametrize(
    "body",
    [
        wire.envelope(wire.sync(), soap="https://schemas.xmlsoap.org/soap/envelope/"),
        wire.envelope(""),
        wire.envelope(wire.sync() + wire.sync()),
        wire.envelope(wire.sync()).replace("services/2006/messages", "services/2016/messages"),
        wire.envelope("<m:Teleport/>"),
        wire.envelope("<t:Message/>"),
        "<x/>",
    ],
)
def test_an_envelope_of_another_shape_is_a_fault(body: str, sandbox: Sandbox) -> None:
    answer = wire.raw_ews(sandbox, body)
    assert answer.status == 500
    assert answer.codes[0] in ("ErrorSchemaValidation", "ErrorInvalidRequest")


INBOX = '<t:DistinguishedFolderId Id="inbox"/>'
MISORDERED = {
    "children swapped": f"<m:GetItem><m:ItemIds><t:ItemId Id='A'/></m:ItemIds>{wire.ID_ONLY}</m:GetItem>",
    "a child missing": f"<m:GetItem>{wire.ID_ONLY}</m:GetItem>",
    "an unknown child": f"<m:GetItem>{wire.ID_ONLY}<m:ItemIds><t:ItemId Id='A'/></m:ItemIds><m:More/></m:GetItem>",
    "another namespace": f"<m:GetItem>{wire.ID_ONLY}<m:ItemIds><m:ItemId Id='A'/></m:ItemIds></m:GetItem>",
    "no namespace": f"<m:GetItem>{wire.ID_ONLY}<m:ItemIds><ItemId Id='A'/></m:ItemIds></m:GetItem>",
    "an empty list": f"<m:GetItem>{wire.ID_ONLY}<m:ItemIds/></m:GetItem>",
    "text between": f"<m:GetItem>{wire.ID_ONLY}text<m:ItemIds><t:ItemId Id='A'/></m:ItemIds></m:GetItem>",
    "a required attribute missing": f"<m:GetItem>{wire.ID_ONLY}<m:ItemIds><t:ItemId/></m:ItemIds></m:GetItem>",
    "an unknown attribute": wire.find_item().replace("Traversal=", 'Depth="1" Traversal='),
    "an unknown value": wire.find_item().replace("Shallow", "shallow"),
    "an unknown field": wire.find_item(item_shape=wire.shape("item:Nonsense")),
    "an unknown folder": wire.find_item(folder="Inbox"),
    "the mime flag after the properties": wire.get_item(
        wire.shape("item:Size").replace(
            "</m:ItemShape>", "<t:IncludeMimeContent>true</t:IncludeMimeContent></m:ItemShape>"
        ),
        "A",
    ),
    "a flag that is no boolean": wire.get_item(wire.shape(mime=True).replace("true", "yes"), "A"),
    "too many changes wanted": wire.sync(most=513),
    "no changes wanted": wire.sync(most=0),
    "a state after the count": wire.sync().replace(
        "</m:SyncFolderItems>", "<m:SyncState>A</m:SyncState></m:SyncFolderItems>"
    ),
    "mime after the subject": wire.create_item(b"x").replace("<t:MimeContent", "<t:Subject/><t:MimeContent"),
    "a restriction after the sort order": wire.find_item(
        '<m:SortOrder><t:FieldOrder Order="Ascending"><t:FieldURI FieldURI="item:Size"/></t:FieldOrder></m:SortOrder>'
        '<m:Restriction><t:Exists><t:FieldURI FieldURI="item:Size"/></t:Exists></m:Restriction>'
    ),
    "a folder twice where one is wanted": f"<m:MoveItem><m:ToFolderId>{INBOX}{INBOX}</m:ToFolderId><m:ItemIds>"
    "<t:ItemId Id='A'/></m:ItemIds></m:MoveItem>",
    "a restriction nested too deeply": wire.find_item(
        f"<m:Restriction>{'<t:Not>' * 100}{'</t:Not>' * 100}</m:Restriction>"
    ),
    "an element in a text": wire.sync().replace("100", "<t:Size>1</t:Size>"),
}


@pytest.mark.parametrize("operation", MISORDERED.values(), ids=MISORDERED.keys())
def test_a_request_that_breaks_the_schema_is_a_fault(operation: str, sandbox: Sandbox) -> None:
    answer = wire.ews(sandbox, operation)
    assert (answer.status, answer.codes) == (500, ["ErrorSchemaValidation"])
    assert "The request failed schema validation: " in answer.text


def test_impersonation_by_two_names_at_once_breaks_the_schema(sandbox: Sandbox) -> None:
    two = wire.impersonate("a@b.example").replace(
        "</t:ConnectingSID>", "<t:SID>S-1</t:SID></t:ConnectingSID>"
    )
    answer = wire.ews(sandbox, wire.sync(), header=two)
    assert (answer.status, answer.codes) == (500, ["ErrorSchemaValidation"])


def test_an_impossible_extended_property_is_a_fault(sandbox: Sandbox) -> None:
    both = '<t:ExtendedFieldURI PropertyTag="0x7D" PropertyName="x" PropertyType="String"/>'
    answer = wire.ews(sandbox, wire.find_item(item_shape=wire.shape(extended=both)))
    assert (answer.status, answer.codes) == (500, ["ErrorInvalidExtendedProperty"])


# -- bounded and literal HTTP --------------------------------------------------------------------------------


def speak(sandbox: Sandbox, said: bytes) -> bytes:
    """What the server answers to these bytes until it closes or pauses."""
    parts = urllib.parse.urlsplit(sandbox.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)
        heard = b""
        while piece := connection.recv(65536):
            heard += piece
        return heard


def test_a_body_that_is_too_large_is_refused_before_it_is_read(sandbox: Sandbox) -> None:
    heard = speak(sandbox, b"POST /EWS/Exchange.asmx HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(200)) + b"\r\n", b"431"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
    ],
)
def test_broken_http_is_refused(said: bytes, status: bytes, sandbox: Sandbox) -> None:
    assert speak(sandbox, said).startswith(b"HTTP/1.1 " + status)


def test_a_connection_serves_many_requests_and_chunked_bodies(sandbox: Sandbox) -> None:
    body = wire.envelope(wire.sync()).encode()
    head = (
        b"POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nAuthorization: Bearer "
        + wire.token(sandbox).encode()
        + b"\r\n"
    )
    plain = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    chunked = head + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    chunked += b"%x\r\n%s\r\n%x;note\r\n%s\r\n0\r\n\r\n" % (10, body[:10], len(body) - 10, body[10:])
    heard = speak(sandbox, plain + chunked + plain.replace(b"Host: x", b"Connection: close"))
    assert heard.count(b"HTTP/1.1 200 OK") == 3
    assert heard.count(b"HTTP/1.1 100 Continue") == 1
    assert heard.count(b"Connection: close") == 1


def test_the_sandbox_stops_at_once_although_connections_are_open() -> None:
    with Sandbox() as sandbox:
        parts = urllib.parse.urlsplit(sandbox.url)
        connection = socket.create_connection((parts.hostname, parts.port), timeout=60)
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.recv(10)
    while connection.recv(65536):
        pass
    connection.close()
    with pytest.raises(ConnectionError):
        socket.create_connection((parts.hostname, parts.port), timeout=5).close()
