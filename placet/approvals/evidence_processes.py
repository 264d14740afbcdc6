"""Whether processes, their owners and the versions of processes and authority tables are those that the installation's
record tells of. Looks; changes nothing.

What a new request runs by, who sees all requests of a process and who may be asked follow from them: somebody who can
write to the database could put in a version or an owner, or say that somebody else published it. Of versions that were
published before the record said so nothing is claimed; there were no owners and no retired processes then.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from placet.accounts.models import Person
from placet.approvals import call_keys
from placet.approvals import installation_record as events
from placet.approvals.models import Process, TableVersion, Version
from placet.audit.chain import ONLY
from placet.audit.models import AuditEntry, InstallationHead

AT_ONCE = 100  # versions that are held in memory

Contents = dict[str, dict[int, dict[str, Any]]]  # by key and number: what is recorded of a version


@dataclass
class Recorded:
    """What the entries come to, by keys of processes and tables."""

    versions: Contents = field(default_factory=lambda: defaultdict(dict))
    table_versions: Contents = field(default_factory=lambda: defaultdict(dict))
    owners: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    retired: dict[str, str] = field(default_factory=dict)  # since when

    def take(self, entry: AuditEntry) -> None:
        what = entry.what
        key = what.get("process", what.get("table"))
        match what.get("event"):
            case events.PUBLISHED:
                self.versions[key][what["version"]] = {**_content(what), "by": entry.who}
            case events.TABLE_PUBLISHED:
                self.table_versions[key][what["version"]] = _content(what)
            case events.OWNER_ADDED:
                self.owners[key].add(what["person"])
            case events.OWNER_REMOVED:
                self.owners[key].discard(what["person"])
            case events.RETIRED:
                self.retired[key] = what["since"]
            case events.BROUGHT_BACK:
                self.retired.pop(key, None)
            case events.DISCARDED:
                self.owners.pop(key, None)


def _content(what: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in what.items() if name not in ("event", "process", "table")}


def compare() -> Iterator[str]:
    """What differs, in words, without a full stop.

    Placet may write meanwhile: where something seems to differ, all is looked at once more while nobody can write to
    the installation's record, and so neither to what it tells of."""
    if not any(_differences()):
        return
    with transaction.atomic():
        InstallationHead.objects.select_for_update().filter(pk=ONLY).first()
        differences = list(_differences())
    yield from differences


def _differences() -> Iterator[str]:
    recorded = Recorded()
    for entry in AuditEntry.objects.filter(request=None).order_by("seq").iterator(chunk_size=AT_ONCE):
        recorded.take(entry)
    yield from _differing_versions(recorded.versions)
    yield from _differing_table_versions(recorded.table_versions)
    yield from _differing_owners(recorded.owners)
    yield from _differing_retirement(recorded.retired)
    yield from _differing_callers()


# --- versions ---------------------------------------------------------------------------------------------


def _differing_versions(recorded: Contents) -> Iterator[str]:
    people = {events.who(pk) for pk in Person.objects.values_list("pk", flat=True)}
    rows = Version.objects.select_related("process").order_by("pk").iterator(chunk_size=AT_ONCE)
    contents = (
        (
            row.process.key,
            row.number,
            {**events.content_of_version(row), "by": events.who(row.published_by_id)},
        )
        for row in rows
    )
    for key, number, content, entry in _against(recorded, contents):
        if (
            entry is not None
            and content is not None
            and content["by"] == "system"
            and entry["by"] not in people
        ):
            content = {**content, "by": entry["by"]}  # who published it was deleted
        if difference := _difference(content, entry):
            yield f"Process {key}: version {number} {difference}"


def _differing_table_versions(recorded: Contents) -> Iterator[str]:
    rows = TableVersion.objects.select_related("table").order_by("pk").iterator(chunk_size=AT_ONCE)
    contents = ((row.table.key, row.number, events.content_of_table_version(row)) for row in rows)
    for key, number, content, entry in _against(recorded, contents):
        if difference := _difference(content, entry):
            yield f"Authority table {key}: version {number} {difference}"


def _against(
    recorded: Contents, contents: Iterator[tuple[str, int, dict[str, Any]]]
) -> Iterator[tuple[str, int, dict[str, Any] | None, dict[str, Any] | None]]:
    """Each version with what its row holds (None: it is gone) and what is recorded of it (None: nothing), but for
    those from before anything was."""
    missing = {key: set(numbers) for key, numbers in recorded.items()}
    for key, number, content in contents:
        entries = recorded.get(key, {})
        missing.get(key, set()).discard(number)
        if number in entries or (entries and number > min(entries)):
            yield key, number, content, entries.get(number)
    for key in sorted(missing):
        for number in sorted(missing[key]):
            yield key, number, None, recorded[key][number]


def _difference(content: Mapping[str, Any] | None, entry: Mapping[str, Any] | None) -> str | None:
    if content is None:
        return "is gone"
    if entry is None:
        return "was never recorded"
    name = next((name for name in content if content[name] != entry.get(name)), None)
    return None if name is None else f"is not as recorded: {_WORDS[name]} was changed"


_WORDS = {
    "definition": "its definition",
    "text": "the text that it was published from",
    "content": "its content",
    "at": "when it was published",
    "by": "who published it",
    "call": "what call it was made of",
}


# --- owners, and what is retired --------------------------------------------------------------------------


def _differing_owners(recorded: Mapping[str, set[int]]) -> Iterator[str]:
    owners: dict[str, set[int]] = defaultdict(set)
    named = Process.owners.through.objects.values_list("process__key", "person_id")
    for key, person in named:
        owners[key].add(person)
    people = set(Person.objects.values_list("pk", flat=True))
    for key in sorted({*owners, *recorded}):
        here, there = owners.get(key, set()), recorded.get(key, set())
        for person in sorted(here - there):
            yield f"Process {key}: it was never recorded that person {person} owns it"
        for person in sorted((there - here) & people):
            yield f"Process {key}: it was never recorded that person {person} does not own it any more"


def _differing_retirement(recorded: Mapping[str, str]) -> Iterator[str]:
    rows = Process.objects.exclude(retired_at=None).values_list("key", "retired_at")
    retired = {key: at.isoformat() for key, at in rows if at is not None}
    for key in sorted({*retired, *recorded}):
        if retired.get(key) != recorded.get(key):
            yield f"Process {key}: not as recorded: whether it is retired, or since when, was changed"


def _differing_callers() -> Iterator[str]:
    """The key of a process says whose calls ask by it, and requests are recorded with that."""
    for key, caller in Process.objects.order_by("key").values_list("key", "asked_by"):
        if call_keys.caller_of(key) != caller:
            yield f"Process {key}: whose calls ask by it was changed"
