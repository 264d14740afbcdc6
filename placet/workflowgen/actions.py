"""Actions → approvals and tasks: who is asked, what can be answered, and what of the form each may see and enter."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from django.utils.translation import gettext as _

from placet.approvals.deadlines import EXPIRED
from placet.workflowgen import forms
from placet.workflowgen.expressions import (
    Is,
    Tree,
    Unreadable,
    assumed,
    comparisons,
    read_element,
    written_otherwise,
)
from placet.workflowgen.forms import Element, Form
from placet.workflowgen.report import Report
from placet.workflowgen.texts import key_of, name_of, one_line, plain, unused, word_set
from placet.workflowgen.xpdl import LONGEST_NAME, Activity, Exported, FileInvalid

FORM_APPLICATION = "EFORMASPX"  # shows a form; everything else that an action runs is a program
MOST_PATTERNS, MOST_STARS = 500, 3  # of a list of elements, and in one of it
MOST_ANSWERS = 9  # of one question
MOST_QUESTIONS = 9
LONGEST_ANSWER = 60
#: Of longer ones than a letter, replies are read by each as it stands (`placet.replies`).
GIVES = word_set(
    "yes y oui o ok approve approved approuve approuver accept accepted accepte accepter agree",
)
DENIES = word_set(
    "no n non reject rejected rejete rejeter refuse refused refuser deny denied decline declined",
)
#: What says the same in every reply, by outcome. Of any other outcome such a word is one that publishing refuses.
_ALWAYS_READ = {"approve": GIVES, "reject": DENIES}
_COMMENT = re.compile(r"COMMENT(S|AIRES?)?$")


@dataclass(frozen=True)
class Answer:
    """One answer to the first question of an action: what the file calls it, and the outcome that it becomes."""

    value: str
    key: str
    label: str
    words: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether it only says yes or no, which every reply may, in all languages."""
        return len(self.label) > 1 and plain(self.label) in _ALWAYS_READ.get(self.key, ())


@dataclass
class Action:
    activity: Activity
    step: str  # key in the definition
    hidden: frozenset[str] = frozenset()  # keys of elements of the form
    fixed: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    answers: tuple[Answer, ...] = ()  # none: a task
    by_questions: bool = False  # whether replies answered it as Q1
    decision: str = ""  # element of the form
    decision_data: str = ""
    comment: str = ""  # element of the form
    questions: list[dict[str, Any]] = field(default_factory=list)
    question_data: dict[str, str] = field(default_factory=dict)  # data field → name of the question
    asked_elements: dict[str, str] = field(default_factory=dict)  # element → name of the question
    chooses: list[str] = field(default_factory=list)  # fields of the form: who is asked next

    @property
    def is_approval(self) -> bool:
        return bool(self.answers)

    @property
    def place(self) -> str:
        return action_place(self.activity)

    def may_enter(self, element: Element) -> bool:
        return element.kind != "label" and element.key not in self.hidden | self.fixed

    def ask_no_more(self, element: str) -> None:
        """It is a field that is filled in here, which replies answer in a line of its own, too."""
        name = self.asked_elements.pop(element)
        self.questions = [one for one in self.questions if one["name"] != name]
        self.question_data = {data: one for data, one in self.question_data.items() if one != name}

    def element_of(self, name: str) -> str:
        """The element of the form that is called so, or whose data field is."""
        taken = [p for p in self.activity.parameters if p.is_taken]
        if any(p.formal == name for p in taken):
            return name
        return next((p.formal for p in taken if p.actual == name), name)

    def data_of(self, element: str) -> str:
        """The data field that it goes to from this action's form."""
        taken = (p.actual for p in self.activity.parameters if p.formal == element and p.is_taken)
        return next(taken, element)


def action_place(activity: Activity) -> str:
    return _("Action {key}").format(key=activity.key)


def is_program(activity: Activity) -> bool:
    """Whether WorkflowGen did it without anybody."""
    return activity.assign == "PUSH_AUTO_SYSTEM" or activity.application.upper() == "SENDHTTPPOST"


def is_form(activity: Activity) -> bool:
    return not activity.is_route and activity.application.upper() == FORM_APPLICATION


def named_elements(text: str, form: Form) -> frozenset[str]:
    """Those that a list names: by their names, by those of their sections, by the beginning of either."""
    patterns = _patterns(text)[:MOST_PATTERNS]
    exact = {pattern for pattern in patterns if "*" not in pattern}
    # A pattern with many stars would be slow to compare; real ones have one at the end.
    open_ones = [pattern.replace("[", "[[]") for pattern in patterns if 1 <= pattern.count("*") <= MOST_STARS]

    def is_named(name: str) -> bool:
        return name in exact or any(fnmatchcase(name, pattern) for pattern in open_ones)

    return frozenset(
        one.key
        for one in form.elements
        if is_named(one.key.upper()) or (one.section and is_named(one.section.upper()))
    )


def _patterns(text: str) -> list[str]:
    return [one.strip().upper() for one in re.split(r"[,;]", text) if one.strip()]


class Actions:
    """Every action of a process that shows a form, as what it becomes."""

    def __init__(self, exported: Exported, form: Form, tested: Iterable[str], report: Report) -> None:
        self.exported, self.form, self.tested, self.report = exported, form, frozenset(tested), report
        self.language = "en"  # of what the file writes
        self.groups: dict[str, tuple[str, str]] = {}  # participant → key and name of the group
        self.by_key: dict[str, Action] = {}
        #: Of all actions that show the form.
        self.parameters = [p for one in exported.activities.values() if is_form(one) for p in one.parameters]
        used: set[str] = set()
        for activity in exported.activities.values():
            if is_form(activity):
                step = unused(name_of(activity.key), used, "_")
                self.by_key[activity.key] = self._action(activity, step)

    def _action(self, activity: Activity, step: str) -> Action:
        lists = {
            name: self._named(activity, f"FORM_FIELDS_{name}") for name in ("HIDDEN", "READONLY", "REQUIRED")
        }
        return Action(activity, step, lists["HIDDEN"], lists["READONLY"], lists["REQUIRED"])

    def _named(self, activity: Activity, formal: str) -> frozenset[str]:
        parameter = next((p for p in activity.parameters if p.formal == formal), None)
        text = parameter.actual if parameter is not None else ""
        patterns = _patterns(text)
        readable = [one for one in patterns[:MOST_PATTERNS] if one.count("*") <= MOST_STARS]
        if len(readable) < len(patterns) or (parameter is not None and not parameter.is_whole):
            line = _(
                "Its list {name} is too long, or has names of more than {most} stars: only a part of it was read."
            )
            self.report.decide(action_place(activity), line.format(name=formal, most=MOST_STARS))
        return named_elements(text, self.form)

    def decide_kinds(self, entry: str) -> None:
        """Which of them are approvals. The first one is the request's form, whatever it asks."""
        for key, action in self.by_key.items():
            if key == entry:
                continue
            if any(p.formal.startswith("Q1_") for p in action.activity.parameters):
                self._by_questions(action)
            else:
                self._by_buttons(action)
            if action.is_approval:
                action.comment = self._comment_of(action)
                self._more_questions(action)

    # --- what can be answered -----------------------------------------------------------------------------

    def _by_questions(self, action: Action) -> None:
        pairs = list(_pairs(action.activity, 1))
        action.decision = action.element_of(
            one_line(action.activity.value("Q1_RETURN_FIELDNAME"), LONGEST_NAME)
        )
        action.decision_data = action.data_of(action.decision)
        action.answers = tuple(_answers(pairs))
        action.by_questions = bool(action.answers)
        if not action.answers:
            self.report.decide(action.place, _("It has a question Q1 without answers, so it became a task."))

    def _by_buttons(self, action: Action) -> None:
        """One list of radio buttons that conditions look at is the answer."""
        radios = []
        for parameter in action.activity.parameters:
            element = self.form.element(parameter.formal)
            if parameter.is_taken and element and element.kind == "radio" and action.may_enter(element):
                radios.append((element, parameter.actual))
        if len(radios) != 1:
            return
        element, data = radios[0]
        items = [item for item in element.items if item[0]]
        if 2 <= len(items) <= 4 and data in self.tested:
            action.decision, action.decision_data = element.key, data
            action.answers = tuple(_answers([(label or value, value) for value, label in items]))

    def _comment_of(self, action: Action) -> str:
        """The text beside the answer: by mail it is what the reply says below its first line."""
        decision = self.form.element(action.decision)
        for element in self.form.elements:
            beside = decision is None or element.section == decision.section
            speaks = bool(action.decision) and f"{action.decision}." in element.required_when
            is_text = element.kind == "long_text" and action.may_enter(element)
            if is_text and beside and (speaks or _COMMENT.search(element.key.upper())):
                return element.key
        return ""

    def _more_questions(self, action: Action) -> None:
        used: set[str] = set()
        for number in range(2, MOST_QUESTIONS + 1):
            element_key = action.element_of(
                one_line(action.activity.value(f"Q{number}_RETURN_FIELDNAME"), LONGEST_NAME)
            )
            pairs = list(_pairs(action.activity, number))
            if not element_key and not pairs:
                continue
            name = unused(name_of(element_key or f"q{number}"), used, "_")
            element = self.form.element(element_key)
            label = (element.label if element else "") or name
            options = _options(pairs)
            question: dict[str, Any] = {"name": name, "label": label, "type": "choice" if options else "text"}
            if options:
                question["options"] = options
            action.questions.append(question)
            action.question_data[action.data_of(element_key)] = name
            if element is not None:
                action.asked_elements[element.key] = name
            self.report.taken(
                action.place, _("Q{number} became the question {name}.").format(number=number, name=name)
            )

    # --- what the answers need ----------------------------------------------------------------------------

    def outcomes_of(self, action: Action) -> list[Any]:
        return [self._outcome(action, answer) for answer in action.answers]

    def _outcome(self, action: Action, answer: Answer) -> Any:
        outcome: dict[str, Any] = {"key": answer.key}
        if not answer.is_plain:
            outcome["label"] = answer.label
        if answer.words:
            outcome["words"] = {self.language: list(answer.words)}
        if answer.key not in ("approve", "reject"):
            outcome["grants"] = False
        if action.comment and self._needs_comment(action, answer):
            # Where it was a question of its own, replies go on to answer that.
            name = action.asked_elements.get(action.comment)
            outcome |= {"questions": [name]} if name else {"comment": "required"}
        return outcome if len(outcome) > 1 else answer.key

    def _needs_comment(self, action: Action, answer: Answer) -> bool:
        element = self.form.element(action.comment)
        if element is None or action.comment in action.required:
            return element is not None
        if not element.required_when:
            return False
        try:
            tree: Tree = read_element(element.required_when, self.item)
            _must_be_certain(tree, answer)
        except Unreadable as error:
            self.report.decide(
                action.place,
                _("When a comment is required was not understood ({why}): {text}").format(
                    why=error, text=element.required_when
                ),
            )
            return False
        if any(one.field != action.decision for one in comparisons(tree)):
            self.report.decide(
                action.place,
                _("When a comment is required depends on more than the answer: {text}").format(
                    text=element.required_when
                ),
            )
            return False
        left = assumed(tree, lambda one: one.value == answer.value)
        return left == assumed(Is("", None), lambda _one: True)

    def item(self, element: str, index: int) -> str | None:
        """What the n-th item of an element stands for."""
        one = self.form.element(element)
        return one.items[index][0] if one is not None and index < len(one.items) else None

    # --- who is asked -------------------------------------------------------------------------------------

    def group_of(self, action: Action) -> str:
        # One that names nobody has a group of its own, and not that of another one which names nobody.
        performer = action.activity.performer or action.activity.key
        if performer not in self.groups:
            participant = self.exported.participants.get(performer)
            name = (
                (participant.label if participant else "")
                or action.activity.performer
                or action.activity.label
            )
            taken = {key for key, _name in self.groups.values()}
            self.groups[performer] = unused(key_of(name, "group"), taken, "-"), name or action.step
        return self.groups[performer][0]


def _pairs(activity: Activity, number: int) -> Iterator[tuple[str, str]]:
    """Words and value of each answer to a question."""
    for answer in range(1, MOST_ANSWERS + 1):
        words = one_line(activity.value(f"Q{number}_KEYWORDS_{answer}"), 500)
        value = one_line(activity.value(f"Q{number}_RESULT_{answer}"), 100)
        if words or value:
            yield words or value, value or words


def _answers(pairs: Iterable[tuple[str, str]]) -> Iterator[Answer]:
    used: set[str] = set()
    values: set[str] = set()
    for written, value in pairs:
        if value in values:
            continue
        values.add(value)
        words = [one_line(one, LONGEST_ANSWER) for one in re.split(r"[,;|]", written)]
        words = list(dict.fromkeys(filter(None, words))) or [one_line(value, LONGEST_ANSWER)]
        key = _standard(value, words[0])
        if key is None or key in used:
            key = unused(key_of(value, "answer", 35), used | {"approve", "reject", EXPIRED}, "-")
        used.add(key)
        more = [one for one in words[1:20] if plain(one) not in _ALWAYS_READ.get(key, ())]
        yield Answer(value, key, words[0], tuple(more))


def _standard(value: str, word: str) -> str | None:
    """Yes and no are what Placet knows in all languages; another answer is the process's own."""
    for text in (plain(value), plain(word)):
        if text in GIVES:
            return "approve"
        if text in DENIES:
            return "reject"
    return None


def _must_be_certain(tree: Tree, answer: Answer) -> None:
    """The file does not say whether small letters count as capital ones. Raises Unreadable."""
    for one in comparisons(tree):
        if one.value != answer.value and plain(one.value or "") == plain(answer.value):
            raise written_otherwise(one, answer.value)


def _options(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    options: dict[str, str] = {}
    for words, value in pairs:
        options.setdefault(value, one_line(re.split(r"[,;|]", words)[0], 100) or value)
    return [{"key": value, "label": label} for value, label in options.items()]


def read_form(exported: Exported, report: Report) -> Form:
    if exported.form is None:
        report.decide(_("Form"), _("The file holds no form. Say in the draft what a request has to tell."))
        return Form()
    try:
        form = forms.read(exported.form.form or "")
    except FileInvalid as error:
        report.decide(_("Form"), str(error))
        return Form()
    if not form.elements:
        report.decide(_("Form"), _("The form holds nothing that could be read."))
    return form
