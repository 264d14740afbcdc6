"""Addresses in headers, by a strict reader of our own.

The standard library reads `boss@corp.com <evil@x.example>` as boss@corp.com, raises AttributeError on
`:;x` and RecursionError on 5,000 parentheses (facts measured on Python 3.11 and 3.13). Here a sender is
one address in the plain grammar of RFC 5322 or an error in words; nothing is repaired. Linear.
"""

import re
from collections.abc import Iterator

from placet.lib.sentences import Sentence, gettext_noop
from placet.replies.parse.limits import ONE_HEADER

_TOKEN = re.compile(
    r"(?P<space>[ \t]+)"
    r'|(?P<quoted>"(?:[^"\\\x00-\x1f]|\\.)*")'
    r'|(?P<atom>[^\s\x00-\x1f\x7f()<>@,;:\\"\[\]]+)'
    r"|(?P<special>.)",
    re.DOTALL,
)
_COMMENT = re.compile(r"[^()\\]+|\\.|[()]|\\", re.DOTALL)
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}")
_DOMAIN = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)

_Token = tuple[str, str]  # (kind, text)


class BadAddress(ValueError):
    """Not exactly one plain address; `problem` ends a sentence that begins with the header."""

    def __init__(self, problem: Sentence) -> None:
        super().__init__(problem)
        self.problem = problem


def one_address(value: str) -> str:
    """The address, lower case, of a header that holds exactly one. Raises BadAddress.

    A display name may be there; it is not looked at, but an unquoted @ in it is an error.
    """
    if len(value) > ONE_HEADER:
        raise BadAddress(Sentence("is longer than {number} kB", number=ONE_HEADER // 1024))
    return _mailbox([token for token in _tokens(value) if token[0] != "comment"])


def addresses(value: str) -> tuple[str, ...]:
    """Every address that can be read in a To or Cc header, lower case; what cannot be read is left out."""
    if len(value) > ONE_HEADER:
        return ()
    found = []
    for entry in _entries(value):
        try:
            found.append(_mailbox(entry))
        except BadAddress:
            found.extend(_in_angles(entry))
    return tuple(found)


def _tokens(value: str) -> Iterator[_Token]:
    """Comments become one token; a bad character or an open comment or quote is the kind "bad"."""
    position = 0
    while position < len(value):
        found = _TOKEN.match(value, position)
        if found is None or found.lastgroup is None:  # every character is one of the kinds
            return
        kind, text = found.lastgroup, found[0]
        position = found.end()
        if text == "(" and kind == "special":
            position = _after_comment(value, position)
            yield ("comment", "") if position else ("bad", gettext_noop("an open comment"))
            if not position:
                return
        elif text == '"':  # nothing after it can be told apart
            yield ("bad", gettext_noop("an open quotation mark"))
            return
        elif kind == "special" and text not in "<>@,;:[]":
            yield ("bad", gettext_noop("a character that must not be there"))
        else:
            yield (kind, text)


def _after_comment(value: str, position: int) -> int:
    """Where a comment ends that begins before `position`; 0 if it never does."""
    depth = 1
    for piece in _COMMENT.finditer(value, position):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        if depth == 0:
            return piece.end()
    return 0


def _entries(value: str) -> Iterator[list[_Token]]:
    """The entries of a list; the name of a group is dropped."""
    entry: list[_Token] = []
    in_angles = False
    for token in _tokens(value):
        if token[0] == "special" and token[1] in "<>":
            in_angles = token[1] == "<"
        if token[0] == "special" and token[1] in ",;:" and not in_angles:
            if token[1] != ":":
                yield entry
            entry = []
        elif token[0] != "comment":
            entry.append(token)
    yield entry


def _mailbox(tokens: list[_Token]) -> str:
    for kind, text in tokens:
        if kind == "bad":
            raise BadAddress(Sentence("has {what}", what=Sentence(text)))
    specials = [text for kind, text in tokens if kind == "special"]
    if ":" in specials or ";" in specials:
        raise BadAddress(Sentence("is a group of addresses"))
    if "," in specials:
        raise BadAddress(Sentence("names more than one address"))
    tokens = _stripped(tokens)
    if "<" not in specials and ">" not in specials:
        return _addr_spec(tokens)
    if specials.count("<") != 1 or specials.count(">") != 1 or tokens[-1] != ("special", ">"):
        raise BadAddress(Sentence("has misplaced angle brackets"))
    start = tokens.index(("special", "<"))
    if any(kind == "special" for kind, _ in tokens[:start]):
        raise BadAddress(Sentence("has an address in the place of the name"))
    return _addr_spec(_stripped(tokens[start + 1 : -1]))


def _in_angles(entry: list[_Token]) -> list[str]:
    """The address in the only angle brackets of a malformed entry, such as `a@x <a@x>`."""
    opened, closed = ("special", "<"), ("special", ">")
    if entry.count(opened) != 1 or entry.count(closed) != 1 or entry.index(opened) > entry.index(closed):
        return []
    try:
        return [_addr_spec(_stripped(entry[entry.index(opened) + 1 : entry.index(closed)]))]
    except BadAddress:
        return []


def _stripped(tokens: list[_Token]) -> list[_Token]:
    start, end = 0, len(tokens)
    while start < end and tokens[start][0] == "space":
        start += 1
    while end > start and tokens[end - 1][0] == "space":
        end -= 1
    return tokens[start:end]


def _addr_spec(tokens: list[_Token]) -> str:
    if not tokens:
        raise BadAddress(Sentence("holds no address"))
    if [kind for kind, _ in tokens] != ["atom", "special", "atom"] or tokens[1][1] != "@":
        raise BadAddress(Sentence("is not one plain address"))
    local, domain = tokens[0][1], tokens[2][1]
    if not _LOCAL.fullmatch(local) or local[0] == "." or local[-1] == "." or ".." in local:
        raise BadAddress(Sentence("has an unusual name before the @"))
    if len(domain) > 253 or not _DOMAIN.fullmatch(domain):
        raise BadAddress(Sentence("has an unusual domain"))
    return f"{local}@{domain}".lower()
