"""Handled mails, marked at Exchange by either protocol: many in one request, which one may spoil for the others.

See `base.Connection.mark` for what is promised.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from placet.mailboxes.base import MOST_MARKED, Action, Gone, MailboxError, MailError, Wait

Target = TypeVar("Target")  # where the mails go, as the protocol names it


class Marks(Protocol[Target]):
    """What the two protocols do otherwise."""

    def target(self, action: Action, folder: str) -> Target:
        """`folder` is a path, and made where it is missing."""

    def forget_folders(self) -> None:
        """Look them up anew the next time: somebody may have deleted one."""

    def mark_together(
        self, ids: Sequence[str], action: Action, target: Target
    ) -> Sequence[str | MailError | MailboxError | None]:
        """In one request, in the order of `ids`: the id of each from now on, or what is wrong with it or with the
        mailbox. None for what has to be asked for by itself. Raises MailboxError."""

    def mark_alone(self, id_: str, action: Action, target: Target) -> str:
        """The id of a mail from now on. Raises MailError, MailboxError."""

    def is_of_one_mail(self, error: MailboxError) -> bool:
        """Whether one of the mails that a request named may be why all of it failed."""

    def may_be_of_folder(self, error: MailError) -> bool:
        """Whether the folder may be gone, and not the mail."""

    def look(self) -> None:
        """Ask for something else of the mailbox. Raises MailboxError where all of it fails."""


def mark(
    marks: Marks[Target], ids: Sequence[str], action: Action, folder: str
) -> Iterator[tuple[str, str | MailError]]:
    """As `base.Connection.mark`."""
    for start in range(0, len(ids), MOST_MARKED):
        yield from _mark(marks, ids[start : start + MOST_MARKED], action, folder)


def _mark(
    marks: Marks[Target], ids: Sequence[str], action: Action, folder: str
) -> Iterator[tuple[str, str | MailError]]:
    target = marks.target(action, folder)
    without_folder: dict[str, MailError] = {}
    for id_, outcome in _outcomes(marks, ids, action, target):
        if action is Action.MOVE and isinstance(outcome, MailError) and marks.may_be_of_folder(outcome):
            without_folder[id_] = outcome
        else:
            yield id_, _done_if_gone(id_, outcome)
    if not without_folder:
        return
    marks.forget_folders()
    again = marks.target(action, folder)
    outcomes = (
        _outcomes(marks, list(without_folder), action, again) if again != target else without_folder.items()
    )
    for id_, outcome in outcomes:
        yield id_, _done_if_gone(id_, outcome)


def _done_if_gone(id_: str, outcome: str | MailError) -> str | MailError:
    """Done before, or by somebody else."""
    return id_ if isinstance(outcome, Gone) else outcome


def _outcomes(
    marks: Marks[Target], ids: Sequence[str], action: Action, target: Target
) -> Iterator[tuple[str, str | MailError]]:
    alone: list[str] = []
    troubles: list[MailboxError] = []
    for id_, result in zip(ids, _together(marks, ids, action, target), strict=True):
        if result is None:
            alone.append(id_)
        elif isinstance(result, MailboxError):
            troubles.append(result)
        else:
            yield id_, result or id_
    if troubles:  # the others of this answer come first
        raise max(troubles, key=_gravity)
    for id_ in alone:
        yield id_, _alone(marks, id_, action, target)


def _together(
    marks: Marks[Target], ids: Sequence[str], action: Action, target: Target
) -> Sequence[str | MailError | MailboxError | None]:
    if len(ids) > 1:
        try:
            return marks.mark_together(ids, action, target)
        except MailboxError as error:
            if not marks.is_of_one_mail(error):
                raise
    return [None] * len(ids)


def _alone(marks: Marks[Target], id_: str, action: Action, target: Target) -> str | MailError:
    try:
        return marks.mark_alone(id_, action, target) or id_
    except MailError as error:
        return error
    except MailboxError as error:
        if not marks.is_of_one_mail(error):
            raise
        marks.look()
        return MailError(error.cause, error.details.get("code", "Unreadable"))


def _gravity(error: MailboxError) -> float:
    """What somebody must mend, then the longest pause."""
    return (error.seconds or 0.0) if isinstance(error, Wait) else math.inf
