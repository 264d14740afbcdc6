"""Definitions of processes: what a version says.

A definition is data (JSON; YAML is how it travels):

    key, name, title            title: "{item}" - filled from the form
    description                 what it is for, shown where a request is started (may be left out)
    form                        list of {name, label, type, required?, currency?}
    start                       key of the first step
    proof                       colleague | outside | page: how sure a reply's sender must be
    requester_may_decide        false unless said
    steps                       {key: {kind: approval, name, ask, nobody?, not_same_as?, rule, otherwise?, early?,
                                 outcomes, proof?, requester_may_decide?}}; outcomes and rules in modules of their own
                                {key: {kind: end, name, result}}
    transitions                 list of {from, outcome, when?, to}; of those that fit, the first one is taken

A step's kind and a transition's `from` and `to` leave room for other kinds and for several steps at once.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from placet.approvals.models import Version
from placet.approvals.outcomes import APPROVE, REJECT, Outcome
from placet.approvals.rules import Line, Rule, as_rule

KEY = re.compile(r"[a-z][a-z0-9_-]{0,59}")


Proof = Literal["colleague", "outside", "page"]


NAMES_PEOPLE = ("text",)  # types of fields that can say who is asked
HIGHEST_LEVEL = 10  # of managers above somebody


OUTCOMES = (Outcome(key=APPROVE), Outcome(key=REJECT))  # where a step says none


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class FormField(_Part):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")
    label: str = Field(min_length=1, max_length=200)
    type: Literal["text", "long_text", "money", "number", "date", "yes_no", "files"]
    required: bool = False
    currency: str = Field("", pattern=r"^([A-Z]{3})?$")


class Chain(_Part):
    """The line of managers, up to the first whose approval limit is enough."""

    until: str = Field(min_length=1)  # a condition on the form, and on `limit`
    all: bool | None = None  # everybody on the way too


def _level(value: Any) -> Any:
    if value is None or value is True or (type(value) is int and 1 <= value <= HIGHEST_LEVEL):
        return value
    raise ValueError(f"say true, or how many levels up: 1 to {HIGHEST_LEVEL}")


class Who(_Part):
    """One line of `ask`: a source of people, and when it counts. Exactly one of `SOURCES` is given."""

    # The requester's; a number: so many levels up.
    manager: Annotated[Literal[True] | int | None, BeforeValidator(_level)] = None
    manager_of: str | None = None  # field of the form that names somebody
    managers: Chain | None = None
    group: str | None = None  # key of a group
    person: str | None = None  # an address
    field: str | None = None  # of the form, that names somebody
    decided: str | None = None  # key of a step: whoever decided it in this request
    expression: str | None = None  # in CEL: an address, or a list of addresses and of `group:KEY`
    pick: Literal["next", "least_busy"] | None = None  # one of the group
    among: str | None = None  # key of a group that whoever the field names must be in
    if_: str | None = Field(None, alias="if")  # a condition on the form

    @model_validator(mode="after")
    def _one(self) -> "Who":
        if sum(getattr(self, source) is not None for source in SOURCES) != 1:
            raise ValueError(f"say exactly one of {', '.join(SOURCES[:-1])} and {SOURCES[-1]}")
        if self.pick is not None and self.group is None:
            raise ValueError("pick belongs to a group")
        if self.among is not None and self.field is None:
            raise ValueError("among belongs to a field")
        return self


SOURCES = ("manager", "manager_of", "managers", "group", "person", "field", "decided", "expression")


class Nobody(_Part):
    """What becomes of a step that nobody can be asked in; exactly one of these is given."""

    skip: str | None = None  # the step's outcome, without anybody's answer
    ask: tuple[Who, ...] | None = Field(None, min_length=1)  # others

    @model_validator(mode="after")
    def _one(self) -> "Nobody":
        if (self.skip is None) == (self.ask is None):
            raise ValueError("say exactly one of skip and ask, or stuck")
        return self


def _nobody(value: Any) -> Any:
    if value == "stuck":
        return None
    if value is None or isinstance(value, Nobody | Mapping):
        return value
    raise ValueError("say stuck, {skip: OUTCOME} or {ask: [...]}")


def _rule(value: Any) -> Any:
    # true is no number here: YAML reads “yes” as true
    if isinstance(value, list | tuple) or value in ("first", "all") or type(value) is int:
        return value
    raise ValueError("say first, all, or how many people must approve; or a list such as [{approve: all}]")


class ApprovalStep(_Part):
    kind: Literal["approval"]
    name: str = Field(min_length=1, max_length=100)
    ask: tuple[Who, ...] = Field(min_length=1)
    nobody: Annotated[Nobody | None, BeforeValidator(_nobody)] = None  # None: the step is stuck
    not_same_as: tuple[str, ...] | None = Field(None, min_length=1)  # steps: who decided them does not here
    # A number: so many must approve. A list: `placet.approvals.rules`.
    rule: Annotated[Literal["first", "all"] | int | tuple[Line, ...], BeforeValidator(_rule)] = "first"
    otherwise: str | None = None
    early: bool | None = None
    outcomes: tuple[Outcome, ...] = Field(OUTCOMES, min_length=1)
    proof: Proof | None = None
    requester_may_decide: bool | None = None

    @property
    def outcome_keys(self) -> tuple[str, ...]:
        return tuple(outcome.key for outcome in self.outcomes)

    def outcome(self, key: str) -> Outcome:
        """KeyError if it is none of this step."""
        for outcome in self.outcomes:
            if outcome.key == key:
                return outcome
        raise KeyError(key)

    @property
    def others(self) -> tuple[Who, ...]:
        """Whom it asks where nobody of `ask` can be asked."""
        return (self.nobody.ask or ()) if self.nobody else ()

    @property
    def skips_to(self) -> str:
        """The outcome that it has where nobody is there; "" where it waits for help then."""
        return (self.nobody.skip or "") if self.nobody else ""

    @property
    def decided_by(self) -> Rule:
        return as_rule(self.rule, self.outcome_keys, self.otherwise or "", early=bool(self.early))


class EndStep(_Part):
    kind: Literal["end"]
    name: str = Field(min_length=1, max_length=100)
    result: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")


class Transition(_Part):
    from_: str = Field(alias="from")
    outcome: str
    when: str | None = None
    to: str


class Definition(_Part):
    key: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,49}$")
    name: str = Field(min_length=1, max_length=200)
    title: str = "{key}"
    description: str = Field("", max_length=2000)
    form: tuple[FormField, ...] = ()
    start: str
    proof: Proof = "colleague"
    requester_may_decide: bool = False
    steps: dict[str, Annotated[ApprovalStep | EndStep, Field(discriminator="kind")]]
    transitions: tuple[Transition, ...] = ()

    def approval(self, step_key: str) -> ApprovalStep:
        step = self.steps[step_key]
        if not isinstance(step, ApprovalStep):
            raise TypeError(f"{step_key} is not an approval step")
        return step

    def proof_for(self, step_key: str) -> Proof:
        return self.approval(step_key).proof or self.proof

    def requester_may_decide_in(self, step_key: str) -> bool:
        own = self.approval(step_key).requester_may_decide
        return self.requester_may_decide if own is None else own


def definition_of(version: Version) -> Definition:
    return Definition.model_validate(version.definition)
