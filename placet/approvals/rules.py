"""When a step is decided, and how: an ordered list of outcomes, each with what it needs.

    rule:
      - {reject: {veto: [legal]}}
      - {approve: {n: 2, groups: {legal: 1}}}
    otherwise: reject

A line decides when it holds and no line above it can still come true. What a line needs only grows with answers, so
the result does not hang on the order in which people answer, and comes as early as it can. `early`: whichever line
holds first decides; that does hang on the order, so it is said. `wait_for_all`: nothing decides before everybody has
answered.

Whoever answers with an outcome that does not count (`counts: false`) abstains: `all` and percentages are of the others.
They are still among those who are asked, so a step is not short of people because somebody abstained.

Names in a rule are those of lines of `ask`: their key, the group that they name, or their number. Somebody whom two
lines name counts for one of them (`Rule.standing`).
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_serializer,
    model_validator,
)

from placet.approvals.outcomes import APPROVE

GROUP = "group:"  # before the key of a group, in `Rule.named`

_Number = Annotated[int, Field(strict=True, ge=1)]
Much = Literal["any", "all"] | _Number


def _name(value: Any) -> Any:
    """A number of a line is one name more."""
    return str(value) if type(value) is int else value


Name = Annotated[str, BeforeValidator(_name), Field(min_length=1)]


class Together(BaseModel):
    """What must all hold beside each other. But for `veto`: that is enough by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n: _Number | None = None  # so many people
    weight: _Number | None = None  # of those who answered so, together
    percent: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None  # of those who are asked
    of: Literal["answers"] | None = None  # percent of those who answered, once everybody has
    groups: dict[Name, Much] | None = Field(None, min_length=1)  # so many of those whom each group names
    lines: dict[Name, Much] | None = Field(None, min_length=1)  # so many of those whom each line names
    required: tuple[Name, ...] | None = Field(None, min_length=1)  # everybody whom these lines name
    veto: tuple[Name, ...] | None = Field(None, min_length=1)  # anybody whom these lines name

    @model_validator(mode="after")
    def _something(self) -> "Together":
        if self.of is not None and self.percent is None:
            raise ValueError("of: answers belongs to percent")
        if not self.model_dump(exclude_none=True):
            raise ValueError("say what is needed: n, weight, percent, groups, lines, required or veto")
        return self

    @property
    def only_vetoes(self) -> bool:
        return self.veto is not None and len(self.model_dump(exclude_none=True)) == 1

    @property
    def shares(self) -> Iterator[tuple[str, Much]]:
        """So many of those whom these names stand for, as `Rule.named` has them."""
        yield from ((GROUP + name, much) for name, much in (self.groups or {}).items())
        yield from (self.lines or {}).items()
        yield from ((name, "all") for name in self.required or ())


Needs = Literal["any", "all"] | _Number | Together


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
        return {
            self.outcome: needs.model_dump(exclude_none=True, mode="json")
            if isinstance(needs, Together)
            else needs
        }

    def most_needed(self) -> int:
        """People without whom it can never hold, however they answer."""
        needs = self.needs.n if isinstance(self.needs, Together) else self.needs
        return needs if isinstance(needs, int) else 1


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

    @field_validator("needs")
    @classmethod
    def _of_branches(cls, needs: Needs) -> Needs:
        if isinstance(needs, Together) and needs != Together(percent=needs.percent or 1):
            raise ValueError("of branches, say any, all, a number or {percent: 60}")
        return needs

    def _written(self) -> dict[str, Any]:
        return super()._written() | ({"cancel": self.cancel} if self.cancel else {})


WAITING = ""  # in place of an answer
_Lines = frozenset[int | None] | None  # None: all


@dataclass(frozen=True)
class Seats:
    """Those who count in a step, or the branches of a block: how many there are, by what they answered and by the line
    of `ask` that named them."""

    numbers: Mapping[tuple[str, int | None], int]
    unknown: bool = False  # it is not known who else is to be asked

    @classmethod
    def of(cls, answers: Iterable[str], waiting: float = 0) -> "Seats":
        """Where lines do not matter. `waiting`: infinite where it is not known who is to be asked."""
        known = 0 if math.isinf(waiting) else int(waiting)
        seats = [*((answer, None) for answer in answers), *[(WAITING, None)] * known]
        return cls(Counter(seats), math.isinf(waiting))

    def count(self, answer: str, lines: _Lines = None) -> int:
        return sum(
            number
            for (one, line), number in self.numbers.items()
            if one == answer and (lines is None or line in lines)
        )

    def total(self, lines: _Lines = None) -> int:
        """Of those who are known."""
        return sum(n for (_answer, line), n in self.numbers.items() if lines is None or line in lines)

    @property
    def waiting(self) -> bool:
        return self.unknown or self.count(WAITING) > 0

    @property
    def answered(self) -> int:
        return self.total() - self.count(WAITING)

    def at_best(self, answer: str, *, even_who_answered: bool = False) -> "Seats":
        """If everybody who is waited for answers so."""
        numbers: Counter[tuple[str, int | None]] = Counter()
        for (one, line), number in self.numbers.items():
            numbers[answer if even_who_answered or one == WAITING else one, line] += number
        return Seats(numbers, self.unknown)


@dataclass(frozen=True)
class Shortage:
    """More than can be asked are needed. `name`: of those whom this stands for; "" of all."""

    needed: int
    there: int
    name: str = ""
    weight: bool = False


@dataclass(frozen=True)
class Rule:
    """The rule of a step."""

    lines: Sequence[Line]
    otherwise: str = ""  # the result where nobody is left to answer and no line holds; "": the step is stuck
    early: bool = False
    wait_for_all: bool = False
    #: By what a rule calls them: the numbers of lines of `ask`, from 0.
    named: Mapping[str, frozenset[int | None]] = field(default_factory=dict)
    weights: Mapping[int | None, int] = field(default_factory=dict)  # by line of `ask`, where it is not 1
    abstentions: frozenset[str] = frozenset()  # outcomes that do not count

    def result(self, seats: Seats) -> str:
        """The outcome so far, or "" while it waits for more answers, or for ever."""
        if self.wait_for_all and seats.waiting:
            return ""
        line = self.deciding_line(seats)
        if line is not None:
            return line.outcome
        still_open = any(self._possible(line, seats) for line in self.lines)
        return "" if still_open or not seats.answered or not self.enough(seats) else self.otherwise

    def deciding_line(self, seats: Seats) -> Line | None:
        """The line that holds, unless it has to wait for one above it that may still come true."""
        for line in self.lines:
            if self._holds(line, seats):
                return line
            if not self.early and self._possible(line, seats):
                return None
        return None

    def enough(self, seats: Seats) -> bool:
        """Whether as many are asked as the rule can need: nobody is asked in vain."""
        return self.shortage(seats) is None

    def shortage(self, seats: Seats) -> Shortage | None:
        """What could not hold even if everybody answered so."""
        for line in self.lines:
            for short in self._short_of(line, seats):
                return short
        return None

    @property
    def most_needed(self) -> int:
        return max(line.most_needed() for line in self.lines)

    def lines_of(self, name: str) -> frozenset[int | None]:
        """The lines of `ask` that a name stands for."""
        return self.named.get(name) or self.named.get(GROUP + name) or frozenset()

    def standing(self, line: int) -> int:
        """Which of two lines of `ask` somebody counts for whom both name: the one that stands lower here. Else somebody
        who is required could stand for a line of which nobody is."""
        needs = [one.needs for one in self.lines if isinstance(one.needs, Together)]
        shares = [share for one in needs for share in one.shares]
        if any(much == "all" and line in self.lines_of(name) for name, much in shares):
            return 0
        if any(line in self.lines_of(name) for name, _much in shares):
            return 1
        return 2 if any(line in self.lines_of(name) for one in needs for name in one.veto or ()) else 3

    # -- one line of it ------------------------------------------------------------------------------------

    def _possible(self, line: Line, seats: Seats) -> bool:
        """Whether it holds if everybody who is still waited for answers so. Each need only grows with such answers, so
        nothing else could make it hold."""
        return self._holds(line, seats.at_best(line.outcome), at_best=True)

    def _holds(self, line: Line, seats: Seats, *, at_best: bool = False) -> bool:
        """`at_best`: also those of whom it is not known who they are would answer so."""
        look = _Look(self, seats, line.outcome, at_best)
        if not look.is_answered:
            return False
        match line.needs:
            case "any":
                return True
            case "all":
                return look.has("all")
            case Together() as needs:
                vetoed = any(look.has("any", self.lines_of(name)) for name in needs.veto or ())
                return vetoed or (not needs.only_vetoes and look.has_together(needs))
            case number:
                return look.has(number)

    def _short_of(self, line: Line, seats: Seats) -> Iterator[Shortage]:
        if seats.unknown:
            return
        there, needed = seats.total(), line.most_needed()
        if there < needed:
            yield Shortage(needed, there)
        if not isinstance(line.needs, Together):
            return
        for name, much in line.needs.shares:
            there = seats.total(self.lines_of(name))
            needed = 1 if isinstance(much, str) else much
            if there < needed:
                yield Shortage(needed, there, name.removeprefix(GROUP))
        weight = self._weight(seats.at_best(line.outcome, even_who_answered=True), line.outcome)
        if weight < (line.needs.weight or 0):
            yield Shortage(line.needs.weight or 0, weight, weight=True)

    def _weight(self, seats: Seats, outcome: str) -> int:
        return sum(
            number * self.weights.get(line, 1)
            for (answer, line), number in seats.numbers.items()
            if answer == outcome
        )


@dataclass(frozen=True)
class _Look:
    """At how often one outcome was answered."""

    rule: Rule
    seats: Seats
    outcome: str
    at_best: bool

    @property
    def _more(self) -> bool:
        """Whether others may come who answer so."""
        return self.at_best and self.seats.unknown

    @property
    def is_answered(self) -> bool:
        return self._more or self.seats.count(self.outcome) > 0

    def has(self, much: Much, lines: _Lines = None) -> bool:
        count = self.seats.count(self.outcome, lines)
        if much == "all":
            everybody = count == self._counting(lines) and (self.at_best or not self.seats.unknown)
            return everybody and (count > 0 or self._more)  # not: nobody is there, so nobody is missing
        return self._more or count >= (1 if much == "any" else much)

    def _counting(self, lines: _Lines = None) -> int:
        """Without those who abstained. Who is waited for counts: if they abstain, less is needed of the others, so what
        holds now still does."""
        abstained = sum(self.seats.count(one, lines) for one in self.rule.abstentions)
        return self.seats.total(lines) - abstained

    def has_together(self, needs: Together) -> bool:
        return (
            (needs.n is None or self.has(needs.n))
            and (needs.weight is None or self._more or self._has_weight(needs.weight))
            and (needs.percent is None or self._has_percent(needs.percent, of=needs.of))
            and all(self.has(much, self.rule.lines_of(name)) for name, much in needs.shares)
        )

    def _has_weight(self, needed: int) -> bool:
        return self.rule._weight(self.seats, self.outcome) >= needed

    def _has_percent(self, percent: int, of: str | None) -> bool:
        if self.seats.unknown:
            return self.at_best
        if of == "answers" and self.seats.waiting:
            return False  # of how many is known once everybody has answered
        # In whole numbers: 0.07 * 100 is a little more than 7.
        return self.has(-(-self._counting() * percent // 100))


def as_rule(
    written: Literal["first", "all"] | int | Sequence[Line],
    outcomes: Sequence[str],
    otherwise: str,
    *,
    early: bool,
    wait_for_all: bool = False,
    named: Mapping[str, frozenset[int | None]] | None = None,
    weights: Mapping[int | None, int] | None = None,
    abstentions: frozenset[str] = frozenset(),
) -> Rule:
    """What a step says, as a rule. The short forms say how many must approve; any other answer stands against it."""
    if written == "first":
        return Rule([Line(outcome=outcome, needs="any") for outcome in outcomes], early=True)
    if isinstance(written, str | int):
        others = [Line(outcome=one, needs="any") for one in outcomes if one != APPROVE]
        return Rule([Line(outcome=APPROVE, needs=written), *others])
    return Rule(written, otherwise, early, wait_for_all, named or {}, weights or {}, abstentions)
