"""What conditions of ways look at: data fields, as answers of steps, as questions, as fields of the form.

What cannot be read, or says nothing here, stays in the draft as a condition that somebody has to write
(`placet.approvals.undecided`). Dropping it would drop its way, and with it whoever is asked behind it.
"""

import re
from decimal import Decimal

from django.utils.translation import gettext as _

from placet.approvals.undecided import LONGEST_TEXT, undecided
from placet.workflowgen.actions import Action, Actions, is_form
from placet.workflowgen.expressions import (
    TRUE,
    UNREAD,
    Is,
    Tree,
    Unreadable,
    comparisons,
    in_cel,
    in_words,
    quoted,
    read_way,
    unread,
    written_otherwise,
)
from placet.workflowgen.fields import MACRO, Fields
from placet.workflowgen.report import Report
from placet.workflowgen.texts import one_line, plain
from placet.workflowgen.xpdl import DataField, Exported, Way

_LISTS = ("radio", "choice", "choices")  # elements that hold what is among their items
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")


class Comparing:
    def __init__(self, exported: Exported, actions: Actions, fields: Fields, report: Report) -> None:
        self.exported, self.actions, self.fields, self.report = exported, actions, fields, report
        self._elements: dict[str, str | None] = {}
        self._filled: dict[str, bool] = {}
        self._entering: dict[str, list[Action]] = {}
        #: Data fields that an action fills in which is not in the draft: a program, another process.
        self._passed_over = {
            data for one in exported.activities.values() if not is_form(one) for data in one.changes
        }
        self.drafts = {
            p.actual for a in exported.activities.values() for p in a.parameters if p.formal == "FORM_DRAFT"
        } | {"FORM_DRAFT"}
        # By the whole way: an id may be missing, or stand there twice.
        self.conditions: dict[Way, Tree] = {way: self._condition(way) for way in exported.ways}

    # --- reading ------------------------------------------------------------------------------------------

    def _condition(self, way: Way) -> Tree:
        if way.kind in ("", "OTHERWISE", "EXCEPTION"):
            return TRUE
        try:
            if way.kind != "CONDITION":
                raise Unreadable(_("it is of the kind {kind}").format(kind=one_line(way.kind, 40)))
            if not way.is_whole:
                raise Unreadable(_("only a part of it could be read"))
            tree = read_way(way.condition)
            for compared in comparisons(tree):
                self._must_be_certain(compared)
        except Unreadable as error:
            text = _("Its condition was not understood ({why}), so somebody has to write it in the draft, in place of "
                     "please_decide(…); until then it cannot be published: {text}")  # fmt: skip
            self.report.decide(way_place(way), text.format(why=error, text=way.condition or "–"))
            return unread(way.condition)
        for compared in comparisons(tree):
            self._say_value_of_none(way, compared)
        return tree

    def _must_be_certain(self, compared: Is) -> None:
        """The file does not say whether small letters count as capital ones."""
        values = self._values(compared.field)
        alike = [
            one for one in values if compared.value and plain(one.strip()) == plain(compared.value.strip())
        ]
        if alike and compared.value not in values:
            raise written_otherwise(compared, alike[0])

    def _say_value_of_none(self, way: Way, compared: Is) -> None:
        values = self._values(compared.field)
        if values and compared.value is not None and compared.value not in values:
            self.report.decide(
                way_place(way),
                _("{field} is compared with “{value}”, which it never holds: it is one of {values}.").format(
                    field=compared.field, value=compared.value, values=", ".join(values)
                ),
            )

    def _values(self, data: str) -> list[str]:
        """What a data field can hold, where that is a list: the answers of actions, the items of its element."""
        answers = [a.value for one in self._asking(data) for a in one.answers]
        for action, name in self._questions(data):
            asked = next(one for one in action.questions if one["name"] == name)
            answers += [option["key"] for option in asked.get("options", ())]
        element = None if answers else self.fields.form.element(self.element_of(data) or "")
        items = [value for value, _label in element.items] if element and element.kind in _LISTS else []
        known = self.exported.data.get(data)
        initial = [known.initial] if known is not None and known.initial else []
        return list(dict.fromkeys([*answers, *items, *initial])) if answers or items else []

    def _asking(self, data: str) -> list[Action]:
        """The approvals whose answer it is."""
        return [a for a in self.actions.by_key.values() if a.is_approval and a.decision_data == data]

    def _questions(self, data: str) -> list[tuple[Action, str]]:
        """The approvals that ask for it beside their answer, with the names of those questions."""
        by_action = ((one, one.question_data.get(data)) for one in self.actions.by_key.values())
        return [(action, name) for action, name in by_action if name is not None]

    def _entered_in(self, data: str) -> list[Action]:
        """The actions in whose form somebody can enter it."""
        if data not in self._entering:
            self._entering[data] = [
                action
                for action in self.actions.by_key.values()
                for parameter in action.activity.parameters
                if parameter.is_taken and parameter.actual == data
                for element in [self.fields.form.element(parameter.formal)]
                if element is not None and action.may_enter(element)
            ]
        return self._entering[data]

    # --- what holds ---------------------------------------------------------------------------------------

    def known(self, compared: Is) -> bool | None:
        """What holds in every request: nothing is sent as a draft, and what nobody can fill in stays as it is."""
        data = self.exported.data.get(compared.field)
        if compared.field in self.drafts:
            return compared.value == "N" or (compared.value is None and not (data and data.initial))
        if data is None or self._is_filled_in(compared.field):
            return None
        return _holds_at_first(data, compared.value)

    def is_passed_over(self, data: str) -> bool:
        """Whether it may be filled in by what the draft passes over."""
        return data in self._passed_over

    def _is_filled_in(self, data: str) -> bool:
        if data not in self._filled:
            self._filled[data] = (
                self.is_passed_over(data)
                or self.element_of(data) is not None
                or any(data == a.decision_data for a in self.actions.by_key.values())
                or any(p.actual == data and p.is_taken for p in self.actions.parameters)
            )
        return self._filled[data]

    def element_of(self, data: str) -> str | None:
        """The element of the form whose value it has; "" where there are several."""
        if data not in self._elements:
            taken = {
                p.formal
                for p in self.actions.parameters
                if p.actual == data and p.is_taken and p.formal in self.fields.names
            }
            if data in self.fields.names and (not taken or data in taken):
                taken = {data}
            self._elements[data] = None if not taken else next(iter(taken)) if len(taken) == 1 else ""
        return self._elements[data]

    # --- writing ------------------------------------------------------------------------------------------

    def in_cel(self, tree: Tree, place: str) -> str:
        """As the draft says it. What has no counterpart there is for somebody to decide, at this place."""
        try:
            return in_cel(tree, self._compared)
        except Unreadable as error:
            words = in_words(tree, LONGEST_TEXT)
            text = _("A condition was not understood ({why}), so somebody has to write it in the draft, in place of "
                     "please_decide(…); until then it cannot be published: {text}")  # fmt: skip
            self.report.decide(place, text.format(why=error, text=words))
            return undecided(words)

    def _compared(self, one: Is) -> str:
        """A comparison of a data field in CEL: with an answer, with a field of the form."""
        if one.field == UNREAD:
            return undecided(one.value or "")
        if self.is_passed_over(one.field):
            text = _("{field} is filled in by an action that the draft passes over")
            raise Unreadable(text.format(field=one.field))
        asking, questions = self._asking(one.field), self._questions(one.field)
        if len(asking) + len(questions) > 1:
            raise Unreadable(_("{field} is the answer of several actions").format(field=one.field))
        for action in [*asking, *(action for action, _name in questions)]:
            self._must_be_as_answered(action, one)
        for action in asking:
            outcome = next((a.key for a in action.answers if a.value == one.value), None)
            if outcome is None:
                raise Unreadable(
                    _("{field} is compared with what is none of its answers").format(field=one.field)
                )
            return f"steps.{action.step}.outcome == {quoted(outcome)}"
        for action, name in questions:
            return f"steps.{action.step}.answers.{name} == {quoted(one.value or '')}"
        element = self.fields.form.element(self.element_of(one.field) or "")
        if element is None:
            raise Unreadable(_("{field} is no field of the request's form").format(field=one.field))
        return self.fields.compared(element, one.value)

    def _must_be_as_answered(self, action: Action, compared: Is) -> None:
        """What a field holds is what that step was answered: nobody else enters it, and it does not begin so."""
        field, others = compared.field, self.entered_besides(action, compared.field)
        if others:
            text = _("{field} is the answer of {action}, and is entered in {others}, too")
            raise Unreadable(text.format(field=field, action=action.activity.key, others=", ".join(others)))
        if compared.value is not None and self.initial_of(field) == compared.value:
            text = _("{field} is the answer of {action}, and holds “{value}” before anybody answers")
            raise Unreadable(text.format(field=field, action=action.activity.key, value=compared.value))

    def entered_besides(self, action: Action, data: str) -> list[str]:
        """The other actions in which somebody can enter it."""
        return list(dict.fromkeys(one.activity.key for one in self._entered_in(data) if one is not action))

    def initial_of(self, data: str) -> str:
        known = self.exported.data.get(data)
        return known.initial if known is not None else ""


def _holds_at_first(data: DataField, value: str | None) -> bool | None:
    """Whether what nobody fills in holds a value; None where it is one by some ways to compare them."""
    initial = data.initial or None
    if initial is None or value is None or initial == value:
        return None if initial is not None and MACRO.search(initial) else initial == value
    numbers = [Decimal(one) for one in (initial, value) if _NUMBER.fullmatch(one)]
    if data.type == "FLOAT":
        return numbers[0] == numbers[1] if len(numbers) == 2 else None
    if data.type == "DATETIME" or MACRO.search(initial):
        return None
    is_alike = plain(initial) == plain(value) or (len(numbers) == 2 and numbers[0] == numbers[1])
    return None if is_alike else False


def way_place(way: Way) -> str:
    return _("Way {key} ({source} → {target})").format(key=way.key, source=way.source, target=way.target)
