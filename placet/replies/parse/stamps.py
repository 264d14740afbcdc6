"""What servers stamped on a mail: Authentication-Results (RFC 8601) and Received (RFC 5321 4.4).

A parser of our own, because the known ones fail on Microsoft's form, which begins without an authserv-id.
Linear; whatever cannot be read is left out, and what is left out proves nothing.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence

from placet.replies.parse.headers import Header, Headers
from placet.replies.parse.limits import ONE_HEADER
from placet.replies.parse.mail import AuthenticationResults, Hop, Result

_OUTSIDE = re.compile(r'"(?:[^"\\]|\\.)*"|\\.|[^"\\()]+|.', re.DOTALL)  # of comments
_INSIDE = re.compile(r"\\.|[^\\()]+|.", re.DOTALL)  # where a quotation mark is a letter (RFC 5322 3.2.2)
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.:-]{0,252})")


def authentication_results(headers: Headers) -> tuple[AuthenticationResults, ...]:
    """All of them, from the top. One that cannot be read says nothing: what stands behind an open bracket or quotation
    mark may be a comment or a result."""
    return tuple(_stamp(header) for header in headers.all("authentication-results"))


def _stamp(header: Header) -> AuthenticationResults:
    unread = AuthenticationResults("", (), header.position, unread=True)
    if header.malformed or len(header.value) > ONE_HEADER:
        return unread
    try:
        segments = _split_comments(header.value)[0].split(";")
    except Unclosed:
        return unread
    authserv_id = ""
    if "=" not in segments[0]:
        # RFC 8601 2.2: authserv-id, then perhaps a version
        authserv_id = (segments[0].split() or [""])[0].strip('"').lower()
        segments = segments[1:]
    results = tuple(result for segment in segments if (result := _result(segment)))
    return AuthenticationResults(authserv_id, results, header.position)


def _result(segment: str) -> Result | None:
    """`method=result name=value ...`; methods may carry a version, `dkim/1`."""
    pairs = [word.partition("=") for word in _EQUALS.sub("=", segment).split()]
    if not pairs or not pairs[0][1]:
        return None
    method = pairs[0][0].partition("/")[0].lower()
    properties = tuple((name.lower(), _plain(value)) for name, equals, value in pairs[1:] if equals)
    return Result(method, _plain(pairs[0][2]), properties)


def _plain(value: str) -> str:
    return value.strip('"').lower().removesuffix(".")


class Unclosed(ValueError):
    """A comment or a quoted string that does not end."""


def _split_comments(value: str) -> tuple[str, list[tuple[int, str]]]:
    """The text without comments, and each outermost comment with where in that text it stood. Comments become a
    space; quoted strings lose what could be taken for structure. Raises Unclosed."""
    kept: list[str] = []
    comments: list[tuple[int, str]] = []
    length = depth = at = 0
    comment: list[str] = []
    while at < len(value):
        found = (_INSIDE if depth else _OUTSIDE).match(value, at)
        assert found is not None  # every character is one of the kinds
        piece, at = found[0], found.end()
        depth += (piece == "(") - (piece == ")")
        if depth < 0 or (piece == '"' and not depth):
            raise Unclosed
        if piece == ")" and not depth:
            comments.append((length, "".join(comment)))
            comment = []
            kept.append(" ")
            length += 1
        elif depth:
            comment.append(piece)
        else:
            piece = re.sub(r"[\s;=]", "_", piece) if piece.startswith('"') else piece
            kept.append(piece)
            length += len(piece)
    if depth:
        raise Unclosed
    return "".join(kept), [(where, text.removeprefix("(")) for where, text in comments]


def hops(headers: Headers) -> tuple[Hop, ...]:
    """Every Received header, from the top. One that cannot be read has no hosts, so nothing trusts it."""
    return tuple(_hop(header) for header in headers.all("received"))


def _hop(header: Header) -> Hop:
    unread = Hop((), "", header.position)
    if header.malformed or len(header.value) > ONE_HEADER:
        return unread
    try:
        text, comments = _split_comments(header.value)
    except Unclosed:
        return unread
    words = [(word[0].lower(), word.start(), word.end()) for word in re.finditer(r"[^\s;]+", text)]
    names = [word for word, _, _ in words]
    # A host that calls itself "x (10.0.0.1) by y; " would write a second line into this one.
    if names.count("by") != 1 or names[-1] == "by" or names.count("from") > 1:
        return unread
    by = names.index("by")
    host, protocol = _host(names[by + 1]), _protocol(names[by + 2 :])
    if names[0] != "from" or by != 2:
        return Hop((), host, header.position, protocol=protocol)
    start, end = words[1][1], words[by][1]
    told = [comment for at, comment in comments if start <= at <= end]
    from_hosts = (_host(names[1]), *(_resolved(comment) for comment in told))
    addresses = tuple(address for comment in told for address in _addresses(comment))
    claimed = tuple(_addresses(names[1])) + tuple(_claimed(told))
    return Hop(
        tuple(name for name in from_hosts if name),
        host,
        header.position,
        addresses,
        claimed,
        protocol,
        tuple(login[1].lower() for comment in told if (login := _LOGIN.fullmatch(comment.strip()))),
    )


#: Postfix with `smtpd_sasl_authenticated_header`, and Kerio Connect.
_LOGIN = re.compile(r"authenticated (?:sender:|user)\s+([^\s()]{1,254})", re.IGNORECASE)


def _protocol(names: Sequence[str]) -> str:
    """The word behind "with"; "" if there is none, or more than one."""
    if names.count("with") != 1 or names[-1] == "with":
        return ""
    return names[names.index("with") + 1].upper()


def _addresses(comment: str) -> Iterator[str]:
    """The addresses in `(mail.example.com [203.0.113.7])`, `(203.0.113.7)` or `([IPv6:2001:db8::7])`, that the server
    saw. What the other host said of itself, `helo=[10.0.0.1]`, is none."""
    words = comment.split()
    if words and words[0].lower() in _GREETINGS:
        return
    for word in words:
        if "=" not in word and (address := _address(word)):
            yield address


def _claimed(comments: Sequence[str]) -> Iterator[str]:
    for comment in comments:
        words = comment.split()
        yield from (address for word in words if (address := _address(word.rpartition("=")[2])))


_GREETINGS = ("helo", "ehlo")


def _address(word: str) -> str:
    """An IP address, without what stands around it; "" if the word is none."""
    word = word.strip("[](),;").rpartition("@")[2].strip("[]").lower().removeprefix("ipv6:").partition("%")[0]
    try:
        address = ipaddress.ip_address(word)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _resolved(comment: str) -> str:
    """The name in `(mail.example.com [203.0.113.7])`; "" where the comment holds an address or words."""
    word = (comment.split() or [""])[0].lower()
    named = word == "unknown" or (re.search(r"[a-z]", word) and "." in word)
    return _host(word) if named and ":" not in word and "=" not in word else ""


def _host(word: str) -> str:
    """A host name or an address without brackets, lower case; a placeholder for what is neither."""
    word = word.strip("[]").removesuffix(".").lower()
    return word if _HOST.fullmatch(word) else "?"
