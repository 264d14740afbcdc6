"""What waits for me: decided one by one on its card, or several at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from placet.approvals import drafts, owning, policy
from placet.approvals.change_words import SentBack
from placet.approvals.definitions import Definition
from placet.approvals.finding import matching
from placet.approvals.form import Fact, facts_as_read, facts_hash
from placet.approvals.mail_parts import one_of
from placet.approvals.models import Assignment, Clarification, ProcessDraft, Request
from placet.approvals.rule_words import rule_in_words
from placet.approvals.seats import waiting_for
from placet.approvals.steps import ApprovalStep
from placet.lib.web import entered, keep
from placet.portal import deciding, live
from placet.portal.away import away_of
from placet.portal.clarifications import waiting_for as questions_to_answer
from placet.portal.due import DueShown, as_read_in, due_of
from placet.portal.forms import MOST_PICKED, Pick, SeveralForm
from placet.portal.in_place import said_of
from placet.portal.path import Definitions, standings, step_name
from placet.portal.pending import pending_of
from placet.portal.people import PersonsRequest, signed_in
from placet.portal.sent_back import sent_back

A_PAGE = MOST_PICKED  # rows of a list; no more can be decided at once
MOST_DRAFTS = 10  # in need, that are listed; then a link leads to all
MOST_OPEN = 2000  # whose ids a page is told
FACTS_AT_A_GLANCE = 4
LONGEST_AT_A_GLANCE = 120
_KEYS_OF_PAGE = frozenset("jkxo?")


@dataclass(frozen=True)
class Answer:
    """One button of a decide form."""

    outcome: str
    label: str
    identity: str = ""  # for several at once: two processes may mean other things by the same key
    key: str = ""  # of the keyboard, that goes to it; "" where the page has another use for that
    main: bool = False  # the one that stands out
    needs_comment: bool = False

    @classmethod
    def to(cls, step: ApprovalStep, definition: Definition, request: Request) -> "list[Answer]":
        """The answers that a step offers about a request, in its order."""
        taken = set(_KEYS_OF_PAGE)
        answers = []
        for one in step.outcomes:
            key = "" if one.key[0] in taken else one.key[0]
            taken.add(key)
            needed = policy.needs_comment(definition, step, one.key, request)
            label = _("Send again") if step.is_revise else one.shown
            answers.append(cls(one.key, label, one.identity, key, one.colour == "good", needed))
        return answers


def say_why(answers: Sequence[Answer]) -> str:
    """The sentence that asks for a comment, if any of these answers needs one."""
    needed = [_("“{word}”").format(word=answer.label) for answer in answers if answer.needs_comment]
    return _("With {answers}, please say why.").format(answers=one_of(needed)) if needed else ""


@dataclass(frozen=True)
class Several:
    """One button that answers several questions."""

    answer: Answer
    words: str
    counted: str  # the same with {n}


@dataclass(frozen=True)
class Waiting:
    """One question that waits for the person."""

    request: Request
    process: str
    step: str
    rule: str
    asked: Assignment
    pick: Pick
    picked: bool
    answers: Sequence[Answer]
    facts: Sequence[Fact]
    all_facts: Sequence[Fact]  # if `facts` are not all, or not whole
    fills: bool  # whether something is filled in with the answer
    pending: str = ""  # what they answered by mail, where that waits for its comment
    due: DueShown | None = None
    in_place: str = ""  # in whose place they are asked, or who may answer in theirs
    back: SentBack | None = None  # who sent it back to whoever looks
    asks_more: bool = False  # questions beside the outcome: they are answered on the request's page
    is_exact: bool = (
        False  # whether something stands there that is meant sign by sign: it is read whole before
    )

    @property
    def is_chosen_with_others(self) -> bool:
        """Whether it can be: not where something is filled in with the answer, or read whole before it."""
        return not (self.fills or self.is_exact)

    @property
    def needs_comment(self) -> str:
        return say_why(self.answers)


@signed_in
def home(request: PersonsRequest) -> HttpResponse:
    """What waits for me, then what I wait for."""
    return live.answer(request, live.of_person(request.user), lambda version: _home(request, version))


def _home(
    request: PersonsRequest, version: str, form: SeveralForm | None = None, status: int = 200
) -> HttpResponse:
    others = live.answers_for_others(version)
    q, to_answer = (
        entered(request.GET),
        questions_to_answer(request.user) if live.questions_in(version) else (),
    )
    open_ones = _open_ones(request, to_answer, others=others)
    page = Paginator(_waiting_for(request, q, others=others), A_PAGE).get_page(request.GET.get("page"))
    chosen = {pick.assignment for pick in form.picks()} if form else set()
    definitions = Definitions()
    running = request.user.requests.filter(state=Request.State.OPEN).select_related("version")[: A_PAGE + 1]
    pending = pending_of(list(page), request.user)
    in_place = said_of(list(page), request.user)
    back = sent_back(page, definitions)
    visits = [assignment.visit for assignment in page]
    due = due_of([one for one in visits if definitions.of(one.request).has_deadline(one.step_key)])
    waiting = [
        replace(
            _waiting(assignment, definitions, chosen, pending),
            due=as_read_in(
                due.get(assignment.visit_id),
                definitions.of(assignment.visit.request).approval(assignment.visit.step_key),
                assignment,
            ),
            in_place=in_place.get(assignment.pk, ""),
            back=back.get(assignment.pk),
        )
        for assignment in page
    ]
    context: dict[str, Any] = {
        "version": version,
        "away": away_of(request.user) if live.may_be_away(version) and not live.asks(request) else None,
        "page": page,
        "q": q,
        "keep": keep(q=q),
        "waiting": waiting,
        "to_answer": to_answer,
        "open_ones": open_ones,
        "several": form,
        "none_chosen": form is not None and not chosen,
        "several_answers": _several(waiting),
        "running": standings(list(running[:A_PAGE]), definitions),
        "more_running": len(running) > A_PAGE,
        "drafts": _drafts_in_need(request) if not live.asks(request) else [],
        "most_drafts": MOST_DRAFTS,
    }
    template = "portal/home_live.html" if live.asks(request) else "portal/home.html"
    return render(request, template, context, status=status)


def _drafts_in_need(request: PersonsRequest) -> Sequence[ProcessDraft]:
    """Of an owner: one more than are listed, if there are more. What is wrong was found before: nothing is run here."""
    return (
        list(drafts.drafts_in_need(request.user)[: MOST_DRAFTS + 1]) if owning.may_make(request.user) else []
    )


def _several(waiting: Sequence[Waiting]) -> list[Several]:
    """The answers that any of the questions offers."""
    offered = {answer.identity: answer for one in waiting if not one.fills for answer in one.answers}
    return [
        Several(answer, *deciding.several_words(answer.outcome, answer.label)) for answer in offered.values()
    ]


def _waiting_for(request: PersonsRequest, q: str, *, others: bool) -> Any:
    # Their requests run: who is still asked is asked no longer when a request ends (`engine`).
    asked = waiting_for(request.user, others=others)
    if q:  # looked for once: a page counts them, too
        fitting = asked.filter(matching(q, "visit__request__")).order_by().values_list("pk", flat=True)
        asked = asked.filter(pk__in=list(fitting))
    whole = asked.select_related("visit__request__version", "visit__request__requester", "person")
    return whole.order_by("id")


def _open_ones(request: PersonsRequest, to_answer: Sequence[Clarification], *, others: bool) -> str | None:
    """The ids of everything that waits for the person: a card of a window stays open as long as its id is among them,
    on whichever page it is now. None if they are too many to be sent; then no card is closed by itself."""
    found = list(_waiting_for(request, "", others=others).values_list("pk", flat=True)[: MOST_OPEN + 1])
    questions = [f"q{one.pk}" for one in to_answer]
    return " ".join([*map(str, found), *questions]) if len(found) <= MOST_OPEN else None


def _waiting(
    assignment: Assignment, definitions: Definitions, chosen: set[int], pending: Mapping[int, str]
) -> Waiting:
    about = assignment.visit.request
    definition = definitions.of(about)
    step = definition.approval(assignment.visit.step_key)
    facts = facts_as_read(definition, about.data, definition.hidden_in(assignment.visit.step_key))
    glance = facts[:FACTS_AT_A_GLANCE]
    whole = len(facts) == len(glance) and all(
        fact.glance == fact.text and len(fact.text) <= LONGEST_AT_A_GLANCE for fact in glance
    )
    return Waiting(
        about,
        definition.name,
        step_name(definition, assignment.visit.step_key),
        rule_in_words(step),
        assignment,
        Pick(assignment.pk, facts_hash(about, definition, assignment.visit.step_key)),
        assignment.pk in chosen,
        Answer.to(step, definition, about),
        glance,
        [] if whole else facts,
        bool(definition.filled_in(assignment.visit.step_key)),
        pending=pending.get(assignment.pk, ""),
        asks_more=bool(definition.questions_of(assignment.visit.step_key)),
        is_exact=any(fact.exact for fact in facts),
    )


@signed_in
def decide_several(request: PersonsRequest) -> HttpResponse:
    """One answer to several questions, which are all shown once more before it counts."""
    if request.method != "POST":
        return redirect("portal:home")
    form = SeveralForm(request.POST)
    picks = form.picks()
    form.offer(deciding.offered(request.user, picks))
    if not form.is_valid() or not picks:
        return _home(request, live.of_person(request.user), form, status=422)
    if form.cleaned_data["sure"] and not deciding.misses_comment(request.user, form, picks):
        return deciding.decide_each(request, form, picks)
    return deciding.shown_once_more(request, form, picks)
