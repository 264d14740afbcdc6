"""What a trial shows: values alone, which outlive the transaction that they were read in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from placet.approvals.picture import Mark
from placet.designer.trying_events import Event


@dataclass(frozen=True)
class Mail:
    """A mail as it would look. `number`: among all mails of the trial, from 0. `at`: when it would be sent. `markup`:
    its HTML."""

    number: int
    kind: str
    to: str
    to_name: str
    subject: str
    text: str
    markup: str
    at: datetime


@dataclass(frozen=True)
class Reading:
    """How a reply was read. `rests_on`: the words that it relied on, as they were written; `outcome`: what it decides,
    in words, "" where it decides nothing; `sentence`: what became of it."""

    result: str
    outcome: str
    comment: str
    rests_on: Sequence[str]
    answers: Mapping[str, str]
    sentence: str
    read_text: str


@dataclass(frozen=True)
class Line:
    """One thing that happened, as a sentence. `tone`: good, bad, waiting, stuck or neutral."""

    text: str
    tone: str = "neutral"


@dataclass(frozen=True)
class Happening:
    """An event, and what came of it. `error`: why it could not happen; then nothing did."""

    event: Event
    at: datetime
    error: str = ""
    lines: Sequence[Line] = ()
    mails: Sequence[Mail] = ()
    reading: Reading | None = None


@dataclass(frozen=True)
class Choice:
    """An outcome that can be answered."""

    key: str
    label: str
    tone: str


@dataclass(frozen=True)
class OpenQuestion:
    """Somebody is asked. `why`: which line of the process names them, in words; `delegates`: addresses of those who may
    answer in their place; `by_mail`: a mail asks them that a reply can answer."""

    person: str
    name: str
    step: str
    step_name: str
    why: str
    choices: Sequence[Choice]
    delegates: Sequence[str] = ()
    by_mail: bool = True
    asks_back: bool = False  # it is the requester, who was asked something
    is_called: bool = False  # in a request that a step of this one started


@dataclass(frozen=True)
class Coming:
    """What is due next in a step."""

    at: datetime
    text: str


@dataclass(frozen=True)
class Station:
    """A step that the request came to. `result`: what it came to, as its key; "" as long as it lasts."""

    step: str
    name: str
    round: int
    state: str
    result: str
    people: Sequence[str] = ()  # addresses of those who were asked, in order
    reason: str = ""  # why it is stuck


@dataclass(frozen=True)
class Summary:
    """What two plays are compared by. `path`: the steps in the order in which they were entered, each as `step` or
    `step=result`; `asked`: addresses by step, each once; `result`: of the request, "" as long as it runs."""

    path: Sequence[str]
    asked: Mapping[str, Sequence[str]]
    result: str


@dataclass(frozen=True)
class Trial:
    """A whole play. `problems`: why the definition cannot be tried; then there is nothing else. `stopped`: why it was
    not played to its end."""

    problems: Sequence[str] = ()
    stopped: str = ""
    happenings: Sequence[Happening] = ()
    stations: Sequence[Station] = ()
    marks: Mapping[str, Mark] = field(default_factory=dict)  # of the picture, by key of a step
    questions: Sequence[OpenQuestion] = ()
    coming: Sequence[Coming] = ()
    signals: Sequence[str] = ()  # that steps wait for now
    title: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)  # of the request, as it is kept
    state: str = ""  # of the request; "" where none was started
    result: str = ""
    result_name: str = ""
    now: datetime | None = None
    summary: Summary = field(default_factory=lambda: Summary((), {}, ""))

    @property
    def mails(self) -> list[Mail]:
        """All of them, in the order in which they would be sent."""
        return [mail for one in self.happenings for mail in one.mails]

    @property
    def errors(self) -> list[str]:
        return [
            *self.problems,
            *(one.error for one in self.happenings if one.error),
            *filter(None, [self.stopped]),
        ]
