"""`placet-ask`: asks for an approval from a shell or a CI job, and waits for the answer."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from placet_client.client import Placet
from placet_client.errors import NotOpen, PlacetError, Stale, StillOpen
from placet_client.records import Decision, Request
from placet_client.uploads import Upload
from placet_client.version import __version__

GRANTED = ("approve", "approved")  # what an approval without a process comes to, and most processes
APPROVED, NOT_APPROVED, USAGE, STILL_OPEN, FAILED = range(5)
URL_VARIABLE = "PLACET_URL"
KEY_VARIABLE = "PLACET_KEY"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_EPILOG = """\
exit codes:
  0  approved
  1  anything else that it came to: rejected, withdrawn, another result
  2  the command or its settings are wrong; nothing was asked
  3  still open: not answered in time, or no --wait
  4  it could not be asked, or the answer not be got

The key stands in a file (--key-file) or in the environment (PLACET_KEY), never in an argument, which others on the
machine can see. An approval is asked for once for each --idempotency-key, however often the command is run.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        placet, uploads = _placet(options), [Upload.of(path) for path in options.file]
        exactly = options.exactly_file.read_text() if options.exactly_file else None
        _check(options)
    except (ValueError, OSError) as error:
        parser.print_usage(sys.stderr)
        sys.stderr.write(f"placet-ask: {error}\n")
        return USAGE
    try:
        with placet:
            return _ask(placet, options, uploads, exactly)
    except ValueError as error:  # before anything was sent
        sys.stderr.write(f"placet-ask: {error}\n")
        return USAGE
    except PlacetError as error:
        sys.stderr.write(f"placet-ask: {one_line(str(error))}\n")
        return FAILED
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="placet-ask",
        description="Ask for an approval, wait for the answer, and end with an exit code that says it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"placet-ask {__version__}")
    parser.add_argument("--url", help=f"the address of Placet (or {URL_VARIABLE})")
    parser.add_argument(
        "--key-file", type=Path, help=f"a file with the key alone (or the key as {KEY_VARIABLE})"
    )
    what = parser.add_argument_group("what is asked")
    what.add_argument("--title", help="what it is about, in a line")
    what.add_argument("--fact", action="append", default=[], type=_fact, metavar="LABEL=VALUE", help="often")
    what.add_argument("--text", help="what else there is to say")
    what.add_argument(
        "--exactly-file", type=Path, metavar="PATH", help="what will be done, sign by sign: a command, a diff"
    )
    what.add_argument("--file", action="append", default=[], type=Path, metavar="PATH", help="often")
    who = parser.add_argument_group("who is asked")
    who.add_argument("--to", action="append", default=[], type=str.strip, metavar="ADDRESS", help="often")
    who.add_argument("--group", help="instead of --to")
    who.add_argument("--rule", type=_rule, help="how many must agree: any, all or a number")
    who.add_argument("--outcome", action="append", default=[], help="what can be answered, often")
    who.add_argument("--due", help="until when: 2026-12-24 or 2026-12-24T17:00:00Z")
    who.add_argument("--proof", help="how sure it must be who answers")
    who.add_argument("--requester", metavar="ADDRESS", help="for whom it is asked")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--wait", type=duration, metavar="TIME", help="how long to wait, such as 90s, 30m, 8h, 2d"
    )
    how.add_argument("--withdraw", action="store_true", help="take it back when that time is over")
    how.add_argument(
        "--request", metavar="ID", help="wait for one that was asked for earlier; nothing is asked"
    )
    how.add_argument(
        "--approves",
        action="append",
        default=[],
        metavar="RESULT",
        help="what counts as approved, instead of “approve” and “approved” (often)",
    )
    how.add_argument("--idempotency-key", metavar="KEY", help="such as the number of a build or a document")
    how.add_argument("--json", action="store_true", help="the request as JSON on standard output")
    how.add_argument(
        "--github-output", type=Path, metavar="FILE", help="of a GitHub Actions step: adds its outputs"
    )
    return parser


def _fact(text: str) -> tuple[str, str]:
    label, equals, value = text.partition("=")
    if not equals or not label.strip():
        raise argparse.ArgumentTypeError(f"“{text}” is no LABEL=VALUE")
    return label.strip(), value


def _rule(text: str) -> str | int:
    if text in ("any", "all"):
        return text
    if text.isascii() and text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError("a rule is any, all or a number")


def duration(text: str) -> int:
    """Seconds of “90s”, “1h30m” or “2d”."""
    if not re.fullmatch(r"(\d{1,6}[smhd])+", text, re.ASCII):
        raise argparse.ArgumentTypeError("a time is a number with s, m, h or d, such as 90s or 1h30m")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", text, re.ASCII))


def _placet(options: argparse.Namespace) -> Placet:
    url = options.url or os.environ.get(URL_VARIABLE)
    if not url:
        raise ValueError(f"Say where Placet is: --url or {URL_VARIABLE}.")
    key = options.key_file.read_text() if options.key_file else os.environ.get(KEY_VARIABLE)
    if not key:
        raise ValueError(f"It needs a key: --key-file or {KEY_VARIABLE}.")
    return Placet(url, key)


def _check(options: argparse.Namespace) -> None:
    if options.request:
        if options.title or options.to or options.group:
            raise ValueError("--request waits for what was asked for; it asks for nothing.")
    elif not options.title:
        raise ValueError("Say what is asked: --title.")
    elif bool(options.to) == bool(options.group):
        raise ValueError("Say who is asked: either --to or --group.")
    if options.withdraw and options.wait is None:
        raise ValueError("--withdraw needs --wait.")


def _ask(placet: Placet, options: argparse.Namespace, uploads: Sequence[Upload], exactly: str | None) -> int:
    if options.request:
        request = placet.get(options.request)
    else:
        request = placet.request_approval(
            options.title,
            options.fact,
            options.to,
            group=options.group,
            text=options.text,
            exactly=exactly,
            files=uploads,
            rule=options.rule,
            outcomes=options.outcome,
            due=options.due,
            proof=options.proof,
            requester=options.requester,
            idempotency_key=options.idempotency_key,
        )
    # Before it waits: whoever is stopped meanwhile can come back to it.
    sys.stderr.write(
        f"Request {request.number}: {one_line(request.link)} (--request {one_line(request.id)})\n"
    )
    sys.stderr.flush()
    request = _ended(placet, request, options)
    _show(request, options, sys.stdout)
    if options.github_output:
        _write_outputs(request, options.github_output)
    if request.is_open:
        return STILL_OPEN
    is_approved = request.state == "ended" and request.result in (options.approves or GRANTED)
    return APPROVED if is_approved else NOT_APPROVED


def _ended(placet: Placet, request: Request, options: argparse.Namespace) -> Request:
    if options.wait is None:
        return request
    try:
        return placet.wait(request, options.wait)
    except StillOpen as error:
        if not options.withdraw:
            return error.request
        return _withdrawn(placet, error.request)


def _withdrawn(placet: Placet, request: Request) -> Request:
    """Taken back; whoever answers at this very moment is heard."""
    while True:
        try:
            return placet.withdraw(request)
        except (NotOpen, Stale):
            request = placet.get(request.id)
            if not request.is_open:
                return request


def _show(request: Request, options: argparse.Namespace, target: TextIO) -> None:
    if options.json:
        target.write(json.dumps(request.raw, ensure_ascii=False) + "\n")
        return
    result = "still open" if request.is_open else request.result or request.state
    target.write(f"Result: {one_line(result)}\n")
    for decision in request.decisions:
        target.write(f"  {_sentence(decision)}\n")


def _sentence(decision: Decision) -> str:
    by = decision.by
    who = (by.name or by.address) if by else "somebody"
    parts = [f"{who}: {decision.outcome}"]
    if decision.channel or decision.at:
        at = decision.at.isoformat() if decision.at else ""
        parts.append("(" + ", ".join(part for part in (decision.channel, at) if part) + ")")
    if decision.comment:
        parts.append(f"“{decision.comment}”")
    return one_line(" ".join(parts))


def _write_outputs(request: Request, file: Path) -> None:
    """For the steps that follow. On one line each: another one would be another output."""
    outputs = {"result": request.result or "", "request-id": request.id, "link": request.link}
    with file.open("a") as target:
        target.writelines(f"{name}={''.join(value.splitlines())}\n" for name, value in outputs.items())


def one_line(text: str) -> str:
    """What people wrote, harmless where it is shown: nothing that moves a terminal's cursor, and no line or sign that a
    CI system takes for a command (“::set-output”, “##[group]”)."""
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    return re.sub(r"##(?=\[)|::", lambda signs: " ".join(signs[0]), " ".join(printable.split()))


if __name__ == "__main__":
    sys.exit(main())
