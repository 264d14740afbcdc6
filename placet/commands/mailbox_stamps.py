"""`placet mailbox stamps`: whose stamps in mails count, by a test that an administrator confirms."""

import argparse
import getpass
import sys
from typing import TYPE_CHECKING, Any

from placet.cli import CommandError
from placet.commands.start import say

if TYPE_CHECKING:
    from placet.mailboxes.models import Mailbox
    from placet.mailboxes.stamp_profile import StampProfile
    from placet.replies.stamp_trial import Trial


def add_arguments(what: Any) -> argparse.ArgumentParser:
    stamps: argparse.ArgumentParser = what.add_parser(
        "stamps", help="whose Authentication-Results count, by a test that you confirm; alone: how it stands"
    )
    step = stamps.add_mutually_exclusive_group()
    step.add_argument("--begin", action="store_true", help="a number, to be sent as a subject from outside")
    step.add_argument("--plant", action="store_true", help="send ourselves a mail with forged stamps")
    step.add_argument(
        "--planted-mail", action="store_true", help="print that mail, to be handed over from elsewhere"
    )
    step.add_argument("--confirm", action="store_true", help="believe the stamps that the test showed")
    step.add_argument("--forget", action="store_true", help="believe none of them any more")
    stamps.add_argument(
        "--from-outside",
        action="store_true",
        help="with --plant: hand it over at port 25 of the domain's MX, as strangers do",
    )
    stamps.add_argument(
        "--submission", action="store_true", help="with --confirm: the server also says who signed in to send"
    )
    stamps.add_argument(
        "--login-domain",
        default="",
        metavar="DOMAIN",
        help="with --submission: of logins that are no addresses",
    )
    stamps.add_argument("--yes", action="store_true", help="confirm without asking")
    return stamps


def run(options: argparse.Namespace, mailbox: "Mailbox | None") -> int:
    from placet.mailboxes.base import MailboxError, MailError
    from placet.replies import stamp_trial

    if mailbox is None:
        raise CommandError("No mailbox is set up yet. Begin with: placet mailbox set --help")
    by = f"command line ({getpass.getuser()})"
    try:
        return _step(options, mailbox, by)
    except (stamp_trial.TrialError, MailError) as error:
        raise CommandError(str(error)) from error
    except MailboxError as error:
        raise CommandError(f"{error.cause} {error.cure}") from error


def _step(options: argparse.Namespace, mailbox: "Mailbox", by: str) -> int:
    from placet.replies import stamp_trial

    if options.begin:
        number = stamp_trial.begin(mailbox, by)
        say(
            f"Send a mail to {mailbox.address} from a private account, with {number} as its subject and no more."
        )
        say("When it has come: placet mailbox stamps --plant --from-outside")
    elif options.plant:
        names = stamp_trial.plant(mailbox, from_outside=options.from_outside)
        say(f"A mail with forged stamps by {', '.join(names)} is on its way. Then: placet mailbox stamps")
    elif options.planted_mail:
        sys.stdout.write(stamp_trial.planted_mail(mailbox).decode().replace("\r\n", "\n"))
    elif options.forget:
        stamp_trial.forget(mailbox, by)
        say("No stamps that bear a name count any more, unless the setting names their server.")
    elif options.confirm:
        return _confirm(options, mailbox, by)
    else:
        _show(mailbox)
    return 0


def _confirm(options: argparse.Namespace, mailbox: "Mailbox", by: str) -> int:
    from placet.replies import stamp_trial

    trial = stamp_trial.look(mailbox)
    _show_trial(trial)
    if trial.profile is None:
        return 1
    if not options.yes:
        question = f"Are these stamps of the mail that you sent with the subject {trial.number}? [y/N] "
        if input(question).strip().lower() not in ("y", "yes"):
            say("It was left as it is.")
            return 1
    profile = stamp_trial.confirm(
        mailbox, by, number=trial.number, submission=options.submission, login_domain=options.login_domain
    )
    say("\nConfirmed:")
    _show_profile(profile)
    return 0


def _show(mailbox: "Mailbox") -> None:
    from placet.mailboxes.stamp_profile import profile_of
    from placet.replies import stamp_trial

    if "profile" in mailbox.stamps:
        confirmed = mailbox.stamps["confirmed"]
        say(f"Confirmed by {confirmed['by']}, {confirmed['at'][:10]}:")
        _show_profile(profile_of(mailbox.stamps["profile"]))
    elif "trial" not in mailbox.stamps:
        say("Nothing is confirmed of the server's stamps. Begin with: placet mailbox stamps --begin")
    if missed := mailbox.stamps.get("missed"):
        say(f"! The last {missed['count']} mails from outside do not bear these stamps.")
    if "trial" in mailbox.stamps:
        _show_trial(stamp_trial.look(mailbox))


def _show_profile(profile: "StampProfile") -> None:
    say(f"  By:              {', '.join(profile.ids)}")
    say(f"  Where:           {profile.place.value} the hop at which a mail comes in")
    say(f"  Headers:         {'several' if profile.several else 'one'}")
    say(f"  Forged ones:     {_FORGED[profile.strips_own.value]}")
    say(f"  DMARC:           {'stamped' if profile.dmarc else 'not stamped'}")
    say(f"  Signed in:       {'says who' if profile.submission else 'does not count'}")
    if not profile.stamps_count:
        say(f"  {_NOBODY}")
    elif profile.strips_own.value == "no":
        say(
            "  Forged ones stand below the hop at which a mail comes in, where none counts; where some stand "
            "beside the server's own, neither count."
        )


_NOBODY = (
    "These stamps prove nobody. What does: Placet's own DKIM check where the server gives mails as they travelled, "
    "signatures of people (placet signatures), and who signed in, where the server says so (--submission)."
)
_FORGED = {"yes": "taken off", "no": "left in", "unknown": "not tested"}


def _show_trial(trial: "Trial") -> None:
    if trial.several:
        say(f"More than one mail has the subject {trial.number}: begin anew with --begin.")
    elif not trial.lines:
        say(f"No mail with the subject {trial.number} has come yet.")
    else:
        say("The mail from outside:")
        for line in trial.lines:
            say(f"  {line}")
        came = (
            "Ours with forged stamps came back"
            if trial.planted
            else "Ours with forged stamps has not come back (yet)"
        )
        say(f"{came}{':' if trial.survivors else '; none was left in.' if trial.planted else '.'}")
        for line in trial.survivors:
            say(f"  {line}")
        if trial.planted and not (trial.from_outside or trial.survivors):
            say(
                "None came in as strangers' mail does, so nothing is known of theirs: placet mailbox stamps --plant "
                "--from-outside, or hand over the mail of --planted-mail at port 25 from elsewhere."
            )
        if trial.profile is None and trial.among_own:
            say(
                "Forged ones stand above lines that the server wrote itself: they cannot be told from its own, prove"
            )
            say("nobody, and nothing can be confirmed.")
        elif trial.profile is None:
            say("Its stamps bear no name, or stand in no place that counts: nothing can be confirmed.")
        else:
            say("They come to:")
            _show_profile(trial.profile)
