"""What was answered, and what follows from it."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from placet.lib.powershell import quoted
from placet.mailboxes.microsoft import app_access
from placet.mailboxes.microsoft.cloud_names import NAMES, Names
from placet.mailboxes.microsoft.clouds import CLOUDS, GRAPH, Cloud

POWERSHELL, CLI = "powershell", "cli"
SECRET, CERTIFICATE, KEEP = "secret", "certificate", "keep"


@dataclass(frozen=True)
class Answers:
    """All checked. `limit`: the application gets its right in Exchange, for the one mailbox, and none in Entra ID."""

    mailbox: str
    form: str = POWERSHELL
    protocol: str = GRAPH
    cloud: str = "worldwide"
    name: str = "Placet"  # of the application
    tenant: str = ""  # ID or domain; empty: the one that is signed in to
    limit: bool = True
    other_mailbox: str = ""  # one that must stay closed; empty: not looked at
    credential: str = SECRET
    secret_days: int = 180
    certificate: str = ""  # path of a file, where the script runs
    today: date = field(default_factory=date.today)

    @property
    def service(self) -> app_access.Service:
        return app_access.GRAPH if self.protocol == GRAPH else app_access.EWS

    @property
    def at(self) -> Cloud:
        return CLOUDS[self.cloud]

    @property
    def names(self) -> Names:
        return NAMES[self.cloud]

    @property
    def login(self) -> str:
        return f"https://{self.at.login[0]}"

    @property
    def scope_name(self) -> str:
        return app_access.scope_name(self.mailbox)

    @property
    def secret_name(self) -> str:
        return f"Placet {self.today:%Y-%m}"

    @property
    def secret_expires_on(self) -> date:
        return self.today + timedelta(days=self.secret_days)


def in_powershell(text: str) -> str:
    """`text` as one PowerShell expression in ASCII: Windows PowerShell takes a file without a mark for one in the
    machine's old charset, in which the bytes of a letter may be a quote."""
    if text.isascii():
        return quoted(text)
    units = text.encode("utf-16-be")
    chars = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "(-join [char[]](" + ",".join(str(char) for char in chars) + "))"


def roles_needed(answers: Answers) -> str:
    """What whoever runs the script must be, as the end of a comment."""
    if not answers.limit and answers.protocol == GRAPH:
        return """ You sign in yourself, with the role
#   Privileged Role Administrator (to consent to permissions of Microsoft Graph for the whole organisation)."""
    return """ You sign in yourself, with the role
#   Cloud Application Administrator or Application Administrator
# and, in Exchange Online, Exchange Administrator."""
