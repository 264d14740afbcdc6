"""`placet mailbox consent`: somebody signs in to a mailbox on another device and agrees that Placet uses it."""

import argparse
import getpass
from typing import TYPE_CHECKING, Any

from placet.cli import CommandError
from placet.commands.start import say

if TYPE_CHECKING:
    from placet.mailboxes.consent_requests import ConsentRequest
    from placet.mailboxes.models import Mailbox


def add_arguments(what: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = what.add_parser(
        "consent",
        help="sign in to a mailbox with a code, on any device with a browser",
        epilog="For mailboxes that are signed in to by a person's consent. Servers without such codes (Google gives "
        "none for mail) are signed in to on the page of the mailbox.",
    )
    return parser


def run(options: argparse.Namespace, mailbox: "Mailbox | None") -> int:
    from placet.mailboxes import consent

    if mailbox is None:
        raise CommandError("No mailbox is set up yet. Begin with: placet mailbox set --help")
    wanted = consent.requests_of(mailbox)
    if not wanted:
        raise CommandError(
            f"{mailbox.address} is not signed in to by a person's consent (…-sign-in oauth-refresh)."
        )
    for request in wanted:
        _agree(mailbox, request)
    say("Test it with: placet check")
    return 0


def _agree(mailbox: "Mailbox", request: "ConsentRequest") -> None:
    from placet.mailboxes import consent
    from placet.mailboxes.base import MailboxError

    if not request.device_uri:
        raise CommandError(
            f"{request.server} is not known to give codes for other devices (…-device-uri). Sign in on the page of "
            "the mailbox: Administration, Configuration, Remote Approval."
        )
    try:
        device = consent.begin_on_device(request)
        say(f"Open {device.address}")
        say(f"and enter the code {device.user_code}")
        say(f"Sign in there as {request.user}, within {round(device.life / 60)} minutes.")
        refresh_token = consent.wait_for_device(request, device)
        consent.keep(mailbox, request, refresh_token, by=f"command line ({getpass.getuser()})")
    except MailboxError as error:
        raise CommandError(f"Nothing was changed. {error}") from error
    except consent.Changed as error:
        raise CommandError(
            "Nothing was changed: the settings were changed meanwhile. Begin again."
        ) from error
    say(f"Signed in at {request.server}.")
