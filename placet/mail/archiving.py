"""The archive: mails that were done with long ago are put together in blocks (`placet.mail.blocks`), where they take a
fraction of their room. Whoever reads one notices nothing: its row stays, with all that lists and searches ask for.

Mails are gone through once, in the order in which they came: the newest block's row says how far. What is not done by
then, as a mail that was set aside, stays by itself, and so does one with a file in it, or one that cannot be read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Length

from placet.lib import clock, rows
from placet.lib.compression import Damaged
from placet.mail import blocks
from placet.mail.blocks import LARGEST, MOST_BYTES, MOST_MAILS, Place
from placet.mail.models import IncomingMail, MailBlock, OutgoingMail
from placet.mail.unwrapping import unwrapped, wrapped

log = structlog.get_logger(__name__)

ENOUGH = 64  # mails: fewer wait for others, so that a block is worth it
LONGEST_WAIT = timedelta(days=30)  # of those few
NEXT = 0

Model = type[IncomingMail] | type[OutgoingMail]
_DONE: dict[Model, str] = {IncomingMail: IncomingMail.State.HANDLED, OutgoingMail: OutgoingMail.State.SENT}
_CAME: dict[Model, str] = {IncomingMail: "kept_at", OutgoingMail: "created_at"}


@dataclass(frozen=True)
class _Old:
    """The row of a mail that is old enough; `done`: for a block, unless it is too large."""

    came: datetime
    model: Model
    id: int
    done: bool


@dataclass(frozen=True)
class _Packed:
    """A mail for a block, unwrapped, and how many bytes it has when it is not."""

    model: Model
    id: int
    content: bytes
    size: int


def due(limit: int) -> list[int]:
    """[NEXT] where a block can be made."""
    if not settings.PLACET.archive_mails_after_days:
        return []
    before = _before()
    waiting = list(islice(_old(_through(), before), ENOUGH))
    worth_it = len(waiting) == ENOUGH or (waiting and waiting[0].came < before - LONGEST_WAIT)
    return [NEXT][:limit] if worth_it else []


def work(_next: int) -> bool:
    """Make one block. False where there is nothing to make it of."""
    return archive(_before()) > 0


def archive(before: datetime) -> int:
    """One block of mails that came before that time. How many rows were gone through for it: none where there were
    none, or where another process made it meanwhile."""
    through, gone_through, room = _through(), 0, MOST_BYTES
    number, mails = through.number + 1, list[_Packed]()
    for old in islice(_old(through, before), MOST_MAILS):
        gone_through += 1
        through = through.up_to(old)
        if old.done and (mail := _packed(old)):
            mails.append(mail)
            room -= len(mail.content)
        if room <= 0:
            break
    return gone_through if gone_through and _write(number, mails, through) else 0


def waiting(before: datetime) -> int:
    """How many rows are still to be gone through, at most: newer ones among them are counted, too."""
    through = _through()
    return sum(
        model._base_manager.filter(pk__gt=through.of(model), **{f"{came}__lt": before}).count()
        for model, came in _CAME.items()
    )


# --- which mails ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Through:
    """How far mails were gone through, by their ids, up to the block with this number."""

    number: int = 0
    incoming: int = 0
    outgoing: int = 0

    def of(self, model: Model) -> int:
        return self.incoming if model is IncomingMail else self.outgoing

    def up_to(self, old: _Old) -> "_Through":
        if old.model is IncomingMail:
            return _Through(self.number, old.id, self.outgoing)
        return _Through(self.number, self.incoming, old.id)


def _before() -> datetime:
    return clock.now() - timedelta(days=settings.PLACET.archive_mails_after_days)


def _through() -> _Through:
    last = MailBlock.objects.order_by("-pk").values_list("pk", "incoming_through", "outgoing_through")[:1]
    return next((_Through(*values) for values in last), _Through())


def _old(through: _Through, before: datetime) -> Iterator[_Old]:
    """The next MOST_MAILS of each table at most, in the order in which they came."""
    return merge(*(_old_of(model, through.of(model), before) for model in _CAME), key=lambda old: old.came)


def _old_of(model: Model, through: int, before: datetime) -> Iterator[_Old]:
    """Up to the first that is not old enough."""
    after = model._base_manager.filter(pk__gt=through).order_by("pk").annotate(kept=Length("raw"))
    for came, id_, state, kept in after.values_list(_CAME[model], "pk", "state", "kept")[:MOST_MAILS]:
        if came >= before:
            return
        yield _Old(came, model, id_, done=state == _DONE[model] and 0 < kept <= LARGEST)


def _packed(old: _Old) -> _Packed | None:
    """None, if it is too large, would not come back as it is, or cannot be read: it must not stop those behind it."""
    try:
        raw: Any = old.model._base_manager.values_list("raw", flat=True).get(pk=old.id)
    except (Damaged, old.model.DoesNotExist) as error:
        log.warning("mail_not_archived", model=old.model.__name__, id=old.id, error=str(error))
        return None
    content = unwrapped(bytes(raw))
    if len(content) > LARGEST or wrapped(content) != raw:
        return None
    return _Packed(old.model, old.id, content, len(raw))


# --- writing ----------------------------------------------------------------------------------------------


def _write(number: int, mails: Sequence[_Packed], through: _Through) -> bool:
    """False, and nothing is written, where another process wrote that block."""
    content = blocks.block_of([mail.content for mail in mails]) if mails else b""
    digest = blocks.digest_of(content)
    read = blocks.decompressed(content, digest) if mails else b""
    assert all(blocks.mail_in(read, at) == mail.content for at, mail in enumerate(mails))
    row = MailBlock(
        number=number,
        content=content,
        mails=len(mails),
        incoming_through=through.incoming,
        outgoing_through=through.outgoing,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            for at, mail in enumerate(mails):
                _replace(mail, Place(number, digest, at, mail.size))
    except IntegrityError:
        return False
    return True


def _replace(mail: _Packed, place: Place) -> None:
    """What replies to it are held against is read from an old mail itself (`OutgoingMail.words`). One that is not done
    any more stays as it is."""
    words = {} if mail.model is IncomingMail else {"words": None}
    rows.update(mail.model, {"id": mail.id, "state": _DONE[mail.model]}, raw=place.kept(), **words)
