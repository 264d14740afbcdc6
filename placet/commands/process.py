"""`placet process`: processes from YAML files."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from placet.cli import CommandError
from placet.commands.start import say, set_up, warn

SAMPLES = Path(__file__).resolve().parent.parent / "approvals" / "samples"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(sorted(path.stem for path in SAMPLES.glob("*.yaml")))
    what = parser.add_subparsers(dest="what", required=True, metavar="publish|sample|list|schema")
    publish = what.add_parser("publish", help="check a definition and make it the newest version")
    publish.add_argument("file", help=f"a YAML file, or a sample: {names}")
    sample = what.add_parser("sample", help="print a sample, to begin a process of your own with")
    sample.add_argument("name", help=names)
    what.add_parser("list")
    schema = what.add_parser("schema", help="what its form takes, or what a definition says, as JSON Schema")
    schema.add_argument("key", nargs="?", help="of a process that is published; without it, of definitions")


def run(options: argparse.Namespace) -> int:
    if options.what == "sample":
        sample = SAMPLES / f"{options.name}.yaml"
        if not sample.is_file():
            raise CommandError(f"There is no sample {options.name}. See: placet process sample --help")
        say(sample.read_text(encoding="utf-8").rstrip())
        return 0
    set_up()
    from placet.approvals.definition_schema import schema_of_definitions
    from placet.approvals.definitions import definition_of
    from placet.approvals.form_schema import schema_of
    from placet.approvals.models import Process
    from placet.approvals.processes import DefinitionInvalid, newest, publish

    if options.what == "list":
        for process in Process.objects.all():
            version = newest(process)
            say(f"{process.key}: {process.name}, version {version.number if version else '-'}")
        return 0
    if options.what == "schema" and options.key is None:
        say(json.dumps(schema_of_definitions(), indent=2, ensure_ascii=False))
        return 0
    if options.what == "schema":
        wanted = Process.objects.filter(key=options.key).first()
        version = None if wanted is None else newest(wanted)
        if version is None:
            raise CommandError(f"No process {options.key} is published. See: placet process list")
        say(json.dumps(schema_of(definition_of(version)), indent=2, ensure_ascii=False))
        return 0
    sample = SAMPLES / f"{options.file}.yaml"
    path = sample if sample.is_file() else Path(options.file)
    try:
        version = publish(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not text in UTF-8.") from error
    except DefinitionInvalid as error:
        raise CommandError("\n".join(["This process cannot be published:", *error.problems])) from error
    say(f"{version.process.name} is published as version {version.number}.")
    if empty := _without_anybody(definition_of(version).groups):
        warn(f"It names groups that nobody is in yet: {', '.join(empty)}.")
        warn("Put people into them: placet group set KEY --name NAME ADDRESS…")
    return 0


def _without_anybody(groups: Iterable[str]) -> list[str]:
    """Of groups by their keys: those in which nobody could be asked, as they are today."""
    from placet.accounts.models import Group

    staffed = set(Group.objects.filter(members__is_active=True).values_list("key", flat=True))
    return [key for key in groups if key not in staffed]
