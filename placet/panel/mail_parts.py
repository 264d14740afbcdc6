"""What a mail consists of, for people to look at: its text, its HTML, and its attachments as files to save."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.http import Http404, HttpResponse

from placet.lib.web import as_file
from placet.replies.parse import limits
from placet.replies.parse.attachments import (
    LARGEST_LISTED,
    Attachment,
    attached_mail,
    file_name,
    files_of,
    is_mail,
    is_text,
    listed,
)
from placet.replies.parse.body import body
from placet.replies.parse.parts import Part, parts, read_header
from placet.replies.refusals import Unparseable

LARGEST_PICTURE = 512 * 1024  # bytes of one that is shown in the text
LARGEST_PICTURES = 2 * 1024 * 1024  # of all of them

_PICTURES = {
    "image/png": b"\x89PNG\r\n",
    "image/gif": b"GIF8",
    "image/jpeg": b"\xff\xd8\xff",
    "image/webp": b"RIFF",
}


@dataclass(frozen=True)
class Content:
    """What people see of a mail."""

    text: str = ""
    markup: str = ""  # its HTML as it came
    pictures: Mapping[str, str] = field(default_factory=dict)  # data: addresses by Content-ID
    attachments: Sequence[Attachment] = ()
    error: str = ""  # why it cannot be read


def content_of(start: bytes) -> Content:
    """Of a mail's beginning, as much as is read for an answer. Never raises."""
    try:
        found = parts(start)
    except Unparseable as error:
        return Content(error=str(error.reason))
    markup = "\n".join(part.text() for part in found if is_text(part) and part.content_type == "text/html")
    return Content(
        text=body(found, len(start) > limits.READ).text,
        markup=markup,
        pictures=_pictures(found) if "cid:" in markup.lower() else {},
        attachments=listed(found),
    )


def _pictures(found: Sequence[Part]) -> dict[str, str]:
    pictures: dict[str, str] = {}
    room = LARGEST_PICTURES
    for part in found:
        name = read_header(part.message, "content-id").strip("<> ")
        sign = _PICTURES.get(part.content_type)
        if not name or sign is None or part.in_message:
            continue
        data = part.payload()
        if data.startswith(sign) and len(data) <= min(LARGEST_PICTURE, room):
            room -= len(data)
            pictures[name] = f"data:{part.content_type};base64,{b64encode(data).decode()}"
    return pictures


def download(raw: bytes, number: int) -> HttpResponse:
    """One attachment, as a file that no browser opens as a page of ours. Http404 if there is none."""
    try:
        found = dict(files_of(parts(raw, LARGEST_LISTED)))
    except Unparseable as error:
        raise Http404 from error
    if number not in found:
        raise Http404
    part = found[number]
    if not is_mail(part):
        return as_file(part.payload(), file_name(part, number))
    before = sum(is_mail(one) for place, one in found.items() if place < number)
    return as_file(attached_mail(raw, before), file_name(part, number))
