"""`placet demo`: Placet with a local Exchange Online on a temporary SQLite file, ready to click.

`--once` plays the main job through by itself, over the real protocols, and prints what happened.
"""

import argparse
import os
import secrets
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placet.cli import CommandError
from placet.commands import demo_systems
from placet.commands.demo_page import REPLY, TO_CONNECT, at_stranger, first_page, limit_application
from placet.commands.start import say, set_up
from placet.sandbox.delivery import AuthResults
from placet.sandbox.server import Mail, Sandbox

if TYPE_CHECKING:
    from placet.accounts.models import Person

# Names, and who manages them.
EVERYBODY = (
    ("Ada Admin", ""),
    ("Bob Brown", ""),
    ("Carol Clark", ""),
    ("Alice Archer", "bob"),
    ("Dave Dean", "bob"),
)
PATIENCE = 60.0  # seconds that one step of the story may take


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="play the story through, print it, and stop")
    parser.add_argument("--port", type=int, default=8000, help="of the pages (the next free one is taken)")


def run(options: argparse.Namespace) -> int:
    began = _began()
    with tempfile.TemporaryDirectory(prefix="placet-demo-") as folder:
        listen = f"127.0.0.1:{_free_port(options.port)}"
        _only_our_settings(Path(folder), listen)
        set_up()
        sandbox = Sandbox(port=_free_port(options.port + 1, listen), open_house=not options.once)
        password = secrets.token_urlsafe(9)
        people = _people(sandbox, password)
        _organisation(sandbox)
        with sandbox:
            if not options.once:
                _past(sandbox, people)
            with _running(listen):
                if options.once:
                    return _tell(Story(sandbox, people), f"http://{listen}")
                sandbox.tell(first_page(sandbox, listen, password))
                _invite(sandbox, listen, password, time.time() - began)
                _until_stopped()
    return 0


def _began() -> float:
    """When the set-up began: as `make demo` says, which may have had to install everything first."""
    given = os.environ.get("DEMO_BEGAN", "")
    return float(given) if given.isdecimal() else time.time()


def _only_our_settings(folder: Path, listen: str) -> None:
    """The demo never touches an installation that is there: its settings are its own."""
    for name in [name for name in os.environ if name.startswith("PLACET_")]:
        del os.environ[name]
    os.environ["PLACET_DATA_DIR"] = str(folder)
    os.environ["PLACET_CONFIG"] = str(folder / "demo.toml")
    (folder / "demo.toml").write_text("log_level = 'error'\n")
    os.environ["PLACET_LISTEN"] = listen
    os.environ["PLACET_PUBLIC_URL"] = f"http://{listen}"


def _free_port(first: int, taken: str = "") -> int:
    """The next port that nobody listens on, and that is not that of `taken`, which is kept for ourselves."""
    for port in range(first, first + 100):
        if taken.endswith(f":{port}"):
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise CommandError(f"No free port between {first} and {first + 99}.")


def _people(sandbox: Sandbox, password: str) -> "dict[str, Person]":
    """Alice and Dave ask, Bob is their manager, Carol is finance, Ada administrates; each has a mailbox in the
    sandbox. Mallory works elsewhere."""
    from placet.accounts.addresses import add_person
    from placet.accounts.models import Group

    sandbox.add_mailbox("approvals", "Approvals")
    people: dict[str, Person] = {}
    for name, manager in EVERYBODY:
        first = name.split()[0].lower()
        box = sandbox.add_mailbox(first, name, password=password)
        people[first] = add_person(
            name, box.address, password=password, manager=people.get(manager), administrator=first == "ada"
        )
    sandbox.add_mailbox(TO_CONNECT, "Requests (not connected yet)")
    sandbox.add_mailbox(at_stranger(), "Mallory Moss", password=password, outside=True)
    group = Group.objects.create(key="finance", name="Finance")
    group.members.add(people["carol"])
    return people


def _organisation(sandbox: Sandbox) -> None:
    from placet.accounts.models import Installation
    from placet.approvals.processes import publish
    from placet.commands.process import SAMPLES
    from placet.mailboxes import store

    Installation.objects.filter(id=1).update(organisation=sandbox.tenant.name)
    limit_application(sandbox, "approvals", TO_CONNECT)
    publish((SAMPLES / "purchase.yaml").read_text())
    store.save(
        {
            "protocol": "graph",
            "server_address": sandbox.url,
            "username": f"approvals@{sandbox.tenant.domain}",
            "client_id": sandbox.client_id,
            "token_uri": sandbox.token_url,
            "active": True,
            "poll_seconds": 5,
        },
        secrets={"client_secret": sandbox.client_secret},
        by="the demo",
    )


@dataclass(frozen=True)
class Asked:
    """A request that was there before the story; `answers` are who answered what, with which words."""

    by: str
    item: str
    amount: str
    reason: str
    answers: tuple[tuple[str, str, str], ...]


PAST = (
    Asked(
        "alice", "Noise-cancelling headphones", "180", "The office is loud.",
        (("bob", "approve", "Sure, you sit next to sales."),),
    ),
    Asked(
        "dave", "Espresso machine", "840", "The old one leaks.",
        (("bob", "reject", "Please ask for a repair first."),),
    ),
    Asked(
        "dave", "Team days in Lyon", "3,200", "Planning for next year, eight people, two nights.",
        (("bob", "approve", "Good idea."),),
    ),
)  # fmt: skip


def _past(sandbox: Sandbox, people: "dict[str, Person]") -> None:
    """A few requests and their mails, so that no page is empty: one approved, one rejected, one waiting for Carol."""
    from placet import work

    for asked in PAST:
        _ask_and_answer(asked, people)
    [send] = [kind for kind in work.kinds() if kind.name == "send"]
    work.run_once(send)
    waiting = sandbox.mails("carol")[-1].id
    for name in people:
        for mail in sandbox.mails(name):
            sandbox.mark_read(name, mail.id, mail.id != waiting)


def _ask_and_answer(asked: Asked, people: "dict[str, Person]") -> None:
    from placet.approvals import engine
    from placet.approvals.models import Assignment, Decision, Process
    from placet.approvals.processes import newest

    version = newest(Process.objects.get(key="purchase"))
    assert version is not None
    entered = {"item": asked.item, "amount": asked.amount, "reason": asked.reason}
    request = engine.start(version, people[asked.by], entered)
    for name, outcome, comment in asked.answers:
        waiting = Assignment.objects.get(
            visit__request=request, person=people[name], state=Assignment.State.OPEN
        )
        engine.decide(
            waiting.pk, by=people[name], outcome=outcome, comment=comment, channel=Decision.Channel.PAGE
        )


@contextmanager
def _running(listen: str) -> Iterator[None]:
    """What `placet serve` runs: pages and workers."""
    import waitress

    from placet.workforce import workers_and_pages
    from placet.wsgi import application

    server = waitress.create_server(application, listen=listen, threads=8, ident=None, send_bytes=1)
    threading.Thread(target=server.run, name="web", daemon=True).start()
    with workers_and_pages():
        yield
    server.close()


def _invite(sandbox: Sandbox, listen: str, password: str, seconds: float) -> None:
    domain = sandbox.tenant.domain
    say(f"Placet is ready to try. Set up in {seconds:.0f} s. Nothing is kept when you stop it (Ctrl-C).\n")
    say(f"  Open this  {sandbox.url}/\n")
    say(f"  1. Sign in to Placet as Alice (alice@{domain}) and start a request.")
    say(f"  2. Open Bob's mailbox and reply “{REPLY}”.")
    say("  3. Watch Alice's page turn green.\n")
    say(f"  Everybody's password   {password}")
    say(f"  Placet                 http://{listen}/   (ada@{domain} administrates)")
    say(f"  Web mail               {sandbox.webmail_url}")


def _until_stopped() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        say("\nBye.")


# --- the story --------------------------------------------------------------------------------------------


class StoryFailed(Exception):
    """A step of the story did not happen; the message says which."""


@dataclass
class Story:
    """The sandbox, the people, and when the story began."""

    sandbox: Sandbox
    people: "dict[str, Person]"

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._seen: set[str] = set()

    def say(self, who: str, text: str) -> None:
        say(f"[{time.monotonic() - self._began:5.1f} s]  {who:<8} {text}")

    def wait(self, what: str, look: Callable[[], Any]) -> Any:
        """What `look` finds, as soon as it finds something."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = look()
            if found:
                return found
            time.sleep(0.1)
        raise StoryFailed(f"This did not happen within {PATIENCE:.0f} seconds: {what}.")

    def mail_to(self, first: str, beginning: str) -> Mail:
        """The next mail in somebody's inbox whose subject begins so."""

        def look() -> Mail | None:
            fresh = [
                m
                for m in self.sandbox.mails(first)
                if m.id not in self._seen and m.subject.startswith(beginning)
            ]
            return fresh[0] if fresh else None

        mail: Mail = self.wait(f"a mail “{beginning} …” in {first}'s mailbox", look)
        self._seen.add(mail.id)
        self.say(first.title(), f"gets a mail: “{mail.subject}”")
        return mail

    def reply(self, first: str, mail: Mail, text: str) -> None:
        self.sandbox.reply_as(first, mail.id, text)
        self.say(first.title(), f"replies: “{text.replace(chr(10), ' / ')}”")

    def check(self, what: str, holds: bool) -> None:
        if not holds:
            raise StoryFailed(f"This does not hold: {what}.")
        self.say("Placet", f"✓ {what}")


def _tell(story: Story, url: str) -> int:
    try:
        _play(story)
        demo_systems.play(story, url)
    except StoryFailed as failed:
        sys.stderr.write(f"The demo failed. {failed}\n")
        _what_went_wrong()
        return 1
    return 0


def _play(story: Story) -> None:
    """A request of 1,250 EUR: manager, then finance, with everything that can come between."""
    from placet.approvals import engine
    from placet.approvals.models import Decision, Process, Request
    from placet.approvals.processes import newest
    from placet.audit import chain

    story.say("Sandbox", f"Entra ID and Exchange Online run at {story.sandbox.url}")
    version = newest(Process.objects.get(key="purchase"))
    assert version is not None
    entered = {"item": "Standing desk", "amount": "1,250", "reason": "My back."}
    request = engine.start(version, story.people["alice"], entered)
    story.say("Alice", f"asks for “{request.title}”, 1,250 EUR (request {request.number})")

    asked = story.mail_to("bob", "Please decide")
    story.reply("bob", asked, "Approved\n\nFrom our usual supplier.")
    story.mail_to("bob", "Approved")
    first = Decision.objects.get(assignment__visit__step_key="manager")
    story.check(f"Bob's answer counted: {first.outcome}, comment “{first.comment}”", first.channel == "mail")

    asked = story.mail_to("carol", "Please decide")
    _out_of_office(story, asked)
    _forged(story, asked)
    story.mail_to("carol", "An answer in your name")
    story.reply("carol", asked, "Is this the one with the motor?")
    unclear = story.mail_to("carol", "Not applied")
    story.check("nothing is decided by any of these", Decision.objects.count() == 1)
    story.reply("carol", unclear, "yes")
    story.mail_to("carol", "Approved")
    story.mail_to("alice", "Approved")

    request = Request.objects.get(pk=request.pk)
    story.check(f"request {request.number} has ended: {request.result}", request.result == "approved")
    _results(story)
    story.check("every link of the audit chain holds", not list(chain.verify()))
    story.check("two decisions, each with its proof", Decision.objects.filter(channel="mail").count() == 2)


def _out_of_office(story: Story, asked: Mail) -> None:
    """An automatic reply that carries the reply code and everything else of a real answer."""
    reply_to = asked.header("Reply-To") or ""
    story.sandbox.send_as(
        "carol",
        to=reply_to,
        subject=f"Automatic reply: {asked.subject}",
        text="Yes, I am away until Monday. Approved requests will be seen to then.",
        headers={
            "In-Reply-To": asked.message_id or "",
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
        item_class="IPM.Note.Rules.OofTemplate.Microsoft",
    )
    story.say("Carol", "is out of office: an automatic reply goes out (“Yes, I am away …”)")


def _forged(story: Story, asked: Mail) -> None:
    """From an outsider, with Carol's address, the right reply code and planted proofs."""
    raw = (
        f"From: Carol Clark <carol@{story.sandbox.tenant.domain}>\r\nTo: {asked.header('Reply-To')}\r\n"
        f"Subject: Re: {asked.subject}\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n"
        "Message-ID: <forged@evil.example>\r\nX-MS-Exchange-Organization-AuthAs: Internal\r\n"
        "X-MS-Exchange-Organization-AuthMechanism: 04\r\nContent-Type: text/plain\r\n\r\napprove\r\n"
    )
    story.sandbox.deliver(
        raw.encode(), mail_from="mallory@evil.example", results=AuthResults("fail", "none", "fail", None)
    )
    story.say("Mallory", "sends “approve” in Carol's name from outside, with her reply code")


def _results(story: Story) -> None:
    from placet.mail.models import IncomingMail

    def all_handled() -> bool:
        return not IncomingMail.objects.filter(state=IncomingMail.State.KEPT).exists()

    story.wait("every incoming mail is handled", all_handled)
    for mail in IncomingMail.objects.order_by("pk"):
        story.say("Mail log", f"{mail.verdict.get('from', '?')}: {mail.result} — {mail.reason}")
    results = sorted(IncomingMail.objects.values_list("result", flat=True))
    expected = ["automatic_reply", "decided", "decided", "not_proved", "unclear"]
    story.check("one mail each was decided, decided, unclear, automatic and forged", results == expected)


def _what_went_wrong() -> None:
    from placet.mail.models import IncomingMail, OutgoingMail
    from placet.mailboxes.models import Mailbox

    for mailbox in Mailbox.objects.exclude(trouble={}, sending_trouble={}):
        sys.stderr.write(f"Mailbox: {mailbox.trouble} {mailbox.sending_trouble}\n")
    for mail in IncomingMail.objects.order_by("pk"):
        sys.stderr.write(f"In: {mail.state} {mail.result} {mail.reason} {mail.verdict}\n")
    for out in OutgoingMail.objects.order_by("pk"):
        sys.stderr.write(f"Out: {out.state} {out.kind} {out.subject} {out.last_error}\n")
