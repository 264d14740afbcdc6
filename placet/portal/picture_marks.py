"""What the picture of a request's process says of its steps: which were decided and by whom, where it is now, and which
ways were gone. Made of what its path has read already; asks nothing more.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, Protocol

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from placet.approvals.deadlines import EXPIRED
from placet.approvals.definitions import Definition
from placet.approvals.engine_stops import has_ended
from placet.approvals.models import Request, Visit
from placet.approvals.name_lists import listed_names
from placet.approvals.picture import Mark, State
from placet.approvals.steps import EndStep, ParallelStep

MOST_LINES = 2  # of those who decided
Tone = Literal["good", "bad", "neutral"]
_TONES: dict[str, Tone] = {"good": "good", "bad": "bad", "approved": "good", "rejected": "bad"}


class LineShown(Protocol):
    """One person of a station of the path. `channel`: "" of whoever did not answer."""

    @property
    def name(self) -> str: ...
    @property
    def words(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def assignment(self) -> int | None: ...


Lines = Mapping[int, Sequence[LineShown]]  # by visit


def marks_of(
    request: Request,
    definition: Definition,
    visits: Sequence[Visit],
    became: Mapping[int, tuple[str, str]],
    lines: Lines,
    skipped: Collection[int],
) -> dict[str, Mark]:
    """By key of a step, of its newest visit. `visits`: in their order. `became`: by visit, its kind of station and what
    became of it in words."""
    went = _went(request, definition, visits)
    marks = {
        visit.step_key: _mark(
            definition, visit, became[visit.pk], lines.get(visit.pk, ()), visit.pk in skipped, went
        )
        for visit in visits
        if visit.step_key in definition.steps
    }
    for key, step in definition.steps.items():
        if isinstance(step, EndStep) and any(key in ways for ways in went.values()):
            marks[key] = Mark("ended", tone=_TONES.get(step.result, "neutral"))
    return marks


def _mark(
    definition: Definition,
    visit: Visit,
    became: tuple[str, str],
    lines: Sequence[LineShown],
    is_skipped: bool,
    went: Mapping[str, Collection[str]],
) -> Mark:
    kind, words = became
    state = _state(visit, is_skipped)
    is_block = isinstance(definition.steps[visit.step_key], ParallelStep)
    return Mark(
        state,
        tuple(_words(visit, state, words, lines, is_block)),
        _TONES.get(kind, "neutral"),
        visit.round,
        frozenset(went.get(visit.step_key, ())),
    )


def _state(visit: Visit, is_skipped: bool) -> State:
    if visit.state == Visit.State.STUCK:
        return "stuck"
    if visit.state in Visit.LIVE:
        return "now"
    if visit.result == EXPIRED or (visit.state == Visit.State.CANCELLED and has_ended(visit)):
        return "expired"
    return "skipped" if is_skipped or visit.state == Visit.State.CANCELLED else "done"


def _words(
    visit: Visit, state: State, words: str, lines: Sequence[LineShown], is_block: bool
) -> Iterator[str]:
    """Who answered, or who is asked since when; else what became of it."""
    answered = [f"{line.name} {line.words}" for line in lines if line.channel]
    asked = [line.name for line in lines if line.assignment is not None]
    if state == "now" and visit.state == Visit.State.OPEN:
        if asked:
            yield _("asked: {names}").format(names=listed_names(asked))
        else:
            yield pgettext("a block", "running") if is_block else words
        yield _("since {day}").format(day=date_format(timezone.localtime(visit.opened_at), "j F Y"))
    elif state == "done" and answered:
        yield from answered[:MOST_LINES]
        if len(answered) > MOST_LINES:
            yield _("and {n} more").format(n=len(answered) - MOST_LINES)
    else:
        yield words


def _went(request: Request, definition: Definition, visits: Sequence[Visit]) -> dict[str, set[str]]:
    """By step: the steps that were entered from it, and what branches came to that it ended."""
    went: dict[str, set[str]] = defaultdict(set)
    ended_at: tuple[Visit, str] | None = None
    for at, visit in enumerate(visits):
        if visit.state != Visit.State.CLOSED or not visit.result:
            continue
        if visit.branch_result:
            went[visit.step_key].add(visit.branch_result)
            continue
        targets = [*_targets(definition, visit)]
        following = next((one.step_key for one in visits[at + 1 :] if one.step_key in targets), None)
        end = next((key for key in targets if _is_end(definition, key, request)), None)
        if following is not None:
            went[visit.step_key].add(following)
        elif end is not None:
            ended_at = visit, end
    if ended_at is not None:
        went[ended_at[0].step_key].add(ended_at[1])
    return went


def _targets(definition: Definition, visit: Visit) -> Iterable[str]:
    for way in definition.transitions:
        if way.from_ == visit.step_key and way.outcome == visit.result and way.to is not None:
            yield way.to


def _is_end(definition: Definition, key: str, request: Request) -> bool:
    step = definition.steps.get(key)
    ended = request.state == Request.State.ENDED
    return ended and isinstance(step, EndStep) and step.result == request.result
