"""What a mail that asks says of its step's deadline, and of its request's."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from placet.approvals import engine_stops
from placet.approvals.definitions import Definition
from placet.approvals.models import Timer, Visit
from placet.approvals.steps import ApprovalStep
from placet.lib import clock
from placet.mail.writing import no_links, when


def until_when(definition: Definition, visit: Visit) -> Iterator[str]:
    """When an answer is due, and what becomes of the step without one; and when the whole request ends."""
    yield from _of_step(definition.approval(visit.step_key), visit)
    stop = engine_stops.waiting_for(visit.request, definition)
    if stop is not None:
        sentence = _(
            "The whole request ends on {time} if it is not decided before. After that, no answer counts."
        )
        yield sentence.format(time=when(stop.at))


def _of_step(step: ApprovalStep, visit: Visit) -> Iterator[str]:
    if step.due is None:
        return
    timers = list(visit.timers.filter(assignment=None))
    if any(timer.state == Timer.State.PAUSED for timer in timers):
        yield _("The time for an answer stands still: a question to {name} is open.").format(
            name=visit.request.requester.name
        )
        return
    moments = {timer.what: timer.at for timer in timers}
    due, end = moments.get(Timer.What.DUE), moments.get(Timer.What.EXPIRE)
    if due is not None and due != end:
        is_late = due < clock.now()
        sentence = _("An answer was due on {time}.") if is_late else _("Please answer by {time}.")
        yield sentence.format(time=when(due))
    if end is not None:
        outcome = step.outcome(step.expires_to)
        sentence = _("Answers count until {time}. If there is none by then, this ends as {answer}.")
        yield sentence.format(time=when(end), answer=_("“{word}”").format(word=no_links(outcome.shown)))
