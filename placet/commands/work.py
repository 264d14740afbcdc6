"""`placet work`: the work alone, in any number of processes on PostgreSQL, on this machine and others."""

import argparse

from placet.cli import CommandError
from placet.commands.running import on_postgresql, started, stop_by_signal, until_stopped
from placet.commands.start import read_config, say
from placet.lib.collector import keep_what_is_there, not_collecting


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    pass


def run(_options: argparse.Namespace) -> int:
    config = read_config()
    if not on_postgresql(config):
        raise CommandError(
            "placet work needs PostgreSQL (PLACET_DATABASE_URL): on SQLite placet serve does all the work. placet "
            "database copy takes an installation there."
        )
    with started(config) as lock:
        with not_collecting():
            from placet.workers import leases
            from placet.workforce import workers
        keep_what_is_there()
        asked = stop_by_signal()
        with workers():
            say(f"Placet works ({leases.worker_id()}). Stop it with Ctrl-C.")
            kept = until_stopped(lock, asked)
    return 0 if kept else 1
