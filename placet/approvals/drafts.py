"""Drafts that were imported: kept beside the published versions of a process, until somebody publishes them.

A draft is the version without a date of publishing, of which a process has at most one. Its number is 0: the number
that it will have is known when it is published. Requests run on published versions only, so a draft may be anything
that its author has yet to put right.
"""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals.models import ImportedDraft, Process, Version
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish

NUMBER = 0


class ProcessThere(ValueError):
    """A process of this key is there already, and nobody said that a draft may stand beside it."""


@transaction.atomic
def store(
    definition: dict[str, Any],
    text: str,
    report: Sequence[Sequence[str]],
    *,
    file_name: str = "",
    by: Person | None = None,
    replace: bool = False,
) -> ImportedDraft:
    """`replace`: beside versions that are published already, and in place of an older draft."""
    process, is_new = Process.objects.select_for_update().get_or_create(
        key=definition["key"], defaults={"name": definition["name"]}
    )
    if not is_new and not replace:
        raise ProcessThere(
            _("There is a process {key} already: {name}. Nothing was changed.").format(
                key=process.key, name=process.name
            )
        )
    process.versions.filter(published_at__isnull=True).delete()
    version = Version.objects.create(process=process, number=NUMBER, definition=definition)
    return ImportedDraft.objects.create(
        version=version, file_name=file_name[:200], text=text, report=[list(line) for line in report], by=by
    )


def drafts() -> QuerySet[ImportedDraft]:
    return ImportedDraft.objects.select_related("version__process").order_by("-imported_at", "-pk")


def draft_of(key: str) -> ImportedDraft | None:
    return drafts().filter(version__process__key=key).first()


def problems_of_draft(draft: ImportedDraft) -> list[str]:
    """What has to be put right before it can be published."""
    try:
        parse_definition(draft.text)
    except DefinitionInvalid as error:
        return error.problems
    return []


@transaction.atomic
def publish_draft(draft: ImportedDraft) -> Version:
    """DefinitionInvalid, and the draft stays, if something has to be put right first."""
    version = publish(draft.text)
    draft.version.delete()
    return version


@transaction.atomic
def discard(draft: ImportedDraft) -> None:
    """The process too, if nothing else of it is there."""
    process = draft.version.process
    draft.version.delete()
    if not process.versions.exists():
        process.delete()
