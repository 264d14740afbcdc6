"""Every kind of mailbox in one run: the whole path of a reply beside a bare fetch of the same mails, and what is sent
by SMTP beside smtplib. `python -m benchmarks.kinds --help`

    whole path    poll and take_in, one after the other: mailbox → committed decision
    bare fetch    the same mails by a library that does nothing with them, before and after the path: the mean
    sending       the confirmations, by the outbox; beside it smtplib sends the same mails in one session

Each on a fresh installation with SQLite, and against a server in a process of its own: a sandbox (Microsoft Graph,
Exchange Web Services; behind a door for Windows accounts an Exchange Server), a Dovecot (IMAP, POP3) with a Postfix, a
Cyrus (JMAP), and a Google in memory, written from its documentation (Gmail). What is Google's own speed, or that of an
Exchange, no figure here says.
"""

import argparse
import smtplib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.replies import Stopwatch, machine, only_our_settings
from benchmarks.tenant import Place, Tenant, tenant

WAYS = ("graph", "ews", "exchange-server", "imap", "pop3", "jmap", "gmail")
Bare = Callable[[], int]
MOST_SENT = 400  # mails, below the pace of a minute


@dataclass(frozen=True)
class Row:
    """Of so many replies."""

    way: str
    replies: int
    bare: Stopwatch  # of two fetches
    keep: Stopwatch
    take_in: Stopwatch

    def line(self) -> str:
        path = Stopwatch(self.keep.wall + self.take_in.wall, self.keep.processor + self.take_in.processor)
        parts = {"path": path, "keep": self.keep, "take in": self.take_in, "two bare fetches": self.bare}
        shown = ", ".join(
            f"{name} {watch.wall * 1000 / self.replies:.2f} ({watch.processor * 1000 / self.replies:.2f})"
            for name, watch in parts.items()
        )
        return (
            f"{self.way:>15} {self.replies:>6,} replies: path/bare {2 * path.wall / self.bare.wall:.1f}, by processor "
            f"time {2 * path.processor / self.bare.processor:.1f}   milliseconds a mail (of the processor): {shown}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kinds", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--replies", type=int, default=500, help="mails that wait")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="ways to the mailbox")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        only_our_settings(Path(folder))
        for way in options.ways:
            with _place(way) as (place, bare):
                print(_row(place, bare, way, options.replies).line(), flush=True)
                if way == "imap":
                    print(_sending(place), flush=True)
        print(machine())


@contextmanager
def _place(way: str) -> Iterator[tuple[Place, Bare]]:
    """Where the mailbox is, and the bare fetch of all that waits there."""
    from benchmarks import bare, elsewhere, exchange_server, google

    if way in ("graph", "ews"):
        with tenant() as running:
            yield running, lambda: _fetched(bare.by_requests, running, way)
    elif way == "exchange-server":
        with exchange_server.at_exchange() as exchange:
            yield exchange, exchange.bare
    elif way == "gmail":
        with google.at_google() as memory:
            yield memory, memory.bare
    else:
        with elsewhere.at_cyrus() if way == "jmap" else elsewhere.at_servers() as servers:
            yield servers, lambda: servers.bare(way)


def _row(place: Place, bare: Bare, way: str, replies: int) -> Row:
    from benchmarks import seed
    from placet.approvals.models import Decision

    people = seed.fresh_installation(place, way)
    seed.requests(people, replies, replies, place.proof)
    seed.replies(place, replies)
    fetching = Stopwatch()
    with fetching:
        fetched = [bare()]
    keep, take_in = _worked("poll"), _worked("take_in")
    with fetching:
        fetched.append(bare())
    decided = Decision.objects.count()
    if {decided, *fetched} != {replies}:
        raise RuntimeError(f"{decided} of {replies} replies were decided; fetched were {fetched}.")
    return Row(way, replies, fetching, keep, take_in)


def _fetched(fetch: Callable[[Tenant, str, int], float], running: Tenant, way: str) -> int:
    count = running.inbox()
    fetch(running, way, count)
    return count


def _worked(name: str) -> Stopwatch:
    from placet import work

    kind = next(kind for kind in work.kinds() if kind.name == name)
    watch = Stopwatch()
    with watch:
        while work.run_once(kind):
            pass
    return watch


def _sending(place: Place) -> str:
    """Confirmations that wait."""
    from django.utils import timezone

    from placet.mail.models import OutgoingMail
    from placet.mailboxes.models import Mailbox

    mailbox = Mailbox.objects.get()
    waiting = list(OutgoingMail.objects.filter(state=OutgoingMail.State.WAITING).order_by("pk")[:MOST_SENT])
    others = OutgoingMail.objects.filter(state=OutgoingMail.State.WAITING, pk__gt=waiting[-1].pk)
    others.update(due=timezone.now() + timedelta(days=1))
    bare = Stopwatch()
    with bare, smtplib.SMTP("127.0.0.1", mailbox.settings["smtp_port"]) as client:
        for mail in waiting:
            client.sendmail(mailbox.address, [mail.to], bytes(mail.raw))
    taken = _worked("send")
    of_these = OutgoingMail.objects.filter(pk__in=[mail.pk for mail in waiting])
    sent = of_these.filter(state=OutgoingMail.State.SENT).count()
    if sent != len(waiting):
        raise RuntimeError(f"{sent} of {len(waiting)} mails were sent.")
    each = 1000 / sent
    return (
        f"{'smtp':>15} {sent:>6,} mails: sent/bare {taken.wall / bare.wall:.1f}, by processor time "
        f"{taken.processor / bare.processor:.1f}   milliseconds a mail (of the processor): {taken.wall * each:.2f} "
        f"({taken.processor * each:.2f}), with a copy into Sent by IMAP; smtplib {bare.wall * each:.2f} "
        f"({bare.processor * each:.2f})"
    )


if __name__ == "__main__":
    main()
