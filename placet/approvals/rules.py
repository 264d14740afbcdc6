"""When a step is decided, and how: an ordered list of outcomes, each with what it needs.

    rule:
      - {approve: all}
      - {reject: any}
    otherwise: reject

A line decides when it holds and no line above it can still come true. What a line needs only grows with answers, so
the result does not hang on the order in which people answer, and comes as early as it can. `early`: whichever line
holds first decides; that does hang on the order, so it is said.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator

from placet.approvals.outcomes import APPROVE


class Percent(BaseModel):
    """So many in a hundred of those who are asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    percent: Annotated[int, Field(strict=True, ge=1, le=100)]


Needs = Literal["any", "all"] | Annotated[int, Field(strict=True, ge=1)] | Percent


class Line(BaseModel):
    """One outcome, and how many have to answer it. Written as `{approve: all}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outcome: str
    needs: Needs

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and not {"outcome", "needs"} <= value.keys():
            if len(value) != 1:
                raise ValueError("say one outcome, and how many must answer it: {approve: all}")
            ((outcome, needs),) = value.items()
            return {"outcome": outcome, "needs": needs}
        return value

    @model_serializer
    def _to_write(self) -> dict[str, Any]:
        return self._written()

    def _written(self) -> dict[str, Any]:
        needs = self.needs
        return {self.outcome: needs.model_dump() if isinstance(needs, Percent) else needs}

    def most_needed(self) -> int:
        """People without whom it can never hold, however they answer."""
        return self.needs if isinstance(self.needs, int) else 1


class BranchLine(Line):
    """One result of a block, and how many of its branches have to come to it. `cancel: others` beside it: then branches
    that still run are not waited for."""

    cancel: Literal["others"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or {"outcome", "needs"} <= value.keys():
            return value
        line = {name: needs for name, needs in value.items() if name != "cancel"}
        if len(line) != 1:
            raise ValueError("say one result, and how many branches must come to it: {approved: all}")
        ((outcome, needs),) = line.items()
        return {"outcome": outcome, "needs": needs, "cancel": value.get("cancel")}

    def _written(self) -> dict[str, Any]:
        return super()._written() | ({"cancel": self.cancel} if self.cancel else {})


@dataclass(frozen=True)
class Seats:
    """Those who count in a step, or the branches of a block: how often each outcome was answered, and how many have not
    answered."""

    answers: Mapping[str, int]
    waiting: float  # infinite where it is not known who is to be asked

    @classmethod
    def of(cls, answers: Iterable[str], waiting: float) -> "Seats":
        return cls(Counter(answers), waiting)

    @property
    def answered(self) -> int:
        return sum(self.answers.values())

    @property
    def all(self) -> float:
        return self.answered + self.waiting


@dataclass(frozen=True)
class Rule:
    """The rule of a step."""

    lines: Sequence[Line]
    otherwise: str = ""  # the result where nobody is left to answer and no line holds; "": the step is stuck
    early: bool = False

    def result(self, seats: Seats) -> str:
        """The outcome so far, or "" while it waits for more answers, or for ever."""
        line = self.deciding_line(seats)
        if line is not None:
            return line.outcome
        still_open = any(
            _possible(line.needs, seats.answers.get(line.outcome, 0), seats) for line in self.lines
        )
        return "" if still_open or not seats.answered or not self.enough(seats) else self.otherwise

    def deciding_line(self, seats: Seats) -> Line | None:
        """The line that holds, unless it has to wait for one above it that may still come true."""
        for line in self.lines:
            count = seats.answers.get(line.outcome, 0)
            if _holds(line.needs, count, seats):
                return line
            if not self.early and _possible(line.needs, count, seats):
                return None
        return None

    def enough(self, seats: Seats) -> bool:
        """Whether as many are asked as the rule can need: nobody is asked in vain."""
        return seats.all >= self.most_needed

    @property
    def most_needed(self) -> int:
        return max(line.most_needed() for line in self.lines)


def _holds(needs: Needs, count: int, seats: Seats) -> bool:
    return count > 0 and count >= _number(needs, seats)


def _possible(needs: Needs, count: int, seats: Seats) -> bool:
    """Whether it holds if everybody who is still waited for answers so."""
    if count + seats.waiting <= 0:
        return False
    if needs == "all":
        return count == seats.answered
    return math.isinf(seats.waiting) or count + seats.waiting >= _number(needs, seats)


def _number(needs: Needs, seats: Seats) -> float:
    match needs:
        case "any":
            return 1
        case "all":
            return seats.all
        case Percent():
            # In whole numbers: 0.07 * 100 is a little more than 7.
            return math.inf if math.isinf(seats.all) else -(-int(seats.all) * needs.percent // 100)
    return needs


def as_rule(
    written: Literal["first", "all"] | int | Sequence[Line],
    outcomes: Sequence[str],
    otherwise: str,
    *,
    early: bool,
) -> Rule:
    """What a step says, as a rule. The short forms say how many must approve; any other answer stands against it."""
    if written == "first":
        return Rule([Line(outcome=outcome, needs="any") for outcome in outcomes], early=True)
    if isinstance(written, str | int):
        others = [Line(outcome=one, needs="any") for one in outcomes if one != APPROVE]
        return Rule([Line(outcome=APPROVE, needs=written), *others])
    return Rule(written, otherwise, early)
