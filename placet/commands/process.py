"""`placet process`: processes from YAML files."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from placet.approvals import sample_files
from placet.cli import CommandError
from placet.commands.start import say, set_up, warn

if TYPE_CHECKING:
    from placet.approvals.models import ProcessDraft, Version
    from placet.workflowgen.report import Report

SAMPLES = sample_files.SAMPLES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(sample_files.sample_names())
    what = parser.add_subparsers(
        dest="what",
        required=True,
        metavar="publish|import|draft|sample|list|retire|bring-back|schema|bpmn",
    )
    publish = what.add_parser("publish", help="check a definition and make it the newest version")
    publish.add_argument("file", nargs="?", help=f"a YAML file, or a sample: {names}")
    publish.add_argument("--draft", metavar="KEY", help="in place of a file: the draft of this process")
    publish.add_argument(
        "--although",
        metavar="REASON",
        default="",
        help="publish it although a test case of the process comes out otherwise; the reason goes into the record",
    )
    importing = what.add_parser("import", help="make a draft of a process that WorkflowGen exported as XML")
    importing.add_argument("file", type=Path)
    importing.add_argument(
        "--replace",
        action="store_true",
        help="also beside a process of this key that is there, and in place of its draft",
    )
    draft = what.add_parser("draft", help="print a draft as YAML, to change and to publish it as a file")
    draft.add_argument("key")
    draft.add_argument("--discard", action="store_true", help="remove it")
    sample = what.add_parser("sample", help="print a sample, to begin a process of your own with")
    sample.add_argument("name", help=names)
    what.add_parser("list")
    retiring = what.add_parser("retire", help="nobody starts it any more; requests that run go on")
    retiring.add_argument("key")
    back = what.add_parser("bring-back", help="a retired process can be started again")
    back.add_argument("key")
    schema = what.add_parser("schema", help="what its form takes, or what a definition says, as JSON Schema")
    schema.add_argument("key", nargs="?", help="of a process that is published; without it, of definitions")
    bpmn = what.add_parser("bpmn", help="print a process as BPMN 2.0, with its layout")
    bpmn.add_argument("key", help="of a process that is published")


def run(options: argparse.Namespace) -> int:
    if options.what == "sample":
        sample = SAMPLES / f"{options.name}.yaml"
        if not sample.is_file():
            raise CommandError(f"There is no sample {options.name}. See: placet process sample --help")
        say(sample.read_text(encoding="utf-8").rstrip())
        return 0
    set_up()
    from placet.approvals.bpmn import bpmn_of
    from placet.approvals.definition_schema import schema_of_definitions
    from placet.approvals.definitions import definition_of
    from placet.approvals.form_schema import schema_of
    from placet.approvals.models import Process, ProcessDraft
    from placet.approvals.processes import DefinitionInvalid, newest

    if options.what == "import":
        return _import(options)
    if options.what == "draft":
        return _draft(options)
    if options.what in ("retire", "bring-back"):
        return _retire(options.key, options.what == "retire")

    if options.what == "list":
        for process in Process.objects.all():
            version = newest(process)
            beside = ", draft" if ProcessDraft.objects.filter(process=process).exists() else ""
            beside += ", retired" if process.retired_at else ""
            beside += ", calls ask by it" if process.asked_by_id is not None else ""
            say(f"{process.key}: {process.name}, version {version.number if version else '-'}{beside}")
        return 0
    if options.what == "schema" and options.key is None:
        say(json.dumps(schema_of_definitions(), indent=2, ensure_ascii=False))
        return 0
    if options.what == "schema":
        say(json.dumps(schema_of(definition_of(_newest(options.key))), indent=2, ensure_ascii=False))
        return 0
    if options.what == "bpmn":
        say(bpmn_of(definition_of(_newest(options.key))).decode().rstrip())
        return 0
    if (options.file is None) == (options.draft is None):
        raise CommandError("Say which: a file or a sample, or --draft KEY.")
    sample = SAMPLES / f"{options.file}.yaml"
    path = sample if sample.is_file() else Path(options.file or "")
    try:
        if options.draft is not None:
            draft = _draft_of(options.draft)
            version = _published(draft.text, draft, options.although)
        else:
            if path == sample:
                import_tables_of(options.file)
            version = _published(path.read_text(encoding="utf-8"), None, options.although)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not text in UTF-8.") from error
    except DefinitionInvalid as error:
        raise CommandError("\n".join(["This process cannot be published:", *error.problems])) from error
    say(f"{version.process.name} is published as version {version.number}.")
    if version.process.retired_at is not None:
        warn(
            f"It is retired, so nobody can start it. To change that: placet process bring-back {version.process.key}"
        )
    if empty := _without_anybody(definition_of(version).groups):
        warn(f"It names groups that nobody is in yet: {', '.join(empty)}.")
        warn("Put people into them: placet group set KEY --name NAME ADDRESS…")
    return 0


def _published(text: str, draft: "ProcessDraft | None", although: str) -> "Version":
    """DefinitionInvalid. Where a test case of the process comes out otherwise, `although` says why that is to be."""
    from django.db import transaction

    from placet.approvals.drafts import DraftChanged, publish_draft
    from placet.approvals.models import Process
    from placet.approvals.processes import parse_definition, publish
    from placet.designer import cases

    process = Process.objects.filter(key=parse_definition(text).key).first()
    run = None if process is None else cases.cases_before_publishing(process, text)
    if run is not None and run.blocks and not although.strip():
        otherwise = [f"{one.case.name}: {sentence}" for one in run.failing for sentence in one.differences]
        raise CommandError(
            "\n".join(
                [
                    "Test cases come out otherwise:",
                    *map(_visible, otherwise),
                    "Publish it all the same: --although REASON",
                ]
            )
        )
    try:
        with transaction.atomic():
            if run is not None and run.blocks:
                cases.overrule(run, although, None)
            return publish(text) if draft is None else publish_draft(draft)
    except DraftChanged as error:  # while its test cases were run
        raise CommandError(str(error)) from error


def import_tables_of(name: str) -> None:
    """The authority tables that a sample looks in lie beside it. One that is there already stays as it is."""
    from placet.approvals.sample_files import sample_called
    from placet.approvals.sample_tables import add_tables

    sample = sample_called(name)
    for table in add_tables(sample) if sample is not None else []:
        for warning in table.warnings:
            warn(f"The table {table.key}: {warning}")
        say(
            f"The table {table.key} was not there yet, so the sample's is now. "
            f"Read it: placet table export {table.key}"
        )


def _import(options: argparse.Namespace) -> int:
    """A draft, and what became of each part of the file. It is not published."""
    from placet.approvals.drafts import ProcessThere, problems_of_draft, store
    from placet.workflowgen.importing import FileInvalid, read_process
    from placet.workflowgen.xpdl import LARGEST

    try:
        with options.file.open("rb") as file:
            imported = read_process(file.read(LARGEST + 1), options.file.name)
        draft = store(
            imported.key,
            imported.name,
            imported.text,
            report=imported.report.as_json(),
            file_name=options.file.name,
            replace=options.replace,
        )
    except OSError as error:
        raise CommandError(f"{options.file} cannot be read: {error.strerror}.") from error
    except FileInvalid as error:
        raise CommandError(f"This file was not imported. {error}") from error
    except ProcessThere as error:
        raise CommandError(f"{error} To make a draft all the same, add --replace.") from error
    _say_report(imported.report)
    say(f"{imported.name} is a draft now, and not published. Its key is {imported.key}.")
    if problems := problems_of_draft(draft):
        say("Before it can be published, put right:")
        for problem in problems:
            say(f"  {_visible(problem)}")
    say(
        f"Read it: placet process draft {imported.key}. Publish it: placet process publish --draft {imported.key}"
    )
    return 0


def _say_report(report: "Report") -> None:
    from placet.workflowgen.report import CHANGED, DECIDE, KINDS, LEFT_OUT, TAKEN

    headings = {TAKEN: "Taken", CHANGED: "Changed", LEFT_OUT: "Left out", DECIDE: "Please decide"}
    for kind in KINDS:
        lines = report.of(kind)
        if lines:
            say(f"{headings[kind]} ({len(lines)})")
        for line in lines:
            say(f"  {_visible(line.place)}: {_visible(line.text)}")


def _visible(text: str) -> str:
    """Nothing of a file is obeyed by a terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _draft(options: argparse.Namespace) -> int:
    from placet.approvals.drafts import discard

    draft = _draft_of(options.key)
    if options.discard:
        discard(draft)
        say(f"The draft of {options.key} is gone.")
    else:
        say(draft.text.rstrip())
    return 0


def _retire(key: str, wanted: bool) -> int:
    from placet.approvals.models import Process
    from placet.approvals.processes import bring_back, retire

    process = Process.objects.filter(key=key).first()
    if process is None:
        raise CommandError(f"There is no process {key}. See: placet process list")
    (retire if wanted else bring_back)(process)
    say(
        f"{process.name} is retired: nobody starts it any more. Requests that run go on."
        if wanted
        else f"{process.name} can be started again."
    )
    return 0


def _draft_of(key: str) -> "ProcessDraft":
    from placet.approvals.drafts import draft_of

    draft = draft_of(key)
    if draft is None:
        raise CommandError(f"There is no draft of a process {key}. See: placet process list")
    return draft


def _newest(key: str) -> "Version":
    from placet.approvals.models import Process
    from placet.approvals.processes import newest

    process = Process.objects.filter(key=key).first()
    version = None if process is None else newest(process)
    if version is None:
        raise CommandError(f"No process {key} is published. See: placet process list")
    return version


def _without_anybody(groups: Iterable[str]) -> list[str]:
    """Of groups by their keys: those in which nobody could be asked, as they are today."""
    from placet.accounts.models import Group

    staffed = set(Group.objects.filter(members__is_active=True).values_list("key", flat=True))
    return [key for key in groups if key not in staffed]
