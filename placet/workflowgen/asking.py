"""Steps as the definition writes them: whom they ask, and what can be answered."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from pydantic import ValidationError

from placet.approvals.definitions import Definition
from placet.approvals.question_checks import question_problems
from placet.workflowgen.actions import Action, Actions
from placet.workflowgen.fields import Fields
from placet.workflowgen.report import Report
from placet.workflowgen.texts import name_of, one_line, plain, word_set
from placet.workflowgen.xpdl import Exported

PULL, REQUESTER, MANAGER, CHOSEN, SYSTEM = (
    "PULL",
    "PUSH_AUTO_REQUESTER",
    "PUSH_AUTO_REQUESTER_MANAGER",
    "PUSH_MANUAL_BYINITIATOR",
    "PUSH_AUTO_SYSTEM",
)
#: What the draft calls things that WorkflowGen has no words for, in the language of the file.
WORDS = {
    "en": {
        "approved": "Approved",
        "rejected": "Rejected",
        "done": "Done",
        "begin": "Begin",
        "expired": "No answer in time",
        "stopped": "No way on",
        "chosen": "Who is asked for “{step}”?",
    },
    "fr": {
        "approved": "Approuvé",
        "rejected": "Refusé",
        "done": "Terminé",
        "begin": "Début",
        "expired": "Sans réponse à temps",
        "stopped": "Aucune suite",
        "chosen": "À qui demander « {step} » ?",
    },
}
_NO_LABEL = re.compile("[:：=]")  # behind which an answer would begin
_FRENCH = word_set(
    "le la les des du et ou une un nom prenom demande demandeur responsable oui non date commentaire",
    "decision approbation validation directeur chef motif modifier montant pour par sur aux dossier",
)
_ENGLISH = word_set(
    "the of and or a an name first last request requester manager yes no date comment decision approval",
    "validation director head reason modify amount for by on to department",
)


def language_of(texts: Iterator[str]) -> str:
    """Of what a file writes: each is counted by its small words."""
    words = [word for text in texts for word in plain(text).replace("'", " ").split()]
    french, english = (sum(word in known for word in words) for known in (_FRENCH, _ENGLISH))
    return "fr" if french > english else "en"


class Asking:
    def __init__(
        self, exported: Exported, actions: Actions, fields: Fields, report: Report, entry: str
    ) -> None:
        self.exported, self.actions, self.fields, self.report, self.entry = (
            exported,
            actions,
            fields,
            report,
            entry,
        )
        self.words = WORDS[actions.language]
        self.chosen: dict[str, list[dict[str, Any]]] = {}  # action → lines of ask
        self.else_asked: set[str] = set()  # actions whose group is asked where nobody was chosen

    def label_of(self, outcome: str) -> str:
        answers = (a for action in self.actions.by_key.values() for a in action.answers if a.key == outcome)
        return next((answer.label for answer in answers), "")

    def choose_people(self) -> None:
        """For what WorkflowGen had the one before choose a person: a field of the form, or a question."""
        for key, action in self.actions.by_key.items():
            if action.activity.assign == CHOSEN and key != self.entry:
                self._choice_of(key, action)

    def _choice_of(self, key: str, action: Action) -> None:
        group = self.actions.group_of(action)
        before = [one for one in self._before(key) if one in self.actions.by_key]
        label = self.words["chosen"].format(step=action.activity.label or action.activity.key)
        asking = [self.actions.by_key[one] for one in before if self.actions.by_key[one].is_approval]
        entering = [self.actions.by_key[one] for one in before if not self.actions.by_key[one].is_approval]
        lines: list[dict[str, Any]] = []
        if entering or not asking:
            is_first = self.entry in before
            name = self.fields.add_person(
                f"{action.step}_person",
                label,
                group,
                required=is_first and not asking,
                at_start=is_first or not entering,
            )
            lines.append({"field": name, "among": group})
            for one in entering:
                if one.activity.key != self.entry:
                    one.chooses.append(name)
            text = _(
                "Whoever fills in the form chooses in the field {name} who of the group {group} is asked."
            )
            self.report.changed(action.place, text.format(name=name, group=group))
        else:
            name = name_of(f"{action.step}_person")
            question = {"name": name, "label": one_line(label), "type": "person", "among": group}
            for one in asking:
                one.questions.append(dict(question))
            lines.append({"from_answer": name})
            text = _(
                "Whoever decides before it may name in the answer {name} who of the group {group} is asked."
            )
            self.report.changed(action.place, text.format(name=name, group=group))
        if asking or self.entry not in before:
            self.else_asked.add(key)
            text = _("Where nobody was chosen the whole group {group} is asked.")
            self.report.changed(action.place, text.format(group=group))
        self.chosen[key] = lines

    def _before(self, key: str) -> list[str]:
        """The actions from which ways lead here, over routes."""
        seen: set[str] = set()
        waiting, before = [key], []
        while waiting:
            for way in self.exported.ways_to(waiting.pop()):
                if way.source not in seen and way.source != key:
                    seen.add(way.source)
                    if way.source in self.actions.by_key:
                        before.append(way.source)
                    else:
                        waiting.append(way.source)
        return before

    # --- a step -------------------------------------------------------------------------------------------

    def step(self, action: Action) -> dict[str, Any]:
        name = action.activity.label or action.activity.key
        step: dict[str, Any] = {"kind": "approval" if action.is_approval else "task", "name": name}
        step["ask"] = self._ask(action)
        if action.activity.key in self.else_asked:
            step["nobody"] = {"ask": [{"group": self.actions.group_of(action)}]}
        step["rule"] = "first"
        if action.is_approval:
            step["outcomes"] = self.actions.outcomes_of(action)
            if action.by_questions:
                step["outcome_question"] = True
            if {"requester": True} in step["ask"]:
                step["requester_may_decide"] = True
                self.report.changed(
                    action.place, _("The requester decides about their own request here, as in WorkflowGen.")
                )
            self._questions(action, step)
            text = _("It became the approval {step}; it can be answered {outcomes}.")
            outcomes = ", ".join(f"{answer.key} (“{answer.label}”)" for answer in action.answers)
            self.report.taken(action.place, text.format(step=action.step, outcomes=outcomes))
            if not any(answer.key == "approve" for answer in action.answers):
                text = _("None of its answers is a yes, so none grants what is asked for, and what it requires is not "
                         "demanded. Where one does, say “grants: true”.")  # fmt: skip
                self.report.decide(action.place, text)
            if any(answer.is_plain for answer in action.answers):
                self.report.changed(
                    action.place,
                    _(
                        "Yes and no are called Approve and Reject in mails; replies say them as ever, in any language."
                    ),
                )
        else:
            self.report.taken(action.place, _("It became the task {step}.").format(step=action.step))
        form = self._form(action)
        return step | ({"form": form} if form else {})

    def _questions(self, action: Action, step: dict[str, Any]) -> None:
        """With labels that replies can name them by; what is left is for somebody to decide."""
        kept: list[dict[str, Any]] = []
        for question in action.questions:
            label = one_line(_NO_LABEL.sub(" ", question["label"])) or question["name"]
            labels = (label, f"{label} ({question['name']})", question["name"])
            tried = [question | {"label": one} for one in labels]
            kept.append(next((one for one in tried if not _problems(step, [*kept, one])), tried[0]))
        if kept:
            step["questions"] = kept
        for problem in _problems(step, kept):
            self.report.decide(action.place, _("It cannot be published yet: {why}").format(why=problem))

    def _form(self, action: Action) -> dict[str, Any]:
        form = self.fields.step_form(action)
        if action.chooses:
            form["fill"] = [*form.get("fill", []), *action.chooses]
        return form

    def _ask(self, action: Action) -> list[dict[str, Any]]:
        assign, key = action.activity.assign, action.activity.key
        if key in self.chosen:
            return self.chosen[key]
        participant = self.exported.participants.get(action.activity.performer)
        is_requester = participant is not None and participant.role == "REQUESTER"
        if assign == MANAGER:
            if is_requester:
                self.report.decide(
                    action.place,
                    _("It stands in the lane of the requester, and WorkflowGen asked the requester's manager. So does "
                      "the draft; ask “requester: true” if the requester is meant."),
                )  # fmt: skip
            return [{"manager": True}]
        if assign == REQUESTER or is_requester:
            return [{"requester": True}]
        if assign not in (PULL, CHOSEN):
            self.report.decide(
                action.place, _("It was assigned by {how}, which is not known here; the draft asks the group.").format(
                    how=assign or "?"
                )
            )  # fmt: skip
        return [{"group": self.actions.group_of(action)}]


def _problems(step: dict[str, Any], questions: Sequence[dict[str, Any]]) -> list[str]:
    """Why replies could not give the answers of a step, as publishing would say: it is looked at alone."""
    keys = [one if isinstance(one, str) else one["key"] for one in step["outcomes"]]
    alone = {
        "kind": "approval", "name": "x", "ask": [{"manager": True}], "outcomes": step["outcomes"],
        **({"questions": questions} if questions else {}),
    }  # fmt: skip
    ways = [{"from": "step", "outcome": key, "to": "end"} for key in keys]
    end = {"kind": "end", "name": "x", "result": "x"}
    process = {
        "key": "x",
        "name": "x",
        "start": "step",
        "steps": {"step": alone, "end": end},
        "transitions": ways,
    }
    try:
        definition = Definition.model_validate(process)
    except ValidationError as error:
        return [str(one["msg"]).removeprefix("Value error, ") for one in error.errors()]
    approval = definition.approval("step")
    words: list[str] = import_string(settings.CHECK_WORDS)(approval)
    return [*words, *question_problems(definition, "step", approval)]
