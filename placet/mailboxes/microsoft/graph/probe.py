"""What the pre-flight asks of a mailbox through Microsoft Graph."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from placet.mailboxes.base import FixNeeded, Gone, Wait
from placet.mailboxes.microsoft.clouds import GRAPH
from placet.mailboxes.preflight import Listed

from . import calls

if TYPE_CHECKING:
    from .connection import GraphConnection

READ, SEND = "Mail.ReadWrite", "Mail.Send"
#: Codes that say that the application is kept out.
DENIED = frozenset({"ErrorAccessDenied", "ErrorCreateSubfolderAccessDenied", "ErrorCreateItemAccessDenied"})
NO_ROLES = "NoPermissionsInAccessToken"


class GraphProbe:
    """See `preflight.ProtocolProbe`."""

    protocol = GRAPH
    step_roles: Mapping[str, str] = {"open": READ, "read": READ, "folders": READ, "send": SEND}

    def __init__(self, connection: "GraphConnection") -> None:
        self._connection = connection
        self._graph = connection.graph

    def open(self) -> tuple[str, int]:
        return calls.get_folder(self._graph, calls.INBOX)

    def read(self) -> Mapping[str, int]:
        found = {folder: len(calls.newest(self._graph, folder, 1)) for folder in (calls.INBOX, calls.JUNK)}
        calls.delta(self._graph, calls.INBOX, "", None, 1)
        return found

    def make_folder(self, path: str) -> None:
        self._connection.folder_for_moved(path)

    def send(self, raw: bytes, reference: str) -> None:
        self._connection.send(raw, reference)

    def arrivals(self, paths: Sequence[str], limit: int) -> Iterator[Listed]:
        own = [self._connection.folder(path) for path in paths]
        for folder in (calls.INBOX, calls.JUNK, *own):
            yield from self._newest(folder, limit)

    def sent(self, limit: int) -> Iterator[Listed]:
        yield from self._newest(calls.SENT, limit)

    def _newest(self, folder: str, limit: int) -> list[Listed]:
        return [Listed(mail.id, mail.subject) for mail in calls.newest(self._graph, folder, limit)]

    def transport_headers(self, ids: Sequence[str]) -> list[str]:
        found = []
        for id_ in ids:
            try:
                found.append(calls.get_message(self._graph, id_).transport_headers or "")
            except Gone:
                continue
        return found

    def delete(self, id_: str) -> None:
        calls.mark(self._graph, id_, calls.DELETED)

    def may_not(self, error: FixNeeded) -> bool:
        return error.details.get("code") in DENIED

    def opens(self, address: str) -> bool | None:
        with closing(self._graph.to(address)) as graph:
            try:
                calls.folder_ids(graph, [calls.INBOX])
            except FixNeeded as error:
                return False if error.details.get("code") in DENIED | {NO_ROLES} else None
            except Wait:
                return None
        return True
