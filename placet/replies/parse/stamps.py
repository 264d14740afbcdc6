"""What servers stamped on a mail: Authentication-Results (RFC 8601) and Received (RFC 5321 4.4).

A parser of our own, because the known ones fail on Microsoft's form, which begins without an authserv-id.
Linear; whatever cannot be read is left out, and what is left out proves nothing.
"""

import re

from placet.replies.parse.headers import Header, Headers
from placet.replies.parse.limits import ONE_HEADER
from placet.replies.parse.mail import AuthenticationResults, Hop, Result

_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|\\.|[^"\\()]+|[()]|.', re.DOTALL)
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.:-]{0,252})")


def authentication_results(headers: Headers) -> AuthenticationResults | None:
    """The topmost one only: those below may have been written by anybody."""
    found = headers.all("authentication-results")
    if not found or found[0].malformed or len(found[0].value) > ONE_HEADER:
        return None
    segments = _without_comments(found[0].value).split(";")
    authserv_id = ""
    if "=" not in segments[0]:
        # RFC 8601 2.2: authserv-id, then perhaps a version
        authserv_id = (segments[0].split() or [""])[0].strip('"').lower()
        segments = segments[1:]
    results = tuple(result for segment in segments if (result := _result(segment)))
    return AuthenticationResults(authserv_id, results, found[0].position)


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


def _without_comments(value: str) -> str:
    """Comments become a space. Quoted strings lose what could be taken for structure."""
    return _split_comments(value)[0]


def _split_comments(value: str) -> tuple[str, list[tuple[int, str]]]:
    """The text without comments, and each outermost comment with where in that text it stood."""
    kept: list[str] = []
    comments: list[tuple[int, str]] = []
    length, depth, comment = 0, 0, list[str]()
    for found in _PIECE.finditer(value):
        piece = found[0]
        if piece == "(":
            depth += 1
            if depth == 1:
                comment = []
                continue
        elif piece == ")" and depth:
            depth -= 1
            if depth == 0:
                comments.append((length, "".join(comment)))
                kept.append(" ")
                length += 1
                continue
        if depth:
            comment.append(piece)
        else:
            piece = re.sub(r"[\s;=]", "_", piece) if piece.startswith('"') else piece
            kept.append(piece)
            length += len(piece)
    return "".join(kept), comments


def hops(headers: Headers) -> tuple[Hop, ...]:
    """Every Received header, from the top. One that cannot be read has no hosts, so nothing trusts it."""
    return tuple(_hop(header) for header in headers.all("received"))


def _hop(header: Header) -> Hop:
    if header.malformed or len(header.value) > ONE_HEADER:
        return Hop((), "", header.position)
    text, comments = _split_comments(header.value)
    text = text.partition(";")[0]
    words = [(word[0].lower(), word.start(), word.end()) for word in re.finditer(r"\S+", text)]
    names = [word for word, _, _ in words]
    by = names.index("by") if "by" in names[:-1] else None
    if by is None:
        return Hop((), "", header.position)
    from_hosts: list[str] = []
    if names[0] == "from" and by > 1:
        from_hosts.append(_host(names[1]))
        start, end = words[1][1], words[by][1]
        from_hosts.extend(_resolved(comment) for at, comment in comments if start <= at <= end)
    return Hop(tuple(host for host in from_hosts if host), _host(names[by + 1]), header.position)


def _resolved(comment: str) -> str:
    """The name in `(mail.example.com [203.0.113.7])`; "" where the comment holds an address or words."""
    word = (comment.split() or [""])[0].lower()
    named = word == "unknown" or (re.search(r"[a-z]", word) and "." in word)
    return _host(word) if named and ":" not in word and "=" not in word else ""


def _host(word: str) -> str:
    """A host name or an address without brackets, lower case; a placeholder for what is neither."""
    word = word.strip("[]").removesuffix(".").lower()
    return word if _HOST.fullmatch(word) else "?"
