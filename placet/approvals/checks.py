"""Every check before a definition is published."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from placet.accounts import trust
from placet.approvals import authority, earlier
from placet.approvals.authority_cells import matched_columns
from placet.approvals.call_limits import problems_of_calls
from placet.approvals.deadline_checks import calendar_problems, deadline_problems, longest_problems
from placet.approvals.definitions import Definition
from placet.approvals.form import PLACE, SHORTEST_TITLE, condition_values, letters, title_of
from placet.approvals.form_checks import (
    chosen_amounts,
    form_problems,
    mixed_problems,
    start_form_problems,
    step_form_problems,
)
from placet.approvals.form_logic import paths_to_today
from placet.approvals.form_parts import CURRENCY
from placet.approvals.form_schema import schema_of
from placet.approvals.included_names import hint, is_unknown_yet
from placet.approvals.includes import Flat, Included, results_of
from placet.approvals.outcomes import APPROVE, REJECT, Condition
from placet.approvals.question_checks import question_problems
from placet.approvals.returns import keep_if_problems
from placet.approvals.rule_checks import (
    abstention_problems,
    names_problems,
    order_problems,
    rule_problems,
)
from placet.approvals.silence_checks import silence_problems
from placet.approvals.start_by_mail import start_by_mail_problems
from placet.approvals.step_mail_checks import mail_problems
from placet.approvals.steps import (
    KEY,
    NAMES_PEOPLE,
    NO_DATES,
    WITHDRAWN,
    ApprovalStep,
    CallStep,
    EndStep,
    IncludeStep,
    NoticeStep,
    ParallelStep,
    Transition,
    WaitStep,
    Who,
)
from placet.approvals.undecided import undecided_problem
from placet.approvals.undo_rules import undo_problems
from placet.approvals.whom import LIMIT, entries_of
from placet.lib.conditions import ConditionError, compile_condition, holds, names_in, value_of
from placet.mailboxes.models import Mailbox

Step = ApprovalStep | ParallelStep | NoticeStep | WaitStep | IncludeStep | CallStep  # one that has outcomes
DEEPEST_BLOCKS = 5
MOST_STEPS = 100
HAS_OUTCOMES = (ApprovalStep, ParallelStep, NoticeStep, WaitStep, IncludeStep, CallStep)
TIMES = ("date", "time", "date_time", "period")  # types of fields that no step waits for yet
_SPEAKS_OF_TIME = re.compile(r"\b(?:today|now)\b|\b(?:timestamp|duration)\s*\(|\b\d{4}-\d{2}-\d{2}\b")


def mailbox_problems(address: str | None) -> Iterator[str]:
    if address is not None and not Mailbox.present.filter(address=address.lower()).exists():
        yield f"there is no mailbox {address}; set it up first, on the tab Remote Approval, or leave this out"


def proof_problems(definition: Definition) -> Iterator[str]:
    asks = [
        definition.proof,
        *(one.proof for one in definition.steps.values() if isinstance(one, ApprovalStep)),
    ]
    if "signed" in asks and trust.nobody_can_sign():
        yield (
            "signed: no signature would count, as neither an authority nor anybody’s key is entered (Configuration "
            "Panel, Signatures); enter one first, or say something else"
        )


def problems_of(definition: Definition, flat: Flat) -> list[str]:
    """`flat`: with what it includes, which is where names of steps are looked up."""
    problems: list[str] = []
    steps, whole, processes = definition.steps, flat.definition, flat.processes
    problems += [
        f"steps: “{key}” is not a key (a-z, 0-9, - and _)" for key in steps if not KEY.fullmatch(key)
    ]
    problems += form_problems(definition)
    problems += [f"start_form: {problem}" for problem in start_form_problems(whole)]
    problems += [f"start_by_mail: {problem}" for problem in start_by_mail_problems(definition)]
    problems += [f"calendar: {problem}" for problem in calendar_problems(definition.calendar)]
    problems += [f"mailbox: {problem}" for problem in mailbox_problems(definition.mailbox)]
    problems += [f"proof: {problem}" for problem in proof_problems(definition)]
    problems += [f"longest: {problem}" for problem in longest_problems(whole)]
    problems += flat.problems
    if len(steps) > MOST_STEPS:
        problems.append(f"steps: {len(steps)} steps are too many; {MOST_STEPS} is the most")
    if definition.start not in steps:
        problems.append(f"start: there is no step {definition.start}")
    names = condition_values(definition, {}).keys()
    places = [name for name in PLACE.findall(definition.title) if name in names]
    if not places and len(letters(title_of(definition, {}))) < SHORTEST_TITLE:
        problems.append(
            f"title: it needs at least {SHORTEST_TITLE} letters or digits, or a field of the form"
        )
    sample = earlier.samples(whole)
    for key, step in steps.items():
        if isinstance(step, ApprovalStep):
            problems += _step_problems(whole, key, step, sample)
        elif isinstance(step, ParallelStep):
            problems += _block_problems(definition, key, step, sample)
        elif isinstance(step, NoticeStep):
            problems += [f"steps.{key}: {problem}" for problem in _notice_problems(whole, key, step, sample)]
            problems += _ways_problems(definition, key, step.outcome_keys)
        elif isinstance(step, IncludeStep | CallStep):
            if isinstance(step, CallStep):
                problems += [
                    f"steps.{key}: {problem}"
                    for problem in _call_problems(definition, step, sample, processes)
                ]
            problems += _ways_problems(definition, key, outcomes_of(definition, step, processes))
        elif isinstance(step, WaitStep):
            problems += [
                f"steps.{key}: until: {problem}" for problem in _wait_problems(definition, step, sample)
            ]
            problems += [f"steps.{key}: {problem}" for problem in deadline_problems(whole, step, sample)]
            problems += _ways_problems(definition, key, step.outcome_keys)
    for number, transition in enumerate(definition.transitions, start=1):
        problems += _transition_problems(definition, number, transition, sample, processes)
    if is_connected(definition, processes):
        problems += _reach_problems(definition, processes)
    return problems


def is_connected(definition: Definition, processes: Included) -> bool:
    """Whether each outcome has a way, and each way leads from an outcome to a step. Where one does not, nobody can say
    yet which steps are reached: that would name half of the process for one slip."""
    steps = definition.steps
    leaving = {
        (key, outcome)
        for key, step in steps.items()
        if isinstance(step, HAS_OUTCOMES)
        for outcome in (
            step.result_keys if isinstance(step, ApprovalStep) else outcomes_of(definition, step, processes)
        )
    }
    blocks = (step for step in steps.values() if isinstance(step, ParallelStep))
    starts = [definition.start, *(branch.start for block in blocks for branch in block.branches.values())]
    return (
        len(steps) <= MOST_STEPS
        and leaving == {(way.from_, way.outcome) for way in definition.transitions}
        and all(way.to is None or way.to in steps for way in definition.transitions)
        and all(isinstance(steps.get(key), HAS_OUTCOMES) for key in starts[1:])
        and definition.start in steps
    )


def _step_problems(definition: Definition, key: str, step: ApprovalStep, sample: dict[str, Any]) -> list[str]:
    keys = step.outcome_keys
    problems = [
        f"steps.{key}: {outcome} is said twice"
        for outcome in sorted({one for one in keys if keys.count(one) > 1})
    ]
    rule = (
        *_rule_problems(step),
        *names_problems(step),
        *rule_problems(step),
        *order_problems(step),
        *abstention_problems(step),
    )
    problems += [f"steps.{key}: {problem}" for problem in rule]
    problems += [f"steps.{key}: {problem}" for problem in _who_problems(definition, key, step, sample)]
    if len({*keys}) == len(keys):
        problems += [f"steps.{key}: {problem}" for problem in _words_problems(step)]
    problems += [f"steps.{key}: {problem}" for problem in deadline_problems(definition, step, sample)]
    problems += [f"steps.{key}: expire: {problem}" for problem in silence_problems(definition, key, step)]
    problems += [f"steps.{key}: questions: {problem}" for problem in question_problems(definition, key, step)]
    problems += [f"steps.{key}: form: {problem}" for problem in step_form_problems(definition, key, step)]
    problems += [f"steps.{key}: {problem}" for problem in keep_if_problems(definition, step)]
    problems += [f"steps.{key}: {problem}" for problem in mail_problems(definition, key, step)]
    problems += [f"steps.{key}: {problem}" for problem in undo_problems(step)]
    for one in step.outcomes:
        if isinstance(one.comment, Condition):
            problems += [
                f"steps.{key}: {one.key}: {problem}"
                for problem in _condition_problems(one.comment.when, sample)
            ]
    # Where one returns the request, and that could not be written out, the way of it is missing for that reason.
    returning = {one.key for one in step.outcomes if one.returns is not None}
    return problems + _ways_problems(
        definition, key, [one for one in step.result_keys if one not in returning]
    )


def _ways_problems(definition: Definition, key: str, outcomes: Sequence[str]) -> list[str]:
    """Each outcome has to lead on, whatever the conditions say."""
    problems = []
    for outcome in outcomes:
        ways = [t for t in definition.transitions if t.from_ == key and t.outcome == outcome]
        if not ways:
            problems.append(f"steps.{key}: nothing follows {outcome}")
        elif ways[-1].when is not None:
            problems.append(
                f"steps.{key}: what if no condition holds on {outcome}? End with a way that has none"
            )
        if any(t.when is None for t in ways[:-1]):
            problems.append(
                f"steps.{key}: on {outcome}, ways after the one without a condition are never taken"
            )
    return problems


def _who_problems(
    definition: Definition, key: str, step: ApprovalStep, sample: dict[str, Any]
) -> Iterator[str]:
    """Of the lines of `ask`, of `nobody`, of `escalate` and of `not_same_as`."""
    rungs = ((f"escalate, number {number}", rung.lines) for number, rung in enumerate(step.rungs, start=1))
    for name, lines in (("ask", step.ask), ("nobody.ask", step.others), *rungs):
        for number, who in enumerate(lines, start=1):
            for problem in _line_problems(definition, key, who, sample):
                yield f"{name}, number {number}: {problem}"
    if step.skips_to and step.skips_to not in step.outcome_keys:
        yield f"nobody: {step.skips_to} is no outcome here"
    if _skips_back(definition, key):
        yield "nobody: skipping leads back here, so the request would go round for ever without anybody"
    for other in step.not_same_as or ():
        if other == key:
            yield "not_same_as: a step cannot name itself"
        else:
            yield from (f"not_same_as: {problem}" for problem in _approval_problems(definition, other))


def _approval_problems(definition: Definition, name: str) -> Iterator[str]:
    """Of a name that stands for a step that asks people."""
    step = definition.steps.get(name)
    if not isinstance(step, ApprovalStep) and not is_unknown_yet(definition, name):
        yield f"there is no approval step {name}{hint(definition, name)}"


def _notice_problems(
    definition: Definition, key: str, step: NoticeStep, sample: dict[str, Any]
) -> Iterator[str]:
    for number, who in enumerate(step.to, start=1):
        for problem in _line_problems(definition, key, who, sample):
            yield f"to, number {number}: {problem}"
    yield from (f"form: {problem}" for problem in step_form_problems(definition, key, step))
    yield from mail_problems(definition, key, step)


def _process_named(definition: Definition, processes: Included, key: str) -> Definition | None:
    """A process that a step names: what is published now as its newest version, or the one that is being checked."""
    if key == definition.key:
        return definition
    read = processes.of(key)
    return None if read is None else read[1]


def outcomes_of(definition: Definition, step: Step, processes: Included) -> Sequence[str]:
    """What transitions from a step can be for."""
    if isinstance(step, IncludeStep | CallStep):
        named = _process_named(definition, processes, step.process)
        results = () if named is None else results_of(named)
        if isinstance(step, IncludeStep):
            return results
        by_clock = [named.longest.result] if named is not None and named.longest is not None else []
        return tuple(dict.fromkeys([*results, *by_clock, WITHDRAWN]))
    if isinstance(step, ApprovalStep):
        return tuple(dict.fromkeys([*step.outcome_keys, *step.result_keys]))
    return step.outcome_keys


def _call_problems(
    definition: Definition, step: CallStep, sample: dict[str, Any], processes: Included
) -> Iterator[str]:
    called = _process_named(definition, processes, step.process)
    if called is None:
        yield f"there is no process {step.process} that is published"
        return
    fields = {field.name: field for field in called.fields}
    for name, expression in step.data.items():
        if name not in fields:
            yield f"data: the form of {step.process} has no field {name}"
        elif fields[name].type == "files" or fields[name].computed is not None:
            yield f"data: {name} of {step.process} cannot be filled in: it is computed, or holds files"
        else:
            yield from (f"data: {name}: {problem}" for problem in _value_problems(expression, sample))
            chosen = chosen_amounts(definition)
            yield from (
                f"data: {name}{problem}" for problem in mixed_problems(fields[name], expression, chosen)
            )
    needed = [name for name in schema_of(called).get("required", ()) if name not in step.data]
    yield from (f"data: the form of {step.process} needs {name}" for name in needed)
    files = [
        one.name
        for one in fields.values()
        if one.type == "files" and one.required and one.show is None and one.name not in called.entered_later
    ]
    yield from (f"the form of {step.process} needs files ({name}), which no step can give" for name in files)


def _value_problems(expression: str, sample: dict[str, Any]) -> Iterator[str]:
    yield from earlier.problems(expression, sample)
    try:
        for values in earlier.tried_with(expression, sample):
            value_of(expression, values)
    except ConditionError as error:
        # A map that does not know the sample's value may know everything that people enter.
        if not isinstance(error.__cause__, LookupError):
            yield str(error)


def _wait_problems(definition: Definition, step: WaitStep, sample: dict[str, Any]) -> Iterator[str]:
    if step.until is None:
        return
    if _SPEAKS_OF_TIME.search(step.until):
        yield NO_DATES
        return
    problems = [*_condition_problems(step.until, sample)]
    if problems:
        yield from problems
        return
    names = names_in(step.until)
    timed = [field.name for field in definition.fields if field.type in TIMES and field.name in names]
    yield from (f"{name} is a date or a time, and {NO_DATES}" for name in timed)
    paths = paths_to_today(definition)
    yield from (
        f"{name} depends on the day ({_in_words(paths[name])}), and {NO_DATES}"
        for name in sorted(names & paths.keys())
    )
    # What always holds waits for nothing: it only chooses a way.
    if not names and not holds(step.until, sample):
        yield "nothing could ever change what it comes to; name a field, or say signal: KEY"


def _in_words(path: Sequence[str]) -> str:
    """Parts of a form from one to the next; those without a name by their number."""
    return " → ".join(f"part {int(key) + 1}" if key.isdecimal() else key for key in path)


def _line_problems(definition: Definition, key: str, who: Who, sample: dict[str, Any]) -> Iterator[str]:
    conditions = [] if who.if_ is None else [(who.if_, sample)]
    if who.managers is not None:
        conditions.append((who.managers.until, {**sample, LIMIT: 1.0}))
        if LIMIT in sample:
            yield f"a field of the form is called {LIMIT}, as a manager's approval limit is here; rename it"
    for condition, values in conditions:
        yield from _condition_problems(condition, values)
    yield from _currency_problems(definition, who)
    types = {field.name: field.type for field in definition.fields}
    for name in filter(None, (who.field, who.manager_of)):
        if name not in types:
            yield f"there is no field {name}"
        elif types[name] not in NAMES_PEOPLE:
            known = ", ".join(NAMES_PEOPLE)
            yield f"{name} is of type {types[name]}; a field that names somebody is of type {known}"
    if who.decided is not None:
        yield from _approval_problems(definition, who.decided)
    if who.from_answer is not None:
        yield from earlier.answer_problems(definition, key, who.from_answer)
    if who.expression is not None:
        yield from _expression_problems(who.expression, sample)
    if who.table is not None:
        yield from _table_problems(who.table, who.with_ or {}, sample)


def _currency_problems(definition: Definition, who: Who) -> Iterator[str]:
    """Of a limit that is compared with an amount in whatever currency was chosen."""
    sources = [who.managers.until] if who.managers is not None else [*(who.with_ or {}).values()]
    try:
        names = {name for source in sources for name in names_in(source)}
    except ConditionError:
        return  # said elsewhere
    yield from (
        f"{name} may be in several currencies; look at {name}{CURRENCY} too"
        for name in chosen_amounts(definition)
        if name in names and name + CURRENCY not in names
    )


def _expression_problems(expression: str, sample: dict[str, Any]) -> Iterator[str]:
    yield from earlier.problems(expression, sample)
    try:
        for values in earlier.tried_with(expression, sample):
            entries_of(expression, values)
    except ConditionError as error:
        # A map that does not know the sample's value may know everything that people enter.
        if not isinstance(error.__cause__, LookupError):
            yield str(error)


def _table_problems(key: str, expressions: dict[str, str], sample: dict[str, Any]) -> Iterator[str]:
    version = authority.newest(key)
    if version is None:
        yield f"there is no table {key}; import it first: placet table import {key} FILE.csv"
        return
    rows = authority.rows_of(version)
    if rows.is_list:
        yield f"the table {key} is a list: it has no column ask, for who is asked"
        return
    columns = matched_columns(rows.columns)
    names = [column.name for column in columns]
    yield from (f"with: the table {key} has no column {name}" for name in expressions if name not in names)
    yield from (f"with: the table {key} has a column {name}" for name in names if name not in expressions)
    for column in columns:
        if column.name in expressions:
            expression = expressions[column.name]
            yield from earlier.problems(expression, sample)
            try:
                for values in earlier.tried_with(expression, sample):
                    authority.value_sought(column, expression, values)
            except ConditionError as error:
                if not isinstance(error.__cause__, LookupError):  # as in `_expression_problems`
                    yield str(error)


def _skips_back(definition: Definition, key: str) -> bool:
    """Whether a step that is skipped can be reached by skipping on from there."""
    seen: set[str] = set()
    waiting = [key]
    while waiting:
        step = definition.steps.get(here := waiting.pop())
        if not isinstance(step, ApprovalStep) or not step.skips_to:
            continue
        ways = [t for t in definition.transitions if t.from_ == here and t.outcome == step.skips_to]
        onward = {way.to for way in ways if way.to is not None}
        if key in onward:
            return True
        waiting += onward - seen
        seen |= onward
    return False


def _rule_problems(step: ApprovalStep) -> Iterator[str]:
    if isinstance(step.rule, int) and step.rule < 1:
        yield "at least one person must answer"
    short = step.rule != "first" and not isinstance(step.rule, tuple)
    if short and not step.is_task and {*step.outcome_keys} - {APPROVE, REJECT}:
        yield f"rule {step.rule} is about approving; with other outcomes say for each what it needs, in a list"
    if not isinstance(step.rule, tuple):
        if step.otherwise is not None or step.early is not None:
            yield f"otherwise and early belong to a rule that is a list, not to {step.rule}"
        if step.wait_for_all is not None:
            yield f"wait_for_all belongs to a rule that is a list, not to {step.rule}"
        return
    named = [line.outcome for line in step.rule]
    yield from (
        f"the rule names {one}, which is no outcome here" for one in named if one not in step.outcome_keys
    )
    yield from (
        f"the rule names {one} twice" for one in sorted({one for one in named if named.count(one) > 1})
    )
    counting = [outcome.key for outcome in step.outcomes if outcome.counts]
    yield from (f"the rule does not say what {one} needs" for one in counting if one not in named)
    if step.otherwise is None:
        yield "what if no line of the rule holds in the end? Say otherwise: with an outcome"
    elif step.otherwise not in step.outcome_keys:
        yield f"otherwise: {step.otherwise} is no outcome here"


def _words_problems(step: ApprovalStep) -> list[str]:
    """Answers that a reply could not give: the reader knows other words better than the author of a process can."""
    if not any(outcome.label is not None or outcome.words for outcome in step.outcomes):
        return []
    problems: list[str] = import_string(settings.CHECK_WORDS)(step)
    return problems


def _condition_problems(condition: str, sample: dict[str, Any]) -> Iterator[str]:
    if problem := undecided_problem(condition):
        yield problem
        return
    try:
        compile_condition(condition)
        missing = [*dict.fromkeys(earlier.problems(condition, sample))]
        yield from missing
        for values in () if missing else earlier.tried_with(condition, sample):
            holds(condition, values)
    except ConditionError as error:
        yield str(error)


def _transition_problems(
    definition: Definition,
    number: int,
    transition: Transition,
    sample: dict[str, Any],
    processes: Included,
) -> list[str]:
    where = f"transitions, number {number}"
    problems = []
    start = definition.steps.get(transition.from_)
    if not isinstance(start, HAS_OUTCOMES):
        problems.append(f"{where}: there is no step {transition.from_} that has outcomes")
    elif transition.outcome not in outcomes_of(definition, start, processes):
        problems.append(f"{where}: {transition.from_} has no outcome {transition.outcome}")
    elif isinstance(start, ApprovalStep) and transition.outcome not in start.result_keys:
        problems.append(
            f"{where}: {transition.from_} never comes to {transition.outcome}, which does not count there"
        )
    if transition.to is not None and transition.to not in definition.steps:
        problems.append(f"{where}: there is no step {transition.to}")
    if transition.when is not None:
        problems += [f"{where}: {problem}" for problem in _condition_problems(transition.when, sample)]
    return problems


def _block_problems(
    definition: Definition, key: str, block: ParallelStep, sample: dict[str, Any]
) -> Iterator[str]:
    for name, branch in block.branches.items():
        if not KEY.fullmatch(name):
            yield f"steps.{key}: “{name}” is not a key of a branch (a-z, 0-9, - and _)"
        if not isinstance(definition.steps.get(branch.start), HAS_OUTCOMES):
            yield f"steps.{key}: branch {name} has to start with a step, and {branch.start} is none"
        for problem in () if branch.when is None else _condition_problems(branch.when, sample):
            yield f"steps.{key}: branch {name}: {problem}"
    named = [line.outcome for line in block.result]
    for one in sorted({one for one in named if named.count(one) > 1}):
        yield f"steps.{key}: the result names {one} twice"
    for line in block.result:
        if line.most_needed() > len(block.branches):
            yield f"steps.{key}: {line.outcome} needs more branches than there are"
    for one in sorted(block.labels.keys() - {*block.outcome_keys}):
        yield f"steps.{key}: labels name {one}, which is no result here"
    yield from _ways_problems(definition, key, block.outcome_keys)


def _reach_problems(definition: Definition, processes: Included) -> list[str]:
    """Of a process that is connected. Steps that no way leads to have no place, and nothing more is said of them."""
    places = definition.places
    problems = [f"steps.{key}: no way leads here" for key in _unreached(definition)]
    ends = any(isinstance(definition.steps[key], EndStep) for key in _led_to(definition))
    if not ends:
        problems.append("steps: the process never ends")
    branches = [*_branch_problems(definition)]
    problems += branches
    if ends and not branches:
        ending = _ending(definition)
        problems += [
            f"steps.{key}: no way leads on from here to an end" for key in places if key not in ending
        ]
    return [*problems, *problems_of_calls(definition, partial(_process_named, definition, processes))]


def _led_to(definition: Definition) -> set[str]:
    """The steps that a request can come to."""
    reached: set[str] = set()
    waiting = [definition.start]
    while waiting:
        key = waiting.pop()
        if key in reached:
            continue
        reached.add(key)
        waiting += definition.ways_from(key)
        step = definition.steps[key]
        if isinstance(step, ParallelStep):
            waiting += [branch.start for branch in step.branches.values()]
    return reached


def _unreached(definition: Definition) -> Iterator[str]:
    reached = _led_to(definition)
    return (key for key in definition.steps if key not in reached)


def _branch_problems(definition: Definition) -> Iterator[str]:
    """Each branch has steps of its own, begins where only its block leads to, and ends as something that the block
    knows."""
    places = definition.places
    if max(map(len, places.values())) > DEEPEST_BLOCKS:
        yield f"steps: blocks stand in each other more than {DEEPEST_BLOCKS} deep"
    for key, step in definition.steps.items():
        if isinstance(step, ParallelStep) and key in places:
            for name, branch in step.branches.items():
                if places[branch.start] != (*places[key], (key, name)):
                    yield (
                        f"steps.{key}: branch {name} starts with {branch.start}, which is also reached without it; "
                        "give it a step of its own"
                    )
    for number, transition in enumerate(definition.transitions, start=1):
        if transition.from_ in places:
            yield from _branch_way_problems(definition, number, transition)
    yield from _result_problems(definition)


def _branch_way_problems(definition: Definition, number: int, transition: Transition) -> Iterator[str]:
    where, here = f"transitions, number {number}", definition.places[transition.from_]
    if transition.to is not None:
        there = definition.places[transition.to]
        if here[: len(there)] != there:
            yield (
                f"{where}: {transition.to} stands in another branch than {transition.from_}; no way leads into one. "
                "End the branch with a result of its own, and lead on from the block"
            )
        return
    if not here:
        yield f"{where}: {transition.from_} stands in no branch that could end"
        return
    block, _branch = here[-1]
    known = [line.outcome for line in definition.block(block).result]
    if transition.ends_branch not in known:
        yield f"{where}: the result of {block} does not say what {transition.ends_branch} means there"


def _result_problems(definition: Definition) -> Iterator[str]:
    ends: dict[str, set[str | None]] = {}
    for transition in definition.transitions:
        for block, _branch in definition.places.get(transition.from_, ())[-1:]:
            ends.setdefault(block, set()).add(transition.ends_branch)
    for key, step in definition.steps.items():
        if isinstance(step, ParallelStep) and key in definition.places:
            for line in step.result:
                if line.outcome not in ends.get(key, ()):
                    yield f"steps.{key}: the result names {line.outcome}, as which no branch ends"


def _ending(definition: Definition) -> set[str]:
    """The steps from which a way leads to an end, to the end of their branch, or out of it."""
    places = definition.places
    ending = {key for key, step in definition.steps.items() if isinstance(step, EndStep)}
    ways = [t for t in definition.transitions if t.from_ in places]
    while True:
        more = {
            t.from_
            for t in ways
            if t.to is None or t.to in ending or len(places[t.to]) < len(places[t.from_])
        } - ending
        if not more:
            return ending
        ending |= more
