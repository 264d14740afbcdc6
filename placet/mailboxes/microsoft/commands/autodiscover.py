"""`placet mailbox autodiscover ADDRESS`: which Exchange Server has a mailbox, in two steps. Nothing is saved."""

import argparse
import sys
from contextlib import closing
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placet.cli import CommandError
from placet.commands.start import say

if TYPE_CHECKING:
    from placet.mailboxes.microsoft.server.autodiscover import Autodiscovered, Place

NAME = "autodiscover"
WAYS = ("windows", "ntlm", "basic")


def add_arguments(what: Any) -> None:
    ask = what.add_parser(
        NAME,
        help="which Exchange Server has a mailbox: nothing is saved",
        epilog="Without --at no password is asked for, and nothing but the domain's two usual hosts is called.",
    )
    ask.add_argument("address", metavar="ADDRESS", help="of the mailbox")
    ask.add_argument(
        "--at", metavar="HOST", default="", help="sign in there: one of the hosts that were shown"
    )
    ask.add_argument("--user", default="", help="CONTOSO\\name or name@contoso.com; else the address")
    ask.add_argument(
        "--sign-in", choices=WAYS, default="windows", help="how; Basic sends the password itself"
    )
    ask.add_argument(
        "--authority", metavar="FILE", help="certificate of an authority of your own, PEM or DER"
    )


def run(options: argparse.Namespace) -> int:
    from placet.mailboxes.microsoft.server.autodiscover import places, urls_for

    domain = options.address.rpartition("@")[2].lower()
    authorities = _authorities(options.authority)
    try:
        urls = urls_for(domain)
    except ValueError:
        raise CommandError(f"“{options.address}” is no address of a mailbox.") from None
    if not options.at:
        answering = places(domain, authorities)
        for place in answering:
            say(_line(place))
        return 0 if any(place.asks for place in answering) else 1
    by_host = {url.split("/")[2]: url for url in urls}
    if options.at.lower() not in by_host:
        raise CommandError(f"Autodiscover is asked for at {' or '.join(by_host)}, and nowhere else.")
    return _asked(options, by_host[options.at.lower()], authorities)


def _asked(options: argparse.Namespace, url: str, authorities: str) -> int:
    from pydantic import SecretStr

    from placet.mailboxes.base import MailboxError
    from placet.mailboxes.microsoft.ews.callers import Caller
    from placet.mailboxes.microsoft.server.autodiscover import ask
    from placet.mailboxes.microsoft.server.basic import BasicCaller
    from placet.mailboxes.microsoft.server.windows import NEGOTIATE, NTLM, Account, WindowsCaller

    account = Account(options.user or options.address, SecretStr(_password(url)))
    caller: Caller
    if options.sign_in == "basic":
        caller = BasicCaller(url, account, authorities=authorities)
    else:
        schemes = (NTLM,) if options.sign_in == "ntlm" else (NEGOTIATE, NTLM)
        caller = WindowsCaller(url, account, schemes, authorities=authorities)
    try:
        with closing(caller):
            told = ask(caller, options.address)
    except MailboxError as error:
        raise CommandError(f"{error.cause} {error.cure}") from error
    say(_said(told))
    return 0 if told.servers else 1


def _authorities(name: str | None) -> str:
    from placet.mailboxes.authorities import AuthoritiesInvalid, read

    if name is None:
        return ""
    try:
        return read(Path(name).read_bytes())
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from error
    except AuthoritiesInvalid as invalid:
        raise CommandError(f"{name}: {invalid}") from invalid


def _password(url: str) -> str:
    """Never an argument: those are seen by everybody on this machine."""
    if sys.stdin.isatty():
        return getpass(f"Password for {url.split('/')[2]}: ")
    return sys.stdin.readline().rstrip("\r\n")


def _line(place: "Place") -> str:
    if place.failure:
        return f"{place.host}: {place.failure}"
    if place.asks:
        return (
            f"{place.host}: asks for a sign-in ({', '.join(place.sign_ins)}). To ask there: --at {place.host}"
        )
    if place.leads_to:
        return f"{place.host}: sends on to {place.leads_to}, where nothing was asked"
    return f"{place.host}: answers, but is no Autodiscover (HTTP {place.status})"


def _said(told: "Autodiscovered") -> str:
    lines = [f"Exchange server: {server}" for server in told.servers]
    if told.leads_to:
        lines.append(f"It sends on to {told.leads_to}, where nothing was asked.")
    if told.other_address:
        lines.append(f"The mailbox is asked for as {told.other_address}.")
    return "\n".join(lines) or "It names no server."
