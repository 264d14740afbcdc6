"""What becomes of a request: a model of a few lines that walks a tree (`random_processes`) and knows nothing of
transitions, nor of the engine. `test_blocks_model` holds the engine to it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.approvals import form_model
from tests.approvals.form_model import CONDITIONS, Facts, Sheet
from tests.approvals.random_processes import BACK, END, GOOD, GROUPS, NAMES, Line, Node, Who


@dataclass(eq=False)
class Room:
    """A visit: of a step, with its seats, or of a block."""

    node: Node
    line: Line
    round: int
    above: "Room | None"
    branch: str
    impulses: int  # that had come from outside before it was entered
    state: str = "open"
    result: str = ""
    ended_as: str = ""
    ended_by: "Room | None" = None
    seats: dict[str, str] = field(default_factory=dict)  # "open", an outcome, "superseded" or "withdrawn"
    lines: dict[str, Who] = field(default_factory=dict)  # that named whoever was asked
    decided_on: dict[str, int] = field(default_factory=dict)  # the revision, by who decided
    voters: dict[str, str] = field(default_factory=dict)  # who answered, by whose seat it was
    delegates: dict[str, str] = field(
        default_factory=dict
    )  # who may answer, by whose seat that is and is open
    asks: "dict[str, list[Asked]]" = field(default_factory=dict)  # by whom they ask, the oldest first
    places: dict[str, str] = field(default_factory=dict)  # whom the step names, by who was put in their place

    def successor(self, name: str) -> str:
        """Who was put in the place of somebody who is asked no more, and has not left it; "" where nobody is."""
        place = self.places.get(name, name)
        there = (one for one, of in self.places.items() if of == place and self.seats[one] != "withdrawn")
        return next(there, "") if self.seats.get(name, "withdrawn") == "withdrawn" else ""

    def row(self) -> tuple[Any, ...]:
        above = self.above and (self.above.node.key, self.above.round)
        by = self.ended_by and (self.ended_by.node.key, self.ended_by.round)
        return (
            self.node.key, self.round, self.state, self.result, above, self.branch, self.ended_as, by, self.seats,
            self.decided_on, self.places,
        )  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What somebody was shown when they were asked, and of which revision that was."""

    revision: int
    facts: Facts
    again: bool  # because something changed


@dataclass(frozen=True)
class Entered:
    """A revision: what the form holds, and who entered what made it so, in which step."""

    sheet: Sheet
    room: Room | None = None
    name: str = ""


NO_LINES: Mapping[str, Who] = {}


@dataclass(frozen=True)
class Named:
    """A line of those whom a step asks, as it looks now."""

    who: Who
    able: list[str]  # who can be asked, or has answered
    vacant: bool  # nobody is there who may not decide


LIVE = ("open", "stuck")
NO_DELEGATIONS: Mapping[str, str] = {}


class Life:
    """One request. `by_mail`: people are asked by mail, and not on the page alone. `away`: who has left. `delegations`:
    who answers in whose place, for everything and all the time, by whose."""

    def __init__(
        self,
        root: Line,
        sheet: Sheet,
        by_mail: bool,
        away: Iterable[str],
        delegations: Mapping[str, str] = NO_DELEGATIONS,
    ) -> None:
        self.root = root
        self.delegations = delegations
        self.by_mail = by_mail
        self.away = {*away}
        self.revisions = [Entered(sheet)]
        self.rooms: list[Room] = []
        self.state, self.result = "open", ""
        self.told = 0
        self.notified: list[tuple[str, int, str]] = []  # by notices: step, round and who
        self.calls_for_help = 0  # to the administrator
        self.groups = {key: [*names] for key, names in GROUPS.items()}
        self.turns: dict[str, str] = {}  # by group: whose turn it was last
        self.signals: set[str] = set()  # that came and no step took
        self.impulses = (
            0  # things from outside: an answer, a signal, somebody leaves, an administrator tries again
        )
        self.seated: list[tuple[Room, str]] = []  # everybody who was asked, in order
        self.log: list[tuple[str, int]] = []  # what the record says of revisions
        self.questions: list[tuple[Room, str]] = []  # to the requester, that were ever asked and not answered
        self.enter(root, 0, None, "")
        self.wake()

    @property
    def sheet(self) -> Sheet:
        return self.revisions[-1].sheet

    @property
    def revision(self) -> int:
        return len(self.revisions)

    def holds(self, condition: str) -> bool:
        return CONDITIONS[condition](self.sheet)

    def arrive(self, line: Line, at: int, above: Room | None, branch: str) -> Room:
        node = line.nodes[at]
        number = sum(room.node is node for room in self.rooms) + 1
        self.rooms.append(Room(node, line, number, above, branch, self.impulses))
        return self.rooms[-1]

    def enter(self, line: Line, at: int, above: Room | None, branch: str) -> None:
        self.begin(self.arrive(line, at, above, branch))

    def begin(self, room: Room) -> None:
        if room.node.quiet == "sent":
            named = self.look_up(room, room.node.ask)
            told = dict.fromkeys(name for line in named for name in line.able)
            self.take_turns(room, named)
            self.notified += [(room.node.key, room.round, name) for name in told]
            self.close(room, "sent")
            return
        if room.node.quiet == "arrived":
            self.look(room)
            return
        if room.node.ask:
            self.consider(room)
            return
        taken = [(n, line) for n, line in enumerate(room.node.branches) if self.holds(line.when)]
        for inside in [self.arrive(line, 0, room, f"b{n}") for n, line in taken]:
            if inside.state == "open":  # one before it may have ended the block
                self.begin(inside)
        if not taken:
            self.close(room, room.node.otherwise)

    # --- people

    def applying(self, lines: Iterable[Who]) -> list[Who]:
        return [who for who in lines if not who.condition or self.holds(who.condition)]

    def members(self, who: Who) -> list[str]:
        """As they became known."""
        return sorted(who.names(self.groups), key=NAMES.index)

    def regroup(self, group: str, name: str) -> None:
        """Somebody joins a group or leaves it. That changes nothing until people are looked up."""
        self.groups[group] = [*{*self.groups[group]} ^ {name}]

    def is_barred(self, room: Room, name: str) -> bool:
        """Four eyes: one of the two steps names the other, and they decided that, whenever and wherever it was."""
        return any(
            (name in one.decided_on or name in one.voters.values())
            and (one.node.key in room.node.not_same_as or room.node.key in one.node.not_same_as)
            for one in self.rooms
        )

    def consider(self, room: Room) -> None:
        """Whoever is named now and can be asked is asked, if they are not yet. While somebody whom the rule needs is
        missing, nobody is, and nothing is decided that the missing ones could still change."""
        named = self.named(room)
        missing = room.node.needs_everybody and not (named and all(line.able for line in named))
        new: dict[str, Who] = {}
        for line in named:
            for name in line.able:
                if room.seats.get(name, "withdrawn") == "withdrawn":
                    new.setdefault(name, line.who)
        more = {name: who.weight for name, who in new.items()}
        if result := _result(room, more, missing):
            self.finish(room, result)
        elif room.node.skips_to and self.is_vacant(room, named):
            self.finish(room, room.node.skips_to)
        elif missing or not _can_be_decided(room, more):
            self.stick(room)
        else:
            room.state = "open"
            if room.node.in_turn:
                is_asked = "open" in room.seats.values()
                new = {} if is_asked else dict([*new.items()][:1])
            self.take_turns(room, named, new)
            for name, who in new.items():
                self.seat(room, name, who)
            for name in new:
                self.stand_in(room, name)
                self.ask(room, name, "asked")

    def named(self, room: Room) -> list[Named]:
        """Those of `others` in place of lines that name nobody who can be asked."""
        named = self.look_up(room, room.node.ask)
        if any(line.able for line in named):
            return named
        others = self.look_up(room, room.node.others)
        return others if any(line.able for line in others) else [*named, *others]

    def look_up(self, room: Room, lines: Iterable[Who]) -> list[Named]:
        """Whoever is picked is somebody whom no other line names, if there is somebody; so these come last."""
        named: list[Named] = []
        for who in sorted(self.applying(lines), key=lambda one: bool(one.pick)):
            there = self.members(who)
            able = [name for name in there if self.can_be_asked(room, self.standing_for(room, name))]
            vacant = {*able} >= {*there} - self.away
            if who.pick:
                able = self.picked(room, who, able, {name for line in named for name in line.able})
            # Of two in whose places the same one is, and of one who is named beside their successor, one is asked.
            able = [*dict.fromkeys(self.standing_for(room, name) for name in able)]
            named.append(Named(who, able, vacant))
        return sorted(named, key=lambda line: line.who.weight)

    def standing_for(self, room: Room, name: str) -> str:
        """Whoever was put in their place, as long as they may decide there; else the step's own word counts again."""
        successor = room.successor(name)
        return successor if successor and self.can_be_asked(room, successor) else name

    def can_be_asked(self, room: Room, name: str) -> bool:
        """An answer that was given counts, whoever has left since."""
        if name in room.decided_on:
            return True
        return name not in self.away | {*room.voters.values()} and not self.is_barred(room, name)

    def picked(self, room: Room, who: Who, able: list[str], others: Collection[str]) -> list[str]:
        """One of a group: whoever was picked stays it while they can be asked, whatever group they are in by then."""
        for name in self.asked_in(room):
            if room.lines[name] == who and self.can_be_asked(room, name):
                return [name]
        free = [name for name in able if self.standing_for(room, name) not in others] or able
        if who.pick == "next":
            last = NAMES.index(self.turns[who.group]) if who.group in self.turns else -1
            free.sort(key=lambda name: NAMES.index(name) <= last)
        else:
            free.sort(key=lambda name: sum(one.seats.get(name) == "open" for one in self.rooms))
        return free[:1]

    def asked_in(self, room: Room) -> list[str]:
        return [name for name, one in room.seats.items() if one not in ("withdrawn", "superseded")]

    def is_vacant(self, room: Room, named: list[Named]) -> bool:
        """Nobody is there; not: somebody is, and may not decide, or no line applies."""
        nobody = not self.asked_in(room) and not any(line.able for line in named)
        return nobody and bool(named) and all(line.vacant for line in named)

    def take_turns(self, room: Room, named: list[Named], new: Mapping[str, Who] = NO_LINES) -> None:
        """Of groups that are asked in turn, by those who are asked now."""
        for line in named:
            if line.who.pick == "next" and line.able and line.able[0] not in self.asked_in(room):
                name = line.able[0]
                if not room.node.in_turn or new.get(name) == line.who:
                    self.turns[line.who.group] = name

    def seat(self, room: Room, name: str, who: Who) -> None:
        room.seats[name], room.lines[name] = "open", who
        room.places.pop(name, None)
        if (room, name) not in self.seated:
            self.seated.append((room, name))

    def ask(self, room: Room, name: str, how: str) -> None:
        asked = Asked(self.revision, self.facts(room), how == "asked again")
        room.asks.setdefault(name, []).append(asked)
        if self.by_mail:
            self.log.append((how, self.revision))

    # --- somebody else instead

    def may_be_put(self, room: Room, name: str, to: str) -> bool:
        """Whether an owner may put `to` in the place of somebody who is asked: somebody who can decide there, and is
        not asked there, neither now nor by what the step says of itself, nor has a place that somebody else is in.
        Whoever was there before may be again, and the requester may do a task."""
        is_asked = room.seats.get(to, "withdrawn") != "withdrawn"
        is_asked = is_asked or (to not in room.places and room.successor(to) not in ("", name))
        to_come = {one for line in self.named(room) for one in line.able}
        able = {*NAMES, "ella"} | ({"zoe"} if room.node.task else set())
        may_decide = to in able - self.away - {*room.voters.values()} and not self.is_barred(room, to)
        return may_decide and not is_asked and to not in to_come

    def reassign(self, room: Room, name: str, to: str) -> None:
        place, who = room.places.get(name, name), room.lines[name]
        self.impulses += 1
        room.seats[name] = "withdrawn"
        room.delegates.pop(name, None)
        self.seat(room, to, who)
        if to != place:
            room.places[to] = place
        self.stand_in(room, to)
        self.ask(room, to, "asked")
        if room.state == "stuck":
            self.consider(room)
            self.wake()

    # --- delegates

    def stand_in(self, room: Room, name: str) -> None:
        """Whoever is their delegate may answer, too, unless they have a vote there, or may not decide."""
        delegate = self.delegations.get(name, "")
        if delegate and name not in self.away and self.can_stand_in(room, delegate):
            room.delegates[name] = delegate

    def can_stand_in(self, room: Room, delegate: str) -> bool:
        is_asked = room.seats.get(delegate, "withdrawn") not in ("withdrawn", "superseded")
        is_taken = is_asked or delegate in room.decided_on or room.successor(delegate)
        return not is_taken and self.can_be_asked(room, delegate)

    def stand_in_again(self) -> None:
        """When the request changes, everybody who may answer is looked up once more."""
        for room, name in self.seated:
            if room.seats[name] == "open":
                if name in room.delegates and self.away & {name, room.delegates[name]}:
                    del room.delegates[name]
                elif name not in room.delegates:
                    self.stand_in(room, name)

    def drop_delegates(self, room: Room, people: Collection[str]) -> None:
        """Who has answered there answers for nobody else."""
        room.delegates = {name: one for name, one in room.delegates.items() if one not in people}

    def open_seats(self, name: str) -> Iterator[Room]:
        """What becomes of one may end others."""
        for room in [room for room, one in self.seated if one == name]:
            if room.seats[name] == "open":
                yield room

    def leave(self, name: str) -> None:
        """Somebody's account is closed, or was and they are still asked."""
        self.away.add(name)
        for room in self.open_seats(name):
            room.seats[name] = "withdrawn"
            room.delegates.pop(name, None)
            self.impulses += 1
            self.consider(room)
            self.wake()
        for room in self.rooms:
            self.drop_delegates(room, {name})

    def withdraw_barred(self, name: str) -> None:
        """Who has just decided is asked no longer where that keeps them out."""
        for room in self.open_seats(name):
            if self.is_barred(room, name):
                room.seats[name] = "withdrawn"
                room.delegates.pop(name, None)
                self.consider(room)

    # --- stuck

    @property
    def stuck(self) -> list[Room]:
        return [room for room in self.rooms if room.state == "stuck"]

    def stick(self, room: Room) -> None:
        self.calls_for_help += room.state != "stuck"
        room.state = "stuck"

    def ask_again(self, room: Room) -> None:
        """By an administrator, where the request is stuck."""
        self.impulses += 1
        if room.result:
            self.lead_on(room, room)
        else:
            self.consider(room)
        self.wake()

    # --- answers

    def facts(self, room: Room) -> Facts:
        return form_model.shown(self.sheet, room.node.hide)

    def missing(self, room: Room, outcome: str, typed: Mapping[str, str]) -> set[str]:
        """What an answer lacks. Whoever rejects need not fill in anything."""
        sheet = form_model.after(self.sheet, typed)
        return set() if outcome == "reject" else form_model.missing(sheet, room.node.require)

    def decide(self, room: Room, name: str, outcome: str, typed: Mapping[str, str], by: str = "") -> None:
        """By somebody who knows what is so now, and whose answer lacks nothing. `by`: in their place."""
        voter = by or name
        room.seats[name], room.decided_on[name], room.voters[name] = outcome, self.revision, voter
        room.delegates.pop(name, None)
        self.impulses += 1
        self.log.append(("decided", self.revision))
        sheet = form_model.after(self.sheet, typed)
        changed = sheet != self.sheet
        if changed:
            self.revisions.append(Entered(sheet, room, voter))
            self.log.append(("revised", self.revision))
        if room.state == "stuck" or room.node.in_turn:
            self.consider(room)
        elif result := _result(room):
            self.finish(room, result)
        people = dict.fromkeys([voter, name])
        for one in people:
            self.withdraw_barred(one)
        for other in self.rooms:
            apart = other.node.key in room.node.not_same_as or room.node.key in other.node.not_same_as
            if other is room or apart:
                self.drop_delegates(other, people)
        self.wake()
        if changed:
            self.stand_in_again()
        if changed and self.by_mail:
            self.ask_about_changes()

    def ask_about_changes(self) -> None:
        """Whoever is asked about something that is not so any more is asked once more."""
        for room, name in self.seated:
            if room.seats[name] == "open" and room.asks[name][-1].facts != self.facts(room):
                self.ask(room, name, "asked again")

    # --- questions to the requester

    @property
    def open_questions(self) -> list[tuple[Room, str]]:
        """A question needs no answer any more when whoever asked it decided, or is asked no longer."""
        self.questions = [(room, name) for room, name in self.questions if room.seats[name] == "open"]
        return self.questions

    def ask_back(self, room: Room, name: str) -> None:
        self.questions.append((room, name))
        if self.by_mail:
            self.log.append(("asked back", self.revision))

    def clarify(self, room: Room, name: str) -> None:
        """Everybody who is asked there is asked once more, about the same."""
        self.questions.remove((room, name))
        for where, other in self.seated:
            if where is room and room.seats[other] == "open":
                self.ask(room, other, "asked again")

    # --- waits

    def signal(self, key: str) -> None:
        self.signals.add(key)
        self.wake()

    def wake(self) -> None:
        """What one wait leads to may end others."""
        over = True
        while over:
            over = False
            for room in [room for room in self.rooms if room.node.quiet == "arrived"]:
                if room.state == "open":
                    over = self.look(room) or over

    def look(self, room: Room) -> bool:
        """Whether the wait is over. A signal is taken first, and is somebody's doing; a condition is nobody's."""
        if room.node.key in self.signals:
            self.signals.remove(room.node.key)
            self.impulses += 1
        elif not room.node.until or not self.holds(room.node.until):
            return False
        self.close(room, "arrived")
        return True

    # --- the way on

    def finish(self, room: Room, result: str) -> None:
        room.seats = {name: "superseded" if one == "open" else one for name, one in room.seats.items()}
        room.delegates.clear()
        self.close(room, result)

    def close(self, room: Room, result: str, answered: Room | None = None) -> None:
        room.state, room.result = "closed", result
        self.lead_on(room, answered or room)

    def lead_on(self, room: Room, answered: Room) -> None:
        following, ending = self.way_on(room)
        if following and self.goes_round(following):
            self.stick(room)
            return
        room.state = "closed"
        if following is None:
            self.end(room, ending, answered)
        elif following in room.line.nodes:
            self.enter(room.line, room.line.nodes.index(following), room.above, room.branch)
        else:
            top = room
            while top.above:
                top = top.above
            self.cancel(top, answered)
            self.enter(self.root, 0, None, "")

    def way_on(self, room: Room) -> tuple[Node | None, str]:
        """The node that is entered next, or what its line ends as."""
        node, nodes = room.node, room.line.nodes
        is_last = node is nodes[-1]
        if room.result in GOOD:
            turns_off = bool(node.turns_off) and self.holds(node.turns_off)
            if is_last or turns_off:
                return None, "rejected" if is_last and turns_off else "approved"
            return nodes[nodes.index(node) + 1], ""
        if node.rejected == END:
            return None, "rejected"
        return (nodes if node.rejected == BACK else self.root.nodes)[0], ""

    def goes_round(self, node: Node) -> bool:
        """Nothing came from outside since it was entered last."""
        before = [room.impulses for room in self.rooms if room.node is node]
        return bool(before) and before[-1] == self.impulses

    def inside(self, room: Room, *, running: bool = False) -> list[Room]:
        return [one for one in self.rooms if one.above is room and (one.state in LIVE or not running)]

    def end(self, room: Room, result: str, answered: Room) -> None:
        if room.above is None:
            self.state, self.result = "ended", result
            return
        room.ended_as = result
        block, inside = room.above, self.inside(room.above)
        ended = [one.ended_as for one in inside if one.ended_as]
        running = [one for one in inside if one.state in LIVE]
        outcome, cancels = came_to(block.node.result, ended, len(running))
        if running and not (outcome and cancels):
            return
        for one in running:
            self.cancel(one, answered)
        self.close(block, outcome or block.node.otherwise, answered)

    def cancel(self, room: Room, by: Room) -> None:
        for one in self.inside(room, running=True):
            self.cancel(one, by)
        self.told += list(room.seats.values()).count("open") + len(room.delegates)
        room.delegates.clear()
        room.seats = {name: "superseded" if one == "open" else one for name, one in room.seats.items()}
        room.state, room.ended_by = "cancelled", by

    def withdraw(self) -> None:
        self.state = "withdrawn"
        for room in self.rooms:
            if room.state in LIVE:
                room.state, room.result = "closed", "withdrawn"
                room.delegates.clear()
                room.seats = {name: "withdrawn" if one == "open" else one for name, one in room.seats.items()}


NOBODY: Mapping[str, int] = {}


def _result(room: Room, more: Mapping[str, int] = NOBODY, missing: bool = False) -> str:
    """What a step is decided as, or "". `more`: who is to be asked yet, with their weights. `missing`: and who else is
    not known."""
    node, good = room.node, "done" if room.node.task else "approve"
    approved, rejected = _weights(room, good), _weights(room, "reject")
    waiting = [*_weights(room, "open"), *more.values()]
    if node.weight:
        too_few = sum(approved) + sum(waiting) < node.weight and not missing
        return good if sum(approved) >= node.weight else "reject" if rejected and too_few else ""
    heard_all = not waiting and not missing
    if node.rule == "all":
        return "reject" if rejected else good if approved and heard_all else ""
    return good if approved else "reject" if rejected and (heard_all or node.rule == "first") else ""


def _can_be_decided(room: Room, more: Mapping[str, int]) -> bool:
    """Whether those who are asked, with these, are enough."""
    waiting = [*_weights(room, "open"), *more.values()]
    return bool(waiting) and sum(_weights(room, "approve")) + sum(waiting) >= room.node.weight


def _weights(room: Room, state: str) -> list[int]:
    return [room.lines[name].weight for name, one in room.seats.items() if one == state]


def came_to(result: list[dict[str, Any]], ended: list[str], running: int) -> tuple[str, bool]:
    """By trying every way in which those that run may end: what is the same in all of them is certain."""
    total = len(ended) + running
    for line in result:
        ((word, needs),) = ((name, value) for name, value in line.items() if name != "cancel")
        percent = needs["percent"] if isinstance(needs, dict) else 0
        needed = -(-total * percent // 100) if percent else {"any": 1, "all": total}.get(needs, needs)
        count = ended.count(word)
        if count and count >= needed:
            return word, "cancel" in line
        if count + running >= needed and count + running > 0:
            return "", False  # it may still come true, so nothing below it is certain
    return "", False
