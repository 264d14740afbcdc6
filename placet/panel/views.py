"""Administration's first page, and `/healthz`."""

from django.db import Error as DatabaseTrouble
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from placet.accounts.models import Person
from placet.approvals.models import Process
from placet.panel import health
from placet.portal.people import PersonsRequest, administrators_only


@administrators_only
def home(request: PersonsRequest) -> HttpResponse:
    """What is wrong, if anything, and what to do about it."""
    context = {
        "health": health.health(),
        "no_process": not Process.objects.exists(),
        "alone": not Person.objects.exclude(pk=request.user.pk).exists(),
    }
    return render(request, "panel/home.html", context)


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """For monitors: public, without any data. 503 names what fails: "database", or kinds of work."""
    try:
        failing = health.failing()
    except DatabaseTrouble:
        failing = ["database"]
    if failing:
        return JsonResponse({"status": "failing", "failing": failing}, status=503)
    return JsonResponse({"status": "ok"})
