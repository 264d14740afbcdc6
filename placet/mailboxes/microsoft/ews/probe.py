"""What the pre-flight asks of a mailbox through Exchange Web Services."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from placet.mailboxes.base import FixNeeded, Wait
from placet.mailboxes.microsoft.clouds import EWS
from placet.mailboxes.microsoft.exchange_errors import About
from placet.mailboxes.preflight import Listed

from . import operations
from .errors import ServerError
from .operations import FolderRef

if TYPE_CHECKING:
    from .connection import EwsConnection

ROLE = "full_access_as_app"
#: Codes that say that the application is kept out of a mailbox.
DENIED = frozenset(
    {
        "ErrorImpersonateUserDenied",
        "ErrorImpersonationDenied",
        "ErrorImpersonationFailed",
        "ErrorAccessDenied",
    }
)


class EwsProbe:
    """See `preflight.ProtocolProbe`."""

    protocol = EWS
    step_roles: Mapping[str, str] = {"open": ROLE, "read": ROLE, "folders": ROLE, "send": ROLE}

    def __init__(self, connection: "EwsConnection") -> None:
        self._connection = connection
        self._soap = connection.soap

    def open(self) -> tuple[str, int]:
        return operations.get_folder(self._soap, operations.INBOX)

    def read(self) -> Mapping[str, int]:
        found = {ref.id: len(self._newest(ref, 1)) for ref in (operations.INBOX, operations.JUNK)}
        operations.sync_folder_items(self._soap, operations.INBOX, "", 1)
        return found

    def make_folder(self, path: str) -> None:
        self._connection.folder_for_moved(path)

    def send(self, raw: bytes, reference: str) -> None:
        self._connection.send(raw, reference)

    def arrivals(self, paths: Sequence[str], limit: int) -> Iterator[Listed]:
        own = [self._connection.folder(path) for path in paths]
        for folder in (operations.INBOX, operations.JUNK, *own):
            yield from self._newest(folder, limit)

    def sent(self, limit: int) -> Iterator[Listed]:
        yield from self._newest(operations.SENT, limit)

    def _newest(self, folder: FolderRef, limit: int) -> list[Listed]:
        found = operations.find_items(self._soap, folder, "item:DateTimeReceived", 0, limit)
        return [Listed(item.id, item.subject) for item in found.items]

    def transport_headers(self, ids: Sequence[str]) -> list[str]:
        items = operations.get_items(self._soap, ids)
        return [item.transport_headers or "" for item in items if isinstance(item, operations.Item)]

    def delete(self, id_: str) -> None:
        [result] = operations.delete_items(self._soap, [id_])
        if isinstance(result, ServerError):
            raise self._soap.explain(result, About.MAIL)

    def may_not(self, error: FixNeeded) -> bool:
        """A refusal at the door (401, 403) has no code of EWS's."""
        return error.details.get("code", "") in DENIED | {""}

    def opens(self, address: str) -> bool | None:
        with closing(self._soap.to(address)) as soap:
            try:
                operations.folder_ids(soap, [operations.INBOX])
            except FixNeeded as error:
                return False if error.details.get("code") in DENIED else None
            except Wait:
                return None
        return True
