"""What a text was read as, and the answer that a reply gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from placet.lib.sentences import Sentence
from placet.replies.read_clauses import Clause
from placet.replies.read_comment import Place
from placet.replies.read_likely import Likely
from placet.replies.read_questions import Given

MORE_THAN_ONE = Sentence("It says more than one answer.")


@dataclass(frozen=True)
class Reading:
    """What a text was read as."""

    outcome: str | None  # None: unclear
    comment: str
    why: Sentence  # what makes it unclear, or what it rests on
    rests_on: tuple[str, ...] = ()  # the words that decide, as the sender wrote them
    language: str = ""  # of the words; "" where they belong to none, or none is known
    clauses: tuple[Clause, ...] = ()
    text: str = ""  # of a decision: as it was read
    parts: tuple[Place, ...] = ()  # of a decision: what each word of the text is
    given: tuple[Given, ...] = ()  # answers to the questions of the step, as they were written
    likely: Likely | None = None  # of what is unclear: never an answer, but what may be confirmed

    @property
    def labelled_clauses(self) -> list[tuple[Clause, str]]:
        """Each clause with what it was taken for, in the reader's language."""
        return [(clause, clause.label(beside_an_answer=self.outcome is not None)) for clause in self.clauses]


@dataclass(frozen=True)
class Answer:
    """What a reply decides, and the words that this rests on."""

    outcome: str
    comment: str
    rests_on: tuple[str, ...]  # as the sender wrote them
    language: str
    answers: Mapping[str, str] = field(default_factory=dict)  # to questions, by their names, as written
    #: It is what an earlier answer lacked, whose outcome it has (`read_completion`, `read_confirmation`).
    completes: bool = False
