"""What the check of a mailbox asks of one of Google Workspace."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes import http_steps
from placet.mailboxes.base import Action, Check, Gone, MailboxError, MailError
from placet.mailboxes.fields import REPLY_TO
from placet.mailboxes.preflight import Advice, Listed, Step, failed, folders_can_be_made, own_folders, passed
from placet.mailboxes.settings import MailboxSettings

from . import calls
from .calls import INBOX, SENT, SPAM, TRASH
from .settings import SCOPE

if TYPE_CHECKING:
    from .connection import GmailConnection

TOKEN = gettext_noop("Google gives an access token")
LOOKED_BACK = timedelta(days=1)


class GmailProbe:
    """See `preflight.ReceivingProbe` and `SendingProbe`."""

    def __init__(self, connection: "GmailConnection", settings: MailboxSettings) -> None:
        self.settings: MailboxSettings = settings
        self._connection = connection
        self._gmail = connection.gmail

    def before(self) -> Sequence[Step]:
        servers = [self._gmail.access.grant.token_uri, self._gmail.api]
        return [
            *http_steps.way_to(servers),
            Step("token", self._token, TOKEN),
            Step("open", self._open),
            Step("read", self._read),
            Step("folders", lambda: folders_can_be_made(self.settings, self._connection.label_for_moved)),
        ]

    def after(self, arrived: Sequence[str], others: Sequence[str]) -> Sequence[Step]:
        """Whether mailboxes of others stay closed is not tried: a delegation opens all of the organisation's."""
        return ()

    def explained(self, key: str, error: MailboxError) -> MailboxError:
        return error

    def arrivals(self, limit: int) -> Iterator[Listed]:
        labels = [INBOX, SPAM]
        labels += [self._connection.label_for_moved(path).id for path in own_folders(self.settings)]
        for label in labels:
            yield from self._newest(label, limit)

    def sent(self, limit: int) -> Iterable[Listed]:
        return self._newest(SENT, limit)

    def delete(self, id_: str) -> None:
        if (
            TRASH in calls.look(self._gmail, id_).labels
        ):  # what one sends to oneself is one mail, in both places
            raise Gone(_("The mail is no longer in the mailbox."), "TRASH")
        for _id, outcome in self._connection.mark([id_], Action.DELETE, ""):
            if isinstance(outcome, MailError):
                raise outcome

    def about_plus(self) -> Advice:
        return Advice(
            _(
                "Gmail delivers mail to plus addresses by itself. See whether a routing rule of the organisation or a "
                "gateway in front of Gmail refuses it, or turn plus addressing off in the mailbox's settings. The "
                "field {field} may name an address that has it."
            ).format(field=_(REPLY_TO.label))
        )

    def send(self, raw: bytes, reference: str) -> None:
        self._connection.send(raw, reference)

    def _token(self) -> Check:
        access = self._gmail.access
        access.renew()
        return passed(_("With the scope {scope}.").format(scope=SCOPE), {"client_id": access.grant.client_id})

    def _open(self) -> Check:
        profile = calls.profile(self._gmail)
        address, number = str(profile.get("emailAddress", "")), profile.get("messagesTotal", 0)
        facts = {"address": address, "mails": number}
        if address.lower() != self._gmail.mailbox.lower():
            return failed(
                _("Google opens the mailbox {address} for {mailbox}.").format(
                    address=address, mailbox=self._gmail.mailbox
                ),
                _(
                    "Enter the primary address of the user as the address of the mailbox: another one is an alias."
                ),
                facts=facts,
            )
        return passed(_("{address}, {number} mails").format(address=address, number=number), facts)

    def _read(self) -> Check:
        counts = {label: calls.count(self._gmail, label) for label in (INBOX, SPAM)}
        return passed("; ".join(f"{label}: {number}" for label, number in counts.items()), counts)

    def _newest(self, label: str, limit: int) -> Iterator[Listed]:
        since = datetime.now(UTC) - LOOKED_BACK
        for id_ in calls.listing(self._gmail, label, since, limit).ids:
            try:
                message = calls.headers(self._gmail, id_, "Subject")
            except Gone:
                continue
            yield Listed(id_, message.header("subject"))
