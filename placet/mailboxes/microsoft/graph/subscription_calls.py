"""Subscriptions to the new mail of a folder. Microsoft: "subscription resource type", "Receive change notifications
through webhooks"."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from django.utils import timezone
from django.utils.translation import gettext as _

from placet.mailboxes.base import FixNeeded

from .client import Apart, Call, Graph, unreadable
from .errors import ServerError

#: Asked for. Microsoft's pages name 10,080 minutes as the most for mail, older ones 4,230; what is longer is refused.
LIFE = timedelta(minutes=4200)
LONGEST_ID = 128  # characters; Microsoft's have 36


@dataclass(frozen=True)
class Made:
    id: str
    expires_at: datetime  # UTC; the server's word, which may be earlier than what was asked for


class Lost(Exception):
    """The server no longer has it."""


def create(graph: Graph, folder: str, url: str, state: str) -> Made:
    """From now on the server calls `url` when mail comes into `folder`, with `state` (a secret of at most 128
    characters), and with what becomes of the subscription itself. It calls there at once, before it answers this.
    Raises FixNeeded where that fails."""
    wanted = {
        "changeType": "created",
        "notificationUrl": url,
        "lifecycleNotificationUrl": url,
        "resource": f"users/{quote(graph.user, safe='@')}/mailFolders('{folder}')/messages",
        "expirationDateTime": _stamp(timezone.now() + LIFE),
        "clientState": state,
    }
    call = Call(
        "POST",
        link=graph.beside("/subscriptions"),
        body=json.dumps(wanted).encode(),
        expected=(201,),
        apart=_not_validated,
    )
    try:
        return _made(graph.answer(call))
    except Apart:
        raise FixNeeded(
            _("Microsoft could not reach {url}, or did not get the right answer there.").format(url=url),
            _(
                "The address must be reachable from the internet over https with a certificate that is trusted, and a "
                "reverse proxy must pass requests to it on, without a sign-in of its own. Until then new mail is found "
                "at the poll interval."
            ),
        ) from None


def renew(graph: Graph, id_: str) -> Made:
    """Let it live on; that also answers a `reauthorizationRequired`. Raises Lost."""
    call = Call(
        "PATCH",
        link=_at(graph, id_),
        body=json.dumps({"expirationDateTime": _stamp(timezone.now() + LIFE)}).encode(),
        apart=_gone,
    )
    try:
        return _made(graph.answer(call))
    except Apart:
        raise Lost from None


def delete(graph: Graph, id_: str) -> None:
    """End it; one that is gone is no error."""
    try:
        graph.answer(Call("DELETE", link=_at(graph, id_), expected=(200, 204), apart=_gone))
    except Apart:
        return


def _at(graph: Graph, id_: str) -> str:
    return graph.beside(f"/subscriptions/{quote(id_, safe='')}")


def _gone(error: ServerError) -> bool:
    return error.status in (404, 410) and bool(error.code)


def _not_validated(error: ServerError) -> bool:
    """Its code is that of every wrong request; the words tell."""
    return error.status == 400 and "validation request" in error.text.lower()


def _made(answer: dict[str, object]) -> Made:
    id_, expires = answer.get("id"), answer.get("expirationDateTime")
    try:
        at = datetime.fromisoformat(str(expires))
    except ValueError:
        raise unreadable("no expiration") from None
    if not isinstance(id_, str) or not 0 < len(id_) <= LONGEST_ID:
        raise unreadable("no id")
    return Made(id_, at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC))


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
