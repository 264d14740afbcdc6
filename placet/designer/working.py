"""The draft that a page of the designer shows, and what a form of it saves.

A process without a draft is shown as its newest version says it; the first change begins the draft. So opening a page
changes nothing. `base` is the number of the revision that a form was made of, 0 for none yet: what the form changes is
reckoned from there, and put together with what somebody else changed meanwhile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from django.db import transaction
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals import drafts
from placet.approvals.models import DraftRevision, Process, ProcessDraft, Version
from placet.approvals.processes import newest
from placet.designer.edits import EditInvalid
from placet.designer.placing import Problem, placed
from placet.designer.reading import Reading, read
from placet.designer.revisions import DraftGone, Outdated, TextRefused, can_redo, can_undo, revise
from placet.designer.surroundings import Surroundings

MOST_SHOWN = 5  # changes of somebody else that are listed


@dataclass
class Work:
    """`text`: of the revision `base`. `newest_base`: the number of the one that counts now."""

    process: Process
    draft: ProcessDraft | None
    version: Version | None
    text: str
    base: int
    newest_base: int

    @cached_property
    def last(self) -> DraftRevision | None:
        """What was changed last."""
        if self.draft is None:
            return None
        return self.draft.revisions.select_related("by").get(number=self.draft.at)

    @property
    def can_undo(self) -> bool:
        return self.draft is not None and can_undo(self.draft)

    @property
    def can_redo(self) -> bool:
        return self.draft is not None and can_redo(self.draft)

    @cached_property
    def reading(self) -> Reading:
        return read(self.text, self.process.key)

    @cached_property
    def around(self) -> Surroundings:
        return Surroundings(self.reading)

    @cached_property
    def problems(self) -> list[Problem]:
        return placed(self.reading)


def work_on(process: Process, base: int | None = None) -> Work:
    """The draft as it is now, or as it was when a form was made of it (`base`). Where that is not kept any more, as it
    is now: saving says then that somebody changed it."""
    draft, version = drafts.draft_of(process.key), newest(process)
    published = published_text(process, version)
    if draft is None:
        return Work(process, None, version, published, 0, 0)
    now = Work(process, draft, version, draft.text, draft.at, draft.at)
    if base is None or base == draft.at:
        return now
    older = draft.revisions.filter(number=base).first()
    if older is None and base == 0:  # somebody else began the draft
        older = draft.revisions.filter(number=1, text=published).first()
    return now if older is None else replace(now, text=older.text, base=older.number)


def published_text(process: Process, version: Version | None) -> str:
    """What a draft that begins now says first. `version`: the newest."""
    return f"key: {process.key}\n" if version is None else drafts.text_of(version)


class Meanwhile(Exception):
    """Somebody else changed the same thing since the form was made. `changes`: what they did, the newest first."""

    def __init__(self, changes: Sequence[DraftRevision]) -> None:
        super().__init__()
        self.changes = list(changes)


@transaction.atomic
def save(work: Work, edit: Callable[[str], str], change: str, by: Person, base: int) -> None:
    """Makes a revision of what `edit` makes of the text, if that is anything new. `change`: as a sentence; `base`: as
    the form was sent. Raises Meanwhile, and EditInvalid where it cannot be written."""
    if base != work.base and not (base == 0 and work.base == 1):
        raise Meanwhile(changes_since(work, base))
    text = edit(work.text)
    if text == work.text:
        return
    draft = work.draft or drafts.begin(work.process, by)
    try:
        revise(draft, text, by, change, work.base or first_of(draft, work.text))
    except (TextRefused, DraftGone) as error:
        raise EditInvalid(str(error)) from error
    except Outdated:
        raise Meanwhile(changes_since(work, work.base)) from None


def first_of(draft: ProcessDraft, text: str) -> int:
    """The number of its first revision, where that says what a process without a draft was shown as; -1, which none
    has, where somebody else began it meanwhile with something else: a file, say."""
    return 1 if draft.revisions.filter(number=1, text=text).exists() else -1


def changes_since(work: Work, base: int) -> list[DraftRevision]:
    """By whom and what, the newest first."""
    if work.draft is None:
        return []
    later = work.draft.revisions.filter(number__gt=base).select_related("by").order_by("-number")
    return list(later[:MOST_SHOWN])


def gone_words(changes: Sequence[DraftRevision]) -> str:
    names = ", ".join(dict.fromkeys(one.by.name for one in changes if one.by is not None)) or _("Somebody")
    return _("Nothing was changed: {names} changed the draft meanwhile. Please look at it again.").format(
        names=names
    )
