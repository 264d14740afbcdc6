"""The SOAP envelope of EWS: reading a request as strictly as Exchange does, and writing answers and faults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from lxml import etree

from placet.sandbox import order
from placet.sandbox.mime import xml_safe
from placet.sandbox.names import words

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
M = f"{{{order.MESSAGES}}}"
T = f"{{{order.TYPES}}}"
_S = f"{{{SOAP}}}"

VERSIONS = words(
    "Exchange2007 Exchange2007_SP1 Exchange2009 Exchange2010 Exchange2010_SP1 Exchange2010_SP2 "
    "Exchange2012 Exchange2013 Exchange2013_SP1 Exchange2015 Exchange2016 V2015_10_05 V2016_01_06 "
    "V2016_04_13 V2016_07_13 V2016_10_10 V2017_01_07 V2017_04_14 V2017_07_11"
)
_SERVER_VERSION = (
    f'<s:Header><h:ServerVersionInfo xmlns:h="{order.TYPES}" MajorVersion="15" MinorVersion="20" '
    'MajorBuildNumber="9115" MinorBuildNumber="12" Version="V2018_01_08"/></s:Header>'
)
_OPEN = (
    f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}">{_SERVER_VERSION}'
    f'<s:Body xmlns:m="{order.MESSAGES}" xmlns:t="{order.TYPES}">'
)
_CLOSE = "</s:Body></s:Envelope>"
_OTHER_ENCODING = re.compile(rb"""<\?xml[^>]*encoding=["'](?!utf-8["']|us-ascii["'])""", re.IGNORECASE)


@dataclass
class SoapFault(Exception):
    """The whole request fails: HTTP 500 with a SOAP fault."""

    code: str
    text: str
    values: Mapping[str, str] = field(default_factory=dict)


class NotXml(Exception):
    """The body is not XML that the service reads: HTTP 400."""


@dataclass(frozen=True)
class Call:
    """One request that has the right shape."""

    operation: str
    body: etree._Element
    impersonated: str | None
    """The address of ExchangeImpersonation, or None when the header is not there."""


def parse(raw: bytes) -> etree._Element:
    """The envelope. Raises NotXml; a document type is refused, so nothing can be expanded or fetched."""
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw or b"\0" in raw[:200] or _OTHER_ENCODING.match(raw):
        raise NotXml
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise NotXml from None


def operation_of(envelope: etree._Element) -> str:
    """The name of the operation, for switches and counters; "" where there is none to be seen."""
    body = envelope.find(f"{_S}Body")
    if body is None or not len(body):
        return ""
    return etree.QName(body[0]).localname


def read(envelope: etree._Element, known: frozenset[str]) -> Call:
    """The call in the envelope. Raises SoapFault for anything that Exchange would not even look at."""
    if envelope.tag != f"{_S}Envelope":
        raise SoapFault(
            "ErrorSchemaValidation",
            f"The request failed schema validation: the root element must be Envelope of the namespace '{SOAP}'.",
        )
    body = envelope.find(f"{_S}Body")
    children = [] if body is None else list(body)
    if len(children) != 1:
        raise SoapFault(
            "ErrorSchemaValidation", "The request failed schema validation: the Body must hold one operation."
        )
    header = envelope.find(f"{_S}Header")
    impersonated = None if header is None else _read_headers(header)
    name = order.name_of(children[0])
    operation = name.removeprefix("m:")
    if not name.startswith("m:") or operation not in known:
        raise SoapFault(
            "ErrorInvalidRequest",
            f"The request is invalid: the sandbox does not know the operation '{name}'.",
        )
    _check(children[0])
    return Call(operation, children[0], impersonated)


def _read_headers(header: etree._Element) -> str | None:
    for child in header:
        if order.name_of(child).startswith("t:"):
            _check(child)
    version = header.find(f"{T}RequestServerVersion")
    if version is not None and version.get("Version") not in VERSIONS:
        raise SoapFault("ErrorInvalidServerVersion", "The specified server version is invalid.")
    sid = header.find(f"{T}ExchangeImpersonation/{T}ConnectingSID")
    if sid is None:
        return None
    return (sid[0].text or "").strip()


def _check(element: etree._Element) -> None:
    try:
        order.check(element)
    except order.OutOfOrder as wrong:
        raise SoapFault("ErrorSchemaValidation", f"The request failed schema validation: {wrong}") from None


def answer(operation: str, messages: list[str]) -> bytes:
    """The envelope around the response messages of one operation."""
    return "".join(
        (
            _OPEN,
            f"<m:{operation}Response><m:ResponseMessages>",
            *messages,
            f"</m:ResponseMessages></m:{operation}Response>",
            _CLOSE,
        )
    ).encode()


def success(operation: str, payload: str) -> str:
    return (
        f'<m:{operation}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>'
        f"{payload}</m:{operation}ResponseMessage>"
    )


def warning(operation: str, code: str, text: str, payload: str) -> str:
    """A response message of something that was not looked at."""
    return error(operation, code, text, payload).replace(
        'ResponseClass="Error"', 'ResponseClass="Warning"', 1
    )


def error(operation: str, code: str, text: str, payload: str, inner: str = "") -> str:
    """A response message of something that failed; `inner` is the code of the error behind it."""
    details = (
        f'<m:MessageXml><t:Value Name="InnerErrorResponseCode">{inner}</t:Value></m:MessageXml>'
        if inner
        else ""
    )
    return (
        f'<m:{operation}ResponseMessage ResponseClass="Error"><m:MessageText>{quote(text)}</m:MessageText>'
        f"<m:ResponseCode>{code}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>{details}{payload}"
        f"</m:{operation}ResponseMessage>"
    )


def fault(of: SoapFault) -> bytes:
    code, text = quote(of.code), quote(of.text)
    values = "".join(f'<t:Value Name="{quote(k)}">{quote(v)}</t:Value>' for k, v in of.values.items())
    details = f'<t:MessageXml xmlns:t="{order.TYPES}">{values}</t:MessageXml>' if values else ""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}"><s:Body><s:Fault>'
        f'<faultcode xmlns:a="{order.TYPES}">a:{code}</faultcode><faultstring xml:lang="en-US">{text}</faultstring>'
        f'<detail><e:ResponseCode xmlns:e="{ERRORS}">{code}</e:ResponseCode>'
        f'<e:Message xmlns:e="{ERRORS}">{text}</e:Message>{details}</detail></s:Fault></s:Body></s:Envelope>'
    ).encode()


def quote(value: str) -> str:
    """The text as XML content or attribute; what XML cannot carry becomes a question mark."""
    return escape(xml_safe(value)).replace("\r", "&#xD;")


def need(element: etree._Element, path: str) -> etree._Element:
    """A part of a request that is there, because the order check has seen it."""
    found = element.find(path)
    assert found is not None, path
    return found


def is_true(value: str | None) -> bool:
    return (value or "").strip() in ("true", "1")
