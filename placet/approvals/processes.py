"""Processes: reading a definition, and publishing it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from pydantic import ValidationError

from placet.accounts.models import Person
from placet.approvals import call_keys
from placet.approvals.checks import MOST_STEPS, is_connected, problems_of
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form_parts import FIELD
from placet.approvals.includes import Flat, flatten
from placet.approvals.installation_record import BROUGHT_BACK, RETIRED, note, note_version
from placet.approvals.models import Process, Request, Version
from placet.approvals.process_text import Unreadable, Written, read_text
from placet.approvals.returns import returns_problems, written_out
from placet.approvals.step_mails import BY_LANGUAGE, PLAIN
from placet.lib import clock

_WAYS = "transitions, "
MOST_READINGS = 8  # of a text whose words are taken for texts, one kind of place after the other


class DefinitionInvalid(ValueError):
    """A definition cannot be published. `problems` has a sentence for each thing to change."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


def parse_definition(source: str | Mapping[str, Any], *, by_call: bool = False) -> Definition:
    """A checked definition, or DefinitionInvalid with every problem. `by_call`: made of what was called
    (`placet.approvals.ad_hoc`)."""
    definition = _validated(_written(source))
    problems = returns_problems(definition)
    if not problems:
        definition = written_out(definition)
    flat = flatten(definition, MOST_STEPS)
    problems += problems_of(definition, flat)
    if call_keys.is_reserved(definition.key) and not by_call:
        problems.append(f"key: {call_keys.RESERVED}")
    if definition.included:
        problems.append("included: Placet writes that at publishing; leave it out")
    elif flat.definition.included and is_connected(definition, flat.processes):
        problems += _problems_together(flat, problems)
    if problems:
        raise DefinitionInvalid(problems)
    return flat.definition


def as_written(source: str | Mapping[str, Any]) -> Definition:
    """What each part of it says, whatever does not fit together; DefinitionInvalid where a part says nothing."""
    return _validated(_written(source))


def _written(source: str | Mapping[str, Any]) -> Written:
    if not isinstance(source, str):
        return Written(source, None)
    try:
        return read_text(source)
    except Unreadable as error:
        raise DefinitionInvalid(error.problems) from error


def _validated(written: Written) -> Definition:
    if not isinstance(written.data, Mapping):
        raise DefinitionInvalid(["A process is a list of names with values: key, name, start, steps, ..."])
    for _ in range(MOST_READINGS):
        try:
            return Definition.model_validate(written.data)
        except ValidationError as error:
            errors = error.errors()
            again = written.with_texts(errors)
            if again is None:
                break
            written = again
    raise DefinitionInvalid(
        [f"{_place(one['loc'])}: {one['msg'].removeprefix('Value error, ')}" for one in errors]
    )


def _problems_together(flat: Flat, own: Sequence[str]) -> list[str]:
    """What it includes may not fit together with it although each of both is right. `own`: what is known already."""
    again = Flat(flat.definition, processes=flat.processes)
    known = {_without_place(problem) for problem in own}
    # A way of the whole is written together of two, so what is wrong with one of them reads otherwise there.
    passed_over = (_WAYS,) if any(problem.startswith(_WAYS) for problem in own) else ()
    return [
        flat.placed(problem)
        for problem in problems_of(flat.definition, again)
        if _without_place(problem) not in known and not problem.startswith(passed_over)
    ]


def _without_place(problem: str) -> str:
    return problem.partition(": ")[2]


def _place(path: Sequence[int | str]) -> str:
    """Where in a definition something stands, as its author would count it out."""
    return ".".join(str(name) for at, name in enumerate(path) if not _is_of_validation(path, at))


def _is_of_validation(path: Sequence[int | str], at: int) -> bool:
    """Whether a part of a place is what validation calls one of two ways to write it."""
    is_of_text = path[0] == "steps" and path[at - 1] in ("subject", "text")
    return (path[at] == FIELD and path[0] == "form" and at == 2) or (
        is_of_text and path[at] in (PLAIN, BY_LANGUAGE)
    )


@transaction.atomic
def publish(source: str | Mapping[str, Any], by: Person | None = None) -> Version:
    """Check a definition and make it the process's newest version. Requests that run keep theirs. `by`: None at the
    command line. DefinitionInvalid."""
    definition = parse_definition(source)
    process, _ = Process.objects.select_for_update().get_or_create(
        key=definition.key, defaults={"name": definition.name}
    )
    if process.name != definition.name:
        process.name = definition.name
        process.save(update_fields=["name"])
    last = process.versions.order_by("-number").first()
    version = Version.objects.create(
        process=process,
        number=last.number + 1 if last else 1,
        definition=definition.model_dump(mode="json", by_alias=True, exclude_none=True),
        text=source if isinstance(source, str) else "",
        published_by=by,
    )
    note_version(version)
    return version


@transaction.atomic
def retire(process: Process, by: Person | None = None) -> None:
    """Nobody starts it any more: by page, by command, or as a step of another process. Requests that run go on."""
    since = clock.now()
    if Process.objects.filter(pk=process.pk, retired_at=None).update(retired_at=since):
        note(by, RETIRED, process, since=since.isoformat())


@transaction.atomic
def bring_back(process: Process, by: Person | None = None) -> None:
    if Process.objects.filter(pk=process.pk, retired_at__isnull=False).update(retired_at=None):
        note(by, BROUGHT_BACK, process)


def newest(process: Process) -> Version | None:
    """The version that new requests run on."""
    return process.versions.order_by("-number").first()


def naming_calendar(key: str) -> list[str]:
    """Names of the processes that name a calendar: in their newest version, or in one that a request still runs on.
    What calls ask by names none."""
    written = Process.objects.filter(asked_by=None).order_by("name")
    return [process.name for process in written if _names_calendar(process, key)]


def _names_calendar(process: Process, key: str) -> bool:
    versions = process.versions.order_by("-number")
    return any(
        key in definition_of(version).calendars
        and (at == 0 or Request.objects.filter(version=version, state=Request.State.OPEN).exists())
        for at, version in enumerate(versions)
    )
