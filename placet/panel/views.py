"""Administration's first page, and `/healthz`."""

from django.db import Error as DatabaseTrouble
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from placet.panel import health
from placet.portal.people import PersonsRequest, administrators_only


@administrators_only
def home(request: PersonsRequest) -> HttpResponse:
    """What is wrong, if anything, and what to do about it."""
    steps = health.first_steps(request.user)
    context = {
        "health": health.health(),
        "steps": steps if not all(step.done for step in steps) else [],
        "next": next((step for step in steps if not step.done), None),
    }
    return render(request, "panel/home.html", context)


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """For monitors: public, without any data. 503 names what fails: "database", "alarm" (a silent
    mailbox), or kinds of work."""
    try:
        failing = health.failing()
    except DatabaseTrouble:
        failing = ["database"]
    if failing:
        return JsonResponse({"status": "failing", "failing": failing}, status=503)
    return JsonResponse({"status": "ok"})
