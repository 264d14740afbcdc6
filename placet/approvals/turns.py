"""Whose turn it is in groups that are asked in turn. Called by the engine, in its transaction."""

from collections.abc import Iterable, Mapping

from placet.accounts.models import Group, Person
from placet.approvals.definitions import Definition
from placet.approvals.models import Turn
from placet.approvals.steps import ApprovalStep


def hold(definition: Definition) -> None:
    """Nobody else picks from the groups that this process asks in turn until this is committed: of two requests at the
    same instant the second one goes to the next person. All of them, in one order: one transaction may enter several
    steps, and two must not wait for each other."""
    keys = {who.group for who in definition.lines if who.pick == "next"}
    if not keys:
        return
    groups = list(Group.objects.filter(key__in=keys).order_by("pk"))
    for group in groups:
        Turn.objects.get_or_create(group=group)
    list(Turn.objects.select_for_update().filter(group__in=groups).order_by("pk").values_list("pk"))


def taken(step: ApprovalStep, people: Iterable[Person], lines: Mapping[int, int]) -> dict[str, int]:
    """The turns of those who are asked now, where others come later. `lines`: which one names each, by person."""
    picked = ((step.lines[lines[person.pk]], person) for person in people)
    return {who.group: person.pk for who, person in picked if who.group is not None and who.pick == "next"}


def advance(turns: Mapping[str, int]) -> None:
    """These people are asked now: by the key of the group whose turn it is."""
    for key, person in turns.items():
        Turn.objects.filter(group__key=key).update(last=person)
