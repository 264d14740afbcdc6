"""`placet key`: keys of the API, without the pages."""

import argparse
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from placet.cli import CommandError
from placet.commands.person import find_person
from placet.commands.start import say, set_up

if TYPE_CHECKING:
    from placet.api.models import Key


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="make|list|rotate|revoke")
    make = what.add_parser("make", help="make a key of somebody's, which is shown once")
    make.add_argument("address", help="of the person whose key it is")
    make.add_argument("name", help="what uses it, such as ERP")
    make.add_argument(
        "--scope",
        action="append",
        required=True,
        metavar="SCOPE",
        help="such as requests:read; more than once",
    )
    make.add_argument(
        "--process", action="append", default=[], metavar="KEY", help="only for this process; more than once"
    )
    make.add_argument(
        "--proof",
        default="",
        metavar="PROOF",
        help="the weakest proof of who answers that its requests take: outside, colleague, submitted, signed or page",
    )
    make.add_argument("--last-day", metavar="DATE", help="such as 2027-12-31; a year from now unless said")
    list_ = what.add_parser("list", help="which keys there are")
    list_.add_argument("address", nargs="?", help="of the person whose they are")
    list_.add_argument("--all", action="store_true", help="those that are not valid any more, too")
    rotate = what.add_parser("rotate", help="make a key that takes the place of another one")
    rotate.add_argument("key", help="its beginning, such as plc_1a2B3c4D")
    rotate.add_argument(
        "--keep",
        type=int,
        default=24,
        metavar="HOURS",
        help="how long the old one stays valid; 24 unless said",
    )
    what.add_parser("revoke", help="refuse a key from now on").add_argument(
        "key", help="its beginning, such as plc_1a2B3c4D"
    )


def run(options: argparse.Namespace) -> int:
    set_up()
    return {"make": _make, "list": _list, "rotate": _rotate, "revoke": _revoke}[options.what](options)


def _make(options: argparse.Namespace) -> int:
    from placet.api import keys
    from placet.approvals.models import Process

    person = find_person(options.address)
    known = set(Process.objects.filter(key__in=options.process).values_list("key", flat=True))
    for process in options.process:
        if process not in known:
            raise CommandError(f"There is no process {process}.")
    for scope in options.scope:
        if scope not in keys.Scope.values:
            raise CommandError(f"There is no scope {scope}. There are {', '.join(keys.Scope.values)}.")
    try:
        key, text = keys.make(
            person,
            options.name,
            options.scope,
            processes=options.process,
            floor=options.proof,
            expires_at=_end_of(options.last_day) if options.last_day else None,
            by=None,
        )
    except keys.KeyInvalid as error:
        raise CommandError(str(error)) from error
    say(text)
    _say_of(key)
    say(f"Callbacks are signed with {key.secrets[keys.SIGNING]}")
    say("Both are shown only now.")
    return 0


def _list(options: argparse.Namespace) -> int:
    from placet.api.models import Key
    from placet.lib import clock

    listed = Key.objects.select_related("person").defer("secrets").order_by("pk")
    if options.address:
        listed = listed.filter(person=find_person(options.address))
    now = clock.now()
    for key in listed:
        is_over = key.expires_at is not None and key.expires_at <= now
        if options.all or not (is_over or key.revoked_at):
            _say_of(key)
    return 0


def _rotate(options: argparse.Namespace) -> int:
    from placet.api import keys

    if options.keep < 0:
        raise CommandError("Say how many hours the old key stays valid: 0 or more.")
    old = _find(options.key)
    try:
        key, text = keys.rotate(old, None, timedelta(hours=options.keep))
    except keys.KeyInvalid as error:
        raise CommandError(str(error)) from error
    old.refresh_from_db()
    say(text)
    _say_of(key)
    say(f"It is shown only now. The old key is valid until {old.expires_at:%Y-%m-%d %H:%M} UTC.")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    from placet.api import keys

    key = _find(options.key)
    if key.revoked_at is not None:
        raise CommandError("This key was revoked already.")
    keys.revoke(key, None)
    say(f"“{key.name}” of {key.person.name} was revoked.")
    return 0


def _say_of(key: "Key") -> None:
    """One line, without anything that a terminal would obey."""
    end = f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "without end"
    used = f"last used {key.last_used_at:%Y-%m-%d %H:%M} UTC" if key.last_used_at else "never used"
    about = ["revoked" if key.revoked_at else end, used, "scopes: " + " ".join(key.scopes)]
    if key.processes:
        about.append("processes: " + " ".join(key.processes))
    if key.floor:
        about.append(f"proof: {key.floor}")
    line = f"plc_{key.public}_…  {key.name}  {key.person.name} <{key.person.email}>  {', '.join(about)}"
    say("".join(c if c.isprintable() else "\ufffd" for c in line))


def _find(text: str) -> "Key":
    """By its beginning; whoever pastes the whole key, which is a secret, finds it all the same."""
    from placet.api import keys
    from placet.api.models import Key

    public = text.removeprefix(keys.PREFIX).partition("_")[0]
    key = Key.objects.filter(public=public).select_related("person").first()
    if key is None:
        raise CommandError(f"There is no key plc_{public[:8]}_….")
    return key


def _end_of(day: str) -> datetime:
    """The end of a day of the organisation's."""
    from placet.accounts.general import organisation_zone
    from placet.lib import clock

    try:
        last = date.fromisoformat(day)
    except ValueError as error:
        raise CommandError("Write the day as in 2027-12-31.") from error
    end = datetime.combine(last, time(23, 59, 59), organisation_zone())
    if end <= clock.now():
        raise CommandError("This day is over.")
    return end
