"""Test cases of a process: how a request is to run, played anew before a version is published.

keep(process, name, source, events, by)       a trial becomes a case, with what came of it
run_cases(process, source)                    every case against a definition
cases_before_publishing(process, text)        the same, for whoever publishes: what fails, and what differs from
                                              the version that is published
overrule(run, reason, by)                     it is published all the same: on the installation's record
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from placet.accounts.addresses import people_at
from placet.accounts.models import Person
from placet.approvals.installation_record import note
from placet.approvals.models import Process, Version
from placet.approvals.processes import newest
from placet.designer.models import TestCase
from placet.designer.trying import tried
from placet.designer.trying_events import Event, EventsInvalid, Start, as_json, from_json
from placet.designer.trying_shown import Summary, Trial

OVERRULED = "test cases overruled"  # event of the installation's record
MOST_CASES = 50  # of one process
LONGEST_REASON = 1000
MOST_SECONDS = 60.0  # of all cases of a process together; each may take as long as a play (`trying`)


class CaseRefused(ValueError):
    """Why a trial is not kept as a test case; the message is for people."""


@dataclass(frozen=True)
class CaseRun:
    """One case, played. `differences`: sentences, none where it came as expected; `missing`: addresses of people that
    it names and that are not there any more."""

    case: TestCase
    trial: Trial
    differences: Sequence[str]
    missing: Sequence[str] = ()
    since_published: Sequence[str] = ()  # what differs from how the published version plays it

    @property
    def is_good(self) -> bool:
        return not self.differences


@dataclass(frozen=True)
class CasesRun:
    """All cases of a process against one definition."""

    process: Process
    runs: Sequence[CaseRun]

    @property
    def failing(self) -> list[CaseRun]:
        return [run for run in self.runs if not run.is_good]

    @property
    def names_of_failing(self) -> list[str]:
        return [run.case.name for run in self.failing]

    @property
    def blocks(self) -> bool:
        """Whether it may be published only with a reason."""
        return bool(self.failing)


@transaction.atomic
def keep(process: Process, name: str, source: str | Version, events: Sequence[Event], by: Person) -> TestCase:
    """CaseRefused where the trial does not run without an error, or the name is there."""
    name = " ".join(name.split())[:100]
    if not name:
        raise CaseRefused(_("Please give the test case a name."))
    if process.test_cases.count() >= MOST_CASES:
        raise CaseRefused(_("A process has at most {n} test cases.").format(n=MOST_CASES))
    trial = tried(source, events)
    if trial.errors or not trial.state:
        raise CaseRefused(
            _("Something in this trial did not work, so it says nothing of how a request is to run.")
        )
    case = TestCase(process=process, name=name, events=as_json(events), expected=asdict(trial.summary), by=by)
    try:
        with transaction.atomic():
            case.save()
    except IntegrityError as error:
        raise CaseRefused(_("There is a test case “{name}” already.").format(name=name)) from error
    return case


def expected_of(case: TestCase) -> Summary:
    return Summary(case.expected["path"], case.expected["asked"], case.expected["result"])


def run_case(case: TestCase, source: str | Version) -> CaseRun:
    try:
        events = from_json(case.events)
    except EventsInvalid as error:  # an older version of Placet kept it
        return CaseRun(case, Trial(problems=[str(error)]), [str(error)])
    trial = tried(source, events)
    expected = expected_of(case)
    missing = _missing(expected, events)
    gone = [_("{address} is not there any more.").format(address=address) for address in missing]
    differences = [*gone, *trial.errors, *differences_between(expected, trial.summary)]
    return CaseRun(case, trial, differences, missing)


def run_cases(process: Process, source: str | Version) -> CasesRun:
    """Those for which no time is left fail: nobody knows how they would come out."""
    ends = time.monotonic() + MOST_SECONDS
    return CasesRun(
        process,
        [
            run_case(case, source) if time.monotonic() < ends else _not_run(case)
            for case in process.test_cases.all()
        ],
    )


def _not_run(case: TestCase) -> CaseRun:
    sentence = _("It was not run: the test cases of this process take too long together.")
    return CaseRun(case, Trial(problems=[sentence]), [sentence])


def cases_before_publishing(process: Process, text: str) -> CasesRun:
    """Every case of a process against what is to be published (YAML), each beside how the published version runs."""
    published = newest(process)
    runs = []
    several = run_cases(process, text).runs
    ends = time.monotonic() + MOST_SECONDS
    for run in several:
        since: Sequence[str] = ()
        if published is not None and not run.trial.problems and time.monotonic() < ends:
            as_published = tried(published, from_json(run.case.events))
            since = differences_between(as_published.summary, run.trial.summary)
        runs.append(CaseRun(run.case, run.trial, run.differences, run.missing, since))
    return CasesRun(process, runs)


@transaction.atomic
def overrule(run: CasesRun, reason: str, by: Person | None) -> None:
    """Some case fails, and the process is published all the same. Belongs into the transaction that publishes it.
    `by`: None at the command line. CaseRefused without a reason."""
    reason = " ".join(reason.split())[:LONGEST_REASON]
    if not any(map(str.isalnum, reason)):
        raise CaseRefused(_("Please say why it is published although a test case fails."))
    # The process first, and the record behind it, as publishing locks them.
    process = Process.objects.select_for_update().get(pk=run.process.pk)
    note(by, OVERRULED, process, cases=run.names_of_failing, reason=reason)


# --- what is another way ----------------------------------------------------------------------------------


def differences_between(before: Summary, now: Summary) -> list[str]:
    """Sentences; none where two plays are alike."""
    differences = []
    if list(before.path) != list(now.path):
        differences.append(
            _("Path: {now} (expected: {before}).").format(now=_joined(now.path), before=_joined(before.path))
        )
    differences += _asked_otherwise(before.asked, now.asked)
    if before.result != now.result:
        differences.append(
            _("Result: {now} (expected: {before}).").format(
                now=now.result or "–", before=before.result or "–"
            )
        )
    return differences


def _asked_otherwise(before: Mapping[str, Sequence[str]], now: Mapping[str, Sequence[str]]) -> list[str]:
    steps = [*before, *(step for step in now if step not in before)]
    return [
        _("Asked in {step}: {now} (expected: {before}).").format(
            step=step, now=_joined(now.get(step, ()), ", "), before=_joined(before.get(step, ()), ", ")
        )
        for step in steps
        if sorted(before.get(step, ())) != sorted(now.get(step, ()))
    ]


def _joined(parts: Sequence[str], between: str = " → ") -> str:
    return between.join(parts) or "–"


def _missing(expected: Summary, events: Sequence[Event]) -> list[str]:
    """Those whom a case names and that nobody is any more, or who is not active."""
    named = {address for people in expected.asked.values() for address in people}
    named |= {event.person for event in events if isinstance(event, Start)}
    named |= {address for event in events if (address := getattr(event, "by", ""))}
    active = {address for address, person in people_at(named).items() if person.is_active}
    return sorted(named - active)
