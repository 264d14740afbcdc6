"""The settings of a mailbox on an IMAP server."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes.fields import ADDRESS, COMMON, Field
from placet.mailboxes.hosts import (
    OAUTH_CLIENT,
    OAUTH_REFRESH,
    PASSWORD,
    SERVICE_ACCOUNT,
    MailServer,
    MailServerSettings,
)
from placet.mailboxes.settings import LONGEST_FOLDER, Reader, Reading, Wrong, text_of
from placet.mailboxes.sockets import PLAIN, SSL, STARTTLS

SIGN_INS = (PASSWORD, OAUTH_CLIENT, OAUTH_REFRESH, SERVICE_ACCOUNT)
SERVER = MailServer("imap", {SSL: 993, STARTTLS: 143, PLAIN: 143}, SIGN_INS)
_KEYWORD = re.compile(r"\$?[A-Za-z0-9_.-]{1,60}")

FIELDS: tuple[Field, ...] = (
    ADDRESS,
    *SERVER.rows(
        (gettext_noop("IMAP server"), gettext_noop("Where mail is read, such as imap.contoso.com.")),
        gettext_noop("Empty: the address of the mailbox."),
    ),
    Field(
        "imap_junk_folder",
        gettext_noop("Junk folder"),
        gettext_noop(
            "Mail is looked for there, too. Empty: the one that the server names, or that is called so."
        ),
        rare=True,
    ),
    Field(
        "imap_sent_folder",
        gettext_noop("Sent folder"),
        gettext_noop(
            "Copies of sent mail are kept there. Empty: the one that the server names, or that is called so."
        ),
        rare=True,
    ),
    Field(
        "imap_keyword",
        gettext_noop("Keyword of handled mail"),
        gettext_noop(
            "Where handled mail is marked as read, and people read the mailbox, too: this keyword is set instead, for "
            "example $PlacetHandled."
        ),
        rare=True,
    ),
    *COMMON[1:],
)


@dataclass(frozen=True, kw_only=True)
class ImapSettings(MailServerSettings):
    imap_host: str
    imap_port: int = 993
    imap_security: str = SSL
    imap_sign_in: str = PASSWORD
    imap_user: str = ""  # empty: the mailbox's address
    imap_token_uri: str = ""
    imap_client_id: str = ""
    imap_scope: str = ""
    imap_authorization_uri: str = ""
    imap_device_uri: str = ""
    imap_authorities: str = ""  # PEM; empty: those that this machine trusts
    imap_junk_folder: str = ""  # a path, as the two below
    imap_sent_folder: str = ""
    imap_keyword: str = ""

    rows: ClassVar[tuple[Field, ...]] = FIELDS
    mail_server: ClassVar[MailServer] = SERVER
    follow: ClassVar[tuple[str, ...]] = SERVER.follow
    place: ClassVar[tuple[str, ...]] = ("imap_host", "imap_port", "imap_user")
    server: ClassVar[tuple[str, ...]] = ("imap_host",)

    @classmethod
    def readers(cls) -> Mapping[str, Reader]:
        own: Mapping[str, Reader] = {
            "imap_junk_folder": _read_path,
            "imap_sent_folder": _read_path,
            "imap_keyword": _read_keyword,
        }
        return {**super().readers(), **SERVER.readers(), **own}

    @classmethod
    def required(cls) -> Mapping[str, str]:
        return {**super().required(), "imap_host": gettext_noop("Enter the server on which the mailbox is.")}

    @classmethod
    def complete(cls, values: dict[str, Any], reading: Reading) -> None:
        SERVER.complete(values, reading)
        super().complete(values, reading)
        _complete_folders(values, reading)


def _complete_folders(values: dict[str, Any], reading: Reading) -> None:
    """Nothing is put where it is taken from."""
    taken_from = {"inbox", str(values.get("imap_junk_folder") or "inbox").casefold()}
    for name in ("handled_folder", "set_aside_folder", "imap_sent_folder"):
        if str(values.get(name, getattr(ImapSettings, name))).casefold() in taken_from:
            reading.errors.setdefault(name, _("Mail is taken from this folder; choose another."))


def _read_path(raw: Any, reading: Reading) -> str:
    text = text_of(raw).strip("/")
    parts = [part.strip() for part in text.split("/")]
    if not all(parts) or len(parts) > 10 or len(text) > LONGEST_FOLDER or "\\" in text:
        raise Wrong(_("Enter the path of a folder, such as Junk or INBOX/Junk."))
    return "/".join(parts)


def _read_keyword(raw: Any, reading: Reading) -> str:
    text = text_of(raw)
    if not _KEYWORD.fullmatch(text):
        raise Wrong(_("Enter one word of letters and digits, such as $PlacetHandled."))
    return text
