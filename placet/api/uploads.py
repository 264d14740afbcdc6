"""Files that come inline, in base64: bounded as on the pages."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from io import BytesIO

from pydantic import StrictStr

from placet.api.bodies import MB, Body
from placet.api.problems import Problem, pointer_of
from placet.approvals.attachments import LARGEST_TOGETHER, NewFile, why_not_taken
from placet.approvals.form_parts import LARGEST_FILE, FormField

PIECE = 256 * 1024  # characters that are decoded at once: four are three bytes


class FileSent(Body):
    """A file. `content`: its bytes in base64 (RFC 4648, section 4)."""

    name: StrictStr
    content_type: StrictStr = ""
    content: StrictStr


def files_of(fields: Sequence[FormField], sent: Mapping[str, Sequence[FileSent]]) -> list[NewFile]:
    """What was sent by the names of `fields`. Problem that points to the first one that cannot be taken."""
    takers = {field.name: field for field in fields}
    files: list[NewFile] = []
    for name, some in sent.items():
        if name not in takers:
            raise Problem.invalid(pointer_of("files", name), "This form has no such field for files.")
        for at, one in enumerate(some):
            files.append(_file(one, takers[name], files, pointer_of("files", name, at)))
    return files


def files_of_field(field: FormField, sent: Sequence[FileSent]) -> list[NewFile]:
    """The same of files that are sent as a list, for one field."""
    files: list[NewFile] = []
    for at, one in enumerate(sent):
        files.append(_file(one, field, files, pointer_of("files", at)))
    return files


def _file(one: FileSent, field: FormField, before: Sequence[NewFile], pointer: str) -> NewFile:
    file = NewFile(field.name, one.name, one.content_type, _decoded(one, f"{pointer}/content"))
    _must_not_be_too_large(file, before)
    if reason := why_not_taken(file, field, before):
        raise Problem.invalid(pointer, reason)
    return file


def _must_not_be_too_large(file: NewFile, before: Sequence[NewFile]) -> None:
    if file.size > LARGEST_FILE:
        raise Problem("too-large", f"A file is larger than {LARGEST_FILE // MB} MB.")
    if file.size + sum(one.size for one in before) > LARGEST_TOGETHER:
        raise Problem("too-large", f"The files are larger than {LARGEST_TOGETHER // MB} MB together.")


def _decoded(one: FileSent, pointer: str) -> bytes:
    """Piece by piece, and the text is let go: of a large file neither is there twice."""
    text, one.content = one.content, ""
    decoded = BytesIO()
    try:
        for start in range(0, len(text), PIECE):
            piece = text[start : start + PIECE].encode("ascii")
            if b"=" in piece and start + PIECE < len(
                text
            ):  # what ends in the middle has something behind its end
                raise binascii.Error
            decoded.write(base64.b64decode(piece, validate=True))
    except (binascii.Error, UnicodeEncodeError):
        raise Problem.invalid(pointer, "This is not base64.") from None
    return decoded.getvalue()
