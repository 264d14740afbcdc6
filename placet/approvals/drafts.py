"""Drafts of processes: what is worked on beside the published versions, until somebody publishes it.

A process has at most one. Requests run on published versions only, so the text of a draft may be anything that its
author has yet to put right.
"""

from collections.abc import Sequence

import yaml
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals import call_keys, owning
from placet.approvals.installation_record import DISCARDED, note
from placet.approvals.models import DraftRevision, Process, ProcessDraft, Version
from placet.approvals.processes import DefinitionInvalid, newest, parse_definition, publish


class ProcessThere(ValueError):
    """A process of this key is there already, and nobody said that a draft may stand beside it."""


class DraftChanged(ValueError):
    """A draft is not what it was when it was looked at: somebody changed, published or discarded it. A sentence."""


@transaction.atomic
def store(
    key: str,
    name: str,
    text: str,
    *,
    report: Sequence[Sequence[str]] = (),
    file_name: str = "",
    by: Person | None = None,
    replace: bool = False,
) -> ProcessDraft:
    """A draft of `text` (YAML). `replace`: beside published versions, too, and in place of an older draft."""
    if call_keys.is_reserved(key):
        raise ProcessThere(
            _("Keys such as {key} are those of what is asked for by the API. Nothing was changed.").format(
                key=key
            )
        )
    process, is_new = Process.objects.select_for_update().get_or_create(key=key, defaults={"name": name})
    if not is_new and not replace:
        raise ProcessThere(
            _("There is a process {key} already: {name}. Nothing was changed.").format(
                key=key, name=process.name
            )
        )
    ProcessDraft.objects.filter(process=process).delete()
    return _begun(
        process, text, report=[list(line) for line in report], file_name=file_name[:200], begun_by=by
    )


@transaction.atomic
def begin(process: Process, by: Person | None) -> ProcessDraft:
    """The draft of a process; if there is none, one that says what its newest version does."""
    process = Process.objects.select_for_update().get(pk=process.pk)
    draft = ProcessDraft.objects.filter(process=process).first()
    if draft is not None:
        return draft
    version = newest(process)
    text = f"key: {process.key}\n" if version is None else text_of(version)
    return _begun(process, text, based_on=version, begun_by=by)


def _begun(process: Process, text: str, **columns: object) -> ProcessDraft:
    draft = ProcessDraft.objects.create(
        process=process, problems=len(problems_of_text(process.key, text)), **columns
    )
    DraftRevision.objects.create(draft=draft, number=draft.at, text=text, by=draft.begun_by)
    return draft


def text_of(version: Version) -> str:
    """What a version says, in YAML: as it was written, where that was kept."""
    if version.text:
        return version.text
    definition = {name: value for name, value in version.definition.items() if name != "included"}
    text: str = yaml.safe_dump(definition, sort_keys=False, allow_unicode=True, width=100)
    return text


def drafts() -> QuerySet[ProcessDraft]:
    return ProcessDraft.objects.select_related("process").order_by("-begun_at", "-pk")


def draft_of(key: str) -> ProcessDraft | None:
    return drafts().filter(process__key=key).first()


def problems_of_draft(draft: ProcessDraft) -> list[str]:
    """What has to be put right before it can be published."""
    return problems_of_text(draft.process.key, draft.text)


def problems_of_text(key: str, text: str) -> list[str]:
    """What would have to be put right in a draft of the process `key` that says so."""
    try:
        definition = parse_definition(text)
    except DefinitionInvalid as error:
        return error.problems
    if definition.key == key:
        return []
    return [f"key: it says {definition.key}, but this is the draft of {key}"]


def stand_at(draft: ProcessDraft, revision: DraftRevision) -> None:
    """Another revision counts from now on."""
    draft.at, draft.problems = revision.number, len(problems_of_text(draft.process.key, revision.text))
    draft.save(update_fields=["at", "problems"])


def note_failing(draft: ProcessDraft, revision: int, names: Sequence[str]) -> None:
    """Which of its test cases failed when they were run with a revision, by their names."""
    noted = ProcessDraft.objects.filter(pk=draft.pk).exclude(failing=[*names], failing_at=revision)
    noted.update(failing=[*names], failing_at=revision)


def drafts_in_need(person: Person) -> QuerySet[ProcessDraft]:
    """Drafts that somebody has to put right before they are published, the newest first: with problems, or with test
    cases that fail. Of an owner's processes; of an administrator's only where they own it by name or began the
    draft."""
    wrong = drafts().filter(Q(problems__gt=0) | ~Q(failing=[]))
    if not person.is_administrator:
        return wrong.filter(process__in=owning.owned_by(person).values("pk"))
    return wrong.filter(Q(begun_by=person) | Q(process__in=person.processes.values("pk")))


@transaction.atomic
def publish_draft(draft: ProcessDraft, by: Person | None = None) -> Version:
    """DefinitionInvalid, and the draft stays, if something has to be put right first. DraftChanged, and it stays too,
    if it is another one by now than `draft` as it was read: with it would go what nobody has looked at."""
    # The process is locked first, as whatever begins or replaces a draft does.
    Process.objects.select_for_update().filter(pk=draft.process_id).first()
    locked = ProcessDraft.objects.select_for_update().filter(pk=draft.pk, at=draft.at).first()
    if locked is None:
        raise DraftChanged("Somebody changed the draft meanwhile. Nothing was published.")
    if problems := problems_of_draft(locked):
        raise DefinitionInvalid(problems)
    version = publish(locked.text, by)
    locked.delete()
    return version


@transaction.atomic
def discard(draft: ProcessDraft, by: Person | None = None) -> None:
    """The process too, if nothing else of it is there. `by`: None at the command line."""
    process = Process.objects.select_for_update().filter(pk=draft.process_id).first()
    draft.delete()
    if process is not None and not process.versions.exists():
        note(by, DISCARDED, process)
        process.delete()
