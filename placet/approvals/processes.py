"""Processes: reading a definition, and publishing it."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from placet.approvals.checks import MOST_STEPS, problems_of
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form_parts import FIELD
from placet.approvals.includes import Flat, flatten
from placet.approvals.models import Process, Request, Version
from placet.approvals.returns import returns_problems, written_out

_QUOTES = "A text with a colon, a question mark, a comma, a bracket or a brace in it stands in quotes."


class DefinitionInvalid(ValueError):
    """A definition cannot be published. `problems` has a sentence for each thing to change."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


def parse_definition(source: str | Mapping[str, Any]) -> Definition:
    """A checked definition, or DefinitionInvalid with every problem."""
    data = _read_yaml(source) if isinstance(source, str) else source
    if not isinstance(data, Mapping):
        raise DefinitionInvalid(["A process is a list of names with values: key, name, start, steps, ..."])
    try:
        definition = Definition.model_validate(data)
    except ValidationError as error:
        raise DefinitionInvalid(
            [f"{_place(e['loc'])}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()]
        ) from error
    problems = returns_problems(definition)
    if problems:
        raise DefinitionInvalid(problems)
    definition = written_out(definition)
    flat = flatten(definition, MOST_STEPS)
    problems = problems_of(definition, flat)
    if definition.included:
        problems.append("included: Placet writes that at publishing; leave it out")
    if not problems and flat.definition.included:
        problems = _problems_together(flat)
    if problems:
        raise DefinitionInvalid(problems)
    return flat.definition


def _problems_together(flat: Flat) -> list[str]:
    """What it includes may not fit together with it although each of both is right."""
    again = Flat(flat.definition, processes=flat.processes)
    return [flat.placed(problem) for problem in problems_of(flat.definition, again)]


def _place(path: Sequence[int | str]) -> str:
    """Where in a definition something stands, as its author would count it out."""
    return ".".join(
        str(name) for at, name in enumerate(path) if not (name == FIELD and path[0] == "form" and at == 2)
    )


class _Loader(yaml.SafeLoader):
    """Where YAML would let the last of two equal names win in silence, this says so."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names: set[str] = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in names:
                raise yaml.constructor.ConstructorError(
                    None, None, f"“{key.value}” is said twice", key.start_mark
                )
            names.add(str(key.value))
        return super().construct_mapping(node, deep)


def _read_yaml(source: str) -> Any:
    try:
        return yaml.load(source, _Loader)  # noqa: S506 - a SafeLoader: plain values only
    except (yaml.parser.ParserError, yaml.scanner.ScannerError) as error:
        raise DefinitionInvalid([f"This is not YAML: {error}", _QUOTES]) from error
    except yaml.YAMLError as error:
        raise DefinitionInvalid([f"This is not YAML: {error}"]) from error
    except RecursionError as error:
        raise DefinitionInvalid(["This is not YAML that a person wrote: it nests too deep."]) from error
    except (ValueError, LookupError, AttributeError) as error:
        # PyYAML's own, for a value that is not what it looks like: a date of 2026-99-99, a tag !!int on a word.
        raise DefinitionInvalid([f"A value in this YAML cannot be read: {error}"]) from error


@transaction.atomic
def publish(source: str | Mapping[str, Any]) -> Version:
    """Check a definition and make it the process's newest version. Requests that run keep theirs."""
    definition = parse_definition(source)
    process, _ = Process.objects.select_for_update().get_or_create(
        key=definition.key, defaults={"name": definition.name}
    )
    if process.name != definition.name:
        process.name = definition.name
        process.save(update_fields=["name"])
    last = process.versions.order_by("-number").first()
    return Version.objects.create(
        process=process,
        number=last.number + 1 if last else 1,
        definition=definition.model_dump(mode="json", by_alias=True, exclude_none=True),
        published_at=timezone.now(),
    )


def newest(process: Process) -> Version | None:
    """The version that new requests run on."""
    return process.versions.filter(published_at__isnull=False).order_by("-number").first()


def naming_calendar(key: str) -> list[str]:
    """Names of the processes that name a calendar: in their newest version, or in one that a request still runs on."""
    return [process.name for process in Process.objects.order_by("name") if _names_calendar(process, key)]


def _names_calendar(process: Process, key: str) -> bool:
    versions = process.versions.filter(published_at__isnull=False).order_by("-number")
    return any(
        key in definition_of(version).calendars
        and (at == 0 or Request.objects.filter(version=version, state=Request.State.OPEN).exists())
        for at, version in enumerate(versions)
    )
