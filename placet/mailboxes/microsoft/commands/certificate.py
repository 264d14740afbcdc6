"""`placet mailbox certificate`: the client certificate that a mailbox proves itself with, in place of a secret."""

import argparse
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placet.cli import CommandError
from placet.commands.mailbox_named import find
from placet.commands.start import say

if TYPE_CHECKING:
    from placet.mailboxes.microsoft.certificates import Certificate
    from placet.mailboxes.models import Mailbox

NAME = "certificate"


def add_arguments(what: Any) -> None:
    """`what`: the subcommands of `placet mailbox`."""
    parser = what.add_parser(NAME, help="make, upload and use a client certificate instead of the secret")
    do = parser.add_subparsers(dest="do", required=True, metavar="make|show|upload|use|remove")
    make = do.add_parser(
        "make", help="make a key pair; its certificate waits until it is in Entra ID and used"
    )
    make.add_argument("--months", type=int, choices=(12, 24), default=12, help="how long it is valid (12)")
    show = do.add_parser("show", help="the certificates that are stored; a private key is never shown")
    show.add_argument(
        "--pem",
        action="store_true",
        help="print the one that is not in use yet, else the one in use, for Entra ID",
    )
    upload = do.add_parser(
        "upload",
        help="bring a certificate with its private key: PFX (PKCS#12) or PEM",
        epilog="A password is never an argument: it is asked for, or read as one line from standard input.",
    )
    upload.add_argument("file", type=Path, metavar="FILE")
    upload.add_argument(
        "key", type=Path, metavar="KEYFILE", nargs="?", help="the key, if it has a file of its own"
    )
    use = do.add_parser("use", help="ask for a token with the one that waits, and use it if that works")
    use.add_argument("--client-secret", action="store_true", help="go back to the client secret instead")
    remove = do.add_parser("remove", help="forget the one that waits, with its key")
    remove.add_argument(
        "--client-secret",
        action="store_true",
        help="forget the client secret instead, while a certificate is in use",
    )
    for one in (make, show, upload, use, remove):
        one.add_argument("--mailbox", metavar="ADDRESS", help="which one, where there are several")


def run(options: argparse.Namespace) -> int:
    from placet.mailboxes.base import MailboxError
    from placet.mailboxes.microsoft.certificates import CertificateInvalid

    mailbox = find(options.mailbox)
    if mailbox is None:
        raise CommandError("No mailbox is set up yet. Begin with: placet mailbox set --help")
    by = f"command line ({getpass.getuser()})"
    do = {"make": _make, "show": _show, "upload": _upload, "use": _use, "remove": _remove}[options.do]
    try:
        do(options, mailbox, by)
    except CertificateInvalid as error:
        raise CommandError(str(error)) from error
    except MailboxError as error:
        told = "".join(f"\n  {name}: {value}" for name, value in error.details.items())
        raise CommandError(f"Nothing was changed. {error.cause} {error.cure}{told}") from error
    return 0


def _make(options: argparse.Namespace, mailbox: "Mailbox", by: str) -> None:
    from placet.mailboxes.microsoft import credentials

    _say_next(credentials.make(mailbox, options.months, by=by))


def _upload(options: argparse.Namespace, mailbox: "Mailbox", by: str) -> None:
    from placet.mailboxes.microsoft import certificates, credentials

    files = [_start_of(path) for path in (options.file, options.key) if path is not None]
    try:
        found = certificates.read(files)
    except certificates.PasswordWrong:
        found = certificates.read(files, _password())
    credentials.take(mailbox, found, by=by)
    _say_next(found)


def _start_of(path: Path) -> bytes:
    """One byte more than is allowed tells the reader that it is too large."""
    from placet.mailboxes.microsoft.certificates import LARGEST

    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error


def _password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password of the file: ")
    return sys.stdin.readline().rstrip("\r\n")


def _say_next(certificate: "Certificate") -> None:
    say(_facts(certificate))
    say("It is not in use yet. Next:")
    say("  1. placet mailbox certificate show --pem > placet.cer")
    say(
        "  2. In Entra: App registrations > the application > Certificates & secrets > Certificates, upload placet.cer"
    )
    say("  3. placet mailbox certificate use")


def _facts(certificate: "Certificate") -> str:
    return "\n".join(
        [
            f"  Subject               {certificate.subject}",
            f"  Thumbprint            {certificate.thumbprint}",
            f"  Thumbprint (SHA-256)  {certificate.x5t_s256}",
            f"  Valid until           {certificate.ends:%Y-%m-%d %H:%M} UTC",
        ]
    )


def _show(options: argparse.Namespace, mailbox: "Mailbox", by: str) -> None:
    from placet.mailboxes.microsoft import credentials

    in_use, waits = credentials.certificate_in_use(mailbox), credentials.waiting(mailbox)
    if options.pem:
        wanted = waits or in_use
        if wanted is None:
            raise CommandError("There is no certificate. Make one with: placet mailbox certificate make")
        say(wanted.pem.rstrip("\n"))
        return
    if in_use is not None:
        say(f"In use since {mailbox.secret_set_at:%Y-%m-%d} by {mailbox.secret_set_by}:\n{_facts(in_use)}")
    if waits is not None:
        say(f"Not in use yet:\n{_facts(waits)}")
    if in_use is None and waits is None:
        say("There is no certificate.")
    if credentials.has_secret(mailbox):
        say(f"The client secret is {'stored too' if in_use else 'in use'} (never shown).")


def _use(options: argparse.Namespace, mailbox: "Mailbox", by: str) -> None:
    from placet.mailboxes.microsoft import credentials

    if options.client_secret:
        credentials.back_to_secret(mailbox, by=by)
        say(
            "The client secret is in use again. Say when it expires: placet mailbox set --secret-expires-on YYYY-MM-DD"
        )
        return
    used = credentials.use(mailbox, by=by)
    say(f"Entra ID accepted the certificate {used.thumbprint}. It is in use from now on.")
    if credentials.has_secret(mailbox):
        say(
            "The client secret stays stored. Remove it with: placet mailbox certificate remove --client-secret"
        )


def _remove(options: argparse.Namespace, mailbox: "Mailbox", by: str) -> None:
    from placet.mailboxes.microsoft import credentials

    if options.client_secret:
        credentials.remove_secret(mailbox, by=by)
        say("The client secret is removed here. Delete it in Entra too.")
        return
    if credentials.waiting(mailbox) is None:
        raise CommandError(
            "There is no certificate that is not in use yet. The one in use cannot be removed."
        )
    credentials.remove_waiting(mailbox, by=by)
    say("The certificate and its key are removed. Delete it in Entra too, if it is there.")
