"""Runs one program that takes replies in, in a Python of its own. Imports nothing of Placet.

    worker.py NAME FOLDER       FOLDER/mails has the replies, 000000.eml and on; the program's files go beside it

The first line out says which version runs, when everything that the replies answer is there. Then each line in, two
numbers, takes those replies in, and each line out says the seconds of processor time; at the end of the input, how many
replies were applied. The subject of each is made what the program knows its own mails by. The databases are SQLite with
`synchronous=FULL`; what the programs send is composed, and kept instead of sent.
"""

import email
import email.policy
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from email.utils import parseaddr
from importlib.metadata import version
from pathlib import Path
from typing import Any

Take = Callable[[bytes], object]  # one reply
Program = tuple[Sequence[bytes], Take, Callable[[], int]]  # the replies, and how many were applied
SUBJECT = re.compile(rb"^Subject:.*\r?\n(?:[ \t].*\r?\n)*", re.MULTILINE | re.IGNORECASE)


def with_subject(reply: bytes, subject: str) -> bytes:
    return SUBJECT.sub(f"Subject: {subject}\r\n".encode(), reply, count=1)


def sender(reply: bytes) -> str:
    return parseaddr(str(email.message_from_bytes(reply)["From"]))[1].lower()


def _django(folder: Path, *apps: str, **more: Any) -> None:
    import django
    from django.conf import settings

    init = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
    options = {"transaction_mode": "IMMEDIATE", "init_command": init}
    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(folder / "db.sqlite3"),
        "OPTIONS": options,
    }
    settings.configure(
        DATABASES={"default": database},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", *apps],
        EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend",
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        SECRET_KEY="x" * 50,
        USE_TZ=True,
        MEDIA_ROOT=str(folder / "media"),
        LOGGING_CONFIG=None,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        **more,
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def django_helpdesk(folder: Path, replies: Sequence[bytes]) -> Program:
    """Each reply is a comment on a ticket; whoever asked gets a mail."""
    (folder / "addresses.py").write_text(
        "from django.urls import include, path\n"
        "urlpatterns = [path('', include('helpdesk.urls', namespace='helpdesk'))]\n"
    )
    sys.path.insert(0, str(folder))
    apps = ["sessions", "sites", "messages", "humanize", "admin"]
    _django(
        folder, *[f"django.contrib.{app}" for app in apps], "rest_framework", "helpdesk",
        SITE_ID=1, HELPDESK_TEAMS_MODE_ENABLED=False, ROOT_URLCONF="addresses",
    )  # fmt: skip
    from django.contrib.auth.models import User
    from helpdesk.email import extract_email_metadata  # type: ignore[import-not-found]  # not in our environment
    from helpdesk.models import FollowUp, Queue, Ticket  # type: ignore[import-not-found]  # not in our environment

    asks = User.objects.create_user("asks", "asks@contoso.example", "x")
    queue = Queue.objects.create(
        title="Approvals", slug="approvals", email_address="approvals@contoso.example", allow_email_submission=True,
        email_box_type="local",
    )  # fmt: skip
    mails = []
    for number, reply in enumerate(replies):
        title = f"Thing {number:06}"
        ticket = Ticket.objects.create(
            title=title, queue=queue, submitter_email="asks@contoso.example", description="The old one broke.",
            assigned_to=asks,
        )  # fmt: skip
        mails.append(with_subject(reply, f"Re: [{queue.slug}-{ticket.id}] {title}"))
    logger = logging.getLogger("helpdesk")

    def take(reply: bytes) -> None:
        extract_email_metadata(message=reply.decode(), queue=queue, logger=logger)

    return mails, take, FollowUp.objects.values("ticket").distinct().count


def django_mailbox(folder: Path, replies: Sequence[bytes]) -> Program:
    """Each reply is kept; a handler finds what it answers by a code, compares the sender, takes the first line for the
    answer, and confirms it."""
    _django(folder, "django_mailbox")
    from django.core.mail import send_mail
    from django.db import connection, transaction
    from django_mailbox.models import Mailbox  # type: ignore[import-not-found]  # not in our environment
    from django_mailbox.signals import message_received  # type: ignore[import-not-found]  # not in our environment

    box = Mailbox.objects.create(name="approvals", uri=f"maildir:{folder / 'maildir'}")
    mails = []
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE ask (code TEXT PRIMARY KEY, address TEXT, title TEXT)")
        cursor.execute("CREATE TABLE decision (code TEXT PRIMARY KEY, outcome TEXT, message INTEGER)")
        for number, reply in enumerate(replies):
            code, title = f"{number:016}", f"Thing {number:06}"
            cursor.execute("INSERT INTO ask VALUES (%s, %s, %s)", [code, sender(reply), title])
            mails.append(with_subject(reply, f"Re: {title} [#{code}]"))

    def handle(sender: Any, message: Any, **_more: Any) -> None:
        found = re.search(r"\[#([0-9]{16})\]", message.subject)
        if found is None:
            return
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT address, title FROM ask WHERE code = %s", [found[1]])
            address, title = cursor.fetchone()
            if address not in message.from_address:
                return
            answer = message.text.strip().splitlines()[0][:40]
            values = [found[1], answer, message.pk]
            cursor.execute("INSERT INTO decision VALUES (%s, %s, %s)", values)
        send_mail(f"{answer}: {title}", "Your answer was taken.", "approvals@contoso.example", [address])

    message_received.connect(handle, weak=False)

    def take(reply: bytes) -> None:
        box.process_incoming_message(email.message_from_bytes(reply))

    def applied() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM decision")
            return int(cursor.fetchone()[0])

    return mails, take, applied


def roundup(folder: Path, replies: Sequence[bytes]) -> Program:
    """Each reply is a message of an issue; those on its list get a mail."""
    os.environ["SENDMAILDEBUG"] = str(folder / "sent")
    home, admin = folder / "tracker", Path(sys.executable).with_name("roundup-admin")
    options = "tracker_web=http://127.0.0.1/,tracker_email=approvals,mail_domain=contoso.example,rdbms_backend=sqlite"
    for command in (["install", "classic", "sqlite", options], ["initialise", "x"]):
        subprocess.run([str(admin), "-i", str(home), *command], check=True, capture_output=True, timeout=120)
    from argparse import Namespace

    from roundup import instance  # type: ignore[import-not-found]  # not in our environment
    from roundup.mailgw import RoundupMessage  # type: ignore[import-not-found]  # not in our environment

    tracker = instance.open(str(home))
    db = tracker.open("admin")
    people: dict[str, str] = {}
    for reply in replies:
        address = sender(reply)
        if address not in people:
            name = address.partition("@")[0]
            people[address] = db.user.create(username=name, address=address, roles="User")
    asks = db.user.create(username="asks", address="asks@contoso.example", roles="User")
    mails = []
    for number, reply in enumerate(replies):
        title = f"Thing {number:06}"
        issue = db.issue.create(title=title, nosy=[people[sender(reply)], asks])
        mails.append(with_subject(reply, f"Re: [issue{issue}] {title}"))
    db.commit()
    db.close()
    given = Namespace(default_class="", set_value=[], options=[])

    def take(reply: bytes) -> None:
        handler = tracker.MailGW(tracker, given)
        handler.trapExceptions = 0
        handler.handle_Message(email.message_from_bytes(reply, RoundupMessage))

    def applied() -> int:
        db = tracker.open("admin")
        try:
            return sum(bool(db.issue.get(id_, "messages")) for id_ in db.issue.list())
        finally:
            db.close()

    return mails, take, applied


PROGRAMS: dict[str, Callable[[Path, Sequence[bytes]], Program]] = {
    "django-helpdesk": django_helpdesk,
    "django-mailbox": django_mailbox,
    "roundup": roundup,
}


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    out, sys.stdout = sys.stdout, sys.stderr  # what programs print is no answer

    def say(said: object) -> None:
        print(json.dumps(said), file=out, flush=True)

    logging.disable(logging.CRITICAL)
    replies = [path.read_bytes() for path in sorted((folder / "mails").glob("*.eml"))]
    own = folder / name
    own.mkdir()
    mails, take, applied = PROGRAMS[name](own, replies)
    say({"version": version(name)})
    for line in sys.stdin:
        first, last = map(int, line.split())
        began = time.process_time()
        for mail in mails[first:last]:
            take(mail)
        say({"seconds": time.process_time() - began})
    say({"applied": applied()})


if __name__ == "__main__":
    main()
