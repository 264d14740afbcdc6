"""What the engine refuses, as problems: the same sentences that people read on the pages."""

from collections.abc import Mapping

from placet.api.problems import Error, Problem, pointer_of
from placet.approvals.attachments import FileRefused, FilesChanged
from placet.approvals.engine_errors import (
    AlreadyAnswered,
    AlreadyDecided,
    AnswersInvalid,
    Changed,
    CommentNeeded,
    EngineError,
    FieldsInvalid,
    NoLongerOpen,
    NotAllowed,
    NotOffered,
    OtherFiles,
    ProcessRetired,
    TooSoon,
)
from placet.approvals.form import FormInvalid

REFUSALS = (EngineError, FormInvalid, FileRefused, FilesChanged)
_KINDS: Mapping[type[EngineError], str] = {
    AlreadyDecided: "already-decided",
    AlreadyAnswered: "already-decided",
    NotAllowed: "not-allowed",
    ProcessRetired: "retired",
    CommentNeeded: "comment-needed",
    Changed: "stale",
    OtherFiles: "stale",
    TooSoon: "too-many",
    NoLongerOpen: "not-open",
    EngineError: "not-open",
}
_SOON = {"Retry-After": "3600"}


def problem_of(error: Exception) -> Problem:
    """Of one of `REFUSALS`. What does not fit points into the body."""
    if isinstance(error, FormInvalid):
        return Problem("invalid", errors=errors_in("data", error.errors))
    if isinstance(error, FieldsInvalid):
        return Problem("invalid", errors=errors_in("data", error.errors))
    if isinstance(error, AnswersInvalid):
        return Problem("invalid", errors=errors_in("answers", error.errors))
    if isinstance(error, NotOffered):
        return Problem.invalid("/outcome", str(error))
    if isinstance(error, FileRefused):
        return Problem.invalid("/files", str(error))
    if isinstance(error, FilesChanged):
        return Problem("stale")
    kind = next(_KINDS[one] for one in type(error).__mro__ if one in _KINDS)
    return Problem(kind, str(error), headers=_SOON if kind == "too-many" else None)


def errors_in(part: str, errors: Mapping[str, str]) -> list[Error]:
    """Of a form: `name` of a field, or `table.row.column` of a cell."""
    return [Error(pointer_of(part, *name.split(".")), detail) for name, detail in errors.items()]
