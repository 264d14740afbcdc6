"""Who is asked in a step, and who may not decide it. Looks; never changes anything.

    people_to_ask   each line of `ask` → the places it names → who of them can be asked; `nobody` where none can
    people_to_add   whom a rung of a step names, once its moment came
    people_to_tell  the same of a notice, which nobody is kept out of
    Bars            who may not decide: looked at when people are asked, and once more when they answer

What a requester writes chooses among people who are there already, and never the requester: an address that is nobody's
is nobody, and is not written to.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from typing import Any

from django.db.models import Count

from placet.accounts.addresses import LONGEST_ADDRESS, person_at
from placet.accounts.models import Group, Person
from placet.approvals import authority, earlier
from placet.approvals.authority_cells import GROUP, level_of
from placet.approvals.counted import counting_in
from placet.approvals.definitions import Definition
from placet.approvals.models import Assignment, Decision, Request, TableVersion, Timer, Turn, Visit
from placet.approvals.rules import WAITING, Rule, Seats, Shortage
from placet.approvals.steps import ApprovalStep, Chain, NoticeStep, Who
from placet.lib.conditions import ConditionError, holds, names_in, value_of
from placet.lib.sentences import NOTHING, Sentence, listed

LONGEST_CHAIN = 50  # managers of managers
MOST_NAMED = 50  # people that an expression or a field names
LONGEST_PROBLEM = 300  # characters of what is wrong with an expression; what a form says may stand in it
_BEGINS_A_GROUP = re.compile(rf"""(["']){GROUP}\1""")
LIMIT = "limit"  # what the condition of a chain calls somebody's approval limit


@dataclass(frozen=True)
class People:
    """Whom a step asks, in a stable order, and why they are too few, if they are."""

    people: Sequence[Person]
    reason: Sentence
    incomplete: bool  # somebody whom the step needs is missing, or it is not known whom it names
    lines: Mapping[int, int]  # by person: which line of `ask` names them
    turns: Mapping[str, int]  # by key of a group: whose turn it is now
    skips_to: str  # the outcome that the step has because nobody is there; "" where it is to be decided
    matches: Mapping[int, authority.Match]  # by line of `ask`: the rows of a table that name them


def people_to_ask(
    definition: Definition,
    step_key: str,
    request: Request,
    seats: Sequence[Assignment] = (),
    versions: Mapping[str, TableVersion] | None = None,
    rungs: Sequence[int] = (),
) -> People:
    """The active people that a step asks. The person who made the request is one of them only if the process says so.
    `seats`: who is asked in this visit already. Those who answered count for whatever names them, even if they have
    left since; whoever was picked from a group stays its pick. `versions`: of authority tables, by key, that this visit
    looks in already; of others it is the newest. `rungs`: of the step, that others are asked by, in their order."""
    step = definition.approval(step_key)
    lookup = _Lookup(definition, step_key, request, seats, versions or {})
    named = _in_force(lookup, step, rungs)
    people = {person.pk: person for person in named.people}
    rule = step.decided_by
    lines = named.line_of(rule)
    incomplete = named.unclear or (step.rule != "first" and bool(named.missing))
    short = rule.shortage(Seats(Counter((WAITING, line) for line in lines.values())))
    reason = NOTHING
    if incomplete or short:
        reason = listed(named.missing) or (_too_few(step, short) if short else NOTHING)
    nobody = named.vacant and not people and not lookup.asked
    return People(
        [person for person in people.values() if person.is_active],
        reason,
        incomplete,
        lines,
        named.turns,
        step.skips_to if nobody else "",
        lookup.matches,
    )


def _in_force(lookup: "_Lookup", step: ApprovalStep, rungs: Sequence[int]) -> "_Named":
    """The lines that say whom a step asks. A rung that asks others instead stands for those before it; where people are
    asked one by one, for whoever it replaced, and the others' turn comes all the same."""
    last = max((at for at, number in enumerate(rungs) if step.rung(number).replaces), default=None)
    if last is None or step.order is not None:
        named = lookup.named_by(step.ask)
        if not named.people and not named.unclear:
            others = lookup.named_by(step.others, first=len(step.ask))
            named = others if others.people else _Named({**named.lines, **others.lines})
        added: Sequence[int] = rungs
    else:
        named, added = lookup.named_by_rung(step, rungs[last]), rungs[last + 1 :]
    for number in added:
        named = named.and_maybe(lookup.named_by_rung(step, number))
    return named


@dataclass(frozen=True)
class Further:
    """Whom a rung names, in a stable order, and who of those whom it names cannot be asked."""

    people: Sequence[Person]  # those among them who are asked already, too
    missing: Sentence
    lines: Mapping[int, int]  # by person: which line names them, of all lines of the step
    turns: Mapping[str, int]  # by key of a group: whose turn it is now
    matches: Mapping[int, authority.Match]  # by line


def people_to_add(
    definition: Definition,
    step_key: str,
    request: Request,
    number: int,
    seats: Sequence[Assignment],
    versions: Mapping[str, TableVersion],
) -> Further:
    """The active people that a rung of a step names, never the person who made the request. Where a line names one of
    several, it is one who is not asked yet: the next manager above, another one of the group."""
    step = definition.approval(step_key)
    lookup = _Lookup(definition, step_key, request, seats, versions)
    named = lookup.named_by_rung(step, number)
    people = {person.pk: person for person in named.people if person.is_active}
    lines = named.line_of(step.decided_by)
    return Further([*people.values()], listed(named.missing), lines, named.turns, lookup.matches)


def to_come(definition: Definition, visit: Visit, request: Request) -> list[Person]:
    """Who is not asked yet, in the order in which they are: as it looks now, for each is looked up once more when it is
    their turn."""
    seats = list(visit.assignments.select_related("person", "decision", "kept"))
    versions, rungs = authority.versions_of(visit), rungs_of(definition.approval(visit.step_key), visit)
    people = people_to_ask(definition, visit.step_key, request, seats, versions, rungs).people
    asked = {seat.person_id for seat in seats if seat.state != Assignment.State.WITHDRAWN}
    return [person for person in people if person.pk not in asked]


def rungs_of(step: ApprovalStep, visit: Visit) -> list[int]:
    """Those by which others are asked in a visit, in their order."""
    if not step.rungs:
        return []
    acted = visit.timers.filter(what=Timer.What.ESCALATE, state=Timer.State.ACTED)
    return list(acted.order_by("at", "number").values_list("number", flat=True))


@dataclass(frozen=True)
class Told:
    """Whom a notice tells, in a stable order, and who of those whom it names cannot be told."""

    people: Sequence[Person]
    missing: Sentence
    lines: Mapping[int, int]  # by person: which line of `to` names them
    turns: Mapping[str, int]  # by key of a group: whose turn it is now
    matches: Mapping[int, authority.Match]  # by line of `to`: the rows of a table that name them


def people_to_tell(definition: Definition, step_key: str, request: Request) -> Told:
    """The active people whom a notice names."""
    lookup = _Lookup(definition, step_key, request, (), {})
    named = lookup.named_by(definition.notice(step_key).to)
    people = {person.pk: person for person in named.people}
    return Told([*people.values()], listed(named.missing), named.first_line_of, named.turns, lookup.matches)


def _too_few(step: ApprovalStep, short: Shortage) -> Sentence:
    needed, found = short.needed, short.there
    if short.weight:
        return Sentence(
            "answers with a weight of {needed} are needed, but those who can be asked have only {found}",
            needed=needed,
            found=found,
        )
    if short.name:
        return Sentence(
            "{needed} of “{name}” must answer alike, but only {found} can be asked",
            needed=needed,
            name=short.name,
            found=found,
        )
    if isinstance(step.rule, tuple):
        return Sentence(
            "{needed} people must answer alike, but only {found} can be asked", needed=needed, found=found
        )
    return Sentence("{needed} people must approve, but only {found} can be asked", needed=needed, found=found)


class Bars:
    """Who may not decide a step of a request. People are told apart as people: whatever address somebody is asked at or
    answers from, they are one."""

    def __init__(self, request: Request, definition: Definition, step_key: str) -> None:
        self._request, self._definition, self._step_key = request, definition, step_key

    def against(self, person: Person) -> Sentence:
        """Why they may not, as they are told; NOTHING if they may."""
        if isinstance(self._definition.steps[self._step_key], NoticeStep):
            return NOTHING  # whoever is only told decides nothing
        own = self._request.is_made_by(person)
        if own and not self._definition.requester_may_decide_in(self._step_key):
            return Sentence("Nobody decides their own request in this process.")
        if step := self.step_decided_by(person):
            if person.pk not in self._deciders:
                return Sentence(
                    "“{step}” of this request was decided in your place, so this step needs somebody else. "
                    "Please tell an administrator if nobody else is asked.",
                    step=step,
                )
            return Sentence(
                "You decided “{step}” of this request, so this step needs somebody else. "
                "Please tell an administrator if nobody else is asked.",
                step=step,
            )
        return NOTHING

    def step_decided_by(self, person: Person) -> str:
        """The name of the step that they decided in this request, of those whose deciders are not asked here."""
        key = self._deciders.get(person.pk) or self._for_whom.get(person.pk)
        return "" if key is None else self._definition.approval(key).name

    @property
    def _deciders(self) -> Mapping[int, str]:
        """In whatever round: who decided, and what."""
        return {by: key for by, _person, key in self._decisions}

    @property
    def _for_whom(self) -> Mapping[int, str]:
        """The same of those in whose place somebody else did."""
        return {person: key for _by, person, key in self._decisions}

    @cached_property
    def _decisions(self) -> Sequence[tuple[int, int, str]]:
        """Who decided, in whose seat, and what."""
        steps = self._definition.kept_apart(self._step_key)
        if not steps:
            return ()
        visits = Visit.objects.filter(request=self._request, step_key__in=steps)
        decisions = Decision.objects.filter(assignment__visit__in=visits).order_by("pk")
        columns = ("by_person_id", "assignment__person_id", "assignment__visit__step_key")
        return list(decisions.values_list(*columns))


# --- what the lines of `ask` name -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """What a line names: the people who could stand there, the first ones first."""

    people: Iterable[Person]
    nobody: Sentence  # said where none of them can be asked
    only_one: bool = False  # the first who can be asked
    is_one_person: bool = False  # by name: not whoever is in a group, or leads somebody
    may_be_vacant: bool = False  # whether somebody is there does not hang on what the requester writes


@dataclass(frozen=True)
class _Line:
    """Whom one line of `ask` names, of those who can be asked."""

    people: Sequence[Person] = ()
    missing: Sequence[Sentence] = ()
    vacant: bool = False  # where somebody is missing nobody is there; not: somebody is, and may not decide
    unclear: bool = False  # it cannot be said whom it names
    turn: str | None = None  # key of the group in which it is the turn of whoever is named


@dataclass(frozen=True)
class _Named:
    """Whom several lines name, by their numbers; those that do not apply are left out."""

    lines: Mapping[int, _Line]

    @property
    def people(self) -> list[Person]:
        return [person for _number, line in sorted(self.lines.items()) for person in line.people]

    @property
    def missing(self) -> list[Sentence]:
        if not self.lines:
            return [Sentence("no line of “ask” applies to this request")]
        return [sentence for _number, line in sorted(self.lines.items()) for sentence in line.missing]

    @property
    def vacant(self) -> bool:
        # Where no line applies it is a gap between conditions, which whoever fills in the form could find.
        return bool(self.lines) and all(line.vacant for line in self.lines.values())

    @property
    def unclear(self) -> bool:
        return any(line.unclear for line in self.lines.values())

    def and_maybe(self, others: "_Named") -> "_Named":
        """With whoever others name: nobody is missing among them."""
        added = {
            number: _Line(line.people, turn=line.turn) for number, line in others.lines.items() if line.people
        }
        return _Named({**self.lines, **added})

    @property
    def first_line_of(self) -> dict[int, int]:
        """By person: the first line that names them."""
        numbers: dict[int, int] = {}
        for number, line in sorted(self.lines.items()):
            for person in line.people:
                numbers.setdefault(person.pk, number)
        return numbers

    def line_of(self, rule: Rule) -> dict[int, int]:
        """By person: the line that they count for, of those that name them."""
        numbers: dict[int, int] = {}
        for number, line in sorted(self.lines.items(), key=lambda one: (rule.standing(one[0]), one[0])):
            for person in line.people:
                numbers.setdefault(person.pk, number)
        return numbers

    @property
    def turns(self) -> dict[str, int]:
        """By key of a group: whose turn it is. Of two lines that pick from one group the later one says it."""
        return {line.turn: line.people[0].pk for _number, line in sorted(self.lines.items()) if line.turn}


class _Unclear(Exception):
    """It cannot be said whom a line names."""

    def __init__(self, reason: Sentence) -> None:
        super().__init__(reason)
        self.reason = reason


class _Lookup:
    """One look at whom a step asks."""

    def __init__(
        self,
        definition: Definition,
        step_key: str,
        request: Request,
        seats: Sequence[Assignment],
        versions: Mapping[str, TableVersion],
    ) -> None:
        self._definition, self._request = definition, request
        # Whoever is only told may be the requester, whoever names them.
        self._only_tells = isinstance(definition.steps[step_key], NoticeStep)
        self._may_be_requester = self._only_tells
        self._bars = Bars(request, definition, step_key)
        counting = (Assignment.State.OPEN, *Assignment.COUNTED)
        self._seats = [seat for seat in seats if seat.state in counting]
        self.asked = {seat.person_id for seat in self._seats}
        decided = [seat for seat in seats if seat.state in Assignment.COUNTED]
        self._answered = {seat.person_id for seat in decided}
        # In somebody's place: their own answer would be their second one.
        self._has_voted = {seat.counted.by_person_id for seat in decided}
        withdrawn = [seat for seat in seats if seat.state == Assignment.State.WITHDRAWN]
        # Somebody is asked in their place, so they are asked no more.
        replaced = [seat for seat in withdrawn if seat.replaced_by is not None]
        # So is whoever was asked there before an owner put somebody in their place.
        self._replaced = {
            number for seat in replaced for number in (seat.person_id, *_people_before(seat, withdrawn))
        }
        self._replaced_lines = {(seat.named_person_id, seat.source) for seat in replaced}
        #: By person who is asked no more: who is asked in their place, or has answered.
        self._successors = {
            number: seat.person
            for seat in self._seats
            for number in _people_before(seat, withdrawn)
            if number not in self.asked
        }
        self._on_rung = False  # of which lines are looked at
        self._versions: dict[str, TableVersion | None] = {**versions}
        self.matches: dict[int, authority.Match] = {}  # by number of the line

    @cached_property
    def _values(self) -> Mapping[str, Any]:
        return earlier.Values(self._definition, self._request)

    def named_by(self, lines: Sequence[Who], first: int = 0) -> _Named:
        """`first`: the number of the first line. Whoever is picked from a group is somebody whom no other line names,
        if there is somebody; so these lines are looked at last."""
        named: dict[int, _Line] = {}
        for number, who in sorted(enumerate(lines, first), key=lambda one: one[1].pick is not None):
            try:
                if who.if_ is None or holds(who.if_, self._values):
                    others = {person.pk for line in named.values() for person in line.people}
                    named[number] = self._line(who, number, others)
            except ConditionError as error:
                reason = Sentence("it cannot be worked out whom to ask: {problem}", problem=_cut(str(error)))
                named[number] = _Line(missing=[reason], unclear=True)
            except _Unclear as error:
                named[number] = _Line(missing=[error.reason], unclear=True)
        return _Named(named)

    def named_by_rung(self, step: ApprovalStep, number: int) -> _Named:
        self._on_rung = True
        try:
            return self.named_by(step.rung(number).lines, first=step.first_line_of(number))
        finally:
            self._on_rung = False

    def _line(self, who: Who, number: int, others: Collection[int]) -> _Line:
        people: list[Person] = []
        missing: list[Sentence] = []
        vacant = True
        for place in self._places(who, number, others):
            standing, barred, is_replaced = self._taken(place, number)
            people += standing
            if not standing and not is_replaced:
                missing.append(self._missing(place, barred))
                vacant = vacant and place.may_be_vacant and not barred
        is_new = bool(people) and people[0].pk not in self.asked
        turn = who.group if who.pick == "next" and is_new else None
        return _Line(people, missing, vacant, turn=turn)

    def _taken(self, place: _Place, number: int) -> tuple[list[Person], list[Person], bool]:
        """Those at a place who can be asked, those who are there and may not decide, and whether somebody else is asked
        in the place of one of them."""
        standing: list[Person] = []
        barred: list[Person] = []
        is_replaced = False
        passed_over = self._asked_by_others(number) if place.only_one and self._on_rung else ()
        for person in place.people:
            if person.pk in self._replaced and not self._on_rung:
                is_replaced = True
                if place.only_one:
                    break
            elif self._standing_for(person).pk in passed_over:
                continue
            elif self._is_there(person):
                standing.append(self._standing_for(person))
                if place.only_one:
                    break
            elif person.is_active:
                barred.append(person)
        return standing, barred, is_replaced

    def _asked_by_others(self, number: int) -> set[int]:
        """Whom other lines name already."""
        return {seat.person_id for seat in self._seats if seat.source != number}

    def _standing_for(self, person: Person) -> Person:
        """Themself, or whoever an owner put in their place, as long as they may be there: where they left or may not
        decide any more, the step's own lines say again who is asked."""
        successor = self._successors.get(person.pk)
        return person if successor is None or not self._can_be_asked(successor) else successor

    def _is_there(self, person: Person) -> bool:
        """Whether they can be asked, or somebody is in their place."""
        return self._standing_for(person) is not person or self._can_be_asked(person)

    def _can_be_asked(self, person: Person) -> bool:
        if person.pk in self._answered:
            return True
        if person.pk in self._replaced or (self._on_rung and person.pk == self._request.requester_id):
            return False
        return person.is_active and person.pk not in self._has_voted and not self._bars.against(person)

    def _missing(self, place: _Place, barred: Sequence[Person]) -> Sentence:
        """Why nobody at this place can be asked."""
        for person in barred:
            if step := self._bars.step_decided_by(person):
                return Sentence(
                    "{nobody} ({name} decided “{step}” before)",
                    nobody=place.nobody,
                    name=person.name,
                    step=step,
                )
        if any(person.pk == self._request.requester_id for person in barred):
            return self._is_requester if place.is_one_person else self._without_requester(place)
        return place.nobody

    @property
    def _is_requester(self) -> Sentence:
        name = self._request.requester.name
        return Sentence("{name} made this request, and so cannot be asked to decide it", name=name)

    def _without_requester(self, place: _Place) -> Sentence:
        name = self._request.requester.name
        return Sentence("{nobody} ({name} made this request)", nobody=place.nobody, name=name)

    # -- each source -------------------------------------------------------------------------------------------

    def _places(self, who: Who, number: int, others: Collection[int]) -> Iterator[_Place]:
        requester = self._request.requester
        if who.requester is not None:
            nobody = Sentence("{name} cannot be asked", name=requester.name)
            yield _Place([requester], nobody, is_one_person=True, may_be_vacant=True)
        elif who.group is not None:
            place = self._group(who.group)
            yield place if who.pick is None else self._picked(place, who.group, who.pick, number, others)
        elif who.person is not None:
            person = person_at(who.person)
            # An address that is nobody's is a slip of whoever wrote the process: no step is skipped for it.
            is_known = person is not None
            yield _Place(_or_nobody(person), _unknown(who.person), is_one_person=True, may_be_vacant=is_known)
        elif who.manager is not None:
            yield replace(self._manager(requester, int(who.manager)), may_be_vacant=True)
        elif who.managers is not None:
            nobody = Sentence("nobody above {name} has an approval limit that is enough", name=requester.name)
            yield _Place(self._chain(who.managers), nobody)
        elif who.manager_of is not None:
            yield from self._in_field(who.manager_of, self._manager_of)
        elif who.field is not None:
            # Looked at once more: whoever was in the group when the form was sent may have left it.
            field = next(one for one in self._definition.fields if one.name == who.field)
            yield from self._in_field(who.field, partial(self._entered, among=who.among or field.among))
        elif who.decided is not None:
            yield self._deciders_of(who.decided)
        elif who.from_answer is not None:
            yield from self._answered_with(who.from_answer, who.among)
        elif who.expression is not None:
            yield from self._worked_out(who.expression)
        elif who.table is not None:
            yield from self._in_table(who.table, who.with_ or {}, number)

    def _group(self, key: str) -> _Place:
        group = Group.objects.filter(key=key).first()
        members = list(group.members.order_by("id")) if group is not None else []
        nobody = Sentence("nobody in the group “{group}” can be asked", group=key)
        if group is None:
            nobody = Sentence("there is no group “{group}”", group=key)
        elif not members:
            nobody = Sentence("the group “{group}” has no members", group=key)
        return _Place(members, nobody, may_be_vacant=group is not None)

    def _picked(self, place: _Place, group: str, pick: str, number: int, others: Collection[int]) -> _Place:
        """One of a group; whoever was picked in this visit already, while they can be asked."""
        kept = [seat.person for seat in self._seats if seat.source == number]
        kept = [person for person in kept if self._can_be_asked(person)]
        if not kept and not self._on_rung:
            kept = [person for person in place.people if (person.pk, number) in self._replaced_lines]
        if kept:
            return replace(place, people=kept, only_one=True)
        able = [person for person in place.people if self._is_there(person)]
        free = [person for person in able if self._standing_for(person).pk not in others] or able
        ordered = _in_turn(free, group) if pick == "next" else _least_busy_first(free)
        return replace(place, people=ordered or place.people, only_one=True)

    def _manager(self, person: Person, level: int = 1) -> _Place:
        """Somebody's, so many levels up, or the next one above who can be asked. Never the requester."""
        line = islice(_line_above(person), level - 1, None)
        above = (one for one in line if one.pk != self._request.requester_id)
        nobody = (
            Sentence("{name} has no manager who can be asked", name=person.name)
            if level == 1
            else Sentence("{name} has no manager {n} levels up who can be asked", name=person.name, n=level)
        )
        return _Place(above, nobody, only_one=True)

    def _chain(self, chain: Chain) -> list[Person]:
        people: list[Person] = []
        seen = {name: self._values[name] for name in names_in(chain.until) if name in self._values}
        for person in filter(self._is_there, _line_above(self._request.requester)):
            people.append(person)
            limit = person.approval_limit
            if limit is not None and holds(chain.until, {**seen, LIMIT: float(limit)}):
                return people if chain.all else [person]
        return []

    def _in_field(self, name: str, place_of: Callable[[str, Person | None], _Place]) -> Iterator[_Place]:
        """A place for each that the field says."""
        value = self._request.data.get(name)
        entries = [entry for entry in (value if isinstance(value, list) else [value]) if entry]
        if len(entries) > MOST_NAMED:
            raise ConditionError(f"“{name}” names more than {MOST_NAMED} people.")
        if not entries:
            label = next(one.label for one in self._definition.fields if one.name == name)
            yield _Place([], Sentence("“{field}” names nobody", field=label))
        for entry in entries:
            yield place_of(*_person_in(entry))

    def _manager_of(self, text: str, person: Person | None) -> _Place:
        return _Place([], _unknown(text)) if person is None else self._manager(person)

    def _entered(self, text: str, person: Person | None, among: str | None = None) -> _Place:
        """Whoever the requester names, or may have named. Nobody chooses themself to decide, whatever else they may."""
        own = person is not None and self._request.is_made_by(person) and not self._only_tells
        return _Place([], self._is_requester) if own else _among(text, person, among)

    def _is_barred_requester(self, person: Person) -> bool:
        return self._request.is_made_by(person) and not self._may_be_requester

    def _deciders_of(self, key: str) -> _Place:
        """Whose answers counted the last time that this request was through the step."""
        closed = Visit.objects.filter(request=self._request, step_key=key, state=Visit.State.CLOSED)
        last = closed.order_by("-round").values("pk")[:1]
        people = Person.objects.filter(decisions__in=counting_in(last)).order_by("pk")
        step = self._definition.approval(key).name
        return _Place(
            people, Sentence("nobody who decided “{step}” can be asked", step=step), may_be_vacant=True
        )

    def _answered_with(self, name: str, among: str | None) -> Iterator[_Place]:
        """A place for each whom the newest answer to a question names. The requester is never one of them by an answer
        of their own."""
        value, decision = earlier.newest_answer(self._request, name)
        entries = [entry for entry in (value if isinstance(value, list) else [value]) if entry]
        if len(entries) > MOST_NAMED:
            raise ConditionError(f"“{name}” names more than {MOST_NAMED} people.")
        if not entries:
            yield _Place([], Sentence("no answer to “{question}” names anybody", question=name))
        own = decision is not None and decision.by_person_id == self._request.requester_id
        if among is None and decision is not None:  # looked at once more, as of a field
            questions = earlier.questions_of(self._definition, decision.assignment.visit.step_key)
            among = next((one.among for one in questions if one.name == name), None)
        for text, person in map(_person_in, entries):
            yield self._entered(text, person, among) if own else _among(text, person, among)

    def _worked_out(self, expression: str) -> list[_Place]:
        places = [
            self._group_named(entry, expression)
            if entry.startswith(GROUP)
            else self._entered(entry, person_at(entry))
            for entry in entries_of(expression, self._values)
        ]
        if _number_of_people(places) > MOST_NAMED:
            raise ConditionError(f"“{expression}” names more than {MOST_NAMED} people.")
        return places or [_Place([], Sentence("“{expression}” names nobody", expression=expression))]

    def _group_named(self, entry: str, expression: str) -> _Place:
        """A group that an expression names, or begins to (`"group:" + office`): a field alone cannot be one. Never with
        the requester, who may have chosen it."""
        if entry not in expression and not _BEGINS_A_GROUP.search(expression):
            raise ConditionError(f"“{entry}” is no address.")
        place = self._group(entry.removeprefix(GROUP))
        others = [person for person in place.people if not self._is_barred_requester(person)]
        return replace(place, people=others, may_be_vacant=False)

    def _in_table(self, key: str, expressions: Mapping[str, str], number: int) -> list[_Place]:
        """What the form says chooses the row, so none of its places is vacant (`may_be_vacant`)."""
        version = self._version(key)
        if version is None or not authority.names_columns(version, expressions):
            raise _Unclear(Sentence("the table “{table}” has other columns, or is not there", table=key))
        values = authority.values_sought(version, expressions, self._values)
        match = authority.matching(version, values)
        if not match.rows:
            written = _cut(", ".join(f"{column} {value}" for column, value in values.items()))
            raise _Unclear(Sentence("no row of the table “{table}” fits {values}", table=key, values=written))
        places = [self._entry_of_table(entry) for entry in authority.entries_of(match)]
        if _number_of_people(places) > MOST_NAMED:
            raise ConditionError(f"The table “{key}” names more than {MOST_NAMED} people.")
        self.matches[number] = match
        return places

    def _version(self, key: str) -> TableVersion | None:
        """All lines of a step look in the same one."""
        if key not in self._versions:
            self._versions[key] = authority.newest(key)
        return self._versions[key]

    def _entry_of_table(self, entry: str) -> _Place:
        if level := level_of(entry):
            return self._manager(self._request.requester, level)
        if entry.startswith(GROUP):
            return replace(self._group(entry.removeprefix(GROUP)), may_be_vacant=False)
        return _Place(_or_nobody(person_at(entry)), _unknown(entry), is_one_person=True)


def _cut(problem: str) -> str:
    """On one line, and not longer than a mail about it can bear."""
    return " ".join(problem.split())[:LONGEST_PROBLEM]


def _number_of_people(places: Iterable[_Place]) -> int:
    return sum(len(place.people) for place in places if isinstance(place.people, Sequence))


def entries_of(expression: str, values: Mapping[str, Any]) -> list[str]:
    """What an expression comes to: addresses, and `group:` with a group's key. ConditionError for anything else."""
    result = value_of(expression, values)
    entries = result if isinstance(result, list) else [result]
    if not all(isinstance(entry, str) for entry in entries):
        raise ConditionError(f"“{expression}” is neither an address nor a list of addresses and group:KEY.")
    if len(entries) > MOST_NAMED:
        raise ConditionError(f"“{expression}” names more than {MOST_NAMED} people.")
    stripped = [entry.strip() for entry in entries]
    if any(len(entry) > LONGEST_ADDRESS or not entry.isprintable() for entry in stripped):
        raise ConditionError(f"“{expression}” comes to something that is no address.")
    return [entry for entry in stripped if entry]


def _person_in(entry: Any) -> tuple[str, Person | None]:
    """What a field says of one person, and who that is: their address, or the value of a field that chooses people."""
    if not isinstance(entry, Mapping):
        return str(entry), person_at(str(entry))
    number = entry.get("person")
    person = Person.objects.filter(pk=number).first() if type(number) is int else None
    return str(entry.get("address") or entry.get("name") or ""), person


def _among(text: str, person: Person | None, group: str | None) -> _Place:
    """Whoever somebody chose, if they are in the group that they had to be chosen from."""
    if person is None:
        return _Place([], _unknown(text))
    if group is not None and not Group.objects.filter(key=group, members=person).exists():
        return _Place([], Sentence("{address} is not in the group “{group}”", address=text, group=group))
    return _Place([person], _unknown(text), is_one_person=True)


def _people_before(seat: Assignment, withdrawn: Iterable[Assignment]) -> Iterator[int]:
    """Ids of those who are asked no more because of whoever an owner put in their place: whom the step names, and who
    was there since then."""
    if seat.in_place_of_id is not None:
        yield seat.in_place_of_id
        yield from (one.person_id for one in withdrawn if one.in_place_of_id == seat.in_place_of_id)


def _or_nobody(person: Person | None) -> list[Person]:
    return [] if person is None else [person]


def _unknown(address: str) -> Sentence:
    return Sentence("{address} is nobody who can be asked", address=address)


def _line_above(person: Person) -> Iterator[Person]:
    """Managers of managers, as they are now: who leads whom may have changed since the person was read. A ring ends
    where it closes."""
    passed = {person.pk}
    above = Person.objects.filter(reports=person.pk).first()
    while above is not None and above.pk not in passed and len(passed) <= LONGEST_CHAIN:
        yield above
        passed.add(above.pk)
        above = Person.objects.filter(reports=above.pk).first()


def _in_turn(members: Sequence[Person], group: str) -> list[Person]:
    """Whoever comes after the last one first, then round."""
    last = Turn.objects.filter(group__key=group).values_list("last", flat=True).first() or 0
    return sorted(members, key=lambda person: (person.pk <= last, person.pk))


def _least_busy_first(members: Sequence[Person]) -> list[Person]:
    """By how many questions are open for them."""
    waiting = Assignment.objects.filter(person__in=members, state=Assignment.State.OPEN)
    numbers = dict(waiting.values_list("person").annotate(number=Count("pk")))
    return sorted(members, key=lambda person: (numbers.get(person.pk, 0), person.pk))
