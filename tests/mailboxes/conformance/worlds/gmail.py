"""Google Workspace, by the Gmail API: over a small Gmail in memory that was written here, from Google's documentation.
No real one was tried."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import count

from placet.mailboxes.base import Connection
from tests.mailboxes.conformance.world import DELETED, INBOX, JUNK, SENT, Trouble, World
from tests.mailboxes.gmail.google import MOST_SENT, Google, Mail, refusal, running_google
from tests.mailboxes.google_tokens import answer, key_file

SYSTEM = {INBOX: "INBOX", JUNK: "SPAM", SENT: "SENT", DELETED: "TRASH"}


class GmailWorldBox:
    def __init__(self, google: Google, number: int) -> None:
        self._google = google
        self.address = f"approvals{number}@contoso.example"
        self.other = f"ann{number}@contoso.example"
        self._box = google.user(self.address)
        google.user(self.other)

    def connect(self) -> Connection:
        return self._google.connect(self.address)

    def deliver(self, raw: bytes, *, junk: bool = False) -> None:
        self._box.add(raw, "SPAM" if junk else "INBOX", "UNREAD")

    def _in(self, folder: str) -> list[Mail]:
        label = SYSTEM.get(folder) or self._box.label_id(folder)
        hidden = {"TRASH"} - {label}  # what is in the trash is shown nowhere else
        return [
            mail for mail in self._box.mails.values() if label in mail.labels and not mail.labels & hidden
        ]

    def subjects(self, folder: str) -> Sequence[str]:
        return [mail.subject for mail in self._in(folder)]

    def _named(self, subject: str, folder: str = INBOX) -> Mail:
        return next(mail for mail in self._in(folder) if mail.subject == subject)

    def is_read(self, subject: str) -> bool:
        return "UNREAD" not in self._named(subject).labels

    def remove(self, subject: str) -> None:
        del self._box.mails[self._named(subject).id]

    def bring_back(self, subject: str, folder: str) -> None:
        label = self._box.label_id(folder)
        assert label is not None
        self._box.relabel(self._named(subject, folder), {"INBOX"}, {label})

    def remove_folder(self, folder: str) -> None:
        label = self._box.label_id(folder)
        assert label is not None
        del self._box.labels[label]
        self._box.mails = {id_: mail for id_, mail in self._box.mails.items() if label not in mail.labels}

    def forget(self) -> None:
        self._box.first = self._google.tick()

    def arrived(self) -> Sequence[bytes]:
        return [mail.raw for mail in self._google.user(self.other).mails.values()]

    @contextmanager
    def troubled(self, trouble: Trouble) -> Iterator[Connection]:
        google = self._google
        if trouble is Trouble.AWAY:
            yield google.connect(self.address, api="http://127.0.0.1:9")
        elif trouble is Trouble.WRONG_HOST:
            yield google.connect(self.address, api="https://mail.nowhere.invalid")
        elif trouble is Trouble.WRONG_SECRET:
            yield google.connect(self.address, key=key_file("Somebody else's"))
        else:
            busy = refusal(429, "rateLimitExceeded", "User-rate limit exceeded.", "usageLimits")
            whole = answer({"emailAddress": self.address, "historyId": "1000"})
            google.faults = [busy if trouble is Trouble.BUSY else replace(whole, cut_after=9)]
            yield google.connect(self.address)
            google.faults = []

    @contextmanager
    def cut_while_sending(self) -> Iterator[Connection]:
        self._google.lose_answers = 1
        yield self.connect()
        self._google.lose_answers = 0


class GmailServer:
    def __init__(self, google: Google) -> None:
        self._google = google
        self._numbers = count(1)

    def box(self) -> GmailWorldBox:
        return GmailWorldBox(self._google, next(self._numbers))


@contextmanager
def _start() -> Iterator[GmailServer]:
    with running_google() as google:
        yield GmailServer(google)


def start() -> AbstractContextManager[GmailServer]:
    return _start()


WORLDS = (World("gmail in memory", ("gmail",), start, protocol="gmail", most_sent=MOST_SENT, locks=False),)
