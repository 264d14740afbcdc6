"""Answers given on a page: applied to exactly what was shown there, one by one or several at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from placet.accounts.models import Person
from placet.approvals import engine, engine_errors, policy
from placet.approvals.attachments import FilesOfAnswer
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.delegate_words import who_decided
from placet.approvals.form import Fact, facts_as_read, facts_hash
from placet.approvals.grace import NONE
from placet.approvals.messages import decided_elsewhere, outcome_of
from placet.approvals.models import Assignment, Decision, Request
from placet.approvals.outcomes import APPROVE, LABELS, REJECT, Outcome
from placet.approvals.questions import asked_in
from placet.approvals.seats import seats_of
from placet.approvals.steps import ApprovalStep
from placet.approvals.undo_rules import grace_in
from placet.portal.forms import Pick, SeveralForm
from placet.portal.path import CHANNELS, Definitions, step_name, with_what_now
from placet.portal.people import PersonsRequest
from placet.portal.templatetags.pages import exact
from placet.portal.undoing import can_be_undone, can_still_be_undone

_YOU_DID: dict[str, Promise] = {
    APPROVE: gettext_lazy("You approved this request."),
    REJECT: gettext_lazy("You rejected this request."),
}
_YOU_DID_NAMED: dict[str, Promise] = {
    APPROVE: gettext_lazy("You approved “{title}”."),
    REJECT: gettext_lazy("You rejected “{title}”."),
}
# What the button for several says, without and with their number.
_SEVERAL: dict[str, tuple[Promise, Promise]] = {
    APPROVE: (gettext_lazy("Approve the chosen ones …"), gettext_lazy("Approve {n} …")),
    REJECT: (gettext_lazy("Reject the chosen ones …"), gettext_lazy("Reject {n} …")),
}
# What is asked once more, of one and of %(n)s, and the button that then decides.
_ONCE_MORE: dict[str, tuple[Promise, Promise, str]] = {
    APPROVE: (
        ngettext_lazy("Approve this request?", "Approve these %(n)s requests?", "n"),
        gettext_lazy("Approve the chosen ones"),
        "primary",
    ),
    REJECT: (
        ngettext_lazy("Reject this request?", "Reject these %(n)s requests?", "n"),
        gettext_lazy("Reject the chosen ones"),
        "danger",
    ),
}
_YOU_WERE_FIRST: dict[str, Promise] = {
    APPROVE: gettext_lazy(
        "You approved this on {time}, {channel}, before this answer came. It changed nothing."
    ),
    REJECT: gettext_lazy(
        "You rejected this on {time}, {channel}, before this answer came. It changed nothing."
    ),
}
_SOMEBODY_WAS_FIRST: dict[str, Promise] = {
    APPROVE: gettext_lazy(
        "{name} approved this on {time}, {channel}, before this answer came. It changed nothing."
    ),
    REJECT: gettext_lazy(
        "{name} rejected this on {time}, {channel}, before this answer came. It changed nothing."
    ),
}

_ANSWERED_FIRST: dict[bool, Promise] = {
    True: gettext_lazy(
        "You answered “{answer}” on {time}, {channel}, before this answer came. It changed nothing."
    ),
    False: gettext_lazy(
        "{name} answered “{answer}” on {time}, {channel}, before this answer came. It changed nothing."
    ),
}


def several_words(outcome: str, label: str) -> tuple[str, str]:
    """What the button that answers several says, without and with their number."""
    if outcome in _SEVERAL and label == str(LABELS[outcome]):
        without, counted = _SEVERAL[outcome]
        return str(without), str(counted)
    return (
        _("“{answer}” for the chosen ones …").format(answer=label),
        _("“{answer}” for {n} …").format(answer=label, n="{n}"),
    )


def apply(
    asked: Assignment,
    by: Person,
    shown: str,
    outcome: str,
    comment: str,
    answers: Mapping[str, Any] = engine.NO_ANSWERS,
    entered: Mapping[str, Any] | None = None,
    files: FilesOfAnswer | None = None,
) -> Decision:
    """Decide, if `shown` is the hash of what the request says now. `answers`: to questions, and `entered`: by field of
    the form, as they were typed; `files`: what becomes of those of the form."""
    return engine.decide(
        asked.pk,
        by=by,
        outcome=outcome,
        comment=comment,
        channel=Decision.Channel.PAGE,
        answers=answers,
        entered=entered,
        files=files,
        shown=shown,
    )


def what_was_done(asked: Assignment, decision: Decision, *, named: bool) -> SafeString:
    """The sentences after a decision: what was done, where the request stands now, and until when it can be undone.
    `named`: where its page does not say which request, and shows no answer of it that can be undone."""
    request = Request.objects.select_related("version", "requester").get(visits__assignments=asked.pk)
    definition = definition_of(request.version)
    outcome = definition.approval(asked.visit.step_key).outcome(decision.outcome)
    if outcome.is_built_in:
        done = str((_YOU_DID_NAMED if named else _YOU_DID)[outcome.key])
    elif outcome.is_revised:
        done = _("You sent this request again.")
    else:
        done = _("You answered “{answer}” to “{title}”.") if named else _("You answered “{answer}”.")
    said = with_what_now(done.format(title=request.title, answer=outcome.shown), request, definition)
    until = can_be_undone(definition, decision)
    if not until:
        return said
    if not named:
        return format_html("{} {}", said, until)
    undo = reverse("portal:undo", args=[request.public_id, asked.pk])
    return format_html('{} {} <a href="{}">{}</a>', said, until, undo, _("Undo …"))


def who_was_first(error: engine_errors.AlreadyDecided, person: Person, asked: Assignment) -> str:
    """Why an answer came too late. `asked`: what it answered."""
    if not error.decisions:
        return _("This was already decided. Your answer changed nothing.")
    first = error.decisions[-1]
    mine = first.by_person_id == person.pk
    outcome = outcome_of(first)
    sentences = _YOU_WERE_FIRST if mine else _SOMEBODY_WAS_FIRST
    sentence = sentences[outcome.key] if outcome.is_built_in else _ANSWERED_FIRST[mine]
    told = str(sentence).format(
        name=who_decided(first), answer=outcome.shown, time=exact(first.at), channel=CHANNELS[first.channel]
    )
    step = decided_elsewhere(first, asked)
    where = [_("That decided “{step}”.").format(step=step)] if step else []
    until = [can_still_be_undone(error.until)] if error.until is not None else []
    return " ".join([told, *where, *until])


def changed_sentence() -> str:
    return _("The request changed after it was shown to you, so nothing was decided. Please look again.")


def nothing_decided(error: engine_errors.EngineError) -> str:
    return " ".join([str(error), _("Nothing was decided.")])


# --- several at once --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picked:
    """One of several questions as it is shown once more. `trouble`: why it is not decided with the others."""

    pick: Pick
    request: Request
    process: str
    step: str
    facts: Sequence[Fact]
    trouble: str = ""
    changed: bool = False  # it can be decided, but is not what was chosen
    outcome: Outcome | None = None  # None where this one does not offer it
    needs_comment: bool = False
    is_final: bool = True


def is_final(asked: Assignment, definition: Definition) -> bool:
    """Whether an answer has its effect at once, so that nobody can undo it."""
    return grace_in(definition, asked.visit.step_key) == NONE


def asked_once_more(
    request: PersonsRequest, asked: Assignment, answer: Mapping[str, Any]
) -> HttpResponse | None:
    """Before an answer from a card counts that nobody can undo: a card is small, and a finger not always where it was
    meant to be. None where it can be undone, is not open any more, or is none of its step's. `answer`: what the form of
    the card says."""
    definition = definition_of(asked.visit.request.version)
    step = definition.approval(asked.visit.step_key)
    outcome = next((one for one in step.outcomes if one.key == answer["outcome"]), None)
    if outcome is None or asked.state != Assignment.State.OPEN or not is_final(asked, definition):
        return None
    typed = QueryDict(mutable=True)
    typed.update({"outcome": outcome.identity, "comment": answer["comment"]})
    form = SeveralForm(typed)
    form.offer([outcome.identity])
    return shown_once_more(request, form, [Pick(asked.pk, answer["shown"])]) if form.is_valid() else None


def shown_once_more(request: PersonsRequest, form: SeveralForm, picks: Sequence[Pick]) -> HttpResponse:
    """They are all shown before they are made."""
    outcome = form.cleaned_data["outcome"]
    items = _items(request.user, picks, outcome)
    shown = next(one.outcome for one in items if one.outcome) if any(one.outcome for one in items) else None
    if shown is None:
        return redirect("portal:home")
    asks, button, tone = _once_more(shown, sum(not one.trouble for one in items) or len(items))
    context = {
        "form": form,
        "outcome": outcome,
        "items": items,
        "asks": asks,
        "button": button,
        "tone": tone,
        "needs_comment": any(one.needs_comment for one in items),
        "is_final": any(one.is_final for one in items),
        "alone": len(items) == 1 and not items[0].changed and not items[0].trouble,
    }
    return render(request, "portal/several.html", context)


def _as_offered(step: ApprovalStep, identity: str) -> Outcome | None:
    """The outcome of a step that a page showed so; None if it has none, or means something else by it."""
    return next((outcome for outcome in step.outcomes if outcome.identity == identity), None)


def misses_comment(person: Person, form: SeveralForm, picks: Sequence[Pick]) -> bool:
    """Whether one of these needs a comment and there is none; then the form says so."""
    if any(map(str.isalnum, form.cleaned_data["comment"])):
        return False
    needed = any(one.needs_comment for one in _items(person, picks, form.cleaned_data["outcome"]))
    if needed:
        form.add_error("comment", _("Please say why; nothing was decided."))
    return needed


def _once_more(outcome: Outcome, number: int) -> tuple[str, str, str]:
    """What is asked, the button that then decides, and how that one looks."""
    if outcome.is_built_in:
        asks, button, tone = _ONCE_MORE[outcome.key]
        return str(asks % {"n": number}), outcome.shown if number == 1 else str(button), tone
    question = ngettext(
        "Answer “{answer}” to this request?", "Answer “{answer}” to these {n} requests?", number
    )
    look = {"good": "primary", "bad": "danger", "neutral": ""}[outcome.colour]
    return (
        question.format(answer=outcome.shown, n=number),
        outcome.shown if number == 1 else _("“{answer}” for the chosen ones").format(answer=outcome.shown),
        look,
    )


def _items(person: Person, picks: Sequence[Pick], outcome: str) -> list[Picked]:
    definitions = Definitions()
    items = []
    for pick, asked in _asked(person, picks):
        request = asked.visit.request
        definition = definitions.of(request)
        now = Pick(asked.pk, facts_hash(request, definition, asked.visit.step_key))
        trouble = "" if asked.state == Assignment.State.OPEN else _("This is not open any more.")
        step = definition.approval(asked.visit.step_key)
        offered = _as_offered(step, outcome)
        if offered is None:
            trouble = _("This one does not offer that answer.")
        elif definition.filled_in(asked.visit.step_key):
            trouble = _("This one has something to fill in: please open it.")
        elif any(one.is_needed_with(offered.key) for one in asked_in(definition, asked.visit.step_key)):
            trouble = _("This one asks questions, too: open it to answer them.")
        facts = facts_as_read(definition, request.data, definition.hidden_in(asked.visit.step_key))
        if any(fact.exact for fact in facts):
            trouble = trouble or _("What exactly is to be done stands on its page: please open it.")
        items.append(
            Picked(
                now,
                request,
                definition.name,
                step_name(definition, asked.visit.step_key),
                facts,
                trouble,
                changed=now != pick,
                outcome=offered,
                is_final=is_final(asked, definition),
                needs_comment=offered is not None
                and policy.needs_comment(definition, step, offered.key, request),
            )
        )
    return items


def _asked(person: Person, picks: Sequence[Pick]) -> list[tuple[Pick, Assignment]]:
    """The questions of this person; of others' nothing is said."""
    found = seats_of(person).select_related("visit__request__version", "visit__request__requester")
    by_id = found.in_bulk([pick.assignment for pick in picks])
    return [(pick, by_id[pick.assignment]) for pick in picks if pick.assignment in by_id]


def offered(person: Person, picks: Sequence[Pick]) -> list[str]:
    """The outcomes that any of these questions offers, each once, as `Outcome.identity`."""
    definitions = Definitions()
    steps = (
        definitions.of(asked.visit.request).approval(asked.visit.step_key)
        for _pick, asked in _asked(person, picks)
    )
    return list(dict.fromkeys(outcome.identity for step in steps for outcome in step.outcomes))


def decide_each(request: PersonsRequest, form: SeveralForm, picks: Sequence[Pick]) -> HttpResponse:
    """Each by itself: one that cannot be decided does not hold up the others, and each is told of."""
    for pick, asked in _asked(request.user, picks):
        _decide_one(request, form, pick, asked)
    return redirect("portal:home")


def _decide_one(request: PersonsRequest, form: SeveralForm, pick: Pick, asked: Assignment) -> None:
    about = asked.visit.request
    title = about.title
    definition = definition_of(about.version)
    outcome = _as_offered(definition.approval(asked.visit.step_key), form.cleaned_data["outcome"])
    if definition.filled_in(asked.visit.step_key):
        messages.error(request, _about(title, _("This one has something to fill in: please open it.")))
        return
    if outcome is None:
        messages.error(request, _about(title, _("This one does not offer that answer.")))
        return
    try:
        decision = apply(asked, request.user, pick.shown, outcome.key, form.cleaned_data["comment"])
    except engine_errors.Changed:
        messages.warning(request, _about(title, changed_sentence()))
    except engine_errors.AlreadyDecided as error:
        messages.warning(request, _about(title, who_was_first(error, request.user, asked)))
    except engine_errors.EngineError as error:
        messages.error(request, _about(title, nothing_decided(error)))
    else:
        messages.success(request, what_was_done(asked, decision, named=True))


def _about(title: str, sentence: str) -> str:
    return _("“{title}”: {sentence}").format(title=title, sentence=sentence)
