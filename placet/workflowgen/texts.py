"""Foreign texts, made fit for a definition: one line, printable, short; and names and keys made of them."""

import re
import unicodedata

_TAG = re.compile(r"[^a-z0-9]+")


def word_set(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


#: Names that conditions know otherwise, or that CEL keeps for itself.
RESERVED = word_set(
    "true false null in as break const continue else for function if import let loop package namespace",
    "return var void while today limit steps size int uint double string bool bytes list map type dyn",
    "duration timestamp matches contains has all exists exists_one filter",
)


def one_line(text: str, longest: int = 200) -> str:
    """What can be seen of it, on one line; the non-breaking spaces of a form's designer are spaces."""
    text = text.replace("&nbsp;", " ")
    if text.isascii() and text.isprintable():  # nearly every text of a file
        return " ".join(text.split())[:longest].strip()
    spaced = "".join(
        " " if c.isspace() or not c.isprintable() else c for c in unicodedata.normalize("NFC", text)
    )
    return " ".join(spaced.split())[:longest].strip()


def plain(text: str) -> str:
    """Without accents and capitals."""
    decomposed = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "OE"))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def _made(text: str, joint: str, longest: int, otherwise: str) -> str:
    made = _TAG.sub(joint, plain(one_line(text, 400))).strip(joint)
    if not made or not made[0].isascii() or not made[0].isalpha():
        made = f"{otherwise}{joint}{made}".strip(joint)
    return made[:longest].strip(joint)


def key_of(text: str, otherwise: str, longest: int = 50) -> str:
    """Of a process, a step or a group."""
    return _made(text, "-", longest, otherwise)


def name_of(text: str) -> str:
    """Of a field: what conditions can call it."""
    made = _made(text, "_", 55, "field")
    return f"{made}_field" if made in RESERVED else made


def unused(name: str, used: set[str], joint: str) -> str:
    """The name itself, or with a number behind it. From now on it is used."""
    candidate, number = name, 1
    while candidate in used:
        number += 1
        candidate = f"{name}{joint}{number}"
    used.add(candidate)
    return candidate
