"""The graph of actions → steps, transitions and blocks.

What WorkflowGen draws does not mean what XPDL says of it. Joins of actions are ways that exclude each other, and are
not looked at: an action never waits. A route with several ways in is a bar, which waits for what runs. A split takes
every way that holds; nearly always its conditions exclude each other, and then it is a list of transitions. Where two
of them can hold at once and lead to one bar, it is a block.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from math import prod
from typing import Any

from django.utils.translation import gettext as _

from placet.approvals.deadlines import EXPIRED
from placet.approvals.undecided import is_undecided
from placet.workflowgen.actions import Action, Actions, action_place
from placet.workflowgen.asking import Asking
from placet.workflowgen.comparing import Comparing, way_place
from placet.workflowgen.expressions import (
    FALSE,
    TRUE,
    Is,
    Tree,
    Trials,
    all_of,
    any_of,
    assumed,
    comparisons,
    holds,
    negated,
    unread,
)
from placet.workflowgen.fields import Fields
from placet.workflowgen.limits import due_of, is_timeout, limit_of
from placet.workflowgen.report import Report
from placet.workflowgen.texts import name_of, unused
from placet.workflowgen.xpdl import Activity, Exported, Way

DONE = "done"
LEAVES = 200  # ways that one step may come to, over routes
MOST_TURNS = 1000  # of following routes, for one answer of one step
MOST_BRANCHES = 20
MOST_BARS = 20
DEEPEST = 30  # routes behind each other
RESULTS = {"approve": "approved", "reject": "rejected"}
STOPPED = "stopped"  # the result where the file leads nowhere
FAVOURABLE = ("approve", DONE, "arrived")  # answers of which an end may say that all is done
NO_ANSWER = Is("\0", EXPIRED)  # compared with nothing of a file: holds where an action was not done in time
Known = Callable[[Is], bool | None]
Onward = list[tuple[Tree, str]]  # conditions and nodes, of which the first that holds is taken


@dataclass
class Block:
    key: str
    bar: str
    branches: dict[str, dict[str, str]]
    words: dict[tuple[str, str], str] = field(
        default_factory=dict
    )  # of an action's outcomes, at the end of a branch
    result: list[dict[str, Any]] = field(default_factory=list)
    otherwise: str = DONE
    onward: dict[str, Onward] = field(default_factory=dict)  # by result
    outside: frozenset[str] = frozenset()  # actions that are also reached without it
    place: "Place" = ()  # of which blocks it is a part

    def word(self, action: str, outcome: str) -> str:
        if outcome == EXPIRED and self.words:
            return EXPIRED
        return self.words.get((action, outcome), DONE)


Place = tuple[Block, ...]


class Graph:
    def __init__(
        self, exported: Exported, actions: Actions, fields: Fields, asking: Asking, report: Report
    ) -> None:
        self.exported, self.actions, self.fields, self.asking, self.report = (
            exported,
            actions,
            fields,
            asking,
            report,
        )
        self.steps: dict[str, dict[str, Any]] = {}
        self.comments: dict[str, str] = {}  # step → where it came from
        self.transitions: list[dict[str, Any]] = []
        self.ends: dict[str, str] = {}  # result → step
        self.places: dict[str, Place] = {}
        self.waiting: list[str] = []
        self.entry = ""
        self.blocks: dict[tuple[str, frozenset[tuple[str, Tree]]], Block] = {}  # by where they begin
        self.trials = Trials()
        self._order: dict[tuple[str, str], bool] = {}
        self._next: dict[str, list[str]] = {}
        self.used_keys = {action.step for action in actions.by_key.values()}
        self.comparing = Comparing(exported, actions, fields, report)
        self.conditions, self.known = self.comparing.conditions, self.comparing.known
        timed = {key for key, action in actions.by_key.items() if due_of(action.activity)}
        self.timeouts = {way for way in exported.ways if way.source in timed and is_timeout(way)}
        self.followed: set[str] = set()  # nodes whose ways were looked at
        self.taken: set[Way] = set()  # ways that at least one answer takes
        #: What stands before each of the ways that are taken at once, if the draft can only take one; by node and ways.
        self.forks: dict[tuple[str, frozenset[Way]], Tree] = {}

    # --- what the graph says ------------------------------------------------------------------------------

    def is_bar(self, key: str) -> bool:
        activity = self.exported.activities[key]
        return (
            activity.is_route and len(self.exported.ways_to(key)) >= 2 and bool(self.exported.ways_from(key))
        )

    def is_passed_through(self, key: str) -> bool:
        """A route that only chooses, or an action that runs a program and was left out."""
        return key not in self.actions.by_key and bool(self.exported.ways_from(key))

    def ways_on(self, key: str, known: Known) -> Iterator[tuple[Way, Tree]]:
        """In their order, those that can be taken at all; ways otherwise last."""
        self.followed.add(key)
        if key in self.actions.by_key and known(NO_ANSWER):
            ways = self._timeouts(key)
        else:
            ways = [way for way in self.exported.ways_from(key) if way.kind != "EXCEPTION"]
        for way in sorted(ways, key=lambda way: way.kind == "OTHERWISE"):
            tree = assumed(self.conditions[way], known)
            # One that always leads back would never end.
            if tree == FALSE or (way.source == way.target and way.kind in ("", "OTHERWISE")):
                continue
            yield way, tree

    def _timeouts(self, key: str) -> list[Way]:
        """The ways of an action that is not done in time, if its step has a deadline."""
        return [way for way in self.exported.ways_from(key) if way in self.timeouts]

    def _say_ways_left(self) -> None:
        """Those that lead on from what is in the draft, and that no answer takes there; and routes."""
        for key, activity in self.exported.activities.items():
            if activity.is_route and key in self.followed and not self._is_end_of_block(key):
                self.report.taken(action_place(activity), _("It asks nobody: its ways became transitions."))
            elif activity.is_route and not self.exported.ways_from(key):
                self.report.taken(action_place(activity), _("It became the ends of the process."))
            elif activity.is_route and key not in self.followed:
                self.report.left_out(
                    action_place(activity), _("No way leads there, so it is not in the draft.")
                )
        for way in self.exported.ways:
            if way.source not in self.followed:
                continue
            if way in self.taken:
                continue
            if way.kind == "EXCEPTION":
                self._say_exception(way)
            elif any(
                compared.field in self.comparing.drafts for compared in comparisons(self.conditions[way])
            ):
                text = _("It saved the form as a draft, which Placet does for every request that is begun.")
                self.report.changed(way_place(way), text)
            elif way.source == way.target:
                self.report.left_out(way_place(way), _("It leads back to the action that it comes from."))
            else:
                text = _(
                    "No answer leads there: ways before it, or what its condition says, leave it nothing."
                )
                self.report.left_out(way_place(way), text)

    def _is_end_of_block(self, key: str) -> bool:
        return any(block.bar == key for block in self.blocks.values())

    def _say_exception(self, way: Way) -> None:
        text = _("On {what} WorkflowGen went on to {target}. The limit was {limit}.").format(
            what=way.condition or "EXCEPTION",
            target=way.target,
            limit=_limit_of(self.exported.activities[way.source]),
        )
        self.report.left_out(way_place(way), text)

    def onward(self, key: str, known: Known, stop: frozenset[str]) -> Onward:
        """Where it goes on, over routes and what was left out; the first whose condition holds counts."""
        return self._follow(key, known, stop, (), [MOST_TURNS])

    def _follow(
        self, key: str, known: Known, stop: frozenset[str], before: tuple[str, ...], turns: list[int]
    ) -> Onward:
        """`turns`: how many are left, so that routes that lead to each other over and over come to an end."""
        turns[0] -= 1
        onward: Onward = []
        if turns[0] < 0 or len(before) > DEEPEST:
            return onward
        at_once = self._taken_at_once(key, known)
        is_taken = False  # one of them, for certain, though a route behind it may lead nowhere
        for way, holds_if in self.ways_on(key, known):
            if is_taken and way.kind == "OTHERWISE" and way not in at_once:
                break
            self.taken.add(way)
            target, is_taken = way.target, is_taken or holds_if == TRUE
            tree = all_of([holds_if, at_once.get(way, TRUE)])
            if target in stop or not self.is_passed_through(target):
                onward.append((tree, target))
            elif target not in before:
                more = self._follow(target, known, stop, (*before, target), turns)
                onward += [(all_of([tree, further]), node) for further, node in more]
            if (onward and onward[-1][0] == TRUE) or len(onward) >= LEAVES:
                break
        return onward[:LEAVES]

    # --- steps --------------------------------------------------------------------------------------------

    @property
    def filled(self) -> list[str]:
        """Patterns of the fields that steps fill in."""
        return [one for step in self.steps.values() for one in step.get("form", {}).get("fill", ())]

    def build(self, entry: str, *, is_form: bool) -> str:
        """The key of the first step."""
        self.entry = entry
        if is_form:
            first = self._first(entry)
        else:
            self._reach(entry, ())
            first = self.actions.by_key[entry].step
        while self.waiting:
            self._step(self.waiting.pop(0))
        for key, action in self.actions.by_key.items():
            if key not in self.places and key != entry:
                self.report.decide(action.place, _("No way leads there, so it is not in the draft."))
        self._say_ways_left()
        return first

    def _first(self, entry: str) -> str:
        fork = self._fork(entry, self.known, ())
        block = self._block(fork, self.known, ())
        if block is not None:
            begins = any_of([tree for way, tree in self.ways_on(fork, self.known) if way.kind != "OTHERWISE"])
            if self._always_begins(begins):
                self._write_block(block, ())
                return block.key
            key = self._begin(entry)
            self._write_into_block(key, "arrived", block, fork, self.known, ())
            return key
        onward = self.onward(entry, self.known, frozenset())
        targets = [node for tree, node in onward if tree == TRUE]
        if len(onward) == 1 and targets:
            return self._destination(targets[0], (), "", "")["to"]
        key = self._begin(entry)
        self._write_ways(key, "arrived", onward, (), entry)
        return key

    def _begin(self, entry: str) -> str:
        """A step that only chooses."""
        key = unused("begin", self.used_keys, "_")
        self.steps[key] = {"kind": "wait", "name": self.asking.words["begin"], "until": "true"}
        self.comments[key] = _("chooses the first step, as the ways from {key} do").format(key=entry)
        return key

    def _reach(self, key: str, place: Place) -> bool:
        """False where it stands elsewhere already, from where no way leads into this branch."""
        if key in self.places:
            known = self.places[key]
            return place[: len(known)] == known
        while place and key in place[-1].outside:
            place = place[:-1]
        self.places[key] = place
        self.waiting.append(key)
        return True

    def _step(self, key: str) -> None:
        action, place = self.actions.by_key[key], self.places[key]
        self.steps[action.step] = self.asking.step(action)
        self.comments[action.step] = f"{action.activity.key}: {action.activity.label}"
        self._limit(action)
        for outcome, known in self._outcomes(action):
            fork = self._fork(key, known, place)
            block = self._block(fork, known, place)
            if block is not None:
                self._write_into_block(action.step, outcome, block, fork, known, place)
            else:
                onward = self.onward(key, known, self._stop(place))
                self._write_ways(action.step, outcome, onward, place, key)

    def _outcomes(self, action: Action) -> Iterator[tuple[str, Known]]:
        """What the step can come to, with what is known then."""
        if not action.answers:
            yield DONE, self.known
        for answer in action.answers:
            yield answer.key, self._knowing(action, answer.value)
        if self._timeouts(action.activity.key):
            yield EXPIRED, self._knowing(action, None)

    def _knowing(self, action: Action, value: str | None) -> Known:
        """`value`: of the answer; None where nobody answered in time."""

        def known(compared: Is) -> bool | None:
            if compared == NO_ANSWER:
                return value is None
            is_passed_over = self.comparing.is_passed_over(compared.field)
            if action.decision_data and compared.field == action.decision_data and not is_passed_over:
                return compared.value == value
            return self.known(compared)

        return known

    def _stop(self, place: Place) -> frozenset[str]:
        return frozenset(block.bar for block in place)

    def _limit(self, action: Action) -> None:
        activity = action.activity
        due, limit = due_of(activity), _limit_of(activity)
        if due:
            self._deadline(action, due, limit)
        elif activity.limit:
            self.report.left_out(
                action.place, _("Its limit of {limit} is not in the draft.").format(limit=limit)
            )

    def _deadline(self, action: Action, due: str, limit: str) -> None:
        step, place = self.steps[action.step], action.place
        step["due"] = due
        if action.activity.working_hours:
            text = _(
                "Its limit of {limit} became the deadline “{due}”. What is working time the calendar says that the "
                "draft names; if it names none, that of the one person asked, or of the installation."
            )
            self.report.changed(place, text.format(limit=limit, due=due))
        else:
            text = _("Its limit of {limit} became the deadline “{due}”.")
            self.report.taken(place, text.format(limit=limit, due=due))
        if self._timeouts(action.activity.key):
            step["expire"] = {}
            text = _("If nobody answers in time it goes on as on TIMEOUT, with the outcome {outcome}.")
            self.report.taken(place, text.format(outcome=EXPIRED))
        if action.activity.notifies_late:
            self._notify_late(action)

    def _notify_late(self, action: Action) -> None:
        step = self.steps[action.step]
        if "expire" in step:  # a reminder would ask for an answer that counts no more
            text = _("WorkflowGen wrote to whoever was late. The step is at its end then, and whoever was asked is "
                     "told that.")  # fmt: skip
            self.report.changed(action.place, text)
        else:
            step["remind"] = ["when due"]
            self.report.taken(action.place, _("Whoever has not answered by then is reminded."))

    # --- ways ---------------------------------------------------------------------------------------------

    def _write_ways(self, step: str, outcome: str, onward: Onward, place: Place, source: str) -> None:
        """Transitions of one outcome; the last one has no condition."""
        ways = []
        for tree, node in onward:
            way = {"from": step, "outcome": outcome}
            if tree != TRUE:
                way["when"] = self._in_cel(tree, source)
            ways.append(way)
            self.transitions.append(way)
            way |= self._destination(node, place, source, outcome)
            if tree == TRUE:
                break
        if not ways or "when" in ways[-1]:
            self._say_last(outcome, onward, source)
            ways.append(self._write_last(step, outcome, place, source, is_open=bool(onward)))
        self._say_undecided(ways, source)

    def _in_cel(self, tree: Tree, source: str) -> str:
        return self.comparing.in_cel(tree, action_place(self.exported.activities[source]))

    def _say_last(self, outcome: str, onward: Onward, source: str) -> None:
        if not self.exported.ways_from(source):
            return
        if not onward:
            text = _("Nothing follows the answer {outcome}; in the draft the request ends there.")
        else:
            text = _("It is not said what follows the answer {outcome} if no condition holds; in the draft the request "
                     "ends there.")  # fmt: skip
        self.report.decide(action_place(self.exported.activities[source]), text.format(outcome=outcome))

    def _write_last(
        self, step: str, outcome: str, place: Place, source: str, *, is_open: bool
    ) -> dict[str, Any]:
        """What happens if no condition holds: in WorkflowGen nothing, so the request is at its end there.

        `is_open`: there are conditions that might have led further, so that a yes is not all that was wanted.
        """
        way = {"from": step, "outcome": outcome}
        self.transitions.append(way)
        if place:
            way |= self._end_of_branch(place[-1], source, outcome)
        else:
            way["to"] = self.end(STOPPED if is_open and outcome in FAVOURABLE else outcome)
        return way

    def _say_undecided(self, ways: list[dict[str, Any]], source: str) -> None:
        """What would become of an answer if somebody took a way out that they cannot read."""
        last = ways[-1]
        for way in ways:
            if not is_undecided(way.get("when", "")):
                continue
            if "ends_branch" in last:
                text = _("Somebody has to write when the answer {outcome} leads from {step} to {target}. Without that "
                         "way it would end the branch as “{result}” wherever no other condition holds.")  # fmt: skip
            elif self.steps.get(last["to"], {}).get("kind") == "end":
                text = _("Somebody has to write when the answer {outcome} leads from {step} to {target}. Without that "
                         "way it would end the request as “{result}” wherever no other condition holds.")  # fmt: skip
            else:
                text = _("Somebody has to write when the answer {outcome} leads from {step} to {target}. Without that "
                         "way it would lead to {result} wherever no other condition holds.")  # fmt: skip
            target = way.get("to") or way["ends_branch"]
            result = last.get("ends_branch") or self.steps.get(last["to"], {}).get("result") or last["to"]
            self.report.decide(
                action_place(self.exported.activities[source]),
                text.format(outcome=way["outcome"], step=way["from"], target=target, result=result),
            )

    def _end_of_branch(self, block: Block, source: str, outcome: str) -> dict[str, str]:
        word = block.word(source, outcome)
        if word == EXPIRED and {EXPIRED: "any"} not in block.result:
            # For the bar a branch without an answer is one that did not agree. It counts less than any answer.
            block.result.append({EXPIRED: "any"})
            self._write_ways(block.key, EXPIRED, block.onward[block.otherwise], block.place, block.bar)
        return {"ends_branch": word}

    def _destination(self, node: str, place: Place, source: str, outcome: str) -> dict[str, str]:
        if place and node == place[-1].bar:
            return self._end_of_branch(place[-1], source, outcome)
        if node in self.actions.by_key:
            if self._reach(node, place):
                return {"to": self.actions.by_key[node].step}
            self.report.decide(
                action_place(self.exported.activities[node]),
                _(
                    "A way leads into the middle of steps that run side by side. In the draft the branch ends instead."
                ),
            )
        elif place:
            self.report.changed(
                action_place(self.exported.activities[source]),
                _("Its way to the end of the process ends its branch: the others go on."),
            )
        if place:
            return self._end_of_branch(place[-1], source, outcome)
        return {"to": self.end(outcome)}

    def end(self, outcome: str) -> str:
        """The end that fits the answer which led there."""
        result = RESULTS.get(outcome, outcome if outcome not in ("", "arrived") else DONE)
        if result not in self.ends:
            key = unused(name_of(f"end_{result}"), self.used_keys, "_")
            name = self.asking.words.get(result) or self.asking.label_of(outcome) or result
            self.steps[key] = {"kind": "end", "name": name, "result": result[:40]}
            self.ends[result] = key
        return self.ends[result]

    # --- blocks -------------------------------------------------------------------------------------------

    def _fork(self, key: str, known: Known, place: Place) -> str:
        """Where an answer's ways part: at the action itself, or at a route that it comes to for certain."""
        stop = self._stop(place)
        for _step in range(DEEPEST):
            ways = list(self.ways_on(key, known))
            if not ways or ways[0][1] != TRUE or any(way.kind != "OTHERWISE" for way, _tree in ways[1:]):
                break
            if self._several_otherwise(key, ways):
                break
            target = ways[0][0].target
            if (
                target in stop
                or not self.exported.activities[target].is_route
                or not self.is_passed_through(target)
            ):
                break
            self.taken.add(ways[0][0])
            key = target
        return key

    def _ways_at_once(self, key: str, known: Known) -> list[tuple[Way, Tree]]:
        """Its ways with a condition, or with none, if two of them can be taken at once."""
        if self.exported.activities[key].split == "XOR":
            return []
        ways = [(way, tree) for way, tree in self.ways_on(key, known) if way.kind != "OTHERWISE"]
        pairs = combinations(ways[: MOST_BRANCHES + 1], 2)
        return ways if any(self.trials.can_hold_together(a[1], b[1]) for a, b in pairs) else []

    def _several_otherwise(self, key: str, ways: Iterable[tuple[Way, Tree]]) -> list[tuple[Way, Tree]]:
        """Ways otherwise, if there are more than one; an exclusive split takes the first."""
        if self.exported.activities[key].split == "XOR":
            return []
        otherwise = [(way, tree) for way, tree in ways if way.kind == "OTHERWISE"]
        return otherwise if len(otherwise) > 1 else []

    def _taken_at_once(self, key: str, known: Known) -> Mapping[Way, Tree]:
        """What else stands before ways of which only one goes into the draft: those of a route between a condition and
        what follows, or of a bar; those of an action that are no block."""
        forks = [self._ways_at_once(key, known), self._several_otherwise(key, self.ways_on(key, known))]
        if forks[0] and self.exported.activities[key].is_route:
            self._not_a_block(key, forks[0])
        if forks[1]:
            self._not_a_block(key, forks[1])
        whole = [(ways, self.forks.get((key, frozenset(way for way, _tree in ways)), TRUE)) for ways in forks]
        return {way: tree for ways, tree in whole for way, _tree in ways if tree != TRUE}

    def _block(self, key: str, known: Known, place: Place) -> Block | None:
        """The branches that begin here, if several can be taken at once and one bar waits for them."""
        ways = self._ways_at_once(key, known)
        if not ways:
            return None
        starts = {self._real(way.target): tree for way, tree in ways}
        made = self.blocks.get((key, frozenset(starts.items())))
        if made is not None and made.place == place:
            self.taken |= {way for way, _tree in ways}
            return made
        bar = self._bar_of([start for start in starts if start in self.actions.by_key], place)
        outside = self._outside(key, starts, bar) if bar else frozenset()
        regions = [self._region(start, bar, outside) for start in starts]
        shared = any(a & b for a, b in combinations(regions, 2))
        used = any(start in outside or start in self.places for start in starts)
        if (
            not bar
            or len(starts) != len(ways)
            or len(starts) < 2
            or shared
            or used
            or len(starts) > MOST_BRANCHES
        ):
            self._not_a_block(key, ways)
            return None
        self.taken |= {way for way, _tree in ways}
        return self._made_block(key, bar, starts, regions, outside, place)

    def _not_a_block(self, key: str, ways: Sequence[tuple[Way, Tree]]) -> None:
        """The first one is taken where each asks for certain whatever another of them may ask."""
        fork = key, frozenset(way for way, _tree in ways)
        if fork in self.forks:
            return
        targets = ", ".join(way.target for way, _tree in ways)
        is_alike = self._are_alike([way.target for way, _tree in ways], key)
        self.forks[fork] = TRUE if is_alike else unread(_("{targets} at once").format(targets=targets))
        if is_alike:
            text = _("Several ways can be taken at once ({targets}), and no bar waits for them. The draft takes the "
                     "first whose condition holds.")  # fmt: skip
        else:
            text = _("Several ways can be taken at once ({targets}), no bar waits for them, and not all of them ask "
                     "the same approvals. Somebody has to write in the draft when each is taken, in place of "
                     "please_decide(…), or make a block of them; until then it cannot be published.")  # fmt: skip
        self.report.decide(action_place(self.exported.activities[key]), text.format(targets=targets))

    def _are_alike(self, targets: Collection[str], key: str) -> bool:
        """Whether ways from a node lead to the same, or none of them gets by an approval that another may lead to."""
        possible = frozenset[str]().union(*(self._approvals_behind(one, key) for one in targets))
        return len(set(targets)) == 1 or all(
            self._cannot_pass_by(target, key, approval) for target in targets for approval in possible
        )

    def _approvals_behind(self, target: str, key: str) -> frozenset[str]:
        """Those that a way leads to before it leads back to where it began, or to the start."""
        behind = self._reached([target], frozenset({key, self.entry}))
        return frozenset(
            one for one in behind if one in self.actions.by_key and self.actions.by_key[one].is_approval
        )

    def _cannot_pass_by(self, target: str, key: str, approval: str) -> bool:
        """Whether no end is reached from here without this approval."""
        without = self._reached([target], frozenset({key, self.entry, approval}))
        return all(self.exported.ways_from(node) for node in without)

    def _real(self, key: str) -> str:
        """Over what was left out, to what comes next for certain."""
        for _step in range(DEEPEST):
            ways = (
                list(self.ways_on(key, self.known))
                if self.is_passed_through(key) and not self.is_bar(key)
                else []
            )
            if len(ways) != 1 or ways[0][1] != TRUE:
                return key
            self.taken.add(ways[0][0])
            key = ways[0][0].target
        return key

    def _after(self, key: str) -> Sequence[str]:
        """Nodes that come next, whatever was answered."""
        if key not in self._next:
            self._next[key] = [
                way.target
                for way in self.exported.ways_from(key)
                if (way.kind != "EXCEPTION" or way in self.timeouts)
                and assumed(self.conditions[way], self.known) != FALSE
            ]
        return self._next[key]

    def _reached(self, starts: Iterable[str], without: frozenset[str]) -> frozenset[str]:
        seen: set[str] = set()
        waiting = list(starts)
        while waiting:
            key = waiting.pop()
            if key in seen or key in without:
                continue
            seen.add(key)
            waiting += self._after(key)
        return frozenset(seen)

    def _bar_of(self, starts: list[str], place: Place) -> str:
        """The nearest bar that every branch comes to."""
        if len(starts) < 2:
            return ""
        stop = frozenset(block.bar for block in place)
        common = frozenset.intersection(*(self._reached([start], stop) for start in starts))
        bars = [
            key for key in self.exported.activities if key in common and self.is_bar(key) and key not in stop
        ]
        return next(
            (bar for bar in bars if not any(self._comes_before(one, bar) for one in bars)), "".join(bars[:1])
        )

    def _comes_before(self, one: str, other: str) -> bool:
        """Whether a way leads from one to the other, and none back."""
        if (one, other) not in self._order:
            onward = self._reached(self._after(one), frozenset({one}))
            back = self._reached(self._after(other), frozenset({other}))
            self._order[one, other] = one != other and other in onward and one not in back
        return self._order[one, other]

    def _outside(self, key: str, starts: Mapping[str, Tree], bar: str) -> frozenset[str]:
        """Actions that are reached without going into a branch."""
        seen: set[str] = set()
        waiting = [self.entry, key, bar]
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            waiting += [
                after for after in self._after(node) if not (node == key and self._real(after) in starts)
            ]
        return frozenset(seen)

    def _region(self, start: str, bar: str, outside: frozenset[str]) -> frozenset[str]:
        return self._reached([start], outside | {bar}) if bar else frozenset()

    def _made_block(
        self,
        key: str,
        bar: str,
        starts: Mapping[str, Tree],
        regions: list[frozenset[str]],
        outside: frozenset[str],
        place: Place,
    ) -> Block:
        branches: dict[str, dict[str, str]] = {}
        for start, tree in starts.items():
            action = self.actions.by_key[start]
            branches[action.step] = {"start": action.step}
            if tree != TRUE:
                branches[action.step]["when"] = self._in_cel(tree, key)
        block = Block(
            key=unused(name_of(bar), self.used_keys, "_"),
            bar=bar,
            branches=branches,
            outside=outside,
            place=place,
        )
        self.blocks[key, frozenset(starts.items())] = block
        for start in starts:
            self._reach(start, (*place, block))
        self._results(block, regions, self._stop(place))
        self.report.taken(
            action_place(self.exported.activities[key]),
            _("{count} ways that can be taken at once became the block {block}, which {bar} ends.").format(
                count=len(starts), block=block.key, bar=bar
            ),
        )
        return block

    def _results(self, block: Block, regions: list[frozenset[str]], stop: frozenset[str]) -> None:
        """What the bar says of the answers in the branches: “if anybody agreed” and “if all did” are results of
        the block; anything else stays a condition behind it."""
        last = [self._last_of(region, block.bar) for region in regions]
        onward = self.onward(block.bar, self.known, stop)
        deciders = [action for action in last if action is not None]
        needs = self._needs(deciders, onward[0][0], block) if len(deciders) == len(last) and onward else ""
        if not needs:
            block.result, block.onward = [{DONE: "all"}], {DONE: onward}
            return
        words: dict[str, str] = {}
        for action in deciders:
            for answer in action.answers:
                word = RESULTS.get(answer.key, answer.key)
                block.words[action.activity.key, answer.key] = words.setdefault(answer.key, word)
        others = [word for word in words.values() if word != "approved"]
        # “If anybody agreed” waits for everybody: another one may still agree.
        lines = [{"approved": "any"}, *({word: "any"} for word in others)]
        block.result = lines if needs == "any" else [*lines[1:], {"approved": "all"}]
        block.otherwise = others[0]
        block.onward = {"approved": [(TRUE, onward[0][1])], **dict.fromkeys(others, onward[1:])}

    def _last_of(self, region: frozenset[str], bar: str) -> Action | None:
        ending = [key for key in region if bar in map(self._real, self._after(key))]
        action = self.actions.by_key.get(ending[0]) if len(ending) == 1 else None
        outcomes = [answer.key for answer in action.answers] if action is not None else []
        return action if "approve" in outcomes and len(outcomes) > 1 else None

    def _needs(self, deciders: list[Action], tree: Tree, block: Block) -> str:
        fields = [action.decision_data for action in deciders]
        if any(
            self.comparing.is_passed_over(one.decision_data)
            or self.comparing.entered_besides(one, one.decision_data)
            or self.comparing.initial_of(one.decision_data)
            for one in deciders
        ):
            return ""
        if (
            len(set(fields)) < len(fields)
            or {one.field for one in comparisons(tree)} != set(fields)
            or prod(len(action.answers) + 1 for action in deciders) > MOST_TURNS
        ):
            return ""
        agreed = [next(a.value for a in action.answers if a.key == "approve") for action in deciders]
        choices = [[None, *(answer.value for answer in action.answers)] for action in deciders]
        by_any = by_all = True
        for values in product(*choices):
            gave = [value == yes for value, yes in zip(values, agreed, strict=True)]
            result = holds(tree, dict(zip(fields, values, strict=True)))
            by_any &= result == any(gave)
            by_all &= result == all(gave)
        if by_any:
            return "any"
        return "all" if by_all and not any("when" in branch for branch in block.branches.values()) else ""

    def _write_into_block(
        self, step: str, outcome: str, block: Block, key: str, known: Known, place: Place
    ) -> None:
        """If none of its branches is taken, the way otherwise is; where there is none, the request goes no further."""
        ways = list(self.ways_on(key, known))
        begins = any_of([tree for way, tree in ways if way.kind != "OTHERWISE"])
        if self._always_begins(begins):
            self.transitions.append({"from": step, "outcome": outcome, "to": block.key})
        else:
            starts = [self._real(way.target) for way, _tree in ways if way.kind == "OTHERWISE"]
            onward: Onward = [
                (TRUE, node) for _tree, node in self.onward(key, known, self._stop(place)) if node in starts
            ]
            into = {"from": step, "outcome": outcome, "to": block.key, "when": self._in_cel(begins, key)}
            self.transitions.append(into)
            if onward:
                self._write_ways(step, outcome, onward[-1:], place, key)
                last = self.transitions[-1]
            else:
                text = _(
                    "If no branch of {block} begins the file leads nowhere; in the draft the request ends there."
                )
                self.report.decide(action_place(self.exported.activities[key]), text.format(block=block.key))
                last = self._write_last(step, outcome, place, key, is_open=True)
            self._say_undecided([into, last], key)
        self._write_block(block, place)

    def _always_begins(self, begins: Tree) -> bool:
        """Whether one of the branches is taken, whatever was entered."""
        return begins == TRUE or not self.trials.can_hold_together(negated(begins), TRUE)

    def _write_block(self, block: Block, place: Place) -> None:
        if block.key in self.steps:
            return
        bar = self.exported.activities[block.bar]
        self.steps[block.key] = {
            "kind": "parallel",
            "name": bar.label or block.key,
            "branches": block.branches,
            "result": block.result,
            "otherwise": block.otherwise,
        }
        self.comments[block.key] = f"{bar.key}: {bar.label}"
        results = dict.fromkeys([*(next(iter(line)) for line in block.result), block.otherwise])
        for result in results:
            self._write_ways(block.key, result, block.onward.get(result, []), place, block.bar)


def _limit_of(activity: Activity) -> str:
    return limit_of(activity.limit, activity.limit_unit, activity.working_hours)
