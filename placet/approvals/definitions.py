"""Definitions of processes: what a version says.

A definition is data (JSON; YAML is how it travels):

    key, name, title            title: "{item}" - filled from the form
    description                 what it is for, shown where a request is started (may be left out)
    form                        list of fields; `placet.approvals.form_parts`
    start                       key of the first step
    proof                       colleague | outside | page: how sure a reply's sender must be
    requester_may_decide        false unless said
    steps                       {key: {kind: approval, name, ask, rule, otherwise?, early?, outcomes, proof?,
                                 requester_may_decide?, form?}}; outcomes and rules in modules of their own
                                {key: {kind: end, name, result}}
    transitions                 list of {from, outcome, when?, to}; of those that fit, the first one is taken

A step's kind and a transition's `from` and `to` leave room for other kinds and for several steps at once.
"""

import re
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from placet.approvals.form_parts import FormField, FormPart
from placet.approvals.models import Version
from placet.approvals.outcomes import APPROVE, REJECT, Outcome
from placet.approvals.rules import Line, Rule, as_rule

KEY = re.compile(r"[a-z][a-z0-9_-]{0,59}")


Proof = Literal["colleague", "outside", "page"]


OUTCOMES = (Outcome(key=APPROVE), Outcome(key=REJECT))  # where a step says none


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Who(_Part):
    """One source of people; exactly one of these is given."""

    manager: Literal[True] | None = None  # the requester's
    group: str | None = None  # key of a group
    person: str | None = None  # an address

    @model_validator(mode="after")
    def _one(self) -> "Who":
        if sum(value is not None for value in (self.manager, self.group, self.person)) != 1:
            raise ValueError("say exactly one of manager, group and person")
        return self


def _rule(value: Any) -> Any:
    # true is no number here: YAML reads “yes” as true
    if isinstance(value, list | tuple) or value in ("first", "all") or type(value) is int:
        return value
    raise ValueError("say first, all, or how many people must approve; or a list such as [{approve: all}]")


class StepForm(_Part):
    """What of the form a step's approvers are shown."""

    #: Names of fields; `*` stands for any letters of one.
    hide: tuple[Annotated[str, Field(pattern=r"^[a-z0-9_*]{1,60}$")], ...] = Field(min_length=1)

    def hides(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.hide)


class ApprovalStep(_Part):
    kind: Literal["approval"]
    name: str = Field(min_length=1, max_length=100)
    ask: tuple[Who, ...] = Field(min_length=1)
    # A number: so many must approve. A list: `placet.approvals.rules`.
    rule: Annotated[Literal["first", "all"] | int | tuple[Line, ...], BeforeValidator(_rule)] = "first"
    otherwise: str | None = None
    early: bool | None = None
    outcomes: tuple[Outcome, ...] = Field(OUTCOMES, min_length=1)
    proof: Proof | None = None
    requester_may_decide: bool | None = None
    form: StepForm | None = None

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
    form: tuple[FormPart, ...] = ()
    start: str
    proof: Proof = "colleague"
    requester_may_decide: bool = False
    steps: dict[str, Annotated[ApprovalStep | EndStep, Field(discriminator="kind")]]
    transitions: tuple[Transition, ...] = ()

    @property
    def fields(self) -> tuple[FormField, ...]:
        """What of the form holds something."""
        return tuple(part for part in self.form if isinstance(part, FormField))

    def hidden_in(self, step_key: str) -> frozenset[str]:
        """The fields that a step's approvers are not shown."""
        shown = self.approval(step_key).form
        return (
            frozenset()
            if shown is None
            else frozenset(one.name for one in self.fields if shown.hides(one.name))
        )

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
