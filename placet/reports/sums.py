"""What is counted of requests that ended: the facts of each, summed up by process."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from placet.approvals.models import Decision, Request, Visit
from placet.approvals.steps import WITHDRAWN
from placet.designer import traits
from placet.replies.reasons import reason_keys
from placet.reports.amounts import joined, rounded
from placet.reports.worked import WorkedTime

GOOD = "approved"  # the result that counts as a good end
WITHDRAWN_BY_HAND = "*withdrawn"  # in place of a result: no result has such a key
UNANSWERED = frozenset({"unclear", "confirmation_needed", "digest_unclear"})
#: Replies that are no answer, or came when none was needed: nobody did anything that has to be done again.
NO_REWORK = frozenset({"help_asked", "status_asked", "already_decided", "no_longer_open", "not_undone"})


@dataclass(frozen=True)
class VersionFacts:
    """Of the version of a process that requests are of."""

    process: int
    waits: Collection[str]  # steps that take time: people or something outside are waited for
    revises: Collection[str]  # steps in which the requester changes something
    worked: WorkedTime


@dataclass(frozen=True)
class VisitFacts:
    id: int
    step: str
    state: str
    result: str
    opened_at: datetime
    closed_at: datetime | None
    asked_back: int


@dataclass(frozen=True)
class AnswerFacts:
    """A decision."""

    visit: int
    channel: str
    at: datetime
    by_delegate: bool


@dataclass(frozen=True)
class RequestFacts:
    """All that is counted of a request."""

    id: int
    version: VersionFacts
    created_at: datetime
    closed_at: datetime
    state: str
    result: str
    requester: int
    visits: Sequence[VisitFacts] = ()
    answers: Sequence[AnswerFacts] = ()
    late: Collection[int] = ()  # visits whose deadline passed
    expired: int = 0  # steps that nobody decided in time
    undone: int = 0  # answers that were taken back
    barred: int = 0  # delegates who may not answer, because they answered elsewhere in the request
    events: Sequence[Mapping[str, Any]] = ()  # of its record, with "who"

    @property
    def rounds(self) -> int:
        """How often it was sent back."""
        return sum(visit.step in self.version.revises for visit in self.visits)

    @property
    def clarifications(self) -> int:
        return sum(visit.asked_back for visit in self.visits)

    def rework(self, refused: Iterable[str]) -> Mapping[str, bool]:
        """Why it was not right at once, by the keys of `Sums.passes`. `refused`: reasons of replies."""
        return {
            "sent_back": self.rounds > 0,
            "clarified": self.clarifications > 0,
            "refused": any(key not in NO_REWORK for key in refused),
        }


@dataclass
class Sums:
    """Of one process and one day, as `placet.reports.models.DaySums` keeps them."""

    started: int = 0
    missed: int = 0
    ended: Counter[str] = field(default_factory=Counter)  # by result, or WITHDRAWN_BY_HAND
    durations: dict[str, Counter[str]] = field(
        default_factory=lambda: {"all": Counter(), "worked": Counter()}
    )  # minutes (`amounts`) → how many, of those that were not withdrawn
    steps: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(_step))
    passes: Counter[str] = field(
        default_factory=Counter
    )  # good, first, sent_back, clarified, refused, rounds:N
    answers: dict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )  # channels, first, refused
    rules: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)  # by trait: how many have it
    traits: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # ids of these
    times: dict[str, dict[str, list[int]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )  # what is measured → minutes → ids

    def add(self, request: RequestFacts) -> None:
        """A request that ended. What it has by itself is what it is listed by: so a list has what a figure counts."""
        self._count(request)
        alone = Sums()
        alone._count(request)
        for trait in alone._traits(request):
            self.requests[trait] += 1
            self.traits[trait].append(request.id)
        for measured, minutes in alone._times():
            self.times[measured][str(minutes)].append(request.id)

    def _count(self, request: RequestFacts) -> None:
        is_withdrawn = request.state == Request.State.WITHDRAWN
        self.ended[WITHDRAWN_BY_HAND if is_withdrawn else request.result] += 1
        if not is_withdrawn:
            start, end = request.created_at, request.closed_at
            self.durations["all"][str(rounded(end - start))] += 1
            self.durations["worked"][str(rounded(request.version.worked.between(start, end)))] += 1
        refused = Counter(_refusals(request))
        self._add_steps(request)
        self._add_passes(request, refused)
        self._add_answers(request, refused)
        self._add_rules(request, refused)

    def _add_steps(self, request: RequestFacts) -> None:
        stuck = Counter(event.get("step", "") for event in request.events if event.get("event") == "stuck")
        for key, count in stuck.items():
            if key in request.version.waits:
                self.steps[key]["stuck"] += count
        for visit in request.visits:
            if visit.step not in request.version.waits:
                continue
            step = self.steps[visit.step]
            step["asked_back"] += visit.asked_back
            step["late"] += visit.id in request.late
            is_cut_off = request.state == Request.State.WITHDRAWN and visit.result == WITHDRAWN
            if visit.state != Visit.State.CLOSED or is_cut_off or visit.closed_at is None:
                continue
            worked = request.version.worked.between(visit.opened_at, visit.closed_at)
            step["visits"] += 1
            step["minutes"] += round(worked.total_seconds() / 60)
            step["worked"][str(rounded(worked))] += 1
            step["all"][str(rounded(visit.closed_at - visit.opened_at))] += 1

    def _add_passes(self, request: RequestFacts, refused: Counter[str]) -> None:
        if request.state != Request.State.ENDED or request.result != GOOD:
            return
        rework = request.rework(refused)
        self.passes["good"] += 1
        self.passes["first"] += not any(rework.values())
        self.passes[f"rounds:{request.rounds}"] += 1
        for reason, holds in rework.items():
            self.passes[reason] += holds

    def _add_answers(self, request: RequestFacts, refused: Counter[str]) -> None:
        first: dict[int, datetime] = {}
        for answer in request.answers:
            self.answers["channels"][answer.channel] += 1
            first[answer.visit] = min(answer.at, first.get(answer.visit, answer.at))
        for visit in request.visits:
            if visit.id in first:
                worked = request.version.worked.between(visit.opened_at, first[visit.id])
                self.answers["first"][str(rounded(worked))] += 1
        self.answers["refused"].update(refused)

    def _add_rules(self, request: RequestFacts, refused: Counter[str]) -> None:
        by_others = Counter(
            event["event"]
            for event in request.events
            if event.get("event") in BY_HAND
            and event.get("who") not in ("system", f"person:{request.requester}")
        )
        self.rules.update(
            {
                "delegates": sum(answer.by_delegate for answer in request.answers),
                "by_hand": by_others.total(),
                "expired": request.expired,
                "stopped": sum(event.get("event") == "stopped" for event in request.events),
                "escalated": sum(event.get("event") == "escalated" for event in request.events),
                "undone": request.undone,
                "barred": request.barred + refused["may_not_decide"],
            }
        )

    # --- of a request alone --------------------------------------------------------------------------------

    def _traits(self, request: RequestFacts) -> Iterator[str]:
        refused = self.answers["refused"]
        yield traits.of_rounds(request.rounds)
        reworked = {"sent_back": traits.SENT_BACK, "clarified": traits.CLARIFIED, "refused": traits.REDONE}
        yield from (reworked[reason] for reason, holds in request.rework(refused).items() if holds)
        if self.passes["first"]:
            yield traits.AT_ONCE
        yield from (traits.of_channel(channel) for channel in self.answers["channels"])
        yield from (traits.of_refusal(reason) for reason in refused)
        held = {
            traits.ANSWERED: self.answers["first"],
            traits.REPLIED: refused or self.answers["channels"][Decision.Channel.MAIL],
            traits.UNCLEAR: UNANSWERED & refused.keys(),
        }
        yield from (trait for trait, holds in held.items() if holds)
        yield from (rule for rule, count in self.rules.items() if count)
        for kind, counted in traits.OF_STEPS.items():
            steps = [key for key, step in self.steps.items() if step[counted]]
            yield from ([kind] if steps else [])
            yield from (traits.of_step(kind, key) for key in steps)

    def _times(self) -> Iterator[tuple[str, int]]:
        """What it took the longest of each."""
        waited = {key: step["worked"] for key, step in self.steps.items() if step["worked"]}
        amounts = {
            traits.WORKED: self.durations["worked"],
            traits.CALENDAR: self.durations["all"],
            traits.FIRST_ANSWER: self.answers["first"],
            traits.WAITED: joined(waited.values()),
            **{traits.of_step(traits.WAITED, key): worked for key, worked in waited.items()},
        }
        yield from ((measured, max(map(int, of))) for measured, of in amounts.items() if of)


#: What somebody who administers, or owns the process, does to a request of others.
BY_HAND = frozenset({"tried again", "signalled", "withdrawn"})


def _step() -> dict[str, Any]:
    counted = dict.fromkeys(("visits", "minutes", "asked_back", "late", "stuck"), 0)
    return {**counted, "worked": Counter(), "all": Counter()}


def _refusals(request: RequestFacts) -> Sequence[str]:
    """Why replies of whoever was asked did not count; those of strangers are left to the mail log."""
    reasons = [
        event.get("reason" if event["event"] == "reply refused" else "why", "")
        for event in request.events
        if event.get("event") in ("reply refused", "line refused")
    ]
    return [reason for reason in reasons if reason in reason_keys()]
