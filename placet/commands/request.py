"""`placet request`: what can be said of a request from outside."""

import argparse

from placet.cli import CommandError
from placet.commands.start import say, set_up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="signal")
    signal = what.add_parser(
        "signal", help="say that something happened that a step waits for, or will wait for"
    )
    signal.add_argument("number", type=int, help="of the request")
    signal.add_argument("key", help="as the step says it: signal: KEY")


def run(options: argparse.Namespace) -> int:
    set_up()
    from placet.approvals import engine, engine_errors
    from placet.approvals.models import Request

    number = Request.objects.filter(number=options.number).values_list("pk", flat=True).first()
    if number is None:
        raise CommandError(f"There is no request {options.number}.")
    try:
        signal = engine.signal(number, options.key, None)
    except engine_errors.EngineError as error:
        raise CommandError(str(error)) from error
    if signal.taken_by is None:
        say(f"Request {options.number} keeps the signal “{signal.key}” until a step waits for it.")
    else:
        say(f"Request {options.number} goes on.")
    return 0
