"""People and groups."""

import secrets
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from placet.accounts.addresses import add_person, addresses_by_person
from placet.accounts.models import Group, Person
from placet.approvals import engine
from placet.approvals.models import Assignment
from placet.panel.forms import TAKEN_KEY, AddPersonForm, GroupForm, MemberForm, PersonForm
from placet.portal.people import PersonsRequest, administrators_only

A_PAGE = 50


@administrators_only
def people(request: PersonsRequest) -> HttpResponse:
    search = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    found = Person.objects.select_related("manager").prefetch_related("approval_groups")
    if search:
        found = found.filter(Q(name__icontains=search) | Q(email__icontains=search))
    page = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    addresses = addresses_by_person(list(page))
    context = {
        "page": page,
        "rows": [(person, addresses.get(person.pk, [])) for person in page],
        "q": search,
        "keep": f"{urlencode({'q': search})}&" if search else "",
    }
    return render(request, "panel/people.html", context)


@administrators_only
def add(request: PersonsRequest) -> HttpResponse:
    """Somebody new. Their first password is made here and shown in this one answer, nowhere else."""
    form = AddPersonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        given, password = form.cleaned_data, secrets.token_urlsafe(12)
        try:
            with transaction.atomic():
                person = add_person(
                    given["name"],
                    given["address"],
                    password=password,
                    manager=given["manager"],
                    administrator=given["administrator"],
                )
        except IntegrityError:
            form.add_error("address", "This address belongs to somebody already.")
        else:
            return render(request, "panel/person_added.html", {"person": person, "password": password})
    return render(request, "panel/add_person.html", {"form": form}, status=422 if form.errors else 200)


@administrators_only
def person(request: PersonsRequest, pk: int) -> HttpResponse:
    """One person: manager and time zone can be changed here."""
    found = get_object_or_404(Person.objects.select_related("manager"), pk=pk)
    form = PersonForm(request.POST if request.method == "POST" else None, found)
    if request.method == "POST" and form.is_valid():
        found.manager, found.zone = form.cleaned_data["manager"], form.cleaned_data["zone"]
        found.save(update_fields=["manager", "zone"])
        messages.success(request, f"Saved. {found.name}'s requests that start from now on go that way.")
        return redirect("panel:person", pk)
    context = {
        "person": found,
        "addresses": addresses_by_person([found]).get(found.pk, []),
        "groups": found.approval_groups.all()[:A_PAGE],
        "form": form,
        "may_deactivate": not _why_not(found, request.user),
    }
    return render(request, "panel/person.html", context, status=422 if form.errors else 200)


@administrators_only
def deactivate(request: PersonsRequest, pk: int) -> HttpResponse:
    """Asked once more before it is done. Never oneself, never the last administrator."""
    found = get_object_or_404(Person, pk=pk)
    why_not = _why_not(found, request.user)
    if why_not:
        raise PermissionDenied(why_not)
    if request.method == "POST":
        with transaction.atomic():
            # Locked, so that two administrators who deactivate each other at once do not both succeed.
            list(
                Person.objects.select_for_update()
                .filter(is_administrator=True)
                .order_by("pk")
                .values_list("pk")
            )
            found.refresh_from_db()
            request.user.refresh_from_db()
            why_not = _why_not(found, request.user)
            if why_not:
                raise PermissionDenied(why_not)
            Person.objects.filter(pk=pk).update(is_active=False)
        engine.deactivate(found, request.user)
        messages.success(
            request, f"{found.name} is deactivated. Open questions were put to whoever is asked now."
        )
        return redirect("panel:people")
    waiting = Assignment.objects.filter(person=found, state=Assignment.State.OPEN).count()
    return render(request, "panel/deactivate.html", {"person": found, "waiting": waiting})


def _why_not(found: Person, by: Person) -> str:
    """Why somebody cannot be deactivated; "" if they can."""
    if not by.is_active:
        return "Your own account is not active any more."
    if found.pk == by.pk:
        return "You cannot deactivate yourself. Ask another administrator."
    if (
        not found.is_active
        and not Assignment.objects.filter(person=found, state=Assignment.State.OPEN).exists()
    ):
        return "This account is not active any more."
    others = Person.objects.filter(is_administrator=True, is_active=True).exclude(pk=found.pk)
    return "" if others.exists() else "This is the last administrator. Make another one first."


# --- groups -----------------------------------------------------------------------------------------------


@administrators_only
def groups(request: PersonsRequest) -> HttpResponse:
    form = GroupForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                made = Group.objects.create(**form.cleaned_data)
        except IntegrityError:  # somebody was faster
            form.add_error("key", TAKEN_KEY)
        else:
            messages.success(request, f"The group {made.name} is there. Now add people to it.")
            return redirect("panel:group", made.pk)
    found = Group.objects.annotate(size=Count("members")).order_by("name", "id")
    page = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "form": form}
    return render(request, "panel/groups.html", context, status=422 if form.errors else 200)


@administrators_only
def group(request: PersonsRequest, pk: int) -> HttpResponse:
    """One group: add somebody by address, or take somebody out."""
    found = get_object_or_404(Group, pk=pk)
    form = MemberForm()
    if request.method == "POST":
        out = request.POST.get("out", "")
        if out:
            member = get_object_or_404(found.members, pk=int(out) if out.isdecimal() and len(out) < 19 else 0)
            found.members.remove(member)
            messages.success(request, f"{member.name} is out. Questions that are open already stay open.")
            return redirect("panel:group", pk)
        form = MemberForm(request.POST)
        if form.is_valid():
            member = form.cleaned_data["person"]
            found.members.add(member)
            messages.success(request, f"{member.name} is in the group.")
            return redirect("panel:group", pk)
    page = Paginator(found.members.all(), A_PAGE).get_page(request.GET.get("page"))
    context = {"group": found, "page": page, "form": form}
    return render(request, "panel/group.html", context, status=422 if form.errors else 200)
