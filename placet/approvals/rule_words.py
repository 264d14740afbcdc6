"""What a rule asks for, in words: for whoever answers, and for whoever waits."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.approvals.name_lists import listed_names
from placet.approvals.rules import GROUP, Line, Much, Together
from placet.approvals.steps import ApprovalStep


@dataclass(frozen=True)
class NamedPeople:
    """People whom one name of a rule stands for: the first of them, and how many they are."""

    first: Sequence[str]
    number: int

    def __str__(self) -> str:
        return listed_names(self.first, self.number)


#: By what a rule calls them (`Rule.named`).
People = Mapping[str, NamedPeople]
NOBODY_KNOWN: People = {}


def rule_in_words(step: ApprovalStep, people: People = NOBODY_KNOWN) -> str:
    """What a step's rule means for the people asked. `people`: whom it stands for, in a request; of those who are not
    known it says the name that the process gives them."""
    sentences = [_rule(step, people), *_abstentions(step)]
    if step.order == "one_by_one":
        sentences.append(_("People are asked one after the other."))
    if step.wait_for_all:
        sentences.append(_("Everybody is heard first."))
    return " ".join(sentences)


def names_in_rule(step: ApprovalStep) -> set[str]:
    """What its rule calls people by, as `Rule.named` has them."""
    lines = step.rule if isinstance(step.rule, tuple) else ()
    needs = [line.needs for line in lines if isinstance(line.needs, Together)]
    return {name for one in needs for name in (*(share for share, _much in one.shares), *(one.veto or ()))}


def _rule(step: ApprovalStep, people: People) -> str:
    if isinstance(step.rule, tuple):
        lines = [_line(line, step, people) for line in step.rule]
        ends = _("otherwise “{answer}”").format(answer=step.outcome(step.otherwise or "").shown)
        return _("It ends with {rules}.").format(rules=beside_each_other([*lines, ends]))
    if step.rule == "first":
        return _("The first answer counts.")
    if step.rule == "all":
        return _("Everybody asked must do it.") if step.is_task else _("Everybody asked must approve.")
    if step.is_task:
        return ngettext("One must do it.", "{n} must do it.", step.rule).format(n=step.rule)
    return ngettext("One must approve.", "{n} must approve.", step.rule).format(n=step.rule)


def beside_each_other(sentences: Iterable[str]) -> str:
    """In one: French has a blank before its semicolon."""
    first, *more = [*sentences] or [""]
    for second in more:
        first = _("{first}; {second}").format(first=first, second=second)
    return first


def _line(line: Line, step: ApprovalStep, people: People) -> str:
    answer = step.outcome(line.outcome).shown
    match line.needs:
        case "any":
            return _("“{answer}” if anybody answers so").format(answer=answer)
        case "all":
            return _("“{answer}” if everybody answers so").format(answer=answer)
        case Together() as needs:
            return _together(answer, needs, people)
        case number:
            return ngettext("“{answer}” if one answers so", "“{answer}” if {n} answer so", number).format(
                answer=answer, n=number
            )


def _abstentions(step: ApprovalStep) -> Iterator[str]:
    for outcome in step.abstentions:
        words = _("“{answer}” does not count: the rule is about the others.")
        yield words.format(answer=outcome.shown)


def _together(answer: str, needs: Together, known: People) -> str:
    if needs == Together(percent=needs.percent or 1):
        return _("“{answer}” if {n} % answer so").format(answer=answer, n=needs.percent)
    people = _in_a_row(list(_needed(needs, known)))
    if not needs.veto:
        return _("“{answer}” if {people} answer so").format(answer=answer, people=people)
    alone = _one_person(needs.veto[0], known) if len(needs.veto) == 1 else ""
    if alone:
        words = (
            _("“{answer}” if {people} answer so, or {name} does")
            if people
            else _("“{answer}” if {name} answers so")
        )
        return words.format(answer=answer, people=people, name=alone)
    names = ", ".join(_called(name, known) for name in needs.veto)
    words = (
        _("“{answer}” if {people} answer so, or anybody of {names}")
        if people
        else _("“{answer}” if anybody of {names} answers so")
    )
    return words.format(answer=answer, people=people, names=names)


def _in_a_row(parts: list[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return _("{names} and {last}").format(names=", ".join(parts[:-1]), last=parts[-1])


def _needed(needs: Together, known: People) -> Iterator[str]:
    if needs.n is not None:
        yield ngettext("one person", "{n} people", needs.n).format(n=needs.n)
    if needs.weight is not None:
        yield _("people with a weight of {n}").format(n=needs.weight)
    if needs.percent is not None:
        words = _("{n} % of those who answer") if needs.of else _("{n} % of those asked")
        yield words.format(n=needs.percent)
    for name, much in needs.shares:
        yield _one_person(name, known) or _share(_called(name, known), much)


def _one_person(name: str, known: People) -> str:
    """Who a name stands for, if that is one person; else ""."""
    return known[name].first[0] if name in known and known[name].number == 1 else ""


def _share(name: str, much: Much) -> str:
    if much == "all":
        return _("everybody of {name}").format(name=name)
    if much == "any":
        return _("somebody of {name}").format(name=name)
    return _("{n} of {name}").format(n=much, name=name)


def _called(name: str, known: People) -> str:
    if name in known:
        return str(known[name])
    name = name.removeprefix(GROUP)
    return _("line {number}").format(number=name) if name.isdecimal() else _("“{name}”").format(name=name)
