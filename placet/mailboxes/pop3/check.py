"""What the check of a mailbox that is read by POP3 asks: connection, signing in, and whether mails can be told apart;
and how it looks for its own mails."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from email.parser import BytesHeaderParser
from email.policy import default

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes.base import Check, Gone
from placet.mailboxes.preflight import Listed, ReceivingProbe, Step, passed
from placet.mailboxes.settings import MailboxSettings

from . import known
from .known import Mail
from .session import Session

MOST_HEADERS = 64 * 1024  # bytes looked at for a subject
CONNECT = gettext_noop("The mail server for receiving answers")
SIGN_IN = gettext_noop("Signing in for receiving")
LISTING = gettext_noop("The server tells mails apart (UIDL)")


class Pop3Probe(ReceivingProbe):
    """Each step has a session of its own, as each call of the connection has. `session`: signed in; `greeted`: only
    greeted; `listing`: the mails that a session shows; `delete`: whether the mail with this id was there."""

    def __init__(
        self,
        settings: MailboxSettings,
        place: str,
        greeted: Callable[[], str],
        session: Callable[[], AbstractContextManager[Session]],
        listing: Callable[[Session], list[Mail]],
        delete: Callable[[str], bool],
    ) -> None:
        self.settings = settings
        self._place = place
        self._greeted = greeted
        self._session = session
        self._listing = listing
        self._delete = delete

    def before(self) -> list[Step]:
        return [
            Step("pop3_connect", self._connect, CONNECT),
            Step("pop3_sign_in", self._sign_in, SIGN_IN),
            Step("pop3_list", self._list, LISTING),
        ]

    def _connect(self) -> Check:
        security = self._greeted()
        return passed(
            f"{self._place}, {security}"
            if security
            else _("{place}, not encrypted").format(place=self._place)
        )

    def _sign_in(self) -> Check:
        with self._session() as session:
            return passed(f"{session.user_signed_in} ({session.mechanism})")

    def _list(self) -> Check:
        with self._session() as session:
            number = len(self._listing(session))
        check = passed(_("{number} mails").format(number=number), {"mails": number})
        if number <= known.MOST_EXACT:
            return check
        return Check(
            **{
                **vars(check),
                "warning": True,
                "cause": _("With so many mails each look into the mailbox takes long."),
                "cure": _("Delete old mails, or have Placet delete those that it handled some days ago."),
            }
        )

    def arrivals(self, limit: int) -> Iterator[Listed]:
        with self._session() as session:
            for mail in reversed(self._listing(session)[-limit:]):
                yield Listed(mail.id, _subject(session.headers(mail.number, MOST_HEADERS)))

    def delete(self, id_: str) -> None:
        if not self._delete(id_):
            raise Gone(_("The mail is no longer on the server."), "Gone")


def _subject(headers: bytes) -> str:
    try:
        return str(BytesHeaderParser(policy=default).parsebytes(headers)["subject"] or "")
    except (ValueError, LookupError, AttributeError, IndexError):
        return ""  # a stranger's: what the library makes of it is of no interest, as ours it is not
