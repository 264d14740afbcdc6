"""What a browser sends: fields and files of a form, and what a `mailto:` link asks for."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from placet.sandbox.httpd import Request
from placet.sandbox.mime import File

_BOUNDARY = re.compile(r'multipart/form-data;\s*boundary="?([^";]{1,70})"?', re.IGNORECASE)
_NAME = re.compile(r';\s*name="([^"]*)"')
_FILE_NAME = re.compile(r';\s*filename="([^"]*)"')
_KIND = re.compile(r"^content-type:\s*([^\r\n;]+)", re.IGNORECASE | re.MULTILINE)
_MOST = 50  # fields


@dataclass(frozen=True)
class Form:
    fields: Mapping[str, str]
    files: tuple[File, ...] = field(default=())

    def get(self, name: str, otherwise: str = "") -> str:
        return self.fields.get(name, otherwise)

    def line(self, name: str) -> str:
        """A field that is one line, whatever was sent."""
        return " ".join(self.get(name).split())

    def people(self, name: str) -> list[str]:
        """Addresses as people write them, with commas or semicolons between."""
        return [part.strip() for part in self.line(name).replace(";", ",").split(",") if part.strip()]


def read(request: Request) -> Form:
    """The query of a GET, the form of a POST."""
    if request.method != "POST":
        return Form(_pairs(request.query))
    found = _BOUNDARY.match(request.header("content-type"))
    if found is None:
        return Form(_pairs(request.body.decode("utf-8", "replace")))
    return _multipart(request.body, found[1].encode("latin-1"))


def _pairs(encoded: str) -> dict[str, str]:
    try:
        pairs = urllib.parse.parse_qsl(encoded, keep_blank_values=True, max_num_fields=_MOST)
    except ValueError:
        return {}
    return {name: _text(value) for name, value in pairs}


def _text(value: str) -> str:
    """Browsers end the lines of a form with CR LF."""
    return value.replace("\r\n", "\n").replace("\r", "\n")


def _multipart(body: bytes, boundary: bytes) -> Form:
    fields: dict[str, str] = {}
    files: list[File] = []
    for head, content in _parts(body, boundary):
        name, file_name = _NAME.search(head), _FILE_NAME.search(head)
        if file_name is not None:
            # A file field that was left empty has neither a name nor anything in it.
            if file_name[1]:
                kind = _KIND.search(head)
                files.append(File(file_name[1], kind[1].strip() if kind else "", content))
        elif name is not None:
            fields[name[1]] = _text(content.decode("utf-8", "replace"))
    return Form(fields, tuple(files))


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[str, bytes]]:
    for part in body.split(b"--" + boundary, _MOST)[1:]:
        if part.startswith(b"--"):
            return
        head, _, content = part.partition(b"\r\n\r\n")
        yield head.decode("utf-8", "replace"), content.removesuffix(b"\r\n")


def mailto(link: str) -> dict[str, str]:
    """To, subject and body of a mailto: link (RFC 6068), in which `+` is a plus."""
    to, _, fields = link.removeprefix("mailto:").partition("?")
    given = {"to": urllib.parse.unquote(to)}
    for part in fields.split("&"):
        name, _, value = part.partition("=")
        given[name.lower()] = urllib.parse.unquote(value)
    return given
