"""What happened in a trial, as it is told: read from the rows of the trial while they are there."""

from collections.abc import Iterator, Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from placet.approvals.definitions import Definition, definition_of
from placet.approvals.delegate_words import who_decided
from placet.approvals.models import (
    Assignment,
    Clarification,
    Decision,
    Delegate,
    Request,
    Stop,
    Timer,
    Visit,
)
from placet.approvals.steps import WITHDRAWN, ApprovalStep, WaitStep
from placet.designer.trying_shown import (
    Choice,
    Coming,
    Happening,
    Line,
    Mail,
    OpenQuestion,
    Station,
    Summary,
    Trial,
)
from placet.designer.trying_time import Passing
from placet.designer.trying_words import CAME, COMING, why_asked
from placet.mail.models import OutgoingMail
from placet.portal.mails import KINDS
from placet.portal.path import path_of

MOST_COMING = 20


class Story:
    """`definition`: of the request that is started; those that it calls have their own."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self._known: set[tuple[str, int, str]] = set()
        self._definitions: dict[int, Definition] = {}

    # --- one event --------------------------------------------------------------------------------------------

    def since(self, passing: Passing) -> list[Line]:
        """What is so now and was not when this was asked the last time, in its order."""
        requests = passing.requests()
        now = dict(self._facts(requests))
        lines = [line for key, line in now.items() if key not in self._known]
        self._known = set(now)
        return lines

    def _facts(self, requests: Sequence[int]) -> Iterator[tuple[tuple[str, int, str], Line]]:
        """Each by what it is about: what it is called, the row's id, and its state."""
        if not requests:
            return
        acted = self._of(Timer.objects.filter(state=Timer.State.ACTED), requests, "visit")
        for timer in acted.order_by("acted_at", "pk"):
            if timer.assignment_id is None and not (timer.what == Timer.What.WARN and timer.number):
                text = str(CAME[timer.what]).format(step=self._step(timer.visit))
                yield ("timer", timer.pk, ""), Line(text, "waiting")
        seats = list(self._of(Assignment.objects.all(), requests, "visit", "person").order_by("pk"))
        for decision in (
            Decision.objects.filter(assignment__visit__request__in=requests)
            .select_related("assignment__visit__request__version", "assignment__person", "by_person")
            .order_by("at", "pk")
        ):
            yield ("decision", decision.pk, ""), self._decided(decision)
        for question in (
            Clarification.objects.filter(visit__request__in=requests)
            .select_related("asked_by")
            .order_by("pk")
        ):
            text = _("{name} asks the requester: {question}").format(
                name=question.asked_by.name, question=question.question
            )
            yield ("question", question.pk, ""), Line(text, "waiting")
            if question.answer:
                answered = _("The requester answers {name}: {answer}").format(
                    name=question.asked_by.name, answer=question.answer
                )
                yield ("question", question.pk, "answered"), Line(answered)
        for visit in self._of(Visit.objects.all(), requests).order_by("pk"):
            yield from self._visit(visit)
            yield from self._seats(visit, [seat for seat in seats if seat.visit_id == visit.pk])
        for stop in Stop.objects.filter(request__in=requests, state=Stop.State.ACTED):
            yield ("stop", stop.pk, ""), Line(_("The request has lasted as long as it may."), "bad")
        for request in Request.objects.filter(pk__in=requests).select_related("version").order_by("pk"):
            yield from self._request(request, is_root=request.pk == requests[0])

    def _of(self, rows: Any, requests: Sequence[int], *related: str) -> Any:
        through = "visit__request" if "visit" in related else "request"
        return rows.filter(**{f"{through}__in": requests}).select_related(f"{through}__version", *related)

    def _decided(self, decision: Decision) -> Line:
        visit = decision.assignment.visit
        outcome = self._definition(visit.request).approval(visit.step_key).outcome(decision.outcome)
        text = _("{name} answers “{answer}” in “{step}”.").format(
            name=who_decided(decision), answer=outcome.shown, step=self._step(visit)
        )
        return Line(f"{text} {decision.comment}".strip(), outcome.colour)

    def _visit(self, visit: Visit) -> Iterator[tuple[tuple[str, int, str], Line]]:
        step = self._step(visit)
        yield ("visit", visit.pk, ""), Line(_("The request comes to “{step}”.").format(step=step))
        if visit.state == Visit.State.STUCK:
            text = _("Nobody can be asked in “{step}”: {reason}").format(step=step, reason=visit.reason)
            yield ("visit", visit.pk, f"stuck {visit.reason}"), Line(text, "stuck")
        elif visit.state == Visit.State.CANCELLED:
            yield ("visit", visit.pk, "over"), Line(_("“{step}” is not needed any more.").format(step=step))
        elif visit.state == Visit.State.CLOSED and visit.result:
            text = _("“{step}” ends with “{result}”.").format(step=step, result=self._result(visit))
            yield ("visit", visit.pk, "closed"), Line(text)

    def _seats(
        self, visit: Visit, seats: Sequence[Assignment]
    ) -> Iterator[tuple[tuple[str, int, str], Line]]:
        step = self._definition(visit.request).steps[visit.step_key]
        for seat in seats:
            if seat.state == Assignment.State.KEPT:
                text = _("What {name} answered before still counts.").format(name=seat.person.name)
                yield ("seat", seat.pk, "kept"), Line(text)
                continue
            why = why_asked(self.definition, step, seat.source) if isinstance(step, ApprovalStep) else ""
            text = _("{name} ({address}) is asked").format(name=seat.person.name, address=seat.person.email)
            yield ("seat", seat.pk, "asked"), Line(f"{text}: {why}." if why else f"{text}.", "waiting")
            for delegate in seat.delegates.select_related("person").order_by("pk"):
                told = _("{name} may answer in the place of {other}.")
                yield (
                    ("delegate", delegate.pk, ""),
                    Line(told.format(name=delegate.person.name, other=seat.person.name)),
                )

    def _request(self, request: Request, *, is_root: bool) -> Iterator[tuple[tuple[str, int, str], Line]]:
        definition = self._definition(request)
        if not is_root:
            yield (
                ("request", request.pk, "called"),
                Line(_("“{process}” is started by a step.").format(process=definition.name)),
            )
        if request.state == Request.State.ENDED:
            name = definition.result_names.get(request.result, request.result)
            text = _("The request ends: {result}.") if is_root else _("What was started ends: {result}.")
            yield ("request", request.pk, "ended"), Line(text.format(result=name), _tone(request.result))
        elif request.state == Request.State.WITHDRAWN:
            yield ("request", request.pk, "withdrawn"), Line(_("The request is withdrawn."))

    # --- all of it --------------------------------------------------------------------------------------------

    def trial(self, passing: Passing, happenings: Sequence[Happening], stopped: str) -> Trial:
        if passing.request is None:
            return Trial(happenings=happenings, stopped=stopped, now=passing.now)
        requests = passing.requests()
        request = Request.objects.select_related("version", "requester").get(pk=requests[0])
        visits = list(self._of(Visit.objects.all(), requests[:1]).order_by("pk"))
        seats = list(self._of(Assignment.objects.all(), requests, "visit", "person").order_by("pk"))
        stations = [self._station(visit, seats) for visit in visits]
        return Trial(
            happenings=happenings,
            stopped=stopped,
            stations=stations,
            marks=path_of(request, self.definition).marks,
            questions=[*self._open(seats, request.pk), *self._asked_back(requests)],
            coming=self._coming(requests),
            signals=self._signals(visits),
            title=request.title,
            data=request.data,
            state=request.state,
            result=request.result,
            result_name=self.definition.result_names.get(request.result, request.result),
            now=passing.now,
            summary=summary_of(
                stations, request.result if request.state == Request.State.ENDED else request.state
            ),
        )

    def _station(self, visit: Visit, seats: Sequence[Assignment]) -> Station:
        people = [seat.person.email for seat in seats if seat.visit_id == visit.pk]
        return Station(
            visit.step_key, self._step(visit), visit.round, visit.state, visit.result, people, visit.reason
        )

    def _open(self, seats: Sequence[Assignment], root: int) -> Iterator[OpenQuestion]:
        for seat in seats:
            if seat.state != Assignment.State.OPEN:
                continue
            definition = self._definition(seat.visit.request)
            step = definition.approval(seat.visit.step_key)
            delegates = seat.delegates.filter(state=Delegate.State.OPEN).select_related("person")
            yield OpenQuestion(
                person=seat.person.email,
                name=seat.person.name,
                step=seat.visit.step_key,
                step_name=step.name,
                why=why_asked(definition, step, seat.source),
                choices=[Choice(one.key, one.shown, one.colour) for one in step.outcomes],
                delegates=[one.person.email for one in delegates.order_by("pk")],
                by_mail=seat.ask_lines.filter(asks_back=None).exists(),
                is_called=seat.visit.request_id != root,
            )

    def _asked_back(self, requests: Sequence[int]) -> Iterator[OpenQuestion]:
        """What the requester is asked."""
        rows = Clarification.objects.filter(visit__request__in=requests, state=Clarification.State.OPEN)
        for row in rows.select_related("visit__request__version", "visit__request__requester").order_by("pk"):
            asked = row.visit.request.requester
            yield OpenQuestion(
                person=asked.email,
                name=asked.name,
                step=row.visit.step_key,
                step_name=self._step(row.visit),
                why=row.question,
                choices=(),
                asks_back=True,
            )

    def _coming(self, requests: Sequence[int]) -> list[Coming]:
        live = Timer.objects.filter(state=Timer.State.WAITING, visit__state__in=Visit.LIVE, visit__result="")
        timers = self._of(live, requests, "visit")
        rows = [
            Coming(timer.at, str(COMING[timer.what]).format(step=self._step(timer.visit)))
            for timer in timers.order_by("at", "pk")
        ]
        stops = Stop.objects.filter(request__in=requests, state=Stop.State.WAITING)
        rows += [Coming(stop.at, _("the request has lasted as long as it may")) for stop in stops]
        return sorted(rows, key=lambda one: one.at)[:MOST_COMING]

    def _signals(self, visits: Sequence[Visit]) -> list[str]:
        steps = [self.definition.steps[visit.step_key] for visit in visits if visit.state in Visit.LIVE]
        return sorted({step.signal for step in steps if isinstance(step, WaitStep) and step.signal})

    # --- names ------------------------------------------------------------------------------------------------

    def _definition(self, request: Request) -> Definition:
        if request.version_id not in self._definitions:
            self._definitions[request.version_id] = definition_of(request.version)
        return self._definitions[request.version_id]

    def _step(self, visit: Visit) -> str:
        return self._definition(visit.request).steps[visit.step_key].name

    def _result(self, visit: Visit) -> str:
        step = self._definition(visit.request).steps[visit.step_key]
        if visit.result == WITHDRAWN:
            return pgettext("one request", "withdrawn")
        return step.outcome(visit.result).shown if isinstance(step, ApprovalStep) else visit.result


def summary_of(stations: Sequence[Station], result: str) -> Summary:
    """`result`: what the request came to, or its state as long as it came to nothing."""
    asked: dict[str, list[str]] = {}
    for one in stations:
        people = asked.setdefault(one.step, [])
        people += sorted(set(one.people) - set(people))
    return Summary(
        path=[f"{one.step}={one.result}" if one.result else one.step for one in stations],
        asked={step: people for step, people in asked.items() if people},
        result=result,
    )


def shown_mail(mail: OutgoingMail, number: int) -> Mail:
    """As it would look."""
    parsed = message_from_bytes(bytes(mail.raw), policy=default)
    to = parsed["To"].addresses[0] if parsed["To"] is not None else None
    return Mail(
        number=number,
        kind=str(KINDS.get(mail.kind, _("Answer to a reply"))),
        to=mail.to,
        to_name=to.display_name if to is not None else "",
        subject=mail.subject,
        text=_content(parsed, "plain"),
        markup=_content(parsed, "html"),
        at=mail.sent_at or mail.due,
    )


def _content(parsed: EmailMessage, kind: str) -> str:
    part = parsed.get_body((kind,))
    return "" if part is None else str(part.get_content())


def _tone(result: str) -> str:
    return {"approved": "good", "rejected": "bad"}.get(result, "neutral")
