"""A question is given to somebody, who answers it in another's place; taken back; "I am back" of whoever was away."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.accounts.choosing import LONGEST, exactly
from placet.accounts.models import Person
from placet.approvals import delegating, engine_errors, owning, reassigning
from placet.approvals.definitions import definition_of
from placet.approvals.may_decide import Seat, may_give, may_reassign
from placet.approvals.models import Assignment, Delegate, Request
from placet.approvals.visibility import requests_visible_to
from placet.lib.web import entered
from placet.portal import deciding
from placet.portal.forms import WhichForm
from placet.portal.people import PersonsRequest, find_request, signed_in
from placet.portal.suggesting import people_as_options, people_called

LOOKED_AT = 2  # of those who are called so: one is meant, or nobody


class SomebodyField(forms.CharField):
    """Exactly one active person, by their full name or by an address; suggested while it is typed."""

    def __init__(self, **about: object) -> None:
        super().__init__(max_length=LONGEST, **about)  # type: ignore[arg-type]  # as a CharField takes them

    def clean(self, value: object) -> Person | None:
        text = str(super().clean(value) or "").replace("\x00", "")
        if not text:
            return None
        people = exactly(text, LOOKED_AT)
        if len(people) == 1:
            return people[0]
        if people:
            raise forms.ValidationError(
                _("More than one person here is called “{name}”. Enter the address.").format(name=text)
            )
        raise forms.ValidationError(
            _("Nobody here is called “{name}”, or has this address.").format(name=text)
        )


def suggested(address: object) -> forms.TextInput:
    """The widget of such a field. `address`: of the page that suggests."""
    return forms.TextInput(
        attrs={
            "autocomplete": "off",
            "spellcheck": "false",
            "autocapitalize": "none",
            "list": "people-found",
            "hx-get": address,
            "hx-trigger": "input changed delay:200ms",
            "hx-target": "#people-found",
            "hx-sync": "this:replace",
        }
    )


class GiveForm(forms.Form):
    to = SomebodyField(label=gettext_lazy("To whom?"), help_text=gettext_lazy("A full name, or an address."))
    comment = forms.CharField(
        label=gettext_lazy("Comment (optional)"),
        required=False,
        max_length=delegating.LONGEST_COMMENT,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("For them; it stands in the mail and on the page of the request."),
    )


class GiveOrReassignForm(GiveForm):
    """The same for owners of the process and administrators, who may also end that whoever is asked is asked."""

    BOTH, INSTEAD = "both", "instead"
    answering = forms.ChoiceField(
        label=gettext_lazy("Who answers?"), initial=BOTH, widget=forms.RadioSelect, required=False
    )

    def __init__(self, asked: Assignment, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        name = asked.person.name
        self.fields["answering"].choices = [  # type: ignore[attr-defined]  # of a ChoiceField
            (self.BOTH, _("Both may answer: {name} and whoever you choose").format(name=name)),
            (self.INSTEAD, _("Only whoever you choose: {name} is no longer asked").format(name=name)),
        ]

    @property
    def is_instead(self) -> bool:
        return bool(self.cleaned_data["answering"] == self.INSTEAD)


@signed_in
def give(request: PersonsRequest, public_id: UUID, number: int) -> HttpResponse:
    """For whoever is asked, their manager, owners of the process, and administrators. A manager sees no more than what
    it is about."""
    asked = _asked(request, public_id, number)
    shown = asked.visit.request
    form = _form_of(request, asked)
    form.fields["to"].widget = suggested("people/")
    if request.method == "POST" and form.is_valid():
        to = form.cleaned_data["to"]
        try:
            sentence = _given(request, asked, form)
        except delegating.CannotBeGiven as error:
            form.add_error("to", str(error))
        except engine_errors.AlreadyDecided as error:
            messages.warning(request, deciding.who_was_first(error, request.user, asked))
            return _onward(request, shown)
        except engine_errors.EngineError as error:
            messages.warning(request, " ".join([str(error), _("Nothing was given to anybody.")]))
            return _onward(request, shown)
        else:
            messages.success(request, sentence.format(name=to.name, owner=asked.person.name))
            return _onward(request, shown)
    context = {
        "shown": shown,
        "asked": asked,
        "step": definition_of(shown.version).approval(asked.visit.step_key).name,
        "form": form,
        "is_mine": asked.person_id == request.user.pk,
        "visible": requests_visible_to(request.user).filter(pk=shown.pk).exists(),
    }
    return render(request, "portal/give.html", context, status=422 if form.errors else 200)


def _form_of(request: PersonsRequest, asked: Assignment) -> GiveForm:
    entered_ = request.POST if request.method == "POST" else None
    if may_reassign(request.user, delegating.seat_to_look_at(asked)):
        return GiveOrReassignForm(asked, entered_)
    return GiveForm(entered_)


def _given(request: PersonsRequest, asked: Assignment, form: GiveForm) -> str:
    """What is said of it. Raises what `delegating.give` and `reassigning.reassign` do."""
    to, comment = form.cleaned_data["to"], form.cleaned_data["comment"]
    if isinstance(form, GiveOrReassignForm) and form.is_instead:
        reassigning.reassign(asked.pk, request.user, to, comment)
        return _("{name} is asked now, and {owner} is no longer asked.")
    delegating.give(asked.pk, request.user, to, comment)
    return _("{name} is asked now. {owner} may answer, too, until they have.")


def _asked(request: PersonsRequest, public_id: UUID, number: int) -> Assignment:
    """An open question that they may give to somebody; whoever may not cannot tell it from one that is not there."""
    seats = Assignment.objects.select_related(
        "visit__request__version", "visit__request__requester", "person"
    )
    asked = get_object_or_404(seats, pk=number, visit__request__public_id=public_id)
    if asked.state != Assignment.State.OPEN:
        if asked.person_id != request.user.pk and not owning.sees_all_of(request.user, asked.visit.request):
            raise Http404
        return asked
    if not may_give(request.user, delegating.seat_to_look_at(asked)):
        raise Http404
    return asked


def _onward(request: PersonsRequest, shown: Request) -> HttpResponse:
    """To the request, for whoever may see it."""
    if requests_visible_to(request.user).filter(pk=shown.pk).exists():
        return redirect("portal:request", shown.public_id)
    return redirect("portal:home")


@signed_in
def suggest(request: PersonsRequest, public_id: UUID, number: int) -> HttpResponse:
    """Options for whom it is given to: a few of those who may answer it."""
    asked = _asked(request, public_id, number)
    seat = delegating.seat_to_look_at(asked)
    owns = may_reassign(request.user, seat)
    people = people_called(entered(request.GET, "to"))
    return people_as_options(request, [one for one in people if _can_be_asked(one, seat, owns=owns)])


def _can_be_asked(person: Person, seat: Seat, *, owns: bool) -> bool:
    """Beside whoever is asked, or instead of them."""
    return delegating.can_be_given(person, seat) or (owns and not reassigning.against(person, seat))


@signed_in
def suggest_somebody(request: PersonsRequest) -> HttpResponse:
    """Options for whoever names a delegate."""
    people = people_called(entered(request.GET, "delegate"))
    return people_as_options(request, [one for one in people if one != request.user])


@signed_in
def take_back(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """What was given to somebody, as long as they have not answered."""
    shown = find_request(request, public_id)
    if request.method != "POST":
        return redirect("portal:request", public_id)
    form = WhichForm(request.POST)
    which = int(form.cleaned_data["which"]) if form.is_valid() else 0
    row = get_object_or_404(
        Delegate.objects.select_related("person"), pk=which, assignment__visit__request=shown
    )
    try:
        taken = delegating.take_back(row.pk, request.user)
    except engine_errors.EngineError as error:
        messages.warning(request, " ".join([str(error), _("Nothing was changed.")]))
    else:
        sentence = (
            _("{name} is not asked any more.")
            if taken
            else _("{name} is not asked any more, or has answered.")
        )
        messages.info(request, sentence.format(name=row.person.name))
    return redirect("portal:request", public_id)


@signed_in
def back(request: PersonsRequest) -> HttpResponse:
    """Somebody who was away, as an automatic reply said, is there again."""
    if request.method != "POST":
        return redirect("portal:home")
    delegating.back(request.user, request.user)
    messages.success(
        request, _("Welcome back. Whoever answered in your place while you were away is asked no longer.")
    )
    return redirect("portal:home")
