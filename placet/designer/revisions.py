"""Revisions of a draft: every change of its text is kept, can be undone, and is nobody's loss.

Each revision knows which one it was made of, so a draft is a tree, and `ProcessDraft.at` is where it stands: undo goes
up, redo goes down to the newest one. A change after undo begins another branch; what was undone stays in the history.

A draft keeps at most `MOST_REVISIONS`; beyond that the oldest ones go, but for the first. All go with their draft, when
it is published or discarded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import structlog
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals import drafts
from placet.approvals.models import DraftRevision, ProcessDraft
from placet.designer.merging import merged

log = structlog.get_logger(__name__)

LONGEST_TEXT = 500_000  # bytes of UTF-8
LONGEST_CHANGE = 200  # letters of what was changed
MOST_REVISIONS = 500
ASIDE = 0  # in place of the number of the revision that one was made of


class TextRefused(ValueError):
    """A text that no draft can have. A sentence."""


class TextTooLong(TextRefused):
    """A text that no process needs. A sentence."""


class DraftGone(ValueError):
    """The draft was published or discarded meanwhile. A sentence."""


class NothingToDo(ValueError):
    """There is nothing to undo, or nothing to redo. A sentence."""


class DraftMoved(Exception):
    """Another revision counts by now than the one that was to be undone or redone from. Nothing was changed."""


class Outdated(ValueError):
    """Somebody else changed the same thing meanwhile, so nothing was written. Both texts are here: `newest` is the
    revision that counts, `text` what was to be written, `base` the revision that it was made of (None: it is not kept
    any more)."""

    def __init__(self, newest: DraftRevision, text: str, base: DraftRevision | None) -> None:
        super().__init__(_("Somebody else changed this meanwhile."))
        self.newest, self.text, self.base = newest, text, base


@dataclass(frozen=True)
class Entry:
    """A revision in the history. `state`: it counts now; it led there; it was undone and can be redone; or what was
    changed after an undo left it aside."""

    revision: DraftRevision
    state: Literal["now", "before", "undone", "unused"]


@transaction.atomic
def revise(draft: ProcessDraft, text: str, by: Person | None, change: str, base: int) -> DraftRevision:
    """The revision that counts now: a new one with this text, or with what came of it and of what somebody else changed
    since `base` (the number of the revision that the text was made of). `change`: what was changed, as a sentence.
    A text that changes nothing makes no revision. TextRefused, DraftGone, or Outdated where both changed the same."""
    if len(text.encode(errors="surrogatepass")) > LONGEST_TEXT:
        raise TextTooLong(_("A process has at most {number} kB of text.").format(number=LONGEST_TEXT // 1000))
    if "\x00" in text:
        raise TextRefused(_("There is a character in this text that no text can have: U+0000."))
    locked = _locked(draft)
    now = locked.revisions.select_related("by").get(number=locked.at)
    if base != now.number:
        text = _together(locked, now, text, base)
    return now if text == now.text else _made(locked, draft, now, text, by, change)


def _locked(draft: ProcessDraft) -> ProcessDraft:
    locked = ProcessDraft.objects.select_for_update().filter(pk=draft.pk).first()
    if locked is None:
        raise DraftGone(_("This draft was published or discarded meanwhile."))
    return locked


def _together(draft: ProcessDraft, now: DraftRevision, text: str, base: int) -> str:
    made_of = draft.revisions.filter(number=base).first()
    both = None if made_of is None else merged(made_of.text, now.text, text)
    if both is None or len(both.encode(errors="surrogatepass")) > LONGEST_TEXT:
        raise Outdated(now, text, made_of)
    return both


def _made(
    locked: ProcessDraft, draft: ProcessDraft, now: DraftRevision, text: str, by: Person | None, change: str
) -> DraftRevision:
    made = DraftRevision.objects.create(
        draft=locked,
        number=_next_number(locked),
        made_of=now.number,
        text=text,
        change=change[:LONGEST_CHANGE],
        by=by,
    )
    _stand_at(locked, draft, made)
    _thin(locked)
    return made


def _stand_at(locked: ProcessDraft, draft: ProcessDraft, revision: DraftRevision) -> None:
    drafts.stand_at(locked, revision)
    draft.at = locked.at


@transaction.atomic
def set_aside(draft: ProcessDraft, outdated: Outdated, by: Person | None, change: str) -> DraftRevision:
    """A text that could not be put together with what counts, as a revision that does not: it stays in the history, and
    neither undo nor redo comes to it. DraftGone."""
    locked = _locked(draft)
    same = locked.revisions.filter(made_of=ASIDE, by=by, text=outdated.text).first()
    if same is not None:
        return same
    made = DraftRevision.objects.create(
        draft=locked,
        number=_next_number(locked),
        made_of=ASIDE,
        text=outdated.text,
        change=change[:LONGEST_CHANGE],
        by=by,
    )
    _thin(locked)
    return made


def _next_number(draft: ProcessDraft) -> int:
    highest: int = draft.revisions.aggregate(highest=Max("number"))["highest"]
    return highest + 1


def _thin(draft: ProcessDraft) -> None:
    """What was made of one that goes is made of what that one was made of."""
    links = dict(draft.revisions.order_by("number").values_list("number", "made_of"))
    superfluous = [number for number in links if number not in (min(links), draft.at)]
    for number in superfluous[: max(0, len(links) - MOST_REVISIONS)]:
        draft.revisions.filter(made_of=number).update(made_of=links[number])
        draft.revisions.filter(number=number).delete()


@transaction.atomic
def undo(draft: ProcessDraft, by: Person | None) -> DraftRevision:
    """The revision that counts then: what the present one was made of. NothingToDo where there is none; DraftGone;
    DraftMoved where the present one is not that of `draft` as it was read: somebody else's change is not taken back."""
    locked = _unmoved(draft)
    now = locked.revisions.get(number=locked.at)
    before = locked.revisions.filter(number=now.made_of).first()
    if before is None:
        raise NothingToDo(_("There is nothing to undo."))
    _stand_at(locked, draft, before)
    log.info("draft_undone", process=locked.process_id, at=locked.at, by=by and by.pk)
    return before


@transaction.atomic
def redo(draft: ProcessDraft, by: Person | None) -> DraftRevision:
    """The revision that counts then: the newest that was made of the present one. NothingToDo where there is none;
    DraftGone; DraftMoved, as `undo`."""
    locked = _unmoved(draft)
    after = locked.revisions.filter(made_of=locked.at).order_by("-number").first()
    if after is None:
        raise NothingToDo(_("There is nothing to redo."))
    _stand_at(locked, draft, after)
    log.info("draft_redone", process=locked.process_id, at=locked.at, by=by and by.pk)
    return after


def _unmoved(draft: ProcessDraft) -> ProcessDraft:
    locked = _locked(draft)
    if locked.at != draft.at:
        raise DraftMoved
    return locked


def can_undo(draft: ProcessDraft) -> bool:
    now = draft.revisions.defer("text").get(number=draft.at)
    return draft.revisions.filter(number=now.made_of).exists()


def can_redo(draft: ProcessDraft) -> bool:
    return draft.revisions.filter(made_of=draft.at).exists()


def history(draft: ProcessDraft) -> Sequence[Entry]:
    """The newest first; their texts are not read."""
    revisions = [*draft.revisions.defer("text").select_related("by").order_by("-number")]
    by_number = {one.number: one for one in revisions}
    before, at = set(), by_number.get(draft.at)
    while at is not None and at.number not in before:
        before.add(at.number)
        at = by_number.get(at.made_of)
    undone, number = set(), draft.at
    while (after := next((one for one in revisions if one.made_of == number), None)) is not None:
        undone.add(after.number)
        number = after.number
    return [Entry(one, _state(one.number, draft.at, before, undone)) for one in revisions]


def _state(
    number: int, at: int, before: set[int], undone: set[int]
) -> Literal["now", "before", "undone", "unused"]:
    if number == at:
        return "now"
    return "before" if number in before else "undone" if number in undone else "unused"
