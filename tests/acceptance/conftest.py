"""What these tests share: the folder with Microsoft's schema and the mail corpora, and a world to use them in."""

import pytest

from tests.journeys.conftest import cyrus_servers, mail_servers, pytest_generate_tests, sandbox, way, world

__all__ = ["cyrus_servers", "mail_servers", "pytest_generate_tests", "sandbox", "way", "world"]

TABLE = "table"  # under which a test's report carries lines that are printed at the end of the run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, lines in report.user_properties:
            if name == TABLE and report.when == "call":
                terminalreporter.section(report.nodeid.rpartition("::")[2])
                for line in lines:
                    terminalreporter.write_line(line)
