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


def table_of_ways(counts: Mapping[tuple[str, str], Counts]) -> Iterable[str]:
    """The same of each way to a mailbox: how many forgeries were delivered, and how many genuine neighbours passed. A
    forgery that was accepted has a cell of its own."""
    ways = sorted({way for _name, way in counts if way})
    yield f"| Class | {' | '.join(ways)} |"
    yield "|---" * (len(ways) + 1) + "|"
    for name in sorted({name for name, way in counts if way}):
        cells = [counts.get((name, way), Counts()) for way in ways]
        if any(one.delivered for one in cells):
            yield f"| {name} | {' | '.join(map(_cell, cells))} |"


def _cell(one: Counts) -> str:
    if not one.delivered and not one.neighbours:
        return "-"
    accepted = f" **{one.accepted:,} accepted**" if one.accepted else ""
    return f"{one.delivered:,} / {one.passed:,}{accepted}"


class Tally:
    """Gathers the counts of all tests, in the process that prints the summary."""

    def __init__(self) -> None:
        self.counts: dict[str, Counts] = defaultdict(Counts)
        self.by_way: dict[tuple[str, str], Counts] = defaultdict(Counts)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "teardown":
            return  # the properties stand in the report of each phase, and are whole in the last one
        for name, value in report.user_properties:
            if name == PROPERTY and isinstance(value, dict):
                counted = dict(value)
                name, way = counted.pop("class"), counted.pop("way")
                self.counts[name] += Counts(**counted)
                self.by_way[name, way] += Counts(**counted)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.counts:
            terminalreporter.section("attacks")
            for line in (*table(self.counts), "", *table_of_ways(self.by_way)):
                terminalreporter.write_line(line)
