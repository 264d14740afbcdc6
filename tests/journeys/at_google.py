"""Google Workspace: a small Gmail in memory that was written from Google's documentation. No real one was tried.

What people of the organisation send is signed by its domain (DKIM) and stamped as Gmail does, so it is proved as
`outside`: Google says of nobody that they are a colleague. The key is asked for from a DNS of the tests.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from types import TracebackType
from typing import Self

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

from placet.lib import dns
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from placet.mailboxes.oauth import TokenCache
from placet.sandbox import mime
from placet.sandbox.server import Mail
from tests.journeys.elsewhere import APPROVALS, DOMAIN, OUTSIDER, PEOPLE, SINCE, Elsewhere, shown
from tests.mailboxes.gmail.google import GmailBox, Google, running_google
from tests.mailboxes.gmail.google import Mail as GmailMail
from tests.mailboxes.google_tokens import key_file
from tests.replies import receivers
from tests.servers.dns import serving
from tests.signing import Signer

LABELS = {"inbox": "INBOX", "junkemail": "SPAM", "deleteditems": "TRASH", "sentitems": "SENT"}


@cache
def signer() -> Signer:
    return Signer(DOMAIN, rsa.generate_private_key(65537, 2048))


class AtGoogle(Elsewhere):
    proof = "outside"
    google: Google

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        self._fetched: dict[str, set[str]] = {name: set() for name in PEOPLE}

    def __enter__(self) -> Self:
        super().__enter__()
        self.google = self._open.enter_context(running_google())
        for name in ("approvals", *PEOPLE):
            self.google.user(f"{name}@{DOMAIN}")
        self._open.enter_context(keys_in_dns())
        self._open.enter_context(asked_at(self.google.api))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()
        super().__exit__(kind, value, traceback)

    def connected(self) -> Mailbox:
        return connected()

    # --- people ---------------------------------------------------------------------------------------------

    def submit(self, sender: str, recipients: Sequence[str], raw: bytes) -> None:
        """As whoever is signed in, whatever stands in From: Gmail puts their address there."""
        headers, body = mime.split(raw)
        if [one.address.lower() for one in mime.addresses(mime.every(headers, "from"))] != [sender]:
            raw = mime.join([("From", sender), *mime.without(headers, "from")], body)
        for recipient in recipients:
            self._into(recipient, self.proved(sender, raw))

    def _into(self, recipient: str, raw: bytes) -> None:
        local, _, domain = recipient.partition("@")
        self.google.user(f"{local.partition('+')[0]}@{domain}").add(raw, "INBOX", "UNREAD")

    def came_for(self, name: str) -> Iterable[bytes]:
        mails = self.google.user(f"{name}@{DOMAIN}").mails
        new = [id_ for id_ in list(mails) if id_ not in self._fetched[name]]
        self._fetched[name].update(new)
        return [mime.with_crlf(mails[id_].raw) for id_ in new]

    # --- Placet's own mailbox -------------------------------------------------------------------------------

    @property
    def _box(self) -> GmailBox:
        return self.google.user(APPROVALS)

    def lying_in(self, folder: str) -> list[Mail]:
        label = LABELS.get(folder) or self._box.label_id(folder)
        return [
            _shown(mail, folder)
            for mail in list(self._box.mails.values())
            if label in mail.labels and not mail.labels & ({"TRASH"} - {label})
        ]

    def laid(self, folder: str, raw: bytes, received: datetime | None = None) -> Mail:
        mail = self._box.add(mime.with_crlf(raw), LABELS[folder], "UNREAD")
        if received is not None:
            mail.at = received.timestamp()
        return _shown(mail, folder)

    def dragged(self, mail_id: str, folder: str) -> Mail:
        mail = self._box.mails[mail_id]
        own = {label for label in mail.labels if label in self._box.labels}
        self._box.relabel(mail, {LABELS[folder]}, own)
        return _shown(mail, folder)

    def arrived(self, recipient: str, mail_from: str, raw: bytes, helo: str = OUTSIDER) -> None:
        self._into(recipient, _stamped(raw, mail_from.rpartition("@")[2] or "nobody.example", "fail"))

    def let_in(self, domain: str, raw: bytes) -> bytes:
        return _stamped(raw, domain, "pass")

    def proved(self, sender: str, raw: bytes) -> bytes:
        return proved(raw)


def proved(raw: bytes) -> bytes:
    """A mail by somebody of the organisation, as Gmail delivers it."""
    return _stamped(signer().signed(raw), DOMAIN, "pass")


def _stamped(raw: bytes, domain: str, result: str) -> bytes:
    """With what Gmail writes on top."""
    lines = receivers.gmail(domain, result, result).lines()
    return "".join(f"{line}\r\n" for line in lines).encode() + raw


def _shown(mail: GmailMail, folder: str) -> Mail:
    received = datetime.fromtimestamp(mail.at, UTC)
    return shown(mail.id, folder, mail.raw, is_read="UNREAD" not in mail.labels, received=received)


def connected(key: str = "") -> Mailbox:
    """Placet's mailbox at Google, active. `key`: the file of another service account's key."""
    from placet.mailboxes.gmail.settings import KEY

    entered = {
        "kind": "gmail",
        "username": APPROVALS,
        "active": True,
        "sends_per_minute": 1000,
        "since": SINCE,
    }
    return store.save(entered, secrets={KEY: key or key_file()}, by="a test").mailbox


@contextmanager
def asked_at(api: str) -> Iterator[None]:
    """What Placet asks Google, it asks there."""
    from placet.mailboxes.gmail import connection

    there = partial(connection.connect, api=api, token_uri=f"{api}/token", cache=TokenCache())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "connect", there)
        yield


@contextmanager
def keys_in_dns() -> Iterator[None]:
    dns.forget()
    with serving() as records, pytest.MonkeyPatch.context() as patch:
        records.texts[signer().name] = (signer().record(),)
        patch.setattr(settings, "PLACET", settings.PLACET.model_copy(update={"dns_servers": records.address}))
        yield
    dns.forget()
