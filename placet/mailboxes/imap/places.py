"""Which folders of a mailbox are which: Junk, Sent and Trash, and those that mails are moved to.

What the server says of a folder's use counts first (RFC 6154, or Gmail's XLIST), then its name.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from placet.mailboxes.folders import Folders

from .client import Client, ListedFolder, decoded, encoded
from .wire import NotDone

INBOX = b"INBOX"
UNUSABLE = (b"\\noselect", b"\\nonexistent")
SAME_NAME = (b"ALREADYEXISTS",)  # RFC 5530; older servers say it in words


@dataclass(frozen=True)
class Use:
    """How a folder of one use is known: attributes of the server, and names in small letters, of programs that make
    one where there is none."""

    attributes: tuple[bytes, ...]
    names: tuple[str, ...]


JUNK = Use(
    (b"\\junk", b"\\spam"),
    (
        "junk",
        "spam",
        "junk email",
        "junk e-mail",
        "junk mail",
        "junkmail",
        "bulk mail",
        "junk-e-mail",  # Exchange and Outlook in German
        "spamverdacht",
        "courrier indésirable",
        "indésirables",
        "pourriel",
        "correo no deseado",
        "posta indesiderata",
        "ongewenste e-mail",
        "lixo eletrônico",
    ),
)
SENT = Use(
    (b"\\sent",),
    (
        "sent",
        "sent items",
        "sent messages",
        "sent mail",
        "gesendet",
        "gesendete elemente",
        "gesendete objekte",
        "envoyés",
        "éléments envoyés",
        "messages envoyés",
        "elementos enviados",
        "enviados",
        "posta inviata",
        "verzonden items",
    ),
)
TRASH = Use(
    (b"\\trash",),
    (
        "trash",
        "deleted items",
        "deleted messages",
        "deleted",
        "bin",
        "papierkorb",
        "gelöschte elemente",
        "gelöschte objekte",
        "corbeille",
        "éléments supprimés",
        "elementos eliminados",
        "papelera",
        "posta eliminata",
        "cestino",
        "verwijderde items",
    ),
)
MADE = {SENT: "Sent", TRASH: "Trash"}  # where there is none


class Places:
    """Of one connection. Names of folders are bytes as the server writes them; paths have "/" between their names."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prefix, self._delimiter = client.root()
        self._special = [folder for folder in client.special_folders() if _is_usable(folder)]
        self._own: list[ListedFolder] | None = None
        self._known: dict[Use, bytes | None] = {}

    def forget(self) -> None:
        """Somebody deleted a folder that was remembered."""
        self._special = [folder for folder in self._client.special_folders() if _is_usable(folder)]
        self._own = None
        self._known.clear()

    def folders(self, taken_from: Collection[bytes]) -> Folders[bytes]:
        """Those that mails are moved to, made where they are missing."""
        return Folders(b"", self._find, self._create, partial(set, taken_from))

    def named(self, path: str) -> bytes:
        """The name of the folder at this path, whether or not there is one."""
        name = b""
        for part in path.split("/"):
            name = self._below(name, part)
        return name

    def for_use(self, use: Use) -> bytes | None:
        """None where there is none."""
        if use not in self._known:
            self._known[use] = next(self._candidates(use), None)
        return self._known[use]

    def made_for_use(self, use: Use) -> bytes:
        """The same, made where there is none."""
        name = self.for_use(use)
        if name is None:
            name = self._known[use] = self.named(MADE[use])
            self._create(b"", MADE[use])
        return name

    def exists(self, name: bytes) -> bool:
        return any(
            folder.name == name and _is_usable(folder) for folder in self._client.folders(_escaped(name))
        )

    def _candidates(self, use: Use) -> Iterator[bytes]:
        for folder in self._special:
            if any(attribute in folder.attributes for attribute in use.attributes):
                yield folder.name
        for name in use.names:
            for folder in self._beside_inbox():
                if self._leaf(folder).casefold() == name:
                    yield folder.name

    def _beside_inbox(self) -> list[ListedFolder]:
        """Folders beside Inbox and directly in it: some servers have all others there, whatever NAMESPACE says."""
        if self._own is None:
            patterns = dict.fromkeys([self._prefix + b"%", b"%", INBOX + self._delimiter + b"%"])
            self._own = [
                folder
                for pattern in patterns
                for folder in self._client.folders(pattern)
                if _is_usable(folder)
            ]
        return self._own

    def _leaf(self, folder: ListedFolder) -> str:
        name = folder.name.rpartition(folder.delimiter)[2] if folder.delimiter else folder.name
        return decoded(name)

    def _below(self, parent: bytes, part: str) -> bytes:
        """A name may hold what divides names at this server: "-" stands in its place. Inbox is one, beside all others,
        in whatever letters (RFC 3501 5.1)."""
        if not parent and part.upper() == "INBOX":
            return INBOX
        own = encoded(part)
        if self._delimiter:
            own = own.replace(self._delimiter, b"-")
        return parent + self._delimiter + own if parent else self._prefix + own

    def _find(self, parent: bytes, part: str) -> bytes | None:
        name = self._below(parent, part)
        matches = [folder.name for folder in self._client.folders(_escaped(name)) if _is_usable(folder)]
        same = [match for match in matches if match == name] or [
            match for match in matches if match.lower() == name.lower()
        ]
        return same[0] if same else None

    def _create(self, parent: bytes, part: str) -> bytes | None:
        name = self._below(parent, part)
        try:
            self._client.create(name)
        except NotDone as error:
            # Courier has neither code nor words for it.
            if error.code in SAME_NAME or b"exist" in error.text.lower() or self.exists(name):
                return None
            raise
        with suppress(NotDone):  # where it does not, mail programs show it to whoever asks for it
            self._client.subscribe(name)
        return name


def _is_usable(folder: ListedFolder) -> bool:
    return not any(attribute in folder.attributes for attribute in UNUSABLE)


def _escaped(name: bytes) -> bytes:
    """A name as a pattern. It may hold the two that stand for anything; what else they bring is left out by whoever
    asks, for a pattern has no way to say them as they are."""
    return name.replace(b"*", b"%")
