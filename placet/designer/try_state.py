"""What a page of a trial knows: which definition is tried, and what happened so far. It travels in the address, signed,
so that reload, the back button and a bookmark work, and nothing of a trial is kept anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.core import signing

from placet.approvals.definitions import Definition, definition_of
from placet.approvals.drafts import draft_of
from placet.approvals.models import Process, Version
from placet.approvals.processes import DefinitionInvalid, newest, parse_definition
from placet.designer.reading import without_steps
from placet.designer.trying_events import Event, EventsInvalid, as_json, from_json

DRAFT = "draft"
LONGEST_ADDRESS = 6000  # characters of a trial in an address; a longer one travels in the page's form
_SALT = "placet.designer.try"


@dataclass(frozen=True)
class State:
    """`source`: "draft", or the number of a version."""

    source: str
    events: Sequence[Event] = ()

    def after(self, event: Event) -> "State":
        return replace(self, events=[*self.events, event])

    def one_back(self) -> "State":
        return replace(self, events=self.events[:-1])


def signed(process: Process, state: State) -> str:
    about = {"source": state.source, "events": as_json(state.events)}
    return signing.dumps(about, salt=f"{_SALT}:{process.pk}", compress=True)


def read(process: Process, text: str) -> State | None:
    """None for anything that `signed` did not write for this process."""
    try:
        about = signing.loads(text, salt=f"{_SALT}:{process.pk}")
        return State(str(about["source"]), from_json(about["events"]))
    except (signing.BadSignature, EventsInvalid, KeyError):
        return None


def sources(process: Process) -> list[str]:
    """What of a process can be tried: its draft, and what is published."""
    version = newest(process)
    return [
        *([DRAFT] if draft_of(process.key) is not None else []),
        *([str(version.number)] if version is not None else []),
    ]


def source_of(process: Process, name: str) -> str | Version | None:
    """The text of the draft, or a version; None where there is none of that name."""
    if name == DRAFT:
        draft = draft_of(process.key)
        return None if draft is None else draft.text
    return process.versions.filter(number=int(name)).first() if name.isdecimal() and len(name) < 9 else None


def definition_in(source: str | Version) -> Definition:
    """DefinitionInvalid where a draft has something to be put right."""
    return parse_definition(source) if isinstance(source, str) else definition_of(source)


def problems_in(source: str | Version) -> Sequence[str]:
    try:
        definition_in(source)
    except DefinitionInvalid as error:
        return without_steps(error.problems)
    return ()
