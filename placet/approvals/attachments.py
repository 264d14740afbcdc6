"""Files of requests, and of forms that are not sent yet. They are kept in the database: one backup has everything,
and a request and its files come to be in one transaction."""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from uuid import uuid4

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Count, Sum
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals.field_types import file_problem
from placet.approvals.form_parts import LARGEST_FILE, MB, MOST_FILES, Input
from placet.approvals.models import Attachment, Draft, Request

LARGEST_TOGETHER = 25 * MB  # of one request
LONGEST_NAME = 150
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|]+')  # what one system or another takes for more than a name


class FileRefused(ValueError):
    """A file cannot be kept; the message says why, for the person who chose it."""


class FilesChanged(Exception):
    """A file of a form went while the form was sent."""


@transaction.atomic
def keep(
    draft: Draft, field: str, upload: "UploadedFile[Any]", by: Person, limits: Input | None = None
) -> Attachment:
    """One more file of a form that is not sent yet, or FileRefused. `limits`: the field, where it may say what it
    takes; how many is looked at when the form is sent."""
    name, size = safe_name(upload.name or ""), upload.size or 0
    Draft.objects.select_for_update().get(pk=draft.pk)  # two at once are counted one after the other
    there = draft.attachments.aggregate(number=Count("pk"), size=Sum("size"))
    if not size:
        raise FileRefused(_("“{name}” is empty.").format(name=name))
    if size > LARGEST_FILE:
        raise FileRefused(_("“{name}” is larger than 10 MB.").format(name=name))
    if limits is not None and (problem := file_problem(name, size, limits)):
        raise FileRefused(problem)
    if there["number"] >= MOST_FILES:
        raise FileRefused(_("“{name}” is one too many: at most 10 files, please.").format(name=name))
    if (there["size"] or 0) + size > LARGEST_TOGETHER:
        raise FileRefused(_("With “{name}” the files are larger than 25 MB together.").format(name=name))
    content = upload.read()
    return Attachment.objects.create(
        draft=draft,
        field=field,
        name=name,
        content_type=(upload.content_type or "")[:100],
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        by=by,
    )


def safe_name(name: str) -> str:
    """What a file is called: no folders, nothing that hides or turns text, not too long, its ending kept."""
    name = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    name = "".join(c for c in name if c.isprintable())
    name = _NOT_IN_NAMES.sub("_", name).strip(" .")
    start, dot, ending = name.rpartition(".")
    if dot and len(ending) <= 12:
        return f"{start[: LONGEST_NAME - len(ending) - 1]}.{ending}"
    return name[:LONGEST_NAME] or _("file")


def of(draft: Draft) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The files of a draft by field, as a request's data has them."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for public_id, field, name, size, sha256 in draft.attachments.values_list(
        "public_id", "field", "name", "size", "sha256"
    ):
        found[field].append({"id": str(public_id), "name": name, "size": size, "sha256": sha256})
    return found


def hand_over(draft: Draft, request: Request) -> None:
    """The files of a draft that the request names become the request's; the draft goes, and what else it had. Or
    FilesChanged: a request must not name what is not there."""
    named = [file["id"] for file in _named(request)]
    if draft.attachments.filter(public_id__in=named).update(draft=None, request=request) != len(named):
        raise FilesChanged
    draft.delete()


def copy(request: Request, draft: Draft, fields: Sequence[str], by: Person) -> None:
    """The files of these fields once more, for another request."""
    for attachment in request.attachments.filter(field__in=fields).iterator(chunk_size=1):
        attachment.pk, attachment.public_id = None, uuid4()
        attachment.request, attachment.draft, attachment.by = None, draft, by
        attachment.save(force_insert=True)


def _named(request: Request) -> list[Mapping[str, Any]]:
    """The files that a request's data names."""
    return [file for _field, files in _files_of(request) for file in files]


def _files_of(request: Request) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """The fields of a request that files belong to, with the files that its data names there."""
    for part in request.version.definition.get("form", ()):
        if part["type"] == "files" and request.data.get(part["name"]):
            yield part["name"], request.data[part["name"]]


def are_whole(request: Request, *, has_files: bool) -> bool:
    """Whether each file that a request names is there, and is what it was; and no other one. `has_files`: whether the
    table holds any of it."""
    named = {
        file["id"]: (field, file["name"], file["size"], file["sha256"], file["sha256"])
        for field, files in _files_of(request)
        for file in files
    }
    kept = {}
    for file in request.attachments.iterator(chunk_size=1) if has_files else ():
        content = hashlib.sha256(bytes(file.content)).hexdigest()
        kept[str(file.public_id)] = (file.field, file.name, file.size, file.sha256, content)
    return named == kept
