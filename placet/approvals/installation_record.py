"""What the installation's record says of processes and authority tables: who published which version, who became or
stopped being an owner, who retired a process or brought it back. Compared with the rows by `evidence_processes`.
"""

from placet.accounts.models import Person
from placet.approvals.models import Process, TableVersion, Version
from placet.approvals.record import digest_of_table
from placet.audit import chain
from placet.lib.canonical import digest

# Events.
PUBLISHED = "process published"
DISCARDED = "process discarded"  # the draft was all of it
OWNER_ADDED = "process owner added"
OWNER_REMOVED = "process owner removed"
RETIRED = "process retired"
BROUGHT_BACK = "process brought back"
TABLE_PUBLISHED = "authority table published"


def note(by: Person | None, event: str, process: Process, **what: object) -> None:
    """What happened to a process. Belongs into the transaction in which it does, behind the process's lock: of two
    transactions none then waits for what the other one has. `by`: None at the command line."""
    _append(by, {"event": event, "process": process.key, **what})


def note_version(version: Version) -> None:
    # As the database gives it back: a number may be written otherwise there.
    version.refresh_from_db(fields=["definition"])
    content = content_of_version(version)
    if version.call_digest is None:
        del content["call"]
    note(version.published_by, PUBLISHED, version.process, **content)


def note_table_version(version: TableVersion, by: Person | None) -> None:
    what = {"event": TABLE_PUBLISHED, "table": version.table.key, **content_of_table_version(version)}
    _append(by, what)


def _append(by: Person | None, what: chain.What) -> None:
    chain.append_of_installation(who(by.pk if by is not None else None), what)


def who(person: int | None) -> str:
    """Of an entry, by the id of a person."""
    return "system" if person is None else f"person:{person}"


def content_of_version(version: Version) -> dict[str, object]:
    return {
        "version": version.number,
        "definition": digest(version.definition),
        "text": digest(version.text),
        "at": version.published_at.isoformat(),
        "call": version.call_digest,
    }


def content_of_table_version(version: TableVersion) -> dict[str, object]:
    return {
        "version": version.number,
        "content": digest_of_table(version),
        "at": version.published_at.isoformat(),
    }
