"""People: who they are, their addresses, how they sign in, and what happens when they leave or come back."""

import secrets
from typing import Any

import structlog
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from placet.accounts.addresses import (
    PersonInvalid,
    add_address,
    add_person,
    addresses_by_person,
    addresses_of,
    has_address_with,
    make_primary,
    normal,
    remove_address,
)
from placet.accounts.invitations import invite, send_password_link
from placet.accounts.models import Group, Person
from placet.alarms import dead_addresses
from placet.alarms.messages import why_returned
from placet.alarms.models import DoubtfulAddress
from placet.approvals import digests, engine
from placet.approvals.models import Assignment, Request, Visit
from placet.lib.canonical import digest
from placet.lib.web import entered
from placet.lib.zones import zone_names
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.panel.forms import TAKEN, AddPersonForm, AddressForm, PersonForm, known_of
from placet.panel.naming import processes_naming
from placet.portal.away import away_of_them
from placet.portal.people import PersonsRequest, administrators_only

log = structlog.get_logger(__name__)

A_PAGE = 50
MOST_SHOWN = 10  # open questions on a person's page
MOST_SUGGESTED = 10
#: What the list can show, beside everybody.
SHOWN = {
    "active": (gettext_lazy("Active"), Q(is_active=True)),
    "deactivated": (gettext_lazy("Deactivated"), Q(is_active=False)),
    "administrators": (gettext_lazy("Administrators"), Q(is_administrator=True)),
    "owners": (gettext_lazy("Process owners"), Q(is_process_owner=True)),
    "never": (gettext_lazy("Never signed in"), Q(is_active=True, last_login=None)),
    "dead": (
        gettext_lazy("Mail does not arrive"),
        Q(
            is_active=True,
            email__in=DoubtfulAddress.objects.filter(dead_at__isnull=False).values("address"),
        ),
    ),
}


class ChangedMeanwhile(Exception):
    """Somebody is not what the page showed any more. Nothing was saved."""


def can_send_mail() -> bool:
    return Mailbox.objects.filter(active=True).exists()


# --- the list ---------------------------------------------------------------------------------------------


def people_found(query: QueryDict) -> QuerySet[Person]:
    """Whom the list shows for what was searched and chosen."""
    found = Person.objects.select_related("manager").prefetch_related("approval_groups")
    if search := entered(query):
        found = found.filter(_has(search))
    show = query.get("show", "")
    if show in SHOWN:
        found = found.filter(SHOWN[show][1])
    group = query.get("group", "")
    return found.filter(approval_groups=int(group)) if group.isdecimal() and len(group) < 19 else found


def _has(text: str) -> Q:
    return Q(name__casefold__contains=text) | Q(has_address_with(text))


@administrators_only
def people(request: PersonsRequest) -> HttpResponse:
    page = Paginator(people_found(request.GET), A_PAGE).get_page(request.GET.get("page"))
    addresses = addresses_by_person(list(page))
    dead = dead_addresses.among([person.email for person in page])
    kept = request.GET.copy()
    kept.pop("page", None)
    context = {
        "page": page,
        "rows": [(person, addresses.get(person.pk, []), person.email.lower() in dead) for person in page],
        "q": entered(request.GET),
        "show": request.GET.get("show", ""),
        "shown": [(key, label) for key, (label, _which) in SHOWN.items()],
        "group": request.GET.get("group", ""),
        "groups": Group.objects.order_by("name", "id"),
        "keep": f"{kept.urlencode()}&" if kept else "",
        "query": kept.urlencode(),
    }
    return render(request, "panel/people.html", context)


@administrators_only
def suggest(request: PersonsRequest) -> HttpResponse:
    """Options for a field that names somebody, while it is filled in (`forms.SUGGESTED`)."""
    text = entered(request.GET, "manager") or entered(request.GET, "person")
    found = Person.objects.filter(_has(text), is_active=True)
    context = {"people": found[:MOST_SUGGESTED] if text else []}
    answer = render(request, "panel/suggested.html", context)
    answer["Content-Security-Policy"] = (
        "default-src 'none'; sandbox"  # a part of a page, and no page by itself
    )
    return answer


# --- somebody new -----------------------------------------------------------------------------------------


@administrators_only
def add(request: PersonsRequest) -> HttpResponse:
    """Somebody new. Where no mail can be sent, their first password is made here and shown in this one answer."""
    by_mail = can_send_mail()
    form = AddPersonForm(request.POST if request.method == "POST" else None, can_invite=by_mail)
    if request.method == "POST" and form.is_valid():
        password = None if by_mail else secrets.token_urlsafe(12)
        try:
            with transaction.atomic():
                person = _add(form.cleaned_data, password, request.user)
        except IntegrityError:  # somebody was faster
            form.add_error("address", str(TAKEN))
        else:
            if password:
                return render(request, "panel/person_added.html", {"person": person, "password": password})
            messages.success(request, _added(person, form.cleaned_data["invite"]))
            return redirect("panel:person", person.pk)
    return render(request, "panel/add_person.html", {"form": form}, status=422 if form.errors else 200)


def _add(given: dict[str, Any], password: str | None, by: Person) -> Person:
    person = add_person(
        given["name"],
        given["address"],
        password=password,
        manager=given["manager"],
        administrator=given["administrator"],
        process_owner=given["process_owner"],
    )
    if given.get("invite"):
        invite(person, by)
    log.info("person_added", person=person.pk, administrator=person.is_administrator, by=by.pk)
    return person


def _added(person: Person, invited: bool) -> str:
    said = (
        _("{name} was added. An invitation is on its way to {address}.")
        if invited
        else _("{name} was added, without a password. They can answer by mail.")
    )
    return said.format(name=person.name, address=person.email)


# --- one person -------------------------------------------------------------------------------------------


@administrators_only
def person(request: PersonsRequest, pk: int) -> HttpResponse:
    found = _person(pk)
    form = PersonForm(request.POST if request.method == "POST" else None, found, request.user)
    if request.method == "POST" and form.is_valid():
        try:
            led_by, saved = _save(pk, form, request.user, request.POST.get("seen", ""))
        except PersonInvalid as error:
            form.add_error("administrator", str(error))
        except ChangedMeanwhile:
            found = _person(pk)
            form = PersonForm(request.POST, found, request.user)
            return _page(request, found, form, stale=form.is_valid())
        else:
            messages.success(request, _saved(saved, led_by))
            return redirect("panel:person", pk)
    return _page(request, found, form)


def _person(pk: int) -> Person:
    people = Person.objects.select_related("manager").prefetch_related("approval_groups")
    return get_object_or_404(people, pk=pk)


def _page(
    request: PersonsRequest,
    found: Person,
    form: PersonForm | None = None,
    address: AddressForm | None = None,
    *,
    stale: bool = False,
) -> HttpResponse:
    """A person's page, with the form that was sent wrong, or too late (`stale`), as it was sent."""
    questions = Assignment.objects.filter(person=found, state=Assignment.State.OPEN)
    wrong = bool((form and form.errors) or (address and address.errors))
    waiting = questions.select_related("visit__request").order_by("-pk")[:MOST_SHOWN]
    doubtful = dead_addresses.of(found.email)
    context = {
        # Of the database: what was sent wrong stands in the form only.
        "person": _person(found.pk),
        "addresses": addresses_by_person([found]).get(found.pk, []),
        "form": form or PersonForm(None, found, request.user),
        "seen": request.POST.get("seen", "") if form and form.errors else digest(known_of(found)),
        "stale": stale,
        "stored_otherwise": form.stored_otherwise() if form and stale else [],
        "address_form": address or AddressForm(),
        "zones": zone_names(),
        "waiting": questions.count(),
        "away": away_of_them(found),
        "questions": [question.visit.request for question in waiting],
        "by_mail": can_send_mail(),
        "doubtful": doubtful,
        "why_returned": why_returned(doubtful.status) if doubtful else "",
        "last_mail": OutgoingMail.objects.filter(kind="account", to=found.email).order_by("-pk").first(),
        "is_me": found.pk == request.user.pk,
        "has_password": found.has_usable_password(),
        "may_deactivate": not _why_not(found, request.user),
    }
    return render(request, "panel/person.html", context, status=409 if stale else 422 if wrong else 200)


@transaction.atomic
def _save(pk: int, form: PersonForm, by: Person, seen: str) -> tuple[int | None, Person]:
    """The person as they are now, and who led them before. ChangedMeanwhile if they are not as the form showed them
    (`seen`); PersonInvalid if the role of administrator cannot be taken from them any more."""
    _lock_administrators(pk)
    found, given = _person(pk), form.cleaned_data
    led_by, known = found.manager_id, known_of(found)
    if digest(known) != seen and form.entered() != known:
        raise ChangedMeanwhile
    if found.is_administrator != given["administrator"]:
        by.refresh_from_db()
        if not by.is_administrator or not by.is_active:
            raise PersonInvalid(_("You are not an administrator any more."))
        log.info("role_changed", person=found.pk, administrator=given["administrator"], by=by.pk)
    found.name, found.manager, found.language = given["name"], given["manager"], given["language"]
    found.zone, found.is_administrator = given["zone"], given["administrator"]
    if found.is_process_owner != given["process_owner"]:
        log.info("role_changed", person=found.pk, process_owner=given["process_owner"], by=by.pk)
        found.is_process_owner = given["process_owner"]
    found.calendar = given["calendar"]
    if found.in_digests and not given["in_digests"]:
        digests.release(found)
    found.in_digests = given["in_digests"]
    if known["calendar"] != found.calendar_id:
        log.info("calendar_chosen", person=found.pk, calendar=found.calendar_id, by=by.pk)
    if found.approval_limit != given["approval_limit"]:
        log.info("approval_limit_changed", person=found.pk, by=by.pk)
        found.approval_limit = given["approval_limit"]
    found.save(
        update_fields=[
            "name", "manager", "approval_limit", "language", "zone", "calendar", "in_digests",
            "is_administrator", "is_process_owner",
        ]
    )  # fmt: skip
    found.approval_groups.set(given["groups"])
    return led_by, found


def _saved(found: Person, led_by: int | None) -> str:
    if found.manager_id == led_by:
        return _("Saved.")
    return _("Saved. {name}'s requests that start from now on go that way.").format(name=found.name)


def _lock_administrators(pk: int) -> None:
    """And this person, so that two changes of them follow each other. Two administrators who take the role from each
    other, or deactivate each other, do not both succeed."""
    locked = Person.objects.select_for_update().filter(Q(is_administrator=True) | Q(pk=pk))
    list(locked.order_by("pk").values_list("pk"))


# --- addresses --------------------------------------------------------------------------------------------


@administrators_only
def addresses(request: PersonsRequest, pk: int) -> HttpResponse:
    """One address more, one less, or another one to sign in with; or the one that mail does not arrive at, tried."""
    found = _person(pk)
    if request.method != "POST":
        return redirect("panel:person", pk)
    if "try" in request.POST:
        if dead_addresses.try_again(found.email, request.user):
            said = _("A mail that tries {address} is on its way. Unless it comes back, all is well.")
            messages.success(request, said.format(address=found.email))
        return redirect("panel:person", pk)
    if "remove" in request.POST or "primary" in request.POST:
        _change_address(request, found)
        return redirect("panel:person", pk)
    form = AddressForm(request.POST)
    if form.is_valid():
        address = normal(form.cleaned_data["address"])
        try:
            with transaction.atomic():
                add_address(found, address)
        except IntegrityError:  # somebody was faster
            form.add_error("address", str(TAKEN))
        else:
            log.info("address_added", person=pk, by=request.user.pk)
            said = _("{address} was added. Answers from it count from now on.")
            messages.success(request, said.format(address=address))
            return redirect("panel:person", pk)
    return _page(request, found, address=form)


def _change_address(request: PersonsRequest, found: Person) -> None:
    removed, primary = request.POST.get("remove", ""), request.POST.get("primary", "")
    try:
        if removed:
            _remove(found, removed)
            said = _("{address} was removed. Answers from it do not count any more.")
        else:
            make_primary(found, primary)
            said = _("{name} signs in with {address} from now on, and is written to there.")
    except PersonInvalid as error:
        messages.error(request, str(error))
    else:
        log.info(
            "address_removed" if removed else "address_made_primary", person=found.pk, by=request.user.pk
        )
        address = normal(removed or primary)
        messages.success(request, said.format(address=address, name=found.name))


def _remove(found: Person, address: str) -> None:
    if named := processes_naming(addresses={normal(address)}):
        raise PersonInvalid(
            _("{address} stands in a process: {processes}. Change the process first.").format(
                address=normal(address), processes=", ".join(named)
            )
        )
    remove_address(found, address)


# --- passwords --------------------------------------------------------------------------------------------


@administrators_only
def password(request: PersonsRequest, pk: int) -> HttpResponse:
    """A link by mail to choose a password; where no mail can be sent, a new password that is shown once."""
    found = _person(pk)
    if request.method != "POST":
        return redirect("panel:person", pk)
    if not found.is_active:
        messages.error(request, _("{name} is deactivated. Reactivate them first.").format(name=found.name))
    elif can_send_mail():
        _send_link(request, found)
    elif found.pk == request.user.pk:
        return redirect("account_change_password")
    else:
        made = secrets.token_urlsafe(12)
        found.set_password(made)
        found.save(update_fields=["password"])
        log.info("password_made", person=pk, by=request.user.pk)
        return render(request, "panel/person_added.html", {"person": found, "password": made, "again": True})
    return redirect("panel:person", pk)


def _send_link(request: PersonsRequest, found: Person) -> None:
    with transaction.atomic():
        if found.last_login is None:
            invite(found, request.user)
            said = _("An invitation is on its way to {address}.")
        else:
            send_password_link(found, request.user)
            said = _("A link to choose a new password is on its way to {address}.")
    log.info("password_link_sent", person=found.pk, by=request.user.pk)
    messages.success(request, said.format(address=found.email))


# --- leaving and coming back ------------------------------------------------------------------------------


@administrators_only
def deactivate(request: PersonsRequest, pk: int) -> HttpResponse:
    """Asked once more before it is done. Never oneself, never the last administrator."""
    found = _person(pk)
    if why_not := _why_not(found, request.user):
        raise PermissionDenied(why_not)
    waiting = Assignment.objects.filter(person=found, state=Assignment.State.OPEN).count()
    if request.method == "POST":
        _deactivate(found, request.user)
        messages.success(request, _deactivated(found, waiting))
        return redirect("panel:person", pk)
    context = {
        "person": found,
        "waiting": waiting,
        "processes": processes_naming(addresses=addresses_of(found)),
        "reports": found.reports.filter(is_active=True).count(),
    }
    return render(request, "panel/deactivate.html", context)


def _deactivate(found: Person, by: Person) -> None:
    with transaction.atomic():
        _lock_administrators(found.pk)
        found.refresh_from_db()
        by.refresh_from_db()
        if why_not := _why_not(found, by):
            raise PermissionDenied(why_not)
        Person.objects.filter(pk=found.pk).update(is_active=False)
    engine.deactivate(found, by)
    log.info("person_deactivated", person=found.pk, by=by.pk)


def _deactivated(found: Person, waiting: int) -> str:
    if not waiting:
        return _("{name} is deactivated.").format(name=found.name)
    said = ngettext(
        "{name} is deactivated. {count} open question was put to whoever is asked now.",
        "{name} is deactivated. {count} open questions were put to whoever is asked now.",
        waiting,
    )
    return said.format(name=found.name, count=waiting)


def _why_not(found: Person, by: Person) -> str:
    """Why somebody cannot be deactivated; "" if they can."""
    if not by.is_active:
        return _("Your own account is not active any more.")
    if found.pk == by.pk:
        return _("You cannot deactivate yourself. Ask another administrator.")
    # With open questions it was interrupted, and goes on.
    waits = Assignment.objects.filter(person=found, state=Assignment.State.OPEN)
    if not found.is_active and not waits.exists():
        return _("This account is not active any more.")
    others = Person.objects.filter(is_administrator=True, is_active=True).exclude(pk=found.pk)
    return "" if others.exists() else _("This is the last administrator. Make another one first.")


@administrators_only
def reactivate(request: PersonsRequest, pk: int) -> HttpResponse:
    """Somebody comes back: what was theirs is asked of others by now and stays there."""
    found = _person(pk)
    if found.is_active:
        return redirect("panel:person", pk)
    if request.method == "POST":
        Person.objects.filter(pk=pk, is_active=False).update(is_active=True)
        log.info("person_reactivated", person=pk, by=request.user.pk)
        said = _("{name} is active again. From now on they are asked where processes name them.")
        messages.success(request, said.format(name=found.name))
        return redirect("panel:person", pk)
    stuck = Visit.objects.filter(state=Visit.State.STUCK, request__state=Request.State.OPEN).count()
    context = {"person": found, "has_password": found.has_usable_password(), "stuck": stuck}
    return render(request, "panel/reactivate.html", context)
