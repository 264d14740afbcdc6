"""The settings of a mailbox of Google Workspace: beside what every mailbox has, the key of a service account."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import SecretStr

from placet.mailboxes.fields import ADDRESS, PROOF, REPLY_TO, TAKING_IN, Field
from placet.mailboxes.google import key_file
from placet.mailboxes.google.grant import PERSONAL
from placet.mailboxes.settings import MailboxSettings, Reading, Wrong

KEY = "gmail_key"
#: All that is done here needs no more: read, label, move to the trash, send. Deleting for good it does not allow.
SCOPE = "https://www.googleapis.com/auth/gmail.modify"
FIELDS: tuple[Field, ...] = (
    ADDRESS,
    Field(
        KEY,
        gettext_noop("Key of the service account"),
        gettext_noop(
            "The whole content of the key file (JSON) from the Google Cloud console. Stored encrypted, never shown "
            "again."
        ),
        "secret",
    ),
    REPLY_TO,
    *(row for row in TAKING_IN if row.name != "notify"),  # nobody listens: it is looked at the poll interval
    *PROOF,
)


@dataclass(frozen=True, kw_only=True)
class GmailSettings(MailboxSettings):
    rows: ClassVar[tuple[Field, ...]] = FIELDS

    @classmethod
    def complete(cls, values: dict[str, Any], reading: Reading) -> None:
        super().complete(values, reading)
        if str(values.get("username", "")).rpartition("@")[2].lower() in PERSONAL:
            reading.errors.setdefault(
                "username",
                _(
                    "A personal Gmail account cannot be delegated to a service account. Choose IMAP and SMTP, with an "
                    "app password."
                ),
            )

    @classmethod
    def read_secret(cls, name: str, text: str) -> SecretStr:
        try:
            return SecretStr(key_file.read(text))
        except key_file.KeyInvalid as error:
            raise Wrong(str(error)) from None

    def secret_goes_to(self, name: str) -> str:
        """Only signatures of the key go there, and only there they are good for anything."""
        return "oauth2.googleapis.com:443"

    @property
    def protocol(self) -> str:
        return "gmail"
