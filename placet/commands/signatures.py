"""`placet signatures`: by whose certificates and keys signed mails count (`proof: signed`)."""

import argparse
from pathlib import Path

from placet.cli import CommandError
from placet.commands.start import say, set_up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="list|authority|revoked|key|remove")
    what.add_parser("list", help="authorities, lists of what they revoked, and keys of people")
    authority = what.add_parser("authority", help="believe an authority's certificates (S/MIME)")
    authority.add_argument("file", type=Path, metavar="FILE", help="its certificate, PEM or DER")
    authority.add_argument(
        "--without-list",
        action="store_true",
        help="its certificates count although no list says which of them were revoked",
    )
    revoked = what.add_parser(
        "revoked", help="which certificates an authority revoked: its newest list (CRL)"
    )
    revoked.add_argument("file", type=Path, metavar="FILE", help="PEM or DER")
    key = what.add_parser("key", help="believe one certificate (S/MIME) or OpenPGP key of one person")
    key.add_argument("address", help="of the person")
    key.add_argument("file", type=Path, metavar="FILE", help="the certificate or public key")
    remove = what.add_parser("remove", help="believe an authority or a key no more")
    remove.add_argument("fingerprint", help="as the list shows it")


def run(options: argparse.Namespace) -> int:
    set_up()
    from placet.accounts.trust_changes import TrustInvalid

    do = {"list": _list, "authority": _authority, "revoked": _revoked, "key": _key, "remove": _remove}
    try:
        do[options.what](options)
    except TrustInvalid as error:
        raise CommandError(str(error)) from error
    return 0


def _list(_options: argparse.Namespace) -> None:
    from placet.accounts.models import RevocationList, SignerKey, TrustedAuthority

    for one in TrustedAuthority.objects.all():
        needs = "needs lists of revoked ones" if one.needs_list else "without lists of revoked ones"
        say(f"authority {one.fingerprint} {one.name}, until {one.ends_at:%Y-%m-%d}, {needs}")
    for one_list in RevocationList.objects.all():
        say(f"revoked by {one_list.issuer}: as of {one_list.updated_at:%Y-%m-%d %H:%M} UTC, "
            f"counts until {one_list.next_update_at:%Y-%m-%d %H:%M} UTC")  # fmt: skip
    for key in SignerKey.objects.select_related("person"):
        ends = f", until {key.ends_at:%Y-%m-%d}" if key.ends_at else ""
        say(f"{key.get_scheme_display()} key {key.fingerprint} of {key.person.email}: {key.name}{ends}")


def _authority(options: argparse.Namespace) -> None:
    from placet.accounts import trust_changes

    file = _bytes_of(options.file, trust_changes.LARGEST)
    added = trust_changes.add_authority(file, needs_list=not options.without_list, by=None)
    say(f"Certificates by {added.name} count from now on: {added.fingerprint}")
    if added.needs_list:
        say(
            "Give the newest list of what it revoked, and of each authority below it: placet signatures revoked FILE"
        )


def _revoked(options: argparse.Namespace) -> None:
    from placet.accounts import trust_changes

    kept = trust_changes.add_list(_bytes_of(options.file, trust_changes.LARGEST_LIST), by=None)
    say(f"The list of {kept.issuer} counts until {kept.next_update_at:%Y-%m-%d %H:%M} UTC.")


def _key(options: argparse.Namespace) -> None:
    from placet.accounts import trust_changes
    from placet.accounts.addresses import person_at

    person = person_at(options.address)
    if person is None:
        raise CommandError(f"There is nobody with the address {options.address}.")
    added = trust_changes.add_key(person, _bytes_of(options.file, trust_changes.LARGEST), by=None)
    say(f"What {person.name} signs with this {added.get_scheme_display()} key counts: {added.fingerprint}")
    if others := trust_changes.other_addresses(added):
        say(
            f"Warning: it names {', '.join(others)}, and no address of {person.name}. If it is somebody else's, take "
            f"it out: placet signatures remove {added.fingerprint}"
        )


def _remove(options: argparse.Namespace) -> None:
    from placet.accounts import trust_changes

    fingerprint = options.fingerprint.lower().replace(":", "")
    if not (
        trust_changes.remove_authority(fingerprint, by=None) or trust_changes.remove_key(fingerprint, by=None)
    ):
        raise CommandError("Neither an authority nor a key has this fingerprint. See: placet signatures list")
    say("It counts no more. What was decided before stays decided.")


def _bytes_of(file: Path, most: int) -> bytes:
    """One byte more than is allowed tells the reader that it is too large."""
    try:
        with file.open("rb") as opened:
            return opened.read(most + 1)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
