"""`placet sandbox`: the local Entra ID and Exchange Online alone, for trying and testing."""

import argparse
from pathlib import Path

from placet.cli import CommandError
from placet.commands.start import say, set_up
from placet.sandbox.run import DEFAULT_MAILBOXES, serve_forever
from placet.sandbox.server import Sandbox


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="on loopback; 0 takes a free one")
    parser.add_argument("--domain", default="contoso.example", help="of its mailboxes")
    parser.add_argument(
        "--mailbox",
        action="append",
        default=[],
        metavar="NAME",
        help="a mailbox NAME@domain; may be given often (without: some people)",
    )
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="write addresses and secrets there, as JSON"
    )


def run(options: argparse.Namespace) -> int:
    set_up()
    refuse_beside_a_real_mailbox()
    mailboxes = [(name, name.title()) for name in options.mailbox] or DEFAULT_MAILBOXES
    try:
        serve_forever(
            port=options.port,
            domain=options.domain,
            state=options.state,
            mailboxes=mailboxes,
            ready=lambda sandbox: _describe(sandbox, options.state),
        )
    except OSError as error:
        raise CommandError(
            f"The sandbox cannot start: {error.strerror} ({error.filename or options.port})."
        ) from error
    return 0


def refuse_beside_a_real_mailbox() -> None:
    """The sandbox hands out passwords and lets anybody send as anybody: never where real people are asked."""
    from placet.mailboxes.models import Mailbox

    real = Mailbox.objects.filter(sandbox=False).first()
    if real is not None:
        raise CommandError(
            f"This installation has the real mailbox {real.address}, so the sandbox does not start beside it. "
            "Point PLACET_DATA_DIR (and PLACET_DATABASE_URL) at an installation for trying things."
        )


def _describe(sandbox: Sandbox, state: Path | None) -> None:
    say(f"Sandbox at {sandbox.url} (web mail: {sandbox.webmail_url})")
    say(f"  Server address              {sandbox.url.removeprefix('http://')}, security: None")
    say(f"  Access token URI            {sandbox.token_url}")
    say(f"  Application (client) ID     {sandbox.client_id}")
    say(f"  Scope of Microsoft Graph    {sandbox.graph_scope}")
    say(f"  Scope of EWS                {sandbox.scope}")
    if state is None:
        say(f"  Client secret               {sandbox.client_secret}")
        for mailbox in sandbox.tenant.mailboxes.values():
            say(f"  Mailbox {mailbox.address}, password {mailbox.password}")
    else:
        say(f"  Secrets and passwords are in {state}")
    say("Stop it with Ctrl-C.")
