"""What the check of a mailbox asks of one on an IMAP server."""

import ssl
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes.base import Action, Check, Folder, Gone, MailboxError, MailError
from placet.mailboxes.fields import REPLY_TO
from placet.mailboxes.preflight import (
    Advice,
    Listed,
    Step,
    folders_can_be_made,
    names_resolve,
    own_folders,
    passed,
)
from placet.mailboxes.settings import MailboxSettings

from .client import greeted
from .ids import MailId
from .places import SENT

if TYPE_CHECKING:
    from .connection import ImapConnection

SIGN_IN = gettext_noop("Placet can sign in")
#: What the check shows of what a server offers, because something is done another way without it.
SHOWN = ("IDLE", "CONDSTORE", "QRESYNC", "MOVE", "UIDPLUS", "SPECIAL-USE", "XLIST")


class ImapProbe:
    """See `preflight.ReceivingProbe`."""

    def __init__(self, connection: "ImapConnection", settings: MailboxSettings) -> None:
        self.settings: MailboxSettings = settings
        self._connection = connection

    def before(self) -> Sequence[Step]:
        return [
            Step("name", lambda: names_resolve([self._connection.account.host])),
            Step("tls", self._greeted),
            Step("sign_in", self._signed_in, SIGN_IN),
            Step("read", self._read),
            Step("folders", lambda: folders_can_be_made(self.settings, self._connection.folder_for_moved)),
        ]

    def after(self, arrived: Sequence[str], others: Sequence[str]) -> Sequence[Step]:
        return ()

    def explained(self, key: str, error: MailboxError) -> MailboxError:
        return error

    def arrivals(self, limit: int) -> Iterator[Listed]:
        names = self._connection.run(lambda session: list(session.sources.values()))
        names += [self._connection.folder_for_moved(path) for path in own_folders(self.settings)]
        for name in names:
            yield from self._newest(name, limit)

    def sent(self, limit: int) -> Iterable[Listed]:
        name = self._connection.run(lambda session: session.places.for_use(SENT))
        return [] if name is None else self._newest(name, limit)

    def delete(self, id_: str) -> None:
        mail = MailId.of(id_)
        if mail is None or not self._connection.holds(mail):
            raise Gone(_("The mail is no longer on the server."), "Gone")
        for _id, outcome in self._connection.mark([id_], Action.DELETE, ""):
            if isinstance(outcome, MailError):
                raise outcome

    def about_plus(self) -> Advice:
        return Advice(
            _(
                "Let whoever runs the mail server switch plus addressing on (Postfix: recipient_delimiter = +), or "
                "turn it off in the mailbox's settings: reply codes then stand in subject and text alone. The field "
                "{field} may name an address that has it."
            ).format(field=_(REPLY_TO.label))
        )

    def _greeted(self) -> Check:
        account = self._connection.account
        wire = greeted(account)
        try:
            place = f"{account.host}:{account.port}"
            secured = wire.connection if isinstance(wire.connection, ssl.SSLSocket) else None
            version = secured.version() if secured is not None else None
        finally:
            wire.close()
        if version is None:
            return passed(_("{place}, not encrypted").format(place=place))
        return passed(f"{place}, {version}", {"host": account.host, "port": account.port, "tls": version})

    def _signed_in(self) -> Check:
        offered = self._connection.run(
            lambda session: [name for name in SHOWN if session.client.offers(name)]
        )
        account = self._connection.account
        check = passed(f"{account.user} ({', '.join(offered) or '-'})", {"offers": offered})
        if "MOVE" in offered or "UIDPLUS" in offered:
            return check
        return replace(
            check,
            warning=True,
            cause=_("{host} can neither move mails nor take single ones out of a folder.").format(
                host=account.host
            ),
            cure=_(
                "Handled mails are copied and marked as deleted, and stay where they are until somebody has them taken "
                "out. Choose to mark handled mail as read instead."
            ),
        )

    def _read(self) -> Check:
        folders = self._connection.source_folders()
        words = "; ".join(f"{name}: {exists}" for name, exists in folders.values())
        check = passed(words, {place.value: exists for place, (_name, exists) in folders.items()})
        if Folder.JUNK in folders:
            return check
        return replace(
            check,
            warning=True,
            cause=_("The mailbox has no folder for junk that Placet knows."),
            cure=_(
                "Where the server sorts junk into a folder, name it in the settings (Junk folder), so that no answer "
                "is overlooked there. Else nothing needs to be done."
            ),
        )

    def _newest(self, name: bytes, limit: int) -> list[Listed]:
        return [Listed(id_, subject) for id_, subject in self._connection.newest(name, limit)]
