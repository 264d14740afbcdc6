"""What a rule asks for, in words: for whoever answers, and for whoever waits."""

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.approvals.definitions import ApprovalStep
from placet.approvals.rules import GROUP, Line, Much, Together


def rule_in_words(step: ApprovalStep) -> str:
    """What a step's rule means for the people asked."""
    sentences = [_rule(step), *_abstentions(step)]
    if step.order == "one_by_one":
        sentences.append(_("People are asked one after the other."))
    if step.wait_for_all:
        sentences.append(_("Everybody is heard first."))
    return " ".join(sentences)


def _rule(step: ApprovalStep) -> str:
    if isinstance(step.rule, tuple):
        lines = [_line(line, step) for line in step.rule]
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


def _line(line: Line, step: ApprovalStep) -> str:
    answer = step.outcome(line.outcome).shown
    match line.needs:
        case "any":
            return _("“{answer}” if anybody answers so").format(answer=answer)
        case "all":
            return _("“{answer}” if everybody answers so").format(answer=answer)
        case Together() as needs:
            return _together(answer, needs)
        case number:
            return ngettext("“{answer}” if one answers so", "“{answer}” if {n} answer so", number).format(
                answer=answer, n=number
            )


def _abstentions(step: ApprovalStep) -> Iterator[str]:
    for outcome in step.abstentions:
        words = _("“{answer}” does not count: the rule is about the others.")
        yield words.format(answer=outcome.shown)


def _together(answer: str, needs: Together) -> str:
    if needs == Together(percent=needs.percent or 1):
        return _("“{answer}” if {n} % answer so").format(answer=answer, n=needs.percent)
    people = _in_a_row(list(_needed(needs)))
    vetoing = ", ".join(_called(name) for name in needs.veto or ())
    if not vetoing:
        return _("“{answer}” if {people} answer so").format(answer=answer, people=people)
    if not people:
        return _("“{answer}” if anybody of {names} answers so").format(answer=answer, names=vetoing)
    words = _("“{answer}” if {people} answer so, or anybody of {names}")
    return words.format(answer=answer, people=people, names=vetoing)


def _in_a_row(parts: list[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return _("{names} and {last}").format(names=", ".join(parts[:-1]), last=parts[-1])


def _needed(needs: Together) -> Iterator[str]:
    if needs.n is not None:
        yield ngettext("one person", "{n} people", needs.n).format(n=needs.n)
    if needs.weight is not None:
        yield _("people with a weight of {n}").format(n=needs.weight)
    if needs.percent is not None:
        words = _("{n} % of those who answer") if needs.of else _("{n} % of those asked")
        yield words.format(n=needs.percent)
    for name, much in needs.shares:
        yield _share(_called(name.removeprefix(GROUP)), much)


def _share(name: str, much: Much) -> str:
    if much == "all":
        return _("everybody of {name}").format(name=name)
    if much == "any":
        return _("somebody of {name}").format(name=name)
    return _("{n} of {name}").format(n=much, name=name)


def _called(name: str) -> str:
    return _("line {number}").format(number=name) if name.isdecimal() else _("“{name}”").format(name=name)
