"""Sentences of a trial: why somebody is asked, and what is due next."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.approvals.definitions import Definition
from placet.approvals.models import Timer
from placet.approvals.steps import ApprovalStep, Who


def why_asked(definition: Definition, step: ApprovalStep, source: int | None) -> str:
    """Which line of the step names somebody. `source`: its number among all lines of the step; None: none does."""
    if source is None or source >= len(step.lines):
        return ""
    return _in_words(step.lines[source], definition)


def _in_words(who: Who, definition: Definition) -> str:
    labels = {one.name: one.label for one in definition.fields}
    if who.requester:
        return _("the requester")
    if who.manager is not None:
        levels = 1 if who.manager is True else int(who.manager)
        if levels == 1:
            return _("manager of the requester")
        return _("{n} levels above the requester").format(n=levels)
    for name, sentence in _NAMED.items():
        value = getattr(who, name)
        if value is not None:
            return str(sentence).format(value=labels.get(value, _step_name(definition, value)))
    return _("of the line of managers") if who.managers is not None else ""


def _step_name(definition: Definition, value: str) -> str:
    step = definition.steps.get(value)
    return step.name if step is not None else value


_NAMED: Mapping[str, Promise] = {
    "manager_of": gettext_lazy("manager of whoever “{value}” names"),
    "group": gettext_lazy("group {value}"),
    "person": gettext_lazy("named by the process"),
    "field": gettext_lazy("named in “{value}”"),
    "decided": gettext_lazy("decided “{value}”"),
    "from_answer": gettext_lazy("named in the answer to “{value}”"),
    "expression": gettext_lazy("worked out by {value}"),
    "table": gettext_lazy("authority table {value}"),
}

#: What is due.
COMING: Mapping[str, Promise] = {
    Timer.What.DUE: gettext_lazy("“{step}” is due"),
    Timer.What.REMIND: gettext_lazy("reminder in “{step}”"),
    Timer.What.ESCALATE: gettext_lazy("others are asked in “{step}”"),
    Timer.What.WARN: gettext_lazy("warning that “{step}” ends soon"),
    Timer.What.EXPIRE: gettext_lazy("“{step}” ends without an answer"),
    Timer.What.GO_ON: gettext_lazy("“{step}” goes on"),
    Timer.What.RESUME: gettext_lazy("the clock of “{step}” goes on"),
    Timer.What.EFFECTIVE: gettext_lazy("the answer in “{step}” takes effect"),
}
#: What happened when it was.
CAME: Mapping[str, Promise] = {
    Timer.What.DUE: gettext_lazy("“{step}” is late from now on."),
    Timer.What.REMIND: gettext_lazy("Whoever has not answered in “{step}” is reminded."),
    Timer.What.ESCALATE: gettext_lazy("“{step}” was not answered, so others are asked."),
    Timer.What.WARN: gettext_lazy("People are warned that “{step}” ends soon."),
    Timer.What.EXPIRE: gettext_lazy("Nobody answered “{step}” in time, so it ends."),
    Timer.What.GO_ON: gettext_lazy("“{step}” waited for this moment."),
    Timer.What.RESUME: gettext_lazy("The requester did not answer, so the clock of “{step}” goes on."),
    Timer.What.EFFECTIVE: gettext_lazy("The answer in “{step}” takes effect."),
}
