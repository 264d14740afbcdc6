"""The settings of what sends by SMTP."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes.fields import ADDRESS, COMMON, Field
from placet.mailboxes.hosts import (
    NOBODY,
    OAUTH_CLIENT,
    OAUTH_REFRESH,
    PASSWORD,
    SERVICE_ACCOUNT,
    MailServer,
    MailServerSettings,
)
from placet.mailboxes.settings import Reader, Reading, Wrong, text_of
from placet.mailboxes.sockets import PLAIN, SSL, STARTTLS

SIGN_INS = (PASSWORD, OAUTH_CLIENT, OAUTH_REFRESH, SERVICE_ACCOUNT, NOBODY)
SERVER = MailServer("smtp", {SSL: 465, STARTTLS: 587, PLAIN: 25}, SIGN_INS, only_sends=True)
_EHLO = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*|\[[0-9a-f.:ipv]{3,60}\]", re.IGNORECASE)

FIELDS: tuple[Field, ...] = (
    ADDRESS,
    *SERVER.rows(
        (
            gettext_noop("Server for sending (SMTP)"),
            gettext_noop("Where mail programs send through, such as smtp.contoso.com."),
        ),
        gettext_noop("Empty: the address of the mailbox."),
    ),
    Field(
        "smtp_ehlo",
        gettext_noop("Name in EHLO"),
        gettext_noop(
            "What Placet calls itself to the server; empty: the name of this machine, or its address."
        ),
        rare=True,
    ),
    *COMMON[1:],
)


@dataclass(frozen=True, kw_only=True)
class SmtpSettings(MailServerSettings):
    smtp_host: str
    smtp_port: int = 465
    smtp_security: str = SSL
    smtp_sign_in: str = PASSWORD
    smtp_user: str = ""  # empty: the mailbox's address
    smtp_token_uri: str = ""
    smtp_client_id: str = ""
    smtp_scope: str = ""
    smtp_authorization_uri: str = ""
    smtp_device_uri: str = ""
    smtp_authorities: str = ""  # PEM; empty: those that this machine trusts
    smtp_ehlo: str = ""

    rows: ClassVar[tuple[Field, ...]] = FIELDS
    mail_server: ClassVar[MailServer] = SERVER
    follow: ClassVar[tuple[str, ...]] = SERVER.follow

    @classmethod
    def readers(cls) -> Mapping[str, Reader]:
        return {**super().readers(), **SERVER.readers(), "smtp_ehlo": _read_ehlo}

    @classmethod
    def required(cls) -> Mapping[str, str]:
        return {
            **super().required(),
            "smtp_host": gettext_noop("Enter the server through which this mailbox sends."),
        }

    @classmethod
    def complete(cls, values: dict[str, Any], reading: Reading) -> None:
        SERVER.complete(values, reading)
        super().complete(values, reading)


def _read_ehlo(raw: Any, reading: Reading) -> str:
    text = text_of(raw)
    if not _EHLO.fullmatch(text):
        raise Wrong(_("Enter a name such as placet.contoso.com."))
    return text
