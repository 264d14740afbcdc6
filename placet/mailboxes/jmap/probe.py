"""What the check of a mailbox asks of one on a JMAP server."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes import http, http_steps
from placet.mailboxes.base import Check, MailboxError
from placet.mailboxes.fields import REPLY_TO
from placet.mailboxes.preflight import Advice, Listed, Step, failed, folders_can_be_made, own_folders, passed
from placet.mailboxes.settings import MailboxSettings

from . import calls
from .calls import INBOX, JUNK, SENT

if TYPE_CHECKING:
    from .connection import JmapConnection

SIGN_IN = gettext_noop("Placet can sign in")
IDENTITY = gettext_noop("Placet may send as the mailbox")


class JmapProbe:
    """See `preflight.ReceivingProbe` and `SendingProbe`."""

    def __init__(self, connection: "JmapConnection", settings: MailboxSettings) -> None:
        self.settings: MailboxSettings = settings
        self._connection = connection
        self._jmap = connection.jmap

    def before(self) -> Sequence[Step]:
        return [
            *http_steps.way_to([self._jmap.hosts.base_url]),
            Step("sign_in", self._signed_in, SIGN_IN),
            Step("read", self._read),
            Step("folders", lambda: folders_can_be_made(self.settings, self._connection.places.for_moved)),
            Step("identity", self._identity, IDENTITY),
        ]

    def after(self, arrived: Sequence[str], others: Sequence[str]) -> Sequence[Step]:
        """Whether mailboxes of others stay closed is not tried: whoever signs in names the account."""
        return ()

    def explained(self, key: str, error: MailboxError) -> MailboxError:
        return error

    def arrivals(self, limit: int) -> Iterator[Listed]:
        places = self._connection.places
        for id_ in [*places.sources().values(), *map(places.for_moved, own_folders(self.settings))]:
            yield from self._newest(id_, limit)

    def sent(self, limit: int) -> Iterable[Listed]:
        sent = self._connection.places.of_role(SENT)
        return [] if sent is None else self._newest(sent.id, limit)

    def delete(self, id_: str) -> None:
        self._connection.trash(id_)

    def about_plus(self) -> Advice:
        return Advice(
            _(
                "Let whoever runs the mail server switch plus addressing on, or turn it off in the mailbox's settings: "
                "reply codes then stand in subject and text alone. The field {field} may name an address that has it."
            ).format(field=_(REPLY_TO.label))
        )

    def send(self, raw: bytes, reference: str) -> None:
        self._connection.send(raw, reference)

    def _signed_in(self) -> Check:
        self._jmap.forget_session()
        session = self._jmap.session()
        account = http.printable(session.account, 60)
        facts = {"account": account, "name": session.name, "push": bool(session.events)}
        if session.is_read_only:
            return failed(
                _("The account {account} can only be read.").format(account=account),
                _("Make a token that may change and send mail, too, or enter another account."),
                facts=facts,
            )
        check = passed(_("Account {account} ({name})").format(account=account, name=session.name), facts)
        if session.events:
            return check
        return replace(
            check,
            warning=True,
            cause=_("{host} does not say when mail comes.").format(host=self._jmap.who.host),
            cure=_("Nothing needs to be done: the mailbox is looked into at the poll interval."),
        )

    def _read(self) -> Check:
        places = self._connection.places
        places.forget()
        found = [mailbox for role in (*places.sources(),) if (mailbox := places.of_role(role)) is not None]
        words = "; ".join(f"{http.printable(mailbox.name, 60)}: {mailbox.total}" for mailbox in found)
        calls.newest(self._jmap, places.sources()[INBOX], 1)
        check = passed(words, {mailbox.role: mailbox.total for mailbox in found})
        if places.of_role(JUNK) is not None:
            return check
        return replace(
            check,
            warning=True,
            cause=_("The mailbox has no folder with the role of junk."),
            cure=_(
                "Where the server sorts junk into a folder, give that folder this role, so that no answer is "
                "overlooked there. Else nothing needs to be done."
            ),
        )

    def _identity(self) -> Check:
        identity = self._connection.identity()
        return passed(http.printable(identity.email), {"identity": http.printable(identity.id, 60)})

    def _newest(self, mailbox: str, limit: int) -> Iterator[Listed]:
        for email in calls.newest(self._jmap, mailbox, limit, names=["Subject"]).emails:
            yield Listed(email.id, email.header("subject"))
