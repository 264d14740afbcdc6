"""What the attacks came to: a table at the end of a run, gathered from all of its processes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pytest

PROPERTY = "attack"  # under which a test's report carries its counts


@dataclass(frozen=True)
class Counts:
    """Of one class of attacks."""

    forged: int = 0  # forgeries that were judged
    accepted: int = 0  # of these: must be none
    neighbours: int = 0  # genuine mails like them
    passed: int = 0  # of these: must be all
    delivered: int = 0  # of the forgeries: lay in a mailbox and went down the whole path

    def __add__(self, other: "Counts") -> "Counts":
        return replace(
            self,
            forged=self.forged + other.forged,
            accepted=self.accepted + other.accepted,
            neighbours=self.neighbours + other.neighbours,
            passed=self.passed + other.passed,
            delivered=self.delivered + other.delivered,
        )


def table(counts: Mapping[str, Counts]) -> Iterable[str]:
    """Lines of a Markdown table, as they stand in docs/security.md."""
    yield "| Class | Forged | Delivered | Accepted | Genuine neighbours | Passed |"
    yield "|---|---|---|---|---|---|"
    for name in sorted(counts):
        yield _row(name, counts[name])
    yield _row("together", sum(counts.values(), Counts()))


def _row(name: str, one: Counts) -> str:
    return f"| {name} | {one.forged:,} | {one.delivered:,} | {one.accepted:,} | {one.neighbours:,} | {one.passed:,} |"


class Tally:
    """Gathers the counts of all tests, in the process that prints the summary."""

    def __init__(self) -> None:
        self.counts: dict[str, Counts] = defaultdict(Counts)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "teardown":
            return  # the properties stand in the report of each phase, and are whole in the last one
        for name, value in report.user_properties:
            if name == PROPERTY and isinstance(value, dict):
                counted = dict(value)
                self.counts[counted.pop("class")] += Counts(**counted)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.counts:
            terminalreporter.section("attacks")
            for line in table(self.counts):
                terminalreporter.write_line(line)
