"""Why something cannot be done to a request, raised by `placet.approvals.engine` and those who call it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from placet.approvals.answers import AnswersRead
from placet.approvals.definitions import Definition
from placet.approvals.models import Clarification, Decision
from placet.approvals.outcomes import Outcome
from placet.lib.sentences import Sentence


class EngineError(Exception):
    """What was asked for cannot be done; the message says why, to whoever reads it."""

    def __init__(self, message: Sentence) -> None:
        super().__init__(message)
        self.message = message


class AlreadyDecided(EngineError):
    """Somebody's answer came first. `decisions` are those that counted, in order. `until`: when they take effect, if
    whoever gave one does not undo it before."""

    def __init__(self, decisions: Sequence[Decision], until: datetime | None = None) -> None:
        super().__init__(Sentence("This was already decided."))
        self.decisions = list(decisions)
        self.until = until


class NoLongerOpen(EngineError):
    """The request was withdrawn, or this person is no longer asked here."""


class TooLate(NoLongerOpen):
    """The time for an answer was over when this one came."""

    def __init__(self) -> None:
        super().__init__(Sentence("The time for an answer is over."))


class NotAllowed(EngineError):
    """This person may not do this."""


class Barred(NotAllowed):
    """This person may decide nothing here: the request is their own, or somebody else has to be the second one."""


class NotOffered(NotAllowed):
    """This step has no such outcome."""


class NotByApi(NotAllowed):
    """The process, or this step of it, takes no decisions by API."""


class ProcessRetired(EngineError):
    """Nobody starts this process any more."""

    def __init__(self) -> None:
        super().__init__(Sentence("This process is retired: nobody starts it any more."))


class CommentNeeded(EngineError):
    """This answer needs a comment, and has none."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(Sentence("“{answer}” needs a comment that says why.", answer=outcome.shown))
        self.outcome = outcome


class FieldsInvalid(EngineError):
    """What was filled in does not fit the form: a sentence by field."""

    def __init__(self, definition: Definition, errors: Mapping[str, str]) -> None:
        self._labels = {field.name: field.label for field in definition.fields}
        self.errors = dict(errors)
        first = next(iter(errors))
        super().__init__(Sentence("{field}: {problem}", field=self.label_of(first), problem=errors[first]))

    def label_of(self, name: str) -> str:
        """Of a field, or of the table that a cell stands in."""
        return self._labels.get(name.partition(".")[0], name)


class AnswersInvalid(EngineError):
    """Questions of the step are not answered, or in a way that cannot be read."""

    def __init__(self, outcome: Outcome, read: AnswersRead) -> None:
        super().__init__(Sentence("Some questions are not answered as they have to be."))
        self.outcome = outcome
        self.errors = read.errors  # by name of the question, in the language that was active
        self.kept = read.kept  # what was understood of the others


class Lapsed(EngineError):
    """The earlier answer, of which this is the rest, was answered otherwise or left in doubt since."""


class Changed(EngineError):
    """The request is not what was shown any more."""

    def __init__(self) -> None:
        super().__init__(
            Sentence(
                "The request changed after it was shown to you, so nothing was decided. Please look again."
            )
        )


class OtherFiles(EngineError):
    """What is kept for the answer is not what was shown with it."""

    def __init__(self) -> None:
        super().__init__(
            Sentence(
                "The files were changed in another window, so nothing was decided. Please look at them again."
            )
        )


class NotUndone(EngineError):
    """An answer that its giver wants to undo stands. `until`: the last moment at which it could be; `since`: when its
    step was over, with an effect of answers where it `had_effect`; `undone_at`: when they undid it before."""

    def __init__(
        self,
        message: Sentence,
        *,
        until: datetime | None = None,
        since: datetime | None = None,
        had_effect: bool = False,
        undone_at: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.until, self.since, self.undone_at = until, since, undone_at
        self.had_effect = had_effect


class AlreadyAnswered(EngineError):
    """The question was answered before. `clarification` has the answer that counts."""

    def __init__(self, clarification: Clarification) -> None:
        super().__init__(Sentence("This question was answered already."))
        self.clarification = clarification


class TooSoon(EngineError):
    """The person was written to just now."""
