"""Groups: people who are asked together."""

import structlog
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.accounts.models import Group
from placet.panel.forms import TAKEN_KEY, GroupForm, MembersForm, RenameForm
from placet.panel.naming import processes_naming
from placet.portal.people import PersonsRequest, administrators_only

log = structlog.get_logger(__name__)

A_PAGE = 50


@administrators_only
def groups(request: PersonsRequest) -> HttpResponse:
    form = GroupForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                made = Group.objects.create(**form.cleaned_data)
        except IntegrityError:  # somebody was faster
            form.add_error("key", str(TAKEN_KEY))
        else:
            said = _("The group {name} is there. Now add people to it.")
            messages.success(request, said.format(name=made.name))
            return redirect("panel:group", made.pk)
    active = Count("members", filter=Q(members__is_active=True))
    found = Group.objects.annotate(size=active).order_by("name", "id")
    page = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "form": form}
    return render(request, "panel/groups.html", context, status=422 if form.errors else 200)


@administrators_only
def group(request: PersonsRequest, pk: int) -> HttpResponse:
    """One group: people come, and are taken out."""
    found = get_object_or_404(Group, pk=pk)
    if request.method == "POST" and request.POST.get("out"):
        _take_out(request, found, request.POST["out"])
        return redirect("panel:group", pk)
    form = MembersForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        _let_in(request, found, form)
        return redirect("panel:group", pk)
    page = Paginator(found.members.all(), A_PAGE).get_page(request.GET.get("page"))
    context = {
        "group": found,
        "page": page,
        "form": form,
        "processes": processes_naming(group=found.key),
        "nobody": not found.members.filter(is_active=True).exists(),
    }
    return render(request, "panel/group.html", context, status=422 if form.errors else 200)


def _take_out(request: PersonsRequest, found: Group, out: str) -> None:
    member = get_object_or_404(found.members, pk=int(out) if out.isdecimal() and len(out) < 19 else 0)
    found.members.remove(member)
    log.info("left_group", group=found.key, person=member.pk, by=request.user.pk)
    said = _("{name} is out. Questions that are open already stay open.")
    messages.success(request, said.format(name=member.name))


def _let_in(request: PersonsRequest, found: Group, form: MembersForm) -> None:
    people = form.cleaned_data["people"]
    found.members.add(*people)
    log.info("joined_group", group=found.key, people=[person.pk for person in people], by=request.user.pk)
    said = ngettext("{name} is in the group.", "{count} people are in the group.", len(people))
    messages.success(request, said.format(name=people[0].name, count=len(people)))


@administrators_only
def rename(request: PersonsRequest, pk: int) -> HttpResponse:
    """Another name. The key stays: processes name the group by it."""
    found = get_object_or_404(Group, pk=pk)
    form = RenameForm(request.POST if request.method == "POST" else None, group=found)
    if request.method == "POST" and form.is_valid():
        Group.objects.filter(pk=pk).update(name=form.cleaned_data["name"])
        messages.success(request, _("Saved."))
        return redirect("panel:group", pk)
    context = {"group": found, "form": form}
    return render(request, "panel/rename_group.html", context, status=422 if form.errors else 200)


@administrators_only
def delete(request: PersonsRequest, pk: int) -> HttpResponse:
    """Asked once more; not while a process names it."""
    found = get_object_or_404(Group, pk=pk)
    processes = processes_naming(group=found.key)
    if request.method == "POST":
        if processes:
            return redirect("panel:delete_group", pk)  # which says why not
        found.delete()
        log.info("group_deleted", group=found.key, by=request.user.pk)
        messages.success(request, _("The group {name} is deleted.").format(name=found.name))
        return redirect("panel:groups")
    context = {"group": found, "processes": processes, "size": found.members.count()}
    return render(request, "panel/delete_group.html", context)
