"""`placet mcp`: agents ask for approvals. Needs no installation on the machine: it calls the API of one elsewhere."""

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from placet.cli import CommandError
from placet.lib.config import listen_of

if TYPE_CHECKING:
    from placet_client import Placet

URL_VARIABLE = "PLACET_URL"
KEY_VARIABLE = "PLACET_KEY"
_MISSING = (
    "placet mcp needs two more packages, which a plain installation leaves out: placet[mcp] and placet-client. "
    "docs/install.md says how to get them."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help=f"the address of Placet (or {URL_VARIABLE})")
    parser.add_argument(
        "--key-file",
        type=Path,
        help=f"a file with the key alone (or the key as {KEY_VARIABLE}); not with --http",
    )
    parser.add_argument(
        "--http",
        metavar="HOST:PORT",
        type=_listen,
        help="streamable HTTP at /mcp, with a key of each caller, instead of standard input and output",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name, with port where there is one, that callers of --http may call it by (often)",
    )
    parser.add_argument(
        "--allow-decisions",
        action="store_true",
        help="offer the tool that decides, once the person has confirmed it; needs a key with decisions:write",
    )


def run(options: argparse.Namespace) -> int:
    url = options.url or os.environ.get(URL_VARIABLE)
    if not url:
        raise CommandError(f"Say where Placet is: --url or {URL_VARIABLE}.")
    if find_spec("mcp") is None or find_spec("placet_client") is None:
        raise CommandError(_MISSING)
    return _serve(options, url) if options.http else _speak(options, url)


def _listen(text: str) -> tuple[str, int]:
    try:
        host, _, port = listen_of(text).rpartition(":")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return host, int(port)


def _speak(options: argparse.Namespace, url: str) -> int:
    """On standard input and output, with one key."""
    key = _key(options.key_file)
    if not key:
        raise CommandError(f"It needs a key: --key-file or {KEY_VARIABLE}.")
    _placet(url, key).close()  # wrong ones are said now, not at the first call

    from placet.agents.server import build

    build(lambda: _placet(url, key), with_decisions=options.allow_decisions).run("stdio")
    return 0


def _key(file: Path | None) -> str:
    if file is None:
        return os.environ.get(KEY_VARIABLE, "")
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from error


def _serve(options: argparse.Namespace, url: str) -> int:
    """Over HTTP, with the key that each caller shows."""
    from placet_client.addresses import is_loopback

    host, port = options.http
    if options.key_file:
        raise CommandError("With --http each caller shows a key of their own: leave --key-file out.")
    if not options.allow_host and not is_loopback(host.strip("[]")):
        raise CommandError("Say by which names it is called: --allow-host agents.example.com.")
    _placet(url, "plc_none").close()

    from placet.agents.http import application, serve, server_for

    server = server_for(lambda key: _placet(url, key), url, with_decisions=options.allow_decisions)
    sys.stderr.write(f"Agents call http://{host}:{port}/mcp with a key of {url} as bearer. Ctrl-C ends it.\n")
    serve(application(server, host, options.allow_host), host, port)
    return 0


def _placet(url: str, key: str) -> "Placet":
    from placet_client import Placet

    try:
        return Placet(url, key)
    except ValueError as error:
        raise CommandError(str(error)) from error
