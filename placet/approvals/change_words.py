"""What mails and pages say where a request was sent back to its requester, and where it was revised. Looks; changes
nothing. Comments are other people's words: wherever they are shown they are text and nothing else."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.accounts.models import Person
from placet.approvals.changes import changes_since
from placet.approvals.clarification_mails import shown
from placet.approvals.definitions import Definition
from placet.approvals.delegate_words import who_decided
from placet.approvals.mail_parts import ShownFact
from placet.approvals.models import AskLine, Assignment, Decision, Request, Timer, Visit
from placet.approvals.name_lists import listed_names
from placet.approvals.outcomes import LABELS, REVISED
from placet.approvals.steps import ApprovalStep, ParallelStep
from placet.mail.writing import when

MOST_SHOWN = 20  # decisions in one mail


@dataclass(frozen=True)
class Silence:
    """A step came to its end before it was decided. `names`: of those who had not answered; `nobody`: nobody had."""

    at: datetime
    names: Sequence[str]
    nobody: bool


@dataclass(frozen=True)
class SentBack:
    """To the requester: whose answers sent the request back, and whose silence did."""

    decisions: Sequence[Decision]
    silences: Sequence[Silence] = ()

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(name for name, _decision in self.named))

    @property
    def named(self) -> list[tuple[str, Decision]]:
        """Each with who gave it, and in whose place."""
        return [(who_decided(one), one) for one in self.decisions]

    @property
    def silent_lines(self) -> list[str]:
        """In the language that is active."""
        return [_silent_line(one) for one in self.silences]


@dataclass(frozen=True)
class Revised:
    """To whoever is asked once more. `since`: the revision that they saw before, and whether they are shown anything
    otherwise now; `by`: the requester's answer; `kept`: decisions that still count."""

    since: int
    changed: bool
    by: Decision
    kept: Sequence[Decision]


News = SentBack | Revised


def news_of(request: Request, definition: Definition, assignment: Assignment, person: Person) -> News | None:
    """What is to be said to somebody who is asked, because the request was sent back; None in any other case."""
    if not definition.revise_keys:
        return None
    if definition.approval(assignment.visit.step_key).is_revise:
        return sent_back_by({assignment.visit: definition})[assignment.visit_id]
    since = _seen_before(assignment, person)
    revised = _revised_before(request, definition, assignment.visit)
    if since is None or revised is None:
        return None
    changed = bool(changes_since(request, definition, assignment.visit.step_key, since))
    return Revised(since, changed, revised, _kept_since(request, revised.assignment.visit))


def sent_back_by(visits: Mapping[Visit, Definition]) -> dict[int, SentBack]:
    """The answers, and the silence, by which requests came into a step in which their requester revises them, by visit
    of that step. As many queries for many as for one."""
    beside: dict[int, list[Visit]] = defaultdict(list)
    for one in Visit.objects.filter(request__in={visit.request_id for visit in visits}).order_by("pk"):
        beside[one.request_id].append(one)
    answered = {visit.pk: _left_for(visit, definition, beside) for visit, definition in visits.items()}
    inside = {one.pk for _left, inside in answered.values() for one in inside}
    counted = _counted(inside)
    silences = _silences(inside, counted)
    return {
        visit.pk: SentBack(
            _which(answered[visit.pk], definition, counted, silences)[:MOST_SHOWN],
            [silences[one.pk] for one in answered[visit.pk][1] if one.pk in silences],
        )
        for visit, definition in visits.items()
    }


def _silences(visits: Collection[int], counted: Mapping[int, Sequence[Decision]]) -> dict[int, Silence]:
    """Of those of them that came to their end."""
    ends = Timer.objects.filter(visit__in=visits, what=Timer.What.EXPIRE, state=Timer.State.ACTED)
    at = dict(ends.values_list("visit", "at"))
    if not at:
        return {}
    names: dict[int, list[str]] = defaultdict(list)
    seats = Assignment.objects.filter(visit__in=at, state=Assignment.State.SUPERSEDED).order_by("pk")
    for visit, name in seats.values_list("visit", "person__name"):
        names[visit].append(name)
    return {visit: Silence(at[visit], names[visit], not counted.get(visit)) for visit in at}


_Left = tuple[Visit | None, Sequence[Visit]]  # what was left, and the visits whose answers made it so


def _left_for(visit: Visit, definition: Definition, beside: Mapping[int, Sequence[Visit]]) -> _Left:
    """The step or block that led into a visit: the newest one before it, in its branch, that asked somebody else. What
    ends meanwhile in other branches has nothing to do with it."""
    before = {one.pk: one for one in beside[visit.request_id] if one.pk < visit.pk}
    left = _newest_before(visit, definition, before)
    if left is not None and left.state == Visit.State.CANCELLED:
        left = _led_out_of(left, before)
    if left is None:
        return None, ()
    return left, [left] if isinstance(definition.steps[left.step_key], ApprovalStep) else _below(left, before)


def _newest_before(visit: Visit, definition: Definition, before: Mapping[int, Visit]) -> Visit | None:
    """Where none is in its branch: before the block."""
    here = (
        one
        for one in reversed([*before.values()])
        if (one.parent_id, one.branch) == (visit.parent_id, visit.branch)
        and one.state not in Visit.LIVE
        and isinstance(definition.steps[one.step_key], ApprovalStep | ParallelStep)
        and one.step_key not in definition.revise_keys
    )
    newest = next(here, None)
    if newest is not None or visit.parent_id is None:
        return newest
    return _newest_before(before[visit.parent_id], definition, before)


def _led_out_of(block: Visit, before: Mapping[int, Visit]) -> Visit | None:
    """What ended a block by leading out of it: a step in it, or a block in it that came to its result."""
    left = before.get(block.ended_by_id or 0)
    while left is not None and left.parent_id != block.pk:
        parent = before.get(left.parent_id or 0)
        if parent is None or parent.state != Visit.State.CLOSED:
            break
        left = parent
    return left


def _below(block: Visit, visits: Mapping[int, Visit]) -> list[Visit]:
    below = {block.pk: block}
    for number, one in visits.items():  # whatever is in a block comes after it
        if one.parent_id in below:
            below[number] = one
    return [*below.values()][1:]


def _counted(visits: Collection[int]) -> dict[int, list[Decision]]:
    seats = Assignment.objects.filter(visit__in=visits, state__in=Assignment.COUNTED).select_related(
        "visit", "person", "decision__by_person", "kept__by_person", "kept__assignment__visit",
        "kept__assignment__person",
    )  # fmt: skip
    counted: dict[int, list[Decision]] = defaultdict(list)
    for seat in seats:
        counted[seat.visit_id].append(seat.counted)
    return counted


def _which(
    left: _Left,
    definition: Definition,
    counted: Mapping[int, Sequence[Decision]],
    silences: Mapping[int, Silence],
) -> list[Decision]:
    """Those that answered as the step ended; where nobody did, and no clock ended it, those that did not grant it."""
    step, inside = left
    decisions = sorted(
        (one for visit in inside for one in counted.get(visit.pk, ())), key=lambda one: (one.at, one.pk)
    )
    same = [one for one in decisions if step is not None and one.outcome == step.result]
    if same or (step is not None and step.pk in silences):
        return same
    return [one for one in decisions if not _grants(definition, one)]


def _grants(definition: Definition, decision: Decision) -> bool:
    return definition.approval(decision.assignment.visit.step_key).outcome(decision.outcome).is_granted


def _seen_before(assignment: Assignment, person: Person) -> int | None:
    """The revision that they were asked about in an earlier round of the step, or decided on there."""
    visit = assignment.visit
    earlier = Assignment.objects.filter(
        visit__request=visit.request_id, visit__step_key=visit.step_key, visit__round__lt=visit.round
    )
    lines = AskLine.objects.filter(assignment__in=earlier, asks_back=None, ask__person=person)
    last = lines.order_by("-pk").values_list("revision", flat=True).first()
    if last is not None:
        return last
    decided = Decision.objects.filter(assignment__in=earlier, by_person=person).order_by("-pk")
    return decided.values_list("revision", flat=True).first()


def _revised_before(request: Request, definition: Definition, visit: Visit) -> Decision | None:
    """The requester's newest answer, if it was given since the step was entered before."""
    before = request.visits.filter(step_key=visit.step_key, round__lt=visit.round).order_by("-round").first()
    answers = Decision.objects.filter(
        assignment__visit__request=request,
        assignment__visit__step_key__in=definition.revise_keys,
        assignment__visit__gt=0 if before is None else before.pk,
        outcome=REVISED,
    )
    return answers.select_related("by_person", "assignment__visit").order_by("-pk").first()


def _kept_since(request: Request, revised: Visit) -> list[Decision]:
    seats = Assignment.objects.filter(
        visit__request=request, visit__gt=revised.pk, state=Assignment.State.KEPT
    ).select_related("kept__by_person", "kept__assignment__person")
    return [seat.kept for seat in seats.order_by("pk")[:MOST_SHOWN] if seat.kept is not None]


# --- in words ---------------------------------------------------------------------------------------------


def asking_to_revise(names: Sequence[str]) -> tuple[str, str, str]:
    """Heading, what a list of mails shows of it, and the first sentences. `names`: who sent it back, as far as that is
    known; they have no places of their own to be filled in."""
    if names:
        lead = ngettext(
            "{names} sent your {process} {number} back to you.",
            "{names} sent your {process} {number} back to you.",
            len(names),
        ).replace("{names}", listed_names(names))
    else:
        lead = _("Your {process} {number} was sent back to you.")
    then = _("Please change it, and send it again.")
    return _("Please revise: {title}"), _("Your request was sent back to you: {title}"), f"{lead} {then}"


def why_asked_again(news: Revised) -> str:
    if news.changed:
        return _("It was sent back and then revised. Below is what changed since you were asked before.")
    return _("It was sent back, and is sent again. Nothing that you are shown has changed.")


def comments(news: News | None) -> list[ShownFact]:
    """What was written with it, as mails show what requesters enter."""
    decisions = [] if news is None else news.decisions if isinstance(news, SentBack) else [news.by]
    return [
        shown(_("{name} wrote").format(name=who_decided(one)), one.comment)
        for one in decisions
        if one.comment
    ]


def kept_lines(news: News | None) -> Iterator[str]:
    for one in news.kept if isinstance(news, Revised) else ():
        yield still_holds(one)


def still_holds(decision: Decision) -> str:
    sentence = _("{name} approved revision {number} of this request; that still holds.")
    return sentence.format(name=who_decided(decision), number=decision.revision)


def silent_line(news: SentBack) -> str:
    """Who did not answer, so that it was sent back; "" where nobody is to be named."""
    return " ".join(news.silent_lines)


def _silent_line(silence: Silence) -> str:
    names, time = listed_names(silence.names), when(silence.at)
    if not names:
        return _("It was not decided before {time}.").format(time=time)
    if silence.nobody:
        return _("Nobody answered before {time}. Asked for an answer: {names}.").format(
            names=names, time=time
        )
    return _("Not answered before {time}: {names}.").format(names=names, time=time)


def how_to_revise(*, by_mail: bool, in_lines: bool) -> str:
    """`in_lines`: there are fields that a line of a reply can change."""
    on_page = _("On the request’s page you can change the whole form, with its files.")
    if not by_mail:
        return " ".join(
            [_("This can be done on the page only: please open the request and sign in."), on_page]
        )
    how = _("Or reply to this mail with “{word}” on the first line; a comment can follow below it.")
    sentences = [on_page, how.format(word=LABELS[REVISED])]
    if in_lines:
        sentences.append(
            _(
                "Write below it what changes, each on a line of its own that begins with the number and a colon. What "
                "you leave out stays as it is."
            )
        )
    return " ".join(sentences)
