"""The floor of a key: how sure it must be at least who answers what is asked with it, however little a call or a
process asks for."""

from collections.abc import Iterator
from typing import cast

from placet.api.models import Key
from placet.api.problems import Problem
from placet.approvals.ad_hoc import FLOOR
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.includes import newest_published
from placet.approvals.models import Version
from placet.approvals.proofs import is_weaker
from placet.approvals.steps import ApprovalStep, CallStep, Proof


def floor_of(key: Key) -> Proof:
    """Of approvals that have no process."""
    return cast(Proof, key.floor or FLOOR)


def must_be_kept(key: Key, version: Version) -> None:
    """Problem where the process, or one that it calls as that one is published now, asks for less in some step."""
    if not key.floor:
        return
    for definition in _with_called(definition_of(version)):
        for step_key, step in definition.steps.items():
            if isinstance(step, ApprovalStep):
                _must_be_kept_in(step_key, definition, cast(Proof, key.floor))


def _must_be_kept_in(step_key: str, definition: Definition, floor: Proof) -> None:
    proof = definition.proof_for(step_key)
    if is_weaker(proof, floor):
        raise Problem(
            "not-allowed",
            f"The step “{step_key}” of the process “{definition.key}” takes answers with the proof “{proof}”; this key "
            f"asks for “{floor}” at least.",
        )


def _with_called(definition: Definition) -> Iterator[Definition]:
    """It and all that it calls, each once."""
    known, waiting = {definition.key}, [definition]
    while waiting:
        here = waiting.pop()
        yield here
        for step in here.steps.values():
            if isinstance(step, CallStep) and step.process not in known:
                known.add(step.process)
                if (version := newest_published(step.process)) is not None:
                    waiting.append(definition_of(version))
