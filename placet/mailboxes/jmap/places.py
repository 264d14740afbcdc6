"""The folders of a mailbox: those that have a role, and those that an administrator named by their path."""

import time
from collections.abc import Callable, Mapping

from django.utils.translation import gettext as _

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.folders import Folders

from . import calls, errors
from .calls import INBOX, JUNK, Mailbox
from .client import Jmap
from .errors import Problem

LOOK_AGAIN = 600.0  # seconds after which it is looked again which folders there are
ROOT = ""
#: What is said where there is a folder of that name already.
_TAKEN = frozenset({"alreadyExists", "invalidProperties"})
_NAMES = {calls.SENT: "Sent", calls.DRAFTS: "Drafts", calls.TRASH: "Trash"}


class Places:
    """Folders by role and by path, as the server listed them ten minutes ago at most."""

    def __init__(self, jmap: Jmap, clock: Callable[[], float] = time.monotonic) -> None:
        self._jmap = jmap
        self._clock = clock
        self._mailboxes: list[Mailbox] = []
        self._looked_at = -LOOK_AGAIN
        self._folders: Folders[str] = Folders(
            ROOT, self._find, self._create, lambda: set(self.sources().values())
        )

    def forget(self) -> None:
        """Somebody deleted or made one."""
        self._looked_at = -LOOK_AGAIN
        self._folders.forget()

    def all(self) -> list[Mailbox]:
        if self._clock() - self._looked_at >= LOOK_AGAIN:
            self._mailboxes = calls.mailboxes(self._jmap)
            self._looked_at = self._clock()
        return self._mailboxes

    def of_role(self, role: str) -> Mailbox | None:
        return next((mailbox for mailbox in self.all() if mailbox.role == role), None)

    def sources(self) -> Mapping[str, str]:
        """By role, the ids of the folders that mail is taken from. FixNeeded where there is no Inbox."""
        found = {role: mailbox.id for role in (INBOX, JUNK) if (mailbox := self.of_role(role)) is not None}
        if INBOX not in found:
            self._looked_at = -LOOK_AGAIN
            raise FixNeeded(
                _("The account {account} has no folder with the role of an inbox.").format(
                    account=http.printable(self._jmap.session().account, 60)
                ),
                _("Enter the id of the account that has it under Remote Approval (Account)."),
            )
        return found

    def made_of_role(self, role: str) -> str:
        """The id of the folder with this role, made where there is none."""
        mailbox = self.of_role(role)
        if mailbox is not None:
            return mailbox.id
        made = calls.create_mailbox(self._jmap, _NAMES[role], role=role)
        self.forget()
        if isinstance(made, Problem):  # somebody else makes it, or one is called so that has no role
            mailbox = self.of_role(role)
            return mailbox.id if mailbox is not None else self._folders.at(_NAMES[role])
        return made

    def at(self, path: str) -> str:
        """The id of the folder at a path, "" where there is none."""
        id_ = ROOT
        for name in path.split("/"):
            below = self._find(id_, name)
            if below is None:
                return ""
            id_ = below
        return id_

    def for_moved(self, path: str) -> str:
        """The id of the folder at a path, made where it is missing. FixNeeded where mail is taken from it."""
        return self._folders.for_moved(path)

    def _find(self, parent: str, name: str) -> str | None:
        below = [mailbox for mailbox in self.all() if mailbox.parent == parent]
        same = [mailbox.id for mailbox in below if mailbox.name == name]
        alike = [mailbox.id for mailbox in below if mailbox.name.casefold() == name.casefold()]
        return next(iter([*same, *alike]), None)

    def _create(self, parent: str, name: str) -> str | None:
        made = calls.create_mailbox(self._jmap, name, parent)
        self._looked_at = -LOOK_AGAIN
        if not isinstance(made, Problem):
            return made
        if made.type in _TAKEN:
            return None
        who = self._jmap.who
        raise errors.of_mailbox(made, who) or FixNeeded(
            _("{host} makes no folder “{name}” ({reason}).").format(
                host=who.host, name=name, reason=made.description or made.type
            ),
            _(
                "Choose another name for the folder in the mailbox's settings, or make it with a mail program."
            ),
            {"host": who.host, **made.details},
        )
