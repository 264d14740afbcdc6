"""The settings of a mailbox that is read by POP3."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from django.utils.translation import gettext_noop

from placet.mailboxes.base import Action
from placet.mailboxes.fields import ADDRESS, COMMON, Field, Section
from placet.mailboxes.hosts import (
    OAUTH_CLIENT,
    OAUTH_REFRESH,
    PASSWORD,
    SERVICE_ACCOUNT,
    MailServer,
    MailServerSettings,
)
from placet.mailboxes.settings import Reader, Reading, number
from placet.mailboxes.sockets import PLAIN, SSL, STARTTLS

SIGN_INS = (PASSWORD, OAUTH_CLIENT, OAUTH_REFRESH, SERVICE_ACCOUNT)
SERVER = MailServer("pop3", {SSL: 995, STARTTLS: 110, PLAIN: 110}, SIGN_INS)
#: What says where handled mail goes: POP3 has no folders and no marks.
_OF_FOLDERS = ("handled", "handled_folder", "set_aside_folder", "notify")

FIELDS: tuple[Field, ...] = (
    ADDRESS,
    *SERVER.rows(
        (
            gettext_noop("Server for receiving (POP3)"),
            gettext_noop("Where mail programs fetch mail from, such as pop.contoso.com."),
        ),
        gettext_noop("Empty: the address of the mailbox."),
    ),
    Field(
        "pop3_delete_days",
        gettext_noop("Delete handled mail after"),
        gettext_noop(
            "Days that a handled mail stays on the server, 0 to 3650; 0: it is deleted at once. Empty: it stays for "
            "good. POP3 knows no folders, and cannot mark mail as read."
        ),
        "int",
        section=Section.APPROVAL,
    ),
    *(row for row in COMMON[1:] if row.name not in _OF_FOLDERS),
)


@dataclass(frozen=True, kw_only=True)
class Pop3Settings(MailServerSettings):
    pop3_host: str
    pop3_port: int = 995
    pop3_security: str = SSL
    pop3_sign_in: str = PASSWORD
    pop3_user: str = ""  # empty: the mailbox's address
    pop3_token_uri: str = ""
    pop3_client_id: str = ""
    pop3_scope: str = ""
    pop3_authorization_uri: str = ""
    pop3_device_uri: str = ""
    pop3_authorities: str = ""  # PEM; empty: those that this machine trusts
    pop3_delete_days: int | None = None  # None: never

    rows: ClassVar[tuple[Field, ...]] = FIELDS
    mail_server: ClassVar[MailServer] = SERVER
    follow: ClassVar[tuple[str, ...]] = SERVER.follow
    place: ClassVar[tuple[str, ...]] = ("pop3_host", "pop3_port", "pop3_user")
    server: ClassVar[tuple[str, ...]] = ("pop3_host",)

    @classmethod
    def readers(cls) -> Mapping[str, Reader]:
        return {**super().readers(), **SERVER.readers(), "pop3_delete_days": number(0, 3650)}

    @classmethod
    def required(cls) -> Mapping[str, str]:
        return {
            **super().required(),
            "pop3_host": gettext_noop("Enter the server from which this mailbox is fetched."),
        }

    @classmethod
    def complete(cls, values: dict[str, Any], reading: Reading) -> None:
        SERVER.complete(values, reading)
        super().complete(values, reading)

    @property
    def putting_away(self) -> tuple[Action, str, timedelta]:
        if self.pop3_delete_days is None:
            return Action.MARK_READ, "", timedelta()
        return Action.DELETE, "", timedelta(days=self.pop3_delete_days)
