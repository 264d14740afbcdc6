"""Our mails as they are sent, by our own hand: headers, then text and HTML as quoted-printable (RFC 5322, 2045, 2047).

The library takes ten times as long. It also drops the quotes of a long name when it folds, so that a comma in the name
starts another recipient, and spells long ids as encoded words.
"""

import binascii
from collections.abc import Iterator, Mapping, Sequence
from email.headerregistry import Address
from email.utils import formataddr
from functools import lru_cache
from itertools import groupby

from placet.lib.domains import in_ascii

LINE = 76  # characters of a header's line, where a blank lets it be parted
PIECE = 39  # bytes in one encoded word: 52 letters, with 12 around them
LONGEST_WORD = 60  # letters; a longer one is encoded, so that lines have an end


def composed(head: Mapping[str, str], text: str, html: str, boundary: str) -> bytes:
    """The bytes of a mail with two parts. `head`: headers that are as they are to be sent; `boundary`: of letters and
    digits, its own."""
    mark = f"=_{boundary}"  # stands in no part: of quoted-printable text a "=" begins a number
    headers = {
        **head,
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative; boundary="{mark}"',
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    parts = b"".join(  # the end of a line before a boundary is the boundary's
        f"--{mark}\r\n{_PART.format(kind=kind)}".encode() + _quoted_printable(content) + b"\r\n"
        for kind, content in (("plain", text), ("html", html))
    )
    return f"{lines}\r\n".encode("ascii") + parts + f"--{mark}--\r\n".encode()


_PART = (
    'Content-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n'
    "MIME-Version: 1.0\r\n\r\n"
)


def _quoted_printable(content: str) -> bytes:
    lines = content.encode(errors="replace").splitlines()  # a half of a surrogate pair cannot be sent
    return binascii.b2a_qp(b"".join(line + b"\r\n" for line in lines), istext=True)


def one_line(text: str) -> str:
    """Text that cannot start another header, and that can be sent: every run of white space, control characters and
    halves of surrogate pairs is one space."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def unstructured(name: str, text: str) -> str:
    """The value of the header `name` that says one line of text, folded, in ASCII."""
    lines: list[list[str]] = [[]]
    room = LINE - len(name) - 1
    for word in _words(text.split(" ")):
        if lines[-1] and len(word) + 1 > room:
            lines, room = [*lines, []], LINE
        lines[-1].append(word)
        room -= len(word) + 1
    return "\r\n ".join(" ".join(line) for line in lines)


def _words(words: Sequence[str]) -> Iterator[str]:
    """Those that ASCII cannot say are encoded, with the blanks between them: blanks between encoded words are none."""
    for encoded, run in groupby(words, _must_be_encoded):
        if encoded:
            yield from _encoded(" ".join(run))
        else:
            yield from run


def _must_be_encoded(word: str) -> bool:
    return not word.isascii() or len(word) > LONGEST_WORD


def _encoded(text: str) -> Iterator[str]:
    """Encoded words of whole characters (RFC 2047)."""
    piece = b""
    for character in text:
        letter = character.encode()
        if len(piece) + len(letter) > PIECE:
            yield _encoded_word(piece)
            piece = b""
        piece += letter
    yield _encoded_word(piece)


def _encoded_word(piece: bytes) -> str:
    return f"=?utf-8?b?{binascii.b2a_base64(piece, newline=False).decode()}?="


def address(name: str, spec: str) -> str:
    """One name and one address, in ASCII (RFC 5322, RFC 2047, RFC 5890). ValueError if it is no address."""
    spec, name = _in_ascii(spec), one_line(name)
    if name.isascii() and "=?" not in name:
        return formataddr((name, spec))
    # A word that looks encoded is encoded, or it would be read as what it stands for.
    return "\r\n ".join([*_encoded(name), f"<{spec}>"])


@lru_cache(maxsize=1000)
def _in_ascii(spec: str) -> str:
    """An address with its domain as it is looked up. ValueError if it is none."""
    return in_ascii(Address(addr_spec=spec).addr_spec)
