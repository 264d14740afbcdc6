"""The configuration file of Thunderbird's form (config-v1.1.xml), as whoever keeps a domain wrote it: hostile text.

Format: “Autoconfiguration in Thunderbird”, “Config file format”. No document type, so no entities; servers without TLS
are left out, and so are ways of signing in that no kind of mailbox has.
"""

from lxml import etree

from .proposals import EXCHANGE, IMAP, POP3, SMTP, SSL, STARTTLS, Origin, Server, SignIn, host_in

MOST_SERVERS = 20
LONGEST_USERNAME = 320  # characters
_SECURITY = {"SSL": SSL, "STARTTLS": STARTTLS}
_SIGN_INS = {
    "password-cleartext": SignIn.PASSWORD,
    "plain": SignIn.PASSWORD,  # what files of the first form say
    "password-encrypted": SignIn.PASSWORD,
    "secure": SignIn.PASSWORD,
    "OAuth2": SignIn.CONSENT,
}
_PROTOCOLS = {
    "incomingServer": {"imap": IMAP, "pop3": POP3, "exchange": EXCHANGE},
    "outgoingServer": {"smtp": SMTP},
}


class NotUnderstood(ValueError):
    """This is no such file."""


def servers_in(content: bytes, address: str, origin: Origin) -> list[Server]:
    """The servers that a file names for an address, in its order. Raises NotUnderstood."""
    root = _root(content)
    servers = []
    for element in root.findall("emailProvider/*")[:200]:
        protocol = _PROTOCOLS.get(str(element.tag), {}).get(element.get("type", ""))
        server = _server(element, protocol, address, origin) if protocol else None
        if server is not None:
            servers.append(server)
    return servers[:MOST_SERVERS]


def _root(content: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise NotUnderstood from None
    if root.getroottree().docinfo.doctype or root.tag != "clientConfig":
        raise NotUnderstood
    return root


def _server(element: etree._Element, protocol: str, address: str, origin: Origin) -> Server | None:
    """None where Placet could not use it."""
    if protocol == EXCHANGE:
        host, port, security = _host_of_url(_text(element, "ewsURL")), 443, SSL
    else:
        host = host_in(_filled(_text(element, "hostname"), address))
        port = _port(_text(element, "port"))
        security = _SECURITY.get(_text(element, "socketType").strip(), "")
    named = [str(one.text or "").strip() for one in element.findall("authentication")[:10]]
    sign_ins = tuple(dict.fromkeys(_SIGN_INS[one] for one in named if one in _SIGN_INS))
    if protocol == EXCHANGE:
        sign_ins = sign_ins or (SignIn.PASSWORD,)
    if not (host and port and security and sign_ins):
        return None
    return Server(protocol, host, port, security, _username(element, address), sign_ins, origin)


def _text(element: etree._Element, name: str) -> str:
    return (element.findtext(name) or "")[:1000]


def _host_of_url(url: str) -> str:
    """Of an address without name, port or escapes in it."""
    scheme, _, rest = url.strip().partition("://")
    return host_in(rest.partition("/")[0]) if scheme.lower() == "https" else ""


def _port(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 and int(text) < 65536 else 0


def _filled(text: str, address: str) -> str:
    local, _, domain = address.rpartition("@")
    values = {"%EMAILADDRESS%": address, "%EMAILLOCALPART%": local, "%EMAILDOMAIN%": domain}
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def _username(element: etree._Element, address: str) -> str:
    """The address where the file says nothing that a person could be called by."""
    name = _filled(_text(element, "username").strip(), address)
    known = name and name.isprintable() and len(name) <= LONGEST_USERNAME and "%" not in name
    return name if known else address
