"""Files of requests, and of what is not sent yet: the form of one, or an answer that fills in fields of files. They are
kept in the database: one backup has everything, and a request and its files come to be in one transaction.

What was kept for an answer belongs to whoever is asked, is seen by nobody else, and is attached by that answer alone.
It is kept, removed and attached under the lock of the request, so that an answer attaches what its page showed. What an
answer removes of earlier files stays with the request: earlier revisions name it."""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import timedelta
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID, uuid4

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals.definitions import Definition
from placet.approvals.field_types import file_problem, most_files
from placet.approvals.form_logic import Files
from placet.approvals.form_parts import LARGEST_FILE, MB, MOST_FILES, FormField, Input
from placet.approvals.models import Assignment, Attachment, Draft, Request
from placet.lib import clock

LARGEST_TOGETHER = 25 * MB  # of what is sent at once: a request, or an answer
LONGEST_NAME = 150
#: How old what was kept for an answer is when it is cleared, at least: its page says that it was not attached.
LEFT_FOR = timedelta(days=1)
Unsent = Draft | Assignment
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|]+')  # what one system or another takes for more than a name


class FileRefused(ValueError):
    """A file cannot be kept; the message says why, for the person who chose it."""


class FilesChanged(Exception):
    """The files of a form or of an answer became others while it was sent."""


class AnswerClosed(Exception):
    """Whoever is asked has answered, or is not asked any more."""


@dataclass(frozen=True)
class FilesOfAnswer:
    """What an answer does to the files of its step's fields, by their ids."""

    added: frozenset[str] = frozenset()  # of what was kept for it: all of that, as its page showed it
    removed: frozenset[str] = frozenset()  # of what the request has


@dataclass(frozen=True)
class NewFile:
    """A file that comes with what starts a request."""

    field: str
    name: str
    content_type: str  # as its sender said; nothing relies on it
    content: bytes
    public_id: UUID = dataclass_field(default_factory=uuid4)

    @property
    def size(self) -> int:
        return len(self.content)

    @cached_property
    def as_data(self) -> dict[str, Any]:
        """As a request's data has it."""
        sha256 = hashlib.sha256(self.content).hexdigest()
        return {"id": str(self.public_id), "name": safe_name(self.name), "size": self.size, "sha256": sha256}


def by_field(new: Sequence[NewFile]) -> Files:
    files: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for file in new:
        files[file.field].append(file.as_data)
    return files


def why_not_taken(file: NewFile, field: Input, before: Sequence[NewFile]) -> str:
    """Why a field does not take a file beside those before it, in a sentence; "" if it does."""
    name, together = safe_name(file.name), sum(one.size for one in before) + file.size
    if not file.size:
        return _("“{name}” is empty.").format(name=name)
    if file.size > LARGEST_FILE:
        return _("“{name}” is larger than 10 MB.").format(name=name)
    if problem := file_problem(name, file.size, field):
        return problem
    here = sum(one.field == field.name for one in before)
    if len(before) >= MOST_FILES or here >= most_files(field):
        most = min(MOST_FILES, most_files(field))
        return _("“{name}” is one too many: {number} is the most.").format(name=name, number=most)
    if together > LARGEST_TOGETHER:
        return _("With “{name}” the files are larger than 25 MB together.").format(name=name)
    return ""


# --- what is not sent yet ---------------------------------------------------------------------------------


@transaction.atomic
def keep(
    draft: Draft, field: str, upload: "UploadedFile[Any]", by: Person, limits: Input | None = None
) -> Attachment:
    """One more file of a form that is not sent yet, or FileRefused. `limits`: the field, where it may say what it
    takes; how many is looked at when the form is sent."""
    Draft.objects.select_for_update().get(pk=draft.pk)  # two at once are counted one after the other
    _must_fit(draft, upload, limits)
    return draft.attachments.create(**_columns(field, upload, by))


@transaction.atomic
def keep_for_answer(asked: Assignment, field: FormField, upload: "UploadedFile[Any]") -> Attachment:
    """One more file of an answer that is not given yet, or FileRefused, or AnswerClosed."""
    _lock(asked)
    if not Assignment.objects.filter(pk=asked.pk, state=Assignment.State.OPEN).exists():
        raise AnswerClosed
    _must_fit(asked, upload, field)
    return asked.attachments.create(**_columns(field.name, upload, asked.person))


@transaction.atomic
def remove_from_answer(asked: Assignment, public_id: str) -> None:
    """What was kept for it; anything else stays as it is."""
    try:
        wanted = UUID(public_id)
    except ValueError:
        return  # no id, so nothing has it
    _lock(asked)
    asked.attachments.filter(public_id=wanted).delete()


def _lock(asked: Assignment) -> None:
    """The request, as the engine locks it: while somebody answers, nothing is kept or removed."""
    locked = Request.objects.select_for_update().filter(pk=asked.visit.request_id)
    locked.order_by().values_list("pk").first()


def _must_fit(unsent: Unsent, upload: "UploadedFile[Any]", limits: Input | None) -> None:
    name, size = safe_name(upload.name or ""), upload.size or 0
    kept = unsent.attachments.aggregate(number=Count("pk"), size=Sum("size"))
    if not size:
        raise FileRefused(_("“{name}” is empty.").format(name=name))
    if size > LARGEST_FILE:
        raise FileRefused(_("“{name}” is larger than 10 MB.").format(name=name))
    if limits is not None and (problem := file_problem(name, size, limits)):
        raise FileRefused(problem)
    if kept["number"] >= MOST_FILES:
        raise FileRefused(_("“{name}” is one too many: at most 10 files, please.").format(name=name))
    if (kept["size"] or 0) + size > LARGEST_TOGETHER:
        raise FileRefused(_("With “{name}” the files are larger than 25 MB together.").format(name=name))


def _columns(field: str, upload: "UploadedFile[Any]", by: Person) -> dict[str, Any]:
    content = upload.read()
    kind = "".join(sign for sign in upload.content_type or "" if sign.isprintable())  # no database takes NUL
    return {
        "field": field,
        "name": safe_name(upload.name or ""),
        "content_type": kind[:100],
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content": content,
        "by": by,
    }


def safe_name(name: str) -> str:
    """What a file is called: no folders, nothing that hides or turns text, not too long, its ending kept."""
    name = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    name = "".join(c for c in name if c.isprintable())
    name = _NOT_IN_NAMES.sub("_", name).strip(" .")
    start, dot, ending = name.rpartition(".")
    if dot and len(ending) <= 12:
        return f"{start[: LONGEST_NAME - len(ending) - 1]}.{ending}"
    return name[:LONGEST_NAME] or _("file")


def of(unsent: Unsent) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """What was kept for it by field, as a request's data has files."""
    files: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for public_id, field, name, size, sha256 in unsent.attachments.values_list(
        "public_id", "field", "name", "size", "sha256"
    ):
        files[field].append({"id": str(public_id), "name": name, "size": size, "sha256": sha256})
    return files


# --- sending ----------------------------------------------------------------------------------------------


def hand_over(draft: Draft, request: Request) -> None:
    """The files of a draft that the request names become the request's; the draft goes, and what else it had. Or
    FilesChanged: a request must not name what is not there."""
    _attach(draft, request, {file["id"] for file in _named(request)})
    draft.delete()


def with_answer(
    definition: Definition, step_key: str, held: Mapping[str, Any], kept: Files, removed: Collection[str]
) -> dict[str, list[Mapping[str, Any]]]:
    """The files of a step's fields as an answer leaves them. `held`: the data; `kept`: for the answer; `removed`: ids
    of earlier ones."""
    return {
        field.name: [
            *(file for file in held.get(field.name) or () if file["id"] not in removed),
            *kept.get(field.name, ()),
        ]
        for field in definition.files_filled_in(step_key)
    }


def after(asked: Assignment, request: Request, definition: Definition, sent: FilesOfAnswer) -> Files:
    """`with_answer` of an answer that is given now, or FilesChanged if what was kept for it is not what it adds."""
    kept = of(asked)
    if {file["id"] for files in kept.values() for file in files} != sent.added:
        raise FilesChanged
    return with_answer(definition, asked.visit.step_key, request.data, kept, sent.removed)


def hand_over_with_answer(asked: Assignment, request: Request, sent: FilesOfAnswer) -> None:
    """What an answer adds becomes the request's, which names it by now, or FilesChanged. But for what stands in a
    field that is hidden by what was answered: that goes."""
    _attach(asked, request, sent.added & {file["id"] for file in _named(request)})
    asked.attachments.all().delete()


def _attach(unsent: Unsent, request: Request, ids: Collection[str]) -> None:
    files = unsent.attachments.filter(public_id__in=ids)
    if files.update(draft=None, assignment=None, request=request) != len(ids):
        raise FilesChanged


def attach_new(request: Request, new: Sequence[NewFile], by: Person) -> None:
    """Those that the request names."""
    named = {file["id"] for file in _named(request)}
    for file in new:
        if str(file.public_id) not in named:
            continue
        kept = {name: value for name, value in file.as_data.items() if name != "id"}
        kind = "".join(sign for sign in file.content_type if sign.isprintable())[:100]
        request.attachments.create(
            public_id=file.public_id, field=file.field, content_type=kind, content=file.content, by=by, **kept
        )


# --- what was never sent ----------------------------------------------------------------------------------


def due(limit: int) -> list[int]:
    """What was kept for answers that nobody can give any more."""
    return list(_left().order_by("pk").values_list("pk", flat=True)[:limit])


def work(attachment_id: int) -> bool:
    """Clear one. False if it is gone already."""
    return bool(_left().filter(pk=attachment_id).delete()[0])


def _left() -> QuerySet[Attachment]:
    unsent = Attachment.objects.filter(assignment__isnull=False, created_at__lte=clock.now() - LEFT_FOR)
    return unsent.exclude(assignment__state=Assignment.State.OPEN)


# --- of a request -----------------------------------------------------------------------------------------


def copy(request: Request, draft: Draft, fields: Sequence[str], by: Person) -> None:
    """The files of these fields as they are now once more, for another request."""
    named = [file["id"] for file in _named(request)]
    files = request.attachments.filter(field__in=fields, public_id__in=named)
    for attachment in files.iterator(chunk_size=1):
        attachment.pk, attachment.public_id = None, uuid4()
        attachment.request, attachment.draft, attachment.by = None, draft, by
        attachment.save(force_insert=True)


def _named(request: Request) -> list[Mapping[str, Any]]:
    """The files that a request's data names."""
    return [file for _field, files in _files_of(request, request.data) for file in files]


def _files_of(request: Request, data: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """The fields of a request that files belong to, with the files that its data names there."""
    for name in _file_fields(request):
        if data.get(name):
            yield name, data[name]


def _file_fields(request: Request) -> list[str]:
    """None, where somebody made something else of the definition, which verification says by itself."""
    definition = request.version.definition
    form = definition.get("form", ()) if isinstance(definition, Mapping) else ()
    return [part["name"] for part in form if part["type"] == "files"]


def are_whole(request: Request, *, has_files: bool) -> bool:
    """Whether each file that a request names, or named in an earlier revision, is there, and is what it was; and no
    other one. `has_files`: whether the table holds any of it."""
    changed = bool(_file_fields(request)) and request.revision > 1
    earlier = request.revisions.values_list("data", flat=True) if changed else ()
    named = {
        (file["id"], field, file["name"], file["size"], file["sha256"], file["sha256"])
        for data in (request.data, *earlier)
        for field, files in _files_of(request, data)
        for file in files
    }
    kept = set()
    for file in request.attachments.iterator(chunk_size=1) if has_files else ():
        content = hashlib.sha256(bytes(file.content)).hexdigest()
        kept.add((str(file.public_id), file.field, file.name, file.size, file.sha256, content))
    return named == kept
